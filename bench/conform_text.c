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
 *   # libdmapool bounce vectors 1      the other format
 *   reset                              starts a block
 *   latepool 2097152 40000000 -        operation
 *   @ pages any block 9 = 40000000     what it asked of its machine
 *   end 2                              how many operations there were
 *
 * The text is cut where it lies: a line's strings point into it.  A `range` line has its
 * two numbers as result, so that each range of a dump is compared by itself.
 *
 * The formats are described in the README.md beside the vectors.
 */
#include "conform.h"
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct conform_format *const formats[] = {&conform_iova, &conform_swiotlb};

#define EVENT_MARK    "@ "
/* Of a machine that is told something, and not asked. */
#define WARNING_EVENT "warn"

/* The most of a word or a line that a message shows: it tells the place anyhow. */
#define SHOWN 60

#define COMPARE ": compare the line with README.md of the vectors"

/* One line on standard error that names the place. */
#define MALFORMED(file, number, fmt, ...)                                                          \
	(complain("%s:%u: " fmt, (file)->name, number, __VA_ARGS__), -EINVAL)

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static int shown(size_t len)
{
	return len < SHOWN ? (int)len : SHOWN;
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

bool conform_number(const char *word, size_t len, int base, uint64_t *number)
{
	char *end;

	if (!isxdigit((unsigned char)*word) || (base != 16 && !isdigit((unsigned char)*word)))
		return false;
	if (base == 16 && len > 1 && word[1] == 'x')
		return false;
	errno = 0;
	*number = strtoull(word, &end, base);
	return end == word + len && errno == 0;
}

static int parse_args(struct conform_file *file, struct conform_line *line, const char *rest)
{
	size_t n, len, nargs = strlen(line->op->args);

	for (n = 0; n < nargs && *rest == ' '; n++) {
		len = strcspn(++rest, " ");
		if (!file->format->parse_arg(line->op->args[n], rest, len, &line->arg[n]))
			return MALFORMED(file, line->number,
					 "'%.*s' is not an argument of '%s'" COMPARE, shown(len),
					 rest, line->op->name);
		rest += len;
	}
	if (isupper((unsigned char)line->op->args[n]))
		n++;
	if (n != nargs || *rest)
		return MALFORMED(file, line->number, "'%s' takes %zu arguments" COMPARE,
				 line->op->name, nargs);
	return 0;
}

/* Cuts off what is expected: of some operations there must be a result, of some there is none. */
static int parse_result(struct conform_file *file, struct conform_line *line, char *text)
{
	line->expected = cut_result(text);
	if ((line->op->result == CONFORM_NONE) != !line->expected)
		return MALFORMED(file, line->number, "'%s' %s: %s", line->op->name,
				 line->expected ? "has no result" : "needs a result",
				 line->expected ? "drop what follows ' ='"
						: "add ' = ' and the answer");
	if (line->expected && !*line->expected && line->op->result == CONFORM_SOME)
		return MALFORMED(file, line->number, "'%s' has an empty result: %s", line->op->name,
				 "add the answer");
	if (!line->expected)
		line->expected = "ok";
	return 0;
}

static int parse_line(struct conform_file *file, struct conform_line *line, char *text)
{
	size_t len;
	int err;

	text += strspn(text, " ");
	len = strcspn(text, " ");
	line->text = text;
	line->op = file->format->find_op(text, len);
	if (!line->op)
		return MALFORMED(file, line->number, "no operation '%.*s'" COMPARE, shown(len),
				 text);
	if (strcmp(line->op->name, "range") == 0) {
		line->expected = text[len] ? text + len + 1 : text + len;
		text[len] = '\0';
		return 0;
	}
	err = parse_result(file, line, text);
	return err ? err : parse_args(file, line, text + len);
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A remark in brackets, or the family's name, may stand behind the version. */
static bool ends_header(const char *rest)
{
	return *rest == '\n' || *rest == '\0' || *rest == ';' || starts_with(rest, " (");
}

/* Which vectors are these, by the first line? */
static int parse_header(struct conform_file *file, const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (starts_with(text, formats[i]->header) &&
		    ends_header(text + strlen(formats[i]->header)))
			file->format = formats[i];
	if (file->format)
		return 0;
	return MALFORMED(file, 1, "not a file of vectors: its first line should be '%s' or '%s'",
			 formats[0]->header, formats[1]->header);
}

const char *conform_event(const struct conform_line *line, const char *event)
{
	const char *text = line->events, *found = NULL;
	unsigned left;

	/* Lines between two events are not events; a warning is one that nobody asks for. */
	for (left = line->nevents; left && !found; text += strlen(text) + 1) {
		if (!starts_with(text, EVENT_MARK))
			continue;
		left--;
		if (event && text + strlen(EVENT_MARK) <= event)
			continue;
		if (!starts_with(text + strlen(EVENT_MARK), WARNING_EVENT))
			found = text + strlen(EVENT_MARK);
	}
	return found;
}

static bool is_event(const struct conform_file *file, const char *text)
{
	return file->format->requests && starts_with(text, EVENT_MARK);
}

static bool is_request(const struct conform_file *file, const char *name, size_t len)
{
	const char *const *request = file->format->requests;

	while (*request && !is_word(name, len, *request))
		request++;
	return *request;
}

/* What the operation before asked of its machine. */
static int parse_event(struct conform_file *file, unsigned number, const char *text)
{
	const char *name = text + strlen(EVENT_MARK);
	size_t len = strcspn(name, " ");
	struct conform_line *line;

	if (file->nlines == 0)
		return MALFORMED(file, number, "'%.*s' before any operation", SHOWN, text);
	if (!is_word(name, len, WARNING_EVENT) && !is_request(file, name, len))
		return MALFORMED(file, number, "no event '%.*s'" COMPARE, SHOWN, text);
	line = &file->lines[file->nlines - 1];
	if (line->nevents++ == 0)
		line->events = text;
	return 0;
}

/* `end N`, the last line. */
static int parse_end(struct conform_file *file, unsigned number, const char *text)
{
	const char *count = text + strlen("end");
	uint64_t n = 0;

	count += *count == ' ';
	if (!conform_number(count, strlen(count), 10, &n) || n != file->nlines)
		return MALFORMED(file, number, "'%.*s', but there are %zu operations before it",
				 SHOWN, text, file->nlines);
	file->has_ended = true;
	return 0;
}

/* A line that is neither empty nor a comment. */
static int parse_text(struct conform_file *file, unsigned number, char *text)
{
	int err;

	if (file->has_ended)
		return MALFORMED(file, number, "'%.*s' behind the end", SHOWN, text);
	if (is_event(file, text))
		return parse_event(file, number, text);
	if (file->format->counts && is_word(text, strcspn(text, " "), "end"))
		return parse_end(file, number, text);
	file->lines[file->nlines].number = number;
	err = parse_line(file, &file->lines[file->nlines], text);
	if (!err)
		file->nlines++;
	return err;
}

static int parse_lines(struct conform_file *file, char *text)
{
	unsigned number = 0;
	int err = 0;
	char *end;

	for (; !err && text; text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = '\0';
		number++;
		if (*text != '#' && *text != '\0')
			err = parse_text(file, number, text);
	}
	if (err)
		return err;
	if (file->nlines == 0 || (file->format->counts && !file->has_ended))
		return MALFORMED(file, number, "%s", "the file is cut short: copy it again");
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

/* An operation needs the beginning of a block before it. */
static int check_blocks(const struct conform_file *file)
{
	const struct conform_line *first = &file->lines[0];

	if (!first->op->starts_block)
		return MALFORMED(file, first->number, "'%s' before any %s: begin with a %s line",
				 first->op->name, file->format->begin, file->format->begin);
	return 0;
}

/* Vectors are text with LF at each line's end; what is not would spoil a terminal as well. */
static int check_bytes(const struct conform_file *file, const char *text, size_t len)
{
	unsigned number = 1;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			number++;
		else if (text[i] < ' ' || text[i] > '~')
			return MALFORMED(file, number,
					 "a byte 0x%02x: not text in ASCII with LF, or damaged",
					 (unsigned char)text[i]);
	}
	return 0;
}

int conform_file_parse(struct conform_file *file, const char *name, char *text, size_t len)
{
	size_t room = count_lines(text);
	int err;

	*file = (struct conform_file){.name = name};
	err = check_bytes(file, text, len);
	if (!err)
		err = parse_header(file, text);
	if (err)
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
