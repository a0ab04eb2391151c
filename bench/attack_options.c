// SPDX-License-Identifier: MIT
/*
 * attack_options.c - the command line of `dmapool attack`
 *
 *    argv -> a text for each option, none twice -> numbers and names -> struct attack_opts
 *
 * What cannot be is refused in one line that says what could be, before anything is attacked.
 */
#include "attack_options.h"
#include "command.h"
#include "replay_options.h"

#define ATTEMPTS_MAX UINT64_C(1000000000000)
#define LOOP_MAX     UINT64_C(10000000)

enum option {
	FLUSH,
	ATTEMPTS,
	SEED,
	CLOCK,
	MASK,
	PROFILE,
	LOOP,
	JSON,
};

#define DEFAULT_FLUSH "strict,lazy,lazy-single,on-reuse,manual"

/* enum replay_clock */
static const char *const clocks[] = {"real", "trace"};

static const char about[] =
	"[FILE...] [OPTION...]\n"
	"\n"
	"A device reads and writes mapped, just unmapped and never mapped addresses, beside the\n"
	"workload of a recorded trace, see `dmapool replay`, or without one beside a loop of maps\n"
	"and unmaps.  What it reaches is compared with what each flush policy promises; the exit\n"
	"status is 1 if a promise is broken.";

static const struct poptOption options[] = {
	BENCH_OPTION("flush", 'f', FLUSH,
		     "a row each, POLICY[:NAME=VALUE]... as of `dmapool replay`; none is a machine "
		     "without an IOMMU (default: " DEFAULT_FLUSH ")",
		     "LIST"),
	BENCH_OPTION("attempts", 'a', ATTEMPTS, "for each policy (default: 1000000)", "N"),
	BENCH_OPTION("seed", 's', SEED, "of what is tried; 0 to 2^63 - 1 (default: 1)", "N"),
	BENCH_OPTION("clock", 'c', CLOCK,
		     "trace: the workload in its own time, some attempts after each step; real: "
		     "threads as fast as they can, another one attacks (default: trace)",
		     "CLOCK"),
	BENCH_OPTION("mask", 'm', MASK, "address bits of every device, 12 to 64 (default: 32)",
		     "BITS"),
	BENCH_OPTION("profile", 'p', PROFILE,
		     "the simulated IOMMU that is attacked (default: free)", "NAME|FILE"),
	BENCH_OPTION("loop", 'l', LOOP, "maps of the workload without a trace (default: 20000)",
		     "MAPS"),
	BENCH_OPTION("json", 'j', JSON, "write the answers there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

static int parse_clock(const struct bench_line *line, struct attack_opts *opts)
{
	unsigned which = REPLAY_CLOCK_TRACE;
	int err = bench_line_choice(line, CLOCK, "trace", clocks, 2, &which);

	opts->clock = (enum replay_clock)which;
	return err;
}

/* Threads have no time of the trace. */
static int check_commits(const struct attack_opts *opts)
{
	for (unsigned i = 0; i < opts->npolicies; i++)
		if (opts->clock == REPLAY_CLOCK_REAL && opts->policies[i].flush.commit_ns)
			return complain("%s asks for a time of the trace; use --clock trace, or a "
					"number of unmaps",
					opts->policies[i].text);
	return 0;
}

static int parse_workload(const struct bench_line *line, struct attack_opts *opts)
{
	uint64_t mask_bits = 0;
	int err = bench_line_one(line, MASK, "32", 12, 64, &mask_bits);

	if (!err && line->files && line->text[LOOP])
		return complain("--loop is the workload without a trace; leave it out, or %s",
				line->files[0]);
	opts->profile = line->text[PROFILE];
	if (!err)
		err = bench_line_one(line, LOOP, "20000", 1, LOOP_MAX, &opts->loop_maps);
	opts->mask_bits = (unsigned)mask_bits;
	return err;
}

static int parse(struct attack_command *c)
{
	const struct bench_line *line = &c->line;
	const char *flush = line->text[FLUSH] ? line->text[FLUSH] : DEFAULT_FLUSH;
	int err = attack_policies_parse(flush, &c->opts);

	if (!err)
		err = bench_line_one(line, ATTEMPTS, "1000000", 1, ATTEMPTS_MAX, &c->opts.attempts);
	if (!err)
		err = bench_line_one(line, SEED, "1", 0, INT64_MAX, &c->opts.seed);
	if (!err)
		err = parse_clock(line, &c->opts);
	if (!err)
		err = check_commits(&c->opts);
	if (!err)
		err = parse_workload(line, &c->opts);
	if (!err && c->opts.profile)
		err = replay_options_check_profile(c->opts.profile);
	if (!err && c->json_path)
		err = replay_options_check_json(c->json_path, c->paths);
	return err;
}

int attack_options_parse(int argc, const char **argv, struct attack_command *c)
{
	static const char *no_files[] = {NULL};
	int err;

	*c = (struct attack_command){.json_path = NULL};
	err = bench_line_open_files(&c->line, argc, argv, options, about);
	if (err)
		return err;
	c->paths = c->line.files ? c->line.files : no_files;
	c->json_path = c->line.text[JSON];
	return parse(c);
}

void attack_options_free(struct attack_command *c)
{
	bench_line_close(&c->line);
}
