// SPDX-License-Identifier: MIT
/*
 * test_fault_untrusted.c - the n-th invalidation fails, for every n: whatever an untrusted device
 * can reach then, it is nobody else's
 *
 *   device   maps, uses and loses addresses; its IOTLB knows them all
 *   flush    the n-th fails, or the n-th and the next
 *   others   take every slot that is free, and put a secret there
 *   device   reads all it was ever given: a fault, or what was its own
 *
 * The machine performs accesses through stale entries, and remembers what is not mapped, so that
 * maps flush as well.
 */
#include "dmptest.h"

#include "fixture.h"

#define PAGE   4096u
#define SLOTS  512u
#define GIVEN  16u
#define SECRET 0x5e
#define OWN    0x11
#define NTHS   200u /* far more than the path has invalidations */

struct device {
	struct fixture f;
	dmp_addr_t given[GIVEN]; /* granules that it knows */
	size_t ngiven;
};

/* The device uses @len bytes at @addr, and keeps the address. */
static void use(struct device *d, dmp_addr_t addr, uint64_t len)
{
	unsigned char data[3 * PAGE];

	assert_int_equal(dmp_sim_agent_read(d->f.agent, addr, data, len), 0);
	for (uint64_t at = addr - addr % PAGE; at < addr + len; at += PAGE)
		d->given[d->ngiven++] = at;
}

static void use_buffer(struct device *d, unsigned char *buf, uint64_t len)
{
	dmp_addr_t addr;

	if (dmp_dma_map(d->f.dev, buf, len, DMP_BIDIRECTIONAL, 0, &addr))
		return;
	use(d, addr, len);
	dmp_dma_unmap(d->f.dev, addr, len, DMP_BIDIRECTIONAL, 0);
}

static void use_list(struct device *d, unsigned char *buf)
{
	struct dmp_sg sg[3];
	size_t n;

	for (size_t i = 0; i < 3; i++)
		sg[i] = (struct dmp_sg){.buf = buf + i * PAGE, .len = 700};
	if (dmp_dma_map_sg(d->f.dev, sg, 3, DMP_BIDIRECTIONAL, 0, &n))
		return;
	for (size_t i = 0; i < n; i++)
		use(d, sg[i].addr, sg[i].mapped_len);
	dmp_dma_unmap_sg(d->f.dev, sg, 3, DMP_BIDIRECTIONAL, 0);
}

/* Somebody else's buffers in every slot that is free, while the device reads what it can. */
static void check_reach(struct device *d)
{
	static unsigned char secret[PAGE];
	struct dmp_swiotlb *tlb = d->f.tlb;
	dmp_phys_t taken[SLOTS], orig = (uintptr_t)secret + DMP_SIM_HOST_OFFSET;
	unsigned char seen[PAGE];
	size_t n = 0;

	memset(secret, SECRET, PAGE);
	while (n < SLOTS && dmp_swiotlb_map(tlb, NULL, orig, DMP_SWIOTLB_SLOT_BYTES, DMP_TO_DEVICE,
					    DMP_ATTR_NO_WARN, &taken[n]) == 0)
		n++;
	assert_int_equal(fixture_slots(&d->f), SLOTS);
	for (size_t i = 0; i < d->ngiven; i++)
		if (dmp_sim_agent_read(d->f.agent, d->given[i], seen, PAGE) == 0)
			assert_null(memchr(seen, SECRET, PAGE));
	while (n-- > 0)
		assert_int_equal(
			dmp_swiotlb_unmap(tlb, taken[n], DMP_SWIOTLB_SLOT_BYTES, DMP_TO_DEVICE, 0),
			0);
}

/* Did anything fail? */
static bool run_once(uint64_t nth, uint64_t count)
{
	static unsigned char memory[4 * PAGE];
	struct device d = {.ngiven = 0};
	uint64_t failed;

	fixture_setup(&d.f, &FIXTURE(.translated = true, .bounces = true, .no_shim = true,
				     .swiotlb.slots = SLOTS, .swiotlb.areas = 1,
				     .sim_flags = DMP_SIM_CACHE_NOT_PRESENT | DMP_SIM_TOUCH_STALE,
				     .device.flags = DMP_DEVICE_UNTRUSTED));
	memset(memory, OWN, sizeof(memory));
	assert_int_equal(dmp_sim_fail(d.f.sim, DMP_SIM_CALL_INVALIDATE, nth, count, 0), 0);
	use_buffer(&d, memory + 1, 700);
	use_list(&d, memory);
	use_buffer(&d, memory + 5, 2 * PAGE);
	failed = dmp_sim_failed(d.f.sim, DMP_SIM_CALL_INVALIDATE);
	assert_int_equal(dmp_sim_fail(d.f.sim, DMP_SIM_CALL_INVALIDATE, 0, 0, 0), 0);
	check_reach(&d);
	assert_int_equal(dmp_domain_flush(d.f.dom), 0);
	assert_int_equal(fixture_slots(&d.f), 0);
	check_reach(&d);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	fixture_teardown(&d.f);
	return failed > 0;
}

static void until_none_fails(uint64_t count)
{
	uint64_t nth = 1;

	while (nth < NTHS && run_once(nth, count))
		nth++;
	assert_in_range(nth, 5, NTHS - 1);
}

static void test_slots_behind_a_flush_that_failed_are_nobody_elses(void **state)
{
	(void)state;
	until_none_fails(1);
}

static void test_slots_behind_two_flushes_that_failed_are_nobody_elses(void **state)
{
	(void)state;
	until_none_fails(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_behind_a_flush_that_failed_are_nobody_elses),
		cmocka_unit_test(test_slots_behind_two_flushes_that_failed_are_nobody_elses),
	};

	return cmocka_run_group_tests_name("fault_untrusted", tests, NULL, NULL);
}
