// SPDX-License-Identifier: MIT
/*
 * attack_run.c - one workload against one policy: a machine, time, the end
 *
 *    manual mode, or threads
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

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <errno.h>
#include <string.h>
#include <time.h>

/* CPUs that manual mode has at most. */
#define CPUS_MAX 4096u

struct attack {
	const struct attack_opts *opts;
	const struct attack_policy *policy;
	struct replay_job *job;
	struct attack_book book;
	struct attack_shape shape;
	struct replay_machine machine;
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

/* Time and CPUs. */

static int enter(const struct attack *k)
{
	uint32_t ncpus = k->job->trace->ncpus;
	int err;

	if (k->opts->threads)
		return 0;
	err = dmp_harness_enter(ncpus < 1 ? 1 : ncpus > CPUS_MAX ? CPUS_MAX : ncpus);
	return err ? complain("cannot stop the clock: %s; use --threads", strerror(-err)) : 0;
}

static unsigned leave(const struct attack *k)
{
	if (k->opts->threads)
		return 0;
	dmp_harness_grace_period();
	return dmp_harness_leave() != 0;
}

/* The machine. */

static int make_machine(struct attack *k)
{
	struct replay_opts opts = {
		.serial = !k->opts->threads,
		.repeat = 1,
		.mask_bits = k->opts->mask_bits,
		.profile = "free",
		.sim_flags = DMP_SIM_TOUCH_STALE | (k->policy->translated ? 0 : DMP_SIM_NO_IOMMU),
		.shape = attack_shape_domain,
		.shape_ctx = &k->shape,
	};
	enum replay_way way = k->policy->translated ? REPLAY_STRICT : REPLAY_DIRECT;

	return replay_machine_create(&opts, way, k->job, &k->machine);
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
	int err = attack_book_open(&k->book, k->job, k->policy);

	if (!err)
		err = attack_shape_open(&k->shape, k->opts, k->policy, &k->book,
					k->job->trace->devices.count);
	if (err == -E2BIG)
		return complain("the trace has %u devices; an attack takes 4096 at most",
				k->job->trace->devices.count);
	return err ? complain("no memory for the book of addresses") : 0;
}

/* The run. */

static int run(struct attack *k, uint64_t bound_ns)
{
	const struct replay_watch watch = {tell_before, tell_after, &k->book};
	int err = replay_place_reset(&k->machine);

	if (!err)
		err = attack_book_lists(&k->book);

	if (err)
		return complain("no memory for the lists");
	k->run = (struct replay_run){.job = k->job, .machine = &k->machine, .watch = &watch};
	for (uint32_t i = 0; i < k->job->nlanes; i++)
		k->job->lanes[i].counts = (struct replay_counts){0};
	if (!k->opts->threads)
		attack_clock_run(k->opts, &k->run, &k->attacker, bound_ns);
	else
		err = attack_beside_run(k->opts, &k->run, &k->attacker);
	k->run.watch = NULL;
	if (err)
		return complain("cannot start the threads: %s; leave out --threads",
				strerror(-err));
	if (k->book.lost)
		return complain(
			"more different addresses than there is room for: %llu pages; use a "
			"shorter trace",
			(unsigned long long)k->book.lost);
	return 0;
}

static uint64_t failed_requests(const struct replay_job *job)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < job->nlanes; i++)
		sum += job->lanes[i].counts.blame.requests;
	return sum;
}

static int attack(struct attack *k, struct attack_result *result)
{
	int err = make_attacker(k);

	result->bound_ns = attack_bound_ns(&k->machine);
	if (!err)
		err = run(k, result->bound_ns);
	result->counts = k->attacker.counts;
	result->open_peak = k->book.open_peak;
	result->open_end = k->book.open_bytes;
	result->given_open = k->book.given_open;
	attack_exposure_join(&k->machine, &result->exposure);
	result->failed_requests = failed_requests(k->job);
	attacker_close(&k->attacker);
	return err;
}

static int with_machine(struct attack *k, struct attack_result *result)
{
	int err = make_machine(k);

	if (err)
		return EXIT_USAGE;
	err = attack(k, result);
	if (!err)
		replay_step_tidy(&k->run, &k->job->lanes[0]);
	result->broken_books = replay_machine_destroy(&k->machine);
	return err ? EXIT_USAGE : 0;
}

int attack_run(const struct attack_opts *opts, const struct attack_policy *policy,
	       struct replay_job *job, struct attack_result *result)
{
	struct attack k = {.opts = opts, .policy = policy, .job = job};
	double start = now_seconds();
	int err;

	*result = (struct attack_result){.policy = policy, .threads = opts->threads};
	err = enter(&k);
	if (err)
		return err;
	err = make_book(&k);
	if (!err)
		err = with_machine(&k, result);
	result->broken_books += leave(&k);
	attack_shape_close(&k.shape);
	attack_book_close(&k.book);
	result->seconds = now_seconds() - start;
	return err;
}
