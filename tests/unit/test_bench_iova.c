// SPDX-License-Identifier: MIT
/*
 * test_bench_iova.c - proves which command lines `dmapool bench iova` takes
 */
#include "dmptest.h"
#include "command.h"

static void test_what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
		"--threads=0",  "--threads=1025",  "--threads=two", "--size=0",
		"--batch=1025", "--pattern=other", "--policy=best", "--cache=maybe",
		"--live=0",     "--live=x",        "--samples=0",   "--samples=102",
		"--ms=0",       "--preset=other",  "--other",       "threads",
		"--magazine=6", "--magazine=1024", "--depot=-1",    "--depot=any",
		"--live=1,2",   "--samples=1,2",   "--ms=x",        "--threads=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *argv[] = {"dmapool bench iova", bad[i], NULL};

		assert_int_equal(bench_iova_main(2, argv), EXIT_USAGE);
	}
}

/* Two options that do not go together, and each one twice. */
static void test_options_that_contradict_each_other_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{"--threads=1", "--threads=2"},      {"--json=/dev/null", "--json=/dev/null"},
		{"--preset=targets", "--threads=1"}, {"--preset=targets", "--live=4"},
		{"--preset=targets", "--samples=6"}, {"--preset=targets", "--depot=0"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *argv[] = {"dmapool bench iova", bad[i][0], bad[i][1], NULL};

		assert_int_equal(bench_iova_main(3, argv), EXIT_USAGE);
	}
}

static void test_a_small_sweep_is_measured(void **state)
{
	const char *argv[] = {"dmapool bench iova",
			      "--threads=1",
			      "--pattern=same",
			      "--batch=4",
			      "--samples=1",
			      "--ms=1",
			      NULL};

	(void)state;
	assert_int_equal(bench_iova_main(6, argv), EXIT_GOOD);
}

static void test_json_that_cannot_be_written_stops_it(void **state)
{
	const char *argv[] = {"dmapool bench iova", "--json=/nonexistent/x.json", NULL};

	(void)state;
	assert_int_equal(bench_iova_main(2, argv), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_is_refused),
		cmocka_unit_test(test_options_that_contradict_each_other_are_refused),
		cmocka_unit_test(test_a_small_sweep_is_measured),
		cmocka_unit_test(test_json_that_cannot_be_written_stops_it),
	};

	return cmocka_run_group_tests_name("bench_iova", tests, NULL, NULL);
}
