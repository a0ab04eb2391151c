// SPDX-License-Identifier: MIT
/*
 * iommu_map.c - map and unmap, step by step, undone as a whole
 *
 *   map:    check -> join neighbours -> [ step: page size and count -> backend ] ... -> sync_map
 *              any error: unmap what was mapped, the part of the failed step too, and flush
 *   unmap:  check -> [ step -> sync if the gather cannot take it -> backend -> gather ] ...
 *
 * Neighbouring runs that continue each other are one run before page sizes are chosen, or
 * small pages would be used across each seam:
 *
 *   runs    [ 0x10000, 4 KiB ) [ 0x11000, 8 KiB ) [ 0x40000, 4 KiB )
 *   joined  [ 0x10000, 12 KiB                   ) [ 0x40000, 4 KiB )
 *
 * A backend with map_list() gets joined runs in batches, one walk each.
 *
 * Invariants:
 *  N1  on error nothing of the call is mapped and nothing of it can be reached: all was
 *      flushed before the call returns; where that failed, or an unmap stopped too early, the
 *      error is -ENOTRECOVERABLE;
 *  N2  an unmap ends at the first hole, and may end behind its end where a bigger page
 *      lies across, which is never split;
 *  N3  a backend's count is believed only as far as it makes sense: a multiple of the
 *      smallest page, not more than was asked of a map, all of it if the map succeeded.
 *      Anything else is -EIO.
 *
 * Differs from Linux: a misaligned unmap is -EINVAL, not 0 bytes; a range outside the
 *  aperture is -ERANGE; a scatter list may reach the backend as one list.
 *
 * Source: spec-iova 4.2, 4.3.
 */
#include "iommu_internal.h"

#include <dmapool/bits.h>

#include "base_port.h"

/* Joined runs in one call of map_list(): 512 bytes of stack. */
#define LIST_BATCH 32u

/* Checks, before anything is touched. */

static int check_range(const struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len)
{
	if (iommu->type != DMP_DOMAIN_TRANSLATED)
		return -EINVAL;
	if (!len || !dmp_is_aligned(iova | len, iommu->min_page) ||
	    !dmp_range_fits(iova, len, UINT64_MAX))
		return -EINVAL;
	if (iova < iommu->info.aperture_start ||
	    !dmp_range_fits(iova, len, iommu->info.aperture_end))
		return -ERANGE;
	return 0;
}

static bool run_is_valid(const struct dmp_iommu *iommu, const struct dmp_phys_run *run)
{
	return run->len && dmp_is_aligned(run->phys | run->len, iommu->min_page) &&
	       dmp_range_fits(run->phys, run->len, UINT64_MAX);
}

static int check_map(const struct dmp_iommu *iommu, dmp_iova_t iova,
		     const struct dmp_phys_run *runs, size_t nruns, unsigned prot, uint64_t *total)
{
	uint64_t len = 0;

	if (!iommu || !runs || iommu->type != DMP_DOMAIN_TRANSLATED)
		return -EINVAL;
	if (!prot || prot & ~(DMP_PROT_READ | DMP_PROT_WRITE))
		return -EINVAL;
	for (size_t i = 0; i < nruns; i++) {
		if (!run_is_valid(iommu, &runs[i]) || runs[i].len > UINT64_MAX - len)
			return -EINVAL;
		len += runs[i].len;
	}
	*total = len;
	return check_range(iommu, iova, len);
}

/* Map. */

/* One mapping in progress. */
struct map_walk {
	struct dmp_iommu *iommu;
	const struct dmp_phys_run *runs; /* not yet joined */
	size_t nruns;
	dmp_iova_t iova;
	unsigned prot;
	uint64_t done; /* bytes mapped from iova on, as far as the backend can be believed ... */
	uint64_t sure; /* ... and before it said nonsense */
};

/* Does the second go on where the first ends?  Behind the highest address nothing does. */
static bool continues(const struct dmp_phys_run *first, const struct dmp_phys_run *second)
{
	dmp_phys_t end = first->phys + first->len;

	return end && second->phys == end;
}

/* The next run, with all neighbours that continue it. */
static bool next_joined(struct map_walk *walk, struct dmp_phys_run *run)
{
	if (!walk->nruns)
		return false;
	*run = *walk->runs++;
	walk->nruns--;
	while (walk->nruns && continues(run, walk->runs)) {
		run->len += walk->runs->len;
		walk->runs++;
		walk->nruns--;
	}
	return true;
}

/* N3.  Takes over what the backend says it mapped of @asked bytes. */
static int account(struct map_walk *walk, int err, uint64_t mapped, uint64_t asked)
{
	bool is_sane = mapped <= asked && dmp_is_aligned(mapped, walk->iommu->min_page) &&
		       (err || mapped == asked);

	/* Of what is nonsense, undo as much as was asked for. */
	walk->done += is_sane ? mapped : asked;
	if (is_sane)
		walk->sure = walk->done;
	return is_sane ? err : -EIO;
}

static int map_run(struct map_walk *walk, struct dmp_phys_run run)
{
	struct dmp_iommu *iommu = walk->iommu;

	while (run.len) {
		dmp_iova_t iova = walk->iova + walk->done;
		struct dmp_page_step step =
			dmp_iommu_page_step(iommu->info.page_sizes, iova, run.phys, run.len);
		uint64_t asked = step.page_bytes * step.count, mapped = 0;
		int err = hw_map_pages(iommu->hw, iommu->dom, iova, run.phys, step.page_bytes,
				       step.count, walk->prot, &mapped);

		err = account(walk, err, mapped, asked);
		if (err)
			return err;
		run.phys += asked;
		run.len -= asked;
	}
	return 0;
}

static int map_one_by_one(struct map_walk *walk)
{
	struct dmp_phys_run run;
	int err = 0;

	while (!err && next_joined(walk, &run))
		err = map_run(walk, run);
	return err;
}

static int map_by_lists(struct map_walk *walk)
{
	struct dmp_phys_run batch[LIST_BATCH];
	int err = 0;

	while (!err && walk->nruns) {
		uint64_t asked = 0, mapped = 0;
		size_t n = 0;

		while (n < LIST_BATCH && next_joined(walk, &batch[n]))
			asked += batch[n++].len;
		err = hw_map_list(walk->iommu->hw, walk->iommu->dom, walk->iova + walk->done, batch,
				  n, walk->prot, &mapped);
		err = account(walk, err, mapped, asked);
	}
	return err;
}

/* N1.  @err made the map fail; returns what the caller learns. */
static int undo(struct map_walk *walk, int err, uint64_t *failed_ns)
{
	struct dmp_gather gather;
	uint64_t unmapped = 0;
	int unmap_err, sync_err;

	if (failed_ns)
		*failed_ns = dmp_clock_now_ns();
	if (!walk->done)
		return err;
	dmp_gather_init(&gather);
	unmap_err = iommu_unmap_range(walk->iommu, walk->iova, walk->done, &gather, &unmapped);
	if (!unmap_err && unmapped < walk->sure)
		unmap_err = -EIO;
	sync_err = iommu_sync_last(walk->iommu, &gather);
	if (!unmap_err && !sync_err)
		return err;
	dmp_log(DMP_LOG_WARN, "iommu %s: a map at %#llx failed: %d, and could not be undone: %d",
		walk->iommu->hw->ops.name, (unsigned long long)walk->iova, err,
		unmap_err ? unmap_err : sync_err);
	return -ENOTRECOVERABLE;
}

int dmp_iommu_map_measured(struct dmp_iommu *iommu, dmp_iova_t iova,
			   const struct dmp_phys_run *runs, size_t nruns, unsigned prot,
			   uint64_t *failed_ns)
{
	struct map_walk walk = {iommu, runs, nruns, iova, prot, 0, 0};
	uint64_t total;
	int err = check_map(iommu, iova, runs, nruns, prot, &total);

	if (err)
		return err;
	err = nruns > 1 && hw_has_map_list(iommu->hw) ? map_by_lists(&walk) : map_one_by_one(&walk);
	if (!err)
		err = hw_sync_map(iommu->hw, iommu->dom, iova, total);
	return err ? undo(&walk, err, failed_ns) : 0;
}

int dmp_iommu_map_range(struct dmp_iommu *iommu, dmp_iova_t iova, const struct dmp_phys_run *runs,
			size_t nruns, unsigned prot)
{
	return dmp_iommu_map_measured(iommu, iova, runs, nruns, prot, NULL);
}

int dmp_iommu_map(struct dmp_iommu *iommu, dmp_iova_t iova, dmp_phys_t phys, uint64_t len,
		  unsigned prot)
{
	struct dmp_phys_run run = {phys, len};

	return dmp_iommu_map_range(iommu, iova, &run, 1, prot);
}

/* Unmap. */

/* N3. */
static bool unmapped_is_sane(const struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t bytes)
{
	return dmp_is_aligned(bytes, iommu->min_page) &&
	       dmp_range_fits(iova, bytes, iommu->info.aperture_end);
}

/* A sync in between that fails stops nothing and is tried once: the gather goes on holding
 * all that is unmapped (G3 of iommu_gather.c), and whoever syncs it last sees the error. */
int iommu_unmap_range(struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len,
		      struct dmp_gather *gather, uint64_t *unmapped)
{
	uint64_t done = 0;
	bool is_stuck = false;

	while (done < len) {
		dmp_iova_t at = iova + done;
		struct dmp_page_step step =
			dmp_iommu_page_step(iommu->info.page_sizes, at, at, len - done);
		uint64_t asked = step.page_bytes * step.count, bytes;

		if (!is_stuck && !iommu_gather_fits(gather, at, asked, step.page_bytes))
			is_stuck = dmp_iommu_sync(iommu, gather) != 0;
		bytes = hw_unmap_pages(iommu->hw, iommu->dom, at, step.page_bytes, step.count,
				       gather);
		if (!bytes)
			break;
		if (!unmapped_is_sane(iommu, at, bytes)) {
			iommu_gather_extend(gather, at, asked, step.page_bytes);
			return -EIO;
		}
		iommu_gather_extend(gather, at, bytes, step.page_bytes);
		done += bytes;
	}
	*unmapped = done;
	return 0;
}

int dmp_iommu_unmap_gather(struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len,
			   struct dmp_gather *gather, uint64_t *unmapped)
{
	int err;

	if (!iommu || !gather || !unmapped)
		return -EINVAL;
	err = check_range(iommu, iova, len);
	return err ? err : iommu_unmap_range(iommu, iova, len, gather, unmapped);
}

int dmp_iommu_unmap(struct dmp_iommu *iommu, dmp_iova_t iova, uint64_t len, uint64_t *unmapped)
{
	struct dmp_gather gather;
	uint64_t done;
	int err, sync_err;

	if (!iommu || !unmapped)
		return -EINVAL;
	err = check_range(iommu, iova, len);
	if (err)
		return err;
	dmp_gather_init(&gather);
	err = iommu_unmap_range(iommu, iova, len, &gather, &done);
	sync_err = iommu_sync_last(iommu, &gather);
	if (!err)
		err = sync_err;
	if (!err)
		*unmapped = done;
	return err;
}
