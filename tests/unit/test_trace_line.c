// SPDX-License-Identifier: MIT
/*
 * test_trace_line.c - proves that bench/trace_line.c finds task, CPU, time and name
 */
#include "dmptest.h"
#include "trace_internal.h"

static bool head_of(const char *text, struct trace_head *out)
{
	return trace_line_head(text, text + strlen(text), out);
}

static void expect_head(const char *text, unsigned cpu, uint64_t time_ns, const char *name,
			const char *rest)
{
	struct trace_head head;

	assert_true(head_of(text, &head));
	assert_int_equal(head.cpu, cpu);
	assert_int_equal(head.time_ns, time_ns);
	assert_int_equal(head.name.end - head.name.at, strlen(name));
	assert_memory_equal(head.name.at, name, strlen(name));
	assert_string_equal(head.rest.at, rest);
}

static void test_tracefs_line_is_taken_apart(void **state)
{
	(void)state;
	expect_head("             fio-208     [003] d.h..    10.210812: dma_unmap_page: 0000 dir=X",
		    3, 10210812000, "dma_unmap_page", "0000 dir=X");
}

static void test_trace_cmd_line_is_taken_apart(void **state)
{
	(void)state;
	expect_head("             fio-201   [001]    10.498515: map:                  IOMMU: i=0",
		    1, 10498515000, "map", "IOMMU: i=0");
}

static void test_task_names_may_hold_anything(void **state)
{
	(void)state;
	expect_head("          <idle>-0       [001] ..s1.  1.5: map: x", 1, 1500000000, "map", "x");
	expect_head("   kworker/u16:0-12      [001] .....  1.5: map: x", 1, 1500000000, "map", "x");
	expect_head("  a b-1 [7]: x-9 [002] .....  1.5: map: x", 2, 1500000000, "map", "x");
	expect_head("  evil-1 [000] y-33      [002] .....  1.5: map: x", 2, 1500000000, "map", "x");
	expect_head("            -[-]-44      [002] .....  1.5: map: x", 2, 1500000000, "map", "x");
}

static void test_thread_group_column_is_passed_over(void **state)
{
	(void)state;
	expect_head("             fio-208     (    200) [001] d.h..  1.5: map: x", 1, 1500000000,
		    "map", "x");
	expect_head("          <idle>-0       (-------) [002] d.h..  1.5: map: x", 2, 1500000000,
		    "map", "x");
}

static void test_fractions_of_any_width_count(void **state)
{
	(void)state;
	expect_head("a-1 [0] 2.000000001: map: x", 0, 2000000001, "map", "x");
	expect_head("a-1 [0] 2.0000000019: map: x", 0, 2000000001, "map", "x");
	expect_head("a-1 [0] 12345: map: x", 0, 12345, "map", "x");
}

static void expect_context(const char *text, unsigned context)
{
	struct trace_head head;

	assert_true(head_of(text, &head));
	assert_int_equal(head.context, context);
}

static void test_the_third_flag_tells_a_task_from_interrupts(void **state)
{
	(void)state;
	expect_context("a-1 [000] d..1. 2.5: map: x", TRACE_TASK);
	expect_context("a-1 [000] D.s1. 2.5: map: x", TRACE_SOFTIRQ);
	expect_context("a-1 [000] d.h1. 2.5: map: x", TRACE_HARDIRQ);
	expect_context("a-1 [000] d.H1. 2.5: map: x", TRACE_HARDIRQ);
	expect_context("a-1 [000] d.Z1. 2.5: map: x", TRACE_NMI);
	expect_context("a-1 [000] 2.5: map: x", TRACE_TASK);
}

static void test_an_event_may_have_no_fields(void **state)
{
	(void)state;
	expect_head("a-1 [0] 2.5: map:", 0, 2500000000, "map", "");
}

static void test_lines_that_are_no_events_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"hello",
		"a-1",
		"a-1 [",
		"a-1 [0]",
		"a-1 [0] ",
		"a-1 [0] d..1.",
		"a-1 [0] d..1. 1.5",
		"a-1 [0] d..1. 1.5:",
		"a-1 [0] d..1. 1.: map: x",
		"a-1 [0] d..1. .5: map: x",
		"a-1 [x] d..1. 1.5: map: x",
		"a-1 [99999] d..1. 1.5: map: x",
		"a-1 [0]d..1. 1.5: map: x",
		"a-1 [0] d..1. 1.5: : x",
		"a-1 [0] d..1. 1.5: func <-caller: x",
		"a-1 [0] d..1. 99999999999999999999.5: map: x",
		"a-1 [0] d..1. 18446744073709551615.5: map: x",
		"a [0] d..1. 1.5: map: x",
	};
	struct trace_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(head_of(lines[i], &head));
}

static void expect_lost(const char *text, bool is_mark, uint64_t events)
{
	uint64_t lost = 0;

	assert_int_equal(trace_line_lost(text, text + strlen(text), &lost), is_mark);
	assert_int_equal(lost, events);
}

static void test_lost_marks_of_both_tools_are_known(void **state)
{
	(void)state;
	expect_lost("CPU:2 [LOST 17 EVENTS]", true, 17);
	expect_lost("CPU:2 [LOST EVENTS]", true, 0);
	expect_lost("CPU:12 [1234 EVENTS DROPPED]", true, 1234);
	expect_lost("  CPU:1 [EVENTS DROPPED]", true, 0);
	expect_lost("CPU:2 is fine", false, 0);
	expect_lost("[LOST 17 EVENTS]", false, 0);
}

static void expect_number(bool hex, const char *text, bool fits, uint64_t value)
{
	const char *at = text;
	uint64_t out = 0;

	assert_int_equal((hex ? trace_scan_hex : trace_scan_dec)(&at, text + strlen(text), &out),
			 fits);
	assert_int_equal(out, value);
}

static void test_numbers_beyond_64_bits_are_refused(void **state)
{
	(void)state;
	expect_number(false, "18446744073709551615", true, UINT64_MAX);
	expect_number(false, "18446744073709551616", false, 0);
	expect_number(false, "184467440737095516150", false, 0);
	expect_number(true, "ffffffffffffffff", true, UINT64_MAX);
	expect_number(true, "0ffffffffffffffff", true, UINT64_MAX);
	expect_number(true, "10000000000000000", false, 0);
	expect_number(false, "", false, 0);
	expect_number(true, "x", false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tracefs_line_is_taken_apart),
		cmocka_unit_test(test_trace_cmd_line_is_taken_apart),
		cmocka_unit_test(test_task_names_may_hold_anything),
		cmocka_unit_test(test_thread_group_column_is_passed_over),
		cmocka_unit_test(test_fractions_of_any_width_count),
		cmocka_unit_test(test_the_third_flag_tells_a_task_from_interrupts),
		cmocka_unit_test(test_an_event_may_have_no_fields),
		cmocka_unit_test(test_lines_that_are_no_events_are_refused),
		cmocka_unit_test(test_lost_marks_of_both_tools_are_known),
		cmocka_unit_test(test_numbers_beyond_64_bits_are_refused),
	};

	return cmocka_run_group_tests_name("trace_line", tests, NULL, NULL);
}
