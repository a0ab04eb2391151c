// SPDX-License-Identifier: MIT
/*
 * test_swiotlb_policy.c - proves what lib/swiotlb/swiotlb_policy.c takes for a policy, what a
 * policy is told, and that it can do no harm
 */
#include "swiotlb_rig.h"

static const struct dmp_swiotlb_policy *const builtin[] = {
	&dmp_swiotlb_policy_linux,
	&dmp_swiotlb_policy_lifo,
	&dmp_swiotlb_policy_warm,
	&dmp_swiotlb_policy_round_robin,
};

static int create_with(struct swiotlb_rig *rig, const struct dmp_swiotlb_policy *policy)
{
	return dmp_swiotlb_create(rig->hw.hw,
				  &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 4, .policy = policy),
				  &rig->tlb);
}

static void refused(const struct dmp_swiotlb_policy *policy, int err)
{
	struct swiotlb_rig rig;

	swiotlb_rig_begin(&rig);
	assert_int_equal(create_with(&rig, policy), err);
	assert_null(rig.tlb);
	swiotlb_rig_down(&rig);
}

static void test_what_lacks_a_member_is_no_policy(void **state)
{
	struct dmp_swiotlb_policy policy = dmp_swiotlb_policy_linux;

	(void)state;
	policy.caps = 1;
	refused(&policy, -EINVAL);
	policy = dmp_swiotlb_policy_linux;
	policy.find = NULL;
	refused(&policy, -EINVAL);
	policy = dmp_swiotlb_policy_linux;
	policy.name = NULL;
	refused(&policy, -EINVAL);
	policy = dmp_swiotlb_policy_linux;
	policy.size = 3;
	refused(&policy, -EINVAL);
}

static void test_a_policy_of_a_newer_header_is_refused(void **state)
{
	struct {
		struct dmp_swiotlb_policy known;
		uint64_t unknown;
	} newer = {.known = dmp_swiotlb_policy_linux, .unknown = 1};

	(void)state;
	newer.known.size = sizeof(newer);
	refused(&newer.known, -E2BIG);
}

/* Its own errors are passed on; what was made before is gone. */
static uint64_t nlive, nmade, fails_at;

static int create_counted(uint64_t nslots, void **state)
{
	assert_int_equal(nslots, 128);
	if (++nmade == fails_at)
		return -EACCES;
	nlive++;
	*state = &nlive;
	return 0;
}

static void destroy_counted(void *state)
{
	assert_ptr_equal(state, &nlive);
	nlive--;
}

static int create_choice(void **choice)
{
	*choice = &nlive;
	return create_counted(128, choice);
}

static void test_what_a_policy_cannot_make_is_undone(void **state)
{
	struct dmp_swiotlb_policy policy = dmp_swiotlb_policy_linux;
	struct swiotlb_rig rig;

	(void)state;
	policy.create = create_counted;
	policy.destroy = destroy_counted;
	policy.choice_create = create_choice;
	policy.choice_destroy = destroy_counted;
	for (fails_at = 1; fails_at <= 5; fails_at++) {
		nmade = 0;
		refused(&policy, -EACCES);
		assert_int_equal(nmade, fails_at);
		assert_int_equal(nlive, 0);
	}
	swiotlb_rig_begin(&rig);
	nmade = fails_at = 0;
	assert_int_equal(create_with(&rig, &policy), 0);
	assert_int_equal(nlive, 5);
	swiotlb_rig_down(&rig);
	assert_int_equal(nlive, 0);
}

static void test_no_memory_for_a_policy_leaves_nothing(void **state)
{
	struct swiotlb_rig rig;
	uint64_t n;
	int err;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		swiotlb_rig_begin(&rig);
		for (n = 1, err = -ENOMEM; err; n++) {
			uint64_t before = dmp_meta_in_use();

			assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, n, 1), 0);
			err = create_with(&rig, builtin[i]);
			assert_true(err == 0 || err == -ENOMEM);
			if (err)
				assert_int_equal(dmp_meta_in_use(), before);
		}
		assert_int_equal(dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_OBJECT, 0, 0), 0);
		swiotlb_rig_down(&rig);
	}
}

/* A user's own: from the top, and it keeps what it is told. */
static uint64_t told_slot, told_nslots, seen_slots, seen_index;
static int told_balance;

static bool find_highest(void *state, struct dmp_swiotlb_area *area,
			 const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	uint64_t at = dmp_swiotlb_area_slots(area);

	(void)state;
	seen_slots = at;
	seen_index = dmp_swiotlb_area_index(area);
	while (at--) {
		if (dmp_swiotlb_area_fits(area, need, at)) {
			*slot = at;
			return true;
		}
	}
	return false;
}

static void keep_claimed(void *state, uint64_t slot, uint64_t nslots)
{
	(void)state;
	told_slot = slot;
	told_nslots = nslots;
	told_balance += (int)nslots;
}

static void keep_released(void *state, uint64_t slot, uint64_t nslots)
{
	keep_claimed(state, slot, nslots);
	told_balance -= 2 * (int)nslots;
}

static void test_a_users_own_policy_places_and_is_told(void **state)
{
	static const struct dmp_swiotlb_policy top = {
		.size = sizeof(struct dmp_swiotlb_policy),
		.name = "top",
		.find = find_highest,
		.claimed = keep_claimed,
		.released = keep_released,
	};
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 4, &top);
	assert_int_equal(dmp_harness_become(2), 0);
	phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, 3 * SLOT);
	assert_int_equal(phys, RIG_POOL + (2 * 128 + 124) * SLOT);
	assert_int_equal(seen_slots, 128);
	assert_int_equal(seen_index, 0);
	assert_int_equal(told_slot, 124);
	assert_int_equal(told_nslots, 3);
	assert_int_equal(swiotlb_rig_slot(&rig, NULL, RIG_ORIG, 1), 2 * 128 + 127);
	assert_int_equal(seen_index, 127);
	swiotlb_rig_unmap(&rig, phys);
	assert_int_equal(told_slot, 124);
	assert_int_equal(told_nslots, 3);
	swiotlb_rig_unmap_all(&rig);
	assert_int_equal(told_balance, 0);
	swiotlb_rig_down(&rig);
}

/* Slot 0, whatever is asked for; then behind the end. */
static uint64_t stubborn_slot;

static bool find_stubborn(void *state, struct dmp_swiotlb_area *area,
			  const struct dmp_swiotlb_need *need, uint64_t *slot)
{
	(void)state;
	(void)area;
	(void)need;
	*slot = stubborn_slot;
	return true;
}

static void assert_no_harm(struct swiotlb_rig *rig, const struct dmp_swiotlb_limits *limits,
			   dmp_phys_t orig, uint64_t len)
{
	dmp_phys_t phys = 1;

	assert_int_equal(dmp_swiotlb_map(rig->tlb, limits, orig, len, DMP_TO_DEVICE,
					 DMP_ATTR_NO_WARN, &phys),
			 -ENOSPC);
	assert_int_equal(phys, 1);
	hw_rig_expect_bug(&rig->hw, "policy stubborn wants");
	assert_int_equal(dmp_swiotlb_check(rig->tlb), 0);
}

static void test_an_answer_that_does_not_fit_is_told_and_not_done(void **state)
{
	static const struct dmp_swiotlb_policy stubborn = {
		.size = sizeof(struct dmp_swiotlb_policy),
		.name = "stubborn",
		.find = find_stubborn,
	};
	const struct dmp_swiotlb_limits odd = DMP_SWIOTLB_LIMITS(.min_align_mask = 0xfff);
	const struct dmp_swiotlb_limits page = DMP_SWIOTLB_LIMITS(.boundary_mask = 0xfff);
	struct swiotlb_rig rig;

	(void)state;
	swiotlb_rig_up_policy(&rig, 512, 1, &stubborn);
	stubborn_slot = 0;
	assert_no_harm(&rig, &odd, RIG_ORIG + SLOT, SLOT);
	swiotlb_rig_map(&rig, NULL, RIG_ORIG, 2 * SLOT);
	assert_no_harm(&rig, NULL, RIG_ORIG, SLOT);
	stubborn_slot = 1;
	assert_no_harm(&rig, NULL, RIG_ORIG, SLOT);
	stubborn_slot = 3;
	assert_no_harm(&rig, &page, RIG_ORIG, SLOT + 1);
	stubborn_slot = 126;
	assert_no_harm(&rig, NULL, RIG_ORIG, 4 * SLOT);
	stubborn_slot = 512;
	assert_no_harm(&rig, NULL, RIG_ORIG, SLOT);
	stubborn_slot = UINT64_MAX;
	assert_no_harm(&rig, NULL, RIG_ORIG, SLOT);
	assert_int_equal(swiotlb_rig_stats(&rig).used, 2);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

/* warm's slots in areas that are taken in turn. */
static void test_members_of_two_policies_make_a_third(void **state)
{
	struct dmp_swiotlb_policy both = dmp_swiotlb_policy_round_robin;
	struct swiotlb_rig rig;
	dmp_phys_t phys;

	(void)state;
	both.find = dmp_swiotlb_policy_warm.find;
	swiotlb_rig_up_policy(&rig, 512, 2, &both);
	for (uint64_t i = 0; i < 8; i++) {
		phys = swiotlb_rig_map(&rig, NULL, RIG_ORIG, SLOT);
		assert_int_equal(phys, RIG_POOL + i % 2 * 256 * SLOT);
		swiotlb_rig_unmap(&rig, phys);
	}
	swiotlb_rig_down(&rig);
}

/* Linux's slots in areas that are taken in turn, also where a run does not fit in what is left of
 * a word of the bitmap: a request asks for an area once. */
static void test_a_request_chooses_its_area_once(void **state)
{
	struct dmp_swiotlb_policy both = dmp_swiotlb_policy_round_robin;
	struct dmp_swiotlb_area_view area;
	struct swiotlb_rig rig;

	(void)state;
	both.find = dmp_swiotlb_policy_linux.find;
	swiotlb_rig_up_policy(&rig, 512, 2, &both);
	for (uint64_t i = 0; i < 8; i++)
		swiotlb_rig_map(&rig, NULL, RIG_ORIG, 40 * SLOT);
	area = swiotlb_rig_area(&rig, 0);
	assert_int_equal(area.used, 4 * 40);
	area = swiotlb_rig_area(&rig, 1);
	assert_int_equal(area.used, 4 * 40);
	swiotlb_rig_unmap_all(&rig);
	swiotlb_rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_lacks_a_member_is_no_policy),
		cmocka_unit_test(test_a_policy_of_a_newer_header_is_refused),
		cmocka_unit_test(test_what_a_policy_cannot_make_is_undone),
		cmocka_unit_test(test_no_memory_for_a_policy_leaves_nothing),
		cmocka_unit_test(test_a_users_own_policy_places_and_is_told),
		cmocka_unit_test(test_an_answer_that_does_not_fit_is_told_and_not_done),
		cmocka_unit_test(test_members_of_two_policies_make_a_third),
		cmocka_unit_test(test_a_request_chooses_its_area_once),
	};

	return cmocka_run_group_tests_name("swiotlb_policy", tests, NULL, NULL);
}
