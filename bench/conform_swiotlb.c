// SPDX-License-Identifier: MIT
/*
 * conform_swiotlb.c - what each operation of the bounce vectors does here
 *
 * A run of a block is one stretch of manual mode with one machine and one allocator:
 *
 *   vectors                          here
 *   ram BASE LEN                     memory of the machine
 *   pool SLOTS AREAS BASE - FAILS    dmp_harness_enter(), dmp_swiotlb_create(), which gets BASE
 *   dev I ... minalign= segb= range= a struct dmp_swiotlb_limits
 *   cpu N                            dmp_harness_become()
 *   map, unmap, sync                 the calls of these names
 *   fill, bfill, sum, bsum           the machine's memory
 *   stat                             dmp_swiotlb_get_stats()
 *   areas, used, occ                 dmp_swiotlb_inspect_*()
 *
 * CPU numbers of the vectors go beyond the number of CPUs, as only their low bits matter.
 * Where the file chooses the areas, there are therefore as many CPUs as there can be; where
 * it leaves them to the library, as many as the file has.
 *
 * A block is run if nothing in it needs more than one pool that neither grows nor belongs to
 * a device: no request to the machine but for that pool, and no operation of other layers.
 * A growing allocator that never grew is like one that cannot.
 *
 * Log lines are swallowed: failures and cut lengths are part of the vectors.
 *
 * Uses the public calls alone.
 */
#include "conform.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 16u
#define HANDLES 1024u

/* Of a `pool`: every mapping of its devices is bounced. */
#define FLAG_FORCED 'F'

struct handle {
	dmp_phys_t phys;
	bool is_live;
};

struct conform_bounce {
	struct conform_machine *machine;
	struct dmp_swiotlb *tlb; /* NULL: no pool yet, or it failed */
	bool is_manual;
	unsigned ncpus; /* possible CPUs of the file */
	unsigned cpu;   /* that of the file */
	struct dmp_swiotlb_limits devices[DEVICES];
	struct handle handles[HANDLES];
};

/* Arguments: d decimal, x hex, w a word of up to eight letters, m key=decimal, k key=hex,
 * R range=CPU:DMA:LEN as DMA - CPU. */

static bool parse_range(const char *word, uint64_t *arg)
{
	char *end;
	uint64_t cpu, dma;

	if (strncmp(word, "range=", 6) != 0)
		return false;
	cpu = strtoull(word + 6, &end, 16);
	if (*end != ':')
		return false;
	dma = strtoull(end + 1, &end, 16);
	*arg = dma - cpu;
	return *end == ':';
}

static bool parse_arg(char letter, const char *word, size_t len, uint64_t *arg)
{
	const char *value = memchr(word, '=', len);
	size_t value_len = value ? len - (size_t)(++value - word) : 0;

	*arg = 0;
	switch (letter) {
	case 'd': return conform_number(word, len, 10, arg);
	case 'x': return conform_number(word, len, 16, arg);
	case 'm': return value && conform_number(value, value_len, 10, arg);
	case 'k': return value && conform_number(value, value_len, 16, arg);
	case 'R': return parse_range(word, arg);
	default:
		if (len == 0 || len > sizeof(*arg))
			return false;
		memcpy(arg, word, len);
		return true;
	}
}

/* Does the word that parse_arg() kept contain @letter? */
static bool has_letter(const uint64_t *word, char letter)
{
	return memchr(word, letter, sizeof(*word));
}

static enum dmp_dir dir_of(const uint64_t *word)
{
	if (has_letter(word, 't'))
		return DMP_TO_DEVICE;
	return has_letter(word, 'f') ? DMP_FROM_DEVICE : DMP_BIDIRECTIONAL;
}

static unsigned attrs_of(const uint64_t *word)
{
	return (has_letter(word, 's') ? DMP_ATTR_SKIP_SYNC : 0) |
	       (has_letter(word, 'w') ? DMP_ATTR_NO_WARN : 0);
}

/* Handles and devices; out of range: NULL. */

static struct handle *handle_of(struct conform_bounce *bounce, const struct conform_line *line)
{
	return line->arg[0] < HANDLES ? &bounce->handles[line->arg[0]] : NULL;
}

static struct handle *live_handle_of(struct conform_bounce *bounce, const struct conform_line *line)
{
	struct handle *handle = handle_of(bounce, line);

	return handle && handle->is_live ? handle : NULL;
}

/* Set-up. */

static void run_reset(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	(void)bounce;
	(void)line;
	conform_say_ok(got, 0);
}

static void run_ram(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	conform_say_ok(got, conform_machine_add_ram(bounce->machine, line->arg[0], line->arg[1]));
}

static void run_cpus(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	bounce->ncpus = (unsigned)line->arg[0];
	conform_say_ok(got, line->arg[0] && line->arg[0] <= DMP_CPU_MAX ? 0 : -EINVAL);
}

static int become(struct conform_bounce *bounce)
{
	return bounce->is_manual ? dmp_harness_become(bounce->cpu % dmp_cpu_limit()) : 0;
}

static int create(struct conform_bounce *bounce, const struct conform_line *line)
{
	struct dmp_swiotlb_opts opts =
		DMP_SWIOTLB_OPTS(.slots = line->arg[0], .areas = line->arg[1],
				 .flags = has_letter(&line->arg[3], 'a') ? DMP_SWIOTLB_ANY : 0);
	int err = bounce->is_manual ? -EBUSY
				    : dmp_harness_enter(opts.areas ? DMP_CPU_MAX : bounce->ncpus);
	struct dmp_hw *hw;

	if (err)
		return err;
	bounce->is_manual = true;
	conform_machine_answer(bounce->machine, line->arg[2], line->arg[4]);
	err = conform_machine_adopt(bounce->machine, &hw);
	if (!err)
		err = dmp_swiotlb_create(hw, &opts, &bounce->tlb);
	return err ? err : become(bounce);
}

static void run_pool(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	struct dmp_swiotlb_pool_view pool;
	int err = create(bounce, line);

	if (!err)
		err = dmp_swiotlb_inspect_pool(bounce->tlb, 0, &pool);
	if (err == -ENOMEM)
		conform_say(got, "fail");
	else if (err)
		conform_say_ok(got, err);
	else
		conform_say(got, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, pool.slots,
			    pool.areas, pool.area_slots, pool.slots);
}

static void run_dev(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	if (line->arg[0] >= DEVICES) {
		conform_say_ok(got, -EINVAL);
		return;
	}
	bounce->devices[line->arg[0]] = DMP_SWIOTLB_LIMITS(.min_align_mask = line->arg[4],
							   .boundary_mask = line->arg[5],
							   .addr_offset = line->arg[7]);
	conform_say_ok(got, 0);
}

static void run_cpu(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	bounce->cpu = (unsigned)line->arg[0];
	conform_say_ok(got, become(bounce));
}

/* Mappings. */

static void say_mapping(struct conform_bounce *bounce, dmp_phys_t phys, char *got)
{
	struct dmp_swiotlb_mapping_view m;
	int err = dmp_swiotlb_inspect_mapping(bounce->tlb, phys, &m);

	if (err)
		conform_say_ok(got, err);
	else
		conform_say(got, "%" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64, phys, m.pool,
			    m.first, m.pad, m.slots);
}

static void run_map(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	struct handle *handle = handle_of(bounce, line);
	struct dmp_swiotlb_limits limits;
	int err;

	if (!handle || handle->is_live || line->arg[1] >= DEVICES) {
		conform_say_ok(got, -EINVAL);
		return;
	}
	limits = bounce->devices[line->arg[1]];
	limits.alloc_align_mask = line->arg[4];
	err = dmp_swiotlb_map(bounce->tlb, &limits, line->arg[2], line->arg[3],
			      dir_of(&line->arg[5]), attrs_of(&line->arg[6]), &handle->phys);
	handle->is_live = !err;
	if (!err)
		say_mapping(bounce, handle->phys, got);
	else if (err == -ENOSPC || err == -ERANGE || !bounce->tlb)
		conform_say(got, "fail");
	else
		conform_say_ok(got, err);
}

static void run_unmap(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	struct handle *handle = live_handle_of(bounce, line);
	int err = handle ? dmp_swiotlb_unmap(bounce->tlb, handle->phys, line->arg[1],
					     dir_of(&line->arg[2]), attrs_of(&line->arg[3]))
			 : -ENOENT;

	if (!err)
		handle->is_live = false;
	conform_say_ok(got, err);
}

static void run_sync(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	struct handle *handle = live_handle_of(bounce, line);
	dmp_phys_t phys = handle ? handle->phys + line->arg[2] : 0;
	enum dmp_dir dir = dir_of(&line->arg[4]);

	if (!handle)
		conform_say_ok(got, -ENOENT);
	else if (has_letter(&line->arg[1], 'c'))
		conform_say_ok(got, dmp_swiotlb_sync_for_cpu(bounce->tlb, phys, line->arg[3], dir));
	else
		conform_say_ok(got,
			       dmp_swiotlb_sync_for_device(bounce->tlb, phys, line->arg[3], dir));
}

/* All of a device's buffers are in pool 0. */
static void run_lookup(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	conform_say(got, bounce->tlb && dmp_swiotlb_owns(bounce->tlb, line->arg[1]) ? "0" : "none");
}

static void run_maxmap(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	if (line->arg[0] >= DEVICES)
		conform_say_ok(got, -EINVAL);
	else
		conform_say(got, "%" PRIu64,
			    dmp_swiotlb_max_mapping(bounce->devices[line->arg[0]].min_align_mask));
}

/* Contents. */

static void *bounce_bytes(struct conform_bounce *bounce, const struct conform_line *line)
{
	struct handle *handle = live_handle_of(bounce, line);

	return handle ? conform_machine_bytes(bounce->machine, handle->phys + line->arg[1],
					      line->arg[2])
		      : NULL;
}

static void fill(void *at, uint64_t len, uint64_t seed, char *got)
{
	if (at)
		conform_pattern_fill(at, len, (uint32_t)seed);
	conform_say_ok(got, at ? 0 : -EFAULT);
}

static void sum(const void *at, uint64_t len, char *got)
{
	if (at)
		conform_say(got, "%016" PRIx64, conform_pattern_sum(at, len));
	else
		conform_say_ok(got, -EFAULT);
}

static void run_fill(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	fill(conform_machine_bytes(bounce->machine, line->arg[0], line->arg[1]), line->arg[1],
	     line->arg[2], got);
}

static void run_bfill(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	fill(bounce_bytes(bounce, line), line->arg[2], line->arg[3], got);
}

static void run_sum(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	sum(conform_machine_bytes(bounce->machine, line->arg[0], line->arg[1]), line->arg[1], got);
}

static void run_bsum(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	sum(bounce_bytes(bounce, line), line->arg[2], got);
}

/* State. */

static void run_stat(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	struct dmp_swiotlb_stats stats = {0};

	(void)line;
	dmp_swiotlb_get_stats(bounce->tlb, &stats, sizeof(stats));
	conform_say(got, "%" PRIu64 " %" PRIu64 " %" PRIu64 " 0", stats.slots, stats.used,
		    stats.high_water);
}

static void run_hiwater0(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	(void)line;
	if (bounce->tlb)
		dmp_swiotlb_reset_high_water(bounce->tlb);
	conform_say_ok(got, bounce->tlb ? 0 : -ENOENT);
}

static void run_areas(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	struct dmp_swiotlb_area_view area;
	uint64_t i;

	for (i = 0; bounce->tlb &&
		    !dmp_swiotlb_inspect_area(bounce->tlb, (unsigned)line->arg[0], i, &area);
	     i++)
		conform_say(got, "%s%" PRIu64 "/%" PRIu64, i ? " " : "", area.used, area.index);
}

/* Is slot @slot of the pool in use?  Beyond the pool: no. */
static bool in_use(struct conform_bounce *bounce, const struct conform_line *line, uint64_t slot)
{
	bool used = false;

	return bounce->tlb &&
	       !dmp_swiotlb_inspect_slot(bounce->tlb, (unsigned)line->arg[0], slot, &used) && used;
}

static uint64_t pool_slots(struct conform_bounce *bounce, const struct conform_line *line)
{
	struct dmp_swiotlb_pool_view pool = {0};

	if (bounce->tlb)
		dmp_swiotlb_inspect_pool(bounce->tlb, (unsigned)line->arg[0], &pool);
	return pool.slots;
}

static void run_used(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	uint64_t slot, from = 0, n = pool_slots(bounce, line);

	for (slot = 0; slot < n; slot++) {
		if (!in_use(bounce, line, slot))
			continue;
		if (slot == 0 || !in_use(bounce, line, slot - 1))
			from = slot;
		if (!in_use(bounce, line, slot + 1))
			conform_say(got, "%s%" PRIu64 "-%" PRIu64, *got ? " " : "", from, slot);
	}
	if (!*got)
		conform_say(got, "-");
}

static void run_occ(struct conform_bounce *bounce, const struct conform_line *line, char *got)
{
	uint64_t slot, used = 0, n = pool_slots(bounce, line);
	unsigned char *map = malloc(n + 1);

	for (slot = 0; map && slot < n; slot++) {
		map[slot] = in_use(bounce, line, slot);
		used += map[slot];
	}
	if (map)
		conform_say(got, "%" PRIu64 " %016" PRIx64, used, conform_pattern_sum(map, n));
	else
		conform_say_ok(got, -ENOMEM);
	free(map);
}

static const struct conform_op ops[] = {
	/* name, arguments, result, starts a block */
	{"reset", "", CONFORM_NONE, true, NULL, run_reset},
	{"ram", "xx", CONFORM_NONE, false, NULL, run_ram},
	{"cpus", "d", CONFORM_NONE, false, NULL, run_cpus},
	{"pool", "ddxwd", CONFORM_SOME, false, NULL, run_pool},
	{"dev", "dmkkkkmR", CONFORM_NONE, false, NULL, run_dev},
	{"cpu", "d", CONFORM_NONE, false, NULL, run_cpu},
	{"map", "ddxdxww", CONFORM_SOME, false, NULL, run_map},
	{"unmap", "ddww", CONFORM_SOME, false, NULL, run_unmap},
	{"sync", "dwddw", CONFORM_NONE, false, NULL, run_sync},
	{"lookup", "dx", CONFORM_SOME, false, NULL, run_lookup},
	{"maxmap", "d", CONFORM_SOME, false, NULL, run_maxmap},
	{"fill", "xdx", CONFORM_NONE, false, NULL, run_fill},
	{"bfill", "dddx", CONFORM_NONE, false, NULL, run_bfill},
	{"sum", "xd", CONFORM_SOME, false, NULL, run_sum},
	{"bsum", "ddd", CONFORM_SOME, false, NULL, run_bsum},
	{"stat", "d", CONFORM_SOME, false, NULL, run_stat},
	{"hiwater0", "d", CONFORM_NONE, false, NULL, run_hiwater0},
	{"areas", "d", CONFORM_SOME, false, NULL, run_areas},
	{"used", "d", CONFORM_SOME, false, NULL, run_used},
	{"occ", "d", CONFORM_SOME, false, NULL, run_occ},
	/* Other pools, and the layers above the allocator. */
	{"latepool", "dxw", CONFORM_SOME, false, NULL, NULL},
	{"restricted", "dxd", CONFORM_SOME, false, NULL, NULL},
	{"palloc", "ddd", CONFORM_SOME, false, NULL, NULL},
	{"pfree", "dd", CONFORM_SOME, false, NULL, NULL},
	{"dmap", "ddxdww", CONFORM_SOME, false, NULL, NULL},
	{"dunmap", "ddww", CONFORM_NONE, false, NULL, NULL},
	{"work", "", CONFORM_SOME, false, NULL, NULL},
	{"rcu", "", CONFORM_SOME, false, NULL, NULL},
};

static const struct conform_op *find_op(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].name) == len && memcmp(ops[i].name, name, len) == 0)
			return &ops[i];
	return NULL;
}

static bool is_run_line(const struct conform_line *line)
{
	if (!line->op->bounce || line->has_events)
		return false;
	if (line->op->bounce == run_pool)
		return !has_letter(&line->arg[3], FLAG_FORCED);
	if (line->op->bounce == run_dev)
		return line->arg[1] == 0 && line->arg[6] == 0;
	return true;
}

static bool is_run(const struct conform_block *block)
{
	size_t i;

	for (i = 0; i < block->nlines; i++)
		if (!is_run_line(&block->lines[i]))
			return false;
	return true;
}

static void swallow(void *ctx, enum dmp_log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	(void)line;
}

static void *open_run(void)
{
	struct conform_bounce *bounce = calloc(1, sizeof(*bounce));

	if (!bounce)
		return NULL;
	bounce->ncpus = 1;
	bounce->machine = conform_machine_create();
	if (!bounce->machine) {
		free(bounce);
		return NULL;
	}
	for (unsigned i = 0; i < DEVICES; i++)
		bounce->devices[i] = DMP_SWIOTLB_LIMITS(0);
	dmp_log_set_sink(swallow, NULL);
	return bounce;
}

static void run_line(void *run, const struct conform_line *line, char *got)
{
	line->op->bounce(run, line, got);
}

/* Gives back what the block left mapped. */
static int unmap_all(struct conform_bounce *bounce)
{
	struct handle *handle;
	int err = 0;

	for (handle = bounce->handles; handle < bounce->handles + HANDLES; handle++)
		if (handle->is_live && !err)
			err = dmp_swiotlb_unmap(bounce->tlb, handle->phys, 1, DMP_TO_DEVICE, 0);
	return err;
}

static const char *drop_pool(struct conform_bounce *bounce)
{
	if (bounce->tlb && dmp_swiotlb_check(bounce->tlb))
		return "the walker found an inconsistency";
	if (bounce->tlb && unmap_all(bounce))
		return "a mapping could not be given back";
	if (bounce->tlb && dmp_swiotlb_destroy(bounce->tlb))
		return "slots are left in use";
	return NULL;
}

static const char *close_run(void *run)
{
	struct conform_bounce *bounce = run;
	const char *trouble = drop_pool(bounce);

	conform_machine_destroy(bounce->machine);
	if (bounce->is_manual && dmp_harness_leave() && !trouble)
		trouble = "the allocator left something behind";
	dmp_log_set_sink(NULL, NULL);
	free(bounce);
	return trouble;
}

const struct conform_format conform_swiotlb = {
	.header = "# libdmapool bounce vectors 1",
	.begin = "reset",
	.events = "@ ",
	.counts = true,
	.find_op = find_op,
	.parse_arg = parse_arg,
	.is_run = is_run,
	.open = open_run,
	.line = run_line,
	.close = close_run,
};
