// SPDX-License-Identifier: MIT
/*
 * sim.c - the simulated machine: the ops table, create, destroy, check
 *
 *   dmp_sim_create = load options and profile, choose the format, build the parts from the
 *                    bottom, adopt the table
 *
 *   mem -> units -> queues -> faults -> gates -> injector -> books -> counters -> hw handle
 *
 * A machine is a backend like any other: everything it offers stands in the table below,
 * one member, one function, in the source that the member's job belongs to.
 *
 * What is optional and missing: make_shared, make_private and needs_shared unless memory is
 * encrypted; sync_map unless not-present entries are cached.
 *
 * Locking: (b) books_lock, rank RANK_BACKEND; everything else is set up once.
 */
#include "sim_internal.h"

static const struct dmp_hw_ops all_ops = {
	.size = sizeof(struct dmp_hw_ops),
	.name = "sim",
	.mem_alloc = sim_mem_alloc,
	.mem_free = sim_mem_free,
	.coherent_alloc = sim_coherent_alloc,
	.coherent_free = sim_coherent_free,
	.buf_to_phys = sim_buf_to_phys,
	.phys_to_buf = sim_phys_to_buf,
	.make_shared = sim_make_shared,
	.make_private = sim_make_private,
	.mem_map = sim_mem_map,
	.mem_unmap = sim_mem_unmap,
	.device_add = sim_device_add,
	.device_remove = sim_device_remove,
	.domain_create = sim_domain_create,
	.domain_destroy = sim_domain_destroy,
	.domain_attach = sim_domain_attach,
	.domain_detach = sim_domain_detach,
	.map_pages = sim_map_pages,
	.map_list = sim_map_list,
	.unmap_pages = sim_unmap_pages,
	.iova_to_phys = sim_iova_to_phys,
	.sync_map = sim_sync_map,
	.flush_gather = sim_flush_gather,
	.flush_range = sim_flush_range,
	.flush_domain = sim_flush_domain,
	.free_tables = sim_free_tables,
	.set_fault_handler = sim_set_fault_handler,
	.fault_next = sim_fault_next,
	.needs_shared = sim_needs_shared,
	.device_region = sim_device_region,
	.exposure_start = sim_exposure_start,
	.exposure_get = sim_exposure_get,
};

static void ops_fill(struct dmp_hw_ops *ops, uint32_t flags)
{
	*ops = all_ops;
	if (!(flags & DMP_SIM_CACHE_NOT_PRESENT))
		ops->sync_map = NULL;
	if (!(flags & DMP_SIM_ENCRYPTED)) {
		ops->make_shared = NULL;
		ops->make_private = NULL;
		ops->needs_shared = NULL;
	}
	if (!(flags & DMP_SIM_NO_IOMMU))
		return;
	ops->domain_create = NULL;
	ops->domain_destroy = NULL;
	ops->domain_attach = NULL;
	ops->domain_detach = NULL;
	ops->map_pages = NULL;
	ops->map_list = NULL;
	ops->unmap_pages = NULL;
	ops->iova_to_phys = NULL;
	ops->device_region = NULL;
	ops->flush_gather = NULL;
	ops->flush_range = NULL;
	ops->flush_domain = NULL;
	ops->free_tables = NULL;
	ops->exposure_start = NULL;
	ops->exposure_get = NULL;
}

/* All parts, from the bottom; on error none. */
static int parts_create(struct dmp_sim *sim, const struct dmp_sim_opts *opts)
{
	bool is_encrypted = opts->flags & DMP_SIM_ENCRYPTED;
	int err = sim_mem_create(&sim->mem, opts->ram_bytes,
				 is_encrypted ? sim_share_pool_pages(opts->ram_bytes) : 0);

	if (err)
		return err;
	err = sim_units_create(sim);
	if (err)
		goto undo_mem;
	err = sim_invqs_create(sim);
	if (err)
		goto undo_units;
	err = sim_faults_create(&sim->faults, opts->fault_records);
	if (err)
		goto undo_invqs;
	sim_gates_create(sim);
	dmp_lock_init(&sim->reaches.lock, RANK_BACKEND_MEM, "sim: what devices still reach");
	dmp_lock_init(&sim->injector.lock, RANK_LEAF, "sim: calls that fail on purpose");
	dmp_lock_init(&sim->books_lock, RANK_BACKEND, "sim: devices and domains");
	dmp_percpu_init(&sim->counters, sizeof(struct sim_counters));
	return 0;

undo_invqs:
	sim_invqs_destroy(sim);
undo_units:
	sim_units_destroy(sim);
undo_mem:
	sim_mem_destroy(&sim->mem);
	return err;
}

static void parts_destroy(struct dmp_sim *sim)
{
	dmp_percpu_destroy(&sim->counters);
	dmp_lock_destroy(&sim->books_lock);
	dmp_lock_destroy(&sim->injector.lock);
	sim_devtlbs_destroy(sim);
	sim_gates_destroy(sim);
	sim_books_destroy(&sim->reaches);
	dmp_lock_destroy(&sim->reaches.lock);
	sim_faults_destroy(&sim->faults);
	sim_invqs_destroy(sim);
	sim_units_destroy(sim);
	sim_mem_destroy(&sim->mem);
}

static int machine_create(struct dmp_sim *sim, const struct dmp_sim_opts *opts,
			  const struct sim_profile *profile)
{
	int err = sim_format_choose(&sim->format, opts->format, opts->custom_format);

	sim->flags = opts->flags;
	sim->costs = profile->costs;
	sim_machine_fill(&sim->machine, opts);
	if (!err)
		err = parts_create(sim, opts);
	if (err)
		return err;
	ops_fill(&sim->ops, opts->flags);
	err = dmp_hw_create(&sim->ops, sim, &DMP_HW_OPTS(.flags = opts->hw_flags), &sim->hw);
	if (err)
		parts_destroy(sim);
	return err;
}

int dmp_sim_create(const struct dmp_sim_opts *opts, struct dmp_sim **out)
{
	struct dmp_sim_opts own;
	struct sim_profile profile;
	int err = sim_options_load(opts, &profile, &own);

	if (err)
		return err;
	struct dmp_sim *sim = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*sim));

	if (!sim)
		return -ENOMEM;
	err = machine_create(sim, &own, &profile);
	if (err) {
		dmp_meta_free(sim, sizeof(*sim));
		return err;
	}
	*out = sim;
	return 0;
}

static bool is_in_use(struct dmp_sim *sim)
{
	/* relaxed: nothing else runs */
	bool in_use = sim_mem_given_pages(&sim->mem) != 0 && !load_relaxed(&sim->mem.has_lost);

	dmp_lock_acquire(&sim->books_lock);
	in_use = in_use || sim->domains || sim->nagents;
	for (uint32_t id = 0; !in_use && id < SIM_DEVICES; id++)
		in_use = sim_device_find(sim, id);
	dmp_lock_release(&sim->books_lock);
	return in_use;
}

int dmp_sim_destroy(struct dmp_sim *sim)
{
	if (is_in_use(sim))
		return -EBUSY;
	int err = dmp_hw_destroy(sim->hw);

	if (err)
		return err;
	parts_destroy(sim);
	dmp_meta_free(sim, sizeof(*sim));
	return 0;
}

struct dmp_hw *dmp_sim_hw(struct dmp_sim *sim)
{
	return sim->hw;
}

int dmp_sim_check(struct dmp_sim *sim)
{
	int err = sim_mem_check(&sim->mem);

	if (!err)
		err = sim_share_check(sim);
	if (!err)
		err = sim_device_check(sim);
	if (!err)
		err = sim_pt_check(sim);
	if (!err)
		err = sim_reach_check(sim);
	return err ? err : sim_units_check(sim);
}
