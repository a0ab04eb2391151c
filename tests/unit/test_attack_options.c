// SPDX-License-Identifier: MIT
/*
 * test_attack_options.c - proves that bench/attack_options.c takes what can be, and refuses the
 * rest in one line that names the option
 */
#include "test_attack_refused.h"

static struct attack_opts taken_opts;
static char taken_first[64];

/* As a command that only parses. */
static int parse(int argc, const char **argv)
{
	struct attack_command command;
	int status = attack_options_parse(argc, argv, &command);

	taken_opts = command.opts;
	taken_first[0] = '\0';
	if (!status && command.paths[0])
		snprintf(taken_first, sizeof(taken_first), "%s", command.paths[0]);
	attack_options_free(&command);
	return status;
}

#define TAKE(...)                                                                                  \
	assert_int_equal(                                                                          \
		say(parse, STDERR_FILENO, (const char *const[]){__VA_ARGS__, NULL}).status,        \
		EXIT_GOOD)
#define REFUSED(what, ...) refuse(parse, what, (const char *const[]){__VA_ARGS__, NULL})

static void test_without_options_a_loop_is_attacked_a_million_times_a_policy(void **state)
{
	static const char *const names[] = {"strict", "lazy", "lazy-single", "on-reuse", "manual"};

	(void)state;
	TAKE(NULL);
	assert_int_equal(taken_opts.attempts, 1000000);
	assert_int_equal(taken_opts.seed, 1);
	assert_int_equal(taken_opts.clock, REPLAY_CLOCK_TRACE);
	assert_int_equal(taken_opts.mask_bits, 32);
	assert_int_equal(taken_opts.loop_maps, 20000);
	assert_int_equal(taken_opts.npolicies, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(taken_opts.policies[i].text, names[i]);
	assert_string_equal(taken_first, "");
}

static void test_each_option_is_taken(void **state)
{
	(void)state;
	TAKE("--attempts", "7", "--seed", "0", "--clock", "real", "--mask", "48", "--loop", "9");
	assert_int_equal(taken_opts.attempts, 7);
	assert_int_equal(taken_opts.seed, 0);
	assert_int_equal(taken_opts.clock, REPLAY_CLOCK_REAL);
	assert_int_equal(taken_opts.mask_bits, 48);
	assert_int_equal(taken_opts.loop_maps, 9);
	assert_null(taken_opts.profile);
	TAKE("--profile", "vtd-modern");
	TAKE("a.txt", "--flush", "none,lazy:entries=64:timeout=1ms", "b.txt");
	assert_string_equal(taken_first, "a.txt");
	assert_int_equal(taken_opts.npolicies, 2);
	assert_int_equal(taken_opts.policies[0].way, REPLAY_DIRECT);
	assert_int_equal(taken_opts.policies[1].flush.entries, 64);
}

static void test_what_cannot_be_is_refused(void **state)
{
	(void)state;
	REFUSED("--attempts", "--attempts", "0");
	REFUSED("--attempts", "--attempts", "many");
	REFUSED("--attempts: '1,2' should be a number from", "--attempts", "1,2");
	REFUSED("--attempts is given twice", "--attempts", "1", "--attempts", "2");
	REFUSED("--seed", "--seed", "-1");
	REFUSED("--clock", "--clock", "wall");
	REFUSED("--clock: 'trace,real' is none of real, trace\n", "--clock", "trace,real");
	REFUSED("--clock: 'all' is none of real, trace\n", "--clock", "all");
	REFUSED("--mask", "--mask", "11");
	REFUSED("--mask", "--mask", "65");
	REFUSED("profile", "--profile", "no-such-machine");
	REFUSED("--profile is given twice", "--profile", "free", "--profile", "free");
	REFUSED("--loop", "--loop", "0");
	REFUSED("--loop is the workload without a trace", "--loop", "10", "a.txt");
	REFUSED("'sometimes' is not a way to flush; try none, strict, lazy, lazy-single, on-reuse, "
		"manual, guest or passthrough\n",
		"--flush", "lazy,sometimes:entries=2");
	REFUSED("'' is not a way to flush; try none, strict", "--flush", "lazy,");
	REFUSED("none has no settings", "--flush", "none:entries=2");
	REFUSED("names lazy twice", "--flush", "lazy,strict,lazy");
	REFUSED("use --clock trace", "--clock", "real", "--flush", "manual:every=10ms");
	REFUSED("--json needs the name", "--json", "");
	REFUSED("--nonsense", "--nonsense");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_options_a_loop_is_attacked_a_million_times_a_policy),
		cmocka_unit_test(test_each_option_is_taken),
		cmocka_unit_test(test_what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests_name("attack_options", tests, NULL, NULL);
}
