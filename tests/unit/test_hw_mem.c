// SPDX-License-Identifier: MIT
/*
 * test_hw_mem.c - proves the order of zones and the undoing of lib/hw/hw_mem.c
 */
#include "hw_rig.h"

static int up(void **state)
{
	static struct hw_rig rig;

	hw_rig_begin(&rig);
	*state = &rig;
	return 0;
}

/* Coherent memory must come from mem_alloc(). */
static int up_no_coherent(void **state)
{
	up(state);
	((struct hw_rig *)*state)->d->ops.coherent_alloc = NULL;
	((struct hw_rig *)*state)->d->ops.coherent_free = NULL;
	hw_rig_adopt(*state, DMP_HW_CHECK);
	return 0;
}

static int down(void **state)
{
	hw_rig_down(*state);
	return 0;
}

static bool is_zero(const unsigned char *byte, uint64_t len)
{
	while (len && *byte == 0)
		byte++, len--;
	return len == 0;
}

static void test_a_buffer_is_aligned_and_its_pages_are_cleared(void **state)
{
	struct hw_rig *rig = *state;
	static const uint64_t lens[] = {1, 4096, 4097, 12288, 100000};
	void *buf;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_int_equal(dmp_hw_alloc(rig->hw, lens[i], &buf), 0);
		assert_true(dmp_is_aligned((uintptr_t)buf, DMP_PAGE_BYTES));
		assert_true(is_zero(buf, dmp_align_up(lens[i], DMP_PAGE_BYTES)));
		assert_int_equal(dmp_hw_free(rig->hw, buf, lens[i]), 0);
	}
}

static void test_alloc_falls_back_from_any_to_dma32_to_dma(void **state)
{
	struct hw_rig *rig = *state;
	static const dmp_phys_t base[] = {DOUBLE_PHYS_ANY, DOUBLE_PHYS_DMA32, DOUBLE_PHYS_DMA};
	dmp_phys_t phys;
	void *buf;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	for (unsigned failures = 0; failures < 3; failures++) {
		if (failures)
			double_script(rig->d, DOUBLE_MEM_ALLOC,
				      &(struct double_reply){.nth = 1,
							     .count = failures,
							     .replace_ret = true,
							     .ret = -ENOMEM});
		assert_int_equal(dmp_hw_alloc(rig->hw, 100, &buf), 0);
		assert_int_equal(hw_buf_to_phys(rig->hw, buf, 100, &phys), 0);
		assert_int_equal(phys, base[failures]);
		assert_int_equal(dmp_hw_free(rig->hw, buf, 100), 0);
	}
	double_script(
		rig->d, DOUBLE_MEM_ALLOC,
		&(struct double_reply){.nth = 1, .count = 3, .replace_ret = true, .ret = -ENOMEM});
	assert_int_equal(dmp_hw_alloc(rig->hw, 100, &buf), -ENOMEM);
}

static void test_only_enomem_asks_the_next_zone(void **state)
{
	struct hw_rig *rig = *state;
	void *buf;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	double_fail(rig->d, DOUBLE_MEM_ALLOC, 1, -EPERM);
	assert_int_equal(dmp_hw_alloc(rig->hw, 100, &buf), -EPERM);
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_ALLOC), 1);
}

static void test_alloc_and_free_refuse_what_makes_no_sense(void **state)
{
	struct hw_rig *rig = *state;
	char outside[16] = "outside";
	void *buf;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_int_equal(dmp_hw_alloc(rig->hw, 0, &buf), -EINVAL);
	assert_int_equal(dmp_hw_alloc(rig->hw, 1, NULL), -EINVAL);
	assert_int_equal(dmp_hw_alloc(NULL, 1, &buf), -EINVAL);
	assert_int_equal(dmp_hw_alloc(rig->hw, UINT64_MAX, &buf), -ENOMEM);
	assert_int_equal(dmp_hw_alloc(rig->hw, UINT64_C(1) << 63, &buf), -ENOMEM);
	assert_int_equal(dmp_hw_free(rig->hw, NULL, 1), -EINVAL);
	assert_int_equal(dmp_hw_free(rig->hw, outside, 1), -EFAULT);
	hw_rig_expect_bug(rig, "is not a buffer");
	assert_int_equal(dmp_hw_alloc(rig->hw, 8192, &buf), 0);
	assert_int_equal(dmp_hw_free(rig->hw, buf, 0), -EINVAL);
	assert_int_equal(dmp_hw_free(rig->hw, (char *)buf + 1, 8191), -EFAULT);
	hw_rig_expect_bug(rig, "is not a buffer");
	assert_int_equal(dmp_hw_free(rig->hw, buf, 8192), 0);
}

/* The machine does not hear of it, and the buffer stays one. */
static void test_freeing_with_another_length_is_refused(void **state)
{
	struct hw_rig *rig = *state;
	static const uint64_t lens[] = {1, 4095, 4097, 65536, UINT64_MAX};
	void *buf, *other;

	hw_rig_adopt(rig, 0);
	assert_int_equal(dmp_hw_alloc(rig->hw, 4096, &buf), 0);
	assert_int_equal(dmp_hw_alloc(rig->hw, 4096, &other), 0);
	double_clear(rig->d);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_int_equal(dmp_hw_free(rig->hw, buf, lens[i]), -EINVAL);
		hw_rig_expect_bug(rig, "its length is another");
	}
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_FREE), 0);
	assert_int_equal(dmp_hw_free(rig->hw, buf, 4096), 0);
	assert_int_equal(dmp_hw_destroy(rig->hw), -EBUSY);
	assert_int_equal(dmp_hw_free(rig->hw, other, 4096), 0);
}

static void test_a_buffer_without_memory_for_its_record_is_enomem(void **state)
{
	struct hw_rig *rig = *state;
	void *buf = NULL;

	hw_rig_adopt(rig, 0);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 1, 1);
	assert_int_equal(dmp_hw_alloc(rig->hw, 4096, &buf), -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0);
	assert_null(buf);
	assert_int_equal(double_hw_leftovers(rig->d), 0);
}

static void test_freeing_twice_is_refused(void **state)
{
	struct hw_rig *rig = *state;
	void *buf, *other;

	hw_rig_adopt(rig, 0);
	assert_int_equal(dmp_hw_alloc(rig->hw, 4096, &buf), 0);
	assert_int_equal(dmp_hw_alloc(rig->hw, 4096, &other), 0);
	assert_int_equal(dmp_hw_free(rig->hw, buf, 4096), 0);
	double_clear(rig->d);
	assert_int_equal(dmp_hw_free(rig->hw, buf, 4096), -EFAULT);
	hw_rig_expect_bug(rig, "is not a buffer");
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_FREE), 0);
	assert_int_equal(dmp_hw_free(rig->hw, other, 4096), 0);
}

static void test_a_buffer_without_a_pointer_goes_back(void **state)
{
	struct hw_rig *rig = *state;
	void *buf = NULL;

	hw_rig_adopt(rig, 0);
	for (unsigned nth = 1; nth <= 2; nth++) {
		double_fail(rig->d, DOUBLE_PHYS_TO_BUF, nth, -EFAULT);
		assert_int_equal(dmp_hw_alloc(rig->hw, 100, &buf), -EFAULT);
		assert_null(buf);
		assert_int_equal(double_hw_leftovers(rig->d), 0);
	}
}

/* Coherent memory. */

static void test_coherent_memory_is_the_machines_own_kind(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	assert_int_equal(hw_coherent_alloc(rig->hw, 5000, DMP_MASK(32), 0, &phys), 0);
	assert_int_equal(phys, DOUBLE_PHYS_DMA32);
	hw_coherent_free(rig->hw, phys, 5000);
	assert_string_equal(double_trace(rig->d), "coherent_alloc coherent_free");
}

/* No such kind: a block from the highest zone that ends below the limit, made shared. */
static void test_coherent_memory_from_blocks_ends_below_its_limit(void **state)
{
	struct hw_rig *rig = *state;
	static const struct {
		uint64_t limit;
		dmp_phys_t phys;
	} rows[] = {
		{UINT64_MAX, DOUBLE_PHYS_ANY},     {DMP_MASK(40), DOUBLE_PHYS_ANY},
		{DMP_MASK(32), DOUBLE_PHYS_DMA32}, {DMP_MASK(31) + 4096, DOUBLE_PHYS_DMA32},
		{DMP_MASK(31), DOUBLE_PHYS_DMA},   {DMP_MASK(24), DOUBLE_PHYS_DMA},
	};
	dmp_phys_t phys;
	void *buf;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(hw_coherent_alloc(rig->hw, 4096, rows[i].limit, 0, &phys), 0);
		assert_int_equal(phys, rows[i].phys);
		assert_int_equal(hw_phys_to_buf(rig->hw, phys, 4096, &buf), 0);
		assert_true(is_zero(buf, 4096));
		assert_int_equal(double_last(rig->d, DOUBLE_MAKE_SHARED)->phys, phys);
		hw_coherent_free(rig->hw, phys, 4096);
		assert_int_equal(double_last(rig->d, DOUBLE_MAKE_PRIVATE)->npages, 1);
	}
	phys = 99;
	assert_int_equal(hw_coherent_alloc(rig->hw, 4096, DMP_MASK(20), 0, &phys), -ENOMEM);
	assert_int_equal(phys, 99);
}

static void test_memory_that_cannot_be_shared_goes_back(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	double_fail(rig->d, DOUBLE_MAKE_SHARED, 1, -EPERM);
	assert_int_equal(hw_coherent_alloc(rig->hw, 4096, UINT64_MAX, 0, &phys), -EPERM);
	assert_int_equal(double_hw_leftovers(rig->d), 0);
}

static void test_memory_that_stays_shared_is_never_given_out_again(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	assert_int_equal(hw_coherent_alloc(rig->hw, 4096, UINT64_MAX, 0, &phys), 0);
	double_fail(rig->d, DOUBLE_MAKE_PRIVATE, 1, -EPERM);
	hw_coherent_free(rig->hw, phys, 4096);
	assert_int_equal(double_count(rig->d, DOUBLE_MEM_FREE), 0);
	assert_int_equal(rig->warnings, 1);
	hw_coherent_free(rig->hw, phys, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, down)
		WITH(up, test_a_buffer_is_aligned_and_its_pages_are_cleared),
		WITH(up, test_alloc_falls_back_from_any_to_dma32_to_dma),
		WITH(up, test_only_enomem_asks_the_next_zone),
		WITH(up, test_alloc_and_free_refuse_what_makes_no_sense),
		WITH(up, test_freeing_with_another_length_is_refused),
		WITH(up, test_a_buffer_without_memory_for_its_record_is_enomem),
		WITH(up, test_freeing_twice_is_refused),
		WITH(up, test_a_buffer_without_a_pointer_goes_back),
		WITH(up, test_coherent_memory_is_the_machines_own_kind),
		WITH(up_no_coherent, test_coherent_memory_from_blocks_ends_below_its_limit),
		WITH(up_no_coherent, test_memory_that_cannot_be_shared_goes_back),
		WITH(up_no_coherent, test_memory_that_stays_shared_is_never_given_out_again),
	};

	return cmocka_run_group_tests_name("hw_mem", tests, NULL, NULL);
}
