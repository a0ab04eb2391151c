// SPDX-License-Identifier: MIT
/*
 * test_flow_stuck.c - a map fails, and its undoing too: what a device saw meanwhile it may
 * still reach, and nobody else gets it
 *
 *   map pages -> sync_map fails -> the device guesses the address -> undo -> flush fails
 *                                                   `- its IOTLB knows the page from here on
 *
 * The simulator logs a stuck queue before it returns, which is when the device accesses.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <pthread.h>

#define PAGE 4096u

/* The device's access in the middle of a map. */
struct guess {
	struct fixture *f;
	dmp_addr_t addr;
	bool was_made;
	int err;
};

static void *access_guess(void *ctx)
{
	struct guess *guess = ctx;
	unsigned char byte;

	guess->err = dmp_sim_agent_read(guess->f->agent, guess->addr, &byte, 1);
	return NULL;
}

static void access_once(void *ctx, enum dmp_log_level level, const char *line)
{
	struct guess *guess = ctx;
	pthread_t device;

	(void)level;
	(void)line;
	if (guess->was_made)
		return;
	guess->was_made = true;
	if (!pthread_create(&device, NULL, access_guess, guess))
		pthread_join(device, NULL);
}

static void setup(struct fixture *f)
{
	fixture_setup(f, &FIXTURE(.translated = true, .no_shim = true,
				  .sim_flags = DMP_SIM_CACHE_NOT_PRESENT | DMP_SIM_TOUCH_STALE));
}

/* From here to done() two invalidations in a row fail, and the device reads @addr after the
 * first. */
static void begin(struct fixture *f, struct guess *guess, dmp_addr_t addr)
{
	*guess = (struct guess){.f = f, .addr = addr};
	dmp_log_set_sink(access_once, guess);
	assert_int_equal(dmp_sim_fail(f->sim, DMP_SIM_CALL_INVALIDATE, 1, 2, 0), 0);
}

static void done(struct fixture *f, const struct guess *guess)
{
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_sim_failed(f->sim, DMP_SIM_CALL_INVALIDATE), 2);
	assert_true(guess->was_made);
	assert_int_equal(guess->err, 0);
}

static void test_address_that_a_device_may_still_use_is_not_given_out(void **state)
{
	unsigned char seen[PAGE], *secret, *other;
	dmp_addr_t known, addr = 7;
	struct guess guess;
	struct fixture f;

	(void)state;
	setup(&f);
	secret = fixture_ram(&f, PAGE, 0x5e);
	other = fixture_ram(&f, PAGE, 0x07);
	assert_int_equal(dmp_dma_map(f.dev, secret, PAGE, DMP_TO_DEVICE, 0, &known), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, known, PAGE, DMP_TO_DEVICE, 0), 0);
	begin(&f, &guess, known);
	assert_int_equal(dmp_dma_map(f.dev, secret, PAGE, DMP_TO_DEVICE, 0, &addr),
			 -ENOTRECOVERABLE);
	done(&f, &guess);
	assert_int_equal(addr, 7);
	assert_int_equal(dmp_sim_agent_read(f.agent, known, seen, PAGE), 0);
	assert_memory_equal(seen, secret, PAGE);
	assert_int_equal(dmp_dma_map(f.dev, other, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_not_equal(addr, known);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, seen, PAGE), 0);
	assert_memory_equal(seen, other, PAGE);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_iommu_flush(dmp_domain_iommu(f.dom)), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, known, seen, PAGE), -EFAULT);
	fixture_ram_free(&f, secret, PAGE);
	fixture_ram_free(&f, other, PAGE);
	fixture_teardown(&f);
}

static void test_coherent_memory_that_a_device_may_still_write_has_no_next_owner(void **state)
{
	unsigned char data[PAGE], *next;
	dmp_addr_t known, addr;
	struct guess guess;
	struct fixture f;
	void *buf;

	(void)state;
	setup(&f);
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, PAGE, &buf, &known), 0);
	assert_int_equal(dmp_dma_free_coherent(f.dev, PAGE, buf, known), 0);
	begin(&f, &guess, known);
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, PAGE, &buf, &addr), -ENOTRECOVERABLE);
	done(&f, &guess);
	next = fixture_ram(&f, PAGE, 0x11);
	memset(data, 0xee, PAGE);
	assert_int_equal(dmp_sim_agent_write(f.agent, known, data, PAGE), 0);
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal(next[i], 0x11);
	fixture_ram_free(&f, next, PAGE);
	fixture_teardown(&f);
}

/* The queue's timeout is a second, which the waiter itself makes pass in manual mode. */
static void
test_an_unmap_on_a_queue_that_stands_still_times_out_and_withholds_the_address(void **state)
{
	unsigned char *buf, byte;
	dmp_addr_t known, addr;
	struct fixture f;
	uint64_t before;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	fixture_setup(&f, &FIXTURE(.translated = true));
	buf = fixture_ram(&f, PAGE, 0x5e);
	assert_int_equal(dmp_dma_map(f.dev, buf, PAGE, DMP_TO_DEVICE, 0, &known), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, known, &byte, 1), 0);
	assert_int_equal(dmp_sim_stick(f.sim, 0, true), 0);
	before = dmp_clock_now_ns();
	assert_int_equal(dmp_dma_unmap(f.dev, known, PAGE, DMP_TO_DEVICE, 0), -ETIMEDOUT);
	assert_in_range(dmp_clock_now_ns() - before, 1000000000, 1002000000);
	assert_int_equal(dmp_sim_stick(f.sim, 0, false), 0);
	assert_int_equal(dmp_dma_map(f.dev, buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_not_equal(addr, known);
	assert_int_equal(dmp_iommu_flush(dmp_domain_iommu(f.dom)), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, known, &byte, 1), -EFAULT);
	assert_int_equal(fixture_fault(&f, &(struct dmp_fault){0}), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	fixture_ram_free(&f, buf, PAGE);
	fixture_teardown(&f);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_that_a_device_may_still_use_is_not_given_out),
		cmocka_unit_test(
			test_coherent_memory_that_a_device_may_still_write_has_no_next_owner),
		cmocka_unit_test(
			test_an_unmap_on_a_queue_that_stands_still_times_out_and_withholds_the_address),
	};

	return cmocka_run_group_tests_name("flow_stuck", tests, NULL, NULL);
}
