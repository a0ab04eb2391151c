// SPDX-License-Identifier: MIT
/*
 * double_iommu.c - the test double's translation: a sorted array of pages a domain
 *
 * A destroyed domain stays allocated until the double goes, so that a test can show what
 * happens to a call that names it.
 */
#include "double_internal.h"

/* Devices and domains. */

static int be_device_add(void *be, const struct dmp_hw_device *desc, uint32_t *device)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DEVICE_ADD, .len = desc->dma_mask};
	struct double_reply reply = double_begin(d, r.call);
	int ret;

	if (reply.perform) {
		r.device = d->next_device++;
		d->ndevices++;
	}
	r.device = (uint32_t)double_answer(&reply, r.device);
	ret = double_end(d, &r, &reply, 0);
	if (!ret)
		*device = r.device;
	return ret;
}

static void be_device_remove(void *be, uint32_t device)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DEVICE_REMOVE, .device = device};
	struct double_reply reply = double_begin(d, r.call);

	d->ndevices--;
	double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);
	int ret;

	if (reply.perform)
		r.dom = domain_new(d);
	r.dom = (void *)(uintptr_t)double_answer(&reply, (uintptr_t)r.dom);
	ret = double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);

	((struct double_domain *)dom)->live = false;
	((struct double_domain *)dom)->npages = 0;
	double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);
	unsigned at;
	int ret = 0;

	if (reply.perform && (domain_of(d, device, &at) || to->nattached == ATTACHED_MAX))
		ret = -EBUSY;
	else if (reply.perform)
		to->attached[to->nattached++] = device;
	return double_end(d, &r, &reply, ret);
}

static void be_domain_detach(void *be, void *dom, uint32_t device)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_DOMAIN_DETACH, .dom = dom, .device = device};
	struct double_reply reply = double_begin(d, r.call);
	unsigned at;
	struct double_domain *from = domain_of(d, device, &at);

	if (reply.perform && from)
		from->attached[at] = from->attached[--from->nattached];
	double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);
	int ret = 0;

	if (reply.perform)
		ret = pages_map(dom, (struct double_page){iova, phys, page_bytes, prot}, npages,
				reply.max_pages, &r.done);
	*mapped = r.done = double_answer(&reply, r.done);
	return double_end(d, &r, &reply, ret);
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
	struct double_reply reply = double_begin(d, r.call);
	int ret = 0;

	for (size_t i = 0; i < nruns; i++)
		r.len += runs[i].len;
	if (reply.perform)
		ret = runs_map(d, dom, iova, runs, nruns, prot, reply.max_pages, &r.done);
	*mapped = r.done = double_answer(&reply, r.done);
	return double_end(d, &r, &reply, ret);
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
	*table = (struct double_table){gather->tables, d->tables, dom, dom->flushes};
	gather->tables = d->tables = table;
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
	struct double_reply reply = double_begin(d, r.call);
	uint64_t done = reply.perform ? pages_unmap(dom, iova, page_bytes * npages, reply.max_pages)
				      : 0;

	if (done && d->chain_tables)
		chain_table(d, dom, gather);
	r.done = double_answer(&reply, done);
	double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);
	int ret = reply.perform ? page_lookup(dom, iova, &r.phys, NULL) : 0;

	r.phys = double_answer(&reply, r.phys);
	ret = double_end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

/* Invalidation. */

static int be_sync_map(void *be, void *dom, dmp_iova_t iova, uint64_t len)
{
	struct double_record r = {.call = DOUBLE_SYNC_MAP, .dom = dom, .iova = iova, .len = len};
	struct double_reply reply = double_begin(be, r.call);

	return double_end(be, &r, &reply, 0);
}

/* A flush of any kind: it counts unless the script makes it fail. */
static int flush_end(struct double_hw *d, struct double_record *r, const struct double_reply *reply)
{
	if (!(reply->replace_ret && reply->ret))
		((struct double_domain *)r->dom)->flushes++;
	return double_end(d, r, reply, 0);
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
	struct double_reply reply = double_begin(be, r.call);

	return flush_end(be, &r, &reply);
}

static int be_flush_range(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only)
{
	struct double_record r = {.call = DOUBLE_FLUSH_RANGE,
				  .dom = dom,
				  .iova = iova,
				  .len = len,
				  .flags = leaf_only};
	struct double_reply reply = double_begin(be, r.call);

	return flush_end(be, &r, &reply);
}

static int be_flush_domain(void *be, void *dom)
{
	struct double_record r = {.call = DOUBLE_FLUSH_DOMAIN, .dom = dom};
	struct double_reply reply = double_begin(be, r.call);

	return flush_end(be, &r, &reply);
}

static void be_free_tables(void *be, void *dom, void *tables)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_FREE_TABLES, .dom = dom, .tables = tables};
	struct double_reply reply = double_begin(d, r.call);

	for (struct double_table *table = tables, *next; table; table = next) {
		next = table->next;
		d->tables_freed++;
		if (table->flushes == table->dom->flushes)
			d->tables_freed_early++;
	}
	double_end(d, &r, &reply, 0);
}

/* Faults. */

static void be_set_fault_handler(void *be, dmp_fault_fn fn, void *ctx)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_SET_FAULT_HANDLER};
	struct double_reply reply = double_begin(d, r.call);

	d->fault_fn = fn;
	d->fault_ctx = ctx;
	double_end(d, &r, &reply, 0);
}

static int be_fault_next(void *be, struct dmp_fault *fault)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_FAULT_NEXT};
	struct double_reply reply = double_begin(d, r.call);
	int ret = -ENOENT;

	if (d->nfaults > 0) {
		*fault = d->faults[0];
		memmove(&d->faults[0], &d->faults[1], --d->nfaults * sizeof(*fault));
		ret = 0;
	}
	return double_end(d, &r, &reply, ret);
}

void double_raise_fault(struct double_hw *d, const struct dmp_fault *fault)
{
	if (d->nfaults < sizeof(d->faults) / sizeof(d->faults[0]))
		d->faults[d->nfaults++] = *fault;
	if (d->fault_fn)
		d->fault_fn(d->fault_ctx, fault);
}

/* Questions. */

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

void double_iommu_members(struct dmp_hw_ops *ops)
{
	ops->device_add = be_device_add;
	ops->device_remove = be_device_remove;
	ops->domain_create = be_domain_create;
	ops->domain_destroy = be_domain_destroy;
	ops->domain_attach = be_domain_attach;
	ops->domain_detach = be_domain_detach;
	ops->map_pages = be_map_pages;
	ops->map_list = be_map_list;
	ops->unmap_pages = be_unmap_pages;
	ops->iova_to_phys = be_iova_to_phys;
	ops->sync_map = be_sync_map;
	ops->flush_gather = be_flush_gather;
	ops->flush_range = be_flush_range;
	ops->flush_domain = be_flush_domain;
	ops->free_tables = be_free_tables;
	ops->set_fault_handler = be_set_fault_handler;
	ops->fault_next = be_fault_next;
}
