// SPDX-License-Identifier: MIT
/*
 * domain_flushq.c - a domain's queue: when it is flushed
 *
 *     unmap ---- ring full ----.
 *        `-- arms --> timer ---+--> flush the domain --ok--> finished = its number; release
 *     somebody asks -----------'             `--failed--> nothing moves; the timer is armed
 *
 * Manual and on reuse there is no timer: what is queued waits until somebody asks, a ring is
 * full or, on reuse, an address of a new epoch is about to be given out (domain_turn.c).
 *
 * A full ring is flushed and released by the unmap that needs room, with the ring locked; the
 * rings of other CPUs see from finished what they may release, at their next unmap.  The timer
 * and whoever asks go through all rings.  The timer is one, for the first range that is queued
 * while it is off: a range waits for one timeout at most, if flushes work.
 *
 * A ring that is full and cannot be flushed takes no more: the caller of the unmap is told,
 * and the address is withheld.
 *
 * Invariants, Locking, Ordering: domain_flushq.h; here are Q4 and Q5, (e), and [TIMER]; and of
 *  [WANT] the unmap's end.
 *
 * Source: spec-iova 3.2.
 */
#include "domain_flushq.h"

/* The timer. */

static void arm_timer(struct flushq *fq)
{
	if (fq->timeout_ns == 0)
		return;
	/* relaxed: [TIMER] by way of started, or of a ring's lock */
	if (load_relaxed(&fq->timer_armed) != 0 || xchg_acq_rel(&fq->timer_armed, 1) != 0)
		return;
	dmp_work_schedule(&fq->timer, fq->timeout_ns);
}

void flushq_pause(struct flushq *fq)
{
	dmp_work_pause(&fq->timer);
}

void flushq_resume(struct flushq *fq)
{
	dmp_work_resume(&fq->timer);
}

/* Flushes. */

/* What the domain has ever unmapped; maybe less than that, if others unmap beside this. */
static void count_unmapped(struct flushq *fq, uint64_t *nunmaps, uint64_t *pages)
{
	struct counter_set *counts = &fq->dom->counts;

	*nunmaps = counter_sum(counts, DOMAIN_UNMAPS);
	*pages = counter_sum(counts, DOMAIN_BYTES_UNMAPPED) >> fq->dom->granule_shift;
}

/* A flush about to begin. */
struct flush_begun {
	uint64_t number;
	uint64_t nunmaps, pages; /* that it covers, or fewer; on reuse only */
};

static struct flush_begun begin_flush(struct flushq *fq)
{
	struct flush_begun begun = {0};

	if (fq->policy == DMP_FLUSH_ON_REUSE)
		count_unmapped(fq, &begun.nunmaps, &begun.pages);
	fence_seq_cst(); /* [TIMER] the flag before the count */
	begun.number = add_relaxed(&fq->started, 1) + 1;
	fence_seq_cst(); /* [UNMAP] the count before the invalidation and the look for rings */
	return begun;
}

/* @finished comes to @number; after many that have failed there are more than are kept. */
static void note_ends_locked(struct flushq *fq, uint64_t finished, uint64_t number, uint64_t now_ns)
{
	uint64_t n = number > FLUSHQ_ENDS ? number - FLUSHQ_ENDS : 0;

	dmp_lock_assert_held(&fq->end_lock);
	for (n = n > finished ? n : finished; n < number; n++) /* relaxed: [ENDED] */
		store_relaxed(&fq->ended_ns[(n + 1) % FLUSHQ_ENDS], now_ns);
}

/* Q2.  Another that began later may have ended before. */
static void flush_ended(struct flushq *fq, const struct flush_begun *begun)
{
	uint64_t number = begun->number;
	bool measures = flushq_measures_exposure(fq);
	uint64_t now_ns = measures ? dmp_clock_now_ns() : 0, finished;

	dmp_lock_acquire(&fq->end_lock);
	finished = load_relaxed(&fq->finished); /* relaxed: under end_lock */
	if (measures)
		note_ends_locked(fq, finished, number, now_ns);
	if (number > finished) {
		fq->nunmaps = begun->nunmaps;
		fq->pages = begun->pages;
		store_release(&fq->finished, number); /* [ENDED] */
	}
	dmp_lock_release(&fq->end_lock);
	if (measures)
		domain_exposure_flushed(fq->dom, number, now_ns);
	/* relaxed, both: whether a line is logged */
	if (load_relaxed(&fq->is_failing) != 0)
		store_relaxed(&fq->is_failing, 0);
}

/* Q5 */
static void flush_failed(struct flushq *fq, int err)
{
	arm_timer(fq);
	if (xchg_acq_rel(&fq->is_failing, 1) == 0)
		dmp_log(DMP_LOG_WARN, "domain: a flush failed (error %d): what is queued waits",
			err);
}

/* The whole domain, spec-iova 3.2.1. */
int flushq_run(struct flushq *fq, enum dmp_flush_cause cause)
{
	struct flush_begun begun = begin_flush(fq);
	int err = domain_flush_all(fq->dom, cause);

	if (err)
		flush_failed(fq, err);
	else
		flush_ended(fq, &begun);
	return err;
}

static int flush_and_release(struct flushq *fq, enum dmp_flush_cause cause)
{
	int err = flushq_run(fq, cause);

	rings_release(fq); /* also after an error: what other flushes have covered */
	return err;
}

int flushq_flush(struct flushq *fq)
{
	return flush_and_release(fq, DMP_FLUSH_CAUSE_ASKED);
}

/* spec-iova 3.2.4 */
static void run_timer(struct dmp_work *work)
{
	struct flushq *fq = (struct flushq *)((char *)work - offsetof(struct flushq, timer));

	store_relaxed(&fq->timer_armed, 0); /* [TIMER] the fence is in begin_flush() */
	flush_and_release(fq, DMP_FLUSH_CAUSE_TIMER);
}

/* Queue. */

/* spec-iova 3.2.3, with the ring locked.  Even if the flush fails there may be room by now: some
 * other that began later has worked. */
static int add_locked(struct flushq *fq, struct flushq_ring *ring, const struct flushq_range *range)
{
	int err = 0;

	dmp_lock_assert_held(&ring->ring_lock);
	ring_release_locked(fq, ring);
	if (ring_is_full_locked(fq, ring, range->npages)) {
		err = flushq_run(fq, DMP_FLUSH_CAUSE_FULL);
		ring_release_locked(fq, ring);
	}
	if (err && ring_is_full_locked(fq, ring, range->npages))
		return err;
	ring_push_locked(fq, ring, range);
	return 0;
}

/* Q6: a flush that begins after this would cover what is unmapped. */
static void want_flush(struct flushq *fq)
{
	uint64_t next = load_acquire(&fq->started) + 1; /* [UNMAP] */
	uint64_t wanted = load_relaxed(&fq->wanted);    /* relaxed: the exchange checks it */

	while (wanted < next && !cas_acq_rel(&fq->wanted, &wanted, next)) /* [WANT] */
		dmp_cpu_relax();
}

int flushq_add(struct flushq *fq, struct flushq_ring *ring, const struct flushq_range *range)
{
	int err = 0;

	fence_seq_cst(); /* [UNMAP] table entries, and the ring, before the number */
	if (!range->is_free || range->tables) {
		dmp_lock_acquire(&ring->ring_lock);
		err = add_locked(fq, ring, range);
		dmp_lock_release(&ring->ring_lock);
	}
	if (range->is_free && !err && fq->dom->exposure)
		domain_exposure_waits(fq->dom, range, load_acquire(&fq->started)); /* [UNMAP] */
	want_flush(fq);
	arm_timer(fq);
	return err;
}

/* Life. */

/* What a policy's queue is like where the options do not say. */
static const struct flushq_sizes {
	uint32_t entries;
	uint64_t timeout_ns; /* 0: no timer, whatever the options say */
	uint64_t bytes;      /* 0: any number */
} sizes_of[] = {
	[DMP_FLUSH_LAZY] = {FLUSHQ_ENTRIES, FLUSHQ_TIMEOUT_NS, 0},
	[DMP_FLUSH_LAZY_SINGLE] = {FLUSHQ_SINGLE_ENTRIES, FLUSHQ_SINGLE_TIMEOUT_NS, 0},
	[DMP_FLUSH_ON_REUSE] = {FLUSHQ_ENTRIES, 0, FLUSHQ_REUSE_BYTES},
	[DMP_FLUSH_MANUAL] = {FLUSHQ_ENTRIES, 0, 0},
};

static void set_sizes(struct flushq *fq, const struct dmp_domain_opts *opts)
{
	struct flushq_sizes sizes = sizes_of[fq->policy];

	if (opts->flushq_entries)
		sizes.entries = opts->flushq_entries;
	if (opts->flushq_timeout_ns && sizes.timeout_ns)
		sizes.timeout_ns = opts->flushq_timeout_ns;
	if (opts->flushq_bytes)
		sizes.bytes = opts->flushq_bytes;
	fq->mask = sizes.entries - 1;
	fq->timeout_ns = sizes.timeout_ns;
	fq->pages_max = sizes.bytes ? sizes.bytes >> fq->dom->granule_shift : UINT64_MAX;
}

struct flushq *flushq_create(struct dmp_domain *dom, enum dmp_flush_policy policy)
{
	struct flushq *fq = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*fq));

	if (!fq)
		return NULL;
	fq->dom = dom;
	fq->policy = policy;
	set_sizes(fq, &dom->opts);
	if (!rings_create(fq))
		goto undo_queue;
	fq->timer.fn = run_timer;
	dmp_lock_init(&fq->end_lock, RANK_LEAF, "domain: the end of a flush");
	dmp_lock_init(&fq->turn_lock, RANK_FLUSH_TURN, "domain: who flushes for others");
	count_unmapped(fq, &fq->nunmaps, &fq->pages);
	return fq;

undo_queue:
	dmp_meta_free(fq, sizeof(*fq));
	return NULL;
}

void flushq_destroy(struct flushq *fq)
{
	flushq_pause(fq);
	rings_destroy(fq);
	dmp_lock_destroy(&fq->turn_lock);
	dmp_lock_destroy(&fq->end_lock);
	dmp_meta_free(fq, sizeof(*fq));
}

/* Reports. */

enum dmp_flush_policy flushq_policy(const struct flushq *fq)
{
	return fq->policy;
}

uint64_t flushq_bound_ns(const struct flushq *fq)
{
	return fq->timeout_ns ? fq->timeout_ns : UINT64_MAX;
}

void flushq_inspect(struct flushq *fq, unsigned cpu, struct dmp_flushq_state *state)
{
	state->started = load_acquire(&fq->started);
	state->finished = load_acquire(&fq->finished);
	state->timer_armed = load_acquire(&fq->timer_armed) != 0;
	state->queued = ring_count(fq, cpu);
	state->wanted = load_acquire(&fq->wanted);
	state->clean_epoch = load_acquire(&fq->clean_epoch);
}

/* What came before is subtracted from what is read after it: no difference is below zero. */
void flushq_unflushed(struct flushq *fq, struct flushq_tally *sum)
{
	uint64_t nunmaps, pages;

	if (fq->policy != DMP_FLUSH_ON_REUSE)
		return;
	dmp_lock_acquire(&fq->end_lock);
	count_unmapped(fq, &nunmaps, &pages);
	sum->nunflushed = nunmaps - fq->nunmaps;
	sum->pages_unflushed = pages - fq->pages;
	dmp_lock_release(&fq->end_lock);
}
