// SPDX-License-Identifier: MIT
/*
 * stress_domain_change.c - devices move between domains, policies change, domains come and go,
 * while other threads map, access and unmap through the same devices
 *
 *   mappers     map -> the device writes, or reads -> unmap, of any device; a list now and then, or
 *               coherent memory
 *   probers     the device accesses what is never mapped: a fault, whichever way it takes
 *   changers    each the same few things in random order:
 *                 detach a device, attach it to any of the domains
 *                 change a domain's policy, hold it strict, flush, take statistics
 *                 a domain of one's own: a device of one's own joins it, is used by all,
 *                 leaves it again, and the domain is destroyed at once
 *
 * What must hold: each call returns 0 or one of the errnos that its header has for such company; a
 * mapping that was had works to its end, the device's bytes arrive, and the unmap returns 0; an
 * access of a device finds tables, or none, and never those of a domain that is gone; in the end
 * nothing is left, and each map is counted once.
 *
 * How often a change is let in is up to the threads: that is not asserted here; each refusal by
 * itself is in test_dma_attach, test_domain_attach, test_domain_policy.
 *
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer and AddressSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#include <stdio.h>
#include <stdlib.h>

#define MAPPERS  4u
#define PROBERS  1u
#define CHANGERS 2u
#define THREADS  (MAPPERS + PROBERS + CHANGERS)
#define SETTLED  3u /* devices that any changer moves */
#define DEVICES  (SETTLED + CHANGERS)
#define DOMAINS  5u /* shared ones, of the first kinds */
#define ROUNDS   400u
#define LONGEST  9000u               /* bytes: one to four granules */
#define NOWHERE  (UINT64_C(1) << 40) /* neither RAM nor an address of a domain */

/* What a domain can be, and what it can be changed to.  A guest's never changes: own ones only. */
static const struct kind {
	enum dmp_flush_policy flush;
	const struct dmp_iova_policy *iova;
	uint32_t flags;
} kinds[] = {
	{DMP_FLUSH_STRICT, NULL, 0},
	{DMP_FLUSH_LAZY, NULL, 0},
	{DMP_FLUSH_LAZY_SINGLE, &dmp_iova_policy_chunk, 0},
	{DMP_FLUSH_ON_REUSE, &dmp_iova_policy_bitmap, 0},
	{DMP_FLUSH_MANUAL, NULL, 0},
	{DMP_FLUSH_GUEST, NULL, 0},
	{DMP_FLUSH_STRICT, NULL, DMP_DOMAIN_IDENTITY},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct shared {
	struct dmp_sim *sim;
	struct dmp_hw *hw;
	struct dmp_domain *doms[DOMAINS];
	struct dmp_device *devs[DEVICES];
	struct dmp_sim_agent *agents[THREADS][DEVICES];
	uint64_t rounds;
	DMP_ATOMIC(uint64_t) nmaps, nrefused; /* maps, lists, allocations: had; -EBUSY */
	DMP_ATOMIC(uint64_t) bugs;
	DMP_ATOMIC(uint32_t) nmappers; /* that are still at work */
};

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct shared *s = ctx;

	if (level == DMP_LOG_BUG)
		add_relaxed(&s->bugs, 1); /* relaxed: read after the threads are gone */
	if (getenv("DMP_TEST_LOG"))
		fprintf(stderr, "log %d: %s\n", (int)level, line);
}

/* Mappers. */

/* One that began is had, or refused since the device is on its way elsewhere. */
static bool is_had(struct crew_member *me, struct shared *s, int err)
{
	CREW_EXPECT(me, err == 0 || err == -EBUSY);
	add_relaxed(err ? &s->nrefused : &s->nmaps, 1); /* relaxed: as the bugs */
	return err == 0;
}

static void use_buffer(struct crew_member *me, struct shared *s, unsigned dev, struct rng *rng)
{
	unsigned char data[LONGEST], buf[LONGEST];
	uint64_t len = rng_range(rng, 1, LONGEST);
	dmp_addr_t addr;

	memset(data, (int)(rng_next(rng) & 0xff), len);
	if (!is_had(me, s,
		    dmp_dma_map(s->devs[dev], buf, len, DMP_FROM_DEVICE, DMP_ATTR_NO_WARN, &addr)))
		return;
	CREW_EXPECT(me, dmp_sim_agent_write(s->agents[me->number][dev], addr, data, len) == 0);
	CREW_EXPECT(me, dmp_dma_unmap(s->devs[dev], addr, len, DMP_FROM_DEVICE, 0) == 0);
	CREW_EXPECT(me, memcmp(buf, data, len) == 0);
}

static void use_list(struct crew_member *me, struct shared *s, unsigned dev, struct rng *rng)
{
	unsigned char a[LONGEST], b[LONGEST], data[LONGEST];
	struct dmp_sg sg[2] = {{.buf = a, .len = LONGEST}, {.buf = b, .len = LONGEST}};
	size_t n;

	memset(b, (int)(rng_next(rng) & 0xff), LONGEST);
	memset(a, b[0], LONGEST);
	if (!is_had(me, s,
		    dmp_dma_map_sg(s->devs[dev], sg, 2, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &n)))
		return;
	for (size_t i = 0; i < n; i++) {
		uint64_t len = sg[i].mapped_len < LONGEST ? sg[i].mapped_len : LONGEST;

		CREW_EXPECT(me, dmp_sim_agent_read(s->agents[me->number][dev], sg[i].addr, data,
						   len) == 0);
		CREW_EXPECT(me, memcmp(data, b, len) == 0);
	}
	CREW_EXPECT(me, dmp_dma_unmap_sg(s->devs[dev], sg, 2, DMP_TO_DEVICE, 0) == 0);
}

static void use_coherent(struct crew_member *me, struct shared *s, unsigned dev)
{
	unsigned char data[64] = {1};
	dmp_addr_t addr;
	void *mem;

	if (!is_had(me, s, dmp_dma_alloc_coherent(s->devs[dev], sizeof(data), &mem, &addr)))
		return;
	CREW_EXPECT(me,
		    dmp_sim_agent_write(s->agents[me->number][dev], addr, data, sizeof(data)) == 0);
	CREW_EXPECT(me, memcmp(mem, data, sizeof(data)) == 0);
	CREW_EXPECT(me, dmp_dma_free_coherent(s->devs[dev], sizeof(data), mem, addr) == 0);
}

static void map_round(struct crew_member *me, struct shared *s, struct rng *rng)
{
	unsigned dev = (unsigned)rng_range(rng, 0, DEVICES - 1);

	switch (rng_range(rng, 0, 15)) {
	case 0: use_coherent(me, s, dev); break;
	case 1: use_list(me, s, dev, rng); break;
	default: use_buffer(me, s, dev, rng); break;
	}
}

/* Probers. */

static void probe_round(struct crew_member *me, struct shared *s, struct rng *rng)
{
	unsigned dev = (unsigned)rng_range(rng, 0, DEVICES - 1);
	unsigned char data[16];

	CREW_EXPECT(me, dmp_sim_agent_read(s->agents[me->number][dev], NOWHERE, data,
					   sizeof(data)) == -EFAULT);
	CREW_EXPECT(me, dmp_device_max_mapping(s->devs[dev]) == UINT64_MAX);
	CREW_EXPECT(me, !dmp_device_recommend_may_block(s->devs[dev]));
}

/* Changers. */

/* On reuse needs addresses that come back late. */
static void change_policy(struct crew_member *me, struct shared *s, struct rng *rng)
{
	uint64_t dom = rng_range(rng, 0, DOMAINS - 1);
	enum dmp_flush_policy flush = kinds[rng_range(rng, 0, DOMAINS - 1)].flush;
	int err = dmp_domain_set_flush(s->doms[dom], flush);

	if (flush == DMP_FLUSH_ON_REUSE && kinds[dom].flush != DMP_FLUSH_ON_REUSE)
		CREW_EXPECT(me, err == -EINVAL);
	else
		CREW_EXPECT(me, err == 0 || err == -EBUSY);
}

static void hold_strict(struct crew_member *me, struct shared *s, struct rng *rng)
{
	struct dmp_domain *dom = s->doms[rng_range(rng, 0, DOMAINS - 1)];
	int err = dmp_domain_hold_strict(dom);

	CREW_EXPECT(me, err == 0 || err == -EINVAL);
	if (err == 0)
		dmp_domain_release_strict(dom);
}

static void look(struct crew_member *me, struct shared *s, struct rng *rng)
{
	struct dmp_domain_stats dom;
	struct dmp_device_stats dev;

	CREW_EXPECT(me, dmp_domain_get_flush(s->doms[rng_range(rng, 0, DOMAINS - 1)]) !=
				DMP_FLUSH_GUEST);
	CREW_EXPECT(me, dmp_domain_get_stats(s->doms[rng_range(rng, 0, DOMAINS - 1)], &dom,
					     sizeof(dom)) == 0);
	CREW_EXPECT(me, dmp_device_get_stats(s->devs[rng_range(rng, 0, DEVICES - 1)], &dev,
					     sizeof(dev)) == 0);
}

static void move_device(struct crew_member *me, struct shared *s, struct rng *rng)
{
	struct dmp_device *dev = s->devs[rng_range(rng, 0, SETTLED - 1)];
	int err = dmp_device_detach(dev);

	CREW_EXPECT(me, err == 0 || err == -EBUSY || err == -ENOENT);
	err = dmp_device_attach(dev, s->doms[rng_range(rng, 0, DOMAINS - 1)]);
	CREW_EXPECT(me, err == 0 || err == -EBUSY);
}

/* Tries as long as mappers keep it from happening; false: they have finished, and something is
 * wrong. */
static bool at_last(struct shared *s, int (*change)(struct dmp_device *dev, struct dmp_domain *dom),
		    struct dmp_device *dev, struct dmp_domain *dom)
{
	for (;;) {
		bool is_quiet = load_acquire(&s->nmappers) == 0;

		if (change(dev, dom) == 0)
			return true;
		if (is_quiet)
			return false;
		dmp_cpu_yield();
	}
}

static int detach(struct dmp_device *dev, struct dmp_domain *dom)
{
	(void)dom;
	return dmp_device_detach(dev);
}

static int create(struct dmp_hw *hw, const struct kind *kind, struct dmp_domain **dom)
{
	struct dmp_domain_opts opts =
		DMP_DOMAIN_OPTS(.flags = kind->flags, .flush = kind->flush, .policy = kind->iova);

	if (!kind->flags) { /* of whatever queue it will have */
		opts.flushq_entries = 16;
		opts.flushq_timeout_ns = 200000;
	}
	return dmp_domain_create(hw, &opts, dom);
}

/* While its device is there its queue does not go, so that everything may be asked of it. */
static void disturb(struct crew_member *me, struct dmp_domain *dom, const struct kind *kind)
{
	CREW_EXPECT(me, dmp_domain_commit(dom) == 0);
	CREW_EXPECT(me, dmp_domain_flush(dom) == 0);
	CREW_EXPECT(me, dmp_domain_get_flush(dom) == kind->flush);
	CREW_EXPECT(me, dmp_domain_destroy(dom) == -EBUSY);
	dmp_cpu_yield();
}

/* The device is the changer's own to move, and everybody's to use. */
static void own_domain(struct crew_member *me, struct shared *s, struct rng *rng)
{
	struct dmp_device *dev = s->devs[SETTLED + me->number - MAPPERS - PROBERS];
	const struct kind *kind = &kinds[rng_range(rng, 0, KINDS - 1)];
	struct dmp_domain *dom;

	CREW_EXPECT(me, create(s->hw, kind, &dom) == 0);
	CREW_EXPECT(me, at_last(s, dmp_device_attach, dev, dom));
	for (uint64_t i = rng_range(rng, 1, 10); i > 0 && !me->failures; i--)
		disturb(me, dom, kind);
	CREW_EXPECT(me, at_last(s, detach, dev, NULL));
	CREW_EXPECT(me, dmp_domain_destroy(dom) == 0);
}

static void change_round(struct crew_member *me, struct shared *s, struct rng *rng)
{
	switch (rng_range(rng, 0, 6)) {
	case 0: change_policy(me, s, rng); break;
	case 1: hold_strict(me, s, rng); break;
	case 2: look(me, s, rng); break;
	case 3: own_domain(me, s, rng); break;
	default: move_device(me, s, rng); break;
	}
}

/* All. */

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(17) + me->number);
	bool is_mapper = me->number < MAPPERS, is_prober = me->number < MAPPERS + PROBERS;

	for (uint64_t round = 0; round < s->rounds && !me->failures; round++)
		if (is_mapper)
			map_round(me, s, &rng);
		else if (is_prober)
			probe_round(me, s, &rng);
		else
			change_round(me, s, &rng);
	if (is_mapper)
		add_relaxed(&s->nmappers, (uint32_t)-1); /* relaxed: only a hint for at_last() */
}

static void machine_up(struct shared *s, const struct dmp_sim_opts *opts)
{
	*s = (struct shared){.rounds = rng_rounds_from_env(ROUNDS), .nmappers = MAPPERS};
	dmp_log_set_sink(count_bugs, s);
	assert_int_equal(dmp_sim_create(opts, &s->sim), 0);
	s->hw = dmp_sim_hw(s->sim);
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(create(s->hw, &kinds[i], &s->doms[i]), 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		assert_int_equal(dmp_device_create(s->hw, NULL, &s->devs[i]), 0);
		for (unsigned t = 0; t < THREADS; t++)
			assert_int_equal(dmp_sim_agent_create(s->sim, dmp_device_id(s->devs[i]),
							      &s->agents[t][i]),
					 0);
	}
}

/* Books of the devices against what the threads have counted. */
static void check_counts(struct shared *s)
{
	uint64_t nmaps = 0, nrefused = 0;

	for (unsigned i = 0; i < DEVICES; i++) {
		struct dmp_device_stats stats;

		assert_int_equal(dmp_device_get_stats(s->devs[i], &stats, sizeof(stats)), 0);
		assert_int_equal(stats.live_maps + stats.live_coherent, 0);
		nmaps += stats.maps + stats.coherent_allocs;
		nrefused += stats.map_failures;
	}
	assert_int_equal(nmaps, load_relaxed(&s->nmaps)); /* relaxed: the threads are gone */
	assert_int_equal(nrefused, load_relaxed(&s->nrefused));
}

static void machine_down(struct shared *s)
{
	check_counts(s);
	for (unsigned i = 0; i < DEVICES; i++) {
		int err = dmp_device_detach(s->devs[i]);

		assert_true(err == 0 || err == -ENOENT);
		for (unsigned t = 0; t < THREADS; t++)
			dmp_sim_agent_destroy(s->agents[t][i]);
		assert_int_equal(dmp_device_destroy(s->devs[i]), 0);
	}
	for (unsigned i = 0; i < DOMAINS; i++) {
		assert_int_equal(dmp_domain_check(s->doms[i]), 0);
		assert_int_equal(dmp_domain_destroy(s->doms[i]), 0);
	}
	assert_int_equal(dmp_sim_check(s->sim), 0);
	assert_int_equal(dmp_sim_destroy(s->sim), 0);
	dmp_rcu_barrier();
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(load_relaxed(&s->bugs), 0); /* relaxed: as above */
}

static void run(const struct dmp_sim_opts *opts)
{
	uint64_t meta_before = dmp_meta_in_use();
	struct shared s;

	machine_up(&s, opts);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	machine_down(&s);
	assert_int_equal(dmp_meta_in_use(), meta_before);
}

static void test_devices_move_and_policies_change_while_others_map(void **state)
{
	(void)state;
	run(NULL);
}

/* Walk caches, a TLB in each device, what is not mapped remembered: more that a change must
 * empty. */
static void test_the_same_where_much_is_remembered(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.flags = DMP_SIM_CACHE_NOT_PRESENT, .devtlb_sets = 16, .devtlb_ways = 2,
			  .walk_entries = {64, 64, 64}, .queue_kind = DMP_SIM_QUEUE_LOCK_FREE));
}

/* The shim's books see every call: no domain goes with a device, no table before its flush. */
static void test_the_same_under_the_eyes_of_the_shim(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.hw_flags = DMP_HW_CHECK));
}

/*
 * The depot of a space that goes, while the worker empties it: a few magazines, the first reclaim
 * due at once, and at some moment of it the end.
 */
static void churn(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(3) + me->number);

	for (uint64_t round = 0; round < s->rounds / 4 + 1 && !me->failures; round++) {
		uint64_t pfns[7 * 8], n = rng_range(&rng, 1, 7 * 8);
		struct dmp_iova_domain *dom;

		CREW_EXPECT(me, dmp_iova_create(&DMP_IOVA_OPTS(.magazine_size = 7, .start_pfn = 1,
							       .reclaim_threshold = 1,
							       .reclaim_delay_ns = 1),
						&dom) == 0);
		for (uint64_t i = 0; i < n; i++)
			CREW_EXPECT(me, dmp_iova_alloc(dom, 1, DMP_MASK(20), 0, &pfns[i]) == 0);
		for (uint64_t i = 0; i < n; i++)
			CREW_EXPECT(me, dmp_iova_free(dom, pfns[i], 1) == 0);
		for (uint64_t i = rng_range(&rng, 0, n); i > 0; i--)
			CREW_EXPECT(me, dmp_iova_alloc(dom, 1, DMP_MASK(20), 0, &pfns[0]) == 0);
		CREW_EXPECT(me, dmp_iova_destroy(dom) == 0);
	}
}

static void test_a_space_goes_while_its_depot_is_reclaimed(void **state)
{
	struct shared s = {.rounds = rng_rounds_from_env(ROUNDS)};
	uint64_t meta_before = dmp_meta_in_use();

	(void)state;
	dmp_log_set_sink(count_bugs, &s);
	assert_int_equal(crew_run(MAPPERS, churn, &s), 0);
	dmp_rcu_barrier();
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(load_relaxed(&s.bugs), 0); /* relaxed: the threads are gone */
	assert_int_equal(dmp_meta_in_use(), meta_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices_move_and_policies_change_while_others_map),
		cmocka_unit_test(test_the_same_where_much_is_remembered),
		cmocka_unit_test(test_the_same_under_the_eyes_of_the_shim),
		cmocka_unit_test(test_a_space_goes_while_its_depot_is_reclaimed),
	};

	return cmocka_run_group_tests_name("stress_domain_change", tests, NULL, NULL);
}
