/* SPDX-License-Identifier: MIT */
/*
 * sim_internal.h - the simulated machine from inside
 *
 *   sim.c          the ops table, create, destroy, check
 *   sim_options.c  the caller's options, the profile's, the defaults
 *   sim_mem.c      RAM in zones, a buddy allocator, phys <-> pointer
 *   sim_share.c    coherent memory; encrypted memory: which pages devices reach
 *   sim_device.c   devices and domains: who is attached to what
 *   sim_expose.c   what mem_map() lets a device reach
 *   sim_format.c   how an entry of a page table looks, by parameters
 *   sim_pgtable.c  table pages: made, freed, walked       }
 *   sim_map.c      the driver's half: map                 } tables in RAM
 *   sim_unmap.c                       unmap               }
 *   sim_walk.c     the hardware's half: the table walk    }
 *   sim_iotlb.c    IOTLBs and walk caches    } sim_tlb.h
 *   sim_devtlb.c   device TLBs               }
 *   sim_tlb.c      a cache  sim_replace.c    }
 *   sim_gate.c     what an invalidation promises
 *   sim_reach.c    what devices still reach after an unmap   }
 *   sim_books.c    its records                               } sim_reach.h
 *   sim_reuse.c    what is done with that memory             }
 *   sim_found.c    windows of flushes that follow at once    }
 *   sim_invq.c     the invalidation queues   } sim_invq.h
 *   sim_invalidate.c, sim_command.c          }
 *   sim_access.c   one access of a device: route, translate, move bytes
 *   sim_agent.c    agents: split, transfer, report
 *   sim_fault.c    fault records           sim_inject.c  calls that fail on purpose
 *   sim_cost.c     charges   sim_stats.c   counters
 *   sim_profile.c, sim_property.c          the profile: costs, properties
 *
 * Locking: (c) constant after create; (a) atomic; (m) sim_mem.lock; (b) books_lock;
 *  (d) the device's own lock; (s) the lock of the set of a TLB; (r) reaches.lock;
 *  (h) hardware_lock; (f) sim_faults.lock; (i) sim_injector.lock; (u) set-up only.
 */
#ifndef SIM_INTERNAL_H
#define SIM_INTERNAL_H

#include "sim_invq.h"
#include "sim_reach.h"
#include "sim_tlb.h"

#include <dmapool/bits.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#include "sim_format.h"

/* Memory. */

#define MEM_MAX_ORDER 18u /* blocks of up to 1 GiB: the biggest page of the page tables */
#define MEM_ZONES     3u  /* below 16 MiB, below 4 GiB, the rest */

/* Record of a RAM page: of the first page of a block only, but for tables. */
struct sim_page {
	uint32_t next,
		prev;  /* (m) free list; next of a table page: its owner's, see sim_pgtable.c */
	uint8_t order; /* (m) */
	uint8_t use;   /* (m) enum sim_page_use */
	DMP_ATOMIC(bool) shared; /* (a) of every page: devices reach it; see sim_share.c */
	uint8_t reserved0;
};

enum sim_page_use {
	PAGE_INNER, /* not the first page of a block */
	PAGE_FREE,
	PAGE_GIVEN, /* by mem_alloc() or coherent_alloc() */
	PAGE_TABLE, /* a page table */
};

struct sim_zone {
	uint32_t first, end;              /* (c) page numbers; end exclusive */
	uint32_t free[MEM_MAX_ORDER + 1]; /* (m) first page of a free block; 0: none */
};

struct sim_mem {
	unsigned char *ram;       /* (c) the reservation; byte i is physical address i */
	struct sim_page *pages;   /* (c) one record a page, sparse as well */
	uint64_t ram_bytes;       /* (c) */
	uint64_t host_page_bytes; /* (c) of the system that this process runs on */
	bool can_probe;           /* (c) that system can be asked for a page */
	unsigned nzones;          /* (c) zones that have RAM */
	struct sim_zone zone[MEM_ZONES];
	struct sim_zone pool[MEM_ZONES]; /* behind each, for coherent memory; see sim_share.c */
	struct dmp_lock lock;
	uint64_t given_pages;         /* (m) */
	uint64_t table_pages;         /* (m) */
	DMP_ATOMIC(uint64_t) nshared; /* (a) pages */
	DMP_ATOMIC(bool) has_lost;    /* (a) pages that could not be made private */
};

int sim_mem_create(struct sim_mem *mem, uint64_t ram_bytes, uint32_t pool_pages);
void sim_mem_destroy(struct sim_mem *mem);
int sim_mem_check(struct sim_mem *mem);
/* A block of 2^order pages that end at or below page @end; and back, whoever reaches it. */
int sim_mem_take(struct sim_mem *mem, struct sim_zone *zone, unsigned order, uint64_t end,
		 enum sim_page_use use, dmp_phys_t *phys);
void sim_mem_give_back(struct dmp_sim *sim, dmp_phys_t phys, unsigned order);
uint64_t sim_mem_given_pages(struct sim_mem *mem);
uint64_t sim_mem_table_pages(struct sim_mem *mem);

/* Can the process's memory there still be touched?  Of RAM always. */
bool sim_mem_is_there(const struct sim_mem *mem, void *buf, uint64_t len, uint32_t prot);

int sim_table_alloc(struct sim_mem *mem, unsigned order, dmp_phys_t *phys); /* cleared */
void sim_table_free(struct sim_mem *mem, dmp_phys_t phys, unsigned order);

/* Encrypted memory, see sim_share.c.  hides: a device gets no byte at @phys; any: is one of the
 * pages shared? */
uint32_t sim_share_pool_pages(uint64_t ram_bytes);
void sim_share_pools(struct sim_mem *mem);
bool sim_share_hides(const struct dmp_sim *sim, dmp_phys_t phys);
bool sim_share_any(const struct sim_mem *mem, dmp_phys_t phys, uint64_t npages);
int sim_share_check(struct dmp_sim *sim);

/* Is every byte RAM?  @len > 0 */
static inline bool sim_mem_has(const struct sim_mem *mem, dmp_phys_t phys, uint64_t len)
{
	return dmp_range_fits(phys, len, mem->ram_bytes - 1);
}

/* Page tables. */

typedef DMP_ATOMIC(uint64_t) sim_pte;

static inline sim_pte *sim_table_at(const struct sim_mem *mem, dmp_phys_t phys)
{
	void *table = mem->ram + phys;

	return table;
}

/* A table that a walk reads an entry of. */
struct sim_step {
	dmp_phys_t table;
	uint32_t level;
	uint32_t order; /* it translates 2^order pages of 4 KiB */
};

/* What a walk found: where, or why not. */
struct sim_walk {
	dmp_phys_t phys;     /* of the 4 KiB page that holds the IOVA */
	uint64_t page_bytes; /* of the page of the tables that it is a piece of */
	uint32_t prot;       /* DMP_PROT_* */
	uint32_t levels;     /* entries read */
	struct sim_step step[DMP_SIM_LEVELS_MAX]; /* from which tables */
	enum dmp_fault_reason reason;             /* if it failed */
};

struct sim_step sim_walk_root(const struct dmp_sim *sim, dmp_phys_t root);
bool sim_walk_from(const struct dmp_sim *sim, const struct sim_step *first, dmp_iova_t iova,
		   struct sim_walk *walk);
bool sim_walk(const struct dmp_sim *sim, dmp_phys_t root, dmp_iova_t iova, struct sim_walk *walk);
struct sim_entry sim_pte_read(const struct dmp_sim *sim, uint64_t pte, unsigned level,
			      dmp_iova_t iova);

/* Domains and devices. */

struct sim_domain {
	uint64_t id;                          /* (c) tag in the IOTLB; never 0, never used again */
	uint32_t type;                        /* (c) enum dmp_domain_type */
	uint32_t nattached;                   /* (b) */
	dmp_phys_t root;                      /* (c) table of the highest level; 0: passthrough */
	struct sim_domain *next, *prev;       /* (b) */
	DMP_ATOMIC(struct sim_reach *) reach; /* (a) NULL: nobody watches; see sim_reach.c */
};

struct sim_exposure;
struct sim_exposure_tree {
	struct sim_exposure *rbh_root;
};

struct sim_device {
	uint32_t id;               /* (c) */
	uint32_t nagents;          /* (b) */
	uint64_t dma_mask;         /* (c) highest address it drives */
	struct dmp_hw_device desc; /* (c) as it was described: the range of memory that it has */
	DMP_ATOMIC(uint64_t)
	tag; /* (a) id of the translated domain, 0: untranslated; (d) to write */
	DMP_ATOMIC(struct sim_domain *) dom; /* (a) it, see sim_access.c; (d) to write */
	struct sim_domain *attached;         /* (b) the domain, a passthrough one too */
	bool removed;                        /* (b) only agents still hold it */
	struct dmp_hw_region *regions;       /* (b) sim_region.c; NULL: none */
	uint32_t nregions;                   /* (b) */

	struct dmp_lock lock;               /* exposures, and every access of the direct route */
	bool passthrough;                   /* (d) attached to a passthrough domain */
	bool gone;                          /* (d) removed: no access succeeds */
	struct sim_exposure_tree exposures; /* (d) */
	uint64_t nexposures;                /* (d) */
};

#define SIM_DEVICES 4096u

struct sim_device *sim_device_find(struct dmp_sim *sim, uint32_t id);
int sim_device_get(struct dmp_sim *sim, uint32_t id, struct sim_device **out);
void sim_device_put(struct dmp_sim *sim, struct sim_device *dev);
int sim_device_check(struct dmp_sim *sim);

int sim_device_region(void *be, uint32_t device, uint32_t n, struct dmp_hw_region *region);
void sim_region_drop(struct sim_device *dev);

uint64_t sim_expose_reach(struct sim_device *dev, dmp_phys_t phys, uint64_t len, uint32_t prot);
void sim_expose_drop_all(struct sim_device *dev);
int sim_expose_check(struct sim_device *dev);

int sim_pt_create(struct dmp_sim *sim, struct sim_domain *dom);
void sim_pt_destroy(struct dmp_sim *sim, struct sim_domain *dom);
int sim_pt_check(struct dmp_sim *sim);

int sim_pt_make(struct dmp_sim *sim, dmp_phys_t *table);
void sim_pt_discard(struct dmp_sim *sim, dmp_phys_t table);
int sim_pt_replace(struct dmp_sim *sim, struct sim_domain *dom, sim_pte *slot, dmp_iova_t iova,
		   unsigned level);
void sim_pt_gather(struct dmp_sim *sim, struct dmp_gather *gather, dmp_phys_t table);
sim_pte *sim_pt_child(const struct dmp_sim *sim, uint64_t pte, unsigned level);
static inline sim_pte *sim_pt_down(const struct dmp_sim *sim, uint64_t pte, unsigned level);
int sim_pt_check_range(const struct dmp_sim *sim, const struct sim_domain *dom, dmp_iova_t iova,
		       uint64_t len);

/* Accesses and faults. */

struct sim_access {
	struct sim_device *dev;
	dmp_addr_t addr;
	unsigned char *device_bytes; /* read from for a write */
	uint64_t len;                /* > 0, inside one 4 KiB page */
	uint32_t prot;               /* DMP_PROT_READ or DMP_PROT_WRITE */

	/* Out. */
	bool failed;                  /* there is something to record */
	enum dmp_fault_reason reason; /* then */
	uint64_t moved;               /* bytes; less than len: the rest was refused */
};

void sim_access_perform(struct dmp_sim *sim, struct sim_access *access);

struct sim_faults {
	struct dmp_lock lock;
	struct dmp_fault *ring; /* (f) */
	uint32_t len;           /* (c) */
	uint32_t first, count;  /* (f) the oldest; how many */
	bool lost;              /* (f) the ring was full since the last record */
	dmp_fault_fn fn;        /* (u) */
	void *ctx;              /* (u) */
};

int sim_faults_create(struct sim_faults *faults, uint32_t len);
void sim_faults_destroy(struct sim_faults *faults);
void sim_fault_record(struct dmp_sim *sim, const struct sim_access *access);

struct sim_injector {
	struct dmp_lock lock;
	DMP_ATOMIC(uint32_t) armed; /* (a) a bit a kind; (i) to write */
	struct {
		uint64_t skip;   /* (i) calls that still succeed */
		uint64_t count;  /* (i) then this many fail */
		uint64_t failed; /* (i) */
		int err;         /* (i) */
	} kind[DMP_SIM_CALLS];
};

int sim_inject_slow(struct dmp_sim *sim, enum dmp_sim_call kind);

/* Costs: picoseconds.  Arrays by page size: 4 KiB, 2 MiB, 1 GiB; wide: 64 KiB, 1 MiB. */

#define SIM_COST_SIZES 3u
#define SIM_COST_WIDE  2u

struct sim_costs {
	uint64_t map_first[SIM_COST_SIZES], map_next[SIM_COST_SIZES];
	uint64_t unmap_first[SIM_COST_SIZES], unmap_next[SIM_COST_SIZES];
	uint64_t map_wide[SIM_COST_WIDE], unmap_wide[SIM_COST_WIDE]; /* a page of many entries */
	uint64_t invalidate_submit;                                  /* the CPU's, a submission */
	uint64_t invalidate_command, invalidate_device;              /* the queue's, a command */
	uint64_t invalidate_domain; /* instead, of a domain or everything; 0: as a command */
	uint64_t invalidate_wait, invalidate_wait_remote; /* the queue's, a wait */
	uint64_t invalidate_separate; /* instead, of a submission for device TLBs alone */
	uint64_t invalidate_latency;  /* until the waiter knows; the queue goes on meanwhile */
	uint64_t queue_transfer;      /* tail's line from another CPU */
	uint64_t iotlb_hit, walk_cache_hit, walk_miss, walk_level, devtlb_request;
	uint64_t convert_page;
	uint64_t price[DMP_SIM_PRICES];
};

/* What a profile says: costs, and properties of the machine as options; zero: nothing. */
struct sim_profile {
	struct sim_costs costs;
	struct dmp_sim_opts says;
};

int sim_profile_load(const char *profile, struct sim_profile *out);

/* For the reading of a profile's other parts. */
struct json_t;
bool sim_profile_has_source(const struct json_t *json);
int sim_profile_complain(const char *path, const char *place, const char *what);
int sim_property_parse(const char *path, const char *name, const struct json_t *json,
		       struct dmp_sim_opts *says);
bool sim_properties_are_possible(const struct dmp_sim_opts *opts);

/* Properties, all said: constant. */
struct sim_machine {
	uint32_t nunits;
	uint32_t iotlb_order; /* the largest page that the IOTLB keeps whole */
	struct sim_tlb_shape iotlb, walk[SIM_WALK_CACHES], devtlb;
	uint32_t nqueues, queue_entries;
	uint32_t queue_kind, queue_by; /* enum dmp_sim_queue, dmp_sim_queue_by, not DEFAULT */
	uint32_t node_cpus;            /* 0: one node */
	uint32_t mask_order;           /* of the largest block of a command */
	uint32_t range_commands;       /* a command a page for up to so many; 0: blocks */
	uint64_t queue_timeout_ns;
};

int sim_options_load(const struct dmp_sim_opts *opts, struct sim_profile *profile,
		     struct dmp_sim_opts *out);
void sim_machine_fill(struct sim_machine *machine, const struct dmp_sim_opts *opts);

enum sim_counter {
	COUNT_MAP_CALLS,
	COUNT_MAP_PAGES,
	COUNT_UNMAP_CALLS,
	COUNT_UNMAP_PAGES,
	COUNT_TABLES_ALLOCATED,
	COUNT_TABLES_UNLINKED, /* out of the tree, not yet free */
	COUNT_TABLES_FREED,
	COUNT_IOTLB_HITS,
	COUNT_IOTLB_MISSES,
	COUNT_TLB, /* and on: each event of each kind of cache */
	COUNT_TLB_LAST = COUNT_TLB + TLB_KINDS * TLB_EVENTS - 1,
	COUNT_WALKS,
	COUNT_WALK_LEVELS,
	COUNT_WALK_CACHE_HITS,
	COUNT_DEVTLB_HITS,
	COUNT_DEVTLB_MISSES,
	COUNT_UNSYNCED,
	COUNT_INVALIDATIONS,
	COUNT_COMMANDS,
	COUNT_PAGES_ASKED,
	COUNT_PAGES_OVER,
	COUNT_OVER_INVALIDATED_ENTRIES,
	COUNT_RANGES_AS_DOMAIN,
	COUNT_QUEUE_WAITS,
	COUNT_QUEUE_RETRIES,
	COUNT_QUEUE_TIMEOUTS,
	COUNT_ACCESSES,
	COUNT_BYTES_READ,
	COUNT_BYTES_WRITTEN,
	COUNT_FAULTS,
	COUNT_FAULTS_LOST,
	COUNT_STALE,
	COUNT_SPUN_PS,
	COUNT_CONVERSIONS,
	COUNT_SHARED_PAGES,
	COUNT_PRIVATE_PAGES,
	COUNT_CONVERT_PS,
	COUNT_PHASE_PS, /* and one for each further phase */
	SIM_COUNTERS = COUNT_PHASE_PS + DMP_SIM_PHASES,
};

struct sim_counters {
	DMP_ATOMIC(uint64_t) count[SIM_COUNTERS];
};

uint64_t sim_count_sum(struct dmp_sim *sim, unsigned counter);
void sim_charge(struct dmp_sim *sim, enum dmp_sim_phase phase, uint64_t ps);
void sim_charge_map(struct dmp_sim *sim, uint64_t page_bytes, uint64_t entry_bytes,
		    uint64_t nentries);
void sim_charge_unmap(struct dmp_sim *sim, uint64_t page_bytes, uint64_t entry_bytes,
		      uint64_t nentries);
void sim_charge_walk(struct dmp_sim *sim, unsigned levels);
void sim_charge_convert(struct dmp_sim *sim, uint64_t npages);

/* The machine. */

struct dmp_sim {
	uint32_t flags;             /* (c) DMP_SIM_* */
	struct dmp_hw_ops ops;      /* (c) */
	struct dmp_hw *hw;          /* (c) */
	struct sim_machine machine; /* (c) */
	struct sim_format format;   /* (c) of page tables */
	struct sim_mem mem;
	struct sim_gate gates[SIM_GATES];
	struct sim_reaches reaches;
	struct sim_unit *units;  /* (c) */
	struct sim_invq *queues; /* (c) */
	struct sim_faults faults;
	struct sim_injector injector;
	struct sim_costs costs;     /* (c) */
	struct dmp_percpu counters; /* of struct sim_counters */
	struct sim_counters spare;  /* (a) where a CPU has no block of its own */

	struct dmp_lock books_lock;                          /* devices, domains, agents */
	DMP_ATOMIC(struct sim_device *) device[SIM_DEVICES]; /* (a) by id; (b) to write */
	DMP_ATOMIC(struct sim_devtlb *) devtlb[SIM_DEVICES]; /* (a) by id; (b) to write */
	DMP_ATOMIC(uint32_t) ndevtlbs; /* (a) from this number on there is none; (b) to write */
	struct sim_domain *domains;    /* (b) */
	uint64_t next_domain_id;       /* (b) */
	uint64_t nagents;              /* (b) */
};

/* 0, or the errno that a call of @kind shall fail with. */
static inline int sim_inject(struct dmp_sim *sim, enum dmp_sim_call kind)
{
	/* relaxed: whoever armed it and expects this call to see it has synchronized */
	if (!(load_relaxed(&sim->injector.armed) & 1u << kind))
		return 0;
	return sim_inject_slow(sim, kind);
}

/* Before a walk: the unmaps of a domain that is watched.  [REACH], [MARK] of sim_reach.c */
static inline uint64_t sim_reach_begin(const struct sim_domain *dom)
{
	struct sim_reach *reach = load_acquire(&dom->reach);

	return reach ? load_acquire(&reach->nunmaps) : 0;
}

/* The table that an entry leads to, if all of it says so. */
static inline sim_pte *sim_pt_down(const struct dmp_sim *sim, uint64_t pte, unsigned level)
{
	const struct sim_format *format = &sim->format;
	dmp_phys_t table = sim_pte_phys(format, pte);
	bool is_sound = (pte & ~format->phys_mask) == format->level[level].table && table &&
			dmp_is_aligned(table, sim_table_bytes(format)) &&
			sim_mem_has(&sim->mem, table, sim_table_bytes(format));

	return is_sound ? sim_table_at(&sim->mem, table) : NULL;
}

/* The calling CPU's counters; only it writes them.  NULL: there are none. */
static inline struct sim_counters *sim_counters_own(struct dmp_sim *sim)
{
	return dmp_percpu_get_own(&sim->counters);
}

static inline void sim_count(struct dmp_sim *sim, unsigned counter, uint64_t n)
{
	struct sim_counters *block = dmp_percpu_get_own(&sim->counters);

	if (block)
		count_local(&block->count[counter], n);
	else
		add_relaxed(&sim->spare.count[counter], n); /* read for reports only */
}

/* Members of the ops table, by source. */

int sim_mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys);
void sim_mem_free(void *be, dmp_phys_t phys, unsigned order);
int sim_coherent_alloc(void *be, uint64_t len, uint64_t limit, unsigned flags, dmp_phys_t *phys);
void sim_coherent_free(void *be, dmp_phys_t phys, uint64_t len);
int sim_buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys);
int sim_phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf);

int sim_make_shared(void *be, dmp_phys_t phys, uint64_t npages);
int sim_make_private(void *be, dmp_phys_t phys, uint64_t npages);
bool sim_needs_shared(void *be, uint32_t device);

int sim_mem_map(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);
int sim_mem_unmap(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir);

int sim_device_add(void *be, const struct dmp_hw_device *desc, uint32_t *device);
void sim_device_remove(void *be, uint32_t device);
int sim_domain_create(void *be, enum dmp_domain_type type, void **dom,
		      struct dmp_hw_domain_info *info);
void sim_domain_destroy(void *be, void *dom);
int sim_domain_attach(void *be, void *dom, uint32_t device);
void sim_domain_detach(void *be, void *dom, uint32_t device);

int sim_map_pages(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys, uint64_t page_bytes,
		  uint64_t npages, unsigned prot, uint64_t *mapped);
int sim_map_list(void *be, void *dom, dmp_iova_t iova, const struct dmp_phys_run *runs,
		 size_t nruns, unsigned prot, uint64_t *mapped);
uint64_t sim_unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes, uint64_t npages,
			 struct dmp_gather *gather);
int sim_iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys);
void sim_free_tables(void *be, void *dom, void *tables);

int sim_sync_map(void *be, void *dom, dmp_iova_t iova, uint64_t len);
int sim_flush_gather(void *be, void *dom, const struct dmp_gather *gather);
int sim_flush_range(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only);
int sim_flush_domain(void *be, void *dom);

void sim_set_fault_handler(void *be, dmp_fault_fn fn, void *ctx);
int sim_fault_next(void *be, struct dmp_fault *fault);

#endif
