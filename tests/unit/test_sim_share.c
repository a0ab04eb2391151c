// SPDX-License-Identifier: MIT
/*
 * test_sim_share.c - proves S1 and S2 of sim/sim_share.c, what a device reaches of encrypted
 * memory, and what conversions cost
 */
#include "test_sim_machine.h"

#define ORDER  2u /* of blocks: four pages */
#define NPAGES (UINT64_C(1) << ORDER)
#define IOVA   GIB(1)

static int setup_encrypted(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_ENCRYPTED));

	machine_add_device(m);
	*state = m;
	return 0;
}

/* Reads and writes one byte there; what came of it, and whether the byte moved. */
static int touch(struct machine *m, dmp_addr_t addr, const unsigned char *mem)
{
	unsigned char before = *mem, seen = 0xee, sent = (unsigned char)~before;
	int err = dmp_sim_agent_read(m->agent, addr, &seen, 1);

	assert_int_equal(seen, err ? 0xee : before);
	assert_int_equal(dmp_sim_agent_write(m->agent, addr, &sent, 1), err);
	assert_int_equal(*mem, err ? before : sent);
	return err;
}

static void assert_hidden(struct machine *m, dmp_addr_t addr, const unsigned char *mem)
{
	assert_int_equal(touch(m, addr, mem), -EFAULT);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	assert_int_equal(machine_fault(m), DMP_FAULT_BUS);
	assert_int_equal(machine_fault(m), -1);
}

static void test_a_device_reaches_a_page_from_make_shared_to_make_private(void **state)
{
	struct machine *m = *state;
	unsigned char *mem;
	dmp_phys_t phys = machine_ram(m, ORDER, &mem);

	assert_hidden(m, phys, mem);
	assert_int_equal(m->ops->make_shared(m->sim, phys, 1), 0);
	assert_int_equal(touch(m, phys, mem), 0);
	assert_int_equal(touch(m, phys + PAGE - 1, mem + PAGE - 1), 0);
	assert_hidden(m, phys + PAGE, mem + PAGE);
	assert_int_equal(m->ops->make_private(m->sim, phys, 1), 0);
	assert_hidden(m, phys, mem);
	m->ops->mem_free(m->sim, phys, ORDER);
}

static void test_a_translation_leads_to_shared_pages_only(void **state)
{
	struct machine *m = *state;
	unsigned char *mem;
	dmp_phys_t phys = machine_ram(m, ORDER, &mem);

	machine_add_domain(m);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, NPAGES, RW), 0);
	assert_hidden(m, IOVA + PAGE, mem + PAGE);
	assert_int_equal(m->ops->make_shared(m->sim, phys + PAGE, 1), 0);
	assert_int_equal(touch(m, IOVA + PAGE, mem + PAGE), 0);
	assert_hidden(m, IOVA, mem);
	assert_int_equal(m->ops->make_private(m->sim, phys + PAGE, 1), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, NPAGES), NPAGES * PAGE);
	m->ops->mem_free(m->sim, phys, ORDER);
}

static void test_memory_outside_ram_is_private_for_good(void **state)
{
	struct machine *m = *state;
	unsigned char *own = aligned_alloc(PAGE, PAGE);
	dmp_phys_t phys;

	assert_non_null(own);
	own[0] = 1;
	assert_int_equal(m->ops->buf_to_phys(m->sim, own, PAGE, &phys), 0);
	assert_int_equal(m->ops->mem_map(m->sim, m->device, phys, PAGE, DMP_BIDIRECTIONAL), 0);
	assert_hidden(m, phys, own);
	assert_int_equal(m->ops->make_shared(m->sim, phys, 1), -EFAULT);
	assert_int_equal(m->ops->mem_unmap(m->sim, m->device, phys, PAGE, DMP_BIDIRECTIONAL), 0);
	free(own);
}

static void test_what_is_no_whole_page_of_ram_is_refused_and_not_counted(void **state)
{
	struct machine *m = *state;
	static const struct {
		dmp_phys_t phys;
		uint64_t npages;
	} bad[] = {
		{PAGE, 0}, {PAGE + 1, 1}, {GIB(8), 1}, {GIB(8) - PAGE, 2}, {PAGE, UINT64_MAX},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(m->ops->make_shared(m->sim, bad[i].phys, bad[i].npages), -EFAULT);
		assert_int_equal(m->ops->make_private(m->sim, bad[i].phys, bad[i].npages), -EFAULT);
	}
	assert_int_equal(machine_stats(m).conversions, 0);
}

/* The pools: 1 MiB in each of three zones of a machine of 8 GiB. */
static void test_conversions_and_pages_are_counted(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, ORDER, NULL);
	struct dmp_sim_stats stats = machine_stats(m);

	assert_int_equal(stats.ram_shared, MIB(3));
	assert_int_equal(stats.conversions, 0);
	assert_int_equal(m->ops->make_shared(m->sim, phys, NPAGES), 0);
	assert_int_equal(machine_stats(m).ram_shared, MIB(3) + NPAGES * PAGE);
	assert_int_equal(m->ops->make_private(m->sim, phys, NPAGES), 0);
	stats = machine_stats(m);
	assert_int_equal(stats.conversions, 2);
	assert_int_equal(stats.shared_pages, NPAGES);
	assert_int_equal(stats.private_pages, NPAGES);
	assert_int_equal(stats.ram_shared, MIB(3));
	assert_int_equal(stats.convert_ns, 0); /* the profile is "free" */
	m->ops->mem_free(m->sim, phys, ORDER);
}

static void test_each_page_costs_what_the_profile_says(void **state)
{
	struct machine *m =
		machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_ENCRYPTED, .profile = "vtd-modern"));
	uint64_t page_ns = m->sim->costs.convert_page / 1000;
	dmp_phys_t phys = machine_ram(m, ORDER, NULL);

	(void)state;
	assert_true(page_ns > 0);
	assert_int_equal(m->ops->make_shared(m->sim, phys, NPAGES), 0);
	assert_int_equal(machine_stats(m).convert_ns, NPAGES * page_ns);
	assert_int_equal(m->ops->make_private(m->sim, phys, NPAGES), 0);
	assert_int_equal(machine_stats(m).convert_ns, 2 * NPAGES * page_ns);
	m->ops->mem_free(m->sim, phys, ORDER);
	machine_destroy(m);
}

/*
 * may block:  a block of its own, there and back
 * may not:    a block of the pool, which is shared anyhow
 */
static void test_coherent_memory_is_shared_and_converted_only_if_that_may_block(void **state)
{
	struct machine *m = *state;

	for (unsigned flags = 0; flags <= DMP_MEM_MAY_BLOCK; flags++) {
		uint64_t before = machine_stats(m).conversions;
		void *mem;
		dmp_phys_t phys;

		assert_int_equal(
			m->ops->coherent_alloc(m->sim, PAGE + 1, DMP_MASK(32), flags, &phys), 0);
		assert_true(phys + 2 * PAGE - 1 <= DMP_MASK(32));
		assert_int_equal(m->ops->phys_to_buf(m->sim, phys, 2 * PAGE, &mem), 0);
		assert_int_equal(touch(m, phys + PAGE, (unsigned char *)mem + PAGE), 0);
		assert_int_equal(dmp_sim_check(m->sim), 0);
		m->ops->coherent_free(m->sim, phys, PAGE + 1);
		assert_int_equal(machine_stats(m).conversions - before, flags ? 2 : 0);
		assert_int_equal(machine_stats(m).ram_shared, MIB(3));
	}
}

static void test_a_pool_that_is_empty_does_not_grow(void **state)
{
	struct machine *m = *state;
	const uint64_t below = DMP_MASK(24); /* the pool of the lowest zone: 1 MiB */
	dmp_phys_t phys[4], more;

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(m->ops->coherent_alloc(m->sim, KIB(256), below, 0, &phys[i]), 0);
	assert_int_equal(m->ops->coherent_alloc(m->sim, 1, below, 0, &more), -ENOMEM);
	assert_int_equal(m->ops->coherent_alloc(m->sim, 1, below, DMP_MEM_MAY_BLOCK, &more), 0);
	m->ops->coherent_free(m->sim, more, 1);
	for (unsigned i = 0; i < 4; i++)
		m->ops->coherent_free(m->sim, phys[i], KIB(256));
}

static void test_the_size_of_the_pools_follows_ram_between_two_bounds(void **state)
{
	(void)state;
	assert_int_equal(sim_share_pool_pages(MIB(16)) * PAGE, KIB(128));
	assert_int_equal(sim_share_pool_pages(GIB(3)) * PAGE, KIB(384));
	assert_int_equal(sim_share_pool_pages(GIB(32)) * PAGE, MIB(4));
	assert_int_equal(sim_share_pool_pages(GIB(1024)) * PAGE, MIB(4));
}

static void test_make_shared_that_fails_on_purpose_has_done_half(void **state)
{
	struct machine *m = *state;
	unsigned char *mem;
	dmp_phys_t phys = machine_ram(m, ORDER, &mem);

	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_MAKE_SHARED, 1, 1, 0), 0);
	assert_int_equal(m->ops->make_shared(m->sim, phys, NPAGES), -ENOMEM);
	assert_int_equal(machine_stats(m).shared_pages, NPAGES / 2);
	assert_int_equal(touch(m, phys + PAGE, mem + PAGE), 0);
	assert_hidden(m, phys + 2 * PAGE, mem + 2 * PAGE);
	assert_int_equal(m->ops->make_private(m->sim, phys, NPAGES), 0);
	m->ops->mem_free(m->sim, phys, ORDER);
}

/* Whoever got it next would write secrets where devices read. */
static void test_a_block_does_not_go_back_while_some_of_it_is_shared(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, ORDER, NULL);

	assert_int_equal(m->ops->make_shared(m->sim, phys + PAGE, 1), 0);
	m->ops->mem_free(m->sim, phys, ORDER);
	assert_non_null(strstr(m->log, "devices reach some of it"));
	assert_int_equal(machine_stats(m).ram_in_use, NPAGES * PAGE);
	assert_int_equal(m->ops->make_private(m->sim, phys + PAGE, 1), 0);
	m->ops->mem_free(m->sim, phys, ORDER);
	assert_int_equal(machine_stats(m).ram_in_use, 0);
}

static void test_memory_that_cannot_be_made_private_does_not_hold_the_machine(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_ENCRYPTED));
	dmp_phys_t phys, coherent;

	(void)state;
	phys = machine_ram(m, ORDER, NULL);
	assert_int_equal(
		m->ops->coherent_alloc(m->sim, PAGE, UINT64_MAX, DMP_MEM_MAY_BLOCK, &coherent), 0);
	assert_int_equal(m->ops->make_shared(m->sim, phys, NPAGES), 0);
	assert_int_equal(dmp_sim_destroy(m->sim), -EBUSY);
	assert_int_equal(dmp_sim_fail(m->sim, DMP_SIM_CALL_MAKE_PRIVATE, 1, 2, -EIO), 0);
	assert_int_equal(m->ops->make_private(m->sim, phys, NPAGES), -EIO);
	m->ops->coherent_free(m->sim, coherent, PAGE);
	assert_non_null(strstr(m->log, "is lost"));
	assert_int_equal(machine_stats(m).private_pages, 0);
	assert_int_equal(machine_stats(m).ram_in_use, (NPAGES + 1) * PAGE);
	machine_destroy(m);
}

static void test_a_free_page_that_is_shared_is_seen(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	struct sim_page *page = &m->sim->mem.pages[phys >> DMP_PAGE_SHIFT];

	m->ops->mem_free(m->sim, phys, 0);
	for (unsigned counted = 0; counted < 2; counted++) {
		store_relaxed(&page->shared, true);
		add_relaxed(&m->sim->mem.nshared, counted);
		assert_int_equal(dmp_sim_check(m->sim), -EIO);
		store_relaxed(&page->shared, false);
		assert_int_equal(dmp_sim_check(m->sim), counted ? -EIO : 0);
	}
	add_relaxed(&m->sim->mem.nshared, UINT64_MAX);
}

static void test_a_machine_without_encryption_offers_no_conversion(void **state)
{
	struct machine *m = machine_create(NULL);

	(void)state;
	assert_null(m->ops->make_shared);
	assert_null(m->ops->make_private);
	assert_null(m->ops->needs_shared);
	assert_int_equal(machine_stats(m).ram_shared, 0);
	machine_destroy(m);
}

static void test_every_device_of_an_encrypted_machine_needs_shared_memory(void **state)
{
	struct machine *m = *state;

	assert_true(m->ops->needs_shared(m->sim, m->device));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_encrypted, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_device_reaches_a_page_from_make_shared_to_make_private),
		TEST(test_a_translation_leads_to_shared_pages_only),
		TEST(test_memory_outside_ram_is_private_for_good),
		TEST(test_what_is_no_whole_page_of_ram_is_refused_and_not_counted),
		TEST(test_conversions_and_pages_are_counted),
		cmocka_unit_test(test_each_page_costs_what_the_profile_says),
		TEST(test_coherent_memory_is_shared_and_converted_only_if_that_may_block),
		TEST(test_a_pool_that_is_empty_does_not_grow),
		cmocka_unit_test(test_the_size_of_the_pools_follows_ram_between_two_bounds),
		TEST(test_make_shared_that_fails_on_purpose_has_done_half),
		TEST(test_a_block_does_not_go_back_while_some_of_it_is_shared),
		cmocka_unit_test(test_memory_that_cannot_be_made_private_does_not_hold_the_machine),
		TEST(test_a_free_page_that_is_shared_is_seen),
		cmocka_unit_test(test_a_machine_without_encryption_offers_no_conversion),
		TEST(test_every_device_of_an_encrypted_machine_needs_shared_memory),
	};

	return cmocka_run_group_tests_name("sim_share", tests, NULL, NULL);
}
