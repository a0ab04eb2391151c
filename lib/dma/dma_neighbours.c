// SPDX-License-Identifier: MIT
/*
 * dma_neighbours.c - bytes beside buffers that a device reaches, since they share a granule
 *
 *      granule            granule            granule
 *      |nnnnnn############|##################|####nnnnnnnn|
 *             ^ buffer                            ^ its end
 *
 * Counted while the buffer is mapped, of each mapping for itself: what two buffers have in a
 * granule in common counts twice.  Not in slots, whose granules are theirs and zeroed; not
 * directly, where there are no granules.  Only behind a domain with DMP_DOMAIN_NEIGHBOURS: a map
 * and an unmap each read the clock and take the lock, which is one for all of a device.
 *
 * Locking: (n) the lock, a leaf.
 */
#include "dma_internal.h"

void dma_neighbours_init(struct dma_neighbours *neighbours)
{
	dmp_lock_init(&neighbours->lock, RANK_LEAF, "dma: neighbours of buffers");
}

void dma_neighbours_destroy(struct dma_neighbours *neighbours)
{
	dmp_lock_destroy(&neighbours->lock);
}

/* Bytes times time, up to now. */
static void sum_up_locked(struct dma_neighbours *neighbours)
{
	uint64_t now_ns = dmp_clock_now_ns(), since_ns = neighbours->summed_at_ns;
	uint64_t ns = now_ns > since_ns ? now_ns - since_ns : 0;

	dmp_lock_assert_held(&neighbours->lock);
	neighbours->byte_ns =
		dmp_add_saturated(neighbours->byte_ns, dmp_mul_saturated(neighbours->now, ns));
	neighbours->summed_at_ns = now_ns;
}

void dma_neighbours_come(struct dma_neighbours *neighbours, uint64_t bytes)
{
	if (!bytes)
		return;
	dmp_lock_acquire(&neighbours->lock);
	sum_up_locked(neighbours);
	neighbours->now += bytes;
	if (neighbours->peak < neighbours->now)
		neighbours->peak = neighbours->now;
	dmp_lock_release(&neighbours->lock);
}

/* An unmap with another length than the map's, but of the same granules, may take too many. */
void dma_neighbours_go(struct dma_neighbours *neighbours, uint64_t bytes)
{
	if (!bytes)
		return;
	dmp_lock_acquire(&neighbours->lock);
	sum_up_locked(neighbours);
	neighbours->now -= bytes < neighbours->now ? bytes : neighbours->now;
	dmp_lock_release(&neighbours->lock);
}

void dma_neighbours_get(struct dma_neighbours *neighbours, struct dmp_device_stats *stats)
{
	dmp_lock_acquire(&neighbours->lock);
	sum_up_locked(neighbours);
	stats->neighbour_bytes = neighbours->now;
	stats->neighbour_peak_bytes = neighbours->peak;
	stats->neighbour_byte_ns = neighbours->byte_ns;
	dmp_lock_release(&neighbours->lock);
}
