// SPDX-License-Identifier: MIT
/*
 * trace_entries.c - what a scatter list was made of
 *
 * Linux prints where each input entry begins, but not how long it is; and of the mapped
 * side, which the IOMMU has merged, only segments.  Between the two stand the IOMMU's own
 * map lines, one for each physically contiguous run.
 *
 * Picture, entries A to D, of which B follows A in memory:
 *
 *    phys_addrs     A=1000   B=3000      C=9000   D=5000
 *    map lines      |  paddr 1000, 3 pages  |  9000, 1  |  5000, 2      |
 *    IOVA           f0000           f2000   f3000       f4000           f6000
 *    segment        [ addr f0000, len 5800                          ]
 *    so             A 2 pages       B 1     C 1         D 1.5 pages
 *
 *  TRACE_CUT_GIVEN  As many segments as entries: nothing was merged, the sizes of the
 *      segments are the lengths of the entries.
 *  TRACE_CUT_RUNS   Otherwise every entry fills whole pages of IOVA space, one entry after
 *      another, and its own bytes are what a segment covers of them.  The runs are walked
 *      from the last to the first, and the entries likewise: an entry begins where its
 *      page lies in the run and ends where the next one began, until one begins where the
 *      run does.  Going backwards nothing is ever ambiguous, also when pages repeat.
 *  TRACE_CUT_PAGES  No such lines, or they do not fit: one page an entry within each
 *      segment, and the last entry takes the rest.  A guess, and counted.
 *
 * The map lines of a list stand before it, on its CPU, mixed with those of an interrupt;
 * a task that moved to another CPU leaves them there.  So a run counts if it ends where
 * the next one begins and holds the entry's page; first on the CPU, then on any.
 *
 * More than 128 entries: the list was cut when it was printed, the segments (usually one)
 * and the runs were not.  A run behind the last printed entry becomes one entry of its
 * own, and the last printed entry takes all of the run it is in: contiguity, offsets and
 * length are exact, only the number of entries is not.  When the segments were cut as
 * well, what was printed is all that is known, and replayed.
 *
 * Invariants:
 *  C1  the entries' lengths are not 0 and add up to the mapping's length.
 */
#include "trace_internal.h"

#include <errno.h>

/* How far back to look for the runs of a list: other CPUs' lines stand between them. */
#define WALK_BASE     1024u
#define WALK_PER_PAGE 16u

struct cut {
	const struct trace *trace;
	struct trace_plan *plan;
	const uint64_t *phys;
	const struct trace_segment *segments;
	uint32_t nphys;
	uint32_t nsegments;
	uint64_t total;

	/* Walking backwards over runs */
	uint32_t at;     /* event that was looked at last */
	uint32_t budget; /* events left to look at */
	uint16_t cpu;
	bool any_cpu;
	uint32_t segment; /* that the next entry may lie in */
	uint64_t end;     /* IOVA where the bytes still to be explained end */
	uint64_t found;   /* bytes explained */
};

static uint64_t page_of(uint64_t addr)
{
	return addr & ~(TRACE_PAGE - 1);
}

static int add_entry(struct trace_plan *plan, uint64_t phys, uint64_t len)
{
	int err = trace_grow(&plan->entries, plan->nentries, sizeof(*plan->entries));

	if (!err)
		plan->entries[plan->nentries++] = (struct trace_entry){phys, len};
	return err;
}

static int cut_given(struct cut *c)
{
	int err = 0;

	for (uint32_t i = 0; i < c->nphys && !err; i++) {
		if (c->segments[i].len)
			err = add_entry(c->plan, c->phys[i], c->segments[i].len);
	}
	return err;
}

/* The nearest earlier map line that ends at c->end; NULL if there is none near. */
static const struct trace_event *previous_run(struct cut *c)
{
	while (c->at > 0 && c->budget > 0) {
		const struct trace_event *run = &c->trace->events[--c->at];

		c->budget--;
		if (run->kind == TRACE_IOMMU_MAP && run->addr + run->size == c->end && run->size &&
		    (c->any_cpu || run->cpu == c->cpu))
			return run;
	}
	return NULL;
}

static bool run_holds(const struct trace_event *run, uint64_t phys)
{
	return page_of(phys) >= run->phys && page_of(phys) - run->phys < run->size;
}

/*
 * Add the entry at @phys whose pages begin at @start and end at c->end, as much of it as a
 * segment covers.  1 if that does not fit together.
 */
static int add_covered(struct cut *c, uint64_t phys, uint64_t start)
{
	const struct trace_segment *s;
	uint64_t first, end;

	while (c->segment > 0 && c->segments[c->segment].addr >= c->end)
		c->segment--;
	s = &c->segments[c->segment];
	first = s->addr > start ? s->addr : start;
	end = s->addr + s->len < c->end ? s->addr + s->len : c->end;
	if (first >= end || first - start != phys - page_of(phys))
		return 1;
	c->end = start;
	c->found += end - first;
	return add_entry(c->plan, phys, end - first);
}

/* The entries that lie in @run, from *@left - 1 down to the one that begins it. */
static int add_run(struct cut *c, const struct trace_event *run, uint32_t *left)
{
	int err = 0;

	while (!err && c->end > run->addr) {
		uint64_t phys, start;

		if (*left == 0)
			return 1;
		phys = c->phys[*left - 1];
		if (!run_holds(run, phys))
			return 1;
		start = run->addr + (page_of(phys) - run->phys);
		if (start >= c->end)
			return 1;
		err = add_covered(c, phys, start);
		--*left;
	}
	return err;
}

/* All runs of the list, the last one first; 1 if they do not explain it. */
static int add_runs(struct cut *c, bool truncated)
{
	uint32_t left = c->nphys;
	int err = 0;

	while (!err && left > 0) {
		const struct trace_event *run = previous_run(c);

		if (!run)
			return 1;
		if (run_holds(run, c->phys[left - 1]))
			err = add_run(c, run, &left);
		else if (truncated && left == c->nphys)
			err = add_covered(c, run->phys, run->addr);
	}
	if (!err && (c->end != page_of(c->segments[0].addr) || c->found != c->total))
		return 1;
	return err;
}

static void reverse(struct trace_entry *entries, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		struct trace_entry swap = entries[i];

		entries[i] = entries[n - 1 - i];
		entries[n - 1 - i] = swap;
	}
}

/* Try with the runs before @event; 1, and nothing added, if they do not explain the list. */
static int cut_runs(struct cut *c, uint32_t event, bool any_cpu, bool truncated)
{
	uint32_t first = c->plan->nentries;
	const struct trace_segment *last = &c->segments[c->nsegments - 1];
	uint64_t pages = c->total / TRACE_PAGE;
	int err;

	if (last->addr + last->len > UINT64_MAX - TRACE_PAGE || last->addr + last->len < last->addr)
		return 1;
	c->at = event;
	c->cpu = c->trace->events[event].cpu;
	c->any_cpu = any_cpu;
	c->budget = WALK_BASE + WALK_PER_PAGE * (pages < (1u << 20) ? (uint32_t)pages : 1u << 20);
	c->segment = c->nsegments - 1;
	c->end = page_of(last->addr + last->len + TRACE_PAGE - 1);
	c->found = 0;
	err = add_runs(c, truncated);
	if (err)
		c->plan->nentries = first;
	else
		reverse(c->plan->entries + first, c->plan->nentries - first);
	return err;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* One page an entry, the rest to the last of each segment; at least a byte for each. */
static int cut_pages(struct cut *c)
{
	uint64_t left = c->total, in_segment = c->segments[0].len;
	uint32_t k = 0;
	int err = 0;

	for (uint32_t i = 0; i < c->nphys && !err; i++) {
		uint64_t after = c->nphys - 1 - i; /* entries behind this one */
		uint64_t len = TRACE_PAGE - (c->phys[i] - page_of(c->phys[i]));

		while (in_segment == 0)
			in_segment = c->segments[++k].len;
		if (after < c->nsegments - k || len > in_segment)
			len = in_segment;
		len = after ? smaller(len, left - after) : left;
		err = add_entry(c->plan, c->phys[i], len);
		left -= len;
		in_segment -= smaller(len, in_segment);
	}
	return err;
}

static int add_list(struct cut *c, uint32_t event, const struct trace_list *list,
		    struct trace_mapping *m)
{
	int err = 1;

	m->truncated = list->nphys < list->nphys_true;
	m->cut = TRACE_CUT_GIVEN;
	if (list->nphys == list->nsegments && list->nphys_true == list->nsegments_true)
		return cut_given(c);
	m->cut = TRACE_CUT_RUNS;
	if (c->trace->of_kind[TRACE_IOMMU_MAP] && list->nsegments == list->nsegments_true) {
		err = cut_runs(c, event, false, m->truncated);
		if (err == 1)
			err = cut_runs(c, event, true, m->truncated);
	}
	if (err != 1)
		return err;
	m->cut = TRACE_CUT_PAGES;
	return cut_pages(c);
}

static int add_list_of(const struct trace *trace, uint32_t event, struct trace_plan *plan,
		       struct trace_mapping *m)
{
	const struct trace_list *list = &trace->lists[trace->events[event].aux];
	struct cut c = {.trace = trace,
			.plan = plan,
			.phys = trace->phys + list->first_phys,
			.segments = trace->segments + list->first_segment,
			.nphys = list->nphys,
			.nsegments = list->nsegments,
			.total = m->len};

	return add_list(&c, event, list, m);
}

static int add_buffer_of(const struct trace *trace, uint32_t event, struct trace_plan *plan,
			 const struct trace_mapping *m)
{
	bool known = m->shape == TRACE_SHAPE_PAGE || m->shape == TRACE_SHAPE_RESOURCE;

	return add_entry(plan, known ? trace->events[event].phys : TRACE_PHYS_UNKNOWN, m->len);
}

int trace_entries_add(const struct trace *trace, uint32_t event, struct trace_plan *plan,
		      struct trace_mapping *m)
{
	int err;

	m->first_entry = plan->nentries;
	if (m->shape == TRACE_SHAPE_SG || m->shape == TRACE_SHAPE_SGT)
		err = add_list_of(trace, event, plan, m);
	else
		err = add_buffer_of(trace, event, plan, m);
	m->nentries = plan->nentries - m->first_entry;
	return err;
}
