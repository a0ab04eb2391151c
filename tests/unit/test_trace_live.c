// SPDX-License-Identifier: MIT
/*
 * test_trace_live.c - proves L1 and L2 of bench/trace_live.c
 */
#include "dmptest.h"
#include "trace_internal.h"

static struct trace_live live_of(uint32_t nmappings)
{
	struct trace_live live;

	assert_int_equal(trace_live_init(&live, nmappings), 0);
	return live;
}

static void test_chain_goes_from_newest_to_oldest(void **state)
{
	struct trace_live live = live_of(3);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		trace_live_add(&live, 42, i);
	assert_int_equal(trace_live_first(&live, 42), 2);
	assert_int_equal(live.next[2], 1);
	assert_int_equal(live.next[1], 0);
	assert_int_equal(live.next[0], TRACE_NONE);
	trace_live_fini(&live);
}

static void test_any_link_of_a_chain_can_be_taken_out(void **state)
{
	(void)state;
	for (uint32_t out = 0; out < 3; out++) {
		struct trace_live live = live_of(3);
		uint32_t left = 0;

		for (uint32_t i = 0; i < 3; i++)
			trace_live_add(&live, 42, i);
		trace_live_remove(&live, 42, out);
		for (uint32_t i = trace_live_first(&live, 42); i != TRACE_NONE; i = live.next[i]) {
			assert_int_not_equal(i, out);
			left++;
		}
		assert_int_equal(left, 2);
		trace_live_fini(&live);
	}
}

static void test_other_hashes_are_left_alone(void **state)
{
	struct trace_live live = live_of(2);

	(void)state;
	trace_live_add(&live, 1, 0);
	trace_live_add(&live, 2, 1);
	trace_live_remove(&live, 1, 0);
	assert_int_equal(trace_live_first(&live, 1), TRACE_NONE);
	assert_int_equal(trace_live_first(&live, 2), 1);
	trace_live_fini(&live);
}

static void test_an_index_without_mappings_is_empty(void **state)
{
	struct trace_live live = live_of(0);

	(void)state;
	assert_int_equal(trace_live_first(&live, 7), TRACE_NONE);
	trace_live_fini(&live);
}

/* Page numbers differ in their low bits only, or in their high bits only. */
static void test_hash_spreads_neighbours_and_strides(void **state)
{
	uint8_t seen[256] = {0};
	unsigned filled = 0;

	(void)state;
	for (uint64_t i = 0; i < 256; i++) {
		seen[trace_live_hash(i, 0) & 0xff] = 1;
		seen[trace_live_hash(i << 40, 0) & 0xff] = 1;
	}
	for (unsigned i = 0; i < 256; i++)
		filled += seen[i];
	assert_true(filled > 192);
	assert_int_not_equal(trace_live_hash(1, 2), trace_live_hash(2, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain_goes_from_newest_to_oldest),
		cmocka_unit_test(test_any_link_of_a_chain_can_be_taken_out),
		cmocka_unit_test(test_other_hashes_are_left_alone),
		cmocka_unit_test(test_an_index_without_mappings_is_empty),
		cmocka_unit_test(test_hash_spreads_neighbours_and_strides),
	};

	return cmocka_run_group_tests_name("trace_live", tests, NULL, NULL);
}
