/* SPDX-License-Identifier: MIT */
/*
 * bench_line.h - the command line of a bench: a text for each option, none twice
 *
 *   argv -> bench_line_open() -> texts -> bench_line_numbers() and others -> values
 *
 * Each complains in one line, which says what could be, and returns EXIT_USAGE.
 */
#ifndef BENCH_BENCH_LINE_H
#define BENCH_BENCH_LINE_H

#include "bench.h"
#include "bench_list.h"

#include <popt.h>

#define BENCH_LINE_MAX 24u

/* The option of place @number in the table, from 0. */
#define BENCH_OPTION(name, letter, number, help, value)                                            \
	{                                                                                          \
		name, letter, POPT_ARG_STRING, NULL, (number) + 1, help, value                     \
	}

struct bench_line {
	const char *name;                 /* "dmapool bench iova" */
	const struct poptOption *options; /* made by BENCH_OPTION(), in the order of the numbers */
	char *text[BENCH_LINE_MAX];       /* owned; NULL: not given */
	const char **files;               /* the context's: what is no option; NULL: none */
	poptContext context;              /* owned */
};

/* Takes every option, at most once; also after an error it is to be closed. */
int bench_line_open(struct bench_line *line, int argc, const char **argv,
		    const struct poptOption *options, const char *about);
/* The same with files, any number of them. */
int bench_line_open_files(struct bench_line *line, int argc, const char **argv,
			  const struct poptOption *options, const char *about);
void bench_line_close(struct bench_line *line);

/* None of the options before @end goes with a preset, which says itself what is measured. */
int bench_line_refuse_beside_preset(const struct bench_line *line, unsigned end);

/* What is given, or @otherwise, as a list. */
int bench_line_numbers(const struct bench_line *line, unsigned option, const char *otherwise,
		       uint64_t least, uint64_t most, struct bench_list *list);
int bench_line_words(const struct bench_line *line, unsigned option, const char *otherwise,
		     const char *const *words, unsigned nwords, struct bench_list *list);
/* As exactly one number. */
int bench_line_one(const struct bench_line *line, unsigned option, const char *otherwise,
		   uint64_t least, uint64_t most, uint64_t *value);
/* As exactly one of @words: its index. */
int bench_line_choice(const struct bench_line *line, unsigned option, const char *otherwise,
		      const char *const *words, unsigned nwords, unsigned *which);

/* How many samples, @otherwise that many, @least at least, and how long each lasts. */
int bench_line_plan(const struct bench_line *line, unsigned samples, unsigned ms,
		    const char *otherwise, unsigned least, struct bench_plan *plan);

struct json_file;

/* Runs @run with the file that @option names, NULL if it names none; the exit status. */
int bench_line_run(const struct bench_line *line, unsigned option,
		   int (*run)(void *of, struct json_file *json), void *of);

#endif
