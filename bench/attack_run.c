// SPDX-License-Identifier: MIT
/*
 * attack_run.c - one workload against one policy: a machine, time, the end
 *
 *    the time of the trace, or threads
 *      machine of the replay, domains shaped by the policy, the book as the one that looks on
 *        attacker
 *          run
 *        counters
 *      what is still mapped is unmapped, the walkers look
 *
 * The machine performs stale accesses (DMP_SIM_TOUCH_STALE): they reach the memory that the
 * workload uses by then, which is simulated RAM, and nobody looks at its bytes but the attacker.
 */
#include "attack.h"
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct attack {
	const struct attack_opts *opts;
	const struct attack_policy *policy;
	struct replay_job *job;
	struct attack_book book;
	struct attack_shape shape;
	struct replay_machine machine;
	struct replay_commits commits;
	struct replay_run run;
	struct attacker attacker;
};

static double now_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void tell_before(void *ctx, const struct replay_step *step)
{
	attack_book_before(ctx, step->mapping, step->op == TRACE_OP_UNMAP);
}

static void tell_after(void *ctx, const struct replay_step *step)
{
	attack_book_after(ctx, step->mapping);
}

static bool is_alone(const struct attack *k)
{
	return k->opts->clock == REPLAY_CLOCK_TRACE;
}

/* The machine. */

static int make_machine(struct attack *k)
{
	struct replay_opts opts = {
		.exposure = true,
		.mask_bits = k->opts->mask_bits,
		.profile = k->opts->profile ? k->opts->profile : "free",
		.sim_flags = DMP_SIM_TOUCH_STALE |
			     (k->policy->way == REPLAY_DIRECT ? DMP_SIM_NO_IOMMU : 0),
		.shape = attack_shape_domain,
		.shape_ctx = &k->shape,
	};

	opts.flush[k->policy->way] = k->policy->flush;
	return replay_machine_create(&opts, k->policy->way, k->job, &k->machine);
}

static int make_attacker(struct attack *k)
{
	int err = attacker_open(&k->attacker, k->opts, &k->book, &k->machine);

	if (err)
		complain("cannot make the attacking device: %s", strerror(-err));
	return err;
}

/* Whatever is made is undone by the caller. */
static int make_book(struct attack *k)
{
	int err = attack_book_open(&k->book, k->job, k->policy, is_alone(k));

	if (!err)
		err = attack_shape_open(&k->shape, &k->book, k->job->trace->devices.count);
	if (err == -E2BIG)
		return complain("the trace has %u devices; an attack takes 4096 at most",
				k->job->trace->devices.count);
	return err ? complain("no memory for the book of addresses") : 0;
}

/* The run. */

static int start(struct attack *k)
{
	int err = replay_place_reset(&k->machine);

	attack_book_set_granule(&k->book, &k->machine);
	if (!err)
		err = attack_book_lists(&k->book);
	if (!err && k->policy->way == REPLAY_MANUAL) {
		err = replay_commits_init(&k->commits, &k->machine, &k->policy->flush);
		k->run.commits = &k->commits;
	}
	for (uint32_t i = 0; i < k->job->nlanes; i++)
		k->job->lanes[i].counts = (struct replay_counts){0};
	/* What fails is counted and told with the answer. */
	for (uint32_t i = 0; i < k->job->plan->nmappings; i++)
		k->job->mappings[i].map_attrs |= DMP_ATTR_NO_WARN;
	return err ? complain("no memory for the lists") : 0;
}

static int run(struct attack *k)
{
	const struct replay_watch watch = {tell_before, tell_after, &k->book};
	int err = 0;

	k->run.watch = &watch;
	if (is_alone(k))
		attack_clock_run(k->opts, &k->run, &k->attacker);
	else
		err = attack_beside_run(k->opts, &k->run, &k->attacker);
	k->run.watch = NULL;
	k->run.commits = NULL;
	if (err)
		return complain("cannot start the threads: %s; use --clock trace", strerror(-err));
	if (k->book.lost)
		return complain(
			"more different addresses than there is room for: %llu pages; use a "
			"shorter trace",
			(unsigned long long)k->book.lost);
	return 0;
}

static struct replay_blame blame_of(const struct replay_job *job)
{
	struct replay_blame sum = {0};

	for (uint32_t i = 0; i < job->nlanes; i++)
		replay_blame_add(&sum, &job->lanes[i].counts.blame);
	return sum;
}

static int collect(const struct attack *k, struct attack_result *result)
{
	result->counts = k->attacker.counts;
	result->open_peak = k->book.open_peak;
	result->open_end = k->book.open_bytes;
	result->given_open = k->book.given_open;
	result->blame = blame_of(k->job);
	if (!attack_is_translated(k->policy))
		return 0;
	result->exposed = replay_exposure_read(&k->run);
	return result->exposed ? 0 : complain("no memory for what devices could reach");
}

static int on_machine(struct attack *k, struct attack_result *result)
{
	int err;

	k->run = (struct replay_run){
		.job = k->job, .machine = &k->machine, .in_trace_time = is_alone(k)};
	err = start(k);
	if (!err)
		err = make_attacker(k);
	if (!err)
		err = run(k);
	if (!err)
		err = collect(k, result);
	if (k->attacker.machine)
		attacker_close(&k->attacker);
	replay_commits_free(&k->commits);
	if (!err)
		replay_step_tidy(&k->run, &k->job->lanes[0]);
	return err;
}

static int with_machine(struct attack *k, struct attack_result *result)
{
	int err;

	if (make_machine(k))
		return EXIT_USAGE;
	err = on_machine(k, result);
	result->broken_books = replay_machine_destroy(&k->machine);
	return err ? EXIT_USAGE : 0;
}

/* Time of the trace begins before there is a machine, and ends after it. */
static int in_time(struct attack *k, struct attack_result *result)
{
	int err;

	if (!is_alone(k))
		return with_machine(k, result);
	if (replay_clock_begin(k->job))
		return EXIT_USAGE;
	err = with_machine(k, result);
	result->broken_books += replay_clock_end();
	return err;
}

int attack_run(const struct attack_opts *opts, const struct attack_policy *policy,
	       struct replay_job *job, struct attack_result *result)
{
	struct attack k = {.opts = opts, .policy = policy, .job = job};
	double start_s = now_seconds();
	int err;

	*result = (struct attack_result){.policy = policy, .clock = opts->clock};
	err = make_book(&k);
	if (!err)
		err = in_time(&k, result);
	attack_shape_close(&k.shape);
	attack_book_close(&k.book);
	result->seconds = now_seconds() - start_s;
	return err;
}

void attack_result_free(struct attack_result *result)
{
	free(result->exposed);
	result->exposed = NULL;
}
