// SPDX-License-Identifier: MIT
/*
 * stress_dma.c - eight threads map, let the device write, look at the bytes and unmap
 *
 * One device and one domain for all.  Half of the mappings are handed over a mailbox and
 * unmapped by another thread than mapped them, which is what a network card's transmit and
 * completion do.  Every thread has an agent and a pattern of its own, so a byte that lands
 * anywhere but in its buffer is seen.
 *
 * Locking: (m) lock of a mailbox; everything else belongs to one thread.
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "fixture.h"
#include "rng.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS 8u
#define ROUNDS  200u
#define LONGEST 20000u /* one to six granules: several size classes */

/* A mapping on its way to whoever unmaps it. */
struct parcel {
	unsigned char *buf;
	uint64_t len;
	dmp_addr_t addr;
	unsigned char pattern;
};

/* Room for one parcel, from one thread to the next. */
struct mailbox {
	pthread_mutex_t lock;
	struct parcel parcel; /* (m) buf NULL: empty */
};

struct shared {
	struct fixture *f;
	uint64_t rounds;
	struct dmp_sim_agent *agents[THREADS];
	struct mailbox mailboxes[THREADS];
};

/* Maps @parcel and has the device fill it. */
static void send(struct crew_member *me, struct shared *s, struct parcel *parcel)
{
	unsigned char data[LONGEST];

	CREW_EXPECT(me, dmp_dma_map(s->f->dev, parcel->buf, parcel->len, DMP_FROM_DEVICE, 0,
				    &parcel->addr) == 0);
	memset(data, parcel->pattern, parcel->len);
	CREW_EXPECT(me, dmp_sim_agent_write(s->agents[me->number], parcel->addr, data,
					    parcel->len) == 0);
}

/* Unmaps @parcel and looks at every byte. */
static void receive(struct crew_member *me, struct shared *s, struct parcel *parcel)
{
	uint64_t wrong = 0;

	CREW_EXPECT(me, dmp_dma_sync_for_cpu(s->f->dev, parcel->addr, parcel->len,
					     DMP_FROM_DEVICE) == 0);
	CREW_EXPECT(me,
		    dmp_dma_unmap(s->f->dev, parcel->addr, parcel->len, DMP_FROM_DEVICE, 0) == 0);
	for (uint64_t i = 0; i < parcel->len; i++)
		wrong += parcel->buf[i] != parcel->pattern;
	CREW_EXPECT(me, wrong == 0);
	free(parcel->buf);
	parcel->buf = NULL;
}

/* Puts @parcel into the neighbour's box and takes what lay there. */
static void exchange(struct mailbox *box, struct parcel *parcel)
{
	struct parcel old;

	pthread_mutex_lock(&box->lock);
	old = box->parcel;
	box->parcel = *parcel;
	pthread_mutex_unlock(&box->lock);
	*parcel = old;
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(7) + me->number);

	for (uint64_t round = 0; round < s->rounds && !me->failures; round++) {
		struct parcel parcel = {.len = rng_range(&rng, 1, LONGEST),
					.pattern = (unsigned char)rng_next(&rng)};

		parcel.buf = malloc(parcel.len);
		if (!parcel.buf)
			return;
		send(me, s, &parcel);
		if (round % 2)
			exchange(&s->mailboxes[(me->number + 1) % me->of], &parcel);
		if (parcel.buf)
			receive(me, s, &parcel);
	}
}

/* What lies in the boxes at the end is unmapped by the test's own thread. */
static void empty_mailboxes(struct shared *s)
{
	struct crew_member me = {.number = 0, .of = 1};

	for (unsigned i = 0; i < THREADS; i++) {
		if (s->mailboxes[i].parcel.buf)
			receive(&me, s, &s->mailboxes[i].parcel);
		pthread_mutex_destroy(&s->mailboxes[i].lock);
	}
	assert_int_equal(me.failures, 0);
}

static void run(const struct fixture_want *want)
{
	struct fixture f;
	struct shared s = {.f = &f, .rounds = rng_rounds_from_env(ROUNDS)};
	struct dmp_device_stats stats;

	fixture_setup(&f, want);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_mutex_init(&s.mailboxes[i].lock, NULL);
		assert_int_equal(dmp_sim_agent_create(f.sim, dmp_device_id(f.dev), &s.agents[i]),
				 0);
	}
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	empty_mailboxes(&s);
	assert_int_equal(dmp_device_get_stats(f.dev, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.maps, THREADS * s.rounds);
	assert_int_equal(stats.unmaps, THREADS * s.rounds);
	for (unsigned i = 0; i < THREADS; i++)
		dmp_sim_agent_destroy(s.agents[i]);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG), 0);
	fixture_teardown(&f);
}

static void test_threads_share_a_device_directly(void **state)
{
	(void)state;
	run(&FIXTURE(.translated = false, .no_shim = true));
}

static void test_threads_share_a_domain_with_strict_flushing(void **state)
{
	(void)state;
	run(&FIXTURE(.translated = true, .no_shim = true));
}

static void test_threads_share_24_bits_of_addresses(void **state)
{
	(void)state;
	run(&FIXTURE(.translated = true, .no_shim = true, .device.dma_mask = DMP_MASK(24)));
}

/* The shim's books see every call of the eight threads and find no rule broken. */
static void test_threads_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(&FIXTURE(.translated = false));
	run(&FIXTURE(.translated = true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_share_a_device_directly),
		cmocka_unit_test(test_threads_share_a_domain_with_strict_flushing),
		cmocka_unit_test(test_threads_share_24_bits_of_addresses),
		cmocka_unit_test(test_threads_keep_the_contract_with_the_machine),
	};

	return cmocka_run_group_tests_name("stress_dma", tests, NULL, NULL);
}
