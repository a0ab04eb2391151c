// SPDX-License-Identifier: MIT
/*
 * test_sim_books.c - proves what sim/sim_books.c says of looks for pieces and of records
 */
#include "test_sim_reach_rig.h"

#define MANY 100u /* more than a chunk has */

/* The machine's books, held all through a test. */
struct books {
	struct reach_rig rig;
	struct sim_reaches *reaches;
	struct sim_reach *reach;
};

static int up(void **state)
{
	static struct books b;
	struct sim_domain *dom;

	rig_up(&b.rig, NULL);
	dom = b.rig.m->dom;
	b.reaches = &b.rig.m->sim->reaches;
	b.reach = load_acquire(&dom->reach);
	dmp_lock_acquire(&b.reaches->lock);
	*state = &b;
	return 0;
}

static int down(void **state)
{
	struct books *b = *state;

	dmp_lock_release(&b->reaches->lock);
	rig_down(&b->rig);
	return 0;
}

/* @window NULL: of a new one. */
static struct sim_piece *add(struct books *b, struct sim_window *window, uint64_t page,
			     unsigned order)
{
	const struct sim_tlb_entry entry = {
		.id = b->reach->id,
		.page = page,
		.phys = (page + 4096) << DMP_PAGE_SHIFT,
		.order = (uint16_t)order,
	};
	struct sim_piece *piece = sim_books_add_locked(b->reaches, b->reach, window, &entry);

	assert_non_null(piece);
	return piece;
}

static bool count(struct sim_piece *piece, void *ctx)
{
	unsigned *n = ctx;

	(void)piece;
	++*n;
	return false;
}

static bool take(struct sim_piece *piece, void *ctx)
{
	(void)piece;
	(void)ctx;
	return true;
}

static unsigned found(struct books *b, uint64_t first, uint64_t last)
{
	unsigned n = 0;

	assert_null(sim_books_find_locked(
		b->reaches, &(struct sim_pages){b->reach->id, first, last}, count, &n));
	return n;
}

static unsigned found_phys(struct books *b, uint64_t first, uint64_t last)
{
	unsigned n = 0;

	assert_null(sim_books_find_phys_locked(b->reaches, first, last, count, &n));
	return n;
}

/*
 *   pages     8 9 10 11   16   17       a piece of 4 pages, and two of one
 */
static void test_a_look_finds_every_piece_with_a_page_of_it(void **state)
{
	struct books *b = *state;
	struct sim_window *window = add(b, NULL, 8, 2)->window;

	add(b, window, 16, 0);
	add(b, window, 17, 0);
	assert_int_equal(found(b, 0, 7), 0);
	assert_int_equal(found(b, 11, 11), 1);
	assert_int_equal(found(b, 12, 15), 0);
	assert_int_equal(found(b, 10, 16), 2);
	assert_int_equal(found(b, 0, 100), 3);
	assert_int_equal(found_phys(b, 4096 + 9, 4096 + 9), 1);
	assert_int_equal(found_phys(b, 4096 + 12, 4096 + 17), 2);
	assert_int_equal(found_phys(b, 8, 17), 0);
	while (window->pieces)
		sim_books_remove_locked(b->reaches, window->pieces);
}

static void test_a_look_for_more_pages_than_buckets_finds_the_same(void **state)
{
	struct books *b = *state;
	struct sim_window *window = add(b, NULL, 8, 2)->window;

	add(b, window, 16, 0);
	add(b, window, UINT64_C(1) << 35, 9);
	assert_int_equal(found(b, 11, UINT64_C(1) << 34), 2);
	assert_int_equal(found(b, 12, UINT64_C(1) << 35), 2);
	assert_int_equal(found(b, 0, UINT64_MAX), 3);
	assert_int_equal(found_phys(b, 0, UINT64_MAX), 3);
	while (window->pieces)
		sim_books_remove_locked(b->reaches, window->pieces);
}

/* Pages of one look share buckets: with half as many pieces as buckets some always do. */
static void test_a_look_meets_each_piece_once(void **state)
{
	struct books *b = *state;
	struct sim_window *window = add(b, NULL, 0, 0)->window;

	for (uint64_t page = 1; page < SIM_REACH_BUCKETS / 2; page++)
		add(b, window, page, 0);
	assert_int_equal(found(b, 0, SIM_REACH_BUCKETS / 2 - 1), SIM_REACH_BUCKETS / 2);
	assert_int_equal(found_phys(b, 4096, 4096 + SIM_REACH_BUCKETS - 1), SIM_REACH_BUCKETS / 2);
	while (window->pieces)
		sim_books_remove_locked(b->reaches, window->pieces);
}

static void test_pieces_of_another_domain_are_not_found(void **state)
{
	struct books *b = *state;
	struct sim_window *window = add(b, NULL, 8, 0)->window;
	unsigned n = 0;

	sim_books_find_locked(b->reaches, &(struct sim_pages){b->reach->id + 1, 8, 8}, count, &n);
	sim_books_find_locked(b->reaches, &(struct sim_pages){b->reach->id + 1, 0, UINT64_MAX},
			      count, &n);
	assert_int_equal(n, 0);
	sim_books_remove_locked(b->reaches, window->pieces);
}

static void test_a_look_ends_where_it_is_told_to(void **state)
{
	struct books *b = *state;
	struct sim_window *window = add(b, NULL, 8, 0)->window;
	struct sim_pages pages = {b->reach->id, 0, 100};
	struct sim_piece *piece;

	add(b, window, 9, 0);
	piece = sim_books_find_locked(b->reaches, &pages, take, NULL);
	assert_non_null(piece);
	assert_int_equal(piece->page, 8);
	while (window->pieces)
		sim_books_remove_locked(b->reaches, window->pieces);
}

/* Piece i in window i / 2; every third goes first. */
static void test_records_are_used_again(void **state)
{
	struct books *b = *state;
	struct sim_piece *piece[MANY];
	uint64_t meta;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			piece[i] = add(b, i % 2 ? piece[i - 1]->window : NULL, 7 * i, 0);
		}
		assert_int_equal(found(b, 0, 7 * MANY), MANY);
		for (unsigned i = 0; i < MANY; i += 3)
			sim_books_remove_locked(b->reaches, piece[i]);
		for (unsigned i = 0; i < MANY; i++) {
			assert_int_equal(found(b, 7 * i, 7 * i), i % 3 != 0);
			assert_int_equal(found_phys(b, 7 * i + 4096, 7 * i + 4096), i % 3 != 0);
		}
		for (unsigned i = 0; i < MANY; i++)
			if (i % 3)
				sim_books_remove_locked(b->reaches, piece[i]);
		assert_false(sim_reach_any(b->reaches));
		assert_null(b->reach->oldest);
		if (round == 0)
			meta = dmp_meta_in_use();
		assert_int_equal(dmp_meta_in_use(), meta);
	}
}

static void test_windows_stand_in_the_order_in_which_they_opened(void **state)
{
	struct books *b = *state;
	struct sim_window *w[3];

	for (unsigned i = 0; i < 3; i++)
		w[i] = add(b, NULL, i, 0)->window;
	assert_ptr_equal(b->reach->oldest, w[0]);
	assert_ptr_equal(b->reach->newest, w[2]);
	sim_books_remove_locked(b->reaches, w[1]->pieces);
	assert_ptr_equal(w[0]->newer, w[2]);
	assert_ptr_equal(w[2]->older, w[0]);
	assert_int_equal(w[1]->serial, 0);
	sim_books_remove_locked(b->reaches, w[0]->pieces);
	assert_ptr_equal(b->reach->oldest, w[2]);
	sim_books_remove_locked(b->reaches, w[2]->pieces);
	assert_null(b->reach->oldest);
	assert_null(b->reach->newest);
}

#define IN(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(test_a_look_finds_every_piece_with_a_page_of_it),
		IN(test_a_look_for_more_pages_than_buckets_finds_the_same),
		IN(test_a_look_meets_each_piece_once),
		IN(test_pieces_of_another_domain_are_not_found),
		IN(test_a_look_ends_where_it_is_told_to),
		IN(test_records_are_used_again),
		IN(test_windows_stand_in_the_order_in_which_they_opened),
	};

	return cmocka_run_group_tests_name("sim_books", tests, NULL, NULL);
}
