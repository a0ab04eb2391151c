/* SPDX-License-Identifier: MIT */
/*
 * policy_rig.h - one space of one address-range policy, asked through the policy's table
 *
 *   policy_rig_open(&rig, &dmp_iova_policy_gap, 1);
 *   policy_rig_place(&rig, 8, 0xffff, true, 0xfff8);     size, limit, aligned: wanted pfn
 *   policy_rig_close(&rig);                              walks, sees no memory left
 *
 * The last part proves what is the same for every policy, through dmp_iova_*().
 */
#ifndef DMAPOOL_TEST_POLICY_RIG_H
#define DMAPOOL_TEST_POLICY_RIG_H

#include "iova_space.h"

struct policy_rig {
	const struct dmp_iova_policy *policy;
	void *space;
};

static inline void policy_rig_open(struct policy_rig *rig, const struct dmp_iova_policy *policy,
				   uint64_t start_pfn)
{
	struct dmp_iova_space space = {.granule = 4096, .start_pfn = start_pfn};

	rig->policy = policy;
	assert_int_equal(policy->create(&space, &rig->space), 0);
}

static inline void policy_rig_close(struct policy_rig *rig)
{
	assert_int_equal(rig->policy->check(rig->space), 0);
	rig->policy->destroy(rig->space);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static inline uint64_t policy_rig_alloc(struct policy_rig *rig, uint64_t size, uint64_t limit,
					bool aligned)
{
	uint64_t pfn = 0, epoch;

	assert_int_equal(rig->policy->alloc(rig->space, size, limit, aligned, &pfn, &epoch), 0);
	assert_true(pfn <= limit && size - 1 <= limit - pfn);
	return pfn;
}

static inline void policy_rig_place(struct policy_rig *rig, uint64_t size, uint64_t limit,
				    bool aligned, uint64_t wanted)
{
	assert_int_equal(policy_rig_alloc(rig, size, limit, aligned), wanted);
}

/* No place: the error, and the out-pointers as before. */
static inline void policy_rig_none(struct policy_rig *rig, uint64_t size, uint64_t limit,
				   bool aligned, int error)
{
	uint64_t pfn = 77, epoch = 78;

	assert_int_equal(rig->policy->alloc(rig->space, size, limit, aligned, &pfn, &epoch), error);
	assert_int_equal(pfn, 77);
	assert_int_equal(epoch, 78);
}

static inline void policy_rig_free(struct policy_rig *rig, uint64_t pfn, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range removed;

	assert_int_equal(rig->policy->free(rig->space, pfn, &removed), 0);
	assert_int_equal(removed.lo, lo);
	assert_int_equal(removed.hi, hi);
}

static inline void policy_rig_reserve(struct policy_rig *rig, uint64_t lo, uint64_t hi,
				      uint64_t end_lo, uint64_t end_hi)
{
	struct dmp_iova_range range;

	assert_int_equal(rig->policy->reserve(rig->space, lo, hi, &range), 0);
	assert_int_equal(range.lo, end_lo);
	assert_int_equal(range.hi, end_hi);
}

static inline void policy_rig_finds(struct policy_rig *rig, uint64_t pfn, uint64_t lo, uint64_t hi)
{
	struct dmp_iova_range range;

	assert_int_equal(rig->policy->find(rig->space, pfn, &range), 0);
	assert_int_equal(range.lo, lo);
	assert_int_equal(range.hi, hi);
}

static inline void policy_rig_finds_none(struct policy_rig *rig, uint64_t pfn)
{
	struct dmp_iova_range range = {.lo = 7};

	assert_int_equal(rig->policy->find(rig->space, pfn, &range), -ENOENT);
	assert_int_equal(rig->policy->free(rig->space, pfn, &range), -ENOENT);
	assert_int_equal(range.lo, 7);
}

/* The walk upward meets these @n ranges and no other. */
static inline void policy_rig_walks(struct policy_rig *rig, const struct dmp_iova_range *ranges,
				    size_t n)
{
	struct dmp_iova_range range = {0};
	uint64_t from = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		assert_int_equal(rig->policy->next(rig->space, from, &range), 0);
		assert_int_equal(range.lo, ranges[i].lo);
		assert_int_equal(range.hi, ranges[i].hi);
		assert_int_equal(rig->policy->next(rig->space, range.lo, &range), 0);
		assert_int_equal(range.lo, ranges[i].lo);
		from = range.lo + 1;
	}
	assert_int_equal(rig->policy->next(rig->space, from, &range), -ENOENT);
}

static inline uint64_t policy_rig_count(struct policy_rig *rig)
{
	struct dmp_iova_policy_state state = {0};

	rig->policy->inspect(rig->space, &state);
	return state.nranges;
}

/* What is the same for every policy. */

static inline uint64_t policy_rig_nranges(struct iova_space *s)
{
	return iova_space_stats(s).nranges;
}

/* Each call with bad arguments: its errno, and the space as before. */
static inline void policy_rig_refuses_bad_input(const struct dmp_iova_policy *policy)
{
	struct dmp_iova_range range = {.lo = 7};
	struct iova_space s;
	uint64_t pfn = 77, live = 0;

	iova_space_open(
		&s, 1,
		&DMP_IOVA_OPTS(.flags = DMP_IOVA_NO_CACHE, .start_pfn = 0x100, .policy = policy));
	assert_int_equal(dmp_iova_alloc_uncached(s.dom, 4, 0xfffff, 0, &live), 0);

	assert_int_equal(dmp_iova_alloc_uncached(s.dom, 0, 0xfffff, 0, &pfn), -EINVAL);
	assert_int_equal(dmp_iova_alloc_uncached(s.dom, 0x100000, 0xfffff, 0, &pfn), -ERANGE);
	assert_int_equal(
		dmp_iova_alloc_uncached(s.dom, UINT64_MAX, 0xfffff, DMP_IOVA_ALIGNED, &pfn),
		-ERANGE);
	assert_int_equal(dmp_iova_alloc_uncached(s.dom, 1, 0xff, 0, &pfn), -ERANGE);
	assert_int_equal(dmp_iova_alloc_uncached(s.dom, 1, UINT64_MAX, 0, &pfn), -ERANGE);
	assert_int_equal(pfn, 77);

	assert_int_equal(dmp_iova_reserve(s.dom, 6, 5, &range), -EINVAL);
	assert_int_equal(dmp_iova_reserve(s.dom, 5, UINT64_MAX / 4096 + 1, &range), -ERANGE);
	assert_int_equal(policy->reserve(NULL, 6, 5, &range), -EINVAL);
	assert_int_equal(policy->reserve(NULL, 5, UINT64_MAX, &range), -EINVAL);

	assert_int_equal(s.nbugs, 0);
	assert_int_equal(dmp_iova_free_pfn(s.dom, live + 4, &range), -ENOENT);
	assert_int_equal(dmp_iova_free_pfn(s.dom, UINT64_MAX, &range), -ENOENT);
	assert_int_equal(dmp_iova_find(s.dom, UINT64_MAX, &range), -ENOENT);
	assert_int_equal(s.nbugs, 2);
	assert_int_equal(range.lo, 7);

	assert_int_equal(policy_rig_nranges(&s), 1);
	assert_int_equal(dmp_iova_free_pfn(s.dom, live + 3, &range), 0);
	assert_int_equal(range.lo, live);
	assert_int_equal(dmp_iova_free_pfn(s.dom, live, &range), -ENOENT);
	iova_space_close(&s);
}

/* Some of everything, above and below the 32-bit boundary; each may fail for want of memory,
 * and then changes nothing but what a reservation has reserved so far. */
static inline void policy_rig_live(struct iova_space *s)
{
	static const struct {
		uint64_t size, limit;
	} wishes[] = {{1, 0xfffff},
		      {3, 0xfffff},
		      {1, 0xffffffff},
		      {5, 0xffffffff},
		      {0x11000, 0xffffffff}};
	uint64_t pfn, before;
	unsigned i;
	int err;

	err = dmp_iova_reserve(s->dom, 0x8000, 0x8fff, NULL);
	assert_true(err == 0 || err == -ENOMEM);
	for (i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		before = policy_rig_nranges(s);
		pfn = 77;
		err = dmp_iova_alloc_uncached(s->dom, wishes[i].size, wishes[i].limit,
					      DMP_IOVA_ALIGNED, &pfn);
		assert_true(err == 0 || (err == -ENOMEM && pfn == 77));
		assert_int_equal(policy_rig_nranges(s), before + (err == 0));
		if (!err && i % 2 == 0)
			assert_int_equal(dmp_iova_free_pfn(s->dom, pfn, NULL), 0);
	}
	assert_int_equal(dmp_iova_check(s->dom), 0);
}

/* The n-th allocation of @kind fails, for every n until none does; returns how many could. */
static inline uint64_t policy_rig_fail_each(const struct dmp_iova_policy *policy,
					    enum dmp_harness_alloc kind)
{
	struct dmp_iova_opts opts =
		DMP_IOVA_OPTS(.flags = DMP_IOVA_NO_CACHE, .start_pfn = 1, .policy = policy);
	struct iova_space s = {0};
	uint64_t n = 0, before;
	int err;

	do {
		before = dmp_meta_in_use();
		assert_int_equal(dmp_harness_fail_alloc(kind, ++n, 1), 0);
		err = dmp_iova_create(&opts, &s.dom);
		assert_true(err == 0 || err == -ENOMEM);
		if (!err) {
			policy_rig_live(&s);
			assert_int_equal(dmp_iova_destroy(s.dom), 0);
		}
		assert_int_equal(dmp_meta_in_use(), before);
	} while (dmp_harness_failed(kind) > 0);
	assert_int_equal(dmp_harness_fail_alloc(kind, 0, 0), 0);
	return n - 1;
}

#endif
