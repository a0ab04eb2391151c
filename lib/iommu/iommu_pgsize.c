// SPDX-License-Identifier: MIT
/*
 * iommu_pgsize.c - which page size a mapping uses next, and how many pages of it
 *
 * A step takes the biggest page that the addresses and the rest allow.  It goes on with it
 * up to a boundary where a bigger page could follow, if a whole one fits behind:
 *
 *   iova = phys = 0x1ff000, 4 MiB + 4 KiB        pages of 4 KiB, 2 MiB, 1 GiB
 *
 *     0x1ff000  0x200000                                   0x600000
 *        | 4 KiB |           2 MiB | 2 MiB                    |
 *        `-1 x --'`------------------2 x ---------------------'
 *
 * Where iova and phys lie at different offsets in the bigger page, or none fits behind the
 * boundary, the step takes all the rest.
 *
 * Differs from Linux: arguments that no page size can serve give a step of no pages; there
 *  it is a fatal assertion.
 *
 * Source: spec-iova 4.1.
 */
#include <dmapool/bits.h>
#include <dmapool/iommu.h>

static uint64_t lowest_bit(uint64_t x)
{
	return x & -x;
}

/* Bits 0 .. that of @x, a power of two. */
static uint64_t bits_up_to(uint64_t x)
{
	return x | (x - 1);
}

/* 4.1.1 and 4.1.2; 0: none. */
static uint64_t biggest_page(uint64_t page_sizes, uint64_t addrs, uint64_t len)
{
	uint64_t fit = page_sizes & bits_up_to(UINT64_C(1) << dmp_log2_floor(len));

	if (addrs)
		fit &= bits_up_to(lowest_bit(addrs));
	return fit ? UINT64_C(1) << dmp_log2_floor(fit) : 0;
}

struct dmp_page_step dmp_iommu_page_step(uint64_t page_sizes, dmp_iova_t iova, dmp_phys_t phys,
					 uint64_t len)
{
	uint64_t page = len ? biggest_page(page_sizes, iova | phys, len) : 0;
	uint64_t next, distance;

	if (!page)
		return (struct dmp_page_step){0, 0};
	/* 4.1.3 */
	next = lowest_bit(page_sizes & ~bits_up_to(page));
	/* 4.1.4: no boundary of iova is ever one of phys */
	if (!next || !dmp_is_aligned(iova ^ phys, next))
		return (struct dmp_page_step){page, len / page};
	/* 4.1.5: a whole bigger page behind the boundary, or no stop there */
	distance = next - (iova & (next - 1));
	if (distance <= UINT64_MAX - next && distance + next <= len)
		len = distance;
	return (struct dmp_page_step){page, len / page};
}
