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
#include "slots_match.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Operations from one comparison of everything to the next. */
#define EVERYTHING_IN 64u
#define CHILDREN      8u
/* In front of an original and behind it. */
#define GUARD         64u

struct child {
	unsigned op; /* that carved it */
	struct dmp_swiotlb *tlb;
	struct model_swiotlb *model;
};

struct match {
	const struct slots_setting *setting;
	struct slots_script *script;
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb;
	struct model_swiotlb *model;
	struct dmp_swiotlb_device *dev[MODEL_DEVS + 1]; /* nobody's: NULL */
	struct child child[CHILDREN];
	unsigned nchildren;
	unsigned nbugs;
	uint64_t meta_before;
	unsigned char next_value;
};

static __attribute__((format(printf, 2, 3))) void say(char *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, SLOTS_OP_ANSWER, fmt, args);
	va_end(args);
}

/* An observation that differs ends the run. */
static bool observe(struct match *t, const char *what, const char *want, const char *got)
{
	if (strcmp(want, got) == 0)
		return true;
	say(t->script->want, "%.*s = %.*s", 40, what, 50, want);
	say(t->script->got, "%s", got);
	return false;
}

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	struct match *t = ctx;

	(void)line;
	t->nbugs += level == DMP_LOG_BUG;
}

/* Where an operation is done. */

static struct child *child_of(struct match *t, unsigned op)
{
	unsigned i;

	for (i = 0; i < t->nchildren; i++)
		if (t->child[i].op == op)
			return &t->child[i];
	return NULL;
}

static struct dmp_swiotlb *tlb_of(struct match *t, const struct slots_op *op)
{
	return op->in == SLOTS_PARENT ? t->tlb : child_of(t, op->in)->tlb;
}

static struct model_swiotlb *model_of(struct match *t, const struct slots_op *op)
{
	return op->in == SLOTS_PARENT ? t->model : child_of(t, op->in)->model;
}

static struct dmp_swiotlb_limits limits_of(struct match *t, const struct slots_op *op)
{
	struct dmp_swiotlb_limits limits = t->script->dev[op->dev];

	limits.alloc_align_mask = op->align;
	limits.device = op->in == SLOTS_PARENT ? t->dev[op->dev] : NULL;
	return limits;
}

/* Bytes. */

static bool holds(const unsigned char *at, uint64_t len, unsigned char value)
{
	return len == 0 || (at[0] == value && memcmp(at, at + 1, len - 1) == 0);
}

static unsigned char *original_of(const struct slots_op *op)
{
	return slots_machine_bytes(SLOTS_ORIGINALS + op->place);
}

static void write_original(const struct slots_op *op, unsigned char value)
{
	memset(original_of(op) - GUARD, ~value, op->size + 2 * GUARD);
	memset(original_of(op), value, op->size);
}

/* The original is all @value, and what lies around it is as it was written. */
static bool is_original(const struct slots_op *op, unsigned char value, unsigned char guard)
{
	unsigned char *at = original_of(op);

	return holds(at, op->size, value) && holds(at - GUARD, GUARD, guard) &&
	       holds(at + op->size, GUARD, guard);
}

/* A part of a mapping is copied: it has the value of the other side, the rest its own. */
static bool is_part(const unsigned char *at, const struct slots_op *of, const struct slots_op *op,
		    unsigned char rest, unsigned char part)
{
	uint64_t behind = op->place + op->size;

	return holds(at, op->place, rest) && holds(at + op->place, op->size, part) &&
	       holds(at + behind, of->size - behind, rest);
}

/* The operations: each writes what it should answer, and what it did. */

static void say_place(char *text, bool there, const struct dmp_swiotlb_mapping_view *view)
{
	if (there)
		say(text, "%" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64, view->phys, view->pool,
		    view->first, view->pad, view->slots);
	else
		say(text, "fail");
}

static void do_map(struct match *t, struct slots_op *op, char *got)
{
	struct dmp_swiotlb_limits limits = limits_of(t, op);
	struct dmp_swiotlb_mapping_view at = {.pool = 0};
	dmp_phys_t phys = 0;
	int err;

	op->value = ++t->next_value;
	write_original(op, op->value);
	dmp_harness_become(op->cpu);
	err = dmp_swiotlb_map(tlb_of(t, op), &limits, SLOTS_ORIGINALS + op->place, op->size,
			      DMP_FROM_DEVICE, DMP_ATTR_NO_WARN, &phys);
	if (!err)
		dmp_swiotlb_inspect_mapping(tlb_of(t, op), phys, &at);
	op->phys = phys;
	op->live = model_swiotlb_map(model_of(t, op), op->cpu,
				     op->in == SLOTS_PARENT ? op->dev : MODEL_NOBODY, &limits,
				     SLOTS_ORIGINALS + op->place, op->size, &op->at);
	say_place(op->want, op->live, &op->at);
	say_place(got, err == 0, &at);
	if (!err && (at.phys != phys || !holds(slots_machine_bytes(phys), op->size, op->value)))
		say(got, "other bytes");
}

static void do_pages(struct match *t, struct slots_op *op, char *got)
{
	struct dmp_swiotlb_limits limits = limits_of(t, op);
	struct dmp_swiotlb_mapping_view at = {.pool = 0};
	dmp_phys_t phys = 0;
	int err;

	dmp_harness_become(op->cpu);
	err = dmp_swiotlb_alloc_pages(tlb_of(t, op), &limits, op->size, &phys);
	if (!err)
		dmp_swiotlb_inspect_mapping(tlb_of(t, op), phys, &at);
	op->phys = phys;
	op->live = model_swiotlb_pages(model_of(t, op), op->cpu,
				       op->in == SLOTS_PARENT ? op->dev : MODEL_NOBODY, &limits,
				       op->size, &op->at);
	say_place(op->want, op->live, &op->at);
	say_place(got, err == 0, &at);
}

static uint64_t stat_transient(struct dmp_swiotlb *tlb)
{
	struct dmp_swiotlb_stats stats = {0};

	dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats));
	return stats.transient;
}

/* The device has written all bytes; they come back if the map said so. */
static int unmap(struct match *t, struct slots_op *of)
{
	unsigned char value = ++t->next_value, guard = (unsigned char)~of->value;
	dmp_phys_t phys = of->phys;
	int err;

	of->phys = 0;
	if (of->kind == SLOTS_OP_PAGES)
		return dmp_swiotlb_free_pages(tlb_of(t, of), phys, of->size);
	memset(slots_machine_bytes(phys), value, of->size);
	err = dmp_swiotlb_unmap(tlb_of(t, of), phys, of->size, DMP_FROM_DEVICE,
				of->option ? 0 : DMP_ATTR_SKIP_SYNC);
	return err || is_original(of, of->option ? value : of->value, guard) ? err : -EIO;
}

static void do_unmap(struct match *t, struct slots_op *op, char *got)
{
	struct slots_op *of = &t->script->op[op->of];
	uint64_t before = stat_transient(tlb_of(t, of));
	int err = unmap(t, of);

	of->live = false;
	say(op->want, "%s", model_swiotlb_unmap(model_of(t, of), &of->at) ? "transient" : "ok");
	if (err)
		say(got, "error %d", err);
	else
		say(got, "%s", stat_transient(tlb_of(t, of)) < before ? "transient" : "ok");
}

/* One side has been written; a part of it goes to the other, which is as it was elsewhere. */
static void do_sync(struct match *t, struct slots_op *op, char *got)
{
	struct slots_op *of = &t->script->op[op->of];
	unsigned char *orig = original_of(of), *copy = slots_machine_bytes(of->at.phys);
	unsigned char value = ++t->next_value;
	bool same;
	int err;

	if (of->kind == SLOTS_OP_PAGES || op->place >= of->size ||
	    op->size > of->size - op->place) {
		op->ran = false;
		return;
	}
	memset(op->option ? orig : copy, value, of->size);
	memset(op->option ? copy : orig, of->value, of->size);
	if (op->option)
		err = dmp_swiotlb_sync_for_device(tlb_of(t, of), of->at.phys + op->place, op->size,
						  DMP_BIDIRECTIONAL);
	else
		err = dmp_swiotlb_sync_for_cpu(tlb_of(t, of), of->at.phys + op->place, op->size,
					       DMP_BIDIRECTIONAL);
	same = is_part(op->option ? copy : orig, of, op, of->value, value);
	write_original(of, of->value);
	memset(copy, of->value, of->size);
	say(got, "%s", err ? "error" : same ? "" : "other bytes");
}

static void do_lookup(struct match *t, struct slots_op *op, char *got)
{
	dmp_phys_t phys = t->script->op[op->of].at.phys;
	struct dmp_swiotlb_pool_view view;
	unsigned number = 0;

	if (op->dev == MODEL_NOBODY || t->script->op[op->of].in != SLOTS_PARENT) {
		op->ran = false;
		return;
	}
	if (model_swiotlb_owns(t->model, op->dev, phys, &number))
		say(op->want, "%u", number);
	else
		say(op->want, "none");
	if (!dmp_swiotlb_device_owns(t->dev[op->dev], phys))
		say(got, "none");
	else if (dmp_swiotlb_inspect_pool(t->tlb, number, &view) == 0 &&
		 phys - view.phys < view.slots * DMP_SWIOTLB_SLOT_BYTES)
		say(got, "%u", number);
	else
		say(got, "another pool");
}

static void say_work(char *text, const struct dmp_swiotlb_stats *before,
		     const struct dmp_swiotlb_stats *after, unsigned number,
		     const struct dmp_swiotlb_pool_view *view)
{
	if (after->grown > before->grown)
		say(text, "%u %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64, number, view->phys,
		    view->slots, view->areas, view->area_slots);
	else
		say(text, "%s", after->growth_failures > before->growth_failures ? "fail" : "idle");
}

static void do_work(struct match *t, struct slots_op *op, char *got)
{
	struct dmp_swiotlb_stats before = {0}, after = {0}, model = t->model->stats;
	struct dmp_swiotlb_pool_view view = {.phys = 0};
	unsigned number = t->model->next_number;
	const struct model_pool *p;

	dmp_swiotlb_get_stats(t->tlb, &before, sizeof(before));
	dmp_harness_advance(0);
	dmp_swiotlb_get_stats(t->tlb, &after, sizeof(after));
	dmp_swiotlb_inspect_pool(t->tlb, number, &view);
	say_work(got, &before, &after, number, &view);
	model_swiotlb_advance(t->model, 0);
	p = t->model->pools;
	view = (struct dmp_swiotlb_pool_view){.phys = p->phys,
					      .slots = p->nslots,
					      .areas = p->nareas,
					      .area_slots = p->area_slots};
	say_work(op->want, &model, &t->model->stats, number, &view);
}

static void do_carve(struct match *t, struct slots_op *op, char *got)
{
	struct child *c = &t->child[t->nchildren];
	struct dmp_swiotlb_pool_view view;

	if (t->nchildren == CHILDREN) {
		op->ran = false;
		return;
	}
	*c = (struct child){.op = (unsigned)(op - t->script->op)};
	if (dmp_swiotlb_carve(t->tlb,
			      &DMP_SWIOTLB_CARVE_OPTS(.bytes = op->size, .queues = op->place),
			      &c->tlb) ||
	    dmp_swiotlb_inspect_pool(c->tlb, 0, &view))
		say(got, "fail");
	else
		say(got, "%" PRIx64 " %" PRIu64 " %" PRIu64, view.phys, view.slots, view.areas);
	c->model = model_swiotlb_carve(t->model, op->size, op->place);
	if (c->model)
		say(op->want, "%" PRIx64 " %" PRIu64 " %" PRIu64, c->model->pools->phys,
		    c->model->pools->nslots, c->model->pools->nareas);
	else
		say(op->want, "fail");
	op->live = c->tlb && c->model;
	t->nchildren += c->tlb || c->model;
}

static void do_return(struct match *t, struct slots_op *op, char *got)
{
	struct child *c = child_of(t, op->of);
	bool is_busy = c->model->stats.used > 0;
	int err = dmp_swiotlb_destroy(c->tlb);

	say(op->want, is_busy ? "busy" : "ok");
	say(got, err == -EBUSY ? "busy" : err ? "error" : "ok");
	c->tlb = err ? c->tlb : NULL;
	if (err || is_busy)
		return;
	t->script->op[op->of].live = false;
	model_swiotlb_give_back(t->model, c->model);
	*c = t->child[--t->nchildren];
}

static void do_tune(struct match *t, struct slots_op *op, char *got)
{
	const struct dmp_swiotlb_tuning tuning =
		DMP_SWIOTLB_TUNING(.flags = op->option ? DMP_SWIOTLB_GROWS : 0,
				   .max_slots = op->size, .idle_ns = op->place);

	say(got, dmp_swiotlb_tune(t->tlb, &tuning) ? "error" : "");
	model_swiotlb_tune(t->model, op->option, op->size, op->place);
}

/* What has no answer of its own. */
static void do_quiet(struct match *t, struct slots_op *op, char *got)
{
	switch (op->kind) {
	case SLOTS_OP_GRACE:
		say(got, "%" PRIu64, dmp_harness_grace_period());
		say(op->want, "%" PRIu64, model_swiotlb_grace_period(t->model));
		break;
	case SLOTS_OP_TIME:
		dmp_harness_advance(op->size);
		model_swiotlb_advance(t->model, op->size);
		break;
	case SLOTS_OP_LACK: slots_machine_lack(op->size); break;
	default:
		dmp_swiotlb_reset_high_water(t->tlb);
		model_swiotlb_reset_high_water(t->model);
		break;
	}
}

/* Was the machine asked for what it should be?  "work" and "rcu" are no questions. */
static bool same_events(struct match *t)
{
	const struct slots_log *got = slots_machine_log(), *want = &t->model->want;
	unsigned i, at = 0;

	for (i = 0; i < want->n; i++) {
		if (strcmp(want->event[i].text, "work") == 0 ||
		    strcmp(want->event[i].text, "rcu") == 0)
			continue;
		if (!observe(t, "@", want->event[i].text,
			     at < got->n ? got->event[at].text : "nothing"))
			return false;
		at++;
	}
	return at == got->n || observe(t, "@", "nothing", got->event[at].text);
}

/* Did it answer as it should? */
static bool do_op(struct match *t, struct slots_op *op)
{
	char *got = t->script->got;

	say(op->want, "%s", "");
	say(got, "%s", "");
	op->ran = true;
	slots_machine_log()->n = 0;
	model_swiotlb_begin(t->model, slots_machine_log());
	switch (op->kind) {
	case SLOTS_OP_MAP: do_map(t, op, got); break;
	case SLOTS_OP_PAGES: do_pages(t, op, got); break;
	case SLOTS_OP_UNMAP: do_unmap(t, op, got); break;
	case SLOTS_OP_SYNC: do_sync(t, op, got); break;
	case SLOTS_OP_LOOKUP: do_lookup(t, op, got); break;
	case SLOTS_OP_WORK: do_work(t, op, got); break;
	case SLOTS_OP_CARVE: do_carve(t, op, got); break;
	case SLOTS_OP_RETURN: do_return(t, op, got); break;
	case SLOTS_OP_TUNE: do_tune(t, op, got); break;
	default: do_quiet(t, op, got); break;
	}
	slots_script_keep_events(op, &t->model->want);
	return strcmp(op->want, got) == 0 && same_events(t);
}

/* What is compared beside answers. */

static void say_stat(char *text, const struct dmp_swiotlb_stats *s)
{
	say(text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, s->slots, s->used, s->high_water,
	    s->transient);
}

/* Pools, what the worker did, and why requests failed. */
static void say_counts(char *text, const struct dmp_swiotlb_stats *s)
{
	say(text,
	    "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
	    " %" PRIu64 " %" PRIu64 " %" PRIu64 " / %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
	    s->pools, s->grow_slots, s->grown, s->growth_failures, s->given_back,
	    s->transients_made, s->transient_failures, s->waiting, s->children, s->carved,
	    s->failures[0], s->failures[1], s->failures[2], s->failures[3]);
}

static bool same_stats(struct match *t, struct dmp_swiotlb *tlb, const struct model_swiotlb *model)
{
	char want[SLOTS_OP_ANSWER], got[SLOTS_OP_ANSWER];
	struct dmp_swiotlb_stats stats = {0};

	dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats));
	say_stat(want, &model->stats);
	say_stat(got, &stats);
	if (!observe(t, "stat 0", want, got))
		return false;
	say_counts(want, &model->stats);
	say_counts(got, &stats);
	return observe(t, "counts 0", want, got) &&
	       observe(t, "pending", model->grow.is_pending ? "1" : "0",
		       stats.growth_pending ? "1" : "0");
}

static bool same_area(struct match *t, struct dmp_swiotlb *tlb, const struct model_pool *p,
		      uint64_t area)
{
	char what[SLOTS_OP_ANSWER], want[SLOTS_OP_ANSWER], got[SLOTS_OP_ANSWER];
	struct dmp_swiotlb_area_view view = {.used = UINT64_MAX};

	dmp_swiotlb_inspect_area(tlb, p->number, area, &view);
	say(what, "area %u %" PRIu64, p->number, area);
	say(want, "%" PRIu64 "/%" PRIu64, p->areas[area].used, p->areas[area].index);
	say(got, "%" PRIu64 "/%" PRIu64, view.used, view.index);
	return observe(t, what, want, got);
}

static bool same_areas(struct match *t, struct dmp_swiotlb *tlb, const struct model_pool *p)
{
	uint64_t i;

	for (; p; p = p->next)
		for (i = 0; i < p->nareas; i++)
			if (!same_area(t, tlb, p, i))
				return false;
	return true;
}

static bool same_slots(struct match *t, struct dmp_swiotlb *tlb, const struct model_pool *p)
{
	char what[SLOTS_OP_ANSWER];
	bool in_use;
	uint64_t i;

	for (; p; p = p->next) {
		for (i = 0; i < p->nslots; i++) {
			in_use = !p->in_use[i];
			dmp_swiotlb_inspect_slot(tlb, p->number, i, &in_use);
			if (in_use == p->in_use[i])
				continue;
			say(what, "slot %u %" PRIu64, p->number, i);
			return observe(t, what, p->in_use[i] ? "used" : "free",
				       in_use ? "used" : "free");
		}
	}
	return true;
}

static bool same_allocator(struct match *t, struct dmp_swiotlb *tlb,
			   const struct model_swiotlb *model, bool everything)
{
	if (!same_stats(t, tlb, model) || !same_areas(t, tlb, model->pools))
		return false;
	return !everything ||
	       (same_slots(t, tlb, model->pools) && same_slots(t, tlb, model->transients) &&
		observe(t, "check", "0", dmp_swiotlb_check(tlb) == 0 ? "0" : "-EIO"));
}

static bool same_all(struct match *t, bool everything)
{
	bool same = same_allocator(t, t->tlb, t->model, everything);
	unsigned i;

	for (i = 0; same && i < t->nchildren; i++)
		same = same_allocator(t, t->child[i].tlb, t->child[i].model, everything);
	return same && observe(t, "logged", "0", t->nbugs == 0 ? "0" : "a broken promise");
}

/* Whole runs. */

static void name_pool(struct match *t)
{
	const struct dmp_swiotlb_opts *o = &t->setting->opts;

	say(t->script->policy, "%.31s", t->model->policy);
	if (t->setting->is_restricted)
		say(t->script->pool,
		    "restricted 0 %" PRIx64 " %" PRIu64 " = 0 %" PRIu64 " 1 %" PRIu64, SLOTS_DMA32,
		    o->slots, o->slots, o->slots);
	else
		say(t->script->pool,
		    "pool %" PRIu64 " %" PRIu64 " %" PRIx64 " %s%s 0 = %" PRIu64 " %" PRIu64
		    " %" PRIu64 " %" PRIu64,
		    o->slots, o->areas, t->model->pools->phys,
		    o->flags & DMP_SWIOTLB_GROWS ? "g" : "-", o->flags & DMP_SWIOTLB_ANY ? "a" : "",
		    o->slots, o->areas, o->slots / o->areas, o->slots);
}

static bool make_allocator(struct match *t)
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

static void unmap_rest(struct match *t)
{
	struct slots_op *op;

	for (op = t->script->op; op < t->script->op + t->script->n; op++)
		if (op->phys)
			unmap(t, op);
}

/* A library that went wrong may leave things behind: a run sees its own only. */
static bool is_manual;

static bool match_begin(struct match *t)
{
	if (!is_manual && dmp_harness_enter(MODEL_CPUS))
		return false;
	is_manual = true;
	t->meta_before = dmp_meta_in_use();
	return slots_machine_open(&t->hw) == 0 && make_allocator(t);
}

static bool match_end(struct match *t)
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

	say(script->want, "%s", "");
	for (i = 0; i < script->n; i++) {
		script->op[i].live = script->op[i].ran = false;
		script->op[i].at.phys = script->op[i].phys = 0;
	}
}

unsigned slots_match_run(void *ctx, struct slots_script *script)
{
	struct match t = {.setting = ctx, .script = script};
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
			same = same_all(&t, i % EVERYTHING_IN == 0 || i == script->n - 1);
		if (!same)
			break;
	}
	return match_end(&t) ? i : script->n - 1;
}
