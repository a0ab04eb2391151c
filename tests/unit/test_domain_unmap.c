// SPDX-License-Identifier: MIT
/*
 * test_domain_unmap.c - proves U1 and U2 of lib/domain/domain_unmap.c, and that an unmap of
 * what is not mapped changes nothing
 */
#include "double_rig.h"

static dmp_iova_t map_pages(struct rig *rig, uint64_t npages)
{
	dmp_iova_t iova = 0;

	assert_int_equal(
		dmp_domain_map(rig->dom, 0x100000, npages * PAGE, DMP_PROT_READ, UINT64_MAX, &iova),
		0);
	return iova;
}

static bool is_taken(struct rig *rig, dmp_iova_t iova)
{
	struct dmp_iova_range range;

	return dmp_iova_find(dmp_domain_iova(rig->dom), iova / PAGE, &range) == 0;
}

static void test_strict_unmap_flushes_before_it_returns(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 3);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 3 * PAGE), 0);
	assert_string_equal(double_trace(rig.d), "unmap_pages flush_gather");
	assert_int_equal(double_last(rig.d, DOUBLE_FLUSH_GATHER)->iova, iova);
	assert_int_equal(double_last(rig.d, DOUBLE_FLUSH_GATHER)->len, 3 * PAGE);
	rig_down(&rig);
}

/* U1: more than 32 granules are not cached, so the space itself shows what is taken. */
static void test_address_is_free_again_after_the_flush(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 64);
	assert_true(is_taken(&rig, iova));
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 64 * PAGE), 0);
	assert_false(is_taken(&rig, iova));
	rig_down(&rig);
}

static void test_freed_tables_go_back_after_the_flush(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	rig.d->chain_tables = true;
	iova = map_pages(&rig, 1);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	assert_string_equal(double_trace(rig.d), "unmap_pages flush_gather free_tables");
	rig_down(&rig);
}

static void test_unknown_address_is_enoent_and_changes_nothing(void **state)
{
	struct dmp_domain_stats before, after;
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 1);
	before = rig_domain_stats(&rig);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_unmap(rig.dom, 0x7000, PAGE), -ENOENT);
	assert_int_equal(rig.bugs, 1);
	after = rig_domain_stats(&rig);
	assert_string_equal(double_trace(rig.d), "");
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	rig_down(&rig);
}

static void test_second_unmap_is_enoent(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 2);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 2 * PAGE), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 2 * PAGE), -ENOENT);
	rig_down(&rig);
}

static void test_zero_and_wrapping_lengths_are_einval(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 1);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 0), -EINVAL);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, UINT64_MAX), -EINVAL);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, PAGE), 0);
	rig_down(&rig);
}

/*
 *   mapped        |####|####|####|        three granules in a range of four
 *   asked for     |####|####|####|????|   the last granule leads nowhere
 */
static void test_length_beyond_the_mapping_is_einval(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 3);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 4 * PAGE), -EINVAL);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 8 * PAGE), -EINVAL);
	assert_string_equal(double_trace(rig.d), "");
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 3 * PAGE), 0);
	rig_down(&rig);
}

/*
 *   mapped        |b   |a   |   neighbours, given out from the top down
 *   asked for     |####|####|   both ends are mapped
 */
static void test_length_into_a_neighbour_is_einval_at_checks_1(void **state)
{
	struct rig rig;
	dmp_iova_t a, b;

	(void)state;
	if (DMP_CHECKS < 1)
		skip();
	rig_up(&rig);
	a = map_pages(&rig, 1);
	b = map_pages(&rig, 1);
	assert_int_equal(a, b + PAGE);
	assert_int_equal(dmp_domain_unmap(rig.dom, b, 2 * PAGE), -EINVAL);
	assert_int_equal(dmp_domain_unmap(rig.dom, b, PAGE), 0);
	assert_int_equal(dmp_domain_unmap(rig.dom, a, PAGE), 0);
	rig_down(&rig);
}

/* Four granules, taken back in every wrong way; 3 would go unnoticed by the IOVA space alone. */
static void test_part_of_a_mapping_is_einval_at_checks_1(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	if (DMP_CHECKS < 1)
		skip();
	rig_up(&rig);
	iova = map_pages(&rig, 4);
	for (uint64_t npages = 1; npages < 4; npages++)
		assert_int_equal(dmp_domain_unmap(rig.dom, iova, npages * PAGE), -EINVAL);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova + PAGE, 3 * PAGE), -EINVAL);
	assert_int_equal(double_mapped_bytes(rig.d), 4 * PAGE);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 4 * PAGE), 0);
	rig_down(&rig);
}

static void test_asking_what_an_unmap_would_refuse_is_silent_and_changes_nothing(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 4);
	assert_int_equal(dmp_domain_can_unmap(rig.dom, iova, 4 * PAGE), 0);
	assert_int_equal(dmp_domain_can_unmap(rig.dom, iova, 5 * PAGE), -EINVAL);
	assert_int_equal(dmp_domain_can_unmap(rig.dom, iova, 0), -EINVAL);
	assert_int_equal(dmp_domain_can_unmap(rig.dom, iova - PAGE, PAGE), -ENOENT);
	assert_int_equal(dmp_domain_can_unmap(NULL, iova, PAGE), -EINVAL);
	assert_int_equal(rig.bugs, 0);
	assert_int_equal(double_mapped_bytes(rig.d), 4 * PAGE);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 4 * PAGE), 0);
	rig_down(&rig);
}

/* U2: the flush fails; the tables wait for the end of the domain. */
static void test_failed_flush_withholds_the_address(void **state)
{
	struct rig rig;
	dmp_iova_t iova, next;

	(void)state;
	rig_up(&rig);
	rig.d->chain_tables = true;
	iova = map_pages(&rig, 64);
	double_fail(rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 64 * PAGE), -ETIMEDOUT);
	assert_true(is_taken(&rig, iova));
	assert_int_equal(rig.warnings, 1);
	assert_int_equal(rig.d->tables_freed, 0);
	assert_int_equal(double_mapped_bytes(rig.d), 0);
	next = map_pages(&rig, 64);
	assert_int_not_equal(next, iova);
	assert_int_equal(dmp_domain_unmap(rig.dom, next, 64 * PAGE), 0);
	assert_int_equal(rig_domain_stats(&rig).mapped_bytes, 0);
	assert_int_equal(dmp_domain_check(rig.dom), 0);
	rig_down(&rig);
}

/* Nothing is attached, so nothing can walk the tables: no flush is asked for. */
static void test_domain_goes_with_its_tables_while_flushes_fail(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	rig.d->chain_tables = true;
	iova = map_pages(&rig, 64);
	double_fail(rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 64 * PAGE), -ETIMEDOUT);
	assert_int_equal(rig.d->tables_freed, 0);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_destroy(rig.dom), 0);
	assert_string_equal(double_trace(rig.d), "free_tables domain_destroy");
	rig.dom = NULL;
	rig_down(&rig);
}

static void test_whole_flush_that_works_frees_the_tables_of_a_failed_one(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	rig.d->chain_tables = true;
	iova = map_pages(&rig, 64);
	double_fail(rig.d, DOUBLE_FLUSH_GATHER, 1, -ETIMEDOUT);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 64 * PAGE), -ETIMEDOUT);
	assert_int_equal(dmp_iommu_flush(dmp_domain_iommu(rig.dom)), 0);
	assert_int_equal(rig.d->tables_freed, 1);
	assert_true(is_taken(&rig, iova));
	rig_down(&rig);
}

/* "Not mapped" is said only of what is as it was: a flush that says so is nonsense. */
static void test_flush_that_answers_enoent_is_eio(void **state)
{
	struct rig rig;

	(void)state;
	rig_up(&rig);
	double_fail(rig.d, DOUBLE_FLUSH_GATHER, 1, -ENOENT);
	assert_int_equal(dmp_domain_unmap(rig.dom, map_pages(&rig, 1), PAGE), -EIO);
	rig_down(&rig);
}

/* The tables give back less than was mapped: nobody knows what remains, so the address goes. */
static void test_hole_in_the_tables_withholds_the_address_and_flushes_the_rest(void **state)
{
	struct rig rig;
	dmp_iova_t iova;
	uint64_t done;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 64);
	assert_int_equal(dmp_iommu_unmap(dmp_domain_iommu(rig.dom), iova + PAGE, PAGE, &done), 0);
	double_clear(rig.d);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 64 * PAGE), -EIO);
	assert_true(is_taken(&rig, iova));
	assert_string_equal(double_trace(rig.d), "unmap_pages unmap_pages flush_gather");
	assert_int_equal(double_last(rig.d, DOUBLE_FLUSH_GATHER)->iova, iova);
	assert_int_equal(
		dmp_iommu_unmap(dmp_domain_iommu(rig.dom), iova + 2 * PAGE, 62 * PAGE, &done), 0);
	rig_down(&rig);
}

/*
 *   mapped              |####|####|####|####|
 *   reserved  |----|----|                     behind the domain's back: one range of six
 */
static void test_mapping_whose_range_has_grown_down_is_unmapped_as_a_whole(void **state)
{
	struct rig rig;
	dmp_iova_t iova;

	(void)state;
	rig_up(&rig);
	iova = map_pages(&rig, 4);
	assert_int_equal(
		dmp_iova_reserve(dmp_domain_iova(rig.dom), iova / PAGE - 2, iova / PAGE, NULL), 0);
	if (DMP_CHECKS >= 1)
		assert_int_equal(dmp_domain_unmap(rig.dom, iova + 2 * PAGE, 2 * PAGE), -EINVAL);
	assert_int_equal(dmp_domain_unmap(rig.dom, iova, 4 * PAGE), 0);
	rig_down(&rig);
}

static void test_null_is_einval(void **state)
{
	(void)state;
	assert_int_equal(dmp_domain_unmap(NULL, PAGE, PAGE), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strict_unmap_flushes_before_it_returns),
		cmocka_unit_test(test_address_is_free_again_after_the_flush),
		cmocka_unit_test(test_freed_tables_go_back_after_the_flush),
		cmocka_unit_test(test_unknown_address_is_enoent_and_changes_nothing),
		cmocka_unit_test(test_second_unmap_is_enoent),
		cmocka_unit_test(test_zero_and_wrapping_lengths_are_einval),
		cmocka_unit_test(test_length_beyond_the_mapping_is_einval),
		cmocka_unit_test(test_length_into_a_neighbour_is_einval_at_checks_1),
		cmocka_unit_test(test_part_of_a_mapping_is_einval_at_checks_1),
		cmocka_unit_test(
			test_asking_what_an_unmap_would_refuse_is_silent_and_changes_nothing),
		cmocka_unit_test(test_failed_flush_withholds_the_address),
		cmocka_unit_test(test_domain_goes_with_its_tables_while_flushes_fail),
		cmocka_unit_test(test_whole_flush_that_works_frees_the_tables_of_a_failed_one),
		cmocka_unit_test(test_flush_that_answers_enoent_is_eio),
		cmocka_unit_test(
			test_hole_in_the_tables_withholds_the_address_and_flushes_the_rest),
		cmocka_unit_test(test_mapping_whose_range_has_grown_down_is_unmapped_as_a_whole),
		cmocka_unit_test(test_null_is_einval),
	};

	return cmocka_run_group_tests_name("domain_unmap", tests, NULL, NULL);
}
