// SPDX-License-Identifier: MIT
/*
 * test_trace_bundled.c - proves that the bundled traces say what bench/traces/README.md says
 *
 * The numbers were computed by another program, before this reader existed.  Peaks are of
 * the device with the most maps.  The directory is the environment's TRACE_DIR, or
 * the one of that name given to the compiler; a trace that is not in it fails its test.
 */
#include "dmptest.h"
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef TRACE_DIR
#define TRACE_DIR "bench/traces"
#endif

struct expected {
	const char *name;
	uint32_t events;
	uint32_t maps, unmaps, sg_maps;
	uint32_t allocs, frees;
	uint32_t syncs;
	uint32_t failed, unmatched, live_at_end;
	uint32_t cross_cpu;
	uint32_t peak_maps;
	uint64_t peak_bytes;
	uint32_t ncpus;
	uint64_t null_frees;
};

static struct expected boot_and_probe = {
	.name = "boot-and-probe",
	.events = 10222,
	.maps = 2707,
	.unmaps = 1933,
	.sg_maps = 65,
	.allocs = 49,
	.live_at_end = 823,
	.cross_cpu = 69,
	.peak_maps = 27,
	.peak_bytes = 66111,
	.ncpus = 4,
};

/* Its 3444 events are 463 + 463 page, 137 + 137 sg, 1 alloc, 1643 + 600 iommu lines,
 * all on one of four CPUs. */
static struct expected tracecmd_sample = {
	.name = "tracecmd-sample",
	.events = 3444,
	.maps = 600,
	.unmaps = 600,
	.sg_maps = 137,
	.allocs = 1,
	.live_at_end = 1,
	.peak_maps = 8,
	.peak_bytes = 462848,
	.ncpus = 1,
};

static struct expected nvme_mixed_bs = {
	.name = "nvme-mixed-bs",
	.events = 149918,
	.maps = 23260,
	.unmaps = 23260,
	.sg_maps = 973,
	.allocs = 13,
	.frees = 13,
	.cross_cpu = 9,
	.peak_maps = 109,
	.peak_bytes = 8911360,
	.ncpus = 4,
	.null_frees = 1,
};

static struct expected net_tcp_virtio = {
	.name = "net-tcp-virtio",
	.events = 153388,
	.maps = 25558,
	.unmaps = 25558,
	.allocs = 6,
	.frees = 6,
	.cross_cpu = 6628,
	.peak_maps = 384,
	.peak_bytes = 588908,
	.ncpus = 4,
};

static struct expected usb_uas_mixed_bs = {
	.name = "usb-uas-mixed-bs",
	.events = 121613,
	.maps = 18361,
	.unmaps = 18361,
	.sg_maps = 6111,
	.allocs = 117,
	.frees = 117,
	.cross_cpu = 9460,
	.peak_maps = 42,
	.peak_bytes = 5027392,
	.ncpus = 4,
};

static struct expected nvme_4k_randrw_8cpu_2q = {
	.name = "nvme-4k-randrw-8cpu-2q",
	.events = 168165,
	.maps = 28014,
	.unmaps = 28014,
	.allocs = 8,
	.frees = 8,
	.cross_cpu = 21734,
	.peak_maps = 256,
	.peak_bytes = 1048576,
	.ncpus = 8,
	.null_frees = 1,
};

static struct expected swiotlb_force_small = {
	.name = "swiotlb-force-small",
	.events = 100095,
	.maps = 20014,
	.unmaps = 20014,
	.allocs = 12,
	.frees = 12,
	.cross_cpu = 7,
	.peak_maps = 32,
	.peak_bytes = 131072,
	.ncpus = 4,
	.null_frees = 1,
};

static struct expected swiotlb_force_big = {
	.name = "swiotlb-force-big",
	.events = 122217,
	.maps = 10014,
	.unmaps = 10014,
	.sg_maps = 2190,
	.allocs = 13,
	.frees = 13,
	.cross_cpu = 7,
	.peak_maps = 32,
	.peak_bytes = 2097152,
	.ncpus = 4,
	.null_frees = 1,
};

static struct expected swiotlb_force_full = {
	.name = "swiotlb-force-full",
	.events = 110914,
	.maps = 8020,
	.unmaps = 8014,
	.sg_maps = 2544,
	.allocs = 14,
	.frees = 14,
	.failed = 6,
	.cross_cpu = 6,
	.peak_maps = 64,
	.peak_bytes = 2064384,
	.ncpus = 4,
	.null_frees = 1,
};

static struct expected swiotlb_force_net = {
	.name = "swiotlb-force-net",
	.events = 135063,
	.maps = 26464,
	.unmaps = 26464,
	.allocs = 4,
	.frees = 4,
	.syncs = 2735,
	.cross_cpu = 1347,
	.peak_maps = 348,
	.peak_bytes = 619208,
	.ncpus = 4,
};

static struct trace *read_bundled(const char *name)
{
	const char *dir = getenv("TRACE_DIR");
	struct trace *trace;
	struct trace_error error;
	char path[4096];
	int err;

	snprintf(path, sizeof(path), "%s/%s.txt.xz", dir ? dir : TRACE_DIR, name);
	err = trace_read(path, &trace, &error);
	if (err)
		print_error("%s\n", error.text);
	assert_int_equal(err, 0);
	return trace;
}

static void expect_nothing_skipped(const struct trace *trace, const struct trace_plan *plan,
				   const struct expected *e)
{
	for (unsigned i = 0; i < TRACE_NSKIPS; i++) {
		uint64_t allowed = 0;

		if (i == TRACE_SKIP_FAILED)
			allowed = e->failed;
		else if (i == TRACE_SKIP_NULL_FREE)
			allowed = e->null_frees;
		assert_int_equal(trace->skips[i].count + plan->skips[i].count, allowed);
	}
	assert_int_equal(trace->lost_events, 0);
	assert_int_equal(trace->overwritten_events, 0);
}

static void expect_peak(const struct trace_plan *plan, const struct expected *e)
{
	const struct trace_device_facts *most = plan->devices;

	for (uint32_t i = 1; i < plan->ndevices; i++) {
		if (plan->devices[i].maps > most->maps)
			most = &plan->devices[i];
	}
	assert_int_equal(most->peak_maps, e->peak_maps);
	assert_int_equal(most->peak_bytes, e->peak_bytes);
}

static void expect_calls(const struct trace_facts *facts, const struct expected *e)
{
	assert_int_equal(facts->maps, e->maps);
	assert_int_equal(facts->unmaps, e->unmaps);
	assert_int_equal(facts->sg_maps, e->sg_maps);
	assert_int_equal(facts->allocs, e->allocs);
	assert_int_equal(facts->frees, e->frees);
	assert_int_equal(facts->syncs, e->syncs);
	assert_int_equal(facts->failed_in_trace, e->failed);
	assert_int_equal(facts->unmatched, e->unmatched);
	assert_int_equal(facts->live_at_end, e->live_at_end);
	assert_int_equal(facts->cross_cpu_unmaps, e->cross_cpu);
	assert_int_equal(facts->ncpus, e->ncpus);
}

/* No list of these traces is cut by guessing. */
static void test_trace_says_what_its_readme_says(void **state)
{
	const struct expected *e = *state;
	struct trace *trace = read_bundled(e->name);
	struct trace_plan *plan;

	assert_int_equal(trace->nevents, e->events);
	assert_int_equal(trace_match(trace, &plan), 0);
	assert_int_equal(trace_plan_check(trace, plan), 0);
	expect_calls(&plan->facts, e);
	expect_peak(plan, e);
	expect_nothing_skipped(trace, plan, e);
	assert_int_equal(plan->facts.cuts[TRACE_CUT_PAGES], 0);
	trace_plan_free(plan);
	trace_free(trace);
}

#define BUNDLED(which)                                                                             \
	{                                                                                          \
#which, test_trace_says_what_its_readme_says, NULL, NULL, &which                   \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUNDLED(boot_and_probe),      BUNDLED(tracecmd_sample),
		BUNDLED(nvme_mixed_bs),       BUNDLED(net_tcp_virtio),
		BUNDLED(usb_uas_mixed_bs),    BUNDLED(nvme_4k_randrw_8cpu_2q),
		BUNDLED(swiotlb_force_small), BUNDLED(swiotlb_force_big),
		BUNDLED(swiotlb_force_full),  BUNDLED(swiotlb_force_net),
	};

	return cmocka_run_group_tests_name("trace_bundled", tests, NULL, NULL);
}
