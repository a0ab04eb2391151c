// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_blocks.c - proves K1 and K2 of lib/swiotlb/swiotlb_blocks.c, and that none of the
 * defects that spec-bounce P2 lists is in it
 *
 * Each carved segment comes by __wrap_swiotlb_slot_carve_locked(), where a test can have a request
 * come in between.
 */
#include "carve_rig.h"
#include "growth_rig.h"

void __real_swiotlb_slot_carve_locked(struct swiotlb_pool *pool, uint64_t slot);
void __wrap_swiotlb_slot_carve_locked(struct swiotlb_pool *pool, uint64_t slot);

/* What happens when slot @at is carved. */
static struct meanwhile {
	struct swiotlb_rig *rig;
	uint64_t at;       /* UINT64_MAX: nothing */
	uint64_t occupies; /* this slot */
	bool retires;      /* the pool */
} meanwhile = {.at = UINT64_MAX};

static void let_others_run(struct swiotlb_pool *pool, uint64_t slot)
{
	struct swiotlb_area *area = swiotlb_area_of(pool, slot);

	meanwhile.at = UINT64_MAX;
	if (meanwhile.retires) {
		store_relaxed(&pool->retired, true);
		return;
	}
	dmp_lock_release(&area->area_lock);
	carve_rig_occupy(meanwhile.rig, meanwhile.occupies, 1);
	dmp_lock_acquire(&area->area_lock);
}

void __wrap_swiotlb_slot_carve_locked(struct swiotlb_pool *pool, uint64_t slot)
{
	__real_swiotlb_slot_carve_locked(pool, slot);
	if (slot == meanwhile.at)
		let_others_run(pool, slot);
}

static uint64_t area_used(struct swiotlb_rig *rig, uint64_t area)
{
	return swiotlb_rig_area(rig, area).used;
}

/* Whole blocks or single slots of them: bit b of @busy stands for block b. */
static void occupy_blocks(struct swiotlb_rig *rig, unsigned busy)
{
	unsigned b;

	for (b = 0; b < NBLOCKS; b++)
		if (busy & 1u << b)
			carve_rig_occupy(rig, b * BLOCK + (b * 389 + busy * 61) % BLOCK, 1);
}

static bool has_run(unsigned busy, unsigned n)
{
	unsigned b, run = 0;

	for (b = 0; b < NBLOCKS; b++) {
		run = busy & 1u << b ? 0 : run + 1;
		if (run == n)
			return true;
	}
	return false;
}

/* Carves @n blocks beside those that are @busy. */
static void try_run(struct swiotlb_rig *rig, unsigned busy, unsigned n)
{
	struct dmp_swiotlb *child = NULL;
	int err = carve_rig_try(rig, n, 1, &child);
	uint64_t b;

	assert_int_equal(err, has_run(busy, n) ? 0 : -ENOSPC);
	if (err) {
		assert_null(child);
		return;
	}
	b = carve_rig_block(rig, child);
	assert_int_equal(busy >> b & ((1u << n) - 1), 0);
	assert_int_equal(swiotlb_rig_stats(rig).carved, n * BLOCK);
	carve_rig_return(rig, child);
}

/*
 * Not only the place where the search begins:
 *
 *   busy   x . . x    one, two, but not three
 */
static void test_a_run_is_found_wherever_it_is_free(void **state)
{
	static const unsigned areas[] = {1, 2, 8, 32};
	struct swiotlb_rig rig;
	unsigned i, busy, n;

	(void)state;
	for (i = 0; i < 4; i++) {
		carve_rig_up(&rig, areas[i], NULL);
		for (busy = 0; busy < 1u << NBLOCKS; busy++) {
			occupy_blocks(&rig, busy);
			for (n = 1; n <= NBLOCKS; n++)
				try_run(&rig, busy, n);
			swiotlb_rig_unmap_all(&rig);
		}
		carve_rig_down(&rig);
	}
}

/* The area of a slot is its number divided by the slots of an area, not by their number. */
static void test_a_block_counts_in_the_areas_that_its_slots_are_in(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	uint64_t area;

	(void)state;
	carve_rig_up(&rig, 16, NULL);
	carve_rig_occupy(&rig, 5, 1);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(carve_rig_block(&rig, child), 1);
	for (area = 0; area < 16; area++)
		assert_int_equal(area_used(&rig, area), area == 0 ? 1 : area / 4 == 1 ? 256 : 0);
	carve_rig_return(&rig, child);
	for (area = 1; area < 16; area++)
		assert_int_equal(area_used(&rig, area), 0);
	carve_rig_down(&rig);
}

static void assert_in_use(struct swiotlb_rig *rig, uint64_t from, uint64_t to, bool want)
{
	bool in_use = !want;

	for (; from < to; from++) {
		assert_int_equal(dmp_swiotlb_inspect_slot(rig->tlb, 0, from, &in_use), 0);
		assert_int_equal(in_use, want);
	}
}

/*
 *   used  | 0 .. 1023 |           child           | 3072 ... |
 *   back                1024 ............... 3071
 */
static void test_what_comes_back_is_what_was_taken_to_the_slot(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	uint64_t slot;

	(void)state;
	carve_rig_up(&rig, 2, NULL);
	for (slot = 0; slot < NSLOTS; slot += SEGMENT_SLOTS)
		if (slot / BLOCK == 0 || slot / BLOCK == 3)
			carve_rig_occupy(&rig, slot, SEGMENT_SLOTS);
	child = carve_rig_carve(&rig, 2, 1);
	assert_in_use(&rig, 0, NSLOTS, true);
	carve_rig_return(&rig, child);
	assert_in_use(&rig, 0, BLOCK, true);
	assert_in_use(&rig, BLOCK, 3 * BLOCK, false);
	assert_in_use(&rig, 3 * BLOCK, NSLOTS, true);
	carve_rig_down(&rig);
}

/* However they come back, they are one run again. */
static void test_blocks_that_came_back_one_by_one_serve_a_longer_run(void **state)
{
	struct dmp_swiotlb *child[NBLOCKS];
	struct swiotlb_rig rig;
	unsigned order, i;

	(void)state;
	carve_rig_up(&rig, 4, NULL);
	for (order = 0; order < NBLOCKS; order++) {
		for (i = 0; i < NBLOCKS; i++)
			child[i] = carve_rig_carve(&rig, 1, 1);
		for (i = 0; i < NBLOCKS; i++)
			carve_rig_return(&rig, child[(order + i * 3) % NBLOCKS]);
		carve_rig_return(&rig, carve_rig_carve(&rig, NBLOCKS, 1));
	}
	carve_rig_down(&rig);
}

/* The positions of requests are theirs alone. */
static void test_carving_moves_no_search_index(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, 3 * SLOT), 0);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 3);
	carve_rig_return(&rig, child);
	assert_int_equal(swiotlb_rig_area(&rig, 0).index, 3);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, SLOT), 3);
	carve_rig_down(&rig);
}

static uint64_t fill_with_segments(struct swiotlb_rig *rig)
{
	uint64_t n = 0;
	dmp_phys_t phys;

	while (dmp_swiotlb_map(rig->tlb, NULL, RIG_ORIG, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE,
			       DMP_ATTR_NO_WARN, &phys) == 0)
		n++;
	return n;
}

/* What is known of a slot is restored with it. */
static void test_returned_slots_serve_requests_under_every_policy(void **state)
{
	static const struct dmp_swiotlb_policy *const policies[] = {
		&dmp_swiotlb_policy_linux, &dmp_swiotlb_policy_lifo, &dmp_swiotlb_policy_warm,
		&dmp_swiotlb_policy_round_robin};
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	unsigned i;

	(void)state;
	for (i = 0; i < 4; i++) {
		carve_rig_up(&rig, 2, policies[i]);
		child = carve_rig_carve(&rig, 3, 1);
		assert_int_equal(fill_with_segments(&rig), BLOCK / SEGMENT_SLOTS);
		carve_rig_return(&rig, child);
		assert_int_equal(fill_with_segments(&rig), 3 * BLOCK / SEGMENT_SLOTS);
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
		assert_int_equal(swiotlb_rig_stats(&rig).used, NSLOTS);
		swiotlb_rig_unmap_all(&rig);
		carve_rig_return(&rig, carve_rig_carve(&rig, NBLOCKS, 1));
		carve_rig_down(&rig);
	}
}

static void test_each_carving_begins_in_another_area(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	unsigned i;

	(void)state;
	carve_rig_up(&rig, 4, NULL);
	for (i = 0; i < 8; i++) {
		child = carve_rig_carve(&rig, 1, 1);
		assert_int_equal(carve_rig_block(&rig, child), i % 4);
		carve_rig_return(&rig, child);
	}
	carve_rig_down(&rig);
}

static void test_carved_slots_count_as_used_and_in_the_high_water_mark(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 4, NULL);
	carve_rig_occupy(&rig, 4095, 1);
	child = carve_rig_carve(&rig, 2, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 2 * BLOCK + 1);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 2 * BLOCK + 1);
	assert_int_equal(swiotlb_rig_stats(&rig).carved, 2 * BLOCK);
	assert_int_equal(swiotlb_rig_stats(&rig).children, 1);
	carve_rig_return(&rig, child);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 1);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 2 * BLOCK + 1);
	carve_rig_down(&rig);
}

/* A failed search takes nothing, not for a moment. */
static void test_a_search_in_vain_leaves_no_trace(void **state)
{
	struct dmp_swiotlb *child = NULL;
	struct swiotlb_rig rig;
	unsigned b;

	(void)state;
	carve_rig_up(&rig, 32, NULL);
	for (b = 0; b < NBLOCKS; b++)
		carve_rig_occupy(&rig, b * BLOCK + BLOCK - 1, 1);
	assert_int_equal(carve_rig_try(&rig, 1, 1, &child), -ENOSPC);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, 0);
	assert_int_equal(load_relaxed(&rig.tlb->pools->areas[0].peak), 0);
	assert_int_equal(area_used(&rig, 0), 0);
	assert_int_equal(carve_rig_try(&rig, NBLOCKS + 1, 1, &child), -ERANGE);
	assert_null(child);
	carve_rig_down(&rig);
}

/*
 * Areas of 128 slots, so a block is taken in eight parts:
 *
 *   block 0   # # # x          a request comes after the third part
 *             - - -
 *   block 1   # # # # # # # #
 */
static void test_a_request_that_comes_in_between_has_what_was_taken_undone(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;
	uint64_t area;

	(void)state;
	carve_rig_up(&rig, 32, NULL);
	meanwhile = (struct meanwhile){.rig = &rig, .at = 2 * 128, .occupies = 3 * 128 + 100};
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(meanwhile.at, UINT64_MAX);
	assert_int_equal(carve_rig_block(&rig, child), 1);
	for (area = 0; area < 8; area++)
		assert_int_equal(area_used(&rig, area), area == 3);
	assert_int_equal(swiotlb_rig_stats(&rig).used, BLOCK + 1);
	assert_int_equal(swiotlb_rig_stats(&rig).high_water, BLOCK + 1);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

/* The first pool has no block; the grown one has two. */
static void grow_for_blocks(struct swiotlb_rig *rig)
{
	growth_rig_up(rig, &DMP_SWIOTLB_OPTS(.slots = 2048, .areas = 2, .idle_ns = 1000,
					     .flags = DMP_SWIOTLB_NO_COPY));
	swiotlb_rig_unmap(rig, growth_rig_map(rig, NULL, SLOT)); /* asks for growth */
	dmp_harness_run_pending();
	assert_int_equal(swiotlb_rig_stats(rig).pools, 2);
}

static void test_a_grown_pool_stays_while_blocks_of_it_are_carved(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	grow_for_blocks(&rig);
	child = carve_rig_carve(&rig, 2, 1);
	dmp_harness_advance(10000);
	dmp_harness_grace_period();
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 2);
	assert_true(dmp_swiotlb_owns(rig.tlb, child->pools->phys));
	carve_rig_return(&rig, child);
	dmp_harness_advance(10000);
	dmp_harness_grace_period();
	assert_int_equal(swiotlb_rig_stats(&rig).pools, 1);
	growth_rig_down(&rig);
}

/* Nor is one that the worker has looked at as empty while its blocks were taken. */
static void test_no_block_stays_taken_in_a_retired_pool(void **state)
{
	struct dmp_swiotlb *child = NULL;
	struct swiotlb_rig rig;

	(void)state;
	grow_for_blocks(&rig);
	meanwhile = (struct meanwhile){.rig = &rig, .at = 0, .retires = true};
	assert_int_equal(carve_rig_try(&rig, 2, 1, &child), -ENOSPC);
	assert_null(child);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 2048);
	assert_int_equal(swiotlb_rig_stats(&rig).carved, 0);
	store_relaxed(&rig.tlb->pools->retired, false);
	growth_rig_down(&rig);
}

/* A grown pool is newer, and could not be given back. */
static void test_blocks_of_the_first_pool_are_taken_before_grown_ones(void **state)
{
	struct dmp_swiotlb *child[2];
	struct swiotlb_rig rig;

	(void)state;
	grow_for_blocks(&rig);
	for (uint64_t slot = 0; slot < BLOCK; slot++)
		swiotlb_rig_unmap(&rig, GROWTH_FIRST + (BLOCK + slot) * SLOT);
	child[0] = carve_rig_carve(&rig, 1, 1);
	child[1] = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(child[0]->pools->phys, GROWTH_FIRST + BLOCK * SLOT);
	assert_true(child[1]->pools->phys >= GROWTH_FIRST + 2 * BLOCK * SLOT);
	carve_rig_return(&rig, child[0]);
	carve_rig_return(&rig, child[1]);
	growth_rig_down(&rig);
}

/* 1536 slots: one block, and half of one that is never carved. */
static void test_a_restricted_range_may_end_in_a_part_of_a_block(void **state)
{
	struct dmp_swiotlb *child = NULL;
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_begin(&rig);
	assert_int_equal(dmp_swiotlb_create_restricted(rig.hw.hw, RIG_POOL, 1536 * SLOT, &rig.tlb),
			 0);
	assert_int_equal(carve_rig_try(&rig, 2, 1, &child), -ERANGE);
	child = carve_rig_carve(&rig, 1, 1);
	assert_int_equal(carve_rig_block(&rig, child), 0);
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

static void test_the_walker_sees_a_carved_segment_that_no_child_has(void **state)
{
	struct dmp_swiotlb *child;
	struct swiotlb_rig rig;

	(void)state;
	carve_rig_up(&rig, 1, NULL);
	child = carve_rig_carve(&rig, 1, 1);
	add_relaxed(&rig.tlb->counts.carved, UINT64_MAX);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), -EIO);
	hw_rig_expect_bug(&rig.hw, "does not agree with what children have");
	add_relaxed(&rig.tlb->counts.carved, 1);
	rig.tlb->pools->notes[128].orig[0] = 7;
	assert_int_equal(dmp_swiotlb_check(child), -EIO);
	hw_rig_expect_bug(&rig.hw, "does not agree with what children have");
	rig.tlb->pools->notes[128].orig[0] = (uint32_t)SWIOTLB_CARVED;
	carve_rig_return(&rig, child);
	carve_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_is_found_wherever_it_is_free),
		cmocka_unit_test(test_a_block_counts_in_the_areas_that_its_slots_are_in),
		cmocka_unit_test(test_what_comes_back_is_what_was_taken_to_the_slot),
		cmocka_unit_test(test_blocks_that_came_back_one_by_one_serve_a_longer_run),
		cmocka_unit_test(test_carving_moves_no_search_index),
		cmocka_unit_test(test_returned_slots_serve_requests_under_every_policy),
		cmocka_unit_test(test_each_carving_begins_in_another_area),
		cmocka_unit_test(test_carved_slots_count_as_used_and_in_the_high_water_mark),
		cmocka_unit_test(test_a_search_in_vain_leaves_no_trace),
		cmocka_unit_test(test_a_request_that_comes_in_between_has_what_was_taken_undone),
		cmocka_unit_test(test_a_grown_pool_stays_while_blocks_of_it_are_carved),
		cmocka_unit_test(test_no_block_stays_taken_in_a_retired_pool),
		cmocka_unit_test(test_blocks_of_the_first_pool_are_taken_before_grown_ones),
		cmocka_unit_test(test_a_restricted_range_may_end_in_a_part_of_a_block),
		cmocka_unit_test(test_the_walker_sees_a_carved_segment_that_no_child_has),
	};

	return cmocka_run_group_tests_name("swiotlb_blocks", tests, NULL, NULL);
}
