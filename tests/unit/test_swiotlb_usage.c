// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_usage.c - proves U1-U3 of lib/swiotlb/swiotlb_usage.c
 */
#include "swiotlb_rig.h"

#include "rng.h"

static dmp_phys_t map_on(struct swiotlb_rig *rig, unsigned cpu, uint64_t nslots)
{
	assert_int_equal(dmp_harness_become(cpu), 0);
	return swiotlb_rig_map(rig, NULL, RIG_ORIG, nslots * SLOT);
}

static void assert_usage(struct swiotlb_rig *rig, uint64_t used, uint64_t high)
{
	struct dmp_swiotlb_stats stats = swiotlb_rig_stats(rig);

	assert_int_equal(stats.used, used);
	assert_int_equal(stats.high_water, high);
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
}

static void test_high_water_is_the_most_that_was_in_use_at_once(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t a, b;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 4);
	a = map_on(&rig, 0, 100);
	assert_usage(&rig, 100, 100);
	b = map_on(&rig, 1, 50);
	assert_usage(&rig, 150, 150);
	swiotlb_rig_unmap(&rig, a);
	assert_usage(&rig, 50, 150);
	a = map_on(&rig, 2, 60);
	assert_usage(&rig, 110, 150);
	map_on(&rig, 3, 60);
	assert_usage(&rig, 170, 170);
	swiotlb_rig_unmap(&rig, a);
	swiotlb_rig_unmap(&rig, b);
	swiotlb_rig_unmap_all(&rig);
	assert_usage(&rig, 0, 170);
	swiotlb_rig_down(&rig);
}

/* Random maps and unmaps in all areas: the mark is the maximum of the sum, after each. */
static void test_high_water_is_exact_while_one_thread_maps(void **state)
{
	dmp_phys_t live[64];
	uint64_t slots[64], used = 0, high = 0;
	struct rng rng = rng_seeded(rng_seed_from_env(1));
	struct swiotlb_rig rig;
	unsigned n = 0;

	(void)state;
	swiotlb_rig_up(&rig, 4096, 8);
	for (unsigned i = 0; i < 4000; i++) {
		/* Fills up to more every time. */
		if (n < 64 && rng_range(&rng, 0, 63 + i / 100) >= n) {
			slots[n] = rng_range(&rng, 1, 40);
			used += slots[n];
			live[n] = map_on(&rig, (unsigned)rng_range(&rng, 0, 7), slots[n]);
			n++;
			high = used > high ? used : high;
		} else if (n > 0) {
			unsigned at = (unsigned)rng_range(&rng, 0, n - 1);

			swiotlb_rig_unmap(&rig, live[at]);
			used -= slots[at];
			n--;
			live[at] = live[n];
			slots[at] = slots[n];
		}
		assert_usage(&rig, used, high);
		if (i == 2000) {
			dmp_swiotlb_reset_high_water(rig.tlb);
			high = 0;
			assert_usage(&rig, used, 0);
		}
	}
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_reset_mark_is_that_of_the_next_map(void **state)
{
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 4);
	map_on(&rig, 0, 100);
	phys = map_on(&rig, 1, 100);
	dmp_swiotlb_reset_high_water(rig.tlb);
	assert_usage(&rig, 200, 0);
	swiotlb_rig_unmap(&rig, phys);
	assert_usage(&rig, 100, 0);
	map_on(&rig, 3, 1);
	assert_usage(&rig, 101, 101);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static uint64_t quotas(struct swiotlb_rig *rig)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 8; i++)
		sum = sum * 31 + load_relaxed(&swiotlb_area_at(rig->tlb->pools, i)->quota);
	return sum;
}

/* Maps @nslots on a CPU by chance, or unmaps what that CPU has, @rounds times.  Returns how many
 * maps dealt the quotas anew. */
static unsigned come_and_go(struct swiotlb_rig *rig, struct rng *rng, unsigned rounds,
			    uint64_t nslots, dmp_phys_t live[8])
{
	unsigned ndeals = 0;

	for (unsigned i = 0; i < rounds; i++) {
		unsigned cpu = (unsigned)rng_range(rng, 0, 7);
		uint64_t before = quotas(rig);

		if (live[cpu])
			swiotlb_rig_unmap(rig, live[cpu]);
		live[cpu] = live[cpu] ? 0 : map_on(rig, cpu, nslots);
		ndeals += quotas(rig) != before;
		assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
	}
	return ndeals;
}

/* Somebody else is always dealing, so the margin grows until it covers the peaks. */
static void test_threads_that_meet_over_the_mark_stop_meeting(void **state)
{
	struct rng rng = rng_seeded(rng_seed_from_env(1));
	dmp_phys_t live[8] = {0};
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 4096, 8);
	store_relaxed(&rig.tlb->nraising, 1);
	come_and_go(&rig, &rng, 500, 20, live);
	assert_int_equal(come_and_go(&rig, &rng, 500, 20, live), 0);
	assert_int_equal(load_relaxed(&rig.tlb->nraising), 1);
	assert_in_range(swiotlb_rig_stats(&rig).high_water, 1, 160);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

static void test_a_crowd_hides_a_sixteenth_of_the_slots_at_most(void **state)
{
	dmp_phys_t live[32];
	struct swiotlb_rig rig;
	unsigned n;

	(void)state;
	swiotlb_rig_up(&rig, 4096, 8);
	store_relaxed(&rig.tlb->nraising, 1);
	for (n = 0; n < 32; n++) {
		live[n] = map_on(&rig, n % 8, 120);
		assert_int_equal(dmp_swiotlb_check(rig.tlb), 0);
		assert_in_range(rig.tlb->margin, 8, 4096 / 16);
		assert_true(swiotlb_rig_stats(&rig).high_water + rig.tlb->margin >= (n + 1) * 120);
	}
	assert_int_equal(rig.tlb->margin, 4096 / 16);
	while (n--)
		swiotlb_rig_unmap(&rig, live[n]);
	swiotlb_rig_down(&rig);
}

static void test_a_reset_makes_the_mark_exact_again(void **state)
{
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 4);
	store_relaxed(&rig.tlb->nraising, 1);
	map_on(&rig, 0, 10);
	map_on(&rig, 1, 10);
	store_relaxed(&rig.tlb->nraising, 0);
	dmp_swiotlb_reset_high_water(rig.tlb);
	for (unsigned i = 1; i <= 20; i++) {
		map_on(&rig, 0, 3);
		assert_usage(&rig, 20 + i * 3, 20 + i * 3);
	}
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* Once all areas have been at their peaks together, nothing shared is written any more. */
static void test_areas_below_their_peaks_leave_the_quotas_alone(void **state)
{
	uint64_t quotas[4];
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 4);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		map_on(&rig, cpu, 20 + cpu);
	for (unsigned cpu = 0; cpu < 4; cpu++)
		quotas[cpu] = load_relaxed(&swiotlb_area_at(rig.tlb->pools, cpu)->quota);
	swiotlb_rig_unmap_all(&rig);
	for (unsigned i = 0; i < 40; i++)
		swiotlb_rig_unmap(&rig, map_on(&rig, i % 4, 1 + i % 20));
	for (unsigned cpu = 0; cpu < 4; cpu++) {
		assert_int_equal(quotas[cpu], 20 + cpu);
		assert_int_equal(load_relaxed(&swiotlb_area_at(rig.tlb->pools, cpu)->quota),
				 quotas[cpu]);
	}
	swiotlb_rig_down(&rig);
}

static void test_short_structs_of_old_callers_are_served_and_none_refused(void **state)
{
	struct swiotlb_rig rig;
	uint64_t slots = 0;

	(void)state;
	swiotlb_rig_up(&rig, 1024, 4);
	assert_int_equal(
		dmp_swiotlb_get_stats(rig.tlb, (struct dmp_swiotlb_stats *)&slots, sizeof(slots)),
		0);
	assert_int_equal(slots, 1024);
	assert_int_equal(
		dmp_swiotlb_get_stats(NULL, (struct dmp_swiotlb_stats *)&slots, sizeof(slots)),
		-EINVAL);
	assert_int_equal(dmp_swiotlb_get_stats(rig.tlb, NULL, sizeof(slots)), -EINVAL);
	assert_int_equal(dmp_swiotlb_get_stats(rig.tlb, (struct dmp_swiotlb_stats *)&slots, 0),
			 -EINVAL);
	dmp_swiotlb_reset_high_water(NULL);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_high_water_is_the_most_that_was_in_use_at_once),
		cmocka_unit_test(test_high_water_is_exact_while_one_thread_maps),
		cmocka_unit_test(test_a_reset_mark_is_that_of_the_next_map),
		cmocka_unit_test(test_threads_that_meet_over_the_mark_stop_meeting),
		cmocka_unit_test(test_a_crowd_hides_a_sixteenth_of_the_slots_at_most),
		cmocka_unit_test(test_a_reset_makes_the_mark_exact_again),
		cmocka_unit_test(test_areas_below_their_peaks_leave_the_quotas_alone),
		cmocka_unit_test(test_short_structs_of_old_callers_are_served_and_none_refused),
	};

	return cmocka_run_group_tests_name("swiotlb_usage", tests, NULL, NULL);
}
