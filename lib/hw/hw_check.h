/* SPDX-License-Identifier: MIT */
/*
 * hw_check.h - the checking shim: its books, and what its files share
 *
 *   hw_check.c          which members the shim offers; how a broken rule is told
 *   hw_check_mem.c      blocks, coherent memory, pointers, exposure
 *   hw_check_domain.c   devices, domains, attachments
 *   hw_check_flush.c    flushes, table pages, faults
 *   hw_check_map.c      map, unmap, look up
 *   hw_check_pages.c    the books of what is mapped
 *   hw_check_exposure.c what devices still reach
 *
 * Locking: (b) books_lock, rank RANK_HW_CHECK, held to look at and change the books and
 *  never during a call of the backend; (c) constant.  A domain of the books is looked up
 *  anew after each call of the backend, since it may have been destroyed meanwhile.
 */
#ifndef HW_CHECK_H
#define HW_CHECK_H

#include <dmapool/bits.h>

#include "base_tree.h"
#include "hw_internal.h"

/* Memory given out. */
struct check_block {
	RB_ENTRY(check_block) node; /* (b) by phys; none overlaps another */
	dmp_phys_t phys;            /* (c) */
	uint64_t len;               /* (c) whole pages */
	uint64_t asked;             /* (c) order, or bytes of coherent memory */
	bool is_coherent;           /* (c) */
};
RB_HEAD(check_block_tree, check_block);

/* Memory exposed to a device. */
struct check_exposure {
	RB_ENTRY(check_exposure) node; /* (b) by device, phys, len */
	uint32_t device;               /* (c) */
	dmp_phys_t phys;               /* (c) */
	uint64_t len;                  /* (c) */
	uint64_t count[3];             /* (b) by enum dmp_dir */
};
RB_HEAD(check_exposure_tree, check_exposure);

/* A device that was added, or that is attached where the library gives the numbers. */
struct check_device {
	RB_ENTRY(check_device) node; /* (b) by device */
	uint32_t device;             /* (c) */
	void *dom;                   /* (b) attached to; NULL: nothing */
};
RB_HEAD(check_device_tree, check_device);

/* Pages mapped in one go, contiguous on both sides. */
struct check_map {
	RB_ENTRY(check_map) node; /* (b) by iova; none overlaps another */
	dmp_iova_t iova, last;    /* (b) */
	dmp_phys_t phys;          /* (b) of iova */
	uint64_t page_bytes;      /* (c) 0: the backend chose, see map_list() */
};
RB_HEAD(check_map_tree, check_map);

/* A chain of table pages that waits for its flush. */
struct check_table {
	RB_ENTRY(check_table) node; /* (b) by head */
	void *head;                 /* (b) */
	uint64_t stamp;             /* (b) flushes begun when the latest page was chained */
};
RB_HEAD(check_table_tree, check_table);

struct check_domain {
	RB_ENTRY(check_domain) node;    /* (b) by dom */
	void *dom;                      /* (c) the backend's */
	enum dmp_domain_type type;      /* (c) */
	struct dmp_hw_domain_info info; /* (c) */
	uint64_t nattached;             /* (b) */
	uint64_t flushes_begun;         /* (b) */
	uint64_t flushed_upto;          /* (b) latest beginning of a flush that has worked */
	struct check_table_tree tables; /* (b) */
	struct check_map_tree maps;     /* (b) */
	uint64_t changing;              /* (b) maps and unmaps in progress */
	uint64_t changes;               /* (b) maps and unmaps ever begun */
	bool is_blind;                  /* (b) maps is not to be trusted any more */
	bool is_exposed;                /* (b) exposure_start() has been asked for */
	uint64_t windows;               /* (b) the most that exposure_get() has told */
};
RB_HEAD(check_domain_tree, check_domain);

struct hw_check {
	struct dmp_hw_ops ops; /* (c) the backend's */
	void *be;              /* (c) the backend's */
	struct dmp_lock books_lock;
	struct check_block_tree blocks;       /* (b) */
	struct check_exposure_tree exposures; /* (b) */
	struct check_device_tree devices;     /* (b) */
	struct check_domain_tree domains;     /* (b) */
};

/* A record of the books; NULL: -ENOMEM. */
#define check_record(type) ((struct type *)dmp_meta_alloc(DMP_META_BACKEND, sizeof(struct type)))

/* The backend broke @rule in @member: logs it, returns -EIO. */
int check_backend_bug(const struct hw_check *check, const char *member, const char *rule);

/* The library above did: logs it, returns -EINVAL. */
int check_caller_bug(const struct hw_check *check, const char *member, const char *rule);

/* Passes 0 and negative errnos. */
int check_errno(const struct hw_check *check, const char *member, int ret);

/* NULL: no live domain. */
struct check_domain *check_domain_find_locked(struct hw_check *check, void *dom);

bool check_gather_is_valid(const struct dmp_gather *gather);

/* The books of mapped pages, with books_lock held.  Lengths are > 0 and do not wrap. */

/* The record that holds @iova; NULL: not mapped. */
struct check_map *check_pages_at(struct check_domain *domain, dmp_iova_t iova);
/* Bytes from @iova on that are not mapped; that are mapped without a hole: up to @len. */
uint64_t check_pages_free(struct check_domain *domain, dmp_iova_t iova, uint64_t len);
uint64_t check_pages_mapped(struct check_domain *domain, dmp_iova_t iova, uint64_t len);
/* @map becomes the record of a range that is free. */
void check_pages_enter(struct check_domain *domain, struct check_map *map, dmp_iova_t iova,
		       dmp_phys_t phys, uint64_t len, uint64_t page_bytes);
/* Takes a range out, whatever of it is mapped. */
void check_pages_leave(struct check_domain *domain, dmp_iova_t iova, uint64_t len);
void check_pages_drop(struct check_domain *domain);

/* Bytes of all runs; 0: one is empty or wraps.  @addrs: every address and length, or-ed. */
uint64_t check_runs_sum(const struct dmp_phys_run *runs, size_t nruns, uint64_t *addrs);

/* @member's unmap left @after where @before was in its gather. */
int check_tables_chained(struct hw_check *check, const char *member, void *dom, void *before,
			 void *after);

/* Members of the shim's table, per file. */
void check_mem_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops);
void check_domain_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops);
void check_flush_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops);
void check_map_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops);
void check_exposure_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops);

/* Empty the books. */
void check_tables_drop(struct check_domain *domain);
void check_mem_drop(struct hw_check *check);
void check_domain_drop(struct hw_check *check);

#endif
