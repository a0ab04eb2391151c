/* SPDX-License-Identifier: MIT */
/*
 * sim_invq.h - invalidation queues: commands, rings, and who uses which
 *
 *   sim_invalidate.c   what is to be invalidated, as commands
 *   sim_invq.c         submitting them and waiting for them
 *   sim_command.c      what the hardware does at each
 *
 * Letters: sim_internal.h.
 */
#ifndef SIM_INVQ_H
#define SIM_INVQ_H

#include "sim_tlb.h"

enum sim_command_kind {
	COMMAND_PAGES,  /* of one domain, in every unit */
	COMMAND_DOMAIN, /* a domain, in every unit */
	COMMAND_ALL,    /* everything, in every unit */
	COMMAND_DEVICE, /* the same three for one device's own TLB */
	COMMAND_WAIT,
};

struct sim_command {
	enum sim_command_kind kind;
	uint32_t device;      /* DEVICE: whose */
	bool leaf_only;       /* PAGES: walk caches stay */
	bool remote;          /* WAIT: from another node */
	bool is_second;       /* WAIT: of a submission for device TLBs alone */
	struct sim_drop drop; /* not WAIT; found is the submitter's, (h) until the wait is over */
};

struct sim_slot {
	DMP_ATOMIC(uint64_t) turn; /* (a) position + 1 of the command that stands here */
	struct sim_command command;
};

struct sim_invq {
	_Alignas(DMP_CACHE_LINE) struct dmp_lock hardware_lock; /* who holds it is the hardware */
	struct dmp_lock queue_lock;                             /* for submitting, if locked */
	struct sim_slot *ring;     /* (a) by turn: the submitter's until it is set, then (h) */
	uint32_t len;              /* (c) */
	uint32_t number;           /* (c) */
	uint32_t kind;             /* (c) enum dmp_sim_queue, not DEFAULT */
	uint64_t timeout_ns;       /* (c) */
	DMP_ATOMIC(bool) stuck;    /* (a) the hardware stands still */
	DMP_ATOMIC(uint64_t) head; /* (a) commands completed; (h) to write */

	/* Written by each submission */
	_Alignas(DMP_CACHE_LINE)
		DMP_ATOMIC(uint64_t) tail; /* (a) commands submitted, or reserved */
	DMP_ATOMIC(uint64_t) room; /* (a) slots that are nobody's, for FETCH_ADD; below 0: none */
	DMP_ATOMIC(uint32_t) last_cpu; /* (a) who moved it last, + 1; 0: nobody yet */
};

#define SIM_QUEUES_MAX 4096u
#define BATCH_COMMANDS 16u

/* One submission, while it is put together. */
struct sim_batch {
	struct dmp_sim *sim;
	struct sim_invq *queue;
	bool remote; /* the queue is on another node than the caller */
	unsigned n;
	struct sim_command command[BATCH_COMMANDS];
};

int sim_invqs_create(struct dmp_sim *sim);
void sim_invqs_destroy(struct dmp_sim *sim);
int sim_batch_begin(struct sim_batch *batch, struct dmp_sim *sim);
int sim_batch_add(struct sim_batch *batch, const struct sim_command *command);
int sim_batch_end(struct sim_batch *batch, bool is_second);
/* Whoever gives up waiting: what the hardware has not executed of it yet will not write to @found. */
void sim_batch_disown(struct sim_batch *batch, const struct sim_found *found);

void sim_command_execute(struct dmp_sim *sim, const struct sim_command *command);

/* Pages of one domain: tables of theirs, too.  For page tables. */
int sim_invq_range(struct dmp_sim *sim, uint64_t id, dmp_iova_t first, dmp_iova_t last);
/* The machine's own: past the queue, and it cannot fail. */
void sim_forget_domain(struct dmp_sim *sim, uint64_t id);

#endif
