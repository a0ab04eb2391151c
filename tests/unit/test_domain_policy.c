// SPDX-License-Identifier: MIT
/*
 * test_domain_policy.c - proves that lib/domain/domain_policy.c takes a queue away only when it
 * is empty, changes nothing when a change fails, and says which policy is in force
 */
#include "attach_rig.h"

static void strict_up(struct lazy *lazy)
{
	lazy_begin(lazy, 2);
	rig_domain(&lazy->rig);
}

static void test_a_domain_is_strict_unless_asked(void **state)
{
	struct dmp_flushq_state at;
	struct lazy lazy;

	(void)state;
	strict_up(&lazy);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_STRICT);
	assert_int_equal(dmp_domain_inspect_flushq(lazy.rig.dom, 0, &at), -ENOENT);
	lazy_down(&lazy);
	lazy_up(&lazy, 1, 0);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_LAZY);
	assert_int_equal(dmp_domain_inspect_flushq(lazy.rig.dom, DMP_CPU_MAX, &at), -EINVAL);
	lazy_down(&lazy);
}

/* The n-th allocation of a create fails: the domain is strict and says so, or is not made. */
static void test_a_queue_that_cannot_be_built_means_strict(void **state)
{
	struct dmp_domain_opts opts = DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY_SINGLE);
	unsigned fell_back = 0;
	int err = -ENOMEM;
	struct lazy lazy;

	(void)state;
	for (uint64_t nth = 1; err || policy_of(&lazy) == DMP_FLUSH_STRICT; nth++) {
		if (nth > 1)
			lazy_down(&lazy);
		lazy_begin(&lazy, 1);
		rig_adopt(&lazy.rig);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, nth, 1);
		err = dmp_domain_create(lazy.rig.hw, &opts, &lazy.rig.dom);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
		assert_true(err == 0 || err == -ENOMEM);
		if (err || policy_of(&lazy) != DMP_FLUSH_STRICT)
			continue;
		assert_int_equal(lazy.rig.warnings, 1);
		fell_back++;
		lazy_queue_one(&lazy);
		assert_string_equal(
			double_trace(lazy.rig.d),
			"domain_create map_pages sync_map unmap_pages flush_gather free_tables");
	}
	assert_int_equal(fell_back, 2); /* the queue, and its ring */
	lazy_down(&lazy);
}

static void test_strict_becomes_lazy_while_in_use(void **state)
{
	struct lazy lazy;
	uint32_t device;
	dmp_iova_t iova;

	(void)state;
	strict_up(&lazy);
	device = attach_a_device(&lazy);
	iova = lazy_map(&lazy);
	lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), 0);
	double_clear(lazy.rig.d);
	assert_int_equal(lazy_unmap(&lazy, iova), 0);
	assert_string_equal(double_trace(lazy.rig.d), "unmap_pages");
	assert_true(lazy_is_taken(&lazy, iova));
	detach_it(&lazy, device);
	lazy_down(&lazy);
}

static void become_lazy(struct lazy *lazy)
{
	lazy->err[0] = dmp_domain_set_flush(lazy->rig.dom, DMP_FLUSH_LAZY);
}

static int flush_gather_while_the_policy_changes(void *be, void *dom,
						 const struct dmp_gather *gather)
{
	(void)gather;
	return lazy_flush_domain(be, dom);
}

static void test_an_unmap_that_began_strict_ends_strict(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_begin(&lazy, 1);
	lazy.rig.d->ops.flush_gather = flush_gather_while_the_policy_changes;
	rig_domain(&lazy.rig);
	lazy_during_flush(&lazy, become_lazy, 0);
	iova = lazy_queue_one(&lazy);
	assert_int_equal(lazy.err[0], 0);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_LAZY);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_lazy_stays_lazy_while_a_device_is_attached(void **state)
{
	struct lazy lazy;
	uint32_t device;

	(void)state;
	lazy_up(&lazy, 1, 0);
	device = attach_a_device(&lazy);
	lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), -EBUSY);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 1, UINT64_MAX); /* refused before it asks */
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY_SINGLE), -EBUSY);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), 0);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_LAZY);
	assert_int_equal(lazy_state(&lazy, 0).queued, 1);
	assert_true(lazy_state(&lazy, 0).timer_armed);
	detach_it(&lazy, device);
	lazy_down(&lazy);
}

static void test_lazy_becomes_strict_when_idle_and_leaves_nothing_queued(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy.rig.d->tables_freed, 1);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_STRICT);
	assert_int_equal(dmp_harness_run_pending(), 0);
	double_clear(lazy.rig.d);
	lazy_queue_one(&lazy);
	assert_string_equal(double_trace(lazy.rig.d),
			    "map_pages sync_map unmap_pages flush_gather free_tables");
	lazy_down(&lazy);
}

static void test_leaving_lazy_takes_along_what_a_failed_flush_left(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, lazy_unmap_first, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_false(lazy_is_taken(&lazy, lazy.iova[0]));
	assert_int_equal(lazy_flushes(&lazy), 1); /* the failed one never reached the double */
	lazy_down(&lazy);
}

static void test_a_change_whose_flush_fails_changes_nothing(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	iova = lazy_queue_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY_SINGLE), -ETIMEDOUT);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_LAZY);
	assert_true(lazy_is_taken(&lazy, iova));
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_a_change_without_memory_changes_nothing(void **state)
{
	struct lazy lazy;
	int err = -ENOMEM;

	(void)state;
	strict_up(&lazy);
	for (uint64_t nth = 1; err; nth++) {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, nth, 1);
		err = dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY_SINGLE);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
		assert_true(err == 0 || err == -ENOMEM);
		assert_int_equal(policy_of(&lazy), err ? DMP_FLUSH_STRICT : DMP_FLUSH_LAZY_SINGLE);
	}
	lazy_down(&lazy);
}

static void test_a_domain_that_is_held_strict_does_not_become_lazy(void **state)
{
	struct lazy lazy;

	(void)state;
	strict_up(&lazy);
	assert_int_equal(dmp_domain_hold_strict(lazy.rig.dom), 0);
	assert_int_equal(dmp_domain_hold_strict(lazy.rig.dom), 0);
	dmp_domain_release_strict(lazy.rig.dom);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), -EBUSY);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	dmp_domain_release_strict(lazy.rig.dom);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), 0);
	assert_int_equal(dmp_domain_hold_strict(lazy.rig.dom), -EINVAL);
	assert_int_equal(dmp_domain_hold_strict(NULL), -EINVAL);
	lazy_down(&lazy);
}

static void test_a_release_too_many_is_told_and_changes_nothing(void **state)
{
	struct lazy lazy;

	(void)state;
	strict_up(&lazy);
	dmp_domain_release_strict(lazy.rig.dom);
	lazy.bugs = 1;
	assert_int_equal(dmp_domain_hold_strict(lazy.rig.dom), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), -EBUSY);
	dmp_domain_release_strict(lazy.rig.dom);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), 0);
	dmp_domain_release_strict(NULL);
	lazy_down(&lazy);
}

static void test_an_unknown_policy_is_einval(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, (enum dmp_flush_policy)9), -EINVAL);
	assert_int_equal(policy_of(&lazy), DMP_FLUSH_LAZY);
	lazy_down(&lazy);
}

static void test_counts_outlive_the_queue_that_counted(void **state)
{
	struct dmp_domain_stats stats;
	struct lazy lazy;

	(void)state;
	lazy_up(&lazy, 1, 0);
	lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY_SINGLE), 0);
	lazy_queue_one(&lazy);
	lazy_queue_one(&lazy);
	stats = rig_domain_stats(&lazy.rig);
	assert_int_equal(stats.released, 1);
	assert_int_equal(stats.queued, 2);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	stats = rig_domain_stats(&lazy.rig);
	assert_int_equal(stats.released, 3);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_ASKED], 2);
	lazy_down(&lazy);
}

/* Whoever asks gets a flush: a strict unmap that failed may have left no tables to tell of it. */
static void test_flush_now_asks_the_machine_in_a_strict_domain_too(void **state)
{
	struct lazy lazy;

	(void)state;
	strict_up(&lazy);
	double_clear(lazy.rig.d);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_string_equal(double_trace(lazy.rig.d), "flush_domain");
	assert_int_equal(rig_domain_stats(&lazy.rig).flushes_by[DMP_FLUSH_CAUSE_ASKED], 1);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	assert_int_equal(rig_domain_stats(&lazy.rig).flush_failures, 1);
	assert_int_equal(dmp_domain_flush(NULL), -EINVAL);
	lazy_down(&lazy);
}

/* What a strict unmap could not flush waits for somebody to ask. */
static void test_flush_now_gives_back_what_a_strict_unmap_could_not(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	strict_up(&lazy);
	iova = lazy_map(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(lazy_unmap(&lazy, iova), -ETIMEDOUT);
	assert_int_equal(lazy.rig.d->tables_freed, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.rig.d->tables_freed, 1);
	assert_true(lazy_is_taken(&lazy, iova));
	lazy_down(&lazy);
}

static void test_a_destroy_that_is_refused_leaves_the_queue_at_work(void **state)
{
	struct lazy lazy;
	uint32_t device;
	dmp_iova_t iova;

	(void)state;
	lazy_up(&lazy, 1, 0);
	device = attach_a_device(&lazy);
	iova = lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_destroy(lazy.rig.dom), -EBUSY);
	dmp_harness_advance(10 * MS);
	assert_false(lazy_is_taken(&lazy, iova));
	detach_it(&lazy, device);
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_domain_is_strict_unless_asked),
		cmocka_unit_test(test_a_queue_that_cannot_be_built_means_strict),
		cmocka_unit_test(test_strict_becomes_lazy_while_in_use),
		cmocka_unit_test(test_an_unmap_that_began_strict_ends_strict),
		cmocka_unit_test(test_lazy_stays_lazy_while_a_device_is_attached),
		cmocka_unit_test(test_lazy_becomes_strict_when_idle_and_leaves_nothing_queued),
		cmocka_unit_test(test_leaving_lazy_takes_along_what_a_failed_flush_left),
		cmocka_unit_test(test_a_change_whose_flush_fails_changes_nothing),
		cmocka_unit_test(test_a_change_without_memory_changes_nothing),
		cmocka_unit_test(test_a_domain_that_is_held_strict_does_not_become_lazy),
		cmocka_unit_test(test_a_release_too_many_is_told_and_changes_nothing),
		cmocka_unit_test(test_an_unknown_policy_is_einval),
		cmocka_unit_test(test_counts_outlive_the_queue_that_counted),
		cmocka_unit_test(test_flush_now_asks_the_machine_in_a_strict_domain_too),
		cmocka_unit_test(test_flush_now_gives_back_what_a_strict_unmap_could_not),
		cmocka_unit_test(test_a_destroy_that_is_refused_leaves_the_queue_at_work),
	};

	return cmocka_run_group_tests_name("domain_policy", tests, NULL, NULL);
}
