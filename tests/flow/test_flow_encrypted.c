// SPDX-License-Identifier: MIT
/*
 * test_flow_encrypted.c - a machine whose memory devices do not reach until it is shared, over the
 * whole path
 *
 * Proves: a device sees the bytes of what is mapped for it and of nothing else; memory is converted
 * with its pool, once each way, and never for a mapping; what cannot be made private is not
 * given out again.
 *
 *   buffer, private --copied--> slots, shared ---> device
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/bits.h>
#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <stdlib.h>

#define LEN        6000u
#define PAGE       DMP_PAGE_BYTES
#define SLOTS      128u
#define POOL_PAGES (SLOTS * DMP_SWIOTLB_SLOT_BYTES / PAGE)

#define ENCRYPTED(...)                                                                             \
	FIXTURE(.sim_flags = DMP_SIM_ENCRYPTED, .bounces = true, .swiotlb.slots = SLOTS,           \
		.swiotlb.areas = 1, __VA_ARGS__)

static struct dmp_sim_stats sim_stats(struct fixture *f)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(f->sim, &stats, sizeof(stats)), 0);
	return stats;
}

static struct dmp_swiotlb_stats tlb_stats(struct dmp_swiotlb *tlb)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats)), 0);
	return stats;
}

static void fill(unsigned char *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(seed + i * 7);
}

/* Both directions; the buffer lies in RAM that a device of another machine would reach. */
static void check_bytes(struct fixture *f)
{
	unsigned char *buf = fixture_ram(f, LEN, 0), data[LEN], sent[LEN];
	uint64_t slots = fixture_slots(f);
	dmp_addr_t addr;

	fill(buf, LEN, 3);
	fill(sent, LEN, 77);
	assert_int_equal(dmp_dma_map(f->dev, buf, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f->agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	assert_int_equal(dmp_sim_agent_write(f->agent, addr, sent, LEN), 0);
	assert_int_equal(dmp_dma_unmap(f->dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_memory_equal(buf, sent, LEN);
	assert_int_equal(fixture_slots(f), slots);
	fixture_ram_free(f, buf, LEN);
}

static void test_a_device_reads_and_writes_what_is_mapped(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct fixture f;

		fixture_setup(&f, &ENCRYPTED(.translated = translated));
		check_bytes(&f);
		fixture_teardown(&f);
	}
}

/* Whatever it is for: a buffer, and the buffer while its copy is mapped. */
static void test_a_device_that_reads_private_memory_faults_and_sees_no_byte(void **state)
{
	unsigned char *buf, data[LEN], untouched[LEN];
	struct dmp_fault fault;
	struct fixture f;
	dmp_addr_t addr;
	dmp_phys_t phys;

	(void)state;
	fixture_setup(&f, &ENCRYPTED());
	buf = fixture_ram(&f, LEN, 0x5e);
	memset(data, 0, LEN);
	memset(untouched, 0, LEN);
	assert_int_equal(dmp_dma_map(f.dev, buf, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	struct dmp_swiotlb_mapping_view view;

	assert_int_equal(dmp_swiotlb_inspect_mapping(f.tlb, addr, &view), 0);
	phys = view.orig;
	assert_int_equal(dmp_sim_agent_read(f.agent, phys, data, LEN), -EFAULT);
	assert_memory_equal(data, untouched, LEN);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_BUS);
	assert_int_equal(fault.addr, phys);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	fixture_ram_free(&f, buf, LEN);
	fixture_teardown(&f);
}

static void test_pages_are_converted_with_their_pool_and_never_for_a_mapping(void **state)
{
	struct dmp_sim_stats before, after;
	struct fixture f;

	(void)state;
	fixture_setup(&f, &ENCRYPTED());
	before = sim_stats(&f);
	assert_int_equal(before.conversions, 1);
	assert_int_equal(before.shared_pages, POOL_PAGES);
	for (unsigned i = 0; i < 10; i++)
		check_bytes(&f);
	after = sim_stats(&f);
	assert_int_equal(after.conversions, before.conversions);
	fixture_teardown(&f);
}

/* One buffer of all slots, so that the next request finds none. */
static dmp_addr_t fill_pool(struct fixture *f, unsigned char *large)
{
	dmp_addr_t addr;

	assert_int_equal(dmp_dma_map(f->dev, large, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0, &addr),
			 0);
	return addr;
}

static void empty_pool(struct fixture *f, dmp_addr_t addr)
{
	assert_int_equal(dmp_dma_unmap(f->dev, addr, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0), 0);
}

/*
 *   transient pool   coherent memory: no conversion
 *   worker's pool    one, for all its pages; none for what is mapped there
 */
static void test_growth_converts_once_a_pool_and_the_end_makes_all_private(void **state)
{
	unsigned char *large = calloc(1, DMP_SWIOTLB_MAX_BYTES);
	struct dmp_swiotlb_stats stats;
	struct dmp_sim_stats made;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	assert_non_null(large);
	assert_int_equal(dmp_harness_enter(1), 0);
	fixture_setup(&f, &ENCRYPTED(.swiotlb.flags = DMP_SWIOTLB_GROWS));
	addr = fill_pool(&f, large);
	check_bytes(&f);
	assert_int_equal(tlb_stats(f.tlb).transients_made, 1);
	assert_int_equal(sim_stats(&f).conversions, 1);
	assert_int_equal(dmp_harness_run_pending(), 1);
	made = sim_stats(&f);
	assert_int_equal(made.conversions, 2);
	assert_int_equal(made.shared_pages, 2 * POOL_PAGES);
	for (unsigned i = 0; i < 10; i++)
		check_bytes(&f);
	assert_int_equal(sim_stats(&f).conversions, 2);
	stats = tlb_stats(f.tlb);
	assert_int_equal(stats.conversions, 2);
	assert_int_equal(stats.shared_pages, 2 * POOL_PAGES);
	empty_pool(&f, addr);
	dmp_harness_grace_period();
	fixture_teardown(&f);
	assert_int_equal(dmp_harness_leave(), 0);
	free(large);
}

/* What the pools took, all of it, and what was shared before they were there. */
static void test_destroy_makes_private_what_create_shared(void **state)
{
	struct dmp_swiotlb *tlb;
	struct dmp_sim_stats stats;
	struct fixture f;
	uint64_t shared;

	(void)state;
	fixture_setup(&f, &FIXTURE(.sim_flags = DMP_SIM_ENCRYPTED));
	shared = sim_stats(&f).ram_shared;
	assert_int_equal(
		dmp_swiotlb_create(f.hw, &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1), &tlb), 0);
	assert_int_equal(sim_stats(&f).ram_shared, shared + 512 * DMP_SWIOTLB_SLOT_BYTES);
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
	stats = sim_stats(&f);
	assert_int_equal(stats.ram_shared, shared);
	assert_int_equal(stats.private_pages, stats.shared_pages);
	assert_int_equal(stats.conversions, 2);
	fixture_teardown(&f);
}

static bool says_lost;

static void look_for_lost(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	says_lost = says_lost || (level == DMP_LOG_WARN && strstr(line, "are lost"));
}

/* Nobody gets the pages again: the machine's memory in use says so. */
static void test_memory_that_cannot_be_made_private_is_lost_and_told(void **state)
{
	const uint64_t pool = 512 * DMP_SWIOTLB_SLOT_BYTES;
	struct dmp_swiotlb *tlb;
	struct dmp_sim *sim;

	(void)state;
	says_lost = false;
	dmp_log_set_sink(look_for_lost, NULL);
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.flags = DMP_SIM_ENCRYPTED), &sim), 0);
	assert_int_equal(dmp_swiotlb_create(dmp_sim_hw(sim),
					    &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1), &tlb),
			 0);
	assert_int_equal(dmp_sim_fail(sim, DMP_SIM_CALL_MAKE_PRIVATE, 1, 1, -EIO), 0);
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
	assert_true(says_lost);
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.ram_in_use, pool);
	assert_int_equal(stats.private_pages, 0);
	assert_int_equal(dmp_sim_destroy(sim), 0);
	dmp_log_set_sink(NULL, NULL);
}

/* It is undone: the half that was shared is private again, and goes back. */
static void test_memory_that_cannot_be_shared_is_no_pool_and_goes_back(void **state)
{
	struct dmp_swiotlb *tlb = NULL;
	struct dmp_sim_stats stats;
	struct fixture f;
	uint64_t shared;

	(void)state;
	fixture_setup(&f, &FIXTURE(.sim_flags = DMP_SIM_ENCRYPTED));
	shared = sim_stats(&f).ram_shared;
	assert_int_equal(dmp_sim_fail(f.sim, DMP_SIM_CALL_MAKE_SHARED, 1, 1, -EIO), 0);
	assert_int_equal(
		dmp_swiotlb_create(f.hw, &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1), &tlb), -EIO);
	assert_null(tlb);
	stats = sim_stats(&f);
	assert_int_equal(stats.ram_shared, shared);
	assert_int_equal(stats.ram_in_use, 0);
	fixture_teardown(&f);
}

static void test_coherent_memory_is_shared_as_long_as_it_is_held(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		unsigned char data[LEN];
		struct fixture f;
		dmp_addr_t addr;
		void *buf;

		fixture_setup(&f, &ENCRYPTED(.translated = translated));
		assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), 0);
		fill(buf, LEN, 9);
		assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
		assert_memory_equal(data, buf, LEN);
		assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), 0);
		assert_int_equal(sim_stats(&f).private_pages, 2);
		fixture_teardown(&f);
	}
}

static void test_without_bounce_slots_nothing_that_streams_can_be_mapped(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;
	dmp_addr_t addr = 7;

	(void)state;
	fixture_setup(&f, &FIXTURE(.sim_flags = DMP_SIM_ENCRYPTED));
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_device_reads_and_writes_what_is_mapped),
		cmocka_unit_test(test_a_device_that_reads_private_memory_faults_and_sees_no_byte),
		cmocka_unit_test(test_pages_are_converted_with_their_pool_and_never_for_a_mapping),
		cmocka_unit_test(test_growth_converts_once_a_pool_and_the_end_makes_all_private),
		cmocka_unit_test(test_destroy_makes_private_what_create_shared),
		cmocka_unit_test(test_memory_that_cannot_be_made_private_is_lost_and_told),
		cmocka_unit_test(test_memory_that_cannot_be_shared_is_no_pool_and_goes_back),
		cmocka_unit_test(test_coherent_memory_is_shared_as_long_as_it_is_held),
		cmocka_unit_test(test_without_bounce_slots_nothing_that_streams_can_be_mapped),
	};

	return cmocka_run_group_tests_name("flow_encrypted", tests, NULL, NULL);
}
