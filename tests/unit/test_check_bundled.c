// SPDX-License-Identifier: MIT
/*
 * test_check_bundled.c - proves that the library gives the addresses of the bundled traces
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
	uint32_t lines_back; /* the longest way that a line was moved */
};

static struct expected net_tcp_virtio = {"net-tcp-virtio", 25564, 0, 0, 0};
static struct expected usb_uas_mixed_bs = {"usb-uas-mixed-bs", 18478, 1, 0, 1};
static struct expected nvme_4k_randrw_8cpu_2q = {"nvme-4k-randrw-8cpu-2q", 28022, 1, 0, 1};
static struct expected nvme_mixed_bs = {"nvme-mixed-bs", 23273, 6, 0, 158};
static struct expected swiotlb_force_small = {"swiotlb-force-small", 20014, 0, 64, 0};
static struct expected swiotlb_force_big = {"swiotlb-force-big", 34054, 0, 1024, 0};
static struct expected swiotlb_force_net = {"swiotlb-force-net", 26464, 0, 724, 0};
static struct expected swiotlb_force_full = {"swiotlb-force-full", 31621, 29, 1024, 348};

static uint32_t lines_back(const struct check_result *r)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < r->nmoves; i++)
		if (r->moves[i].line - r->moves[i].before_line > most)
			most = r->moves[i].line - r->moves[i].before_line;
	return most;
}

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
	assert_int_equal(r.strays, 0);
	assert_int_equal(r.explained, want->explained);
	assert_int_equal(r.nmoves, want->explained);
	assert_int_equal(lines_back(&r), want->lines_back);
	assert_int_equal(r.equal, want->allocs - want->explained);
	assert_int_equal(r.has_pool, want->peak_slots != 0);
	assert_int_equal(r.peak_slots, want->peak_slots);
	check_result_free(&r);
	trace_free(trace);
	assert_int_equal(dmp_meta_in_use(), 0);
}

int main(void)
{
#define BUNDLED(trace)                                                                             \
	{                                                                                          \
		.name = #trace, .test_func = test_every_address_of_a_bundled_trace_is_the_kernels, \
		.initial_state = &trace,                                                           \
	}
	const struct CMUnitTest tests[] = {
		BUNDLED(net_tcp_virtio),      BUNDLED(usb_uas_mixed_bs),
		BUNDLED(nvme_mixed_bs),       BUNDLED(nvme_4k_randrw_8cpu_2q),
		BUNDLED(swiotlb_force_small), BUNDLED(swiotlb_force_big),
		BUNDLED(swiotlb_force_net),   BUNDLED(swiotlb_force_full),
	};

	return cmocka_run_group_tests_name("check_bundled", tests, NULL, NULL);
}
