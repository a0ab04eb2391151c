// SPDX-License-Identifier: MIT
/*
 * test_sim_property.c - proves what sim/sim_property.c takes for a property, and refuses
 */
#include "test_sim_machine.h"

#include <jansson.h>

static char last_line[512];

static void keep_line(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	snprintf(last_line, sizeof(last_line), "%s", line);
}

static int setup(void **state)
{
	(void)state;
	dmp_log_set_sink(keep_line, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dmp_log_set_sink(NULL, NULL);
	return 0;
}

static int parse(const char *name, const char *text, struct dmp_sim_opts *says)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
	int err;

	assert_non_null(json);
	last_line[0] = '\0';
	err = sim_property_parse("mine.json", name, json, says);
	json_decref(json);
	return err;
}

static void test_a_property_sets_the_option_of_its_name(void **state)
{
	struct dmp_sim_opts says = {0};

	(void)state;
	assert_int_equal(parse("iotlb_sets", "{\"value\": 512, \"source\": \"s\"}", &says), 0);
	assert_int_equal(says.iotlb_sets, 512);
	assert_int_equal(parse("walk_entries_2", "{\"value\": 7, \"source\": \"s\"}", &says), 0);
	assert_int_equal(says.walk_entries[1], 7);
	assert_int_equal(parse("mask_bytes", "{\"value\": 8589934592, \"source\": \"s\"}", &says),
			 0);
	assert_int_equal(says.mask_bytes, UINT64_C(1) << 33);
	assert_int_equal(
		parse("queue_kind", "{\"value\": \"lock-free\", \"source\": \"s\"}", &says), 0);
	assert_int_equal(says.queue_kind, DMP_SIM_QUEUE_LOCK_FREE);
	assert_int_equal(parse("queue_by", "{\"value\": \"node\", \"source\": \"s\"}", &says), 0);
	assert_int_equal(says.queue_by, DMP_SIM_QUEUE_BY_NODE);
	assert_int_equal(parse("replace", "{\"value\": \"random\", \"source\": \"s\"}", &says), 0);
	assert_int_equal(says.replace, DMP_SIM_REPLACE_RANDOM);
	assert_int_equal(parse("cache_not_present", "{\"value\": true, \"source\": \"s\"}", &says),
			 0);
	assert_int_equal(says.flags, DMP_SIM_CACHE_NOT_PRESENT);
	assert_int_equal(parse("format", "{\"value\": \"amd-v1\", \"source\": \"s\"}", &says), 0);
	assert_string_equal(says.format, "amd-v1");
}

static void test_what_is_wrong_is_refused_with_its_name(void **state)
{
	struct dmp_sim_opts says = {0}, untouched = {0};
	static const struct {
		const char *name, *text, *why;
	} bad[] = {
		{"iotlb_size", "{\"value\": 1, \"source\": \"s\"}", "not a property"},
		{"iotlb_sets", "{\"value\": 1}", "no source"},
		{"iotlb_sets", "{\"value\": 1, \"source\": \"\"}", "no source"},
		{"iotlb_sets", "{\"value\": 1, \"source\": \"s\", \"unit\": \"ns\"}", "beside"},
		{"iotlb_sets", "{\"source\": \"s\", \"valu\": 3}", "nothing called value"},
		{"iotlb_sets", "{\"value\": 1.5, \"source\": \"s\"}",
		 "power of two from 1 to 1048576"},
		{"iotlb_sets", "{\"value\": -4, \"source\": \"s\"}", "power of two"},
		{"iotlb_sets", "{\"value\": 0, \"source\": \"s\"}", "power of two"},
		{"iotlb_sets", "{\"value\": 4294967296, \"source\": \"s\"}", "power of two"},
		{"iotlb_sets", "{\"value\": 6, \"source\": \"s\"}", "power of two"},
		{"iotlb_sets", "{\"value\": \"8\", \"source\": \"s\"}", "power of two"},
		{"iotlb_ways", "{\"value\": 65, \"source\": \"s\"}", "number from 1 to 64"},
		{"queues", "{\"value\": 4097, \"source\": \"s\"}", "number from 1 to 4096"},
		{"queue_entries", "{\"value\": 1, \"source\": \"s\"}", "from 2 to"},
		{"mask_bytes", "{\"value\": 2048, \"source\": \"s\"}", "from 4096 to"},
		{"mask_bytes", "{\"value\": 9223372036854775807, \"source\": \"s\"}", "power"},
		{"node_cpus", "{\"value\": 0, \"source\": \"s\"}", "from 1 to 4096"},
		{"walk_entries_3", "{\"value\": 2000000, \"source\": \"s\"}", "1048576"},
		{"format", "{\"value\": \"vtd-49\", \"source\": \"s\"}", "formats there are"},
		{"format", "{\"value\": 48, \"source\": \"s\"}", "formats there are"},
		{"queue_kind", "{\"value\": \"fast\", \"source\": \"s\"}", "words"},
		{"queue_kind", "{\"value\": 1, \"source\": \"s\"}", "words"},
		{"cache_not_present", "{\"value\": 1, \"source\": \"s\"}", "true nor false"},
		{"iotlb_sets", "12", "no source"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char place[64];

		snprintf(place, sizeof(place), "mine.json: machine.%s: ", bad[i].name);
		assert_int_equal(parse(bad[i].name, bad[i].text, &says), -EIO);
		assert_non_null(strstr(last_line, place));
		assert_non_null(strstr(last_line, bad[i].why));
	}
	assert_memory_equal(&says, &untouched, sizeof(says));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_property_sets_the_option_of_its_name),
		cmocka_unit_test(test_what_is_wrong_is_refused_with_its_name),
	};

	return cmocka_run_group_tests_name("sim_property", tests, setup, teardown);
}
