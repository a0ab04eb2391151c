// SPDX-License-Identifier: MIT
/*
 * test_flow_misuse.c - what makes no sense, through the DMA API with a bounce allocator below:
 * the errno that types.h has for it, and nothing changed
 *
 *   buffer of LEN bytes, in slots  |################|
 *   wrong:                         ^ twice   ^ inside    ^ beyond      foreign
 *
 * On both routes, while one good mapping is live, which is found as it was.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/bits.h>

#include <stdlib.h>

#define LEN   5000u
#define SLOTS 512u
#define NONE  7u /* in an answer that must not be touched */

struct scene {
	struct fixture f;
	unsigned char buf[DMP_SWIOTLB_MAX_BYTES + 1];
	dmp_addr_t addr; /* the good mapping */
};

/* What no mistake may change. */
struct books {
	struct dmp_swiotlb_stats tlb;
	struct dmp_device_stats dev;
	struct dmp_sim_stats sim;
};

static struct books books_of(struct scene *s)
{
	struct books books;

	assert_int_equal(dmp_swiotlb_get_stats(s->f.tlb, &books.tlb, sizeof(books.tlb)), 0);
	assert_int_equal(dmp_device_get_stats(s->f.dev, &books.dev, sizeof(books.dev)), 0);
	assert_int_equal(dmp_sim_get_stats(s->f.sim, &books.sim, sizeof(books.sim)), 0);
	return books;
}

static void assert_as_before(struct scene *s, const struct books *before)
{
	struct books now = books_of(s);

	assert_int_equal(now.tlb.used, before->tlb.used);
	assert_int_equal(now.tlb.transient, before->tlb.transient);
	assert_int_equal(now.dev.live_maps, before->dev.live_maps);
	assert_int_equal(now.dev.maps, before->dev.maps);
	assert_int_equal(now.dev.unmaps, before->dev.unmaps);
	assert_int_equal(now.dev.syncs, before->dev.syncs);
	assert_int_equal(now.sim.ram_in_use, before->sim.ram_in_use);
	fixture_check(&s->f, 1);
}

static struct scene *scene_up(bool translated)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	fixture_setup(&s->f,
		      &FIXTURE(.translated = translated, .bounces = true, .swiotlb.slots = SLOTS,
			       .swiotlb.areas = 1, .device.dma_mask = DMP_MASK(32),
			       .device.flags = translated ? DMP_DEVICE_UNTRUSTED : 0));
	memset(s->buf, 0x5a, sizeof(s->buf));
	assert_int_equal(dmp_dma_map(s->f.dev, s->buf, LEN, DMP_BIDIRECTIONAL, 0, &s->addr), 0);
	return s;
}

/* The mapping is as good as ever. */
static void scene_down(struct scene *s)
{
	unsigned char data[LEN];

	assert_int_equal(dmp_sim_agent_read(s->f.agent, s->addr, data, LEN), 0);
	assert_memory_equal(data, s->buf, LEN);
	assert_int_equal(dmp_dma_unmap(s->f.dev, s->addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_int_equal(fixture_slots(&s->f), 0);
	fixture_teardown(&s->f);
	free(s);
}

static void check_maps(bool translated)
{
	static const struct {
		uint64_t len;
		unsigned dir, attrs;
		int err;
	} rows[] = {
		{0, DMP_TO_DEVICE, 0, -EINVAL},
		{DMP_SWIOTLB_MAX_BYTES + 1, DMP_TO_DEVICE, 0, -ERANGE},
		{UINT64_MAX, DMP_TO_DEVICE, 0, -EFAULT},
		{LEN, 3, 0, -EINVAL},
		{LEN, DMP_TO_DEVICE, 1u << 31, -EINVAL},
	};
	struct scene *s = scene_up(translated);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);
		dmp_addr_t addr = NONE;

		assert_int_equal(dmp_dma_map(s->f.dev, s->buf + 1, rows[i].len,
					     (enum dmp_dir)rows[i].dir, rows[i].attrs, &addr),
				 rows[i].err);
		assert_int_equal(addr, NONE);
		assert_as_before(s, &before);
	}
	scene_down(s);
}

static void test_a_map_that_makes_no_sense_changes_nothing(void **state)
{
	(void)state;
	check_maps(false);
	check_maps(true);
}

/* Offsets from the good mapping's address. */
static void check_unmaps(bool translated)
{
	static const struct {
		int64_t offset;
		uint64_t len;
		int err;
	} rows[] = {
		{0, 0, -EINVAL},         {0, LEN - 1, -EINVAL}, {0, LEN + 1, -EINVAL},
		{1, LEN - 1, -ENOENT},   {2048, 100, -ENOENT},  {LEN - 1, 1, -ENOENT},
		{1 << 19, LEN, -ENOENT},
	};
	struct scene *s = scene_up(translated);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);

		assert_int_equal(dmp_dma_unmap(s->f.dev, s->addr + (uint64_t)rows[i].offset,
					       rows[i].len, DMP_BIDIRECTIONAL, 0),
				 rows[i].err);
		assert_as_before(s, &before);
	}
	scene_down(s);
}

static void test_an_unmap_that_is_no_mappings_changes_nothing(void **state)
{
	(void)state;
	check_unmaps(false);
	check_unmaps(true);
}

static void test_a_second_unmap_is_enoent(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct scene *s = scene_up(translated);
		struct books before = books_of(s);
		dmp_addr_t addr;

		assert_int_equal(dmp_dma_map(s->f.dev, s->buf + LEN, 100, DMP_TO_DEVICE, 0, &addr),
				 0);
		assert_int_equal(dmp_dma_unmap(s->f.dev, addr, 100, DMP_TO_DEVICE, 0), 0);
		assert_int_equal(dmp_dma_unmap(s->f.dev, addr, 100, DMP_TO_DEVICE, 0), -ENOENT);
		before.dev.maps++;
		before.dev.unmaps++;
		before.sim.ram_in_use = books_of(s).sim.ram_in_use; /* page tables stay */
		assert_as_before(s, &before);
		scene_down(s);
	}
}

static void test_a_sync_beyond_the_mapping_moves_no_byte(void **state)
{
	static const struct {
		uint64_t offset, len;
		int err;
	} rows[] = {
		{0, 0, -EINVAL},   {0, LEN + 1, -ENOENT},      {LEN - 1, 2, -ENOENT},
		{LEN, 1, -ENOENT}, {100, UINT64_MAX, -EINVAL},
	};

	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct scene *s = scene_up(translated);

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct books before = books_of(s);
			dmp_addr_t at = s->addr + rows[i].offset;

			assert_int_equal(
				dmp_dma_sync_for_cpu(s->f.dev, at, rows[i].len, DMP_BIDIRECTIONAL),
				rows[i].err);
			assert_int_equal(dmp_dma_sync_for_device(s->f.dev, at, rows[i].len,
								 DMP_BIDIRECTIONAL),
					 rows[i].err);
			assert_as_before(s, &before);
		}
		scene_down(s);
	}
}

static void test_limits_that_make_no_sense_make_no_device(void **state)
{
	const struct dmp_device_opts rows[] = {
		DMP_DEVICE_OPTS(.dma_mask = 0xfffe),
		DMP_DEVICE_OPTS(.coherent_mask = 0x8000),
		DMP_DEVICE_OPTS(.min_align_mask = 0x1001),
		DMP_DEVICE_OPTS(.segment_boundary = 0xfff0),
		DMP_DEVICE_OPTS(.flags = 1u << 31),
	};
	struct scene *s = scene_up(false);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);
		struct dmp_device_opts opts = rows[i];
		struct dmp_device *dev = NULL;

		opts.swiotlb = s->f.tlb;
		assert_int_equal(dmp_device_create(s->f.hw, &opts, &dev), -EINVAL);
		assert_null(dev);
		assert_as_before(s, &before);
	}
	scene_down(s);
}

/*
 * Bits that are kept to the end of a segment: the device is made, told that nothing is promised,
 * and refused what begins with the last byte of one.
 */
static void test_more_bits_than_a_segment_has_promise_nothing(void **state)
{
	unsigned char *large = aligned_alloc(DMP_SWIOTLB_MAX_BYTES, 2 * DMP_SWIOTLB_MAX_BYTES);
	struct scene *s = scene_up(false);
	struct books before;
	struct dmp_device *dev;
	dmp_addr_t addr = NONE;

	(void)state;
	assert_non_null(large);
	assert_int_equal(dmp_device_create(s->f.hw,
					   &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32),
							    .min_align_mask = DMP_MASK(18),
							    .swiotlb = s->f.tlb),
					   &dev),
			 0);
	before = books_of(s);
	assert_int_equal(dmp_device_max_mapping(dev), 0);
	assert_int_equal(
		dmp_dma_map(dev, large + DMP_SWIOTLB_MAX_BYTES - 1, 3000, DMP_TO_DEVICE, 0, &addr),
		-ERANGE);
	assert_int_equal(addr, NONE);
	assert_as_before(s, &before);
	assert_int_equal(dmp_device_destroy(dev), 0);
	scene_down(s);
	free(large);
}

static void test_nothing_that_is_in_use_is_destroyed(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct scene *s = scene_up(translated);
		struct books before = books_of(s);

		assert_int_equal(dmp_swiotlb_destroy(s->f.tlb), -EBUSY);
		assert_int_equal(dmp_device_destroy(s->f.dev), -EBUSY);
		assert_int_equal(dmp_sim_destroy(s->f.sim), -EBUSY);
		assert_as_before(s, &before);
		scene_down(s);
	}
}

static void test_a_range_that_the_hardware_does_not_have_is_refused(void **state)
{
	static const struct {
		dmp_phys_t phys;
		uint64_t len;
		int err;
	} rows[] = {
		{UINT64_C(8) << 30, DMP_PAGE_BYTES, -EFAULT}, /* where RAM ends */
		{(UINT64_C(8) << 30) - DMP_PAGE_BYTES, 2 * DMP_PAGE_BYTES, -EFAULT},
		{UINT64_C(1) << 60, DMP_PAGE_BYTES, -EFAULT},
		{DMP_PAGE_BYTES, 0, -EINVAL},
		{DMP_PAGE_BYTES + 1, DMP_PAGE_BYTES, -EINVAL},
		{DMP_PAGE_BYTES, 100, -EINVAL},
		{UINT64_MAX - 4095, DMP_PAGE_BYTES * 2, -EINVAL}, /* wraps */
	};
	struct scene *s = scene_up(false);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct books before = books_of(s);
		struct dmp_swiotlb *tlb = NULL;

		assert_int_equal(
			dmp_swiotlb_create_restricted(s->f.hw, rows[i].phys, rows[i].len, &tlb),
			rows[i].err);
		assert_null(tlb);
		assert_as_before(s, &before);
	}
	scene_down(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_map_that_makes_no_sense_changes_nothing),
		cmocka_unit_test(test_an_unmap_that_is_no_mappings_changes_nothing),
		cmocka_unit_test(test_a_second_unmap_is_enoent),
		cmocka_unit_test(test_a_sync_beyond_the_mapping_moves_no_byte),
		cmocka_unit_test(test_limits_that_make_no_sense_make_no_device),
		cmocka_unit_test(test_more_bits_than_a_segment_has_promise_nothing),
		cmocka_unit_test(test_nothing_that_is_in_use_is_destroyed),
		cmocka_unit_test(test_a_range_that_the_hardware_does_not_have_is_refused),
	};

	return cmocka_run_group_tests_name("flow_misuse", tests, NULL, NULL);
}
