// SPDX-License-Identifier: MIT
/*
 * test_fault_pgtable.c - fail the n-th call of every kind in the middle of a batch, in every
 * format; and what cannot be mapped or unmapped
 *
 *   runs    | list over two tables | big page | equal pages |      one call, many steps
 *                       ^ any of them fails: nothing of the call is mapped, the error is the
 *                         backend's own, and the same call works afterwards
 */
#include "dmptest.h"

#include "log_quiet.h"
#include "read_tables.h"

#include <dmapool/bits.h>
#include <dmapool/device.h>
#include <dmapool/iommu.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#include <string.h>

#define NTHS    64u
#define NRUNS   70u /* more than one batch of map_list() */
#define RW      (DMP_PROT_READ | DMP_PROT_WRITE)
#define STRANGE (-EXDEV) /* no call of the library or the simulator makes this one up */

struct rig {
	struct dmp_sim *sim;
	struct dmp_device *dev;
	struct dmp_iommu *iommu;
	struct dmp_hw_domain_info info;
	struct tables tables;
	struct dmp_phys_run runs[NRUNS];
	uint64_t granule, len;
	dmp_iova_t iova; /* a few pages before the end of a table */
};

static void rig_up(struct rig *r, const char *name)
{
	memset(r, 0, sizeof(*r));
	dmp_log_set_sink(log_quiet, NULL);
	assert_int_equal(
		dmp_sim_create(&DMP_SIM_OPTS(.format = name, .hw_flags = DMP_HW_CHECK), &r->sim),
		0);
	assert_int_equal(dmp_device_create(dmp_sim_hw(r->sim), NULL, &r->dev), 0);
	assert_int_equal(dmp_iommu_create(dmp_sim_hw(r->sim), DMP_DOMAIN_TRANSLATED, &r->iommu), 0);
	assert_int_equal(dmp_iommu_attach(r->iommu, dmp_device_id(r->dev)), 0);
	dmp_iommu_info(r->iommu, &r->info);
	r->granule = r->info.page_sizes & -r->info.page_sizes;
	r->tables = (struct tables){.format = name, .ram = dmp_sim_ram(r->sim, 0, 1)};
	assert_int_equal(dmp_sim_device_root(r->sim, dmp_device_id(r->dev), &r->tables.root), 0);
	r->iova = (UINT64_C(1) << 36) - 8 * r->granule;
	for (unsigned i = 0; i < NRUNS; i++)
		r->runs[i] = (struct dmp_phys_run){(2 * i + 3) * r->granule, r->granule};
	r->runs[NRUNS - 1].len = 40 * r->granule;
	r->len = (NRUNS - 1 + 40) * r->granule;
}

static void rig_down(struct rig *r)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_iommu_detach(r->iommu, dmp_device_id(r->dev)), 0);
	assert_int_equal(dmp_iommu_destroy(r->iommu), 0);
	assert_int_equal(dmp_device_destroy(r->dev), 0);
	assert_int_equal(dmp_sim_check(r->sim), 0);
	assert_int_equal(dmp_sim_get_stats(r->sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.table_bytes, 0);
	assert_int_equal(dmp_sim_destroy(r->sim), 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_meta_in_use(), 0);
}

/* How much of the batch stands in the tables. */
static uint64_t mapped_bytes(const struct rig *r)
{
	struct found found;
	uint64_t n = 0;

	for (uint64_t off = 0; off < r->len; off += r->granule)
		n += read_tables(&r->tables, r->iova + off, &found) ? r->granule : 0;
	return n;
}

static int map_batch(struct rig *r)
{
	return dmp_iommu_map_range(r->iommu, r->iova, r->runs, NRUNS, RW);
}

static void unmap_batch(struct rig *r)
{
	uint64_t unmapped;

	assert_int_equal(mapped_bytes(r), r->len);
	assert_int_equal(dmp_iommu_unmap(r->iommu, r->iova, r->len, &unmapped), 0);
	assert_int_equal(unmapped, r->len);
	assert_int_equal(mapped_bytes(r), 0);
}

/* Until the n-th is never reached.  Tables are made anew each time. */
static void fail_every(const char *name, enum dmp_sim_call kind)
{
	bool failed = true;

	for (unsigned nth = 1; failed; nth++) {
		struct rig r;
		int err;

		assert_true(nth < NTHS);
		rig_up(&r, name);
		dmp_sim_fail(r.sim, kind, nth, 1, STRANGE);
		err = map_batch(&r);
		failed = dmp_sim_failed(r.sim, kind);
		assert_int_equal(err, failed ? STRANGE : 0);
		if (failed) {
			assert_int_equal(mapped_bytes(&r), 0);
			assert_int_equal(dmp_sim_check(r.sim), 0);
			assert_int_equal(map_batch(&r), 0);
		}
		dmp_sim_fail(r.sim, kind, 0, 0, 0);
		unmap_batch(&r);
		rig_down(&r);
	}
}

static void test_any_call_of_a_batch_may_fail_and_nothing_of_it_stays(void **state)
{
	const char *name;

	(void)state;
	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++) {
		fail_every(name, DMP_SIM_CALL_MAP_PAGES);
		fail_every(name, DMP_SIM_CALL_TABLE_ALLOC);
	}
}

static void test_a_map_that_cannot_be_undone_says_so(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, "vtd-48");
	dmp_sim_fail(r.sim, DMP_SIM_CALL_MAP_PAGES, 2, 1, STRANGE);
	dmp_sim_fail(r.sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0);
	assert_int_equal(map_batch(&r), -ENOTRECOVERABLE);
	assert_int_equal(mapped_bytes(&r), 0);
	assert_int_equal(dmp_iommu_flush(r.iommu), 0);
	assert_int_equal(map_batch(&r), 0);
	unmap_batch(&r);
	rig_down(&r);
}

/* Refused, and the tables as before. */
static void refuses(struct rig *r, int expected, dmp_iova_t iova, dmp_phys_t phys, uint64_t len)
{
	assert_int_equal(dmp_iommu_map(r->iommu, iova, phys, len, RW), expected);
	assert_int_equal(mapped_bytes(r), r->len);
}

static void test_bad_input_leaves_the_tables_as_they_were(void **state)
{
	const char *name;

	(void)state;
	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++) {
		uint64_t unmapped = 77, top;
		struct rig r;

		rig_up(&r, name);
		assert_int_equal(map_batch(&r), 0);
		top = r.info.aperture_end + 1;
		/* over what is mapped: all of it, its first page, its last, from before and behind */
		refuses(&r, -EEXIST, r.iova, 0, r.len);
		refuses(&r, -EEXIST, r.iova, 0, r.granule);
		refuses(&r, -EEXIST, r.iova + r.len - r.granule, 0, r.granule);
		refuses(&r, -EEXIST, r.iova - 3 * r.granule, 0, 4 * r.granule);
		refuses(&r, -EEXIST, r.iova + r.len - r.granule, 0, 9 * r.granule);
		/* misaligned, empty, wrapping, beyond the aperture */
		refuses(&r, -EINVAL, r.iova + 1, 0, r.granule);
		refuses(&r, -EINVAL, r.iova, 1, r.granule);
		refuses(&r, -EINVAL, r.iova, 0, r.granule - 1);
		refuses(&r, -EINVAL, r.iova, 0, 0);
		refuses(&r, -EINVAL, -r.granule, 0, 2 * r.granule);
		refuses(&r, -EINVAL, 0, -r.granule, 2 * r.granule);
		refuses(&r, -ERANGE, top, 0, r.granule);
		refuses(&r, -ERANGE, top - r.granule, 0, 2 * r.granule);
		assert_int_equal(dmp_iommu_map(r.iommu, 0, 0, r.granule, 0), -EINVAL);
		assert_int_equal(dmp_iommu_map(r.iommu, 0, 0, r.granule, 4), -EINVAL);
		/* holes, and what makes no sense */
		assert_int_equal(dmp_iommu_unmap(r.iommu, r.iova + r.len, r.len, &unmapped), 0);
		assert_int_equal(unmapped, 0);
		unmapped = 77;
		assert_int_equal(dmp_iommu_unmap(r.iommu, r.iova + 1, r.len, &unmapped), -EINVAL);
		assert_int_equal(dmp_iommu_unmap(r.iommu, r.iova, 0, &unmapped), -EINVAL);
		assert_int_equal(dmp_iommu_unmap(r.iommu, top, r.granule, &unmapped), -ERANGE);
		assert_int_equal(dmp_iommu_unmap(r.iommu, -r.granule, 2 * r.granule, &unmapped),
				 -EINVAL);
		assert_int_equal(unmapped, 77);
		unmap_batch(&r);
		rig_down(&r);
	}
}

/* Where the smaller part of a page is mapped already, no part of it is stored. */
static void test_half_of_a_wide_page_is_never_left_behind(void **state)
{
	struct rig r;
	const dmp_iova_t wide = UINT64_C(1) << 33;
	uint64_t unmapped;

	(void)state;
	rig_up(&r, "smmu-4k");
	r.iova = wide;
	r.len = 16 * r.granule;
	assert_int_equal(dmp_iommu_map(r.iommu, wide + 11 * r.granule, 0, r.granule, RW), 0);
	assert_int_equal(dmp_iommu_map(r.iommu, wide, 0, r.len, RW), -EEXIST);
	assert_int_equal(mapped_bytes(&r), r.granule);
	assert_int_equal(dmp_iommu_unmap(r.iommu, wide + 11 * r.granule, r.granule, &unmapped), 0);
	assert_int_equal(dmp_iommu_map(r.iommu, wide, 0, r.len, RW), 0);
	unmap_batch(&r);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_call_of_a_batch_may_fail_and_nothing_of_it_stays),
		cmocka_unit_test(test_a_map_that_cannot_be_undone_says_so),
		cmocka_unit_test(test_bad_input_leaves_the_tables_as_they_were),
		cmocka_unit_test(test_half_of_a_wide_page_is_never_left_behind),
	};

	return cmocka_run_group_tests_name("fault_pgtable", tests, NULL, NULL);
}
