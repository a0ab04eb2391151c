// SPDX-License-Identifier: MIT
/*
 * test_flow_identity.c - a device behind an identity domain, over the whole path
 *
 * Proves: its addresses are physical, at no cost in tables or invalidations; what is beyond its
 * mask bounces; maps, lists, syncs and coherent memory work, and the device reads and writes
 * through them; a machine that lets nobody near without a domain lets it; what has no sense there
 * is refused.
 */
#include "dmptest.h"

#include "double_hw.h"
#include "fixture.h"

#include <dmapool/bits.h>

#define LEN 6000u

#define IDENTITY(...)                                                                              \
	FIXTURE(.translated = true, .domain.flags = DMP_DOMAIN_IDENTITY,                           \
		.sim_flags = DMP_SIM_REQUIRE_DOMAIN, .swiotlb.slots = 512, .swiotlb.areas = 1,     \
		__VA_ARGS__)

static void fill(unsigned char *buf, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(seed + i * 7);
}

/* What a device without any limit or domain is given. */
static dmp_phys_t phys_of(struct fixture *f, void *buf, uint64_t len)
{
	struct dmp_device *open;
	dmp_addr_t addr = 0;

	assert_int_equal(dmp_device_create(f->hw, NULL, &open), 0);
	assert_int_equal(dmp_dma_map(open, buf, len, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(open, addr, len, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_destroy(open), 0);
	return addr;
}

static struct dmp_sim_stats sim_stats(struct fixture *f)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(f->sim, &stats, sizeof(stats)), 0);
	return stats;
}

/* Both directions of @buf, and a part of it in turn; returns the address that it had. */
static dmp_addr_t check_bytes(struct fixture *f, unsigned char *buf)
{
	unsigned char data[LEN], sent[LEN];
	dmp_addr_t addr;

	fill(buf, LEN, 3);
	fill(sent, LEN, 99);
	assert_int_equal(dmp_dma_map(f->dev, buf, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f->agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	assert_int_equal(dmp_sim_agent_write(f->agent, addr, sent, LEN), 0);
	assert_int_equal(dmp_dma_sync_for_cpu(f->dev, addr + 100, 50, DMP_BIDIRECTIONAL), 0);
	assert_memory_equal(buf + 100, sent + 100, 50);
	assert_int_equal(dmp_dma_sync_for_device(f->dev, addr + 100, 50, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_dma_unmap(f->dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_memory_equal(buf, sent, LEN);
	return addr;
}

static void test_addresses_are_physical_and_nothing_is_flushed(void **state)
{
	struct dmp_domain_stats stats;
	struct fixture f;
	void *ram;

	(void)state;
	fixture_setup(&f, &IDENTITY());
	ram = fixture_ram(&f, LEN, 0);
	assert_int_equal(check_bytes(&f, ram), phys_of(&f, ram, LEN));
	assert_int_equal(sim_stats(&f).invalidations, 0);
	assert_int_equal(sim_stats(&f).tables_allocated, 0);
	assert_int_equal(dmp_domain_get_stats(f.dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.maps + stats.unmaps + stats.flushes, 0);
	fixture_ram_free(&f, ram, LEN);
	fixture_teardown(&f);
}

static void test_memory_of_the_process_is_exposed_while_it_is_mapped(void **state)
{
	unsigned char heap[LEN], byte;
	struct dmp_fault fault;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &IDENTITY());
	addr = check_bytes(&f, heap);
	assert_int_equal(addr, phys_of(&f, heap, LEN));
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), -EFAULT);
	assert_int_equal(fixture_fault(&f, &fault), DMP_FAULT_BUS);
	fixture_teardown(&f);
}

static void test_what_is_beyond_the_mask_bounces(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;

	(void)state;
	fixture_setup(&f, &IDENTITY(.bounces = true, .device.dma_mask = DMP_MASK(32)));
	assert_true(check_bytes(&f, heap) <= DMP_MASK(32));
	assert_int_equal(fixture_slots(&f), 0);
	fixture_teardown(&f);
}

static void test_without_slots_what_is_beyond_the_mask_is_erange(void **state)
{
	unsigned char heap[LEN];
	dmp_addr_t addr = 7;
	struct fixture f;

	(void)state;
	fixture_setup(&f, &IDENTITY(.device.dma_mask = DMP_MASK(32)));
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(addr, 7);
	fixture_teardown(&f);
}

/* Its bus carries 1 MiB from 16 MiB on; behind the IOMMU it has all of memory. */
static void test_the_range_of_the_bus_is_no_limit(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;

	(void)state;
	fixture_setup(&f, &IDENTITY(.device.range_phys = UINT64_C(16) << 20,
				    .device.range_len = UINT64_C(1) << 20));
	assert_int_equal(check_bytes(&f, heap), phys_of(&f, heap, LEN));
	assert_int_equal(dmp_device_max_mapping(f.dev), UINT64_MAX);
	fixture_teardown(&f);
}

static void test_each_piece_of_a_list_is_where_it_is(void **state)
{
	unsigned char one[LEN], two[LEN], data[LEN];
	struct dmp_sg sg[2] = {{.buf = one, .len = LEN}, {.buf = two, .len = 100}};
	struct fixture f;
	size_t n = 0;

	(void)state;
	fixture_setup(&f, &IDENTITY());
	fill(one, LEN, 1);
	fill(two, LEN, 2);
	assert_int_equal(dmp_dma_map_sg(f.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(sg[0].addr, phys_of(&f, one, LEN));
	assert_int_equal(dmp_sim_agent_read(f.agent, sg[1].addr, data, 100), 0);
	assert_memory_equal(data, two, 100);
	assert_int_equal(dmp_dma_unmap_sg(f.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	fixture_teardown(&f);
}

static void test_coherent_memory_is_where_it_is(void **state)
{
	unsigned char data[LEN];
	struct fixture f;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	fixture_setup(&f, &IDENTITY(.device.dma_mask = DMP_MASK(32)));
	assert_int_equal(dmp_dma_alloc_coherent(f.dev, LEN, &buf, &addr), 0);
	assert_int_equal(addr, phys_of(&f, buf, LEN));
	fill(buf, LEN, 5);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	assert_int_equal(dmp_dma_free_coherent(f.dev, LEN, buf, addr), 0);
	fixture_teardown(&f);
}

static void test_the_device_stays_while_something_is_mapped_and_may_go_then(void **state)
{
	unsigned char heap[LEN];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &IDENTITY());
	assert_int_equal(dmp_device_attach(f.dev, f.dom), -EBUSY);
	assert_int_equal(dmp_dma_map(f.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_device_detach(f.dev), -EBUSY);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_destroy(f.dev), -EBUSY);
	assert_int_equal(dmp_domain_destroy(f.dom), -EBUSY);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_device_detach(f.dev), -ENOENT);
	assert_int_equal(dmp_device_attach(f.dev, f.dom), 0);
	fixture_teardown(&f);
}

static void test_an_untrusted_device_stays_away(void **state)
{
	struct dmp_domain *dom;
	struct fixture f;

	(void)state;
	fixture_setup(&f, &FIXTURE(.device.flags = DMP_DEVICE_UNTRUSTED));
	assert_int_equal(
		dmp_domain_create(f.hw, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_IDENTITY), &dom), 0);
	assert_int_equal(dmp_device_attach(f.dev, dom), -EINVAL);
	assert_int_equal(dmp_device_detach(f.dev), -ENOENT);
	assert_int_equal(dmp_domain_destroy(dom), 0);
	fixture_teardown(&f);
}

static void test_what_needs_addresses_of_its_own_is_einval(void **state)
{
	const struct dmp_phys_run run = {.phys = 0, .len = DMP_PAGE_BYTES};
	struct dmp_domain *dom = NULL;
	dmp_iova_t iova = 7;
	struct fixture f;
	dmp_phys_t phys;

	(void)state;
	fixture_setup(&f, &IDENTITY());
	assert_true(dmp_domain_is_identity(f.dom));
	assert_false(dmp_domain_is_identity(NULL));
	assert_null(dmp_domain_iova(f.dom));
	assert_int_equal(dmp_domain_granule(f.dom), 1);
	assert_int_equal(dmp_domain_map(f.dom, 0, DMP_PAGE_BYTES, DMP_PROT_READ, UINT64_MAX, &iova),
			 -EINVAL);
	assert_int_equal(dmp_domain_map_runs(f.dom, &run, 1, DMP_PROT_READ, UINT64_MAX, &iova),
			 -EINVAL);
	assert_int_equal(iova, 7);
	assert_int_equal(dmp_domain_unmap(f.dom, DMP_PAGE_BYTES, DMP_PAGE_BYTES), -EINVAL);
	assert_int_equal(dmp_domain_can_unmap(f.dom, DMP_PAGE_BYTES, DMP_PAGE_BYTES), -EINVAL);
	assert_int_equal(dmp_domain_reserve(f.dom, 0, 1), -EINVAL);
	assert_int_equal(dmp_domain_hold_strict(f.dom), -EINVAL);
	assert_int_equal(dmp_domain_iova_to_phys(f.dom, 4711, &phys), 0);
	assert_int_equal(phys, 4711);
	assert_int_equal(dmp_domain_flush(f.dom), 0);
	assert_int_equal(dmp_domain_commit(f.dom), 0);
	assert_int_equal(dmp_domain_create(f.hw,
					   &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_IDENTITY,
							    .policy = &dmp_iova_policy_linux),
					   &dom),
			 -EINVAL);
	for (int policy = DMP_FLUSH_LAZY; policy <= DMP_FLUSH_GUEST; policy++) {
		assert_int_equal(dmp_domain_create(f.hw,
						   &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_IDENTITY,
								    .flush = policy),
						   &dom),
				 -EINVAL);
		assert_int_equal(dmp_domain_set_flush(f.dom, policy), -EINVAL);
	}
	assert_int_equal(dmp_domain_set_flush(f.dom, DMP_FLUSH_STRICT), 0);
	assert_null(dom);
	fixture_teardown(&f);
}

/* One that does not translate at all, and one that does nothing else. */
static void test_a_machine_without_it_is_enotsup(void **state)
{
	const struct dmp_domain_opts opts = DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_IDENTITY);
	struct double_hw *d = double_hw_new();
	struct dmp_domain *dom = NULL;
	struct dmp_hw *hw;

	(void)state;
	assert_int_equal(double_hw_adopt(d, 0, &hw), 0);
	double_fail(d, DOUBLE_DOMAIN_CREATE, 1, -ENOTSUP);
	assert_int_equal(dmp_domain_create(hw, &opts, &dom), -ENOTSUP);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	double_hw_free(d);
	assert_int_equal(dmp_hw_host_create(NULL, &hw), 0);
	assert_int_equal(dmp_domain_create(hw, &opts, &dom), -ENOTSUP);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	assert_null(dom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_are_physical_and_nothing_is_flushed),
		cmocka_unit_test(test_memory_of_the_process_is_exposed_while_it_is_mapped),
		cmocka_unit_test(test_what_is_beyond_the_mask_bounces),
		cmocka_unit_test(test_without_slots_what_is_beyond_the_mask_is_erange),
		cmocka_unit_test(test_the_range_of_the_bus_is_no_limit),
		cmocka_unit_test(test_each_piece_of_a_list_is_where_it_is),
		cmocka_unit_test(test_coherent_memory_is_where_it_is),
		cmocka_unit_test(test_the_device_stays_while_something_is_mapped_and_may_go_then),
		cmocka_unit_test(test_an_untrusted_device_stays_away),
		cmocka_unit_test(test_what_needs_addresses_of_its_own_is_einval),
		cmocka_unit_test(test_a_machine_without_it_is_enotsup),
	};

	return cmocka_run_group_tests_name("flow_identity", tests, NULL, NULL);
}
