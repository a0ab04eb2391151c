// SPDX-License-Identifier: MIT
/*
 * test_bench.c - proves that `dmapool bench` hands over, or says what is wrong
 */
#include "dmptest.h"
#include "command.h"

static int status_of(const char *what, const char *option)
{
	const char *argv[] = {"dmapool bench", what, option, NULL};

	return bench_main(what ? option ? 3 : 2 : 1, argv);
}

static void test_a_bench_that_does_not_exist_is_refused(void **state)
{
	(void)state;
	assert_int_equal(status_of(NULL, NULL), EXIT_USAGE);
	assert_int_equal(status_of("iovas", NULL), EXIT_USAGE);
}

static void test_help_is_no_failure(void **state)
{
	(void)state;
	assert_int_equal(status_of("--help", NULL), EXIT_GOOD);
}

static void test_a_bench_gets_its_own_options(void **state)
{
	(void)state;
	assert_int_equal(status_of("iova", "--no-such-option"), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bench_that_does_not_exist_is_refused),
		cmocka_unit_test(test_help_is_no_failure),
		cmocka_unit_test(test_a_bench_gets_its_own_options),
	};

	return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
