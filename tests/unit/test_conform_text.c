// SPDX-License-Identifier: MIT
/*
 * test_conform_text.c - proves how bench/conform_text.c cuts a file, and what it refuses
 */
#include "dmptest.h"

#include "conform.h"

#include <errno.h>
#include <stdlib.h>

#define HEADER "# iova-vectors 1\n"

static void parse(struct conform_file *file, char *text)
{
	assert_int_equal(conform_file_parse(file, "t.txt", text, strlen(text)), 0);
}

static void assert_malformed(const char *text)
{
	char *copy = strdup(text);
	struct conform_file file;

	assert_non_null(copy);
	assert_int_equal(conform_file_parse(&file, "t.txt", copy, strlen(copy)), -EINVAL);
	free(copy);
}

static void test_a_line_is_cut_into_operation_arguments_and_result(void **state)
{
	char text[] = HEADER "domain 4096 0x1 1 0\nalloc 7 5 0xfffff 1 = 0xffff8\n";
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_int_equal(file.nlines, 2);
	assert_string_equal(file.lines[1].text, "alloc 7 5 0xfffff 1");
	assert_string_equal(file.lines[1].expected, "0xffff8");
	assert_int_equal(file.lines[1].number, 3);
	assert_int_equal(file.lines[1].arg[0], 7);
	assert_int_equal(file.lines[1].arg[2], 0xfffff);
	assert_string_equal(file.lines[0].expected, "ok");
	conform_file_release(&file);
}

static void test_comments_and_empty_lines_are_passed_over(void **state)
{
	char text[] = HEADER "# more\n\ndomain 4096 0x1 1 0\n# end";
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_int_equal(file.nlines, 1);
	assert_int_equal(file.lines[0].number, 4);
	conform_file_release(&file);
}

static void test_a_block_reaches_to_the_next_domain_or_queue(void **state)
{
	char text[] = HEADER
		"domain 4096 0x1 1 0\ndestroy\ndomain 4096 0x1 1 0\nqueue single 1 1 1\n";
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_int_equal(file.nblocks, 3);
	assert_int_equal(file.blocks[0].nlines, 2);
	assert_int_equal(file.blocks[1].nlines, 1);
	conform_file_release(&file);
}

static void test_a_range_has_its_numbers_as_result(void **state)
{
	char text[] = HEADER "domain 4096 0x1 1 0\ndump = 1\nrange 0x1 0x2\nrange";
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_string_equal(file.lines[2].text, "range");
	assert_string_equal(file.lines[2].expected, "0x1 0x2");
	assert_string_equal(file.lines[3].expected, "");
	conform_file_release(&file);
}

static void test_the_words_for_a_magazine_are_arguments(void **state)
{
	char text[] = HEADER "domain 4096 0x1 1 1\nmag 0 1 prev = 0\n";
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_int_equal(file.lines[1].arg[2], DMP_IOVA_PREV);
	conform_file_release(&file);
}

static void test_malformed_files_are_refused(void **state)
{
	(void)state;
	assert_malformed("");
	assert_malformed("hello\n");
	assert_malformed(HEADER);
	assert_malformed(HEADER "alloc 1 1 1 0 = 0x1\n");
	assert_malformed(HEADER "domain 4096 0x1 1\n");
	assert_malformed(HEADER "domain 4096 0x1 1 0 0\n");
	assert_malformed(HEADER "domain 4096 0x1 1 x\n");
	assert_malformed(HEADER "domain 4096 0x1 1 99999999999999999999\n");
	assert_malformed(HEADER "domain 4096 0x1 1 0 = 5\n");
	assert_malformed(HEADER "domain 4096 0x1 1 0\nalloc 1 1 1 0\n");
	assert_malformed(HEADER "domain 4096 0x1 1 0\nbogus 1\n");
	assert_malformed(HEADER "domain 4096 0x1 1 1\nalloc 1 1 1 0 =\n");
	assert_malformed(HEADER "domain 4096 0x1 1 1\nalloc 1 1 1 0 = \n");
	assert_malformed("# iova-vectors 12\ndomain 4096 0x1 1 0\n");
	assert_malformed(HEADER "domain 4096 0x1 1 0\nstate  = 0 top top 0x1\n");
}

static void test_what_is_not_ascii_text_is_refused(void **state)
{
	char text[] = HEADER "domain 4096 0x1 1 0\n\0alloc 1 1 1 0 = 0x1\n";
	struct conform_file file;

	(void)state;
	assert_int_equal(conform_file_parse(&file, "t.txt", text, sizeof(text) - 1), -EINVAL);
	assert_malformed(HEADER "domain 4096 0x1 1 0\n# \x1b[2J\n");
	assert_malformed("# iova-vectors 1\r\ndomain 4096 0x1 1 0\r\n");
	assert_malformed(HEADER "domain 4096 0x1 1 0\n# \xff\n");
}

#define BOUNCE "# libdmapool bounce vectors 1; family x\n"

static void test_bounce_lines_have_decimal_hex_words_and_keys(void **state)
{
	char text[] = BOUNCE
		"reset\n"
		"map 10 0 1402be 2048 fff b sw = fail\n"
		"dev 1 mem=2 mask=ff bus=0 minalign=7ff segb=ffff enc=1\n"
		"dev 1 mem=0 mask=ff bus=0 minalign=0 segb=0 enc=0 range=1000:3000:800\n"
		"end 4\n";
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_int_equal(file.nlines, 4);
	assert_int_equal(file.lines[1].arg[0], 10);
	assert_int_equal(file.lines[1].arg[2], 0x1402be);
	assert_int_equal(file.lines[1].arg[3], 2048);
	assert_int_equal(file.lines[1].arg[4], 0xfff);
	assert_string_equal(file.lines[1].expected, "fail");
	assert_int_equal(file.lines[2].arg[1], 2);
	assert_int_equal(file.lines[2].arg[4], 0x7ff);
	assert_int_equal(file.lines[2].arg[7], 0);
	assert_int_equal(file.lines[3].arg[7], 0x1000);
	assert_int_equal(file.lines[3].arg[8], 0x3000);
	assert_int_equal(file.lines[3].arg[9], 0x800);
	conform_file_release(&file);
}

/* Diagnostics are no requests. */
static void test_events_belong_to_the_operation_before(void **state)
{
	char text[] = BOUNCE "reset\n"
			     "map 0 0 1000 1 0 b - = fail\n"
			     "@ work\n"
			     "@ warn limit\n"
			     "# a comment\n"
			     "@ pages dma32 nowait 1 = fail\n"
			     "map 0 0 1000 1 0 b - = fail\n"
			     "@ warn align\n"
			     "end 3\n";
	const char *first, *second;
	struct conform_file file;

	(void)state;
	parse(&file, text);
	assert_int_equal(file.nlines, 3);
	assert_null(conform_event(&file.lines[0], NULL));
	first = conform_event(&file.lines[1], NULL);
	assert_string_equal(first, "work");
	second = conform_event(&file.lines[1], first);
	assert_string_equal(second, "pages dma32 nowait 1 = fail");
	assert_null(conform_event(&file.lines[1], second));
	assert_null(conform_event(&file.lines[2], NULL));
	conform_file_release(&file);
}

static void test_malformed_bounce_vectors_are_refused(void **state)
{
	(void)state;
	assert_malformed(BOUNCE);
	assert_malformed(BOUNCE "reset\n");                       /* cut short */
	assert_malformed(BOUNCE "reset\nend 2\n");                /* one is missing */
	assert_malformed(BOUNCE "reset\nend 1\nreset\n");         /* goes on */
	assert_malformed(BOUNCE "@ work\nreset\nend 1\n");        /* of no operation */
	assert_malformed(BOUNCE "cpus 1\nend 1\n");               /* before a block */
	assert_malformed(BOUNCE "reset\ncpus f\nend 2\n");        /* not decimal */
	assert_malformed(BOUNCE "reset\ncpus\nend 2\n");          /* too few */
	assert_malformed(BOUNCE "reset\nram 0x1 1\nend 2\n");     /* hex has no prefix */
	assert_malformed(BOUNCE "reset\ncpus 1 = ok\nend 2\n");   /* has no result */
	assert_malformed(BOUNCE "reset\nalloc 1 1 1 0\nend 2\n"); /* of the other format */
	assert_malformed(BOUNCE "reset\n@ bogus\nend 1\n");
	assert_malformed(BOUNCE "reset\n@ work\n@ bogus\nend 1\n");
	assert_malformed(BOUNCE "reset\nend\n");
	assert_malformed(BOUNCE "reset\nend 1 1\n");
}

static void test_bounce_arguments_are_what_they_are_called(void **state)
{
#define DEV(keys) BOUNCE "reset\ndev 0 " keys "\nend 2\n"
#define MAP(args) BOUNCE "reset\nmap 0 0 1000 1 0 " args " = fail\nend 2\n"
	(void)state;
	assert_malformed(DEV("foo=0 mask=ff bus=0 minalign=0 segb=0 enc=0"));
	assert_malformed(DEV("mem=0 mask= bus=0 minalign=0 segb=0 enc=0"));
	assert_malformed(DEV("mem=0 mask=ff bus=0 minalign=0 segb=0 enc=0 range="));
	assert_malformed(DEV("mem=0 mask=ff bus=0 minalign=0 segb=0 enc=0 range=::"));
	assert_malformed(DEV("mem=0 mask=ff bus=0 minalign=0 segb=0 enc=0 range=1:2"));
	assert_malformed(DEV("mem=0 mask=ff bus=0 minalign=0 segb=0 enc=0 range=1:2:zz"));
	assert_malformed(DEV("mem=0 mask=ff bus=0 minalign=0 segb=0 enc=0 range=1:2:3:4"));
	assert_malformed(MAP("q -"));
	assert_malformed(MAP("tf -"));
	assert_malformed(MAP("t x"));
	assert_malformed(MAP("t sws"));
	assert_malformed(BOUNCE "reset\nsync 0 x 0 1 f\nend 2\n");
	assert_malformed(BOUNCE "reset\npool 0 0 0 z 0 = fail\nend 2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line_is_cut_into_operation_arguments_and_result),
		cmocka_unit_test(test_comments_and_empty_lines_are_passed_over),
		cmocka_unit_test(test_a_block_reaches_to_the_next_domain_or_queue),
		cmocka_unit_test(test_a_range_has_its_numbers_as_result),
		cmocka_unit_test(test_the_words_for_a_magazine_are_arguments),
		cmocka_unit_test(test_malformed_files_are_refused),
		cmocka_unit_test(test_what_is_not_ascii_text_is_refused),
		cmocka_unit_test(test_bounce_lines_have_decimal_hex_words_and_keys),
		cmocka_unit_test(test_events_belong_to_the_operation_before),
		cmocka_unit_test(test_malformed_bounce_vectors_are_refused),
		cmocka_unit_test(test_bounce_arguments_are_what_they_are_called),
	};

	return cmocka_run_group_tests_name("conform_text", tests, NULL, NULL);
}
