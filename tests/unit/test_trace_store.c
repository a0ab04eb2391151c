// SPDX-License-Identifier: MIT
/*
 * test_trace_store.c - proves T1 and T2 of bench/trace_store.c
 */
#include "dmptest.h"
#include "trace_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct trace_span span_of(const char *text)
{
	return (struct trace_span){text, text + strlen(text)};
}

static void test_array_grows_to_any_length_and_keeps_its_elements(void **state)
{
	struct trace trace = {0};
	struct trace_segment *segments;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++)
		assert_int_equal(trace_store_segment(&trace, i, ~i), 0);
	segments = trace.segments;
	for (uint64_t i = 0; i < 5000; i++) {
		assert_int_equal(segments[i].addr, i);
		assert_int_equal(segments[i].len, ~i);
	}
	free(segments);
}

static void test_array_stops_before_an_index_would_not_fit(void **state)
{
	char *array = NULL;

	(void)state;
	assert_int_equal(trace_grow(&array, TRACE_NONE - 1, 1), -EFBIG);
	assert_int_equal(trace_grow(&array, TRACE_NONE, 1), -EFBIG);
	assert_null(array);
}

static void test_names_are_numbered_in_order_of_appearance(void **state)
{
	struct trace_names names = {0};
	uint32_t number;

	(void)state;
	assert_int_equal(trace_names_intern(&names, span_of("b"), &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(trace_names_intern(&names, span_of("a"), &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(trace_names_intern(&names, span_of("b"), &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(names.count, 2);
	trace_names_free(&names);
}

static void test_a_prefix_is_another_name(void **state)
{
	struct trace_names names = {0};
	uint32_t a, ab;

	(void)state;
	assert_int_equal(trace_names_intern(&names, span_of("ab"), &ab), 0);
	assert_int_equal(trace_names_intern(&names, span_of("a"), &a), 0);
	assert_int_not_equal(a, ab);
	assert_int_equal(trace_names_intern(&names, span_of("abc"), &a), 0);
	assert_int_not_equal(a, ab);
	trace_names_free(&names);
}

/* The name that is looked up is no string: it may have a zero byte and more behind it. */
static void test_bytes_behind_a_zero_are_not_compared(void **state)
{
	static const char odd[] = "ab\0cdefghijklmnopqrstuvwxyz";
	struct trace_names names = {0};
	uint32_t number;

	(void)state;
	assert_int_equal(trace_names_intern(&names, span_of("ab"), &number), 0);
	for (size_t len = 3; len < sizeof(odd); len++)
		assert_int_equal(
			trace_names_intern(&names, (struct trace_span){odd, odd + len}, &number),
			0);
	assert_int_equal(trace_names_intern(&names, span_of("ab"), &number), 0);
	trace_names_free(&names);
}

static void test_thousands_of_names_are_found_again(void **state)
{
	struct trace_names names = {0};
	char name[32];
	uint32_t number;

	(void)state;
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < 5000; i++) {
			snprintf(name, sizeof(name), "0000:%04x", i);
			assert_int_equal(trace_names_intern(&names, span_of(name), &number), 0);
			assert_int_equal(number, i);
		}
	}
	assert_true(names.nslots >= 2 * names.count);
	trace_names_free(&names);
}

static void test_first_line_of_a_reason_stays(void **state)
{
	struct trace_skip_count skips[TRACE_NSKIPS] = {0};

	(void)state;
	trace_skip_add(skips, TRACE_SKIP_MALFORMED, 7);
	trace_skip_add(skips, TRACE_SKIP_MALFORMED, 9);
	assert_int_equal(skips[TRACE_SKIP_MALFORMED].count, 2);
	assert_int_equal(skips[TRACE_SKIP_MALFORMED].first_line, 7);
	assert_int_equal(skips[TRACE_SKIP_CUT_LINE].count, 0);
}

static void test_nothing_can_be_freed(void **state)
{
	(void)state;
	trace_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_grows_to_any_length_and_keeps_its_elements),
		cmocka_unit_test(test_array_stops_before_an_index_would_not_fit),
		cmocka_unit_test(test_names_are_numbered_in_order_of_appearance),
		cmocka_unit_test(test_a_prefix_is_another_name),
		cmocka_unit_test(test_bytes_behind_a_zero_are_not_compared),
		cmocka_unit_test(test_thousands_of_names_are_found_again),
		cmocka_unit_test(test_first_line_of_a_reason_stays),
		cmocka_unit_test(test_nothing_can_be_freed),
	};

	return cmocka_run_group_tests_name("trace_store", tests, NULL, NULL);
}
