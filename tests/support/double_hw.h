/* SPDX-License-Identifier: MIT */
/*
 * double_hw.h - a machine for tests: does what hw.h says, writes down every call, and
 * fails or lies when told to
 *
 *   struct double_hw *d = double_hw_new();
 *   d->page_sizes = 0x201000;                       before double_hw_adopt()
 *   d->ops.map_list = NULL;                         a machine without it
 *   double_hw_adopt(d, 0, &hw);
 *   double_fail(d, DOUBLE_MAP_PAGES, 2, -ENOMEM);   the second call from now
 *   ...
 *   assert_string_equal(double_trace(d), "map_pages map_pages unmap_pages flush_gather");
 *   assert_int_equal(double_last(d, DOUBLE_MAP_PAGES)->iova, 0x200000);
 *   assert_int_equal(double_hw_leftovers(d), 0);
 *   dmp_hw_destroy(hw);
 *   double_hw_free(d);
 *
 * Memory: three windows of DOUBLE_WINDOW_BYTES, one in each zone; a zone's request is
 * answered from its own window only, so that falling back is visible:
 *
 *   DMP_ZONE_DMA      phys DOUBLE_PHYS_DMA    (1 MiB)
 *   DMP_ZONE_DMA32    phys DOUBLE_PHYS_DMA32  (2 GiB)
 *   DMP_ZONE_ANY      phys DOUBLE_PHYS_ANY    (4 GiB)
 *
 * A buffer outside the windows is -EFAULT.  Fresh memory holds 0xa5, since mem_alloc does
 * not clear.  Page tables are a sorted array a domain; mapped pages need not be memory of
 * the machine.  Memory of the double itself comes from libc and never shows in
 * dmp_meta_in_use().
 *
 * Threads: as hw.h asks of a backend; records and scripts are read and written by the
 * test's own thread while no call is in progress.
 */
#ifndef DOUBLE_HW_H
#define DOUBLE_HW_H

#include <dmapool/hw.h>
#include <dmapool/port.h>

#define DOUBLE_WINDOW_BYTES (UINT64_C(8) << 20)
#define DOUBLE_PHYS_DMA     (UINT64_C(1) << 20)
#define DOUBLE_PHYS_DMA32   (UINT64_C(1) << 31)
#define DOUBLE_PHYS_ANY     (UINT64_C(1) << 32)

/* The members of struct dmp_hw_ops, in its order. */
enum double_call {
	DOUBLE_MEM_ALLOC,
	DOUBLE_MEM_FREE,
	DOUBLE_COHERENT_ALLOC,
	DOUBLE_COHERENT_FREE,
	DOUBLE_BUF_TO_PHYS,
	DOUBLE_PHYS_TO_BUF,
	DOUBLE_MAKE_SHARED,
	DOUBLE_MAKE_PRIVATE,
	DOUBLE_MEM_MAP,
	DOUBLE_MEM_UNMAP,
	DOUBLE_DEVICE_ADD,
	DOUBLE_DEVICE_REMOVE,
	DOUBLE_DOMAIN_CREATE,
	DOUBLE_DOMAIN_DESTROY,
	DOUBLE_DOMAIN_ATTACH,
	DOUBLE_DOMAIN_DETACH,
	DOUBLE_MAP_PAGES,
	DOUBLE_MAP_LIST,
	DOUBLE_UNMAP_PAGES,
	DOUBLE_IOVA_TO_PHYS,
	DOUBLE_SYNC_MAP,
	DOUBLE_FLUSH_GATHER,
	DOUBLE_FLUSH_RANGE,
	DOUBLE_FLUSH_DOMAIN,
	DOUBLE_FREE_TABLES,
	DOUBLE_SET_FAULT_HANDLER,
	DOUBLE_FAULT_NEXT,
	DOUBLE_CALLS,
};

/* One call as it came in; what a member does not have is 0. */
struct double_record {
	enum double_call call;
	int ret;             /* what it returned; 0 for void members */
	void *dom;           /* the backend's domain */
	dmp_iova_t iova;     /* or the gather's start */
	dmp_phys_t phys;     /* in, or out for allocations and look-ups */
	uint64_t len;        /* bytes; a gather's end - start + 1 */
	uint64_t page_bytes; /* also a gather's */
	uint64_t npages;     /* pages, or runs of a list */
	uint64_t done;       /* bytes mapped or unmapped */
	unsigned flags;      /* flags, prot, dir, leaf_only, order; a gather's queued */
	unsigned zone;
	uint32_t device;
	void *tables; /* a gather's */
};

/* How one call is answered otherwise than hw.h says. */
struct double_reply {
	uint64_t nth;       /* calls of the member from now on; 1: the next; 0: none */
	uint64_t count;     /* how many calls from there on; 0: one */
	bool perform;       /* do the work before answering */
	uint64_t max_pages; /* with perform, for maps and unmaps: this many pages; 0: all */
	bool replace_ret;   /* return ret, not the true result */
	int ret;
	bool replace_out; /* answer out, not the truth: phys, pointer, number, mapped, domain, */
	uint64_t out;     /* ... or the bytes that unmap_pages returns */
};

struct double_domain;
struct double_window;
struct double_exposure;
struct double_table;

struct double_hw {
	/* Set before double_hw_adopt(). */
	struct dmp_hw_ops ops;   /* all members; make optional ones NULL */
	uint64_t page_sizes;     /* 4 KiB | 2 MiB | 1 GiB */
	uint64_t aperture_start; /* 0 */
	uint64_t aperture_end;   /* 2^48 - 1 */
	uint32_t info_flags;     /* DMP_HW_DOMAIN_* */

	/* May be changed at any time. */
	bool chain_tables; /* every unmap_pages() that unmaps something chains one table */

	/* Looked at by tests. */
	uint64_t tables_chained, tables_freed;
	uint64_t tables_freed_early;   /* freed before a flush that followed their unmap */
	uint64_t nrecords;             /* calls since double_clear() */
	struct double_record *records; /* the first nrecords */

	/* The double's own. */
	struct dmp_lock lock; /* RANK_BACKEND: everything below, and the records */
	struct double_reply reply[DOUBLE_CALLS];
	uint64_t ncalls[DOUBLE_CALLS];
	uint64_t records_cap;
	char *trace;
	struct double_window *window[3];
	struct double_domain *domains; /* newest first, the destroyed ones too */
	struct double_exposure *exposures;
	struct double_table *tables; /* all that were ever chained */
	uint32_t next_device;
	uint32_t ndevices;
	dmp_fault_fn fault_fn;
	void *fault_ctx;
	struct dmp_fault faults[8];
	unsigned nfaults;
};

/* A machine that does everything; never NULL. */
struct double_hw *double_hw_new(void);

/* dmp_hw_create() with the double's table and DMP_HW_* flags. */
int double_hw_adopt(struct double_hw *d, uint32_t hw_flags, struct dmp_hw **out);

/* Blocks, devices, live domains, attachments, mapped pages, exposures and chained tables that
 * nobody gave back: 0 at the end of a good test. */
uint64_t double_hw_leftovers(const struct double_hw *d);

/* Frees everything, leftovers too; the machine has been destroyed before. */
void double_hw_free(struct double_hw *d);

/* The @nth call of @call from now returns @err and does nothing. */
void double_fail(struct double_hw *d, enum double_call call, uint64_t nth, int err);

/* The same for maps, but @npages pages are mapped first, and said so. */
void double_fail_after(struct double_hw *d, enum double_call call, uint64_t nth, int err,
		       uint64_t npages);

/* The @nth call does its work and then answers @out instead of the truth. */
void double_lie(struct double_hw *d, enum double_call call, uint64_t nth, uint64_t out);

/* Anything else. */
void double_script(struct double_hw *d, enum double_call call, const struct double_reply *reply);

/* Forget records, not what is mapped, allocated or scripted. */
void double_clear(struct double_hw *d);

/* Calls of @call since double_clear(). */
uint64_t double_count(const struct double_hw *d, enum double_call call);

/* The latest record of @call; NULL: none. */
const struct double_record *double_last(const struct double_hw *d, enum double_call call);

/* The @i-th record of @call, from 0; NULL: there are not so many. */
const struct double_record *double_nth(const struct double_hw *d, enum double_call call,
				       uint64_t i);

/* The names of all calls since double_clear() with a space between; "" for none.  Look-ups
 * (iova_to_phys, buf_to_phys, phys_to_buf) are left out: they change nothing, and the
 * checking shim makes some of its own. */
const char *double_trace(struct double_hw *d);

/* Domains are numbered from 0 in order of creation: what is mapped at @iova there?  False:
 * nothing.  @phys and @prot may be NULL. */
bool double_translate(struct double_hw *d, unsigned domain, dmp_iova_t iova, dmp_phys_t *phys,
		      unsigned *prot);

/* Bytes mapped in all domains. */
uint64_t double_mapped_bytes(const struct double_hw *d);

/* Bytes exposed to @device by mem_map() and not yet taken back. */
uint64_t double_exposed_bytes(const struct double_hw *d, uint32_t device);

/* A device's access fails: queued for fault_next() and handed to the handler. */
void double_raise_fault(struct double_hw *d, const struct dmp_fault *fault);

#endif
