// SPDX-License-Identifier: MIT
/*
 * stress_routes.c - eight threads and all routes at once: buffers, lists and coherent memory, in
 * each direction, with parts that change hands in between; most are finished by another thread
 * than began them
 *
 *   device      route                        shares
 *   direct      buffers in place
 *   narrow      slots                        the pool
 *   strict      a domain                     its domain with nobody
 *   lazy        a domain                     its domain with forced
 *   forced      slots behind a domain        the pool, the domain of lazy
 *   untrusted   slots or whole pages behind  the pool
 *               a domain
 *
 * A job has memory, and an image of what the memory has to hold when the device has lost it:
 * pieces, and guards around and between them.  Every access of the device is checked against the
 * image, and at the end every byte of the memory.
 *
 *   memory   |....##########....|........###.|##############|        one mapping per piece or fewer
 *                 piece             piece     piece
 *   flat          ##########         ###      ##############         as the device walks them
 *
 * Nothing is asked of how threads meet: what is checked holds for every schedule.
 *
 * Locking: (m) lock of a mailbox; everything else belongs to one thread.
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "fixture.h"
#include "rng.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 8u
#define ROUNDS  200u
#define PIECES  4u
#define PAGE    4096u
#define ROOM    (3 * PAGE)      /* of a piece and the guards around it */
#define BYTES   (PIECES * ROOM) /* of a job's memory */
#define GUARD   0xee
#define ROUTES  6u

struct route {
	const char *name;
	enum { NO_DOMAIN, STRICT, LAZY, ALONE, DOMAINS } domain;
	struct dmp_device_opts opts; /* with slots, if they bounce */
	bool bounces;
};

#define OPTS(...)                                                                                  \
	{                                                                                          \
		.size = sizeof(struct dmp_device_opts), __VA_ARGS__                                \
	}

static const struct route routes[ROUTES] = {
	{"direct", NO_DOMAIN, OPTS(.flags = 0), false},
	{"narrow", NO_DOMAIN, OPTS(.dma_mask = DMP_MASK(32)), true},
	{"strict", STRICT, OPTS(.dma_mask = DMP_MASK(32)), false},
	{"lazy", LAZY, OPTS(.segment_boundary = 4 * PAGE - 1), false},
	{"forced", LAZY, OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE), true},
	{"untrusted", ALONE, OPTS(.flags = DMP_DEVICE_UNTRUSTED, .min_align_mask = 0x1ff), true},
};

enum kind { BUFFER, LIST, COHERENT, KINDS };

/* Something mapped, on its way to whoever finishes it.  A buffer is a list of one piece with one
 * answer, and so is coherent memory. */
struct job {
	unsigned char *memory; /* NULL: no job */
	unsigned char *image;  /* of BYTES, at the same offsets */
	unsigned route;
	enum kind kind;
	enum dmp_dir dir;
	size_t npieces, nanswers;
	struct dmp_sg sg[PIECES];
	uint64_t len; /* of all pieces */
};

/* Room for one job, from one thread to the next. */
struct mailbox {
	pthread_mutex_t lock;
	struct job job; /* (m) */
};

struct shared {
	struct fixture f;
	uint64_t rounds;
	struct dmp_domain *doms[DOMAINS];
	struct dmp_device *devs[ROUTES];
	struct dmp_sim_agent *agents[THREADS][ROUTES];
	struct mailbox mailboxes[THREADS];
};

/* What a thread works with. */
struct hand {
	struct crew_member *me;
	struct shared *s;
	struct rng rng;
	unsigned char flat[BYTES], seen[BYTES];
};

static struct dmp_device *device(struct hand *hand, const struct job *job)
{
	return hand->s->devs[job->route];
}

/*
 * Memory and image.
 */

/* Bytes @off .. @off + @len of the pieces, from @base, memory or image, to @flat or back. */
static void move_flat(const struct job *job, unsigned char *base, unsigned char *flat, uint64_t off,
		      uint64_t len, bool to_flat)
{
	uint64_t at = 0;

	for (size_t i = 0; i < job->npieces; i++) {
		unsigned char *piece = base + ((unsigned char *)job->sg[i].buf - job->memory);

		for (uint64_t b = 0; b < job->sg[i].len; b++, at++) {
			if (at < off || at >= off + len)
				continue;
			if (to_flat)
				flat[at] = piece[b];
			else
				piece[b] = flat[at];
		}
	}
}

/* New bytes in a part of flat. */
static void scribble(struct hand *hand, uint64_t off, uint64_t len)
{
	unsigned char byte = (unsigned char)rng_next(&hand->rng);

	for (uint64_t i = off; i < off + len; i++)
		hand->flat[i] = (unsigned char)(byte + i * 7);
}

/* The CPU writes a part. */
static void cpu_writes(struct hand *hand, const struct job *job, uint64_t off, uint64_t len)
{
	scribble(hand, off, len);
	move_flat(job, job->memory, hand->flat, off, len, false);
	move_flat(job, job->image, hand->flat, off, len, false);
}

/* It sees the image there. */
static void cpu_looks(struct hand *hand, const struct job *job, uint64_t off, uint64_t len)
{
	move_flat(job, job->image, hand->flat, off, len, true);
	move_flat(job, job->memory, hand->seen, off, len, true);
	CREW_EXPECT(hand->me, memcmp(hand->flat + off, hand->seen + off, len) == 0);
}

/*
 * The device, and what changes hands.
 */

/* One answer's share of flat bytes @off .. @off + @len: false, it has none. */
static bool share(const struct dmp_sg *answer, uint64_t at, uint64_t off, uint64_t len,
		  uint64_t *from, uint64_t *n)
{
	uint64_t first = off > at ? off : at;
	uint64_t end = off + len < at + answer->mapped_len ? off + len : at + answer->mapped_len;

	*from = first;
	*n = first < end ? end - first : 0;
	return first < end;
}

static void device_writes(struct hand *hand, const struct job *job, uint64_t off, uint64_t len)
{
	struct dmp_sim_agent *agent = hand->s->agents[hand->me->number][job->route];
	uint64_t at = 0, from, n;

	scribble(hand, off, len);
	move_flat(job, job->image, hand->flat, off, len, false);
	for (size_t i = 0; i < job->nanswers; at += job->sg[i++].mapped_len)
		if (share(&job->sg[i], at, off, len, &from, &n))
			CREW_EXPECT(hand->me,
				    dmp_sim_agent_write(agent, job->sg[i].addr + (from - at),
							hand->flat + from, n) == 0);
}

static void device_looks(struct hand *hand, const struct job *job, uint64_t off, uint64_t len)
{
	struct dmp_sim_agent *agent = hand->s->agents[hand->me->number][job->route];
	uint64_t at = 0, from, n;

	move_flat(job, job->image, hand->flat, off, len, true);
	for (size_t i = 0; i < job->nanswers; at += job->sg[i++].mapped_len)
		if (share(&job->sg[i], at, off, len, &from, &n))
			CREW_EXPECT(hand->me,
				    dmp_sim_agent_read(agent, job->sg[i].addr + (from - at),
						       hand->seen + from, n) == 0);
	CREW_EXPECT(hand->me, memcmp(hand->flat + off, hand->seen + off, len) == 0);
}

/* Coherent memory needs none. */
static void hand_over(struct hand *hand, const struct job *job, uint64_t off, uint64_t len,
		      bool to_cpu)
{
	uint64_t at = 0, from, n;

	for (size_t i = 0; i < job->nanswers && job->kind != COHERENT;
	     at += job->sg[i++].mapped_len) {
		dmp_addr_t addr = job->sg[i].addr;

		if (!share(&job->sg[i], at, off, len, &from, &n))
			continue;
		addr += from - at;
		CREW_EXPECT(hand->me,
			    (to_cpu ? dmp_dma_sync_for_cpu(device(hand, job), addr, n, job->dir)
				    : dmp_dma_sync_for_device(device(hand, job), addr, n,
							      job->dir)) == 0);
	}
}

/*
 * A job from begin to end.
 */

/* Whole pages, or anything. */
static void choose_pieces(struct hand *hand, struct job *job)
{
	job->npieces = job->kind == LIST ? rng_range(&hand->rng, 1, PIECES) : 1;
	for (size_t i = 0; i < job->npieces; i++) {
		bool whole = rng_range(&hand->rng, 0, 1);
		uint64_t off = whole ? PAGE : rng_range(&hand->rng, 1, PAGE);
		uint64_t len = whole ? PAGE : rng_range(&hand->rng, 1, ROOM - PAGE - 1);

		job->sg[i] = (struct dmp_sg){.buf = job->memory + i * ROOM + off, .len = len};
		job->len += len;
	}
}

static int map(struct hand *hand, struct job *job)
{
	struct dmp_sg *sg = job->sg;
	int err;

	if (job->kind == LIST)
		return dmp_dma_map_sg(device(hand, job), sg, job->npieces, job->dir, 0,
				      &job->nanswers);
	err = dmp_dma_map(device(hand, job), sg->buf, sg->len, job->dir, 0, &sg->addr);
	job->nanswers = 1;
	sg->mapped_len = sg->len;
	return err;
}

static int unmap(struct hand *hand, struct job *job, unsigned attrs)
{
	struct dmp_sg *sg = job->sg;

	if (job->kind == LIST)
		return dmp_dma_unmap_sg(device(hand, job), sg, job->npieces, job->dir, attrs);
	return dmp_dma_unmap(device(hand, job), sg->addr, sg->len, job->dir, attrs);
}

/* Memory of the machine in the place of the job's own; its bytes are zero. */
static bool take_coherent(struct hand *hand, struct job *job)
{
	struct dmp_sg *sg = job->sg;
	void *buf;

	*sg = (struct dmp_sg){.len = rng_range(&hand->rng, 1, BYTES)};
	if (dmp_dma_alloc_coherent(device(hand, job), sg->len, &buf, &sg->addr))
		return false;
	sg->mapped_len = job->len = sg->len;
	sg->buf = job->memory = buf;
	job->npieces = job->nanswers = 1;
	job->dir = DMP_BIDIRECTIONAL;
	memset(job->image, 0, BYTES);
	cpu_looks(hand, job, 0, job->len);
	cpu_writes(hand, job, 0, job->len);
	return true;
}

static bool take_own(struct hand *hand, struct job *job)
{
	job->memory = aligned_alloc(PAGE, BYTES);
	if (!job->memory)
		return false;
	memset(job->memory, GUARD, BYTES);
	memset(job->image, GUARD, BYTES);
	choose_pieces(hand, job);
	cpu_writes(hand, job, 0, job->len);
	return map(hand, job) == 0;
}

/* The @n-th job of all: each route in turn, with each kind in turn. */
static bool take(struct hand *hand, struct job *job, uint64_t n)
{
	*job = (struct job){.route = (unsigned)(n % ROUTES),
			    .kind = (enum kind)(n / ROUTES % KINDS),
			    .dir = (enum dmp_dir)rng_range(&hand->rng, 0, 2),
			    .image = malloc(BYTES)};
	return job->image &&
	       (job->kind == COHERENT ? take_coherent(hand, job) : take_own(hand, job));
}

/* A part goes to the CPU and back. */
static void share_part(struct hand *hand, const struct job *job)
{
	uint64_t off = rng_range(&hand->rng, 0, job->len - 1);
	uint64_t len = rng_range(&hand->rng, 1, job->len - off);

	if (job->dir != DMP_TO_DEVICE)
		device_writes(hand, job, off, len);
	hand_over(hand, job, off, len, true);
	cpu_looks(hand, job, off, len);
	if (job->dir == DMP_FROM_DEVICE)
		return;
	cpu_writes(hand, job, off, len);
	hand_over(hand, job, off, len, false);
	device_looks(hand, job, off, len);
}

static bool begin(struct hand *hand, struct job *job, uint64_t n)
{
	if (!take(hand, job, n)) {
		CREW_EXPECT(hand->me, !"a job could not begin");
		return false;
	}
	if (job->dir != DMP_FROM_DEVICE)
		device_looks(hand, job, 0, job->len);
	share_part(hand, job);
	return true;
}

static void give_back_coherent(struct hand *hand, struct job *job)
{
	cpu_looks(hand, job, 0, job->len);
	CREW_EXPECT(hand->me, dmp_dma_free_coherent(device(hand, job), job->len, job->memory,
						    job->sg[0].addr) == 0);
}

/* Without a copy at the unmap, now and then, and all the same with all bytes. */
static void give_back_own(struct hand *hand, struct job *job)
{
	unsigned attrs = rng_range(&hand->rng, 0, 3) ? 0 : DMP_ATTR_SKIP_SYNC;

	if (attrs)
		hand_over(hand, job, 0, job->len, true);
	CREW_EXPECT(hand->me, unmap(hand, job, attrs) == 0);
	CREW_EXPECT(hand->me, memcmp(job->memory, job->image, BYTES) == 0);
	free(job->memory);
}

static void end(struct hand *hand, struct job *job)
{
	share_part(hand, job);
	if (job->dir == DMP_BIDIRECTIONAL)
		device_writes(hand, job, 0, job->len);
	if (job->kind == COHERENT)
		give_back_coherent(hand, job);
	else
		give_back_own(hand, job);
	free(job->image);
	job->memory = NULL;
}

/* Puts @job into the neighbour's box and takes what lay there. */
static void exchange(struct mailbox *box, struct job *job)
{
	struct job old;

	pthread_mutex_lock(&box->lock);
	old = box->job;
	box->job = *job;
	pthread_mutex_unlock(&box->lock);
	*job = old;
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct hand hand = {
		.me = me, .s = s, .rng = rng_seeded(rng_seed_from_env(21) + me->number)};
	struct job job;

	for (uint64_t round = 0; round < s->rounds && !me->failures; round++) {
		if (!begin(&hand, &job, round * me->of + me->number))
			return;
		if (round % 4)
			exchange(&s->mailboxes[(me->number + round) % me->of], &job);
		if (job.memory)
			end(&hand, &job);
	}
}

/*
 * The machine.
 */

static void add_domains(struct shared *s)
{
	for (unsigned i = STRICT; i < DOMAINS; i++)
		assert_int_equal(
			dmp_domain_create(s->f.hw,
					  &DMP_DOMAIN_OPTS(.flush = i == LAZY ? DMP_FLUSH_LAZY
									      : DMP_FLUSH_STRICT),
					  &s->doms[i]),
			0);
}

static void add_device(struct shared *s, unsigned i)
{
	struct dmp_device_opts opts = routes[i].opts;

	opts.swiotlb = routes[i].bounces ? s->f.tlb : NULL;
	assert_int_equal(dmp_device_create(s->f.hw, &opts, &s->devs[i]), 0);
	if (routes[i].domain)
		assert_int_equal(dmp_device_attach(s->devs[i], s->doms[routes[i].domain]), 0);
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(
			dmp_sim_agent_create(s->f.sim, dmp_device_id(s->devs[i]), &s->agents[t][i]),
			0);
}

/* Room in the pool for all that THREADS hands and as many boxes can hold. */
static void setup(struct shared *s, bool no_shim)
{
	memset(s, 0, sizeof(*s));
	fixture_setup(&s->f, &FIXTURE(.no_shim = no_shim, .bounces = true, .swiotlb.slots = 4096,
				      .swiotlb.areas = THREADS));
	s->rounds = rng_rounds_from_env(ROUNDS);
	add_domains(s);
	for (unsigned i = 0; i < ROUTES; i++)
		add_device(s, i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_mutex_init(&s->mailboxes[i].lock, NULL);
}

/* What lies in the boxes at the end is finished by the test's own thread. */
static void empty_mailboxes(struct shared *s)
{
	struct crew_member me = {.number = 0, .of = 1};
	struct hand hand = {.me = &me, .s = s, .rng = rng_seeded(1)};

	for (unsigned i = 0; i < THREADS; i++) {
		if (s->mailboxes[i].job.memory)
			end(&hand, &s->mailboxes[i].job);
		pthread_mutex_destroy(&s->mailboxes[i].lock);
	}
	assert_int_equal(me.failures, 0);
}

/* All was given back, and the route was gone by every kind. */
static void remove_device(struct shared *s, unsigned i)
{
	struct dmp_device_stats stats;

	assert_int_equal(dmp_device_get_stats(s->devs[i], &stats, sizeof(stats)), 0);
	if (s->rounds * THREADS >= ROUTES * KINDS)
		assert_true(stats.maps > 0 && stats.coherent_allocs > 0 && stats.syncs > 0);
	assert_int_equal(stats.live_maps + stats.live_coherent, 0);
	assert_int_equal(stats.map_failures, 0);
	for (unsigned t = 0; t < THREADS; t++)
		dmp_sim_agent_destroy(s->agents[t][i]);
	if (routes[i].domain)
		assert_int_equal(dmp_device_detach(s->devs[i]), 0);
	assert_int_equal(dmp_device_destroy(s->devs[i]), 0);
}

static void teardown(struct shared *s)
{
	struct dmp_sim_stats stats;

	for (unsigned i = 0; i < ROUTES; i++)
		remove_device(s, i);
	for (unsigned i = STRICT; i < DOMAINS; i++) {
		assert_int_equal(dmp_domain_check(s->doms[i]), 0);
		assert_int_equal(dmp_domain_destroy(s->doms[i]), 0);
	}
	assert_int_equal(fixture_slots(&s->f), 0);
	assert_int_equal(dmp_sim_get_stats(s->f.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.faults + stats.stale_accesses, 0);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG) + fixture_log_lines(DMP_LOG_WARN), 0);
	fixture_teardown(&s->f);
}

static void run(bool no_shim)
{
	static struct shared s;

	setup(&s, no_shim);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	empty_mailboxes(&s);
	teardown(&s);
}

static void test_every_byte_arrives_on_all_routes_at_once(void **state)
{
	(void)state;
	run(true);
}

/* The shim's books see every call and find no rule broken. */
static void test_all_routes_at_once_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_arrives_on_all_routes_at_once),
		cmocka_unit_test(test_all_routes_at_once_keep_the_contract_with_the_machine),
	};

	return cmocka_run_group_tests_name("stress_routes", tests, NULL, NULL);
}
