// SPDX-License-Identifier: MIT
/*
 * test_hw_check_flush.c - proves F1 and F2 of lib/hw/hw_check_flush.c: one test a rule that a
 * backend, or the caller, breaks
 */
#include "hw_rig.h"

#include <dmapool/iommu.h>

struct fixture {
	struct hw_rig rig;
	void *dom;
	uint32_t device;
	struct dmp_gather gather;
};

static int up(void **state)
{
	static struct fixture f;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_hw_domain_info info;

	hw_rig_begin(&f.rig);
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	f.rig.d->chain_tables = true;
	assert_int_equal(hw_device_add(f.rig.hw, &desc, &f.device), 0);
	assert_int_equal(hw_domain_create(f.rig.hw, DMP_DOMAIN_TRANSLATED, &f.dom, &info), 0);
	assert_int_equal(hw_domain_attach(f.rig.hw, f.dom, f.device), 0);
	dmp_gather_init(&f.gather);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	hw_domain_detach(f->rig.hw, f->dom, f->device);
	hw_domain_destroy(f->rig.hw, f->dom);
	hw_device_remove(f->rig.hw, f->device);
	hw_rig_down(&f->rig);
	return 0;
}

/* One page mapped and unmapped: its table waits in the gather. */
static void chain_one(struct fixture *f)
{
	uint64_t mapped;

	assert_int_equal(hw_map_pages(f->rig.hw, f->dom, 0x1000, 0x1000, KB4, 1, BOTH, &mapped), 0);
	assert_int_equal(hw_unmap_pages(f->rig.hw, f->dom, 0x1000, KB4, 1, &f->gather), KB4);
}

/* Gathers: F1. */

static void test_a_malformed_gather_is_not_passed_on(void **state)
{
	struct fixture *f = *state;
	static const struct dmp_gather bad[] = {
		{.start = 1, .end = 0},
		{.start = UINT64_MAX, .end = 5},
		{.start = UINT64_MAX, .end = 0, .page_bytes = KB4},
		{.start = 0, .end = 0xfff},
		{.start = 0, .end = 0xfff, .page_bytes = 0x3000},
		{.start = 0, .end = 0xfff, .page_bytes = KB4, .queued = 2},
		{.start = 0, .end = 0xfff, .page_bytes = KB4, .reserved0 = 1},
	};
	struct dmp_gather gather;

	double_clear(f->rig.d);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		gather = bad[i];
		assert_int_equal(hw_flush_gather(f->rig.hw, f->dom, &gather), -EINVAL);
		hw_rig_expect_bug(&f->rig, "a malformed gather");
		assert_int_equal(hw_unmap_pages(f->rig.hw, f->dom, 0, KB4, 1, &gather), 0);
		hw_rig_expect_bug(&f->rig, "a malformed gather");
	}
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_a_range_to_flush_is_a_range(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hw_flush_range(f->rig.hw, f->dom, 0, KB4, true), 0);
	assert_int_equal(hw_flush_range(f->rig.hw, f->dom, 0x1000, 0, true), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of flush_range");
	assert_int_equal(hw_flush_range(f->rig.hw, f->dom, UINT64_MAX, 2, true), -EINVAL);
	hw_rig_expect_bug(&f->rig, "a caller of flush_range");
}

/* Table pages: F2. */

static void test_tables_go_after_a_flush(void **state)
{
	struct fixture *f = *state;

	chain_one(f);
	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), 0);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	dmp_gather_init(&f->gather);
	chain_one(f);
	assert_int_equal(hw_flush_gather(f->rig.hw, f->dom, &f->gather), 0);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	assert_int_equal(f->rig.d->tables_freed, 2);
}

static void test_tables_freed_before_a_flush_are_not_passed_on(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), 0);
	chain_one(f);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	hw_rig_expect_bug(&f->rig, "before they were flushed");
	double_fail(f->rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), -ETIMEDOUT);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	hw_rig_expect_bug(&f->rig, "before they were flushed");
	assert_int_equal(hw_flush_range(f->rig.hw, f->dom, 0, KB4, true), 0);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	hw_rig_expect_bug(&f->rig, "before they were flushed");
	assert_int_equal(f->rig.d->tables_freed, 0);
	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), 0);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	assert_int_equal(f->rig.d->tables_freed, 1);
}

/* the second table joins the chain after the flush: the whole chain waits again */
static void test_a_chain_that_grows_waits_again(void **state)
{
	struct fixture *f = *state;

	chain_one(f);
	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), 0);
	chain_one(f);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	hw_rig_expect_bug(&f->rig, "before they were flushed");
	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), 0);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	assert_int_equal(f->rig.d->tables_freed, 2);
}

static void test_with_nothing_attached_tables_need_no_flush(void **state)
{
	struct fixture *f = *state;

	chain_one(f);
	hw_domain_detach(f->rig.hw, f->dom, f->device);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	assert_int_equal(f->rig.d->tables_freed, 1);
	assert_int_equal(hw_domain_attach(f->rig.hw, f->dom, f->device), 0);
}

static void test_tables_are_freed_once_and_whole(void **state)
{
	struct fixture *f = *state;
	void *older;

	chain_one(f);
	older = f->gather.tables;
	chain_one(f);
	assert_int_equal(hw_flush_domain(f->rig.hw, f->dom), 0);
	hw_free_tables(f->rig.hw, f->dom, older);
	hw_rig_expect_bug(&f->rig, "no such tables");
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	hw_free_tables(f->rig.hw, f->dom, f->gather.tables);
	hw_rig_expect_bug(&f->rig, "no such tables");
	assert_int_equal(f->rig.d->tables_freed, 2);
}

static void test_tables_that_are_never_freed_are_told(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;
	uint64_t mapped;
	void *dom;

	assert_int_equal(hw_domain_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(hw_map_pages(f->rig.hw, dom, 0x1000, 0x1000, KB4, 1, BOTH, &mapped), 0);
	assert_int_equal(hw_unmap_pages(f->rig.hw, dom, 0x1000, KB4, 1, &f->gather), KB4);
	hw_domain_destroy(f->rig.hw, dom);
	hw_rig_expect_bug(&f->rig, "never freed");
	f->rig.d->ops.free_tables(f->rig.d, f->dom, f->gather.tables);
}

static void test_chained_tables_without_free_tables_are_caught(void **state)
{
	struct hw_rig rig;
	struct dmp_hw_domain_info info;
	struct dmp_gather gather;
	void *dom;
	uint64_t mapped;
	dmp_phys_t phys;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->ops.free_tables = NULL;
	rig.d->chain_tables = true;
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	dmp_gather_init(&gather);
	assert_int_equal(hw_domain_create(rig.hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(hw_map_pages(rig.hw, dom, 0x1000, 0x1000, KB4, 1, BOTH, &mapped), 0);
	assert_int_equal(hw_unmap_pages(rig.hw, dom, 0x1000, KB4, 1, &gather), KB4);
	hw_rig_expect_bug(&rig, "no free_tables");
	assert_null(gather.tables);
	assert_int_equal(hw_iova_to_phys(rig.hw, dom, 0x1000, &phys), -ENOENT);
	hw_domain_destroy(rig.hw, dom);
	rig.may_litter = true;
	hw_rig_down(&rig);
}

/* Faults. */

static void test_an_unknown_fault_is_caught(void **state)
{
	struct fixture *f = *state;
	struct dmp_fault fault = {.reason = DMP_FAULT_STALE + 1};

	double_raise_fault(f->rig.d, &fault);
	assert_int_equal(dmp_hw_fault_next(f->rig.hw, &fault), -EIO);
	hw_rig_expect_bug(&f->rig, "an unknown reason");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_a_malformed_gather_is_not_passed_on),
		WITH(test_a_range_to_flush_is_a_range),
		WITH(test_tables_go_after_a_flush),
		WITH(test_tables_freed_before_a_flush_are_not_passed_on),
		WITH(test_a_chain_that_grows_waits_again),
		WITH(test_with_nothing_attached_tables_need_no_flush),
		WITH(test_tables_are_freed_once_and_whole),
		WITH(test_tables_that_are_never_freed_are_told),
		cmocka_unit_test(test_chained_tables_without_free_tables_are_caught),
		WITH(test_an_unknown_fault_is_caught),
	};

	return cmocka_run_group_tests_name("hw_check_flush", tests, NULL, NULL);
}
