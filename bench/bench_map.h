/* SPDX-License-Identifier: MIT */
/*
 * bench_map.h - what the parts of `dmapool bench map` share
 *
 *   bench_map.c           the command line
 *   bench_map_sweep.c     every combination of it, bench_map_print.c: told
 *   bench_map_machine.c   a route: machine, domain, bounce slots, device; what it costs by profile
 *   bench_map_crew.c      threads that write, map, wait and unmap
 *   bench_map_split.c     the parts of a pair, each measured alone
 *   bench_map_targets.c   its bounds
 */
#ifndef BENCH_BENCH_MAP_H
#define BENCH_BENCH_MAP_H

#include "bench.h"
#include "bench_latency.h"
#include "bench_list.h"
#include "bench_mix.h"
#include "bench_row.h"

#include <dmapool/dma.h>
#include <dmapool/sim.h>

#include <pthread.h>
#include <stdatomic.h>

#define BENCH_MAP_PAGES_MAX   1024u /* granule */
#define BENCH_MAP_BITS_MIN    20u   /* device mask */
#define BENCH_MAP_BITS_MAX    64u
#define BENCH_MAP_ENTRIES_MAX 256u                /* of a scatter list */
#define BENCH_MAP_BATCH_MAX   1024u               /* mapped at once by a thread */
#define BENCH_MAP_BYTES_MAX   (UINT64_C(2) << 30) /* of all buffers */
#define BENCH_MAP_WAIT_MAX    UINT64_C(10000000)  /* ns of a transfer */

/* ---- bench_map_machine.c ---- */

enum bench_map_route {
	BENCH_MAP_DIRECT,
	BENCH_MAP_SWIOTLB,      /* every map bounces */
	BENCH_MAP_IOMMU,        /* a domain of the device's own */
	BENCH_MAP_IOMMU_BOUNCE, /* it, and every map bounces */
	BENCH_MAP_ROUTES,
};

extern const char *const bench_map_route_names[BENCH_MAP_ROUTES];

/* Is the device behind a domain?  Then that has a flush policy. */
bool bench_map_translates(enum bench_map_route route);
bool bench_map_bounces(enum bench_map_route route);

/* What a domain is made with: a row of bench_map_flushes, by its number. */
enum bench_map_policy {
	BENCH_MAP_STRICT,
	BENCH_MAP_LAZY,
	BENCH_MAP_LAZY_SINGLE,
	BENCH_MAP_ON_REUSE,
	BENCH_MAP_MANUAL,
	BENCH_MAP_GUEST,
	BENCH_MAP_PASSTHROUGH,
	BENCH_MAP_FLUSHES,
};

struct bench_map_flush {
	enum dmp_flush_policy flush;
	uint32_t flags;                     /* of the domain */
	const struct dmp_iova_policy *iova; /* NULL: the default */
	bool commits; /* after the unmaps of a batch comes dmp_domain_commit() */
};

extern const struct bench_map_flush bench_map_flushes[BENCH_MAP_FLUSHES];
/* Their names on the command line. */
extern const char *const bench_map_flush_names[BENCH_MAP_FLUSHES];

struct bench_map_case {
	enum bench_map_route route;
	enum bench_map_policy flush; /* of a route that translates */
	const char *profile;         /* NULL: free */
	bool spun;                   /* costs are waited for; else counted */
	enum dmp_dir dir;
	unsigned mask_bits;
	struct bench_mix mix; /* of each buffer; of each entry of a list */
	unsigned entries;     /* of a scatter list; 0: buffers one by one */
	unsigned batch;       /* maps, then as many unmaps: 1 .. BENCH_MAP_BATCH_MAX */
	uint64_t transfer_ns; /* between them, busy */
	uint64_t slots;       /* of the bounce pool, if it bounces: a power of two, 512 or more */
	unsigned queues;      /* of invalidations, by CPU; 0: as the profile says */
};

/* It, in use. */
struct bench_map {
	const struct bench_map_case *use;
	struct dmp_sim *sim;       /* owned, as the rest */
	struct dmp_swiotlb *tlb;   /* NULL: nothing bounces */
	struct dmp_domain *domain; /* NULL: not translated */
	struct dmp_device *device;
	uint64_t stride;    /* from buffer to buffer of a thread */
	uint64_t own_bytes; /* of all buffers of one */
	uint64_t slice_ns;  /* a round of bench_map_calls is as many batches as fit this; 0: one */
	uint64_t clock_ns;  /* taken off the time of each call */
	pthread_mutex_t lock;
	struct bench_latency map, unmap, commit; /* under lock: of threads that have ended */
	uint64_t pairs;   /* under lock: of them, also before the first sample */
	_Atomic(int) err; /* a request that failed; 0: none */
};

/* Bytes of memory that the buffers of @nthreads threads take. */
uint64_t bench_map_bytes(const struct bench_map_case *use, unsigned nthreads);

/* Areas of its bounce pool: one a thread, while each has a segment. */
unsigned bench_map_areas(const struct bench_map_case *use, unsigned nthreads);

/* -ERANGE: the buffers are longer than the device's largest mapping; -EFBIG: more than
 * BENCH_MAP_BYTES_MAX in all; what the library returns. */
int bench_map_open(struct bench_map *map, const struct bench_map_case *use, unsigned nthreads);
/* Returns: how many parts could not be destroyed, or have broken books. */
unsigned bench_map_close(struct bench_map *map);

/* Simulated ns of a pair, by what takes them. */
enum bench_map_phase {
	BENCH_MAP_IOVA, /* from where it came times the profile's price */
	BENCH_MAP_TABLES,
	BENCH_MAP_CLEAR,
	BENCH_MAP_INVALIDATE,
	BENCH_MAP_COPY, /* bytes moved times the price */
	BENCH_MAP_PHASES,
};

extern const char *const bench_map_phase_names[BENCH_MAP_PHASES];

/* Counters at one time: of machine and domain. */
struct bench_map_books {
	struct dmp_sim_stats sim;
	struct dmp_iova_stats iova;
};

/* No thread is inside. */
void bench_map_look(const struct bench_map *map, struct bench_map_books *books);
/* What was charged since @before, by the pairs of the threads that have run; NAN: by none. */
void bench_map_costs(const struct bench_map *map, const struct bench_map_books *before,
		     double ns[BENCH_MAP_PHASES]);

/* ---- bench_map_crew.c ---- */

/* shared: struct bench_map.  A pair is a map and its unmap, of a buffer or of a list.  The first
 * run of a thread, which is before the first sample, is not among the latencies. */
extern const struct bench_work bench_map_calls; /* each call timed, the buffer written before */
extern const struct bench_work bench_map_pairs; /* neither */

/* What a time of nothing is on this machine: the median of many. */
uint64_t bench_map_clock_ns(void);

/* ---- bench_map_split.c ---- */

enum bench_map_part {
	BENCH_MAP_PART_CHECKS, /* route direct */
	BENCH_MAP_PART_IOVA,
	BENCH_MAP_PART_TABLES,
	BENCH_MAP_PART_SLOTS,
	BENCH_MAP_PART_COPY,
	BENCH_MAP_PARTS,
};

extern const char *const bench_map_part_names[BENCH_MAP_PARTS];

struct bench_map_split {
	double whole_ns;                 /* CPU ns a pair */
	double part_ns[BENCH_MAP_PARTS]; /* NAN: the route has none */
	double rest_ns;                  /* whole less all parts: the flush, and what is between */
};

/* Measures; @use has one size and no lists. */
int bench_map_split(const struct bench_plan *plan, const struct bench_map_case *use,
		    unsigned nthreads, struct bench_map_split *split);

/* ---- bench_map_print.c ---- */

/* A case, measured. */
struct bench_map_measured {
	struct bench_map_case use;
	struct bench_row row;
	unsigned seconds; /* 0: by rounds */
	int node;         /* -1: any */
	uint64_t clock_ns;
	struct bench_latency map, unmap, commit; /* the last of a policy that commits */
	double cost_ns[BENCH_MAP_PHASES];        /* of a profile whose costs are counted */
	bool is_split;
	struct bench_map_split split;
};

void bench_map_print_head(FILE *to);
void bench_map_print_case(FILE *to, const struct bench_map_measured *m);
/* The three lines that the kernel's map_benchmark ends with. */
void bench_map_print_closing(FILE *to, const struct bench_map_measured *m);

struct json_t;

/* NULL: no memory. */
struct json_t *bench_map_json(const struct bench_map_measured *m);

/* ---- bench_map_sweep.c ---- */

struct bench_map_sweep {
	struct bench_list threads,
		granules;                  /* pages; one of them, which does not count, if mixed */
	struct bench_list directions;      /* enum dmp_dir */
	struct bench_list routes, flushes; /* numbers */
	struct bench_list batches, entries;
	struct bench_map_case rest; /* what else a case has; `mix` if mixed */
	bool mixed, split;
	int node;         /* -1: any */
	unsigned seconds; /* of a case; 0: by rounds */
	struct bench_plan plan;
	unsigned left_out; /* combinations for which there is no room */
};

struct json_file;

/* Prints a table and the closing lines, adds an object a case to @json unless that is NULL; the
 * exit status. */
int bench_map_sweep_run(struct bench_map_sweep *sweep, struct json_file *json);

/* ---- bench_map_targets.c ---- */

/* Measures and prints what `bench map --preset targets` promises; the exit status. */
int bench_map_targets(const struct bench_plan *plan, struct json_file *json);

#endif
