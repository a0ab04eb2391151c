// SPDX-License-Identifier: MIT
/*
 * test_flow_bad_machine.c - what makes no sense about a machine makes none: its cost profile, the
 * format of its page tables
 *
 * What makes no sense at a machine that is there is in test_flow_bad_input.
 */
#include "dmptest.h"
#include "log_quiet.h"

#include <dmapool/port.h>
#include <dmapool/sim.h>

#include <stdio.h>
#include <stdlib.h>

/* A profile of a file that says @text. */
static int create_with(const char *text, struct dmp_sim **sim)
{
	char path[] = "/tmp/dmapool-test-XXXXXX";
	int fd = mkstemp(path), err;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	err = dmp_sim_create(&DMP_SIM_OPTS(.profile = path), sim);
	remove(path);
	return err;
}

#define COST(number)     "{\"walk_miss\": {" number "\"unit\": \"ns\", \"source\": \"s\"}}"
#define PROPERTY(number) "{\"machine\": {\"iotlb_sets\": {" number "\"source\": \"s\"}}}"

static void test_a_profile_with_a_bad_number_makes_no_machine(void **state)
{
	static const char *const bad[] = {
		COST("\"value\": -1, "),
		COST("\"value\": -0.5, "),
		COST("\"value\": null, "),
		COST("\"value\": \"1\", "),
		COST("\"value\": 1e999, "),
		COST(""),
		PROPERTY("\"value\": -4, "),
		PROPERTY("\"value\": 1.5, "),
		PROPERTY("\"value\": 3, "),
		PROPERTY(""),
		"{\"walk_miss\": {}}",
		"{\"nothing\": {\"value\": 1, \"unit\": \"ns\", \"source\": \"s\"}}",
	};
	uint64_t meta_before = dmp_meta_in_use();
	struct dmp_sim *sim = NULL;
	int err;

	(void)state;
	dmp_log_set_sink(log_quiet, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = create_with(bad[i], &sim);
		assert_true(err == -EIO || err == -EINVAL);
		assert_null(sim);
		assert_int_equal(dmp_meta_in_use(), meta_before);
	}
	assert_int_equal(create_with(COST("\"value\": 1, "), &sim), 0);
	assert_int_equal(dmp_sim_destroy(sim), 0);
	assert_int_equal(create_with(PROPERTY("\"value\": 4, "), &sim), 0);
	assert_int_equal(dmp_sim_destroy(sim), 0);
	dmp_log_set_sink(NULL, NULL);
}

/* Of no granule that its encoding has, of no name, of both. */
static void test_a_format_that_makes_no_sense_makes_no_machine(void **state)
{
	struct dmp_sim_format format;
	struct dmp_sim *sim = NULL;

	(void)state;
	dmp_log_set_sink(log_quiet, NULL);
	assert_int_equal(dmp_sim_format_find("vtd-48", &format), 0);
	assert_int_equal(
		dmp_sim_create(&DMP_SIM_OPTS(.format = "vtd-48", .custom_format = &format), &sim),
		-EINVAL);
	format.granule_shift = 13;
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.custom_format = &format), &sim), -EINVAL);
	assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.format = "vtd-49"), &sim), -ENOENT);
	assert_null(sim);
	dmp_log_set_sink(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_profile_with_a_bad_number_makes_no_machine),
		cmocka_unit_test(test_a_format_that_makes_no_sense_makes_no_machine),
	};

	return cmocka_run_group_tests_name("flow_bad_machine", tests, NULL, NULL);
}
