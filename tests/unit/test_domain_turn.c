// SPDX-License-Identifier: MIT
/*
 * test_domain_turn.c - proves Q6 of lib/domain/domain_flushq.h as lib/domain/domain_turn.c keeps
 * it for commits: what a commit promises, what it costs, and what the policy `manual` waits for
 *
 * Q7, the flush before an epoch's first address, is test_domain_reuse.c's.
 */
#include "lazy_rig.h"

static void manual_up(struct lazy *lazy, unsigned ncpus, uint32_t entries)
{
	lazy_begin(lazy, ncpus);
	rig_domain_as(&lazy->rig,
		      &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL, .flushq_entries = entries,
				       .flushq_timeout_ns = MS));
}

static int commit(struct lazy *lazy)
{
	return dmp_domain_commit(lazy->rig.dom);
}

static void test_what_is_unmapped_waits_for_a_commit_and_for_no_time(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	manual_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	assert_false(lazy_state(&lazy, 0).timer_armed);
	dmp_harness_advance(1000000 * MS);
	assert_int_equal(lazy_flushes(&lazy), 0);
	assert_true(lazy_is_taken(&lazy, iova));
	double_clear(lazy.rig.d);
	assert_int_equal(commit(&lazy), 0);
	assert_string_equal(double_trace(lazy.rig.d), "flush_domain free_tables");
	assert_int_equal(lazy.rig.d->tables_freed_early, 0);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_a_commit_asks_nothing_if_nothing_was_unmapped_since_the_last(void **state)
{
	struct lazy lazy;

	(void)state;
	manual_up(&lazy, 1, 0);
	double_clear(lazy.rig.d);
	assert_int_equal(commit(&lazy), 0);
	assert_string_equal(double_trace(lazy.rig.d), "");
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	double_clear(lazy.rig.d);
	for (int i = 0; i < 3; i++)
		assert_int_equal(commit(&lazy), 0);
	assert_string_equal(double_trace(lazy.rig.d), "flush_domain free_tables free_tables");
	assert_int_equal(rig_domain_stats(&lazy.rig).flushes_by[DMP_FLUSH_CAUSE_COMMIT], 1);
	lazy_down(&lazy);
}

static void test_each_unmap_after_a_commit_is_for_the_next(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	manual_up(&lazy, 1, 0);
	for (uint64_t i = 1; i <= 3; i++) {
		iova = lazy_queue_one(&lazy);
		assert_int_equal(lazy_state(&lazy, 0).wanted, i);
		assert_int_equal(commit(&lazy), 0);
		assert_int_equal(lazy_state(&lazy, 0).wanted, 0);
		assert_int_equal(lazy_flushes(&lazy), i);
		assert_false(lazy_is_taken(&lazy, iova));
	}
	lazy_down(&lazy);
}

static void test_a_commit_covers_what_every_cpu_has_unmapped(void **state)
{
	dmp_iova_t iova[3];
	struct lazy lazy;

	(void)state;
	manual_up(&lazy, 3, 0);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		dmp_harness_become(cpu);
		iova[cpu] = lazy_queue_one(&lazy);
	}
	assert_int_equal(commit(&lazy), 0);
	assert_int_equal(lazy_flushes(&lazy), 1);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_false(lazy_is_taken(&lazy, iova[cpu]));
	lazy_down(&lazy);
}

/*
 *   commit 1    |------ flush 1 ------|  releases the first
 *   an unmap              x                 may have been missed: commit 2 flushes again
 */
static void test_what_is_unmapped_during_a_commit_waits_for_the_next(void **state)
{
	struct lazy lazy;
	dmp_iova_t first;

	(void)state;
	manual_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	first = lazy_queue_one(&lazy);
	lazy_during_flush(&lazy, lazy_unmap_first, 0);
	assert_int_equal(commit(&lazy), 0);
	assert_int_equal(lazy.err[0], 0);
	assert_false(lazy_is_taken(&lazy, first));
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_int_equal(lazy_state(&lazy, 0).wanted, 2);
	assert_int_equal(commit(&lazy), 0);
	assert_int_equal(lazy_flushes(&lazy), 2);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

static void flush_now(struct lazy *lazy)
{
	lazy->err[0] = dmp_domain_flush(lazy->rig.dom);
}

/* The range is unmapped when flush 1 is over, but its tables were cleared only after that. */
static void test_a_commit_flushes_for_an_unmap_that_a_flush_ran_beside(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	manual_up(&lazy, 1, 0);
	iova = lazy_map(&lazy);
	lazy_before_unmap(&lazy, flush_now);
	assert_int_equal(lazy_unmap(&lazy, iova), 0);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(commit(&lazy), 0);
	assert_int_equal(lazy_flushes(&lazy), 2);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_a_commit_after_a_flush_that_covered_all_asks_nothing(void **state)
{
	struct lazy lazy;

	(void)state;
	manual_up(&lazy, 1, 0);
	lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	double_clear(lazy.rig.d);
	assert_int_equal(commit(&lazy), 0);
	assert_string_equal(double_trace(lazy.rig.d), "");
	assert_int_equal(lazy_state(&lazy, 0).wanted, 0);
	lazy_down(&lazy);
}

/* Room for one a CPU: the flush of CPU 1's full ring has covered what waits in that of CPU 0. */
static void test_a_commit_releases_what_a_full_rings_flush_has_covered(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	manual_up(&lazy, 2, 2);
	iova = lazy_queue_one(&lazy);
	dmp_harness_become(1);
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	assert_int_equal(rig_domain_stats(&lazy.rig).flushes_by[DMP_FLUSH_CAUSE_FULL], 1);
	assert_true(lazy_is_taken(&lazy, iova));
	assert_int_equal(commit(&lazy), 0);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy_flushes(&lazy), 2);
	lazy_down(&lazy);
}

static void test_a_commit_that_fails_keeps_all_for_the_next(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	manual_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(commit(&lazy), -ETIMEDOUT);
	assert_true(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy.rig.d->tables_freed, 0);
	assert_int_equal(dmp_harness_run_pending(), 0); /* nobody tries again by himself */
	assert_int_equal(commit(&lazy), 0);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(rig_domain_stats(&lazy.rig).flush_failures, 1);
	lazy_down(&lazy);
}

static void test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer(void **state)
{
	struct lazy lazy;
	dmp_iova_t first, second;

	(void)state;
	manual_up(&lazy, 1, 2);
	first = lazy_queue_one(&lazy);
	second = lazy_map(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(lazy_unmap(&lazy, second), -ETIMEDOUT);
	assert_int_equal(commit(&lazy), 0);
	assert_false(lazy_is_taken(&lazy, first));
	assert_true(lazy_is_taken(&lazy, second));
	assert_int_equal(lazy.rig.d->tables_freed, 2);
	lazy_down(&lazy);
}

/* Two ranges fill it; one that is longer by itself has it alone. */
static void test_a_ring_is_full_of_bytes_before_it_is_full_of_ranges(void **state)
{
	struct dmp_domain_opts opts =
		DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL, .flushq_bytes = 2 * LONG_PAGES * PAGE);
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig, &opts);
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 0);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	lazy_queue_one(&lazy); /* what has been released has made room */
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(lazy_state(&lazy, 0).queued, 2);
	lazy_down(&lazy);
	opts.flushq_bytes = PAGE;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig, &opts);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	assert_int_equal(lazy_flushes(&lazy), 0);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 1);
	lazy_down(&lazy);
}

static void test_a_lazy_domain_can_be_committed_ahead_of_its_timer(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	assert_int_equal(commit(&lazy), 0);
	assert_int_equal(commit(&lazy), 0);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_true(lazy_state(&lazy, 0).timer_armed);
	dmp_harness_advance(10 * MS);
	assert_int_equal(lazy_flushes(&lazy), 2);
	lazy_down(&lazy);
}

static void test_where_every_unmap_flushes_a_commit_has_nothing_to_do(void **state)
{
	const enum dmp_flush_policy policies[] = {DMP_FLUSH_STRICT, DMP_FLUSH_GUEST};
	struct lazy lazy;

	(void)state;
	for (int i = 0; i < 2; i++) {
		lazy_begin(&lazy, 1);
		rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flush = policies[i]));
		double_clear(lazy.rig.d);
		lazy_queue_one(&lazy);
		assert_int_equal(commit(&lazy), 0);
		assert_string_equal(double_trace(lazy.rig.d),
				    "map_pages sync_map unmap_pages flush_gather free_tables");
		lazy_down(&lazy);
	}
	assert_int_equal(dmp_domain_commit(NULL), -EINVAL);
}

static void test_exposure_ends_with_the_commit(void **state)
{
	struct dmp_domain_stats stats;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig,
		      &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL, .flags = DMP_DOMAIN_EXPOSURE));
	lazy_queue_one(&lazy);
	dmp_harness_advance(70 * MS);
	assert_int_equal(rig_domain_stats(&lazy.rig).queued, 1);
	assert_int_equal(rig_domain_stats(&lazy.rig).queued_bytes, LONG_PAGES * PAGE);
	assert_int_equal(commit(&lazy), 0);
	dmp_harness_advance(MS);
	stats = rig_domain_stats(&lazy.rig);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.exposed_ns, 70 * MS);
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_unmapped_waits_for_a_commit_and_for_no_time),
		cmocka_unit_test(test_a_commit_asks_nothing_if_nothing_was_unmapped_since_the_last),
		cmocka_unit_test(test_each_unmap_after_a_commit_is_for_the_next),
		cmocka_unit_test(test_a_commit_covers_what_every_cpu_has_unmapped),
		cmocka_unit_test(test_what_is_unmapped_during_a_commit_waits_for_the_next),
		cmocka_unit_test(test_a_commit_flushes_for_an_unmap_that_a_flush_ran_beside),
		cmocka_unit_test(test_a_commit_after_a_flush_that_covered_all_asks_nothing),
		cmocka_unit_test(test_a_commit_releases_what_a_full_rings_flush_has_covered),
		cmocka_unit_test(test_a_commit_that_fails_keeps_all_for_the_next),
		cmocka_unit_test(test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer),
		cmocka_unit_test(test_a_ring_is_full_of_bytes_before_it_is_full_of_ranges),
		cmocka_unit_test(test_a_lazy_domain_can_be_committed_ahead_of_its_timer),
		cmocka_unit_test(test_where_every_unmap_flushes_a_commit_has_nothing_to_do),
		cmocka_unit_test(test_exposure_ends_with_the_commit),
	};

	return cmocka_run_group_tests_name("domain_turn", tests, NULL, NULL);
}
