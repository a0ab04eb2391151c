// SPDX-License-Identifier: MIT
/*
 * test_sim_inject.c - proves that each kind of sim/sim_inject.c fails when told, and leaves
 * the machine as it was
 */
#include "test_sim_machine.h"

#define IOVA GIB(1)

static unsigned char host[64];

/* One call of each kind that succeeds unless it is made to fail. */
static int call_once(struct machine *m, enum dmp_sim_call kind)
{
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	dmp_phys_t phys = (uintptr_t)host + DMP_SIM_HOST_OFFSET;
	uint32_t device;
	unsigned char byte;
	uint64_t mapped;
	void *dom;
	int err;

	switch (kind) {
	case DMP_SIM_CALL_MEM_ALLOC:
		err = m->ops->mem_alloc(m->sim, DMP_ZONE_ANY, 0, 0, &phys);
		if (!err)
			m->ops->mem_free(m->sim, phys, 0);
		return err;
	case DMP_SIM_CALL_COHERENT_ALLOC:
		err = m->ops->coherent_alloc(m->sim, PAGE, UINT64_MAX, 0, &phys);
		if (!err)
			m->ops->coherent_free(m->sim, phys, PAGE);
		return err;
	case DMP_SIM_CALL_MEM_MAP:
		err = m->ops->mem_map(m->sim, m->device, phys, 64, DMP_TO_DEVICE);
		if (!err)
			err = m->ops->mem_unmap(m->sim, m->device, phys, 64, DMP_TO_DEVICE);
		return err;
	case DMP_SIM_CALL_DEVICE_ADD:
		err = m->ops->device_add(m->sim, &desc, &device);
		if (!err)
			m->ops->device_remove(m->sim, device);
		return err;
	case DMP_SIM_CALL_TABLE_ALLOC: /* the root */
	case DMP_SIM_CALL_DOMAIN_CREATE:
		err = m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &dom, &info);
		if (!err)
			m->ops->domain_destroy(m->sim, dom);
		return err;
	case DMP_SIM_CALL_ATTACH:
		m->ops->domain_detach(m->sim, m->dom, m->device);
		err = m->ops->domain_attach(m->sim, m->dom, m->device);
		if (err)
			assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
		return err;
	case DMP_SIM_CALL_MAP_PAGES:
		err = m->ops->map_pages(m->sim, m->dom, IOVA, GIB(2), PAGE, 8, RW, &mapped);
		assert_int_equal(mapped, err ? 4 * PAGE : 8 * PAGE);
		assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 8), mapped);
		return err;
	case DMP_SIM_CALL_INVALIDATE: return m->ops->flush_domain(m->sim, m->dom);
	case DMP_SIM_CALL_ACCESS:
		assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
		err = dmp_sim_agent_read(m->agent, IOVA, &byte, 1);
		assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
		return err;
	case DMP_SIM_CALL_MAKE_SHARED:
	case DMP_SIM_CALL_MAKE_PRIVATE: /* members of encrypted machines only */
		err = sim_make_shared(m->sim, GIB(2), 2);
		return err ? err : sim_make_private(m->sim, GIB(2), 2);
	default: return -ENOTSUP;
	}
}

static void test_each_kind_fails_once_when_told_and_then_no_more(void **state)
{
	struct machine *m = *state;

	for (enum dmp_sim_call kind = 0; kind < DMP_SIM_CALLS; kind++) {
		int err = kind == DMP_SIM_CALL_INVALIDATE ? -ETIMEDOUT
			  : kind == DMP_SIM_CALL_ACCESS   ? -EFAULT
							  : -ENOMEM;

		assert_int_equal(call_once(m, kind), 0);
		assert_int_equal(dmp_sim_fail(m->sim, kind, 1, 1, 0), 0);
		assert_int_equal(call_once(m, kind), err);
		assert_int_equal(dmp_sim_failed(m->sim, kind), 1);
		assert_int_equal(call_once(m, kind), 0);
		assert_int_equal(dmp_sim_failed(m->sim, kind), 1);
		assert_int_equal(dmp_sim_check(m->sim), 0);
	}
}

static void test_the_nth_call_and_count_further_ones_fail_with_the_given_errno(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_MEM_ALLOC, 3, 2, -EIO), 0);
	for (unsigned call = 1; call <= 6; call++)
		assert_int_equal(call_once(m, DMP_SIM_CALL_MEM_ALLOC),
				 call == 3 || call == 4 ? -EIO : 0);
	assert_int_equal(dmp_sim_failed(m->sim, DMP_SIM_CALL_MEM_ALLOC), 2);
	assert_int_equal(load_relaxed(&m->sim->injector.armed), 0);
}

static void test_all_fail_until_it_is_switched_off(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_MEM_MAP, 1, UINT64_MAX, 0), 0);
	for (unsigned call = 0; call < 100; call++)
		assert_int_equal(call_once(m, DMP_SIM_CALL_MEM_MAP), -ENOMEM);
	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_MEM_MAP, 0, 0, 0), 0);
	assert_int_equal(call_once(m, DMP_SIM_CALL_MEM_MAP), 0);
	assert_int_equal(dmp_sim_failed(m->sim, DMP_SIM_CALL_MEM_MAP), 0);
}

static void test_one_kind_leaves_the_others_alone(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_MEM_ALLOC, 1, UINT64_MAX, 0), 0);
	for (enum dmp_sim_call kind = 1; kind < DMP_SIM_CALLS; kind++)
		assert_int_equal(call_once(m, kind), 0);
}

static void test_nonsense_is_refused(void **state)
{
	struct machine *m = *state;

	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALLS, 1, 1, 0), -EINVAL);
	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_ACCESS, 1, 1, EIO), -EINVAL);
	assert_int_equal(dmp_sim_failed(m->sim, DMP_SIM_CALLS), 0);
}

/* An injected access failure is a bus error like any other: recorded. */
static void test_a_failed_access_is_recorded_as_a_bus_error(void **state)
{
	struct machine *m = *state;
	unsigned char byte;

	assert_int_equal(machine_map(m, IOVA, GIB(2), PAGE, 1, RW), 0);
	dmp_sim_fail(m->sim, DMP_SIM_CALL_ACCESS, 1, 1, 0);
	assert_int_equal(dmp_sim_agent_read(m->agent, IOVA, &byte, 1), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	assert_int_equal(machine_stats(m).faults, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_kind_fails_once_when_told_and_then_no_more),
		TEST(test_the_nth_call_and_count_further_ones_fail_with_the_given_errno),
		TEST(test_all_fail_until_it_is_switched_off),
		TEST(test_one_kind_leaves_the_others_alone),
		TEST(test_nonsense_is_refused),
		TEST(test_a_failed_access_is_recorded_as_a_bus_error),
	};

	return cmocka_run_group_tests_name("sim_inject", tests, NULL, NULL);
}
