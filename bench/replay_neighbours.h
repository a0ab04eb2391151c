/* SPDX-License-Identifier: MIT */
/*
 * replay_neighbours.h - bytes beside buffers that devices of a replay reached, device by device:
 * replay_neighbours.c
 */
#ifndef BENCH_REPLAY_NEIGHBOURS_H
#define BENCH_REPLAY_NEIGHBOURS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_t; /* jansson's */
struct replay_answer;
struct replay_machine;

/* Of a device, from the first step to the last. */
struct replay_neighbours_row {
	uint32_t dev;
	uint64_t peak_bytes; /* the most at once */
	uint64_t byte_ns;    /* UINT64_MAX: at least that */
};

struct replay_neighbours {
	uint64_t peak_bytes; /* of the device that had most */
	uint64_t byte_ns;    /* of all together; UINT64_MAX: at least that */
	bool granules;       /* devices reach granules; else they reach all memory, and what is
			      * beside a buffer is no question: all is 0 */
	uint32_t nrows;
	struct replay_neighbours_row rows[];
};

/* The caller's, to be freed with free(); NULL: no memory. */
struct replay_neighbours *replay_neighbours_read(const struct replay_machine *machine);

/* By route and device; nothing if nobody has asked. */
void replay_neighbours_print(FILE *to, const struct replay_answer *answer);
/* The caller's; NULL: no memory. */
struct json_t *replay_neighbours_json(const struct replay_answer *answer,
				      const struct replay_neighbours *beside);

/* Of ways to flush, which all have the same: that of the first that has granules and did not
 * fail; NULL: none. */
const struct replay_neighbours *replay_neighbours_of_all(const struct replay_answer *answer);
/* In one line; nothing if there are none. */
void replay_neighbours_print_all(FILE *to, const struct replay_answer *answer);

#endif
