// SPDX-License-Identifier: MIT
/*
 * bench_iova.c - `dmapool bench iova`: the command line
 *
 *    options -> a sweep over all combinations, or a preset -> table, JSON -> the exit status
 */
#include "bench_range.h"
#include "bench_sweep.h"
#include "bench_target.h"
#include "command.h"
#include "json_file.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

#define LIVE_MAX     (UINT64_C(1) << 24)
#define GRANULES_MAX (UINT64_C(1) << 20)
#define WIDE_LIMIT   ((UINT64_C(1) << 52) - 1)

struct command_line {
	char *threads, *sizes, *batches, *patterns, *policies, *caches; /* owned */
	char *preset, *json_path;                                       /* owned */
	int samples, ms;
	long long live;
	poptContext context;
};

static const char about[] =
	"[OPTION...]\n"
	"\n"
	"A row for every combination of the lists.  A pair is one allocation and the free of\n"
	"it: ns is the time that passed, divided by the pairs of all threads; CPU ns what all\n"
	"threads have computed.  The floor is an array of the thread's own, or a ring between\n"
	"two threads where ranges are passed on.";

static void define_options(struct command_line *line, struct poptOption *options)
{
	const struct poptOption table[] = {
		{"threads", 't', POPT_ARG_STRING, &line->threads, 0, "(default: 1,2)", "LIST"},
		{"size", 's', POPT_ARG_STRING, &line->sizes, 0, "granules (default: 1)", "LIST"},
		{"batch", 'b', POPT_ARG_STRING, &line->batches, 0,
		 "allocations before the frees (default: 1,128)", "LIST"},
		{"pattern", 'p', POPT_ARG_STRING, &line->patterns, 0,
		 "same, lifo, pass, gather, random or all (default: all)", "LIST"},
		{"policy", 'P', POPT_ARG_STRING, &line->policies, 0,
		 "linux, gap, bitmap, chunk or all (default: linux)", "LIST"},
		{"cache", 'c', POPT_ARG_STRING, &line->caches, 0, "on, off or all (default: on)",
		 "LIST"},
		{"live", 'l', POPT_ARG_LONGLONG, &line->live, 0,
		 "ranges that pattern random replaces (default: 65536)", "N"},
		{"samples", 'n', POPT_ARG_INT, &line->samples, 0,
		 "of each case; figures are medians (default: 7)", "N"},
		{"ms", 'm', POPT_ARG_INT, &line->ms, 0, "of a sample (default: 20)", "N"},
		{"preset", 0, POPT_ARG_STRING, &line->preset, 0,
		 "targets: the bounds that this library has set itself; status 1 if one is missed",
		 "NAME"},
		{"json", 'j', POPT_ARG_STRING, &line->json_path, 0, "write the figures there",
		 "OUT"},
		POPT_AUTOHELP POPT_TABLEEND};

	memcpy(options, table, sizeof(table));
}

static const char * or (const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static int check_numbers(const struct command_line *line)
{
	if (line->samples < 1 || line->samples > (int)BENCH_SAMPLES_MAX)
		return complain("--samples must be 1 to %u", BENCH_SAMPLES_MAX);
	if (line->ms < 1 || line->ms > 10000)
		return complain("--ms must be 1 to 10000");
	if (line->live < 1 || (uint64_t)line->live > LIVE_MAX)
		return complain("--live must be 1 to %llu", (unsigned long long)LIVE_MAX);
	if (line->preset && strcmp(line->preset, "targets") != 0)
		return complain("'%s' is not a preset; try targets", line->preset);
	return 0;
}

static int parse_lists(const struct command_line *line, struct bench_sweep *sweep)
{
	int err = bench_list_numbers("--threads", or (line->threads, "1,2"), 1, BENCH_THREADS_MAX,
				     &sweep->threads);

	if (!err)
		err = bench_list_numbers("--size", or (line->sizes, "1"), 1, GRANULES_MAX,
					 &sweep->sizes);
	if (!err)
		err = bench_list_numbers("--batch", or (line->batches, "1,128"), 1, BENCH_BATCH_MAX,
					 &sweep->batches);
	if (!err)
		err = bench_list_words("--pattern", or (line->patterns, "all"), bench_pattern_names,
				       BENCH_PATTERNS, &sweep->patterns);
	if (!err)
		err = bench_list_words("--policy", or (line->policies, "linux"), bench_policy_names,
				       BENCH_POLICIES, &sweep->policies);
	if (!err)
		err = bench_list_words("--cache", or (line->caches, "on"), bench_cache_names, 2,
				       &sweep->caches);
	return err;
}

static int parse(struct command_line *line, struct bench_sweep *sweep)
{
	int rc = poptGetNextOpt(line->context), err;

	if (rc < -1)
		return complain("%s: %s", poptBadOption(line->context, POPT_BADOPTION_NOALIAS),
				poptStrerror(rc));
	if (poptPeekArg(line->context))
		return complain("'%s' is no option; try 'dmapool bench iova --help'",
				poptPeekArg(line->context));
	err = check_numbers(line);
	if (!err)
		err = parse_lists(line, sweep);
	sweep->live = (uint64_t)line->live;
	sweep->limit = WIDE_LIMIT;
	sweep->plan.samples = (unsigned)line->samples;
	sweep->plan.sample_ns = (uint64_t)line->ms * 1000000u;
	return err;
}

static int run(const struct command_line *line, struct bench_sweep *sweep)
{
	struct json_file json;
	struct json_file *to = line->json_path ? &json : NULL;
	int status;

	if (to && json_file_open(to, line->json_path))
		return EXIT_USAGE;
	status = line->preset ? bench_iova_targets(&sweep->plan, to) : bench_sweep_run(sweep, to);
	if (to && json_file_close(to))
		status = EXIT_USAGE;
	return status;
}

static void free_line(struct command_line *line)
{
	free(line->threads);
	free(line->sizes);
	free(line->batches);
	free(line->patterns);
	free(line->policies);
	free(line->caches);
	free(line->preset);
	free(line->json_path);
	poptFreeContext(line->context);
}

int bench_iova_main(int argc, const char **argv)
{
	struct command_line line = {.samples = 7, .ms = 20, .live = 65536};
	struct bench_sweep sweep = {.left_out = 0};
	struct poptOption options[16];
	int status;

	define_options(&line, options);
	line.context = poptGetContext("dmapool bench iova", argc, argv, options, 0);
	poptSetOtherOptionHelp(line.context, about);
	status = parse(&line, &sweep);
	if (!status)
		status = run(&line, &sweep);
	free_line(&line);
	return status;
}
