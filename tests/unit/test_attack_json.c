// SPDX-License-Identifier: MIT
/*
 * test_attack_json.c - proves that the JSON holds what attack.h says, under names that other
 * programs rely on
 */
#include "test_attack_rig.h"

#include <jansson.h>

static json_t *member(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	assert_non_null(value);
	return value;
}

static json_int_t number(const json_t *object, const char *name)
{
	assert_true(json_is_integer(member(object, name)));
	return json_integer_value(json_object_get(object, name));
}

static json_t *told(const struct attack_result *r)
{
	struct attack_rig rig;
	json_t *json;

	attack_rig_up(&rig, ONE_UNMAP, "strict");
	rig.answer.nevents = 4;
	json = attack_json(&rig.opts, &rig.answer, r, 1);
	attack_rig_down(&rig);
	assert_non_null(json);
	return json;
}

static void test_counts_bound_and_verdict_of_a_policy(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "lazy");
	json_t *json = told(&r), *policy = json_array_get(member(json, "policies"), 0);

	(void)state;
	assert_string_equal(json_string_value(member(json, "trace")), "few");
	assert_string_equal(json_string_value(member(json, "clock")), "trace");
	assert_int_equal(number(json, "events"), 4);
	assert_int_equal(number(json, "seed"), 1);
	assert_string_equal(json_string_value(member(policy, "name")), "lazy");
	assert_int_equal(number(policy, "attempts"), 20000);
	assert_int_equal(number(policy, "bound_ns"), 10000000);
	assert_int_equal(number(policy, "oldest_stale_ns"), r.counts.oldest_stale_ns);
	assert_int_equal(number(policy, "stale_reads"), attack_stale(&r.counts, false));
	assert_int_equal(number(policy, "stale_writes"), attack_stale(&r.counts, true));
	assert_int_equal(number(member(member(member(policy, "by"), "open"), "read"), "stale"),
			 r.counts.by[ATTACK_OPEN][0][DMP_FAULT_STALE]);
	assert_int_equal(number(member(member(policy, "exposure"), "could"), "max_ns"), 10000000);
	assert_int_equal(number(member(policy, "exposure"), "iova_reused"), 0);
	assert_int_equal(json_array_size(member(policy, "broken")), 0);
	json_decref(json);
	attack_result_free(&r);
}

static void test_what_is_wrong_with_the_trace_is_in_it(void **state)
{
	struct attack_rig rig;
	json_t *json, *skip;

	(void)state;
	attack_rig_up(&rig, ONE_UNMAP UNMAP_LATE(0, 70, "TO_DEVICE", 4000, 4096), "strict");
	rig.answer.trace->lost_events = 17;
	rig.answer.trace->overwritten_events = 5;
	rig.opts.profile = "vtd-modern";
	json = attack_json(&rig.opts, &rig.answer, NULL, 0);
	attack_rig_down(&rig);
	assert_int_equal(number(json, "lost_events"), 17);
	assert_int_equal(number(json, "overwritten_events"), 5);
	assert_string_equal(json_string_value(member(json, "profile")), "vtd-modern");
	assert_int_equal(json_array_size(member(json, "skipped")), 1);
	skip = json_array_get(member(json, "skipped"), 0);
	assert_string_equal(json_string_value(member(skip, "reason")),
			    trace_skip_text(TRACE_SKIP_UNMATCHED_UNMAP));
	assert_int_equal(number(skip, "first_line"), 5);
	json_decref(json);
}

static void test_what_there_is_not_is_null(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "none");
	json_t *json = told(&r), *policy = json_array_get(member(json, "policies"), 0);

	(void)state;
	assert_true(json_is_null(member(policy, "bound_ns")));
	assert_true(json_is_null(member(policy, "exposure")));
	json_decref(json);
}

/* On reuse nothing has ended the window. */
static void test_a_window_that_is_open_is_in_no_percentile(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "on-reuse");
	json_t *json = told(&r), *policy = json_array_get(member(json, "policies"), 0);
	json_t *could = member(member(policy, "exposure"), "could");

	(void)state;
	assert_true(json_is_null(member(could, "p50_ns")));
	assert_true(json_is_null(member(could, "p99_ns")));
	assert_int_equal(number(could, "max_ns"), 0);
	assert_true(number(could, "open_oldest_ns") >= number(policy, "oldest_stale_ns"));
	json_decref(json);
	attack_result_free(&r);
}

static void test_what_is_broken_is_listed(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "strict");
	json_t *json, *broken;

	(void)state;
	r.counts.refused = 1;
	r.broken_books = 1;
	json = told(&r);
	broken = member(json_array_get(member(json, "policies"), 0), "broken");
	assert_int_equal(json_array_size(broken), 2);
	assert_string_equal(json_string_value(json_array_get(broken, 0)),
			    attack_breach_text(ATTACK_BREACH_REFUSED));
	json_decref(json);
	attack_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_bound_and_verdict_of_a_policy),
		cmocka_unit_test(test_what_is_wrong_with_the_trace_is_in_it),
		cmocka_unit_test(test_what_there_is_not_is_null),
		cmocka_unit_test(test_a_window_that_is_open_is_in_no_percentile),
		cmocka_unit_test(test_what_is_broken_is_listed),
	};

	return cmocka_run_group_tests_name("attack_json", tests, NULL, NULL);
}
