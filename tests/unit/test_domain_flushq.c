// SPDX-License-Identifier: MIT
/*
 * test_domain_flushq.c - proves Q1 to Q5 of lib/domain/domain_flushq.c, what it does when a
 * flush fails or memory is short, and what it counts
 *
 * A flush that overlaps another is made by a test that unmaps while flush_domain() is in
 * progress: see lazy_rig.h.
 */
#include "lazy_rig.h"

/* Waiting, and until when. */

static void test_a_lazy_unmap_asks_nothing_of_the_machine_but_to_unmap(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_map(&lazy);
	double_clear(lazy.rig.d);
	assert_int_equal(lazy_unmap(&lazy, iova), 0);
	assert_string_equal(double_trace(lazy.rig.d), "unmap_pages");
	assert_int_equal(double_last(lazy.rig.d, DOUBLE_UNMAP_PAGES)->flags, 1);
	assert_int_equal(double_mapped_bytes(lazy.rig.d), 0);
	lazy_down(&lazy);
}

static void test_an_address_is_taken_until_the_flush(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova, other;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	other = lazy_map(&lazy);
	assert_true(lazy_is_taken(&lazy, iova));
	assert_int_not_equal(other, iova);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy_unmap(&lazy, other), 0);
	lazy_down(&lazy);
}

static void test_an_unmapped_address_is_enoent_while_it_waits(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	assert_int_equal(lazy_unmap(&lazy, iova), -ENOENT);
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	lazy_down(&lazy);
}

static void test_tables_go_back_after_the_flush(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	double_clear(lazy.rig.d);
	dmp_harness_advance(10 * MS);
	assert_string_equal(double_trace(lazy.rig.d), "flush_domain free_tables free_tables");
	assert_int_equal(lazy.rig.d->tables_freed_early, 0);
	lazy_down(&lazy);
}

/*
 *   ring of 8   [ 1 2 3 4 5 6 7 . ]   full; the eighth flushes, and stands there alone
 */
static void test_a_full_ring_is_flushed_and_released(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova[7];

	(void)state;
	lazy_up(&lazy, 1, 8);
	for (int i = 0; i < 7; i++)
		iova[i] = lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 0);
	assert_int_equal(lazy_state(&lazy, 0).queued, 7);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	for (int i = 0; i < 7; i++)
		assert_false(lazy_is_taken(&lazy, iova[i]));
	assert_int_equal(rig_domain_stats(&lazy.rig).flushes_by[DMP_FLUSH_CAUSE_FULL], 1);
	lazy_down(&lazy);
}

static void test_a_ring_holds_255_by_default(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	for (int i = 0; i < 255; i++)
		lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 0);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 1);
	lazy_down(&lazy);
}

static void test_a_single_ring_holds_32767_for_a_second(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_begin(&lazy, 2);
	lazy.rig.d->chain_tables = false;
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY_SINGLE));
	for (unsigned i = 0; i < 32767; i++) {
		dmp_harness_become(i % 2);
		assert_int_equal(
			dmp_domain_map(lazy.rig.dom, 0, PAGE, DMP_PROT_READ, UINT64_MAX, &iova), 0);
		assert_int_equal(dmp_domain_unmap(lazy.rig.dom, iova, PAGE), 0);
	}
	assert_int_equal(lazy_state(&lazy, 0).queued, 32767);
	dmp_harness_advance(1000 * MS - 1);
	assert_int_equal(lazy_flushes(&lazy), 0);
	dmp_harness_advance(1);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(lazy_state(&lazy, 0).queued, 0);
	lazy_down(&lazy);
}

/* The timer. */

/*
 *   0 ms first     6 ms second     10 ms flush      the second does not move it
 */
static void test_the_timer_runs_from_the_first_entry(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	assert_false(lazy_state(&lazy, 0).timer_armed);
	lazy_queue_one(&lazy);
	assert_true(lazy_state(&lazy, 0).timer_armed);
	dmp_harness_advance(6 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(4 * MS - 1);
	assert_int_equal(lazy_flushes(&lazy), 0);
	dmp_harness_advance(1);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_false(lazy_state(&lazy, 0).timer_armed);
	dmp_harness_advance(100 * MS);
	assert_int_equal(lazy_flushes(&lazy), 1);
	lazy_down(&lazy);
}

static void test_a_walk_does_not_move_the_timer(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy_queue_one(&lazy);
	dmp_harness_advance(6 * MS);
	assert_int_equal(dmp_domain_check(lazy.rig.dom), 0);
	dmp_harness_advance(4 * MS - 1);
	assert_int_equal(lazy_flushes(&lazy), 0);
	dmp_harness_advance(1);
	assert_int_equal(lazy_flushes(&lazy), 1);
	lazy_down(&lazy);
}

static void test_one_timer_releases_the_rings_of_all_cpus(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova[3];

	(void)state;
	lazy_up(&lazy, 3, 0);
	for (unsigned cpu = 0; cpu < 3; cpu++) {
		dmp_harness_become(cpu);
		iova[cpu] = lazy_queue_one(&lazy);
	}
	assert_int_equal(dmp_harness_advance(10 * MS), 1);
	assert_int_equal(lazy_flushes(&lazy), 1);
	for (unsigned cpu = 0; cpu < 3; cpu++)
		assert_false(lazy_is_taken(&lazy, iova[cpu]));
	lazy_down(&lazy);
}

static void test_the_ring_of_a_cpu_that_has_gone_is_released(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 2, 0);
	dmp_harness_become(1);
	iova = lazy_queue_one(&lazy);
	dmp_harness_become(0);
	assert_int_equal(dmp_harness_set_online(1, false), 0);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_what_is_released_lands_in_the_cache_of_who_releases(void **state)
{
	struct dmp_iova_magazine_view view;
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 2, 0);
	assert_int_equal(dmp_domain_map(lazy.rig.dom, 0, PAGE, DMP_PROT_READ, UINT64_MAX, &iova),
			 0);
	assert_int_equal(dmp_domain_unmap(lazy.rig.dom, iova, PAGE), 0);
	dmp_harness_become(1);
	dmp_harness_advance(10 * MS);
	assert_int_equal(dmp_iova_inspect_magazine(dmp_domain_iova(lazy.rig.dom), DMP_IOVA_LOADED,
						   1, 0, &view),
			 0);
	assert_int_equal(view.count, 1);
	assert_int_equal(view.pfns[0], iova / PAGE);
	lazy_down(&lazy);
}

static void unmap_first(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
}

/* Q4: the flag is cleared first, so that what comes meanwhile arms the timer anew. */
static void test_an_unmap_during_the_timers_flush_arms_it_again(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_queue_one(&lazy);
	lazy_during_flush(&lazy, unmap_first, 0);
	dmp_harness_advance(10 * MS);
	assert_int_equal(lazy.err[0], 0);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_true(lazy_state(&lazy, 0).timer_armed);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

/* Numbers. */

/* Q2: the flush had begun before the tables were cleared, so it may have missed that. */
static void test_a_flush_does_not_release_what_was_unmapped_during_it(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, unmap_first, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

static void flush_inside(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
	lazy->err[1] = dmp_domain_flush(lazy->rig.dom);
	lazy->err[2] = lazy_is_taken(lazy, lazy->iova[0]);
}

/*
 *   flush A   |------------------------------|
 *   unmap            x
 *   flush B             |------|              began after the unmap, but is the first to end
 *
 * When one has ended it could be A: two must end.
 */
static void test_ends_of_overlapping_flushes_are_not_told_apart(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, flush_inside, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0] | lazy.err[1], 0);
	assert_true(lazy.err[2]);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

/* A full ring on CPU 1 flushes; CPU 0 sees that at its next unmap and flushes nothing. */
static void test_another_cpus_flush_releases_at_the_next_unmap(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 2, 2);
	iova = lazy_queue_one(&lazy);
	dmp_harness_become(1);
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_true(lazy_is_taken(&lazy, iova));
	dmp_harness_become(0);
	lazy_queue_one(&lazy);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy_flushes(&lazy), 1);
	lazy_down(&lazy);
}

static void unmap_two(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
	lazy->err[1] = lazy_unmap(lazy, lazy->iova[1]);
}

/*
 *   flush A  |-----------------------------|     ring of one place
 *   unmap 0      queued, number 1
 *   unmap 1           full: flush B ends, but 1 < 1 does not hold: still full
 *
 * B began after unmap 1's tables were cleared: its range is free at once.
 */
static void test_a_ring_that_stays_full_does_not_overflow(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 2);
	lazy.iova[0] = lazy_map(&lazy);
	lazy.iova[1] = lazy_map(&lazy);
	lazy_during_flush(&lazy, unmap_two, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0] | lazy.err[1], 0);
	assert_int_equal(lazy_flushes(&lazy), 2);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_false(lazy_is_taken(&lazy, lazy.iova[1]));
	assert_int_equal(lazy.rig.d->tables_freed, 2);
	lazy_down(&lazy);
}

static void flush_by_timer(struct lazy *lazy)
{
	unmap_first(lazy);
	dmp_harness_advance(10 * MS);
	lazy->err[1] = lazy_is_taken(lazy, lazy->iova[0]);
	lazy->err[2] = lazy_state(lazy, 0).timer_armed;
}

/*
 *   flush A  |-------------------------------|
 *   unmap        number 1, arms the timer
 *   timer             |------|   ends first, and 1 < 1 does not hold: look again
 */
static void test_the_timer_comes_again_for_what_it_leaves_behind(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, flush_by_timer, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0], 0);
	assert_true(lazy.err[1]);
	assert_true(lazy.err[2]);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

/* Flushes that fail: Q5. */

static void test_a_failed_flush_releases_nothing_and_is_tried_again(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	double_script(lazy.rig.d, DOUBLE_FLUSH_DOMAIN,
		      &(struct double_reply){
			      .nth = 1, .count = 2, .replace_ret = true, .ret = -ETIMEDOUT});
	dmp_harness_advance(20 * MS);
	assert_true(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy.rig.d->tables_freed, 0);
	assert_true(lazy_state(&lazy, 0).timer_armed);
	assert_int_equal(lazy.rig.warnings, 1);
	assert_int_equal(rig_domain_stats(&lazy.rig).flush_failures, 2);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_a_flush_now_that_fails_says_so_and_keeps_all(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	assert_true(lazy_is_taken(&lazy, iova));
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

/* One flush that works covers what was queued before and after one that did not. */
static void test_a_failed_flush_leaves_no_debt(void **state)
{
	struct lazy lazy;
	dmp_iova_t before, after;

	(void)state;
	lazy_up(&lazy, 1, 0);
	before = lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	after = lazy_queue_one(&lazy);
	assert_int_equal(lazy_state(&lazy, 0).started, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_false(lazy_is_taken(&lazy, before));
	assert_false(lazy_is_taken(&lazy, after));
	lazy_down(&lazy);
}

/*
 *   ring of 4   [ 1 2 3 . ]   full and the flush fails: 4 is withheld, 1 to 3 wait on
 */
static void test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova[3], last;

	(void)state;
	lazy_up(&lazy, 1, 4);
	for (int i = 0; i < 3; i++)
		iova[i] = lazy_queue_one(&lazy);
	last = lazy_map(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(lazy_unmap(&lazy, last), -ETIMEDOUT);
	assert_int_equal(lazy_state(&lazy, 0).queued, 3);
	assert_int_equal(lazy.rig.d->tables_freed, 0);
	assert_int_equal(dmp_domain_check(lazy.rig.dom), 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	for (int i = 0; i < 3; i++)
		assert_false(lazy_is_taken(&lazy, iova[i]));
	assert_true(lazy_is_taken(&lazy, last));
	assert_int_equal(lazy.rig.d->tables_freed, 4);
	lazy_down(&lazy);
}

static void test_a_full_ring_whose_flush_answers_enoent_is_eio(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 2);
	lazy_queue_one(&lazy);
	iova = lazy_map(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ENOENT);
	assert_int_equal(lazy_unmap(&lazy, iova), -EIO);
	lazy_down(&lazy);
}

/* Its number is one too high for good, since the flush in progress never ends well. */
static void test_what_is_queued_during_a_failing_flush_is_not_forgotten(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, unmap_first, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	dmp_harness_advance(10 * MS);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_int_equal(dmp_harness_run_pending(), 0);
	lazy_down(&lazy);
}

/* Want of memory, and the end. */

static void test_a_cpu_without_a_ring_unmaps_strictly_and_says_so_once(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova[2];

	(void)state;
	lazy_up(&lazy, 2, 0);
	iova[0] = lazy_map(&lazy);
	iova[1] = lazy_map(&lazy);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	for (int i = 0; i < 2; i++) {
		double_clear(lazy.rig.d);
		assert_int_equal(lazy_unmap(&lazy, iova[i]), 0);
		assert_string_equal(double_trace(lazy.rig.d),
				    "unmap_pages flush_gather free_tables");
		assert_false(lazy_is_taken(&lazy, iova[i]));
	}
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	assert_int_equal(lazy.rig.warnings, 1);
	iova[0] = lazy_queue_one(&lazy);
	assert_true(lazy_is_taken(&lazy, iova[0]));
	lazy_down(&lazy);
}

static void test_destroy_drops_what_is_queued_and_flushes_nothing(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 2, 0);
	lazy_queue_one(&lazy);
	dmp_harness_become(1);
	lazy_queue_one(&lazy);
	double_clear(lazy.rig.d);
	assert_int_equal(dmp_domain_destroy(lazy.rig.dom), 0);
	lazy.rig.dom = NULL;
	assert_string_equal(double_trace(lazy.rig.d), "free_tables free_tables domain_destroy");
	lazy_down(&lazy);
}

/* What is counted. */

static struct dmp_domain_stats lazy_stats(struct lazy *lazy)
{
	return rig_domain_stats(&lazy->rig);
}

static void test_stats_tell_what_waits_and_what_has_gone(void **state)
{
	struct dmp_domain_stats stats;
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	stats = lazy_stats(&lazy);
	assert_int_equal(stats.queued, 2);
	assert_int_equal(stats.queued_bytes, 2 * LONG_PAGES * PAGE);
	assert_int_equal(stats.released, 0);
	dmp_harness_advance(10 * MS);
	stats = lazy_stats(&lazy);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.queued_bytes, 0);
	assert_int_equal(stats.released, 2);
	assert_int_equal(stats.flushes, 1);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_TIMER], 1);
	assert_int_equal(stats.exposed_ns, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy_stats(&lazy).flushes_by[DMP_FLUSH_CAUSE_ASKED], 1);
	lazy_down(&lazy);
}

/*
 *   CPU 0   unmap 0 ms                               released at 8 ms
 *   CPU 1        unmap 1 ms     full: flush at 3 ms
 *   exposed        3 ms + 2 ms, not 8
 */
static void test_exposure_ends_with_the_flush_that_covers_it(void **state)
{
	struct dmp_domain_stats stats;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 2);
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE,
						  .flush = DMP_FLUSH_LAZY, .flushq_entries = 2));
	lazy_queue_one(&lazy);
	dmp_harness_become(1);
	dmp_harness_advance(1 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(2 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(3 * MS);
	lazy_queue_one(&lazy); /* a second flush, at 6 ms, of what was unmapped at 3 ms */
	dmp_harness_become(0);
	dmp_harness_advance(2 * MS);
	lazy_queue_one(&lazy);
	stats = lazy_stats(&lazy);
	assert_int_equal(stats.released, 3);
	assert_int_equal(stats.exposed_ns, (3 + 2 + 3) * MS);
	assert_int_equal(stats.exposed_max_ns, 3 * MS);
	lazy_down(&lazy);
}

/* 200 ends are more than are kept: the exposure told is at least the true one, at most to the
 * release. */
static void test_exposure_of_a_cpu_that_slept_long_is_bounded(void **state)
{
	struct dmp_domain_stats stats;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 2);
	rig_domain_as(&lazy.rig,
		      &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE, .flush = DMP_FLUSH_LAZY,
				       .flushq_entries = 2, .flushq_timeout_ns = 1000 * MS));
	lazy_queue_one(&lazy);
	dmp_harness_become(1);
	lazy_queue_one(&lazy);
	for (int i = 0; i < 200; i++) {
		dmp_harness_advance(1 * MS);
		lazy_queue_one(&lazy);
	}
	dmp_harness_become(0);
	lazy_queue_one(&lazy);
	stats = lazy_stats(&lazy);
	assert_int_equal(stats.released, 201);
	assert_in_range(stats.exposed_max_ns, 1 * MS, 200 * MS);
	lazy_down(&lazy);
}

/* The watch. */

struct seen {
	unsigned flushed[DMP_FLUSH_CAUSES], failed, released;
	dmp_iova_t iova;
	uint64_t len, exposed_ns;
};

static void see_flush(void *ctx, enum dmp_flush_cause cause, int err)
{
	struct seen *seen = ctx;

	seen->flushed[cause]++;
	seen->failed += err != 0;
}

static void see_release(void *ctx, dmp_iova_t iova, uint64_t len, uint64_t exposed_ns)
{
	struct seen *seen = ctx;

	seen->released++;
	seen->iova = iova;
	seen->len = len;
	seen->exposed_ns = exposed_ns;
}

static void test_the_watch_is_told_every_flush_and_release(void **state)
{
	const struct dmp_flush_watch watch = {
		.size = sizeof(watch), .flushed = see_flush, .released = see_release};
	struct seen seen = {.released = 0};
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig,
		      &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE, .flush = DMP_FLUSH_LAZY,
				       .watch = &watch, .watch_ctx = &seen));
	iova = lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	assert_int_equal(seen.failed, 1);
	assert_int_equal(seen.released, 0);
	dmp_harness_advance(10 * MS);
	assert_int_equal(seen.flushed[DMP_FLUSH_CAUSE_ASKED], 1);
	assert_int_equal(seen.flushed[DMP_FLUSH_CAUSE_TIMER], 1);
	assert_int_equal(seen.released, 1);
	assert_int_equal(seen.iova, iova);
	assert_int_equal(seen.len, LONG_PAGES * PAGE);
	assert_int_equal(seen.exposed_ns, 10 * MS);
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lazy_unmap_asks_nothing_of_the_machine_but_to_unmap),
		cmocka_unit_test(test_an_address_is_taken_until_the_flush),
		cmocka_unit_test(test_an_unmapped_address_is_enoent_while_it_waits),
		cmocka_unit_test(test_tables_go_back_after_the_flush),
		cmocka_unit_test(test_a_full_ring_is_flushed_and_released),
		cmocka_unit_test(test_a_ring_holds_255_by_default),
		cmocka_unit_test(test_a_single_ring_holds_32767_for_a_second),
		cmocka_unit_test(test_the_timer_runs_from_the_first_entry),
		cmocka_unit_test(test_a_walk_does_not_move_the_timer),
		cmocka_unit_test(test_one_timer_releases_the_rings_of_all_cpus),
		cmocka_unit_test(test_the_ring_of_a_cpu_that_has_gone_is_released),
		cmocka_unit_test(test_what_is_released_lands_in_the_cache_of_who_releases),
		cmocka_unit_test(test_an_unmap_during_the_timers_flush_arms_it_again),
		cmocka_unit_test(test_a_flush_does_not_release_what_was_unmapped_during_it),
		cmocka_unit_test(test_ends_of_overlapping_flushes_are_not_told_apart),
		cmocka_unit_test(test_another_cpus_flush_releases_at_the_next_unmap),
		cmocka_unit_test(test_a_ring_that_stays_full_does_not_overflow),
		cmocka_unit_test(test_the_timer_comes_again_for_what_it_leaves_behind),
		cmocka_unit_test(test_a_failed_flush_releases_nothing_and_is_tried_again),
		cmocka_unit_test(test_a_flush_now_that_fails_says_so_and_keeps_all),
		cmocka_unit_test(test_a_failed_flush_leaves_no_debt),
		cmocka_unit_test(test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer),
		cmocka_unit_test(test_a_full_ring_whose_flush_answers_enoent_is_eio),
		cmocka_unit_test(test_what_is_queued_during_a_failing_flush_is_not_forgotten),
		cmocka_unit_test(test_a_cpu_without_a_ring_unmaps_strictly_and_says_so_once),
		cmocka_unit_test(test_destroy_drops_what_is_queued_and_flushes_nothing),
		cmocka_unit_test(test_stats_tell_what_waits_and_what_has_gone),
		cmocka_unit_test(test_exposure_ends_with_the_flush_that_covers_it),
		cmocka_unit_test(test_exposure_of_a_cpu_that_slept_long_is_bounded),
		cmocka_unit_test(test_the_watch_is_told_every_flush_and_release),
	};

	return cmocka_run_group_tests_name("domain_flushq", tests, NULL, NULL);
}
