// SPDX-License-Identifier: MIT
/*
 * test_iommu_gather.c - proves G1-G3 of lib/iommu/iommu_gather.c
 */
#include "hw_rig.h"
#include "iommu_internal.h"

struct fixture {
	struct hw_rig rig;
	struct dmp_iommu *iommu;
	struct dmp_gather gather;
};

static int up(void **state)
{
	static struct fixture f;

	hw_rig_begin(&f.rig);
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	assert_int_equal(dmp_iommu_create(f.rig.hw, DMP_DOMAIN_TRANSLATED, &f.iommu), 0);
	dmp_gather_init(&f.gather);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_destroy(f->iommu), 0);
	hw_rig_down(&f->rig);
	return 0;
}

static void map(struct fixture *f, dmp_iova_t iova, uint64_t len)
{
	assert_int_equal(dmp_iommu_map(f->iommu, iova, iova + GB1, len, BOTH), 0);
}

static void unmap(struct fixture *f, dmp_iova_t iova, uint64_t len)
{
	uint64_t unmapped;

	assert_int_equal(dmp_iommu_unmap_gather(f->iommu, iova, len, &f->gather, &unmapped), 0);
	assert_int_equal(unmapped, len);
}

static void sync_all(struct fixture *f)
{
	assert_int_equal(dmp_iommu_sync(f->iommu, &f->gather), 0);
	assert_true(dmp_gather_is_empty(&f->gather));
}

/* gathered [0x3000, 0x5000): below and above, touching, overlapping and apart */
static void test_a_range_fits_unless_a_byte_lies_between(void **state)
{
	static const struct {
		dmp_iova_t iova;
		uint64_t len;
		bool fits;
	} rows[] = {
		{0x5000, 0x1000, true},  {0x2000, 0x1000, true},  {0x6000, 0x1000, false},
		{0x1000, 0x1000, false}, {0x3000, 0x2000, true},  {0x1000, 0x8000, true},
		{0x0, 0x1000, false},    {-KB4, KB4, false},      {0x5001, 0x1000, false},
		{0x2000, 0xfff, false},  {0x0, UINT64_MAX, true},
	};
	struct dmp_gather gather;

	(void)state;
	dmp_gather_init(&gather);
	assert_true(iommu_gather_fits(&gather, 0, 1, KB4));
	assert_true(iommu_gather_fits(&gather, UINT64_MAX, 1, KB4));
	iommu_gather_extend(&gather, 0x3000, 0x2000, KB4);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(iommu_gather_fits(&gather, rows[i].iova, rows[i].len, KB4),
				 rows[i].fits);
}

static void test_another_page_size_does_not_fit(void **state)
{
	struct dmp_gather gather;

	(void)state;
	dmp_gather_init(&gather);
	iommu_gather_extend(&gather, 0, MB2, MB2);
	assert_true(iommu_gather_fits(&gather, MB2, MB2, MB2));
	assert_false(iommu_gather_fits(&gather, MB2, KB4, KB4));
}

static void test_a_queued_gather_takes_everything(void **state)
{
	struct dmp_gather gather;

	(void)state;
	dmp_gather_init(&gather);
	gather.queued = 1;
	iommu_gather_extend(&gather, 0, MB2, MB2);
	assert_true(iommu_gather_fits(&gather, GB1, KB4, KB4));
}

static void test_extending_keeps_every_byte_and_the_smaller_page(void **state)
{
	struct dmp_gather gather;

	(void)state;
	dmp_gather_init(&gather);
	iommu_gather_extend(&gather, MB2, MB2, MB2);
	iommu_gather_extend(&gather, 8 * MB2, KB4, KB4);
	iommu_gather_extend(&gather, KB4, KB4, KB4);
	assert_int_equal(gather.start, KB4);
	assert_int_equal(gather.end, 8 * MB2 + KB4 - 1);
	assert_int_equal(gather.page_bytes, KB4);
}

static void test_adjacent_unmaps_are_one_flush(void **state)
{
	struct fixture *f = *state;
	const struct double_record *flush;

	map(f, 0x1000, 0x4000);
	double_clear(f->rig.d);
	unmap(f, 0x1000, 0x1000);
	unmap(f, 0x3000, 0x2000);
	unmap(f, 0x2000, 0x1000);
	assert_int_equal(double_count(f->rig.d, DOUBLE_FLUSH_GATHER), 1);
	sync_all(f);
	assert_int_equal(double_count(f->rig.d, DOUBLE_FLUSH_GATHER), 2);
	flush = double_nth(f->rig.d, DOUBLE_FLUSH_GATHER, 0);
	assert_int_equal(flush->iova, 0x1000);
	assert_int_equal(flush->len, 0x1000);
	flush = double_last(f->rig.d, DOUBLE_FLUSH_GATHER);
	assert_int_equal(flush->iova, 0x2000);
	assert_int_equal(flush->len, 0x3000);
	assert_int_equal(flush->page_bytes, KB4);
}

/* [ 4 KiB ][ 2 MiB ]: one unmap, two page sizes */
static void test_the_flush_of_one_page_size_comes_before_the_unmap_of_another(void **state)
{
	struct fixture *f = *state;

	map(f, MB2 - KB4, KB4 + MB2);
	double_clear(f->rig.d);
	unmap(f, MB2 - KB4, KB4 + MB2);
	assert_string_equal(double_trace(f->rig.d), "unmap_pages flush_gather unmap_pages");
	assert_int_equal(f->gather.start, MB2);
	assert_int_equal(f->gather.page_bytes, MB2);
	sync_all(f);
}

static void test_tables_wait_for_a_flush_of_their_own_range(void **state)
{
	struct fixture *f = *state;
	const struct double_record *first;

	f->rig.d->chain_tables = true;
	map(f, 0x1000, 0x1000);
	map(f, 0x8000, 0x1000);
	double_clear(f->rig.d);
	unmap(f, 0x1000, 0x1000);
	unmap(f, 0x8000, 0x1000);
	assert_string_equal(double_trace(f->rig.d),
			    "unmap_pages flush_gather free_tables unmap_pages");
	first = double_last(f->rig.d, DOUBLE_FLUSH_GATHER);
	assert_int_equal(first->iova, 0x1000);
	assert_int_equal(f->rig.d->tables_freed, 1);
	sync_all(f);
	assert_int_equal(f->rig.d->tables_freed, 2);
	assert_int_equal(f->rig.d->tables_freed_early, 0);
}

static void test_syncing_nothing_calls_nobody(void **state)
{
	struct fixture *f = *state;

	double_clear(f->rig.d);
	sync_all(f);
	f->gather.queued = 1;
	sync_all(f);
	assert_int_equal(f->gather.queued, 0);
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_a_queued_gather_flushes_the_domain(void **state)
{
	struct fixture *f = *state;

	map(f, 0x1000, 0x1000);
	map(f, GB1, MB2);
	f->gather.queued = 1;
	double_clear(f->rig.d);
	unmap(f, 0x1000, 0x1000);
	unmap(f, GB1, MB2);
	assert_string_equal(double_trace(f->rig.d), "unmap_pages unmap_pages");
	sync_all(f);
	assert_string_equal(double_trace(f->rig.d), "unmap_pages unmap_pages flush_domain");
	assert_int_equal(f->gather.queued, 0);
}

/* Taken out of the gather, as a flush queue does. */
static void test_tables_may_be_kept_until_a_flush(void **state)
{
	struct fixture *f = *state;
	void *tables;

	f->rig.d->chain_tables = true;
	map(f, 0x1000, 0x1000);
	f->gather.queued = 1;
	unmap(f, 0x1000, 0x1000);
	tables = f->gather.tables;
	dmp_gather_init(&f->gather);
	double_clear(f->rig.d);
	assert_int_equal(dmp_iommu_flush(f->iommu), 0);
	dmp_iommu_free_tables(f->iommu, tables);
	dmp_iommu_free_tables(f->iommu, NULL);
	assert_string_equal(double_trace(f->rig.d), "flush_domain free_tables");
	assert_int_equal(f->rig.d->tables_freed_early, 0);
}

/* [ 2 MiB ][ 8 KiB ]: one unmap, of which the first half is flushed on the way */
static void test_a_sync_on_the_way_keeps_when_the_unmap_began(void **state)
{
	struct fixture *f = *state;
	uint64_t ended_ns = 0;

	map(f, 0, MB2 + 2 * KB4);
	f->gather.begun_ns = 77;
	f->gather.ended_ns = &ended_ns;
	unmap(f, 0, MB2 + 2 * KB4);
	assert_int_equal(f->gather.start, MB2);
	assert_int_equal(f->gather.begun_ns, 77);
	assert_ptr_equal(f->gather.ended_ns, &ended_ns);
	sync_all(f);
}

static void test_a_failed_sync_keeps_the_gather(void **state)
{
	struct fixture *f = *state;
	struct dmp_gather before;

	f->rig.d->chain_tables = true;
	map(f, 0x1000, 0x1000);
	unmap(f, 0x1000, 0x1000);
	before = f->gather;
	double_fail(f->rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_sync(f->iommu, &f->gather), -ETIMEDOUT);
	assert_memory_equal(&before, &f->gather, sizeof(before));
	assert_int_equal(f->rig.d->tables_freed, 0);
	sync_all(f);
	assert_int_equal(f->rig.d->tables_freed, 1);
}

/* the sync between two ranges fails: both are in the next flush */
static void test_after_a_failed_sync_nothing_is_lost(void **state)
{
	struct fixture *f = *state;
	const struct double_record *flush;

	map(f, 0x1000, 0x1000);
	map(f, 0x8000, 0x1000);
	unmap(f, 0x1000, 0x1000);
	double_fail(f->rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	unmap(f, 0x8000, 0x1000);
	sync_all(f);
	flush = double_last(f->rig.d, DOUBLE_FLUSH_GATHER);
	assert_int_equal(flush->iova, 0x1000);
	assert_int_equal(flush->len, 0x8000);
}

static void test_tables_of_a_stuck_unmap_are_freed_by_the_next_whole_flush(void **state)
{
	struct fixture *f = *state;
	uint64_t unmapped = 99;

	f->rig.d->chain_tables = true;
	map(f, 0x1000, 0x1000);
	double_fail(f->rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x1000, &unmapped), -ETIMEDOUT);
	assert_int_equal(unmapped, 99);
	assert_int_equal(f->rig.d->tables_freed, 0);
	double_fail(f->rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_flush(f->iommu), -ETIMEDOUT);
	assert_int_equal(f->rig.d->tables_freed, 0);
	assert_int_equal(dmp_iommu_flush(f->iommu), 0);
	assert_int_equal(f->rig.d->tables_freed, 1);
	assert_int_equal(f->rig.d->tables_freed_early, 0);
}

static void test_tables_of_stuck_unmaps_go_with_their_domain(void **state)
{
	struct fixture *f = *state;
	uint64_t unmapped;

	f->rig.d->chain_tables = true;
	map(f, 0x1000, 0x2000);
	double_script(f->rig.d, DOUBLE_FLUSH_GATHER,
		      &(struct double_reply){
			      .nth = 1, .count = 2, .replace_ret = true, .ret = -ETIMEDOUT});
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x1000, &unmapped), -ETIMEDOUT);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x2000, 0x1000, &unmapped), -ETIMEDOUT);
	assert_int_equal(f->rig.d->tables_freed, 0);
	/* down() destroys the domain and sees no table left over */
}

struct waiting {
	struct dmp_iommu_head head;
	unsigned done;
};

static void count_done(struct dmp_iommu_head *head)
{
	((struct waiting *)head)->done++;
}

static void test_what_is_deferred_is_done_once_by_the_next_whole_flush_that_works(void **state)
{
	struct fixture *f = *state;
	struct waiting a = {.done = 0}, b = {.done = 0};

	dmp_iommu_defer(f->iommu, &a.head, count_done);
	dmp_iommu_defer(f->iommu, &b.head, count_done);
	map(f, 0x1000, 0x1000);
	unmap(f, 0x1000, 0x1000);
	sync_all(f);
	double_fail(f->rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_flush(f->iommu), -ETIMEDOUT);
	assert_int_equal(a.done + b.done, 0);
	f->gather.queued = 1;
	map(f, 0x1000, 0x1000);
	unmap(f, 0x1000, 0x1000);
	assert_int_equal(dmp_iommu_sync(f->iommu, &f->gather), 0);
	assert_true(a.done == 1 && b.done == 1);
	assert_int_equal(dmp_iommu_flush(f->iommu), 0);
	assert_true(a.done == 1 && b.done == 1);
}

static void test_what_is_deferred_is_done_by_the_end_of_the_domain(void **state)
{
	struct fixture *f = *state;
	struct waiting a = {.done = 0};
	struct dmp_iommu *other;

	assert_int_equal(dmp_iommu_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &other), 0);
	dmp_iommu_defer(other, &a.head, count_done);
	assert_int_equal(dmp_iommu_destroy(other), 0);
	assert_int_equal(a.done, 1);
}

static void test_tables_without_memory_to_remember_them_are_lost_with_a_warning(void **state)
{
	struct dmp_iommu *iommu;
	struct hw_rig rig;
	uint64_t unmapped;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->chain_tables = true;
	rig.may_litter = true;
	hw_rig_adopt(&rig, 0);
	assert_int_equal(dmp_iommu_create(rig.hw, DMP_DOMAIN_TRANSLATED, &iommu), 0);
	assert_int_equal(dmp_iommu_map(iommu, 0x1000, 0x1000, 0x1000, BOTH), 0);
	double_fail(rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 1, 1);
	assert_int_equal(dmp_iommu_unmap(iommu, 0x1000, 0x1000, &unmapped), -ETIMEDOUT);
	assert_int_equal(dmp_harness_failed(DMP_HARNESS_ALLOC_OBJECT), 1);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0);
	assert_int_equal(rig.warnings, 1);
	assert_int_equal(dmp_iommu_destroy(iommu), 0);
	assert_int_equal(rig.d->tables_freed, 0);
	hw_rig_down(&rig);
}

static void test_without_a_flush_of_gathers_the_domain_is_flushed(void **state)
{
	struct hw_rig rig;
	struct dmp_iommu *iommu;
	uint64_t unmapped;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->ops.flush_gather = NULL;
	rig.d->ops.flush_range = NULL;
	hw_rig_adopt(&rig, DMP_HW_CHECK);
	assert_int_equal(dmp_iommu_create(rig.hw, DMP_DOMAIN_TRANSLATED, &iommu), 0);
	assert_int_equal(dmp_iommu_map(iommu, 0x1000, 0x1000, 0x1000, BOTH), 0);
	double_clear(rig.d);
	assert_int_equal(dmp_iommu_unmap(iommu, 0x1000, 0x1000, &unmapped), 0);
	assert_string_equal(double_trace(rig.d), "unmap_pages flush_domain");
	assert_int_equal(dmp_iommu_destroy(iommu), 0);
	hw_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_range_fits_unless_a_byte_lies_between),
		cmocka_unit_test(test_another_page_size_does_not_fit),
		cmocka_unit_test(test_a_queued_gather_takes_everything),
		cmocka_unit_test(test_extending_keeps_every_byte_and_the_smaller_page),
		cmocka_unit_test_setup_teardown(test_adjacent_unmaps_are_one_flush, up, down),
		cmocka_unit_test_setup_teardown(
			test_the_flush_of_one_page_size_comes_before_the_unmap_of_another, up,
			down),
		cmocka_unit_test_setup_teardown(test_tables_wait_for_a_flush_of_their_own_range, up,
						down),
		cmocka_unit_test_setup_teardown(test_syncing_nothing_calls_nobody, up, down),
		cmocka_unit_test_setup_teardown(test_a_queued_gather_flushes_the_domain, up, down),
		cmocka_unit_test_setup_teardown(test_tables_may_be_kept_until_a_flush, up, down),
		cmocka_unit_test_setup_teardown(test_a_sync_on_the_way_keeps_when_the_unmap_began,
						up, down),
		cmocka_unit_test_setup_teardown(test_a_failed_sync_keeps_the_gather, up, down),
		cmocka_unit_test_setup_teardown(test_after_a_failed_sync_nothing_is_lost, up, down),
		cmocka_unit_test_setup_teardown(
			test_tables_of_a_stuck_unmap_are_freed_by_the_next_whole_flush, up, down),
		cmocka_unit_test_setup_teardown(
			test_what_is_deferred_is_done_once_by_the_next_whole_flush_that_works, up,
			down),
		cmocka_unit_test_setup_teardown(
			test_what_is_deferred_is_done_by_the_end_of_the_domain, up, down),
		cmocka_unit_test(
			test_tables_without_memory_to_remember_them_are_lost_with_a_warning),
		cmocka_unit_test_setup_teardown(test_tables_of_stuck_unmaps_go_with_their_domain,
						up, down),
		cmocka_unit_test(test_without_a_flush_of_gathers_the_domain_is_flushed),
	};

	return cmocka_run_group_tests_name("iommu_gather", tests, NULL, NULL);
}
