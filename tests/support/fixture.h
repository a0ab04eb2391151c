/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - a simulated machine with a domain, a device and an agent, in one call
 *
 *   struct fixture f;
 *   fixture_setup(&f, &FIXTURE(.translated = true, .device.dma_mask = DMP_MASK(32)));
 *   ...
 *   fixture_teardown(&f);
 *
 * Teardown is half of every test: it asserts that nothing is mapped, runs every walker,
 * destroys everything in order and sees that no bookkeeping memory is left.  Both use
 * CMocka's asserts: the test's own thread only.
 */
#ifndef DMAPOOL_TEST_FIXTURE_H
#define DMAPOOL_TEST_FIXTURE_H

#include <dmapool/dma.h>
#include <dmapool/sim.h>

struct fixture_want {
	bool translated;     /* a domain is created and the device attached to it */
	uint32_t sim_flags;  /* DMP_SIM_* */
	bool no_shim;        /* the machine's calls are not checked: nothing serialises threads */
	bool walk_caches;    /* a walk may begin at a table that is remembered, of any level */
	const char *profile; /* of costs, which take time; NULL: nothing costs any */
	const char *format;  /* of tables; NULL: the default */
	struct dmp_device_opts device;   /* its size is set by FIXTURE() */
	struct dmp_domain_opts domain;   /* likewise */
	bool bounces;                    /* a bounce allocator is created and given to the device */
	struct dmp_swiotlb_opts swiotlb; /* its size is set by FIXTURE() */
};
#define FIXTURE(...)                                                                               \
	((struct fixture_want){.device.size = sizeof(struct dmp_device_opts),                      \
			       .domain.size = sizeof(struct dmp_domain_opts),                      \
			       .swiotlb.size = sizeof(struct dmp_swiotlb_opts),                    \
			       __VA_ARGS__})

struct fixture {
	struct dmp_sim *sim;
	struct dmp_hw *hw;       /* the sim's */
	struct dmp_domain *dom;  /* NULL unless translated */
	struct dmp_swiotlb *tlb; /* NULL unless it bounces */
	struct dmp_device *dev;
	struct dmp_sim_agent *agent; /* the device's side */
	uint64_t meta_before;        /* dmp_meta_in_use() before anything existed */
};

void fixture_setup(struct fixture *f, const struct fixture_want *want);

/* The part of a teardown that can be asked for in the middle of a test: walkers, and counters
 * that agree with @live mappings. */
void fixture_check(struct fixture *f, uint64_t live);

void fixture_teardown(struct fixture *f);

/* Slots in use now. */
uint64_t fixture_slots(struct fixture *f);

/* @len bytes of the machine's RAM, filled with @fill. */
void *fixture_ram(struct fixture *f, uint64_t len, unsigned char fill);
void fixture_ram_free(struct fixture *f, void *buf, uint64_t len);

/* Takes the oldest fault record; its reason, or -1 if none waits. */
int fixture_fault(struct fixture *f, struct dmp_fault *fault);

/* Log lines are swallowed and counted from fixture_setup() to fixture_teardown(). */
uint64_t fixture_log_lines(enum dmp_log_level level);
void fixture_log_clear(void);

#endif
