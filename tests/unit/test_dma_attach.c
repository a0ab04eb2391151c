// SPDX-License-Identifier: MIT
/*
 * test_dma_attach.c - proves A1, A2, A3 of lib/dma/dma_attach.c
 *
 * What another thread would do at the same time happens inside a call of the machine:
 *
 *   beside(r, &ops.member, fn)     fn runs once, in the next call of that member
 *
 * where the request, or the change, has begun and has not ended.
 */
#include "device_rig.h"

#include "dma_internal.h"

#define LEN 100u

/* Tests are single-threaded, and a backend's member has no room for a context of ours. */
static struct device_rig *now;
static void (*beside)(struct device_rig *r);
static int seen[4];           /* what was answered there */
static struct dmp_hw_ops was; /* the double's own members */
static unsigned char buf[LEN];

static void look_beside(void)
{
	void (*fn)(struct device_rig *) = beside;

	beside = NULL;
	if (fn)
		fn(now);
}

static int attach_op(void *be, void *dom, uint32_t device)
{
	look_beside();
	return was.domain_attach(be, dom, device);
}

static void detach_op(void *be, void *dom, uint32_t device)
{
	look_beside();
	was.domain_detach(be, dom, device);
}

static int map_op(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		  uint64_t npages, unsigned prot, uint64_t *mapped)
{
	look_beside();
	return was.map_pages(be, dom, iova, phys, page_bytes, npages, prot, mapped);
}

static int gather_op(void *be, void *dom, const struct dmp_gather *gather)
{
	look_beside();
	return was.flush_gather(be, dom, gather);
}

static int expose_op(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	look_beside();
	return was.mem_map(be, device, phys, len, dir);
}

static int coherent_op(void *be, uint64_t len, uint64_t limit, unsigned flags, dmp_phys_t *phys)
{
	look_beside();
	return was.coherent_alloc(be, len, limit, flags, phys);
}

static struct dmp_domain *dom; /* the rig's; a test decides whether the device is in it */

static void up(struct device_rig *r, bool attached)
{
	rig_begin(&r->rig);
	was = r->rig.d->ops;
	r->rig.d->ops.domain_attach = attach_op;
	r->rig.d->ops.domain_detach = detach_op;
	r->rig.d->ops.map_pages = map_op;
	r->rig.d->ops.flush_gather = gather_op;
	r->rig.d->ops.mem_map = expose_op;
	r->rig.d->ops.coherent_alloc = coherent_op;
	r->rig.d->ops.map_list = NULL;
	rig_domain(&r->rig);
	now = r;
	beside = NULL;
	dom = r->rig.dom;
	device_rig_add(r, NULL);
	if (!attached)
		assert_int_equal(dmp_device_detach(r->dev), 0);
}

static void down(struct device_rig *r)
{
	assert_null(beside);
	dmp_device_attach(r->dev, dom);
	device_rig_down(r);
}

/* A buffer of the machine. */
static void *ram(struct device_rig *r)
{
	void *mem = NULL;

	assert_int_equal(dmp_hw_alloc(r->rig.hw, LEN, &mem), 0);
	return mem;
}

static void ram_free(struct device_rig *r, void *mem)
{
	assert_int_equal(dmp_hw_free(r->rig.hw, mem, LEN), 0);
}

static void *given; /* for who maps beside */

static void map_beside(struct device_rig *r)
{
	struct dmp_sg sg = {.buf = given, .len = LEN};
	dmp_addr_t addr = 7;
	void *mem = buf;
	size_t n = 9;

	seen[0] = dmp_dma_map(r->dev, given, LEN, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &addr);
	seen[1] = dmp_dma_map_sg(r->dev, &sg, 1, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &n);
	seen[2] = dmp_dma_alloc_coherent(r->dev, LEN, &mem, &addr);
	seen[3] = addr == 7 && n == 9 && mem == buf;
}

static void expect_refused_maps(struct device_rig *r, const struct dmp_device_stats *before)
{
	struct dmp_device_stats stats = device_stats(r);

	assert_int_equal(seen[0], -EBUSY);
	assert_int_equal(seen[1], -EBUSY);
	assert_int_equal(seen[2], -EBUSY);
	assert_true(seen[3]); /* answers untouched */
	assert_int_equal(stats.maps, before->maps);
	assert_int_equal(stats.coherent_allocs, before->coherent_allocs);
	assert_int_equal(stats.map_failures, before->map_failures + 3);
	assert_int_equal(stats.live_maps + stats.live_coherent, 0);
}

static void test_what_would_be_mapped_during_an_attach_is_refused(void **state)
{
	struct dmp_device_stats before;
	struct device_rig r;

	(void)state;
	up(&r, false);
	given = ram(&r);
	before = device_stats(&r);
	beside = map_beside;
	assert_int_equal(dmp_device_attach(r.dev, dom), 0);
	expect_refused_maps(&r, &before);
	ram_free(&r, given);
	down(&r);
}

static void test_what_would_be_mapped_during_a_detach_is_refused(void **state)
{
	struct dmp_device_stats before;
	struct device_rig r;

	(void)state;
	up(&r, true);
	given = ram(&r);
	before = device_stats(&r);
	beside = map_beside;
	assert_int_equal(dmp_device_detach(r.dev), 0);
	expect_refused_maps(&r, &before);
	ram_free(&r, given);
	down(&r);
}

static void change_beside(struct device_rig *r)
{
	seen[0] = dmp_device_attach(r->dev, dom);
	seen[1] = dmp_device_detach(r->dev);
}

static void test_a_device_is_changed_by_one_thread_at_a_time(void **state)
{
	struct device_rig r;

	(void)state;
	up(&r, false);
	beside = change_beside;
	assert_int_equal(dmp_device_attach(r.dev, dom), 0);
	assert_int_equal(seen[0], -EBUSY);
	assert_int_equal(seen[1], -ENOENT); /* it is not attached yet */
	beside = change_beside;
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_int_equal(seen[0], -EBUSY);
	assert_int_equal(seen[1], -EBUSY);
	down(&r);
}

/* Each of these is in the middle of its work when somebody wants to change the device. */
static void test_a_request_in_progress_keeps_the_device_in_its_domain(void **state)
{
	struct device_rig r;
	struct dmp_sg sg;
	dmp_addr_t addr;
	size_t n;

	(void)state;
	up(&r, true);
	sg = (struct dmp_sg){.buf = ram(&r), .len = LEN};
	beside = change_beside;
	assert_int_equal(dmp_dma_map(r.dev, sg.buf, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(seen[1], -EBUSY);
	beside = change_beside;
	seen[1] = 0;
	assert_int_equal(dmp_dma_unmap(r.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(seen[1], -EBUSY);
	beside = change_beside;
	seen[1] = 0;
	assert_int_equal(dmp_dma_map_sg(r.dev, &sg, 1, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(seen[1], -EBUSY);
	assert_int_equal(dmp_dma_unmap_sg(r.dev, &sg, 1, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	ram_free(&r, sg.buf);
	down(&r);
}

static void test_coherent_memory_on_its_way_keeps_the_device_where_it_is(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	for (int attached = 0; attached < 2; attached++) {
		up(&r, attached);
		beside = change_beside;
		assert_int_equal(dmp_dma_alloc_coherent(r.dev, LEN, &mem, &addr), 0);
		assert_int_equal(seen[0], -EBUSY);
		assert_int_equal(seen[1], attached ? -EBUSY : -ENOENT);
		assert_int_equal(dmp_dma_free_coherent(r.dev, LEN, mem, addr), 0);
		down(&r);
	}
}

static void test_a_direct_map_in_progress_keeps_the_device_direct(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	up(&r, false);
	mem = ram(&r);
	beside = change_beside;
	assert_int_equal(dmp_dma_map(r.dev, mem, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(seen[0], -EBUSY);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_attach(r.dev, dom), 0);
	ram_free(&r, mem);
	down(&r);
}

/* Whatever failed, at whichever step, holds the device no longer than it lasts. */
static void test_what_has_failed_does_not_keep_the_device(void **state)
{
	struct dmp_sg none = {0};
	struct device_rig r;
	dmp_addr_t addr;
	void *mem, *got;
	size_t n;

	(void)state;
	up(&r, true);
	mem = ram(&r);
	double_fail(r.rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM);
	beside = change_beside;
	assert_int_equal(dmp_dma_map(r.dev, mem, LEN, DMP_TO_DEVICE, 0, &addr), -ENOMEM);
	assert_int_equal(seen[1], -EBUSY);
	assert_int_equal(dmp_dma_map(r.dev, mem, 0, DMP_TO_DEVICE, 0, &addr), -EINVAL);
	assert_int_equal(dmp_dma_map_sg(r.dev, &none, 1, DMP_TO_DEVICE, 0, &n), -EINVAL);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, 0, &got, &addr), -EINVAL);
	double_fail(r.rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, LEN, &got, &addr), -ENOMEM);
	assert_int_equal(device_stats(&r).map_failures, 5);
	assert_int_equal(device_stats(&r).maps + device_stats(&r).coherent_allocs, 0);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	ram_free(&r, mem);
	down(&r);
}

static void test_a_change_that_fails_lets_requests_go_on(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	up(&r, false);
	mem = ram(&r);
	double_fail(r.rig.d, DOUBLE_DOMAIN_ATTACH, 1, -ENOMEM);
	assert_int_equal(dmp_device_attach(r.dev, dom), -ENOMEM);
	assert_int_equal(dmp_device_detach(r.dev), -ENOENT);
	assert_int_equal(dmp_dma_map(r.dev, mem, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_device_attach(r.dev, dom), -EBUSY);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	ram_free(&r, mem);
	down(&r);
}

/* What a processor may still hold back is what the fence is for. */

static bool can_prepare = true, can_fence = true;

bool __real_dmp_fence_prepare(void); // NOLINT: the linker's names
bool __wrap_dmp_fence_prepare(void); // NOLINT
bool __real_dmp_fence_heavy(void);   // NOLINT
bool __wrap_dmp_fence_heavy(void);   // NOLINT

bool __wrap_dmp_fence_prepare(void) // NOLINT
{
	return can_prepare && __real_dmp_fence_prepare();
}

static unsigned nheavy;
static struct dmp_device *begins; /* a request of it becomes visible by the fence; NULL: none */

bool __wrap_dmp_fence_heavy(void) // NOLINT
{
	nheavy++;
	if (begins)
		counter_add(&begins->counts, DMA_MAPS, 1);
	return can_fence && __real_dmp_fence_heavy();
}

static void test_without_the_heavy_fence_requests_run_one_of_their_own(void **state)
{
	struct device_rig r;

	(void)state;
	can_prepare = false;
	nheavy = 0;
	up(&r, false);
	assert_true(load_relaxed(&r.dev->fences));
	assert_int_equal(dmp_device_attach(r.dev, dom), 0);
	assert_int_equal(nheavy, 0);
	can_prepare = true;
	down(&r);
}

static void test_a_heavy_fence_that_is_refused_later_is_made_up_for(void **state)
{
	struct device_rig r;

	(void)state;
	up(&r, false);
	if (load_relaxed(&r.dev->fences)) {
		down(&r);
		skip();
	}
	can_fence = false;
	assert_int_equal(dmp_device_attach(r.dev, dom), 0);
	assert_true(load_relaxed(&r.dev->fences));
	can_fence = true;
	down(&r);
}

/*
 *   request   counted, but still in its processor; gate open       ... at work
 *   change                 looks: nothing live; gate shut; fence: there it is
 */
static void test_a_request_that_the_fence_brings_to_light_is_not_overtaken(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	up(&r, true);
	if (load_relaxed(&r.dev->fences)) {
		down(&r);
		skip();
	}
	begins = r.dev;
	assert_int_equal(dmp_device_detach(r.dev), -EBUSY);
	begins = NULL;
	counter_add(&r.dev->counts, DMA_MAP_FAILURES, 1); /* it ends */
	mem = ram(&r);
	assert_int_equal(dmp_dma_map(r.dev, mem, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	ram_free(&r, mem);
	down(&r);
}

/* Where something is live a first look is enough: no thread is disturbed. */
static void test_a_hopeless_change_asks_for_no_fence(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	up(&r, true);
	mem = ram(&r);
	assert_int_equal(dmp_dma_map(r.dev, mem, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	nheavy = 0;
	assert_int_equal(dmp_device_detach(r.dev), -EBUSY);
	assert_int_equal(nheavy, 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	ram_free(&r, mem);
	down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_would_be_mapped_during_an_attach_is_refused),
		cmocka_unit_test(test_what_would_be_mapped_during_a_detach_is_refused),
		cmocka_unit_test(test_a_device_is_changed_by_one_thread_at_a_time),
		cmocka_unit_test(test_a_request_in_progress_keeps_the_device_in_its_domain),
		cmocka_unit_test(test_coherent_memory_on_its_way_keeps_the_device_where_it_is),
		cmocka_unit_test(test_a_direct_map_in_progress_keeps_the_device_direct),
		cmocka_unit_test(test_what_has_failed_does_not_keep_the_device),
		cmocka_unit_test(test_a_change_that_fails_lets_requests_go_on),
		cmocka_unit_test(test_without_the_heavy_fence_requests_run_one_of_their_own),
		cmocka_unit_test(test_a_heavy_fence_that_is_refused_later_is_made_up_for),
		cmocka_unit_test(test_a_request_that_the_fence_brings_to_light_is_not_overtaken),
		cmocka_unit_test(test_a_hopeless_change_asks_for_no_fence),
	};

	return cmocka_run_group_tests_name("dma_attach", tests, NULL, NULL);
}
