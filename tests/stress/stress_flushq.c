// SPDX-License-Identifier: MIT
/*
 * stress_flushq.c - eight threads map, let the device write, look at the bytes and unmap lazily
 *
 * Small rings and a short timeout, so that full rings, the timer on the worker, flushes that
 * were asked for and releases of each other's rings overlap all the time.  What must hold:
 * an address that was just mapped leads to its own buffer.  One that was released too early is
 * still in the IOTLB with its old page; the device's access to it is then stale, which fails
 * here, or its bytes land elsewhere.  And what was unmapped before a commit is in no IOTLB after
 * it: a look at it faults, or finds what somebody else has mapped there since, but is not stale.
 *
 * Where a test needs two threads in one certain order, a gate in the test double holds the one
 * until the other is through.
 *
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "double_hw.h"
#include "fixture.h"
#include "gate.h"
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
	bool switches;            /* strict until half of the first thread's rounds, nobody asks */
	enum dmp_flush_policy to; /* from there on */
	bool commits;             /* after an unmap in four */
	struct dmp_sim_agent *agents[THREADS];
};

/* A stale look would be counted by the machine: check_fresh(). */
static void commit_and_look(struct crew_member *me, struct shared *s, dmp_addr_t addr)
{
	unsigned char byte;

	CREW_EXPECT(me, dmp_domain_commit(s->f->dom) == 0);
	dmp_sim_agent_read(s->agents[me->number], addr, &byte, 1);
}

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
	if (s->commits && rng_range(rng, 0, 3) == 0)
		commit_and_look(me, s, addr);
}

/* Strict to lazy at any time; back only without a device. */
static void switch_policy(struct crew_member *me, struct shared *s, uint64_t round)
{
	struct dmp_domain *dom = s->f->dom;
	int err;

	if (me->number == 0 && round == s->rounds / 2)
		CREW_EXPECT(me, dmp_domain_set_flush(dom, s->to) == 0);
	if (me->number != 0 && round % 16 == me->number) {
		err = dmp_domain_set_flush(dom, DMP_FLUSH_STRICT); /* 0: it is strict */
		CREW_EXPECT(me, err == 0 || err == -EBUSY);
	}
}

/* What other threads may do beside requests. */
static void disturb(struct crew_member *me, struct shared *s, uint64_t round)
{
	struct dmp_domain_stats stats;

	if (s->switches)
		switch_policy(me, s, round);
	else if (!s->commits && round % 64 == me->number)
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

static void check_fresh(struct fixture *f)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(f->sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.stale_accesses, 0);
}

/* The timer stands still and nothing is queued; then the walkers may look. */
static struct dmp_domain_stats settle(struct fixture *f)
{
	struct dmp_domain_stats stats;

	check_fresh(f);
	assert_int_equal(dmp_device_detach(f->dev), 0);
	assert_int_equal(dmp_domain_set_flush(f->dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_device_attach(f->dev, f->dom), 0);
	assert_int_equal(dmp_domain_get_stats(f->dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.queued, 0);
	fixture_check(f, 0);
	return stats;
}

static void setup(struct fixture *f, struct shared *s, const struct fixture_want *want)
{
	fixture_setup(f, want);
	*s = (struct shared){.f = f, .rounds = rng_rounds_from_env(ROUNDS), .to = DMP_FLUSH_LAZY};
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(dmp_sim_agent_create(f->sim, dmp_device_id(f->dev), &s->agents[i]),
				 0);
}

static void teardown(struct fixture *f, struct shared *s)
{
	for (unsigned i = 0; i < THREADS; i++)
		dmp_sim_agent_destroy(s->agents[i]);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	fixture_teardown(f);
}

#define WANT(...)                                                                                  \
	FIXTURE(.translated = true, .device.dma_mask = ADDRESSES,                                  \
		.domain.flags = DMP_DOMAIN_EXPOSURE, .domain.flushq_entries = ENTRIES,             \
		__VA_ARGS__)

static struct dmp_domain_stats run(const struct fixture_want *want)
{
	struct dmp_domain_stats stats;
	struct fixture f;
	struct shared s;

	setup(&f, &s, want);
	s.commits = want->domain.flush == DMP_FLUSH_MANUAL ||
		    want->domain.flush == DMP_FLUSH_ON_REUSE;
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	stats = settle(&f);
	teardown(&f, &s);
	return stats;
}

static void test_threads_unmap_lazily_into_rings_of_their_own(void **state)
{
	(void)state;
	assert_true(run(&WANT(.no_shim = true, .domain.flush = DMP_FLUSH_LAZY,
			      .domain.flushq_timeout_ns = TIMEOUT))
			    .released > 0);
}

static void test_threads_unmap_lazily_into_one_ring(void **state)
{
	(void)state;
	run(&WANT(.no_shim = true, .domain.flush = DMP_FLUSH_LAZY_SINGLE,
		  .domain.flushq_timeout_ns = TIMEOUT));
}

static void test_threads_commit_what_they_and_others_have_unmapped(void **state)
{
	struct dmp_domain_stats stats;

	(void)state;
	stats = run(&WANT(.no_shim = true, .domain.flush = DMP_FLUSH_MANUAL));
	assert_true(stats.flushes_by[DMP_FLUSH_CAUSE_COMMIT] > 0);
	assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_TIMER], 0);
}

/* The shim takes each call by itself, so that unmaps and flushes overlap in other ways. */
static void test_committing_threads_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(&WANT(.domain.flush = DMP_FLUSH_MANUAL));
}

/* 256 addresses: one epoch after the other. */
#define REUSE(...)                                                                                 \
	FIXTURE(.translated = true, .device.dma_mask = DMP_MASK(20),                               \
		.domain.policy = &dmp_iova_policy_bitmap, .domain.flush = DMP_FLUSH_ON_REUSE,      \
		.domain.flushq_entries = ENTRIES, __VA_ARGS__)

static void test_threads_reuse_addresses_that_no_device_reaches(void **state)
{
	struct dmp_domain_stats stats;

	(void)state;
	stats = run(&REUSE(.no_shim = true));
	/* a commit may come just before each new epoch */
	assert_true(stats.flushes_by[DMP_FLUSH_CAUSE_REUSE] +
			    stats.flushes_by[DMP_FLUSH_CAUSE_COMMIT] >
		    0);
}

static void test_reusing_threads_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(&REUSE());
}

/* The shim's books see every call: no table goes before its flush, no range is mapped twice. */
static void test_lazy_threads_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(&WANT(.domain.flush = DMP_FLUSH_LAZY, .domain.flushq_timeout_ns = TIMEOUT));
}

/*
 *   thread 0        strict ....... | lazy: more unmaps than a ring holds ... |
 *   threads 1-7     .............. whatever is in force .................... | strict again
 *
 * Nobody asks for a flush and the timer never comes, so after each change some ring was full.
 */
static void switch_to(enum dmp_flush_policy to, const struct fixture_want *want)
{
	struct fixture f;
	struct shared s;
	uint64_t full = 0;

	setup(&f, &s, want);
	s.switches = true;
	s.to = to;
	if (s.rounds < 2 * ENTRIES)
		s.rounds = 2 * ENTRIES;
	for (int i = 0; i < 3; i++) {
		struct dmp_domain_stats stats;

		assert_int_equal(crew_run(THREADS, work, &s), 0);
		assert_int_equal(dmp_domain_get_flush(f.dom), to);
		stats = settle(&f);
		if (to != DMP_FLUSH_ON_REUSE) /* where rings hold tables only */
			assert_true(stats.flushes_by[DMP_FLUSH_CAUSE_FULL] > full);
		assert_int_equal(stats.flushes_by[DMP_FLUSH_CAUSE_TIMER], 0);
		full = stats.flushes_by[DMP_FLUSH_CAUSE_FULL];
	}
	teardown(&f, &s);
}

static void test_threads_go_on_while_strict_becomes_lazy_time_and_again(void **state)
{
	(void)state;
	switch_to(DMP_FLUSH_LAZY, &WANT(.no_shim = true, .domain.flushq_timeout_ns = UINT64_MAX));
}

static void test_threads_go_on_while_strict_becomes_manual_time_and_again(void **state)
{
	(void)state;
	switch_to(DMP_FLUSH_MANUAL, &WANT(.no_shim = true));
}

/* A map that looked for the policy too early would be given what was freed without a flush. */
static void test_threads_go_on_while_strict_begins_to_defer_time_and_again(void **state)
{
	struct fixture_want want = REUSE(.no_shim = true);

	(void)state;
	want.domain.flush = DMP_FLUSH_STRICT;
	switch_to(DMP_FLUSH_ON_REUSE, &want);
}

/* One order of two threads, by a gate in the machine. */

static void (*true_free_tables)(void *be, void *dom, void *tables);
static int (*true_flush_domain)(void *be, void *dom);

static void free_tables_at_the_gate(void *be, void *dom, void *tables)
{
	was_held_at_the_gate();
	true_free_tables(be, dom, tables);
}

/* Who was held fails. */
static int flush_at_the_gate(void *be, void *dom)
{
	return was_held_at_the_gate() ? -ETIMEDOUT : true_flush_domain(be, dom);
}

struct machine {
	struct double_hw *d;
	struct dmp_hw *hw;
	struct dmp_domain *dom;
};

static void machine_up(struct machine *m)
{
	*m = (struct machine){.d = double_hw_new()};
	true_free_tables = m->d->ops.free_tables;
	true_flush_domain = m->d->ops.flush_domain;
	m->d->ops.free_tables = free_tables_at_the_gate;
	m->d->ops.flush_domain = flush_at_the_gate;
	m->d->chain_tables = true;
	store_release(&gate, GATE_OPEN);
	assert_int_equal(double_hw_adopt(m->d, 0, &m->hw), 0);
}

static void machine_domain(struct machine *m, uint32_t entries, uint64_t timeout_ns)
{
	assert_int_equal(dmp_domain_create(m->hw,
					   &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY,
							    .flushq_entries = entries,
							    .flushq_timeout_ns = timeout_ns),
					   &m->dom),
			 0);
}

static void machine_down(struct machine *m)
{
	assert_int_equal(dmp_domain_destroy(m->dom), 0);
	assert_int_equal(double_hw_leftovers(m->d), 0);
	assert_int_equal(m->d->tables_freed, m->d->tables_chained);
	assert_int_equal(dmp_hw_destroy(m->hw), 0);
	double_hw_free(m->d);
}

static uint64_t machine_released(struct machine *m)
{
	struct dmp_domain_stats stats = {.released = 0};

	dmp_domain_get_stats(m->dom, &stats, sizeof(stats));
	return stats.released;
}

static void unmap_one(struct crew_member *me)
{
	struct machine *m = me->shared;
	dmp_iova_t iova = 0;

	CREW_EXPECT(me, dmp_domain_map(m->dom, 0, DMP_PAGE_BYTES, DMP_PROT_READ, UINT64_MAX,
				       &iova) == 0);
	CREW_EXPECT(me, dmp_domain_unmap(m->dom, iova, DMP_PAGE_BYTES) == 0);
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
static void test_an_unmap_behind_the_timers_back_is_not_forgotten(void **state)
{
	struct crew_member me = {.of = 1};
	struct machine m;

	(void)state;
	machine_up(&m);
	machine_domain(&m, 0, 1);
	me.shared = &m;
	unmap_one(&me); /* there is a ring 0 */
	while (machine_released(&m) < 1)
		dmp_cpu_relax();
	store_release(&gate, GATE_ARMED);
	assert_int_equal(crew_run(1, unmap_one, &m), 0);
	wait_until_held();
	unmap_one(&me);
	store_release(&gate, GATE_OPEN);
	while (machine_released(&m) < 3) /* a timer that never comes: the run's time-out tells */
		dmp_cpu_relax();
	assert_int_equal(me.failures, 0);
	machine_down(&m);
}

static void fill_rings_of_one_place(struct crew_member *me)
{
	if (me->number == 1)
		wait_until_held();
	unmap_one(me);
	unmap_one(me);
	if (me->number == 1)
		store_release(&gate, GATE_OPEN);
}

/*
 *   thread 0   queue, full: flush 1 .......................... fails    finds room
 *   thread 1                         queue, full: flush 2 works
 */
static void test_room_that_another_flush_has_made_is_used_where_the_own_one_failed(void **state)
{
	struct dmp_domain_stats stats;
	struct machine m;

	(void)state;
	machine_up(&m);
	machine_domain(&m, 2, UINT64_MAX);
	store_release(&gate, GATE_ARMED);
	assert_int_equal(crew_run(2, fill_rings_of_one_place, &m), 0);
	assert_int_equal(dmp_domain_get_stats(m.dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.flush_failures, 1);
	assert_int_equal(stats.released, 2);
	assert_int_equal(stats.queued, 2);
	machine_down(&m);
}

static void test_what_a_thread_leaves_in_its_ring_is_released_after_its_exit(void **state)
{
	struct machine m;

	(void)state;
	machine_up(&m);
	machine_domain(&m, 0, UINT64_MAX);
	assert_int_equal(crew_run(4, unmap_one, &m), 0);
	assert_int_equal(machine_released(&m), 0);
	assert_int_equal(dmp_domain_flush(m.dom), 0);
	assert_int_equal(machine_released(&m), 4);
	machine_down(&m);
}

/* The timer is due at once, so that the worker may be anywhere in it when the domain goes. */
static void test_a_domain_goes_from_under_its_timer(void **state)
{
	uint64_t rounds = rng_rounds_from_env(ROUNDS) / 10 + 1;
	struct crew_member me = {.of = 1};
	struct machine m;

	(void)state;
	machine_up(&m);
	me.shared = &m;
	for (uint64_t i = 0; i < rounds; i++) {
		machine_domain(&m, 0, 1);
		unmap_one(&me);
		if (i + 1 < rounds)
			assert_int_equal(dmp_domain_destroy(m.dom), 0);
	}
	assert_int_equal(me.failures, 0);
	machine_down(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_unmap_lazily_into_rings_of_their_own),
		cmocka_unit_test(test_threads_unmap_lazily_into_one_ring),
		cmocka_unit_test(test_threads_commit_what_they_and_others_have_unmapped),
		cmocka_unit_test(test_committing_threads_keep_the_contract_with_the_machine),
		cmocka_unit_test(test_threads_reuse_addresses_that_no_device_reaches),
		cmocka_unit_test(test_reusing_threads_keep_the_contract_with_the_machine),
		cmocka_unit_test(test_lazy_threads_keep_the_contract_with_the_machine),
		cmocka_unit_test(test_threads_go_on_while_strict_becomes_lazy_time_and_again),
		cmocka_unit_test(test_threads_go_on_while_strict_becomes_manual_time_and_again),
		cmocka_unit_test(test_threads_go_on_while_strict_begins_to_defer_time_and_again),
		cmocka_unit_test(test_an_unmap_behind_the_timers_back_is_not_forgotten),
		cmocka_unit_test(
			test_room_that_another_flush_has_made_is_used_where_the_own_one_failed),
		cmocka_unit_test(test_what_a_thread_leaves_in_its_ring_is_released_after_its_exit),
		cmocka_unit_test(test_a_domain_goes_from_under_its_timer),
	};

	return cmocka_run_group_tests_name("stress_flushq", tests, NULL, NULL);
}
