// SPDX-License-Identifier: MIT
/*
 * test_sim_reach_tlbs.c - proves what sim/sim_reach.c says of windows that entries of several TLBs
 * keep open: other IOTLBs, device TLBs, pages of two sizes
 */
#include "test_sim_reach_rig.h"

static struct sim_pages page_of(struct reach_rig *rig, dmp_iova_t iova)
{
	struct sim_domain *dom = rig->m->dom;

	return (struct sim_pages){dom->id, iova >> DMP_PAGE_SHIFT, iova >> DMP_PAGE_SHIFT};
}

static void test_with_a_device_tlb_the_later_of_the_two_ends_it(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);
	struct sim_pages page = page_of(rig, IOVA);

	assert_int_equal(rig_seen(rig).did.bytes, PAGE);
	dmp_harness_advance(10);
	sim_units_drop(rig->m->sim, &(struct sim_drop){page, page, NULL}, true);
	assert_int_equal(rig_seen(rig).did.open, 1);
	dmp_harness_advance(10);
	sim_devtlb_drop(rig->m->sim, rig->m->device, &(struct sim_drop){page, page, NULL});
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig_seen(rig).did.ns.max, 20);
	assert_int_equal(rig_seen(rig).did.byte_ns, 20 * PAGE);
	rig_free(rig, phys, 0);
}

static int setup_two_iotlbs(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.iotlb_sets = 16, .iotlb_ways = 2, .iotlbs = 2));
}

/* Another device in the domain, of the second IOTLB. */
struct second {
	uint32_t device;
	struct dmp_sim_agent *agent;
};

static struct second add_second(struct reach_rig *rig)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	struct dmp_sim *sim = rig->m->sim;
	struct second second;

	assert_int_equal(sim_device_add(sim, &desc, &second.device), 0);
	assert_int_equal(sim_domain_attach(sim, rig->m->dom, second.device), 0);
	assert_int_equal(dmp_sim_agent_create(sim, second.device, &second.agent), 0);
	return second;
}

static void remove_second(struct reach_rig *rig, const struct second *second)
{
	dmp_sim_agent_destroy(second->agent);
	sim_domain_detach(rig->m->sim, rig->m->dom, second->device);
	sim_device_remove(rig->m->sim, second->device);
}

static int second_read(const struct second *second, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(second->agent, iova, &byte, 1);
}

static void test_of_two_iotlbs_the_later_ends_it(void **state)
{
	struct reach_rig *rig = *state;
	struct dmp_sim *sim = rig->m->sim;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);
	struct sim_pages page = page_of(rig, IOVA);
	struct second second = add_second(rig);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(second_read(&second, IOVA), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig_seen(rig).did.open_bytes, PAGE);
	sim_tlb_drop(sim, &sim->units[0].iotlb, &(struct sim_drop){page, page, NULL});
	assert_int_equal(rig_seen(rig).did.open_bytes, PAGE);
	sim_tlb_drop(sim, &sim->units[1].iotlb, &(struct sim_drop){page, page, NULL});
	assert_int_equal(rig_seen(rig).did.open, 0);
	remove_second(rig, &second);
	rig_free(rig, phys, 0);
}

static int setup_big(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.iotlb_sets = 16, .iotlb_ways = 2,
						   .iotlb_page_bytes = MIB(2), .devtlb_sets = 4,
						   .devtlb_ways = 2));
}

/*
 *   0 ns   IOTLB: 2 MiB     device TLB: 2 pages of it      2 MiB are reached
 *  10 ns   -                device TLB: 2 pages            8 KiB
 *  20 ns   -                -                              none
 */
static void test_of_a_big_page_what_a_device_keeps_is_counted_in_4_kib(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 9, NULL);
	struct sim_pages page = page_of(rig, IOVA);

	assert_int_equal(machine_map(rig->m, IOVA, phys, MIB(2), 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA + PAGE), 0);
	assert_int_equal(rig_read(rig, IOVA + 7 * PAGE), 0);
	rig_unmap(rig, IOVA, MIB(2), 1);
	assert_int_equal(rig_seen(rig).did.bytes, MIB(2));
	dmp_harness_advance(10);
	sim_units_drop(rig->m->sim, &(struct sim_drop){page, page, NULL}, true);
	assert_int_equal(rig_seen(rig).did.open_bytes, 2 * PAGE);
	assert_int_equal(dmp_sim_check(rig->m->sim), 0);
	dmp_harness_advance(10);
	rig_flush(rig);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig_seen(rig).did.byte_ns, 10 * MIB(2) + 10 * 2 * PAGE);
	assert_int_equal(rig_seen(rig).did.bytes, MIB(2));
	rig_free(rig, phys, 9);
}

/* The device's entry of @iova goes, as of a look that asked the clock at @now_ns. */
static void let_go_as_of(struct reach_rig *rig, dmp_iova_t iova, dmp_phys_t phys, uint64_t now_ns)
{
	struct dmp_sim *sim = rig->m->sim;
	struct sim_tlb_entry like = {
		.id = page_of(rig, iova).id,
		.page = iova >> DMP_PAGE_SHIFT,
		.phys = phys,
		.prot = RW,
	};

	sim_tlb_unmark(sim, &sim->devtlb[rig->m->device]->tlb, &like, &now_ns);
}

/*
 *    0 ns   device TLB: 2 pages of 2 MiB
 *  100 ns   the IOTLB's entry goes; then, of a look that began at 50 ns, one of the pages'
 *  300 ns   the other: of that page nothing before 100 ns is counted again
 */
static void test_a_look_that_is_older_than_another_counts_nothing_twice(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 9, NULL);
	struct sim_pages page = page_of(rig, IOVA);

	assert_int_equal(machine_map(rig->m, IOVA, phys, MIB(2), 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(rig_read(rig, IOVA + PAGE), 0);
	rig_unmap(rig, IOVA, MIB(2), 1);
	dmp_harness_advance(100);
	sim_units_drop(rig->m->sim, &(struct sim_drop){page, page, NULL}, true);
	let_go_as_of(rig, IOVA, phys, 50);
	dmp_harness_advance(200);
	rig_flush(rig);
	assert_int_equal(rig_seen(rig).did.byte_ns, 100 * MIB(2) + 200 * PAGE);
	rig_free(rig, phys, 9);
}

static void test_no_window_ends_before_it_opened(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_pages page = page_of(rig, IOVA);
	dmp_phys_t phys;

	dmp_harness_advance(100);
	phys = rig_leave_open(rig, IOVA);
	sim_units_drop(rig->m->sim, &(struct sim_drop){page, page, NULL}, true);
	let_go_as_of(rig, IOVA, phys, 50);
	assert_int_equal(rig->told.nended, 1);
	assert_int_equal(rig->told.window.opened_ns, 100);
	assert_int_equal(rig->told.window.ended_ns, 100);
	rig_free(rig, phys, 0);
}

static int setup_two_big(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.iotlbs = 2, .iotlb_page_bytes = MIB(2),
						   .devtlb_sets = 4, .devtlb_ways = 2));
}

/*
 * The same memory as 2 MiB and then as 4 KiB, unmapped both times without a flush:
 *
 *   2 MiB   IOTLB 0, and 4 KiB of it in the TLB of device 0
 *   4 KiB   IOTLB 1, and all of it in the TLB of device 1
 *
 * Entries of device TLBs look alike, and go first; the IOTLBs' must still find theirs.
 */
static void test_one_memory_in_pages_of_two_sizes_is_let_go_in_any_order(void **state)
{
	struct reach_rig *rig = *state;
	struct dmp_sim *sim = rig->m->sim;
	dmp_phys_t phys = machine_ram(rig->m, 9, NULL);
	struct sim_pages page = page_of(rig, IOVA);
	struct second second = add_second(rig);
	struct dmp_gather gather = EMPTY_GATHER;

	assert_int_equal(machine_map(rig->m, IOVA, phys, MIB(2), 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(machine_unmap(rig->m, IOVA, MIB(2), 1, &gather), MIB(2));
	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(second_read(&second, IOVA), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.open, 2);
	sim_devtlb_drop(sim, rig->m->device, &(struct sim_drop){page, page, NULL});
	sim_devtlb_drop(sim, second.device, &(struct sim_drop){page, page, NULL});
	assert_int_equal(rig_seen(rig).did.open, 2);
	assert_int_equal(dmp_sim_check(sim), 0);
	sim_units_drop(sim, &(struct sim_drop){page, page, NULL}, true);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig->m->nlines, 0);
	remove_second(rig, &second);
	rig_free(rig, phys, 9);
}

#define IN(test, setup) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(test_with_a_device_tlb_the_later_of_the_two_ends_it, rig_setup_ats),
		IN(test_of_two_iotlbs_the_later_ends_it, setup_two_iotlbs),
		IN(test_of_a_big_page_what_a_device_keeps_is_counted_in_4_kib, setup_big),
		IN(test_a_look_that_is_older_than_another_counts_nothing_twice, setup_big),
		IN(test_no_window_ends_before_it_opened, rig_setup_ats),
		IN(test_one_memory_in_pages_of_two_sizes_is_let_go_in_any_order, setup_two_big),
	};

	return cmocka_run_group_tests_name("sim_reach_tlbs", tests, NULL, NULL);
}
