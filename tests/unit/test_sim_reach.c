// SPDX-License-Identifier: MIT
/*
 * test_sim_reach.c - proves R1, R2 of sim/sim_reach.c: when a window opens, when it ends,
 * and what is counted of it; time is handed in
 */
#include "test_sim_reach_rig.h"

static void test_a_window_opens_only_if_an_entry_leads_there(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.windows, 0);
	rig_free(rig, rig_leave_open(rig, IOVA), 0);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig_seen(rig).did.open, 1);
	rig_free(rig, phys, 0);
}

static void test_a_flush_ends_it(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys;

	dmp_harness_advance(1000);
	phys = rig_leave_open(rig, IOVA);
	dmp_harness_advance(500);
	rig_flush(rig);
	assert_int_equal(rig->told.nended, 1);
	assert_int_equal(rig->told.window.iova, IOVA);
	assert_int_equal(rig->told.window.len, PAGE);
	assert_int_equal(rig->told.window.bytes, PAGE);
	assert_int_equal(rig->told.window.opened_ns, 1000);
	assert_int_equal(rig->told.window.ended_ns, 1500);
	assert_int_equal(rig->told.window.end, DMP_EXPOSURE_INVALIDATED);
	assert_false(rig->told.window.reused);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig_seen(rig).did.open_bytes, 0);
	assert_int_equal(rig_seen(rig).did.byte_ns, 500 * PAGE);
	assert_int_equal(rig_seen(rig).did.ns.max, 500);
	assert_int_equal(rig_seen(rig).did.ns.count, 1);
	rig_free(rig, phys, 0);
}

static void test_a_window_opens_when_the_gather_says_the_unmap_began(void **state)
{
	struct reach_rig *rig = *state;
	struct dmp_gather gather = EMPTY_GATHER;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);

	gather.begun_ns = 700;
	gather.queued = 1;
	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	dmp_harness_advance(1000);
	assert_int_equal(rig->m->ops->unmap_pages(rig->m->sim, rig->m->dom, IOVA, PAGE, 1, &gather),
			 PAGE);
	rig_flush(rig);
	assert_int_equal(rig->told.window.opened_ns, 700);
	assert_int_equal(rig->told.window.ended_ns, 1000);
	rig_free(rig, phys, 0);
}

static void test_a_flush_of_another_range_leaves_it_open(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	assert_int_equal(
		rig->m->ops->flush_range(rig->m->sim, rig->m->dom, IOVA + PAGE, PAGE, true), 0);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(rig->m->ops->flush_range(rig->m->sim, rig->m->dom, IOVA, PAGE, true), 0);
	assert_int_equal(rig_seen(rig).did.open, 0);
	rig_free(rig, phys, 0);
}

/*
 * Sets of 2 ways: pages 0, 16, 32 of the domain share one.
 */
static void test_an_eviction_ends_it(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA), other = machine_ram(rig->m, 6, NULL);

	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), other, PAGE, 64, RW), 0);
	dmp_harness_advance(70);
	assert_int_equal(rig_read(rig, IOVA + MIB(1)), 0);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(rig_read(rig, IOVA + MIB(1) + 16 * PAGE), 0);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig->told.window.end, DMP_EXPOSURE_EVICTED);
	assert_int_equal(rig_seen(rig).did.ns.max, 70);
	machine_unmap_strict(rig->m, IOVA + MIB(1), PAGE, 64);
	rig_free(rig, phys, 0);
	rig_free(rig, other, 6);
}

static void test_only_what_entries_lead_to_is_counted(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 2, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 4, RW), 0);
	assert_int_equal(rig_read(rig, IOVA + PAGE), 0);
	assert_int_equal(rig_read(rig, IOVA + 3 * PAGE), 0);
	rig_unmap(rig, IOVA, PAGE, 4);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig_seen(rig).did.bytes, 2 * PAGE);
	dmp_harness_advance(10);
	assert_int_equal(rig->m->ops->flush_range(rig->m->sim, rig->m->dom, IOVA, 2 * PAGE, true),
			 0);
	assert_int_equal(rig_seen(rig).did.open_bytes, PAGE);
	dmp_harness_advance(10);
	rig_flush(rig);
	assert_int_equal(rig->told.nended, 1);
	assert_int_equal(rig->told.window.len, 4 * PAGE);
	assert_int_equal(rig->told.window.bytes, 2 * PAGE);
	assert_int_equal(rig_seen(rig).did.byte_ns, (10 + 20) * PAGE);
	assert_int_equal(rig_seen(rig).did.ns.max, 20);
	rig_free(rig, phys, 2);
}

static int setup_not_present(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.flags = DMP_SIM_CACHE_NOT_PRESENT));
}

static void test_that_nothing_is_mapped_leads_nowhere(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);

	assert_int_equal(rig_read(rig, IOVA), -EFAULT);
	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.windows, 0);
	rig_free(rig, phys, 0);
}

static void test_a_look_whose_window_has_ended_opens_another(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_domain *dom = rig->m->dom;
	struct sim_tlb_entry entry = {.id = dom->id, .page = 8, .phys = MIB(1), .prot = RW};
	struct sim_look look = {.sim = rig->m->sim, .reach = load_acquire(&dom->reach)};
	uint64_t now_ns = SIM_NOT_YET;
	struct sim_piece *piece;

	look.now_ns = SIM_NOT_YET;
	look.pages = (struct sim_pages){dom->id, 8, 9};
	piece = sim_reach_hold(&look, TLB_IOTLB, &entry);
	assert_non_null(piece);
	sim_reach_let_go(rig->m->sim, TLB_IOTLB, piece, DMP_EXPOSURE_EVICTED, &now_ns);
	assert_int_equal(rig->told.nended, 1);
	entry.page = 9;
	piece = sim_reach_hold(&look, TLB_IOTLB, &entry);
	assert_non_null(piece);
	assert_int_equal(rig_seen(rig).did.windows, 2);
	assert_int_equal(rig_seen(rig).did.open, 1);
	sim_reach_let_go(rig->m->sim, TLB_IOTLB, piece, DMP_EXPOSURE_EVICTED, &now_ns);
	assert_int_equal(rig->told.nended, 2);
}

/* What is counted. */

static void test_what_is_open_at_the_end_is_told_as_open(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t first = rig_leave_open(rig, IOVA), second;
	struct dmp_exposure_seen seen;

	dmp_harness_advance(30);
	second = rig_leave_open(rig, IOVA + PAGE);
	dmp_harness_advance(12);
	seen = rig_seen(rig);
	assert_int_equal(seen.did.open, 2);
	assert_int_equal(seen.did.open_bytes, 2 * PAGE);
	assert_int_equal(seen.did.open_oldest_ns, 42);
	assert_int_equal(seen.did.byte_ns, 42 * PAGE + 12 * PAGE);
	assert_int_equal(seen.did.ns.count, 0);
	assert_int_equal(rig_seen(rig).did.byte_ns, seen.did.byte_ns);
	rig_free(rig, first, 0);
	rig_free(rig, second, 0);
}

static void test_a_sum_that_would_overflow_stays_at_its_end(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	dmp_harness_advance(UINT64_C(1) << 60);
	assert_int_equal(rig_seen(rig).did.byte_ns, UINT64_MAX);
	rig_flush(rig);
	assert_int_equal(rig_seen(rig).did.byte_ns, UINT64_MAX);
	assert_int_equal(rig_seen(rig).did.ns.max, UINT64_C(1) << 60);
	rig_free(rig, phys, 0);
}

static void test_what_there_is_no_memory_for_is_counted_as_untracked(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 1, 1), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(dmp_harness_failed(DMP_HARNESS_ALLOC_BACKEND), 1);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0), 0);
	assert_int_equal(rig_seen(rig).did.windows, 0);
	assert_int_equal(rig_seen(rig).untracked, 1);
	assert_int_equal(dmp_sim_check(rig->m->sim), 0);
	rig_flush(rig);
	rig_free(rig, rig_leave_open(rig, IOVA), 0);
	assert_int_equal(rig_seen(rig).did.open, 1);
	rig_free(rig, phys, 0);
}

/*
 * One chunk has 32 of each: as many pieces in one window, then a window whose piece finds no room.
 */
static void test_a_window_without_room_for_its_piece_has_never_been(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_domain *dom = rig->m->dom;
	struct sim_look look = {.sim = rig->m->sim, .reach = load_acquire(&dom->reach)};
	struct sim_tlb_entry entry = {.id = dom->id, .phys = MIB(1), .prot = RW};
	uint64_t now_ns = SIM_NOT_YET;
	struct sim_piece *piece[32];

	look.pages = (struct sim_pages){dom->id, 0, 31};
	for (entry.page = 0; entry.page < 32; entry.page++) {
		piece[entry.page] = sim_reach_hold(&look, TLB_IOTLB, &entry);
		assert_non_null(piece[entry.page]);
	}
	look.serial = 0;
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 1, 1), 0);
	assert_null(sim_reach_hold(&look, TLB_IOTLB, &entry));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0), 0);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(rig_seen(rig).untracked, 1);
	while (entry.page-- > 0)
		sim_reach_let_go(rig->m->sim, TLB_IOTLB, piece[entry.page], DMP_EXPOSURE_EVICTED,
				 &now_ns);
	assert_int_equal(rig->told.nended, 1);
}

/* Begin and end. */

static void test_a_watch_begins_once_and_of_translated_domains(void **state)
{
	struct reach_rig *rig = *state;
	struct dmp_sim *sim = rig->m->sim;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	struct dmp_exposure_seen seen;
	void *dom;

	assert_int_equal(sim_exposure_start(sim, rig->m->dom, NULL, NULL), -EINVAL);
	assert_int_equal(sim_domain_create(sim, DMP_DOMAIN_PASSTHROUGH, &dom, &info), 0);
	assert_int_equal(sim_exposure_start(sim, dom, NULL, NULL), -EINVAL);
	sim_domain_destroy(sim, dom);
	assert_int_equal(sim_domain_create(sim, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(sim_exposure_get(sim, dom, &seen), -EINVAL);
	assert_int_equal(sim_exposure_start(sim, dom, NULL, NULL), 0);
	assert_int_equal(sim_exposure_get(sim, dom, &seen), 0);
	sim_domain_destroy(sim, dom);
}

static void test_without_memory_nothing_is_watched(void **state)
{
	struct machine *m = *state;

	machine_add_domain(m);
	for (uint64_t nth = 1; nth <= 3; nth++) {
		struct dmp_exposure_seen seen;

		assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, nth, 1), 0);
		assert_int_equal(sim_exposure_start(m->sim, m->dom, NULL, NULL), -ENOMEM);
		assert_int_equal(sim_exposure_get(m->sim, m->dom, &seen), -EINVAL);
	}
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0), 0);
	assert_int_equal(sim_exposure_start(m->sim, m->dom, NULL, NULL), 0);
}

static void test_a_device_that_is_detached_reaches_nothing(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	dmp_harness_advance(9);
	sim_domain_detach(rig->m->sim, rig->m->dom, rig->m->device);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(rig_seen(rig).did.ns.max, 9);
	assert_int_equal(sim_domain_attach(rig->m->sim, rig->m->dom, rig->m->device), 0);
	rig_free(rig, phys, 0);
}

static void test_an_unwatched_domain_marks_nothing(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	unsigned char byte;

	machine_add_all(m);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(m->ops->unmap_pages(m->sim, m->dom, IOVA, PAGE, 1, NULL), PAGE);
	assert_int_equal(sim_tlb_count_marked(&m->sim->units[0].iotlb), 0);
	assert_false(sim_reach_any(&m->sim->reaches));
	m->ops->mem_free(m->sim, phys, 0);
}

/* The walker: R1, R2. */

static void test_the_walker_sees_a_mark_that_nobody_counts(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);
	struct sim_tlb *iotlb = &rig->m->sim->units[0].iotlb;
	struct sim_tlb_entry *entry = iotlb->store;
	struct sim_piece *piece;

	while (!entry->piece)
		entry++;
	piece = entry->piece;
	entry->piece = NULL;
	assert_int_equal(dmp_sim_check(rig->m->sim), -EIO);
	entry->piece = piece;
	assert_int_equal(dmp_sim_check(rig->m->sim), 0);
	rig_free(rig, phys, 0);
}

static void test_the_walker_sees_bytes_that_are_in_no_window(void **state)
{
	struct reach_rig *rig = *state;
	struct sim_domain *dom = rig->m->dom;
	struct sim_reach *reach = load_acquire(&dom->reach);

	reach->seen.did.open_bytes++;
	assert_int_equal(dmp_sim_check(rig->m->sim), -EIO);
	reach->seen.did.open_bytes--;
	reach->seen.did.open++;
	assert_int_equal(dmp_sim_check(rig->m->sim), -EIO);
	reach->seen.did.open--;
}

#define IN(test, setup) cmocka_unit_test_setup_teardown(test, setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(test_a_window_opens_only_if_an_entry_leads_there, rig_setup),
		IN(test_a_flush_ends_it, rig_setup),
		IN(test_a_window_opens_when_the_gather_says_the_unmap_began, rig_setup),
		IN(test_a_flush_of_another_range_leaves_it_open, rig_setup),
		IN(test_an_eviction_ends_it, rig_setup),
		IN(test_only_what_entries_lead_to_is_counted, rig_setup),
		IN(test_that_nothing_is_mapped_leads_nowhere, setup_not_present),
		IN(test_a_look_whose_window_has_ended_opens_another, rig_setup),
		IN(test_what_is_open_at_the_end_is_told_as_open, rig_setup),
		IN(test_a_sum_that_would_overflow_stays_at_its_end, rig_setup),
		IN(test_what_there_is_no_memory_for_is_counted_as_untracked, rig_setup),
		IN(test_a_window_without_room_for_its_piece_has_never_been, rig_setup),
		IN(test_a_watch_begins_once_and_of_translated_domains, rig_setup),
		cmocka_unit_test_setup_teardown(test_without_memory_nothing_is_watched,
						machine_setup_bare, machine_teardown),
		IN(test_a_device_that_is_detached_reaches_nothing, rig_setup),
		cmocka_unit_test_setup_teardown(test_an_unwatched_domain_marks_nothing,
						machine_setup_bare, machine_teardown),
		IN(test_the_walker_sees_a_mark_that_nobody_counts, rig_setup),
		IN(test_the_walker_sees_bytes_that_are_in_no_window, rig_setup),
	};

	return cmocka_run_group_tests_name("sim_reach", tests, NULL, NULL);
}
