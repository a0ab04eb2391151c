// SPDX-License-Identifier: MIT
/*
 * swiotlb_throttle.c - requests that wait for each other: from the question to the turn's end
 *
 * Who can wait is made to, so that slots stay free for those who cannot.  Above the high
 * threshold those who may block are served one at a time:
 *
 *   ask --- low, or nobody has the turn and it is not high ---------------> slots, as ever
 *    |
 *    `----- the turn is nobody's --> has it --> slots --> ...lives... --> unmap --> next
 *    |                                ^    `--> none free -----------------------> next
 *    `----- it is somebody's --> waits'
 *
 * The turn is a mapping's: a bit of its note (`throttled`) has the unmap look, from whichever
 * thread, whether the turn is still its own.  Until slots have been found it is the request's.
 * An unmap takes the lock for that and never waits for anything else; slots are free
 * before the next request is let in.
 *
 * Two policies for when the turn passes on:
 *
 *   turn_ns = 0    with the mapping.  One slow device ("snail") that holds a buffer for long has
 *                  all fast ones ("cheetahs") wait for it, each time that it is its turn, also
 *                  when hardly a slot is in use any more.
 *   turn_ns > 0    also when it has lasted turn_ns while somebody waits, and when a newcomer
 *                  finds use at or below the low threshold and would overtake the queue.  The
 *                  holder keeps its slots, and its unmap ends nobody else's turn.
 *
 * Bound of the second: a request with k others before it, the holder among them, is let in
 * k * turn_ns after it came at the latest, and is overtaken by k newcomers at most.  For that, use
 * may rise above the high threshold by one request each turn_ns.  So that a snail that never
 * gives back cannot fill the allocator so, time counts up to the brim only, half-way from the
 * high threshold to full: from there on unmaps alone let anybody in.
 *
 * Invariants, walked by swiotlb_throttle_check():
 *  H1  while the turn is somebody's, all who may block have to ask;
 *  H2  while somebody waits and turn_ns > 0, pass_work is pending or running: nobody waits for
 *      an event that has no date;
 *  and Q1-Q3 of swiotlb_throttle_turn.c, L1 and L2 of swiotlb_throttle_level.c.
 *
 * Locking: turn_lock (t), below which the sum over the areas is taken, quotas are dealt and work is
 *  scheduled.  It is held for a step, not for a turn.
 *
 * Differs from Linux: not in Linux; posted in August 2024.  There the turn is a semaphore, it
 *  ends with the mapping only, and a waiter cannot be cancelled.
 *
 * Source: spec-bounce P1; the second policy is our own.
 */
#include "swiotlb_internal.h"

#define DEFAULT_HIGH 70u
/* So far below the high threshold is the low one. */
#define HYSTERESIS   5u

static unsigned high_or_default(unsigned high)
{
	return high ? high : DEFAULT_HIGH;
}

static unsigned low_or_default(unsigned high, unsigned low)
{
	if (low)
		return low;
	return high > HYSTERESIS ? high - HYSTERESIS : 0;
}

/* In per cent; 0: the default. */
bool swiotlb_throttle_settings_are_good(unsigned high, unsigned low)
{
	return high <= 100 && low <= high_or_default(high);
}

/* Is @now_ns the time at which the turn may pass on?  Else @left_ns is missing. */
static bool is_over(const struct swiotlb_throttle *throttle, uint64_t now_ns, uint64_t turn_ns,
		    uint64_t *left_ns)
{
	uint64_t lasted_ns = now_ns - throttle->turn.since_ns;

	*left_ns = lasted_ns < turn_ns ? turn_ns - lasted_ns : turn_ns;
	return lasted_ns >= turn_ns;
}

static void pass_early_locked(struct dmp_swiotlb *tlb, uint64_t now_ns)
{
	tlb->throttle.waits.passed_on++;
	swiotlb_turn_pass(&tlb->throttle.turn, now_ns);
}

/* H2, and the first waiter is let in if it is time. */
static void watch_time_locked(struct dmp_swiotlb *tlb)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;
	uint64_t turn_ns = load_relaxed(&throttle->turn_ns); /* relaxed: under the lock */
	uint64_t now_ns, left_ns;

	dmp_lock_assert_held(&throttle->turn_lock);
	if (!turn_ns || !throttle->turn.first)
		return;
	now_ns = dmp_clock_now_ns();
	if (is_over(throttle, now_ns, turn_ns, &left_ns) && swiotlb_level_now(tlb) != SWIOTLB_BRIM)
		pass_early_locked(tlb, now_ns);
	if (throttle->turn.first)
		dmp_work_schedule(&throttle->pass_work, left_ns);
}

static void let_first_in(struct dmp_work *work)
{
	struct dmp_swiotlb *tlb =
		(struct dmp_swiotlb *)((char *)work -
				       offsetof(struct dmp_swiotlb, throttle.pass_work));

	dmp_lock_acquire(&tlb->throttle.turn_lock);
	watch_time_locked(tlb);
	dmp_lock_release(&tlb->throttle.turn_lock);
}

void swiotlb_throttle_begin(struct dmp_swiotlb *tlb)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;

	dmp_lock_init(&throttle->turn_lock, RANK_SWIOTLB_TURN, "swiotlb: whose turn it is");
	swiotlb_turn_init(&throttle->turn);
	throttle->pass_work.fn = let_first_in;
	/* relaxed, both: nobody else knows it */
	store_relaxed(&throttle->high, high_or_default(0));
	store_relaxed(&throttle->low, low_or_default(high_or_default(0), 0));
}

/* Nobody waits any more. */
void swiotlb_throttle_end(struct dmp_swiotlb *tlb)
{
	dmp_work_cancel(&tlb->throttle.pass_work);
	dmp_lock_destroy(&tlb->throttle.turn_lock);
}

/* The settings are good; 0 stands for defaults. */
void swiotlb_throttle_set(struct dmp_swiotlb *tlb, bool is_on, unsigned high, unsigned low,
			  uint64_t turn_ns)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;

	dmp_lock_acquire(&throttle->turn_lock);
	/* relaxed, all: settings */
	store_relaxed(&throttle->is_on, is_on);
	store_relaxed(&throttle->high, high_or_default(high));
	store_relaxed(&throttle->low, low_or_default(high_or_default(high), low));
	store_relaxed(&throttle->turn_ns, turn_ns);
	swiotlb_level_unsettle(tlb);
	if (!is_on)
		swiotlb_turn_admit_all(&throttle->turn);
	dmp_lock_release(&throttle->turn_lock);

	/* A date that was set by the time before. */
	dmp_work_cancel(&throttle->pass_work);
	let_first_in(&throttle->pass_work);
}

/* Use is low: nobody needs a turn.  A newcomer would overtake who waits. */
static void relent_locked(struct dmp_swiotlb *tlb, uint64_t now_ns)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;

	if (!throttle->turn.holder)
		swiotlb_usage_settle(tlb);
	else if (throttle->turn.first && load_relaxed(&throttle->turn_ns)) /* relaxed: a setting */
		pass_early_locked(tlb, now_ns);
}

/* Whether it needs a turn, and must get it from somebody. */
static enum swiotlb_waiter_state ask_locked(struct dmp_swiotlb *tlb, struct swiotlb_waiter *waiter)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;
	enum swiotlb_level level = swiotlb_level_now(tlb);
	bool is_taken = throttle->turn.holder;

	dmp_lock_assert_held(&throttle->turn_lock);
	if (!load_relaxed(&throttle->is_on)) /* relaxed: under the lock */
		return SWIOTLB_PASSES;
	if (level == SWIOTLB_LOW)
		relent_locked(tlb, waiter->since_ns);
	if (level == SWIOTLB_LOW || (level == SWIOTLB_MIDDLE && !is_taken))
		return SWIOTLB_PASSES;
	if (is_taken && waiter->device && swiotlb_device_is_cancelled(waiter->device))
		return SWIOTLB_CANCELLED;
	swiotlb_turn_ask(&throttle->turn, waiter);
	if (!load_relaxed(&tlb->asks)) /* H1; relaxed: set again below another lock */
		swiotlb_level_unsettle(tlb);
	return waiter->state;
}

/* A request that may block asks for slots; from here on swiotlb_throttle_wait() is owed. */
void swiotlb_throttle_ask(struct dmp_swiotlb *tlb, struct dmp_swiotlb_device *device,
			  struct swiotlb_waiter *waiter)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;

	*waiter = (struct swiotlb_waiter){.device = device};
	dmp_wait_init(&waiter->wait);
	dmp_lock_acquire(&throttle->turn_lock);
	waiter->since_ns = dmp_clock_now_ns();
	waiter->state = ask_locked(tlb, waiter);
	waiter->has_to_wait = waiter->state == SWIOTLB_WAITS;
	if (waiter->has_to_wait) {
		if (device)
			swiotlb_device_waits(device);
		watch_time_locked(tlb);
	}
	dmp_lock_release(&throttle->turn_lock);
}

static void sleep_locked(struct swiotlb_throttle *throttle, struct swiotlb_waiter *waiter)
{
	while (waiter->state == SWIOTLB_WAITS) {
		if (dmp_wait_sleep(&waiter->wait, &throttle->turn_lock) ||
		    waiter->state != SWIOTLB_WAITS)
			continue;
		dmp_log(DMP_LOG_BUG, "swiotlb: a request waits for its turn, and nobody is left "
				     "who could end another's: dmp_harness_on_wait()");
		swiotlb_turn_leave(&throttle->turn, waiter);
	}
}

static void end_wait_locked(struct swiotlb_throttle *throttle, const struct swiotlb_waiter *waiter,
			    bool is_cancelled)
{
	swiotlb_waits_count_locked(&throttle->waits, dmp_clock_now_ns() - waiter->since_ns,
				   is_cancelled);
	if (waiter->device)
		swiotlb_device_waited(waiter->device);
}

/* Until it has its turn, or needs none: 0, or -ECANCELED. */
int swiotlb_throttle_wait(struct dmp_swiotlb *tlb, struct swiotlb_waiter *waiter)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;
	bool is_cancelled;

	dmp_lock_acquire(&throttle->turn_lock);
	sleep_locked(throttle, waiter);
	is_cancelled = waiter->state == SWIOTLB_CANCELLED;
	throttle->waits.turns += waiter->state == SWIOTLB_HAS_TURN;
	if (waiter->has_to_wait)
		end_wait_locked(throttle, waiter, is_cancelled);
	dmp_lock_release(&throttle->turn_lock);
	dmp_wait_destroy(&waiter->wait);
	return is_cancelled ? -ECANCELED : 0;
}

/* Its slots have been found, or, NULL, none: then others may have more luck. */
void swiotlb_throttle_mapped(struct dmp_swiotlb *tlb, const struct swiotlb_waiter *waiter,
			     const struct swiotlb_mapping *m)
{
	struct swiotlb_turn *turn = &tlb->throttle.turn;

	dmp_lock_acquire(&tlb->throttle.turn_lock);
	if (turn->holder == waiter->ticket && m)
		turn->phys = m->phys;
	else if (turn->holder == waiter->ticket)
		swiotlb_turn_pass(turn, dmp_clock_now_ns());
	dmp_lock_release(&tlb->throttle.turn_lock);
}

/* The ticket whose turn is that of the mapping at @phys; 0: its turn has passed on. */
static uint64_t ticket_of(struct swiotlb_throttle *throttle, dmp_phys_t phys)
{
	uint64_t ticket;

	dmp_lock_acquire(&throttle->turn_lock);
	ticket = throttle->turn.phys == phys ? throttle->turn.holder : 0;
	dmp_lock_release(&throttle->turn_lock);
	return ticket;
}

/*
 * The release of a mapping that got its slots in its turn.  Whose turn it is has to be asked
 * before: once the slots are free, the next turn may be that of a mapping at the same place.
 */
int swiotlb_throttle_release(struct dmp_swiotlb *tlb, const struct swiotlb_mapping *m)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;
	uint64_t ticket = ticket_of(throttle, m->phys);
	int err = swiotlb_transient_release(m);

	if (err || !ticket)
		return err;
	dmp_lock_acquire(&throttle->turn_lock);
	if (throttle->turn.holder == ticket) /* it may have passed on just now */
		swiotlb_turn_pass(&throttle->turn, dmp_clock_now_ns());
	dmp_lock_release(&throttle->turn_lock);
	return 0;
}

/* The requests of @device wait no longer. */
void swiotlb_throttle_cancel(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_device *device)
{
	dmp_lock_acquire(&tlb->throttle.turn_lock); /* [CANCEL] of swiotlb_device.c */
	swiotlb_turn_cancel(&tlb->throttle.turn, device);
	dmp_lock_release(&tlb->throttle.turn_lock);
}

/* 0, or -EIO after logging what is wrong. */
int swiotlb_throttle_check(struct dmp_swiotlb *tlb)
{
	struct swiotlb_throttle *throttle = &tlb->throttle;
	struct swiotlb_turn *turn = &throttle->turn;
	bool is_right;
	int err;

	dmp_lock_acquire(&throttle->turn_lock);
	err = swiotlb_turn_check(turn);
	/* relaxed, all: set-up only */
	is_right = !turn->holder || !load_relaxed(&throttle->is_on) || load_relaxed(&tlb->asks);
	if (turn->first && load_relaxed(&throttle->turn_ns))
		is_right &= dmp_work_is_pending(&throttle->pass_work);
	dmp_lock_release(&throttle->turn_lock);
	if (!err && !is_right) {
		dmp_log(DMP_LOG_BUG, "swiotlb: a turn that nobody asks for, or nobody will end");
		err = -EIO;
	}
	return err ? err : swiotlb_level_check(tlb);
}
