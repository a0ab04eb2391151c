// SPDX-License-Identifier: MIT
/*
 * test_trace_match.c - proves what ends what in bench/trace_match.c; P1 to P4 are walked
 * after every match by trace_plan_check()
 */
#include "test_trace_files.h"

#define ARGS(addr, size) "dir=TO_DEVICE dma_addr=" #addr " size=" #size
#define MAP(cpu, us, addr, size)                                                                   \
	ON(cpu, us, "dma_map_page: " NVME ARGS(addr, size) " phys_addr=5000 attrs=")
#define UNMAP(cpu, us, addr, size) ON(cpu, us, "dma_unmap_page: " NVME ARGS(addr, size) " attrs=")
#define SYNC(cpu, us, addr, size)  ON(cpu, us, "dma_sync_single_for_cpu: " NVME ARGS(addr, size))

#define LIST "phys_addrs={0x1000,0x3000} attrs="
#define MAP_SG(cpu, us, a, b)                                                                      \
	ON(cpu, us,                                                                                \
	   "dma_map_sg: " NVME "dir=TO_DEVICE nents=2/2 ents=2/2 dma_addrs={0x" #a ",0x" #b        \
	   "} sizes={0x1000,0x1000} " LIST)
#define UNMAP_SG(cpu, us) ON(cpu, us, "dma_unmap_sg: " NVME "dir=TO_DEVICE " LIST)

#define IOMMU_UNMAP(cpu, us, iova, end)                                                            \
	ON(cpu, us, "unmap: IOMMU: iova=0x" #iova " - 0x" #end " size=8192 unmapped_size=8192")

static void expect_step(const struct matched *m, uint32_t i, enum trace_op op, uint32_t mapping)
{
	assert_true(i < m->plan->nsteps);
	assert_int_equal(m->plan->steps[i].op, op);
	assert_int_equal(m->plan->steps[i].mapping, mapping);
}

static void expect_skip(const struct matched *m, enum trace_skip why, uint64_t count,
			uint32_t first_line)
{
	assert_int_equal(m->plan->skips[why].count, count);
	assert_int_equal(m->plan->skips[why].first_line, first_line);
}

static void test_unmap_ends_the_map_of_its_address(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 16), MAP(1, 02, f1000, 16),
				 UNMAP(2, 03, f0000, 16), UNMAP(1, 04, f1000, 16));

	(void)state;
	expect_step(&m, 0, TRACE_OP_MAP, 0);
	expect_step(&m, 1, TRACE_OP_MAP, 1);
	expect_step(&m, 2, TRACE_OP_UNMAP, 0);
	expect_step(&m, 3, TRACE_OP_UNMAP, 1);
	assert_int_equal(m.plan->nsteps, 4);
	assert_int_equal(m.plan->mappings[0].unmap_event, 2);
	assert_int_equal(m.plan->mappings[0].cpu, 1);
	free_matched(&m);
}

static void test_mapping_keeps_what_its_request_said(void **state)
{
	struct matched m = MATCH(ON(3, 01,
				    "dma_map_page: eth0 dir=FROM_DEVICE dma_addr=f0040 size=1522 "
				    "phys_addr=5b4f040 attrs=SKIP_CPU_SYNC"));
	const struct trace_mapping *map = &m.plan->mappings[0];

	(void)state;
	assert_string_equal(m.trace->devices.name[map->dev], "eth0");
	assert_int_equal(map->addr, 0xf0040);
	assert_int_equal(map->len, 1522);
	assert_int_equal(map->cpu, 3);
	assert_int_equal(map->shape, TRACE_SHAPE_PAGE);
	assert_int_equal(map->dir, TRACE_FROM_DEVICE);
	assert_int_equal(map->attrs, TRACE_ATTR_SKIP_CPU_SYNC);
	assert_int_equal(map->unmap_event, TRACE_NONE);
	free_matched(&m);
}

static void test_unmap_without_map_is_counted_with_its_first_line(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 16), UNMAP(1, 02, e0000, 16),
				 UNMAP(1, 03, d0000, 16), UNMAP(1, 04, f0000, 16));

	(void)state;
	expect_skip(&m, TRACE_SKIP_UNMATCHED_UNMAP, 2, 2);
	assert_int_equal(m.plan->nsteps, 2);
	free_matched(&m);
}

static void test_unmap_of_another_device_does_not_match(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 16),
				 ON(1, 02, "dma_unmap_page: eth0 " ARGS(f0000, 16) " attrs="));

	(void)state;
	expect_skip(&m, TRACE_SKIP_UNMATCHED_UNMAP, 1, 2);
	free_matched(&m);
}

/* Linux frees the address before it prints the unmap: its next owner may come first. */
static void test_address_mapped_while_live_ends_oldest_first(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 16), MAP(2, 02, f0000, 16),
				 UNMAP(1, 03, f0000, 16), UNMAP(2, 04, f0000, 16));

	(void)state;
	expect_step(&m, 2, TRACE_OP_UNMAP, 0);
	expect_step(&m, 3, TRACE_OP_UNMAP, 1);
	assert_int_equal(m.plan->facts.remapped_live, 1);
	free_matched(&m);
}

static void test_address_live_twice_prefers_the_same_size(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 16), MAP(1, 02, f0000, 64),
				 UNMAP(1, 03, f0000, 64), UNMAP(1, 04, f0000, 99));

	(void)state;
	expect_step(&m, 2, TRACE_OP_UNMAP, 1);
	expect_step(&m, 3, TRACE_OP_UNMAP, 0);
	free_matched(&m);
}

static void test_refused_maps_are_counted_and_left_out(void **state)
{
	struct matched m = MATCH(
		MAP(1, 01, ffffffffffffffff, 4096),
		ON(1, 02, "dma_map_sg_err: " NVME "dir=TO_DEVICE dma_addrs={0x1000} err=-5 attrs="),
		ON(1, 03, "dma_alloc: " NVME ARGS(0, 64) " virt_addr=(nil) flags=0 attrs="),
		MAP(1, 04, f0000, 16));

	(void)state;
	expect_skip(&m, TRACE_SKIP_FAILED, 3, 1);
	assert_int_equal(m.plan->facts.failed_in_trace, 3);
	assert_int_equal(m.plan->nmappings, 1);
	free_matched(&m);
}

static void test_impossible_maps_are_counted_and_left_out(void **state)
{
	struct matched m =
		MATCH(MAP(1, 01, f0000, 0),
		      ON(1, 02,
			 "dma_map_sg: " NVME "dir=TO_DEVICE nents=2/2 ents=1/1 dma_addrs={0x1000} "
			 "sizes={0x1} " LIST),
		      MAP(1, 03, f0000, 16));

	(void)state;
	expect_skip(&m, TRACE_SKIP_IMPOSSIBLE, 2, 1);
	assert_int_equal(m.plan->nmappings, 1);
	free_matched(&m);
}

static void test_free_of_nothing_is_counted_and_left_out(void **state)
{
	struct matched m = MATCH(
		ON(1, 01,
		   "dma_alloc: " NVME ARGS(f0000, 64) " virt_addr=(____ptrval____) flags=0 attrs="),
		ON(1, 02, "dma_free: " NVME ARGS(0, 0) " virt_addr=0000000000000000 attrs="),
		ON(1, 03, "dma_free: " NVME ARGS(f0000, 64) " virt_addr=(____ptrval____) attrs="));

	(void)state;
	expect_skip(&m, TRACE_SKIP_NULL_FREE, 1, 2);
	assert_int_equal(m.plan->facts.allocs, 1);
	assert_int_equal(m.plan->facts.frees, 1);
	assert_int_equal(m.plan->facts.live_at_end, 0);
	free_matched(&m);
}

/* One address, five calls that name it: each end finds its own beginning. */
static void test_each_call_ends_its_own_kind(void **state)
{
	struct matched m = MATCH(
		ON(1, 01, "dma_map_resource: " NVME ARGS(f0000, 16) " phys_addr=fe00 attrs="),
		ON(1, 02, "dma_alloc: " NVME ARGS(f0000, 16) " virt_addr=12 flags=0 attrs="),
		ON(1, 03, "dma_alloc_pages: " NVME ARGS(f0000, 16) " virt_addr=12 flags=0 attrs="),
		ON(1, 04,
		   "dma_alloc_sgt: " NVME ARGS(f0000, 16) " phys_addrs={0x1000} flags=0 attrs="),
		MAP(1, 05, f0000, 16),
		ON(1, 06, "dma_free_sgt: " NVME ARGS(f0000, 16) " phys_addrs={0x1000}"),
		ON(1, 07, "dma_free_pages: " NVME ARGS(f0000, 16) " virt_addr=12 attrs="),
		ON(1, 08, "dma_free: " NVME ARGS(f0000, 16) " virt_addr=12 attrs="),
		ON(1, 09, "dma_unmap_resource: " NVME ARGS(f0000, 16) " attrs="),
		UNMAP(1, 10, f0000, 16));

	(void)state;
	expect_step(&m, 5, TRACE_OP_UNMAP, 3);
	expect_step(&m, 6, TRACE_OP_UNMAP, 2);
	expect_step(&m, 7, TRACE_OP_UNMAP, 1);
	expect_step(&m, 8, TRACE_OP_UNMAP, 0);
	expect_step(&m, 9, TRACE_OP_UNMAP, 4);
	free_matched(&m);
}

static void test_list_is_ended_by_the_same_list(void **state)
{
	struct matched m = MATCH(
		MAP_SG(1, 01, f0000, f2000),
		ON(1, 02, "dma_unmap_sg: " NVME "dir=TO_DEVICE phys_addrs={0x1000} attrs="),
		ON(1, 03, "dma_unmap_sg: " NVME "dir=TO_DEVICE phys_addrs={0x1000,0x4000} attrs="),
		UNMAP_SG(1, 04));

	(void)state;
	expect_skip(&m, TRACE_SKIP_UNMATCHED_UNMAP, 2, 2);
	expect_step(&m, 1, TRACE_OP_UNMAP, 0);
	free_matched(&m);
}

static void test_equal_lists_end_oldest_first(void **state)
{
	struct matched m = MATCH(MAP_SG(1, 01, f0000, f2000), MAP_SG(1, 02, e0000, e2000),
				 UNMAP_SG(1, 03), UNMAP_SG(1, 04));

	(void)state;
	expect_step(&m, 2, TRACE_OP_UNMAP, 0);
	expect_step(&m, 3, TRACE_OP_UNMAP, 1);
	free_matched(&m);
}

/* The IOMMU's line on the same CPU tells which, also with others' lines behind it. */
static void test_equal_lists_are_told_apart_by_the_iommu_unmap(void **state)
{
	struct matched m = MATCH(MAP_SG(1, 01, f0000, f2000), MAP_SG(1, 02, e0000, e2000),
				 IOMMU_UNMAP(1, 03, e0000, e2000), IOMMU_UNMAP(1, 04, d0000, d2000),
				 IOMMU_UNMAP(2, 05, f0000, f2000), UNMAP_SG(1, 06),
				 UNMAP_SG(1, 07));

	(void)state;
	expect_step(&m, 2, TRACE_OP_UNMAP, 1);
	expect_step(&m, 3, TRACE_OP_UNMAP, 0);
	free_matched(&m);
}

/* A map names 128 entries of 130, its unmap all of them. */
static char *long_list(unsigned last)
{
	size_t room = 32768;
	char *text = malloc(room), *p = text;

	assert_non_null(text);
	p += sprintf(p,
		     "  a-1 [001] 1.5: dma_map_sg: d dir=NONE nents=128/130 ents=1/1 [TRUNCATED] "
		     "dma_addrs={0xf0000} sizes={0x82000} phys_addrs={0x1000");
	for (unsigned i = 2; i <= 128; i++)
		p += sprintf(p, ",0x%x000", 2 * i);
	p += sprintf(p, "} attrs=\n  a-1 [001] 1.6: dma_unmap_sg: d dir=NONE phys_addrs={0x1000");
	for (unsigned i = 2; i <= last; i++)
		p += sprintf(p, ",0x%x000", 2 * i);
	sprintf(p, "} attrs=\n");
	return text;
}

static void test_list_of_more_than_128_entries_is_matched_by_those(void **state)
{
	static const struct {
		unsigned last;
		uint32_t unmatched;
	} cases[] = {{130, 0}, {129, 1}, {128, 1}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *text = long_list(cases[i].last);
		struct matched m = MATCH(text);

		assert_int_equal(m.plan->facts.unmatched, cases[i].unmatched);
		free_matched(&m);
		free(text);
	}
}

static void test_sync_finds_the_mapping_around_its_address(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0800, 20000), MAP(1, 02, f0000, 2048),
				 SYNC(1, 03, f0810, 64), SYNC(1, 04, f0010, 64),
				 SYNC(1, 05, f4f00, 64));

	(void)state;
	expect_step(&m, 2, TRACE_OP_SYNC_FOR_CPU, 0);
	assert_int_equal(m.plan->steps[2].offset, 16);
	assert_int_equal(m.plan->steps[2].len, 64);
	expect_step(&m, 3, TRACE_OP_SYNC_FOR_CPU, 1);
	assert_int_equal(m.plan->steps[3].offset, 16);
	expect_step(&m, 4, TRACE_OP_SYNC_FOR_CPU, 0);
	assert_int_equal(m.plan->steps[4].offset, 0x4700);
	free_matched(&m);
}

static void test_sync_ends_with_its_mapping(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 100), SYNC(1, 02, f0060, 64));

	(void)state;
	assert_int_equal(m.plan->steps[1].offset, 0x60);
	assert_int_equal(m.plan->steps[1].len, 4);
	free_matched(&m);
}

static void test_sync_outside_every_live_mapping_is_counted(void **state)
{
	struct matched m = MATCH(MAP(1, 01, f0000, 100), SYNC(1, 02, f0064, 1),
				 SYNC(1, 03, effff, 1), UNMAP(1, 04, f0000, 100),
				 SYNC(1, 05, f0000, 1));

	(void)state;
	expect_skip(&m, TRACE_SKIP_UNMATCHED_SYNC, 3, 2);
	assert_int_equal(m.plan->nsteps, 2);
	assert_int_equal(m.plan->facts.syncs, 3);
	free_matched(&m);
}

/* After merging only the first address of a list's sync means anything. */
static void test_sync_of_a_list_gives_a_step_an_entry(void **state)
{
	struct matched m =
		MATCH(ON(1, 01,
			 "dma_map_sg: " NVME "dir=TO_DEVICE nents=2/2 ents=1/1 dma_addrs={0xf0000} "
			 "sizes={0x2000} " LIST),
		      ON(1, 02,
			 "dma_sync_sg_for_device: " NVME "dir=TO_DEVICE "
			 "dma_addrs={0xf0000,0xffffffffffffffff} sizes={0x1000,0x1000}"));

	(void)state;
	expect_step(&m, 1, TRACE_OP_SYNC_FOR_DEVICE, 0);
	assert_int_equal(m.plan->steps[1].offset, 0);
	assert_int_equal(m.plan->steps[1].len, 0x1000);
	expect_step(&m, 2, TRACE_OP_SYNC_FOR_DEVICE, 0);
	assert_int_equal(m.plan->steps[2].offset, 0x1000);
	assert_int_equal(m.plan->steps[2].len, 0x1000);
	assert_int_equal(m.plan->nsteps, 3);
	assert_int_equal(m.plan->facts.syncs, 1);
	free_matched(&m);
}

static void test_trace_without_maps_gives_an_empty_plan(void **state)
{
	struct matched m =
		MATCH(ON(1, 01, "map: IOMMU: iova=0xf0000 - 0xf1000 paddr=0x1000 size=4096"));

	(void)state;
	assert_int_equal(m.plan->nmappings, 0);
	assert_int_equal(m.plan->nsteps, 0);
	assert_true(m.plan->facts.has_iommu);
	free_matched(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unmap_ends_the_map_of_its_address),
		cmocka_unit_test(test_mapping_keeps_what_its_request_said),
		cmocka_unit_test(test_unmap_without_map_is_counted_with_its_first_line),
		cmocka_unit_test(test_unmap_of_another_device_does_not_match),
		cmocka_unit_test(test_address_mapped_while_live_ends_oldest_first),
		cmocka_unit_test(test_address_live_twice_prefers_the_same_size),
		cmocka_unit_test(test_refused_maps_are_counted_and_left_out),
		cmocka_unit_test(test_impossible_maps_are_counted_and_left_out),
		cmocka_unit_test(test_free_of_nothing_is_counted_and_left_out),
		cmocka_unit_test(test_each_call_ends_its_own_kind),
		cmocka_unit_test(test_list_is_ended_by_the_same_list),
		cmocka_unit_test(test_equal_lists_end_oldest_first),
		cmocka_unit_test(test_equal_lists_are_told_apart_by_the_iommu_unmap),
		cmocka_unit_test(test_list_of_more_than_128_entries_is_matched_by_those),
		cmocka_unit_test(test_sync_finds_the_mapping_around_its_address),
		cmocka_unit_test(test_sync_ends_with_its_mapping),
		cmocka_unit_test(test_sync_outside_every_live_mapping_is_counted),
		cmocka_unit_test(test_sync_of_a_list_gives_a_step_an_entry),
		cmocka_unit_test(test_trace_without_maps_gives_an_empty_plan),
	};

	return cmocka_run_group_tests_name("trace_match", tests, NULL, NULL);
}
