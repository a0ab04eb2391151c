// SPDX-License-Identifier: MIT
/*
 * test_calibrate_measure.c - proves that every cost that can be measured is measured once
 */
#include "dmptest.h"
#include "bench.h"
#include "calibrate.h"

static unsigned times_named(const struct calibrate_costs *costs, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < costs->n; i++)
		n += strcmp(costs->cost[i].name, name) == 0;
	return n;
}

static void test_each_cost_is_there_once_and_is_not_negative(void **state)
{
	static const char *const names[] = {
		"map_first_4k",   "map_next_4k",   "map_first_2m",   "map_next_2m",
		"map_first_1g",   "map_next_1g",   "unmap_first_4k", "unmap_next_4k",
		"unmap_first_2m", "unmap_next_2m", "unmap_first_1g", "unmap_next_1g",
		"iova_cached",    "iova_tree",     "copy_byte",
	};
	unsigned nnames = sizeof(names) / sizeof(names[0]);
	struct calibrate_costs costs;

	(void)state;
	assert_int_equal(calibrate_measure(1, &costs), 0);
	for (unsigned i = 0; i < nnames; i++)
		assert_int_equal(times_named(&costs, names[i]), 1);
	assert_int_equal(times_named(&costs, "queue_transfer"), bench_cpus() >= 2);
	assert_int_equal(costs.n, nnames + (bench_cpus() >= 2));
	for (unsigned i = 0; i < costs.n; i++) {
		assert_true(costs.cost[i].ns >= 0);
		assert_true(costs.cost[i].how[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_cost_is_there_once_and_is_not_negative),
	};

	return cmocka_run_group_tests_name("calibrate_measure", tests, NULL, NULL);
}
