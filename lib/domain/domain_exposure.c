// SPDX-License-Identifier: MIT
/*
 * domain_exposure.c - how long devices could reach what was unmapped, and the snapshot
 *
 *   unmap --own flush---------------------> ended          strict
 *     |      `---------failed-------------> stuck          the domain's end is its own
 *     |---queued---flush of the domain----> ended          counted when it is released, and by a
 *     |                                                    look into the queue before
 *     `---waits----flush of the domain----> ended          on reuse: domain_waiting.c
 *
 * The time starts before the tables are cleared and ends after the flush, so it is never shorter
 * than what the machine sees (did).
 *
 * Nothing here is reached unless the domain was made with DMP_DOMAIN_EXPOSURE.
 *
 * Ends of ranges are tallied by CPU, without a lock; those that come many at once, on reuse, and
 * those that never come, with one.
 *
 * Locking: (x) exposure_lock, a leaf; (t) its own, see tally.h.
 */
#include "domain_waiting.h"

#include "base_port.h"

#include <dmapool/tally.h>

#include <assert.h>

static_assert(sizeof(struct dmp_spread) == 3 * 8 + 8 * DMP_SPREAD_CLASSES, "append only");
static_assert(sizeof(struct dmp_exposure_side) == 6 * 8 + sizeof(struct dmp_spread),
	      "both sides are copied as one");

struct domain_exposure {
	bool is_seen;           /* (c) the machine tells what devices really reach */
	struct dmp_tally ended; /* (t) one by one */
	struct dmp_lock exposure_lock;

	struct domain_waiting waiting;       /* (x) on reuse */
	struct dmp_exposure_side ended_many; /* (x) of these; nothing of it is open */

	/* Ranges whose flush failed. */
	uint64_t stuck, stuck_bytes;                /* (x) */
	uint64_t stuck_since_ns;                    /* (x) the first of them; 0: there is none */
	uint64_t stuck_byte_ns, stuck_summed_at_ns; /* (x) up to when */
};

/* Has the machine watch, if it can; -ENOTSUP only if somebody wants to be told. */
static int start_watch(struct dmp_domain *dom)
{
	const struct dmp_exposure_watch *watch = dom->opts.exposure_watch;
	int err = dmp_iommu_expose_start(dom->iommu, watch, dom->opts.exposure_ctx);

	dom->exposure->is_seen = err == 0;
	return err == -ENOTSUP && !watch ? 0 : err;
}

int domain_exposure_create(struct dmp_domain *dom)
{
	int err;

	if (!(dom->opts.flags & DMP_DOMAIN_EXPOSURE))
		return 0;
	dom->exposure = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*dom->exposure));
	if (!dom->exposure)
		return -ENOMEM;
	dmp_tally_init(&dom->exposure->ended);
	dmp_lock_init(&dom->exposure->exposure_lock, RANK_LEAF, "domain: exposure");
	err = start_watch(dom);
	if (err)
		domain_exposure_destroy(dom);
	return err;
}

void domain_exposure_destroy(struct dmp_domain *dom)
{
	if (!dom->exposure)
		return;
	dmp_lock_destroy(&dom->exposure->exposure_lock);
	dmp_tally_destroy(&dom->exposure->ended);
	dmp_meta_free(dom->exposure, sizeof(*dom->exposure));
	dom->exposure = NULL;
}

/* Windows end. */

void domain_exposure_ended(struct dmp_domain *dom, uint64_t bytes, uint64_t ns)
{
	dmp_tally_add(&dom->exposure->ended, bytes, ns);
}

/* Bytes times time up to now, which is returned: read with the lock, or a sum of an earlier now
 * would come after one of a later. */
static uint64_t sum_stuck_locked(struct domain_exposure *x)
{
	uint64_t now_ns = dmp_clock_now_ns();
	uint64_t more = dmp_mul_saturated(x->stuck_bytes, now_ns - x->stuck_summed_at_ns);

	dmp_lock_assert_held(&x->exposure_lock);
	x->stuck_byte_ns = dmp_add_saturated(x->stuck_byte_ns, more);
	x->stuck_summed_at_ns = now_ns;
	return now_ns;
}

void domain_exposure_stuck(struct dmp_domain *dom, uint64_t bytes, uint64_t since_ns)
{
	struct domain_exposure *x = dom->exposure;
	uint64_t now_ns;

	dmp_lock_acquire(&x->exposure_lock);
	now_ns = sum_stuck_locked(x);
	if (!x->stuck || since_ns < x->stuck_since_ns)
		x->stuck_since_ns = since_ns;
	x->stuck++;
	x->stuck_bytes = dmp_add_saturated(x->stuck_bytes, bytes);
	x->stuck_byte_ns =
		dmp_add_saturated(x->stuck_byte_ns, dmp_mul_saturated(bytes, now_ns - since_ns));
	dmp_lock_release(&x->exposure_lock);
}

void domain_exposure_waits(struct dmp_domain *dom, const struct flushq_range *range,
			   uint64_t number)
{
	struct domain_exposure *x = dom->exposure;

	dmp_lock_acquire(&x->exposure_lock);
	waiting_add(&x->waiting, number, range->npages << dom->granule_shift, range->unmapped_ns);
	dmp_lock_release(&x->exposure_lock);
}

void domain_exposure_flushed(struct dmp_domain *dom, uint64_t number, uint64_t now_ns)
{
	struct domain_exposure *x = dom->exposure;

	dmp_lock_acquire(&x->exposure_lock);
	waiting_end(&x->waiting, number, now_ns, &x->ended_many);
	dmp_lock_release(&x->exposure_lock);
}

/* Snapshot. */

static void add_stuck_locked(struct domain_exposure *x, struct dmp_exposure_side *could)
{
	uint64_t now_ns;

	dmp_lock_assert_held(&x->exposure_lock);
	if (!x->stuck)
		return;
	now_ns = sum_stuck_locked(x);
	could->windows += x->stuck;
	could->bytes = dmp_add_saturated(could->bytes, x->stuck_bytes);
	could->open += x->stuck;
	could->open_bytes = dmp_add_saturated(could->open_bytes, x->stuck_bytes);
	if (could->open_oldest_ns < now_ns - x->stuck_since_ns)
		could->open_oldest_ns = now_ns - x->stuck_since_ns;
	could->byte_ns = dmp_add_saturated(could->byte_ns, x->stuck_byte_ns);
}

static void add_queued(struct dmp_domain *dom, struct dmp_exposure_side *could)
{
	struct flushq *fq;

	dmp_lock_acquire(&dom->policy_lock);
	fq = domain_queue(dom);
	if (fq)
		flushq_exposure(fq, could);
	dmp_lock_release(&dom->policy_lock);
}

static void join_sides(struct dmp_exposure_side *sum, const struct dmp_exposure_side *more)
{
	sum->windows = dmp_add_saturated(sum->windows, more->windows);
	sum->bytes = dmp_add_saturated(sum->bytes, more->bytes);
	sum->open = dmp_add_saturated(sum->open, more->open);
	sum->open_bytes = dmp_add_saturated(sum->open_bytes, more->open_bytes);
	if (sum->open_oldest_ns < more->open_oldest_ns)
		sum->open_oldest_ns = more->open_oldest_ns;
	sum->byte_ns = dmp_add_saturated(sum->byte_ns, more->byte_ns);
	dmp_spread_join(&sum->ns, &more->ns);
}

/* What waits is looked at first: a range that is released meanwhile is told twice, not never. */
static void get_could(struct dmp_domain *dom, struct dmp_exposure_side *could)
{
	struct domain_exposure *x = dom->exposure;
	struct dmp_exposure_side past;

	add_queued(dom, could);
	dmp_lock_acquire(&x->exposure_lock);
	past = x->ended_many;
	waiting_look(&x->waiting, dmp_clock_now_ns(), &past);
	add_stuck_locked(x, &past);
	dmp_lock_release(&x->exposure_lock);
	dmp_tally_get(&x->ended, &past);
	join_sides(could, &past);
}

static bool side_is_saturated(const struct dmp_exposure_side *side)
{
	return side->byte_ns == UINT64_MAX || side->ns.sum == UINT64_MAX ||
	       side->bytes == UINT64_MAX || side->windows == UINT64_MAX;
}

static bool is_saturated(const struct dmp_exposure *e)
{
	const struct dmp_exposure_seen *seen = &e->seen;

	return side_is_saturated(&e->could) || side_is_saturated(&seen->did) ||
	       e->unmapped_bytes == UINT64_MAX || seen->stale_bytes == UINT64_MAX;
}

static int get_seen(struct dmp_domain *dom, struct dmp_exposure *e)
{
	int err;

	if (!dom->exposure->is_seen)
		return 0;
	err = dmp_iommu_get_exposure(dom->iommu, &e->seen, sizeof(e->seen));
	if (!err)
		e->flags |= DMP_EXPOSURE_SEEN;
	return err;
}

int dmp_domain_get_exposure(struct dmp_domain *dom, struct dmp_exposure *exposure, size_t size)
{
	struct dmp_exposure now = {0};
	int err;

	if (!dom || !exposure || size == 0)
		return -EINVAL;
	if (!dom->exposure)
		return -ENOTSUP;
	err = get_seen(dom, &now);
	if (err)
		return err;
	now.unmaps = counter_sum(&dom->counts, DOMAIN_UNMAPS);
	now.unmapped_bytes = counter_sum(&dom->counts, DOMAIN_BYTES_UNMAPPED);
	get_could(dom, &now.could);
	now.flags |= harness_is_manual() ? DMP_EXPOSURE_MANUAL : 0;
	now.flags |= is_saturated(&now) ? DMP_EXPOSURE_SATURATED : 0;
	return stats_store(exposure, size, &now, sizeof(now));
}

uint64_t dmp_domain_exposure_bound(struct dmp_domain *dom)
{
	struct flushq *fq;
	uint64_t bound_ns;

	if (!dom)
		return 0;
	dmp_lock_acquire(&dom->policy_lock);
	fq = domain_queue(dom);
	bound_ns = fq ? flushq_bound_ns(fq) : 0;
	dmp_lock_release(&dom->policy_lock);
	return bound_ns;
}

/* Several as one. */

static void add_to(uint64_t *sum, uint64_t more)
{
	*sum = dmp_add_saturated(*sum, more);
}

static void join_seen(struct dmp_exposure_seen *sum, const struct dmp_exposure_seen *more)
{
	join_sides(&sum->did, &more->did);
	add_to(&sum->iova_reused, more->iova_reused);
	add_to(&sum->memory_mapped, more->memory_mapped);
	add_to(&sum->memory_mapped_elsewhere, more->memory_mapped_elsewhere);
	add_to(&sum->memory_freed, more->memory_freed);
	add_to(&sum->stale_reads, more->stale_reads);
	add_to(&sum->stale_writes, more->stale_writes);
	add_to(&sum->stale_bytes, more->stale_bytes);
	if (sum->stale_oldest_ns < more->stale_oldest_ns)
		sum->stale_oldest_ns = more->stale_oldest_ns;
	add_to(&sum->untracked, more->untracked);
	add_to(&sum->windows_reused, more->windows_reused);
}

void dmp_exposure_join(struct dmp_exposure *sum, const struct dmp_exposure *more)
{
	uint32_t seen = sum->flags & more->flags & DMP_EXPOSURE_SEEN;

	sum->flags = ((sum->flags | more->flags) & ~DMP_EXPOSURE_SEEN) | seen;
	add_to(&sum->unmaps, more->unmaps);
	add_to(&sum->unmapped_bytes, more->unmapped_bytes);
	join_sides(&sum->could, &more->could);
	join_seen(&sum->seen, &more->seen);
	if (is_saturated(sum))
		sum->flags |= DMP_EXPOSURE_SATURATED;
}
