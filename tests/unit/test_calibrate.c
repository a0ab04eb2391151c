// SPDX-License-Identifier: MIT
/*
 * test_calibrate.c - proves that `dmapool calibrate` writes a profile that a machine takes,
 * and what it refuses
 */
#include "dmptest.h"
#include "calibrate.h"
#include "command.h"

#include <dmapool/sim.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CALIBRATE(...) calibrate_with((const char *[]){"dmapool calibrate", __VA_ARGS__, NULL})

static int calibrate_with(const char **argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	return calibrate_main(argc, argv);
}

static int setup(void **state)
{
	static char dir[] = "/tmp/dmapool-calibrate-XXXXXX";

	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/host.json", (char *)*state);
	unlink(path);
	return rmdir(*state);
}

static void test_what_it_writes_is_found_as_host(void **state)
{
	struct dmp_sim *sim;
	char path[64];

	snprintf(path, sizeof(path), "%s/host.json", (char *)*state);
	assert_int_equal(CALIBRATE("--output", path, "--samples", "1"), EXIT_GOOD);
	setenv("DMAPOOL_PROFILES", *state, 1);
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.profile = "host"), &sim), 0);
	assert_true(dmp_sim_price_ps(sim, DMP_SIM_PRICE_COPY_BYTE) > 0);
	assert_true(dmp_sim_price_ps(sim, DMP_SIM_PRICE_IOVA_CACHED) > 0);
	assert_int_equal(dmp_sim_destroy(sim), 0);
	unsetenv("DMAPOOL_PROFILES");
}

static void test_each_number_has_a_unit_and_says_where_it_comes_from(void **state)
{
	struct calibrate_costs costs = {
		.n = 2, .cost = {{"copy_byte", "by hand", 0.0208}, {"walk_miss", "by eye", 3}}};
	json_t *profile = calibrate_profile(&costs, "a processor", "2026-01-02");
	json_t *cost = json_object_get(profile, "copy_byte");

	(void)state;
	assert_non_null(cost);
	assert_true(json_number_value(json_object_get(cost, "value")) == 20.8);
	assert_string_equal(json_string_value(json_object_get(cost, "unit")), "ps");
	assert_non_null(strstr(json_string_value(json_object_get(cost, "source")), "a processor"));
	assert_non_null(strstr(json_string_value(json_object_get(cost, "source")), "by hand"));
	assert_non_null(strstr(json_string_value(json_object_get(cost, "source")), "2026-01-02"));
	assert_true(json_number_value(json_object_get(json_object_get(profile, "walk_miss"),
						      "value")) == 3000);
	json_decref(profile);
}

static void test_options_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(CALIBRATE("--samples", "0"), EXIT_USAGE);
	assert_int_equal(CALIBRATE("--samples", "102"), EXIT_USAGE);
	assert_int_equal(CALIBRATE("--samples", "x"), EXIT_USAGE);
	assert_int_equal(CALIBRATE("--output", ""), EXIT_USAGE);
	assert_int_equal(CALIBRATE("--output", "a", "--output", "b"), EXIT_USAGE);
	assert_int_equal(CALIBRATE("--nonsense"), EXIT_USAGE);
	assert_int_equal(CALIBRATE("something"), EXIT_USAGE);
	assert_int_equal(CALIBRATE("--samples", "1", "-o", "/no/such/place/host.json"), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_it_writes_is_found_as_host),
		cmocka_unit_test(test_each_number_has_a_unit_and_says_where_it_comes_from),
		cmocka_unit_test(test_options_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests_name("calibrate", tests, setup, teardown);
}
