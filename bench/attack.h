/* SPDX-License-Identifier: MIT */
/*
 * attack.h - what the files of `dmapool attack` share
 *
 * Picture: a workload maps and unmaps, and a hostile device tries addresses beside it.
 *
 *    attack_options.c   the command line
 *    attack.c           traces one after another, policies one after another
 *    attack_loop.c      the workload, if there is no trace
 *    attack_policy.c    flush policies: their domains, and what they promise
 *    attack_run.c       one workload against one policy: a machine, time, the end
 *      attack_clock.c     in the trace's own time: when it is whose turn
 *      attack_beside.c    in real time: a thread beside the workload's
 *      attack_book.c      what the device may expect at each page of its addresses
 *      attack_try.c       one attempt: where, what, and what came of it
 *    attack_judge.c     counters -> broken promises
 *    attack_print.c, attack_json.c   the answers
 *
 * The workload is that of `dmapool replay`, see replay.h: its jobs, machines and steps.
 *
 * Letters of fields: (c) constant while threads run; (t) the attacking thread's; (a) atomic.
 */
#ifndef BENCH_ATTACK_H
#define BENCH_ATTACK_H

#include "replay.h"

#include <dmapool/exposure.h>

struct json_t; /* jansson's */

/* A column of the answer. */
struct attack_policy {
	const char *name;
	bool translated; /* false: a machine without an IOMMU */
	enum dmp_flush_policy flush;
	bool flushes_at_once; /* an unmap that has returned leaves nothing */
};

extern const struct attack_policy attack_policies[];
extern const unsigned attack_npolicies;
/* Their names, for lists of options. */
extern const char *const attack_policy_names[];

struct attack_opts {
	uint64_t attempts;
	uint64_t seed;
	uint32_t policies;      /* bit i: attack_policies[i] */
	bool threads;           /* real threads and real time */
	unsigned mask_bits;     /* of every device's DMA mask */
	uint64_t loop_maps;     /* of the workload without a trace */
	uint32_t queue_entries; /* of lazy domains; 0: the policy's */
	uint64_t timeout_ns;    /* likewise */
};

/* ---- attack_book.c ---- */

/* What a device may expect at a page of its addresses. */
enum attack_state {
	ATTACK_NEVER,   /* nothing was ever mapped there */
	ATTACK_LIVE,    /* mapped */
	ATTACK_LEAVING, /* its unmap has begun and not returned */
	ATTACK_OPEN,    /* unmapped, the flush is still to come */
	ATTACK_CLOSED,  /* unmapped and flushed */
	ATTACK_STATES,
};

struct attack_page {
	_Atomic(uint64_t) key;      /* (a) device and page, + 1; 0: nobody's.  Then for good */
	_Atomic(uint64_t) version;  /* (a) how often it changed, and the state: see below */
	_Atomic(uint64_t) since_ns; /* (a) of its latest unmap */
	_Atomic(uint32_t) mapping;  /* (a) the one that is there, or the latest */
};

static inline enum attack_state attack_state_of(uint64_t version)
{
	return (enum attack_state)(version & 7);
}

#define ATTACK_RING 4096u

/* The latest pages that something happened to. */
struct attack_ring {
	_Atomic(uint32_t) head;              /* (a) how many there ever were */
	_Atomic(uint32_t) page[ATTACK_RING]; /* (a) */
};

struct attack_book {
	const struct replay_job *job; /* (c) */
	bool translated;              /* (c) a list is one range of addresses */
	bool closes_at_once;          /* (c) an unmap leaves nothing to flush */
	struct attack_page *pages;    /* owned; a hash table, at most half full */
	uint32_t mask;                /* (c) its size - 1 */
	_Atomic(uint32_t) *all;       /* (a) owned; pages in the order of their first map */
	_Atomic(uint32_t) nall;       /* (a) */
	bool *is_known; /* owned; of each mapping, by whoever does its steps: in here, live */
	struct dmp_sg *answers; /* owned; as job->sgs, which forgets them when it is unmapped */
	struct attack_ring mapped, unmapped;
	_Atomic(uint64_t) open_bytes, open_peak; /* (a) of pages that are OPEN */
	_Atomic(uint64_t) given_open; /* (a) pages that were mapped while they were OPEN */
	_Atomic(uint64_t) lost;       /* (a) pages that there was no room for */
};

/* -ENOMEM */
int attack_book_open(struct attack_book *book, const struct replay_job *job,
		     const struct attack_policy *policy);
/* Room for the lists, once the job has them.  -ENOMEM */
int attack_book_lists(struct attack_book *book);
void attack_book_close(struct attack_book *book);
/* Before and after a step of mapping @i; by whoever does it. */
void attack_book_before(struct attack_book *book, uint32_t i, bool is_unmap);
void attack_book_after(struct attack_book *book, uint32_t i);
/* A flush has covered the unmap of these addresses. */
void attack_book_flushed(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint64_t len);
/* NULL: nothing was ever mapped there. */
struct attack_page *attack_book_find(struct attack_book *book, uint32_t dev, dmp_addr_t addr);
/* One at random that is LIVE, or that was unmapped, often one of the latest; NULL: none was met. */
struct attack_page *attack_book_pick(struct attack_book *book, bool live, uint64_t *rng);

static inline uint32_t attack_page_dev(const struct attack_page *page)
{
	return (uint32_t)((page->key - 1) >> 52);
}

static inline dmp_addr_t attack_page_addr(const struct attack_page *page)
{
	return ((page->key - 1) & DMP_MASK(52)) << DMP_PAGE_SHIFT;
}

/* ---- attack_try.c ---- */

/* What came of an attempt: a reason of enum dmp_fault_reason, or: */
#define ATTACK_DONE    (DMP_FAULT_STALE + 1u)
#define ATTACK_ANSWERS (ATTACK_DONE + 1u)

struct attack_counts {
	/* By what was there, read or write, what came of it. */
	uint64_t by[ATTACK_STATES][2][ATTACK_ANSWERS];
	uint64_t oldest_stale_ns; /* since the unmap */
	uint64_t reused;          /* stale ones, of memory that another mapping had by then */
	uint64_t refused;         /* of live ones, although the direction allows them */
	uint64_t overstepped;     /* of live ones, performed against the direction */
	uint64_t wrong_bytes;     /* that live ones moved */
	uint64_t unjudged;        /* the page changed meanwhile */
	uint64_t transfers;       /* that the device made of its own; no attempts */
};

/* Pages at which nothing is expected: few, so that not all of memory is touched. */
#define ATTACK_WILD 1024u

struct attacker {
	struct attack_book *book;             /* (c) */
	const struct replay_machine *machine; /* (c) */
	struct dmp_sim_agent **agents;        /* (t) owned; one a device */
	uint32_t *used;                       /* (c) owned; devices that have one */
	uint32_t nused;                       /* (c) */
	unsigned mask_bits;                   /* (c) */
	bool alone;                           /* (c) nothing happens during an attempt */
	uint64_t rng;                         /* (t) */
	dmp_addr_t wild[ATTACK_WILD];         /* (c) */
	uint32_t *tenant;                     /* (t) owned; of each block: its live mapping */
	struct attack_counts counts;          /* (t) */
};

/* -ENOMEM; -EINVAL no device. */
int attacker_open(struct attacker *a, const struct attack_opts *opts, struct attack_book *book,
		  const struct replay_machine *machine);
void attacker_close(struct attacker *a);
/* One attempt. */
void attacker_try(struct attacker *a);
/* What a device does with a new mapping: some accesses that its direction allows.  Alone only. */
void attacker_transfer(struct attacker *a, uint32_t i);
/* Which memory is whose: of mapping @i, after a step.  Alone only. */
void attacker_note(struct attacker *a, uint32_t i);

/* ---- attack_judge.c ---- */

struct attack_result {
	const struct attack_policy *policy;
	bool threads;
	struct attack_counts counts;
	uint64_t bound_ns;            /* the longest window there may be; UINT64_MAX: no bound */
	uint64_t open_peak;           /* bytes, the most at once */
	uint64_t open_end;            /* bytes, when all was over */
	uint64_t given_open;          /* pages */
	struct dmp_exposure exposure; /* of all domains, before the tidying up */
	uint64_t failed_requests;
	uint64_t broken_books; /* walkers that found something */
	double seconds;        /* real, of the whole run */
};

/* Promises that can be broken, as bits. */
enum attack_breach {
	ATTACK_BREACH_STALE = 1,    /* a stale access, and the policy flushes at once */
	ATTACK_BREACH_LATE = 2,     /* a stale access where everything was flushed */
	ATTACK_BREACH_BOUND = 4,    /* a stale access older than the bound */
	ATTACK_BREACH_GIVEN = 8,    /* an address was given out while it could be reached */
	ATTACK_BREACH_REACHED = 16, /* an access without a mapping */
	ATTACK_BREACH_OVER = 32,    /* an access against the direction */
	ATTACK_BREACH_REFUSED = 64, /* a live address does not work */
	ATTACK_BREACH_BYTES = 128,  /* it leads to other bytes */
	ATTACK_BREACH_BOOKS = 256,  /* the library is not in order */
};

/* Sums over counts.by; @answer ATTACK_ANSWERS: all. */
uint64_t attack_sum(const struct attack_counts *counts, enum attack_state state, unsigned answer);
uint64_t attack_sum_all(const struct attack_counts *counts, unsigned answer);
/* Stale accesses, reads or writes. */
uint64_t attack_stale(const struct attack_counts *counts, bool write);
/* Accesses that were performed where nothing was mapped, not stale ones. */
uint64_t attack_reached(const struct attack_counts *counts);
/* ATTACK_BREACH_* bits; 0: the policy keeps what it promises. */
unsigned attack_judge(const struct attack_result *result);
/* What is broken, in words; @breach is one bit. */
const char *attack_breach_text(unsigned breach);

/* ---- attack_policy.c ---- */

/* What the domains of a run are shaped by. */
struct attack_shape {
	const struct attack_opts *opts;
	const struct attack_policy *policy;
	struct attack_book *book;
	struct attack_domain {
		struct attack_book *book;
		uint32_t dev;
	} * domains; /* owned; one a traced device */
};

/* -ENOMEM */
int attack_shape_open(struct attack_shape *shape, const struct attack_opts *opts,
		      const struct attack_policy *policy, struct attack_book *book,
		      uint32_t ndevices);
void attack_shape_close(struct attack_shape *shape);
/* For struct replay_opts: the policy, its sizes, and the book as the one that looks on. */
void attack_shape_domain(void *ctx, uint32_t dev, struct dmp_domain_opts *domain);
/* The longest time from an unmap to its flush, of any domain; UINT64_MAX: no bound. */
uint64_t attack_bound_ns(const struct replay_machine *machine);
/* What all domains together have measured; @sum starts as zeros. */
void attack_exposure_join(const struct replay_machine *machine, struct dmp_exposure *sum);

/* ---- attack_loop.c ---- */

/* Begins @answer with a trace of @nmaps maps of one device; complains and returns EXIT_USAGE. */
int attack_loop_make(uint64_t nmaps, struct replay_answer *answer);

/* ---- attack_clock.c ---- */

/* The workload in its own time, with attempts in between; manual mode. */
void attack_clock_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a,
		      uint64_t bound_ns);

/* ---- attack_beside.c ---- */

/* The workload as fast as it can, and a thread that attacks until it is over. */
int attack_beside_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a);

/* ---- attack_run.c ---- */

/* Complains and returns EXIT_USAGE. */
int attack_run(const struct attack_opts *opts, const struct attack_policy *policy,
	       struct replay_job *job, struct attack_result *result);

/* ---- attack_print.c ---- */

void attack_print_head(FILE *to, const struct attack_opts *opts,
		       const struct replay_answer *answer);
void attack_print_result(FILE *to, const struct attack_result *result);
/* What is broken, and what is to be known: lines below the rows. */
void attack_print_notes(FILE *to, const struct attack_result *result);

/* ---- attack_json.c ---- */

/* The caller's; NULL: no memory. */
struct json_t *attack_json(const struct attack_opts *opts, const struct replay_answer *answer,
			   const struct attack_result *results, unsigned nresults);

#endif
