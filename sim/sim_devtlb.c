// SPDX-License-Identifier: MIT
/*
 * sim_devtlb.c - device TLBs: a device keeps translations itself (ATS)
 *
 *   access -> device TLB hit ------------------------------------> translated, the unit is
 *          |                                                       not asked
 *          `- miss: translation request -> unit (sim_iotlb.c) -> fill
 *
 * A device TLB is the device's: it keeps one 4 KiB page an entry, and forgets when it is told
 * by an invalidation of its own, which must come after that of the unit, or the next request
 * would fetch the old translation again.  The driver's half (sim_invalidate.c) sends one to
 * every device that is attached to the domain.
 *
 * What is not mapped is not kept: the next access asks anew.
 *
 * A device TLB is made for a device number and kept until the machine goes, for the next
 * device that gets the number, so that an invalidation that is under way never finds it gone.
 *
 * Locking: as sim_tlb.c; (a) the pointer and the tag.
 *
 * Ordering:
 *  [TAG] sim_device: tag stored; fence; then the first translated access of the device
 *        sim_invalidate: entry of the tables cleared before; fence; tags read
 *  A device that is not told of an invalidation walks tables in which the entry is cleared.
 *
 * Source: Address Translation Services of PCI Express; device-TLB invalidation of the Intel
 *  VT-d specification.
 */
#include "sim_internal.h"

static struct sim_devtlb *devtlb_of(struct dmp_sim *sim, uint32_t device)
{
	return load_acquire(&sim->devtlb[device]);
}

/* A device with this number is added, books_lock held; nothing to do on a machine without device
 * TLBs. */
int sim_devtlb_make(struct dmp_sim *sim, uint32_t device)
{
	struct sim_devtlb *made;
	int err;

	if (!sim->machine.devtlb.nsets || devtlb_of(sim, device))
		return 0;
	made = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*made));
	if (!made)
		return -ENOMEM;
	err = sim_tlb_create(&made->tlb, TLB_DEVICE, &sim->machine.devtlb);
	if (err)
		dmp_meta_free(made, sizeof(*made));
	else
		store_release(&sim->devtlb[device], made);
	if (!err && device >= load_relaxed(&sim->ndevtlbs)) /* relaxed: under books_lock */
		store_release(&sim->ndevtlbs, device + 1);
	return err;
}

void sim_devtlbs_destroy(struct dmp_sim *sim)
{
	for (uint32_t id = 0; id < load_acquire(&sim->ndevtlbs); id++) {
		struct sim_devtlb *devtlb = devtlb_of(sim, id);

		if (!devtlb)
			continue;
		sim_tlb_destroy(&devtlb->tlb);
		dmp_meta_free(devtlb, sizeof(*devtlb));
	}
}

/* @id 0: detached. */
void sim_devtlb_attach(struct dmp_sim *sim, uint32_t device, uint64_t id)
{
	struct sim_devtlb *devtlb = devtlb_of(sim, device);

	if (!devtlb)
		return;
	store_release(&devtlb->tag, id);
	fence_seq_cst(); /* [TAG] tag, then accesses */
}

/* May the device keep translations of domain @id?  0: of any. */
bool sim_devtlb_is_attached(struct dmp_sim *sim, uint32_t device, uint64_t id)
{
	struct sim_devtlb *devtlb = devtlb_of(sim, device);
	uint64_t tag = devtlb ? load_acquire(&devtlb->tag) : 0;

	return id ? tag == id : tag != 0;
}

struct sim_tlb *sim_devtlb_attached(struct dmp_sim *sim, uint32_t device, uint64_t id)
{
	struct sim_devtlb *devtlb = devtlb_of(sim, device);

	return devtlb && (!id || load_acquire(&devtlb->tag) == id) ? &devtlb->tlb : NULL;
}

/* What one device knows of the pages.  Accesses are not waited for. */
void sim_devtlb_drop(struct dmp_sim *sim, uint32_t device, const struct sim_drop *drop)
{
	struct sim_devtlb *devtlb = devtlb_of(sim, device);

	if (devtlb)
		sim_tlb_drop(sim, &devtlb->tlb, drop);
}

static void request(struct dmp_sim *sim, struct sim_devtlb *devtlb, struct sim_unit *unit,
		    const struct sim_domain *dom, dmp_iova_t iova, struct sim_translation *out)
{
	uint64_t begun = sim_tlb_begin(&devtlb->tlb), nunmaps = sim_reach_begin(dom);

	sim_count(sim, COUNT_DEVTLB_MISSES, 1);
	sim_charge(sim, DMP_SIM_PHASE_WALK, sim->costs.devtlb_request);
	sim_unit_translate(sim, unit, dom, iova, out);
	if (out->prot)
		sim_tlb_fill_of(sim, &devtlb->tlb, dom,
				&(struct sim_tlb_entry){
					.id = dom->id,
					.page = iova >> DMP_PAGE_SHIFT,
					.phys = out->phys,
					.prot = out->prot,
				},
				begun, out->remembered ? SIM_UNSURE : nunmaps);
}

/* Where an access of @device at @iova leads: through its own TLB, if it has one. */
void sim_translate(struct dmp_sim *sim, uint32_t device, const struct sim_domain *dom,
		   dmp_iova_t iova, struct sim_translation *out)
{
	struct sim_unit *unit = &sim->units[device % sim->machine.nunits];
	struct sim_devtlb *devtlb = devtlb_of(sim, device);
	struct sim_tlb_entry entry;

	if (!devtlb) {
		sim_unit_translate(sim, unit, dom, iova, out);
	} else if (sim_tlb_find(&devtlb->tlb, dom->id, iova >> DMP_PAGE_SHIFT, &entry)) {
		sim_count(sim, COUNT_DEVTLB_HITS, 1);
		*out = (struct sim_translation){
			.phys = entry.phys,
			.prot = entry.prot,
			.remembered = true,
		};
	} else {
		request(sim, devtlb, unit, dom, iova, out);
	}
}

int sim_devtlbs_check(struct dmp_sim *sim, uint64_t *nentries)
{
	int err = 0;

	for (uint32_t id = 0; !err && id < load_acquire(&sim->ndevtlbs); id++)
		if (devtlb_of(sim, id))
			err = sim_tlb_check(&devtlb_of(sim, id)->tlb, nentries);
	return err;
}
