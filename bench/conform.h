/* SPDX-License-Identifier: MIT */
/*
 * conform.h - what the files of `dmapool conform` share
 *
 *   conform.c         options, one line a file, the last line
 *   conform_text.c    a vector file as lines and blocks; what is malformed
 *   conform_iova.c    what each operation of the IOVA vectors does here
 *   conform_choice.c  blocks where this library answers otherwise on purpose
 *
 * A block reaches from one `domain` or `queue` line to the next; it has one verdict.
 */
#ifndef DMAPOOL_BENCH_CONFORM_H
#define DMAPOOL_BENCH_CONFORM_H

#include <dmapool/iova.h>

#include <stdio.h>

#define CONFORM_ARGS    4u
/* A magazine of 127 pfns, 19 characters each, is the longest answer. */
#define CONFORM_GOT_MAX 4096u

struct conform_replay;
struct conform_line;

struct conform_op {
	const char *name;
	unsigned nargs;
	bool has_result;
	bool starts_block;
	/* Does it, and writes the answer as the vectors would; NULL: not run by this version. */
	void (*run)(struct conform_replay *replay, const struct conform_line *line, char *got);
};

struct conform_line {
	unsigned number;      /* in its file, from 1 */
	const char *text;     /* the operation and its arguments */
	const char *expected; /* "ok" for an operation without a result */
	const struct conform_op *op;
	uint64_t arg[CONFORM_ARGS];
	bool skip;   /* by choice: what it would act on does not exist here */
	char *owned; /* by choice: an expectation made at run time */
};

struct conform_block {
	struct conform_line *lines;
	size_t nlines;
};

struct conform_file {
	const char *name;
	struct conform_line *lines;
	size_t nlines;
	struct conform_block *blocks;
	size_t nblocks;
	bool is_foreign; /* vectors of a part that this version does not run: no lines */
};

/* Cuts @text of @len bytes and a zero, which must outlive @file; 0, or -EINVAL after a line on standard error. */
int conform_file_parse(struct conform_file *file, const char *name, char *text, size_t len);
void conform_file_release(struct conform_file *file);

/* NULL: there is no such operation. */
const struct conform_op *conform_iova_op(const char *name, size_t len);

/* One run of a block: manual mode from begin to end.  @tracks: for conform_replay_is_stale(). */
struct conform_replay *conform_replay_begin(bool tracks);
void conform_replay_line(struct conform_replay *replay, const struct conform_line *line, char *got);
/* Is @line a free of a range that this run has not given out, or got back already? */
bool conform_replay_is_stale(const struct conform_replay *replay, const struct conform_line *line);
/* Walks the domain and drops it; what is wrong, or NULL. */
const char *conform_replay_end(struct conform_replay *replay);

/* Is @block one that we answer by a statement of our own?  Then its expectations are
 * replaced by ours; 0 or -ENOMEM. */
int conform_choice_apply(struct conform_block *block, bool *by_choice);
void conform_choice_release(struct conform_block *block);

/* Two answers, number by number. */
bool conform_same(const char *expected, const char *got);

struct conform_totals {
	unsigned passed, failed, by_choice, unsupported; /* blocks */
};

/* Runs the vectors in @text of @len bytes and a zero, which it cuts, and writes the file's line to @out; 0, or -EINVAL or
 * -ENOMEM after a line on standard error. */
int conform_text(const char *name, char *text, size_t len, FILE *out,
		 struct conform_totals *totals);

#endif
