// SPDX-License-Identifier: MIT
/*
 * test_hw_check_exposure.c - proves X1 and X2 of lib/hw/hw_check_exposure.c: one test a rule that
 * a backend, or the caller, breaks
 */
#include "hw_rig.h"

struct fixture {
	struct hw_rig rig;
	void *dom;
};

/* What the double answers: its members have no room for a context of ours. */
static struct dmp_exposure_seen answer;
static int start_ret, get_ret;
static unsigned nstarts, ngets;

static int start(void *be, void *dom, const struct dmp_exposure_watch *watch, void *ctx)
{
	(void)be;
	(void)dom;
	(void)watch;
	(void)ctx;
	nstarts++;
	return start_ret;
}

static int get(void *be, void *dom, struct dmp_exposure_seen *seen)
{
	(void)be;
	(void)dom;
	ngets++;
	*seen = answer;
	return get_ret;
}

static int up(void **state)
{
	static struct fixture f;
	struct dmp_hw_domain_info info;

	memset(&answer, 0, sizeof(answer));
	start_ret = get_ret = 0;
	nstarts = ngets = 0;
	hw_rig_begin(&f.rig);
	f.rig.d->ops.exposure_start = start;
	f.rig.d->ops.exposure_get = get;
	hw_rig_adopt(&f.rig, DMP_HW_CHECK);
	assert_int_equal(hw_domain_create(f.rig.hw, DMP_DOMAIN_TRANSLATED, &f.dom, &info), 0);
	*state = &f;
	return 0;
}

static int down(void **state)
{
	struct fixture *f = *state;

	hw_domain_destroy(f->rig.hw, f->dom);
	hw_rig_down(&f->rig);
	return 0;
}

static int begin(struct fixture *f)
{
	return hw_exposure_start(f->rig.hw, f->dom, NULL, NULL);
}

static int ask(struct fixture *f)
{
	struct dmp_exposure_seen seen;

	return hw_exposure_get(f->rig.hw, f->dom, &seen);
}

static void test_a_watch_begins_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(begin(f), 0);
	assert_int_equal(begin(f), -EINVAL);
	hw_rig_expect_bug(&f->rig, "begun twice");
	assert_int_equal(nstarts, 1);
}

static void test_a_watch_that_failed_to_begin_may_be_tried_again(void **state)
{
	struct fixture *f = *state;

	start_ret = -ENOMEM;
	assert_int_equal(begin(f), -ENOMEM);
	assert_int_equal(ask(f), -EINVAL);
	hw_rig_expect_bug(&f->rig, "nothing is watched there");
	start_ret = 0;
	assert_int_equal(begin(f), 0);
	assert_int_equal(ask(f), 0);
}

static void test_a_watch_begins_before_anything_is_mapped(void **state)
{
	struct fixture *f = *state;
	struct dmp_gather gather = {.start = UINT64_MAX};
	uint64_t mapped;

	assert_int_equal(hw_map_pages(f->rig.hw, f->dom, 0x1000, 0x1000, KB4, 1, BOTH, &mapped), 0);
	assert_int_equal(hw_unmap_pages(f->rig.hw, f->dom, 0x1000, KB4, 1, &gather), KB4);
	assert_int_equal(begin(f), -EINVAL);
	hw_rig_expect_bug(&f->rig, "after a map");
	assert_int_equal(nstarts, 0);
}

static void test_a_watch_needs_a_live_translated_domain(void **state)
{
	struct fixture *f = *state;
	struct dmp_hw_domain_info info;
	void *dom;

	assert_int_equal(hw_exposure_start(f->rig.hw, &info, NULL, NULL), -EINVAL);
	hw_rig_expect_bug(&f->rig, "no live translated domain");
	assert_int_equal(hw_domain_create(f->rig.hw, DMP_DOMAIN_PASSTHROUGH, &dom, &info), 0);
	assert_int_equal(hw_exposure_start(f->rig.hw, dom, NULL, NULL), -EINVAL);
	hw_rig_expect_bug(&f->rig, "no live translated domain");
	hw_domain_destroy(f->rig.hw, dom);
	assert_int_equal(nstarts, 0);
}

static void test_what_is_not_watched_is_not_asked_for(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask(f), -EINVAL);
	hw_rig_expect_bug(&f->rig, "nothing is watched there");
	assert_int_equal(ngets, 0);
}

static void expect_nonsense(struct fixture *f)
{
	assert_int_equal(ask(f), -EIO);
	hw_rig_expect_bug(&f->rig, "windows that do not add up");
}

static void test_windows_that_do_not_add_up_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(begin(f), 0);
	answer.did.open = 1;
	expect_nonsense(f);
	answer.did.windows = 1;
	assert_int_equal(ask(f), 0);
	answer.did.open_bytes = 1;
	expect_nonsense(f);
	answer.did.bytes = 1;
	assert_int_equal(ask(f), 0);
	answer.did.open = 0;
	expect_nonsense(f);
	answer.did.ns.count = 1;
	assert_int_equal(ask(f), 0);
	answer.did.ns.max = 5;
	expect_nonsense(f);
}

static void test_windows_are_not_taken_back(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(begin(f), 0);
	answer.did.windows = answer.did.ns.count = 7;
	assert_int_equal(ask(f), 0);
	answer.did.windows = answer.did.ns.count = 6;
	expect_nonsense(f);
}

static void test_an_errno_is_passed_on_and_nonsense_is_not(void **state)
{
	struct fixture *f = *state;

	start_ret = 3;
	assert_int_equal(begin(f), -EIO);
	hw_rig_expect_bug(&f->rig, "a positive errno");
	start_ret = 0;
	assert_int_equal(begin(f), 0);
	get_ret = -EPERM;
	assert_int_equal(ask(f), -EPERM);
}

static void test_a_machine_that_cannot_tell_says_so(void **state)
{
	struct hw_rig rig;

	(void)state;
	for (uint32_t flags = 0; flags <= DMP_HW_CHECK; flags++) {
		struct dmp_hw_domain_info info;
		struct dmp_exposure_seen seen;
		void *dom;

		hw_rig_begin(&rig);
		hw_rig_adopt(&rig, flags);
		assert_int_equal(hw_domain_create(rig.hw, DMP_DOMAIN_TRANSLATED, &dom, &info), 0);
		assert_int_equal(hw_exposure_start(rig.hw, dom, NULL, NULL), -ENOTSUP);
		assert_int_equal(hw_exposure_get(rig.hw, dom, &seen), -ENOTSUP);
		hw_domain_destroy(rig.hw, dom);
		hw_rig_down(&rig);
	}
}

static void test_half_of_the_two_members_is_no_machine(void **state)
{
	struct hw_rig rig;

	(void)state;
	hw_rig_begin(&rig);
	rig.d->ops.exposure_start = start;
	assert_int_equal(double_hw_adopt(rig.d, 0, &rig.hw), -EINVAL);
	rig.d->ops.exposure_start = NULL;
	rig.d->ops.exposure_get = get;
	assert_int_equal(double_hw_adopt(rig.d, 0, &rig.hw), -EINVAL);
	hw_rig_down(&rig);
}

int main(void)
{
#define IN(test) cmocka_unit_test_setup_teardown(test, up, down)
	const struct CMUnitTest tests[] = {
		IN(test_a_watch_begins_once),
		IN(test_a_watch_that_failed_to_begin_may_be_tried_again),
		IN(test_a_watch_begins_before_anything_is_mapped),
		IN(test_a_watch_needs_a_live_translated_domain),
		IN(test_what_is_not_watched_is_not_asked_for),
		IN(test_windows_that_do_not_add_up_are_refused),
		IN(test_windows_are_not_taken_back),
		IN(test_an_errno_is_passed_on_and_nonsense_is_not),
		cmocka_unit_test(test_a_machine_that_cannot_tell_says_so),
		cmocka_unit_test(test_half_of_the_two_members_is_no_machine),
	};

	return cmocka_run_group_tests_name("hw_check_exposure", tests, NULL, NULL);
}
