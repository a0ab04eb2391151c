// SPDX-License-Identifier: MIT
/*
 * test_attack_try.c - proves that an attempt of bench/attack_try.c is told for what it was: what
 * was at the address, and what the machine answered
 *
 * A desk is a machine with its time standing still; the test does the steps, and thousands of
 * attempts between them, of which every one must be one of those that can be.
 */
#include "test_attack_rig.h"

#define MANY 4000

#define READ_ONLY                                                                                  \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 4096)                                                  \
	UNMAP_LATE(0, 02, "TO_DEVICE", 1000, 4096)                                                 \
	MAP_LATE(0, 30, "FROM_DEVICE", 9000, 5000, 4096)

struct desk {
	struct attack_rig rig;
	struct attack_book book;
	struct attack_shape shape;
	struct replay_machine machine;
	struct replay_run run;
	struct attacker attacker;
};

static void machine_up(struct desk *d)
{
	const struct attack_policy *policy = &d->rig.opts.policies[0];
	struct replay_opts opts = {.mask_bits = 32,
				   .profile = "free",
				   .sim_flags = DMP_SIM_TOUCH_STALE,
				   .shape = attack_shape_domain,
				   .shape_ctx = &d->shape};

	assert_int_equal(replay_clock_begin(&d->rig.job), 0);
	assert_int_equal(attack_book_open(&d->book, &d->rig.job, policy, true), 0);
	assert_int_equal(attack_shape_open(&d->shape, &d->book, 1), 0);
	assert_int_equal(replay_machine_create(&opts, policy->way, &d->rig.job, &d->machine), 0);
	assert_int_equal(replay_place_reset(&d->machine), 0);
	assert_int_equal(attack_book_lists(&d->book), 0);
}

static void up(struct desk *d, const char *text, const char *flush)
{
	memset(d, 0, sizeof(*d));
	attack_rig_up(&d->rig, text, flush);
	attack_rig_job(&d->rig);
	machine_up(d);
	d->run = (struct replay_run){.job = &d->rig.job, .machine = &d->machine};
	assert_int_equal(attacker_open(&d->attacker, &d->rig.opts, &d->book, &d->machine), 0);
}

static void down(struct desk *d)
{
	attacker_close(&d->attacker);
	replay_step_tidy(&d->run, &d->rig.job.lanes[0]);
	assert_int_equal(replay_machine_destroy(&d->machine), 0);
	assert_int_equal(replay_clock_end(), 0);
	attack_shape_close(&d->shape);
	attack_book_close(&d->book);
	replay_job_free(&d->rig.job);
	attack_rig_down(&d->rig);
}

/* The step, and the device's own use of what it has mapped. */
static void step(struct desk *d, uint32_t i)
{
	const struct replay_step *s = &d->rig.job.lanes[0].steps[i];

	attack_book_before(&d->book, s->mapping, s->op == TRACE_OP_UNMAP);
	replay_clock_move(&d->run, replay_clock_due_ns(&d->rig.job, s));
	replay_clock_step(&d->run, s);
	attack_book_after(&d->book, s->mapping);
	attacker_note(&d->attacker, s->mapping);
	if (s->op == TRACE_OP_MAP)
		attacker_transfer(&d->attacker, s->mapping);
}

/* Anew: the counts of MANY attempts. */
static const struct attack_counts *attempt(struct desk *d)
{
	memset(&d->attacker.counts, 0, sizeof(d->attacker.counts));
	for (unsigned i = 0; i < MANY; i++)
		attacker_try(&d->attacker);
	assert_int_equal(attack_sum_all(&d->attacker.counts, ATTACK_ANSWERS), MANY);
	return &d->attacker.counts;
}

static void expect_nothing_of(const struct attack_counts *c, enum attack_state state)
{
	assert_int_equal(attack_sum(c, state, ATTACK_ANSWERS), 0);
}

/* Where nothing ever was: below the mask not present, above it a bus error or the aperture's. */
static void expect_faults_where_nothing_was(const struct attack_counts *c)
{
	uint64_t faults = attack_sum(c, ATTACK_NEVER, DMP_FAULT_NOT_PRESENT) +
			  attack_sum(c, ATTACK_NEVER, DMP_FAULT_BUS) +
			  attack_sum(c, ATTACK_NEVER, DMP_FAULT_APERTURE);

	assert_true(attack_sum(c, ATTACK_NEVER, DMP_FAULT_NOT_PRESENT) > 0);
	assert_true(attack_sum(c, ATTACK_NEVER, DMP_FAULT_BUS) > 0);
	assert_true(attack_sum(c, ATTACK_NEVER, DMP_FAULT_APERTURE) > 0);
	assert_int_equal(faults, attack_sum(c, ATTACK_NEVER, ATTACK_ANSWERS));
}

static uint64_t of(const struct attack_counts *c, enum attack_state state, bool write)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ATTACK_ANSWERS; i++)
		sum += c->by[state][write][i];
	return sum;
}

static void test_before_anything_is_mapped_everything_faults(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "strict");
	c = attempt(&d);
	expect_faults_where_nothing_was(c);
	assert_int_equal(attack_sum(c, ATTACK_NEVER, ATTACK_ANSWERS), MANY);
	down(&d);
}

/* TO_DEVICE: every read is done, every write is denied. */
static void test_a_live_page_allows_what_its_direction_allows(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "strict");
	step(&d, 0);
	c = attempt(&d);
	assert_true(of(c, ATTACK_LIVE, false) > 0);
	assert_true(of(c, ATTACK_LIVE, true) > 0);
	assert_int_equal(c->by[ATTACK_LIVE][0][ATTACK_DONE], of(c, ATTACK_LIVE, false));
	assert_int_equal(c->by[ATTACK_LIVE][1][DMP_FAULT_PERMISSION], of(c, ATTACK_LIVE, true));
	assert_int_equal(c->refused + c->overstepped + c->wrong_bytes, 0);
	expect_faults_where_nothing_was(c);
	down(&d);
}

static void test_after_a_strict_unmap_nothing_is_reached(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "strict");
	step(&d, 0);
	step(&d, 1);
	c = attempt(&d);
	assert_true(attack_sum(c, ATTACK_CLOSED, ATTACK_ANSWERS) > 0);
	assert_int_equal(attack_sum(c, ATTACK_CLOSED, DMP_FAULT_NOT_PRESENT),
			 attack_sum(c, ATTACK_CLOSED, ATTACK_ANSWERS));
	expect_nothing_of(c, ATTACK_LIVE);
	expect_nothing_of(c, ATTACK_OPEN);
	down(&d);
}

/* The device has read the page, so its IOTLB knows it: reads are stale, writes still denied. */
static void test_after_a_lazy_unmap_reads_are_stale_until_the_timer(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "lazy");
	step(&d, 0);
	step(&d, 1);
	replay_clock_move(&d.run, d.run.now_ns + 7000000);
	c = attempt(&d);
	assert_true(of(c, ATTACK_OPEN, false) > 0);
	assert_int_equal(c->by[ATTACK_OPEN][0][DMP_FAULT_STALE], of(c, ATTACK_OPEN, false));
	assert_int_equal(c->by[ATTACK_OPEN][1][DMP_FAULT_PERMISSION], of(c, ATTACK_OPEN, true));
	assert_int_equal(c->oldest_stale_ns, 7000000);
	assert_int_equal(c->reused, 0);
	expect_nothing_of(c, ATTACK_CLOSED);
	replay_clock_move(&d.run, d.run.now_ns + 3000000);
	c = attempt(&d);
	assert_int_equal(attack_sum(c, ATTACK_CLOSED, DMP_FAULT_NOT_PRESENT),
			 attack_sum(c, ATTACK_CLOSED, ATTACK_ANSWERS));
	expect_nothing_of(c, ATTACK_OPEN);
	assert_int_equal(c->oldest_stale_ns, 0);
	down(&d);
}

/* By then the second mapping has the same memory. */
static void test_a_stale_access_to_memory_of_another_mapping_is_told(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "lazy-single");
	step(&d, 0);
	step(&d, 1);
	step(&d, 2);
	c = attempt(&d);
	assert_true(c->by[ATTACK_OPEN][0][DMP_FAULT_STALE] > 0);
	assert_int_equal(c->reused, c->by[ATTACK_OPEN][0][DMP_FAULT_STALE]);
	down(&d);
}

/* The CPU's view of the mapping is other memory than what the device reads. */
static void test_a_live_page_that_leads_elsewhere_has_wrong_bytes(void **state)
{
	struct replay_mapping *m;
	struct desk d;
	char *buf;

	(void)state;
	up(&d, READ_ONLY, "strict");
	step(&d, 0);
	m = &d.rig.job.mappings[0];
	buf = m->buf;
	m->buf = malloc(m->len);
	assert_non_null(m->buf);
	memset(m->buf, 0xff, m->len);
	assert_true(attempt(&d)->wrong_bytes > 0);
	free(m->buf);
	m->buf = buf;
	down(&d);
}

/* A fault of the machine: every access is a bus error. */
static void test_what_is_allowed_and_refused_is_counted(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "strict");
	step(&d, 0);
	assert_int_equal(dmp_sim_fail(d.machine.sim, DMP_SIM_CALL_ACCESS, 1, UINT64_MAX, 0), 0);
	c = attempt(&d);
	assert_int_equal(c->refused, c->by[ATTACK_LIVE][0][DMP_FAULT_BUS]);
	assert_true(c->refused > 0);
	down(&d);
}

/* The mapping says FROM_DEVICE by now, and its table entry allows reads. */
static void test_what_is_forbidden_and_performed_is_counted(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "strict");
	step(&d, 0);
	d.rig.job.mappings[0].dir = DMP_FROM_DEVICE;
	c = attempt(&d);
	assert_true(c->overstepped > 0);
	assert_int_equal(c->overstepped, c->by[ATTACK_LIVE][0][ATTACK_DONE]);
	d.rig.job.mappings[0].dir = DMP_TO_DEVICE;
	down(&d);
}

/* Below the mask there is RAM everywhere; above it nothing answers. */
static void
test_without_translation_all_of_memory_is_reached_and_the_rest_is_a_bus_error(void **state)
{
	struct desk d;
	const struct attack_counts *c;

	(void)state;
	up(&d, READ_ONLY, "none");
	step(&d, 0);
	c = attempt(&d);
	assert_true(c->by[ATTACK_LIVE][1][ATTACK_DONE] > 0);
	assert_int_equal(c->overstepped, 0); /* nobody has forbidden it */
	step(&d, 1);
	c = attempt(&d);
	assert_true(attack_sum(c, ATTACK_NEVER, ATTACK_DONE) > 0);
	assert_true(attack_sum(c, ATTACK_OPEN, ATTACK_DONE) > 0);
	assert_int_equal(attack_reached(c), attack_sum_all(c, ATTACK_DONE));
	assert_true(attack_sum_all(c, DMP_FAULT_BUS) > 0);
	assert_int_equal(attack_reached(c) + attack_sum_all(c, DMP_FAULT_BUS), MANY);
	down(&d);
}

static void test_a_device_uses_each_page_of_a_mapping_up_to_sixteen(void **state)
{
	struct desk d;

	(void)state;
	up(&d, MAP(0, 01, "BIDIRECTIONAL", 100000, 500000, 262144), "strict");
	step(&d, 0);
	assert_int_equal(d.attacker.counts.transfers, 16);
	down(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_anything_is_mapped_everything_faults),
		cmocka_unit_test(test_a_live_page_allows_what_its_direction_allows),
		cmocka_unit_test(test_after_a_strict_unmap_nothing_is_reached),
		cmocka_unit_test(test_after_a_lazy_unmap_reads_are_stale_until_the_timer),
		cmocka_unit_test(test_a_stale_access_to_memory_of_another_mapping_is_told),
		cmocka_unit_test(test_a_live_page_that_leads_elsewhere_has_wrong_bytes),
		cmocka_unit_test(test_what_is_allowed_and_refused_is_counted),
		cmocka_unit_test(test_what_is_forbidden_and_performed_is_counted),
		cmocka_unit_test(
			test_without_translation_all_of_memory_is_reached_and_the_rest_is_a_bus_error),
		cmocka_unit_test(test_a_device_uses_each_page_of_a_mapping_up_to_sixteen),
	};

	return cmocka_run_group_tests_name("attack_try", tests, NULL, NULL);
}
