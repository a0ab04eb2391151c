// SPDX-License-Identifier: MIT
/*
 * bench_pgtable.c - `dmapool bench pgtable`: the command line, and every combination of it
 *
 *    format x page x batch x way x threads      a case: a row
 *
 * A page size that a format does not have, or a batch that does not fit its addresses, is left
 * out, and how much that was is said in one line; if that is all there was, it is an error.
 */
#include "bench_line.h"
#include "bench_pages.h"
#include "bench_pgtable.h"
#include "bench_row.h"
#include "command.h"
#include "json_file.h"
#include "progress.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A target is the median of as many samples at least. */
#define TARGET_SAMPLES 7u
#define FORMATS_MAX    16u

enum option {
	FORMAT,
	PAGE,
	BATCH,
	WAY,
	THREADS,
	SAMPLES,
	MS,
	PRESET,
	JSON,
};

static const char about[] =
	"[OPTION...]\n"
	"\n"
	"A row for every combination of the lists.  A pair is one page mapped and unmapped, on\n"
	"simulated page tables, without any invalidation: map and unmap are ns a page, on an\n"
	"undisturbed CPU; ns the time that passed, divided by the pairs of all threads; CPU ns\n"
	"what all threads have computed.  The floor is plain stores of as many entries into\n"
	"memory of the same machine, and as many zeros.";

static const struct poptOption options[] = {
	BENCH_OPTION("format", 'f', FORMAT,
		     "vtd-39, vtd-48, vtd-57, amd-v1, smmu-4k, smmu-16k, smmu-64k, smmu-64k-52, "
		     "riscv-sv39, riscv-sv48 or all (default: vtd-48)",
		     "LIST"),
	BENCH_OPTION("page", 'p', PAGE, "bytes (default: 4096)", "LIST"),
	BENCH_OPTION("batch", 'b', BATCH, "pages of a call, up to 2048 (default: 1,16,256)",
		     "LIST"),
	BENCH_OPTION("way", 'w', WAY,
		     "call: equal pages, one behind the other; list: scattered ones in a list; "
		     "loop: these one by one; all (default: call)",
		     "LIST"),
	BENCH_OPTION("threads", 't', THREADS, "in one domain (default: 1)", "LIST"),
	BENCH_OPTION("samples", 'n', SAMPLES,
		     "of each case; figures are medians (default: 7; of a preset 15)", "N"),
	BENCH_OPTION("ms", 'm', MS, "of a sample (default: 20)", "N"),
	BENCH_OPTION("preset", 0, PRESET,
		     "targets: the bounds that this library has set itself; status 1 if one is "
		     "missed",
		     "NAME"),
	BENCH_OPTION("json", 'j', JSON, "write the figures there", "OUT"),
	POPT_AUTOHELP POPT_TABLEEND};

struct sweep {
	struct bench_plan plan;
	struct bench_list formats, pages, batches, ways, threads;
	const char *format_names[FORMATS_MAX];
	unsigned measured, left_out;
	bool targets;
};

/* A case, measured. */
struct measured {
	struct bench_pages_case use;
	struct bench_row row;
	double map, unmap;        /* ns a page */
	double x_stores, x_zeros; /* against the floor's */
};

static int parse_formats(const struct bench_line *line, struct sweep *sweep)
{
	unsigned n = 0;

	for (; n < FORMATS_MAX && dmp_sim_format_name(n); n++)
		sweep->format_names[n] = dmp_sim_format_name(n);
	return bench_line_words(line, FORMAT, "vtd-48", sweep->format_names, n, &sweep->formats);
}

static int parse_pages(const struct bench_line *line, struct bench_list *pages)
{
	int err = bench_line_numbers(line, PAGE, "4096", 1, UINT64_C(1) << 48, pages);

	for (unsigned i = 0; !err && i < pages->count; i++)
		if (!dmp_is_pow2(pages->value[i]))
			return complain("--page: %llu is no power of two; try %llu",
					(unsigned long long)pages->value[i],
					(unsigned long long)dmp_pow2_ceil(pages->value[i]));
	return err;
}

static int parse_lists(const struct bench_line *line, struct sweep *sweep)
{
	int err = parse_formats(line, sweep);

	if (!err)
		err = parse_pages(line, &sweep->pages);
	if (!err)
		err = bench_line_numbers(line, BATCH, "1,16,256", 1, BENCH_PAGES_BATCH_MAX,
					 &sweep->batches);
	if (!err)
		err = bench_line_words(line, WAY, "call", bench_pages_way_names, BENCH_PAGES_WAYS,
				       &sweep->ways);
	if (!err)
		err = bench_line_numbers(line, THREADS, "1", 1, BENCH_THREADS_MAX, &sweep->threads);
	return err;
}

static int parse(const struct bench_line *line, struct sweep *sweep)
{
	int err;

	sweep->targets = line->text[PRESET];
	if (sweep->targets && strcmp(line->text[PRESET], "targets") != 0)
		return complain("'%s' is no preset; try targets", line->text[PRESET]);
	err = sweep->targets ? bench_line_refuse_beside_preset(line, SAMPLES)
			     : parse_lists(line, sweep);
	if (err)
		return err;
	return bench_line_plan(line, SAMPLES, MS, sweep->targets ? "15" : "7",
			       sweep->targets ? TARGET_SAMPLES : 1, &sweep->plan);
}

/* Rows. */

static void print_head(FILE *to)
{
	fprintf(to, "%-11s %10s %5s %-4s %7s %8s %8s %s%8s %8s\n", "format", "page", "batch", "way",
		"threads", "map", "unmap", BENCH_ROW_HEAD, "x stores", "x zeros");
}

static void print_row(FILE *to, const struct measured *m)
{
	fprintf(to, "%-11s %10llu %5u %-4s %7u %8.2f %8.2f ", m->use.format,
		(unsigned long long)m->use.page_bytes, m->use.batch,
		bench_pages_way_names[m->use.way], m->row.nthreads, m->map, m->unmap);
	bench_row_print(to, &m->row);
	fprintf(to, "%8.1f %8.1f%s\n", m->x_stores, m->x_zeros, bench_row_remark(&m->row));
	fflush(to);
}

static json_t *measured_json(const struct measured *m)
{
	return bench_row_json(&m->row,
			      json_pack("{s:s, s:I, s:i, s:s, s:i, s:f, s:f, s:f, s:f}", "format",
					m->use.format, "page_bytes", (json_int_t)m->use.page_bytes,
					"batch", (int)m->use.batch, "way",
					bench_pages_way_names[m->use.way], "threads",
					(int)m->row.nthreads, "map_ns", m->map, "unmap_ns",
					m->unmap, "x_stores", m->x_stores, "x_zeros", m->x_zeros));
}

static int complain_of_case(const struct measured *m, int err)
{
	progress_clear();
	return complain("format %s, pages of %llu bytes, threads %u cannot be measured: %s",
			m->use.format, (unsigned long long)m->use.page_bytes, m->row.nthreads,
			strerror(-err));
}

static int measure(const struct bench_plan *plan, struct measured *m, struct bench_pages *pages)
{
	static struct bench_stores stores;
	const struct bench_job ours = {&bench_pages_work, pages, m->row.nthreads};
	const struct bench_job floor = {&bench_stores_work, &stores, 1};
	int err = bench_stores_open(&stores, pages);

	if (err)
		return err;
	err = bench_row_run(&m->row, plan, &ours, &floor);
	bench_stores_close(&stores, pages);
	if (atomic_load(&pages->err))
		err = atomic_load(&pages->err);
	m->map = bench_phases_ns(&pages->first, false, plan->samples);
	m->unmap = bench_phases_ns(&pages->first, true, plan->samples);
	m->x_stores = bench_phases_ratio(&pages->first, &stores.phases, false, plan->samples);
	m->x_zeros = bench_phases_ratio(&pages->first, &stores.phases, true, plan->samples);
	return err;
}

static int run_case(struct sweep *sweep, struct measured *m, struct json_file *json)
{
	static struct bench_pages pages;
	int err = bench_pages_open(&pages, &m->use, m->row.nthreads);

	if (err == -EINVAL) {
		sweep->left_out++;
		return EXIT_GOOD;
	}
	if (err)
		return complain_of_case(m, err);
	progress_show("%s, batch %u, %u threads", m->use.format, m->use.batch, m->row.nthreads);
	err = measure(&sweep->plan, m, &pages);
	bench_pages_close(&pages);
	if (err)
		return complain_of_case(m, err);
	progress_clear();
	if (sweep->measured++ == 0)
		print_head(stdout);
	print_row(stdout, m);
	return json ? json_file_add(json, "a case", measured_json(m)) : EXIT_GOOD;
}

enum axis { THREAD_AXIS, WAY_AXIS, BATCH_AXIS, PAGE_AXIS, FORMAT_AXIS, NAXES };

/* The @n-th combination, the threads turning fastest; false: there is none. */
static bool pick(const struct sweep *sweep, unsigned n, struct measured *m)
{
	const struct bench_list *const lists[NAXES] = {[THREAD_AXIS] = &sweep->threads,
						       [WAY_AXIS] = &sweep->ways,
						       [BATCH_AXIS] = &sweep->batches,
						       [PAGE_AXIS] = &sweep->pages,
						       [FORMAT_AXIS] = &sweep->formats};
	unsigned index[NAXES];
	uint64_t item[NAXES];
	bool is_one = bench_list_pick(lists, NAXES, n, item, index);

	memset(m, 0, sizeof(*m));
	m->use = (struct bench_pages_case){
		.format = sweep->format_names[item[FORMAT_AXIS]],
		.page_bytes = item[PAGE_AXIS],
		.batch = (unsigned)item[BATCH_AXIS],
		.way = (enum bench_pages_way)item[WAY_AXIS],
	};
	m->row.nthreads = (unsigned)item[THREAD_AXIS];
	m->row.floor_name = "stores";
	return is_one;
}

/* Below the rows; an error if there are none. */
static int tell_left_out(const struct sweep *sweep)
{
	if (sweep->left_out && !sweep->measured)
		return complain("no such page and batch fits its format; use another --page, "
				"--batch or --format");
	if (sweep->left_out)
		printf("%u combinations of page and batch do not fit their format and were left "
		       "out\n",
		       sweep->left_out);
	return EXIT_GOOD;
}

static int run_sweep(struct sweep *sweep, struct json_file *json)
{
	struct measured *m = malloc(sizeof(*m));
	int status = m ? EXIT_GOOD : complain("no memory for the samples");

	for (unsigned n = 0; status == EXIT_GOOD && pick(sweep, n, m); n++)
		status = run_case(sweep, m, json);
	free(m);
	return status ? status : tell_left_out(sweep);
}

static int run(void *of, struct json_file *json)
{
	struct sweep *sweep = of;

	return sweep->targets ? bench_pgtable_targets(&sweep->plan, json) : run_sweep(sweep, json);
}

int bench_pgtable_main(int argc, const char **argv)
{
	struct bench_line line;
	struct sweep sweep = {.left_out = 0};
	int status = bench_line_open(&line, argc, argv, options, about);

	if (!status)
		status = parse(&line, &sweep);
	if (!status)
		status = bench_line_run(&line, JSON, run, &sweep);
	bench_line_close(&line);
	return status;
}
