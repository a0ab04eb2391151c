// SPDX-License-Identifier: MIT
/*
 * replay_place.c - which memory every mapping has
 *
 * Picture: a mapping has a block of 2^n pages of simulated RAM.  Its entries lie in it
 * with their recorded page offsets; what was physically contiguous is contiguous, and
 * between what was not there is a page that nobody uses:
 *
 *    recorded    0x5100 + 0xf00   0x6000 + 0x1000    0x9200 + 0x200
 *    block       |.#############|################|  unused  |..##......|
 *    offset       0x100          0x1000                      0x3200
 *
 * Blocks are dealt out in file order before anything runs, so that placing costs the
 * replay nothing and is the same in every run and every route.  A mapping takes the free
 * block of its size whose mapping ended first, or else a new one: memory is what the trace
 * had in flight at once, whatever it mapped in total.
 *
 * Invariants:
 *  B1  two mappings that share a block do not overlap in file order: the earlier one's
 *      last step comes before the later one's map;
 *  B2  the later one names the earlier one in `before`, and its map waits for it;
 *  B3  a block holds all of its mapping.
 *
 * That wait also keeps the threads together: never are more mappings of one size alive
 * than the trace had at once, as a device's queue would have it.  In file order it never
 * waits.
 *
 * What the device cannot take in one piece is cut when the run starts: an entry of a list
 * becomes several, a single buffer becomes a list.  Only bouncing devices have such a limit:
 *
 *    buffer  |<---------------- 600 KiB ---------------->|
 *    list    |<-- 252 KiB -->|<-- 252 KiB -->|<- 96 KiB ->|      largest mapping 252 KiB
 *
 * Allocated memory comes from the library and has no block.  A range of another device's
 * registers (dma_map_resource) is placed like a page of RAM.
 */
#include "replay.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <stdlib.h>

#define NORDERS 19u /* blocks up to 1 GiB: REPLAY_LEN_MAX, and pages between its entries */

/* Free blocks of one size, the longest free one first. */
struct queue {
	uint32_t head, tail; /* blocks */
	uint32_t count;
};

struct placer {
	struct replay_job *job;
	struct queue free[NORDERS];
	uint32_t *next;   /* of each block, in its queue */
	uint32_t *tenant; /* of each block, its latest mapping */
};

static void queue_add(struct placer *p, struct queue *queue, uint32_t block)
{
	if (queue->count++ == 0)
		queue->head = block;
	else
		p->next[queue->tail] = block;
	queue->tail = block;
}

static uint32_t queue_take(struct placer *p, struct queue *queue)
{
	uint32_t block = queue->head;

	queue->head = p->next[block];
	queue->count--;
	return block;
}

static uint64_t page_offset(uint64_t phys)
{
	return phys == TRACE_PHYS_UNKNOWN ? 0 : phys & (DMP_PAGE_BYTES - 1);
}

static bool follows(const struct trace_entry *entry, const struct trace_entry *before)
{
	return entry->phys != TRACE_PHYS_UNKNOWN && entry->phys == before->phys + before->len;
}

/* Offsets of the entries; returns the bytes up to the end of the last one. */
static uint64_t lay_entries(struct replay_job *job, const struct trace_mapping *m)
{
	const struct trace_entry *entry = &job->plan->entries[m->first_entry];
	uint64_t *at = &job->entry_at[m->first_entry];
	uint64_t end = 0;

	for (uint32_t i = 0; i < m->nentries; i++) {
		if (i == 0)
			at[i] = page_offset(entry[i].phys);
		else if (follows(&entry[i], &entry[i - 1]))
			at[i] = end;
		else
			at[i] = dmp_align_up(end, DMP_PAGE_BYTES) + DMP_PAGE_BYTES +
				page_offset(entry[i].phys);
		end = at[i] + entry[i].len;
	}
	return end;
}

static uint32_t new_block(struct replay_job *job, unsigned order)
{
	job->blocks[job->nblocks].order = order;
	job->memory_bytes += DMP_PAGE_BYTES << order;
	return job->nblocks++;
}

/* B1, B2, B3 */
static int place(struct placer *p, uint32_t i)
{
	struct replay_job *job = p->job;
	unsigned order;
	struct queue *queue;

	order = dmp_page_order(lay_entries(job, &job->plan->mappings[i]));
	if (order >= NORDERS)
		return -E2BIG;
	queue = &p->free[order];
	if (queue->count) {
		job->block_of[i] = queue_take(p, queue);
		job->mappings[i].before = p->tenant[job->block_of[i]];
	} else {
		job->block_of[i] = new_block(job, order);
	}
	p->tenant[job->block_of[i]] = i;
	return 0;
}

/* Without steps it is not replayed. */
static bool has_block(const struct replay_mapping *m)
{
	return m->nsteps && !replay_is_alloc(m->shape);
}

static int place_all(struct placer *p)
{
	struct replay_job *job = p->job;

	for (uint32_t s = 0; s < job->plan->nsteps; s++) {
		const struct trace_step *step = &job->plan->steps[s];
		uint32_t block = job->block_of[step->mapping];
		int err = 0;

		if (!has_block(&job->mappings[step->mapping]))
			continue;
		if (step->op == TRACE_OP_MAP)
			err = place(p, step->mapping);
		else if (step->op == TRACE_OP_UNMAP)
			queue_add(p, &p->free[job->blocks[block].order], block);
		if (err)
			return err;
	}
	return 0;
}

static int make_tables(struct placer *p)
{
	struct replay_job *job = p->job;
	uint32_t n = job->plan->nmappings;

	job->block_of = malloc((n + 1u) * sizeof(*job->block_of));
	job->blocks = calloc(n + 1u, sizeof(*job->blocks));
	job->entry_at = calloc(job->plan->nentries + 1u, sizeof(*job->entry_at));
	p->next = malloc((n + 1u) * sizeof(*p->next));
	p->tenant = malloc((n + 1u) * sizeof(*p->tenant));
	if (!job->block_of || !job->blocks || !job->entry_at || !p->next || !p->tenant)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		job->block_of[i] = TRACE_NONE;
	return 0;
}

int replay_place_make(struct replay_job *job)
{
	struct placer p = {.job = job};
	int err = make_tables(&p);

	if (!err)
		err = place_all(&p);
	free(p.next);
	free(p.tenant);
	return err;
}

void replay_place_free(struct replay_job *job)
{
	free(job->sgs);
	free(job->block_of);
	free(job->blocks);
	free(job->entry_at);
}

/* Pieces of at most @max bytes that an entry is cut into. */
static uint64_t pieces(const struct trace_entry *entry, uint64_t max)
{
	return (entry->len - 1) / max + 1;
}

/* Pieces of a mapping with a block; 0 if it is mapped as one buffer. */
static uint32_t list_len(const struct replay_job *job, uint32_t i, uint64_t max)
{
	const struct trace_mapping *from = &job->plan->mappings[i];
	uint64_t n = 0;

	if (job->block_of[i] == TRACE_NONE)
		return 0;
	for (uint32_t e = 0; e < from->nentries; e++)
		n += pieces(&job->plan->entries[from->first_entry + e], max);
	return n > 1 || from->shape == TRACE_SHAPE_SG ? (uint32_t)n : 0;
}

static uint64_t max_of(const struct replay_machine *machine, uint32_t i)
{
	return dmp_device_max_mapping(machine->devices[machine->job->mappings[i].dev]);
}

/* The library's lists, one after another: room for all of them. */
static int make_lists(const struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	uint64_t n = 0;
	struct dmp_sg *sgs;

	for (uint32_t i = 0; i < job->plan->nmappings; i++) {
		job->mappings[i].nsg = list_len(job, i, max_of(machine, i));
		n += job->mappings[i].nsg;
	}
	sgs = realloc(job->sgs, (n + 1) * sizeof(*sgs));
	if (!sgs)
		return -ENOMEM;
	job->sgs = sgs;
	return 0;
}

static struct dmp_sg *cut(struct dmp_sg *to, char *buf, uint64_t len, uint64_t max)
{
	for (; len > max; buf += max, len -= max)
		*to++ = (struct dmp_sg){.buf = buf, .len = max};
	*to++ = (struct dmp_sg){.buf = buf, .len = len};
	return to;
}

/* Returns the end of the list. */
static struct dmp_sg *point_list(struct replay_job *job, uint32_t i, uint64_t max,
				 struct dmp_sg *to)
{
	const struct trace_mapping *from = &job->plan->mappings[i];
	char *block = job->blocks[job->block_of[i]].buf;

	job->mappings[i].sg = to;
	for (uint32_t e = 0; e < from->nentries; e++)
		to = cut(to, block + job->entry_at[from->first_entry + e],
			 job->plan->entries[from->first_entry + e].len, max);
	return to;
}

static void forget(struct replay_mapping *m)
{
	/* relaxed: threads are made later */
	atomic_store_explicit(&m->turn, 0, memory_order_relaxed);
	m->live = m->late = m->patched = false;
	m->generation = 0;
	m->buf = NULL;
	m->sg = NULL;
}

int replay_place_reset(const struct replay_machine *machine)
{
	struct replay_job *job = machine->job;
	struct dmp_sg *to;

	if (make_lists(machine))
		return -ENOMEM;
	to = job->sgs;
	for (uint32_t i = 0; i < job->plan->nmappings; i++) {
		struct replay_mapping *m = &job->mappings[i];
		char *block;

		forget(m);
		if (job->block_of[i] == TRACE_NONE)
			continue;
		block = job->blocks[job->block_of[i]].buf;
		m->buf = block + job->entry_at[job->plan->mappings[i].first_entry];
		if (m->nsg)
			to = point_list(job, i, max_of(machine, i), to);
	}
	return 0;
}
