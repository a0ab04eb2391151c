// SPDX-License-Identifier: MIT
/*
 * test_bench_swiotlb.c - proves which command lines `dmapool bench swiotlb` takes, and what its
 * presets measure
 */
#include "test_bench_helpers.h"
#include "bench_target.h"
#include "command.h"

#include <jansson.h>

static int status_of(const char *first, const char *second, const char *third)
{
	const char *argv[] = {"dmapool bench swiotlb", first, second, third, NULL};

	return bench_swiotlb_main(!second ? 2 : third ? 4 : 3, argv);
}

static void test_what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
		"--threads=0",     "--threads=1025",  "--threads=two",
		"--threads=",      "--areas=0",       "--areas=3",
		"--areas=32768",   "--areas=x",       "--size=0",
		"--size=262145",   "--size=4K",       "--direction=up",
		"--occupancy=100", "--occupancy=-1",  "--occupancy=9%",
		"--pattern=other", "--pattern=odd",   "--policy=best",
		"--copy=maybe",    "--slots=64",      "--slots=1000",
		"--slots=4194304", "--slots=128,256", "--samples=0",
		"--samples=102",   "--samples=1,2",   "--ms=0",
		"--ms=x",          "--preset=other",  "--preset=growth",
		"--other",         "threads",         "--json=/nonexistent/x.json",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(status_of(bad[i], NULL, NULL), EXIT_USAGE);
}

static void test_options_that_contradict_each_other_are_refused(void **state)
{
	static const char *const bad[][2] = {
		{"--threads=1", "--threads=2"},    {"--json=/dev/null", "--json=/dev/null"},
		{"--preset=small", "--threads=1"}, {"--preset=big", "--size=4096"},
		{"--preset=4way", "--areas=2"},    {"--preset=targets", "--slots=512"},
		{"--preset=small", "--copy=on"},   {"--preset=targets", "--samples=8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(status_of(bad[i][0], bad[i][1], NULL), EXIT_USAGE);
}

/* Where the figures go; unlinked by the helpers' teardown. */
static const char *json_option(void)
{
	static char option[80];

	snprintf(option, sizeof(option), "--json=%s/icount.sh", helper_dir);
	return option;
}

static json_t *written(void)
{
	json_t *rows = json_load_file(json_option() + sizeof("--json=") - 1, 0, NULL);

	assert_non_null(rows);
	return rows;
}

/* Each row has what a reader looks for, of its kind. */
static void check_row(const json_t *row, const char *const *numbers)
{
	for (unsigned i = 0; numbers[i]; i++)
		assert_true(json_is_number(json_object_get(row, numbers[i])));
}

static unsigned check_preset(const char *name, int threads, int bytes)
{
	static const char *const of_all[] = {"bytes",    "threads", "wall_ns", "cpu_ns",
					     "floor_ns", "x_floor", NULL};
	static const char *const of_ours[] = {"areas", "slots",   "in_use_percent", "cpu_spread",
					      "cores", "samples", "pairs_a_sample", NULL};
	char option[32];
	json_t *rows;
	unsigned ours = 0;

	snprintf(option, sizeof(option), "--preset=%s", name);
	plant("pair-copy-glibc", "echo 5 4 3 2 1");
	plant("pair-copy-jemalloc", "echo 5 4 3 2 1");
	{
		const char *argv[] = {"dmapool bench swiotlb", option, "--samples=1", "--ms=1",
				      json_option(),           NULL};

		assert_int_equal(bench_swiotlb_main(5, argv), EXIT_GOOD);
	}
	rows = written();
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		check_row(row, of_all);
		assert_int_equal(json_integer_value(json_object_get(row, "bytes")), bytes);
		assert_int_equal(json_integer_value(json_object_get(row, "threads")), threads);
		assert_true(json_is_boolean(json_object_get(row, "more_threads_than_cpus")));
		if (!json_object_get(row, "policy"))
			continue;
		check_row(row, of_ours);
		ours++;
	}
	assert_int_equal(json_array_size(rows), ours + 2);
	json_decref(rows);
	return ours;
}

/* Four policies, in three directions and without the copy. */
static void test_a_preset_measures_each_policy_and_direction(void **state)
{
	(void)state;
	assert_int_equal(check_preset("small", 1, 4096), 16);
	assert_int_equal(check_preset("big", 1, 65536), 16);
	assert_int_equal(check_preset("4way", 4, 4096), 16);
}

static void test_a_small_sweep_is_measured(void **state)
{
	const char *argv[] = {"dmapool bench swiotlb",
			      "-t1,2",
			      "-s512,4096",
			      "-o0,99",
			      "-pall",
			      "-S1024",
			      "-n1",
			      "-m1",
			      json_option(),
			      NULL};
	json_t *rows;

	(void)state;
	assert_int_equal(bench_swiotlb_main(9, argv), EXIT_GOOD);
	rows = written();
	assert_true(json_array_size(rows) >= 2 * 2 * 2 * 3);
	json_decref(rows);
}

#define helper_test(f) cmocka_unit_test_setup_teardown(f, helpers_open, helpers_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_is_refused),
		cmocka_unit_test(test_options_that_contradict_each_other_are_refused),
		helper_test(test_a_preset_measures_each_policy_and_direction),
		helper_test(test_a_small_sweep_is_measured),
	};

	return cmocka_run_group_tests_name("bench_swiotlb", tests, NULL, NULL);
}
