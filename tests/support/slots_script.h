/* SPDX-License-Identifier: MIT */
/*
 * slots_script.h - operations on a bounce allocator as data: run again, made shorter, printed
 *
 *   script = slots_script_create(n);
 *   script->dev[0] = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff);
 *   script->op[0] = (struct slots_op){.kind = SLOTS_OP_MAP, .size = 5000, .in = SLOTS_PARENT};
 *   script->op[1] = (struct slots_op){.kind = SLOTS_OP_UNMAP, .of = 0};
 *   ...
 *   if (run(ctx, script) < script->n) {
 *           slots_script_shrink(script, run, ctx);
 *           slots_script_print(script, stdout);      in the format of tests/vectors/swiotlb
 *   }
 *
 * An operation that is dropped stays where it is and is passed over, so that `of` and `in` of
 * another one keep their meaning; one on what is not there, because it was dropped or refused,
 * is passed over too.
 *
 * Words that the vectors do not have: `time` lets time pass, `tune`, `carve` and `return` are
 * the library's own; `map` and `unmap` in what was carved name that behind the device.
 */
#ifndef DMAPOOL_TEST_SLOTS_SCRIPT_H
#define DMAPOOL_TEST_SLOTS_SCRIPT_H

#include "model_swiotlb.h"

#include <stdio.h>

enum slots_op_kind {
	SLOTS_OP_MAP,    /* cpu, dev, in, place, size, align, option: the bytes come back */
	SLOTS_OP_PAGES,  /* cpu, dev, in, size */
	SLOTS_OP_UNMAP,  /* of: either of these */
	SLOTS_OP_SYNC,   /* of: a map; place: first byte, size: how many; option: for the device */
	SLOTS_OP_LOOKUP, /* of: a map, maybe not live any more; dev */
	SLOTS_OP_WORK,   /* the worker does what is due */
	SLOTS_OP_GRACE,  /* a grace period passes */
	SLOTS_OP_TIME,   /* size: nanoseconds that pass */
	SLOTS_OP_LACK,   /* size: so many requests for memory will be in vain */
	SLOTS_OP_TUNE,   /* option: grows; size: max_slots, place: idle_ns */
	SLOTS_OP_MARK,   /* the high-water mark is reset */
	SLOTS_OP_CARVE,  /* size: bytes, place: queues */
	SLOTS_OP_RETURN, /* of: a carve */
};

#define SLOTS_OP_ANSWER 96u
#define SLOTS_PARENT    UINT32_MAX /* for `in`: not in what was carved */

struct slots_op {
	enum slots_op_kind kind;
	bool dropped;
	bool option;
	unsigned cpu, dev;
	unsigned of; /* an operation */
	unsigned in; /* a carve, or SLOTS_PARENT */
	uint64_t place, size, align;

	/* Of the latest run */
	bool ran;                   /* it was not passed over */
	bool live;                  /* a map, pages or carve: there now */
	char want[SLOTS_OP_ANSWER]; /* what it should answer, as the vectors say it; "": nothing */
	char *events;               /* what the machine should be asked, line by line; NULL: none */
	struct dmp_swiotlb_mapping_view at; /* where it should be */
	dmp_phys_t phys;                    /* where it is; 0: not mapped */
	unsigned char value;                /* what all bytes of the copy hold */
};

struct slots_script {
	struct slots_op *op;
	unsigned n, nmade;                             /* n falls when it is shrunk */
	struct dmp_swiotlb_limits dev[MODEL_DEVS + 1]; /* the last: nobody's, no limits */
	char pool[SLOTS_OP_ANSWER];                    /* the line that makes the allocator */
	char policy[32];

	/* Of the latest run, behind the operation that it stopped at */
	char want[SLOTS_OP_ANSWER]; /* an observation that differs; "": the answer does */
	char got[SLOTS_OP_ANSWER];
};

/* Runs from the start; returns where an answer was wrong: an index, or script->n. */
typedef unsigned (*slots_script_run)(void *ctx, struct slots_script *script);

struct slots_script *slots_script_create(unsigned n);
void slots_script_destroy(struct slots_script *script);
/* Is nothing left to do in this operation? */
bool slots_script_passes(const struct slots_script *script, const struct slots_op *op);
/* What should have been asked in the operation is kept for printing. */
void slots_script_keep_events(struct slots_op *op, const struct slots_log *log);
/* As shrink() of shrink.h. */
unsigned slots_script_shrink(struct slots_script *script, slots_script_run run, void *ctx);
/* As a file of vectors, up to what went wrong; what was got instead is a comment. */
void slots_script_print(const struct slots_script *script, FILE *out);

#endif
