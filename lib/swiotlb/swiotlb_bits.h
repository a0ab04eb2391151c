/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_bits.h - the slots of a segment as 128 bits: pure
 *
 *      w[0]                    w[1]
 *      bit 0 ......... bit 63  bit 0 ......... bit 63
 *      slot 0                  slot 64       slot 127
 *
 * Moving bits down moves them to lower slots; what comes in from above is 0: nothing goes on
 * behind the end of a segment.
 */
#ifndef SWIOTLB_BITS_H
#define SWIOTLB_BITS_H

#include <dmapool/bits.h>

#define SEGMENT_SLOTS 128u
#define SEGMENT_WORDS 2u
/* Every second bit of a word, from bit 0 on. */
#define EVEN_BITS     UINT64_C(0x5555555555555555)

struct bits128 {
	uint64_t w[SEGMENT_WORDS];
};

/* Bits from @bit on, 0 .. 128. */
static inline struct bits128 bits_from(unsigned bit)
{
	if (bit < 64)
		return (struct bits128){{UINT64_MAX << bit, UINT64_MAX}};
	return (struct bits128){{0, bit < 128 ? UINT64_MAX << (bit - 64) : 0}};
}

static inline struct bits128 bits_and(struct bits128 a, struct bits128 b)
{
	return (struct bits128){{a.w[0] & b.w[0], a.w[1] & b.w[1]}};
}

/* Bits @bit .. @bit + @n - 1, all below 128. */
static inline struct bits128 bits_run(unsigned bit, unsigned n)
{
	struct bits128 from = bits_from(bit), beyond = bits_from(bit + n);

	return (struct bits128){{from.w[0] & ~beyond.w[0], from.w[1] & ~beyond.w[1]}};
}

/* Most runs lie in one word, and are done with it: bits @bit .. @bit + @n - 1 of @w. */
static inline bool bits_are_set(const uint64_t w[SEGMENT_WORDS], unsigned bit, unsigned n)
{
	struct bits128 run;
	uint64_t word;

	if (__builtin_expect(bit % 64 + n <= 64, 1)) {
		word = UINT64_MAX >> (64 - n) << bit % 64;
		return (w[bit / 64] & word) == word;
	}
	run = bits_run(bit, n);
	return !(run.w[0] & ~w[0]) && !(run.w[1] & ~w[1]);
}

static inline void bits_flip(uint64_t w[SEGMENT_WORDS], unsigned bit, unsigned n)
{
	struct bits128 run;

	if (__builtin_expect(bit % 64 + n <= 64, 1)) {
		w[bit / 64] ^= UINT64_MAX >> (64 - n) << bit % 64;
		return;
	}
	run = bits_run(bit, n);
	w[0] ^= run.w[0];
	w[1] ^= run.w[1];
}

/* Each bit moves down by 1 .. 64. */
static inline struct bits128 bits_down(struct bits128 x, unsigned by)
{
	if (by == 64)
		return (struct bits128){{x.w[1], 0}};
	return (struct bits128){{x.w[0] >> by | x.w[1] << (64 - by), x.w[1] >> by}};
}

static inline bool bits_any(struct bits128 x)
{
	return x.w[0] | x.w[1];
}

static inline bool bits_any_even(struct bits128 x)
{
	return (x.w[0] | x.w[1]) & EVEN_BITS;
}

/* The lowest bit of @x, which has one. */
static inline unsigned bits_lowest(struct bits128 x)
{
	return x.w[0] ? (unsigned)__builtin_ctzll(x.w[0]) : 64 + (unsigned)__builtin_ctzll(x.w[1]);
}

/* The lowest bit from @bit on, 0 .. 128, that is clear in @x; 128: none. */
static inline unsigned bits_next_clear(struct bits128 x, unsigned bit)
{
	struct bits128 from = bits_from(bit);
	struct bits128 clear = {{from.w[0] & ~x.w[0], from.w[1] & ~x.w[1]}};

	return bits_any(clear) ? bits_lowest(clear) : SEGMENT_SLOTS;
}

/* One more than the highest bit below @bit, 0 .. 127, that is clear in @x; 0: none. */
static inline unsigned bits_behind_clear(struct bits128 x, unsigned bit)
{
	struct bits128 from = bits_from(bit);
	uint64_t low = ~x.w[0] & ~from.w[0], high = ~x.w[1] & ~from.w[1];

	if (high)
		return 64 + dmp_log2_floor(high) + 1;
	return low ? dmp_log2_floor(low) + 1 : 0;
}

/* Where @n set bits follow each other, n > 0. */
static inline struct bits128 bits_runs_of(struct bits128 x, unsigned n)
{
	unsigned have, step;

	for (have = 1; have < n; have += step) {
		step = have < n - have ? have : n - have;
		x = bits_and(x, bits_down(x, step));
	}
	return x;
}

/* The bits that are @first modulo @period, a power of two; first < period. */
static inline struct bits128 bits_periodic(uint64_t first, uint64_t period)
{
	static const uint64_t words[] = {
		UINT64_MAX,
		EVEN_BITS,
		UINT64_C(0x1111111111111111),
		UINT64_C(0x0101010101010101),
		UINT64_C(0x0001000100010001),
		UINT64_C(0x0000000100000001),
		1,
	};
	uint64_t word;

	if (period > 64)
		return first < SEGMENT_SLOTS ? bits_run((unsigned)first, 1)
					     : (struct bits128){{0, 0}};
	word = words[dmp_log2_floor(period)] << first;
	return (struct bits128){{word, word}};
}

#endif
