// SPDX-License-Identifier: MIT
/*
 * test_base_cpu.c - proves C1-C3 of base_cpu.c
 */
#include "dmptest.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>

#include <sched.h>

static void *number_of_thread(void *arg)
{
	*(unsigned *)arg = dmp_cpu();
	return NULL;
}

static unsigned number_of_a_new_thread(void)
{
	unsigned cpu = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, number_of_thread, &cpu);
	pthread_join(thread, NULL);
	return cpu;
}

static void test_a_number_is_reused_after_its_threads_exit(void **state)
{
	unsigned own = dmp_cpu(), first = number_of_a_new_thread();

	(void)state;
	assert_int_not_equal(first, own);
	assert_int_equal(number_of_a_new_thread(), first);
	assert_int_equal(dmp_cpu(), own);
}

struct meeting {
	pthread_barrier_t all_here;
	unsigned cpu[8];
	DMP_ATOMIC(unsigned) next;
};

static void *meet(void *arg)
{
	struct meeting *meeting = arg;

	meeting->cpu[add_relaxed(&meeting->next, 1)] = dmp_cpu();
	pthread_barrier_wait(&meeting->all_here);
	return NULL;
}

static void test_threads_that_live_at_once_have_different_numbers(void **state)
{
	static struct meeting meeting;
	pthread_t threads[8];

	(void)state;
	pthread_barrier_init(&meeting.all_here, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, meet, &meeting);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&meeting.all_here);
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < i; j++)
			assert_int_not_equal(meeting.cpu[i], meeting.cpu[j]);
}

struct told {
	struct dmp_cpu_hook hook;
	unsigned calls, cpu, ran_on;
};

static void tell(struct dmp_cpu_hook *hook, unsigned cpu)
{
	struct told *told = (struct told *)hook;

	told->calls++;
	told->cpu = cpu;
	told->ran_on = dmp_cpu();
}

static void test_hooks_run_on_the_thread_that_exits_until_removed(void **state)
{
	struct told told = {.hook = {.offline = tell}}, other = {.hook = {.offline = tell}};
	unsigned cpu;

	(void)state;
	dmp_cpu_hook_add(&told.hook);
	dmp_cpu_hook_add(&other.hook);
	cpu = number_of_a_new_thread();
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.cpu, cpu);
	assert_int_equal(told.ran_on, cpu);
	dmp_cpu_hook_remove(&told.hook);
	number_of_a_new_thread();
	assert_int_equal(told.calls, 1);
	assert_int_equal(other.calls, 2);
	dmp_cpu_hook_remove(&other.hook);
}

struct slow_hook {
	struct dmp_cpu_hook hook;
	pthread_barrier_t inside, may_end;
	DMP_ATOMIC(bool) waiting, done;
};

/* The first thread that exits stays inside until it is told. */
static void stay_inside(struct dmp_cpu_hook *hook, unsigned cpu)
{
	struct slow_hook *slow = (struct slow_hook *)hook;

	(void)cpu;
	if (load_relaxed(&slow->done))
		return;
	pthread_barrier_wait(&slow->inside);
	pthread_barrier_wait(&slow->may_end);
	store_release(&slow->done, true);
}

static void slow_hook_add(struct slow_hook *slow)
{
	*slow = (struct slow_hook){.hook = {.offline = stay_inside}};
	pthread_barrier_init(&slow->inside, NULL, 2);
	pthread_barrier_init(&slow->may_end, NULL, 2);
	dmp_cpu_hook_add(&slow->hook);
}

struct arrival {
	unsigned cpu;
	pthread_barrier_t known;
};

static void *tell_number(void *arg)
{
	struct arrival *arrival = arg;

	arrival->cpu = dmp_cpu();
	pthread_barrier_wait(&arrival->known);
	return NULL;
}

/*
 *   A   attached, exits: hook ......................... number free
 *   B                        attached: another number
 */
static void test_a_number_is_not_taken_while_its_hooks_run(void **state)
{
	static struct slow_hook slow;
	static struct arrival b;
	unsigned a_cpu = 0;
	pthread_t a, b_thread;

	(void)state;
	slow_hook_add(&slow);
	pthread_barrier_init(&b.known, NULL, 2);
	pthread_create(&a, NULL, number_of_thread, &a_cpu);
	pthread_barrier_wait(&slow.inside);
	pthread_create(&b_thread, NULL, tell_number, &b);
	pthread_barrier_wait(&b.known);
	pthread_barrier_wait(&slow.may_end);
	pthread_join(a, NULL);
	pthread_join(b_thread, NULL);
	dmp_cpu_hook_remove(&slow.hook);
	assert_int_not_equal(a_cpu, b.cpu);
}

/* Gives a remove that does not wait the time to return. */
static void *let_hook_end(void *arg)
{
	struct slow_hook *slow = arg;

	while (!load_acquire(&slow->waiting))
		sched_yield();
	for (int i = 0; i < 1000; i++)
		sched_yield();
	pthread_barrier_wait(&slow->may_end);
	return NULL;
}

static void test_removing_a_hook_waits_for_its_call(void **state)
{
	static struct slow_hook slow;
	unsigned cpu = 0;
	pthread_t thread, helper;
	bool done;

	(void)state;
	slow_hook_add(&slow);
	pthread_create(&thread, NULL, number_of_thread, &cpu);
	pthread_barrier_wait(&slow.inside);
	pthread_create(&helper, NULL, let_hook_end, &slow);
	store_release(&slow.waiting, true);
	dmp_cpu_hook_remove(&slow.hook);
	done = load_acquire(&slow.done);
	pthread_join(thread, NULL);
	pthread_join(helper, NULL);
	assert_true(done);
}

static struct dmp_percpu blocks;

static void *mark_block(void *arg)
{
	uint64_t *block = dmp_percpu_get(&blocks);

	if (block)
		*block += 1;
	*(uint64_t **)arg = block;
	return NULL;
}

static void test_a_block_stays_where_it_is_when_its_number_is_reused(void **state)
{
	uint64_t *first = NULL, *second = NULL, *own;
	pthread_t thread;

	(void)state;
	dmp_percpu_init(&blocks, 100);
	own = dmp_percpu_get(&blocks);
	pthread_create(&thread, NULL, mark_block, &first);
	pthread_join(thread, NULL);
	pthread_create(&thread, NULL, mark_block, &second);
	pthread_join(thread, NULL);
	assert_non_null(first);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, own);
	assert_int_equal(*first, 2);
	assert_int_equal((uintptr_t)first % DMP_CACHE_LINE, 0);
	dmp_percpu_destroy(&blocks);
}

static void test_without_memory_there_is_no_block_and_later_there_is(void **state)
{
	uint64_t before = dmp_meta_in_use();

	(void)state;
	dmp_percpu_init(&blocks, 64);
	for (uint64_t nth = 1; nth <= 2; nth++) {
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, nth, 1);
		assert_null(dmp_percpu_get(&blocks));
		assert_int_equal(dmp_harness_failed(DMP_HARNESS_ALLOC_PERCPU), 1);
		dmp_percpu_destroy(&blocks);
		dmp_harness_fail_alloc(DMP_HARNESS_ALLOC_PERCPU, 0, 0);
	}
	assert_non_null(dmp_percpu_get(&blocks));
	dmp_percpu_destroy(&blocks);
	assert_int_equal(dmp_meta_in_use(), before);
}

static void test_foreach_sees_the_blocks_that_exist(void **state)
{
	unsigned cpu, seen = 0;
	uint64_t *block;

	(void)state;
	assert_int_equal(dmp_harness_enter(200), 0);
	dmp_percpu_init(&blocks, 64);
	for (unsigned i = 0; i < 3; i++) {
		dmp_harness_become(i * 90);
		*(uint64_t *)dmp_percpu_get(&blocks) = i * 90;
	}
	DMP_PERCPU_FOREACH(block, &blocks, cpu) {
		assert_int_equal(*block, cpu);
		seen++;
	}
	assert_int_equal(seen, 3);
	dmp_percpu_destroy(&blocks);
	assert_int_equal(dmp_harness_leave(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_number_is_reused_after_its_threads_exit),
		cmocka_unit_test(test_threads_that_live_at_once_have_different_numbers),
		cmocka_unit_test(test_hooks_run_on_the_thread_that_exits_until_removed),
		cmocka_unit_test(test_a_number_is_not_taken_while_its_hooks_run),
		cmocka_unit_test(test_removing_a_hook_waits_for_its_call),
		cmocka_unit_test(test_a_block_stays_where_it_is_when_its_number_is_reused),
		cmocka_unit_test(test_without_memory_there_is_no_block_and_later_there_is),
		cmocka_unit_test(test_foreach_sees_the_blocks_that_exist),
	};

	return cmocka_run_group_tests_name("base_cpu", tests, NULL, NULL);
}
