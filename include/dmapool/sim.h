/* SPDX-License-Identifier: MIT */
/*
 * sim.h - the simulated machine: memory, an IOMMU that really translates, devices that
 * really read and write
 *
 *   agent --addr--> IOTLB --miss--> walker --> page tables in RAM
 *                     |                            |
 *                     `----------> phys <----------'   bytes move, or a fault is recorded
 *
 * RAM starts at physical address 0; it is a sparse reservation that costs what is touched.
 * Any other pointer of the process is memory too, at its value + DMP_SIM_HOST_OFFSET; one
 * that leads nowhere when a device comes by is a recorded bus error.
 *
 * Without an IOMMU, or for a device that no domain or a passthrough one is attached to,
 * agents reach RAM and what mem_map() has exposed to that device in that direction; anything
 * else is a recorded bus error, and so is an address beyond the device's mask.  An access through a
 * stale IOTLB entry is recorded and not performed, unless DMP_SIM_TOUCH_STALE.
 *
 * The machine lives in libdmapool-sim; docs/simulator.md describes the model.
 */
#ifndef DMAPOOL_SIM_H
#define DMAPOOL_SIM_H

#include <dmapool/hw.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DMP_SIM_HOST_OFFSET (UINT64_C(1) << 47)

struct dmp_sim;

/* Where the bits of a page-table entry stand. */
enum dmp_sim_encoding {
	DMP_SIM_ENCODING_VTD,    /* Intel VT-d, second stage */
	DMP_SIM_ENCODING_AMD_V1, /* AMD IOMMU, host tables */
	DMP_SIM_ENCODING_SMMU,   /* Arm SMMUv3, stage 2 */
	DMP_SIM_ENCODING_RISCV,  /* RISC-V: first stage of Sv39 and on */
	DMP_SIM_ENCODING_SMMU52, /* as SMMU with memory of 52 bits: granules of 64 KiB */
	DMP_SIM_ENCODINGS,
};

#define DMP_SIM_LEVELS_MAX 5u

/*
 * The shape of page tables.  Tables are as big as the smallest page, entries 8 bytes; a
 * table of the highest level may be used in part.  Levels count from 1, the one that leads
 * to the smallest pages; arrays below are indexed by level - 1.
 */
struct dmp_sim_format {
	uint32_t size;          /* bytes; set by dmp_sim_format_find() */
	uint32_t encoding;      /* enum dmp_sim_encoding */
	uint32_t granule_shift; /* log2 of the smallest page: 12; SMMU: 14, 16, too; SMMU52: 16 */
	uint32_t levels;        /* 3 .. 5 */
	uint32_t iova_bits;     /* that are translated: all levels are needed, 57 at most */
	uint32_t leaf_levels;   /* bit i: level i + 1 may hold pages; bit 0 is always set */
	/* Bit k: 2^k neighbouring entries can be one page.  AMD_V1: any k; SMMU(52): one k a level;
	 * RISCV: 4, at level 1; VTD: none. */
	uint16_t runs[DMP_SIM_LEVELS_MAX];
	uint16_t reserved0; /* zero */
};

struct dmp_sim_opts {
	uint32_t size;          /* bytes; set by DMP_SIM_OPTS() */
	uint32_t flags;         /* DMP_SIM_*; unknown bits: -EINVAL */
	uint64_t ram_bytes;     /* multiple of 4 MiB, at least 16 MiB; 0: 8 GiB */
	uint32_t iotlb_sets;    /* power of two; 0: 256 */
	uint32_t iotlb_ways;    /* 1 .. 64; 0: 4 */
	uint32_t fault_records; /* length of the fault queue; 0: 256 */
	uint32_t hw_flags;      /* DMP_HW_*, see dmp_hw_create() */
	const char *profile;    /* cost profile: a name that ships with the library, or the path
				 * of a JSON file; NULL: "free", everything costs nothing */
	uint32_t queue_entries; /* of the invalidation queue; power of two, >= 2; 0: 256 */
	uint32_t reserved0;     /* zero */
	const char *format;     /* of page tables: a name for dmp_sim_format_find(); NULL: what the
			     * profile says, else "vtd-48" */
	const struct dmp_sim_format *custom_format; /* copied; NULL: by name.  Not both */

	/* Properties of the machine: zero is what the profile says, else the default. */
	uint32_t replace;          /* enum dmp_sim_replace */
	uint32_t iotlbs;           /* 1 .. 64: device n uses IOTLB n modulo these; 0: 1, shared */
	uint64_t iotlb_page_bytes; /* largest page that one entry holds, a power of two from 4 KiB
				    * on; of bigger ones it holds such pieces; 0: 4 KiB */
	uint64_t seed;             /* of random replacement */
	uint32_t walk_entries[4];  /* of the walk caches for tables of level 1 .. 4; 0: none; above
				    * 64 a multiple of 4 */
	uint32_t devtlb_sets;      /* of each device's own TLB, power of two; 0: none */
	uint32_t devtlb_ways;      /* 1 .. 64; 0: 4 */
	uint32_t queue_kind;       /* enum dmp_sim_queue */
	uint32_t queues;           /* invalidation queues, 1 .. 4096; 0: 1 */
	uint32_t queue_by;         /* enum dmp_sim_queue_by */
	uint32_t node_cpus;        /* CPU numbers of one node; 0: all */
	uint64_t queue_timeout_ns; /* of a wait on a queue that stands still, an hour at
				    * most; 0: 1 s */
	uint64_t mask_bytes;       /* largest block of one invalidation command, power of two from
				    * 4 KiB on; 0: 1 GiB */
	uint32_t range_commands;   /* no blocks: a command a page for up to so many pages, and the
				    * domain for more; 0: blocks */
	uint32_t reserved1;        /* zero */
};
#ifndef __cplusplus
#define DMP_SIM_OPTS(...) ((struct dmp_sim_opts){.size = sizeof(struct dmp_sim_opts), __VA_ARGS__})
#endif

#define DMP_SIM_NO_IOMMU          1u     /* no translation offered */
#define DMP_SIM_TOUCH_STALE       2u     /* perform accesses through stale entries too */
#define DMP_SIM_REQUIRE_DOMAIN    4u     /* a device that is attached to nothing reaches nothing */
#define DMP_SIM_CACHE_NOT_PRESENT 8u     /* the IOTLB remembers what is not mapped: see sync_map */
#define DMP_SIM_ENCRYPTED         16u    /* memory is private until it is made shared; see below */
#define DMP_SIM_SPIN              0x100u /* costs are waited for, not counted */
#define DMP_SIM_SEPARATE_DEVTLB   0x200u /* device TLBs: invalidated by submissions of their own */

/*
 * Encrypted memory.  A device's access to a private page is a recorded bus error and moves no byte;
 * memory outside RAM is private for good.  Every device of such a machine needs_shared(), so that
 * the library bounces what it maps.  Coherent memory is shared: converted for requests that may
 * block; for the others from a pool in each zone, shared since creation, of 128 KiB for each GiB of
 * RAM, 128 KiB to 4 MiB, which does not grow.
 */

/* Which way of a full set of a TLB makes room. */
enum dmp_sim_replace {
	DMP_SIM_REPLACE_DEFAULT,
	DMP_SIM_REPLACE_LRU,    /* the default */
	DMP_SIM_REPLACE_TREE,   /* pseudo-LRU; the ways of IOTLB and device TLB a power of two */
	DMP_SIM_REPLACE_RANDOM, /* repeated by the seed */
};

/* How commands get into an invalidation queue. */
enum dmp_sim_queue {
	DMP_SIM_QUEUE_DEFAULT,
	DMP_SIM_QUEUE_LOCKED,    /* the default */
	DMP_SIM_QUEUE_LOCK_FREE, /* slots are taken by compare-and-swap */
	DMP_SIM_QUEUE_FETCH_ADD, /* slots are taken by addition: no attempt is repeated */
};

/* Which of several queues a CPU uses. */
enum dmp_sim_queue_by {
	DMP_SIM_QUEUE_BY_DEFAULT,
	DMP_SIM_QUEUE_BY_CPU,  /* its number modulo the queues; the default */
	DMP_SIM_QUEUE_BY_NODE, /* its node, see node_cpus */
};

/**
 * dmp_sim_format_find() - a format of page tables by name
 * @name: "vtd-39", "vtd-48", "vtd-57"; "amd-v1"; "smmu-4k", "smmu-16k", "smmu-64k", "smmu-64k-52";
 *        "riscv-sv39", "riscv-sv48"
 *
 * For its own sake, or to begin a custom_format with.
 *
 * Threads: any thread.
 * Errors:  -ENOENT there is none of that name; -EINVAL NULL.
 */
DMP_API int dmp_sim_format_find(const char *name, struct dmp_sim_format *format);

/* The name of format @n, from 0; NULL behind the last. */
DMP_API const char *dmp_sim_format_name(unsigned n);

/**
 * dmp_sim_create() - a machine
 * @opts: NULL for defaults
 * @out:  untouched on error
 *
 * Threads: any thread.
 * Errors:  -EINVAL; -E2BIG; -ENOMEM; -ENOENT no such profile or format; -EIO the profile does not
 *          parse, has a field that this version does not know, or says what no machine can be,
 *          which is logged with its place.
 */
DMP_API int dmp_sim_create(const struct dmp_sim_opts *opts, struct dmp_sim **out);

/**
 * dmp_sim_destroy() - the machine and all its memory
 *
 * Threads: set-up only; no lock held.
 * Errors:  -EBUSY devices, domains, buffers or agents still exist.
 */
DMP_API int dmp_sim_destroy(struct dmp_sim *sim);

/* The machine as the library sees it; the simulator's until dmp_sim_destroy(). */
DMP_API struct dmp_hw *dmp_sim_hw(struct dmp_sim *sim);

/**
 * dmp_sim_device_root() - where the tables of a device's accesses begin
 * @device: dmp_device_id() of a device of this machine
 * @root:   out: physical address of the table of the highest level
 *
 * For whoever reads tables himself; see dmp_sim_ram().
 *
 * Threads: any thread.
 * Errors:  -ENOENT no such device, or its accesses are not translated.
 */
DMP_API int dmp_sim_device_root(struct dmp_sim *sim, uint32_t device, dmp_phys_t *root);

/* The most regions of one device. */
#define DMP_SIM_REGIONS_MAX DMP_HW_REGIONS_MAX

/**
 * dmp_sim_set_regions() - addresses that the machine keeps from the domains of a device
 * @device:  dmp_device_id() of a device of this machine
 * @regions: copied, each with its size set; as hw.h describes them, and in any order
 * @n:       0 .. DMP_SIM_REGIONS_MAX; they replace those that were set before
 *
 * Threads: any thread.
 * Errors:  -EINVAL a region that makes no sense, or too many; -ENOENT no such device; -EBUSY it is
 *          attached; -ENOMEM.
 */
DMP_API int dmp_sim_set_regions(struct dmp_sim *sim, uint32_t device,
				const struct dmp_hw_region *regions, uint32_t n);

/* Where RAM is in this process: @len > 0 bytes at @phys, of any use.  NULL: not all is RAM. */
DMP_API void *dmp_sim_ram(struct dmp_sim *sim, dmp_phys_t phys, uint64_t len);

/* DMA agents: the device's side. */
struct dmp_sim_agent;

/**
 * dmp_sim_agent_create() - something that makes accesses as a device
 * @device: dmp_device_id() of a device of this machine
 *
 * One device may have any number of agents.
 *
 * Threads: any thread.
 * Errors:  -ENOENT no such device; -ENOMEM.
 */
DMP_API int dmp_sim_agent_create(struct dmp_sim *sim, uint32_t device, struct dmp_sim_agent **out);
DMP_API void dmp_sim_agent_destroy(struct dmp_sim_agent *agent);

/**
 * dmp_sim_agent_read() - the device reads memory
 * @addr: as the device was given it
 * @into: @len bytes, the device's own memory; undefined where the access failed
 *
 * Bytes before the first that fails are transferred.  Accesses are split at 4 KiB.
 *
 * Threads: any thread; one at a time per agent.
 * Errors:  -EFAULT the machine refused it, and recorded why; -EINVAL @len is 0 or the range
 *          wraps.
 */
DMP_API int dmp_sim_agent_read(struct dmp_sim_agent *agent, dmp_addr_t addr, void *into,
			       uint64_t len);

/* The device writes memory; otherwise as dmp_sim_agent_read(). */
DMP_API int dmp_sim_agent_write(struct dmp_sim_agent *agent, dmp_addr_t addr, const void *from,
				uint64_t len);

/* Fault injection: users test their drivers with it. */
enum dmp_sim_call {
	DMP_SIM_CALL_MEM_ALLOC,
	DMP_SIM_CALL_COHERENT_ALLOC,
	DMP_SIM_CALL_MEM_MAP,
	DMP_SIM_CALL_DEVICE_ADD,
	DMP_SIM_CALL_DOMAIN_CREATE,
	DMP_SIM_CALL_ATTACH,
	DMP_SIM_CALL_MAP_PAGES,   /* or a list: about half is mapped before the failure */
	DMP_SIM_CALL_TABLE_ALLOC, /* a page-table page */
	DMP_SIM_CALL_INVALIDATE,
	DMP_SIM_CALL_ACCESS,       /* an agent's access: a bus error */
	DMP_SIM_CALL_MAKE_SHARED,  /* half of the pages are shared before the failure */
	DMP_SIM_CALL_MAKE_PRIVATE, /* all stay shared; from then on memory that was not given back
				    * does not hinder dmp_sim_destroy(), as it may be lost */
	DMP_SIM_CALLS,
};

/**
 * dmp_sim_fail() - make calls of a kind fail
 * @nth:   1 is the next one; 0: none, switched off
 * @count: how many fail from there on; UINT64_MAX: all
 * @err:   negative errno they return; 0: -ENOMEM, and -ETIMEDOUT for INVALIDATE
 *
 * One setting a kind; the latest counts.
 *
 * Threads: any thread.
 * Errors:  -EINVAL.
 */
DMP_API int dmp_sim_fail(struct dmp_sim *sim, enum dmp_sim_call kind, uint64_t nth, uint64_t count,
			 int err);

/* How many calls of @kind have failed on purpose since the latest dmp_sim_fail() of it. */
DMP_API uint64_t dmp_sim_failed(struct dmp_sim *sim, enum dmp_sim_call kind);

/* Costs: virtual nanoseconds, counted per phase. */
enum dmp_sim_phase {
	DMP_SIM_PHASE_ALLOCATE,   /* IOVA: charged by whoever knows where it came from */
	DMP_SIM_PHASE_MAP,        /* page tables, mapping */
	DMP_SIM_PHASE_UNMAP,      /* page tables, unmapping */
	DMP_SIM_PHASE_INVALIDATE, /* submitting and waiting */
	DMP_SIM_PHASE_COPY,       /* bytes moved by the CPU to bounce */
	DMP_SIM_PHASE_WALK,       /* the device's side: IOTLB misses */
	DMP_SIM_PHASES,
};

/* Prices that only software knows when to pay. */
enum dmp_sim_price {
	DMP_SIM_PRICE_IOVA_CACHED, /* one range from or to a magazine */
	DMP_SIM_PRICE_IOVA_TREE,   /* one range from or to the policy */
	DMP_SIM_PRICE_COPY_BYTE,   /* one byte copied */
	DMP_SIM_PRICES,
};

/* Picoseconds that the profile asks for one of them. */
DMP_API uint64_t dmp_sim_price_ps(const struct dmp_sim *sim, enum dmp_sim_price price);

/**
 * dmp_sim_flush_all() - invalidate everything of every domain
 *
 * The hardware contract knows no such call: for harnesses.
 *
 * Threads: any thread.
 * Errors:  -ETIMEDOUT.
 */
DMP_API int dmp_sim_flush_all(struct dmp_sim *sim);

/**
 * dmp_sim_stick() - an invalidation queue stands still, or moves again
 * @queue: 0 .. the machine's queues - 1
 *
 * Who waits for it meanwhile is told -ETIMEDOUT after the option's queue_timeout_ns, and a
 * log line names the queue.  What stands in the queue is executed when it moves again, before
 * this call returns.
 *
 * Threads: any thread; takes locks of the machine.
 * Errors:  -EINVAL no such queue.
 */
DMP_API int dmp_sim_stick(struct dmp_sim *sim, unsigned queue, bool stuck);

struct dmp_sim_stats {
	uint64_t phase_ns[DMP_SIM_PHASES]; /* virtual; ALLOCATE and COPY stay 0; with DMP_SIM_SPIN
					    * all do: see spun_ns */
	uint64_t map_calls, map_pages;     /* map_pages(): calls and pages */
	uint64_t unmap_calls, unmap_pages;
	uint64_t tables_allocated, tables_freed;
	uint64_t iotlb_hits, iotlb_misses;
	uint64_t iotlb_evictions;                     /* a live entry made room */
	uint64_t invalidations;                       /* calls of the driver that made some */
	uint64_t invalidated_entries;                 /* IOTLB entries that they removed */
	uint64_t queue_waits;                         /* submissions that waited for room */
	uint64_t accesses, bytes_read, bytes_written; /* accesses: of 4 KiB at most */
	uint64_t faults;                              /* all reasons but stale */
	uint64_t stale_accesses;
	uint64_t ram_in_use; /* bytes given out by mem_alloc() or used by tables */

	/* Encrypted memory. */
	uint64_t conversions;                 /* calls of make_shared() and make_private() */
	uint64_t shared_pages, private_pages; /* that they made so, all told */
	uint64_t convert_ns;                  /* what these pages cost: virtual */
	uint64_t ram_shared;                  /* bytes, pools of coherent memory among them */

	/* Page tables. */
	uint64_t tables_waiting; /* out of the tree, to be freed after a flush */
	uint64_t table_bytes;    /* RAM that tables use, waiting ones too */

	/* TLBs, invalidation, costs. */
	uint64_t walks, walk_levels; /* of IOTLB misses: table walks, entries that they read */
	uint64_t walk_cache_hits;    /* walks that began at a table that was remembered */
	uint64_t walk_cache_evictions, walk_cache_invalidated;
	uint64_t devtlb_hits, devtlb_misses, devtlb_evictions, devtlb_invalidated;
	uint64_t unsynced_accesses;        /* refused, although mapped: sync_map() was forgotten */
	uint64_t commands;                 /* of the invalidations, waits not counted */
	uint64_t pages_asked;              /* 4 KiB pages of ranges that were invalidated as such */
	uint64_t pages_over;               /* pages that their blocks named beside these */
	uint64_t over_invalidated_entries; /* entries of any TLB that were removed beside them */
	uint64_t ranges_as_domain;         /* ranges for which the whole domain was invalidated */
	uint64_t queue_retries;            /* compare-and-swaps that another submission won */
	uint64_t queue_timeouts;           /* waits that were given up */
	uint64_t spun_ns;                  /* costs that were waited for */
	uint64_t faults_lost;              /* faults and stale accesses without a record */
};

/**
 * dmp_sim_get_stats() - a snapshot; not one moment while other threads run
 * @size: sizeof(struct dmp_sim_stats) of the caller
 *
 * Threads: any thread.
 * Errors:  -EINVAL @size is less than one counter.
 */
DMP_API int dmp_sim_get_stats(struct dmp_sim *sim, struct dmp_sim_stats *stats, size_t size);

/**
 * dmp_sim_check() - walk memory, tables and IOTLB and compare the books
 *
 * Threads: set-up only.
 * Errors:  -EIO after logging what is wrong.
 */
DMP_API int dmp_sim_check(struct dmp_sim *sim);

#ifdef __cplusplus
}
#endif

#endif
