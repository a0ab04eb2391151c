/* SPDX-License-Identifier: MIT */
/*
 * exposure_match.h - random work of devices behind watched domains, on the library and on
 * model_exposure.h, in manual time: snapshots and what a watch is told must be the same
 */
#ifndef DMAPOOL_TEST_EXPOSURE_MATCH_H
#define DMAPOOL_TEST_EXPOSURE_MATCH_H

#include <dmapool/domain.h>
#include <dmapool/sim.h>

struct exposure_case {
	enum dmp_flush_policy flush;
	uint32_t entries; /* of a queue; 0: the policy's */
	const char *format;
	uint64_t page_sizes; /* of that format */
	uint32_t iotlbs;
	uint32_t ways; /* of an IOTLB with one set; 0: as many entries as can be */
	uint64_t iotlb_page_bytes;
	bool devtlbs;
	uint32_t devtlb_ways; /* likewise */
	bool big;             /* buffers of 2 MiB and two granules more */
	bool touches;         /* stale accesses are performed */
};

/* What there was of everything, so that a test can ask that there was some. */
struct exposure_seen {
	uint64_t could_windows, did_windows, evictions, stale, mapped, elsewhere, freed;
	uint64_t big; /* unmaps of those */
};

/* Asserts: the test's own thread only. */
void exposure_match(const struct exposure_case *c, uint64_t seed, uint64_t rounds,
		    struct exposure_seen *seen);

#endif
