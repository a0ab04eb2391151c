// SPDX-License-Identifier: MIT
/*
 * stress_iova_cache.c - threads allocate, free, free each other's ranges and exit: no range
 * is ever given to two owners, and after joining every range is accounted for
 *
 * The owner of each granule of the space is noted in a table of atomics: taking one that
 * has an owner already is the failure.  DMP_TEST_ROUNDS makes it longer.
 */
#include "crew.h"
#include "dmptest.h"
#include "rng.h"

#include <dmapool/iova.h>
#include <dmapool/port.h>

#define NTHREADS  4u
#define LIMIT     0xfffffu
#define START     0xe0000u
#define HOLD      600u  /* ranges that a thread holds: its magazines and the depot work */
#define MAILBOXES 1024u /* ranges on their way to another thread */

struct shared {
	struct dmp_iova_domain *dom;
	DMP_ATOMIC(unsigned) owner[LIMIT + 1];   /* 0: none */
	DMP_ATOMIC(uint64_t) mailbox[MAILBOXES]; /* pfn << 8 | size; 0: empty */
	uint64_t rounds;
	bool flushes;
};

struct holder {
	struct crew_member *me;
	struct shared *shared;
	struct rng rng;
	uint64_t held[HOLD]; /* pfn << 8 | size */
	unsigned nheld;
};

static void own(struct holder *h, uint64_t pfn, uint64_t size)
{
	uint64_t i;

	CREW_EXPECT(h->me, pfn >= START && pfn + size - 1 <= LIMIT);
	for (i = 0; i < size; i++)
		CREW_EXPECT(h->me,
			    xchg_acq_rel(&h->shared->owner[pfn + i], h->me->number + 1) == 0);
}

static void disown(struct holder *h, uint64_t pfn, uint64_t size)
{
	uint64_t i;

	for (i = 0; i < size; i++)
		CREW_EXPECT(h->me, xchg_acq_rel(&h->shared->owner[pfn + i], 0) != 0);
}

static void take_one(struct holder *h)
{
	uint64_t size = UINT64_C(1) << rng_range(&h->rng, 0, 2), pfn = 0;
	int err = dmp_iova_alloc(h->shared->dom, size, LIMIT, DMP_IOVA_FLUSH, &pfn);

	CREW_EXPECT(h->me, err == 0);
	if (err)
		return;
	own(h, pfn, size);
	h->held[h->nheld++] = pfn << 8 | size;
}

static void give_back(struct holder *h, uint64_t range)
{
	uint64_t pfn = range >> 8, size = range & 0xff;

	disown(h, pfn, size);
	CREW_EXPECT(h->me, dmp_iova_free(h->shared->dom, pfn, size) == 0);
}

/* Every fourth range goes to whoever next looks into the mailbox. */
static void give_one(struct holder *h)
{
	uint64_t i = rng_range(&h->rng, 0, h->nheld - 1), range = h->held[i];
	uint64_t box = rng_range(&h->rng, 0, MAILBOXES - 1);

	h->held[i] = h->held[--h->nheld];
	if (rng_range(&h->rng, 0, 3) == 0)
		range = xchg_acq_rel(&h->shared->mailbox[box], range);
	if (range)
		give_back(h, range);
}

static void work(struct crew_member *me)
{
	struct shared *shared = me->shared;
	struct holder h = {.me = me, .shared = shared};
	uint64_t i;

	h.rng = rng_seeded(rng_seed_from_env(1) + me->number);
	for (i = 0; i < shared->rounds && !me->failures; i++) {
		if (h.nheld < HOLD && (h.nheld == 0 || rng_range(&h.rng, 0, HOLD) > h.nheld / 2))
			take_one(&h);
		else
			give_one(&h);
		if (shared->flushes && i % 512 == 0)
			dmp_iova_flush(shared->dom);
	}
	while (h.nheld)
		give_back(&h, h.held[--h.nheld]);
}

static void empty_mailboxes(struct shared *shared)
{
	uint64_t range;
	unsigned i;

	for (i = 0; i < MAILBOXES; i++) {
		range = xchg_acq_rel(&shared->mailbox[i], 0);
		if (range)
			assert_int_equal(dmp_iova_free(shared->dom, range >> 8, range & 0xff), 0);
	}
}

/* All threads have exited, so that only the depots and this thread's cache hold ranges; nothing
 * is reclaimed, so that they stay there while they are counted. */
static void run_crews(bool flushes)
{
	struct shared *shared = test_calloc(1, sizeof(*shared));
	struct dmp_iova_stats stats;
	unsigned crew;

	shared->rounds = rng_rounds_from_env(4000);
	shared->flushes = flushes;
	assert_int_equal(
		dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = START, .reclaim_delay_ns = UINT64_MAX),
				&shared->dom),
		0);
	for (crew = 0; crew < 2; crew++)
		assert_int_equal(crew_run(NTHREADS, work, shared), 0);
	empty_mailboxes(shared);
	assert_int_equal(dmp_iova_check(shared->dom), 0);
	assert_int_equal(dmp_iova_get_stats(shared->dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.alloc_cached + stats.alloc_policy,
			 stats.free_cached + stats.free_policy);
	assert_int_equal(stats.alloc_failed, 0);
	assert_int_equal(stats.nranges, stats.cached);
	assert_int_equal(dmp_iova_flush(shared->dom), stats.cached);
	assert_int_equal(dmp_iova_destroy(shared->dom), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
	test_free(shared);
}

static void test_no_range_has_two_owners(void **state)
{
	(void)state;
	run_crews(false);
}

static void test_no_range_has_two_owners_while_caches_are_flushed(void **state)
{
	(void)state;
	run_crews(true);
}

/* One thread that keeps a few ranges in its cache and exits. */
static void leave_some(struct crew_member *me)
{
	struct shared *shared = me->shared;
	uint64_t pfn = 0;

	CREW_EXPECT(me, dmp_iova_alloc(shared->dom, 1, LIMIT, 0, &pfn) == 0);
	CREW_EXPECT(me, dmp_iova_free(shared->dom, pfn, 1) == 0);
}

static void test_a_thread_that_exits_gives_its_cache_back(void **state)
{
	struct shared *shared = test_calloc(1, sizeof(*shared));
	struct dmp_iova_stats stats;

	(void)state;
	assert_int_equal(dmp_iova_create(NULL, &shared->dom), 0);
	assert_int_equal(crew_run(NTHREADS, leave_some, shared), 0);
	assert_int_equal(dmp_iova_get_stats(shared->dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.free_cached, NTHREADS);
	assert_int_equal(stats.nranges, 0);
	assert_int_equal(dmp_iova_destroy(shared->dom), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
	test_free(shared);
}

/* Threads that have left a domain behind in their exit hooks while it is destroyed. */
static void test_domains_come_and_go_while_threads_do(void **state)
{
	struct shared *shared = test_calloc(1, sizeof(*shared));
	unsigned i;

	(void)state;
	for (i = 0; i < 20; i++) {
		assert_int_equal(dmp_iova_create(NULL, &shared->dom), 0);
		assert_int_equal(crew_run(NTHREADS, leave_some, shared), 0);
		assert_int_equal(dmp_iova_destroy(shared->dom), 0);
	}
	assert_int_equal(dmp_meta_in_use(), 0);
	test_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_range_has_two_owners),
		cmocka_unit_test(test_no_range_has_two_owners_while_caches_are_flushed),
		cmocka_unit_test(test_a_thread_that_exits_gives_its_cache_back),
		cmocka_unit_test(test_domains_come_and_go_while_threads_do),
	};

	return cmocka_run_group_tests_name("stress_iova_cache", tests, NULL, NULL);
}
