/* SPDX-License-Identifier: MIT */
/*
 * heavy_fence.h - skips a test of what is not to be had on every machine
 */
#ifndef DMAPOOL_TEST_HEAVY_FENCE_H
#define DMAPOOL_TEST_HEAVY_FENCE_H

#include "dmptest.h"

#include <dmapool/port.h>

/* A system without membarrier, or a sandbox that refuses it, has no bias to be tested. */
static inline void need_heavy_fence(void)
{
	static char none;
	unsigned slot = dmp_bias_open(&none);

	dmp_bias_close(slot);
	if (slot == 0)
		skip();
}

#endif
