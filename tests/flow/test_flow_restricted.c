// SPDX-License-Identifier: MIT
/*
 * test_flow_restricted.c - devices that have one range of memory and nothing else, over the whole
 * path
 *
 *   range   |## streaming, copied ##|## coherent ##|....|        all that they reach
 *
 * Proves spec-bounce 10 through the DMA API: what streams is copied into the range, coherent memory
 * lies there or nowhere, nothing grows, and the range is the platform's again when its devices
 * have gone.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/bits.h>

#include <stdlib.h>

#define PAGE  DMP_PAGE_BYTES
#define RANGE (32 * PAGE) /* 64 slots */
#define LEN   5000u

/* The fixture's device is of another allocator, or of none. */
struct scene {
	struct fixture f;
	void *range_buf;
	dmp_phys_t range;
	struct dmp_swiotlb *tlb;
	struct dmp_device *dev;
	struct dmp_sim_agent *agent;
};

/* A block of the machine's memory stands for what the platform has set apart.  Its address is what
 * a device gets that uses it in place. */
static void set_range_apart(struct scene *s)
{
	s->range_buf = fixture_ram(&s->f, RANGE, 0x5e);
	assert_int_equal(dmp_dma_map(s->f.dev, s->range_buf, RANGE, DMP_TO_DEVICE, 0, &s->range),
			 0);
	assert_int_equal(dmp_dma_unmap(s->f.dev, s->range, RANGE, DMP_TO_DEVICE, 0), 0);
}

static void scene_up(struct scene *s, struct dmp_device_opts opts)
{
	fixture_setup(&s->f, &FIXTURE(.bounces = true, .swiotlb.slots = 512, .swiotlb.areas = 1));
	set_range_apart(s);
	assert_int_equal(dmp_swiotlb_create_restricted(s->f.hw, s->range, RANGE, &s->tlb), 0);
	opts.swiotlb = s->tlb;
	assert_int_equal(dmp_device_create(s->f.hw, &opts, &s->dev), 0);
	assert_int_equal(dmp_sim_agent_create(s->f.sim, dmp_device_id(s->dev), &s->agent), 0);
}

static void scene_down(struct scene *s)
{
	dmp_sim_agent_destroy(s->agent);
	assert_int_equal(dmp_swiotlb_destroy(s->tlb), -EBUSY);
	assert_int_equal(dmp_device_destroy(s->dev), 0);
	assert_int_equal(dmp_swiotlb_check(s->tlb), 0);
	assert_int_equal(dmp_swiotlb_destroy(s->tlb), 0);
	fixture_ram_free(&s->f, s->range_buf, RANGE);
	fixture_teardown(&s->f);
}

static struct dmp_swiotlb_stats tlb_stats(struct scene *s)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(s->tlb, &stats, sizeof(stats)), 0);
	return stats;
}

static bool in_range(const struct scene *s, uint64_t phys, uint64_t len)
{
	return phys >= s->range && dmp_range_fits(phys, len, s->range + RANGE - 1);
}

/* Though the device would reach the buffer itself. */
static void test_what_streams_is_copied_into_the_range(void **state)
{
	unsigned char data[LEN], *buf;
	struct scene s;
	dmp_addr_t addr;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.flags = 0));
	buf = fixture_ram(&s.f, LEN, 0x77);
	assert_int_equal(dmp_dma_map(s.dev, buf, LEN, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_true(in_range(&s, addr, LEN));
	assert_int_equal(dmp_sim_agent_read(s.agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	memset(data, 0x78, LEN);
	assert_int_equal(dmp_sim_agent_write(s.agent, addr, data, LEN), 0);
	assert_int_equal(buf[0], 0x77);
	assert_int_equal(dmp_dma_unmap(s.dev, addr, LEN, DMP_BIDIRECTIONAL, 0), 0);
	assert_memory_equal(buf, data, LEN);
	fixture_ram_free(&s.f, buf, LEN);
	scene_down(&s);
}

static void test_behind_a_domain_too(void **state)
{
	unsigned char data[LEN], *buf;
	struct dmp_domain *dom;
	struct scene s;
	dmp_addr_t addr;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.flags = 0));
	assert_int_equal(dmp_domain_create(s.f.hw, NULL, &dom), 0);
	assert_int_equal(dmp_device_attach(s.dev, dom), 0);
	buf = fixture_ram(&s.f, LEN, 0x77);
	assert_int_equal(dmp_dma_map(s.dev, buf, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(tlb_stats(&s).used, 4); /* two granules */
	assert_int_equal(dmp_sim_agent_read(s.agent, addr, data, LEN), 0);
	assert_memory_equal(data, buf, LEN);
	assert_int_equal(dmp_dma_unmap(s.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	fixture_ram_free(&s.f, buf, LEN);
	assert_int_equal(dmp_device_detach(s.dev), 0);
	assert_int_equal(dmp_domain_destroy(dom), 0);
	scene_down(&s);
}

/* The machine has gigabytes more. */
static void test_coherent_memory_lies_in_the_range_or_nowhere(void **state)
{
	struct dmp_sim_stats before, after;
	dmp_addr_t addr, more = 7;
	void *buf, *none = NULL;
	struct scene s;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.flags = 0));
	assert_int_equal(dmp_sim_get_stats(s.f.sim, &before, sizeof(before)), 0);
	assert_int_equal(dmp_dma_alloc_coherent(s.dev, RANGE / 2 + 1, &buf, &addr), 0);
	assert_true(in_range(&s, addr, RANGE / 2 + 1));
	assert_int_equal(((unsigned char *)buf)[RANGE / 2], 0);
	assert_int_equal(dmp_dma_alloc_coherent(s.dev, RANGE / 2, &none, &more), -ENOMEM);
	assert_null(none);
	assert_int_equal(more, 7);
	assert_int_equal(dmp_sim_get_stats(s.f.sim, &after, sizeof(after)), 0);
	assert_int_equal(after.ram_in_use, before.ram_in_use);
	assert_int_equal(dmp_dma_free_coherent(s.dev, RANGE / 2 + 1, buf, addr), 0);
	assert_int_equal(tlb_stats(&s).used, 0);
	scene_down(&s);
}

/* -ENOSPC: not now; -ERANGE: never. */
static void test_a_full_range_is_enospc_and_does_not_grow(void **state)
{
	static unsigned char heap[DMP_SWIOTLB_MAX_BYTES + 1];
	dmp_addr_t addr, more = 7;
	struct scene s;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.flags = 0));
	assert_int_equal(dmp_dma_map(s.dev, heap, RANGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_map(s.dev, heap, 1, DMP_TO_DEVICE, 0, &more), -ENOSPC);
	assert_int_equal(tlb_stats(&s).transients_made, 0);
	assert_int_equal(tlb_stats(&s).growth_pending, 0);
	assert_int_equal(dmp_dma_unmap(s.dev, addr, RANGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_map(s.dev, heap, sizeof(heap), DMP_TO_DEVICE, 0, &more), -ERANGE);
	assert_int_equal(more, 7);
	scene_down(&s);
}

/* The block that stands for the range lies above 4 GiB. */
static void test_a_range_beyond_the_masks_serves_nothing(void **state)
{
	unsigned char heap[LEN];
	dmp_addr_t addr = 7;
	void *buf = NULL;
	struct scene s;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)));
	assert_true(s.range > DMP_MASK(32));
	assert_int_equal(dmp_dma_map(s.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), -ERANGE);
	assert_int_equal(dmp_dma_alloc_coherent(s.dev, LEN, &buf, &addr), -ENOMEM);
	assert_int_equal(addr, 7);
	assert_null(buf);
	assert_int_equal(tlb_stats(&s).used, 0);
	scene_down(&s);
}

/* Rule 10.4: made anew with the default allocator, it has memory like any other. */
static void test_a_device_that_leaves_its_range_has_the_default_allocator(void **state)
{
	struct dmp_device *again;
	unsigned char heap[LEN];
	struct scene s;
	dmp_addr_t addr;
	void *buf;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.flags = 0));
	assert_int_equal(
		dmp_device_create(s.f.hw,
				  &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32), .swiotlb = s.f.tlb),
				  &again),
		0);
	assert_int_equal(dmp_dma_map(again, heap, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(fixture_slots(&s.f), 3);
	assert_false(in_range(&s, addr, 1));
	assert_int_equal(dmp_dma_unmap(again, addr, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_alloc_coherent(again, LEN, &buf, &addr), 0);
	assert_false(in_range(&s, addr, 1));
	assert_int_equal(dmp_dma_free_coherent(again, LEN, buf, addr), 0);
	assert_int_equal(dmp_device_destroy(again), 0);
	scene_down(&s);
}

static void test_two_devices_share_a_range(void **state)
{
	struct dmp_device *other;
	unsigned char heap[LEN];
	dmp_addr_t addr, others;
	struct scene s;

	(void)state;
	scene_up(&s, DMP_DEVICE_OPTS(.flags = 0));
	assert_int_equal(dmp_device_create(s.f.hw, &DMP_DEVICE_OPTS(.swiotlb = s.tlb), &other), 0);
	assert_int_equal(dmp_dma_map(s.dev, heap, LEN, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_map(other, heap, LEN, DMP_TO_DEVICE, 0, &others), 0);
	assert_true(in_range(&s, addr, LEN) && in_range(&s, others, LEN) && addr != others);
	assert_int_equal(dmp_dma_unmap(other, others, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_dma_unmap(s.dev, addr, LEN, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_destroy(other), 0);
	scene_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_streams_is_copied_into_the_range),
		cmocka_unit_test(test_behind_a_domain_too),
		cmocka_unit_test(test_coherent_memory_lies_in_the_range_or_nowhere),
		cmocka_unit_test(test_a_full_range_is_enospc_and_does_not_grow),
		cmocka_unit_test(test_a_range_beyond_the_masks_serves_nothing),
		cmocka_unit_test(test_a_device_that_leaves_its_range_has_the_default_allocator),
		cmocka_unit_test(test_two_devices_share_a_range),
	};

	return cmocka_run_group_tests_name("flow_restricted", tests, NULL, NULL);
}
