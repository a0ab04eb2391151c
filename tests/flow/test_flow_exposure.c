// SPDX-License-Identifier: MIT
/*
 * test_flow_exposure.c - what devices still reach after an unmap, over the whole path and by
 * policy, in manual mode
 *
 * Proves: strict leaves nothing open in manual time, of several page sizes neither; what a device did reach is never longer than
 * what it could, and that never longer than the policy's bound; with on-reuse no address is given
 * out while it is reached; an eviction ends a window before the flush.
 */
#include "dmptest.h"

#include "fixture.h"
#include "rng.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#define PAGE   4096u
#define MIB2   (UINT64_C(2) << 20)
#define MS     UINT64_C(1000000)
#define BUFS   32u
#define ROUNDS 3000u

static void setup_with(struct fixture *f, struct dmp_domain_opts domain, uint64_t dma_mask)
{
	struct fixture_want want = FIXTURE(.translated = true, .device.dma_mask = dma_mask);

	want.domain = domain;
	want.domain.flags |= DMP_DOMAIN_EXPOSURE;
	assert_int_equal(dmp_harness_enter(2), 0);
	fixture_setup(f, &want);
}

static void setup(struct fixture *f, struct dmp_domain_opts domain)
{
	setup_with(f, domain, 0);
}

static void teardown(struct fixture *f)
{
	fixture_teardown(f);
	assert_int_equal(dmp_harness_leave(), 0);
}

static struct dmp_exposure exposure_of(struct fixture *f)
{
	struct dmp_exposure e;

	assert_int_equal(dmp_domain_get_exposure(f->dom, &e, sizeof(e)), 0);
	assert_int_equal(e.flags, DMP_EXPOSURE_SEEN | DMP_EXPOSURE_MANUAL);
	return e;
}

/* Maps, has the device read one byte, and unmaps. */
static dmp_addr_t use_once(struct fixture *f, void *buf, uint64_t len)
{
	unsigned char byte;
	dmp_addr_t addr = 0;

	assert_int_equal(dmp_dma_map(f->dev, buf, len, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f->agent, addr, &byte, 1), 0);
	assert_int_equal(dmp_dma_unmap(f->dev, addr, len, DMP_TO_DEVICE, 0), 0);
	return addr;
}

static uint64_t below(struct rng *rng, uint64_t n)
{
	return rng_range(rng, 0, n - 1);
}

/* @nbufs buffers of @len bytes, @stride apart, come and go in any order on two CPUs, the device
 * reads most of them, first byte and last, time passes. */
static void make_traffic(struct fixture *f, unsigned char *ram, unsigned nbufs, uint64_t stride,
			 uint64_t len)
{
	struct rng rng = rng_seeded(rng_seed_from_env(7));
	dmp_addr_t addr[BUFS] = {0};
	bool live[BUFS] = {false};
	unsigned char byte;

	for (unsigned n = 0; n < ROUNDS; n++) {
		unsigned i = (unsigned)below(&rng, nbufs);
		void *buf = ram + i * stride;

		dmp_harness_become((unsigned)below(&rng, 2));
		if (live[i])
			assert_int_equal(dmp_dma_unmap(f->dev, addr[i], len, DMP_TO_DEVICE, 0), 0);
		else
			assert_int_equal(dmp_dma_map(f->dev, buf, len, DMP_TO_DEVICE, 0, &addr[i]),
					 0);
		live[i] = !live[i];
		if (live[i] && below(&rng, 4)) {
			assert_int_equal(dmp_sim_agent_read(f->agent, addr[i], &byte, 1), 0);
			assert_int_equal(dmp_sim_agent_read(f->agent, addr[i] + len - 1, &byte, 1),
					 0);
		}
		dmp_harness_advance(below(&rng, 200) * 1000);
	}
	for (unsigned i = 0; i < nbufs; i++)
		if (live[i])
			assert_int_equal(dmp_dma_unmap(f->dev, addr[i], len, DMP_TO_DEVICE, 0), 0);
}

static void check_policy(struct dmp_domain_opts domain, bool has_bound)
{
	struct dmp_exposure e;
	struct fixture f;
	unsigned char *ram;

	setup(&f, domain);
	ram = fixture_ram(&f, BUFS * PAGE, 1);
	make_traffic(&f, ram, BUFS, PAGE, PAGE);
	e = exposure_of(&f);
	assert_int_equal(e.could.windows, e.unmaps);
	assert_int_equal(e.could.bytes, e.unmapped_bytes);
	assert_int_equal(e.unmapped_bytes, e.unmaps * PAGE);
	assert_true(e.seen.did.windows > 0 && e.seen.did.windows < e.could.windows);
	assert_true(e.seen.did.open_oldest_ns <= e.could.open_oldest_ns);
	assert_true(e.seen.did.byte_ns <= e.could.byte_ns);
	if (has_bound) /* a flush takes no manual time */
		assert_true(e.could.ns.max <= dmp_domain_exposure_bound(f.dom));
	else
		assert_int_equal(dmp_domain_exposure_bound(f.dom), UINT64_MAX);
	assert_int_equal(dmp_domain_flush(f.dom), 0);
	e = exposure_of(&f);
	assert_int_equal(e.could.open, 0);
	assert_int_equal(e.seen.did.open, 0);
	assert_true(e.seen.did.ns.max <= e.could.ns.max);
	assert_int_equal(e.seen.iova_reused, 0);
	assert_int_equal(e.seen.untracked, 0);
	fixture_ram_free(&f, ram, BUFS * PAGE);
	teardown(&f);
}

static void test_lazy_exposes_no_longer_than_its_timeout(void **state)
{
	(void)state;
	check_policy(DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY), true);
	check_policy(DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_entries = 16), true);
	check_policy(DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .flushq_timeout_ns = 2 * MS), true);
	check_policy(DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY_SINGLE), true);
}

static void test_manual_and_on_reuse_have_no_bound_and_did_is_within_could(void **state)
{
	(void)state;
	check_policy(DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL), false);
	check_policy(
		DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE, .policy = &dmp_iova_policy_bitmap),
		false);
}

/* Strictly, each unmap and its flushes take no manual time, whatever the clock says. */
static void check_strict(const char *format, unsigned nbufs, uint64_t stride, uint64_t len)
{
	struct fixture_want want = FIXTURE(.translated = true, .format = format);
	struct dmp_exposure e;
	struct fixture f;
	unsigned char *ram;

	assert_int_equal(dmp_harness_enter(2), 0);
	dmp_harness_advance(3000 * MS);
	want.domain.flags = DMP_DOMAIN_EXPOSURE;
	fixture_setup(&f, &want);
	ram = fixture_ram(&f, nbufs * stride, 1);
	make_traffic(&f, ram, nbufs, stride, len);
	e = exposure_of(&f);
	assert_true(e.seen.did.windows > 0);
	assert_int_equal(e.could.windows, e.unmaps);
	assert_int_equal(e.could.open + e.seen.did.open, 0);
	assert_int_equal(e.could.ns.max, 0);
	assert_int_equal(e.seen.did.ns.max, 0);
	assert_int_equal(e.could.byte_ns + e.seen.did.byte_ns, 0);
	assert_int_equal(e.seen.memory_mapped + e.seen.iova_reused + e.seen.memory_freed, 0);
	assert_int_equal(dmp_domain_exposure_bound(f.dom), 0);
	fixture_ram_free(&f, ram, nbufs * stride);
	teardown(&f);
}

static void test_strict_leaves_nothing_open_in_manual_time(void **state)
{
	(void)state;
	check_strict(NULL, BUFS, PAGE, PAGE);
}

/* One unmap is flushed several times: 2 MiB and 8 KiB; 8 KiB and 4 KiB. */
static void test_strict_leaves_nothing_open_of_several_page_sizes(void **state)
{
	(void)state;
	check_strict(NULL, 2, 2 * MIB2, MIB2 + 2 * PAGE);
	check_strict("riscv-sv48", 2, 2 * MIB2, MIB2 + PAGE);
	check_strict("amd-v1", BUFS, 4 * PAGE, 3 * PAGE);
}

static void keep_two(void *ctx, const struct dmp_exposure_window *window)
{
	struct dmp_exposure_window *latest = ctx;

	latest[0] = latest[1];
	latest[1] = *window;
}

/*
 *   begins        first flush    second flush
 *     |--- 2 MiB ------|               |        did
 *     |--- 8 KiB ----------------------|        did
 *     |--------------------------------|        could
 */
static void test_of_two_page_sizes_both_windows_begin_with_the_unmap(void **state)
{
	static const struct dmp_exposure_watch watch = {.size = sizeof(watch), .ended = keep_two};
	struct dmp_exposure_window latest[2] = {{0}};
	struct fixture_want want =
		FIXTURE(.translated = true, .sim_flags = DMP_SIM_SPIN, .profile = "vtd-modern");
	uint64_t len = MIB2 + 2 * PAGE, begun_ns;
	struct dmp_exposure e;
	unsigned char *ram, byte;
	struct fixture f;
	dmp_addr_t addr;

	(void)state;
	assert_int_equal(dmp_harness_enter(1), 0);
	dmp_harness_advance(3000 * MS);
	want.domain = DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE, .exposure_watch = &watch,
				      .exposure_ctx = latest);
	fixture_setup(&f, &want);
	ram = fixture_ram(&f, 2 * MIB2, 1);
	assert_int_equal(dmp_dma_map(f.dev, ram, len, DMP_TO_DEVICE, 0, &addr), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), 0);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr + MIB2, &byte, 1), 0);
	begun_ns = dmp_clock_now_ns();
	assert_int_equal(dmp_dma_unmap(f.dev, addr, len, DMP_TO_DEVICE, 0), 0);
	e = exposure_of(&f);
	assert_int_equal(latest[0].opened_ns, begun_ns);
	assert_int_equal(latest[1].opened_ns, begun_ns);
	assert_true(latest[0].ended_ns > begun_ns && latest[0].ended_ns < latest[1].ended_ns);
	assert_int_equal(latest[1].ended_ns - begun_ns, e.could.ns.max);
	assert_int_equal(e.could.windows, 1);
	assert_int_equal(e.seen.did.windows, 2);
	assert_int_equal(e.seen.did.ns.max, e.could.ns.max);
	fixture_ram_free(&f, ram, 2 * MIB2);
	teardown(&f);
}

/*
 * A mask with room for seven pages: each address goes round, and never while it is reached.
 */
static void test_on_reuse_gives_no_address_out_that_is_reached(void **state)
{
	struct dmp_exposure e;
	struct fixture f;
	unsigned char *ram;

	(void)state;
	setup_with(&f,
		   DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_ON_REUSE, .policy = &dmp_iova_policy_bitmap),
		   8 * PAGE - 1);
	ram = fixture_ram(&f, PAGE, 1);
	for (unsigned n = 0; n < 200; n++) {
		use_once(&f, ram, PAGE);
		dmp_harness_advance(1000);
	}
	e = exposure_of(&f);
	assert_int_equal(e.seen.did.windows, 200);
	assert_int_equal(e.seen.iova_reused, 0);
	assert_true(e.seen.memory_mapped > 0);
	assert_true(e.seen.did.ns.count > 150);
	assert_in_range(e.seen.did.ns.max, 6000, 8000);
	fixture_ram_free(&f, ram, PAGE);
	teardown(&f);
}

/* More pages than the IOTLB has entries, in an hour that no timer ends. */
static void test_an_eviction_ends_a_window_before_the_flush(void **state)
{
	struct dmp_exposure e;
	struct fixture f;
	unsigned char *ram;

	(void)state;
	setup(&f, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_MANUAL, .flushq_entries = 8192));
	ram = fixture_ram(&f, PAGE, 1);
	for (unsigned n = 0; n < 3000; n++) {
		use_once(&f, ram, PAGE);
		dmp_harness_advance(MS);
	}
	e = exposure_of(&f);
	assert_int_equal(e.could.open, 3000);
	assert_int_equal(e.seen.did.windows, 3000);
	assert_true(e.seen.did.open <= 1024);
	assert_true(e.seen.did.open_oldest_ns < e.could.open_oldest_ns);
	assert_true(e.seen.did.ns.max > 0);
	fixture_ram_free(&f, ram, PAGE);
	teardown(&f);
}

static void test_a_window_that_outlasts_everything_is_told_as_open(void **state)
{
	struct dmp_exposure e;
	struct fixture f;
	unsigned char *ram;

	(void)state;
	setup(&f, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY));
	ram = fixture_ram(&f, PAGE, 1);
	use_once(&f, ram, PAGE);
	dmp_harness_advance(3 * MS);
	e = exposure_of(&f);
	assert_int_equal(e.could.open, 1);
	assert_int_equal(e.seen.did.open, 1);
	assert_int_equal(e.seen.did.open_oldest_ns, 3 * MS);
	assert_int_equal(e.seen.did.byte_ns, 3 * MS * PAGE);
	assert_int_equal(e.seen.did.ns.count, 0);
	fixture_ram_free(&f, ram, PAGE);
	teardown(&f);
}

static void count_stale(void *ctx, const struct dmp_exposure_stale *stale)
{
	uint64_t *latest_age = ctx;

	*latest_age = stale->age_ns;
}

static void test_a_stale_access_is_inside_its_window(void **state)
{
	static const struct dmp_exposure_watch watch = {.size = sizeof(watch),
							.stale = count_stale};
	uint64_t latest_age = 0;
	struct fixture f;
	unsigned char *ram, byte;
	dmp_addr_t addr;

	(void)state;
	setup(&f, DMP_DOMAIN_OPTS(.flush = DMP_FLUSH_LAZY, .exposure_watch = &watch,
				  .exposure_ctx = &latest_age));
	ram = fixture_ram(&f, PAGE, 1);
	addr = use_once(&f, ram, PAGE);
	dmp_harness_advance(9 * MS);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), -EFAULT);
	assert_int_equal(latest_age, 9 * MS);
	dmp_harness_advance(1 * MS);
	assert_int_equal(dmp_sim_agent_read(f.agent, addr, &byte, 1), -EFAULT);
	assert_int_equal(exposure_of(&f).seen.stale_reads, 1);
	assert_int_equal(exposure_of(&f).seen.stale_oldest_ns, 9 * MS);
	fixture_ram_free(&f, ram, PAGE);
	teardown(&f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		TEST(test_lazy_exposes_no_longer_than_its_timeout),
		TEST(test_manual_and_on_reuse_have_no_bound_and_did_is_within_could),
		TEST(test_strict_leaves_nothing_open_in_manual_time),
		TEST(test_strict_leaves_nothing_open_of_several_page_sizes),
		TEST(test_of_two_page_sizes_both_windows_begin_with_the_unmap),
		TEST(test_on_reuse_gives_no_address_out_that_is_reached),
		TEST(test_an_eviction_ends_a_window_before_the_flush),
		TEST(test_a_window_that_outlasts_everything_is_told_as_open),
		TEST(test_a_stale_access_is_inside_its_window),
	};

	return cmocka_run_group_tests_name("flow_exposure", tests, NULL, NULL);
}
