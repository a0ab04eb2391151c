// SPDX-License-Identifier: MIT
/*
 * bench_row.c - a case beside its floor: what every sweep says of it
 *
 * Figures are medians; "x floor" is the median of the ratios sample by sample.  More threads than
 * CPUs wait for each other, and what others had cannot be told from that: the row says so.
 */
#include "bench_row.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

int bench_row_run(struct bench_row *row, const struct bench_plan *plan,
		  const struct bench_job *ours, const struct bench_job *floor)
{
	const struct bench_job jobs[] = {*ours, *floor};
	struct bench_result *results = calloc(2, sizeof(*results));
	int err = results ? bench_run(plan, jobs, 2, results) : -ENOMEM;

	if (!err) {
		row->ours = results[0];
		row->floor = results[1];
	}
	free(results);
	return err;
}

double bench_row_wall(const struct bench_row *row)
{
	return bench_median(row->ours.wall, row->ours.samples);
}

double bench_row_floor(const struct bench_row *row)
{
	return bench_median(row->by_wall ? row->floor.wall : row->floor.cpu, row->floor.samples);
}

double bench_row_ratio(const struct bench_row *row)
{
	const double *ours = row->by_wall ? row->ours.wall : row->ours.cpu;
	const double *floor = row->by_wall ? row->floor.wall : row->floor.cpu;

	return bench_ratio(ours, floor, row->ours.samples);
}

const char *bench_row_remark(const struct bench_row *row)
{
	static char text[48];
	double lost = bench_lost(&row->ours, bench_cpus());

	if (row->nthreads > bench_cpus())
		return "  more threads than CPUs";
	if (lost <= BENCH_LOST_MAX)
		return "";
	snprintf(text, sizeof(text), "  others had %.0f %% of the CPUs", 100 * lost);
	return text;
}

void bench_row_print(FILE *to, const struct bench_row *row)
{
	const struct bench_result *r = &row->ours;

	fprintf(to, "%8.1f %8.1f %6.1f%% %6.2f ", bench_row_wall(row),
		bench_median(r->cpu, r->samples), 100 * bench_spread(r->cpu, r->samples),
		bench_cores(r));
}

static json_t *figures(const struct bench_row *row)
{
	const struct bench_result *r = &row->ours;

	return json_pack("{s:f, s:f, s:f, s:f, s:i, s:I, s:f, s:b}", "wall_ns", bench_row_wall(row),
			 "cpu_ns", bench_median(r->cpu, r->samples), "cpu_spread",
			 bench_spread(r->cpu, r->samples), "cores", bench_cores(r), "samples",
			 (int)r->samples, "pairs_a_sample", (json_int_t)r->pairs, "lost",
			 bench_median(r->lost, r->samples), "more_threads_than_cpus",
			 row->nthreads > bench_cpus());
}

static json_t *floor_figures(const struct bench_row *row)
{
	return json_pack("{s:f, s:f, s:s}", "x_floor", bench_row_ratio(row), "floor_ns",
			 bench_row_floor(row), "floor", row->floor_name);
}

/* Takes @more, which may be NULL for want of memory, as @to may. */
static json_t *add(json_t *to, json_t *more)
{
	if (!to || !more || json_object_update(to, more)) {
		json_decref(to);
		to = NULL;
	}
	json_decref(more);
	return to;
}

json_t *bench_row_json(const struct bench_row *row, json_t *about)
{
	about = add(about, figures(row));
	return row->floor_name ? add(about, floor_figures(row)) : about;
}
