// SPDX-License-Identifier: MIT
/*
 * test_bench_map_sweep.c - proves which combinations are measured, and what is said at the end
 */
#include "dmptest.h"
#include "bench_map.h"
#include "command.h"
#include "json_file.h"

#include <dmapool/port.h>

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/test_bench_map_XXXXXX";

static int no_memory_is_left(void **state)
{
	(void)state;
	return dmp_meta_in_use() != 0;
}

#define LIST(...) ((struct bench_list){.value = {__VA_ARGS__}, .count = 1})

static struct bench_map_sweep sweep_of(void)
{
	return (struct bench_map_sweep){
		.threads = LIST(1),
		.granules = LIST(1),
		.directions = LIST(DMP_BIDIRECTIONAL),
		.routes = LIST(BENCH_MAP_DIRECT),
		.flushes = LIST(0),
		.batches = LIST(1),
		.entries = LIST(0),
		.rest = {.mask_bits = 32, .slots = 1024},
		.node = -1,
		.plan = {.samples = 1, .rounds = 2},
	};
}

/* What was printed, the caller's; the JSON in @rows, too. */
static char *run(struct bench_map_sweep *sweep, int status, json_t **rows)
{
	char printed[] = "/tmp/test_bench_map_XXXXXX", *text = calloc(1, 1 << 16);
	int file = mkstemp(printed), out = dup(STDOUT_FILENO), answer;
	struct json_file json;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	close(mkstemp(path));
	assert_true(text && file >= 0 && json_file_open(&json, path) == 0);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	answer = bench_map_sweep_run(sweep, &json);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	close(out);
	assert_true(pread(file, text, (1 << 16) - 1, 0) >= 0);
	close(file);
	unlink(printed);
	assert_int_equal(json_file_close(&json), 0);
	*rows = json_load_file(path, 0, NULL);
	unlink(path);
	assert_int_equal(answer, status);
	return text;
}

static const char *word(const json_t *rows, size_t row, const char *name)
{
	return json_string_value(json_object_get(json_array_get(rows, row), name));
}

static void test_only_routes_behind_a_domain_are_measured_for_each_policy(void **state)
{
	struct bench_map_sweep sweep = sweep_of();
	json_t *rows;

	(void)state;
	sweep.routes = (struct bench_list){.value = {0, 1, 2, 3}, .count = 4};
	sweep.flushes = (struct bench_list){.value = {0, 1}, .count = 2};
	free(run(&sweep, EXIT_GOOD, &rows));
	assert_int_equal(json_array_size(rows), 1 + 1 + 2 + 2);
	assert_string_equal(word(rows, 0, "route"), "direct");
	assert_null(word(rows, 1, "flush"));
	assert_string_equal(word(rows, 3, "flush"), "lazy");
	assert_string_equal(word(rows, 5, "route"), "iommu+bounce");
	json_decref(rows);
}

static void test_the_kernels_lines_are_the_last_for_each_case_in_turn(void **state)
{
	struct bench_map_sweep sweep = sweep_of();
	char *text, *first, *second;
	unsigned lines = 0;
	json_t *rows;

	(void)state;
	sweep.granules = (struct bench_list){.value = {1, 3}, .count = 2};
	text = run(&sweep, EXIT_GOOD, &rows);
	first = strstr(text, "\ndma mapping benchmark: threads:1 seconds:0 node:-1 "
			     "dir:BIDIRECTIONAL granule: 1\naverage map latency(us):");
	assert_non_null(first);
	second = strstr(first, "\ndma mapping benchmark: threads:1 seconds:0 node:-1 "
			       "dir:BIDIRECTIONAL granule: 3\naverage map latency(us):");
	assert_non_null(second);
	for (const char *at = second + 1; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 3);
	json_decref(rows);
	free(text);
}

static void test_what_has_no_room_is_left_out_and_counted(void **state)
{
	struct bench_map_sweep sweep = sweep_of();
	json_t *rows;
	char *text;

	(void)state;
	sweep.routes = LIST(BENCH_MAP_SWIOTLB);
	sweep.granules = (struct bench_list){.value = {1, 65, 1024}, .count = 3};
	text = run(&sweep, EXIT_GOOD, &rows);
	assert_non_null(strstr(text, "\n2 combinations were left out"));
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
	free(text);
}

/* An error, and no head of a table without rows. */
static void run_in_vain(struct bench_map_sweep sweep)
{
	json_t *rows;
	char *text = run(&sweep, EXIT_USAGE, &rows);

	assert_string_equal(text, "");
	assert_null(rows);
	free(text);
}

/* A buffer that cannot bounce, more memory than there is, too many maps at once. */
static void test_nothing_but_what_has_no_room_is_an_error(void **state)
{
	struct bench_map_sweep sweep = sweep_of();

	(void)state;
	sweep.routes = LIST(BENCH_MAP_SWIOTLB);
	sweep.granules = LIST(65);
	run_in_vain(sweep);
	sweep = sweep_of();
	sweep.granules = LIST(1024);
	sweep.batches = LIST(1024);
	run_in_vain(sweep);
	sweep = sweep_of();
	sweep.routes = LIST(BENCH_MAP_IOMMU);
	sweep.rest.mask_bits = 20;
	sweep.batches = LIST(256);
	run_in_vain(sweep);
	sweep = sweep_of();
	sweep.rest.profile = "no such profile";
	run_in_vain(sweep);
	sweep = sweep_of();
	sweep.node = 9999;
	run_in_vain(sweep);
}

static void test_parts_and_costs_of_a_case_are_told(void **state)
{
	struct bench_map_sweep sweep = sweep_of();
	json_t *rows;
	char *text;

	(void)state;
	sweep.routes = LIST(BENCH_MAP_IOMMU);
	sweep.rest.profile = "vtd-modern";
	sweep.split = true;
	text = run(&sweep, EXIT_GOOD, &rows);
	assert_non_null(strstr(text, "map tables 53.0, unmap tables 67.0, invalidation 2000.0"));
	assert_non_null(strstr(text, "; of it checks "));
	assert_true(json_is_object(json_object_get(json_array_get(rows, 0), "split_cpu_ns")));
	json_decref(rows);
	free(text);
}

static void test_a_mix_counts_instead_of_the_granule(void **state)
{
	struct bench_map_sweep sweep = sweep_of();
	json_t *rows;
	char *text;

	(void)state;
	sweep.mixed = true;
	sweep.rest.mix = (struct bench_mix){.count = 2, .bytes = {512, 8192}, .upto = {1, 2}};
	text = run(&sweep, EXIT_GOOD, &rows);
	assert_non_null(strstr(text, "mixed"));
	assert_non_null(strstr(text, "granule: 2\n"));
	assert_int_equal(json_array_size(json_object_get(json_array_get(rows, 0), "mix")), 2);
	json_decref(rows);
	free(text);
}

/* Two samples of a slice each. */
static void test_time_can_say_how_long(void **state)
{
	struct bench_map_sweep sweep = sweep_of();
	json_t *rows;

	(void)state;
	sweep.seconds = 1;
	sweep.plan = (struct bench_plan){.samples = 2, .sample_ns = 1000000};
	free(run(&sweep, EXIT_GOOD, &rows));
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
}

#define sweep_test(f) cmocka_unit_test_teardown(f, no_memory_is_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		sweep_test(test_only_routes_behind_a_domain_are_measured_for_each_policy),
		sweep_test(test_the_kernels_lines_are_the_last_for_each_case_in_turn),
		sweep_test(test_what_has_no_room_is_left_out_and_counted),
		sweep_test(test_nothing_but_what_has_no_room_is_an_error),
		sweep_test(test_parts_and_costs_of_a_case_are_told),
		sweep_test(test_a_mix_counts_instead_of_the_granule),
		sweep_test(test_time_can_say_how_long),
	};

	return cmocka_run_group_tests_name("bench_map_sweep", tests, NULL, NULL);
}
