/* SPDX-License-Identifier: MIT */
/*
 * check.h - what the files of `dmapool replay --check-addresses` share
 *
 * A trace with the function probes of bench/traces/README.md has a line for each call of the
 * kernel's allocators, with the kernel's answer.  Here the calls are made again, and the
 * answers compared:
 *
 *    check_file.c     one file: read, check, tell
 *    check.c          the trace's spaces, one after another; sums
 *      check_calls.c    trace   -> the calls of one space, each free with what it frees
 *      check_search.c   calls   -> answers in file order; where they differ, another order
 *        check_order.c    order   -> the first call that is answered otherwise
 *          check_iova.c, check_swiotlb.c   the library's allocators behind one table
 *    check_print.c    the answers
 *
 * A space is one IOVA domain, or the pool of bounce slots that all devices share.
 */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include "trace.h"

#include <stdio.h>

struct json_t;
struct json_file;

/* One call of an allocator. */
struct check_call {
	const struct trace_event *event; /* addr is the kernel's answer, or what is freed */
	uint32_t alloc;      /* a free: index of the call whose answer it frees; else TRACE_NONE */
	uint32_t after_line; /* where it had not begun: check_calls.c; of a free its own line */
};

/* How the pool of bounce slots lay in the traced machine: check_calls.c. */
struct check_pool {
	uint64_t base; /* address of slot 0 */
	uint64_t slots;
	uint64_t areas;
	uint64_t *min_align_masks; /* owned; of each traced device */
};

/* The calls of one allocator, in the order of their lines. */
struct check_space {
	const struct check_model *model;
	unsigned ncpus;
	struct check_call *calls; /* owned */
	uint32_t ncalls;
	uint32_t nallocs;    /* of them */
	uint32_t nstrays;    /* frees of what no line allocates in that size: left out */
	uint32_t stray_line; /* of the first */
	bool in_use_before;  /* when the first line was written: check_calls.c */
	struct check_pool pool;
};

/* An allocator of the library, in manual mode on the CPU of the call. */
struct check_model {
	enum trace_kind alloc_kind, free_kind;
	uint64_t failed; /* the kernel's answer when there was nothing */

	int (*open)(const struct check_space *space, void **state);
	/* The address as the kernel would print it. */
	uint64_t (*alloc)(void *state, const struct trace_event *event);
	void (*free)(void *state, const struct trace_event *event, uint64_t addr);
	/* The most slots in use at once; NULL if it has none. */
	uint64_t (*peak)(void *state);
	void (*close)(void *state); /* nothing is live */
};

extern const struct check_model check_model_iova, check_model_swiotlb;

/* An allocation's line that stands too late, and the line before which it was made. */
struct check_move {
	uint32_t line, before_line;
};

/* Allocations: equal + explained + unexplained + in_use_before. */
struct check_result {
	uint64_t equal;         /* the kernel's answer */
	uint64_t explained;     /* the kernel's answer after one line was moved for it */
	uint64_t unexplained;   /* another answer, or none */
	uint64_t in_use_before; /* not compared: their space was in use before the first line */
	uint64_t peak_slots;
	uint32_t nspaces;
	bool has_pool;             /* peak_slots means something */
	uint32_t unexplained_line; /* of the first; 0: none */
	uint64_t strays;           /* of the spaces compared: frees of what no line allocates */
	uint32_t stray_line;       /* of the first; 0: none */
	struct check_move *moves;  /* owned; one an explained allocation */
	uint32_t nmoves;

	/* Of the whole file */
	struct trace_skip_count skips[TRACE_NSKIPS]; /* lines that could not be read */
	uint64_t lost_events, overwritten_events;
};

/* ---- check.c ---- */

/**
 * check_addresses() - make a trace's allocator calls again and compare the answers
 * @out: out: to be freed with check_result_free(); untouched on error
 *
 * Threads: set-up only: it uses manual mode (harness.h), so that no object of the library may
 *          exist.
 * Errors:  -ENOMEM; -EBUSY the library is in use.
 */
int check_addresses(const struct trace *trace, struct check_result *out);
void check_result_free(struct check_result *result);

/* ---- check_calls.c ---- */

/* The calls of IOVA domain @domain.  -ENOMEM. */
int check_calls_iova(const struct trace *trace, uint32_t domain, struct check_space *space);
/* The calls of all devices for bounce slots, and the pool they came from.  -ENOMEM. */
int check_calls_swiotlb(const struct trace *trace, struct check_space *space);
void check_calls_free(struct check_space *space);

/* ---- check_order.c ---- */

/* An order of a space's calls and what it led to. */
struct check_order {
	const struct check_space *space;
	uint32_t *calls;   /* owned; the call at each position */
	uint64_t *answers; /* owned; of each call, in the latest run */
	bool *given_up;    /* owned; calls whose answers are not compared any more */
	bool tolerant;     /* give up whatever differs */
	uint64_t peak;     /* of the latest run */
};

int check_order_init(struct check_order *order, const struct check_space *space);
void check_order_free(struct check_order *order);
/* Let the call at position @from stand at position @to. */
void check_order_move(struct check_order *order, uint32_t from, uint32_t to);
/*
 * Make the calls on an empty space; @reached: the position of the first whose answer differs
 * from the kernel's, or their number.  -ENOMEM, -EBUSY.
 */
int check_order_run(struct check_order *order, uint32_t *reached);

static inline const struct check_call *check_call_at(const struct check_order *order, uint32_t pos)
{
	return &order->space->calls[order->calls[pos]];
}

static inline bool check_is_alloc(const struct check_call *call)
{
	return call->alloc == TRACE_NONE;
}

/* ---- check_search.c ---- */

/* Check one space and add to @result. */
int check_space(const struct check_space *space, struct check_result *result);

/* ---- check_print.c ---- */

void check_print(FILE *to, const char *name, const struct check_result *result);
/* The caller's; NULL without memory. */
struct json_t *check_json(const char *path, const char *name, const struct check_result *result);

/* ---- check_file.c ---- */

/* Check a file, print the answer, and add it to @json unless that is NULL: the exit status. */
int check_file(const char *path, FILE *to, struct json_file *json);

#endif
