// SPDX-License-Identifier: MIT
/*
 * sim_share.c - memory that devices reach: coherent memory, and what is shared of encrypted memory
 *
 *                --make_shared-->
 *     private                        shared
 *                <--make_private--
 *     a device's access is a bus     it moves bytes
 *     error and moves no byte
 *
 * RAM of a machine with DMP_SIM_ENCRYPTED is private until somebody asks.  What lies outside RAM
 * is private for good.  CPU and page walker read both.
 *
 * A conversion is dear: each call is counted, and each page charged.  Its bytes stay as they are.
 *
 * Coherent memory is asked for below a limit, not in a zone: the zones are tried from the top.
 * Where memory is encrypted it is shared when it is handed out:
 *
 *   may block      block of a zone  --shared-->  the caller's  --private-->  back
 *   may not        block of the zone's pool  -->  the caller's  -->  back, never converted
 *
 *      zone   |<------------- blocks -------------->|<- pool ->|      shared since creation
 *
 * A pool never grows: a request that cannot wait and finds it empty gets nothing.
 *
 * Invariants, walked by sim_share_check():
 *  S1  as many pages are shared as nshared says;
 *  S2  a free page is shared if it lies in a pool, and only then.
 *
 * Locking: (a) atomic: an access looks at its page's mark without a lock.  Whoever converts a page
 *  has not yet given it to a device, or has taken it back, so no access is on its way there.
 *
 * Differs from Linux: its pools of coherent memory grow.
 *
 * Source: spec-bounce 3.8, 6.4, 12.
 */
#include "sim_internal.h"

#include <string.h>

#define POOL_MIN     (UINT64_C(128) << 10)
#define POOL_MAX     (UINT64_C(4) << 20)
#define POOL_PER_GIB (UINT64_C(128) << 10)

/* Pages of each zone that are shared for coherent memory, for a machine of @ram_bytes. */
uint32_t sim_share_pool_pages(uint64_t ram_bytes)
{
	uint64_t bytes = dmp_align_down((ram_bytes >> 30) * POOL_PER_GIB, DMP_PAGE_BYTES);

	bytes = bytes < POOL_MIN ? POOL_MIN : bytes;
	bytes = bytes > POOL_MAX ? POOL_MAX : bytes;
	return (uint32_t)(bytes >> DMP_PAGE_SHIFT);
}

static bool is_encrypted(const struct dmp_sim *sim)
{
	return (sim->flags & DMP_SIM_ENCRYPTED) != 0;
}

/* relaxed, all: see Locking */

static bool page_is_shared(const struct sim_mem *mem, uint64_t pfn)
{
	return load_relaxed(&mem->pages[pfn].shared);
}

static void mark(struct sim_mem *mem, uint64_t pfn, uint64_t npages, bool shared)
{
	for (; npages > 0; pfn++, npages--) {
		if (page_is_shared(mem, pfn) == shared)
			continue;
		store_relaxed(&mem->pages[pfn].shared, shared);
		add_relaxed(&mem->nshared, shared ? 1 : UINT64_MAX);
	}
}

static bool pool_has(const struct sim_mem *mem, uint64_t pfn)
{
	for (unsigned z = 0; z < mem->nzones; z++)
		if (pfn - mem->pool[z].first < mem->pool[z].end - mem->pool[z].first)
			return true;
	return false;
}

void sim_share_pools(struct sim_mem *mem)
{
	for (unsigned z = 0; z < mem->nzones; z++)
		mark(mem, mem->pool[z].first, mem->pool[z].end - mem->pool[z].first, true);
}

bool sim_share_hides(const struct dmp_sim *sim, dmp_phys_t phys)
{
	return is_encrypted(sim) && (!sim_mem_has(&sim->mem, phys, 1) ||
				     !page_is_shared(&sim->mem, phys >> DMP_PAGE_SHIFT));
}

bool sim_share_any(const struct sim_mem *mem, dmp_phys_t phys, uint64_t npages)
{
	uint64_t pfn = phys >> DMP_PAGE_SHIFT;

	while (npages > 0 && !page_is_shared(mem, pfn)) {
		pfn++;
		npages--;
	}
	return npages > 0;
}

/* The first @npages become what @shared says. */
static void convert(struct dmp_sim *sim, dmp_phys_t phys, uint64_t npages, bool shared)
{
	mark(&sim->mem, phys >> DMP_PAGE_SHIFT, npages, shared);
	sim_count(sim, shared ? COUNT_SHARED_PAGES : COUNT_PRIVATE_PAGES, npages);
	sim_charge_convert(sim, npages);
}

/* -EFAULT: not whole pages of RAM. */
static int check_range(const struct dmp_sim *sim, dmp_phys_t phys, uint64_t npages)
{
	if (!npages || npages > sim->mem.ram_bytes >> DMP_PAGE_SHIFT ||
	    !dmp_is_aligned(phys, DMP_PAGE_BYTES) ||
	    !sim_mem_has(&sim->mem, phys, npages << DMP_PAGE_SHIFT))
		return -EFAULT;
	return 0;
}

int sim_make_shared(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct dmp_sim *sim = be;
	int err = check_range(sim, phys, npages);

	if (err)
		return err;
	err = sim_inject(sim, DMP_SIM_CALL_MAKE_SHARED);
	sim_count(sim, COUNT_CONVERSIONS, 1);
	convert(sim, phys, err ? npages / 2 : npages, true);
	return err;
}

int sim_make_private(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct dmp_sim *sim = be;
	int err = check_range(sim, phys, npages);

	if (err)
		return err;
	err = sim_inject(sim, DMP_SIM_CALL_MAKE_PRIVATE);
	sim_count(sim, COUNT_CONVERSIONS, 1);
	if (err)
		store_relaxed(&sim->mem.has_lost, true); /* relaxed: read when nothing else runs */
	else
		convert(sim, phys, npages, false);
	return err;
}

bool sim_needs_shared(void *be, uint32_t device)
{
	(void)be;
	(void)device;
	return true; /* a member of machines with DMP_SIM_ENCRYPTED only */
}

/* Coherent memory. */

/* What may not block comes from memory that is shared already. */
static int take(struct dmp_sim *sim, unsigned order, uint64_t end, bool from_pool, dmp_phys_t *phys)
{
	struct sim_mem *mem = &sim->mem;
	int err = -ENOMEM;

	for (unsigned z = mem->nzones; err && z-- > 0;)
		err = sim_mem_take(mem, from_pool ? &mem->pool[z] : &mem->zone[z], order, end,
				   PAGE_GIVEN, phys);
	return err;
}

static int take_shared(struct dmp_sim *sim, unsigned order, uint64_t end, bool may_block,
		       dmp_phys_t *phys)
{
	int err = take(sim, order, end, !may_block, phys);

	if (err || !may_block)
		return err;
	err = sim_make_shared(sim, *phys, UINT64_C(1) << order);
	if (err)
		sim_coherent_free(sim, *phys, DMP_PAGE_BYTES << order);
	return err;
}

int sim_coherent_alloc(void *be, uint64_t len, uint64_t limit, unsigned flags, dmp_phys_t *phys)
{
	struct dmp_sim *sim = be;
	uint64_t end = limit == UINT64_MAX ? limit : (limit + 1) >> DMP_PAGE_SHIFT;
	int err = sim_inject(sim, DMP_SIM_CALL_COHERENT_ALLOC);
	unsigned order;

	if (err)
		return err;
	if (len == 0)
		return -EINVAL;
	order = dmp_page_order(len);
	err = is_encrypted(sim) ? take_shared(sim, order, end, flags & DMP_MEM_MAY_BLOCK, phys)
				: take(sim, order, end, false, phys);
	if (!err)
		memset(sim->mem.ram + *phys, 0, DMP_PAGE_BYTES << order);
	return err;
}

void sim_coherent_free(void *be, dmp_phys_t phys, uint64_t len)
{
	struct dmp_sim *sim = be;
	bool converts = is_encrypted(sim) && !pool_has(&sim->mem, phys >> DMP_PAGE_SHIFT);
	unsigned order;

	if (!len)
		return;
	order = dmp_page_order(len);
	if (converts && sim_make_private(sim, phys, UINT64_C(1) << order))
		dmp_log(DMP_LOG_WARN, "sim: %#llx, order %u, stays shared and is lost",
			(unsigned long long)phys, order);
	else
		sim_mem_give_back(sim, phys, order);
}

/* The walker. */

/* S2 for a free block. */
static bool block_is_sound(const struct sim_mem *mem, uint64_t pfn, unsigned order)
{
	bool is_pool = pool_has(mem, pfn);

	for (uint64_t end = pfn + (UINT64_C(1) << order); pfn < end; pfn++)
		if (page_is_shared(mem, pfn) != is_pool)
			return false;
	return true;
}

int sim_share_check(struct dmp_sim *sim)
{
	uint64_t npages = sim->mem.ram_bytes >> DMP_PAGE_SHIFT, nshared = 0;
	int err = 0;

	if (!is_encrypted(sim))
		return 0;
	dmp_lock_acquire(&sim->mem.lock);
	for (uint64_t pfn = 0; !err && pfn < npages; pfn++) {
		const struct sim_page *page = &sim->mem.pages[pfn];

		nshared += page_is_shared(&sim->mem, pfn);
		if (page->use == PAGE_FREE && !block_is_sound(&sim->mem, pfn, page->order))
			err = -EIO;
	}
	dmp_lock_release(&sim->mem.lock);
	if (!err && nshared != load_relaxed(&sim->mem.nshared)) /* nothing else runs */
		err = -EIO;
	if (err)
		dmp_log(DMP_LOG_BUG, "sim: what is shared is not what is in the books");
	return err;
}
