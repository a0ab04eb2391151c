// SPDX-License-Identifier: MIT
/*
 * test_trace_event.c - proves E1 and E2 of bench/trace_event.c, and every row of its table
 */
#include "dmptest.h"
#include "trace_internal.h"

#include <stdlib.h>

struct fixture {
	struct trace *trace;
	enum trace_skip why;
};

static struct fixture new_fixture(void)
{
	struct fixture f = {.trace = calloc(1, sizeof(struct trace))};

	assert_non_null(f.trace);
	return f;
}

static int add(struct fixture *f, const char *name, const char *rest)
{
	struct trace_head head = {.time_ns = 5,
				  .cpu = 2,
				  .name = {name, name + strlen(name)},
				  .rest = {rest, rest + strlen(rest)}};

	return trace_event_add(f->trace, &head, 9, &f->why);
}

/* Add what must be an event, and give it. */
static struct trace_event added(struct fixture *f, const char *name, const char *rest)
{
	assert_int_equal(add(f, name, rest), 0);
	return f->trace->events[f->trace->nevents - 1];
}

static void expect_numbers(const struct trace_event *e, unsigned kind, uint64_t addr, uint64_t phys,
			   uint64_t size)
{
	assert_int_equal(e->kind, kind);
	assert_int_equal(e->addr, addr);
	assert_int_equal(e->phys, phys);
	assert_int_equal(e->size, size);
}

static void test_page_events_are_stored(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e = added(&f, "dma_map_page",
				     "nvme0 dir=TO_DEVICE dma_addr=fff000 size=16 phys_addr=5f00 "
				     "attrs=NO_WARN");

	(void)state;
	expect_numbers(&e, TRACE_MAP_PAGE, 0xfff000, 0x5f00, 16);
	assert_int_equal(e.time_ns, 5);
	assert_int_equal(e.line, 9);
	assert_int_equal(e.cpu, 2);
	assert_int_equal(e.dir, TRACE_TO_DEVICE);
	assert_int_equal(e.attrs, TRACE_ATTR_NO_WARN);
	assert_string_equal(f.trace->devices.name[e.dev], "nvme0");
	e = added(&f, "dma_unmap_page", "nvme0 dir=TO_DEVICE dma_addr=fff000 size=16 attrs=");
	expect_numbers(&e, TRACE_UNMAP_PAGE, 0xfff000, 0, 16);
	trace_free(f.trace);
}

static void test_resource_events_are_stored(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e = added(&f, "dma_map_resource",
				     "d dir=BIDIRECTIONAL dma_addr=f000 size=4096 "
				     "phys_addr=fe000000 attrs=SKIP_CPU_SYNC");

	(void)state;
	expect_numbers(&e, TRACE_MAP_RESOURCE, 0xf000, 0xfe000000, 4096);
	e = added(&f, "dma_unmap_resource",
		  "d dir=BIDIRECTIONAL dma_addr=f000 size=4096 attrs=SKIP_CPU_SYNC");
	expect_numbers(&e, TRACE_UNMAP_RESOURCE, 0xf000, 0, 4096);
	trace_free(f.trace);
}

static void test_alloc_events_are_stored(void **state)
{
	static const struct {
		const char *name;
		unsigned kind;
	} rows[] = {
		{"dma_alloc", TRACE_ALLOC},
		{"dma_alloc_pages", TRACE_ALLOC_PAGES},
		{"dma_free", TRACE_FREE},
		{"dma_free_pages", TRACE_FREE_PAGES},
	};
	struct fixture f = new_fixture();

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct trace_event e =
			added(&f, rows[i].name,
			      "d dir=BIDIRECTIONAL dma_addr=d0d5000 size=6726 "
			      "virt_addr=(____ptrval____) flags=GFP_KERNEL|__GFP_ZERO attrs=");

		expect_numbers(&e, rows[i].kind, 0xd0d5000, 0, 6726);
	}
	trace_free(f.trace);
}

static void test_null_alloc_failed_and_null_free_is_empty(void **state)
{
	static const char fields[] = "d dir=BIDIRECTIONAL dma_addr=0 size=64 "
				     "virt_addr=0000000000000000 attrs=";
	struct fixture f = new_fixture();
	struct trace_event e = added(&f, "dma_alloc", fields);

	(void)state;
	expect_numbers(&e, TRACE_ALLOC, TRACE_ADDR_FAILED, 0, 64);
	e = added(&f, "dma_free", fields);
	expect_numbers(&e, TRACE_FREE, 0, 0, 0);
	trace_free(f.trace);
}

static void test_map_sg_keeps_entries_and_segments(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e =
		added(&f, "dma_map_sg",
		      "d dir=TO_DEVICE nents=3/3 ents=2/2 dma_addrs={0xf000,0xff000} "
		      "sizes={0x800,0x2000} phys_addrs={0x1000,0x3000,0x9000} attrs=");
	const struct trace_list *list = &f.trace->lists[e.aux];

	(void)state;
	expect_numbers(&e, TRACE_MAP_SG, 0xf000, 0x1000, 0x2800);
	assert_int_equal(list->nphys, 3);
	assert_int_equal(list->nphys_true, 3);
	assert_int_equal(list->nsegments, 2);
	assert_int_equal(f.trace->phys[list->first_phys + 2], 0x9000);
	assert_int_equal(f.trace->segments[list->first_segment + 1].addr, 0xff000);
	assert_int_equal(f.trace->segments[list->first_segment + 1].len, 0x2000);
	trace_free(f.trace);
}

static void test_raw_map_sg_is_the_same_event(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e = added(
		&f, "dma_map_sg",
		"[FAILED TO PARSE] device=d full_nents=200 full_ents=1 truncated=1 "
		"phys_addrs=ARRAY[00, f0, a2, 05, 00, 00, 00, 00, 00, c0, b7, 05, 00, 00, 00, 00] "
		"dma_addrs=ARRAY[00, c0, f6, ff, 00, 00, 00, 00] lengths=ARRAY[00, 40, 00, 00] "
		"dir=2 attrs=0x100");
	const struct trace_list *list = &f.trace->lists[e.aux];

	(void)state;
	expect_numbers(&e, TRACE_MAP_SG, 0xfff6c000, 0x5a2f000, 0x4000);
	assert_int_equal(e.dir, TRACE_FROM_DEVICE);
	assert_int_equal(e.attrs, TRACE_ATTR_NO_WARN);
	assert_int_equal(list->nphys, 2);
	assert_int_equal(list->nphys_true, 200);
	assert_int_equal(list->nsegments_true, 1);
	trace_free(f.trace);
}

static void test_unmap_sg_keeps_its_list_in_both_formats(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e =
		added(&f, "dma_unmap_sg", "d dir=TO_DEVICE phys_addrs={0x1000,0x3000} attrs=");

	(void)state;
	assert_int_equal(f.trace->lists[e.aux].nphys_true, 2);
	assert_int_equal(e.phys, 0x1000);
	e = added(&f, "dma_unmap_sg",
		  "[FAILED TO PARSE] device=d addrs=ARRAY[00, f0, 02, 00, 00, 00, 00, 00] dir=2 "
		  "attrs=0x0");
	assert_int_equal(f.trace->lists[e.aux].nphys, 1);
	assert_int_equal(e.phys, 0x2f000);
	trace_free(f.trace);
}

static void test_sync_events_are_stored(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e =
		added(&f, "dma_sync_single_for_cpu", "d dir=FROM_DEVICE dma_addr=7c57f800 size=64");

	(void)state;
	expect_numbers(&e, TRACE_SYNC_FOR_CPU, 0x7c57f800, 0, 64);
	e = added(&f, "dma_sync_single_for_device", "d dir=FROM_DEVICE dma_addr=7 size=6");
	expect_numbers(&e, TRACE_SYNC_FOR_DEVICE, 7, 0, 6);
	e = added(&f, "dma_sync_sg_for_cpu",
		  "d dir=FROM_DEVICE dma_addrs={0xf000,0xffffffffffffffff} sizes={0x10,0x20}");
	expect_numbers(&e, TRACE_SYNC_SG_FOR_CPU, 0xf000, 0, 0x30);
	e = added(&f, "dma_sync_sg_for_device", "d dir=NONE dma_addrs={0xf000} sizes={0x10}");
	expect_numbers(&e, TRACE_SYNC_SG_FOR_DEVICE, 0xf000, 0, 0x10);
	trace_free(f.trace);
}

static void test_sgt_events_have_one_segment(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e = added(&f, "dma_alloc_sgt",
				     "d dir=TO_DEVICE dma_addr=f0000 size=8192 "
				     "phys_addrs={0x1000,0x9000} flags=GFP_KERNEL attrs=");
	const struct trace_list *list = &f.trace->lists[e.aux];

	(void)state;
	expect_numbers(&e, TRACE_ALLOC_SGT, 0xf0000, 0x1000, 8192);
	assert_int_equal(list->nphys, 2);
	assert_int_equal(list->nsegments, 1);
	assert_int_equal(f.trace->segments[list->first_segment].len, 8192);
	e = added(&f, "dma_free_sgt",
		  "d dir=TO_DEVICE dma_addr=f0000 size=8192 phys_addrs={0x1000,0x9000}");
	expect_numbers(&e, TRACE_FREE_SGT, 0xf0000, 0x1000, 8192);
	trace_free(f.trace);
}

static void test_refusals_are_stored(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e =
		added(&f, "dma_map_sg_err", "d dir=TO_DEVICE dma_addrs={0x1000} err=-5 attrs=");

	(void)state;
	assert_int_equal(e.kind, TRACE_MAP_SG_ERR);
	e = added(&f, "dma_alloc_sgt_err",
		  "d dir=TO_DEVICE dma_addr=0 size=1 virt_addr=(nil) flags=GFP_KERNEL attrs=");
	assert_int_equal(e.kind, TRACE_ALLOC_SGT_ERR);
	trace_free(f.trace);
}

static void test_iommu_events_are_stored(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e =
		added(&f, "map", "IOMMU: iova=0x0fff - 0x1fff paddr=0x00c122000 size=4096");

	(void)state;
	expect_numbers(&e, TRACE_IOMMU_MAP, 0xfff, 0xc122000, 4096);
	assert_int_equal(e.dev, TRACE_NONE);
	e = added(&f, "unmap", "IOMMU: iova=0xf000 - 0x13000 size=16384 unmapped_size=8192");
	expect_numbers(&e, TRACE_IOMMU_UNMAP, 0xf000, 8192, 16384);
	e = added(&f, "add_device_to_group", "IOMMU: groupID=12 device=0000:00:05.0");
	assert_int_equal(e.kind, TRACE_GROUP_ADD);
	assert_int_equal(e.aux, 12);
	assert_string_equal(f.trace->devices.name[e.dev], "0000:00:05.0");
	e = added(&f, "remove_device_from_group", "IOMMU: groupID=12 device=0000:00:05.0");
	assert_int_equal(e.kind, TRACE_GROUP_REMOVE);
	e = added(&f, "attach_device_to_domain", "IOMMU: device=0000:00:06.0");
	assert_int_equal(e.kind, TRACE_DOMAIN_ATTACH);
	assert_string_equal(f.trace->devices.name[e.dev], "0000:00:06.0");
	trace_free(f.trace);
}

static void test_bounce_and_probe_events_are_stored(void **state)
{
	struct fixture f = new_fixture();
	struct trace_event e =
		added(&f, "swiotlb_bounced",
		      "dev_name: d dma_mask=ffffffffffffffff dev_addr=630f000 size=4096 FORCE");

	(void)state;
	expect_numbers(&e, TRACE_SWIOTLB_BOUNCED, 0x630f000, UINT64_MAX, 4096);
	assert_int_equal(e.aux, 1);
	e = added(&f, "swiotlb_map",
		  "(swiotlb_map+0x6c/0x280 <- swiotlb_tbl_map_single) dev=\"d\" orig=0x630f000 "
		  "size=4096 align_mask=0xfff dir=2 attrs=0x120 tlb=0xffffffffffffffff");
	expect_numbers(&e, TRACE_PROBE_SWIOTLB_MAP, TRACE_ADDR_FAILED, 0x630f000, 4096);
	assert_int_equal(e.aux, 0xfff);
	assert_int_equal(e.attrs, 0x120);
	assert_int_equal(f.trace->devices.count, 1);
	e = added(&f, "swiotlb_unmap",
		  "(f+0x4/0x60) dev=\"d\" tlb=0x7d280000 size=4096 dir=1 attrs=0x20");
	expect_numbers(&e, TRACE_PROBE_SWIOTLB_UNMAP, 0x7d280000, 0, 4096);
	e = added(&f, "iova_alloc",
		  "(f+0xd4/0x120 <- alloc_iova_fast) iovad=0xffff888004d10608 size=3 "
		  "limit_pfn=0xfffff flush=1 pfn=0xffffd");
	expect_numbers(&e, TRACE_PROBE_IOVA_ALLOC, 0xffffd, 0xfffff, 3);
	assert_int_equal(e.aux, 1);
	assert_string_equal(f.trace->iova_domains.name[e.dev], "0xffff888004d10608");
	e = added(&f, "iova_free", "(f+0x4/0x140) iovad=0xffff888004d10608 pfn=0xffffd size=3");
	expect_numbers(&e, TRACE_PROBE_IOVA_FREE, 0xffffd, 0, 3);
	assert_int_equal(f.trace->devices.count, 1);
	trace_free(f.trace);
}

static void test_other_events_are_a_reason_of_their_own(void **state)
{
	struct fixture f = new_fixture();

	(void)state;
	assert_int_equal(add(&f, "sched_switch", "prev_comm=fio"), 1);
	assert_int_equal(f.why, TRACE_SKIP_UNKNOWN_EVENT);
	assert_int_equal(add(&f, "dma_map_pag", "d"), 1);
	assert_int_equal(f.why, TRACE_SKIP_UNKNOWN_EVENT);
	trace_free(f.trace);
}

/* A field missing, unreadable, two arrays of unequal length, a range past the end. */
static void test_malformed_event_leaves_nothing_behind(void **state)
{
	static const char *const lines[][2] = {
		{"dma_map_page", "d dir=TO_DEVICE dma_addr=f000 size=16 phys_addr=5000"},
		{"dma_map_page", "d dir=TO_DEVICE size=16 phys_addr=5000 attrs="},
		{"dma_map_page", "dir=TO_DEVICE dma_addr=1 size=16 phys_addr=5000 attrs="},
		{"dma_map_page",
		 "d dir=TO_DEVICE dma_addr=fffffffffffffffe size=16 phys_addr=5000 attrs="},
		{"dma_map_page",
		 "d dir=TO_DEVICE dma_addr=1 size=16 phys_addr=fffffffffffffff1 attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={} sizes={} "
			       "phys_addrs={0x1} attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={0x1} sizes={0x1} "
			       "phys_addrs={} attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={0x1,0x2} sizes={0x1} "
			       "phys_addrs={0x1} attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={0x1} sizes={0x1,0x2} "
			       "phys_addrs={0x1} attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={0x1} "
			       "sizes={0xffffffffffffffff} phys_addrs={0x1,x} attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=2/2 dma_addrs={0x1,0x1} "
			       "sizes={0xfffffffffffffff0,0x11} phys_addrs={0x1} attrs="},
		{"dma_map_sg", "d dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={0xffffffffffffffff} "
			       "sizes={0x2} phys_addrs={0x1} attrs="},
		{"dma_unmap_sg", "d dir=TO_DEVICE phys_addrs={0x1,0x2 attrs="},
		{"iova_free", "(f+0x4/0x140) pfn=0xffffd size=3"},
		{"map", "IOMMU: iova=0x0fff - 0x1fff paddr=0x00c122000 size="},
	};
	struct fixture f = new_fixture();

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(add(&f, lines[i][0], lines[i][1]), 1);
		assert_int_equal(f.why, TRACE_SKIP_MALFORMED);
	}
	assert_int_equal(f.trace->nevents, 0);
	assert_int_equal(f.trace->nlists, 0);
	assert_int_equal(f.trace->nphys, 0);
	assert_int_equal(f.trace->nsegments, 0);
	assert_int_equal(f.trace->devices.count, 0);
	trace_free(f.trace);
}

static void test_every_kind_has_a_name(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < TRACE_NKINDS; kind++)
		assert_string_not_equal(trace_kind_name(kind), "unknown");
	assert_string_equal(trace_kind_name(TRACE_NKINDS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_events_are_stored),
		cmocka_unit_test(test_resource_events_are_stored),
		cmocka_unit_test(test_alloc_events_are_stored),
		cmocka_unit_test(test_null_alloc_failed_and_null_free_is_empty),
		cmocka_unit_test(test_map_sg_keeps_entries_and_segments),
		cmocka_unit_test(test_raw_map_sg_is_the_same_event),
		cmocka_unit_test(test_unmap_sg_keeps_its_list_in_both_formats),
		cmocka_unit_test(test_sync_events_are_stored),
		cmocka_unit_test(test_sgt_events_have_one_segment),
		cmocka_unit_test(test_refusals_are_stored),
		cmocka_unit_test(test_iommu_events_are_stored),
		cmocka_unit_test(test_bounce_and_probe_events_are_stored),
		cmocka_unit_test(test_other_events_are_a_reason_of_their_own),
		cmocka_unit_test(test_malformed_event_leaves_nothing_behind),
		cmocka_unit_test(test_every_kind_has_a_name),
	};

	return cmocka_run_group_tests_name("trace_event", tests, NULL, NULL);
}
