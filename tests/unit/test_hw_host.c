// SPDX-License-Identifier: MIT
/*
 * test_hw_host.c - proves what lib/hw/hw_host.c says of the host's memory
 */
#include "dmptest.h"
#include "hw_call.h"

#include <dmapool/bits.h>

struct fixture {
	struct dmp_hw *hw;
	uint64_t meta_before;
};

static int up(void **state)
{
	static struct fixture f;

	f.meta_before = dmp_meta_in_use();
	assert_int_equal(dmp_hw_host_create(&DMP_HW_OPTS(.flags = DMP_HW_CHECK), &f.hw), 0);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_hw_destroy(f->hw), 0);
	assert_int_equal(dmp_meta_in_use(), f->meta_before);
	return 0;
}

static void test_phys_is_the_pointer(void **state)
{
	struct fixture *f = *state;
	char here[64] = "here";
	dmp_phys_t phys;
	void *buf;

	assert_int_equal(hw_buf_to_phys(f->hw, here, sizeof(here), &phys), 0);
	assert_int_equal(phys, (uintptr_t)here);
	assert_int_equal(hw_phys_to_buf(f->hw, phys, sizeof(here), &buf), 0);
	assert_ptr_equal(buf, here);
}

static void test_null_and_what_wraps_are_no_memory(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys;
	void *buf;

	assert_int_equal(hw_buf_to_phys(f->hw, NULL, 1, &phys), -EFAULT);
	assert_int_equal(hw_phys_to_buf(f->hw, 0, 1, &buf), -EFAULT);
	assert_int_equal(hw_phys_to_buf(f->hw, UINTPTR_MAX, 2, &buf), -EFAULT);
}

static void test_a_buffer_can_be_used_and_given_back(void **state)
{
	struct fixture *f = *state;
	unsigned char *byte;
	void *buf;

	assert_int_equal(dmp_hw_alloc(f->hw, 3 * 4096 + 1, &buf), 0);
	assert_true(dmp_is_aligned((uintptr_t)buf, DMP_PAGE_BYTES));
	byte = buf;
	for (unsigned i = 0; i < 3 * 4096 + 1; i++)
		assert_int_equal(byte[i], 0);
	memset(buf, 0xff, 3 * 4096 + 1);
	assert_int_equal(dmp_hw_free(f->hw, buf, 3 * 4096 + 1), 0);
}

static void test_a_block_is_aligned_to_its_size(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys;

	for (unsigned order = 0; order < 6; order++) {
		assert_int_equal(hw_mem_alloc(f->hw, DMP_ZONE_ANY, order, 0, &phys), 0);
		assert_true(dmp_is_aligned(phys, DMP_PAGE_BYTES << order));
		hw_mem_free(f->hw, phys, order);
	}
}

static void test_the_low_zones_are_empty(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys = 99;

	assert_int_equal(hw_mem_alloc(f->hw, DMP_ZONE_DMA32, 0, 0, &phys), -ENOMEM);
	assert_int_equal(hw_mem_alloc(f->hw, DMP_ZONE_DMA, 0, 0, &phys), -ENOMEM);
	assert_int_equal(hw_mem_alloc(f->hw, DMP_ZONE_ANY, 51, 0, &phys), -ENOMEM);
	assert_int_equal(phys, 99);
	assert_int_equal(hw_coherent_alloc(f->hw, 4096, DMP_MASK(20), 0, &phys), -ENOMEM);
}

static void test_coherent_memory_is_any_memory(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys;

	assert_int_equal(hw_coherent_alloc(f->hw, 10000, UINT64_MAX, 0, &phys), 0);
	assert_true(dmp_is_aligned(phys, DMP_PAGE_BYTES));
	hw_coherent_free(f->hw, phys, 10000);
}

static void test_it_neither_translates_nor_reports_faults(void **state)
{
	struct fixture *f = *state;
	struct dmp_fault fault;

	assert_false(dmp_hw_has_iommu(f->hw));
	assert_int_equal(dmp_hw_fault_next(f->hw, &fault), -ENOTSUP);
	assert_int_equal(dmp_hw_set_fault_handler(f->hw, NULL, NULL), -ENOTSUP);
}

static void test_unknown_options_are_refused(void **state)
{
	struct dmp_hw *hw = (void *)1;

	(void)state;
	assert_int_equal(dmp_hw_host_create(&DMP_HW_OPTS(.flags = 2), &hw), -EINVAL);
	assert_ptr_equal(hw, (void *)1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_phys_is_the_pointer),
		WITH(test_null_and_what_wraps_are_no_memory),
		WITH(test_a_buffer_can_be_used_and_given_back),
		WITH(test_a_block_is_aligned_to_its_size),
		WITH(test_the_low_zones_are_empty),
		WITH(test_coherent_memory_is_any_memory),
		WITH(test_it_neither_translates_nor_reports_faults),
		WITH(test_unknown_options_are_refused),
	};

	return cmocka_run_group_tests_name("hw_host", tests, NULL, NULL);
}
