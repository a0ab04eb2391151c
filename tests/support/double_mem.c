// SPDX-License-Identifier: MIT
/*
 * double_mem.c - the test double's memory: one window a zone, first fit
 */
#include "double_internal.h"

#define FRESH_BYTE 0xa5

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
	struct double_reply reply = double_begin(d, r.call);
	int ret = 0;

	if (reply.perform)
		ret = order > dmp_log2_floor(WINDOW_PAGES)
			      ? -ENOMEM
			      : window_alloc(d->window[zone], UINT64_C(1) << order,
					     UINT64_C(1) << order, &r.phys);
	r.phys = double_answer(&reply, r.phys);
	ret = double_end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

static void be_mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_MEM_FREE, .phys = phys, .npages = order};
	struct double_reply reply = double_begin(d, r.call);

	if (reply.perform)
		window_free(d, phys, UINT64_C(1) << order);
	double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);
	int ret = reply.perform ? coherent_find(d, len, limit, &r.phys) : 0;

	r.phys = double_answer(&reply, r.phys);
	ret = double_end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

static void be_coherent_free(void *be, dmp_phys_t phys, uint64_t len)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_COHERENT_FREE, .phys = phys, .len = len};
	struct double_reply reply = double_begin(d, r.call);

	if (reply.perform)
		window_free(d, phys, dmp_align_up(len, DMP_PAGE_BYTES) >> DMP_PAGE_SHIFT);
	double_end(d, &r, &reply, 0);
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
	struct double_reply reply = double_begin(d, r.call);
	int ret = reply.perform ? find_phys(d, buf, len, &r.phys) : 0;

	r.phys = double_answer(&reply, r.phys);
	ret = double_end(d, &r, &reply, ret);
	if (!ret)
		*phys = r.phys;
	return ret;
}

static int be_phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct double_hw *d = be;
	struct double_record r = {.call = DOUBLE_PHYS_TO_BUF, .phys = phys, .len = len};
	struct double_reply reply = double_begin(d, r.call);
	struct double_window *w = window_of_phys(d, phys, len);
	int ret = w || !reply.perform ? 0 : -EFAULT;
	uintptr_t at = w ? (uintptr_t)(w->mem + (phys - w->base)) : 0;

	at = (uintptr_t)double_answer(&reply, at);
	ret = double_end(d, &r, &reply, ret);
	if (!ret)
		*buf = (void *)at;
	return ret;
}

static int be_make_shared(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct double_record r = {.call = DOUBLE_MAKE_SHARED, .phys = phys, .npages = npages};
	struct double_reply reply = double_begin(be, r.call);

	return double_end(be, &r, &reply, 0);
}

static int be_make_private(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct double_record r = {.call = DOUBLE_MAKE_PRIVATE, .phys = phys, .npages = npages};
	struct double_reply reply = double_begin(be, r.call);

	return double_end(be, &r, &reply, 0);
}

/* Exposure. */

static int be_mem_map(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct double_hw *d = be;
	struct double_record r = {
		.call = DOUBLE_MEM_MAP, .device = device, .phys = phys, .len = len, .flags = dir};
	struct double_reply reply = double_begin(d, r.call);

	if (reply.perform) {
		struct double_exposure *e = calloc(1, sizeof(*e));

		if (!e)
			abort();
		*e = (struct double_exposure){d->exposures, device, phys, len, dir};
		d->exposures = e;
	}
	return double_end(d, &r, &reply, 0);
}

static int be_mem_unmap(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct double_hw *d = be;
	struct double_record r = {
		.call = DOUBLE_MEM_UNMAP, .device = device, .phys = phys, .len = len, .flags = dir};
	struct double_reply reply = double_begin(d, r.call);
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
	return double_end(d, &r, &reply, ret);
}

struct double_window *double_window_new(dmp_phys_t base)
{
	struct double_window *w = calloc(1, sizeof(*w));

	if (!w || !(w->mem = aligned_alloc(DMP_PAGE_BYTES, DOUBLE_WINDOW_BYTES)))
		abort();
	w->base = base;
	return w;
}

void double_mem_members(struct dmp_hw_ops *ops)
{
	ops->mem_alloc = be_mem_alloc;
	ops->mem_free = be_mem_free;
	ops->coherent_alloc = be_coherent_alloc;
	ops->coherent_free = be_coherent_free;
	ops->buf_to_phys = be_buf_to_phys;
	ops->phys_to_buf = be_phys_to_buf;
	ops->make_shared = be_make_shared;
	ops->make_private = be_make_private;
	ops->mem_map = be_mem_map;
	ops->mem_unmap = be_mem_unmap;
}

uint64_t double_exposed_bytes(const struct double_hw *d, uint32_t device)
{
	uint64_t bytes = 0;

	for (const struct double_exposure *e = d->exposures; e; e = e->next)
		if (e->device == device)
			bytes += e->len;
	return bytes;
}
