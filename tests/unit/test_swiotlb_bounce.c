// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_bounce.c - proves which bytes lib/swiotlb/swiotlb_bounce.c copies, and which not
 *
 * The original stands in the middle of a field of bytes, so that a byte too many is seen.
 */
#include "swiotlb_rig.h"

#define FIELD  (64u * 1024)
#define BEFORE 0x30a34u /* the original's offset from RIG_ORIG: odd, and not of a page */
#define LEN    5000u

static const struct dmp_swiotlb_limits padded = {
	.size = sizeof(padded), .min_align_mask = 0xfff, .alloc_align_mask = 0xfff};

struct field {
	struct swiotlb_rig rig;
	unsigned char *orig;   /* LEN bytes of the original */
	unsigned char *around; /* FIELD bytes around it */
	unsigned char *bounce; /* LEN bytes of the bounce buffer */
	dmp_phys_t phys;
};

static void field_up(struct field *f, const struct dmp_swiotlb_limits *limits)
{
	swiotlb_rig_up(&f->rig, 512, 1);
	f->around = swiotlb_rig_bytes(&f->rig, RIG_ORIG + BEFORE - FIELD / 2, FIELD);
	f->orig = f->around + FIELD / 2;
	for (unsigned i = 0; i < FIELD; i++)
		f->around[i] = (unsigned char)(i * 7 + 1);
	f->phys = swiotlb_rig_map(&f->rig, limits, RIG_ORIG + BEFORE, LEN);
	f->bounce = swiotlb_rig_bytes(&f->rig, f->phys, LEN);
}

static void field_down(struct field *f)
{
	swiotlb_rig_unmap_all(&f->rig);
	swiotlb_rig_down(&f->rig);
}

/* The original holds @value in bytes @from .. @from + @len - 1, and everything around is old. */
static void assert_written(const struct field *f, unsigned from, unsigned len, unsigned char value)
{
	unsigned begin = FIELD / 2 + from;

	for (unsigned i = 0; i < FIELD; i++)
		assert_int_equal(f->around[i], i >= begin && i < begin + len
						       ? value
						       : (unsigned char)(i * 7 + 1));
}

static void test_every_map_copies_the_original_in(void **state)
{
	static const enum dmp_dir dirs[] = {DMP_TO_DEVICE, DMP_FROM_DEVICE, DMP_BIDIRECTIONAL};
	struct field f;
	dmp_phys_t phys = 0;

	(void)state;
	field_up(&f, &padded);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dmp_swiotlb_map(f.rig.tlb, &padded, RIG_ORIG + BEFORE, LEN,
						 dirs[i], DMP_ATTR_SKIP_SYNC, &phys),
				 0);
		assert_memory_equal(swiotlb_rig_bytes(&f.rig, phys, LEN), f.orig, LEN);
	}
	field_down(&f);
}

static void test_unmap_copies_back_what_a_device_may_have_written(void **state)
{
	struct field f;

	(void)state;
	field_up(&f, &padded);
	memset(f.bounce, 0xee, LEN);
	assert_int_equal(dmp_swiotlb_unmap(f.rig.tlb, f.phys, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_written(&f, 0, LEN, 0xee);
	field_down(&f);
}

static void test_unmap_copies_nothing_where_it_should_not(void **state)
{
	static const struct {
		enum dmp_dir dir;
		unsigned attrs;
	} how[] = {
		{DMP_TO_DEVICE, 0},
		{DMP_FROM_DEVICE, DMP_ATTR_SKIP_SYNC},
		{DMP_BIDIRECTIONAL, DMP_ATTR_SKIP_SYNC},
	};
	struct field f;

	(void)state;
	for (int i = 0; i < 3; i++) {
		field_up(&f, &padded);
		memset(f.bounce, 0xee, LEN);
		assert_int_equal(
			dmp_swiotlb_unmap(f.rig.tlb, f.phys, LEN, how[i].dir, how[i].attrs), 0);
		assert_written(&f, 0, 0, 0);
		field_down(&f);
	}
}

/* Over a slot's end, from any byte to any byte. */
static void test_a_sync_for_the_cpu_copies_its_part_alone(void **state)
{
	static const unsigned parts[][2] = {{0, 1}, {1, 2047}, {1483, 3}, {2047, 2953}, {4999, 1}};
	struct field f;

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		field_up(&f, &padded);
		memset(f.bounce, 0xee, LEN);
		assert_int_equal(dmp_swiotlb_sync_for_cpu(f.rig.tlb, f.phys + parts[i][0],
							  parts[i][1], DMP_FROM_DEVICE),
				 0);
		assert_written(&f, parts[i][0], parts[i][1], 0xee);
		field_down(&f);
	}
}

static void test_a_sync_for_the_device_copies_its_part_alone(void **state)
{
	struct field f;

	(void)state;
	field_up(&f, &padded);
	memset(f.bounce, 0xee, LEN);
	assert_int_equal(dmp_swiotlb_sync_for_device(f.rig.tlb, f.phys + 1000, 2000, DMP_TO_DEVICE),
			 0);
	for (unsigned i = 0; i < LEN; i++)
		assert_int_equal(f.bounce[i], i >= 1000 && i < 3000 ? f.orig[i] : 0xee);
	field_down(&f);
}

static void test_a_sync_against_the_direction_copies_nothing(void **state)
{
	struct field f;

	(void)state;
	field_up(&f, &padded);
	memset(f.bounce, 0xee, LEN);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(f.rig.tlb, f.phys, LEN, DMP_TO_DEVICE), 0);
	assert_int_equal(dmp_swiotlb_sync_for_device(f.rig.tlb, f.phys, LEN, DMP_FROM_DEVICE), 0);
	assert_written(&f, 0, 0, 0);
	for (unsigned i = 0; i < LEN; i++)
		assert_int_equal(f.bounce[i], 0xee);
	field_down(&f);
}

/* Without alloc_align_mask the mapping ends where the buffer does. */
static void test_a_sync_of_more_than_was_mapped_is_cut_down(void **state)
{
	struct field f;

	(void)state;
	field_up(&f, &DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff));
	memset(f.bounce, 0xee, LEN);
	assert_int_equal(
		dmp_swiotlb_sync_for_cpu(f.rig.tlb, f.phys + 3000, 2001, DMP_BIDIRECTIONAL), 0);
	hw_rig_expect_bug(&f.rig.hw, "2001 bytes");
	assert_written(&f, 3000, 2000, 0xee);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(f.rig.tlb, f.phys, UINT64_MAX, DMP_BIDIRECTIONAL),
			 0);
	hw_rig_expect_bug(&f.rig.hw, "but the mapping has 5000");
	assert_written(&f, 0, LEN, 0xee);
	field_down(&f);
}

/* A byte too many would be the neighbour's, also where rounding leaves room for it; and a
 * wrong length is a wrong call whether or not bytes are copied. */
static void test_an_unmap_of_a_wrong_length_changes_nothing(void **state)
{
	static const uint64_t wrong[] = {1, LEN - 1, LEN + 1, 8192 - 0xa34, UINT64_MAX};
	struct field f;

	(void)state;
	field_up(&f, &padded);
	memset(f.bounce, 0xee, LEN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (int dir = DMP_BIDIRECTIONAL; dir <= DMP_FROM_DEVICE; dir++) {
			assert_int_equal(dmp_swiotlb_unmap(f.rig.tlb, f.phys, wrong[i],
							   (enum dmp_dir)dir, 0),
					 -EINVAL);
			hw_rig_expect_bug(&f.rig.hw, "where 5000 are mapped");
		}
		assert_int_equal(dmp_swiotlb_unmap(f.rig.tlb, f.phys, wrong[i], DMP_FROM_DEVICE,
						   DMP_ATTR_SKIP_SYNC),
				 -EINVAL);
		hw_rig_expect_bug(&f.rig.hw, "where 5000 are mapped");
	}
	assert_int_equal(swiotlb_rig_stats(&f.rig).used, 4);
	assert_written(&f, 0, 0, 0);
	field_down(&f);
}

static void test_the_direction_that_counts_is_that_of_the_unmap(void **state)
{
	struct field f;
	dmp_phys_t phys = 0;

	(void)state;
	field_up(&f, &padded);
	assert_int_equal(
		dmp_swiotlb_map(f.rig.tlb, NULL, RIG_ORIG + BEFORE, LEN, DMP_TO_DEVICE, 0, &phys),
		0);
	memset(swiotlb_rig_bytes(&f.rig, phys, LEN), 0xee, LEN);
	assert_int_equal(dmp_swiotlb_unmap(f.rig.tlb, phys, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_written(&f, 0, LEN, 0xee);
	field_down(&f);
}

/* 5000 bytes at 0xa34 in units of 4 KiB: 8192 bytes, less the padding in front. */
static void test_rounding_is_copied_only_for_who_asks_for_it(void **state)
{
	struct field f;

	(void)state;
	field_up(&f, &padded);
	memset(swiotlb_rig_bytes(&f.rig, f.phys, 8192 - 0xa34), 0xee, 8192 - 0xa34);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(f.rig.tlb, f.phys, LEN, DMP_FROM_DEVICE), 0);
	assert_written(&f, 0, LEN, 0xee);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(f.rig.tlb, f.phys, 9000, DMP_FROM_DEVICE), 0);
	hw_rig_expect_bug(&f.rig.hw, "9000 bytes");
	assert_written(&f, 0, 8192 - 0xa34, 0xee);
	field_down(&f);
}

/* In the padding, in front of the data in its slot, behind the end, in a free slot. */
static void test_addresses_without_data_are_no_mappings(void **state)
{
	struct field f;
	dmp_phys_t nowhere[4];

	(void)state;
	field_up(&f, &padded);
	nowhere[0] = dmp_align_down(f.phys, 4096);
	nowhere[1] = f.phys - 1;
	nowhere[2] = nowhere[0] + 8192;
	nowhere[3] = RIG_POOL + 511 * SLOT;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(
			dmp_swiotlb_sync_for_cpu(f.rig.tlb, nowhere[i], 1, DMP_FROM_DEVICE),
			-ENOENT);
		hw_rig_expect_bug(&f.rig.hw, "nothing is mapped");
	}
	assert_written(&f, 0, 0, 0);
	field_down(&f);
}

static void test_an_original_that_is_gone_is_told_and_the_slots_are_freed(void **state)
{
	struct field f;

	(void)state;
	field_up(&f, &padded);
	double_fail(f.rig.hw.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(dmp_swiotlb_sync_for_device(f.rig.tlb, f.phys, LEN, DMP_TO_DEVICE),
			 -EFAULT);
	double_fail(f.rig.hw.d, DOUBLE_PHYS_TO_BUF, 1, -EFAULT);
	assert_int_equal(dmp_swiotlb_unmap(f.rig.tlb, f.phys, LEN, DMP_FROM_DEVICE, 0), -EFAULT);
	assert_int_equal(swiotlb_rig_stats(&f.rig).used, 0);
	field_down(&f);
}

/* An allocator made to measure slots alone hands them out as ever, and leaves their bytes be. */
static void test_without_copies_no_byte_moves(void **state)
{
	struct dmp_swiotlb_opts opts =
		DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1, .flags = DMP_SWIOTLB_NO_COPY);
	struct swiotlb_rig rig;
	unsigned char *orig, *bounce;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(dmp_swiotlb_create(rig.hw.hw, &opts, &rig.tlb), 0);
	orig = swiotlb_rig_bytes(&rig, RIG_ORIG, LEN);
	memset(orig, 1, LEN);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, LEN);
	bounce = swiotlb_rig_bytes(&rig, phys, LEN);
	assert_int_equal(bounce[0], 0);
	assert_int_equal(dmp_swiotlb_sync_for_device(rig.tlb, phys, LEN, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(bounce[0], 0);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(rig.tlb, phys, LEN, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, LEN, DMP_BIDIRECTIONAL, 0), 0);
	for (unsigned i = 0; i < LEN; i++)
		assert_int_equal(orig[i], 1);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_map_copies_the_original_in),
		cmocka_unit_test(test_without_copies_no_byte_moves),
		cmocka_unit_test(test_unmap_copies_back_what_a_device_may_have_written),
		cmocka_unit_test(test_unmap_copies_nothing_where_it_should_not),
		cmocka_unit_test(test_a_sync_for_the_cpu_copies_its_part_alone),
		cmocka_unit_test(test_a_sync_for_the_device_copies_its_part_alone),
		cmocka_unit_test(test_a_sync_against_the_direction_copies_nothing),
		cmocka_unit_test(test_a_sync_of_more_than_was_mapped_is_cut_down),
		cmocka_unit_test(test_an_unmap_of_a_wrong_length_changes_nothing),
		cmocka_unit_test(test_the_direction_that_counts_is_that_of_the_unmap),
		cmocka_unit_test(test_rounding_is_copied_only_for_who_asks_for_it),
		cmocka_unit_test(test_addresses_without_data_are_no_mappings),
		cmocka_unit_test(test_an_original_that_is_gone_is_told_and_the_slots_are_freed),
	};

	return cmocka_run_group_tests_name("swiotlb_bounce", tests, NULL, NULL);
}
