// SPDX-License-Identifier: MIT
/*
 * test_domain_flushq_overlap.c - proves Q1 and Q4 of lib/domain/domain_flushq.h where flushes
 * overlap unmaps, or each other
 *
 * A flush that overlaps another is made by a test that unmaps while flush_domain() is in
 * progress: see lazy_rig.h.
 */
#include "lazy_rig.h"

/* Q4: the flag is cleared first, so that what comes meanwhile arms the timer anew. */
static void test_an_unmap_during_the_timers_flush_arms_it_again(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_queue_one(&lazy);
	lazy_during_flush(&lazy, lazy_unmap_first, 0);
	dmp_harness_advance(10 * MS);
	assert_int_equal(lazy.err[0], 0);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_true(lazy_state(&lazy, 0).timer_armed);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

/* The flush had begun before the tables were cleared, so it may have missed that. */
static void test_a_flush_does_not_release_what_was_unmapped_during_it(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, lazy_unmap_first, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	lazy_down(&lazy);
}

static void flush_now(struct lazy *lazy)
{
	lazy->err[0] = dmp_domain_flush(lazy->rig.dom);
}

/*
 *   unmap   |- clears tables -| queued
 *   flush      |--|                       may have missed them
 *
 * The other end of [UNMAP]: the number is read when the tables are cleared, not before.
 */
static void test_a_flush_does_not_release_what_was_being_unmapped_when_it_ended(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_map(&lazy);
	lazy_before_unmap(&lazy, flush_now);
	assert_int_equal(lazy_unmap(&lazy, iova), 0);
	assert_int_equal(lazy.err[0], 0);
	lazy_queue_one(&lazy);
	assert_true(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy.rig.d->tables_freed_early, 0);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void flush_inside(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
	lazy->err[1] = dmp_domain_flush(lazy->rig.dom);
	lazy->err[2] = lazy_is_taken(lazy, lazy->iova[0]);
}

/*
 *   flush 1   |------------------------------|
 *   unmap            x
 *   flush 2             |------|               began after the unmap: it is enough
 */
static void test_an_older_flush_in_progress_holds_nothing_up(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, flush_inside, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0] | lazy.err[1], 0);
	assert_false(lazy.err[2]);
	assert_int_equal(lazy_state(&lazy, 0).started, 2);
	assert_int_equal(lazy_state(&lazy, 0).finished, 2);
	lazy_down(&lazy);
}

static void unmap_after_a_flush_inside(struct lazy *lazy)
{
	lazy->err[0] = dmp_domain_flush(lazy->rig.dom);
	lazy->err[1] = lazy_unmap(lazy, lazy->iova[0]);
}

/*
 *   flush 1   |------------------------------|   the last to end, but the first to begin:
 *   flush 2      |------|                        its end says nothing about the unmap
 *   unmap                   x
 */
static void test_an_older_flush_that_ends_last_releases_nothing(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, unmap_after_a_flush_inside, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0] | lazy.err[1], 0);
	assert_true(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_int_equal(lazy_state(&lazy, 0).finished, 2);
	lazy_down(&lazy);
}

static void unmap_two(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
	lazy->err[1] = lazy_unmap(lazy, lazy->iova[1]);
}

/*
 *   flush 1  |-----------------------------|     ring of one place
 *   unmap 0      queued, number 1
 *   unmap 1           full: flush 2 covers it and makes room
 */
static void test_a_full_ring_finds_room_beside_a_flush_in_progress(void **state)
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
	assert_true(lazy_is_taken(&lazy, lazy.iova[1]));
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	lazy_down(&lazy);
}

static void flush_by_timer(struct lazy *lazy)
{
	lazy_unmap_first(lazy);
	dmp_harness_advance(10 * MS);
	lazy->err[1] = lazy_is_taken(lazy, lazy->iova[0]);
	lazy->err[2] = lazy_state(lazy, 0).timer_armed;
}

static void test_the_timer_leaves_nothing_behind_beside_a_flush_in_progress(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, flush_by_timer, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0], 0);
	assert_false(lazy.err[1]);
	assert_false(lazy.err[2]);
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_unmap_during_the_timers_flush_arms_it_again),
		cmocka_unit_test(test_a_flush_does_not_release_what_was_unmapped_during_it),
		cmocka_unit_test(
			test_a_flush_does_not_release_what_was_being_unmapped_when_it_ended),
		cmocka_unit_test(test_an_older_flush_in_progress_holds_nothing_up),
		cmocka_unit_test(test_an_older_flush_that_ends_last_releases_nothing),
		cmocka_unit_test(test_a_full_ring_finds_room_beside_a_flush_in_progress),
		cmocka_unit_test(test_the_timer_leaves_nothing_behind_beside_a_flush_in_progress),
	};

	return cmocka_run_group_tests_name("domain_flushq_overlap", tests, NULL, NULL);
}
