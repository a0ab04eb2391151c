// SPDX-License-Identifier: MIT
/*
 * test_hw_check.c - proves that the shim of lib/hw/hw_check.c offers what the backend has,
 * passes on what is right, and says who broke a rule
 */
#include "hw_rig.h"

static int up(void **state)
{
	static struct hw_rig rig;

	hw_rig_begin(&rig);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	hw_rig_down(*state);
	return 0;
}

static void test_the_shim_offers_exactly_what_the_backend_has(void **state)
{
	struct hw_rig *rig = *state;
	const void *const *given = (const void *)&rig->d->ops.mem_alloc;
	const void *const *offered;
	size_t members = (sizeof(rig->d->ops) - offsetof(struct dmp_hw_ops, mem_alloc)) /
			 sizeof(void *);

	rig->d->ops.map_list = NULL;
	rig->d->ops.coherent_alloc = NULL;
	rig->d->ops.coherent_free = NULL;
	rig->d->ops.flush_range = NULL;
	hw_rig_adopt(rig, DMP_HW_CHECK);
	offered = (const void *)&rig->hw->ops.mem_alloc;
	for (size_t i = 0; i < members; i++) {
		assert_int_equal(!offered[i], !given[i]);
		if (given[i])
			assert_ptr_not_equal(offered[i], given[i]);
	}
}

static void test_a_line_names_the_backend_the_member_and_the_rule(void **state)
{
	struct hw_rig *rig = *state;
	dmp_phys_t phys;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	double_fail(rig->d, DOUBLE_MEM_ALLOC, 1, 12);
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 0, &phys), -EIO);
	assert_string_equal(rig->line, "hw_check: backend double broke its contract in mem_alloc: "
				       "a positive errno");
	hw_rig_expect_bug(rig, "backend double");
	assert_int_equal(hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 8, &phys), -EINVAL);
	hw_rig_expect_bug(rig, "a caller of mem_alloc of backend double");
}

/* every member with an errno, through a life of a device in a domain */
static void test_a_positive_errno_is_caught_in_every_member(void **state)
{
	struct hw_rig *rig = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_hw_domain_info info;
	struct dmp_phys_run run = {0x1000, KB4};
	struct dmp_gather gather = {.start = 0, .end = 0xfff, .page_bytes = KB4};
	struct dmp_fault fault;
	uint64_t mapped;
	uint32_t device;
	dmp_phys_t phys;
	void *dom, *buf;

	hw_rig_adopt(rig, DMP_HW_CHECK);
	rig->may_litter = true;
	assert_int_equal(hw_device_add(rig->hw, &desc, &device), 0);
	assert_int_equal(hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
#define POSITIVE(member, call)                                                                     \
	do {                                                                                       \
		double_fail(rig->d, member, 1, 7);                                                 \
		assert_int_equal(call, -EIO);                                                      \
		hw_rig_expect_bug(rig, "a positive errno");                                        \
	} while (0)
	POSITIVE(DOUBLE_MEM_ALLOC, hw_mem_alloc(rig->hw, DMP_ZONE_ANY, 0, 0, &phys));
	POSITIVE(DOUBLE_COHERENT_ALLOC, hw_coherent_alloc(rig->hw, 1, UINT64_MAX, 0, &phys));
	POSITIVE(DOUBLE_BUF_TO_PHYS, hw_buf_to_phys(rig->hw, rig, 1, &phys));
	POSITIVE(DOUBLE_PHYS_TO_BUF, hw_phys_to_buf(rig->hw, 0, 1, &buf));
	POSITIVE(DOUBLE_MAKE_SHARED, hw_make_shared(rig->hw, 0, 1));
	POSITIVE(DOUBLE_MAKE_PRIVATE, hw_make_private(rig->hw, 0, 1));
	POSITIVE(DOUBLE_MEM_MAP, hw_mem_map(rig->hw, device, 0, 1, DMP_TO_DEVICE));
	POSITIVE(DOUBLE_MEM_UNMAP, hw_mem_unmap(rig->hw, device, 0, 1, DMP_TO_DEVICE));
	POSITIVE(DOUBLE_DEVICE_ADD, hw_device_add(rig->hw, &desc, &device));
	POSITIVE(DOUBLE_DOMAIN_CREATE,
		 hw_domain_create(rig->hw, DMP_DOMAIN_TRANSLATED, &buf, &info));
	POSITIVE(DOUBLE_DOMAIN_ATTACH, hw_domain_attach(rig->hw, dom, device));
	POSITIVE(DOUBLE_MAP_PAGES, hw_map_pages(rig->hw, dom, 0, 0x1000, KB4, 1, BOTH, &mapped));
	POSITIVE(DOUBLE_MAP_LIST, hw_map_list(rig->hw, dom, 0, &run, 1, BOTH, &mapped));
	POSITIVE(DOUBLE_IOVA_TO_PHYS, hw_iova_to_phys(rig->hw, dom, 0, &phys));
	POSITIVE(DOUBLE_SYNC_MAP, hw_sync_map(rig->hw, dom, 0, KB4));
	POSITIVE(DOUBLE_FLUSH_GATHER, hw_flush_gather(rig->hw, dom, &gather));
	POSITIVE(DOUBLE_FLUSH_RANGE, hw_flush_range(rig->hw, dom, 0, KB4, false));
	POSITIVE(DOUBLE_FLUSH_DOMAIN, hw_flush_domain(rig->hw, dom));
	POSITIVE(DOUBLE_FAULT_NEXT, dmp_hw_fault_next(rig->hw, &fault));
	hw_domain_destroy(rig->hw, dom);
	hw_device_remove(rig->hw, device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_the_shim_offers_exactly_what_the_backend_has),
		WITH(test_a_line_names_the_backend_the_member_and_the_rule),
		WITH(test_a_positive_errno_is_caught_in_every_member),
	};

	return cmocka_run_group_tests_name("hw_check", tests, NULL, NULL);
}
