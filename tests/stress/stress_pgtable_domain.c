// SPDX-License-Identifier: MIT
/*
 * stress_pgtable_domain.c - full tables that come and go in a strict and in a lazy domain
 *
 *   memory   | p | 2 MiB and a page of each thread |      each page says whose it is, and which
 *                 \ mapped from the second page on: no big page fits, 512 entries fill a table
 *   IOVA     |     2 MiB, aligned      |                  its unmap takes the table with it
 *
 * Addresses are few, so that a range that one thread has unmapped is soon another's, with a table
 * that was somebody's a moment ago.  Devices read what their thread has mapped, which must be
 * there, and what another has, or had: what they get is a page that says what it is, never the
 * bytes of a table.  A table that is freed too early is written by its next owner while a walker is
 * inside: ThreadSanitizer's to see, or an access that goes astray.
 *
 * Rounds: DMP_TEST_ROUNDS a thread and domain; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "fixture.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <string.h>

#define THREADS   4u
#define ROUNDS    100u
#define TABLE     (UINT64_C(2) << 20) /* bytes behind a table of the lowest level */
#define LEN       (TABLE + DMP_PAGE_BYTES)
#define ADDRESSES DMP_MASK(27)       /* 64 tables */
#define MAGIC     UINT64_C(0x7ab1e5) /* above a page's number and its owner's */

struct shared {
	struct fixture f;
	uint64_t rounds;
	unsigned char *memory[THREADS];
	dmp_phys_t phys[THREADS];
	struct dmp_sim_agent *agents[THREADS];
	DMP_ATOMIC(dmp_iova_t) latest[THREADS];
};

struct hand {
	struct crew_member *me;
	struct shared *s;
	struct rng rng;
};

static uint64_t tag_of(unsigned number, uint64_t off)
{
	return MAGIC << 40 | (uint64_t)number << 32 | off >> DMP_PAGE_SHIFT;
}

static bool device_reads(struct hand *h, dmp_iova_t iova, uint64_t *tag)
{
	return dmp_sim_agent_read(h->s->agents[h->me->number], dmp_align_down(iova, DMP_PAGE_BYTES),
				  tag, sizeof(*tag)) == 0;
}

/* Where somebody's latest is: a page of it, or of what has taken its place, or refused. */
static void peek(struct hand *h)
{
	unsigned of = (unsigned)rng_range(&h->rng, 0, THREADS - 1);
	dmp_iova_t latest = load_relaxed(&h->s->latest[of]); /* relaxed: any address will do */
	uint64_t tag;

	if (device_reads(h, latest + rng_range(&h->rng, 0, TABLE - 1), &tag))
		CREW_EXPECT(h->me, tag >> 40 == MAGIC);
}

static void one_round(struct hand *h)
{
	struct shared *s = h->s;
	unsigned number = h->me->number;
	bool is_full = rng_range(&h->rng, 0, 3) != 0;
	uint64_t len = is_full ? TABLE : DMP_PAGE_BYTES * rng_range(&h->rng, 1, 40), tag = 0;
	dmp_iova_t iova;

	CREW_EXPECT(h->me, dmp_domain_map(s->f.dom, s->phys[number] + DMP_PAGE_BYTES, len,
					  DMP_PROT_READ, ADDRESSES, &iova) == 0);
	if (h->me->failures)
		return;
	store_relaxed(&s->latest[number], iova); /* relaxed: see peek() */
	for (unsigned i = 0; i < 8; i++) {
		uint64_t off = rng_range(&h->rng, 0, len - 1);

		CREW_EXPECT(h->me, device_reads(h, iova + off, &tag));
		CREW_EXPECT(h->me, tag == tag_of(number, off + DMP_PAGE_BYTES));
		peek(h);
	}
	CREW_EXPECT(h->me, dmp_domain_unmap(s->f.dom, iova, len) == 0);
	peek(h);
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct hand h = {.me = me, .s = s};

	h.rng = rng_seeded(rng_seed_from_env(5) + me->number);
	for (uint64_t i = 0; i < s->rounds && !me->failures; i++)
		one_round(&h);
}

static void memory_make(struct shared *s, unsigned number)
{
	const unsigned char *ram = dmp_sim_ram(s->f.sim, 0, 1);

	s->memory[number] = fixture_ram(&s->f, LEN, 0);
	s->phys[number] = (dmp_phys_t)(s->memory[number] - ram);
	for (uint64_t off = 0; off < LEN; off += DMP_PAGE_BYTES) {
		uint64_t tag = tag_of(number, off);

		memcpy(s->memory[number] + off, &tag, sizeof(tag));
	}
	assert_int_equal(
		dmp_sim_agent_create(s->f.sim, dmp_device_id(s->f.dev), &s->agents[number]), 0);
}

static void run_domain(enum dmp_flush_policy flush)
{
	static struct shared s;
	struct dmp_sim_stats stats;

	s = (struct shared){.rounds = rng_rounds_from_env(ROUNDS)};
	fixture_setup(&s.f, &FIXTURE(.translated = true, .no_shim = true, .walk_caches = true,
				     .domain.flush = flush, .domain.flushq_entries = 4));
	for (unsigned i = 0; i < THREADS; i++)
		memory_make(&s, i);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	assert_int_equal(dmp_domain_flush(s.f.dom), 0);
	fixture_check(&s.f, 0);
	assert_int_equal(dmp_sim_get_stats(s.f.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.tables_waiting, 0);
	assert_true(stats.tables_freed > 0);
	for (unsigned i = 0; i < THREADS; i++) {
		dmp_sim_agent_destroy(s.agents[i]);
		fixture_ram_free(&s.f, s.memory[i], LEN);
	}
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	fixture_teardown(&s.f);
}

static void test_tables_of_a_strict_domain_go_after_their_flush(void **state)
{
	(void)state;
	run_domain(DMP_FLUSH_STRICT);
}

static void test_tables_of_a_lazy_domain_go_after_the_flush_of_their_queue(void **state)
{
	(void)state;
	run_domain(DMP_FLUSH_LAZY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables_of_a_strict_domain_go_after_their_flush),
		cmocka_unit_test(test_tables_of_a_lazy_domain_go_after_the_flush_of_their_queue),
	};

	return cmocka_run_group_tests_name("stress_pgtable_domain", tests, NULL, NULL);
}
