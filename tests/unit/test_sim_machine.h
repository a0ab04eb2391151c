/* SPDX-License-Identifier: MIT */
/*
 * test_sim_machine.h - a machine for the tests of sim/, used through its ops table
 *
 * A fixture makes the machine; a test may add one domain, one device attached to it and one
 * agent of that device.  The teardown runs the walkers, takes everything down and sees that
 * no bookkeeping memory is left.
 */
#ifndef DMAPOOL_TEST_SIM_MACHINE_H
#define DMAPOOL_TEST_SIM_MACHINE_H

#include "dmptest.h"
#include "sim_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define PAGE   DMP_PAGE_BYTES
#define RW     (DMP_PROT_READ | DMP_PROT_WRITE)

struct machine {
	struct dmp_sim *sim;
	const struct dmp_hw_ops *ops;
	void *dom;
	uint32_t device;
	struct dmp_sim_agent *agent;
	bool has_device;
	uint64_t meta_before;
	char log[512]; /* the last line */
	unsigned nlines;
};

static inline void machine_log(void *ctx, enum dmp_log_level level, const char *line)
{
	struct machine *m = ctx;

	(void)level;
	snprintf(m->log, sizeof(m->log), "%s", line);
	m->nlines++;
}

static inline struct machine *machine_create(const struct dmp_sim_opts *opts)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	dmp_log_set_sink(machine_log, m);
	m->meta_before = dmp_meta_in_use();
	assert_int_equal(dmp_sim_create(opts, &m->sim), 0);
	m->ops = &m->sim->ops;
	return m;
}

static inline void machine_add_device(struct machine *m)
{
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};

	assert_int_equal(m->ops->device_add(m->sim, &desc, &m->device), 0);
	assert_int_equal(dmp_sim_agent_create(m->sim, m->device, &m->agent), 0);
	m->has_device = true;
}

static inline void machine_add_domain(struct machine *m)
{
	struct dmp_hw_domain_info info = {.size = sizeof(info)};

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &m->dom, &info), 0);
	assert_int_equal(info.page_sizes, m->sim->format.page_sizes);
}

/* A domain, a device attached to it, an agent. */
static inline void machine_add_all(struct machine *m)
{
	machine_add_device(m);
	machine_add_domain(m);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
}

static inline void machine_destroy(struct machine *m)
{
	assert_int_equal(dmp_sim_check(m->sim), 0);
	if (m->dom && m->has_device)
		m->ops->domain_detach(m->sim, m->dom, m->device);
	if (m->dom)
		m->ops->domain_destroy(m->sim, m->dom);
	if (m->has_device) {
		dmp_sim_agent_destroy(m->agent);
		m->ops->device_remove(m->sim, m->device);
	}
	assert_int_equal(dmp_sim_check(m->sim), 0);
	assert_int_equal(dmp_sim_destroy(m->sim), 0);
	assert_int_equal(dmp_meta_in_use(), m->meta_before);
	dmp_log_set_sink(NULL, NULL);
	free(m);
}

/* The usual fixture: 8 GiB, a domain, a device, an agent. */
static inline int machine_setup(void **state)
{
	struct machine *m = machine_create(NULL);

	machine_add_all(m);
	*state = m;
	return 0;
}

static inline int machine_setup_bare(void **state)
{
	*state = machine_create(NULL);
	return 0;
}

static inline int machine_teardown(void **state)
{
	machine_destroy(*state);
	return 0;
}

static inline struct dmp_sim_stats machine_stats(struct machine *m)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(m->sim, &stats, sizeof(stats)), 0);
	return stats;
}

static inline uint64_t machine_phys_of(struct machine *m, dmp_iova_t iova)
{
	dmp_phys_t phys = 1; /* no page begins there */

	(void)m->ops->iova_to_phys(m->sim, m->dom, iova, &phys);
	return phys;
}

static inline uint64_t machine_live_tables(struct machine *m)
{
	struct dmp_sim_stats stats = machine_stats(m);

	return stats.tables_allocated - stats.tables_freed;
}

/* A block of RAM and where it can be seen. */
static inline dmp_phys_t machine_ram(struct machine *m, unsigned order, unsigned char **buf)
{
	dmp_phys_t phys;
	void *at;

	assert_int_equal(m->ops->mem_alloc(m->sim, DMP_ZONE_ANY, order, 0, &phys), 0);
	assert_int_equal(m->ops->phys_to_buf(m->sim, phys, PAGE << order, &at), 0);
	if (buf)
		*buf = at;
	return phys;
}

static inline int machine_map(struct machine *m, dmp_iova_t iova, dmp_phys_t phys,
			      uint64_t page_bytes, uint64_t npages, unsigned prot)
{
	uint64_t mapped = 0;
	int err = m->ops->map_pages(m->sim, m->dom, iova, phys, page_bytes, npages, prot, &mapped);

	assert_true(err || mapped == npages * page_bytes);
	return err;
}

#define EMPTY_GATHER ((struct dmp_gather){.start = UINT64_MAX})

/* Unmap and keep the books of the gather as the library does; returns bytes. */
static inline uint64_t machine_unmap(struct machine *m, dmp_iova_t iova, uint64_t page_bytes,
				     uint64_t npages, struct dmp_gather *gather)
{
	uint64_t done = m->ops->unmap_pages(m->sim, m->dom, iova, page_bytes, npages, gather);

	if (done && iova < gather->start)
		gather->start = iova;
	if (done && iova + done - 1 > gather->end)
		gather->end = iova + done - 1;
	return done;
}

/* Flush what a gather holds and free its tables. */
static inline int machine_flush(struct machine *m, struct dmp_gather *gather)
{
	int err = m->ops->flush_gather(m->sim, m->dom, gather);

	if (!err) {
		m->ops->free_tables(m->sim, m->dom, gather->tables);
		*gather = EMPTY_GATHER;
	}
	return err;
}

/* Unmap and flush at once. */
static inline uint64_t machine_unmap_strict(struct machine *m, dmp_iova_t iova, uint64_t page_bytes,
					    uint64_t npages)
{
	struct dmp_gather gather = EMPTY_GATHER;
	uint64_t done = machine_unmap(m, iova, page_bytes, npages, &gather);

	assert_int_equal(machine_flush(m, &gather), 0);
	return done;
}

/* The oldest fault record's reason; -1: there is none. */
static inline int machine_fault(struct machine *m)
{
	struct dmp_fault fault;

	return m->ops->fault_next(m->sim, &fault) ? -1 : (int)fault.reason;
}

#endif
