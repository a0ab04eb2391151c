// SPDX-License-Identifier: MIT
/*
 * attack.c - `dmapool attack`: what a hostile device reaches beside a workload
 *
 *    options -> for each trace, or the loop: for each policy: attack, print -> JSON -> the status
 *
 *    0   every policy kept what it promises
 *    1   one did not, on at least one trace
 *    2   a trace could not be attacked, or not below the mask, or the options make no sense
 */
#include "attack_options.h"
#include "command.h"
#include "json_file.h"
#include "log_few.h"
#include "progress.h"

#include <stdlib.h>

static int worst(int a, int b)
{
	return a > b ? a : b;
}

/* A workload that never was there says nothing of the policy. */
static int complain_of_room(const struct attack_opts *opts, const struct attack_result *r)
{
	unsigned long long n = r->blame.requests;

	if (!attack_is_translated(r->policy))
		return complain("%s: %llu requests were for memory beyond the %u bits of --mask, "
				"where nothing translates; use --mask 32, or another --flush",
				r->policy->text, n, opts->mask_bits);
	return complain("%s: %llu requests found no address below the %u bits of --mask; use a "
			"larger --mask",
			r->policy->text, n, opts->mask_bits);
}

/* One policy, which leaves its row. */
static int attack_policy(const struct attack_opts *opts, const struct attack_policy *policy,
			 const struct replay_answer *answer, struct replay_job *job,
			 struct attack_result *result)
{
	int err;

	progress_show("%s: %s", answer->path, policy->text);
	err = attack_run(opts, policy, job, result);
	progress_clear();
	if (!err && attack_lacks_room(opts, result, job))
		err = complain_of_room(opts, result);
	if (err) {
		attack_result_free(result);
		return EXIT_USAGE;
	}
	attack_print_result(stdout, opts, result);
	return attack_judge(result) ? EXIT_BAD : EXIT_GOOD;
}

static int attack_policies_of(const struct attack_opts *opts, const struct replay_answer *answer,
			      struct replay_job *job, struct attack_result *results, unsigned *n)
{
	int status = EXIT_GOOD;

	for (unsigned i = 0; i < opts->npolicies; i++) {
		int one = attack_policy(opts, &opts->policies[i], answer, job, &results[*n]);

		*n += one != EXIT_USAGE;
		status = worst(status, one);
	}
	for (unsigned i = 0; i < *n; i++)
		attack_print_notes(stdout, &results[i]);
	replay_print_left_out(stdout, answer);
	fputc('\n', stdout);
	return status;
}

static int attack_job(const struct attack_opts *opts, struct replay_answer *answer,
		      struct replay_job *job, struct json_file *json)
{
	struct attack_result *results = calloc(opts->npolicies, sizeof(*results));
	unsigned n = 0;
	int status;

	if (!results)
		return complain("no memory for the results");
	answer->nevents = job->nevents;
	attack_print_head(stdout, opts, answer);
	status = attack_policies_of(opts, answer, job, results, &n);
	if (json)
		status = worst(status, json_file_add(json, answer->path,
						     attack_json(opts, answer, results, n)));
	for (unsigned i = 0; i < n; i++)
		attack_result_free(&results[i]);
	free(results);
	return status;
}

/* @path: NULL is the loop. */
static int attack_one(const struct attack_opts *opts, const char *path, struct json_file *json)
{
	const struct replay_opts how = {.clock = opts->clock, .unknown = REPLAY_LAZY};
	struct replay_answer answer;
	struct replay_job job;
	int status = path ? replay_file_read(path, &answer)
			  : attack_loop_make(opts->loop_maps, &answer);

	if (!status) {
		status = replay_job_make(&how, &answer, &job);
		if (!status)
			status = attack_job(opts, &answer, &job, json);
		replay_job_free(&job);
	}
	replay_answer_free(&answer);
	return status;
}

static int attack_all(const struct attack_command *c, struct json_file *json)
{
	int status = EXIT_GOOD;

	if (!c->paths[0])
		return attack_one(&c->opts, NULL, json);
	for (const char **path = c->paths; *path; path++)
		status = worst(status, attack_one(&c->opts, *path, json));
	return status;
}

static int run(const struct attack_command *c)
{
	struct json_file json;
	int status;

	if (!c->json_path)
		return attack_all(c, NULL);
	if (json_file_open(&json, c->json_path))
		return EXIT_USAGE;
	status = attack_all(c, &json);
	return worst(status, json_file_close(&json));
}

int attack_main(int argc, const char **argv)
{
	struct attack_command command;
	int status;

	log_few_begin();
	status = attack_options_parse(argc, argv, &command);
	if (!status)
		status = run(&command);
	log_few_end();
	attack_options_free(&command);
	return status;
}
