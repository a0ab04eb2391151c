/* SPDX-License-Identifier: MIT */
/*
 * replay_flush.h - how translated domains of a replay flush: as text, as numbers, as options of a
 * domain: replay_flush.c
 */
#ifndef BENCH_REPLAY_FLUSH_H
#define BENCH_REPLAY_FLUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dmp_domain_opts;

/* What is set beside the policy; 0: as the policy has it. */
struct replay_flush {
	uint32_t entries;    /* of a queue */
	uint64_t timeout_ns; /* longest wait in a queue */
	uint64_t bytes;      /* unmapped ones that make a queue full */
	/* By hand: a flush after so many unmaps of a domain, or at each multiple of a time of the
	 * trace; not both.  Neither: REPLAY_COMMIT_UNMAPS. */
	uint64_t commit_unmaps, commit_ns;
};

#define REPLAY_COMMIT_UNMAPS 256u /* a full queue of the lazy policy */

/* Bytes of a configuration as text, its end included. */
#define REPLAY_FLUSH_TEXT 96u

/* All policies, for people: "strict, lazy, ...". */
extern const char replay_flush_names[];
/* Is it one of them? */
bool replay_flush_is_name(const char *text, size_t len);

/**
 * replay_flush_parse() - "lazy:entries=64:timeout=1ms"
 * @text, @len: the policy's name, then what is set
 * @way:   out: an enum replay_way; untouched on error
 * @flush: out: likewise
 *
 * Complains and returns EXIT_USAGE.
 */
int replay_flush_parse(const char *text, size_t len, unsigned *way, struct replay_flush *flush);

/* The reverse: what is set, in one form. */
void replay_flush_text(unsigned way, const struct replay_flush *flush,
		       char text[REPLAY_FLUSH_TEXT]);

/* Into the options of a domain on that way, which is translated. */
void replay_flush_apply(unsigned way, const struct replay_flush *flush,
			struct dmp_domain_opts *opts);

#endif
