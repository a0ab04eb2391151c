// SPDX-License-Identifier: MIT
/*
 * example_policy.c - a policy of one's own, as small as one can be: docs/policy-example.md
 * explains it
 *
 * `lowest` gives out the lowest free place: devices with few live ranges then need few page
 * tables.  A list in ascending order, walked from the start:
 *
 *    start_pfn
 *       |  [lo .. hi] -> [lo .. hi]      -> [lo .. hi] -> NULL
 *                                 ^^^^^^ the first gap that holds the request
 *
 * Cost: O(ranges) for everything; behind the library's cache that is seldom paid.
 *
 * Locking: one lock for everything.  Records are made and freed with it held: that is allowed,
 *  and easy to read.
 */
#include <dmapool.h>
#include <dmapool/bits.h>
#include <dmapool/port.h>

#include <stdio.h>
#include <stdlib.h>

struct range {
	struct range *next;
	uint64_t lo, hi;
};

struct lowest {
	uint64_t start_pfn;   /* constant */
	struct dmp_lock lock; /* what follows */
	struct range *first;  /* ascending, no overlap */
};

/* The link to the first range that ends at or above @pfn. */
static struct range **link_reaching(struct lowest *space, uint64_t pfn)
{
	struct range **link = &space->first;

	while (*link && (*link)->hi < pfn)
		link = &(*link)->next;
	return link;
}

static bool insert(struct range **link, uint64_t lo, uint64_t hi)
{
	struct range *r = dmp_meta_alloc(DMP_META_RANGE, sizeof(*r));

	if (!r)
		return false;
	*r = (struct range){.next = *link, .lo = lo, .hi = hi};
	*link = r;
	return true;
}

static int lowest_create(const struct dmp_iova_space *opts, void **state)
{
	struct lowest *space = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*space));

	if (!space)
		return -ENOMEM;
	space->start_pfn = opts->start_pfn;
	dmp_lock_init(&space->lock, RANK_IOVA_POLICY, "example policy lowest");
	*state = space;
	return 0;
}

static void lowest_destroy(void *state)
{
	struct lowest *space = state;
	struct range *r;

	while ((r = space->first) != NULL) {
		space->first = r->next;
		dmp_meta_free(r, sizeof(*r));
	}
	dmp_lock_destroy(&space->lock);
	dmp_meta_free(space, sizeof(*space));
}

/* The place, and the link where it belongs; NULL: there is none. */
static struct range **find_place(struct lowest *space, uint64_t size, uint64_t align,
				 uint64_t limit, uint64_t *lo)
{
	struct range **link = link_reaching(space, space->start_pfn);

	for (*lo = space->start_pfn;; link = &(*link)->next) {
		if (!dmp_align_up_checked(*lo, align, lo) || !dmp_range_fits(*lo, size, limit))
			return NULL;
		if (!*link || *lo + size - 1 < (*link)->lo)
			return link;
		if (*lo <= (*link)->hi)
			*lo = (*link)->hi + 1;
	}
}

static int lowest_alloc(void *state, uint64_t size, uint64_t limit_pfn, bool aligned, uint64_t *pfn,
			uint64_t *epoch)
{
	struct lowest *space = state;
	struct range **link;
	uint64_t lo;
	int err = 0;

	dmp_lock_acquire(&space->lock);
	link = find_place(space, size, aligned ? dmp_pow2_ceil(size) : 1, limit_pfn, &lo);
	if (!link)
		err = -ENOSPC;
	else if (!insert(link, lo, lo + size - 1))
		err = -ENOMEM;
	dmp_lock_release(&space->lock);
	if (err)
		return err;
	*pfn = lo;
	*epoch = 0;
	return 0;
}

static bool remove_locked(struct lowest *space, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct range **link = link_reaching(space, pfn), *r = *link;

	if (!r || r->lo > pfn)
		return false;
	*removed = (struct dmp_iova_range){.lo = r->lo, .hi = r->hi};
	*link = r->next;
	dmp_meta_free(r, sizeof(*r));
	return true;
}

static int lowest_free(void *state, uint64_t pfn, struct dmp_iova_range *removed)
{
	struct lowest *space = state;
	bool found;

	dmp_lock_acquire(&space->lock);
	found = remove_locked(space, pfn, removed);
	dmp_lock_release(&space->lock);
	return found ? 0 : -ENOENT;
}

/* A magazine full of ranges comes back under one hold of the lock. */
static size_t lowest_free_many(void *state, const uint64_t *pfns, size_t n)
{
	struct lowest *space = state;
	struct dmp_iova_range removed;
	size_t i, nfreed = 0;

	dmp_lock_acquire(&space->lock);
	for (i = 0; i < n; i++)
		nfreed += remove_locked(space, pfns[i], &removed);
	dmp_lock_release(&space->lock);
	return nfreed;
}

static int lowest_find(void *state, uint64_t pfn, struct dmp_iova_range *range)
{
	struct lowest *space = state;
	struct range *r;
	bool found;

	dmp_lock_acquire(&space->lock);
	r = *link_reaching(space, pfn);
	found = r && r->lo <= pfn;
	if (found)
		*range = (struct dmp_iova_range){.lo = r->lo, .hi = r->hi};
	dmp_lock_release(&space->lock);
	return found ? 0 : -ENOENT;
}

/* Each free part of lo .. hi becomes a range; what is there stays as it is. */
static bool reserve_locked(struct lowest *space, uint64_t lo, uint64_t hi)
{
	struct range **link = link_reaching(space, lo);
	uint64_t end;

	for (;; link = &(*link)->next) {
		end = *link && (*link)->lo <= hi ? (*link)->lo : hi + 1;
		if (lo < end) {
			if (!insert(link, lo, end - 1))
				return false;
			link = &(*link)->next;
		}
		if (end > hi || (*link)->hi >= hi)
			return true;
		lo = (*link)->hi + 1;
	}
}

static int lowest_reserve(void *state, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	struct lowest *space = state;
	struct range *last;
	bool reserved;

	dmp_lock_acquire(&space->lock);
	reserved = reserve_locked(space, lo, hi);
	last = *link_reaching(space, hi);
	if (reserved)
		*range = (struct dmp_iova_range){.lo = last->lo, .hi = last->hi};
	dmp_lock_release(&space->lock);
	return reserved ? 0 : -ENOMEM;
}

static int lowest_next(void *state, uint64_t from, struct dmp_iova_range *range)
{
	struct lowest *space = state;
	struct range *r;

	dmp_lock_acquire(&space->lock);
	r = *link_reaching(space, from);
	if (r && r->lo < from)
		r = r->next;
	if (r)
		*range = (struct dmp_iova_range){.lo = r->lo, .hi = r->hi};
	dmp_lock_release(&space->lock);
	return r ? 0 : -ENOENT;
}

static int lowest_check(void *state)
{
	struct lowest *space = state;
	struct range *r;
	bool good = true;

	dmp_lock_acquire(&space->lock);
	for (r = space->first; r; r = r->next)
		good = good && r->lo <= r->hi && (!r->next || r->hi < r->next->lo);
	dmp_lock_release(&space->lock);
	if (!good)
		dmp_log(DMP_LOG_BUG, "lowest: ranges overlap or are out of order");
	return good ? 0 : -EIO;
}

static const struct dmp_iova_policy lowest = {
	.size = sizeof(struct dmp_iova_policy),
	.name = "lowest",
	.create = lowest_create,
	.destroy = lowest_destroy,
	.alloc = lowest_alloc,
	.free = lowest_free,
	.free_many = lowest_free_many,
	.find = lowest_find,
	.reserve = lowest_reserve,
	.next = lowest_next,
	.check = lowest_check,
};

/* How it is used. */

#define EXPECT(claim)                                                                              \
	do {                                                                                       \
		if (!(claim))                                                                      \
			return __LINE__;                                                           \
	} while (0)

#define LIMIT UINT64_C(0xfffff)

/*
 *   pfn    1   2 .. 4   5 .. 7   8 .. 11   12
 *         [a]  [reserved]        [b    ]   [c]     then b goes, and d takes a part of its place
 */
static int places(struct dmp_iova_domain *dom)
{
	struct dmp_iova_range range;
	uint64_t a, b, c, d;

	EXPECT(!dmp_iova_reserve(dom, 2, 4, NULL));
	EXPECT(!dmp_iova_alloc_uncached(dom, 1, LIMIT, 0, &a) && a == 1);
	EXPECT(!dmp_iova_alloc_uncached(dom, 4, LIMIT, DMP_IOVA_ALIGNED, &b) && b == 8);
	EXPECT(!dmp_iova_reserve(dom, 5, 12, &range) && range.lo == 12 && range.hi == 12);
	EXPECT(dmp_iova_alloc_uncached(dom, 1, 12, 0, &c) == -ENOSPC);
	EXPECT(dmp_iova_alloc_uncached(dom, 13, 12, 0, &c) == -ERANGE);
	EXPECT(!dmp_iova_free_pfn(dom, 12, &range));
	EXPECT(!dmp_iova_alloc_uncached(dom, 1, LIMIT, 0, &c) && c == 12);
	EXPECT(!dmp_iova_free_pfn(dom, 10, &range) && range.lo == 8 && range.hi == 11);
	EXPECT(!dmp_iova_alloc_uncached(dom, 3, LIMIT, 0, &d) && d == 8);
	EXPECT(!dmp_iova_find(dom, 10, &range) && range.lo == 8 && range.hi == 10);
	EXPECT(!dmp_iova_next(dom, 9, &range) && range.lo == 12);
	EXPECT(dmp_iova_find(dom, 11, &range) == -ENOENT);
	return dmp_iova_check(dom) ? __LINE__ : 0;
}

/* The cache stands in front of it as of any other: what comes back is not asked for again. */
static int cached(struct dmp_iova_domain *dom)
{
	struct dmp_iova_stats stats;
	uint64_t pfn, again;
	unsigned i;

	EXPECT(!dmp_iova_alloc(dom, 4, LIMIT, 0, &pfn));
	for (i = 0; i < 1000; i++) {
		EXPECT(!dmp_iova_free(dom, pfn, 4));
		EXPECT(!dmp_iova_alloc(dom, 4, LIMIT, 0, &again) && again == pfn);
	}
	EXPECT(!dmp_iova_free(dom, pfn, 4));
	EXPECT(!dmp_iova_get_stats(dom, &stats, sizeof(stats)));
	EXPECT(stats.alloc_cached == 1000);
	EXPECT(dmp_iova_flush(dom) == 1);
	return dmp_iova_check(dom) ? __LINE__ : 0;
}

static int run(void)
{
	struct dmp_iova_domain *dom;
	int wrong;

	EXPECT(!dmp_iova_create(&DMP_IOVA_OPTS(.start_pfn = 1, .policy = &lowest), &dom));
	wrong = places(dom);
	if (!wrong)
		wrong = cached(dom);
	EXPECT(!dmp_iova_destroy(dom));
	EXPECT(wrong || dmp_meta_in_use() == 0);
	return wrong;
}

int main(void)
{
	int wrong = run();

	if (wrong)
		fprintf(stderr, "example_policy.c:%d: not as expected\n", wrong);
	return wrong ? EXIT_FAILURE : EXIT_SUCCESS;
}
