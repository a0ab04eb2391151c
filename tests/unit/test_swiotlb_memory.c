// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_memory.c - proves where lib/swiotlb/swiotlb_memory.c takes memory from, and that
 * no page is converted more often than it must be, or given back while devices can read it
 */
#include "growth_rig.h"

static struct swiotlb_plan plan(uint64_t limit)
{
	return (struct swiotlb_plan){
		.kind = SWIOTLB_TRANSIENT, .slots = 3, .least = 3, .areas = 1, .limit = limit};
}

static int take(struct swiotlb_rig *rig, const struct swiotlb_plan *plan, struct swiotlb_pool *pool)
{
	*pool = (struct swiotlb_pool){
		.tlb = rig->tlb, .nslots = plan->slots, .source = plan->source};
	return swiotlb_memory_take(rig->tlb, pool, plan);
}

static void assert_zone(struct swiotlb_rig *rig, uint64_t limit, unsigned zone)
{
	struct swiotlb_plan wanted = plan(limit);
	struct swiotlb_pool pool;

	assert_int_equal(take(rig, &wanted, &pool), 0);
	assert_int_equal(double_last(rig->hw.d, DOUBLE_MEM_ALLOC)->zone, zone);
	swiotlb_memory_give(rig->tlb, &pool);
}

static void test_the_limit_says_which_zone_is_asked_first(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_zone(&rig, UINT64_MAX, DMP_ZONE_ANY);
	assert_zone(&rig, UINT64_C(1) << 33, DMP_ZONE_ANY);
	assert_zone(&rig, UINT32_MAX, DMP_ZONE_DMA32);
	assert_zone(&rig, 0xffffff, DMP_ZONE_DMA);
	swiotlb_rig_down(&rig);
}

/* The double's windows begin at 4 GiB, 2 GiB and 1 MiB. */
static void test_a_block_above_the_limit_goes_back_for_a_lower_zone(void **state)
{
	struct swiotlb_plan wanted = plan(DOUBLE_PHYS_ANY + 3 * SLOT - 2);
	struct swiotlb_pool pool;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	double_clear(rig.hw.d);
	assert_int_equal(take(&rig, &wanted, &pool), 0);
	assert_string_equal(double_trace(rig.hw.d), "mem_alloc mem_free mem_alloc make_shared");
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MEM_ALLOC)->zone, DMP_ZONE_DMA32);
	swiotlb_memory_give(rig.tlb, &pool);
	wanted.limit++;
	assert_int_equal(take(&rig, &wanted, &pool), 0);
	assert_int_equal(pool.phys, DOUBLE_PHYS_ANY);
	swiotlb_memory_give(rig.tlb, &pool);
	wanted.limit = 0xfff;
	assert_int_equal(take(&rig, &wanted, &pool), -ENOMEM);
	swiotlb_rig_down(&rig);
}

static void test_a_zone_without_a_block_ends_the_attempt(void **state)
{
	struct swiotlb_plan wanted = plan(UINT64_MAX);
	struct swiotlb_pool pool;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	double_clear(rig.hw.d);
	double_fail(rig.hw.d, DOUBLE_MEM_ALLOC, 1, -ENOMEM);
	assert_int_equal(take(&rig, &wanted, &pool), -ENOMEM);
	assert_string_equal(double_trace(rig.hw.d), "mem_alloc");
	swiotlb_rig_down(&rig);
}

/* Three slots are two pages, in a block of two. */
static void test_a_block_is_converted_once_each_way(void **state)
{
	struct swiotlb_plan wanted = plan(UINT64_MAX);
	struct dmp_swiotlb_stats before, after;
	struct swiotlb_pool pool;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	before = swiotlb_rig_stats(&rig);
	assert_int_equal(before.shared_pages, 64);
	double_clear(rig.hw.d);
	assert_int_equal(take(&rig, &wanted, &pool), 0);
	assert_int_equal(double_last(rig.hw.d, DOUBLE_MAKE_SHARED)->npages, 2);
	for (unsigned i = 0; i < 3 * SLOT; i++)
		assert_int_equal(pool.buf[i], 0);
	swiotlb_memory_give(rig.tlb, &pool);
	assert_string_equal(double_trace(rig.hw.d), "mem_alloc make_shared make_private mem_free");
	after = swiotlb_rig_stats(&rig);
	assert_int_equal(after.conversions - before.conversions, 2);
	assert_int_equal(after.shared_pages - before.shared_pages, 2);
	assert_int_equal(after.private_pages - before.private_pages, 2);
	swiotlb_rig_down(&rig);
}

/* 1000 mappings in one pool: as many conversions as for none. */
static void test_mappings_convert_nothing(void **state)
{
	struct swiotlb_rig rig;
	int i;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	for (i = 0; i < 1000; i++)
		swiotlb_rig_unmap(&rig, swiotlb_rig_map(&rig, NULL, RIG_ORIG, 1));
	assert_int_equal(swiotlb_rig_stats(&rig).conversions, 1);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MAKE_SHARED), 1);
	swiotlb_rig_down(&rig);
}

static void test_coherent_memory_is_never_converted(void **state)
{
	struct swiotlb_plan wanted = plan(UINT64_MAX);
	struct swiotlb_pool pool;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	double_clear(rig.hw.d);
	wanted.source = SWIOTLB_COHERENT;
	assert_int_equal(take(&rig, &wanted, &pool), 0);
	swiotlb_memory_give(rig.tlb, &pool);
	assert_string_equal(double_trace(rig.hw.d), "coherent_alloc coherent_free");
	swiotlb_rig_down(&rig);
}

static void test_memory_that_cannot_be_shared_goes_back_private(void **state)
{
	struct swiotlb_plan wanted = plan(UINT64_MAX);
	struct swiotlb_pool pool;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	double_clear(rig.hw.d);
	double_fail(rig.hw.d, DOUBLE_MAKE_SHARED, 1, -EIO);
	assert_int_equal(take(&rig, &wanted, &pool), -EIO);
	assert_string_equal(double_trace(rig.hw.d), "mem_alloc make_shared make_private mem_free");
	double_fail(rig.hw.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	double_clear(rig.hw.d);
	assert_int_equal(take(&rig, &wanted, &pool), -EFAULT);
	assert_string_equal(double_trace(rig.hw.d), "mem_alloc mem_free");
	swiotlb_rig_down(&rig);
}

/* Rule 3.8: leaked on purpose. */
static void test_memory_that_stays_shared_is_lost_and_told(void **state)
{
	struct swiotlb_plan wanted = plan(UINT64_MAX);
	struct swiotlb_pool pool;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 128, 1);
	assert_int_equal(take(&rig, &wanted, &pool), 0);
	double_clear(rig.hw.d);
	double_fail(rig.hw.d, DOUBLE_MAKE_PRIVATE, 1, -EIO);
	swiotlb_memory_give(rig.tlb, &pool);
	assert_int_equal(double_count(rig.hw.d, DOUBLE_MEM_FREE), 0);
	assert_non_null(strstr(rig.hw.line, "2 pages at 0x100000000 stay shared and are lost"));
	assert_int_equal(swiotlb_rig_stats(&rig).lost_pages, 2);
	hw_mem_free(rig.hw.hw, pool.phys, pool.order); /* that the rig finds nothing left */
	swiotlb_rig_down(&rig);
}

static void test_a_machine_without_encryption_converts_nothing(void **state)
{
	struct swiotlb_rig rig = {.tlb = NULL};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	hw_rig_begin(&rig.hw);
	rig.hw.d->ops.make_shared = NULL;
	rig.hw.d->ops.make_private = NULL;
	hw_rig_adopt(&rig.hw, DMP_HW_CHECK);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.slots = 128), &rig.tlb),
			 0);
	assert_int_equal(swiotlb_rig_stats(&rig).conversions, 0);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_limit_says_which_zone_is_asked_first),
		cmocka_unit_test(test_a_block_above_the_limit_goes_back_for_a_lower_zone),
		cmocka_unit_test(test_a_zone_without_a_block_ends_the_attempt),
		cmocka_unit_test(test_a_block_is_converted_once_each_way),
		cmocka_unit_test(test_mappings_convert_nothing),
		cmocka_unit_test(test_coherent_memory_is_never_converted),
		cmocka_unit_test(test_memory_that_cannot_be_shared_goes_back_private),
		cmocka_unit_test(test_memory_that_stays_shared_is_lost_and_told),
		cmocka_unit_test(test_a_machine_without_encryption_converts_nothing),
	};

	return cmocka_run_group_tests_name("swiotlb_memory", tests, NULL, NULL);
}
