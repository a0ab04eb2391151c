// SPDX-License-Identifier: MIT
/*
 * domain_unmap.c - take an address back: verify, clear the tables, then let the flush
 * policy decide when the address may be used again
 *
 *   mapped --verify--> clear tables --retire, by policy--> flush --ok--> address free
 *      |                                                     |
 *      `-- wrong: -ENOENT or -EINVAL, nothing changed         `--failed--> address withheld
 *
 * What is verified before anything changes:
 *
 *   always        the first and the last granule are mapped
 *   checks >= 1   the address begins a range of just that many granules, as the IOVA space
 *                 rounds them, and the granule after the last is not mapped by it
 *
 * Without the second, a length that is too short or reaches into a neighbour is found, if
 * at all, by what the tables say they unmapped: then the address is withheld too, since
 * nobody knows who can still reach what.
 *
 * Invariants:
 *  U1  an address is given out again only after a flush that began when its table entries
 *      had been cleared has ended without error;
 *  U2  a withheld range stays taken in the IOVA space for good, and its table pages stay
 *      until a flush succeeds: destroy asks for one.
 *
 * Locking: (k) stuck_lock, rank RANK_DOMAIN, on a failed flush only; nothing is called
 *  with it held.
 *
 * Differs from Linux: an address that is not mapped is an error instead of a warning, and
 *  a flush can fail.
 *
 * Source: spec-iova 2.6.1-2.6.3, 2.6.5.
 */
#include "domain_internal.h"

/* A range on its way out. */
struct domain_leaving {
	struct domain_span span;
	struct dmp_gather gather; /* what must be invalidated before the address is free */
};

static bool is_mapped(struct dmp_domain *dom, dmp_iova_t iova)
{
	dmp_phys_t phys;

	return dmp_iommu_iova_to_phys(dom->iommu, iova, &phys) == 0;
}

/* The range that dmp_iova_alloc() gives for @npages: the size that the space keeps. */
static uint64_t kept_granules(uint64_t npages)
{
	return npages < DMP_IOVA_CACHED_GRANULES ? dmp_pow2_ceil(npages) : npages;
}

/* Is @span just what one call mapped?  Its granules are known to be mapped at both ends. */
static bool is_whole_mapping(struct dmp_domain *dom, const struct domain_span *span)
{
	uint64_t pfn = domain_pfn(dom, span->start), npages = span->len >> dom->granule_shift;
	struct dmp_iova_range range;

	if (dmp_iova_find(dom->iova, pfn, &range) || range.lo != pfn ||
	    range.hi - range.lo + 1 != kept_granules(npages))
		return false;
	return kept_granules(npages) == npages || !is_mapped(dom, span->start + span->len);
}

static int verify(struct dmp_domain *dom, const struct domain_span *span)
{
	dmp_iova_t last = span->start + span->len - dmp_domain_granule(dom);

	if (!is_mapped(dom, span->start))
		return -ENOENT;
	if (last != span->start && !is_mapped(dom, last))
		return -EINVAL;
	if (DMP_CHECKS >= 1 && !is_whole_mapping(dom, span))
		return -EINVAL;
	return 0;
}

static void push_stuck(struct dmp_domain *dom, struct domain_stuck *stuck)
{
	dmp_lock_acquire(&dom->stuck_lock);
	stuck->next = dom->stuck;
	dom->stuck = stuck;
	dmp_lock_release(&dom->stuck_lock);
}

/* U2: the tables of @gather wait for a flush that succeeds. */
static void keep_stuck(struct dmp_domain *dom, const struct dmp_gather *gather)
{
	struct domain_stuck *stuck = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*stuck));

	if (!stuck) {
		dmp_log(DMP_LOG_WARN, "domain: no memory to keep page tables that were not "
				      "flushed: they are lost");
		return;
	}
	stuck->gather = *gather;
	push_stuck(dom, stuck);
}

/* The address is never given out again. */
static void withhold(struct dmp_domain *dom, const struct domain_leaving *gone, int err)
{
	counter_add(&dom->counts, DOMAIN_WITHHELD, 1);
	dmp_log(DMP_LOG_WARN, "domain: %llu bytes at %#llx are withheld: error %d",
		(unsigned long long)gone->span.len, (unsigned long long)gone->span.start, err);
	if (gone->gather.tables)
		keep_stuck(dom, &gone->gather);
}

/* Errors that say "the state is as before" would lie once the tables are cleared. */
static int after_the_fact(int err)
{
	return err == -EINVAL || err == -ENOENT ? -EIO : err;
}

static int flush(struct dmp_domain *dom, struct dmp_gather *gather)
{
	counter_add(&dom->counts, DOMAIN_FLUSHES, 1);
	return dmp_iommu_sync(dom->iommu, gather);
}

/* Strict: flush now, and only then is the address free. */
static int retire_strict(struct dmp_domain *dom, struct domain_leaving *gone)
{
	int err = flush(dom, &gone->gather);

	if (err) {
		err = after_the_fact(err);
		withhold(dom, gone, err);
		return err;
	}
	return after_the_fact(dmp_iova_free(dom->iova, domain_pfn(dom, gone->span.start),
					    gone->span.len >> dom->granule_shift));
}

/* The one place where the flush policy decides. */
static int retire(struct dmp_domain *dom, struct domain_leaving *gone)
{
	switch (dom->flush) {
	case DMP_FLUSH_STRICT: return retire_strict(dom, gone);
	}
	return -EIO;
}

/* The tables did not hold what the caller said: flush all the same, and withhold. */
static int retire_torn(struct dmp_domain *dom, struct domain_leaving *gone, int err)
{
	int flush_err = flush(dom, &gone->gather);

	err = after_the_fact(err ? err : -EIO);
	withhold(dom, gone, flush_err ? after_the_fact(flush_err) : err);
	return err;
}

int dmp_domain_unmap(struct dmp_domain *dom, dmp_iova_t iova, uint64_t len)
{
	struct domain_leaving gone;
	uint64_t unmapped = 0;
	int err;

	if (!domain_cover(dom, iova, len, &gone.span))
		return -EINVAL;
	err = verify(dom, &gone.span);
	if (err) {
		dmp_log(DMP_LOG_BUG, "domain: %llu bytes at %#llx are not mapped as such",
			(unsigned long long)len, (unsigned long long)iova);
		return err;
	}
	dmp_gather_init(&gone.gather);
	err = dmp_iommu_unmap_gather(dom->iommu, gone.span.start, gone.span.len, &gone.gather,
				     &unmapped);
	counter_add(&dom->counts, DOMAIN_BYTES_UNMAPPED, gone.span.len);
	counter_add(&dom->counts, DOMAIN_UNMAPS, 1);
	if (err || unmapped != gone.span.len)
		return retire_torn(dom, &gone, err);
	return retire(dom, &gone);
}

static struct domain_stuck *take_stuck(struct dmp_domain *dom)
{
	struct domain_stuck *stuck;

	dmp_lock_acquire(&dom->stuck_lock);
	stuck = dom->stuck;
	if (stuck)
		dom->stuck = stuck->next;
	dmp_lock_release(&dom->stuck_lock);
	return stuck;
}

int domain_retry_stuck(struct dmp_domain *dom)
{
	struct domain_stuck *stuck;
	int err;

	while ((stuck = take_stuck(dom)) != NULL) {
		err = flush(dom, &stuck->gather);
		if (err) {
			push_stuck(dom, stuck);
			return err;
		}
		dmp_meta_free(stuck, sizeof(*stuck));
	}
	return 0;
}
