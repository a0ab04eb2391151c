// SPDX-License-Identifier: MIT
/*
 * test_sim_found.c - proves what sim/sim_found.c says of unmaps whose flush follows at once
 */
#include "test_sim_reach_rig.h"

static uint64_t ended_ns;

/* Of an unmap that begins now. */
static struct dmp_gather gather_at_once(void)
{
	struct dmp_gather gather = EMPTY_GATHER;

	ended_ns = 0;
	gather.begun_ns = dmp_clock_now_ns();
	gather.ended_ns = &ended_ns;
	return gather;
}

static struct dmp_gather unmap_at_once(struct reach_rig *rig, dmp_iova_t iova, uint64_t npages)
{
	struct dmp_gather gather = gather_at_once();

	assert_int_equal(machine_unmap(rig->m, iova, PAGE, npages, &gather), npages * PAGE);
	return gather;
}

/* Memory for 2^order pages, mapped; the device uses the first of them. */
static dmp_phys_t map_and_use(struct reach_rig *rig, dmp_iova_t iova, unsigned order)
{
	dmp_phys_t phys = machine_ram(rig->m, order, NULL);

	assert_int_equal(machine_map(rig->m, iova, phys, PAGE, UINT64_C(1) << order, RW), 0);
	assert_int_equal(rig_read(rig, iova), 0);
	return phys;
}

static void test_the_window_is_from_the_unmaps_beginning_to_the_end_of_its_flush(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = map_and_use(rig, IOVA, 0);
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	gather = unmap_at_once(rig, IOVA, 1);
	assert_false(sim_reach_any(&rig->m->sim->reaches));
	dmp_harness_advance(500);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(ended_ns, 1500);
	assert_int_equal(rig->told.nended, 1);
	assert_int_equal(rig->told.window.iova, IOVA);
	assert_int_equal(rig->told.window.len, PAGE);
	assert_int_equal(rig->told.window.bytes, PAGE);
	assert_int_equal(rig->told.window.opened_ns, 1000);
	assert_int_equal(rig->told.window.ended_ns, 1500);
	assert_int_equal(rig->told.window.end, DMP_EXPOSURE_INVALIDATED);
	rig_free(rig, phys, 0);
}

static void test_the_snapshot_has_it(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = map_and_use(rig, IOVA, 0);
	struct dmp_gather gather;
	struct dmp_exposure_seen seen;

	dmp_harness_advance(1000);
	gather = unmap_at_once(rig, IOVA, 1);
	dmp_harness_advance(500);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	seen = rig_seen(rig);
	assert_int_equal(seen.did.windows, 1);
	assert_int_equal(seen.did.open, 0);
	assert_int_equal(seen.did.bytes, PAGE);
	assert_int_equal(seen.did.byte_ns, 500 * PAGE);
	assert_int_equal(seen.did.ns.max, 500);
	rig_free(rig, phys, 0);
}

static void test_what_no_entry_leads_to_has_no_window(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	gather = unmap_at_once(rig, IOVA, 1);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(rig_seen(rig).did.windows, 0);
	assert_int_equal(ended_ns, 0);
	rig_free(rig, phys, 0);
}

/*
 *   pages      0 1 2 3     in the IOTLB: 0 and 2
 */
static void test_only_pages_that_entries_lead_to_are_counted(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys;
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	phys = map_and_use(rig, IOVA, 2);
	assert_int_equal(rig_read(rig, IOVA + 2 * PAGE), 0);
	gather = unmap_at_once(rig, IOVA, 4);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(rig->told.window.len, 4 * PAGE);
	assert_int_equal(rig->told.window.bytes, 2 * PAGE);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	rig_free(rig, phys, 2);
}

/* The block of the command has page 3, too, which stays mapped. */
static void test_what_is_dropped_beside_the_range_is_not_counted(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys;
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	phys = map_and_use(rig, IOVA, 2);
	assert_int_equal(rig_read(rig, IOVA + 3 * PAGE), 0);
	gather = unmap_at_once(rig, IOVA, 3);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(machine_stats(rig->m).over_invalidated_entries, 1);
	assert_int_equal(rig->told.window.bytes, PAGE);
	rig_free(rig, phys, 2);
}

static void test_entries_of_walk_caches_do_not_count(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys;
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	phys = map_and_use(rig, IOVA, 2);
	gather = unmap_at_once(rig, IOVA, 4);
	gather.tables = &gather; /* so that walk caches are asked as well */
	assert_int_equal(rig->m->ops->flush_gather(rig->m->sim, rig->m->dom, &gather), 0);
	assert_true(machine_stats(rig->m).walk_cache_invalidated > 0);
	assert_int_equal(rig->told.window.bytes, PAGE);
	rig_free(rig, phys, 2);
}

static void test_a_remembered_hole_does_not_count(void **state)
{
	struct reach_rig *rig = *state;
	struct dmp_gather gather;

	assert_int_not_equal(rig_read(rig, IOVA), 0);
	dmp_harness_advance(1000);
	gather = gather_at_once();
	gather.start = IOVA;
	gather.end = IOVA + PAGE - 1;
	assert_int_equal(rig->m->ops->flush_gather(rig->m->sim, rig->m->dom, &gather), 0);
	assert_int_equal(machine_stats(rig->m).invalidated_entries, 1);
	assert_int_equal(rig_seen(rig).did.windows, 0);
}

/*
 *   pages         0 ... 8 ... 15 ... 71 | 72
 *   found              [ bit 0 ... 63 ]
 */
static void test_a_big_entry_sets_the_bits_that_there_are(void **state)
{
	struct sim_found found = {.first = 8};

	(void)state;
	sim_found_note(&found, &(struct sim_tlb_entry){.id = 1, .page = 0, .order = 4, .prot = RW});
	assert_int_equal(found.reached, 0xff);
	sim_found_note(&found,
		       &(struct sim_tlb_entry){.id = 1, .page = 64, .order = 4, .prot = RW});
	assert_true(found.reached == (UINT64_C(0xff) << 56 | 0xff));
	sim_found_note(&found,
		       &(struct sim_tlb_entry){.id = 1, .page = 0, .order = 18, .prot = RW});
	assert_true(found.reached == UINT64_MAX);
}

static void test_a_page_in_two_tlbs_is_counted_once(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys;
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	phys = map_and_use(rig, IOVA, 0);
	gather = unmap_at_once(rig, IOVA, 1);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(machine_stats(rig->m).devtlb_invalidated, 1);
	assert_int_equal(machine_stats(rig->m).invalidated_entries, 1);
	assert_int_equal(rig->told.window.bytes, PAGE);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	rig_free(rig, phys, 0);
}

/* A page too many, of which the device has used the first and the last: marked before the flush. */
static void test_a_range_without_a_bit_for_each_page_is_measured_alike(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys;
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	phys = map_and_use(rig, IOVA, 7);
	assert_int_equal(rig_read(rig, IOVA + SIM_FOUND_PAGES * PAGE), 0);
	gather = unmap_at_once(rig, IOVA, SIM_FOUND_PAGES + 1);
	dmp_harness_advance(500);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig->told.window.bytes, 2 * PAGE);
	assert_int_equal(rig->told.window.opened_ns, 1000);
	assert_int_equal(rig->told.window.ended_ns, 1500);
	machine_unmap_strict(rig->m, IOVA + (SIM_FOUND_PAGES + 1) * PAGE, PAGE,
			     127 - SIM_FOUND_PAGES);
	rig_free(rig, phys, 7);
}

/* Failures. */

static void test_after_a_failed_flush_the_window_stays_open_until_one_works(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = map_and_use(rig, IOVA, 0);
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	gather = unmap_at_once(rig, IOVA, 1);
	dmp_sim_fail(rig->m->sim, DMP_SIM_CALL_INVALIDATE, 1, 1, 0);
	assert_int_equal(machine_flush(rig->m, &gather), -ETIMEDOUT);
	dmp_harness_advance(500);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(rig_seen(rig).did.open_oldest_ns, 500);
	assert_int_equal(machine_flush(rig->m, &gather), 0);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig->told.window.opened_ns, 1000);
	assert_int_equal(rig->told.window.ended_ns, 1500);
	rig_free(rig, phys, 0);
}

/* The commands are executed when the caller has gone. */
static void test_a_queue_that_was_stuck_writes_to_nobody_who_has_gone(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_invq *queue = &rig->m->sim->queues[0];
	dmp_phys_t phys = map_and_use(rig, IOVA, 0);
	struct dmp_gather gather;

	dmp_harness_advance(1000);
	gather = unmap_at_once(rig, IOVA, 1);
	assert_int_equal(dmp_sim_stick(rig->m->sim, 0, true), 0);
	assert_int_equal(machine_flush(rig->m, &gather), -ETIMEDOUT);
	assert_true(load_relaxed(&queue->head) < load_relaxed(&queue->tail));
	for (uint32_t i = 0; i < queue->len; i++)
		assert_null(queue->ring[i].command.drop.found);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(dmp_sim_stick(rig->m->sim, 0, false), 0);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig->told.window.opened_ns, 1000);
	rig_free(rig, phys, 0);
}

#define CASE(test)  cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
#define ATS(test)   cmocka_unit_test_setup_teardown(test, rig_setup_ats, rig_teardown)
#define WALKS(test) cmocka_unit_test_setup_teardown(test, setup_walks, rig_teardown)
#define HOLES(test) cmocka_unit_test_setup_teardown(test, setup_holes, rig_teardown)

static int setup_walks(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.walk_entries = {8, 8, 8}));
}

static int setup_holes(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.flags = DMP_SIM_CACHE_NOT_PRESENT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_the_window_is_from_the_unmaps_beginning_to_the_end_of_its_flush),
		CASE(test_the_snapshot_has_it),
		CASE(test_what_no_entry_leads_to_has_no_window),
		CASE(test_only_pages_that_entries_lead_to_are_counted),
		CASE(test_what_is_dropped_beside_the_range_is_not_counted),
		WALKS(test_entries_of_walk_caches_do_not_count),
		HOLES(test_a_remembered_hole_does_not_count),
		cmocka_unit_test(test_a_big_entry_sets_the_bits_that_there_are),
		ATS(test_a_page_in_two_tlbs_is_counted_once),
		CASE(test_a_range_without_a_bit_for_each_page_is_measured_alike),
		CASE(test_after_a_failed_flush_the_window_stays_open_until_one_works),
		CASE(test_a_queue_that_was_stuck_writes_to_nobody_who_has_gone),
	};

	return cmocka_run_group_tests_name("sim_found", tests, NULL, NULL);
}
