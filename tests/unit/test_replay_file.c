// SPDX-License-Identifier: MIT
/*
 * test_replay_file.c - proves that a file becomes a column a route, or one complaint
 */
#include "test_replay_answer.h"
#include "command.h"

/* The last route, whose way is the trace's. */
static void test_a_file_gets_a_result_for_every_route(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);

	(void)state;
	assert_int_equal(answer.nresults, 2);
	assert_string_equal(answer.results[0].route->name, "direct");
	assert_string_equal(answer.results[1].route->name, "strict");
	assert_int_equal(answer.nlanes, 2);
	assert_int_equal(answer.nevents, 3);
	replay_answer_free(&answer);
}

static void test_only_the_routes_asked_for_are_replayed(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.routes = 1u << REPLAY_STRICT;
	opts.repeat = 3;
	answer = replayed(MIXED_TRACE, &opts);
	assert_int_equal(answer.nresults, 1);
	assert_string_equal(answer.results[0].route->name, "strict");
	assert_int_equal(answer.results[0].runs, 3);
	replay_answer_free(&answer);
}

static void test_the_numbers_of_a_file_are_those_of_its_lines(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer = replayed(MIXED_TRACE, &opts);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct replay_result *r = &answer.results[i];

		assert_int_equal(r->maps, 3);
		assert_int_equal(r->maps_replayed, 2);
		assert_int_equal(r->unmaps, 1);
		assert_int_equal(r->live_at_end, 1);
		assert_int_equal(r->failed_in_trace, 1);
		assert_int_equal(r->unmatched, 1);
		assert_true(r->cross_cpu_share == 1);
		assert_false(replay_result_is_bad(r));
	}
	replay_answer_free(&answer);
}

static void expect_complaint(const char *text)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	assert_int_equal(replay_text(text, &opts, &answer), EXIT_USAGE);
	assert_null(answer.trace);
	assert_null(answer.results);
}

static void test_a_file_without_anything_usable_is_complained_about(void **state)
{
	(void)state;
	expect_complaint("");
	expect_complaint("hello\nworld\n");
	expect_complaint(UNMAP(0, 05, "TO_DEVICE", 77000, 256));
	expect_complaint(MAP(0, 03, "TO_DEVICE", ffffffffffffffff, 5000, 256));
	expect_complaint(MAP(0, 02, "TO_DEVICE", 40000000, 80000000, 1073741824));
}

/* As traces/README.md has it: 2707 / 1933, live at the end 774 maps and 49 allocations. */
static void test_a_bundled_trace_gives_the_recorded_numbers(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	assert_int_equal(replay_file(&opts, TRACE_DIR "/boot-and-probe.txt.xz", &answer), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(answer.results[i].maps, 2707);
		assert_int_equal(answer.results[i].unmaps, 1933);
		assert_int_equal(answer.results[i].live_at_end, 823);
		assert_int_equal(answer.results[i].unmatched, 0);
		assert_false(replay_result_is_bad(&answer.results[i]));
	}
	replay_answer_free(&answer);
}

/* In file order the peak is the recorded one: 32 maps in flight, 32 deep queue. */
static void test_in_file_order_the_peak_is_the_recorded_one(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.serial = true;
	opts.data = false;
	assert_int_equal(replay_file(&opts, TRACE_DIR "/swiotlb-force-small.txt.xz", &answer), 0);
	assert_int_equal(answer.results[0].peak_in_flight, 32);
	assert_int_equal(answer.results[1].peak_in_flight, 32);
	replay_answer_free(&answer);
}

/* It would be the same run again. */
static void test_as_recorded_has_the_answer_of_its_route(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.routes = 1u << REPLAY_DIRECT | 1u << REPLAY_LAZY | AS_RECORDED;
	answer = replayed(MIXED_TRACE, &opts);
	assert_int_equal(answer.nresults, 3);
	assert_string_equal(answer.results[2].route->name, "as-recorded");
	assert_int_equal(answer.results[2].way, REPLAY_DIRECT);
	assert_true(answer.results[2].seconds == answer.results[0].seconds);
	assert_int_equal(answer.results[2].maps, 3);
	replay_answer_free(&answer);
}

static void test_as_recorded_alone_is_replayed(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.routes = AS_RECORDED;
	answer = replayed(MIXED_TRACE, &opts);
	assert_int_equal(answer.nresults, 1);
	assert_int_equal(answer.results[0].way, REPLAY_DIRECT);
	assert_int_equal(answer.results[0].maps, 3);
	assert_false(replay_result_is_bad(&answer.results[0]));
	replay_answer_free(&answer);
}

static void test_every_route_gives_the_same_counts(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.routes = (1u << replay_nroutes) - 1;
	assert_int_equal(replay_file(&opts, TRACE_DIR "/boot-and-probe.txt.xz", &answer), 0);
	assert_int_equal(answer.nresults, replay_nroutes);
	for (unsigned i = 0; i < answer.nresults; i++) {
		assert_int_equal(answer.results[i].maps, 2707);
		assert_int_equal(answer.results[i].unmaps, 1933);
		assert_int_equal(answer.results[i].live_at_end, 823);
		assert_int_equal(answer.results[i].allocs, 49);
		assert_false(replay_result_is_bad(&answer.results[i]));
	}
	replay_answer_free(&answer);
}

/* A pool of 2 GiB: the machine has no such block. */
static void test_a_route_that_cannot_be_taken_is_missing_and_the_others_are_answered(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.routes = 1u << REPLAY_BOUNCE | 1u << REPLAY_STRICT;
	opts.slots = 1u << 20;
	assert_int_equal(replay_text(MIXED_TRACE, &opts, &answer), 0);
	assert_int_equal(answer.refused, 1u << REPLAY_BOUNCE);
	assert_int_equal(answer.nresults, 1);
	assert_int_equal(answer.results[0].way, REPLAY_STRICT);
	replay_answer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_a_route_that_cannot_be_taken_is_missing_and_the_others_are_answered),
		cmocka_unit_test(test_a_file_gets_a_result_for_every_route),
		cmocka_unit_test(test_only_the_routes_asked_for_are_replayed),
		cmocka_unit_test(test_the_numbers_of_a_file_are_those_of_its_lines),
		cmocka_unit_test(test_a_file_without_anything_usable_is_complained_about),
		cmocka_unit_test(test_a_bundled_trace_gives_the_recorded_numbers),
		cmocka_unit_test(test_in_file_order_the_peak_is_the_recorded_one),
		cmocka_unit_test(test_as_recorded_has_the_answer_of_its_route),
		cmocka_unit_test(test_as_recorded_alone_is_replayed),
		cmocka_unit_test(test_every_route_gives_the_same_counts),
	};

	return cmocka_run_group_tests_name("replay_file", tests, NULL, NULL);
}
