// SPDX-License-Identifier: MIT
/*
 * test_replay_data.c - proves the table of bench/replay_data.c: each wrong byte is seen by
 * whoever becomes the owner
 *
 * The tests change bytes behind the replay's back and look how many it finds wrong.
 */
#include "test_replay_rig.h"

/* 0x123 from the start of the page: room for guards on both sides. */
#define ONE(dir, between) MAP(0, 01, dir, 1123, 5123, 256) between UNMAP(0, 09, dir, 1123, 256)

static uint8_t *bytes_of(struct rig *rig)
{
	return rig->job.mappings[0].buf;
}

static void expect_wrong(struct rig *rig, uint64_t wrong)
{
	assert_int_equal(rig_counts(rig)->blame.requests, 0);
	assert_int_equal(rig_counts(rig)->wrong_bytes, wrong);
	rig_down(rig);
}

/* A copy that was made at the map is not changed with its original. */
static void test_the_device_sees_what_the_cpu_wrote_before_the_map(void **state)
{
	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig, ONE("TO_DEVICE", ""), &RIG(.route = route));
			rig_do(&rig, 0);
			bytes_of(&rig)[100] ^= 1;
			rig_do(&rig, 1);
			expect_wrong(&rig, route == BOUNCE ? 0 : 1);
		}
}

/* What the device writes at the unmap covers any byte changed before. */
static void test_the_cpu_sees_what_the_device_wrote(void **state)
{
	uint64_t key = replay_pattern_key(0, 1);

	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig, ONE("FROM_DEVICE", ""), &RIG(.route = route));
			rig_do(&rig, 0);
			rig_do(&rig, 1);
			assert_int_equal(replay_pattern_wrong(bytes_of(&rig), 0, 256, key), 0);
			expect_wrong(&rig, 0);
		}
}

/* The device's write is refused: the CPU finds old bytes, the machine a fault. */
static void test_a_write_that_never_arrived_is_wrong_at_the_unmap(void **state)
{
	struct dmp_sim_stats stats;
	struct rig rig;

	(void)state;
	rig_up(&rig, ONE("FROM_DEVICE", ""), &RIG(.route = STRICT));
	rig_do(&rig, 0);
	memset(bytes_of(&rig), 0, 256);
	dmp_sim_fail(rig.machine.sim, DMP_SIM_CALL_ACCESS, 1, 1, 0);
	rig_do(&rig, 1);
	dmp_sim_get_stats(rig.machine.sim, &stats, sizeof(stats));
	assert_int_equal(stats.faults, 1);
	assert_true(rig_counts(&rig)->wrong_bytes > 240);
	rig_counts(&rig)->wrong_bytes = 0;
	expect_wrong(&rig, 0);
}

static void test_a_read_that_is_refused_is_wrong_in_all_its_bytes(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, ONE("TO_DEVICE", ""), &RIG(.route = STRICT));
	rig_do(&rig, 0);
	dmp_sim_fail(rig.machine.sim, DMP_SIM_CALL_ACCESS, 1, 1, 0);
	rig_do(&rig, 1);
	expect_wrong(&rig, 256);
}

/* |..GGGG[ buffer ]GGGG.....| */
static void test_bytes_beside_the_buffer_are_guarded(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, ONE("FROM_DEVICE", ""), &RIG(.route = STRICT));
	rig_do(&rig, 0);
	bytes_of(&rig)[-1] ^= 1;
	bytes_of(&rig)[-64] ^= 1;
	bytes_of(&rig)[-65] ^= 1; /* beyond the guard */
	bytes_of(&rig)[256] ^= 1;
	bytes_of(&rig)[256 + 63] ^= 1;
	bytes_of(&rig)[256 + 64] ^= 1; /* likewise */
	rig_do(&rig, 1);
	expect_wrong(&rig, 4);
}

static void test_pieces_of_a_list_are_guarded_where_they_are_apart(void **state)
{
	struct rig rig;
	uint8_t *second;

	(void)state;
	rig_up(&rig, MAP_SG(0, 01, "FROM_DEVICE") UNMAP_SG(0, 02, "FROM_DEVICE"),
	       &RIG(.route = STRICT));
	rig_do(&rig, 0);
	second = rig.job.mappings[0].sg[1].buf;
	second[0x200] ^= 1;
	rig_do(&rig, 1);
	expect_wrong(&rig, 1);
}

static void test_a_list_is_seen_through_its_segments(void **state)
{
	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;
			uint8_t *second;

			rig_up(&rig,
			       MAP_SG(0, 01, "BIDIRECTIONAL") UNMAP_SG(0, 02, "BIDIRECTIONAL"),
			       &RIG(.route = route));
			rig_do(&rig, 0);
			second = rig.job.mappings[0].sg[1].buf;
			second[7] ^= 1;
			rig_do(&rig, 1);
			expect_wrong(&rig, route == BOUNCE ? 0 : 1);
		}
}

#define PART_TO_CPU SYNC_CPU(0, 02, "FROM_DEVICE", 1133, 16)

/* Written by the device just before the sync, in that part only. */
static void test_a_sync_for_the_cpu_shows_the_part_that_it_names(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, ONE("FROM_DEVICE", PART_TO_CPU), &RIG(.route = STRICT));
	rig_do(&rig, 0);
	memset(bytes_of(&rig), 0, 256);
	rig_do(&rig, 1);
	assert_int_equal(
		replay_pattern_wrong(bytes_of(&rig) + 16, 16, 16, replay_pattern_key(0, 1)), 0);
	assert_int_equal(bytes_of(&rig)[15], 0);
	assert_int_equal(bytes_of(&rig)[32], 0);
	assert_int_equal(rig_counts(&rig)->syncs, 1);
	rig_do(&rig, 2);
	expect_wrong(&rig, 0);
}

static void test_a_sync_for_the_device_hands_over_new_bytes(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, ONE("TO_DEVICE", SYNC_DEVICE(0, 02, "TO_DEVICE", 1133, 16)),
	       &RIG(.route = STRICT));
	rig_do(&rig, 0);
	rig_do(&rig, 1);
	assert_int_equal(
		replay_pattern_wrong(bytes_of(&rig) + 16, 16, 16, replay_pattern_key(0, 1)), 0);
	rig_do(&rig, 2);
	expect_wrong(&rig, 0);
}

static void test_both_ways_and_back_in_parts(void **state)
{
	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig,
			       ONE("BIDIRECTIONAL",
				   SYNC_CPU(0, 02, "BIDIRECTIONAL", 1123, 100)
					   SYNC_DEVICE(0, 03, "BIDIRECTIONAL", 1150, 9)
						   SYNC_CPU(0, 04, "BIDIRECTIONAL", 1140, 200)),
			       &RIG(.route = route));
			for (uint32_t i = 0; i < 5; i++)
				rig_do(&rig, i);
			assert_int_equal(rig_counts(&rig)->syncs, 3);
			expect_wrong(&rig, 0);
		}
}

#define SKIP " attrs=SKIP_CPU_SYNC"
#define SKIPPED(us, call, dir, rest)                                                               \
	ON(0, us, call ": " NVME "dir=" dir " dma_addr=1123 size=256" rest SKIP)

/* Nobody has said that the device may look: what it would see is not defined. */
static void test_a_map_that_skips_hands_nothing_to_the_device(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       SKIPPED(01, "dma_map_page", "TO_DEVICE", " phys_addr=5123")
		       SKIPPED(02, "dma_unmap_page", "TO_DEVICE", ""),
	       &RIG(.route = STRICT));
	rig_do(&rig, 0);
	bytes_of(&rig)[3] ^= 1;
	rig_do(&rig, 1);
	expect_wrong(&rig, 0);
}

static void test_after_the_last_sync_an_unmap_that_skips_brings_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       SKIPPED(01, "dma_map_page", "FROM_DEVICE", " phys_addr=5123")
		       PART_TO_CPU SKIPPED(03, "dma_unmap_page", "FROM_DEVICE", ""),
	       &RIG(.route = STRICT));
	rig_do(&rig, 0);
	rig_do(&rig, 1);
	memset(bytes_of(&rig), 0x55, 256);
	rig_do(&rig, 2);
	assert_int_equal(bytes_of(&rig)[200], 0x55);
	expect_wrong(&rig, 0);
}

/* The device writes once more at the free; the CPU looks before that. */
static void test_coherent_memory_goes_to_and_fro_without_a_sync(void **state)
{
	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig,
			       COHERENT(01, "dma_alloc", 8000, 6726)
				       COHERENT(02, "dma_free", 8000, 6726),
			       &RIG(.route = route));
			rig_do(&rig, 0);
			assert_int_equal(replay_pattern_wrong(bytes_of(&rig), 0, 6726,
							      replay_pattern_key(0, 2)),
					 0);
			rig_do(&rig, 1);
			assert_int_equal(rig_counts(&rig)->frees, 1);
			expect_wrong(&rig, 0);
		}
}

/* The slots are the device's: what changes in them is what it sees. */
static void test_the_device_of_a_bounced_buffer_sees_the_slots(void **state)
{
	struct rig rig;
	uint8_t byte = 1;

	(void)state;
	rig_up(&rig, ONE("TO_DEVICE", ""), &RIG(.route = BOUNCE));
	rig_do(&rig, 0);
	byte = (uint8_t)~bytes_of(&rig)[100];
	assert_int_equal(dmp_sim_agent_write(rig.job.lanes[0].agents[0],
					     rig.job.mappings[0].addr + 100, &byte, 1),
			 0);
	rig_do(&rig, 1);
	expect_wrong(&rig, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_device_sees_what_the_cpu_wrote_before_the_map),
		cmocka_unit_test(test_the_cpu_sees_what_the_device_wrote),
		cmocka_unit_test(test_a_write_that_never_arrived_is_wrong_at_the_unmap),
		cmocka_unit_test(test_a_read_that_is_refused_is_wrong_in_all_its_bytes),
		cmocka_unit_test(test_bytes_beside_the_buffer_are_guarded),
		cmocka_unit_test(test_pieces_of_a_list_are_guarded_where_they_are_apart),
		cmocka_unit_test(test_a_list_is_seen_through_its_segments),
		cmocka_unit_test(test_a_sync_for_the_cpu_shows_the_part_that_it_names),
		cmocka_unit_test(test_a_sync_for_the_device_hands_over_new_bytes),
		cmocka_unit_test(test_both_ways_and_back_in_parts),
		cmocka_unit_test(test_a_map_that_skips_hands_nothing_to_the_device),
		cmocka_unit_test(test_after_the_last_sync_an_unmap_that_skips_brings_nothing),
		cmocka_unit_test(test_coherent_memory_goes_to_and_fro_without_a_sync),
		cmocka_unit_test(test_the_device_of_a_bounced_buffer_sees_the_slots),
	};

	return cmocka_run_group_tests_name("replay_data", tests, NULL, NULL);
}
