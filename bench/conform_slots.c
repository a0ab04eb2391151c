// SPDX-License-Identifier: MIT
/*
 * conform_slots.c - the bounce vectors' contents of memory, and which slots are in use
 *
 *   vectors                    here
 *   fill, sum                  the machine's memory
 *   bfill, bsum                the same, where a mapping's data lie
 *   stat, hiwater0             dmp_swiotlb_get_stats(), dmp_swiotlb_reset_high_water()
 *   areas, used, occ           dmp_swiotlb_inspect_*()
 *
 * Without a pool there are no areas and no slots.
 */
#include "conform_swiotlb.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

static void *bounce_bytes(struct conform_bounce *bounce, const struct conform_line *line)
{
	struct handle *handle = bounce_live_handle(bounce, line);

	return handle ? conform_machine_bytes(bounce->machine, handle->phys + line->arg[1],
					      line->arg[2])
		      : NULL;
}

static void fill(void *at, uint64_t len, uint64_t seed, char *got)
{
	if (at)
		conform_pattern_fill(at, len, (uint32_t)seed);
	conform_say_ok(got, at ? 0 : -EFAULT);
}

static void sum(const void *at, uint64_t len, char *got)
{
	if (at)
		conform_say(got, "%016" PRIx64, conform_pattern_sum(at, len));
	else
		conform_say_ok(got, -EFAULT);
}

void conform_slots_fill(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	fill(conform_machine_bytes(bounce->machine, line->arg[0], line->arg[1]), line->arg[1],
	     line->arg[2], got);
}

void conform_slots_bfill(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	fill(bounce_bytes(bounce, line), line->arg[2], line->arg[3], got);
}

void conform_slots_sum(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	sum(conform_machine_bytes(bounce->machine, line->arg[0], line->arg[1]), line->arg[1], got);
}

void conform_slots_bsum(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	sum(bounce_bytes(bounce, line), line->arg[2], got);
}

/* State. */

/* NULL: the file has none of that number. */
static struct dmp_swiotlb *allocator_of(const struct conform_bounce *bounce,
					const struct conform_line *line)
{
	return line->arg[0] < ALLOCATORS ? bounce->tlbs[line->arg[0]] : NULL;
}

void conform_slots_stat(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct dmp_swiotlb_stats stats = {0};

	dmp_swiotlb_get_stats(allocator_of(bounce, line), &stats, sizeof(stats));
	conform_say(got, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, stats.slots, stats.used,
		    stats.high_water, stats.transient);
}

void conform_slots_hiwater0(void *run, const struct conform_line *line, char *got)
{
	struct dmp_swiotlb *tlb = allocator_of(run, line);

	if (tlb)
		dmp_swiotlb_reset_high_water(tlb);
	conform_say_ok(got, tlb ? 0 : -ENOENT);
}

void conform_slots_areas(void *run, const struct conform_line *line, char *got)
{
	const struct bounce_pool *pool = conform_pools_of(run, line->arg[0]);
	struct dmp_swiotlb_area_view area;
	uint64_t i;

	for (i = 0; pool && !dmp_swiotlb_inspect_area(pool->tlb, pool->number, i, &area); i++)
		conform_say(got, "%s%" PRIu64 "/%" PRIu64, i ? " " : "", area.used, area.index);
}

/* Is slot @slot of the pool in use?  Beyond the pool: no. */
static bool in_use(struct conform_bounce *bounce, const struct conform_line *line, uint64_t slot)
{
	const struct bounce_pool *pool = conform_pools_of(bounce, line->arg[0]);
	bool used = false;

	return pool && !dmp_swiotlb_inspect_slot(pool->tlb, pool->number, slot, &used) && used;
}

static uint64_t pool_slots(struct conform_bounce *bounce, const struct conform_line *line)
{
	const struct bounce_pool *pool = conform_pools_of(bounce, line->arg[0]);
	struct dmp_swiotlb_pool_view view = {0};

	if (pool)
		dmp_swiotlb_inspect_pool(pool->tlb, pool->number, &view);
	return view.slots;
}

void conform_slots_used(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	uint64_t slot, from = 0, n = pool_slots(bounce, line);

	for (slot = 0; slot < n; slot++) {
		if (!in_use(bounce, line, slot))
			continue;
		if (slot == 0 || !in_use(bounce, line, slot - 1))
			from = slot;
		if (!in_use(bounce, line, slot + 1))
			conform_say(got, "%s%" PRIu64 "-%" PRIu64, *got ? " " : "", from, slot);
	}
	if (!*got)
		conform_say(got, "-");
}

void conform_slots_occ(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	uint64_t slot, used = 0, n = pool_slots(bounce, line);
	unsigned char *map = malloc(n + 1);

	for (slot = 0; map && slot < n; slot++) {
		map[slot] = in_use(bounce, line, slot);
		used += map[slot];
	}
	if (map)
		conform_say(got, "%" PRIu64 " %016" PRIx64, used, conform_pattern_sum(map, n));
	else
		conform_say_ok(got, -ENOMEM);
	free(map);
}
