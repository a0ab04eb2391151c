// SPDX-License-Identifier: MIT
/*
 * stress_flushq.c - eight threads map, let the device write, look at the bytes and unmap lazily
 *
 * Small rings and a short timeout, so that full rings, the timer on the worker, flushes that
 * were asked for and releases of each other's rings overlap all the time.  What must hold:
 * an address that was just mapped leads to its own buffer.  One that was released too early is
 * still in the IOTLB with its old page; the device's access to it is then stale, which fails
 * here, or its bytes land elsewhere.
 *
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "double_hw.h"
#include "fixture.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <stdlib.h>

#define THREADS   8u
#define ROUNDS    1000u
#define LONGEST   20000u /* one to six granules */
#define ENTRIES   16u
#define TIMEOUT   UINT64_C(200000) /* ns */
#define ADDRESSES DMP_MASK(26)     /* few, so that they come back soon */

struct shared {
	struct fixture *f;
	uint64_t rounds;
	bool switches; /* strict until half of the first thread's rounds */
	struct dmp_sim_agent *agents[THREADS];
};

static void use_buffer(struct crew_member *me, struct shared *s, struct rng *rng)
{
	unsigned char data[LONGEST], buf[LONGEST];
	uint64_t len = rng_range(rng, 1, LONGEST);
	dmp_addr_t addr;

	memset(data, (int)(rng_next(rng) & 0xff), len);
	CREW_EXPECT(me, dmp_dma_map(s->f->dev, buf, len, DMP_FROM_DEVICE, 0, &addr) == 0);
	if (me->failures)
		return;
	CREW_EXPECT(me, dmp_sim_agent_write(s->agents[me->number], addr, data, len) == 0);
	CREW_EXPECT(me, dmp_dma_unmap(s->f->dev, addr, len, DMP_FROM_DEVICE, 0) == 0);
	CREW_EXPECT(me, memcmp(buf, data, len) == 0);
}

/* What other threads may do beside requests. */
static void disturb(struct crew_member *me, struct shared *s, uint64_t round)
{
	struct dmp_domain_stats stats;

	if (s->switches && me->number == 0 && round == s->rounds / 2)
		CREW_EXPECT(me, dmp_domain_set_flush(s->f->dom, DMP_FLUSH_LAZY) == 0);
	if (round % 64 == me->number)
		CREW_EXPECT(me, dmp_domain_flush(s->f->dom) == 0);
	if (round % 64 == me->number + 32)
		CREW_EXPECT(me, dmp_domain_get_stats(s->f->dom, &stats, sizeof(stats)) == 0);
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(11) + me->number);

	for (uint64_t round = 0; round < s->rounds && !me->failures; round++) {
		disturb(me, s, round);
		use_buffer(me, s, &rng);
	}
}

/* The timer stands still and nothing is queued; then the walkers may look. */
static void settle(struct fixture *f)
{
	struct dmp_domain_stats stats;

	assert_int_equal(dmp_device_detach(f->dev), 0);
	assert_int_equal(dmp_domain_set_flush(f->dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_device_attach(f->dev, f->dom), 0);
	assert_int_equal(dmp_domain_get_stats(f->dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.queued, 0);
	assert_true(stats.released > 0);
	assert_true(stats.flushes_by[DMP_FLUSH_CAUSE_FULL] > 0);
}

static void run(enum dmp_flush_policy policy, bool switches, bool no_shim)
{
	struct fixture f;
	struct shared s = {.f = &f, .rounds = rng_rounds_from_env(ROUNDS), .switches = switches};

	fixture_setup(&f,
		      &FIXTURE(.translated = true, .no_shim = no_shim, .device.dma_mask = ADDRESSES,
			       .domain.flush = policy, .domain.flags = DMP_DOMAIN_EXPOSURE,
			       .domain.flushq_entries = ENTRIES,
			       .domain.flushq_timeout_ns = TIMEOUT));
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(dmp_sim_agent_create(f.sim, dmp_device_id(f.dev), &s.agents[i]),
				 0);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	for (unsigned i = 0; i < THREADS; i++)
		dmp_sim_agent_destroy(s.agents[i]);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	settle(&f);
	fixture_teardown(&f);
}

static void test_threads_unmap_lazily_into_rings_of_their_own(void **state)
{
	(void)state;
	run(DMP_FLUSH_LAZY, false, true);
}

static void test_threads_unmap_lazily_into_one_ring(void **state)
{
	(void)state;
	run(DMP_FLUSH_LAZY_SINGLE, false, true);
}

static void test_threads_go_on_while_strict_becomes_lazy(void **state)
{
	(void)state;
	run(DMP_FLUSH_STRICT, true, true);
}

/* The shim's books see every call: no table goes before its flush, no range is mapped twice. */
static void test_lazy_threads_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(DMP_FLUSH_LAZY, false, false);
}

/*
 * The worker's timer at a moment that a test chooses:
 *
 *   helper, CPU 1    unmap: arms the timer
 *   worker           flush, release ring 0 (empty), ring 1: freeing tables ... held here
 *   main, CPU 0                                                unmap
 *   worker                                                         ... goes on, ends
 *
 * The timer will not look at ring 0 again: the unmap must have armed it anew.
 */
static DMP_ATOMIC(int) gate; /* GATE_* */
enum { GATE_OPEN, GATE_ARMED, GATE_HELD };

static void (*true_free_tables)(void *be, void *dom, void *tables);

static void free_tables_at_the_gate(void *be, void *dom, void *tables)
{
	int armed = GATE_ARMED;

	if (cas_acq_rel(&gate, &armed, GATE_HELD))
		while (load_acquire(&gate) == GATE_HELD)
			dmp_cpu_relax();
	true_free_tables(be, dom, tables);
}

static void unmap_one(struct crew_member *me)
{
	struct dmp_domain *dom = me->shared;
	dmp_iova_t iova = 0;

	CREW_EXPECT(me,
		    dmp_domain_map(dom, 0, DMP_PAGE_BYTES, DMP_PROT_READ, UINT64_MAX, &iova) == 0);
	CREW_EXPECT(me, dmp_domain_unmap(dom, iova, DMP_PAGE_BYTES) == 0);
}

/* False if that takes longer than anything can. */
static bool all_are_released(struct dmp_domain *dom, uint64_t count)
{
	uint64_t give_up_ns = dmp_clock_now_ns() + UINT64_C(20) * 1000000000;
	struct dmp_domain_stats stats = {.released = 0};

	while (stats.released < count && dmp_clock_now_ns() < give_up_ns)
		dmp_domain_get_stats(dom, &stats, sizeof(stats));
	return stats.released == count;
}

static void test_an_unmap_behind_the_timers_back_is_not_forgotten(void **state)
{
	struct crew_member me = {.of = 1};
	struct double_hw *d = double_hw_new();
	struct dmp_domain *dom = NULL;
	struct dmp_hw *hw = NULL;

	(void)state;
	true_free_tables = d->ops.free_tables;
	d->ops.free_tables = free_tables_at_the_gate;
	d->chain_tables = true;
	assert_int_equal(double_hw_adopt(d, 0, &hw), 0);
	assert_int_equal(
		dmp_domain_create(hw,
				  &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_timeout_ns = 1),
				  &dom),
		0);
	me.shared = dom;
	unmap_one(&me); /* there is a ring 0 */
	assert_true(all_are_released(dom, 1));
	store_release(&gate, GATE_ARMED);
	assert_int_equal(crew_run(1, unmap_one, dom), 0);
	while (load_acquire(&gate) != GATE_HELD)
		dmp_cpu_relax();
	unmap_one(&me);
	store_release(&gate, GATE_OPEN);
	assert_true(all_are_released(dom, 3));
	assert_int_equal(me.failures, 0);
	assert_int_equal(dmp_domain_destroy(dom), 0);
	assert_int_equal(double_hw_leftovers(d), 0);
	assert_int_equal(dmp_hw_destroy(hw), 0);
	double_hw_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_unmap_lazily_into_rings_of_their_own),
		cmocka_unit_test(test_threads_unmap_lazily_into_one_ring),
		cmocka_unit_test(test_threads_go_on_while_strict_becomes_lazy),
		cmocka_unit_test(test_lazy_threads_keep_the_contract_with_the_machine),
		cmocka_unit_test(test_an_unmap_behind_the_timers_back_is_not_forgotten),
	};

	return cmocka_run_group_tests_name("stress_flushq", tests, NULL, NULL);
}
