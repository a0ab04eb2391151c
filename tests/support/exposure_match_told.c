// SPDX-License-Identifier: MIT
/*
 * exposure_match_told.c - what the library has told, against the model
 *
 *    a domain flushes    its watch says so, and the model takes it for what it is
 *    a watch is told     kept; after each step a set that must be the model's
 *    a snapshot          field by field; and no policy exceeds its bound
 */
#include "exposure_match_internal.h"

/* A member is told of the domain, and nothing of the test. */
struct listener {
	struct match *m;
	unsigned dom;
};

static struct listener listeners[EXPOSED_DOMAINS];

void *match_listen(struct match *m, unsigned dom)
{
	listeners[dom] = (struct listener){m, dom};
	return &listeners[dom];
}

static void hear(const void *ctx, struct exposed_event event)
{
	const struct listener *listener = ctx;
	struct match *m = listener->m;

	event.dom = listener->dom;
	if (m->ntold < EXPOSED_EVENTS)
		m->told[m->ntold++] = event;
}

static void hear_ended(void *ctx, const struct dmp_exposure_window *w)
{
	hear(ctx, (struct exposed_event){.kind = EXPOSED_ENDED,
					 .iova = w->iova,
					 .len = w->len,
					 .bytes = w->bytes,
					 .from_ns = w->opened_ns,
					 .to_ns = w->ended_ns,
					 .what = w->end,
					 .flag = w->reused});
}

static void hear_reused(void *ctx, const struct dmp_exposure_reuse *r)
{
	hear(ctx, (struct exposed_event){.kind = EXPOSED_REUSED,
					 .iova = r->iova,
					 .phys = r->phys,
					 .len = r->len,
					 .to_ns = r->age_ns,
					 .what = r->memory});
}

static void hear_stale(void *ctx, const struct dmp_exposure_stale *s)
{
	hear(ctx, (struct exposed_event){.kind = EXPOSED_STALE,
					 .iova = s->iova,
					 .phys = s->phys,
					 .len = s->len,
					 .bytes = s->iova_reused,
					 .to_ns = s->age_ns,
					 .what = s->memory,
					 .flag = s->performed,
					 .device = s->device,
					 .access = s->access});
}

const struct dmp_exposure_watch match_exposure_watch = {.size = sizeof(match_exposure_watch),
							.ended = hear_ended,
							.reused = hear_reused,
							.stale = hear_stale};

static void hear_flushed(void *ctx, enum dmp_flush_cause cause, int err)
{
	const struct listener *listener = ctx;

	(void)cause;
	exposed_at(listener->m->model, dmp_clock_now_ns());
	if (!err)
		exposed_flushed(listener->m->model, listener->dom);
}

const struct dmp_flush_watch match_flush_watch = {.size = sizeof(match_flush_watch),
						  .flushed = hear_flushed};

/* Comparisons. */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct exposed_event));
}

static void print_events(const char *of, const struct exposed_event *e, unsigned n)
{
	static const char *const kinds[] = {"ended", "reused", "stale"};

	for (; n > 0; n--, e++)
		print_message("%s: %s domain %llu iova %#llx + %#llx phys %#llx bytes %#llx, %llu "
			      ".. %llu ns, what %llu flag %llu\n",
			      of, kinds[e->kind], (unsigned long long)e->dom,
			      (unsigned long long)e->iova, (unsigned long long)e->len,
			      (unsigned long long)e->phys, (unsigned long long)e->bytes,
			      (unsigned long long)e->from_ns, (unsigned long long)e->to_ns,
			      (unsigned long long)e->what, (unsigned long long)e->flag);
}

static bool same_events(struct match *m)
{
	qsort(m->told, m->ntold, sizeof(m->told[0]), by_bytes);
	qsort(m->model->event, m->model->nevents, sizeof(m->model->event[0]), by_bytes);
	return m->ntold == m->model->nevents &&
	       memcmp(m->told, m->model->event, m->ntold * sizeof(m->told[0])) == 0;
}

void match_events(struct match *m)
{
	bool same = same_events(m);

	assert_false(m->model->is_full);
	if (!same) {
		print_events("library", m->told, m->ntold);
		print_events("model", m->model->event, m->model->nevents);
	}
	assert_true(same);
	m->ntold = 0;
	m->model->nevents = 0;
}

static void compare_sides(const struct dmp_exposure_side *told,
			  const struct dmp_exposure_side *wanted)
{
	assert_int_equal(told->windows, wanted->windows);
	assert_int_equal(told->bytes, wanted->bytes);
	assert_int_equal(told->open, wanted->open);
	assert_int_equal(told->open_bytes, wanted->open_bytes);
	assert_int_equal(told->open_oldest_ns, wanted->open_oldest_ns);
	assert_int_equal(told->byte_ns, wanted->byte_ns);
	assert_int_equal(told->ns.count, wanted->ns.count);
	assert_int_equal(told->ns.max, wanted->ns.max);
	assert_int_equal(told->ns.sum, wanted->ns.sum);
}

static void compare_seen(const struct dmp_exposure_seen *told,
			 const struct dmp_exposure_seen *wanted)
{
	assert_int_equal(told->iova_reused, 0);
	assert_int_equal(told->memory_mapped, wanted->memory_mapped);
	assert_int_equal(told->memory_mapped_elsewhere, wanted->memory_mapped_elsewhere);
	assert_int_equal(told->memory_freed, wanted->memory_freed);
	assert_int_equal(told->windows_reused, wanted->windows_reused);
	assert_int_equal(told->stale_reads, wanted->stale_reads);
	assert_int_equal(told->stale_writes, wanted->stale_writes);
	assert_int_equal(told->stale_bytes, wanted->stale_bytes);
	assert_int_equal(told->stale_oldest_ns, wanted->stale_oldest_ns);
	assert_int_equal(told->untracked, 0);
}

/* What no policy may exceed. */
static void check_bound(struct match *m, unsigned dom, const struct dmp_exposure *e)
{
	uint64_t bound_ns = dmp_domain_exposure_bound(m->dom[dom]);

	assert_true(e->could.ns.max <= bound_ns && e->could.open_oldest_ns <= bound_ns);
	assert_true(e->seen.did.ns.max <= bound_ns && e->seen.did.byte_ns <= e->could.byte_ns);
	assert_true(e->seen.stale_oldest_ns <= bound_ns);
	if (bound_ns == 0)
		assert_int_equal(e->seen.stale_reads + e->seen.stale_writes, 0);
}

void match_snapshots(struct match *m)
{
	static struct dmp_exposure told, wanted;
	struct dmp_sim_stats stats;

	for (unsigned dom = 0; dom < EXPOSED_DOMAINS; dom++) {
		assert_int_equal(dmp_domain_get_exposure(m->dom[dom], &told, sizeof(told)), 0);
		exposed_snapshot(m->model, dom, &wanted);
		assert_int_equal(told.flags, wanted.flags);
		assert_int_equal(told.unmaps, wanted.unmaps);
		assert_int_equal(told.unmapped_bytes, wanted.unmapped_bytes);
		compare_sides(&told.could, &wanted.could);
		compare_sides(&told.seen.did, &wanted.seen.did);
		compare_seen(&told.seen, &wanted.seen);
		check_bound(m, dom, &told);
	}
	assert_int_equal(dmp_sim_get_stats(m->sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.iotlb_evictions + stats.devtlb_evictions, m->model->nevictions);
}
