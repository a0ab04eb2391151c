// SPDX-License-Identifier: MIT
/*
 * trace_plan.c - free a plan, and walk it
 *
 * The walker replays the plan on paper: a mapping is unborn, live or ended, and every
 * step must find it in the state that it needs.  It verifies P1 to P4 of trace_match.c,
 * label by label, and trusts nothing that the matcher has counted.
 */
#include "trace_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum state { UNBORN, LIVE, ENDED };

struct walk {
	const struct trace *trace;
	const struct trace_plan *plan;
	uint8_t *state; /* of each mapping */
	uint32_t live;
};

static int broken(const char *promise, uint32_t index)
{
	fprintf(stderr, "trace plan: %s, at %u\n", promise, index);
	return -EIO;
}

/* P3 */
static int check_entries(const struct trace_plan *plan, uint32_t index)
{
	const struct trace_mapping *m = &plan->mappings[index];
	uint64_t sum = 0;

	if (m->nentries == 0 || m->first_entry > plan->nentries ||
	    m->nentries > plan->nentries - m->first_entry)
		return broken("P3 a mapping's entries are outside the array", index);
	for (uint32_t i = 0; i < m->nentries; i++) {
		if (plan->entries[m->first_entry + i].len == 0)
			return broken("P3 an entry is empty", index);
		sum += plan->entries[m->first_entry + i].len;
	}
	return sum == m->len ? 0 : broken("P3 entries do not add up to their mapping", index);
}

/* P1, for mappings */
static int check_mapping(const struct walk *w, uint32_t index)
{
	const struct trace_mapping *m = &w->plan->mappings[index];

	if (m->map_event >= w->trace->nevents || m->dev >= w->trace->devices.count)
		return broken("P1 a mapping names no event or no device", index);
	if (index && m->map_event <= m[-1].map_event)
		return broken("P1 mappings are out of order", index);
	return check_entries(w->plan, index);
}

static int expect(const struct walk *w, const struct trace_step *step, enum state state)
{
	if (w->state[step->mapping] != state)
		return broken("P2 a step finds its mapping unborn, live or ended against the rule",
			      (uint32_t)(step - w->plan->steps));
	return 0;
}

/* P2 */
static int check_step(struct walk *w, const struct trace_step *step)
{
	const struct trace_mapping *m = &w->plan->mappings[step->mapping];
	uint32_t index = (uint32_t)(step - w->plan->steps);
	int err = expect(w, step, step->op == TRACE_OP_MAP ? UNBORN : LIVE);

	if (err)
		return err;
	if (step->len == 0 || step->offset > m->len || step->len > m->len - step->offset)
		return broken("P2 a step leaves its mapping", index);
	if (step->op == TRACE_OP_MAP) {
		w->state[step->mapping] = LIVE;
		w->live++;
		return step->event == m->map_event ? 0 : broken("P2 another map event", index);
	}
	if (step->op == TRACE_OP_UNMAP) {
		w->state[step->mapping] = ENDED;
		w->live--;
		return step->event == m->unmap_event ? 0 : broken("P2 another unmap event", index);
	}
	return 0;
}

static int check_steps(struct walk *w)
{
	const struct trace_plan *plan = w->plan;
	int err = 0;

	for (uint32_t i = 0; i < plan->nsteps && !err; i++) {
		if (plan->steps[i].mapping >= plan->nmappings)
			return broken("P2 a step names no mapping", i);
		if (i && plan->steps[i].event < plan->steps[i - 1].event)
			return broken("P1 steps are out of order", i);
		err = check_step(w, &plan->steps[i]);
	}
	return err;
}

/* P2 and P4: what is left is what says so itself. */
static int check_end(const struct walk *w)
{
	for (uint32_t i = 0; i < w->plan->nmappings; i++) {
		bool ends = w->plan->mappings[i].unmap_event != TRACE_NONE;

		if (w->state[i] != (ends ? ENDED : LIVE))
			return broken("P2 a mapping without its steps", i);
	}
	if (w->live != w->plan->facts.live_at_end)
		return broken("P4 live at the end", w->live);
	return 0;
}

int trace_plan_check(const struct trace *trace, const struct trace_plan *plan)
{
	struct walk w = {.trace = trace, .plan = plan};
	int err = 0;

	w.state = calloc(plan->nmappings + 1u, sizeof(*w.state));
	if (!w.state)
		return -ENOMEM;
	for (uint32_t i = 0; i < plan->nmappings && !err; i++)
		err = check_mapping(&w, i);
	if (!err)
		err = check_steps(&w);
	if (!err)
		err = check_end(&w);
	free(w.state);
	return err;
}

void trace_plan_free(struct trace_plan *plan)
{
	if (!plan)
		return;
	free(plan->mappings);
	free(plan->entries);
	free(plan->steps);
	free(plan->devices);
	free(plan);
}
