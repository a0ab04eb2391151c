// SPDX-License-Identifier: MIT
/*
 * test_replay_step.c - proves the table of bench/replay_step.c: which call a step becomes,
 * and what is counted when it fails
 */
#include "test_replay_rig.h"

#define PAGE                                                                                       \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)                                                   \
	SYNC_DEVICE(0, 02, "TO_DEVICE", 1000, 16) UNMAP(0, 03, "TO_DEVICE", 1000, 256)

static struct dmp_device_stats device_stats(struct rig *rig)
{
	struct dmp_device_stats stats;

	assert_int_equal(dmp_device_get_stats(rig->machine.devices[0], &stats, sizeof(stats)), 0);
	return stats;
}

static void do_all(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->job.lanes[0].nsteps; i++)
		rig_do(rig, i);
}

static void test_a_page_is_mapped_synced_and_unmapped(void **state)
{
	(void)state;
	for (enum rig_route route = DIRECT; route <= STRICT; route++) {
		struct rig rig;

		rig_up(&rig, PAGE, &RIG(.route = route, .no_data = true));
		do_all(&rig);
		assert_int_equal(device_stats(&rig).maps, 1);
		assert_int_equal(device_stats(&rig).syncs, 1);
		assert_int_equal(device_stats(&rig).unmaps, 1);
		assert_int_equal(rig_counts(&rig)->maps, 1);
		assert_int_equal(rig_counts(&rig)->syncs, 1);
		assert_int_equal(rig_counts(&rig)->unmaps, 1);
		rig_down(&rig);
	}
}

/* One segment behind the IOMMU, two without it. */
static void test_a_list_is_mapped_in_one_call(void **state)
{
	(void)state;
	for (enum rig_route route = DIRECT; route <= STRICT; route++) {
		struct rig rig;

		rig_up(&rig, MAP_SG(0, 01, "TO_DEVICE") UNMAP_SG(0, 02, "TO_DEVICE"),
		       &RIG(.route = route, .no_data = true));
		rig_do(&rig, 0);
		assert_int_equal(rig.job.mappings[0].nsegments, route == STRICT ? 1 : 2);
		rig_do(&rig, 1);
		assert_int_equal(device_stats(&rig).maps, 1);
		assert_int_equal(device_stats(&rig).unmaps, 1);
		rig_down(&rig);
	}
}

/* The 16 bytes lie on both sides of the border between the pieces. */
static void test_a_sync_of_a_list_is_cut_at_its_segments(void **state)
{
	(void)state;
	for (enum rig_route route = DIRECT; route <= STRICT; route++) {
		struct rig rig;

		rig_up(&rig,
		       MAP_SG(0, 01, "TO_DEVICE") SYNC_DEVICE(0, 02, "TO_DEVICE", 10ff8, 16)
			       UNMAP_SG(0, 03, "TO_DEVICE"),
		       &RIG(.route = route));
		do_all(&rig);
		assert_int_equal(device_stats(&rig).syncs, route == STRICT ? 1 : 2);
		assert_int_equal(rig_counts(&rig)->syncs, 1);
		assert_int_equal(rig_counts(&rig)->wrong_bytes, 0);
		rig_down(&rig);
	}
}

static void test_an_allocation_is_coherent_memory(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, COHERENT(01, "dma_alloc", 8000, 64) COHERENT(02, "dma_free", 8000, 64),
	       &RIG(.route = STRICT));
	rig_do(&rig, 0);
	assert_int_equal(device_stats(&rig).live_coherent, 1);
	rig_do(&rig, 1);
	assert_int_equal(device_stats(&rig).live_coherent, 0);
	assert_int_equal(rig_counts(&rig)->allocs, 1);
	assert_int_equal(rig_counts(&rig)->frees, 1);
	rig_down(&rig);
}

static void ignore_log(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void test_a_failed_map_is_counted_with_its_line(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, PAGE, &RIG(.route = STRICT));
	dmp_log_set_sink(ignore_log, NULL);
	dmp_sim_fail(rig.machine.sim, DMP_SIM_CALL_MAP_PAGES, 1, 1, -EIO);
	do_all(&rig);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(rig_counts(&rig)->maps, 0);
	assert_int_equal(rig_counts(&rig)->failed_requests, 1);
	assert_int_equal(rig_counts(&rig)->failed_line, 1);
	assert_int_equal(rig_counts(&rig)->failed_err, -EIO);
	assert_string_equal(rig_counts(&rig)->failed_call, "dmp_dma_map");
	rig_down(&rig);
}

static void test_steps_after_a_failed_map_are_counted_as_not_done(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, PAGE, &RIG(.route = STRICT));
	dmp_log_set_sink(ignore_log, NULL);
	dmp_sim_fail(rig.machine.sim, DMP_SIM_CALL_MAP_PAGES, 1, 1, -EIO);
	do_all(&rig);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(rig_counts(&rig)->not_done, 2);
	assert_int_equal(rig_counts(&rig)->unmaps, 0);
	rig_down(&rig);
}

static void test_the_peak_counts_maps_that_live_at_once(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       MAP(0, 01, "TO_DEVICE", 1000, 5000, 256) MAP(0, 02, "TO_DEVICE", 2000, 6000, 256)
		       UNMAP(0, 03, "TO_DEVICE", 1000, 256)
			       MAP(0, 04, "TO_DEVICE", 3000, 7000, 256),
	       &RIG(.route = DIRECT));
	do_all(&rig);
	assert_int_equal(atomic_load(&rig.run.peak), 2);
	assert_int_equal(atomic_load(&rig.run.in_flight), 2);
	rig_down(&rig);
}

static void test_tidying_up_ends_what_is_live(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       MAP(0, 01, "TO_DEVICE", 1000, 5000, 256) COHERENT(02, "dma_alloc", 8000, 64)
		       MAP_SG(0, 03, "FROM_DEVICE"),
	       &RIG(.route = STRICT));
	do_all(&rig);
	assert_int_equal(replay_step_tidy(&rig.run, &rig.job.lanes[0]), 3);
	assert_int_equal(replay_step_tidy(&rig.run, &rig.job.lanes[0]), 0);
	assert_int_equal(device_stats(&rig).live_maps, 0);
	assert_int_equal(device_stats(&rig).live_coherent, 0);
	assert_int_equal(rig_counts(&rig)->wrong_bytes, 0);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_is_mapped_synced_and_unmapped),
		cmocka_unit_test(test_a_list_is_mapped_in_one_call),
		cmocka_unit_test(test_a_sync_of_a_list_is_cut_at_its_segments),
		cmocka_unit_test(test_an_allocation_is_coherent_memory),
		cmocka_unit_test(test_a_failed_map_is_counted_with_its_line),
		cmocka_unit_test(test_steps_after_a_failed_map_are_counted_as_not_done),
		cmocka_unit_test(test_the_peak_counts_maps_that_live_at_once),
		cmocka_unit_test(test_tidying_up_ends_what_is_live),
	};

	return cmocka_run_group_tests_name("replay_step", tests, NULL, NULL);
}
