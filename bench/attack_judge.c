// SPDX-License-Identifier: MIT
/*
 * attack_judge.c - counters -> broken promises
 *
 *    what was there      performed     stale          a fault
 *    live                good          given out      refused, unless against the direction
 *    being unmapped      good          good           good
 *    unmapped, open      reached       good: lazy     good
 *    unmapped, closed    reached       too late       good
 *    never               reached       too late       good
 *
 * And no stale access is older than the longest window that the library reports, and that is within
 * the bound; an address is mapped only once it was flushed; the library is in order at the end.
 *
 * What a device reaches while the unmap goes on, the unmap has not promised to be out of reach:
 * only threads meet that.
 *
 * Beside threads an address may be mapped before its map has returned, so that `reached` and
 * `given_open` say nothing; and the bound is one of the trace's time, while in real time a timer
 * may come late.  Without translation nothing is promised but that what is mapped works.
 */
#include "attack.h"

uint64_t attack_sum(const struct attack_counts *counts, enum attack_state state, unsigned answer)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ATTACK_ANSWERS; i++)
		if (answer == ATTACK_ANSWERS || answer == i)
			sum += counts->by[state][0][i] + counts->by[state][1][i];
	return sum;
}

uint64_t attack_sum_all(const struct attack_counts *counts, unsigned answer)
{
	uint64_t sum = 0;

	for (unsigned state = 0; state < ATTACK_STATES; state++)
		sum += attack_sum(counts, (enum attack_state)state, answer);
	return sum;
}

uint64_t attack_stale(const struct attack_counts *counts, bool write)
{
	uint64_t sum = 0;

	for (unsigned state = 0; state < ATTACK_STATES; state++)
		if (state != ATTACK_LEAVING)
			sum += counts->by[state][write][DMP_FAULT_STALE];
	return sum;
}

uint64_t attack_reached(const struct attack_counts *counts)
{
	return attack_sum(counts, ATTACK_NEVER, ATTACK_DONE) +
	       attack_sum(counts, ATTACK_OPEN, ATTACK_DONE) +
	       attack_sum(counts, ATTACK_CLOSED, ATTACK_DONE);
}

static unsigned bit(bool is_set, enum attack_breach breach)
{
	return is_set ? (unsigned)breach : 0;
}

/* What every machine owes. */
static unsigned judge_service(const struct attack_result *r)
{
	return bit(r->counts.refused, ATTACK_BREACH_REFUSED) |
	       bit(r->counts.wrong_bytes, ATTACK_BREACH_BYTES) |
	       bit(r->blame.requests || r->broken_books, ATTACK_BREACH_BOOKS);
}

uint64_t attack_bound_ns(const struct attack_result *r)
{
	return r->exposed ? r->exposed->bound_ns : UINT64_MAX;
}

/* Times, and what else is exact if nothing happens beside an attempt. */
static unsigned judge_alone(const struct attack_result *r)
{
	uint64_t window_ns = replay_exposure_worst_ns(&r->exposed->sum.could);
	uint64_t stale_ns = r->counts.oldest_stale_ns;

	if (r->clock == REPLAY_CLOCK_REAL)
		return 0;
	return bit(stale_ns > attack_bound_ns(r) || window_ns > attack_bound_ns(r),
		   ATTACK_BREACH_BOUND) |
	       bit(stale_ns > window_ns, ATTACK_BREACH_WINDOW) |
	       bit(r->given_open, ATTACK_BREACH_GIVEN) |
	       bit(attack_reached(&r->counts), ATTACK_BREACH_REACHED);
}

/* What is promised of translations. */
static unsigned judge_protection(const struct attack_result *r)
{
	const struct attack_counts *c = &r->counts;
	uint64_t late = attack_sum(c, ATTACK_CLOSED, DMP_FAULT_STALE) +
			attack_sum(c, ATTACK_NEVER, DMP_FAULT_STALE);
	bool is_given = attack_sum(c, ATTACK_LIVE, DMP_FAULT_STALE) ||
			r->exposed->sum.seen.iova_reused;

	return bit(attack_flushes_at_once(r->policy) &&
			   attack_stale(c, false) + attack_stale(c, true),
		   ATTACK_BREACH_STALE) |
	       bit(late, ATTACK_BREACH_LATE) | bit(is_given, ATTACK_BREACH_GIVEN) |
	       bit(c->overstepped, ATTACK_BREACH_OVER) | judge_alone(r);
}

unsigned attack_judge(const struct attack_result *r)
{
	return judge_service(r) | (r->exposed ? judge_protection(r) : 0);
}

const char *attack_breach_text(unsigned breach)
{
	switch ((enum attack_breach)breach) {
	case ATTACK_BREACH_STALE: return "stale accesses, although every unmap is flushed at once";
	case ATTACK_BREACH_LATE: return "stale accesses after the flush, or where nothing was";
	case ATTACK_BREACH_BOUND: return "a window, or a stale access, beyond the policy's bound";
	case ATTACK_BREACH_WINDOW: return "a stale access outside the windows that are reported";
	case ATTACK_BREACH_GIVEN: return "an address was given out while it could be reached";
	case ATTACK_BREACH_REACHED: return "accesses that no mapping allows";
	case ATTACK_BREACH_OVER: return "accesses against the direction of the mapping";
	case ATTACK_BREACH_REFUSED: return "accesses refused that a mapping allows";
	case ATTACK_BREACH_BYTES: return "wrong bytes at mapped addresses";
	case ATTACK_BREACH_BOOKS: return "requests of the workload that failed, or broken books";
	}
	return "";
}
