// SPDX-License-Identifier: MIT
/*
 * test_domain_change.c - proves the table of dmp_domain_set_flush() in domain.h: every pair of
 * policies, with and without a device, held strict or not, and with what fails
 *
 * What a change does to requests beside it, and one policy by itself, is test_domain_policy.c's.
 */
#include "attach_rig.h"

/*
 *   from \ to      strict  lazy  single  on reuse  manual  guest
 *   strict           .      S     S       S         S       .       S: unless it is held strict
 *   one that queues  D      D     D       D         D       D       D: unless a device is attached
 *   guest            never                                  .       . always
 */
static const enum dmp_flush_policy all_policies[] = {
	DMP_FLUSH_STRICT,   DMP_FLUSH_LAZY,   DMP_FLUSH_LAZY_SINGLE,
	DMP_FLUSH_ON_REUSE, DMP_FLUSH_MANUAL, DMP_FLUSH_GUEST,
};
#define POLICIES (sizeof(all_policies) / sizeof(all_policies[0]))

static bool queues(enum dmp_flush_policy policy)
{
	return policy != DMP_FLUSH_STRICT && policy != DMP_FLUSH_GUEST;
}

static int expected(enum dmp_flush_policy from, enum dmp_flush_policy to, bool attached, bool held)
{
	if (from == to)
		return 0;
	if (from == DMP_FLUSH_GUEST || (queues(from) && attached))
		return -EBUSY;
	return held && queues(to) ? -EBUSY : 0;
}

/* On a space whose policy defers reuse, with a range that waits if the policy lets one. */
static void try_change(enum dmp_flush_policy from, enum dmp_flush_policy to, bool attached,
		       bool held)
{
	const struct dmp_domain_opts opts =
		DMP_DOMAIN_OPTS(.flush = from, .policy = &dmp_iova_policy_bitmap);
	int want = expected(from, to, attached, held);
	uint32_t device = 0;
	struct lazy lazy;
	dmp_iova_t iova;

	lazy_begin(&lazy, 1);
	rig_domain_as(&lazy.rig, &opts);
	assert_int_equal(policy_of(&lazy), from);
	if (held)
		assert_int_equal(dmp_domain_hold_strict(lazy.rig.dom), 0);
	if (attached)
		device = attach_a_device(&lazy);
	iova = lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, to), want);
	assert_int_equal(policy_of(&lazy), want ? from : to);
	if (!want && from != to) {
		assert_false(lazy_is_taken(&lazy, iova));
		assert_int_equal(lazy.rig.d->tables_freed, 1);
	}
	iova = lazy_queue_one(&lazy);
	assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
	assert_false(lazy_is_taken(&lazy, iova));
	assert_int_equal(lazy.rig.d->tables_freed, 2);
	if (attached)
		detach_it(&lazy, device);
	if (held)
		dmp_domain_release_strict(lazy.rig.dom);
	lazy_down(&lazy);
}

static void test_every_change_of_policy_is_made_or_refused_by_the_table(void **state)
{
	(void)state;
	for (size_t from = 0; from < POLICIES; from++)
		for (size_t to = 0; to < POLICIES; to++)
			for (unsigned i = 0; i < 4; i++)
				if (!(i & 1) || !queues(all_policies[from]))
					try_change(all_policies[from], all_policies[to], i & 2,
						   i & 1);
}

static void test_on_reuse_is_einval_from_every_policy_if_addresses_come_back_at_once(void **state)
{
	struct lazy lazy;

	(void)state;
	for (size_t from = 0; from < POLICIES; from++) {
		if (all_policies[from] == DMP_FLUSH_ON_REUSE)
			continue;
		lazy_begin(&lazy, 1);
		rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flush = all_policies[from]));
		assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_ON_REUSE), -EINVAL);
		assert_int_equal(policy_of(&lazy), all_policies[from]);
		lazy_down(&lazy);
	}
}

/* What may be lost with a range is its queue's memory: a change that fails leaves no trace. */
static void test_every_change_whose_flush_or_memory_fails_changes_nothing(void **state)
{
	const enum dmp_flush_policy from[] = {DMP_FLUSH_LAZY, DMP_FLUSH_LAZY_SINGLE,
					      DMP_FLUSH_MANUAL};
	struct lazy lazy;
	dmp_iova_t iova;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		lazy_begin(&lazy, 1);
		rig_domain_as(&lazy.rig, &DMP_DOMAIN_OPTS(.flush = from[i],
							  .policy = &dmp_iova_policy_bitmap));
		iova = lazy_queue_one(&lazy);
		double_fail(lazy.rig.d, DOUBLE_FLUSH_DOMAIN, 1, -ETIMEDOUT);
		assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_ON_REUSE),
				 -ETIMEDOUT);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 1, 1);
		assert_int_equal(dmp_domain_set_flush(lazy.rig.dom, DMP_FLUSH_ON_REUSE), -ENOMEM);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
		assert_int_equal(policy_of(&lazy), from[i]);
		assert_true(lazy_is_taken(&lazy, iova));
		assert_int_equal(dmp_domain_commit(lazy.rig.dom), 0);
		assert_false(lazy_is_taken(&lazy, iova));
		lazy_down(&lazy);
	}
}

/* The object of a queue is the only thing that a policy without the single ring needs at once. */
static void test_every_policy_whose_queue_cannot_be_built_is_strict_and_says_so(void **state)
{
	struct lazy lazy;

	(void)state;
	for (size_t i = 0; i < POLICIES; i++) {
		const struct dmp_domain_opts opts =
			DMP_DOMAIN_OPTS(.flush = all_policies[i],
					.policy = &dmp_iova_policy_bitmap);
		int err = -ENOMEM;

		for (uint64_t nth = 1; err && nth < 20; nth++) {
			lazy_begin(&lazy, 1);
			rig_adopt(&lazy.rig);
			dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, nth, 1);
			err = dmp_domain_create(lazy.rig.hw, &opts, &lazy.rig.dom);
			dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_ANY, 0, 0);
			if (err)
				lazy_down(&lazy);
		}
		assert_int_equal(err, 0);
		assert_int_equal(lazy.rig.warnings, queues(all_policies[i]));
		assert_int_equal(policy_of(&lazy), all_policies[i] == DMP_FLUSH_GUEST
							   ? DMP_FLUSH_GUEST
							   : DMP_FLUSH_STRICT);
		lazy_queue_one(&lazy);
		assert_int_equal(lazy.rig.d->tables_freed, 1);
		lazy_down(&lazy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_change_of_policy_is_made_or_refused_by_the_table),
		cmocka_unit_test(
			test_on_reuse_is_einval_from_every_policy_if_addresses_come_back_at_once),
		cmocka_unit_test(test_every_change_whose_flush_or_memory_fails_changes_nothing),
		cmocka_unit_test(
			test_every_policy_whose_queue_cannot_be_built_is_strict_and_says_so),
	};

	return cmocka_run_group_tests_name("domain_change", tests, NULL, NULL);
}
