/* SPDX-License-Identifier: MIT */
/*
 * attack_options.h - what was asked of `dmapool attack`, as text and as struct attack_opts
 */
#ifndef BENCH_ATTACK_OPTIONS_H
#define BENCH_ATTACK_OPTIONS_H

#include "attack.h"
#include "bench_line.h"

struct attack_command {
	struct attack_opts opts;
	const char **paths;    /* NULL behind the last; none: the loop */
	const char *json_path; /* the line's; NULL: none */
	struct bench_line line;
};

/*
 * Everything stays valid until the free, which is due in any case.  Complains and returns
 * EXIT_USAGE; `--help` ends the process.
 */
int attack_options_parse(int argc, const char **argv, struct attack_command *command);
void attack_options_free(struct attack_command *command);

#endif
