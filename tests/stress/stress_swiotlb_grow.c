// SPDX-License-Identifier: MIT
/*
 * stress_swiotlb_grow.c - threads map and unmap beside a worker that makes pools and gives them
 * back all the time: every byte is its owner's, every mapping is found, nothing is left
 *
 * The first pool is full all the time, so that every path is taken whatever the schedule:
 * transient pools at once, grown ones as soon as the worker comes to it.  The cap keeps it small,
 * the idle time of 1 ns has each pool given back as soon as it is empty.
 * DMP_TEST_ROUNDS makes it longer.
 */
#include "crew.h"
#include "dmptest.h"
#include "rng.h"

#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <string.h>

#define NTHREADS 4u
#define HOLD     24u
#define MAX_LEN  20000u

struct shared {
	struct dmp_swiotlb *tlb;
	uint64_t rounds;
};

struct held {
	dmp_phys_t phys;
	uint64_t len; /* 0: nothing is mapped */
	unsigned char value;
	unsigned char orig[MAX_LEN];
};

/* The machine is the host: an address is a pointer. */
static unsigned char *bytes(dmp_phys_t phys)
{
	return (unsigned char *)(uintptr_t)phys;
}

static bool holds(const unsigned char *at, uint64_t len, unsigned char value)
{
	return at[0] == value && memcmp(at, at + 1, len - 1) == 0;
}

static void map_one(struct crew_member *me, struct dmp_swiotlb *tlb,
		    const struct dmp_swiotlb_limits *limits, struct held *h, uint64_t random)
{
	h->len = 2 + random % (MAX_LEN - 2);
	h->value = (unsigned char)(random >> 32);
	memset(h->orig, h->value, h->len);
	CREW_EXPECT(me, dmp_swiotlb_map(tlb, limits, (uintptr_t)h->orig, h->len, DMP_BIDIRECTIONAL,
					0, &h->phys) == 0);
}

/* The device has changed all bytes, and they come back. */
static void unmap_one(struct crew_member *me, struct dmp_swiotlb *tlb,
		      const struct dmp_swiotlb_limits *limits, struct held *h)
{
	CREW_EXPECT(me, dmp_swiotlb_device_owns(limits->device, h->phys));
	CREW_EXPECT(me, holds(bytes(h->phys), h->len, h->value));
	h->value = (unsigned char)~h->value;
	memset(bytes(h->phys), h->value, h->len);
	CREW_EXPECT(me, dmp_swiotlb_unmap(tlb, h->phys, h->len, DMP_FROM_DEVICE, 0) == 0);
	CREW_EXPECT(me, holds(h->orig, h->len, h->value));
	h->len = 0;
}

static void work(struct crew_member *me)
{
	static struct held all[NTHREADS][HOLD];
	struct shared *shared = me->shared;
	struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.flags = 0);
	struct held *held = all[me->number], *h;
	struct rng rng = rng_seeded(me->number + 1);

	CREW_EXPECT(me, dmp_swiotlb_device_create(shared->tlb, &limits.device) == 0);
	for (uint64_t i = 0; i < shared->rounds && !me->failures; i++) {
		h = &held[rng_range(&rng, 0, HOLD - 1)];
		if (h->len)
			unmap_one(me, shared->tlb, &limits, h);
		else
			map_one(me, shared->tlb, &limits, h, rng_next(&rng));
	}
	for (h = held; h < held + HOLD && !me->failures; h++)
		if (h->len)
			unmap_one(me, shared->tlb, &limits, h);
	CREW_EXPECT(me, dmp_swiotlb_device_destroy(limits.device) == 0);
}

static void test_nothing_is_lost_while_pools_come_and_go(void **state)
{
	struct shared shared = {.rounds = rng_rounds_from_env(4000)};
	static unsigned char large[DMP_SWIOTLB_MAX_BYTES];
	struct dmp_swiotlb_stats stats;
	struct dmp_hw *hw;
	dmp_phys_t filler;

	(void)state;
	assert_int_equal(dmp_hw_host_create(NULL, &hw), 0);
	assert_int_equal(
		dmp_swiotlb_create(hw,
				   &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1,
						     .flags = DMP_SWIOTLB_GROWS | DMP_SWIOTLB_ANY,
						     .max_slots = 640, .idle_ns = 1),
				   &shared.tlb),
		0);
	assert_int_equal(dmp_swiotlb_map(shared.tlb, NULL, (uintptr_t)large, sizeof(large),
					 DMP_TO_DEVICE, 0, &filler),
			 0);
	assert_int_equal(crew_run(NTHREADS, work, &shared), 0);
	assert_int_equal(
		dmp_swiotlb_unmap(shared.tlb, filler, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_swiotlb_get_stats(shared.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.transient, 0);
	assert_true(stats.transients_made > 0);
	assert_int_equal(stats.transient_failures, 0);
	assert_int_equal(dmp_swiotlb_destroy(shared.tlb), 0);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost_while_pools_come_and_go),
	};

	return cmocka_run_group_tests_name("stress_swiotlb_grow", tests, NULL, NULL);
}
