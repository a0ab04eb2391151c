// SPDX-License-Identifier: MIT
/*
 * test_check.c - proves that the library gives the addresses of the bundled traces
 *
 * The directory is the environment's TRACE_DIR, or the one of that name given to the
 * compiler; a trace that is not in it fails its test.  Peaks are the kernel's own
 * io_tlb_used_hiwater.
 */
#include "test_check_rig.h"

#ifndef TRACE_DIR
#define TRACE_DIR "bench/traces"
#endif

struct expected {
	const char *name;
	uint64_t allocs, explained, peak_slots;
};

static struct expected net_tcp_virtio = {"net-tcp-virtio", 25564, 0, 0};
static struct expected usb_uas_mixed_bs = {"usb-uas-mixed-bs", 18478, 1, 0};
static struct expected nvme_4k_randrw_8cpu_2q = {"nvme-4k-randrw-8cpu-2q", 28022, 1, 0};
static struct expected nvme_mixed_bs = {"nvme-mixed-bs", 23273, 6, 0};
static struct expected swiotlb_force_small = {"swiotlb-force-small", 20014, 0, 64};
static struct expected swiotlb_force_big = {"swiotlb-force-big", 34054, 0, 1024};
static struct expected swiotlb_force_net = {"swiotlb-force-net", 26464, 0, 724};
static struct expected swiotlb_force_full = {"swiotlb-force-full", 31621, 29, 1024};

static void test_every_address_of_a_bundled_trace_is_the_kernels(void **state)
{
	const struct expected *want = *state;
	const char *dir = getenv("TRACE_DIR");
	struct trace_error error;
	struct check_result r;
	struct trace *trace;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.txt.xz", dir ? dir : TRACE_DIR, want->name);
	assert_int_equal(trace_read(path, &trace, &error), 0);
	assert_int_equal(check_addresses(trace, &r), 0);
	assert_int_equal(r.unexplained, 0);
	assert_int_equal(r.in_use_before, 0);
	assert_int_equal(r.explained, want->explained);
	assert_int_equal(r.equal, want->allocs - want->explained);
	assert_int_equal(r.has_pool, want->peak_slots != 0);
	assert_int_equal(r.peak_slots, want->peak_slots);
	check_result_free(&r);
	trace_free(trace);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_spaces_are_counted_together(void **state)
{
	struct trace *trace = READ(
		IOVA_ALLOC_OF(1, 0, 01, 1, fffff) IOVA_ALLOC_OF(2, 0, 02, 1, 12345)
			IOVA_ALLOC_OF(3, 0, 03, 1, fffff) SLOTS_MAP(0, 04, 5000, 512, 7d200000));
	struct check_result r;

	(void)state;
	assert_int_equal(check_addresses(trace, &r), 0);
	assert_int_equal(r.nspaces, 4);
	assert_int_equal(r.equal, 3);
	assert_int_equal(r.in_use_before, 1);
	check_result_free(&r);
	trace_free(trace);
}

/* Somebody has entered manual mode already. */
static void test_a_library_in_use_is_not_disturbed(void **state)
{
	struct trace *trace = READ(IOVA_ALLOC(0, 01, 1, fffff));
	struct check_result r = {.equal = 77};

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	assert_int_equal(check_addresses(trace, &r), -EBUSY);
	assert_int_equal(r.equal, 77);
	assert_int_equal(dmp_harness_leave(), 0);
	trace_free(trace);
}

int main(void)
{
#define BUNDLED(trace)                                                                             \
	{                                                                                          \
		.name = #trace, .test_func = test_every_address_of_a_bundled_trace_is_the_kernels, \
		.initial_state = &trace,                                                           \
	}
	const struct CMUnitTest tests[] = {
		BUNDLED(net_tcp_virtio),
		BUNDLED(usb_uas_mixed_bs),
		BUNDLED(nvme_mixed_bs),
		BUNDLED(nvme_4k_randrw_8cpu_2q),
		BUNDLED(swiotlb_force_small),
		BUNDLED(swiotlb_force_big),
		BUNDLED(swiotlb_force_net),
		BUNDLED(swiotlb_force_full),
		cmocka_unit_test(test_spaces_are_counted_together),
		cmocka_unit_test(test_a_library_in_use_is_not_disturbed),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
