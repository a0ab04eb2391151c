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
 * Nobody is woken while a sample runs: the last one that has run tells main.
 *
 * The kernel counts how long each thread stood in the queue of a CPU (schedstat): between two
 * threads of a crew that is how it should be, without a rival of the crew it is somebody else's
 * work, and the sample is not worth keeping.
 *
 * Locking: (l) crew.lock; (a) atomic; (c) constant while threads live.
 *
 * Ordering:
 *  [MEET]  meet: what was done before, then the count; the count, then what is done after
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SPINS     1000u
#define SEED      UINT64_C(0x9e3779b97f4a7c15) /* odd, with many ones: 2^64 by the golden ratio */
#define TRIES_MAX 3u /* samples taken for one that is asked for, on average */
#define LINES                                                                                      \
	128 /* bytes that two threads' data stay apart: two cache lines, as they are
		       * fetched in pairs */

struct crew {
	const struct bench_job *job; /* (c) */
	struct member *members;      /* (c) owned */
	unsigned nmembers;           /* (c) */
	pthread_mutex_t lock;
	pthread_cond_t woken;  /* a sample is to be taken */
	pthread_cond_t rested; /* it has been */
	uint64_t sample;       /* (l) its number, from 1 */
	uint64_t rounds;       /* (l) of it; 0: stop */
	unsigned busy;         /* (l) members that have not told */
	int err;               /* (l) the first of a begin */
	_Atomic(uint64_t) met; /* (a) of all samples */
};

struct member {
	_Alignas(LINES) struct crew *crew; /* (c) */
	struct bench_thread thread;        /* (c) but for what is its own */
	pthread_t id;                      /* (c) */
	int schedstat;                     /* (c) its thread's file; -1: the kernel has none */
	uint64_t pairs;                    /* (l) of the last sample, as the rest */
	uint64_t start_ns, end_ns;
	uint64_t cpu_ns;
	uint64_t queued_ns;
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

/* How long the calling thread has stood in queues; 0: nobody knows. */
static uint64_t queued_ns(const struct member *m)
{
	char text[96] = "";
	unsigned long long queued = 0;

	if (m->schedstat >= 0 && pread(m->schedstat, text, sizeof(text) - 1, 0) > 0)
		sscanf(text, "%*u %llu", &queued);
	return queued;
}

static void run_sample(struct member *m, uint64_t sample, uint64_t rounds)
{
	const struct bench_work *work = m->crew->job->work;
	uint64_t start, end, cpu, queued, pairs;

	meet(m->crew, sample);
	queued = queued_ns(m);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	start = clock_ns(CLOCK_MONOTONIC);
	pairs = work->run(&m->thread, rounds);
	end = clock_ns(CLOCK_MONOTONIC);
	cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	queued = queued_ns(m) - queued;
	pthread_mutex_lock(&m->crew->lock);
	m->pairs = pairs;
	m->start_ns = start;
	m->end_ns = end;
	m->cpu_ns = cpu;
	m->queued_ns = queued;
	pthread_mutex_unlock(&m->crew->lock);
}

/* One member less is busy; then waits for the next sample: its rounds. */
static uint64_t tell_and_sleep(struct crew *crew, uint64_t *sample)
{
	uint64_t rounds;

	pthread_mutex_lock(&crew->lock);
	if (--crew->busy == 0)
		pthread_cond_signal(&crew->rested);
	while (crew->sample == *sample)
		pthread_cond_wait(&crew->woken, &crew->lock);
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
	m->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	begin(m);
	while ((rounds = tell_and_sleep(m->crew, &sample)) > 0)
		run_sample(m, sample, rounds);
	if (m->crew->job->work->end)
		m->crew->job->work->end(&m->thread);
	if (m->schedstat >= 0)
		close(m->schedstat);
	return NULL;
}

/* Waits until all members sleep. */
static int settle(struct crew *crew)
{
	int err;

	pthread_mutex_lock(&crew->lock);
	while (crew->busy > 0)
		pthread_cond_wait(&crew->rested, &crew->lock);
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
	pthread_cond_broadcast(&crew->woken);
	pthread_mutex_unlock(&crew->lock);
}

static void dismiss(struct crew *crew)
{
	wake(crew, 0);
	for (unsigned i = 0; i < crew->nmembers; i++)
		pthread_join(crew->members[i].id, NULL);
	pthread_cond_destroy(&crew->woken);
	pthread_cond_destroy(&crew->rested);
	pthread_mutex_destroy(&crew->lock);
	free(crew->members);
	crew->members = NULL;
}

/* One member more, which begins. */
static int enlist(struct crew *crew, unsigned i)
{
	struct member *m = &crew->members[i];
	int err;

	*m = (struct member){.crew = crew,
			     .thread = {.number = i,
					.nthreads = crew->job->nthreads,
					.shared = crew->job->shared,
					.random = SEED * (i + 1)}};
	pthread_mutex_lock(&crew->lock);
	err = -pthread_create(&m->id, NULL, member_main, m);
	crew->busy += !err;
	crew->nmembers += !err;
	pthread_mutex_unlock(&crew->lock);
	return err;
}

/* A crew of as many as could be made, all of them begun. */
static int assemble(struct crew *crew, const struct bench_job *job)
{
	int err = 0;

	*crew = (struct crew){.job = job};
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->woken, NULL);
	pthread_cond_init(&crew->rested, NULL);
	crew->members = aligned_alloc(LINES, job->nthreads * sizeof(*crew->members));
	for (unsigned i = 0; crew->members && !err && i < job->nthreads; i++)
		err = enlist(crew, i);
	if (!crew->members)
		err = -ENOMEM;
	return settle(crew) ? crew->err : err;
}

/* One sample of all members. */
struct taken {
	uint64_t wall_ns, cpu_ns, queued_ns, pairs;
};

/* -EIO: no pair. */
static int take_sample(struct crew *crew, uint64_t rounds, struct taken *taken)
{
	uint64_t start = UINT64_MAX, end = 0;

	wake(crew, rounds);
	settle(crew);
	*taken = (struct taken){0};
	for (unsigned i = 0; i < crew->nmembers; i++) {
		const struct member *m = &crew->members[i];

		start = m->start_ns < start ? m->start_ns : start;
		end = m->end_ns > end ? m->end_ns : end;
		taken->cpu_ns += m->cpu_ns;
		taken->queued_ns += m->queued_ns;
		taken->pairs += m->pairs;
	}
	taken->wall_ns = end - start;
	return taken->pairs ? 0 : -EIO;
}

/* What the sample would have lasted on CPUs of its own. */
static uint64_t undisturbed_ns(const struct crew *crew, const struct taken *taken)
{
	unsigned ncpus = bench_cpus();

	return taken->cpu_ns / (crew->nmembers < ncpus ? crew->nmembers : ncpus);
}

/*
 * How many rounds last @plan's time; the samples that this takes are the warm-up.  By CPU time:
 * a round of nanoseconds lasts milliseconds if a thread loses its CPU meanwhile.
 */
static int calibrate(const struct bench_plan *plan, struct crew *crew, uint64_t *rounds)
{
	uint64_t next = plan->rounds ? plan->rounds : 1;
	struct taken taken;
	int err;

	do {
		*rounds = next;
		err = take_sample(crew, *rounds, &taken);
		if (!plan->rounds)
			next = bench_more_rounds(*rounds, undisturbed_ns(crew, &taken),
						 plan->sample_ns);
	} while (!err && next > *rounds);
	return err;
}

/* The next sample of @result; it is not counted yet. */
static int measure(struct crew *crew, struct bench_result *result)
{
	unsigned n = result->samples;
	struct taken taken;
	int err = take_sample(crew, result->rounds, &taken);

	if (err)
		return err;
	result->pairs = taken.pairs;
	result->cpu[n] = (double)taken.cpu_ns / (double)taken.pairs;
	result->wall[n] = (double)taken.wall_ns / (double)taken.pairs;
	result->lost[n] = (double)taken.queued_ns /
			  ((double)taken.wall_ns * crew->nmembers + 1); /* + 1: never by 0 */
	return 0;
}

static int run_crews(const struct bench_plan *plan, struct crew *crews, unsigned n,
		     struct bench_result *results)
{
	unsigned spare = plan->rounds ? 0 : (TRIES_MAX - 1) * plan->samples;
	int err = 0;

	for (unsigned i = 0; !err && i < n; i++) {
		results[i] = (struct bench_result){.nthreads = crews[i].nmembers};
		err = calibrate(plan, &crews[i], &results[i].rounds);
	}
	while (!err && results[0].samples < plan->samples) {
		for (unsigned i = 0; !err && i < n; i++)
			err = measure(&crews[i], &results[i]);
		if (!err && spare > 0 && bench_is_spoiled(results, n, bench_cpus()))
			spare--;
		else
			for (unsigned i = 0; i < n; i++)
				results[i].samples += !err;
	}
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
