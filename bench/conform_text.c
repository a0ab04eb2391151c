// SPDX-License-Identifier: MIT
/*
 * conform_text.c - a vector file as lines and blocks
 *
 *   # iova-vectors 1                   the format: first line
 *   # any other comment
 *   domain 4096 0x1 1 0                starts a block
 *   alloc 1 5 0xfffff 0 = 0xffffb      operation, arguments, " = ", result
 *   dump = 1
 *   range 0xffffb 0xfffff              a line of the answer before it
 *
 * The text is cut where it lies: a line's strings point into it.  A `range` line has its
 * two numbers as result, so that each range of a dump is compared by itself.
 *
 * A file of bounce vectors is recognised and left alone; the formats are described in
 * the README.md beside the vectors.
 */
#include "conform.h"
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IOVA_HEADER   "# iova-vectors 1"
#define BOUNCE_HEADER "# libdmapool bounce vectors 1"

/* One line on standard error that names the place. */
#define MALFORMED(file, number, fmt, ...)                                                          \
	(complain("%s:%u: " fmt, (file)->name, number, __VA_ARGS__), -EINVAL)

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Cuts the result off; NULL if there is none.  " =" may be the last of a line. */
static char *cut_result(char *text)
{
	char *sep = strstr(text, " =");

	while (sep && sep[2] != ' ' && sep[2] != '\0')
		sep = strstr(sep + 1, " =");
	if (!sep)
		return NULL;
	*sep = '\0';
	return sep[2] ? sep + 3 : sep + 2;
}

/* A number, or one of the words that stand for one among the arguments. */
static bool parse_arg(const char *word, size_t len, uint64_t *arg)
{
	char *end;

	if (len == 6 && strncmp(word, "loaded", len) == 0) {
		*arg = DMP_IOVA_LOADED;
		return true;
	}
	if (len == 4 && strncmp(word, "prev", len) == 0) {
		*arg = DMP_IOVA_PREV;
		return true;
	}
	if (*word < '0' || *word > '9')
		return false;
	errno = 0;
	*arg = strtoull(word, &end, 0);
	return end == word + len && errno == 0;
}

static int parse_args(struct conform_file *file, struct conform_line *line, const char *rest)
{
	unsigned n;
	size_t len;

	for (n = 0; n < line->op->nargs && *rest == ' '; n++) {
		len = strcspn(++rest, " ");
		if (!parse_arg(rest, len, &line->arg[n]))
			return MALFORMED(
				file, line->number,
				"'%.*s' is not a number: write it in decimal, or in hex with 0x",
				(int)len, rest);
		rest += len;
	}
	if (n != line->op->nargs || *rest)
		return MALFORMED(
			file, line->number,
			"'%s' takes %u arguments: compare the line with README.md of the vectors",
			line->op->name, line->op->nargs);
	return 0;
}

static int parse_line(struct conform_file *file, struct conform_line *line, char *text)
{
	size_t len;

	text += strspn(text, " ");
	len = strcspn(text, " ");
	line->text = text;
	line->op = conform_iova_op(text, len);
	if (!line->op)
		return MALFORMED(
			file, line->number,
			"no operation '%.*s': compare the line with README.md of the vectors",
			(int)len, text);
	if (strcmp(line->op->name, "range") == 0) {
		line->expected = text[len] ? text + len + 1 : text + len;
		text[len] = '\0';
		return 0;
	}
	line->expected = cut_result(text);
	if (!line->op->run)
		return 0;
	if (line->op->has_result != (line->expected != NULL))
		return MALFORMED(file, line->number, "'%s' %s: %s", line->op->name,
				 line->expected ? "has no result" : "needs a result",
				 line->expected ? "drop what follows ' ='"
						: "add ' = ' and the answer");
	if (line->expected && !*line->expected)
		return MALFORMED(file, line->number, "'%s' has an empty result: %s", line->op->name,
				 "add the answer");
	if (!line->expected)
		line->expected = "ok";
	return parse_args(file, line, text + len);
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A remark in brackets may stand behind the version. */
static bool ends_header(const char *rest)
{
	return *rest == '\n' || *rest == '\0' || starts_with(rest, " (");
}

/* Which vectors are these, by the first line? */
static int parse_header(struct conform_file *file, const char *text)
{
	size_t len = strlen(IOVA_HEADER);

	file->is_foreign = starts_with(text, BOUNCE_HEADER);
	if (file->is_foreign || (starts_with(text, IOVA_HEADER) && ends_header(text + len)))
		return 0;
	return MALFORMED(file, 1, "not a file of vectors: its first line should be '%s'",
			 IOVA_HEADER);
}

static int parse_lines(struct conform_file *file, char *text)
{
	unsigned number = 0;
	char *end;
	int err;

	for (; text; text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = '\0';
		number++;
		if (*text == '#' || *text == '\0')
			continue;
		file->lines[file->nlines].number = number;
		err = parse_line(file, &file->lines[file->nlines], text);
		if (err)
			return err;
		file->nlines++;
	}
	if (file->nlines == 0)
		return MALFORMED(file, number, "%s", "no operations: the file is cut short");
	return 0;
}

static void cut_blocks(struct conform_file *file)
{
	struct conform_block *block = file->blocks;
	size_t i;

	for (i = 0; i < file->nlines; i++) {
		if (i == 0 || file->lines[i].op->starts_block) {
			block = &file->blocks[file->nblocks++];
			block->lines = &file->lines[i];
		}
		block->nlines++;
	}
}

/* An operation that this version runs needs a domain before it. */
static int check_blocks(const struct conform_file *file)
{
	const struct conform_line *first = &file->lines[0];

	if (!first->op->starts_block && first->op->run)
		return MALFORMED(file, first->number,
				 "'%s' before any domain: begin with a domain line",
				 first->op->name);
	return 0;
}

int conform_file_parse(struct conform_file *file, const char *name, char *text, size_t len)
{
	size_t room = count_lines(text);
	int err;

	*file = (struct conform_file){.name = name};
	if (strlen(text) != len)
		return MALFORMED(file, (unsigned)room, "a zero byte: %s",
				 "the file is not text, or damaged");
	err = parse_header(file, text);
	if (err || file->is_foreign)
		return err;
	file->lines = calloc(room, sizeof(*file->lines));
	file->blocks = calloc(room, sizeof(*file->blocks));
	err = file->lines && file->blocks ? parse_lines(file, text) : -ENOMEM;
	if (!err)
		err = check_blocks(file);
	if (!err)
		cut_blocks(file);
	else
		conform_file_release(file);
	return err;
}

void conform_file_release(struct conform_file *file)
{
	free(file->lines);
	free(file->blocks);
	file->lines = NULL;
	file->blocks = NULL;
	file->nlines = file->nblocks = 0;
}
