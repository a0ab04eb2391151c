// SPDX-License-Identifier: MIT
/*
 * test_flow_depot.c - an address space goes with its depot in any state, above all popped empty
 *
 * At teardown Linux once took a magazine from a depot that had none.  What leads there, and near:
 *
 *   frees      -> loaded, prev full -> depot            reclaim is scheduled, 100 ms
 *   allocs     <- loaded, prev, depot ... empty         reclaim is still scheduled
 *   reclaim    -> policy, one magazine each time        runs once more, or not
 *   destroy       at each of these moments; then time passes
 *
 * For a depot of fixed size, which has no reclaim, and for one of any, each state is built, looked at,
 * and ended by destroy.  In manual mode, so that a reclaim that outlives its space would run.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/bits.h>
#include <dmapool/harness.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>

#define MAGAZINE 7u
#define MANY     (8 * MAGAZINE)
#define MS       UINT64_C(1000000)
#define LIMIT    DMP_MASK(20)

struct space {
	struct dmp_iova_domain *dom;
	uint64_t pfns[MANY];
	bool is_fixed;
};

static uint64_t magazines(struct space *s)
{
	struct dmp_iova_stats stats;

	assert_int_equal(dmp_iova_get_stats(s->dom, &stats, sizeof(stats)), 0);
	return stats.depot / MAGAZINE;
}

static bool is_scheduled(struct space *s)
{
	return dmp_iova_inspect_reclaim(s->dom, 0);
}

static void take(struct space *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(dmp_iova_alloc(s->dom, 1, LIMIT, 0, &s->pfns[i]), 0);
}

/* A full magazine and one range more stay with the CPU; of @n others as many as it keeps lie in
 * the depot. */
static void fill_depot(struct space *s, unsigned n)
{
	take(s, (n + 1) * MAGAZINE + 1);
	for (unsigned i = 0; i < (n + 1) * MAGAZINE + 1; i++)
		assert_int_equal(dmp_iova_free(s->dom, s->pfns[i], 1), 0);
}

/* The states. */

static void never_used(struct space *s)
{
	assert_int_equal(magazines(s), 0);
	assert_false(is_scheduled(s));
}

static void one_magazine(struct space *s)
{
	fill_depot(s, 1);
	assert_int_equal(magazines(s), 1);
	assert_int_equal(is_scheduled(s), !s->is_fixed);
}

static void full(struct space *s)
{
	fill_depot(s, 5);
	assert_int_equal(magazines(s), s->is_fixed ? 2 : 5);
}

/* Of all magazines the last goes to a CPU; then the CPU comes once more, and finds none. */
static void popped_empty(struct space *s)
{
	full(s);
	take(s, 8 * MAGAZINE);
	assert_int_equal(magazines(s), 0);
	assert_int_equal(is_scheduled(s), !s->is_fixed);
}

static void popped_empty_by_a_flush(struct space *s)
{
	full(s);
	dmp_iova_flush(s->dom);
	assert_int_equal(magazines(s), 0);
	assert_int_equal(is_scheduled(s), !s->is_fixed);
}

static void popped_empty_and_reclaim_came_in_vain(struct space *s)
{
	popped_empty(s);
	assert_int_equal(dmp_harness_advance(100 * MS), s->is_fixed ? 0 : 1);
	assert_false(is_scheduled(s));
}

static void popped_empty_by_a_trim(struct space *s)
{
	full(s);
	dmp_iova_trim(s->dom);
	dmp_iova_trim(s->dom);
	dmp_iova_trim(s->dom);
	assert_int_equal(magazines(s), 0);
}

static void reclaim_has_just_run(struct space *s)
{
	full(s);
	assert_int_equal(dmp_harness_advance(100 * MS), s->is_fixed ? 0 : 1);
	assert_int_equal(magazines(s), s->is_fixed ? 2 : 4);
	assert_int_equal(is_scheduled(s), !s->is_fixed); /* the next is due */
}

static void reclaim_has_ended(struct space *s)
{
	full(s);
	dmp_harness_advance(10000 * MS);
	assert_int_equal(magazines(s), 2); /* as many as CPUs, or the fixed size */
	assert_false(is_scheduled(s));
}

/* What reclaim has left is popped, and reclaim is due for what came after. */
static void popped_empty_after_reclaim_and_filled_again(struct space *s)
{
	reclaim_has_ended(s);
	take(s, 8 * MAGAZINE);
	assert_int_equal(magazines(s), 0);
	for (unsigned i = 0; i < 2 * MAGAZINE + 1; i++)
		assert_int_equal(dmp_iova_free(s->dom, s->pfns[i], 1), 0);
	assert_int_equal(magazines(s), 1);
	assert_int_equal(is_scheduled(s), !s->is_fixed);
}

/* The CPU whose magazines these were has gone; the depot stays. */
static void its_cpu_is_offline(struct space *s)
{
	full(s);
	assert_int_equal(dmp_harness_become(1), 0);
	assert_int_equal(dmp_harness_set_online(0, false), 0);
	assert_int_equal(magazines(s), s->is_fixed ? 2 : 5);
}

static void end_in_state(void (*reach)(struct space *s), bool is_fixed, bool is_checked)
{
	uint64_t meta_before = dmp_meta_in_use();
	struct space s = {.is_fixed = is_fixed};

	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_iova_create(&DMP_IOVA_OPTS(.magazine_size = MAGAZINE, .start_pfn = 1,
							.depot_limit = is_fixed ? 2 : 0),
					 &s.dom),
			 0);
	reach(&s);
	if (is_checked)
		assert_int_equal(dmp_iova_check(s.dom), 0);
	assert_int_equal(dmp_iova_destroy(s.dom), 0);
	assert_int_equal(dmp_harness_run_pending(), 0);
	assert_int_equal(dmp_harness_advance(10000 * MS), 0);
	assert_int_equal(dmp_harness_leave(), 0);
	dmp_rcu_barrier();
	assert_int_equal(dmp_meta_in_use(), meta_before);
}

static void test_a_space_goes_with_a_depot_in_any_state(void **state)
{
	static void (*const states[])(struct space *) = {
		never_used,
		one_magazine,
		full,
		popped_empty,
		popped_empty_by_a_flush,
		popped_empty_by_a_trim,
		popped_empty_and_reclaim_came_in_vain,
		reclaim_has_just_run,
		reclaim_has_ended,
		popped_empty_after_reclaim_and_filled_again,
		its_cpu_is_offline,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		for (int is_fixed = 0; is_fixed < 2; is_fixed++)
			for (int is_checked = 0; is_checked < 2; is_checked++)
				end_in_state(states[i], is_fixed, is_checked);
}

/* The same with all that stands around it: a device maps and unmaps more than its CPU keeps. */

#define BUFFERS (5 * 127 + 1)

static void use_buffers(struct fixture *f, void *ram, dmp_addr_t *addr, bool all_unmapped)
{
	for (unsigned i = 0; i < BUFFERS; i++)
		assert_int_equal(dmp_dma_map(f->dev, ram, 64, DMP_TO_DEVICE, 0, &addr[i]), 0);
	for (unsigned i = 0; i < BUFFERS; i++)
		assert_int_equal(dmp_dma_unmap(f->dev, addr[i], 64, DMP_TO_DEVICE, 0), 0);
	if (all_unmapped)
		return;
	for (unsigned i = 0; i < BUFFERS; i++)
		assert_int_equal(dmp_dma_map(f->dev, ram, 64, DMP_TO_DEVICE, 0, &addr[i]), 0);
}

static uint64_t depot_ranges(struct dmp_domain *dom)
{
	struct dmp_iova_stats stats;

	assert_int_equal(dmp_iova_get_stats(dmp_domain_iova(dom), &stats, sizeof(stats)), 0);
	return stats.depot;
}

/*
 *   detach, destroy, attach to a new one     with magazines in the depot, after @ms
 */
static void leave_behind(enum dmp_flush_policy flush, uint64_t ms)
{
	static dmp_addr_t addr[BUFFERS];
	struct fixture f;
	void *ram;

	assert_int_equal(dmp_harness_enter(1), 0);
	fixture_setup(&f, &FIXTURE(.translated = true, .domain.flush = flush));
	ram = fixture_ram(&f, 64, 0);
	for (int round = 0; round < 3; round++) {
		use_buffers(&f, ram, addr, true);
		dmp_harness_advance(ms * MS);
		if (ms == 0 && flush == DMP_FLUSH_STRICT)
			assert_true(depot_ranges(f.dom) >= 2 * 127);
		assert_int_equal(dmp_device_detach(f.dev), 0);
		assert_int_equal(dmp_domain_destroy(f.dom), 0);
		assert_int_equal(dmp_harness_run_pending(), 0);
		assert_int_equal(dmp_domain_create(f.hw, &DMP_DOMAIN_OPTS(.flush = flush), &f.dom),
				 0);
		assert_int_equal(dmp_device_attach(f.dev, f.dom), 0);
	}
	fixture_ram_free(&f, ram, 64);
	fixture_teardown(&f);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_domain_goes_with_magazines_in_its_depot(void **state)
{
	static const enum dmp_flush_policy policies[] = {DMP_FLUSH_STRICT, DMP_FLUSH_LAZY,
							 DMP_FLUSH_LAZY_SINGLE};

	(void)state;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		for (uint64_t ms = 0; ms <= 200; ms += 100)
			leave_behind(policies[i], ms);
}

/* Every magazine has gone back to its CPU, the last one too, when the domain comes to its end. */
static void test_a_domain_goes_when_its_depot_was_popped_empty(void **state)
{
	static dmp_addr_t addr[BUFFERS];
	struct fixture f;
	void *ram;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	fixture_setup(&f, &FIXTURE(.translated = true));
	ram = fixture_ram(&f, 64, 0);
	use_buffers(&f, ram, addr, false);
	assert_int_equal(depot_ranges(f.dom), 0);
	assert_int_equal(dmp_device_detach(f.dev), -EBUSY);
	for (unsigned i = 0; i < BUFFERS; i++) {
		if (i == 127)
			assert_int_equal(dmp_iova_inspect_reclaim(dmp_domain_iova(f.dom), 0), true);
		assert_int_equal(dmp_dma_unmap(f.dev, addr[i], 64, DMP_TO_DEVICE, 0), 0);
	}
	fixture_ram_free(&f, ram, 64);
	dmp_iova_flush(dmp_domain_iova(f.dom)); /* popped empty once more, reclaim pending */
	fixture_teardown(&f);
	assert_int_equal(dmp_harness_advance(1000 * MS), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_space_goes_with_a_depot_in_any_state),
		cmocka_unit_test(test_a_domain_goes_with_magazines_in_its_depot),
		cmocka_unit_test(test_a_domain_goes_when_its_depot_was_popped_empty),
	};

	return cmocka_run_group_tests_name("flow_depot", tests, NULL, NULL);
}
