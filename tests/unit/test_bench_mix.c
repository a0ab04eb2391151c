// SPDX-License-Identifier: MIT
/*
 * test_bench_mix.c - proves what a list of sizes is, and how often each of them comes
 */
#include "dmptest.h"
#include "bench_mix.h"
#include "command.h"

static void test_sizes_may_have_letters_and_weights(void **state)
{
	struct bench_mix mix;

	(void)state;
	assert_int_equal(bench_mix_parse("--mix", "512:3,4k,1m:2", 1 << 20, &mix), 0);
	assert_int_equal(mix.count, 3);
	assert_int_equal(mix.bytes[0], 512);
	assert_int_equal(mix.bytes[1], 4096);
	assert_int_equal(mix.bytes[2], 1 << 20);
	assert_int_equal(mix.upto[0], 3);
	assert_int_equal(mix.upto[1], 4);
	assert_int_equal(mix.upto[2], 6);
	assert_int_equal(bench_mix_largest(&mix), 1 << 20);
}

static void test_what_is_no_list_of_sizes_is_refused_and_nothing_of_it_kept(void **state)
{
	static const char *const bad[] = {"",
					  ",",
					  "4k,",
					  "0",
					  "4096:0",
					  "4096:",
					  "4096:1001",
					  "1025k",
					  "2m",
					  "4g",
					  "4kk",
					  "-1",
					  "1:2:3",
					  "k",
					  " 1",
					  "1 ",
					  "18446744073709551616",
					  "99999999999999999999k",
					  "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"};
	struct bench_mix mix = {.count = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bench_mix_parse("--mix", bad[i], 1 << 20, &mix), EXIT_USAGE);
	assert_int_equal(mix.count, 7);
	assert_int_equal(bench_mix_parse("--mix", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 1, &mix), 0);
	assert_int_equal(mix.count, BENCH_MIX_MAX);
}

static void test_each_size_comes_as_often_as_it_weighs(void **state)
{
	struct bench_mix mix;
	uint64_t random = 3;
	unsigned seen[3] = {0};

	(void)state;
	assert_int_equal(bench_mix_parse("--mix", "1:3,2,3:2", 4096, &mix), 0);
	for (unsigned i = 0; i < 60000; i++)
		seen[bench_mix_pick(&mix, &random) - 1]++;
	assert_in_range(seen[0], 29500, 30500);
	assert_in_range(seen[1], 9500, 10500);
	assert_in_range(seen[2], 19500, 20500);
}

static void test_a_size_alone_needs_no_chance(void **state)
{
	const struct bench_mix mix = bench_mix_of(77);
	uint64_t random = 5;

	(void)state;
	assert_int_equal(bench_mix_pick(&mix, &random), 77);
	assert_int_equal(random, 5);
	assert_int_equal(bench_mix_largest(&mix), 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_may_have_letters_and_weights),
		cmocka_unit_test(test_what_is_no_list_of_sizes_is_refused_and_nothing_of_it_kept),
		cmocka_unit_test(test_each_size_comes_as_often_as_it_weighs),
		cmocka_unit_test(test_a_size_alone_needs_no_chance),
	};

	return cmocka_run_group_tests_name("bench_mix", tests, NULL, NULL);
}
