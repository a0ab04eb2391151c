/* SPDX-License-Identifier: MIT */
/*
 * hw_internal.h - what the files of lib/hw share: memory below a limit, and the shim's ends
 */
#ifndef HW_INTERNAL_H
#define HW_INTERNAL_H

#include "hw_call.h"

/* Largest order whose block, 4 KiB << order, fits 64 bits. */
#define HW_ORDER_MAX 51u

/* A block whose last byte lies at or below @limit, its first @len bytes' pages cleared:
 * zone ANY if that happens to fit, else DMA32, else DMA. */
int hw_block_alloc(struct dmp_hw *hw, uint64_t len, uint64_t limit, unsigned flags,
		   dmp_phys_t *phys);

/* Stand between the library and @ops: afterwards @ops and *@be are the shim's. */
int hw_check_create(struct dmp_hw_ops *ops, void **be, struct hw_check **out);
/* Logs what was never given back. */
void hw_check_destroy(struct hw_check *check);

#endif
