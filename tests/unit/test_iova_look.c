// SPDX-License-Identifier: MIT
/*
 * test_iova_look.c - proves that lib/iova/iova_look.c sees every magazine, and what is in it
 */
#include "iova_space.h"

#include "iova_internal.h"

#define MAGAZINE 127u

static int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, NULL);
	iova_space_fill(&s, 0, 3 * MAGAZINE + 5, 1);
	iova_space_fill(&s, 1, 7, 4);
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	iova_space_close(*state);
	return 0;
}

static void test_the_tally_counts_by_class_and_depot(void **state)
{
	struct iova_space *s = *state;
	struct iova_tally tally;

	iova_look_tally(s->dom, &tally);
	assert_int_equal(tally.cached[0], 3 * MAGAZINE + 5);
	assert_int_equal(tally.cached[1], 0);
	assert_int_equal(tally.cached[2], 7);
	assert_int_equal(tally.depot, 2 * MAGAZINE);
	assert_int_equal(tally.nput, 3 * MAGAZINE + 5 + 7);
	assert_int_equal(tally.ntaken, 0);
}

struct seen {
	uint64_t entries;
	unsigned magazines, stop_after;
};

static bool see(void *ctx, unsigned order, const struct iova_magazine *mag, uint64_t count)
{
	struct seen *seen = ctx;

	assert_true(order == 0 || order == 2);
	for (uint64_t i = 0; i < count; i++)
		assert_true(mag->pfns[i] <= 0xfffff);
	seen->entries += count;
	return ++seen->magazines != seen->stop_after;
}

/* Each CPU a pair of one class, and two magazines in the depot. */
static void test_a_visit_shows_every_magazine(void **state)
{
	struct iova_space *s = *state;
	struct seen seen = {0};

	assert_true(iova_look_visit(s->dom, see, &seen));
	assert_int_equal(seen.magazines, 6);
	assert_int_equal(seen.entries, 3 * MAGAZINE + 5 + 7);
}

static void test_a_visit_ends_when_it_is_told_to(void **state)
{
	struct iova_space *s = *state;
	unsigned n;

	for (n = 1; n <= 6; n++) {
		struct seen seen = {.stop_after = n};

		assert_false(iova_look_visit(s->dom, see, &seen));
		assert_int_equal(seen.magazines, n);
	}
}

static void test_a_look_leaves_everything_where_it_is(void **state)
{
	struct iova_space *s = *state;
	struct iova_tally tally;
	uint64_t pfn = iova_space_alloc(s, 0, 1), again;

	iova_space_free(s, 0, pfn, 1);
	dmp_harness_become(1);
	iova_look_tally(s->dom, &tally);
	again = iova_space_alloc(s, 0, 1);
	assert_int_equal(again, pfn);
	iova_space_free(s, 0, again, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_tally_counts_by_class_and_depot),
		TEST(test_a_visit_shows_every_magazine),
		TEST(test_a_visit_ends_when_it_is_told_to),
		TEST(test_a_look_leaves_everything_where_it_is),
	};

	return cmocka_run_group_tests_name("iova_look", tests, NULL, NULL);
}
