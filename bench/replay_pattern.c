// SPDX-License-Identifier: MIT
/*
 * replay_pattern.c - bytes that tell which mapping, which place and which time they are of
 *
 * Picture: the mapping's bytes are 64-bit words, the last one perhaps in part:
 *
 *    word i  =  key + i * STRIDE        key: mixed from mapping and generation
 *
 * Words of one mapping differ from each other, since STRIDE is odd; words of different
 * mappings or generations are equal by chance only.  So bytes that are stale, from another
 * buffer, or moved by some distance are seen.  A range may start at any byte.
 *
 * Source: the mixer is the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast
 *  Splittable Pseudorandom Number Generators", OOPSLA 2014); STRIDE is its increment.
 */
#include "replay.h"

#include <string.h>

#define STRIDE UINT64_C(0x9e3779b97f4a7c15)
#define WORD   8u

uint64_t replay_pattern_key(uint32_t mapping, uint16_t generation)
{
	uint64_t x = ((uint64_t)mapping << 16 | generation) + STRIDE;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t word_at(uint64_t key, uint64_t index)
{
	return key + index * STRIDE;
}

/* Bytes of the word that contains @offset, from there on; at most @len of them. */
static uint64_t piece_len(uint64_t offset, uint64_t len)
{
	uint64_t rest = WORD - offset % WORD;

	return rest < len ? rest : len;
}

static void piece_fill(char *to, uint64_t offset, uint64_t len, uint64_t key)
{
	uint64_t word = word_at(key, offset / WORD);

	memcpy(to, (const char *)&word + offset % WORD, len);
}

static uint64_t piece_wrong(const char *at, uint64_t offset, uint64_t len, uint64_t key)
{
	char right[WORD];
	uint64_t wrong = 0;

	piece_fill(right, offset, len, key);
	for (uint64_t i = 0; i < len; i++)
		wrong += at[i] != right[i];
	return wrong;
}

void replay_pattern_fill(void *to, uint64_t offset, uint64_t len, uint64_t key)
{
	uint64_t head = offset % WORD ? piece_len(offset, len) : 0;
	uint64_t nwords = (len - head) / WORD;
	uint64_t first = (offset + head) / WORD;
	char *at = to;

	if (head)
		piece_fill(at, offset, head, key);
	at += head;
	for (uint64_t i = 0; i < nwords; i++) {
		uint64_t word = word_at(key, first + i);

		memcpy(at + i * WORD, &word, WORD);
	}
	piece_fill(at + nwords * WORD, offset + head + nwords * WORD, len - head - nwords * WORD,
		   key);
}

uint64_t replay_pattern_wrong(const void *from, uint64_t offset, uint64_t len, uint64_t key)
{
	uint64_t head = offset % WORD ? piece_len(offset, len) : 0;
	uint64_t nwords = (len - head) / WORD;
	uint64_t first = (offset + head) / WORD;
	const char *at = from;
	uint64_t wrong = head ? piece_wrong(at, offset, head, key) : 0;

	at += head;
	for (uint64_t i = 0; i < nwords; i++) {
		uint64_t word;

		memcpy(&word, at + i * WORD, WORD);
		if (word != word_at(key, first + i))
			wrong += piece_wrong(at + i * WORD, (first + i) * WORD, WORD, key);
	}
	return wrong + piece_wrong(at + nwords * WORD, offset + head + nwords * WORD,
				   len - head - nwords * WORD, key);
}
