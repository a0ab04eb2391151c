// SPDX-License-Identifier: MIT
/*
 * test_hw_check_map.c - proves C1 and P1-P8 of lib/hw/hw_check_map.c: one test a rule that a
 * backend, or the caller, breaks
 */
#include "hw_rig.h"

#include <dmapool/iommu.h>

struct fixture {
	struct hw_rig rig;
	void *dom;
	struct dmp_gather gather;
	uint64_t mapped;
};

static int up(void **state)
{
	static struct fixture f;
	struct dmp_hw_domain_info info;

	hw_rig_begin(&f.rig);
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	assert_int_equal(hw_domain_create(f.rig.hw, DMP_DOMAIN_TRANSLATED, &f.dom, &info), 0);
	dmp_gather_init(&f.gather);
	f.mapped = 99;
	*state = &f;
	return 0;
}

/* Domains that a backend lied about are destroyed with what is still mapped in them. */
static int down(void **state)
{
	struct fixture *f = *state;

	hw_domain_destroy(f->rig.hw, f->dom);
	hw_rig_down(&f->rig);
	return 0;
}

static int map(struct fixture *f, dmp_iova_t iova, dmp_phys_t phys, uint64_t page, uint64_t npages)
{
	return hw_map_pages(f->rig.hw, f->dom, iova, phys, page, npages, BOTH, &f->mapped);
}

static uint64_t unmap(struct fixture *f, dmp_iova_t iova, uint64_t page, uint64_t npages)
{
	return hw_unmap_pages(f->rig.hw, f->dom, iova, page, npages, &f->gather);
}

/* The caller: C1. */

static void test_a_map_that_makes_no_sense_is_not_passed_on(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t iova, phys, page, npages;
		unsigned prot;
		const char *rule;
	} rows[] = {
		{0x1000, 0x1000, 0x2000, 1, BOTH, "a page size that is not offered"},
		{0x1000, 0x1000, 0x3000, 1, BOTH, "a page size that is not offered"},
		{0x1800, 0x1000, KB4, 1, BOTH, "not aligned"},
		{0x1000, 0x1800, KB4, 1, BOTH, "not aligned"},
		{KB4, MB2, MB2, 1, BOTH, "not aligned"},
		{UINT64_C(1) << 48, 0, KB4, 1, BOTH, "outside the aperture"},
		{(UINT64_C(1) << 48) - KB4, 0, KB4, 2, BOTH, "outside the aperture"},
		{0x1000, 0x1000, KB4, 0, BOTH, "no pages"},
		{0x1000, 0x1000, 0, 1, BOTH, "no pages"},
		{0x1000, 0x1000, KB4, UINT64_MAX / KB4 + 1, BOTH, "no pages"},
		{0x1000, -KB4, KB4, 2, BOTH, "no pages"},
		{0x1000, 0x1000, KB4, 1, 0, "unknown permissions"},
		{0x1000, 0x1000, KB4, 1, 4, "unknown permissions"},
	};

	double_clear(f->rig.d);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(hw_map_pages(f->rig.hw, f->dom, rows[i].iova, rows[i].phys,
					      rows[i].page, rows[i].npages, rows[i].prot,
					      &f->mapped),
				 -EINVAL);
		assert_int_equal(f->mapped, 0);
		hw_rig_expect_bug(&f->rig, rows[i].rule);
	}
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_a_list_that_makes_no_sense_is_not_passed_on(void **state)
{
	struct fixture *f = *state;
	static const struct dmp_phys_run bad[][2] = {
		{{0x1000, KB4}, {0x5000, 0}},
		{{0x1000, KB4}, {-KB4, 2 * KB4}},
		{{0x1000, KB4}, {0x5800, KB4}},
		{{0x1000, KB4}, {0x5000, 0x800}},
		{{0, UINT64_C(1) << 63}, {0, UINT64_C(1) << 63}},
	};
	struct dmp_phys_run good = {0x1000, KB4};

	double_clear(f->rig.d);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, bad[i], 2, BOTH, &f->mapped),
				 -EINVAL);
		hw_rig_expect_bug(&f->rig, "a caller of map_list");
	}
	assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, &good, 0, BOTH, &f->mapped), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of map_list");
	assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, &good, 1, 8, &f->mapped), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of map_list");
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_an_unmap_or_sync_that_makes_no_sense_is_not_passed_on(void **state)
{
	struct fixture *f = *state;

	double_clear(f->rig.d);
	assert_int_equal(unmap(f, 0x1000, 0x2000, 1), 0);
	hw_rig_expect_bug(&f->rig, "not offered");
	assert_int_equal(unmap(f, 0x1800, KB4, 1), 0);
	hw_rig_expect_bug(&f->rig, "not aligned");
	assert_int_equal(unmap(f, 0x1000, KB4, 0), 0);
	hw_rig_expect_bug(&f->rig, "no pages");
	assert_int_equal(unmap(f, UINT64_C(1) << 48, KB4, 1), 0);
	hw_rig_expect_bug(&f->rig, "outside the aperture");
	assert_int_equal(hw_sync_map(f->rig.hw, f->dom, UINT64_C(1) << 48, KB4), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of sync_map");
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_a_passthrough_domain_has_no_pages(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;
	void *dom;

	assert_int_equal(hw_domain_create(f->rig.hw, DMP_DOMAIN_PASSTHROUGH, &dom, &info), 0);
	assert_int_equal(hw_map_pages(f->rig.hw, dom, 0, 0, KB4, 1, BOTH, &f->mapped), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a passthrough domain");
	hw_domain_destroy(f->rig.hw, dom);
}

/* Maps: P1-P3. */

static void test_a_count_that_cannot_be_is_caught(void **state)
{
	struct fixture *f = *state;
	static const uint64_t lies[] = {0x800, 0x4000, UINT64_MAX};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		double_lie(f->rig.d, DOUBLE_MAP_PAGES, 1, lies[i]);
		assert_int_equal(map(f, i * MB2, 0x1000, KB4, 3), -EIO);
		assert_true(f->mapped <= 3 * KB4);
		hw_rig_expect_bug(&f->rig, "cannot be");
	}
}

static void test_success_of_a_part_is_caught(void **state)
{
	struct fixture *f = *state;

	double_script(f->rig.d, DOUBLE_MAP_PAGES,
		      &(struct double_reply){.nth = 1, .perform = true, .max_pages = 2});
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 3), -EIO);
	assert_int_equal(f->mapped, 3 * KB4); /* what is to be taken back */
	hw_rig_expect_bug(&f->rig, "not everything");
}

/* the double forgets nothing, so it is told to say yes without doing anything */
static void test_mapping_twice_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, 0x2000, 0x2000, KB4, 1), 0);
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 3), -EEXIST);
	assert_int_equal(f->mapped, KB4);
	double_script(f->rig.d, DOUBLE_MAP_PAGES,
		      &(struct double_reply){.nth = 1, .replace_out = true, .out = KB4});
	assert_int_equal(map(f, 0x2000, 0x2000, KB4, 1), -EIO);
	hw_rig_expect_bug(&f->rig, "mapped what is mapped");
}

static void test_eexist_where_nothing_is_mapped_is_caught(void **state)
{
	struct fixture *f = *state;

	double_fail(f->rig.d, DOUBLE_MAP_PAGES, 1, -EEXIST);
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 1), -EIO);
	hw_rig_expect_bug(&f->rig, "-EEXIST where nothing is mapped");
}

static void test_a_map_that_leads_elsewhere_is_caught(void **state)
{
	struct fixture *f = *state;

	for (unsigned nth = 1; nth <= 2; nth++) {
		double_lie(f->rig.d, DOUBLE_IOVA_TO_PHYS, nth, 0x1234);
		assert_int_equal(map(f, nth * MB2, 0x1000, KB4, 3), -EIO);
		hw_rig_expect_bug(&f->rig, "does not confirm");
		/* the next rule is judged in a domain whose books are whole */
		hw_domain_destroy(f->rig.hw, f->dom);
		assert_int_equal(hw_domain_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &f->dom,
						  &(struct dmp_hw_domain_info){0}),
				 0);
	}
	double_script(f->rig.d, DOUBLE_MAP_PAGES,
		      &(struct double_reply){.nth = 1, .replace_out = true, .out = KB4});
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 1), -EIO);
	hw_rig_expect_bug(&f->rig, "does not confirm");
}

static void test_mapping_more_than_it_says_is_caught(void **state)
{
	struct fixture *f = *state;

	double_script(f->rig.d, DOUBLE_MAP_PAGES,
		      &(struct double_reply){.nth = 1,
					     .perform = true,
					     .replace_ret = true,
					     .ret = -ENOMEM,
					     .replace_out = true,
					     .out = KB4});
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 3), -EIO);
	hw_rig_expect_bug(&f->rig, "mapped more than it says");
}

static void test_an_honest_failure_is_passed_on_and_remembered(void **state)
{
	struct fixture *f = *state;

	double_fail_after(f->rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM, 2);
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 3), -ENOMEM);
	assert_int_equal(f->mapped, 2 * KB4);
	assert_int_equal(unmap(f, 0x1000, KB4, 3), 2 * KB4);
}

static void test_every_run_of_a_list_is_confirmed(void **state)
{
	struct fixture *f = *state;
	static const struct dmp_phys_run runs[] = {
		{0x10000, KB4}, {0x20000, 2 * KB4}, {0x30000, KB4}};

	assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, runs, 3, BOTH, &f->mapped), 0);
	assert_int_equal(f->mapped, 4 * KB4);
	assert_int_equal(unmap(f, 0, KB4, 4), 4 * KB4);
	double_fail_after(f->rig.d, DOUBLE_MAP_LIST, 1, -ENOMEM, 2);
	assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, runs, 3, BOTH, &f->mapped), -ENOMEM);
	assert_int_equal(unmap(f, 0, KB4, 4), 2 * KB4);
	/* the first address of the third run */
	double_lie(f->rig.d, DOUBLE_IOVA_TO_PHYS, 5, 0x1234);
	assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, runs, 3, BOTH, &f->mapped), -EIO);
	hw_rig_expect_bug(&f->rig, "does not confirm");
}

/* Unmaps: P4-P7. */

static void test_an_unmapped_count_that_cannot_be_is_caught(void **state)
{
	struct fixture *f = *state;
	static const uint64_t lies[] = {0x800, UINT64_MAX, UINT64_C(1) << 48};

	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 8), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		double_lie(f->rig.d, DOUBLE_UNMAP_PAGES, 1, lies[i]);
		assert_int_equal(unmap(f, 0x1000, KB4, 1), 0);
		hw_rig_expect_bug(&f->rig, "cannot be");
	}
}

static void expect_unmap_lie(struct fixture *f, uint64_t pages_done, uint64_t lie, const char *rule)
{
	double_script(f->rig.d, DOUBLE_UNMAP_PAGES,
		      &(struct double_reply){.nth = 1,
					     .perform = pages_done > 0,
					     .max_pages = pages_done,
					     .replace_out = true,
					     .out = lie});
	assert_int_equal(unmap(f, 0x1000, KB4, 4), 0);
	hw_rig_expect_bug(&f->rig, rule);
}

/* mapped: four pages from 0x1000; a hole; asked: those four */
static void test_unmapping_what_was_not_mapped_is_caught(void **state)
{
	struct fixture *f = *state;

	expect_unmap_lie(f, 0, KB4, "was not mapped");
}

static void test_stopping_where_there_is_no_hole_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 4), 0);
	expect_unmap_lie(f, 2, 2 * KB4, "no hole");
}

static void test_doing_nothing_where_pages_begin_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 4), 0);
	expect_unmap_lie(f, 0, 0, "no hole");
}

static void test_unmapping_beyond_the_last_page_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 8), 0);
	expect_unmap_lie(f, 4, 5 * KB4, "beyond the page at the end");
}

static void test_what_is_still_there_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 4), 0);
	expect_unmap_lie(f, 3, 4 * KB4, "still finds");
}

/* the double unmaps 2 MiB whole, and says less */
static void test_splitting_a_page_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, MB2, MB2, MB2, 1), 0);
	double_lie(f->rig.d, DOUBLE_UNMAP_PAGES, 1, KB4);
	assert_int_equal(unmap(f, MB2, KB4, 1), 0);
	hw_rig_expect_bug(&f->rig, "split a page");
}

static void test_unmapping_from_inside_a_page_is_caught(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, MB2, MB2, MB2, 1), 0);
	assert_int_equal(unmap(f, MB2 + KB4, KB4, 1), 0);
	/* up to the end of the page, so that only its beginning is wrong */
	double_script(f->rig.d, DOUBLE_UNMAP_PAGES,
		      &(struct double_reply){.nth = 1, .replace_out = true, .out = MB2 - KB4});
	assert_int_equal(unmap(f, MB2 + KB4, KB4, 511), 0);
	hw_rig_expect_bug(&f->rig, "split a page");
}

/* what hw.h allows: bigger pages taken whole, holes, sizes that were not mapped */
static void test_honest_unmaps_are_passed_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(map(f, MB2, MB2, MB2, 2), 0);
	assert_int_equal(unmap(f, MB2, KB4, 1), MB2);
	assert_int_equal(unmap(f, MB2, KB4, 1), 0);
	assert_int_equal(unmap(f, 2 * MB2, KB4, 513), MB2);
	assert_int_equal(map(f, GB1, KB4, KB4, 512), 0);
	assert_int_equal(unmap(f, GB1, MB2, 1), MB2);
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 5), 0);
	assert_int_equal(unmap(f, 0x3000, KB4, 1), KB4);
	assert_int_equal(unmap(f, 0x1000, KB4, 5), 2 * KB4);
	assert_int_equal(unmap(f, 0x4000, KB4, 2), 2 * KB4);
}

static uint64_t meddling_unmap(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			       uint64_t npages, struct dmp_gather *gather)
{
	struct double_hw *d = be;

	(void)dom;
	gather->start = iova;
	gather->end = iova + page_bytes * npages - 1;
	return d->ops.unmap_pages(be, dom, iova, page_bytes, npages, gather);
}

static void test_changing_the_gathers_range_is_caught_and_undone(void **state)
{
	struct hw_rig rig;
	struct dmp_hw_ops ops;
	struct dmp_hw_domain_info info;
	struct dmp_gather gather;
	uint64_t mapped;
	void *dom;

	(void)state;
	hw_rig_begin(&rig);
	ops = rig.d->ops;
	ops.unmap_pages = meddling_unmap;
	assert_int_equal(dmp_hw_create(&ops, rig.d, &DMP_HW_OPTS(.flags = DMP_HW_CHECK), &rig.hw),
			 0);
	assert_int_equal(hw_domain_create(rig.hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(hw_map_pages(rig.hw, dom, 0x1000, 0x1000, KB4, 1, BOTH, &mapped), 0);
	dmp_gather_init(&gather);
	assert_int_equal(hw_unmap_pages(rig.hw, dom, 0x1000, KB4, 1, &gather), 0);
	hw_rig_expect_bug(&rig, "changed the range of the gather");
	assert_true(dmp_gather_is_empty(&gather));
	hw_domain_destroy(rig.hw, dom);
	hw_rig_down(&rig);
}

/* Look-ups: P8. */

static void test_a_look_up_that_differs_from_the_books_is_caught(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys = 99;

	assert_int_equal(map(f, 0x1000, 0x7000, KB4, 2), 0);
	assert_int_equal(hw_iova_to_phys(f->rig.hw, f->dom, 0x2345, &phys), 0);
	assert_int_equal(phys, 0x8345);
	assert_int_equal(hw_iova_to_phys(f->rig.hw, f->dom, 0x3000, &phys), -ENOENT);
	double_lie(f->rig.d, DOUBLE_IOVA_TO_PHYS, 1, 0x9999);
	assert_int_equal(hw_iova_to_phys(f->rig.hw, f->dom, 0x1000, &phys), -EIO);
	hw_rig_expect_bug(&f->rig, "something else");
	double_fail(f->rig.d, DOUBLE_IOVA_TO_PHYS, 1, -ENOENT);
	assert_int_equal(hw_iova_to_phys(f->rig.hw, f->dom, 0x1000, &phys), -EIO);
	hw_rig_expect_bug(&f->rig, "something else");
	double_fail(f->rig.d, DOUBLE_IOVA_TO_PHYS, 1, 0);
	assert_int_equal(hw_iova_to_phys(f->rig.hw, f->dom, 0x3000, &phys), -EIO);
	hw_rig_expect_bug(&f->rig, "something else");
	assert_int_equal(phys, 0x8345);
}

/* After a lie. */

static void test_one_lie_is_told_once(void **state)
{
	struct fixture *f = *state;
	dmp_phys_t phys;

	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 8), 0);
	expect_unmap_lie(f, 4, 5 * KB4, "beyond the page at the end");
	/* the books still hold what the double has unmapped, and are not consulted */
	assert_int_equal(hw_iova_to_phys(f->rig.hw, f->dom, 0x1000, &phys), -ENOENT);
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 4), 0);
	assert_int_equal(unmap(f, 0x1000, KB4, 8), 8 * KB4);
}

static void test_without_memory_for_the_books_nothing_is_mapped(void **state)
{
	struct fixture *f = *state;
	static const struct dmp_phys_run runs[] = {{0x10000, KB4}, {0x20000, KB4}};

	double_clear(f->rig.d);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 1, 1);
	assert_int_equal(map(f, 0x1000, 0x1000, KB4, 1), -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 2, 1);
	assert_int_equal(hw_map_list(f->rig.hw, f->dom, 0, runs, 2, BOTH, &f->mapped), -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0);
	assert_string_equal(double_trace(f->rig.d), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_a_map_that_makes_no_sense_is_not_passed_on),
		WITH(test_a_list_that_makes_no_sense_is_not_passed_on),
		WITH(test_an_unmap_or_sync_that_makes_no_sense_is_not_passed_on),
		WITH(test_a_passthrough_domain_has_no_pages),
		WITH(test_a_count_that_cannot_be_is_caught),
		WITH(test_success_of_a_part_is_caught),
		WITH(test_mapping_twice_is_caught),
		WITH(test_eexist_where_nothing_is_mapped_is_caught),
		WITH(test_a_map_that_leads_elsewhere_is_caught),
		WITH(test_mapping_more_than_it_says_is_caught),
		WITH(test_an_honest_failure_is_passed_on_and_remembered),
		WITH(test_every_run_of_a_list_is_confirmed),
		WITH(test_an_unmapped_count_that_cannot_be_is_caught),
		WITH(test_unmapping_what_was_not_mapped_is_caught),
		WITH(test_stopping_where_there_is_no_hole_is_caught),
		WITH(test_doing_nothing_where_pages_begin_is_caught),
		WITH(test_unmapping_beyond_the_last_page_is_caught),
		WITH(test_what_is_still_there_is_caught),
		WITH(test_splitting_a_page_is_caught),
		WITH(test_unmapping_from_inside_a_page_is_caught),
		WITH(test_honest_unmaps_are_passed_on),
		cmocka_unit_test(test_changing_the_gathers_range_is_caught_and_undone),
		WITH(test_a_look_up_that_differs_from_the_books_is_caught),
		WITH(test_one_lie_is_told_once),
		WITH(test_without_memory_for_the_books_nothing_is_mapped),
	};

	return cmocka_run_group_tests_name("hw_check_map", tests, NULL, NULL);
}
