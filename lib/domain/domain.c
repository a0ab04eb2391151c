// SPDX-License-Identifier: MIT
/*
 * domain.c - an address space from create to destroy: its parts, its books
 *
 *             dmp_domain
 *            /          \
 *     dmp_iova_domain   dmp_iommu           both in granules of the smallest page
 *
 *     0        start_pfn                              aperture end
 *     |---------|========== given out from the top down ==|
 *      never used
 *
 * A policy of the IOVA space that defers reuse is asked without caches in front.  An identity
 * domain has no IOVA space: it exists to be attached, and flushes nothing since nothing changes.
 *
 * Invariants, walked by dmp_domain_check():
 *  D1  a range of the IOVA space is mapped, queued, withheld, cached or reserved:
 *        ranges = (maps - unmaps) + queued + withheld + cached + reserved,
 *      where a reservation stands for as many as it has added, or fewer: later ones may have
 *      joined them;
 *  D2  mapped bytes are whole granules, and none without a mapping;
 *  D3  address 0 is never mapped, so that a wild zero is caught by the machine; unless a device
 *      brings a direct region there.
 *
 * Locking: none held here.  What a request counts goes to its CPU's block.
 *
 * Differs from Linux: a domain is set up once and not by each device that joins it, so
 *  there is no second initialisation to compare with (spec-iova 2.1.3); a start of the
 *  aperture inside a granule skips that granule; a reservation first empties queue and caches and
 *  refuses what is mapped, whose ranges it would move down (spec-iova 1.5.5).
 *
 * Source: spec-iova 2.1, 2.3.
 */
#include "domain_internal.h"

#include <assert.h>

static_assert(sizeof(struct dmp_domain_opts) == 72, "append only");
static_assert(sizeof(struct dmp_domain_stats) == 136, "append only");
static_assert(DOMAIN_COUNTS <= COUNTERS_MAX, "one block a CPU");

/* 0: the policy's own. */
static bool is_queue_size(uint32_t entries)
{
	return entries == 0 ||
	       (dmp_is_pow2(entries) && entries >= 2 && entries <= FLUSHQ_ENTRIES_MAX);
}

#define KNOWN_FLAGS (DMP_DOMAIN_EXPOSURE | DMP_DOMAIN_IDENTITY | DMP_DOMAIN_NEIGHBOURS)
#define WATCHED     (DMP_DOMAIN_EXPOSURE | DMP_DOMAIN_IDENTITY)

/* An identity domain has no addresses to choose, and nothing that could wait. */
static bool opts_make_sense(const struct dmp_domain_opts *opts)
{
	return (opts->flags & ~KNOWN_FLAGS) == 0 && is_queue_size(opts->flushq_entries) &&
	       !(opts->flags & DMP_DOMAIN_IDENTITY &&
		 (opts->policy || opts->flush != DMP_FLUSH_STRICT)) &&
	       (!opts->exposure_watch || (opts->flags & WATCHED) == DMP_DOMAIN_EXPOSURE);
}

static int load_opts(struct dmp_domain *dom, const struct dmp_domain_opts *given)
{
	struct dmp_domain_opts *opts = &dom->opts;
	int err = dmp_opts_load(opts, sizeof(*opts), given);

	if (err)
		return err;
	dom->defers_reuse = dmp_iova_policy_defers_reuse(opts->policy);
	if (!opts_make_sense(opts) || domain_check_policy(dom, opts->flush))
		return -EINVAL;
	err = dmp_opts_load(&dom->watch, sizeof(dom->watch), opts->watch);
	return err ? err : dom->watch.reserved0 ? -EINVAL : 0;
}

/* First pfn that may be given out: the first whole granule of the aperture, but not 0. */
static uint64_t first_pfn(const struct dmp_domain *dom, uint64_t aperture_start)
{
	uint64_t pfn = domain_pfn(dom, aperture_start);

	if (!dmp_is_aligned(aperture_start, UINT64_C(1) << dom->granule_shift))
		pfn++;
	return pfn ? pfn : 1;
}

static int create_translated(struct dmp_domain *dom)
{
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	int err = dmp_iommu_create(dom->hw, DMP_DOMAIN_TRANSLATED, &dom->iommu);

	if (err)
		return err;
	dmp_iommu_info(dom->iommu, &info);
	dom->granule_shift = (unsigned)__builtin_ctzll(info.page_sizes);
	dom->aperture_end = info.aperture_end;
	err = dmp_iova_create(&DMP_IOVA_OPTS(.flags = dom->defers_reuse ? DMP_IOVA_NO_CACHE : 0,
					     .granule = UINT64_C(1) << dom->granule_shift,
					     .start_pfn = first_pfn(dom, info.aperture_start),
					     .policy = dom->opts.policy),
			      &dom->iova);
	if (err)
		goto undo_iommu;
	err = domain_exposure_create(dom);
	if (err)
		goto undo_iova;
	return 0;

undo_iova:
	dmp_iova_destroy(dom->iova);
undo_iommu:
	dmp_iommu_destroy(dom->iommu);
	return err;
}

static int create_parts(struct dmp_domain *dom)
{
	if (dom->opts.flags & DMP_DOMAIN_IDENTITY)
		return dmp_iommu_create(dom->hw, DMP_DOMAIN_PASSTHROUGH, &dom->iommu);
	return create_translated(dom);
}

static int create(struct dmp_domain *dom, const struct dmp_domain_opts *given)
{
	int err = load_opts(dom, given);

	if (!err)
		err = create_parts(dom);
	if (err)
		return err;
	counter_init(&dom->counts);
	dmp_lock_init(&dom->policy_lock, RANK_DOMAIN, "domain: flush policy");
	domain_start_policy(dom);
	return 0;
}

int dmp_domain_create(struct dmp_hw *hw, const struct dmp_domain_opts *given,
		      struct dmp_domain **out)
{
	struct dmp_domain *dom;
	int err;

	if (!hw || !out)
		return -EINVAL;
	dom = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*dom));
	if (!dom)
		return -ENOMEM;
	dom->hw = hw;
	err = create(dom, given);
	if (err)
		dmp_meta_free(dom, sizeof(*dom));
	else
		*out = dom;
	return err;
}

int dmp_domain_destroy(struct dmp_domain *dom)
{
	int err;

	if (!dom)
		return -EINVAL;
	if (counter_pending(&dom->counts, DOMAIN_MAPS, DOMAIN_UNMAPS) != 0 ||
	    domain_has_devices(dom))
		return -EBUSY;
	domain_stop_queue(dom);
	err = dmp_iommu_destroy(dom->iommu);
	if (err)
		return err;
	if (!domain_is_identity(dom))
		dmp_iova_destroy(dom->iova);
	domain_regions_destroy(dom);
	domain_exposure_destroy(dom);
	dmp_lock_destroy(&dom->policy_lock);
	counter_destroy(&dom->counts);
	dmp_meta_free(dom, sizeof(*dom));
	return 0;
}

/* Does a range that leads somewhere touch pfns @lo .. @hi?  One that does not is reserved or
 * withheld already. */
bool domain_touches_live(struct dmp_domain *dom, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range range;
	int err = dmp_iova_find(dom->iova, lo, &range);

	if (err)
		err = dmp_iova_next(dom->iova, lo, &range);
	while (!err && range.lo <= hi) {
		dmp_iova_t iova = range.lo << dom->granule_shift;

		if (domain_is_mapped(dom, iova) && !domain_is_direct(dom, iova))
			return true;
		err = dmp_iova_next(dom->iova, range.hi + 1, &range);
	}
	return false;
}

static uint64_t count_ranges(struct dmp_domain *dom)
{
	struct dmp_iova_stats stats = {.nranges = 0};

	dmp_iova_get_stats(dom->iova, &stats, sizeof(stats));
	return stats.nranges;
}

/* Between ranges that are there already a policy may put several; those of a call that ends
 * without memory stay. */
static int reserve_pfns(struct dmp_domain *dom, uint64_t lo, uint64_t hi)
{
	uint64_t before = count_ranges(dom), after;
	int err = dmp_iova_reserve(dom->iova, lo, hi, NULL);

	after = count_ranges(dom);
	if (after > before)
		add_relaxed(&dom->nreserved, after - before); /* relaxed: set-up calls compare it */
	return err;
}

/* After the flush nothing is queued any more, whatever other flushes are in progress: Q3 of
 * domain_flushq.h.  So what the space still holds there is mapped, or nobody's for good. */
int dmp_domain_reserve(struct dmp_domain *dom, dmp_iova_t first, dmp_iova_t last)
{
	struct flushq *fq;
	int err;

	if (!dom || domain_is_identity(dom) || first > last)
		return -EINVAL;
	fq = domain_queue(dom);
	err = fq ? flushq_flush(fq) : 0;
	if (err)
		return err;
	dmp_iova_flush(dom->iova);
	if (domain_touches_live(dom, domain_pfn(dom, first), domain_pfn(dom, last)))
		return -EBUSY;
	return reserve_pfns(dom, domain_pfn(dom, first), domain_pfn(dom, last));
}

int dmp_domain_iova_to_phys(struct dmp_domain *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	return dom ? dmp_iommu_iova_to_phys(dom->iommu, iova, phys) : -EINVAL;
}

struct dmp_hw *dmp_domain_hw(const struct dmp_domain *dom)
{
	return dom->hw;
}

struct dmp_iova_domain *dmp_domain_iova(struct dmp_domain *dom)
{
	return dom->iova;
}

struct dmp_iommu *dmp_domain_iommu(struct dmp_domain *dom)
{
	return dom->iommu;
}

uint64_t dmp_domain_granule(const struct dmp_domain *dom)
{
	return UINT64_C(1) << dom->granule_shift;
}

bool dmp_domain_counts_neighbours(const struct dmp_domain *dom)
{
	return dom && dom->opts.flags & DMP_DOMAIN_NEIGHBOURS;
}

bool dmp_domain_is_identity(const struct dmp_domain *dom)
{
	return dom && domain_is_identity(dom);
}

static void queue_stats(struct dmp_domain *dom, struct dmp_domain_stats *now)
{
	struct flushq_tally sum = domain_tally(dom);

	for (unsigned i = 0; i < DMP_FLUSH_CAUSES; i++) /* relaxed, both: reports */
		now->flushes_by[i] = load_relaxed(&dom->flushes_by[i]);
	now->flush_failures = load_relaxed(&dom->flush_failures);
	now->queued = sum.nqueued - sum.nreleased;
	now->queued_bytes = (sum.pages_queued - sum.pages_released) << dom->granule_shift;
	now->released = sum.nreleased;
	now->exposed_ns = sum.exposed_ns;
	now->exposed_max_ns = sum.exposed_max_ns;
	now->unflushed = sum.nunflushed;
	now->unflushed_bytes = sum.pages_unflushed << dom->granule_shift;
}

int dmp_domain_get_stats(struct dmp_domain *dom, struct dmp_domain_stats *stats, size_t size)
{
	struct dmp_domain_stats now = {0};
	struct counter_set *counts;

	if (!dom)
		return -EINVAL;
	counts = &dom->counts;
	now.unmaps = counter_sum(counts, DOMAIN_UNMAPS);
	now.maps = counter_sum(counts, DOMAIN_MAPS);
	now.mapped_bytes = counter_pending(counts, DOMAIN_BYTES_MAPPED, DOMAIN_BYTES_UNMAPPED);
	now.flushes = counter_sum(counts, DOMAIN_FLUSHES);
	queue_stats(dom, &now);
	return stats_store(stats, size, &now, sizeof(now));
}

/* D1: every range of the space is accounted for. */
static bool ranges_agree(struct dmp_domain *dom, const struct dmp_iova_stats *iova,
			 const struct dmp_domain_stats *now)
{
	uint64_t live = now->maps - now->unmaps + now->queued;
	uint64_t least = live + iova->cached + counter_sum(&dom->counts, DOMAIN_WITHHELD);
	uint64_t most = least + load_relaxed(&dom->nreserved); /* relaxed: set-up only */

	if (iova->nranges >= least && iova->nranges <= most)
		return true;
	dmp_log(DMP_LOG_BUG, "domain: %llu ranges in the space, but %llu to %llu in the books",
		(unsigned long long)iova->nranges, (unsigned long long)least,
		(unsigned long long)most);
	return false;
}

/* D2: bytes and mappings go together. */
static bool bytes_agree(struct dmp_domain *dom, uint64_t bytes, uint64_t live)
{
	if (dmp_is_aligned(bytes, dmp_domain_granule(dom)) && bytes >> dom->granule_shift >= live &&
	    (bytes == 0) == (live == 0))
		return true;
	dmp_log(DMP_LOG_BUG, "domain: %llu bytes are mapped by %llu mappings",
		(unsigned long long)bytes, (unsigned long long)live);
	return false;
}

/* D3: nothing leads out of address 0. */
static bool zero_is_empty(struct dmp_domain *dom)
{
	dmp_phys_t phys;

	if (dmp_iommu_iova_to_phys(dom->iommu, 0, &phys) == -ENOENT || domain_is_direct(dom, 0))
		return true;
	dmp_log(DMP_LOG_BUG, "domain: address 0 is mapped");
	return false;
}

static int check_books(struct dmp_domain *dom)
{
	struct dmp_iova_stats iova;
	struct dmp_domain_stats now;
	int err = dom ? dmp_iova_check(dom->iova) : -EINVAL;

	if (err)
		return err;
	dmp_iova_get_stats(dom->iova, &iova, sizeof(iova));
	dmp_domain_get_stats(dom, &now, sizeof(now));
	if (!ranges_agree(dom, &iova, &now) ||
	    !bytes_agree(dom, now.mapped_bytes, now.maps - now.unmaps) || !zero_is_empty(dom))
		return -EIO;
	return 0;
}

int dmp_domain_check(struct dmp_domain *dom)
{
	struct flushq *fq = dom ? domain_queue(dom) : NULL;
	int err;

	if (dom && domain_is_identity(dom))
		return 0;
	if (fq)
		flushq_pause(fq);
	err = check_books(dom);
	if (fq)
		flushq_resume(fq);
	return err;
}
