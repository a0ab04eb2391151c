// SPDX-License-Identifier: MIT
/*
 * test_check_search.c - proves when an answer is equal, explained or unexplained
 */
#include "test_check_rig.h"

static struct check_result checked(const char *text)
{
	struct check_result result = {0};
	struct trace *trace = READ(text);
	struct check_space space = space_of(trace);

	assert_int_equal(check_space(&space, &result), 0);
	check_calls_free(&space);
	trace_free(trace);
	assert_int_equal(dmp_meta_in_use(), 0);
	return result;
}

#define assert_counts(r, are_equal, are_explained, are_unexplained)                                \
	do {                                                                                       \
		assert_int_equal((r).equal, are_equal);                                            \
		assert_int_equal((r).explained, are_explained);                                    \
		assert_int_equal((r).nmoves, are_explained);                                       \
		assert_int_equal((r).unexplained, are_unexplained);                                \
	} while (0)

static void test_the_order_of_the_lines_is_tried_first(void **state)
{
	struct check_result r = checked(IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(
		1, 02, 1, ffffe) IOVA_FREE(0, 03, fffff, 1) IOVA_ALLOC(0, 04, 1, fffff));

	(void)state;
	assert_counts(r, 3, 0, 0);
	assert_int_equal(r.nspaces, 1);
	assert_false(r.has_pool);
	check_result_free(&r);
}

/*
 *    alloc ... begun, ffffd taken
 *      interrupt: free ffffe         CPU 0 would get this one after it
 *    alloc's line
 */
static void test_an_interrupts_free_explains_another_answer(void **state)
{
	struct check_result r = checked(
		IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, ffffe) IRQ_FREE(0, 03, ffffe, 1)
			IOVA_ALLOC(0, 04, 1, ffffd) IOVA_ALLOC(0, 05, 1, ffffe));

	(void)state;
	assert_counts(r, 3, 1, 0);
	assert_int_equal(r.moves[0].line, 4);
	assert_int_equal(r.moves[0].before_line, 3);
	check_result_free(&r);
}

static void test_a_cpu_that_was_first_but_wrote_its_line_later_explains_it(void **state)
{
	struct check_result r = checked(IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(
		1, 02, 2, ffffa) IOVA_ALLOC(2, 03, 1, ffff9) IOVA_ALLOC(3, 04, 2, ffffc));

	(void)state;
	assert_counts(r, 3, 1, 0);
	assert_int_equal(r.moves[0].line, 4);
	assert_int_equal(r.moves[0].before_line, 2);
	check_result_free(&r);
}

static void test_an_answer_that_no_order_gives_is_unexplained(void **state)
{
	struct check_result r = checked(
		IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, 12345) IOVA_FREE(0, 03, 12345, 1)
			IOVA_FREE(0, 04, fffff, 1) IOVA_ALLOC(0, 05, 1, fffff));

	(void)state;
	assert_counts(r, 2, 0, 1);
	assert_int_equal(r.unexplained_line, 2);
	check_result_free(&r);
}

/* The same lines, but the free is the task's own: the allocation had not begun. */
static void test_what_the_same_task_did_before_explains_nothing(void **state)
{
	struct check_result r = checked(
		IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, ffffe) IOVA_FREE(0, 03, ffffe, 1)
			IOVA_ALLOC(0, 04, 1, ffffd) IOVA_ALLOC(0, 05, 1, ffffe));

	(void)state;
	assert_counts(r, 2, 0, 2);
	assert_int_equal(r.unexplained_line, 4);
	check_result_free(&r);
}

/* As the CPU that was first, but CPU 3 writes a line of its own in between. */
static void test_a_call_that_began_later_was_not_first(void **state)
{
	struct check_result r = checked(IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(
		1, 02, 2, ffffa) BOUNCED(3, 03, 5000, 512) IOVA_ALLOC(3, 04, 2, ffffc));

	(void)state;
	assert_counts(r, 1, 0, 2);
	check_result_free(&r);
}

/* Moving line 3 gives its answer, and takes that of the line after it. */
static void test_a_move_that_only_shifts_the_trouble_is_not_kept(void **state)
{
	struct check_result r =
		checked(IOVA_ALLOC(0, 01, 1, fffff) IRQ_FREE(0, 02, fffff, 1)
				IOVA_ALLOC(0, 03, 1, ffffe) IOVA_ALLOC(0, 04, 1, ffffd)
					IOVA_ALLOC(0, 05, 1, ffffc) IOVA_ALLOC(0, 06, 1, ffffb));

	(void)state;
	assert_int_equal(r.explained, 0);
	assert_int_equal(r.unexplained_line, 3);
	check_result_free(&r);
}

/* The first of two buffers was for a task that an interrupt with the other put off. */
static void test_slots_are_explained_alike(void **state)
{
#define ONE_BUFFER                                                                                 \
	BOUNCED(0, 01, 5000, 4096)                                                                 \
	SLOTS_MAP(0, 02, 5000, 4096, 7d200000)
	struct check_result at_once, later;

	(void)state;
	at_once = checked(ONE_BUFFER IN_SOFTIRQ(0, 03, SLOTS_MAP_FIELDS(nvme, 7000, 4096, 7d202000))
				  SLOTS_MAP(0, 04, 6000, 4096, 7d201000));
	later = checked(ONE_BUFFER SLOTS_MAP(0, 03, 7000, 4096, 7d202000)
				SLOTS_MAP(0, 04, 6000, 4096, 7d201000));
	assert_counts(at_once, 2, 1, 0);
	assert_true(at_once.has_pool);
	assert_int_equal(at_once.peak_slots, 6);
	assert_counts(later, 1, 0, 2);
	check_result_free(&at_once);
	check_result_free(&later);
}

/* The free of the true address is then one of what no line allocates. */
static void test_one_wrong_address_is_unexplained_and_its_free_is_a_stray(void **state)
{
	struct check_result r = checked(
		IOVA_ALLOC(0, 01, 1, fffff) IOVA_ALLOC(0, 02, 1, 12345) IOVA_FREE(0, 03, ffffe, 1)
			IOVA_FREE(0, 04, fffff, 1) IOVA_ALLOC(0, 05, 1, fffff));

	(void)state;
	assert_counts(r, 2, 0, 1);
	assert_int_equal(r.unexplained_line, 2);
	assert_int_equal(r.strays, 1);
	assert_int_equal(r.stray_line, 3);
	check_result_free(&r);
}

static void test_a_space_that_was_in_use_is_counted_apart(void **state)
{
	struct check_result r = checked(IOVA_ALLOC(0, 01, 1, 12345) IOVA_ALLOC(0, 02, 1, 12346));

	(void)state;
	assert_counts(r, 0, 0, 0);
	assert_int_equal(r.in_use_before, 2);
	check_result_free(&r);
}

/* What it frees may have been allocated before the first line: no line is missing. */
static void test_a_space_that_was_in_use_has_no_strays(void **state)
{
	struct check_result r = checked(IOVA_ALLOC(0, 01, 1, 12345) IOVA_FREE(0, 02, 12346, 1));

	(void)state;
	assert_int_equal(r.in_use_before, 1);
	assert_int_equal(r.strays, 0);
	check_result_free(&r);
}

/* A hundred answers that no order gives, and one that is right. */
static void test_the_search_ends_when_nothing_fits(void **state)
{
	struct check_result r;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	assert_non_null(to);
	fputs(IOVA_ALLOC(0, 01, 1, fffff), to);
	for (unsigned i = 0; i < 100; i++)
		fprintf(to,
			" a-1 [000] d..1. 1.000002: iova_alloc: (a <- b) iovad=0x1 size=1 "
			"limit_pfn=0xfffff flush=0 pfn=0x%x\n",
			0x100 + i);
	fclose(to);
	r = checked(text);
	assert_counts(r, 1, 0, 100);
	check_result_free(&r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_order_of_the_lines_is_tried_first),
		cmocka_unit_test(test_an_interrupts_free_explains_another_answer),
		cmocka_unit_test(test_a_cpu_that_was_first_but_wrote_its_line_later_explains_it),
		cmocka_unit_test(test_an_answer_that_no_order_gives_is_unexplained),
		cmocka_unit_test(test_a_move_that_only_shifts_the_trouble_is_not_kept),
		cmocka_unit_test(test_what_the_same_task_did_before_explains_nothing),
		cmocka_unit_test(test_a_call_that_began_later_was_not_first),
		cmocka_unit_test(test_slots_are_explained_alike),
		cmocka_unit_test(test_one_wrong_address_is_unexplained_and_its_free_is_a_stray),
		cmocka_unit_test(test_a_space_that_was_in_use_is_counted_apart),
		cmocka_unit_test(test_a_space_that_was_in_use_has_no_strays),
		cmocka_unit_test(test_the_search_ends_when_nothing_fits),
	};

	return cmocka_run_group_tests_name("check_search", tests, NULL, NULL);
}
