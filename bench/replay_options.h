/* SPDX-License-Identifier: MIT */
/*
 * replay_options.h - what was asked of `dmapool replay`, as text and as struct replay_opts
 */
#ifndef BENCH_REPLAY_OPTIONS_H
#define BENCH_REPLAY_OPTIONS_H

#include "replay.h"
#include "replay_what_if.h"

#include <popt.h>

struct replay_command {
	struct replay_opts opts;
	const char **paths; /* the context's; at least one, NULL behind the last */
	char *json_path;    /* owned; NULL: none */

	/* Where the text of each option is kept. */
	char *routes, *clock, *repeat, *mask, *slots, *flush, *profile; /* owned; NULL: not given */
	char *what_if_text;                                             /* likewise */
	int serial, no_data, check_addresses, grow, exposure, neighbours;
	struct replay_what_if what_if;
	uint64_t given; /* a bit for each option letter */
	poptContext context;
};

/*
 * Everything stays valid until the free, which is due in any case.  Complains and returns
 * EXIT_USAGE; `--help` ends the process.
 */
int replay_options_parse(int argc, const char **argv, struct replay_command *command);
void replay_options_free(struct replay_command *command);

/* A file that answers can be written to: named, and none of the traces.  Complains and returns
 * EXIT_USAGE. */
int replay_options_check_json(const char *json_path, const char **paths);

#endif
