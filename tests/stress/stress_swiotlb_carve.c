// SPDX-License-Identifier: MIT
/*
 * stress_swiotlb_carve.c - threads carve allocators and give them back while all of them map in the
 * parent and in their own: every byte is its owner's, and afterwards every slot is free
 *
 * Once over a parent of many areas, eight to a block; once over one whose worker makes pools and
 * gives them back all the time, so that blocks are taken of pools that are about to go.
 * DMP_TEST_ROUNDS makes it longer.
 */
#include "crew.h"
#include "dmptest.h"
#include "rng.h"

#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <string.h>

#define NTHREADS 4u
#define HOLD     8u
#define MAX_LEN  20000u

struct shared {
	struct dmp_swiotlb *tlb;
	uint64_t rounds;
	DMP_ATOMIC(uint64_t) ncarved;
};

struct held {
	struct dmp_swiotlb *tlb; /* where it is mapped; NULL: nothing is */
	dmp_phys_t phys;
	uint64_t len;
	unsigned char value;
	unsigned char orig[MAX_LEN];
};

struct worker {
	struct dmp_swiotlb *child; /* NULL: none now */
	unsigned nchild;           /* mappings in it */
	struct held held[HOLD];
};

static unsigned char *bytes(dmp_phys_t phys)
{
	return (unsigned char *)(uintptr_t)phys;
}

static bool holds(const unsigned char *at, uint64_t len, unsigned char value)
{
	return at[0] == value && memcmp(at, at + 1, len - 1) == 0;
}

static void map_one(struct shared *shared, struct worker *w, struct held *h, uint64_t random)
{
	struct dmp_swiotlb *tlb = w->child && random % 2 ? w->child : shared->tlb;

	h->len = 2 + random % (MAX_LEN - 2);
	h->value = (unsigned char)(random >> 32);
	memset(h->orig, h->value, h->len);
	if (dmp_swiotlb_map(tlb, NULL, (uintptr_t)h->orig, h->len, DMP_BIDIRECTIONAL,
			    DMP_ATTR_NO_WARN, &h->phys))
		return; /* all is in use for a moment */
	h->tlb = tlb;
	w->nchild += tlb == w->child;
}

static void unmap_one(struct crew_member *me, struct worker *w, struct held *h)
{
	CREW_EXPECT(me, holds(bytes(h->phys), h->len, h->value));
	h->value = (unsigned char)~h->value;
	memset(bytes(h->phys), h->value, h->len);
	CREW_EXPECT(me, dmp_swiotlb_unmap(h->tlb, h->phys, h->len, DMP_FROM_DEVICE, 0) == 0);
	CREW_EXPECT(me, holds(h->orig, h->len, h->value));
	w->nchild -= h->tlb == w->child;
	h->tlb = NULL;
}

static void carve_or_return(struct crew_member *me, struct shared *shared, struct worker *w,
			    uint64_t random)
{
	int err;

	if (w->child) {
		err = dmp_swiotlb_destroy(w->child);
		CREW_EXPECT(me, err == (w->nchild ? -EBUSY : 0));
		w->child = err ? w->child : NULL;
		return;
	}
	err = dmp_swiotlb_carve(shared->tlb, &DMP_SWIOTLB_CARVE_OPTS(.queues = 1 + random % 4),
				&w->child);
	CREW_EXPECT(me, err == 0 || err == -ENOSPC);
	add_relaxed(&shared->ncarved, err == 0); /* relaxed: read after the join */
}

static void work(struct crew_member *me)
{
	static struct worker all[NTHREADS];
	struct worker *w = &all[me->number];
	struct shared *shared = me->shared;
	struct rng rng = rng_seeded(me->number + 1);
	struct held *h;

	*w = (struct worker){.child = NULL};
	for (uint64_t i = 0; i < shared->rounds && !me->failures; i++) {
		h = &w->held[rng_range(&rng, 0, HOLD - 1)];
		if (rng_range(&rng, 0, 15) == 0)
			carve_or_return(me, shared, w, rng_next(&rng));
		else if (h->tlb)
			unmap_one(me, w, h);
		else
			map_one(shared, w, h, rng_next(&rng));
	}
	for (h = w->held; h < w->held + HOLD; h++)
		if (h->tlb)
			unmap_one(me, w, h);
	if (w->child)
		CREW_EXPECT(me, dmp_swiotlb_destroy(w->child) == 0);
}

/* Every slot of the first pool can be had again. */
static void assert_hands_out_all(struct dmp_swiotlb *tlb, uint64_t nslots)
{
	static unsigned char large[DMP_SWIOTLB_MAX_BYTES];
	uint64_t n = nslots / DMP_SWIOTLB_SEGMENT_SLOTS, i;
	dmp_phys_t *phys = test_calloc(n, sizeof(*phys));

	for (i = 0; i < n; i++)
		assert_int_equal(dmp_swiotlb_map(tlb, NULL, (uintptr_t)large, sizeof(large),
						 DMP_TO_DEVICE, 0, &phys[i]),
				 0);
	for (i = 0; i < n; i++)
		assert_int_equal(dmp_swiotlb_unmap(tlb, phys[i], sizeof(large), DMP_TO_DEVICE, 0),
				 0);
	test_free(phys);
}

static void stress(struct dmp_swiotlb_opts opts)
{
	struct shared shared = {.rounds = rng_rounds_from_env(3000)};
	struct dmp_swiotlb_stats stats;
	struct dmp_hw *hw;

	assert_int_equal(dmp_hw_host_create(NULL, &hw), 0);
	opts.flags |= DMP_SWIOTLB_ANY;
	assert_int_equal(dmp_swiotlb_create(hw, &opts, &shared.tlb), 0);
	assert_int_equal(crew_run(NTHREADS, work, &shared), 0);
	assert_int_equal(dmp_swiotlb_get_stats(shared.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.carved, 0);
	assert_int_equal(stats.children, 0);
	assert_int_equal(dmp_swiotlb_tune(shared.tlb, &DMP_SWIOTLB_TUNING(.flags = 0)),
			 opts.flags & DMP_SWIOTLB_GROWS ? 0 : -ENOTSUP);
	assert_hands_out_all(shared.tlb, opts.slots);
	assert_int_equal(dmp_swiotlb_destroy(shared.tlb), 0);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_nothing_is_lost_while_blocks_come_and_go(void **state)
{
	(void)state;
	stress(DMP_SWIOTLB_OPTS(.slots = 8192, .areas = 64));
}

static void test_nothing_is_lost_while_pools_with_blocks_come_and_go(void **state)
{
	(void)state;
	stress(DMP_SWIOTLB_OPTS(.slots = 1024, .areas = 2, .flags = DMP_SWIOTLB_GROWS,
				.max_slots = 4096, .idle_ns = 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost_while_blocks_come_and_go),
		cmocka_unit_test(test_nothing_is_lost_while_pools_with_blocks_come_and_go),
	};

	return cmocka_run_group_tests_name("stress_swiotlb_carve", tests, NULL, NULL);
}
