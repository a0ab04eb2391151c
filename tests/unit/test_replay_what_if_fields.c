// SPDX-License-Identifier: MIT
/*
 * test_replay_what_if_fields.c - proves the numbers of bench/replay_what_if_fields.c, on counters
 * that are made up
 */
#include "dmptest.h"

#include "replay_what_if.h"

#include <math.h>
#include <string.h>

static const struct replay_what_if_field *field(const char *name)
{
	for (unsigned i = 0; i < replay_what_if_nfields; i++)
		if (strcmp(replay_what_if_fields[i].name, name) == 0)
			return &replay_what_if_fields[i];
	fail_msg("no field %s", name);
	return NULL;
}

static double of(const struct replay_result *r, const char *name)
{
	return field(name)->of(r);
}

static bool is_least(const struct replay_result *r, const char *name)
{
	return replay_what_if_is_least(field(name), r);
}

/* 100 unmaps and frees, 4 invalidations, 500 ns an unmap and 200 a map. */
static struct replay_result made_up(enum replay_way way)
{
	return (struct replay_result){.way = way,
				      .unmaps = 90,
				      .frees = 10,
				      .invalidations = 4,
				      .entries_per_flush = 33,
				      .unmap_allocate_ns = 100,
				      .unmap_table_ns = 150,
				      .unmap_invalidate_ns = 250,
				      .map_allocate_ns = 120,
				      .map_table_ns = 80};
}

static void test_costs_are_of_an_unmap_whoever_asked_for_the_invalidation(void **state)
{
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	assert_true(of(&r, "invalidations_per_unmap") == 0.04);
	assert_true(of(&r, "ranges_per_flush") == 33);
	assert_true(of(&r, "simulated_unmap_ns") == 500);
	assert_true(of(&r, "simulated_pair_ns") == 700);
	assert_true(replay_what_if_cost(&r) == 700);
}

static void test_without_queues_a_flush_is_an_invalidation(void **state)
{
	struct replay_result r = made_up(REPLAY_STRICT);

	(void)state;
	assert_true(of(&r, "ranges_per_flush") == 25);
	r.invalidations = 0;
	assert_true(isnan(of(&r, "ranges_per_flush")));
	r.unmaps = r.frees = 0;
	assert_true(isnan(of(&r, "invalidations_per_unmap")));
}

static void test_what_was_not_measured_is_no_number(void **state)
{
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	assert_true(isnan(of(&r, "peak_queued_kib")));
	assert_true(isnan(of(&r, "could_p50_us")));
	assert_true(isnan(of(&r, "could_mb_seconds")));
	assert_true(isnan(of(&r, "did_worst_us")));
	assert_true(isnan(of(&r, "open_at_end")));
	assert_true(isinf(replay_what_if_exposure(&r)));
}

/* Two windows of 10 and 20 ns are over, one of 2 KiB is open for 50 ns. */
static void fill(struct dmp_exposure_side *side)
{
	dmp_spread_add(&side->ns, 10);
	dmp_spread_add(&side->ns, 15);
	side->open = 1;
	side->open_bytes = 2048;
	side->open_oldest_ns = 50;
	side->byte_ns = UINT64_C(3000000000000000);
}

static void test_exposure_is_told_in_us_and_mb_seconds(void **state)
{
	static struct replay_exposure exposed;
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	memset(&exposed, 0, sizeof(exposed));
	r.exposed = &exposed;
	exposed.peak_queued_bytes = 3072;
	exposed.bound_ns = 10000;
	fill(&exposed.sum.could);
	assert_true(of(&r, "peak_queued_kib") == 3);
	assert_true(of(&r, "bound_us") == 10);
	assert_true(of(&r, "could_p50_us") == 0.010);
	assert_true(of(&r, "could_p99_us") == 0.015);
	assert_true(of(&r, "could_worst_us") == 0.050);
	assert_true(of(&r, "could_mb_seconds") == 3);
	assert_true(of(&r, "open_at_end") == 1);
	assert_true(of(&r, "open_at_end_kib") == 2);
	assert_true(replay_what_if_exposure(&r) == 3);
	assert_true(isnan(of(&r, "did_worst_us")));
	assert_true(isnan(of(&r, "memory_reused_while_reachable")));
	exposed.bound_ns = UINT64_MAX;
	assert_true(isinf(of(&r, "bound_us")));
	exposed.peak_queued_bytes = UINT64_MAX;
	assert_true(isnan(of(&r, "peak_queued_kib")));
}

static void test_a_time_that_was_not_over_is_a_least_one(void **state)
{
	static struct replay_exposure exposed;
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	memset(&exposed, 0, sizeof(exposed));
	r.exposed = &exposed;
	fill(&exposed.sum.could);
	assert_true(is_least(&r, "could_worst_us"));
	exposed.sum.could.open_oldest_ns = 15;
	assert_false(is_least(&r, "could_worst_us"));
	assert_true(of(&r, "could_worst_us") == 0.015);
	assert_false(is_least(&r, "did_worst_us"));
	exposed.sum.flags = DMP_EXPOSURE_SEEN;
	assert_false(is_least(&r, "did_worst_us"));
	exposed.sum.seen.did.open_oldest_ns = 1;
	assert_true(is_least(&r, "did_worst_us"));
}

static void test_a_counter_at_its_end_is_a_least_one(void **state)
{
	static struct replay_exposure exposed;
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	memset(&exposed, 0, sizeof(exposed));
	r.exposed = &exposed;
	exposed.sum.flags = DMP_EXPOSURE_SEEN;
	for (unsigned f = 0; f < replay_what_if_nfields; f++)
		assert_false(replay_what_if_is_least(&replay_what_if_fields[f], &r));
	exposed.sum.could.byte_ns = UINT64_MAX;
	assert_true(is_least(&r, "could_mb_seconds"));
	assert_true(replay_what_if_exposes_more(&r));
	assert_false(is_least(&r, "did_mb_seconds"));
	exposed.sum.seen.did.byte_ns = UINT64_MAX;
	assert_true(is_least(&r, "did_mb_seconds"));
	exposed.sum.seen.memory_mapped = 1;
	exposed.sum.seen.memory_freed = UINT64_MAX;
	assert_true(is_least(&r, "memory_reused_while_reachable"));
	assert_false(is_least(&r, "addresses_reused_while_reachable"));
}

/* It had no memory to keep account of three entries. */
static void test_what_a_machine_lost_sight_of_makes_all_that_it_saw_least(void **state)
{
	static const char *const names[] = {"did_worst_us",
					    "did_mb_seconds",
					    "did_windows",
					    "windows_reused",
					    "addresses_reused_while_reachable",
					    "memory_reused_while_reachable"};
	static struct replay_exposure exposed;
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	memset(&exposed, 0, sizeof(exposed));
	r.exposed = &exposed;
	exposed.sum.flags = DMP_EXPOSURE_SEEN;
	exposed.sum.seen.untracked = 3;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(is_least(&r, names[i]));
	assert_false(is_least(&r, "could_worst_us"));
	assert_false(is_least(&r, "could_mb_seconds"));
}

static void test_passthrough_leaves_everything_open_for_ever(void **state)
{
	struct replay_result r = made_up(REPLAY_PASSTHROUGH);

	(void)state;
	assert_true(isinf(of(&r, "could_worst_us")));
	assert_true(isinf(of(&r, "could_mb_seconds")));
	assert_true(isinf(replay_what_if_exposure(&r)));
	assert_true(isnan(of(&r, "open_at_end")));
}

static void test_what_the_machine_saw_is_told_if_it_can_see(void **state)
{
	static struct replay_exposure exposed;
	struct replay_result r = made_up(REPLAY_LAZY);

	(void)state;
	memset(&exposed, 0, sizeof(exposed));
	r.exposed = &exposed;
	exposed.sum.flags = DMP_EXPOSURE_SEEN;
	fill(&exposed.sum.seen.did);
	exposed.sum.seen.iova_reused = 1;
	exposed.sum.seen.memory_mapped = 20;
	exposed.sum.seen.memory_mapped_elsewhere = 300;
	exposed.sum.seen.memory_freed = 4000;
	exposed.sum.seen.did.windows = 70;
	exposed.sum.seen.windows_reused = 50;
	assert_true(of(&r, "did_worst_us") == 0.050);
	assert_true(of(&r, "did_mb_seconds") == 3);
	assert_true(of(&r, "memory_reused_while_reachable") == 4320);
	assert_true(of(&r, "addresses_reused_while_reachable") == 1);
	assert_true(of(&r, "did_windows") == 70);
	assert_true(of(&r, "windows_reused") == 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_costs_are_of_an_unmap_whoever_asked_for_the_invalidation),
		cmocka_unit_test(test_without_queues_a_flush_is_an_invalidation),
		cmocka_unit_test(test_what_was_not_measured_is_no_number),
		cmocka_unit_test(test_exposure_is_told_in_us_and_mb_seconds),
		cmocka_unit_test(test_a_time_that_was_not_over_is_a_least_one),
		cmocka_unit_test(test_a_counter_at_its_end_is_a_least_one),
		cmocka_unit_test(test_what_a_machine_lost_sight_of_makes_all_that_it_saw_least),
		cmocka_unit_test(test_passthrough_leaves_everything_open_for_ever),
		cmocka_unit_test(test_what_the_machine_saw_is_told_if_it_can_see),
	};

	return cmocka_run_group_tests_name("replay_what_if_fields", tests, NULL, NULL);
}
