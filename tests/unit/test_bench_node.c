// SPDX-License-Identifier: MIT
/*
 * test_bench_node.c - proves how a list of CPUs is read, and that a node is entered and left
 */
#include "dmptest.h"
#include "bench_node.h"
#include "command.h"

#include <errno.h>
#include <unistd.h>

static void test_a_list_of_cpus_has_ranges(void **state)
{
	cpu_set_t cpus;

	(void)state;
	assert_int_equal(bench_node_cpus("0-2,8,10-10\n", &cpus), 0);
	assert_int_equal(CPU_COUNT(&cpus), 5);
	assert_true(CPU_ISSET(2, &cpus) && CPU_ISSET(8, &cpus) && CPU_ISSET(10, &cpus));
	assert_false(CPU_ISSET(3, &cpus));
}

static void test_what_is_no_list_of_cpus_is_einval(void **state)
{
	static const char *const bad[] = {"",     "\n", "a",     "1-",     "3-2",
					  "1,,2", "1,", "99999", "0-99999"};
	cpu_set_t cpus;

	(void)state;
	CPU_ZERO(&cpus);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bench_node_cpus(bad[i], &cpus), -EINVAL);
	assert_int_equal(CPU_COUNT(&cpus), 0);
}

static void test_a_node_that_is_not_there_is_told(void **state)
{
	cpu_set_t before, after;

	(void)state;
	assert_int_equal(bench_node_enter(9999, &before), EXIT_USAGE);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

static void test_no_node_in_particular_changes_nothing(void **state)
{
	cpu_set_t before, after;

	(void)state;
	assert_int_equal(bench_node_enter(-1, &before), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

static void test_a_node_that_was_entered_can_be_left(void **state)
{
	cpu_set_t before, inside, after, one;

	(void)state;
	if (access("/sys/devices/system/node/node0/cpulist", R_OK) || bench_node_enter(0, &before))
		skip();
	assert_int_equal(sched_getaffinity(0, sizeof(inside), &inside), 0);
	CPU_OR(&after, &inside, &before);
	assert_true(CPU_EQUAL(&after, &before)); /* none that was not allowed */
	CPU_ZERO(&one);                          /* the only node has all CPUs: leave with fewer */
	for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &inside))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	bench_node_leave(&before);
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_list_of_cpus_has_ranges),
		cmocka_unit_test(test_what_is_no_list_of_cpus_is_einval),
		cmocka_unit_test(test_a_node_that_is_not_there_is_told),
		cmocka_unit_test(test_no_node_in_particular_changes_nothing),
		cmocka_unit_test(test_a_node_that_was_entered_can_be_left),
	};

	return cmocka_run_group_tests_name("bench_node", tests, NULL, NULL);
}
