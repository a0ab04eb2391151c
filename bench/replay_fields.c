// SPDX-License-Identifier: MIT
/*
 * replay_fields.c - which numbers of a replay are told, in what order, and as what
 *
 * One row a number: its name in the JSON, its label in the table, its unit, and the ways for
 * which there is such a number.  The table and the JSON are both made from this, so that
 * neither knows a number that the other does not.  A simulated cost is a number in every
 * way, 0 where there is nothing to do.
 *
 * A quiet row is not in the table if it is 0 in every column: what most traces do not have,
 * or none should.
 */
#include "replay.h"

#define ROW(unit, ways, name, member, label, quiet)                                                \
	{                                                                                          \
		name, label, unit, offsetof(struct replay_result, member), ways, quiet             \
	}
#define FIELD(unit, ways, name, member, label) ROW(unit, ways, name, member, label, false)
#define COUNT(name, member, label)             FIELD(REPLAY_COUNT, REPLAY_ALL, name, member, label)
#define QUIET(unit, ways, name, member, label) ROW(unit, ways, name, member, label, true)
#define QUIET_COUNT(name, member, label)       QUIET(REPLAY_COUNT, REPLAY_ALL, name, member, label)
#define COST(name, member, label)              QUIET(REPLAY_NUMBER, REPLAY_ALL, name, member, label)

const struct replay_field replay_fields[] = {
	COUNT("maps", maps, "maps"),
	COUNT("maps_replayed", maps_replayed, NULL),
	COUNT("unmaps", unmaps, "unmaps"),
	QUIET_COUNT("syncs", syncs, "syncs"),
	QUIET_COUNT("coherent_allocs", allocs, "coherent allocations"),
	QUIET_COUNT("coherent_frees", frees, "coherent frees"),
	COUNT("live_at_end", live_at_end, "live at the end"),
	QUIET_COUNT("failed_in_trace", failed_in_trace, "failed in the trace"),
	QUIET_COUNT("unmatched", unmatched, "unmaps without their map"),
	COUNT("peak_in_flight", peak_in_flight, "peak maps in flight"),
	FIELD(REPLAY_SHARE, REPLAY_ALL, "cross_cpu_share", cross_cpu_share,
	      "unmaps on another CPU"),

	COUNT("wrong_bytes", wrong_bytes, "wrong bytes"),
	COUNT("faults", faults, "faults"),
	COUNT("stale_accesses", stale_accesses, "stale accesses"),
	COUNT("failed_requests", blame.requests, "failed requests"),
	QUIET_COUNT("steps_not_done", not_done, "steps not done: no mapping"),
	QUIET_COUNT("late_maps", late_maps, "maps late: no room at first"),
	COUNT("broken_books", broken_books, "broken books"),

	FIELD(REPLAY_COUNT, REPLAY_BOUNCED, "peak_slots", peak_slots, "peak slots in use"),
	QUIET(REPLAY_COUNT, REPLAY_BOUNCED, "grown_pools", grown_pools, "pools that were added"),
	QUIET(REPLAY_COUNT, REPLAY_BOUNCED, "transient_pools", transient_pools, "transient pools"),
	FIELD(REPLAY_COUNT, REPLAY_BOUNCED, "copied_bytes", copied_bytes, "bytes copied"),

	FIELD(REPLAY_SHARE, REPLAY_TRANSLATED, "magazine_hit_share", magazine_share,
	      "IOVAs from a magazine"),
	FIELD(REPLAY_COUNT, REPLAY_TRANSLATED, "magazine_allocs", magazine_allocs, NULL),
	FIELD(REPLAY_COUNT, REPLAY_TRANSLATED, "tree_allocs", tree_allocs, "IOVAs from the tree"),
	FIELD(REPLAY_SHARE, REPLAY_TRANSLATED, "iotlb_hit_share", iotlb_share, "IOTLB hits"),
	FIELD(REPLAY_COUNT, REPLAY_TRANSLATED, "iotlb_hits", iotlb_hits, NULL),
	FIELD(REPLAY_COUNT, REPLAY_TRANSLATED, "iotlb_misses", iotlb_misses, NULL),
	FIELD(REPLAY_COUNT, REPLAY_TRANSLATED, "invalidations", invalidations, "invalidations"),
	FIELD(REPLAY_COUNT, REPLAY_TRANSLATED, "invalidated_entries", invalidated_entries, NULL),

	FIELD(REPLAY_COUNT, REPLAY_DEFERRED, "flushes_queue_full", flushes_full,
	      "flushes: a queue was full"),
	FIELD(REPLAY_COUNT, REPLAY_QUEUED, "flushes_timer", flushes_timer, "flushes: timer"),
	QUIET(REPLAY_COUNT, REPLAY_DEFERRED, "flushes_asked", flushes_asked,
	      "flushes: coherent memory freed"),
	QUIET(REPLAY_COUNT, 1u << REPLAY_MANUAL, "flushes_commit", flushes_commit,
	      "flushes: by hand"),
	QUIET(REPLAY_COUNT, 1u << REPLAY_ON_REUSE, "flushes_reuse", flushes_reuse,
	      "flushes: addresses come again"),
	FIELD(REPLAY_NUMBER, REPLAY_DEFERRED, "entries_per_flush", entries_per_flush,
	      "flushes: ranges each"),
	FIELD(REPLAY_NUMBER, REPLAY_QUEUED, "unmap_to_flush_us", exposed_us,
	      "unmap to flush, us: mean"),
	FIELD(REPLAY_NUMBER, REPLAY_QUEUED, "unmap_to_flush_max_us", exposed_max_us,
	      "unmap to flush, us: longest"),

	COST("simulated_map_allocate_ns", map_allocate_ns, "simulated ns a map: IOVA"),
	COST("simulated_map_table_ns", map_table_ns, "simulated ns a map: page table"),
	COST("simulated_map_copy_ns", map_copy_ns, "simulated ns a map: copy"),
	COST("simulated_unmap_allocate_ns", unmap_allocate_ns, "simulated ns an unmap: IOVA"),
	COST("simulated_unmap_table_ns", unmap_table_ns, "simulated ns an unmap: page table"),
	COST("simulated_unmap_invalidate_ns", unmap_invalidate_ns,
	     "simulated ns an unmap: invalidate"),
	COST("simulated_unmap_copy_ns", unmap_copy_ns, "simulated ns an unmap: copy"),
	COST("simulated_sync_copy_ns", sync_copy_ns, "simulated ns a sync: copy"),

	FIELD(REPLAY_RATE, REPLAY_ALL, "events_per_second", events_per_second, "events a second"),
	FIELD(REPLAY_RATE, REPLAY_ALL, "events_per_second_slowest", slowest, NULL),
	FIELD(REPLAY_RATE, REPLAY_ALL, "events_per_second_fastest", fastest, NULL),
	COUNT("runs", runs, NULL),
};

const unsigned replay_nfields = sizeof(replay_fields) / sizeof(replay_fields[0]);
