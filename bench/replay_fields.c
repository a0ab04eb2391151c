// SPDX-License-Identifier: MIT
/*
 * replay_fields.c - which numbers of a replay are told, in what order, and as what
 *
 * One row a number: its name in the JSON, its label in the table, its unit, and the ways for
 * which there is such a number.  The table and the JSON are both made from this, so that
 * neither knows a number that the other does not.  A simulated cost is a number in every
 * way: nothing.
 */
#include "replay.h"

#define FIELD(unit, ways, name, member, label)                                                     \
	{                                                                                          \
		name, label, unit, offsetof(struct replay_result, member), ways                    \
	}
#define COUNT(name, member, label) FIELD(REPLAY_COUNT, REPLAY_ALL, name, member, label)

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
	FIELD(REPLAY_SHARE, REPLAY_ALL, "cross_cpu_share", cross_cpu_share,
	      "unmaps on another CPU"),

	COUNT("wrong_bytes", wrong_bytes, "wrong bytes"),
	COUNT("faults", faults, "faults"),
	COUNT("stale_accesses", stale_accesses, "stale accesses"),
	COUNT("failed_requests", blame.requests, "failed requests"),
	COUNT("steps_not_done", not_done, NULL),
	COUNT("broken_books", broken_books, "broken books"),

	FIELD(REPLAY_COUNT, REPLAY_BOUNCED, "peak_slots", peak_slots, "peak slots in use"),
	FIELD(REPLAY_COUNT, REPLAY_BOUNCED, "late_maps", late_maps, "maps late: pool was full"),
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
	FIELD(REPLAY_COUNT, REPLAY_DEFERRED, "flushes_timer", flushes_timer, "         timer"),
	FIELD(REPLAY_NUMBER, REPLAY_DEFERRED, "entries_per_flush", entries_per_flush,
	      "         ranges each"),
	FIELD(REPLAY_NUMBER, REPLAY_DEFERRED, "unmap_to_flush_us", exposed_us,
	      "real us from unmap to flush: mean"),
	FIELD(REPLAY_NUMBER, REPLAY_DEFERRED, "unmap_to_flush_max_us", exposed_max_us,
	      "                             most"),

	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_map_allocate_ns", map_allocate_ns,
	      "simulated ns a map: IOVA"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_map_table_ns", map_table_ns,
	      "                    page table"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_map_copy_ns", map_copy_ns,
	      "                    copy"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_unmap_allocate_ns", unmap_allocate_ns,
	      "simulated ns an unmap: IOVA"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_unmap_table_ns", unmap_table_ns,
	      "                       page table"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_unmap_invalidate_ns", unmap_invalidate_ns,
	      "                       invalidate"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_unmap_copy_ns", unmap_copy_ns,
	      "                       copy"),
	FIELD(REPLAY_NUMBER, REPLAY_ALL, "simulated_sync_copy_ns", sync_copy_ns,
	      "simulated ns a sync: copy"),

	FIELD(REPLAY_RATE, REPLAY_ALL, "events_per_second", events_per_second, "events a second"),
	FIELD(REPLAY_RATE, REPLAY_ALL, "events_per_second_slowest", slowest, NULL),
	FIELD(REPLAY_RATE, REPLAY_ALL, "events_per_second_fastest", fastest, NULL),
	COUNT("runs", runs, NULL),
};

const unsigned replay_nfields = sizeof(replay_fields) / sizeof(replay_fields[0]);
