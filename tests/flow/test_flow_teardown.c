// SPDX-License-Identifier: MIT
/*
 * test_flow_teardown.c - things go in one order only, and each refusal leaves all usable
 *
 *   machine <- domain <- device attached <- mappings
 *           <- device <- agent
 */
#include "dmptest.h"

#include "fixture.h"

#define PAGE 4096u

static void test_everything_refuses_to_go_before_what_stands_on_it(void **state)
{
	unsigned char heap[64], data[64];
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_FROM_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_destroy(f.sim), -EBUSY);
	assert_int_equal(dmp_domain_destroy(f.dom), -EBUSY);
	assert_int_equal(dmp_device_destroy(f.dev), -EBUSY);
	assert_int_equal(dmp_device_detach(f.dev), -EBUSY);
	memset(data, 1, 64);
	assert_int_equal(dmp_sim_agent_write(f.agent, addr, data, 64), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_FROM_DEVICE, 0), 0);
	assert_int_equal(dmp_domain_destroy(f.dom), -EBUSY);
	assert_int_equal(dmp_device_destroy(f.dev), -EBUSY);
	fixture_teardown(&f);
}

static void test_device_moves_between_domains_and_directness(void **state)
{
	unsigned char heap[64], data[64];
	struct dmp_domain *other;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	memset(heap, 0x19, 64);
	assert_int_equal(dmp_domain_create(f.hw, NULL, &other), 0);
	assert_int_equal(dmp_device_attach(f.dev, other), -EBUSY);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_device_attach(f.dev, other), 0);
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, data, 64), 0);
	assert_memory_equal(heap, data, 64);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_device_detach(f.dev), -ENOENT);
	assert_int_equal(dmp_domain_check(other), 0);
	assert_int_equal(dmp_domain_destroy(other), 0);
	assert_int_equal(dmp_device_attach(f.dev, f.dom), 0);
	fixture_teardown(&f);
}

static uint64_t tables_in_use(struct fixture *f)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(f->sim, &stats, sizeof(stats)), 0);
	return stats.tables_allocated - stats.tables_freed;
}

/* Page tables filled and emptied over and over: empty ones are used again, so the first round
 * needs as many as all, and the domain's end gives every one back. */
static void test_long_use_leaves_no_table_behind(void **state)
{
	uint64_t after_first = 0;
	struct fixture f;
	dmp_addr_t addr[32];
	void *ram;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	ram = fixture_ram(&f, 64 * PAGE, 0);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 32; i++)
			assert_int_equal(dmp_dma_map(f.dev, ram, (uint64_t)(i + 1) * 2 * PAGE,
						     DMP_TO_DEVICE, 0, &addr[i]),
					 0);
		fixture_check(&f, 32);
		for (int i = 0; i < 32; i++)
			assert_int_equal(dmp_dma_unmap(f.dev, addr[i], (uint64_t)(i + 1) * 2 * PAGE,
						       DMP_TO_DEVICE, 0),
					 0);
		fixture_check(&f, 0);
		if (round == 0)
			after_first = tables_in_use(&f);
		assert_int_equal(tables_in_use(&f), after_first);
	}
	fixture_ram_free(&f, ram, 64 * PAGE);
	assert_true(after_first > 0);
	assert_int_equal(dmp_device_detach(f.dev), 0);
	assert_int_equal(dmp_domain_destroy(f.dom), 0);
	f.dom = NULL;
	assert_int_equal(tables_in_use(&f), 0);
	fixture_teardown(&f);
}

/* A machine whose flush got stuck: the address is lost, the machine is not. */
static void test_stuck_flush_ends_with_the_domain(void **state)
{
	unsigned char heap[64];
	struct fixture f;
	dmp_addr_t addr, next;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true));
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_fail(f.sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0), 0);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), -ETIMEDOUT);
	assert_int_equal(dmp_dma_unmap(f.dev, addr, 64, DMP_TO_DEVICE, 0), -ENOENT);
	assert_int_equal(dmp_dma_map(f.dev, heap, 64, DMP_TO_DEVICE, 0, &next), 0);
	assert_int_not_equal(next, addr);
	assert_int_equal(dmp_dma_unmap(f.dev, next, 64, DMP_TO_DEVICE, 0), 0);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_refuses_to_go_before_what_stands_on_it),
		cmocka_unit_test(test_device_moves_between_domains_and_directness),
		cmocka_unit_test(test_long_use_leaves_no_table_behind),
		cmocka_unit_test(test_stuck_flush_ends_with_the_domain),
	};

	return cmocka_run_group_tests_name("flow_teardown", tests, NULL, NULL);
}
