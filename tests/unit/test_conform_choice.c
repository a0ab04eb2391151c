// SPDX-License-Identifier: MIT
/*
 * test_conform_choice.c - proves which blocks bench/conform_choice.c judges by our own
 * statements, and that a statement is really compared with
 */
#include "dmptest.h"

#include "conform.h"

#include <stdio.h>
#include <stdlib.h>

#define HEADER "# iova-vectors 1\n"

static unsigned nlines_logged;

static void count_line(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
	nlines_logged++;
}

/* The library must not complain of what the script does: it logs each wrong free. */
static struct conform_totals run(const char *text)
{
	struct conform_totals totals = {0};
	char *copy = strdup(text), *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	assert_non_null(copy);
	assert_non_null(out);
	nlines_logged = 0;
	dmp_log_set_sink(count_line, NULL);
	assert_int_equal(conform_text("t.txt", copy, strlen(copy), out, &totals), 0);
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(nlines_logged, 0);
	fclose(out);
	free(said);
	free(copy);
	return totals;
}

/* The recorded answer of the original, which is not ours. */
static void test_a_corner_of_the_original_is_judged_by_our_statement(void **state)
{
	struct conform_totals t = run(HEADER "domain 4096 0x1 1 1\n"
					     "alloc_fast 0 32 0xfffff 0 = 0xfffe0\n"
					     "free_fast 0 0xfffe0 32\n"
					     "alloc_fast 0 32 0xf 0 = 0xfffe0\n"
					     "state = 1 0xfffe0 top 0x100000\n"
					     "destroy\n");

	(void)state;
	assert_int_equal(t.by_choice, 1);
	assert_int_equal(t.failed, 0);
}

static void test_the_same_operations_with_one_more_are_judged_by_the_record(void **state)
{
	struct conform_totals t = run(HEADER "domain 4096 0x1 1 1\n"
					     "alloc_fast 0 32 0xfffff 0 = 0xfffe0\n"
					     "free_fast 0 0xfffe0 32\n"
					     "alloc_fast 0 32 0xf 0 = 0xfffe0\n"
					     "state = 1 0xfffe0 top 0x100000\n"
					     "find 0x1 = none\n"
					     "destroy\n");

	(void)state;
	assert_int_equal(t.by_choice, 0);
	assert_int_equal(t.failed, 1);
}

static void test_a_limit_of_all_ones_is_answered_as_if_it_were_not_there(void **state)
{
	struct conform_totals t = run(HEADER "domain 4096 0x1 1 0\n"
					     "alloc 1 1 0xfffff 0 = 0xfffff\n"
					     "alloc 2 4 0xffffffffffffffff 0 = fail\n"
					     "state = 1 0xfffff top 0x4\n"
					     "alloc 3 4 0xfffff 0 = fail\n");

	(void)state;
	assert_int_equal(t.by_choice, 1);
	assert_int_equal(t.failed, 0);
}

static void test_the_record_holds_up_to_the_first_limit_of_all_ones(void **state)
{
	struct conform_totals t = run(HEADER "domain 4096 0x1 1 0\n"
					     "alloc 1 1 0xfffff 0 = 0xffffe\n"
					     "alloc 2 4 0xffffffffffffffff 0 = fail\n");

	(void)state;
	assert_int_equal(t.by_choice, 0);
	assert_int_equal(t.failed, 1);
}

/* The original gives 0xfffff out a second time, so that it can be freed a second time. */
static void test_a_free_of_what_was_never_given_out_here_is_left_out(void **state)
{
	struct conform_totals t = run(HEADER "domain 4096 0x1 1 1\n"
					     "alloc_fast 0 1 0xfffff 0 = 0xfffff\n"
					     "free_fast 0 0xfffff 1\n"
					     "alloc_fast 0 1 0xffffffffffffffff 0 = 0xfffff\n"
					     "free_fast 0 0xfffff 1\n");

	(void)state;
	assert_int_equal(t.by_choice, 1);
	assert_int_equal(t.failed, 0);
}

/* Here id 2 gets the space that the original gives to id 3, which then fails. */
static void test_a_free_of_an_id_that_got_nothing_here_is_left_out(void **state)
{
	struct conform_totals t = run(HEADER "domain 4096 0xffffc 1 0\n"
					     "alloc 1 4 0xffffffffffffffff 0 = fail\n"
					     "alloc 2 4 0xfffff 0 = fail\n"
					     "alloc 3 3 0xfffff 0 = 0xffffd\n"
					     "free 3\n"
					     "state = 0 top top 0x100000\n");

	(void)state;
	assert_int_equal(t.by_choice, 1);
	assert_int_equal(t.failed, 0);
}

/* A corner where ours is the original's: another record is a mismatch. */
static void test_q2_is_judged_by_the_record(void **state)
{
	static const char *const text = HEADER "domain 4096 0x1 1 1\n"
					       "alloc_fast 0 32 0xf 0 = fail\n"
					       "state = 0 top top 0x20\n"
					       "alloc_fast 0 32 0xfffff 0 = fail\n"
					       "alloc_fast 0 16 0xfffff 0 = %s\n"
					       "state = 1 0xffff0 top 0x20\n"
					       "destroy\n";
	char right[512], wrong[512];
	struct conform_totals t;

	(void)state;
	snprintf(right, sizeof(right), text, "0xffff0");
	snprintf(wrong, sizeof(wrong), text, "0xdead");
	t = run(right);
	assert_int_equal(t.passed, 1);
	t = run(wrong);
	assert_int_equal(t.failed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_corner_of_the_original_is_judged_by_our_statement),
		cmocka_unit_test(test_the_same_operations_with_one_more_are_judged_by_the_record),
		cmocka_unit_test(test_a_limit_of_all_ones_is_answered_as_if_it_were_not_there),
		cmocka_unit_test(test_the_record_holds_up_to_the_first_limit_of_all_ones),
		cmocka_unit_test(test_a_free_of_what_was_never_given_out_here_is_left_out),
		cmocka_unit_test(test_q2_is_judged_by_the_record),
		cmocka_unit_test(test_a_free_of_an_id_that_got_nothing_here_is_left_out),
	};

	return cmocka_run_group_tests_name("conform_choice", tests, NULL, NULL);
}
