// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_request.c - proves the arithmetic of lib/swiotlb/swiotlb_request.c by tables
 */
#include "dmptest.h"

#include "swiotlb_internal.h"

static void test_sizes_follow_offset_and_rounding(void **state)
{
	/* A table of: min_align_mask, alloc_align_mask, orig, len -> slots, bytes, pad, low */
	static const struct {
		uint64_t min, alloc, orig, len, nslots, bytes, pad, low;
	} table[] = {
		{0, 0, 0x1001, 1, 1, 1, 0, 0},
		{0, 0, 0x1001, 2049, 2, 2049, 0, 0},
		{0, 0, 0x1001, 262144, 128, 262144, 0, 0},
		{0xfff, 0xfff, 0x140030a34, 5000, 4, 8192, 1, 0x234}, /* worked example 14.4 */
		{0xfff, 0, 0x140030a34, 5000, 3, 5564, 0, 0x234},     /* worked example 14.5 */
		{0x3ff, 0, 0xfff, 1, 1, 1024, 0, 0x3ff},
		{0xffff, 0xffff, 0x1ffff, 1, 32, 65536, 31, 0x7ff},
		{0, 0xfff, 0x1fff, 4096, 2, 4096, 0, 0},
		{0, 0x3ffff, 0x1fff, 1, 128, 262144, 0, 0},
	};
	struct swiotlb_request req;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(swiotlb_request_make(
					 &req,
					 &DMP_SWIOTLB_LIMITS(.min_align_mask = table[i].min,
							     .alloc_align_mask = table[i].alloc),
					 table[i].orig, table[i].len),
				 0);
		assert_int_equal(req.need.nslots, table[i].nslots);
		assert_int_equal(req.bytes, table[i].bytes);
		assert_int_equal(req.offset >> SLOT_SHIFT, table[i].pad);
		assert_int_equal(req.offset & SLOT_MASK, table[i].low);
	}
}

static void test_runs_begin_where_the_masks_say(void **state)
{
	/* min_align_mask, alloc_align_mask, orig, len -> period, residue, stride, all in slots */
	static const struct {
		uint64_t min, alloc, orig, len, period, residue, stride;
	} table[] = {
		{0, 0, 0x12345, 4095, 1, 0, 1},
		{0, 0, 0x12345, 4096, 2, 0, 2}, /* a page or more begins at a page ... */
		{1, 0, 0x12345, 4096, 1, 0, 1}, /* ... unless the device has a mask */
		{0, 0xffff, 0x12345, 1, 32, 0, 32},
		{0xfff, 0, 0x140030a34, 5000, 2, 1, 2},
		{0xffff, 0xfff, 0x5f234, 1, 32, 30, 31}, /* the last step of a tour is shorter */
		{0x3ff, 0, 0xfff, 1, 1, 0, 1},
		{UINT64_MAX, 0, 0x5800, 1, UINT64_C(1) << 53, 11, UINT64_C(1) << 53},
	};
	struct swiotlb_request req;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(swiotlb_request_make(
					 &req,
					 &DMP_SWIOTLB_LIMITS(.min_align_mask = table[i].min,
							     .alloc_align_mask = table[i].alloc),
					 table[i].orig, table[i].len),
				 0);
		assert_int_equal(req.need.period, table[i].period);
		assert_int_equal(req.residue, table[i].residue);
		assert_int_equal(req.need.stride, table[i].stride);
	}
}

static void test_what_no_segment_can_hold_is_out_of_range(void **state)
{
	static const struct {
		uint64_t min, alloc, orig, len;
		int err;
	} table[] = {
		{0, 0, 0, 262144, 0},           {0, 0, 0, 262145, -ERANGE},
		{0, 0, 0, UINT64_MAX, -ERANGE}, {0x7ff, 0, 1, 262144, -ERANGE},
		{0, 0x7ffff, 0, 1, -ERANGE},    {0, UINT64_MAX, 0, 1, -ERANGE},
		{0, 0, UINT64_MAX, 2048, 0},
	};
	struct swiotlb_request req;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(swiotlb_request_make(
					 &req,
					 &DMP_SWIOTLB_LIMITS(.min_align_mask = table[i].min,
							     .alloc_align_mask = table[i].alloc),
					 table[i].orig, table[i].len),
				 table[i].err);
}

/* Whether a request at @orig of @len bytes has a place in memory that begins at @phys. */
static bool can_fit(const struct dmp_swiotlb_limits *limits, dmp_phys_t phys, uint64_t orig,
		    uint64_t len)
{
	struct swiotlb_request req;

	assert_int_equal(swiotlb_request_make(&req, limits, orig, len), 0);
	return swiotlb_request_can_fit(&req, phys);
}

/* Worked example 14.6; a boundary below a slot counts as one slot. */
static void test_what_no_boundary_lets_through_cannot_fit(void **state)
{
	static const struct {
		uint64_t boundary, len;
		bool fits;
	} table[] = {
		{0, 262144, true},  {0xfff, 4096, true}, {0xfff, 4097, false},
		{0x7f, 2048, true}, {0x7f, 2049, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(can_fit(&DMP_SWIOTLB_LIMITS(.boundary_mask = table[i].boundary), 0,
					 0, table[i].len),
				 table[i].fits);
}

/*
 * The data keeps its address bits, so a run begins at the same slots of every segment, and of
 * every stretch between two boundaries: if it begins late it may never end in time.
 */
static void test_what_begins_too_late_in_every_segment_cannot_fit(void **state)
{
	static const struct {
		uint64_t min, boundary, phys, offset, orig, len;
		bool fits;
	} table[] = {
		{0xffff, 0, 0, 0, 0x8000, 224 << 10, true}, /* ends with its segment */
		{0xffff, 0, 0, 0, 0x8000, (224 << 10) + 1, false},
		{0xffff, 0, 0, 0, 0x8800, 224 << 10, false},
		{0xffff, 0, 0, 0x800, 0x8800, 224 << 10, true}, /* device addresses count */
		{0xffff, 0, 0, 0x8000, 0x8000, 256 << 10, true},
		{0xffff, 0, 0x8000, 0, 0x8000, 256 << 10, true}, /* so does where the pool begins */
		{0xfffff, 0, 0, 0, 0x48000, 224 << 10,
		 true}, /* segments further apart fit or not */
		{0xfffff, 0, 0, 0, 0x48800, 224 << 10, false},
		{0x1fff, 0x1fff, 0, 0, 0x1000, 4096, true},
		{0x1fff, 0x1fff, 0, 0, 0x1800, 4096, false},
		{0x1fff, 0x3fff, 0, 0, 0x1800, 8192, true},
		{0x7fff, 0x3fff, 0, 0x4000, 0x1800, 8192, true},
		/* Of an offset the bits within the boundary count: this is a segment's last slot. */
		{0x3ffff, 0x3fff, 0, 0x4800, 0, 4096, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(can_fit(&DMP_SWIOTLB_LIMITS(.min_align_mask = table[i].min,
							     .boundary_mask = table[i].boundary,
							     .addr_offset = table[i].offset),
					 table[i].phys, table[i].orig, table[i].len),
				 table[i].fits);
}

/* Rule 10.1: aligned to the size rounded up to a power of two of pages. */
static void test_pages_are_aligned_to_their_own_size(void **state)
{
	const struct dmp_swiotlb_limits wide = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xffff);
	struct swiotlb_request req;

	(void)state;
	assert_int_equal(swiotlb_request_pages(&req, &DMP_SWIOTLB_LIMITS(.flags = 0), 1), 0);
	assert_int_equal(req.need.period, 2);
	assert_int_equal(req.need.nslots, 1);
	assert_int_equal(swiotlb_request_pages(&req, &DMP_SWIOTLB_LIMITS(.flags = 0), 8193), 0);
	assert_int_equal(req.need.period, 8);
	assert_int_equal(req.need.stride, 8);
	assert_int_equal(req.need.nslots, 5);
	assert_int_equal(swiotlb_request_pages(&req, &wide, 4096), 0);
	assert_int_equal(req.need.period, 2);
	assert_int_equal(req.need.stride, 31); /* rule 5.4: bits below the period are not counted */
	assert_int_equal(swiotlb_request_pages(&req, &wide, 262145), -ERANGE);
}

static void test_pools_are_rounded_to_powers_of_two_with_a_segment_an_area(void **state)
{
	static const struct {
		uint64_t slots, areas, nslots, nareas;
	} table[] = {
		{0, 1, 32768, 1},  {0, 3, 32768, 4},     {1, 1, 128, 1},
		{1, 2, 256, 2},    {513, 4, 1024, 4},    {600, 64, 8192, 64},
		{512, 5, 1024, 8}, {32768, 1, 32768, 1}, {0, 1024, 131072, 1024},
		{129, 1, 256, 1},
	};
	uint64_t nslots, nareas;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		swiotlb_pool_size(table[i].slots, table[i].areas, &nslots, &nareas);
		assert_int_equal(nslots, table[i].nslots);
		assert_int_equal(nareas, table[i].nareas);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes_follow_offset_and_rounding),
		cmocka_unit_test(test_runs_begin_where_the_masks_say),
		cmocka_unit_test(test_what_no_segment_can_hold_is_out_of_range),
		cmocka_unit_test(test_what_no_boundary_lets_through_cannot_fit),
		cmocka_unit_test(test_what_begins_too_late_in_every_segment_cannot_fit),
		cmocka_unit_test(test_pages_are_aligned_to_their_own_size),
		cmocka_unit_test(test_pools_are_rounded_to_powers_of_two_with_a_segment_an_area),
	};

	return cmocka_run_group_tests_name("swiotlb_request", tests, NULL, NULL);
}
