// SPDX-License-Identifier: MIT
/*
 * bench_crew.c - threads that do one thing over and over, sample after sample
 *
 *   bench_run   make all threads    sample of job 0    sample of job 1    ...    stop
 *                     |                |        ^
 *   thread         begin, sleep     wake, meet, run, tell                      end
 *
 * Threads sleep between samples, so that those of another job do not disturb, and meet by
 * spinning before they run, so that they start together.  Each reads the two clocks before and
 * after: the time of a sample is from the first start to the last end, its CPU time the sum.
 *
 * Locking: (l) crew.lock; (a) atomic; (c) constant while threads live.
 *
 * Ordering:
 *  [MEET]  meet: what was done before, then the count; the count, then what is done after
 */
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define SPINS 1000u

struct crew {
	const struct bench_job *job; /* (c) */
	struct member *members;      /* (c) owned */
	unsigned nmembers;           /* (c) */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t sample;       /* (l) its number, from 1 */
	uint64_t rounds;       /* (l) of it; 0: stop */
	unsigned busy;         /* (l) members that have not told */
	int err;               /* (l) the first of a begin */
	_Atomic(uint64_t) met; /* (a) of all samples */
};

struct member {
	struct crew *crew;          /* (c) */
	struct bench_thread thread; /* (c) but for what is its own */
	pthread_t id;               /* (c) */
	uint64_t pairs;             /* (l) of the last sample, as the rest */
	uint64_t start_ns, end_ns;
	uint64_t cpu_ns;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

unsigned bench_cpus(void)
{
	cpu_set_t allowed;

	return sched_getaffinity(0, sizeof(allowed), &allowed) ? 1 : (unsigned)CPU_COUNT(&allowed);
}

/* To the @n-th CPU that this process may use, around; without success it just runs. */
static void pin(unsigned n)
{
	cpu_set_t allowed, one;
	unsigned left;

	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return;
	left = n % (unsigned)CPU_COUNT(&allowed);
	for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || left-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
		return;
	}
}

static void meet(struct crew *crew, uint64_t sample)
{
	uint64_t wanted = sample * crew->nmembers;
	unsigned looks = 0;

	atomic_fetch_add_explicit(&crew->met, 1, memory_order_acq_rel);         /* [MEET] */
	while (atomic_load_explicit(&crew->met, memory_order_acquire) < wanted) /* [MEET] */
		if (++looks > SPINS)
			sched_yield();
}

static void run_sample(struct member *m, uint64_t sample, uint64_t rounds)
{
	const struct bench_work *work = m->crew->job->work;
	uint64_t start, end, cpu, pairs;

	meet(m->crew, sample);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	start = clock_ns(CLOCK_MONOTONIC);
	pairs = work->run(&m->thread, rounds);
	end = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	pthread_mutex_lock(&m->crew->lock);
	m->pairs = pairs;
	m->start_ns = start;
	m->end_ns = end;
	m->cpu_ns = cpu;
	pthread_mutex_unlock(&m->crew->lock);
}

/* One member less is busy; then waits for the next sample: its rounds. */
static uint64_t tell_and_sleep(struct crew *crew, uint64_t *sample)
{
	uint64_t rounds;

	pthread_mutex_lock(&crew->lock);
	crew->busy--;
	pthread_cond_broadcast(&crew->moved);
	while (crew->sample == *sample)
		pthread_cond_wait(&crew->moved, &crew->lock);
	*sample = crew->sample;
	rounds = crew->rounds;
	pthread_mutex_unlock(&crew->lock);
	return rounds;
}

static void begin(struct member *m)
{
	const struct bench_work *work = m->crew->job->work;
	int err = work->begin ? work->begin(&m->thread) : 0;

	pthread_mutex_lock(&m->crew->lock);
	if (err && !m->crew->err)
		m->crew->err = err;
	pthread_mutex_unlock(&m->crew->lock);
}

static void *member_main(void *arg)
{
	struct member *m = arg;
	uint64_t sample = 0, rounds;

	pin(m->thread.number);
	begin(m);
	while ((rounds = tell_and_sleep(m->crew, &sample)) > 0)
		run_sample(m, sample, rounds);
	if (m->crew->job->work->end)
		m->crew->job->work->end(&m->thread);
	return NULL;
}

/* Waits until all members sleep. */
static int settle(struct crew *crew)
{
	int err;

	pthread_mutex_lock(&crew->lock);
	while (crew->busy > 0)
		pthread_cond_wait(&crew->moved, &crew->lock);
	err = crew->err;
	pthread_mutex_unlock(&crew->lock);
	return err;
}

static void wake(struct crew *crew, uint64_t rounds)
{
	pthread_mutex_lock(&crew->lock);
	crew->sample++;
	crew->rounds = rounds;
	crew->busy = crew->nmembers;
	pthread_cond_broadcast(&crew->moved);
	pthread_mutex_unlock(&crew->lock);
}

static void dismiss(struct crew *crew)
{
	wake(crew, 0);
	for (unsigned i = 0; i < crew->nmembers; i++)
		pthread_join(crew->members[i].id, NULL);
	pthread_cond_destroy(&crew->moved);
	pthread_mutex_destroy(&crew->lock);
	free(crew->members);
	crew->members = NULL;
}

/* A crew of as many as could be made, all of them begun. */
static int assemble(struct crew *crew, const struct bench_job *job)
{
	int err = 0;

	*crew = (struct crew){.job = job};
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->moved, NULL);
	crew->members = calloc(job->nthreads, sizeof(*crew->members));
	for (unsigned i = 0; crew->members && !err && i < job->nthreads; i++) {
		struct member *m = &crew->members[i];

		*m = (struct member){.crew = crew,
				     .thread = {.number = i,
						.nthreads = job->nthreads,
						.shared = job->shared,
						.random = i + 1}};
		pthread_mutex_lock(&crew->lock);
		err = -pthread_create(&m->id, NULL, member_main, m);
		crew->busy += !err;
		crew->nmembers += !err;
		pthread_mutex_unlock(&crew->lock);
	}
	if (!crew->members)
		err = -ENOMEM;
	return settle(crew) ? crew->err : err;
}

/* A sample's time in @wall_ns, CPU time and pairs; -EIO: no pair. */
static int take_sample(struct crew *crew, uint64_t rounds, uint64_t *wall_ns, uint64_t *cpu_ns,
		       uint64_t *pairs)
{
	uint64_t start = UINT64_MAX, end = 0;

	wake(crew, rounds);
	settle(crew);
	*cpu_ns = *pairs = 0;
	for (unsigned i = 0; i < crew->nmembers; i++) {
		const struct member *m = &crew->members[i];

		start = m->start_ns < start ? m->start_ns : start;
		end = m->end_ns > end ? m->end_ns : end;
		*cpu_ns += m->cpu_ns;
		*pairs += m->pairs;
	}
	*wall_ns = end - start;
	return *pairs ? 0 : -EIO;
}

/* How many rounds last @plan's time; the samples that this takes are the warm-up. */
static int calibrate(const struct bench_plan *plan, struct crew *crew, uint64_t *rounds)
{
	uint64_t wall, cpu, pairs;
	int err;

	for (*rounds = plan->rounds ? plan->rounds : 1;; *rounds *= 2) {
		err = take_sample(crew, *rounds, &wall, &cpu, &pairs);
		if (err || plan->rounds || wall >= plan->sample_ns)
			return err;
		if (wall >= plan->sample_ns / 16)
			break;
	}
	*rounds = (uint64_t)((double)*rounds * (double)plan->sample_ns / (double)wall) + 1;
	return take_sample(crew, *rounds, &wall, &cpu, &pairs);
}

static int measure(struct crew *crew, struct bench_result *result)
{
	uint64_t wall, cpu;
	int err = take_sample(crew, result->rounds, &wall, &cpu, &result->pairs);

	if (err)
		return err;
	result->cpu[result->samples] = (double)cpu / (double)result->pairs;
	result->wall[result->samples] = (double)wall / (double)result->pairs;
	result->samples++;
	return 0;
}

static int run_crews(const struct bench_plan *plan, struct crew *crews, unsigned n,
		     struct bench_result *results)
{
	int err = 0;

	for (unsigned i = 0; !err && i < n; i++) {
		results[i] = (struct bench_result){0};
		err = calibrate(plan, &crews[i], &results[i].rounds);
	}
	for (unsigned s = 0; !err && s < plan->samples; s++)
		for (unsigned i = 0; !err && i < n; i++)
			err = measure(&crews[i], &results[i]);
	return err;
}

int bench_run(const struct bench_plan *plan, const struct bench_job *jobs, unsigned njobs,
	      struct bench_result *results)
{
	struct crew *crews = calloc(njobs, sizeof(*crews));
	unsigned made = 0;
	int err = crews ? 0 : -ENOMEM;

	while (!err && made < njobs) {
		err = assemble(&crews[made], &jobs[made]);
		made++;
	}
	if (!err)
		err = run_crews(plan, crews, njobs, results);
	while (made > 0)
		dismiss(&crews[--made]);
	free(crews);
	return err;
}
