/* SPDX-License-Identifier: MIT */
/*
 * lazy_rig.h - a lazy domain on a test double, in manual mode, for the unit tests of its queue
 *
 * Flushes and unmaps of the machine pass through the rig, so that a test can have something
 * happen while one is in progress:
 *
 *   lazy_during_flush(&lazy, fn, err);   once, in the next flush_domain()
 *   lazy_before_unmap(&lazy, fn);        once, in the next unmap_pages(), tables not yet cleared
 *
 * What @fn does there stands for another CPU that runs beside it.
 */
#ifndef DMAPOOL_TEST_LAZY_RIG_H
#define DMAPOOL_TEST_LAZY_RIG_H

#include "double_rig.h"

#define MS UINT64_C(1000000)

struct lazy {
	struct rig rig;
	int (*true_flush)(void *be, void *dom);
	void (*during)(struct lazy *lazy); /* NULL: nothing */
	int during_err;                    /* what that flush answers */
	uint64_t (*true_unmap)(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			       uint64_t npages, struct dmp_gather *gather);
	void (*before_unmap)(struct lazy *lazy); /* NULL: nothing */
	uint64_t bugs;                           /* BUG lines that the test provokes */
	dmp_iova_t iova[4];                      /* of the test */
	int err[4];                              /* likewise */
};

/* Tests are single-threaded, and a backend's member has no room for a context of ours. */
static struct lazy *lazy_now;

static inline int lazy_flush_domain(void *be, void *dom)
{
	struct lazy *lazy = lazy_now;
	void (*during)(struct lazy *) = lazy->during;
	int err = lazy->during_err;

	lazy->during = NULL;
	lazy->during_err = 0;
	if (during)
		during(lazy);
	return err ? err : lazy->true_flush(be, dom);
}

static inline uint64_t lazy_unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
					uint64_t npages, struct dmp_gather *gather)
{
	struct lazy *lazy = lazy_now;
	void (*before)(struct lazy *) = lazy->before_unmap;

	lazy->before_unmap = NULL;
	if (before)
		before(lazy);
	return lazy->true_unmap(be, dom, iova, page_bytes, npages, gather);
}

static inline void lazy_begin(struct lazy *lazy, unsigned ncpus)
{
	*lazy = (struct lazy){0};
	lazy_now = lazy;
	assert_int_equal(dmp_harness_enter(ncpus), 0);
	rig_begin(&lazy->rig);
	lazy->true_flush = lazy->rig.d->ops.flush_domain;
	lazy->rig.d->ops.flush_domain = lazy_flush_domain;
	lazy->true_unmap = lazy->rig.d->ops.unmap_pages;
	lazy->rig.d->ops.unmap_pages = lazy_unmap_pages;
	lazy->rig.d->chain_tables = true;
}

/* @entries in a queue, 0: the default. */
static inline void lazy_up(struct lazy *lazy, unsigned ncpus, uint32_t entries)
{
	lazy_begin(lazy, ncpus);
	rig_domain_as(&lazy->rig,
		      &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_entries = entries));
}

/* A lock taken out of order would be a line too many. */
static inline void lazy_down(struct lazy *lazy)
{
	assert_int_equal(lazy->rig.bugs, lazy->bugs);
	rig_down(&lazy->rig);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* In the next flush of the domain @fn runs, and then it answers @err. */
static inline void lazy_during_flush(struct lazy *lazy, void (*fn)(struct lazy *), int err)
{
	lazy->during = fn;
	lazy->during_err = err;
}

/* In the next unmap @fn runs before the tables are cleared. */
static inline void lazy_before_unmap(struct lazy *lazy, void (*fn)(struct lazy *))
{
	lazy->before_unmap = fn;
}

/* 64 pages: too many for a cache, so that the space itself shows what is taken. */
#define LONG_PAGES 64u

static inline dmp_iova_t lazy_map(struct lazy *lazy)
{
	dmp_iova_t iova = 0;

	assert_int_equal(dmp_domain_map(lazy->rig.dom, 0x100000, LONG_PAGES * PAGE, DMP_PROT_READ,
					UINT64_MAX, &iova),
			 0);
	return iova;
}

static inline int lazy_unmap(struct lazy *lazy, dmp_iova_t iova)
{
	return dmp_domain_unmap(lazy->rig.dom, iova, LONG_PAGES * PAGE);
}

/* For lazy_during_flush(): what the test has at iova[0]. */
static inline void lazy_unmap_first(struct lazy *lazy)
{
	lazy->err[0] = lazy_unmap(lazy, lazy->iova[0]);
}

/* Maps and unmaps. */
static inline dmp_iova_t lazy_queue_one(struct lazy *lazy)
{
	dmp_iova_t iova = lazy_map(lazy);

	assert_int_equal(lazy_unmap(lazy, iova), 0);
	return iova;
}

static inline bool lazy_is_taken(struct lazy *lazy, dmp_iova_t iova)
{
	struct dmp_iova_range range;

	return dmp_iova_find(dmp_domain_iova(lazy->rig.dom), iova / PAGE, &range) == 0;
}

static inline struct dmp_flushq_state lazy_state(struct lazy *lazy, unsigned cpu)
{
	struct dmp_flushq_state state;

	assert_int_equal(dmp_domain_inspect_flushq(lazy->rig.dom, cpu, &state), 0);
	return state;
}

static inline uint64_t lazy_flushes(struct lazy *lazy)
{
	return double_count(lazy->rig.d, DOUBLE_FLUSH_DOMAIN);
}

#endif
