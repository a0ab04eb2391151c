// SPDX-License-Identifier: MIT
/*
 * test_fault_dma.c - the n-th call that a map makes of the machine fails, for every call and
 * every n, on each route: the errno is passed on, and nothing of the map is left
 *
 *   map --call 1--call 2-- x      slots, exposures, tables, addresses, books: as before
 *
 * Then the undoing fails as well: what a device may still reach is kept until all is flushed, and
 * nothing after that.
 *
 * test_fault_map.c does the first for a simulated machine, from its creation on, and for
 * bookkeeping memory; here each call of a double is met, look-ups too.
 */
#include "device_rig.h"

#define STRANGE (-EXDEV) /* no call of the library makes this one up */
#define PIECES  3u
#define LEN     6000u

struct route {
	const char *name;
	bool translated;
	struct dmp_device_opts opts;
};

#define OPTS(...)                                                                                  \
	{                                                                                          \
		.size = sizeof(struct dmp_device_opts), __VA_ARGS__                                \
	}

/* All have slots; the buffers lie above 4 GiB. */
static const struct route routes[] = {
	{"direct", false, OPTS(.flags = 0)},
	{"narrow", false, OPTS(.dma_mask = DMP_MASK(32))},
	{"forced", false, OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE)},
	{"translated", true, OPTS(.flags = 0)},
	{"untrusted", true, OPTS(.flags = DMP_DEVICE_UNTRUSTED)},
	{"forced behind a domain", true, OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE)},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* What a map may ask of the machine. */
static const enum double_call calls[] = {
	DOUBLE_BUF_TO_PHYS, DOUBLE_PHYS_TO_BUF,    DOUBLE_MEM_MAP,  DOUBLE_MAP_PAGES,
	DOUBLE_MAP_LIST,    DOUBLE_COHERENT_ALLOC, DOUBLE_SYNC_MAP,
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

struct path {
	struct device_rig r;
	dmp_phys_t phys;
	char *buf; /* eight pages */
	dmp_addr_t addr;
	void *coherent;
	struct dmp_sg sg[PIECES];
};

static void path_up(struct path *p, const struct route *route)
{
	rig_begin(&p->r.rig);
	assert_int_equal(double_hw_adopt(p->r.rig.d, 0, &p->r.rig.hw), 0);
	if (route->translated)
		assert_int_equal(dmp_domain_create(p->r.rig.hw, NULL, &p->r.rig.dom), 0);
	device_rig_add_bouncing(&p->r, route->opts);
	p->buf = zone_buf(&p->r, DMP_ZONE_ANY, 3, &p->phys);
}

static void path_down(struct path *p)
{
	zone_free(&p->r, p->phys, 3);
	device_rig_down(&p->r);
}

/* A map of some kind, and its reverse. */
struct deed {
	int (*map)(struct path *p);
	int (*unmap)(struct path *p);
};

static int map_buffer(struct path *p)
{
	return dmp_dma_map(p->r.dev, p->buf + 100, LEN, DMP_FROM_DEVICE, 0, &p->addr);
}

static int unmap_buffer(struct path *p)
{
	return dmp_dma_unmap(p->r.dev, p->addr, LEN, DMP_FROM_DEVICE, 0);
}

/* In slots, in place where a page may be, in slots. */
static int map_list(struct path *p)
{
	const uint64_t lens[PIECES] = {LEN, PAGE, 100};
	size_t n;

	for (size_t i = 0; i < PIECES; i++)
		p->sg[i] = (struct dmp_sg){.buf = p->buf + 2 * i * PAGE, .len = lens[i]};
	return dmp_dma_map_sg(p->r.dev, p->sg, PIECES, DMP_BIDIRECTIONAL, 0, &n);
}

static int unmap_list(struct path *p)
{
	return dmp_dma_unmap_sg(p->r.dev, p->sg, PIECES, DMP_BIDIRECTIONAL, 0);
}

static int alloc_coherent(struct path *p)
{
	return dmp_dma_alloc_coherent(p->r.dev, LEN, &p->coherent, &p->addr);
}

static int free_coherent(struct path *p)
{
	return dmp_dma_free_coherent(p->r.dev, LEN, p->coherent, p->addr);
}

static const struct deed deeds[] = {
	{map_buffer, unmap_buffer},
	{map_list, unmap_list},
	{alloc_coherent, free_coherent},
};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* What a map takes. */
struct holdings {
	uint64_t slots, mapped, exposed, live_maps, live_coherent, domain_maps, meta, leftovers;
};

static struct holdings holdings(struct path *p)
{
	struct dmp_device_stats stats = device_stats(&p->r);
	struct holdings h = {
		.slots = slots_in_use(&p->r),
		.mapped = double_mapped_bytes(p->r.rig.d),
		.exposed = double_exposed_bytes(p->r.rig.d, dmp_device_id(p->r.dev)),
		.live_maps = stats.live_maps,
		.live_coherent = stats.live_coherent,
		.meta = dmp_meta_in_use(),
		.leftovers = double_hw_leftovers(p->r.rig.d),
	};

	if (p->r.rig.dom) {
		struct dmp_domain_stats dom = rig_domain_stats(&p->r.rig);

		h.domain_maps = dom.maps - dom.unmaps;
		assert_int_equal(dmp_domain_check(p->r.rig.dom), 0);
	}
	assert_int_equal(dmp_swiotlb_check(p->r.tlb), 0);
	return h;
}

static void assert_as_before(struct path *p, const struct holdings *before)
{
	struct holdings now = holdings(p);

	assert_memory_equal(&now, before, sizeof(now));
}

/* Every n at which @call can fail; returns how many there are. */
static uint64_t fail_each(struct path *p, const struct deed *deed, enum double_call call)
{
	const struct holdings before = holdings(p);
	uint64_t nth = 0;
	int err;

	do {
		double_fail(p->r.rig.d, call, ++nth, STRANGE);
		err = deed->map(p);
		double_fail(p->r.rig.d, call, 0, 0);
		if (err) {
			assert_int_equal(err, STRANGE);
			assert_as_before(p, &before);
		}
	} while (err);
	assert_int_equal(deed->unmap(p), 0);
	assert_as_before(p, &before);
	return nth - 1;
}

static void test_map_that_fails_at_any_call_leaves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES * DEEDS; i++) {
		const struct route *route = &routes[i / DEEDS];
		const struct deed *deed = &deeds[i % DEEDS];
		uint64_t failures = 0;
		struct path p;

		path_up(&p, route);
		assert_int_equal(deed->map(&p), 0); /* caches are made */
		assert_int_equal(deed->unmap(&p), 0);
		for (size_t c = 0; c < CALLS; c++)
			failures += fail_each(&p, deed, calls[c]);
		assert_true(failures >= 2);
		path_down(&p);
	}
}

/* A map fails after its entries were made, and then the flush of its undoing, the @nth. */
static int fail_twice(struct path *p, const struct deed *deed, uint64_t map_nth, uint64_t flush_nth)
{
	int err;

	double_fail(p->r.rig.d, DOUBLE_SYNC_MAP, map_nth, STRANGE);
	double_fail(p->r.rig.d, DOUBLE_FLUSH_GATHER, flush_nth, -ETIMEDOUT);
	err = deed->map(p);
	double_fail(p->r.rig.d, DOUBLE_SYNC_MAP, 0, 0);
	double_fail(p->r.rig.d, DOUBLE_FLUSH_GATHER, 0, 0);
	return err;
}

/* Nothing live; if @slots, some are kept, and after a flush of all none is. */
static void assert_kept_until_flushed(struct path *p, const struct holdings *before, bool slots)
{
	struct holdings now = holdings(p);

	assert_int_equal(now.live_maps + now.live_coherent + now.domain_maps + now.mapped, 0);
	assert_true(!slots || now.slots > before->slots);
	assert_int_equal(dmp_domain_flush(p->r.rig.dom), 0);
	now = holdings(p);
	assert_int_equal(now.slots, before->slots);
	assert_int_equal(now.leftovers, before->leftovers);
}

static void check_undo_that_fails(const struct route *route, const struct deed *deed)
{
	bool is_coherent = deed->map == alloc_coherent;
	bool bounces = !is_coherent && route->opts.flags != 0; /* the first piece does */
	struct path p;

	for (uint64_t nth = 1; nth <= PIECES; nth++) {
		struct holdings before;
		int err;

		path_up(&p, route);
		before = holdings(&p);
		err = fail_twice(&p, deed, nth, 1);
		if (err) {
			assert_int_equal(err, -ENOTRECOVERABLE);
			assert_kept_until_flushed(&p, &before, bounces && nth == 1);
		} else {
			assert_true(nth > 1);
			assert_int_equal(deed->unmap(&p), 0);
		}
		path_down(&p);
	}
}

static void test_map_that_cannot_be_undone_keeps_what_is_reached_until_a_flush(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROUTES * DEEDS; i++)
		if (routes[i / DEEDS].translated)
			check_undo_that_fails(&routes[i / DEEDS], &deeds[i % DEEDS]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_that_fails_at_any_call_leaves_nothing),
		cmocka_unit_test(
			test_map_that_cannot_be_undone_keeps_what_is_reached_until_a_flush),
	};

	return cmocka_run_group_tests_name("fault_dma", tests, NULL, NULL);
}
