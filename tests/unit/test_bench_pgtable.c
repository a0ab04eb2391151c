// SPDX-License-Identifier: MIT
/*
 * test_bench_pgtable.c - proves which command lines `dmapool bench pgtable` takes
 */
#include "dmptest.h"
#include "command.h"

static void test_what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
		"--format=vtd",  "--format=",   "--page=0",      "--page=4k",      "--batch=0",
		"--batch=2049",  "--way=any",   "--threads=0",   "--threads=1025", "--samples=0",
		"--samples=1,2", "--ms=0",      "--preset=best", "--other",        "pages",
		"--page=4097",   "--page=8192", "--page=3,4096", "--json=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *argv[] = {"dmapool bench pgtable", bad[i], NULL};

		assert_int_equal(bench_pgtable_main(2, argv), EXIT_USAGE);
	}
}

static void test_a_preset_says_itself_what_is_measured(void **state)
{
	static const char *const bad[] = {"--format=all", "--page=4096", "--batch=1",
					  "--way=list",   "--threads=1", "--samples=6"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *argv[] = {"dmapool bench pgtable", "--preset=targets", bad[i], NULL};

		assert_int_equal(bench_pgtable_main(3, argv), EXIT_USAGE);
	}
}

static void test_every_format_is_measured_in_both_ways(void **state)
{
	const char *argv[] = {"dmapool bench pgtable",
			      "--format=all",
			      "--page=4096,65536",
			      "--batch=4",
			      "--way=all",
			      "--samples=1",
			      "--ms=1",
			      NULL};

	(void)state;
	assert_int_equal(bench_pgtable_main(7, argv), EXIT_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_is_refused),
		cmocka_unit_test(test_a_preset_says_itself_what_is_measured),
		cmocka_unit_test(test_every_format_is_measured_in_both_ways),
	};

	return cmocka_run_group_tests_name("bench_pgtable", tests, NULL, NULL);
}
