// SPDX-License-Identifier: MIT
/*
 * sim_mem.c - the machine's RAM: zones, blocks of 2^n pages, phys <-> pointer
 *
 *   phys   0        16 MiB            4 GiB                  ram_bytes           2^47
 *          |--DMA--|-----DMA32-------|------ANY-------------|     nothing        |-- host
 *          page 0 is never given out                                              pointers
 *
 * RAM is one sparse reservation: byte i is physical address i, and only what is touched
 * costs memory.  A parallel array holds a record a page, sparse as well.
 *
 * Each zone is a buddy allocator: free blocks of 2^n pages, naturally aligned, on a list
 * per n; a request splits the smallest block that is big enough, a free joins a block with
 * its buddy as long as that is free too.  Only the first page of a block has a record that
 * says something, so that creating a machine costs O(blocks), not O(pages).
 *
 * A request is served from its own zone, or from the highest that exists below it: a
 * machine of 1 GiB answers ANY from DMA32.  Falling back further is the caller's business.
 * Where memory is encrypted each zone ends with a smaller one, for coherent memory that is
 * shared from the start: see sim_share.c.
 *
 * Any pointer outside the reservation is memory too, at pointer + DMP_SIM_HOST_OFFSET,
 * above every RAM address.  What no process can point at is refused; what the process has
 * given back to the system since is found out at each access, by asking the system to have
 * the page ready (one system call an access, of host memory only).
 *
 * Invariants, walked by sim_mem_check():
 *  M1  free pages + pages given out + table pages = all pages but page 0;
 *  M2  a free block is aligned, inside its zone, and its record says so;
 *  M3  no two free buddies of one order: they would have been joined.
 *
 * Locking: (m) lock, rank RANK_BACKEND_MEM: lists, records, sums.
 *
 * Source: Knuth, The Art of Computer Programming 1, section 2.5 (buddy system).
 */
#include "sim_internal.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB(n) ((uint64_t)(n) << 20)

/* The highest address that a process of this machine can have without asking for more. */
#if defined(__x86_64__)
#define HOST_LAST DMP_MASK(47)
#else
#define HOST_LAST DMP_MASK(48)
#endif

static const uint64_t zone_end[MEM_ZONES] = {MIB(16), MIB(4096), UINT64_MAX};

static void list_add_locked(struct sim_mem *mem, struct sim_zone *zone, uint32_t pfn,
			    unsigned order)
{
	struct sim_page *page = &mem->pages[pfn];

	dmp_lock_assert_held(&mem->lock);
	page->use = PAGE_FREE;
	page->order = (uint8_t)order;
	page->prev = 0;
	page->next = zone->free[order];
	if (page->next)
		mem->pages[page->next].prev = pfn;
	zone->free[order] = pfn;
}

static void list_remove_locked(struct sim_mem *mem, struct sim_zone *zone, uint32_t pfn)
{
	struct sim_page *page = &mem->pages[pfn];

	dmp_lock_assert_held(&mem->lock);
	if (page->prev)
		mem->pages[page->prev].next = page->next;
	else
		zone->free[page->order] = page->next;
	if (page->next)
		mem->pages[page->next].prev = page->prev;
	page->use = PAGE_INNER;
}

/* Cut [first, end) into the biggest aligned blocks. */
static void zone_fill_locked(struct sim_mem *mem, struct sim_zone *zone)
{
	uint32_t pfn = zone->first;

	dmp_lock_assert_held(&mem->lock);
	while (pfn < zone->end) {
		unsigned order = (unsigned)__builtin_ctz(pfn);

		if (order > MEM_MAX_ORDER)
			order = MEM_MAX_ORDER;
		while (zone->end - pfn < 1u << order)
			order--;
		list_add_locked(mem, zone, pfn, order);
		pfn += 1u << order;
	}
}

static void *reserve(uint64_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* Has the process these pages, and may they be read, or written?  They are not changed. */
static bool probe_range(void *at, uint64_t len, uint32_t prot)
{
#ifdef MADV_POPULATE_READ
	return madvise(at, len, prot == DMP_PROT_READ ? MADV_POPULATE_READ : MADV_POPULATE_WRITE) ==
	       0;
#else
	(void)at;
	(void)len;
	(void)prot;
	return false;
#endif
}

static uint64_t records_bytes(const struct sim_mem *mem)
{
	return (mem->ram_bytes >> DMP_PAGE_SHIFT) * sizeof(struct sim_page);
}

static void zone_create_locked(struct sim_mem *mem, struct sim_zone *zone, uint32_t first,
			       uint32_t end)
{
	dmp_lock_assert_held(&mem->lock);
	zone->first = first;
	zone->end = end;
	zone_fill_locked(mem, zone);
}

/* The last @pool_pages of each zone are a zone of their own. */
static void zones_create(struct sim_mem *mem, uint32_t pool_pages)
{
	uint64_t from = DMP_PAGE_BYTES; /* page 0 stays out */

	dmp_lock_acquire(&mem->lock);
	for (mem->nzones = 0; mem->nzones < MEM_ZONES && from < mem->ram_bytes; mem->nzones++) {
		unsigned z = mem->nzones;
		uint64_t end = zone_end[z] < mem->ram_bytes ? zone_end[z] : mem->ram_bytes;
		uint32_t end_pfn = (uint32_t)(end >> DMP_PAGE_SHIFT);

		zone_create_locked(mem, &mem->zone[z], (uint32_t)(from >> DMP_PAGE_SHIFT),
				   end_pfn - pool_pages);
		zone_create_locked(mem, &mem->pool[z], end_pfn - pool_pages, end_pfn);
		from = end;
	}
	dmp_lock_release(&mem->lock);
	sim_share_pools(mem);
}

int sim_mem_create(struct sim_mem *mem, uint64_t ram_bytes, uint32_t pool_pages)
{
	mem->ram_bytes = ram_bytes;
	mem->ram = reserve(ram_bytes);
	if (!mem->ram)
		return -ENOMEM;
	mem->pages = reserve(records_bytes(mem));
	if (!mem->pages) {
		munmap(mem->ram, ram_bytes);
		return -ENOMEM;
	}
	mem->host_page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	mem->can_probe = probe_range(mem->ram, mem->host_page_bytes, DMP_PROT_READ);
	dmp_lock_init(&mem->lock, RANK_BACKEND_MEM, "sim: RAM");
	zones_create(mem, pool_pages);
	return 0;
}

void sim_mem_destroy(struct sim_mem *mem)
{
	dmp_lock_destroy(&mem->lock);
	munmap(mem->pages, records_bytes(mem));
	munmap(mem->ram, mem->ram_bytes);
}

static struct sim_zone *zone_for(struct sim_mem *mem, enum dmp_zone zone)
{
	unsigned index = zone == DMP_ZONE_DMA ? 0 : zone == DMP_ZONE_DMA32 ? 1 : 2;

	return &mem->zone[index < mem->nzones ? index : mem->nzones - 1];
}

static struct sim_zone *zone_of(struct sim_mem *mem, uint32_t pfn)
{
	unsigned index = 0;

	while (pfn >= mem->pool[index].end)
		index++;
	return pfn < mem->zone[index].end ? &mem->zone[index] : &mem->pool[index];
}

/* First page of a free block that can give 2^order pages ending at or below page @end. */
static uint32_t find_block_locked(struct sim_mem *mem, const struct sim_zone *zone, unsigned order,
				  uint64_t end)
{
	dmp_lock_assert_held(&mem->lock);
	if (zone->first + (UINT64_C(1) << order) > end)
		return 0; /* all of it lies too high: its lists need no look */
	for (unsigned o = order; o <= MEM_MAX_ORDER; o++)
		for (uint32_t pfn = zone->free[o]; pfn; pfn = mem->pages[pfn].next)
			if (pfn + (UINT64_C(1) << order) <= end)
				return pfn;
	return 0;
}

static void *page_buf(const struct sim_mem *mem, dmp_phys_t phys)
{
	return mem->ram + phys;
}

/* Take 2^order pages that end at or below page @end out of a zone. */
int sim_mem_take(struct sim_mem *mem, struct sim_zone *zone, unsigned order, uint64_t end,
		 enum sim_page_use use, dmp_phys_t *phys)
{
	dmp_lock_acquire(&mem->lock);
	uint32_t pfn = find_block_locked(mem, zone, order, end);

	if (!pfn) {
		dmp_lock_release(&mem->lock);
		return -ENOMEM;
	}
	list_remove_locked(mem, zone, pfn);
	for (unsigned o = mem->pages[pfn].order; o-- > order;)
		list_add_locked(mem, zone, pfn + (1u << o), o);
	mem->pages[pfn].order = (uint8_t)order;
	mem->pages[pfn].use = (uint8_t)use;
	*(use == PAGE_TABLE ? &mem->table_pages : &mem->given_pages) += UINT64_C(1) << order;
	dmp_lock_release(&mem->lock);
	*phys = (dmp_phys_t)pfn << DMP_PAGE_SHIFT;
	return 0;
}

static bool buddy_is_free_locked(struct sim_mem *mem, const struct sim_zone *zone, uint32_t buddy,
				 unsigned order)
{
	dmp_lock_assert_held(&mem->lock);
	return buddy >= zone->first && zone->end - buddy >= 1u << order &&
	       mem->pages[buddy].use == PAGE_FREE && mem->pages[buddy].order == order;
}

static void join_locked(struct sim_mem *mem, uint32_t pfn, unsigned order)
{
	struct sim_zone *zone = zone_of(mem, pfn);

	dmp_lock_assert_held(&mem->lock);
	for (; order < MEM_MAX_ORDER; order++) {
		uint32_t buddy = pfn ^ 1u << order;

		if (buddy >= zone->end || !buddy_is_free_locked(mem, zone, buddy, order))
			break;
		list_remove_locked(mem, zone, buddy);
		pfn &= ~(1u << order);
	}
	list_add_locked(mem, zone, pfn, order);
}

/* Give a block back; false if nobody had taken it as @use. */
static bool put_back(struct sim_mem *mem, dmp_phys_t phys, unsigned order, enum sim_page_use use)
{
	uint32_t pfn = (uint32_t)(phys >> DMP_PAGE_SHIFT);

	if (!dmp_is_aligned(phys, DMP_PAGE_BYTES) || phys >= mem->ram_bytes)
		return false;
	dmp_lock_acquire(&mem->lock);
	bool taken = mem->pages[pfn].use == use && mem->pages[pfn].order == order;

	if (taken) {
		mem->pages[pfn].use = PAGE_INNER;
		*(use == PAGE_TABLE ? &mem->table_pages : &mem->given_pages) -= UINT64_C(1)
										<< order;
		join_locked(mem, pfn, order);
	}
	dmp_lock_release(&mem->lock);
	return taken;
}

int sim_mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	struct dmp_sim *sim = be;
	int err = sim_inject(sim, DMP_SIM_CALL_MEM_ALLOC);

	(void)flags; /* never sleeps */
	if (err)
		return err;
	return sim_mem_take(&sim->mem, zone_for(&sim->mem, zone), order, UINT64_MAX, PAGE_GIVEN,
			    phys);
}

/* Before a block goes back: whoever got it next would write secrets where devices read. */
static bool is_private(const struct sim_mem *mem, dmp_phys_t phys, unsigned order)
{
	if (!sim_mem_has(mem, phys, DMP_PAGE_BYTES << order) ||
	    !sim_share_any(mem, phys, UINT64_C(1) << order))
		return true;
	dmp_log(DMP_LOG_BUG, "sim: free of %#llx, order %u: devices reach some of it",
		(unsigned long long)phys, order);
	return false;
}

void sim_mem_give_back(struct dmp_sim *sim, dmp_phys_t phys, unsigned order)
{
	if (!put_back(&sim->mem, phys, order, PAGE_GIVEN))
		dmp_log(DMP_LOG_BUG, "sim: free of %#llx, order %u: not given out like that",
			(unsigned long long)phys, order);
	else if (sim_reach_any(&sim->reaches))
		sim_reuse_freed(sim, phys, DMP_PAGE_BYTES << order);
}

void sim_mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct dmp_sim *sim = be;

	if (is_private(&sim->mem, phys, order))
		sim_mem_give_back(sim, phys, order);
}

int sim_table_alloc(struct sim_mem *mem, unsigned order, dmp_phys_t *phys)
{
	int err = -ENOMEM;

	for (unsigned z = mem->nzones; err && z-- > 0;)
		err = sim_mem_take(mem, &mem->zone[z], order, UINT64_MAX, PAGE_TABLE, phys);
	if (!err)
		memset(page_buf(mem, *phys), 0, DMP_PAGE_BYTES << order);
	return err;
}

void sim_table_free(struct sim_mem *mem, dmp_phys_t phys, unsigned order)
{
	if (!put_back(mem, phys, order, PAGE_TABLE))
		dmp_log(DMP_LOG_BUG, "sim: free of %#llx: not a page table",
			(unsigned long long)phys);
}

uint64_t sim_mem_given_pages(struct sim_mem *mem)
{
	dmp_lock_acquire(&mem->lock);
	uint64_t npages = mem->given_pages;

	dmp_lock_release(&mem->lock);
	return npages;
}

uint64_t sim_mem_table_pages(struct sim_mem *mem)
{
	dmp_lock_acquire(&mem->lock);
	uint64_t npages = mem->table_pages;

	dmp_lock_release(&mem->lock);
	return npages;
}

/* Addresses. */

/* Does [at, at + len) touch the reservation? */
static bool touches_ram(const struct sim_mem *mem, uintptr_t at, uint64_t len)
{
	uintptr_t ram = (uintptr_t)mem->ram;

	return at < ram + mem->ram_bytes && at + (len - 1) >= ram;
}

int sim_buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct sim_mem *mem = &((struct dmp_sim *)be)->mem;
	uintptr_t at = (uintptr_t)buf;
	uint64_t offset = at - (uintptr_t)mem->ram;

	if (len == 0 || at < DMP_PAGE_BYTES || !dmp_range_fits(at, len, HOST_LAST))
		return -EFAULT;
	if (!touches_ram(mem, at, len)) {
		*phys = at + DMP_SIM_HOST_OFFSET;
		return 0;
	}
	if (at < (uintptr_t)mem->ram || !sim_mem_has(mem, offset, len))
		return -EFAULT; /* straddles an edge of RAM */
	*phys = offset;
	return 0;
}

int sim_phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct sim_mem *mem = &((struct dmp_sim *)be)->mem;
	uintptr_t at = phys - DMP_SIM_HOST_OFFSET;

	if (len == 0)
		return -EFAULT;
	if (sim_mem_has(mem, phys, len)) {
		*buf = page_buf(mem, phys);
		return 0;
	}
	if (phys < DMP_SIM_HOST_OFFSET + DMP_PAGE_BYTES ||
	    !dmp_range_fits(phys, len, DMP_SIM_HOST_OFFSET + HOST_LAST) ||
	    touches_ram(mem, at, len))
		return -EFAULT;
	*buf = (void *)at;
	return 0;
}

void *dmp_sim_ram(struct dmp_sim *sim, dmp_phys_t phys, uint64_t len)
{
	return sim_mem_has(&sim->mem, phys, len) ? page_buf(&sim->mem, phys) : NULL;
}

bool sim_mem_is_there(const struct sim_mem *mem, void *buf, uint64_t len, uint32_t prot)
{
	uint64_t skew = (uintptr_t)buf & (mem->host_page_bytes - 1);

	if (!mem->can_probe || touches_ram(mem, (uintptr_t)buf, len))
		return true;
	return probe_range((char *)buf - skew, skew + len, prot);
}

/* The walker. */

static bool block_is_sound_locked(struct sim_mem *mem, const struct sim_zone *zone, uint32_t pfn,
				  unsigned order)
{
	const struct sim_page *page = &mem->pages[pfn];

	dmp_lock_assert_held(&mem->lock);
	if (page->use != PAGE_FREE || page->order != order)
		return false;
	if ((pfn & ((1u << order) - 1)) || pfn < zone->first || zone->end - pfn < 1u << order)
		return false;
	if (page->next && mem->pages[page->next].prev != pfn)
		return false;
	uint32_t buddy = pfn ^ 1u << order;

	return order == MEM_MAX_ORDER || buddy >= zone->end ||
	       !buddy_is_free_locked(mem, zone, buddy, order);
}

/* Adds up a zone's free pages; -EIO at a block that breaks M2 or M3. */
static int zone_check_locked(struct sim_mem *mem, const struct sim_zone *zone, uint64_t *free_pages)
{
	dmp_lock_assert_held(&mem->lock);
	for (unsigned order = 0; order <= MEM_MAX_ORDER; order++) {
		for (uint32_t pfn = zone->free[order]; pfn; pfn = mem->pages[pfn].next) {
			if (pfn >= zone->end || !block_is_sound_locked(mem, zone, pfn, order)) {
				dmp_log(DMP_LOG_BUG, "sim: bad free block at page %u, order %u",
					pfn, order);
				return -EIO;
			}
			*free_pages += UINT64_C(1) << order;
		}
	}
	return 0;
}

int sim_mem_check(struct sim_mem *mem)
{
	uint64_t npages = mem->ram_bytes >> DMP_PAGE_SHIFT, free_pages = 0;
	int err = 0;

	dmp_lock_acquire(&mem->lock);
	for (unsigned z = 0; !err && z < mem->nzones; z++) {
		err = zone_check_locked(mem, &mem->zone[z], &free_pages);
		if (!err)
			err = zone_check_locked(mem, &mem->pool[z], &free_pages);
	}
	if (!err && free_pages + mem->given_pages + mem->table_pages != npages - 1) {
		dmp_log(DMP_LOG_BUG, "sim: pages: %llu free + %llu given out + %llu tables != %llu",
			(unsigned long long)free_pages, (unsigned long long)mem->given_pages,
			(unsigned long long)mem->table_pages, (unsigned long long)(npages - 1));
		err = -EIO;
	}
	dmp_lock_release(&mem->lock);
	return err;
}
