// SPDX-License-Identifier: MIT
/*
 * test_flow_range.c - a device whose bus carries a part of memory, at other addresses, over the
 * whole path
 *
 *   memory   0 ........ 16 MiB |###################| 4 GiB .........
 *   bus             0x10000000 |###################|
 *
 * Proves: it is given addresses of its bus, and reads and writes there what the CPU has at others;
 * what lies outside bounces, or is -ERANGE; a domain makes the range meaningless.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/bits.h>

#define LEN   6000u
#define PHYS  (UINT64_C(16) << 20)
#define ADDR  UINT64_C(0x10000000)
#define BYTES ((UINT64_C(4) << 30) - PHYS)

#define RANGED(...)                                                                                \
	FIXTURE(.device.range_phys = PHYS, .device.range_addr = ADDR, .device.range_len = BYTES,   \
		.swiotlb.slots = 512, .swiotlb.areas = 1, __VA_ARGS__)

static void fill(unsigned char *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(seed + i * 7);
}

static bool on_bus(dmp_addr_t addr, uint64_t len)
{
	return addr >= ADDR && addr + len - 1 <= ADDR + (BYTES - 1);
}

/* Both directions of @buf, and a part of it in turn. */
static void check_bytes(struct fixture *f, unsigned char *buf)
{
	unsigned char data[LEN], sent[LEN];
	dmp_addr_t addr;

	fill(buf, LEN, 3);
	fill(sent, LEN, 99);
	assert_int_equal(dmp_dma_map(f->dev, buf, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_int_equal(on_bus(addr, LEN), f->dom == NULL);
	assert_int_equal(dmp_sim_agent_read(f->agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	assert_int_equal(dmp_sim_agent_write(f->agent, addr, sent, LEN), 0);
	assert_int_equal(dmp_dma_sync_for_cpu(f->dev, addr + 100, 50, DMP_BIDIRECTIONAL), 0);
	assert_memory_equal(buf + 100, sent + 100, 50);
	assert_int_equal(dmp_dma_sync_for_device(f->dev, addr + 100, 50, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_dma_unmap(f->dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_memory_equal(buf, sent, LEN);
}

/* Slots lie below 4 GiB. */
static void test_heap_memory_bounces_into_the_range(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;

	(void)state;
	fixture_setup(&f, &RANGED(.bounces = true));
	check_bytes(&f, heap);
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

static void test_coherent_memory_has_an_address_of_the_bus(void **state)
{
	unsigned char data[LEN];
	struct fixture f;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	fixture_setup(&f, &RANGED());
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), 0);
	assert_true(on_bus(addr, LEN));
	fill(buf, LEN, 5);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), 0);
	fixture_teardown(&f);
}

static void test_memory_of_the_range_is_used_in_place_at_its_bus_address(void **state)
{
	struct fixture f;
	dmp_addr_t addr, coherent;
	void *buf;

	(void)state;
	fixture_setup(&f, &RANGED());
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &coherent), 0);
	assert_int_equal(dmp_dma_map(f.dev, buf, 100, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(addr, coherent);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, coherent), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 100, DMP_TO_DEVICE, 0), 0);
	fixture_teardown(&f);
}

static void test_without_slots_memory_outside_is_erange(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;
	dmp_addr_t addr = 7;

	(void)state;
	fixture_setup(&f, &RANGED());
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	fixture_teardown(&f);
}

/* Slots that its bus does not carry: taken and given back. */
static void test_slots_outside_are_erange_and_free_again(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;
	dmp_addr_t addr = 7;

	(void)state;
	fixture_setup(&f, &FIXTURE(.device.range_phys = 1 << 20, .device.range_addr = 1 << 20,
				   .device.range_len = 1 << 20, .bounces = true,
				   .swiotlb.slots = 512, .swiotlb.areas = 1));
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

/* The mask is one of bus addresses: slots below 4 GiB are above it there. */
static void test_slots_whose_bus_address_is_beyond_the_mask_are_erange(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;
	dmp_addr_t addr = 7;
	void *buf = NULL;

	(void)state;
	fixture_setup(&f,
		      &FIXTURE(.device.range_phys = PHYS, .device.range_addr = UINT64_C(1) << 32,
			       .device.range_len = BYTES, .device.dma_mask = DMP_MASK(32),
			       .bounces = true, .swiotlb.slots = 512, .swiotlb.areas = 1));
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), -ENOMEM);
	assert_int_equal(addr, 7);
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

static void test_coherent_memory_outside_is_enomem(void **state)
{
	struct fixture f;
	dmp_addr_t addr = 7;
	void *buf = NULL;

	(void)state;
	fixture_setup(&f,
		      &FIXTURE(.device.range_phys = UINT64_C(1) << 40, .device.range_len = PHYS));
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), -ENOMEM);
	assert_null(buf);
	assert_int_equal(addr, 7);
	fixture_teardown(&f);
}

static void test_behind_a_domain_there_is_no_range(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;

	(void)state;
	fixture_setup(&f, &RANGED(.translated = true));
	check_bytes(&f, heap);
	fixture_teardown(&f);
}

/* Each by itself, and unmapped at the addresses that the list was given. */
static void test_a_list_is_given_bus_addresses_too(void **state)
{
	unsigned char heap[3][LEN];
	struct fixture f;
	struct dmp_sg sg[3];
	size_t n;

	(void)state;
	fixture_setup(&f, &RANGED(.bounces = true));
	for (size_t i = 0; i < 3; i++)
		sg[i] = (struct dmp_sg){.buf = heap[i], .len = LEN};
	assert_int_equal(dmp_dma_map_sg(f.dev, sg, 3, DMP_FROM_DEVICE, 0, &n), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(on_bus(sg[i].addr, LEN));
	assert_int_equal(dmp_dma_unmap_sg(f.dev, sg, 3, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

/* The device's own mistakes: below its range, above it, and at the address that the CPU uses. */
static void test_an_access_outside_of_the_range_is_a_bus_error(void **state)
{
	const dmp_addr_t outside[] = {ADDR - 1, ADDR + BYTES, PHYS};
	struct dmp_fault fault;
	unsigned char byte;
	struct fixture f;

	(void)state;
	fixture_setup(&f, &RANGED());
	assert_int_equal(dmp_sim_agent_read(f.agent, ADDR, &byte, 1), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, ADDR + BYTES - 1, &byte, 1), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(dmp_sim_agent_read(f.agent, outside[i], &byte, 1), -EFAULT);
		assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_BUS);
	}
	fixture_teardown(&f);
}

static void test_a_range_that_makes_no_sense_is_refused(void **state)
{
	struct dmp_device *dev = NULL;
	struct fixture f;

	(void)state;
	fixture_setup(&f, &RANGED());
	assert_int_equal(dmp_device_create(f.hw, &DMP_DEVICE_OPTS(.range_addr = ADDR), &dev),
			 -EINVAL);
	assert_int_equal(
		dmp_device_create(f.hw,
				  &DMP_DEVICE_OPTS(.range_phys = 100, .range_len = DMP_PAGE_BYTES),
				  &dev),
		-EINVAL);
	assert_null(dev);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heap_memory_bounces_into_the_range),
		cmocka_unit_test(test_coherent_memory_has_an_address_of_the_bus),
		cmocka_unit_test(test_memory_of_the_range_is_used_in_place_at_its_bus_address),
		cmocka_unit_test(test_without_slots_memory_outside_is_erange),
		cmocka_unit_test(test_slots_outside_are_erange_and_free_again),
		cmocka_unit_test(test_slots_whose_bus_address_is_beyond_the_mask_are_erange),
		cmocka_unit_test(test_coherent_memory_outside_is_enomem),
		cmocka_unit_test(test_behind_a_domain_there_is_no_range),
		cmocka_unit_test(test_a_list_is_given_bus_addresses_too),
		cmocka_unit_test(test_an_access_outside_of_the_range_is_a_bus_error),
		cmocka_unit_test(test_a_range_that_makes_no_sense_is_refused),
	};

	return cmocka_run_group_tests_name("flow_range", tests, NULL, NULL);
}
