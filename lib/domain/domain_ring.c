// SPDX-License-Identifier: MIT
/*
 * domain_ring.c - rings of a domain's queue: where a range waits, and how it leaves
 *
 *            head         tail
 *     entry [ . 4 4 5 7 7 . . ]     mask + 1 places, of which one stays empty
 *
 *     push      at the tail, with the number of flushes begun so far
 *     release   from the head on while number < finished: table pages, then the address, which
 *               lands in the cache of the CPU that releases, whichever queued it; on reuse
 *               table pages only, the address has gone back long since
 *     drop      the domain goes: table pages only
 *
 * A ring belongs to a CPU's number, not to a thread: it is made at that number's first unmap,
 * keeps what a thread leaves in it when it exits, and goes with the queue.  A thread that gets
 * none, for want of memory or because a thread that shares its number is just making it, does
 * without.
 *
 * Invariants, Locking, Ordering: domain_flushq.h; here are Q2 and Q3, (r), and both ends of
 *  [RING].
 *
 * Source: spec-iova 3.1, 3.2.2, 3.2.8, 3.2.9.
 */
#include "domain_flushq.h"

enum { RING_NEW, RING_STARTING, RING_READY };

/* Made, found. */

static bool ring_is_ready(struct flushq_ring *ring)
{
	return load_acquire(&ring->state) == RING_READY; /* [RING] */
}

/* False while another thread that shares this CPU number is making it. */
static bool start_ring(struct flushq_ring *ring)
{
	uint32_t state = RING_NEW;

	if (!cas_acq_rel(&ring->state, &state, RING_STARTING))
		return state == RING_READY;
	dmp_lock_init(&ring->ring_lock, RANK_FLUSHQ, "domain: a flush ring");
	store_release(&ring->state, RING_READY); /* [RING] */
	return true;
}

static void lacks_ring(struct flushq *fq)
{
	/* relaxed: whether a line is logged */
	if (load_relaxed(&fq->lacked_ring) != 0 || xchg_acq_rel(&fq->lacked_ring, 1) != 0)
		return;
	dmp_log(DMP_LOG_WARN,
		"domain: no memory for the flush queue of CPU %u: it unmaps strictly while there "
		"is none",
		dmp_cpu());
}

struct flushq_ring *flushq_ring(struct flushq *fq)
{
	struct flushq_ring *ring = fq->single ? fq->single : dmp_percpu_get(&fq->rings);

	if (!ring) {
		lacks_ring(fq);
		return NULL;
	}
	return ring_is_ready(ring) || start_ring(ring) ? ring : NULL;
}

/* The ring of @cpu, or the only one as that of CPU 0; NULL: there is none. */
static struct flushq_ring *ring_of(struct flushq *fq, unsigned cpu)
{
	struct flushq_ring *ring;

	if (fq->single)
		return cpu == 0 ? fq->single : NULL;
	ring = dmp_percpu_peek(&fq->rings, cpu);
	return ring && ring_is_ready(ring) ? ring : NULL;
}

typedef void (*visit_locked_fn)(struct flushq *fq, struct flushq_ring *ring, void *ctx);

/* Every ring, locked one after another. */
static void visit_rings(struct flushq *fq, visit_locked_fn fn, void *ctx)
{
	for (unsigned cpu = 0; cpu < dmp_cpu_limit(); cpu++) {
		struct flushq_ring *ring = ring_of(fq, cpu);

		if (!ring)
			continue;
		dmp_lock_acquire(&ring->ring_lock);
		fn(fq, ring, ctx);
		dmp_lock_release(&ring->ring_lock);
	}
}

/* Positions. */

static bool is_empty(const struct flushq_ring *ring)
{
	return ring->head == ring->tail;
}

/* An empty one has room for a range of any size. */
bool ring_is_full_locked(struct flushq *fq, struct flushq_ring *ring, uint64_t npages)
{
	dmp_lock_assert_held(&ring->ring_lock);
	if (is_empty(ring))
		return false;
	return ((ring->tail + 1) & fq->mask) == ring->head || ring->pages > fq->pages_max ||
	       npages > fq->pages_max - ring->pages;
}

uint64_t ring_count(struct flushq *fq, unsigned cpu)
{
	struct flushq_ring *ring = ring_of(fq, cpu);

	return ring ? (ring->tail - ring->head) & fq->mask : 0;
}

/* Push. */

void ring_push_locked(struct flushq *fq, struct flushq_ring *ring, const struct flushq_range *range)
{
	dmp_lock_assert_held(&ring->ring_lock);
	ring->entry[ring->tail] = (struct flushq_entry){
		.range = *range, .number = load_acquire(&fq->started), /* [UNMAP], [TIMER] */
	};
	ring->tail = (ring->tail + 1) & fq->mask;
	ring->pages += range->npages;
	if (range->is_free)
		return;
	ring->tally.nqueued++;
	ring->tally.pages_queued += range->npages;
}

/* Release. */

/* From the unmap to the end of the first flush that covered it. */
static uint64_t exposure_ns(struct flushq *fq, const struct flushq_entry *entry, uint64_t finished)
{
	uint64_t covered_by = entry->number + 1, end_ns;

	if (!flushq_measures_exposure(fq))
		return 0;
	if (finished - covered_by >= FLUSHQ_ENDS)
		covered_by = finished - FLUSHQ_ENDS + 1;
	/* relaxed: [ENDED] by way of finished; a later end, if it has just been overwritten */
	end_ns = load_relaxed(&fq->ended_ns[covered_by % FLUSHQ_ENDS]);
	return end_ns > entry->range.unmapped_ns ? end_ns - entry->range.unmapped_ns : 0;
}

static void tell_released(const struct dmp_domain *dom, const struct flushq_range *range,
			  uint64_t exposed_ns)
{
	if (dom->watch.released)
		dom->watch.released(dom->opts.watch_ctx, range->pfn << dom->granule_shift,
				    range->npages << dom->granule_shift, exposed_ns);
}

static void count_released(struct flushq_tally *tally, const struct flushq_range *range,
			   uint64_t exposed_ns)
{
	tally->nreleased++;
	tally->pages_released += range->npages;
	tally->exposed_ns += exposed_ns;
	if (tally->exposed_max_ns < exposed_ns)
		tally->exposed_max_ns = exposed_ns;
}

/* Q2 holds: what nobody can reach any more is free. */
static void let_go(struct flushq *fq, struct flushq_ring *ring, const struct flushq_entry *entry,
		   uint64_t finished)
{
	uint64_t exposed_ns = exposure_ns(fq, entry, finished);
	struct dmp_domain *dom = fq->dom;

	dmp_iommu_free_tables(dom->iommu, entry->range.tables);
	ring->pages -= entry->range.npages;
	if (entry->range.is_free)
		return;
	domain_free_pfn(dom, entry->range.pfn, entry->range.npages);
	tell_released(dom, &entry->range, exposed_ns);
	count_released(&ring->tally, &entry->range, exposed_ns);
	if (dom->exposure)
		domain_exposure_ended(dom, entry->range.npages << dom->granule_shift, exposed_ns);
}

void ring_release_locked(struct flushq *fq, struct flushq_ring *ring)
{
	uint64_t finished = load_acquire(&fq->finished); /* [ENDED] */

	dmp_lock_assert_held(&ring->ring_lock);
	for (; !is_empty(ring) && ring->entry[ring->head].number < finished;
	     ring->head = (ring->head + 1) & fq->mask)
		let_go(fq, ring, &ring->entry[ring->head], finished);
}

static void release_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	(void)ctx;
	ring_release_locked(fq, ring);
}

void rings_release(struct flushq *fq)
{
	visit_rings(fq, release_visit, NULL);
}

/* Life. */

static size_t ring_bytes(const struct flushq *fq)
{
	return sizeof(struct flushq_ring) + ((size_t)fq->mask + 1) * sizeof(struct flushq_entry);
}

bool rings_create(struct flushq *fq)
{
	if (fq->policy != DMP_FLUSH_LAZY_SINGLE) {
		dmp_percpu_init(&fq->rings, ring_bytes(fq));
		return true;
	}
	fq->single = dmp_meta_alloc(DMP_META_PERCPU, ring_bytes(fq));
	return fq->single && start_ring(fq->single);
}

static void drop_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	(void)ctx;
	for (; !is_empty(ring); ring->head = (ring->head + 1) & fq->mask)
		dmp_iommu_free_tables(fq->dom->iommu, ring->entry[ring->head].range.tables);
}

/* spec-iova 3.2.9 */
void rings_destroy(struct flushq *fq)
{
	visit_rings(fq, drop_visit, NULL);
	for (unsigned cpu = 0; cpu < dmp_cpu_limit(); cpu++) {
		struct flushq_ring *ring = ring_of(fq, cpu);

		if (ring)
			dmp_lock_destroy(&ring->ring_lock);
	}
	if (fq->single)
		dmp_meta_free(fq->single, ring_bytes(fq));
	dmp_percpu_destroy(&fq->rings);
}

/* Reports. */

static void tally_add(struct flushq_tally *sum, const struct flushq_tally *more)
{
	sum->nqueued += more->nqueued;
	sum->nreleased += more->nreleased;
	sum->pages_queued += more->pages_queued;
	sum->pages_released += more->pages_released;
	sum->exposed_ns += more->exposed_ns;
	if (sum->exposed_max_ns < more->exposed_max_ns)
		sum->exposed_max_ns = more->exposed_max_ns;
}

static void side_add(struct dmp_exposure_side *could, uint64_t bytes, uint64_t ns, bool is_open)
{
	could->windows++;
	could->bytes = dmp_add_saturated(could->bytes, bytes);
	could->byte_ns = dmp_add_saturated(could->byte_ns, dmp_mul_saturated(bytes, ns));
	if (!is_open) {
		dmp_spread_add(&could->ns, ns);
		return;
	}
	could->open++;
	could->open_bytes = dmp_add_saturated(could->open_bytes, bytes);
	if (could->open_oldest_ns < ns)
		could->open_oldest_ns = ns;
}

/* Q2: what a flush has covered is out of reach, also before it is released. */
static void exposure_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	uint64_t finished = load_acquire(&fq->finished), now_ns = dmp_clock_now_ns(); /* [ENDED] */

	for (uint32_t at = ring->head; at != ring->tail; at = (at + 1) & fq->mask) {
		const struct flushq_entry *entry = &ring->entry[at];

		if (entry->range.is_free)
			continue;
		bool is_open = entry->number >= finished;
		uint64_t ns = is_open ? now_ns - entry->range.unmapped_ns
				      : exposure_ns(fq, entry, finished);

		side_add(ctx, entry->range.npages << fq->dom->granule_shift, ns, is_open);
	}
}

void flushq_exposure(struct flushq *fq, struct dmp_exposure_side *could)
{
	visit_rings(fq, exposure_visit, could);
}

static void tally_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	(void)fq;
	tally_add(ctx, &ring->tally);
}

void flushq_tally(struct flushq *fq, struct flushq_tally *sum)
{
	visit_rings(fq, tally_visit, sum);
}
