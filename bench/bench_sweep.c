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
#include "bench_row.h"
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
	unsigned policy;
	struct bench_row row;
};

static void print_head(FILE *to)
{
	fprintf(to, "%-7s %-6s %-5s %8s %6s %7s %6s %7s " BENCH_ROW_HEAD "%8s %8s\n", "pattern",
		"policy", "cache", "magazine", "depot", "size", "batch", "threads", "pairs/s",
		"x floor");
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

static void print_row(FILE *to, const struct measured *m)
{
	const struct bench_range_case *use = m->use;
	double wall = bench_row_wall(&m->row);
	char magazine[24], depot[24], batch[24];

	fprintf(to, "%-7s %-6s %-5s %8s %6s %7llu %6s %7u ", bench_pattern_names[use->pattern],
		bench_policy_names[m->policy], bench_cache_names[use->cached],
		number(magazine, use->cached, use->opts.magazine_size),
		use->cached && !use->opts.depot_limit
			? "any"
			: number(depot, use->cached, use->opts.depot_limit),
		(unsigned long long)use->size, number(batch, has_batches(use), use->batch),
		m->row.nthreads);
	bench_row_print(to, &m->row);
	fprintf(to, "%6.1f M %8.1f%s\n", 1e3 / wall, bench_row_ratio(&m->row),
		bench_row_remark(&m->row));
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
			 number_json(has_batches(use), use->batch), "threads", (int)m->row.nthreads,
			 "live", number_json(use->pattern == BENCH_RANDOM, use->live));
}

static int complain_of_case(const struct measured *m, int err)
{
	progress_clear();
	return complain("pattern %s, policy %s, threads %u cannot be measured: %s",
			bench_pattern_names[m->use->pattern], bench_policy_names[m->policy],
			m->row.nthreads, strerror(-err));
}

/* Beside its floor. */
static int run_beside(const struct bench_sweep *sweep, struct measured *m,
		      struct bench_range *range)
{
	static struct bench_ring ring;
	unsigned batch = has_batches(m->use) ? m->use->batch : 1;
	const struct bench_job ours = {bench_range_work(m->use), range, m->row.nthreads};
	const struct bench_job array = {&bench_floor, &batch, 1};
	const struct bench_job between = {&bench_ring_alone, &ring, 2};
	int err;

	m->row.by_wall = range->rings;
	m->row.floor_name = range->rings ? "ring" : "array";
	err = bench_row_run(&m->row, &sweep->plan, &ours, range->rings ? &between : &array);
	return atomic_load(&range->err) ? atomic_load(&range->err) : err;
}

static int run_case(struct bench_sweep *sweep, struct measured *m, struct json_file *json)
{
	struct bench_range range;
	int err = bench_range_open(&range, m->use, m->row.nthreads);

	if (err == -EINVAL) {
		sweep->left_out++;
		return EXIT_GOOD;
	}
	if (err)
		return complain_of_case(m, err);
	progress_show("%s, %s, %u threads", bench_pattern_names[m->use->pattern],
		      bench_policy_names[m->policy], m->row.nthreads);
	err = run_beside(sweep, m, &range);
	bench_range_close(&range);
	if (err)
		return complain_of_case(m, err);
	progress_clear();
	print_row(stdout, m);
	return json ? json_file_add(json, "a case", bench_row_json(&m->row, case_json(m)))
		    : EXIT_GOOD;
}

enum axis { THREADS, BATCH, SIZE, DEPOT, MAGAZINE, CACHE, POLICY, PATTERN, NAXES };

/* What @item makes. */
static void make_case(const struct bench_sweep *sweep, const uint64_t *item,
		      struct bench_range_case *use, struct measured *m)
{
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
	*m = (struct measured){.use = use,
			       .policy = (unsigned)item[POLICY],
			       .row = {.nthreads = (unsigned)item[THREADS]}};
}

/* Would this be another case's row again? */
static bool is_twice(const struct bench_range_case *use, const unsigned *index)
{
	return (index[BATCH] > 0 && !has_batches(use)) ||
	       ((index[DEPOT] > 0 || index[MAGAZINE] > 0) && !use->cached);
}

static int run_all(struct bench_sweep *sweep, struct measured *m, struct json_file *json)
{
	const struct bench_list *const lists[NAXES] = {
		[THREADS] = &sweep->threads,    [BATCH] = &sweep->batches,
		[SIZE] = &sweep->sizes,         [DEPOT] = &sweep->depots,
		[MAGAZINE] = &sweep->magazines, [CACHE] = &sweep->caches,
		[POLICY] = &sweep->policies,    [PATTERN] = &sweep->patterns};
	struct bench_range_case use;
	uint64_t item[NAXES];
	unsigned index[NAXES];
	int status = EXIT_GOOD;

	for (unsigned n = 0; status == EXIT_GOOD && bench_list_pick(lists, NAXES, n, item, index);
	     n++) {
		make_case(sweep, item, &use, m);
		if (!is_twice(&use, index))
			status = run_case(sweep, m, json);
	}
	return status;
}

int bench_sweep_run(struct bench_sweep *sweep, struct json_file *json)
{
	struct measured *m = malloc(sizeof(*m));
	int status;

	if (!m)
		return complain("no memory for the samples");
	print_head(stdout);
	status = run_all(sweep, m, json);
	if (sweep->left_out)
		printf("%u combinations make no sense and were left out\n", sweep->left_out);
	free(m);
	return status;
}
