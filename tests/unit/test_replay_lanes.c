// SPDX-License-Identifier: MIT
/*
 * test_replay_lanes.c - proves L1 and L2 of bench/replay_lanes.c
 */
#include "test_replay_rig.h"

/* The picture of replay_lanes.c. */
#define TWO_CPUS                                                                                   \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)                                                   \
	MAP(1, 02, "TO_DEVICE", 2000, 6000, 256)                                                   \
	SYNC_DEVICE(1, 03, "TO_DEVICE", 1000, 64)                                                  \
	UNMAP(0, 04, "TO_DEVICE", 1000, 256)                                                       \
	UNMAP(1, 05, "TO_DEVICE", 2000, 256)

static void test_a_lane_has_its_cpus_steps_in_file_order(void **state)
{
	static const uint32_t expected[2][3] = {{0, 3}, {1, 2, 4}};
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_CPUS, &RIG(.threads = true));
	assert_int_equal(rig.job.nlanes, 2);
	for (unsigned l = 0; l < 2; l++) {
		assert_int_equal(rig.job.lanes[l].cpu, l);
		assert_int_equal(rig.job.lanes[l].nsteps, 2 + l);
		for (unsigned i = 0; i < 2 + l; i++)
			assert_int_equal(rig.job.lanes[l].steps[i].plan_step, expected[l][i]);
	}
	rig_discard(&rig);
}

static void test_turns_of_a_mapping_count_up_across_lanes(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_CPUS, &RIG(.threads = true));
	assert_int_equal(rig.job.lanes[0].steps[0].turn, 0); /* map of the first */
	assert_int_equal(rig.job.lanes[1].steps[1].turn, 1); /* its sync */
	assert_int_equal(rig.job.lanes[0].steps[1].turn, 2); /* its unmap */
	assert_int_equal(rig.job.mappings[0].nsteps, 3);
	assert_int_equal(rig.job.mappings[1].nsteps, 2);
	rig_discard(&rig);
}

static void test_serial_puts_all_steps_into_one_lane(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_CPUS, &RIG(.threads = false));
	assert_int_equal(rig.job.nlanes, 1);
	assert_int_equal(rig.job.lanes[0].nsteps, 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(rig.job.lanes[0].steps[i].plan_step, i);
	assert_int_equal(rig.job.nevents, 5);
	rig_discard(&rig);
}

static void test_a_cpu_without_steps_has_no_lane(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig,
		    MAP(2, 01, "TO_DEVICE", 1000, 5000, 256) UNMAP(5, 02, "TO_DEVICE", 1000, 256),
		    &RIG(.threads = true));
	assert_int_equal(rig.job.nlanes, 2);
	assert_int_equal(rig.job.lanes[0].cpu, 2);
	assert_int_equal(rig.job.lanes[1].cpu, 5);
	rig_discard(&rig);
}

/* 1 GiB of another device's registers: no block holds it. */
static void test_a_mapping_that_is_too_long_is_left_out_and_counted(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig,
		    MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)
			    MAP(0, 02, "TO_DEVICE", 40000000, 80000000, 1073741824)
				    UNMAP(0, 03, "TO_DEVICE", 40000000, 1073741824)
					    UNMAP(0, 04, "TO_DEVICE", 1000, 256),
		    &RIG(.threads = false));
	assert_int_equal(rig.job.too_long.count, 1);
	assert_int_equal(rig.job.too_long.first_line, 2);
	assert_int_equal(rig.job.lanes[0].nsteps, 2);
	assert_int_equal(rig.job.nevents, 2);
	assert_int_equal(rig.job.nblocks, 1);
	rig_discard(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lane_has_its_cpus_steps_in_file_order),
		cmocka_unit_test(test_turns_of_a_mapping_count_up_across_lanes),
		cmocka_unit_test(test_serial_puts_all_steps_into_one_lane),
		cmocka_unit_test(test_a_cpu_without_steps_has_no_lane),
		cmocka_unit_test(test_a_mapping_that_is_too_long_is_left_out_and_counted),
	};

	return cmocka_run_group_tests_name("replay_lanes", tests, NULL, NULL);
}
