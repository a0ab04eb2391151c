// SPDX-License-Identifier: MIT
/*
 * check_file.c - one file of `dmapool replay --check-addresses`: read, check, tell
 *
 * A trace without an allocation by an allocator is told apart from one in which every address
 * is equal, and is no failure: the probes that write these lines are seldom there.  One whose
 * allocations can none of them be compared is: whoever recorded them wanted an answer.
 */
#include "check.h"
#include "command.h"
#include "json_file.h"
#include "progress.h"
#include "replay.h"

#include <string.h>

static int read_and_check(const char *path, struct check_result *result)
{
	struct trace_error error;
	struct trace *trace;
	int err;

	progress_show("%s: reading", path);
	err = trace_read(path, &trace, &error);
	progress_clear();
	if (err)
		return complain("%s", error.text);
	progress_show("%s: checking addresses", path);
	err = check_addresses(trace, result);
	progress_clear();
	trace_free(trace);
	return err ? complain("%s: cannot check addresses: %s", path, strerror(-err)) : EXIT_GOOD;
}

/* Of an answer that has been printed. */
static int verdict(const char *path, const struct check_result *result)
{
	if (result->unexplained)
		return EXIT_BAD;
	if (result->in_use_before && !result->equal && !result->explained)
		return complain("%s: no address can be compared: the allocators were in use before "
				"the first line; record from before the driver is loaded",
				path);
	return EXIT_GOOD;
}

int check_file(const char *path, FILE *to, struct json_file *json)
{
	struct check_result result;
	char name[REPLAY_NAME_MAX];
	int status = read_and_check(path, &result);

	if (status)
		return status;
	replay_trace_name(path, name, sizeof(name));
	check_print(to, name, &result);
	status = verdict(path, &result);
	if (json && json_file_add(json, path, check_json(path, name, &result)))
		status = EXIT_USAGE;
	check_result_free(&result);
	return status;
}
