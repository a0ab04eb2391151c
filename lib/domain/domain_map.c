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
 *  several runs joins them through one call of lib/iommu; there is no first attempt below
 *  4 GiB (spec-iova 2.2.3), which only PCI devices make.
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

static int take_address(struct dmp_domain *dom, uint64_t len, uint64_t limit, dmp_iova_t *start)
{
	uint64_t pfn, limit_pfn;
	int err;

	if (limit > dom->aperture_end)
		limit = dom->aperture_end;
	if (!last_pfn(dom, limit, &limit_pfn))
		return -ERANGE;
	len >>= dom->granule_shift;
	err = dom->defers_reuse ? take_pfn_of_epoch(dom, len, limit_pfn, &pfn)
				: dmp_iova_alloc(dom->iova, len, limit_pfn, DMP_IOVA_FLUSH, &pfn);
	if (err)
		return err;
	*start = pfn << dom->granule_shift;
	return 0;
}

static int fill_tables(struct dmp_domain *dom, dmp_iova_t start, const struct dmp_phys_run *runs,
		       size_t nruns, unsigned prot)
{
	if (nruns == 1)
		return dmp_iommu_map(dom->iommu, start, runs->phys, runs->len, prot);
	return dmp_iommu_map_range(dom->iommu, start, runs, nruns, prot);
}

/* @runs are whole granules, @len bytes together. */
static int place(struct dmp_domain *dom, const struct dmp_phys_run *runs, size_t nruns,
		 uint64_t len, unsigned prot, uint64_t limit, dmp_iova_t *start)
{
	int err = take_address(dom, len, limit, start);

	if (err)
		return err;
	err = fill_tables(dom, *start, runs, nruns, prot);
	if (err)
		goto undo_address;
	counter_add(&dom->counts, DOMAIN_BYTES_MAPPED, len);
	counter_add(&dom->counts, DOMAIN_MAPS, 1);
	return 0;

undo_address:
	if (err == -ENOTRECOVERABLE)
		domain_withhold(dom, &(struct domain_span){*start, len}, err);
	else
		domain_free_pfn(dom, domain_pfn(dom, *start), len >> dom->granule_shift);
	return err;
}

static bool prot_makes_sense(unsigned prot)
{
	return (prot & PROT_ALL) != 0 && (prot & ~PROT_ALL) == 0;
}

int dmp_domain_map(struct dmp_domain *dom, dmp_phys_t phys, uint64_t len, unsigned prot,
		   uint64_t limit, dmp_iova_t *iova)
{
	struct domain_span mem;
	dmp_iova_t start;
	int err;

	if (!dom || domain_is_identity(dom) || !iova || !prot_makes_sense(prot) ||
	    !domain_cover(dom, phys, len, &mem))
		return -EINVAL;
	err = place(dom, &(struct dmp_phys_run){.phys = mem.start, .len = mem.len}, 1, mem.len,
		    prot, limit, &start);
	if (err)
		return err;
	*iova = start + (phys - mem.start);
	return 0;
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

int dmp_domain_map_runs(struct dmp_domain *dom, const struct dmp_phys_run *runs, size_t nruns,
			unsigned prot, uint64_t limit, dmp_iova_t *iova)
{
	uint64_t len = dom && runs && iova ? runs_len(dom, runs, nruns) : 0;
	dmp_iova_t start;
	int err;

	if (len == 0 || domain_is_identity(dom) || !prot_makes_sense(prot))
		return -EINVAL;
	err = place(dom, runs, nruns, len, prot, limit, &start);
	if (err)
		return err;
	*iova = start;
	return 0;
}
