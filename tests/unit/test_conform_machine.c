// SPDX-License-Identifier: MIT
/*
 * test_conform_machine.c - proves that the machine of bench/conform_machine.c has memory where
 * it is told, and answers requests as it is told
 */
#include "dmptest.h"

#include "conform.h"

#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <errno.h>

static void test_memory_is_where_it_was_declared(void **state)
{
	struct conform_machine *machine = conform_machine_create();
	unsigned char *at;

	(void)state;
	assert_non_null(machine);
	assert_int_equal(conform_machine_add_ram(machine, 0x12345000, 0x2000), 0);
	at = conform_machine_bytes(machine, 0x12345000, 0x2000);
	assert_non_null(at);
	assert_int_equal(at[0x1fff], 0);
	assert_ptr_equal(conform_machine_bytes(machine, 0x12346fff, 1), at + 0x1fff);
	assert_null(conform_machine_bytes(machine, 0x12346fff, 2));
	assert_null(conform_machine_bytes(machine, 0x12344fff, 1));
	assert_null(conform_machine_bytes(machine, 0x12345000, 0));
	conform_machine_destroy(machine);
}

/* A pool: two requests fail, the third gets the base, with memory of its own. */
static void test_requests_get_what_the_file_says(void **state)
{
	struct conform_machine *machine = conform_machine_create();
	struct dmp_swiotlb_pool_view pool;
	struct dmp_swiotlb *tlb;
	struct dmp_hw *hw;

	(void)state;
	assert_non_null(machine);
	assert_int_equal(conform_machine_adopt(machine, &hw), 0);
	conform_machine_answer(machine, 0x43001000, 2, 40);
	assert_int_equal(dmp_swiotlb_create(hw, &DMP_SWIOTLB_OPTS(.slots = 4096, .areas = 1), &tlb),
			 0);
	assert_int_equal(dmp_swiotlb_inspect_pool(tlb, 0, &pool), 0);
	assert_int_equal(pool.phys, 0x43001000);
	assert_int_equal(pool.slots, 1024);
	assert_non_null(conform_machine_bytes(machine, pool.phys, 1024 * 2048));
	assert_int_equal(dmp_swiotlb_destroy(tlb), 0);
	conform_machine_destroy(machine);
	assert_int_equal(dmp_meta_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_where_it_was_declared),
		cmocka_unit_test(test_requests_get_what_the_file_says),
	};

	return cmocka_run_group_tests_name("conform_machine", tests, NULL, NULL);
}
