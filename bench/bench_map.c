// SPDX-License-Identifier: MIT
/*
 * bench_map.c - `dmapool bench map`: the command line
 *
 *    argv -> texts -> numbers and lists -> a sweep over all combinations, or the targets
 *
 * Letters are those of the kernel's map_benchmark, with its ranges; what it does not have is said
 * in words.  Where it takes one number a list will do, too.
 */
#include "bench_line.h"
#include "bench_map.h"
#include "command.h"

#include <dmapool/bits.h>

#include <stdio.h>
#include <string.h>

#define SECONDS_MAX 300u
#define QUEUES_MAX  4096u
#define NODE_MAX    1023u
#define ROUNDS_MAX  1000000000u

/* A target is the median of as many samples at least. */
#define TARGET_SAMPLES 9u

enum option {
	THREADS,
	SECONDS,
	NODE,
	BITS,
	DIRECTION,
	TRANSFER,
	GRANULE,
	ROUTE,
	FLUSH,
	PROFILE,
	COSTS,
	BATCH,
	MIX,
	ENTRIES,
	SLOTS,
	QUEUES,
	SPLIT,
	ROUNDS,
	SAMPLES,
	MS,
	PRESET,
	JSON,
};

static const char about[] = "[OPTION...]\n"
			    "\n"
			    "Two rows for every combination of the lists: ns of a dmp_dma_map() "
			    "and of a dmp_dma_unmap(),\n"
			    "on a simulated machine.  Each thread writes a buffer if the device is "
			    "to read it, maps it,\n"
			    "waits for the transfer, and unmaps it, as the kernel's map_benchmark "
			    "does, whose three lines\n"
			    "are the last.";

static const struct poptOption options[] = {
	BENCH_OPTION("threads", 't', THREADS, "1 to 1024 (default: 1)", "LIST"),
	BENCH_OPTION("seconds", 's', SECONDS, "of each case, 1 to 300 (default: 1)", "N"),
	BENCH_OPTION("node", 'n', NODE,
		     "NUMA node whose CPUs run the threads, -1: any (default: -1)", "N"),
	BENCH_OPTION("bits", 'b', BITS, "of the device's mask, 20 to 64 (default: 32)", "N"),
	BENCH_OPTION("direction", 'd', DIRECTION,
		     "0: both, 1: to the device, 2: from it (default: 0)", "LIST"),
	BENCH_OPTION("transfer", 'x', TRANSFER,
		     "ns between map and unmap, up to 10000000 (default: 0)", "N"),
	BENCH_OPTION("granule", 'g', GRANULE, "pages of 4 KiB of a buffer, 1 to 1024 (default: 1)",
		     "LIST"),
	BENCH_OPTION("route", 0, ROUTE,
		     "direct, swiotlb, iommu, iommu+bounce or all (default: iommu)", "LIST"),
	BENCH_OPTION("flush", 0, FLUSH,
		     "when an IOMMU forgets: strict, lazy, lazy-single, on-reuse, manual, guest, "
		     "passthrough or all (default: strict)",
		     "LIST"),
	BENCH_OPTION("profile", 0, PROFILE, "what the machine costs (default: free)", "NAME|FILE"),
	BENCH_OPTION("costs", 0, COSTS,
		     "counted: told beside the times; spun: waited for, and in them (default: "
		     "counted)",
		     "HOW"),
	BENCH_OPTION("batch", 0, BATCH, "maps, then as many unmaps, up to 1024 (default: 1)",
		     "LIST"),
	BENCH_OPTION("mix", 0, MIX,
		     "bytes of buffers and how often each comes, as in 512:3,4k,64k; instead of "
		     "--granule",
		     "SIZE[:WEIGHT],..."),
	BENCH_OPTION("entries", 0, ENTRIES, "of a scatter list, up to 256; 0: no list (default: 0)",
		     "LIST"),
	BENCH_OPTION("slots", 0, SLOTS, "of the bounce pool, a power of two (default: 32768)", "N"),
	BENCH_OPTION("queues", 0, QUEUES,
		     "of invalidations, a CPU's by its number, up to 4096; 0: as the profile says, "
		     "else 1 (default: 0)",
		     "N"),
	BENCH_OPTION("split", 0, SPLIT, "yes: measure the parts of a pair as well (default: no)",
		     "yes|no"),
	BENCH_OPTION("rounds", 0, ROUNDS,
		     "batches of a thread in each sample, instead of --seconds", "N"),
	BENCH_OPTION("samples", 0, SAMPLES,
		     "that the time is divided into (default: 10; of the targets 15)", "N"),
	BENCH_OPTION("ms", 'm', MS, "of a sample of the targets (default: 20)", "N"),
	BENCH_OPTION("preset", 0, PRESET,
		     "targets: the bounds that this library has set itself; status 1 if one is "
		     "missed",
		     "NAME"),
	BENCH_OPTION("json", 'j', JSON, "write the figures there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

/* Lists. */
static int parse_lists(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	int err = bench_line_numbers(line, THREADS, "1", 1, BENCH_THREADS_MAX, &sweep->threads);

	if (!err)
		err = bench_line_numbers(line, GRANULE, "1", 1, BENCH_MAP_PAGES_MAX,
					 &sweep->granules);
	if (!err)
		err = bench_line_numbers(line, DIRECTION, "0", DMP_BIDIRECTIONAL, DMP_FROM_DEVICE,
					 &sweep->directions);
	if (!err)
		err = bench_line_words(line, ROUTE, "iommu", bench_map_route_names,
				       BENCH_MAP_ROUTES, &sweep->routes);
	if (!err)
		err = bench_line_words(line, FLUSH, "strict", bench_map_flush_names,
				       BENCH_MAP_FLUSHES, &sweep->flushes);
	if (!err)
		err = bench_line_numbers(line, BATCH, "1", 1, BENCH_MAP_BATCH_MAX, &sweep->batches);
	if (!err)
		err = bench_line_numbers(line, ENTRIES, "0", 0, BENCH_MAP_ENTRIES_MAX,
					 &sweep->entries);
	return err;
}

static int parse_mix(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	sweep->mixed = line->text[MIX];
	if (!sweep->mixed)
		return 0;
	if (line->text[GRANULE])
		return complain("--mix says how long buffers are; leave out --granule");
	return bench_mix_parse("--mix", line->text[MIX],
			       (uint64_t)BENCH_MAP_PAGES_MAX << DMP_PAGE_SHIFT, &sweep->rest.mix);
}

/* -1 is the kernel's word for any. */
static int parse_node(const struct bench_line *line, int *node)
{
	uint64_t n = 0;
	int err;

	*node = -1;
	if (!line->text[NODE] || strcmp(line->text[NODE], "-1") == 0)
		return 0;
	if (line->text[NODE][0] == '-')
		return complain("--node: '%s' should be a number from 0 to %u, or -1 for any",
				line->text[NODE], NODE_MAX);
	err = bench_line_one(line, NODE, NULL, 0, NODE_MAX, &n);
	*node = (int)n;
	return err;
}

static int parse_slots(const struct bench_line *line, uint64_t *slots)
{
	int err = bench_line_one(line, SLOTS, "32768", 512, 1u << 19, slots);

	if (!err && !dmp_is_pow2(*slots))
		return complain("--slots: %llu is no power of two; try %llu",
				(unsigned long long)*slots,
				(unsigned long long)dmp_pow2_ceil(*slots));
	return err;
}

/* What is the same in all cases. */
static int parse_case(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	struct bench_map_case *rest = &sweep->rest;
	uint64_t bits = 0, queues = 0;
	int err = bench_line_one(line, BITS, "32", BENCH_MAP_BITS_MIN, BENCH_MAP_BITS_MAX, &bits);

	rest->mask_bits = (unsigned)bits;
	rest->profile = line->text[PROFILE];
	if (!err)
		err = bench_line_one(line, TRANSFER, "0", 0, BENCH_MAP_WAIT_MAX,
				     &rest->transfer_ns);
	if (!err)
		err = parse_slots(line, &rest->slots);
	if (!err)
		err = bench_line_one(line, QUEUES, "0", 0, QUEUES_MAX, &queues);
	rest->queues = (unsigned)queues;
	if (!err)
		err = parse_node(line, &sweep->node);
	return err ? err : parse_mix(line, sweep);
}

/* One of two words, the first if none is given: which. */
static int parse_choice(const struct bench_line *line, unsigned option, const char *const words[2],
			bool *second)
{
	unsigned which = 0;
	int err = bench_line_choice(line, option, words[0], words, 2, &which);

	*second = which == 1;
	return err;
}

static int parse_split(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	int err = parse_choice(line, COSTS, (const char *const[]){"counted", "spun"},
			       &sweep->rest.spun);

	if (!err)
		err = parse_choice(line, SPLIT, (const char *const[]){"no", "yes"}, &sweep->split);
	if (err || !sweep->split)
		return err;
	if (sweep->rest.spun)
		return complain("--split measures the library; leave out --costs spun");
	for (unsigned i = 0; i < sweep->entries.count; i++)
		if (sweep->entries.value[i] || sweep->rest.mix.count > 1)
			return complain("--split goes with buffers of one size; leave out "
					"--entries, and --mix of several");
	return 0;
}

/* How long: by time or by rounds. */
static int parse_time(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	uint64_t seconds = 0, samples = 0;
	int err = bench_line_one(line, SAMPLES, "10", 1, BENCH_SAMPLES_MAX, &samples);

	if (line->text[MS])
		return complain("--ms goes with --preset targets; use --seconds");
	if (line->text[ROUNDS] && line->text[SECONDS])
		return complain("--rounds and --seconds both say how long; leave out one");
	if (!err && line->text[ROUNDS])
		err = bench_line_one(line, ROUNDS, NULL, 1, ROUNDS_MAX, &sweep->plan.rounds);
	else if (!err)
		err = bench_line_one(line, SECONDS, "1", 1, SECONDS_MAX, &seconds);
	sweep->seconds = (unsigned)seconds;
	sweep->plan.samples = (unsigned)samples;
	sweep->plan.sample_ns = err ? 0 : seconds * 1000000000u / samples;
	return err;
}

static int parse_targets(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	int err;

	if (strcmp(line->text[PRESET], "targets") != 0)
		return complain("'%s' is no preset; try targets", line->text[PRESET]);
	err = bench_line_refuse_beside_preset(line, SAMPLES);
	return err ? err : bench_line_plan(line, SAMPLES, MS, "15", TARGET_SAMPLES, &sweep->plan);
}

static int parse_sweep(const struct bench_line *line, struct bench_map_sweep *sweep)
{
	int err = parse_lists(line, sweep);

	if (!err)
		err = parse_case(line, sweep);
	if (!err)
		err = parse_split(line, sweep);
	return err ? err : parse_time(line, sweep);
}

/* What is to be run. */
struct task {
	struct bench_map_sweep sweep;
	bool targets; /* with the sweep's plan */
};

static int run(void *of, struct json_file *json)
{
	struct task *task = of;

	return task->targets ? bench_map_targets(&task->sweep.plan, json)
			     : bench_map_sweep_run(&task->sweep, json);
}

int bench_map_main(int argc, const char **argv)
{
	struct bench_line line;
	struct task task = {.targets = false};
	int status = bench_line_open(&line, argc, argv, options, about);

	task.targets = line.text[PRESET];
	if (!status)
		status = task.targets ? parse_targets(&line, &task.sweep)
				      : parse_sweep(&line, &task.sweep);
	if (!status)
		status = bench_line_run(&line, JSON, run, &task);
	bench_line_close(&line);
	return status;
}
