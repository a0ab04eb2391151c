// SPDX-License-Identifier: MIT
/*
 * test_domain_flushq.c - proves Q1, Q4 and Q5 of lib/domain/domain_flushq.h as
 * lib/domain/domain_flushq.c keeps them: until when a range waits, the timer, flushes that fail.
 * Flushes that overlap are in test_domain_flushq_overlap.
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
	lazy.bugs = 1;
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

/* The longest timeout there is never comes, not even by way of a walk. */
static void test_a_timer_that_never_comes_is_not_brought_forward_by_a_walk(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig,
		      &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_timeout_ns = UINT64_MAX));
	dmp_harness_advance(1);
	lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_check(lazy.rig.dom), 0);
	dmp_harness_advance(1000000 * MS);
	assert_int_equal(lazy_flushes(&lazy), 0);
	assert_true(lazy_state(&lazy, 0).timer_armed);
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

/* One flush that works covers what was queued before, while and after one that did not. */
static void test_a_failed_flush_leaves_no_debt(void **state)
{
	struct lazy lazy;
	dmp_iova_t before, after;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	before = lazy_queue_one(&lazy);
	lazy_during_flush(&lazy, lazy_unmap_first, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	after = lazy_queue_one(&lazy);
	assert_int_equal(lazy_state(&lazy, 0).queued, 3);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_false(lazy_is_taken(&lazy, before));
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
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

/* Whatever a failed flush has left, tables here, goes with the flush of a full ring, and with
 * its lock held: no lock may be taken out of order. */
static void test_a_full_rings_flush_gives_back_what_a_failed_one_left(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 2);
	lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(lazy_unmap(&lazy, lazy_map(&lazy)), -ETIMEDOUT);
	double_clear(lazy.rig.d);
	lazy_queue_one(&lazy);
	assert_string_equal(double_trace(lazy.rig.d), "map_pages sync_map unmap_pages flush_domain "
						      "free_tables free_tables");
	assert_int_equal(lazy.rig.d->tables_freed, 2);
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
		cmocka_unit_test(test_the_timer_runs_from_the_first_entry),
		cmocka_unit_test(test_a_walk_does_not_move_the_timer),
		cmocka_unit_test(test_a_timer_that_never_comes_is_not_brought_forward_by_a_walk),
		cmocka_unit_test(test_one_timer_releases_the_rings_of_all_cpus),
		cmocka_unit_test(test_a_failed_flush_releases_nothing_and_is_tried_again),
		cmocka_unit_test(test_a_flush_now_that_fails_says_so_and_keeps_all),
		cmocka_unit_test(test_a_failed_flush_leaves_no_debt),
		cmocka_unit_test(test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer),
		cmocka_unit_test(test_a_full_rings_flush_gives_back_what_a_failed_one_left),
		cmocka_unit_test(test_a_full_ring_whose_flush_answers_enoent_is_eio),
		cmocka_unit_test(test_the_watch_is_told_every_flush_and_release),
	};

	return cmocka_run_group_tests_name("domain_flushq", tests, NULL, NULL);
}
