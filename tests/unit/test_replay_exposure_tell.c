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

static const json_t *member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	if (!value)
		fail_msg("no member %s", name);
	return value;
}

static void expect_count(const json_t *object, const char *name, json_int_t n)
{
	assert_true(json_is_integer(member(object, name)));
	assert_int_equal(json_integer_value(member(object, name)), n);
}

static void expect_real(const json_t *object, const char *name, double x)
{
	assert_true(json_real_value(member(object, name)) == x);
}

static void expect_names(const json_t *object, const char *list, const char *expected)
{
	const json_t *names = member(object, list);
	char text[256] = "";

	assert_true(json_is_array(names));
	for (size_t i = 0; i < json_array_size(names); i++) {
		strcat(text, json_string_value(json_array_get(names, i)));
		strcat(text, " ");
	}
	assert_string_equal(text, expected);
}

/* An answer without a trace; the caller frees what is exposed. */
static struct replay_exposure *made_up(struct replay_result *r, struct replay_answer *a)
{
	static const struct replay_route route = {.name = "lazy", .way = REPLAY_LAZY};
	struct replay_exposure *exposed = calloc(1, sizeof(*exposed));

	assert_non_null(exposed);
	exposed->sum.flags = DMP_EXPOSURE_SEEN;
	*r = (struct replay_result){.route = &route, .way = REPLAY_LAZY, .exposed = exposed};
	*a = (struct replay_answer){.results = r, .nresults = 1};
	return exposed;
}

/* Each counter has a value of its own. */
static void number_side(struct dmp_exposure_side *side, uint64_t first)
{
	side->windows = first;
	side->bytes = first + 1;
	side->open = first + 2;
	side->open_bytes = first + 3;
	side->open_oldest_ns = 1000 * (first + 4);
	side->byte_ns = 1000000000 * (first + 5);
	dmp_spread_add(&side->ns, 16000);
}

static void expect_side(const json_t *json, json_int_t first)
{
	expect_count(json, "windows", first);
	expect_count(json, "bytes", first + 1);
	expect_count(json, "open", first + 2);
	expect_count(json, "open_bytes", first + 3);
	expect_real(json, "open_oldest_us", (double)first + 4);
	expect_real(json, "byte_seconds", (double)first + 5);
	expect_real(json, "p50_us", 16);
	expect_real(json, "p99_us", 16);
	expect_real(json, "worst_us", (double)first + 4);
	expect_names(json, "at_least", "worst_us ");
}

static void number_seen(struct dmp_exposure_seen *seen)
{
	seen->iova_reused = 31;
	seen->memory_mapped = 32;
	seen->memory_mapped_elsewhere = 33;
	seen->memory_freed = 34;
	seen->stale_reads = 35;
	seen->stale_writes = 36;
	seen->stale_bytes = 37;
	seen->stale_oldest_ns = 38000;
	seen->untracked = 39;
	seen->windows_reused = 40;
}

static void expect_seen(const json_t *json)
{
	expect_count(json, "iova_reused", 31);
	expect_count(json, "memory_mapped", 32);
	expect_count(json, "memory_mapped_elsewhere", 33);
	expect_count(json, "memory_freed", 34);
	expect_count(json, "stale_reads", 35);
	expect_count(json, "stale_writes", 36);
	expect_count(json, "stale_bytes", 37);
	expect_real(json, "stale_oldest_us", 38);
	expect_count(json, "untracked", 39);
	expect_count(json, "windows_reused", 40);
	expect_names(json, "at_least", "");
}

static void test_every_counter_has_its_own_name_in_the_json(void **state)
{
	struct replay_result r;
	struct replay_answer a;
	struct replay_exposure *exposed = made_up(&r, &a);
	json_t *json;

	(void)state;
	exposed->sum.unmaps = 11;
	exposed->sum.unmapped_bytes = 12;
	exposed->bound_ns = 13000;
	exposed->peak_queued_bytes = 14;
	number_side(&exposed->sum.could, 100);
	number_side(&exposed->sum.seen.did, 200);
	number_seen(&exposed->sum.seen);
	json = replay_exposure_json(&a, exposed);
	expect_count(json, "unmaps", 11);
	expect_count(json, "unmapped_bytes", 12);
	expect_real(json, "bound_us", 13);
	expect_count(json, "peak_queued_bytes", 14);
	expect_names(json, "endless", "");
	expect_names(json, "at_least", "");
	assert_true(json_is_false(member(json, "saturated")));
	expect_side(member(json, "could"), 100);
	expect_seen(member(json, "seen"));
	expect_side(member(member(json, "seen"), "did"), 200);
	json_decref(json);
	free(exposed);
}

static void test_what_is_not_known_is_null_and_what_has_no_end_is_named(void **state)
{
	struct replay_result r;
	struct replay_answer a;
	struct replay_exposure *exposed = made_up(&r, &a);
	json_t *json;

	(void)state;
	exposed->sum.flags = 0;
	exposed->bound_ns = exposed->peak_queued_bytes = UINT64_MAX;
	json = replay_exposure_json(&a, exposed);
	assert_true(json_is_null(member(json, "seen")));
	assert_true(json_is_null(member(json, "peak_queued_bytes")));
	assert_true(json_is_null(member(json, "bound_us")));
	expect_names(json, "endless", "bound_us ");
	json_decref(json);
	free(exposed);
}

static void test_counters_at_their_end_are_named_in_the_json(void **state)
{
	struct replay_result r;
	struct replay_answer a;
	struct replay_exposure *exposed = made_up(&r, &a);
	json_t *json;

	(void)state;
	exposed->sum.flags |= DMP_EXPOSURE_SATURATED;
	exposed->sum.unmapped_bytes = UINT64_MAX;
	exposed->sum.could.bytes = exposed->sum.could.byte_ns = UINT64_MAX;
	exposed->sum.seen.memory_freed = UINT64_MAX;
	json = replay_exposure_json(&a, exposed);
	assert_true(json_is_true(member(json, "saturated")));
	expect_names(json, "at_least", "unmapped_bytes ");
	expect_names(member(json, "could"), "at_least", "bytes byte_seconds ");
	expect_names(member(json, "seen"), "at_least", "memory_freed ");
	expect_names(member(member(json, "seen"), "did"), "at_least", "");
	json_decref(json);
	free(exposed);
}

static void test_counters_at_their_end_are_marked_in_the_table(void **state)
{
	struct replay_opts opts = exposed_opts(REPLAY_CLOCK_TRACE);
	struct replay_result r;
	struct replay_answer a;
	struct replay_exposure *exposed = made_up(&r, &a);
	char *text;

	(void)state;
	exposed->sum.seen.did.windows = 7;
	exposed->sum.seen.windows_reused = 3;
	text = printed(&opts, &a);
	assert_null(strstr(text, ">"));
	assert_null(strstr(text, "counter"));
	free(text);
	exposed->sum.flags |= DMP_EXPOSURE_SATURATED;
	exposed->sum.could.byte_ns = UINT64_MAX;
	text = printed(&opts, &a);
	assert_non_null(
		strstr(text, "  >18446.7         0       0.0     0.000         7         3  and"));
	assert_non_null(strstr(text, "  and more: a counter is at its end\n"));
	free(text);
	exposed->sum.could.byte_ns = 0;
	exposed->sum.seen.did.byte_ns = UINT64_MAX;
	exposed->sum.seen.did.open_oldest_ns = 1000;
	text = printed(&opts, &a);
	assert_non_null(
		strstr(text, "     0.000         0      >1.0  >18446.7         7         3"));
	free(text);
	exposed->sum.seen.did.byte_ns = exposed->sum.seen.did.open_oldest_ns = 0;
	exposed->sum.seen.untracked = 1;
	text = printed(&opts, &a);
	assert_non_null(strstr(text, " >0.0    >0.000         7         3"));
	free(text);
	free(exposed);
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
		cmocka_unit_test(test_every_counter_has_its_own_name_in_the_json),
		cmocka_unit_test(test_what_is_not_known_is_null_and_what_has_no_end_is_named),
		cmocka_unit_test(test_counters_at_their_end_are_named_in_the_json),
		cmocka_unit_test(test_counters_at_their_end_are_marked_in_the_table),
	};

	return cmocka_run_group_tests_name("replay_exposure_tell", tests, NULL, NULL);
}
