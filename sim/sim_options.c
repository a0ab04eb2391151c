// SPDX-License-Identifier: MIT
/*
 * sim_options.c - what a machine is made of: the caller's word, the profile's, the default
 *
 *   each property:  the caller's, unless zero -> the profile's, unless zero -> the default
 *   flags:          the caller's and, of a machine with an IOMMU, the profile's
 *
 * Locking: none; runs before the machine exists.
 */
#include "sim_internal.h"

#include <assert.h>

#define KNOWN_FLAGS                                                                                \
	(DMP_SIM_NO_IOMMU | DMP_SIM_TOUCH_STALE | DMP_SIM_REQUIRE_DOMAIN |                         \
	 DMP_SIM_CACHE_NOT_PRESENT | DMP_SIM_ENCRYPTED | DMP_SIM_SPIN | DMP_SIM_SEPARATE_DEVTLB)
#define IOMMU_FLAGS (DMP_SIM_REQUIRE_DOMAIN | DMP_SIM_CACHE_NOT_PRESENT | DMP_SIM_SEPARATE_DEVTLB)

#define RAM_MIN      (UINT64_C(16) << 20)
#define RAM_GRAIN    (UINT64_C(4) << 20)
#define RAM_MAX      (UINT64_C(1) << 43) /* page numbers have 31 bits */
#define RAM_DEFAULT  (UINT64_C(8) << 30)
#define RECORDS_MAX  (1u << 20)
#define WALK_WAYS    4u /* of a walk cache that is too big to be looked through whole */
#define TIMEOUT_NS   UINT64_C(1000000000)
#define TIMEOUT_MAX  (3600 * TIMEOUT_NS) /* looked at each ms, in manual mode by hand */
#define BLOCK_NORMAL (UINT64_C(1) << 30)

static_assert(sizeof(struct dmp_sim_opts) == 152, "append only");

static void merge32(uint32_t *own, uint32_t profile, uint32_t otherwise)
{
	if (!*own)
		*own = profile ? profile : otherwise;
}

static void merge64(uint64_t *own, uint64_t profile, uint64_t otherwise)
{
	if (!*own)
		*own = profile ? profile : otherwise;
}

static void merge(struct dmp_sim_opts *opts, const struct dmp_sim_opts *says)
{
	if (!(opts->flags & DMP_SIM_NO_IOMMU))
		opts->flags |= says->flags;
	if (!opts->format && !opts->custom_format)
		opts->format = says->format;
	merge64(&opts->ram_bytes, 0, RAM_DEFAULT);
	merge32(&opts->iotlb_sets, says->iotlb_sets, 256);
	merge32(&opts->iotlb_ways, says->iotlb_ways, 4);
	merge32(&opts->fault_records, 0, 256);
	merge32(&opts->queue_entries, says->queue_entries, 256);
	merge32(&opts->replace, says->replace, DMP_SIM_REPLACE_LRU);
	merge32(&opts->iotlbs, says->iotlbs, 1);
	merge64(&opts->iotlb_page_bytes, says->iotlb_page_bytes, DMP_PAGE_BYTES);
	for (unsigned i = 0; i < SIM_WALK_CACHES; i++)
		merge32(&opts->walk_entries[i], says->walk_entries[i], 0);
	merge32(&opts->devtlb_sets, says->devtlb_sets, 0);
	merge32(&opts->devtlb_ways, says->devtlb_ways, 4);
	merge32(&opts->queue_kind, says->queue_kind, DMP_SIM_QUEUE_LOCKED);
	merge32(&opts->queues, says->queues, 1);
	merge32(&opts->queue_by, says->queue_by, DMP_SIM_QUEUE_BY_CPU);
	merge32(&opts->node_cpus, says->node_cpus, 0);
	merge64(&opts->queue_timeout_ns, 0, TIMEOUT_NS);
	merge64(&opts->mask_bytes, says->mask_bytes, BLOCK_NORMAL);
	merge32(&opts->range_commands, says->range_commands, 0);
}

static bool flags_are_sound(const struct dmp_sim_opts *opts)
{
	return !(opts->flags & ~KNOWN_FLAGS) && !opts->reserved0 && !opts->reserved1 &&
	       !((opts->flags & DMP_SIM_NO_IOMMU) && (opts->flags & IOMMU_FLAGS));
}

static bool ram_is_sound(const struct dmp_sim_opts *opts)
{
	return opts->ram_bytes >= RAM_MIN && opts->ram_bytes <= RAM_MAX &&
	       dmp_is_aligned(opts->ram_bytes, RAM_GRAIN) && opts->fault_records <= RECORDS_MAX;
}

/* A tree of ways needs a power of two of them, and a set of 4 ways a multiple of 4 entries. */
static bool caches_are_sound(const struct dmp_sim_opts *opts)
{
	uint32_t devtlb_ways = opts->devtlb_sets ? opts->devtlb_ways : 1;

	if (opts->replace == DMP_SIM_REPLACE_TREE &&
	    !(dmp_is_pow2(opts->iotlb_ways) && dmp_is_pow2(devtlb_ways)))
		return false;
	for (unsigned i = 0; i < SIM_WALK_CACHES; i++)
		if (opts->walk_entries[i] > SIM_TLB_WAYS_MAX && opts->walk_entries[i] % WALK_WAYS)
			return false;
	return true;
}

static bool are_sound(const struct dmp_sim_opts *opts)
{
	return flags_are_sound(opts) && ram_is_sound(opts) && sim_properties_are_possible(opts) &&
	       caches_are_sound(opts) && opts->queue_timeout_ns <= TIMEOUT_MAX;
}

/* What a profile says must make a machine by itself, or nobody knew whose mistake it is. */
static int check_profile(const char *name, const struct dmp_sim_opts *says)
{
	struct dmp_sim_opts alone = {.size = sizeof(alone)};

	merge(&alone, says);
	if (are_sound(&alone))
		return 0;
	return sim_profile_complain(name, "machine",
				    "its ways do not go with a tree, or a walk cache of more than "
				    "64 entries is no multiple of 4");
}

/* Take over the caller's options, read the profile, and say everything; on error untouched. */
int sim_options_load(const struct dmp_sim_opts *opts, struct sim_profile *profile,
		     struct dmp_sim_opts *out)
{
	struct dmp_sim_opts own;
	struct sim_profile read;
	int err = dmp_opts_load(&own, sizeof(own), opts);

	if (!err && !flags_are_sound(&own))
		err = -EINVAL;
	if (!err)
		err = sim_profile_load(own.profile, &read);
	if (!err)
		err = check_profile(own.profile, &read.says);
	if (err)
		return err;
	merge(&own, &read.says);
	if (!are_sound(&own))
		return -EINVAL;
	*profile = read;
	*out = own;
	return 0;
}

static struct sim_tlb_shape shape_of(const struct dmp_sim_opts *opts, uint32_t nsets,
				     uint32_t nways)
{
	return (struct sim_tlb_shape){nsets, nways, opts->replace, opts->seed};
}

/* Up to so many entries that one set holds them, and any number of ways: least recently used,
 * or random, as a tree would need a power of two. */
static struct sim_tlb_shape walk_shape(const struct dmp_sim_opts *opts, uint32_t nentries)
{
	struct sim_tlb_shape shape = nentries <= SIM_TLB_WAYS_MAX
					     ? shape_of(opts, nentries != 0, nentries)
					     : shape_of(opts, nentries / WALK_WAYS, WALK_WAYS);

	if (shape.replace == DMP_SIM_REPLACE_TREE)
		shape.replace = DMP_SIM_REPLACE_LRU;
	return shape;
}

void sim_machine_fill(struct sim_machine *machine, const struct dmp_sim_opts *opts)
{
	*machine = (struct sim_machine){
		.nunits = opts->iotlbs,
		.iotlb_order = dmp_page_order(opts->iotlb_page_bytes),
		.iotlb = shape_of(opts, opts->iotlb_sets, opts->iotlb_ways),
		.devtlb = shape_of(opts, opts->devtlb_sets, opts->devtlb_ways),
		.nqueues = opts->queues,
		.queue_entries = opts->queue_entries,
		.queue_kind = opts->queue_kind,
		.queue_by = opts->queue_by,
		.node_cpus = opts->node_cpus,
		.mask_order = dmp_page_order(opts->mask_bytes),
		.range_commands = opts->range_commands,
		.queue_timeout_ns = opts->queue_timeout_ns,
	};
	for (unsigned i = 0; i < SIM_WALK_CACHES; i++)
		machine->walk[i] = walk_shape(opts, opts->walk_entries[i]);
}
