// SPDX-License-Identifier: MIT
/*
 * test_bench_map_split.c - proves which parts a route has, and that the rest is what they leave
 */
#include "dmptest.h"
#include "bench_map.h"

#include <dmapool/port.h>

#include <errno.h>
#include <math.h>

static int no_memory_is_left(void **state)
{
	(void)state;
	return dmp_meta_in_use() != 0;
}

static struct bench_map_case case_of(enum bench_map_route route)
{
	return (struct bench_map_case){.route = route,
				       .mask_bits = 32,
				       .mix = bench_mix_of(2 * 4096),
				       .batch = 2,
				       .slots = 1024};
}

static int split_of(const struct bench_map_case *use, struct bench_map_split *split)
{
	const struct bench_plan plan = {.samples = 3, .rounds = 20};

	*split = (struct bench_map_split){.whole_ns = NAN};
	return bench_map_split(&plan, use, 2, split);
}

/* Which parts there are, as bits; and the sum. */
static unsigned parts_of(enum bench_map_route route, enum bench_map_policy flush)
{
	struct bench_map_case use = case_of(route);
	struct bench_map_split split;
	unsigned parts = 0;
	double sum = 0;

	use.flush = flush;
	assert_int_equal(split_of(&use, &split), 0);
	for (unsigned i = 0; i < BENCH_MAP_PARTS; i++) {
		if (isnan(split.part_ns[i]))
			continue;
		parts |= 1u << i;
		assert_true(split.part_ns[i] > 0 || i == BENCH_MAP_PART_COPY);
		sum += split.part_ns[i];
	}
	assert_true(fabs(sum + split.rest_ns - split.whole_ns) < 1e-6 * split.whole_ns);
	return parts;
}

static void test_each_route_has_its_own_parts_and_they_and_the_rest_are_the_whole(void **state)
{
	const unsigned checks = 1u << BENCH_MAP_PART_CHECKS;
	const unsigned translation = 1u << BENCH_MAP_PART_IOVA | 1u << BENCH_MAP_PART_TABLES;
	const unsigned bounce = 1u << BENCH_MAP_PART_SLOTS | 1u << BENCH_MAP_PART_COPY;

	(void)state;
	assert_int_equal(parts_of(BENCH_MAP_DIRECT, BENCH_MAP_STRICT), 0);
	assert_int_equal(parts_of(BENCH_MAP_SWIOTLB, BENCH_MAP_STRICT), checks | bounce);
	assert_int_equal(parts_of(BENCH_MAP_IOMMU, BENCH_MAP_STRICT), checks | translation);
	assert_int_equal(parts_of(BENCH_MAP_IOMMU_BOUNCE, BENCH_MAP_STRICT),
			 checks | translation | bounce);
	assert_int_equal(parts_of(BENCH_MAP_IOMMU, BENCH_MAP_ON_REUSE), checks | translation);
	assert_int_equal(parts_of(BENCH_MAP_IOMMU, BENCH_MAP_PASSTHROUGH), checks);
}

static void test_what_cannot_be_measured_is_told_and_leaves_the_figures_alone(void **state)
{
	struct bench_map_case use = case_of(BENCH_MAP_SWIOTLB);
	struct bench_map_split split;

	(void)state;
	use.mix = bench_mix_of(1u << 20);
	assert_int_equal(split_of(&use, &split), -ERANGE);
	assert_true(isnan(split.whole_ns));
	use = case_of(BENCH_MAP_SWIOTLB);
	use.batch = 1024; /* of 4 slots each, and there are 1,024 */
	assert_int_equal(split_of(&use, &split), -ENOSPC);
	use = case_of(BENCH_MAP_IOMMU);
	use.mask_bits = 20;
	use.batch = 200;
	assert_int_equal(split_of(&use, &split), -ENOSPC);
	assert_true(isnan(split.whole_ns));
}

#define split_test(f) cmocka_unit_test_teardown(f, no_memory_is_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		split_test(test_each_route_has_its_own_parts_and_they_and_the_rest_are_the_whole),
		split_test(test_what_cannot_be_measured_is_told_and_leaves_the_figures_alone),
	};

	return cmocka_run_group_tests_name("bench_map_split", tests, NULL, NULL);
}
