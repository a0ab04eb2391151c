/* SPDX-License-Identifier: MIT */
/*
 * iova_script.h - operations on an IOVA domain as data: run again, made shorter, printed
 *
 *   script = iova_script_create(n);
 *   script->op[0] = (struct iova_op){.kind = IOVA_OP_ALLOC, .size = 3, .limit = 0xfffff};
 *   script->op[1] = (struct iova_op){.kind = IOVA_OP_FREE, .of = 0};
 *   ...
 *   if (run(ctx, script) < script->n) {
 *           iova_script_shrink(script, run, ctx);
 *           iova_script_print(script, stdout);          in the format of tests/vectors/iova
 *   }
 *
 * An operation that is dropped stays where it is and is passed over, so that `of` of another
 * one keeps its meaning; a free of what was not given out, because it was dropped or refused,
 * is passed over too.
 */
#ifndef DMAPOOL_TEST_IOVA_SCRIPT_H
#define DMAPOOL_TEST_IOVA_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum iova_op_kind {
	IOVA_OP_ALLOC,      /* size, limit, option: aligned */
	IOVA_OP_ALLOC_FAST, /* cpu, size, limit, option: flush */
	IOVA_OP_FREE,       /* of: an alloc of either kind; cpu: for a fast one */
	IOVA_OP_FREE_PFN,   /* lo */
	IOVA_OP_FIND,       /* lo */
	IOVA_OP_RESERVE,    /* lo, hi */
	IOVA_OP_DEPOT_WORK,
	IOVA_OP_CPU_DEAD, /* cpu */
	IOVA_OP_CPU_ONLINE,
};

#define IOVA_OP_ANSWER 96u

struct iova_op {
	enum iova_op_kind kind;
	bool dropped;
	bool option;
	unsigned cpu;
	unsigned of;
	uint64_t size, limit, lo, hi;

	/* Of the latest run */
	bool ran;                  /* it was not passed over */
	bool live;                 /* an alloc: given out, not freed yet */
	uint64_t pfn;              /* an alloc: what was given out */
	char want[IOVA_OP_ANSWER]; /* what it should answer, as the vectors say it; "": nothing */
};

struct iova_script {
	struct iova_op *op;
	unsigned n;
	char space[IOVA_OP_ANSWER]; /* the arguments of `domain` */

	/* Of the latest run, behind the operation that it stopped at */
	char want[IOVA_OP_ANSWER]; /* an observation that differs; "": the answer does */
	char got[IOVA_OP_ANSWER];
};

/* Runs from the start; returns where an answer was wrong: an index, or script->n. */
typedef unsigned (*iova_script_run)(void *ctx, struct iova_script *script);

struct iova_script *iova_script_create(unsigned n);
void iova_script_destroy(struct iova_script *script);
/* Is nothing left to do in this operation? */
bool iova_script_passes(const struct iova_script *script, const struct iova_op *op);
/* Drops what is not needed for a run to go wrong, which it does; ends with such a run.  What is
 * left: no operation can go without all being right.  Returns how many there are. */
unsigned iova_script_shrink(struct iova_script *script, iova_script_run run, void *ctx);
/* As a file of vectors, up to what went wrong; what was got instead is a comment. */
void iova_script_print(const struct iova_script *script, FILE *out);

#endif
