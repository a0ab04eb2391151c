// SPDX-License-Identifier: MIT
/*
 * test_base_bias.c - proves B1-B5 of lib/base/base_bias.c
 */
#include "dmptest.h"
#include "heavy_fence.h"
#include "no_membarrier.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <errno.h>

#define DRAINS 20000u

static int none, mine, theirs; /* blocks: only their addresses matter */

static void keep_quiet(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void *entered(unsigned slot)
{
	struct dmp_bias_cpu *self = dmp_bias_self;
	void *block = dmp_bias_enter(self, slot);

	dmp_bias_leave(self);
	return block;
}

static void test_slots_are_given_once_until_there_are_none(void **state)
{
	bool taken[DMP_BIAS_SLOTS] = {false};
	unsigned i, slot;

	(void)state;
	need_heavy_fence();
	for (i = 1; i < DMP_BIAS_SLOTS; i++) {
		slot = dmp_bias_open(&none);
		assert_in_range(slot, 1, DMP_BIAS_SLOTS - 1);
		assert_false(taken[slot]);
		taken[slot] = true;
	}
	assert_int_equal(dmp_bias_open(&none), 0);
	for (i = 0; i < DMP_BIAS_SLOTS; i++)
		dmp_bias_close(i);
	slot = dmp_bias_open(&none);
	assert_int_not_equal(slot, 0);
	dmp_bias_close(slot);
}

static void test_a_cpu_enters_none_until_it_is_granted_a_block_and_after_it_is_revoked(void **state)
{
	unsigned slot;

	(void)state;
	need_heavy_fence();
	assert_int_equal(dmp_harness_enter(2), 0);
	slot = dmp_bias_open(&none);
	assert_ptr_equal(entered(slot), &none);
	assert_true(dmp_bias_grant(slot, &mine));
	assert_ptr_equal(entered(slot), &mine);
	dmp_harness_become(1);
	assert_ptr_equal(entered(slot), &none);
	assert_true(dmp_bias_grant(slot, &theirs));
	dmp_bias_revoke(slot, 0);
	dmp_bias_wait(0);
	assert_ptr_equal(entered(slot), &theirs);
	dmp_harness_become(0);
	assert_ptr_equal(entered(slot), &none);
	dmp_bias_close(slot);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_a_new_object_in_an_old_slot_begins_with_its_own_none(void **state)
{
	unsigned slot = dmp_bias_open(&none), again;

	(void)state;
	need_heavy_fence();
	dmp_bias_grant(slot, &mine);
	dmp_bias_close(slot);
	again = dmp_bias_open(&theirs);
	assert_int_equal(again, slot);
	assert_ptr_equal(entered(again), &theirs);
	dmp_bias_close(again);
}

static void test_a_cpu_has_the_blocks_of_several_slots_at_once(void **state)
{
	unsigned one = dmp_bias_open(&none), other = dmp_bias_open(&none);

	(void)state;
	need_heavy_fence();
	dmp_cpu();
	dmp_bias_grant(one, &mine);
	dmp_bias_grant(other, &theirs);
	assert_ptr_equal(entered(one), &mine);
	assert_ptr_equal(entered(other), &theirs);
	dmp_bias_revoke(one, dmp_cpu());
	assert_ptr_equal(entered(one), &none);
	assert_ptr_equal(entered(other), &theirs);
	dmp_bias_close(one);
	dmp_bias_close(other);
}

static void test_the_number_that_threads_share_is_granted_nothing(void **state)
{
	unsigned slot;

	(void)state;
	need_heavy_fence();
	assert_int_equal(dmp_harness_enter(DMP_CPU_MAX), 0);
	slot = dmp_bias_open(&none);
	dmp_harness_become(DMP_CPU_MAX - 1);
	assert_false(dmp_bias_grant(slot, &mine));
	assert_ptr_equal(entered(slot), &none);
	dmp_bias_close(slot);
	assert_int_equal(dmp_harness_leave(), 0);
}

static void test_slot_0_is_granted_nothing(void **state)
{
	(void)state;
	dmp_cpu();
	assert_false(dmp_bias_grant(0, &mine));
	assert_null(entered(0));
}

struct visitor {
	unsigned slot, cpu;
	void *first, *second; /* what it entered before and after it had a number */
};

static void *visit(void *arg)
{
	struct visitor *v = arg;

	v->first = entered(v->slot);
	v->cpu = dmp_cpu();
	v->second = entered(v->slot);
	dmp_bias_grant(v->slot, &theirs);
	return NULL;
}

static void run_visitor(struct visitor *v)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, visit, v), 0);
	pthread_join(thread, NULL);
}

/* B4: the second thread gets the number of the first, and what that number was granted. */
static void test_a_number_keeps_its_block_from_thread_to_thread(void **state)
{
	struct visitor v[2];
	unsigned slot;

	(void)state;
	need_heavy_fence();
	dmp_cpu();
	slot = dmp_bias_open(&none);
	v[0].slot = v[1].slot = slot;
	run_visitor(&v[0]);
	run_visitor(&v[1]);
	assert_ptr_equal(v[0].first, &none);
	assert_ptr_equal(v[0].second, &none);
	assert_int_equal(v[0].cpu, v[1].cpu);
	assert_ptr_equal(v[1].first, &none);
	assert_ptr_equal(v[1].second, &theirs);
	dmp_bias_close(slot);
}

static void test_without_the_heavy_fence_there_is_no_slot(void **state)
{
	(void)state;
	no_membarrier = true;
	assert_int_equal(dmp_bias_open(&none), 0);
	no_membarrier = false;
}

/* As when a process closes a sandbox around itself after its first domain. */
static void test_after_a_heavy_fence_that_failed_nothing_is_granted(void **state)
{
	unsigned slot, later;

	(void)state;
	need_heavy_fence();
	dmp_cpu();
	slot = dmp_bias_open(&none);
	assert_true(dmp_fence_heavy());
	dmp_log_set_sink(keep_quiet, NULL);
	no_membarrier = true;
	assert_false(dmp_fence_heavy());
	assert_false(dmp_bias_grant(slot, &mine));
	assert_ptr_equal(entered(slot), &none);
	no_membarrier = false;
	dmp_log_set_sink(NULL, NULL);
	later = dmp_bias_open(&none);
	assert_true(dmp_bias_grant(slot, &mine));
	assert_ptr_equal(entered(slot), &mine);
	dmp_bias_close(later);
	dmp_bias_close(slot);
}

/* There is no memory if the test says so. */
static bool no_memory;

void *__real_aligned_alloc(size_t line, size_t len); // NOLINT
void *__wrap_aligned_alloc(size_t line, size_t len); // NOLINT

void *__wrap_aligned_alloc(size_t line, size_t len) // NOLINT
{
	return no_memory ? NULL : __real_aligned_alloc(line, len);
}

static void test_a_cpu_without_memory_for_its_record_is_granted_nothing(void **state)
{
	unsigned slot;

	(void)state;
	need_heavy_fence();
	assert_int_equal(dmp_harness_enter(1000), 0);
	slot = dmp_bias_open(&none);
	no_memory = true;
	dmp_harness_become(999);
	no_memory = false;
	assert_false(dmp_bias_grant(slot, &mine));
	assert_ptr_equal(entered(slot), &none);
	dmp_bias_revoke(slot, 999);
	dmp_bias_wait(999);
	dmp_harness_become(0);
	dmp_harness_become(999);
	assert_true(dmp_bias_grant(slot, &mine));
	assert_ptr_equal(entered(slot), &mine);
	dmp_bias_close(slot);
	assert_int_equal(dmp_harness_leave(), 0);
}

/* Two words that are equal whenever nobody is inside. */
struct twins {
	volatile uint64_t a, b;
};

struct duel {
	unsigned slot, owner;
	struct dmp_lock lock;
	struct twins twins, decoy;
	bool revoked; /* under lock */
	DMP_ATOMIC(bool) ready, stop;
	uint64_t by_lock, inside; /* the owner's */
};

static void step(struct twins *twins)
{
	twins->a++;
	twins->b++;
}

static void step_by_lock(struct duel *d)
{
	dmp_lock_acquire(&d->lock);
	step(&d->twins);
	if (!d->revoked)
		dmp_bias_grant(d->slot, &d->twins);
	dmp_lock_release(&d->lock);
	d->by_lock++;
}

static void *own(void *arg)
{
	struct duel *d = arg;
	struct dmp_bias_cpu *self;

	d->owner = dmp_cpu();
	store_release(&d->ready, true);
	self = dmp_bias_self;
	while (!load_acquire(&d->stop)) {
		struct twins *twins = dmp_bias_enter(self, d->slot);
		bool in = twins != &d->decoy;

		if (in)
			step(twins);
		dmp_bias_leave(self);
		if (in)
			d->inside++;
		else
			step_by_lock(d);
	}
	return NULL;
}

static void take_away(struct duel *d)
{
	dmp_lock_acquire(&d->lock);
	d->revoked = true;
	dmp_bias_revoke(d->slot, d->owner);
	dmp_lock_release(&d->lock);
	dmp_fence_heavy();
}

/* Are the twins equal, with the owner out?  Changes them too. */
static bool look(struct duel *d)
{
	bool equal;

	dmp_lock_acquire(&d->lock);
	dmp_bias_wait(d->owner);
	equal = d->twins.a == d->twins.b;
	step(&d->twins);
	d->revoked = false;
	dmp_lock_release(&d->lock);
	return equal;
}

/*
 * B2 with a thread.  What a missing fence lets happen is rare: the other takes the block away
 * again and again, and both count what they have done.
 */
static void test_nobody_is_inside_after_the_heavy_fence_and_the_wait(void **state)
{
	static struct duel d;
	uint64_t drains, unequal = 0;
	pthread_t owner;

	(void)state;
	need_heavy_fence();
	dmp_lock_init(&d.lock, RANK_DEVICE, "twins");
	d.slot = dmp_bias_open(&d.decoy);
	assert_int_not_equal(d.slot, 0);
	assert_int_equal(pthread_create(&owner, NULL, own, &d), 0);
	while (!load_acquire(&d.ready))
		dmp_cpu_yield();
	for (drains = 0; drains < DRAINS; drains++) {
		take_away(&d);
		unequal += !look(&d);
	}
	store_release(&d.stop, true);
	pthread_join(owner, NULL);
	dmp_bias_close(d.slot);
	dmp_lock_destroy(&d.lock);
	assert_int_equal(unequal, 0);
	assert_int_equal(d.twins.a, d.inside + d.by_lock + drains);
	assert_int_equal(d.twins.b, d.inside + d.by_lock + drains);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_are_given_once_until_there_are_none),
		cmocka_unit_test(
			test_a_cpu_enters_none_until_it_is_granted_a_block_and_after_it_is_revoked),
		cmocka_unit_test(test_a_new_object_in_an_old_slot_begins_with_its_own_none),
		cmocka_unit_test(test_the_number_that_threads_share_is_granted_nothing),
		cmocka_unit_test(test_slot_0_is_granted_nothing),
		cmocka_unit_test(test_a_number_keeps_its_block_from_thread_to_thread),
		cmocka_unit_test(test_a_cpu_has_the_blocks_of_several_slots_at_once),
		cmocka_unit_test(test_without_the_heavy_fence_there_is_no_slot),
		cmocka_unit_test(test_after_a_heavy_fence_that_failed_nothing_is_granted),
		cmocka_unit_test(test_a_cpu_without_memory_for_its_record_is_granted_nothing),
		cmocka_unit_test(test_nobody_is_inside_after_the_heavy_fence_and_the_wait),
	};

	return cmocka_run_group_tests_name("base_bias", tests, NULL, NULL);
}
