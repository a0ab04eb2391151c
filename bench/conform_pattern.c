// SPDX-License-Identifier: MIT
/*
 * conform_pattern.c - what the bounce vectors fill memory with, and how they sum it up
 *
 * Both are given byte by byte in the README.md beside the vectors.
 *
 * Source: the sum is FNV-1a, 64 bits (Fowler, Noll and Vo).
 */
#include "conform.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

void conform_pattern_fill(void *buf, uint64_t len, uint32_t seed)
{
	unsigned char *at = buf;
	uint32_t x;
	uint64_t i;

	for (i = 0; i < len; i++) {
		x = (seed ^ ((uint32_t)i * UINT32_C(0x9e3779b1))) * UINT32_C(0x85ebca6b);
		at[i] = (unsigned char)(x ^ x >> 15);
	}
}

uint64_t conform_pattern_sum(const void *buf, uint64_t len)
{
	const unsigned char *at = buf;
	uint64_t sum = FNV_BASIS, i;

	for (i = 0; i < len; i++)
		sum = (sum ^ at[i]) * FNV_PRIME;
	return sum;
}
