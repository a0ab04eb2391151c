// SPDX-License-Identifier: MIT
/*
 * test_domain_exposure_stuck.c - proves what lib/domain/domain_exposure.c says of ranges whose
 * flush failed, and of unmaps that need more than one; time is handed in
 *
 *   its own flush fails    a flush of the domain begins    it works
 *          |---- stuck ----------|---------------------------| ended
 */
#include "hw_call.h"
#include "lazy_rig.h"

#include <dmapool/exposure.h>

#define LONG (LONG_PAGES * PAGE)

static void up_as(struct lazy *lazy, struct dmp_domain_opts opts)
{
	lazy_begin(lazy, 1);
	opts.flags |= DMP_DOMAIN_EXPOSURE;
	rig_domain_as(&lazy->rig, &opts);
	dmp_harness_advance(1000 * MS); /* so that no time of the clock is 0 */
}

static struct dmp_exposure_side could_of(struct lazy *lazy)
{
	struct dmp_exposure e;

	assert_int_equal(dmp_domain_get_exposure(lazy->rig.dom, &e, sizeof(e)), 0);
	return e.could;
}

static void unmap_without_flush(struct lazy *lazy, dmp_iova_t iova)
{
	double_fail(lazy->rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(lazy_unmap(lazy, iova), -ETIMEDOUT);
}

static void leave_one_stuck(struct lazy *lazy)
{
	unmap_without_flush(lazy, lazy_map(lazy));
}

/* A flush of the domain that works ends it. */

static void test_a_flush_of_the_domain_ends_what_was_stuck_before(void **state)
{
	struct dmp_exposure_side could;
	struct lazy lazy;

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	leave_one_stuck(&lazy);
	dmp_harness_advance(2 * MS);
	leave_one_stuck(&lazy);
	dmp_harness_advance(5 * MS);
	assert_int_equal(could_of(&lazy).open, 2);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	dmp_harness_advance(1000 * MS);
	could = could_of(&lazy);
	assert_int_equal(could.open, 0);
	assert_int_equal(could.windows, 2);
	assert_int_equal(could.bytes, 2 * LONG);
	assert_int_equal(could.byte_ns, (7 + 5) * MS * LONG);
	assert_int_equal(could.ns.count, 2);
	assert_int_equal(could.ns.max, 7 * MS);
	lazy_down(&lazy);
}

static void test_a_flush_that_fails_as_well_ends_nothing(void **state)
{
	struct lazy lazy;

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	leave_one_stuck(&lazy);
	lazy_during_flush(&lazy, NULL, -ETIMEDOUT);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), -ETIMEDOUT);
	assert_int_equal(could_of(&lazy).open, 1);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(could_of(&lazy).open, 0);
	lazy_down(&lazy);
}

static void unmap_first_without_flush(struct lazy *lazy)
{
	unmap_without_flush(lazy, lazy->iova[0]);
	dmp_harness_advance(3 * MS);
}

/*
 *   flush 1    |-----------------|          may have missed it
 *   unmap           x fails
 *   flush 2                         |----|  ends it
 */
static void test_a_flush_that_began_before_the_failure_ends_nothing(void **state)
{
	struct dmp_exposure_side could;
	struct lazy lazy;

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	lazy.iova[0] = lazy_map(&lazy);
	lazy_during_flush(&lazy, unmap_first_without_flush, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	could = could_of(&lazy);
	assert_int_equal(could.open, 1);
	assert_int_equal(could.open_oldest_ns, 3 * MS);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	could = could_of(&lazy);
	assert_int_equal(could.open, 0);
	assert_int_equal(could.ns.max, 3 * MS);
	lazy_down(&lazy);
}

static void let_4_ms_pass(struct lazy *lazy)
{
	(void)lazy;
	dmp_harness_advance(4 * MS);
}

static void test_it_ends_with_the_end_of_that_flush(void **state)
{
	struct lazy lazy;

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	leave_one_stuck(&lazy);
	lazy_during_flush(&lazy, let_4_ms_pass, 0);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	assert_int_equal(could_of(&lazy).ns.max, 4 * MS);
	lazy_down(&lazy);
}

/* The ring is full and cannot be flushed: what finds no room is stuck until the timer comes. */
static void test_a_flush_of_the_queue_ends_it_as_well(void **state)
{
	struct dmp_exposure_side could;
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_entries = 2));
	lazy_queue_one(&lazy);
	iova = lazy_map(&lazy);
	dmp_harness_advance(4 * MS);
	lazy_during_flush(&lazy, NULL, -ETIMEDOUT);
	assert_int_equal(lazy_unmap(&lazy, iova), -ETIMEDOUT);
	assert_int_equal(could_of(&lazy).open, 2);
	dmp_harness_advance(20 * MS);
	could = could_of(&lazy);
	assert_int_equal(could.open, 0);
	assert_int_equal(could.windows, 2);
	assert_int_equal(could.byte_ns, (10 + 6) * MS * LONG);
	lazy_down(&lazy);
}

/* So does the end of the last device. */

static void test_the_last_device_that_leaves_ends_it(void **state)
{
	const struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = DMP_MASK(64)};
	struct dmp_exposure_side could;
	struct lazy lazy;
	uint32_t device[2];

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(hw_device_add(lazy.rig.hw, &desc, &device[i]), 0);
		assert_int_equal(dmp_domain_attach(lazy.rig.dom, device[i]), 0);
	}
	leave_one_stuck(&lazy);
	dmp_harness_advance(2 * MS);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device[0]), 0);
	assert_int_equal(could_of(&lazy).open, 1);
	dmp_harness_advance(3 * MS);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device[1]), 0);
	dmp_harness_advance(1000 * MS);
	could = could_of(&lazy);
	assert_int_equal(could.open, 0);
	assert_int_equal(could.ns.max, 5 * MS);
	for (unsigned i = 0; i < 2; i++)
		hw_device_remove(lazy.rig.hw, device[i]);
	lazy_down(&lazy);
}

/* Maps. */

static int take_3_ms_and_fail(void *be, void *dom, const struct dmp_gather *gather)
{
	(void)be;
	(void)dom;
	(void)gather;
	dmp_harness_advance(3 * MS);
	return -ETIMEDOUT;
}

/* What a map had mapped before it failed may still be reached, from its failure on. */
static void test_a_map_that_cannot_be_undone_is_within_reach(void **state)
{
	struct dmp_exposure_side could;
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_begin(&lazy, 1);
	lazy.rig.d->ops.flush_gather = take_3_ms_and_fail;
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	dmp_harness_advance(1000 * MS);
	double_fail(lazy.rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_map(lazy.rig.dom, 0, LONG, DMP_PROT_READ, UINT64_MAX, &iova),
			 -ENOTRECOVERABLE);
	dmp_harness_advance(2 * MS);
	could = could_of(&lazy);
	assert_int_equal(could.windows, 1);
	assert_int_equal(could.open, 1);
	assert_int_equal(could.open_bytes, LONG);
	assert_int_equal(could.open_oldest_ns, 5 * MS);
	assert_int_equal(dmp_domain_flush(lazy.rig.dom), 0);
	could = could_of(&lazy);
	assert_int_equal(could.open, 0);
	assert_int_equal(could.ns.max, 5 * MS);
	lazy_down(&lazy);
}

static void test_a_map_that_is_undone_leaves_no_window(void **state)
{
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	up_as(&lazy, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	double_fail(lazy.rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_map(lazy.rig.dom, 0, LONG, DMP_PROT_READ, UINT64_MAX, &iova),
			 -ETIMEDOUT);
	assert_int_equal(could_of(&lazy).windows, 0);
	lazy_down(&lazy);
}

/* Flushes of one unmap. */

static int (*true_flush_gather)(void *be, void *dom, const struct dmp_gather *gather);

static int take_3_ms(void *be, void *dom, const struct dmp_gather *gather)
{
	dmp_harness_advance(3 * MS);
	return true_flush_gather(be, dom, gather);
}

/*
 *   1000 ms     1003      1006
 *     | 2 MiB     | 8 KiB   |       one unmap of two page sizes
 */
static void test_an_unmap_of_two_page_sizes_lasts_from_its_beginning_to_its_last_flush(void **state)
{
	struct dmp_exposure_side could;
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	lazy_begin(&lazy, 1);
	true_flush_gather = lazy.rig.d->ops.flush_gather;
	lazy.rig.d->ops.flush_gather = take_3_ms;
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	dmp_harness_advance(1000 * MS);
	assert_int_equal(dmp_domain_map(lazy.rig.dom, 2 * HUGE, HUGE + 2 * PAGE, DMP_PROT_READ,
					UINT64_MAX, &iova),
			 0);
	assert_int_equal(dmp_domain_unmap(lazy.rig.dom, iova, HUGE + 2 * PAGE), 0);
	assert_int_equal(double_count(lazy.rig.d, DOUBLE_FLUSH_GATHER), 2);
	could = could_of(&lazy);
	assert_int_equal(could.windows, 1);
	assert_int_equal(could.ns.max, 6 * MS);
	assert_int_equal(could.byte_ns, 6 * MS * (HUGE + 2 * PAGE));
	lazy_down(&lazy);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(test_a_flush_of_the_domain_ends_what_was_stuck_before),
		TEST(test_a_flush_that_fails_as_well_ends_nothing),
		TEST(test_a_flush_that_began_before_the_failure_ends_nothing),
		TEST(test_it_ends_with_the_end_of_that_flush),
		TEST(test_a_flush_of_the_queue_ends_it_as_well),
		TEST(test_the_last_device_that_leaves_ends_it),
		TEST(test_a_map_that_cannot_be_undone_is_within_reach),
		TEST(test_a_map_that_is_undone_leaves_no_window),
		TEST(test_an_unmap_of_two_page_sizes_lasts_from_its_beginning_to_its_last_flush),
	};

	return cmocka_run_group_tests_name("domain_exposure_stuck", tests, NULL, NULL);
}
