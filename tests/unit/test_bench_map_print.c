// SPDX-License-Identifier: MIT
/*
 * test_bench_map_print.c - proves that the closing lines are the kernel's, and what stands in a
 * table and in JSON
 */
#include "dmptest.h"
#include "bench_map.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static struct bench_map_measured m;

/* Maps of 1, 2 and 3 us, unmaps of 10.25 us. */
static int fill(void **state)
{
	(void)state;
	m = (struct bench_map_measured){
		.use = {.route = BENCH_MAP_IOMMU,
			.mask_bits = 32,
			.mix = bench_mix_of(2 * 4096),
			.batch = 1},
		.row = {.nthreads = 1,
			.ours = {.samples = 1, .nthreads = 1, .pairs = 3, .cpu = {6}, .wall = {8}}},
		.seconds = 20,
		.node = -1};
	for (unsigned i = 1; i <= 3; i++) {
		bench_latency_add(&m.map, 1000 * i);
		bench_latency_add(&m.unmap, 10250);
	}
	return 0;
}

static char *printed(void (*print)(FILE *to, const struct bench_map_measured *what))
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	print(to, &m);
	fclose(to);
	return text;
}

/* 10.25 us is a tie that is no tie in binary: 10.2 or 10.3 would both do; it is 10.2. */
static void test_the_closing_lines_are_the_kernels(void **state)
{
	char *text;

	(void)state;
	text = printed(bench_map_print_closing);
	assert_string_equal(text,
			    "dma mapping benchmark: threads:1 seconds:20 node:-1 dir:BIDIRECTIONAL "
			    "granule: 2\n"
			    "average map latency(us):2.0 standard deviation:0.8\n"
			    "average unmap latency(us):10.2 standard deviation:0.0\n");
	free(text);
}

static void test_the_closing_lines_name_direction_node_and_threads(void **state)
{
	char *text;

	(void)state;
	m.row.nthreads = 7;
	m.node = 1;
	m.use.dir = DMP_TO_DEVICE;
	m.use.mix = bench_mix_of(4097);
	text = printed(bench_map_print_closing);
	assert_non_null(strstr(text, ": threads:7 seconds:20 node:1 dir:TO_DEVICE granule: 2\n"));
	free(text);
	m.use.dir = DMP_FROM_DEVICE;
	text = printed(bench_map_print_closing);
	assert_non_null(strstr(text, " dir:FROM_DEVICE granule: 2\n"));
	free(text);
}

static void test_a_case_is_a_row_of_maps_and_one_of_unmaps(void **state)
{
	char *text;

	(void)state;
	text = printed(bench_map_print_case);
	assert_non_null(strstr(text, "iommu"));
	assert_non_null(strstr(text, " 8192 "));
	assert_non_null(strstr(text, "map            3    2000.0     816.5 "));
	assert_non_null(strstr(text, "unmap          3   10250.0       0.0 "));
	assert_null(strstr(text, "simulated"));
	assert_null(strstr(text, "of it"));
	assert_null(strstr(text, "commit"));
	free(text);
}

static void test_commits_have_a_row_where_there_are_any(void **state)
{
	char *text;

	(void)state;
	bench_latency_add(&m.commit, 300);
	text = printed(bench_map_print_case);
	assert_non_null(strstr(text, "commit         1     300.0       0.0 "));
	free(text);
}

static void test_costs_and_parts_are_told_where_there_are_any(void **state)
{
	char *text;

	(void)state;
	m.cost_ns[BENCH_MAP_TABLES] = 53;
	m.is_split = true;
	m.split = (struct bench_map_split){.whole_ns = 100, .rest_ns = 60};
	for (unsigned i = 0; i < BENCH_MAP_PARTS; i++)
		m.split.part_ns[i] = NAN;
	m.split.part_ns[BENCH_MAP_PART_IOVA] = 40;
	text = printed(bench_map_print_case);
	assert_non_null(strstr(text, "simulated ns a pair: iova 0.0, map tables 53.0, "));
	assert_non_null(strstr(text, ": 100.0; of it iova 40.0, the rest 60.0\n"));
	free(text);
	m.use.spun = true;
	text = printed(bench_map_print_case);
	assert_null(strstr(text, "simulated"));
	free(text);
}

static void test_more_threads_than_cpus_are_labelled(void **state)
{
	char *text;

	(void)state;
	m.row.nthreads = bench_cpus() + 1;
	text = printed(bench_map_print_case);
	assert_non_null(strstr(text, "more threads than CPUs"));
	free(text);
}

static double number(const json_t *json, const char *object, const char *name)
{
	return json_number_value(json_object_get(json_object_get(json, object), name));
}

static void test_the_json_has_calls_costs_and_how_it_was_measured(void **state)
{
	json_t *json;

	(void)state;
	m.cost_ns[BENCH_MAP_INVALIDATE] = 2000;
	json = bench_map_json(&m);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "route")), "iommu");
	assert_string_equal(json_string_value(json_object_get(json, "flush")), "strict");
	assert_string_equal(json_string_value(json_object_get(json, "profile")), "free");
	assert_true(number(json, "map", "calls") == 3);
	assert_true(number(json, "map", "mean_ns") == 2000);
	assert_true(number(json, "unmap", "max_ns") == 10250);
	assert_true(number(json, "simulated_ns", "invalidation") == 2000);
	assert_true(json_is_null(json_object_get(json, "split_cpu_ns")));
	assert_true(json_is_null(json_object_get(json, "commit")));
	assert_true(json_number_value(json_object_get(json, "wall_ns")) == 8);
	assert_null(json_object_get(json, "x_floor"));
	json_decref(json);
}

static void test_what_a_case_does_not_have_is_null_in_the_json(void **state)
{
	json_t *json;

	(void)state;
	m.use.route = BENCH_MAP_DIRECT;
	m.use.spun = true;
	m.is_split = true;
	m.split.part_ns[BENCH_MAP_PART_IOVA] = NAN;
	json = bench_map_json(&m);
	assert_true(json_is_null(json_object_get(json, "flush")));
	assert_true(json_is_null(json_object_get(json, "simulated_ns")));
	assert_true(json_is_null(json_object_get(json_object_get(json, "split_cpu_ns"), "iova")));
	json_decref(json);
}

#define print_test(f) cmocka_unit_test_setup(f, fill)

int main(void)
{
	const struct CMUnitTest tests[] = {
		print_test(test_the_closing_lines_are_the_kernels),
		print_test(test_the_closing_lines_name_direction_node_and_threads),
		print_test(test_a_case_is_a_row_of_maps_and_one_of_unmaps),
		print_test(test_commits_have_a_row_where_there_are_any),
		print_test(test_costs_and_parts_are_told_where_there_are_any),
		print_test(test_more_threads_than_cpus_are_labelled),
		print_test(test_the_json_has_calls_costs_and_how_it_was_measured),
		print_test(test_what_a_case_does_not_have_is_null_in_the_json),
	};

	return cmocka_run_group_tests_name("bench_map_print", tests, NULL, NULL);
}
