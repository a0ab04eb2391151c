// SPDX-License-Identifier: MIT
/*
 * test_dma_first32.c - proves the invariant of lib/dma/dma_first32.c, and where limits put
 * addresses
 */
#include "device_rig.h"

#define GIB4 (UINT64_C(1) << 32)
#define LEN  100u

static void up(struct device_rig *r, uint64_t aperture_end, const struct dmp_device_opts *opts)
{
	rig_begin(&r->rig);
	r->rig.d->aperture_end = aperture_end;
	rig_domain(&r->rig);
	device_rig_add(r, opts);
}

static void *ram(struct device_rig *r)
{
	void *mem = NULL;

	assert_int_equal(dmp_hw_alloc(r->rig.hw, LEN, &mem), 0);
	return mem;
}

static int map(struct device_rig *r, void *mem, dmp_addr_t *addr)
{
	return dmp_dma_map(r->dev, mem, LEN, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, addr);
}

static void unmap(struct device_rig *r, dmp_addr_t addr)
{
	assert_int_equal(dmp_dma_unmap(r->dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
}

#define BIT48 DMP_MASK(48)
#define FIRST DMP_DEVICE_FIRST_32BIT

/* The first address in an empty domain: the highest page whose last byte a limit admits. */
static void test_the_first_address_is_that_of_the_table(void **state)
{
	static const struct {
		uint64_t mask, bus, aperture_end;
		unsigned flags;
		int err;
		dmp_addr_t addr;
		uint64_t first32; /* mappings that were had at a first try */
	} rows[] = {
		/* the smallest of mask, bus and aperture */
		{0, 0, BIT48, 0, 0, UINT64_C(0xfffffffff000), 0},
		{DMP_MASK(40), 0, BIT48, 0, 0, UINT64_C(0xfffffff000), 0},
		{DMP_MASK(40), DMP_MASK(36), BIT48, 0, 0, UINT64_C(0xffffff000), 0},
		{DMP_MASK(36), DMP_MASK(40), BIT48, 0, 0, UINT64_C(0xffffff000), 0},
		{DMP_MASK(36), DMP_MASK(40), 0x1ffff, 0, 0, 0x1f000, 0},
		{DMP_MASK(24), 0, BIT48, 0, 0, 0xfff000, 0},
		/* rounded down to whole pages */
		{0, 0x3fffffff, BIT48, 0, 0, 0x3ffff000, 0},
		{0, 0x3ffffffe, BIT48, 0, 0, 0x3fffe000, 0},
		{0, 0x3ffff000, BIT48, 0, 0, 0x3fffe000, 0},
		{0, 0, 0x20fff, 0, 0, 0x20000, 0},
		{0, 0, 0x20ffe, 0, 0, 0x1f000, 0},
		/* page 0 is never given out */
		{0, 0x1fff, BIT48, 0, 0, 0x1000, 0},
		{0, 0x1ffe, BIT48, 0, -ERANGE, 0, 0},
		{DMP_MASK(12), 0, BIT48, 0, -ERANGE, 0, 0},
		/* below 4 GiB first, if the limit is above */
		{0, 0, BIT48, FIRST, 0, 0xfffff000, 1},
		{DMP_MASK(33), 0, BIT48, FIRST, 0, 0xfffff000, 1},
		{DMP_MASK(33), 0, BIT48, 0, 0, UINT64_C(0x1fffff000), 0},
		{0, GIB4, BIT48, FIRST, 0, 0xfffff000, 1},
		{0, 0, GIB4, FIRST, 0, 0xfffff000, 1},
		{DMP_MASK(32), 0, BIT48, FIRST, 0, 0xfffff000, 0},
		{0, UINT32_MAX, BIT48, FIRST, 0, 0xfffff000, 0},
		{DMP_MASK(24), 0, BIT48, FIRST, 0, 0xfff000, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device_rig r;
		dmp_addr_t addr = 0;
		void *mem;

		up(&r, rows[i].aperture_end,
		   &DMP_DEVICE_OPTS(.dma_mask = rows[i].mask, .bus_limit = rows[i].bus,
				    .flags = rows[i].flags));
		mem = ram(&r);
		assert_int_equal(map(&r, mem, &addr), rows[i].err);
		assert_int_equal(addr, rows[i].addr);
		assert_int_equal(device_stats(&r).maps_32bit, rows[i].first32);
		assert_int_equal(device_stats(&r).losses_32bit, 0);
		if (!rows[i].err)
			unmap(&r, addr);
		assert_int_equal(dmp_hw_free(r.rig.hw, mem, LEN), 0);
		device_rig_down(&r);
	}
}

/* All pages below 4 GiB but the highest @n. */
static void leave_low(struct device_rig *r, uint64_t n)
{
	assert_int_equal(dmp_domain_reserve(r->rig.dom, PAGE, GIB4 - n * PAGE - 1), 0);
}

static unsigned told; /* lines of DMP_LOG_INFO */
static char said[200];

static void hear(void *ctx, enum dmp_log_level level, const char *line)
{
	rig_log(ctx, level, line);
	if (level != DMP_LOG_INFO)
		return;
	told++;
	snprintf(said, sizeof(said), "%s", line);
}

/*
 *   low pages      1          2          none left      one free again    attached anew
 *   address        low        low        high           high              low
 */
static void test_the_first_failure_ends_it_until_the_device_is_attached_anew(void **state)
{
	struct dmp_device_stats stats;
	struct device_rig r;
	dmp_addr_t addr[4];
	void *mem;

	(void)state;
	up(&r, BIT48, &DMP_DEVICE_OPTS(.flags = FIRST, .dma_mask = DMP_MASK(44)));
	dmp_log_set_sink(hear, &r.rig);
	told = 0;
	mem = ram(&r);
	leave_low(&r, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(map(&r, mem, &addr[i]), 0);
	assert_true(addr[0] < GIB4 && addr[1] < GIB4 && addr[2] >= GIB4);
	assert_int_equal(told, 1);
	assert_non_null(strstr(said, "using 44-bit addresses"));
	unmap(&r, addr[0]);
	dmp_iova_flush(dmp_domain_iova(r.rig.dom));
	assert_int_equal(map(&r, mem, &addr[3]), 0);
	assert_true(addr[3] >= GIB4);
	stats = device_stats(&r);
	assert_int_equal(stats.maps_32bit, 2);
	assert_int_equal(stats.losses_32bit, 1);
	assert_int_equal(stats.first_32bit, 0);
	for (int i = 1; i < 4; i++)
		unmap(&r, addr[i]);
	assert_int_equal(dmp_device_detach(r.dev), 0);
	assert_int_equal(dmp_device_attach(r.dev, r.rig.dom), 0);
	assert_int_equal(device_stats(&r).first_32bit, 1);
	dmp_iova_flush(dmp_domain_iova(r.rig.dom));
	assert_int_equal(map(&r, mem, &addr[0]), 0);
	assert_true(addr[0] < GIB4);
	assert_int_equal(told, 1);
	unmap(&r, addr[0]);
	assert_int_equal(dmp_hw_free(r.rig.hw, mem, LEN), 0);
	device_rig_down(&r);
}

/* spec-iova 2.2.6: CPU 0 has the only low page in its cache; CPU 1 does not empty it. */
static void test_a_first_try_leaves_the_caches_of_others_alone(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	assert_int_equal(dmp_harness_enter(2), 0);
	up(&r, BIT48, &DMP_DEVICE_OPTS(.flags = FIRST));
	mem = ram(&r);
	leave_low(&r, 1);
	dmp_harness_become(0);
	assert_int_equal(map(&r, mem, &addr), 0);
	assert_int_equal(addr, 0xfffff000);
	unmap(&r, addr);
	dmp_harness_become(1);
	assert_int_equal(map(&r, mem, &addr), 0);
	assert_true(addr >= GIB4);
	assert_int_equal(device_stats(&r).losses_32bit, 1);
	unmap(&r, addr);
	assert_int_equal(dmp_hw_free(r.rig.hw, mem, LEN), 0);
	device_rig_down(&r);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_failure_behind_the_address_costs_no_preference(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	up(&r, BIT48, &DMP_DEVICE_OPTS(.flags = FIRST));
	mem = ram(&r);
	double_fail(r.rig.d, DOUBLE_MAP_PAGES, 1, -ENOMEM);
	assert_int_equal(map(&r, mem, &addr), -ENOMEM);
	assert_int_equal(device_stats(&r).maps_32bit, 0);
	assert_int_equal(device_stats(&r).losses_32bit, 0);
	assert_int_equal(map(&r, mem, &addr), 0);
	assert_true(addr < GIB4);
	unmap(&r, addr);
	assert_int_equal(dmp_hw_free(r.rig.hw, mem, LEN), 0);
	device_rig_down(&r);
}

/* No room anywhere: the preference goes all the same, once. */
static void test_it_is_lost_also_where_no_address_is_found(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	void *mem;

	(void)state;
	up(&r, 2 * GIB4 - 1, &DMP_DEVICE_OPTS(.flags = FIRST));
	mem = ram(&r);
	assert_int_equal(dmp_domain_reserve(r.rig.dom, PAGE, 2 * GIB4 - 1), 0);
	assert_int_equal(map(&r, mem, &addr), -ENOSPC);
	assert_int_equal(map(&r, mem, &addr), -ENOSPC);
	assert_int_equal(device_stats(&r).losses_32bit, 1);
	assert_int_equal(dmp_hw_free(r.rig.hw, mem, LEN), 0);
	device_rig_down(&r);
}

static void test_lists_and_coherent_memory_get_low_addresses_as_well(void **state)
{
	struct device_rig r;
	dmp_addr_t addr;
	struct dmp_sg sg[2];
	void *mem;
	size_t n;

	(void)state;
	up(&r, BIT48, &DMP_DEVICE_OPTS(.flags = FIRST));
	for (int i = 0; i < 2; i++)
		sg[i] = (struct dmp_sg){.buf = ram(&r), .len = LEN};
	assert_int_equal(dmp_dma_map_sg(r.dev, sg, 2, DMP_TO_DEVICE, 0, &n), 0);
	assert_true(sg[0].addr < GIB4 && sg[1].addr < GIB4);
	assert_int_equal(dmp_dma_alloc_coherent(r.dev, LEN, &mem, &addr), 0);
	assert_true(addr < GIB4);
	assert_int_equal(device_stats(&r).maps_32bit, 2);
	assert_int_equal(dmp_dma_free_coherent(r.dev, LEN, mem, addr), 0);
	assert_int_equal(dmp_dma_unmap_sg(r.dev, sg, 2, DMP_TO_DEVICE, 0), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dmp_hw_free(r.rig.hw, sg[i].buf, LEN), 0);
	device_rig_down(&r);
}

static void test_without_a_domain_there_is_nothing_to_prefer(void **state)
{
	struct device_rig r;

	(void)state;
	device_rig_up(&r, false, &DMP_DEVICE_OPTS(.flags = FIRST));
	assert_int_equal(device_stats(&r).first_32bit, 0);
	device_rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_address_is_that_of_the_table),
		cmocka_unit_test(test_the_first_failure_ends_it_until_the_device_is_attached_anew),
		cmocka_unit_test(test_a_first_try_leaves_the_caches_of_others_alone),
		cmocka_unit_test(test_a_failure_behind_the_address_costs_no_preference),
		cmocka_unit_test(test_it_is_lost_also_where_no_address_is_found),
		cmocka_unit_test(test_lists_and_coherent_memory_get_low_addresses_as_well),
		cmocka_unit_test(test_without_a_domain_there_is_nothing_to_prefer),
	};

	return cmocka_run_group_tests_name("dma_first32", tests, NULL, NULL);
}
