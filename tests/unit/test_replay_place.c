// SPDX-License-Identifier: MIT
/*
 * test_replay_place.c - proves B1, B2 and B3 of bench/replay_place.c, and the page offsets
 * and the contiguity that its picture shows
 */
#include "test_replay_rig.h"

#define A_MAP   MAP(0, 01, "TO_DEVICE", 1000, 5123, 256)
#define A_UNMAP UNMAP(0, 03, "TO_DEVICE", 1000, 256)
#define B_MAP   MAP(0, 02, "TO_DEVICE", 2000, 5200, 256)
#define B_UNMAP UNMAP(0, 04, "TO_DEVICE", 2000, 256)
#define C_MAP   MAP(0, 05, "TO_DEVICE", 3000, 5300, 256)
#define C_UNMAP UNMAP(0, 06, "TO_DEVICE", 3000, 256)

static void test_a_buffer_has_its_recorded_page_offset(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, A_MAP A_UNMAP, &RIG(.route = DIRECT));
	assert_int_equal(rig.job.entry_at[0], 0x123);
	assert_int_equal(rig.job.blocks[0].order, 0);
	rig_discard(&rig);
}

/* B3: 0xf80 + 256 bytes end in the second page */
static void test_a_block_holds_the_offset_and_the_bytes(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig,
		    MAP(0, 01, "TO_DEVICE", 1f80, 5f80, 256) UNMAP(0, 02, "TO_DEVICE", 1f80, 256),
		    &RIG(.route = DIRECT));
	assert_int_equal(rig.job.blocks[0].order, 1);
	rig_discard(&rig);
}

/* B1, B2: A and B at once, then C where A was */
static void test_memory_is_used_again_only_after_its_mappings_end(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, A_MAP B_MAP A_UNMAP B_UNMAP C_MAP C_UNMAP, &RIG(.route = DIRECT));
	assert_int_equal(rig.job.nblocks, 2);
	assert_int_not_equal(rig.job.block_of[0], rig.job.block_of[1]);
	assert_int_equal(rig.job.block_of[2], rig.job.block_of[0]);
	assert_int_equal(rig.job.mappings[0].before, TRACE_NONE);
	assert_int_equal(rig.job.mappings[2].before, 0);
	assert_int_equal(rig.job.memory_bytes, 2 * 4096);
	rig_discard(&rig);
}

static void test_a_mapping_that_never_ends_keeps_its_memory(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, A_MAP B_MAP B_UNMAP C_MAP C_UNMAP, &RIG(.route = DIRECT));
	assert_int_equal(rig.job.block_of[2], rig.job.block_of[1]);
	assert_int_equal(rig.job.mappings[2].before, 1);
	rig_discard(&rig);
}

/*
 *    0x5000 + 0x1000    0x9000 + 0x200
 *    |################|    unused     |##..............|
 */
static void test_pieces_that_were_apart_stay_apart(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, MAP_SG(0, 01, "TO_DEVICE") UNMAP_SG(0, 02, "TO_DEVICE"),
		    &RIG(.route = DIRECT));
	assert_int_equal(rig.m.plan->mappings[0].nentries, 2);
	assert_int_equal(rig.job.entry_at[0], 0);
	assert_int_equal(rig.job.entry_at[1], 0x2000);
	assert_int_equal(rig.job.blocks[0].order, 2);
	rig_discard(&rig);
}

static void test_pieces_that_were_neighbours_stay_neighbours(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig,
		    ON(0, 01,
		       "dma_map_sg: " NVME
		       "dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x5100,0x6000} "
		       "sizes={0xf00,0x200} phys_addrs={0x5100,0x6000} attrs="),
		    &RIG(.route = DIRECT));
	assert_int_equal(rig.m.plan->mappings[0].nentries, 2);
	assert_int_equal(rig.job.entry_at[0], 0x100);
	assert_int_equal(rig.job.entry_at[1], 0x1000);
	assert_int_equal(rig.job.blocks[0].order, 1);
	rig_discard(&rig);
}

static void test_allocated_memory_has_no_block(void **state)
{
	struct rig rig;

	(void)state;
	rig_prepare(&rig, COHERENT(01, "dma_alloc", 8000, 6726), &RIG(.route = DIRECT));
	assert_int_equal(rig.job.nblocks, 0);
	assert_int_equal(rig.job.block_of[0], TRACE_NONE);
	rig_discard(&rig);
}

static void test_reset_points_mappings_at_the_machines_memory(void **state)
{
	char *block;
	struct rig rig;

	(void)state;
	rig_up(&rig, A_MAP A_UNMAP MAP_SG(0, 04, "TO_DEVICE"), &RIG(.route = DIRECT));
	block = rig.job.blocks[rig.job.block_of[0]].buf;
	assert_ptr_equal(rig.job.mappings[0].buf, block + 0x123);
	block = rig.job.blocks[rig.job.block_of[1]].buf;
	assert_ptr_equal(rig.job.mappings[1].sg[1].buf, block + 0x2000);
	assert_int_equal(rig.job.mappings[1].sg[1].len, 0x200);
	rig_down(&rig);
}

/* 300 KiB at 0x123 of their page, in a trace that bounced and kept the page offset. */
#define LONG_MAP                                                                                   \
	ON(0, 00,                                                                                  \
	   "swiotlb_bounced: dev_name: 0000:00:03.0 dma_mask=ffffffff dev_addr=5123 "              \
	   "size=307200 FORCE")                                                                    \
	MAP(0, 01, "TO_DEVICE", 1123, 5123, 307200)

/*
 *    |<------ 252 KiB ------>|<- 48 KiB ->|        256 KiB less one page
 */
static void test_a_buffer_longer_than_the_largest_mapping_becomes_a_list(void **state)
{
	const struct replay_mapping *m;
	struct rig rig;

	(void)state;
	rig_up(&rig, LONG_MAP, &RIG(.route = BOUNCE));
	m = &rig.job.mappings[0];
	assert_int_equal(m->nsg, 2);
	assert_ptr_equal(m->sg[0].buf, m->buf);
	assert_int_equal(m->sg[0].len, 258048);
	assert_ptr_equal(m->sg[1].buf, (char *)m->buf + 258048);
	assert_int_equal(m->sg[1].len, 307200 - 258048);
	rig_down(&rig);
}

static void test_devices_that_do_not_bounce_take_any_length(void **state)
{
	(void)state;
	for
		EVERY_ROUTE(route)
		{
			struct rig rig;

			if (route == BOUNCE)
				continue;
			rig_up(&rig, LONG_MAP, &RIG(.route = route));
			assert_int_equal(rig.job.mappings[0].nsg, 0);
			assert_null(rig.job.mappings[0].sg);
			rig_down(&rig);
		}
}

/*
 *    entries   |<- 512 KiB ---------------->|   |<- 4 KiB ->|
 *    list      |<- 256 KiB ->|<- 256 KiB -->|   |<- 4 KiB ->|     nothing of the offset kept
 */
static void test_only_the_long_entries_of_a_list_are_cut(void **state)
{
	const struct replay_mapping *m;
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       ON(0, 01,
		  "dma_map_sg: " NVME
		  "dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x500000,0x900000} "
		  "sizes={0x80000,0x1000} phys_addrs={0x500000,0x900000} attrs="),
	       &RIG(.route = BOUNCE));
	m = &rig.job.mappings[0];
	assert_int_equal(m->nsg, 3);
	assert_int_equal(m->sg[0].len, 262144);
	assert_int_equal(m->sg[1].len, 262144);
	assert_ptr_equal(m->sg[1].buf, (char *)m->sg[0].buf + 262144);
	assert_int_equal(m->sg[2].len, 4096);
	assert_ptr_equal(m->sg[2].buf, (char *)m->buf + rig.job.entry_at[1] - rig.job.entry_at[0]);
	rig_down(&rig);
}

static void test_lists_of_several_mappings_do_not_overlap(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig, LONG_MAP MAP_SG(0, 02, "TO_DEVICE") A_MAP, &RIG(.route = BOUNCE));
	assert_ptr_equal(rig.job.mappings[1].sg, rig.job.mappings[0].sg + 2);
	assert_int_equal(rig.job.mappings[1].nsg, 2);
	assert_null(rig.job.mappings[2].sg);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buffer_has_its_recorded_page_offset),
		cmocka_unit_test(test_a_block_holds_the_offset_and_the_bytes),
		cmocka_unit_test(test_memory_is_used_again_only_after_its_mappings_end),
		cmocka_unit_test(test_a_mapping_that_never_ends_keeps_its_memory),
		cmocka_unit_test(test_pieces_that_were_apart_stay_apart),
		cmocka_unit_test(test_pieces_that_were_neighbours_stay_neighbours),
		cmocka_unit_test(test_allocated_memory_has_no_block),
		cmocka_unit_test(test_reset_points_mappings_at_the_machines_memory),
		cmocka_unit_test(test_a_buffer_longer_than_the_largest_mapping_becomes_a_list),
		cmocka_unit_test(test_devices_that_do_not_bounce_take_any_length),
		cmocka_unit_test(test_only_the_long_entries_of_a_list_are_cut),
		cmocka_unit_test(test_lists_of_several_mappings_do_not_overlap),
	};

	return cmocka_run_group_tests_name("replay_place", tests, NULL, NULL);
}
