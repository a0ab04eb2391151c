/* SPDX-License-Identifier: MIT */
/*
 * double_internal.h - what the files of the test double share
 *
 *   double_hw.c      script, records, life and questions
 *   double_mem.c     memory windows, pointers, exposure
 *   double_iommu.c   devices, domains, page tables, flushes, faults
 *
 * Every member has the same shape: double_begin() takes the lock and looks whether the
 * script has something for this call, the member does its work unless told not to,
 * double_end() replaces the result if told so, writes the record and drops the lock.
 */
#ifndef DOUBLE_INTERNAL_H
#define DOUBLE_INTERNAL_H

#include "double_hw.h"

#include <dmapool/bits.h>

#include <stdlib.h>
#include <string.h>

#define WINDOW_PAGES (DOUBLE_WINDOW_BYTES >> DMP_PAGE_SHIFT)
#define ATTACHED_MAX 64u

struct double_window {
	dmp_phys_t base;
	unsigned char *mem;
	unsigned char used[WINDOW_PAGES];
};

struct double_page {
	dmp_iova_t iova;
	dmp_phys_t phys;
	uint64_t page_bytes;
	unsigned prot;
};

struct double_domain {
	struct double_domain *older;
	bool live;
	uint64_t flushes;
	struct double_page *pages; /* by iova, none overlaps another */
	size_t npages, cap;
	uint32_t attached[ATTACHED_MAX];
	unsigned nattached;
};

struct double_exposure {
	struct double_exposure *next;
	uint32_t device;
	dmp_phys_t phys;
	uint64_t len;
	enum dmp_dir dir;
};

/* Stays allocated until the double goes, like everything that a lying double loses. */
struct double_table {
	struct double_table *next;  /* in its gather */
	struct double_table *older; /* of all */
	struct double_domain *dom;
	uint64_t flushes; /* of the domain when the table was emptied */
};

/* How this call is to be answered.  Takes the lock. */
struct double_reply double_begin(struct double_hw *d, enum double_call call);

/* Writes @record and drops the lock; the call returns the result. */
int double_end(struct double_hw *d, struct double_record *record, const struct double_reply *reply,
	       int ret);

/* The out value: @truth, unless the script has another. */
uint64_t double_answer(const struct double_reply *reply, uint64_t truth);

struct double_window *double_window_new(dmp_phys_t base);
void double_mem_members(struct dmp_hw_ops *ops);
void double_iommu_members(struct dmp_hw_ops *ops);

#endif
