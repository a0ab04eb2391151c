// SPDX-License-Identifier: MIT
/*
 * test_what_if_bundled.c - proves of bundled traces what every flush policy promises: strict leaves
 * nothing open, nothing is open longer than the policy's bound, a machine sees no more than the
 * library says, no address is given out while an entry leads from it; and that it is the same
 * twice
 */
#include "test_replay_what_if_answer.h"

#include <jansson.h>

static const char *const traces[] = {
	TRACE_DIR "/boot-and-probe.txt.xz",
	TRACE_DIR "/tracecmd-sample.txt.xz",
	TRACE_DIR "/swiotlb-force-full.txt.xz",
};

#define EVERY_POLICY "flush=strict,guest,lazy,lazy-single,on-reuse,manual,manual:every=10ms"

static void expect_nothing_open(const struct replay_exposure *x)
{
	assert_int_equal(x->sum.could.byte_ns, 0);
	assert_int_equal(x->sum.seen.did.byte_ns, 0);
	assert_int_equal(x->sum.could.open, 0);
	assert_int_equal(replay_exposure_memory_reused(&x->sum.seen), 0);
}

/* In the time of the trace a flush takes no time. */
static void expect_promise(const struct replay_result *r)
{
	const struct replay_exposure *x = r->exposed;

	assert_false(replay_result_is_bad(r));
	assert_non_null(x);
	assert_int_equal(x->sum.flags, DMP_EXPOSURE_SEEN | DMP_EXPOSURE_MANUAL);
	assert_int_equal(x->sum.seen.iova_reused, 0);
	assert_int_equal(x->sum.seen.untracked, 0);
	assert_true(x->sum.seen.did.byte_ns <= x->sum.could.byte_ns);
	for (uint32_t i = 0; i < x->nrows; i++) {
		const struct replay_exposure_row *row = &x->rows[i];
		uint64_t could_ns = replay_exposure_worst_ns(&row->exposure.could);

		assert_true(could_ns <= row->bound_ns);
		assert_true(replay_exposure_worst_ns(&row->exposure.seen.did) <= could_ns);
		assert_int_equal(row->exposure.could.windows, row->exposure.unmaps);
	}
	if (r->way == REPLAY_STRICT || r->way == REPLAY_GUEST)
		expect_nothing_open(x);
}

static void test_no_trace_leaves_more_open_than_its_policy_promises(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts(EVERY_POLICY, &w);

	(void)state;
	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
		struct replay_answer a;

		assert_int_equal(replay_file(&opts, traces[i], &a), 0);
		assert_int_equal(a.nresults, w.n);
		for (unsigned k = 0; k < a.nresults; k++)
			expect_promise(&a.results[k]);
		replay_answer_free(&a);
	}
}

static void test_the_answer_is_the_same_twice(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts(EVERY_POLICY, &w);
	json_t *answers[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct replay_answer a;

		assert_int_equal(replay_file(&opts, traces[0], &a), 0);
		answers[i] = replay_what_if_json(&opts, &a);
		assert_non_null(answers[i]);
		replay_answer_free(&a);
	}
	assert_true(json_equal(answers[0], answers[1]));
	json_decref(answers[0]);
	json_decref(answers[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_trace_leaves_more_open_than_its_policy_promises),
		cmocka_unit_test(test_the_answer_is_the_same_twice),
	};

	return cmocka_run_group_tests_name("what_if_bundled", tests, NULL, NULL);
}
