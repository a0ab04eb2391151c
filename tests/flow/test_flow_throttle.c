// SPDX-License-Identifier: MIT
/*
 * test_flow_throttle.c - requests that may block over the whole path: which of a list's pieces
 * waits, in which order they go, who is cancelled, and who need not wait at all
 *
 * The allocator is of 512 slots, and throttles from the first one on (1 %), so that whoever maps
 * while another has a buffer waits for it.  What happens meanwhile the hook does.
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#define MAY_BLOCK DMP_ATTR_MAY_BLOCK
#define PAGE      4096u
#define PIECES    4u

static const struct dmp_swiotlb_opts throttles = {.size = sizeof(throttles),
						  .flags = DMP_SWIOTLB_THROTTLES,
						  .slots = 512,
						  .areas = 1,
						  .throttle_high = 1,
						  .throttle_low = 1};

struct stage {
	struct fixture f;
	unsigned char *buf;
	struct dmp_sg sg[PIECES], first[PIECES];

	/* What the others do. */
	dmp_addr_t unmaps;         /* a buffer of a page; 0: none */
	size_t nunmaps_sg;         /* pieces of @first; 0: none */
	struct dmp_device *cancel; /* a device; NULL: none */
	struct dmp_device *attach; /* to dom; NULL: none */
	struct dmp_domain *dom;
	int attach_err;
	unsigned calls;
	uint64_t slots_then;
};

static uint64_t slots(struct stage *s)
{
	return fixture_slots(&s->f);
}

static void play(void *arg)
{
	struct stage *s = arg;

	s->calls++;
	s->slots_then = slots(s);
	dmp_harness_become(1);
	if (s->attach)
		s->attach_err = dmp_device_attach(s->attach, s->dom);
	if (s->unmaps)
		assert_int_equal(dmp_dma_unmap(s->f.dev, s->unmaps, PAGE, DMP_TO_DEVICE, 0), 0);
	if (s->nunmaps_sg)
		assert_int_equal(
			dmp_dma_unmap_sg(s->f.dev, s->first, s->nunmaps_sg, DMP_TO_DEVICE, 0), 0);
	if (s->cancel)
		assert_int_equal(dmp_device_cancel(s->cancel), 0);
}

static void stage_up_with(struct stage *s, bool translated, uint32_t device_flags,
			  const struct dmp_swiotlb_opts *opts)
{
	struct fixture_want want = FIXTURE(.translated = translated, .bounces = true);

	*s = (struct stage){.calls = 0};
	assert_int_equal(dmp_harness_enter(4), 0);
	want.swiotlb = *opts;
	want.device.flags = device_flags;
	fixture_setup(&s->f, &want);
	s->buf = fixture_ram(&s->f, 2ull * PIECES * PAGE, 0x42);
	for (unsigned i = 0; i < PIECES; i++) {
		s->sg[i] = (struct dmp_sg){.buf = s->buf + (uint64_t)i * PAGE, .len = PAGE};
		s->first[i] =
			(struct dmp_sg){.buf = s->buf + (uint64_t)(PIECES + i) * PAGE, .len = PAGE};
	}
	assert_int_equal(dmp_harness_on_wait(play, s), 0);
}

static void stage_up(struct stage *s, bool translated, uint32_t device_flags)
{
	stage_up_with(s, translated, device_flags, &throttles);
}

static void stage_down(struct stage *s)
{
	assert_int_equal(slots(s), 0);
	fixture_ram_free(&s->f, s->buf, 2ull * PIECES * PAGE);
	fixture_teardown(&s->f);
	assert_int_equal(dmp_harness_leave(), 0);
}

static struct dmp_swiotlb_stats stats(struct stage *s)
{
	struct dmp_swiotlb_stats now;

	assert_int_equal(dmp_swiotlb_get_stats(s->f.tlb, &now, sizeof(now)), 0);
	return now;
}

/* Three pages in nobody's turn, so that whoever comes has to ask, and one that has the turn. */
static dmp_addr_t map_ballast(struct stage *s, dmp_addr_t *ballast)
{
	dmp_addr_t turn;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(dmp_dma_map(s->f.dev, s->buf, PAGE, DMP_TO_DEVICE, 0, &ballast[i]),
				 0);
	assert_int_equal(dmp_dma_map(s->f.dev, s->buf, PAGE, DMP_TO_DEVICE, MAY_BLOCK, &turn), 0);
	return turn;
}

static void unmap_page(struct stage *s, dmp_addr_t addr)
{
	assert_int_equal(dmp_dma_unmap(s->f.dev, addr, PAGE, DMP_TO_DEVICE, 0), 0);
}

static void drop_ballast(struct stage *s, const dmp_addr_t *ballast)
{
	for (unsigned i = 0; i < 3; i++)
		unmap_page(s, ballast[i]);
}

static void test_a_map_waits_for_the_unmap_of_another_one(void **state)
{
	dmp_addr_t ballast[3], addr;
	unsigned char seen[PAGE];
	struct stage s;

	(void)state;
	stage_up(&s, false, DMP_DEVICE_FORCE_BOUNCE);
	s.unmaps = map_ballast(&s, ballast);
	assert_int_equal(dmp_dma_map(s.f.dev, s.buf, PAGE, DMP_TO_DEVICE, MAY_BLOCK, &addr), 0);
	assert_int_equal(s.calls, 1);
	assert_int_equal(dmp_sim_agent_read(s.f.agent, addr, seen, PAGE), 0);
	assert_memory_equal(seen, s.buf, PAGE);
	unmap_page(&s, addr);
	drop_ballast(&s, ballast);
	stage_down(&s);
}

/* Piece 0 waits once; the others pass, though the list itself has the turn. */
static void test_only_the_first_piece_of_a_list_waits(void **state)
{
	dmp_addr_t ballast[3];
	struct stage s;
	size_t n;

	(void)state;
	stage_up(&s, false, DMP_DEVICE_FORCE_BOUNCE);
	s.unmaps = map_ballast(&s, ballast);
	assert_int_equal(dmp_dma_map_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE,
					MAY_BLOCK | DMP_ATTR_NO_WARN, &n),
			 0);
	assert_int_equal(n, PIECES);
	assert_int_equal(s.calls, 1);
	assert_int_equal(stats(&s).turns, 2);
	assert_int_equal(dmp_dma_unmap_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, MAY_BLOCK), 0);
	drop_ballast(&s, ballast);
	stage_down(&s);
}

/* Slots in the order in which they are released. */
static uint64_t released[PIECES];
static unsigned nreleased;

static void note_release(void *state, uint64_t slot, uint64_t nslots)
{
	(void)state;
	(void)nslots;
	if (nreleased < PIECES)
		released[nreleased++] = slot;
}

/* The turn ends with the first piece: whoever is next finds the slots of all of them. */
static void test_the_first_piece_goes_last(void **state)
{
	static struct dmp_swiotlb_policy policy;
	struct dmp_swiotlb_opts opts = throttles;
	struct stage s;
	size_t n;

	(void)state;
	policy = dmp_swiotlb_policy_linux;
	policy.name = "linux, noting releases";
	policy.released = note_release;
	opts.policy = &policy;
	for (int translated = 0; translated < 2; translated++) {
		stage_up_with(&s, translated, DMP_DEVICE_FORCE_BOUNCE, &opts);
		nreleased = 0;
		assert_int_equal(dmp_dma_map_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, 0, &n), 0);
		assert_int_equal(dmp_dma_unmap_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, 0), 0);
		assert_int_equal(nreleased, PIECES);
		for (unsigned i = 0; i < PIECES; i++)
			assert_int_equal(released[i], 2 * ((i + 1) % PIECES));
		stage_down(&s);
	}
}

static void test_a_list_waits_for_the_unmap_of_a_list(void **state)
{
	dmp_addr_t ballast[3];
	struct stage s;
	size_t n;

	(void)state;
	stage_up(&s, false, DMP_DEVICE_FORCE_BOUNCE);
	unmap_page(&s, map_ballast(&s, ballast));
	assert_int_equal(dmp_dma_map_sg(s.f.dev, s.first, PIECES, DMP_TO_DEVICE, MAY_BLOCK, &n), 0);
	s.nunmaps_sg = PIECES;
	assert_int_equal(dmp_dma_map_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, MAY_BLOCK, &n), 0);
	assert_int_equal(s.calls, 1);
	assert_int_equal(s.slots_then, 6 + 2 * PIECES);
	assert_int_equal(slots(&s), 6 + 2 * PIECES);
	assert_int_equal(dmp_dma_unmap_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, 0), 0);
	drop_ballast(&s, ballast);
	stage_down(&s);
}

/* A list that fails half-way gives its turn on, and its first piece back last. */
static void test_a_list_that_fails_leaves_no_turn_behind(void **state)
{
	dmp_addr_t ballast[3], addr;
	struct stage s;
	size_t n = 77;

	(void)state;
	stage_up(&s, false, DMP_DEVICE_FORCE_BOUNCE);
	unmap_page(&s, map_ballast(&s, ballast));
	assert_int_equal(dmp_sim_fail(s.f.sim, DMP_SIM_CALL_MEM_MAP, 3, 1, -EIO), 0);
	assert_int_equal(dmp_dma_map_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, MAY_BLOCK, &n), -EIO);
	assert_int_equal(n, 77);
	assert_int_equal(slots(&s), 6);
	assert_int_equal(dmp_dma_map(s.f.dev, s.buf, PAGE, DMP_TO_DEVICE, MAY_BLOCK, &addr), 0);
	assert_int_equal(s.calls, 0);
	unmap_page(&s, addr);
	drop_ballast(&s, ballast);
	stage_down(&s);
}

static void test_behind_a_domain_nobody_waits(void **state)
{
	dmp_addr_t addr[8];
	struct stage s;
	size_t n;

	(void)state;
	stage_up(&s, true, DMP_DEVICE_UNTRUSTED);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(
			dmp_dma_map(s.f.dev, s.buf + 1, 100, DMP_TO_DEVICE, MAY_BLOCK, &addr[i]),
			0);
	for (unsigned i = 0; i < PIECES; i++)
		s.sg[i].len = 100;
	assert_int_equal(dmp_dma_map_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, MAY_BLOCK, &n), 0);
	assert_int_equal(s.calls, 0);
	assert_int_equal(stats(&s).turns, 0);
	assert_int_equal(dmp_dma_unmap_sg(s.f.dev, s.sg, PIECES, DMP_TO_DEVICE, MAY_BLOCK), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(dmp_dma_unmap(s.f.dev, addr[i], 100, DMP_TO_DEVICE, MAY_BLOCK), 0);
	stage_down(&s);
}

static void test_a_buffer_that_does_not_bounce_waits_for_nobody(void **state)
{
	dmp_addr_t addr[8];
	struct stage s;

	(void)state;
	stage_up(&s, false, 0);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(
			dmp_dma_map(s.f.dev, s.buf, PAGE, DMP_TO_DEVICE, MAY_BLOCK, &addr[i]), 0);
	assert_int_equal(s.calls, 0);
	for (unsigned i = 0; i < 8; i++)
		unmap_page(&s, addr[i]);
	stage_down(&s);
}

static void test_a_wait_ends_with_its_device(void **state)
{
	dmp_addr_t ballast[3], turn, addr = 77;
	struct dmp_device *other;
	struct stage s;
	size_t n = 77;

	(void)state;
	stage_up(&s, false, DMP_DEVICE_FORCE_BOUNCE);
	assert_int_equal(dmp_device_create(s.f.hw,
					   &DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE,
							    .swiotlb = s.f.tlb),
					   &other),
			 0);
	turn = map_ballast(&s, ballast);
	s.cancel = other;
	assert_int_equal(dmp_dma_map(other, s.buf, PAGE, DMP_TO_DEVICE, MAY_BLOCK, &addr),
			 -ECANCELED);
	assert_int_equal(s.calls, 1);
	assert_int_equal(dmp_dma_map_sg(other, s.sg, PIECES, DMP_TO_DEVICE, MAY_BLOCK, &n),
			 -ECANCELED);
	assert_int_equal(s.calls, 1);
	assert_int_equal(addr, 77);
	assert_int_equal(n, 77);
	assert_int_equal(slots(&s), 8);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	assert_int_equal(dmp_dma_map(other, s.buf, PAGE, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(other, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_destroy(other), 0);
	unmap_page(&s, turn);
	drop_ballast(&s, ballast);
	stage_down(&s);
}

/* It has nothing yet, but it is on its way: in the world where it began it gets its slots. */
static void test_a_device_does_not_move_while_one_of_its_maps_waits(void **state)
{
	dmp_addr_t ballast[3], addr;
	struct dmp_device *other;
	struct stage s;

	(void)state;
	stage_up(&s, false, DMP_DEVICE_FORCE_BOUNCE);
	assert_int_equal(dmp_device_create(s.f.hw,
					   &DMP_DEVICE_OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE,
							    .swiotlb = s.f.tlb),
					   &other),
			 0);
	assert_int_equal(dmp_domain_create(s.f.hw, NULL, &s.dom), 0);
	s.unmaps = map_ballast(&s, ballast);
	s.attach = other;
	assert_int_equal(dmp_dma_map(other, s.buf, PAGE, DMP_TO_DEVICE, MAY_BLOCK, &addr), 0);
	assert_int_equal(s.calls, 1);
	assert_int_equal(s.attach_err, -EBUSY);
	assert_int_equal(dmp_device_attach(other, s.dom), -EBUSY);
	assert_int_equal(dmp_dma_unmap(other, addr, PAGE, DMP_TO_DEVICE, 0), 0);
	assert_int_equal(dmp_device_attach(other, s.dom), 0);
	assert_int_equal(dmp_device_detach(other), 0);
	assert_int_equal(dmp_device_destroy(other), 0);
	assert_int_equal(dmp_domain_destroy(s.dom), 0);
	drop_ballast(&s, ballast);
	stage_down(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_map_waits_for_the_unmap_of_another_one),
		cmocka_unit_test(test_only_the_first_piece_of_a_list_waits),
		cmocka_unit_test(test_the_first_piece_goes_last),
		cmocka_unit_test(test_a_list_waits_for_the_unmap_of_a_list),
		cmocka_unit_test(test_a_list_that_fails_leaves_no_turn_behind),
		cmocka_unit_test(test_behind_a_domain_nobody_waits),
		cmocka_unit_test(test_a_buffer_that_does_not_bounce_waits_for_nobody),
		cmocka_unit_test(test_a_wait_ends_with_its_device),
		cmocka_unit_test(test_a_device_does_not_move_while_one_of_its_maps_waits),
	};

	return cmocka_run_group_tests_name("flow_throttle", tests, NULL, NULL);
}
