/* SPDX-License-Identifier: MIT */
/*
 * bench_ring.h - numbers from one thread to one other
 *
 *      head                 tail
 *       v                    v          taken from the head, put at the tail;
 *   [ . 7 3 9 4 1 2 8 . . . . . ]       both only grow, a place is the index modulo SIZE
 *
 * Each index has a line of its own.  Who finds the ring full or empty looks a while and then
 * lets others run, since both threads may share a CPU.
 *
 * Ordering:
 *  [PUT]  put: number written; tail stored; take: tail loaded; number read
 *  [TAKE] take: number read; head stored; put: head loaded; number overwritten
 */
#ifndef BENCH_BENCH_RING_H
#define BENCH_BENCH_RING_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#define BENCH_RING_SIZE  1024u
#define BENCH_RING_SPINS 200u

struct bench_ring {
	_Alignas(128) _Atomic(uint64_t) head;
	_Alignas(128) _Atomic(uint64_t) tail;
	_Alignas(128) uint64_t number[BENCH_RING_SIZE];
};

static inline void bench_ring_put(struct bench_ring *ring, uint64_t number)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed); /* ours */
	unsigned looks = 0;

	while (tail - atomic_load_explicit(&ring->head, memory_order_acquire) ==
	       BENCH_RING_SIZE) /* [TAKE] */
		if (++looks > BENCH_RING_SPINS)
			sched_yield();
	ring->number[tail % BENCH_RING_SIZE] = number;
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release); /* [PUT] */
}

static inline uint64_t bench_ring_take(struct bench_ring *ring)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed); /* ours */
	unsigned looks = 0;
	uint64_t number;

	while (atomic_load_explicit(&ring->tail, memory_order_acquire) == head) /* [PUT] */
		if (++looks > BENCH_RING_SPINS)
			sched_yield();
	number = ring->number[head % BENCH_RING_SIZE];
	atomic_store_explicit(&ring->head, head + 1, memory_order_release); /* [TAKE] */
	return number;
}

#endif
