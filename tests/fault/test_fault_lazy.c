// SPDX-License-Identifier: MIT
/*
 * test_fault_lazy.c - fail the n-th call of every kind on the path of each policy that does not
 * flush in every unmap, for every n, until none fails
 *
 * Strict, then the policy, enough unmaps to fill the ring, or, on reuse, for several epochs of
 * a space of fifteen pages; the timer, a commit, a flush now.  Whatever fails on it, what is
 * unmapped is never handed out before a flush that worked, nothing leaks, and the same path works
 * when it is tried again.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/harness.h>

#define PAGE    4096u
#define MS      UINT64_C(1000000)
#define ENTRIES 4u
#define NTHS    2000u /* far more than the path has calls of any kind */

static const enum dmp_flush_policy policies[] = {DMP_FLUSH_LAZY, DMP_FLUSH_MANUAL,
						 DMP_FLUSH_ON_REUSE};
static enum dmp_flush_policy policy; /* of the run */

static int use_buffer(struct fixture *f, unsigned char *buf)
{
	unsigned char data[PAGE];
	dmp_addr_t addr;
	int err = dmp_dma_map(f->dev, buf, PAGE, DMP_FROM_DEVICE, DMP_ATTR_NO_WARN, &addr);
	int unmap_err;

	if (err)
		return err;
	memset(data, ++buf[0], PAGE);
	err = dmp_sim_agent_write(f->agent, addr, data, PAGE);
	unmap_err = dmp_dma_unmap(f->dev, addr, PAGE, DMP_FROM_DEVICE, 0);
	return err ? err : unmap_err;
}

static void keep_first(int *first, int err)
{
	if (!*first)
		*first = err;
}

/* All of it, whatever fails on the way; the first error. */
static int walk_path(struct fixture *f, unsigned char *buf)
{
	int err = use_buffer(f, buf);

	keep_first(&err, dmp_domain_set_flush(f->dom, policy));
	for (unsigned i = 0; i < 4 * ENTRIES; i++) {
		dmp_harness_become(i % 2);
		keep_first(&err, use_buffer(f, buf));
	}
	dmp_harness_advance(20 * MS);
	keep_first(&err, use_buffer(f, buf));
	keep_first(&err, dmp_domain_commit(f->dom));
	keep_first(&err, use_buffer(f, buf));
	keep_first(&err, dmp_domain_flush(f->dom));
	return err;
}

/* A fresh machine each time; @failed tells whether anything failed, and is switched off. */
static bool run_once(void (*fail_nth)(struct fixture *f, uint64_t nth), uint64_t nth,
		     uint64_t (*failed)(struct fixture *f))
{
	struct fixture_want want = FIXTURE(.translated = true, .domain.flushq_entries = ENTRIES);
	struct fixture f;
	unsigned char *buf;
	uint64_t n;

	if (policy == DMP_FLUSH_ON_REUSE) {
		want.domain.policy = &dmp_iova_policy_bitmap;
		want.device.dma_mask = 16 * PAGE - 1;
	}
	assert_int_equal(dmp_harness_enter(2), 0);
	fixture_setup(&f, &want);
	buf = fixture_ram(&f, PAGE, 0);
	fail_nth(&f, nth);
	walk_path(&f, buf);
	n = failed(&f);
	fail_nth(&f, 0);
	fixture_check(&f, 0);
	assert_int_equal(walk_path(&f, buf), 0);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	fixture_ram_free(&f, buf, PAGE);
	fixture_teardown(&f);
	assert_int_equal(dmp_harness_leave(), 0);
	return n > 0;
}

static void until_none_fails(void (*fail_nth)(struct fixture *f, uint64_t nth),
			     uint64_t (*failed)(struct fixture *f))
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		uint64_t nth = 1;

		policy = policies[i];
		while (nth < NTHS && run_once(fail_nth, nth, failed))
			nth++;
		assert_in_range(nth, 2, NTHS - 1);
	}
}

static void fail_memory(struct fixture *f, uint64_t nth)
{
	(void)f;
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, nth, 1);
}

static uint64_t memory_failed(struct fixture *f)
{
	(void)f;
	return dmp_harness_failed(DMP_HARNESS_ALLOC_ANY);
}

static void test_any_allocation_on_the_path_may_fail(void **state)
{
	(void)state;
	until_none_fails(fail_memory, memory_failed);
}

static void fail_memory_for_good(struct fixture *f, uint64_t nth)
{
	(void)f;
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, nth, UINT64_MAX);
}

static void test_memory_may_run_out_anywhere_on_the_path(void **state)
{
	(void)state;
	until_none_fails(fail_memory_for_good, memory_failed);
}

static void fail_invalidation(struct fixture *f, uint64_t nth)
{
	assert_int_equal(dmp_sim_fail(f->sim, DMP_SIM_CALL_INVALIDATE, nth, 1, 0), 0);
}

static uint64_t invalidation_failed(struct fixture *f)
{
	return dmp_sim_failed(f->sim, DMP_SIM_CALL_INVALIDATE);
}

static void test_any_invalidation_on_the_path_may_fail(void **state)
{
	(void)state;
	until_none_fails(fail_invalidation, invalidation_failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_allocation_on_the_path_may_fail),
		cmocka_unit_test(test_memory_may_run_out_anywhere_on_the_path),
		cmocka_unit_test(test_any_invalidation_on_the_path_may_fail),
	};

	return cmocka_run_group_tests_name("fault_lazy", tests, NULL, NULL);
}
