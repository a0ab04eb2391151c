// SPDX-License-Identifier: MIT
/*
 * test_model_change.c - random sequences of attach, detach, map, unmap, changes of policy, create
 * and destroy, each answer against a model that knows nothing but the headers
 *
 *   devices     where: a domain or nowhere      live: mappings and coherent memory
 *     |         trusted, or not
 *   domains     policy                          devices, and of these the untrusted ones
 *
 *   attach      -EBUSY live, or attached        -EINVAL untrusted, and the domain queues
 *   detach      -ENOENT attached nowhere        -EBUSY live
 *   set_flush   0 the same                      -EBUSY from a queue with devices, from a guest's,
 *                                               to a queue with an untrusted device
 *   destroy     -EBUSY attached, live; or devices
 *
 * In manual mode, on a machine whose calls are checked; time passes now and then.
 */
#include "device_rig.h"

#include "rng.h"

#include <dmapool/harness.h>

#define DEVICES 3u
#define DOMAINS 3u
#define THINGS  4u /* that a device has mapped at most */
#define STEPS   20000u
#define MS      UINT64_C(1000000)

static const enum dmp_flush_policy policies[] = {
	DMP_FLUSH_STRICT, DMP_FLUSH_LAZY, DMP_FLUSH_LAZY_SINGLE, DMP_FLUSH_MANUAL, DMP_FLUSH_GUEST,
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))

struct model_domain {
	struct dmp_domain *dom;
	enum dmp_flush_policy policy;
};

struct model_device {
	struct dmp_device *dev;
	bool is_untrusted;
	int where; /* number of a domain; -1: nowhere */
	unsigned nmaps;
	dmp_addr_t maps[THINGS];
	void *coherent; /* NULL: none */
	dmp_addr_t coherent_addr;
};

struct world {
	struct rig rig;
	struct model_domain doms[DOMAINS];
	struct model_device devs[DEVICES];
	void *mem; /* a page */
	struct rng rng;
};

static unsigned pick(struct world *w, unsigned n)
{
	return (unsigned)rng_range(&w->rng, 0, n - 1);
}

static enum dmp_flush_policy pick_policy(struct world *w)
{
	return policies[pick(w, POLICIES)];
}

static bool queues(enum dmp_flush_policy policy)
{
	return policy != DMP_FLUSH_STRICT && policy != DMP_FLUSH_GUEST;
}

static bool is_live(const struct model_device *dev)
{
	return dev->nmaps > 0 || dev->coherent;
}

static unsigned count_devices(struct world *w, unsigned dom, bool untrusted_only)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DEVICES; i++)
		n += w->devs[i].where == (int)dom && (w->devs[i].is_untrusted || !untrusted_only);
	return n;
}

static void make_domain(struct world *w, unsigned n)
{
	struct model_domain *dom = &w->doms[n];

	dom->policy = pick_policy(w);
	assert_int_equal(
		dmp_domain_create(w->rig.hw,
				  &DMP_DOMAIN_OPTS(.flush = dom->policy,
						   .flushq_entries = queues(dom->policy) ? 4 : 0),
				  &dom->dom),
		0);
}

static void make_device(struct world *w, unsigned n)
{
	struct model_device *dev = &w->devs[n];

	*dev = (struct model_device){.where = -1, .is_untrusted = pick(w, 3) == 0};
	assert_int_equal(
		dmp_device_create(
			w->rig.hw,
			&DMP_DEVICE_OPTS(.flags = dev->is_untrusted ? DMP_DEVICE_UNTRUSTED : 0),
			&dev->dev),
		0);
}

/* Steps. */

static void attach(struct world *w)
{
	struct model_device *dev = &w->devs[pick(w, DEVICES)];
	unsigned n = pick(w, DOMAINS);
	int expected = 0;

	if (is_live(dev) || dev->where >= 0)
		expected = -EBUSY;
	else if (dev->is_untrusted && queues(w->doms[n].policy))
		expected = -EINVAL;
	assert_int_equal(dmp_device_attach(dev->dev, w->doms[n].dom), expected);
	if (!expected)
		dev->where = (int)n;
}

static void detach(struct world *w)
{
	struct model_device *dev = &w->devs[pick(w, DEVICES)];
	int expected = dev->where < 0 ? -ENOENT : is_live(dev) ? -EBUSY : 0;

	assert_int_equal(dmp_device_detach(dev->dev), expected);
	if (!expected)
		dev->where = -1;
}

/* What was mapped leads to the memory until it is unmapped. */
static void map(struct world *w)
{
	struct model_device *dev = &w->devs[pick(w, DEVICES)];
	dmp_addr_t addr;
	dmp_phys_t phys, at;

	if (dev->nmaps == THINGS)
		return;
	assert_int_equal(dmp_dma_map(dev->dev, w->mem, PAGE, DMP_BIDIRECTIONAL, 0, &addr), 0);
	dev->maps[dev->nmaps++] = addr;
	assert_int_equal(w->rig.d->ops.buf_to_phys(w->rig.d, w->mem, PAGE, &phys), 0);
	if (dev->where < 0)
		assert_int_equal(addr, phys);
	else
		assert_int_equal(dmp_domain_iova_to_phys(w->doms[dev->where].dom, addr, &at), 0);
}

static void unmap(struct world *w)
{
	struct model_device *dev = &w->devs[pick(w, DEVICES)];
	unsigned i;

	if (dev->nmaps == 0)
		return;
	i = pick(w, dev->nmaps);
	assert_int_equal(dmp_dma_unmap(dev->dev, dev->maps[i], PAGE, DMP_BIDIRECTIONAL, 0), 0);
	dev->maps[i] = dev->maps[--dev->nmaps];
}

static void coherent(struct world *w)
{
	struct model_device *dev = &w->devs[pick(w, DEVICES)];

	if (dev->coherent) {
		assert_int_equal(
			dmp_dma_free_coherent(dev->dev, 64, dev->coherent, dev->coherent_addr), 0);
		dev->coherent = NULL;
	} else {
		assert_int_equal(
			dmp_dma_alloc_coherent(dev->dev, 64, &dev->coherent, &dev->coherent_addr),
			0);
	}
}

static void set_flush(struct world *w)
{
	unsigned n = pick(w, DOMAINS);
	enum dmp_flush_policy now = w->doms[n].policy, want = pick_policy(w);
	int expected = 0;

	if (want != now) {
		if (now == DMP_FLUSH_GUEST || (queues(now) && count_devices(w, n, false) > 0) ||
		    (queues(want) && count_devices(w, n, true) > 0))
			expected = -EBUSY;
	}
	assert_int_equal(dmp_domain_set_flush(w->doms[n].dom, want), expected);
	if (!expected)
		w->doms[n].policy = want;
	assert_int_equal(dmp_domain_get_flush(w->doms[n].dom), w->doms[n].policy);
}

static void replace_domain(struct world *w)
{
	unsigned n = pick(w, DOMAINS);
	int expected = count_devices(w, n, false) > 0 ? -EBUSY : 0;

	assert_int_equal(dmp_domain_destroy(w->doms[n].dom), expected);
	if (!expected)
		make_domain(w, n);
}

static void replace_device(struct world *w)
{
	unsigned n = pick(w, DEVICES);
	struct model_device *dev = &w->devs[n];
	int expected = is_live(dev) || dev->where >= 0 ? -EBUSY : 0;

	assert_int_equal(dmp_device_destroy(dev->dev), expected);
	if (!expected)
		make_device(w, n);
}

static void pass_time(struct world *w)
{
	dmp_harness_advance(pick(w, 12) * MS);
}

static void look(struct world *w)
{
	unsigned n = pick(w, DOMAINS);
	struct dmp_domain_stats stats;
	uint64_t live = 0;

	for (unsigned i = 0; i < DEVICES; i++)
		if (w->devs[i].where == (int)n)
			live += w->devs[i].nmaps + (w->devs[i].coherent != NULL);
	assert_int_equal(dmp_domain_get_stats(w->doms[n].dom, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.maps - stats.unmaps, live);
	assert_int_equal(dmp_domain_check(w->doms[n].dom), 0);
}

static void give_all_back(struct world *w)
{
	for (unsigned i = 0; i < DEVICES; i++) {
		struct model_device *dev = &w->devs[i];

		while (dev->nmaps > 0)
			assert_int_equal(dmp_dma_unmap(dev->dev, dev->maps[--dev->nmaps], PAGE,
						       DMP_BIDIRECTIONAL, 0),
					 0);
		if (dev->coherent)
			assert_int_equal(dmp_dma_free_coherent(dev->dev, 64, dev->coherent,
							       dev->coherent_addr),
					 0);
		if (dev->where >= 0)
			assert_int_equal(dmp_device_detach(dev->dev), 0);
		assert_int_equal(dmp_device_destroy(dev->dev), 0);
	}
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(dmp_domain_destroy(w->doms[i].dom), 0);
	assert_int_equal(dmp_hw_free(w->rig.hw, w->mem, PAGE), 0);
}

static void test_every_answer_is_the_models(void **state)
{
	static void (*const steps[])(struct world * w) = {
		attach, attach,    detach,         detach,         map,       map,  map,   unmap,
		unmap,  set_flush, set_flush,      coherent,       pass_time, look, unmap, unmap,
		unmap,  set_flush, replace_domain, replace_device,
	};
	uint64_t nsteps = rng_rounds_from_env(STEPS);
	struct world w = {.rng = rng_seeded(rng_seed_from_env(5))};

	(void)state;
	assert_int_equal(dmp_harness_enter(2), 0);
	rig_begin(&w.rig);
	rig_adopt(&w.rig);
	assert_int_equal(dmp_hw_alloc(w.rig.hw, PAGE, &w.mem), 0);
	for (unsigned i = 0; i < DOMAINS; i++)
		make_domain(&w, i);
	for (unsigned i = 0; i < DEVICES; i++)
		make_device(&w, i);
	for (uint64_t i = 0; i < nsteps; i++)
		steps[pick(&w, sizeof(steps) / sizeof(steps[0]))](&w);
	give_all_back(&w);
	assert_int_equal(w.rig.bugs, 0);
	rig_down(&w.rig);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_answer_is_the_models),
	};

	return cmocka_run_group_tests_name("model_change", tests, NULL, NULL);
}
