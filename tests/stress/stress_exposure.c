// SPDX-License-Identifier: MIT
/*
 * stress_exposure.c - drivers map and unmap, devices read what is live and what no longer is, and
 * somebody takes snapshots: the books of what is still reached stay true
 *
 *   driver:    map -> told to the devices -> unmap -> told, too
 *   device:    reads the address that it was told last, live or not
 *   snapshot:  adds up at any moment
 *
 * At the end, when nothing is attached any more, nothing is open; every unmap has been a window
 * that could; no window that did was longer than the longest that could.  R1 and R2 of
 * sim/sim_reach.c hold whenever the threads rest.  For policies of every kind, with small IOTLBs
 * that evict, several of them, and device TLBs.  And strict, with flushes that fail one after the
 * other: what they leave behind stays open, and no sum of it runs backwards, or over.  And with
 * some among them that work: then nothing is open in the end, either.
 *
 * Rounds: DMP_TEST_ROUNDS a driver; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#define DRIVERS 2u
#define DEVICES 2u
#define CREW    (DRIVERS + DEVICES + 1)
#define ROUNDS  120u
#define PAGES   4u /* of a driver */
#define PAGE    DMP_PAGE_BYTES

struct shared {
	struct dmp_sim *sim;
	struct dmp_domain *dom;
	struct dmp_device *device[DEVICES];
	struct dmp_sim_agent *agent[DEVICES];
	unsigned char *ram[DRIVERS];
	uint64_t rounds;
	bool commits;
	bool fails;                         /* no flush works ... */
	bool recovers;                      /* ... but some do, now and then */
	DMP_ATOMIC(uint64_t) addr[DRIVERS]; /* the latest */
	DMP_ATOMIC(uint32_t) drivers_left;
};

/* Give the devices a chance, not more. */
static void rest(void)
{
	for (unsigned i = 0; i < 3; i++)
		dmp_cpu_yield();
}

static void expect_outcome(struct crew_member *me, const struct shared *s, int err)
{
	CREW_EXPECT(me, err == (s->fails ? -ETIMEDOUT : 0) || (s->recovers && err == 0));
}

static void drive(struct crew_member *me, struct shared *s)
{
	struct rng rng = rng_seeded(rng_seed_from_env(me->number + 1));

	for (uint64_t n = 0; n < s->rounds && !me->failures; n++) {
		struct dmp_device *dev = s->device[rng_range(&rng, 0, DEVICES - 1)];
		uint64_t first = rng_range(&rng, 0, PAGES - 1);
		uint64_t len = rng_range(&rng, 1, (PAGES - first) * PAGE);
		dmp_addr_t addr = 0;

		CREW_EXPECT(me, dmp_dma_map(dev, s->ram[me->number] + first * PAGE, len,
					    DMP_TO_DEVICE, 0, &addr) == 0);
		store_release(&s->addr[me->number], addr);
		rest();
		expect_outcome(me, s, dmp_dma_unmap(dev, addr, len, DMP_TO_DEVICE, 0));
		if (s->commits && n % 16 == 0)
			CREW_EXPECT(me, dmp_domain_commit(s->dom) == 0);
	}
	add_relaxed(&s->drivers_left, UINT32_MAX);
}

/* Addresses may be stale, gone, or another buffer's: reads only, so nothing is harmed. */
static void attack(struct shared *s, unsigned device)
{
	unsigned char bytes[64];

	while (load_acquire(&s->drivers_left))
		for (unsigned driver = 0; driver < DRIVERS; driver++)
			(void)dmp_sim_agent_read(s->agent[device], load_acquire(&s->addr[driver]),
						 bytes, sizeof(bytes));
}

static void let_flushes_fail(struct shared *s, bool fail)
{
	(void)dmp_sim_fail(s->sim, DMP_SIM_CALL_INVALIDATE, fail, fail ? UINT64_MAX : 0, 0);
}

/* One flush of the domain that works, among unmaps that work or do not. */
static void recover(struct crew_member *me, struct shared *s)
{
	let_flushes_fail(s, false);
	CREW_EXPECT(me, dmp_domain_flush(s->dom) == 0);
	let_flushes_fail(s, true);
}

static void look(struct crew_member *me, struct shared *s)
{
	static struct dmp_exposure e;

	while (load_acquire(&s->drivers_left)) {
		if (s->recovers)
			recover(me, s);
		CREW_EXPECT(me, dmp_domain_get_exposure(s->dom, &e, sizeof(e)) == 0);
		CREW_EXPECT(me, (e.flags & DMP_EXPOSURE_SATURATED) == 0);
		CREW_EXPECT(me, e.seen.did.open <= e.seen.did.windows);
		CREW_EXPECT(me, e.seen.did.open_bytes <= e.seen.did.bytes);
		dmp_cpu_yield();
	}
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;

	if (me->number < DRIVERS)
		drive(me, s);
	else if (me->number < DRIVERS + DEVICES)
		attack(s, me->number - DRIVERS);
	else
		look(me, s);
}

static void up(struct shared *s, const struct dmp_sim_opts *sim, const struct dmp_domain_opts *dom)
{
	assert_int_equal(dmp_sim_create(sim, &s->sim), 0);
	assert_int_equal(dmp_domain_create(dmp_sim_hw(s->sim), dom, &s->dom), 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		assert_int_equal(dmp_device_create(dmp_sim_hw(s->sim), NULL, &s->device[i]), 0);
		assert_int_equal(dmp_device_attach(s->device[i], s->dom), 0);
		assert_int_equal(
			dmp_sim_agent_create(s->sim, dmp_device_id(s->device[i]), &s->agent[i]), 0);
	}
	for (unsigned i = 0; i < DRIVERS; i++) {
		void *buf;

		assert_int_equal(dmp_hw_alloc(dmp_sim_hw(s->sim), PAGES * PAGE, &buf), 0);
		s->ram[i] = buf;
	}
}

static void down(struct shared *s)
{
	for (unsigned i = 0; i < DRIVERS; i++)
		assert_int_equal(dmp_hw_free(dmp_sim_hw(s->sim), s->ram[i], PAGES * PAGE), 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		dmp_sim_agent_destroy(s->agent[i]);
		assert_int_equal(dmp_device_destroy(s->device[i]), 0);
	}
	assert_int_equal(dmp_domain_destroy(s->dom), 0);
	assert_int_equal(dmp_sim_destroy(s->sim), 0);
}

static void check_end(struct shared *s)
{
	static struct dmp_exposure e;

	assert_int_equal(dmp_sim_check(s->sim), 0);
	assert_int_equal(dmp_domain_flush(s->dom), 0);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(dmp_device_detach(s->device[i]), 0);
	assert_int_equal(dmp_domain_get_exposure(s->dom, &e, sizeof(e)), 0);
	assert_int_equal(e.unmaps, DRIVERS * s->rounds);
	assert_int_equal(e.could.windows, e.unmaps);
	assert_int_equal(e.could.bytes, e.unmapped_bytes);
	assert_int_equal(e.could.open, 0);
	assert_int_equal(e.seen.did.open, 0);
	assert_int_equal(e.seen.did.open_bytes, 0);
	assert_int_equal(e.seen.iova_reused, 0);
	assert_int_equal(e.seen.untracked, 0);
	assert_true(e.seen.did.ns.max <= e.could.ns.max);
	assert_int_equal(dmp_sim_check(s->sim), 0);
}

static void no_line(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void test_what_failed_flushes_leave_behind_adds_up(void **state)
{
	struct shared s = {.rounds = 4 * rng_rounds_from_env(ROUNDS), .fails = true};
	static struct dmp_exposure e;

	(void)state;
	store_release(&s.drivers_left, DRIVERS);
	up(&s, NULL, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	dmp_log_set_sink(no_line, NULL);
	let_flushes_fail(&s, true);
	assert_int_equal(crew_run(CREW, work, &s), 0);
	let_flushes_fail(&s, false);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_domain_get_exposure(s.dom, &e, sizeof(e)), 0);
	assert_int_equal(e.could.open, DRIVERS * s.rounds);
	assert_int_equal(e.could.open_bytes, e.unmapped_bytes);
	assert_int_not_equal(e.could.byte_ns, UINT64_MAX);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(dmp_device_detach(s.device[i]), 0);
	down(&s);
}

/* In the end as if none had failed; and no time was taken from a later one. */
static void test_what_failed_flushes_leave_behind_ends_with_one_that_works(void **state)
{
	struct shared s = {.rounds = rng_rounds_from_env(ROUNDS), .fails = true, .recovers = true};
	static struct dmp_exposure e;
	uint64_t begun_ns = dmp_clock_now_ns();

	(void)state;
	store_release(&s.drivers_left, DRIVERS);
	up(&s, NULL, &DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE));
	dmp_log_set_sink(no_line, NULL);
	let_flushes_fail(&s, true);
	assert_int_equal(crew_run(CREW, work, &s), 0);
	let_flushes_fail(&s, false);
	dmp_log_set_sink(NULL, NULL);
	check_end(&s);
	assert_int_equal(dmp_domain_get_exposure(s.dom, &e, sizeof(e)), 0);
	assert_true(e.could.ns.max <= dmp_clock_now_ns() - begun_ns);
	down(&s);
}

static void stress(const struct dmp_sim_opts *sim, struct dmp_domain_opts dom)
{
	struct shared s = {
		.rounds = rng_rounds_from_env(ROUNDS),
		.commits = dom.flush == DMP_FLUSH_MANUAL,
	};

	store_release(&s.drivers_left, DRIVERS);
	dom.flags |= DMP_DOMAIN_EXPOSURE;
	up(&s, sim, &dom);
	assert_int_equal(crew_run(CREW, work, &s), 0);
	check_end(&s);
	down(&s);
}

static void every_policy(const struct dmp_sim_opts *sim)
{
	stress(sim, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_STRICT));
	stress(sim, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_entries = 16));
	stress(sim, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY_SINGLE, .flushq_entries = 64));
	stress(sim, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL, .flushq_entries = 64));
	stress(sim,
	       DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE, .policy = &dmp_iova_policy_bitmap));
}

static void test_the_books_stay_true_with_one_small_iotlb(void **state)
{
	(void)state;
	every_policy(&DMP_SIM_OPTS(.iotlb_sets = 2, .iotlb_ways = 2));
}

static void test_the_books_stay_true_with_several_and_device_tlbs(void **state)
{
	(void)state;
	every_policy(&DMP_SIM_OPTS(.iotlb_sets = 2, .iotlb_ways = 2, .iotlbs = 2, .devtlb_sets = 2,
				   .devtlb_ways = 2, .walk_entries = {4, 4, 4}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_books_stay_true_with_one_small_iotlb),
		cmocka_unit_test(test_the_books_stay_true_with_several_and_device_tlbs),
		cmocka_unit_test(test_what_failed_flushes_leave_behind_adds_up),
		cmocka_unit_test(test_what_failed_flushes_leave_behind_ends_with_one_that_works),
	};

	return cmocka_run_group_tests_name("stress_exposure", tests, NULL, NULL);
}
