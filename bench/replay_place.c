// SPDX-License-Identifier: MIT
/*
 * replay_place.c - which memory every mapping has
 *
 * Picture: a mapping has a block of 2^n pages of simulated RAM.  Its entries lie in it
 * with their recorded page offsets; what was physically contiguous is contiguous, and
 * between what was not there is a page that nobody uses:
 *
 *    recorded    0x5100 + 0xf00   0x6000 + 0x1000    0x9200 + 0x200
 *    block       |.#############|################|  unused  |..##......|
 *    offset       0x100          0x1000                      0x3200
 *
 * Blocks are dealt out in file order before anything runs, so that placing costs the
 * replay nothing and is the same in every run and every route.  A mapping takes the free
 * block of its size whose mapping ended first, or else a new one: memory is what the trace
 * had in flight at once, whatever it mapped in total.
 *
 * Invariants:
 *  B1  two mappings that share a block do not overlap in file order: the earlier one's
 *      last step comes before the later one's map;
 *  B2  the later one names the earlier one in `before`, and its map waits for it;
 *  B3  a block holds all of its mapping.
 *
 * That wait also keeps the threads together: never are more mappings of one size alive
 * than the trace had at once, as a device's queue would have it.  In file order it never
 * waits.
 *
 * Allocated memory comes from the library and has no block.  A range of another device's
 * registers (dma_map_resource) is placed like a page of RAM.
 */
#include "replay.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <stdlib.h>

#define NORDERS 19u /* blocks up to 1 GiB: REPLAY_LEN_MAX, and pages between its entries */

/* Free blocks of one size, the longest free one first. */
struct queue {
	uint32_t head, tail; /* blocks */
	uint32_t count;
};

struct placer {
	struct replay_job *job;
	struct queue free[NORDERS];
	uint32_t *next;   /* of each block, in its queue */
	uint32_t *tenant; /* of each block, its latest mapping */
};

static void queue_add(struct placer *p, struct queue *queue, uint32_t block)
{
	if (queue->count++ == 0)
		queue->head = block;
	else
		p->next[queue->tail] = block;
	queue->tail = block;
}

static uint32_t queue_take(struct placer *p, struct queue *queue)
{
	uint32_t block = queue->head;

	queue->head = p->next[block];
	queue->count--;
	return block;
}

static uint64_t page_offset(uint64_t phys)
{
	return phys == TRACE_PHYS_UNKNOWN ? 0 : phys & (DMP_PAGE_BYTES - 1);
}

static bool follows(const struct trace_entry *entry, const struct trace_entry *before)
{
	return entry->phys != TRACE_PHYS_UNKNOWN && entry->phys == before->phys + before->len;
}

/* Offsets of the entries; returns the bytes up to the end of the last one. */
static uint64_t lay_entries(struct replay_job *job, const struct trace_mapping *m)
{
	const struct trace_entry *entry = &job->plan->entries[m->first_entry];
	uint64_t *at = &job->entry_at[m->first_entry];
	uint64_t end = 0;

	for (uint32_t i = 0; i < m->nentries; i++) {
		if (i == 0)
			at[i] = page_offset(entry[i].phys);
		else if (follows(&entry[i], &entry[i - 1]))
			at[i] = end;
		else
			at[i] = dmp_align_up(end, DMP_PAGE_BYTES) + DMP_PAGE_BYTES +
				page_offset(entry[i].phys);
		end = at[i] + entry[i].len;
	}
	return end;
}

static uint32_t new_block(struct replay_job *job, unsigned order)
{
	job->blocks[job->nblocks].order = order;
	job->memory_bytes += DMP_PAGE_BYTES << order;
	return job->nblocks++;
}

/* B1, B2, B3 */
static int place(struct placer *p, uint32_t i)
{
	struct replay_job *job = p->job;
	unsigned order;
	struct queue *queue;

	order = dmp_page_order(lay_entries(job, &job->plan->mappings[i]));
	if (order >= NORDERS)
		return -E2BIG;
	queue = &p->free[order];
	if (queue->count) {
		job->block_of[i] = queue_take(p, queue);
		job->mappings[i].before = p->tenant[job->block_of[i]];
	} else {
		job->block_of[i] = new_block(job, order);
	}
	p->tenant[job->block_of[i]] = i;
	return 0;
}

/* Without steps it is not replayed. */
static bool has_block(const struct replay_mapping *m)
{
	return m->nsteps && !replay_is_alloc(m->shape);
}

static int place_all(struct placer *p)
{
	struct replay_job *job = p->job;

	for (uint32_t s = 0; s < job->plan->nsteps; s++) {
		const struct trace_step *step = &job->plan->steps[s];
		uint32_t block = job->block_of[step->mapping];
		int err = 0;

		if (!has_block(&job->mappings[step->mapping]))
			continue;
		if (step->op == TRACE_OP_MAP)
			err = place(p, step->mapping);
		else if (step->op == TRACE_OP_UNMAP)
			queue_add(p, &p->free[job->blocks[block].order], block);
		if (err)
			return err;
	}
	return 0;
}

/* The library's lists, one after another. */
static int make_lists(struct replay_job *job)
{
	uint32_t n = 0;

	job->sgs = calloc(job->plan->nentries + 1u, sizeof(*job->sgs));
	if (!job->sgs)
		return -ENOMEM;
	for (uint32_t i = 0; i < job->plan->nmappings; i++) {
		const struct trace_mapping *from = &job->plan->mappings[i];

		if (from->shape != TRACE_SHAPE_SG)
			continue;
		job->mappings[i].sg = &job->sgs[n];
		job->mappings[i].nsg = from->nentries;
		n += from->nentries;
	}
	return 0;
}

static int make_tables(struct placer *p)
{
	struct replay_job *job = p->job;
	uint32_t n = job->plan->nmappings;

	job->block_of = malloc((n + 1u) * sizeof(*job->block_of));
	job->blocks = calloc(n + 1u, sizeof(*job->blocks));
	job->entry_at = calloc(job->plan->nentries + 1u, sizeof(*job->entry_at));
	p->next = malloc((n + 1u) * sizeof(*p->next));
	p->tenant = malloc((n + 1u) * sizeof(*p->tenant));
	if (!job->block_of || !job->blocks || !job->entry_at || !p->next || !p->tenant)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		job->block_of[i] = TRACE_NONE;
	return 0;
}

int replay_place_make(struct replay_job *job)
{
	struct placer p = {.job = job};
	int err = make_tables(&p);

	if (!err)
		err = place_all(&p);
	if (!err)
		err = make_lists(job);
	free(p.next);
	free(p.tenant);
	return err;
}

void replay_place_free(struct replay_job *job)
{
	free(job->sgs);
	free(job->block_of);
	free(job->blocks);
	free(job->entry_at);
}

static void point_list(struct replay_job *job, uint32_t i, char *block)
{
	const struct trace_mapping *from = &job->plan->mappings[i];

	for (uint32_t e = 0; e < from->nentries; e++)
		job->mappings[i].sg[e] = (struct dmp_sg){
			.buf = block + job->entry_at[from->first_entry + e],
			.len = job->plan->entries[from->first_entry + e].len,
		};
}

void replay_place_reset(struct replay_job *job)
{
	for (uint32_t i = 0; i < job->plan->nmappings; i++) {
		struct replay_mapping *m = &job->mappings[i];
		char *block = NULL;

		/* relaxed: threads are made later */
		atomic_store_explicit(&m->turn, 0, memory_order_relaxed);
		m->live = m->failed = m->patched = false;
		m->generation = 0;
		m->buf = NULL;
		if (job->block_of[i] == TRACE_NONE)
			continue;
		block = job->blocks[job->block_of[i]].buf;
		m->buf = block + job->entry_at[job->plan->mappings[i].first_entry];
		if (m->sg)
			point_list(job, i, block);
	}
}
