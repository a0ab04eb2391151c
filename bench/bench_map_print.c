// SPDX-License-Identifier: MIT
/*
 * bench_map_print.c - a case of `dmapool bench map` in a table, as JSON, and as the kernel has it
 *
 *    route  flush  ...  call      mean   deviation   p50 ...     ns a call
 *    iommu  strict ...  map
 *                       unmap
 *           a pair: ns by the wall and of CPU time; simulated ns by phase; parts measured alone
 *
 * The three lines at the end are those of the kernel's map_benchmark, in its units: a program that
 * reads them there can read them here.
 */
#include "bench_map.h"

#include <dmapool/bits.h>

#include <jansson.h>
#include <math.h>

#define NSHARES 4u

static const unsigned per_mille[NSHARES] = {500, 900, 990, 999};
static const char *const share_names[NSHARES] = {"p50_ns", "p90_ns", "p99_ns", "p999_ns"};

/* By enum dmp_dir. */
static const char *const direction_names[] = {"both", "to", "from"};
static const char *const kernel_names[] = {"BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE"};

static const char *flush_name(const struct bench_map_case *use)
{
	return bench_map_translates(use->route) ? bench_map_flush_names[use->flush] : NULL;
}

/* Pages that the longest buffer touches. */
static int granule(const struct bench_map_case *use)
{
	return (int)((bench_mix_largest(&use->mix) + DMP_PAGE_BYTES - 1) / DMP_PAGE_BYTES);
}

void bench_map_print_head(FILE *to)
{
	fprintf(to, "%-12s %-11s %7s %-4s %8s %5s %4s  %-6s %9s %9s %9s %8s %8s %8s %8s %9s\n",
		"route", "flush", "threads", "dir", "bytes", "batch", "list", "call", "calls",
		"mean ns", "deviation", "p50", "p90", "p99", "p99.9", "max");
}

static void print_latency(FILE *to, const char *call, const struct bench_latency *l)
{
	fprintf(to, "%-6s %9llu %9.1f %9.1f", call, (unsigned long long)l->spread.count,
		bench_latency_mean(l), bench_latency_deviation(l));
	for (unsigned i = 0; i < NSHARES; i++)
		fprintf(to, " %8llu", (unsigned long long)dmp_spread_at(&l->spread, per_mille[i]));
	fprintf(to, " %9llu\n", (unsigned long long)l->spread.max);
}

static void print_calls(FILE *to, const struct bench_map_measured *m)
{
	const char *flush = flush_name(&m->use);
	char bytes[24] = "mixed";

	if (m->use.mix.count == 1)
		snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)m->use.mix.bytes[0]);
	fprintf(to, "%-12s %-11s %7u %-4s %8s %5u %4u  ", bench_map_route_names[m->use.route],
		flush ? flush : "-", m->row.nthreads, direction_names[m->use.dir], bytes,
		m->use.batch, m->use.entries);
	print_latency(to, "map", &m->map);
	fprintf(to, "%-58s", "");
	print_latency(to, "unmap", &m->unmap);
	if (m->commit.spread.count == 0)
		return;
	fprintf(to, "%-58s", "");
	print_latency(to, "commit", &m->commit);
}

static double sum_of(const double *ns, unsigned n)
{
	double sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += ns[i];
	return sum;
}

static void print_costs(FILE *to, const struct bench_map_measured *m)
{
	const char *comma = "";

	if (m->use.spun || !(sum_of(m->cost_ns, BENCH_MAP_PHASES) > 0))
		return;
	fputs("    simulated ns a pair: ", to);
	for (unsigned i = 0; i < BENCH_MAP_PHASES; i++, comma = ", ")
		fprintf(to, "%s%s %.1f", comma, bench_map_phase_names[i], m->cost_ns[i]);
	fputc('\n', to);
}

static void print_split(FILE *to, const struct bench_map_measured *m)
{
	if (!m->is_split)
		return;
	fprintf(to, "    CPU ns a pair without the clock and the write: %.1f; of it",
		m->split.whole_ns);
	for (unsigned i = 0; i < BENCH_MAP_PARTS; i++)
		if (!isnan(m->split.part_ns[i]))
			fprintf(to, " %s %.1f,", bench_map_part_names[i], m->split.part_ns[i]);
	fprintf(to, " the rest %.1f\n", m->split.rest_ns);
}

void bench_map_print_case(FILE *to, const struct bench_map_measured *m)
{
	const struct bench_result *r = &m->row.ours;

	print_calls(to, m);
	fprintf(to, "    a pair with its loop: %.1f ns, %.1f CPU ns, spread %.1f%%, %.2f cores%s\n",
		bench_row_wall(&m->row), bench_median(r->cpu, r->samples),
		100 * bench_spread(r->cpu, r->samples), bench_cores(r), bench_row_remark(&m->row));
	print_costs(to, m);
	print_split(to, m);
	fflush(to);
}

static void print_average(FILE *to, const char *call, const struct bench_latency *l)
{
	fprintf(to, "average %s latency(us):%.1f standard deviation:%.1f\n", call,
		bench_latency_mean(l) / 1000, bench_latency_deviation(l) / 1000);
}

void bench_map_print_closing(FILE *to, const struct bench_map_measured *m)
{
	fprintf(to, "dma mapping benchmark: threads:%d seconds:%d node:%d dir:%s granule: %d\n",
		(int)m->row.nthreads, (int)m->seconds, m->node, kernel_names[m->use.dir],
		granule(&m->use));
	print_average(to, "map", &m->map);
	print_average(to, "unmap", &m->unmap);
}

/* JSON. */

static json_t *latency_json(const struct bench_latency *l)
{
	json_t *json = json_pack("{s:I, s:f, s:f, s:I}", "calls", (json_int_t)l->spread.count,
				 "mean_ns", bench_latency_mean(l), "deviation_ns",
				 bench_latency_deviation(l), "max_ns", (json_int_t)l->spread.max);

	for (unsigned i = 0; json && i < NSHARES; i++)
		json_object_set_new(
			json, share_names[i],
			json_integer((json_int_t)dmp_spread_at(&l->spread, per_mille[i])));
	return json;
}

/* An object of @n named numbers; what is none is null. */
static json_t *numbers_json(const char *const *names, const double *ns, unsigned n)
{
	json_t *json = json_object();

	for (unsigned i = 0; json && i < n; i++)
		json_object_set_new(json, names[i], isnan(ns[i]) ? json_null() : json_real(ns[i]));
	return json;
}

static json_t *mix_json(const struct bench_mix *mix)
{
	json_t *json = json_array();

	for (unsigned i = 0; json && i < mix->count; i++)
		json_array_append_new(
			json, json_pack("{s:I, s:i}", "bytes", (json_int_t)mix->bytes[i], "weight",
					(int)(mix->upto[i] - (i ? mix->upto[i - 1] : 0))));
	return json;
}

static json_t *split_json(const struct bench_map_measured *m)
{
	json_t *json;

	if (!m->is_split)
		return json_null();
	json = numbers_json(bench_map_part_names, m->split.part_ns, BENCH_MAP_PARTS);
	if (json) {
		json_object_set_new(json, "whole", json_real(m->split.whole_ns));
		json_object_set_new(json, "rest", json_real(m->split.rest_ns));
	}
	return json;
}

static json_t *case_json(const struct bench_map_measured *m)
{
	const struct bench_map_case *use = &m->use;

	return json_pack(
		"{s:s, s:s?, s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:i, s:o, s:i, s:i, s:i, s:I, s:I}",
		"route", bench_map_route_names[use->route], "flush", flush_name(use), "profile",
		use->profile ? use->profile : "free", "costs", use->spun ? "spun" : "counted",
		"threads", (int)m->row.nthreads, "seconds", (int)m->seconds, "node", m->node,
		"dma_bits", (int)use->mask_bits, "direction", direction_names[use->dir], "granule",
		granule(use), "mix", mix_json(&use->mix), "batch", (int)use->batch, "entries",
		(int)use->entries, "queues", (int)use->queues, "transfer_ns",
		(json_int_t)use->transfer_ns, "clock_ns", (json_int_t)m->clock_ns);
}

json_t *bench_map_json(const struct bench_map_measured *m)
{
	json_t *json = case_json(m);

	if (!json)
		return NULL;
	json_object_set_new(json, "map", latency_json(&m->map));
	json_object_set_new(json, "unmap", latency_json(&m->unmap));
	json_object_set_new(json, "commit",
			    m->commit.spread.count ? latency_json(&m->commit) : json_null());
	json_object_set_new(
		json, "simulated_ns",
		m->use.spun ? json_null()
			    : numbers_json(bench_map_phase_names, m->cost_ns, BENCH_MAP_PHASES));
	json_object_set_new(json, "split_cpu_ns", split_json(m));
	return bench_row_json(&m->row, json);
}
