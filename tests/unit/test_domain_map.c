// SPDX-License-Identifier: MIT
/*
 * test_domain_map.c - proves of lib/domain/domain_map.c: where a mapping lands, what it
 * covers, and that a failed one leaves nothing
 */
#include "double_rig.h"

#define RW (DMP_PROT_READ | DMP_PROT_WRITE)

/*
 *   phys   0x12345 .. +0x1800        granules 0x12 0x13
 *   iova   ...345                    the offset 0x345 is kept
 */
static void test_map_keeps_the_offset_and_covers_whole_granules(void **state)
{
	struct rig rig;
	dmp_iova_t iova, start;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 0x12345, 0x1800, RW, UINT64_MAX, &iova), 0);
	start = dmp_align_down(iova, PAGE);
	assert_int_equal(iova - start, 0x345);
	assert_int_equal(rig_phys_at(&rig, start), 0x12000);
	assert_int_equal(rig_phys_at(&rig, start + PAGE), 0x13000);
	assert_int_equal(double_mapped_bytes(rig.d), 2 * PAGE);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 0x1800), 0);
	rig_down(&rig);
}

static void test_map_gives_the_permissions_asked_for(void **state)
{
	const unsigned prots[] = {DMP_PROT_READ, DMP_PROT_WRITE, RW};
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(dmp_domain_map(rig.dom, 0, 1, prots[i], UINT64_MAX, &iova), 0);
		assert_int_equal(rig_prot_at(&rig, iova), prots[i]);
		assert_int_equal(dmp_domain_unmap(rig.dom, iova, 1), 0);
	}
	rig_down(&rig);
}

/*
 *   limit 0x57ff ends inside granule 5: granule 4 is the last
 */
static void test_no_byte_of_a_mapping_lies_above_the_limit(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, RW, 0x57ff, &iova), 0);
	assert_int_equal(iova, 0x4000);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, RW, 0x5fff, &iova), 0);
	assert_true(iova == 0x5000 || iova == 0x4000);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	rig_down(&rig);
}

static void test_limit_without_room_for_the_size_is_erange(void **state)
{
	struct rig rig;
	dmp_iova_t iova = 7;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, RW, 0, &iova), -ERANGE);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 64 * PAGE, RW, 0xffff, &iova), -ERANGE);
	assert_int_equal(iova, 7);
	rig_down(&rig);
}

static void test_arguments_that_make_no_sense_are_einval(void **state)
{
	const struct dmp_phys_run ragged[] = {{0x1000, 0x1000}, {0x3800, 0x800}};
	const struct dmp_phys_run empty[] = {{0x1000, 0}};
	struct rig rig;
	dmp_iova_t iova = 7;

	(void)state;
	rig_up(&rig);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 0, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 1, 0, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 1, 4 | RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map(rig.dom, UINT64_MAX, 2, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(rig.dom, ragged, 2, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(rig.dom, empty, 1, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(rig.dom, NULL, 0, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(rig.dom, NULL, 1, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(NULL, ragged, 1, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map_runs(rig.dom, ragged, 1, RW, UINT64_MAX, NULL), -EINVAL);
	assert_int_equal(dmp_domain_map(NULL, 0, 1, RW, UINT64_MAX, &iova), -EINVAL);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 1, RW, UINT64_MAX, NULL), -EINVAL);
	assert_string_equal(double_trace(rig.d), "");
	assert_int_equal(iova, 7);
	rig_down(&rig);
}

/*
 *   runs   [0x10000 2 granules] [0x40000 1] [0x20000 1]
 *   iova   |---------|----|----|             one range of four
 */
static void test_runs_stand_one_behind_the_other(void **state)
{
	const struct dmp_phys_run runs[] = {
		{0x10000, 0x2000}, {0x40000, 0x1000}, {0x20000, 0x1000}};
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map_runs(rig.dom, runs, 3, RW, UINT64_MAX, &iova), 0);
	assert_int_equal(rig_phys_at(&rig, iova), 0x10000);
	assert_int_equal(rig_phys_at(&rig, iova + 0x1000), 0x11000);
	assert_int_equal(rig_phys_at(&rig, iova + 0x2000), 0x40000);
	assert_int_equal(rig_phys_at(&rig, iova + 0x3000), 0x20000);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 0x4000), 0);
	rig_down(&rig);
}

static void test_failed_map_gives_its_address_back_at_once(void **state)
{
	struct dmp_iova_stats before, after;
	struct rig rig;
	dmp_iova_t iova = 7;

	(void)state;
	rig_up(&rig);
	dmp_iova_get_stats(dmp_domain_iova(rig.dom), &before, sizeof(before));
	double_fail_after(rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM, 3);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 64 * PAGE, RW, UINT64_MAX, &iova), -ENOMEM);
	dmp_iova_get_stats(dmp_domain_iova(rig.dom), &after, sizeof(after));
	assert_int_equal(iova, 7);
	assert_int_equal(after.nranges - after.cached, before.nranges - before.cached);
	assert_int_equal(double_mapped_bytes(rig.d), 0);
	assert_int_equal(rig_domain_stats(&rig).maps, 0);
	assert_int_equal(dmp_domain_map(rig.dom, 0, 64 * PAGE, RW, UINT64_MAX, &iova), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 64 * PAGE), 0);
	rig_down(&rig);
}

/* The map fails, and so does the flush of what it had mapped: a device that guesses the address
 * may still use it. */
static void test_failed_map_that_cannot_be_flushed_withholds_its_address(void **state)
{
	struct dmp_iova_range range;
	struct rig rig;
	dmp_iova_t iova = 7, stuck, next;

	(void)state;
	rig_up(&rig);
	double_fail(rig.d, DOUBLE_SYNC_MAP, 1, -ETIMEDOUT);
	double_fail(rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, RW, UINT64_MAX, &iova), -ENOTRECOVERABLE);
	assert_int_equal(iova, 7);
	stuck = double_last(rig.d, DOUBLE_MAP_PAGES)->iova;
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, RW, UINT64_MAX, &next), 0);
	assert_int_not_equal(next, stuck);
	assert_int_equal(dmp_domain_unmap(rig.dom, next, PAGE), 0);
	dmp_iova_flush(dmp_domain_iova(rig.dom));
	assert_int_equal(dmp_iova_find(dmp_domain_iova(rig.dom), stuck / PAGE, &range), 0);
	assert_int_equal(rig_domain_stats(&rig).maps, 1);
	rig_down(&rig);
}

static void test_errnos_of_the_backend_pass_unchanged(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	double_fail(rig.d, DOUBLE_MAP_PAGES, 1, -ENXIO);
	assert_int_equal(dmp_domain_map(rig.dom, 0, PAGE, RW, UINT64_MAX, &iova), -ENXIO);
	rig_down(&rig);
}

/* A range that is naturally aligned and starts on a big page of memory gets a big page. */
static void test_large_aligned_memory_gets_large_pages(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_map(rig.dom, 4 * HUGE, 2 * HUGE, RW, UINT64_MAX, &iova), 0);
	assert_int_equal(double_last(rig.d, DOUBLE_MAP_PAGES)->page_bytes, HUGE);
	assert_int_equal(double_last(rig.d, DOUBLE_MAP_PAGES)->npages, 2);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 2 * HUGE), 0);
	rig_down(&rig);
}

/*
 *   limit           4 GiB - 1        4 GiB
 *   first attempt   none: the same   below 4 GiB, and nothing is free there
 *   told            nothing          that it did not succeed
 */
static void test_only_a_limit_above_4_gib_has_a_first_attempt(void **state)
{
	const struct dmp_phys_run run = {.phys = 0x1234, .len = 8};
	struct dmp_domain_place at = {.limit = UINT32_MAX, .first32 = true};
	struct dmp_domain_place above = {.limit = UINT64_C(0x100000fff), .first32 = true};
	dmp_iova_t iova = 7;
	struct rig rig;

	(void)state;
	rig_up(&rig);
	assert_int_equal(dmp_domain_reserve(rig.dom, PAGE, UINT32_MAX), 0);
	assert_int_equal(dmp_domain_map_place(rig.dom, &run, 1, DMP_PROT_READ, &at, &iova),
			 -ENOSPC);
	assert_true(at.first32);
	assert_int_equal(iova, 7);
	assert_int_equal(dmp_domain_map_place(rig.dom, &run, 1, DMP_PROT_READ, &above, &iova), 0);
	assert_false(above.first32);
	assert_int_equal(iova, UINT64_C(0x100000234));
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 8), 0);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_keeps_the_offset_and_covers_whole_granules),
		cmocka_unit_test(test_map_gives_the_permissions_asked_for),
		cmocka_unit_test(test_no_byte_of_a_mapping_lies_above_the_limit),
		cmocka_unit_test(test_limit_without_room_for_the_size_is_erange),
		cmocka_unit_test(test_arguments_that_make_no_sense_are_einval),
		cmocka_unit_test(test_runs_stand_one_behind_the_other),
		cmocka_unit_test(test_failed_map_gives_its_address_back_at_once),
		cmocka_unit_test(test_failed_map_that_cannot_be_flushed_withholds_its_address),
		cmocka_unit_test(test_errnos_of_the_backend_pass_unchanged),
		cmocka_unit_test(test_large_aligned_memory_gets_large_pages),
		cmocka_unit_test(test_only_a_limit_above_4_gib_has_a_first_attempt),
	};

	return cmocka_run_group_tests_name("domain_map", tests, NULL, NULL);
}
