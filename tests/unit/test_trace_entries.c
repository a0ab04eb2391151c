// SPDX-License-Identifier: MIT
/*
 * test_trace_entries.c - proves C1 of bench/trace_entries.c and each way to cut a list
 */
#include "test_trace_files.h"

#define MAP_SG NVME "dir=TO_DEVICE "
#define RUN(cpu, us, iova, end, phys, size)                                                        \
	ON(cpu, us, "map: IOMMU: iova=0x" #iova " - 0x" #end " paddr=0x" #phys " size=" #size)

static void expect_entries(const struct matched *m, uint32_t mapping, enum trace_cut cut,
			   const struct trace_entry *entries, uint32_t n)
{
	const struct trace_mapping *map = &m->plan->mappings[mapping];

	assert_int_equal(map->cut, cut);
	assert_int_equal(map->nentries, n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(m->plan->entries[map->first_entry + i].phys, entries[i].phys);
		assert_int_equal(m->plan->entries[map->first_entry + i].len, entries[i].len);
	}
}

#define EXPECT(m, mapping, cut, ...)                                                               \
	expect_entries(m, mapping, cut, (const struct trace_entry[]){__VA_ARGS__},                 \
		       sizeof((const struct trace_entry[]){__VA_ARGS__}) /                         \
			       sizeof(struct trace_entry))

static void test_single_buffer_is_one_entry(void **state)
{
	struct matched m = MATCH(ON(
		1, 01, "dma_map_page: " MAP_SG "dma_addr=f0740 size=48 phys_addr=5084740 attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_GIVEN, {0x5084740, 48});
	free_matched(&m);
}

static void test_coherent_memory_is_one_entry_of_unknown_place(void **state)
{
	struct matched m = MATCH(ON(1, 01,
				    "dma_alloc: " MAP_SG
				    "dma_addr=f0000 size=6726 virt_addr=0000000012345678 attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_GIVEN, {TRACE_PHYS_UNKNOWN, 6726});
	free_matched(&m);
}

/* Without merging (bounced, or no IOMMU) the sizes of the segments are those of the entries. */
static void test_unmerged_list_has_its_sizes_printed(void **state)
{
	struct matched m =
		MATCH(ON(1, 01,
			 "dma_map_sg: " MAP_SG "nents=2/2 ents=2/2 dma_addrs={0x7d000,0x7f000} "
			 "sizes={0x1000,0x3000} phys_addrs={0x5000,0x9000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_GIVEN, {0x5000, 0x1000}, {0x9000, 0x3000});
	free_matched(&m);
}

/*
 *    entries  A=1000 (2 pages)  B=3000  C=9000  D=5000 (1.5 pages)
 *    runs     1000, 3 pages             9000    5000, 2 pages
 *    segment  [ f0000, 0x5800                              ]
 */
static void test_merged_list_is_cut_at_the_runs(void **state)
{
	struct matched m =
		MATCH(RUN(1, 01, f0000, f3000, 1000, 12288), RUN(1, 02, f3000, f4000, 9000, 4096),
		      RUN(1, 03, f4000, f6000, 5000, 8192),
		      ON(1, 04,
			 "dma_map_sg: " MAP_SG "nents=4/4 ents=1/1 dma_addrs={0xf0000} "
			 "sizes={0x5800} phys_addrs={0x1000,0x3000,0x9000,0x5000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1000, 0x2000}, {0x3000, 0x1000}, {0x9000, 0x1000},
	       {0x5000, 0x1800});
	free_matched(&m);
}

/*
 * A list that begins inside a page, and ends an entry inside a page, which ends a segment:
 *
 *    entries   1e00 (0x200)   3000 (0x1000)   5000 (0x200)  | 9000 (0x1000)
 *    IOVA      f0000          f1000           f2000         | f3000
 *    segments  [ f0e00 ... 0x1400             f2200 ]         [ f3000, 0x1000 ]
 */
static void test_offsets_and_short_entries_come_from_the_segments(void **state)
{
	struct matched m =
		MATCH(RUN(1, 01, f0000, f1000, 1000, 4096), RUN(1, 02, f1000, f2000, 3000, 4096),
		      RUN(1, 03, f2000, f3000, 5000, 4096), RUN(1, 04, f3000, f4000, 9000, 4096),
		      ON(1, 05,
			 "dma_map_sg: " MAP_SG "nents=4/4 ents=2/2 dma_addrs={0xf0e00,0xf3000} "
			 "sizes={0x1400,0x1000} phys_addrs={0x1e00,0x3000,0x5000,0x9000} "
			 "attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1e00, 0x200}, {0x3000, 0x1000}, {0x5000, 0x200},
	       {0x9000, 0x1000});
	free_matched(&m);
}

/* One page three times, as a file of zeroes is written. */
static void test_repeated_pages_are_cut_right(void **state)
{
	struct matched m =
		MATCH(RUN(1, 01, f0000, f1000, 1000, 4096), RUN(1, 02, f1000, f2000, 1000, 4096),
		      RUN(1, 03, f2000, f4000, 1000, 8192),
		      ON(1, 04,
			 "dma_map_sg: " MAP_SG "nents=4/4 ents=1/1 dma_addrs={0xf0000} "
			 "sizes={0x4000} phys_addrs={0x1000,0x1000,0x1000,0x2000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1000, 0x1000}, {0x1000, 0x1000}, {0x1000, 0x1000},
	       {0x2000, 0x1000});
	free_matched(&m);
}

/* An interrupt maps for another device, at IOVAs that would fit, between the runs. */
static void test_runs_of_an_interrupt_are_passed_over(void **state)
{
	struct matched m = MATCH(RUN(1, 01, f0000, f1000, 1000, 4096),
				 RUN(1, 02, f1000, f2000, 3000, 4096),
				 RUN(1, 03, f0000, f2000, 77000, 8192),
				 ON(1, 04,
				    "dma_map_page: eth0 dir=TO_DEVICE dma_addr=f0000 size=8192 "
				    "phys_addr=77000 attrs="),
				 RUN(2, 05, f0000, f2000, 55000, 8192),
				 ON(1, 06,
				    "dma_map_sg: " MAP_SG "nents=2/2 ents=1/1 dma_addrs={0xf0000} "
				    "sizes={0x2000} phys_addrs={0x1000,0x3000} attrs="));

	(void)state;
	EXPECT(&m, 1, TRACE_CUT_RUNS, {0x1000, 0x1000}, {0x3000, 0x1000});
	free_matched(&m);
}

/* Another CPU's lines stand nearer and would explain the list as well, with other lengths. */
static void test_runs_of_the_own_cpu_come_first(void **state)
{
	struct matched m =
		MATCH(RUN(1, 01, f0000, f1000, 1000, 4096), RUN(1, 02, f1000, f3000, 3000, 8192),
		      RUN(2, 03, f0000, f2000, 1000, 8192), RUN(2, 04, f2000, f3000, 3000, 4096),
		      ON(1, 05,
			 "dma_map_sg: " MAP_SG "nents=2/2 ents=1/1 "
			 "dma_addrs={0xf0000} sizes={0x3000} "
			 "phys_addrs={0x1000,0x3000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1000, 0x1000}, {0x3000, 0x2000});
	free_matched(&m);
}

/* Two segments over the same IOVAs hold twice what the run does. */
static void test_runs_that_explain_too_few_bytes_are_not_used(void **state)
{
	struct matched m = MATCH(RUN(1, 01, f0000, f2000, 1000, 8192),
				 ON(1, 02,
				    "dma_map_sg: " MAP_SG "nents=1/1 ents=2/2 "
				    "dma_addrs={0xf0000,0xf0000} sizes={0x2000,0x2000} "
				    "phys_addrs={0x1000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_PAGES, {0x1000, 0x4000});
	free_matched(&m);
}

static void test_runs_of_a_task_that_moved_are_found(void **state)
{
	struct matched m = MATCH(RUN(1, 01, f0000, f2000, 1000, 8192),
				 RUN(2, 02, f2000, f3000, 9000, 4096),
				 ON(2, 03,
				    "dma_map_sg: " MAP_SG "nents=2/2 ents=1/1 dma_addrs={0xf0000} "
				    "sizes={0x3000} phys_addrs={0x1000,0x9000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1000, 0x2000}, {0x9000, 0x1000});
	free_matched(&m);
}

static void test_list_without_runs_is_cut_at_pages(void **state)
{
	struct matched m =
		MATCH(ON(1, 01,
			 "dma_map_sg: " MAP_SG "nents=3/3 ents=2/2 dma_addrs={0xf0e00,0xf8000} "
			 "sizes={0x600,0x5000} phys_addrs={0x1e00,0x3000,0x9000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_PAGES, {0x1e00, 0x200}, {0x3000, 0x400}, {0x9000, 0x5000});
	free_matched(&m);
}

static void test_runs_that_do_not_fit_are_not_used(void **state)
{
	struct matched m = MATCH(RUN(1, 01, f0000, f1000, 1000, 4096),
				 RUN(1, 02, f1000, f2000, 8000, 4096),
				 ON(1, 03,
				    "dma_map_sg: " MAP_SG "nents=2/2 ents=1/1 dma_addrs={0xf0000} "
				    "sizes={0x2000} phys_addrs={0x1000,0x3000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_PAGES, {0x1000, 0x1000}, {0x3000, 0x1000});
	free_matched(&m);
}

/* One byte an entry is the least; no entry may go without. */
static void test_tiny_list_leaves_a_byte_for_each_entry(void **state)
{
	struct matched m =
		MATCH(ON(1, 01,
			 "dma_map_sg: " MAP_SG "nents=4/4 ents=2/2 dma_addrs={0xf0000,0xf1000} "
			 "sizes={0x1,0x4} phys_addrs={0x1000,0x3000,0x9000,0xa000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_PAGES, {0x1000, 1}, {0x3000, 2}, {0x9000, 1}, {0xa000, 1});
	free_matched(&m);
}

/*
 * Two of five entries printed (Linux prints 128; the rule is the same for any number):
 *
 *    runs     1000, 1 page    3000, 3 pages             9000, 2 pages
 *    entries  1000            3000 printed, 4000 not    not
 */
static void test_what_was_not_printed_follows_as_whole_runs(void **state)
{
	struct matched m =
		MATCH(RUN(1, 01, f0000, f1000, 1000, 4096), RUN(1, 02, f1000, f4000, 3000, 12288),
		      RUN(1, 03, f4000, f6000, 9000, 8192),
		      ON(1, 04,
			 "dma_map_sg: " MAP_SG "nents=2/5 ents=1/1 [TRUNCATED] dma_addrs={0xf0000} "
			 "sizes={0x5e00} phys_addrs={0x1000,0x3000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1000, 0x1000}, {0x3000, 0x3000}, {0x9000, 0x1e00});
	assert_true(m.plan->mappings[0].truncated);
	assert_int_equal(m.plan->facts.truncated_lists, 1);
	free_matched(&m);
}

/* Cut on both sides: what was printed is all there is. */
static void test_list_cut_on_both_sides_is_replayed_as_printed(void **state)
{
	struct matched m = MATCH(ON(1, 01,
				    "dma_map_sg: " MAP_SG "nents=2/5 ents=2/5 [TRUNCATED] "
				    "dma_addrs={0xf0000,0xf2000} sizes={0x1000,0x2000} "
				    "phys_addrs={0x1000,0x3000} attrs="));

	(void)state;
	EXPECT(&m, 0, TRACE_CUT_GIVEN, {0x1000, 0x1000}, {0x3000, 0x2000});
	assert_true(m.plan->mappings[0].truncated);
	free_matched(&m);
}

static void test_allocated_scattered_pages_are_cut_at_the_runs(void **state)
{
	struct matched m = MATCH(RUN(1, 01, f0000, f2000, 1000, 8192),
				 RUN(1, 02, f2000, f3000, 9000, 4096),
				 ON(1, 03,
				    "dma_alloc_sgt: " MAP_SG "dma_addr=f0000 size=12288 "
				    "phys_addrs={0x1000,0x9000} flags=GFP_KERNEL attrs="));

	(void)state;
	assert_int_equal(m.plan->mappings[0].shape, TRACE_SHAPE_SGT);
	EXPECT(&m, 0, TRACE_CUT_RUNS, {0x1000, 0x2000}, {0x9000, 0x1000});
	free_matched(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_buffer_is_one_entry),
		cmocka_unit_test(test_coherent_memory_is_one_entry_of_unknown_place),
		cmocka_unit_test(test_unmerged_list_has_its_sizes_printed),
		cmocka_unit_test(test_merged_list_is_cut_at_the_runs),
		cmocka_unit_test(test_offsets_and_short_entries_come_from_the_segments),
		cmocka_unit_test(test_repeated_pages_are_cut_right),
		cmocka_unit_test(test_runs_of_an_interrupt_are_passed_over),
		cmocka_unit_test(test_runs_of_the_own_cpu_come_first),
		cmocka_unit_test(test_runs_that_explain_too_few_bytes_are_not_used),
		cmocka_unit_test(test_runs_of_a_task_that_moved_are_found),
		cmocka_unit_test(test_list_without_runs_is_cut_at_pages),
		cmocka_unit_test(test_runs_that_do_not_fit_are_not_used),
		cmocka_unit_test(test_tiny_list_leaves_a_byte_for_each_entry),
		cmocka_unit_test(test_what_was_not_printed_follows_as_whole_runs),
		cmocka_unit_test(test_list_cut_on_both_sides_is_replayed_as_printed),
		cmocka_unit_test(test_allocated_scattered_pages_are_cut_at_the_runs),
	};

	return cmocka_run_group_tests_name("trace_entries", tests, NULL, NULL);
}
