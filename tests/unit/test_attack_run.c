// SPDX-License-Identifier: MIT
/*
 * test_attack_run.c - proves that an attack is the same for the same seed, that each policy
 * keeps its promises on a workload of a few lines, and that a machine without an IOMMU records
 * bus errors
 */
#include "test_attack_rig.h"

#define MS UINT64_C(1000000)

static const char *const translated[] = {"strict",
					 "guest",
					 "lazy",
					 "lazy-single",
					 "on-reuse",
					 "manual",
					 "lazy:entries=2:timeout=3ms"};

#define NTRANSLATED (sizeof(translated) / sizeof(translated[0]))

static void test_the_same_seed_gives_the_same_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < NTRANSLATED; i++) {
		struct attack_result a = attacked(ONE_UNMAP, translated[i]);
		struct attack_result b = attacked(ONE_UNMAP, translated[i]);

		assert_memory_equal(&a.counts, &b.counts, sizeof(a.counts));
		assert_int_equal(a.open_peak, b.open_peak);
		attack_result_free(&a);
		attack_result_free(&b);
	}
}

static void test_another_seed_tries_something_else(void **state)
{
	struct attack_result a = attacked(ONE_UNMAP, "lazy"), b;
	struct attack_rig rig;

	(void)state;
	attack_rig_up(&rig, ONE_UNMAP, "lazy");
	rig.opts.seed = 2;
	attack_rig_run(&rig, &b);
	assert_memory_not_equal(&a.counts, &b.counts, sizeof(a.counts));
	attack_rig_down(&rig);
	attack_result_free(&a);
	attack_result_free(&b);
}

static void test_every_policy_keeps_its_promises(void **state)
{
	(void)state;
	for (size_t i = 0; i < NTRANSLATED; i++) {
		struct attack_result r = attacked(ONE_UNMAP, translated[i]);

		assert_int_equal(attempts_of(&r), 20000);
		assert_int_equal(attack_judge(&r), 0);
		assert_true(attack_sum(&r.counts, ATTACK_LIVE, ATTACK_DONE) > 0);
		attack_result_free(&r);
	}
}

static void test_a_policy_that_flushes_at_once_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct attack_result r = attacked(ONE_UNMAP, translated[i]);

		assert_int_equal(attack_bound_ns(&r), 0);
		assert_int_equal(attack_sum_all(&r.counts, DMP_FAULT_STALE), 0);
		assert_int_equal(r.open_peak, 0);
		attack_result_free(&r);
	}
}

/* The book's own ages and the library's are of one clock; both stay within the bound. */
static void test_a_lazy_policy_is_reached_within_its_bound(void **state)
{
	static const struct {
		const char *flush;
		uint64_t bound_ns;
	} cases[] = {{"lazy", 10 * MS}, {"lazy:timeout=3ms", 3 * MS}, {"lazy-single", 1000 * MS}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct attack_result r = attacked(ONE_UNMAP, cases[i].flush);

		assert_int_equal(attack_bound_ns(&r), cases[i].bound_ns);
		assert_true(attack_sum(&r.counts, ATTACK_OPEN, DMP_FAULT_STALE) > 0);
		assert_in_range(r.counts.oldest_stale_ns, 1, cases[i].bound_ns);
		assert_int_equal(r.exposed->sum.seen.stale_oldest_ns, r.counts.oldest_stale_ns);
		assert_int_equal(r.exposed->sum.could.ns.max, cases[i].bound_ns);
		assert_int_equal(r.open_end, 0);
		assert_int_equal(r.counts.stale_moved, attack_sum_all(&r.counts, DMP_FAULT_STALE));
		attack_result_free(&r);
	}
}

/* Nothing comes that would need the addresses again: open at the end, and told. */
static void test_on_reuse_nothing_is_given_out_while_it_can_be_reached(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "on-reuse");

	(void)state;
	assert_int_equal(attack_bound_ns(&r), UINT64_MAX);
	assert_true(attack_sum(&r.counts, ATTACK_OPEN, DMP_FAULT_STALE) > 0);
	assert_int_equal(attack_sum(&r.counts, ATTACK_LIVE, DMP_FAULT_STALE), 0);
	assert_int_equal(r.given_open, 0);
	assert_int_equal(r.exposed->sum.seen.iova_reused, 0);
	assert_int_equal(r.open_end, 2 * 4096);
	attack_result_free(&r);
}

/* 256 pages of addresses, gone through twice: each time round costs a flush. */
static void test_on_reuse_addresses_come_again_only_after_a_flush(void **state)
{
	struct attack_result r;
	struct attack_rig rig = {.opts = {.attempts = 50000, .seed = 1, .mask_bits = 20},
				 .meta_before = dmp_meta_in_use()};

	(void)state;
	rig.opts.clock = REPLAY_CLOCK_TRACE;
	assert_int_equal(attack_policies_parse("on-reuse", &rig.opts), 0);
	assert_int_equal(attack_loop_make(250, &rig.answer), 0);
	attack_rig_run(&rig, &r);
	assert_true(attack_sum(&r.counts, ATTACK_CLOSED, ATTACK_ANSWERS) > 0);
	assert_true(attack_sum(&r.counts, ATTACK_OPEN, DMP_FAULT_STALE) > 0);
	assert_int_equal(r.given_open, 0);
	assert_int_equal(r.exposed->sum.seen.iova_reused, 0);
	assert_int_equal(attack_judge(&r), 0);
	attack_result_free(&r);
	attack_rig_down(&rig);
}

/* The rule is a commit at each multiple of 5 ms: from 2 ms to 5 ms, and 60 ms, when it is due. */
static void test_by_hand_a_window_ends_with_the_commit(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "manual:every=5ms");

	(void)state;
	assert_int_equal(attack_judge(&r), 0);
	assert_in_range(r.counts.oldest_stale_ns, 1, 5 * MS);
	assert_int_equal(r.open_end, 0);
	attack_result_free(&r);
}

/* Lazy, held against what strict promises. */
static void test_a_stale_access_breaks_the_promise_of_strict(void **state)
{
	struct attack_policy strict = {.way = REPLAY_STRICT};
	struct attack_result r = attacked(ONE_UNMAP, "lazy");

	(void)state;
	r.policy = &strict;
	assert_true(attack_judge(&r) & ATTACK_BREACH_STALE);
	attack_result_free(&r);
}

static void test_without_an_iommu_bus_errors_are_recorded_and_nothing_is_promised(void **state)
{
	struct attack_result r = attacked(ONE_UNMAP, "none");

	(void)state;
	assert_null(r.exposed);
	assert_true(attack_sum_all(&r.counts, DMP_FAULT_BUS) > 0);
	assert_true(attack_reached(&r.counts) > 0);
	assert_int_equal(attack_sum_all(&r.counts, DMP_FAULT_STALE), 0);
	assert_int_equal(attack_judge(&r), 0);
}

/* A mask of 13 bits leaves one address, and two pages want one. */
static void test_a_workload_that_fails_is_no_good_answer(void **state)
{
	struct attack_result r;
	struct attack_rig rig;

	(void)state;
	attack_rig_up(&rig,
		      MAP(0, 01, "TO_DEVICE", 1000, 5000, 4096)
			      MAP(0, 02, "TO_DEVICE", 3000, 7000, 4096)
				      UNMAP(0, 03, "TO_DEVICE", 3000, 4096),
		      "strict");
	rig.opts.mask_bits = 13;
	attack_rig_run(&rig, &r);
	assert_int_equal(r.blame.requests, 1);
	assert_int_equal(r.blame.first_err, -ENOSPC);
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_BOOKS);
	attack_result_free(&r);
	attack_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_seed_gives_the_same_counts),
		cmocka_unit_test(test_another_seed_tries_something_else),
		cmocka_unit_test(test_every_policy_keeps_its_promises),
		cmocka_unit_test(test_a_policy_that_flushes_at_once_leaves_nothing),
		cmocka_unit_test(test_a_lazy_policy_is_reached_within_its_bound),
		cmocka_unit_test(test_on_reuse_nothing_is_given_out_while_it_can_be_reached),
		cmocka_unit_test(test_on_reuse_addresses_come_again_only_after_a_flush),
		cmocka_unit_test(test_by_hand_a_window_ends_with_the_commit),
		cmocka_unit_test(test_a_stale_access_breaks_the_promise_of_strict),
		cmocka_unit_test(
			test_without_an_iommu_bus_errors_are_recorded_and_nothing_is_promised),
		cmocka_unit_test(test_a_workload_that_fails_is_no_good_answer),
	};

	return cmocka_run_group_tests_name("attack_run", tests, NULL, NULL);
}
