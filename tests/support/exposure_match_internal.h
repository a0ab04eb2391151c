/* SPDX-License-Identifier: MIT */
/*
 * exposure_match_internal.h - what the files behind exposure_match.h share
 *
 *    exposure_match.c          random steps, on the library and on the model
 *    exposure_match_told.c     what the library has told, against the model
 *    exposure_match_machine.c  machine, domains, devices, memory: made, and taken back
 */
#ifndef DMAPOOL_TEST_EXPOSURE_MATCH_INTERNAL_H
#define DMAPOOL_TEST_EXPOSURE_MATCH_INTERNAL_H

#include "dmptest.h"

#include "exposure_match.h"
#include "model_exposure.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/harness.h>
#include <dmapool/port.h>

#define MATCH_CPUS     3u
#define MATCH_SLOTS    40u
#define MATCH_SPARES   8u
#define MATCH_RECENT   256u
#define MATCH_GRANULES 24u
#define MATCH_BIG      (UINT64_C(2) << 20)
#define MATCH_BIG_ROOM (4 * MATCH_BIG)

struct match_slot {
	bool is_coherent, is_big;
	unsigned device;
	void *buf;
	dmp_addr_t addr;
	uint64_t len;
	struct dmp_sg sg[EXPOSED_RUNS];
	unsigned nsg; /* 0: no list */
};

struct match {
	const struct exposure_case *c;
	struct model_exposure *model;
	struct rng rng;
	struct dmp_sim *sim;
	struct dmp_domain *dom[EXPOSED_DOMAINS];
	struct dmp_device *dev[EXPOSED_DEVICES];
	struct dmp_sim_agent *agent[EXPOSED_DEVICES];
	uint64_t granule;
	char *ram;    /* the RAM's first byte */
	char *memory; /* of dmp_hw_alloc() */
	char *pages, *big;
	void *spare[MATCH_SPARES];
	struct match_slot
		slot[MATCH_SLOTS + 1]; /* the last for what is mapped and unmapped at once */
	struct {
		unsigned device;
		dmp_addr_t addr;
	} recent[MATCH_RECENT]; /* latest unmaps */
	unsigned nrecent;
	struct exposed_event told[EXPOSED_EVENTS];
	unsigned ntold;
	struct exposure_seen *seen;
};

static inline dmp_phys_t match_phys(const struct match *m, const void *buf)
{
	return (dmp_phys_t)((const char *)buf - m->ram);
}

/* ---- exposure_match_told.c ---- */

extern const struct dmp_exposure_watch match_exposure_watch;
extern const struct dmp_flush_watch match_flush_watch;

/* Where watches of domain @dom leave what they are told; one match at a time. */
void *match_listen(struct match *m, unsigned dom);
/* What was told since the last time, in any order. */
void match_events(struct match *m);
void match_snapshots(struct match *m);

/* ---- exposure_match_machine.c ---- */

void match_up(struct match *m);
/* Nothing is mapped any more. */
void match_down(struct match *m);

#endif
