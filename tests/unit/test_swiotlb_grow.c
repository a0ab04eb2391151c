// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_grow.c - proves G1-G3 of lib/swiotlb/swiotlb_grow.c, and [RETIRE] of
 * swiotlb_pool.c
 */
#include "growth_rig.h"

#define MS UINT64_C(1000000)

static void test_exhaustion_asks_the_worker_once(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 0);
	growth_rig_map(&rig, NULL, 1);
	growth_rig_map(&rig, NULL, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 1);
	growth_rig_work(&rig, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 0);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 2);
	assert_int_equal(swiotlb_rig_stats(&rig).slots, 1024);
	assert_int_equal(swiotlb_rig_stats(&rig).grown, 1);
	growth_rig_down(&rig);
}

static void test_a_grown_pool_is_searched_first(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	growth_rig_work(&rig, 1);
	growth_rig_empty(&rig, &rig.tlb->pools);
	assert_int_equal(growth_rig_pool(&rig, 2).kind, DMP_SWIOTLB_POOL_GROWN);
	assert_int_equal(growth_rig_pool_of(&rig, growth_rig_map(&rig, NULL, 1)), 2);
	growth_rig_down(&rig);
}

/* A pool that the worker makes for one of @slots in @areas. */
static struct dmp_swiotlb_pool_view grown_for(struct swiotlb_rig *rig, uint64_t slots,
					      uint64_t areas)
{
	swiotlb_rig_begin(rig);
	assert_int_equal(dmp_swiotlb_create(rig->hw.hw,
					    &DMP_SWIOTLB_OPTS(.slots = slots, .areas = areas,
							      .flags = DMP_SWIOTLB_GROWS),
					    &rig->tlb),
			 0);
	double_clear(rig->hw.d);
	swiotlb_grow_ask(rig->tlb);
	growth_rig_work(rig, 1);
	return growth_rig_pool(rig, 1);
}

/* 4 MiB at most, with an area to each 128 slots at most. */
static void test_a_grown_pool_is_as_large_as_the_first_but_for_4_mib(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct swiotlb_rig rig;

	(void)state;
	pool = grown_for(&rig, 128, 1);
	assert_int_equal(pool.slots, 128);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->zone, DMP_ZONE_DMA32);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->flags, DMP_MEM_MAY_BLOCK);
	growth_rig_down(&rig);
	pool = grown_for(&rig, 1024, 8);
	assert_int_equal(pool.slots, 1024);
	assert_int_equal(pool.areas, 8);
	growth_rig_down(&rig);
}

static void test_what_growth_asks_for_is_cut_to_4_mib_and_its_areas(void **state)
{
	struct dmp_swiotlb_pool_view pool;
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	rig.tlb->grow_slots = 32768;
	rig.tlb->grow_areas = 64;
	growth_rig_map(&rig, NULL, 1);
	double_clear(rig.hw.d);
	growth_rig_work(&rig, 1);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_ALLOC), 1);
	pool = growth_rig_pool(&rig, 2);
	assert_int_equal(pool.slots, 2048);
	assert_int_equal(pool.areas, 16);
	growth_rig_down(&rig);
}

static void test_half_a_pool_is_tried_down_to_1_mib(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	rig.tlb->grow_slots = 2048;
	growth_rig_map(&rig, NULL, 1);
	double_clear(rig.hw.d);
	double_script(
		rig.hw.d, DOUBLE_MEM_ALLOC,
		&(struct double_reply){.nth = 1, .count = 2, .replace_ret = true, .ret = -ENOMEM});
	growth_rig_work(&rig, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).slots, 1024);
	growth_rig_fill(&rig);
	growth_rig_map(&rig, NULL, 1);
	double_clear(rig.hw.d);
	double_script(
		rig.hw.d, DOUBLE_MEM_ALLOC,
		&(struct double_reply){.nth = 1, .count = 9, .replace_ret = true, .ret = -ENOMEM});
	growth_rig_work(&rig, 1);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_ALLOC), 3);
	assert_int_equal(swiotlb_rig_stats(&rig).slots, 1024);
	assert_int_equal(swiotlb_rig_stats(&rig).growth_failures, 1);
	assert_non_null(strstr(rig.hw.line, "no memory for another pool"));
	growth_rig_down(&rig);
}

static void test_nothing_grows_beyond_the_cap(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .max_slots = 1023));
	growth_rig_map(&rig, NULL, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 0);
	assert_int_equal(swiotlb_rig_stats(&rig).transients_made, 1);
	growth_rig_down(&rig);
}

/* Room for half of what is asked for, and a cap that comes after the request. */
static void test_a_pool_is_made_smaller_for_the_cap(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 1024, .areas = 8, .max_slots = 1600));
	growth_rig_map(&rig, NULL, 1);
	growth_rig_work(&rig, 1);
	assert_int_equal(growth_rig_pool(&rig, 2).slots, 512);
	assert_int_equal(growth_rig_pool(&rig, 2).areas, 4);
	growth_rig_down(&rig);
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	growth_rig_map(&rig, NULL, 1);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS,
								       .max_slots = 600)),
			 0);
	growth_rig_work(&rig, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 1);
	growth_rig_down(&rig);
}

/* Grown at 0: touched at 5, seen so at 10, idle at 20. */
static void test_a_grown_pool_is_given_back_after_it_was_idle(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .idle_ns = 10 * MS));
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	assert_int_equal(dmp_harness_advance(5 * MS), 1);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 2);
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	assert_int_equal(dmp_harness_advance(9 * MS), 1);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 2);
	double_clear(rig.hw.d);
	assert_int_equal(dmp_harness_advance(10 * MS), 1);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).slots, 512);
	assert_int_equal(swiotlb_rig_stats(&rig).given_back, 1);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_FREE), 0); /* readers may be there */
	assert_int_equal(dmp_harness_grace_period(), 2);              /* with the transient one */
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_FREE), 2);
	assert_int_equal(dmp_harness_advance(100 * MS), 0); /* nothing is left to look at */
	growth_rig_down(&rig);
}

static void test_a_new_idle_time_counts_from_its_setting(void **state)
{
	struct dmp_swiotlb_tuning tuning = DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS);
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .idle_ns = 1000 * MS));
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	growth_rig_work(&rig, 1);
	tuning.idle_ns = 20 * MS;
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &tuning), 0);
	dmp_harness_advance(19 * MS);
	tuning.idle_ns = 30 * MS;
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &tuning), 0);
	dmp_harness_advance(29 * MS);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 2);
	dmp_harness_advance(1 * MS);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 1);
	growth_rig_down(&rig);
}

static void test_a_pool_in_use_is_not_given_back(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 4, .idle_ns = 10 * MS));
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	growth_rig_work(&rig, 1);
	assert_int_equal(dmp_harness_become(3), 0);
	phys = growth_rig_map(&rig, NULL, 1);
	assert_int_equal(dmp_harness_advance(50 * MS), 5);
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 2);
	assert_int_equal(growth_rig_pool_of(&rig, growth_rig_map(&rig, NULL, 1)), 2);
	swiotlb_rig_unmap(&rig, phys);
	growth_rig_down(&rig);
}

/* The worker has set the flag, and not yet come to this area. */
static void test_no_claim_stays_in_a_retired_pool(void **state)
{
	struct swiotlb_pool *pool;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	growth_rig_work(&rig, 1);
	pool = load_acquire(&rig.tlb->pools);
	store_relaxed(&pool->retired, true);
	phys = growth_rig_map(&rig, NULL, 1);
	assert_int_equal(growth_rig_pool(&rig, growth_rig_pool_of(&rig, phys)).kind,
			 DMP_SWIOTLB_POOL_TRANSIENT);
	assert_int_equal(load_relaxed(&swiotlb_area_at(pool, 0)->used), 0);
	store_relaxed(&pool->retired, false);
	growth_rig_down(&rig);
}

static void test_growth_is_switched_while_it_works(void **state)
{
	struct dmp_swiotlb_tuning tuning;
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512));
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.idle_ns = 7)), 0);
	assert_int_equal(growth_rig_try(&rig, NULL, 1), -ENOSPC);
	assert_int_equal(swiotlb_rig_stats(&rig).transient_failures, 0);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, &tuning, sizeof(tuning)), 0);
	assert_int_equal(tuning.flags, 0);
	assert_int_equal(tuning.idle_ns, 7);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &DMP_SWIOTLB_TUNING(.flags = DMP_SWIOTLB_GROWS)),
			 0);
	assert_int_equal(growth_rig_try(&rig, NULL, 1), 0);
	growth_rig_down(&rig);
}

static void test_tuning_that_makes_no_sense_is_refused(void **state)
{
	struct dmp_swiotlb_tuning tuning = DMP_SWIOTLB_TUNING(.max_slots = 1);
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &tuning), -ENOTSUP);
	assert_int_equal(dmp_swiotlb_tune(NULL, &tuning), -EINVAL);
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, NULL), -EINVAL);
	tuning.flags = DMP_SWIOTLB_LATE;
	assert_int_equal(dmp_swiotlb_tune(rig.tlb, &tuning), -EINVAL);
	assert_int_equal(dmp_swiotlb_get_tuning(NULL, &tuning, sizeof(tuning)), -EINVAL);
	assert_int_equal(dmp_swiotlb_get_tuning(rig.tlb, NULL, 1), -EINVAL);
	swiotlb_rig_down(&rig);
}

/* Nothing has run: a job and a release are pending. */
static void test_the_end_stops_the_worker_and_waits_for_releases(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .idle_ns = 1));
	swiotlb_rig_unmap(&rig, growth_rig_map(&rig, NULL, 1));
	assert_int_equal(swiotlb_rig_stats(&rig).growth_pending, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).waiting, 1);
	growth_rig_down(&rig);
	assert_int_equal(dmp_harness_run_pending(), 0);
}

static struct dmp_swiotlb *walked; /* or NULL */

/* A policy's part of the check: nothing may be about to run. */
static int nothing_pending(void *state, const struct dmp_swiotlb_area *area)
{
	(void)state;
	(void)area;
	return walked && (dmp_work_is_pending(&walked->grow_work) ||
			  dmp_work_is_pending(&walked->idle_work))
		       ? -EIO
		       : 0;
}

/* The worker has a pool to make and one to look at; it does both when the walk is over. */
static void test_no_pool_comes_or_goes_while_a_checker_walks(void **state)
{
	struct dmp_swiotlb_policy policy = dmp_swiotlb_policy_linux;
	struct swiotlb_rig rig;

	(void)state;
	policy.check = nothing_pending;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 512, .idle_ns = 10 * MS, .policy = &policy));
	growth_rig_map(&rig, NULL, 1);
	growth_rig_work(&rig, 1);
	growth_rig_fill(&rig);
	growth_rig_map(&rig, NULL, 1);
	walked = rig.tlb;
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	walked = NULL;
	growth_rig_work(&rig, 2);
	assert_int_equal(swiotlb_rig_stats(&rig).grown, 2);
	growth_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exhaustion_asks_the_worker_once),
		cmocka_unit_test(test_a_grown_pool_is_searched_first),
		cmocka_unit_test(test_a_grown_pool_is_as_large_as_the_first_but_for_4_mib),
		cmocka_unit_test(test_what_growth_asks_for_is_cut_to_4_mib_and_its_areas),
		cmocka_unit_test(test_half_a_pool_is_tried_down_to_1_mib),
		cmocka_unit_test(test_nothing_grows_beyond_the_cap),
		cmocka_unit_test(test_a_pool_is_made_smaller_for_the_cap),
		cmocka_unit_test(test_a_grown_pool_is_given_back_after_it_was_idle),
		cmocka_unit_test(test_a_new_idle_time_counts_from_its_setting),
		cmocka_unit_test(test_a_pool_in_use_is_not_given_back),
		cmocka_unit_test(test_no_claim_stays_in_a_retired_pool),
		cmocka_unit_test(test_growth_is_switched_while_it_works),
		cmocka_unit_test(test_tuning_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_no_pool_comes_or_goes_while_a_checker_walks),
		cmocka_unit_test(test_the_end_stops_the_worker_and_waits_for_releases),
	};

	return cmocka_run_group_tests_name("swiotlb_grow", tests, NULL, NULL);
}
