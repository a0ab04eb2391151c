// SPDX-License-Identifier: MIT
/*
 * bench_iova.c - `dmapool bench iova`: the command line
 *
 *    argv -> popt: a text for each option, none twice -> numbers and lists
 *         -> a sweep over all combinations, or a preset -> the exit status
 *
 * What cannot be is refused in one line that says what could be, before anything is measured.
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

/* Of a magazine; what dmp_iova_create() takes. */
#define MAGAZINE_MIN 7u
#define MAGAZINE_MAX 1023u
#define DEPOT_MAX    (UINT64_C(1) << 20)

/* A target is the median of as many samples at least. */
#define TARGET_SAMPLES 7u

enum option {
	THREADS,
	SIZE,
	BATCH,
	PATTERN,
	POLICY,
	CACHE,
	MAGAZINE,
	DEPOT,
	LIVE,
	SAMPLES,
	MS,
	PRESET,
	JSON,
	NOPTIONS
};

struct command_line {
	char *text[NOPTIONS]; /* owned; NULL: not given */
	poptContext context;
};

static const char about[] =
	"[OPTION...]\n"
	"\n"
	"A row for every combination of the lists.  A pair is one allocation and the free of\n"
	"it: ns is the time that passed, divided by the pairs of all threads; CPU ns what all\n"
	"threads have computed.  The floor is an array of the thread's own, or a ring between\n"
	"two threads where ranges are passed on.";

#define OPTION(name, letter, number, help, value)                                                  \
	{                                                                                          \
		name, letter, POPT_ARG_STRING, NULL, (number) + 1, help, value                     \
	}

static const struct poptOption options[] = {
	OPTION("threads", 't', THREADS, "(default: 1,2)", "LIST"),
	OPTION("size", 's', SIZE, "granules (default: 1)", "LIST"),
	OPTION("batch", 'b', BATCH, "allocations before the frees (default: 1,128)", "LIST"),
	OPTION("pattern", 'p', PATTERN, "same, lifo, pass, gather, random or all (default: all)",
	       "LIST"),
	OPTION("policy", 'P', POLICY, "linux, gap, bitmap, chunk or all (default: linux)", "LIST"),
	OPTION("cache", 'c', CACHE, "on, off or all (default: on)", "LIST"),
	OPTION("magazine", 'M', MAGAZINE, "ranges in a magazine, 7 to 1023 (default: 127)", "LIST"),
	OPTION("depot", 'd', DEPOT,
	       "magazines that a depot keeps; 0: any number, reclaimed in the background "
	       "(default: 0)",
	       "LIST"),
	OPTION("live", 'l', LIVE, "ranges that pattern random replaces (default: 65536)", "N"),
	OPTION("samples", 'n', SAMPLES,
	       "of each case; figures are medians (default: 7; of a preset 15)", "N"),
	OPTION("ms", 'm', MS, "of a sample (default: 20)", "N"),
	OPTION("preset", 0, PRESET,
	       "targets: the bounds that this library has set itself; growth: what live ranges "
	       "cost; status 1 if a bound is missed",
	       "NAME"),
	OPTION("json", 'j', JSON, "write the figures there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

/* Takes every option, at most once. */
static int take_options(struct command_line *line)
{
	int option;

	while ((option = poptGetNextOpt(line->context)) > 0) {
		char **text = &line->text[option - 1];

		if (*text)
			return complain("--%s is given twice", options[option - 1].longName);
		*text = poptGetOptArg(line->context);
	}
	if (option < -1)
		return complain("%s: %s", poptBadOption(line->context, POPT_BADOPTION_NOALIAS),
				poptStrerror(option));
	if (poptPeekArg(line->context))
		return complain("'%s' is no option; try 'dmapool bench iova --help'",
				poptPeekArg(line->context));
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct bench_plan *plan, struct json_file *json);
} presets[] = {{"targets", bench_iova_targets}, {"growth", bench_iova_growth}};

#define NPRESETS (sizeof(presets) / sizeof(presets[0]))

/* NPRESETS: there is none of that name. */
static size_t find_preset(const char *name)
{
	size_t i = 0;

	while (i < NPRESETS && strcmp(presets[i].name, name) != 0)
		i++;
	return i;
}

/* A preset says itself what it measures. */
static int check_preset(const struct command_line *line)
{
	if (!line->text[PRESET])
		return 0;
	if (find_preset(line->text[PRESET]) == NPRESETS)
		return complain("'%s' is no preset; try targets or growth", line->text[PRESET]);
	for (unsigned i = 0; i < SAMPLES; i++)
		if (line->text[i])
			return complain("--preset says itself what is measured; leave out --%s",
					options[i].longName);
	return 0;
}

static int numbers(const struct command_line *line, enum option option, const char *otherwise,
		   uint64_t least, uint64_t most, struct bench_list *list)
{
	char name[32];

	snprintf(name, sizeof(name), "--%s", options[option].longName);
	return bench_list_numbers(name, line->text[option] ? line->text[option] : otherwise, least,
				  most, list);
}

static int words(const struct command_line *line, enum option option, const char *otherwise,
		 const char *const *known, unsigned nknown, struct bench_list *list)
{
	char name[32];

	snprintf(name, sizeof(name), "--%s", options[option].longName);
	return bench_list_words(name, line->text[option] ? line->text[option] : otherwise, known,
				nknown, list);
}

/* Exactly one. */
static int one(const struct command_line *line, enum option option, const char *otherwise,
	       uint64_t least, uint64_t most, uint64_t *value)
{
	struct bench_list list;
	int err = numbers(line, option, otherwise, least, most, &list);

	if (!err && list.count != 1)
		return complain("--%s takes one number", options[option].longName);
	if (!err)
		*value = list.value[0];
	return err;
}

static int parse_lists(const struct command_line *line, struct bench_sweep *sweep)
{
	int err = numbers(line, THREADS, "1,2", 1, BENCH_THREADS_MAX, &sweep->threads);

	if (!err)
		err = numbers(line, SIZE, "1", 1, GRANULES_MAX, &sweep->sizes);
	if (!err)
		err = numbers(line, BATCH, "1,128", 1, BENCH_BATCH_MAX, &sweep->batches);
	if (!err)
		err = words(line, PATTERN, "all", bench_pattern_names, BENCH_PATTERNS,
			    &sweep->patterns);
	if (!err)
		err = words(line, POLICY, "linux", bench_policy_names, BENCH_POLICIES,
			    &sweep->policies);
	if (!err)
		err = words(line, CACHE, "on", bench_cache_names, 2, &sweep->caches);
	if (!err)
		err = numbers(line, MAGAZINE, "127", MAGAZINE_MIN, MAGAZINE_MAX, &sweep->magazines);
	if (!err)
		err = numbers(line, DEPOT, "0", 0, DEPOT_MAX, &sweep->depots);
	return err;
}

static int parse_plan(const struct command_line *line, struct bench_sweep *sweep)
{
	const bool preset = line->text[PRESET];
	uint64_t samples = 0, ms = 0;
	int err = one(line, LIVE, "65536", 1, LIVE_MAX, &sweep->live);

	if (!err)
		err = one(line, SAMPLES, preset ? "15" : "7", preset ? TARGET_SAMPLES : 1,
			  BENCH_SAMPLES_MAX, &samples);
	if (!err)
		err = one(line, MS, "20", 1, 10000, &ms);
	if (err)
		return err;
	sweep->limit = WIDE_LIMIT;
	sweep->plan = (struct bench_plan){.samples = (unsigned)samples, .sample_ns = ms * 1000000u};
	return 0;
}

static int parse(struct command_line *line, struct bench_sweep *sweep)
{
	int err = take_options(line);

	if (!err)
		err = check_preset(line);
	if (!err)
		err = parse_lists(line, sweep);
	return err ? err : parse_plan(line, sweep);
}

static int run(const struct command_line *line, struct bench_sweep *sweep)
{
	struct json_file json;
	struct json_file *to = line->text[JSON] ? &json : NULL;
	int status;

	if (to && json_file_open(to, line->text[JSON]))
		return EXIT_USAGE;
	status = line->text[PRESET] ? presets[find_preset(line->text[PRESET])].run(&sweep->plan, to)
				    : bench_sweep_run(sweep, to);
	if (to && json_file_close(to))
		status = EXIT_USAGE;
	return status;
}

int bench_iova_main(int argc, const char **argv)
{
	struct command_line line = {.text = {NULL}};
	struct bench_sweep sweep = {.left_out = 0};
	int status;

	line.context = poptGetContext("dmapool bench iova", argc, argv, options, 0);
	poptSetOtherOptionHelp(line.context, about);
	status = parse(&line, &sweep);
	if (!status)
		status = run(&line, &sweep);
	for (unsigned i = 0; i < NOPTIONS; i++)
		free(line.text[i]);
	poptFreeContext(line.context);
	return status;
}
