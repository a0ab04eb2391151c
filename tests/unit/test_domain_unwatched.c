// SPDX-License-Identifier: MIT
/*
 * test_domain_unwatched.c - proves that a domain which nobody asked to measure exposure has the
 * machine measure nothing either, and pays for no reading of the clock there
 */
#include "lazy_rig.h"

#include <dmapool/exposure.h>

static struct {
	unsigned starts;
	uint64_t begun_ns; /* that the latest unmap was told */
	uint64_t (*unmap_pages)(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
				uint64_t npages, struct dmp_gather *gather);
} told;

static int start(void *be, void *dom, const struct dmp_exposure_watch *watch, void *ctx)
{
	(void)be;
	(void)dom;
	(void)watch;
	(void)ctx;
	told.starts++;
	return 0;
}

static int get(void *be, void *dom, struct dmp_exposure_seen *seen)
{
	(void)be;
	(void)dom;
	(void)seen;
	return 0;
}

static uint64_t unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
			    uint64_t npages, struct dmp_gather *gather)
{
	told.begun_ns = gather->begun_ns;
	return told.unmap_pages(be, dom, iova, page_bytes, npages, gather);
}

static void up(struct lazy *lazy, uint32_t flags)
{
	memset(&told, 0, sizeof(told));
	lazy_begin(lazy, 1);
	lazy->rig.d->ops.exposure_start = start;
	lazy->rig.d->ops.exposure_get = get;
	told.unmap_pages = lazy->rig.d->ops.unmap_pages;
	lazy->rig.d->ops.unmap_pages = unmap_pages;
	rig_domain_as(&lazy->rig, &DMP_DOMAIN_OPTS(.flags = flags));
	dmp_harness_advance(5 * MS);
}

static void test_without_the_flag_the_machine_is_not_asked(void **state)
{
	struct lazy lazy;

	(void)state;
	up(&lazy, 0);
	assert_int_equal(told.starts, 0);
	assert_int_equal(lazy_unmap(&lazy, lazy_map(&lazy)), 0);
	assert_int_equal(told.begun_ns, 0);
	lazy_down(&lazy);
}

static void test_with_the_flag_it_is_told_when_an_unmap_began(void **state)
{
	struct lazy lazy;

	(void)state;
	up(&lazy, DMP_DOMAIN_EXPOSURE);
	assert_int_equal(told.starts, 1);
	assert_int_equal(lazy_unmap(&lazy, lazy_map(&lazy)), 0);
	assert_int_equal(told.begun_ns, dmp_clock_now_ns());
	lazy_down(&lazy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_the_flag_the_machine_is_not_asked),
		cmocka_unit_test(test_with_the_flag_it_is_told_when_an_unmap_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
