// SPDX-License-Identifier: MIT
/*
 * test_sim_reuse.c - proves what sim/sim_reuse.c says of memory and addresses that are used while
 * a device still reaches them, and of accesses that do reach them
 */
#include "test_sim_reach_rig.h"

/* Addresses and memory. */

static void test_an_address_that_is_given_out_again_is_counted(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA), other = machine_ram(rig->m, 1, NULL);

	dmp_harness_advance(33);
	assert_int_equal(machine_map(rig->m, IOVA + PAGE, other, PAGE, 1, RW), 0);
	assert_int_equal(rig->told.nreused, 0);
	assert_int_equal(machine_map(rig->m, IOVA, other + PAGE, PAGE, 1, RW), 0);
	assert_int_equal(rig_seen(rig).iova_reused, 1);
	assert_int_equal(rig_seen(rig).memory_mapped, 0);
	assert_int_equal(rig->told.nreused, 1);
	assert_int_equal(rig->told.reuse.iova, IOVA);
	assert_int_equal(rig->told.reuse.phys, phys);
	assert_int_equal(rig->told.reuse.len, PAGE);
	assert_int_equal(rig->told.reuse.age_ns, 33);
	assert_int_equal(rig->told.reuse.memory, DMP_EXPOSURE_IDLE);
	rig_flush(rig);
	assert_true(rig->told.window.reused);
	machine_unmap_strict(rig->m, IOVA, PAGE, 2);
	rig_free(rig, phys, 0);
	rig_free(rig, other, 1);
}

static void test_memory_that_is_mapped_again_is_counted(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	dmp_harness_advance(4);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_seen(rig).memory_mapped, 1);
	assert_int_equal(rig_seen(rig).iova_reused, 0);
	assert_int_equal(rig->told.reuse.memory, DMP_EXPOSURE_MAPPED);
	assert_int_equal(rig->told.reuse.age_ns, 4);
	assert_int_equal(rig_seen(rig).did.open, 1);
	rig_unmap(rig, IOVA + MIB(1), PAGE, 1);
	rig_flush(rig);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), phys, PAGE, 1, RW), 0);
	assert_int_equal(rig->told.nreused, 1);
	rig_unmap(rig, IOVA + MIB(1), PAGE, 1);
	rig_free(rig, phys, 0);
}

/* Maps @phys at @iova for a moment; nothing of it is used. */
static void map_in_passing(struct reach_rig *rig, dmp_iova_t iova, dmp_phys_t phys)
{
	assert_int_equal(machine_map(rig->m, iova, phys, PAGE, 1, RW), 0);
	rig_unmap(rig, iova, PAGE, 1);
}

/* A buffer that a driver uses again and again while windows of its earlier uses are open. */
static void test_memory_that_is_mapped_again_and_again_counts_once_a_window(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	for (unsigned i = 1; i <= 3; i++)
		map_in_passing(rig, IOVA + i * MIB(1), phys);
	assert_int_equal(rig_seen(rig).memory_mapped, 1);
	assert_int_equal(rig->told.nreused, 1);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(8), phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA + MIB(8)), 0);
	rig_unmap(rig, IOVA + MIB(8), PAGE, 1);
	assert_int_equal(rig_seen(rig).memory_mapped, 1);
	map_in_passing(rig, IOVA + MIB(9), phys);
	assert_int_equal(rig_seen(rig).memory_mapped, 2);
	rig_free(rig, phys, 0);
	assert_int_equal(rig_seen(rig).memory_freed, 2);
	assert_int_equal(rig_seen(rig).windows_reused, 2);
}

/*
 *   pages     0 1     page 0 has been mapped again, then both are
 */
static void test_of_two_pages_each_is_asked_what_has_become_of_it(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 1, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 2, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(rig_read(rig, IOVA + PAGE), 0);
	rig_unmap(rig, IOVA, PAGE, 2);
	map_in_passing(rig, IOVA + MIB(1), phys);
	assert_int_equal(rig_seen(rig).memory_mapped, 1);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), phys, PAGE, 2, RW), 0);
	assert_int_equal(rig_seen(rig).memory_mapped, 2);
	assert_int_equal(rig_seen(rig).windows_reused, 1);
	machine_unmap_strict(rig->m, IOVA + MIB(1), PAGE, 2);
	rig_free(rig, phys, 1);
}

static void test_an_address_that_is_given_out_twice_counts_once(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA), other = machine_ram(rig->m, 0, NULL);

	map_in_passing(rig, IOVA, other);
	map_in_passing(rig, IOVA, other);
	assert_int_equal(rig_seen(rig).iova_reused, 1);
	assert_int_equal(rig->told.nreused, 1);
	rig_free(rig, phys, 0);
	rig_free(rig, other, 0);
}

/* Pieces of two sizes have the page: the big one, unmapped last, has not seen the first event. */
static void test_a_window_of_a_bigger_page_learns_of_it_as_well(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 9, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	map_in_passing(rig, IOVA + MIB(1), phys);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(2), phys, MIB(2), 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA + MIB(2)), 0);
	rig_unmap(rig, IOVA + MIB(2), MIB(2), 1);
	assert_int_equal(rig_seen(rig).memory_mapped, 1);
	map_in_passing(rig, IOVA + MIB(1), phys);
	assert_int_equal(rig_seen(rig).memory_mapped, 2);
	rig_free(rig, phys, 9);
}

static void test_memory_that_another_domain_maps_is_told_apart(void **state)
{
	struct reach_rig *rig = *state;
	struct dmp_sim *sim = rig->m->sim;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	dmp_phys_t phys = rig_leave_open(rig, IOVA);
	uint64_t mapped;
	void *other;

	assert_int_equal(sim_domain_create(sim, DMP_DOMAIN_TRANSLATED, &other, &info), 0);
	assert_int_equal(sim_map_pages(sim, other, IOVA, phys, PAGE, 1, RW, &mapped), 0);
	assert_int_equal(rig_seen(rig).memory_mapped_elsewhere, 1);
	assert_int_equal(rig_seen(rig).memory_mapped, 0);
	assert_int_equal(rig_seen(rig).iova_reused, 0);
	assert_int_equal(rig->told.reuse.memory, DMP_EXPOSURE_MAPPED_ELSEWHERE);
	assert_int_equal(sim_unmap_pages(sim, other, IOVA, PAGE, 1, NULL), PAGE);
	sim_domain_destroy(sim, other);
	rig_free(rig, phys, 0);
}

static void test_memory_that_is_given_back_is_counted(void **state)
{
	struct reach_rig *rig = *state;

	rig_free(rig, rig_leave_open(rig, IOVA), 0);
	assert_int_equal(rig_seen(rig).memory_freed, 1);
	assert_int_equal(rig->told.reuse.memory, DMP_EXPOSURE_FREED);
	rig_flush(rig);
	rig_free(rig, rig_leave_open(rig, IOVA), 0);
	assert_int_equal(rig_seen(rig).memory_freed, 2);
}

/* Windows: one is mapped again twice, and freed; one rests; one comes to be mapped again, too. */
static void test_a_window_counts_once_whatever_happens_to_its_memory(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);
	dmp_phys_t other = rig_leave_open(rig, IOVA + PAGE);
	dmp_phys_t third = rig_leave_open(rig, IOVA + 2 * PAGE);

	assert_int_equal(rig_seen(rig).windows_reused, 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(machine_map(rig->m, IOVA + MIB(1), phys, PAGE, 1, RW), 0);
		rig_unmap(rig, IOVA + MIB(1), PAGE, 1);
	}
	rig_free(rig, phys, 0);
	assert_int_equal(rig->told.nreused, 2);
	assert_int_equal(rig_seen(rig).windows_reused, 1);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), third, PAGE, 1, RW), 0);
	assert_int_equal(rig_seen(rig).windows_reused, 2);
	assert_int_equal(rig_seen(rig).did.windows, 3);
	rig_unmap(rig, IOVA + MIB(1), PAGE, 1);
	rig_flush(rig);
	assert_int_equal(rig_seen(rig).windows_reused, 2);
	rig_free(rig, other, 0);
	rig_free(rig, third, 0);
	assert_int_equal(rig_seen(rig).windows_reused, 2);
}

/* Pages 0 and 3 of one unmap: two pieces are mapped again, one window. */
static void test_pieces_of_one_window_count_as_one(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 2, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 4, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(rig_read(rig, IOVA + 3 * PAGE), 0);
	rig_unmap(rig, IOVA, PAGE, 4);
	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), phys, PAGE, 4, RW), 0);
	assert_int_equal(rig_seen(rig).memory_mapped, 2);
	assert_int_equal(rig_seen(rig).windows_reused, 1);
	assert_int_equal(rig_seen(rig).did.windows, 1);
	machine_unmap_strict(rig->m, IOVA + MIB(1), PAGE, 4);
	rig_flush(rig);
	rig_free(rig, phys, 2);
}

/* Pages 1 and 3 of four: of a list that maps the four again each is met. */
static void test_each_page_of_a_list_is_met(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 2, NULL);
	struct dmp_phys_run runs[] = {{phys + 2 * PAGE, 2 * PAGE}, {phys, 2 * PAGE}};
	uint64_t mapped;

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 4, RW), 0);
	assert_int_equal(rig_read(rig, IOVA + PAGE), 0);
	assert_int_equal(rig_read(rig, IOVA + 3 * PAGE), 0);
	rig_unmap(rig, IOVA, PAGE, 4);
	assert_int_equal(sim_map_list(rig->m->sim, rig->m->dom, IOVA, runs, 2, RW, &mapped), 0);
	assert_int_equal(rig_seen(rig).iova_reused, 2);
	assert_int_equal(rig_seen(rig).memory_mapped, 2);
	machine_unmap_strict(rig->m, IOVA, PAGE, 4);
	rig_free(rig, phys, 2);
}

/*
 * The tables say again what the entry says: it is no more stale than any other.
 */
static void test_memory_that_is_mapped_where_it_was_ends_the_window(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	dmp_harness_advance(6);
	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig->told.nended, 1);
	assert_int_equal(rig->told.window.end, DMP_EXPOSURE_RESTORED);
	assert_int_equal(rig->told.window.ended_ns, 6);
	assert_int_equal(rig->told.nreused, 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(dmp_sim_check(rig->m->sim), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(rig_seen(rig).did.windows, 2);
	assert_int_equal(rig_seen(rig).did.open, 1);
	rig_flush(rig);
	rig_free(rig, phys, 0);
}

static void test_the_same_memory_with_fewer_rights_does_not_end_it(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, DMP_PROT_READ), 0);
	assert_int_equal(rig_seen(rig).did.open, 1);
	assert_int_equal(rig_seen(rig).iova_reused, 1);
	assert_int_equal(rig_seen(rig).memory_mapped, 1);
	machine_unmap_strict(rig->m, IOVA, PAGE, 1);
	rig_free(rig, phys, 0);
}

static void test_with_a_device_tlb_both_entries_are_right_again(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig->told.window.end, DMP_EXPOSURE_RESTORED);
	assert_int_equal(rig_seen(rig).did.open, 0);
	assert_int_equal(dmp_sim_check(rig->m->sim), 0);
	machine_unmap_strict(rig->m, IOVA, PAGE, 1);
	rig_free(rig, phys, 0);
}

/* Accesses. */

static void test_a_stale_access_is_told_with_all_that_is_known(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);
	const struct dmp_exposure_stale *stale = &rig->told.stale;
	unsigned char bytes[100] = {0};

	dmp_harness_advance(12);
	assert_int_equal(dmp_sim_agent_write(rig->m->agent, IOVA + 40, bytes, 100), -EFAULT);
	assert_int_equal(rig->told.nstale, 1);
	assert_int_equal(stale->device, rig->m->device);
	assert_int_equal(stale->access, DMP_PROT_WRITE);
	assert_int_equal(stale->iova, IOVA + 40);
	assert_int_equal(stale->phys, phys + 40);
	assert_int_equal(stale->len, 100);
	assert_int_equal(stale->age_ns, 12);
	assert_int_equal(stale->memory, DMP_EXPOSURE_IDLE);
	assert_false(stale->iova_reused);
	assert_false(stale->performed);
	dmp_harness_advance(8);
	assert_int_equal(rig_read(rig, IOVA), -EFAULT);
	assert_int_equal(rig_seen(rig).stale_writes, 1);
	assert_int_equal(rig_seen(rig).stale_reads, 1);
	assert_int_equal(rig_seen(rig).stale_bytes, 101);
	assert_int_equal(rig_seen(rig).stale_oldest_ns, 20);
	rig_flush(rig);
	assert_int_equal(rig_read(rig, IOVA), -EFAULT);
	assert_int_equal(rig->told.nstale, 2);
	rig_free(rig, phys, 0);
}

static void test_a_stale_access_says_what_the_memory_is_by_now(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA), other = machine_ram(rig->m, 0, NULL);

	assert_int_equal(machine_map(rig->m, IOVA + MIB(1), phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), -EFAULT);
	assert_int_equal(rig->told.stale.memory, DMP_EXPOSURE_MAPPED);
	rig_unmap(rig, IOVA + MIB(1), PAGE, 1);
	rig_free(rig, phys, 0);
	assert_int_equal(machine_map(rig->m, IOVA, other, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), -EFAULT);
	assert_int_equal(rig->told.stale.memory, DMP_EXPOSURE_FREED);
	assert_true(rig->told.stale.iova_reused);
	assert_int_equal(rig->told.stale.phys, phys);
	machine_unmap_strict(rig->m, IOVA, PAGE, 1);
	rig_free(rig, other, 0);
}

static int setup_touching(void **state)
{
	return rig_setup_with(state, &DMP_SIM_OPTS(.flags = DMP_SIM_TOUCH_STALE));
}

static void test_an_access_that_is_performed_says_so(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = rig_leave_open(rig, IOVA);

	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(rig->told.nstale, 1);
	assert_true(rig->told.stale.performed);
	assert_int_equal(rig_seen(rig).stale_reads, 1);
	rig_flush(rig);
	rig_free(rig, phys, 0);
}

static void test_a_stale_access_that_nobody_tracks_is_counted_without_an_age(void **state)
{
	struct reach_rig *rig = *state;
	dmp_phys_t phys = machine_ram(rig->m, 0, NULL);

	assert_int_equal(machine_map(rig->m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(rig_read(rig, IOVA), 0);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 1, 1), 0);
	rig_unmap(rig, IOVA, PAGE, 1);
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0), 0);
	dmp_harness_advance(5);
	assert_int_equal(rig_read(rig, IOVA), -EFAULT);
	assert_int_equal(rig_seen(rig).stale_reads, 1);
	assert_int_equal(rig_seen(rig).stale_oldest_ns, 0);
	rig_flush(rig);
	rig_free(rig, phys, 0);
}

static void test_whoever_is_not_asked_for_is_not_told(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	unsigned char byte;

	machine_add_all(m);
	assert_int_equal(sim_exposure_start(m->sim, m->dom, NULL, NULL), 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), 0);
	assert_int_equal(m->ops->unmap_pages(m->sim, m->dom, IOVA, PAGE, 1, NULL), PAGE);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), -EFAULT);
	m->ops->mem_free(m->sim, phys, 0);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
}

#define IN(test)       cmocka_unit_test_setup_teardown(test, rig_setup, rig_teardown)
#define AS(test, with) cmocka_unit_test_setup_teardown(test, with, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(test_an_address_that_is_given_out_again_is_counted),
		IN(test_memory_that_is_mapped_again_is_counted),
		IN(test_memory_that_is_mapped_again_and_again_counts_once_a_window),
		IN(test_of_two_pages_each_is_asked_what_has_become_of_it),
		IN(test_an_address_that_is_given_out_twice_counts_once),
		IN(test_a_window_of_a_bigger_page_learns_of_it_as_well),
		IN(test_memory_that_another_domain_maps_is_told_apart),
		IN(test_memory_that_is_given_back_is_counted),
		IN(test_a_window_counts_once_whatever_happens_to_its_memory),
		IN(test_pieces_of_one_window_count_as_one),
		IN(test_each_page_of_a_list_is_met),
		IN(test_memory_that_is_mapped_where_it_was_ends_the_window),
		IN(test_the_same_memory_with_fewer_rights_does_not_end_it),
		AS(test_with_a_device_tlb_both_entries_are_right_again, rig_setup_ats),
		IN(test_a_stale_access_is_told_with_all_that_is_known),
		IN(test_a_stale_access_says_what_the_memory_is_by_now),
		AS(test_an_access_that_is_performed_says_so, setup_touching),
		IN(test_a_stale_access_that_nobody_tracks_is_counted_without_an_age),
		cmocka_unit_test_setup_teardown(test_whoever_is_not_asked_for_is_not_told,
						machine_setup_bare, machine_teardown),
	};

	return cmocka_run_group_tests_name("sim_reuse", tests, NULL, NULL);
}
