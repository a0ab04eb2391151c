// SPDX-License-Identifier: MIT
/*
 * bench_swiotlb.c - `dmapool bench swiotlb`: the command line
 *
 *    argv -> texts -> numbers and lists -> a sweep over all combinations, or the targets
 *
 * A preset is a sweep whose lists are given here, but for the targets.
 */
#include "bench_bounce_sweep.h"
#include "bench_fill.h"
#include "bench_line.h"
#include "bench_target.h"
#include "command.h"

#include <string.h>

#define SLOTS_MAX   (UINT64_C(1) << 21) /* 4 GiB, as often as there are rings */
#define PERCENT_MAX 99u

/* A target is the median of as many samples at least. */
#define TARGET_SAMPLES 9u

enum option {
	THREADS,
	AREAS,
	SIZE,
	DIRECTION,
	PERCENT,
	PATTERN,
	POLICY,
	COPY,
	SLOTS,
	SAMPLES,
	MS,
	PRESET,
	JSON,
};

static const char about[] =
	"[OPTION...]\n"
	"\n"
	"A row for every combination of the lists.  A pair is one map and its unmap: ns is the\n"
	"time that passed, divided by the pairs of all threads; CPU ns what all threads have\n"
	"computed; GB/s the bytes of the buffers.  The floor is memcpy over rings as large as\n"
	"the pool, in the same order; without the copy an array of the thread's own.  malloc,\n"
	"memcpy and free of glibc and of jemalloc follow.";

static const struct poptOption options[] = {
	BENCH_OPTION("threads", 't', THREADS, "(default: 1,2)", "LIST"),
	BENCH_OPTION("areas", 'a', AREAS, "that the pool is split into, powers of two (default: 2)",
		     "LIST"),
	BENCH_OPTION("size", 's', SIZE, "bytes, up to 262144 (default: 512,4096,65536,262144)",
		     "LIST"),
	BENCH_OPTION("direction", 'd', DIRECTION, "to, from, both or all (default: to)", "LIST"),
	BENCH_OPTION("occupancy", 'o', PERCENT,
		     "per cent of the slots that others use, 0 to 99 (default: 0)", "LIST"),
	BENCH_OPTION("pattern", 'p', PATTERN,
		     "of those slots: random, segments or all (default: random)", "LIST"),
	BENCH_OPTION("policy", 'P', POLICY,
		     "linux, lifo, warm, round_robin or all (default: linux)", "LIST"),
	BENCH_OPTION("copy", 'c', COPY, "on, off or all (default: all)", "LIST"),
	BENCH_OPTION("slots", 'S', SLOTS, "of the pool, a power of two (default: 32768)", "N"),
	BENCH_OPTION("samples", 'n', SAMPLES,
		     "of each case; figures are medians (default: 7; of the targets 15)", "N"),
	BENCH_OPTION("ms", 'm', MS, "of a sample (default: 20)", "N"),
	BENCH_OPTION("preset", 0, PRESET,
		     "small: 1 thread, 4 KiB; big: 1 thread, 64 KiB; 4way: 4 threads, 4 KiB; each "
		     "policy and direction; targets: the bounds that this library has set itself, "
		     "status 1 if one is missed",
		     "NAME"),
	BENCH_OPTION("json", 'j', JSON, "write the figures there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

/* Lists that stand for those that are not given. */
struct preset {
	const char *name;
	const char *threads, *areas, *sizes, *directions, *policies;
};

static const struct preset defaults = {.threads = "1,2",
				       .areas = "2",
				       .sizes = "512,4096,65536,262144",
				       .directions = "to",
				       .policies = "linux"};

static const struct preset presets[] = {
	{"small", "1", "1", "4096", "all", "all"},
	{"big", "1", "1", "65536", "all", "all"},
	{"4way", "4", "4", "4096", "all", "all"},
};

#define NPRESETS (sizeof(presets) / sizeof(presets[0]))

static bool is_targets(const struct bench_line *line)
{
	return line->text[PRESET] && strcmp(line->text[PRESET], "targets") == 0;
}

/* NULL: it is none of those with lists. */
static const struct preset *find_preset(const char *name)
{
	for (size_t i = 0; i < NPRESETS; i++)
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
	return NULL;
}

static int check_preset(const struct bench_line *line)
{
	if (!line->text[PRESET])
		return 0;
	if (!is_targets(line) && !find_preset(line->text[PRESET]))
		return complain("'%s' is no preset; try small, big, 4way or targets",
				line->text[PRESET]);
	return bench_line_refuse_beside_preset(line, SAMPLES);
}

/* Numbers that are powers of two. */
static int powers(const struct bench_line *line, unsigned option, const char *otherwise,
		  uint64_t least, uint64_t most, struct bench_list *list)
{
	int err = bench_line_numbers(line, option, otherwise, least, most, list);

	for (unsigned i = 0; !err && i < list->count; i++)
		if (list->value[i] & (list->value[i] - 1))
			return complain("--%s: %llu is no power of two",
					line->options[option].longName,
					(unsigned long long)list->value[i]);
	return err;
}

static int parse_slots(const struct bench_line *line, struct bench_bounce_sweep *sweep)
{
	struct bench_list list = {.count = 0};
	int err = powers(line, SLOTS, "32768", DMP_SWIOTLB_SEGMENT_SLOTS, SLOTS_MAX, &list);

	if (!err && list.count != 1)
		return complain("--slots takes one number");
	sweep->slots = list.value[0];
	return err;
}

static int parse_lists(const struct bench_line *line, const struct preset *otherwise,
		       struct bench_bounce_sweep *sweep)
{
	int err = bench_line_numbers(line, THREADS, otherwise->threads, 1, BENCH_THREADS_MAX,
				     &sweep->threads);

	if (!err)
		err = powers(line, AREAS, otherwise->areas, 1,
			     SLOTS_MAX / DMP_SWIOTLB_SEGMENT_SLOTS, &sweep->areas);
	if (!err)
		err = bench_line_numbers(line, SIZE, otherwise->sizes, 1, DMP_SWIOTLB_MAX_BYTES,
					 &sweep->sizes);
	if (!err)
		err = bench_line_words(line, DIRECTION, otherwise->directions,
				       bench_bounce_direction_names, BENCH_BOUNCE_DIRECTIONS,
				       &sweep->directions);
	if (!err)
		err = bench_line_numbers(line, PERCENT, "0", 0, PERCENT_MAX, &sweep->percents);
	if (!err)
		err = bench_line_words(line, PATTERN, "random", bench_fill_names, BENCH_FILL_NAMES,
				       &sweep->patterns);
	if (!err)
		err = bench_line_words(line, POLICY, otherwise->policies, bench_bounce_policy_names,
				       BENCH_BOUNCE_POLICIES, &sweep->policies);
	if (!err)
		err = bench_line_words(line, COPY, "all", bench_bounce_copy_names, 2,
				       &sweep->copies);
	return err ? err : parse_slots(line, sweep);
}

static int parse(const struct bench_line *line, struct bench_bounce_sweep *sweep)
{
	const bool targets = is_targets(line);
	const struct preset *otherwise = line->text[PRESET] ? find_preset(line->text[PRESET])
							    : NULL;
	int err = check_preset(line);

	if (!err)
		err = parse_lists(line, otherwise ? otherwise : &defaults, sweep);
	return err ? err
		   : bench_line_plan(line, SAMPLES, MS, targets ? "15" : "7",
				     targets ? TARGET_SAMPLES : 1, &sweep->plan);
}

/* What is to be run. */
struct task {
	struct bench_bounce_sweep sweep;
	bool targets; /* with the sweep's plan */
};

static int run(void *of, struct json_file *json)
{
	struct task *task = of;

	return task->targets ? bench_swiotlb_targets(&task->sweep.plan, json)
			     : bench_bounce_sweep_run(&task->sweep, json);
}

int bench_swiotlb_main(int argc, const char **argv)
{
	struct bench_line line;
	struct task task = {.targets = false};
	int status = bench_line_open(&line, argc, argv, options, about);

	if (!status)
		status = parse(&line, &task.sweep);
	task.targets = is_targets(&line);
	if (!status)
		status = bench_line_run(&line, JSON, run, &task);
	bench_line_close(&line);
	return status;
}
