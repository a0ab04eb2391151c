// SPDX-License-Identifier: MIT
/*
 * test_model_swiotlb.c - random operations give the answers of tests/support/model_swiotlb.c
 * under each policy, and every byte stays where it belongs
 *
 * The placements are the model's.  The bytes are checked against a shadow of each mapping:
 * what the original and the bounce buffer hold after copies of any part, in any direction.
 * DMP_TEST_SEED repeats a run, DMP_TEST_ROUNDS makes it longer.
 */
#include "dmptest.h"
#include "model_swiotlb.h"
#include "rng.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#define LIVE       200u
#define COMPARE_IN 64u
/* The machine is the host: an address is a pointer.  Originals have a place of their own each, so that no copy
 * hides another. */
#define PLACE      (DMP_SWIOTLB_MAX_BYTES + 0x20000)

struct live {
	struct dmp_swiotlb_mapping_view at;
	unsigned place;
	uint64_t len;
	unsigned char orig, bounce; /* what all their bytes hold */
};

struct match {
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb;
	struct model_swiotlb *model;
	struct dmp_swiotlb_pool_view pool;
	struct rng rng;
	unsigned char *arena; /* LIVE places */
	struct live live[LIVE];
	bool taken[LIVE];
	unsigned nlive;
};

static void compare(struct match *t)
{
	struct dmp_swiotlb_area_view got, want;
	struct dmp_swiotlb_stats stats;
	bool used = false;

	assert_int_equal(dmp_swiotlb_get_stats(t->tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, model_swiotlb_used(t->model));
	assert_int_equal(stats.high_water, model_swiotlb_high_water(t->model));
	for (uint64_t i = 0; i < t->pool.areas; i++) {
		assert_int_equal(dmp_swiotlb_inspect_area(t->tlb, 0, i, &got), 0);
		want = model_swiotlb_area(t->model, i);
		assert_int_equal(got.used, want.used);
		assert_int_equal(got.index, want.index);
	}
	for (uint64_t slot = 0; slot < t->pool.slots; slot++) {
		assert_int_equal(dmp_swiotlb_inspect_slot(t->tlb, 0, slot, &used), 0);
		assert_int_equal(used, model_swiotlb_in_use(t->model, slot));
	}
	assert_int_equal(dmp_swiotlb_check(t->tlb), 0);
}

static unsigned char *bounce_of(const struct live *l)
{
	return (unsigned char *)(uintptr_t)l->at.phys;
}

static unsigned char *orig_of(const struct live *l)
{
	return (unsigned char *)(uintptr_t)l->at.orig;
}

static void assert_bytes(const unsigned char *at, uint64_t len, unsigned char value)
{
	for (uint64_t i = 0; i < len; i++)
		assert_int_equal(at[i], value);
}

static uint64_t random_mask(struct match *t, unsigned lo, unsigned hi)
{
	return rng_range(&t->rng, 0, 2) ? 0 : DMP_MASK(rng_range(&t->rng, lo, hi));
}

static uint64_t random_len(struct match *t)
{
	if (rng_range(&t->rng, 0, 3))
		return rng_range(&t->rng, 1, 3 * 4096);
	return rng_range(&t->rng, 1, DMP_SWIOTLB_MAX_BYTES + 1000);
}

static struct dmp_swiotlb_limits random_limits(struct match *t)
{
	return DMP_SWIOTLB_LIMITS(.min_align_mask = random_mask(t, 1, 17),
				  .alloc_align_mask = random_mask(t, 9, 17),
				  .boundary_mask = random_mask(t, 10, 20),
				  .addr_offset = rng_range(&t->rng, 0, 63) * 2048);
}

/* Something free in the arena, at any offset of its first 64 KiB. */
static dmp_phys_t random_place(struct match *t, unsigned *place)
{
	*place = (unsigned)rng_range(&t->rng, 0, LIVE - 1);
	while (t->taken[*place])
		*place = (*place + 1) % LIVE;
	return (uintptr_t)t->arena + *place * PLACE + rng_range(&t->rng, 0, 0xffff);
}

static void do_map(struct match *t)
{
	struct dmp_swiotlb_limits limits = random_limits(t);
	struct live *l = &t->live[t->nlive];
	dmp_phys_t phys = 0, orig = random_place(t, &l->place);
	unsigned cpu = (unsigned)rng_range(&t->rng, 0, 7);
	uint64_t len = random_len(t);
	bool fits;
	int err;

	l->orig = (unsigned char)rng_range(&t->rng, 0, 255);
	memset((void *)(uintptr_t)orig, l->orig, len);
	fits = model_swiotlb_map(t->model, cpu, &limits, orig, len, &l->at);
	assert_int_equal(dmp_harness_become(cpu), 0);
	err = dmp_swiotlb_map(t->tlb, &limits, orig, len, DMP_FROM_DEVICE, DMP_ATTR_NO_WARN, &phys);
	assert_int_equal(err == 0, fits);
	if (err)
		return;
	assert_int_equal(phys, l->at.phys);
	l->len = len;
	l->bounce = l->orig;
	t->taken[l->place] = true;
	assert_bytes(bounce_of(l), len, l->orig);
	t->nlive++;
}

static void do_unmap(struct match *t)
{
	unsigned i = (unsigned)rng_range(&t->rng, 0, t->nlive - 1);
	struct live l = t->live[i];
	bool copies = rng_range(&t->rng, 0, 1);

	t->live[i] = t->live[--t->nlive];
	t->taken[l.place] = false;
	assert_int_equal(dmp_swiotlb_unmap(t->tlb, l.at.phys, l.len, DMP_FROM_DEVICE,
					   copies ? 0 : DMP_ATTR_SKIP_SYNC),
			 0);
	model_swiotlb_unmap(t->model, &l.at);
	assert_bytes(orig_of(&l), l.len, copies ? l.bounce : l.orig);
}

/* The device, or the CPU, writes; a part is synced, then the rest. */
static void do_sync(struct match *t)
{
	struct live *l = &t->live[rng_range(&t->rng, 0, t->nlive - 1)];
	uint64_t from = rng_range(&t->rng, 0, l->len - 1);
	uint64_t len = rng_range(&t->rng, 1, l->len - from);
	unsigned char value = (unsigned char)rng_range(&t->rng, 0, 255), old = l->orig;
	unsigned char *orig = orig_of(l);

	memset(bounce_of(l), value, l->len);
	assert_int_equal(
		dmp_swiotlb_sync_for_cpu(t->tlb, l->at.phys + from, len, DMP_BIDIRECTIONAL), 0);
	assert_bytes(orig, from, old);
	assert_bytes(orig + from, len, value);
	assert_bytes(orig + from + len, l->len - from - len, old);
	memset(orig, old, l->len);
	assert_int_equal(dmp_swiotlb_sync_for_device(t->tlb, l->at.phys + from, len, DMP_TO_DEVICE),
			 0);
	assert_bytes(bounce_of(l), from, value);
	assert_bytes(bounce_of(l) + from, len, old);
	memset(bounce_of(l), value, l->len);
	l->bounce = value;
}

static void do_any(struct match *t)
{
	/* Fills up and empties in turns. */
	bool fills = rng_range(&t->rng, 0, LIVE) > t->nlive;

	if (t->nlive > 0 && rng_range(&t->rng, 0, 9) == 0)
		do_sync(t);
	else if (t->nlive < LIVE && (fills || t->nlive == 0))
		do_map(t);
	else
		do_unmap(t);
}

static void open_match(struct match *t, uint64_t slots, uint64_t areas,
		       const struct dmp_swiotlb_policy *policy)
{
	assert_int_equal(dmp_harness_enter(8), 0);
	assert_int_equal(dmp_hw_host_create(&DMP_HW_OPTS(.flags = DMP_HW_CHECK), &t->hw), 0);
	t->arena = test_malloc(LIVE * PLACE);
	assert_int_equal(
		dmp_swiotlb_create(t->hw,
				   &DMP_SWIOTLB_OPTS(.slots = slots, .areas = areas,
						     .flags = DMP_SWIOTLB_ANY, .policy = policy),
				   &t->tlb),
		0);
	assert_int_equal(dmp_swiotlb_inspect_pool(t->tlb, 0, &t->pool), 0);
	t->model = model_swiotlb_create(t->pool.phys, slots, areas, policy->name);
}

static void close_match(struct match *t)
{
	while (t->nlive)
		do_unmap(t);
	compare(t);
	model_swiotlb_destroy(t->model);
	assert_int_equal(dmp_swiotlb_destroy(t->tlb), 0);
	assert_int_equal(dmp_hw_destroy(t->hw), 0);
	test_free(t->arena);
	assert_int_equal(dmp_meta_in_use(), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void run(uint64_t slots, uint64_t areas, const struct dmp_swiotlb_policy *policy)
{
	struct match *t = test_calloc(1, sizeof(*t));
	uint64_t rounds = rng_rounds_from_env(3000), seed = rng_seed_from_env(1), i;

	print_message("seed %llu (DMP_TEST_SEED)\n", (unsigned long long)seed);
	t->rng = rng_seeded(seed);
	open_match(t, slots, areas, policy);
	for (i = 0; i < rounds; i++) {
		do_any(t);
		if (i % COMPARE_IN == 0)
			compare(t);
	}
	close_match(t);
	test_free(t);
}

static void test_one_area_gives_the_answers_of_the_model(void **state)
{
	(void)state;
	run(2048, 1, &dmp_swiotlb_policy_linux);
}

static void test_areas_of_one_segment_give_the_answers_of_the_model(void **state)
{
	(void)state;
	run(512, 4, &dmp_swiotlb_policy_linux);
}

static void test_areas_of_many_segments_give_the_answers_of_the_model(void **state)
{
	(void)state;
	run(4096, 2, &dmp_swiotlb_policy_linux);
}

static void test_warm_gives_the_answers_of_the_model(void **state)
{
	(void)state;
	run(2048, 1, &dmp_swiotlb_policy_warm);
	run(1024, 4, &dmp_swiotlb_policy_warm);
}

static void test_lifo_gives_the_answers_of_the_model(void **state)
{
	(void)state;
	run(2048, 1, &dmp_swiotlb_policy_lifo);
	run(1024, 4, &dmp_swiotlb_policy_lifo);
}

static void test_round_robin_gives_the_answers_of_the_model(void **state)
{
	(void)state;
	run(512, 4, &dmp_swiotlb_policy_round_robin);
	run(2048, 8, &dmp_swiotlb_policy_round_robin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_area_gives_the_answers_of_the_model),
		cmocka_unit_test(test_areas_of_one_segment_give_the_answers_of_the_model),
		cmocka_unit_test(test_areas_of_many_segments_give_the_answers_of_the_model),
		cmocka_unit_test(test_warm_gives_the_answers_of_the_model),
		cmocka_unit_test(test_lifo_gives_the_answers_of_the_model),
		cmocka_unit_test(test_round_robin_gives_the_answers_of_the_model),
	};

	return cmocka_run_group_tests_name("model_swiotlb", tests, NULL, NULL);
}
