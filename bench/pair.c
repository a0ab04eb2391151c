// SPDX-License-Identifier: MIT
/*
 * pair.c - a program that measures one thing beside the floor and says so in one line
 *
 *   pair-X time BATCH SAMPLES NANOSECONDS     "ours floor ratio": CPU ns a pair, medians
 *   pair-X count BATCH ROUNDS ours|floor      nothing: somebody counts its instructions
 *
 * Why programs of their own: the way a library is linked, and whose malloc it is, are of the
 * whole process.
 */
#include "bench_child.h"

#include <stdlib.h>
#include <string.h>

static int time_it(const struct bench_job *jobs, const struct bench_plan *plan)
{
	static struct bench_result results[2];

	if (bench_run(plan, jobs, 2, results))
		return 1;
	printf("%.4f %.4f %.4f\n", bench_median(results[0].cpu, results[0].samples),
	       bench_median(results[1].cpu, results[1].samples),
	       bench_ratio(results[0].cpu, results[1].cpu, results[0].samples));
	return 0;
}

int pair_main(int argc, char **argv, const struct bench_subject *subject)
{
	unsigned batch = argc == 5 ? (unsigned)atoi(argv[2]) : 0;
	uint64_t number = argc == 5 ? strtoull(argv[3], NULL, 10) : 0;
	void *shared = batch > 0 && batch <= BENCH_BATCH_MAX ? subject->open(batch) : NULL;
	struct bench_job jobs[] = {{subject->work(), shared, 1}, {&bench_floor, &batch, 1}};
	struct bench_plan plan = {.samples = 1};
	static struct bench_result result;
	int status = 1;

	if (shared && strcmp(argv[1], "time") == 0) {
		plan.samples = (unsigned)number;
		plan.sample_ns = strtoull(argv[4], NULL, 10);
		status = time_it(jobs, &plan);
	} else if (shared && strcmp(argv[1], "count") == 0) {
		plan.rounds = number;
		status = bench_run(&plan, &jobs[strcmp(argv[4], "floor") == 0], 1, &result) != 0;
	}
	if (shared)
		subject->close(shared);
	return status;
}
