// SPDX-License-Identifier: MIT
/*
 * sim_invalidate.c - the driver's half of invalidation: what is asked for, as commands
 *
 *   asked for        commands, each to every unit                and to device TLBs
 *   range            the smallest aligned block of 2^n pages     the same block
 *                    that covers it; beyond the largest block
 *                    the whole domain
 *   range, a machine one a page; beyond so many pages the        the smallest block
 *   without blocks   whole domain
 *   domain           the domain                                  the domain
 *   everything       everything                                  everything
 *
 *   page  0   1   2   3   4   5   6   7
 *         |       [===range===]               asked for
 *         [===========block===============]   invalidated: 5 pages too many, which are counted
 *
 * What a block drops too much is refetched, and counted twice: in pages that were named and
 * in entries that were there.
 *
 * A range of leaves only leaves walk caches alone: the driver says so when no table was
 * unlinked, as a gather without tables does.
 *
 * Devices with a TLB of their own that are attached to the domain are told in the same
 * submission, after the units; in one of their own with DMP_SIM_SEPARATE_DEVTLB.
 *
 * Locking: none of its own.
 *
 * Ordering:
 *  [TAG] entry of the tables cleared before; fence; device TLBs' tags read.  The other end,
 *        and what follows, stand in sim_devtlb.c.
 *
 * Source: page-selective invalidation with an address mask of the Intel VT-d specification;
 *  invalidation by address of the Arm SMMU.
 */
#include "sim_internal.h"

/* What the driver needs, and what it asks the hardware for. */
struct request {
	enum sim_command_kind kind; /* PAGES, DOMAIN or ALL */
	bool leaf_only;
	struct sim_drop drop; /* of units: the block */
};

static int add(struct sim_batch *batch, const struct request *r, enum sim_command_kind kind,
	       uint32_t device)
{
	return sim_batch_add(batch, &(struct sim_command){
					    .kind = kind,
					    .device = device,
					    .leaf_only = r->leaf_only,
					    .drop = r->drop,
				    });
}

static int add_units(struct sim_batch *batch, const struct request *r)
{
	struct request one = *r;
	int err = 0;

	if (r->kind != COMMAND_PAGES || !batch->sim->machine.range_commands)
		return add(batch, r, r->kind, 0);
	for (uint64_t page = r->drop.asked.first; !err && page <= r->drop.asked.last; page++) {
		one.drop.pages.first = one.drop.pages.last = page;
		err = add(batch, &one, COMMAND_PAGES, 0);
	}
	return err;
}

static int add_devices(struct sim_batch *batch, const struct request *r, bool *any)
{
	struct dmp_sim *sim = batch->sim;
	int err = 0;

	*any = false;
	if (!sim->machine.devtlb.nsets)
		return 0;
	fence_seq_cst(); /* [TAG] tables, then tags */
	for (uint32_t id = 0; !err && id < load_acquire(&sim->ndevtlbs); id++) {
		if (!sim_devtlb_is_attached(sim, id, r->drop.asked.id))
			continue;
		*any = true;
		err = add(batch, r, COMMAND_DEVICE, id);
	}
	return err;
}

static int run(struct dmp_sim *sim, const struct request *r)
{
	bool is_separate = sim->flags & DMP_SIM_SEPARATE_DEVTLB, any;
	struct sim_batch batch;
	int err = sim_batch_begin(&batch, sim);

	if (!err)
		err = add_units(&batch, r);
	if (!err && is_separate)
		err = sim_batch_end(&batch, false);
	if (!err)
		err = add_devices(&batch, r, &any);
	if (!err && (!is_separate || any))
		err = sim_batch_end(&batch, is_separate);
	if (!err)
		sim_count(sim, COUNT_INVALIDATIONS, 1);
	else if (r->drop.found)
		sim_batch_disown(&batch, r->drop.found);
	return err;
}

static struct sim_pages all_of(uint64_t id)
{
	return (struct sim_pages){.id = id, .last = UINT64_MAX};
}

static int run_domain(struct dmp_sim *sim, uint64_t id)
{
	return run(sim, &(struct request){
				.kind = COMMAND_DOMAIN,
				.drop = {.pages = all_of(id), .asked = all_of(id)},
			});
}

/* The smallest aligned block of 2^n pages that covers @asked. */
static struct sim_pages block_of(const struct sim_pages *asked)
{
	uint64_t differ = asked->first ^ asked->last;
	unsigned order = differ ? dmp_log2_floor(differ) + 1 : 0;
	uint64_t first = dmp_align_down(asked->first, UINT64_C(1) << order);

	return (struct sim_pages){asked->id, first, first + (UINT64_C(1) << order) - 1};
}

static void count_pages(struct dmp_sim *sim, const struct request *r)
{
	uint64_t asked = r->drop.asked.last - r->drop.asked.first + 1;
	uint64_t named = r->drop.pages.last - r->drop.pages.first + 1;

	sim_count(sim, COUNT_PAGES_ASKED, asked);
	if (!sim->machine.range_commands)
		sim_count(sim, COUNT_PAGES_OVER, named - asked);
}

static int run_range(struct dmp_sim *sim, const struct sim_pages *asked, bool leaf_only,
		     struct sim_found *found)
{
	uint64_t most = sim->machine.range_commands;
	uint64_t npages = asked->last - asked->first + 1;
	struct request r = {
		.kind = COMMAND_PAGES,
		.leaf_only = leaf_only,
		.drop = {block_of(asked), *asked, found},
	};
	bool fits = most ? npages <= most
			 : r.drop.pages.last - r.drop.pages.first <
				    UINT64_C(1) << sim->machine.mask_order;

	if (fits) {
		count_pages(sim, &r);
	} else {
		r.kind = COMMAND_DOMAIN;
		r.leaf_only = false;
		r.drop.pages = all_of(asked->id);
		sim_count(sim, COUNT_RANGES_AS_DOMAIN, 1);
	}
	return run(sim, &r);
}

int sim_invq_range(struct dmp_sim *sim, uint64_t id, dmp_iova_t first, dmp_iova_t last)
{
	return run_range(sim,
			 &(struct sim_pages){id, first >> DMP_PAGE_SHIFT, last >> DMP_PAGE_SHIFT},
			 false, NULL);
}

int dmp_sim_flush_all(struct dmp_sim *sim)
{
	return run(sim, &(struct request){
				.kind = COMMAND_ALL,
				.drop = {.pages = all_of(0), .asked = all_of(0)},
			});
}

/* Members of the ops table.  A passthrough domain caches nothing. */

int sim_flush_domain(void *be, void *dom)
{
	struct sim_domain *domain = dom;

	return domain->type == DMP_DOMAIN_PASSTHROUGH ? 0 : run_domain(be, domain->id);
}

static int flush_range(struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		       uint64_t len, bool leaf_only, struct sim_found *found)
{
	if (len == 0 || dom->type == DMP_DOMAIN_PASSTHROUGH)
		return 0;
	if (!dmp_range_fits(iova, len, sim->format.iova_last))
		return run_domain(sim, dom->id);
	return run_range(sim,
			 &(struct sim_pages){
				 dom->id,
				 iova >> DMP_PAGE_SHIFT,
				 (iova + len - 1) >> DMP_PAGE_SHIFT,
			 },
			 leaf_only, found);
}

int sim_flush_range(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only)
{
	return flush_range(be, dom, iova, len, leaf_only, NULL);
}

/* What unmaps have left to look for: sim_found.c.  Out of the way of who is not watched. */
static __attribute__((noinline)) int flush_watched(struct dmp_sim *sim,
						   const struct sim_domain *dom,
						   struct sim_reach *reach,
						   const struct dmp_gather *gather)
{
	uint64_t len = gather->end - gather->start + 1;
	struct sim_found found;
	bool fits = sim_found_begin(&found, gather);
	int err;

	if (!fits)
		sim_reach_unmapped(sim, reach, gather->start, len, gather->begun_ns);
	err = flush_range(sim, dom, gather->start, len, !gather->tables, fits ? &found : NULL);
	if (!err)
		sim_found_end(sim, reach, gather, &found);
	else if (fits)
		sim_reach_unmapped(sim, reach, gather->start, len, gather->begun_ns);
	return err;
}

int sim_flush_gather(void *be, void *dom, const struct dmp_gather *gather)
{
	bool is_empty = gather->start > gather->end;
	struct sim_domain *domain = dom;
	struct sim_reach *reach;

	if (is_empty && !gather->tables && !gather->queued)
		return 0;
	if (is_empty || gather->queued)
		return sim_flush_domain(be, dom);
	reach = gather->begun_ns ? load_acquire(&domain->reach) : NULL; /* [REACH] */
	if (reach)
		return flush_watched(be, dom, reach, gather);
	return sim_flush_range(be, dom, gather->start, gather->end - gather->start + 1,
			       !gather->tables);
}

/* Needed where not-present entries are cached. */
int sim_sync_map(void *be, void *dom, dmp_iova_t iova, uint64_t len)
{
	return sim_flush_range(be, dom, iova, len, true);
}
