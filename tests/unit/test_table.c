// SPDX-License-Identifier: MIT
/*
 * test_table.c - proves how bench/table.c writes numbers
 */
#include "dmptest.h"
#include "table.h"

#include <math.h>
#include <stdlib.h>

static void test_rates_have_three_digits(void **state)
{
	static const struct {
		double rate;
		const char *text;
	} cases[] = {
		{0, "0.00"},       {9.994, "9.99"},     {9.996, "10.0"},     {99.96, "100"},
		{999.4, "999"},    {999.6, "1.00 k"},   {3210000, "3.21 M"}, {45600000, "45.6 M"},
		{7.8e9, "7.80 G"}, {1.2e13, "12000 G"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(table_rate(cases[i].rate).text, cases[i].text);
}

static void test_counts_are_whole(void **state)
{
	(void)state;
	assert_string_equal(table_count(0).text, "0");
	assert_string_equal(table_count(UINT64_MAX).text, "18446744073709551615");
}

static void test_shares_are_percent(void **state)
{
	(void)state;
	assert_string_equal(table_share(0.9731).text, "97.3%");
	assert_string_equal(table_share(1).text, "100.0%");
}

static void test_no_number_is_a_dash(void **state)
{
	(void)state;
	assert_string_equal(table_share(NAN).text, "-");
	assert_string_equal(table_ns(NAN).text, "-");
	assert_string_equal(table_rate(NAN).text, "-");
}

static void test_columns_stand_below_each_other(void **state)
{
	struct table_cell cells[2] = {table_count(7), table_text("strict")};
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	assert_non_null(to);
	table_row(to, "label", cells, 2);
	fclose(to);
	assert_string_equal(text, "  label                                       7      strict\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates_have_three_digits),
		cmocka_unit_test(test_counts_are_whole),
		cmocka_unit_test(test_shares_are_percent),
		cmocka_unit_test(test_no_number_is_a_dash),
		cmocka_unit_test(test_columns_stand_below_each_other),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
