// SPDX-License-Identifier: MIT
/*
 * test_dma_coherent.c - proves of lib/dma/dma_coherent.c: where coherent memory lies, how it
 * is addressed, and that a wrong free changes nothing
 */
#include "device_rig.h"

static void test_translated_memory_lies_anywhere_and_its_iova_in_reach(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	dmp_phys_t phys;
	unsigned char *buf;
	void *mem;

	(void)state;
	device_rig_up(&r, true,
		      &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(40), .coherent_mask = DMP_MASK(16)));
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, 100, &mem, &addr), 0);
	buf = mem;
	assert_int_equal(addr, 0xf000);
	assert_int_equal(r.rig.d->ops.buf_to_phys(r.rig.d, buf, PAGE, &phys), 0);
	assert_int_equal(rig_phys_at(&r.rig, addr), phys);
	assert_int_equal(rig_prot_at(&r.rig, addr), DMP_PROT_READ | DMP_PROT_WRITE);
	assert_true((uintptr_t)buf % PAGE == 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, 100, buf, addr), 0);
	device_rig_down(&r);
}

static void test_direct_memory_lies_within_the_coherent_mask(void **state)
{
	const struct {
		uint64_t coherent_mask;
		dmp_phys_t last;
	} rows[] = {{DMP_MASK(24), DMP_MASK(24)}, {DMP_MASK(32), DMP_MASK(32)}, {0, UINT64_MAX}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct device_rig r;
		dmp_addr_t addr;
		void *buf;

		device_rig_up(&r, false, &DMP_DEVICE_OPTS(.coherent_mask = rows[i].coherent_mask));
		assert_int_equal(dmp_dma_alloc_coherent(r.dev, 2 * PAGE, &buf, &addr), 0);
		assert_true(addr + 2 * PAGE - 1 <= rows[i].last);
		assert_int_equal(double_exposed_bytes(r.rig.d, dmp_device_id(r.dev)), 2 * PAGE);
		assert_int_equal(dmp_dma_free_coherent(r.dev, 2 * PAGE, buf, addr), 0);
		device_rig_down(&r);
	}
}

/* Without coherent memory of its own kind the machine gives a block of the zone that fits. */
static void test_machine_without_coherent_memory_falls_back_through_the_zones(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	rig_begin(&r.rig);
	r.rig.d->ops.coherent_alloc = NULL;
	r.rig.d->ops.coherent_free = NULL;
	rig_adopt(&r.rig);
	device_rig_add(&r, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	assert_true(addr >= DOUBLE_PHYS_DMA32 && addr < DOUBLE_PHYS_ANY);
	assert_int_equal(*(unsigned char *)buf, 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	device_rig_down(&r);
}

static void test_no_memory_within_the_mask_is_enomem(void **state)
{
	struct device_rig r;
	dmp_addr_t addr = 7;
	void *buf = NULL;

	(void)state;
	device_rig_up(&r, false, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(16)));
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), -ENOMEM);
	assert_null(buf);
	assert_int_equal(addr, 7);
	assert_int_equal(device_stats(&r).coherent_allocs, 0);
	device_rig_down(&r);
}

/* A backend that ignores the limit is found out, and its memory goes back. */
static void test_memory_beyond_the_mask_is_not_given_out(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	rig_begin(&r.rig);
	assert_int_equal(double_hw_adopt(r.rig.d, 0, &r.rig.hw), 0);
	device_rig_add(&r, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	double_lie(r.rig.d, DOUBLE_COHERENT_ALLOC, 1, DOUBLE_PHYS_ANY);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), -ENOMEM);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 1);
	assert_int_equal(dmp_device_destroy(r.dev), 0);
	assert_int_equal(dmp_hw_destroy(r.rig.hw), 0);
	double_hw_free(r.rig.d);
	dmp_log_set_sink(NULL, NULL);
}

/*
 *   granule 64 KiB   |...[####|####....|    would show the device what lies before and behind
 */
static void test_memory_that_begins_inside_a_granule_is_not_given_out(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	rig_begin(&r.rig);
	r.rig.d->page_sizes = 0x10000;
	assert_int_equal(double_hw_adopt(r.rig.d, 0, &r.rig.hw), 0);
	assert_int_equal(dmp_domain_create(r.rig.hw, NULL, &r.rig.dom), 0);
	device_rig_add(&r, NULL);
	double_lie(r.rig.d, DOUBLE_COHERENT_ALLOC, 1, DOUBLE_PHYS_ANY + PAGE);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), -EIO);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 1);
	assert_int_equal(double_mapped_bytes(r.rig.d), 0);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_int_equal(dmp_device_destroy(r.dev), 0);
	assert_int_equal(dmp_domain_destroy(r.rig.dom), 0);
	assert_int_equal(dmp_hw_destroy(r.rig.hw), 0);
	double_hw_free(r.rig.d);
	dmp_log_set_sink(NULL, NULL);
}

static void test_size_beyond_the_reach_is_erange_without_asking(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(16)));
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, 0x10001, &buf, &addr), -ERANGE);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, UINT64_MAX, &buf, &addr), -ERANGE);
	assert_string_equal(double_trace(r.rig.d), "");
	device_rig_down(&r);
}

static void test_arguments_that_make_no_sense_are_einval(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, 0, &buf, &addr), -EINVAL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, NULL, &addr), -EINVAL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, NULL), -EINVAL);
	assert_int_equal(dmp_dma_alloc_coherent(NULL, PAGE, &buf, &addr), -EINVAL);
	assert_int_equal(dmp_dma_free_coherent(NULL, PAGE, r.rig.d, 0), -EINVAL);
	device_rig_down(&r);
}

static void test_failed_mapping_gives_the_memory_back(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf = NULL;

	(void)state;
	device_rig_up(&r, true, NULL);
	double_fail(r.rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), -ENOMEM);
	assert_null(buf);
	device_rig_down(&r);
}

static void check_wrong_frees(bool translated)
{
	struct device_rig r;
	struct dmp_device_stats before, after;
	dmp_addr_t addr, other_addr;
	void *buf, *other;
	char outside;

	device_rig_up(&r, translated, NULL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &other, &other_addr), 0);
	before = device_stats(&r);
	assert_int_equal(dmp_dma_free_coherent(r.dev, 0, buf, addr), -EINVAL);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, other, addr), -ENOENT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, other_addr), -ENOENT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, 0x30000), -ENOENT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, &outside, addr), -ENOENT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, 2 * PAGE, buf, addr), -EINVAL);
	assert_int_equal(dmp_dma_free_coherent(r.dev, 100, buf, addr), -EINVAL);
	after = device_stats(&r);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), -ENOENT);
	assert_int_equal(device_stats(&r).live_coherent, 1);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, other, other_addr), 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, other, other_addr), -ENOENT);
	device_rig_down(&r);
}

static void test_wrong_frees_change_nothing(void **state)
{
	(void)state;
	check_wrong_frees(false);
	check_wrong_frees(true);
}

static void test_free_that_the_machine_refuses_can_be_tried_again(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, false, NULL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	double_fail(r.rig.d, DOUBLE_MEM_UNMAP, 1, -ENXIO);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), -ENXIO);
	assert_int_equal(device_stats(&r).live_coherent, 1);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	device_rig_down(&r);
}

/* A page that the caller got and mapped itself is not freed as coherent, nor the reverse. */
static void check_kinds_stay_apart(bool translated)
{
	struct dmp_sg sg = {.len = PAGE};
	struct device_rig r;
	dmp_addr_t mapped, addr;
	void *own, *buf;

	device_rig_up(&r, translated, NULL);
	assert_int_equal(dmp_hw_alloc(r.rig.hw, PAGE, &own), 0);
	assert_int_equal(dmp_dma_map(r.dev, own, PAGE, DMP_BIDIRECTIONAL, 0, &mapped), 0);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, own, mapped), -ENOENT);
	if (DMP_CHECKS >= 1) {
		sg = (struct dmp_sg){.buf = buf, .len = PAGE, .addr = addr, .mapped_len = PAGE};
		assert_int_equal(dmp_dma_unmap(r.dev, addr, PAGE, DMP_BIDIRECTIONAL, 0), -ENOENT);
		assert_int_equal(dmp_dma_unmap(r.dev, addr + 8, 64, DMP_BIDIRECTIONAL, 0), -ENOENT);
		assert_int_equal(dmp_dma_unmap_sg(r.dev, &sg, 1, DMP_BIDIRECTIONAL, 0), -ENOENT);
	}
	assert_int_equal(device_stats(&r).live_maps, 1);
	assert_int_equal(device_stats(&r).live_coherent, 1);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, mapped, PAGE, DMP_BIDIRECTIONAL, 0), 0);
	assert_int_equal(dmp_hw_free(r.rig.hw, own, PAGE), 0);
	device_rig_down(&r);
}

static void test_coherent_memory_and_mappings_stay_apart(void **state)
{
	(void)state;
	check_kinds_stay_apart(false);
	check_kinds_stay_apart(true);
}

/* Blocks of one to nine pages, freed in another order: each is found by its address. */
static void test_each_of_many_blocks_is_freed_as_itself(void **state)
{
	struct device_rig r;
	dmp_addr_t addr[36];
	void *buf[36];

	(void)state;
	device_rig_up(&r, true, NULL);
	for (uint64_t i = 0; i < 36; i++)
		assert_int_equal(
			dmp_dma_alloc_coherent(r.dev, (i % 9 + 1) * PAGE, &buf[i], &addr[i]), 0);
	for (uint64_t n = 0; n < 36; n++) {
		uint64_t i = n * 7 % 36;

		assert_int_equal(dmp_dma_free_coherent(r.dev, (i % 9 + 1) * PAGE, buf[i], addr[i]),
				 0);
		assert_int_equal(dmp_dma_free_coherent(r.dev, (i % 9 + 1) * PAGE, buf[i], addr[i]),
				 -ENOENT);
	}
	device_rig_down(&r);
}

/* The flush fails: the device may still write there, so nobody else gets the memory before
 * all is flushed. */
static void test_memory_that_a_device_may_still_reach_waits_for_a_whole_flush(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	double_clear(r.rig.d);
	double_fail(r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), -ETIMEDOUT);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 0);
	assert_int_equal(device_stats(&r).live_coherent, 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), -ENOENT);
	assert_int_equal(dmp_iommu_flush(dmp_domain_iommu(r.rig.dom)), 0);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 1);
	device_rig_down(&r);
}

/* In manual mode, where no timer runs unasked. */
static void lazy_up(struct device_rig *r)
{
	assert_int_equal(dmp_harness_enter(1), 0);
	device_rig_up(r, true, NULL);
	assert_int_equal(dmp_domain_set_flush(r->rig.dom, DMP_FLUSH_LAZY), 0);
	double_clear(r->rig.d);
}

static void lazy_down(struct device_rig *r)
{
	device_rig_down(r);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_lazy_domain_is_flushed_before_memory_is_freed(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	lazy_up(&r);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), 0);
	assert_int_equal(double_count(r.rig.d, DOUBLE_FLUSH_DOMAIN), 1);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 1);
	lazy_down(&r);
}

static void test_lazy_domain_whose_flush_fails_keeps_the_memory(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	lazy_up(&r);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	double_fail(r.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), -ETIMEDOUT);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 0);
	assert_int_equal(dmp_domain_flush(r.rig.dom), 0);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 1);
	lazy_down(&r);
}

static void test_memory_that_was_given_up_goes_with_its_domain(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), 0);
	double_fail(r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_free_coherent(r.dev, PAGE, buf, addr), -ETIMEDOUT);
	device_rig_down(&r); /* sees that the machine has it back */
}

/* The map fails and cannot be undone: the same holds, and the device has nothing. */
static void test_failed_alloc_that_cannot_be_flushed_keeps_the_memory_from_reuse(void **state)
{
	struct device_rig r;
	dmp_addr_t addr = 7;
	void *buf = NULL;

	(void)state;
	device_rig_up(&r, true, NULL);
	double_clear(r.rig.d);
	double_fail(r.rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	double_fail(r.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, PAGE, &buf, &addr), -ENOTRECOVERABLE);
	assert_null(buf);
	assert_int_equal(addr, 7);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 0);
	assert_int_equal(dmp_iommu_flush(dmp_domain_iommu(r.rig.dom)), 0);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_FREE), 1);
	device_rig_down(&r);
}

/* Rule 10.3: two pages of 16 KiB, and nothing else when they are used up; they were not clear. */
static void test_a_restricted_device_has_coherent_memory_of_its_range_only(void **state)
{
	struct dmp_device_opts opts = DMP_DEVICE_OPTS(.coherent_mask = DMP_MASK(32));
	struct device_rig r;
	dmp_addr_t addr, more = 7;
	void *buf = NULL, *none = NULL;

	(void)state;
	rig_begin(&r.rig);
	rig_adopt(&r.rig);
	assert_int_equal(
		dmp_swiotlb_create_restricted(r.rig.hw, DOUBLE_PHYS_DMA32, 4 * PAGE, &opts.swiotlb),
		0);
	device_rig_add(&r, &opts);
	r.tlb = opts.swiotlb;
	assert_int_equal(r.rig.d->ops.phys_to_buf(r.rig.d, DOUBLE_PHYS_DMA32, 4 * PAGE, &buf), 0);
	memset(buf, 0x33, 4 * PAGE);
	double_clear(r.rig.d);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, 3 * PAGE, &buf, &addr), 0);
	assert_int_equal(addr, DOUBLE_PHYS_DMA32);
	for (size_t i = 0; i < 3 * PAGE; i++)
		assert_int_equal(((unsigned char *)buf)[i], 0);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, 2 * PAGE, &none, &more), -ENOMEM);
	assert_int_equal(more, 7);
	assert_int_equal(double_count(r.rig.d, DOUBLE_COHERENT_ALLOC), 0);
	assert_int_equal(dmp_dma_free_coherent(r.dev, 3 * PAGE, buf, addr), 0);
	assert_int_equal(slots_in_use(&r), 0);
	device_rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translated_memory_lies_anywhere_and_its_iova_in_reach),
		cmocka_unit_test(test_direct_memory_lies_within_the_coherent_mask),
		cmocka_unit_test(test_machine_without_coherent_memory_falls_back_through_the_zones),
		cmocka_unit_test(test_no_memory_within_the_mask_is_enomem),
		cmocka_unit_test(test_memory_beyond_the_mask_is_not_given_out),
		cmocka_unit_test(test_memory_that_begins_inside_a_granule_is_not_given_out),
		cmocka_unit_test(test_size_beyond_the_reach_is_erange_without_asking),
		cmocka_unit_test(test_arguments_that_make_no_sense_are_einval),
		cmocka_unit_test(test_failed_mapping_gives_the_memory_back),
		cmocka_unit_test(test_wrong_frees_change_nothing),
		cmocka_unit_test(test_free_that_the_machine_refuses_can_be_tried_again),
		cmocka_unit_test(test_coherent_memory_and_mappings_stay_apart),
		cmocka_unit_test(test_each_of_many_blocks_is_freed_as_itself),
		cmocka_unit_test(test_memory_that_a_device_may_still_reach_waits_for_a_whole_flush),
		cmocka_unit_test(test_lazy_domain_is_flushed_before_memory_is_freed),
		cmocka_unit_test(test_lazy_domain_whose_flush_fails_keeps_the_memory),
		cmocka_unit_test(test_memory_that_was_given_up_goes_with_its_domain),
		cmocka_unit_test(test_a_restricted_device_has_coherent_memory_of_its_range_only),
		cmocka_unit_test(
			test_failed_alloc_that_cannot_be_flushed_keeps_the_memory_from_reuse),
	};

	return cmocka_run_group_tests_name("dma_coherent", tests, NULL, NULL);
}
