// SPDX-License-Identifier: MIT
/*
 * test_attack_judge.c - proves that bench/attack_judge.c finds each promise broken that is, no
 * other, and none where none is made
 */
#include "test_attack_rig.h"

#define MS UINT64_C(1000000)

static struct attack_policy strict = {.way = REPLAY_STRICT, .text = "strict"};
static struct attack_policy lazy = {.way = REPLAY_LAZY, .text = "lazy"};
static struct attack_policy none = {.way = REPLAY_DIRECT, .text = "none"};

static struct replay_exposure exposed;

/* What a policy with windows of up to 9 ms, and a bound of 10 ms, should leave. */
static struct attack_result good(const struct attack_policy *policy)
{
	struct attack_result r = {.policy = policy, .clock = REPLAY_CLOCK_TRACE};

	memset(&exposed, 0, sizeof(exposed));
	exposed.bound_ns = policy == &lazy ? 10 * MS : 0;
	exposed.sum.could.ns.max = policy == &lazy ? 9 * MS : 0;
	if (policy != &none)
		r.exposed = &exposed;
	r.counts.by[ATTACK_LIVE][0][ATTACK_DONE] = 7;
	r.counts.by[ATTACK_LIVE][1][DMP_FAULT_PERMISSION] = 7;
	r.counts.by[ATTACK_CLOSED][0][DMP_FAULT_NOT_PRESENT] = 7;
	r.counts.by[ATTACK_NEVER][0][DMP_FAULT_BUS] = 7;
	if (policy == &lazy) {
		r.counts.by[ATTACK_OPEN][1][DMP_FAULT_STALE] = 7;
		r.counts.oldest_stale_ns = 9 * MS;
	}
	return r;
}

static void test_what_is_promised_is_kept(void **state)
{
	struct attack_result r;

	(void)state;
	r = good(&strict);
	assert_int_equal(attack_judge(&r), 0);
	r = good(&lazy);
	assert_int_equal(attack_judge(&r), 0);
	r = good(&none);
	assert_int_equal(attack_judge(&r), 0);
}

static void test_one_stale_access_breaks_strict(void **state)
{
	struct attack_result r = good(&strict);

	(void)state;
	r.counts.by[ATTACK_OPEN][0][DMP_FAULT_STALE] = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_STALE);
}

static void test_a_stale_access_during_the_unmap_breaks_nothing(void **state)
{
	struct attack_result r = good(&strict);

	(void)state;
	r.counts.by[ATTACK_LEAVING][0][DMP_FAULT_STALE] = 1;
	assert_int_equal(attack_judge(&r), 0);
	assert_int_equal(attack_stale(&r.counts, false), 0);
}

static void test_a_stale_access_after_the_flush_breaks_any_policy(void **state)
{
	struct attack_result r = good(&lazy);

	(void)state;
	r.counts.by[ATTACK_CLOSED][1][DMP_FAULT_STALE] = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_LATE);
	r = good(&lazy);
	r.counts.by[ATTACK_NEVER][1][DMP_FAULT_STALE] = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_LATE);
}

static void test_an_age_is_held_against_the_bound_and_the_windows(void **state)
{
	struct attack_result r = good(&lazy);

	(void)state;
	r.counts.oldest_stale_ns = 9 * MS + 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_WINDOW);
	r.counts.oldest_stale_ns = 10 * MS;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_WINDOW);
	r.counts.oldest_stale_ns = 10 * MS + 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_WINDOW | ATTACK_BREACH_BOUND);
	r.counts.oldest_stale_ns = 9 * MS + 1;
	exposed.sum.could.open_oldest_ns = 10 * MS;
	assert_int_equal(attack_judge(&r), 0);
	exposed.sum.could.open_oldest_ns = 10 * MS + 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_BOUND);
	r.counts.oldest_stale_ns = 10 * MS + 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_BOUND);
	r.clock = REPLAY_CLOCK_REAL;
	assert_int_equal(attack_judge(&r), 0);
}

static void test_nothing_is_given_out_while_it_can_be_reached(void **state)
{
	struct attack_result r = good(&lazy);

	(void)state;
	r.given_open = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_GIVEN);
	r.clock = REPLAY_CLOCK_REAL;
	assert_int_equal(attack_judge(&r), 0);
	r.counts.by[ATTACK_LIVE][0][DMP_FAULT_STALE] = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_GIVEN);
	r = good(&lazy);
	exposed.sum.seen.iova_reused = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_GIVEN);
}

static void test_an_access_without_a_mapping_breaks_translation(void **state)
{
	static const enum attack_state states[] = {ATTACK_NEVER, ATTACK_OPEN, ATTACK_CLOSED};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct attack_result r = good(&lazy);

		r.counts.by[states[i]][0][ATTACK_DONE] = 1;
		assert_int_equal(attack_judge(&r), ATTACK_BREACH_REACHED);
		r.policy = &none;
		r.exposed = NULL;
		assert_int_equal(attack_judge(&r), 0);
	}
}

static void test_what_every_machine_owes_is_judged_without_translation_too(void **state)
{
	struct attack_result r;

	(void)state;
	r = good(&none);
	r.counts.refused = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_REFUSED);
	r = good(&none);
	r.counts.wrong_bytes = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_BYTES);
	r = good(&none);
	r.blame.requests = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_BOOKS);
	r = good(&none);
	r.broken_books = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_BOOKS);
}

static void test_an_access_against_the_direction_is_one_too_many(void **state)
{
	struct attack_result r = good(&strict);

	(void)state;
	r.counts.overstepped = 1;
	assert_int_equal(attack_judge(&r), ATTACK_BREACH_OVER);
}

static void test_every_broken_promise_has_words_of_its_own(void **state)
{
	(void)state;
	for (unsigned bit = 1; bit <= ATTACK_BREACH_BOOKS; bit <<= 1) {
		assert_true(strlen(attack_breach_text(bit)) > 0);
		for (unsigned other = 1; other < bit; other <<= 1)
			assert_string_not_equal(attack_breach_text(bit), attack_breach_text(other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_promised_is_kept),
		cmocka_unit_test(test_one_stale_access_breaks_strict),
		cmocka_unit_test(test_a_stale_access_during_the_unmap_breaks_nothing),
		cmocka_unit_test(test_a_stale_access_after_the_flush_breaks_any_policy),
		cmocka_unit_test(test_an_age_is_held_against_the_bound_and_the_windows),
		cmocka_unit_test(test_nothing_is_given_out_while_it_can_be_reached),
		cmocka_unit_test(test_an_access_without_a_mapping_breaks_translation),
		cmocka_unit_test(test_what_every_machine_owes_is_judged_without_translation_too),
		cmocka_unit_test(test_an_access_against_the_direction_is_one_too_many),
		cmocka_unit_test(test_every_broken_promise_has_words_of_its_own),
	};

	return cmocka_run_group_tests_name("attack_judge", tests, NULL, NULL);
}
