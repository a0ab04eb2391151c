// SPDX-License-Identifier: MIT
/*
 * test_sim_invalidate.c - proves each line of the table in sim/sim_invalidate.c
 */
#include "test_sim_machine.h"

#define IOVA MIB(512)

static int read_at(struct machine *m, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, iova, &byte, 1);
}

/* 16 pages, mapped and in the IOTLB. */
static dmp_phys_t map_and_read_16(struct machine *m)
{
	dmp_phys_t phys = machine_ram(m, 4, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 16, RW), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(read_at(m, IOVA + i * PAGE), 0);
	return phys;
}

/*
 *   page  0   1   2   3   4   5   6   7 ...
 *         |       [===range===]               asked for
 *         [=======block of 8=============]    invalidated
 */
static void test_a_range_is_widened_to_an_aligned_power_of_two_and_the_rest_counted(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = map_and_read_16(m);

	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 2 * PAGE, 3 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 8);
	assert_int_equal(machine_stats(m).over_invalidated_entries, 5);
	assert_int_equal(machine_stats(m).pages_asked, 3);
	assert_int_equal(machine_stats(m).pages_over, 5);
	assert_int_equal(machine_stats(m).commands, 1);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 8 * PAGE, 4 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 12);
	assert_int_equal(machine_stats(m).pages_over, 5);
	m->ops->mem_free(m->sim, phys, 4);
}

static void test_a_range_beyond_the_largest_block_becomes_the_whole_domain(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, GIB(8), GIB(3), true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	assert_int_equal(machine_stats(m).over_invalidated_entries, 1);
	assert_int_equal(machine_stats(m).ranges_as_domain, 1);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, PAGE, UINT64_MAX, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

/* Of 8 pages: a range that straddles a boundary of 8 is the domain, one inside is a block. */
static void test_the_largest_block_is_an_option(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.mask_bytes = 8 * PAGE));
	dmp_phys_t phys;

	(void)state;
	machine_add_all(m);
	phys = map_and_read_16(m);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA, 8 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 8);
	assert_int_equal(machine_stats(m).ranges_as_domain, 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 7 * PAGE, 2 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 16);
	assert_int_equal(machine_stats(m).ranges_as_domain, 1);
	assert_int_equal(machine_stats(m).over_invalidated_entries, 7);
	m->ops->mem_free(m->sim, phys, 4);
	machine_destroy(m);
}

/* smmuv2: 130 ns a page; 40 commands do not fit the ring at once. */
static void test_a_machine_without_blocks_is_told_page_by_page(void **state)
{
	struct machine *m = machine_create(
		&DMP_SIM_OPTS(.profile = "smmuv2", .range_commands = 40, .queue_entries = 8));
	dmp_phys_t phys;

	(void)state;
	machine_add_all(m);
	phys = map_and_read_16(m);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 2 * PAGE, 3 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).commands, 3);
	assert_int_equal(machine_stats(m).invalidated_entries, 3);
	assert_int_equal(machine_stats(m).pages_over, 0);
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE], 3 * 130);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 5 * PAGE, 40 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).commands, 43);
	assert_int_equal(machine_stats(m).invalidated_entries, 14);
	assert_int_equal(machine_stats(m).ranges_as_domain, 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 5 * PAGE, 41 * PAGE, true), 0);
	assert_int_equal(machine_stats(m).commands, 44);
	assert_int_equal(machine_stats(m).invalidated_entries, 16);
	assert_int_equal(machine_stats(m).ranges_as_domain, 1);
	assert_int_equal(machine_stats(m).invalidations, 3);
	m->ops->mem_free(m->sim, phys, 4);
	machine_destroy(m);
}

static void test_an_empty_gather_costs_no_command_and_a_queued_one_the_domain(void **state)
{
	struct machine *m = *state;
	struct dmp_gather gather = EMPTY_GATHER;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(m->ops->flush_gather(m->sim, m->dom, &gather), 0);
	assert_int_equal(machine_stats(m).invalidations, 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	gather.queued = 1;
	assert_int_equal(m->ops->flush_gather(m->sim, m->dom, &gather), 0);
	assert_int_equal(machine_stats(m).invalidations, 1);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_everything_of_every_domain_goes_at_once(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	dmp_phys_t phys = map_and_read_16(m);
	struct dmp_sim_agent *other_agent;
	unsigned char byte;
	uint32_t device;
	void *other;
	uint64_t mapped;

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &other, &info), 0);
	assert_int_equal(m->ops->device_add(m->sim, &desc, &device), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, other, device), 0);
	assert_int_equal(dmp_sim_agent_create(m->sim, device, &other_agent), 0);
	assert_int_equal(m->ops->map_pages(m->sim, other, IOVA, phys, PAGE, 1, RW, &mapped), 0);
	assert_int_equal(dmp_sim_agent_read(other_agent, IOVA, &byte, 1), 0);
	assert_int_equal(dmp_sim_flush_all(m->sim), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 17);
	assert_int_equal(machine_stats(m).over_invalidated_entries, 0);
	m->ops->domain_detach(m->sim, other, device);
	dmp_sim_agent_destroy(other_agent);
	m->ops->device_remove(m->sim, device);
	m->ops->domain_destroy(m->sim, other);
	m->ops->mem_free(m->sim, phys, 4);
}

static void test_a_passthrough_domain_needs_no_command(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	void *other;

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_PASSTHROUGH, &other, &info), 0);
	assert_int_equal(m->ops->flush_domain(m->sim, other), 0);
	assert_int_equal(m->ops->flush_range(m->sim, other, 0, PAGE, true), 0);
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, 0, 0, true), 0);
	assert_int_equal(machine_stats(m).invalidations, 0);
	m->ops->domain_destroy(m->sim, other);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_range_is_widened_to_an_aligned_power_of_two_and_the_rest_counted),
		TEST(test_a_range_beyond_the_largest_block_becomes_the_whole_domain),
		cmocka_unit_test(test_the_largest_block_is_an_option),
		cmocka_unit_test(test_a_machine_without_blocks_is_told_page_by_page),
		TEST(test_an_empty_gather_costs_no_command_and_a_queued_one_the_domain),
		TEST(test_everything_of_every_domain_goes_at_once),
		TEST(test_a_passthrough_domain_needs_no_command),
	};

	return cmocka_run_group_tests_name("sim_invalidate", tests, NULL, NULL);
}
