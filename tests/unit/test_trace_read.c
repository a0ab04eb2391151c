// SPDX-License-Identifier: MIT
/*
 * test_trace_read.c - proves R1 of bench/trace_read.c, and its last-line rule
 */
#include "test_trace_files.h"

#include <errno.h>

#define UNMAP NVME "dir=TO_DEVICE dma_addr=f000 size=16"

static void expect_skips(const struct trace *trace, enum trace_skip why, uint64_t count,
			 uint32_t first_line)
{
	assert_int_equal(trace->skips[why].count, count);
	assert_int_equal(trace->skips[why].first_line, first_line);
}

static uint64_t all_skips(const struct trace *trace)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < TRACE_NSKIPS; i++)
		sum += trace->skips[i].count;
	return sum;
}

static void expect_error(const char *text, int err, const char *words)
{
	struct trace *trace;
	struct trace_error error;

	assert_int_equal(read_bytes(text, strlen(text), &trace, &error), err);
	assert_non_null(strstr(error.text, words));
	assert_null(strchr(error.text, '\n'));
}

static void test_tracefs_text_is_read(void **state)
{
	struct trace *trace = READ("# tracer: nop\n#\n"
				   "# entries-in-buffer/entries-written: 2/2   #P:8\n#\n" ON(
					   1, 01, "dma_unmap_page: " UNMAP " attrs="),
				   ON(2, 02, "dma_sync_single_for_cpu: " UNMAP));

	(void)state;
	assert_int_equal(trace->nevents, 2);
	assert_int_equal(trace->nlines, 6);
	assert_int_equal(trace->ncpus, 8);
	assert_int_equal(trace->events[1].line, 6);
	assert_int_equal(trace->of_kind[TRACE_SYNC_FOR_CPU], 1);
	assert_int_equal(all_skips(trace), 0);
	trace_free(trace);
}

static void test_trace_cmd_text_is_read(void **state)
{
	struct trace *trace = READ("cpus=4\nCPU 3 is empty\n"
				   "  fio-201   [001]    10.4985: dma_unmap_page:       " UNMAP
				   " attrs=\n");

	(void)state;
	assert_int_equal(trace->nevents, 1);
	assert_int_equal(trace->ncpus, 4);
	assert_int_equal(all_skips(trace), 0);
	trace_free(trace);
}

static void test_a_cpu_beyond_the_header_counts(void **state)
{
	struct trace *trace = READ("cpus=2\n" ON(7, 01, "dma_sync_single_for_cpu: " UNMAP));

	(void)state;
	assert_int_equal(trace->ncpus, 8);
	trace_free(trace);
}

static void test_line_ends_of_dos_are_tolerated(void **state)
{
	struct trace *trace = READ("# tracer: nop\r\n\r\n"
				   "  fio-2 [001] d..1. 1.5: dma_unmap_page: " UNMAP " attrs=\r\n");

	(void)state;
	assert_int_equal(trace->nevents, 1);
	assert_int_equal(all_skips(trace), 0);
	trace_free(trace);
}

static void test_every_line_is_an_event_or_a_reason(void **state)
{
	struct trace *trace =
		READ(ON(1, 01, "sched_switch: prev_comm=fio"),
		     ON(1, 02, "dma_unmap_page: " UNMAP " attrs="),
		     ON(1, 03, "dma_unmap_page: " UNMAP) "what is this\n" ON(
			     1, 04, "sched_wakeup: comm=fio") "CPU:1 [LOST 17 EVENTS]\n"
							      "CPU:2 [EVENTS DROPPED]\n"
							      "\n");

	(void)state;
	assert_int_equal(trace->nevents, 1);
	assert_int_equal(trace->nlines, 8);
	expect_skips(trace, TRACE_SKIP_UNKNOWN_EVENT, 2, 1);
	expect_skips(trace, TRACE_SKIP_MALFORMED, 1, 3);
	expect_skips(trace, TRACE_SKIP_NOT_AN_EVENT, 1, 4);
	expect_skips(trace, TRACE_SKIP_LOST_MARK, 2, 6);
	assert_int_equal(all_skips(trace), 6);
	assert_int_equal(trace->lost_events, 17);
	trace_free(trace);
}

static void test_overwritten_events_are_counted_from_the_header(void **state)
{
	struct trace *trace = READ("# entries-in-buffer/entries-written: 10222/10300   #P:4\n" ON(
		1, 01, "dma_sync_single_for_cpu: " UNMAP));

	(void)state;
	assert_int_equal(trace->overwritten_events, 78);
	assert_int_equal(trace->ncpus, 4);
	trace_free(trace);
}

/* "size=16" may be the beginning of "size=1600"; a line that ends in attrs= is whole. */
static void test_last_line_without_newline_counts_only_if_it_is_whole(void **state)
{
	static const struct {
		const char *last;
		uint32_t events;
	} cases[] = {
		{"  fio-2 [001] 1.5: dma_unmap_page: " UNMAP " attrs=", 2},
		{"  fio-2 [001] 1.5: dma_unmap_page: " UNMAP " attrs=NO_WARN", 2},
		{"  fio-2 [001] 1.5: dma_unmap_page: " UNMAP " attrs=NO_W", 1},
		{"  fio-2 [001] 1.5: dma_unmap_page: " UNMAP " attrs=0x1", 1},
		{"  fio-2 [001] 1.5: dma_unmap_page: " UNMAP " attr", 1},
		{"  fio-2 [001] 1.5: dma_sync_single_for_cpu: " UNMAP, 1},
		{"  fio-2 [001] 1.5: dma_unm", 1},
		{"  fio-2 [0", 1},
		{"x", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		struct trace *trace;

		snprintf(text, sizeof(text), "%s%s", ON(1, 01, "dma_sync_single_for_cpu: " UNMAP),
			 cases[i].last);
		trace = READ(text);
		assert_int_equal(trace->nevents, cases[i].events);
		expect_skips(trace, TRACE_SKIP_CUT_LINE, 2 - cases[i].events,
			     cases[i].events == 2 ? 0 : 2);
		assert_int_equal(all_skips(trace), 2 - cases[i].events);
		trace_free(trace);
	}
}

static void test_cut_off_xz_is_used_and_counted(void **state)
{
	size_t room = 1u << 20, used = 0;
	char *text = malloc(room);
	uint8_t *packed;
	struct trace *trace;
	struct trace_error error;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; used < room - 200; i++)
		used += (size_t)sprintf(text + used,
					"  fio-%u [001] %u.5: dma_unmap_page: " UNMAP " attrs=\n",
					i * 7919, i * 104729);
	used = pack_xz(text, used, &packed);
	assert_int_equal(read_bytes(packed, used / 2, &trace, &error), 0);
	assert_true(trace->nevents > 100);
	expect_skips(trace, TRACE_SKIP_CUT_FILE, 1, trace->nlines);
	assert_true(trace->skips[TRACE_SKIP_CUT_LINE].count <= 1);
	trace_free(trace);
	free(packed);
	free(text);
}

static void test_line_too_long_is_counted_and_passed_over(void **state)
{
	size_t huge = 2u << 20;
	char *text = malloc(huge + 512), *p;
	struct trace *trace;

	(void)state;
	assert_non_null(text);
	p = stpcpy(text, ON(1, 01, "dma_sync_single_for_cpu: " UNMAP));
	memset(p, 'x', huge);
	strcpy(p + huge, "\n" ON(1, 02, "dma_sync_single_for_cpu: " UNMAP));
	trace = READ(text);
	assert_int_equal(trace->nevents, 2);
	assert_int_equal(trace->events[1].line, 3);
	expect_skips(trace, TRACE_SKIP_LINE_TOO_LONG, 1, 2);
	assert_int_equal(all_skips(trace), 1);
	trace_free(trace);
	free(text);
}

static void test_name_with_a_zero_byte_is_malformed(void **state)
{
	static const char text[] =
		"  fio-2 [001] 1.5: dma_sync_single_for_cpu: d\0v dir=NONE "
		"dma_addr=1 size=1\n" ON(1, 02, "dma_sync_single_for_cpu: " UNMAP);
	static char far[sizeof(text) + 1024];
	struct trace *trace;
	struct trace_error error;

	(void)state;
	/* Behind the first bytes, by which a binary file is known */
	memset(far, '\n', 1024);
	memcpy(far + 1024, text, sizeof(text));
	assert_int_equal(read_bytes(far, 1024 + sizeof(text) - 1, &trace, &error), 0);
	assert_int_equal(trace->nevents, 1);
	assert_int_equal(trace->devices.count, 1);
	expect_skips(trace, TRACE_SKIP_MALFORMED, 1, 1025);
	trace_free(trace);
}

static void test_file_without_one_event_is_refused_with_advice(void **state)
{
	(void)state;
	expect_error("hello\nworld\n", -ENODATA, "nothing usable in 2 lines");
	expect_error("hello\n", -ENODATA, "/sys/kernel/tracing/trace");
	expect_error("# tracer: nop\n#\n", -ENODATA, "a header and no events");
	expect_error(ON(1, 01, "sched_switch: prev_comm=fio"), -ENODATA, "none of dma:*");
	expect_error(ON(1, 01, "dma_unmap_page: nvme0"), -ENODATA, "do not parse");
}

static void test_every_reason_has_a_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACE_NSKIPS; i++)
		assert_string_not_equal(trace_skip_text(i), "unknown");
	assert_string_equal(trace_skip_text(TRACE_NSKIPS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tracefs_text_is_read),
		cmocka_unit_test(test_trace_cmd_text_is_read),
		cmocka_unit_test(test_a_cpu_beyond_the_header_counts),
		cmocka_unit_test(test_line_ends_of_dos_are_tolerated),
		cmocka_unit_test(test_every_line_is_an_event_or_a_reason),
		cmocka_unit_test(test_overwritten_events_are_counted_from_the_header),
		cmocka_unit_test(test_last_line_without_newline_counts_only_if_it_is_whole),
		cmocka_unit_test(test_cut_off_xz_is_used_and_counted),
		cmocka_unit_test(test_line_too_long_is_counted_and_passed_over),
		cmocka_unit_test(test_name_with_a_zero_byte_is_malformed),
		cmocka_unit_test(test_file_without_one_event_is_refused_with_advice),
		cmocka_unit_test(test_every_reason_has_a_text),
	};

	return cmocka_run_group_tests_name("trace_read", tests, NULL, NULL);
}
