// SPDX-License-Identifier: MIT
/*
 * test_flow_untrusted.c - a device that must see nothing but its buffers, over the whole path
 *
 * Proves: around a buffer that does not fill its granules the device reads zeros, and writes
 * nobody's bytes; whole granules are used in place; after the unmap it faults, in every domain
 * that it can be in, and the slots are free.
 */
#include "dmptest.h"

#include "fixture.h"
#include "rng.h"

#include <stdlib.h>

#define LEN  3000u
#define PAGE 4096u

#define SECRET 0x5e

#define UNTRUSTED                                                                                  \
	FIXTURE(.translated = true, .bounces = true, .swiotlb.slots = 512, .swiotlb.areas = 1,     \
		.device.flags = DMP_DEVICE_UNTRUSTED)

/* Has held a secret: in every slot, in the order that slots are given out. */
static void taint_pool(struct fixture *f)
{
	static unsigned char secret[DMP_SWIOTLB_MAX_BYTES - PAGE];
	dmp_addr_t addr;

	memset(secret, SECRET, sizeof(secret));
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(dmp_dma_map(f->dev, secret + 1, sizeof(secret) - 1, DMP_TO_DEVICE,
					     0, &addr),
				 0);
		assert_int_equal(dmp_dma_unmap(f->dev, addr, sizeof(secret) - 1, DMP_TO_DEVICE, 0),
				 0);
	}
}

/*
 *   granule   |0000####|####0000|      read whole, as a device does that does not keep to
 *                 ^ addr    ^ + len    what it was given
 */
static void check_granules(struct fixture *f, unsigned char *buf, uint64_t len)
{
	unsigned char seen[4 * PAGE];
	uint64_t before, end;
	dmp_addr_t addr;

	assert_int_equal(dmp_dma_map(f->dev, buf, len, DMP_BIDIRECTIONAL, 0, &addr), 0);
	before = addr % PAGE;
	end = (before + len + PAGE - 1) / PAGE * PAGE;
	assert_int_equal(dmp_sim_agent_read(f->agent, addr - before, seen, end), 0);
	for (uint64_t i = 0; i < end; i++)
		assert_int_equal(seen[i], i >= before && i < before + len ? buf[i - before] : 0);
	assert_int_equal(dmp_dma_unmap(f->dev, addr, len, DMP_BIDIRECTIONAL, 0), 0);
	assert_int_equal(fixture_slots(f), 0);
}

static void test_padding_reads_as_zeros_and_never_as_a_neighbours_bytes(void **state)
{
	const uint64_t masks[] = {0, 0x1ff, 0x7ff, 0xfff};
	struct rng rng = rng_seeded(rng_seed_from_env(5));
	unsigned char heap[4 * PAGE];

	(void)state;
	for (size_t m = 0; m < 4; m++) {
		struct fixture_want want = UNTRUSTED;
		struct fixture f;

		want.device.min_align_mask = masks[m];
		fixture_setup(&f, &want);
		taint_pool(&f);
		for (unsigned turn = 0; turn < 60; turn++) {
			uint64_t off = rng_range(&rng, 0, PAGE - 1);
			uint64_t len = rng_range(&rng, 1, 2 * PAGE);

			memset(heap, SECRET, sizeof(heap));
			memset(heap + off, 1 + (int)turn, len);
			check_granules(&f, heap + off, len);
		}
		fixture_teardown(&f);
	}
}

/* What the device writes beside its buffer lands in zeros that nobody reads. */
static void test_writes_beside_the_buffer_reach_nobody(void **state)
{
	unsigned char heap[3 * PAGE], data[PAGE];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &UNTRUSTED);
	memset(heap, 0x11, sizeof(heap));
	memset(data, 0xdd, sizeof(data));
	assert_int_equal(dmp_dma_map(f.dev, heap + PAGE + 7, LEN, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr - addr % PAGE, data, PAGE), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_FROM_DEVICE, 0), 0);
	for (size_t i = 0; i < sizeof(heap); i++)
		assert_int_equal(heap[i], i >= PAGE + 7 && i < PAGE + 7 + LEN ? 0xdd : 0x11);
	fixture_teardown(&f);
}

static void test_whole_granules_are_used_in_place(void **state)
{
	unsigned char data[2 * PAGE], *ram;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &UNTRUSTED);
	ram = fixture_ram(&f, 2 * PAGE, 0);
	memset(data, 0xdd, sizeof(data));
	assert_int_equal(dmp_dma_map(f.dev, ram, 2 * PAGE, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(fixture_slots(&f), 0);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, sizeof(data)), 0);
	assert_memory_equal(ram, data, sizeof(data));
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 2 * PAGE, DMP_FROM_DEVICE, 0), 0);
	fixture_ram_free(&f, ram, 2 * PAGE);
	fixture_teardown(&f);
}

/*
 * The device has just used the address, so its IOTLB knows it.  What it would reach there is
 * somebody else's by then: a slot, or the page itself.
 */
static void check_after_unmap(uint64_t len, uint64_t slots)
{
	unsigned char data[PAGE], *ram;
	struct dmp_sim_stats stats;
	struct dmp_fault fault;
	struct fixture f;
	dmp_addr_t addr;

	fixture_setup(&f, &UNTRUSTED);
	ram = fixture_ram(&f, PAGE, 1);
	assert_int_equal(dmp_dma_map(f.dev, ram, len, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, len), 0);
	assert_int_equal(fixture_slots(&f), slots);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, len, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(fixture_slots(&f), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, len), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(dmp_sim_get_stats(f.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.stale_accesses, 0);
	fixture_ram_free(&f, ram, PAGE);
	fixture_teardown(&f);
}

static void test_access_after_unmap_faults_and_the_slots_are_free(void **state)
{
	(void)state;
	check_after_unmap(LEN, 2);
}

static void test_access_after_unmap_faults_in_place_as_well(void **state)
{
	(void)state;
	check_after_unmap(PAGE, 0);
}

/* For a while that access would hit there. */
static void test_domain_of_the_device_is_never_lazy(void **state)
{
	struct dmp_domain *lazy;
	struct fixture f;

	(void)state;
	fixture_setup(&f, &UNTRUSTED);
	assert_int_equal(dmp_domain_set_flush(f.dom, DMP_FLUSH_LAZY), -EBUSY);
	assert_int_equal(dmp_domain_create(f.hw, &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY), &lazy),
			 0);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_device_attach(f.dev, lazy), -EINVAL);
	assert_int_equal(dmp_device_attach(f.dev, f.dom), 0);
	assert_int_equal(dmp_domain_destroy(lazy), 0);
	fixture_teardown(&f);
}

static void test_device_works_within_its_mask(void **state)
{
	unsigned char heap[LEN], data[LEN];
	struct fixture_want want = UNTRUSTED;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	want.device.dma_mask = DMP_MASK(24);
	fixture_setup(&f, &want);
	memset(heap, 0x3c, LEN);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
	assert_memory_equal(data, heap, LEN);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_padding_reads_as_zeros_and_never_as_a_neighbours_bytes),
		cmocka_unit_test(test_writes_beside_the_buffer_reach_nobody),
		cmocka_unit_test(test_whole_granules_are_used_in_place),
		cmocka_unit_test(test_access_after_unmap_faults_and_the_slots_are_free),
		cmocka_unit_test(test_access_after_unmap_faults_in_place_as_well),
		cmocka_unit_test(test_domain_of_the_device_is_never_lazy),
		cmocka_unit_test(test_device_works_within_its_mask),
	};

	return cmocka_run_group_tests_name("flow_untrusted", tests, NULL, NULL);
}
