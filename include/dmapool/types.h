/* SPDX-License-Identifier: MIT */
/*
 * types.h - the words that every other header uses: addresses, directions,
 * attributes, masks, and the one table of errors
 *
 * Four kinds of address exist and are never mixed:
 *
 *   buf    a pointer of this process
 *   phys   where the machine keeps the byte          dmp_phys_t
 *   iova   an address inside a translation domain    dmp_iova_t
 *   addr   what the device is given                  dmp_addr_t
 *
 * In the direct route addr is phys, unless the device's bus has memory at other addresses
 * (range_phys of device.h); in a translated route addr is iova.
 *
 * Errors.  Functions return 0 or a negative errno; results go through pointers
 * that are written only on success.  Every value has one meaning:
 *
 *   -EINVAL      the arguments make no sense together
 *   -E2BIG       options from a newer header with a field set that this library does not know
 *   -ENOMEM      no memory for bookkeeping, or no room in it (devices of a machine)
 *   -ENOSPC      no address range or slot run free now; may succeed later
 *   -ERANGE      can never succeed under the device's mask or size limit
 *   -ENOENT      not mapped, not found
 *   -EEXIST      already mapped
 *   -EBUSY       still in use
 *   -EFAULT      a buffer or address that the hardware does not know
 *   -ECANCELED   a wait was cancelled with its device, or nobody was left who could end it
 *   -ETIMEDOUT   a queue is stuck
 *   -EIO         the backend answered nonsense; its own errno is passed on unchanged
 *   -ENOTRECOVERABLE  it failed and could not be undone: a device may still reach memory
 *   -ENOTSUP     the machine lacks an optional part, for example an IOMMU
 *
 * Options.  A struct of options begins with its own size; every other field's default is
 * zero, and a NULL pointer is all defaults:
 *
 *   C     &DMP_X_OPTS(.flags = DMP_X_SOMETHING)      a macro beside each struct, C only
 *   C++   dmp_x_opts o = {};  o.size = sizeof o;  o.flags = DMP_X_SOMETHING;      then &o
 *
 * Threads.  The header of each function uses one of three phrases: "any thread",
 * "one thread at a time per handle", "set-up only" (no other call on the handle
 * is in progress).
 */
#ifndef DMAPOOL_TYPES_H
#define DMAPOOL_TYPES_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define DMP_API               __attribute__((visibility("default")))
#define DMP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define DMP_API
#define DMP_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t dmp_phys_t; /* machine address of a byte */
typedef uint64_t dmp_iova_t; /* address inside a domain, bytes */
typedef uint64_t dmp_addr_t; /* what a device is given: phys or iova; 0 is a possible address */

/* Which way the data goes.  The numbers are those of Linux's traces. */
enum dmp_dir {
	DMP_BIDIRECTIONAL = 0,
	DMP_TO_DEVICE = 1,
	DMP_FROM_DEVICE = 2,
};

/* What a device may do through a translation: bits. */
#define DMP_PROT_READ  1u
#define DMP_PROT_WRITE 2u

/* Attributes of one request: bits; any other bit is -EINVAL. */
#define DMP_ATTR_SKIP_SYNC 1u /* the caller moves the bytes itself with dmp_dma_sync_*() */
#define DMP_ATTR_NO_WARN   2u /* a failure is expected: do not log it */
#define DMP_ATTR_MAY_BLOCK 4u /* a map may sleep until others give back; an unmap never does */

/* The highest address of @bits address bits: DMP_MASK(32) is 0xffffffff. */
#define DMP_MASK(bits) ((bits) >= 64 ? UINT64_MAX : (UINT64_C(1) << (bits)) - 1)

/**
 * dmp_version() - version of the library that is running
 *
 * Threads: any thread.
 * Returns "major.minor.patch"; compare with DMP_VERSION of version.h.
 */
DMP_API const char *dmp_version(void);

/* How loud a log line is. */
enum dmp_log_level {
	DMP_LOG_BUG,  /* a broken promise: of the caller, a backend, or the library */
	DMP_LOG_WARN, /* a request failed, and a setting could help */
	DMP_LOG_INFO, /* worth knowing once */
};

typedef void (*dmp_log_sink_fn)(void *ctx, enum dmp_log_level level, const char *line);

/**
 * dmp_log_set_sink() - where log lines go
 * @sink: called with one line without its newline; NULL: standard error
 * @ctx:  handed to @sink
 *
 * With DMP_BUG=abort in the environment the process aborts after a DMP_LOG_BUG line.
 *
 * Threads: set-up only; @sink itself may be called by any thread, also with locks
 *          held, and must not call the library.
 */
DMP_API void dmp_log_set_sink(dmp_log_sink_fn sink, void *ctx);

/* Where bookkeeping memory comes from. */
struct dmp_allocator {
	uint32_t size;                                       /* bytes of this struct */
	uint32_t reserved0;                                  /* zero */
	void *(*alloc)(void *ctx, size_t align, size_t len); /* not cleared; NULL: none */
	void (*free)(void *ctx, void *mem, size_t len);
	void *ctx;
};

/**
 * dmp_set_allocator() - take bookkeeping memory from elsewhere than libc
 * @allocator: copied; NULL: libc again
 *
 * Threads: set-up only, while no object of the library exists.
 * Errors:  -EINVAL a member is missing, or what is reserved is set; -E2BIG; -EBUSY bookkeeping
 *          memory is in use.
 */
DMP_API int dmp_set_allocator(const struct dmp_allocator *allocator);

#ifdef __cplusplus
}
#endif

#endif
