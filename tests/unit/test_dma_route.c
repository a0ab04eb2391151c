// SPDX-License-Identifier: MIT
/*
 * test_dma_route.c - proves the table of lib/dma/dma_route.c, every combination of its
 * columns, and the pure helpers beside it
 */
#include "dmptest.h"

#include "dma_internal.h"

#define GRANULE DMP_PAGE_BYTES

/* One value of every column.  Attached to an identity domain counts as unattached, whatever range
 * of memory the bus carries without it: see dma_limits(). */
struct combination {
	bool attached;
	bool in_reach;
	bool untrusted;
	bool sub_granule;
	bool over_aligned;
	bool bounce_ready;
	bool forced;
	bool identity; /* attached to an identity domain, in place of another */
	bool ranged;   /* its bus carries nothing that is asked for */
};

static struct dma_route ask(const struct combination *c)
{
	const struct dma_limits limits = {
		.reach = DMP_MASK(32),
		.coherent_reach = DMP_MASK(32),
		.min_align_mask = c->over_aligned ? 2 * GRANULE - 1 : GRANULE - 1,
		.max_segment_bytes = UINT64_MAX,
		.segment_boundary = UINT64_MAX,
		.untrusted = c->untrusted,
		.force_bounce = c->forced,
	};
	const struct dma_request request = {
		.phys = c->in_reach ? GRANULE : UINT64_C(1) << 32,
		.len = c->sub_granule ? 100 : GRANULE,
		.granule = c->attached ? GRANULE : 0,
		.bounce_ready = c->bounce_ready,
	};
	struct dmp_device dev = {.limits = limits, .physical = limits};
	struct dmp_domain *some = (struct dmp_domain *)&dev;

	if (c->ranged)
		dev.limits.window = (struct dma_window){DMP_MASK(40), 0, 1};
	store_release(&dev.identity, c->identity ? some : NULL);
	return dma_route_choose(dma_limits(&dev), &request);
}

/* Is the memory asked for where the device can use it in place, without a domain? */
static bool is_near(const struct combination *c)
{
	return c->in_reach && (!c->ranged || c->identity);
}

static void expect(const struct combination *c, bool bounce, bool translate, int err)
{
	struct dma_route route = ask(c);

	assert_int_equal(route.bounce, bounce);
	assert_int_equal(route.translate, translate);
	assert_int_equal(route.err, err);
}

#define COMBINATIONS 512u

/* The combinations, as bits of i. */
static struct combination nth(unsigned i)
{
	return (struct combination){(i & 1) && !(i & 128),
				    i & 2,
				    i & 4,
				    i & 8,
				    i & 16,
				    i & 32,
				    i & 64,
				    i & 128,
				    i & 256};
}

static void test_unattached_in_reach_and_unforced_goes_direct(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		struct combination c = nth(i);

		if (!c.attached && is_near(&c) && !c.forced)
			expect(&c, false, false, 0);
	}
}

static void test_unattached_out_of_reach_or_forced_bounces_or_is_erange(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		struct combination c = nth(i);

		if (!c.attached && (!is_near(&c) || c.forced))
			expect(&c, c.bounce_ready, false, c.bounce_ready ? 0 : -ERANGE);
	}
}

static void test_attached_over_aligned_is_erange(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		struct combination c = nth(i);

		if (c.attached && c.over_aligned)
			expect(&c, false, false, -ERANGE);
	}
}

static void test_attached_forced_or_untrusted_part_of_granule_bounces_or_is_erange(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		struct combination c = nth(i);

		if (c.attached && !c.over_aligned && (c.forced || (c.untrusted && c.sub_granule)))
			expect(&c, c.bounce_ready, c.bounce_ready, c.bounce_ready ? 0 : -ERANGE);
	}
}

static void test_attached_otherwise_translates(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		struct combination c = nth(i);

		if (c.attached && !c.over_aligned && !c.forced && !(c.untrusted && c.sub_granule))
			expect(&c, false, true, 0);
	}
}

/*
 *   reach 0xffff:   0xf000 + 0x1000 ends on the last byte, + 0x1001 one beyond
 */
static void test_reach_is_judged_by_the_last_byte(void **state)
{
	const struct dma_limits limits = {.reach = 0xffff};
	const struct {
		dmp_phys_t phys;
		uint64_t len;
		int err;
	} rows[] = {
		{0xf000, 0x1000, 0},           {0xf000, 0x1001, -ERANGE}, {0xffff, 1, 0},
		{0x10000, 1, -ERANGE},         {0, 0x10000, 0},           {0, 0x10001, -ERANGE},
		{0x8000, UINT64_MAX, -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dma_request request = {.phys = rows[i].phys, .len = rows[i].len};

		assert_int_equal(dma_route_choose(&limits, &request).err, rows[i].err);
	}
}

/* An untrusted device: the start or the length alone makes part of a granule. */
static void test_start_and_length_both_make_part_of_a_granule(void **state)
{
	const struct dma_limits limits = {.reach = UINT64_MAX, .untrusted = true};
	const struct {
		dmp_phys_t phys;
		uint64_t len;
		int err;
	} rows[] = {
		{GRANULE, GRANULE, 0},
		{GRANULE, GRANULE - 1, -ERANGE},
		{GRANULE + 1, GRANULE, -ERANGE},
		{GRANULE, 3 * GRANULE, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dma_request request = {
			.phys = rows[i].phys, .len = rows[i].len, .granule = GRANULE};

		assert_int_equal(dma_route_choose(&limits, &request).err, rows[i].err);
	}
}

/*
 *   |<-- bits that are kept -->|<-- len -->|<-- to a whole granule -->|   262144 at most
 */
static void test_longer_than_a_bounce_buffer_is_erange(void **state)
{
	const struct {
		uint64_t granule, min_align_mask;
		dmp_phys_t phys;
		uint64_t len;
		int err;
	} rows[] = {
		{0, 0, 5, 262144, 0},
		{0, 0, 5, 262145, -ERANGE},
		{0, 0, 5, UINT64_MAX - 5, -ERANGE},
		{0, 0x7ff, 0x800, 262144, 0},
		{0, 0x7ff, 0x801, 262143, 0},
		{0, 0x7ff, 0x801, 262144, -ERANGE},
		{0, 0xfff, 0xfff, 262144 - 0x7ff, 0}, /* whole slots in front are not its own */
		{GRANULE, 0xfff, 0xfff, 262144 - 0xfff, 0},
		{GRANULE, 0xfff, 0xfff, 262144 - 0xffe, -ERANGE},
		{0x10000, 0xfff, 0xfff, 262144 - 0xfff, 0},
		{0x40000, 0, 5, 1, 0},
		{0x80000, 0, 5, 1, -ERANGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct dma_limits limits = {.reach = UINT64_MAX,
						  .min_align_mask = rows[i].min_align_mask,
						  .force_bounce = true};
		const struct dma_request request = {.phys = rows[i].phys,
						    .len = rows[i].len,
						    .granule = rows[i].granule,
						    .bounce_ready = true};

		assert_int_equal(dma_route_choose(&limits, &request).err, rows[i].err);
	}
}

/* Each refusal has a reason for the log, and no route has one. */
static void test_refusals_say_why(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COMBINATIONS; i++) {
		struct combination c = nth(i);
		struct dma_route route = ask(&c);

		assert_int_equal(route.err != 0, route.why != NULL);
	}
}

/* No request bounces where dma_may_bounce() says that none may, and some does elsewhere. */
static void test_what_may_bounce_is_just_what_some_request_does(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		const bool attached = i & 1;
		const struct dma_limits limits = {.reach = i & 2 ? DMP_MASK(32) : UINT64_MAX,
						  .untrusted = i & 4,
						  .force_bounce = i & 8};
		bool any = false;

		for (unsigned row = 0; row < 4; row++) {
			struct dma_request request = {.phys = row & 1 ? UINT64_C(1) << 32 : 0,
						      .len = row & 2 ? 100 : GRANULE,
						      .granule = attached ? GRANULE : 0,
						      .bounce_ready = true};

			any |= dma_route_choose(&limits, &request).bounce;
		}
		assert_int_equal(dma_may_bounce(&limits, attached), any);
		assert_int_equal(dma_merges_lists(&limits, attached), attached && !any);
	}
}

static void test_request_without_sense_is_einval(void **state)
{
	(void)state;
	for (int dir = 0; dir < 3; dir++)
		assert_int_equal(dma_request_check(1, (enum dmp_dir)dir, 0), 0);
	assert_int_equal(
		dma_request_check(1, DMP_TO_DEVICE,
				  DMP_ATTR_SKIP_SYNC | DMP_ATTR_NO_WARN | DMP_ATTR_MAY_BLOCK),
		0);
	assert_int_equal(dma_request_check(0, DMP_TO_DEVICE, 0), -EINVAL);
	assert_int_equal(dma_request_check(1, (enum dmp_dir)3, 0), -EINVAL);
	assert_int_equal(dma_request_check(1, (enum dmp_dir) - 1, 0), -EINVAL);
	assert_int_equal(dma_request_check(1, DMP_TO_DEVICE, 8), -EINVAL);
}

/*
 *   boundary 0xffff, longest 0x8000
 *
 *     |.......[####]|      fits up to the boundary
 *     |.........[###|#]    crosses
 */
static void test_piece_fits_between_boundaries(void **state)
{
	const struct dma_limits limits = {.max_segment_bytes = 0x8000, .segment_boundary = 0xffff};
	const struct dma_limits none = {.max_segment_bytes = UINT64_MAX,
					.segment_boundary = UINT64_MAX};

	(void)state;
	assert_true(dma_piece_fits(&limits, 0xf000, 0x1000));
	assert_false(dma_piece_fits(&limits, 0xf000, 0x1001));
	assert_true(dma_piece_fits(&limits, 0x30000, 0x8000));
	assert_false(dma_piece_fits(&limits, 0x30000, 0x8001));
	assert_true(dma_piece_fits(&none, 0xfff, UINT64_MAX / 2));
}

static void test_direction_gives_just_the_permissions_it_needs(void **state)
{
	(void)state;
	assert_int_equal(dma_prot(DMP_TO_DEVICE), DMP_PROT_READ);
	assert_int_equal(dma_prot(DMP_FROM_DEVICE), DMP_PROT_WRITE);
	assert_int_equal(dma_prot(DMP_BIDIRECTIONAL), DMP_PROT_READ | DMP_PROT_WRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unattached_in_reach_and_unforced_goes_direct),
		cmocka_unit_test(test_unattached_out_of_reach_or_forced_bounces_or_is_erange),
		cmocka_unit_test(test_attached_over_aligned_is_erange),
		cmocka_unit_test(
			test_attached_forced_or_untrusted_part_of_granule_bounces_or_is_erange),
		cmocka_unit_test(test_attached_otherwise_translates),
		cmocka_unit_test(test_reach_is_judged_by_the_last_byte),
		cmocka_unit_test(test_start_and_length_both_make_part_of_a_granule),
		cmocka_unit_test(test_longer_than_a_bounce_buffer_is_erange),
		cmocka_unit_test(test_refusals_say_why),
		cmocka_unit_test(test_what_may_bounce_is_just_what_some_request_does),
		cmocka_unit_test(test_request_without_sense_is_einval),
		cmocka_unit_test(test_piece_fits_between_boundaries),
		cmocka_unit_test(test_direction_gives_just_the_permissions_it_needs),
	};

	return cmocka_run_group_tests_name("dma_route", tests, NULL, NULL);
}
