// SPDX-License-Identifier: MIT
/*
 * sim_invq.c - the invalidation queue: submit, wait, and the hardware that works it off
 *
 *             head                     tail
 *   ... done | pages | wait | domain | wait | free ...      a ring of commands
 *              ^ the hardware executes in order
 *
 * A submission is an invalidation and a wait behind it; it is over when the hardware has
 * passed the wait.  The simulator has no thread of its own: whoever waits becomes the
 * hardware, one at a time, and executes commands in order until its own wait is passed.
 * Another submitter's commands may be executed on the way; that one then finds its work
 * done.  A submission that finds no room first lets the hardware make some.
 *
 * An invalidation of pages names 2^order pages, aligned, as the hardware's descriptor has
 * an address mask: a range becomes the smallest such block that covers it, and more than
 * 2^INVQ_MAX_ORDER pages become the whole domain.  What this drops too much is refetched.
 *
 * There is no paging-structure cache in this machine: each miss reads every level from RAM.
 * A leaf hint therefore changes nothing, and what an invalidation promises for tables that
 * were unlinked is that nobody walks them any more (sim_iotlb.c, [DRAIN]).
 *
 * A command that was made to fail (dmp_sim_fail()) is never submitted: the caller is told
 * -ETIMEDOUT, and nothing is invalidated.
 *
 * Locking: (h) hardware_lock, rank RANK_BACKEND, held while executing; (q) queue_lock, rank
 *  RANK_BACKEND_QUEUE, held while storing commands; (c) constant; (a) atomic.
 *  Order: hardware_lock, then one IOTLB set.
 *
 * Ordering:
 *  [RING] submitter: command stored, then tail; hardware: tail loaded, then command read
 *  [DONE] hardware: command executed, then head stored
 *         submitter: head loaded, then the slot is stored over, or the wait is over
 *
 * Source: the queued invalidation interface of the Intel VT-d specification: IOTLB and wait
 *  descriptors, page-selective with an address mask, domain-selective.
 */
#include "sim_internal.h"

#define INVQ_MAX_ORDER  18u /* 1 GiB */
#define INVQ_SUBMISSION 2u  /* a command and its wait */

int sim_invq_create(struct sim_invq *queue, uint32_t len)
{
	queue->ring = dmp_meta_alloc(DMP_META_BACKEND, len * sizeof(*queue->ring));
	if (!queue->ring)
		return -ENOMEM;
	queue->len = len;
	dmp_lock_init(&queue->hardware_lock, RANK_BACKEND, "sim: invalidation hardware");
	dmp_lock_init(&queue->queue_lock, RANK_BACKEND_QUEUE, "sim: invalidation queue");
	return 0;
}

void sim_invq_destroy(struct sim_invq *queue)
{
	dmp_lock_destroy(&queue->queue_lock);
	dmp_lock_destroy(&queue->hardware_lock);
	dmp_meta_free(queue->ring, queue->len * sizeof(*queue->ring));
}

static void execute(struct dmp_sim *sim, const struct sim_command *command)
{
	if (command->kind == COMMAND_PAGES)
		sim_iotlb_drop_pages(sim, command->id, command->page, command->order);
	else if (command->kind == COMMAND_DOMAIN)
		sim_iotlb_drop_domain(sim, command->id);
}

/* Be the hardware until the first @until commands are completed. */
static void work_off(struct dmp_sim *sim, uint64_t until)
{
	struct sim_invq *queue = &sim->invq;

	if (load_acquire(&queue->head) >= until) /* [DONE] by somebody else */
		return;
	dmp_lock_acquire(&queue->hardware_lock);
	for (;;) {
		uint64_t head = load_relaxed(&queue->head); /* only the hardware moves it */

		if (head >= until || head == load_acquire(&queue->tail)) /* [RING] */
			break;
		execute(sim, &queue->ring[head % queue->len]);
		store_release(&queue->head, head + 1); /* [DONE] */
	}
	dmp_lock_release(&queue->hardware_lock);
}

/* Store a command and its wait; false if there is no room.  @ticket: commands up to the wait. */
static bool submit(struct sim_invq *queue, const struct sim_command *command, uint64_t *ticket)
{
	dmp_lock_acquire(&queue->queue_lock);
	uint64_t tail = load_relaxed(&queue->tail); /* moved under this lock only */
	bool fits = tail + INVQ_SUBMISSION - load_acquire(&queue->head) <= queue->len; /* [DONE] */

	*ticket = tail + INVQ_SUBMISSION;
	if (fits) {
		queue->ring[tail % queue->len] = *command;
		queue->ring[(tail + 1) % queue->len] = (struct sim_command){.kind = COMMAND_WAIT};
		store_release(&queue->tail, *ticket); /* [RING] */
	}
	dmp_lock_release(&queue->queue_lock);
	return fits;
}

static int run(struct dmp_sim *sim, const struct sim_command *command)
{
	struct sim_invq *queue = &sim->invq;
	int err = sim_inject(sim, DMP_SIM_CALL_INVALIDATE);
	bool waited = false;
	uint64_t ticket;

	if (err) {
		dmp_log(DMP_LOG_WARN, "sim: invalidation queue 0 is stuck: no answer to a wait");
		return err;
	}
	while (!submit(queue, command, &ticket)) {
		if (!waited)
			sim_count(sim, COUNT_QUEUE_WAITS, 1);
		waited = true;
		work_off(sim, ticket - queue->len);
	}
	work_off(sim, ticket);
	sim_count(sim, COUNT_INVALIDATIONS, 1);
	sim_charge_invalidate(sim);
	return 0;
}

int sim_invq_domain(struct dmp_sim *sim, uint64_t id)
{
	return run(sim, &(struct sim_command){.kind = COMMAND_DOMAIN, .id = id});
}

/* Bytes [first, last]. */
int sim_invq_range(struct dmp_sim *sim, uint64_t id, dmp_iova_t first, dmp_iova_t last)
{
	uint64_t page = first >> DMP_PAGE_SHIFT;
	uint64_t differ = page ^ last >> DMP_PAGE_SHIFT;
	unsigned order = differ ? dmp_log2_floor(differ) + 1 : 0;

	if (order > INVQ_MAX_ORDER)
		return sim_invq_domain(sim, id);
	return run(sim, &(struct sim_command){
				.kind = COMMAND_PAGES,
				.order = order,
				.page = dmp_align_down(page, UINT64_C(1) << order),
				.id = id,
			});
}

/* Members of the ops table.  A passthrough domain caches nothing. */

int sim_flush_domain(void *be, void *dom)
{
	struct sim_domain *domain = dom;

	return domain->type == DMP_DOMAIN_PASSTHROUGH ? 0 : sim_invq_domain(be, domain->id);
}

int sim_flush_range(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only)
{
	struct sim_domain *domain = dom;

	(void)leaf_only; /* no cache holds anything but leaves */
	if (len == 0 || domain->type == DMP_DOMAIN_PASSTHROUGH)
		return 0;
	if (!dmp_range_fits(iova, len, ((struct dmp_sim *)be)->format.iova_last))
		return sim_invq_domain(be, domain->id);
	return sim_invq_range(be, domain->id, iova, iova + len - 1);
}

int sim_flush_gather(void *be, void *dom, const struct dmp_gather *gather)
{
	bool is_empty = gather->start > gather->end;

	if (is_empty && !gather->tables && !gather->queued)
		return 0;
	if (is_empty || gather->queued)
		return sim_flush_domain(be, dom);
	return sim_flush_range(be, dom, gather->start, gather->end - gather->start + 1, false);
}

/* Needed where not-present entries are cached. */
int sim_sync_map(void *be, void *dom, dmp_iova_t iova, uint64_t len)
{
	return sim_flush_range(be, dom, iova, len, true);
}
