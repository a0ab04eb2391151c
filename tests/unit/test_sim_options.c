// SPDX-License-Identifier: MIT
/*
 * test_sim_options.c - proves whose word counts in sim/sim_options.c, and what is refused
 */
#include "test_sim_machine.h"

#include <unistd.h>

static char last_line[512];

static int load(struct dmp_sim_opts opts, struct dmp_sim_opts *out)
{
	struct sim_profile profile;

	return sim_options_load(&opts, &profile, out);
}

#define LOAD(...) load(DMP_SIM_OPTS(__VA_ARGS__), &out)

static void test_a_property_is_the_callers_or_the_profiles_or_the_default(void **state)
{
	struct dmp_sim_opts out;

	(void)state;
	assert_int_equal(LOAD(.profile = NULL), 0);
	assert_int_equal(out.iotlb_sets, 256);
	assert_int_equal(out.queue_kind, DMP_SIM_QUEUE_LOCKED);
	assert_int_equal(LOAD(.profile = "smmuv3-numa"), 0);
	assert_int_equal(out.iotlb_sets, 512);
	assert_int_equal(out.walk_entries[1], 348);
	assert_int_equal(out.queue_kind, DMP_SIM_QUEUE_LOCK_FREE);
	assert_int_equal(
		LOAD(.profile = "smmuv3-numa", .iotlb_sets = 2, .queue_kind = DMP_SIM_QUEUE_LOCKED),
		0);
	assert_int_equal(out.iotlb_sets, 2);
	assert_int_equal(out.queue_kind, DMP_SIM_QUEUE_LOCKED);
	assert_int_equal(out.iotlb_ways, 4);
}

static void test_defaults_are_what_they_have_always_been(void **state)
{
	struct dmp_sim_opts out;
	struct sim_machine machine;

	(void)state;
	assert_int_equal(LOAD(.flags = 0), 0);
	sim_machine_fill(&machine, &out);
	assert_int_equal(machine.nunits, 1);
	assert_int_equal(machine.iotlb.nsets, 256);
	assert_int_equal(machine.iotlb.nways, 4);
	assert_int_equal(machine.iotlb.replace, DMP_SIM_REPLACE_LRU);
	assert_int_equal(machine.iotlb_order, 0);
	for (unsigned i = 0; i < SIM_WALK_CACHES; i++)
		assert_int_equal(machine.walk[i].nsets, 0);
	assert_int_equal(machine.devtlb.nsets, 0);
	assert_int_equal(machine.nqueues, 1);
	assert_int_equal(machine.queue_entries, 256);
	assert_int_equal(machine.queue_kind, DMP_SIM_QUEUE_LOCKED);
	assert_int_equal(machine.mask_order, 18);
	assert_int_equal(machine.range_commands, 0);
	assert_int_equal(machine.queue_timeout_ns, 1000000000);
}

static void test_a_walk_cache_is_one_set_until_it_is_too_big(void **state)
{
	struct dmp_sim_opts out;
	struct sim_machine machine;

	(void)state;
	assert_int_equal(LOAD(.walk_entries = {4, 348, 64, 68}, .replace = DMP_SIM_REPLACE_TREE),
			 0);
	sim_machine_fill(&machine, &out);
	assert_int_equal(machine.walk[0].nsets, 1);
	assert_int_equal(machine.walk[0].nways, 4);
	assert_int_equal(machine.walk[1].nsets, 87);
	assert_int_equal(machine.walk[1].nways, 4);
	assert_int_equal(machine.walk[2].nways, 64);
	assert_int_equal(machine.walk[3].nsets, 17);
	assert_int_equal(machine.walk[0].replace, DMP_SIM_REPLACE_LRU);
	assert_int_equal(machine.iotlb.replace, DMP_SIM_REPLACE_TREE);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
	struct dmp_sim_opts out = {.iotlb_sets = 77};

	(void)state;
	assert_int_equal(LOAD(.flags = DMP_SIM_NO_IOMMU | DMP_SIM_SEPARATE_DEVTLB), -EINVAL);
	assert_int_equal(LOAD(.flags = 1u << 31), -EINVAL);
	assert_int_equal(LOAD(.replace = 4), -EINVAL);
	assert_int_equal(LOAD(.replace = DMP_SIM_REPLACE_TREE, .iotlb_ways = 3), -EINVAL);
	assert_int_equal(LOAD(.iotlbs = 65), -EINVAL);
	assert_int_equal(LOAD(.iotlb_page_bytes = 2048), -EINVAL);
	assert_int_equal(LOAD(.iotlb_page_bytes = 3 * PAGE), -EINVAL);
	assert_int_equal(LOAD(.walk_entries = {0, 0, 65, 0}), -EINVAL);
	assert_int_equal(LOAD(.devtlb_sets = 3), -EINVAL);
	assert_int_equal(LOAD(.devtlb_sets = 4, .devtlb_ways = 65), -EINVAL);
	assert_int_equal(LOAD(.queue_kind = DMP_SIM_QUEUE_FETCH_ADD + 1), -EINVAL);
	assert_int_equal(LOAD(.queues = 4097), -EINVAL);
	assert_int_equal(LOAD(.queue_by = 3), -EINVAL);
	assert_int_equal(LOAD(.node_cpus = 4097), -EINVAL);
	assert_int_equal(LOAD(.queue_timeout_ns = UINT64_MAX), -EINVAL);
	assert_int_equal(LOAD(.mask_bytes = 5), -EINVAL);
	assert_int_equal(LOAD(.range_commands = UINT32_MAX), -EINVAL);
	assert_int_equal(LOAD(.reserved1 = 1), -EINVAL);
	assert_int_equal(LOAD(.profile = "nowhere/at/all.json"), -ENOENT);
	assert_int_equal(out.iotlb_sets, 77);
}

static char path[] = "/tmp/dmapool-options-XXXXXX.json";

static int load_profile(const char *machine, struct dmp_sim_opts opts, struct dmp_sim_opts *out)
{
	FILE *file;
	int err;

	strcpy(path, "/tmp/dmapool-options-XXXXXX.json");
	file = fdopen(mkstemps(path, 5), "w");
	assert_non_null(file);
	fprintf(file, "{\"machine\": {%s}}", machine);
	fclose(file);
	opts.profile = path;
	last_line[0] = '\0';
	err = load(opts, out);
	unlink(path);
	return err;
}
#define LOAD_PROFILE(machine, ...) load_profile(machine, DMP_SIM_OPTS(__VA_ARGS__), &out)

static void test_the_format_is_the_callers_or_the_profiles(void **state)
{
	struct dmp_sim_format own;
	struct dmp_sim_opts out;

	(void)state;
	assert_int_equal(dmp_sim_format_find("riscv-sv39", &own), 0);
	assert_int_equal(LOAD(.profile = NULL), 0);
	assert_null(out.format);
	assert_int_equal(LOAD(.profile = "amd-v1"), 0);
	assert_string_equal(out.format, "amd-v1");
	assert_int_equal(LOAD(.profile = "amd-v1", .format = "vtd-39"), 0);
	assert_string_equal(out.format, "vtd-39");
	assert_int_equal(LOAD(.profile = "amd-v1", .custom_format = &own), 0);
	assert_null(out.format);
}

/* Whose mistake it is: what a profile says is not the caller's. */
static void test_a_profile_that_makes_no_machine_is_refused_with_its_place(void **state)
{
	struct dmp_sim_opts out = {.iotlb_sets = 77};
	static const char tree[] = "\"replace\": {\"value\": \"tree\", \"source\": \"s\"}";
	static const char ways[] = "\"replace\": {\"value\": \"tree\", \"source\": \"s\"},"
				   "\"iotlb_ways\": {\"value\": 3, \"source\": \"s\"}";
	static const char walk[] = "\"walk_entries_1\": {\"value\": 66, \"source\": \"s\"}";

	(void)state;
	assert_int_equal(LOAD_PROFILE(ways, .flags = 0), -EIO);
	assert_non_null(strstr(last_line, path));
	assert_non_null(strstr(last_line, "machine:"));
	assert_int_equal(LOAD_PROFILE(walk, .flags = 0), -EIO);
	assert_int_equal(LOAD_PROFILE(tree, .iotlb_ways = 3), -EINVAL);
	assert_string_equal(last_line, "");
	assert_int_equal(out.iotlb_sets, 77);
	assert_int_equal(LOAD_PROFILE(tree, .flags = 0), 0);
}

static void test_a_machine_without_an_iommu_has_no_property_of_one(void **state)
{
	struct dmp_sim_opts out;
	static const char caches[] = "\"cache_not_present\": {\"value\": true, \"source\": \"s\"}";

	(void)state;
	assert_int_equal(LOAD_PROFILE(caches, .flags = 0), 0);
	assert_int_equal(out.flags, DMP_SIM_CACHE_NOT_PRESENT);
	assert_int_equal(LOAD_PROFILE(caches, .flags = DMP_SIM_NO_IOMMU), 0);
	assert_int_equal(out.flags, DMP_SIM_NO_IOMMU);
	assert_int_equal(LOAD(.flags = DMP_SIM_NO_IOMMU | DMP_SIM_CACHE_NOT_PRESENT), -EINVAL);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_property_is_the_callers_or_the_profiles_or_the_default),
		cmocka_unit_test(test_defaults_are_what_they_have_always_been),
		cmocka_unit_test(test_a_walk_cache_is_one_set_until_it_is_too_big),
		cmocka_unit_test(test_what_makes_no_sense_is_refused),
		cmocka_unit_test(test_the_format_is_the_callers_or_the_profiles),
		cmocka_unit_test(test_a_profile_that_makes_no_machine_is_refused_with_its_place),
		cmocka_unit_test(test_a_machine_without_an_iommu_has_no_property_of_one),
	};

	return cmocka_run_group_tests_name("sim_options", tests, setup, teardown);
}
