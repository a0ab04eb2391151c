// SPDX-License-Identifier: MIT
/*
 * test_flow_bounce.c - slots instead of a buffer over the whole path: driver, library, bounce
 * allocator, machine, device
 *
 * Proves: a 32-bit device works with heap memory that lies far beyond it; what moves when; and
 * that a pool that is full changes nothing.
 */
#include "dmptest.h"

#include "fixture.h"
#include "rng.h"

#include <stdlib.h>

#define LEN   6000u
#define SLOTS 512u

/* Heap buffers are above 2^47 for the machine. */
#define BOUNCING                                                                                   \
	FIXTURE(.bounces = true, .swiotlb.slots = SLOTS, .swiotlb.areas = 1,                       \
		.device.dma_mask = DMP_MASK(32))

static void fill(unsigned char *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(seed + i * 7);
}

static void test_32_bit_device_reads_a_heap_buffer(void **state)
{
	unsigned char heap[LEN], data[LEN];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &BOUNCING);
	fill(heap, LEN, 3);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_true(addr + LEN - 1 <= DMP_MASK(32));
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
	assert_memory_equal(data, heap, LEN);
	fixture_check(&f, 1);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

static void test_32_bit_device_writes_a_heap_buffer(void **state)
{
	unsigned char heap[LEN + 2], data[LEN];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &BOUNCING);
	memset(heap, 0, sizeof(heap));
	fill(data, LEN, 5);
	assert_int_equal(dmp_dma_map(f.dev, heap + 1, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
	assert_int_equal(heap[1 + LEN / 2], 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_memory_equal(heap + 1, data, LEN);
	assert_int_equal(heap[0], 0);
	assert_int_equal(heap[LEN + 1], 0);
	fixture_teardown(&f);
}

/*
 *   buffer   |################|     the device was asked for all of it
 *   device        |####|            and wrote this
 */
static void test_bytes_that_the_device_did_not_write_stay_as_they_were(void **state)
{
	unsigned char heap[LEN], before[LEN], data[100];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &BOUNCING);
	fill(heap, LEN, 9);
	memcpy(before, heap, LEN);
	memset(data, 0xdd, sizeof(data));
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_FROM_DEVICE, DMP_ATTR_SKIP_SYNC, &addr),
			 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr + 2000, data, 100), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	memcpy(before + 2000, data, 100);
	assert_memory_equal(heap, before, LEN);
	fixture_teardown(&f);
}

static void test_skip_sync_leaves_the_buffer_to_explicit_syncs(void **state)
{
	unsigned char heap[LEN] = {0}, data[LEN];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &BOUNCING);
	fill(data, LEN, 1);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_FROM_DEVICE, DMP_ATTR_SKIP_SYNC, &addr),
			 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
	assert_int_equal(dmp_dma_sync_for_cpu(f.dev, addr + 10, 20, DMP_FROM_DEVICE), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, DMP_ATTR_SKIP_SYNC), 0);
	assert_memory_equal(heap + 10, data + 10, 20);
	assert_int_equal(heap[9], 0);
	assert_int_equal(heap[30], 0);
	fixture_teardown(&f);
}

/* A ring that both sides use in turn, a part at a time, wherever it begins. */
static void test_parts_change_hands_at_any_offset(void **state)
{
	unsigned char heap[LEN], model[LEN], part[LEN];
	struct rng rng = rng_seeded(rng_seed_from_env(11));
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &BOUNCING);
	fill(heap, LEN, 0);
	memcpy(model, heap, LEN);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	for (unsigned turn = 0; turn < 200; turn++) {
		uint64_t off = rng_range(&rng, 0, LEN - 1), len = rng_range(&rng, 1, LEN - off);

		fill(part, len, turn);
		memcpy(model + off, part, len);
		if (turn % 2) {
			assert_int_equal(dmp_sim_agent_write(f.agent, addr + off, part, len), 0);
			assert_int_equal(
				dmp_dma_sync_for_cpu(f.dev, addr + off, len, DMP_BIDIRECTIONAL), 0);
		} else {
			memcpy(heap + off, part, len);
			assert_int_equal(
				dmp_dma_sync_for_device(f.dev, addr + off, len, DMP_BIDIRECTIONAL),
				0);
		}
		assert_memory_equal(heap, model, LEN);
		assert_int_equal(dmp_sim_agent_read(f.agent, addr, part, LEN), 0);
		assert_memory_equal(part, model, LEN);
	}
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	fixture_teardown(&f);
}

static void test_full_pool_is_enospc_until_something_is_unmapped(void **state)
{
	const uint64_t len = DMP_SWIOTLB_MAX_BYTES, n = SLOTS / DMP_SWIOTLB_SEGMENT_SLOTS;
	struct dmp_device_stats before, after;
	dmp_addr_t addr[SLOTS], none = 7;
	struct fixture f;
	char *heap = calloc(1, len);

	(void)state;
	assert_non_null(heap);
	fixture_setup(&f, &BOUNCING);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(dmp_dma_map(f.dev, heap, len, DMP_TO_DEVICE, 0, &addr[i]), 0);
	dmp_device_get_stats(f.dev, &before, sizeof(before));
	assert_int_equal(dmp_dma_map(f.dev, heap, 1, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &none),
			 -ENOSPC);
	dmp_device_get_stats(f.dev, &after, sizeof(after));
	before.map_failures++;
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(none, 7);
	assert_int_equal(fixture_log_lines(DMP_LOG_WARN), 0);
	fixture_check(&f, n);
	assert_int_equal(dmp_dma_unmap(f.dev, addr[0], len, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_map(f.dev, heap, len, DMP_TO_DEVICE, 0, &addr[0]), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(dmp_dma_unmap(f.dev, addr[i], len, DMP_TO_DEVICE, 0), 0);
	free(heap);
	fixture_teardown(&f);
}

/* Whatever its offset: the promise of dmp_device_max_mapping(), and one byte more. */
static void check_promise(const struct fixture_want *want, uint64_t beyond_is)
{
	struct fixture f;
	dmp_addr_t addr;
	uint64_t most;
	char *heap;

	fixture_setup(&f, want);
	most = dmp_device_max_mapping(f.dev);
	heap = calloc(1, most + 8192);
	assert_non_null(heap);
	for (uint64_t off = 1; off < 4096; off += 409) {
		assert_int_equal(dmp_dma_map(f.dev, heap + off, most, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(dmp_dma_unmap(f.dev, addr, most, DMP_TO_DEVICE, 0), 0);
	}
	if (beyond_is)
		assert_int_equal(dmp_dma_map(f.dev, heap + 1, most + beyond_is, DMP_TO_DEVICE,
					     DMP_ATTR_NO_WARN, &addr),
				 -ERANGE);
	free(heap);
	fixture_teardown(&f);
}

static void test_longest_promised_mapping_fits_at_any_offset(void **state)
{
	struct fixture_want want = BOUNCING;

	(void)state;
	check_promise(&want, 1);
	want.device.min_align_mask = 0xfff;
	check_promise(&want, 4096);
	want.translated = true;
	want.device.flags = DMP_DEVICE_UNTRUSTED;
	check_promise(&want, 4096);
	want.device.min_align_mask = 0;
	check_promise(&want, 1);
}

/* RAM that the device could well reach, and it gets a copy all the same. */
static void test_forced_device_never_touches_the_buffer(void **state)
{
	unsigned char data[LEN], *ram;

	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		struct fixture f;
		dmp_addr_t addr;

		fixture_setup(&f, &FIXTURE(.translated = translated, .bounces = true,
					   .device.flags = DMP_DEVICE_FORCE_BOUNCE));
		ram = fixture_ram(&f, LEN, 0x11);
		memset(data, 0x22, LEN);
		assert_int_equal(dmp_dma_map(f.dev, ram, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
		assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
		assert_int_equal(ram[0], 0x11);
		assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
		assert_memory_equal(ram, data, LEN);
		assert_int_equal(fixture_slots(&f), 0);
		fixture_ram_free(&f, ram, LEN);
		fixture_teardown(&f);
	}
}

/*
 * Lazy is for buffers in place: a slot is somebody else's the moment it is free.  The device's
 * IOTLB knows the address from its last access.
 */
static void test_lazy_domain_does_not_expose_freed_slots(void **state)
{
	const enum dmp_flush_policy policies[] = {DMP_FLUSH_LAZY, DMP_FLUSH_LAZY_SINGLE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unsigned char heap[LEN] = {0}, data[LEN];
		struct dmp_sim_stats stats;
		struct dmp_fault fault;
		struct fixture f;
		dmp_addr_t addr;

		fixture_setup(&f, &FIXTURE(.translated = true, .bounces = true,
					   .domain.flush = policies[i],
					   .device.flags = DMP_DEVICE_FORCE_BOUNCE));
		assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), 0);
		assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
		assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
		assert_int_equal(fixture_slots(&f), 0);
		assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), -EFAULT);
		assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_NOT_PRESENT);
		assert_int_equal(dmp_sim_get_stats(f.sim, &stats, sizeof(stats)), 0);
		assert_int_equal(stats.stale_accesses, 0);
		fixture_teardown(&f);
	}
}

/*
 *   allocator   | .............. |  child: 2 MiB, two areas  |
 *                                    every byte that the device may touch
 */
static void test_a_device_with_slots_of_its_own_works_in_them_alone(void **state)
{
	unsigned char heap[LEN], data[LEN];
	struct dmp_sim_agent *agent;
	struct dmp_swiotlb *child;
	struct dmp_device *dev;
	struct fixture f;
	dmp_addr_t addr, shared;
	void *buf;

	(void)state;
	fixture_setup(&f, &FIXTURE(.bounces = true, .swiotlb.slots = 2048, .swiotlb.areas = 4));
	assert_int_equal(dmp_swiotlb_carve(f.tlb, &DMP_SWIOTLB_CARVE_OPTS(.queues = 2), &child), 0);
	assert_int_equal(dmp_device_create(f.hw, &DMP_DEVICE_OPTS(.swiotlb = child), &dev), 0);
	assert_int_equal(dmp_sim_agent_create(f.sim, dmp_device_id(dev), &agent), 0);
	assert_int_equal(dmp_swiotlb_destroy(child), -EBUSY);
	fill(heap, LEN, 3);
	assert_int_equal(dmp_dma_map(dev, heap, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_true(dmp_swiotlb_owns(child, addr));
	assert_int_equal(dmp_sim_agent_read(agent, addr, data, LEN), 0);
	assert_memory_equal(data, heap, LEN);
	fill(data, LEN, 5);
	assert_int_equal(dmp_sim_agent_write(agent, addr, data, LEN), 0);
	assert_int_equal(dmp_dma_unmap(dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_memory_equal(heap, data, LEN);
	assert_int_equal(dmp_dma_alloc_coherent(dev, 4096, &buf, &shared), 0);
	assert_true(dmp_swiotlb_owns(child, shared));
	assert_int_equal(dmp_dma_free_coherent(dev, 4096, buf, shared), 0);
	dmp_sim_agent_destroy(agent);
	assert_int_equal(dmp_device_destroy(dev), 0);
	assert_int_equal(dmp_swiotlb_destroy(child), 0);
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_32_bit_device_reads_a_heap_buffer),
		cmocka_unit_test(test_32_bit_device_writes_a_heap_buffer),
		cmocka_unit_test(test_bytes_that_the_device_did_not_write_stay_as_they_were),
		cmocka_unit_test(test_skip_sync_leaves_the_buffer_to_explicit_syncs),
		cmocka_unit_test(test_parts_change_hands_at_any_offset),
		cmocka_unit_test(test_full_pool_is_enospc_until_something_is_unmapped),
		cmocka_unit_test(test_longest_promised_mapping_fits_at_any_offset),
		cmocka_unit_test(test_forced_device_never_touches_the_buffer),
		cmocka_unit_test(test_lazy_domain_does_not_expose_freed_slots),
		cmocka_unit_test(test_a_device_with_slots_of_its_own_works_in_them_alone),
	};

	return cmocka_run_group_tests_name("flow_bounce", tests, NULL, NULL);
}
