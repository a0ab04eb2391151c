// SPDX-License-Identifier: MIT
/*
 * test_flow_bad_input.c - what makes no sense, at the public calls of a domain and of the devices
 * in it: the errno that types.h has for it, and tables, addresses and queues as before
 *
 * Over every format of page tables, strict and lazy, with one good mapping of three granules:
 *
 *   iova      |=======|=======|=======|.......|      the fourth is taken, and leads nowhere
 *   wrong     ^ inside ^ too long, too short, wrapping, beyond the aperture, nowhere, twice
 *
 * Page tables by themselves are in test_fault_pgtable, the checking shim in test_hw_check_*,
 * buffers that bounce in test_flow_misuse.  A machine that answers nonsense is in
 * test_flow_nonsense, one that cannot be made in test_flow_bad_machine.
 */
#include "dmptest.h"
#include "log_quiet.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#include <stdlib.h>

#define RW   (DMP_PROT_READ | DMP_PROT_WRITE)
#define NONE 7u /* in an answer that must not be touched */
#define LOOK 8u /* granules looked at on both sides of the good mapping */

/* No timer changes the books, or takes an address to the cache of another CPU. */
#define NEVER UINT64_MAX

struct scene {
	struct dmp_sim *sim;
	struct dmp_domain *dom;
	struct dmp_device *dev;
	uint64_t granule, top; /* top: first address beyond the aperture */
	dmp_iova_t iova;       /* the good mapping, at phys 0 */
	uint64_t meta_before;
};

/* What no mistake may change. */
struct books {
	struct dmp_domain_stats dom;
	struct dmp_iova_stats iova;
	struct dmp_device_stats dev;
	uint64_t tables;
	dmp_phys_t leads_to[2 * LOOK];
};

static struct books books_of(struct scene *s)
{
	struct dmp_sim_stats sim;
	struct books books;

	assert_int_equal(dmp_domain_get_stats(s->dom, &books.dom, sizeof(books.dom)), 0);
	assert_int_equal(
		dmp_iova_get_stats(dmp_domain_iova(s->dom), &books.iova, sizeof(books.iova)), 0);
	assert_int_equal(dmp_device_get_stats(s->dev, &books.dev, sizeof(books.dev)), 0);
	assert_int_equal(dmp_sim_get_stats(s->sim, &sim, sizeof(sim)), 0);
	books.tables = sim.tables_allocated - sim.tables_freed;
	for (unsigned i = 0; i < 2 * LOOK; i++)
		if (dmp_domain_iova_to_phys(s->dom, s->iova + (i - LOOK) * s->granule,
					    &books.leads_to[i]))
			books.leads_to[i] = UINT64_MAX;
	return books;
}

static void assert_as_before(struct scene *s, const struct books *before)
{
	struct books now = books_of(s);

	assert_int_equal(now.dom.maps, before->dom.maps);
	assert_int_equal(now.dom.unmaps, before->dom.unmaps);
	assert_int_equal(now.dom.mapped_bytes, before->dom.mapped_bytes);
	assert_int_equal(now.dom.queued, before->dom.queued);
	assert_int_equal(now.dom.flushes, before->dom.flushes);
	assert_int_equal(now.iova.live, before->iova.live);
	assert_int_equal(now.dev.live_maps, before->dev.live_maps);
	assert_int_equal(now.dev.live_coherent, before->dev.live_coherent);
	assert_int_equal(now.tables, before->tables);
	assert_memory_equal(now.leads_to, before->leads_to, sizeof(now.leads_to));
	assert_int_equal(dmp_domain_check(s->dom), 0);
}

static void scene_up(struct scene *s, const char *format, enum dmp_flush_policy flush)
{
	struct dmp_hw_domain_info info;
	struct dmp_hw *hw;

	*s = (struct scene){.meta_before = dmp_meta_in_use()};
	dmp_log_set_sink(log_quiet, NULL);
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.format = format), &s->sim), 0);
	hw = dmp_sim_hw(s->sim);
	assert_int_equal(
		dmp_domain_create(hw, &DMP_DOMAIN_OPTS(.flush = flush, .flushq_timeout_ns = NEVER),
				  &s->dom),
		0);
	assert_int_equal(dmp_device_create(hw, NULL, &s->dev), 0);
	assert_int_equal(dmp_device_attach(s->dev, s->dom), 0);
	dmp_iommu_info(dmp_domain_iommu(s->dom), &info);
	s->granule = dmp_domain_granule(s->dom);
	s->top = info.aperture_end + 1;
	assert_int_equal(dmp_domain_map(s->dom, 0, 3 * s->granule, RW, UINT64_MAX, &s->iova), 0);
}

/* The good mapping is as good as ever. */
static void scene_down(struct scene *s)
{
	assert_int_equal(dmp_domain_unmap(s->dom, s->iova, 3 * s->granule), 0);
	assert_int_equal(dmp_device_detach(s->dev), 0);
	assert_int_equal(dmp_device_destroy(s->dev), 0);
	assert_int_equal(dmp_domain_destroy(s->dom), 0);
	assert_int_equal(dmp_sim_check(s->sim), 0);
	assert_int_equal(dmp_sim_destroy(s->sim), 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_meta_in_use(), s->meta_before);
}

/* @fn with every format, strict and lazy. */
static void in_every_scene(void (*fn)(struct scene *s))
{
	static const enum dmp_flush_policy policies[] = {DMP_FLUSH_STRICT, DMP_FLUSH_LAZY};
	const char *name;
	struct scene s;

	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++)
		for (size_t i = 0; i < 2; i++) {
			scene_up(&s, name, policies[i]);
			fn(&s);
			scene_down(&s);
		}
}

static void bad_maps(struct scene *s)
{
	const uint64_t g = s->granule, all = UINT64_MAX;
	const struct {
		uint64_t phys, len;
		unsigned prot;
		uint64_t limit;
		int err;
	} rows[] = {
		{0, 0, RW, all, -EINVAL},
		{0, g, 0, all, -EINVAL},
		{0, g, 4, all, -EINVAL},
		{g, all, RW, all, -EINVAL},        /* wraps */
		{all - 10, 100, RW, all, -EINVAL}, /* likewise */
		{all - 10, 5, RW, all, -EINVAL},   /* its granule does */
		{0, s->top, RW, all, -ERANGE},     /* longer than the aperture without page 0 */
		{0, UINT64_C(1) << 62, RW, all, -ERANGE},
		{0, g, RW, 0, -ERANGE},
		{0, g, RW, 2 * g - 2, -ERANGE}, /* page 1 has a byte above */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);
		dmp_iova_t iova = NONE;

		assert_int_equal(dmp_domain_map(s->dom, rows[i].phys, rows[i].len, rows[i].prot,
						rows[i].limit, &iova),
				 rows[i].err);
		assert_int_equal(iova, NONE);
		assert_as_before(s, &before);
	}
}

static void test_a_map_that_makes_no_sense_changes_no_table(void **state)
{
	(void)state;
	in_every_scene(bad_maps);
}

static void bad_runs(struct scene *s)
{
	const uint64_t g = s->granule;
	const struct dmp_phys_run rows[][2] = {
		{{1, g}, {0, g}},      {{0, g - 1}, {0, g}},
		{{0, g}, {g / 2, g}},  {{0, g}, {0, 0}},
		{{0, g}, {-g, 2 * g}}, {{0, UINT64_C(1) << 63}, {0, UINT64_C(1) << 63}},
	};
	struct dmp_domain_place place = {.limit = UINT64_MAX}, odd = {.reserved[3] = true};
	struct books before = books_of(s);
	dmp_iova_t iova = NONE;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(dmp_domain_map_runs(s->dom, rows[i], 2, RW, UINT64_MAX, &iova),
				 -EINVAL);
		assert_int_equal(dmp_domain_map_place(s->dom, rows[i], 2, RW, &place, &iova),
				 -EINVAL);
	}
	assert_int_equal(dmp_domain_map_runs(s->dom, rows[0], 0, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(s->dom, NULL, 1, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_place(s->dom, rows[0], 1, RW, &odd, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_place(s->dom, rows[0], 1, RW, NULL, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_place(s->dom, rows[0], 1, 0, &place, &iova), -EINVAL);
	assert_int_equal(iova, NONE);
	assert_as_before(s, &before);
}

static void test_runs_that_make_no_sense_change_no_table(void **state)
{
	(void)state;
	in_every_scene(bad_runs);
}

static void bad_unmaps(struct scene *s)
{
	const uint64_t g = s->granule;
	const struct {
		uint64_t iova, len;
		int err;
		unsigned checks; /* it is seen from here on */
	} rows[] = {
		{s->iova, 0, -EINVAL, 0},
		{s->iova, UINT64_MAX, -EINVAL, 0}, /* wraps */
		{UINT64_MAX, 1, -EINVAL, 0},
		{UINT64_MAX - g + 1, g - 1, -EINVAL, 0}, /* its granule does */
		{s->iova, 4 * g, -EINVAL, 0},            /* the fourth leads nowhere */
		{s->iova, 2 * g, -EINVAL, 1},
		{s->iova + g, g, -EINVAL, 1}, /* inside */
		{s->iova + 3 * g, g, -ENOENT, 0},
		{s->iova - g, 4 * g, -ENOENT, 0}, /* begins in a hole */
		{0, g, -ENOENT, 0},
		{s->top - 2 * g - (s->iova == s->top - 4 * g ? 16 * g : 0), g, -ENOENT, 0},
		{s->top, g, -ENOENT, 0},
		{UINT64_C(1) << 63, g, -ENOENT, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);

		if (rows[i].checks > DMP_CHECKS)
			continue;
		assert_int_equal(dmp_domain_can_unmap(s->dom, rows[i].iova, rows[i].len),
				 rows[i].err);
		assert_int_equal(dmp_domain_unmap(s->dom, rows[i].iova, rows[i].len), rows[i].err);
		assert_as_before(s, &before);
	}
}

static void test_an_unmap_that_is_no_mappings_changes_no_table(void **state)
{
	(void)state;
	in_every_scene(bad_unmaps);
}

static void second_unmap(struct scene *s)
{
	struct books before;
	dmp_iova_t iova;

	assert_int_equal(dmp_domain_map(s->dom, 0, s->granule, RW, UINT64_MAX, &iova), 0);
	assert_int_equal(dmp_domain_unmap(s->dom, iova, s->granule), 0);
	before = books_of(s);
	assert_int_equal(dmp_domain_unmap(s->dom, iova, s->granule), -ENOENT);
	assert_as_before(s, &before);
}

static void test_a_second_unmap_is_enoent_also_while_the_first_waits(void **state)
{
	(void)state;
	in_every_scene(second_unmap);
}

/* Somebody maps past the domain, where it gives out next: it finds out, and says so. */
static void overlapping_map(struct scene *s)
{
	struct dmp_iommu *iommu = dmp_domain_iommu(s->dom);
	dmp_iova_t iova = NONE, first;
	uint64_t unmapped = 0;
	struct books before;

	assert_int_equal(dmp_domain_map(s->dom, 0, s->granule, RW, UINT64_MAX, &first), 0);
	assert_int_equal(dmp_domain_unmap(s->dom, first, s->granule), 0);
	assert_int_equal(dmp_domain_flush(s->dom), 0);
	assert_int_equal(dmp_iommu_map(iommu, first, s->granule, s->granule, RW), 0);
	before = books_of(s);
	assert_int_equal(dmp_domain_map(s->dom, 0, s->granule, RW, UINT64_MAX, &iova), -EEXIST);
	assert_int_equal(iova, NONE);
	assert_as_before(s, &before);
	assert_int_equal(dmp_iommu_unmap(iommu, first, s->granule, &unmapped), 0);
	assert_int_equal(unmapped, s->granule);
	assert_int_equal(dmp_domain_map(s->dom, 0, s->granule, RW, UINT64_MAX, &iova), 0);
	assert_int_equal(iova, first);
	assert_int_equal(dmp_domain_unmap(s->dom, iova, s->granule), 0);
}

static void test_a_map_over_what_is_mapped_is_eexist_and_leaves_it(void **state)
{
	(void)state;
	in_every_scene(overlapping_map);
}

static void bad_reservations(struct scene *s)
{
	const uint64_t g = s->granule;
	const struct {
		uint64_t first, last;
		int err;
	} rows[] = {
		{g, g - 1, -EINVAL},        {UINT64_MAX, 0, -EINVAL},
		{s->iova, s->iova, -EBUSY}, {s->iova + 3 * g - 1, s->top - 1, -EBUSY},
		{g, UINT64_MAX, -EBUSY},
	};

	assert_int_equal(dmp_domain_flush(s->dom), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);

		assert_int_equal(dmp_domain_reserve(s->dom, rows[i].first, rows[i].last),
				 rows[i].err);
		before.dom.flushes = books_of(s).dom.flushes; /* a lazy one is flushed first */
		assert_as_before(s, &before);
	}
}

static void test_a_reservation_that_cannot_be_changes_nothing(void **state)
{
	(void)state;
	in_every_scene(bad_reservations);
}

/* Devices. */

static void bad_requests(struct scene *s)
{
	unsigned char buf[64];
	struct dmp_sg bad[][2] = {
		{{.buf = NULL, .len = 1}, {.buf = buf, .len = 1}},
		{{.buf = buf, .len = 1}, {.buf = buf, .len = 0}},
		{{.buf = buf, .len = 1}, {.buf = buf, .len = UINT64_MAX}},
	};
	struct books before = books_of(s);
	dmp_addr_t addr = NONE;
	void *mem = buf;
	size_t n = NONE;

	assert_int_equal(dmp_dma_map(s->dev, NULL, 1, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(s->dev, buf, 0, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(s->dev, buf, 1, (enum dmp_dir)3, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map(s->dev, buf, UINT64_MAX, DMP_TO_DEVICE, 0, &addr), -EFAULT);
	assert_int_equal(dmp_dma_map(s->dev, buf, 1, DMP_TO_DEVICE, 0, NULL), -EINVAL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dmp_dma_map_sg(s->dev, bad[i], 2, DMP_TO_DEVICE, 0, &n),
				 i == 2 ? -EFAULT : -EINVAL);
		assert_int_equal(bad[i][0].addr + bad[i][0].mapped_len, 0);
	}
	assert_int_equal(dmp_dma_map_sg(s->dev, bad[0], 0, DMP_TO_DEVICE, 0, &n), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(s->dev, NULL, 1, DMP_TO_DEVICE, 0, &n), -EINVAL);
	assert_int_equal(dmp_dma_alloc_coherent(s->dev, 0, &mem, &addr), -EINVAL);
	assert_int_equal(dmp_dma_alloc_coherent(s->dev, UINT64_MAX, &mem, &addr), -ERANGE);
	assert_int_equal(addr, NONE);
	assert_int_equal(n, NONE);
	assert_ptr_equal(mem, buf);
	assert_as_before(s, &before);
}

static void test_a_request_that_makes_no_sense_changes_no_table(void **state)
{
	(void)state;
	in_every_scene(bad_requests);
}

/* Offsets from the address of a good mapping of the device, which lies below the scene's. */
static void bad_returns(struct scene *s)
{
	const uint64_t g = s->granule;
	const struct {
		uint64_t offset, len;
		int err;
	} rows[] = {
		{0, 0, -EINVAL},  {0, UINT64_MAX, -EINVAL}, {0, 9 * g, -EINVAL},
		{-g, 1, -ENOENT}, {-g, g, -ENOENT},         {UINT64_C(1) << 62, 1, -ENOENT},
	};
	unsigned char *buf = aligned_alloc(g, g);
	struct dmp_sg never = {.buf = buf, .len = 1}, wild = {.buf = buf, .len = 1};
	struct books before;
	dmp_addr_t addr;

	assert_non_null(buf);
	assert_int_equal(dmp_dma_map(s->dev, buf, g, DMP_TO_DEVICE, 0, &addr), 0);
	before = books_of(s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			dmp_dma_unmap(s->dev, addr + rows[i].offset, rows[i].len, DMP_TO_DEVICE, 0),
			rows[i].err);
		assert_as_before(s, &before);
	}
	assert_int_equal(dmp_dma_unmap_sg(s->dev, &never, 1, DMP_TO_DEVICE, 0), -ENOENT);
	wild.addr = s->top;
	wild.mapped_len = 1;
	assert_int_equal(dmp_dma_unmap_sg(s->dev, &wild, 1, DMP_TO_DEVICE, 0), -ENOENT);
	wild.mapped_len = UINT64_MAX;
	assert_int_equal(dmp_dma_unmap_sg(s->dev, &wild, 1, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_sync_for_cpu(s->dev, addr - g, 1, DMP_TO_DEVICE), -ENOENT);
	assert_int_equal(dmp_dma_sync_for_cpu(s->dev, addr, UINT64_MAX, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_dma_free_coherent(s->dev, g, buf, addr), -ENOENT);
	assert_as_before(s, &before);
	assert_int_equal(dmp_dma_unmap(s->dev, addr, g, DMP_TO_DEVICE, 0), 0);
	free(buf);
}

static void test_what_is_given_back_wrongly_changes_no_table(void **state)
{
	(void)state;
	in_every_scene(bad_returns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_map_that_makes_no_sense_changes_no_table),
		cmocka_unit_test(test_runs_that_make_no_sense_change_no_table),
		cmocka_unit_test(test_an_unmap_that_is_no_mappings_changes_no_table),
		cmocka_unit_test(test_a_second_unmap_is_enoent_also_while_the_first_waits),
		cmocka_unit_test(test_a_map_over_what_is_mapped_is_eexist_and_leaves_it),
		cmocka_unit_test(test_a_reservation_that_cannot_be_changes_nothing),
		cmocka_unit_test(test_a_request_that_makes_no_sense_changes_no_table),
		cmocka_unit_test(test_what_is_given_back_wrongly_changes_no_table),
	};

	return cmocka_run_group_tests_name("flow_bad_input", tests, NULL, NULL);
}
