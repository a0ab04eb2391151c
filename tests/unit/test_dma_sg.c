// SPDX-License-Identifier: MIT
/*
 * test_dma_sg.c - proves of lib/dma/dma_sg.c: how a list is laid out, padded and merged, which
 * lists are refused, and that a list is mapped as a whole or not at all
 */
#include "test_dma_sg_rig.h"

#define MANY 100u

/*
 *   memory   page 9 whole, page 2 whole, page 5 first half
 *   iova     |9   |2   |5 |          one answer
 */
static void test_whole_granules_become_one_answer(void **state)
{
	const struct piece pieces[] = {{9, 0, 4096}, {2, 0, 4096}, {5, 0, 2048}};
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, true, NULL);
	fill(sg, s.block, pieces, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(sg[0].mapped_len, 4096 + 4096 + 2048);
	assert_int_equal(rig_phys_at(&s.r.rig, sg[0].addr), s.phys + 9 * PAGE);
	assert_int_equal(rig_phys_at(&s.r.rig, sg[0].addr + PAGE), s.phys + 2 * PAGE);
	assert_int_equal(rig_phys_at(&s.r.rig, sg[0].addr + 2 * PAGE), s.phys + 5 * PAGE);
	assert_int_equal(rig_prot_at(&s.r.rig, sg[0].addr), DMP_PROT_READ);
	assert_int_equal(sg[1].mapped_len, 0);
	assert_int_equal(sg[2].mapped_len, 0);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 0);
	sg_down(&s);
}

/*
 *   |   #|####|##  |  ##|       a granule's end and a granule's start must meet
 *     1    1    1     2
 */
static void test_pieces_that_do_not_meet_on_a_granule_stay_apart(void **state)
{
	const struct piece pieces[] = {{1, 3000, 1096}, {7, 0, 4096}, {3, 0, 100}, {20, 50, 60}};
	struct dmp_sg sg[4];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, true, NULL);
	fill(sg, s.block, pieces, 4);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 4, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sg[0].addr % PAGE, 3000);
	assert_int_equal(sg[0].mapped_len, 1096 + 4096 + 100);
	assert_int_equal(sg[1].addr, dmp_align_down(sg[0].addr, PAGE) + 3 * PAGE + 50);
	assert_int_equal(sg[1].mapped_len, 60);
	assert_int_equal(rig_phys_at(&s.r.rig, sg[1].addr), s.phys + 20 * PAGE + 50);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 4, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

/*
 *   longest segment two granules:   |a |b | |c |
 */
static void test_answers_are_no_longer_than_a_segment_may_be(void **state)
{
	const struct piece pieces[] = {{9, 0, 4096}, {2, 0, 4096}, {5, 0, 4096}};
	struct dmp_sg sg[3];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, true, &DMP_DEVICE_OPTS(.max_segment_bytes = 8192));
	fill(sg, s.block, pieces, 3);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sg[0].mapped_len, 8192);
	assert_int_equal(sg[1].mapped_len, 4096);
	assert_int_equal(sg[1].addr, sg[0].addr + 8192);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 3, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

/*
 *   boundary every 4 granules, pieces of 3 and 2:
 *
 *     |a |a |a |pad|b |b |          total 6, range of 8
 *     ^           ^ boundary
 *
 *   the pad leads to b's own first granule
 */
static void test_piece_is_padded_up_to_the_segment_boundary(void **state)
{
	const struct piece pieces[] = {{0, 0, 3 * 4096}, {10, 0, 2 * 4096}};
	struct dmp_sg sg[2];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, true, &DMP_DEVICE_OPTS(.segment_boundary = 4 * PAGE - 1));
	fill(sg, s.block, pieces, 2);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sg[0].addr % (4 * PAGE), 0);
	assert_int_equal(sg[1].addr, sg[0].addr + 4 * PAGE);
	assert_int_equal(rig_phys_at(&s.r.rig, sg[0].addr + 3 * PAGE), s.phys + 10 * PAGE);
	assert_int_equal(rig_phys_at(&s.r.rig, sg[1].addr), s.phys + 10 * PAGE);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 6 * PAGE);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

/*
 *   boundary every 2 granules, two pieces of 2: they meet on a boundary, and stay apart there
 */
static void test_answers_do_not_cross_a_segment_boundary(void **state)
{
	const struct piece pieces[] = {{0, 0, 2 * 4096}, {10, 0, 2 * 4096}};
	struct dmp_sg sg[2];
	struct sg_rig s;
	size_t n;

	(void)state;
	sg_up(&s, true, &DMP_DEVICE_OPTS(.segment_boundary = 2 * PAGE - 1));
	fill(sg, s.block, pieces, 2);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sg[1].addr, sg[0].addr + 2 * PAGE);
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 4 * PAGE);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

static void test_piece_that_no_segment_can_hold_is_erange(void **state)
{
	const struct dmp_device_opts limits[] = {DMP_DEVICE_OPTS(.max_segment_bytes = 4096),
						 DMP_DEVICE_OPTS(.segment_boundary = 4095)};
	const struct piece pieces[] = {{0, 0, 100}, {10, 0, 4097}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct dmp_sg sg[2], before[2];
		struct sg_rig s;
		size_t n = 7;

		sg_up(&s, i & 1, &limits[i / 2]);
		fill(sg, s.block, pieces, 2);
		memcpy(before, sg, sizeof(sg));
		assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), -ERANGE);
		assert_int_equal(n, 7);
		assert_memory_equal(sg, before, sizeof(sg));
		sg_down(&s);
	}
}

static void test_translated_list_that_fails_leaves_nothing(void **state)
{
	const struct piece pieces[] = {{1, 0, 4096}, {9, 0, 4096}};
	struct dmp_sg sg[2], before[2];
	struct sg_rig s;
	size_t n = 7;

	(void)state;
	sg_up(&s, true, NULL);
	fill(sg, s.block, pieces, 2);
	memcpy(before, sg, sizeof(sg));
	double_fail(s.r.rig.d, DOUBLE_MAP_LIST, 1, -ENOMEM);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), -ENOMEM);
	assert_int_equal(n, 7);
	assert_memory_equal(sg, before, sizeof(sg));
	assert_int_equal(double_mapped_bytes(s.r.rig.d), 0);
	sg_down(&s);
}

static void check_misuse(bool translated)
{
	const struct piece good[] = {{1, 0, 4096}, {9, 0, 4096}};
	char outside[8];
	struct dmp_sg sg[2];
	struct sg_rig s;
	size_t n = 7;

	sg_up(&s, translated, NULL);
	fill(sg, s.block, good, 2);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 0, DMP_TO_DEVICE, 0, &n), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, NULL, 2, DMP_TO_DEVICE, 0, &n), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, (enum dmp_dir)4, 0, &n), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 32, &n), -EINVAL);
	sg[1].len = 0;
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), -EINVAL);
	sg[1] = (struct dmp_sg){.buf = outside, .len = 8};
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), -EFAULT);
	assert_int_equal(n, 7);
	assert_int_equal(device_stats(&s.r).map_failures, 6);
	fill(sg, s.block, good, 2);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 0, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, NULL, 2, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, 2, DMP_TO_DEVICE, 0), -ENOENT);
	sg_down(&s);
}

static void test_wrong_lists_change_nothing(void **state)
{
	(void)state;
	check_misuse(false);
	check_misuse(true);
}

/* Longer than what the stack holds: bookkeeping memory, which can be missing. */
static void test_long_list_takes_and_returns_memory(void **state)
{
	struct piece pieces[MANY];
	struct dmp_sg sg[MANY];
	struct sg_rig s;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		pieces[i] = (struct piece){(i * 7) % 64, 0, 4096};
	sg_up(&s, true, NULL);
	fill(sg, s.block, pieces, MANY);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 1, 1);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, MANY, DMP_TO_DEVICE, 0, &n), -ENOMEM);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0);
	assert_int_equal(dmp_dma_map_sg(s.r.dev, sg, MANY, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 1);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(rig_phys_at(&s.r.rig, sg[0].addr + i * PAGE),
				 s.phys + pieces[i].page * PAGE);
	assert_int_equal(dmp_dma_unmap_sg(s.r.dev, sg, MANY, DMP_TO_DEVICE, 0), 0);
	sg_down(&s);
}

static void test_null_is_einval(void **state)
{
	struct dmp_sg sg = {.buf = &sg, .len = 1};
	struct device_rig r;
	size_t nmapped;

	(void)state;
	device_rig_up(&r, true, NULL);
	assert_int_equal(dmp_dma_map_sg(NULL, &sg, 1, DMP_TO_DEVICE, 0, &nmapped), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(r.dev, NULL, 1, DMP_TO_DEVICE, 0, &nmapped), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(r.dev, &sg, 1, DMP_TO_DEVICE, 0, NULL), -EINVAL);
	assert_int_equal(dmp_dma_unmap_sg(NULL, &sg, 1, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_unmap_sg(r.dev, NULL, 1, DMP_TO_DEVICE, 0), -EINVAL);
	device_rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_is_einval),
		cmocka_unit_test(test_whole_granules_become_one_answer),
		cmocka_unit_test(test_pieces_that_do_not_meet_on_a_granule_stay_apart),
		cmocka_unit_test(test_answers_are_no_longer_than_a_segment_may_be),
		cmocka_unit_test(test_piece_is_padded_up_to_the_segment_boundary),
		cmocka_unit_test(test_answers_do_not_cross_a_segment_boundary),
		cmocka_unit_test(test_piece_that_no_segment_can_hold_is_erange),
		cmocka_unit_test(test_translated_list_that_fails_leaves_nothing),
		cmocka_unit_test(test_wrong_lists_change_nothing),
		cmocka_unit_test(test_long_list_takes_and_returns_memory),
	};

	return cmocka_run_group_tests_name("dma_sg", tests, NULL, NULL);
}
