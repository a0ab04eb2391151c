// SPDX-License-Identifier: MIT
/*
 * test_flow_nonsense.c - a machine that answers nonsense, as each public layer sees it
 *
 *   machine lies --> lib/hw, with the shim or without --> iommu, domain, device: a fixed errno
 *
 * One lie a row, at the call of a page table, of a domain, of a device.  What must hold: -EIO, or the
 * errno of the row; out-pointers untouched where it failed; afterwards the same call with an honest
 * machine works, what was mapped before leads where it did, and the walkers are content.  Each lie by
 * itself is in test_hw_check_*.
 */
#include "device_rig.h"

#define BOTH (DMP_PROT_READ | DMP_PROT_WRITE)
#define NONE 77u

/* What is called. */
enum layer { IOMMU, DOMAIN, DEVICE, LAYERS };

struct world {
	struct device_rig r; /* the device is attached to the domain */
	struct dmp_iommu *iommu;
	void *mem;        /* of the machine */
	dmp_phys_t phys;  /* where that is */
	dmp_iova_t other; /* a mapping of one page that no lie may touch */
};

#define HERE (UINT64_C(16) << 20) /* where a table is asked for by itself */

static void up(struct world *w, uint32_t hw_flags)
{
	struct rig *rig = &w->r.rig;
	struct double_hw *d;

	rig_begin(rig);
	d = rig->d;
	d->ops.map_list = NULL;
	d->ops.coherent_alloc = NULL;
	d->ops.coherent_free = NULL;
	assert_int_equal(double_hw_adopt(d, hw_flags, &rig->hw), 0);
	assert_int_equal(dmp_domain_create(rig->hw, NULL, &rig->dom), 0);
	device_rig_add(&w->r, NULL);
	w->iommu = dmp_domain_iommu(rig->dom);
	assert_int_equal(dmp_hw_alloc(rig->hw, PAGE, &w->mem), 0);
	assert_int_equal(d->ops.buf_to_phys(d, w->mem, 1, &w->phys), 0);
	assert_int_equal(dmp_domain_map(rig->dom, PAGE, PAGE, BOTH, UINT64_MAX, &w->other), 0);
}

static void down(struct world *w)
{
	assert_int_equal(dmp_domain_unmap(w->r.rig.dom, w->other, PAGE), 0);
	assert_int_equal(dmp_hw_free(w->r.rig.hw, w->mem, PAGE), 0);
	device_rig_down(&w->r);
}

static int map(struct world *w, enum layer layer, uint64_t *addr)
{
	if (layer == DEVICE)
		return dmp_dma_map(w->r.dev, w->mem, PAGE, DMP_BIDIRECTIONAL, 0, addr);
	if (layer == DOMAIN)
		return dmp_domain_map(w->r.rig.dom, w->phys, PAGE, BOTH, UINT64_MAX, addr);
	*addr = HERE;
	return dmp_iommu_map(w->iommu, HERE, w->phys, PAGE, BOTH);
}

static int unmap(struct world *w, enum layer layer, uint64_t addr)
{
	uint64_t unmapped = 0;

	if (layer == DEVICE)
		return dmp_dma_unmap(w->r.dev, addr, PAGE, DMP_BIDIRECTIONAL, 0);
	if (layer == DOMAIN)
		return dmp_domain_unmap(w->r.rig.dom, addr, PAGE);
	return dmp_iommu_unmap(w->iommu, addr, PAGE, &unmapped);
}

static void expect_other(struct world *w)
{
	assert_int_equal(rig_phys_at(&w->r.rig, w->other), PAGE);
	assert_int_equal(dmp_domain_check(w->r.rig.dom), 0);
}

static void answer_ret(struct world *w, enum double_call call, int ret)
{
	double_script(w->r.rig.d, call,
		      &(struct double_reply){.nth = 1, .replace_ret = true, .ret = ret});
}

/* Maps. */

static void lie_about_a_map(enum layer layer, uint32_t hw_flags, bool in_out, uint64_t lie)
{
	uint64_t addr = NONE;
	struct world w;

	up(&w, hw_flags);
	if (in_out)
		double_lie(w.r.rig.d, DOUBLE_MAP_PAGES, 1, lie);
	else
		answer_ret(&w, DOUBLE_MAP_PAGES, (int)lie);
	assert_int_equal(map(&w, layer, &addr), -EIO);
	if (layer != IOMMU)
		assert_int_equal(addr, NONE);
	assert_int_equal(double_mapped_bytes(w.r.rig.d), PAGE);
	expect_other(&w);
	assert_int_equal(map(&w, layer, &addr), 0);
	assert_int_equal(unmap(&w, layer, addr), 0);
	down(&w);
}

static void test_a_map_that_answers_nonsense_is_eio_and_undone(void **state)
{
	static const uint64_t counts[] = {0, 1, PAGE - 1, PAGE + 1, 2 * PAGE, UINT64_MAX};

	(void)state;
	for (unsigned layer = 0; layer < LAYERS; layer++)
		for (uint32_t shim = 0; shim <= DMP_HW_CHECK; shim += DMP_HW_CHECK) {
			for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
				lie_about_a_map(layer, shim, true, counts[i]);
			lie_about_a_map(layer, shim, false, 1); /* no errno is positive */
		}
}

static void test_a_sync_that_answers_nonsense_is_eio_and_the_map_undone(void **state)
{
	(void)state;
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		uint64_t addr = NONE;
		struct world w;

		up(&w, 0);
		answer_ret(&w, DOUBLE_SYNC_MAP, 5);
		assert_int_equal(map(&w, layer, &addr), -EIO);
		assert_int_equal(double_mapped_bytes(w.r.rig.d), PAGE);
		expect_other(&w);
		down(&w);
	}
}

/* Unmaps: what is gone, or may be, is never given out again; the rest of the domain works. */

static void lie_about_an_unmap(enum layer layer, uint32_t hw_flags, enum double_call call,
			       uint64_t lie)
{
	uint64_t addr = NONE, again;
	struct world w;

	up(&w, hw_flags);
	assert_int_equal(map(&w, layer, &addr), 0);
	if (call == DOUBLE_UNMAP_PAGES)
		double_lie(w.r.rig.d, call, 1, lie);
	else
		answer_ret(&w, call, (int)lie);
	assert_int_equal(unmap(&w, layer, addr), -EIO);
	assert_int_equal(rig_phys_at(&w.r.rig, addr), UINT64_MAX);
	expect_other(&w);
	if (layer != IOMMU) {
		assert_int_equal(unmap(&w, layer, addr), -ENOENT);
		assert_int_equal(map(&w, layer, &again), 0);
		assert_int_not_equal(again, addr);
		assert_int_equal(unmap(&w, layer, again), 0);
	}
	down(&w);
}

static void test_an_unmap_that_answers_nonsense_is_eio_and_its_address_withheld(void **state)
{
	(void)state;
	for (unsigned layer = 0; layer < LAYERS; layer++) {
		lie_about_an_unmap(layer, 0, DOUBLE_UNMAP_PAGES, PAGE / 2);
		lie_about_an_unmap(layer, 0, DOUBLE_UNMAP_PAGES, UINT64_MAX - PAGE + 1);
		lie_about_an_unmap(layer, 0, DOUBLE_FLUSH_GATHER, 1);
	}
}

/* More than a page, or nothing: a table believes it, the domain knows better. */
static void test_a_domain_knows_what_it_had_mapped(void **state)
{
	(void)state;
	for (unsigned layer = DOMAIN; layer < LAYERS; layer++) {
		lie_about_an_unmap(layer, 0, DOUBLE_UNMAP_PAGES, 2 * PAGE);
		lie_about_an_unmap(layer, 0, DOUBLE_UNMAP_PAGES, 0);
	}
}

/* Look-ups. */

static void test_a_look_up_that_answers_nonsense_is_eio_or_not_there(void **state)
{
	struct world w;
	dmp_phys_t phys = NONE;

	(void)state;
	up(&w, 0);
	answer_ret(&w, DOUBLE_IOVA_TO_PHYS, 3);
	assert_int_equal(dmp_iommu_iova_to_phys(w.iommu, w.other, &phys), -EIO);
	answer_ret(&w, DOUBLE_IOVA_TO_PHYS, 3);
	assert_int_equal(dmp_domain_iova_to_phys(w.r.rig.dom, w.other, &phys), -EIO);
	assert_int_equal(phys, NONE);
	answer_ret(&w, DOUBLE_IOVA_TO_PHYS, 3);
	assert_int_equal(dmp_domain_unmap(w.r.rig.dom, w.other, PAGE), -ENOENT);
	answer_ret(&w, DOUBLE_BUF_TO_PHYS, 3);
	assert_int_equal(map(&w, DEVICE, &phys), -EIO);
	assert_int_equal(phys, NONE);
	expect_other(&w);
	down(&w);
}

/* Domains and devices. */

static void test_a_domain_whose_facts_make_no_sense_is_not_made(void **state)
{
	static const struct {
		uint64_t page_sizes, start, end;
	} rows[] = {{0, 0, DMP_MASK(48)}, {PAGE, 2 * PAGE, PAGE}};

	(void)state;
	for (uint32_t shim = 0; shim <= DMP_HW_CHECK; shim += DMP_HW_CHECK)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct dmp_iommu *iommu = NULL;
			struct rig rig;

			rig_begin(&rig);
			rig.d->page_sizes = rows[i].page_sizes;
			rig.d->aperture_start = rows[i].start;
			rig.d->aperture_end = rows[i].end;
			assert_int_equal(double_hw_adopt(rig.d, shim, &rig.hw), 0);
			assert_int_equal(dmp_domain_create(rig.hw, NULL, &rig.dom), -EIO);
			assert_null(rig.dom);
			assert_int_equal(dmp_iommu_create(rig.hw, DMP_DOMAIN_TRANSLATED, &iommu),
					 -EIO);
			assert_null(iommu);
			rig_down(&rig);
		}
}

static void test_a_positive_answer_makes_no_domain_no_device_and_no_attachment(void **state)
{
	struct dmp_device *dev = NULL;
	struct dmp_domain *dom = NULL;
	struct world w;

	(void)state;
	up(&w, 0);
	w.r.rig.d->ops.map_list = NULL;
	double_script(w.r.rig.d, DOUBLE_DOMAIN_CREATE,
		      &(struct double_reply){.nth = 1, .replace_ret = true, .ret = 1});
	assert_int_equal(dmp_domain_create(w.r.rig.hw, NULL, &dom), -EIO);
	assert_null(dom);
	answer_ret(&w, DOUBLE_DEVICE_ADD, 1);
	assert_int_equal(dmp_device_create(w.r.rig.hw, NULL, &dev), -EIO);
	assert_null(dev);
	assert_int_equal(dmp_device_detach(w.r.dev), 0);
	answer_ret(&w, DOUBLE_DOMAIN_ATTACH, 1);
	assert_int_equal(dmp_device_attach(w.r.dev, w.r.rig.dom), -EIO);
	assert_int_equal(dmp_device_detach(w.r.dev), -ENOENT);
	assert_int_equal(dmp_device_attach(w.r.dev, w.r.rig.dom), 0);
	answer_ret(&w, DOUBLE_FLUSH_DOMAIN, 1);
	assert_int_equal(dmp_domain_flush(w.r.rig.dom), -EIO);
	expect_other(&w);
	down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_map_that_answers_nonsense_is_eio_and_undone),
		cmocka_unit_test(test_a_sync_that_answers_nonsense_is_eio_and_the_map_undone),
		cmocka_unit_test(
			test_an_unmap_that_answers_nonsense_is_eio_and_its_address_withheld),
		cmocka_unit_test(test_a_domain_knows_what_it_had_mapped),
		cmocka_unit_test(test_a_look_up_that_answers_nonsense_is_eio_or_not_there),
		cmocka_unit_test(test_a_domain_whose_facts_make_no_sense_is_not_made),
		cmocka_unit_test(
			test_a_positive_answer_makes_no_domain_no_device_and_no_attachment),
	};

	return cmocka_run_group_tests_name("flow_nonsense", tests, NULL, NULL);
}
