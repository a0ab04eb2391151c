// SPDX-License-Identifier: MIT
/*
 * dma_first32.c - an address in the domain, and the taste of some devices for low ones
 *
 *      4 GiB                      limit: mask, bus, aperture
 *   |----|-------------------------|
 *     1            2               first here, without emptying anybody's caches; then here
 *
 * Old PCI devices and bridges are clumsy with addresses above 4 GiB (two address cycles), and some
 * are wrong there, so Linux gives all PCI devices low ones while there are any:
 *
 *   attached --> prefers low ones --1 fails once--> goes to 2 at once, until attached anew
 *
 * The first failure is enough, whatever its reason: room that is short is not looked for again with
 * every request.
 *
 * Invariant: a device that has lost its preference does not make a first attempt before it is
 *  attached again; one whose limit is below 4 GiB never does.
 *
 * Locking: first32 is atomic; of several requests that lose it at once one tells.
 *
 * Differs from Linux: the device says that it is one of those (DMP_DEVICE_FIRST_32BIT), instead of
 *  its bus; attaching it is what sets the preference up again.
 *
 * Source: spec-iova 2.2.2 - 2.2.6.
 */
#include "dma_internal.h"

static unsigned bits_of(uint64_t limit)
{
	return limit ? 64 - (unsigned)__builtin_clzll(limit) : 0;
}

/* The highest address that is asked for, as it will be from here on. */
static uint64_t wide_limit(struct dmp_domain *dom, uint64_t reach)
{
	struct dmp_hw_domain_info info;

	dmp_iommu_info(dmp_domain_iommu(dom), &info);
	return reach < info.aperture_end ? reach : info.aperture_end;
}

void dma_first32_begin(struct dmp_device *dev)
{
	store_relaxed(&dev->first32, dev->limits.first32); /* relaxed: a preference */
}

static void lose(const struct dma_job *job, uint64_t reach)
{
	if (xchg_acq_rel(&job->dev->first32, 0) == 0)
		return;
	add_relaxed(&job->dev->losses32, 1); /* relaxed: for reports */
	dmp_log(DMP_LOG_INFO, "dma: device %u: no room below 4 GiB: using %u-bit addresses",
		job->dev->number, bits_of(wide_limit(job->dom, reach)));
}

int dma_place(const struct dma_job *job, const struct dmp_phys_run *runs, size_t nruns,
	      uint64_t reach, dmp_iova_t *iova)
{
	struct dmp_device *dev = job->dev;
	bool first32 = reach > UINT32_MAX && load_relaxed(&dev->first32); /* relaxed: as above */
	struct dmp_domain_place place = {.limit = reach, .first32 = first32};
	int err = dmp_domain_map_place(job->dom, runs, nruns, dma_prot(job->dir), &place, iova);

	if (!first32)
		return err;
	if (!place.first32)
		lose(job, reach);
	else if (!err)
		counter_add(&dev->counts, DMA_MAPS_32BIT, 1);
	return err;
}
