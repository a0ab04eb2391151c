// SPDX-License-Identifier: MIT
/*
 * test_replay_pattern.c - proves what bench/replay_pattern.c promises: every range of a
 * mapping can be written and compared by itself, and foreign or moved bytes are seen
 */
#include "dmptest.h"
#include "replay.h"

#define LEN 100u

static void test_a_range_holds_the_bytes_of_the_whole(void **state)
{
	uint64_t key = replay_pattern_key(7, 0);
	uint8_t whole[LEN], part[LEN];

	(void)state;
	replay_pattern_fill(whole, 0, LEN, key);
	for (unsigned from = 0; from < 20; from++) {
		for (unsigned len = 1; len <= LEN - from; len++) {
			replay_pattern_fill(part, from, len, key);
			assert_memory_equal(part, whole + from, len);
			assert_int_equal(replay_pattern_wrong(whole + from, from, len, key), 0);
		}
	}
}

static void test_every_changed_byte_counts_once(void **state)
{
	uint64_t key = replay_pattern_key(7, 0);
	uint8_t bytes[LEN];

	(void)state;
	replay_pattern_fill(bytes, 3, LEN, key);
	for (unsigned i = 0; i < LEN; i++) {
		bytes[i] ^= 0x10;
		assert_int_equal(replay_pattern_wrong(bytes, 3, LEN, key), i + 1);
	}
}

static void test_a_fill_stays_inside_its_range(void **state)
{
	uint8_t bytes[LEN];

	(void)state;
	for (unsigned len = 0; len < 40; len++) {
		memset(bytes, 0xaa, sizeof(bytes));
		replay_pattern_fill(bytes + 9, 5, len, replay_pattern_key(1, 1));
		for (unsigned i = 0; i < LEN; i++)
			if (i < 9 || i >= 9 + len)
				assert_int_equal(bytes[i], 0xaa);
	}
}

/* By chance one byte of 256 is right. */
static void test_other_mappings_generations_and_places_are_wrong(void **state)
{
	uint8_t bytes[LEN];

	(void)state;
	replay_pattern_fill(bytes, 0, LEN, replay_pattern_key(7, 3));
	assert_true(replay_pattern_wrong(bytes, 0, LEN, replay_pattern_key(8, 3)) > LEN / 2);
	assert_true(replay_pattern_wrong(bytes, 0, LEN, replay_pattern_key(7, 4)) > LEN / 2);
	assert_true(replay_pattern_wrong(bytes, 1, LEN, replay_pattern_key(7, 3)) > LEN / 2);
	assert_true(replay_pattern_wrong(bytes, 8, LEN, replay_pattern_key(7, 3)) > LEN / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_range_holds_the_bytes_of_the_whole),
		cmocka_unit_test(test_every_changed_byte_counts_once),
		cmocka_unit_test(test_a_fill_stays_inside_its_range),
		cmocka_unit_test(test_other_mappings_generations_and_places_are_wrong),
	};

	return cmocka_run_group_tests_name("replay_pattern", tests, NULL, NULL);
}
