// SPDX-License-Identifier: MIT
/*
 * slots_match.c - a script run on the library and on the model, answer by answer
 *
 *   library  ->  got  --.
 *                        == ?      then events, "stat", "counts", "areas", "occ" likewise
 *   model    ->  want --'
 *
 * No assert leaves from here: a run that goes wrong is run again, shorter.
 */
#include "slots_match_internal.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Operations from one comparison of everything to the next. */
#define EVERYTHING_IN 64u

void slots_match_say(char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, SLOTS_OP_ANSWER, fmt, args);
	va_end(args);
}

bool slots_match_observe(struct slots_match *t, const char *what, const char *want, const char *got)
{
	if (strcmp(want, got) == 0)
		return true;
	slots_match_say(t->script->want, "%.*s = %.*s", 40, what, 50, want);
	slots_match_say(t->script->got, "%s", got);
	return false;
}

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct slots_match *t = ctx;

	(void)line;
	t->nbugs += level == DMP_LOG_BUG;
}

/* Did it answer as it should? */
static bool do_op(struct slots_match *t, struct slots_op *op)
{
	slots_machine_log()->n = 0;
	model_swiotlb_begin(t->model, slots_machine_log());
	slots_match_do(t, op);
	slots_script_keep_events(op, &t->model->want);
	return strcmp(op->want, t->script->got) == 0 && slots_match_same_events(t);
}

static void name_pool(struct slots_match *t)
{
	const struct dmp_swiotlb_opts *o = &t->setting->opts;

	slots_match_say(t->script->policy, "%.31s", t->model->policy);
	if (t->setting->is_restricted)
		slots_match_say(t->script->pool,
				"restricted 0 %" PRIx64 " %" PRIu64 " = 0 %" PRIu64 " 1 %" PRIu64,
				SLOTS_DMA32, o->slots, o->slots, o->slots);
	else
		slots_match_say(t->script->pool,
				"pool %" PRIu64 " %" PRIu64 " %" PRIx64 " %s%s 0 = %" PRIu64
				" %" PRIu64 " %" PRIu64 " %" PRIu64,
				o->slots, o->areas, t->model->pools->phys,
				o->flags & DMP_SWIOTLB_GROWS ? "g" : "-",
				o->flags & DMP_SWIOTLB_ANY ? "a" : "", o->slots, o->areas,
				o->slots / o->areas, o->slots);
}

static bool make_allocator(struct slots_match *t)
{
	const struct dmp_swiotlb_opts *o = &t->setting->opts;
	struct dmp_swiotlb_pool_view view;
	unsigned i;

	if (t->setting->is_restricted
		    ? dmp_swiotlb_create_restricted(t->hw, SLOTS_DMA32,
						    o->slots * DMP_SWIOTLB_SLOT_BYTES, &t->tlb)
		    : dmp_swiotlb_create(t->hw, o, &t->tlb))
		return false;
	dmp_swiotlb_inspect_pool(t->tlb, 0, &view);
	t->model = model_swiotlb_create(o, view.phys, view.slots, view.areas);
	if (t->setting->is_restricted)
		t->model->stats.grow_slots = 0;
	for (i = 0; i < MODEL_DEVS; i++)
		if (dmp_swiotlb_device_create(t->tlb, &t->dev[i]))
			return false;
	name_pool(t);
	return true;
}

static void unmap_rest(struct slots_match *t)
{
	struct slots_op *op;

	for (op = t->script->op; op < t->script->op + t->script->n; op++)
		if (op->phys)
			slots_match_unmap(t, op);
}

/* A library that went wrong may leave things behind: a run sees its own only. */
static bool is_manual;

static bool match_begin(struct slots_match *t)
{
	if (!is_manual && dmp_harness_enter(MODEL_CPUS))
		return false;
	is_manual = true;
	t->meta_before = dmp_meta_in_use();
	return slots_machine_open(&t->hw) == 0 && make_allocator(t);
}

static bool match_end(struct slots_match *t)
{
	unsigned i;

	unmap_rest(t);
	for (i = 0; i < t->nchildren; i++) {
		dmp_swiotlb_destroy(t->child[i].tlb);
		if (t->child[i].model)
			model_swiotlb_destroy(t->child[i].model);
	}
	for (i = 0; i < MODEL_DEVS; i++)
		dmp_swiotlb_device_destroy(t->dev[i]);
	dmp_swiotlb_destroy(t->tlb);
	if (t->model)
		model_swiotlb_destroy(t->model);
	dmp_hw_destroy(t->hw);
	is_manual = dmp_harness_leave() != 0;
	dmp_log_set_sink(NULL, NULL);
	return dmp_meta_in_use() == t->meta_before && slots_machine_in_use() == 0;
}

static void forget_run(struct slots_script *script)
{
	unsigned i;

	slots_match_say(script->want, "%s", "");
	for (i = 0; i < script->n; i++) {
		script->op[i].live = script->op[i].ran = false;
		script->op[i].at.phys = script->op[i].phys = 0;
	}
}

unsigned slots_match_run(void *ctx, struct slots_script *script)
{
	struct slots_match t = {.setting = ctx, .script = script};
	struct slots_op *op;
	unsigned i = 0;
	bool same;

	forget_run(script);
	dmp_log_set_sink(count_bugs, &t);
	same = match_begin(&t);
	for (; same && i < script->n; i++) {
		op = &script->op[i];
		if (!slots_script_passes(script, op))
			same = do_op(&t, op);
		if (same)
			same = slots_match_same(&t, i % EVERYTHING_IN == 0 || i == script->n - 1);
		if (!same)
			break;
	}
	return match_end(&t) ? i : script->n - 1;
}
