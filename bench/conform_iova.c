// SPDX-License-Identifier: MIT
/*
 * conform_iova.c - what each operation of the IOVA vectors does here
 *
 * A run of a block is one stretch of manual mode with one domain, or with one flush queue in
 * front of a domain, which is the business of conform_queue.c.  Every operation writes
 * its answer in the words of the vectors, so that a comparison is one of texts:
 *
 *   vectors                          here
 *   domain GRANULE START CPUS RC     dmp_harness_enter(CPUS), dmp_iova_create()
 *   alloc_fast CPU ...               dmp_harness_become(CPU), dmp_iova_alloc()
 *   advance MS                       dmp_harness_advance()
 *   nomem R M                        dmp_harness_fail_alloc()
 *   state, cache, depot, mag         dmp_iova_inspect_*()
 *
 * An operation without a result answers "ok", or the name of its error.
 *
 * Uses the public calls alone.
 */
#include "conform.h"

#include <dmapool/harness.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NS_A_MS UINT64_C(1000000)
/* More ids than any file has lines: a larger one is a slip of the pen. */
#define ID_MAX  UINT64_C(10000000)

/* A range that a fast allocation gave out and nobody has freed. */
struct given {
	uint64_t pfn, size;
};

struct conform_replay {
	struct dmp_iova_domain *dom; /* NULL: none */
	struct conform_queue *queue; /* whose dom is, NULL: of its own */
	bool is_manual;
	bool tracks;        /* keep `given` */
	uint64_t dump_from; /* where the next `range` line looks */

	uint64_t *id_pfns; /* by id; UINT64_MAX: none */
	uint64_t nids;

	struct given *given;
	size_t ngiven, given_room;
	const char *trouble; /* of the replay itself */
};

/* Answers. */

static void say_pfn(char *got, int err, uint64_t pfn)
{
	if (err)
		conform_say(got, "fail");
	else
		conform_say(got, "0x%" PRIx64, pfn);
}

static void say_range(char *got, int err, const struct dmp_iova_range *range, const char *none)
{
	if (err)
		conform_say(got, "%s", none);
	else
		conform_say(got, "0x%" PRIx64 " 0x%" PRIx64, range->lo, range->hi);
}

static void say_hint(char *got, uint64_t pfn)
{
	if (pfn == DMP_IOVA_TOP)
		conform_say(got, " top");
	else
		conform_say(got, " 0x%" PRIx64, pfn);
}

static void say_magazine(char *got, const struct dmp_iova_magazine_view *view)
{
	uint32_t i;

	conform_say(got, "%" PRIu32, view->count);
	for (i = 0; i < view->count; i++)
		conform_say(got, " 0x%" PRIx64, view->pfns[i]);
}

/* What the script holds. */

static bool set_id(struct conform_replay *replay, uint64_t id, uint64_t pfn)
{
	uint64_t room = replay->nids ? replay->nids * 2 : 1024;
	uint64_t *grown;

	if (id >= ID_MAX)
		return false;
	while (room <= id)
		room *= 2;
	if (id >= replay->nids) {
		grown = realloc(replay->id_pfns, room * sizeof(*grown));
		if (!grown)
			return false;
		memset(grown + replay->nids, 0xff, (room - replay->nids) * sizeof(*grown));
		replay->id_pfns = grown;
		replay->nids = room;
	}
	replay->id_pfns[id] = pfn;
	return true;
}

static bool has_id(const struct conform_replay *replay, uint64_t id)
{
	return id < replay->nids && replay->id_pfns[id] != UINT64_MAX;
}

static struct given *find_given(const struct conform_replay *replay, uint64_t pfn, uint64_t size)
{
	size_t i;

	for (i = replay->ngiven; i-- > 0;)
		if (replay->given[i].pfn == pfn && replay->given[i].size == size)
			return &replay->given[i];
	return NULL;
}

static void add_given(struct conform_replay *replay, uint64_t pfn, uint64_t size)
{
	size_t room = replay->given_room ? replay->given_room * 2 : 256;
	struct given *grown;

	if (!replay->tracks && !replay->queue)
		return;
	if (replay->ngiven == replay->given_room) {
		grown = realloc(replay->given, room * sizeof(*grown));
		if (!grown) {
			replay->trouble = "no memory to replay with";
			return;
		}
		replay->given = grown;
		replay->given_room = room;
	}
	replay->given[replay->ngiven++] = (struct given){pfn, size};
}

static void remove_given(struct conform_replay *replay, uint64_t pfn, uint64_t size)
{
	struct given *entry = find_given(replay, pfn, size);

	if (entry)
		*entry = replay->given[--replay->ngiven];
}

static uint64_t reclaimed(struct conform_replay *replay)
{
	struct dmp_iova_stats stats = {0};

	dmp_iova_get_stats(replay->dom, &stats, sizeof(stats));
	return stats.depot_reclaimed;
}

/* The operations. */

/* What is still mapped goes first. */
static void drop_queue(struct conform_replay *replay)
{
	const char *trouble;

	for (; replay->ngiven > 0; replay->ngiven--)
		conform_queue_unmap(replay->queue, replay->given[replay->ngiven - 1].pfn,
				    replay->given[replay->ngiven - 1].size, NULL);
	trouble = conform_queue_destroy(replay->queue);
	if (trouble)
		replay->trouble = trouble;
	replay->queue = NULL;
}

static void drop_domain(struct conform_replay *replay)
{
	if (replay->queue)
		drop_queue(replay);
	else if (replay->dom)
		dmp_iova_destroy(replay->dom);
	replay->dom = NULL;
	if (replay->is_manual && dmp_harness_leave())
		replay->trouble = "the domain left something behind";
	replay->is_manual = false;
}

static void walk_domain(struct conform_replay *replay)
{
	const char *trouble = replay->queue ? conform_queue_check(replay->queue) : NULL;

	if (trouble)
		replay->trouble = trouble;
	if (replay->dom && dmp_iova_check(replay->dom))
		replay->trouble = "the walkers found an inconsistency";
}

static void run_domain(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_opts opts = DMP_IOVA_OPTS(.granule = line->arg[0],
						  .start_pfn = line->arg[1],
						  .flags = line->arg[3] ? 0 : DMP_IOVA_NO_CACHE);
	int err = line->arg[2] <= UINT_MAX ? dmp_harness_enter((unsigned)line->arg[2]) : -EINVAL;

	replay->is_manual = !err;
	if (!err)
		err = dmp_iova_create(&opts, &replay->dom);
	conform_say_ok(got, err);
}

static void run_destroy(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	(void)line;
	walk_domain(replay);
	drop_domain(replay);
	conform_say(got, "ok");
}

static void run_alloc(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	uint64_t pfn = UINT64_MAX;
	int err = dmp_iova_alloc_uncached(replay->dom, line->arg[1], line->arg[2],
					  line->arg[3] ? DMP_IOVA_ALIGNED : 0, &pfn);

	if (!set_id(replay, line->arg[0], pfn))
		replay->trouble = "an id is too large to keep";
	say_pfn(got, err, pfn);
}

static void run_free(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	uint64_t id = line->arg[0];
	bool is_live = has_id(replay, id);

	conform_say_ok(got, is_live ? dmp_iova_free_pfn(replay->dom, replay->id_pfns[id], NULL)
				    : -ENOENT);
	if (is_live)
		replay->id_pfns[id] = UINT64_MAX;
}

static void run_free_pfn(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_range range;
	int err = dmp_iova_find(replay->dom, line->arg[0], &range);

	if (!err)
		err = dmp_iova_free_pfn(replay->dom, line->arg[0], &range);
	say_range(got, err, &range, "none");
}

static void run_find(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_range range;
	int err = dmp_iova_find(replay->dom, line->arg[0], &range);

	say_range(got, err, &range, "none");
}

static void run_reserve(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_range range;
	int err = dmp_iova_reserve(replay->dom, line->arg[0], line->arg[1], &range);

	say_range(got, err, &range, "fail");
}

static int become(uint64_t cpu)
{
	return cpu <= UINT_MAX ? dmp_harness_become((unsigned)cpu) : -EINVAL;
}

static void run_alloc_fast(struct conform_replay *replay, const struct conform_line *line,
			   char *got)
{
	uint64_t pfn = 0;
	int err = become(line->arg[0]);

	if (!err && replay->queue)
		err = conform_queue_map(replay->queue, line->arg[1], line->arg[2], &pfn);
	else if (!err)
		err = dmp_iova_alloc(replay->dom, line->arg[1], line->arg[2],
				     line->arg[3] ? DMP_IOVA_FLUSH : 0, &pfn);
	if (!err)
		add_given(replay, pfn, line->arg[1]);
	say_pfn(got, err, pfn);
}

static void run_free_fast(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	int err = become(line->arg[0]);

	if (!err)
		err = dmp_iova_free(replay->dom, line->arg[1], line->arg[2]);
	if (!err)
		remove_given(replay, line->arg[1], line->arg[2]);
	conform_say_ok(got, err);
}

static void run_depot_work(struct conform_replay *replay, const struct conform_line *line,
			   char *got)
{
	uint64_t before = reclaimed(replay), runs = dmp_harness_run_pending();

	(void)line;
	conform_say(got, "%" PRIu64 " %" PRIu64, runs, reclaimed(replay) - before);
}

static void run_advance(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	uint64_t before = reclaimed(replay), runs = dmp_harness_advance(line->arg[0] * NS_A_MS);

	conform_say(got, "%" PRIu64 " %" PRIu64, runs, reclaimed(replay) - before);
}

static int set_online(uint64_t cpu, bool online)
{
	return cpu <= UINT_MAX ? dmp_harness_set_online((unsigned)cpu, online) : -EINVAL;
}

static void run_cpu_dead(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	(void)replay;
	conform_say_ok(got, set_online(line->arg[0], false));
}

static void run_cpu_online(struct conform_replay *replay, const struct conform_line *line,
			   char *got)
{
	(void)replay;
	conform_say_ok(got, set_online(line->arg[0], true));
}

static int fail_all(enum dmp_harness_alloc kind, uint64_t on)
{
	return dmp_harness_fail_alloc(kind, on ? 1 : 0, UINT64_MAX);
}

static void run_nomem(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	int err = fail_all(DMP_HARNESS_ALLOC_RANGE, line->arg[0]);

	(void)replay;
	if (!err)
		err = fail_all(DMP_HARNESS_ALLOC_MAGAZINE, line->arg[1]);
	conform_say_ok(got, err);
}

static void run_dump(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_stats stats = {0};

	(void)line;
	dmp_iova_get_stats(replay->dom, &stats, sizeof(stats));
	replay->dump_from = 0;
	conform_say(got, "%" PRIu64, stats.nranges);
}

static void run_range(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_range range;
	int err = dmp_iova_next(replay->dom, replay->dump_from, &range);

	(void)line;
	if (!err)
		replay->dump_from = range.lo + 1;
	say_range(got, err, &range, "none");
}

static void run_state(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_policy_state state = {0};

	(void)line;
	if (dmp_iova_inspect_policy(replay->dom, &state))
		return;
	conform_say(got, "%" PRIu64, state.nranges);
	say_hint(got, state.hint32);
	say_hint(got, state.hint_wide);
	conform_say(got, " 0x%" PRIx64, state.ceiling);
}

static int inspect(struct conform_replay *replay, enum dmp_iova_magazine_place place,
		   uint64_t index, uint64_t order, struct dmp_iova_magazine_view *view)
{
	*view = (struct dmp_iova_magazine_view){0};
	if (index > UINT_MAX || order > UINT_MAX)
		return -EINVAL;
	return dmp_iova_inspect_magazine(replay->dom, place, (unsigned)index, (unsigned)order,
					 view);
}

static void run_cache(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_magazine_view loaded, prev;

	inspect(replay, DMP_IOVA_LOADED, line->arg[0], line->arg[1], &loaded);
	inspect(replay, DMP_IOVA_PREV, line->arg[0], line->arg[1], &prev);
	conform_say(got, "%" PRIu32 " %" PRIu32, loaded.count, prev.count);
}

static void run_depot(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_magazine_view view;
	unsigned n = 0;

	while (inspect(replay, DMP_IOVA_DEPOT, n, line->arg[0], &view) == 0)
		n++;
	conform_say(got, "%u %d", n, dmp_iova_inspect_reclaim(replay->dom, (unsigned)line->arg[0]));
}

static void run_mag(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_magazine_view view;

	inspect(replay, (enum dmp_iova_magazine_place)line->arg[2], line->arg[0], line->arg[1],
		&view);
	say_magazine(got, &view);
}

static void run_depotmag(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	struct dmp_iova_magazine_view view;

	inspect(replay, DMP_IOVA_DEPOT, line->arg[1], line->arg[0], &view);
	say_magazine(got, &view);
}

/* The flush queue. */

static void run_queue(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	int err = line->arg[1] <= UINT_MAX ? dmp_harness_enter((unsigned)line->arg[1]) : -EINVAL;

	replay->is_manual = !err;
	if (!err)
		err = conform_queue_create(line->arg, &replay->queue);
	if (!err)
		replay->dom = conform_queue_iova(replay->queue);
	conform_say_ok(got, err);
}

/* The answer is what happened; an error is told behind it. */
static void run_enqueue(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	int err = replay->queue ? become(line->arg[0]) : -ENOENT;

	if (!err)
		err = conform_queue_unmap(replay->queue, line->arg[1], line->arg[2], got);
	if (err)
		conform_say_word(got, strerror(-err));
	else
		remove_given(replay, line->arg[1], line->arg[2]);
}

static void run_tick(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	int err = replay->queue ? become(line->arg[1]) : -ENOENT;

	if (err)
		conform_say_word(got, strerror(-err));
	else
		conform_queue_tick(replay->queue, line->arg[0], got);
}

static void run_qstate(struct conform_replay *replay, const struct conform_line *line, char *got)
{
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
	{"domain", "nnnn", CONFORM_NONE, true, run_domain, NULL},
	{"destroy", "", CONFORM_NONE, false, run_destroy, NULL},
	{"alloc", "nnnn", CONFORM_SOME, false, run_alloc, NULL},
	{"free", "n", CONFORM_NONE, false, run_free, NULL},
	{"free_pfn", "n", CONFORM_SOME, false, run_free_pfn, NULL},
	{"find", "n", CONFORM_SOME, false, run_find, NULL},
	{"reserve", "nn", CONFORM_SOME, false, run_reserve, NULL},
	{"alloc_fast", "nnnn", CONFORM_SOME, false, run_alloc_fast, NULL},
	{"free_fast", "nnn", CONFORM_NONE, false, run_free_fast, NULL},
	{"depot_work", "", CONFORM_SOME, false, run_depot_work, NULL},
	{"advance", "n", CONFORM_SOME, false, run_advance, NULL},
	{"cpu_dead", "n", CONFORM_NONE, false, run_cpu_dead, NULL},
	{"cpu_online", "n", CONFORM_NONE, false, run_cpu_online, NULL},
	{"nomem", "nn", CONFORM_NONE, false, run_nomem, NULL},
	{"dump", "", CONFORM_SOME, false, run_dump, NULL},
	{"range", "", CONFORM_SOME, false, run_range, NULL},
	{"state", "", CONFORM_SOME, false, run_state, NULL},
	{"cache", "nn", CONFORM_SOME, false, run_cache, NULL},
	{"depot", "n", CONFORM_SOME, false, run_depot, NULL},
	{"mag", "nnn", CONFORM_SOME, false, run_mag, NULL},
	{"depotmag", "nn", CONFORM_SOME, false, run_depotmag, NULL},
	/* The layers above the allocator. */
	{"queue", "nnnn", CONFORM_NONE, true, run_queue, NULL},
	{"enqueue", "nnn", CONFORM_ANY, false, run_enqueue, NULL},
	{"tick", "nn", CONFORM_ANY, false, run_tick, NULL},
	{"qstate", "", CONFORM_SOME, false, run_qstate, NULL},
	{"map", "nnnnnn", CONFORM_NONE, false, NULL, NULL},
	{"call", "nnnn", CONFORM_SOME, false, NULL, NULL},
	{"uncall", "nnn", CONFORM_SOME, false, NULL, NULL},
	{"unmap", "nnn", CONFORM_NONE, false, NULL, NULL},
	{"ret", "", CONFORM_SOME, false, NULL, NULL},
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

static bool is_run(const struct conform_block *block)
{
	size_t i;

	for (i = 0; i < block->nlines; i++)
		if (!block->lines[i].op->run)
			return false;
	return true;
}

struct conform_replay *conform_replay_begin(bool tracks)
{
	struct conform_replay *replay = calloc(1, sizeof(*replay));

	if (replay)
		replay->tracks = tracks;
	return replay;
}

void conform_replay_line(struct conform_replay *replay, const struct conform_line *line, char *got)
{
	got[0] = '\0';
	line->op->run(replay, line, got);
}

bool conform_replay_is_stale(const struct conform_replay *replay, const struct conform_line *line)
{
	if (line->op->run == run_free)
		return !has_id(replay, line->arg[0]);
	return line->op->run == run_free_fast && !find_given(replay, line->arg[1], line->arg[2]);
}

const char *conform_replay_end(struct conform_replay *replay)
{
	const char *trouble;

	walk_domain(replay);
	drop_domain(replay);
	fail_all(DMP_HARNESS_ALLOC_RANGE, false);
	fail_all(DMP_HARNESS_ALLOC_MAGAZINE, false);
	trouble = replay->trouble;
	free(replay->id_pfns);
	free(replay->given);
	free(replay);
	return trouble;
}

static void *open_run(void)
{
	return conform_replay_begin(false);
}

static void run_line(void *replay, const struct conform_line *line, char *got)
{
	conform_replay_line(replay, line, got);
}

static const char *close_run(void *replay)
{
	return conform_replay_end(replay);
}

const struct conform_format conform_iova = {
	.header = "# iova-vectors 1",
	.begin = "domain",
	.find_op = conform_iova_op,
	.parse_arg = parse_arg,
	.is_run = is_run,
	.open = open_run,
	.line = run_line,
	.close = close_run,
	.choose = conform_choice_apply,
};
