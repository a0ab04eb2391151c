// SPDX-License-Identifier: MIT
/*
 * bench_fill.c - bounce slots that are in use while others are measured
 *
 *    random     [aaa b cccccc dd eeee ...]  full, then    [aaa . cccccc .. eeee ...]
 *    segments   [aaaaaaaa bbbbbbbb ccc...]  full, then    [aaaaaaaa ........ ccc...]
 *    F1         [. a . b . c . d . e . f ]  no two slots in a row are free
 *    F2         [a . . b c . . d e . . f ]  free pairs, none at a page
 *
 * The same places in every run, as far as the policy gives the same.
 *
 * Locking: none; one thread fills.
 */
#include "bench_fill.h"
#include "bench_pick.h"

#include <errno.h>
#include <stdlib.h>

#define SEED        UINT64_C(0x2545f4914f6cdd1d) /* any with many ones */
#define RANDOM_MOST 16u
#define PROBE_BYTES 4096u

const char *const bench_fill_names[BENCH_FILL_NAMES] = {
	[BENCH_FILL_RANDOM] = "random",
	[BENCH_FILL_SEGMENTS] = "segments",
};

struct bench_filled {
	dmp_phys_t phys;
	uint64_t slots;
};

static int map(struct bench_fill *f, uint64_t slots)
{
	struct bench_filled *next = &f->live[f->nlive];
	int err = dmp_swiotlb_map(f->tlb, NULL, f->orig, slots * DMP_SWIOTLB_SLOT_BYTES,
				  DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &next->phys);

	if (err)
		return err;
	next->slots = slots;
	f->used += slots;
	f->nlive++;
	return 0;
}

/* The last one takes the place of number @i. */
static void unmap(struct bench_fill *f, size_t i)
{
	const struct bench_filled gone = f->live[i];

	dmp_swiotlb_unmap(f->tlb, gone.phys, gone.slots * DMP_SWIOTLB_SLOT_BYTES, DMP_TO_DEVICE, 0);
	f->used -= gone.slots;
	f->live[i] = f->live[--f->nlive];
}

/* Mappings of @least to @most slots, until not even @least of them are left in a row. */
static int fill_up(struct bench_fill *f, uint64_t least, uint64_t most)
{
	int err;

	do {
		uint64_t slots = least + bench_pick(&f->random, most - least + 1);

		err = map(f, slots);
		if (err == -ENOSPC && slots > least) {
			most = slots - 1;
			err = 0;
		}
	} while (!err);
	return err == -ENOSPC ? 0 : err;
}

static void free_down(struct bench_fill *f, unsigned percent)
{
	while (f->used * 100 > f->slots * percent)
		unmap(f, bench_pick(&f->random, f->nlive));
}

static bool serves(struct bench_fill *f)
{
	dmp_phys_t phys;

	if (dmp_swiotlb_map(f->tlb, NULL, f->orig, PROBE_BYTES, DMP_TO_DEVICE, DMP_ATTR_NO_WARN,
			    &phys))
		return false;
	dmp_swiotlb_unmap(f->tlb, phys, PROBE_BYTES, DMP_TO_DEVICE, 0);
	return true;
}

/* The mapping that begins where number @i ends; nlive: there is none. */
static size_t neighbour_of(const struct bench_fill *f, size_t i)
{
	dmp_phys_t end = f->live[i].phys + f->live[i].slots * DMP_SWIOTLB_SLOT_BYTES;
	size_t j = 0;

	while (j < f->nlive && f->live[j].phys != end)
		j++;
	return j;
}

/* One that has a gap behind it goes alone. */
static void free_neighbours(struct bench_fill *f)
{
	size_t i = bench_pick(&f->random, f->nlive), j = neighbour_of(f, i);

	if (j == f->nlive) {
		unmap(f, i);
		return;
	}
	unmap(f, i > j ? i : j); /* the other one keeps its number */
	unmap(f, i > j ? j : i);
}

/* Single slots, the pool full of them; those go whose number modulo @period has a bit in @free. */
static int comb(struct bench_fill *f, unsigned period, unsigned free)
{
	dmp_phys_t base = UINT64_MAX;
	int err = fill_up(f, 1, 1);

	for (size_t i = 0; i < f->nlive; i++)
		base = f->live[i].phys < base ? f->live[i].phys : base;
	for (size_t i = f->nlive; i-- > 0;)
		if (free >> (f->live[i].phys - base) / DMP_SWIOTLB_SLOT_BYTES % period & 1)
			unmap(f, i);
	return err;
}

static int fill(struct bench_fill *f, enum bench_fill_pattern pattern, unsigned percent)
{
	int err;

	switch (pattern) {
	case BENCH_FILL_EVERY_OTHER: return comb(f, 2, 1u << 0);
	case BENCH_FILL_ODD_PAIRS: return comb(f, 4, 1u << 1 | 1u << 2);
	case BENCH_FILL_SEGMENTS:
		err = fill_up(f, DMP_SWIOTLB_SEGMENT_SLOTS, DMP_SWIOTLB_SEGMENT_SLOTS);
		free_down(f, percent);
		return err;
	default:
		err = fill_up(f, 1, RANDOM_MOST);
		free_down(f, percent);
		while (!err && f->nlive > 0 && !serves(f))
			free_neighbours(f);
		return err;
	}
}

int bench_fill_open(struct bench_fill *f, struct dmp_swiotlb *tlb, dmp_phys_t orig,
		    enum bench_fill_pattern pattern, unsigned percent)
{
	struct dmp_swiotlb_stats stats;
	int err;

	*f = (struct bench_fill){.tlb = tlb, .orig = orig, .random = SEED};
	err = dmp_swiotlb_get_stats(tlb, &stats, sizeof(stats));
	if (err)
		return err;
	f->slots = stats.slots;
	f->live = malloc((f->slots + 1) * sizeof(*f->live)); /* + 1: where a map fails */
	if (!f->live)
		return -ENOMEM;
	err = fill(f, pattern, percent);
	if (err)
		bench_fill_close(f);
	return err;
}

void bench_fill_close(struct bench_fill *f)
{
	while (f->nlive > 0)
		unmap(f, f->nlive - 1);
	free(f->live);
	f->live = NULL;
}
