/* SPDX-License-Identifier: MIT */
/*
 * double_rig.h - a test double with a domain, for the unit tests of lib/domain and lib/dma
 *
 * rig_down() sees that the walker is content, that nothing is left in the machine and that
 * no bookkeeping memory is.
 */
#ifndef DMAPOOL_TEST_DOUBLE_RIG_H
#define DMAPOOL_TEST_DOUBLE_RIG_H

#include "dmptest.h"

#include "double_hw.h"

#include <dmapool/bits.h>
#include <dmapool/domain.h>
#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <stdio.h>

#define PAGE DMP_PAGE_BYTES
#define HUGE (UINT64_C(2) << 20)

struct rig {
	struct double_hw *d;
	struct dmp_hw *hw;
	struct dmp_domain *dom; /* NULL before rig_domain() */
	uint64_t meta_before;
	uint64_t bugs; /* log lines of DMP_LOG_BUG */
	uint64_t warnings;
	char line[200]; /* the latest of either */
};

static inline void rig_log(void *ctx, enum dmp_log_level level, const char *line)
{
	struct rig *rig = ctx;

	if (level == DMP_LOG_BUG)
		rig->bugs++;
	if (level == DMP_LOG_WARN)
		rig->warnings++;
	snprintf(rig->line, sizeof(rig->line), "%s", line);
}

/* The double exists, its table may be changed, nothing has been adopted. */
static inline void rig_begin(struct rig *rig)
{
	*rig = (struct rig){.meta_before = dmp_meta_in_use()};
	dmp_log_set_sink(rig_log, rig);
	rig->d = double_hw_new();
}

static inline void rig_adopt(struct rig *rig)
{
	assert_int_equal(double_hw_adopt(rig->d, DMP_HW_CHECK, &rig->hw), 0);
}

static inline void rig_domain_as(struct rig *rig, const struct dmp_domain_opts *opts)
{
	rig_adopt(rig);
	assert_int_equal(dmp_domain_create(rig->hw, opts, &rig->dom), 0);
}

static inline void rig_domain(struct rig *rig)
{
	rig_domain_as(rig, NULL);
}

/* Everything with defaults. */
static inline void rig_up(struct rig *rig)
{
	rig_begin(rig);
	rig_domain(rig);
}

static inline void rig_down(struct rig *rig)
{
	if (rig->dom) {
		assert_int_equal(dmp_domain_check(rig->dom), 0);
		assert_int_equal(dmp_domain_destroy(rig->dom), 0);
	}
	assert_int_equal(double_hw_leftovers(rig->d), 0);
	if (rig->hw)
		assert_int_equal(dmp_hw_destroy(rig->hw), 0);
	double_hw_free(rig->d);
	dmp_rcu_barrier();
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_meta_in_use(), rig->meta_before);
}

static inline struct dmp_domain_stats rig_domain_stats(struct rig *rig)
{
	struct dmp_domain_stats stats;

	assert_int_equal(dmp_domain_get_stats(rig->dom, &stats, sizeof(stats)), 0);
	return stats;
}

/* One domain exists in these tests: what is mapped at @iova there?  UINT64_MAX: nothing. */
static inline dmp_phys_t rig_phys_at(struct rig *rig, dmp_iova_t iova)
{
	dmp_phys_t phys;

	return double_translate(rig->d, 0, iova, &phys, NULL) ? phys : UINT64_MAX;
}

static inline unsigned rig_prot_at(struct rig *rig, dmp_iova_t iova)
{
	unsigned prot;

	return double_translate(rig->d, 0, iova, NULL, &prot) ? prot : 0;
}

#endif
