// SPDX-License-Identifier: MIT
/*
 * test_bench_side.c - proves that two uses of address spaces are measured in turn, and what one that
 * fails does
 */
#include "dmptest.h"
#include "bench_ring.h"
#include "bench_side.h"

#include <dmapool/port.h>

#include <math.h>

static struct bench_table table;
static struct bench_compare c;

static void compare(struct bench_side a, struct bench_side b)
{
	table.count = 0;
	c = (struct bench_compare){.plan = {.samples = 3, .rounds = 10}, .table = &table};
	bench_side_compare(&c, "a test", a, b);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_both_sides_are_measured_as_often(void **state)
{
	(void)state;
	compare(bench_side_cached(2, 4), bench_side_replacing(8));
	assert_true(c.done);
	assert_int_equal(c.results[0].samples, 3);
	assert_int_equal(c.results[0].pairs, 2 * 4 * 10);
	assert_int_equal(c.results[1].pairs, 10);
	assert_true(bench_compare_cpu(&c, "a row", 1, 1)->figure > 0);
	assert_true(bench_compare_wall(&c, "a row", 1, 1)->figure > 0);
	assert_true(bench_compare_ns(&c, 1, "a row", 1, 1)->figure > 0);
	assert_int_equal(table.count, 3);
}

static void test_the_ring_can_be_a_side(void **state)
{
	static struct bench_ring ring;
	struct bench_side passing = bench_side_cached(2, 1);

	(void)state;
	passing.use.pattern = BENCH_PASS;
	compare(passing, (struct bench_side){.nthreads = 2, .ring = &ring});
	assert_true(c.done);
	assert_int_equal(c.results[0].pairs, 10);
	assert_int_equal(c.results[1].pairs, 10);
}

/* Nothing fits below pfn 1. */
static void test_a_side_that_fails_leaves_rows_without_a_figure(void **state)
{
	struct bench_side full = bench_side_cached(1, 2);

	(void)state;
	full.use.limit = 1;
	compare(bench_side_cached(1, 1), full);
	assert_false(c.done);
	assert_true(isnan(bench_compare_cpu(&c, "a row", 1, 1)->figure));
	assert_true(isnan(bench_compare_rate(&c, "a row", 1, 1)->figure));
	full.nthreads = 3;
	full.use.pattern = BENCH_PASS;
	compare(full, bench_side_cached(1, 1));
	assert_false(c.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides_are_measured_as_often),
		cmocka_unit_test(test_the_ring_can_be_a_side),
		cmocka_unit_test(test_a_side_that_fails_leaves_rows_without_a_figure),
	};

	return cmocka_run_group_tests_name("bench_side", tests, NULL, NULL);
}
