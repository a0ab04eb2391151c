// SPDX-License-Identifier: MIT
/*
 * test_sim_mem.c - proves M1, M2, M3 of sim/sim_mem.c, zones, alignment, and addresses
 */
#include "test_sim_machine.h"

#define NBLOCKS 4096

static void test_a_block_lies_in_its_zone_and_is_aligned_to_its_size(void **state)
{
	struct machine *m = *state;
	static const struct {
		enum dmp_zone zone;
		uint64_t first, end;
	} zones[] = {
		{DMP_ZONE_DMA, PAGE, MIB(16)},
		{DMP_ZONE_DMA32, MIB(16), GIB(4)},
		{DMP_ZONE_ANY, GIB(4), GIB(8)},
	};

	for (unsigned z = 0; z < 3; z++) {
		for (unsigned order = 0; order <= 11; order++) {
			dmp_phys_t phys;

			assert_int_equal(m->ops->mem_alloc(m->sim, zones[z].zone, order, 0, &phys),
					 0);
			assert_true(dmp_is_aligned(phys, PAGE << order));
			assert_true(phys >= zones[z].first);
			assert_true(phys + (PAGE << order) <= zones[z].end);
			m->ops->mem_free(m->sim, phys, order);
		}
	}
}

static void test_blocks_of_64_mib_and_of_1_gib_are_there(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 14, NULL);

	m->ops->mem_free(m->sim, phys, 14);
	phys = machine_ram(m, MEM_MAX_ORDER, NULL);
	assert_true(dmp_is_aligned(phys, GIB(1)));
	m->ops->mem_free(m->sim, phys, MEM_MAX_ORDER);
	assert_int_equal(m->ops->mem_alloc(m->sim, DMP_ZONE_ANY, MEM_MAX_ORDER + 1, 0, &phys),
			 -ENOMEM);
}

static void test_creating_a_machine_touches_few_records(void **state)
{
	struct machine *m = *state;
	unsigned nfree = 0;

	for (unsigned z = 0; z < 3; z++)
		for (unsigned order = 0; order <= MEM_MAX_ORDER; order++)
			for (uint32_t pfn = m->sim->mem.zone[z].free[order]; pfn;
			     pfn = m->sim->mem.pages[pfn].next)
				nfree++;
	assert_in_range(nfree, 1, 40);
}

/* The zone DMA has 4,095 pages: page 0 is never given out. */
static void test_an_exhausted_zone_answers_enomem_and_never_gives_page_0(void **state)
{
	struct machine *m = *state;
	static dmp_phys_t phys[NBLOCKS];
	unsigned n = 0;

	while (n < NBLOCKS && !m->ops->mem_alloc(m->sim, DMP_ZONE_DMA, 0, 0, &phys[n])) {
		assert_int_not_equal(phys[n], 0);
		n++;
	}
	assert_int_equal(n, 4095);
	phys[n] = 77;
	assert_int_equal(m->ops->mem_alloc(m->sim, DMP_ZONE_DMA, 0, 0, &phys[n]), -ENOMEM);
	assert_int_equal(phys[n], 77);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	while (n-- > 0)
		m->ops->mem_free(m->sim, phys[n], 0);
}

/*
 *   | x | - | x | - | x | - |     every second page free: no two pages in one piece
 *   |-----------------------|     all free: they join again
 */
static void test_fragments_join_again_when_all_are_free(void **state)
{
	struct machine *m = *state;
	static dmp_phys_t phys[NBLOCKS];
	dmp_phys_t big;
	unsigned n = 0;

	while (!m->ops->mem_alloc(m->sim, DMP_ZONE_DMA, 0, 0, &phys[n]))
		n++;
	for (unsigned i = 0; i < n; i++)
		if (phys[i] & PAGE)
			m->ops->mem_free(m->sim, phys[i], 0);
	assert_int_equal(m->ops->mem_alloc(m->sim, DMP_ZONE_DMA, 1, 0, &big), -ENOMEM);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	for (unsigned i = 0; i < n; i++)
		if (!(phys[i] & PAGE))
			m->ops->mem_free(m->sim, phys[i], 0);
	assert_int_equal(m->ops->mem_alloc(m->sim, DMP_ZONE_DMA, 11, 0, &big), 0);
	m->ops->mem_free(m->sim, big, 11);
	assert_int_equal(machine_stats(m).ram_in_use, 0);
}

/*
 *   |  A: 2 pages  | free | x |      the buddy of A begins with a free page, but is not free
 */
static void test_a_block_joins_only_a_buddy_that_is_free_as_a_whole(void **state)
{
	struct machine *m = *state;
	dmp_phys_t block, page[2];

	block = machine_ram(m, 2, NULL);
	m->ops->mem_free(m->sim, block, 2);
	block = machine_ram(m, 1, NULL);
	page[0] = machine_ram(m, 0, NULL);
	page[1] = machine_ram(m, 0, NULL);
	assert_int_equal(page[0], block + 2 * PAGE);
	assert_int_equal(page[1], block + 3 * PAGE);
	m->ops->mem_free(m->sim, page[0], 0);
	m->ops->mem_free(m->sim, block, 1);
	assert_int_equal(dmp_sim_check(m->sim), 0);
	m->ops->mem_free(m->sim, page[1], 0);
}

static void test_any_means_the_highest_zone_that_exists(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.ram_bytes = MIB(32)));
	dmp_phys_t phys;

	(void)state;
	assert_int_equal(m->ops->mem_alloc(m->sim, DMP_ZONE_ANY, 12, 0, &phys), 0);
	assert_int_equal(phys, MIB(16));
	m->ops->mem_free(m->sim, phys, 12);
	machine_destroy(m);
}

static void test_coherent_memory_is_clear_and_below_its_limit(void **state)
{
	struct machine *m = *state;
	static const uint64_t limits[] = {UINT64_MAX, GIB(4) - 1, MIB(64) - 1, MIB(16) - 1,
					  MIB(1) - 1};

	for (unsigned i = 0; i < 5; i++) {
		dmp_phys_t phys;
		void *buf;

		assert_int_equal(m->ops->coherent_alloc(m->sim, KIB(12), limits[i], 0, &phys), 0);
		assert_true(phys + KIB(12) - 1 <= limits[i]);
		assert_int_equal(m->ops->phys_to_buf(m->sim, phys, KIB(12), &buf), 0);
		for (unsigned b = 0; b < KIB(12); b++)
			assert_int_equal(((unsigned char *)buf)[b], 0);
		memset(buf, 0xa5, KIB(12));
		m->ops->coherent_free(m->sim, phys, KIB(12));
	}
}

static void test_coherent_memory_that_cannot_lie_below_its_limit_is_refused(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys;

	assert_int_equal(m->ops->coherent_alloc(m->sim, PAGE, PAGE - 1, 0, &phys), -ENOMEM);
	assert_int_equal(m->ops->coherent_alloc(m->sim, PAGE, 2 * PAGE - 1, 0, &phys), 0);
	assert_int_equal(phys, PAGE);
	m->ops->coherent_free(m->sim, phys, PAGE);
}

static void test_a_wrong_free_is_logged_and_changes_nothing(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 2, NULL);

	m->ops->mem_free(m->sim, phys, 1);
	m->ops->mem_free(m->sim, phys + PAGE, 0);
	m->ops->mem_free(m->sim, 0, 0);
	m->ops->mem_free(m->sim, GIB(9), 0);
	assert_int_equal(m->nlines, 4);
	assert_int_equal(machine_stats(m).ram_in_use, 4 * PAGE);
	m->ops->mem_free(m->sim, phys, 2);
	m->ops->mem_free(m->sim, phys, 2);
	assert_int_equal(m->nlines, 5);
}

static void test_ram_addresses_lead_to_bytes_and_back(void **state)
{
	struct machine *m = *state;
	unsigned char *buf;
	dmp_phys_t phys = machine_ram(m, 0, &buf), back;

	assert_int_equal(m->ops->buf_to_phys(m->sim, buf + 100, 200, &back), 0);
	assert_int_equal(back, phys + 100);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_a_host_pointer_lies_2_to_the_47_above_itself(void **state)
{
	struct machine *m = *state;
	int on_stack = 1;
	dmp_phys_t phys;
	void *back;

	assert_int_equal(m->ops->buf_to_phys(m->sim, &on_stack, sizeof(on_stack), &phys), 0);
	assert_int_equal(phys, (uintptr_t)&on_stack + DMP_SIM_HOST_OFFSET);
	assert_int_equal(m->ops->phys_to_buf(m->sim, phys, sizeof(on_stack), &back), 0);
	assert_ptr_equal(back, &on_stack);
}

/*
 *   NULL page      ... host | RAM ........ | host ...          top
 *   ^refused           ^---refused--^  ^--refused--^      wraps: refused
 */
static void test_pointers_that_are_no_single_piece_of_memory_are_refused(void **state)
{
	struct machine *m = *state;
	unsigned char *ram = m->sim->mem.ram;
	dmp_phys_t phys = 5;

	assert_int_equal(m->ops->buf_to_phys(m->sim, NULL, 1, &phys), -EFAULT);
	assert_int_equal(m->ops->buf_to_phys(m->sim, (void *)(uintptr_t)4095, 1, &phys), -EFAULT);
	assert_int_equal(m->ops->buf_to_phys(m->sim, ram, 0, &phys), -EFAULT);
	assert_int_equal(m->ops->buf_to_phys(m->sim, ram - 1, 2, &phys), -EFAULT);
	assert_int_equal(m->ops->buf_to_phys(m->sim, ram + GIB(8) - 1, 2, &phys), -EFAULT);
	assert_int_equal(m->ops->buf_to_phys(m->sim, ram - PAGE, GIB(9), &phys), -EFAULT);
	assert_int_equal(m->ops->buf_to_phys(m->sim, (void *)(UINTPTR_MAX - 1), 3, &phys), -EFAULT);
	assert_int_equal(
		m->ops->buf_to_phys(m->sim, (void *)(uintptr_t)0x0001000000000000, 1, &phys),
		-EFAULT);
	assert_int_equal(
		m->ops->buf_to_phys(m->sim, (void *)(uintptr_t)0x0000ffffffffffff, 2, &phys),
		-EFAULT);
#ifdef __x86_64__
	assert_int_equal(
		m->ops->buf_to_phys(m->sim, (void *)(uintptr_t)0x0000800000000000, 1, &phys),
		-EFAULT);
#endif
	assert_int_equal(phys, 5);
	assert_int_equal(m->ops->buf_to_phys(m->sim, ram + GIB(8) - 1, 1, &phys), 0);
}

static void test_addresses_that_are_no_memory_are_refused(void **state)
{
	struct machine *m = *state;
	uint64_t ram_as_host = (uintptr_t)m->sim->mem.ram + DMP_SIM_HOST_OFFSET;
	void *buf = m;

	assert_int_equal(m->ops->phys_to_buf(m->sim, GIB(8), 1, &buf), -EFAULT);
	assert_ptr_equal(dmp_sim_ram(m->sim, GIB(8) - 1, 1), m->sim->mem.ram + GIB(8) - 1);
	assert_null(dmp_sim_ram(m->sim, GIB(8), 1));
	assert_null(dmp_sim_ram(m->sim, GIB(8) - 1, 2));
	assert_null(dmp_sim_ram(m->sim, DMP_SIM_HOST_OFFSET + PAGE, 1));
	assert_int_equal(m->ops->phys_to_buf(m->sim, GIB(8) - 1, 2, &buf), -EFAULT);
	assert_int_equal(m->ops->phys_to_buf(m->sim, DMP_SIM_HOST_OFFSET, 1, &buf), -EFAULT);
	assert_int_equal(m->ops->phys_to_buf(m->sim, ram_as_host + 8, 1, &buf), -EFAULT);
	assert_int_equal(m->ops->phys_to_buf(m->sim, UINT64_MAX, 1, &buf), -EFAULT);
	assert_int_equal(m->ops->phys_to_buf(m->sim, 0, 0, &buf), -EFAULT);
	assert_ptr_equal(buf, m);
}

static void test_the_check_finds_a_block_that_nobody_counted(void **state)
{
	struct machine *m = *state;

	m->sim->mem.given_pages++;
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	m->sim->mem.given_pages--;
}

static void test_the_check_finds_a_free_block_with_a_wrong_record(void **state)
{
	struct machine *m = *state;
	uint32_t pfn = m->sim->mem.zone[2].free[MEM_MAX_ORDER];

	m->sim->mem.pages[pfn].order = 3;
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	m->sim->mem.pages[pfn].order = MEM_MAX_ORDER;
}

/* Page 2's block of two pages, cut in halves by hand: free buddies that nobody joined. */
static void test_the_check_finds_buddies_that_were_not_joined(void **state)
{
	struct machine *m = *state;
	struct sim_mem *mem = &m->sim->mem;
	struct sim_zone *zone = &mem->zone[0];

	assert_int_equal(zone->free[1], 2);
	zone->free[1] = 0;
	mem->pages[2] = (struct sim_page){.use = PAGE_FREE, .next = 3};
	mem->pages[3] = (struct sim_page){.use = PAGE_FREE, .next = 1, .prev = 2};
	mem->pages[1].prev = 3;
	zone->free[0] = 2;
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	zone->free[0] = 1;
	mem->pages[1].prev = 0;
	mem->pages[2] = (struct sim_page){.use = PAGE_FREE, .order = 1};
	mem->pages[3] = (struct sim_page){0};
	zone->free[1] = 2;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup_bare, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_block_lies_in_its_zone_and_is_aligned_to_its_size),
		TEST(test_blocks_of_64_mib_and_of_1_gib_are_there),
		TEST(test_creating_a_machine_touches_few_records),
		TEST(test_an_exhausted_zone_answers_enomem_and_never_gives_page_0),
		TEST(test_fragments_join_again_when_all_are_free),
		TEST(test_a_block_joins_only_a_buddy_that_is_free_as_a_whole),
		cmocka_unit_test(test_any_means_the_highest_zone_that_exists),
		TEST(test_coherent_memory_is_clear_and_below_its_limit),
		TEST(test_coherent_memory_that_cannot_lie_below_its_limit_is_refused),
		TEST(test_a_wrong_free_is_logged_and_changes_nothing),
		TEST(test_ram_addresses_lead_to_bytes_and_back),
		TEST(test_a_host_pointer_lies_2_to_the_47_above_itself),
		TEST(test_pointers_that_are_no_single_piece_of_memory_are_refused),
		TEST(test_addresses_that_are_no_memory_are_refused),
		TEST(test_the_check_finds_a_block_that_nobody_counted),
		TEST(test_the_check_finds_a_free_block_with_a_wrong_record),
		TEST(test_the_check_finds_buddies_that_were_not_joined),
	};

	return cmocka_run_group_tests_name("sim_mem", tests, NULL, NULL);
}
