// SPDX-License-Identifier: MIT
/*
 * test_model_spike.c - growth, lookup and the end of transient pools in every order: nothing is
 * lost, nothing leaks
 *
 * A full allocator, and all sequences of so many steps:
 *
 *   map      a buffer of its own pattern      worker   does what is due
 *   oldest   unmap of the oldest, copied back  grace    a grace period passes
 *   newest   the same of the newest            idle     time passes: idle pools are given back
 *   lack     the machine will refuse the next request for memory
 *   amid     the next map or unmap comes amid the step that follows: at its first call into
 *            the machine, where another CPU may well be with a request of its own
 *
 * so that the worker fails, grows and gives back before, between, behind and amid the
 * requests that find its pools, or find none.  With an idle time, with a cap, and with neither.
 *
 * After each step, and at each call into the machine, every live mapping is found, by its
 * device alone, with its bytes; after each step what is counted agrees with what is live.  The
 * machine is the host's own memory, so that a use of freed memory is one that a sanitizer sees.
 * What a single thread cannot be stopped at, between two instructions of a claim, the unit
 * tests of [RETIRE] force by hand.
 *
 * DMP_TEST_ROUNDS from LONG on: one step more.
 */
#include "dmptest.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <stdlib.h>
#include <string.h>

#define STEPS   4u
#define LONG    100000u
#define LIVE    16u
#define LEN     6000u
#define NSLOTS  3u /* of such a buffer */
#define IDLE_NS UINT64_C(1000000)
#define CAP     256u /* one pool may grow */

enum step { MAP, OLDEST, NEWEST, WORKER, GRACE, IDLE, LACK, AMID, KINDS };

/* What comes amid a step. */
enum amid { NOTHING, AMID_MAP, AMID_UNMAP, AMIDS };

struct spike {
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb;
	struct dmp_swiotlb_limits limits;     /* of the device that maps */
	struct dmp_swiotlb_device *bystander; /* one that never does */
	unsigned char buf[LIVE][LEN];         /* originals */
	dmp_phys_t phys[LIVE];                /* 0 when not mapped */
	dmp_phys_t filler;
	unsigned next; /* mapped once: 0 .. next - 1 */
	uint64_t max_slots;
	bool is_lacking;   /* the next block */
	enum amid amid;    /* what will come at the next call into the machine */
	uint64_t nrefused; /* maps, for lack of memory */
	uint64_t nbugs;
	uint64_t nreleased; /* pools that waited for a grace period */
	uint64_t namid;     /* requests that came amid a step, all told */
	uint64_t nblocks;   /* that are given out */
};

/* For the filler. */
static unsigned char large[DMP_SWIOTLB_MAX_BYTES];

/* An address is a pointer. */

static unsigned char *bytes_at(dmp_phys_t phys)
{
	return (unsigned char *)(uintptr_t)phys;
}

static dmp_phys_t phys_of(const void *buf)
{
	return (uintptr_t)buf;
}

static void map_one(struct spike *s)
{
	unsigned i = s->next++;
	int err;

	memset(s->buf[i], (int)(i + 1), LEN);
	s->phys[i] = 0;
	err = dmp_swiotlb_map(s->tlb, &s->limits, phys_of(s->buf[i]), LEN, DMP_BIDIRECTIONAL,
			      DMP_ATTR_NO_WARN, &s->phys[i]);
	assert_true(err == 0 || err == -ENOSPC);
	s->nrefused += err != 0;
}

/* What the device wrote comes back. */
static void unmap_one(struct spike *s, unsigned i)
{
	dmp_phys_t phys = s->phys[i];

	s->phys[i] = 0; /* gone for whoever looks amid */
	memset(bytes_at(phys), (int)(i + 101), LEN);
	assert_int_equal(dmp_swiotlb_unmap(s->tlb, phys, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_int_equal(s->buf[i][0], i + 101);
	assert_int_equal(s->buf[i][LEN - 1], i + 101);
}

static void unmap_oldest(struct spike *s)
{
	unsigned i = 0;

	while (i < s->next && !s->phys[i])
		i++;
	if (i < s->next)
		unmap_one(s, i);
}

static void unmap_newest(struct spike *s)
{
	unsigned i = s->next;

	while (i > 0 && !s->phys[i - 1])
		i--;
	if (i > 0)
		unmap_one(s, i - 1);
}

/* Is mapping @i in a transient pool?  It is found as it was made. */
static bool check_one(struct spike *s, unsigned i)
{
	struct dmp_swiotlb_mapping_view m;
	struct dmp_swiotlb_pool_view pool;
	unsigned char *bytes = bytes_at(s->phys[i]);

	assert_true(dmp_swiotlb_owns(s->tlb, s->phys[i] + LEN - 1));
	assert_true(dmp_swiotlb_device_owns(s->limits.device, s->phys[i]));
	assert_false(dmp_swiotlb_device_owns(s->bystander, s->phys[i]));
	assert_int_equal(dmp_swiotlb_inspect_mapping(s->tlb, s->phys[i] + 1, &m), 0);
	assert_int_equal(m.orig, phys_of(s->buf[i]));
	assert_int_equal(m.phys, s->phys[i]);
	assert_int_equal(bytes[0], i + 1);
	assert_int_equal(bytes[LEN - 1], i + 1);
	assert_int_equal(dmp_swiotlb_inspect_pool(s->tlb, m.pool, &pool), 0);
	return pool.kind == DMP_SWIOTLB_POOL_TRANSIENT;
}

/* How many are live, and how many of them in transient pools. */
static unsigned check_live(struct spike *s, unsigned *ntransient)
{
	unsigned i, nlive = 0;

	*ntransient = 0;
	for (i = 0; i < s->next; i++) {
		if (!s->phys[i])
			continue;
		nlive++;
		*ntransient += check_one(s, i);
	}
	return nlive;
}

static void check_all(struct spike *s)
{
	struct dmp_swiotlb_stats stats;
	unsigned ntransient, nlive = check_live(s, &ntransient);

	assert_int_equal(dmp_swiotlb_get_stats(s->tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.transient, ntransient * NSLOTS);
	assert_int_equal(stats.used, 128 + nlive * NSLOTS);
	assert_int_equal(stats.transient_failures, s->nrefused);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_FULL] +
				 stats.failures[DMP_SWIOTLB_FAIL_NO_RUN],
			 s->nrefused);
	assert_int_equal(stats.grown - stats.given_back + 1, stats.pools);
	assert_int_equal(stats.waiting,
			 stats.transients_made - ntransient + stats.given_back - s->nreleased);
	assert_int_equal(s->nblocks, stats.pools + ntransient + stats.waiting);
	assert_true(!s->max_slots || stats.slots <= s->max_slots);
	assert_int_equal(dmp_swiotlb_check(s->tlb), 0);
}

/* The machine: the host's memory, where something may come in between. */

/* Another CPU's request, and a look at all that is live. */
static void come_amid(struct spike *s)
{
	enum amid amid = s->amid;
	unsigned ntransient;

	s->amid = NOTHING;
	if (!s->tlb)
		return;
	s->namid += amid != NOTHING;
	dmp_harness_become(1);
	if (amid == AMID_MAP)
		map_one(s);
	else if (amid == AMID_UNMAP)
		unmap_oldest(s);
	check_live(s, &ntransient);
	dmp_harness_become(0);
}

static int mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	size_t len = (size_t)DMP_PAGE_BYTES << order;
	struct spike *s = be;
	bool lacks = s->is_lacking;
	void *mem;

	(void)zone;
	(void)flags;
	s->is_lacking = false;
	come_amid(s);
	mem = lacks ? NULL : aligned_alloc(len, len);
	if (!mem)
		return -ENOMEM;
	s->nblocks++;
	*phys = phys_of(mem);
	return 0;
}

static void mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct spike *s = be;

	(void)order;
	come_amid(s);
	s->nblocks--;
	free(bytes_at(phys));
}

static int convert(void *be, dmp_phys_t phys, uint64_t npages)
{
	(void)phys;
	(void)npages;
	come_amid(be);
	return 0;
}

static int buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	(void)be;
	(void)len;
	*phys = phys_of(buf);
	return 0;
}

static int phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	(void)be;
	(void)len;
	*buf = bytes_at(phys);
	return 0;
}

static const struct dmp_hw_ops machine = {
	.size = sizeof(machine),
	.name = "amid",
	.mem_alloc = mem_alloc,
	.mem_free = mem_free,
	.buf_to_phys = buf_to_phys,
	.phys_to_buf = phys_to_buf,
	.make_shared = convert,
	.make_private = convert,
};

/* One life of an allocator. */

static void fill(struct spike *s)
{
	assert_int_equal(dmp_swiotlb_map(s->tlb, NULL, phys_of(large), DMP_SWIOTLB_MAX_BYTES,
					 DMP_TO_DEVICE, 0, &s->filler),
			 0);
}

static void open_allocator(struct spike *s, uint64_t idle_ns)
{
	s->next = 0;
	s->nrefused = s->nreleased = 0;
	assert_int_equal(
		dmp_swiotlb_create(s->hw,
				   &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1,
						     .flags = DMP_SWIOTLB_GROWS | DMP_SWIOTLB_ANY,
						     .max_slots = s->max_slots, .idle_ns = idle_ns),
				   &s->tlb),
		0);
	s->limits = DMP_SWIOTLB_LIMITS(.flags = 0);
	assert_int_equal(dmp_swiotlb_device_create(s->tlb, &s->limits.device), 0);
	assert_int_equal(dmp_swiotlb_device_create(s->tlb, &s->bystander), 0);
	fill(s);
}

static void close_allocator(struct spike *s)
{
	struct dmp_swiotlb *tlb = s->tlb;
	unsigned i;

	s->amid = NOTHING;
	s->is_lacking = false;
	for (i = 0; i < s->next; i++)
		if (s->phys[i])
			unmap_one(s, i);
	check_all(s);
	assert_int_equal(dmp_swiotlb_unmap(tlb, s->filler, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0),
			 0);
	assert_int_equal(dmp_swiotlb_device_destroy(s->limits.device), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(s->bystander), 0);
	s->tlb = NULL; /* the machine looks no more */
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
	assert_int_equal(s->nblocks, 0);
}

static void step(struct spike *s, enum step kind)
{
	switch (kind) {
	case MAP: map_one(s); break;
	case OLDEST: unmap_oldest(s); break;
	case NEWEST: unmap_newest(s); break;
	case WORKER: dmp_harness_advance(0); break;
	case GRACE: s->nreleased += dmp_harness_grace_period(); break;
	case IDLE: dmp_harness_advance(IDLE_NS); break;
	case LACK: s->is_lacking = true; break;
	default: s->amid = (s->amid + 1) % AMIDS; break; /* twice: the other one */
	}
}

/* A worker that fails says so; nobody breaks a promise. */
static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct spike *s = ctx;

	(void)line;
	s->nbugs += level == DMP_LOG_BUG;
}

static void up(struct spike *s)
{
	*s = (struct spike){.hw = NULL};
	dmp_log_set_sink(count_bugs, s);
	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_hw_create(&machine, s, NULL, &s->hw), 0);
}

static void down(struct spike *s)
{
	assert_int_equal(dmp_hw_destroy(s->hw), 0);
	assert_int_equal(dmp_harness_leave(), 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(s->nbugs, 0);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void play(struct spike *s, uint64_t sequence, unsigned nsteps, uint64_t idle_ns)
{
	unsigned i;

	open_allocator(s, idle_ns);
	for (i = 0; i < nsteps; i++, sequence /= KINDS) {
		step(s, (enum step)(sequence % KINDS));
		check_all(s);
	}
	close_allocator(s);
}

/* All sequences that begin with a map; before it there is nothing that could get lost. */
static void play_all(uint64_t max_slots, uint64_t idle_ns)
{
	unsigned nsteps = rng_rounds_from_env(1) < LONG ? STEPS : STEPS + 1, i;
	uint64_t meta, sequence, count = 1;
	static struct spike s;

	up(&s);
	s.max_slots = max_slots;
	meta = dmp_meta_in_use();
	for (i = 0; i < nsteps; i++)
		count *= KINDS;
	for (sequence = 0; sequence < count; sequence++) {
		play(&s, sequence * KINDS + MAP, nsteps + 1, idle_ns);
		assert_int_equal(dmp_meta_in_use(), meta);
	}
	assert_true(s.namid > 0);
	down(&s);
}

static void test_growth_lookup_and_release_in_every_order_lose_nothing(void **state)
{
	(void)state;
	play_all(0, 0);
}

static void test_nor_does_it_when_idle_pools_are_given_back(void **state)
{
	(void)state;
	play_all(0, IDLE_NS);
}

static void test_nor_does_it_under_a_cap(void **state)
{
	(void)state;
	play_all(CAP, IDLE_NS);
}

/* 2048 requests of 4 KiB at once on 512 slots; the worker comes after each 100. */
#define REQUESTS 2048u

static void serve_spike(struct spike *s, dmp_phys_t *phys)
{
	struct dmp_swiotlb_stats stats;
	unsigned i;

	for (i = 0; i < REQUESTS; i++) {
		assert_int_equal(dmp_swiotlb_map(s->tlb, NULL, phys_of(large), 4096, DMP_TO_DEVICE,
						 0, &phys[i]),
				 0);
		if (i % 100 == 99)
			dmp_harness_run_pending();
	}
	assert_int_equal(dmp_swiotlb_get_stats(s->tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 2 * REQUESTS);
	assert_int_equal(stats.high_water, 2 * REQUESTS);
	assert_true(stats.transients_made > 0 && stats.grown > 0);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_FULL], 0);
}

static void test_a_spike_from_1_mib_is_served_and_what_grew_for_it_goes(void **state)
{
	static dmp_phys_t phys[REQUESTS];
	struct dmp_swiotlb_stats stats;
	static struct spike s;
	unsigned i;

	(void)state;
	up(&s);
	assert_int_equal(
		dmp_swiotlb_create(s.hw,
				   &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 2,
						     .flags = DMP_SWIOTLB_GROWS | DMP_SWIOTLB_ANY,
						     .idle_ns = IDLE_NS),
				   &s.tlb),
		0);
	serve_spike(&s, phys);
	for (i = 0; i < REQUESTS; i++)
		assert_int_equal(
			dmp_swiotlb_unmap(s.tlb, phys[(i * 7) % REQUESTS], 4096, DMP_TO_DEVICE, 0),
			0);
	assert_int_equal(dmp_swiotlb_check(s.tlb), 0);
	dmp_harness_run_pending(); /* what was asked for last comes too late, as in the original */
	dmp_harness_advance(3 * IDLE_NS);
	dmp_harness_grace_period();
	assert_int_equal(dmp_swiotlb_get_stats(s.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.slots, 512);
	assert_int_equal(stats.given_back, stats.grown);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(dmp_swiotlb_destroy(s.tlb), 0);
	down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_lookup_and_release_in_every_order_lose_nothing),
		cmocka_unit_test(test_nor_does_it_when_idle_pools_are_given_back),
		cmocka_unit_test(test_nor_does_it_under_a_cap),
		cmocka_unit_test(test_a_spike_from_1_mib_is_served_and_what_grew_for_it_goes),
	};

	return cmocka_run_group_tests_name("model_spike", tests, NULL, NULL);
}
