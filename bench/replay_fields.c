// SPDX-License-Identifier: MIT
/*
 * replay_fields.c - which numbers of a replay are told, in what order, and as what
 *
 * One row a number: its name in the JSON, its label in the table, its unit.  The table and
 * the JSON are both made from this, so that neither knows a number that the other does not.
 */
#include "replay.h"

#define COUNT(name, member, label)                                                                 \
	{                                                                                          \
		name, label, REPLAY_COUNT, offsetof(struct replay_result, member), false           \
	}
#define TRANSLATED(unit, name, member, label)                                                      \
	{                                                                                          \
		name, label, unit, offsetof(struct replay_result, member), true                    \
	}
#define VALUE(unit, name, member, label)                                                           \
	{                                                                                          \
		name, label, unit, offsetof(struct replay_result, member), false                   \
	}

const struct replay_field replay_fields[] = {
	COUNT("maps", maps, "maps"),
	COUNT("maps_replayed", maps_replayed, NULL),
	COUNT("unmaps", unmaps, "unmaps"),
	COUNT("syncs", syncs, "syncs"),
	COUNT("coherent_allocs", allocs, "coherent allocations"),
	COUNT("coherent_frees", frees, "coherent frees"),
	COUNT("live_at_end", live_at_end, "live at the end"),
	COUNT("failed_in_trace", failed_in_trace, "failed in the trace"),
	COUNT("unmatched", unmatched, "unmaps without their map"),
	COUNT("peak_in_flight", peak_in_flight, "peak maps in flight"),
	VALUE(REPLAY_SHARE, "cross_cpu_share", cross_cpu_share, "unmaps on another CPU"),

	COUNT("wrong_bytes", wrong_bytes, "wrong bytes"),
	COUNT("faults", faults, "faults"),
	COUNT("stale_accesses", stale_accesses, "stale accesses"),
	COUNT("failed_requests", failed_requests, "failed requests"),
	COUNT("steps_not_done", not_done, NULL),
	COUNT("broken_books", broken_books, "broken books"),

	TRANSLATED(REPLAY_SHARE, "magazine_hit_share", magazine_share, "IOVAs from a magazine"),
	TRANSLATED(REPLAY_COUNT, "magazine_allocs", magazine_allocs, NULL),
	TRANSLATED(REPLAY_COUNT, "tree_allocs", tree_allocs, "IOVAs from the tree"),
	TRANSLATED(REPLAY_SHARE, "iotlb_hit_share", iotlb_share, "IOTLB hits"),
	TRANSLATED(REPLAY_COUNT, "iotlb_hits", iotlb_hits, NULL),
	TRANSLATED(REPLAY_COUNT, "iotlb_misses", iotlb_misses, NULL),
	TRANSLATED(REPLAY_COUNT, "invalidations", invalidations, "invalidations"),
	TRANSLATED(REPLAY_COUNT, "invalidated_entries", invalidated_entries, NULL),

	VALUE(REPLAY_NS, "simulated_map_allocate_ns", map_allocate_ns, "simulated ns a map: IOVA"),
	VALUE(REPLAY_NS, "simulated_map_table_ns", map_table_ns, "                    page table"),
	VALUE(REPLAY_NS, "simulated_map_copy_ns", map_copy_ns, "                    copy"),
	VALUE(REPLAY_NS, "simulated_unmap_allocate_ns", unmap_allocate_ns,
	      "simulated ns an unmap: IOVA"),
	VALUE(REPLAY_NS, "simulated_unmap_table_ns", unmap_table_ns,
	      "                       page table"),
	VALUE(REPLAY_NS, "simulated_unmap_invalidate_ns", unmap_invalidate_ns,
	      "                       invalidate"),
	VALUE(REPLAY_NS, "simulated_unmap_copy_ns", unmap_copy_ns, "                       copy"),

	VALUE(REPLAY_RATE, "events_per_second", events_per_second, "events a second"),
	VALUE(REPLAY_RATE, "events_per_second_slowest", slowest, NULL),
	VALUE(REPLAY_RATE, "events_per_second_fastest", fastest, NULL),
	COUNT("runs", runs, NULL),
};

const unsigned replay_nfields = sizeof(replay_fields) / sizeof(replay_fields[0]);
