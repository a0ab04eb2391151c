// SPDX-License-Identifier: MIT
/*
 * test_sim_gate.c - proves the half of [DRAIN] that sim/sim_gate.c holds
 *
 * That it is enough, test_sim_iotlb and stress_sim show with real accesses.
 */
#include "test_sim_machine.h"

#include <pthread.h>

struct drain {
	struct machine *m;
	struct sim_pages pages;
	DMP_ATOMIC(uint32_t) begun, ended;
};

static void *drain(void *arg)
{
	struct drain *d = arg;

	store_relaxed(&d->begun, 1);
	sim_gates_drain(d->m->sim, &d->pages);
	store_release(&d->ended, 1);
	return NULL;
}

/* Did it end while an access to @page of @id was under way?  A yes is always right. */
static bool ends_beside(struct machine *m, struct sim_pages pages, uint64_t id, uint64_t page)
{
	struct drain d = {.m = m, .pages = pages};
	struct sim_gate *gate = sim_gate_enter(m->sim, id, page);
	pthread_t thread;
	bool ended;

	assert_int_equal(pthread_create(&thread, NULL, drain, &d), 0);
	while (!load_relaxed(&d.begun))
		dmp_cpu_yield();
	for (unsigned i = 0; i < 200; i++)
		dmp_cpu_yield();
	ended = load_acquire(&d.ended);
	sim_gate_leave(gate);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(load_acquire(&d.ended), 1);
	return ended;
}

static void test_a_drain_waits_for_accesses_to_its_pages(void **state)
{
	struct machine *m = *state;

	assert_false(ends_beside(m, (struct sim_pages){1, 10, 10}, 1, 10));
	assert_false(ends_beside(m, (struct sim_pages){1, 10, 12}, 1, 12));
	assert_false(ends_beside(m, (struct sim_pages){1, 10, 10 + SIM_GATES}, 1, 11));
	assert_false(ends_beside(m, (struct sim_pages){1, 0, UINT64_MAX}, 1, 12345));
	assert_false(ends_beside(m, (struct sim_pages){0, 7, 7}, 3, 7));
}

/* Pages apart by less than the number of gates have gates of their own. */
static void test_an_access_to_another_page_is_not_waited_for(void **state)
{
	struct machine *m = *state;
	struct sim_gate *gate = sim_gate_enter(m->sim, 1, 10);

	sim_gates_drain(m->sim, &(struct sim_pages){1, 11, 10 + SIM_GATES - 1});
	sim_gate_leave(gate);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup_bare, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_drain_waits_for_accesses_to_its_pages),
		TEST(test_an_access_to_another_page_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("sim_gate", tests, NULL, NULL);
}
