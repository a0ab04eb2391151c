// SPDX-License-Identifier: MIT
/*
 * base_mem.c - bookkeeping memory: from the caller's allocator, counted, failable
 *
 * The bytes in use are counted in shards chosen by CPU, so that two CPUs that take
 * memory at once do not write one cache line.
 *
 * Failing on purpose: a setting a kind, and one for any kind.  `left` counts down the
 * allocations before the first that fails, then `fail` those that fail.
 *
 * Locking: none.  (s) set-up only; (a) atomic.
 */
#include "base_port.h"

#include <stdlib.h>
#include <string.h>

#define MEM_SHARDS   64u /* power of two */
#define MEM_KIND_ANY DMP_META_KINDS

struct mem_shard {
	DMP_ATOMIC(uint64_t) bytes; /* (a) wraps: memory may come and go on different CPUs */
	char pad[DMP_CACHE_LINE - sizeof(uint64_t)];
};

struct mem_failing {
	DMP_ATOMIC(uint64_t)
	left;                        /* (a) allocations until the first that fails, itself
				      *     included; 0: switched off */
	DMP_ATOMIC(uint64_t) fail;   /* (a) how many fail from there on */
	DMP_ATOMIC(uint64_t) failed; /* (a) how many did */
};

static struct mem_shard mem_shards[MEM_SHARDS];
static struct mem_failing mem_failing[DMP_META_KINDS + 1];

static void *libc_alloc(void *ctx, size_t align, size_t len)
{
	(void)ctx;
	if (align <= _Alignof(max_align_t))
		return malloc(len); /* not rounded up to the alignment: its own word may fill it */
	return aligned_alloc(align, (len + align - 1) & ~(align - 1));
}

static void libc_free(void *ctx, void *mem, size_t len)
{
	(void)ctx;
	(void)len;
	free(mem);
}

static const struct dmp_allocator mem_libc = {
	.size = sizeof(struct dmp_allocator),
	.alloc = libc_alloc,
	.free = libc_free,
};

static struct dmp_allocator mem_from = {
	/* (s) */
	.size = sizeof(struct dmp_allocator),
	.alloc = libc_alloc,
	.free = libc_free,
};

int dmp_set_allocator(const struct dmp_allocator *allocator)
{
	struct dmp_allocator from = mem_libc;
	int err;

	if (allocator) {
		err = dmp_opts_load(&from, sizeof(from), allocator);
		if (err)
			return err;
	}
	if (!from.alloc || !from.free || from.reserved0)
		return -EINVAL;
	if (dmp_meta_in_use() > 0)
		return -EBUSY;
	mem_from = from;
	return 0;
}

static void account(uint64_t bytes)
{
	/* relaxed: a sum for reports and for tests that have joined their threads */
	add_relaxed(&mem_shards[dmp_cpu() % MEM_SHARDS].bytes, bytes);
}

uint64_t dmp_meta_in_use(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < MEM_SHARDS; i++)
		sum += load_relaxed(&mem_shards[i].bytes);
	return sum;
}

void mem_fail_set(unsigned kind, uint64_t nth, uint64_t count)
{
	struct mem_failing *f = &mem_failing[kind];

	store_relaxed(&f->failed, 0); /* relaxed: set-up only */
	store_relaxed(&f->fail, count);
	store_relaxed(&f->left, nth);
}

uint64_t mem_failed(unsigned kind)
{
	return load_relaxed(&mem_failing[kind].failed); /* relaxed: a report */
}

/* Does this allocation fail?  Threads that race for the n-th all count. */
static bool fails(unsigned kind)
{
	struct mem_failing *f = &mem_failing[kind];
	uint64_t left = load_relaxed(&f->left); /* relaxed: no data hangs on it */

	while (left > 1)
		if (cas_acq_rel(&f->left, &left, left - 1))
			return false;
	if (left == 0)
		return false;
	if (load_relaxed(&f->failed) >= load_relaxed(&f->fail))
		return false;
	add_relaxed(&f->failed, 1);
	return true;
}

static size_t align_of(size_t len)
{
	return len >= DMP_CACHE_LINE ? DMP_CACHE_LINE : _Alignof(max_align_t);
}

bool dmp_meta_refused(enum dmp_meta kind)
{
	return fails(kind) || fails(MEM_KIND_ANY);
}

void *dmp_meta_alloc(enum dmp_meta kind, size_t len)
{
	void *mem;

	if (dmp_meta_refused(kind))
		return NULL;
	mem = mem_from.alloc(mem_from.ctx, align_of(len), len);
	if (!mem)
		return NULL;
	account(len);
	return memset(mem, 0, len);
}

void dmp_meta_free(void *mem, size_t len)
{
	if (!mem)
		return;
	account(-(uint64_t)len);
	mem_from.free(mem_from.ctx, mem, len);
}
