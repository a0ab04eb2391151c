// SPDX-License-Identifier: MIT
/*
 * test_bench_iova_linked.c - proves which rows helper programs give, and which floor judges them
 */
#include "test_bench_helpers.h"
#include "bench_target.h"

#include <math.h>

/* All helpers say the same time; the floor has @instructions, a pair of ours 60. */
static void plant_all(const char *instructions)
{
	char lines[128];

	for (unsigned i = 0; i < 4; i++)
		plant(helper_names[i], "echo 5 2 2.5 0 5");
	snprintf(lines, sizeof(lines), "[ $2 = ours ] && echo 60 || echo %s", instructions);
	plant("icount.sh", lines);
}

static const struct bench_table *measured(void)
{
	static struct bench_table table;

	table.count = 0;
	bench_iova_linked(&(struct bench_plan){.samples = 1, .sample_ns = 1}, &table);
	return &table;
}

/* Rows with this verdict. */
static unsigned count_of(const struct bench_table *table, enum bench_verdict verdict)
{
	unsigned n = 0;

	for (unsigned i = 0; i < table->count; i++)
		n += bench_target_verdict(&table->row[i]) == verdict;
	return n;
}

static const struct bench_target *row(const struct bench_table *table, const char *name,
				      const char *unit)
{
	for (unsigned i = 0; i < table->count; i++)
		if (strcmp(table->row[i].name, name) == 0 && strcmp(table->row[i].unit, unit) == 0)
			return &table->row[i];
	fail_msg("no row '%s' in %s", name, unit);
	return NULL;
}

/* 2.5 times the floor: as much as a batch of one may have from a shared library, more than from
 * a static one. */
static void test_each_way_of_linking_has_a_row_a_batch(void **state)
{
	const struct bench_table *table;

	(void)state;
	plant_all("32");
	table = measured();
	assert_true(row(table, "floor, batch 1", "ns")->figure == 2);
	assert_true(row(table, "floor, batch 128", "instr.")->figure == 32);
	assert_int_equal(bench_target_verdict(
				 row(table, "cached pair, 1 thread, shared library, batch 1", "x")),
			 BENCH_KEPT);
	assert_int_equal(bench_target_verdict(row(
				 table, "cached pair, 1 thread, shared library, batch 128", "x")),
			 BENCH_BETTER);
	assert_int_equal(bench_target_verdict(
				 row(table, "cached pair, 1 thread, static library, batch 1", "x")),
			 BENCH_MISSED);
	assert_int_equal(
		bench_target_verdict(row(table, "cached pair, static library, batch 1", "instr.")),
		BENCH_KEPT);
	assert_int_equal(count_of(table, BENCH_UNKNOWN), 0);
	assert_int_equal(count_of(table, BENCH_TOLD), 2 + 4);
}

/* Both floors themselves, and a shared and a static row on each. */
static void test_a_floor_of_more_than_40_instructions_judges_nothing(void **state)
{
	const struct bench_table *table;

	(void)state;
	plant_all("40");
	assert_int_equal(count_of(measured(), BENCH_UNKNOWN), 0);
	plant_all("40.1");
	table = measured();
	assert_int_equal(count_of(table, BENCH_UNKNOWN), 2 + 4);
	assert_true(row(table, "cached pair, 1 thread, static library, batch 1", "x")->figure ==
		    2.5);
}

/* Nor are the instructions of the library's own pairs known then. */
static void test_a_floor_that_nobody_counted_judges_nothing(void **state)
{
	const struct bench_table *table;

	(void)state;
	plant_all("32");
	plant("icount.sh", "exit 2");
	table = measured();
	assert_int_equal(count_of(table, BENCH_UNKNOWN), 2 + 4 + 4);
	assert_int_equal(count_of(table, BENCH_KEPT) + count_of(table, BENCH_BETTER), 0);
	assert_true(isnan(row(table, "floor, batch 1", "instr.")->figure));
}

static void test_a_helper_that_is_missing_is_no_bound_kept(void **state)
{
	(void)state;
	assert_int_equal(count_of(measured(), BENCH_UNKNOWN), 2 + 4 + 4);
}

#define helper_test(f) cmocka_unit_test_setup_teardown(f, helpers_open, helpers_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		helper_test(test_each_way_of_linking_has_a_row_a_batch),
		helper_test(test_a_floor_of_more_than_40_instructions_judges_nothing),
		helper_test(test_a_floor_that_nobody_counted_judges_nothing),
		helper_test(test_a_helper_that_is_missing_is_no_bound_kept),
	};

	return cmocka_run_group_tests_name("bench_iova_linked", tests, NULL, NULL);
}
