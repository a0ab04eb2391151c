// SPDX-License-Identifier: MIT
/*
 * slots_match_same.c - what a script leaves behind, in the library and in the model
 *
 *   what the machine was asked   counters   areas   now and then: slots, walkers
 */
#include "slots_match_internal.h"

#include <dmapool/harness.h>

#include <inttypes.h>
#include <string.h>

/* "work" and "rcu" are no questions. */
bool slots_match_same_events(struct slots_match *t)
{
	const struct slots_log *got = slots_machine_log(), *want = &t->model->want;
	unsigned i, at = 0;

	for (i = 0; i < want->n; i++) {
		if (strcmp(want->event[i].text, "work") == 0 ||
		    strcmp(want->event[i].text, "rcu") == 0)
			continue;
		if (!slots_match_observe(t, "@", want->event[i].text,
					 at < got->n ? got->event[at].text : "nothing"))
			return false;
		at++;
	}
	return at == got->n || slots_match_observe(t, "@", "nothing", got->event[at].text);
}

static void say_stat(char *text, const struct dmp_swiotlb_stats *s)
{
	slots_match_say(text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, s->slots, s->used,
			s->high_water, s->transient);
}

/* Pools, what the worker did, and why requests failed. */
static void say_counts(char *text, const struct dmp_swiotlb_stats *s)
{
	slots_match_say(text,
			"%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " / %" PRIu64 " %" PRIu64
			" %" PRIu64 " %" PRIu64,
			s->pools, s->grow_slots, s->grown, s->growth_failures, s->given_back,
			s->transients_made, s->transient_failures, s->waiting, s->children,
			s->carved, s->failures[0], s->failures[1], s->failures[2], s->failures[3]);
}

static bool same_stats(struct slots_match *t, struct dmp_swiotlb *tlb,
		       const struct model_swiotlb *model)
{
	char want[SLOTS_OP_ANSWER], got[SLOTS_OP_ANSWER];
	struct dmp_swiotlb_stats stats = {0};

	dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats));
	say_stat(want, &model->stats);
	say_stat(got, &stats);
	if (!slots_match_observe(t, "stat 0", want, got))
		return false;
	say_counts(want, &model->stats);
	say_counts(got, &stats);
	return slots_match_observe(t, "counts 0", want, got) &&
	       slots_match_observe(t, "pending", model->grow.is_pending ? "1" : "0",
				   stats.growth_pending ? "1" : "0");
}

static bool same_area(struct slots_match *t, struct dmp_swiotlb *tlb, const struct model_pool *p,
		      uint64_t area)
{
	char what[SLOTS_OP_ANSWER], want[SLOTS_OP_ANSWER], got[SLOTS_OP_ANSWER];
	struct dmp_swiotlb_area_view view = {.used = UINT64_MAX};

	dmp_swiotlb_inspect_area(tlb, p->number, area, &view);
	slots_match_say(what, "area %u %" PRIu64, p->number, area);
	slots_match_say(want, "%" PRIu64 "/%" PRIu64 " %" PRIu64, p->areas[area].used,
			p->areas[area].index, p->areas[area].peak);
	slots_match_say(got, "%" PRIu64 "/%" PRIu64 " %" PRIu64, view.used, view.index, view.peak);
	return slots_match_observe(t, what, want, got);
}

static bool same_areas(struct slots_match *t, struct dmp_swiotlb *tlb, const struct model_pool *p)
{
	uint64_t i;

	for (; p; p = p->next)
		for (i = 0; i < p->nareas; i++)
			if (!same_area(t, tlb, p, i))
				return false;
	return true;
}

static bool same_slots(struct slots_match *t, struct dmp_swiotlb *tlb, const struct model_pool *p)
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
			slots_match_say(what, "slot %u %" PRIu64, p->number, i);
			return slots_match_observe(t, what, p->in_use[i] ? "used" : "free",
						   in_use ? "used" : "free");
		}
	}
	return true;
}

static bool same_allocator(struct slots_match *t, struct dmp_swiotlb *tlb,
			   const struct model_swiotlb *model, bool everything)
{
	if (!same_stats(t, tlb, model) || !same_areas(t, tlb, model->pools))
		return false;
	return !everything ||
	       (same_slots(t, tlb, model->pools) && same_slots(t, tlb, model->transients) &&
		slots_match_observe(t, "check", "0", dmp_swiotlb_check(tlb) == 0 ? "0" : "-EIO"));
}

bool slots_match_same(struct slots_match *t, bool everything)
{
	bool same = same_allocator(t, t->tlb, t->model, everything);
	unsigned i;

	for (i = 0; same && i < t->nchildren; i++)
		same = same_allocator(t, t->child[i].tlb, t->child[i].model, everything);
	return same &&
	       slots_match_observe(t, "logged", "0", t->nbugs == 0 ? "0" : "a broken promise");
}
