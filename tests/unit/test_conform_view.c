// SPDX-License-Identifier: MIT
/*
 * test_conform_view.c - proves what the observations of bench/conform_view.c answer
 */
#include "test_conform_rig.h"

static void test_the_tree_is_answered_with_hints_and_ceiling(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 0\n"
				   "state = 0 top top 0x100000\n"
				   "alloc 1 1 0xfffff 0 = 0xfffff\n"
				   "alloc 2 1 0xffffff 0 = 0xffffff\n"
				   "state = 2 0xfffff 0xffffff 0x100000\n");
}

static void test_a_dump_begins_at_the_bottom_each_time(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 0\n"
				   "reserve 0x10 0x1f = 0x10 0x1f\n"
				   "reserve 0x40 0x4f = 0x40 0x4f\n"
				   "dump = 2\n"
				   "range 0x10 0x1f\n"
				   "dump = 2\n"
				   "range 0x10 0x1f\n"
				   "range 0x40 0x4f\n"
				   "range none\n");
}

static void test_magazines_are_answered_bottom_to_top(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 2 1\n"
				   "alloc_fast 0 1 0xfffff 0 = 0xfffff\n"
				   "alloc_fast 0 1 0xfffff 0 = 0xffffe\n"
				   "free_fast 1 0xfffff 1\n"
				   "free_fast 1 0xffffe 1\n"
				   "mag 1 0 loaded = 2 0xfffff 0xffffe\n"
				   "mag 1 0 prev = 0\n"
				   "cache 1 0 = 2 0\n"
				   "depot 0 = 0 0\n"
				   "depot_work = 0 0\n"
				   "advance 500 = 0 0\n"
				   "cpu_dead 1\n"
				   "cpu_online 1\n"
				   "dump = 0\n");
}

/* 3 * 127 pages: both magazines of CPU 0 are full when the last 127 come. */
static void test_the_depot_is_answered_latest_first(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	assert_non_null(to);
	fputs(IOVA_HEADER "domain 4096 0x1 4 1\n", to);
	for (unsigned i = 0; i < 3 * 127; i++)
		fprintf(to, "alloc_fast 0 1 0xfffff 0 = 0x%x\n", 0xfffff - i);
	for (unsigned i = 0; i < 3 * 127; i++)
		fprintf(to, "free_fast 0 0x%x 1\n", 0xfffff - i);
	fputs("depot 0 = 1 1\ncache 0 0 = 127 127\ndepotmag 0 1 = 0\ndepotmag 0 0 = 127", to);
	for (unsigned i = 0; i < 127; i++)
		fprintf(to, " 0x%x", 0xfffff - 127 - i);
	fputc('\n', to);
	fclose(to);
	assert_answers(text);
	free(text);
}

static void test_what_does_not_exist_is_answered_as_empty(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 1\n"
				   "mag 7 0 loaded = 0\n"
				   "mag 0 77 prev = 0\n"
				   "mag 4294967296 0 prev = 0\n"
				   "cache 7 0 = 0 0\n"
				   "depotmag 0 0 = 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tree_is_answered_with_hints_and_ceiling),
		cmocka_unit_test(test_a_dump_begins_at_the_bottom_each_time),
		cmocka_unit_test(test_magazines_are_answered_bottom_to_top),
		cmocka_unit_test(test_the_depot_is_answered_latest_first),
		cmocka_unit_test(test_what_does_not_exist_is_answered_as_empty),
	};

	return cmocka_run_group_tests_name("conform_view", tests, NULL, NULL);
}
