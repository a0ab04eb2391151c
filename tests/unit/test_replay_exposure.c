// SPDX-License-Identifier: MIT
/*
 * test_replay_exposure.c - proves that bench/replay_exposure.c adds up what the domains say, and
 * that the peak of what waits is found
 */
#include "test_replay_rig.h"

#include <dmapool/harness.h>

#include <stdlib.h>

#define MS UINT64_C(1000000)

#define OTHER "0000:00:05.0 "
#define MAP_OTHER                                                                                  \
	ON(0, 03,                                                                                  \
	   "dma_map_page: " OTHER "dir=TO_DEVICE dma_addr=1000 size=64 phys_addr=7000 attrs=")
#define UNMAP_OTHER ON(0, 04, "dma_unmap_page: " OTHER "dir=TO_DEVICE dma_addr=1000 size=64 attrs=")
#define TWO_DEVICES                                                                                \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)                                                   \
	UNMAP(0, 02, "TO_DEVICE", 1000, 256) MAP_OTHER UNMAP_OTHER

static void up(struct rig *rig)
{
	struct rig_want want = RIG(.route = LAZY, .exposure = true);

	assert_int_equal(dmp_harness_enter(1), 0);
	rig_up(rig, TWO_DEVICES, &want);
}

static void down(struct rig *rig)
{
	rig_down(rig);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_every_domain_has_its_row_and_the_sum_is_of_all(void **state)
{
	struct replay_exposure *exposure;
	struct rig rig;

	(void)state;
	up(&rig);
	rig_do(&rig, 0);
	rig_do(&rig, 1);
	dmp_harness_advance(4 * MS);
	rig_do(&rig, 2);
	rig_do(&rig, 3);
	dmp_harness_advance(7 * MS); /* the first flushed at 10 ms, the other open for 7 */
	exposure = replay_exposure_read(&rig.run);
	assert_non_null(exposure);
	assert_int_equal(exposure->nrows, 2);
	assert_int_equal(exposure->rows[0].dev, 0);
	assert_int_equal(exposure->rows[1].dev, 1);
	assert_int_equal(exposure->rows[0].exposure.could.ns.max, 10 * MS);
	assert_int_equal(exposure->rows[1].exposure.could.open, 1);
	assert_int_equal(exposure->rows[1].exposure.could.open_oldest_ns, 7 * MS);
	assert_int_equal(exposure->rows[1].bound_ns, 10 * MS);
	assert_int_equal(exposure->bound_ns, 10 * MS);
	assert_int_equal(exposure->sum.unmaps, 2);
	assert_int_equal(exposure->sum.could.byte_ns, 4096 * 17 * MS);
	assert_true(exposure->peak_queued_bytes == UINT64_MAX); /* nobody looked */
	free(exposure);
	down(&rig);
}

static void test_the_peak_is_of_all_queues_at_once(void **state)
{
	struct replay_queued queued;
	struct replay_exposure *exposure;
	struct rig rig;

	(void)state;
	up(&rig);
	assert_int_equal(replay_queued_init(&queued, &rig.machine), 0);
	rig.run.queued = &queued;
	rig_do(&rig, 0);
	rig_do(&rig, 1);
	assert_int_equal(queued.sum, 4096);
	rig_do(&rig, 2);
	rig_do(&rig, 3);
	assert_int_equal(queued.sum, 8192);
	dmp_harness_advance(10 * MS);
	replay_queued_look_all(&queued, &rig.machine);
	assert_int_equal(queued.sum, 0);
	assert_int_equal(queued.peak, 8192);
	exposure = replay_exposure_read(&rig.run);
	assert_int_equal(exposure->peak_queued_bytes, 8192);
	free(exposure);
	rig.run.queued = NULL;
	replay_queued_free(&queued);
	down(&rig);
}

static void test_the_worst_may_be_open(void **state)
{
	struct dmp_exposure_side side = {.open_oldest_ns = 7};

	(void)state;
	side.ns.max = 5;
	assert_int_equal(replay_exposure_worst_ns(&side), 7);
	side.ns.max = 9;
	assert_int_equal(replay_exposure_worst_ns(&side), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_domain_has_its_row_and_the_sum_is_of_all),
		cmocka_unit_test(test_the_peak_is_of_all_queues_at_once),
		cmocka_unit_test(test_the_worst_may_be_open),
	};

	return cmocka_run_group_tests_name("replay_exposure", tests, NULL, NULL);
}
