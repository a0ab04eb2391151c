// SPDX-License-Identifier: MIT
/*
 * test_replay_result.c - proves what bench/replay_result.c makes of counters, and of several
 * runs
 */
#include "test_replay_rig.h"

#include <dmapool/harness.h>

#include <math.h>

#define MS UINT64_C(1000000)

static struct replay_result ran(double speed)
{
	return (struct replay_result){.events_per_second = speed, .runs = 1};
}

static void test_the_median_of_an_odd_number_is_the_middle_run(void **state)
{
	struct replay_result runs[] = {ran(30), ran(10), ran(20)}, out;

	(void)state;
	runs[2].magazine_allocs = 77;
	replay_result_median(runs, 3, &out);
	assert_true(out.events_per_second == 20);
	assert_true(out.slowest == 10 && out.fastest == 30);
	assert_int_equal(out.magazine_allocs, 77);
	assert_int_equal(out.runs, 3);
}

static void test_the_median_of_an_even_number_lies_between_two(void **state)
{
	struct replay_result runs[] = {ran(30), ran(10), ran(20), ran(40)}, out;

	(void)state;
	replay_result_median(runs, 4, &out);
	assert_true(out.events_per_second == 25);
}

static void test_a_failure_in_any_run_is_in_the_result(void **state)
{
	struct replay_result runs[] = {ran(30), ran(10), ran(20)}, out;

	(void)state;
	runs[0].wrong_bytes = 3;
	runs[1].blame.requests = 1;
	runs[1].blame.first_line = 12;
	runs[1].broken_books = 2;
	replay_result_median(runs, 3, &out);
	assert_int_equal(out.wrong_bytes, 3);
	assert_int_equal(out.blame.requests, 1);
	assert_int_equal(out.blame.first_line, 12);
	assert_int_equal(out.broken_books, 2);
	assert_true(replay_result_is_bad(&out));
}

static void test_what_is_wrong_with_the_file_is_no_failure(void **state)
{
	struct replay_result result = {.unmatched = 5, .failed_in_trace = 5, .live_at_end = 5};

	(void)state;
	assert_false(replay_result_is_bad(&result));
	result.faults = 1;
	assert_true(replay_result_is_bad(&result));
}

#define TRACE                                                                                      \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)                                                   \
	MAP(0, 02, "TO_DEVICE", ffffffffffffffff, 5000, 256)                                       \
	COHERENT(03, "dma_alloc", 8000, 64)                                                        \
	UNMAP(0, 04, "TO_DEVICE", 1000, 256)                                                       \
	UNMAP(0, 05, "TO_DEVICE", 77000, 256)

static void test_calls_are_counted_as_the_trace_has_them(void **state)
{
	struct replay_result result = {0};
	struct replay_books before;
	struct rig rig;

	(void)state;
	rig_up(&rig, TRACE, &RIG(.route = STRICT));
	replay_books_read(&rig.machine, &before);
	for (uint32_t i = 0; i < rig.job.lanes[0].nsteps; i++)
		rig_do(&rig, i);
	replay_result_fill(&rig.run, &before, 0.5, &result);
	assert_int_equal(result.maps, 2);
	assert_int_equal(result.maps_replayed, 1);
	assert_int_equal(result.failed_in_trace, 1);
	assert_int_equal(result.unmaps, 1);
	assert_int_equal(result.unmatched, 1);
	assert_int_equal(result.allocs, 1);
	assert_int_equal(result.live_at_end, 1);
	assert_int_equal(result.magazine_allocs + result.tree_allocs, 2);
	assert_true(result.events_per_second == 3 / 0.5);
	rig_down(&rig);
}

static void test_shares_of_nothing_are_no_numbers(void **state)
{
	struct replay_result result = {0};
	struct replay_books before;
	struct rig rig;

	(void)state;
	rig_up(&rig, COHERENT(03, "dma_alloc", 8000, 64), &RIG(.route = DIRECT, .no_data = true));
	replay_books_read(&rig.machine, &before);
	replay_result_fill(&rig.run, &before, 1, &result);
	assert_true(isnan(result.magazine_share));
	assert_true(isnan(result.iotlb_share));
	assert_true(isnan(result.cross_cpu_share));
	rig_down(&rig);
}

/* A lazy rig whose clock the test moves; @text is replayed to its end. */
static void lazy_up(struct rig *rig, struct replay_books *before, const char *text)
{
	assert_int_equal(dmp_harness_enter(1), 0);
	rig_up(rig, text, &RIG(.route = LAZY));
	replay_books_read(&rig->machine, before);
	for (uint32_t i = 0; i < rig->job.lanes[0].nsteps; i++)
		rig_do(rig, i);
}

static void lazy_down(struct rig *rig)
{
	rig_down(rig);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* 300 unmaps on one CPU: a queue of 256 entries, one of them empty, is full once; then 45. */
static void test_lazy_flushes_are_counted_by_cause(void **state)
{
	static const char one[] = MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)
		UNMAP(0, 02, "TO_DEVICE", 1000, 256);
	char *text = malloc(300 * sizeof(one)), *p = text;
	struct replay_result r = {0};
	struct replay_books before;
	struct rig rig;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < 300; i++)
		p = stpcpy(p, one);
	lazy_up(&rig, &before, text);
	replay_result_fill(&rig.run, &before, 1, &r);
	assert_int_equal(r.flushes_full, 1);
	assert_int_equal(r.flushes_timer, 0);
	assert_true(r.entries_per_flush == 255);
	dmp_harness_advance(10 * MS);
	replay_result_fill(&rig.run, &before, 1, &r);
	assert_int_equal(r.flushes_full, 1);
	assert_int_equal(r.flushes_timer, 1);
	assert_true(r.entries_per_flush == 150);
	lazy_down(&rig);
	free(text);
}

/* Two unmaps 4 ms apart; the timer comes 10 ms after the first one. */
static void test_the_time_from_unmap_to_flush_is_told_in_microseconds(void **state)
{
	struct replay_result r = {0};
	struct replay_books before;
	struct rig rig;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	rig_up(&rig,
	       MAP(0, 01, "TO_DEVICE", 1000, 5000, 256) UNMAP(0, 02, "TO_DEVICE", 1000, 256)
		       MAP(0, 03, "TO_DEVICE", 1000, 5000, 256)
			       UNMAP(0, 04, "TO_DEVICE", 1000, 256),
	       &RIG(.route = LAZY, .exposure = true));
	replay_books_read(&rig.machine, &before);
	rig_do(&rig, 0);
	rig_do(&rig, 1);
	dmp_harness_advance(4 * MS);
	rig_do(&rig, 2);
	rig_do(&rig, 3);
	replay_result_fill(&rig.run, &before, 1, &r);
	assert_true(isnan(r.exposed_us) && isnan(r.exposed_max_us) && isnan(r.entries_per_flush));
	dmp_harness_advance(6 * MS);
	replay_result_fill(&rig.run, &before, 1, &r);
	assert_true(r.exposed_us == 8000);
	assert_true(r.exposed_max_us == 10000);
	assert_true(r.entries_per_flush == 2);
	lazy_down(&rig);
}

/* A device that goes on: first through the IOTLB, then into nothing. */
static void test_a_stale_access_is_no_fault_until_the_flush(void **state)
{
	struct replay_result r = {0};
	struct replay_books before;
	struct dmp_sim_agent *agent;
	dmp_addr_t addr;
	uint8_t byte;
	struct rig rig;

	(void)state;
	lazy_up(&rig, &before,
		MAP(0, 01, "TO_DEVICE", 1000, 5000, 256) UNMAP(0, 02, "TO_DEVICE", 1000, 256));
	agent = rig.job.lanes[0].agents[0];
	addr = rig.job.mappings[0].addr;
	dmp_sim_agent_read(agent, addr, &byte, 1);
	replay_result_blame(&rig.run, &r);
	assert_int_equal(r.stale_accesses, 1);
	assert_int_equal(r.faults, 0);
	dmp_harness_advance(10 * MS);
	assert_true(dmp_sim_agent_read(agent, addr, &byte, 1) < 0);
	replay_result_blame(&rig.run, &r);
	assert_int_equal(r.stale_accesses, 1);
	assert_int_equal(r.faults, 1);
	assert_true(replay_result_is_bad(&r));
	lazy_down(&rig);
}

static void test_any_failure_makes_a_result_bad(void **state)
{
	const struct replay_result bad[] = {
		{.wrong_bytes = 1},    {.faults = 1},   {.stale_accesses = 1},
		{.blame.requests = 1}, {.not_done = 1}, {.broken_books = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(replay_result_is_bad(&bad[i]));
	assert_false(replay_result_is_bad(&(struct replay_result){.late_maps = 1}));
}

static void test_no_clock_is_read_at_unmaps_unless_exposure_is_asked_for(void **state)
{
	struct replay_result r = {0};
	struct replay_books before;
	struct rig rig;

	(void)state;
	rig_up(&rig, TRACE, &RIG(.route = LAZY));
	replay_books_read(&rig.machine, &before);
	for (uint32_t i = 0; i < rig.job.lanes[0].nsteps; i++)
		rig_do(&rig, i);
	assert_int_equal(dmp_domain_flush(rig.machine.domains[0]), 0);
	replay_result_fill(&rig.run, &before, 1, &r);
	assert_true(isnan(r.exposed_us) && isnan(r.exposed_max_us));
	rig_down(&rig);
}

/* Two pages at once, of 4096 and 256 bytes: three slots. */
static void test_a_bounce_has_a_peak_of_slots_and_a_price_of_its_bytes(void **state)
{
	struct replay_result r = {0};
	struct replay_books before;
	double byte_ns;
	struct rig rig;

	(void)state;
	rig_up(&rig,
	       MAP(0, 01, "TO_DEVICE", 1000, 5000, 4096) MAP(0, 02, "FROM_DEVICE", 2000, 6000, 256)
		       UNMAP(0, 03, "TO_DEVICE", 1000, 4096) UNMAP(0, 04, "FROM_DEVICE", 2000, 256),
	       &RIG(.route = BOUNCE, .profile = "vtd-modern"));
	byte_ns = (double)dmp_sim_price_ps(rig.machine.sim, DMP_SIM_PRICE_COPY_BYTE) / 1000;
	assert_true(byte_ns > 0);
	replay_books_read(&rig.machine, &before);
	for (uint32_t i = 0; i < rig.job.lanes[0].nsteps; i++)
		rig_do(&rig, i);
	replay_result_fill(&rig.run, &before, 1, &r);
	assert_int_equal(r.peak_slots, 3);
	assert_int_equal(r.copied_bytes, 4096 + 256 + 256);
	assert_true(fabs(r.map_copy_ns - byte_ns * (4096 + 256) / 2) < 1e-6);
	assert_true(fabs(r.unmap_copy_ns - byte_ns * 256 / 2) < 1e-6);
	assert_true(r.sync_copy_ns == 0);
	rig_down(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_median_of_an_odd_number_is_the_middle_run),
		cmocka_unit_test(test_the_median_of_an_even_number_lies_between_two),
		cmocka_unit_test(test_a_failure_in_any_run_is_in_the_result),
		cmocka_unit_test(test_what_is_wrong_with_the_file_is_no_failure),
		cmocka_unit_test(test_calls_are_counted_as_the_trace_has_them),
		cmocka_unit_test(test_shares_of_nothing_are_no_numbers),
		cmocka_unit_test(test_lazy_flushes_are_counted_by_cause),
		cmocka_unit_test(test_the_time_from_unmap_to_flush_is_told_in_microseconds),
		cmocka_unit_test(test_a_stale_access_is_no_fault_until_the_flush),
		cmocka_unit_test(test_any_failure_makes_a_result_bad),
		cmocka_unit_test(test_no_clock_is_read_at_unmaps_unless_exposure_is_asked_for),
		cmocka_unit_test(test_a_bounce_has_a_peak_of_slots_and_a_price_of_its_bytes),
	};

	return cmocka_run_group_tests_name("replay_result", tests, NULL, NULL);
}
