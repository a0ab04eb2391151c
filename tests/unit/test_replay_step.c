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
	for
		EVERY_ROUTE(route)
		{
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
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig, MAP_SG(0, 01, "TO_DEVICE") UNMAP_SG(0, 02, "TO_DEVICE"),
			       &RIG(.route = route, .no_data = true));
			rig_do(&rig, 0);
			assert_int_equal(rig.job.mappings[0].nsegments, route >= STRICT ? 1 : 2);
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
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig,
			       MAP_SG(0, 01, "TO_DEVICE") SYNC_DEVICE(0, 02, "TO_DEVICE", 10ff8, 16)
				       UNMAP_SG(0, 03, "TO_DEVICE"),
			       &RIG(.route = route));
			do_all(&rig);
			assert_int_equal(device_stats(&rig).syncs, route >= STRICT ? 1 : 2);
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
	assert_int_equal(rig_counts(&rig)->blame.requests, 1);
	assert_int_equal(rig_counts(&rig)->blame.first_line, 1);
	assert_int_equal(rig_counts(&rig)->blame.first_err, -EIO);
	assert_string_equal(rig_counts(&rig)->blame.first_call, "dmp_dma_map");
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

/* A pool of 512 slots, of which each takes a quarter. */
#define QUARTER(us, addr, phys) MAP(0, us, "BIDIRECTIONAL", addr, phys, 262144)
#define FULL                                                                                       \
	QUARTER(01, 1000000, 1000000)                                                              \
	QUARTER(02, 2000000, 2000000)                                                              \
	QUARTER(03, 3000000, 3000000)                                                              \
	QUARTER(04, 4000000, 4000000)
#define ONE_MORE         QUARTER(05, 5000000, 5000000)
#define END_OF(us, addr) UNMAP(0, us, "BIDIRECTIONAL", addr, 262144)

static void test_a_map_without_room_is_made_at_the_next_step_that_finds_some(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, FULL ONE_MORE END_OF(06, 2000000) END_OF(07, 5000000),
	       &RIG(.route = BOUNCE, .slots = 512));
	for (uint32_t i = 0; i < 5; i++)
		rig_do(&rig, i);
	assert_false(rig.job.mappings[4].live);
	assert_true(rig.job.mappings[4].late);
	rig_do(&rig, 5);
	rig_do(&rig, 6);
	assert_int_equal(rig_counts(&rig)->maps, 5);
	assert_int_equal(rig_counts(&rig)->late_maps, 1);
	assert_int_equal(rig_counts(&rig)->unmaps, 2);
	assert_int_equal(rig_counts(&rig)->blame.requests, 0);
	assert_int_equal(rig_counts(&rig)->wrong_bytes, 0);
	rig_down(&rig);
}

static void test_a_sync_finds_room_or_is_not_done(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       FULL ONE_MORE SYNC_CPU(0, 06, "BIDIRECTIONAL", 5000000, 16) END_OF(07, 2000000)
		       SYNC_CPU(0, 08, "BIDIRECTIONAL", 5000000, 16) END_OF(09, 5000000),
	       &RIG(.route = BOUNCE, .slots = 512));
	do_all(&rig);
	assert_int_equal(rig_counts(&rig)->not_done, 1);
	assert_int_equal(rig_counts(&rig)->syncs, 1);
	assert_int_equal(rig_counts(&rig)->unmaps, 2);
	assert_int_equal(rig_counts(&rig)->blame.requests, 0);
	assert_int_equal(rig_counts(&rig)->wrong_bytes, 0);
	rig_down(&rig);
}

static void test_a_map_that_never_finds_room_has_failed(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, FULL ONE_MORE END_OF(06, 5000000), &RIG(.route = BOUNCE, .slots = 512));
	for (uint32_t i = 0; i < 5; i++)
		rig_do(&rig, i);
	dmp_log_set_sink(ignore_log, NULL);
	rig_do(&rig, 5);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(rig_counts(&rig)->blame.requests, 1);
	assert_int_equal(rig_counts(&rig)->blame.first_line, 5);
	assert_int_equal(rig_counts(&rig)->blame.first_err, -ENOSPC);
	assert_int_equal(rig_counts(&rig)->not_done, 1);
	assert_int_equal(rig_counts(&rig)->maps, 4);
	rig_down(&rig);
}

/* Its last try comes when all lanes have ended. */
static void test_a_map_without_an_unmap_is_settled_at_the_end(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, FULL ONE_MORE END_OF(06, 2000000), &RIG(.route = BOUNCE, .slots = 512));
	do_all(&rig);
	assert_int_equal(rig_counts(&rig)->maps, 4);
	replay_step_settle(&rig.run, &rig.job.lanes[0]);
	assert_int_equal(rig_counts(&rig)->maps, 5);
	assert_int_equal(rig_counts(&rig)->late_maps, 1);
	replay_step_settle(&rig.run, &rig.job.lanes[0]);
	assert_int_equal(rig_counts(&rig)->maps, 5);
	rig_down(&rig);
}

/* The whole buffer at the map, and what the device may have written at the unmap. */
static void test_bounced_bytes_are_counted_as_the_calls_have_to_copy_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t map, sync, unmap;
	} cases[] = {
		{MAP(0, 01, "TO_DEVICE", 1000, 5000, 256) SYNC_DEVICE(0, 02, "TO_DEVICE", 1000, 16)
			 SYNC_CPU(0, 03, "TO_DEVICE", 1000, 8) UNMAP(0, 04, "TO_DEVICE", 1000, 256),
		 256, 16, 0},
		{MAP(0, 01, "FROM_DEVICE", 1000, 5000, 256) SYNC_DEVICE(
			 0, 02, "FROM_DEVICE", 1000, 16) SYNC_CPU(0, 03, "FROM_DEVICE", 1000, 8)
			 UNMAP(0, 04, "FROM_DEVICE", 1000, 256),
		 256, 8, 256},
		{MAP(0, 01, "BIDIRECTIONAL", 1000, 5000, 256)
			 SYNC_CPU(0, 03, "BIDIRECTIONAL", 1000, 8)
				 CALL(0, 04, "dma_unmap_page", "BIDIRECTIONAL", 1000, 256, "")
					 COHERENT(05, "dma_alloc", 8000, 64)
						 COHERENT(06, "dma_free", 8000, 64),
		 256, 8, 256},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for
			EVERY_ROUTE(route)
			{
				uint64_t bounced = route == BOUNCE;
				struct rig rig;

				rig_up(&rig, cases[i].text, &RIG(.route = route));
				do_all(&rig);
				assert_int_equal(rig_counts(&rig)->map_copied,
						 bounced * cases[i].map);
				assert_int_equal(rig_counts(&rig)->sync_copied,
						 bounced * cases[i].sync);
				assert_int_equal(rig_counts(&rig)->unmap_copied,
						 bounced * cases[i].unmap);
				rig_down(&rig);
			}
	}
}

static void test_an_unmap_that_skips_the_sync_copies_nothing(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       MAP(0, 01, "FROM_DEVICE", 1000, 5000, 256)
		       ON(0, 02,
			  "dma_unmap_page: " NVME "dir=FROM_DEVICE dma_addr=1000 size=256 "
			  "attrs=SKIP_CPU_SYNC"),
	       &RIG(.route = BOUNCE));
	do_all(&rig);
	assert_int_equal(rig_counts(&rig)->unmap_copied, 0);
	assert_int_equal(rig_counts(&rig)->unmaps, 1);
	rig_down(&rig);
}

/* Cut by the replay: one call of the trace, two bounced pieces, and every byte moves. */
static void test_a_buffer_that_was_cut_is_one_map_with_all_its_bytes(void **state)
{
	struct dmp_swiotlb_stats stats;
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       MAP(0, 01, "BIDIRECTIONAL", 1123, 5123, 300000)
		       SYNC_CPU(0, 02, "BIDIRECTIONAL", 41000, 4096)
			       UNMAP(0, 03, "BIDIRECTIONAL", 1123, 300000),
	       &RIG(.route = BOUNCE));
	rig_do(&rig, 0);
	assert_int_equal(rig.job.mappings[0].nsegments, 2);
	dmp_swiotlb_get_stats(rig.machine.tlb, &stats, sizeof(stats));
	assert_int_equal(stats.used, 147); /* 128 for 256 KiB, 19 for the rest */
	rig_do(&rig, 1);
	rig_do(&rig, 2);
	assert_int_equal(device_stats(&rig).maps, 1);
	assert_int_equal(device_stats(&rig).unmaps, 1);
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
		cmocka_unit_test(test_a_map_without_room_is_made_at_the_next_step_that_finds_some),
		cmocka_unit_test(test_a_sync_finds_room_or_is_not_done),
		cmocka_unit_test(test_a_map_that_never_finds_room_has_failed),
		cmocka_unit_test(test_a_map_without_an_unmap_is_settled_at_the_end),
		cmocka_unit_test(test_bounced_bytes_are_counted_as_the_calls_have_to_copy_them),
		cmocka_unit_test(test_an_unmap_that_skips_the_sync_copies_nothing),
		cmocka_unit_test(test_a_buffer_that_was_cut_is_one_map_with_all_its_bytes),
	};

	return cmocka_run_group_tests_name("replay_step", tests, NULL, NULL);
}
