// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_find.c - proves S4 of lib/swiotlb/swiotlb_find.c, that its arithmetic finds what
 * a look at each slot finds, and that it spares itself the segments where nothing can be
 */
#include "swiotlb_rig.h"

#include "rng.h"

#define NSLOTS 1024u

static struct dmp_swiotlb_area *slots_of(struct swiotlb_rig *rig)
{
	return &swiotlb_area_at(rig->tlb->pools, 0)->slots;
}

static bool is_free(const struct dmp_swiotlb_area *area, uint64_t slot)
{
	return swiotlb_segment_at(area, slot / 128)->free[slot % 128 / 64] >> slot % 64 & 1;
}

/* One slot after the other. */
static bool fits(const struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
		 uint64_t slot)
{
	uint64_t in_boundary = (need->device_slot + slot) % need->boundary_slots;

	if (slot % need->period != need->residue || slot % 128 + need->nslots > 128 ||
	    in_boundary + need->nslots > need->boundary_slots)
		return false;
	for (uint64_t i = slot; i < slot + need->nslots; i++)
		if (!is_free(area, i))
			return false;
	return true;
}

/* The same for each slot of the window; NSLOTS: none. */
static uint64_t search(const struct dmp_swiotlb_area *area, const struct dmp_swiotlb_need *need,
		       uint64_t lo, uint64_t hi)
{
	for (uint64_t slot = lo; slot < hi; slot++)
		if (fits(area, need, slot))
			return slot;
	return NSLOTS;
}

static struct dmp_swiotlb_need random_need(struct rng *rng)
{
	struct dmp_swiotlb_need need = {
		.nslots = rng_range(rng, 0, 3) ? rng_range(rng, 1, 12) : rng_range(rng, 1, 128),
		.period = UINT64_C(1) << rng_range(rng, 0, rng_range(rng, 0, 3) ? 2 : 9),
		.device_slot = rng_range(rng, 0, 5000),
	};

	need.residue = rng_range(rng, 0, need.period - 1);
	need.boundary_slots =
		UINT64_C(1) << rng_range(rng, rng_range(rng, 0, 7) ? dmp_log2_ceil(need.nslots) : 0,
					 9);
	need.stride = need.period;
	return need;
}

static void compare_once(struct swiotlb_rig *rig, struct rng *rng)
{
	struct dmp_swiotlb_need need = random_need(rng);
	uint64_t lo = rng_range(rng, 0, NSLOTS - 1), hi = rng_range(rng, lo, NSLOTS);
	uint64_t want, got = NSLOTS, at = rng_range(rng, 0, NSLOTS - 1);

	if (rng_range(rng, 0, 1)) {
		lo = 0;
		hi = NSLOTS;
	}
	want = search(slots_of(rig), &need, lo, hi);
	assert_int_equal(dmp_swiotlb_area_find(slots_of(rig), &need, lo, hi, &got), want < NSLOTS);
	assert_int_equal(got, want);
	assert_int_equal(dmp_swiotlb_area_fits(slots_of(rig), &need, at),
			 fits(slots_of(rig), &need, at));
}

/* Occupied at random, now more, now less; what is searched is random too. */
static void test_arithmetic_finds_what_a_look_at_each_slot_finds(void **state)
{
	struct rng rng = rng_seeded(rng_seed_from_env(1));
	dmp_phys_t live[NSLOTS], phys = 0;
	struct swiotlb_rig rig;
	unsigned n = 0, most;

	(void)state;
	swiotlb_rig_up(&rig, NSLOTS, 1);
	for (unsigned i = 0; i < 4000; i++) {
		most = (unsigned)rng_range(&rng, 1, 6);
		if (rng_range(&rng, 0, 1999) > i % 2000 || n == 0) {
			if (!dmp_swiotlb_map(rig.tlb, NULL, RIG_ORIG, most * SLOT, DMP_TO_DEVICE,
					     DMP_ATTR_NO_WARN, &phys))
				live[n++] = phys;
		} else {
			unsigned at = (unsigned)rng_range(&rng, 0, n - 1);

			swiotlb_rig_unmap(&rig, live[at]);
			live[at] = live[--n];
		}
		for (unsigned k = 0; k < 4; k++)
			compare_once(&rig, &rng);
		if (i % 16 == 0)
			assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	}
	while (n)
		swiotlb_rig_unmap(&rig, live[--n]);
	swiotlb_rig_down(&rig);
}

/* Every slot mapped by itself, then those released of which @keep says no. */
static void comb(struct swiotlb_rig *rig, bool (*keep)(uint64_t slot), dmp_phys_t live[NSLOTS])
{
	swiotlb_rig_up(rig, NSLOTS, 1);
	for (uint64_t i = 0; i < NSLOTS; i++)
		live[i] = swiotlb_rig_map(rig, NULL, RIG_ORIG, SLOT);
	for (uint64_t i = 0; i < NSLOTS; i++)
		if (!keep(i))
			swiotlb_rig_unmap(rig, live[i]);
}

/* All slots of all segments free, behind the back of their kinds. */
static void flip_free(struct swiotlb_rig *rig, struct swiotlb_segment was[NSLOTS / 128], bool back)
{
	for (unsigned i = 0; i < NSLOTS / 128; i++) {
		struct swiotlb_segment *segment = swiotlb_segment_at(slots_of(rig), i);

		for (unsigned w = 0; w < 2; w++) {
			if (!back)
				was[i].free[w] = segment->free[w];
			segment->free[w] = back ? was[i].free[w] : UINT64_MAX;
		}
	}
}

/* A search for @n slots at an even one fails, and the next does not look at any segment. */
static void assert_not_visited_again(bool (*keep)(uint64_t slot), uint64_t n)
{
	const struct dmp_swiotlb_need need = {
		.nslots = n, .period = 2, .boundary_slots = UINT64_C(1) << 53};
	struct swiotlb_segment was[NSLOTS / 128];
	dmp_phys_t live[NSLOTS];
	struct swiotlb_rig rig;
	uint64_t slot = 7;

	comb(&rig, keep, live);
	assert_false(dmp_swiotlb_area_find(slots_of(&rig), &need, 0, NSLOTS, &slot));
	flip_free(&rig, was, false);
	assert_false(dmp_swiotlb_area_find(slots_of(&rig), &need, 0, NSLOTS, &slot));
	assert_int_equal(slot, 7);
	flip_free(&rig, was, true);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static bool is_even(uint64_t slot)
{
	return slot % 2 == 0;
}

/* Leaves 1-2, 5-6, 9-10 ... free. */
static bool is_around_a_page(uint64_t slot)
{
	return slot % 4 == 0 || slot % 4 == 3;
}

static bool is_first_of_9(uint64_t slot)
{
	return slot % 9 == 0;
}

static bool is_any(uint64_t slot)
{
	return slot < NSLOTS;
}

static void test_segments_visited_in_vain_are_not_visited_again(void **state)
{
	(void)state;
	assert_not_visited_again(is_even, 2);
	assert_not_visited_again(is_around_a_page, 2);
	assert_not_visited_again(is_first_of_9, 16);
	assert_not_visited_again(is_any, 1);
}

/*
 *   . . . x . . . .     slot 3 used, all around it released: 0-2 are of no kind above 2
 *   . . . . . . . .     slot 3 released: the run that it joins counts, not the slot
 */
static void test_a_released_slot_counts_with_its_neighbours(void **state)
{
	const struct dmp_swiotlb_need four = {
		.nslots = 4, .period = 4, .boundary_slots = UINT64_C(1) << 53};
	dmp_phys_t live[NSLOTS];
	struct swiotlb_rig rig;
	uint64_t slot = 7;

	(void)state;
	comb(&rig, is_any, live);
	assert_false(dmp_swiotlb_area_find(slots_of(&rig), &four, 0, NSLOTS, &slot));
	for (uint64_t i = 128; i < 132; i++) {
		assert_false(dmp_swiotlb_area_find(slots_of(&rig), &four, 0, NSLOTS, &slot));
		swiotlb_rig_unmap(&rig, live[i == 131 ? i : 258 - i]);
	}
	assert_true(dmp_swiotlb_area_find(slots_of(&rig), &four, 0, NSLOTS, &slot));
	assert_int_equal(slot, 128);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_window_ends_with_the_area(void **state)
{
	const struct dmp_swiotlb_need one = {
		.nslots = 1, .period = 1, .boundary_slots = UINT64_C(1) << 53};
	struct swiotlb_rig rig;
	uint64_t slot = 7;

	(void)state;
	swiotlb_rig_up(&rig, NSLOTS, 2);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_true(dmp_swiotlb_area_find(slots_of(&rig), &one, 0, UINT64_MAX, &slot));
	assert_int_equal(slot, 128);
	for (unsigned i = 1; i < 4; i++)
		swiotlb_rig_map(&rig, NULL, RIG_ORIG, 128 * SLOT);
	assert_false(dmp_swiotlb_area_find(slots_of(&rig), &one, 0, NSLOTS, &slot));
	assert_false(dmp_swiotlb_area_find(slots_of(&rig), &one, 600, NSLOTS, &slot));
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_runs_are_of_all_kinds_up_to_their_length(void **state)
{
	(void)state;
	assert_int_equal(swiotlb_kinds_of_run(0, 1), 0x01);
	assert_int_equal(swiotlb_kinds_of_run(1, 3), 0x03);
	assert_int_equal(swiotlb_kinds_of_run(2, 4), 0x07);
	assert_int_equal(swiotlb_kinds_of_run(1, 5), 0x07);
	assert_int_equal(swiotlb_kinds_of_run(124, 128), 0x0f);
	assert_int_equal(swiotlb_kinds_of_run(3, 36), 0x3f | 0x40);
	assert_int_equal(swiotlb_kinds_of_run(0, 63), 0x7f);
	assert_int_equal(swiotlb_kinds_of_run(64, 128), 0xff);
	assert_int_equal(swiotlb_kinds_of_run(0, 128), 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic_finds_what_a_look_at_each_slot_finds),
		cmocka_unit_test(test_segments_visited_in_vain_are_not_visited_again),
		cmocka_unit_test(test_a_released_slot_counts_with_its_neighbours),
		cmocka_unit_test(test_a_window_ends_with_the_area),
		cmocka_unit_test(test_runs_are_of_all_kinds_up_to_their_length),
	};

	return cmocka_run_group_tests_name("swiotlb_find", tests, NULL, NULL);
}
