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

#include <dmapool/bits.h>

#define ATTEMPTS_MAX UINT64_C(1000000000000)
#define LOOP_MAX     UINT64_C(10000000)
#define ENTRIES_MAX  (UINT64_C(1) << 20)
#define TIMEOUT_MAX  UINT64_C(1000000000) /* us */
#define NS_OF_US     1000u

enum option {
	FLUSH,
	ATTEMPTS,
	SEED,
	CLOCK,
	MASK,
	LOOP,
	ENTRIES,
	TIMEOUT,
	JSON,
};

enum clock_word { CLOCK_TRACE, CLOCK_REAL, CLOCK_WORDS };

static const char *const clock_words[CLOCK_WORDS] = {"trace", "real"};

static const char about[] =
	"[FILE...] [OPTION...]\n"
	"\n"
	"A device reads and writes mapped, just unmapped and never mapped addresses, beside the\n"
	"workload of a recorded trace, see `dmapool replay`, or without one beside a loop of maps\n"
	"and unmaps.  What it reaches is compared with what each flush policy promises; the exit\n"
	"status is 1 if a promise is broken.";

static const struct poptOption options[] = {
	BENCH_OPTION("flush", 'f', FLUSH,
		     "policies, a row each: strict, lazy, lazy-single; none is a machine without "
		     "an IOMMU (default: strict,lazy,lazy-single)",
		     "LIST"),
	BENCH_OPTION("attempts", 'a', ATTEMPTS, "for each policy (default: 1000000)", "N"),
	BENCH_OPTION("seed", 's', SEED, "of what is tried; 0 to 2^63 - 1 (default: 1)", "N"),
	BENCH_OPTION("clock", 'c', CLOCK,
		     "trace: the workload in its own time, some attempts after each step; real: "
		     "threads as fast as they can, another one attacks (default: trace)",
		     "CLOCK"),
	BENCH_OPTION("mask", 'm', MASK, "address bits of every device, 12 to 64 (default: 32)",
		     "BITS"),
	BENCH_OPTION("loop", 'l', LOOP, "maps of the workload without a trace (default: 20000)",
		     "MAPS"),
	BENCH_OPTION("queue", 'q', ENTRIES,
		     "entries of a lazy queue, a power of two (default: the policy's)", "N"),
	BENCH_OPTION("timeout", 't', TIMEOUT, "of a lazy queue (default: the policy's)", "US"),
	BENCH_OPTION("json", 'j', JSON, "write the answers there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

static int parse_policies(const struct bench_line *line, struct attack_opts *opts)
{
	struct bench_list list;
	int err = bench_line_words(line, FLUSH, "strict,lazy,lazy-single", attack_policy_names,
				   attack_npolicies, &list);

	for (unsigned i = 0; !err && i < list.count; i++) {
		if (opts->policies >> list.value[i] & 1)
			return complain("--flush names %s twice",
					attack_policy_names[list.value[i]]);
		opts->policies |= 1u << list.value[i];
	}
	return err;
}

static int parse_clock(const struct bench_line *line, struct attack_opts *opts)
{
	struct bench_list list;
	int err = bench_line_words(line, CLOCK, "trace", clock_words, CLOCK_WORDS, &list);

	if (!err && list.count != 1)
		return complain("--clock is trace or real");
	opts->threads = !err && list.value[0] == CLOCK_REAL;
	return err;
}

/* An option that is not given leaves what the policy has: 0. */
static int parse_queue(const struct bench_line *line, struct attack_opts *opts)
{
	uint64_t entries = 0, timeout_us = 0;
	int err = 0;

	if (line->text[ENTRIES])
		err = bench_line_one(line, ENTRIES, NULL, 2, ENTRIES_MAX, &entries);
	if (!err && entries && !dmp_is_pow2(entries))
		return complain("--queue %llu is not a power of two", (unsigned long long)entries);
	if (!err && line->text[TIMEOUT])
		err = bench_line_one(line, TIMEOUT, NULL, 1, TIMEOUT_MAX, &timeout_us);
	opts->queue_entries = (uint32_t)entries;
	opts->timeout_ns = timeout_us * NS_OF_US;
	return err;
}

static int parse_workload(const struct bench_line *line, struct attack_opts *opts)
{
	uint64_t mask_bits = 0;
	int err = bench_line_one(line, MASK, "32", 12, 64, &mask_bits);

	if (!err && line->files && line->text[LOOP])
		return complain("--loop is the workload without a trace; leave it out, or %s",
				line->files[0]);
	if (!err)
		err = bench_line_one(line, LOOP, "20000", 1, LOOP_MAX, &opts->loop_maps);
	opts->mask_bits = (unsigned)mask_bits;
	return err;
}

static int parse(struct attack_command *c)
{
	const struct bench_line *line = &c->line;
	int err = parse_policies(line, &c->opts);

	if (!err)
		err = bench_line_one(line, ATTEMPTS, "1000000", 1, ATTEMPTS_MAX, &c->opts.attempts);
	if (!err)
		err = bench_line_one(line, SEED, "1", 0, INT64_MAX, &c->opts.seed);
	if (!err)
		err = parse_clock(line, &c->opts);
	if (!err)
		err = parse_queue(line, &c->opts);
	if (!err)
		err = parse_workload(line, &c->opts);
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
