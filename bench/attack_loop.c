// SPDX-License-Identifier: MIT
/*
 * attack_loop.c - the workload of an attack without a trace: maps and unmaps in a loop
 *
 * Picture: a trace that was never recorded.  One device on CPUS CPUs; LIVE maps at once, each
 * unmapped LIVE maps later; every STEP_NS one of both:
 *
 *    time     0       5 us     ...  160 us
 *             map 0   map 1         unmap 0, map 32   unmap 1, map 33 ...
 *
 * Sizes are 1 to 4 pages, directions take turns.  Every BREAK maps the device rests for a while, so
 * that a lazy domain's timer comes before its queue is full.
 */
#include "attack.h"
#include "command.h"
#include "trace_internal.h"

#include <dmapool/bits.h>

#include <stdlib.h>
#include <string.h>

#define CPUS     2u
#define LIVE     32u
#define STEP_NS  UINT64_C(5000)
#define BREAK    1000u
#define BREAK_NS UINT64_C(25000000)

static uint64_t page_of(uint64_t map)
{
	return UINT64_C(0x10000) + map * 8;
}

static int add(struct trace *trace, uint64_t map, bool is_unmap, uint64_t *now_ns)
{
	struct trace_event event = {
		.time_ns = *now_ns,
		.addr = page_of(map) << DMP_PAGE_SHIFT,
		.phys = is_unmap ? TRACE_PHYS_UNKNOWN : page_of(map) << DMP_PAGE_SHIFT,
		.size = DMP_PAGE_BYTES << map % 3,
		.line = ++trace->nlines,
		.cpu = (uint16_t)(map % CPUS),
		.kind = is_unmap ? TRACE_UNMAP_PAGE : TRACE_MAP_PAGE,
		.dir = (uint8_t)(TRACE_BIDIRECTIONAL + map % 3),
	};

	*now_ns += STEP_NS;
	return trace_store_event(trace, &event);
}

static int fill(struct trace *trace, uint64_t nmaps)
{
	static const char name[] = "loop";
	uint64_t now_ns = 0;
	uint32_t dev;
	int err = trace_names_intern(&trace->devices,
				     (struct trace_span){name, name + strlen(name)}, &dev);

	for (uint64_t i = 0; !err && i < nmaps + LIVE; i++) {
		if (i >= LIVE)
			err = add(trace, i - LIVE, true, &now_ns);
		if (!err && i < nmaps)
			err = add(trace, i, false, &now_ns);
		now_ns += i % BREAK == BREAK - 1 ? BREAK_NS : 0;
	}
	return err;
}

int attack_loop_make(uint64_t nmaps, struct replay_answer *answer)
{
	int err;

	*answer = (struct replay_answer){.path = "loop", .trace = calloc(1, sizeof(struct trace))};
	err = answer->trace ? fill(answer->trace, nmaps) : -1;
	if (!err)
		err = trace_match(answer->trace, &answer->plan);
	if (err)
		return complain("no memory for a loop of %llu maps; use a smaller --loop",
				(unsigned long long)nmaps);
	return 0;
}
