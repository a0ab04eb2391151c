/* SPDX-License-Identifier: MIT */
/*
 * iova_fit.h - where a request fits into a gap: pure
 *
 * A gap is the pfns first .. end - 1; it is empty if end <= first.  An aligned request of
 * size s starts at a multiple of the smallest power of two >= s:
 *
 *        first                          end
 *          |..............................|
 *            ^ 8   ^ 12    ^ 16               sizes 3, 4: the highest start is 16
 *
 * A gap takes an aligned request of size s, if and only if s is at most its aligned room: if
 * a size fits at a multiple of its power of two, every smaller size fits there too.
 */
#ifndef DMAPOOL_IOVA_FIT_H
#define DMAPOOL_IOVA_FIT_H

#include <dmapool/bits.h>

struct iova_request {
	uint64_t size;  /* > 0 */
	uint64_t align; /* a power of two; 0 stands for 2^64 */
	bool aligned;
};

static inline struct iova_request iova_request(uint64_t size, bool aligned)
{
	return (struct iova_request){
		.size = size,
		.align = aligned ? dmp_pow2_ceil(size) : 1,
		.aligned = aligned,
	};
}

/* The highest start for the request in the gap; @start is untouched if there is none. */
static inline bool iova_fit_highest(uint64_t first, uint64_t end, const struct iova_request *req,
				    uint64_t *start)
{
	uint64_t candidate;

	if (end < req->size)
		return false;
	candidate = dmp_align_down(end - req->size, req->align);
	if (candidate < first)
		return false;
	*start = candidate;
	return true;
}

/*
 * Pfns from the lowest multiple of 2^@order in the gap to its end; 0 if it has none.  The sum
 * does not wrap: the gap has 2^order pfns, or ends at or after such a multiple.
 */
static inline uint64_t iova_room_above_multiple(uint64_t first, uint64_t end, unsigned order)
{
	uint64_t mask = order < 64 ? (UINT64_C(1) << order) - 1 : UINT64_MAX;
	uint64_t multiple = (first + mask) & ~mask;

	return multiple < end ? end - multiple : 0;
}

/*
 * The aligned room of a gap that is not empty.  With 2^order the largest power of two that
 * fits at a multiple of itself, a larger size needs a multiple of 2^(order + 1).  A gap of g
 * pfns has a multiple of the power of two below g / 2 with room for it, so that only the
 * power below g itself is in doubt.
 */
static inline uint64_t iova_aligned_room(uint64_t first, uint64_t end)
{
	unsigned order = dmp_log2_floor(end - first);
	uint64_t above;

	if (iova_room_above_multiple(first, end, order) >> order == 0)
		order--;
	above = iova_room_above_multiple(first, end, order + 1);
	return above >> order ? above : UINT64_C(1) << order;
}

#endif
