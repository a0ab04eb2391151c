/* SPDX-License-Identifier: MIT */
/*
 * replay_commit.h - when a replay asks for the flush of domains that flush by hand:
 * replay_commit.c
 */
#ifndef BENCH_REPLAY_COMMIT_H
#define BENCH_REPLAY_COMMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct replay_flush;
struct replay_machine;

struct replay_commits {
	uint64_t every_unmaps;     /* (c) of one domain; 0: by time */
	uint64_t every_ns;         /* (c) of the trace */
	_Atomic(uint64_t) *unmaps; /* owned; (a) of each device's domain */
	bool is_due;               /* something is unmapped: the one thread of the trace's time */
	uint64_t due_ns;           /* if so: when all domains are flushed */
};

/* -ENOMEM. */
int replay_commits_init(struct replay_commits *commits, const struct replay_machine *machine,
			const struct replay_flush *flush);
void replay_commits_free(struct replay_commits *commits);

/* Device @dev has unmapped something, @now_ns after the trace began; a failed flush's errno. */
int replay_commits_count(struct replay_commits *commits, const struct replay_machine *machine,
			 uint32_t dev, uint64_t now_ns);
/* Time has come to due_ns. */
int replay_commits_make(struct replay_commits *commits, const struct replay_machine *machine);

#endif
