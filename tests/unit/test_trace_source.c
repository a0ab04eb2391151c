// SPDX-License-Identifier: MIT
/*
 * test_trace_source.c - proves S2 and S3 of bench/trace_source.c, and its messages
 */
#include "test_trace_files.h"

#include <errno.h>

static int open_bytes(const void *bytes, size_t len, struct trace_source **out,
		      struct trace_error *error)
{
	struct trace_file file = file_with(bytes, len);
	int err = trace_source_open(file.path, out, error);

	unlink(file.path);
	return err;
}

static struct trace_source *open_text(const char *text)
{
	struct trace_source *source;
	struct trace_error error;

	assert_int_equal(open_bytes(text, strlen(text), &source, &error), 0);
	return source;
}

static void expect_line(struct trace_source *source, const char *text)
{
	struct trace_text line;
	struct trace_error error;

	assert_int_equal(trace_source_next(source, &line, &error), 1);
	assert_string_equal(line.text, text);
	assert_int_equal(line.len, strlen(text));
}

static void expect_end(struct trace_source *source)
{
	struct trace_text line;
	struct trace_error error;

	assert_int_equal(trace_source_next(source, &line, &error), 0);
}

static void expect_refused(const void *bytes, size_t len, int err, const char *words)
{
	struct trace_source *source;
	struct trace_error error;

	assert_int_equal(open_bytes(bytes, len, &source, &error), err);
	assert_non_null(strstr(error.text, words));
	assert_null(strchr(error.text, '\n'));
}

static void test_lines_come_without_their_ends(void **state)
{
	struct trace_source *source = open_text("one\ntwo\r\n\nlast");

	(void)state;
	expect_line(source, "one");
	expect_line(source, "two");
	expect_line(source, "");
	expect_line(source, "last");
	expect_end(source);
	trace_source_close(source);
}

static void test_only_a_line_without_newline_is_unterminated(void **state)
{
	struct trace_source *source = open_text("one\ntwo");
	struct trace_text line;
	struct trace_error error;

	(void)state;
	assert_int_equal(trace_source_next(source, &line, &error), 1);
	assert_false(line.unterminated);
	assert_int_equal(trace_source_next(source, &line, &error), 1);
	assert_true(line.unterminated);
	trace_source_close(source);
}

/* Lines of all lengths, so that line ends fall on every side of a buffer's end. */
static char *many_lines(size_t *len)
{
	char *text = malloc(8u << 20), *p = text;

	assert_non_null(text);
	for (unsigned i = 0; i < 30000; i++)
		p += sprintf(p, "%u%*s\n", i, (int)(i % 251), "");
	*len = (size_t)(p - text);
	return text;
}

static void expect_many_lines(struct trace_source *source)
{
	struct trace_text line;
	struct trace_error error;

	for (unsigned i = 0; i < 30000; i++) {
		assert_int_equal(trace_source_next(source, &line, &error), 1);
		assert_int_equal(strtoul(line.text, NULL, 10), i);
	}
	expect_end(source);
}

static void test_no_line_is_lost_between_buffers(void **state)
{
	struct trace_source *source;
	struct trace_error error;
	size_t len;
	char *text = many_lines(&len);

	(void)state;
	assert_int_equal(open_bytes(text, len, &source, &error), 0);
	expect_many_lines(source);
	trace_source_close(source);
	free(text);
}

static void test_xz_is_known_by_its_first_bytes(void **state)
{
	struct trace_source *source;
	struct trace_error error;
	size_t len;
	char *text = many_lines(&len);
	uint8_t *packed;
	size_t packed_len = pack_xz(text, len, &packed);

	(void)state;
	assert_int_equal(open_bytes(packed, packed_len, &source, &error), 0);
	expect_many_lines(source);
	assert_false(trace_source_was_cut(source));
	trace_source_close(source);
	free(packed);
	free(text);
}

static void test_xz_files_end_to_end_are_one(void **state)
{
	struct trace_source *source;
	struct trace_error error;
	uint8_t *packed, twice[512];
	size_t len = pack_xz("one\n", 4, &packed);

	(void)state;
	assert_true(2 * len <= sizeof(twice));
	memcpy(twice, packed, len);
	memcpy(twice + len, packed, len);
	assert_int_equal(open_bytes(twice, 2 * len, &source, &error), 0);
	expect_line(source, "one");
	expect_line(source, "one");
	expect_end(source);
	trace_source_close(source);
	free(packed);
}

static void test_cut_off_xz_gives_what_it_holds(void **state)
{
	struct trace_source *source;
	struct trace_error error;
	struct trace_text line;
	size_t len;
	char *text = many_lines(&len);
	uint8_t *packed;
	size_t packed_len = pack_xz(text, len, &packed);
	unsigned n = 0;
	int ret;

	(void)state;
	assert_int_equal(open_bytes(packed, packed_len * 9 / 10, &source, &error), 0);
	while ((ret = trace_source_next(source, &line, &error)) == 1)
		n++;
	assert_int_equal(ret, 0);
	assert_true(n > 1000);
	assert_true(n < 30000);
	assert_true(trace_source_was_cut(source));
	trace_source_close(source);
	free(packed);
	free(text);
}

static void test_corrupt_xz_is_refused(void **state)
{
	struct trace_source *source = NULL;
	struct trace_error error;
	struct trace_text line;
	size_t len;
	char *text = many_lines(&len);
	uint8_t *packed;
	size_t packed_len = pack_xz(text, len, &packed);
	int ret;

	(void)state;
	memset(packed + packed_len / 2, 0x55, 64);
	ret = open_bytes(packed, packed_len, &source, &error);
	while (ret >= 0 && (ret = trace_source_next(source, &line, &error)) == 1)
		;
	assert_int_equal(ret, -EBADMSG);
	assert_non_null(strstr(error.text, "corrupt xz"));
	trace_source_close(source);
	free(packed);
	free(text);
}

static void test_missing_file_is_refused(void **state)
{
	struct trace_source *source;
	struct trace_error error;

	(void)state;
	assert_int_equal(trace_source_open("/nowhere/at/all", &source, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nowhere/at/all: cannot open"));
}

static void test_directory_is_refused(void **state)
{
	struct trace_source *source;
	struct trace_error error;

	(void)state;
	assert_int_equal(trace_source_open("/", &source, &error), -EISDIR);
	assert_non_null(strstr(error.text, "cannot read"));
}

static void test_empty_file_is_refused(void **state)
{
	(void)state;
	expect_refused("", 0, -ENODATA, "empty");
}

static void test_empty_xz_is_refused(void **state)
{
	uint8_t *packed;
	size_t len = pack_xz("", 0, &packed);

	(void)state;
	expect_refused(packed, len, -ENODATA, "empty");
	free(packed);
}

static void test_trace_dat_is_refused_with_the_way_out(void **state)
{
	static const char dat[] = "\x17\x08"
				  "Dtracing6\0\0\0\0";

	(void)state;
	expect_refused(dat, sizeof(dat), -EILSEQ, "trace-cmd report");
}

static void test_packed_trace_dat_is_refused_as_well(void **state)
{
	static const char dat[] = "\x17\x08"
				  "Dtracing6\0\0\0\0";
	uint8_t *packed;
	size_t len = pack_xz(dat, sizeof(dat), &packed);

	(void)state;
	expect_refused(packed, len, -EILSEQ, "trace-cmd report");
	free(packed);
}

static void test_other_compressions_are_refused_by_name(void **state)
{
	(void)state;
	expect_refused("\x1f\x8b\x08\x00....", 8, -EILSEQ, "gunzip");
	expect_refused("\x28\xb5\x2f\xfd....", 8, -EILSEQ, "unzstd");
	expect_refused("BZh91AY", 7, -EILSEQ, "bunzip2");
	expect_refused("PERFILE2....", 12, -EILSEQ, "perf.data");
}

static void test_binary_file_is_refused(void **state)
{
	(void)state;
	expect_refused("\x7f"
		       "ELF\2\1\1\0\0\0",
		       10, -EILSEQ, "not text");
}

/* One line of 3 MiB, three times what the buffer holds, between two short ones. */
static void test_huge_line_is_given_by_its_beginning(void **state)
{
	size_t huge = 3u << 20;
	char *text = malloc(huge + 16);
	struct trace_source *source;
	struct trace_error error;
	struct trace_text line;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', huge + 16);
	memcpy(text, "one\n", 4);
	memcpy(text + 4 + huge, "\ntwo\n", 5);
	assert_int_equal(open_bytes(text, huge + 9, &source, &error), 0);
	expect_line(source, "one");
	assert_int_equal(trace_source_next(source, &line, &error), 1);
	assert_true(line.too_long);
	assert_int_equal(line.len, TRACE_LINE_MAX);
	expect_line(source, "two");
	expect_end(source);
	trace_source_close(source);
	free(text);
}

/* A message keeps the end of a long path, which is the part that tells files apart. */
static void test_message_shows_the_end_of_a_long_path(void **state)
{
	char path[512];
	struct trace_source *source;
	struct trace_error error;

	(void)state;
	memset(path, 'd', sizeof(path));
	memcpy(path, "/", 1);
	memcpy(path + sizeof(path) - 9, "/end.txt", 9);
	assert_true(trace_source_open(path, &source, &error) < 0);
	assert_non_null(strstr(error.text, "/end.txt: cannot open"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_come_without_their_ends),
		cmocka_unit_test(test_only_a_line_without_newline_is_unterminated),
		cmocka_unit_test(test_no_line_is_lost_between_buffers),
		cmocka_unit_test(test_xz_is_known_by_its_first_bytes),
		cmocka_unit_test(test_xz_files_end_to_end_are_one),
		cmocka_unit_test(test_cut_off_xz_gives_what_it_holds),
		cmocka_unit_test(test_corrupt_xz_is_refused),
		cmocka_unit_test(test_missing_file_is_refused),
		cmocka_unit_test(test_directory_is_refused),
		cmocka_unit_test(test_empty_file_is_refused),
		cmocka_unit_test(test_empty_xz_is_refused),
		cmocka_unit_test(test_trace_dat_is_refused_with_the_way_out),
		cmocka_unit_test(test_packed_trace_dat_is_refused_as_well),
		cmocka_unit_test(test_other_compressions_are_refused_by_name),
		cmocka_unit_test(test_binary_file_is_refused),
		cmocka_unit_test(test_huge_line_is_given_by_its_beginning),
		cmocka_unit_test(test_message_shows_the_end_of_a_long_path),
	};

	return cmocka_run_group_tests_name("trace_source", tests, NULL, NULL);
}
