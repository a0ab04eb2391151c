// SPDX-License-Identifier: MIT
/*
 * stress_swiotlb_throttle.c - threads that may block and threads that may not, whose mappings are
 * unmapped by others, while thresholds and times change: everybody is served, in the order of
 * the tickets, and no waking is lost
 *
 *   member 0      empties the mailboxes until the others are done, tunes, and never waits
 *   member 1      tunes every 64 of its rounds
 *   1 and higher  map, and put it into a mailbox, or give it back at once
 *
 * Three quarters of the slots are in use from the start, above or below the thresholds that are
 * set at the moment.  Nobody owns anything while he waits, and member 0 never does, so
 * that somebody can always give back.  A grant out of order is a line of DMP_LOG_BUG, a lost
 * waking a test that does not end.  Near its end each of them cancels the device of the next one,
 * which may be waiting.  DMP_TEST_ROUNDS makes it longer.
 */
#include "crew.h"
#include "dmptest.h"
#include "rng.h"

#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <stdlib.h>

#define NTHREADS  8u
#define NSLOTS    256u
#define NFILLED   192u /* 75 % */
#define MAILBOXES 4u
#define MAX_LEN   4096u

struct parcel {
	dmp_phys_t phys;
	uint64_t len;
	unsigned char value;
	unsigned char orig[MAX_LEN];
};

struct shared {
	struct dmp_swiotlb *tlb;
	struct dmp_swiotlb_device *devices[NTHREADS];
	uint64_t rounds;
	DMP_ATOMIC(unsigned) nworking;
	DMP_ATOMIC(uint64_t) served;
	DMP_ATOMIC(uint64_t) cancelled;
	DMP_ATOMIC(uint64_t) refused;
	DMP_ATOMIC(struct parcel *) mailbox[MAILBOXES];
};

static DMP_ATOMIC(uint64_t) bugs;

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)line;
	if (level == DMP_LOG_BUG)
		add_relaxed(&bugs, 1); /* relaxed: read after the join */
}

/* The machine is the host: an address is a pointer. */
static unsigned char *bytes(dmp_phys_t phys)
{
	return (unsigned char *)(uintptr_t)phys;
}

static void give_back(struct crew_member *me, struct parcel *p)
{
	struct shared *shared = me->shared;

	if (!p)
		return;
	memset(bytes(p->phys), p->value, p->len);
	CREW_EXPECT(me, dmp_swiotlb_unmap(shared->tlb, p->phys, p->len, DMP_FROM_DEVICE, 0) == 0);
	CREW_EXPECT(me, p->orig[0] == p->value && p->orig[p->len - 1] == p->value);
	free(p);
}

static void note_error(struct crew_member *me, int err, bool may_block)
{
	struct shared *shared = me->shared;

	CREW_EXPECT(me, err == -ENOSPC || (err == -ECANCELED && may_block));
	/* relaxed, both: read after the join */
	add_relaxed(err == -ENOSPC ? &shared->refused : &shared->cancelled, 1);
}

static struct parcel *take(struct crew_member *me, struct dmp_swiotlb_device *device,
			   struct rng *rng)
{
	const struct dmp_swiotlb_limits limits = DMP_SWIOTLB_LIMITS(.device = device);
	bool may_block = rng_range(rng, 0, 3) > 0;
	struct shared *shared = me->shared;
	struct parcel *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		abort();
	p->len = rng_range(rng, 1, MAX_LEN);
	p->value = (unsigned char)rng_range(rng, 1, 255);
	err = dmp_swiotlb_map(shared->tlb, &limits, (uintptr_t)p->orig, p->len, DMP_BIDIRECTIONAL,
			      DMP_ATTR_NO_WARN | (may_block ? DMP_ATTR_MAY_BLOCK : 0), &p->phys);
	if (!err) {
		add_relaxed(&shared->served, 1); /* relaxed: read after the join */
		return p;
	}
	note_error(me, err, may_block);
	free(p);
	return NULL;
}

static void tune(struct crew_member *me, struct rng *rng)
{
	static const unsigned highs[] = {50, 60, 70, 74, 80};
	struct shared *shared = me->shared;
	struct dmp_swiotlb_tuning t = DMP_SWIOTLB_TUNING(0);

	t.flags = rng_range(rng, 0, 15) ? DMP_SWIOTLB_THROTTLES : 0;
	t.throttle_high = highs[rng_range(rng, 0, 4)];
	t.throttle_low = (uint32_t)rng_range(rng, 1, t.throttle_high);
	t.throttle_turn_ns = rng_range(rng, 0, 1) ? rng_range(rng, 1, 100000) : 0;
	CREW_EXPECT(me, dmp_swiotlb_tune(shared->tlb, &t) == 0);
}

static void work(struct crew_member *me)
{
	struct rng rng = rng_seeded(rng_seed_from_env(1) + me->number);
	struct shared *shared = me->shared;
	unsigned next = me->number % (NTHREADS - 1) + 1;

	for (uint64_t i = 0; i < shared->rounds && !me->failures; i++) {
		struct parcel *p;

		if (me->number == 1 && i % 64 == 0)
			tune(me, &rng);
		p = take(me, shared->devices[me->number], &rng);
		if (i == shared->rounds - shared->rounds / 8)
			CREW_EXPECT(me, dmp_swiotlb_device_cancel(shared->devices[next]) == 0);
		if (p && rng_range(&rng, 0, 2))
			p = xchg_acq_rel(&shared->mailbox[rng_range(&rng, 0, MAILBOXES - 1)], p);
		give_back(me, p);
	}
	add_relaxed(&shared->nworking, -1u); /* relaxed: the last look is after all of them */
}

static void sweep(struct crew_member *me)
{
	struct rng rng = rng_seeded(rng_seed_from_env(1) + me->number);
	struct shared *shared = me->shared;
	struct dmp_swiotlb_stats stats;

	while (load_acquire(&shared->nworking)) {
		for (unsigned i = 0; i < MAILBOXES; i++)
			give_back(me, xchg_acq_rel(&shared->mailbox[i], NULL));
		if (rng_range(&rng, 0, 999) == 0)
			tune(me, &rng);
		CREW_EXPECT(me, dmp_swiotlb_get_stats(shared->tlb, &stats, sizeof(stats)) == 0);
		CREW_EXPECT(me, stats.waiters < NTHREADS);
		dmp_cpu_yield();
	}
	for (unsigned i = 0; i < MAILBOXES; i++)
		give_back(me, xchg_acq_rel(&shared->mailbox[i], NULL));
}

static void play(struct crew_member *me)
{
	if (me->number == 0)
		sweep(me);
	else
		work(me);
}

static void check_end(struct shared *shared)
{
	struct dmp_swiotlb_stats stats;
	uint64_t waits = 0;

	assert_int_equal(dmp_swiotlb_get_stats(shared->tlb, &stats, sizeof(stats)), 0);
	for (unsigned i = 0; i < DMP_SWIOTLB_WAIT_BUCKETS; i++)
		waits += stats.wait_ns[i];
	assert_int_equal(stats.waits, waits);
	assert_int_equal(stats.waiters, 0);
	assert_true(stats.waits_cancelled <= load_relaxed(&shared->cancelled));
	assert_true(stats.turns_passed_on <= stats.turns);
	assert_int_equal(stats.used, NFILLED);
	assert_int_equal(dmp_swiotlb_check(shared->tlb), 0);
	assert_int_equal(load_relaxed(&shared->served) + load_relaxed(&shared->refused) +
				 load_relaxed(&shared->cancelled),
			 shared->rounds * (NTHREADS - 1));
	assert_int_equal(load_relaxed(&bugs), 0);
}

static void run_crew(uint64_t areas, uint64_t turn_ns)
{
	static unsigned char ballast[DMP_SWIOTLB_SLOT_BYTES];
	struct shared *shared = test_calloc(1, sizeof(*shared));
	dmp_phys_t filled[NFILLED];
	struct dmp_hw *hw;

	shared->rounds = rng_rounds_from_env(1500);
	store_relaxed(&shared->nworking, NTHREADS - 1);
	store_relaxed(&bugs, 0);
	dmp_log_set_sink(count_bugs, NULL);
	assert_int_equal(dmp_hw_host_create(NULL, &hw), 0);
	assert_int_equal(dmp_swiotlb_create(
				 hw,
				 &DMP_SWIOTLB_OPTS(.slots = NSLOTS, .areas = areas,
						   .flags = DMP_SWIOTLB_ANY | DMP_SWIOTLB_THROTTLES,
						   .throttle_turn_ns = turn_ns),
				 &shared->tlb),
			 0);
	for (unsigned i = 0; i < NFILLED; i++)
		assert_int_equal(dmp_swiotlb_map(shared->tlb, NULL, (uintptr_t)ballast,
						 sizeof(ballast), DMP_TO_DEVICE, 0, &filled[i]),
				 0);
	for (unsigned i = 0; i < NTHREADS; i++)
		assert_int_equal(dmp_swiotlb_device_create(shared->tlb, &shared->devices[i]), 0);
	assert_int_equal(crew_run(NTHREADS, play, shared), 0);
	for (unsigned i = 0; i < NTHREADS; i++)
		assert_int_equal(dmp_swiotlb_device_destroy(shared->devices[i]), 0);
	check_end(shared);
	for (unsigned i = 0; i < NFILLED; i++)
		assert_int_equal(dmp_swiotlb_unmap(shared->tlb, filled[i], sizeof(ballast),
						   DMP_TO_DEVICE, 0),
				 0);
	assert_int_equal(dmp_swiotlb_destroy(shared->tlb), 0);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_meta_in_use(), 0);
	test_free(shared);
}

static void test_everybody_is_served_in_one_area(void **state)
{
	(void)state;
	run_crew(1, 0);
}

static void test_everybody_is_served_in_two_areas_with_a_bound(void **state)
{
	(void)state;
	run_crew(2, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_is_served_in_one_area),
		cmocka_unit_test(test_everybody_is_served_in_two_areas_with_a_bound),
	};

	return cmocka_run_group_tests_name("stress_swiotlb_throttle", tests, NULL, NULL);
}
