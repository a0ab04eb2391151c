// SPDX-License-Identifier: MIT
/*
 * conform_pages.c - the page sizes of the p vectors: what a driver is asked for, call by call
 *
 *   map BITMAP IOVA PHYS SIZE FAILAT PART       the real map, on a driver that writes down
 *     call IOVA PHYS PAGE COUNT = ok            the next thing it was asked
 *     uncall IOVA PAGE COUNT = BYTES            likewise, of the roll-back
 *   ret = N                                     what the map returned; nothing else was asked
 *
 * The driver maps nothing.  It has the page sizes of BITMAP and all addresses, and its FAILAT-th
 * map does PART pages and returns an error; an unmap has always done what it was asked for.
 */
#include "conform_iova.h"

#include <dmapool/iommu.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Far more than a map asks: two calls a page size, there and back. */
#define CALLS_MAX 1024u

struct call {
	bool is_map;
	uint64_t iova, phys, page_bytes, npages;
	int err;
	uint64_t done; /* bytes */
};

struct conform_pages {
	uint64_t page_sizes;
	uint64_t fail_at, part; /* 0: never */
	struct call calls[CALLS_MAX];
	unsigned ncalls, nmaps, next; /* next: to be read */
	int64_t ret;
};

static bool write_down(struct conform_pages *pages, struct call call)
{
	if (pages->ncalls == CALLS_MAX)
		return false;
	pages->calls[pages->ncalls++] = call;
	return true;
}

/* The driver. */

static int driver_map(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		      uint64_t npages, unsigned prot, uint64_t *mapped)
{
	struct conform_pages *pages = be;
	bool fails = ++pages->nmaps == pages->fail_at;
	uint64_t done = !fails ? npages : pages->part < npages ? pages->part : 0;

	(void)dom;
	(void)prot;
	*mapped = done * page_bytes;
	if (!write_down(pages, (struct call){true, iova, phys, page_bytes, npages,
					     fails ? -ENOMEM : 0, *mapped}))
		return -EOVERFLOW;
	return fails ? -ENOMEM : 0;
}

static uint64_t driver_unmap(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			     uint64_t npages, struct dmp_gather *gather)
{
	uint64_t done = page_bytes * npages;

	(void)dom;
	(void)gather;
	return write_down(be, (struct call){false, iova, 0, page_bytes, npages, 0, done}) ? done
											  : 0;
}

static int driver_create(void *be, enum dmp_domain_type type, void **dom,
			 struct dmp_hw_domain_info *info)
{
	struct conform_pages *pages = be;

	(void)type;
	info->page_sizes = pages->page_sizes;
	info->aperture_end = UINT64_MAX;
	*dom = pages;
	return 0;
}

static void driver_destroy(void *be, void *dom)
{
	(void)be;
	(void)dom;
}

static int driver_flush(void *be, void *dom)
{
	(void)be;
	(void)dom;
	return 0;
}

/* Required of every machine, and of no use here. */

static int no_attach(void *be, void *dom, uint32_t device)
{
	(void)be;
	(void)dom;
	(void)device;
	return -ENODEV;
}

static void no_detach(void *be, void *dom, uint32_t device)
{
	(void)be;
	(void)dom;
	(void)device;
}

static int no_iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	(void)be;
	(void)dom;
	(void)iova;
	(void)phys;
	return -ENOENT;
}

static int no_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	(void)be;
	(void)zone;
	(void)order;
	(void)flags;
	(void)phys;
	return -ENOMEM;
}

static void no_free(void *be, dmp_phys_t phys, unsigned order)
{
	(void)be;
	(void)phys;
	(void)order;
}

static int no_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	(void)be;
	(void)buf;
	(void)len;
	(void)phys;
	return -EFAULT;
}

static int no_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	(void)be;
	(void)phys;
	(void)len;
	(void)buf;
	return -EFAULT;
}

static const struct dmp_hw_ops driver = {
	.size = sizeof(struct dmp_hw_ops),
	.name = "conform",
	.mem_alloc = no_alloc,
	.mem_free = no_free,
	.buf_to_phys = no_phys,
	.phys_to_buf = no_buf,
	.domain_create = driver_create,
	.domain_destroy = driver_destroy,
	.domain_attach = no_attach,
	.domain_detach = no_detach,
	.map_pages = driver_map,
	.unmap_pages = driver_unmap,
	.iova_to_phys = no_iova_to_phys,
	.flush_domain = driver_flush,
};

/* Operations. */

/* The driver with the line's page sizes, nothing written down; NULL: no memory. */
static struct conform_pages *begin(struct conform_replay *replay, uint64_t page_sizes)
{
	if (!replay->pages)
		replay->pages = malloc(sizeof(*replay->pages));
	if (!replay->pages) {
		replay->trouble = "no memory to replay with";
		return NULL;
	}
	replay->pages->page_sizes = page_sizes;
	replay->pages->ncalls = replay->pages->nmaps = replay->pages->next = 0;
	replay->pages->fail_at = replay->pages->part = 0;
	return replay->pages;
}

static int open_machine(struct conform_pages *pages, struct dmp_hw **hw, struct dmp_iommu **iommu)
{
	int err = dmp_hw_create(&driver, pages, NULL, hw);

	if (err)
		return err;
	err = dmp_iommu_create(*hw, DMP_DOMAIN_TRANSLATED, iommu);
	if (err)
		dmp_hw_destroy(*hw);
	return err;
}

static void close_machine(struct conform_replay *replay, struct dmp_hw *hw, struct dmp_iommu *iommu)
{
	if (dmp_iommu_destroy(iommu) || dmp_hw_destroy(hw))
		replay->trouble = "the domain is still in use";
}

void conform_pages_map(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct conform_pages *pages = begin(replay, line->arg[0]);
	struct dmp_iommu *iommu;
	struct dmp_hw *hw;
	int err = pages ? open_machine(pages, &hw, &iommu) : -ENOMEM;

	if (!err) {
		pages->fail_at = line->arg[4];
		pages->part = line->arg[5];
		pages->ret = dmp_iommu_map(iommu, line->arg[1], line->arg[2], line->arg[3],
					   DMP_PROT_READ);
		close_machine(replay, hw, iommu);
	}
	conform_say_ok(got, err);
}

void conform_pages_unmap(void *run, const struct conform_line *line, char *got)
{
	struct conform_replay *replay = run;
	struct conform_pages *pages = begin(replay, line->arg[0]);
	struct dmp_iommu *iommu;
	struct dmp_hw *hw;
	uint64_t unmapped = 0;
	int err = pages ? open_machine(pages, &hw, &iommu) : -ENOMEM;

	if (!err) {
		pages->ret = dmp_iommu_unmap(iommu, line->arg[1], line->arg[2], &unmapped);
		if (!pages->ret)
			pages->ret = (int64_t)unmapped;
		close_machine(replay, hw, iommu);
	}
	conform_say_ok(got, err);
}

static void say_call(char *got, const struct call *call)
{
	if (call->is_map)
		conform_say(got, "call 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " %" PRIu64,
			    call->iova, call->phys, call->page_bytes, call->npages);
	else
		conform_say(got, "uncall 0x%" PRIx64 " 0x%" PRIx64 " %" PRIu64, call->iova,
			    call->page_bytes, call->npages);
}

/* The next that was asked, if it is @expected; NULL after saying what it is. */
static const struct call *next_call(struct conform_replay *replay, const struct call *expected,
				    char *got)
{
	struct conform_pages *pages = replay->pages;
	const struct call *call;

	if (!pages || pages->next == pages->ncalls) {
		conform_say(got, "nothing more was asked");
		return NULL;
	}
	call = &pages->calls[pages->next++];
	if (call->is_map == expected->is_map && call->iova == expected->iova &&
	    call->phys == expected->phys && call->page_bytes == expected->page_bytes &&
	    call->npages == expected->npages)
		return call;
	say_call(got, call);
	return NULL;
}

void conform_pages_call(void *run, const struct conform_line *line, char *got)
{
	const struct call expected = {
		true, line->arg[0], line->arg[1], line->arg[2], line->arg[3], 0, 0};
	const struct call *call = next_call(run, &expected, got);

	if (call && call->err)
		conform_say(got, "error 0x%" PRIx64, call->done);
	else if (call)
		conform_say(got, "ok");
}

void conform_pages_uncall(void *run, const struct conform_line *line, char *got)
{
	const struct call expected = {false, line->arg[0], 0, line->arg[1], line->arg[2], 0, 0};
	const struct call *call = next_call(run, &expected, got);

	if (call)
		conform_say(got, "0x%" PRIx64, call->done);
}

/* Calls that the file does not have are told behind the result. */
void conform_pages_ret(void *run, const struct conform_line *line, char *got)
{
	struct conform_pages *pages = ((struct conform_replay *)run)->pages;

	(void)line;
	if (!pages) {
		conform_say(got, "nothing was mapped");
		return;
	}
	if (pages->ret < 0)
		conform_say(got, "%" PRId64, pages->ret);
	else
		conform_say(got, "0x%" PRIx64, (uint64_t)pages->ret);
	for (; pages->next < pages->ncalls; pages->next++) {
		conform_say(got, " ");
		say_call(got, &pages->calls[pages->next]);
	}
}
