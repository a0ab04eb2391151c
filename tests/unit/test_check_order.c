// SPDX-License-Identifier: MIT
/*
 * test_check_order.c - proves that an order of calls is made as told, on an empty space
 */
#include "test_check_rig.h"

/* A page is freed before the line of an allocation that did not get it. */
#define INTERRUPTED                                                                                \
	IOVA_ALLOC(0, 01, 1, fffff)                                                                \
	IOVA_ALLOC(0, 02, 1, ffffe)                                                                \
	IOVA_FREE(0, 03, ffffe, 1)                                                                 \
	IOVA_ALLOC(0, 04, 1, ffffd)                                                                \
	IOVA_FREE(0, 05, ffffd, 1)                                                                 \
	IOVA_ALLOC(0, 06, 1, ffffd)

struct fixture {
	struct trace *trace;
	struct check_space space;
	struct check_order order;
};

static struct fixture prepare(const char *text)
{
	struct fixture f = {.trace = READ(text)};

	f.space = space_of(f.trace);
	return f;
}

static void discard(struct fixture *f)
{
	check_order_free(&f->order);
	check_calls_free(&f->space);
	trace_free(f->trace);
	assert_int_equal(dmp_meta_in_use(), 0);
	assert_int_equal(dmp_harness_leave(), -EINVAL);
}

static uint32_t reached(struct fixture *f)
{
	uint32_t pos = TRACE_NONE;

	assert_int_equal(check_order_run(&f->order, &pos), 0);
	return pos;
}

static void test_a_run_ends_at_the_first_other_answer(void **state)
{
	struct fixture f = prepare(INTERRUPTED);

	(void)state;
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	assert_int_equal(reached(&f), 3);
	discard(&f);
}

static void test_a_moved_call_is_made_at_its_new_place(void **state)
{
	struct fixture f = prepare(INTERRUPTED);

	(void)state;
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	check_order_move(&f.order, 3, 2);
	assert_int_equal(reached(&f), 6);
	check_order_move(&f.order, 2, 3);
	assert_int_equal(reached(&f), 3);
	discard(&f);
}

static void test_a_move_shifts_what_lies_between(void **state)
{
	static const uint32_t back[] = {0, 4, 1, 2, 3, 5}, there[] = {0, 1, 2, 3, 4, 5};
	struct fixture f = prepare(INTERRUPTED);

	(void)state;
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	check_order_move(&f.order, 4, 1);
	assert_memory_equal(f.order.calls, back, sizeof(back));
	check_order_move(&f.order, 1, 4);
	assert_memory_equal(f.order.calls, there, sizeof(there));
	discard(&f);
}

/* The library is never asked to free what it has not given out: that would be logged. */
static void count_line(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)level;
	(void)line;
	++*(unsigned *)ctx;
}

static void test_after_another_answer_its_own_range_is_freed(void **state)
{
	struct fixture f = prepare(INTERRUPTED);
	unsigned logged = 0;

	(void)state;
	dmp_log_set_sink(count_line, &logged);
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	f.order.given_up[3] = true;
	assert_int_equal(reached(&f), 5);
	assert_int_equal(f.order.answers[5], 0xffffe);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(logged, 0);
	discard(&f);
}

static void test_a_tolerant_run_gives_up_what_differs(void **state)
{
	struct fixture f = prepare(INTERRUPTED);

	(void)state;
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	f.order.tolerant = true;
	assert_int_equal(reached(&f), 6);
	assert_true(f.order.given_up[3] && f.order.given_up[5]);
	assert_false(f.order.given_up[0] || f.order.given_up[1]);
	discard(&f);
}

/* A pool of 256 slots is full for a request that the library can serve. */
static void test_what_the_kernel_refused_is_not_kept(void **state)
{
	struct fixture f = prepare(SLOTS_MAP(0, 01, 5000, 4096, 7d200000)
					   SLOTS_MAP(0, 02, 6000, 4096, ffffffffffffffff));

	(void)state;
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	f.order.tolerant = true;
	assert_int_equal(reached(&f), 2);
	assert_true(f.order.given_up[1]);
	assert_true(f.order.answers[1] == TRACE_ADDR_FAILED);
	discard(&f);
}

/*
 * One CPU frees 4 * 127 + 1 pages from the top down:
 *
 *    prev     fffff .. fff81
 *    depot    fff80 .. fff02,  fff01 .. ffe83,  ffe82 .. ffe04
 *    loaded   ffe03
 *
 * More magazines than CPUs: after 100 ms the latest goes back to the tree, which has room for
 * 64 pages then.
 */
static struct fixture depot_of_three(const char *last_lines)
{
	struct fixture f;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	for (unsigned i = 0; i < 4 * 127 + 1; i++)
		fprintf(to,
			" a-1 [000] d..1. 1.000001: iova_alloc: (a <- b) iovad=0x1 size=1 "
			"limit_pfn=0xfffff flush=0 pfn=0x%x\n",
			0xfffff - i);
	for (unsigned i = 0; i < 4 * 127 + 1; i++)
		fprintf(to, " a-1 [000] d..1. 1.000002: iova_free: (a) iovad=0x1 pfn=0x%x size=1\n",
			0xfffff - i);
	fputs(last_lines, to);
	fclose(to);
	f = prepare(text);
	free(text);
	return f;
}

#define BIG_ALLOC(time, size, pfn)                                                                 \
	" a-1 [000] d..1. " time ": iova_alloc: (a <- b) iovad=0x1 size=" #size                    \
	" limit_pfn=0xfffff flush=0 pfn=0x" #pfn "\n"

static void test_the_clock_follows_the_times_of_the_lines(void **state)
{
	static const char *const cases[] = {
		BIG_ALLOC("1.100001", 64, ffdc0),
		BIG_ALLOC("1.100002", 64, ffe40),
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture f = depot_of_three(cases[i]);

		assert_int_equal(check_order_init(&f.order, &f.space), 0);
		assert_int_equal(reached(&f), f.space.ncalls);
		discard(&f);
	}
}

/* The line of 64 pages is of a time when there is room; the call came before that. */
static void test_a_moved_call_is_made_at_the_time_of_the_line_behind_it(void **state)
{
	struct fixture f =
		depot_of_three(BIG_ALLOC("1.050000", 128, ffd00) BIG_ALLOC("1.150000", 64, ffdc0));
	uint32_t n = f.space.ncalls;

	(void)state;
	assert_int_equal(check_order_init(&f.order, &f.space), 0);
	check_order_move(&f.order, n - 1, n - 2);
	assert_int_equal(reached(&f), n);
	discard(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_ends_at_the_first_other_answer),
		cmocka_unit_test(test_a_moved_call_is_made_at_its_new_place),
		cmocka_unit_test(test_a_move_shifts_what_lies_between),
		cmocka_unit_test(test_after_another_answer_its_own_range_is_freed),
		cmocka_unit_test(test_a_tolerant_run_gives_up_what_differs),
		cmocka_unit_test(test_what_the_kernel_refused_is_not_kept),
		cmocka_unit_test(test_the_clock_follows_the_times_of_the_lines),
		cmocka_unit_test(test_a_moved_call_is_made_at_the_time_of_the_line_behind_it),
	};

	return cmocka_run_group_tests_name("check_order", tests, NULL, NULL);
}
