/* SPDX-License-Identifier: MIT */
/*
 * test_attack_rig.h - a few lines of a trace, made ready to be attacked
 *
 *   struct attack_rig rig;
 *   attack_rig_up(&rig, MAP(...) AT(20, UNMAP_OF(...)), "lazy");
 *   attack_rig_run(&rig, &result);      the first policy of the list
 *   ...
 *   attack_rig_down(&rig);              nothing may be left
 */
#ifndef DMAPOOL_TEST_ATTACK_RIG_H
#define DMAPOOL_TEST_ATTACK_RIG_H

#include "test_replay_rig.h"

#include "attack.h"

/* A line of CPU @cpu, @ms after those of the macros of test_replay_rig.h: 02 .. 99. */
#define AT_MS(cpu, ms, fields) "  fio-12  [00" #cpu "] d..1.  1.0" #ms "000: " fields "\n"

#define UNMAP_LATE(cpu, ms, dir, addr, size)                                                       \
	AT_MS(cpu, ms,                                                                             \
	      "dma_unmap_page: " NVME "dir=" dir " dma_addr=" #addr " size=" #size " attrs=")
#define MAP_LATE(cpu, ms, dir, addr, phys, size)                                                   \
	AT_MS(cpu, ms,                                                                             \
	      "dma_map_page: " NVME "dir=" dir " dma_addr=" #addr " size=" #size                   \
	      " phys_addr=" #phys " attrs=")

/* One page, mapped for 2 ms; another one comes 40 ms later. */
#define ONE_UNMAP                                                                                  \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 4096)                                                  \
	UNMAP_LATE(0, 02, "TO_DEVICE", 1000, 4096)                                                 \
	MAP_LATE(0, 42, "FROM_DEVICE", 9000, 7000, 4096)                                           \
	UNMAP_LATE(0, 60, "FROM_DEVICE", 9000, 4096)

struct attack_rig {
	struct attack_opts opts;
	struct replay_answer answer;
	struct replay_job job;
	uint64_t meta_before;
};

static inline void attack_rig_up(struct attack_rig *rig, const char *text, const char *flush)
{
	struct matched m = MATCH(text);

	*rig = (struct attack_rig){
		.opts = {.attempts = 20000,
			 .seed = 1,
			 .clock = REPLAY_CLOCK_TRACE,
			 .mask_bits = 32},
		.answer = {.path = "/some/where/few.txt.xz", .trace = m.trace, .plan = m.plan},
		.meta_before = dmp_meta_in_use()};
	assert_int_equal(attack_policies_parse(flush, &rig->opts), 0);
}

static inline void attack_rig_job(struct attack_rig *rig)
{
	const struct replay_opts how = {.clock = rig->opts.clock, .unknown = REPLAY_LAZY};

	assert_int_equal(replay_job_make(&how, &rig->answer, &rig->job), 0);
	rig->answer.nevents = rig->job.nevents;
}

/* The first policy, on a machine of its own; the result is the caller's. */
static inline void attack_rig_run(struct attack_rig *rig, struct attack_result *result)
{
	attack_rig_job(rig);
	assert_int_equal(attack_run(&rig->opts, &rig->opts.policies[0], &rig->job, result), 0);
	replay_job_free(&rig->job);
}

static inline void attack_rig_down(struct attack_rig *rig)
{
	replay_answer_free(&rig->answer);
	assert_int_equal(dmp_meta_in_use(), rig->meta_before);
}

/* All of it, with a list of one policy. */
static inline struct attack_result attacked(const char *text, const char *flush)
{
	struct attack_result result;
	static struct attack_rig rig; /* the result points at its policy */

	attack_rig_up(&rig, text, flush);
	attack_rig_run(&rig, &result);
	attack_rig_down(&rig);
	return result;
}

static inline uint64_t attempts_of(const struct attack_result *result)
{
	return attack_sum_all(&result->counts, ATTACK_ANSWERS);
}

#endif
