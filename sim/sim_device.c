// SPDX-License-Identifier: MIT
/*
 * sim_device.c - devices and domains: who exists, and who is attached to what
 *
 *   device[id] -> device --dom--> domain -> root table        translated
 *                    |    `-tag-> domain's id in the IOTLB
 *                    `-- neither                              direct, passthrough
 *
 * An agent reads tag and dom with each access and without a lock (sim_access.c).  Attach
 * and detach change them under the device's lock, which every direct access holds; detach
 * then passes every gate once, which every translated access holds.  So:
 *
 *  when attach has returned, no access of the device is on its way untranslated;
 *  when detach has returned, none uses the domain any more, and its entries are gone.
 *
 * That invalidation is the machine's own and goes past the queue: it cannot fail and costs
 * nothing, as detaching is no request's business.
 *
 * A device that is removed while agents still hold it stays as a shell without a number,
 * whose every access is a bus error, until the last agent went.
 *
 * Invariants, walked by sim_device_check():
 *  V1  a domain's nattached = devices that name it;
 *  V2  a device's tag and dom are those of the translated domain it is attached to, or none.
 *
 * Locking: (b) books_lock, rank RANK_BACKEND; (d) the device's lock, the same rank, so
 *  never both; (c) constant; (a) atomic.
 *
 * Ordering:
 *  [DOMAIN] sim_device: domain filled in, then published in device->dom
 *           sim_access: dom loaded inside a gate, then the domain read; detach passes that
 *           gate after clearing dom and before the domain can be destroyed
 *  [DEVICE] sim_device: device filled in, then published in device[id]
 *           sim_device_find: slot loaded, then the device read
 */
#include "sim_internal.h"

#include <string.h>

/* Devices. */

/* The device with number @id; NULL if there is none. */
struct sim_device *sim_device_find(struct dmp_sim *sim, uint32_t id)
{
	return id < SIM_DEVICES ? load_acquire(&sim->device[id]) : NULL; /* [DEVICE] */
}

static struct sim_device *device_make(const struct dmp_hw_device *desc)
{
	struct sim_device *dev = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->dma_mask = desc->dma_mask ? desc->dma_mask : UINT64_MAX;
	dev->desc = *desc;
	dmp_lock_init(&dev->lock, RANK_BACKEND, "sim: device");
	return dev;
}

static void device_free(struct sim_device *dev)
{
	sim_expose_drop_all(dev);
	sim_region_drop(dev);
	dmp_lock_destroy(&dev->lock);
	dmp_meta_free(dev, sizeof(*dev));
}

static uint32_t free_number_locked(struct dmp_sim *sim)
{
	uint32_t id = 0;

	dmp_lock_assert_held(&sim->books_lock);
	while (id < SIM_DEVICES && load_relaxed(&sim->device[id])) /* under books_lock */
		id++;
	return id;
}

/* Under a number of its own.  -ENOMEM there is none, or no memory for its TLB. */
static int enlist(struct dmp_sim *sim, struct sim_device *dev)
{
	int err = 0;

	dmp_lock_acquire(&sim->books_lock);
	dev->id = free_number_locked(sim);
	if (dev->id == SIM_DEVICES || sim_devtlb_make(sim, dev->id))
		err = -ENOMEM;
	else
		store_release(&sim->device[dev->id], dev); /* [DEVICE] */
	dmp_lock_release(&sim->books_lock);
	return err;
}

int sim_device_add(void *be, const struct dmp_hw_device *desc, uint32_t *device)
{
	struct dmp_sim *sim = be;
	struct dmp_hw_device own;
	int err = sim_inject(sim, DMP_SIM_CALL_DEVICE_ADD);

	if (!err)
		err = dmp_opts_load(&own, sizeof(own), desc);
	if (!err &&
	    !dmp_is_aligned(own.range_phys | own.range_addr | own.range_len, DMP_PAGE_BYTES))
		err = -EINVAL;
	if (err)
		return err;
	struct sim_device *dev = device_make(&own);

	if (!dev)
		return -ENOMEM;
	err = enlist(sim, dev);
	if (err) {
		device_free(dev);
		return err;
	}
	*device = dev->id;
	return 0;
}

/* From here on nobody finds it.  Returns whether nobody has it any more. */
static bool unlist(struct dmp_sim *sim, struct sim_device *dev)
{
	bool unused;

	dmp_lock_acquire(&sim->books_lock);
	unused = dev->nagents == 0;
	dev->removed = true;
	store_release(&sim->device[dev->id], NULL); /* [DEVICE] */
	dmp_lock_release(&sim->books_lock);
	return unused;
}

void sim_device_remove(void *be, uint32_t device)
{
	struct dmp_sim *sim = be;
	struct sim_device *dev = sim_device_find(sim, device);

	if (!dev) {
		dmp_log(DMP_LOG_BUG, "sim: remove of device %u, which does not exist", device);
		return;
	}
	dmp_lock_acquire(&sim->books_lock);
	struct sim_domain *attached = dev->attached;

	dmp_lock_release(&sim->books_lock);
	if (attached) {
		dmp_log(DMP_LOG_BUG, "sim: device %u is removed while attached", device);
		sim_domain_detach(sim, attached, device);
	}
	dmp_lock_acquire(&dev->lock);
	dev->gone = true;
	sim_expose_drop_all(dev);
	dmp_lock_release(&dev->lock);
	if (unlist(sim, dev))
		device_free(dev);
}

/* For an agent: @out stays in memory until sim_device_put(). */
int sim_device_get(struct dmp_sim *sim, uint32_t id, struct sim_device **out)
{
	dmp_lock_acquire(&sim->books_lock);
	struct sim_device *dev = sim_device_find(sim, id);

	if (dev) {
		dev->nagents++;
		sim->nagents++;
	}
	dmp_lock_release(&sim->books_lock);
	if (!dev)
		return -ENOENT;
	*out = dev;
	return 0;
}

void sim_device_put(struct dmp_sim *sim, struct sim_device *dev)
{
	dmp_lock_acquire(&sim->books_lock);
	sim->nagents--;
	bool unused = --dev->nagents == 0 && dev->removed;

	dmp_lock_release(&sim->books_lock);
	if (unused)
		device_free(dev);
}

/* Domains. */

static void fill_info(const struct dmp_sim *sim, enum dmp_domain_type type,
		      struct dmp_hw_domain_info *info)
{
	bool translated = type == DMP_DOMAIN_TRANSLATED;
	struct dmp_hw_domain_info full = {
		.size = info->size,
		.flags = translated && (sim->flags & DMP_SIM_CACHE_NOT_PRESENT)
				 ? DMP_HW_DOMAIN_CACHES_NOT_PRESENT
				 : 0,
		.page_sizes = sim->format.page_sizes,
		.aperture_end = translated ? sim->format.iova_last : DMP_MASK(52),
	};

	memcpy(info, &full, info->size < sizeof(full) ? info->size : sizeof(full));
}

static void domain_link(struct dmp_sim *sim, struct sim_domain *dom)
{
	dmp_lock_acquire(&sim->books_lock);
	dom->id = ++sim->next_domain_id;
	dom->next = sim->domains;
	if (dom->next)
		dom->next->prev = dom;
	sim->domains = dom;
	dmp_lock_release(&sim->books_lock);
}

int sim_domain_create(void *be, enum dmp_domain_type type, void **dom,
		      struct dmp_hw_domain_info *info)
{
	struct dmp_sim *sim = be;
	int err = sim_inject(sim, DMP_SIM_CALL_DOMAIN_CREATE);

	if (err)
		return err;
	struct sim_domain *made = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*made));

	if (!made)
		return -ENOMEM;
	made->type = type;
	if (type == DMP_DOMAIN_TRANSLATED)
		err = sim_pt_create(sim, made);
	if (err) {
		dmp_meta_free(made, sizeof(*made));
		return err;
	}
	domain_link(sim, made);
	fill_info(sim, type, info);
	*dom = made;
	return 0;
}

/* Off the list, unless a device is attached. */
static bool domain_unlink(struct dmp_sim *sim, struct sim_domain *dom)
{
	dmp_lock_acquire(&sim->books_lock);
	bool is_free = dom->nattached == 0;

	if (is_free) {
		if (dom->prev)
			dom->prev->next = dom->next;
		else
			sim->domains = dom->next;
		if (dom->next)
			dom->next->prev = dom->prev;
	}
	dmp_lock_release(&sim->books_lock);
	return is_free;
}

void sim_domain_destroy(void *be, void *dom)
{
	struct dmp_sim *sim = be;
	struct sim_domain *domain = dom;

	if (!domain_unlink(sim, domain)) {
		dmp_log(DMP_LOG_BUG, "sim: a domain is destroyed while devices are attached");
		return;
	}
	if (domain->type == DMP_DOMAIN_TRANSLATED)
		sim_pt_destroy(sim, domain);
	sim_reach_end(domain);
	dmp_meta_free(domain, sizeof(*domain));
}

/* Who is attached to what: the books' half of attach and detach. */
static int note_attached(struct dmp_sim *sim, struct sim_device *dev, struct sim_domain *dom)
{
	dmp_lock_acquire(&sim->books_lock);
	int err = dev->attached ? -EBUSY : 0;

	if (!err) {
		dev->attached = dom;
		dom->nattached++;
	}
	dmp_lock_release(&sim->books_lock);
	return err;
}

static void note_detached(struct dmp_sim *sim, struct sim_device *dev)
{
	dmp_lock_acquire(&sim->books_lock);
	dev->attached->nattached--;
	dev->attached = NULL;
	dmp_lock_release(&sim->books_lock);
}

/* What a device's accesses are tagged with in this domain; 0: they are not translated. */
static uint64_t tag_of(const struct sim_domain *dom)
{
	return dom && dom->type == DMP_DOMAIN_TRANSLATED ? dom->id : 0;
}

/* The route of the device's accesses from here on: through @dom, or direct. */
static void set_route(struct sim_device *dev, struct sim_domain *dom)
{
	uint64_t tag = tag_of(dom);

	dmp_lock_acquire(&dev->lock);
	dev->passthrough = dom && !tag;
	store_release(&dev->dom, tag ? dom : NULL); /* [DOMAIN] */
	store_release(&dev->tag, tag);
	dmp_lock_release(&dev->lock);
}

int sim_domain_attach(void *be, void *dom, uint32_t device)
{
	struct dmp_sim *sim = be;
	struct sim_device *dev = sim_device_find(sim, device);
	int err = sim_inject(sim, DMP_SIM_CALL_ATTACH);

	if (!err)
		err = dev ? note_attached(sim, dev, dom) : -ENOENT;
	if (!err) {
		sim_devtlb_attach(sim, device, tag_of(dom));
		set_route(dev, dom);
	}
	return err;
}

void sim_domain_detach(void *be, void *dom, uint32_t device)
{
	struct dmp_sim *sim = be;
	struct sim_domain *domain = dom;
	struct sim_device *dev = sim_device_find(sim, device);

	dmp_lock_acquire(&sim->books_lock);
	bool is_here = dev && dev->attached == domain;

	dmp_lock_release(&sim->books_lock);
	if (!is_here) {
		dmp_log(DMP_LOG_BUG, "sim: detach of device %u, which is not attached here",
			device);
		return;
	}
	set_route(dev, NULL);
	if (domain->type == DMP_DOMAIN_TRANSLATED)
		sim_forget_domain(sim, domain->id); /* [DRAIN], [DOMAIN] */
	sim_devtlb_attach(sim, device, 0);
	note_detached(sim, dev);
}

int dmp_sim_device_root(struct dmp_sim *sim, uint32_t device, dmp_phys_t *root)
{
	dmp_lock_acquire(&sim->books_lock);
	struct sim_device *dev = sim_device_find(sim, device);
	struct sim_domain *dom = dev ? dev->attached : NULL;
	bool translated = dom && dom->type == DMP_DOMAIN_TRANSLATED;

	if (translated)
		*root = dom->root;
	dmp_lock_release(&sim->books_lock);
	return translated ? 0 : -ENOENT;
}

/* The walker. */

static uint32_t count_attached_locked(struct dmp_sim *sim, const struct sim_domain *dom)
{
	uint32_t n = 0;

	dmp_lock_assert_held(&sim->books_lock);
	for (uint32_t id = 0; id < SIM_DEVICES; id++) {
		struct sim_device *dev = sim_device_find(sim, id);

		n += dev && dev->attached == dom;
	}
	return n;
}

static int route_check_locked(struct dmp_sim *sim, struct sim_device *dev)
{
	struct sim_domain *dom = dev->attached;
	uint64_t tag = tag_of(dom);

	dmp_lock_assert_held(&sim->books_lock);
	if (load_acquire(&dev->tag) == tag && load_acquire(&dev->dom) == (tag ? dom : NULL))
		return 0;
	dmp_log(DMP_LOG_BUG, "sim: device %u: its route is not that of its domain", dev->id);
	return -EIO;
}

static int domains_check_locked(struct dmp_sim *sim)
{
	for (struct sim_domain *dom = sim->domains; dom; dom = dom->next) {
		if (count_attached_locked(sim, dom) == dom->nattached)
			continue;
		dmp_log(DMP_LOG_BUG, "sim: domain %llu: wrong number of devices",
			(unsigned long long)dom->id);
		return -EIO;
	}
	return 0;
}

int sim_device_check(struct dmp_sim *sim)
{
	int err;

	dmp_lock_acquire(&sim->books_lock);
	err = domains_check_locked(sim);
	for (uint32_t id = 0; !err && id < SIM_DEVICES; id++) {
		struct sim_device *dev = sim_device_find(sim, id);

		if (dev)
			err = route_check_locked(sim, dev);
	}
	dmp_lock_release(&sim->books_lock);
	for (uint32_t id = 0; !err && id < SIM_DEVICES; id++) {
		struct sim_device *dev = sim_device_find(sim, id);

		if (dev)
			err = sim_expose_check(dev);
	}
	return err;
}
