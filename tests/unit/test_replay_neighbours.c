// SPDX-License-Identifier: MIT
/*
 * test_replay_neighbours.c - proves that bench/replay_neighbours.c tells what devices reached
 * beside buffers, that it is the same whatever the way to flush, and nothing that was not asked
 * for
 *
 *    ms    0     1       2     5                  13
 *          map   unmap   map   unmap              map      256 bytes each, so 3,840 beside them
 */
#include "test_replay_what_if_answer.h"

#include <jansson.h>

/* 3,840 bytes for 1 and for 3 ms. */
#define BYTE_SECONDS (3840 * 0.004)

#define OTHER "0000:00:05.0 "
#define OTHER_MAPS                                                                                 \
	AT(0, "1.014000",                                                                          \
	   "dma_map_page: " OTHER "dir=TO_DEVICE dma_addr=1000 size=4000 phys_addr=7000 attrs=")   \
	AT(0, "1.015000",                                                                          \
	   "dma_map_page: " OTHER "dir=TO_DEVICE dma_addr=3000 size=4000 phys_addr=9000 attrs=")

static struct replay_opts asking(unsigned routes)
{
	struct replay_opts opts = answer_opts();

	opts.clock = REPLAY_CLOCK_TRACE;
	opts.neighbours = true;
	opts.routes = routes;
	return opts;
}

static char *printed(const struct replay_answer *answer)
{
	char *text = calloc(1, 16384);
	FILE *to = fmemopen(text, 16384, "w");

	assert_non_null(text);
	assert_non_null(to);
	replay_neighbours_print(to, answer);
	fclose(to);
	return text;
}

static void test_a_buffer_in_a_granule_leaves_the_rest_of_it_within_reach(void **state)
{
	struct replay_opts opts = asking(1u << REPLAY_STRICT);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&a);

	(void)state;
	assert_int_equal(a.results[0].beside->peak_bytes, 3840);
	assert_true(a.results[0].beside->byte_ns == UINT64_C(3840) * 4000000);
	assert_int_equal(a.results[0].beside->nrows, 1);
	assert_non_null(strstr(text, "\n  strict\n    all devices             3840     0.000\n"));
	assert_null(strstr(text, NVME)); /* the only device */
	free(text);
	replay_answer_free(&a);
}

/* The second has 96 bytes beside each of two buffers at once; all of it together 1 ms. */
static void test_every_device_has_its_row_and_the_sum_is_of_all(void **state)
{
	struct replay_opts opts = asking(1u << REPLAY_LAZY);
	struct replay_answer a = replayed(TWO_UNMAPS OTHER_MAPS, &opts);
	const struct replay_neighbours *beside = a.results[0].beside;
	char *text = printed(&a);

	(void)state;
	assert_int_equal(beside->nrows, 2);
	assert_int_equal(beside->rows[0].dev, 0);
	assert_int_equal(beside->rows[1].dev, 1);
	assert_int_equal(beside->rows[1].peak_bytes, 192);
	assert_true(beside->rows[1].byte_ns == UINT64_C(96) * 1000000);
	assert_int_equal(beside->peak_bytes, 3840);
	assert_true(beside->byte_ns == UINT64_C(3840) * 6000000 + UINT64_C(96) * 1000000);
	assert_non_null(strstr(text, "\n    0000:00:03.0            3840     0.000\n"));
	assert_non_null(strstr(text, "\n    0000:00:05.0             192     0.000\n"));
	free(text);
	replay_answer_free(&a);
}

static void test_bounced_buffers_have_nothing_beside_them(void **state)
{
	struct replay_opts opts = asking(1u << REPLAY_BOUNCE);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&a);

	(void)state;
	assert_non_null(strstr(text, "\n  bounce\n    all devices                0     0.000\n"));
	free(text);
	replay_answer_free(&a);
}

static void test_without_translation_it_is_no_question(void **state)
{
	struct replay_opts opts = asking(1u << REPLAY_DIRECT | 1u << REPLAY_PASSTHROUGH);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = printed(&a);
	json_t *json = replay_json_answer(&opts, &a);
	const json_t *route = json_array_get(json_object_get(json, "routes"), 0);

	(void)state;
	assert_non_null(strstr(text, "\n  direct: not counted, since nothing is translated"));
	assert_non_null(strstr(text, "\n  passthrough: not counted, since nothing is translated"));
	assert_true(json_is_null(json_object_get(route, "neighbours")));
	assert_null(replay_neighbours_of_all(&a));
	json_decref(json);
	free(text);
	replay_answer_free(&a);
}

static void test_nothing_is_told_that_was_not_asked_for(void **state)
{
	struct replay_opts opts = asking(1u << REPLAY_STRICT);
	struct replay_answer a;
	char *text;
	json_t *json;

	(void)state;
	opts.neighbours = false;
	a = replayed(TWO_UNMAPS, &opts);
	text = printed(&a);
	json = replay_json_answer(&opts, &a);
	assert_string_equal(text, "");
	assert_null(a.results[0].beside);
	assert_null(
		json_object_get(json_array_get(json_object_get(json, "routes"), 0), "neighbours"));
	json_decref(json);
	free(text);
	replay_answer_free(&a);
}

static void test_the_json_has_every_device(void **state)
{
	struct replay_opts opts = asking(1u << REPLAY_STRICT);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	json_t *json = replay_json_answer(&opts, &a);
	const json_t *route = json_array_get(json_object_get(json, "routes"), 0);
	const json_t *beside = json_object_get(route, "neighbours");
	const json_t *device = json_array_get(json_object_get(beside, "devices"), 0);

	(void)state;
	assert_int_equal(json_integer_value(json_object_get(beside, "peak_bytes")), 3840);
	assert_true(json_real_value(json_object_get(beside, "byte_seconds")) == BYTE_SECONDS);
	assert_int_equal(json_array_size(json_object_get(beside, "at_least")), 0);
	assert_string_equal(json_string_value(json_object_get(device, "device")), "0000:00:03.0");
	assert_int_equal(json_integer_value(json_object_get(device, "peak_bytes")), 3840);
	assert_true(json_real_value(json_object_get(device, "byte_seconds")) == BYTE_SECONDS);
	json_decref(json);
	a.results[0].beside->byte_ns = UINT64_MAX;
	json = replay_neighbours_json(&a, a.results[0].beside);
	assert_int_equal(json_array_size(json_object_get(json, "at_least")), 1);
	json_decref(json);
	replay_answer_free(&a);
}

static char *compared(const struct replay_opts *opts, const struct replay_answer *answer)
{
	char *text = calloc(1, 16384);
	FILE *to = fmemopen(text, 16384, "w");

	replay_what_if_print(to, opts, answer);
	fclose(to);
	return text;
}

static void test_ways_to_flush_have_it_in_common_and_tell_it_once(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=passthrough,strict,lazy,on-reuse", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);
	char *text = compared(&opts, &a), *first = strstr(text, "beside buffers");
	json_t *json = replay_what_if_json(&opts, &a);
	const json_t *beside = json_object_get(json, "neighbours");

	(void)state;
	for (unsigned i = 1; i < 4; i++)
		assert_true(a.results[i].beside->byte_ns == UINT64_C(3840) * 4000000);
	assert_non_null(first);
	assert_non_null(strstr(first, ": 0.000 MB s, at most 3840 bytes of a device at once\n"));
	assert_null(strstr(first + 1, "beside buffers"));
	assert_true(json_real_value(json_object_get(beside, "byte_seconds")) == BYTE_SECONDS);
	json_decref(json);
	free(text);
	replay_answer_free(&a);
}

/* It has done less than the others. */
static void test_who_failed_does_not_speak_for_all(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict,lazy", &w);
	struct replay_answer a = replayed(TWO_UNMAPS, &opts);

	(void)state;
	assert_ptr_equal(replay_neighbours_of_all(&a), a.results[0].beside);
	a.results[0].not_done = 1;
	assert_ptr_equal(replay_neighbours_of_all(&a), a.results[1].beside);
	replay_answer_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buffer_in_a_granule_leaves_the_rest_of_it_within_reach),
		cmocka_unit_test(test_every_device_has_its_row_and_the_sum_is_of_all),
		cmocka_unit_test(test_bounced_buffers_have_nothing_beside_them),
		cmocka_unit_test(test_without_translation_it_is_no_question),
		cmocka_unit_test(test_nothing_is_told_that_was_not_asked_for),
		cmocka_unit_test(test_the_json_has_every_device),
		cmocka_unit_test(test_ways_to_flush_have_it_in_common_and_tell_it_once),
		cmocka_unit_test(test_who_failed_does_not_speak_for_all),
	};

	return cmocka_run_group_tests_name("replay_neighbours", tests, NULL, NULL);
}
