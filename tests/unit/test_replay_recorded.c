// SPDX-License-Identifier: MIT
/*
 * test_replay_recorded.c - proves the picture of bench/replay_recorded.c: which way a trace's
 * requests went, and which address bits its devices kept
 */
#include "test_replay_rig.h"

#define PAGE                MAP(0, 01, "TO_DEVICE", 10000, 5000, 256)
#define ENDED               UNMAP(0, 04, "TO_DEVICE", 10000, 256)
#define UNMAPS              ON(0, 02, "unmap: IOMMU: iova=0x10000 - 0x11000 size=4096 unmapped_size=4096")
#define FREES(cpu, us, pfn) ON(cpu, us, "iova_free: (a) iovad=0x1 pfn=" #pfn " size=1")
#define BOUNCED                                                                                    \
	ON(0, 00,                                                                                  \
	   "swiotlb_bounced: dev_name: 0000:00:03.0 dma_mask=ffffffff dev_addr=5000 size=256 "     \
	   "FORCE")
#define PROBED                                                                                     \
	ON(0, 00,                                                                                  \
	   "swiotlb_map: (a) dev=\"0000:00:03.0\" orig=0x5000 size=256 align_mask=0x0 dir=1 "      \
	   "attrs=0x0 tlb=0x10000")

static void expect(const char *text, enum replay_way unknown, enum replay_way expected)
{
	struct replay_recorded recorded;
	struct matched m = MATCH(text);

	assert_int_equal(replay_recorded_find(m.trace, m.plan, unknown, &recorded), 0);
	assert_int_equal(recorded.way, expected);
	assert_non_null(recorded.why);
	replay_recorded_free(&recorded);
	free_matched(&m);
}

/* What the user says must not matter. */
static void expect_way(const char *text, enum replay_way expected)
{
	expect(text, REPLAY_STRICT, expected);
	expect(text, REPLAY_LAZY, expected);
}

static void test_swiotlb_lines_are_bounce(void **state)
{
	(void)state;
	expect_way(BOUNCED PAGE ENDED, REPLAY_BOUNCE);
	expect_way(BOUNCED PAGE UNMAPS FREES(0, 03, 0x10) ENDED, REPLAY_BOUNCE);
}

/* The probes tell it too where the swiotlb events were not recorded. */
static void test_swiotlb_probes_alone_are_bounce(void **state)
{
	(void)state;
	expect_way(PROBED PAGE ENDED, REPLAY_BOUNCE);
}

static void test_without_iommu_lines_it_is_direct(void **state)
{
	(void)state;
	expect_way(PAGE ENDED, REPLAY_DIRECT);
}

/* IOVAs are allocated for an IOMMU, but no line says where an unmap begins. */
static void test_with_iova_and_without_iommu_lines_the_user_decides(void **state)
{
	(void)state;
	expect(PAGE FREES(0, 03, 0x10) ENDED, REPLAY_STRICT, REPLAY_STRICT);
	expect(PAGE FREES(0, 03, 0x10) ENDED, REPLAY_LAZY, REPLAY_LAZY);
}

static void test_frees_inside_the_unmaps_are_strict(void **state)
{
	(void)state;
	expect_way(PAGE UNMAPS FREES(0, 03, 0x10) ENDED, REPLAY_STRICT);
}

static void test_frees_outside_the_unmaps_are_lazy(void **state)
{
	(void)state;
	expect_way(PAGE UNMAPS ENDED FREES(0, 05, 0x10), REPLAY_LAZY);
}

/* A full queue is drained inside an unmap, but of other addresses. */
static void test_a_free_of_another_address_is_not_inside(void **state)
{
	(void)state;
	expect_way(PAGE UNMAPS FREES(0, 03, 0x77) ENDED, REPLAY_LAZY);
}

static void test_a_free_on_another_cpu_is_not_inside(void **state)
{
	(void)state;
	expect_way(PAGE UNMAPS FREES(1, 03, 0x10) ENDED, REPLAY_LAZY);
}

/* Two inside, one that an interrupt's lines have made look otherwise. */
static void test_most_of_the_frees_decide(void **state)
{
	(void)state;
	expect_way(PAGE UNMAPS FREES(0, 03, 0x10) ENDED PAGE UNMAPS FREES(0, 03, 0x10)
			   ENDED FREES(0, 05, 0x11),
		   REPLAY_STRICT);
}

static void test_without_frees_the_user_decides(void **state)
{
	(void)state;
	expect(PAGE UNMAPS ENDED, REPLAY_STRICT, REPLAY_STRICT);
	expect(PAGE UNMAPS ENDED, REPLAY_LAZY, REPLAY_LAZY);
}

static void expect_mask(const char *text, uint64_t expected)
{
	struct replay_recorded recorded;
	struct matched m = MATCH(text);

	assert_int_equal(replay_recorded_find(m.trace, m.plan, REPLAY_LAZY, &recorded), 0);
	assert_int_equal(recorded.min_align_masks[0], expected);
	replay_recorded_free(&recorded);
	free_matched(&m);
}

static void test_bits_that_all_bounces_keep_are_kept(void **state)
{
	(void)state;
	expect_mask(BOUNCED MAP(0, 01, "TO_DEVICE", 7123, 5123, 256)
			    MAP(0, 02, "TO_DEVICE", 8000, 6000, 256),
		    0xfff);
	expect_mask(PROBED MAP(0, 01, "TO_DEVICE", 7123, 5123, 256), 0xfff);
}

static void test_one_bounce_that_loses_bits_is_enough(void **state)
{
	(void)state;
	expect_mask(BOUNCED MAP(0, 01, "TO_DEVICE", 7123, 5123, 256)
			    MAP(0, 02, "TO_DEVICE", 8800, 6000, 256),
		    0);
	expect_mask(BOUNCED MAP(0, 01, "TO_DEVICE", ffffffffffffffff, 5123, 256)
			    MAP(0, 02, "TO_DEVICE", 8000, 6000, 256),
		    0xfff);
}

static void test_without_bounces_no_bits_are_known(void **state)
{
	(void)state;
	expect_mask(PAGE ENDED, 0);
}

static void expect_bundled(const char *path, enum replay_way way, uint64_t mask)
{
	struct replay_recorded recorded;
	struct trace_error error;
	struct trace_plan *plan;
	struct trace *trace;

	assert_int_equal(trace_read(path, &trace, &error), 0);
	assert_int_equal(trace_match(trace, &plan), 0);
	assert_int_equal(replay_recorded_find(trace, plan, REPLAY_STRICT, &recorded), 0);
	assert_int_equal(recorded.way, way);
	assert_int_equal(recorded.min_align_masks[0], mask);
	replay_recorded_free(&recorded);
	trace_plan_free(plan);
	trace_free(trace);
}

/* As traces/README.md has it, and its "min-align mask 0xfff for NVMe, 0 for e1000". */
static void test_bundled_traces_tell_how_they_were_recorded(void **state)
{
	(void)state;
	expect_bundled(TRACE_DIR "/net-tcp-virtio.txt.xz", REPLAY_STRICT, 0);
	expect_bundled(TRACE_DIR "/nvme-4k-randrw-8cpu-2q.txt.xz", REPLAY_LAZY, 0);
	expect_bundled(TRACE_DIR "/nvme-mixed-bs.txt.xz", REPLAY_STRICT, 0);
	expect_bundled(TRACE_DIR "/usb-uas-mixed-bs.txt.xz", REPLAY_STRICT, 0);
	expect_bundled(TRACE_DIR "/swiotlb-force-small.txt.xz", REPLAY_BOUNCE, 0xfff);
	expect_bundled(TRACE_DIR "/swiotlb-force-net.txt.xz", REPLAY_BOUNCE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_swiotlb_lines_are_bounce),
		cmocka_unit_test(test_swiotlb_probes_alone_are_bounce),
		cmocka_unit_test(test_without_iommu_lines_it_is_direct),
		cmocka_unit_test(test_with_iova_and_without_iommu_lines_the_user_decides),
		cmocka_unit_test(test_frees_inside_the_unmaps_are_strict),
		cmocka_unit_test(test_frees_outside_the_unmaps_are_lazy),
		cmocka_unit_test(test_a_free_of_another_address_is_not_inside),
		cmocka_unit_test(test_a_free_on_another_cpu_is_not_inside),
		cmocka_unit_test(test_most_of_the_frees_decide),
		cmocka_unit_test(test_without_frees_the_user_decides),
		cmocka_unit_test(test_bits_that_all_bounces_keep_are_kept),
		cmocka_unit_test(test_one_bounce_that_loses_bits_is_enough),
		cmocka_unit_test(test_without_bounces_no_bits_are_known),
		cmocka_unit_test(test_bundled_traces_tell_how_they_were_recorded),
	};

	return cmocka_run_group_tests_name("replay_recorded", tests, NULL, NULL);
}
