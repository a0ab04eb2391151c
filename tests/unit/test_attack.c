// SPDX-License-Identifier: MIT
/*
 * test_attack.c - proves that `dmapool attack` ends with the worst status of its traces and
 * policies, and says what it could not do
 */
#include "test_attack_refused.h"
#include "test_attack_rig.h"

#include <jansson.h>

#define SAY(...) say(attack_main, STDOUT_FILENO, (const char *const[]){__VA_ARGS__, NULL})

static void test_a_loop_is_attacked_without_a_trace(void **state)
{
	struct said said = SAY("--loop", "200", "--attempts", "2000", "--flush", "strict,lazy");

	(void)state;
	assert_int_equal(said.status, EXIT_GOOD);
	assert_ptr_equal(strstr(said.text, "loop: 400 calls of 2 CPUs, in their own time, seed 1"),
			 said.text);
	assert_non_null(strstr(said.text, "\n  strict "));
	assert_non_null(strstr(said.text, "\n  lazy "));
}

static void test_a_machine_without_an_iommu_is_no_failure(void **state)
{
	struct said said = SAY("--loop", "200", "--attempts", "2000", "--flush", "none");

	(void)state;
	assert_int_equal(said.status, EXIT_GOOD);
	assert_non_null(strstr(said.text, "recorded bus errors"));
}

static void test_the_same_command_says_the_same(void **state)
{
	struct said a = SAY("--loop", "300", "--attempts", "3000", "--seed", "9");
	struct said b = SAY("--loop", "300", "--attempts", "3000", "--seed", "9");

	(void)state;
	assert_string_equal(a.text, b.text);
}

static void test_a_trace_that_cannot_be_read_is_told_and_the_next_is_attacked(void **state)
{
	struct trace_file file = file_with(ONE_UNMAP, sizeof(ONE_UNMAP) - 1);
	struct said said = SAY("/nowhere/at/all", file.path, "--attempts", "1000");

	(void)state;
	assert_int_equal(said.status, EXIT_USAGE);
	assert_non_null(strstr(said.text, "\n  strict "));
	unlink(file.path);
}

/* A mark of lost events, an unmap without its map, and a last line that was cut short. */
static void test_what_is_wrong_with_the_trace_is_told_as_a_replay_tells_it(void **state)
{
	static const char damaged[] = ONE_UNMAP "CPU:0 [LOST 17 EVENTS]\n" UNMAP_LATE(
		0, 70, "TO_DEVICE", 4000, 4096) "  fio-12  [000] d..1.  1.0800";
	struct trace_file file = file_with(damaged, sizeof(damaged) - 1);
	struct said said = SAY(file.path, "--attempts", "500", "--flush", "strict");
	char *told = strstr(said.text, "  skipped: "), *replayed;
	struct said other = say(replay_main, STDOUT_FILENO,
				(const char *const[]){file.path, "--route", "strict", NULL});

	(void)state;
	assert_int_equal(said.status, EXIT_GOOD);
	assert_non_null(told);
	assert_non_null(strstr(told, "unmap"));
	assert_non_null(strstr(told, "  the kernel lost 17 events\n"));
	replayed = strstr(other.text, "  skipped: ");
	assert_non_null(replayed);
	assert_memory_equal(told, replayed, (size_t)(strstr(told, "17 events") - told));
	unlink(file.path);
}

static void test_a_profile_is_the_machine_that_is_attacked(void **state)
{
	struct said said = SAY("--loop", "200", "--attempts", "2000", "--profile", "smmuv3-numa",
			       "--flush", "strict,lazy");

	(void)state;
	assert_int_equal(said.status, EXIT_GOOD);
	assert_non_null(strstr(said.text, "seed 1, profile smmuv3-numa\n"));
}

static void test_answers_are_written_as_json(void **state)
{
	struct trace_file file = file_with("", 0);
	struct said said = SAY("--loop", "100", "--attempts", "500", "--json", file.path);
	json_t *json = json_load_file(file.path, 0, NULL);

	(void)state;
	assert_int_equal(said.status, EXIT_GOOD);
	assert_int_equal(json_array_size(json), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(json, 0), "policies")), 5);
	json_decref(json);
	unlink(file.path);
}

/* 32 mappings of 1 to 4 pages, and 15 pages of addresses. */
static void test_a_mask_that_is_too_small_is_told_and_no_policy_is_blamed(void **state)
{
	(void)state;
	refuse(attack_main, "strict: ",
	       (const char *const[]){"--loop", "200", "--attempts", "500", "--mask", "16",
				     "--flush", "strict", NULL});
	refuse(attack_main, "below the 16 bits of --mask; use a larger --mask\n",
	       (const char *const[]){"--loop", "200", "--attempts", "500", "--mask", "16",
				     "--flush", "on-reuse", NULL});
	refuse(attack_main, "beyond the 24 bits of --mask, where nothing translates; use --mask 32",
	       (const char *const[]){"--loop", "200", "--attempts", "500", "--mask", "24",
				     "--flush", "none", NULL});
}

static void test_those_policies_that_have_room_are_attacked(void **state)
{
	struct said said =
		SAY("--loop", "200", "--attempts", "500", "--mask", "24", "--flush", "none,strict");

	(void)state;
	assert_int_equal(said.status, EXIT_USAGE);
	assert_non_null(strstr(said.text, "\n  strict "));
	assert_null(strstr(said.text, "\n  none "));
	assert_null(strstr(said.text, "BROKEN"));
}

static void test_what_cannot_be_asked_is_refused(void **state)
{
	(void)state;
	refuse(attack_main, "/nowhere/at/all", (const char *const[]){"/nowhere/at/all", NULL});
	refuse(attack_main, "cannot write",
	       (const char *const[]){"--json", "/nowhere/at/all.json", NULL});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_loop_is_attacked_without_a_trace),
		cmocka_unit_test(test_a_machine_without_an_iommu_is_no_failure),
		cmocka_unit_test(test_the_same_command_says_the_same),
		cmocka_unit_test(test_a_trace_that_cannot_be_read_is_told_and_the_next_is_attacked),
		cmocka_unit_test(test_what_is_wrong_with_the_trace_is_told_as_a_replay_tells_it),
		cmocka_unit_test(test_a_profile_is_the_machine_that_is_attacked),
		cmocka_unit_test(test_answers_are_written_as_json),
		cmocka_unit_test(test_a_mask_that_is_too_small_is_told_and_no_policy_is_blamed),
		cmocka_unit_test(test_those_policies_that_have_room_are_attacked),
		cmocka_unit_test(test_what_cannot_be_asked_is_refused),
	};

	return cmocka_run_group_tests_name("attack", tests, NULL, NULL);
}
