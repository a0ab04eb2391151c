// SPDX-License-Identifier: MIT
/*
 * stress_iommu.c - four threads map and unmap in one domain of a checked machine
 *
 * Each thread has addresses, a device and buffers of its own, so the backend keeps its
 * contract throughout; each also looks up its neighbour's addresses, which come and go.  The
 * books of the checking shim are shared: a line of DMP_LOG_BUG means that they lost count.
 *
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "double_hw.h"
#include "rng.h"

#include <dmapool/iommu.h>

#define THREADS 4u
#define ROUNDS  300u
#define KB4     UINT64_C(0x1000)
#define PLOT    (UINT64_C(1) << 30) /* addresses of one thread */
#define PAGES   64u
#define BOTH    (DMP_PROT_READ | DMP_PROT_WRITE)

struct shared {
	struct dmp_hw *hw;
	struct dmp_iommu *iommu;
	uint64_t rounds;
	DMP_ATOMIC(uint64_t) bugs;
};

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct shared *s = ctx;

	(void)line;
	if (level == DMP_LOG_BUG)
		add_relaxed(&s->bugs, 1); /* relaxed: read after the threads are gone */
}

static dmp_phys_t phys_of(dmp_iova_t iova)
{
	return iova + 7 * KB4;
}

/* A neighbour's page is mapped where it belongs, or not at all. */
static void peek(struct crew_member *me, struct shared *s, uint64_t page)
{
	dmp_iova_t iova = ((me->number + 1) % me->of) * PLOT + page * KB4;
	dmp_phys_t phys;
	int err = dmp_iommu_iova_to_phys(s->iommu, iova, &phys);

	CREW_EXPECT(me, err == -ENOENT || (err == 0 && phys == phys_of(iova)));
}

static void one_round(struct crew_member *me, struct shared *s, struct rng *rng)
{
	uint64_t first = rng_range(rng, 0, PAGES / 2), n = rng_range(rng, 2, PAGES / 2);
	dmp_iova_t iova = me->number * PLOT + first * KB4;
	uint64_t half = rng_range(rng, 1, n - 1), unmapped = 0;
	dmp_phys_t phys;
	void *buf;

	CREW_EXPECT(me, dmp_hw_alloc(s->hw, n * KB4, &buf) == 0);
	CREW_EXPECT(me, dmp_iommu_attach(s->iommu, me->number) == 0);
	CREW_EXPECT(me, dmp_iommu_map(s->iommu, iova, phys_of(iova), n * KB4, BOTH) == 0);
	peek(me, s, first);
	CREW_EXPECT(me, dmp_iommu_iova_to_phys(s->iommu, iova + half * KB4, &phys) == 0 &&
				phys == phys_of(iova + half * KB4));
	CREW_EXPECT(me, dmp_iommu_unmap(s->iommu, iova, half * KB4, &unmapped) == 0 &&
				unmapped == half * KB4);
	peek(me, s, first + half);
	CREW_EXPECT(me, dmp_iommu_unmap(s->iommu, iova + half * KB4, (n - half) * KB4, &unmapped) ==
					0 &&
				unmapped == (n - half) * KB4);
	CREW_EXPECT(me, dmp_iommu_detach(s->iommu, me->number) == 0);
	CREW_EXPECT(me, dmp_hw_free(s->hw, buf, n * KB4) == 0);
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(1) + me->number);

	for (uint64_t i = 0; i < s->rounds && !me->failures; i++)
		one_round(me, s, &rng);
}

static void test_threads_do_not_confuse_the_books(void **state)
{
	struct shared s = {.rounds = rng_rounds_from_env(ROUNDS)};
	uint64_t meta_before = dmp_meta_in_use();
	struct double_hw *d = double_hw_new();

	(void)state;
	dmp_log_set_sink(count_bugs, &s);
	d->ops.device_add = NULL; /* numbers are the threads' */
	d->ops.device_remove = NULL;
	d->chain_tables = true;
	assert_int_equal(double_hw_adopt(d, DMP_HW_CHECK, &s.hw), 0);
	assert_int_equal(dmp_iommu_create(s.hw, DMP_DOMAIN_TRANSLATED, &s.iommu), 0);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	assert_int_equal(dmp_iommu_destroy(s.iommu), 0);
	assert_int_equal(double_hw_leftovers(d), 0);
	assert_int_equal(d->tables_freed_early, 0);
	assert_int_equal(dmp_hw_destroy(s.hw), 0);
	double_hw_free(d);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(load_relaxed(&s.bugs), 0); /* relaxed: the threads are gone */
	assert_int_equal(dmp_meta_in_use(), meta_before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_do_not_confuse_the_books),
	};

	return cmocka_run_group_tests_name("stress_iommu", tests, NULL, NULL);
}
