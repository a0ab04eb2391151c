// SPDX-License-Identifier: MIT
/*
 * test_hw_check_pages.c - proves that the books of lib/hw/hw_check_pages.c hold exactly what
 * was entered and not taken out
 */
#include "dmptest.h"
#include "hw_check.h"
#include "rng.h"

#include <dmapool/harness.h>

#define KB4   UINT64_C(0x1000)
#define PAGES 64u

struct fixture {
	struct check_domain domain;
	uint64_t meta_before;
};

static int up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.meta_before = dmp_meta_in_use()};
	RB_INIT(&f.domain.maps);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	check_pages_drop(&f->domain);
	assert_int_equal(dmp_meta_in_use(), f->meta_before);
	return 0;
}

static void enter(struct fixture *f, uint64_t page, uint64_t npages, dmp_phys_t phys)
{
	struct check_map *map = check_record(check_map);

	assert_non_null(map);
	check_pages_enter(&f->domain, map, page * KB4, phys, npages * KB4, KB4);
}

static void expect_phys(struct fixture *f, dmp_iova_t iova, dmp_phys_t phys)
{
	struct check_map *map = check_pages_at(&f->domain, iova);

	assert_non_null(map);
	assert_int_equal(map->phys + (iova - map->iova), phys);
}

/* [ 8 pages ) without its middle */
static void test_a_cut_in_the_middle_leaves_both_ends(void **state)
{
	struct fixture *f = *state;

	enter(f, 10, 8, 0x100000);
	check_pages_leave(&f->domain, 12 * KB4, 3 * KB4);
	expect_phys(f, 11 * KB4 + 5, 0x101005);
	assert_null(check_pages_at(&f->domain, 12 * KB4));
	assert_null(check_pages_at(&f->domain, 15 * KB4 - 1));
	expect_phys(f, 15 * KB4, 0x105000);
	expect_phys(f, 18 * KB4 - 1, 0x107fff);
	assert_int_equal(check_pages_mapped(&f->domain, 10 * KB4, 8 * KB4), 2 * KB4);
	assert_int_equal(check_pages_free(&f->domain, 12 * KB4, 8 * KB4), 3 * KB4);
}

static void test_a_cut_spans_records_and_holes(void **state)
{
	struct fixture *f = *state;

	enter(f, 1, 2, 0x1000);
	enter(f, 3, 2, 0x9000);
	enter(f, 8, 2, 0x20000);
	assert_int_equal(check_pages_mapped(&f->domain, KB4, 20 * KB4), 4 * KB4);
	check_pages_leave(&f->domain, 2 * KB4, 7 * KB4);
	assert_int_equal(check_pages_mapped(&f->domain, KB4, 20 * KB4), KB4);
	assert_int_equal(check_pages_free(&f->domain, 2 * KB4, 20 * KB4), 7 * KB4);
	expect_phys(f, 9 * KB4, 0x21000);
}

static void test_the_top_of_the_space_does_not_wrap(void **state)
{
	struct fixture *f = *state;
	uint64_t top = UINT64_MAX / KB4;

	enter(f, top, 1, 0x1000);
	expect_phys(f, UINT64_MAX, 0x1fff);
	assert_int_equal(check_pages_mapped(&f->domain, top * KB4, KB4), KB4);
	check_pages_leave(&f->domain, top * KB4, KB4);
	assert_true(RB_EMPTY(&f->domain.maps));
}

static void test_books_without_memory_to_split_are_given_up(void **state)
{
	struct fixture *f = *state;

	enter(f, 0, 8, 0);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 1, 1);
	check_pages_leave(&f->domain, 2 * KB4, KB4);
	dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_BACKEND, 0, 0);
	assert_true(f->domain.is_blind);
}

/* a page for page model of 64 pages beside the books */
static void test_books_agree_with_a_page_for_page_model(void **state)
{
	struct fixture *f = *state;
	struct rng rng = rng_seeded(rng_seed_from_env(7));
	bool model[PAGES] = {false};

	for (unsigned round = 0; round < 20000; round++) {
		uint64_t first = rng_range(&rng, 0, PAGES - 1);
		uint64_t n = rng_range(&rng, 1, PAGES - first);
		uint64_t run = 0;

		while (run < n && model[first + run] == model[first])
			run++;
		if (model[first]) {
			assert_int_equal(check_pages_mapped(&f->domain, first * KB4, n * KB4),
					 run * KB4);
			assert_int_equal(check_pages_free(&f->domain, first * KB4, n * KB4), 0);
			check_pages_leave(&f->domain, first * KB4, n * KB4);
			memset(&model[first], 0, n);
		} else {
			assert_int_equal(check_pages_free(&f->domain, first * KB4, n * KB4),
					 run * KB4);
			assert_int_equal(check_pages_mapped(&f->domain, first * KB4, n * KB4), 0);
			enter(f, first, run, (first + 1000) * KB4);
			memset(&model[first], 1, run);
		}
		for (uint64_t page = 0; page < PAGES; page++) {
			assert_int_equal(check_pages_at(&f->domain, page * KB4) != NULL,
					 model[page]);
			if (model[page])
				expect_phys(f, page * KB4 + 7, (page + 1000) * KB4 + 7);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(test) cmocka_unit_test_setup_teardown(test, up, down)
		WITH(test_a_cut_in_the_middle_leaves_both_ends),
		WITH(test_a_cut_spans_records_and_holes),
		WITH(test_the_top_of_the_space_does_not_wrap),
		WITH(test_books_without_memory_to_split_are_given_up),
		WITH(test_books_agree_with_a_page_for_page_model),
	};

	return cmocka_run_group_tests_name("hw_check_pages", tests, NULL, NULL);
}
