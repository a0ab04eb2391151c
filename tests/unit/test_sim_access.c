// SPDX-License-Identifier: MIT
/*
 * test_sim_access.c - proves each line of the picture in sim/sim_access.c
 */
#include "test_sim_machine.h"

#include <sys/mman.h>

#define IOVA GIB(1)

static int setup_with(void **state, uint32_t flags)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = flags));

	machine_add_all(m);
	*state = m;
	return 0;
}

static int setup_touch(void **state)
{
	return setup_with(state, DMP_SIM_TOUCH_STALE);
}

static int setup_negative(void **state)
{
	return setup_with(state, DMP_SIM_CACHE_NOT_PRESENT);
}

static int setup_required(void **state)
{
	return setup_with(state, DMP_SIM_REQUIRE_DOMAIN);
}

static int write_byte(struct machine *m, dmp_addr_t addr, unsigned char byte)
{
	return dmp_sim_agent_write(m->agent, addr, &byte, 1);
}

static int read_byte(struct machine *m, dmp_addr_t addr)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, addr, &byte, 1);
}

static void test_bytes_move_both_ways_through_the_tables(void **state)
{
	struct machine *m = *state;
	unsigned char *ram, byte = 0;
	dmp_phys_t phys = machine_ram(m, 0, &ram);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(write_byte(m, IOVA + 9, 0x5a), 0);
	assert_int_equal(ram[9], 0x5a);
	ram[10] = 0x77;
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA + 10, &byte, 1), 0);
	assert_int_equal(byte, 0x77);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_host_memory_is_reached_through_the_tables_without_exposure(void **state)
{
	struct machine *m = *state;
	static _Alignas(4096) unsigned char host[4096];
	dmp_phys_t phys;

	assert_int_equal(m->ops->buf_to_phys(m->sim, host, sizeof(host), &phys), 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, DMP_PROT_WRITE), 0);
	assert_int_equal(write_byte(m, IOVA + 4095, 3), 0);
	assert_int_equal(host[4095], 3);
}

static void test_an_unmapped_address_faults_as_not_present(void **state)
{
	struct machine *m = *state;

	assert_int_equal(read_byte(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	assert_int_equal(machine_stats(m).faults, 1);
}

static void test_an_access_that_is_not_permitted_faults_on_miss_and_on_hit(void **state)
{
	struct machine *m = *state;
	unsigned char *ram;
	dmp_phys_t phys = machine_ram(m, 0, &ram);

	ram[0] = 1;
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, DMP_PROT_READ), 0);
	assert_int_equal(machine_map(m, IOVA + PAGE, phys, PAGE, 1, DMP_PROT_WRITE), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(write_byte(m, IOVA, 2), -EFAULT);
		assert_int_equal(machine_fault(m), DMP_FAULT_PERMISSION);
		assert_int_equal(read_byte(m, IOVA + PAGE), -EFAULT);
		assert_int_equal(machine_fault(m), DMP_FAULT_PERMISSION);
	}
	assert_int_equal(ram[0], 1);
	assert_int_equal(machine_stats(m).iotlb_hits, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_an_address_beyond_the_aperture_faults(void **state)
{
	struct machine *m = *state;

	assert_int_equal(read_byte(m, DMP_MASK(48) + 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_APERTURE);
}

static void test_a_malformed_table_faults_as_a_bad_table(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	void *root;

	assert_int_equal(m->ops->phys_to_buf(m->sim, dom->root, PAGE, &root), 0);
	memset(root, 0xff, PAGE);
	assert_int_equal(read_byte(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BAD_TABLE);
	memset(root, 0, PAGE);
}

static void test_a_page_that_is_no_memory_is_a_bus_error(void **state)
{
	struct machine *m = *state;

	assert_int_equal(machine_map(m, IOVA, GIB(100), PAGE, 1, RW), 0);
	assert_int_equal(read_byte(m, IOVA), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
}

static void test_an_address_beyond_the_mask_is_a_bus_error_in_both_routes(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = DMP_MASK(30)};
	struct dmp_sim_agent *agent;
	unsigned char bytes[2];
	uint32_t device;

	assert_int_equal(m->ops->device_add(m->sim, &desc, &device), 0);
	assert_int_equal(dmp_sim_agent_create(m->sim, device, &agent), 0);
	assert_int_equal(dmp_sim_agent_read(agent, GIB(1) - 2, bytes, 2), 0);
	assert_int_equal(dmp_sim_agent_read(agent, GIB(1), bytes, 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, device), 0);
	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_agent_read(agent, IOVA, bytes, 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	m->ops->domain_detach(m->sim, m->dom, device);
	dmp_sim_agent_destroy(agent);
	m->ops->device_remove(m->sim, device);
}

/* Without a domain: RAM always, host memory while it is exposed. */
static void test_a_device_without_a_domain_reaches_ram_and_what_is_exposed(void **state)
{
	struct machine *m = *state;
	static unsigned char host[64];
	dmp_phys_t phys = (uintptr_t)host + DMP_SIM_HOST_OFFSET;

	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(write_byte(m, MIB(100), 1), 0);
	assert_int_equal(write_byte(m, phys, 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	assert_int_equal(m->ops->mem_map(m->sim, m->device, phys, 64, DMP_FROM_DEVICE), 0);
	assert_int_equal(write_byte(m, phys, 1), 0);
	assert_int_equal(host[0], 1);
	assert_int_equal(m->ops->mem_unmap(m->sim, m->device, phys, 64, DMP_FROM_DEVICE), 0);
	assert_int_equal(write_byte(m, phys, 2), -EFAULT);
	assert_int_equal(host[0], 1);
	assert_int_equal(read_byte(m, GIB(8)), -EFAULT);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	assert_int_equal(read_byte(m, MIB(100)), -EFAULT);
}

static void test_a_passthrough_domain_is_the_direct_route(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	dmp_phys_t phys;
	void *other;

	m->ops->domain_detach(m->sim, m->dom, m->device);
	assert_int_equal(read_byte(m, MIB(100)), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NO_DOMAIN);
	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_PASSTHROUGH, &other, &info), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, other, m->device), 0);
	assert_int_equal(read_byte(m, MIB(100)), 0);
	assert_int_equal(m->ops->iova_to_phys(m->sim, other, 4711, &phys), 0);
	assert_int_equal(phys, 4711);
	assert_int_equal(m->ops->flush_domain(m->sim, other), 0);
	assert_int_equal(machine_stats(m).invalidations, 0);
	m->ops->domain_detach(m->sim, other, m->device);
	m->ops->domain_destroy(m->sim, other);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

/* An entry of the IOTLB whose page has been unmapped, not yet flushed. */
static dmp_phys_t make_stale(struct machine *m, unsigned char **ram, struct dmp_gather *gather)
{
	dmp_phys_t phys = machine_ram(m, 0, ram);

	*gather = EMPTY_GATHER;
	(*ram)[0] = 1;
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_byte(m, IOVA), 0);
	assert_int_equal(machine_unmap(m, IOVA, PAGE, 1, gather), PAGE);
	return phys;
}

static void test_a_stale_access_is_recorded_and_not_performed(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather;
	unsigned char *ram;
	dmp_phys_t phys = make_stale(m, &ram, &gather);

	assert_int_equal(write_byte(m, IOVA, 2), -EFAULT);
	assert_int_equal(ram[0], 1);
	assert_int_equal(machine_fault(m), DMP_FAULT_STALE);
	assert_int_equal(machine_stats(m).stale_accesses, 1);
	assert_int_equal(machine_stats(m).faults, 0);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(write_byte(m, IOVA, 2), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_a_stale_access_is_performed_on_the_old_memory_if_asked_for(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather;
	unsigned char *ram;
	dmp_phys_t phys = make_stale(m, &ram, &gather);

	assert_int_equal(write_byte(m, IOVA, 2), 0);
	assert_int_equal(ram[0], 2);
	assert_int_equal(machine_fault(m), DMP_FAULT_STALE);
	assert_int_equal(machine_stats(m).stale_accesses, 1);
	assert_int_equal(machine_stats(m).bytes_written, 1);
	assert_int_equal(machine_flush(m, &gather), 0);
	m->ops->mem_free(m->sim, phys, 0);
}

/*
 *   IOTLB   IOVA -> phys, read and write        tables   IOVA -> phys, read
 */
static void test_a_translation_that_allows_less_by_now_is_stale(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather;
	unsigned char *ram;
	dmp_phys_t phys = make_stale(m, &ram, &gather);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, DMP_PROT_READ), 0);
	assert_int_equal(write_byte(m, IOVA, 2), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_STALE);
	assert_int_equal(ram[0], 1);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(write_byte(m, IOVA, 2), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_PERMISSION);
	m->ops->mem_free(m->sim, phys, 0);
}

/* A page of the process, and how it is lost. */
static void lose_by_unmapping(void *page)
{
	munmap(page, PAGE);
}

static void lose_by_protecting(void *page)
{
	mprotect(page, PAGE, PROT_NONE);
}

static void test_host_memory_that_is_gone_is_a_bus_error(void **state)
{
	struct machine *m = *state;
	static void (*const lose[])(void *page) = {lose_by_unmapping, lose_by_protecting};
	dmp_phys_t phys;

	if (!m->sim->mem.can_probe) /* the kernel is too old */
		skip();
	for (unsigned i = 0; i < 2; i++) {
		void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0);

		assert_ptr_not_equal(page, MAP_FAILED);
		assert_int_equal(m->ops->buf_to_phys(m->sim, page, PAGE, &phys), 0);
		assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
		assert_int_equal(write_byte(m, IOVA + 4095, 7), 0);
		assert_int_equal(read_byte(m, IOVA + 4095), 0);
		lose[i](page);
		assert_int_equal(write_byte(m, IOVA + 4095, 8), -EFAULT);
		assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
		assert_int_equal(read_byte(m, IOVA), -EFAULT);
		assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
		assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	}
}

static void test_a_device_that_writes_to_a_constant_is_a_bus_error(void **state)
{
	struct machine *m = *state;
	static const char words[] = "read only";
	dmp_phys_t phys;

	if (!m->sim->mem.can_probe)
		skip();
	assert_int_equal(m->ops->buf_to_phys(m->sim, words, 1, &phys), 0);
	assert_int_equal(machine_map(m, IOVA, dmp_align_down(phys, PAGE), PAGE, 1, RW), 0);
	assert_int_equal(read_byte(m, IOVA + (phys & (PAGE - 1))), 0);
	assert_int_equal(write_byte(m, IOVA + (phys & (PAGE - 1)), 'x'), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
}

static void test_an_address_that_leads_elsewhere_by_now_is_stale_too(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather;
	unsigned char *ram, *other;
	dmp_phys_t phys = make_stale(m, &ram, &gather), phys2 = machine_ram(m, 0, &other);

	other[0] = 1;
	assert_int_equal(machine_map(m, IOVA, phys2, PAGE, 1, RW), 0);
	assert_int_equal(write_byte(m, IOVA, 2), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_STALE);
	assert_int_equal(machine_flush(m, &gather), 0);
	assert_int_equal(write_byte(m, IOVA, 2), 0);
	assert_int_equal(ram[0], 1);
	assert_int_equal(other[0], 2);
	m->ops->mem_free(m->sim, phys, 0);
	m->ops->mem_free(m->sim, phys2, 0);
}

static void test_the_look_for_staleness_costs_the_device_nothing(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	m->sim->costs.walk_miss = 1000;
	m->sim->costs.walk_level = 10000;
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(read_byte(m, IOVA), 0);
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_WALK], 41);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_a_cached_not_present_faults_until_sync_map(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	void *other;

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &other, &info), 0);
	assert_int_equal(info.flags, DMP_HW_DOMAIN_CACHES_NOT_PRESENT);
	m->ops->domain_destroy(m->sim, other);
	assert_int_equal(read_byte(m, IOVA), -EFAULT);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_byte(m, IOVA), -EFAULT);
	assert_int_equal(machine_stats(m).faults, 2);
	assert_int_equal(m->ops->sync_map(m->sim, m->dom, IOVA, PAGE), 0);
	assert_int_equal(read_byte(m, IOVA), 0);
	m->ops->mem_free(m->sim, phys, 0);
}

int main(void)
{
#define TEST_ON(setup, name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)
#define TEST(name)           TEST_ON(machine_setup, name)
	const struct CMUnitTest tests[] = {
		TEST(test_bytes_move_both_ways_through_the_tables),
		TEST(test_host_memory_is_reached_through_the_tables_without_exposure),
		TEST(test_an_unmapped_address_faults_as_not_present),
		TEST(test_an_access_that_is_not_permitted_faults_on_miss_and_on_hit),
		TEST(test_an_address_beyond_the_aperture_faults),
		TEST(test_a_malformed_table_faults_as_a_bad_table),
		TEST(test_a_page_that_is_no_memory_is_a_bus_error),
		TEST(test_an_address_beyond_the_mask_is_a_bus_error_in_both_routes),
		TEST(test_a_device_without_a_domain_reaches_ram_and_what_is_exposed),
		TEST_ON(setup_required, test_a_passthrough_domain_is_the_direct_route),
		TEST(test_a_stale_access_is_recorded_and_not_performed),
		TEST_ON(setup_touch,
			test_a_stale_access_is_performed_on_the_old_memory_if_asked_for),
		TEST(test_a_translation_that_allows_less_by_now_is_stale),
		TEST(test_host_memory_that_is_gone_is_a_bus_error),
		TEST(test_a_device_that_writes_to_a_constant_is_a_bus_error),
		TEST(test_an_address_that_leads_elsewhere_by_now_is_stale_too),
		TEST(test_the_look_for_staleness_costs_the_device_nothing),
		TEST_ON(setup_negative, test_a_cached_not_present_faults_until_sync_map),
	};

	return cmocka_run_group_tests_name("sim_access", tests, NULL, NULL);
}
