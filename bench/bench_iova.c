// SPDX-License-Identifier: MIT
/*
 * bench_iova.c - `dmapool bench iova`: the command line
 *
 *    argv -> texts -> numbers and lists -> a sweep over all combinations, or a preset
 */
#include "bench_line.h"
#include "bench_range.h"
#include "bench_sweep.h"
#include "bench_target.h"
#include "command.h"

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
};

static const char about[] =
	"[OPTION...]\n"
	"\n"
	"A row for every combination of the lists.  A pair is one allocation and the free of\n"
	"it: ns is the time that passed, divided by the pairs of all threads; CPU ns what all\n"
	"threads have computed.  The floor is an array of the thread's own, or a ring between\n"
	"two threads where ranges are passed on.";

static const struct poptOption options[] = {
	BENCH_OPTION("threads", 't', THREADS, "(default: 1,2)", "LIST"),
	BENCH_OPTION("size", 's', SIZE, "granules (default: 1)", "LIST"),
	BENCH_OPTION("batch", 'b', BATCH, "allocations before the frees (default: 1,128)", "LIST"),
	BENCH_OPTION("pattern", 'p', PATTERN,
		     "same, lifo, pass, gather, random or all (default: all)", "LIST"),
	BENCH_OPTION("policy", 'P', POLICY, "linux, gap, bitmap, chunk or all (default: linux)",
		     "LIST"),
	BENCH_OPTION("cache", 'c', CACHE, "on, off or all (default: on)", "LIST"),
	BENCH_OPTION("magazine", 'M', MAGAZINE, "ranges in a magazine, 7 to 1023 (default: 127)",
		     "LIST"),
	BENCH_OPTION("depot", 'd', DEPOT,
		     "magazines that a depot keeps; 0: any number, reclaimed in the background "
		     "(default: 0)",
		     "LIST"),
	BENCH_OPTION("live", 'l', LIVE, "ranges that pattern random replaces (default: 65536)",
		     "N"),
	BENCH_OPTION("samples", 'n', SAMPLES,
		     "of each case; figures are medians (default: 7; of a preset 15)", "N"),
	BENCH_OPTION("ms", 'm', MS, "of a sample (default: 20)", "N"),
	BENCH_OPTION(
		"preset", 0, PRESET,
		"targets: the bounds that this library has set itself; growth: what live ranges "
		"cost; status 1 if a bound is missed",
		"NAME"),
	BENCH_OPTION("json", 'j', JSON, "write the figures there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

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
static int check_preset(const struct bench_line *line)
{
	if (!line->text[PRESET])
		return 0;
	if (find_preset(line->text[PRESET]) == NPRESETS)
		return complain("'%s' is no preset; try targets or growth", line->text[PRESET]);
	return bench_line_refuse_beside_preset(line, SAMPLES);
}

static int parse_lists(const struct bench_line *line, struct bench_sweep *sweep)
{
	int err = bench_line_numbers(line, THREADS, "1,2", 1, BENCH_THREADS_MAX, &sweep->threads);

	if (!err)
		err = bench_line_numbers(line, SIZE, "1", 1, GRANULES_MAX, &sweep->sizes);
	if (!err)
		err = bench_line_numbers(line, BATCH, "1,128", 1, BENCH_BATCH_MAX, &sweep->batches);
	if (!err)
		err = bench_line_words(line, PATTERN, "all", bench_pattern_names, BENCH_PATTERNS,
				       &sweep->patterns);
	if (!err)
		err = bench_line_words(line, POLICY, "linux", bench_policy_names, BENCH_POLICIES,
				       &sweep->policies);
	if (!err)
		err = bench_line_words(line, CACHE, "on", bench_cache_names, 2, &sweep->caches);
	if (!err)
		err = bench_line_numbers(line, MAGAZINE, "127", MAGAZINE_MIN, MAGAZINE_MAX,
					 &sweep->magazines);
	if (!err)
		err = bench_line_numbers(line, DEPOT, "0", 0, DEPOT_MAX, &sweep->depots);
	if (!err)
		err = bench_line_one(line, LIVE, "65536", 1, LIVE_MAX, &sweep->live);
	return err;
}

static int parse(const struct bench_line *line, struct bench_sweep *sweep)
{
	const bool preset = line->text[PRESET];
	int err = check_preset(line);

	if (!err)
		err = parse_lists(line, sweep);
	sweep->limit = WIDE_LIMIT;
	return err ? err
		   : bench_line_plan(line, SAMPLES, MS, preset ? "15" : "7",
				     preset ? TARGET_SAMPLES : 1, &sweep->plan);
}

/* What is to be run: a sweep, or a preset with its plan. */
struct task {
	struct bench_sweep sweep;
	const char *preset; /* NULL: the sweep */
};

static int run(void *of, struct json_file *json)
{
	struct task *task = of;

	return task->preset ? presets[find_preset(task->preset)].run(&task->sweep.plan, json)
			    : bench_sweep_run(&task->sweep, json);
}

int bench_iova_main(int argc, const char **argv)
{
	struct bench_line line;
	struct task task = {.preset = NULL};
	int status = bench_line_open(&line, argc, argv, options, about);

	if (!status)
		status = parse(&line, &task.sweep);
	task.preset = line.text[PRESET];
	if (!status)
		status = bench_line_run(&line, JSON, run, &task);
	bench_line_close(&line);
	return status;
}
