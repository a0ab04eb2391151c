// SPDX-License-Identifier: MIT
/*
 * test_model_iova.c - random operations give the answers of tests/support/model_iova.c
 *
 * After every operation the answer and the policy's state are compared, now and then
 * all ranges, magazines and depots.  DMP_TEST_SEED repeats a run, DMP_TEST_ROUNDS makes it longer.
 */
#include "iova_space.h"
#include "model_iova.h"
#include "rng.h"

#define NCPUS      3u
#define LIVE       1500u
#define COMPARE_IN 256u

struct live {
	uint64_t pfn, size;
	bool fast;
};

struct match {
	struct iova_space s;
	struct model_iova *model;
	struct rng rng;
	struct live live[LIVE];
	unsigned nlive, nonline;
	bool online[NCPUS];
};

static void compare_state(struct match *t)
{
	struct dmp_iova_policy_state want, got = iova_space_state(&t->s);

	model_iova_state(t->model, &want);
	assert_int_equal(got.nranges, want.nranges);
	assert_int_equal(got.hint32, want.hint32);
	assert_int_equal(got.hint_wide, want.hint_wide);
	assert_int_equal(got.ceiling, want.ceiling);
}

static void compare_ranges(struct match *t)
{
	struct dmp_iova_range want, got = {0};
	uint64_t i, from = 0;

	for (i = 0; model_iova_range(t->model, i, &want); i++) {
		assert_int_equal(dmp_iova_next(t->s.dom, from, &got), 0);
		assert_int_equal(got.lo, want.lo);
		assert_int_equal(got.hi, want.hi);
		from = got.lo + 1;
	}
	assert_int_equal(dmp_iova_next(t->s.dom, from, &got), -ENOENT);
}

static uint32_t count(struct match *t, enum dmp_iova_magazine_place place, unsigned index,
		      unsigned order)
{
	struct dmp_iova_magazine_view view = {0};

	dmp_iova_inspect_magazine(t->s.dom, place, index, order, &view);
	return view.count;
}

static void compare_caches(struct match *t)
{
	unsigned cpu, order, n;

	for (order = 0; order < DMP_IOVA_CLASSES; order++) {
		for (cpu = 0; cpu < NCPUS; cpu++) {
			assert_int_equal(count(t, DMP_IOVA_LOADED, cpu, order),
					 model_iova_count(t->model, cpu, order, false));
			assert_int_equal(count(t, DMP_IOVA_PREV, cpu, order),
					 model_iova_count(t->model, cpu, order, true));
		}
		for (n = 0; count(t, DMP_IOVA_DEPOT, n, order); n++)
			continue;
		assert_int_equal(n, model_iova_depot(t->model, order));
	}
}

static uint64_t random_limit(struct match *t)
{
	static const uint64_t limits[] = {0xfffff, 0xfffff, 0xfffff, 0x100000, 0xffffff};

	switch (rng_range(&t->rng, 0, 9)) {
	case 0: return UINT64_C(1) << rng_range(&t->rng, 0, 52);
	case 1: return rng_range(&t->rng, 0xfe000, 0x102000);
	case 2: return rng_range(&t->rng, 0, 500) ? 0xfffff : UINT64_MAX;
	default: return limits[rng_range(&t->rng, 0, 4)];
	}
}

static uint64_t random_size(struct match *t)
{
	return rng_range(&t->rng, 0, 9) < 7 ? rng_range(&t->rng, 1, 4) : rng_range(&t->rng, 1, 100);
}

static unsigned random_online_cpu(struct match *t)
{
	unsigned cpu = (unsigned)rng_range(&t->rng, 0, NCPUS - 1);

	while (!t->online[cpu])
		cpu = (cpu + 1) % NCPUS;
	assert_int_equal(dmp_harness_become(cpu), 0);
	return cpu;
}

static void remember(struct match *t, uint64_t pfn, uint64_t size, bool fast)
{
	t->live[t->nlive++] = (struct live){pfn, size, fast};
}

static void do_alloc(struct match *t, bool fast)
{
	uint64_t size = random_size(t), limit = random_limit(t), want = 0, got = 0;
	bool option = rng_range(&t->rng, 0, 1);
	unsigned cpu = random_online_cpu(t);
	bool given;
	int err;

	if (fast) {
		given = model_iova_alloc_fast(t->model, cpu, size, limit, option, &want);
		err = dmp_iova_alloc(t->s.dom, size, limit, option ? DMP_IOVA_FLUSH : 0, &got);
	} else {
		given = model_iova_alloc(t->model, size, limit, option, &want);
		err = dmp_iova_alloc_uncached(t->s.dom, size, limit, option ? DMP_IOVA_ALIGNED : 0,
					      &got);
	}
	assert_int_equal(err == 0, given);
	assert_int_equal(got, want);
	if (given)
		remember(t, got, size, fast);
}

static void do_free(struct match *t)
{
	unsigned i = (unsigned)rng_range(&t->rng, 0, t->nlive - 1);
	struct dmp_iova_range want = {0}, got = {0};
	struct live live = t->live[i];
	unsigned cpu = random_online_cpu(t);

	t->live[i] = t->live[--t->nlive];
	if (live.fast) {
		model_iova_free_fast(t->model, cpu, live.pfn, live.size);
		assert_int_equal(dmp_iova_free(t->s.dom, live.pfn, live.size), 0);
		return;
	}
	assert_true(model_iova_free_pfn(t->model, live.pfn, &want));
	assert_int_equal(dmp_iova_free_pfn(t->s.dom, live.pfn, &got), 0);
	assert_int_equal(got.lo, want.lo);
	assert_int_equal(got.hi, want.hi);
}

/* The reserved range is not remembered: the space fills up a little with every one. */
static void do_reserve(struct match *t)
{
	uint64_t lo = rng_range(&t->rng, 0xff000, 0x100100), hi = lo + rng_range(&t->rng, 0, 20);
	struct dmp_iova_range want, got;

	model_iova_reserve(t->model, lo, hi, &want);
	assert_int_equal(dmp_iova_reserve(t->s.dom, lo, hi, &got), 0);
	assert_int_equal(got.lo, want.lo);
	assert_int_equal(got.hi, want.hi);
}

static void do_hotplug(struct match *t)
{
	unsigned cpu = (unsigned)rng_range(&t->rng, 0, NCPUS - 1);

	if (t->online[cpu] && t->nonline == 1)
		return;
	t->online[cpu] = !t->online[cpu];
	t->nonline += t->online[cpu] ? 1u : -1u;
	if (!t->online[cpu])
		model_iova_offline(t->model, cpu);
	assert_int_equal(dmp_harness_set_online(cpu, t->online[cpu]), 0);
}

static void do_reclaim(struct match *t)
{
	model_iova_reclaim(t->model, t->nonline);
	dmp_harness_run_pending();
}

static void do_any(struct match *t)
{
	uint64_t what = rng_range(&t->rng, 0, 999);
	/* Fills up and empties in turns, so that magazines go to depots and come back. */
	bool fills = rng_range(&t->rng, 0, LIVE) > t->nlive;

	if (what == 0)
		do_hotplug(t);
	else if (what < 5)
		do_reclaim(t);
	else if (what < 8)
		do_reserve(t);
	else if (t->nlive < LIVE && (fills || t->nlive == 0))
		do_alloc(t, what < 800);
	else
		do_free(t);
}

static void test_random_operations_give_the_answers_of_the_model(void **state)
{
	struct match *t = test_calloc(1, sizeof(*t));
	uint64_t rounds = rng_rounds_from_env(20000), seed = rng_seed_from_env(1), i;

	(void)state;
	print_message("seed %llu (DMP_TEST_SEED)\n", (unsigned long long)seed);
	t->rng = rng_seeded(seed);
	iova_space_open(&t->s, NCPUS, &DMP_IOVA_OPTS(.start_pfn = 0xfc000));
	t->model = model_iova_create(4096, 0xfc000, NCPUS);
	for (t->nonline = 0; t->nonline < NCPUS; t->nonline++)
		t->online[t->nonline] = true;
	for (i = 0; i < rounds; i++) {
		do_any(t);
		compare_state(t);
		if (i % COMPARE_IN == 0) {
			compare_ranges(t);
			compare_caches(t);
			assert_int_equal(dmp_iova_check(t->s.dom), 0);
		}
	}
	compare_ranges(t);
	assert_int_equal(t->s.nbugs, 0);
	iova_space_close(&t->s);
	model_iova_destroy(t->model);
	test_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_operations_give_the_answers_of_the_model),
	};

	return cmocka_run_group_tests_name("model_iova", tests, NULL, NULL);
}
