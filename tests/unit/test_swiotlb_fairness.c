// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_fairness.c - measures what slow devices ("snails") cost fast ones ("cheetahs")
 * under the two policies of swiotlb_throttle.c, in manual time
 *
 *   snail     |======================== 10 ms ========================|
 *   cheetah   |=| 0.1 ms
 *
 * A closed loop: each device asks anew as soon as its buffer is unmapped, and use stays above
 * the high threshold throughout, so that everybody needs a turn.  Requests are played by
 * their waiters, since one thread cannot sleep for several; all the rest is the allocator's own.
 *
 *   turn_ns   a round takes                              a cheetah waits for
 *   0         snails * 10 ms + cheetahs * 0.1 ms         nearly that
 *   0.2 ms    snails * 0.2 ms + cheetahs * 0.1 ms        nearly that, never more than 0.2 ms for
 *                                                        each of the others
 */
#include "throttle_rig.h"

#define US          UINT64_C(1000)
#define TICK        (10 * US)
#define SNAIL_NS    (10000 * US)
#define CHEETAH_NS  (100 * US)
#define TURN_NS     (200 * US)
#define END_NS      (2000000 * US)
#define MAX_DEVICES 12u

struct runner {
	bool is_holding;
	uint64_t hold_ns;
	uint64_t asked_ns, ends_ns;
	struct swiotlb_waiter waiter;
	struct swiotlb_mapping m;
};

struct race {
	struct throttle_rig rig;
	unsigned nrunners;
	struct runner runners[MAX_DEVICES];

	/* Of cheetahs, and at most. */
	uint64_t served, wait_ns, longest_ns, most_used;
};

static void begin_to_ask(struct race *race, struct runner *r)
{
	r->asked_ns = dmp_clock_now_ns();
	swiotlb_throttle_ask(race->rig.tlb, NULL, &r->waiter);
}

static void note_wait(struct race *race, const struct runner *r)
{
	uint64_t ns = dmp_clock_now_ns() - r->asked_ns, used = throttle_rig_stats(&race->rig).used;

	race->most_used = used > race->most_used ? used : race->most_used;
	if (r->hold_ns != CHEETAH_NS)
		return;
	race->served++;
	race->wait_ns += ns;
	race->longest_ns = ns > race->longest_ns ? ns : race->longest_ns;
}

/* It has its turn: slots. */
static void begin_to_hold(struct race *race, struct runner *r)
{
	dmp_phys_t phys;

	assert_int_equal(swiotlb_throttle_wait(race->rig.tlb, &r->waiter), 0);
	assert_int_equal(throttle_rig_map(&race->rig, NULL, 0, &phys), 0);
	assert_int_equal(swiotlb_bounce_find(race->rig.tlb, phys, &r->m), 0);
	swiotlb_throttle_mapped(race->rig.tlb, &r->waiter, &r->m);
	note_wait(race, r);
	r->is_holding = true;
	r->ends_ns = dmp_clock_now_ns() + r->hold_ns;
}

static void end(struct race *race, struct runner *r)
{
	assert_int_equal(swiotlb_throttle_release(race->rig.tlb, &r->m), 0);
	r->is_holding = false;
}

/* What happens at one moment: false, nothing. */
static bool step(struct race *race, bool again)
{
	bool has_changed = false;

	for (struct runner *r = race->runners; r < race->runners + race->nrunners; r++) {
		if (r->is_holding && dmp_clock_now_ns() >= r->ends_ns) {
			end(race, r);
			if (again)
				begin_to_ask(race, r);
			has_changed = true;
		} else if (!r->is_holding && r->waiter.ticket &&
			   r->waiter.state == SWIOTLB_HAS_TURN) {
			begin_to_hold(race, r);
			r->waiter.ticket = 0;
			has_changed = true;
		}
	}
	return has_changed;
}

static bool is_anybody_left(const struct race *race)
{
	for (unsigned i = 0; i < race->nrunners; i++)
		if (race->runners[i].is_holding || race->runners[i].waiter.ticket)
			return true;
	return false;
}

/* Runs for END_NS; then everybody finishes what he has begun. */
static void run(struct race *race, unsigned snails, unsigned cheetahs, uint64_t turn_ns)
{
	uint64_t start;

	*race = (struct race){.nrunners = snails + cheetahs};
	throttle_rig_up(&race->rig, &DMP_SWIOTLB_OPTS(.throttle_turn_ns = turn_ns));
	throttle_rig_fill(&race->rig, HIGH_SLOTS + 1);
	start = dmp_clock_now_ns();
	for (unsigned i = 0; i < race->nrunners; i++) {
		race->runners[i].hold_ns = i < snails ? SNAIL_NS : CHEETAH_NS;
		begin_to_ask(race, &race->runners[i]);
	}
	while (is_anybody_left(race)) {
		while (step(race, dmp_clock_now_ns() - start < END_NS))
			;
		dmp_harness_advance(TICK);
	}
	throttle_rig_down(&race->rig);
}

static uint64_t mean_us(const struct race *race)
{
	return race->wait_ns / race->served / US;
}

static void test_a_bounded_turn_spares_the_cheetahs_one_snail(void **state)
{
	struct race fifo, bounded;

	(void)state;
	run(&fifo, 1, 8, 0);
	run(&bounded, 1, 8, TURN_NS);
	print_message("1 snail, 8 cheetahs: mean wait %llu us, bounded %llu us; served %llu, "
		      "bounded %llu\n",
		      (unsigned long long)mean_us(&fifo), (unsigned long long)mean_us(&bounded),
		      (unsigned long long)fifo.served, (unsigned long long)bounded.served);
	assert_true(mean_us(&fifo) >= 10 * mean_us(&bounded));
	assert_true(bounded.served >= 10 * fifo.served);
	assert_true(fifo.longest_ns >= SNAIL_NS);
	assert_true(bounded.longest_ns <= 8 * TURN_NS);
	/* One slot a request that holds a turn or has lost it: the snail's and one more. */
	assert_int_equal(fifo.most_used, HIGH_SLOTS + 2);
	assert_int_equal(bounded.most_used, HIGH_SLOTS + 3);
}

static void test_a_bounded_turn_spares_the_cheetahs_four_snails(void **state)
{
	struct race fifo, bounded;

	(void)state;
	run(&fifo, 4, 8, 0);
	run(&bounded, 4, 8, TURN_NS);
	print_message("4 snails, 8 cheetahs: mean wait %llu us, bounded %llu us; served %llu, "
		      "bounded %llu\n",
		      (unsigned long long)mean_us(&fifo), (unsigned long long)mean_us(&bounded),
		      (unsigned long long)fifo.served, (unsigned long long)bounded.served);
	assert_true(mean_us(&fifo) >= 30 * mean_us(&bounded));
	assert_true(bounded.served >= 30 * fifo.served);
	assert_true(bounded.longest_ns <= 11 * TURN_NS);
	assert_true(bounded.most_used <= HIGH_SLOTS + 1 + 4 + 1);
}

/* Where nobody is slow the two policies are one. */
static void test_a_bound_that_nobody_reaches_changes_nothing(void **state)
{
	struct race fifo, bounded;

	(void)state;
	run(&fifo, 0, 8, 0);
	run(&bounded, 0, 8, TURN_NS);
	assert_int_equal(fifo.served, bounded.served);
	assert_int_equal(fifo.wait_ns, bounded.wait_ns);
	assert_int_equal(fifo.most_used, bounded.most_used);
	assert_int_equal(fifo.longest_ns, 7 * CHEETAH_NS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bounded_turn_spares_the_cheetahs_one_snail),
		cmocka_unit_test(test_a_bounded_turn_spares_the_cheetahs_four_snails),
		cmocka_unit_test(test_a_bound_that_nobody_reaches_changes_nothing),
	};

	return cmocka_run_group_tests_name("swiotlb_fairness", tests, NULL, NULL);
}
