// SPDX-License-Identifier: MIT
/*
 * domain_unmap.c - take an address back: verify, clear the tables, then let the flush
 * policy decide when the address may be used again
 *
 *   mapped --verify--> clear tables --retire, by policy--> flush --ok--> address free
 *      |                                 |                   ^ |
 *      `-- wrong: -ENOENT or -EINVAL,    |--queue, manual or lazy --' `--failed--> strict:
 *          nothing changed               |                               withheld; queued:
 *                                        |                               it waits on
 *                                        `--on reuse--> tables queued, address free, but given
 *                                                       out after a flush only
 *
 * Which ring takes the range is settled before its tables are cleared, since a gather must
 * know by then whether it will be flushed by itself or with the whole domain.  A range for
 * which there is no ring is strict, and so is one that was mapped otherwise than said.
 *
 * What is verified before anything changes:
 *
 *   always        the first and the last granule are mapped, neither by a direct region
 *   checks >= 1   the address begins a range of just that many granules, as the IOVA space
 *                 rounds them, and the granule after the last is not mapped by it
 *
 * Without the second, a length that is too short or reaches into a neighbour is found, if
 * at all, by what the tables say they unmapped: then the address is withheld too, since
 * nobody knows who can still reach what.
 *
 * Invariants:
 *  U1  an address leaves dmp_domain_map() again only after a flush that began when its table
 *      entries had been cleared has ended without error;
 *  U2  a withheld range stays taken in the IOVA space for good, and its table pages stay
 *      until a flush of the whole domain works or the domain goes (dmp_iommu_abandon()).
 *
 * Locking: none here.
 *
 * Differs from Linux: an address that is not mapped is an error instead of a warning, and
 *  a flush can fail.
 *
 * Source: spec-iova 2.6.
 */
#include "domain_internal.h"

/* A range on its way out. */
struct domain_leaving {
	struct domain_span span;
	struct dmp_gather gather; /* what must be invalidated before the address is free */
	uint64_t ended_ns;        /* when the machine says that was over; 0: it does not */
	struct flushq *queue;     /* where it waits for that ... */
	struct flushq_ring *ring; /* ... NULL: nowhere, flush it now */
};

/* The range that dmp_iova_alloc() gives for @npages: the size that the space keeps. */
static uint64_t kept_granules(const struct dmp_domain *dom, uint64_t npages)
{
	if (dom->defers_reuse)
		return npages;
	return npages < DMP_IOVA_CACHED_GRANULES ? dmp_pow2_ceil(npages) : npages;
}

/* Is @span just what one call mapped?  Its granules are known to be mapped at both ends.  A
 * range keeps its last pfn for life: a reservation may have moved the first one down. */
static bool is_whole_mapping(struct dmp_domain *dom, const struct domain_span *span)
{
	uint64_t pfn = domain_pfn(dom, span->start), npages = span->len >> dom->granule_shift;
	uint64_t kept = kept_granules(dom, npages);
	struct dmp_iova_range range;

	if (dmp_iova_find(dom->iova, pfn, &range) || range.hi - pfn + 1 != kept)
		return false;
	if (range.lo != pfn && domain_is_mapped(dom, span->start - dmp_domain_granule(dom)))
		return false;
	return kept == npages || !domain_is_mapped(dom, span->start + span->len);
}

static int verify(struct dmp_domain *dom, const struct domain_span *span)
{
	dmp_iova_t last = span->start + span->len - dmp_domain_granule(dom);

	if (!domain_is_mapped(dom, span->start) || domain_is_direct(dom, span->start))
		return -ENOENT;
	if (last != span->start && (!domain_is_mapped(dom, last) || domain_is_direct(dom, last)))
		return -EINVAL;
	if (DMP_CHECKS >= 1 && !is_whole_mapping(dom, span))
		return -EINVAL;
	return 0;
}

void domain_withhold(struct dmp_domain *dom, const struct domain_span *span, int err)
{
	counter_add(&dom->counts, DOMAIN_WITHHELD, 1);
	dmp_log(DMP_LOG_WARN, "domain: %llu bytes at %#llx are withheld: error %d",
		(unsigned long long)span->len, (unsigned long long)span->start, err);
}

static void withhold(struct dmp_domain *dom, struct domain_leaving *gone, int err)
{
	domain_withhold(dom, &gone->span, err);
	dmp_iommu_abandon(dom->iommu, &gone->gather);
}

/* A flush of its own has ended with @err: if the machine has not asked when, it is now. */
static void tell_exposure(struct dmp_domain *dom, const struct domain_leaving *gone,
			  uint64_t begun_ns, int err)
{
	uint64_t ended_ns = gone->ended_ns;

	if (err)
		domain_exposure_stuck(dom, gone->span.len, begun_ns);
	else
		domain_exposure_ended(dom, gone->span.len,
				      (ended_ns ? ended_ns : dmp_clock_now_ns()) - begun_ns);
}

/* Errors that say "the state is as before" would lie once the tables are cleared. */
static int after_the_fact(int err)
{
	return err == -EINVAL || err == -ENOENT ? -EIO : err;
}

static int flush(struct dmp_domain *dom, struct domain_leaving *gone)
{
	uint64_t begun_ns = gone->gather.begun_ns;
	int err;

	gone->ended_ns = 0; /* of this flush, not of one that made room in the gather */
	err = dmp_iommu_sync(dom->iommu, &gone->gather);
	counter_add(&dom->counts, DOMAIN_FLUSHES, 1);
	if (dom->exposure)
		tell_exposure(dom, gone, begun_ns, err);
	return err;
}

int domain_flush_all(struct dmp_domain *dom, enum dmp_flush_cause cause)
{
	uint64_t number = dom->exposure ? domain_exposure_flush_begins(dom) : 0;
	int err = dmp_iommu_flush(dom->iommu);

	if (number && !err)
		domain_exposure_unstick(dom, number);
	counter_add(&dom->counts, DOMAIN_FLUSHES, 1);
	add_relaxed(&dom->flushes_by[cause], 1); /* relaxed, both: read for reports only */
	if (err)
		add_relaxed(&dom->flush_failures, 1);
	if (dom->watch.flushed)
		dom->watch.flushed(dom->opts.watch_ctx, cause, err);
	return err;
}

/* Strict: flush now, and only then is the address free. */
static int retire_strict(struct dmp_domain *dom, struct domain_leaving *gone)
{
	int err = flush(dom, gone);

	if (err) {
		err = after_the_fact(err);
		withhold(dom, gone, err);
		return err;
	}
	return after_the_fact(domain_free_pfn(dom, domain_pfn(dom, gone->span.start),
					      gone->span.len >> dom->granule_shift));
}

/* The queue frees the address after a flush; on reuse the space has it at once, once the flush
 * that it needs is wanted. */
static int retire_queued(struct dmp_domain *dom, struct domain_leaving *gone)
{
	struct flushq_range range = {
		.pfn = domain_pfn(dom, gone->span.start),
		.npages = gone->span.len >> dom->granule_shift,
		.unmapped_ns = gone->gather.begun_ns,
		.tables = gone->gather.tables,
		.is_free = flushq_policy(gone->queue) == DMP_FLUSH_ON_REUSE,
	};
	int err = flushq_add(gone->queue, gone->ring, &range);

	if (err) {
		err = after_the_fact(err);
		if (dom->exposure)
			domain_exposure_stuck(dom, gone->span.len, range.unmapped_ns);
		withhold(dom, gone, err);
		return err;
	}
	return range.is_free ? after_the_fact(domain_free_pfn(dom, range.pfn, range.npages)) : 0;
}

/* The tables did not hold what the caller said: flush all the same, and withhold. */
static int retire_torn(struct dmp_domain *dom, struct domain_leaving *gone, int err)
{
	int flush_err = flush(dom, gone);

	err = after_the_fact(err ? err : -EIO);
	withhold(dom, gone, flush_err ? after_the_fact(flush_err) : err);
	return err;
}

/* The one place where the flush policy decides. */
static void choose_retirement(struct dmp_domain *dom, struct domain_leaving *gone)
{
	gone->queue = domain_queue(dom);
	gone->ring = gone->queue ? flushq_ring(gone->queue) : NULL;
	dmp_gather_init(&gone->gather);
	gone->gather.queued = gone->ring != NULL;
	if (dom->exposure) {
		gone->gather.begun_ns = dmp_clock_now_ns();
		gone->gather.ended_ns = &gone->ended_ns;
	}
}

/* The granules of what is to be unmapped; an error: nothing of just that extent is mapped. */
static int find_mapping(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len,
			struct domain_span *span)
{
	if (!dom || domain_is_identity(dom) || !domain_cover(dom, iova, len, span))
		return -EINVAL;
	return verify(dom, span);
}

int dmp_domain_can_unmap(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len)
{
	struct domain_span span;

	return find_mapping(dom, iova, len, &span);
}

int dmp_domain_unmap(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len)
{
	struct domain_leaving gone;
	uint64_t unmapped = 0;
	int err = find_mapping(dom, iova, len, &gone.span);

	if (err) {
		dmp_log(DMP_LOG_BUG, "domain: %llu bytes at %#llx are not mapped as such",
			(unsigned long long)len, (unsigned long long)iova);
		return err;
	}
	choose_retirement(dom, &gone);
	err = dmp_iommu_unmap_gather(dom->iommu, gone.span.start, gone.span.len, &gone.gather,
				     &unmapped);
	counter_add(&dom->counts, DOMAIN_BYTES_UNMAPPED, gone.span.len);
	counter_add(&dom->counts, DOMAIN_UNMAPS, 1);
	if (err || unmapped != gone.span.len)
		return retire_torn(dom, &gone, err);
	return gone.ring ? retire_queued(dom, &gone) : retire_strict(dom, &gone);
}
