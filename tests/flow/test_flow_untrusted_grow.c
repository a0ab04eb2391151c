// SPDX-License-Identifier: MIT
/*
 * test_flow_untrusted_grow.c - no byte of a neighbour is ever visible to an untrusted device, while
 * pools grow, are given back, and transient ones come and go
 *
 *   neighbour, trusted    secrets in slots of all pools     |SSSSSSS|  |SSSS|
 *   untrusted device      reads whole granules, always            |00####00|
 *
 * Both bounce through one allocator, which is too small from the start, with each policy that
 * there is.  The granules around every live mapping of the untrusted device are read after
 * each step; what its neighbour has mapped comes back as it was, though the device writes whole
 * granules too.
 *
 * In manual mode: the worker, grace periods and time are steps like any other, by a seed.
 */
#include "dmptest.h"

#include "fixture.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <stdlib.h>

#define PAGE    DMP_PAGE_BYTES
#define SLOTS   128u
#define HOLD    12u
#define LONGEST 60000u
#define STEPS   400u
#define IDLE_NS UINT64_C(1000000)
#define SECRET  0x5e
#define WRITTEN 0xdd

struct held {
	uint64_t offset, len; /* in buf; len 0: nothing is mapped */
	dmp_addr_t addr;
	unsigned char value;
	unsigned char buf[LONGEST];
};

struct scene {
	struct fixture f;
	struct dmp_device *neighbour;
	struct rng rng;
	struct held own[HOLD], theirs[HOLD];
	unsigned char granules[LONGEST + 2 * PAGE];
};

static struct scene *scene_up(const struct dmp_swiotlb_policy *policy, uint64_t min_align_mask)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(dmp_harness_enter(2), 0);
	s->rng = rng_seeded(rng_seed_from_env(7));
	fixture_setup(&s->f,
		      &FIXTURE(.translated = true, .bounces = true, .swiotlb.slots = SLOTS,
			       .swiotlb.areas = 1, .swiotlb.flags = DMP_SWIOTLB_GROWS,
			       .swiotlb.max_slots = 4 * SLOTS, .swiotlb.idle_ns = IDLE_NS,
			       .swiotlb.policy = policy, .device.flags = DMP_DEVICE_UNTRUSTED,
			       .device.min_align_mask = min_align_mask));
	assert_int_equal(
		dmp_device_create(s->f.hw,
				  &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .swiotlb = s->f.tlb),
				  &s->neighbour),
		0);
	return s;
}

static void scene_down(struct scene *s)
{
	dmp_harness_grace_period();
	assert_int_equal(dmp_device_destroy(s->neighbour), 0);
	fixture_teardown(&s->f);
	assert_int_equal(dmp_harness_leave(), 0);
	free(s);
}

static uint64_t before(const struct held *h)
{
	return h->addr % PAGE;
}

static uint64_t granule_bytes(const struct held *h)
{
	return dmp_align_up(before(h) + h->len, PAGE);
}

/* As a device does that does not keep to what it was given. */
static void look_around(struct scene *s, const struct held *h)
{
	uint64_t first = before(h), end = granule_bytes(h), strange = 0;

	assert_int_equal(dmp_sim_agent_read(s->f.agent, h->addr - first, s->granules, end), 0);
	for (uint64_t i = 0; i < end; i++)
		strange += s->granules[i] != (i >= first && i < first + h->len ? h->value : 0);
	assert_int_equal(strange, 0);
}

static void map_own(struct scene *s, struct held *h)
{
	h->offset = rng_range(&s->rng, 1, PAGE - 1);
	h->len = rng_range(&s->rng, 1, LONGEST - PAGE);
	h->value = (unsigned char)rng_range(&s->rng, 1, SECRET - 1);
	memset(h->buf, SECRET, sizeof(h->buf));
	memset(h->buf + h->offset, h->value, h->len);
	assert_int_equal(
		dmp_dma_map(s->f.dev, h->buf + h->offset, h->len, DMP_BIDIRECTIONAL, 0, &h->addr),
		0);
}

/* Before it goes the device writes all that it can reach: nobody but the buffer has any of it. */
static void unmap_own(struct scene *s, struct held *h)
{
	uint64_t end = granule_bytes(h), strange = 0;

	look_around(s, h);
	memset(s->granules, WRITTEN, end);
	assert_int_equal(dmp_sim_agent_write(s->f.agent, h->addr - before(h), s->granules, end), 0);
	assert_int_equal(dmp_dma_unmap(s->f.dev, h->addr, h->len, DMP_BIDIRECTIONAL, 0), 0);
	for (uint64_t i = 0; i < LONGEST; i++)
		strange += h->buf[i] !=
			   (i >= h->offset && i < h->offset + h->len ? WRITTEN : SECRET);
	assert_int_equal(strange, 0);
	h->len = 0;
}

static void map_theirs(struct scene *s, struct held *h)
{
	h->len = rng_range(&s->rng, 1, LONGEST);
	memset(h->buf, SECRET, h->len);
	assert_int_equal(dmp_dma_map(s->neighbour, h->buf, h->len, DMP_BIDIRECTIONAL, 0, &h->addr),
			 0);
	memset(h->buf, 0, h->len);
}

static void unmap_theirs(struct scene *s, struct held *h)
{
	uint64_t strange = 0;

	assert_int_equal(dmp_dma_unmap(s->neighbour, h->addr, h->len, DMP_BIDIRECTIONAL, 0), 0);
	for (uint64_t i = 0; i < h->len; i++)
		strange += h->buf[i] != SECRET;
	assert_int_equal(strange, 0);
	h->len = 0;
}

static void pass_time(struct scene *s)
{
	switch (rng_range(&s->rng, 0, 3)) {
	case 0: dmp_harness_grace_period(); break;
	case 1: dmp_harness_advance(IDLE_NS); break;
	default: dmp_harness_run_pending();
	}
	dmp_harness_become((unsigned)rng_range(&s->rng, 0, 1));
}

static void step(struct scene *s)
{
	struct held *own = &s->own[rng_range(&s->rng, 0, HOLD - 1)];
	struct held *theirs = &s->theirs[rng_range(&s->rng, 0, HOLD - 1)];

	if (own->len)
		unmap_own(s, own);
	else
		map_own(s, own);
	if (theirs->len)
		unmap_theirs(s, theirs);
	else
		map_theirs(s, theirs);
	if (rng_range(&s->rng, 0, 2) == 0)
		pass_time(s);
	for (unsigned i = 0; i < HOLD; i++)
		if (s->own[i].len)
			look_around(s, &s->own[i]);
}

static void drop_all(struct scene *s)
{
	for (unsigned i = 0; i < HOLD; i++) {
		if (s->own[i].len)
			unmap_own(s, &s->own[i]);
		if (s->theirs[i].len)
			unmap_theirs(s, &s->theirs[i]);
	}
}

/* Twice, with a rest between in which grown pools are given back. */
static void check_policy(const struct dmp_swiotlb_policy *policy, uint64_t min_align_mask)
{
	struct scene *s = scene_up(policy, min_align_mask);
	struct dmp_swiotlb_stats stats;

	for (unsigned half = 0; half < 2; half++) {
		for (unsigned i = 0; i < STEPS / 2; i++)
			step(s);
		drop_all(s);
		for (unsigned i = 0; i < 6; i++) {
			dmp_harness_advance(IDLE_NS);
			dmp_harness_run_pending();
			dmp_harness_grace_period();
		}
	}
	assert_int_equal(dmp_swiotlb_get_stats(s->f.tlb, &stats, sizeof(stats)), 0);
	assert_true(stats.grown > 1);
	assert_true(stats.given_back > 1);
	assert_true(stats.transients_made > 1);
	assert_int_equal(stats.used, 0);
	scene_down(s);
}

static void test_no_neighbours_byte_is_seen_with_linux(void **state)
{
	(void)state;
	check_policy(&dmp_swiotlb_policy_linux, 0);
	check_policy(&dmp_swiotlb_policy_linux, PAGE - 1);
}

static void test_no_neighbours_byte_is_seen_with_lifo(void **state)
{
	(void)state;
	check_policy(&dmp_swiotlb_policy_lifo, 0x1ff);
}

static void test_no_neighbours_byte_is_seen_with_warm(void **state)
{
	(void)state;
	check_policy(&dmp_swiotlb_policy_warm, PAGE - 1);
}

static void test_no_neighbours_byte_is_seen_with_round_robin(void **state)
{
	(void)state;
	check_policy(&dmp_swiotlb_policy_round_robin, 0x7ff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_neighbours_byte_is_seen_with_linux),
		cmocka_unit_test(test_no_neighbours_byte_is_seen_with_lifo),
		cmocka_unit_test(test_no_neighbours_byte_is_seen_with_warm),
		cmocka_unit_test(test_no_neighbours_byte_is_seen_with_round_robin),
	};

	return cmocka_run_group_tests_name("flow_untrusted_grow", tests, NULL, NULL);
}
