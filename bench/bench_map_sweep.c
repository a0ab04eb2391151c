// SPDX-License-Identifier: MIT
/*
 * bench_map_sweep.c - every combination of what `dmapool bench map` was asked for
 *
 *    route x flush x threads x direction x granule x list x batch      a case: a row
 *
 * Each case has a machine of its own.  What there is no room for is left out and counted, and is
 * an error if that is all there was.  The closing lines of all cases stand below the table, since
 * who reads them knows nothing of routes.
 */
#include "bench_map.h"
#include "bench_node.h"
#include "command.h"
#include "json_file.h"
#include "progress.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_NS UINT64_C(1000000) /* samples are whole slices */

/* What keeps a sweep going. */
struct run {
	struct bench_map_sweep *sweep;
	struct bench_map_measured *m;
	struct json_file *json;
	FILE *closing; /* their lines */
	uint64_t clock_ns;
	unsigned measured;
	int reason; /* why the latest case was left out */
};

/* Is there just no room, so that other cases may work? */
static bool is_room(int err)
{
	return err == -ERANGE || err == -EFBIG || err == -ENOSPC;
}

static int complain_of_case(const struct bench_map_measured *m, int err)
{
	progress_clear();
	if (err == -EFBIG)
		return complain("the buffers of %u threads are more than 2 GiB; use fewer threads, "
				"or a smaller --granule, --batch or --entries",
				m->row.nthreads);
	if (err == -ERANGE)
		return complain("route %s cannot map %llu bytes for a device of %u bits; a bounce "
				"buffer has 256 KiB; use another --granule, --bits or --route",
				bench_map_route_names[m->use.route],
				(unsigned long long)bench_mix_largest(&m->use.mix),
				m->use.mask_bits);
	if (err == -ENOSPC)
		return complain("route %s has no room for %u threads with %u maps each; use a "
				"smaller --batch, more --bits or more --slots",
				bench_map_route_names[m->use.route], m->row.nthreads, m->use.batch);
	return complain("route %s, threads %u cannot be measured: %s",
			bench_map_route_names[m->use.route], m->row.nthreads, strerror(-err));
}

static int run_calls(const struct bench_map_sweep *sweep, struct bench_map_measured *m,
		     struct bench_map *map)
{
	const struct bench_job job = {&bench_map_calls, map, m->row.nthreads};
	struct bench_plan plan = sweep->plan;
	struct bench_map_books before;
	int err;

	map->clock_ns = m->clock_ns;
	if (plan.rounds == 0) {
		plan.rounds = plan.sample_ns / SLICE_NS;
		map->slice_ns = SLICE_NS;
	}
	bench_map_look(map, &before);
	err = bench_run(&plan, &job, 1, &m->row.ours);
	if (atomic_load(&map->err))
		return atomic_load(&map->err);
	m->map = map->map;
	m->unmap = map->unmap;
	m->commit = map->commit;
	bench_map_costs(map, &before, m->cost_ns);
	return err;
}

static int measure(const struct bench_map_sweep *sweep, struct bench_map_measured *m)
{
	static struct bench_map map;
	int err = bench_map_open(&map, &m->use, m->row.nthreads);

	if (err)
		return err;
	progress_show("%s, %u threads", bench_map_route_names[m->use.route], m->row.nthreads);
	err = run_calls(sweep, m, &map);
	if (bench_map_close(&map) && !err)
		err = -EBUSY;
	if (!err && sweep->split) {
		err = bench_map_split(&sweep->plan, &m->use, m->row.nthreads, &m->split);
		m->is_split = !err;
	}
	progress_clear();
	return err;
}

/* What holds for every row, above the first. */
static void print_common(const struct run *run)
{
	const struct bench_map_case *use = &run->sweep->rest;

	printf("profile %s, costs %s; mask of %u bits; transfer %llu ns; %llu ns of the clock are "
	       "taken off each call\n",
	       use->profile ? use->profile : "free", use->spun ? "spun" : "counted", use->mask_bits,
	       (unsigned long long)use->transfer_ns, (unsigned long long)run->clock_ns);
	bench_map_print_head(stdout);
}

static int run_case(struct run *run)
{
	struct bench_map_measured *m = run->m;
	int err = measure(run->sweep, m);

	if (is_room(err)) {
		run->sweep->left_out++;
		run->reason = err;
		return EXIT_GOOD;
	}
	if (err)
		return complain_of_case(m, err);
	if (run->measured++ == 0)
		print_common(run);
	bench_map_print_case(stdout, m);
	bench_map_print_closing(run->closing, m);
	return run->json ? json_file_add(run->json, "a case", bench_map_json(m)) : EXIT_GOOD;
}

enum axis { BATCH, ENTRIES, GRANULE, DIRECTION, THREADS, FLUSH, ROUTE, NAXES };

/* What @item makes. */
static void make_case(const struct run *run, const uint64_t *item)
{
	const struct bench_map_sweep *sweep = run->sweep;
	struct bench_map_measured *m = run->m;

	*m = (struct bench_map_measured){.use = sweep->rest,
					 .row = {.nthreads = (unsigned)item[THREADS]},
					 .seconds = sweep->seconds,
					 .node = sweep->node,
					 .clock_ns = run->clock_ns};
	m->use.route = (enum bench_map_route)item[ROUTE];
	m->use.flush = (enum bench_map_policy)item[FLUSH];
	m->use.dir = (enum dmp_dir)item[DIRECTION];
	m->use.entries = (unsigned)item[ENTRIES];
	m->use.batch = (unsigned)item[BATCH];
	if (!sweep->mixed)
		m->use.mix = bench_mix_of(item[GRANULE] << DMP_PAGE_SHIFT);
}

/* Without a domain there is no policy: would this be another case's row again? */
static bool is_twice(const struct bench_map_case *use, const unsigned *index)
{
	return index[FLUSH] > 0 && !bench_map_translates(use->route);
}

static int run_cases(struct run *run)
{
	const struct bench_map_sweep *s = run->sweep;
	const struct bench_list *const lists[NAXES] = {
		[BATCH] = &s->batches,   [ENTRIES] = &s->entries,      [GRANULE] = &s->granules,
		[THREADS] = &s->threads, [DIRECTION] = &s->directions, [FLUSH] = &s->flushes,
		[ROUTE] = &s->routes};
	uint64_t item[NAXES];
	unsigned index[NAXES];
	int status = EXIT_GOOD;

	for (unsigned n = 0; !status && bench_list_pick(lists, NAXES, n, item, index); n++) {
		make_case(run, item);
		if (!is_twice(&run->m->use, index))
			status = run_case(run);
	}
	if (!status && run->measured == 0)
		return complain_of_case(run->m, run->reason);
	return status;
}

/* What is wrong with a profile the library has said, in one line. */
static int check_profile(const struct bench_map_case *use)
{
	struct dmp_sim *sim;
	int err =
		dmp_sim_create(&DMP_SIM_OPTS(.profile = use->profile, .queues = use->queues), &sim);

	if (!err)
		return dmp_sim_destroy(sim);
	if (err != -ENOENT && err != -EIO)
		complain("cannot make a simulated machine: %s", strerror(-err));
	return EXIT_USAGE;
}

static int run_all(struct run *run)
{
	cpu_set_t before;
	int status = bench_node_enter(run->sweep->node, &before);

	if (status)
		return status;
	run->clock_ns = bench_map_clock_ns();
	status = run_cases(run);
	bench_node_leave(&before);
	return status;
}

int bench_map_sweep_run(struct bench_map_sweep *sweep, struct json_file *json)
{
	char *text = NULL;
	size_t len = 0;
	struct run run = {.sweep = sweep, .json = json};
	int status;

	run.m = malloc(sizeof(*run.m));
	run.closing = open_memstream(&text, &len);
	status = check_profile(&sweep->rest);
	if (!status)
		status = run.m && run.closing ? run_all(&run)
					      : complain("no memory for the figures");
	if (sweep->left_out && run.measured)
		printf("%u combinations were left out: there is no room for them\n",
		       sweep->left_out);
	if (run.closing && fclose(run.closing) == 0)
		fputs(text, stdout);
	free(text);
	free(run.m);
	return status;
}
