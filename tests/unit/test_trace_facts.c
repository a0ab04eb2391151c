// SPDX-License-Identifier: MIT
/*
 * test_trace_facts.c - proves that bench/trace_facts.c counts calls and what is live
 */
#include "test_trace_files.h"

#define ARGS(addr, size) "dir=TO_DEVICE dma_addr=" #addr " size=" #size
#define MAP(cpu, us, dev, addr, size)                                                              \
	ON(cpu, us, "dma_map_page: " dev " " ARGS(addr, size) " phys_addr=5000 attrs=")
#define UNMAP(cpu, us, dev, addr, size)                                                            \
	ON(cpu, us, "dma_unmap_page: " dev " " ARGS(addr, size) " attrs=")

static void test_peaks_are_of_what_is_live_at_once(void **state)
{
	struct matched m = MATCH(MAP(1, 01, "a", f0000, 100), MAP(1, 02, "a", f1000, 100),
				 MAP(1, 03, "b", f0000, 900), UNMAP(1, 04, "a", f0000, 100),
				 MAP(1, 05, "a", f2000, 50), UNMAP(1, 06, "a", f1000, 100),
				 UNMAP(1, 07, "a", f2000, 50));

	(void)state;
	assert_int_equal(m.plan->ndevices, 2);
	assert_int_equal(m.plan->devices[0].peak_maps, 2);
	assert_int_equal(m.plan->devices[0].peak_bytes, 200);
	assert_int_equal(m.plan->devices[1].peak_maps, 1);
	assert_int_equal(m.plan->devices[1].peak_bytes, 900);
	assert_int_equal(m.plan->facts.maps, 4);
	assert_int_equal(m.plan->facts.unmaps, 3);
	assert_int_equal(m.plan->facts.live_at_end, 1);
	free_matched(&m);
}

static void test_allocations_count_apart_from_maps(void **state)
{
	struct matched m =
		MATCH(ON(1, 01, "dma_alloc: a " ARGS(e0000, 64) " virt_addr=12 flags=0 attrs="),
		      ON(1, 02, "dma_alloc: a " ARGS(e1000, 36) " virt_addr=12 flags=0 attrs="),
		      ON(2, 03, "dma_free: a " ARGS(e0000, 64) " virt_addr=12 attrs="));

	(void)state;
	assert_int_equal(m.plan->facts.maps, 0);
	assert_int_equal(m.plan->facts.allocs, 2);
	assert_int_equal(m.plan->facts.frees, 1);
	assert_int_equal(m.plan->facts.live_at_end, 1);
	assert_int_equal(m.plan->facts.cross_cpu_unmaps, 0);
	assert_int_equal(m.plan->devices[0].peak_maps, 0);
	assert_int_equal(m.plan->devices[0].peak_allocs, 2);
	assert_int_equal(m.plan->devices[0].peak_alloc_bytes, 100);
	free_matched(&m);
}

static void test_unmap_on_another_cpu_is_counted(void **state)
{
	struct matched m = MATCH(MAP(1, 01, "a", f0000, 16), UNMAP(2, 02, "a", f0000, 16),
				 MAP(2, 03, "a", f0000, 16), UNMAP(2, 04, "a", f0000, 16));

	(void)state;
	assert_int_equal(m.plan->facts.cross_cpu_unmaps, 1);
	assert_int_equal(m.plan->devices[0].cross_cpu_unmaps, 1);
	assert_int_equal(m.plan->facts.ncpus, 2);
	free_matched(&m);
}

static void test_size_classes_end_at_powers_of_two(void **state)
{
	struct matched m = MATCH(
		MAP(1, 01, "a", f0000, 1), MAP(1, 02, "a", f1000, 512), MAP(1, 03, "a", f2000, 513),
		MAP(1, 04, "a", f3000, 4096), MAP(1, 05, "a", f4000, 4097),
		MAP(1, 06, "a", 100000000, 536870912), MAP(1, 07, "a", 200000000, 99999999999));

	(void)state;
	assert_int_equal(m.plan->facts.sizes[0], 2);
	assert_int_equal(m.plan->facts.sizes[1], 1);
	assert_int_equal(m.plan->facts.sizes[3], 1);
	assert_int_equal(m.plan->facts.sizes[4], 1);
	assert_int_equal(m.plan->facts.sizes[20], 1);
	assert_int_equal(m.plan->facts.sizes[TRACE_NSIZES - 1], 1);
	free_matched(&m);
}

static void test_failed_and_unmatched_calls_count_as_calls(void **state)
{
	struct matched m =
		MATCH(MAP(1, 01, "a", ffffffffffffffff, 16), UNMAP(1, 02, "a", f0000, 16));

	(void)state;
	assert_int_equal(m.plan->facts.maps, 1);
	assert_int_equal(m.plan->facts.unmaps, 1);
	assert_int_equal(m.plan->facts.failed_in_trace, 1);
	assert_int_equal(m.plan->facts.unmatched, 1);
	assert_int_equal(m.plan->facts.sizes[0], 0);
	free_matched(&m);
}

static void test_kinds_of_line_and_span_are_told(void **state)
{
	struct matched m =
		MATCH(MAP(1, 01, "a", f0000, 16),
		      ON(1, 02, "swiotlb_bounced: dev_name: a dma_mask=ff dev_addr=1 size=2 FORCE"),
		      ON(1, 05, "iova_free: (f+0x4/0x140) iovad=0xff pfn=0xf size=1"));

	(void)state;
	assert_false(m.plan->facts.has_iommu);
	assert_true(m.plan->facts.has_swiotlb);
	assert_true(m.plan->facts.has_iova_probes);
	assert_false(m.plan->facts.has_swiotlb_probes);
	assert_int_equal(m.plan->facts.span_ns, 4000);
	free_matched(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peaks_are_of_what_is_live_at_once),
		cmocka_unit_test(test_allocations_count_apart_from_maps),
		cmocka_unit_test(test_unmap_on_another_cpu_is_counted),
		cmocka_unit_test(test_size_classes_end_at_powers_of_two),
		cmocka_unit_test(test_failed_and_unmatched_calls_count_as_calls),
		cmocka_unit_test(test_kinds_of_line_and_span_are_told),
	};

	return cmocka_run_group_tests_name("trace_facts", tests, NULL, NULL);
}
