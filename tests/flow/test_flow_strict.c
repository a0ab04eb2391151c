// SPDX-License-Identifier: MIT
/*
 * test_flow_strict.c - the translated route with strict flushing over the whole path
 *
 * Proves: a device reaches a mapping only while it stands, only in its direction and only
 * in its granules; a small mask reaches any memory.
 */
#include "dmptest.h"

#include "fixture.h"

#define LEN  6000u
#define PAGE 4096u

static void test_device_writes_land_in_the_buffer(void **state)
{
	unsigned char data[LEN], heap[LEN];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	memset(data, 0xd1, LEN);
	memset(heap, 0, LEN);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
	fixture_check(&f, 1);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_memory_equal(heap, data, LEN);
	fixture_teardown(&f);
}

/* The device has just used the address, so its IOTLB knows it: the unmap must forget it there. */
static void test_strict_unmap_makes_the_next_access_fault(void **state)
{
	unsigned char data[64] = {0}, heap[64];
	struct dmp_sim_stats stats;
	struct dmp_fault fault;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, 64), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_FROM_DEVICE, 0), 0);
	memset(heap, 0x11, 64);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, 64), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(fault.addr, addr);
	assert_int_equal(fault.access, DMP_PROT_WRITE);
	assert_int_equal(heap[0], 0x11);
	assert_int_equal(dmp_sim_get_stats(f.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.stale_accesses, 0);
	fixture_teardown(&f);
}

static void test_direction_is_enforced(void **state)
{
	unsigned char data[64] = {0}, heap[64] = {0};
	struct dmp_fault fault;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, 64), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, 64), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_PERMISSION);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, 64), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_PERMISSION);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_FROM_DEVICE, 0), 0);
	fixture_teardown(&f);
}

static void test_heap_buffer_works_with_a_32_bit_mask(void **state)
{
	unsigned char data[LEN], heap[LEN];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true, .device.dma_mask = DMP_MASK(32)));
	memset(data, 0x42, LEN);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_true(addr + LEN - 1 <= DMP_MASK(32));
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
	assert_memory_equal(heap, data, LEN);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	fixture_teardown(&f);
}

/*
 *   iova   |neighbour?|buffer    |neighbour?|     nothing is mapped on either side
 */
static void test_bytes_beside_the_granules_fault(void **state)
{
	struct dmp_fault fault;
	unsigned char byte, *buf;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	buf = fixture_ram(&f, PAGE, 9);
	assert_int_equal(dmp_dma_map(f.dev, buf, PAGE, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr + PAGE - 1, &byte, 1), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr + PAGE, &byte, 1), -EFAULT);
	assert_true(fixture_fault(&f, &fault) >= 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr - 1, &byte, 1), -EFAULT);
	assert_true(fixture_fault(&f, &fault) >= 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, PAGE, DMP_BIDIRECTIONAL, 0), 0);
	fixture_ram_free(&f, buf, PAGE);
	fixture_teardown(&f);
}

/* The machine's physical address is no address of a device behind a domain. */
static void test_physical_address_of_a_buffer_faults(void **state)
{
	unsigned char heap[64], data[64];
	struct dmp_fault fault;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(
		dmp_sim_agent_read(f.agent, (uintptr_t)heap + DMP_SIM_HOST_OFFSET, data, 64),
		-EFAULT);
	assert_true(fixture_fault(&f, &fault) >= 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), 0);
	fixture_teardown(&f);
}

static void test_two_devices_of_one_domain_share_addresses(void **state)
{
	unsigned char heap[64], data[64];
	struct dmp_sim_agent *agent;
	struct dmp_device *second;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	memset(heap, 0x6b, 64);
	assert_int_equal(dmp_device_create(f.hw, NULL, &second), 0);
	assert_int_equal(dmp_device_attach(second, f.dom), 0);
	assert_int_equal(dmp_sim_agent_create(f.sim, dmp_device_id(second), &agent), 0);
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(agent, addr, data, 64), 0);
	assert_memory_equal(heap, data, 64);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), 0);
	dmp_sim_agent_destroy(agent);
	assert_int_equal(dmp_device_detach(second), 0);
	assert_int_equal(dmp_device_destroy(second), 0);
	fixture_teardown(&f);
}

/* A just-freed address comes back to the same CPU: spec-iova 2.4.6. */
static void test_same_size_gets_the_address_just_freed(void **state)
{
	unsigned char heap[64];
	struct fixture f;
	dmp_addr_t first, again;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &first), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, first, 64, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &again), 0);
	assert_int_equal(again, first);
	assert_int_equal(dmp_dma_unmap(f.dev, again, 64, DMP_TO_DEVICE, 0), 0);
	fixture_teardown(&f);
}

static void test_misuse_has_its_errno_and_changes_nothing(void **state)
{
	unsigned char heap[256];
	struct dmp_device_stats before, after;
	struct fixture f;
	dmp_addr_t addr, none = 7;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 256, DMP_TO_DEVICE, 0, &addr), 0);
	dmp_device_get_stats(f.dev, &before, sizeof(before));
	assert_int_equal(dmp_dma_map(f.dev, heap, 0, DMP_TO_DEVICE, 0, &none), -EINVAL);
	assert_int_equal(dmp_dma_map(f.dev, heap, 8, (enum dmp_dir)7, 0, &none), -EINVAL);
	assert_int_equal(dmp_dma_unmap(f.dev, addr + 64 * PAGE, 256, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64 * PAGE, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_device_detach(f.dev), -EBUSY);
	assert_int_equal(dmp_device_destroy(f.dev), -EBUSY);
	assert_int_equal(dmp_domain_destroy(f.dom), -EBUSY);
	dmp_device_get_stats(f.dev, &after, sizeof(after));
	before.map_failures += 2;
	assert_memory_equal(&before, &after, sizeof(before));
	fixture_check(&f, 1);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 256, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 256, DMP_TO_DEVICE, 0), -ENOENT);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_writes_land_in_the_buffer),
		cmocka_unit_test(test_strict_unmap_makes_the_next_access_fault),
		cmocka_unit_test(test_direction_is_enforced),
		cmocka_unit_test(test_heap_buffer_works_with_a_32_bit_mask),
		cmocka_unit_test(test_bytes_beside_the_granules_fault),
		cmocka_unit_test(test_physical_address_of_a_buffer_faults),
		cmocka_unit_test(test_two_devices_of_one_domain_share_addresses),
		cmocka_unit_test(test_same_size_gets_the_address_just_freed),
		cmocka_unit_test(test_misuse_has_its_errno_and_changes_nothing),
	};

	return cmocka_run_group_tests_name("flow_strict", tests, NULL, NULL);
}
