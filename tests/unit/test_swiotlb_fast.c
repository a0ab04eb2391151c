// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_fast.c - proves what lib/swiotlb/swiotlb_fast.h says: its short cuts lead where
 * the long way does, and are left where they do not
 *
 * A boundary mask of all ones asks for nothing, but is a boundary: with it a request takes the
 * long way.
 */
#include "swiotlb_rig.h"

#include "rng.h"
#include "swiotlb_fast.h"

static void test_the_shape_of_a_simple_mapping_is_that_of_its_note(void **state)
{
	static const uint64_t lens[] = {1, 2, 2047, 2048, 4096, 5000, 65536, 131071, 131072};

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		const struct swiotlb_request req = {.bytes = lens[i], .len = lens[i]};
		struct swiotlb_note note;

		describe(&note, &req, RIG_ORIG);
		assert_int_equal(swiotlb_fast_shape(lens[i]), note.shape);
	}
}

static void test_a_buffer_is_simple_that_begins_where_a_slot_may(void **state)
{
	static const struct {
		struct dmp_swiotlb_limits limits;
		uint64_t orig, len, period;
	} table[] = {
		{{.flags = 0}, 0x10001, 4095, 1},
		{{.flags = 0}, 0x10001, 4096, 2}, /* implicit page */
		{{.flags = 0}, 0x10001, 131072, 2},
		{{.flags = 0}, 0x10001, 131073, 0}, /* more than a word */
		{{.flags = 0}, 0x10001, UINT64_MAX, 0},
		{{.min_align_mask = 0x7ff}, 0x10800, 8192, 1}, /* no page, rule 5.4a */
		{{.min_align_mask = 0xfff}, 0x11000, 100, 2},
		{{.min_align_mask = 0xffff}, 0x10000, 100, 32},
		{{.min_align_mask = 0xfff}, 0x10800, 100, 0},
		{{.min_align_mask = 0xfff}, 0x10001, 100, 0},
		{{.alloc_align_mask = 0xfff}, 0x10000, 4096, 0},
		{{.boundary_mask = UINT64_MAX}, 0x10000, 4096, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(swiotlb_fast_period(&table[i].limits, table[i].orig, table[i].len),
				 table[i].period);
}

#define KEPT 200u

struct pair {
	dmp_phys_t fast, slow; /* 0: no mapping */
	uint64_t len;
};

static struct dmp_swiotlb_limits random_limits(struct rng *rng)
{
	static const uint64_t masks[] = {0, 0, 0x7ff, 0xfff, 0xffff};

	return DMP_SWIOTLB_LIMITS(.min_align_mask = masks[rng_range(rng, 0, 4)],
				  .addr_offset = rng_range(rng, 0, 3) * SLOT);
}

/* The same request both ways: the same answer, or the same refusal. */
static void map_both(struct swiotlb_rig *rig, struct dmp_swiotlb *slow, struct rng *rng,
		     struct pair *pair)
{
	struct dmp_swiotlb_limits limits = random_limits(rng);
	dmp_phys_t orig = RIG_ORIG + rng_range(rng, 0, 7) * 0x800;
	dmp_phys_t a = 0, b = 0;
	int err;

	pair->len = rng_range(rng, 1, rng_range(rng, 1, 150000));
	err = dmp_swiotlb_map(rig->tlb, &limits, orig, pair->len, DMP_TO_DEVICE, DMP_ATTR_NO_WARN,
			      &a);
	limits.boundary_mask = UINT64_MAX;
	assert_int_equal(dmp_swiotlb_map(slow, &limits, orig, pair->len, DMP_TO_DEVICE,
					 DMP_ATTR_NO_WARN, &b),
			 err);
	pair->fast = err ? 0 : a;
	pair->slow = err ? 0 : b;
	if (!err)
		assert_int_equal(a - rig->tlb->base, b - slow->base);
}

/* Out of a mapping of slots the long way leads with a copy. */
static void unmap_both(struct swiotlb_rig *rig, struct dmp_swiotlb *slow, struct pair *pair)
{
	assert_int_equal(dmp_swiotlb_unmap(rig->tlb, pair->fast, pair->len, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_swiotlb_unmap(slow, pair->slow, pair->len, DMP_BIDIRECTIONAL, 0), 0);
	*pair = (struct pair){.fast = 0};
}

static void test_both_ways_lead_to_the_same_slots(void **state)
{
	struct rng rng = rng_seeded(rng_seed_from_env(7));
	struct pair pairs[KEPT] = {{.fast = 0}};
	struct swiotlb_rig rig;
	struct dmp_swiotlb *slow;
	struct pair *pair;

	(void)state;
	swiotlb_rig_up(&rig, 2048, 2);
	assert_int_equal(
		dmp_swiotlb_create(rig.hw.hw, &DMP_SWIOTLB_OPTS(.slots = 2048, .areas = 2), &slow),
		0);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(dmp_harness_become(rng_range(&rng, 0, 1) & 1), 0);
		pair = &pairs[rng_range(&rng, 0, KEPT - 1)];
		if (pair->fast)
			unmap_both(&rig, slow, pair);
		else
			map_both(&rig, slow, &rng, pair);
	}
	for (pair = pairs; pair < pairs + KEPT; pair++)
		if (pair->fast)
			unmap_both(&rig, slow, pair);
	assert_int_equal(dmp_swiotlb_check(slow), 0);
	assert_int_equal(dmp_swiotlb_destroy(slow), 0);
	swiotlb_rig_down(&rig);
}

/* Slots 62 and 63 end a word: two fit, from 63 on they lie in two words. */
static void test_slots_in_two_words_are_taken_the_long_way(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	for (uint64_t i = 0; i < 63; i++)
		swiotlb_rig_map(&rig, NULL, RIG_ORIG, SLOT);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, SLOT + 1);
	assert_int_equal(phys, RIG_POOL + 63 * SLOT);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, SLOT + 1, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(swiotlb_rig_area(&rig, 0).used, 63);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Behind the one segment there is room for another in its line: as if all were free there. */
static void test_nothing_is_taken_behind_the_end_of_the_area(void **state)
{
	struct swiotlb_pool pool = {.nslots = SEGMENT_SLOTS, .nareas = 1};
	struct swiotlb_note note = {.shape = 7};
	struct swiotlb_area *area;

	(void)state;
	assert_int_equal(swiotlb_books_make(&pool), 0);
	area = swiotlb_area_at(&pool, 0);
	memset(swiotlb_segment_at(&area->slots, 1)->free, 0xff, 16);
	dmp_lock_acquire(&area->area_lock);
	assert_false(swiotlb_fast_take_locked(&pool, area, SEGMENT_SLOTS, RIG_ORIG, 100, &note));
	assert_true(swiotlb_fast_take_locked(&pool, area, SEGMENT_SLOTS - 1, RIG_ORIG, 100, &note));
	dmp_lock_release(&area->area_lock);
	assert_int_equal(note.shape, swiotlb_fast_shape(100));
	swiotlb_books_free(&pool);
}

/* Each is wrong in one thing; nothing is freed. */
static void test_an_unmap_of_something_else_is_refused(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 512, 1);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 2 * SLOT);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, SLOT, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 2 * SLOT - 1, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys + 1, 2 * SLOT, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys + SLOT, SLOT, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(swiotlb_rig_area(&rig, 0).used, 2);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 2 * SLOT, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_swiotlb_unmap(rig.tlb, phys, 2 * SLOT, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(rig.hw.bugs, 5);
	rig.hw.bugs = 0;
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_shape_of_a_simple_mapping_is_that_of_its_note),
		cmocka_unit_test(test_a_buffer_is_simple_that_begins_where_a_slot_may),
		cmocka_unit_test(test_both_ways_lead_to_the_same_slots),
		cmocka_unit_test(test_slots_in_two_words_are_taken_the_long_way),
		cmocka_unit_test(test_nothing_is_taken_behind_the_end_of_the_area),
		cmocka_unit_test(test_an_unmap_of_something_else_is_refused),
	};

	return cmocka_run_group_tests_name("swiotlb_fast", tests, NULL, NULL);
}
