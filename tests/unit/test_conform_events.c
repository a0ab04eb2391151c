// SPDX-License-Identifier: MIT
/*
 * test_conform_events.c - proves that bench/conform_events.c misses no event of the machine
 */
#include "test_conform_rig.h"

#define BEGIN                                                                                      \
	BOUNCE_HEADER "reset\nram 140000000 100000\ncpus 1\n"                                      \
		      "pool 128 1 40000000 g 0 = 128 1 128 128\n"                                  \
		      "dev 0 mem=0 mask=ffffffffffffffff bus=0 minalign=0 segb=0 enc=0\n"          \
		      "map 0 0 140000000 262144 0 t - = 40000000 0 0 0 128\n"
#define MAP "map 1 0 140000000 1 0 t - = 180000000 1 0 0 1\n"

static void test_events_as_in_the_file_pass(void **state)
{
	(void)state;
	assert_passes(BEGIN MAP "@ work\n@ pages any nowait 0 = 180000000\n@ dec 180000000 1\n"
				"unmap 1 1 t - = transient\n@ rcu\n"
				"rcu = 1\n@ enc 180000000 1\n@ free 180000000 0\n"
				"end 9\n");
}

static void test_a_missing_event_fails(void **state)
{
	(void)state;
	assert_fails(BEGIN MAP "@ work\n@ pages any nowait 0 = 180000000\nend 7\n");
	assert_fails(BEGIN MAP "@ pages any nowait 0 = 180000000\n@ dec 180000000 1\nend 7\n");
}

static void test_an_event_too_many_fails(void **state)
{
	(void)state;
	assert_fails(BEGIN MAP "@ work\n@ pages any nowait 0 = 180000000\n@ dec 180000000 1\n"
			       "unmap 1 1 t - = transient\n@ rcu\n@ free 180000000 0\nend 8\n");
	assert_fails(BEGIN "unmap 0 262144 t - = ok\n@ rcu\nend 7\n");
}

static void test_another_argument_fails(void **state)
{
	(void)state;
	assert_fails(BEGIN MAP
		     "@ work\n@ pages any nowait 0 = 180000000\n@ dec 180000000 2\nend 7\n");
	assert_fails(BEGIN MAP
		     "@ work\n@ pages dma nowait 0 = 180000000\n@ dec 180000000 1\nend 7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_as_in_the_file_pass),
		cmocka_unit_test(test_a_missing_event_fails),
		cmocka_unit_test(test_an_event_too_many_fails),
		cmocka_unit_test(test_another_argument_fails),
	};

	return cmocka_run_group_tests_name("conform_events", tests, NULL, NULL);
}
