/* SPDX-License-Identifier: MIT */
/*
 * replay_blame.h - calls of the library that failed: how many, why, and the first: replay_blame.c
 */
#ifndef BENCH_REPLAY_BLAME_H
#define BENCH_REPLAY_BLAME_H

#include <stdint.h>

/* Why a call of the library can fail: errnos with a fixed meaning, and all others. */
#define REPLAY_WHYS 5u

/* Calls of the library that failed. */
struct replay_blame {
	uint64_t requests; /* the sum of by_why */
	uint64_t by_why[REPLAY_WHYS];
	uint32_t first_line;    /* of the first one in the file; 0: none */
	int first_err;          /* its errno */
	const char *first_call; /* its name */
};

/* @err: the negative errno of @call, in @line of the file; count: how many had it. */
void replay_blame_note(struct replay_blame *blame, const char *call, int err, uint32_t line);
void replay_blame_add(struct replay_blame *sum, const struct replay_blame *add);
uint64_t replay_blame_count(const struct replay_blame *blame, int err);
/* A reason for people; @why < REPLAY_WHYS. */
const char *replay_blame_text(unsigned why);
/* And for programs. */
const char *replay_blame_name(unsigned why);
/* What the library's errno means. */
const char *replay_blame_error(int err);

#endif
