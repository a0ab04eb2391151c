// SPDX-License-Identifier: MIT
/*
 * test_iommu_pgsize.c - proves spec-iova 4.1 of lib/iommu/iommu_pgsize.c
 */
#include "dmptest.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/iommu.h>

#define X86   UINT64_C(0x40201000) /* 4 KiB, 2 MiB, 1 GiB */
#define ARM64 UINT64_C(0x20010000) /* 64 KiB, 512 MiB */
#define MANY  UINT64_C(0xfffff000) /* every power of two from 4 KiB to 2 GiB */
#define KB4   UINT64_C(0x1000)
#define MB2   UINT64_C(0x200000)
#define GB1   UINT64_C(0x40000000)
#define TOP   (UINT64_C(1) << 63)

struct row {
	uint64_t page_sizes, iova, phys, len, page_bytes, count;
};

static void check_row(const struct row *row)
{
	struct dmp_page_step step =
		dmp_iommu_page_step(row->page_sizes, row->iova, row->phys, row->len);

	assert_int_equal(step.page_bytes, row->page_bytes);
	assert_int_equal(step.count, row->count);
}

static void test_step_is_that_of_the_table(void **state)
{
	static const struct row rows[] = {
		/* one page, several, none bigger offered */
		{X86, 0x1000, 0x9000, KB4, KB4, 1},
		{X86, 0x1000, 0x9000, 5 * KB4, KB4, 5},
		{KB4, 0, 0, GB1, KB4, GB1 / KB4},
		/* aligned to the big page, and a rest behind it */
		{X86, 3 * MB2, 3 * MB2, 3 * MB2, MB2, 3},
		{X86, MB2, MB2, MB2 + KB4, MB2, 1},
		{X86, GB1, GB1, GB1, GB1, 1},
		{X86, GB1, GB1, 3 * GB1 + MB2, GB1, 3},
		/* up to a boundary with room behind it */
		{X86, 0x1ff000, 0x1ff000, 2 * MB2 + KB4, KB4, 1},
		{X86, 0x1000, 0x1000, 2 * MB2 - KB4, KB4, 511},
		{X86, GB1 - MB2, GB1 - MB2, GB1 + MB2, MB2, 1},
		{X86, 0x1ff000, 0x3ff000, MB2 + KB4, KB4, 1},
		/* up to a boundary without room behind it: all the rest */
		{X86, 0x1000, 0x1000, MB2, KB4, 512},
		{X86, 0x1ff000, 0x1ff000, MB2, KB4, 512},
		{X86, GB1 - MB2, GB1 - MB2, GB1, MB2, 512},
		/* different offsets in the bigger page */
		{X86, MB2, MB2 + KB4, 2 * MB2, KB4, 1024},
		{X86, GB1, GB1 + MB2, 2 * GB1, MB2, 1024},
		/* at a boundary, the rest too small for the bigger page */
		{X86, MB2, MB2, MB2 - KB4, KB4, 511},
		{X86, 0, 0, MB2 - KB4, KB4, 511},
		/* address 0 limits nothing */
		{X86, 0, 0, GB1, GB1, 1},
		{X86, 0, GB1, 2 * GB1, GB1, 2},
		{ARM64, 0x10000, 0x10000, 0x20000, 0x10000, 2},
		{MANY, 0x3000, 0x3000, 0x5000, KB4, 1},
		{MANY, 0x4000, 0x4000, 0x4000, 0x4000, 1},
		/* the top of the address space */
		{X86, -KB4, -KB4, KB4, KB4, 1},
		{TOP | KB4, TOP, TOP, TOP, TOP, 1},
		{TOP | KB4, KB4, KB4, UINT64_MAX & ~(KB4 - 1), KB4, TOP / KB4 - 1},
		{TOP | KB4, 0, 0, TOP - KB4, KB4, TOP / KB4 - 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void test_step_of_what_no_page_serves_is_empty(void **state)
{
	static const struct row rows[] = {
		{X86, 0x1000, 0x1000, 0, 0, 0},
		{X86, 0x800, 0x1000, KB4, 0, 0},
		{X86, 0, 0, KB4 - 1, 0, 0},
		{0, 0, 0, KB4, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

/* The whole of @len by steps, each looked at. */
static void walk(uint64_t page_sizes, uint64_t iova, uint64_t phys, uint64_t len)
{
	while (len) {
		struct dmp_page_step step = dmp_iommu_page_step(page_sizes, iova, phys, len);
		uint64_t bytes = step.page_bytes * step.count;
		uint64_t bigger = page_sizes & ~(step.page_bytes | (step.page_bytes - 1));

		/* an offered size, aligned, within the rest */
		assert_true(dmp_is_pow2(step.page_bytes) && (page_sizes & step.page_bytes));
		assert_true(step.count > 0 && bytes <= len);
		assert_true(dmp_is_aligned(iova | phys, step.page_bytes));
		/* no bigger page would do here */
		for (; bigger; bigger &= bigger - 1) {
			uint64_t page = bigger & -bigger;

			assert_false(page <= len && dmp_is_aligned(iova | phys, page));
		}
		iova += bytes;
		phys += bytes;
		len -= bytes;
	}
}

static void test_every_step_uses_the_biggest_page_that_fits(void **state)
{
	static const uint64_t offered[] = {X86, ARM64, MANY, KB4, KB4 | MB2, 0x1000 | 0x4000};
	struct rng rng = rng_seeded(rng_seed_from_env(41));

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t page_sizes = offered[i % (sizeof(offered) / sizeof(offered[0]))];
		uint64_t min = page_sizes & -page_sizes;
		uint64_t iova = rng_next(&rng) % (2 * GB1);
		uint64_t phys = i % 3 ? iova + (rng_next(&rng) % 4) * MB2 : rng_next(&rng) % GB1;

		walk(page_sizes, dmp_align_down(iova, min), dmp_align_down(phys, min),
		     min * (1 + rng_next(&rng) % 4096));
	}
}

/* Written from the sentences of 4.1, without bit tricks: candidates one by one, distance by
 * counting whole pages. */
static struct dmp_page_step slow_step(uint64_t page_sizes, uint64_t iova, uint64_t phys,
				      uint64_t len)
{
	uint64_t page = 0, next = 0, distance = 0;

	for (unsigned bit = 0; bit < 40; bit++) {
		uint64_t size = UINT64_C(1) << bit;

		if ((page_sizes & size) && size <= len && iova % size == 0 && phys % size == 0)
			page = size;
	}
	for (unsigned bit = 40; bit-- > 0;)
		if ((page_sizes & (UINT64_C(1) << bit)) && (UINT64_C(1) << bit) > page)
			next = UINT64_C(1) << bit;
	if (next && iova % next == phys % next) {
		do
			distance += page;
		while ((iova + distance) % next);
		if (distance + next <= len)
			len = distance;
	}
	return (struct dmp_page_step){page, len / page};
}

static void test_step_agrees_with_the_slow_rule(void **state)
{
	(void)state;
	/* sizes 1, 4 and 16 of a toy machine: every start below 40, every length below 70 */
	for (uint64_t iova = 0; iova < 40; iova++)
		for (uint64_t phys = 0; phys < 40; phys++)
			for (uint64_t len = 1; len < 70; len++) {
				struct dmp_page_step fast =
					dmp_iommu_page_step(21, iova, phys, len);
				struct dmp_page_step slow = slow_step(21, iova, phys, len);

				assert_int_equal(fast.page_bytes, slow.page_bytes);
				assert_int_equal(fast.count, slow.count);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step_is_that_of_the_table),
		cmocka_unit_test(test_step_of_what_no_page_serves_is_empty),
		cmocka_unit_test(test_every_step_uses_the_biggest_page_that_fits),
		cmocka_unit_test(test_step_agrees_with_the_slow_rule),
	};

	return cmocka_run_group_tests_name("iommu_pgsize", tests, NULL, NULL);
}
