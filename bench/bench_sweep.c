// SPDX-License-Identifier: MIT
/*
 * bench_sweep.c - every combination of what `dmapool bench iova` was asked for
 *
 *   pattern x policy x cache x magazine x depot x size x batch x threads     a case: a row
 *
 * A case is measured beside the floor of its batch, which does what the case does with an array
 * of one thread's own, in CPU time; where threads pass ranges on beside a ring between two, by
 * the clock on the wall.  "x floor" is the median of the ratios sample by sample.
 *
 * A setting that a case does not have (the batch of pattern random, the magazine of no cache)
 * makes no second case.  What makes no sense together (one thread that passes to nobody, a cache
 * before a policy that defers reuse) is left out, and how much that was is said in one line.
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
	fprintf(to, "%-7s %-6s %-5s %8s %6s %7s %6s %7s %8s %8s %7s %6s %8s %8s\n", "pattern",
		"policy", "cache", "magazine", "depot", "size", "batch", "threads", "ns", "CPU ns",
		"spread", "cores", "pairs/s", "x floor");
}

static double ratio(const struct measured *m)
{
	const double *ours = m->with_ring ? m->ours.wall : m->ours.cpu;
	const double *floor = m->with_ring ? m->floor.wall : m->floor.cpu;

	return bench_ratio(ours, floor, m->ours.samples);
}

/* @n as text in @room; "-" if the case @has none. */
static const char *number(char room[24], bool has, uint64_t n)
{
	snprintf(room, 24, "%llu", (unsigned long long)n);
	return has ? room : "-";
}

static bool has_batches(const struct bench_range_case *use)
{
	return use->pattern == BENCH_SAME || use->pattern == BENCH_LIFO;
}

/* More threads than CPUs wait for each other, and others' work cannot be told from theirs. */
static const char *remark(const struct measured *m)
{
	static char text[48];
	double lost = bench_lost(&m->ours, bench_cpus());

	if (m->nthreads > bench_cpus())
		return "  more threads than CPUs";
	if (lost <= BENCH_LOST_MAX)
		return "";
	snprintf(text, sizeof(text), "  others had %.0f %% of the CPUs", 100 * lost);
	return text;
}

static void print_row(FILE *to, const struct measured *m)
{
	const struct bench_range_case *use = m->use;
	double wall = bench_median(m->ours.wall, m->ours.samples);
	char magazine[24], depot[24], batch[24];

	fprintf(to, "%-7s %-6s %-5s %8s %6s %7llu %6s %7u ", bench_pattern_names[use->pattern],
		bench_policy_names[m->policy], bench_cache_names[use->cached],
		number(magazine, use->cached, use->opts.magazine_size),
		use->cached && !use->opts.depot_limit
			? "any"
			: number(depot, use->cached, use->opts.depot_limit),
		(unsigned long long)use->size, number(batch, has_batches(use), use->batch),
		m->nthreads);
	fprintf(to, "%8.1f %8.1f %6.1f%% %6.2f %6.1f M %8.1f%s\n", wall,
		bench_median(m->ours.cpu, m->ours.samples),
		100 * bench_spread(m->ours.cpu, m->ours.samples), bench_cores(&m->ours), 1e3 / wall,
		ratio(m), remark(m));
	fflush(to);
}

/* @n; null if the case @has none. */
static json_t *number_json(bool has, uint64_t n)
{
	return has ? json_integer((json_int_t)n) : json_null();
}

static json_t *case_json(const struct measured *m)
{
	const struct bench_range_case *use = m->use;

	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:I, s:o, s:i, s:o}", "pattern",
			 bench_pattern_names[use->pattern], "policy", bench_policy_names[m->policy],
			 "cached", (int)use->cached, "magazine",
			 number_json(use->cached, use->opts.magazine_size), "depot",
			 number_json(use->cached && use->opts.depot_limit, use->opts.depot_limit),
			 "size", (json_int_t)use->size, "batch",
			 number_json(has_batches(use), use->batch), "threads", (int)m->nthreads,
			 "live", number_json(use->pattern == BENCH_RANDOM, use->live));
}

static json_t *figures_json(const struct measured *m)
{
	const struct bench_result *r = &m->ours;

	return json_pack(
		"{s:f, s:f, s:f, s:f, s:f, s:s, s:i, s:I, s:f, s:b}", "wall_ns",
		bench_median(r->wall, r->samples), "cpu_ns", bench_median(r->cpu, r->samples),
		"cpu_spread", bench_spread(r->cpu, r->samples), "cores", bench_cores(r), "x_floor",
		ratio(m), "floor", m->with_ring ? "ring" : "array", "samples", (int)r->samples,
		"pairs_a_sample", (json_int_t)r->pairs, "lost", bench_median(r->lost, r->samples),
		"more_threads_than_cpus", m->nthreads > bench_cpus());
}

static json_t *measured_json(const struct measured *m)
{
	json_t *row = case_json(m), *figures = figures_json(m);

	if (!row || !figures || json_object_update(row, figures)) {
		json_decref(row);
		row = NULL;
	}
	json_decref(figures);
	return row;
}

static int complain_of_case(const struct measured *m, int err)
{
	progress_clear();
	return complain("pattern %s, policy %s, threads %u cannot be measured: %s",
			bench_pattern_names[m->use->pattern], bench_policy_names[m->policy],
			m->nthreads, strerror(-err));
}

/* Beside its floor. */
static int run_beside(const struct bench_sweep *sweep, struct measured *m,
		      struct bench_range *range)
{
	static struct bench_ring ring;
	unsigned batch = has_batches(m->use) ? m->use->batch : 1;
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
	}
	free(results);
	return atomic_load(&range->err) ? atomic_load(&range->err) : err;
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

enum axis { THREADS, BATCH, SIZE, DEPOT, MAGAZINE, CACHE, POLICY, PATTERN, NAXES };

/* The @n-th item of each list, the threads turning fastest; false: there is none. */
static bool pick(const struct bench_sweep *sweep, unsigned n, struct bench_range_case *use,
		 struct measured *m)
{
	const struct bench_list *lists[NAXES] = {
		[THREADS] = &sweep->threads,    [BATCH] = &sweep->batches,
		[SIZE] = &sweep->sizes,         [DEPOT] = &sweep->depots,
		[MAGAZINE] = &sweep->magazines, [CACHE] = &sweep->caches,
		[POLICY] = &sweep->policies,    [PATTERN] = &sweep->patterns};
	uint64_t item[NAXES];

	for (unsigned i = 0; i < NAXES; i++) {
		item[i] = lists[i]->value[n % lists[i]->count];
		n /= lists[i]->count;
	}
	*use = (struct bench_range_case){
		.pattern = (enum bench_pattern)item[PATTERN],
		.opts = DMP_IOVA_OPTS(.policy = policies[item[POLICY]], .start_pfn = 1),
		.cached = item[CACHE],
		.size = item[SIZE],
		.limit = sweep->limit,
		.batch = (unsigned)item[BATCH],
		.live = sweep->live,
	};
	if (use->cached) {
		use->opts.magazine_size = (uint32_t)item[MAGAZINE];
		use->opts.depot_limit = (uint32_t)item[DEPOT];
	} else {
		use->opts.flags = DMP_IOVA_NO_CACHE;
	}
	*m = (struct measured){
		.use = use, .policy = (unsigned)item[POLICY], .nthreads = (unsigned)item[THREADS]};
	return n == 0;
}

/* Would this be another case's row again?  The @n-th of pick(). */
static bool is_twice(const struct bench_sweep *sweep, unsigned n,
		     const struct bench_range_case *use)
{
	unsigned threads = sweep->threads.count, batches = sweep->batches.count;
	unsigned settings = sweep->depots.count * sweep->magazines.count;
	unsigned batch = n / threads % batches;
	unsigned setting = n / (threads * batches * sweep->sizes.count) % settings;

	return (batch > 0 && !has_batches(use)) || (setting > 0 && !use->cached);
}

int bench_sweep_run(struct bench_sweep *sweep, struct json_file *json)
{
	struct bench_range_case use;
	struct measured *m = malloc(sizeof(*m));
	int status = m ? EXIT_GOOD : complain("no memory for the samples");

	if (m)
		print_head(stdout);
	for (unsigned n = 0; status == EXIT_GOOD && pick(sweep, n, &use, m); n++)
		if (!is_twice(sweep, n, &use))
			status = run_case(sweep, m, json);
	if (sweep->left_out)
		printf("%u combinations make no sense and were left out\n", sweep->left_out);
	free(m);
	return status;
}
