// SPDX-License-Identifier: MIT
/*
 * test_flow_sg.c - lists over the whole path: a device that walks the answers sees the
 * buffers' bytes in order, whatever the limits, and faults after the unmap; one that writes
 * them fills the buffers and nothing beside
 */
#include "dmptest.h"

#include "fixture.h"
#include "rng.h"

#include <stdlib.h>

#define PIECES 40u
#define PAGE   4096u

struct list {
	unsigned char *memory;
	struct dmp_sg sg[PIECES];
	uint64_t total;
};

/* Pieces of every kind: whole pages, odd heads, odd tails. */
static void make_list(struct list *list, struct rng *rng)
{
	list->memory = malloc((size_t)PIECES * 4 * PAGE);
	assert_non_null(list->memory);
	list->total = 0;
	for (size_t i = 0; i < PIECES; i++) {
		uint64_t odd = rng_range(rng, 0, 2);
		uint64_t offset = odd == 1 ? rng_range(rng, 0, PAGE - 1) : 0;
		uint64_t len = odd == 0 ? PAGE * rng_range(rng, 1, 2) : rng_range(rng, 1, PAGE);
		unsigned char *at = list->memory + i * 4 * PAGE;

		at += (PAGE - (uintptr_t)at % PAGE) % PAGE;
		list->sg[i] = (struct dmp_sg){.buf = at + offset, .len = len};
		for (uint64_t b = 0; b < len; b++)
			at[offset + b] = (unsigned char)rng_next(rng);
		list->total += len;
	}
}

/* Reads @n answers one after the other, as a device with a descriptor ring does. */
static void read_answers(struct fixture *f, const struct list *list, size_t n, unsigned char *into)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(dmp_sim_agent_read(f->agent, list->sg[i].addr, into,
						    list->sg[i].mapped_len),
				 0);
		into += list->sg[i].mapped_len;
	}
}

static void assert_same_bytes(const struct list *list, const unsigned char *seen)
{
	for (size_t i = 0; i < PIECES; i++) {
		assert_memory_equal(list->sg[i].buf, seen, list->sg[i].len);
		seen += list->sg[i].len;
	}
}

static void check_answers_obey(const struct list *list, size_t n, uint64_t longest,
			       uint64_t boundary)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t first = list->sg[i].addr, last = first + list->sg[i].mapped_len - 1;

		sum += list->sg[i].mapped_len;
		assert_true(list->sg[i].mapped_len <= longest);
		assert_int_equal(first & ~boundary, last & ~boundary);
	}
	assert_int_equal(sum, list->total);
}

/* A pool is RAM, which every device reaches that no domain stands before. */
static void check_after_unmap(struct fixture *f, const struct fixture_want *want, dmp_addr_t first)
{
	struct dmp_fault fault;
	unsigned char seen;

	if (want->bounces)
		assert_int_equal(fixture_slots(f), 0);
	if (want->bounces && !want->translated)
		return;
	assert_int_equal(dmp_sim_agent_read(f->agent, first, &seen, 1), -EFAULT);
	assert_true(fixture_fault(f, &fault) >= 0);
}

static void run_list(const struct fixture_want *want, uint64_t longest, uint64_t boundary)
{
	struct rng rng = rng_seeded(rng_seed_from_env(42));
	unsigned char *seen;
	struct fixture f;
	struct list list;
	dmp_addr_t first;
	size_t n = 0;

	fixture_setup(&f, want);
	make_list(&list, &rng);
	seen = malloc(list.total);
	assert_non_null(seen);
	assert_int_equal(dmp_dma_map_sg(f.dev, list.sg, PIECES, DMP_TO_DEVICE, 0, &n), 0);
	check_answers_obey(&list, n, longest, boundary);
	read_answers(&f, &list, n, seen);
	assert_same_bytes(&list, seen);
	if (!want->bounces) /* else a mapping of the domain for each piece */
		fixture_check(&f, 1);
	first = list.sg[0].addr;
	assert_int_equal(dmp_dma_unmap_sg(f.dev, list.sg, PIECES, DMP_TO_DEVICE, 0), 0);
	check_after_unmap(&f, want, first);
	free(seen);
	free(list.memory);
	fixture_teardown(&f);
}

static void test_translated_list_shows_the_buffers_in_order(void **state)
{
	(void)state;
	run_list(&FIXTURE(.translated = true), UINT64_MAX, UINT64_MAX);
}

static void test_translated_list_obeys_length_and_boundary(void **state)
{
	(void)state;
	run_list(&FIXTURE(.translated = true, .device.max_segment_bytes = 3 * PAGE,
			  .device.segment_boundary = 4 * PAGE - 1),
		 3 * PAGE, 4 * PAGE - 1);
}

static void test_translated_list_reaches_heap_with_a_32_bit_mask(void **state)
{
	(void)state;
	run_list(&FIXTURE(.translated = true, .device.dma_mask = DMP_MASK(32)), UINT64_MAX,
		 UINT64_MAX);
}

static void test_direct_list_shows_the_buffers_in_order(void **state)
{
	(void)state;
	run_list(&FIXTURE(.translated = false), UINT64_MAX, UINT64_MAX);
}

/* Heap memory lies beyond 32 bits. */
static void test_bouncing_list_shows_the_buffers_in_order(void **state)
{
	(void)state;
	run_list(&FIXTURE(.bounces = true, .device.dma_mask = DMP_MASK(32)), UINT64_MAX,
		 UINT64_MAX);
	run_list(&FIXTURE(.bounces = true, .device.dma_mask = DMP_MASK(32),
			  .device.min_align_mask = 0xfff, .device.max_segment_bytes = 2 * PAGE,
			  .device.segment_boundary = 4 * PAGE - 1),
		 2 * PAGE, 4 * PAGE - 1);
}

static void test_untrusted_list_shows_the_buffers_in_order(void **state)
{
	(void)state;
	run_list(
		&FIXTURE(.translated = true, .bounces = true, .device.flags = DMP_DEVICE_UNTRUSTED),
		UINT64_MAX, UINT64_MAX);
	run_list(&FIXTURE(.translated = true, .bounces = true,
			  .device.flags = DMP_DEVICE_FORCE_BOUNCE,
			  .device.max_segment_bytes = 2 * PAGE,
			  .device.segment_boundary = 4 * PAGE - 1),
		 2 * PAGE, 4 * PAGE - 1);
}

/* What the device wrote behind each answer arrives in its piece, and nowhere else. */
static void check_written_list(const struct fixture_want *want)
{
	struct rng rng = rng_seeded(rng_seed_from_env(43));
	size_t bytes = (size_t)PIECES * 4 * PAGE, n;
	unsigned char *expected = malloc(bytes);
	struct fixture f;
	struct list list;

	assert_non_null(expected);
	fixture_setup(&f, want);
	make_list(&list, &rng);
	memset(list.memory, 0x11, bytes);
	memset(expected, 0x11, bytes);
	for (size_t i = 0; i < PIECES; i++)
		memset(expected + ((unsigned char *)list.sg[i].buf - list.memory), 0x40 + (int)i,
		       list.sg[i].len);
	assert_int_equal(dmp_dma_map_sg(f.dev, list.sg, PIECES, DMP_FROM_DEVICE, 0, &n), 0);
	assert_int_equal(n, PIECES);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(dmp_sim_agent_write(
					 f.agent, list.sg[i].addr,
					 expected + ((unsigned char *)list.sg[i].buf - list.memory),
					 list.sg[i].mapped_len),
				 0);
	assert_int_equal(dmp_dma_unmap_sg(f.dev, list.sg, PIECES, DMP_FROM_DEVICE, 0), 0);
	assert_memory_equal(list.memory, expected, bytes);
	free(expected);
	free(list.memory);
	fixture_teardown(&f);
}

static void test_written_pieces_arrive_in_their_buffers_alone(void **state)
{
	(void)state;
	check_written_list(&FIXTURE(.translated = false));
	check_written_list(&FIXTURE(.bounces = true, .device.dma_mask = DMP_MASK(32)));
	check_written_list(&FIXTURE(.translated = true, .bounces = true,
				    .device.flags = DMP_DEVICE_UNTRUSTED));
}

/* A pool with room for a part of the list: nothing of it stays taken. */
static void test_list_that_overfills_the_pool_leaves_it_empty(void **state)
{
	(void)state;
	for (int translated = 0; translated < 2; translated++) {
		unsigned char *memory = malloc(6 * DMP_SWIOTLB_MAX_BYTES);
		struct dmp_sg sg[6];
		struct fixture f;
		size_t n = 7;

		assert_non_null(memory);
		fixture_setup(&f, &FIXTURE(.translated = translated, .bounces = true,
					   .swiotlb.slots = 512, .swiotlb.areas = 1,
					   .device.flags = DMP_DEVICE_FORCE_BOUNCE));
		for (size_t i = 0; i < 6; i++)
			sg[i] = (struct dmp_sg){.buf = memory + i * DMP_SWIOTLB_MAX_BYTES,
						.len = DMP_SWIOTLB_MAX_BYTES};
		assert_int_equal(dmp_dma_map_sg(f.dev, sg, 6, DMP_TO_DEVICE, DMP_ATTR_NO_WARN, &n),
				 -ENOSPC);
		assert_int_equal(n, 7);
		assert_int_equal(sg[0].mapped_len, 0);
		assert_int_equal(fixture_slots(&f), 0);
		assert_int_equal(dmp_dma_map_sg(f.dev, sg, 4, DMP_TO_DEVICE, 0, &n), 0);
		assert_int_equal(dmp_dma_unmap_sg(f.dev, sg, 4, DMP_TO_DEVICE, 0), 0);
		free(memory);
		fixture_teardown(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translated_list_shows_the_buffers_in_order),
		cmocka_unit_test(test_translated_list_obeys_length_and_boundary),
		cmocka_unit_test(test_translated_list_reaches_heap_with_a_32_bit_mask),
		cmocka_unit_test(test_direct_list_shows_the_buffers_in_order),
		cmocka_unit_test(test_bouncing_list_shows_the_buffers_in_order),
		cmocka_unit_test(test_untrusted_list_shows_the_buffers_in_order),
		cmocka_unit_test(test_written_pieces_arrive_in_their_buffers_alone),
		cmocka_unit_test(test_list_that_overfills_the_pool_leaves_it_empty),
	};

	return cmocka_run_group_tests_name("flow_sg", tests, NULL, NULL);
}
