// SPDX-License-Identifier: MIT
/*
 * test_attack_beside.c - proves that an attack beside real threads ends with them, and finds no
 * promise broken that is kept
 *
 * How many attempts there are, and which, depends on the computer: whatever they are, none may
 * have been where it must not.
 */
#include "test_attack_rig.h"
#include "rng.h"

/* @rounds maps on CPU 0, each unmapped on CPU 1. */
static char *relay(uint64_t rounds)
{
	static const char one[] = MAP(0, 01, "BIDIRECTIONAL", 1000, 5000, 4096)
		MAP(1, 02, "TO_DEVICE", 2000, 8000, 8192) UNMAP(1, 03, "BIDIRECTIONAL", 1000, 4096)
			UNMAP(0, 04, "TO_DEVICE", 2000, 8192);
	char *text = malloc(rounds * sizeof(one)), *p = text;

	assert_non_null(text);
	for (uint64_t i = 0; i < rounds; i++)
		p = stpcpy(p, one);
	return text;
}

static struct attack_result beside(const char *text, const char *flush, uint64_t attempts)
{
	static struct attack_rig rig; /* the result points at its policy */
	struct attack_result r;

	attack_rig_up(&rig, text, flush);
	rig.opts.clock = REPLAY_CLOCK_REAL;
	rig.opts.attempts = attempts;
	attack_rig_run(&rig, &r);
	attack_rig_down(&rig);
	return r;
}

static void test_beside_threads_every_policy_keeps_its_promises(void **state)
{
	static const char *const policies[] = {"strict", "lazy:entries=4", "lazy-single",
					       "on-reuse", "manual:every=16"};
	char *text = relay(rng_rounds_from_env(400));

	(void)state;
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		struct attack_result r = beside(text, policies[i], UINT64_MAX);

		assert_int_equal(r.blame.requests, 0);
		assert_int_equal(attack_judge(&r), 0);
		attack_result_free(&r);
	}
	free(text);
}

static void test_an_attack_ends_with_its_attempts(void **state)
{
	char *text = relay(10);
	struct attack_result r = beside(text, "strict", 5);

	(void)state;
	assert_in_range(attempts_of(&r) + r.counts.unjudged, 0, 5);
	assert_int_equal(attack_judge(&r), 0);
	attack_result_free(&r);
	free(text);
}

/* Where nothing was ever mapped there is nothing to break: seven of eight attempts are elsewhere.
 * Of those that a busy computer left, a hundred say so. */
static void test_an_attack_begins_with_the_first_mapping(void **state)
{
	char *text = relay(100);
	struct attack_result r = beside(text, "strict", 2000);
	uint64_t never = attack_sum(&r.counts, ATTACK_NEVER, ATTACK_ANSWERS);

	(void)state;
	assert_true(attempts_of(&r) < 100 || never < attempts_of(&r));
	attack_result_free(&r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_beside_threads_every_policy_keeps_its_promises),
		cmocka_unit_test(test_an_attack_ends_with_its_attempts),
		cmocka_unit_test(test_an_attack_begins_with_the_first_mapping),
	};

	return cmocka_run_group_tests_name("attack_beside", tests, NULL, NULL);
}
