// SPDX-License-Identifier: MIT
/*
 * test_model_policy.c - random operations on the tables of gap, bitmap and chunk give the answers
 * of a slow and obvious model, epochs included; test_model_iova.c asks through a domain
 *
 *   BOTTOM        START            BOUNDARY                 TOP
 *     |  reserved   |  given out      |  given out: chunk     |
 *     |  only       |                 |  has one chunk here   |
 *
 * The model is an array of granules, each with the number of the range that it is part of.
 * After each operation the answer is compared, now and then all ranges.  DMP_TEST_SEED repeats
 * a run, DMP_TEST_ROUNDS makes it longer.
 */
#include "policy_rig.h"
#include "rng.h"

#include <dmapool/bits.h>

#define NCPUS      3u
#define BOTTOM     UINT64_C(0xffe80)
#define START      UINT64_C(0xfff00)
#define BOUNDARY   UINT64_C(0x100000)
#define TOP        UINT64_C(0x100100)
#define GRANULES   (TOP - BOTTOM)
#define COMPARE_IN 128u
#define ENOUGH     8000u

struct granule {
	uint64_t range; /* 0: none */
	bool stale;     /* given back since the latest epoch began; `bitmap` */
};

struct match {
	struct policy_rig rig;
	struct rng rng;
	struct granule granule[GRANULES];
	uint64_t nranges_ever, epoch;
	uint64_t nplaced, nrefused;
};

static bool is(const struct match *t, const struct dmp_iova_policy *policy)
{
	return t->rig.policy == policy;
}

/* The model. */

static struct granule *at(struct match *t, uint64_t pfn)
{
	return &t->granule[pfn - BOTTOM];
}

static struct dmp_iova_range range_at(struct match *t, uint64_t pfn)
{
	struct dmp_iova_range range = {.lo = pfn, .hi = pfn};

	while (range.lo > BOTTOM && at(t, range.lo - 1)->range == at(t, pfn)->range)
		range.lo--;
	while (range.hi + 1 < TOP && at(t, range.hi + 1)->range == at(t, pfn)->range)
		range.hi++;
	return range;
}

static void put(struct match *t, uint64_t lo, uint64_t hi)
{
	t->nranges_ever++;
	for (; lo <= hi; lo++)
		*at(t, lo) = (struct granule){.range = t->nranges_ever};
}

static void take_out(struct match *t, struct dmp_iova_range range)
{
	for (; range.lo <= range.hi; range.lo++)
		*at(t, range.lo) = (struct granule){.stale = true};
}

static bool is_free(struct match *t, uint64_t lo, uint64_t size, bool stale_too)
{
	for (; size > 0; lo++, size--)
		if (at(t, lo)->range || (at(t, lo)->stale && !stale_too))
			return false;
	return true;
}

/* The highest place in lo .. limit. */
static bool place(struct match *t, uint64_t lo, uint64_t limit, uint64_t size, bool aligned,
		  bool stale_too, uint64_t *pfn)
{
	uint64_t align = 1, candidate;

	while (aligned && align < size)
		align *= 2;
	if (limit >= TOP)
		limit = TOP - 1;
	for (candidate = limit + 1; candidate-- > lo;) {
		if (candidate % align || candidate + size - 1 > limit)
			continue;
		if (is_free(t, candidate, size, stale_too)) {
			*pfn = candidate;
			return true;
		}
	}
	return false;
}

static bool place_of_chunk(struct match *t, uint64_t limit, uint64_t size, bool aligned,
			   uint64_t *pfn)
{
	if (place(t, BOUNDARY, limit, size, aligned, true, pfn))
		return true;
	return place(t, START, limit < BOUNDARY ? limit : BOUNDARY - 1, size, aligned, true, pfn);
}

/* Is there a place if nothing is in use? */
static bool fits_at_all(uint64_t limit, uint64_t size, bool aligned)
{
	static struct match empty;
	uint64_t pfn;

	return place(&empty, START, limit, size, aligned, true, &pfn);
}

/* An epoch begins only where it has to, and where there is something to gain. */
static void turn_epoch(struct match *t, uint64_t limit, uint64_t size, bool aligned)
{
	uint64_t pfn, nstale = 0;

	if (place(t, START, limit, size, aligned, false, &pfn) ||
	    !fits_at_all(limit, size, aligned))
		return;
	for (pfn = START; pfn <= limit; pfn++) {
		nstale += at(t, pfn)->stale;
		at(t, pfn)->stale = false;
	}
	t->epoch += nstale > 0;
}

/* Is there a place, and if the policy has no choice, which? */
static bool expect_place(struct match *t, uint64_t limit, uint64_t size, bool aligned,
			 uint64_t *pfn)
{
	if (is(t, &dmp_iova_policy_chunk))
		return place_of_chunk(t, limit, size, aligned, pfn);
	return place(t, START, limit, size, aligned, true, pfn);
}

/* The operations. */

static uint64_t random_limit(struct match *t)
{
	switch (rng_range(&t->rng, 0, 5)) {
	case 0: return rng_range(&t->rng, START - 4, TOP - 1);
	case 1: return BOUNDARY - 1;
	case 2: return rng_range(&t->rng, START, START + 40);
	default: return TOP - 1;
	}
}

static uint64_t random_size(struct match *t)
{
	switch (rng_range(&t->rng, 0, 9)) {
	case 0: return rng_range(&t->rng, 1, 90);
	case 1:
	case 2:
	case 3: return rng_range(&t->rng, 1, 9);
	default: return 1;
	}
}

static void do_alloc(struct match *t)
{
	uint64_t size = random_size(t), limit = random_limit(t), want = 0, got = 77, epoch = 78;
	bool aligned = rng_range(&t->rng, 0, 1), expected;
	int err;

	dmp_harness_become((unsigned)rng_range(&t->rng, 0, NCPUS - 1));
	expected = expect_place(t, limit, size, aligned, &want);
	if (is(t, &dmp_iova_policy_bitmap))
		turn_epoch(t, limit, size, aligned);
	err = t->rig.policy->alloc(t->rig.space, size, limit, aligned, &got, &epoch);
	assert_int_equal(err, expected ? 0 : -ENOSPC);
	assert_int_equal(epoch, expected ? t->epoch : 78);
	*(expected ? &t->nplaced : &t->nrefused) += 1;
	if (!expected)
		return;
	if (is(t, &dmp_iova_policy_bitmap)) {
		assert_true(got >= START && got + size - 1 <= limit);
		assert_true(!aligned || dmp_is_aligned(got, dmp_pow2_ceil(size)));
		assert_true(is_free(t, got, size, false));
	} else {
		assert_int_equal(got, want);
	}
	put(t, got, got + size - 1);
}

static void do_free(struct match *t)
{
	uint64_t pfn = rng_range(&t->rng, BOTTOM, TOP - 1);
	struct dmp_iova_range want = range_at(t, pfn), got = {0};

	if (!at(t, pfn)->range) {
		assert_int_equal(t->rig.policy->free(t->rig.space, pfn, &got), -ENOENT);
		return;
	}
	assert_int_equal(t->rig.policy->free(t->rig.space, pfn, &got), 0);
	assert_int_equal(got.lo, want.lo);
	assert_int_equal(got.hi, want.hi);
	take_out(t, want);
}

static void do_free_many(struct match *t)
{
	uint64_t pfns[8];
	size_t i, nlive = 0;

	for (i = 0; i < 8; i++) {
		pfns[i] = rng_range(&t->rng, BOTTOM, TOP - 1);
		if (!at(t, pfns[i])->range)
			continue;
		take_out(t, range_at(t, pfns[i]));
		nlive++;
	}
	assert_int_equal(t->rig.policy->free_many(t->rig.space, pfns, 8), nlive);
}

/* Free parts become ranges; one ends before a range, at the end, and at the chunk's edge. */
static void do_reserve(struct match *t)
{
	uint64_t lo = rng_range(&t->rng, BOTTOM, TOP - 1), hi = lo + rng_range(&t->rng, 0, 30);
	struct dmp_iova_range got, want;
	uint64_t first;

	if (hi >= TOP)
		hi = TOP - 1;
	assert_int_equal(t->rig.policy->reserve(t->rig.space, lo, hi, &got), 0);
	for (first = lo; first <= hi; first = lo) {
		for (; lo <= hi && !at(t, lo)->range; lo++)
			if (is(t, &dmp_iova_policy_chunk) && lo == BOUNDARY && lo > first)
				break;
		if (lo > first)
			put(t, first, lo - 1);
		else
			lo++;
	}
	want = range_at(t, hi);
	assert_int_equal(got.lo, want.lo);
	assert_int_equal(got.hi, want.hi);
}

static void compare_lookup(struct match *t)
{
	uint64_t pfn = rng_range(&t->rng, BOTTOM, TOP - 1);
	struct dmp_iova_range want = range_at(t, pfn), got = {0};
	int err = t->rig.policy->find(t->rig.space, pfn, &got);

	assert_int_equal(err, at(t, pfn)->range ? 0 : -ENOENT);
	if (!err) {
		assert_int_equal(got.lo, want.lo);
		assert_int_equal(got.hi, want.hi);
	}
}

static void compare_all(struct match *t)
{
	struct dmp_iova_range ranges[GRANULES];
	uint64_t pfn;
	size_t n = 0;

	for (pfn = BOTTOM; pfn < TOP; pfn++) {
		if (!at(t, pfn)->range)
			continue;
		ranges[n] = range_at(t, pfn);
		pfn = ranges[n++].hi;
	}
	policy_rig_walks(&t->rig, ranges, n);
	assert_int_equal(policy_rig_count(&t->rig), n);
	assert_int_equal(t->rig.policy->check(t->rig.space), 0);
}

static void do_any(struct match *t, uint64_t round)
{
	uint64_t what = rng_range(&t->rng, 0, 99);
	/* Fills up and empties in turns. */
	bool fills = round / 512 % 2 == 0;

	if (what < 2)
		do_reserve(t);
	else if (what < 4)
		do_free_many(t);
	else if (what < (fills ? 80 : 30))
		do_alloc(t);
	else
		do_free(t);
}

/* The wide part of the window gets its chunk before anything is reserved there. */
static void open_chunk(struct match *t)
{
	uint64_t pfn = policy_rig_alloc(&t->rig, 1, TOP - 1, false);

	policy_rig_free(&t->rig, pfn, pfn, pfn);
}

static void run_policy(const struct dmp_iova_policy *policy)
{
	struct match *t = test_calloc(1, sizeof(*t));
	uint64_t rounds = rng_rounds_from_env(ENOUGH), seed = rng_seed_from_env(1), i;

	print_message("%s: seed %llu (DMP_TEST_SEED)\n", policy->name, (unsigned long long)seed);
	t->rng = rng_seeded(seed);
	assert_int_equal(dmp_harness_enter(NCPUS), 0);
	policy_rig_open(&t->rig, policy, START);
	if (is(t, &dmp_iova_policy_chunk))
		open_chunk(t);
	for (i = 0; i < rounds; i++) {
		do_any(t, i);
		compare_lookup(t);
		if (i % COMPARE_IN == 0)
			compare_all(t);
	}
	compare_all(t);
	/* A few rounds, under Valgrind, need not have seen everything. */
	if (rounds >= ENOUGH) {
		assert_true(t->nplaced > rounds / 8 && t->nrefused > rounds / 64);
		assert_true(t->epoch > 10 || !is(t, &dmp_iova_policy_bitmap));
	}
	policy_rig_close(&t->rig);
	assert_int_equal(dmp_harness_leave(), 0);
	test_free(t);
}

static void test_gap_gives_the_highest_free_place_or_none_is_there(void **state)
{
	(void)state;
	run_policy(&dmp_iova_policy_gap);
}

static void test_bitmap_gives_what_is_free_and_was_not_given_back_in_this_epoch(void **state)
{
	(void)state;
	run_policy(&dmp_iova_policy_bitmap);
}

static void
test_chunk_gives_the_highest_free_place_of_the_chunk_then_of_the_low_region(void **state)
{
	(void)state;
	run_policy(&dmp_iova_policy_chunk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gap_gives_the_highest_free_place_or_none_is_there),
		cmocka_unit_test(
			test_bitmap_gives_what_is_free_and_was_not_given_back_in_this_epoch),
		cmocka_unit_test(
			test_chunk_gives_the_highest_free_place_of_the_chunk_then_of_the_low_region),
	};

	return cmocka_run_group_tests_name("model_policy", tests, NULL, NULL);
}
