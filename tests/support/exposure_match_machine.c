// SPDX-License-Identifier: MIT
/*
 * exposure_match_machine.c - machine, domains, devices, memory: made, and taken back
 *
 * A TLB whose ways are given has one set, so that which entry makes room is the least recently
 * used of all; another one is so large that none does.
 */
#include "exposure_match_internal.h"

#define RAM_BYTES    (UINT64_C(128) << 20)
#define MEMORY_BYTES (UINT64_C(32) << 20)

static void make_sim(struct match *m)
{
	const struct exposure_case *c = m->c;
	struct dmp_sim_opts opts =
		DMP_SIM_OPTS(.ram_bytes = RAM_BYTES, .hw_flags = DMP_HW_CHECK, .format = c->format,
			     .flags = c->touches ? DMP_SIM_TOUCH_STALE : 0, .iotlbs = c->iotlbs,
			     .iotlb_sets = c->ways ? 1 : 256, .iotlb_ways = c->ways ? c->ways : 64,
			     .iotlb_page_bytes = c->iotlb_page_bytes);

	if (c->devtlbs) {
		opts.devtlb_sets = c->devtlb_ways ? 1 : 256;
		opts.devtlb_ways = c->devtlb_ways ? c->devtlb_ways : 64;
	}
	assert_int_equal(dmp_sim_create(&opts, &m->sim), 0);
	m->ram = dmp_sim_ram(m->sim, 0, 1);
}

static void make_domains(struct match *m)
{
	bool on_reuse = m->c->flush == DMP_FLUSH_ON_REUSE;

	for (unsigned dom = 0; dom < EXPOSED_DOMAINS; dom++) {
		struct dmp_domain_opts opts =
			DMP_DOMAIN_OPTS(.flags = DMP_DOMAIN_EXPOSURE, .flush = m->c->flush,
					.flushq_entries = m->c->entries,
					.watch = &match_flush_watch,
					.watch_ctx = match_listen(m, dom),
					.exposure_watch = &match_exposure_watch,
					.exposure_ctx = match_listen(m, dom),
					.policy = on_reuse ? &dmp_iova_policy_bitmap : NULL);

		assert_int_equal(dmp_domain_create(dmp_sim_hw(m->sim), &opts, &m->dom[dom]), 0);
	}
	m->granule = dmp_domain_granule(m->dom[0]);
}

/* On reuse there are 255 granules of addresses, so that no more unmaps than are exact wait. */
static void make_devices(struct match *m, struct exposed_shape *shape)
{
	uint64_t mask = m->c->flush == DMP_FLUSH_ON_REUSE ? m->granule * 256 - 1 : UINT32_MAX;

	for (unsigned i = 0; i < EXPOSED_DEVICES; i++) {
		shape->dom_of[i] = i - (i > 0);
		assert_int_equal(dmp_device_create(dmp_sim_hw(m->sim),
						   &DMP_DEVICE_OPTS(.dma_mask = mask), &m->dev[i]),
				 0);
		assert_int_equal(dmp_device_attach(m->dev[i], m->dom[shape->dom_of[i]]), 0);
		shape->device_id[i] = dmp_device_id(m->dev[i]);
		assert_int_equal(dmp_sim_agent_create(m->sim, shape->device_id[i], &m->agent[i]),
				 0);
	}
}

static void make_memory(struct match *m)
{
	void *buf;

	assert_int_equal(dmp_hw_alloc(dmp_sim_hw(m->sim), MEMORY_BYTES, &buf), 0);
	m->memory = buf;
	m->big = m->memory + (MATCH_BIG - match_phys(m, buf) % MATCH_BIG) % MATCH_BIG;
	m->pages = m->big + MATCH_BIG_ROOM;
}

void match_up(struct match *m)
{
	const struct exposure_case *c = m->c;
	struct exposed_shape shape = {
		.page_sizes = c->page_sizes,
		.iotlbs = c->iotlbs,
		.iotlb_ways = c->ways,
		.iotlb_page_bytes = c->iotlb_page_bytes ? c->iotlb_page_bytes : DMP_PAGE_BYTES,
		.has_devtlbs = c->devtlbs,
		.devtlb_ways = c->devtlb_ways,
		.at_once = c->flush == DMP_FLUSH_STRICT || c->flush == DMP_FLUSH_GUEST,
		.touches = c->touches};

	assert_int_equal(dmp_harness_enter(MATCH_CPUS), 0);
	make_sim(m);
	make_domains(m);
	make_devices(m, &shape);
	make_memory(m);
	shape.granule = m->granule;
	exposed_begin(m->model, &shape);
	exposed_at(m->model, dmp_clock_now_ns());
}

void match_down(struct match *m)
{
	struct dmp_hw *hw = dmp_sim_hw(m->sim);

	for (unsigned i = 0; i < MATCH_SPARES; i++)
		if (m->spare[i])
			assert_int_equal(dmp_hw_free(hw, m->spare[i], 2 * m->granule), 0);
	assert_int_equal(dmp_hw_free(hw, m->memory, MEMORY_BYTES), 0);
	for (unsigned i = 0; i < EXPOSED_DEVICES; i++) {
		dmp_sim_agent_destroy(m->agent[i]);
		assert_int_equal(dmp_device_detach(m->dev[i]), 0);
		assert_int_equal(dmp_device_destroy(m->dev[i]), 0);
	}
	for (unsigned i = 0; i < EXPOSED_DOMAINS; i++) {
		assert_int_equal(dmp_domain_check(m->dom[i]), 0);
		assert_int_equal(dmp_domain_destroy(m->dom[i]), 0);
	}
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(dmp_sim_destroy(m->sim), 0);
	assert_int_equal(dmp_harness_leave(), 0);
}
