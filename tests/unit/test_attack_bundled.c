// SPDX-License-Identifier: MIT
/*
 * test_attack_bundled.c - proves what each flush policy promises, against an attack beside every
 * bundled trace: strict leaves no stale access, the others leave none outside their windows, and
 * none is older than the bound; and no address is ever given out while it can be reached
 *
 * DMP_ATTACK_ATTEMPTS is how often each policy is tried; the test is quick without it.  Where
 * DMP_TEST_ROUNDS asks for few rounds each trace has strict and one of the others in turn.
 */
#include "test_attack_rig.h"
#include "rng.h"

#define ATTEMPTS 20000

static uint64_t attempts_from_env(void)
{
	const char *text = getenv("DMP_ATTACK_ATTEMPTS");

	return text ? strtoull(text, NULL, 0) : ATTEMPTS;
}

static void expect_kept(const struct attack_result *r, uint64_t attempts)
{
	assert_int_equal(attempts_of(r), attempts);
	assert_int_equal(attack_judge(r), 0);
	assert_int_equal(r->given_open, 0);
	assert_int_equal(r->exposed->sum.seen.iova_reused, 0);
	assert_true(r->counts.oldest_stale_ns <= attack_bound_ns(r));
	assert_true(attack_sum(&r->counts, ATTACK_LIVE, ATTACK_DONE) > 0);
	assert_true(attack_sum_all(&r->counts, DMP_FAULT_NOT_PRESENT) > 0);
}

/* Those that defer must be seen to: else the attack proves nothing about strict. */
static void expect_of_policy(const struct attack_result *r)
{
	uint64_t stale = attack_sum_all(&r->counts, DMP_FAULT_STALE);

	if (attack_flushes_at_once(r->policy))
		assert_int_equal(stale, 0);
	else
		assert_true(stale > 0);
	if (attack_bound_ns(r) != UINT64_MAX)
		assert_int_equal(r->open_end, 0);
}

static char bundled[][32] = {
	"boot-and-probe",      "tracecmd-sample",        "nvme-mixed-bs",      "net-tcp-virtio",
	"usb-uas-mixed-bs",    "swiotlb-force-big",      "swiotlb-force-full", "swiotlb-force-net",
	"swiotlb-force-small", "nvme-4k-randrw-8cpu-2q",
};

#define NTRACES (sizeof(bundled) / sizeof(bundled[0]))

/* Is policy @i of @n, the first of which is strict, tried beside trace @number? */
static bool is_tried(unsigned i, unsigned n, size_t number)
{
	bool all = rng_rounds_from_env(UINT64_MAX) == UINT64_MAX;

	return all || i == 0 || i == 1 + number % (n - 1);
}

static void test_every_policy_keeps_its_promises(void **state)
{
	size_t number = (size_t)((char(*)[32]) * state - bundled);
	struct attack_opts opts = {.attempts = attempts_from_env(),
				   .seed = 1,
				   .clock = REPLAY_CLOCK_TRACE,
				   .mask_bits = 32};
	const struct replay_opts how = {.clock = REPLAY_CLOCK_TRACE, .unknown = REPLAY_LAZY};
	struct replay_answer answer;
	struct replay_job job;
	char path[4096];

	snprintf(path, sizeof(path), TRACE_DIR "/%s.txt.xz", (const char *)*state);
	assert_int_equal(attack_policies_parse("strict,lazy,lazy-single,on-reuse,manual", &opts),
			 0);
	assert_int_equal(replay_file_read(path, &answer), 0);
	assert_int_equal(replay_job_make(&how, &answer, &job), 0);
	for (unsigned i = 0; i < opts.npolicies; i++) {
		struct attack_result r;

		if (!is_tried(i, opts.npolicies, number))
			continue;
		assert_int_equal(attack_run(&opts, &opts.policies[i], &job, &r), 0);
		expect_kept(&r, opts.attempts);
		expect_of_policy(&r);
		attack_result_free(&r);
	}
	replay_job_free(&job);
	replay_answer_free(&answer);
}

int main(void)
{
	struct CMUnitTest tests[NTRACES];

	for (size_t i = 0; i < NTRACES; i++)
		tests[i] = (struct CMUnitTest){.name = bundled[i],
					       .test_func = test_every_policy_keeps_its_promises,
					       .initial_state = bundled[i]};
	return cmocka_run_group_tests_name("attack_bundled", tests, NULL, NULL);
}
