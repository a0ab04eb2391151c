// SPDX-License-Identifier: MIT
/*
 * stress_routes.c - eight threads and all routes at once: buffers, lists and coherent memory, in
 * each direction, with parts that change hands in between; most are finished by another thread
 * than began them
 *
 *   device      route                        shares
 *   direct      buffers in place
 *   narrow      slots                        the pool
 *   strict      a domain                     its domain with nobody
 *   lazy        a domain                     its domain with forced
 *   forced      slots behind a domain        the pool, the domain of lazy
 *   untrusted   slots or whole pages behind  the pool
 *               a domain
 *
 * Every byte that the CPU or a device sees is compared: stress_routes_job.h.
 *
 * Nothing is asked of how threads meet: what is checked holds for every schedule.
 *
 * Locking: (m) lock of a mailbox; everything else belongs to one thread.
 * Rounds: DMP_TEST_ROUNDS a thread; run it under ThreadSanitizer.
 */
#include "stress_routes_job.h"

#define ROUNDS 200u

struct route {
	const char *name;
	enum domain domain;
	struct dmp_device_opts opts; /* with slots, if they bounce */
	bool bounces;
};

#define OPTS(...)                                                                                  \
	{                                                                                          \
		.size = sizeof(struct dmp_device_opts), __VA_ARGS__                                \
	}

static const struct route routes[ROUTES] = {
	{"direct", NO_DOMAIN, OPTS(.flags = 0), false},
	{"narrow", NO_DOMAIN, OPTS(.dma_mask = DMP_MASK(32)), true},
	{"strict", STRICT, OPTS(.dma_mask = DMP_MASK(32)), false},
	{"lazy", LAZY, OPTS(.segment_boundary = 4 * PAGE - 1), false},
	{"forced", LAZY, OPTS(.flags = DMP_DEVICE_FORCE_BOUNCE), true},
	{"untrusted", ALONE, OPTS(.flags = DMP_DEVICE_UNTRUSTED, .min_align_mask = 0x1ff), true},
};

/*
 * A job from begin to end.
 */

/* Whole pages, or anything. */
static void choose_pieces(struct hand *hand, struct job *job)
{
	job->npieces = job->kind == LIST ? rng_range(&hand->rng, 1, PIECES) : 1;
	for (size_t i = 0; i < job->npieces; i++) {
		bool whole = rng_range(&hand->rng, 0, 1);
		uint64_t off = whole ? PAGE : rng_range(&hand->rng, 1, PAGE);
		uint64_t len = whole ? PAGE : rng_range(&hand->rng, 1, ROOM - PAGE - 1);

		job->sg[i] = (struct dmp_sg){.buf = job->memory + i * ROOM + off, .len = len};
		job->len += len;
	}
}

static int map(struct hand *hand, struct job *job)
{
	struct dmp_sg *sg = job->sg;
	int err;

	if (job->kind == LIST)
		return dmp_dma_map_sg(device(hand, job), sg, job->npieces, job->dir, 0,
				      &job->nanswers);
	err = dmp_dma_map(device(hand, job), sg->buf, sg->len, job->dir, 0, &sg->addr);
	job->nanswers = 1;
	sg->mapped_len = sg->len;
	return err;
}

static int unmap(struct hand *hand, struct job *job, unsigned attrs)
{
	struct dmp_sg *sg = job->sg;

	if (job->kind == LIST)
		return dmp_dma_unmap_sg(device(hand, job), sg, job->npieces, job->dir, attrs);
	return dmp_dma_unmap(device(hand, job), sg->addr, sg->len, job->dir, attrs);
}

/* Memory of the machine in the place of the job's own; its bytes are zero. */
static bool take_coherent(struct hand *hand, struct job *job)
{
	struct dmp_sg *sg = job->sg;
	void *buf;

	*sg = (struct dmp_sg){.len = rng_range(&hand->rng, 1, BYTES)};
	if (dmp_dma_alloc_coherent(device(hand, job), sg->len, &buf, &sg->addr))
		return false;
	sg->mapped_len = job->len = sg->len;
	sg->buf = job->memory = buf;
	job->npieces = job->nanswers = 1;
	job->dir = DMP_BIDIRECTIONAL;
	memset(job->image, 0, BYTES);
	cpu_looks(hand, job, 0, job->len);
	cpu_writes(hand, job, 0, job->len);
	return true;
}

static bool take_own(struct hand *hand, struct job *job)
{
	job->memory = aligned_alloc(PAGE, BYTES);
	if (!job->memory)
		return false;
	memset(job->memory, GUARD, BYTES);
	memset(job->image, GUARD, BYTES);
	choose_pieces(hand, job);
	cpu_writes(hand, job, 0, job->len);
	return map(hand, job) == 0;
}

/* The @n-th job of all: each route in turn, with each kind in turn. */
static bool take(struct hand *hand, struct job *job, uint64_t n)
{
	*job = (struct job){.route = (unsigned)(n % ROUTES),
			    .kind = (enum kind)(n / ROUTES % KINDS),
			    .dir = (enum dmp_dir)rng_range(&hand->rng, 0, 2),
			    .image = malloc(BYTES)};
	return job->image &&
	       (job->kind == COHERENT ? take_coherent(hand, job) : take_own(hand, job));
}

/* A part goes to the CPU and back. */
static void share_part(struct hand *hand, const struct job *job)
{
	uint64_t off = rng_range(&hand->rng, 0, job->len - 1);
	uint64_t len = rng_range(&hand->rng, 1, job->len - off);

	if (job->dir != DMP_TO_DEVICE)
		device_writes(hand, job, off, len);
	hand_over(hand, job, off, len, true);
	cpu_looks(hand, job, off, len);
	if (job->dir == DMP_FROM_DEVICE)
		return;
	cpu_writes(hand, job, off, len);
	hand_over(hand, job, off, len, false);
	device_looks(hand, job, off, len);
}

static bool begin(struct hand *hand, struct job *job, uint64_t n)
{
	if (!take(hand, job, n)) {
		CREW_EXPECT(hand->me, !"a job could not begin");
		return false;
	}
	if (job->dir != DMP_FROM_DEVICE)
		device_looks(hand, job, 0, job->len);
	share_part(hand, job);
	return true;
}

static void give_back_coherent(struct hand *hand, struct job *job)
{
	cpu_looks(hand, job, 0, job->len);
	CREW_EXPECT(hand->me, dmp_dma_free_coherent(device(hand, job), job->len, job->memory,
						    job->sg[0].addr) == 0);
}

/* Without a copy at the unmap, now and then, and all the same with all bytes. */
static void give_back_own(struct hand *hand, struct job *job)
{
	unsigned attrs = rng_range(&hand->rng, 0, 3) ? 0 : DMP_ATTR_SKIP_SYNC;

	if (attrs)
		hand_over(hand, job, 0, job->len, true);
	CREW_EXPECT(hand->me, unmap(hand, job, attrs) == 0);
	CREW_EXPECT(hand->me, memcmp(job->memory, job->image, BYTES) == 0);
	free(job->memory);
}

static void end(struct hand *hand, struct job *job)
{
	share_part(hand, job);
	if (job->dir == DMP_BIDIRECTIONAL)
		device_writes(hand, job, 0, job->len);
	if (job->kind == COHERENT)
		give_back_coherent(hand, job);
	else
		give_back_own(hand, job);
	free(job->image);
	job->memory = NULL;
}

/* Puts @job into the neighbour's box and takes what lay there. */
static void exchange(struct mailbox *box, struct job *job)
{
	struct job old;

	pthread_mutex_lock(&box->lock);
	old = box->job;
	box->job = *job;
	pthread_mutex_unlock(&box->lock);
	*job = old;
}

static void work(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct hand hand = {
		.me = me, .s = s, .rng = rng_seeded(rng_seed_from_env(21) + me->number)};
	struct job job;

	for (uint64_t round = 0; round < s->rounds && !me->failures; round++) {
		if (!begin(&hand, &job, round * me->of + me->number))
			return;
		if (round % 4)
			exchange(&s->mailboxes[(me->number + round) % me->of], &job);
		if (job.memory)
			end(&hand, &job);
	}
}

/*
 * The machine.
 */

static void add_domains(struct shared *s)
{
	for (unsigned i = STRICT; i < DOMAINS; i++)
		assert_int_equal(
			dmp_domain_create(s->f.hw,
					  &DMP_DOMAIN_OPTS(.flush = i == LAZY ? DMP_FLUSH_LAZY
									      : DMP_FLUSH_STRICT),
					  &s->doms[i]),
			0);
}

static void add_device(struct shared *s, unsigned i)
{
	struct dmp_device_opts opts = routes[i].opts;

	opts.swiotlb = routes[i].bounces ? s->f.tlb : NULL;
	assert_int_equal(dmp_device_create(s->f.hw, &opts, &s->devs[i]), 0);
	if (routes[i].domain)
		assert_int_equal(dmp_device_attach(s->devs[i], s->doms[routes[i].domain]), 0);
	for (unsigned t = 0; t < THREADS; t++)
		assert_int_equal(
			dmp_sim_agent_create(s->f.sim, dmp_device_id(s->devs[i]), &s->agents[t][i]),
			0);
}

/* Room in the pool for all that THREADS hands and as many boxes can hold. */
static void setup(struct shared *s, bool no_shim)
{
	memset(s, 0, sizeof(*s));
	fixture_setup(&s->f, &FIXTURE(.no_shim = no_shim, .bounces = true, .swiotlb.slots = 4096,
				      .swiotlb.areas = THREADS));
	s->rounds = rng_rounds_from_env(ROUNDS);
	add_domains(s);
	for (unsigned i = 0; i < ROUTES; i++)
		add_device(s, i);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_mutex_init(&s->mailboxes[i].lock, NULL);
}

/* What lies in the boxes at the end is finished by the test's own thread. */
static void empty_mailboxes(struct shared *s)
{
	struct crew_member me = {.number = 0, .of = 1};
	struct hand hand = {.me = &me, .s = s, .rng = rng_seeded(1)};

	for (unsigned i = 0; i < THREADS; i++) {
		if (s->mailboxes[i].job.memory)
			end(&hand, &s->mailboxes[i].job);
		pthread_mutex_destroy(&s->mailboxes[i].lock);
	}
	assert_int_equal(me.failures, 0);
}

/* All was given back, and the route was gone by every kind. */
static void remove_device(struct shared *s, unsigned i)
{
	struct dmp_device_stats stats;

	assert_int_equal(dmp_device_get_stats(s->devs[i], &stats, sizeof(stats)), 0);
	if (s->rounds * THREADS >= ROUTES * KINDS)
		assert_true(stats.maps > 0 && stats.coherent_allocs > 0 && stats.syncs > 0);
	assert_int_equal(stats.live_maps + stats.live_coherent, 0);
	assert_int_equal(stats.map_failures, 0);
	for (unsigned t = 0; t < THREADS; t++)
		dmp_sim_agent_destroy(s->agents[t][i]);
	if (routes[i].domain)
		assert_int_equal(dmp_device_detach(s->devs[i]), 0);
	assert_int_equal(dmp_device_destroy(s->devs[i]), 0);
}

static void teardown(struct shared *s)
{
	struct dmp_sim_stats stats;

	for (unsigned i = 0; i < ROUTES; i++)
		remove_device(s, i);
	for (unsigned i = STRICT; i < DOMAINS; i++) {
		assert_int_equal(dmp_domain_check(s->doms[i]), 0);
		assert_int_equal(dmp_domain_destroy(s->doms[i]), 0);
	}
	assert_int_equal(fixture_slots(&s->f), 0);
	assert_int_equal(dmp_sim_get_stats(s->f.sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.faults + stats.stale_accesses, 0);
	assert_int_equal(fixture_log_lines(DMP_LOG_BUG) + fixture_log_lines(DMP_LOG_WARN), 0);
	fixture_teardown(&s->f);
}

static void run(bool no_shim)
{
	static struct shared s;

	setup(&s, no_shim);
	assert_int_equal(crew_run(THREADS, work, &s), 0);
	empty_mailboxes(&s);
	teardown(&s);
}

static void test_every_byte_arrives_on_all_routes_at_once(void **state)
{
	(void)state;
	run(true);
}

/* The shim's books see every call and find no rule broken. */
static void test_all_routes_at_once_keep_the_contract_with_the_machine(void **state)
{
	(void)state;
	run(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_arrives_on_all_routes_at_once),
		cmocka_unit_test(test_all_routes_at_once_keep_the_contract_with_the_machine),
	};

	return cmocka_run_group_tests_name("stress_routes", tests, NULL, NULL);
}
