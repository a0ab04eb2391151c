// SPDX-License-Identifier: MIT
/*
 * swiotlb_throttle_turn.c - whose turn it is, and who waits for it: first come, first served
 *
 *   holder --.       first            last
 *            v         v                v
 *   ticket   7         8 --> 9 --> 10 --> 11       last_ticket 11
 *
 * A ticket is given to each request that has to ask for a turn, in the order in which they
 * come.  There is one turn.  Nobody takes it from the queue: it is handed to the first there,
 * so that a request which comes in between cannot overtake.
 *
 * Invariants, walked by swiotlb_turn_check():
 *  Q1  the turn is somebody's while anybody waits;
 *  Q2  the queue is in the order of tickets, all of which are above the holder's;
 *  Q3  the turn goes to a higher ticket each time.
 *
 * Locking: (t) turn_lock, held by the caller of every function.  Nothing here sleeps, knows
 *  slots or asks for the time.
 *
 * Source: spec-bounce P1: a semaphore of 1 that is released by another thread.
 */
#include "swiotlb_internal.h"

void swiotlb_turn_init(struct swiotlb_turn *turn)
{
	*turn = (struct swiotlb_turn){.phys = NO_ORIGINAL};
}

static void grant(struct swiotlb_turn *turn, struct swiotlb_waiter *waiter, uint64_t now_ns)
{
	if (waiter->ticket <= turn->last_granted)
		dmp_log(DMP_LOG_BUG, "swiotlb: turn %llu comes after turn %llu",
			(unsigned long long)waiter->ticket, (unsigned long long)turn->last_granted);
	waiter->state = SWIOTLB_HAS_TURN;
	turn->holder = waiter->ticket;
	turn->last_granted = waiter->ticket;
	turn->phys = NO_ORIGINAL;
	turn->since_ns = now_ns;
}

/* It gets a ticket, and the turn if that is nobody's; else it waits. */
void swiotlb_turn_ask(struct swiotlb_turn *turn, struct swiotlb_waiter *waiter)
{
	waiter->ticket = ++turn->last_ticket;
	waiter->next = NULL;
	if (!turn->holder) {
		grant(turn, waiter, waiter->since_ns);
		return;
	}
	waiter->state = SWIOTLB_WAITS;
	if (turn->first)
		turn->last->next = waiter;
	else
		turn->first = waiter;
	turn->last = waiter;
	turn->nwaiting++;
}

static struct swiotlb_waiter *take_first(struct swiotlb_turn *turn)
{
	struct swiotlb_waiter *waiter = turn->first;

	turn->first = waiter->next;
	turn->nwaiting--;
	return waiter;
}

/* The turn is over: it is the first waiter's, or nobody's: false. */
bool swiotlb_turn_pass(struct swiotlb_turn *turn, uint64_t now_ns)
{
	struct swiotlb_waiter *waiter;

	turn->holder = 0;
	turn->phys = NO_ORIGINAL;
	if (!turn->first)
		return false;
	waiter = take_first(turn);
	grant(turn, waiter, now_ns);
	dmp_wait_wake(&waiter->wait);
	return true;
}

/* Nobody has to wait any more. */
void swiotlb_turn_admit_all(struct swiotlb_turn *turn)
{
	struct swiotlb_waiter *waiter;

	while (turn->first) {
		waiter = take_first(turn);
		waiter->state = SWIOTLB_PASSES;
		dmp_wait_wake(&waiter->wait);
	}
}

/* Takes out those of @device, or just @waiter; NULL stands for none. */
static void take_out(struct swiotlb_turn *turn, const struct dmp_swiotlb_device *device,
		     const struct swiotlb_waiter *waiter)
{
	struct swiotlb_waiter **link = &turn->first, *at;

	turn->last = NULL;
	while ((at = *link)) {
		if (at != waiter && (!device || at->device != device)) {
			turn->last = at;
			link = &at->next;
			continue;
		}
		*link = at->next;
		turn->nwaiting--;
		at->state = SWIOTLB_CANCELLED;
		dmp_wait_wake(&at->wait);
	}
}

void swiotlb_turn_cancel(struct swiotlb_turn *turn, const struct dmp_swiotlb_device *device)
{
	take_out(turn, device, NULL);
}

/* @waiter waits no longer, for a reason of its own. */
void swiotlb_turn_leave(struct swiotlb_turn *turn, struct swiotlb_waiter *waiter)
{
	take_out(turn, NULL, waiter);
}

/* 0, or -EIO after logging what is wrong. */
int swiotlb_turn_check(const struct swiotlb_turn *turn)
{
	const struct swiotlb_waiter *waiter;
	uint64_t before = turn->last_granted, n = 0;
	bool is_right = turn->holder || !turn->first;

	for (waiter = turn->first; waiter; waiter = waiter->next, n++) {
		is_right &= waiter->ticket > before && waiter->state == SWIOTLB_WAITS;
		before = waiter->ticket;
	}
	if (is_right && n == turn->nwaiting && turn->holder <= turn->last_granted &&
	    before <= turn->last_ticket)
		return 0;
	dmp_log(DMP_LOG_BUG, "swiotlb: the queue for the turn is not in order");
	return -EIO;
}
