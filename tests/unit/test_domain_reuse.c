// SPDX-License-Identifier: MIT
/*
 * test_domain_reuse.c - proves Q7 of lib/domain/domain_flushq.h, and U1 of
 * lib/domain/domain_unmap.c for the policy `on reuse`: the flush before an epoch's first address
 *
 * Spaces of a few pages, by the limit of each map, so that an epoch is over soon:
 *
 *   pfn   0   1   2   3   4   5
 *         -  |--- PAGES ----|        page 0 is never given out
 */
#include "lazy_rig.h"

#define PAGES UINT64_C(4)
#define LAST  ((PAGES + 1) * PAGE - 1) /* the limit: pfns 1 .. PAGES */

static void reuse_up(struct lazy *lazy, unsigned ncpus, uint32_t entries)
{
	lazy_begin(lazy, ncpus);
	rig_domain_as(&lazy->rig, &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE,
						   .policy = &dmp_iova_policy_bitmap,
						   .flushq_entries = entries));
}

static int map_pages(struct lazy *lazy, uint64_t npages, dmp_iova_t *iova)
{
	return dmp_domain_map(lazy->rig.dom, 0x100000, npages * PAGE, DMP_PROT_READ, LAST, iova);
}

static dmp_iova_t map_one(struct lazy *lazy)
{
	dmp_iova_t iova = 0;

	assert_int_equal(map_pages(lazy, 1, &iova), 0);
	return iova;
}

static void unmap_one(struct lazy *lazy, dmp_iova_t iova)
{
	assert_int_equal(dmp_domain_unmap(lazy->rig.dom, iova, PAGE), 0);
}

/* All pages of an epoch, one after the other. */
static void use_epoch(struct lazy *lazy)
{
	for (uint64_t i = 0; i < PAGES; i++)
		unmap_one(lazy, map_one(lazy));
}

static uint64_t flushes_for_reuse(struct lazy *lazy)
{
	return rig_domain_stats(&lazy->rig).flushes_by[DMP_FLUSH_CAUSE_REUSE];
}

static void test_it_needs_a_policy_that_defers_reuse(void **state)
{
	const struct dmp_iova_policy *others[] = {NULL, &dmp_iova_policy_linux,
						  &dmp_iova_policy_gap, &dmp_iova_policy_chunk};
	struct dmp_domain *dom = NULL;
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_adopt(&lazy.rig);
	for (int i = 0; i < 4; i++)
		assert_int_equal(dmp_domain_create(lazy.rig.hw,
						   &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE,
								    .policy = others[i]),
						   &dom),
				 -EINVAL);
	assert_null(dom);
	assert_int_equal(dmp_domain_create(lazy.rig.hw, NULL, &lazy.rig.dom), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_ON_REUSE), -EINVAL);
	assert_int_equal(dmp_domain_get_flush(lazy.rig.dom), DMP_FLUSH_STRICT);
	lazy_down(&lazy);
}

static void test_an_unmapped_address_is_free_at_once_but_not_given_out(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	reuse_up(&lazy, 1, 0);
	double_clear(lazy.rig.d);
	iova = map_one(&lazy);
	unmap_one(&lazy, iova);
	assert_false(lazy_is_taken(&lazy, iova));
	for (uint64_t i = 1; i < PAGES; i++)
		assert_int_not_equal(map_one(&lazy), iova);
	assert_int_equal(lazy_flushes(&lazy), 0);
	for (uint64_t pfn = 1; pfn <= PAGES; pfn++)
		if (pfn * PAGE != iova)
			unmap_one(&lazy, pfn * PAGE);
	lazy_down(&lazy);
}

static void test_the_first_address_of_an_epoch_is_mapped_after_a_flush(void **state)
{
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	use_epoch(&lazy);
	assert_int_equal(lazy_flushes(&lazy), 0);
	for (uint64_t epoch = 1; epoch <= 3; epoch++) {
		double_clear(lazy.rig.d);
		lazy.rig.d->chain_tables = false;
		unmap_one(&lazy, map_one(&lazy));
		assert_true(strncmp(double_trace(lazy.rig.d), "flush_domain ", 13) == 0);
		assert_non_null(strstr(double_trace(lazy.rig.d), "map_pages sync_map unmap_pages"));
		for (uint64_t i = 1; i < PAGES; i++)
			unmap_one(&lazy, map_one(&lazy));
		assert_int_equal(lazy_flushes(&lazy), 1);
		assert_int_equal(lazy_state(&lazy, 0).clean_epoch, epoch);
	}
	assert_int_equal(flushes_for_reuse(&lazy), 3);
	lazy_down(&lazy);
}

/* Aligned as it is, only pfns 2 and 3 do. */
static void test_a_range_of_several_pages_waits_for_its_epoch_too(void **state)
{
	dmp_iova_t iova = 0;
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	for (uint64_t epoch = 0; epoch < 3; epoch++) {
		assert_int_equal(map_pages(&lazy, 2, &iova), 0);
		assert_int_equal(iova, 2 * PAGE);
		assert_int_equal(lazy_flushes(&lazy), epoch);
		assert_int_equal(dmp_domain_unmap(lazy.rig.dom, iova, 2 * PAGE), 0);
	}
	lazy_down(&lazy);
}

/* The next @count flushes of the domain. */
static void fail_flushes(struct lazy *lazy, uint64_t count)
{
	const struct double_reply reply = {
		.nth = 1, .count = count, .replace_ret = true, .ret = -ETIMEDOUT};

	double_script(lazy->rig.d, DOUBLE_FLUSH_DOMAIN, &reply);
}

static void test_a_failed_flush_gives_the_address_back_and_the_next_map_tries_again(void **state)
{
	dmp_iova_t iova = 77;
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	use_epoch(&lazy);
	fail_flushes(&lazy, 2);
	for (int i = 0; i < 2; i++) {
		double_clear(lazy.rig.d);
		assert_int_equal(map_pages(&lazy, 1, &iova), -ETIMEDOUT);
		assert_string_equal(double_trace(lazy.rig.d), "flush_domain");
		assert_int_equal(iova, 77);
		for (uint64_t pfn = 1; pfn <= PAGES; pfn++)
			assert_false(lazy_is_taken(&lazy, pfn * PAGE));
	}
	assert_int_equal(map_pages(&lazy, 1, &iova), 0);
	unmap_one(&lazy, iova);
	assert_int_equal(rig_domain_stats(&lazy.rig).flush_failures, 2);
	lazy_down(&lazy);
}

/* Fails all of an epoch: the addresses come back as those of the next, which is not clean. */
static void test_an_epoch_that_only_failed_is_followed_by_one_that_flushes(void **state)
{
	dmp_iova_t iova;
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	use_epoch(&lazy);
	fail_flushes(&lazy, PAGES);
	for (uint64_t i = 0; i < PAGES; i++)
		assert_int_equal(map_pages(&lazy, 1, &iova), -ETIMEDOUT);
	assert_int_equal(lazy_state(&lazy, 0).clean_epoch, 0);
	unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy_state(&lazy, 0).clean_epoch, 2);
	lazy_down(&lazy);
}

static void unmap_it(struct lazy *lazy)
{
	lazy->err[0] = dmp_domain_unmap(lazy->rig.dom, lazy->iova[0], PAGE);
}

/*
 *   epoch 1     first address: |-- flush --|  given out      the others: no flush
 *   other CPU                       unmaps X, which the flush may have missed
 *   epoch 2     X is free again: its first address must not go without a flush of its own
 */
static void test_what_is_given_back_during_an_epochs_flush_waits_for_the_next(void **state)
{
	dmp_iova_t iova[PAGES];
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	lazy.iova[0] = map_one(&lazy);
	for (uint64_t i = 1; i < PAGES; i++)
		unmap_one(&lazy, map_one(&lazy));
	lazy_during_flush(&lazy, unmap_it, 0);
	for (uint64_t i = 1; i < PAGES; i++) { /* all that epoch 1 has */
		iova[i] = map_one(&lazy);
		assert_int_not_equal(iova[i], lazy.iova[0]);
	}
	assert_int_equal(lazy.err[0], 0);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(map_one(&lazy), lazy.iova[0]);
	assert_int_equal(lazy_flushes(&lazy), 2);
	unmap_one(&lazy, lazy.iova[0]);
	for (uint64_t i = 1; i < PAGES; i++)
		unmap_one(&lazy, iova[i]);
	lazy_down(&lazy);
}

static void test_an_epoch_needs_no_flush_if_a_commit_has_covered_all(void **state)
{
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	use_epoch(&lazy);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
	unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(flushes_for_reuse(&lazy), 0);
	assert_int_equal(lazy_state(&lazy, 0).clean_epoch, 1);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0); /* for the unmap above */
	assert_int_equal(lazy_flushes(&lazy), 2);
	lazy_down(&lazy);
}

static void test_tables_wait_for_a_flush_and_are_bounded_by_the_ring(void **state)
{
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 4); /* room for three */
	for (int i = 0; i < 3; i++)
		unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy_state(&lazy, 0).queued, 3);
	assert_int_equal(lazy.rig.d->tables_freed, 0);
	assert_int_equal(lazy_flushes(&lazy), 0);
	unmap_one(&lazy, map_one(&lazy)); /* the fourth */
	assert_int_equal(lazy_flushes(&lazy), 1);
	assert_int_equal(rig_domain_stats(&lazy.rig).flushes_by[DMP_FLUSH_CAUSE_FULL], 1);
	assert_int_equal(lazy.rig.d->tables_freed, 3);
	unmap_one(&lazy, map_one(&lazy)); /* epoch 1, which the fourth is not clean for */
	assert_int_equal(lazy_flushes(&lazy), 2);
	assert_int_equal(lazy.rig.d->tables_freed, 4);
	assert_int_equal(lazy.rig.d->tables_freed_early, 0);
	lazy_down(&lazy);
}

static void test_an_unmap_that_frees_no_table_queues_nothing(void **state)
{
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 2);
	lazy.rig.d->chain_tables = false;
	use_epoch(&lazy);
	assert_int_equal(lazy_state(&lazy, 0).queued, 0);
	assert_int_equal(lazy_flushes(&lazy), 0);
	lazy_down(&lazy);
}

static void test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer(void **state)
{
	dmp_iova_t second;
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 2);
	unmap_one(&lazy, map_one(&lazy));
	second = map_one(&lazy);
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_unmap(lazy.rig.dom, second, PAGE), -ETIMEDOUT);
	assert_true(lazy_is_taken(&lazy, second));
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(lazy.rig.d->tables_freed, 2);
	lazy_down(&lazy);
}

static void test_a_cpu_without_a_ring_unmaps_strictly(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	reuse_up(&lazy, 1, 0);
	iova = map_one(&lazy);
	double_clear(lazy.rig.d);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 1, UINT64_MAX);
	unmap_one(&lazy, iova);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	assert_string_equal(double_trace(lazy.rig.d), "unmap_pages flush_gather free_tables");
	assert_int_equal(lazy.rig.warnings, 1);
	lazy_down(&lazy);
}

static void test_stats_tell_what_a_device_may_still_reach(void **state)
{
	struct dmp_domain_stats stats;
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 2, 0);
	for (int i = 0; i < 3; i++) {
		dmp_harness_become((unsigned)i % 2);
		unmap_one(&lazy, map_one(&lazy));
	}
	stats = rig_domain_stats(&lazy.rig);
	assert_int_equal(stats.unflushed, 3);
	assert_int_equal(stats.unflushed_bytes, 3 * PAGE);
	assert_int_equal(stats.queued, 0);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
	stats = rig_domain_stats(&lazy.rig);
	assert_int_equal(stats.unflushed, 0);
	assert_int_equal(stats.unflushed_bytes, 0);
	lazy_down(&lazy);
}

/* The flush of an epoch fails while it has been begun for an unmap; what it counts stays. */
static void test_stats_count_on_while_flushes_fail(void **state)
{
	struct lazy lazy;

	(void)state;
	reuse_up(&lazy, 1, 0);
	unmap_one(&lazy, map_one(&lazy));
	double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), -ETIMEDOUT);
	assert_int_equal(rig_domain_stats(&lazy.rig).unflushed, 1);
	lazy_down(&lazy);
}

static void become_on_reuse(struct lazy *lazy)
{
	lazy->err[0] = dmp_domain_set_flush(lazy->rig.dom, DMP_FLUSH_ON_REUSE);
}

/* What was unmapped strictly before needs no flush; what is unmapped after it does. */
static void test_strict_begins_to_defer_while_in_use(void **state)
{
	struct lazy lazy;

	(void)state;
	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.policy = &dmp_iova_policy_bitmap));
	use_epoch(&lazy);
	unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy_flushes(&lazy), 0);
	lazy_before_unmap(&lazy, become_on_reuse); /* it has begun: it is strict */
	unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy.err[0], 0);
	assert_int_equal(rig_domain_stats(&lazy.rig).queued, 0);
	for (uint64_t i = 2; i < PAGES; i++)
		unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy_flushes(&lazy), 0);
	unmap_one(&lazy, map_one(&lazy));
	assert_int_equal(lazy_flushes(&lazy), 1);
	lazy_down(&lazy);
}

/* Strict and lazy with such a policy: nothing is different but where addresses come from. */
static void test_a_policy_that_defers_reuse_works_with_every_flush_policy(void **state)
{
	const enum dmp_flush_policy policies[] = {DMP_FLUSH_STRICT, DMP_FLUSH_LAZY,
						  DMP_FLUSH_LAZY_SINGLE, DMP_FLUSH_MANUAL,
						  DMP_FLUSH_GUEST};
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	for (int i = 0; i < 5; i++) {
		lazy_begin(&lazy, 1);
		rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.policy = &dmp_iova_policy_bitmap,
							  .flush = policies[i]));
		iova = lazy_queue_one(&lazy);
		assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
		assert_false(lazy_is_taken(&lazy, iova));
		lazy_down(&lazy);
	}
}

/* What was unmapped stands in no reservation's way, and reservations may overlap in pieces. */
static void test_addresses_are_reserved_as_with_any_policy(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	reuse_up(&lazy, 1, 0);
	iova = map_one(&lazy);
	assert_int_equal(dmp_domain_reserve(lazy.rig.dom, iova, iova), -EBUSY);
	unmap_one(&lazy, iova);
	assert_int_equal(dmp_domain_reserve(lazy.rig.dom, iova, iova), 0);
	for (uint64_t pfn = 10; pfn < 30; pfn += 4)
		assert_int_equal(dmp_domain_reserve(lazy.rig.dom, pfn * PAGE, pfn * PAGE), 0);
	assert_int_equal(dmp_domain_check(lazy.rig.dom), 0);
	assert_int_equal(dmp_domain_reserve(lazy.rig.dom, 8 * PAGE, 40 * PAGE), 0);
	assert_int_equal(dmp_domain_check(lazy.rig.dom), 0);
	for (uint64_t i = 0; i < 2 * PAGES; i++) {
		dmp_iova_t other = map_one(&lazy);

		assert_int_not_equal(other, iova);
		unmap_one(&lazy, other);
	}
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_needs_a_policy_that_defers_reuse),
		cmocka_unit_test(test_an_unmapped_address_is_free_at_once_but_not_given_out),
		cmocka_unit_test(test_the_first_address_of_an_epoch_is_mapped_after_a_flush),
		cmocka_unit_test(test_a_range_of_several_pages_waits_for_its_epoch_too),
		cmocka_unit_test(
			test_a_failed_flush_gives_the_address_back_and_the_next_map_tries_again),
		cmocka_unit_test(test_an_epoch_that_only_failed_is_followed_by_one_that_flushes),
		cmocka_unit_test(test_what_is_given_back_during_an_epochs_flush_waits_for_the_next),
		cmocka_unit_test(test_an_epoch_needs_no_flush_if_a_commit_has_covered_all),
		cmocka_unit_test(test_tables_wait_for_a_flush_and_are_bounded_by_the_ring),
		cmocka_unit_test(test_an_unmap_that_frees_no_table_queues_nothing),
		cmocka_unit_test(test_a_full_ring_that_cannot_be_flushed_withholds_the_newcomer),
		cmocka_unit_test(test_a_cpu_without_a_ring_unmaps_strictly),
		cmocka_unit_test(test_stats_tell_what_a_device_may_still_reach),
		cmocka_unit_test(test_stats_count_on_while_flushes_fail),
		cmocka_unit_test(test_strict_begins_to_defer_while_in_use),
		cmocka_unit_test(test_a_policy_that_defers_reuse_works_with_every_flush_policy),
		cmocka_unit_test(test_addresses_are_reserved_as_with_any_policy),
	};

	return cmocka_run_group_tests_name("domain_reuse", tests, NULL, NULL);
}
