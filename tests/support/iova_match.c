// SPDX-License-Identifier: MIT
/*
 * iova_match.c - a script run on the library and on the model, answer by answer
 *
 *   library  ->  got  --.
 *                        == ?      then, "state", "range", "cache", "depot" likewise
 *   model    ->  want --'
 *
 * No assert leaves from here: a run that goes wrong is run again, shorter.
 */
#include "iova_match.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Operations from one comparison of everything to the next. */
#define EVERYTHING_IN 256u

struct match {
	const struct iova_setting *setting;
	struct iova_script *script;
	struct dmp_iova_domain *dom;
	struct model_iova *model;
	bool online[IOVA_MATCH_CPUS];
	unsigned nonline;
	unsigned nbugs;
};

static __attribute__((format(printf, 2, 3))) void say(char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, IOVA_OP_ANSWER, fmt, args);
	va_end(args);
}

static void say_pfn(char *text, bool given, uint64_t pfn)
{
	if (given)
		say(text, "0x%" PRIx64, pfn);
	else
		say(text, "fail");
}

static void say_range(char *text, bool there, const struct dmp_iova_range *range)
{
	if (there)
		say(text, "0x%" PRIx64 " 0x%" PRIx64, range->lo, range->hi);
	else
		say(text, "none");
}

/* An observation that differs ends the run. */
static bool observe(struct match *t, const char *what, const char *want, const char *got)
{
	if (strcmp(want, got) == 0)
		return true;
	say(t->script->want, "%s = %s", what, want);
	say(t->script->got, "%s", got);
	return false;
}

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct match *t = ctx;

	(void)line;
	t->nbugs += level == DMP_LOG_BUG;
}

/* The operations: each writes what it should answer, and what it did. */

/* Only where the model cannot tell: to look at the caches keeps their owners out for a while. */
static uint64_t stat_flushes(struct match *t)
{
	struct dmp_iova_stats stats = {0};

	if (t->setting->kind != MODEL_ANY)
		return 0;
	dmp_iova_get_stats(t->dom, &stats, sizeof(stats));
	return stats.flushes;
}

static void do_alloc(struct match *t, struct iova_op *op, char *got)
{
	uint64_t before = op->option ? stat_flushes(t) : 0, want = 0;
	struct model_iova_answer answer = {0};
	bool fast = op->kind == IOVA_OP_ALLOC_FAST, given;
	int err;

	dmp_harness_become(op->cpu);
	err = fast ? dmp_iova_alloc(t->dom, op->size, op->limit, op->option ? DMP_IOVA_FLUSH : 0,
				    &answer.pfn)
		   : dmp_iova_alloc_uncached(t->dom, op->size, op->limit,
					     op->option ? DMP_IOVA_ALIGNED : 0, &answer.pfn);
	answer.given = err == 0;
	answer.flushed = op->option && stat_flushes(t) > before;
	given = fast ? model_iova_alloc_fast(t->model, op->cpu, op->size, op->limit, op->option,
					     &answer, &want)
		     : model_iova_alloc(t->model, op->size, op->limit, op->option, &answer, &want);
	say_pfn(op->want, given, want);
	say_pfn(got, answer.given, answer.pfn);
	op->live = given;
	op->pfn = want;
}

static void do_free(struct match *t, struct iova_op *op, char *got)
{
	struct iova_op *of = &t->script->op[op->of];
	struct dmp_iova_range removed;
	int err;

	of->live = false;
	dmp_harness_become(op->cpu);
	if (of->kind == IOVA_OP_ALLOC) {
		model_iova_free_pfn(t->model, of->pfn, &removed);
		err = dmp_iova_free_pfn(t->dom, of->pfn, NULL);
	} else {
		model_iova_free_fast(t->model, op->cpu, of->pfn, of->size);
		err = dmp_iova_free(t->dom, of->pfn, of->size);
	}
	say(got, err ? "error" : "");
}

static void forget_live(struct match *t, const struct dmp_iova_range *range)
{
	struct iova_op *op;

	for (op = t->script->op; op < t->script->op + t->script->n; op++)
		if (op->live && op->pfn >= range->lo && op->pfn <= range->hi)
			op->live = false;
}

/* Only uncached ranges and reservations: a cached one that goes may be in a magazine. */
static void do_free_pfn(struct match *t, struct iova_op *op, char *got)
{
	struct dmp_iova_range want = {0}, range = {0};
	bool there = model_iova_free_pfn(t->model, op->lo, &want);

	t->nbugs -= !there; /* the library says so */
	if (there)
		forget_live(t, &want);
	say_range(op->want, there, &want);
	say_range(got, dmp_iova_free_pfn(t->dom, op->lo, &range) == 0, &range);
}

static void do_find(struct match *t, struct iova_op *op, char *got)
{
	struct dmp_iova_range want = {0}, range = {0};
	bool there = model_iova_find(t->model, op->lo, &want);

	say_range(op->want, there, &want);
	say_range(got, dmp_iova_find(t->dom, op->lo, &range) == 0, &range);
}

static void do_reserve(struct match *t, struct iova_op *op, char *got)
{
	struct dmp_iova_range want = {0}, range = {0};

	model_iova_reserve(t->model, op->lo, op->hi, &want);
	say_range(op->want, true, &want);
	say_range(got, dmp_iova_reserve(t->dom, op->lo, op->hi, &range) == 0, &range);
}

static uint64_t stat_reclaimed(struct match *t)
{
	struct dmp_iova_stats stats = {0};

	dmp_iova_get_stats(t->dom, &stats, sizeof(stats));
	return stats.depot_reclaimed;
}

static void do_depot_work(struct match *t, struct iova_op *op, char *got)
{
	uint64_t before = stat_reclaimed(t), nruns = dmp_harness_run_pending();
	unsigned want_magazines, want_runs;

	want_runs = model_iova_reclaim(t->model, t->nonline, &want_magazines);
	say(op->want, "%u %u", want_runs, want_magazines);
	say(got, "%" PRIu64 " %" PRIu64, nruns, stat_reclaimed(t) - before);
}

/* The last CPU stays. */
static void do_hotplug(struct match *t, struct iova_op *op, bool online)
{
	if (t->online[op->cpu] == online || (!online && t->nonline == 1)) {
		op->ran = false;
		return;
	}
	t->online[op->cpu] = online;
	t->nonline += online ? 1u : -1u;
	if (!online)
		model_iova_offline(t->model, op->cpu);
	dmp_harness_set_online(op->cpu, online);
}

/* Operations are done on CPUs that are online. */
static void choose_cpu(struct match *t, struct iova_op *op)
{
	if (op->kind == IOVA_OP_CPU_DEAD || op->kind == IOVA_OP_CPU_ONLINE)
		return;
	while (!t->online[op->cpu])
		op->cpu = (op->cpu + 1) % IOVA_MATCH_CPUS;
}

/* Did it answer as it should? */
static bool do_op(struct match *t, struct iova_op *op)
{
	char *got = t->script->got;

	say(op->want, "%s", "");
	say(got, "%s", "");
	op->ran = true;
	choose_cpu(t, op);
	switch (op->kind) {
	case IOVA_OP_ALLOC:
	case IOVA_OP_ALLOC_FAST: do_alloc(t, op, got); break;
	case IOVA_OP_FREE: do_free(t, op, got); break;
	case IOVA_OP_FREE_PFN: do_free_pfn(t, op, got); break;
	case IOVA_OP_FIND: do_find(t, op, got); break;
	case IOVA_OP_RESERVE: do_reserve(t, op, got); break;
	case IOVA_OP_DEPOT_WORK: do_depot_work(t, op, got); break;
	case IOVA_OP_CPU_DEAD: do_hotplug(t, op, false); break;
	case IOVA_OP_CPU_ONLINE: do_hotplug(t, op, true); break;
	}
	return strcmp(op->want, got) == 0;
}

/* What is compared beside answers. */

static void say_hint(char *text, uint64_t pfn)
{
	if (pfn == DMP_IOVA_TOP)
		say(text, "top");
	else
		say(text, "0x%" PRIx64, pfn);
}

static void say_state(char *text, const struct dmp_iova_policy_state *state)
{
	char hint32[IOVA_OP_ANSWER / 4], hint_wide[IOVA_OP_ANSWER / 4];

	say_hint(hint32, state->hint32);
	say_hint(hint_wide, state->hint_wide);
	say(text, "%" PRIu64 " %s %s 0x%" PRIx64, state->nranges, hint32, hint_wide,
	    state->ceiling);
}

static uint64_t stat_nranges(struct match *t)
{
	struct dmp_iova_stats stats = {0};

	dmp_iova_get_stats(t->dom, &stats, sizeof(stats));
	return stats.nranges;
}

static bool same_state(struct match *t)
{
	struct dmp_iova_policy_state want, state = {0};
	char text[IOVA_OP_ANSWER], got[IOVA_OP_ANSWER];

	model_iova_state(t->model, &want);
	if (dmp_iova_inspect_policy(t->dom, &state) == -ENOTSUP)
		state.nranges = stat_nranges(t);
	if (t->setting->kind != MODEL_LINUX) {
		say(text, "%" PRIu64, want.nranges);
		say(got, "%" PRIu64, state.nranges);
		return observe(t, "state", text, got);
	}
	say_state(text, &want);
	say_state(got, &state);
	return observe(t, "state", text, got);
}

static bool same_ranges(struct match *t)
{
	struct dmp_iova_range want, range = {0};
	char text[IOVA_OP_ANSWER], got[IOVA_OP_ANSWER];
	uint64_t i = 0, from = 0;
	bool there;

	do {
		there = model_iova_range(t->model, i++, &want);
		say_range(text, there, &want);
		say_range(got, dmp_iova_next(t->dom, from, &range) == 0, &range);
		from = range.lo + 1;
		if (!observe(t, "range", text, got))
			return false;
	} while (there);
	return true;
}

static uint32_t count(struct match *t, enum dmp_iova_magazine_place place, unsigned index,
		      unsigned order)
{
	struct dmp_iova_magazine_view view = {0};

	dmp_iova_inspect_magazine(t->dom, place, index, order, &view);
	return view.count;
}

static bool same_cache(struct match *t, unsigned cpu, unsigned order)
{
	char what[IOVA_OP_ANSWER], text[IOVA_OP_ANSWER], got[IOVA_OP_ANSWER];

	say(what, "cache %u %u", cpu, order);
	say(text, "%u %u", model_iova_count(t->model, cpu, order, false),
	    model_iova_count(t->model, cpu, order, true));
	say(got, "%u %u", count(t, DMP_IOVA_LOADED, cpu, order),
	    count(t, DMP_IOVA_PREV, cpu, order));
	return observe(t, what, text, got);
}

static bool same_depot(struct match *t, unsigned order)
{
	char what[IOVA_OP_ANSWER], text[IOVA_OP_ANSWER], got[IOVA_OP_ANSWER];
	unsigned n = 0;

	while (count(t, DMP_IOVA_DEPOT, n, order))
		n++;
	say(what, "depot %u", order);
	say(text, "%u", model_iova_depot(t->model, order));
	say(got, "%u", n);
	return observe(t, what, text, got);
}

static bool same_everything(struct match *t)
{
	unsigned cpu, order;

	for (order = 0; order < DMP_IOVA_CLASSES_MAX; order++) {
		for (cpu = 0; cpu < IOVA_MATCH_CPUS; cpu++)
			if (!same_cache(t, cpu, order))
				return false;
		if (!same_depot(t, order))
			return false;
	}
	return same_ranges(t) &&
	       observe(t, "check", "0", dmp_iova_check(t->dom) == 0 ? "0" : "-EIO") &&
	       observe(t, "logged", "0", t->nbugs == 0 ? "0" : "a broken promise");
}

/* Whole runs. */

static bool match_begin(struct match *t)
{
	const struct dmp_iova_opts *opts = &t->setting->opts;
	bool cached = !(opts->flags & DMP_IOVA_NO_CACHE);
	struct model_iova_opts model = {
		.kind = t->setting->kind,
		.granule = opts->granule,
		.start_pfn = opts->start_pfn,
		.ncpus = IOVA_MATCH_CPUS,
		.magazine_size = opts->magazine_size ? opts->magazine_size : 127,
		.classes = !cached         ? 0
			   : opts->classes ? opts->classes
					   : DMP_IOVA_CLASSES,
		.depot_limit = opts->depot_limit,
		.reclaim_threshold = opts->reclaim_threshold,
		.inflight_limit = opts->inflight_limit,
		.sure_last = t->setting->sure_last,
	};

	dmp_log_set_sink(count_bugs, t);
	if (dmp_harness_enter(IOVA_MATCH_CPUS) || dmp_iova_create(opts, &t->dom))
		return false;
	t->model = model_iova_create(&model);
	for (t->nonline = 0; t->nonline < IOVA_MATCH_CPUS; t->nonline++)
		t->online[t->nonline] = true;
	say(t->script->space, "%" PRIu64 " 0x%" PRIx64 " %u %d", opts->granule, opts->start_pfn,
	    IOVA_MATCH_CPUS, cached);
	return true;
}

static bool match_end(struct match *t)
{
	dmp_iova_destroy(t->dom);
	model_iova_destroy(t->model);
	dmp_harness_leave();
	dmp_log_set_sink(NULL, NULL);
	return dmp_meta_in_use() == 0;
}

static void forget_run(struct iova_script *script)
{
	unsigned i;

	say(script->want, "%s", "");
	for (i = 0; i < script->n; i++)
		script->op[i].live = script->op[i].ran = false;
}

unsigned iova_match_run(void *ctx, struct iova_script *script)
{
	struct match t = {.setting = ctx, .script = script};
	struct iova_op *op;
	unsigned i;
	bool same = true;

	forget_run(script);
	if (!match_begin(&t))
		return 0;
	for (i = 0; i < script->n; i++) {
		op = &script->op[i];
		if (!iova_script_passes(script, op))
			same = do_op(&t, op) && same_state(&t);
		if (same && (i % EVERYTHING_IN == 0 || i == script->n - 1))
			same = same_everything(&t);
		if (!same)
			break;
	}
	return match_end(&t) ? i : script->n - 1;
}
