// SPDX-License-Identifier: MIT
/*
 * test_sim_devtlb.c - proves what sim/sim_devtlb.c says of devices that keep translations
 */
#include "test_sim_machine.h"

#include <pthread.h>

#define IOVA GIB(1)

static int setup_with(void **state, uint32_t flags)
{
	struct machine *m =
		machine_create(&DMP_SIM_OPTS(.devtlb_sets = 4, .devtlb_ways = 2, .flags = flags));

	machine_add_all(m);
	*state = m;
	return 0;
}

static int setup_ats(void **state)
{
	return setup_with(state, 0);
}

static int setup_separate(void **state)
{
	return setup_with(state, DMP_SIM_SEPARATE_DEVTLB);
}

static int read_at(struct machine *m, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, iova, &byte, 1);
}

static void test_a_translation_that_a_device_keeps_is_not_asked_for_again(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	m->sim->costs.devtlb_request = 300000;
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(read_at(m, IOVA + i), 0);
	assert_int_equal(machine_stats(m).devtlb_misses, 1);
	assert_int_equal(machine_stats(m).devtlb_hits, 4);
	assert_int_equal(machine_stats(m).iotlb_misses, 1);
	assert_int_equal(machine_stats(m).iotlb_hits, 0);
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_WALK], 300);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_a_device_that_keeps_more_than_it_has_room_for_asks_again(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 4, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 16, RW), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(read_at(m, IOVA + i * PAGE), 0);
	assert_int_equal(machine_stats(m).devtlb_evictions, 8);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).devtlb_misses, 17);
	assert_int_equal(machine_stats(m).iotlb_hits, 1);
	m->ops->mem_free(m->sim, phys, 4);
}

static void test_an_invalidation_tells_the_device_after_the_unit(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(machine_stats(m).devtlb_invalidated, 1);
	assert_int_equal(machine_stats(m).commands, 2);
	assert_int_equal(m->sim->queues[0].ring[0].command.kind, COMMAND_PAGES);
	assert_int_equal(m->sim->queues[0].ring[1].command.kind, COMMAND_DEVICE);
	assert_int_equal(m->sim->queues[0].ring[2].command.kind, COMMAND_WAIT);
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(machine_stats(m).stale_accesses, 0);
	m->ops->mem_free(m->sim, phys, 0);
}

/* The driver's mistake: the unit was told, the device was not. */
static void test_a_device_that_was_not_told_shows_as_stale(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	struct dmp_gather gather = EMPTY_GATHER;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	struct sim_pages page = {dom->id, IOVA >> DMP_PAGE_SHIFT, IOVA >> DMP_PAGE_SHIFT};

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_unmap(m, IOVA, PAGE, 1, &gather), PAGE);
	sim_command_execute(m->sim, &(struct sim_command){.kind = COMMAND_PAGES,
							  .drop.pages = page,
							  .drop.asked = page});
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_STALE);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_separate_submissions_cost_what_one_saves(void **state)
{
	struct machine *m = *state;

	m->sim->costs.invalidate_wait = 2000000;
	m->sim->costs.invalidate_separate = 258000;
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 4);
	assert_int_equal(m->sim->queues[0].ring[1].command.kind, COMMAND_WAIT);
	assert_int_equal(m->sim->queues[0].ring[2].command.kind, COMMAND_DEVICE);
	assert_int_equal(machine_stats(m).invalidations, 1);
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE], 2258);
	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(load_relaxed(&m->sim->queues[0].tail), 6); /* no device to tell */
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

static void test_only_devices_of_the_domain_are_told(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	uint32_t devices[3];

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(m->ops->device_add(m->sim, &desc, &devices[i]), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, devices[1]), 0);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(machine_stats(m).commands, 3);
	assert_int_equal(dmp_sim_flush_all(m->sim), 0);
	assert_int_equal(machine_stats(m).commands, 6);
	m->ops->domain_detach(m->sim, m->dom, devices[1]);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(machine_stats(m).commands, 8);
	for (unsigned i = 0; i < 3; i++)
		m->ops->device_remove(m->sim, devices[i]);
}

static void test_a_device_that_is_detached_keeps_nothing_for_its_successor(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(machine_stats(m).devtlb_invalidated, 1);
	assert_int_equal(machine_stats(m).commands, 0);
	dmp_sim_agent_destroy(m->agent);
	m->ops->device_remove(m->sim, m->device);
	machine_add_device(m);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).devtlb_misses, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

/* An access that is under way while its device is taken off the domain. */
struct leaving {
	struct machine *m;
	struct sim_device *dev;
};

static void *detach(void *arg)
{
	struct leaving *l = arg;

	l->m->ops->domain_detach(l->m->sim, l->m->dom, l->m->device);
	return NULL;
}

/*
 *   access   gate entered, domain found                     tables walked, device TLB filled
 *   driver                               detach begins                                  ends
 *
 * What the access has filled must not wait in the device TLB for the device's return: nobody
 * tells it of an unmap meanwhile.
 */
static void test_an_access_beside_a_detach_leaves_nothing_in_the_device(void **state)
{
	struct machine *m = *state;
	struct leaving l = {m, sim_device_find(m->sim, m->device)};
	struct sim_domain *dom = m->dom;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	struct sim_translation to;
	struct sim_gate *gate;
	pthread_t thread;

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	gate = sim_gate_enter(m->sim, dom->id, IOVA >> DMP_PAGE_SHIFT);
	assert_int_equal(pthread_create(&thread, NULL, detach, &l), 0);
	while (load_acquire(&l.dev->tag))
		dmp_cpu_yield();
	for (unsigned i = 0; i < 200; i++) /* it may come as far as it can */
		dmp_cpu_yield();
	sim_translate(m->sim, m->device, dom, IOVA, &to);
	sim_gate_leave(gate);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(to.phys, phys);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_what_is_not_mapped_is_asked_for_each_time(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, DMP_PROT_READ), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(dmp_sim_agent_write(m->agent, IOVA, "x", 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(machine_fault(m), DMP_FAULT_PERMISSION);
	m->ops->mem_free(m->sim, phys, 0);
}

int main(void)
{
#define TEST_ON(setup, name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)
#define TEST(name)           TEST_ON(setup_ats, name)
	const struct CMUnitTest tests[] = {
		TEST(test_a_translation_that_a_device_keeps_is_not_asked_for_again),
		TEST(test_a_device_that_keeps_more_than_it_has_room_for_asks_again),
		TEST(test_an_invalidation_tells_the_device_after_the_unit),
		TEST(test_a_device_that_was_not_told_shows_as_stale),
		TEST_ON(setup_separate, test_separate_submissions_cost_what_one_saves),
		TEST(test_only_devices_of_the_domain_are_told),
		TEST(test_a_device_that_is_detached_keeps_nothing_for_its_successor),
		TEST(test_an_access_beside_a_detach_leaves_nothing_in_the_device),
		TEST(test_what_is_not_mapped_is_asked_for_each_time),
	};

	return cmocka_run_group_tests_name("sim_devtlb", tests, NULL, NULL);
}
