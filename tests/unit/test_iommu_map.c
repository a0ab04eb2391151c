// SPDX-License-Identifier: MIT
/*
 * test_iommu_map.c - proves N1-N3 of lib/iommu/iommu_map.c, and the checks before them
 */
#include "hw_rig.h"

#include <dmapool/iommu.h>
#include <dmapool/port.h>

#define NRUNS(runs) (sizeof(runs) / sizeof((runs)[0]))

struct fixture {
	struct hw_rig rig;
	struct dmp_iommu *iommu;
};

static void open_domain(struct fixture *f, uint32_t hw_flags)
{
	hw_rig_adopt(&f->rig, hw_flags);
	assert_int_equal(dmp_iommu_create(f->rig.hw, DMP_DOMAIN_TRANSLATED, &f->iommu), 0);
	double_clear(f->rig.d);
}

/* Checked, with map_list(). */
static int up(void **state)
{
	static struct fixture f;

	hw_rig_begin(&f.rig);
	open_domain(&f, DMP_HW_CHECK);
	*state = &f;
	return 0;
}

/* Checked, without map_list(). */
static int up_no_list(void **state)
{
	static struct fixture f;

	hw_rig_begin(&f.rig);
	f.rig.d->ops.map_list = NULL;
	open_domain(&f, DMP_HW_CHECK);
	*state = &f;
	return 0;
}

/* Without the shim: what the library itself makes of nonsense. */
static int up_unchecked(void **state)
{
	static struct fixture f;

	hw_rig_begin(&f.rig);
	open_domain(&f, 0);
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

static uint64_t unmap_all(struct fixture *f, dmp_iova_t iova, uint64_t len)
{
	uint64_t unmapped;

	assert_int_equal(dmp_iommu_unmap(f->iommu, iova, len, &unmapped), 0);
	return unmapped;
}

static void expect_phys(struct fixture *f, dmp_iova_t iova, dmp_phys_t phys)
{
	dmp_phys_t found;

	assert_int_equal(dmp_iommu_iova_to_phys(f->iommu, iova, &found), 0);
	assert_int_equal(found, phys);
}

/* Checks. */

static void test_map_refuses_what_makes_no_sense(void **state)
{
	struct fixture *f = *state;
	static const struct {
		uint64_t iova, phys, len;
		unsigned prot;
		int err;
	} rows[] = {
		{0x1000, 0x1000, 0, BOTH, -EINVAL},
		{0x1800, 0x1000, 0x1000, BOTH, -EINVAL},
		{0x1000, 0x1800, 0x1000, BOTH, -EINVAL},
		{0x1000, 0x1000, 0x1800, BOTH, -EINVAL},
		{0x1000, 0x1000, 0x1000, 0, -EINVAL},
		{0x1000, 0x1000, 0x1000, 4, -EINVAL},
		{0x2000, 0x1000, -KB4, BOTH, -EINVAL},
		{0x1000, -KB4, 2 * KB4, BOTH, -EINVAL},
		{DMP_MASK(48) + 1, 0x1000, 0x1000, BOTH, -ERANGE},
		{DMP_MASK(48) + 1 - KB4, 0x1000, 0x2000, BOTH, -ERANGE},
	};

	for (size_t i = 0; i < NRUNS(rows); i++)
		assert_int_equal(dmp_iommu_map(f->iommu, rows[i].iova, rows[i].phys, rows[i].len,
					       rows[i].prot),
				 rows[i].err);
	assert_int_equal(dmp_iommu_map(NULL, 0x1000, 0x1000, 0x1000, BOTH), -EINVAL);
	assert_int_equal(dmp_iommu_map_range(f->iommu, 0x1000, NULL, 1, BOTH), -EINVAL);
	assert_int_equal(
		dmp_iommu_map_range(f->iommu, 0x1000, &(struct dmp_phys_run){0, KB4}, 0, BOTH),
		-EINVAL);
	assert_string_equal(double_trace(f->rig.d), "");
}

static void test_the_last_page_of_the_aperture_can_be_mapped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, DMP_MASK(48) + 1 - KB4, 0x1000, KB4, BOTH), 0);
	assert_int_equal(unmap_all(f, DMP_MASK(48) + 1 - KB4, KB4), KB4);
}

static void test_the_first_page_below_the_aperture_is_out_of_range(void **state)
{
	struct fixture f;

	(void)state;
	hw_rig_begin(&f.rig);
	f.rig.d->aperture_start = MB2;
	f.rig.d->aperture_end = UINT64_MAX;
	open_domain(&f, DMP_HW_CHECK);
	assert_int_equal(dmp_iommu_map(f.iommu, MB2 - KB4, 0, KB4, BOTH), -ERANGE);
	assert_int_equal(dmp_iommu_map(f.iommu, MB2, 0, KB4, BOTH), 0);
	assert_int_equal(unmap_all(&f, MB2, KB4), KB4);
	/* and the very top can be */
	assert_int_equal(dmp_iommu_map(f.iommu, -MB2, 0, MB2, BOTH), 0);
	assert_int_equal(unmap_all(&f, -MB2, MB2), MB2);
	assert_int_equal(dmp_iommu_destroy(f.iommu), 0);
	hw_rig_down(&f.rig);
}

static void test_unmap_refuses_what_makes_no_sense(void **state)
{
	struct fixture *f = *state;
	struct dmp_gather gather;
	uint64_t unmapped = 99;

	dmp_gather_init(&gather);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1800, 0x1000, &unmapped), -EINVAL);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x800, &unmapped), -EINVAL);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0, &unmapped), -EINVAL);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x2000, -KB4, &unmapped), -EINVAL);
	assert_int_equal(dmp_iommu_unmap(f->iommu, DMP_MASK(48) + 1, KB4, &unmapped), -ERANGE);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x1000, NULL), -EINVAL);
	assert_int_equal(dmp_iommu_unmap_gather(f->iommu, 0x1800, 0x1000, &gather, &unmapped),
			 -EINVAL);
	assert_int_equal(unmapped, 99);
	assert_string_equal(double_trace(f->rig.d), "");
}

/* Map. */

/* 0x1ff000 .. 0x600000: one small page, two big ones */
static void test_map_makes_one_call_a_step_and_syncs_once(void **state)
{
	struct fixture *f = *state;
	const struct double_record *call, *sync;

	assert_int_equal(
		dmp_iommu_map(f->iommu, 0x1ff000, 0x401ff000, 2 * MB2 + KB4, DMP_PROT_READ), 0);
	assert_string_equal(double_trace(f->rig.d), "map_pages map_pages sync_map");
	call = double_nth(f->rig.d, DOUBLE_MAP_PAGES, 0);
	assert_int_equal(call->iova, 0x1ff000);
	assert_int_equal(call->page_bytes, KB4);
	assert_int_equal(call->npages, 1);
	assert_int_equal(call->flags, DMP_PROT_READ);
	call = double_nth(f->rig.d, DOUBLE_MAP_PAGES, 1);
	assert_int_equal(call->phys, 0x40200000);
	assert_int_equal(call->page_bytes, MB2);
	assert_int_equal(call->npages, 2);
	sync = double_last(f->rig.d, DOUBLE_SYNC_MAP);
	assert_int_equal(sync->iova, 0x1ff000);
	assert_int_equal(sync->len, 2 * MB2 + KB4);
	expect_phys(f, 0x1ff123, 0x401ff123);
	expect_phys(f, 0x5fffff, 0x405fffff);
	unmap_all(f, 0x1ff000, 2 * MB2 + KB4);
}

/* [ a )[ a goes on )  [ b )[ b goes on ): two runs for the hardware */
static const struct dmp_phys_run four_runs[] = {
	{0x10000, 0x1000}, {0x11000, 0x2000}, {0x40000, 0x1000}, {0x41000, 0x1000}};

static void test_neighbours_are_joined_before_pages_are_chosen(void **state)
{
	struct fixture *f = *state;
	const struct dmp_phys_run halves[] = {{GB1, MB2 / 2}, {GB1 + MB2 / 2, MB2 / 2}};

	assert_int_equal(dmp_iommu_map_range(f->iommu, 0x1000, four_runs, 4, BOTH), 0);
	assert_string_equal(double_trace(f->rig.d), "map_pages map_pages sync_map");
	assert_int_equal(double_nth(f->rig.d, DOUBLE_MAP_PAGES, 0)->npages, 3);
	assert_int_equal(double_nth(f->rig.d, DOUBLE_MAP_PAGES, 1)->iova, 0x4000);
	expect_phys(f, 0x5000, 0x41000);
	unmap_all(f, 0x1000, 0x5000);

	assert_int_equal(dmp_iommu_map_range(f->iommu, MB2, halves, 2, BOTH), 0);
	assert_int_equal(double_last(f->rig.d, DOUBLE_MAP_PAGES)->page_bytes, MB2);
	unmap_all(f, MB2, MB2);
}

static void test_a_machine_with_lists_gets_joined_runs_in_one_call(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map_range(f->iommu, 0x1000, four_runs, 4, BOTH), 0);
	assert_string_equal(double_trace(f->rig.d), "map_list sync_map");
	assert_int_equal(double_last(f->rig.d, DOUBLE_MAP_LIST)->npages, 2);
	expect_phys(f, 0x3000, 0x12000);
	expect_phys(f, 0x4000, 0x40000);
	unmap_all(f, 0x1000, 0x5000);
}

static void test_the_last_byte_of_memory_is_not_followed_by_the_first(void **state)
{
	struct fixture *f = *state;
	const struct dmp_phys_run ends[] = {{-KB4, KB4}, {0, KB4}};

	assert_int_equal(dmp_iommu_map_range(f->iommu, 0x1000, ends, 2, BOTH), 0);
	assert_string_equal(double_trace(f->rig.d), "map_pages map_pages sync_map");
	expect_phys(f, 0x1000, -KB4);
	expect_phys(f, 0x2000, 0);
	unmap_all(f, 0x1000, 2 * KB4);
}

static void test_a_long_list_is_mapped_in_batches_with_one_sync(void **state)
{
	struct fixture *f = *state;
	struct dmp_phys_run runs[100];

	for (unsigned i = 0; i < NRUNS(runs); i++)
		runs[i] = (struct dmp_phys_run){i * 2 * KB4, KB4};
	assert_int_equal(dmp_iommu_map_range(f->iommu, 0, runs, NRUNS(runs), BOTH), 0);
	assert_string_equal(double_trace(f->rig.d), "map_list map_list map_list map_list sync_map");
	for (unsigned i = 0; i < NRUNS(runs); i++)
		expect_phys(f, i * KB4, i * 2 * KB4);
	unmap_all(f, 0, NRUNS(runs) * KB4);
}

static void test_a_failed_batch_undoes_the_batches_before(void **state)
{
	struct fixture *f = *state;
	struct dmp_phys_run runs[100];

	for (unsigned i = 0; i < NRUNS(runs); i++)
		runs[i] = (struct dmp_phys_run){i * 2 * KB4, KB4};
	double_fail_after(f->rig.d, DOUBLE_MAP_LIST, 3, -ENOMEM, 5);
	assert_int_equal(dmp_iommu_map_range(f->iommu, 0, runs, NRUNS(runs), BOTH), -ENOMEM);
	assert_int_equal(double_mapped_bytes(f->rig.d), 0);
	assert_int_equal(double_last(f->rig.d, DOUBLE_FLUSH_GATHER)->len, 69 * KB4);
}

/* N1, for every step and every part of a step */
static void test_a_map_that_fails_anywhere_leaves_nothing_mapped(void **state)
{
	struct fixture *f = *state;

	for (unsigned nth = 1; nth <= 3; nth++)
		for (unsigned part = 0; part < 3; part++) {
			double_clear(f->rig.d);
			double_fail_after(f->rig.d, DOUBLE_MAP_PAGES, nth, -ENOMEM, part);
			/* 4 KiB x 3, 2 MiB x 3, 4 KiB x 3 */
			assert_int_equal(dmp_iommu_map(f->iommu, MB2 - 3 * KB4, GB1 - 3 * KB4 - MB2,
						       3 * MB2 + 6 * KB4, BOTH),
					 -ENOMEM);
			assert_int_equal(double_mapped_bytes(f->rig.d), 0);
			assert_int_equal(double_count(f->rig.d, DOUBLE_SYNC_MAP), 0);
			assert_int_equal(double_count(f->rig.d, DOUBLE_FLUSH_GATHER) > 0,
					 nth > 1 || part > 0);
		}
}

static void test_what_a_failed_map_undoes_is_flushed_whole(void **state)
{
	struct fixture *f = *state;
	const struct double_record *flush;

	double_fail_after(f->rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM, 2);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x5000, BOTH), -ENOMEM);
	assert_string_equal(double_trace(f->rig.d), "map_pages unmap_pages flush_gather");
	flush = double_last(f->rig.d, DOUBLE_FLUSH_GATHER);
	assert_int_equal(flush->iova, 0x1000);
	assert_int_equal(flush->len, 0x2000);
}

static void test_a_failed_sync_undoes_the_map(void **state)
{
	struct fixture *f = *state;

	double_fail(f->rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x3000, BOTH), -ETIMEDOUT);
	assert_string_equal(double_trace(f->rig.d), "map_pages sync_map unmap_pages flush_gather");
	assert_int_equal(double_mapped_bytes(f->rig.d), 0);
}

static void test_a_failed_map_that_cannot_be_flushed_says_so(void **state)
{
	struct fixture *f = *state;

	double_fail(f->rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	double_fail(f->rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x3000, BOTH), -ENOTRECOVERABLE);
	assert_int_equal(f->rig.warnings, 1);
}

static void test_a_map_says_when_it_failed_and_only_then(void **state)
{
	const struct dmp_phys_run run = {0x1000, 0x3000};
	uint64_t before_ns = dmp_clock_now_ns(), failed_ns = 77;
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map_measured(f->iommu, 1, &run, 1, BOTH, &failed_ns), -EINVAL);
	assert_int_equal(failed_ns, 77);
	double_fail(f->rig.d, DOUBLE_SYNC_MAP, 1, -EIO);
	assert_int_equal(dmp_iommu_map_measured(f->iommu, 0, &run, 1, BOTH, &failed_ns), -EIO);
	assert_in_range(failed_ns, before_ns, dmp_clock_now_ns());
}

/* mapped [ 0x3000 ), asked [ 0x1000 .. 0x5000 ): the old page stays as it is */
static void test_mapping_what_is_mapped_leaves_the_old_mapping(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, 0x3000, 0x9000, 0x1000, BOTH), 0);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x4000, BOTH), -EEXIST);
	assert_int_equal(double_mapped_bytes(f->rig.d), KB4);
	expect_phys(f, 0x3000, 0x9000);
	unmap_all(f, 0x3000, 0x1000);
}

/* Unmap. */

static void test_unmap_stops_at_a_hole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x2000, BOTH), 0);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x4000, 0x4000, 0x1000, BOTH), 0);
	assert_int_equal(unmap_all(f, 0x1000, 0x4000), 0x2000);
	expect_phys(f, 0x4000, 0x4000);
	assert_int_equal(unmap_all(f, 0x4000, 0x1000), 0x1000);
}

static void test_unmap_of_nothing_flushes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unmap_all(f, 0x1000, 0x4000), 0);
	assert_int_equal(double_count(f->rig.d, DOUBLE_FLUSH_GATHER), 0);
}

/* a 2 MiB page, unmapped by its first 4 KiB */
static void test_unmap_takes_a_bigger_page_whole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, MB2, MB2, MB2, BOTH), 0);
	assert_int_equal(unmap_all(f, MB2, KB4), MB2);
	assert_int_equal(double_last(f->rig.d, DOUBLE_FLUSH_GATHER)->len, MB2);
}

static void test_unmap_from_inside_a_bigger_page_does_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, MB2, MB2, MB2, BOTH), 0);
	assert_int_equal(unmap_all(f, MB2 + KB4, KB4), 0);
	assert_int_equal(unmap_all(f, MB2, MB2), MB2);
}

/* mapped by 4 KiB because of the offsets, unmapped by 2 MiB */
static void test_unmap_may_ask_with_bigger_pages_than_were_mapped(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, MB2, MB2 + KB4, 2 * MB2, BOTH), 0);
	assert_int_equal(double_last(f->rig.d, DOUBLE_MAP_PAGES)->npages, 1024);
	assert_int_equal(unmap_all(f, MB2, 2 * MB2), 2 * MB2);
	assert_int_equal(double_count(f->rig.d, DOUBLE_UNMAP_PAGES), 1);
	assert_int_equal(double_last(f->rig.d, DOUBLE_UNMAP_PAGES)->page_bytes, MB2);
}

static void test_unmap_goes_on_until_all_is_done(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(dmp_iommu_map(f->iommu, 0x1ff000, 0x1ff000, 2 * MB2 + KB4, BOTH), 0);
	double_clear(f->rig.d);
	assert_int_equal(unmap_all(f, 0x1ff000, 2 * MB2 + KB4), 2 * MB2 + KB4);
	assert_string_equal(double_trace(f->rig.d),
			    "unmap_pages flush_gather unmap_pages flush_gather");
}

static void test_unmap_reports_a_stuck_queue_but_has_unmapped(void **state)
{
	struct fixture *f = *state;
	uint64_t unmapped = 99;

	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x1000, BOTH), 0);
	double_fail(f->rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x1000, &unmapped), -ETIMEDOUT);
	assert_int_equal(unmapped, 99);
	assert_int_equal(double_mapped_bytes(f->rig.d), 0);
}

/* Nonsense: N3. */

static void test_nonsense_of_a_map_is_eio(void **state)
{
	struct fixture *f = *state;
	static const uint64_t lies[] = {0, 0x1000, 0x2fff, 0x4000, UINT64_MAX};

	for (size_t i = 0; i < NRUNS(lies); i++) {
		double_lie(f->rig.d, DOUBLE_MAP_PAGES, 1, lies[i]);
		assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x3000, BOTH), -EIO);
		assert_int_equal(double_mapped_bytes(f->rig.d), 0);
	}
	double_fail(f->rig.d, DOUBLE_MAP_PAGES, 1, 5);
	assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x3000, BOTH), -EIO);
}

static void test_nonsense_of_an_unmap_is_eio_and_what_was_asked_is_flushed(void **state)
{
	struct fixture *f = *state;
	static const uint64_t lies[] = {0x800, UINT64_MAX, (UINT64_C(1) << 48)};
	uint64_t unmapped = 99;

	for (size_t i = 0; i < NRUNS(lies); i++) {
		assert_int_equal(dmp_iommu_map(f->iommu, 0x1000, 0x1000, 0x3000, BOTH), 0);
		double_lie(f->rig.d, DOUBLE_UNMAP_PAGES, 1, lies[i]);
		assert_int_equal(dmp_iommu_unmap(f->iommu, 0x1000, 0x3000, &unmapped), -EIO);
		assert_int_equal(double_last(f->rig.d, DOUBLE_FLUSH_GATHER)->len, 0x3000);
	}
	assert_int_equal(unmapped, 99);
}

static void test_a_passthrough_domain_has_no_pages(void **state)
{
	struct fixture f;
	dmp_phys_t phys;
	uint64_t unmapped;

	(void)state;
	hw_rig_begin(&f.rig);
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	assert_int_equal(dmp_iommu_create(f.rig.hw, DMP_DOMAIN_PASSTHROUGH, &f.iommu), 0);
	assert_int_equal(dmp_iommu_map(f.iommu, 0x1000, 0x1000, 0x1000, BOTH), -EINVAL);
	assert_int_equal(dmp_iommu_unmap(f.iommu, 0x1000, 0x1000, &unmapped), -EINVAL);
	assert_int_equal(dmp_iommu_iova_to_phys(f.iommu, 0x1234, &phys), 0);
	assert_int_equal(phys, 0x1234);
	assert_int_equal(dmp_iommu_destroy(f.iommu), 0);
	hw_rig_down(&f.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, down)
		WITH(up, test_map_refuses_what_makes_no_sense),
		WITH(up, test_the_last_page_of_the_aperture_can_be_mapped),
		cmocka_unit_test(test_the_first_page_below_the_aperture_is_out_of_range),
		WITH(up, test_unmap_refuses_what_makes_no_sense),
		WITH(up, test_map_makes_one_call_a_step_and_syncs_once),
		WITH(up_no_list, test_neighbours_are_joined_before_pages_are_chosen),
		WITH(up_no_list, test_the_last_byte_of_memory_is_not_followed_by_the_first),
		WITH(up, test_a_machine_with_lists_gets_joined_runs_in_one_call),
		WITH(up, test_a_long_list_is_mapped_in_batches_with_one_sync),
		WITH(up, test_a_failed_batch_undoes_the_batches_before),
		WITH(up, test_a_map_that_fails_anywhere_leaves_nothing_mapped),
		WITH(up, test_what_a_failed_map_undoes_is_flushed_whole),
		WITH(up, test_a_failed_sync_undoes_the_map),
		WITH(up, test_a_failed_map_that_cannot_be_flushed_says_so),
		WITH(up, test_a_map_says_when_it_failed_and_only_then),
		WITH(up, test_mapping_what_is_mapped_leaves_the_old_mapping),
		WITH(up, test_unmap_stops_at_a_hole),
		WITH(up, test_unmap_of_nothing_flushes_nothing),
		WITH(up, test_unmap_takes_a_bigger_page_whole),
		WITH(up, test_unmap_from_inside_a_bigger_page_does_nothing),
		WITH(up, test_unmap_may_ask_with_bigger_pages_than_were_mapped),
		WITH(up, test_unmap_goes_on_until_all_is_done),
		WITH(up, test_unmap_reports_a_stuck_queue_but_has_unmapped),
		WITH(up_unchecked, test_nonsense_of_a_map_is_eio),
		WITH(up_unchecked, test_nonsense_of_an_unmap_is_eio_and_what_was_asked_is_flushed),
		cmocka_unit_test(test_a_passthrough_domain_has_no_pages),
	};

	return cmocka_run_group_tests_name("iommu_map", tests, NULL, NULL);
}
