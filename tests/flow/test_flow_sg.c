// SPDX-License-Identifier: MIT
/*
 * test_flow_sg.c - lists over the whole path: a device that walks the answers sees the
 * buffers' bytes in order, whatever the limits, and faults after the unmap
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

static void run_list(const struct fixture_want *want, uint64_t longest, uint64_t boundary)
{
	struct rng rng = rng_seeded(rng_seed_from_env(42));
	struct dmp_fault fault;
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
	fixture_check(&f, 1);
	first = list.sg[0].addr;
	assert_int_equal(dmp_dma_unmap_sg(f.dev, list.sg, PIECES, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, first, seen, 1), -EFAULT);
	assert_true(fixture_fault(&f, &fault) >= 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translated_list_shows_the_buffers_in_order),
		cmocka_unit_test(test_translated_list_obeys_length_and_boundary),
		cmocka_unit_test(test_translated_list_reaches_heap_with_a_32_bit_mask),
		cmocka_unit_test(test_direct_list_shows_the_buffers_in_order),
	};

	return cmocka_run_group_tests_name("flow_sg", tests, NULL, NULL);
}
