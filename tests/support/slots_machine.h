/* SPDX-License-Identifier: MIT */
/*
 * slots_machine.h - a machine of a few windows of memory, for scripts of bounce operations
 *
 * Its addresses depend on nothing but what was asked of it before, so that a script that is run
 * again gives the same ones.  Everything that it is asked is noted in the words of
 * tests/vectors/swiotlb; the model reads there what the library was answered.
 *
 *   0x800000      2 MiB   zone dma
 *   0x20000000   32 MiB   zone dma32
 *   0x70000000    1 MiB   coherent
 *   0x140000000           originals: SLOTS_PLACES of SLOTS_PLACE bytes
 *   0x180000000  32 MiB   zone any
 */
#ifndef DMAPOOL_TEST_SLOTS_MACHINE_H
#define DMAPOOL_TEST_SLOTS_MACHINE_H

#include <dmapool/hw.h>

#define SLOTS_DMA32     UINT64_C(0x20000000)
#define SLOTS_ORIGINALS UINT64_C(0x140000000)
#define SLOTS_PLACE     UINT64_C(0x60000)
#define SLOTS_PLACES    200u
#define SLOTS_EVENTS    400u

struct slots_event {
	char text[64];
	bool asks, ok;   /* is there an answer, and was it a block? */
	dmp_phys_t phys; /* then: where */
};

struct slots_log {
	struct slots_event event[SLOTS_EVENTS];
	unsigned n;
};

struct slots_event *slots_log_add(struct slots_log *log, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* There is one machine; to open it empties it. */
int slots_machine_open(struct dmp_hw **hw);
struct slots_log *slots_machine_log(void);
/* The next @n requests for blocks are in vain. */
void slots_machine_lack(uint64_t n);
/* The bytes of an address that it has. */
unsigned char *slots_machine_bytes(dmp_phys_t phys);
/* Pages that are given out. */
uint64_t slots_machine_in_use(void);

#endif
