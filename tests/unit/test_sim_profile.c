// SPDX-License-Identifier: MIT
/*
 * test_sim_profile.c - proves what sim/sim_profile.c reads, and what it refuses and why
 */
#include "test_sim_machine.h"

#include <sys/stat.h>
#include <unistd.h>

struct files {
	char dir[64];
	char path[96];
	char log[512];
};

static void keep_line(void *ctx, enum dmp_log_level level, const char *line)
{
	struct files *f = ctx;

	(void)level;
	snprintf(f->log, sizeof(f->log), "%s", line);
}

static int setup(void **state)
{
	struct files *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/dmapool-profile-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/mine.json", f->dir);
	dmp_log_set_sink(keep_line, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct files *f = *state;

	unlink(f->path);
	rmdir(f->dir);
	unsetenv("DMAPOOL_PROFILES");
	dmp_log_set_sink(NULL, NULL);
	free(f);
	return 0;
}

static int load_text(struct files *f, const char *text, struct sim_profile *profile)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	f->log[0] = '\0';
	return sim_profile_load(f->path, profile);
}

static void test_each_unit_becomes_picoseconds(void **state)
{
	struct sim_profile profile;

	assert_int_equal(
		load_text(*state,
			  "{\"name\": \"x\", \"clock\": {\"value\": 2.5, \"unit\": \"GHz\","
			  " \"source\": \"s\"},"
			  "\"map_first_4k\": {\"value\": 53, \"unit\": \"ns\", \"source\": \"s\"},"
			  "\"walk_level\": {\"value\": 1.5, \"unit\": \"us\", \"source\": \"s\"},"
			  "\"copy_byte\": {\"value\": 20.8, \"unit\": \"ps\", \"source\": \"s\"},"
			  "\"unmap_next_1g\": {\"value\": 10, \"unit\": \"cycles\","
			  " \"source\": \"s\"}}",
			  &profile),
		0);
	assert_int_equal(profile.costs.map_first[0], 53000);
	assert_int_equal(profile.costs.walk_level, 1500000);
	assert_int_equal(profile.costs.price[DMP_SIM_PRICE_COPY_BYTE], 21);
	assert_int_equal(profile.costs.unmap_next[2], 4000);
	assert_int_equal(profile.costs.map_next[0], 0);
}

static void test_what_is_wrong_is_refused_with_its_place(void **state)
{
	struct files *f = *state;
	struct sim_profile profile = {.costs.walk_miss = 77};
	static const struct {
		const char *text, *place, *why;
	} bad[] = {
		{"{\"walk_mis\": {\"value\": 1, \"unit\": \"ns\", \"source\": \"s\"}}",
		 "walk_mis:", "not a field"},
		{"{\"walk_miss\": {\"value\": 1, \"unit\": \"ns\"}}", "walk_miss:", "no source"},
		{"{\"walk_miss\": {\"value\": 1, \"unit\": \"ns\", \"source\": \" \"}}",
		 "walk_miss:", "no source"},
		{"{\"walk_miss\": {\"value\": 1, \"source\": \"s\"}}", "walk_miss:", "no unit"},
		{"{\"walk_miss\": {\"unit\": \"ns\", \"source\": \"s\"}}",
		 "walk_miss:", "no number"},
		{"{\"walk_miss\": {\"value\": 1, \"unit\": \"ns\", \"source\": \"s\","
		 " \"sauce\": 1}}",
		 "walk_miss.sauce:", "not a field"},
		{"{\"clock\": {\"value\": 1e-320, \"unit\": \"GHz\", \"source\": \"s\"},"
		 " \"walk_miss\": {\"value\": 0, \"unit\": \"cycles\", \"source\": \"s\"}}",
		 "walk_miss:", "out of range"},
		{"{\"walk_miss\": {\"value\": 1e400, \"unit\": \"ns\", \"source\": \"s\"}}",
		 ":1:", "overflow"},
		{"{\"walk_miss\": {\"value\": \"1\", \"unit\": \"ns\", \"source\": \"s\"}}",
		 "walk_miss:", "no number"},
		{"{\"walk_miss\": null}", "walk_miss:", "no number"},
		{"{\"walk_miss\": {\"value\": -1, \"unit\": \"ns\", \"source\": \"s\"}}",
		 "walk_miss:", "negative"},
		{"{\"walk_miss\": {\"value\": 1e9, \"unit\": \"us\", \"source\": \"s\"}}",
		 "walk_miss:", "out of range"},
		{"{\"walk_miss\": {\"value\": 1, \"unit\": \"s\", \"source\": \"s\"}}",
		 "walk_miss:", "unit"},
		{"{\"walk_miss\": {\"value\": 1, \"unit\": \"cycles\", \"source\": \"s\"}}",
		 "walk_miss:", "clock"},
		{"{\"clock\": {\"value\": 1, \"unit\": \"ns\", \"source\": \"s\"}}",
		 "clock:", "GHz"},
		{"{\"walk_miss\": 1}", "walk_miss:", "no number"},
		{"{\"name\": 1}", "name:", "text"},
		{"{\"machine\": 1}", "machine:", "not an object"},
		{"{\"machine\": {\"iotlb_set\": {\"value\": 1, \"source\": \"s\"}}}",
		 "machine.iotlb_set:", "not a property"},
		{"[1]", "the whole:", "not an object"},
		{"{\"name\": \"a\",\n \"name\": \"b\"}", ":2:", "duplicate"},
		{"{\n\n  not json", ":3:", ""},
		{"", ":1:", ""},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load_text(f, bad[i].text, &profile), -EIO);
		assert_non_null(strstr(f->log, f->path));
		assert_non_null(strstr(f->log, bad[i].place));
		assert_non_null(strstr(f->log, bad[i].why));
	}
	assert_int_equal(profile.costs.walk_miss, 77);
}

static void test_a_profile_that_is_not_there_is_enoent(void **state)
{
	struct files *f = *state;
	struct sim_profile profile;

	assert_int_equal(sim_profile_load("no-such-profile", &profile), -ENOENT);
	assert_non_null(strstr(f->log, "no-such-profile"));
	assert_non_null(strstr(f->log, "come with the library"));
	assert_int_equal(sim_profile_load("host", &profile), -ENOENT);
	assert_non_null(strstr(f->log, "dmapool calibrate"));
	assert_int_equal(sim_profile_load("/no/such/file.json", &profile), -ENOENT);
	assert_int_equal(sim_profile_load("mine.json", &profile), -ENOENT);
}

static void test_a_name_is_looked_for_in_the_users_directory_first(void **state)
{
	struct files *f = *state;
	struct sim_profile profile;

	assert_int_equal(sim_profile_load("mine", &profile), -ENOENT);
	assert_int_equal(load_text(f,
				   "{\"walk_miss\": {\"value\": 7, \"unit\": \"ps\","
				   " \"source\": \"s\"}}",
				   &profile),
			 0);
	setenv("DMAPOOL_PROFILES", f->dir, 1);
	assert_int_equal(sim_profile_load("mine", &profile), 0);
	assert_int_equal(profile.costs.walk_miss, 7);
	assert_int_equal(sim_profile_load("vtd-modern", &profile), 0);
}

static void test_free_needs_no_file(void **state)
{
	struct sim_profile profile = {.costs.walk_miss = 1};

	(void)state;
	setenv("DMAPOOL_PROFILES", "/nonexistent", 1);
	assert_int_equal(sim_profile_load("free", &profile), 0);
	assert_int_equal(profile.costs.walk_miss, 0);
	assert_int_equal(sim_profile_load(NULL, &profile), 0);
}

static void test_the_profiles_that_ship_can_be_read(void **state)
{
	struct sim_profile profile;

	(void)state;
	assert_int_equal(sim_profile_load("vtd-modern", &profile), 0);
	assert_int_equal(profile.costs.map_first[0], 53000);
	assert_int_equal(profile.costs.invalidate_command + profile.costs.invalidate_wait, 2000000);
	assert_int_equal(sim_profile_load("vtd-2015", &profile), 0);
	assert_int_equal(profile.costs.invalidate_wait, 687419); /* 2,131 cycles at 3.1 GHz */
	assert_int_equal(sim_profile_load("smmuv3-1queue", &profile), 0);
	assert_int_equal(profile.costs.queue_transfer, 6400);
	assert_int_equal(profile.says.queue_kind, DMP_SIM_QUEUE_LOCK_FREE);
	assert_int_equal(sim_profile_load("smmuv3-numa", &profile), 0);
	assert_int_equal(profile.costs.invalidate_wait_remote, 675000);
	assert_int_equal(sim_profile_load("smmuv2", &profile), 0);
	assert_int_equal(profile.costs.invalidate_command, 130000);
	assert_int_equal(sim_profile_load("amd-v1", &profile), 0);
	assert_in_range(profile.costs.map_first[0] + 255 * profile.costs.map_next[0], 380500,
			381500);
	assert_int_equal(sim_profile_load("viommu-trapped", &profile), 0);
	assert_int_equal(profile.costs.invalidate_wait, 35700000);
	assert_int_equal(sim_profile_load("viommu-direct", &profile), 0);
	assert_int_equal(profile.costs.invalidate_wait, 5300000);
}

/* Each makes a machine whose tables look as that IOMMU's do. */
static void test_the_profiles_that_ship_name_their_page_tables(void **state)
{
	static const char *const profiles[][2] = {
		{"vtd-modern", "vtd-48"},      {"vtd-2015", "vtd-48"},
		{"smmuv3-1queue", "smmu-4k"},  {"smmuv3-numa", "smmu-4k"},
		{"smmuv2", "smmu-4k"},         {"amd-v1", "amd-v1"},
		{"viommu-trapped", "smmu-4k"}, {"viommu-direct", "smmu-4k"},
	};
	struct dmp_sim_format format;
	struct sim_format expected;
	struct dmp_sim *sim;

	(void)state;
	for (unsigned i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		assert_int_equal(dmp_sim_format_find(profiles[i][1], &format), 0);
		assert_int_equal(sim_format_choose(&expected, NULL, &format), 0);
		assert_int_equal(dmp_sim_create(&DMP_SIM_OPTS(.profile = profiles[i][0]), &sim), 0);
		assert_int_equal(sim->format.page_sizes, expected.page_sizes);
		assert_int_equal(dmp_sim_destroy(sim), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_unit_becomes_picoseconds),
		TEST(test_what_is_wrong_is_refused_with_its_place),
		TEST(test_a_profile_that_is_not_there_is_enoent),
		TEST(test_a_name_is_looked_for_in_the_users_directory_first),
		TEST(test_free_needs_no_file),
		TEST(test_the_profiles_that_ship_can_be_read),
		TEST(test_the_profiles_that_ship_name_their_page_tables),
	};

	return cmocka_run_group_tests_name("sim_profile", tests, NULL, NULL);
}
