// SPDX-License-Identifier: MIT
/*
 * test_attack_profile.c - proves that an attack is one on the machine of its profile: what every
 * policy promises is kept with device TLBs, with several IOTLBs, with large pages in their entries,
 * and with granules of 16 and 64 KiB; and that each of these machines is seen to be what it is
 */
#include "test_attack_rig.h"

#define ASSUMED(name, value) "\"" name "\": {\"value\": " value ", \"source\": \"assumed\"}"
#define PROFILE(...)         "{\"name\": \"t\", \"description\": \"\", \"machine\": {" __VA_ARGS__ "}}"

static const char device_tlbs[] = PROFILE(ASSUMED("devtlb_sets", "16") ", " ASSUMED("iotlbs", "3"));
static const char big_entries[] = PROFILE(ASSUMED("iotlb_page_bytes", "2097152"));
static const char granule_16k[] = PROFILE(ASSUMED("format", "\"smmu-16k\"") ", " ASSUMED(
	"devtlb_sets", "16") ", " ASSUMED("iotlbs", "2"));
static const char granule_64k[] =
	PROFILE(ASSUMED("format", "\"smmu-64k\"") ", " ASSUMED("iotlb_page_bytes", "65536"));

static const char granule_64k_in_pieces[] = PROFILE(ASSUMED("format", "\"smmu-64k\""));

static const char all[] = "strict,guest,lazy,lazy-single,on-reuse,manual";

static struct attack_opts opts_of(const char *profile)
{
	struct attack_opts opts = {
		.attempts = 20000, .seed = 1, .mask_bits = 32, .profile = profile};

	opts.clock = REPLAY_CLOCK_TRACE;
	assert_int_equal(attack_policies_parse(all, &opts), 0);
	return opts;
}

/* A loop of 500 maps against policy @i on that machine; the result is the caller's. */
static void attack_loop(const struct attack_opts *opts, unsigned i, struct attack_result *r)
{
	const struct replay_opts how = {.clock = opts->clock, .unknown = REPLAY_LAZY};
	struct replay_answer answer;
	struct replay_job job;

	assert_int_equal(attack_loop_make(500, &answer), 0);
	assert_int_equal(replay_job_make(&how, &answer, &job), 0);
	assert_int_equal(attack_run(opts, &opts->policies[i], &job, r), 0);
	replay_job_free(&job);
	replay_answer_free(&answer);
}

static void expect_kept(const struct attack_result *r)
{
	assert_int_equal(attack_judge(r), 0);
	assert_int_equal(attempts_of(r), 20000);
	if (attack_flushes_at_once(r->policy))
		assert_int_equal(attack_sum_all(&r->counts, DMP_FAULT_STALE), 0);
	else
		assert_true(attack_sum(&r->counts, ATTACK_OPEN, DMP_FAULT_STALE) > 0);
}

static void expect_every_policy_kept(const char *profile)
{
	struct trace_file file = file_with(profile, strlen(profile));
	struct attack_opts opts = opts_of(file.path);

	for (unsigned i = 0; i < opts.npolicies; i++) {
		struct attack_result r;

		attack_loop(&opts, i, &r);
		expect_kept(&r);
		attack_result_free(&r);
	}
	unlink(file.path);
}

static void test_with_device_tlbs_and_several_iotlbs_every_policy_keeps_its_promises(void **state)
{
	(void)state;
	expect_every_policy_kept(device_tlbs);
}

static void test_with_large_pages_in_the_iotlb_every_policy_keeps_its_promises(void **state)
{
	(void)state;
	expect_every_policy_kept(big_entries);
}

static void test_with_granules_of_16_kib_every_policy_keeps_its_promises(void **state)
{
	(void)state;
	expect_every_policy_kept(granule_16k);
}

static void test_with_granules_of_64_kib_every_policy_keeps_its_promises(void **state)
{
	(void)state;
	expect_every_policy_kept(granule_64k);
}

/* Two pages of 4 KiB, one after the other, on a machine of that profile; the result is the
 * caller's. */
static void attack_two_pages(const char *profile, unsigned mask_bits, struct attack_result *r)
{
	struct trace_file file = file_with(profile, strlen(profile));
	static struct attack_rig rig; /* the result points at its policy */

	attack_rig_up(&rig, ONE_UNMAP, "lazy");
	rig.opts.profile = file.path;
	rig.opts.mask_bits = mask_bits;
	attack_rig_run(&rig, r);
	attack_rig_down(&rig);
	unlink(file.path);
}

static uint64_t open_peak_on(const char *profile)
{
	struct attack_result r;

	attack_two_pages(profile, 32, &r);
	attack_result_free(&r);
	return r.open_peak;
}

static void test_what_is_open_is_counted_in_granules(void **state)
{
	(void)state;
	assert_int_equal(open_peak_on(device_tlbs), 4096);
	assert_int_equal(open_peak_on(granule_16k), 16384);
	assert_int_equal(open_peak_on(granule_64k), 65536);
}

/* Most of the 16 entries that a granule takes were brought in while it was mapped. */
static void test_all_of_a_granule_is_tried(void **state)
{
	struct attack_result r;

	(void)state;
	attack_two_pages(granule_64k_in_pieces, 32, &r);
	assert_int_equal(r.exposed->sum.seen.did.windows, 2);
	assert_true(r.exposed->sum.seen.did.bytes > 65536);
	attack_result_free(&r);
}

/* Of 16 granules one is mapped: many an address at random lies inside it. */
static void test_an_address_at_random_may_lie_inside_a_granule(void **state)
{
	struct attack_result r;

	(void)state;
	attack_two_pages(granule_64k, 20, &r);
	assert_int_equal(attack_judge(&r), 0);
	attack_result_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_with_device_tlbs_and_several_iotlbs_every_policy_keeps_its_promises),
		cmocka_unit_test(
			test_with_large_pages_in_the_iotlb_every_policy_keeps_its_promises),
		cmocka_unit_test(test_with_granules_of_16_kib_every_policy_keeps_its_promises),
		cmocka_unit_test(test_with_granules_of_64_kib_every_policy_keeps_its_promises),
		cmocka_unit_test(test_what_is_open_is_counted_in_granules),
		cmocka_unit_test(test_all_of_a_granule_is_tried),
		cmocka_unit_test(test_an_address_at_random_may_lie_inside_a_granule),
	};

	return cmocka_run_group_tests_name("attack_profile", tests, NULL, NULL);
}
