// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_list.c - proves L1 and L2 of lib/swiotlb/swiotlb_list.c, and what a reader sees
 * that stands on a pool while it goes
 */
#include "growth_rig.h"

/* Numbers of the pools of a list, in its order. */
static void assert_list(swiotlb_pool_link *list, const char *numbers)
{
	struct swiotlb_pool *pool;
	char text[64] = "";

	for (pool = load_acquire(list); pool; pool = load_acquire(&pool->next)) {
		assert_ptr_equal(load_acquire(pool->from), pool);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u ", pool->number);
	}
	assert_string_equal(text, numbers);
}

/* first = 0; then a transient one for each pool that grows. */
static void test_both_lists_are_newest_first(void **state)
{
	struct swiotlb_rig rig;
	int i;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	for (i = 0; i < 2; i++) {
		growth_rig_map(&rig, NULL, 1);
		growth_rig_work(&rig, 1);
		growth_rig_fill(&rig);
	}
	assert_list(&rig.tlb->pools, "4 2 0 ");
	assert_list(&rig.tlb->transients, "3 1 ");
	growth_rig_down(&rig);
}

static void test_a_pool_leaves_from_anywhere(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys[4];
	int i;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	for (i = 0; i < 4; i++)
		phys[i] = growth_rig_map(&rig, NULL, 1);
	assert_list(&rig.tlb->transients, "4 3 2 1 ");
	swiotlb_rig_unmap(&rig, phys[2]);
	assert_list(&rig.tlb->transients, "4 2 1 ");
	swiotlb_rig_unmap(&rig, phys[3]);
	assert_list(&rig.tlb->transients, "2 1 ");
	swiotlb_rig_unmap(&rig, phys[0]);
	assert_list(&rig.tlb->transients, "2 ");
	swiotlb_rig_unmap(&rig, phys[1]);
	assert_list(&rig.tlb->transients, "");
	growth_rig_down(&rig);
}

/* The reader has come to 3 when 3 and then 2 go: it reaches 1 all the same, and 2 on the way,
 * which is whole until the grace period. */
static void test_a_reader_walks_on_from_a_pool_that_is_gone(void **state)
{
	struct swiotlb_pool *pool;
	struct swiotlb_rig rig;
	dmp_phys_t phys[3];
	int i;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	for (i = 0; i < 3; i++)
		phys[i] = growth_rig_map(&rig, NULL, 1);
	pool = load_acquire(&rig.tlb->transients);
	assert_int_equal(pool->number, 3);
	swiotlb_rig_unmap(&rig, phys[2]);
	swiotlb_rig_unmap(&rig, phys[1]);
	pool = load_acquire(&pool->next);
	assert_int_equal(pool->number, 2);
	assert_true(swiotlb_pool_has(pool, phys[1]));
	pool = load_acquire(&pool->next);
	assert_int_equal(pool->number, 1);
	assert_null(load_acquire(&pool->next));
	assert_ptr_equal(swiotlb_list_find(rig.tlb, phys[0]), pool);
	assert_null(swiotlb_list_find(rig.tlb, phys[1]));
	growth_rig_down(&rig);
}

static void test_memory_of_any_pool_is_no_original(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys, out = 0;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	phys = growth_rig_map(&rig, NULL, 1);
	assert_true(swiotlb_list_overlaps(rig.tlb, GROWTH_FIRST - 1, 2));
	assert_false(swiotlb_list_overlaps(rig.tlb, GROWTH_FIRST - 1, 1));
	assert_true(swiotlb_list_overlaps(rig.tlb, phys, 1));
	assert_true(swiotlb_list_overlaps(rig.tlb, phys + SLOT - 1, 1));
	assert_false(swiotlb_list_overlaps(rig.tlb, phys + SLOT, 1));
	assert_int_equal(dmp_swiotlb_map(rig.tlb, NULL, phys, 1, DMP_TO_DEVICE, 0, &out), -EINVAL);
	hw_rig_expect_bug(&rig.hw, "which are the allocator's own");
	growth_rig_down(&rig);
}

static void assert_walker_sees(struct swiotlb_rig *rig)
{
	assert_int_equal(dmp_swiotlb_check(rig->tlb), -EIO);
	hw_rig_expect_bug(&rig->hw, "the lists of pools do not agree");
}

static void test_the_walker_sees_lists_and_counts_that_disagree(void **state)
{
	struct swiotlb_pool *transient;
	swiotlb_pool_link *from, other = NULL;
	struct swiotlb_rig rig;

	(void)state;
	growth_rig_up(&rig, &DMP_SWIOTLB_OPTS(.slots = 128));
	growth_rig_map(&rig, NULL, 2 * SLOT);
	transient = load_acquire(&rig.tlb->transients);
	from = transient->from;
	transient->from = &other;
	assert_walker_sees(&rig);
	transient->from = from;
	add_relaxed(&rig.tlb->counts.transient, 1);
	assert_walker_sees(&rig);
	add_relaxed(&rig.tlb->counts.transient, UINT64_MAX);
	add_relaxed(&rig.tlb->counts.slots, 1);
	assert_walker_sees(&rig);
	add_relaxed(&rig.tlb->counts.slots, UINT64_MAX);
	assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
	growth_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_lists_are_newest_first),
		cmocka_unit_test(test_a_pool_leaves_from_anywhere),
		cmocka_unit_test(test_a_reader_walks_on_from_a_pool_that_is_gone),
		cmocka_unit_test(test_memory_of_any_pool_is_no_original),
		cmocka_unit_test(test_the_walker_sees_lists_and_counts_that_disagree),
	};

	return cmocka_run_group_tests_name("swiotlb_list", tests, NULL, NULL);
}
