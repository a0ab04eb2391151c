// SPDX-License-Identifier: MIT
/*
 * test_model_reuse.c - random maps and unmaps of a domain that flushes on reuse, against a note
 * for each page of what a device may still reach
 *
 * Two CPUs, flushes that fail, unmaps that fall into a flush, commits.  The machine notes when the
 * entry of a page was cleared, and when the latest flush that has worked began; it must never be
 * asked to map a page that was cleared later.
 */
#include "lazy_rig.h"

#include "rng.h"

#define SPACE 24u

static struct shadow {
	uint64_t now;            /* events so far */
	uint64_t cleared[SPACE]; /* by pfn: when; 0: never */
	uint64_t flushed;        /* when the latest flush that has worked began */
	uint64_t nviolations;
	int (*true_map)(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
			uint64_t npages, unsigned prot, uint64_t *mapped);
	struct rng rng;
	dmp_iova_t live[SPACE];
	uint64_t npages[SPACE];
	unsigned nlive;
} shadow;

static int shadow_map(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		      uint64_t npages, unsigned prot, uint64_t *mapped)
{
	for (uint64_t i = 0; i < npages; i++)
		shadow.nviolations += shadow.cleared[iova / PAGE + i] > shadow.flushed;
	return shadow.true_map(be, dom, iova, phys, page_bytes, npages, prot, mapped);
}

static uint64_t shadow_unmap(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			     uint64_t npages, struct dmp_gather *gather)
{
	shadow.now++;
	for (uint64_t i = 0; i < npages; i++)
		shadow.cleared[iova / PAGE + i] = shadow.now;
	return lazy_unmap_pages(be, dom, iova, page_bytes, npages, gather);
}

static int shadow_flush(void *be, void *dom)
{
	uint64_t began = ++shadow.now;
	int err = lazy_flush_domain(be, dom);

	if (!err && shadow.flushed < began)
		shadow.flushed = began;
	return err;
}

static void shadow_unmap_any(struct lazy *lazy)
{
	unsigned i;

	if (shadow.nlive == 0)
		return;
	i = (unsigned)rng_range(&shadow.rng, 0, shadow.nlive - 1);
	lazy->err[1] |= dmp_domain_unmap(lazy->rig.dom, shadow.live[i], shadow.npages[i] * PAGE);
	shadow.nlive--;
	shadow.live[i] = shadow.live[shadow.nlive];
	shadow.npages[i] = shadow.npages[shadow.nlive];
}

static void shadow_map_any(struct lazy *lazy)
{
	uint64_t npages = rng_range(&shadow.rng, 1, 3);
	dmp_iova_t iova;

	if (dmp_domain_map(lazy->rig.dom, 0x100000, npages * PAGE, DMP_PROT_READ, SPACE * PAGE - 1,
			   &iova))
		return;
	shadow.live[shadow.nlive] = iova;
	shadow.npages[shadow.nlive++] = npages;
}

static void shadow_step(struct lazy *lazy)
{
	dmp_harness_become((unsigned)rng_range(&shadow.rng, 0, 1));
	if (rng_range(&shadow.rng, 0, 9) == 0)
		lazy_during_flush(lazy, shadow_unmap_any,
				  rng_range(&shadow.rng, 0, 2) ? 0 : -ETIMEDOUT);
	if (rng_range(&shadow.rng, 0, 30) == 0)
		dmp_domain_commit(lazy->rig.dom);
	if (rng_range(&shadow.rng, 0, 1))
		shadow_map_any(lazy);
	else
		shadow_unmap_any(lazy);
}

static void test_no_address_is_given_out_while_a_device_may_still_reach_it(void **state)
{
	struct lazy lazy;

	(void)state;
	shadow = (struct shadow){.rng = rng_seeded(rng_seed_from_env(17))};
	lazy_begin(&lazy, 2);
	shadow.true_map = lazy.rig.d->ops.map_pages;
	lazy.rig.d->ops.map_pages = shadow_map;
	lazy.rig.d->ops.map_list = NULL;
	lazy.rig.d->ops.unmap_pages = shadow_unmap;
	lazy.rig.d->ops.flush_domain = shadow_flush;
	lazy.rig.d->chain_tables = false; /* else a full ring withholds where a flush fails */
	rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE,
						  .policy = &dmp_iova_policy_bitmap));
	for (int i = 0; i < 20000; i++)
		shadow_step(&lazy);
	lazy_during_flush(&lazy, NULL, 0);
	while (shadow.nlive > 0)
		shadow_unmap_any(&lazy);
	assert_int_equal(shadow.nviolations, 0);
	assert_int_equal(lazy.err[1], 0);
	assert_true(rig_domain_stats(&lazy.rig).flushes_by[DMP_FLUSH_CAUSE_REUSE] > 100);
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_address_is_given_out_while_a_device_may_still_reach_it),
	};

	return cmocka_run_group_tests_name("model_reuse", tests, NULL, NULL);
}
