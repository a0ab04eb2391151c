// SPDX-License-Identifier: MIT
/*
 * test_attack_policy.c - proves that a list of policies is taken as it is written, and that a
 * domain tells the book of its flushes
 */
#include "test_attack_rig.h"
#include "command.h"

static void test_a_policy_is_translated_and_flushes_as_its_name_says(void **state)
{
	static const struct {
		const char *name;
		bool translated, at_once;
	} cases[] = {
		{"strict", true, true},    {"guest", true, true},
		{"lazy", true, false},     {"lazy-single", true, false},
		{"on-reuse", true, false}, {"manual", true, false},
		{"none", false, false},    {"passthrough", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct attack_opts opts = {.npolicies = 0};

		assert_int_equal(attack_policies_parse(cases[i].name, &opts), 0);
		assert_int_equal(opts.npolicies, 1);
		assert_string_equal(opts.policies[0].text, cases[i].name);
		assert_int_equal(attack_is_translated(&opts.policies[0]), cases[i].translated);
		assert_int_equal(attack_flushes_at_once(&opts.policies[0]), cases[i].at_once);
	}
}

static void test_a_list_keeps_its_order_and_its_settings(void **state)
{
	struct attack_opts opts = {.npolicies = 0};

	(void)state;
	assert_int_equal(attack_policies_parse("none,lazy:timeout=2ms,lazy,strict", &opts), 0);
	assert_int_equal(opts.npolicies, 4);
	assert_string_equal(opts.policies[0].text, "none");
	assert_string_equal(opts.policies[1].text, "lazy:timeout=2ms");
	assert_int_equal(opts.policies[1].flush.timeout_ns, 2000000);
	assert_string_equal(opts.policies[3].text, "strict");
}

static void test_no_more_policies_than_there_is_room_for(void **state)
{
	struct attack_opts opts = {.npolicies = 0};
	char text[512] = "";

	(void)state;
	for (unsigned i = 0; i <= ATTACK_POLICIES_MAX; i++)
		sprintf(text + strlen(text), "%slazy:timeout=%ums", i ? "," : "", i + 1);
	assert_int_equal(attack_policies_parse(text, &opts), EXIT_USAGE);
	assert_int_equal(opts.npolicies, ATTACK_POLICIES_MAX);
}

/* Book, device 0: page 5 is open until the domain tells. */
static void test_what_a_domain_tells_closes_the_pages_of_its_device(void **state)
{
	struct dmp_domain_opts domain = DMP_DOMAIN_OPTS(.flags = 0);
	struct attack_shape shape;
	struct attack_book book;
	struct attack_page *page;
	struct attack_rig rig;

	(void)state;
	attack_rig_up(&rig, ONE_UNMAP, "lazy");
	attack_rig_job(&rig);
	assert_int_equal(attack_book_open(&book, &rig.job, &rig.opts.policies[0], true), 0);
	assert_int_equal(attack_shape_open(&shape, &book, 1), 0);
	attack_shape_domain(&shape, 0, &domain);
	rig.job.mappings[0].addr = 0x5000;
	rig.job.mappings[0].live = true;
	attack_book_after(&book, 0);
	attack_book_before(&book, 0, true);
	rig.job.mappings[0].live = false;
	attack_book_after(&book, 0);
	page = attack_book_find(&book, 0, 0x5000);
	domain.watch->flushed(domain.watch_ctx, DMP_FLUSH_CAUSE_TIMER, -EIO);
	assert_int_equal(attack_book_state(&book, page, page->version), ATTACK_OPEN);
	domain.watch->released(domain.watch_ctx, 0x6000, 4096, 0);
	assert_int_equal(attack_book_state(&book, page, page->version), ATTACK_OPEN);
	domain.watch->flushed(domain.watch_ctx, DMP_FLUSH_CAUSE_TIMER, 0);
	assert_int_equal(attack_book_state(&book, page, page->version), ATTACK_CLOSED);
	attack_shape_close(&shape);
	attack_book_close(&book);
	replay_job_free(&rig.job);
	attack_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_policy_is_translated_and_flushes_as_its_name_says),
		cmocka_unit_test(test_a_list_keeps_its_order_and_its_settings),
		cmocka_unit_test(test_no_more_policies_than_there_is_room_for),
		cmocka_unit_test(test_what_a_domain_tells_closes_the_pages_of_its_device),
	};

	return cmocka_run_group_tests_name("attack_policy", tests, NULL, NULL);
}
