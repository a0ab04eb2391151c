// SPDX-License-Identifier: MIT
/*
 * pair.c - a program that measures one thing beside the floor and says so in one line
 *
 *   pair-X time N SAMPLES NANOSECONDS [THREADS]
 *                        "ours floor ratio lost wall": CPU ns a pair, the ratio of both, the
 *                        share of time that others had, ns by the clock on the wall; medians
 *   pair-X count N ROUNDS ours|floor
 *                        nothing: somebody counts its instructions; the rounds are done twice
 *
 * N is a batch, or bytes: the program knows.  Why programs of their own: the way a library is
 * linked, and whose malloc it is, are of the whole process.  Exit status: 0, 1 it could not be
 * measured, 2 these are no such arguments.
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
	printf("%.4f %.4f %.4f %.4f %.4f\n", bench_median(results[0].cpu, n),
	       bench_median(results[1].cpu, n), bench_ratio(results[0].cpu, results[1].cpu, n),
	       bench_median(results[0].lost, n), bench_median(results[0].wall, n));
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

/* What is asked for. */
struct request {
	struct bench_plan plan;
	unsigned n, nthreads;
	bool floor; /* to be counted */
};

/* False: nothing that can be. */
static bool parse_time(int argc, char **argv, struct request *r)
{
	r->plan.samples = (unsigned)number(argv[3], BENCH_SAMPLES_MAX);
	r->plan.sample_ns = number(argv[4], UINT64_C(10000000000));
	if (argc == 6)
		r->nthreads = (unsigned)number(argv[5], BENCH_THREADS_MAX);
	return r->plan.samples && r->plan.sample_ns && r->nthreads;
}

static bool parse_count(int argc, char **argv, struct request *r)
{
	r->floor = strcmp(argv[4], "floor") == 0;
	r->plan = (struct bench_plan){.samples = 1, .rounds = number(argv[3], BENCH_ROUNDS_MAX)};
	return argc == 5 && r->plan.rounds && (r->floor || strcmp(argv[4], "ours") == 0);
}

static bool parse(int argc, char **argv, unsigned most, struct request *r)
{
	*r = (struct request){.nthreads = 1};
	if (argc < 5 || argc > 6)
		return false;
	r->n = (unsigned)number(argv[2], most ? most : BENCH_BATCH_MAX);
	if (r->n == 0)
		return false;
	if (strcmp(argv[1], "time") == 0)
		return parse_time(argc, argv, r);
	return strcmp(argv[1], "count") == 0 && parse_count(argc, argv, r);
}

static int measure(struct request *r, const struct bench_subject *subject, void *shared)
{
	static struct bench_result result;
	const struct bench_job array = {&bench_floor, &r->n, 1};
	const struct bench_job other = {subject->floor, shared, r->nthreads};
	const struct bench_job jobs[] = {{subject->work(), shared, r->nthreads},
					 subject->floor ? other : array};

	return r->plan.rounds ? bench_run(&r->plan, &jobs[r->floor], 1, &result) != 0
			      : time_it(jobs, &r->plan);
}

int pair_main(int argc, char **argv, const struct bench_subject *subject)
{
	struct request r;
	void *shared;
	int status;

	if (!parse(argc, argv, subject->most, &r)) {
		fprintf(stderr,
			"%s: should be: time N SAMPLES NS [THREADS], or count N ROUNDS "
			"ours|floor\n",
			argv[0]);
		return 2;
	}
	shared = subject->open(r.n, r.nthreads);
	if (!shared)
		return 1;
	status = measure(&r, subject, shared);
	subject->close(shared);
	return status;
}
