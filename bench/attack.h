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
 *    attack_room.c      requests that failed for want of addresses below the mask
 *    attack_print.c, attack_json.c   the answers
 *
 * The workload is that of `dmapool replay`, see replay.h: its jobs, machines and steps.
 *
 * Letters of fields: (c) constant while threads run; (t) the attacking thread's; (a) atomic.
 */
#ifndef BENCH_ATTACK_H
#define BENCH_ATTACK_H

#include "replay.h"

struct json_t; /* jansson's */

/* A row of the answer. */
struct attack_policy {
	enum replay_way way; /* of those that are not bounced */
	struct replay_flush flush;
	char text[REPLAY_FLUSH_TEXT];
};

#define ATTACK_POLICIES_MAX 16u

static inline bool attack_is_translated(const struct attack_policy *policy)
{
	return replay_way_in(policy->way, REPLAY_TRANSLATED);
}

/* Does an unmap that has returned leave nothing? */
static inline bool attack_flushes_at_once(const struct attack_policy *policy)
{
	return attack_is_translated(policy) && !replay_way_in(policy->way, REPLAY_DEFERRED);
}

struct attack_opts {
	uint64_t attempts;
	uint64_t seed;
	struct attack_policy policies[ATTACK_POLICIES_MAX];
	unsigned npolicies;
	enum replay_clock clock;
	const char *profile; /* of the machine, see sim.h; NULL: free */
	unsigned mask_bits;  /* of every device's DMA mask */
	uint64_t loop_maps;  /* of the workload without a trace */
};

/* ---- attack_book.c ---- */

/* What a device may expect at a page of its addresses: a granule of its domain. */
enum attack_state {
	ATTACK_NEVER,   /* nothing was ever mapped there */
	ATTACK_LIVE,    /* mapped */
	ATTACK_LEAVING, /* its unmap has begun and not returned */
	ATTACK_OPEN,    /* unmapped, the flush is still to come */
	ATTACK_CLOSED,  /* unmapped and flushed */
	ATTACK_STATES,
};

struct attack_page {
	_Atomic(uint64_t) key;      /* (a) device and granule, + 1; 0: nobody's.  Then for good */
	_Atomic(uint64_t) version;  /* (a) how often it changed * 8 + the state */
	_Atomic(uint64_t) since_ns; /* (a) of its latest unmap */
	uint64_t nflushes;          /* of its device when it became OPEN: counted alone */
	_Atomic(uint32_t) mapping;  /* (a) the one that is there, or the latest */
};

#define ATTACK_RING 4096u

/* The latest pages that something happened to. */
struct attack_ring {
	_Atomic(uint32_t) head;              /* (a) how many there ever were */
	_Atomic(uint32_t) page[ATTACK_RING]; /* (a) */
};

/* A device's flushes of everything, while one thread does all. */
struct attack_flushes {
	uint64_t n;
	uint64_t open_bytes; /* of pages that are OPEN: what the next flush closes */
};

struct attack_book {
	const struct replay_job *job; /* (c) */
	bool translated;              /* (c) a list is one range of addresses */
	bool closes_at_once;          /* (c) an unmap leaves nothing to flush */
	bool is_alone;                /* (c) one thread does everything */
	unsigned granule_shift;       /* (c) log2 of a page's bytes */
	struct attack_page *pages;    /* owned; a hash table, at most half full */
	uint32_t mask;                /* (c) its size - 1 */
	_Atomic(uint32_t) *all;       /* (a) owned; pages in the order of their first map */
	_Atomic(uint32_t) nall;       /* (a) */
	bool *is_known; /* owned; of each mapping, by whoever does its steps: in here, live */
	struct dmp_sg *answers; /* owned; as job->sgs, which forgets them when it is unmapped */
	struct attack_ring mapped, unmapped;
	struct attack_flushes *flushes;          /* owned; of each device */
	_Atomic(uint64_t) open_bytes, open_peak; /* (a) of pages that are OPEN */
	_Atomic(uint64_t) given_open; /* (a) pages that were mapped while they were OPEN */
	_Atomic(uint64_t) lost;       /* (a) pages that there was no room for */
};

/* -ENOMEM; -E2BIG more than 4096 devices.  To be closed in any case. */
int attack_book_open(struct attack_book *book, const struct replay_job *job,
		     const struct attack_policy *policy, bool is_alone);
/* Room for the lists, once the job has them.  -ENOMEM */
int attack_book_lists(struct attack_book *book);
/* Pages are as large as those that the machine's domains map by; before anything is in it. */
void attack_book_set_granule(struct attack_book *book, const struct replay_machine *machine);
void attack_book_close(struct attack_book *book);
/* Before and after a step of mapping @i; by whoever does it. */
void attack_book_before(struct attack_book *book, uint32_t i, bool is_unmap);
void attack_book_after(struct attack_book *book, uint32_t i);
/* A flush of all that is device @dev's has ended. */
void attack_book_flushed_all(struct attack_book *book, uint32_t dev);
/* A flush has covered the unmap of these addresses. */
void attack_book_flushed(struct attack_book *book, uint32_t dev, dmp_addr_t addr, uint64_t len);
/* Of a page with that version. */
enum attack_state attack_book_state(const struct attack_book *book, const struct attack_page *page,
				    uint64_t version);
/* NULL: nothing was ever mapped there. */
struct attack_page *attack_book_find(struct attack_book *book, uint32_t dev, dmp_addr_t addr);
/* One at random that is LIVE, or that was unmapped, often one of the latest; NULL: none was met. */
struct attack_page *attack_book_pick(struct attack_book *book, bool live, uint64_t *rng);

static inline uint32_t attack_page_dev(const struct attack_page *page)
{
	return (uint32_t)((page->key - 1) >> 52);
}

static inline uint64_t attack_page_bytes(const struct attack_book *book)
{
	return UINT64_C(1) << book->granule_shift;
}

static inline dmp_addr_t attack_page_addr(const struct attack_book *book,
					  const struct attack_page *page)
{
	return ((page->key - 1) & DMP_MASK(52)) << book->granule_shift;
}

/* ---- attack_try.c ---- */

/* What came of an attempt: a reason of enum dmp_fault_reason, or: */
#define ATTACK_DONE    (DMP_FAULT_STALE + 1u)
#define ATTACK_ANSWERS (ATTACK_DONE + 1u)

struct attack_counts {
	/* By what was there, read or write, what came of it. */
	uint64_t by[ATTACK_STATES][2][ATTACK_ANSWERS];
	uint64_t oldest_stale_ns; /* since the unmap */
	uint64_t stale_moved;     /* stale ones that moved their bytes */
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
	enum replay_clock clock;
	struct attack_counts counts;
	uint64_t open_peak;              /* bytes, the most at once */
	uint64_t open_end;               /* bytes, when all was over */
	uint64_t given_open;             /* pages */
	struct replay_exposure *exposed; /* owned; what the library measured; NULL: no domain */
	struct replay_blame blame;       /* requests of the workload that failed */
	uint64_t broken_books;           /* walkers that found something */
	double seconds;                  /* real, of the whole run */
};

/* Promises that can be broken, as bits. */
enum attack_breach {
	ATTACK_BREACH_STALE = 1,     /* a stale access, and the policy flushes at once */
	ATTACK_BREACH_LATE = 2,      /* a stale access where everything was flushed */
	ATTACK_BREACH_BOUND = 4,     /* a stale access, or a window, longer than the bound */
	ATTACK_BREACH_WINDOW = 8,    /* a stale access outside the window that is reported */
	ATTACK_BREACH_GIVEN = 16,    /* an address was given out while it could be reached */
	ATTACK_BREACH_REACHED = 32,  /* an access without a mapping */
	ATTACK_BREACH_OVER = 64,     /* an access against the direction */
	ATTACK_BREACH_REFUSED = 128, /* a live address does not work */
	ATTACK_BREACH_BYTES = 256,   /* it leads to other bytes */
	ATTACK_BREACH_BOOKS = 512,   /* the library is not in order */
};

/* Sums over counts.by; @answer ATTACK_ANSWERS: all. */
uint64_t attack_sum(const struct attack_counts *counts, enum attack_state state, unsigned answer);
uint64_t attack_sum_all(const struct attack_counts *counts, unsigned answer);
/* Stale accesses, reads or writes, without those of pages whose unmap was in progress. */
uint64_t attack_stale(const struct attack_counts *counts, bool write);
/* Accesses that were performed where nothing was mapped, not stale ones. */
uint64_t attack_reached(const struct attack_counts *counts);
/* The longest window there may be; UINT64_MAX: no bound. */
uint64_t attack_bound_ns(const struct attack_result *result);
/* ATTACK_BREACH_* bits; 0: the policy keeps what it promises. */
unsigned attack_judge(const struct attack_result *result);
/* What is broken, in words; @breach is one bit. */
const char *attack_breach_text(unsigned breach);

/* ---- attack_room.c ---- */

/* Did the workload find too few addresses below the mask, and is nothing else broken? */
bool attack_lacks_room(const struct attack_opts *opts, const struct attack_result *result,
		       const struct replay_job *job);

/* ---- attack_policy.c ---- */

/* "strict,lazy:entries=64,none": complains and returns EXIT_USAGE. */
int attack_policies_parse(const char *text, struct attack_opts *opts);

/* What the domains of a run are shaped by: the book looks on. */
struct attack_shape {
	struct attack_domain {
		struct attack_book *book;
		uint32_t dev;
	} * domains; /* owned; one a traced device */
};

/* -ENOMEM */
int attack_shape_open(struct attack_shape *shape, struct attack_book *book, uint32_t ndevices);
void attack_shape_close(struct attack_shape *shape);
/* For struct replay_opts. */
void attack_shape_domain(void *ctx, uint32_t dev, struct dmp_domain_opts *domain);

/* ---- attack_loop.c ---- */

/* Begins @answer with a trace of @nmaps maps of one device; complains and returns EXIT_USAGE. */
int attack_loop_make(uint64_t nmaps, struct replay_answer *answer);

/* ---- attack_clock.c ---- */

/* The workload in its own time, with attempts in between: see replay_clock.h. */
void attack_clock_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a);

/* ---- attack_beside.c ---- */

/* The workload as fast as it can, and a thread that attacks until it is over. */
int attack_beside_run(const struct attack_opts *opts, struct replay_run *run, struct attacker *a);

/* ---- attack_run.c ---- */

/* Complains and returns EXIT_USAGE. */
int attack_run(const struct attack_opts *opts, const struct attack_policy *policy,
	       struct replay_job *job, struct attack_result *result);
void attack_result_free(struct attack_result *result);

/* ---- attack_print.c ---- */

void attack_print_head(FILE *to, const struct attack_opts *opts,
		       const struct replay_answer *answer);
void attack_print_result(FILE *to, const struct attack_opts *opts,
			 const struct attack_result *result);
/* What is broken, and what is to be known: lines below the rows. */
void attack_print_notes(FILE *to, const struct attack_result *result);

/* ---- attack_json.c ---- */

/* The caller's; NULL: no memory. */
struct json_t *attack_json(const struct attack_opts *opts, const struct replay_answer *answer,
			   const struct attack_result *results, unsigned nresults);

#endif
