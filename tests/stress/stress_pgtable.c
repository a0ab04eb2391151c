// SPDX-License-Identifier: MIT
/*
 * stress_pgtable.c - map, unmap, flush, a device's reads and table pages that are freed, at once
 *
 *   addresses   | plot of 0 | plot of 1 | plot of 2 | plot of 3 |     4 MiB each, one domain
 *   tables       -- level 1 of each -- \____ one of level 2 ____/
 *
 * Each thread maps pieces of its plot to its own memory: to the same place there, so that pages
 * as big as a table fit, or one granule further on, so that none does and tables fill up.  It
 * unmaps them by requests that free those, strictly or with a gather that it flushes later.  Its
 * agent reads what it has mapped, and its neighbour's plot all the time: that is there, and what
 * stands there belongs there, or it is refused.  Nobody writes memory, so that nothing but the
 * machine is tried.
 *
 * Rounds: DMP_TEST_ROUNDS a thread and format; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/iommu.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#define THREADS 4u
#define ROUNDS  150u
#define PLOT    (UINT64_C(4) << 20)
#define BASE    (UINT64_C(1) << 32)
#define BIG     (UINT64_C(2) << 20)
#define PIECES  8u

struct shared {
	struct dmp_sim *sim;
	struct dmp_hw *hw;
	struct dmp_iommu *iommu;
	struct dmp_device *dev;
	uint64_t granule, page_sizes, rounds;
	unsigned char *memory[THREADS]; /* of a plot and a granule; each page says which it is */
	dmp_phys_t phys[THREADS];
	DMP_ATOMIC(uint64_t) bugs;
};

struct hand {
	struct crew_member *me;
	struct shared *s;
	struct rng rng;
	struct dmp_sim_agent *agent;
	struct dmp_gather gather; /* queued */
	uint64_t skew;            /* of what is mapped now: 0 or a granule */
};

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct shared *s = ctx;

	(void)line;
	if (level == DMP_LOG_BUG)
		add_relaxed(&s->bugs, 1); /* relaxed: read after the threads are gone */
}

static dmp_iova_t plot_of(unsigned number)
{
	return BASE + number * PLOT;
}

static uint64_t tag_of(unsigned number, uint64_t off)
{
	return (uint64_t)number << 32 | off >> DMP_PAGE_SHIFT;
}

/* What the device finds at @off of a plot; false: it is refused. */
static bool device_reads(struct hand *h, unsigned number, uint64_t off, uint64_t *tag)
{
	off = dmp_align_down(off, DMP_PAGE_BYTES);
	return dmp_sim_agent_read(h->agent, plot_of(number) + off, tag, sizeof(*tag)) == 0;
}

static void peek(struct hand *h)
{
	unsigned number = (h->me->number + 1) % h->me->of;
	uint64_t off = rng_range(&h->rng, 0, PLOT - 1), tag;

	if (device_reads(h, number, off, &tag))
		CREW_EXPECT(h->me, tag == tag_of(number, off) ||
					   tag == tag_of(number, off + h->s->granule));
}

/* Own pages at both ends of a piece, and one in between. */
static void expect_mapped(struct hand *h, uint64_t off, uint64_t len, bool is_mapped)
{
	const uint64_t at[] = {off, off + len - 1, off + rng_range(&h->rng, 0, len - 1)};
	uint64_t tag = 0;

	for (unsigned i = 0; i < 3; i++) {
		CREW_EXPECT(h->me, device_reads(h, h->me->number, at[i], &tag) == is_mapped);
		if (is_mapped)
			CREW_EXPECT(h->me, tag == tag_of(h->me->number, at[i] + h->skew));
	}
}

/* As one run, or as a list of pieces that are one behind the other all the same. */
static int map(struct hand *h, uint64_t off, uint64_t len)
{
	struct shared *s = h->s;
	unsigned number = h->me->number;
	struct dmp_phys_run runs[PIECES];
	size_t n = 0;
	uint64_t at = 0;

	while (n < PIECES && at < len) {
		uint64_t piece = n == PIECES - 1 ? len - at
						 : s->granule * rng_range(&h->rng, 1,
									  (len - at) / s->granule);

		runs[n++] = (struct dmp_phys_run){s->phys[number] + h->skew + off + at, piece};
		at += piece;
	}
	return dmp_iommu_map_range(s->iommu, plot_of(number) + off, runs, n,
				   DMP_PROT_READ | DMP_PROT_WRITE);
}

/* Strictly, or into the gather and then a flush of all. */
static void unmap(struct hand *h, uint64_t off, uint64_t len)
{
	dmp_iova_t iova = plot_of(h->me->number) + off;
	uint64_t unmapped = 0;

	if (rng_range(&h->rng, 0, 1)) {
		CREW_EXPECT(h->me, dmp_iommu_unmap(h->s->iommu, iova, len, &unmapped) == 0);
	} else {
		h->gather.queued = 1;
		CREW_EXPECT(h->me, dmp_iommu_unmap_gather(h->s->iommu, iova, len, &h->gather,
							  &unmapped) == 0);
		peek(h);
		CREW_EXPECT(h->me, dmp_iommu_sync(h->s->iommu, &h->gather) == 0);
	}
	CREW_EXPECT(h->me, unmapped >= len);
}

static void one_round(struct hand *h)
{
	uint64_t granule = h->s->granule;
	bool is_big = (h->s->page_sizes & BIG) && rng_range(&h->rng, 0, 2) == 0;
	/* A whole table, which goes again; or some pages. */
	uint64_t off = is_big ? BIG * rng_range(&h->rng, 0, 1)
			      : granule * rng_range(&h->rng, 0, PLOT / granule - 1);
	uint64_t len = is_big ? BIG : granule * rng_range(&h->rng, 1, (PLOT - off) / granule);

	h->skew = rng_range(&h->rng, 0, 1) * granule;
	CREW_EXPECT(h->me, map(h, off, len) == 0);
	expect_mapped(h, off, len, true);
	peek(h);
	unmap(h, off, len);
	expect_mapped(h, off, len, false);
	peek(h);
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct hand h = {.me = me, .s = s};

	h.rng = rng_seeded(rng_seed_from_env(3) + me->number);
	dmp_gather_init(&h.gather);
	CREW_EXPECT(me, dmp_sim_agent_create(s->sim, dmp_device_id(s->dev), &h.agent) == 0);
	for (uint64_t i = 0; i < s->rounds && !me->failures; i++)
		one_round(&h);
	if (h.agent)
		dmp_sim_agent_destroy(h.agent);
}

static void memory_make(struct shared *s)
{
	const unsigned char *ram = dmp_sim_ram(s->sim, 0, 1);

	for (unsigned i = 0; i < THREADS; i++) {
		void *buf;

		assert_int_equal(dmp_hw_alloc(s->hw, PLOT + s->granule, &buf), 0);
		s->memory[i] = buf;
		s->phys[i] = (dmp_phys_t)(s->memory[i] - ram);
		for (uint64_t off = 0; off < PLOT + s->granule; off += DMP_PAGE_BYTES) {
			uint64_t tag = tag_of(i, off);

			memcpy(s->memory[i] + off, &tag, sizeof(tag));
		}
	}
}

static void run_format(const char *name)
{
	static struct shared s;
	struct dmp_hw_domain_info info;
	struct dmp_sim_stats stats;

	memset(&s, 0, sizeof(s));
	s.rounds = rng_rounds_from_env(ROUNDS);
	dmp_log_set_sink(count_bugs, &s);
	/* A walker may begin at a table that it remembers. */
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.format = name, .ram_bytes = PLOT * 256,
						      .walk_entries = {16, 8, 4, 2}),
					&s.sim),
			 0);
	s.hw = dmp_sim_hw(s.sim);
	assert_int_equal(dmp_device_create(s.hw, NULL, &s.dev), 0);
	assert_int_equal(dmp_iommu_create(s.hw, DMP_DOMAIN_TRANSLATED, &s.iommu), 0);
	assert_int_equal(dmp_iommu_attach(s.iommu, dmp_device_id(s.dev)), 0);
	dmp_iommu_info(s.iommu, &info);
	s.page_sizes = info.page_sizes;
	s.granule = info.page_sizes & -info.page_sizes;
	memory_make(&s);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	assert_int_equal(dmp_sim_check(s.sim), 0);
	assert_int_equal(dmp_sim_get_stats(s.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.tables_waiting, 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(dmp_hw_free(s.hw, s.memory[i], PLOT + s.granule), 0);
	assert_int_equal(dmp_iommu_detach(s.iommu, dmp_device_id(s.dev)), 0);
	assert_int_equal(dmp_iommu_destroy(s.iommu), 0);
	assert_int_equal(dmp_device_destroy(s.dev), 0);
	assert_int_equal(dmp_sim_get_stats(s.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.table_bytes, 0);
	assert_int_equal(dmp_sim_destroy(s.sim), 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(load_relaxed(&s.bugs), 0); /* relaxed: the threads are gone */
}

static void test_devices_find_what_is_mapped_or_nothing_in_every_format(void **state)
{
	const char *name;

	(void)state;
	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++)
		run_format(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices_find_what_is_mapped_or_nothing_in_every_format),
	};

	return cmocka_run_group_tests_name("stress_pgtable", tests, NULL, NULL);
}
