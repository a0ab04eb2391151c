// SPDX-License-Identifier: MIT
/*
 * test_what_if_bundled.c - proves of bundled traces what every flush policy promises: strict leaves
 * nothing open, nothing is open longer than the policy's bound, a machine sees no more than the
 * library says, no address is given out while an entry leads from it; and that it is the same
 * twice
 */
#include "rng.h"
#include "test_replay_what_if_answer.h"

#include <jansson.h>

static const char *const traces[] = {
	TRACE_DIR "/boot-and-probe.txt.xz",     TRACE_DIR "/tracecmd-sample.txt.xz",
	TRACE_DIR "/swiotlb-force-full.txt.xz", TRACE_DIR "/swiotlb-force-big.txt.xz",
	TRACE_DIR "/swiotlb-force-net.txt.xz",  TRACE_DIR "/swiotlb-force-small.txt.xz",
	TRACE_DIR "/net-tcp-virtio.txt.xz",     TRACE_DIR "/nvme-4k-randrw-8cpu-2q.txt.xz",
	TRACE_DIR "/nvme-mixed-bs.txt.xz",      TRACE_DIR "/usb-uas-mixed-bs.txt.xz",
};
#define NSMALL 3 /* the first of them */

#define EVERY_POLICY "flush=strict,guest,lazy,lazy-single,on-reuse,manual,manual:every=10ms"

/* All of them; where few rounds are asked for, of a large trace one of those that differ most. */
static const char *policies_of(size_t trace)
{
	static const char *const one[] = {"flush=lazy", "flush=on-reuse", "flush=manual",
					  "flush=strict"};

	if (trace < NSMALL || rng_rounds_from_env(UINT64_MAX) == UINT64_MAX)
		return EVERY_POLICY;
	return one[trace % (sizeof(one) / sizeof(one[0]))];
}

static void expect_nothing_open(const struct replay_exposure *x)
{
	assert_int_equal(x->sum.could.byte_ns, 0);
	assert_int_equal(x->sum.seen.did.byte_ns, 0);
	assert_int_equal(x->sum.could.open, 0);
	assert_int_equal(replay_exposure_memory_reused(&x->sum.seen), 0);
	assert_int_equal(x->sum.seen.windows_reused, 0);
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
	assert_true(x->sum.seen.windows_reused <= x->sum.seen.did.windows);
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

/* What devices reach beside buffers is the mappings' doing, not the policy's. */
static void expect_neighbours(const struct replay_neighbours *x, const struct replay_neighbours *y)
{
	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(x->nrows, y->nrows);
	assert_true(x->peak_bytes == y->peak_bytes);
	assert_true(x->byte_ns == y->byte_ns);
	for (uint32_t i = 0; i < x->nrows; i++) {
		assert_true(x->rows[i].peak_bytes == y->rows[i].peak_bytes);
		assert_true(x->rows[i].byte_ns == y->rows[i].byte_ns);
	}
}

static void expect_promises(const char *trace, const char *policies)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts(policies, &w);
	struct replay_answer a;

	assert_int_equal(replay_file(&opts, trace, &a), 0);
	assert_int_equal(a.nresults, w.n);
	for (unsigned k = 0; k < a.nresults; k++) {
		expect_promise(&a.results[k]);
		expect_neighbours(a.results[k].beside, a.results[0].beside);
	}
	replay_answer_free(&a);
}

static void test_no_trace_leaves_more_open_than_its_policy_promises(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++)
		expect_promises(traces[i], policies_of(i));
}

/* Its pages are larger than those of the other profiles, and some mappings take several. */
static void test_strict_leaves_nothing_with_other_pages_either(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=strict", &w);
	struct replay_answer a;

	(void)state;
	opts.profile = "viommu-direct";
	assert_int_equal(replay_file(&opts, TRACE_DIR "/usb-uas-mixed-bs.txt.xz", &a), 0);
	assert_int_equal(a.results[0].exposed->bound_ns, 0);
	assert_int_equal(replay_exposure_worst_ns(&a.results[0].exposed->sum.could), 0);
	expect_promise(&a.results[0]);
	replay_answer_free(&a);
}

static void write_first(const char *path, size_t size, const char *to)
{
	FILE *from = fopen(path, "rb"), *file = fopen(to, "wb");
	char bytes[8192];

	assert_true(size <= sizeof(bytes));
	assert_non_null(from);
	assert_non_null(file);
	assert_int_equal(fread(bytes, 1, size, from), size);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(from);
	fclose(file);
}

static void test_a_trace_that_was_cut_short_is_told_to_be(void **state)
{
	struct replay_what_if w;
	struct replay_opts opts = what_if_opts("flush=lazy", &w);
	struct trace_file file = file_with("", 0);
	struct replay_answer a;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	(void)state;
	write_first(TRACE_DIR "/tracecmd-sample.txt.xz", 8000, file.path);
	assert_int_equal(replay_file(&opts, file.path, &a), 0);
	replay_what_if_print(to, &opts, &a);
	fclose(to);
	assert_non_null(
		strstr(text, "\n  skipped: 1 x compressed file cut off, the first in line "));
	free(text);
	unlink(file.path);
	replay_answer_free(&a);
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
		cmocka_unit_test(test_strict_leaves_nothing_with_other_pages_either),
		cmocka_unit_test(test_a_trace_that_was_cut_short_is_told_to_be),
		cmocka_unit_test(test_the_answer_is_the_same_twice),
	};

	return cmocka_run_group_tests_name("what_if_bundled", tests, NULL, NULL);
}
