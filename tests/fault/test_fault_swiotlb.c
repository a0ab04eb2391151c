// SPDX-License-Identifier: MIT
/*
 * test_fault_swiotlb.c - the n-th call that a bounce allocator makes for memory fails, for
 * every n: the allocator does without, or is not made, and nothing leaks
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>
#include <dmapool/swiotlb.h>

#define LEN 6000u

static unsigned char memory[LEN];

/* One life of an allocator; 0, or why there was none. */
static int live(struct dmp_sim *sim)
{
	const dmp_phys_t orig = (uintptr_t)memory + (UINT64_C(1) << 47);
	struct dmp_swiotlb *tlb = NULL;
	dmp_phys_t phys;
	int err = dmp_swiotlb_create(dmp_sim_hw(sim), &DMP_SWIOTLB_OPTS(.slots = 4096, .areas = 4),
				     &tlb);

	if (err) {
		assert_null(tlb);
		return err;
	}
	assert_int_equal(dmp_swiotlb_map(tlb, NULL, orig, LEN, DMP_TO_DEVICE, 0, &phys), 0);
	assert_int_equal(dmp_swiotlb_sync_for_cpu(tlb, phys, LEN, DMP_FROM_DEVICE), 0);
	assert_int_equal(dmp_swiotlb_unmap(tlb, phys, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(dmp_swiotlb_check(tlb), 0);
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
	return 0;
}

static struct dmp_sim *open_sim(void)
{
	struct dmp_sim *sim;

	assert_int_equal(dmp_sim_create(NULL, &sim), 0);
	return sim;
}

static uint64_t ram_in_use(struct dmp_sim *sim)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(sim, &stats, sizeof(stats)), 0);
	return stats.ram_in_use;
}

static void close_sim(struct dmp_sim *sim)
{
	assert_int_equal(ram_in_use(sim), 0);
	assert_int_equal(dmp_sim_destroy(sim), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_each_failed_bookkeeping_allocation_leaves_nothing_behind(void **state)
{
	struct dmp_sim *sim = open_sim();
	uint64_t n = 0, before = dmp_meta_in_use(), failed;
	int err;

	(void)state;
	do {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, ++n, 1);
		err = live(sim);
		failed = dmp_harness_failed(DMP_HARNESS_ALLOC_ANY);
		assert_int_equal(err, failed ? -ENOMEM : 0);
		assert_int_equal(ram_in_use(sim), 0);
		assert_int_equal(dmp_meta_in_use(), before);
	} while (failed);
	assert_int_equal(n, 5); /* the handle, the pool and its two books; then none fails */
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	close_sim(sim);
}

/* 4096 slots are halved to 512 at most. */
static void test_blocks_that_the_machine_lacks_are_done_without(void **state)
{
	struct dmp_sim *sim = open_sim();
	uint64_t nfailures;

	(void)state;
	for (nfailures = 0; nfailures < 6; nfailures++) {
		dmp_sim_fail(sim, DMP_SIM_CALL_MEM_ALLOC, 1, nfailures, -ENOMEM);
		assert_int_equal(live(sim), nfailures < 4 ? 0 : -ENOMEM);
		assert_int_equal(ram_in_use(sim), 0);
	}
	close_sim(sim);
}

/* Which allocation of a spike fails. */
static struct plan {
	bool of_bookkeeping;
	uint64_t nth;
} plan;

static void fail_the_nth(struct dmp_sim *sim)
{
	if (plan.of_bookkeeping)
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, plan.nth, 1);
	else
		dmp_sim_fail(sim, DMP_SIM_CALL_MEM_ALLOC, plan.nth, 1, -ENOMEM);
}

/* A spike on a full allocator of 512 slots: each request is served or fails as it should, the
 * worker grows or does not.  Returns how many requests failed. */
static unsigned spike(struct dmp_swiotlb *tlb)
{
	const dmp_phys_t orig = (uintptr_t)memory + (UINT64_C(1) << 47);
	dmp_phys_t phys[8] = {0};
	unsigned i, failures = 0;
	int err;

	for (i = 0; i < 8; i++) {
		err = dmp_swiotlb_map(tlb, NULL, orig, LEN, DMP_TO_DEVICE, 0, &phys[i]);
		assert_true(err == 0 || err == -ENOSPC);
		assert_int_equal(err != 0, phys[i] == 0);
		failures += err != 0;
		if (i == 3)
			dmp_harness_run_pending();
		if (i == 5)
			dmp_harness_grace_period();
		assert_int_equal(dmp_swiotlb_check(tlb), 0);
	}
	for (i = 0; i < 8; i++)
		if (phys[i])
			assert_int_equal(dmp_swiotlb_unmap(tlb, phys[i], LEN, DMP_FROM_DEVICE, 0),
					 0);
	return failures;
}

/* What is left after a spike is what was there before. */
static void spike_and_drain(struct dmp_sim *sim, const dmp_phys_t orig)
{
	struct dmp_swiotlb_stats stats;
	struct dmp_swiotlb *tlb;
	dmp_phys_t filler[4];
	unsigned i, failures;

	assert_int_equal(
		dmp_swiotlb_create(dmp_sim_hw(sim),
				   &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1,
						     .flags = DMP_SWIOTLB_GROWS, .idle_ns = 1),
				   &tlb),
		0);
	for (i = 0; i < 4; i++)
		assert_int_equal(dmp_swiotlb_map(tlb, NULL, orig, DMP_SWIOTLB_MAX_BYTES,
						 DMP_TO_DEVICE, 0, &filler[i]),
				 0);
	fail_the_nth(sim);
	failures = spike(tlb);
	assert_true(failures <= 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(
			dmp_swiotlb_unmap(tlb, filler[i], DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0),
			0);
	dmp_harness_advance(10);
	assert_int_equal(dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.slots, 512);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.transient_failures, failures);
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
}

/* One transient pool fails, or the growth, or nothing at all; the others go on. */
static void each_failure_of(bool of_bookkeeping)
{
	static unsigned char large[DMP_SWIOTLB_MAX_BYTES];
	struct dmp_sim *sim;
	uint64_t failed;

	assert_int_equal(dmp_harness_enter(2), 0);
	sim = open_sim();
	plan = (struct plan){.of_bookkeeping = of_bookkeeping};
	do {
		plan.nth++;
		spike_and_drain(sim, (uintptr_t)large + (UINT64_C(1) << 47));
		failed = of_bookkeeping ? dmp_harness_failed(DMP_HARNESS_ALLOC_ANY)
					: dmp_sim_failed(sim, DMP_SIM_CALL_MEM_ALLOC);
		assert_int_equal(ram_in_use(sim), 0);
	} while (failed);
	assert_true(plan.nth > 5);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	close_sim(sim);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_spike_survives_each_failed_bookkeeping_allocation(void **state)
{
	(void)state;
	each_failure_of(true);
}

static void test_a_spike_survives_each_block_that_the_machine_lacks(void **state)
{
	(void)state;
	each_failure_of(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_failed_bookkeeping_allocation_leaves_nothing_behind),
		cmocka_unit_test(test_blocks_that_the_machine_lacks_are_done_without),
		cmocka_unit_test(test_a_spike_survives_each_failed_bookkeeping_allocation),
		cmocka_unit_test(test_a_spike_survives_each_block_that_the_machine_lacks),
	};

	return cmocka_run_group_tests_name("fault_swiotlb", tests, NULL, NULL);
}
