// SPDX-License-Identifier: MIT
/*
 * test_dma_neighbours.c - proves what lib/dma/dma_neighbours.c says of bytes beside buffers; time
 * is handed in
 */
#include "device_rig.h"

#include <stdint.h>

static void rig_up_as(struct device_rig *r, const struct dmp_device_opts *opts, bool bounces,
		      uint32_t domain_flags)
{
	assert_int_equal(dmp_harness_enter(1), 0);
	rig_begin(&r->rig);
	rig_domain_as(&r->rig, &DMP_DOMAIN_OPTS(.flags = domain_flags));
	if (bounces)
		device_rig_add_bouncing(r, *opts);
	else
		device_rig_add(r, opts);
}

static void down(struct device_rig *r)
{
	device_rig_down(r);
	assert_int_equal(dmp_harness_leave(), 0);
}

static unsigned char *pages(struct device_rig *r, dmp_phys_t *phys)
{
	return zone_buf(r, DMP_ZONE_ANY, 4, phys);
}

/*
 *   |     ####|########|###     |      100 bytes before, PAGE - 200 behind
 */
static void test_what_shares_a_granule_is_counted_while_it_is_mapped(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	rig_up_as(&r, NULL, false, DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf + 100, 2 * PAGE + 100, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(device_stats(&r).neighbour_bytes, 100 + PAGE - 200);
	dmp_harness_advance(50);
	assert_int_equal(device_stats(&r).neighbour_byte_ns, 50 * (PAGE - 100));
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 2 * PAGE + 100, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(device_stats(&r).neighbour_bytes, 0);
	assert_int_equal(device_stats(&r).neighbour_peak_bytes, PAGE - 100);
	dmp_harness_advance(50);
	assert_int_equal(device_stats(&r).neighbour_byte_ns, 50 * (PAGE - 100));
	zone_free(&r, phys, 4);
	down(&r);
}

static void test_a_buffer_of_whole_granules_has_none(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	rig_up_as(&r, NULL, false, DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf + PAGE, 2 * PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(device_stats(&r).neighbour_peak_bytes, 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 2 * PAGE, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 4);
	down(&r);
}

static void test_the_peak_is_the_most_at_once(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr[3];
	unsigned char *buf;

	(void)state;
	rig_up_as(&r, NULL, false, DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(dmp_dma_map(r.dev, buf, 96, DMP_TO_DEVICE, 0, &addr[i]), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr[0], 96, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_map(r.dev, buf, 96, DMP_TO_DEVICE, 0, &addr[2]), 0);
	assert_int_equal(device_stats(&r).neighbour_bytes, 2 * (PAGE - 96));
	assert_int_equal(device_stats(&r).neighbour_peak_bytes, 2 * (PAGE - 96));
	assert_int_equal(dmp_dma_unmap(r.dev, addr[1], 96, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr[2], 96, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 4);
	down(&r);
}

/*
 * Merged into one range, the second moved up to a boundary of 8 KiB: its pad leads to its own
 * first page once more, and nothing is counted twice.
 */
static void test_of_a_list_each_piece_counts_and_pads_do_not(void **state)
{
	struct device_rig r;
	struct dmp_sg sg[2];
	dmp_phys_t phys;
	unsigned char *buf;
	size_t n;

	(void)state;
	rig_up_as(&r, &DMP_DEVICE_OPTS(.segment_boundary = 2 * PAGE - 1), false,
		  DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	sg[0] = (struct dmp_sg){.buf = buf + 10, .len = 20};
	sg[1] = (struct dmp_sg){.buf = buf + 2 * PAGE, .len = PAGE + 500};
	assert_int_equal(dmp_dma_map_sg(r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(double_mapped_bytes(r.rig.d), 4 * PAGE);
	assert_int_equal(device_stats(&r).neighbour_bytes, PAGE - 20 + PAGE - 500);
	assert_int_equal(dmp_dma_unmap_sg(r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(device_stats(&r).neighbour_bytes, 0);
	assert_int_equal(device_stats(&r).neighbour_peak_bytes, PAGE - 20 + PAGE - 500);
	zone_free(&r, phys, 4);
	down(&r);
}

static void test_slots_have_none(void **state)
{
	struct device_rig r;
	struct dmp_sg sg;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;
	size_t n;

	(void)state;
	rig_up_as(&r, &DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED), true, DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf + 100, 300, DMP_TO_DEVICE, 0, &addr), 0);
	assert_true(slots_in_use(&r) > 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 300, DMP_TO_DEVICE, 0), 0);
	sg = (struct dmp_sg){.buf = buf + 100, .len = 300};
	assert_int_equal(dmp_dma_map_sg(r.dev, &sg, 1, DMP_TO_DEVICE, 0, &n), 0);
	assert_int_equal(dmp_dma_unmap_sg(r.dev, &sg, 1, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(device_stats(&r).neighbour_peak_bytes, 0);
	zone_free(&r, phys, 4);
	down(&r);
}

static void test_a_map_that_fails_leaves_none(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	rig_up_as(&r, NULL, false, DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	double_fail(r.rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM);
	assert_int_equal(dmp_dma_map(r.dev, buf, 96, DMP_TO_DEVICE, 0, &addr), -ENOMEM);
	assert_int_equal(device_stats(&r).neighbour_peak_bytes, 0);
	zone_free(&r, phys, 4);
	down(&r);
}

static void test_without_the_domains_flag_nothing_is_counted(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	rig_up_as(&r, NULL, false, DMP_DOMAIN_EXPOSURE);
	buf = pages(&r, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, 96, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(device_stats(&r).neighbour_bytes, 0);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 96, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 4);
	down(&r);
}

static void test_a_sum_that_would_overflow_stays_at_its_end(void **state)
{
	struct device_rig r;
	dmp_phys_t phys;
	dmp_addr_t addr;
	unsigned char *buf;

	(void)state;
	rig_up_as(&r, NULL, false, DMP_DOMAIN_NEIGHBOURS);
	buf = pages(&r, &phys);
	assert_int_equal(dmp_dma_map(r.dev, buf, 96, DMP_TO_DEVICE, 0, &addr), 0);
	dmp_harness_advance(UINT64_C(1) << 60);
	assert_int_equal(device_stats(&r).neighbour_byte_ns, UINT64_MAX);
	assert_int_equal(dmp_dma_unmap(r.dev, addr, 96, DMP_TO_DEVICE, 0), 0);
	zone_free(&r, phys, 4);
	down(&r);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(test_what_shares_a_granule_is_counted_while_it_is_mapped),
		TEST(test_a_buffer_of_whole_granules_has_none),
		TEST(test_the_peak_is_the_most_at_once),
		TEST(test_of_a_list_each_piece_counts_and_pads_do_not),
		TEST(test_slots_have_none),
		TEST(test_a_map_that_fails_leaves_none),
		TEST(test_without_the_domains_flag_nothing_is_counted),
		TEST(test_a_sum_that_would_overflow_stays_at_its_end),
	};

	return cmocka_run_group_tests_name("dma_neighbours", tests, NULL, NULL);
}
