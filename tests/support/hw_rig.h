/* SPDX-License-Identifier: MIT */
/*
 * hw_rig.h - a test double adopted as a machine, for the unit tests of lib/hw and lib/iommu
 *
 * Log lines of DMP_LOG_BUG are counted; one that a test provokes is taken by
 * hw_rig_expect_bug().  hw_rig_down() sees that none is left over, that nothing is left in
 * the machine, and that no bookkeeping memory is.
 */
#ifndef DMAPOOL_TEST_HW_RIG_H
#define DMAPOOL_TEST_HW_RIG_H

#include "dmptest.h"

#include "double_hw.h"
#include "hw_call.h"

#include <dmapool/bits.h>
#include <dmapool/harness.h>

#include <stdio.h>

#define KB4  UINT64_C(0x1000)
#define MB2  UINT64_C(0x200000)
#define GB1  UINT64_C(0x40000000)
#define BOTH (DMP_PROT_READ | DMP_PROT_WRITE)

struct hw_rig {
	struct double_hw *d;
	struct dmp_hw *hw; /* NULL before hw_rig_adopt() */
	uint64_t meta_before;
	unsigned bugs, warnings;
	char line[256];  /* the latest */
	bool may_litter; /* the double lied: what it has given out is not told */
};

static inline void hw_rig_log(void *ctx, enum dmp_log_level level, const char *line)
{
	struct hw_rig *rig = ctx;

	rig->bugs += level == DMP_LOG_BUG;
	rig->warnings += level == DMP_LOG_WARN;
	snprintf(rig->line, sizeof(rig->line), "%s", line);
}

static inline void hw_rig_begin(struct hw_rig *rig)
{
	*rig = (struct hw_rig){.meta_before = dmp_meta_in_use()};
	dmp_log_set_sink(hw_rig_log, rig);
	rig->d = double_hw_new();
}

static inline void hw_rig_adopt(struct hw_rig *rig, uint32_t hw_flags)
{
	assert_int_equal(double_hw_adopt(rig->d, hw_flags, &rig->hw), 0);
}

/* Exactly one line was logged since the last time, and it says @text. */
#define hw_rig_expect_bug(rig, text)                                                               \
	do {                                                                                       \
		assert_non_null(strstr((rig)->line, text));                                        \
		assert_int_equal((rig)->bugs, 1);                                                  \
		(rig)->bugs = 0;                                                                   \
		(rig)->line[0] = '\0';                                                             \
	} while (0)

static inline void hw_rig_down(struct hw_rig *rig)
{
	if (!rig->may_litter)
		assert_int_equal(double_hw_leftovers(rig->d), 0);
	if (rig->hw)
		assert_int_equal(dmp_hw_destroy(rig->hw), 0);
	double_hw_free(rig->d);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(rig->bugs, 0);
	assert_int_equal(dmp_meta_in_use(), rig->meta_before);
}

#endif
