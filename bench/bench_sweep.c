// SPDX-License-Identifier: MIT
/*
 * bench_sweep.c - every combination of what `dmapool bench iova` was asked for
 *
 *   pattern x policy x cache x size x batch x threads      a case: a row of the table
 *
 * A case is measured beside the floor of its batch, which does what the case does with an array
 * of the thread's own, and beside a ring where threads pass ranges on: "x floor" is the median
 * of the ratios sample by sample.  What makes no sense together (one thread that passes to
 * nobody, a cache before a policy that defers reuse, a batch of a pattern that has none) is left
 * out, and how much that was is said in one line.
 */
#include "bench_sweep.h"
#include "bench_range.h"
#include "bench_ring.h"
#include "command.h"
#include "json_file.h"
#include "progress.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_policy_names[BENCH_POLICIES] = {"linux", "gap", "bitmap", "chunk"};
const char *const bench_cache_names[2] = {"off", "on"};

static const struct dmp_iova_policy *const policies[BENCH_POLICIES] = {
	&dmp_iova_policy_linux, &dmp_iova_policy_gap, &dmp_iova_policy_bitmap,
	&dmp_iova_policy_chunk};

/* One combination, measured. */
struct measured {
	const struct bench_range_case *use;
	unsigned policy, nthreads;
	bool with_ring; /* the floor is a ring */
	struct bench_result ours, floor;
};

static void print_head(FILE *to)
{
	fprintf(to, "%-7s %-6s %-5s %5s %6s %7s %8s %8s %7s %6s %8s %7s\n", "pattern", "policy",
		"cache", "size", "batch", "threads", "ns", "CPU ns", "spread", "cores", "pairs/s",
		"x floor");
}

static double ratio(const struct measured *m)
{
	const double *ours = m->with_ring ? m->ours.wall : m->ours.cpu;
	const double *floor = m->with_ring ? m->floor.wall : m->floor.cpu;

	return bench_ratio(ours, floor, m->ours.samples);
}

static void print_row(FILE *to, const struct measured *m)
{
	double wall = bench_median(m->ours.wall, m->ours.samples);

	fprintf(to, "%-7s %-6s %-5s %5llu %6u %7u %8.1f %8.1f %6.1f%% %6.2f %6.1f M %7.1f%s\n",
		bench_pattern_names[m->use->pattern], bench_policy_names[m->policy],
		bench_cache_names[m->use->cached], (unsigned long long)m->use->size, m->use->batch,
		m->nthreads, wall, bench_median(m->ours.cpu, m->ours.samples),
		100 * bench_spread(m->ours.cpu, m->ours.samples), bench_cores(&m->ours), 1e3 / wall,
		ratio(m), m->nthreads > bench_cpus() ? "  more threads than cores" : "");
	fflush(to);
}

static json_t *measured_json(const struct measured *m)
{
	const struct bench_result *r = &m->ours;

	return json_pack(
		"{s:s, s:s, s:b, s:I, s:i, s:i, s:I, s:f, s:f, s:f, s:f, s:f, s:s, s:i, s:b}",
		"pattern", bench_pattern_names[m->use->pattern], "policy",
		bench_policy_names[m->policy], "cached", (int)m->use->cached, "size",
		(json_int_t)m->use->size, "batch", (int)m->use->batch, "threads", (int)m->nthreads,
		"live", (json_int_t)m->use->live, "wall_ns", bench_median(r->wall, r->samples),
		"cpu_ns", bench_median(r->cpu, r->samples), "cpu_spread",
		bench_spread(r->cpu, r->samples), "cores", bench_cores(r), "x_floor", ratio(m),
		"floor", m->with_ring ? "ring" : "array", "samples", (int)r->samples,
		"more_threads_than_cores", m->nthreads > bench_cpus());
}

static int complain_of_case(const struct measured *m, int err)
{
	progress_clear();
	return complain("pattern %s, policy %s, %u threads: %s",
			bench_pattern_names[m->use->pattern], bench_policy_names[m->policy],
			m->nthreads, strerror(-err));
}

/* Beside its floor. */
static int run_beside(const struct bench_sweep *sweep, struct measured *m,
		      struct bench_range *range)
{
	static struct bench_ring ring;
	unsigned batch = m->use->batch;
	struct bench_job jobs[] = {
		{bench_range_work(m->use), range, m->nthreads},
		{m->with_ring ? &bench_ring_alone : &bench_floor,
		 m->with_ring ? (void *)&ring : (void *)&batch, m->with_ring ? 2 : 1},
	};
	struct bench_result *results = calloc(2, sizeof(*results));
	int err = results ? bench_run(&sweep->plan, jobs, 2, results) : -ENOMEM;

	if (!err) {
		m->ours = results[0];
		m->floor = results[1];
		err = atomic_load(&range->err);
	}
	free(results);
	return err;
}

static int run_case(struct bench_sweep *sweep, struct measured *m, struct json_file *json)
{
	struct bench_range range;
	int err = bench_range_open(&range, m->use, m->nthreads);

	if (err == -EINVAL) {
		sweep->left_out++;
		return EXIT_GOOD;
	}
	if (err)
		return complain_of_case(m, err);
	progress_show("%s, %s, %u threads", bench_pattern_names[m->use->pattern],
		      bench_policy_names[m->policy], m->nthreads);
	m->with_ring = range.rings;
	err = run_beside(sweep, m, &range);
	bench_range_close(&range);
	if (err)
		return complain_of_case(m, err);
	progress_clear();
	print_row(stdout, m);
	return json ? json_file_add(json, "a case", measured_json(m)) : EXIT_GOOD;
}

/* The @n-th item of each list, the last list turning fastest; false: there is none. */
static bool pick(const struct bench_sweep *sweep, unsigned n, struct bench_range_case *use,
		 struct measured *m)
{
	const struct bench_list *lists[] = {&sweep->threads, &sweep->batches,  &sweep->sizes,
					    &sweep->caches,  &sweep->policies, &sweep->patterns};
	uint64_t item[6];

	for (unsigned i = 0; i < 6; i++) {
		item[i] = lists[i]->value[n % lists[i]->count];
		n /= lists[i]->count;
	}
	*use = (struct bench_range_case){
		.pattern = (enum bench_pattern)item[5],
		.opts = DMP_IOVA_OPTS(.policy = policies[item[4]],
				      .flags = item[3] ? 0 : DMP_IOVA_NO_CACHE, .start_pfn = 1),
		.cached = item[3],
		.size = item[2],
		.limit = sweep->limit,
		.batch = (unsigned)item[1],
		.live = sweep->live,
	};
	*m = (struct measured){
		.use = use, .policy = (unsigned)item[4], .nthreads = (unsigned)item[0]};
	return n == 0;
}

/* A pattern without batches has one case, not one a batch. */
static bool is_twice(const struct bench_sweep *sweep, const struct bench_range_case *use)
{
	return use->pattern != BENCH_SAME && use->pattern != BENCH_LIFO &&
	       use->batch != sweep->batches.value[0];
}

int bench_sweep_run(struct bench_sweep *sweep, struct json_file *json)
{
	struct bench_range_case use;
	struct measured *m = malloc(sizeof(*m));
	int status = m ? EXIT_GOOD : complain("no memory for the samples");

	if (m)
		print_head(stdout);
	for (unsigned n = 0; status == EXIT_GOOD && pick(sweep, n, &use, m); n++)
		if (!is_twice(sweep, &use))
			status = run_case(sweep, m, json);
	if (sweep->left_out)
		printf("%u combinations make no sense and were left out\n", sweep->left_out);
	free(m);
	return status;
}
