// SPDX-License-Identifier: MIT
/*
 * test_replay_what_if.c - proves which lists bench/replay_what_if.c takes, and which of several
 * points it leaves on the frontier
 */
#include "test_replay_refused.h"

#include "replay_what_if.h"

#include <math.h>
#include <stdlib.h>

static void test_a_list_is_kept_in_its_order_in_one_form(void **state)
{
	struct replay_what_if w;

	(void)state;
	assert_int_equal(
		replay_what_if_parse("flush=lazy:timeout=1000us:entries=64,strict,lazy", &w), 0);
	assert_int_equal(w.n, 3);
	assert_string_equal(w.text[0], "lazy:entries=64:timeout=1ms");
	assert_string_equal(w.routes[0].name, "lazy:entries=64:timeout=1ms");
	assert_int_equal(w.routes[0].way, REPLAY_LAZY);
	assert_int_equal(w.flush[0].entries, 64);
	assert_int_equal(w.routes[1].way, REPLAY_STRICT);
	assert_string_equal(w.text[2], "lazy");
	assert_int_equal(w.flush[2].entries, 0);
}

static int parse(const char *text)
{
	struct replay_what_if w;

	return replay_what_if_parse(text, &w);
}

static void test_what_is_no_list_of_ways_to_flush_is_refused(void **state)
{
	char many[40 * REPLAY_WHAT_IF_MAX] = "flush=strict", *end = many + strlen(many);

	(void)state;
	refused_with(parse, "lazy,strict", "--what-if must be flush=POLICY");
	refused_with(parse, "", "--what-if must be flush=POLICY");
	refused_with(parse, "flush=", "'' is not a way to flush");
	refused_with(parse, "flush=lazy,", "'' is not a way to flush");
	refused_with(parse, "flush=lazy,,strict", "'' is not a way to flush");
	refused_with(parse, "flush=lazy,bounce", "'bounce' is not a way to flush");
	refused_with(parse, "flush=lazy:entries=3", "entries must be");
	refused_with(parse, "flush=strict,lazy,strict", "names strict twice");
	refused_with(parse, "flush=lazy:timeout=1ms,lazy:timeout=1000us",
		     "names lazy:timeout=1ms twice");
	for (unsigned i = 1; i <= REPLAY_WHAT_IF_MAX; i++)
		end += sprintf(end, ",lazy:timeout=%ums", i);
	refused_with(parse, many, "at most 32");
}

static void test_the_cheapest_and_the_safest_are_on_the_frontier(void **state)
{
	struct replay_point p[] = {{.cost = 2000, .exposure = 0}, {.cost = 100, .exposure = 5}};

	(void)state;
	replay_frontier_find(p, 2);
	assert_int_equal(p[0].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[1].beaten_by, REPLAY_UNBEATEN);
}

/*
 *    cost ^  0
 *         |          3     beaten by 1 and 2: 2 is cheaper
 *         |    1
 *         |        2   4   beaten by 2: as cheap, less safe
 *         +-----------------> exposure
 */
static void test_who_is_beaten_names_the_cheapest_that_beats_him(void **state)
{
	struct replay_point p[] = {
		{.cost = 9, .exposure = 0}, {.cost = 5, .exposure = 2}, {.cost = 3, .exposure = 4},
		{.cost = 7, .exposure = 5}, {.cost = 3, .exposure = 6},
	};

	(void)state;
	replay_frontier_find(p, 5);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(p[i].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[3].beaten_by, 2);
	assert_int_equal(p[4].beaten_by, 2);
}

static void test_who_beats_and_is_beaten_is_not_named(void **state)
{
	struct replay_point p[] = {
		{.cost = 3, .exposure = 3}, {.cost = 1, .exposure = 2}, {.cost = 1, .exposure = 1}};

	(void)state;
	replay_frontier_find(p, 3);
	assert_int_equal(p[0].beaten_by, 2); /* not 1, which is as cheap */
	assert_int_equal(p[1].beaten_by, 2);
}

static void test_equal_points_both_stay(void **state)
{
	struct replay_point p[] = {{.cost = 3, .exposure = 3}, {.cost = 3, .exposure = 3}};

	(void)state;
	replay_frontier_find(p, 2);
	assert_int_equal(p[0].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[1].beaten_by, REPLAY_UNBEATEN);
}

/* Who has done only a part of the work is cheap. */
static void test_who_failed_neither_beats_nor_is_beaten(void **state)
{
	struct replay_point p[] = {{.cost = 1, .exposure = 1, .failed = true},
				   {.cost = 2, .exposure = 2},
				   {.cost = 3, .exposure = 3, .failed = true},
				   {.cost = 4, .exposure = 4}};

	(void)state;
	replay_frontier_find(p, 4);
	assert_int_equal(p[0].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[1].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[2].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[3].beaten_by, 1);
}

static void test_exposure_without_end_is_beaten_only_by_what_is_no_dearer(void **state)
{
	struct replay_point p[] = {{.cost = 3, .exposure = INFINITY},
				   {.cost = 4, .exposure = 0},
				   {.cost = 3, .exposure = 100},
				   {.cost = 2, .exposure = INFINITY}};

	(void)state;
	replay_frontier_find(p, 4);
	assert_int_equal(p[0].beaten_by, 3);
	assert_int_equal(p[1].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[2].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[3].beaten_by, REPLAY_UNBEATEN);
}

/* 0 and 1 may be equal or not; 2 leaves less open than either, at a price in between. */
static void test_a_counter_at_its_end_beats_nobody(void **state)
{
	struct replay_point p[] = {{.cost = 3, .exposure = 100, .exposes_more = true},
				   {.cost = 5, .exposure = 100, .exposes_more = true},
				   {.cost = 4, .exposure = 99},
				   {.cost = 6, .exposure = INFINITY}};

	(void)state;
	replay_frontier_find(p, 4);
	assert_int_equal(p[0].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[1].beaten_by, 2);
	assert_int_equal(p[2].beaten_by, REPLAY_UNBEATEN);
	assert_int_equal(p[3].beaten_by, 2);
	replay_frontier_find(p, 2);
	assert_int_equal(p[1].beaten_by, REPLAY_UNBEATEN);
}

/* Of results: what their counters say. */
static void test_points_know_whose_counter_is_at_its_end(void **state)
{
	struct replay_exposure *exposed = calloc(2, sizeof(*exposed));
	struct replay_result results[2] = {
		{.way = REPLAY_LAZY, .map_table_ns = 5, .exposed = &exposed[0]},
		{.way = REPLAY_LAZY_SINGLE, .map_table_ns = 9, .exposed = &exposed[1]}};
	struct replay_answer answer = {.results = results, .nresults = 2};
	struct replay_point points[2];

	(void)state;
	exposed[0].sum.could.byte_ns = exposed[1].sum.could.byte_ns = UINT64_MAX;
	replay_what_if_points(&answer, points);
	assert_true(points[0].exposes_more);
	assert_int_equal(points[1].beaten_by, REPLAY_UNBEATEN);
	exposed[0].sum.could.byte_ns--;
	replay_what_if_points(&answer, points);
	assert_false(points[0].exposes_more);
	assert_int_equal(points[1].beaten_by, 0);
	free(exposed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_is_kept_in_its_order_in_one_form),
		cmocka_unit_test(test_what_is_no_list_of_ways_to_flush_is_refused),
		cmocka_unit_test(test_the_cheapest_and_the_safest_are_on_the_frontier),
		cmocka_unit_test(test_who_is_beaten_names_the_cheapest_that_beats_him),
		cmocka_unit_test(test_who_beats_and_is_beaten_is_not_named),
		cmocka_unit_test(test_equal_points_both_stay),
		cmocka_unit_test(test_who_failed_neither_beats_nor_is_beaten),
		cmocka_unit_test(test_exposure_without_end_is_beaten_only_by_what_is_no_dearer),
		cmocka_unit_test(test_a_counter_at_its_end_beats_nobody),
		cmocka_unit_test(test_points_know_whose_counter_is_at_its_end),
	};

	return cmocka_run_group_tests_name("replay_what_if", tests, NULL, NULL);
}
