// SPDX-License-Identifier: MIT
/*
 * conform_queue.c - the lazy flush queue as the q vectors see it
 *
 *   vectors                             here
 *   queue percpu|single CPUS N MS       dmp_harness_enter(CPUS), a simulated machine, and
 *                                       dmp_domain_create() lazy, N entries, MS timeout
 *   alloc_fast CPU SIZE LIMIT 1         dmp_harness_become(CPU), dmp_domain_map()
 *   enqueue CPU PFN SIZE = EV...        dmp_harness_become(CPU), dmp_domain_unmap()
 *   tick MS CPU = EV...                 dmp_harness_become(CPU), dmp_harness_advance()
 *   qstate = S F T N...                 dmp_domain_inspect_flushq()
 *
 * The events are what the domain's watch is told: a flush of the machine, an address that
 * is free again.  What stands behind an address does not matter, so every mapping leads to
 * the start of the machine's memory.
 *
 * Uses the public calls alone.
 */
#include "conform.h"

#include <dmapool/domain.h>
#include <dmapool/harness.h>
#include <dmapool/sim.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define GRANULE UINT64_C(4096)
#define NS_A_MS UINT64_C(1000000)

struct conform_queue {
	struct dmp_sim *sim;
	struct dmp_domain *dom;
	unsigned nqueues; /* rings that qstate tells */
	char *got;        /* where events are told; NULL: nobody asks */
};

void conform_say_word(char *got, const char *word)
{
	conform_say(got, "%s%s", *got ? " " : "", word);
}

static void note_flushed(void *ctx, enum dmp_flush_cause cause, int err)
{
	struct conform_queue *queue = ctx;

	if (!queue->got)
		return;
	if (cause == DMP_FLUSH_CAUSE_TIMER)
		conform_say_word(queue->got, "timer");
	conform_say_word(queue->got, err ? "failed" : "flush");
}

static void note_released(void *ctx, dmp_iova_t iova, uint64_t len, uint64_t exposed_ns)
{
	struct conform_queue *queue = ctx;
	char pfn[2 + 16 + 1];

	(void)len;
	(void)exposed_ns;
	if (!queue->got)
		return;
	snprintf(pfn, sizeof(pfn), "0x%" PRIx64, iova / GRANULE);
	conform_say_word(queue->got, pfn);
}

static const struct dmp_flush_watch watch = {
	.size = sizeof(watch),
	.flushed = note_flushed,
	.released = note_released,
};

static int create_domain(struct conform_queue *queue, enum dmp_flush_policy policy,
			 uint64_t entries, uint64_t timeout_ms)
{
	if (entries > UINT32_MAX || timeout_ms > UINT64_MAX / NS_A_MS)
		return -EINVAL;
	return dmp_domain_create(dmp_sim_hw(queue->sim),
				 &DMP_DOMAIN_OPTS(.flush = policy,
						  .flushq_entries = (uint32_t)entries,
						  .flushq_timeout_ns = timeout_ms * NS_A_MS,
						  .watch = &watch, .watch_ctx = queue),
				 &queue->dom);
}

int conform_queue_create(const uint64_t *arg, struct conform_queue **out)
{
	enum dmp_flush_policy policy = (enum dmp_flush_policy)arg[0];
	struct conform_queue *queue = calloc(1, sizeof(*queue));
	int err;

	if (!queue)
		return -ENOMEM;
	queue->nqueues = policy == DMP_FLUSH_LAZY ? (unsigned)arg[1] : 1;
	err = dmp_sim_create(&DMP_SIM_OPTS(.hw_flags = DMP_HW_CHECK), &queue->sim);
	if (err)
		goto free_queue;
	err = create_domain(queue, policy, arg[2], arg[3]);
	if (err)
		goto destroy_sim;
	*out = queue;
	return 0;

destroy_sim:
	dmp_sim_destroy(queue->sim);
free_queue:
	free(queue);
	return err;
}

struct dmp_iova_domain *conform_queue_iova(struct conform_queue *queue)
{
	return dmp_domain_iova(queue->dom);
}

const char *conform_queue_check(struct conform_queue *queue)
{
	if (dmp_domain_check(queue->dom) || dmp_sim_check(queue->sim))
		return "the walkers found an inconsistency";
	return NULL;
}

const char *conform_queue_destroy(struct conform_queue *queue)
{
	const char *trouble = NULL;

	if (dmp_domain_destroy(queue->dom) || dmp_sim_destroy(queue->sim))
		trouble = "the queue left something behind";
	free(queue);
	return trouble;
}

int conform_queue_map(struct conform_queue *queue, uint64_t size, uint64_t limit_pfn, uint64_t *pfn)
{
	dmp_iova_t iova;
	int err;

	if (size > UINT64_MAX / GRANULE || limit_pfn >= UINT64_MAX / GRANULE)
		return -EINVAL;
	err = dmp_domain_map(queue->dom, 0, size * GRANULE, DMP_PROT_READ,
			     (limit_pfn + 1) * GRANULE - 1, &iova);
	if (!err)
		*pfn = iova / GRANULE;
	return err;
}

int conform_queue_unmap(struct conform_queue *queue, uint64_t pfn, uint64_t size, char *got)
{
	int err;

	if (size > UINT64_MAX / GRANULE || pfn > UINT64_MAX / GRANULE)
		return -EINVAL;
	queue->got = got;
	err = dmp_domain_unmap(queue->dom, pfn * GRANULE, size * GRANULE);
	queue->got = NULL;
	return err;
}

void conform_queue_tick(struct conform_queue *queue, uint64_t ms, char *got)
{
	queue->got = got;
	dmp_harness_advance(ms * NS_A_MS);
	queue->got = NULL;
}

int conform_queue_state(struct conform_queue *queue, unsigned cpu, struct dmp_flushq_state *state)
{
	return cpu < queue->nqueues ? dmp_domain_inspect_flushq(queue->dom, cpu, state) : -ENOENT;
}
