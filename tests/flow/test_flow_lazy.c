// SPDX-License-Identifier: MIT
/*
 * test_flow_lazy.c - the translated route with lazy flushing over the whole path, in manual mode
 *
 * Proves: after an unmap a device may still hit what its IOTLB remembers, until the flush and
 * no longer; no address leads to new memory before that; what is mapped is always reached.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/harness.h>

#define PAGE 4096u
#define MS   UINT64_C(1000000)

static void setup(struct fixture *f, const struct fixture_want *want)
{
	assert_int_equal(dmp_harness_enter(2), 0);
	fixture_setup(f, want);
}

static void teardown(struct fixture *f)
{
	fixture_teardown(f);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* Maps @buf, lets the device write its first byte, and unmaps: the IOTLB remembers. */
static dmp_addr_t use_once(struct fixture *f, unsigned char *buf)
{
	unsigned char data = 0xd1;
	dmp_addr_t addr = 0;

	assert_int_equal(dmp_dma_map(f->dev, buf, PAGE, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f->agent, addr, &data, 1), 0);
	assert_int_equal(dmp_dma_unmap(f->dev, addr, PAGE, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(buf[0], 0xd1);
	return addr;
}

/* The device writes one byte to @addr; why that failed, or -1 if it worked. */
static int write_byte(struct fixture *f, dmp_addr_t addr)
{
	struct dmp_fault fault;
	unsigned char data = 0xee;

	if (dmp_sim_agent_write(f->agent, addr, &data, 1) == 0)
		return -1;
	assert_int_equal(dmp_hw_fault_next(f->hw, &fault), 0);
	return (int)fault.reason;
}

static uint64_t stale_accesses(struct fixture *f)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(f->sim, &stats, sizeof(stats)), 0);
	return stats.stale_accesses;
}

static struct dmp_domain_stats domain_stats(struct fixture *f)
{
	struct dmp_domain_stats stats;

	assert_int_equal(dmp_domain_get_stats(f->dom, &stats, sizeof(stats)), 0);
	return stats;
}

/*
 *   0 ms    unmap      the IOTLB still leads to the buffer: stale, recorded, not performed
 *   10 ms   flush      nothing leads there
 */
static void test_an_access_after_the_unmap_is_stale_and_after_the_flush_a_fault(void **state)
{
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t addr;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	addr = use_once(&f, buf);
	dmp_harness_advance(10 * MS - 1);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_STALE);
	assert_int_equal(stale_accesses(&f), 1);
	assert_int_equal(buf[0], 0xd1);
	dmp_harness_advance(1);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(stale_accesses(&f), 1);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

/* On a machine that performs stale accesses the driver sees its buffer change after the unmap. */
static void test_a_stale_access_hits_the_old_buffer_until_the_flush(void **state)
{
	struct dmp_fault fault;
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t addr;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .sim_flags = DMP_SIM_TOUCH_STALE,
			   .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	addr = use_once(&f, buf);
	assert_int_equal(write_byte(&f, addr), -1);
	assert_int_equal(buf[0], 0xee);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_STALE);
	assert_int_equal(stale_accesses(&f), 1);
	buf[0] = 0;
	assert_int_equal(dmp_domain_flush(f.dom), 0);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(buf[0], 0);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

static void test_an_access_that_no_iotlb_remembers_faults_at_once(void **state)
{
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t addr;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	assert_int_equal(dmp_dma_map(f.dev, buf, PAGE, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, PAGE, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(stale_accesses(&f), 0);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

/* In strict mode the address just freed comes back at once; here only after the flush. */
static void test_an_address_does_not_come_back_before_the_flush(void **state)
{
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t first;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	first = use_once(&f, buf);
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(use_once(&f, buf), first);
	assert_int_equal(domain_stats(&f).queued, 101);
	dmp_harness_advance(10 * MS);
	for (int i = 0; i < 100; i++)
		use_once(&f, buf);
	assert_int_equal(use_once(&f, buf), first);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

static void test_the_256th_unmap_flushes_what_255_left(void **state)
{
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t first;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	first = use_once(&f, buf);
	for (int i = 1; i < 255; i++)
		use_once(&f, buf);
	assert_int_equal(domain_stats(&f).flushes, 0);
	assert_int_equal(write_byte(&f, first), DMP_FAULT_STALE);
	use_once(&f, buf);
	assert_int_equal(domain_stats(&f).flushes_by[DMP_FLUSH_CAUSE_FULL], 1);
	assert_int_equal(domain_stats(&f).queued, 1);
	assert_int_equal(write_byte(&f, first), DMP_FAULT_NOT_PRESENT);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

/* The device goes on working across the change, and its next unmap is lazy. */
static void test_strict_becomes_lazy_under_a_live_device(void **state)
{
	unsigned char data[PAGE], *buf;
	struct fixture f;
	dmp_addr_t live, addr;

	(void)state;
	setup(&f, &FIXTURE(.translated = true));
	buf = fixture_ram(&f, 2 * PAGE, 0);
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(dmp_dma_map(f.dev, buf + PAGE, PAGE, DMP_FROM_DEVICE, 0, &live), 0);
	addr = use_once(&f, buf);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(dmp_domain_set_flush(f.dom, DMP_FLUSH_LAZY), 0);
	addr = use_once(&f, buf);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_STALE);
	assert_int_equal(dmp_domain_set_flush(f.dom, DMP_FLUSH_STRICT), -EBUSY);
	assert_int_equal(dmp_sim_agent_write(f.agent, live, data, PAGE), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, live, PAGE, DMP_FROM_DEVICE, 0), 0);
	assert_memory_equal(buf + PAGE, data, PAGE);
	fixture_ram_free(&f, buf, 2 * PAGE);
	teardown(&f);
}

/* Three pieces are one range, one entry. */
static void test_a_list_waits_as_one_range(void **state)
{
	struct dmp_sg sg[3];
	struct fixture f;
	unsigned char *buf;
	size_t n;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, 8 * PAGE, 0);
	for (unsigned i = 0; i < 3; i++)
		sg[i] = (struct dmp_sg){.buf = buf + 2 * i * PAGE, .len = PAGE};
	assert_int_equal(dmp_dma_map_sg(f.dev, sg, 3, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(dmp_dma_unmap_sg(f.dev, sg, 3, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(domain_stats(&f).queued, 1);
	assert_int_equal(domain_stats(&f).queued_bytes, 3 * PAGE);
	fixture_ram_free(&f, buf, 8 * PAGE);
	teardown(&f);
}

/* The machine's queue is stuck for a while: the device may hit for longer, the address waits. */
static void test_a_machine_that_cannot_flush_keeps_the_address_waiting(void **state)
{
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t addr;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	addr = use_once(&f, buf);
	assert_int_equal(dmp_sim_fail(f.sim, DMP_SIM_CALL_INVALIDATE, 1, 3, 0), 0);
	dmp_harness_advance(30 * MS);
	assert_int_equal(domain_stats(&f).flush_failures, 3);
	assert_int_equal(domain_stats(&f).queued, 1);
	assert_int_not_equal(use_once(&f, buf), addr);
	dmp_harness_advance(10 * MS);
	assert_int_equal(domain_stats(&f).queued, 0);
	assert_int_equal(write_byte(&f, addr), DMP_FAULT_NOT_PRESENT);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

static uint64_t ram_in_use(struct fixture *f)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(f->sim, &stats, sizeof(stats)), 0);
	return stats.ram_in_use;
}

/* Coherent memory behind a flush that failed is given up; the flush of a full ring, under that
 * ring's lock, frees it.  A lock out of order would be a BUG line. */
static void test_a_full_rings_flush_frees_memory_that_was_given_up(void **state)
{
	const uint64_t len = UINT64_C(64) * PAGE;
	struct fixture f;
	unsigned char *buf;
	dmp_addr_t addr;
	uint64_t in_use;
	void *shared;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY,
			   .domain.flushq_entries = 4));
	buf = fixture_ram(&f, PAGE, 0);
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, len, &shared, &addr), 0);
	assert_int_equal(dmp_sim_fail(f.sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0), 0);
	assert_int_equal(dmp_dma_free_coherent(f.dev, len, shared, addr), -ETIMEDOUT);
	use_once(&f, buf);
	in_use = ram_in_use(&f);
	while (domain_stats(&f).flushes_by[DMP_FLUSH_CAUSE_FULL] == 0)
		use_once(&f, buf);
	assert_true(ram_in_use(&f) <= in_use - len);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

/* The teardown finds entries in the rings of two CPUs, an armed timer and tables. */
static void test_a_lazy_domain_goes_with_its_queue_full_of_work(void **state)
{
	struct fixture f;
	unsigned char *buf;

	(void)state;
	setup(&f, &FIXTURE(.translated = true, .domain.flush = DMP_FLUSH_LAZY));
	buf = fixture_ram(&f, PAGE, 0);
	for (unsigned i = 0; i < 20; i++) {
		dmp_harness_become(i % 2);
		use_once(&f, buf);
	}
	assert_int_equal(domain_stats(&f).queued, 20);
	fixture_ram_free(&f, buf, PAGE);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_an_access_after_the_unmap_is_stale_and_after_the_flush_a_fault),
		cmocka_unit_test(test_a_stale_access_hits_the_old_buffer_until_the_flush),
		cmocka_unit_test(test_an_access_that_no_iotlb_remembers_faults_at_once),
		cmocka_unit_test(test_an_address_does_not_come_back_before_the_flush),
		cmocka_unit_test(test_the_256th_unmap_flushes_what_255_left),
		cmocka_unit_test(test_strict_becomes_lazy_under_a_live_device),
		cmocka_unit_test(test_a_list_waits_as_one_range),
		cmocka_unit_test(test_a_machine_that_cannot_flush_keeps_the_address_waiting),
		cmocka_unit_test(test_a_full_rings_flush_frees_memory_that_was_given_up),
		cmocka_unit_test(test_a_lazy_domain_goes_with_its_queue_full_of_work),
	};

	return cmocka_run_group_tests_name("flow_lazy", tests, NULL, NULL);
}
