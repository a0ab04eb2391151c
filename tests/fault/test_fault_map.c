// SPDX-License-Identifier: MIT
/*
 * test_fault_map.c - fail the n-th call of every kind, for every n, until none fails
 *
 * One path through everything, for each route: bounce allocator, domain, device, buffer, list,
 * coherent memory, the device's access, and back.  Whatever fails on it, the error is the
 * documented one, nothing leaks, and the same path works when it is tried again.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <stdio.h>
#include <stdlib.h>

#define LEN    6000u
#define PIECES 40u /* more than a list keeps on the stack */
#define PAGE   4096u
#define NTHS   5000u /* far more than the path has calls of any kind */

/* No call of the library or the simulator makes this one up. */
#define STRANGE (-EXDEV)

/* What the device is like, and where it stands. */
struct route {
	bool translated;
	bool bounces; /* there are slots */
	uint32_t flags;
	uint64_t dma_mask;
};

static const struct route routes[] = {
	{.translated = false},
	{.translated = true},
	{.bounces = true, .dma_mask = DMP_MASK(32)}, /* RAM in place, the list in slots */
	{.bounces = true, .flags = DMP_DEVICE_FORCE_BOUNCE},
	{.translated = true, .bounces = true, .flags = DMP_DEVICE_UNTRUSTED},
	{.translated = true, .bounces = true, .flags = DMP_DEVICE_FORCE_BOUNCE},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

struct path {
	struct dmp_sim *sim;
	struct dmp_hw *hw;
	const struct route *route;
	struct dmp_swiotlb *tlb; /* NULL: nothing bounces */
	struct dmp_domain *dom;  /* NULL: direct */
	struct dmp_device *dev;
	struct dmp_sim_agent *agent;
	void *ram;
};

static unsigned char memory[PIECES * 2 * PAGE];

static int use_buffer(struct path *p)
{
	unsigned char data[LEN] = {0};
	dmp_addr_t addr;
	int err = dmp_dma_map(p->dev, p->ram, LEN, DMP_FROM_DEVICE, DMP_ATTR_NO_WARN, &addr);
	int unmap_err;

	if (err)
		return err;
	err = dmp_sim_agent_write(p->agent, addr, data, LEN);
	unmap_err = dmp_dma_unmap(p->dev, addr, LEN, DMP_FROM_DEVICE, 0);
	return err ? err : unmap_err;
}

static int use_list(struct path *p)
{
	struct dmp_sg sg[PIECES];
	size_t n;
	int err;

	for (size_t i = 0; i < PIECES; i++)
		sg[i] = (struct dmp_sg){.buf = memory + i * 2 * PAGE, .len = PAGE / 2};
	err = dmp_dma_map_sg(p->dev, sg, PIECES, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &n);
	return err ? err : dmp_dma_unmap_sg(p->dev, sg, PIECES, DMP_TO_DEVICE, 0);
}

static int use_coherent(struct path *p)
{
	dmp_addr_t addr;
	void *buf;
	int err = dmp_dma_alloc_coherent(p->dev, LEN, &buf, &addr);

	if (err)
		return err;
	return dmp_dma_free_coherent(p->dev, LEN, buf, addr);
}

static int use_all(struct path *p)
{
	int err = use_buffer(p);

	if (!err)
		err = use_list(p);
	return err ? err : use_coherent(p);
}

static int with_agent(struct path *p)
{
	int err = dmp_hw_alloc(p->hw, LEN, &p->ram);

	if (err)
		return err;
	err = dmp_sim_agent_create(p->sim, dmp_device_id(p->dev), &p->agent);
	if (err)
		goto undo_ram;
	err = use_all(p);
	dmp_sim_agent_destroy(p->agent);
undo_ram:
	assert_int_equal(dmp_hw_free(p->hw, p->ram, LEN), 0);
	return err;
}

static int with_domain(struct path *p)
{
	int err = dmp_domain_create(p->hw, NULL, &p->dom), check;

	if (err)
		return err;
	err = dmp_device_attach(p->dev, p->dom);
	if (err)
		goto undo_domain;
	err = with_agent(p);
	check = dmp_domain_check(p->dom);
	assert_true(check == 0 || check == -ENOMEM); /* the walker takes memory, too */
	assert_int_equal(dmp_device_detach(p->dev), 0);
undo_domain:
	assert_int_equal(dmp_domain_destroy(p->dom), 0);
	return err;
}

static int with_device(struct path *p)
{
	const struct route *route = p->route;
	int err =
		dmp_device_create(p->hw,
				  &DMP_DEVICE_OPTS(.flags = route->flags,
						   .dma_mask = route->dma_mask, .swiotlb = p->tlb),
				  &p->dev);

	if (err)
		return err;
	err = route->translated ? with_domain(p) : with_agent(p);
	assert_int_equal(dmp_device_destroy(p->dev), 0);
	return err;
}

/* The whole path; the first error on it. */
static int walk(struct dmp_sim *sim, const struct route *route)
{
	struct path p = {.sim = sim, .hw = dmp_sim_hw(sim), .route = route};
	int err;

	if (!route->bounces)
		return with_device(&p);
	err = dmp_swiotlb_create(p.hw, &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 1), &p.tlb);
	if (err)
		return err;
	err = with_device(&p);
	assert_int_equal(dmp_swiotlb_check(p.tlb), 0);
	assert_int_equal(dmp_swiotlb_destroy(p.tlb), 0);
	return err;
}

struct machine {
	struct dmp_sim *sim;
	uint64_t meta_empty; /* before the machine */
	uint64_t meta_idle;  /* with the machine, after a walk */
};

static void swallow(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	if (getenv("DMP_TEST_LOG"))
		fprintf(stderr, "log: %s\n", line);
}

static void machine_up(struct machine *m, const struct route *route)
{
	m->meta_empty = dmp_meta_in_use();
	dmp_log_set_sink(swallow, NULL);
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.hw_flags = DMP_HW_CHECK), &m->sim), 0);
	assert_int_equal(walk(m->sim, route), 0);
	dmp_rcu_barrier();
	m->meta_idle = dmp_meta_in_use();
}

/* After a failure: nothing is left, and the same path works. */
static void machine_check(struct machine *m, const struct route *route)
{
	dmp_rcu_barrier();
	assert_int_equal(dmp_meta_in_use(), m->meta_idle);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(walk(m->sim, route), 0);
}

static void machine_down(struct machine *m)
{
	assert_int_equal(dmp_sim_destroy(m->sim), 0);
	dmp_rcu_barrier();
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_meta_in_use(), m->meta_empty);
}

/* Returns how many walks met a failure. */
static uint64_t fail_every_alloc(enum dmp_harness_alloc kind, const struct route *route)
{
	struct machine m;
	uint64_t nth, failed = 1;

	machine_up(&m, route);
	for (nth = 0; failed && nth < NTHS; nth++) {
		int err;

		assert_int_equal(dmp_harness_fail_alloc(kind, nth + 1, 1), 0);
		err = walk(m.sim, route);
		failed = dmp_harness_failed(kind);
		assert_int_equal(dmp_harness_fail_alloc(kind, 0, 0), 0);
		assert_true(err == 0 || err == -ENOMEM);
		machine_check(&m, route);
	}
	assert_true(nth < NTHS);
	machine_down(&m);
	return nth - 1;
}

static uint64_t fail_every_call(enum dmp_sim_call kind, const struct route *route, int err,
				int expected)
{
	struct machine m;
	uint64_t nth, failed = 1;

	machine_up(&m, route);
	for (nth = 0; failed && nth < NTHS; nth++) {
		int got;

		assert_int_equal(dmp_sim_fail(m.sim, kind, nth + 1, 1, err), 0);
		got = walk(m.sim, route);
		failed = dmp_sim_failed(m.sim, kind);
		assert_int_equal(dmp_sim_fail(m.sim, kind, 0, 0, 0), 0);
		assert_true(got == 0 || got == expected);
		machine_check(&m, route);
	}
	assert_true(nth < NTHS);
	machine_down(&m);
	return nth - 1;
}

static void test_each_failed_bookkeeping_allocation_is_enomem(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		const struct route *route = &routes[i];

		assert_true(fail_every_alloc(DMP_HARNESS_ALLOC_OBJECT, route) >= 1);
		assert_true(fail_every_alloc(DMP_HARNESS_ALLOC_PERCPU, route) >= 1);
		assert_true(fail_every_alloc(DMP_HARNESS_ALLOC_RANGE, route) >= route->translated);
		fail_every_alloc(DMP_HARNESS_ALLOC_MAGAZINE, route);
		fail_every_alloc(DMP_HARNESS_ALLOC_BACKEND, route);
		fail_every_alloc(DMP_HARNESS_ALLOC_ANY, route);
	}
}

static void check_calls_of_any_machine(const struct route *route)
{
	assert_true(fail_every_call(DMP_SIM_CALL_DEVICE_ADD, route, STRANGE, STRANGE) >= 1);
	assert_true(fail_every_call(DMP_SIM_CALL_MEM_ALLOC, route, 0, -ENOMEM) >= 1);
	assert_true(fail_every_call(DMP_SIM_CALL_COHERENT_ALLOC, route, 0, -ENOMEM) >= 1);
	if (!route->translated)
		assert_true(fail_every_call(DMP_SIM_CALL_MEM_MAP, route, STRANGE, STRANGE) >=
			    PIECES);
}

static void check_calls_of_a_domain(const struct route *route)
{
	assert_true(fail_every_call(DMP_SIM_CALL_DOMAIN_CREATE, route, STRANGE, STRANGE) >= 1);
	assert_true(fail_every_call(DMP_SIM_CALL_ATTACH, route, STRANGE, STRANGE) >= 1);
	assert_true(fail_every_call(DMP_SIM_CALL_MAP_PAGES, route, STRANGE, STRANGE) >= 1);
	assert_true(fail_every_call(DMP_SIM_CALL_TABLE_ALLOC, route, 0, -ENOMEM) >= 1);
}

static void test_each_failed_call_of_the_machine_passes_its_errno(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++) {
		check_calls_of_any_machine(&routes[i]);
		if (routes[i].translated)
			check_calls_of_a_domain(&routes[i]);
	}
}

/* What is behind a flush that failed, tables, coherent memory and slots, goes with its domain. */
static void test_each_stuck_invalidation_is_etimedout(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++)
		assert_true(fail_every_call(DMP_SIM_CALL_INVALIDATE, &routes[i], 0, -ETIMEDOUT) >=
			    routes[i].translated);
}

static void test_each_failed_access_is_the_agents_efault(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES; i++)
		assert_true(fail_every_call(DMP_SIM_CALL_ACCESS, &routes[i], 0, -EFAULT) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_failed_bookkeeping_allocation_is_enomem),
		cmocka_unit_test(test_each_failed_call_of_the_machine_passes_its_errno),
		cmocka_unit_test(test_each_stuck_invalidation_is_etimedout),
		cmocka_unit_test(test_each_failed_access_is_the_agents_efault),
	};

	return cmocka_run_group_tests_name("fault_map", tests, NULL, NULL);
}
