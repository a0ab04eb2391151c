// SPDX-License-Identifier: MIT
/*
 * attack_try.c - one attempt of a hostile device: where, what, and what came of it
 *
 * Picture:
 *
 *    where   2/8  a page that is mapped                 half of these are among the 64 latest:
 *            5/8  a page that was unmapped               the IOTLB may still have them
 *            1/8  a page where nothing ever was: next to one that was used, anywhere below the
 *                 device's mask, above it, above what the IOMMU translates
 *    what    a read or a write, 1 to 64 bytes of that page
 *    then    allowed, stale, or a fault with its reason: the machine's own answer
 *
 * A stale access is performed (DMP_SIM_TOUCH_STALE) and reported as a fault at once, by the
 * thread that makes it; so the answer of an attempt is the last report, or none.
 *
 * Alone, with nothing else going on, the bytes are compared too: a live address leads to the bytes
 * that the CPU has there, in both directions.
 *
 * Beside threads a page whose version changed during the attempt says nothing, and is not judged.
 */
#include "attack.h"
#include "bench_pick.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPT_BYTES 64u

/* Pages of one mapping that its device uses: the IOTLB has a thousand entries. */
#define TRANSFER_PAGES 16u
#define TRANSFER_BYTES 8u

struct attempt {
	uint32_t dev;
	dmp_addr_t addr;
	uint32_t len;
	bool write;
	struct attack_page *page; /* NULL: nothing was ever there */
	uint64_t version;         /* of that, before */
	enum attack_state state;
	unsigned answer;
	uint8_t *memory; /* the CPU's view of a live one, alone; NULL: not compared */
};

/* What the machine has said of this thread's access. */
static _Thread_local unsigned reported;

static void hear(void *ctx, const struct dmp_fault *fault)
{
	(void)ctx;
	reported = fault->reason;
}

/* Life. */

static bool is_used(const struct attacker *a, uint32_t dev)
{
	return a->machine->devices[dev] != NULL;
}

static int make_agents(struct attacker *a)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < a->machine->ndevices; i++) {
		if (!is_used(a, i))
			continue;
		err = dmp_sim_agent_create(a->machine->sim, dmp_device_id(a->machine->devices[i]),
					   &a->agents[i]);
		a->used[a->nused++] = i;
	}
	return err || a->nused ? err : -EINVAL;
}

/* Half below the mask, the rest above it and above what any IOMMU here translates. */
static dmp_addr_t wild_address(struct attacker *a)
{
	static const unsigned bits[] = {0, 0, 48, 57};
	unsigned of = bits[bench_pick(&a->rng, 4)];
	uint64_t high = bench_pick(&a->rng, UINT32_MAX), low = bench_pick(&a->rng, UINT32_MAX);

	return (high << 32 | low) & DMP_MASK(of ? of : a->mask_bits);
}

int attacker_open(struct attacker *a, const struct attack_opts *opts, struct attack_book *book,
		  const struct replay_machine *machine)
{
	uint32_t nblocks = machine->job->nblocks;

	*a = (struct attacker){.book = book,
			       .machine = machine,
			       .mask_bits = opts->mask_bits,
			       .rng = opts->seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
	a->rng = a->rng ? a->rng : 1;
	a->agents = calloc(machine->ndevices + 1u, sizeof(*a->agents));
	a->used = calloc(machine->ndevices + 1u, sizeof(*a->used));
	a->tenant = malloc((nblocks + 1u) * sizeof(*a->tenant));
	if (!a->agents || !a->used || !a->tenant)
		return -ENOMEM;
	for (uint32_t i = 0; i < nblocks; i++)
		a->tenant[i] = TRACE_NONE;
	for (unsigned i = 0; i < ATTACK_WILD; i++)
		a->wild[i] = wild_address(a);
	dmp_hw_set_fault_handler(dmp_sim_hw(machine->sim), hear, NULL);
	return make_agents(a);
}

void attacker_close(struct attacker *a)
{
	for (uint32_t i = 0; a->agents && i < a->machine->ndevices; i++)
		if (a->agents[i])
			dmp_sim_agent_destroy(a->agents[i]);
	free(a->agents);
	free(a->used);
	free(a->tenant);
}

/* Memory. */

/* Of which byte of the mapping is @addr the address?  False: of none. */
static bool offset_of(const struct replay_mapping *m, dmp_addr_t addr, uint64_t *offset)
{
	*offset = addr - m->addr;
	if (!m->sg)
		return addr >= m->addr && *offset < m->len;
	*offset = 0;
	for (uint32_t i = 0; i < m->nsegments; i++) {
		if (addr >= m->sg[i].addr && addr - m->sg[i].addr < m->sg[i].mapped_len) {
			*offset += addr - m->sg[i].addr;
			return true;
		}
		*offset += m->sg[i].mapped_len;
	}
	return false;
}

/* The CPU's view of the mapping from byte @offset on, @len cut at the end of that piece. */
static uint8_t *memory_at(const struct replay_mapping *m, uint64_t offset, uint32_t *len)
{
	uint8_t *buf = m->buf;
	uint64_t room = m->len - offset;

	if (m->sg) {
		const struct dmp_sg *sg = m->sg;

		while (offset >= sg->len)
			offset -= (sg++)->len;
		buf = sg->buf;
		room = sg->len - offset;
	}
	*len = *len < room ? *len : (uint32_t)room;
	return buf + offset;
}

static const struct replay_mapping *mapping_of(const struct attacker *a,
					       const struct attack_page *page)
{
	return &a->machine->job->mappings[atomic_load(&page->mapping)];
}

/* Does the direction allow it?  Without an IOMMU nobody asks. */
static bool is_allowed(const struct replay_mapping *m, bool write)
{
	return m->dir == DMP_BIDIRECTIONAL || m->dir == (write ? DMP_FROM_DEVICE : DMP_TO_DEVICE);
}

/* Has some other mapping by now the memory that @page led to? */
static bool memory_is_reused(const struct attacker *a, const struct attack_page *page)
{
	uint32_t block = a->machine->job->block_of[atomic_load(&page->mapping)];

	return a->book->is_alone && block != TRACE_NONE && a->tenant[block] != TRACE_NONE;
}

void attacker_note(struct attacker *a, uint32_t i)
{
	uint32_t block = a->machine->job->block_of[i];

	if (block == TRACE_NONE)
		return;
	if (a->machine->job->mappings[i].live)
		a->tenant[block] = i;
	else if (a->tenant[block] == i)
		a->tenant[block] = TRACE_NONE;
}

/* Where and what. */

/* An address next to one that was used, or anywhere. */
static dmp_addr_t never_address(struct attacker *a, uint32_t *dev)
{
	struct attack_page *near = bench_pick(&a->rng, 2) ? attack_book_pick(a->book, true, &a->rng)
							  : NULL;
	uint64_t bytes = attack_page_bytes(a->book);

	*dev = a->used[bench_pick(&a->rng, a->nused)];
	if (!near)
		return dmp_align_down(a->wild[bench_pick(&a->rng, ATTACK_WILD)], bytes);
	*dev = attack_page_dev(near);
	return attack_page_addr(a->book, near) + (bench_pick(&a->rng, 2) ? bytes : -bytes);
}

static void choose_page(struct attacker *a, struct attempt *t)
{
	uint64_t of = bench_pick(&a->rng, 8);

	t->page = of < 7 ? attack_book_pick(a->book, of < 2, &a->rng) : NULL;
	if (t->page) {
		t->dev = attack_page_dev(t->page);
		t->addr = attack_page_addr(a->book, t->page);
	} else {
		t->addr = never_address(a, &t->dev);
		t->page = attack_book_find(a->book, t->dev, t->addr);
	}
	t->version = t->page ? atomic_load(&t->page->version) : ATTACK_NEVER; /* [STATE] */
	t->state = t->page ? attack_book_state(a->book, t->page, t->version) : ATTACK_NEVER;
}

/* Of a live page mostly bytes that are the mapping's: a granule may have others beside them. */
static void aim_inside(struct attempt *t, const struct replay_mapping *m)
{
	uint64_t offset;

	if (!m->sg && t->addr < m->addr)
		t->addr = m->addr;
	else if (m->sg && t->addr < m->sg->addr)
		t->addr = m->sg->addr;
	if (!offset_of(m, t->addr, &offset))
		return;
	t->memory = memory_at(m, offset, &t->len);
}

static void choose(struct attacker *a, struct attempt *t)
{
	*t = (struct attempt){.memory = NULL};
	choose_page(a, t);
	t->write = bench_pick(&a->rng, 2);
	t->len = 1 + (uint32_t)bench_pick(&a->rng, ATTEMPT_BYTES);
	t->addr += bench_pick(&a->rng, attack_page_bytes(a->book) - ATTEMPT_BYTES);
	if (a->book->is_alone && t->state == ATTACK_LIVE)
		aim_inside(t, mapping_of(a, t->page));
}

/* What came of it. */

static unsigned perform(struct attacker *a, const struct attempt *t, uint8_t *bytes)
{
	struct dmp_sim_agent *agent = a->agents[t->dev];
	int err;

	reported = ATTACK_DONE;
	err = t->write ? dmp_sim_agent_write(agent, t->addr, bytes, t->len)
		       : dmp_sim_agent_read(agent, t->addr, bytes, t->len);
	a->counts.stale_moved += !err && reported == DMP_FAULT_STALE;
	/* Refused without a report: by no machine that keeps its contract. */
	return err && reported == ATTACK_DONE ? DMP_FAULT_BAD_TABLE : reported;
}

static void count_live(struct attacker *a, const struct attempt *t, const uint8_t *bytes)
{
	bool allowed = is_allowed(mapping_of(a, t->page), t->write);

	if (t->answer == ATTACK_DONE && !allowed)
		a->counts.overstepped += a->book->translated;
	else if (t->answer != ATTACK_DONE && t->answer != DMP_FAULT_STALE && allowed)
		a->counts.refused++;
	else if (t->answer == ATTACK_DONE && t->memory)
		for (uint32_t i = 0; i < t->len; i++)
			a->counts.wrong_bytes += t->memory[i] != bytes[i];
}

static void count_stale(struct attacker *a, const struct attempt *t, uint64_t now_ns)
{
	uint64_t since_ns = t->page ? atomic_load(&t->page->since_ns) : now_ns;
	uint64_t age_ns = now_ns > since_ns ? now_ns - since_ns : 0;

	if (age_ns > a->counts.oldest_stale_ns)
		a->counts.oldest_stale_ns = age_ns;
	a->counts.reused += t->page && memory_is_reused(a, t->page);
}

static void count(struct attacker *a, const struct attempt *t, const uint8_t *bytes,
		  uint64_t now_ns)
{
	if (t->page && atomic_load(&t->page->version) != t->version) { /* [STATE] */
		a->counts.unjudged++;
		return;
	}
	a->counts.by[t->state][t->write][t->answer]++;
	if (t->page && t->state == ATTACK_LIVE)
		count_live(a, t, bytes);
	else if (t->answer == DMP_FAULT_STALE && t->state != ATTACK_LEAVING)
		count_stale(a, t, now_ns);
}

/* The CPU writes what a read must find. */
static void make_bytes(struct attacker *a, const struct attempt *t, uint8_t *bytes)
{
	uint64_t word = bench_pick(&a->rng, UINT32_MAX);

	for (uint32_t i = 0; i < t->len; i++)
		bytes[i] = (uint8_t)(word >> i % 25);
	if (t->memory && !t->write) {
		memcpy(t->memory, bytes, t->len);
		memset(bytes, 0, t->len);
	}
}

void attacker_try(struct attacker *a)
{
	uint8_t bytes[ATTEMPT_BYTES];
	struct attempt t;
	uint64_t now_ns;

	choose(a, &t);
	make_bytes(a, &t, bytes);
	now_ns = dmp_clock_now_ns();
	t.answer = perform(a, &t, bytes);
	count(a, &t, bytes, now_ns);
}

void attacker_transfer(struct attacker *a, uint32_t i)
{
	const struct replay_mapping *m = &a->machine->job->mappings[i];
	uint8_t bytes[TRANSFER_BYTES] = {0};

	for (uint64_t n = 0, at = 0; n < TRANSFER_PAGES && at < m->len; n++, at += DMP_PAGE_BYTES) {
		struct replay_part part = replay_part_at(m, at, TRANSFER_BYTES);

		/* What fails is a fault of the machine's counters, and the next attempt's */
		if (m->dir == DMP_FROM_DEVICE)
			dmp_sim_agent_write(a->agents[m->dev], part.addr, bytes, part.len);
		else
			dmp_sim_agent_read(a->agents[m->dev], part.addr, bytes, part.len);
		a->counts.transfers++;
	}
}
