// SPDX-License-Identifier: MIT
/*
 * test_domain_attach.c - proves that lib/domain/domain_attach.c counts a device from before the
 * machine knows it until after, and what is refused meanwhile
 */
#include "lazy_rig.h"

#include "hw_call.h"

static struct lazy *now;      /* the test's, for members of the machine */
static struct dmp_hw_ops was; /* the double's own */
static int seen;

/* Somebody else leaves the queue, while the machine is at it. */
static int attach_op(void *be, void *dom, uint32_t device)
{
	seen = dmp_domain_set_flush(now->rig.dom, DMP_FLUSH_STRICT);
	return was.domain_attach(be, dom, device);
}

static void detach_op(void *be, void *dom, uint32_t device)
{
	seen = dmp_domain_set_flush(now->rig.dom, DMP_FLUSH_STRICT);
	was.domain_detach(be, dom, device);
}

static uint32_t up(struct lazy *lazy)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	uint32_t device;

	lazy_begin(lazy, 1);
	now = lazy;
	was = lazy->rig.d->ops;
	lazy->rig.d->ops.domain_attach = attach_op;
	lazy->rig.d->ops.domain_detach = detach_op;
	rig_domain_as(&lazy->rig, &DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY));
	assert_int_equal(hw_device_add(lazy->rig.hw, &desc, &device), 0);
	return device;
}

static void down(struct lazy *lazy, uint32_t device)
{
	hw_device_remove(lazy->rig.hw, device);
	lazy_down(lazy);
}

static void test_a_device_on_its_way_keeps_the_queue(void **state)
{
	struct lazy lazy;
	uint32_t device = up(&lazy);

	(void)state;
	assert_int_equal(dmp_domain_attach(lazy.rig.dom, device), 0);
	assert_int_equal(seen, -EBUSY);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), -EBUSY);
	seen = 0;
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device), 0);
	assert_int_equal(seen, -EBUSY);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	down(&lazy, device);
}

static void test_a_device_that_could_not_join_keeps_nothing(void **state)
{
	struct lazy lazy;
	uint32_t device = up(&lazy);

	(void)state;
	double_fail(lazy.rig.d, DOUBLE_DOMAIN_ATTACH, 1, -ENOMEM);
	assert_int_equal(dmp_domain_attach(lazy.rig.dom, device), -ENOMEM);
	assert_int_equal(seen, -EBUSY);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	down(&lazy, device);
}

static void test_a_domain_with_a_device_is_not_destroyed(void **state)
{
	struct lazy lazy;
	uint32_t device = up(&lazy);

	(void)state;
	assert_int_equal(dmp_domain_attach(lazy.rig.dom, device), 0);
	assert_int_equal(dmp_domain_attach(lazy.rig.dom, device), -EBUSY);
	assert_int_equal(dmp_domain_destroy(lazy.rig.dom), -EBUSY);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device + 1), -ENOENT);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device), 0);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device), -ENOENT);
	down(&lazy, device);
}

/* Attached at the tables, past the domain, and detached by the domain; then the other way round. */
static void test_a_device_may_leave_by_another_way_than_it_came(void **state)
{
	struct lazy lazy;
	uint32_t device = up(&lazy);
	struct dmp_iommu *iommu = dmp_domain_iommu(lazy.rig.dom);

	(void)state;
	assert_int_equal(dmp_iommu_attach(iommu, device), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), -EBUSY);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_LAZY), 0);
	assert_int_equal(dmp_domain_attach(lazy.rig.dom, device), 0);
	assert_int_equal(dmp_iommu_detach(iommu, device), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device), -ENOENT);
	down(&lazy, device);
}

/* One of two came past the domain: whichever leaves, the other holds what it relies on. */
static void test_the_device_that_stays_is_counted_whichever_way_it_came(void **state)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	struct lazy lazy;
	uint32_t device = up(&lazy), other;

	(void)state;
	assert_int_equal(hw_device_add(lazy.rig.hw, &desc, &other), 0);
	assert_int_equal(dmp_domain_attach(lazy.rig.dom, device), 0);
	assert_int_equal(dmp_iommu_attach(dmp_domain_iommu(lazy.rig.dom), other), 0);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, other), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), -EBUSY);
	assert_int_equal(dmp_domain_destroy(lazy.rig.dom), -EBUSY);
	assert_int_equal(dmp_domain_detach(lazy.rig.dom, device), 0);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_STRICT), 0);
	hw_device_remove(lazy.rig.hw, other);
	down(&lazy, device);
}

static void test_null_is_einval(void **state)
{
	(void)state;
	assert_int_equal(dmp_domain_attach(NULL, 0), -EINVAL);
	assert_int_equal(dmp_domain_detach(NULL, 0), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_device_on_its_way_keeps_the_queue),
		cmocka_unit_test(test_a_device_that_could_not_join_keeps_nothing),
		cmocka_unit_test(test_a_domain_with_a_device_is_not_destroyed),
		cmocka_unit_test(test_a_device_may_leave_by_another_way_than_it_came),
		cmocka_unit_test(test_the_device_that_stays_is_counted_whichever_way_it_came),
		cmocka_unit_test(test_null_is_einval),
	};

	return cmocka_run_group_tests_name("domain_attach", tests, NULL, NULL);
}
