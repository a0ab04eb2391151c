// SPDX-License-Identifier: MIT
/*
 * stress_iova_policy.c - threads ask one policy at once, and give back each other's ranges:
 * no granule ever has two owners, and what defers reuse does
 *
 * The owner of each granule is noted in a table of atomics, beside the latest epoch that
 * anybody had seen when the granule was given back: the next one to get it must be told a later
 * one.  DMP_TEST_ROUNDS makes it longer.
 */
#include "crew.h"
#include "policy_rig.h"
#include "rng.h"

#define NTHREADS  8u
#define START     UINT64_C(0xff400) /* few granules below the boundary: epochs are short */
#define BOUNDARY  UINT64_C(0x100000)
#define TOP       UINT64_C(0x1a0000) /* above it, room for the chunks of all threads */
#define HOLD      60u
#define MAILBOXES 64u

struct stress {
	struct policy_rig rig;
	uint64_t limit; /* of half of the requests; the others stay below the boundary */
	uint64_t rounds;
	DMP_ATOMIC(unsigned) owner[TOP - START]; /* 0: none */
	DMP_ATOMIC(uint64_t) epoch[TOP - START]; /* the epoch to be told must be this at least */
	DMP_ATOMIC(uint64_t) latest_epoch;
	DMP_ATOMIC(uint64_t) mailbox[MAILBOXES]; /* pfn << 8 | size; 0: empty */
};

struct holder {
	struct crew_member *me;
	struct stress *t;
	struct rng rng;
	uint64_t held[HOLD]; /* pfn << 8 | size */
	unsigned nheld;
};

static void see_epoch(struct stress *t, uint64_t epoch)
{
	uint64_t latest = load_acquire(&t->latest_epoch);

	while (latest < epoch && !cas_acq_rel(&t->latest_epoch, &latest, epoch))
		continue;
}

static void own(struct holder *h, uint64_t pfn, uint64_t size, uint64_t epoch)
{
	for (pfn -= START; size > 0; pfn++, size--) {
		CREW_EXPECT(h->me, xchg_acq_rel(&h->t->owner[pfn], h->me->number + 1) == 0);
		CREW_EXPECT(h->me, epoch >= load_acquire(&h->t->epoch[pfn]));
	}
}

static void take_one(struct holder *h)
{
	uint64_t size = rng_range(&h->rng, 0, 3) ? 1 : rng_range(&h->rng, 2, 9), pfn, epoch;
	uint64_t limit = rng_range(&h->rng, 0, 1) ? h->t->limit : BOUNDARY - 1;
	int err = h->t->rig.policy->alloc(h->t->rig.space, size, limit, size % 2, &pfn, &epoch);

	CREW_EXPECT(h->me, err == 0 || err == -ENOSPC);
	if (err)
		return;
	CREW_EXPECT(h->me, pfn >= START && pfn + size - 1 <= limit);
	own(h, pfn, size, epoch);
	see_epoch(h->t, epoch);
	h->held[h->nheld++] = pfn << 8 | size;
}

static void give_back(struct holder *h, uint64_t range)
{
	uint64_t pfn = range >> 8, size = range & 0xff, i;
	bool defers = h->t->rig.policy->caps & DMP_IOVA_POLICY_DEFERS_REUSE;
	struct dmp_iova_range removed;

	for (i = pfn - START; i < pfn - START + size; i++) {
		store_release(&h->t->epoch[i], load_acquire(&h->t->latest_epoch) + defers);
		CREW_EXPECT(h->me, xchg_acq_rel(&h->t->owner[i], 0) != 0);
	}
	CREW_EXPECT(h->me, h->t->rig.policy->free(h->t->rig.space, pfn + size / 2, &removed) == 0);
	CREW_EXPECT(h->me, removed.lo == pfn && removed.hi == pfn + size - 1);
}

/* Every fourth range goes to whoever next looks into the mailbox. */
static void give_one(struct holder *h)
{
	uint64_t i = rng_range(&h->rng, 0, h->nheld - 1), range = h->held[i];
	uint64_t box = rng_range(&h->rng, 0, MAILBOXES - 1);

	h->held[i] = h->held[--h->nheld];
	if (rng_range(&h->rng, 0, 3) == 0)
		range = xchg_acq_rel(&h->t->mailbox[box], range);
	if (range)
		give_back(h, range);
}

/* A reservation of this thread's own, below the start and above all requests; and a look. */
static void reserve_one(struct holder *h)
{
	const struct dmp_iova_policy *policy = h->t->rig.policy;
	uint64_t lo = (h->me->number % 2 ? TOP : 0) + 16 * h->me->number;
	struct dmp_iova_range range = {0};

	CREW_EXPECT(h->me, policy->reserve(h->t->rig.space, lo, lo + 9, &range) == 0);
	CREW_EXPECT(h->me, range.lo == lo && range.hi == lo + 9);
	CREW_EXPECT(h->me, policy->find(h->t->rig.space, lo + 4, &range) == 0);
	CREW_EXPECT(h->me, policy->next(h->t->rig.space, lo, &range) == 0 && range.lo == lo);
	CREW_EXPECT(h->me, policy->free(h->t->rig.space, lo, &range) == 0);
}

static void work(struct crew_member *me)
{
	struct stress *t = me->shared;
	struct holder h = {.me = me, .t = t};
	uint64_t i;

	h.rng = rng_seeded(rng_seed_from_env(1) + me->number);
	for (i = 0; i < t->rounds && !me->failures; i++) {
		if (i % 64 == 0)
			reserve_one(&h);
		else if (h.nheld < HOLD &&
			 (h.nheld == 0 || rng_range(&h.rng, 0, HOLD) > h.nheld / 2))
			take_one(&h);
		else
			give_one(&h);
	}
	while (h.nheld)
		give_back(&h, h.held[--h.nheld]);
}

static void empty_mailboxes(struct stress *t)
{
	struct dmp_iova_range removed;
	uint64_t range;
	unsigned i;

	for (i = 0; i < MAILBOXES; i++) {
		range = xchg_acq_rel(&t->mailbox[i], 0);
		if (range)
			assert_int_equal(t->rig.policy->free(t->rig.space, range >> 8, &removed),
					 0);
	}
}

static void run(const struct dmp_iova_policy *policy, uint64_t limit)
{
	struct stress *t = test_calloc(1, sizeof(*t));

	t->rounds = rng_rounds_from_env(6000);
	t->limit = limit;
	policy_rig_open(&t->rig, policy, START);
	assert_int_equal(crew_run(NTHREADS, work, t), 0);
	assert_int_equal(policy->check(t->rig.space), 0);
	empty_mailboxes(t);
	assert_int_equal(policy_rig_count(&t->rig), 0);
	policy_rig_close(&t->rig);
	test_free(t);
}

static void test_gap_gives_no_granule_to_two_owners(void **state)
{
	(void)state;
	run(&dmp_iova_policy_gap, TOP - 1);
}

static void test_bitmap_gives_no_granule_to_two_owners_nor_twice_in_an_epoch(void **state)
{
	(void)state;
	run(&dmp_iova_policy_bitmap, BOUNDARY - 1);
}

static void test_chunk_gives_no_granule_to_two_owners(void **state)
{
	(void)state;
	run(&dmp_iova_policy_chunk, TOP - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gap_gives_no_granule_to_two_owners),
		cmocka_unit_test(test_bitmap_gives_no_granule_to_two_owners_nor_twice_in_an_epoch),
		cmocka_unit_test(test_chunk_gives_no_granule_to_two_owners),
	};

	return cmocka_run_group_tests_name("stress_iova_policy", tests, NULL, NULL);
}
