// SPDX-License-Identifier: MIT
/*
 * test_attack_book.c - proves K1 to K3 of bench/attack_book.c, and that a page's state follows the
 * steps of the workload and the flushes of its domain
 *
 * No machine: the test says which address a mapping has, and when it is live.
 */
#include "test_attack_rig.h"

#define PAGE UINT64_C(4096)

struct desk {
	struct attack_rig rig;
	struct attack_book book;
	struct dmp_sg sg[2];
};

static void up(struct desk *d, const char *flush, bool is_alone)
{
	attack_rig_up(&d->rig, ONE_UNMAP, flush);
	attack_rig_job(&d->rig);
	assert_int_equal(
		attack_book_open(&d->book, &d->rig.job, &d->rig.opts.policies[0], is_alone), 0);
	d->rig.job.mappings[0].addr = d->rig.job.mappings[1].addr = 5 * PAGE;
}

static void down(struct desk *d)
{
	d->rig.job.sgs = NULL;
	attack_book_close(&d->book);
	replay_job_free(&d->rig.job);
	attack_rig_down(&d->rig);
}

static void map(struct desk *d, uint32_t i)
{
	attack_book_before(&d->book, i, false);
	d->rig.job.mappings[i].live = true;
	attack_book_after(&d->book, i);
}

static void unmap(struct desk *d, uint32_t i)
{
	attack_book_before(&d->book, i, true);
	d->rig.job.mappings[i].live = false;
	attack_book_after(&d->book, i);
}

static enum attack_state state_at(struct desk *d, dmp_addr_t addr)
{
	struct attack_page *page = attack_book_find(&d->book, 0, addr);

	return page ? attack_book_state(&d->book, page, page->version) : ATTACK_NEVER;
}

static void test_a_page_is_live_from_its_map_and_open_from_its_unmap_on(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "lazy", true);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_NEVER);
	map(&d, 0);
	assert_int_equal(state_at(&d, 5 * PAGE + 17), ATTACK_LIVE);
	assert_int_equal(state_at(&d, 4 * PAGE), ATTACK_NEVER);
	assert_int_equal(state_at(&d, 6 * PAGE), ATTACK_NEVER);
	attack_book_before(&d.book, 0, true);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_LEAVING);
	unmap(&d, 0);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_OPEN);
	down(&d);
}

static void test_where_an_unmap_flushes_its_page_is_closed(void **state)
{
	static const char *const policies[] = {"strict", "guest"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct desk d;

		up(&d, policies[i], true);
		map(&d, 0);
		unmap(&d, 0);
		assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_CLOSED);
		assert_int_equal(d.book.open_peak, 0);
		down(&d);
	}
}

/* Mapping 0 at page 5 before the flush, mapping 1 at page 8 after it. */
static void test_a_flush_closes_what_was_open_and_nothing_later(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "on-reuse", true);
	d.rig.job.mappings[1].addr = 8 * PAGE;
	map(&d, 0);
	map(&d, 1);
	unmap(&d, 0);
	attack_book_flushed_all(&d.book, 0);
	assert_int_equal(d.book.open_bytes, 0);
	unmap(&d, 1);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_CLOSED);
	assert_int_equal(state_at(&d, 8 * PAGE), ATTACK_OPEN);
	assert_int_equal(d.book.open_bytes, PAGE);
	down(&d);
}

/* A page may become open while the flush goes on: only what leaves the queue is closed. */
static void test_beside_threads_a_flush_of_all_says_nothing(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "lazy", false);
	map(&d, 0);
	unmap(&d, 0);
	attack_book_flushed_all(&d.book, 0);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_OPEN);
	attack_book_flushed(&d.book, 0, 5 * PAGE, PAGE);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_CLOSED);
	assert_int_equal(d.book.open_bytes, 0);
	down(&d);
}

static void test_what_left_its_queue_during_the_unmap_stays_closed(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "manual", true);
	map(&d, 0);
	attack_book_before(&d.book, 0, true);
	attack_book_flushed(&d.book, 0, 5 * PAGE, PAGE);
	d.rig.job.mappings[0].live = false;
	attack_book_after(&d.book, 0);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_CLOSED);
	assert_int_equal(d.book.open_peak, 0);
	down(&d);
}

static void test_a_flush_does_not_close_what_is_mapped(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "lazy", true);
	map(&d, 0);
	attack_book_flushed(&d.book, 0, 5 * PAGE, PAGE);
	attack_book_flushed_all(&d.book, 0);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_LIVE);
	down(&d);
}

static void test_an_address_that_is_mapped_while_it_is_open_was_given_out(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "lazy", true);
	map(&d, 0);
	unmap(&d, 0);
	attack_book_flushed_all(&d.book, 0);
	map(&d, 1);
	assert_int_equal(d.book.given_open, 0);
	unmap(&d, 1);
	map(&d, 0);
	assert_int_equal(d.book.given_open, 1);
	assert_int_equal(d.book.open_bytes, 0);
	assert_int_equal(d.book.open_peak, PAGE);
	assert_int_equal(d.book.nall, 1); /* K1 */
	down(&d);
}

/* Segments at pages 5 and 7, one page each: behind a domain page 6 belongs to the list. */
static void make_list(struct desk *d)
{
	struct replay_mapping *m = &d->rig.job.mappings[0];

	d->rig.job.sgs = m->sg = d->sg;
	m->nsg = m->nsegments = 2;
	d->sg[0] = (struct dmp_sg){.addr = 5 * PAGE, .mapped_len = PAGE};
	d->sg[1] = (struct dmp_sg){.addr = 7 * PAGE, .mapped_len = PAGE};
	assert_int_equal(attack_book_lists(&d->book), 0);
}

static void test_a_list_is_one_range_behind_a_domain_and_segments_without(void **state)
{
	static const char *const policies[] = {"strict", "none"};
	static const enum attack_state between[] = {ATTACK_LIVE, ATTACK_NEVER};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct desk d;

		up(&d, policies[i], true);
		make_list(&d);
		map(&d, 0);
		assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_LIVE);
		assert_int_equal(state_at(&d, 6 * PAGE), between[i]);
		assert_int_equal(state_at(&d, 7 * PAGE), ATTACK_LIVE);
		assert_int_equal(state_at(&d, 8 * PAGE), ATTACK_NEVER);
		memset(d.sg, 0, sizeof(d.sg)); /* as the library leaves it */
		unmap(&d, 0);
		assert_int_not_equal(state_at(&d, 7 * PAGE), ATTACK_LIVE);
		down(&d);
	}
}

static void test_a_choice_is_what_was_asked_for(void **state)
{
	uint64_t rng = 1;
	struct desk d;

	(void)state;
	up(&d, "lazy", true);
	d.rig.job.mappings[1].addr = 8 * PAGE;
	assert_null(attack_book_pick(&d.book, true, &rng));
	map(&d, 0);
	map(&d, 1);
	assert_null(attack_book_pick(&d.book, false, &rng));
	unmap(&d, 0);
	for (unsigned i = 0; i < 100; i++) {
		struct attack_page *live = attack_book_pick(&d.book, true, &rng);
		struct attack_page *gone = attack_book_pick(&d.book, false, &rng);

		if (live)
			assert_int_equal(attack_page_addr(&d.book, live), 8 * PAGE);
		if (gone)
			assert_int_equal(attack_page_addr(&d.book, gone), 5 * PAGE);
	}
	down(&d);
}

/* K2: pages that there is no room for are told, and none is forgotten. */
static void test_what_there_is_no_room_for_is_counted(void **state)
{
	struct desk d;

	(void)state;
	up(&d, "strict", true);
	d.rig.job.mappings[0].len = (d.book.mask + 1) * PAGE;
	map(&d, 0);
	assert_int_equal(d.book.nall, d.book.mask / 2 + 1);
	assert_int_equal(d.book.nall + d.book.lost, d.book.mask + 1);
	assert_int_equal(state_at(&d, 5 * PAGE), ATTACK_LIVE);
	down(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_page_is_live_from_its_map_and_open_from_its_unmap_on),
		cmocka_unit_test(test_where_an_unmap_flushes_its_page_is_closed),
		cmocka_unit_test(test_a_flush_closes_what_was_open_and_nothing_later),
		cmocka_unit_test(test_beside_threads_a_flush_of_all_says_nothing),
		cmocka_unit_test(test_what_left_its_queue_during_the_unmap_stays_closed),
		cmocka_unit_test(test_a_flush_does_not_close_what_is_mapped),
		cmocka_unit_test(test_an_address_that_is_mapped_while_it_is_open_was_given_out),
		cmocka_unit_test(test_a_list_is_one_range_behind_a_domain_and_segments_without),
		cmocka_unit_test(test_a_choice_is_what_was_asked_for),
		cmocka_unit_test(test_what_there_is_no_room_for_is_counted),
	};

	return cmocka_run_group_tests_name("attack_book", tests, NULL, NULL);
}
