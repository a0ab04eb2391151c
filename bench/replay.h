/* SPDX-License-Identifier: MIT */
/*
 * replay.h - what the files of `dmapool replay` share
 *
 * Picture, one source file a step:
 *
 *    replay_options.c   the command line
 *    replay.c           files one after another
 *    replay_file.c      one file: read, match, prepare, every route, collect
 *      replay_once.c      one run of a route, start to end
 *      replay_recorded.c  trace -> which way its requests went, and what devices asked for
 *      replay_lanes.c     plan  -> steps of each thread, and whose turn comes when
 *      replay_place.c     plan  -> which memory each mapping has
 *      replay_machine.c   route -> a fresh machine, devices, domains, agents
 *      replay_run.c       threads, the clock
 *      replay_clock.c     or one thread, and the time of the trace
 *        replay_step.c      one step: the library's calls
 *        replay_blame.c     calls that failed: how many, why, and the first
 *        replay_data.c      the bytes: written, moved, compared
 *        replay_pattern.c   which bytes
 *      replay_result.c    counters -> one struct replay_result; the median of several
 *        replay_flush.c     how a domain flushes: as text, as its options
 *        replay_commit.c    when one flushes by hand
 *        replay_exposure.c  what devices could still reach, and what waited
 *        replay_neighbours.c  and what they reach beside buffers
 *    replay_fields.c    which numbers of it are told, and as what
 *    replay_print.c, replay_json.c   the answers
 *    replay_summary.c   one table of all files
 *    replay_what_if*.c  ways to flush, compared on one trace
 *
 * Prepared before the clock starts: everything but the library's own calls, and, if data
 * is checked, the bytes.
 *
 * Letters of fields: (c) constant while threads run; (t) whoever's turn the mapping is;
 * (l) the lane's own thread; (a) atomic.
 */
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include "replay_blame.h"
#include "replay_clock.h"
#include "replay_commit.h"
#include "replay_exposure.h"
#include "replay_flush.h"
#include "replay_neighbours.h"
#include "trace.h"

#include <dmapool.h>
#include <dmapool/sim.h>

#include <stdatomic.h>
#include <stdio.h>

struct json_t; /* jansson's */

/* The ways that a request can go. */
enum replay_way {
	REPLAY_DIRECT,
	REPLAY_BOUNCE,      /* every map is copied to bounce slots of one pool */
	REPLAY_STRICT,      /* each device has a domain of its own ... */
	REPLAY_LAZY,        /* ... which flushes later: a queue a CPU */
	REPLAY_LAZY_SINGLE, /* ... one queue */
	REPLAY_ON_REUSE,    /* ... when addresses come again: IOVAs of policy bitmap */
	REPLAY_MANUAL,      /* ... when replay_commit.c says so */
	REPLAY_GUEST,       /* ... before the unmap returns, for good */
	REPLAY_PASSTHROUGH, /* each device has an identity domain */
	REPLAY_WAYS,
};

/* Sets of ways. */
#define REPLAY_ALL        ((1u << REPLAY_WAYS) - 1)
#define REPLAY_BOUNCED    (1u << REPLAY_BOUNCE)
#define REPLAY_QUEUED     (1u << REPLAY_LAZY | 1u << REPLAY_LAZY_SINGLE | 1u << REPLAY_MANUAL)
/* The flush comes after the unmap. */
#define REPLAY_DEFERRED   (REPLAY_QUEUED | 1u << REPLAY_ON_REUSE)
#define REPLAY_TRANSLATED (1u << REPLAY_STRICT | REPLAY_DEFERRED | 1u << REPLAY_GUEST)
/* The address is that of the memory. */
#define REPLAY_UNCHANGED  (1u << REPLAY_DIRECT | 1u << REPLAY_PASSTHROUGH)

static inline bool replay_way_in(enum replay_way way, unsigned set)
{
	return set >> way & 1u;
}

struct replay_opts {
	bool serial;             /* one thread, file order */
	enum replay_clock clock; /* of the trace: one thread too */
	bool data;               /* move and compare bytes */
	bool check_addresses;    /* do not replay: check.h */
	unsigned repeat;         /* runs of each route, each on a fresh machine */
	unsigned mask_bits;      /* of every device's DMA mask */
	const char *profile;     /* cost profile, see sim.h */
	uint32_t routes;         /* bit i: route i of replay_routes[] */
	uint64_t slots, areas;   /* of the pool of bounce slots */
	bool grow;               /* and more pools when it is full */
	enum replay_way unknown; /* translated, as recorded: of a trace that does not tell */
	struct replay_flush flush[REPLAY_WAYS]; /* what is set of each way's domains */
	bool exposure;                          /* measure what devices can still reach */
	bool neighbours;                        /* and what they reach beside buffers */
	const struct replay_what_if *what_if;   /* compare these, not routes; NULL: routes */

	/* For who looks closer than a table of routes does; not on the command line. */
	uint32_t sim_flags; /* DMP_SIM_* of the machine */
	/* Has the last word on the domain of traced device @dev; NULL: nobody. */
	void (*shape)(void *ctx, uint32_t dev, struct dmp_domain_opts *domain);
	void *shape_ctx;
};

/* A column of the answer. */
struct replay_route {
	const char *name;
	bool as_recorded;    /* the way is the trace's */
	enum replay_way way; /* of the other routes */
};

extern const struct replay_route replay_routes[];
extern const unsigned replay_nroutes;

const char *replay_way_name(enum replay_way way);

/* One thing that a thread does. */
struct replay_step {
	uint32_t mapping;
	uint32_t turn;      /* how many steps of the mapping come before */
	uint32_t plan_step; /* offset and length of a sync; the line */
	uint8_t op;         /* enum trace_op */
	uint8_t attrs;      /* DMP_ATTR_*, for the library */
	bool starts_call;   /* the first step of a recorded call */
};

/* Calls of the library that were made and what went wrong. */
struct replay_counts {
	uint64_t maps, unmaps, allocs, frees, syncs; /* calls that succeeded */
	uint64_t late_maps;                          /* of maps: after a refusal for lack of room */
	/* Bytes that a bouncing device's calls had to copy. */
	uint64_t map_copied, unmap_copied, sync_copied;
	uint64_t wrong_bytes;
	uint64_t not_done; /* steps of a mapping that was not mapped */
	struct replay_blame blame;
};

/* A recorded CPU, and the thread that stands for it: cache lines of its own. */
struct replay_lane {
	_Alignas(64) struct replay_step *steps; /* (c) */
	uint32_t nsteps;                        /* (c) */
	uint16_t cpu;                           /* (c) */

	struct dmp_sim_agent **agents; /* (l) one a device; NULL without data */
	uint8_t *scratch;              /* (l) the device's own memory */
	struct replay_counts counts;   /* (l) */
	uint64_t start_ns, end_ns;     /* (l) */
};

/* One mapping while it is replayed: a cache line, since CPUs hand mappings over. */
struct replay_mapping {
	_Alignas(64) _Atomic(uint32_t) turn; /* (a) steps done; [TURN] of replay_run.c */
	uint32_t before;                     /* (c) mapping that had this memory, or TRACE_NONE */
	uint32_t nsteps;                     /* (c) */
	uint32_t dev;                        /* (c) */
	uint64_t len;                        /* (c) */
	void *buf;                           /* (c), of coherent memory (t) */
	dmp_addr_t addr;                     /* (t) valid while live; not of a list */
	struct dmp_sg *sg;                   /* (c) entries, NULL if one buffer; answers (t) */
	uint32_t nsg;                        /* (c) */
	uint32_t nsegments;                  /* (t) valid answers in sg */
	uint16_t generation;                 /* (t) which pattern is in it */
	uint8_t shape;                       /* (c) enum trace_shape */
	uint8_t dir;                         /* (c) enum dmp_dir */
	uint8_t map_attrs;                   /* (c) DMP_ATTR_* */
	bool live;                           /* (t) */
	bool late;                           /* (t) no room for its map yet: try again */
	bool patched;                        /* (t) parts are of different generations */
};

/* Memory that mappings have one after another. */
struct replay_block {
	unsigned order; /* 4 KiB << order bytes */
	void *buf;      /* while a machine exists */
};

/* The longest mapping that is replayed: one block has to hold it. */
#define REPLAY_LEN_MAX (UINT64_C(512) << 20)

/* What a trace tells of the machine that it was recorded on. */
struct replay_recorded {
	enum replay_way way;
	const char *why;           /* it is this one */
	uint64_t *min_align_masks; /* owned; of each traced device */
};

/* A file, ready to be replayed any number of times. */
struct replay_job {
	const struct trace *trace;
	const struct trace_plan *plan;
	const struct replay_recorded *recorded;

	struct replay_lane *lanes; /* owned; their steps are one array */
	uint32_t nlanes;
	struct replay_step *steps;        /* owned */
	uint64_t nevents;                 /* recorded calls that are replayed */
	struct trace_skip_count too_long; /* mappings over REPLAY_LEN_MAX: not replayed */

	struct replay_mapping *mappings; /* owned; one for each of the plan's */
	struct dmp_sg *sgs;              /* owned; of all lists of the run */
	uint32_t *block_of;              /* owned; of each mapping, TRACE_NONE without memory */
	uint64_t *entry_at;              /* owned; of each entry, offset in its block */
	struct replay_block *blocks;     /* owned */
	uint32_t nblocks;
	uint64_t memory_bytes; /* of all blocks */
};

/* A fresh machine with what a route needs. */
struct replay_machine {
	struct dmp_sim *sim;
	struct dmp_device **devices; /* one a traced device */
	struct dmp_domain **domains; /* likewise; NULL entries if not translated */
	struct dmp_swiotlb *tlb;     /* all devices'; NULL if they do not bounce */
	uint32_t ndevices;
	enum replay_way way;
	struct replay_job *job; /* whose blocks and agents it carries */
};

/* Who looks on while steps are done: told by the thread that does them. */
struct replay_watch {
	void (*before)(void *ctx, const struct replay_step *step);
	void (*after)(void *ctx, const struct replay_step *step);
	void *ctx;
};

/* One run: what a lane's thread looks at. */
struct replay_run {
	struct replay_job *job;
	const struct replay_machine *machine;
	bool data;
	bool in_trace_time;               /* the thread moves the clock */
	uint64_t now_ns;                  /* then: since the first event */
	struct replay_queued *queued;     /* then: what waits; NULL: nobody asks */
	struct replay_commits *commits;   /* NULL: no domain flushes by hand */
	const struct replay_watch *watch; /* (c) NULL: nobody */

	_Atomic(uint32_t) in_flight; /* (a) maps, without allocations */
	_Atomic(uint32_t) peak;      /* (a) the most there were */
};

/* A route's column; replay_fields[] names what of it is told. */
struct replay_result {
	const struct replay_route *route;
	enum replay_way way;

	/* What was asked for: the same in every run */
	uint64_t maps;          /* calls: replayed, failed in the trace, and too long ones */
	uint64_t maps_replayed; /* page, resource and list calls that succeeded */
	uint64_t unmaps, syncs;
	uint64_t allocs, frees;   /* of coherent memory */
	uint64_t live_at_end;     /* maps and allocations, before the tidying up */
	uint64_t failed_in_trace; /* not replayed */
	uint64_t unmatched;       /* unmaps without their map: not replayed */
	double cross_cpu_share;   /* of the unmaps, on another CPU than the map */

	/* What went wrong: all runs together */
	uint64_t wrong_bytes;
	uint64_t faults, stale_accesses;
	uint64_t not_done;
	uint64_t broken_books; /* walkers that found something, and what could not be destroyed */
	struct replay_blame blame;

	/* How it went: the median run.  Shares are NAN if there is nothing to share */
	uint64_t peak_in_flight; /* maps */
	uint64_t late_maps;
	uint64_t peak_slots;
	uint64_t grown_pools, transient_pools; /* made, all told */
	uint64_t copied_bytes;
	uint64_t magazine_allocs, tree_allocs;
	double magazine_share;
	uint64_t iotlb_hits, iotlb_misses;
	double iotlb_share;
	uint64_t invalidations, invalidated_entries;

	/* Lazy: flushes of whole domains.  Times are real ones of the replay */
	uint64_t flushes_full, flushes_timer, flushes_commit, flushes_reuse, flushes_asked;
	double entries_per_flush;
	double exposed_us, exposed_max_us; /* from unmap to flush; NAN if not measured */

	/* Simulated nanoseconds: of a map or allocation, of an unmap or free, of a sync */
	double map_allocate_ns, map_table_ns, map_copy_ns;
	double unmap_allocate_ns, unmap_table_ns, unmap_invalidate_ns, unmap_copy_ns;
	double sync_copy_ns;

	struct replay_exposure *exposed;  /* owned; NULL: not asked for, or not translated */
	struct replay_neighbours *beside; /* owned; NULL: not asked for */

	/* Real time of the replay alone */
	double seconds;
	double events_per_second; /* the median */
	double slowest, fastest;
	uint64_t runs;
};

/* How a field of struct replay_result is told. */
enum replay_unit {
	REPLAY_COUNT,  /* uint64_t */
	REPLAY_SHARE,  /* double, 0 .. 1 */
	REPLAY_NUMBER, /* double */
	REPLAY_RATE,   /* double, a second */
};

struct replay_field {
	const char *name;  /* in the JSON */
	const char *label; /* in the table; NULL: not there */
	enum replay_unit unit;
	size_t offset; /* in struct replay_result */
	unsigned ways; /* set of those in which it means something */
	bool quiet;    /* not in the table if it is 0 in every column */
};

extern const struct replay_field replay_fields[];
extern const unsigned replay_nfields;

static inline bool replay_field_means(const struct replay_field *field,
				      const struct replay_result *result)
{
	return replay_way_in(result->way, field->ways);
}

/* A file's answer. */
struct replay_answer {
	const char *path;
	struct trace *trace;     /* owned */
	struct trace_plan *plan; /* owned */
	struct replay_recorded recorded;
	double read_seconds; /* reading and parsing; matching */
	double match_seconds;
	uint32_t nlanes;
	uint64_t nevents;
	struct trace_skip_count too_long;
	struct replay_result *results; /* owned; of the routes that could be taken */
	unsigned nresults;
	unsigned refused; /* set of ways that could not, complained about */
};

/* ---- replay_recorded.c ---- */

/* @unknown: its way if the trace has an IOMMU and does not tell when it flushed.  -ENOMEM. */
int replay_recorded_find(const struct trace *trace, const struct trace_plan *plan,
			 enum replay_way unknown, struct replay_recorded *recorded);
void replay_recorded_free(struct replay_recorded *recorded);

/* ---- replay_lanes.c ---- */

/* The steps of each recorded CPU, or of one thread.  -ENOMEM. */
int replay_lanes_make(struct replay_job *job, bool serial);
void replay_lanes_free(struct replay_job *job);

/* Is it dma_alloc and its kin: memory and address in one call? */
static inline bool replay_is_alloc(uint8_t shape)
{
	return shape == TRACE_SHAPE_COHERENT || shape == TRACE_SHAPE_PAGES ||
	       shape == TRACE_SHAPE_SGT;
}

/* ---- replay_place.c ---- */

/* Which block every mapping has, and what its entries' offsets in it are.  -ENOMEM; -E2BIG. */
int replay_place_make(struct replay_job *job);
void replay_place_free(struct replay_job *job);
/*
 * Point every mapping at its block's memory and forget the run before.  What is longer than
 * its device's largest mapping is cut.  -ENOMEM.
 */
int replay_place_reset(const struct replay_machine *machine);

/* ---- replay_machine.c ---- */

#define REPLAY_RAM_BYTES (UINT64_C(4) << 30) /* unless the trace needs more */

/* A machine for one run of @job; complains and returns a negative errno. */
int replay_machine_create(const struct replay_opts *opts, enum replay_way way,
			  struct replay_job *job, struct replay_machine *machine);
/* Returns how many walkers and destructors found something wrong. */
unsigned replay_machine_destroy(struct replay_machine *machine);

/* ---- replay_pattern.c ---- */

/* What the bytes of a mapping in one generation depend on. */
uint64_t replay_pattern_key(uint32_t mapping, uint16_t generation);
void replay_pattern_fill(void *to, uint64_t offset, uint64_t len, uint64_t key);
/* How many of the bytes are not the pattern's. */
uint64_t replay_pattern_wrong(const void *at, uint64_t offset, uint64_t len, uint64_t key);

/* ---- replay_data.c: @i is the mapping's index ---- */

/* The lane's own memory: what a device reads or writes at once. */
#define REPLAY_SCRATCH (64u * 1024)

void replay_data_before_map(const struct replay_run *run, struct replay_lane *lane, uint32_t i);
void replay_data_after_alloc(const struct replay_run *run, struct replay_lane *lane, uint32_t i);
/* @skipped: the caller has asked the library not to move bytes at this unmap */
void replay_data_before_unmap(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			      bool skipped);
void replay_data_after_unmap(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			     bool skipped);
void replay_data_before_sync(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			     const struct trace_step *sync);
void replay_data_after_sync(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			    const struct trace_step *sync);

/* Part of a mapping as the device sees it. */
struct replay_part {
	dmp_addr_t addr;
	uint64_t len;
};

/* The piece at @offset, at most @len bytes of it; the mapping is live. */
struct replay_part replay_part_at(const struct replay_mapping *m, uint64_t offset, uint64_t len);

/* ---- replay_step.c ---- */

/* The step, with whoever looks on told before and after. */
void replay_step_do(struct replay_run *run, struct replay_lane *lane,
		    const struct replay_step *step);
/* A last try to map what is late and has no step left. */
void replay_step_settle(struct replay_run *run, struct replay_lane *lane);
/* A commit beside all steps has ended with @err. */
void replay_step_commit(struct replay_run *run, struct replay_lane *lane, int err);
/* Unmap what is still live; returns how many mappings that were. */
uint64_t replay_step_tidy(struct replay_run *run, struct replay_lane *lane);

/* ---- replay_run.c ---- */

/* Run all lanes; @seconds of real time, first step to last.  -ENOMEM, -EAGAIN no thread. */
int replay_run_lanes(struct replay_run *run, double *seconds);

/* ---- replay_result.c ---- */

/* Counters of a machine at one moment. */
struct replay_books {
	struct dmp_sim_stats sim;
	struct dmp_iova_stats iova;     /* of all domains together */
	struct dmp_domain_stats domain; /* likewise; exposed_max_ns is the longest of all */
	struct dmp_swiotlb_stats tlb;
};

void replay_books_read(const struct replay_machine *machine, struct replay_books *books);
/* What a run that has just ended did since @before; not yet what went wrong. */
void replay_result_fill(const struct replay_run *run, const struct replay_books *before,
			double seconds, struct replay_result *result);
/* What went wrong, after the machine was tidied up. */
void replay_result_blame(const struct replay_run *run, struct replay_result *result);
/* The run with the median speed, with the failures of all; sorts @runs. */
void replay_result_median(struct replay_result *runs, unsigned nruns, struct replay_result *out);
/* What it owns; the rest stays. */
void replay_result_free(struct replay_result *result);
/* Is it a failure of the replay?  What is wrong with the file is not. */
bool replay_result_is_bad(const struct replay_result *result);

/* ---- replay_once.c ---- */

/* One run of @way; complains and returns EXIT_USAGE.  The caller frees @result's exposure. */
int replay_once(const struct replay_opts *opts, enum replay_way way, struct replay_job *job,
		struct replay_result *result);

/* ---- replay_file.c ---- */

/* Begins @answer with the trace of @path and its plan; complains and returns EXIT_USAGE.  What
 * there is of it goes with replay_answer_free() in any case. */
int replay_file_read(const char *path, struct replay_answer *answer);
/* A job of @answer's plan; likewise, and replay_job_free() is due in any case. */
int replay_job_make(const struct replay_opts *opts, struct replay_answer *answer,
		    struct replay_job *job);
void replay_job_free(struct replay_job *job);
/*
 * Replay one file; complains and returns EXIT_USAGE if it cannot be.  A route that cannot be
 * taken is complained about and missing from the answer, unless it is the only one.
 */
int replay_file(const struct replay_opts *opts, const char *path, struct replay_answer *answer);
void replay_answer_free(struct replay_answer *answer);

#include "replay_tell.h"

#endif
