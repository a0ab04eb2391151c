// SPDX-License-Identifier: MIT
/*
 * hw_check_pages.c - the shim's books of what a domain has mapped
 *
 * One record for each run that was mapped in one go; an unmap cuts records:
 *
 *   record    [-----------------)
 *   unmap          [----)
 *   records   [----)    [-------)       the second is new: without memory for it the
 *                                       books are given up (is_blind)
 *
 * Invariant: no two records overlap, so that the order of the tree is one of intervals and
 * an address finds the record that holds it.
 *
 * Locking: every function here is called with books_lock held.
 */
#include "hw_check.h"

static int compare_maps(const struct check_map *a, const struct check_map *b)
{
	if (a->last < b->iova)
		return -1;
	return a->iova > b->last;
}

BASE_TREE_GENERATE(check_map_tree, check_map, node, compare_maps)

/* The record that holds @iova, or else the next above. */
static struct check_map *map_from(struct check_domain *domain, dmp_iova_t iova)
{
	struct check_map key = {.iova = iova, .last = iova};

	return RB_NFIND(check_map_tree, &domain->maps, &key);
}

struct check_map *check_pages_at(struct check_domain *domain, dmp_iova_t iova)
{
	struct check_map *map = map_from(domain, iova);

	return map && map->iova <= iova ? map : NULL;
}

/* Bytes from @iova on that are not mapped, up to @len. */
uint64_t check_pages_free(struct check_domain *domain, dmp_iova_t iova, uint64_t len)
{
	struct check_map *map = map_from(domain, iova);

	if (!map || map->iova > iova + (len - 1))
		return len;
	return map->iova <= iova ? 0 : map->iova - iova;
}

/* Bytes from @iova on that are mapped without a hole, up to @len. */
uint64_t check_pages_mapped(struct check_domain *domain, dmp_iova_t iova, uint64_t len)
{
	uint64_t n = 0;

	while (n < len) {
		struct check_map *map = check_pages_at(domain, iova + n);

		if (!map)
			return n;
		n += map->last - (iova + n) + 1;
	}
	return len;
}

void check_pages_enter(struct check_domain *domain, struct check_map *map, dmp_iova_t iova,
		       dmp_phys_t phys, uint64_t len, uint64_t page_bytes)
{
	*map = (struct check_map){
		.iova = iova, .last = iova + (len - 1), .phys = phys, .page_bytes = page_bytes};
	RB_INSERT(check_map_tree, &domain->maps, map);
}

/* Cuts [@iova, @last] out of a record that it lies in. */
static void map_cut(struct check_domain *domain, struct check_map *map, dmp_iova_t iova,
		    dmp_iova_t last)
{
	struct check_map whole = *map, *tail;

	if (last < whole.last && iova > whole.iova) {
		tail = check_record(check_map);
		if (!tail) {
			domain->is_blind = true;
			return;
		}
		map->last = iova - 1;
		check_pages_enter(domain, tail, last + 1, whole.phys + (last + 1 - whole.iova),
				  whole.last - last, whole.page_bytes);
	} else if (iova > whole.iova) {
		map->last = iova - 1;
	} else if (last < whole.last) {
		map->iova = last + 1;
		map->phys = whole.phys + (last + 1 - whole.iova);
	} else {
		RB_REMOVE(check_map_tree, &domain->maps, map);
		dmp_meta_free(map, sizeof(*map));
	}
}

void check_pages_leave(struct check_domain *domain, dmp_iova_t iova, uint64_t len)
{
	dmp_iova_t last = iova + (len - 1);
	struct check_map *map;

	while (!domain->is_blind && (map = map_from(domain, iova)) && map->iova <= last)
		map_cut(domain, map, map->iova > iova ? map->iova : iova,
			map->last < last ? map->last : last);
}

void check_pages_drop(struct check_domain *domain)
{
	struct check_map *map;

	while ((map = RB_MIN(check_map_tree, &domain->maps))) {
		RB_REMOVE(check_map_tree, &domain->maps, map);
		dmp_meta_free(map, sizeof(*map));
	}
}

uint64_t check_runs_sum(const struct dmp_phys_run *runs, size_t nruns, uint64_t *addrs)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nruns; i++) {
		if (!runs[i].len || !dmp_range_fits(runs[i].phys, runs[i].len, UINT64_MAX) ||
		    runs[i].len > UINT64_MAX - sum)
			return 0;
		sum += runs[i].len;
		*addrs |= runs[i].phys | runs[i].len;
	}
	return sum;
}
