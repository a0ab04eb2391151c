// SPDX-License-Identifier: MIT
/*
 * slots_match_do.c - one operation of a script, on the library and on the model
 *
 * Each writes what it should answer, and what it did, as texts.  Bytes are looked at here too: who
 * wrote last is seen where he should be, and nowhere else.
 */
#include "slots_match_internal.h"

#include <dmapool/harness.h>

#include <inttypes.h>
#include <string.h>

/* In front of an original and behind it. */
#define GUARD 64u

/* Where an operation is done. */

static struct slots_child *child_of(struct slots_match *t, unsigned op)
{
	unsigned i;

	for (i = 0; i < t->nchildren; i++)
		if (t->child[i].op == op)
			return &t->child[i];
	return NULL;
}

static struct dmp_swiotlb *tlb_of(struct slots_match *t, const struct slots_op *op)
{
	return op->in == SLOTS_PARENT ? t->tlb : child_of(t, op->in)->tlb;
}

static struct model_swiotlb *model_of(struct slots_match *t, const struct slots_op *op)
{
	return op->in == SLOTS_PARENT ? t->model : child_of(t, op->in)->model;
}

static struct dmp_swiotlb_limits limits_of(struct slots_match *t, const struct slots_op *op)
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
		slots_match_say(text, "%" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64, view->phys,
				view->pool, view->first, view->pad, view->slots);
	else
		slots_match_say(text, "fail");
}

static void do_map(struct slots_match *t, struct slots_op *op, char *got)
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
		slots_match_say(got, "other bytes");
}

static void do_pages(struct slots_match *t, struct slots_op *op, char *got)
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
int slots_match_unmap(struct slots_match *t, struct slots_op *of)
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

static void do_unmap(struct slots_match *t, struct slots_op *op, char *got)
{
	struct slots_op *of = &t->script->op[op->of];
	uint64_t before = stat_transient(tlb_of(t, of));
	int err = slots_match_unmap(t, of);

	of->live = false;
	slots_match_say(op->want, "%s",
			model_swiotlb_unmap(model_of(t, of), &of->at) ? "transient" : "ok");
	if (err)
		slots_match_say(got, "error %d", err);
	else
		slots_match_say(got, "%s",
				stat_transient(tlb_of(t, of)) < before ? "transient" : "ok");
}

/* One side has been written; a part of it goes to the other, which is as it was elsewhere. */
static void do_sync(struct slots_match *t, struct slots_op *op, char *got)
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
	slots_match_say(got, "%s", err ? "error" : same ? "" : "other bytes");
}

static void do_lookup(struct slots_match *t, struct slots_op *op, char *got)
{
	dmp_phys_t phys = t->script->op[op->of].at.phys;
	struct dmp_swiotlb_pool_view view;
	unsigned number = 0;

	if (op->dev == MODEL_NOBODY || t->script->op[op->of].in != SLOTS_PARENT) {
		op->ran = false;
		return;
	}
	if (model_swiotlb_owns(t->model, op->dev, phys, &number))
		slots_match_say(op->want, "%u", number);
	else
		slots_match_say(op->want, "none");
	if (!dmp_swiotlb_device_owns(t->dev[op->dev], phys))
		slots_match_say(got, "none");
	else if (dmp_swiotlb_inspect_pool(t->tlb, number, &view) == 0 &&
		 phys - view.phys < view.slots * DMP_SWIOTLB_SLOT_BYTES)
		slots_match_say(got, "%u", number);
	else
		slots_match_say(got, "another pool");
}

static void say_work(char *text, const struct dmp_swiotlb_stats *before,
		     const struct dmp_swiotlb_stats *after, unsigned number,
		     const struct dmp_swiotlb_pool_view *view)
{
	if (after->grown > before->grown)
		slots_match_say(text, "%u %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64, number,
				view->phys, view->slots, view->areas, view->area_slots);
	else
		slots_match_say(text, "%s",
				after->growth_failures > before->growth_failures ? "fail" : "idle");
}

static void do_work(struct slots_match *t, struct slots_op *op, char *got)
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

static void do_carve(struct slots_match *t, struct slots_op *op, char *got)
{
	struct slots_child *c = &t->child[t->nchildren];
	struct dmp_swiotlb_pool_view view;

	if (t->nchildren == SLOTS_CHILDREN) {
		op->ran = false;
		return;
	}
	*c = (struct slots_child){.op = (unsigned)(op - t->script->op)};
	if (dmp_swiotlb_carve(t->tlb,
			      &DMP_SWIOTLB_CARVE_OPTS(.bytes = op->size, .queues = op->place),
			      &c->tlb) ||
	    dmp_swiotlb_inspect_pool(c->tlb, 0, &view))
		slots_match_say(got, "fail");
	else
		slots_match_say(got, "%" PRIx64 " %" PRIu64 " %" PRIu64, view.phys, view.slots,
				view.areas);
	c->model = model_swiotlb_carve(t->model, op->size, op->place);
	if (c->model)
		slots_match_say(op->want, "%" PRIx64 " %" PRIu64 " %" PRIu64, c->model->pools->phys,
				c->model->pools->nslots, c->model->pools->nareas);
	else
		slots_match_say(op->want, "fail");
	op->live = c->tlb && c->model;
	t->nchildren += c->tlb || c->model;
}

static void do_return(struct slots_match *t, struct slots_op *op, char *got)
{
	struct slots_child *c = child_of(t, op->of);
	bool is_busy = c->model->stats.used > 0;
	int err = dmp_swiotlb_destroy(c->tlb);

	slots_match_say(op->want, is_busy ? "busy" : "ok");
	slots_match_say(got, err == -EBUSY ? "busy" : err ? "error" : "ok");
	c->tlb = err ? c->tlb : NULL;
	if (err || is_busy)
		return;
	t->script->op[op->of].live = false;
	model_swiotlb_give_back(t->model, c->model);
	*c = t->child[--t->nchildren];
}

static void do_tune(struct slots_match *t, struct slots_op *op, char *got)
{
	const struct dmp_swiotlb_tuning tuning =
		DMP_SWIOTLB_TUNING(.flags = op->option ? DMP_SWIOTLB_GROWS : 0,
				   .max_slots = op->size, .idle_ns = op->place);

	slots_match_say(got, dmp_swiotlb_tune(t->tlb, &tuning) ? "error" : "");
	model_swiotlb_tune(t->model, op->option, op->size, op->place);
}

/* What has no answer of its own. */
static void do_quiet(struct slots_match *t, struct slots_op *op, char *got)
{
	switch (op->kind) {
	case SLOTS_OP_GRACE:
		slots_match_say(got, "%" PRIu64, dmp_harness_grace_period());
		slots_match_say(op->want, "%" PRIu64, model_swiotlb_grace_period(t->model));
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

void slots_match_do(struct slots_match *t, struct slots_op *op)
{
	char *got = t->script->got;

	slots_match_say(op->want, "%s", "");
	slots_match_say(got, "%s", "");
	op->ran = true;
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
}
