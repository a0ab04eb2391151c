// SPDX-License-Identifier: MIT
/*
 * double_hw.c - a machine for tests: memory windows, page tables as arrays, a list of calls
 *
 * Every member has the same shape: begin() takes the lock and looks whether the script has
 * something for this call, the member does its work unless told not to, end() replaces the
 * result if told so, writes the record and drops the lock.
 */
#include "double_hw.h"

#include <dmapool/bits.h>

#include <stdlib.h>
#include <string.h>

#define WINDOW_PAGES (DOUBLE_WINDOW_BYTES >> DMP_PAGE_SHIFT)
#define FRESH_BYTE   0xa5
#define ATTACHED_MAX 64u
#define FIRST_DEVICE 1u

struct double_window {
	dmp_phys_t base;
	unsigned char *mem;
	unsigned char used[WINDOW_PAGES];
};

struct double_page {
	dmp_iova_t iova;
	dmp_phys_t phys;
	uint64_t page_bytes;
	unsigned prot;
};

struct double_domain {
	struct double_domain *older;
	bool live;
	uint64_t flushes;
	struct double_page *pages; /* by iova, none overlaps another */
	size_t npages, cap;
	uint32_t attached[ATTACHED_MAX];
	unsigned nattached;
};

struct double_exposure {
	struct double_exposure *next;
	uint32_t device;
	dmp_phys_t phys;
	uint64_t len;
	enum dmp_dir dir;
};

struct double_table {
	struct double_table *next;
	struct double_domain *dom;
	uint64_t flushes; /* of the domain when the table was emptied */
};

static const char *const names[DOUBLE_CALLS] = {
	"mem_alloc",         "mem_free",      "coherent_alloc", "coherent_free",  "buf_to_phys",
	"phys_to_buf",       "make_shared",   "make_private",   "mem_map",        "mem_unmap",
	"device_add",        "device_remove", "domain_create",  "domain_destroy", "domain_attach",
	"domain_detach",     "map_pages",     "map_list",       "unmap_pages",    "iova_to_phys",
	"sync_map",          "flush_gather",  "flush_range",    "flush_domain",   "free_tables",
	"set_fault_handler", "fault_next",
};

/* Script and records. */

static struct double_reply begin(struct double_hw *d, enum double_call call)
{
	static const struct double_reply honest = {.perform = true};
	struct double_reply *script = &d->reply[call];

	dmp_lock_acquire(&d->lock);
	d->ncalls[call]++;
	if (script->nth == 0)
		return honest;
	if (script->nth > 1) {
		script->nth--;
		return honest;
	}
	if (script->count > 1) {
		script->count--;
		return *script;
	}
	script->nth = 0;
	return *script;
}

static void note(struct double_hw *d, const struct double_record *record)
{
	if (d->nrecords == d->records_cap) {
		d->records_cap = d->records_cap ? 2 * d->records_cap : 64;
		d->records = realloc(d->records, d->records_cap * sizeof(*d->records));
		if (!d->records)
			abort();
	}
	d->records[d->nrecords++] = *record;
}

static int end(struct double_hw *d, struct double_record *record, const struct double_reply *reply,
	       int ret)
{
	record->ret = reply->replace_ret ? reply->ret : ret;
	note(d, record);
	dmp_lock_release(&d->lock);
	return record->ret;
}

static uint64_t answer(const struct double_reply *reply, uint64_t truth)
{
	return reply->replace_out ? reply->out : truth;
}

/* Memory. */

static struct double_window *window_of_phys(struct double_hw *d, dmp_phys_t phys, uint64_t len)
{
	for (unsigned i = 0; i < 3; i++) {
		struct double_window *w = d->window[i];

		if (phys >= w->base && dmp_range_fits(phys, len, w->base + DOUBLE_WINDOW_BYTES - 1))
			return w;
	}
	return NULL;
}

static bool run_is_free(const struct double_window *w, uint64_t first, uint64_t npages)
{
	for (uint64_t i = 0; i < npages; i++)
		if (w->used[first + i])
			return false;
	return true;
}

/* First fit of @npages at a multiple of @align pages. */
static int window_alloc(struct double_window *w, uint64_t npages, uint64_t align, dmp_phys_t *phys)
{
	for (uint64_t first = 0; first + npages <= WINDOW_PAGES; first += align) {
		if (!dmp_is_aligned(w->base + (first << DMP_PAGE_SHIFT), align << DMP_PAGE_SHIFT))
			return -ENOMEM;
		if (!run_is_free(w, first, npages))
			continue;
		memset(&w->used[first], 1, npages);
		memset(w->mem + (first << DMP_PAGE_SHIFT), FRESH_BYTE, npages << DMP_PAGE_SHIFT);
		*phys = w->base + (first << DMP_PAGE_SHIFT);
		return 0;
	}
	return -ENOMEM;
}

static void window_free(struct double_hw *d, dmp_phys_t phys, uint64_t npages)
{
	struct double_window *w = window_of_phys(d, phys, npages << DMP_PAGE_SHIFT);

	if (w)
		memset(&w->used[(phys - w->base) >> DMP_PAGE_SHIFT], 0, npages);
}

static int be_mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags,
			dmp_phys_t *phys)
{
	struct double_hw *d = be;
	struct double_record r = {
		.call = DOUBLE_MEM_ALLOC, .zone = zone, .flags = flags, .npages = order};
	struct double_reply reply = begin(d, r.call);
	int ret = 0;

	if (reply.perform)
		ret = order > dmp_log2_floor(WINDOW_PAGES)
			      ? -ENOMEM
			      : window_alloc(d->window[zone], UINT64_C(1) << order,
					     UINT64_C(1) << order, &r.phys);
	r.phys = answer(&reply, r.phys);
	ret = end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

static void be_mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_MEM_FREE, .phys = phys, .npages = order};
	struct double_reply reply = begin(d, r.call);

	if (reply.perform)
		window_free(d, phys, UINT64_C(1) << order);
	end(d, &r, &reply, 0);
}

static int coherent_find(struct double_hw *d, uint64_t len, uint64_t limit, dmp_phys_t *phys)
{
	uint64_t npages = dmp_align_up(len, DMP_PAGE_BYTES) >> DMP_PAGE_SHIFT;

	for (unsigned zone = DMP_ZONE_ANY; zone <= DMP_ZONE_DMA; zone++) {
		if (npages > WINDOW_PAGES || window_alloc(d->window[zone], npages, 1, phys))
			continue;
		if (dmp_range_fits(*phys, len, limit)) {
			void *mem = d->window[zone]->mem + (*phys - d->window[zone]->base);

			memset(mem, 0, npages << DMP_PAGE_SHIFT);
			return 0;
		}
		window_free(d, *phys, npages);
	}
	return -ENOMEM;
}

static int be_coherent_alloc(void *be, uint64_t len, uint64_t limit, unsigned flags,
			     dmp_phys_t *phys)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_COHERENT_ALLOC, .len = len, .flags = flags};
	struct double_reply reply = begin(d, r.call);
	int ret = reply.perform ? coherent_find(d, len, limit, &r.phys) : 0;

	r.phys = answer(&reply, r.phys);
	ret = end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

static void be_coherent_free(void *be, dmp_phys_t phys, uint64_t len)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_COHERENT_FREE, .phys = phys, .len = len};
	struct double_reply reply = begin(d, r.call);

	if (reply.perform)
		window_free(d, phys, dmp_align_up(len, DMP_PAGE_BYTES) >> DMP_PAGE_SHIFT);
	end(d, &r, &reply, 0);
}

static int find_phys(struct double_hw *d, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	uintptr_t at = (uintptr_t)buf;

	for (unsigned i = 0; i < 3; i++) {
		uintptr_t mem = (uintptr_t)d->window[i]->mem;

		if (at >= mem && dmp_range_fits(at, len, mem + DOUBLE_WINDOW_BYTES - 1)) {
			*phys = d->window[i]->base + (at - mem);
			return 0;
		}
	}
	return -EFAULT;
}

static int be_buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_BUF_TO_PHYS, .len = len};
	struct double_reply reply = begin(d, r.call);
	int ret = reply.perform ? find_phys(d, buf, len, &r.phys) : 0;

	r.phys = answer(&reply, r.phys);
	ret = end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

static int be_phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_PHYS_TO_BUF, .phys = phys, .len = len};
	struct double_reply reply = begin(d, r.call);
	struct double_window *w = window_of_phys(d, phys, len);
	int ret = w || !reply.perform ? 0 : -EFAULT;
	uintptr_t at = w ? (uintptr_t)(w->mem + (phys - w->base)) : 0;

	at = (uintptr_t)answer(&reply, at);
	ret = end(d, &r, &reply, ret);
	if (!ret)
		*buf = (void *)at;
	return ret;
}

static int be_make_shared(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct double_record r = {.call = DOUBLE_MAKE_SHARED, .phys = phys, .npages = npages};
	struct double_reply reply = begin(be, r.call);

	return end(be, &r, &reply, 0);
}

static int be_make_private(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct double_record r = {.call = DOUBLE_MAKE_PRIVATE, .phys = phys, .npages = npages};
	struct double_reply reply = begin(be, r.call);

	return end(be, &r, &reply, 0);
}

/* Exposure. */

static int be_mem_map(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct double_hw *d = be;
	struct double_record r = {
		.call = DOUBLE_MEM_MAP, .device = device, .phys = phys, .len = len, .flags = dir};
	struct double_reply reply = begin(d, r.call);

	if (reply.perform) {
		struct double_exposure *e = calloc(1, sizeof(*e));

		if (!e)
			abort();
		*e = (struct double_exposure){d->exposures, device, phys, len, dir};
		d->exposures = e;
	}
	return end(d, &r, &reply, 0);
}

static int be_mem_unmap(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct double_hw *d = be;
	struct double_record r = {
		.call = DOUBLE_MEM_UNMAP, .device = device, .phys = phys, .len = len, .flags = dir};
	struct double_reply reply = begin(d, r.call);
	int ret = reply.perform ? -ENOENT : 0;

	for (struct double_exposure **at = &d->exposures; *at && ret; at = &(*at)->next) {
		struct double_exposure *e = *at;

		if (e->device == device && e->phys == phys && e->len == len && e->dir == dir) {
			*at = e->next;
			free(e);
			ret = 0;
			break;
		}
	}
	return end(d, &r, &reply, ret);
}

/* Devices and domains. */

static int be_device_add(void *be, const struct dmp_hw_device *desc, uint32_t *device)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DEVICE_ADD, .len = desc->dma_mask};
	struct double_reply reply = begin(d, r.call);
	int ret;

	if (reply.perform) {
		r.device = d->next_device++;
		d->ndevices++;
	}
	r.device = (uint32_t)answer(&reply, r.device);
	ret = end(d, &r, &reply, 0);
	if (!ret)
		*device = r.device;
	return ret;
}

static void be_device_remove(void *be, uint32_t device)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DEVICE_REMOVE, .device = device};
	struct double_reply reply = begin(d, r.call);

	d->ndevices--;
	end(d, &r, &reply, 0);
}

static struct double_domain *domain_new(struct double_hw *d)
{
	struct double_domain *dom = calloc(1, sizeof(*dom));

	if (!dom)
		abort();
	dom->live = true;
	dom->older = d->domains;
	d->domains = dom;
	return dom;
}

static int be_domain_create(void *be, enum dmp_domain_type type, void **dom,
			    struct dmp_hw_domain_info *info)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DOMAIN_CREATE, .flags = type};
	struct double_reply reply = begin(d, r.call);
	int ret;

	if (reply.perform)
		r.dom = domain_new(d);
	r.dom = (void *)(uintptr_t)answer(&reply, (uintptr_t)r.dom);
	ret = end(d, &r, &reply, 0);
	if (ret)
		return ret;
	info->flags = d->info_flags;
	info->page_sizes = d->page_sizes;
	info->aperture_start = d->aperture_start;
	info->aperture_end = d->aperture_end;
	*dom = r.dom;
	return 0;
}

static void be_domain_destroy(void *be, void *dom)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DOMAIN_DESTROY, .dom = dom};
	struct double_reply reply = begin(d, r.call);

	((struct double_domain *)dom)->live = false;
	end(d, &r, &reply, 0);
}

/* Where @device is attached; NULL: nowhere. */
static struct double_domain *domain_of(struct double_hw *d, uint32_t device, unsigned *at)
{
	for (struct double_domain *dom = d->domains; dom; dom = dom->older)
		for (*at = 0; *at < dom->nattached; (*at)++)
			if (dom->attached[*at] == device)
				return dom;
	return NULL;
}

static int be_domain_attach(void *be, void *dom, uint32_t device)
{
	struct double_hw *d = be;
	struct double_domain *to = dom;
	struct double_record r = {.call = DOUBLE_DOMAIN_ATTACH, .dom = dom, .device = device};
	struct double_reply reply = begin(d, r.call);
	unsigned at;
	int ret = 0;

	if (reply.perform && (domain_of(d, device, &at) || to->nattached == ATTACHED_MAX))
		ret = -EBUSY;
	else if (reply.perform)
		to->attached[to->nattached++] = device;
	return end(d, &r, &reply, ret);
}

static void be_domain_detach(void *be, void *dom, uint32_t device)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DOMAIN_DETACH, .dom = dom, .device = device};
	struct double_reply reply = begin(d, r.call);
	unsigned at;
	struct double_domain *from = domain_of(d, device, &at);

	if (reply.perform && from)
		from->attached[at] = from->attached[--from->nattached];
	end(d, &r, &reply, 0);
}

/* Page tables. */

/* Index of the first page that ends behind @iova. */
static size_t page_index(const struct double_domain *dom, dmp_iova_t iova)
{
	size_t lo = 0, hi = dom->npages;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dom->pages[mid].iova + (dom->pages[mid].page_bytes - 1) < iova)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int page_insert(struct double_domain *dom, struct double_page page)
{
	size_t at = page_index(dom, page.iova);

	if (at < dom->npages && dom->pages[at].iova <= page.iova + (page.page_bytes - 1))
		return -EEXIST;
	if (dom->npages == dom->cap) {
		dom->cap = dom->cap ? 2 * dom->cap : 64;
		dom->pages = realloc(dom->pages, dom->cap * sizeof(page));
		if (!dom->pages)
			abort();
	}
	memmove(&dom->pages[at + 1], &dom->pages[at], (dom->npages - at) * sizeof(page));
	dom->pages[at] = page;
	dom->npages++;
	return 0;
}

/* Maps until the end, an error, or @max_pages; says how far it came. */
static int pages_map(struct double_domain *dom, struct double_page page, uint64_t npages,
		     uint64_t max_pages, uint64_t *done)
{
	if (max_pages && max_pages < npages)
		npages = max_pages;
	for (uint64_t i = 0; i < npages; i++) {
		int err = page_insert(dom, page);

		if (err)
			return err;
		page.iova += page.page_bytes;
		page.phys += page.page_bytes;
		*done += page.page_bytes;
	}
	return 0;
}

static int be_map_pages(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
			uint64_t npages, unsigned prot, uint64_t *mapped)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_MAP_PAGES,
				  .dom = dom,
				  .iova = iova,
				  .phys = phys,
				  .len = page_bytes * npages,
				  .page_bytes = page_bytes,
				  .npages = npages,
				  .flags = prot};
	struct double_reply reply = begin(d, r.call);
	int ret = 0;

	if (reply.perform)
		ret = pages_map(dom, (struct double_page){iova, phys, page_bytes, prot}, npages,
				reply.max_pages, &r.done);
	*mapped = r.done = answer(&reply, r.done);
	return end(d, &r, &reply, ret);
}

/* The biggest offered page that fits the addresses and the rest of a run. */
static uint64_t biggest_page(const struct double_hw *d, dmp_iova_t iova, dmp_phys_t phys,
			     uint64_t len)
{
	uint64_t best = d->page_sizes & -d->page_sizes;

	for (uint64_t rest = d->page_sizes; rest; rest &= rest - 1) {
		uint64_t page = rest & -rest;

		if (page <= len && dmp_is_aligned(iova | phys, page))
			best = page;
	}
	return best;
}

static int runs_map(struct double_hw *d, struct double_domain *dom, dmp_iova_t iova,
		    const struct dmp_phys_run *runs, size_t nruns, unsigned prot,
		    uint64_t max_pages, uint64_t *done)
{
	uint64_t npages = 0;

	for (size_t i = 0; i < nruns; i++) {
		for (uint64_t off = 0; off < runs[i].len;) {
			uint64_t page = biggest_page(d, iova + *done, runs[i].phys + off,
						     runs[i].len - off);
			int err;

			if (max_pages && npages++ == max_pages)
				return 0;
			err = pages_map(
				dom,
				(struct double_page){iova + *done, runs[i].phys + off, page, prot},
				1, 0, done);
			if (err)
				return err;
			off += page;
		}
	}
	return 0;
}

static int be_map_list(void *be, void *dom, dmp_iova_t iova, const struct dmp_phys_run *runs,
		       size_t nruns, unsigned prot, uint64_t *mapped)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_MAP_LIST,
				  .dom = dom,
				  .iova = iova,
				  .phys = runs[0].phys,
				  .npages = nruns,
				  .flags = prot};
	struct double_reply reply = begin(d, r.call);
	int ret = 0;

	for (size_t i = 0; i < nruns; i++)
		r.len += runs[i].len;
	if (reply.perform)
		ret = runs_map(d, dom, iova, runs, nruns, prot, reply.max_pages, &r.done);
	*mapped = r.done = answer(&reply, r.done);
	return end(d, &r, &reply, ret);
}

/* Removes whole pages that follow each other from @iova on, until @len is reached. */
static uint64_t pages_unmap(struct double_domain *dom, dmp_iova_t iova, uint64_t len,
			    uint64_t max_pages)
{
	size_t first = page_index(dom, iova), at = first;
	uint64_t done = 0;

	while (done < len && at < dom->npages && dom->pages[at].iova == iova + done &&
	       !(max_pages && at - first == max_pages))
		done += dom->pages[at++].page_bytes;
	if (at > first)
		memmove(&dom->pages[first], &dom->pages[at],
			(dom->npages - at) * sizeof(dom->pages[0]));
	dom->npages -= at - first;
	return done;
}

static void chain_table(struct double_hw *d, struct double_domain *dom, struct dmp_gather *gather)
{
	struct double_table *table = malloc(sizeof(*table));

	if (!table)
		abort();
	*table = (struct double_table){gather->tables, dom, dom->flushes};
	gather->tables = table;
	d->tables_chained++;
}

static uint64_t be_unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			       uint64_t npages, struct dmp_gather *gather)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_UNMAP_PAGES,
				  .dom = dom,
				  .iova = iova,
				  .len = page_bytes * npages,
				  .page_bytes = page_bytes,
				  .npages = npages,
				  .flags = gather->queued};
	struct double_reply reply = begin(d, r.call);
	uint64_t done = reply.perform ? pages_unmap(dom, iova, page_bytes * npages, reply.max_pages)
				      : 0;

	if (done && d->chain_tables)
		chain_table(d, dom, gather);
	r.done = answer(&reply, done);
	end(d, &r, &reply, 0);
	return r.done;
}

static int page_lookup(const struct double_domain *dom, dmp_iova_t iova, dmp_phys_t *phys,
		       unsigned *prot)
{
	size_t at = page_index(dom, iova);

	if (at == dom->npages || dom->pages[at].iova > iova)
		return -ENOENT;
	if (phys)
		*phys = dom->pages[at].phys + (iova - dom->pages[at].iova);
	if (prot)
		*prot = dom->pages[at].prot;
	return 0;
}

static int be_iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_IOVA_TO_PHYS, .dom = dom, .iova = iova};
	struct double_reply reply = begin(d, r.call);
	int ret = reply.perform ? page_lookup(dom, iova, &r.phys, NULL) : 0;

	r.phys = answer(&reply, r.phys);
	ret = end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

/* Invalidation. */

static int be_sync_map(void *be, void *dom, dmp_iova_t iova, uint64_t len)
{
	struct double_record r = {.call = DOUBLE_SYNC_MAP, .dom = dom, .iova = iova, .len = len};
	struct double_reply reply = begin(be, r.call);

	return end(be, &r, &reply, 0);
}

/* A flush of any kind: it counts unless the script makes it fail. */
static int flush_end(struct double_hw *d, struct double_record *r, const struct double_reply *reply)
{
	if (!(reply->replace_ret && reply->ret))
		((struct double_domain *)r->dom)->flushes++;
	return end(d, r, reply, 0);
}

static int be_flush_gather(void *be, void *dom, const struct dmp_gather *gather)
{
	struct double_record r = {.call = DOUBLE_FLUSH_GATHER,
				  .dom = dom,
				  .iova = gather->start,
				  .len = gather->end - gather->start + 1,
				  .page_bytes = gather->page_bytes,
				  .flags = gather->queued,
				  .tables = gather->tables};
	struct double_reply reply = begin(be, r.call);

	return flush_end(be, &r, &reply);
}

static int be_flush_range(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only)
{
	struct double_record r = {.call = DOUBLE_FLUSH_RANGE,
				  .dom = dom,
				  .iova = iova,
				  .len = len,
				  .flags = leaf_only};
	struct double_reply reply = begin(be, r.call);

	return flush_end(be, &r, &reply);
}

static int be_flush_domain(void *be, void *dom)
{
	struct double_record r = {.call = DOUBLE_FLUSH_DOMAIN, .dom = dom};
	struct double_reply reply = begin(be, r.call);

	return flush_end(be, &r, &reply);
}

static void be_free_tables(void *be, void *dom, void *tables)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_FREE_TABLES, .dom = dom, .tables = tables};
	struct double_reply reply = begin(d, r.call);

	for (struct double_table *table = tables, *next; table; table = next) {
		next = table->next;
		d->tables_freed++;
		if (table->flushes == table->dom->flushes)
			d->tables_freed_early++;
		free(table);
	}
	end(d, &r, &reply, 0);
}

/* Faults. */

static void be_set_fault_handler(void *be, dmp_fault_fn fn, void *ctx)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_SET_FAULT_HANDLER};
	struct double_reply reply = begin(d, r.call);

	d->fault_fn = fn;
	d->fault_ctx = ctx;
	end(d, &r, &reply, 0);
}

static int be_fault_next(void *be, struct dmp_fault *fault)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_FAULT_NEXT};
	struct double_reply reply = begin(d, r.call);
	int ret = -ENOENT;

	if (d->nfaults > 0) {
		*fault = d->faults[0];
		memmove(&d->faults[0], &d->faults[1], --d->nfaults * sizeof(*fault));
		ret = 0;
	}
	return end(d, &r, &reply, ret);
}

void double_raise_fault(struct double_hw *d, const struct dmp_fault *fault)
{
	if (d->nfaults < sizeof(d->faults) / sizeof(d->faults[0]))
		d->faults[d->nfaults++] = *fault;
	if (d->fault_fn)
		d->fault_fn(d->fault_ctx, fault);
}

/* The machine. */

static const struct dmp_hw_ops all_members = {
	.size = sizeof(struct dmp_hw_ops),
	.name = "double",
	.mem_alloc = be_mem_alloc,
	.mem_free = be_mem_free,
	.coherent_alloc = be_coherent_alloc,
	.coherent_free = be_coherent_free,
	.buf_to_phys = be_buf_to_phys,
	.phys_to_buf = be_phys_to_buf,
	.make_shared = be_make_shared,
	.make_private = be_make_private,
	.mem_map = be_mem_map,
	.mem_unmap = be_mem_unmap,
	.device_add = be_device_add,
	.device_remove = be_device_remove,
	.domain_create = be_domain_create,
	.domain_destroy = be_domain_destroy,
	.domain_attach = be_domain_attach,
	.domain_detach = be_domain_detach,
	.map_pages = be_map_pages,
	.map_list = be_map_list,
	.unmap_pages = be_unmap_pages,
	.iova_to_phys = be_iova_to_phys,
	.sync_map = be_sync_map,
	.flush_gather = be_flush_gather,
	.flush_range = be_flush_range,
	.flush_domain = be_flush_domain,
	.free_tables = be_free_tables,
	.set_fault_handler = be_set_fault_handler,
	.fault_next = be_fault_next,
};

static struct double_window *window_new(dmp_phys_t base)
{
	struct double_window *w = calloc(1, sizeof(*w));

	if (!w || !(w->mem = aligned_alloc(DMP_PAGE_BYTES, DOUBLE_WINDOW_BYTES)))
		abort();
	w->base = base;
	return w;
}

struct double_hw *double_hw_new(void)
{
	struct double_hw *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->ops = all_members;
	d->page_sizes = UINT64_C(0x40201000);
	d->aperture_end = DMP_MASK(48);
	d->next_device = FIRST_DEVICE;
	d->window[DMP_ZONE_ANY] = window_new(DOUBLE_PHYS_ANY);
	d->window[DMP_ZONE_DMA32] = window_new(DOUBLE_PHYS_DMA32);
	d->window[DMP_ZONE_DMA] = window_new(DOUBLE_PHYS_DMA);
	dmp_lock_init(&d->lock, RANK_BACKEND, "double_hw");
	return d;
}

int double_hw_adopt(struct double_hw *d, uint32_t hw_flags, struct dmp_hw **out)
{
	return dmp_hw_create(&d->ops, d, &DMP_HW_OPTS(.flags = hw_flags), out);
}

uint64_t double_hw_leftovers(const struct double_hw *d)
{
	uint64_t n = d->ndevices + (d->tables_chained - d->tables_freed);

	for (unsigned i = 0; i < 3; i++)
		for (uint64_t page = 0; page < WINDOW_PAGES; page++)
			n += d->window[i]->used[page];
	for (const struct double_domain *dom = d->domains; dom; dom = dom->older)
		n += dom->live + dom->nattached + dom->npages;
	for (const struct double_exposure *e = d->exposures; e; e = e->next)
		n++;
	return n;
}

void double_hw_free(struct double_hw *d)
{
	for (struct double_domain *dom = d->domains, *older; dom; dom = older) {
		older = dom->older;
		free(dom->pages);
		free(dom);
	}
	for (struct double_exposure *e = d->exposures, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	for (unsigned i = 0; i < 3; i++) {
		free(d->window[i]->mem);
		free(d->window[i]);
	}
	dmp_lock_destroy(&d->lock);
	free(d->records);
	free(d->trace);
	free(d);
}

/* Scripts. */

void double_script(struct double_hw *d, enum double_call call, const struct double_reply *reply)
{
	d->reply[call] = *reply;
}

void double_fail(struct double_hw *d, enum double_call call, uint64_t nth, int err)
{
	double_script(d, call, &(struct double_reply){.nth = nth, .replace_ret = true, .ret = err});
}

void double_fail_after(struct double_hw *d, enum double_call call, uint64_t nth, int err,
		       uint64_t npages)
{
	double_script(d, call,
		      &(struct double_reply){.nth = nth,
					     .perform = npages > 0,
					     .max_pages = npages,
					     .replace_ret = true,
					     .ret = err});
}

void double_lie(struct double_hw *d, enum double_call call, uint64_t nth, uint64_t out)
{
	double_script(d, call,
		      &(struct double_reply){
			      .nth = nth, .perform = true, .replace_out = true, .out = out});
}

/* Records. */

void double_clear(struct double_hw *d)
{
	d->nrecords = 0;
	memset(d->ncalls, 0, sizeof(d->ncalls));
}

uint64_t double_count(const struct double_hw *d, enum double_call call)
{
	return d->ncalls[call];
}

const struct double_record *double_nth(const struct double_hw *d, enum double_call call, uint64_t i)
{
	for (uint64_t at = 0; at < d->nrecords; at++)
		if (d->records[at].call == call && i-- == 0)
			return &d->records[at];
	return NULL;
}

const struct double_record *double_last(const struct double_hw *d, enum double_call call)
{
	return d->ncalls[call] ? double_nth(d, call, d->ncalls[call] - 1) : NULL;
}

static bool is_lookup(enum double_call call)
{
	return call == DOUBLE_IOVA_TO_PHYS || call == DOUBLE_BUF_TO_PHYS ||
	       call == DOUBLE_PHYS_TO_BUF;
}

const char *double_trace(struct double_hw *d)
{
	size_t len = 0;

	for (uint64_t i = 0; i < d->nrecords; i++)
		if (!is_lookup(d->records[i].call))
			len += strlen(names[d->records[i].call]) + 1;
	free(d->trace);
	d->trace = calloc(1, len + 1);
	if (!d->trace)
		abort();
	len = 0;
	for (uint64_t i = 0; i < d->nrecords; i++) {
		const char *name = names[d->records[i].call];

		if (is_lookup(d->records[i].call))
			continue;
		if (len)
			d->trace[len++] = ' ';
		memcpy(d->trace + len, name, strlen(name));
		len += strlen(name);
	}
	return d->trace;
}

/* State. */

static struct double_domain *domain_number(const struct double_hw *d, unsigned domain)
{
	unsigned n = 0;
	struct double_domain *dom;

	for (dom = d->domains; dom; dom = dom->older)
		n++;
	if (domain >= n)
		return NULL;
	for (dom = d->domains; n - 1 > domain; n--)
		dom = dom->older;
	return dom;
}

bool double_translate(struct double_hw *d, unsigned domain, dmp_iova_t iova, dmp_phys_t *phys,
		      unsigned *prot)
{
	struct double_domain *dom = domain_number(d, domain);

	return dom && page_lookup(dom, iova, phys, prot) == 0;
}

uint64_t double_mapped_bytes(const struct double_hw *d)
{
	uint64_t bytes = 0;

	for (const struct double_domain *dom = d->domains; dom; dom = dom->older)
		for (size_t i = 0; i < dom->npages; i++)
			bytes += dom->pages[i].page_bytes;
	return bytes;
}

uint64_t double_exposed_bytes(const struct double_hw *d, uint32_t device)
{
	uint64_t bytes = 0;

	for (const struct double_exposure *e = d->exposures; e; e = e->next)
		if (e->device == device)
			bytes += e->len;
	return bytes;
}
