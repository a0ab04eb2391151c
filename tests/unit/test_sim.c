// SPDX-License-Identifier: MIT
/*
 * test_sim.c - proves how sim/sim.c creates and destroys a machine, and what it offers
 */
#include "test_sim_machine.h"

#include <dmapool/harness.h>

static int create_with(const struct dmp_sim_opts *opts)
{
	struct dmp_sim *sim = NULL;
	int err = dmp_sim_create(opts, &sim);

	assert_true(err ? sim == NULL : sim != NULL);
	if (!err)
		assert_int_equal(dmp_sim_destroy(sim), 0);
	return err;
}

#define CREATE(...) create_with(&DMP_SIM_OPTS(__VA_ARGS__))

static void test_options_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(create_with(NULL), 0);
	assert_int_equal(CREATE(.flags = 32), -EINVAL);
	assert_int_equal(CREATE(.flags = DMP_SIM_NO_IOMMU | DMP_SIM_REQUIRE_DOMAIN), -EINVAL);
	assert_int_equal(CREATE(.flags = DMP_SIM_NO_IOMMU | DMP_SIM_CACHE_NOT_PRESENT), -EINVAL);
	assert_int_equal(CREATE(.ram_bytes = MIB(12)), -EINVAL);
	assert_int_equal(CREATE(.ram_bytes = MIB(18)), -EINVAL);
	assert_int_equal(CREATE(.ram_bytes = UINT64_C(1) << 50), -EINVAL);
	assert_int_equal(CREATE(.iotlb_sets = 3), -EINVAL);
	assert_int_equal(CREATE(.iotlb_ways = 65), -EINVAL);
	assert_int_equal(CREATE(.queue_entries = 3), -EINVAL);
	assert_int_equal(CREATE(.queue_entries = 1), -EINVAL);
	assert_int_equal(CREATE(.reserved0 = 1), -EINVAL);
	assert_int_equal(CREATE(.hw_flags = 1u << 31), -EINVAL);
	assert_int_equal(CREATE(.format = "vtd"), -ENOENT);
	assert_int_equal(CREATE(.custom_format = &(struct dmp_sim_format){.size = 0}), -EINVAL);
	assert_int_equal(CREATE(.custom_format = &(struct dmp_sim_format){.size = 36}), -EINVAL);
	assert_int_equal(CREATE(.hw_flags = DMP_HW_CHECK), 0);
	assert_int_equal(CREATE(.profile = "no/such.json"), -ENOENT);
	assert_int_equal(CREATE(.ram_bytes = MIB(16), .iotlb_sets = 1, .iotlb_ways = 1,
				.fault_records = 1, .queue_entries = 2),
			 0);
}

static void test_longer_options_must_end_in_zeros(void **state)
{
	struct {
		struct dmp_sim_opts opts;
		uint64_t newer;
	} longer = {.opts.size = sizeof(longer)};

	(void)state;
	assert_int_equal(create_with(&longer.opts), 0);
	longer.newer = 1;
	assert_int_equal(create_with(&longer.opts), -E2BIG);
}

static void test_no_allocation_that_fails_leaves_anything_behind(void **state)
{
	uint64_t before = dmp_meta_in_use();
	uint64_t failed = 1;
	unsigned nth = 0;

	(void)state;
	while (failed) {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, ++nth, 1);
		int err = create_with(NULL);

		failed = dmp_harness_failed(DMP_HARNESS_ALLOC_ANY);
		assert_int_equal(err, failed ? -ENOMEM : 0);
		assert_int_equal(dmp_meta_in_use(), before);
	}
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
	assert_in_range(nth, 5, 50);
}

static void test_without_an_iommu_no_translation_is_offered(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_NO_IOMMU));

	(void)state;
	assert_false(dmp_hw_has_iommu(dmp_sim_hw(m->sim)));
	assert_null(m->ops->map_pages);
	assert_null(m->ops->flush_domain);
	assert_non_null(m->ops->mem_map);
	machine_destroy(m);
	m = machine_create(NULL);
	assert_true(dmp_hw_has_iommu(dmp_sim_hw(m->sim)));
	assert_null(m->ops->sync_map);
	machine_destroy(m);
	m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_CACHE_NOT_PRESENT));
	assert_non_null(m->ops->sync_map);
	machine_destroy(m);
}

static void test_a_machine_in_use_is_not_destroyed(void **state)
{
	struct machine *m = machine_create(NULL);
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	struct dmp_sim_agent *agent;
	dmp_phys_t phys = machine_ram(m, 3, NULL);
	uint32_t device;
	void *dom;

	(void)state;
	assert_int_equal(dmp_sim_destroy(m->sim), -EBUSY);
	m->ops->mem_free(m->sim, phys, 3);
	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
	assert_int_equal(dmp_sim_destroy(m->sim), -EBUSY);
	m->ops->domain_destroy(m->sim, dom);
	assert_int_equal(m->ops->device_add(m->sim, &desc, &device), 0);
	assert_int_equal(dmp_sim_destroy(m->sim), -EBUSY);
	assert_int_equal(dmp_sim_agent_create(m->sim, device, &agent), 0);
	m->ops->device_remove(m->sim, device);
	assert_int_equal(dmp_sim_destroy(m->sim), -EBUSY);
	dmp_sim_agent_destroy(agent);
	machine_destroy(m);
}

static void test_a_buffer_of_the_hardware_handle_is_the_machines_ram(void **state)
{
	struct machine *m = machine_create(NULL);
	dmp_phys_t phys;
	void *buf;

	(void)state;
	assert_int_equal(dmp_hw_alloc(dmp_sim_hw(m->sim), KIB(64), &buf), 0);
	assert_int_equal(m->ops->buf_to_phys(m->sim, buf, KIB(64), &phys), 0);
	assert_true(phys < GIB(8));
	assert_int_equal(dmp_sim_destroy(m->sim), -EBUSY);
	assert_int_equal(dmp_hw_free(dmp_sim_hw(m->sim), buf, KIB(64)), 0);
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_that_make_no_sense_are_refused),
		cmocka_unit_test(test_longer_options_must_end_in_zeros),
		cmocka_unit_test(test_no_allocation_that_fails_leaves_anything_behind),
		cmocka_unit_test(test_without_an_iommu_no_translation_is_offered),
		cmocka_unit_test(test_a_machine_in_use_is_not_destroyed),
		cmocka_unit_test(test_a_buffer_of_the_hardware_handle_is_the_machines_ram),
	};

	return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
