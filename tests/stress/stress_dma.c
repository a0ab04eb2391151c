// SPDX-License-Identifier: MIT
/*
 * stress_dma.c - eight threads map, let the device read and write, look at the bytes and unmap,
 * in every route
 *
 * One device, one domain and one bounce allocator for all.  Every fourth round maps a list.  Of
 * the others two in three are handed over a mailbox and unmapped by another thread than mapped
 * them, which is what a network card's transmit and completion do.  Every thread has an agent
 * and each mapping a pattern, so a byte that lands anywhere but in its buffer is seen.
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
#define PIECES  4u     /* of a list */

/* A mapping on its way to whoever unmaps it. */
struct parcel {
	unsigned char *buf;
	uint64_t len;
	enum dmp_dir dir;
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

static uint64_t bytes_other_than(const unsigned char *bytes, uint64_t len, unsigned char pattern)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < len; i++)
		wrong += bytes[i] != pattern;
	return wrong;
}

/* The device sees what the CPU wrote, if it may look, and fills all of it with @pattern. */
static void use_as_device(struct crew_member *me, struct shared *s, dmp_addr_t addr, uint64_t len,
			  enum dmp_dir dir, unsigned char pattern)
{
	struct dmp_sim_agent *agent = s->agents[me->number];
	unsigned char data[LONGEST];

	if (dir == DMP_BIDIRECTIONAL) {
		CREW_EXPECT(me, dmp_sim_agent_read(agent, addr, data, len) == 0);
		CREW_EXPECT(me, bytes_other_than(data, len, (unsigned char)~pattern) == 0);
	}
	memset(data, pattern, len);
	CREW_EXPECT(me, dmp_sim_agent_write(agent, addr, data, len) == 0);
}

/* Maps @parcel and has the device fill it. */
static void send(struct crew_member *me, struct shared *s, struct parcel *parcel)
{
	memset(parcel->buf, ~parcel->pattern, parcel->len);
	CREW_EXPECT(me, dmp_dma_map(s->f->dev, parcel->buf, parcel->len, parcel->dir, 0,
				    &parcel->addr) == 0);
	use_as_device(me, s, parcel->addr, parcel->len, parcel->dir, parcel->pattern);
}

/* Unmaps @parcel and looks at every byte. */
static void receive(struct crew_member *me, struct shared *s, struct parcel *parcel)
{
	CREW_EXPECT(me,
		    dmp_dma_sync_for_cpu(s->f->dev, parcel->addr, parcel->len, parcel->dir) == 0);
	CREW_EXPECT(me, bytes_other_than(parcel->buf, parcel->len, parcel->pattern) == 0);
	CREW_EXPECT(me, dmp_dma_unmap(s->f->dev, parcel->addr, parcel->len, parcel->dir, 0) == 0);
	CREW_EXPECT(me, bytes_other_than(parcel->buf, parcel->len, parcel->pattern) == 0);
	free(parcel->buf);
	parcel->buf = NULL;
}

/* The same with pieces of one buffer, each answer filled as a device does that walks them. */
static void send_and_receive_list(struct crew_member *me, struct shared *s,
				  const struct parcel *parcel)
{
	uint64_t piece_len = parcel->len / PIECES;
	struct dmp_sg sg[PIECES];
	size_t n = 0;

	memset(parcel->buf, ~parcel->pattern, parcel->len);
	for (size_t i = 0; i < PIECES; i++)
		sg[i] = (struct dmp_sg){.buf = parcel->buf + i * piece_len, .len = piece_len};
	CREW_EXPECT(me, dmp_dma_map_sg(s->f->dev, sg, PIECES, parcel->dir, 0, &n) == 0);
	for (size_t i = 0; i < n; i++)
		use_as_device(me, s, sg[i].addr, sg[i].mapped_len, parcel->dir, parcel->pattern);
	CREW_EXPECT(me, dmp_dma_unmap_sg(s->f->dev, sg, PIECES, parcel->dir, 0) == 0);
	CREW_EXPECT(me, bytes_other_than(parcel->buf, PIECES * piece_len, parcel->pattern) == 0);
	free(parcel->buf);
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
		struct parcel parcel = {.len = rng_range(&rng, PIECES, LONGEST),
					.dir = rng_range(&rng, 0, 1) ? DMP_FROM_DEVICE
								     : DMP_BIDIRECTIONAL,
					.pattern = (unsigned char)rng_next(&rng)};

		parcel.buf = malloc(parcel.len);
		if (!parcel.buf)
			return;
		if (round % 4 == 0) {
			send_and_receive_list(me, s, &parcel);
			continue;
		}
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

/* Room for what all threads can have mapped at once, in an area for each. */
#define POOL .bounces = true, .swiotlb.slots = 4096, .swiotlb.areas = THREADS

static void test_threads_share_a_pool_directly(void **state)
{
	(void)state;
	run(&FIXTURE(POOL, .no_shim = true, .device.dma_mask = DMP_MASK(32)));
	run(&FIXTURE(POOL, .no_shim = true, .device.dma_mask = DMP_MASK(32),
		     .device.min_align_mask = 0xfff));
}

static void test_threads_share_a_pool_behind_a_domain(void **state)
{
	(void)state;
	run(&FIXTURE(POOL, .translated = true, .no_shim = true,
		     .device.flags = DMP_DEVICE_UNTRUSTED));
	run(&FIXTURE(POOL, .translated = true, .no_shim = true,
		     .device.flags = DMP_DEVICE_FORCE_BOUNCE, .domain.flush = DMP_FLUSH_LAZY));
}

/* The shim's books see every call of the eight threads and find no rule broken. */
static void test_threads_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(&FIXTURE(.translated = false));
	run(&FIXTURE(.translated = true));
	run(&FIXTURE(POOL, .device.dma_mask = DMP_MASK(32)));
	run(&FIXTURE(POOL, .translated = true, .device.flags = DMP_DEVICE_UNTRUSTED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_threads_share_a_device_directly),
		cmocka_unit_test(test_threads_share_a_domain_with_strict_flushing),
		cmocka_unit_test(test_threads_share_24_bits_of_addresses),
		cmocka_unit_test(test_threads_share_a_pool_directly),
		cmocka_unit_test(test_threads_share_a_pool_behind_a_domain),
		cmocka_unit_test(test_threads_keep_the_contract_with_the_machine),
	};

	return cmocka_run_group_tests_name("stress_dma", tests, NULL, NULL);
}
