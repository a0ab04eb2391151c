// SPDX-License-Identifier: MIT
/*
 * test_replay_bundled.c - proves that every bundled trace is replayed without a wrong byte,
 * on every route of the table, with the calls that bench/traces/README.md counts, and fills
 * the pool as far as the kernel did
 */
#include "rng.h"
#include "test_replay_answer.h"

struct expected {
	const char *name;
	uint64_t maps, unmaps, live_at_end, failed_in_trace;
};

static struct expected bundled[] = {
	{"boot-and-probe", 2707, 1933, 823, 0},      {"tracecmd-sample", 600, 600, 1, 0},
	{"nvme-mixed-bs", 23260, 23260, 0, 0},       {"net-tcp-virtio", 25558, 25558, 0, 0},
	{"usb-uas-mixed-bs", 18361, 18361, 0, 0},    {"nvme-4k-randrw-8cpu-2q", 28014, 28014, 0, 0},
	{"swiotlb-force-small", 20014, 20014, 0, 0}, {"swiotlb-force-big", 10014, 10014, 0, 0},
	{"swiotlb-force-full", 8020, 8014, 0, 6},    {"swiotlb-force-net", 26464, 26464, 0, 0},
};

#define NTRACES (sizeof(bundled) / sizeof(bundled[0]))

static void expect_route(const struct replay_result *r, const struct expected *e)
{
	assert_int_equal(r->wrong_bytes, 0);
	assert_int_equal(r->faults, 0);
	assert_int_equal(r->stale_accesses, 0);
	assert_int_equal(r->unmatched, 0);
	assert_int_equal(r->maps, e->maps);
	assert_int_equal(r->unmaps, e->unmaps);
	assert_int_equal(r->live_at_end, e->live_at_end);
	assert_int_equal(r->failed_in_trace, e->failed_in_trace);
	assert_false(replay_result_is_bad(r));
}

/* All of them; where few rounds are asked for the usual four, and one of the others in turn. */
static unsigned routes_of(const struct expected *e)
{
	unsigned usual = REPLAY_LAZY + 1, others = replay_nroutes - usual;

	if (rng_rounds_from_env(UINT64_MAX) == UINT64_MAX)
		return (1u << replay_nroutes) - 1;
	return ((1u << usual) - 1) | 1u << (usual + (unsigned)(e - bundled) % others);
}

static void test_every_byte_of_a_trace_is_right_on_every_route(void **state)
{
	const struct expected *e = *state;
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;
	char path[4096];

	opts.routes = routes_of(e);
	snprintf(path, sizeof(path), TRACE_DIR "/%s.txt.xz", e->name);
	assert_int_equal(replay_file(&opts, path, &answer), 0);
	assert_int_equal(answer.nresults, (unsigned)__builtin_popcount(opts.routes));
	for (unsigned i = 0; i < answer.nresults; i++) {
		assert_true(opts.routes >> (answer.results[i].route - replay_routes) & 1);
		expect_route(&answer.results[i], e);
	}
	replay_answer_free(&answer);
}

/* The kernel's io_tlb_used_hiwater, in file order; threads may miss the moment. */
static void test_peak_slots_are_the_kernels(void **state)
{
	static const struct {
		const char *path;
		uint64_t peak;
	} cases[] = {
		{TRACE_DIR "/swiotlb-force-small.txt.xz", 64},
		{TRACE_DIR "/swiotlb-force-big.txt.xz", 1024},
		{TRACE_DIR "/swiotlb-force-net.txt.xz", 724},
	};
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.serial = true;
	opts.data = false;
	opts.routes = 1u << REPLAY_BOUNCE;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(replay_file(&opts, cases[i].path, &answer), 0);
		assert_int_equal(answer.results[0].peak_slots, cases[i].peak);
		assert_false(replay_result_is_bad(&answer.results[0]));
		replay_answer_free(&answer);
	}
}

/*
 * With the 1024 slots of its kernel: its six refusals are not replayed, the rest fits.  At most
 * 1008 slots are held between a map's line and its unmap's; the kernel's 1024 are with pieces of
 * lists whose line had not been written.
 */
static void test_the_full_pool_of_a_trace_takes_what_it_took(void **state)
{
	struct replay_opts opts = answer_opts();
	struct replay_answer answer;

	(void)state;
	opts.serial = true;
	opts.slots = 1024;
	opts.routes = AS_RECORDED;
	assert_int_equal(replay_file(&opts, TRACE_DIR "/swiotlb-force-full.txt.xz", &answer), 0);
	assert_int_equal(answer.results[0].way, REPLAY_BOUNCE);
	assert_int_equal(answer.results[0].maps, 8020);
	assert_int_equal(answer.results[0].unmaps, 8014);
	assert_int_equal(answer.results[0].peak_slots, 1008);
	assert_int_equal(answer.results[0].late_maps, 0);
	assert_false(replay_result_is_bad(&answer.results[0]));
	replay_answer_free(&answer);
}

int main(void)
{
	struct CMUnitTest tests[NTRACES + 2] = {
		[NTRACES] = cmocka_unit_test(test_peak_slots_are_the_kernels),
		[NTRACES + 1] = cmocka_unit_test(test_the_full_pool_of_a_trace_takes_what_it_took),
	};

	for (size_t i = 0; i < NTRACES; i++)
		tests[i] = (struct CMUnitTest){
			.name = bundled[i].name,
			.test_func = test_every_byte_of_a_trace_is_right_on_every_route,
			.initial_state = &bundled[i],
		};
	return cmocka_run_group_tests_name("replay_bundled", tests, NULL, NULL);
}
