// SPDX-License-Identifier: MIT
/*
 * stress_swiotlb_area.c - threads map, sync, hand mappings to each other and unmap them: no slot
 * is ever given to two of them, every byte is its owner's, and all counters return to zero
 *
 * The owner of each slot is noted in a table of atomics: taking one that has an owner already
 * is the failure.  Each thread first takes until there is no room for it, whatever the others
 * do meanwhile: so all of them go through the areas of others and through a full pool.  From
 * then on they take and give in turns.  DMP_TEST_ROUNDS makes it longer.
 */
#include "crew.h"
#include "dmptest.h"
#include "rng.h"

#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#define NTHREADS  4u
#define NSLOTS    1024u
#define HOLD      24u /* after the first that found no room */
#define MAX_LEN   40000u
#define MAILBOXES 16u /* mappings on their way to another thread */

/* A mapping and the original that goes with it. */
struct bounce {
	dmp_phys_t phys;
	uint64_t len;
	uint64_t first, slots;
	unsigned char value; /* what the device wrote */
	unsigned char orig[MAX_LEN];
};

struct shared {
	struct dmp_swiotlb *tlb;
	dmp_phys_t pool;
	DMP_ATOMIC(unsigned) owner[NSLOTS]; /* 0: none */
	DMP_ATOMIC(struct bounce *) mailbox[MAILBOXES];
	DMP_ATOMIC(uint64_t) nfull; /* requests that found no room */
	uint64_t rounds;
};

struct holder {
	struct crew_member *me;
	struct shared *shared;
	struct rng rng;
	struct bounce *held[NSLOTS];
	unsigned nheld;
};

static bool holds(const unsigned char *at, uint64_t len, unsigned char value)
{
	for (uint64_t i = 0; i < len; i++)
		if (at[i] != value)
			return false;
	return true;
}

/* The machine is the host: an address is a pointer. */
static unsigned char *bytes(dmp_phys_t phys)
{
	return (unsigned char *)(uintptr_t)phys;
}

static void own(struct holder *h, const struct bounce *b, bool take)
{
	for (uint64_t i = b->first; i < b->first + b->slots; i++) {
		unsigned before = xchg_acq_rel(&h->shared->owner[i], take ? 1u : 0u);

		CREW_EXPECT(h->me, before == (take ? 0u : 1u));
	}
}

/* False: no room. */
static bool take_one(struct holder *h)
{
	const struct dmp_swiotlb_limits limits =
		DMP_SWIOTLB_LIMITS(.min_align_mask = rng_range(&h->rng, 0, 1) ? 0xfff : 0);
	struct bounce *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		abort();
	b->len = rng_range(&h->rng, 1, MAX_LEN);
	b->value = (unsigned char)rng_range(&h->rng, 1, 255);
	memset(b->orig, b->value ^ 0xff, b->len);
	err = dmp_swiotlb_map(h->shared->tlb, &limits, (uintptr_t)b->orig, b->len,
			      DMP_BIDIRECTIONAL, DMP_ATTR_NO_WARN, &b->phys);
	CREW_EXPECT(h->me, err == 0 || err == -ENOSPC);
	if (err) {
		add_relaxed(&h->shared->nfull, 1); /* relaxed: a report */
		free(b);
		return false;
	}
	b->first = (b->phys - h->shared->pool) / DMP_SWIOTLB_SLOT_BYTES;
	b->slots = (b->phys + b->len - 1 - h->shared->pool) / DMP_SWIOTLB_SLOT_BYTES + 1 - b->first;
	own(h, b, true);
	CREW_EXPECT(h->me, holds(bytes(b->phys), b->len, b->value ^ 0xff));
	memset(bytes(b->phys), b->value, b->len);
	h->held[h->nheld++] = b;
	return true;
}

static void give_back(struct holder *h, struct bounce *b)
{
	own(h, b, false);
	CREW_EXPECT(h->me,
		    dmp_swiotlb_unmap(h->shared->tlb, b->phys, b->len, DMP_FROM_DEVICE, 0) == 0);
	CREW_EXPECT(h->me, holds(b->orig, b->len, b->value));
	free(b);
}

static void sync_one(struct holder *h)
{
	struct bounce *b = h->held[rng_range(&h->rng, 0, h->nheld - 1)];
	uint64_t from = rng_range(&h->rng, 0, b->len - 1);

	CREW_EXPECT(h->me, dmp_swiotlb_sync_for_cpu(h->shared->tlb, b->phys + from, b->len - from,
						    DMP_FROM_DEVICE) == 0);
	CREW_EXPECT(h->me, holds(b->orig + from, b->len - from, b->value));
}

/* Every second mapping goes to whoever next looks into the mailbox. */
static void give_one(struct holder *h)
{
	uint64_t i = rng_range(&h->rng, 0, h->nheld - 1);
	struct bounce *b = h->held[i];

	h->held[i] = h->held[--h->nheld];
	if (rng_range(&h->rng, 0, 1))
		b = xchg_acq_rel(&h->shared->mailbox[rng_range(&h->rng, 0, MAILBOXES - 1)], b);
	if (b)
		give_back(h, b);
}

static void work(struct crew_member *me)
{
	struct shared *shared = me->shared;
	struct holder h = {.me = me, .shared = shared};

	h.rng = rng_seeded(rng_seed_from_env(1) + me->number);
	while (!me->failures && take_one(&h))
		;
	for (uint64_t i = 0; i < shared->rounds && !me->failures; i++) {
		if (h.nheld && rng_range(&h.rng, 0, 7) == 0)
			sync_one(&h);
		else if (h.nheld < HOLD && (h.nheld == 0 || rng_range(&h.rng, 0, 1)))
			take_one(&h);
		else
			give_one(&h);
	}
	while (h.nheld)
		give_back(&h, h.held[--h.nheld]);
}

static void empty_mailboxes(struct shared *shared)
{
	struct crew_member me = {.shared = shared};
	struct holder h = {.me = &me, .shared = shared};
	struct bounce *b;

	for (unsigned i = 0; i < MAILBOXES; i++) {
		b = xchg_acq_rel(&shared->mailbox[i], NULL);
		if (b)
			give_back(&h, b);
	}
	assert_int_equal(me.failures, 0);
}

static void run_crew(uint64_t areas, const struct dmp_swiotlb_policy *policy)
{
	struct shared *shared = test_calloc(1, sizeof(*shared));
	struct dmp_swiotlb_pool_view pool;
	struct dmp_swiotlb_stats stats;
	struct dmp_hw *hw;

	shared->rounds = rng_rounds_from_env(3000);
	assert_int_equal(dmp_hw_host_create(NULL, &hw), 0);
	assert_int_equal(
		dmp_swiotlb_create(hw,
				   &DMP_SWIOTLB_OPTS(.slots = NSLOTS, .areas = areas,
						     .flags = DMP_SWIOTLB_ANY, .policy = policy),
				   &shared->tlb),
		0);
	assert_int_equal(dmp_swiotlb_inspect_pool(shared->tlb, 0, &pool), 0);
	shared->pool = pool.phys;
	assert_int_equal(crew_run(NTHREADS, work, shared), 0);
	empty_mailboxes(shared);
	assert_int_equal(dmp_swiotlb_get_stats(shared->tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 0);
	assert_in_range(stats.high_water, 1, NSLOTS);
	assert_true(load_relaxed(&shared->nfull) >= NTHREADS);
	assert_int_equal(dmp_swiotlb_check(shared->tlb), 0);
	for (unsigned i = 0; i < NSLOTS; i++)
		assert_int_equal(load_relaxed(&shared->owner[i]), 0);
	assert_int_equal(dmp_swiotlb_destroy(shared->tlb), 0);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
	test_free(shared);
}

static void test_no_slot_has_two_owners_in_one_area(void **state)
{
	(void)state;
	run_crew(1, NULL);
}

static void test_no_slot_has_two_owners_in_many_areas(void **state)
{
	(void)state;
	run_crew(8, NULL);
}

static void test_no_slot_has_two_owners_under_lifo(void **state)
{
	(void)state;
	run_crew(2, &dmp_swiotlb_policy_lifo);
}

static void test_no_slot_has_two_owners_under_warm(void **state)
{
	(void)state;
	run_crew(2, &dmp_swiotlb_policy_warm);
}

static void test_no_slot_has_two_owners_where_areas_are_taken_in_turn(void **state)
{
	(void)state;
	run_crew(8, &dmp_swiotlb_policy_round_robin);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_slot_has_two_owners_in_one_area),
		cmocka_unit_test(test_no_slot_has_two_owners_in_many_areas),
		cmocka_unit_test(test_no_slot_has_two_owners_under_lifo),
		cmocka_unit_test(test_no_slot_has_two_owners_under_warm),
		cmocka_unit_test(test_no_slot_has_two_owners_where_areas_are_taken_in_turn),
	};

	return cmocka_run_group_tests_name("stress_swiotlb_area", tests, NULL, NULL);
}
