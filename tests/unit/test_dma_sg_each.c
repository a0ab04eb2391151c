// SPDX-License-Identifier: MIT
/*
 * test_dma_sg_each.c - proves of lib/dma/dma_sg_each.c: each piece has an answer of its own, in
 * place or in slots, and a list is mapped as a whole or not at all
 */
#include "test_dma_sg_rig.h"

#define UNTRUSTED DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED)
#define NARROW    DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)) /* the block lies beyond */

static void sg_up_bouncing(struct sg_rig *s, bool translated, struct dmp_device_opts opts)
{
	device_rig_up_bouncing(&s->r, translated, opts);
	s->block = zone_buf(&s->r, DMP_ZONE_ANY, 6, &s->phys);
	memset(s->block, 0x11, 64 * PAGE);
}

static void sg_down_bouncing(struct sg_rig *s)
{
	assert_int_equal(slots_in_use(&s->r), 0);
	sg_down(s);
}

/* Every answer is its piece's: the same length, the piece's bytes behind it. */
static void assert_each_by_itself(struct sg_rig *s, const struct dmp_sg *sg, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(sg[i].mapped_len, sg[i].len);
		assert_memory_equal(device_view(&s->r, sg[i].addr), sg[i].buf, sg[i].len);
	}
}

/* Pages that lie side by side, the second of them whole. */
static const struct piece mixed[] = {{1, 100, 3996}, {2, 0, 4096}, {3, 0, 200}};

static void test_pieces_bounce_each_by_itself(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct dmp_sg sg[3];
		struct sg_rig s;
		size_t n;

		sg_up_bouncing(&s, translated, translated ? UNTRUSTED : NARROW);
		fill(sg, s.block, mixed, 3);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), 0);
		assert_int_equal(n, 3);
		assert_each_by_itself(&s, sg, 3);
		assert_int_equal(device_view(&s.r, sg[1].addr) == sg[1].buf, translated);
		for (size_t i = 0; i < 3; i++)
			memset(device_view(&s.r, sg[i].addr), 0x20 + (int)i, sg[i].len);
		assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), 0);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(((char *)sg[i].buf)[sg[i].len - 1], 0x20 + i);
			assert_int_equal(sg[i].mapped_len, 0);
		}
		assert_int_equal(s.block[PAGE + 99], 0x11);
		assert_int_equal(s.block[3 * PAGE + 200], 0x11);
		sg_down_bouncing(&s);
	}
}

/* So that a device that may not see neighbours never gets one range for several buffers. */
static void test_untrusted_whole_granules_are_not_merged_either(void **state)
{
	const struct piece pieces[] = {{1, 0, 4096}, {2, 0, 4096}};
	struct dmp_sg sg[2];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, true, &UNTRUSTED);
	fill(sg, s.block, pieces, 2);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_each_by_itself(&s, sg, 2);
	assert_int_equal(device_stats(&s.r).maps, 1);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(device_stats(&s.r).unmaps, 1);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 0);
	sg_down(&s);
}

static void test_list_in_slots_that_fails_half_way_is_undone(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 6; i++) {
		bool translated = i % 2;
		struct dmp_sg sg[3], before[3];
		struct sg_rig s;
		size_t n = 7;

		sg_up_bouncing(&s, translated, translated ? UNTRUSTED : NARROW);
		fill(sg, s.block, mixed, 3);
		memcpy(before, sg, sizeof(sg));
		double_fail(s.r.rig.d, translated ? DOUBLE_MAP_PAGES : DOUBLE_MEM_MAP, 1 + i / 2,
			    -ENOMEM);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), -ENOMEM);
		assert_int_equal(n, 7);
		assert_memory_equal(sg, before, sizeof(sg));
		assert_int_equal(double_mapped_bytes(s.r.rig.d), 0);
		assert_int_equal(double_exposed_bytes(s.r.rig.d, dmp_device_id(s.r.dev)), 0);
		assert_int_equal(slots_in_use(&s.r), 0);
		for (size_t b = 0; b < 64 * PAGE; b++)
			assert_int_equal(s.block[b], 0x11);
		sg_down_bouncing(&s);
	}
}

/* Somebody writes to the buffers while the third piece of 200 bytes is on its way to fail. */
static int (*true_mem_map)(void *, uint32_t, dmp_phys_t, uint64_t, enum dmp_dir);
static char *written;

static int mem_map_beside_a_writer(void *be, uint32_t device, dmp_phys_t phys, uint64_t len,
				   enum dmp_dir dir)
{
	if (len != 200)
		return true_mem_map(be, device, phys, len, dir);
	memset(written, 0x33, 64 * PAGE);
	return -ENOMEM;
}

static void test_undone_list_copies_nothing_back(void **state)
{
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	rig_begin(&s.r.rig);
	true_mem_map = s.r.rig.d->ops.mem_map;
	s.r.rig.d->ops.mem_map = mem_map_beside_a_writer;
	rig_adopt(&s.r.rig);
	device_rig_add_bouncing(&s.r, NARROW);
	s.block = zone_buf(&s.r, DMP_ZONE_ANY, 6, &s.phys);
	written = s.block;
	fill(sg, s.block, mixed, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), -ENOMEM);
	for (size_t b = 0; b < 64 * PAGE; b++)
		assert_int_equal(s.block[b], 0x33);
	sg_down_bouncing(&s);
}

/* What the machine did not take back is taken back from it, and from the pool. */
static void take_back_by_hand(struct sg_rig *s)
{
	dmp_phys_t slot = double_nth(s->r.rig.d, DOUBLE_MEM_UNMAP, 0)->phys;

	assert_int_equal(s->r.rig.d->ops.mem_unmap(s->r.rig.d, dmp_device_id(s->r.dev), slot, 200,
						   DMP_FROM_DEVICE),
			 0);
	assert_int_equal(dmp_swiotlb_unmap(s->r.tlb, slot, 200, DMP_TO_DEVICE, 0), 0);
}

/* The third piece fails, and so does taking back the second. */
static void test_list_that_cannot_be_undone_is_enotrecoverable(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct dmp_sg sg[3];
		struct sg_rig s;
		size_t n = 7;

		sg_up_bouncing(&s, translated, translated ? UNTRUSTED : NARROW);
		fill(sg, s.block, mixed, 3);
		sg[1].len = 200;
		double_fail(s.r.rig.d, translated ? DOUBLE_MAP_PAGES : DOUBLE_MEM_MAP, 3, -ENOMEM);
		double_fail(s.r.rig.d, translated ? DOUBLE_FLUSH_GATHER : DOUBLE_MEM_UNMAP, 1,
			    -ETIMEDOUT);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n),
				 -ENOTRECOVERABLE);
		assert_int_equal(n, 7);
		assert_non_null(strstr(s.r.rig.line, "can still be reached"));
		assert_int_equal(device_stats(&s.r).live_maps, 0);
		assert_int_equal(slots_in_use(&s.r), translated ? 2 : 1);
		if (translated) {
			assert_int_equal(dmp_domain_flush(s.r.rig.dom), 0);
			sg_down_bouncing(&s);
			continue;
		}
		take_back_by_hand(&s);
		sg_down_bouncing(&s);
	}
}

/* Nothing is taken back before all answers have been looked at. */
static void test_list_in_slots_with_a_wrong_answer_stays_mapped(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct dmp_sg sg[3];
		struct sg_rig s;
		dmp_addr_t right;
		size_t n;

		sg_up_bouncing(&s, translated, translated ? UNTRUSTED : NARROW);
		fill(sg, s.block, mixed, 3);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), 0);
		memset(device_view(&s.r, sg[0].addr), 0x22, sg[0].len);
		right = sg[2].addr;
		sg[2].addr = 0x70000;
		assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), -ENOENT);
		assert_int_equal(device_stats(&s.r).live_maps, 1);
		assert_int_equal(s.block[PAGE + 100], 0x11);
		sg[2].addr = right;
		assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), 0);
		assert_int_equal(s.block[PAGE + 100], 0x22);
		sg_down_bouncing(&s);
	}
}

/* Behind the piece in place lies the one that was mapped before it: both ends lead somewhere. */
static void test_list_with_a_wrong_length_in_place_is_einval_at_checks_1(void **state)
{
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	if (DMP_CHECKS < 1)
		skip();
	sg_up_bouncing(&s, true, UNTRUSTED);
	fill(sg, s.block, mixed, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), 0);
	assert_int_equal(sg[1].addr + PAGE, sg[0].addr & ~(PAGE - 1));
	sg[1].mapped_len++;
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), -EINVAL);
	assert_int_equal(device_stats(&s.r).live_maps, 1);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 3 * PAGE);
	sg[1].mapped_len--;
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 0);
	sg_down_bouncing(&s);
}

/* One flush fails, that of the last piece: its slots wait, the rest is unmapped, the first one
 * after it, and the error returned. */
static void test_failed_flush_stops_no_other_piece(void **state)
{
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up_bouncing(&s, true, UNTRUSTED);
	fill(sg, s.block, mixed, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), 0);
	memset(device_view(&s.r, sg[0].addr), 0x22, sg[0].len);
	double_fail(s.r.rig.d, DOUBLE_FLUSH_GATHER, 2, -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), -ETIMEDOUT);
	assert_int_equal(device_stats(&s.r).live_maps, 0);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 0);
	assert_int_equal(s.block[PAGE + 100], 0x22);
	assert_int_equal(slots_in_use(&s.r), 2);
	assert_int_equal(dmp_domain_flush(s.r.rig.dom), 0);
	sg_down_bouncing(&s);
}

/* A buffer that vanished: the same without a flush. */
static void test_failed_copy_back_stops_no_other_piece(void **state)
{
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up_bouncing(&s, true, UNTRUSTED);
	fill(sg, s.block, mixed, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), 0);
	memset(device_view(&s.r, sg[0].addr), 0x22, sg[0].len);
	double_fail(s.r.rig.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_FROM_DEVICE, 0), -EFAULT);
	assert_int_equal(device_stats(&s.r).live_maps, 0);
	assert_int_equal(s.block[PAGE + 100], 0x22);
	sg_down_bouncing(&s);
}

/*
 *   boundary every 8 KiB, memory       |...####|####...|   crosses: cannot be used in place,
 *                         slots        |########.......|   and need not in slots
 */
static void test_piece_in_slots_is_judged_by_where_they_can_be(void **state)
{
	const struct piece piece = {1, 0, 8192};

	(void)state;
	for (int bounce = 0; bounce < 2; bounce++) {
		struct dmp_device_opts opts = DMP_DEVICE_OPTS(.dma_mask = bounce ? DMP_MASK(32) : 0,
							      .segment_boundary = 2 * PAGE - 1);
		struct dmp_sg sg;
		struct sg_rig s;
		size_t n;

		sg_up_bouncing(&s, false, opts);
		fill(&sg, s.block, &piece, 1);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, &sg, 1, DMP_TO_DEVICE, 0, &n),
				 bounce ? 0 : -ERANGE);
		if (bounce) {
			assert_int_equal(sg.addr % (2 * PAGE), 0);
			assert_int_equal(dmp_dma_unmap_sg(s.r.dev, &sg, 1, DMP_TO_DEVICE, 0), 0);
		}
		sg_down_bouncing(&s);
	}
}

/*
 *   boundary every 512 bytes, bits below kept: 300 bytes at 256 cross one in any slot
 */
static void test_piece_whose_kept_bits_cross_a_boundary_is_erange(void **state)
{
	const struct piece pieces[] = {{1, 256, 300}, {1, 0, 300}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct dmp_sg sg;
		struct sg_rig s;
		size_t n;

		sg_up_bouncing(&s, false,
			       DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .min_align_mask = 0x1ff,
					       .segment_boundary = 0x1ff));
		fill(&sg, s.block, &pieces[i], 1);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, &sg, 1, DMP_TO_DEVICE, 0, &n),
				 i == 0 ? -ERANGE : 0);
		if (i == 1)
			assert_int_equal(dmp_dma_unmap_sg(s.r.dev, &sg, 1, DMP_TO_DEVICE, 0), 0);
		sg_down_bouncing(&s);
	}
}

/* Cutting it up is the caller's business: each answer belongs to one piece. */
static void test_piece_longer_than_a_bounce_buffer_is_erange(void **state)
{
	const struct piece pieces[] = {{0, 0, 100}, {0, 0, DMP_SWIOTLB_MAX_BYTES + 1}};
	struct dmp_sg sg[2];
	struct sg_rig s;
	size_t n = 7;

	(void)state;
	sg_up_bouncing(&s, false, NARROW);
	fill(sg, s.block, pieces, 2);
	double_clear(s.r.rig.d);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), -ERANGE);
	assert_int_equal(n, 7);
	assert_string_equal(double_trace(s.r.rig.d), ""); /* the first was not even tried */
	sg[1].len = dmp_device_max_mapping(s.r.dev);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	sg_down_bouncing(&s);
}

static void test_direct_pieces_stay_as_they_are(void **state)
{
	const struct piece pieces[] = {{1, 0, 4096}, {2, 0, 4096}, {5, 10, 20}};
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, false, NULL);
	fill(sg, s.block, pieces, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(sg[i].addr, s.phys + pieces[i].page * PAGE + pieces[i].offset);
		assert_int_equal(sg[i].mapped_len, pieces[i].len);
	}
	assert_int_equal(device_stats(&s.r).maps, 1);
	assert_int_equal(double_exposed_bytes(s.r.rig.d, dmp_device_id(s.r.dev)), 8212);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

static void test_direct_list_that_fails_half_way_is_undone(void **state)
{
	const struct piece pieces[] = {{1, 0, 4096}, {2, 0, 4096}, {5, 10, 20}};

	(void)state;
	for (uint64_t nth = 1; nth <= 3; nth++) {
		struct dmp_sg sg[3], before[3];
		struct sg_rig s;
		size_t n = 7;

		sg_up(&s, false, NULL);
		fill(sg, s.block, pieces, 3);
		memcpy(before, sg, sizeof(sg));
		double_fail(s.r.rig.d, DOUBLE_MEM_MAP, nth, -ENOMEM);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0, &n), -ENOMEM);
		assert_int_equal(n, 7);
		assert_memory_equal(sg, before, sizeof(sg));
		assert_int_equal(double_exposed_bytes(s.r.rig.d, dmp_device_id(s.r.dev)), 0);
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0, &n), 0);
		assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0), 0);
		sg_down(&s);
	}
}

/* A list with an answer that is not mapped: what was taken back before is exposed again. */
static void test_direct_unmap_that_fails_half_way_is_undone(void **state)
{
	const struct piece pieces[] = {{1, 0, 4096}, {2, 0, 4096}, {5, 10, 20}};
	struct dmp_sg sg[3];
	struct sg_rig s;
	dmp_addr_t right;
	size_t n;

	(void)state;
	sg_up(&s, false, NULL);
	fill(sg, s.block, pieces, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0, &n), 0);
	right = sg[2].addr;
	sg[2].addr = 0x70000;
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(double_exposed_bytes(s.r.rig.d, dmp_device_id(s.r.dev)), 8212);
	assert_int_equal(device_stats(&s.r).live_maps, 1);
	sg[2].addr = right;
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_bounce_each_by_itself),
		cmocka_unit_test(test_untrusted_whole_granules_are_not_merged_either),
		cmocka_unit_test(test_list_in_slots_that_fails_half_way_is_undone),
		cmocka_unit_test(test_undone_list_copies_nothing_back),
		cmocka_unit_test(test_list_that_cannot_be_undone_is_enotrecoverable),
		cmocka_unit_test(test_list_in_slots_with_a_wrong_answer_stays_mapped),
		cmocka_unit_test(test_list_with_a_wrong_length_in_place_is_einval_at_checks_1),
		cmocka_unit_test(test_failed_flush_stops_no_other_piece),
		cmocka_unit_test(test_failed_copy_back_stops_no_other_piece),
		cmocka_unit_test(test_piece_in_slots_is_judged_by_where_they_can_be),
		cmocka_unit_test(test_piece_whose_kept_bits_cross_a_boundary_is_erange),
		cmocka_unit_test(test_piece_longer_than_a_bounce_buffer_is_erange),
		cmocka_unit_test(test_direct_pieces_stay_as_they_are),
		cmocka_unit_test(test_direct_list_that_fails_half_way_is_undone),
		cmocka_unit_test(test_direct_unmap_that_fails_half_way_is_undone),
	};

	return cmocka_run_group_tests_name("dma_sg_each", tests, NULL, NULL);
}
