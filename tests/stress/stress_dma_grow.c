// SPDX-License-Identifier: MIT
/*
 * stress_dma_grow.c - eight threads map, let devices read and write every byte, and unmap, through
 * a bounce allocator that is 1 MiB at first and always full
 *
 *   thread k   its own agents:   untrusted, behind a domain: reads its whole granules
 *                                32-bit, direct
 *
 * The first pool is taken from beginning to end, so that each map needs a pool that the worker has
 * made, or a transient one; a pool that is idle for a moment is given back.  Each mapping has a
 * pattern, what surrounds it must be zeros, and every byte that the device wrote is looked at.
 *
 * Locking: none, everything belongs to one thread.
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "fixture.h"
#include "rng.h"

#include <dmapool/bits.h>

#include <stdlib.h>

#define THREADS 8u
#define ROUNDS  200u
#define HOLD    8u
#define LONGEST 20000u
#define PAGE    DMP_PAGE_BYTES
#define SLOTS   512u
#define FILLERS (SLOTS / DMP_SWIOTLB_SEGMENT_SLOTS)

struct shared {
	struct fixture *f;
	struct dmp_device *narrow;
	struct dmp_sim_agent *untrusted_agents[THREADS], *narrow_agents[THREADS];
	uint64_t rounds;
};

/* A mapping; len 0: none. */
struct held {
	struct dmp_device *dev;
	struct dmp_sim_agent *agent;
	bool is_untrusted;
	dmp_addr_t addr;
	uint64_t len;
	unsigned char value;
	unsigned char buf[LONGEST];
};

/* What one thread has; too much for its stack. */
struct belongings {
	struct held held[HOLD];
	unsigned char seen[LONGEST + 2 * PAGE];
};

static uint64_t strangers(const unsigned char *bytes, uint64_t len, unsigned char value)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < len; i++)
		n += bytes[i] != value;
	return n;
}

static void map_one(struct crew_member *me, struct held *h, uint64_t random)
{
	struct shared *s = me->shared;

	h->is_untrusted = random & 1;
	h->dev = h->is_untrusted ? s->f->dev : s->narrow;
	h->agent = h->is_untrusted ? s->untrusted_agents[me->number] : s->narrow_agents[me->number];
	h->len = 1 + (random >> 8) % (LONGEST - 1);
	h->value = (unsigned char)(1 + (random >> 32) % 255);
	memset(h->buf, h->value, h->len);
	CREW_EXPECT(me, dmp_dma_map(h->dev, h->buf, h->len, DMP_BIDIRECTIONAL, 0, &h->addr) == 0);
}

/* The device reads what it may, and around it if it is one that would. */
static void look(struct crew_member *me, const struct held *h, unsigned char *seen)
{
	uint64_t lead = h->is_untrusted ? h->addr % PAGE : 0;
	uint64_t end = h->is_untrusted ? dmp_align_up(lead + h->len, PAGE) : h->len;

	CREW_EXPECT(me, dmp_sim_agent_read(h->agent, h->addr - lead, seen, end) == 0);
	CREW_EXPECT(me, strangers(seen, lead, 0) == 0);
	CREW_EXPECT(me, strangers(seen + lead, h->len, h->value) == 0);
	CREW_EXPECT(me, strangers(seen + lead + h->len, end - lead - h->len, 0) == 0);
}

/* It writes all of the buffer, and the CPU finds that there. */
static void unmap_one(struct crew_member *me, struct held *h, unsigned char *seen)
{
	unsigned char value = (unsigned char)~h->value;

	look(me, h, seen);
	memset(seen, value, h->len);
	CREW_EXPECT(me, dmp_sim_agent_write(h->agent, h->addr, seen, h->len) == 0);
	CREW_EXPECT(me, dmp_dma_unmap(h->dev, h->addr, h->len, DMP_BIDIRECTIONAL, 0) == 0);
	CREW_EXPECT(me, strangers(h->buf, h->len, value) == 0);
	h->len = 0;
}

static void work(struct crew_member *me)
{
	struct belongings *b = calloc(1, sizeof(*b));
	struct rng rng = rng_seeded(me->number + 1);
	struct shared *s = me->shared;

	CREW_EXPECT(me, b != NULL);
	for (uint64_t i = 0; b && i < s->rounds && !me->failures; i++) {
		struct held *h = &b->held[rng_range(&rng, 0, HOLD - 1)];

		if (h->len)
			unmap_one(me, h, b->seen);
		else
			map_one(me, h, rng_next(&rng));
	}
	for (unsigned i = 0; b && i < HOLD && !me->failures; i++)
		if (b->held[i].len)
			unmap_one(me, &b->held[i], b->seen);
	free(b);
}

static void agents_up(struct shared *s)
{
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(dmp_sim_agent_create(s->f->sim, dmp_device_id(s->f->dev),
						      &s->untrusted_agents[i]),
				 0);
		assert_int_equal(dmp_sim_agent_create(s->f->sim, dmp_device_id(s->narrow),
						      &s->narrow_agents[i]),
				 0);
	}
}

static void agents_down(struct shared *s)
{
	for (unsigned i = 0; i < THREADS; i++) {
		dmp_sim_agent_destroy(s->untrusted_agents[i]);
		dmp_sim_agent_destroy(s->narrow_agents[i]);
	}
}

static void fillers(struct shared *s, dmp_addr_t *addr, bool maps)
{
	static unsigned char large[DMP_SWIOTLB_MAX_BYTES];

	for (unsigned i = 0; i < FILLERS; i++)
		assert_int_equal(
			maps ? dmp_dma_map(s->narrow, large, sizeof(large), DMP_TO_DEVICE, 0,
					   &addr[i])
			     : dmp_dma_unmap(s->narrow, addr[i], sizeof(large), DMP_TO_DEVICE, 0),
			0);
}

static void test_every_byte_is_its_owners_while_pools_come_and_go(void **state)
{
	struct dmp_swiotlb_stats stats;
	struct shared s = {.rounds = rng_rounds_from_env(ROUNDS)};
	dmp_addr_t addr[FILLERS];
	struct fixture f;

	(void)state;
	fixture_setup(&f, &FIXTURE(.translated = true, .no_shim = true, .bounces = true,
				   .device.flags = DMP_DEVICE_UNTRUSTED,
				   .device.min_align_mask = 0xfff, .swiotlb.slots = SLOTS,
				   .swiotlb.areas = 1, .swiotlb.flags = DMP_SWIOTLB_GROWS,
				   .swiotlb.max_slots = 2 * SLOTS, .swiotlb.idle_ns = 1));
	s.f = &f;
	assert_int_equal(dmp_device_create(
				 f.hw, &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .swiotlb = f.tlb),
				 &s.narrow),
			 0);
	agents_up(&s);
	fillers(&s, addr, true);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	fillers(&s, addr, false);
	assert_int_equal(dmp_swiotlb_get_stats(f.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(stats.transient, 0);
	assert_true(stats.transients_made > 0);
	assert_int_equal(stats.transient_failures, 0);
	agents_down(&s);
	assert_int_equal(dmp_device_destroy(s.narrow), 0);
	fixture_teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_is_its_owners_while_pools_come_and_go),
	};

	return cmocka_run_group_tests_name("stress_dma_grow", tests, NULL, NULL);
}
