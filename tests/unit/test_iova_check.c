// SPDX-License-Identifier: MIT
/*
 * test_iova_check.c - proves that the walkers of lib/iova/iova_check.c see each kind of
 * damage, and that a wrong free is refused at the level of checks that promises it
 */
#include "iova_space.h"

#include "iova_internal.h"

#define MAGAZINE 127u

static int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, NULL);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	iova_space_close(*state);
	return 0;
}

/* CPU 0's magazines of a class, which stay open. */
static struct iova_pair *pair(struct iova_space *s, unsigned order)
{
	struct iova_cpu *cpu = dmp_percpu_peek(&s->dom->cpus, 0);

	return &cpu->pair[order];
}

static void assert_damage_is_seen(struct iova_space *s)
{
	unsigned before = s->nbugs;

	assert_int_equal(dmp_iova_check(s->dom), -EIO);
	assert_int_equal(s->nbugs, before + 1);
}

static void test_a_cached_pfn_that_is_not_live_is_seen(void **state)
{
	struct iova_space *s = *state;

	iova_space_free(s, 0, iova_space_alloc(s, 0, 1), 1);
	*pair(s, 0)->top++ = 0x5;
	assert_damage_is_seen(s);
	pair(s, 0)->top--;
}

static void test_a_cached_range_of_another_class_is_seen(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	iova_space_alloc(s, 0, 1);
	*pair(s, 0)->top++ = pfn;
	assert_damage_is_seen(s);
	pair(s, 0)->top--;
}

static void test_a_range_cached_twice_is_seen(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 1);

	iova_space_free(s, 0, pfn, 1);
	*pair(s, 0)->top++ = pfn;
	assert_damage_is_seen(s);
	pair(s, 0)->top--;
}

static void test_a_range_cached_in_two_classes_is_seen(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	iova_space_alloc(s, 0, 1);
	iova_space_free(s, 0, pfn, 4);
	*pair(s, 0)->top++ = pfn + 3;
	assert_damage_is_seen(s);
	pair(s, 0)->top--;
}

static void test_a_depot_that_miscounts_is_seen(void **state)
{
	struct iova_space *s = *state;

	s->dom->classes[3].depot.nfull++;
	assert_damage_is_seen(s);
	s->dom->classes[3].depot.nfull--;
}

static void test_a_magazine_that_holds_more_than_it_can_is_seen(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 1, 1);
	pair(s, 0)->prev->count = MAGAZINE + 1;
	assert_damage_is_seen(s);
	pair(s, 0)->prev->count = 0;
}

static void test_depots_that_hold_more_than_may_be_in_flight_are_seen(void **state)
{
	struct iova_space s;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.inflight_limit = MAGAZINE));
	iova_space_fill(&s, 0, 3 * MAGAZINE, 1);
	assert_int_equal(dmp_iova_check(s.dom), 0);
	add_relaxed(&s.dom->depot_ranges, 1);
	assert_damage_is_seen(&s);
	add_relaxed(&s.dom->depot_ranges, -UINT64_C(1));
	iova_space_close(&s);
}

static void test_a_depot_above_its_fixed_size_is_seen(void **state)
{
	struct iova_space s;

	(void)state;
	iova_space_open(&s, 1, &DMP_IOVA_OPTS(.depot_limit = 2));
	iova_space_fill(&s, 0, 4 * MAGAZINE, 1);
	s.dom->opts.depot_limit = 1;
	assert_damage_is_seen(&s);
	s.dom->opts.depot_limit = 2;
	iova_space_close(&s);
}

static void test_a_drain_reports_a_range_that_was_not_live(void **state)
{
	struct iova_space *s = *state;

	iova_space_free(s, 0, iova_space_alloc(s, 0, 1), 1);
	*pair(s, 0)->top++ = 0x5;
	assert_int_equal(dmp_iova_flush(s->dom), 1);
	assert_int_equal(s->nbugs, 1);
}

static void test_a_free_of_a_grown_range_is_right(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	assert_int_equal(dmp_iova_reserve(s->dom, pfn - 4, pfn + 1, NULL), 0);
	iova_space_free(s, 0, pfn, 4);
	assert_int_equal(s->nbugs, 0);
}

static void test_a_free_of_what_is_not_live_is_refused(void **state)
{
	struct iova_space *s = *state;

	if (DMP_CHECKS < 1)
		skip();
	assert_int_equal(dmp_iova_free(s->dom, 0x5, 1), -ENOENT);
	assert_int_equal(s->nbugs, 1);
}

static void test_a_free_of_another_size_is_refused(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	if (DMP_CHECKS < 1)
		skip();
	assert_int_equal(dmp_iova_free(s->dom, pfn, 8), -EINVAL);
	assert_int_equal(dmp_iova_free(s->dom, pfn, 2), -EINVAL);
	assert_int_equal(dmp_iova_free(s->dom, pfn, 64), -EINVAL);
	assert_int_equal(s->nbugs, 3);
	iova_space_free(s, 0, pfn, 3); /* rounds up to the same class */
}

static void test_a_double_free_into_a_magazine_is_refused(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 1);

	if (DMP_CHECKS < 2)
		skip();
	iova_space_free(s, 0, pfn, 1);
	assert_int_equal(dmp_iova_free(s->dom, pfn, 1), -ENOENT);
	dmp_harness_become(1);
	assert_int_equal(dmp_iova_free(s->dom, pfn, 1), -ENOENT);
	assert_int_equal(s->nbugs, 2);
}

static void test_a_double_free_into_the_depot_is_refused(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfns[2 * MAGAZINE + 1];
	unsigned i;

	if (DMP_CHECKS < 2)
		skip();
	for (i = 0; i < 2 * MAGAZINE + 1; i++)
		pfns[i] = iova_space_alloc(s, 0, 1);
	for (i = 0; i < 2 * MAGAZINE + 1; i++)
		iova_space_free(s, 0, pfns[i], 1);
	assert_int_equal(s->dom->classes[0].depot.nfull, 1);
	for (i = 0; i < 2 * MAGAZINE + 1; i++)
		assert_int_equal(dmp_iova_free(s->dom, pfns[i], 1), -ENOENT);
}

static void test_a_free_of_the_end_of_a_cached_range_is_refused(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);

	if (DMP_CHECKS < 2)
		skip();
	iova_space_free(s, 0, pfn, 4);
	assert_int_equal(dmp_iova_free(s->dom, pfn + 2, 2), -ENOENT);
	assert_int_equal(dmp_iova_free(s->dom, pfn + 3, 1), -ENOENT);
	assert_int_equal(s->nbugs, 2);
}

static void test_a_free_by_pfn_of_what_a_magazine_holds_is_refused(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn = iova_space_alloc(s, 0, 4);
	struct dmp_iova_range removed = {1, 2};

	if (DMP_CHECKS < 2)
		skip();
	iova_space_free(s, 0, pfn, 4);
	assert_int_equal(dmp_iova_free_pfn(s->dom, pfn + 1, &removed), -ENOENT);
	assert_int_equal(removed.lo, 1);
	assert_int_equal(s->nbugs, 1);
	assert_int_equal(iova_space_alloc(s, 0, 4), pfn);
	assert_int_equal(dmp_iova_free_pfn(s->dom, pfn + 1, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_cached_pfn_that_is_not_live_is_seen),
		TEST(test_a_cached_range_of_another_class_is_seen),
		TEST(test_a_range_cached_twice_is_seen),
		TEST(test_a_range_cached_in_two_classes_is_seen),
		TEST(test_a_depot_that_miscounts_is_seen),
		TEST(test_a_magazine_that_holds_more_than_it_can_is_seen),
		cmocka_unit_test(test_depots_that_hold_more_than_may_be_in_flight_are_seen),
		cmocka_unit_test(test_a_depot_above_its_fixed_size_is_seen),
		TEST(test_a_drain_reports_a_range_that_was_not_live),
		TEST(test_a_free_of_a_grown_range_is_right),
		TEST(test_a_free_of_what_is_not_live_is_refused),
		TEST(test_a_free_of_another_size_is_refused),
		TEST(test_a_double_free_into_a_magazine_is_refused),
		TEST(test_a_double_free_into_the_depot_is_refused),
		TEST(test_a_free_of_the_end_of_a_cached_range_is_refused),
		TEST(test_a_free_by_pfn_of_what_a_magazine_holds_is_refused),
	};

	return cmocka_run_group_tests_name("iova_check", tests, NULL, NULL);
}
