// SPDX-License-Identifier: MIT
/*
 * test_model_spike.c - growth, lookup and the end of transient pools in every order: nothing is
 * lost, nothing leaks
 *
 * A full allocator, and all sequences of so many steps:
 *
 *   map      a buffer of its own pattern      worker   runs what it has been asked for
 *   oldest   unmap of the oldest, copied back  grace    a grace period passes
 *   newest   the same of the newest            idle     time passes: idle pools are given back
 *
 * After each step every live mapping is found, by its device alone, with its bytes, and what
 * is counted agrees with what is live.  The machine is the host's own memory, so that a use of
 * freed memory is one that a sanitizer sees.
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <string.h>

#define STEPS   5u
#define KINDS   6u
#define LIVE    8u
#define LEN     6000u
#define NSLOTS  3u /* of such a buffer */
#define IDLE_NS UINT64_C(1000000)

struct spike {
	struct dmp_hw *hw;
	struct dmp_swiotlb *tlb;
	struct dmp_swiotlb_limits limits;     /* of the device that maps */
	struct dmp_swiotlb_device *bystander; /* one that never does */
	unsigned char buf[LIVE][LEN];         /* originals */
	dmp_phys_t phys[LIVE];                /* 0 when not mapped */
	dmp_phys_t filler;
	unsigned first, next; /* live: first .. next - 1 */
};

/* For the filler. */
static unsigned char large[DMP_SWIOTLB_MAX_BYTES];

/* On the host's own machine an address is a pointer. */

static unsigned char *bytes_at(dmp_phys_t phys)
{
	return (unsigned char *)(uintptr_t)phys;
}

static dmp_phys_t phys_of(const void *buf)
{
	return (uintptr_t)buf;
}

static void fill(struct spike *s)
{
	assert_int_equal(dmp_swiotlb_map(s->tlb, NULL, phys_of(large), DMP_SWIOTLB_MAX_BYTES,
					 DMP_TO_DEVICE, 0, &s->filler),
			 0);
}

static void open_allocator(struct spike *s)
{
	assert_int_equal(
		dmp_swiotlb_create(s->hw,
				   &DMP_SWIOTLB_OPTS(.slots = 128, .areas = 1,
						     .flags = DMP_SWIOTLB_GROWS | DMP_SWIOTLB_ANY,
						     .idle_ns = IDLE_NS),
				   &s->tlb),
		0);
	s->limits = DMP_SWIOTLB_LIMITS(.flags = 0);
	assert_int_equal(dmp_swiotlb_device_create(s->tlb, &s->limits.device), 0);
	assert_int_equal(dmp_swiotlb_device_create(s->tlb, &s->bystander), 0);
	s->first = s->next = 0;
	fill(s);
}

static void map_one(struct spike *s)
{
	unsigned i = s->next;

	memset(s->buf[i], (int)(i + 1), LEN);
	assert_int_equal(dmp_swiotlb_map(s->tlb, &s->limits, phys_of(s->buf[i]), LEN,
					 DMP_BIDIRECTIONAL, 0, &s->phys[i]),
			 0);
	s->next++;
}

/* What the device wrote comes back. */
static void unmap_one(struct spike *s, unsigned i)
{
	memset(bytes_at(s->phys[i]), (int)(i + 101), LEN);
	assert_int_equal(dmp_swiotlb_unmap(s->tlb, s->phys[i], LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_int_equal(s->buf[i][0], i + 101);
	assert_int_equal(s->buf[i][LEN - 1], i + 101);
	s->phys[i] = 0;
}

static void unmap_oldest(struct spike *s)
{
	if (s->first < s->next)
		unmap_one(s, s->first++);
}

static void unmap_newest(struct spike *s)
{
	if (s->first < s->next)
		unmap_one(s, --s->next);
}

static void step(struct spike *s, unsigned kind)
{
	if (kind == 0)
		map_one(s);
	else if (kind == 1)
		unmap_oldest(s);
	else if (kind == 2)
		unmap_newest(s);
	else if (kind == 3)
		dmp_harness_run_pending();
	else if (kind == 4)
		dmp_harness_grace_period();
	else
		dmp_harness_advance(IDLE_NS);
}

/* Is mapping @i in a transient pool?  It is found as it was made. */
static bool check_one(struct spike *s, unsigned i)
{
	struct dmp_swiotlb_mapping_view m;
	struct dmp_swiotlb_pool_view pool;
	unsigned char *bytes = bytes_at(s->phys[i]);

	assert_true(dmp_swiotlb_owns(s->tlb, s->phys[i] + LEN - 1));
	assert_true(dmp_swiotlb_device_owns(s->limits.device, s->phys[i]));
	assert_false(dmp_swiotlb_device_owns(s->bystander, s->phys[i]));
	assert_int_equal(dmp_swiotlb_inspect_mapping(s->tlb, s->phys[i] + 1, &m), 0);
	assert_int_equal(m.orig, phys_of(s->buf[i]));
	assert_int_equal(m.phys, s->phys[i]);
	assert_int_equal(bytes[0], i + 1);
	assert_int_equal(bytes[LEN - 1], i + 1);
	assert_int_equal(dmp_swiotlb_inspect_pool(s->tlb, m.pool, &pool), 0);
	return pool.kind == DMP_SWIOTLB_POOL_TRANSIENT;
}

static void check_all(struct spike *s)
{
	struct dmp_swiotlb_stats stats;
	uint64_t transient = 0;
	unsigned i;

	for (i = s->first; i < s->next; i++)
		transient += check_one(s, i) ? NSLOTS : 0;
	assert_int_equal(dmp_swiotlb_get_stats(s->tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.transient, transient);
	assert_int_equal(stats.used, 128 + (s->next - s->first) * NSLOTS);
	assert_int_equal(dmp_swiotlb_check(s->tlb), 0);
}

static void close_allocator(struct spike *s)
{
	while (s->first < s->next)
		unmap_oldest(s);
	assert_int_equal(
		dmp_swiotlb_unmap(s->tlb, s->filler, DMP_SWIOTLB_MAX_BYTES, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(s->limits.device), 0);
	assert_int_equal(dmp_swiotlb_device_destroy(s->bystander), 0);
	assert_int_equal(dmp_swiotlb_destroy(s->tlb), 0);
}

static void up(struct spike *s)
{
	*s = (struct spike){.hw = NULL};
	assert_int_equal(dmp_harness_enter(2), 0);
	assert_int_equal(dmp_hw_host_create(&DMP_HW_OPTS(.flags = DMP_HW_CHECK), &s->hw), 0);
}

static void down(struct spike *s)
{
	assert_int_equal(dmp_hw_destroy(s->hw), 0);
	assert_int_equal(dmp_harness_leave(), 0);
	assert_int_equal(dmp_meta_in_use(), 0);
}

static void test_growth_lookup_and_release_in_every_order_lose_nothing(void **state)
{
	uint64_t meta, sequence, count = 1, left;
	static struct spike s;
	unsigned i;

	(void)state;
	up(&s);
	meta = dmp_meta_in_use();
	for (i = 0; i < STEPS; i++)
		count *= KINDS;
	for (sequence = 0; sequence < count; sequence++) {
		open_allocator(&s);
		for (i = 0, left = sequence; i < STEPS; i++, left /= KINDS) {
			step(&s, left % KINDS);
			check_all(&s);
		}
		close_allocator(&s);
		assert_int_equal(dmp_meta_in_use(), meta);
	}
	down(&s);
}

/* 2048 requests of 4 KiB at once on 512 slots; the worker comes after each 100. */
#define REQUESTS 2048u

static void serve_spike(struct spike *s, dmp_phys_t *phys)
{
	struct dmp_swiotlb_stats stats;
	unsigned i;

	for (i = 0; i < REQUESTS; i++) {
		assert_int_equal(dmp_swiotlb_map(s->tlb, NULL, phys_of(large), 4096, DMP_TO_DEVICE,
						 0, &phys[i]),
				 0);
		if (i % 100 == 99)
			dmp_harness_run_pending();
	}
	assert_int_equal(dmp_swiotlb_get_stats(s->tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.used, 2 * REQUESTS);
	assert_int_equal(stats.high_water, 2 * REQUESTS);
	assert_true(stats.transients_made > 0 && stats.grown > 0);
	assert_int_equal(stats.failures[DMP_SWIOTLB_FAIL_FULL], 0);
}

static void test_a_spike_from_1_mib_is_served_and_what_grew_for_it_goes(void **state)
{
	static dmp_phys_t phys[REQUESTS];
	struct dmp_swiotlb_stats stats;
	static struct spike s;
	unsigned i;

	(void)state;
	up(&s);
	assert_int_equal(
		dmp_swiotlb_create(s.hw,
				   &DMP_SWIOTLB_OPTS(.slots = 512, .areas = 2,
						     .flags = DMP_SWIOTLB_GROWS | DMP_SWIOTLB_ANY,
						     .idle_ns = IDLE_NS),
				   &s.tlb),
		0);
	serve_spike(&s, phys);
	for (i = 0; i < REQUESTS; i++)
		assert_int_equal(
			dmp_swiotlb_unmap(s.tlb, phys[(i * 7) % REQUESTS], 4096, DMP_TO_DEVICE, 0),
			0);
	assert_int_equal(dmp_swiotlb_check(s.tlb), 0);
	dmp_harness_run_pending(); /* what was asked for last comes too late, as in the original */
	dmp_harness_advance(3 * IDLE_NS);
	dmp_harness_grace_period();
	assert_int_equal(dmp_swiotlb_get_stats(s.tlb, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.slots, 512);
	assert_int_equal(stats.given_back, stats.grown);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.used, 0);
	assert_int_equal(dmp_swiotlb_destroy(s.tlb), 0);
	down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_growth_lookup_and_release_in_every_order_lose_nothing),
		cmocka_unit_test(test_a_spike_from_1_mib_is_served_and_what_grew_for_it_goes),
	};

	return cmocka_run_group_tests_name("model_spike", tests, NULL, NULL);
}
