// SPDX-License-Identifier: MIT
/*
 * test_replay_exposure_tell.c - proves that a plain replay tells what devices could reach, by
 * route and domain, on the clock that it says, and only if that was asked for
 */
#include "test_replay_what_if_answer.h"

#include <jansson.h>

static struct replay_opts exposed_opts(enum replay_clock clock)
{
	struct replay_opts opts = answer_opts();

	opts.clock = clock;
	opts.exposure = true;
	opts.routes |= 1u << REPLAY_LAZY | AS_RECORDED;
	return opts;
}

static char *printed(const struct replay_opts *opts, const struct replay_answer *answer)
{
	char *text = calloc(1, 16384);
	FILE *to = fmemopen(text, 16384, "w");

	assert_non_null(text);
	assert_non_null(to);
	replay_exposure_print(to, opts, answer);
	fclose(to);
	return text;
}

static void test_a_route_is_told_with_its_clock(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_TRACE);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&opts, &a);

	(void)state;
	assert_non_null(strstr(text, "us of the trace's time"));
	assert_non_null(strstr(text, "\n  strict\n"));
	assert_non_null(strstr(text, "\n  lazy\n"));
	assert_non_null(strstr(text, " 10000.0 "));
	assert_non_null(strstr(text, "\n  direct, as-recorded: not measured, since nothing"));
	assert_null(strstr(text, "\n  direct\n"));
	assert_null(strstr(text, NVME)); /* the only domain */
	free(text);
	replay_answer_free(&a);
}

static void test_several_domains_have_a_line_each(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_REAL);
	struct replay_answer a = replayed(
		TWO_UNMAPS AT(0, "1.014000",
			      "dma_map_page: 0000:00:05.0 dir=TO_DEVICE dma_addr=1000 size=64 "
			      "phys_addr=7000 attrs="),
		&opts);
	char *text = printed(&opts, &a);

	(void)state;
	assert_non_null(strstr(text, "us of real time"));
	assert_non_null(strstr(text, "\n    0000:00:03.0 "));
	assert_non_null(strstr(text, "\n    0000:00:05.0 "));
	free(text);
	replay_answer_free(&a);
}

static void test_routes_without_translation_alone_are_told_to_be_so(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_REAL);
	struct replay_answer a;
	char *text;

	(void)state;
	opts.routes = 1u << REPLAY_BOUNCE;
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&opts, &a);
	assert_string_equal(text, "  bounce: not measured, since nothing is translated: a device "
				  "reaches all memory at all times\n");
	free(text);
	replay_answer_free(&a);
}

static void test_translated_routes_alone_are_all_measured(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_REAL);
	struct replay_answer a;
	char *text;

	(void)state;
	opts.routes = 1u << REPLAY_STRICT;
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&opts, &a);
	assert_null(strstr(text, "not measured"));
	free(text);
	replay_answer_free(&a);
}

/* A timer of 1 s: both unmaps are open when the trace ends, 12 and 8 ms later. */
static void test_what_is_open_at_the_end_is_no_time_that_is_over(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_TRACE);
	struct replay_answer a;
	const json_t *could;
	json_t *json;
	char *text;

	(void)state;
	opts.routes = 1u << REPLAY_LAZY_SINGLE;
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&opts, &a);
	json = replay_exposure_json(&a, a.results[0].exposed);
	could = json_object_get(json, "could");
	assert_non_null(strstr(text, " 2         -         -  >12000.0 "));
	assert_true(json_is_null(json_object_get(could, "p50_us")));
	assert_true(json_is_null(json_object_get(could, "p99_us")));
	assert_true(json_real_value(json_object_get(could, "worst_us")) == 12000);
	free(text);
	json_decref(json);
	replay_answer_free(&a);
}

static void test_nothing_is_told_that_was_not_asked_for(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_REAL);
	struct replay_answer a;
	char *text;
	json_t *json;

	(void)state;
	opts.exposure = false;
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&opts, &a);
	json = replay_json_answer(&opts, &a);
	assert_string_equal(text, "");
	for (unsigned i = 0; i < a.nresults; i++)
		assert_null(json_object_get(json_array_get(json_object_get(json, "routes"), i),
					    "exposure"));
	free(text);
	json_decref(json);
	replay_answer_free(&a);
}

static void test_the_json_has_the_counters_of_every_domain(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_TRACE);
	struct replay_answer a;
	const json_t *route, *exposure, *could, *domain;
	json_t *json;

	(void)state;
	opts.routes = 1u << REPLAY_LAZY;
	a = replayed(TWO_UNMAPS, &opts);
	json = replay_json_answer(&opts, &a);
	route = json_array_get(json_object_get(json, "routes"), 0);
	exposure = json_object_get(route, "exposure");
	could = json_object_get(exposure, "could");
	domain = json_array_get(json_object_get(exposure, "domains"), 0);
	assert_string_equal(json_string_value(json_object_get(exposure, "clock")), "trace");
	assert_int_equal(json_integer_value(json_object_get(exposure, "unmaps")), 2);
	assert_int_equal(json_integer_value(json_object_get(exposure, "peak_queued_bytes")), 8192);
	assert_true(json_real_value(json_object_get(exposure, "bound_us")) == 10000);
	assert_int_equal(json_integer_value(json_object_get(could, "windows")), 2);
	assert_true(json_real_value(json_object_get(could, "worst_us")) == 10000);
	assert_true(json_real_value(json_object_get(could, "byte_seconds")) == 4096 * 0.016);
	assert_string_equal(json_string_value(json_object_get(domain, "device")), "0000:00:03.0");
	assert_int_equal(json_integer_value(json_object_get(domain, "unmaps")), 2);
	json_decref(json);
	replay_answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_route_is_told_with_its_clock),
		cmocka_unit_test(test_several_domains_have_a_line_each),
		cmocka_unit_test(test_routes_without_translation_alone_are_told_to_be_so),
		cmocka_unit_test(test_translated_routes_alone_are_all_measured),
		cmocka_unit_test(test_what_is_open_at_the_end_is_no_time_that_is_over),
		cmocka_unit_test(test_nothing_is_told_that_was_not_asked_for),
		cmocka_unit_test(test_the_json_has_the_counters_of_every_domain),
	};

	return cmocka_run_group_tests_name("replay_exposure_tell", tests, NULL, NULL);
}
