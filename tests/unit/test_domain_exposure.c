// SPDX-License-Identifier: MIT
/*
 * test_domain_exposure.c - proves what lib/domain/domain_exposure.c says of how long devices could
 * reach what was unmapped, of the snapshot, and of its bound; time is handed in
 */
#include "lazy_rig.h"

#include <dmapool/exposure.h>

#define LONG (LONG_PAGES * PAGE)

static void exposed_up_as(struct lazy *lazy, unsigned ncpus, struct dmp_domain_opts opts)
{
	lazy_begin(lazy, ncpus);
	opts.flags |= DMP_DOMAIN_EXPOSURE;
	rig_domain_as(&lazy->rig, &opts);
}

static struct dmp_exposure exposure_of(struct lazy *lazy)
{
	struct dmp_exposure e;

	assert_int_equal(dmp_domain_get_exposure(lazy->rig.dom, &e, sizeof(e)), 0);
	return e;
}

static void let_3_ms_pass(struct lazy *lazy)
{
	(void)lazy;
	dmp_harness_advance(3 * MS);
}

static void test_a_strict_unmap_exposes_for_as_long_as_its_flush(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	lazy.rig.d->ops.flush_gather = NULL;
	lazy.rig.d->chain_tables = false;
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	lazy_queue_one(&lazy);
	lazy_during_flush(&lazy, let_3_ms_pass, 0);
	lazy_queue_one(&lazy);
	e = exposure_of(&lazy);
	assert_int_equal(e.unmaps, 2);
	assert_int_equal(e.unmapped_bytes, 2 * LONG);
	assert_int_equal(e.could.windows, 2);
	assert_int_equal(e.could.bytes, 2 * LONG);
	assert_int_equal(e.could.open, 0);
	assert_int_equal(e.could.byte_ns, 3 * MS * LONG);
	assert_int_equal(dmp_spread_at(&e.could.ns, 500), 0);
	assert_int_equal(e.could.ns.max, 3 * MS);
	assert_int_equal(dmp_domain_exposure_bound(lazy.rig.dom), 0);
	lazy_down(&lazy);
}

/*
 *   0 ms unmap    4 ms unmap    9 ms looked at: both open    10 ms timer: both end
 */
static void test_a_lazy_unmap_is_open_until_its_flush(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 1, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY));
	lazy_queue_one(&lazy);
	dmp_harness_advance(4 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(5 * MS);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.windows, 2);
	assert_int_equal(e.could.open, 2);
	assert_int_equal(e.could.open_bytes, 2 * LONG);
	assert_int_equal(e.could.open_oldest_ns, 9 * MS);
	assert_int_equal(e.could.byte_ns, (9 + 5) * MS * LONG);
	assert_int_equal(e.could.ns.count, 0);
	dmp_harness_advance(11 * MS);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.windows, 2);
	assert_int_equal(e.could.open, 0);
	assert_int_equal(e.could.byte_ns, (10 + 6) * MS * LONG);
	assert_int_equal(e.could.ns.max, 10 * MS);
	assert_int_equal(e.could.ns.max, dmp_domain_exposure_bound(lazy.rig.dom));
	lazy_down(&lazy);
}

/* CPU 0's flush covers what CPU 1 has queued, and does not release it. */
static void test_what_is_flushed_but_not_released_has_ended(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 2, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_entries = 2));
	dmp_harness_become(1);
	lazy_queue_one(&lazy);
	dmp_harness_become(0);
	dmp_harness_advance(1 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(1 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(5 * MS);
	assert_int_equal(lazy_state(&lazy, 1).queued, 1);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.windows, 3);
	assert_int_equal(e.could.open, 1);
	assert_int_equal(e.could.open_oldest_ns, 5 * MS);
	assert_int_equal(e.could.ns.count, 2);
	assert_int_equal(e.could.ns.max, 2 * MS);
	lazy_down(&lazy);
}

static void test_a_range_whose_flush_failed_stays_open(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	for (unsigned i = 0; i < 2; i++) {
		iova = lazy_map(&lazy);
		double_fail(lazy.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
		assert_int_equal(lazy_unmap(&lazy, iova), -ETIMEDOUT);
		dmp_harness_advance(7 * MS);
	}
	e = exposure_of(&lazy);
	assert_int_equal(e.could.windows, 2);
	assert_int_equal(e.could.open, 2);
	assert_int_equal(e.could.open_bytes, 2 * LONG);
	assert_int_equal(e.could.open_oldest_ns, 14 * MS);
	assert_int_equal(e.could.byte_ns, (14 + 7) * MS * LONG);
	dmp_harness_advance(1 * MS);
	assert_int_equal(exposure_of(&lazy).could.byte_ns, (15 + 8) * MS * LONG);
	lazy_down(&lazy);
}

static void test_on_reuse_all_since_the_last_flush_is_open(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	lazy.rig.d->chain_tables = false;
	rig_domain_as(&lazy.rig,
		      &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE, .flush = DMP_FLUSH_ON_REUSE,
				       .policy = &dmp_iova_policy_bitmap));
	lazy_queue_one(&lazy);
	dmp_harness_advance(2 * MS);
	lazy_queue_one(&lazy);
	dmp_harness_advance(2 * MS);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.open, 2);
	assert_int_equal(e.could.open_bytes, 2 * LONG);
	assert_int_equal(e.could.open_oldest_ns, 4 * MS);
	assert_int_equal(dmp_domain_exposure_bound(lazy.rig.dom), UINT64_MAX);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.open, 0);
	assert_int_equal(e.could.windows, 2);
	assert_int_equal(e.could.ns.max, 4 * MS);
	assert_int_equal(e.could.byte_ns, (4 + 2) * MS * LONG);
	lazy_down(&lazy);
}

/* An address that waits in the ring for its tables' sake is counted once. */
static void test_on_reuse_tables_that_wait_are_not_counted_again(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	exposed_up_as(
		&lazy, 1,
		DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE, .policy = &dmp_iova_policy_bitmap));
	lazy_queue_one(&lazy);
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	assert_int_equal(exposure_of(&lazy).could.windows, 1);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.windows, 1);
	assert_int_equal(e.could.ns.count, 1);
	lazy_down(&lazy);
}

static void test_manual_has_no_bound_until_the_commit(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 1, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL));
	assert_int_equal(dmp_domain_exposure_bound(lazy.rig.dom), UINT64_MAX);
	lazy_queue_one(&lazy);
	dmp_harness_advance(5000 * MS);
	assert_int_equal(exposure_of(&lazy).could.open, 1);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.open, 0);
	assert_int_equal(e.could.ns.max, 5000 * MS);
	lazy_down(&lazy);
}

static void test_the_bound_is_the_timeout_that_was_asked_for(void **state)
{
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 1,
		      DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_timeout_ns = 3 * MS));
	assert_int_equal(dmp_domain_exposure_bound(lazy.rig.dom), 3 * MS);
	assert_int_equal(dmp_domain_exposure_bound(NULL), 0);
	lazy_down(&lazy);
}

/* manual for 3 s, then strict: the bound is of what comes. */
static void test_after_a_change_of_policy_windows_of_both_are_told_as_mixed(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 1, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL));
	lazy_queue_one(&lazy);
	dmp_harness_advance(3000 * MS);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_MANUAL), 0);
	assert_int_equal(exposure_of(&lazy).flags, DMP_EXPOSURE_MANUAL);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	e = exposure_of(&lazy);
	assert_int_equal(e.flags, DMP_EXPOSURE_MANUAL | DMP_EXPOSURE_MIXED);
	assert_int_equal(e.could.ns.max, 3000 * MS);
	assert_int_equal(dmp_domain_exposure_bound(lazy.rig.dom), 0);
	lazy_down(&lazy);
}

static void test_an_identity_domain_has_no_bound(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_IDENTITY));
	assert_int_equal(dmp_domain_exposure_bound(lazy.rig.dom), UINT64_MAX);
	lazy_down(&lazy);
}

static void test_a_sum_that_would_overflow_says_so(void **state)
{
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 1, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL));
	lazy_queue_one(&lazy);
	assert_int_equal(exposure_of(&lazy).flags, DMP_EXPOSURE_MANUAL);
	dmp_harness_advance(UINT64_C(1) << 60);
	e = exposure_of(&lazy);
	assert_int_equal(e.could.byte_ns, UINT64_MAX);
	assert_int_equal(e.flags, DMP_EXPOSURE_MANUAL | DMP_EXPOSURE_SATURATED);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
	assert_int_equal(exposure_of(&lazy).could.byte_ns, UINT64_MAX);
	lazy_down(&lazy);
}

static void test_real_time_is_not_called_manual(void **state)
{
	struct dmp_exposure e;
	struct rig rig;

	(void)state;
	rig_begin(&rig);
	rig_domain_as(&rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	assert_int_equal(dmp_domain_get_exposure(rig.dom, &e, sizeof(e)), 0);
	assert_int_equal(e.flags, 0);
	rig_down(&rig);
}

static void test_what_was_not_asked_for_is_not_measured(void **state)
{
	struct dmp_exposure e = {.unmaps = 77};
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	assert_int_equal(dmp_domain_get_exposure(lazy.rig.dom, &e, sizeof(e)), -ENOTSUP);
	assert_int_equal(dmp_domain_get_exposure(NULL, &e, sizeof(e)), -EINVAL);
	assert_int_equal(dmp_domain_get_exposure(lazy.rig.dom, NULL, sizeof(e)), -EINVAL);
	assert_int_equal(dmp_domain_get_exposure(lazy.rig.dom, &e, 0), -EINVAL);
	assert_int_equal(e.unmaps, 77);
	lazy_down(&lazy);
}

static void test_an_older_caller_gets_what_it_knows(void **state)
{
	struct dmp_exposure e = {.unmapped_bytes = 77};
	struct lazy lazy;

	(void)state;
	exposed_up_as(&lazy, 1, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY));
	lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_get_exposure(lazy.rig.dom, &e,
						 offsetof(struct dmp_exposure, unmapped_bytes)),
			 0);
	assert_int_equal(e.unmaps, 1);
	assert_int_equal(e.unmapped_bytes, 77);
	lazy_down(&lazy);
}

/* A machine that can tell. */

static struct {
	const struct dmp_exposure_watch *watch;
	void *ctx;
	int err;
	unsigned starts;
} told;

static int start(void *be, void *dom, const struct dmp_exposure_watch *watch, void *ctx)
{
	(void)be;
	(void)dom;
	told.starts++;
	told.ctx = ctx;
	told.watch = watch;
	return told.err;
}

static int get(void *be, void *dom, struct dmp_exposure_seen *seen)
{
	(void)be;
	(void)dom;
	*seen = (struct dmp_exposure_seen){.did.windows = 5, .did.open = 5, .stale_reads = 9};
	return told.err;
}

static void telling_begin(struct lazy *lazy, int err)
{
	memset(&told, 0, sizeof(told));
	told.err = err;
	lazy_begin(lazy, 1);
	lazy->rig.d->ops.exposure_start = start;
	lazy->rig.d->ops.exposure_get = get;
}

static void test_what_the_machine_sees_is_passed_on(void **state)
{
	static const struct dmp_exposure_watch watch = {.size = sizeof(watch)};
	struct dmp_exposure e;
	struct lazy lazy;

	(void)state;
	telling_begin(&lazy, 0);
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE,
						  .exposure_watch = &watch, .exposure_ctx = &lazy));
	assert_int_equal(told.starts, 1);
	assert_ptr_equal(told.ctx, &lazy);
	assert_non_null(told.watch);
	e = exposure_of(&lazy);
	assert_true(e.flags & DMP_EXPOSURE_SEEN);
	assert_int_equal(e.seen.did.windows, 5);
	assert_int_equal(e.seen.stale_reads, 9);
	told.err = -EPERM;
	assert_int_equal(dmp_domain_get_exposure(lazy.rig.dom, &e, sizeof(e)), -EPERM);
	lazy_down(&lazy);
}

static void test_a_watch_needs_the_flag_and_a_machine_that_can_tell(void **state)
{
	static const struct dmp_exposure_watch watch = {.size = sizeof(watch)},
					       odd = {.size = sizeof(odd), .reserved0 = 1};
	struct dmp_domain_opts opts = DMP_DOMAIN_OPTS(.exposure_watch = &watch);
	struct dmp_domain *dom = (void *)1;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_adopt(&lazy.rig);
	assert_int_equal(dmp_domain_create(lazy.rig.hw, &opts, &dom), -EINVAL);
	opts.flags = DMP_DOMAIN_EXPOSURE;
	assert_int_equal(dmp_domain_create(lazy.rig.hw, &opts, &dom), -ENOTSUP);
	opts.flags = DMP_DOMAIN_EXPOSURE | DMP_DOMAIN_IDENTITY;
	assert_int_equal(dmp_domain_create(lazy.rig.hw, &opts, &dom), -EINVAL);
	opts.flags = DMP_DOMAIN_EXPOSURE;
	opts.exposure_watch = &odd;
	assert_int_equal(dmp_domain_create(lazy.rig.hw, &opts, &dom), -EINVAL);
	assert_ptr_equal(dom, (void *)1);
	lazy_down(&lazy);
}

static void test_a_machine_that_cannot_start_makes_no_domain(void **state)
{
	struct dmp_domain *dom = (void *)1;
	struct lazy lazy;

	(void)state;
	telling_begin(&lazy, -ENOMEM);
	rig_adopt(&lazy.rig);
	assert_int_equal(dmp_domain_create(lazy.rig.hw,
					   &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE), &dom),
			 -ENOMEM);
	assert_ptr_equal(dom, (void *)1);
	lazy_down(&lazy);
}

static void test_without_memory_there_is_no_domain(void **state)
{
	struct dmp_domain *dom = (void *)1;
	uint64_t nth = 0;
	struct lazy lazy;
	int err;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_adopt(&lazy.rig);
	do {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, ++nth, 1);
		err = dmp_domain_create(lazy.rig.hw, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE),
					&dom);
		assert_int_equal(err, dmp_harness_failed(DMP_HARNESS_ALLOC_ANY) ? -ENOMEM : 0);
	} while (err);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	assert_int_equal(dmp_domain_destroy(dom), 0);
	lazy_down(&lazy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(test_a_strict_unmap_exposes_for_as_long_as_its_flush),
		TEST(test_a_lazy_unmap_is_open_until_its_flush),
		TEST(test_what_is_flushed_but_not_released_has_ended),
		TEST(test_a_range_whose_flush_failed_stays_open),
		TEST(test_on_reuse_all_since_the_last_flush_is_open),
		TEST(test_on_reuse_tables_that_wait_are_not_counted_again),
		TEST(test_manual_has_no_bound_until_the_commit),
		TEST(test_the_bound_is_the_timeout_that_was_asked_for),
		TEST(test_after_a_change_of_policy_windows_of_both_are_told_as_mixed),
		TEST(test_an_identity_domain_has_no_bound),
		TEST(test_a_sum_that_would_overflow_says_so),
		TEST(test_real_time_is_not_called_manual),
		TEST(test_what_was_not_asked_for_is_not_measured),
		TEST(test_an_older_caller_gets_what_it_knows),
		TEST(test_what_the_machine_sees_is_passed_on),
		TEST(test_a_watch_needs_the_flag_and_a_machine_that_can_tell),
		TEST(test_a_machine_that_cannot_start_makes_no_domain),
		TEST(test_without_memory_there_is_no_domain),
	};

	return cmocka_run_group_tests_name("domain_exposure", tests, NULL, NULL);
}
