// SPDX-License-Identifier: MIT
/*
 * test_iova_slab.c - proves what a slab of records gives, takes back and drops
 */
#include "dmptest.h"

#include "iova_slab.h"

static struct iova_slab with_block(void)
{
	struct iova_slab slab = {0};
	struct iova_block *block = iova_block_create();

	assert_non_null(block);
	iova_slab_add(&slab, block);
	return slab;
}

static void test_an_empty_slab_has_no_record(void **state)
{
	struct iova_slab slab = {0};

	(void)state;
	assert_true(iova_slab_is_empty(&slab));
}

static void test_a_block_has_as_many_records_as_fit_a_page(void **state)
{
	struct iova_slab slab = with_block();
	unsigned n;

	(void)state;
	for (n = 0; !iova_slab_is_empty(&slab); n++)
		iova_slab_take(&slab);
	assert_int_equal(n, IOVA_BLOCK_RECORDS);
	iova_slab_clear(&slab);
}

static void test_no_two_records_share_a_cache_line(void **state)
{
	struct iova_slab slab = with_block();
	uintptr_t last = 0;

	(void)state;
	while (!iova_slab_is_empty(&slab)) {
		uintptr_t at = (uintptr_t)iova_slab_take(&slab);

		assert_int_equal(at % DMP_CACHE_LINE, 0);
		assert_true(at > last);
		last = at;
	}
	iova_slab_clear(&slab);
}

static void test_the_latest_given_is_taken_next_and_zero(void **state)
{
	static const struct iova_node zero;
	struct iova_slab slab = with_block();
	struct iova_node *a = iova_slab_take(&slab), *b = iova_slab_take(&slab);

	(void)state;
	a->lo = b->lo = 7;
	iova_slab_give(&slab, b);
	iova_slab_give(&slab, a);
	assert_ptr_equal(iova_slab_take(&slab), a);
	assert_memory_equal(a, &zero, sizeof(zero));
	assert_ptr_equal(iova_slab_take(&slab), b);
	iova_slab_clear(&slab);
}

static void test_blocks_go_with_the_records_in_use(void **state)
{
	uint64_t before = dmp_meta_in_use();
	struct iova_slab slab = with_block();

	(void)state;
	iova_slab_add(&slab, iova_block_create());
	iova_slab_take(&slab);
	assert_int_equal(dmp_meta_in_use() - before, 2 * sizeof(struct iova_block));
	iova_slab_clear(&slab);
	assert_int_equal(dmp_meta_in_use(), before);
	assert_true(iova_slab_is_empty(&slab));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_slab_has_no_record),
		cmocka_unit_test(test_a_block_has_as_many_records_as_fit_a_page),
		cmocka_unit_test(test_no_two_records_share_a_cache_line),
		cmocka_unit_test(test_the_latest_given_is_taken_next_and_zero),
		cmocka_unit_test(test_blocks_go_with_the_records_in_use),
	};

	return cmocka_run_group_tests_name("iova_slab", tests, NULL, NULL);
}
