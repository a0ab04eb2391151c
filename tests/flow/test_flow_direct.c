// SPDX-License-Identifier: MIT
/*
 * test_flow_direct.c - the direct route over the whole path: driver, library, machine, device
 *
 * Proves: a device reaches what is mapped and nothing else; its mask decides; each mistake
 * has its errno and changes nothing.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/harness.h>

#define LEN 6000u

static void test_device_writes_land_in_the_buffer(void **state)
{
	unsigned char data[LEN], *buf;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false));
	memset(data, 0xd1, LEN);
	buf = fixture_ram(&f, LEN, 0);
	assert_int_equal(dmp_dma_map(f.dev, buf, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_memory_equal(buf, data, LEN);
	fixture_ram_free(&f, buf, LEN);
	fixture_teardown(&f);
}

static void test_device_reads_what_the_cpu_wrote(void **state)
{
	unsigned char data[LEN], *buf;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false));
	buf = fixture_ram(&f, LEN, 0xc3);
	assert_int_equal(dmp_dma_map(f.dev, buf, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
	assert_memory_equal(buf, data, LEN);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	fixture_ram_free(&f, buf, LEN);
	fixture_teardown(&f);
}

static void test_heap_buffer_is_reached_while_it_is_mapped(void **state)
{
	unsigned char heap[LEN], data[LEN];
	struct fixture f;
	struct dmp_fault fault;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false));
	memset(data, 0x77, LEN);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), 0);
	assert_memory_equal(heap, data, LEN);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, LEN), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_BUS);
	assert_int_equal(fault.addr, addr);
	fixture_teardown(&f);
}

static void test_heap_address_that_was_never_mapped_is_a_bus_error(void **state)
{
	unsigned char heap[64] = {0}, data[64];
	struct fixture f;
	struct dmp_fault fault;
	dmp_addr_t addr = (uintptr_t)heap + DMP_SIM_HOST_OFFSET;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false));
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, sizeof(data)), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_BUS);
	assert_int_equal(fault.device, dmp_device_id(f.dev));
	assert_int_equal(fixture_fault(&f, &fault), -1);
	fixture_teardown(&f);
}

static void test_heap_buffer_is_beyond_a_32_bit_device(void **state)
{
	unsigned char heap[64];
	void *ram;
	struct fixture f;
	dmp_addr_t addr = 7;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false, .device.dma_mask = DMP_MASK(32)));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	assert_int_equal(fixture_log_lines(DMP_LOG_WARN), 1);
	ram = fixture_ram(&f, 64, 0);
	if (dmp_dma_map(f.dev, ram, 64, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &addr) == 0)
		assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), 0);
	fixture_ram_free(&f, ram, 64);
	fixture_teardown(&f);
}

static void test_machine_without_iommu_works_directly(void **state)
{
	unsigned char heap[LEN], data[LEN];
	struct dmp_domain *dom = NULL;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.sim_flags = DMP_SIM_NO_IOMMU));
	assert_false(dmp_hw_has_iommu(f.hw));
	assert_int_equal(dmp_domain_create(f.hw, NULL, &dom), -ENOTSUP);
	memset(heap, 0x3c, LEN);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
	assert_memory_equal(heap, data, LEN);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	fixture_teardown(&f);
}

/* One mistake after the other against one live mapping: it survives them all. */
static void test_misuse_has_its_errno_and_changes_nothing(void **state)
{
	unsigned char heap[256], other[256];
	struct dmp_device_stats before, after;
	struct fixture f;
	dmp_addr_t addr, none = 7;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = false));
	assert_int_equal(dmp_dma_map(f.dev, heap, 256, DMP_TO_DEVICE, 0, &addr), 0);
	dmp_device_get_stats(f.dev, &before, sizeof(before));
	assert_int_equal(dmp_dma_map(f.dev, other, 0, DMP_TO_DEVICE, 0, &none), -EINVAL);
	assert_int_equal(dmp_dma_map(f.dev, other, 8, (enum dmp_dir)7, 0, &none), -EINVAL);
	assert_int_equal(dmp_dma_map(f.dev, other, 8, DMP_TO_DEVICE, 1u << 31, &none), -EINVAL);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 0, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dmp_dma_unmap(f.dev, addr + 256, 256, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 128, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_dma_sync_for_cpu(f.dev, addr, 0, DMP_TO_DEVICE), -EINVAL);
	assert_int_equal(dmp_device_destroy(f.dev), -EBUSY);
	dmp_device_get_stats(f.dev, &after, sizeof(after));
	before.map_failures += 3;
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(none, 7);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 256, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 256, DMP_TO_DEVICE, 0), -ENOENT);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_writes_land_in_the_buffer),
		cmocka_unit_test(test_device_reads_what_the_cpu_wrote),
		cmocka_unit_test(test_heap_buffer_is_reached_while_it_is_mapped),
		cmocka_unit_test(test_heap_address_that_was_never_mapped_is_a_bus_error),
		cmocka_unit_test(test_heap_buffer_is_beyond_a_32_bit_device),
		cmocka_unit_test(test_machine_without_iommu_works_directly),
		cmocka_unit_test(test_misuse_has_its_errno_and_changes_nothing),
	};

	return cmocka_run_group_tests_name("flow_direct", tests, NULL, NULL);
}
