// SPDX-License-Identifier: MIT
/*
 * bench_map_machine.c - a route: machine, domain, bounce slots, device; what it costs by profile
 *
 *                    device                  buffers in RAM, each thread's its own block
 *    direct             |
 *    swiotlb            +-- pool             every map is forced to bounce
 *    iommu              +-- domain           of the flush policy
 *    iommu+bounce       +-- domain, pool
 *
 * RAM ends at 4 GiB, so that a device with a mask of 32 bits reaches all of it.
 *
 * A flush policy is a row of bench_map_flushes: another one is another row.
 *
 * Costs a pair are the machine's own counters, and for IOVAs the library's, times the profile's
 * prices: looked at while nobody is inside, so that counting disturbs nobody.
 */
#include "bench_map.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <math.h>

#define RAM_BYTES (UINT64_C(4) << 30)

const char *const bench_map_route_names[BENCH_MAP_ROUTES] = {
	[BENCH_MAP_DIRECT] = "direct",
	[BENCH_MAP_SWIOTLB] = "swiotlb",
	[BENCH_MAP_IOMMU] = "iommu",
	[BENCH_MAP_IOMMU_BOUNCE] = "iommu+bounce",
};

bool bench_map_translates(enum bench_map_route route)
{
	return route == BENCH_MAP_IOMMU || route == BENCH_MAP_IOMMU_BOUNCE;
}

bool bench_map_bounces(enum bench_map_route route)
{
	return route == BENCH_MAP_SWIOTLB || route == BENCH_MAP_IOMMU_BOUNCE;
}

const struct bench_map_flush bench_map_flushes[BENCH_MAP_FLUSHES] = {
	[BENCH_MAP_STRICT] = {.flush = DMP_FLUSH_STRICT},
	[BENCH_MAP_LAZY] = {.flush = DMP_FLUSH_LAZY},
	[BENCH_MAP_LAZY_SINGLE] = {.flush = DMP_FLUSH_LAZY_SINGLE},
	[BENCH_MAP_ON_REUSE] = {.flush = DMP_FLUSH_ON_REUSE, .iova = &dmp_iova_policy_bitmap},
	[BENCH_MAP_MANUAL] = {.flush = DMP_FLUSH_MANUAL, .commits = true},
	[BENCH_MAP_GUEST] = {.flush = DMP_FLUSH_GUEST},
	[BENCH_MAP_PASSTHROUGH] = {.flush = DMP_FLUSH_STRICT, .flags = DMP_DOMAIN_IDENTITY},
};

const char *const bench_map_flush_names[BENCH_MAP_FLUSHES] = {
	[BENCH_MAP_STRICT] = "strict",           [BENCH_MAP_LAZY] = "lazy",
	[BENCH_MAP_LAZY_SINGLE] = "lazy-single", [BENCH_MAP_ON_REUSE] = "on-reuse",
	[BENCH_MAP_MANUAL] = "manual",           [BENCH_MAP_GUEST] = "guest",
	[BENCH_MAP_PASSTHROUGH] = "passthrough",
};

/* Made and unmade. */

/* Entries of a list lie a page apart, as scattered ones do; a buffer is aligned to its size. */
static uint64_t stride_of(const struct bench_map_case *use)
{
	uint64_t bytes = bench_mix_largest(&use->mix);

	return use->entries ? dmp_align_up(bytes, DMP_PAGE_BYTES) + DMP_PAGE_BYTES
			    : dmp_align_up(dmp_pow2_ceil(bytes), DMP_PAGE_BYTES);
}

static uint64_t own_bytes(const struct bench_map_case *use)
{
	unsigned nbufs = use->batch * (use->entries ? use->entries : 1);

	return dmp_pow2_ceil(stride_of(use) * nbufs);
}

uint64_t bench_map_bytes(const struct bench_map_case *use, unsigned nthreads)
{
	return own_bytes(use) * nthreads;
}

static int make_sim(struct bench_map *map)
{
	const struct bench_map_case *use = map->use;

	return dmp_sim_create(&DMP_SIM_OPTS(.ram_bytes = RAM_BYTES, .profile = use->profile,
					    .queues = use->queues,
					    .flags = use->spun ? DMP_SIM_SPIN : 0),
			      &map->sim);
}

unsigned bench_map_areas(const struct bench_map_case *use, unsigned nthreads)
{
	uint64_t most = use->slots / DMP_SWIOTLB_SEGMENT_SLOTS;
	uint64_t areas = dmp_pow2_ceil(nthreads);

	return (unsigned)(areas < most ? areas : most);
}

/* The library takes half of it if it does not get all: another pool than was asked for. */
static int make_pool(struct bench_map *map, unsigned nthreads)
{
	const struct bench_map_case *use = map->use;
	struct dmp_swiotlb_stats stats;
	int err = dmp_swiotlb_create(
		dmp_sim_hw(map->sim),
		&DMP_SWIOTLB_OPTS(.slots = use->slots, .areas = bench_map_areas(use, nthreads)),
		&map->tlb);

	if (err)
		return err;
	dmp_swiotlb_get_stats(map->tlb, &stats, sizeof(stats));
	return stats.slots == use->slots ? 0 : -ENOMEM;
}

static int make_device(struct bench_map *map)
{
	struct dmp_device_opts opts = DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(map->use->mask_bits));
	int err;

	if (map->tlb) {
		opts.flags = DMP_DEVICE_FORCE_BOUNCE;
		opts.swiotlb = map->tlb;
	}
	err = dmp_device_create(dmp_sim_hw(map->sim), &opts, &map->device);
	if (!err && bench_mix_largest(&map->use->mix) > dmp_device_max_mapping(map->device))
		err = -ERANGE;
	return err;
}

static int make_domain(struct bench_map *map)
{
	const struct bench_map_flush *flush = &bench_map_flushes[map->use->flush];
	int err = dmp_domain_create(dmp_sim_hw(map->sim),
				    &DMP_DOMAIN_OPTS(.flush = flush->flush, .flags = flush->flags,
						     .policy = flush->iova),
				    &map->domain);

	if (!err)
		err = dmp_device_attach(map->device, map->domain);
	/* Without memory for its queue a domain is a strict one: another case. */
	if (!err && dmp_domain_get_flush(map->domain) != flush->flush)
		err = -ENOMEM;
	return err;
}

int bench_map_open(struct bench_map *map, const struct bench_map_case *use, unsigned nthreads)
{
	int err;

	*map = (struct bench_map){.use = use,
				  .stride = stride_of(use),
				  .own_bytes = own_bytes(use),
				  .lock = PTHREAD_MUTEX_INITIALIZER};
	if (bench_map_bytes(use, nthreads) > BENCH_MAP_BYTES_MAX)
		return -EFBIG;
	err = make_sim(map);
	if (!err && bench_map_bounces(use->route))
		err = make_pool(map, nthreads);
	if (!err)
		err = make_device(map);
	if (!err && bench_map_translates(use->route))
		err = make_domain(map);
	if (err)
		bench_map_close(map);
	return err;
}

static unsigned close_domain(struct bench_map *map)
{
	unsigned wrong = dmp_domain_check(map->domain) != 0;

	if (dmp_device_detach(map->device) == -EBUSY)
		wrong++;
	return wrong;
}

unsigned bench_map_close(struct bench_map *map)
{
	unsigned wrong = 0;

	if (map->domain)
		wrong += close_domain(map);
	if (map->device)
		wrong += dmp_device_destroy(map->device) != 0;
	if (map->domain)
		wrong += dmp_domain_destroy(map->domain) != 0;
	if (map->tlb)
		wrong += dmp_swiotlb_destroy(map->tlb) != 0;
	if (map->sim)
		wrong += dmp_sim_destroy(map->sim) != 0;
	pthread_mutex_destroy(&map->lock);
	*map = (struct bench_map){.use = NULL};
	return wrong;
}

/* Costs. */

const char *const bench_map_phase_names[BENCH_MAP_PHASES] = {
	[BENCH_MAP_IOVA] = "iova",          [BENCH_MAP_TABLES] = "map tables",
	[BENCH_MAP_CLEAR] = "unmap tables", [BENCH_MAP_INVALIDATE] = "invalidation",
	[BENCH_MAP_COPY] = "copy",
};

void bench_map_look(const struct bench_map *map, struct bench_map_books *books)
{
	*books = (struct bench_map_books){.sim = {.phase_ns = {0}}};
	dmp_sim_get_stats(map->sim, &books->sim, sizeof(books->sim));
	if (map->domain && dmp_domain_iova(map->domain))
		dmp_iova_get_stats(dmp_domain_iova(map->domain), &books->iova, sizeof(books->iova));
}

static double price_ns(const struct bench_map *map, enum dmp_sim_price price)
{
	return (double)dmp_sim_price_ps(map->sim, price) / 1000;
}

static double iova_ns(const struct bench_map *map, const struct dmp_iova_stats *a,
		      const struct dmp_iova_stats *b)
{
	uint64_t cached = b->alloc_cached - a->alloc_cached + b->free_cached - a->free_cached;
	uint64_t policy = b->alloc_policy - a->alloc_policy + b->free_policy - a->free_policy;

	return (double)cached * price_ns(map, DMP_SIM_PRICE_IOVA_CACHED) +
	       (double)policy * price_ns(map, DMP_SIM_PRICE_IOVA_TREE);
}

/* Bytes that a pair copies, a mean: all of it at the map, and what a device may have written. */
static double copied_bytes(const struct bench_map_case *use)
{
	double sum = 0, times = use->dir == DMP_TO_DEVICE ? 1 : 2;
	unsigned entries = use->entries ? use->entries : 1;

	if (!bench_map_bounces(use->route))
		return 0;
	for (unsigned i = 0; i < use->mix.count; i++)
		sum += (double)use->mix.bytes[i] *
		       (use->mix.upto[i] - (i ? use->mix.upto[i - 1] : 0));
	return sum / use->mix.upto[use->mix.count - 1] * entries * times;
}

void bench_map_costs(const struct bench_map *map, const struct bench_map_books *before,
		     double ns[BENCH_MAP_PHASES])
{
	double pairs = map->pairs ? (double)map->pairs : NAN;
	const uint64_t *a = before->sim.phase_ns, *b;
	struct bench_map_books after;

	bench_map_look(map, &after);
	b = after.sim.phase_ns;
	ns[BENCH_MAP_IOVA] = iova_ns(map, &before->iova, &after.iova) / pairs;
	ns[BENCH_MAP_TABLES] = (double)(b[DMP_SIM_PHASE_MAP] - a[DMP_SIM_PHASE_MAP]) / pairs;
	ns[BENCH_MAP_CLEAR] = (double)(b[DMP_SIM_PHASE_UNMAP] - a[DMP_SIM_PHASE_UNMAP]) / pairs;
	ns[BENCH_MAP_INVALIDATE] =
		(double)(b[DMP_SIM_PHASE_INVALIDATE] - a[DMP_SIM_PHASE_INVALIDATE]) / pairs;
	ns[BENCH_MAP_COPY] = copied_bytes(map->use) * price_ns(map, DMP_SIM_PRICE_COPY_BYTE);
}
