// SPDX-License-Identifier: MIT
/*
 * fixture.c - a simulated machine with a domain, a device and an agent, in one call
 */
#include "dmptest.h"

#include "fixture.h"

#include <dmapool/port.h>

#include <stdio.h>
#include <stdlib.h>

static DMP_ATOMIC(uint64_t) log_lines[DMP_LOG_INFO + 1];

/* Lines are expected by some tests; DMP_TEST_LOG shows them all. */
static void count_line(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	add_relaxed(&log_lines[level], 1); /* relaxed: read after the threads are joined */
	if (getenv("DMP_TEST_LOG"))
		fprintf(stderr, "log %d: %s\n", (int)level, line);
}

uint64_t fixture_log_lines(enum dmp_log_level level)
{
	return load_relaxed(&log_lines[level]); /* relaxed: see count_line */
}

void fixture_log_clear(void)
{
	for (unsigned i = 0; i <= DMP_LOG_INFO; i++)
		store_relaxed(&log_lines[i], 0); /* relaxed: see count_line */
}

static void setup_domain(struct fixture *f, const struct dmp_domain_opts *opts)
{
	assert_int_equal(dmp_domain_create(f->hw, opts, &f->dom), 0);
	assert_int_equal(dmp_device_attach(f->dev, f->dom), 0);
}

static void setup_device(struct fixture *f, const struct fixture_want *want)
{
	struct dmp_device_opts opts = want->device;

	if (want->bounces)
		assert_int_equal(dmp_swiotlb_create(f->hw, &want->swiotlb, &f->tlb), 0);
	opts.swiotlb = f->tlb;
	assert_int_equal(dmp_device_create(f->hw, &opts, &f->dev), 0);
}

void fixture_setup(struct fixture *f, const struct fixture_want *want)
{
	uint32_t nwalks = want->walk_caches ? 8 : 0;

	*f = (struct fixture){.meta_before = dmp_meta_in_use()};
	dmp_log_set_sink(count_line, NULL);
	fixture_log_clear();
	assert_int_equal(
		dmp_sim_create(&DMP_SIM_OPTS(.flags = want->sim_flags, .profile = want->profile,
					     .format = want->format,
					     .hw_flags = want->no_shim ? 0 : DMP_HW_CHECK,
					     .walk_entries = {nwalks, nwalks, nwalks, nwalks}),
			       &f->sim),
		0);
	f->hw = dmp_sim_hw(f->sim);
	setup_device(f, want);
	if (want->translated)
		setup_domain(f, &want->domain);
	assert_int_equal(dmp_sim_agent_create(f->sim, dmp_device_id(f->dev), &f->agent), 0);
}

void fixture_check(struct fixture *f, uint64_t live)
{
	struct dmp_device_stats dev;
	struct dmp_domain_stats dom;

	assert_int_equal(dmp_device_get_stats(f->dev, &dev, sizeof(dev)), 0);
	assert_int_equal(dev.live_maps + dev.live_coherent, live);
	assert_int_equal(dmp_sim_check(f->sim), 0);
	if (f->tlb)
		assert_int_equal(dmp_swiotlb_check(f->tlb), 0);
	if (!f->dom)
		return;
	assert_int_equal(dmp_domain_get_stats(f->dom, &dom, sizeof(dom)), 0);
	assert_int_equal(dom.maps - dom.unmaps, live);
	assert_int_equal(dmp_domain_check(f->dom), 0);
}

void fixture_teardown(struct fixture *f)
{
	fixture_check(f, 0);
	dmp_sim_agent_destroy(f->agent);
	if (f->dom) {
		assert_int_equal(dmp_device_detach(f->dev), 0);
		assert_int_equal(dmp_domain_destroy(f->dom), 0);
	}
	assert_int_equal(dmp_device_destroy(f->dev), 0);
	if (f->tlb)
		assert_int_equal(dmp_swiotlb_destroy(f->tlb), 0);
	assert_int_equal(dmp_sim_destroy(f->sim), 0);
	dmp_rcu_barrier();
	dmp_log_set_sink(NULL, NULL);
	assert_int_equal(dmp_meta_in_use(), f->meta_before);
}

uint64_t fixture_slots(struct fixture *f)
{
	struct dmp_swiotlb_stats stats;

	assert_int_equal(dmp_swiotlb_get_stats(f->tlb, &stats, sizeof(stats)), 0);
	return stats.used;
}

void *fixture_ram(struct fixture *f, uint64_t len, unsigned char fill)
{
	void *buf = NULL;

	assert_int_equal(dmp_hw_alloc(f->hw, len, &buf), 0);
	memset(buf, fill, len);
	return buf;
}

void fixture_ram_free(struct fixture *f, void *buf, uint64_t len)
{
	assert_int_equal(dmp_hw_free(f->hw, buf, len), 0);
}

int fixture_fault(struct fixture *f, struct dmp_fault *fault)
{
	return dmp_hw_fault_next(f->hw, fault) ? -1 : (int)fault->reason;
}
