// SPDX-License-Identifier: MIT
/*
 * test_fault_batch.c - each call that a machine gets for a batch fails once, wherever it stands
 *
 *   map      list list list | or page by page: 66 calls       sync
 *                   ^ fails: as if the batch had not been asked for
 *     undone by    unmap unmap unmap       flush flush flush  of 2 MiB, 64 KiB, 4 KiB
 *                          ^ stops early         ^ fails: the address is withheld, and said so
 *   unmap    the same calls, with the same end
 *
 * Machines with and without each optional member; a domain that is strict, or lazy.  Beside the
 * batch a page of somebody else stays mapped.  What a gather chained is freed after its flush,
 * or with the domain, never before: the double would count it.
 */
#include "double_rig.h"

#define STRANGE (-EXDEV) /* nobody but the double makes this one up */
#define SMALL   (UINT64_C(64) << 10)
#define NRUNS   66u
#define LEN     (HUGE + (NRUNS - 1) * 3 * PAGE) /* 2 MiB, 12 x 64 KiB, 3 x 4 KiB */
#define RW      (DMP_PROT_READ | DMP_PROT_WRITE)
#define NOWHERE UINT64_C(0x777)

/* What a machine has beside the required members, and how its domain flushes. */
struct kind {
	bool lists, gathers, lazy;
};

static const struct kind kinds[] = {
	{.lists = true, .gathers = true},
	{.lists = false, .gathers = true},
	{.lists = true, .gathers = false},
	{.lists = true, .gathers = true, .lazy = true},
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

struct batch {
	struct rig rig;
	const struct kind *kind;
	struct dmp_phys_run runs[NRUNS];
	dmp_iova_t neighbour; /* one page, mapped throughout */
	dmp_iova_t iova;      /* of the batch, or NOWHERE */
	uint64_t meta;        /* with all but the batch */
	uint64_t bugs;        /* that the test provokes */
};

static enum double_call map_call(const struct kind *kind)
{
	return kind->lists ? DOUBLE_MAP_LIST : DOUBLE_MAP_PAGES;
}

static enum double_call flush_call(const struct kind *kind)
{
	return kind->gathers ? DOUBLE_FLUSH_GATHER : DOUBLE_FLUSH_DOMAIN;
}

static int map_batch(struct batch *b)
{
	b->iova = NOWHERE;
	return dmp_domain_map_runs(b->rig.dom, b->runs, NRUNS, RW, UINT64_MAX, &b->iova);
}

static void batch_up(struct batch *b, const struct kind *kind)
{
	*b = (struct batch){.kind = kind, .runs = {{HUGE, HUGE}}};
	for (unsigned i = 1; i < NRUNS; i++)
		b->runs[i] = (struct dmp_phys_run){HUGE + i * SMALL, 3 * PAGE};
	assert_int_equal(dmp_harness_enter(1), 0);
	rig_begin(&b->rig);
	b->rig.d->page_sizes = HUGE | SMALL | PAGE;
	b->rig.d->chain_tables = true;
	if (!kind->lists)
		b->rig.d->ops.map_list = NULL;
	if (!kind->gathers)
		b->rig.d->ops.flush_gather = NULL;
	rig_domain_as(&b->rig,
		      &DMP_DOMAIN_OPTS(.flush = kind->lazy ? DMP_FLUSH_LAZY : DMP_FLUSH_STRICT));
	assert_int_equal(dmp_domain_map(b->rig.dom, PAGE, PAGE, RW, UINT64_MAX, &b->neighbour), 0);
	/* once, so that what is made on first use is there */
	assert_int_equal(map_batch(b), 0);
	assert_int_equal(dmp_domain_unmap(b->rig.dom, b->iova, LEN), 0);
	assert_int_equal(dmp_domain_flush(b->rig.dom), 0);
	double_clear(b->rig.d);
	b->meta = dmp_meta_in_use();
}

static void batch_down(struct batch *b)
{
	struct double_hw *d = b->rig.d;

	assert_int_equal(b->rig.bugs, b->bugs);
	assert_int_equal(dmp_domain_unmap(b->rig.dom, b->neighbour, PAGE), 0);
	assert_int_equal(dmp_domain_flush(b->rig.dom), 0);
	assert_int_equal(dmp_domain_check(b->rig.dom), 0);
	assert_int_equal(dmp_domain_destroy(b->rig.dom), 0);
	b->rig.dom = NULL;
	assert_int_equal(d->tables_freed, d->tables_chained);
	assert_int_equal(d->tables_freed_early, 0);
	rig_down(&b->rig);
	assert_int_equal(dmp_harness_leave(), 0);
}

static bool is_taken(struct batch *b, dmp_iova_t iova)
{
	struct dmp_iova_range range;

	return dmp_iova_find(dmp_domain_iova(b->rig.dom), iova / PAGE, &range) == 0;
}

/* Nothing but the neighbour is mapped, and @iova can be given out again. */
static void expect_as_before(struct batch *b, dmp_iova_t iova)
{
	assert_int_equal(double_mapped_bytes(b->rig.d), PAGE);
	assert_int_equal(rig_phys_at(&b->rig, b->neighbour), PAGE);
	assert_false(is_taken(b, iova));
	assert_int_equal(dmp_meta_in_use(), b->meta);
}

/* The address of what failed is nobody's, and all else works. */
static void expect_withheld(struct batch *b, dmp_iova_t iova)
{
	assert_true(is_taken(b, iova));
	assert_int_equal(rig_phys_at(&b->rig, b->neighbour), PAGE);
	assert_int_equal(map_batch(b), 0);
	assert_int_not_equal(b->iova, iova);
	assert_int_equal(dmp_domain_unmap(b->rig.dom, b->iova, LEN), 0);
}

/* Where the batch was to go, by the first call for it. */
static dmp_iova_t tried(const struct batch *b)
{
	return double_nth(b->rig.d, map_call(b->kind), 0)->iova;
}

/* Map: @part pages of the call that fails are mapped before it does; false: no call was left. */
static bool fail_map(const struct kind *kind, enum double_call call, unsigned nth, unsigned part)
{
	struct batch b;
	bool failed;

	batch_up(&b, kind);
	double_fail_after(b.rig.d, call, nth, STRANGE, part);
	failed = map_batch(&b) != 0;
	assert_int_equal(double_count(b.rig.d, call), failed ? nth : nth - 1);
	if (failed) {
		assert_int_equal(double_last(b.rig.d, call)->ret, STRANGE);
		assert_int_equal(b.iova, NOWHERE);
		expect_as_before(&b, tried(&b));
		assert_int_equal(map_batch(&b), 0);
	}
	assert_int_equal(double_mapped_bytes(b.rig.d), LEN + PAGE);
	assert_int_equal(dmp_domain_unmap(b.rig.dom, b.iova, LEN), 0);
	batch_down(&b);
	return failed;
}

static void test_any_map_call_may_fail_and_all_is_as_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < NKINDS; i++)
		for (unsigned part = 0; part <= 1; part++) {
			unsigned nth = 1, nsyncs = 1;

			while (fail_map(&kinds[i], map_call(&kinds[i]), nth, part))
				nth++;
			assert_int_equal(nth - 1, kinds[i].lists ? 3 : NRUNS);
			while (fail_map(&kinds[i], DOUBLE_SYNC_MAP, nsyncs, 0))
				nsyncs++;
			assert_int_equal(nsyncs - 1, 1);
		}
}

/* The calls that undo a map fail themselves.  A flush that fails is made up for by the last. */
static bool fail_undo(const struct kind *kind, enum double_call call, unsigned nth)
{
	const struct double_reply stops = {.nth = nth}; /* does nothing, and says 0 bytes */
	struct batch b;
	bool reached, lost;
	int err;

	batch_up(&b, kind);
	double_fail(b.rig.d, DOUBLE_SYNC_MAP, 1, STRANGE);
	if (call == DOUBLE_UNMAP_PAGES)
		double_script(b.rig.d, call, &stops);
	else
		double_fail(b.rig.d, call, nth, -ETIMEDOUT);
	err = map_batch(&b);
	reached = double_count(b.rig.d, call) >= nth;
	lost = reached && (call == DOUBLE_UNMAP_PAGES || double_last(b.rig.d, call)->ret);
	assert_int_equal(err, lost ? -ENOTRECOVERABLE : STRANGE);
	if (lost)
		expect_withheld(&b, tried(&b));
	else
		expect_as_before(&b, tried(&b));
	double_script(b.rig.d, call, &(struct double_reply){0});
	/* the shim saw an unmap stop before pages that are mapped */
	b.bugs = b.rig.bugs;
	batch_down(&b);
	return reached;
}

static void test_what_undoes_a_map_may_fail_and_the_address_is_withheld(void **state)
{
	(void)state;
	for (size_t i = 0; i < NKINDS; i++) {
		unsigned unmaps = 1, flushes = 1;

		while (fail_undo(&kinds[i], DOUBLE_UNMAP_PAGES, unmaps))
			unmaps++;
		assert_int_equal(unmaps - 1, 3);
		while (fail_undo(&kinds[i], flush_call(&kinds[i]), flushes))
			flushes++;
		assert_true(flushes > 1);
	}
}

/* Unmap of a whole batch; false: no call was left to fail. */
static bool fail_unmap(const struct kind *kind, enum double_call call, unsigned nth)
{
	const struct double_reply stops = {.nth = nth};
	struct batch b;
	bool reached, lost;
	dmp_iova_t iova;
	int err;

	batch_up(&b, kind);
	assert_int_equal(map_batch(&b), 0);
	iova = b.iova;
	if (call == DOUBLE_UNMAP_PAGES)
		double_script(b.rig.d, call, &stops);
	else
		double_fail(b.rig.d, call, nth, STRANGE);
	err = dmp_domain_unmap(b.rig.dom, iova, LEN);
	reached = double_count(b.rig.d, call) >= nth;
	lost = reached && (call == DOUBLE_UNMAP_PAGES || double_last(b.rig.d, call)->ret);
	assert_int_equal(err, !lost ? 0 : call == DOUBLE_UNMAP_PAGES ? -EIO : STRANGE);
	double_script(b.rig.d, call, &(struct double_reply){0});
	if (lost) {
		expect_withheld(&b, iova);
	} else {
		assert_int_equal(dmp_domain_flush(b.rig.dom), 0);
		expect_as_before(&b, iova);
	}
	b.bugs = b.rig.bugs;
	batch_down(&b);
	return reached;
}

static void test_any_call_of_an_unmap_may_fail_and_only_its_address_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < NKINDS; i++) {
		unsigned unmaps = 1, flushes = 1;

		while (fail_unmap(&kinds[i], DOUBLE_UNMAP_PAGES, unmaps))
			unmaps++;
		assert_int_equal(unmaps - 1, 3);
		while (!kinds[i].lazy && fail_unmap(&kinds[i], flush_call(&kinds[i]), flushes))
			flushes++;
		assert_true(kinds[i].lazy || flushes > 1);
	}
}

/* Lazy: the range and its tables wait for the next flush that works. */
static void test_a_batch_waits_while_the_flushes_of_its_queue_fail(void **state)
{
	const struct kind *lazy = &kinds[NKINDS - 1];
	uint64_t chained, freed;
	struct batch b;

	(void)state;
	batch_up(&b, lazy);
	assert_int_equal(map_batch(&b), 0);
	freed = b.rig.d->tables_freed;
	assert_int_equal(dmp_domain_unmap(b.rig.dom, b.iova, LEN), 0);
	chained = b.rig.d->tables_chained;
	for (unsigned i = 0; i < 3; i++) {
		double_fail(b.rig.d, DOUBLE_FLUSH_DOMAIN, 1, STRANGE);
		assert_int_equal(dmp_domain_flush(b.rig.dom), STRANGE);
		assert_true(is_taken(&b, b.iova));
		assert_int_equal(b.rig.d->tables_freed, freed);
	}
	assert_int_equal(dmp_domain_flush(b.rig.dom), 0);
	assert_int_equal(b.rig.d->tables_freed, chained);
	expect_as_before(&b, b.iova);
	batch_down(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_map_call_may_fail_and_all_is_as_before),
		cmocka_unit_test(test_what_undoes_a_map_may_fail_and_the_address_is_withheld),
		cmocka_unit_test(test_any_call_of_an_unmap_may_fail_and_only_its_address_is_lost),
		cmocka_unit_test(test_a_batch_waits_while_the_flushes_of_its_queue_fail),
	};

	return cmocka_run_group_tests_name("fault_batch", tests, NULL, NULL);
}
