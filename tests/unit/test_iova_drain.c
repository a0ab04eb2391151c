// SPDX-License-Identifier: MIT
/*
 * test_iova_drain.c - proves R1 and R2 of lib/iova/iova_drain.c as far as one thread can, what
 * trim promises, and spec-iova 1.7.6 and 1.10; with threads: stress_iova_churn
 */
#include "heavy_fence.h"
#include "iova_space.h"

#include "iova_internal.h"

#define MS       UINT64_C(1000000)
#define MAGAZINE 127u
#define PERIOD   (50 * MS)

static int setup(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, NULL);
	*state = &s;
	return 0;
}

static int setup_trimmed(void **state)
{
	static struct iova_space s;

	iova_space_open(&s, 2, &DMP_IOVA_OPTS(.trim_period_ns = PERIOD));
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	iova_space_close(*state);
	return 0;
}

static bool has_bias(struct iova_space *s, unsigned cpu)
{
	bool has;

	dmp_harness_become(cpu);
	has = dmp_bias_enter(dmp_bias_self, s->dom->bias) != &s->dom->no_pairs;
	dmp_bias_leave(dmp_bias_self);
	return has;
}

static uint64_t cached(struct iova_space *s)
{
	return iova_space_stats(s).cached;
}

static void test_a_flush_gives_back_every_cpu_and_the_depot(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 3 * MAGAZINE, 1);
	iova_space_fill(s, 1, 5, 1);
	assert_int_equal(dmp_iova_flush(s->dom), 3 * MAGAZINE);
	assert_int_equal(iova_space_stats(s).nranges, 0);
	assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, 0, 0), 0);
	assert_int_equal(iova_space_depot(s, 0), 0);
}

static void test_a_flush_takes_the_bias_of_others_until_their_next_request(void **state)
{
	struct iova_space *s = *state;

	need_heavy_fence();
	iova_space_fill(s, 0, 1, 1);
	assert_true(has_bias(s, 0));
	dmp_harness_become(1);
	dmp_iova_flush(s->dom);
	assert_false(has_bias(s, 0));
	iova_space_fill(s, 0, 1, 1);
	assert_true(has_bias(s, 0));
}

static void test_a_cpu_keeps_the_bias_through_its_own_flush(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 1, 1);
	dmp_iova_flush(s->dom);
	assert_true(has_bias(s, 0));
	assert_int_equal(cached(s), 0);
}

static void try_to_be_served(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx)
{
	bool *served = ctx;

	*served = *served || dmp_bias_enter(dmp_bias_self, dom->bias) != (void *)&dom->no_pairs;
	dmp_bias_leave(dmp_bias_self);
	assert_true(cpu->revoked);
}

/* R2: CPU 1 looks into the cache of CPU 0, which then tries. */
static void see_as_owner(struct dmp_iova_domain *dom, struct iova_cpu *cpu, void *ctx)
{
	dmp_harness_become(0);
	try_to_be_served(dom, cpu, ctx);
	dmp_harness_become(1);
}

static void test_an_owner_is_not_inside_while_another_is(void **state)
{
	struct iova_space *s = *state;
	bool served = false;

	need_heavy_fence();
	iova_space_fill(s, 0, 1, 1);
	dmp_harness_become(1);
	iova_drain_each(s->dom, IOVA_EVERY_CPU, see_as_owner, &served);
	assert_false(served);
}

/* The linker sends the port's membarriers here: a test can refuse them, count them, and act
 * between the first step of a drain and the third. */
static bool no_membarrier;
static unsigned nsyscalls;
static void (*at_fence)(void *ctx);
static void *at_fence_ctx;

long __real_syscall(long number, long a, long b, long c); // NOLINT: the linker's names
long __wrap_syscall(long number, long a, long b, long c); // NOLINT

long __wrap_syscall(long number, long a, long b, long c) // NOLINT
{
	nsyscalls++;
	if (at_fence)
		at_fence(at_fence_ctx);
	if (!no_membarrier)
		return __real_syscall(number, a, b, c);
	errno = EPERM;
	return -1;
}

/*
 * membarrier is refused, as by a sandbox that was closed later:
 *
 *   CPU 0 biased      its ranges stay until it comes to the lock; from then on it keeps to it
 *   CPU 1             drains its own
 */
static void test_without_the_heavy_fence_a_biased_cpu_is_left_alone_until_it_comes(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn;

	need_heavy_fence();
	iova_space_fill(s, 1, 3, 1);
	iova_space_fill(s, 0, 5, 1);
	dmp_harness_become(1);
	no_membarrier = true;
	assert_int_equal(dmp_iova_flush(s->dom), 3);
	assert_false(has_bias(s, 0));
	pfn = iova_space_alloc(s, 0, 1);
	assert_false(has_bias(s, 0));
	iova_space_free(s, 0, pfn, 1);
	dmp_harness_become(1);
	assert_int_equal(dmp_iova_flush(s->dom), 5);
	no_membarrier = false;
	assert_int_equal(iova_space_stats(s).nranges, 0);
}

/* Who drains pays, and only if somebody may be inside. */
static void test_a_drain_fences_only_when_another_cpu_is_biased(void **state)
{
	struct iova_space *s = *state;
	unsigned before;

	need_heavy_fence();
	iova_space_fill(s, 0, 1, 1);
	before = nsyscalls;
	dmp_iova_flush(s->dom);
	assert_int_equal(nsyscalls - before, 0);
	dmp_harness_become(1);
	dmp_iova_flush(s->dom);
	assert_int_equal(nsyscalls - before, 1);
	dmp_iova_flush(s->dom);
	assert_int_equal(nsyscalls - before, 1);
}

/* What CPU 0 saw when it came between. */
struct between {
	struct iova_space *s;
	bool before, after; /* was it biased before its request, and after? */
};

static void come_between(void *ctx)
{
	struct between *b = ctx;

	at_fence = NULL;
	b->before = has_bias(b->s, 0);
	iova_space_alloc(b->s, 0, 1);
	b->after = has_bias(b->s, 0);
	dmp_harness_become(1);
}

static void come_at_the_next_fence(struct between *b)
{
	at_fence_ctx = b;
	at_fence = come_between;
	dmp_harness_become(1);
}

/*
 * CPU 1 drains      revokes CPU 0      fence                   empties it
 * CPU 0                                by the lock: one of 5
 */
static void test_an_owner_who_comes_during_a_drain_is_served_by_the_lock(void **state)
{
	struct iova_space *s = *state;
	struct between b = {s, true, true};

	need_heavy_fence();
	iova_space_fill(s, 0, 5, 1);
	come_at_the_next_fence(&b);
	assert_int_equal(dmp_iova_flush(s->dom), 4);
	assert_false(b.before);
	assert_false(b.after);
	iova_space_alloc(s, 0, 1);
	assert_true(has_bias(s, 0));
}

/* CPU 0, inside until somebody waits for it. */
static struct dmp_bias_cpu *insider;
static unsigned nwaits;

int __real_sched_yield(void); // NOLINT
int __wrap_sched_yield(void); // NOLINT

int __wrap_sched_yield(void) // NOLINT
{
	if (!insider)
		return __real_sched_yield();
	nwaits++;
	dmp_bias_leave(insider);
	insider = NULL;
	return 0;
}

static void be_inside(void *ctx)
{
	struct iova_space *s = ctx;

	at_fence = NULL;
	dmp_harness_become(0);
	insider = dmp_bias_self;
	dmp_bias_enter(insider, s->dom->bias);
	dmp_harness_become(1);
}

static void test_a_drain_waits_for_an_owner_who_is_inside(void **state)
{
	struct iova_space *s = *state;

	need_heavy_fence();
	iova_space_fill(s, 0, 5, 1);
	dmp_harness_become(1);
	at_fence_ctx = s;
	at_fence = be_inside;
	assert_int_equal(dmp_iova_flush(s->dom), 5);
	assert_null(insider);
	assert_int_equal(nwaits, 1);
}

static void test_a_cache_that_is_used_during_the_look_is_spared(void **state)
{
	struct iova_space *s = *state;
	struct between b = {s, true, true};

	need_heavy_fence();
	iova_space_fill(s, 0, 5, 1);
	dmp_harness_become(1);
	assert_int_equal(dmp_iova_trim(s->dom), 0);
	come_at_the_next_fence(&b);
	assert_int_equal(dmp_iova_trim(s->dom), 0);
	assert_false(b.before);
	assert_int_equal(cached(s), 4);
}

static void test_a_cpu_that_goes_offline_gives_its_ranges_back(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 1, 5, 1);
	iova_space_fill(s, 0, 3 * MAGAZINE, 1);
	assert_int_equal(dmp_harness_set_online(0, false), 0);
	assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, 0, 0), 0);
	assert_int_equal(iova_space_count(s, DMP_IOVA_LOADED, 1, 0), 5);
	assert_int_equal(iova_space_depot(s, 0), 1);
	assert_int_equal(iova_space_stats(s).nranges, MAGAZINE + 5);
	dmp_harness_set_online(0, true);
}

/* Trim when asked. */

static void test_the_first_trim_takes_nothing_that_was_used_before(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 5, 1);
	assert_int_equal(dmp_iova_trim(s->dom), 0);
	assert_int_equal(cached(s), 5);
	assert_int_equal(dmp_iova_trim(s->dom), 5);
	assert_int_equal(iova_space_stats(s).nranges, 0);
	assert_int_equal(iova_space_stats(s).trimmed, 5);
}

/* As after a thread's burst: nobody but CPU 0 has used its cache between the two. */
static void test_a_cache_used_between_two_trims_is_spared(void **state)
{
	struct iova_space *s = *state;
	uint64_t pfn;

	iova_space_fill(s, 0, 5, 1);
	iova_space_fill(s, 1, 7, 2);
	dmp_iova_trim(s->dom);
	pfn = iova_space_alloc(s, 0, 1);
	assert_int_equal(dmp_iova_trim(s->dom), 7);
	assert_int_equal(cached(s), 4);
	iova_space_free(s, 0, pfn, 1);
}

static void test_an_idle_cpu_keeps_no_magazine(void **state)
{
	struct iova_space *s = *state;
	uint64_t before, after;

	iova_space_fill(s, 0, 1, 1);
	before = dmp_meta_in_use();
	dmp_iova_trim(s->dom);
	dmp_iova_trim(s->dom);
	after = dmp_meta_in_use();
	assert_true(before - after >= (uint64_t)2 * 1024);
	iova_space_fill(s, 0, 1, 1);
	assert_int_equal(cached(s), 1);
}

static void test_a_depot_is_trimmed_when_no_cpu_has_come(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 4 * MAGAZINE, 1);
	dmp_iova_trim(s->dom);
	iova_space_alloc(s, 1, 1);
	assert_int_equal(dmp_iova_trim(s->dom), 2 * MAGAZINE);
	assert_int_equal(iova_space_depot(s, 0), 1);
	assert_int_equal(dmp_iova_trim(s->dom), MAGAZINE + MAGAZINE - 1);
	assert_int_equal(cached(s), 0);
}

static void test_a_domain_without_cache_or_period_schedules_nothing(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 5, 1);
	assert_int_equal(dmp_harness_advance(3600 * 1000 * MS), 0);
	assert_int_equal(cached(s), 5);
	assert_int_equal(dmp_iova_trim(NULL), 0);
}

/* Trim in the background. */

/*
 *   0        50       100 ms
 *   used     looked   looked: not used since: given back
 */
static void test_what_is_not_used_for_a_period_is_given_back(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 5, 1);
	assert_int_equal(dmp_harness_advance(2 * PERIOD - 1), 1);
	assert_int_equal(cached(s), 5);
	assert_int_equal(dmp_harness_advance(1), 1);
	assert_int_equal(cached(s), 0);
	assert_int_equal(iova_space_stats(s).nranges, 0);
}

static void test_a_cache_in_use_is_never_trimmed(void **state)
{
	struct iova_space *s = *state;

	iova_space_fill(s, 0, 5, 1);
	for (unsigned i = 0; i < 20; i++) {
		iova_space_fill(s, 0, 1, 1);
		dmp_harness_advance(PERIOD);
	}
	assert_int_equal(cached(s), 5);
	assert_int_equal(iova_space_stats(s).trimmed, 0);
}

static void test_an_idle_domain_causes_no_work(void **state)
{
	struct iova_space *s = *state;

	assert_int_equal(dmp_harness_advance(100 * PERIOD), 0);
	iova_space_fill(s, 0, 5, 1);
	assert_int_equal(dmp_harness_advance(100 * PERIOD), 2);
	assert_int_equal(dmp_harness_advance(100 * PERIOD), 0);
	iova_space_fill(s, 1, 5, 1);
	assert_int_equal(dmp_harness_advance(100 * PERIOD), 2);
	assert_int_equal(cached(s), 0);
}

static void test_a_domain_goes_while_a_trim_is_due(void **state)
{
	struct iova_space s;

	(void)state;
	need_heavy_fence();
	iova_space_open(&s, 2, &DMP_IOVA_OPTS(.trim_period_ns = PERIOD));
	iova_space_fill(&s, 0, 5, 1);
	assert_true(dmp_work_is_pending(&s.dom->trim));
	iova_space_close(&s);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TRIMMED(name) cmocka_unit_test_setup_teardown(name, setup_trimmed, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_flush_gives_back_every_cpu_and_the_depot),
		TEST(test_a_flush_takes_the_bias_of_others_until_their_next_request),
		TEST(test_a_cpu_keeps_the_bias_through_its_own_flush),
		TEST(test_an_owner_is_not_inside_while_another_is),
		TEST(test_without_the_heavy_fence_a_biased_cpu_is_left_alone_until_it_comes),
		TEST(test_a_drain_fences_only_when_another_cpu_is_biased),
		TEST(test_an_owner_who_comes_during_a_drain_is_served_by_the_lock),
		TEST(test_a_drain_waits_for_an_owner_who_is_inside),
		TEST(test_a_cache_that_is_used_during_the_look_is_spared),
		TEST(test_a_cpu_that_goes_offline_gives_its_ranges_back),
		TEST(test_the_first_trim_takes_nothing_that_was_used_before),
		TEST(test_a_cache_used_between_two_trims_is_spared),
		TEST(test_an_idle_cpu_keeps_no_magazine),
		TEST(test_a_depot_is_trimmed_when_no_cpu_has_come),
		TEST(test_a_domain_without_cache_or_period_schedules_nothing),
		TRIMMED(test_what_is_not_used_for_a_period_is_given_back),
		TRIMMED(test_a_cache_in_use_is_never_trimmed),
		TRIMMED(test_an_idle_domain_causes_no_work),
		cmocka_unit_test(test_a_domain_goes_while_a_trim_is_due),
	};

	return cmocka_run_group_tests_name("iova_drain", tests, NULL, NULL);
}
