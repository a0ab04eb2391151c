// SPDX-License-Identifier: MIT
/*
 * bench_bounce_sweep.c - every combination of what `dmapool bench swiotlb` was asked for
 *
 *   copy x policy x direction x size x in use x pattern x areas x threads     a case: a row
 *
 * A case that copies is measured beside memcpy over rings as large as the pool: the same bytes
 * from the same source in the same order on as many threads, as often, so what is above it is
 * what finding slots costs, and where they lie.  Without the copy the floor is an array of one
 * thread's own.  Behind the cases that copy stand malloc, memcpy and free (bench_malloc.c).
 *
 * A setting that a case does not have (a direction without the copy, the pattern of an empty
 * pool) makes no second case.  What cannot be served is left out, and how much that was is said
 * in one line.
 */
#include "bench_bounce_sweep.h"
#include "bench_bounce.h"
#include "bench_malloc.h"
#include "bench_row.h"
#include "command.h"
#include "json_file.h"
#include "progress.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

const char *const bench_bounce_policy_names[BENCH_BOUNCE_POLICIES] = {"linux", "lifo", "warm",
								      "round_robin"};
const char *const bench_bounce_direction_names[BENCH_BOUNCE_DIRECTIONS] = {"to", "from", "both"};
const char *const bench_bounce_copy_names[2] = {"on", "off"};

const struct dmp_swiotlb_policy *const bench_bounce_policies[BENCH_BOUNCE_POLICIES] = {
	&dmp_swiotlb_policy_linux, &dmp_swiotlb_policy_lifo, &dmp_swiotlb_policy_warm,
	&dmp_swiotlb_policy_round_robin};

static const enum dmp_dir directions[BENCH_BOUNCE_DIRECTIONS] = {DMP_TO_DEVICE, DMP_FROM_DEVICE,
								 DMP_BIDIRECTIONAL};

/* One combination, measured. */
struct measured {
	struct bench_bounce_case use;
	unsigned policy, direction;
	uint64_t slots;
	struct bench_row row;
};

static bool copies(const struct measured *m)
{
	return !(m->use.opts.flags & DMP_SWIOTLB_NO_COPY);
}

static void print_head(FILE *to)
{
	fprintf(to, "%-11s %-4s %-4s %7s %6s %-8s %6s %7s " BENCH_ROW_HEAD "%7s %8s %8s\n",
		"policy", "copy", "dir", "bytes", "in use", "pattern", "areas", "threads", "GB/s",
		"floor ns", "x floor");
}

static void print_case(FILE *to, const struct measured *m)
{
	const struct bench_bounce_case *use = &m->use;

	fprintf(to, "%-11s %-4s %-4s %7llu %4u %% %-8s %6llu %7u ",
		bench_bounce_policy_names[m->policy], bench_bounce_copy_names[!copies(m)],
		copies(m) ? bench_bounce_direction_names[m->direction] : "-",
		(unsigned long long)use->bytes, use->percent,
		use->percent ? bench_fill_names[use->fill] : "-",
		(unsigned long long)use->opts.areas, m->row.nthreads);
}

static void print_row(FILE *to, const struct measured *m)
{
	char gb[16] = "-";

	if (copies(m))
		snprintf(gb, sizeof(gb), "%.2f",
			 bench_malloc_speed(m->use.bytes, bench_row_wall(&m->row)));
	print_case(to, m);
	bench_row_print(to, &m->row);
	fprintf(to, "%7s %8.1f %8.2f%s\n", gb, bench_row_floor(&m->row), bench_row_ratio(&m->row),
		bench_row_remark(&m->row));
	fflush(to);
}

static json_t *case_json(const struct measured *m)
{
	const struct bench_bounce_case *use = &m->use;

	return json_pack(
		"{s:s, s:s, s:b, s:s?, s:I, s:i, s:s?, s:I, s:i, s:I, s:o}", "allocator", "swiotlb",
		"policy", bench_bounce_policy_names[m->policy], "copied", copies(m), "direction",
		copies(m) ? bench_bounce_direction_names[m->direction] : NULL, "bytes",
		(json_int_t)use->bytes, "in_use_percent", (int)use->percent, "pattern",
		use->percent ? bench_fill_names[use->fill] : NULL, "areas",
		(json_int_t)use->opts.areas, "threads", (int)m->row.nthreads, "slots",
		(json_int_t)m->slots, "gb_a_second",
		copies(m) ? json_real(bench_malloc_speed(use->bytes, bench_row_wall(&m->row)))
			  : json_null());
}

static int complain_of_case(const struct measured *m, int err)
{
	progress_clear();
	return complain("policy %s, %llu bytes, threads %u cannot be measured: %s",
			bench_bounce_policy_names[m->policy], (unsigned long long)m->use.bytes,
			m->row.nthreads, strerror(-err));
}

/* Beside its floor. */
static int run_beside(const struct bench_bounce_sweep *sweep, struct measured *m,
		      struct bench_bounce *bounce)
{
	unsigned batch = m->use.batch;
	struct bench_copy_case copy = {
		.rings = bounce->rings, .bytes = m->use.bytes, .back = m->use.dir != DMP_TO_DEVICE};
	const struct bench_job ours = {&bench_bounce_pairs, bounce, m->row.nthreads};
	const struct bench_job memory = {&bench_copy, &copy, m->row.nthreads};
	const struct bench_job array = {&bench_floor, &batch, 1};
	int err;

	m->row.floor_name = copies(m) ? "memcpy" : "array";
	err = bench_row_run(&m->row, &sweep->plan, &ours, copies(m) ? &memory : &array);
	return atomic_load(&bounce->err) ? atomic_load(&bounce->err) : err;
}

static int measure(const struct bench_bounce_sweep *sweep, struct measured *m,
		   const struct bench_rings *rings)
{
	struct bench_bounce bounce;
	int err = bench_bounce_open(&bounce, &m->use, rings, m->row.nthreads);

	if (err)
		return err;
	progress_show("%s, %llu bytes, %u threads", bench_bounce_policy_names[m->policy],
		      (unsigned long long)m->use.bytes, m->row.nthreads);
	err = run_beside(sweep, m, &bounce);
	bench_bounce_close(&bounce);
	progress_clear();
	return err;
}

static int run_case(struct bench_bounce_sweep *sweep, struct measured *m,
		    const struct bench_rings *rings, struct json_file *json)
{
	int err = measure(sweep, m, rings);

	if (err == -ENOSPC || err == -EINVAL) {
		sweep->left_out++;
		return EXIT_GOOD;
	}
	if (err)
		return complain_of_case(m, err);
	print_row(stdout, m);
	return json ? json_file_add(json, "a case", bench_row_json(&m->row, case_json(m)))
		    : EXIT_GOOD;
}

enum axis { THREADS, AREAS, PATTERN, PERCENT, SIZE, DIRECTION, POLICY, COPY, NAXES };

/* What @item makes. */
static void make_case(const struct bench_bounce_sweep *sweep, const uint64_t *item,
		      struct measured *m)
{
	*m = (struct measured){
		.use = {.opts = DMP_SWIOTLB_OPTS(.flags = item[COPY] ? DMP_SWIOTLB_NO_COPY : 0,
						 .slots = sweep->slots, .areas = item[AREAS],
						 .policy = bench_bounce_policies[item[POLICY]]),
			.bytes = item[SIZE],
			.dir = directions[item[DIRECTION]],
			.fill = (enum bench_fill_pattern)item[PATTERN],
			.percent = (unsigned)item[PERCENT],
			.batch = 1},
		.policy = (unsigned)item[POLICY],
		.direction = (unsigned)item[DIRECTION],
		.slots = sweep->slots,
		.row = {.nthreads = (unsigned)item[THREADS]}};
}

/* Would this be another case's row again? */
static bool is_twice(const struct measured *m, const unsigned *index)
{
	return (index[DIRECTION] > 0 && !copies(m)) || (index[PATTERN] > 0 && m->use.percent == 0);
}

static int run_cases(struct bench_bounce_sweep *sweep, struct measured *m,
		     const struct bench_rings *rings, struct json_file *json)
{
	const struct bench_list *const lists[NAXES] = {
		[THREADS] = &sweep->threads,  [AREAS] = &sweep->areas,
		[PATTERN] = &sweep->patterns, [PERCENT] = &sweep->percents,
		[SIZE] = &sweep->sizes,       [DIRECTION] = &sweep->directions,
		[POLICY] = &sweep->policies,  [COPY] = &sweep->copies};
	uint64_t item[NAXES];
	unsigned index[NAXES];
	int status = EXIT_GOOD;

	for (unsigned n = 0; status == EXIT_GOOD && bench_list_pick(lists, NAXES, n, item, index);
	     n++) {
		make_case(sweep, item, m);
		if (m->use.opts.areas * DMP_SWIOTLB_SEGMENT_SLOTS > sweep->slots)
			sweep->left_out++;
		else if (!is_twice(m, index))
			status = run_case(sweep, m, rings, json);
	}
	return status;
}

/* Of each size and number of threads. */
static int run_mallocs(const struct bench_bounce_sweep *sweep, struct json_file *json)
{
	int status = EXIT_GOOD;

	for (unsigned i = 0; i < sweep->sizes.count; i++)
		for (unsigned j = 0; !status && j < sweep->threads.count; j++)
			status = bench_malloc_run(&sweep->plan, sweep->sizes.value[i],
						  (unsigned)sweep->threads.value[j], json);
	return status;
}

static bool any_copies(const struct bench_bounce_sweep *sweep)
{
	bool any = false;

	for (unsigned i = 0; i < sweep->copies.count; i++)
		any |= sweep->copies.value[i] == 0;
	return any;
}

int bench_bounce_sweep_run(struct bench_bounce_sweep *sweep, struct json_file *json)
{
	struct measured *m = malloc(sizeof(*m));
	struct bench_rings rings;
	int status;

	if (!m || bench_rings_open(&rings, sweep->slots * DMP_SWIOTLB_SLOT_BYTES)) {
		free(m);
		return complain("no memory for the buffers; try a smaller --slots");
	}
	print_head(stdout);
	status = run_cases(sweep, m, &rings, json);
	if (!status && any_copies(sweep))
		status = run_mallocs(sweep, json);
	if (sweep->left_out)
		printf("%u combinations were left out: the pool has no room for them\n",
		       sweep->left_out);
	bench_rings_close(&rings);
	free(m);
	return status;
}
