// SPDX-License-Identifier: MIT
/*
 * replay_data.c - the bytes: who writes them when, and who must then see them
 *
 * Picture: both sides write a pattern of their own time ("generation") just before the
 * other side becomes the owner, and the new owner compares.
 *
 *                     TO_DEVICE, BIDIRECTIONAL         FROM_DEVICE, BIDIRECTIONAL
 *    map              CPU writes, then maps            -
 *    sync_for_device  CPU writes; after it the         -
 *                     device reads and compares
 *    sync_for_cpu     the device reads and compares    device writes; after it the CPU
 *                     (BIDIRECTIONAL)                  compares
 *    unmap            the device reads and compares    device writes; after it the CPU
 *                                                      compares
 *
 * An unmap moves the whole mapping, a sync the bytes that it names; whole ranges are
 * written and compared, not samples.  After a sync of a part, parts of the mapping are of
 * different generations: the device's view is then compared with the CPU's memory instead
 * of a pattern (`patched`).
 *
 * DMP_ATTR_SKIP_SYNC: what map does not hand over, the device does not look at before a
 * sync; what unmap does not hand over, the device does not write after the last sync.
 *
 * Around each piece of memory up to GUARD bytes of the same page hold a pattern that
 * nobody may change from before the map until after the unmap.
 *
 * Allocated memory is seen alike by both at any time: it must start as zeros, and the two
 * sides pass it to and fro after the allocation and again before the free.
 *
 * Every byte that is not as expected counts once per comparison; of a read that the
 * machine refused, all bytes.
 */
#include "replay.h"

#include <dmapool/bits.h>

#include <string.h>

#define GUARD            64u
#define GUARD_GENERATION UINT16_MAX

/* Memory of one entry, and where its bytes stand in the mapping. */
struct piece {
	uint8_t *buf;
	uint64_t offset;
	uint64_t len;
};

/* Finds the pieces of [offset, offset + len) one after another. */
struct walk {
	const struct replay_mapping *m;
	uint64_t offset, end;  /* what is still to be found */
	uint64_t entry_offset; /* of the entry to look at next */
	uint32_t entry;
};

static struct walk walk_start(const struct replay_mapping *m, uint64_t offset, uint64_t len)
{
	return (struct walk){.m = m, .offset = offset, .end = offset + len};
}

static bool walk_next(struct walk *w, struct piece *piece)
{
	const struct replay_mapping *m = w->m;
	uint64_t len = m->len;
	uint8_t *buf = m->buf;

	if (w->offset >= w->end)
		return false;
	if (m->sg) {
		while (w->offset - w->entry_offset >= m->sg[w->entry].len)
			w->entry_offset += m->sg[w->entry++].len;
		buf = m->sg[w->entry].buf;
		len = m->sg[w->entry].len;
	}
	piece->buf = buf + (w->offset - w->entry_offset);
	piece->offset = w->offset;
	piece->len = len - (w->offset - w->entry_offset);
	if (piece->len > w->end - w->offset)
		piece->len = w->end - w->offset;
	w->offset += piece->len;
	return true;
}

static void cpu_write(const struct replay_mapping *m, uint64_t offset, uint64_t len, uint64_t key)
{
	struct walk w = walk_start(m, offset, len);
	struct piece p;

	while (walk_next(&w, &p))
		replay_pattern_fill(p.buf, p.offset, p.len, key);
}

static uint64_t cpu_wrong(const struct replay_mapping *m, uint64_t offset, uint64_t len,
			  uint64_t key)
{
	struct walk w = walk_start(m, offset, len);
	uint64_t wrong = 0;
	struct piece p;

	while (walk_next(&w, &p))
		wrong += replay_pattern_wrong(p.buf, p.offset, p.len, key);
	return wrong;
}

/* How many of @len bytes differ from what the CPU has at @offset. */
static uint64_t differ_from_cpu(const struct replay_mapping *m, uint64_t offset, const uint8_t *at,
				uint64_t len)
{
	struct walk w = walk_start(m, offset, len);
	uint64_t wrong = 0;
	struct piece p;

	while (walk_next(&w, &p))
		for (uint64_t i = 0; i < p.len; i++)
			wrong += p.buf[i] != at[p.offset - offset + i];
	return wrong;
}

struct replay_part replay_part_at(const struct replay_mapping *m, uint64_t offset, uint64_t len)
{
	struct replay_part part = {.addr = m->addr + offset, .len = m->len - offset};

	if (m->sg) {
		const struct dmp_sg *segment = m->sg;

		while (offset >= segment->mapped_len)
			offset -= (segment++)->mapped_len;
		part.addr = segment->addr + offset;
		part.len = segment->mapped_len - offset;
	}
	if (part.len > len)
		part.len = len;
	return part;
}

static void device_write(struct replay_lane *lane, const struct replay_mapping *m, uint64_t offset,
			 uint64_t len, uint64_t key)
{
	for (uint64_t end = offset + len; offset < end;) {
		uint64_t room = end - offset < REPLAY_SCRATCH ? end - offset : REPLAY_SCRATCH;
		struct replay_part part = replay_part_at(m, offset, room);

		replay_pattern_fill(lane->scratch, offset, part.len, key);
		/* A refused write is a fault, counted by the machine, and leaves old bytes */
		dmp_sim_agent_write(lane->agents[m->dev], part.addr, lane->scratch, part.len);
		offset += part.len;
	}
}

/* @patched: compare with the CPU's memory, not with a pattern. */
static uint64_t device_wrong(struct replay_lane *lane, const struct replay_mapping *m,
			     uint64_t offset, uint64_t len, uint64_t key, bool patched)
{
	uint64_t wrong = 0;

	for (uint64_t end = offset + len; offset < end;) {
		uint64_t room = end - offset < REPLAY_SCRATCH ? end - offset : REPLAY_SCRATCH;
		struct replay_part part = replay_part_at(m, offset, room);

		if (dmp_sim_agent_read(lane->agents[m->dev], part.addr, lane->scratch, part.len))
			wrong += part.len;
		else if (patched)
			wrong += differ_from_cpu(m, offset, lane->scratch, part.len);
		else
			wrong += replay_pattern_wrong(lane->scratch, offset, part.len, key);
		offset += part.len;
	}
	return wrong;
}

/* Does the piece begin where another one of the mapping ends?  Then there is no room. */
static bool follows(const struct piece *piece, const struct piece *before)
{
	return before->buf && piece->buf == before->buf + before->len;
}

static uint64_t guard_one(uint8_t *at, uint64_t len, uint64_t key, bool check)
{
	if (check)
		return replay_pattern_wrong(at, 0, len, key);
	replay_pattern_fill(at, 0, len, key);
	return 0;
}

static uint64_t guard_before(const struct piece *p, uint64_t key, bool check)
{
	uint64_t room = (uintptr_t)p->buf & (DMP_PAGE_BYTES - 1);
	uint64_t len = room < GUARD ? room : GUARD;

	return guard_one(p->buf - len, len, key, check);
}

static uint64_t guard_after(const struct piece *p, uint64_t key, bool check)
{
	uint64_t room = -((uintptr_t)p->buf + p->len) & (DMP_PAGE_BYTES - 1);

	return guard_one(p->buf + p->len, room < GUARD ? room : GUARD, key, check);
}

/* Write the guards, or count their wrong bytes: before and after each contiguous run. */
static uint64_t guard(const struct replay_mapping *m, uint32_t i, bool check)
{
	uint64_t key = replay_pattern_key(i, GUARD_GENERATION);
	struct walk w = walk_start(m, 0, m->len);
	struct piece p, last = {.buf = NULL};
	uint64_t wrong = 0;

	while (walk_next(&w, &p)) {
		if (!follows(&p, &last)) {
			if (last.buf)
				wrong += guard_after(&last, key, check);
			wrong += guard_before(&p, key, check);
		}
		last = p;
	}
	return wrong + guard_after(&last, key, check);
}

static uint64_t next_key(struct replay_mapping *m, uint32_t i)
{
	if (++m->generation == GUARD_GENERATION)
		m->generation = 1; /* 0: as mapped, nothing synced yet */
	return replay_pattern_key(i, m->generation);
}

static uint64_t key_now(const struct replay_mapping *m, uint32_t i)
{
	return replay_pattern_key(i, m->generation);
}

static bool device_reads(const struct replay_mapping *m)
{
	return m->dir != DMP_FROM_DEVICE;
}

static bool device_writes(const struct replay_mapping *m)
{
	return m->dir != DMP_TO_DEVICE;
}

/* Has the device been handed the whole mapping by its map? */
static bool handed_over(const struct replay_mapping *m)
{
	return device_reads(m) && !(m->map_attrs & DMP_ATTR_SKIP_SYNC);
}

void replay_data_before_map(const struct replay_run *run, struct replay_lane *lane, uint32_t i)
{
	struct replay_mapping *m = &run->job->mappings[i];

	(void)lane;
	guard(m, i, false);
	if (device_reads(m))
		cpu_write(m, 0, m->len, key_now(m, i));
}

/* To the device and back, without a sync. */
static uint64_t pass_coherent(struct replay_lane *lane, struct replay_mapping *m, uint32_t i)
{
	uint64_t key = next_key(m, i);
	uint64_t wrong;

	cpu_write(m, 0, m->len, key);
	wrong = device_wrong(lane, m, 0, m->len, key, false);
	key = next_key(m, i);
	device_write(lane, m, 0, m->len, key);
	return wrong + cpu_wrong(m, 0, m->len, key);
}

void replay_data_after_alloc(const struct replay_run *run, struct replay_lane *lane, uint32_t i)
{
	struct replay_mapping *m = &run->job->mappings[i];
	const uint8_t *at = m->buf;

	for (uint64_t b = 0; b < m->len; b++)
		lane->counts.wrong_bytes += at[b] != 0;
	lane->counts.wrong_bytes += pass_coherent(lane, m, i);
}

void replay_data_before_unmap(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			      bool skipped)
{
	struct replay_mapping *m = &run->job->mappings[i];

	if (replay_is_alloc(m->shape)) {
		lane->counts.wrong_bytes += pass_coherent(lane, m, i);
		return;
	}
	if (handed_over(m))
		lane->counts.wrong_bytes +=
			device_wrong(lane, m, 0, m->len, key_now(m, i), m->patched);
	if (device_writes(m) && !skipped)
		device_write(lane, m, 0, m->len, next_key(m, i));
}

void replay_data_after_unmap(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			     bool skipped)
{
	struct replay_mapping *m = &run->job->mappings[i];

	if (replay_is_alloc(m->shape))
		return;
	if (device_writes(m) && !skipped)
		lane->counts.wrong_bytes += cpu_wrong(m, 0, m->len, key_now(m, i));
	lane->counts.wrong_bytes += guard(m, i, true);
}

void replay_data_before_sync(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			     const struct trace_step *sync)
{
	struct replay_mapping *m = &run->job->mappings[i];
	bool for_cpu = sync->op == TRACE_OP_SYNC_FOR_CPU;

	if (for_cpu && handed_over(m))
		lane->counts.wrong_bytes +=
			device_wrong(lane, m, sync->offset, sync->len, key_now(m, i), m->patched);
	if (for_cpu && device_writes(m))
		device_write(lane, m, sync->offset, sync->len, next_key(m, i));
	else if (!for_cpu && device_reads(m))
		cpu_write(m, sync->offset, sync->len, next_key(m, i));
}

void replay_data_after_sync(const struct replay_run *run, struct replay_lane *lane, uint32_t i,
			    const struct trace_step *sync)
{
	struct replay_mapping *m = &run->job->mappings[i];
	uint64_t key = key_now(m, i);

	if (sync->op == TRACE_OP_SYNC_FOR_CPU && device_writes(m))
		lane->counts.wrong_bytes += cpu_wrong(m, sync->offset, sync->len, key);
	else if (sync->op == TRACE_OP_SYNC_FOR_DEVICE && device_reads(m))
		lane->counts.wrong_bytes +=
			device_wrong(lane, m, sync->offset, sync->len, key, false);
	m->patched = m->generation != 0;
}
