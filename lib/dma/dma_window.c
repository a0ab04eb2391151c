// SPDX-License-Identifier: MIT
/*
 * dma_window.c - where memory appears on the bus of a device that has no domain: pure
 *
 *   memory   ----|################|-----------------      window: len bytes from phys on
 *                 \                \
 *   bus      ------|################|---------------      the same bytes from addr on
 *
 * What lies outside has no address there.  Without a window (len 0) every byte is at its own
 * address.  Both begin at pages, so that a slot and its address lie alike to any page.
 *
 * Behind a domain the device's addresses are IOVAs, and no window is asked; behind an identity
 * domain they are those of memory itself, dma_limits().
 *
 * Differs from Linux: one range a device, where its map of them has several.
 *
 * Source: spec-bounce 2, 11.1.
 */
#include "dma_internal.h"

/* Moves [@from, @from + @len) from the stretch at @start to that at @there; false: not in it.  What
 * lies before it has an offset that wraps, beyond any length that does not. */
static bool move(uint64_t start, uint64_t there, uint64_t window_len, uint64_t from, uint64_t len,
		 uint64_t *to)
{
	uint64_t offset = from - start;

	if (len > window_len || offset > window_len - len)
		return false;
	*to = there + offset;
	return true;
}

/* False: not all of @len > 0 bytes at @phys have an address. */
bool dma_window_addr(const struct dma_window *window, dmp_phys_t phys, uint64_t len,
		     dmp_addr_t *addr)
{
	if (window->len)
		return move(window->phys, window->addr, window->len, phys, len, addr);
	*addr = phys;
	return true;
}

/* False: not all of @len > 0 addresses at @addr are memory's. */
bool dma_window_phys(const struct dma_window *window, dmp_addr_t addr, uint64_t len,
		     dmp_phys_t *phys)
{
	if (window->len)
		return move(window->addr, window->phys, window->len, addr, len, phys);
	*phys = addr;
	return true;
}

/* The highest byte of memory whose address is not above @reach; 0 if there is none, or it is 0. */
dmp_phys_t dma_window_highest(const struct dma_window *window, uint64_t reach)
{
	uint64_t last = window->len - 1;

	if (!window->len)
		return reach;
	if (reach < window->addr)
		return 0;
	return window->phys + (last < reach - window->addr ? last : reach - window->addr);
}

/* Whole pages that do not wrap, or nothing at all. */
bool dma_window_makes_sense(const struct dma_window *window)
{
	uint64_t all = window->phys | window->addr | window->len;

	if (!window->len)
		return all == 0;
	return dmp_is_aligned(all, DMP_PAGE_BYTES) &&
	       window->len - 1 <= UINT64_MAX - window->phys &&
	       window->len - 1 <= UINT64_MAX - window->addr;
}
