// SPDX-License-Identifier: MIT
/*
 * domain_map.c - give memory an address: take an IOVA, fill the page tables
 *
 *   phys         ....|  #####|########|##   |....      the caller's bytes
 *   span             |=======|========|=====|          whole granules
 *                        |
 *   iova             |=======|========|=====|          one range, naturally aligned
 *                      ^ answer: start + offset in the granule
 *
 * On reuse an address of an epoch that is not clean yet waits for a flush of the domain before
 * it is mapped; if that fails it goes back, and the next map tries again.
 *
 * Two steps, undone in reverse.  An address whose mapping failed goes back at once, whatever
 * the flush policy: lib/iommu has flushed it.  A device need not know an address to use it, so
 * where that flush failed, too, the address is withheld as in domain_unmap.c.
 *
 * Invariant: a range is in the tables, or in an IOTLB, only while its address is taken from
 *  the IOVA space.
 *
 * Locking: none here.
 *
 * Differs from Linux: a limit inside a granule ends before that granule; a request of
 *  several runs joins them through one call of lib/iommu.  Who makes a first attempt below 4 GiB,
 *  and for how long, is the caller's business: lib/dma/dma_first32.c.
 *
 * Source: spec-iova 2.2, 2.4, 2.5.2.
 */
#include "domain_internal.h"

#define PROT_ALL (DMP_PROT_READ | DMP_PROT_WRITE)

/* The last pfn whose every byte lies at or below @limit; false: there is none. */
static bool last_pfn(const struct dmp_domain *dom, uint64_t limit, uint64_t *pfn)
{
	uint64_t offset_mask = (UINT64_C(1) << dom->granule_shift) - 1;

	*pfn = domain_pfn(dom, limit);
	if ((limit & offset_mask) == offset_mask)
		return true;
	return (*pfn)-- > 0;
}

/* From a policy that defers reuse.  The queue is looked at when the address is taken: see
 * domain_policy.c. */
static int take_pfn_of_epoch(struct dmp_domain *dom, uint64_t npages, uint64_t limit_pfn,
			     uint64_t *pfn)
{
	struct flushq *fq;
	uint64_t epoch;
	int err = dmp_iova_alloc_epoch(dom->iova, npages, limit_pfn, DMP_IOVA_ALIGNED, pfn, &epoch);

	if (err)
		return err;
	fq = domain_queue(dom);
	err = fq ? flushq_admit(fq, epoch) : 0;
	if (err)
		domain_free_pfn(dom, *pfn, npages);
	return err;
}

/* @flags: of dmp_iova_alloc(). */
static int take_pfn(struct dmp_domain *dom, uint64_t npages, uint64_t limit_pfn, unsigned flags,
		    uint64_t *pfn)
{
	return dom->defers_reuse ? take_pfn_of_epoch(dom, npages, limit_pfn, pfn)
				 : dmp_iova_alloc(dom->iova, npages, limit_pfn, flags, pfn);
}

/* spec-iova 2.2.3: without a flush, so that low addresses are left as soon as they get short. */
static bool take_low(struct dmp_domain *dom, uint64_t npages, uint64_t *pfn)
{
	return take_pfn(dom, npages, (uint64_t)UINT32_MAX >> dom->granule_shift, 0, pfn) == 0;
}

static int take_address(struct dmp_domain *dom, uint64_t len, struct dmp_domain_place *place,
			dmp_iova_t *start)
{
	uint64_t limit = place->limit, npages = len >> dom->granule_shift, pfn, limit_pfn;
	int err = 0;

	if (limit > dom->aperture_end)
		limit = dom->aperture_end;
	if (!last_pfn(dom, limit, &limit_pfn))
		return -ERANGE;
	if (place->first32 && limit > UINT32_MAX)
		place->first32 = take_low(dom, npages, &pfn);
	if (!place->first32 || limit <= UINT32_MAX)
		err = take_pfn(dom, npages, limit_pfn, DMP_IOVA_FLUSH, &pfn);
	if (err)
		return err;
	*start = pfn << dom->granule_shift;
	return 0;
}

/* The tables may still lead there, or a TLB: @failed_ns is when they should have ceased to. */
static void give_up(struct dmp_domain *dom, const struct domain_span *span, uint64_t failed_ns,
		    int err)
{
	domain_withhold(dom, span, err);
	if (dom->exposure)
		domain_exposure_stuck(dom, span->len, failed_ns);
}

/* @runs are whole granules, @len bytes together. */
static int map_whole(struct dmp_domain *dom, const struct dmp_phys_run *runs, size_t nruns,
		     uint64_t len, unsigned prot, struct dmp_domain_place *place, dmp_iova_t *start)
{
	int err = take_address(dom, len, place, start);
	uint64_t failed_ns = 0;

	if (err)
		return err;
	err = dmp_iommu_map_measured(dom->iommu, *start, runs, nruns, prot, &failed_ns);
	if (err)
		goto undo_address;
	counter_add(&dom->counts, DOMAIN_BYTES_MAPPED, len);
	counter_add(&dom->counts, DOMAIN_MAPS, 1);
	return 0;

undo_address:
	if (err == -ENOTRECOVERABLE)
		give_up(dom, &(struct domain_span){*start, len}, failed_ns, err);
	else
		domain_free_pfn(dom, domain_pfn(dom, *start), len >> dom->granule_shift);
	return err;
}

static bool prot_makes_sense(unsigned prot)
{
	return (prot & PROT_ALL) != 0 && (prot & ~PROT_ALL) == 0;
}

/* In an identity domain nothing is mapped. */
static bool may_map(const struct dmp_domain *dom, const struct dmp_phys_run *runs, unsigned prot,
		    const dmp_iova_t *iova)
{
	return dom && !domain_is_identity(dom) && runs && iova && prot_makes_sense(prot);
}

/* One run of any alignment. */
static int map_one(struct dmp_domain *dom, const struct dmp_phys_run *run, unsigned prot,
		   struct dmp_domain_place *place, dmp_iova_t *iova)
{
	struct domain_span mem;
	dmp_iova_t start;
	int err;

	if (!domain_cover(dom, run->phys, run->len, &mem))
		return -EINVAL;
	err = map_whole(dom, &(struct dmp_phys_run){.phys = mem.start, .len = mem.len}, 1, mem.len,
			prot, place, &start);
	if (!err)
		*iova = start + (run->phys - mem.start);
	return err;
}

/* Bytes of all runs; 0: a run is not made of whole granules, or they leave 64 bits. */
static uint64_t runs_len(const struct dmp_domain *dom, const struct dmp_phys_run *runs,
			 size_t nruns)
{
	uint64_t total = 0;
	struct domain_span whole;

	for (size_t i = 0; i < nruns; i++) {
		if (!domain_cover(dom, runs[i].phys, runs[i].len, &whole) ||
		    whole.start != runs[i].phys || whole.len != runs[i].len ||
		    runs[i].len > UINT64_MAX - total)
			return 0;
		total += runs[i].len;
	}
	return total;
}

static int map_several(struct dmp_domain *dom, const struct dmp_phys_run *runs, size_t nruns,
		       unsigned prot, struct dmp_domain_place *place, dmp_iova_t *iova)
{
	uint64_t len = runs_len(dom, runs, nruns);
	dmp_iova_t start;
	int err = len ? map_whole(dom, runs, nruns, len, prot, place, &start) : -EINVAL;

	if (!err)
		*iova = start;
	return err;
}

int dmp_domain_map(struct dmp_domain *dom, dmp_phys_t phys, uint64_t len, unsigned prot,
		   uint64_t limit, dmp_iova_t *iova)
{
	struct dmp_phys_run run = {.phys = phys, .len = len};
	struct dmp_domain_place place = {.limit = limit};

	return may_map(dom, &run, prot, iova) ? map_one(dom, &run, prot, &place, iova) : -EINVAL;
}

int dmp_domain_map_runs(struct dmp_domain *dom, const struct dmp_phys_run *runs, size_t nruns,
			unsigned prot, uint64_t limit, dmp_iova_t *iova)
{
	struct dmp_domain_place place = {.limit = limit};

	return may_map(dom, runs, prot, iova) ? map_several(dom, runs, nruns, prot, &place, iova)
					      : -EINVAL;
}

static bool place_makes_sense(const struct dmp_domain_place *place)
{
	for (size_t i = 0; i < sizeof(place->reserved); i++)
		if (place->reserved[i])
			return false;
	return true;
}

int dmp_domain_map_place(struct dmp_domain *dom, const struct dmp_phys_run *runs, size_t nruns,
			 unsigned prot, struct dmp_domain_place *place, dmp_iova_t *iova)
{
	if (!may_map(dom, runs, prot, iova) || !place || !place_makes_sense(place))
		return -EINVAL;
	return nruns == 1 ? map_one(dom, runs, prot, place, iova)
			  : map_several(dom, runs, nruns, prot, place, iova);
}
