// SPDX-License-Identifier: MIT
/*
 * bench_line.c - the command line of a bench: a text for each option, none twice
 *
 * Everything is a text until all of it is known: what cannot be is refused in one line that says
 * what could be, before anything is measured.
 */
#include "bench_line.h"
#include "command.h"
#include "json_file.h"

#include <stdlib.h>

#define SAMPLE_MS_MAX 10000u

static int take(struct bench_line *line)
{
	int option;

	while ((option = poptGetNextOpt(line->context)) > 0) {
		char **text = &line->text[option - 1];

		if (*text)
			return complain("--%s is given twice", line->options[option - 1].longName);
		*text = poptGetOptArg(line->context);
	}
	if (option < -1)
		return complain("%s: %s", poptBadOption(line->context, POPT_BADOPTION_NOALIAS),
				poptStrerror(option));
	return 0;
}

int bench_line_open_files(struct bench_line *line, int argc, const char **argv,
			  const struct poptOption *options, const char *about)
{
	int err;

	*line = (struct bench_line){.name = argv[0], .options = options};
	line->context = poptGetContext(argv[0], argc, argv, options, 0);
	poptSetOtherOptionHelp(line->context, about);
	err = take(line);
	if (!err)
		line->files = poptGetArgs(line->context);
	return err;
}

int bench_line_open(struct bench_line *line, int argc, const char **argv,
		    const struct poptOption *options, const char *about)
{
	int err = bench_line_open_files(line, argc, argv, options, about);

	if (!err && line->files)
		return complain("'%s' is no option; try '%s --help'", line->files[0], line->name);
	return err;
}

void bench_line_close(struct bench_line *line)
{
	for (unsigned i = 0; i < BENCH_LINE_MAX; i++)
		free(line->text[i]);
	poptFreeContext(line->context);
}

int bench_line_refuse_beside_preset(const struct bench_line *line, unsigned end)
{
	for (unsigned i = 0; i < end; i++)
		if (line->text[i])
			return complain("--preset says itself what is measured; leave out --%s",
					line->options[i].longName);
	return 0;
}

/* What is given for @option, or @otherwise; its name with the dashes in @name. */
static const char *text_of(const struct bench_line *line, unsigned option, const char *otherwise,
			   char name[32])
{
	snprintf(name, 32, "--%s", line->options[option].longName);
	return line->text[option] ? line->text[option] : otherwise;
}

int bench_line_numbers(const struct bench_line *line, unsigned option, const char *otherwise,
		       uint64_t least, uint64_t most, struct bench_list *list)
{
	char name[32];
	const char *text = text_of(line, option, otherwise, name);

	return bench_list_numbers(name, text, least, most, list);
}

int bench_line_words(const struct bench_line *line, unsigned option, const char *otherwise,
		     const char *const *words, unsigned nwords, struct bench_list *list)
{
	char name[32];
	const char *text = text_of(line, option, otherwise, name);

	return bench_list_words(name, text, words, nwords, list);
}

int bench_line_one(const struct bench_line *line, unsigned option, const char *otherwise,
		   uint64_t least, uint64_t most, uint64_t *value)
{
	char name[32];
	const char *text = text_of(line, option, otherwise, name);

	return bench_list_number(name, text, least, most, value);
}

int bench_line_choice(const struct bench_line *line, unsigned option, const char *otherwise,
		      const char *const *words, unsigned nwords, unsigned *which)
{
	char name[32];
	const char *text = text_of(line, option, otherwise, name);

	return bench_list_choice(name, text, words, nwords, which);
}

int bench_line_plan(const struct bench_line *line, unsigned samples, unsigned ms,
		    const char *otherwise, unsigned least, struct bench_plan *plan)
{
	uint64_t nsamples = 0, long_ms = 0;
	int err = bench_line_one(line, samples, otherwise, least, BENCH_SAMPLES_MAX, &nsamples);

	if (!err)
		err = bench_line_one(line, ms, "20", 1, SAMPLE_MS_MAX, &long_ms);
	if (!err)
		*plan = (struct bench_plan){.samples = (unsigned)nsamples,
					    .sample_ns = long_ms * 1000000u};
	return err;
}

int bench_line_run(const struct bench_line *line, unsigned option,
		   int (*run)(void *of, struct json_file *json), void *of)
{
	struct json_file json;
	struct json_file *to = line->text[option] ? &json : NULL;
	int status;

	if (to && !*line->text[option])
		return complain("--%s needs the name of a file", line->options[option].longName);
	if (to && json_file_open(to, line->text[option]))
		return EXIT_USAGE;
	status = run(of, to);
	if (to && json_file_close(to))
		status = EXIT_USAGE;
	return status;
}
