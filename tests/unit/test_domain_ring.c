// SPDX-License-Identifier: MIT
/*
 * test_domain_ring.c - proves Q2 and Q3 of lib/domain/domain_flushq.h as lib/domain/domain_ring.c
 * keeps them: what a ring holds, when an entry leaves and where to, and what is counted
 */
#include "lazy_rig.h"

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

/* Rings that are not there, and rings that go. */

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

/* Exposure. */

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

static void exposed_up(struct lazy *lazy)
{
	lazy_begin(lazy, 1);
	rig_domain_as(&lazy->rig,
		      &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE, .flush = DMP_FLUSH_LAZY));
}

static void unmap_and_flush_twice_as_long(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
	dmp_harness_advance(2 * MS);
	lazy->err[1] = dmp_domain_flush(lazy->rig.dom);
	dmp_harness_advance(3 * MS);
}

/*
 *   flush 1   |------------------------|
 *   unmap        0 ms
 *   flush 2            | 2 ms                 exposed 2 ms, not 5
 */
static void test_exposure_ends_with_the_first_end_among_overlapping_flushes(void **state)
{
	struct lazy lazy;

	(void)state;
	exposed_up(&lazy);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, unmap_and_flush_twice_as_long, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.err[0] | lazy.err[1], 0);
	assert_int_equal(lazy_stats(&lazy).released, 1);
	assert_int_equal(lazy_stats(&lazy).exposed_ns, 2 * MS);
	lazy_down(&lazy);
}

static void test_exposure_goes_on_while_flushes_fail(void **state)
{
	struct lazy lazy;

	(void)state;
	exposed_up(&lazy);
	lazy_queue_one(&lazy);
	double_script(lazy.rig.d, DOUBLE_FLUSH_DOMAIN,
		      &(struct double_reply){
			      .nth = 1, .count = 100, .replace_ret = true, .ret = -ETIMEDOUT});
	dmp_harness_advance(1000 * MS);
	assert_int_equal(lazy_stats(&lazy).released, 0);
	dmp_harness_advance(10 * MS);
	assert_int_equal(lazy_stats(&lazy).released, 1);
	assert_int_equal(lazy_stats(&lazy).exposed_max_ns, 1010 * MS);
	lazy_down(&lazy);
}

/* Ends of flushes. */

static struct dmp_spread times_of(struct lazy *lazy)
{
	struct dmp_exposure e;

	assert_int_equal(dmp_domain_get_exposure(lazy->rig.dom, &e, sizeof(e)), 0);
	return e.could.ns;
}

/*
 * CPU 1 queues one at 0 ms.  CPU 0's ring has one place, so each of its unmaps from the second on
 * flushes: flush 1, at 1 ms, covers CPU 1's, and others follow, one a millisecond.
 */
static void queue_and_flush(struct lazy *lazy, unsigned nflushes)
{
	lazy_begin(lazy, 2);
	rig_domain_as(&lazy->rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE,
						   .flush = DMP_FLUSH_MANUAL, .flushq_entries = 2));
	dmp_harness_become(1);
	lazy_queue_one(lazy);
	dmp_harness_become(0);
	lazy_queue_one(lazy);
	for (unsigned i = 0; i < nflushes; i++) {
		dmp_harness_advance(1 * MS);
		lazy_queue_one(lazy);
	}
	assert_int_equal(lazy_state(lazy, 0).finished, nflushes);
	assert_int_equal(lazy_state(lazy, 1).queued, 1);
}

/* As exposure.h says. */
#define KEPT 64u

static void test_up_to_as_many_flushes_as_are_kept_each_end_is_exact(void **state)
{
	struct lazy lazy;

	(void)state;
	queue_and_flush(&lazy, KEPT);
	assert_int_equal(times_of(&lazy).max, 1 * MS);
	dmp_harness_become(1);
	lazy_queue_one(&lazy);
	assert_int_equal(times_of(&lazy).max, 1 * MS);
	assert_int_equal(times_of(&lazy).count, KEPT + 1);
	lazy_down(&lazy);
}

/* The end of flush 1 is forgotten, then those of 2 to 5: the oldest known is taken. */
static void test_after_more_flushes_than_are_kept_it_is_told_too_long_never_too_short(void **state)
{
	struct lazy lazy;

	(void)state;
	queue_and_flush(&lazy, KEPT + 1);
	assert_int_equal(times_of(&lazy).max, 2 * MS);
	lazy_down(&lazy);
	queue_and_flush(&lazy, KEPT + 5);
	assert_int_equal(times_of(&lazy).max, 6 * MS);
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_ring_is_flushed_and_released),
		cmocka_unit_test(test_a_ring_holds_255_by_default),
		cmocka_unit_test(test_a_single_ring_holds_32767_for_a_second),
		cmocka_unit_test(test_another_cpus_flush_releases_at_the_next_unmap),
		cmocka_unit_test(test_the_ring_of_a_cpu_that_has_gone_is_released),
		cmocka_unit_test(test_what_is_released_lands_in_the_cache_of_who_releases),
		cmocka_unit_test(test_a_cpu_without_a_ring_unmaps_strictly_and_says_so_once),
		cmocka_unit_test(test_destroy_drops_what_is_queued_and_flushes_nothing),
		cmocka_unit_test(test_stats_tell_what_waits_and_what_has_gone),
		cmocka_unit_test(test_exposure_ends_with_the_flush_that_covers_it),
		cmocka_unit_test(test_exposure_of_a_cpu_that_slept_long_is_bounded),
		cmocka_unit_test(test_exposure_ends_with_the_first_end_among_overlapping_flushes),
		cmocka_unit_test(test_exposure_goes_on_while_flushes_fail),
		cmocka_unit_test(test_up_to_as_many_flushes_as_are_kept_each_end_is_exact),
		cmocka_unit_test(
			test_after_more_flushes_than_are_kept_it_is_told_too_long_never_too_short),
	};

	return cmocka_run_group_tests_name("domain_ring", tests, NULL, NULL);
}
