// SPDX-License-Identifier: MIT
/*
 * pair.c - a program that measures one thing beside the floor and says so in one line
 *
 *   pair-X time BATCH SAMPLES NANOSECONDS     "ours floor ratio lost": CPU ns a pair, the ratio
 *                                             of both, the share of time that others had;
 *                                             medians
 *   pair-X count BATCH ROUNDS ours|floor      nothing: somebody counts its instructions; the
 *                                             rounds are done twice
 *
 * Why programs of their own: the way a library is linked, and whose malloc it is, are of the
 * whole process.  Exit status: 0, 1 it could not be measured, 2 these are no such arguments.
 */
#include "bench_child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int time_it(const struct bench_job *jobs, const struct bench_plan *plan)
{
	static struct bench_result results[2];
	unsigned n = plan->samples;

	if (bench_run(plan, jobs, 2, results))
		return 1;
	printf("%.4f %.4f %.4f %.4f\n", bench_median(results[0].cpu, n),
	       bench_median(results[1].cpu, n), bench_ratio(results[0].cpu, results[1].cpu, n),
	       bench_median(results[0].lost, n));
	return 0;
}

/* A number from 1 to @most; 0: it is none. */
static uint64_t number(const char *text, uint64_t most)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	return errno || *end || *text == '-' || n > most ? 0 : n;
}

/* What is asked for; false: nothing that can be. */
static bool parse(int argc, char **argv, struct bench_plan *plan, unsigned *batch, bool *floor)
{
	bool timed = argc == 5 && strcmp(argv[1], "time") == 0;

	if (argc != 5 || (!timed && strcmp(argv[1], "count") != 0))
		return false;
	*batch = (unsigned)number(argv[2], BENCH_BATCH_MAX);
	*floor = strcmp(argv[4], "floor") == 0;
	*plan = (struct bench_plan){.samples = 1};
	if (timed) {
		plan->samples = (unsigned)number(argv[3], BENCH_SAMPLES_MAX);
		plan->sample_ns = number(argv[4], UINT64_C(10000000000));
		return *batch && plan->samples && plan->sample_ns;
	}
	plan->rounds = number(argv[3], BENCH_ROUNDS_MAX);
	return *batch && plan->rounds && (*floor || strcmp(argv[4], "ours") == 0);
}

int pair_main(int argc, char **argv, const struct bench_subject *subject)
{
	static struct bench_result result;
	struct bench_plan plan;
	unsigned batch;
	bool floor;
	void *shared;
	int status;

	if (!parse(argc, argv, &plan, &batch, &floor)) {
		fprintf(stderr,
			"%s: should be: time BATCH SAMPLES NS, or count BATCH ROUNDS ours|floor\n",
			argv[0]);
		return 2;
	}
	shared = subject->open(batch);
	if (!shared)
		return 1;

	struct bench_job jobs[] = {{subject->work(), shared, 1}, {&bench_floor, &batch, 1}};

	status = plan.rounds ? bench_run(&plan, &jobs[floor], 1, &result) != 0
			     : time_it(jobs, &plan);
	subject->close(shared);
	return status;
}
