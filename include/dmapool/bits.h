/* SPDX-License-Identifier: MIT */
/*
 * bits.h - arithmetic on addresses and sizes: pure, the same for the library,
 * a backend and a policy
 *
 * @align is always a power of two.  Sums that can leave 64 bits have a checked form.
 */
#ifndef DMAPOOL_BITS_H
#define DMAPOOL_BITS_H

#include <dmapool/types.h>

/* The smallest page that anything here deals in. */
#define DMP_PAGE_SHIFT 12u
#define DMP_PAGE_BYTES (UINT64_C(1) << DMP_PAGE_SHIFT)

static inline bool dmp_is_pow2(uint64_t x)
{
	return x != 0 && (x & (x - 1)) == 0;
}

/* Position of the highest set bit; x > 0. */
static inline unsigned dmp_log2_floor(uint64_t x)
{
	return 63u - (unsigned)__builtin_clzll(x);
}

/* Smallest n with 2^n >= x; x > 0. */
static inline unsigned dmp_log2_ceil(uint64_t x)
{
	return x <= 1 ? 0 : dmp_log2_floor(x - 1) + 1;
}

/* Smallest power of two >= x; 0 if that does not fit 64 bits; x > 0. */
static inline uint64_t dmp_pow2_ceil(uint64_t x)
{
	unsigned n = dmp_log2_ceil(x);

	return n > 63 ? 0 : UINT64_C(1) << n;
}

static inline uint64_t dmp_align_down(uint64_t x, uint64_t align)
{
	return x & ~(align - 1);
}

/* Wraps to 0 past the top; use dmp_align_up_checked() where @x is a caller's. */
static inline uint64_t dmp_align_up(uint64_t x, uint64_t align)
{
	return (x + align - 1) & ~(align - 1);
}

static inline bool dmp_align_up_checked(uint64_t x, uint64_t align, uint64_t *out)
{
	if (x > UINT64_MAX - (align - 1))
		return false;
	*out = dmp_align_up(x, align);
	return true;
}

static inline bool dmp_is_aligned(uint64_t x, uint64_t align)
{
	return (x & (align - 1)) == 0;
}

/* Do @len > 0 bytes from @start end at or below @last? */
static inline bool dmp_range_fits(uint64_t start, uint64_t len, uint64_t last)
{
	return start <= last && len - 1 <= last - start;
}

/* Sum and product that stay at UINT64_MAX where they would leave 64 bits. */
static inline uint64_t dmp_add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t dmp_mul_saturated(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* log2 of the number of 4 KiB pages, a power of two, that hold @len > 0 bytes. */
static inline unsigned dmp_page_order(uint64_t len)
{
	return dmp_log2_ceil(((len - 1) >> DMP_PAGE_SHIFT) + 1);
}

#endif
