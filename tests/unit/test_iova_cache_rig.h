/* SPDX-License-Identifier: MIT */
/*
 * test_iova_cache_rig.h - a space of two CPUs, and what their magazines and the depot hold
 */
#ifndef DMAPOOL_TEST_IOVA_CACHE_RIG_H
#define DMAPOOL_TEST_IOVA_CACHE_RIG_H

#include "iova_space.h"

#define MAGAZINE 127u

static inline int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, NULL);
	*state = &s;
	return 0;
}

static inline int teardown(void **state)
{
	struct iova_space *s = *state;

	if (s->nbugs)
		return -1;
	iova_space_close(s);
	return 0;
}

static inline void assert_counts(struct iova_space *s, unsigned cpu, uint32_t loaded, uint32_t prev,
				 unsigned ndepot)
{
	assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, cpu, 0), loaded);
	assert_int_equal(iova_space_count(s, DMP_IOVA_PREV, cpu, 0), prev);
	assert_int_equal(iova_space_depot(s, 0), ndepot);
}

static inline void fill(struct iova_space *s, unsigned cpu, unsigned n)
{
	iova_space_fill(s, cpu, n, 1);
}

#endif
