// SPDX-License-Identifier: MIT
/*
 * test_sim_device.c - proves V1, V2 of sim/sim_device.c, and what attach and detach promise
 */
#include "test_sim_machine.h"

#include <pthread.h>

#define IOVA GIB(1)

static void test_devices_get_different_numbers_and_unknown_ones_are_enoent(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_sim_agent *agent;
	uint32_t second;

	assert_int_equal(m->ops->device_add(m->sim, &desc, &second), 0);
	assert_int_not_equal(second, m->device);
	m->ops->device_remove(m->sim, second);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, second), -ENOENT);
	assert_int_equal(dmp_sim_agent_create(m->sim, second, &agent), -ENOENT);
	assert_int_equal(dmp_sim_agent_create(m->sim, UINT32_MAX, &agent), -ENOENT);
	m->ops->device_remove(m->sim, second);
	assert_non_null(strstr(m->log, "does not exist"));
}

/* Memory at 2 GiB is at 1 MiB on its bus; behind a passthrough domain it is where it is. */
static void test_a_range_moves_what_a_device_reaches_until_it_has_a_domain(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc),
				     .range_phys = GIB(2),
				     .range_addr = MIB(1),
				     .range_len = PAGE};
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	struct dmp_sim_agent *agent;
	unsigned char *mem, byte = 0;
	uint32_t device;
	void *at, *dom;

	assert_int_equal(m->ops->phys_to_buf(m->sim, GIB(2), PAGE, &at), 0);
	mem = at;
	mem[PAGE - 1] = 0x42;
	assert_int_equal(m->ops->device_add(m->sim, &desc, &device), 0);
	assert_int_equal(dmp_sim_agent_create(m->sim, device, &agent), 0);
	assert_int_equal(dmp_sim_agent_read(agent, MIB(1) + PAGE - 1, &byte, 1), 0);
	assert_int_equal(byte, 0x42);
	assert_int_equal(dmp_sim_agent_read(agent, MIB(1) + PAGE, &byte, 1), -EFAULT);
	assert_int_equal(dmp_sim_agent_read(agent, MIB(1) - 1, &byte, 1), -EFAULT);
	assert_int_equal(dmp_sim_agent_read(agent, GIB(2), &byte, 1), -EFAULT);
	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_PASSTHROUGH, &dom, &info), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, dom, device), 0);
	assert_int_equal(dmp_sim_agent_read(agent, GIB(2) + PAGE - 1, &byte, 1), 0);
	m->ops->domain_detach(m->sim, dom, device);
	m->ops->domain_destroy(m->sim, dom);
	dmp_sim_agent_destroy(agent);
	m->ops->device_remove(m->sim, device);
}

static void test_a_range_of_part_of_a_page_is_refused(void **state)
{
	struct machine *m = *state;
	const struct dmp_hw_device rows[] = {
		{.size = sizeof(rows[0]), .range_phys = 1, .range_len = PAGE},
		{.size = sizeof(rows[0]), .range_addr = 2048, .range_len = PAGE},
		{.size = sizeof(rows[0]), .range_len = PAGE + 1},
	};
	uint32_t device = 7;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(m->ops->device_add(m->sim, &rows[i], &device), -EINVAL);
	assert_int_equal(device, 7);
}

static void test_a_device_has_one_domain_at_a_time(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	void *other;

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_PASSTHROUGH, &other, &info), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, other, m->device), -EBUSY);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), -EBUSY);
	m->ops->domain_detach(m->sim, other, m->device);
	assert_non_null(strstr(m->log, "not attached here"));
	m->ops->domain_destroy(m->sim, other);
}

static void test_a_domain_with_devices_is_not_destroyed(void **state)
{
	struct machine *m = *state;

	m->ops->domain_destroy(m->sim, m->dom);
	assert_non_null(strstr(m->log, "while devices are attached"));
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
}

static void test_info_is_filled_as_far_as_the_caller_knows_it(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = 16, .aperture_end = 77};
	void *other;

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &other, &info), 0);
	assert_int_equal(info.page_sizes, m->sim->format.page_sizes);
	assert_int_equal(info.size, 16);
	assert_int_equal(info.aperture_end, 77);
	m->ops->domain_destroy(m->sim, other);
}

static void test_detach_removes_the_entries_of_the_domain(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	unsigned char byte;

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	assert_int_equal(machine_stats(m).invalidations, 0);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(machine_stats(m).iotlb_misses, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_a_machine_that_is_full_of_devices_answers_enomem(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	static uint32_t ids[SIM_DEVICES];
	uint32_t n = 0, id = 77;
	int err;

	while ((err = m->ops->device_add(m->sim, &desc, &id)) == 0)
		ids[n++] = id;
	assert_int_equal(err, -ENOMEM);
	assert_int_equal(n, SIM_DEVICES - 1); /* and the fixture's */
	while (n-- > 0)
		m->ops->device_remove(m->sim, ids[n]);
}

static void test_a_removed_device_reaches_nothing(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_sim_agent *agent;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	unsigned char byte;
	uint32_t second;

	assert_int_equal(m->ops->device_add(m->sim, &desc, &second), 0);
	assert_int_equal(dmp_sim_agent_create(m->sim, second, &agent), 0);
	assert_int_equal(dmp_sim_agent_read(agent, phys, &byte, 1), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, second), 0);
	m->ops->device_remove(m->sim, second);
	assert_non_null(strstr(m->log, "removed while attached"));
	assert_int_equal(dmp_sim_agent_read(agent, phys, &byte, 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	dmp_sim_agent_destroy(agent);
	m->ops->mem_free(m->sim, phys, 0);
}

/* The device reads all the time while its domain is taken away, destroyed and made anew. */
struct churn {
	struct machine *m;
	DMP_ATOMIC(uint32_t) stop;
};

static void *read_always(void *arg)
{
	struct churn *churn = arg;
	unsigned char bytes[64];

	while (!load_relaxed(&churn->stop))
		(void)dmp_sim_agent_read(churn->m->agent, IOVA, bytes, sizeof(bytes));
	return NULL;
}

static void test_a_domain_can_be_destroyed_while_its_device_goes_on(void **state)
{
	struct machine *m = *state;
	struct churn churn = {.m = m};
	pthread_t thread;

	m->ops->domain_detach(m->sim, m->dom, m->device);
	m->ops->domain_destroy(m->sim, m->dom);
	assert_int_equal(pthread_create(&thread, NULL, read_always, &churn), 0);
	for (unsigned round = 0; round < 500; round++) {
		machine_add_domain(m);
		assert_int_equal(machine_map(m, IOVA, GIB(3), PAGE, 1, RW), 0);
		assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
		for (unsigned i = 0; i < 50; i++)
			dmp_cpu_relax();
		m->ops->domain_detach(m->sim, m->dom, m->device);
		m->ops->domain_destroy(m->sim, m->dom);
	}
	store_relaxed(&churn.stop, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(machine_stats(m).stale_accesses, 0);
	machine_add_domain(m);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

static void test_the_check_finds_a_wrong_count_and_a_wrong_route(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	struct sim_device *dev = sim_device_find(m->sim, m->device);

	dom->nattached++;
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	dom->nattached--;
	store_release(&dev->tag, dom->id + 1);
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	store_release(&dev->tag, dom->id);
}

static void test_the_root_of_a_device_is_its_domains_or_none(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	dmp_phys_t root = 77;

	assert_int_equal(dmp_sim_device_root(m->sim, m->device, &root), 0);
	assert_int_equal(root, dom->root);
	root = 77;
	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(dmp_sim_device_root(m->sim, m->device, &root), -ENOENT);
	assert_int_equal(dmp_sim_device_root(m->sim, m->device + 1, &root), -ENOENT);
	assert_int_equal(dmp_sim_device_root(m->sim, UINT32_MAX, &root), -ENOENT);
	assert_int_equal(root, 77);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_devices_get_different_numbers_and_unknown_ones_are_enoent),
		TEST(test_a_range_moves_what_a_device_reaches_until_it_has_a_domain),
		TEST(test_a_range_of_part_of_a_page_is_refused),
		TEST(test_a_device_has_one_domain_at_a_time),
		TEST(test_a_domain_with_devices_is_not_destroyed),
		TEST(test_info_is_filled_as_far_as_the_caller_knows_it),
		TEST(test_detach_removes_the_entries_of_the_domain),
		TEST(test_a_machine_that_is_full_of_devices_answers_enomem),
		TEST(test_a_removed_device_reaches_nothing),
		TEST(test_a_domain_can_be_destroyed_while_its_device_goes_on),
		TEST(test_the_check_finds_a_wrong_count_and_a_wrong_route),
		TEST(test_the_root_of_a_device_is_its_domains_or_none),
	};

	return cmocka_run_group_tests_name("sim_device", tests, NULL, NULL);
}
