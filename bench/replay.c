// SPDX-License-Identifier: MIT
/*
 * replay.c - `dmapool replay`: recorded Linux DMA traces through the library
 *
 *    options -> for each file: replay, print -> JSON -> the exit status
 *
 * The status is the worst of all files:
 *
 *    0   every byte right, no fault, no failed request, books in order
 *    1   not so, for at least one route of one trace; or an address is unexplained
 *    2   a file, or a route of it, could not be replayed at all, none of its addresses can be
 *        compared, or the options make no sense
 *
 * What is wrong with a trace itself (unmaps without their map, lines that do not parse,
 * lost events) is told and does not change the status.
 */
#include "check.h"
#include "command.h"
#include "replay_options.h"
#include "json_file.h"
#include "log_few.h"

static int worst(int a, int b)
{
	return a > b ? a : b;
}

static int verdict(const struct replay_answer *answer)
{
	for (unsigned i = 0; i < answer->nresults; i++)
		if (replay_result_is_bad(&answer->results[i]))
			return EXIT_BAD;
	return EXIT_GOOD;
}

static struct json_t *json_of(const struct replay_opts *opts, const struct replay_answer *answer)
{
	return opts->what_if ? replay_what_if_json(opts, answer) : replay_json_answer(opts, answer);
}

/* One file, which leaves its printed answer, the one in @json and a row of @summary. */
static int replay_one(const struct replay_opts *opts, const char *path, struct json_file *json,
		      struct replay_summary *summary)
{
	struct replay_answer answer;
	int status;

	if (opts->check_addresses)
		return check_file(path, stdout, json);
	status = replay_file(opts, path, &answer);
	if (status)
		return status;
	if (opts->what_if)
		replay_what_if_print(stdout, opts, &answer);
	else
		replay_print(stdout, opts, &answer);
	status = answer.refused ? EXIT_USAGE : verdict(&answer);
	if (json)
		status = worst(status, json_file_add(json, path, json_of(opts, &answer)));
	if (replay_summary_add(summary, &answer))
		status = complain("no memory for the summary");
	replay_answer_free(&answer);
	return status;
}

/* Files that cannot be replayed leave no answer; the others are still done. */
static int replay_files(const struct replay_opts *opts, const char **paths, const char *json_path)
{
	struct json_file json;
	struct replay_summary summary = {0};
	int status = EXIT_GOOD;

	if (json_path && json_file_open(&json, json_path))
		return EXIT_USAGE;
	for (; *paths; paths++)
		status =
			worst(status, replay_one(opts, *paths, json_path ? &json : NULL, &summary));
	if (opts->what_if)
		replay_what_if_summary(stdout, opts->what_if, &summary);
	else
		replay_summary_print(stdout, &summary);
	replay_summary_free(&summary);
	if (json_path)
		status = worst(status, json_file_close(&json));
	return status;
}

int replay_main(int argc, const char **argv)
{
	struct replay_command command;
	int status;

	log_few_begin();
	status = replay_options_parse(argc, argv, &command);
	if (!status)
		status = replay_files(&command.opts, command.paths, command.json_path);
	log_few_end();
	replay_options_free(&command);
	return status;
}
