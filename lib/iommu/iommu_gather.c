// SPDX-License-Identifier: MIT
/*
 * iommu_gather.c - what unmaps have left to invalidate
 *
 * A gather is one range of one page size, since that is what one command of the hardware
 * invalidates.  What does not join it, another page size or a range with a gap between,
 * makes it be synced first:
 *
 *   gathered        [-----)
 *   adjacent              [---)        joins
 *   apart                     [---)    sync, start afresh
 *
 * Invariants:
 *  G1  every byte unmapped since the last sync lies in start .. end;
 *  G2  a table page goes back to the backend only after a flush that began when the range
 *      which it translated was in the gather: so the sync that makes room comes before
 *      the unmap whose tables would otherwise join the old range;
 *  G3  a failed sync loses nothing: the gather keeps what it held, and what is unmapped
 *      afterwards joins it, gap or not.
 *
 * A queued gather will be flushed with its whole domain: it never needs a sync, and keeps
 * the hull of its ranges only to know that it is not empty.
 *
 * Differs from Linux: the library keeps the range, not each driver; an empty gather makes
 *  no call; a queued one that is synced flushes the domain.
 *
 * Source: spec-iova 4.4.
 */
#include "iommu_internal.h"

static bool range_is_empty(const struct dmp_gather *gather)
{
	return gather->start > gather->end;
}

/* Is there at least one byte between? */
static bool is_apart(const struct dmp_gather *gather, dmp_iova_t first, dmp_iova_t last)
{
	return (first > gather->end && first - gather->end > 1) ||
	       (last < gather->start && gather->start - last > 1);
}

bool iommu_gather_fits(const struct dmp_gather *gather, dmp_iova_t iova, uint64_t len,
		       uint64_t page_bytes)
{
	if (gather->queued || range_is_empty(gather))
		return true;
	return gather->page_bytes == page_bytes && !is_apart(gather, iova, iova + (len - 1));
}

void iommu_gather_extend(struct dmp_gather *gather, dmp_iova_t iova, uint64_t len,
			 uint64_t page_bytes)
{
	dmp_iova_t last = iova + (len - 1);

	if (!gather->page_bytes || page_bytes < gather->page_bytes)
		gather->page_bytes = page_bytes;
	if (iova < gather->start)
		gather->start = iova;
	if (last > gather->end)
		gather->end = last;
}

/* The unmap that goes on after it began when it began. */
static void begin_afresh(struct dmp_gather *gather)
{
	uint64_t *ended_ns = gather->ended_ns, begun_ns = gather->begun_ns;

	dmp_gather_init(gather);
	gather->begun_ns = begun_ns;
	gather->ended_ns = ended_ns;
}

int dmp_iommu_sync(struct dmp_iommu *iommu, struct dmp_gather *gather)
{
	int err = 0;

	if (!iommu || !gather)
		return -EINVAL;
	if (!dmp_gather_is_empty(gather))
		err = gather->queued ? dmp_iommu_flush(iommu)
				     : hw_flush_gather(iommu->hw, iommu->dom, gather);
	if (err)
		return err;
	dmp_iommu_free_tables(iommu, gather->tables);
	begin_afresh(gather);
	return 0;
}

void dmp_iommu_free_tables(struct dmp_iommu *iommu, void *tables)
{
	if (tables)
		hw_free_tables(iommu->hw, iommu->dom, tables);
}

/* What waits for a flush of the whole domain. */

struct dmp_iommu_head *iommu_take_deferred(struct dmp_iommu *iommu)
{
	struct dmp_iommu_head *all;

	dmp_lock_acquire(&iommu->list_lock);
	all = iommu->deferred;
	iommu->deferred = NULL;
	dmp_lock_release(&iommu->list_lock);
	return all;
}

void iommu_keep_deferred(struct dmp_iommu *iommu, struct dmp_iommu_head *deferred)
{
	struct dmp_iommu_head **end = &deferred;

	while (*end)
		end = &(*end)->next;
	dmp_lock_acquire(&iommu->list_lock);
	*end = iommu->deferred;
	iommu->deferred = deferred;
	dmp_lock_release(&iommu->list_lock);
}

void iommu_do_deferred(struct dmp_iommu_head *deferred)
{
	while (deferred) {
		struct dmp_iommu_head *next = deferred->next;

		deferred->fn(deferred);
		deferred = next;
	}
}

void dmp_iommu_defer(struct dmp_iommu *iommu, struct dmp_iommu_head *head,
		     void (*fn)(struct dmp_iommu_head *head))
{
	head->next = NULL;
	head->fn = fn;
	iommu_keep_deferred(iommu, head);
}

/* Table pages whose flush failed. */
struct iommu_stuck {
	struct dmp_iommu_head head; /* first: the one is the other */
	struct dmp_iommu *iommu;    /* (c) */
	void *tables;               /* (c) the backend's chain */
};

static void free_stuck(struct dmp_iommu_head *head)
{
	struct iommu_stuck *stuck = (struct iommu_stuck *)head;

	hw_free_tables(stuck->iommu->hw, stuck->iommu->dom, stuck->tables);
	dmp_meta_free(stuck, sizeof(*stuck));
}

void dmp_iommu_abandon(struct dmp_iommu *iommu, struct dmp_gather *gather)
{
	void *tables = gather->tables;
	struct iommu_stuck *stuck;

	dmp_gather_init(gather);
	if (!tables)
		return;
	stuck = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*stuck));
	if (!stuck) {
		dmp_log(DMP_LOG_WARN, "iommu %s: table pages lost behind a stuck flush",
			iommu->hw->ops.name);
		return;
	}
	stuck->iommu = iommu;
	stuck->tables = tables;
	dmp_iommu_defer(iommu, &stuck->head, free_stuck);
}

int iommu_sync_last(struct dmp_iommu *iommu, struct dmp_gather *gather)
{
	int err = dmp_iommu_sync(iommu, gather);

	if (err)
		dmp_iommu_abandon(iommu, gather);
	return err;
}
