// SPDX-License-Identifier: MIT
/*
 * test_base_mem.c - proves what base_mem.c says: memory is cleared, aligned, counted, taken
 * from the caller's allocator, and failable one by one
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <stdlib.h>

static void test_memory_is_cleared_and_counted(void **state)
{
	uint64_t before = dmp_meta_in_use();
	unsigned char *mem = dmp_meta_alloc(DMP_META_OBJECT, 200);

	(void)state;
	assert_non_null(mem);
	for (int i = 0; i < 200; i++)
		assert_int_equal(mem[i], 0);
	assert_int_equal(dmp_meta_in_use(), before + 200);
	dmp_meta_free(mem, 200);
	assert_int_equal(dmp_meta_in_use(), before);
}

static void test_a_block_of_a_cache_line_or_more_is_aligned_to_one(void **state)
{
	void *mem[8];

	(void)state;
	for (int i = 0; i < 8; i++) {
		mem[i] = dmp_meta_alloc(DMP_META_OBJECT, 64 + 8 * (size_t)i);
		assert_int_equal((uintptr_t)mem[i] % DMP_CACHE_LINE, 0);
	}
	for (int i = 0; i < 8; i++)
		dmp_meta_free(mem[i], 64 + 8 * (size_t)i);
}

static bool alloc_works(enum dmp_meta kind)
{
	void *mem = dmp_meta_alloc(kind, 32);

	dmp_meta_free(mem, 32);
	return mem != NULL;
}

/* 1st 2nd [3rd 4th] 5th: the third, and one more. */
static void test_the_nth_of_a_kind_fails_and_as_many_as_asked_for(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 3, 2), 0);
	assert_true(alloc_works(DMP_META_RANGE));
	assert_true(alloc_works(DMP_META_OBJECT));
	assert_true(alloc_works(DMP_META_RANGE));
	assert_false(alloc_works(DMP_META_RANGE));
	assert_true(alloc_works(DMP_META_MAGAZINE));
	assert_false(alloc_works(DMP_META_RANGE));
	assert_true(alloc_works(DMP_META_RANGE));
	assert_int_equal(dmp_harness_failed(DMP_HARNESS_ALLOC_RANGE), 2);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0);
}

static void test_any_counts_every_kind(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 2, 1), 0);
	assert_true(alloc_works(DMP_META_RANGE));
	assert_false(alloc_works(DMP_META_OBJECT));
	assert_true(alloc_works(DMP_META_OBJECT));
	assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0), 0);
	assert_int_equal(dmp_harness_failed(DMP_HARNESS_ALLOC_ANY), 0);
}

static void test_failing_an_unknown_kind_is_einval(void **state)
{
	(void)state;
	assert_int_equal(dmp_harness_fail_alloc((enum dmp_harness_alloc)99, 1, 1), -EINVAL);
}

struct arena {
	int live;
	size_t last_len;
};

static void *arena_alloc(void *ctx, size_t align, size_t len)
{
	struct arena *arena = ctx;

	arena->live++;
	arena->last_len = len;
	return aligned_alloc(align, (len + align - 1) / align * align);
}

static void arena_free(void *ctx, void *mem, size_t len)
{
	struct arena *arena = ctx;

	arena->live--;
	arena->last_len = len;
	free(mem);
}

static void test_memory_comes_from_the_callers_allocator(void **state)
{
	struct arena arena = {0};
	struct dmp_allocator from = {
		.size = sizeof(from), .alloc = arena_alloc, .free = arena_free, .ctx = &arena};
	void *mem;

	(void)state;
	assert_int_equal(dmp_set_allocator(&from), 0);
	mem = dmp_meta_alloc(DMP_META_OBJECT, 100);
	assert_int_equal(arena.live, 1);
	assert_int_equal(dmp_set_allocator(NULL), -EBUSY);
	dmp_meta_free(mem, 100);
	assert_int_equal(arena.live, 0);
	assert_int_equal(arena.last_len, 100);
	assert_int_equal(dmp_set_allocator(NULL), 0);
}

static void test_an_allocator_without_a_member_is_einval(void **state)
{
	struct dmp_allocator from = {.size = sizeof(from), .alloc = arena_alloc};

	(void)state;
	assert_int_equal(dmp_set_allocator(&from), -EINVAL);
}

static void test_an_allocator_that_uses_what_is_reserved_is_einval(void **state)
{
	struct dmp_allocator from = {
		.size = sizeof(from), .reserved0 = 1, .alloc = arena_alloc, .free = arena_free};

	(void)state;
	assert_int_equal(dmp_set_allocator(&from), -EINVAL);
}

static void test_what_is_served_from_a_stock_is_made_to_fail_by_number(void **state)
{
	(void)state;
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 2, 1);
	assert_false(dmp_meta_refused(DMP_META_OBJECT));
	assert_false(dmp_meta_refused(DMP_META_RANGE));
	assert_true(dmp_meta_refused(DMP_META_RANGE));
	assert_false(dmp_meta_refused(DMP_META_RANGE));
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_RANGE, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_cleared_and_counted),
		cmocka_unit_test(test_a_block_of_a_cache_line_or_more_is_aligned_to_one),
		cmocka_unit_test(test_the_nth_of_a_kind_fails_and_as_many_as_asked_for),
		cmocka_unit_test(test_what_is_served_from_a_stock_is_made_to_fail_by_number),
		cmocka_unit_test(test_any_counts_every_kind),
		cmocka_unit_test(test_failing_an_unknown_kind_is_einval),
		cmocka_unit_test(test_memory_comes_from_the_callers_allocator),
		cmocka_unit_test(test_an_allocator_without_a_member_is_einval),
		cmocka_unit_test(test_an_allocator_that_uses_what_is_reserved_is_einval),
	};

	return cmocka_run_group_tests_name("base_mem", tests, NULL, NULL);
}
