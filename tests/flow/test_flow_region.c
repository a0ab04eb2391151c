// SPDX-License-Identifier: MIT
/*
 * test_flow_region.c - regions of a simulated machine's devices: what an agent reaches, and which
 * addresses buffers get
 *
 *      0       RAM                         4 GiB
 *      |---|dddd|-------------------|mm|----|     dddd direct: the firmware's, used unasked
 *                                                 mm   interrupts: no buffer there
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/bits.h>

#define PAGE   4096u
#define MSI    0xfee00000u
#define MSILEN 0x100000u

static void set_regions(struct fixture *f, uint64_t direct)
{
	const struct dmp_hw_region regions[] = {
		{.size = sizeof(regions[0]),
		 .kind = DMP_REGION_DIRECT,
		 .start = direct,
		 .len = 2 * PAGE,
		 .prot = DMP_PROT_READ | DMP_PROT_WRITE},
		{.size = sizeof(regions[0]), .kind = DMP_REGION_MSI, .start = MSI, .len = MSILEN},
	};

	assert_int_equal(dmp_device_detach(f->dev), 0);
	assert_int_equal(dmp_sim_set_regions(f->sim, dmp_device_id(f->dev), regions, 2), 0);
	assert_int_equal(dmp_device_attach(f->dev, f->dom), 0);
}

/* Memory that the device uses from the beginning, as a display does its frame buffer. */
static dmp_phys_t firmware_memory(struct fixture *f, unsigned char **mem)
{
	dmp_phys_t phys = 0;

	*mem = fixture_ram(f, 2 * PAGE, 0);
	while (dmp_sim_ram(f->sim, phys, 1) != *mem)
		phys += PAGE;
	return phys;
}

static void test_a_device_uses_its_direct_region_before_anything_is_mapped(void **state)
{
	const unsigned char data[] = "scan-out";
	unsigned char back[sizeof(data)], *mem;
	struct fixture f;
	dmp_phys_t phys;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	phys = firmware_memory(&f, &mem);
	assert_int_equal(dmp_sim_agent_write(f.agent, phys, data, sizeof(data)), -EFAULT);
	set_regions(&f, phys);
	assert_int_equal(dmp_sim_agent_write(f.agent, phys + PAGE - 4, data, sizeof(data)), 0);
	assert_memory_equal(mem + PAGE - 4, data, sizeof(data));
	assert_int_equal(dmp_sim_agent_read(f.agent, phys + PAGE - 4, back, sizeof(back)), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, phys + 2 * PAGE, data, 1), -EFAULT);
	assert_int_equal(dmp_dma_unmap(f.dev, phys, PAGE, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_sim_agent_write(f.agent, phys, data, sizeof(data)), 0);
	fixture_ram_free(&f, mem, 2 * PAGE);
	fixture_teardown(&f);
}

/*
 * Addresses below 4 GiB are given out downwards: 17 MiB above the window, and then below it
 *
 *        ... [ buffers ]   MSI window   [ 17 buffers ] 4 GiB
 */
static void test_buffers_lie_around_the_interrupt_window(void **state)
{
	enum { N = 32, MIB = 1 << 20 };
	unsigned char *mem, *firmware;
	dmp_addr_t addr[N];
	struct fixture f;
	dmp_phys_t phys;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true, .device.flags = DMP_DEVICE_FIRST_32BIT));
	phys = firmware_memory(&f, &firmware);
	set_regions(&f, phys);
	mem = fixture_ram(&f, MIB, 0);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(dmp_dma_map(f.dev, mem, MIB, DMP_TO_DEVICE, 0, &addr[i]), 0);
		assert_true(addr[i] + MIB <= MSI || addr[i] >= MSI + MSILEN);
		assert_true(addr[i] < UINT64_C(1) << 32);
	}
	assert_int_equal(addr[16], MSI + MSILEN);
	assert_int_equal(addr[17], MSI - MIB);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(dmp_dma_unmap(f.dev, addr[i], MIB, DMP_TO_DEVICE, 0), 0);
	fixture_ram_free(&f, mem, MIB);
	fixture_ram_free(&f, firmware, 2 * PAGE);
	fixture_teardown(&f);
}

/* A live mapping where the device that comes has a region: it does not come. */
static void test_a_device_whose_region_is_in_use_stays_outside(void **state)
{
	struct dmp_hw_region region = {.size = sizeof(region), .kind = DMP_REGION_RESERVED};
	unsigned char heap[64], data[64];
	struct dmp_device *other;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_device_create(f.hw, NULL, &other), 0);
	region.start = addr;
	region.len = 1;
	assert_int_equal(dmp_sim_set_regions(f.sim, dmp_device_id(other), &region, 1), 0);
	assert_int_equal(dmp_device_attach(other, f.dom), -EBUSY);
	memset(data, 0x77, 64);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, 64), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_FROM_DEVICE, 0), 0);
	assert_memory_equal(heap, data, 64);
	assert_int_equal(dmp_device_attach(other, f.dom), -EBUSY); /* the first is there */
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_device_attach(other, f.dom), 0);
	assert_int_equal(dmp_device_attach(f.dev, f.dom), 0);
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_not_equal(addr & ~UINT64_C(0xfff), region.start & ~UINT64_C(0xfff));
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(dmp_device_detach(other), 0);
	assert_int_equal(dmp_device_destroy(other), 0);
	fixture_teardown(&f);
}

/* Behind an identity domain every address leads to itself: nothing is kept, nothing is refused. */
static void test_an_identity_domain_has_no_use_for_regions(void **state)
{
	struct dmp_hw_region region;
	struct dmp_domain *identity;
	struct fixture f;
	unsigned char *mem, byte = 3;
	dmp_phys_t phys;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	phys = firmware_memory(&f, &mem);
	set_regions(&f, phys);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(
		dmp_domain_create(f.hw, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_IDENTITY), &identity),
		0);
	assert_int_equal(dmp_device_attach(f.dev, identity), 0);
	assert_int_equal(dmp_domain_region(identity, 0, &region), -ENOENT);
	assert_int_equal(dmp_sim_agent_write(f.agent, phys, &byte, 1), 0);
	assert_int_equal(mem[0], 3);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_domain_destroy(identity), 0);
	assert_int_equal(dmp_device_attach(f.dev, f.dom), 0);
	fixture_ram_free(&f, mem, 2 * PAGE);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_device_uses_its_direct_region_before_anything_is_mapped),
		cmocka_unit_test(test_buffers_lie_around_the_interrupt_window),
		cmocka_unit_test(test_a_device_whose_region_is_in_use_stays_outside),
		cmocka_unit_test(test_an_identity_domain_has_no_use_for_regions),
	};

	return cmocka_run_group_tests_name("flow_region", tests, NULL, NULL);
}
