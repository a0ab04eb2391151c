/* SPDX-License-Identifier: MIT */
/*
 * test_replay_times.h - lines of a trace at times that are written out: "1.002000" in seconds
 */
#ifndef DMAPOOL_TEST_REPLAY_TIMES_H
#define DMAPOOL_TEST_REPLAY_TIMES_H

#include "test_trace_files.h"

#define AT(cpu, seconds, fields) "  fio-12  [00" #cpu "] d..1.  " seconds ": " fields "\n"

/* 256 bytes that the device reads. */
#define MAP_AT(cpu, seconds)                                                                       \
	AT(cpu, seconds,                                                                           \
	   "dma_map_page: " NVME "dir=TO_DEVICE dma_addr=1000 size=256 phys_addr=5000 attrs=")
#define UNMAP_AT(cpu, seconds)                                                                     \
	AT(cpu, seconds, "dma_unmap_page: " NVME "dir=TO_DEVICE dma_addr=1000 size=256 attrs=")

#endif
