// SPDX-License-Identifier: MIT
/*
 * test_conform_iova.c - proves what the operations of bench/conform_iova.c answer, in the
 * words of the vectors; the vectors themselves prove the rest
 */
#include "test_conform_rig.h"

static void test_an_unknown_operation_is_not_found(void **state)
{
	(void)state;
	assert_null(conform_iova_op("bogus", 5));
	assert_null(conform_iova_op("alloc_fas", 9));
	assert_string_equal(conform_iova_op("alloc 1", 5)->name, "alloc");
}

static void test_ranges_are_answered_as_pfns_or_words(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 0\n"
				   "state = 0 top top 0x100000\n"
				   "alloc 1 2 0xfffff 0 = 0xffffe\n"
				   "find 0xfffff = 0xffffe 0xfffff\n"
				   "find 0x5 = none\n"
				   "free_pfn 0x5 = none\n"
				   "free 1\n"
				   "alloc 2 1 0x0 0 = fail\n"
				   "state = 0 top top 0x1\n"
				   "reserve 0x10 0x1f = 0x10 0x1f\n"
				   "dump = 1\n"
				   "range 0x10 0x1f\n"
				   "range none\n"
				   "destroy\n");
}

static void test_memory_fails_while_the_vectors_say_so(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "domain 4096 0x1 1 1\n"
				   "nomem 1 0\n"
				   "alloc_fast 0 1 0xfffff 1 = fail\n"
				   "nomem 0 0\n"
				   "alloc_fast 0 1 0xfffff 1 = 0xfffff\n");
}

static void test_a_queue_answers_events_and_state(void **state)
{
	(void)state;
	assert_answers(IOVA_HEADER "queue percpu 2 2 10\n"
				   "alloc_fast 0 1 0xfffff 1 = 0xfffff\n"
				   "alloc_fast 0 1 0xfffff 1 = 0xffffe\n"
				   "alloc_fast 0 2 0xfffff 1 = 0xffffc\n"
				   "enqueue 1 0xfffff 1 =\n"
				   "qstate = 0 0 1 0 1\n"
				   "enqueue 1 0xffffe 1 = flush 0xfffff\n"
				   "mag 1 0 loaded = 1 0xfffff\n"
				   "tick 10 0 = timer flush 0xffffe\n"
				   "qstate = 2 2 0 0 0\n"
				   "destroy\n"
				   "queue single 2 4 1000\n"
				   "qstate = 0 0 0 0\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_queue_answers_events_and_state),
		cmocka_unit_test(test_an_unknown_operation_is_not_found),
		cmocka_unit_test(test_ranges_are_answered_as_pfns_or_words),
		cmocka_unit_test(test_memory_fails_while_the_vectors_say_so),
	};

	return cmocka_run_group_tests_name("conform_iova", tests, NULL, NULL);
}
