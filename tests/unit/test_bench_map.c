// SPDX-License-Identifier: MIT
/*
 * test_bench_map.c - proves which command lines `dmapool bench map` takes
 */
#include "dmptest.h"
#include "command.h"

static int run(const char *const *words, unsigned nwords)
{
	const char *argv[24] = {"dmapool bench map"};

	for (unsigned i = 0; i < nwords; i++)
		argv[i + 1] = words[i];
	return bench_map_main((int)nwords + 1, argv);
}

#define RUN(...)                                                                                   \
	run((const char *const[]){__VA_ARGS__},                                                    \
	    sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void test_what_cannot_be_is_refused(void **state)
{
	static const char *const bad[] = {
		"-t0",          "-t1025",         "-t",           "-s0",           "-s301",
		"-s1,2",        "-n-2",           "-n1024",       "-n0,0",         "-b19",
		"-b65",         "-b32,64",        "-d3",          "-d-1",          "-dboth",
		"-x10000001",   "-x-1",           "-g0",          "-g1025",        "--route=bounce",
		"--route=",     "--flush=lax",    "--costs=free", "--costs=all",   "--batch=0",
		"--batch=1025", "--mix=4k:",      "--mix=5m",     "--entries=257", "--slots=511",
		"--slots=1000", "--queues=4097",  "--split=1",    "--split=all",   "--rounds=0",
		"--samples=0",  "--samples=102",  "--ms=10",      "--preset=best", "--other",
		"strict",       "--profile=none", "-n1000",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(RUN(bad[i]), EXIT_USAGE);
}

static void test_what_contradicts_itself_is_refused(void **state)
{
	(void)state;
	assert_int_equal(RUN("--mix=4k", "-g1"), EXIT_USAGE);
	assert_int_equal(RUN("--rounds=1", "-s1"), EXIT_USAGE);
	assert_int_equal(RUN("--rounds=1", "--split=yes", "--costs=spun"), EXIT_USAGE);
	assert_int_equal(RUN("--rounds=1", "--split=yes", "--entries=0,2"), EXIT_USAGE);
	assert_int_equal(RUN("--rounds=1", "--split=yes", "--mix=4k,8k"), EXIT_USAGE);
	assert_int_equal(RUN("--rounds=1", "--rounds=1"), EXIT_USAGE);
}

static void test_a_preset_says_itself_what_is_measured(void **state)
{
	static const char *const bad[] = {
		"-t1",       "-s1",      "-n0",         "-b32",        "-d0",
		"-x0",       "-g1",      "--route=all", "--flush=all", "--profile=free",
		"--batch=1", "--mix=4k", "--rounds=1",  "--split=no",  "--samples=8",
		"--ms=0"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(RUN("--preset=targets", bad[i]), EXIT_USAGE);
}

/* All of the kernel's letters, but for the time. */
static void test_the_kernels_letters_are_taken(void **state)
{
	(void)state;
	assert_int_equal(RUN("-t", "2", "-n", "-1", "-b", "20", "-d", "2", "-x", "100", "-g", "16",
			     "--rounds=2", "--samples=1"),
			 EXIT_GOOD);
	assert_int_equal(RUN("-t2", "-b64", "-d1", "-x0", "-g1024", "--rounds=1", "--samples=1"),
			 EXIT_GOOD);
}

static void test_every_route_and_policy_is_measured(void **state)
{
	(void)state;
	assert_int_equal(RUN("--route=all", "--flush=all", "-t1,2", "-d0,1,2", "--batch=1,3",
			     "--entries=0,2", "--slots=1024", "--rounds=2", "--samples=2"),
			 EXIT_GOOD);
}

static void test_costs_can_be_waited_for(void **state)
{
	(void)state;
	assert_int_equal(RUN("--profile=vtd-modern", "--costs=spun", "--queues=2", "--rounds=2",
			     "--samples=1"),
			 EXIT_GOOD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_cannot_be_is_refused),
		cmocka_unit_test(test_what_contradicts_itself_is_refused),
		cmocka_unit_test(test_a_preset_says_itself_what_is_measured),
		cmocka_unit_test(test_the_kernels_letters_are_taken),
		cmocka_unit_test(test_every_route_and_policy_is_measured),
		cmocka_unit_test(test_costs_can_be_waited_for),
	};

	return cmocka_run_group_tests_name("bench_map", tests, NULL, NULL);
}
