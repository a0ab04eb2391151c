// SPDX-License-Identifier: MIT
/*
 * stress_iova_churn.c - threads come, use a domain, free each other's ranges and go, beside one
 * that flushes, trims, reserves and looks all the time: no range has two owners, and the domain
 * is destroyed while threads with ranges in their caches stay
 *
 *   keeper      flush  trim  reserve  look  flush ...           check  destroy  a new domain
 *   worker 1    life   life   life   life of the last thread   stays ......... uses it  exits
 *   worker 2    life   life   ...
 *
 * A life takes ranges, stamps each granule, and swaps them for others' in a mailbox; what it has
 * got it frees.  Nothing is compared with a clock: each worker has its number of lives, and the
 * keeper goes on until the last of them waits.  DMP_TEST_ROUNDS makes lives longer.
 */
#include "crew.h"
#include "dmptest.h"
#include "rng.h"

#include <dmapool/iova.h>
#include <dmapool/port.h>

#define NWORKERS  8u
#define LIVES     6u
#define START     0xe0000u /* where workers' ranges lie ... */
#define LIMIT     0xfffffu
#define ABOVE     0x1000000u /* ... and the keeper's reservations */
#define MAILBOXES 512u

struct churn {
	struct dmp_iova_domain *dom;
	DMP_ATOMIC(unsigned) stamp[LIMIT + 1];   /* who has the granule; 0: nobody */
	DMP_ATOMIC(uint64_t) mailbox[MAILBOXES]; /* pfn << 8 | size; 0: empty */
	DMP_ATOMIC(unsigned) nwaiting;           /* last threads that are through with the domain */
	pthread_barrier_t gone, renewed;         /* they wait: it is destroyed, there is another */
	uint64_t rounds;
};

/* One thread of a worker. */
struct life {
	struct crew_member *me;
	unsigned number; /* of this worker's, from 0 */
	struct rng rng;
};

static void stamp(struct life *l, uint64_t pfn, uint64_t size)
{
	struct churn *churn = l->me->shared;

	CREW_EXPECT(l->me, pfn >= START && pfn + size - 1 <= LIMIT);
	for (uint64_t i = 0; i < size; i++)
		CREW_EXPECT(l->me, xchg_acq_rel(&churn->stamp[pfn + i], l->me->number + 1) == 0);
}

static void give_back(struct crew_member *me, uint64_t range)
{
	struct churn *churn = me->shared;
	uint64_t pfn = range >> 8, size = range & 0xff;

	for (uint64_t i = 0; i < size; i++)
		CREW_EXPECT(me, xchg_acq_rel(&churn->stamp[pfn + i], 0) != 0);
	CREW_EXPECT(me, dmp_iova_free(churn->dom, pfn, size) == 0);
}

/* Takes a range, and frees what lay in the mailbox that it goes to. */
static void pass_one(struct life *l)
{
	struct churn *churn = l->me->shared;
	uint64_t size = rng_range(&l->rng, 1, 4), pfn = 0, other;
	int err = dmp_iova_alloc(churn->dom, size, LIMIT, DMP_IOVA_FLUSH, &pfn);

	CREW_EXPECT(l->me, err == 0);
	if (err)
		return;
	stamp(l, pfn, size);
	other = xchg_acq_rel(&churn->mailbox[rng_range(&l->rng, 0, MAILBOXES - 1)],
			     pfn << 8 | size);
	if (other)
		give_back(l->me, other);
}

/* The last of a worker's threads: something in its cache, nothing else in its hands. */
static void outlive(struct life *l)
{
	struct churn *churn = l->me->shared;
	uint64_t pfn = 0;

	CREW_EXPECT(l->me, dmp_iova_alloc(churn->dom, 1, LIMIT, DMP_IOVA_FLUSH, &pfn) == 0);
	CREW_EXPECT(l->me, dmp_iova_free(churn->dom, pfn, 1) == 0);
	add_relaxed(&churn->nwaiting, 1); /* relaxed: the barriers order */
	pthread_barrier_wait(&churn->gone);
	pthread_barrier_wait(&churn->renewed);
	CREW_EXPECT(l->me, dmp_iova_alloc(churn->dom, 1, LIMIT, 0, &pfn) == 0);
	CREW_EXPECT(l->me, dmp_iova_free(churn->dom, pfn, 1) == 0);
}

static void *live(void *arg)
{
	struct life *l = arg;
	struct churn *churn = l->me->shared;

	for (uint64_t i = 0; i < churn->rounds && !l->me->failures; i++)
		pass_one(l);
	if (l->number == LIVES - 1)
		outlive(l);
	return NULL;
}

static void work(struct crew_member *me)
{
	for (unsigned n = 0; n < LIVES; n++) {
		struct life l = {.me = me, .number = n};
		pthread_t thread;

		l.rng = rng_seeded(rng_seed_from_env(1) + me->number * LIVES + n);
		if (pthread_create(&thread, NULL, live, &l))
			live(&l);
		else
			pthread_join(thread, NULL);
	}
}

/* A reservation where nobody allocates, and back. */
static void reserve_one(struct crew_member *me, uint64_t turn)
{
	struct churn *churn = me->shared;
	uint64_t lo = ABOVE + turn % 16 * 64;
	struct dmp_iova_range range;

	CREW_EXPECT(me, dmp_iova_reserve(churn->dom, lo, lo + 31, &range) == 0);
	CREW_EXPECT(me, range.lo == lo && range.hi == lo + 31);
	CREW_EXPECT(me, dmp_iova_find(churn->dom, lo + 7, &range) == 0 && range.lo == lo);
	CREW_EXPECT(me, dmp_iova_free_pfn(churn->dom, lo, &range) == 0);
}

static void disturb(struct crew_member *me, uint64_t turn)
{
	struct churn *churn = me->shared;
	struct dmp_iova_stats stats;
	struct dmp_iova_gaps gaps;

	switch (turn % 4) {
	case 0: dmp_iova_flush(churn->dom); break;
	case 1: dmp_iova_trim(churn->dom); break;
	case 2: reserve_one(me, turn); break;
	default:
		CREW_EXPECT(me, dmp_iova_get_stats(churn->dom, &stats, sizeof(stats)) == 0);
		CREW_EXPECT(me, dmp_iova_get_gaps(churn->dom, &gaps, sizeof(gaps)) == 0);
	}
	dmp_cpu_yield();
}

static void empty_mailboxes(struct crew_member *me)
{
	struct churn *churn = me->shared;

	for (unsigned i = 0; i < MAILBOXES; i++) {
		uint64_t range = xchg_acq_rel(&churn->mailbox[i], 0);

		if (range)
			give_back(me, range);
	}
}

/* Whatever is no mailbox's is cached.  The worker may be on its way from a depot to the tree with
 * a magazine: a check waits for it, and may find it on its way again. */
static bool nothing_is_live(struct dmp_iova_domain *dom)
{
	struct dmp_iova_stats stats;

	for (unsigned tries = 0; tries < 1000; tries++)
		if (dmp_iova_check(dom) == 0 &&
		    dmp_iova_get_stats(dom, &stats, sizeof(stats)) == 0 &&
		    stats.nranges == stats.cached)
			return true;
	return false;
}

/* Everything is accounted for, and the domain goes while the workers' last threads stay. */
static void close_domain(struct crew_member *me)
{
	struct churn *churn = me->shared;
	struct dmp_iova_stats stats;

	empty_mailboxes(me);
	CREW_EXPECT(me, dmp_iova_check(churn->dom) == 0);
	CREW_EXPECT(me, dmp_iova_get_stats(churn->dom, &stats, sizeof(stats)) == 0);
	CREW_EXPECT(me, stats.alloc_failed == 0);
	CREW_EXPECT(me, nothing_is_live(churn->dom));
	CREW_EXPECT(me, dmp_iova_destroy(churn->dom) == 0);
	CREW_EXPECT(me, dmp_meta_in_use() == 0);
}

static void keep(struct crew_member *me)
{
	struct churn *churn = me->shared;
	uint64_t turn = 0;

	while (load_acquire(&churn->nwaiting) < NWORKERS)
		disturb(me, turn++);
	pthread_barrier_wait(&churn->gone); /* their last calls were before */
	close_domain(me);
	CREW_EXPECT(me, dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = START), &churn->dom) == 0);
	pthread_barrier_wait(&churn->renewed);
}

static void keep_or_work(struct crew_member *me)
{
	if (me->number == 0)
		keep(me);
	else
		work(me);
}

static void run(const struct dmp_iova_opts *opts)
{
	struct churn *churn = test_calloc(1, sizeof(*churn));

	churn->rounds = rng_rounds_from_env(1500);
	pthread_barrier_init(&churn->gone, NULL, NWORKERS + 1);
	pthread_barrier_init(&churn->renewed, NULL, NWORKERS + 1);
	assert_int_equal(dmp_iova_create(opts, &churn->dom), 0);
	assert_int_equal(crew_run(NWORKERS + 1, keep_or_work, churn), 0);
	assert_int_equal(dmp_iova_check(churn->dom), 0);
	assert_int_equal(dmp_iova_destroy(churn->dom), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
	pthread_barrier_destroy(&churn->gone);
	pthread_barrier_destroy(&churn->renewed);
	test_free(churn);
}

static void test_no_range_has_two_owners_with_the_caches_of_linux(void **state)
{
	(void)state;
	run(&DMP_IOVA_OPTS(.start_pfn = START));
}

/* Small magazines, so that depots work all the time; the worker trims and reclaims, too. */
static void test_no_range_has_two_owners_beside_trim_and_reclaim(void **state)
{
	(void)state;
	run(&DMP_IOVA_OPTS(.start_pfn = START, .policy = &dmp_iova_policy_gap, .magazine_size = 7,
			   .reclaim_delay_ns = 200000, .trim_period_ns = 1000000));
}

static void test_no_range_has_two_owners_with_depots_of_fixed_size(void **state)
{
	(void)state;
	run(&DMP_IOVA_OPTS(.start_pfn = START, .policy = &dmp_iova_policy_chunk, .magazine_size = 7,
			   .classes = 2, .depot_limit = 2, .inflight_limit = 21));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_range_has_two_owners_with_the_caches_of_linux),
		cmocka_unit_test(test_no_range_has_two_owners_beside_trim_and_reclaim),
		cmocka_unit_test(test_no_range_has_two_owners_with_depots_of_fixed_size),
	};

	return cmocka_run_group_tests_name("stress_iova_churn", tests, NULL, NULL);
}
