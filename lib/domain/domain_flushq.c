// SPDX-License-Identifier: MIT
/*
 * domain_flushq.c - lazy flushing: rings of ranges that wait for one flush of the domain
 *
 *   unmap on CPU 0    unmap on CPU 1         enum DMP_FLUSH_LAZY; SINGLE has one ring for all
 *         |                 |
 *         v tail            v tail
 *     [.33322.....]     [....332..]          the number: flushes started before it was queued
 *        head               head
 *         |                 |
 *         +-- release: from the head on, what is older than the last flush that ended:
 *             table pages, address
 *
 *   started   +1 ------ invalidate everything ------ +1   finished
 *                          fails: started -1
 *
 * A flush is made by an unmap that finds its ring full, by the timer, or on demand.  Whoever
 * queues when no timer is armed arms it, so that a range waits for one timeout at most.
 *
 * Invariants:
 *  Q1  started = finished + flushes in progress;
 *  Q2  an entry is released when finished > its number.  Of the flushes in progress when it was
 *      queued, that many at most have ended since its number was read, so one has that
 *      began later;
 *  Q3  numbers do not fall from head to tail, so that release stops at the first too young;
 *  Q4  while something is queued the timer is armed, or runs and will look at it, or whoever
 *      queued it is about to arm it;
 *  Q5  a flush that fails releases nothing and loses nothing: what it would have covered waits
 *      for the next, for which the timer is armed.
 *
 * A ring that is still full after a flush takes no more.  If that flush worked, the range in
 * hand need not be queued: its tables were cleared before the flush began.  If it failed, the
 * caller is told and withholds the address.
 *
 * Locking: (r) ring_lock, one a ring, rank RANK_FLUSHQ; flushing, freeing tables and freeing
 *  addresses happen with it held, in that order of rank.  (e) end_lock, a leaf: one flush at
 *  a time ends.  (a) atomic; (c) constant after create.
 *
 * Ordering:
 *  [UNMAP] flushq_add: table entries cleared by this thread; fence; then `started` is read
 *          flush: `started` counted; fence; then everything is invalidated
 *          A flush that is not in a range's number has seen its table entries cleared.
 *  [TIMER] run_timer: flag cleared; fence; then the flush is counted
 *          flushq_add: `started` read; then the flag.  A range whose number has the timer's
 *          flush in it, which will not release it, finds the flag clear and arms the timer.
 *  [ENDED] flush_ended: the invalidation is over; then `finished` is stored
 *          release_locked: `finished` loaded; then addresses and tables are reused
 *  [RING]  flushq_ring: ring made; then its state becomes ready
 *          ring_is_ready: state read; then its lock is taken
 *
 * Differs from Linux: a flush can fail (Q5); a ring that stays full does not overflow; the
 *  timer is armed again if it leaves something behind, which a flush in progress elsewhere
 *  still holds up; a CPU is a thread's number, its ring is made on first use and outlives
 *  the thread.
 *
 * Source: spec-iova 3.
 */
#include "domain_internal.h"

/* Latest flushes whose ends are kept.  If more than that have ended when a quiet CPU releases,
 * the exposure of what it had queued is taken to be longer than it was. */
#define FLUSHQ_ENDS 64u

/* A range that waits. */
struct flushq_entry {
	struct flushq_range range;
	uint64_t number;    /* flushes started before it was queued */
	uint64_t queued_ns; /* 0 unless exposure is measured */
};

struct flushq_ring {
	DMP_ATOMIC(uint32_t) state; /* (a) RING_* */
	struct dmp_lock ring_lock;
	uint32_t head, tail;         /* (r) equal: empty */
	struct flushq_tally tally;   /* (r) */
	struct flushq_entry entry[]; /* (r) as many as flushq.mask + 1 */
};

enum { RING_NEW, RING_STARTING, RING_READY };

struct flushq {
	/* Constant after create */
	struct dmp_domain *dom;       /* (c) */
	enum dmp_flush_policy policy; /* (c) lazy or single */
	uint32_t mask;                /* (c) of a position in a ring */
	uint64_t timeout_ns;          /* (c) */
	struct flushq_ring *single;   /* (c) NULL: a ring per CPU */
	struct dmp_percpu rings;      /* struct flushq_ring; the port's */

	/* Written by flushes */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint64_t) started; /* (a) */
	DMP_ATOMIC(uint64_t) finished;                         /* (e) to write; (a) to read */
	DMP_ATOMIC(uint64_t) ended_ns[FLUSHQ_ENDS];            /* (e) to write; (a) to read */
	struct dmp_lock end_lock;
	struct dmp_work timer; /* the port's */

	/* Written once a timeout, or once */
	_Alignas(DMP_CACHE_LINE) DMP_ATOMIC(uint32_t) timer_armed; /* (a) */
	DMP_ATOMIC(uint64_t) timer_due_ns;                         /* (a) */
	DMP_ATOMIC(uint32_t) is_failing;  /* (a) the latest flush failed, which has been logged */
	DMP_ATOMIC(uint32_t) lacked_ring; /* (a) a CPU got no ring, which has been logged */
};

static bool measures_exposure(const struct flushq *fq)
{
	return (fq->dom->opts.flags & DMP_DOMAIN_EXPOSURE) != 0;
}

/* One ring: its positions. */

static bool ring_is_empty(const struct flushq_ring *ring)
{
	return ring->head == ring->tail;
}

static bool ring_is_full(const struct flushq *fq, const struct flushq_ring *ring)
{
	return ((ring->tail + 1) & fq->mask) == ring->head;
}

/* Rings: made, found. */

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

struct flushq_ring *flushq_ring(struct flushq *fq)
{
	struct flushq_ring *ring = fq->single ? fq->single : dmp_percpu_get(&fq->rings);

	if (!ring) {
		if (xchg_acq_rel(&fq->lacked_ring, 1) == 0)
			dmp_log(DMP_LOG_WARN,
				"domain: no memory for the flush queue of CPU %u: it "
				"unmaps strictly while there is none",
				dmp_cpu());
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

/* Release. */

/* From the unmap to the end of the first flush that covers it, number + 1. */
static uint64_t exposure_ns(struct flushq *fq, const struct flushq_entry *entry, uint64_t finished)
{
	uint64_t covered_by = entry->number + 1, end_ns;

	if (!measures_exposure(fq))
		return 0;
	if (finished - covered_by >= FLUSHQ_ENDS)
		covered_by = finished - FLUSHQ_ENDS + 1;
	/* relaxed: [ENDED] by way of finished; a later end, if it has just been overwritten */
	end_ns = load_relaxed(&fq->ended_ns[covered_by % FLUSHQ_ENDS]);
	return end_ns > entry->queued_ns ? end_ns - entry->queued_ns : 0;
}

static void tell_released(struct flushq *fq, const struct flushq_range *range, uint64_t exposed_ns)
{
	const struct dmp_domain *dom = fq->dom;

	if (dom->watch.released)
		dom->watch.released(dom->opts.watch_ctx, range->pfn << dom->granule_shift,
				    range->npages << dom->granule_shift, exposed_ns);
}

/* Q2 holds: what nobody can reach any more is free. */
static void let_go(struct flushq *fq, const struct flushq_range *range, uint64_t exposed_ns)
{
	dmp_iommu_free_tables(fq->dom->iommu, range->tables);
	dmp_iova_free(fq->dom->iova, range->pfn, range->npages);
	tell_released(fq, range, exposed_ns);
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

/* spec-iova 3.2.2 */
static void release_locked(struct flushq *fq, struct flushq_ring *ring)
{
	uint64_t finished = load_acquire(&fq->finished); /* [ENDED] */

	dmp_lock_assert_held(&ring->ring_lock);
	while (!ring_is_empty(ring) && ring->entry[ring->head].number < finished) {
		const struct flushq_entry *entry = &ring->entry[ring->head];
		uint64_t exposed_ns = exposure_ns(fq, entry, finished);

		let_go(fq, &entry->range, exposed_ns);
		count_released(&ring->tally, &entry->range, exposed_ns);
		ring->head = (ring->head + 1) & fq->mask;
	}
}

/* @ctx: bool, set if something stays. */
static void release_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	release_locked(fq, ring);
	if (!ring_is_empty(ring))
		*(bool *)ctx = true;
}

/* The timer. */

static void arm_timer(struct flushq *fq)
{
	/* relaxed: [TIMER] by way of started, or of a ring's lock */
	if (load_relaxed(&fq->timer_armed) != 0 || xchg_acq_rel(&fq->timer_armed, 1) != 0)
		return;
	/* relaxed: for flushq_resume() */
	store_relaxed(&fq->timer_due_ns, dmp_clock_now_ns() + fq->timeout_ns);
	dmp_work_schedule(&fq->timer, fq->timeout_ns);
}

void flushq_pause(struct flushq *fq)
{
	dmp_work_cancel(&fq->timer);
}

void flushq_resume(struct flushq *fq)
{
	/* relaxed, both: nobody else is here */
	uint64_t due_ns = load_relaxed(&fq->timer_due_ns), now_ns = dmp_clock_now_ns();

	if (load_relaxed(&fq->timer_armed) != 0)
		dmp_work_schedule(&fq->timer, due_ns > now_ns ? due_ns - now_ns : 0);
}

/* Flushes. */

static void flush_ended(struct flushq *fq)
{
	uint64_t finished;

	dmp_lock_acquire(&fq->end_lock);
	finished = load_relaxed(&fq->finished) + 1; /* relaxed: under end_lock */
	if (measures_exposure(fq))                  /* relaxed: [ENDED] by way of finished */
		store_relaxed(&fq->ended_ns[finished % FLUSHQ_ENDS], dmp_clock_now_ns());
	store_release(&fq->finished, finished); /* [ENDED] */
	dmp_lock_release(&fq->end_lock);
	store_relaxed(&fq->is_failing, 0); /* relaxed: whether a line is logged */
}

/* Q5 */
static void flush_failed(struct flushq *fq, int err)
{
	/* relaxed: whoever has read the number before waits for one more flush */
	add_relaxed(&fq->started, (uint64_t)-1);
	arm_timer(fq);
	if (xchg_acq_rel(&fq->is_failing, 1) == 0)
		dmp_log(DMP_LOG_WARN, "domain: a flush failed (error %d): what is queued waits",
			err);
}

/* The whole domain, spec-iova 3.2.1. */
static int flush(struct flushq *fq, enum dmp_flush_cause cause)
{
	struct dmp_domain *dom = fq->dom;
	int err;

	fence_seq_cst(); /* [TIMER] the flag before the count */
	add_relaxed(&fq->started, 1);
	fence_seq_cst(); /* [UNMAP] the count before the invalidation */
	err = domain_flush_all(dom, cause);
	if (err)
		flush_failed(fq, err);
	else
		flush_ended(fq);
	if (dom->watch.flushed)
		dom->watch.flushed(dom->opts.watch_ctx, cause, err);
	return err;
}

/* @stays: is anything queued afterwards? */
static int flush_and_release(struct flushq *fq, enum dmp_flush_cause cause, bool *stays)
{
	int err = flush(fq, cause);

	*stays = false;
	visit_rings(fq, release_visit, stays);
	return err;
}

int flushq_flush(struct flushq *fq)
{
	bool stays;

	return flush_and_release(fq, DMP_FLUSH_CAUSE_ASKED, &stays);
}

/* spec-iova 3.2.4 */
static void run_timer(struct dmp_work *work)
{
	struct flushq *fq = (struct flushq *)((char *)work - offsetof(struct flushq, timer));
	bool stays;

	store_relaxed(&fq->timer_armed, 0); /* [TIMER] the fence is in flush() */
	flush_and_release(fq, DMP_FLUSH_CAUSE_TIMER, &stays);
	if (stays)
		arm_timer(fq);
}

/* Queue. */

static void push_locked(struct flushq *fq, struct flushq_ring *ring,
			const struct flushq_range *range)
{
	ring->entry[ring->tail] = (struct flushq_entry){
		.range = *range,
		.number = load_acquire(&fq->started), /* [UNMAP], [TIMER] */
		.queued_ns = measures_exposure(fq) ? dmp_clock_now_ns() : 0,
	};
	ring->tail = (ring->tail + 1) & fq->mask;
	ring->tally.nqueued++;
	ring->tally.pages_queued += range->npages;
}

/* spec-iova 3.2.3, with the ring locked */
static int add_locked(struct flushq *fq, struct flushq_ring *ring, const struct flushq_range *range)
{
	int err = 0;

	dmp_lock_assert_held(&ring->ring_lock);
	release_locked(fq, ring);
	if (ring_is_full(fq, ring)) {
		err = flush(fq, DMP_FLUSH_CAUSE_FULL);
		release_locked(fq, ring);
	}
	if (!ring_is_full(fq, ring)) {
		push_locked(fq, ring, range);
		return 0;
	}
	if (!err)
		let_go(fq, range, 0);
	return err;
}

int flushq_add(struct flushq *fq, struct flushq_ring *ring, const struct flushq_range *range)
{
	int err;

	fence_seq_cst(); /* [UNMAP] table entries before the number */
	dmp_lock_acquire(&ring->ring_lock);
	err = add_locked(fq, ring, range);
	dmp_lock_release(&ring->ring_lock);
	arm_timer(fq);
	return err;
}

/* Life. */

static size_t ring_bytes(const struct flushq *fq)
{
	return sizeof(struct flushq_ring) + ((size_t)fq->mask + 1) * sizeof(struct flushq_entry);
}

/* False: no memory for the only ring. */
static bool create_rings(struct flushq *fq)
{
	if (fq->policy == DMP_FLUSH_LAZY) {
		dmp_percpu_init(&fq->rings, ring_bytes(fq));
		return true;
	}
	fq->single = dmp_meta_alloc(DMP_META_PERCPU, ring_bytes(fq));
	return fq->single && start_ring(fq->single);
}

struct flushq *flushq_create(struct dmp_domain *dom, enum dmp_flush_policy policy)
{
	bool is_single = policy == DMP_FLUSH_LAZY_SINGLE;
	uint32_t entries = is_single ? FLUSHQ_SINGLE_ENTRIES : FLUSHQ_ENTRIES;
	struct flushq *fq = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*fq));

	if (!fq)
		return NULL;
	fq->dom = dom;
	fq->policy = policy;
	fq->mask = (dom->opts.flushq_entries ? dom->opts.flushq_entries : entries) - 1;
	fq->timeout_ns = is_single ? FLUSHQ_SINGLE_TIMEOUT_NS : FLUSHQ_TIMEOUT_NS;
	if (dom->opts.flushq_timeout_ns)
		fq->timeout_ns = dom->opts.flushq_timeout_ns;
	fq->timer.fn = run_timer;
	dmp_lock_init(&fq->end_lock, RANK_LEAF, "domain: the end of a flush");
	if (create_rings(fq))
		return fq;
	dmp_lock_destroy(&fq->end_lock);
	dmp_meta_free(fq, sizeof(*fq));
	return NULL;
}

/* More than one flush only if another that failed was in progress when a range was queued. */
int flushq_drain(struct flushq *fq)
{
	bool stays = true;
	int err = 0;

	flushq_pause(fq);
	store_relaxed(&fq->timer_armed, 0); /* relaxed: nobody else is here */
	while (!err && stays)
		err = flush_and_release(fq, DMP_FLUSH_CAUSE_ASKED, &stays);
	return err;
}

static void drop_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	(void)ctx;
	for (; !ring_is_empty(ring); ring->head = (ring->head + 1) & fq->mask)
		dmp_iommu_free_tables(fq->dom->iommu, ring->entry[ring->head].range.tables);
}

/* spec-iova 3.2.9 */
void flushq_destroy(struct flushq *fq)
{
	flushq_pause(fq);
	visit_rings(fq, drop_visit, NULL);
	for (unsigned cpu = 0; cpu < dmp_cpu_limit(); cpu++) {
		struct flushq_ring *ring = ring_of(fq, cpu);

		if (ring)
			dmp_lock_destroy(&ring->ring_lock);
	}
	if (fq->single)
		dmp_meta_free(fq->single, ring_bytes(fq));
	dmp_percpu_destroy(&fq->rings);
	dmp_lock_destroy(&fq->end_lock);
	dmp_meta_free(fq, sizeof(*fq));
}

/* Reports. */

enum dmp_flush_policy flushq_policy(const struct flushq *fq)
{
	return fq->policy;
}

void flushq_tally_add(struct flushq_tally *sum, const struct flushq_tally *more)
{
	sum->nqueued += more->nqueued;
	sum->nreleased += more->nreleased;
	sum->pages_queued += more->pages_queued;
	sum->pages_released += more->pages_released;
	sum->exposed_ns += more->exposed_ns;
	if (sum->exposed_max_ns < more->exposed_max_ns)
		sum->exposed_max_ns = more->exposed_max_ns;
}

static void tally_visit(struct flushq *fq, struct flushq_ring *ring, void *ctx)
{
	(void)fq;
	flushq_tally_add(ctx, &ring->tally);
}

void flushq_tally(struct flushq *fq, struct flushq_tally *sum)
{
	visit_rings(fq, tally_visit, sum);
}

void flushq_inspect(struct flushq *fq, unsigned cpu, struct dmp_flushq_state *state)
{
	struct flushq_ring *ring = ring_of(fq, cpu);

	state->started = load_acquire(&fq->started);
	state->finished = load_acquire(&fq->finished);
	state->timer_armed = load_acquire(&fq->timer_armed) != 0;
	state->queued = ring ? (ring->tail - ring->head) & fq->mask : 0;
}
