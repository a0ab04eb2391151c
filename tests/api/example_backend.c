// SPDX-License-Identifier: MIT
/*
 * example_backend.c - a complete backend, as small as one can be: docs/backend.md explains it
 *
 * The machine has 1 MiB of RAM at physical address 16 MiB and an IOMMU with 4 KiB pages and
 * 1 MiB of addresses; a domain's table is one array, a translation is one look-up:
 *
 *    device --iova--> table[iova / 4 KiB] --phys--> ram[phys - 16 MiB]
 *
 * Locking: one lock for everything.  A look-up of a device holds it too, so that an unmap
 *  waits for the access in progress, and nothing is cached: a flush has nothing to do.
 */
#include <dmapool.h>
#include <dmapool/port.h>

#include <stdlib.h>
#include <string.h>

#define PAGES       256u
#define RAM_PHYS    (UINT64_C(16) << 20)
#define RAM_BYTES   (PAGES * DMP_PAGE_BYTES)
#define TABLE_BYTES (PAGES * DMP_PAGE_BYTES)
#define DEVICES_MAX 8u
#define VALID       4u /* beside DMP_PROT_READ and DMP_PROT_WRITE */

struct table {
	uint64_t entry[PAGES]; /* phys | DMP_PROT_* | VALID, or 0 */
};

struct machine {
	struct dmp_lock lock; /* RANK_BACKEND: everything below */
	unsigned char *ram;   /* constant */
	bool page_used[PAGES];
	bool device_used[DEVICES_MAX];
	struct table *attached[DEVICES_MAX]; /* NULL: the device sees nothing */
};

/* Memory: required. */

static int mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	struct machine *m = be;
	unsigned n = 1u << order, i, first;
	int err = -ENOMEM;

	(void)flags; /* it never sleeps */
	if (order > 8 || zone == DMP_ZONE_DMA)
		return -ENOMEM;
	dmp_lock_acquire(&m->lock);
	for (first = 0; first + n <= PAGES && err; first += n) {
		for (i = 0; i < n && !m->page_used[first + i]; i++)
			;
		if (i < n)
			continue;
		memset(&m->page_used[first], true, n);
		*phys = RAM_PHYS + first * DMP_PAGE_BYTES;
		err = 0;
	}
	dmp_lock_release(&m->lock);
	return err;
}

static void mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct machine *m = be;

	dmp_lock_acquire(&m->lock);
	memset(&m->page_used[(phys - RAM_PHYS) / DMP_PAGE_BYTES], false, 1u << order);
	dmp_lock_release(&m->lock);
}

static int buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct machine *m = be;
	uintptr_t at = (uintptr_t)buf, ram = (uintptr_t)m->ram;

	if (at < ram || !dmp_range_fits(at, len, ram + RAM_BYTES - 1))
		return -EFAULT;
	*phys = RAM_PHYS + (at - ram);
	return 0;
}

static int phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct machine *m = be;

	if (phys < RAM_PHYS || !dmp_range_fits(phys, len, RAM_PHYS + RAM_BYTES - 1))
		return -EFAULT;
	*buf = m->ram + (phys - RAM_PHYS);
	return 0;
}

/* Devices: optional, but this machine wants to know them. */

static int device_add(void *be, const struct dmp_hw_device *desc, uint32_t *device)
{
	struct machine *m = be;
	uint32_t id;

	(void)desc;
	dmp_lock_acquire(&m->lock);
	for (id = 0; id < DEVICES_MAX && m->device_used[id]; id++)
		;
	if (id < DEVICES_MAX)
		m->device_used[id] = true;
	dmp_lock_release(&m->lock);
	if (id == DEVICES_MAX)
		return -ENOMEM;
	*device = id;
	return 0;
}

static void device_remove(void *be, uint32_t device)
{
	struct machine *m = be;

	dmp_lock_acquire(&m->lock);
	m->device_used[device] = false;
	dmp_lock_release(&m->lock);
}

/* Translation: eight members, all or none. */

static int domain_create(void *be, enum dmp_domain_type type, void **dom,
			 struct dmp_hw_domain_info *info)
{
	struct table *table;

	(void)be;
	if (type != DMP_DOMAIN_TRANSLATED)
		return -ENOTSUP;
	table = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*table));
	if (!table)
		return -ENOMEM;
	info->page_sizes = DMP_PAGE_BYTES;
	info->aperture_start = 0;
	info->aperture_end = TABLE_BYTES - 1;
	*dom = table;
	return 0;
}

static void domain_destroy(void *be, void *dom)
{
	(void)be;
	dmp_meta_free(dom, sizeof(struct table));
}

static int domain_attach(void *be, void *dom, uint32_t device)
{
	struct machine *m = be;
	int err = -EBUSY;

	dmp_lock_acquire(&m->lock);
	if (!m->attached[device]) {
		m->attached[device] = dom;
		err = 0;
	}
	dmp_lock_release(&m->lock);
	return err;
}

static void domain_detach(void *be, void *dom, uint32_t device)
{
	struct machine *m = be;

	(void)dom;
	dmp_lock_acquire(&m->lock);
	m->attached[device] = NULL;
	dmp_lock_release(&m->lock);
}

static int map_pages(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		     uint64_t npages, unsigned prot, uint64_t *mapped)
{
	struct machine *m = be;
	struct table *table = dom;
	uint64_t i, first = iova / page_bytes;

	dmp_lock_acquire(&m->lock);
	for (i = 0; i < npages && !table->entry[first + i]; i++)
		table->entry[first + i] = (phys + i * page_bytes) | prot | VALID;
	dmp_lock_release(&m->lock);
	*mapped = i * page_bytes;
	return i < npages ? -EEXIST : 0;
}

static uint64_t unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			    uint64_t npages, struct dmp_gather *gather)
{
	struct machine *m = be;
	struct table *table = dom;
	uint64_t i, first = iova / page_bytes;

	(void)gather; /* no table page becomes empty: nothing to chain */
	dmp_lock_acquire(&m->lock);
	for (i = 0; i < npages && table->entry[first + i]; i++)
		table->entry[first + i] = 0;
	dmp_lock_release(&m->lock);
	return i * page_bytes;
}

static int iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	struct machine *m = be;
	struct table *table = dom;
	uint64_t entry;

	dmp_lock_acquire(&m->lock);
	entry = table->entry[iova / DMP_PAGE_BYTES];
	dmp_lock_release(&m->lock);
	if (!entry)
		return -ENOENT;
	*phys = dmp_align_down(entry, DMP_PAGE_BYTES) + iova % DMP_PAGE_BYTES;
	return 0;
}

static int flush_domain(void *be, void *dom)
{
	(void)be;
	(void)dom; /* nothing is cached, and no access outlasts the lock */
	return 0;
}

static const struct dmp_hw_ops example_ops = {
	.size = sizeof(example_ops),
	.name = "example",
	.mem_alloc = mem_alloc,
	.mem_free = mem_free,
	.buf_to_phys = buf_to_phys,
	.phys_to_buf = phys_to_buf,
	.device_add = device_add,
	.device_remove = device_remove,
	.domain_create = domain_create,
	.domain_destroy = domain_destroy,
	.domain_attach = domain_attach,
	.domain_detach = domain_detach,
	.map_pages = map_pages,
	.unmap_pages = unmap_pages,
	.iova_to_phys = iova_to_phys,
	.flush_domain = flush_domain,
};

/* The device's side: it writes one byte. */
static int device_writes(struct machine *m, uint32_t device, dmp_addr_t addr, unsigned char byte)
{
	uint64_t entry = 0;

	dmp_lock_acquire(&m->lock);
	if (m->attached[device] && addr < TABLE_BYTES)
		entry = m->attached[device]->entry[addr / DMP_PAGE_BYTES];
	if (entry & DMP_PROT_WRITE)
		m->ram[dmp_align_down(entry, DMP_PAGE_BYTES) - RAM_PHYS + addr % DMP_PAGE_BYTES] =
			byte;
	dmp_lock_release(&m->lock);
	return entry & DMP_PROT_WRITE ? 0 : -EFAULT;
}

/* A driver's day.  Returns the line that went wrong; 0: none. */
#define EXPECT(claim)                                                                              \
	do {                                                                                       \
		if (!(claim))                                                                      \
			return __LINE__;                                                           \
	} while (0)

static int run(struct machine *m)
{
	struct dmp_hw *hw;
	struct dmp_domain *dom;
	struct dmp_device *dev;
	dmp_addr_t addr;
	void *buf;

	EXPECT(!dmp_hw_create(&example_ops, m, &DMP_HW_OPTS(.flags = DMP_HW_CHECK), &hw));
	EXPECT(!dmp_domain_create(hw, NULL, &dom));
	EXPECT(!dmp_device_create(hw, NULL, &dev));
	EXPECT(!dmp_device_attach(dev, dom));
	EXPECT(!dmp_hw_alloc(hw, 10000, &buf));

	EXPECT(!dmp_dma_map(dev, buf, 10000, DMP_FROM_DEVICE, 0, &addr));
	EXPECT(!device_writes(m, dmp_device_id(dev), addr + 9999, 0x5a));
	EXPECT(!dmp_dma_unmap(dev, addr, 10000, DMP_FROM_DEVICE, 0));
	EXPECT(((unsigned char *)buf)[9999] == 0x5a);
	EXPECT(device_writes(m, dmp_device_id(dev), addr + 9999, 0) == -EFAULT);

	EXPECT(!dmp_hw_free(hw, buf, 10000));
	EXPECT(!dmp_device_detach(dev));
	EXPECT(!dmp_device_destroy(dev));
	EXPECT(!dmp_domain_destroy(dom));
	EXPECT(!dmp_hw_destroy(hw));
	return 0;
}

static void count_bugs(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)line;
	*(unsigned *)ctx += level == DMP_LOG_BUG;
}

int main(void)
{
	struct machine m = {.ram = aligned_alloc(DMP_PAGE_BYTES, RAM_BYTES)};
	unsigned bugs = 0;
	int wrong;

	if (!m.ram)
		return EXIT_FAILURE;
	dmp_log_set_sink(count_bugs, &bugs);
	dmp_lock_init(&m.lock, RANK_BACKEND, "example machine");
	wrong = run(&m);
	dmp_lock_destroy(&m.lock);
	free(m.ram);
	return wrong || bugs ? EXIT_FAILURE : EXIT_SUCCESS;
}
