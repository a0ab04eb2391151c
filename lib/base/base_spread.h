/* SPDX-License-Identifier: MIT */
/*
 * base_spread.h - the class that a time falls into: base_spread.c has the picture
 */
#ifndef BASE_SPREAD_H
#define BASE_SPREAD_H

#include <dmapool/bits.h>
#include <dmapool/exposure.h>

#include <assert.h>

#define SPREAD_LINEAR_BITS 4u
#define SPREAD_LINEAR      (1u << SPREAD_LINEAR_BITS)

static_assert(DMP_SPREAD_CLASSES == (64 - SPREAD_LINEAR_BITS + 1) * SPREAD_LINEAR,
	      "every time has a class");

static inline unsigned spread_class(uint64_t ns)
{
	unsigned shift;

	if (ns < SPREAD_LINEAR)
		return (unsigned)ns;
	shift = dmp_log2_floor(ns) - SPREAD_LINEAR_BITS;
	return (shift + 1) * SPREAD_LINEAR + (unsigned)(ns >> shift & (SPREAD_LINEAR - 1));
}

#endif
