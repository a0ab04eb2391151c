// SPDX-License-Identifier: MIT
/*
 * test_hw_check_mem.c - proves B1-B5 of lib/hw/hw_check_mem.c: one test a rule that a
 * backend, or the caller, breaks
 */
#include "hw_rig.h"

static int up(void **state)
{
	static struct hw_rig rig;

	hw_rig_begin(&rig);
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	hw_rig_down(*state);
	return 0;
}

/* The next mem_alloc() answers @lie; the block that the double took does not come back. */
static void expect_refused_block(struct hw_rig *rig, enum dmp_zone zone, unsigned order,
				 dmp_phys_t lie, const char *rule)
{
	dmp_phys_t phys = 99;

	rig->may_litter = true;
	double_lie(rig->d, DOUBLE_MEM_ALLOC, 1, lie);
	assert_int_equal(hw_mem_alloc(rig->hw, zone, order, 0, &phys), -EIO);
	assert_int_equal(phys, 99);
	hw_rig_expect_bug(rig, rule);
}

static void test_a_block_that_is_not_aligned_is_caught(void **state)
{
	expect_refused_block(*state, DMP_ZONE_ANY, 0, 0x1800, "not aligned");
	expect_refused_block(*state, DMP_ZONE_ANY, 2, 0x2000, "not aligned");
}

static void test_a_block_outside_its_zone_is_caught(void **state)
{
	expect_refused_block(*state, DMP_ZONE_DMA, 0, 1 << 24, "outside its zone");
	expect_refused_block(*state, DMP_ZONE_DMA32, 0, UINT64_C(1) << 32, "outside its zone");
	expect_refused_block(*state, DMP_ZONE_DMA32, 0, UINT64_MAX & ~(KB4 - 1),
			     "outside its zone");
}

/* [ 4 pages given out ), each of them again, and a block around them */
static void test_a_block_given_out_twice_is_caught(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 2, 0, &phys), 0);
	expect_refused_block(rig, DMP_ZONE_ANY, 0, phys, "given out already");
	expect_refused_block(rig, DMP_ZONE_ANY, 0, phys + 3 * KB4, "given out already");
	expect_refused_block(rig, DMP_ZONE_ANY, 4, phys, "given out already");
	hw_mem_free(rig->hw, phys, 2);
}

static void test_a_block_may_be_given_out_again_after_it_was_freed(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t first, second;

	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 1, 0, &first), 0);
	hw_mem_free(rig->hw, first, 1);
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 1, 0, &second), 0);
	assert_int_equal(first, second);
	hw_mem_free(rig->hw, second, 1);
}

static void test_asking_for_nonsense_memory_is_the_callers_fault(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	double_clear(rig->d);
	assert_int_equal(hw_mem_alloc(rig->hw, 3, 0, 0, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_alloc");
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 52, 0, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_alloc");
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 2, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_alloc");
	assert_int_equal(hw_coherent_alloc(rig->hw, 0, UINT64_MAX, 0, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of coherent_alloc");
	assert_int_equal(hw_coherent_alloc(rig->hw, UINT64_MAX, UINT64_MAX, 0, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of coherent_alloc");
	assert_string_equal(double_trace(rig->d), "");
}

/* Frees that the backend must not see: B3. */

static void test_a_free_of_what_was_not_given_out_is_not_passed_on(void **state)
{
	struct hw_rig *rig = *state;

	hw_mem_free(rig->hw, 0x1000, 0);
	hw_rig_expect_bug(rig, "a caller of mem_free");
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_FREE), 0);
}

static void test_a_free_of_another_order_or_place_is_not_passed_on(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 1, 0, &phys), 0);
	hw_mem_free(rig->hw, phys, 0);
	hw_rig_expect_bug(rig, "no such block");
	hw_mem_free(rig->hw, phys + KB4, 1);
	hw_rig_expect_bug(rig, "no such block");
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_FREE), 0);
	hw_mem_free(rig->hw, phys, 1);
	hw_mem_free(rig->hw, phys, 1);
	hw_rig_expect_bug(rig, "no such block");
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_FREE), 1);
}

static void test_coherent_memory_and_blocks_are_not_freed_as_each_other(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t block, coherent;

	/* order 1 and 1 byte: the same number */
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 1, 0, &block), 0);
	assert_int_equal(hw_coherent_alloc(rig->hw, 1, UINT64_MAX, 0, &coherent), 0);
	hw_mem_free(rig->hw, coherent, 1);
	hw_rig_expect_bug(rig, "no such block");
	hw_coherent_free(rig->hw, block, 1);
	hw_rig_expect_bug(rig, "no such memory");
	hw_coherent_free(rig->hw, coherent, 2);
	hw_rig_expect_bug(rig, "no such memory");
	hw_coherent_free(rig->hw, coherent, 1);
	hw_mem_free(rig->hw, block, 1);
}

static void test_memory_that_is_never_freed_is_told_at_the_end(void **state)
{
	struct hw_rig rig;
	dmp_phys_t phys;

	(void)state;
	hw_rig_begin(&rig);
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	assert_int_equal(hw_mem_alloc(rig.hw, DMP_ZONE_ANY, 0, 0, &phys), 0);
	assert_int_equal(dmp_hw_destroy(rig.hw), 0);
	hw_rig_expect_bug(&rig, "memory was never given back");
	rig.hw = NULL;
	rig.may_litter = true;
	hw_rig_down(&rig);
}

/* Coherent memory: B2. */

static void expect_refused_coherent(struct hw_rig *rig, uint64_t limit, dmp_phys_t lie,
				    const char *rule)
{
	dmp_phys_t phys;

	rig->may_litter = true;
	double_lie(rig->d, DOUBLE_COHERENT_ALLOC, 1, lie);
	assert_int_equal(hw_coherent_alloc(rig->hw, KB4, limit, 0, &phys), -EIO);
	hw_rig_expect_bug(rig, rule);
}

static void test_coherent_memory_beside_a_page_is_caught(void **state)
{
	expect_refused_coherent(*state, UINT64_MAX, DOUBLE_PHYS_ANY + 64, "start on a page");
}

static void test_coherent_memory_beyond_the_limit_is_caught(void **state)
{
	expect_refused_coherent(*state, DMP_MASK(32), DOUBLE_PHYS_ANY, "beyond the limit");
	expect_refused_coherent(*state, DOUBLE_PHYS_DMA32 + 0xffe, DOUBLE_PHYS_DMA32,
				"beyond the limit");
}

static void test_coherent_memory_that_is_not_cleared_is_caught(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t dirty;

	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 0, &dirty), 0);
	expect_refused_coherent(rig, UINT64_MAX, dirty, "not cleared");
	hw_mem_free(rig->hw, dirty, 0);
}

static void test_coherent_memory_given_out_twice_is_caught(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	assert_int_equal(hw_coherent_alloc(rig->hw, 2 * KB4, UINT64_MAX, 0, &phys), 0);
	expect_refused_coherent(rig, UINT64_MAX, phys + KB4, "given out already");
	hw_coherent_free(rig->hw, phys, 2 * KB4);
}

/* Pointers: B4. */

static void test_pointers_that_do_not_lead_back_are_caught(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys, other = 99;
	void *buf, *elsewhere = NULL;

	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 1, 0, &phys), 0);
	assert_int_equal(hw_phys_to_buf(rig->hw, phys, KB4, &buf), 0);
	double_lie(rig->d, DOUBLE_BUF_TO_PHYS, 1, phys + KB4);
	assert_int_equal(hw_buf_to_phys(rig->hw, buf, KB4, &other), -EIO);
	hw_rig_expect_bug(rig, "in buf_to_phys: phys_to_buf leads elsewhere");
	double_lie(rig->d, DOUBLE_PHYS_TO_BUF, 1, (uintptr_t)buf + KB4);
	assert_int_equal(hw_phys_to_buf(rig->hw, phys, KB4, &elsewhere), -EIO);
	hw_rig_expect_bug(rig, "in phys_to_buf: buf_to_phys leads elsewhere");
	assert_int_equal(other, 99);
	assert_null(elsewhere);
	hw_mem_free(rig->hw, phys, 1);
}

static void test_a_pointer_to_nothing_is_the_callers_fault(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;
	void *buf;

	assert_int_equal(hw_buf_to_phys(rig->hw, rig, 0, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of buf_to_phys");
	assert_int_equal(hw_phys_to_buf(rig->hw, 0, 0, &buf), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of phys_to_buf");
	assert_int_equal(hw_make_shared(rig->hw, 0x800, 1), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of make_shared");
	assert_int_equal(hw_make_private(rig->hw, 0x1000, 0), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of make_private");
}

/* Exposure: B5. */

static void test_taking_back_what_was_never_exposed_is_enoent(void **state)
{
	struct hw_rig *rig = *state;

	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), -ENOENT);
	double_fail(rig->d, DOUBLE_MEM_UNMAP, 1, 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), -EIO);
	hw_rig_expect_bug(rig, "never mapped");
}

static void test_not_finding_what_is_exposed_is_caught(void **state)
{
	struct hw_rig *rig = *state;

	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
	double_fail(rig->d, DOUBLE_MEM_UNMAP, 1, -ENOENT);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), -EIO);
	hw_rig_expect_bug(rig, "does not find");
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
}

static void test_exposures_of_one_range_are_counted(void **state)
{
	struct hw_rig *rig = *state;

	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_mem_map(rig->hw, 2, 0x1000, 64, DMP_FROM_DEVICE), 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), -ENOENT);
	assert_int_equal(hw_mem_unmap(rig->hw, 2, 0x1000, 64, DMP_FROM_DEVICE), 0);
}

static void test_another_direction_may_be_taken_or_refused(void **state)
{
	struct hw_rig *rig = *state;

	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 64, DMP_TO_DEVICE), 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_BIDIRECTIONAL), -ENOENT);
	double_fail(rig->d, DOUBLE_MEM_UNMAP, 1, 0);
	assert_int_equal(hw_mem_unmap(rig->hw, 1, 0x1000, 64, DMP_BIDIRECTIONAL), 0);
	rig->may_litter = true;
}

static void test_exposing_nothing_is_the_callers_fault(void **state)
{
	struct hw_rig *rig = *state;

	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 0, DMP_TO_DEVICE), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_map");
	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 1, 3), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_map");
	assert_int_equal(hw_mem_unmap(rig->hw, 1, UINT64_MAX, 2, DMP_TO_DEVICE), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_unmap");
}

static void test_without_memory_for_the_books_nothing_is_asked(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 1, 3);
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 0, &phys), -ENOMEM);
	assert_int_equal(hw_coherent_alloc(rig->hw, 1, UINT64_MAX, 0, &phys), -ENOMEM);
	assert_int_equal(hw_mem_map(rig->hw, 1, 0x1000, 1, DMP_TO_DEVICE), -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0);
	assert_string_equal(double_trace(rig->d), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_a_block_that_is_not_aligned_is_caught),
		WITH(test_a_block_outside_its_zone_is_caught),
		WITH(test_a_block_given_out_twice_is_caught),
		WITH(test_a_block_may_be_given_out_again_after_it_was_freed),
		WITH(test_asking_for_nonsense_memory_is_the_callers_fault),
		WITH(test_a_free_of_what_was_not_given_out_is_not_passed_on),
		WITH(test_a_free_of_another_order_or_place_is_not_passed_on),
		WITH(test_coherent_memory_and_blocks_are_not_freed_as_each_other),
		cmocka_unit_test(test_memory_that_is_never_freed_is_told_at_the_end),
		WITH(test_coherent_memory_beside_a_page_is_caught),
		WITH(test_coherent_memory_beyond_the_limit_is_caught),
		WITH(test_coherent_memory_that_is_not_cleared_is_caught),
		WITH(test_coherent_memory_given_out_twice_is_caught),
		WITH(test_pointers_that_do_not_lead_back_are_caught),
		WITH(test_a_pointer_to_nothing_is_the_callers_fault),
		WITH(test_taking_back_what_was_never_exposed_is_enoent),
		WITH(test_not_finding_what_is_exposed_is_caught),
		WITH(test_exposures_of_one_range_are_counted),
		WITH(test_another_direction_may_be_taken_or_refused),
		WITH(test_exposing_nothing_is_the_callers_fault),
		WITH(test_without_memory_for_the_books_nothing_is_asked),
	};

	return cmocka_run_group_tests_name("hw_check_mem", tests, NULL, NULL);
}
