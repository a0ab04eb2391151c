// SPDX-License-Identifier: MIT
/*
 * conform.c - `dmapool conform`: recorded answers of the Linux 6.12 allocators against ours
 *
 *   file -> blocks -> a verdict each
 *
 *   passed      every answer is the recorded one
 *   failed      some answer is another one than expected
 *   by choice   we state other answers, and every answer is as stated
 *
 * A block that goes on after a mismatch is run to its end: one wrong address makes more
 * of them, and the first is the one to look at.
 */
#include "conform.h"
#include "command.h"

#include <errno.h>
#include <popt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void conform_say(char *got, const char *fmt, ...)
{
	size_t len = strlen(got);
	va_list args;

	va_start(args, fmt);
	vsnprintf(got + len, CONFORM_GOT_MAX - len, fmt, args);
	va_end(args);
}

void conform_say_ok(char *got, int err)
{
	if (err)
		conform_say(got, "error: %s", strerror(-err));
	else
		conform_say(got, "ok");
}

/* What a file's line says. */
struct report {
	FILE *out;
	const char *name;
	unsigned long nops, nmismatches;
	unsigned first; /* line of the first mismatch; what it said stands in `detail` */
	char detail[3 * CONFORM_GOT_MAX];
};

/* One word each: equal as numbers, or as text. */
static bool same_word(const char *a, size_t alen, const char *b, size_t blen)
{
	char *aend, *bend;
	uint64_t x, y;

	if (alen == blen && memcmp(a, b, alen) == 0)
		return true;
	if (*a < '0' || *a > '9' || *b < '0' || *b > '9')
		return false;
	x = strtoull(a, &aend, 0);
	y = strtoull(b, &bend, 0);
	return aend == a + alen && bend == b + blen && x == y;
}

bool conform_same(const char *expected, const char *got)
{
	size_t elen, glen;

	for (;;) {
		elen = strcspn(expected, " ");
		glen = strcspn(got, " ");
		if (!same_word(expected, elen, got, glen))
			return false;
		expected += elen;
		got += glen;
		if (!*expected || !*got)
			return *expected == *got;
		expected++;
		got++;
	}
}

static void note_mismatch(struct report *report, const struct conform_line *line,
			  const char *expected, const char *got)
{
	if (report->nmismatches++ > 0)
		return;
	report->first = line->number;
	snprintf(report->detail, sizeof(report->detail), "'%s' expected %s, got %s", line->text,
		 expected, got);
}

static void run_line(const struct conform_format *format, void *run,
		     const struct conform_line *line, char *got)
{
	if (format->before)
		format->before(run, line);
	line->op->run(run, line, got);
	if (format->after)
		format->after(run, line, got);
}

/* Runs one block against its expectations. */
static int run_block(const struct conform_format *format, const struct conform_block *block,
		     struct report *report)
{
	void *run = format->open();
	const struct conform_line *line = block->lines;
	char got[CONFORM_GOT_MAX];
	const char *trouble;

	if (!run)
		return -ENOMEM;
	for (; line < block->lines + block->nlines; line++) {
		if (line->skip)
			continue;
		report->nops++;
		got[0] = '\0';
		run_line(format, run, line, got);
		if (!conform_same(line->expected, got))
			note_mismatch(report, line, line->expected, got);
	}
	trouble = format->close(run);
	if (trouble)
		note_mismatch(report, line - 1, "a clean end of the block", trouble);
	return 0;
}

static int judge_block(const struct conform_format *format, struct conform_block *block,
		       struct report *report, struct conform_totals *totals)
{
	unsigned long before = report->nmismatches;
	bool by_choice = false;
	int err = 0;

	if (format->choose)
		err = format->choose(block, &by_choice);
	if (!err)
		err = run_block(format, block, report);
	conform_choice_release(block);
	if (report->nmismatches > before)
		totals->failed++;
	else if (by_choice)
		totals->by_choice++;
	else
		totals->passed++;
	return err;
}

static void print_report(const struct report *report)
{
	fprintf(report->out, "%s: %lu operations, %lu mismatches", report->name, report->nops,
		report->nmismatches);
	if (report->nmismatches)
		fprintf(report->out, "; the first at line %u: %s", report->first, report->detail);
	fputc('\n', report->out);
}

int conform_text(const char *name, char *text, size_t len, FILE *out, struct conform_totals *totals)
{
	struct report *report = calloc(1, sizeof(*report));
	struct conform_file file = {0};
	int err = report ? conform_file_parse(&file, name, text, len) : -ENOMEM;
	size_t i;

	for (i = 0; !err && i < file.nblocks; i++)
		err = judge_block(file.format, &file.blocks[i], report, totals);
	if (!err) {
		report->out = out;
		report->name = name;
		print_report(report);
	} else if (err == -ENOMEM) {
		complain("%s: no memory to run it: free some, or run the files one by one", name);
	}
	conform_file_release(&file);
	free(report);
	return err;
}

/* The rest of @file and a zero; NULL: an error, or no memory. */
static char *read_all(FILE *file, size_t *size)
{
	size_t len = 0, room = 1 << 16, got = 1;
	char *text = malloc(room), *grown = text;

	while (grown && got > 0) {
		got = fread(text + len, 1, room - len - 1, file);
		len += got;
		if (len + 1 < room)
			continue;
		room *= 2;
		grown = realloc(text, room);
		text = grown ? grown : text;
	}
	if (!grown || ferror(file)) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	*size = len;
	return text;
}

/* The whole of @path and a zero; NULL after a line on standard error. */
static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "r");
	char *text = file ? read_all(file, size) : NULL;

	if (!text)
		complain("%s: cannot be read (%s): give files of vectors, as tests/vectors/*/*.txt",
			 path, strerror(errno));
	if (file)
		fclose(file);
	return text;
}

/* Files that cannot be run are complained about; the others still are. */
static bool run_files(const char **paths, struct conform_totals *totals)
{
	bool all_run = true;
	size_t len;
	char *text;

	for (; *paths; paths++) {
		text = read_file(*paths, &len);
		all_run &= text && conform_text(*paths, text, len, stdout, totals) == 0;
		free(text);
	}
	return all_run;
}

static int print_totals(const struct conform_totals *totals)
{
	printf("%u passed, %u failed, %u by choice\n", totals->passed, totals->failed,
	       totals->by_choice);
	return totals->failed ? EXIT_BAD : EXIT_GOOD;
}

static const char about[] =
	"[OPTION...] FILE...\n\n"
	"Runs files of vectors, as tests/vectors/*/*.txt.  The last line counts\n"
	"blocks: the lines from one domain, queue, map or reset to the next.  By\n"
	"choice: run to answers of ours that differ on purpose.  Exit status: 0;\n"
	"1 a block failed; 2 a file is malformed or cannot be read; the others\n"
	"are run all the same.\n";

int conform_main(int argc, const char **argv)
{
	int status = EXIT_USAGE, rc;
	struct conform_totals totals = {0};
	const struct poptOption options[] = {POPT_AUTOHELP POPT_TABLEEND};
	poptContext context = poptGetContext("dmapool conform", argc, argv, options, 0);
	const char **paths;

	poptSetOtherOptionHelp(context, about);
	rc = poptGetNextOpt(context);
	paths = poptGetArgs(context);
	if (rc < -1)
		complain("%s: %s; try 'dmapool conform --help'", poptBadOption(context, 0),
			 poptStrerror(rc));
	else if (!paths)
		complain("no files of vectors given: try 'dmapool conform tests/vectors/*/*.txt'");
	else if (run_files(paths, &totals))
		status = print_totals(&totals);
	else
		print_totals(&totals);
	poptFreeContext(context);
	return status;
}
