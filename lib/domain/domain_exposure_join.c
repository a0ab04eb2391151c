// SPDX-License-Identifier: MIT
/*
 * domain_exposure_join.c - snapshots and their parts as one, word by word
 *
 *     flags | unmaps  bytes | could: ... oldest ... count sum max in[] | did: the same | ...
 *                                    ^max                 ^max
 *
 * All words of a snapshot but its flags are counters and sums, which add up and stay at
 * UINT64_MAX, except for the few that are the longest of something.  These few are named; a member
 * that somebody appends is a sum unless it is put there.
 *
 * Locking: none; the caller's.
 */
#include "domain_internal.h"

#include <dmapool/bits.h>

#include <assert.h>

static_assert(sizeof(struct dmp_spread) == 3 * 8 + 8 * DMP_SPREAD_CLASSES, "append only");
static_assert(sizeof(struct dmp_exposure_side) == 6 * 8 + sizeof(struct dmp_spread),
	      "both sides are joined as one");
static_assert(offsetof(struct dmp_exposure, unmaps) == 8 && sizeof(struct dmp_exposure) % 8 == 0,
	      "flags, then words");

#define WORD(member) (offsetof(struct dmp_exposure, member) / sizeof(uint64_t))
#define WORDS        (sizeof(struct dmp_exposure) / sizeof(uint64_t))
#define SIDE_WORDS   (sizeof(struct dmp_exposure_side) / sizeof(uint64_t))

static bool is_longest(size_t word)
{
	return word == WORD(could.open_oldest_ns) || word == WORD(could.ns.max) ||
	       word == WORD(seen.did.open_oldest_ns) || word == WORD(seen.did.ns.max) ||
	       word == WORD(seen.stale_oldest_ns);
}

/* @n words, of which the first is @word of a snapshot. */
static void join_words(uint64_t *sum, const uint64_t *more, size_t word, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_longest(word + i))
			sum[i] = dmp_add_saturated(sum[i], more[i]);
		else if (sum[i] < more[i])
			sum[i] = more[i];
	}
}

void exposure_join_side(struct dmp_exposure_side *sum, const struct dmp_exposure_side *more)
{
	join_words((uint64_t *)sum, (const uint64_t *)more, WORD(could), SIDE_WORDS);
}

bool exposure_is_saturated(const struct dmp_exposure *e)
{
	const uint64_t *words = (const uint64_t *)e;

	for (size_t word = WORD(unmaps); word < WORDS; word++)
		if (words[word] == UINT64_MAX && !is_longest(word))
			return true;
	return false;
}

void dmp_exposure_join(struct dmp_exposure *sum, const struct dmp_exposure *more)
{
	uint32_t seen = sum->flags & more->flags & DMP_EXPOSURE_SEEN;

	sum->flags = ((sum->flags | more->flags) & ~DMP_EXPOSURE_SEEN) | seen;
	join_words((uint64_t *)sum + WORD(unmaps), (const uint64_t *)more + WORD(unmaps),
		   WORD(unmaps), WORDS - WORD(unmaps));
	if (exposure_is_saturated(sum))
		sum->flags |= DMP_EXPOSURE_SATURATED;
}
