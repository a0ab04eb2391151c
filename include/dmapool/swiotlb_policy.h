/* SPDX-License-Identifier: MIT */
/*
 * swiotlb_policy.h - where a bounce buffer goes: policies, those that there are and one's own
 *
 * The allocator keeps the books: which slots are free, whose they are, how many.  A policy
 * has a say in two things:
 *
 *   choose   the area that a request tries first; the others follow in turn
 *   find     the slots of one area, called under its lock
 *
 * It looks at an area through the calls below, and what it answers is looked at before it is
 * done: a policy can place badly, it cannot give out a slot twice.
 *
 *   linux        next fit in the area of the CPU: the slots of Linux 6.12, one for one
 *   lifo         the run of that size that was released last; nothing of it is cold
 *   warm         the lowest slots: so few of them are in use that they stay in the cache
 *   round_robin  as linux, but each request of a CPU begins at the next area
 *
 * To combine them, copy one and take members of another; those with one state belong together:
 * choice_create, choice_destroy and choose; all the others.
 */
#ifndef DMAPOOL_SWIOTLB_POLICY_H
#define DMAPOOL_SWIOTLB_POLICY_H

#include <dmapool/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The slots of one area, for as long as the area's lock is held. */
struct dmp_swiotlb_area;

/* What a request asks of an area, in its slots; powers of two: period, boundary_slots. */
struct dmp_swiotlb_need {
	uint64_t nslots;         /* in a row inside one segment, 1 .. 128 */
	uint64_t period;         /* the run begins at slots that are ... */
	uint64_t residue;        /* ... residue modulo period; < period */
	uint64_t stride;         /* how far Linux jumps from such a slot, see swiotlb_linux.c */
	uint64_t device_slot;    /* number that the device gives to slot 0 */
	uint64_t boundary_slots; /* it crosses no multiple of this, as the device counts */
};

/* How many slots the area has. */
DMP_API uint64_t dmp_swiotlb_area_slots(const struct dmp_swiotlb_area *area);

/* The slot behind the latest run that was claimed, 0 behind the last slot. */
DMP_API uint64_t dmp_swiotlb_area_index(const struct dmp_swiotlb_area *area);

/**
 * dmp_swiotlb_area_find() - the lowest slot of a window where @need can be met
 * @lo, @hi: the run begins at lo .. hi - 1; its end may lie behind hi
 * @slot:    out: untouched if there is none
 *
 * Threads: from find() of a policy.
 * Cost:    O(segments / 8) and a few ns for each that looks as if it had room; one that was
 *          visited in vain for a run is not visited for such a one again.
 */
DMP_API bool dmp_swiotlb_area_find(struct dmp_swiotlb_area *area,
				   const struct dmp_swiotlb_need *need, uint64_t lo, uint64_t hi,
				   uint64_t *slot);

/**
 * dmp_swiotlb_area_fits() - can @need be met at @slot, of any value?
 *
 * Threads: from find() of a policy.
 */
DMP_API bool dmp_swiotlb_area_fits(const struct dmp_swiotlb_area *area,
				   const struct dmp_swiotlb_need *need, uint64_t slot);

/*
 * A policy.  Unstable until 1.0.
 *
 * One choice is made for an allocator, one state for each area of each of its pools, but for
 * transient ones: those have one place, for one request.  What gets a state is called by one
 * thread at a time for each state, and calls nothing but dmp_swiotlb_area_*(), as the area's lock
 * is held; choose() is called by several at once.
 * All members but size, caps, name and find may be NULL.
 */
struct dmp_swiotlb_policy {
	uint32_t size; /* bytes of this struct */
	uint32_t caps; /* 0 */
	const char *name;

	int (*choice_create)(void **choice);
	void (*choice_destroy)(void *choice);
	/* Taken modulo the areas of a pool.  NULL: @cpu. */
	uint64_t (*choose)(void *choice, unsigned cpu);

	int (*create)(uint64_t nslots, void **state);
	void (*destroy)(void *state);
	/* False: none.  An answer that does not fit is logged and taken for none. */
	bool (*find)(void *state, struct dmp_swiotlb_area *area,
		     const struct dmp_swiotlb_need *need, uint64_t *slot);
	/* What became of it: @nslots slots from @slot on, padding included. */
	void (*claimed)(void *state, uint64_t slot, uint64_t nslots);
	void (*released)(void *state, uint64_t slot, uint64_t nslots);
	/* Compares its books with the area's: 0, or -EIO after logging what is wrong. */
	int (*check)(void *state, const struct dmp_swiotlb_area *area);
};

extern DMP_API const struct dmp_swiotlb_policy dmp_swiotlb_policy_linux;
extern DMP_API const struct dmp_swiotlb_policy dmp_swiotlb_policy_lifo; /* 9 bytes a slot more */
extern DMP_API const struct dmp_swiotlb_policy dmp_swiotlb_policy_warm;
extern DMP_API const struct dmp_swiotlb_policy dmp_swiotlb_policy_round_robin;

#ifdef __cplusplus
}
#endif

#endif
