/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_throttle.h - requests that may wait for others to give slots back
 *
 *   swiotlb_throttle.c        from the question to the turn's end; what is tuned
 *   swiotlb_throttle_turn.c   whose turn it is, and who waits for it
 *   swiotlb_throttle_level.c  how full is too full, and who has to ask
 *   swiotlb_throttle_stats.c  waits, counted
 *
 * Letters of fields: (t) turn_lock; the others those of swiotlb_internal.h.
 */
#ifndef SWIOTLB_THROTTLE_H
#define SWIOTLB_THROTTLE_H

#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

struct swiotlb_mapping;

enum swiotlb_waiter_state {
	SWIOTLB_PASSES,    /* without a turn */
	SWIOTLB_HAS_TURN,  /* or had it, and it passed on */
	SWIOTLB_WAITS,     /* in the queue */
	SWIOTLB_CANCELLED, /* its device goes */
};

/* A request that may block and has to ask, on its stack. */
struct swiotlb_waiter {
	struct swiotlb_waiter *next;       /* (t) who came after it */
	struct dmp_swiotlb_device *device; /* (c) NULL: nobody's in particular */
	uint64_t ticket;                   /* (t) in order of arrival, from 1 on; 0: none */
	uint64_t since_ns;                 /* (t) when it came */
	enum swiotlb_waiter_state state;   /* (t) */
	bool has_to_wait;                  /* (t) it was in the queue */
	struct dmp_wait wait;
};

struct swiotlb_turn {
	uint64_t holder;              /* (t) the ticket whose turn it is; 0: nobody's */
	dmp_phys_t phys;              /* (t) of the holder's mapping; NO_ORIGINAL: none yet */
	uint64_t since_ns;            /* (t) when the holder got it */
	uint64_t last_ticket;         /* (t) given to whoever came last */
	uint64_t last_granted;        /* (t) of those who got the turn */
	uint64_t nwaiting;            /* (t) length of the queue */
	struct swiotlb_waiter *first; /* (t) the queue: who came first */
	struct swiotlb_waiter *last;  /* (t) its end; stale while it is empty */
};

/* All of waits that are over. */
struct swiotlb_waits {
	uint64_t turns;                           /* (t) requests that got the turn */
	uint64_t waits;                           /* (t) requests that waited */
	uint64_t cancelled;                       /* (t) of these, those that got nothing */
	uint64_t passed_on;                       /* (t) turns that ended before their mapping */
	uint64_t longest_ns;                      /* (t) */
	uint64_t by_ns[DMP_SWIOTLB_WAIT_BUCKETS]; /* (t) */
};

struct swiotlb_throttle {
	struct dmp_lock turn_lock;
	struct swiotlb_turn turn;
	struct swiotlb_waits waits;
	struct dmp_work pass_work; /* lets the first waiter in when the turn has lasted enough */

	/* What is tuned; (t) to write, (a) to read. */
	DMP_ATOMIC(bool) is_on;
	DMP_ATOMIC(unsigned) high;    /* per cent */
	DMP_ATOMIC(unsigned) low;     /* per cent */
	DMP_ATOMIC(uint64_t) turn_ns; /* 0: a turn lasts as long as its mapping */
};

/* swiotlb_throttle.c */
bool swiotlb_throttle_settings_are_good(unsigned high, unsigned low);
void swiotlb_throttle_begin(struct dmp_swiotlb *tlb);
void swiotlb_throttle_end(struct dmp_swiotlb *tlb);
void swiotlb_throttle_set(struct dmp_swiotlb *tlb, bool is_on, unsigned high, unsigned low,
			  uint64_t turn_ns);
void swiotlb_throttle_ask(struct dmp_swiotlb *tlb, struct dmp_swiotlb_device *device,
			  struct swiotlb_waiter *waiter);
int swiotlb_throttle_wait(struct dmp_swiotlb *tlb, struct swiotlb_waiter *waiter);
void swiotlb_throttle_mapped(struct dmp_swiotlb *tlb, const struct swiotlb_waiter *waiter,
			     const struct swiotlb_mapping *m);
int swiotlb_throttle_release(struct dmp_swiotlb *tlb, const struct swiotlb_mapping *m);
void swiotlb_throttle_cancel(struct dmp_swiotlb *tlb, const struct dmp_swiotlb_device *device);
int swiotlb_throttle_check(struct dmp_swiotlb *tlb);

/* swiotlb_throttle_turn.c; turn_lock is held. */
void swiotlb_turn_init(struct swiotlb_turn *turn);
void swiotlb_turn_ask(struct swiotlb_turn *turn, struct swiotlb_waiter *waiter);
bool swiotlb_turn_pass(struct swiotlb_turn *turn, uint64_t now_ns);
void swiotlb_turn_admit_all(struct swiotlb_turn *turn);
void swiotlb_turn_cancel(struct swiotlb_turn *turn, const struct dmp_swiotlb_device *device);
void swiotlb_turn_leave(struct swiotlb_turn *turn, struct swiotlb_waiter *waiter);
int swiotlb_turn_check(const struct swiotlb_turn *turn);

/* swiotlb_throttle_level.c */
enum swiotlb_level {
	SWIOTLB_LOW,    /* at or below the low threshold */
	SWIOTLB_MIDDLE, /* above it, at or below the high one */
	SWIOTLB_HIGH,   /* above that, at or below the brim */
	SWIOTLB_BRIM,   /* more than half of the slots above the high one are in use */
};
enum swiotlb_level swiotlb_level_now(const struct dmp_swiotlb *tlb);
uint64_t swiotlb_level_watch_locked(struct dmp_swiotlb *tlb, uint64_t used);
void swiotlb_level_unsettle(struct dmp_swiotlb *tlb);
int swiotlb_level_check(struct dmp_swiotlb *tlb);

/* swiotlb_throttle_stats.c */
void swiotlb_waits_count_locked(struct swiotlb_waits *waits, uint64_t ns, bool is_cancelled);
void swiotlb_waits_report(struct dmp_swiotlb *tlb, struct dmp_swiotlb_stats *stats);

#endif
