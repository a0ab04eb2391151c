// SPDX-License-Identifier: MIT
/*
 * test_domain.c - proves D1, D2, D3 of lib/domain/domain.c, and its errors
 */
#include "lazy_rig.h"

#include "hw_call.h"

static void test_machine_without_iommu_is_enotsup(void **state)
{
	struct rig rig;
	struct dmp_domain *dom = NULL;

	(void)state;
	rig_begin(&rig);
	rig.d->ops.domain_create = NULL;
	rig.d->ops.domain_destroy = NULL;
	rig.d->ops.domain_attach = NULL;
	rig.d->ops.domain_detach = NULL;
	rig.d->ops.map_pages = NULL;
	rig.d->ops.unmap_pages = NULL;
	rig.d->ops.iova_to_phys = NULL;
	rig.d->ops.flush_domain = NULL;
	rig.d->ops.map_list = NULL;
	rig.d->ops.sync_map = NULL;
	rig.d->ops.flush_gather = NULL;
	rig.d->ops.flush_range = NULL;
	rig.d->ops.free_tables = NULL;
	rig_adopt(&rig);
	assert_int_equal(dmp_domain_create(rig.hw, NULL, &dom), -ENOTSUP);
	assert_null(dom);
	rig_down(&rig);
}

static void test_unknown_options_are_refused(void **state)
{
	struct {
		struct dmp_domain_opts opts;
		uint64_t newer;
	} longer = {DMP_DOMAIN_OPTS(), 1};
	struct {
		struct dmp_flush_watch watch;
		uint64_t newer;
	} newer_watch = {{.size = sizeof(newer_watch)}, 1};
	const struct dmp_flush_watch odd_watch = {.size = sizeof(odd_watch), .reserved0 = 1};
	const uint32_t bad_sizes[] = {1, 3, 255, 1u << 21};
	struct rig rig;
	struct dmp_domain *dom = NULL;

	(void)state;
	rig_begin(&rig);
	rig_adopt(&rig);
	longer.opts.size = sizeof(longer);
	assert_int_equal(dmp_domain_create(rig.hw, &longer.opts, &dom), -E2BIG);
	assert_int_equal(dmp_domain_create(rig.hw, &DMP_DOMAIN_OPTS(.flags = 8), &dom), -EINVAL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(dmp_domain_create(rig.hw,
						   &DMP_DOMAIN_OPTS(.flushq_entries = bad_sizes[i]),
						   &dom),
				 -EINVAL);
	assert_int_equal(
		dmp_domain_create(rig.hw, &DMP_DOMAIN_OPTS(.watch = &newer_watch.watch), &dom),
		-E2BIG);
	assert_int_equal(dmp_domain_create(rig.hw, &DMP_DOMAIN_OPTS(.watch = &odd_watch), &dom),
			 -EINVAL);
	assert_int_equal(dmp_domain_create(
				 rig.hw, &DMP_DOMAIN_OPTS(.flush = (enum dmp_flush_policy)9), &dom),
			 -EINVAL);
	assert_int_equal(dmp_domain_create(NULL, NULL, &dom), -EINVAL);
	assert_null(dom);
	rig_down(&rig);
}

static void test_granule_is_the_smallest_page(void **state)
{
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	rig.d->page_sizes = 0x200000 | 0x10000;
	rig_domain(&rig);
	assert_int_equal(dmp_domain_granule(rig.dom), 0x10000);
	assert_ptr_equal(dmp_domain_hw(rig.dom), rig.hw);
	rig_down(&rig);
}

/*
 *   aperture   0x10000 ........ 0x13fff      four granules, all of them given out
 */
static void test_addresses_stay_in_the_aperture(void **state)
{
	struct rig rig;
	dmp_iova_t iova[4], more;

	(void)state;
	rig_begin(&rig);
	rig.d->aperture_start = 0x10000;
	rig.d->aperture_end = 0x13fff;
	rig_domain(&rig);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
			dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, UINT64_MAX, &iova[i]), 0);
		assert_true(iova[i] >= 0x10000 && iova[i] <= 0x13000);
	}
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, UINT64_MAX, &more),
			 -ENOSPC);
	for (int i = 0; i < 4; i++)
		assert_int_equal(dmp_domain_unmap(rig.dom, iova[i], PAGE), 0);
	rig_down(&rig);
}

static void test_page_zero_is_never_given_out(void **state)
{
	struct rig rig;
	dmp_iova_t iova, more;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, 0x1fff, &iova), 0);
	assert_int_equal(iova, PAGE);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, 0x1fff, &more), -ENOSPC);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, 0xfff, &more), -ERANGE);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	rig_down(&rig);
}

static void test_destroy_while_mapped_is_ebusy(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, UINT64_MAX, &iova), 0);
	assert_int_equal(dmp_domain_destroy(rig.dom), -EBUSY);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	rig_down(&rig);
}

static void test_destroy_while_attached_is_ebusy(void **state)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	struct rig rig;
	uint32_t device;

	(void)state;
	rig_up(&rig);
	assert_int_equal(hw_device_add(rig.hw, &desc, &device), 0);
	assert_int_equal(dmp_iommu_attach(dmp_domain_iommu(rig.dom), device), 0);
	assert_int_equal(dmp_domain_destroy(rig.dom), -EBUSY);
	assert_int_equal(dmp_iommu_detach(dmp_domain_iommu(rig.dom), device), 0);
	hw_device_remove(rig.hw, device);
	assert_int_equal(dmp_domain_destroy(NULL), -EINVAL);
	rig_down(&rig);
}

/*
 *   limit 0x3fff, granules 1 and 2 reserved (0x1fff touches 1, 0x2000 touches 2): 3 remains
 */
static void test_reserved_addresses_are_not_given_out(void **state)
{
	struct rig rig;
	dmp_iova_t iova, more;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_reserve(rig.dom, 0x1fff, 0x2000), 0);
	assert_int_equal(dmp_domain_reserve(rig.dom, 2, 1), -EINVAL);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, 0x3fff, &iova), 0);
	assert_int_equal(iova, 0x3000);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, DMP_PROT_READ, 0x3fff, &more), -ENOSPC);
	assert_int_equal(dmp_domain_check(rig.dom), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	rig_down(&rig);
}

static dmp_iova_t map_one(struct rig *rig, uint64_t limit)
{
	dmp_iova_t iova = 0;

	assert_int_equal(dmp_domain_map(rig->dom, 0, PAGE, DMP_PROT_READ, limit, &iova), 0);
	return iova;
}

/* An address that was unmapped waits in a magazine: it is taken out of there. */
static void test_reserved_address_that_was_cached_is_not_given_out(void **state)
{
	struct rig rig;
	dmp_iova_t cached, next;

	(void)state;
	rig_up(&rig);
	cached = map_one(&rig, UINT64_MAX);
	assert_int_equal(dmp_domain_unmap(rig.dom, cached, PAGE), 0);
	assert_int_equal(dmp_domain_reserve(rig.dom, cached, cached + PAGE - 1), 0);
	next = map_one(&rig, UINT64_MAX);
	assert_int_not_equal(next, cached);
	assert_int_equal(dmp_domain_unmap(rig.dom, next, PAGE), 0);
	rig_down(&rig);
}

/*
 *   live                   |####|
 *   refused      |----|----|----|         over it from below
 *   refused                |----|----|    over it and above
 *   taken   |----|----|----|              up to it
 */
static void test_reserving_what_is_mapped_is_ebusy_and_changes_nothing(void **state)
{
	struct dmp_iova_range range;
	struct rig rig;
	dmp_iova_t live;

	(void)state;
	rig_up(&rig);
	live = map_one(&rig, DMP_MASK(31));
	assert_int_equal(dmp_domain_reserve(rig.dom, live - 2 * PAGE, live), -EBUSY);
	assert_int_equal(dmp_domain_reserve(rig.dom, live, live + 2 * PAGE), -EBUSY);
	assert_int_equal(dmp_domain_reserve(rig.dom, 0, UINT64_MAX >> 16), -EBUSY);
	assert_int_equal(dmp_iova_find(dmp_domain_iova(rig.dom), live / PAGE - 1, &range), -ENOENT);
	assert_int_equal(dmp_iova_find(dmp_domain_iova(rig.dom), live / PAGE + 1, &range), -ENOENT);
	assert_int_equal(dmp_domain_reserve(rig.dom, live - 3 * PAGE, live - 1), 0);
	assert_int_equal(dmp_domain_reserve(rig.dom, live - 2 * PAGE, live - 1), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, live, PAGE), 0);
	assert_int_equal(dmp_iova_find(dmp_domain_iova(rig.dom), live / PAGE - 1, &range), 0);
	rig_down(&rig);
}

static int reserve_it(struct lazy *lazy, dmp_iova_t iova)
{
	return dmp_domain_reserve(lazy->rig.dom, iova, iova + LONG_PAGES * PAGE - 1);
}

static void reserve_what_was_just_unmapped(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
	lazy->err[1] = reserve_it(lazy, lazy->iova[0]);
}

/*
 *   flush 1   |---------------------------|     may have missed the unmap
 *   unmap          x   queued
 *   reserve            |- flush 2 -| taken      the range has gone: it cannot take the
 *                                               reservation along when flush 1 ends
 */
static void test_what_was_unmapped_lazily_takes_no_reservation_along(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, reserve_what_was_just_unmapped, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0] | lazy.err[1], 0);
	dmp_harness_advance(20 * MS);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

static void test_reserving_where_a_flush_fails_changes_nothing(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(reserve_it(&lazy, iova), -ETIMEDOUT);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(reserve_it(&lazy, iova), 0);
	assert_true(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_null_is_einval(void **state)
{
	struct dmp_domain_stats stats;
	dmp_phys_t phys;

	(void)state;
	assert_int_equal(dmp_domain_reserve(NULL, 0, 1), -EINVAL);
	assert_int_equal(dmp_domain_iova_to_phys(NULL, 0, &phys), -EINVAL);
	assert_int_equal(dmp_domain_get_stats(NULL, &stats, sizeof(stats)), -EINVAL);
	assert_int_equal(dmp_domain_check(NULL), -EINVAL);
}

static void test_stats_count_mappings_in_whole_granules(void **state)
{
	struct dmp_domain_stats stats;
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 0x800, PAGE, DMP_PROT_READ, UINT64_MAX, &iova), 0);
	stats = rig_domain_stats(&rig);
	assert_int_equal(stats.maps, 1);
	assert_int_equal(stats.mapped_bytes, 2 * PAGE);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	stats = rig_domain_stats(&rig);
	assert_int_equal(stats.unmaps, 1);
	assert_int_equal(stats.mapped_bytes, 0);
	assert_int_equal(stats.flushes, 1);
	assert_int_equal(dmp_domain_get_stats(rig.dom, &stats, 0), -EINVAL);
	rig_down(&rig);
}

static void test_check_sees_a_range_that_nobody_mapped(void **state)
{
	struct rig rig;
	uint64_t pfn;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_iova_alloc_uncached(dmp_domain_iova(rig.dom), 1, 0xfffff, 0, &pfn), 0);
	assert_int_equal(dmp_domain_check(rig.dom), -EIO);
	assert_int_equal(dmp_iova_free_pfn(dmp_domain_iova(rig.dom), pfn, NULL), 0);
	rig_down(&rig);
}

static void test_check_sees_a_mapping_at_zero(void **state)
{
	struct rig rig;
	uint64_t done;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_iommu_map(dmp_domain_iommu(rig.dom), 0, 0, PAGE, DMP_PROT_READ), 0);
	assert_int_equal(dmp_domain_check(rig.dom), -EIO);
	assert_int_equal(dmp_iommu_unmap(dmp_domain_iommu(rig.dom), 0, PAGE, &done), 0);
	rig_down(&rig);
}

/* Counters live in blocks per CPU: without memory for one they go elsewhere, and stay exact. */
static void test_counts_are_exact_without_memory_for_them(void **state)
{
	struct dmp_domain_stats stats;
	struct rig rig;
	dmp_iova_t iova;
	int err;

	(void)state;
	rig_up(&rig);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	err = dmp_domain_map(rig.dom, 0, 40 * PAGE, DMP_PROT_READ, UINT64_MAX, &iova);
	if (!err)
		err = dmp_domain_unmap(rig.dom, iova, 40 * PAGE);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	stats = rig_domain_stats(&rig);
	assert_true(err == 0 || err == -ENOMEM);
	assert_int_equal(stats.maps, err == 0);
	assert_int_equal(stats.unmaps, err == 0);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machine_without_iommu_is_enotsup),
		cmocka_unit_test(test_unknown_options_are_refused),
		cmocka_unit_test(test_granule_is_the_smallest_page),
		cmocka_unit_test(test_addresses_stay_in_the_aperture),
		cmocka_unit_test(test_page_zero_is_never_given_out),
		cmocka_unit_test(test_destroy_while_mapped_is_ebusy),
		cmocka_unit_test(test_destroy_while_attached_is_ebusy),
		cmocka_unit_test(test_reserved_addresses_are_not_given_out),
		cmocka_unit_test(test_reserved_address_that_was_cached_is_not_given_out),
		cmocka_unit_test(test_reserving_what_is_mapped_is_ebusy_and_changes_nothing),
		cmocka_unit_test(test_what_was_unmapped_lazily_takes_no_reservation_along),
		cmocka_unit_test(test_reserving_where_a_flush_fails_changes_nothing),
		cmocka_unit_test(test_null_is_einval),
		cmocka_unit_test(test_stats_count_mappings_in_whole_granules),
		cmocka_unit_test(test_check_sees_a_range_that_nobody_mapped),
		cmocka_unit_test(test_check_sees_a_mapping_at_zero),
		cmocka_unit_test(test_counts_are_exact_without_memory_for_them),
	};

	return cmocka_run_group_tests_name("domain", tests, NULL, NULL);
}
