/* SPDX-License-Identifier: MIT */
/*
 * iova_space.h - an IOVA domain in manual mode, in one call
 *
 *   struct iova_space s;
 *   iova_space_open(&s, 2, NULL);              CPUs 0 and 1, default options
 *   ...
 *   iova_space_close(&s);
 *
 * Closing runs the walkers and sees that no bookkeeping memory is left.  Log lines are
 * kept out of the output; those that report a broken promise are counted.
 */
#ifndef DMAPOOL_TEST_IOVA_SPACE_H
#define DMAPOOL_TEST_IOVA_SPACE_H

#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/iova.h>
#include <dmapool/port.h>

struct iova_space {
	struct dmp_iova_domain *dom;
	unsigned nbugs; /* DMP_LOG_BUG lines so far */
};

static inline void iova_space_log(void *ctx, enum dmp_log_level level, const char *line)
{
	struct iova_space *s = ctx;

	(void)line;
	s->nbugs += level == DMP_LOG_BUG;
}

static inline void iova_space_open(struct iova_space *s, unsigned ncpus,
				   const struct dmp_iova_opts *opts)
{
	s->nbugs = 0;
	dmp_log_set_sink(iova_space_log, s);
	assert_int_equal(dmp_harness_enter(ncpus), 0);
	assert_int_equal(dmp_iova_create(opts, &s->dom), 0);
}

static inline void iova_space_close(struct iova_space *s)
{
	assert_int_equal(dmp_iova_check(s->dom), 0);
	assert_int_equal(dmp_iova_destroy(s->dom), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
	assert_int_equal(dmp_harness_leave(), 0);
	dmp_log_set_sink(NULL, NULL);
}

/* A cached allocation that succeeds, on CPU @cpu. */
static inline uint64_t iova_space_alloc(struct iova_space *s, unsigned cpu, uint64_t size)
{
	uint64_t pfn = 0;

	assert_int_equal(dmp_harness_become(cpu), 0);
	assert_int_equal(dmp_iova_alloc(s->dom, size, 0xfffff, 0, &pfn), 0);
	return pfn;
}

static inline void iova_space_free(struct iova_space *s, unsigned cpu, uint64_t pfn, uint64_t size)
{
	assert_int_equal(dmp_harness_become(cpu), 0);
	assert_int_equal(dmp_iova_free(s->dom, pfn, size), 0);
}

static inline struct dmp_iova_stats iova_space_stats(struct iova_space *s)
{
	struct dmp_iova_stats stats;

	assert_int_equal(dmp_iova_get_stats(s->dom, &stats, sizeof(stats)), 0);
	return stats;
}

/* How many entries a magazine has; 0 if there is none such in the depot. */
static inline uint32_t iova_space_count(struct iova_space *s, enum dmp_iova_magazine_place place,
					unsigned index, unsigned order)
{
	struct dmp_iova_magazine_view view = {0};

	dmp_iova_inspect_magazine(s->dom, place, index, order, &view);
	return view.count;
}

/* How many magazines the depot of @order has. */
static inline unsigned iova_space_depot(struct iova_space *s, unsigned order)
{
	unsigned n = 0;

	while (iova_space_count(s, DMP_IOVA_DEPOT, n, order) > 0)
		n++;
	return n;
}

/* Allocates @n <= 2048 ranges of @size on CPU @cpu, then frees them there. */
static inline void iova_space_fill(struct iova_space *s, unsigned cpu, unsigned n, uint64_t size)
{
	uint64_t pfns[2048];

	assert_true(n <= 2048);
	for (unsigned i = 0; i < n; i++)
		pfns[i] = iova_space_alloc(s, cpu, size);
	for (unsigned i = 0; i < n; i++)
		iova_space_free(s, cpu, pfns[i], size);
}

static inline struct dmp_iova_policy_state iova_space_state(struct iova_space *s)
{
	struct dmp_iova_policy_state state;

	assert_int_equal(dmp_iova_inspect_policy(s->dom, &state), 0);
	return state;
}

#endif
