// SPDX-License-Identifier: MIT
/*
 * conform_iova.c - what each operation of the IOVA vectors does here
 *
 * Every operation acts on a run, which conform_replay.c is about, and writes its answer in the
 * words of the vectors, so that a comparison is one of texts:
 *
 *   vectors                          here
 *   domain GRANULE START CPUS RC     dmp_harness_enter(CPUS), dmp_iova_create()
 *   alloc_fast CPU ...               dmp_harness_become(CPU), dmp_iova_alloc()
 *   advance MS                       dmp_harness_advance()
 *   nomem R M                        dmp_harness_fail_alloc()
 *   enqueue, tick, qstate            conform_queue.c
 *   map, call, uncall, unmap, ret    conform_pages.c
 *   dump, range, state, cache, ...   conform_view.c
 *
 * An operation without a result answers "ok", or the name of its error.
 *
 * Uses the public calls alone.
 */
#include "conform_iova.h"

#include <dmapool/harness.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NS_A_MS UINT64_C(1000000)

static void say_pfn(char *got, int err, uint64_t pfn)
{
	if (err)
		conform_say(got, "fail");
	else
		conform_say(got, "0x%" PRIx64, pfn);
}

void conform_say_range(char *got, int err, const struct dmp_iova_range *range, const char *none)
{
	if (err)
		conform_say(got, "%s", none);
	else
		conform_say(got, "0x%" PRIx64 " 0x%" PRIx64, range->lo, range->hi);
}

static uint64_t reclaimed(struct conform_replay *replay)
{
	struct dmp_iova_stats stats = {0};

	dmp_iova_get_stats(replay->dom, &stats, sizeof(stats));
	return stats.depot_reclaimed;
}

static void run_domain(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_opts opts = DMP_IOVA_OPTS(.granule = line->arg[0],
						  .start_pfn = line->arg[1],
						  .flags = line->arg[3] ? 0 : DMP_IOVA_NO_CACHE);
	int err = line->arg[2] <= UINT_MAX ? dmp_harness_enter((unsigned)line->arg[2]) : -EINVAL;

	replay->is_manual = !err;
	if (!err)
		err = dmp_iova_create(&opts, &replay->dom);
	conform_say_ok(got, err);
}

static void run_destroy(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;

	(void)line;
	conform_replay_walk(replay);
	conform_replay_drop(replay);
	conform_say(got, "ok");
}

static void run_alloc(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	uint64_t pfn = UINT64_MAX;
	int err = dmp_iova_alloc_uncached(replay->dom, line->arg[1], line->arg[2],
					  line->arg[3] ? DMP_IOVA_ALIGNED : 0, &pfn);

	if (!conform_replay_set_id(replay, line->arg[0], pfn))
		replay->trouble = "an id is too large to keep";
	say_pfn(got, err, pfn);
}

static void run_free(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	uint64_t id = line->arg[0];
	bool is_live = conform_replay_has_id(replay, id);

	conform_say_ok(got, is_live ? dmp_iova_free_pfn(replay->dom, replay->id_pfns[id], NULL)
				    : -ENOENT);
	if (is_live)
		replay->id_pfns[id] = UINT64_MAX;
}

static void run_free_pfn(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_range range;
	int err = dmp_iova_find(replay->dom, line->arg[0], &range);

	if (!err)
		err = dmp_iova_free_pfn(replay->dom, line->arg[0], &range);
	conform_say_range(got, err, &range, "none");
}

static void run_find(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_range range;
	int err = dmp_iova_find(replay->dom, line->arg[0], &range);

	conform_say_range(got, err, &range, "none");
}

static void run_reserve(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_iova_range range;
	int err = dmp_iova_reserve(replay->dom, line->arg[0], line->arg[1], &range);

	conform_say_range(got, err, &range, "fail");
}

static int become(uint64_t cpu)
{
	return cpu <= UINT_MAX ? dmp_harness_become((unsigned)cpu) : -EINVAL;
}

static void run_alloc_fast(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	uint64_t pfn = 0;
	int err = become(line->arg[0]);

	if (!err && replay->queue)
		err = conform_queue_map(replay->queue, line->arg[1], line->arg[2], &pfn);
	else if (!err)
		err = dmp_iova_alloc(replay->dom, line->arg[1], line->arg[2],
				     line->arg[3] ? DMP_IOVA_FLUSH : 0, &pfn);
	if (!err)
		conform_replay_add_given(replay, pfn, line->arg[1]);
	say_pfn(got, err, pfn);
}

static void run_free_fast(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	int err = become(line->arg[0]);

	if (!err)
		err = dmp_iova_free(replay->dom, line->arg[1], line->arg[2]);
	if (!err)
		conform_replay_remove_given(replay, line->arg[1], line->arg[2]);
	conform_say_ok(got, err);
}

static void run_depot_work(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	uint64_t before = reclaimed(replay), runs = dmp_harness_run_pending();

	(void)line;
	conform_say(got, "%" PRIu64 " %" PRIu64, runs, reclaimed(replay) - before);
}

static void run_advance(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	uint64_t before = reclaimed(replay), runs = dmp_harness_advance(line->arg[0] * NS_A_MS);

	conform_say(got, "%" PRIu64 " %" PRIu64, runs, reclaimed(replay) - before);
}

static int set_online(uint64_t cpu, bool online)
{
	return cpu <= UINT_MAX ? dmp_harness_set_online((unsigned)cpu, online) : -EINVAL;
}

static void run_cpu_dead(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;

	(void)replay;
	conform_say_ok(got, set_online(line->arg[0], false));
}

static void run_cpu_online(void *run, const struct conform_line *line, char *got)
{
	(void)run;
	conform_say_ok(got, set_online(line->arg[0], true));
}

static void run_nomem(void *run, const struct conform_line *line, char *got)
{
	int err = conform_replay_fail(DMP_HARNESS_ALLOC_RANGE, line->arg[0]);

	(void)run;
	if (!err)
		err = conform_replay_fail(DMP_HARNESS_ALLOC_MAGAZINE, line->arg[1]);
	conform_say_ok(got, err);
}

/* The flush queue. */

static void run_queue(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	int err = line->arg[1] <= UINT_MAX ? dmp_harness_enter((unsigned)line->arg[1]) : -EINVAL;

	replay->is_manual = !err;
	if (!err)
		err = conform_queue_create(line->arg, &replay->queue);
	if (!err)
		replay->dom = conform_queue_iova(replay->queue);
	conform_say_ok(got, err);
}

/* The answer is what happened; an error is told behind it. */
static void run_enqueue(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	int err = replay->queue ? become(line->arg[0]) : -ENOENT;

	if (!err)
		err = conform_queue_unmap(replay->queue, line->arg[1], line->arg[2], got);
	if (err)
		conform_say_word(got, strerror(-err));
	else
		conform_replay_remove_given(replay, line->arg[1], line->arg[2]);
}

static void run_tick(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	int err = replay->queue ? become(line->arg[1]) : -ENOENT;

	if (err)
		conform_say_word(got, strerror(-err));
	else
		conform_queue_tick(replay->queue, line->arg[0], got);
}

static void run_qstate(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct dmp_flushq_state state;
	unsigned cpu;

	(void)line;
	if (!replay->queue || conform_queue_state(replay->queue, 0, &state))
		return;
	conform_say(got, "%" PRIu64 " %" PRIu64 " %d", state.started, state.finished,
		    state.timer_armed);
	for (cpu = 0; conform_queue_state(replay->queue, cpu, &state) == 0; cpu++)
		conform_say(got, " %" PRIu64, state.queued);
}

static const struct conform_op ops[] = {
	/* name, arguments, result, starts a block */
	{"domain", "nnnn", CONFORM_NONE, true, run_domain},
	{"destroy", "", CONFORM_NONE, false, run_destroy},
	{"alloc", "nnnn", CONFORM_SOME, false, run_alloc},
	{"free", "n", CONFORM_NONE, false, run_free},
	{"free_pfn", "n", CONFORM_SOME, false, run_free_pfn},
	{"find", "n", CONFORM_SOME, false, run_find},
	{"reserve", "nn", CONFORM_SOME, false, run_reserve},
	{"alloc_fast", "nnnn", CONFORM_SOME, false, run_alloc_fast},
	{"free_fast", "nnn", CONFORM_NONE, false, run_free_fast},
	{"depot_work", "", CONFORM_SOME, false, run_depot_work},
	{"advance", "n", CONFORM_SOME, false, run_advance},
	{"cpu_dead", "n", CONFORM_NONE, false, run_cpu_dead},
	{"cpu_online", "n", CONFORM_NONE, false, run_cpu_online},
	{"nomem", "nn", CONFORM_NONE, false, run_nomem},
	{"dump", "", CONFORM_SOME, false, conform_view_dump},
	{"range", "", CONFORM_SOME, false, conform_view_range},
	{"state", "", CONFORM_SOME, false, conform_view_state},
	{"cache", "nn", CONFORM_SOME, false, conform_view_cache},
	{"depot", "n", CONFORM_SOME, false, conform_view_depot},
	{"mag", "nnn", CONFORM_SOME, false, conform_view_mag},
	{"depotmag", "nn", CONFORM_SOME, false, conform_view_depotmag},
	/* The layers above the allocator. */
	{"queue", "nnnn", CONFORM_NONE, true, run_queue},
	{"enqueue", "nnn", CONFORM_ANY, false, run_enqueue},
	{"tick", "nn", CONFORM_ANY, false, run_tick},
	{"qstate", "", CONFORM_SOME, false, run_qstate},
	{"map", "nnnnnn", CONFORM_NONE, true, conform_pages_map},
	{"call", "nnnn", CONFORM_SOME, false, conform_pages_call},
	{"uncall", "nnn", CONFORM_SOME, false, conform_pages_uncall},
	{"unmap", "nnn", CONFORM_NONE, false, conform_pages_unmap},
	{"ret", "", CONFORM_SOME, false, conform_pages_ret},
};

const struct conform_op *conform_iova_op(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].name) == len && memcmp(ops[i].name, name, len) == 0)
			return &ops[i];
	return NULL;
}

/* A number, or one of the words that stand for one. */
static bool parse_arg(char letter, const char *word, size_t len, uint64_t *arg)
{
	static const struct {
		const char *word;
		uint64_t arg;
	} words[] = {
		{"loaded", DMP_IOVA_LOADED},
		{"prev", DMP_IOVA_PREV},
		{"percpu", DMP_FLUSH_LAZY},
		{"single", DMP_FLUSH_LAZY_SINGLE},
	};
	size_t i;

	(void)letter;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].word) != len || memcmp(words[i].word, word, len) != 0)
			continue;
		*arg = words[i].arg;
		return true;
	}
	return conform_number(word, len, 0, arg);
}

bool conform_replay_is_stale(const struct conform_replay *replay, const struct conform_line *line)
{
	if (line->op->run == run_free)
		return !conform_replay_has_id(replay, line->arg[0]);
	return line->op->run == run_free_fast &&
	       !conform_replay_find_given(replay, line->arg[1], line->arg[2]);
}

static void *open_run(void)
{
	return conform_replay_begin(false);
}

static const char *close_run(void *run)
{
	return conform_replay_end(run);
}

const struct conform_format conform_iova = {
	.header = "# iova-vectors 1",
	.begin = "domain",
	.find_op = conform_iova_op,
	.parse_arg = parse_arg,
	.open = open_run,
	.close = close_run,
	.choose = conform_choice_apply,
};
