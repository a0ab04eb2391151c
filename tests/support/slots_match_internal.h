/* SPDX-License-Identifier: MIT */
/*
 * slots_match_internal.h - what the files of slots_match share
 *
 *    slots_match.c        a run: both made, operation by operation, what is left over at the end
 *      slots_match_do.c     an operation: the library's answer and the model's
 *      slots_match_same.c   what is compared beside answers
 */
#ifndef DMAPOOL_TEST_SLOTS_MATCH_INTERNAL_H
#define DMAPOOL_TEST_SLOTS_MATCH_INTERNAL_H

#include "slots_match.h"

#define SLOTS_CHILDREN 8u

struct slots_child {
	unsigned op; /* that carved it */
	struct dmp_swiotlb *tlb;
	struct model_swiotlb *model;
};

struct slots_match {
	const struct slots_setting *setting;
	struct slots_script *script;
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb;
	struct model_swiotlb *model;
	struct dmp_swiotlb_device *dev[MODEL_DEVS + 1]; /* nobody's: NULL */
	struct slots_child child[SLOTS_CHILDREN];
	unsigned nchildren;
	unsigned nbugs;
	uint64_t meta_before;
	unsigned char next_value;
};

/* An answer, or what is compared, in the words of the vectors; @text has SLOTS_OP_ANSWER bytes. */
__attribute__((format(printf, 2, 3))) void slots_match_say(char *text, const char *fmt, ...);
/* An observation that differs ends the run. */
bool slots_match_observe(struct slots_match *t, const char *what, const char *want,
			 const char *got);

/* ---- slots_match_do.c ---- */

/* Does @op on both sides: in script->got what the library answered, in @op what it should have. */
void slots_match_do(struct slots_match *t, struct slots_op *op);
/* Of a mapping that is there, at the end: its bytes are looked at as by any unmap. */
int slots_match_unmap(struct slots_match *t, struct slots_op *of);

/* ---- slots_match_same.c ---- */

/* Was the machine asked for what it should be? */
bool slots_match_same_events(struct slots_match *t);
/* Counters and areas, and, if @everything, each slot and the walkers. */
bool slots_match_same(struct slots_match *t, bool everything);

#endif
