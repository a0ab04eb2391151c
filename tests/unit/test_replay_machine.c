// SPDX-License-Identifier: MIT
/*
 * test_replay_machine.c - proves that a route's machine has what its row says, and that
 * nothing of it is left or silently broken at the end
 */
#include "test_replay_rig.h"

#include <dmapool/bits.h>

#include <errno.h>

#define TWO_DEVICES                                                                                \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)                                                   \
	ON(0, 02,                                                                                  \
	   "dma_map_page: 0000:00:05.0 dir=TO_DEVICE dma_addr=1000 size=64 phys_addr=7000 "        \
	   "attrs=")

static void test_the_direct_route_has_no_domain(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = DIRECT));
	assert_int_equal(rig.machine.ndevices, 2);
	assert_null(rig.machine.domains[0]);
	assert_null(rig.machine.domains[1]);
	rig_down(&rig);
}

static void test_translated_routes_give_each_device_its_own_domain(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = STRICT));
	assert_non_null(rig.machine.domains[0]);
	assert_non_null(rig.machine.domains[1]);
	assert_ptr_not_equal(rig.machine.domains[0], rig.machine.domains[1]);
	rig_down(&rig);
}

static void test_blocks_are_aligned_and_lie_below_4_gib(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = DIRECT));
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal((uintptr_t)rig.job.blocks[i].buf % DMP_PAGE_BYTES, 0);
		rig_do(&rig, i);
		assert_true(rig.job.mappings[i].addr <= DMP_MASK(32));
	}
	rig_down(&rig);
}

static void test_without_data_there_are_no_agents(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = STRICT, .no_data = true));
	assert_null(rig.job.lanes[0].agents);
	rig_down(&rig);
}

static void ignore_log(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

/* A leak must not look like success: the device and its domain cannot be destroyed. */
static void test_a_live_mapping_at_the_end_is_broken_books(void **state)
{
	struct dmp_device *dev;
	struct dmp_domain *dom;
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = STRICT));
	rig_do(&rig, 0);
	dev = rig.machine.devices[0];
	dom = rig.machine.domains[0];
	dmp_log_set_sink(ignore_log, NULL);
	assert_true(replay_machine_destroy(&rig.machine) > 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_dma_unmap(dev, rig.job.mappings[0].addr, 256, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_detach(dev), 0);
	assert_int_equal(dmp_device_destroy(dev), 0);
	assert_int_equal(dmp_domain_destroy(dom), 0);
	assert_int_equal(dmp_sim_destroy(rig.machine.sim), 0);
	rig_discard(&rig);
}

static void test_a_profile_that_does_not_exist_is_no_machine(void **state)
{
	struct replay_machine machine;
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_DEVICES, &RIG(.route = STRICT));
	rig.opts.profile = "no-such-profile";
	dmp_log_set_sink(ignore_log, NULL);
	assert_int_equal(replay_machine_create(&rig.opts, REPLAY_STRICT, &rig.job, &machine),
			 -ENOENT);
	dmp_log_set_sink(NULL, NULL);
	rig_discard(&rig);
}

/* Blocks of 3 GiB leave the machine at 4 GiB, where a 32-bit device reaches all of it. */
static void test_memory_stays_below_4_gib_as_long_as_it_fits(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_DEVICES, &RIG(.route = DIRECT, .no_data = true));
	rig.meta_before = dmp_meta_in_use();
	rig.job.memory_bytes = UINT64_C(3) << 30;
	assert_int_equal(replay_machine_create(&rig.opts, REPLAY_DIRECT, &rig.job, &rig.machine),
			 0);
	assert_int_equal(replay_place_reset(&rig.machine), 0);
	rig.run = (struct replay_run){.job = &rig.job, .machine = &rig.machine};
	rig_do(&rig, 0);
	assert_int_equal(rig_counts(&rig)->blame.requests, 0);
	replay_step_tidy(&rig.run, &rig.job.lanes[0]);
	assert_int_equal(replay_machine_destroy(&rig.machine), 0);
	assert_int_equal(dmp_meta_in_use(), rig.meta_before);
	rig_discard(&rig);
}

static int create_with(struct rig *rig, enum replay_way way, uint64_t memory_bytes)
{
	int err;

	rig->job.memory_bytes = memory_bytes;
	err = replay_machine_create(&rig->opts, way, &rig->job, &rig->machine);
	if (!err)
		assert_int_equal(replay_machine_destroy(&rig->machine), 0);
	return err;
}

static void test_more_than_the_mask_reaches_is_refused_without_translation(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_DEVICES, &RIG(.no_data = true));
	assert_int_equal(create_with(&rig, REPLAY_DIRECT, UINT64_C(5) << 30), -ERANGE);
	assert_int_equal(create_with(&rig, REPLAY_STRICT, UINT64_C(5) << 30), 0);
	rig.opts.mask_bits = 64;
	assert_int_equal(create_with(&rig, REPLAY_DIRECT, UINT64_C(5) << 30), 0);
	rig_discard(&rig);
}

static void test_more_bytes_than_the_computer_has_are_not_touched(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_DEVICES, &RIG(.route = STRICT));
	assert_int_equal(create_with(&rig, REPLAY_STRICT, UINT64_C(1) << 46), -ENOMEM);
	rig_discard(&rig);
}

/* The first device only syncs what another one mapped: nothing of it is replayed. */
static void test_a_device_without_mappings_is_not_made(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       ON(0, 01, "dma_unmap_page: 0000:00:07.0 dir=TO_DEVICE dma_addr=9000 size=64 attrs=")
		       TWO_DEVICES,
	       &RIG(.route = STRICT));
	assert_int_equal(rig.machine.ndevices, 3);
	assert_null(rig.machine.devices[0]);
	assert_null(rig.machine.domains[0]);
	assert_non_null(rig.machine.devices[1]);
	rig_do(&rig, 0);
	rig_down(&rig);
}

static void test_the_pool_grows_if_that_was_asked_for(void **state)
{
	(void)state;
	for (int grow = 0; grow < 2; grow++) {
		struct dmp_swiotlb_tuning tuning;
		struct rig rig;

		rig_up(&rig, TWO_DEVICES, &RIG(.route = BOUNCE, .grow = grow));
		assert_int_equal(dmp_swiotlb_get_tuning(rig.machine.tlb, &tuning, sizeof(tuning)),
				 0);
		assert_int_equal(tuning.flags, grow ? DMP_SWIOTLB_GROWS : 0);
		rig_down(&rig);
	}
}

static void test_bouncing_devices_share_one_pool_of_the_size_asked_for(void **state)
{
	struct dmp_swiotlb_stats stats;
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = BOUNCE, .slots = 2048));
	assert_int_equal(dmp_swiotlb_get_stats(rig.machine.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.slots, 2048);
	assert_int_equal(stats.areas, 1);
	for (uint32_t i = 0; i < 2; i++) {
		rig_do(&rig, i);
		assert_true(dmp_swiotlb_owns(rig.machine.tlb, rig.job.mappings[i].addr));
	}
	rig_down(&rig);
}

static void test_other_routes_have_no_pool(void **state)
{
	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			rig_up(&rig, TWO_DEVICES, &RIG(.route = route));
			assert_true((rig.machine.tlb != NULL) == (route == BOUNCE));
			rig_down(&rig);
		}
}

/* Bounced at 0x123 of a page: the trace's bounces kept that. */
static void test_bouncing_devices_keep_the_bits_that_the_traced_ones_kept(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       ON(0, 00,
		  "swiotlb_bounced: dev_name: 0000:00:03.0 dma_mask=ffffffff dev_addr=5923 "
		  "size=256 FORCE") MAP(0, 01, "TO_DEVICE", 1923, 5923, 256),
	       &RIG(.route = BOUNCE));
	rig_do(&rig, 0);
	assert_int_equal(rig.job.mappings[0].addr & 0xfff, 0x923);
	rig_down(&rig);
}

static void test_the_domains_flush_as_their_route_says(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, TWO_DEVICES, &RIG(.route = STRICT));
	assert_int_equal(dmp_domain_get_flush(rig.machine.domains[1]), DMP_FLUSH_STRICT);
	rig_down(&rig);
	rig_up(&rig, TWO_DEVICES, &RIG(.route = LAZY));
	assert_int_equal(dmp_domain_get_flush(rig.machine.domains[1]), DMP_FLUSH_LAZY);
	rig_down(&rig);
}

static void test_a_policy_of_its_own_each(void **state)
{
	static const struct {
		enum replay_way way;
		enum dmp_flush_policy policy;
	} expected[] = {
		{REPLAY_LAZY_SINGLE, DMP_FLUSH_LAZY_SINGLE},
		{REPLAY_ON_REUSE, DMP_FLUSH_ON_REUSE},
		{REPLAY_MANUAL, DMP_FLUSH_MANUAL},
		{REPLAY_GUEST, DMP_FLUSH_GUEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct rig rig;

		rig_up(&rig, TWO_DEVICES, &RIG(.route = (enum rig_route)expected[i].way));
		assert_int_equal(dmp_domain_get_flush(rig.machine.domains[0]), expected[i].policy);
		rig_do(&rig, 0);
		rig_do(&rig, 1);
		assert_int_equal(rig_counts(&rig)->blame.requests, 0);
		rig_down(&rig);
	}
}

/* Half of it would be another pool than was asked for. */
static void test_a_pool_that_does_not_fit_is_no_machine(void **state)
{
	struct replay_machine machine;
	struct rig rig;

	(void)state;
	rig_prepare(&rig, TWO_DEVICES, &RIG(.route = BOUNCE, .slots = 1u << 20));
	assert_int_equal(replay_machine_create(&rig.opts, REPLAY_BOUNCE, &rig.job, &machine),
			 -ENOMEM);
	rig_discard(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_direct_route_has_no_domain),
		cmocka_unit_test(test_translated_routes_give_each_device_its_own_domain),
		cmocka_unit_test(test_blocks_are_aligned_and_lie_below_4_gib),
		cmocka_unit_test(test_memory_stays_below_4_gib_as_long_as_it_fits),
		cmocka_unit_test(test_more_than_the_mask_reaches_is_refused_without_translation),
		cmocka_unit_test(test_more_bytes_than_the_computer_has_are_not_touched),
		cmocka_unit_test(test_a_device_without_mappings_is_not_made),
		cmocka_unit_test(test_without_data_there_are_no_agents),
		cmocka_unit_test(test_a_profile_that_does_not_exist_is_no_machine),
		cmocka_unit_test(test_a_live_mapping_at_the_end_is_broken_books),
		cmocka_unit_test(test_the_pool_grows_if_that_was_asked_for),
		cmocka_unit_test(test_bouncing_devices_share_one_pool_of_the_size_asked_for),
		cmocka_unit_test(test_other_routes_have_no_pool),
		cmocka_unit_test(test_bouncing_devices_keep_the_bits_that_the_traced_ones_kept),
		cmocka_unit_test(test_the_domains_flush_as_their_route_says),
		cmocka_unit_test(test_a_policy_of_its_own_each),
		cmocka_unit_test(test_a_pool_that_does_not_fit_is_no_machine),
	};

	return cmocka_run_group_tests_name("replay_machine", tests, NULL, NULL);
}
