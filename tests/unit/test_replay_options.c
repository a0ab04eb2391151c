// SPDX-License-Identifier: MIT
/*
 * test_replay_options.c - proves that bench/replay_options.c takes what can be, and refuses
 * the rest in one line that names the option
 */
#include "dmptest.h"

#include "command.h"
#include "replay_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 12

static int parse(const char *const *args, struct replay_command *command)
{
	const char *argv[ARGS_MAX + 2] = {"dmapool replay"};
	int argc = 1;

	for (; args[argc - 1]; argc++)
		argv[argc] = args[argc - 1];
	return replay_options_parse(argc, argv, command);
}

#define PARSE(command, ...) parse((const char *const[]){__VA_ARGS__, NULL}, command)

/* The options before a trace: taken as what the caller then looks at. */
static struct replay_opts taken(const char *const *args)
{
	struct replay_command command;
	struct replay_opts opts;

	assert_int_equal(parse(args, &command), EXIT_GOOD);
	opts = command.opts;
	opts.profile = NULL;
	replay_options_free(&command);
	return opts;
}

#define TAKEN(...) taken((const char *const[]){__VA_ARGS__, "trace", NULL})

/* Refused with one line on standard error, in which @said stands. */
static void refused(const char *said, const char *const *args)
{
	struct replay_command command;
	FILE *to = tmpfile();
	int saved = dup(STDERR_FILENO), status;
	char text[512];
	size_t len;

	assert_non_null(to);
	fflush(stderr);
	dup2(fileno(to), STDERR_FILENO);
	status = parse(args, &command);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	replay_options_free(&command);
	rewind(to);
	len = fread(text, 1, sizeof(text) - 1, to);
	fclose(to);
	text[len] = '\0';
	assert_int_equal(status, EXIT_USAGE);
	assert_non_null(strstr(text, said));
	assert_ptr_equal(strchr(text, '\n'), &text[len - 1]);
}

#define REFUSED(said, ...) refused(said, (const char *const[]){__VA_ARGS__, "trace", NULL})

static void test_without_options_every_route_is_taken_with_linuxs_pool(void **state)
{
	struct replay_opts opts = TAKEN("other");

	(void)state;
	assert_int_equal(opts.routes, 1u << REPLAY_DIRECT | 1u << REPLAY_BOUNCE |
					      1u << REPLAY_STRICT | 1u << REPLAY_LAZY |
					      1u << (replay_nroutes - 1));
	assert_true(opts.data && !opts.serial && !opts.check_addresses);
	assert_int_equal(opts.repeat, 1);
	assert_int_equal(opts.mask_bits, 32);
	assert_int_equal(opts.slots, 32768);
	assert_int_equal(opts.areas, 4);
	assert_false(opts.grow);
	assert_int_equal(opts.unknown, REPLAY_LAZY);
}

static void expect_all(struct replay_opts opts)
{
	assert_true(opts.serial && !opts.data);
	assert_int_equal(opts.repeat, 7);
	assert_int_equal(opts.mask_bits, 48);
	assert_int_equal(opts.slots, 1024);
	assert_int_equal(opts.areas, 2);
	assert_true(opts.grow);
	assert_int_equal(opts.unknown, REPLAY_STRICT);
	assert_int_equal(opts.routes, 1u << REPLAY_LAZY | 1u << REPLAY_BOUNCE);
}

static void test_every_option_is_taken_in_its_long_and_its_short_form(void **state)
{
	(void)state;
	expect_all(TAKEN("--serial", "--no-data", "--repeat=7", "--mask=48", "--slots=1024,2",
			 "--flush=strict", "--route=lazy,bounce", "--grow"));
	expect_all(TAKEN("-sng", "-N7", "-m48", "-S1024,2", "-fstrict", "-rlazy,bounce"));
}

static void test_a_command_without_a_trace_is_refused(void **state)
{
	static const char *const none[] = {"--serial", NULL};

	(void)state;
	refused("no trace given", none);
}

static void test_numbers_are_digits_within_their_bounds(void **state)
{
	static const char *const bad_runs[] = {"",   "x",    "0",          "-1",
					       "1x", "1001", "4294967297", "99999999999999999999"};
	static const char *const bad_masks[] = {"", "11", "65", "-32", "0x20", "32 "};

	(void)state;
	for (size_t i = 0; i < sizeof(bad_runs) / sizeof(bad_runs[0]); i++)
		REFUSED("--repeat must be", "--repeat", bad_runs[i]);
	for (size_t i = 0; i < sizeof(bad_masks) / sizeof(bad_masks[0]); i++)
		REFUSED("--mask must be", "--mask", bad_masks[i]);
	assert_int_equal(TAKEN("--repeat", "1000").repeat, 1000);
	assert_int_equal(TAKEN("--mask", "12").mask_bits, 12);
	assert_int_equal(TAKEN("--mask", "64").mask_bits, 64);
}

static void test_a_pool_is_powers_of_two_with_a_segment_an_area(void **state)
{
	static const char *const bad[] = {"",
					  "x",
					  "0",
					  "1000",
					  "-1024",
					  " 1024",
					  "+1024",
					  "1024,",
					  "1024,3",
					  "1024,0",
					  "1024,4,",
					  "1024,-1",
					  "1024,4x",
					  "1024, 4",
					  "1048576,4",
					  "0x400",
					  "18446744073709551617,1",
					  "1024,18446744073709551620"};
	static const char *const too_small[] = {"64", "64,1", "256", "1024,16", "524288,8192"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSED("--slots must be N or N,AREAS", "--slots", bad[i]);
	for (size_t i = 0; i < sizeof(too_small) / sizeof(too_small[0]); i++)
		REFUSED("at least 128 slots", "--slots", too_small[i]);
	assert_int_equal(TAKEN("--slots", "512").areas, 4);
	assert_int_equal(TAKEN("--slots", "128,1").slots, 128);
	assert_int_equal(TAKEN("--slots", "1024,8").areas, 8);
	assert_int_equal(TAKEN("--slots", "524288,4096").areas, 4096);
}

static void test_a_profile_that_cannot_be_loaded_is_refused_with_those_that_can(void **state)
{
	(void)state;
	REFUSED("no such profile", "--profile", "nope");
	REFUSED("vtd-modern, vtd-2015", "--profile", "nope");
	REFUSED("/nonexistent.json", "--profile", "/nonexistent.json");
}

/* --json *.xz takes the first trace for the answer's place. */
static void test_an_answer_goes_nowhere_where_a_trace_is(void **state)
{
	char path[] = "/tmp/dmapool-test-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	REFUSED("which is one of the traces", "--json", path, path);
	REFUSED("--json needs the name of a file", "--json", "");
	close(fd);
	unlink(path);
}

static void test_a_flush_is_a_policy_with_what_is_set_of_it(void **state)
{
	struct replay_opts opts = TAKEN("--flush", "lazy-single:entries=64:timeout=2ms");

	(void)state;
	assert_int_equal(TAKEN("--flush", "strict").unknown, REPLAY_STRICT);
	assert_int_equal(TAKEN("--flush", "lazy").unknown, REPLAY_LAZY);
	assert_int_equal(opts.unknown, REPLAY_LAZY_SINGLE);
	assert_int_equal(opts.flush[REPLAY_LAZY_SINGLE].entries, 64);
	assert_int_equal(opts.flush[REPLAY_LAZY_SINGLE].timeout_ns, 2000000);
	assert_int_equal(opts.flush[REPLAY_LAZY].entries, 0);
	assert_int_equal(TAKEN("-f", "manual:every=9ms", "-Ctrace").flush[REPLAY_MANUAL].commit_ns,
			 9000000);
	REFUSED("add --clock trace", "--flush", "manual:every=9ms");
	REFUSED("'' is not a way to flush; try strict, lazy, ", "--flush", "");
	REFUSED("'LAZY' is not a way to flush", "--flush", "LAZY");
	REFUSED("'bounce' is not a way to flush", "--flush", "bounce");
}

static void test_a_clock_is_real_or_of_the_trace_on_one_thread(void **state)
{
	(void)state;
	assert_int_equal(TAKEN("other").clock, REPLAY_CLOCK_REAL);
	assert_int_equal(TAKEN("--clock", "real", "--serial").clock, REPLAY_CLOCK_REAL);
	assert_int_equal(TAKEN("-C", "trace").clock, REPLAY_CLOCK_TRACE);
	REFUSED("--clock must be real or trace", "--clock", "");
	REFUSED("--clock must be real or trace", "--clock", "Trace");
	REFUSED("leave out --serial", "--clock", "trace", "--serial");
}

static void test_ways_to_flush_are_compared_in_the_time_of_the_trace(void **state)
{
	static const char *const list[] = {
		"--what-if", "flush=strict,lazy:entries=64", "-n", "-Ctrace", "trace", NULL};
	struct replay_command command;

	(void)state;
	assert_int_equal(parse(list, &command), EXIT_GOOD);
	assert_ptr_equal(command.opts.what_if, &command.what_if);
	assert_int_equal(command.what_if.n, 2);
	assert_int_equal(command.opts.clock, REPLAY_CLOCK_TRACE);
	assert_true(command.opts.exposure && command.opts.neighbours && !command.opts.data);
	replay_options_free(&command);
	assert_null(TAKEN("other").what_if);
	assert_false(TAKEN("other").exposure);
	assert_true(TAKEN("--exposure").exposure);
	assert_false(TAKEN("--exposure").neighbours);
	assert_true(TAKEN("--neighbours").neighbours);
	assert_false(TAKEN("-b").exposure);
	REFUSED("--what-if must be flush=", "--what-if", "strict");
	REFUSED("'x' is not a way to flush", "--what-if", "flush=x");
}

/* What it decides itself is not silently left out. */
static void test_a_comparison_takes_no_option_of_a_replay_with_routes(void **state)
{
	static const char *const with_value[] = {"--route", "lazy", "--slots",  "1024",
						 "--flush", "lazy", "--repeat", "3"};
	(void)state;
	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i += 2)
		REFUSED(with_value[i], "--what-if", "flush=lazy", with_value[i], with_value[i + 1]);
	REFUSED("leave out --serial", "-s", "--what-if", "flush=lazy");
	REFUSED("leave out --grow", "-g", "--what-if", "flush=lazy");
	REFUSED("leave out --exposure", "-e", "--what-if", "flush=lazy");
	REFUSED("leave out --neighbours", "-b", "--what-if", "flush=lazy");
	REFUSED("leave out --clock", "--clock", "real", "--what-if", "flush=lazy");
	REFUSED("leave out --what-if", "--check-addresses", "--what-if", "flush=lazy");
}

static void test_routes_are_a_list_without_empty_names_and_without_repetition(void **state)
{
	(void)state;
	assert_int_equal(TAKEN("--route", "strict,direct").routes,
			 1u << REPLAY_DIRECT | 1u << REPLAY_STRICT);
	assert_int_equal(TAKEN("--route", "as-recorded").routes, 1u << (replay_nroutes - 1));
	REFUSED("'' is not a route", "--route", "");
	REFUSED("'' is not a route", "--route", "strict,");
	REFUSED("'' is not a route", "--route", ",strict");
	REFUSED("'scenic' is not a route", "--route", "scenic");
	REFUSED("'stric' is not a route", "--route", "stric");
	REFUSED("names strict twice", "--route", "strict,lazy,strict");
}

static void test_a_pool_is_shaped_only_where_a_route_may_have_one(void **state)
{
	(void)state;
	REFUSED("--slots is of the bounce pool; add bounce to --route", "--slots", "1024",
		"--route", "strict,direct");
	REFUSED("--grow is of the bounce pool", "--grow", "--route", "passthrough");
	assert_true(TAKEN("--grow", "--route", "strict,bounce").grow);
	assert_int_equal(TAKEN("--slots", "1024", "--route", "as-recorded").slots, 1024);
	assert_int_equal(TAKEN("--slots", "1024").slots, 1024);
}

static void test_an_option_that_is_given_twice_is_refused(void **state)
{
	(void)state;
	REFUSED("--route is given twice", "--route", "strict", "-r", "direct");
	REFUSED("--json is given twice", "--json", "a", "-j", "b");
	REFUSED("--slots is given twice", "--slots", "1024", "--slots", "1024");
	REFUSED("--flush is given twice", "--flush", "lazy", "--flush", "strict");
	REFUSED("--mask is given twice", "--mask", "32", "-m", "64");
	REFUSED("--serial is given twice", "-s", "--serial");
	REFUSED("--check-addresses is given twice", "-c", "-c");
}

static void test_an_option_that_does_not_exist_is_refused(void **state)
{
	(void)state;
	REFUSED("--scenic", "--scenic");
}

/* It makes no machine: nothing that shapes one is silently left out. */
static void test_an_address_check_takes_no_option_of_a_replay(void **state)
{
	static const char *const with_value[] = {"--route",   "lazy",   "--slots",  "1024",
						 "--flush",   "strict", "--repeat", "3",
						 "--profile", "free",   "--mask",   "32"};
	(void)state;
	for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i += 2)
		REFUSED(with_value[i], "--check-addresses", with_value[i], with_value[i + 1]);
	REFUSED("leave out --serial", "--serial", "--check-addresses");
	REFUSED("leave out --no-data", "-c", "-n");
	REFUSED("leave out --neighbours", "-c", "-b");
	assert_true(TAKEN("--check-addresses", "--json", "x").check_addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_options_every_route_is_taken_with_linuxs_pool),
		cmocka_unit_test(test_every_option_is_taken_in_its_long_and_its_short_form),
		cmocka_unit_test(test_a_command_without_a_trace_is_refused),
		cmocka_unit_test(test_numbers_are_digits_within_their_bounds),
		cmocka_unit_test(test_a_pool_is_powers_of_two_with_a_segment_an_area),
		cmocka_unit_test(
			test_a_profile_that_cannot_be_loaded_is_refused_with_those_that_can),
		cmocka_unit_test(test_an_answer_goes_nowhere_where_a_trace_is),
		cmocka_unit_test(test_a_flush_is_a_policy_with_what_is_set_of_it),
		cmocka_unit_test(test_a_clock_is_real_or_of_the_trace_on_one_thread),
		cmocka_unit_test(test_ways_to_flush_are_compared_in_the_time_of_the_trace),
		cmocka_unit_test(test_a_comparison_takes_no_option_of_a_replay_with_routes),
		cmocka_unit_test(test_routes_are_a_list_without_empty_names_and_without_repetition),
		cmocka_unit_test(test_a_pool_is_shaped_only_where_a_route_may_have_one),
		cmocka_unit_test(test_an_option_that_is_given_twice_is_refused),
		cmocka_unit_test(test_an_option_that_does_not_exist_is_refused),
		cmocka_unit_test(test_an_address_check_takes_no_option_of_a_replay),
	};

	return cmocka_run_group_tests_name("replay_options", tests, NULL, NULL);
}
