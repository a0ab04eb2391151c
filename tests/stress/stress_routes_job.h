/* SPDX-License-Identifier: MIT */
/*
 * stress_routes_job.h - a job of stress_routes and its bytes: what the CPU and the device write,
 * and what they have to see
 *
 * A job has memory, and an image of what the memory has to hold when the device has lost it:
 * pieces, and guards around and between them.  Every access of the device is checked against the
 * image, and at the end every byte of the memory.
 *
 *   memory   |....##########....|........###.|##############|        one mapping per piece or fewer
 *                 piece             piece     piece
 *   flat          ##########         ###      ##############         as the device walks them
 *
 * Locking: (m) lock of a mailbox; everything else belongs to one thread.
 */
#ifndef DMAPOOL_TEST_STRESS_ROUTES_JOB_H
#define DMAPOOL_TEST_STRESS_ROUTES_JOB_H

#include "dmptest.h"

#include "crew.h"
#include "fixture.h"
#include "rng.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 8u
#define PIECES  4u
#define PAGE    4096u
#define ROOM    (3 * PAGE)      /* of a piece and the guards around it */
#define BYTES   (PIECES * ROOM) /* of a job's memory */
#define GUARD   0xee
#define ROUTES  6u

/* Whose domain a route goes through. */
enum domain { NO_DOMAIN, STRICT, LAZY, ALONE, DOMAINS };

enum kind { BUFFER, LIST, COHERENT, KINDS };

/* Something mapped, on its way to whoever finishes it.  A buffer is a list of one piece with one
 * answer, and so is coherent memory. */
struct job {
	unsigned char *memory; /* NULL: no job */
	unsigned char *image;  /* of BYTES, at the same offsets */
	unsigned route;
	enum kind kind;
	enum dmp_dir dir;
	size_t npieces, nanswers;
	struct dmp_sg sg[PIECES];
	uint64_t len; /* of all pieces */
};

/* Room for one job, from one thread to the next. */
struct mailbox {
	pthread_mutex_t lock;
	struct job job; /* (m) */
};

struct shared {
	struct fixture f;
	uint64_t rounds;
	struct dmp_domain *doms[DOMAINS];
	struct dmp_device *devs[ROUTES];
	struct dmp_sim_agent *agents[THREADS][ROUTES];
	struct mailbox mailboxes[THREADS];
};

/* What a thread works with. */
struct hand {
	struct crew_member *me;
	struct shared *s;
	struct rng rng;
	unsigned char flat[BYTES], seen[BYTES];
};

static inline struct dmp_device *device(struct hand *hand, const struct job *job)
{
	return hand->s->devs[job->route];
}

/*
 * Memory and image.
 */

/* Bytes @off .. @off + @len of the pieces, from @base, memory or image, to @flat or back. */
static inline void move_flat(const struct job *job, unsigned char *base, unsigned char *flat,
			     uint64_t off, uint64_t len, bool to_flat)
{
	uint64_t at = 0;

	for (size_t i = 0; i < job->npieces; i++) {
		unsigned char *piece = base + ((unsigned char *)job->sg[i].buf - job->memory);

		for (uint64_t b = 0; b < job->sg[i].len; b++, at++) {
			if (at < off || at >= off + len)
				continue;
			if (to_flat)
				flat[at] = piece[b];
			else
				piece[b] = flat[at];
		}
	}
}

/* New bytes in a part of flat. */
static inline void scribble(struct hand *hand, uint64_t off, uint64_t len)
{
	unsigned char byte = (unsigned char)rng_next(&hand->rng);

	for (uint64_t i = off; i < off + len; i++)
		hand->flat[i] = (unsigned char)(byte + i * 7);
}

/* The CPU writes a part. */
static inline void cpu_writes(struct hand *hand, const struct job *job, uint64_t off, uint64_t len)
{
	scribble(hand, off, len);
	move_flat(job, job->memory, hand->flat, off, len, false);
	move_flat(job, job->image, hand->flat, off, len, false);
}

/* It sees the image there. */
static inline void cpu_looks(struct hand *hand, const struct job *job, uint64_t off, uint64_t len)
{
	move_flat(job, job->image, hand->flat, off, len, true);
	move_flat(job, job->memory, hand->seen, off, len, true);
	CREW_EXPECT(hand->me, memcmp(hand->flat + off, hand->seen + off, len) == 0);
}

/*
 * The device, and what changes hands.
 */

/* One answer's share of flat bytes @off .. @off + @len: false, it has none. */
static inline bool share(const struct dmp_sg *answer, uint64_t at, uint64_t off, uint64_t len,
			 uint64_t *from, uint64_t *n)
{
	uint64_t first = off > at ? off : at;
	uint64_t end = off + len < at + answer->mapped_len ? off + len : at + answer->mapped_len;

	*from = first;
	*n = first < end ? end - first : 0;
	return first < end;
}

static inline void device_writes(struct hand *hand, const struct job *job, uint64_t off,
				 uint64_t len)
{
	struct dmp_sim_agent *agent = hand->s->agents[hand->me->number][job->route];
	uint64_t at = 0, from, n;

	scribble(hand, off, len);
	move_flat(job, job->image, hand->flat, off, len, false);
	for (size_t i = 0; i < job->nanswers; at += job->sg[i++].mapped_len)
		if (share(&job->sg[i], at, off, len, &from, &n))
			CREW_EXPECT(hand->me,
				    dmp_sim_agent_write(agent, job->sg[i].addr + (from - at),
							hand->flat + from, n) == 0);
}

static inline void device_looks(struct hand *hand, const struct job *job, uint64_t off,
				uint64_t len)
{
	struct dmp_sim_agent *agent = hand->s->agents[hand->me->number][job->route];
	uint64_t at = 0, from, n;

	move_flat(job, job->image, hand->flat, off, len, true);
	for (size_t i = 0; i < job->nanswers; at += job->sg[i++].mapped_len)
		if (share(&job->sg[i], at, off, len, &from, &n))
			CREW_EXPECT(hand->me,
				    dmp_sim_agent_read(agent, job->sg[i].addr + (from - at),
						       hand->seen + from, n) == 0);
	CREW_EXPECT(hand->me, memcmp(hand->flat + off, hand->seen + off, len) == 0);
}

/* Coherent memory needs none. */
static inline void hand_over(struct hand *hand, const struct job *job, uint64_t off, uint64_t len,
			     bool to_cpu)
{
	uint64_t at = 0, from, n;

	for (size_t i = 0; i < job->nanswers && job->kind != COHERENT;
	     at += job->sg[i++].mapped_len) {
		dmp_addr_t addr = job->sg[i].addr;

		if (!share(&job->sg[i], at, off, len, &from, &n))
			continue;
		addr += from - at;
		CREW_EXPECT(hand->me,
			    (to_cpu ? dmp_dma_sync_for_cpu(device(hand, job), addr, n, job->dir)
				    : dmp_dma_sync_for_device(device(hand, job), addr, n,
							      job->dir)) == 0);
	}
}

#endif
