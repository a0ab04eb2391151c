// SPDX-License-Identifier: MIT
/*
 * conform_swiotlb.c - what each operation of the bounce vectors does here
 *
 * A run of a block is one stretch of manual mode with one machine and its allocators:
 *
 *   vectors                          here
 *   ram BASE LEN                     memory of the machine
 *   cpu N                            dmp_harness_become()
 *   map, unmap, sync                 the calls of these names
 *   pool, dev, palloc, work, ...     conform_pools.c
 *   dmap, dunmap                     conform_direct.c
 *   fill, sum, stat, used, ...       conform_slots.c
 *   @ ...                            conform_events.c
 *
 * Log lines are swallowed: failures and cut lengths are part of the vectors.
 *
 * Uses the public calls alone.
 */
#include "conform_swiotlb.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * Arguments by letter:
 *
 *   d x       a decimal number, a hexadecimal one
 *   1 .. 6    KEY=NUMBER, below
 *   R         range=CPU:DMA:LEN, kept as three arguments
 *   t c s p   letters, below, kept as they are
 */
static const struct {
	const char *key;
	int base;
} keys[] = {
	{"mem=", 10}, {"mask=", 16}, {"bus=", 16}, {"minalign=", 16}, {"segb=", 16}, {"enc=", 10},
};

static const struct {
	char letter;
	const char *letters;
	size_t nmax;
} words[] = {
	{'t', "tfb", 1},  /* direction */
	{'c', "cd", 1},   /* for the CPU, for the device */
	{'s', "-sw", 2},  /* attributes */
	{'p', "-gaF", 3}, /* of a pool */
};

static bool parse_key(const char *key, int base, const char *word, size_t len, uint64_t *arg)
{
	size_t n = strlen(key);

	return len > n && memcmp(word, key, n) == 0 && conform_number(word + n, len - n, base, arg);
}

static bool parse_range(const char *word, size_t len, uint64_t *arg)
{
	const char *end = word + len, *dma, *size;
	uint64_t cpu, to, nbytes;

	dma = memchr(word, ':', len);
	size = dma ? memchr(dma + 1, ':', (size_t)(end - dma - 1)) : NULL;
	if (!size || !parse_key("range=", 16, word, (size_t)(dma - word), &cpu) ||
	    !conform_number(dma + 1, (size_t)(size - dma - 1), 16, &to) ||
	    !conform_number(size + 1, (size_t)(end - size - 1), 16, &nbytes))
		return false;
	arg[0] = cpu;
	arg[1] = to;
	arg[2] = nbytes;
	return true;
}

static bool parse_letters(char letter, const char *word, size_t len, uint64_t *arg)
{
	size_t i = 0;

	while (words[i].letter != letter)
		i++;
	if (len == 0 || len > words[i].nmax || strspn(word, words[i].letters) < len)
		return false;
	*arg = 0;
	memcpy(arg, word, len);
	return true;
}

static bool parse_arg(char letter, const char *word, size_t len, uint64_t *arg)
{
	if (letter == 'd' || letter == 'x')
		return conform_number(word, len, letter == 'd' ? 10 : 16, arg);
	if (letter == 'R')
		return parse_range(word, len, arg);
	if (letter >= '1' && letter <= '6')
		return parse_key(keys[letter - '1'].key, keys[letter - '1'].base, word, len, arg);
	return parse_letters(letter, word, len, arg);
}

/* Set-up. */

static void run_reset(void *run, const struct conform_line *line, char *got)
{
	(void)run;
	(void)line;
	conform_say_ok(got, 0);
}

static void run_ram(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	conform_say_ok(got, conform_machine_add_ram(bounce->machine, line->arg[0], line->arg[1]));
}

static void run_cpus(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	bounce->ncpus = (unsigned)line->arg[0];
	conform_say_ok(got, line->arg[0] && line->arg[0] <= DMP_CPU_MAX ? 0 : -EINVAL);
}

static void run_cpu(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	bounce->cpu = (unsigned)line->arg[0];
	conform_say_ok(got, conform_pools_become(bounce));
}

/* Mappings. */

void conform_bounce_mapped(struct conform_bounce *bounce, struct handle *handle,
			   struct dmp_swiotlb *tlb, char *got)
{
	struct dmp_swiotlb_mapping_view m;
	int err = dmp_swiotlb_inspect_mapping(tlb, handle->phys, &m);

	handle->is_live = true;
	handle->tlb = tlb;
	if (err)
		conform_say_ok(got, err);
	else
		conform_say(got, "%" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64, handle->phys,
			    conform_pools_id(bounce, tlb, m.pool), m.first, m.pad, m.slots);
}

/* Why there is no mapping: for want of slots, or of an allocator, or by a caller's mistake. */
static void say_failed(int err, const struct dmp_swiotlb *tlb, char *got)
{
	if (err == -ENOSPC || err == -ERANGE || !tlb)
		conform_say(got, "fail");
	else
		conform_say_ok(got, err);
}

static void run_map(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_handle(bounce, line);
	struct dmp_swiotlb_limits limits;
	struct dmp_swiotlb *tlb;
	int err;

	if (!handle || handle->is_live || line->arg[1] >= DEVICES) {
		conform_say_ok(got, -EINVAL);
		return;
	}
	tlb = bounce_tlb(bounce, &bounce->devices[line->arg[1]]);
	limits = bounce->devices[line->arg[1]].limits;
	limits.alloc_align_mask = line->arg[4];
	err = dmp_swiotlb_map(tlb, &limits, line->arg[2], line->arg[3], bounce_dir(&line->arg[5]),
			      bounce_attrs(&line->arg[6]), &handle->phys);
	handle->len = line->arg[3];
	handle->dir = bounce_dir(&line->arg[5]);
	handle->is_live = !err;
	if (!err)
		conform_bounce_mapped(bounce, handle, tlb, got);
	else
		say_failed(err, tlb, got);
}

static bool in_transient(const struct handle *handle)
{
	struct dmp_swiotlb_mapping_view m;
	struct dmp_swiotlb_pool_view pool;

	return !dmp_swiotlb_inspect_mapping(handle->tlb, handle->phys, &m) &&
	       !dmp_swiotlb_inspect_pool(handle->tlb, m.pool, &pool) &&
	       pool.kind == DMP_SWIOTLB_POOL_TRANSIENT;
}

static void run_unmap(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_live_handle(bounce, line);
	bool is_transient = handle && in_transient(handle);
	int err = handle ? dmp_swiotlb_unmap(handle->tlb, handle->phys, line->arg[1],
					     bounce_dir(&line->arg[2]), bounce_attrs(&line->arg[3]))
			 : -ENOENT;

	if (!err)
		handle->is_live = false;
	if (!err && is_transient)
		conform_say(got, "transient");
	else
		conform_say_ok(got, err);
}

static void run_sync(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_live_handle(bounce, line);
	dmp_phys_t phys = handle ? handle->phys + line->arg[2] : 0;
	enum dmp_dir dir = bounce_dir(&line->arg[4]);

	if (!handle)
		conform_say_ok(got, -ENOENT);
	else if (bounce_has_letter(&line->arg[1], 'c'))
		conform_say_ok(got, dmp_swiotlb_sync_for_cpu(handle->tlb, phys, line->arg[3], dir));
	else
		conform_say_ok(got,
			       dmp_swiotlb_sync_for_device(handle->tlb, phys, line->arg[3], dir));
}

static void run_maxmap(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	if (line->arg[0] >= DEVICES)
		conform_say_ok(got, -EINVAL);
	else
		conform_say(got, "%" PRIu64,
			    dmp_swiotlb_max_mapping(
				    bounce->devices[line->arg[0]].limits.min_align_mask));
}

static const struct conform_op ops[] = {
	/* name, arguments, result, starts a block */
	{"reset", "", CONFORM_NONE, true, run_reset},
	{"ram", "xx", CONFORM_NONE, false, run_ram},
	{"cpus", "d", CONFORM_NONE, false, run_cpus},
	{"pool", "ddxpd", CONFORM_SOME, false, conform_pools_pool},
	{"dev", "d123456R", CONFORM_NONE, false, conform_pools_dev},
	{"cpu", "d", CONFORM_NONE, false, run_cpu},
	{"map", "ddxdxts", CONFORM_SOME, false, run_map},
	{"unmap", "ddts", CONFORM_SOME, false, run_unmap},
	{"sync", "dcddt", CONFORM_NONE, false, run_sync},
	{"lookup", "dx", CONFORM_SOME, false, conform_pools_lookup},
	{"maxmap", "d", CONFORM_SOME, false, run_maxmap},
	{"fill", "xdx", CONFORM_NONE, false, conform_slots_fill},
	{"bfill", "dddx", CONFORM_NONE, false, conform_slots_bfill},
	{"sum", "xd", CONFORM_SOME, false, conform_slots_sum},
	{"bsum", "ddd", CONFORM_SOME, false, conform_slots_bsum},
	{"stat", "d", CONFORM_SOME, false, conform_slots_stat},
	{"hiwater0", "d", CONFORM_NONE, false, conform_slots_hiwater0},
	{"areas", "d", CONFORM_SOME, false, conform_slots_areas},
	{"used", "d", CONFORM_SOME, false, conform_slots_used},
	{"occ", "d", CONFORM_SOME, false, conform_slots_occ},
	{"latepool", "dxp", CONFORM_SOME, false, conform_pools_latepool},
	{"restricted", "dxd", CONFORM_SOME, false, conform_pools_restricted},
	{"palloc", "ddd", CONFORM_SOME, false, conform_pools_palloc},
	{"pfree", "dd", CONFORM_SOME, false, conform_pools_pfree},
	{"work", "", CONFORM_SOME, false, conform_pools_work},
	{"rcu", "", CONFORM_SOME, false, conform_pools_rcu},
	{"dmap", "ddxdts", CONFORM_SOME, false, conform_direct_dmap},
	{"dunmap", "ddts", CONFORM_NONE, false, conform_direct_dunmap},
};

static const struct conform_op *find_op(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].name) == len && memcmp(ops[i].name, name, len) == 0)
			return &ops[i];
	return NULL;
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
		bounce->devices[i].limits = DMP_SWIOTLB_LIMITS(.flags = 0);
	for (unsigned i = 0; i < DEVICES; i++)
		bounce->devices[i].opts = DMP_DEVICE_OPTS(.flags = 0);
	dmp_log_set_sink(swallow, NULL);
	return bounce;
}

static int unmap_handle(const struct handle *handle)
{
	if (handle->dev)
		return dmp_dma_unmap(handle->dev, handle->addr, handle->len, handle->dir, 0);
	return dmp_swiotlb_unmap(handle->tlb, handle->phys, handle->len, handle->dir, 0);
}

/* Gives back what the block left mapped. */
static int unmap_all(struct conform_bounce *bounce)
{
	struct handle *handle;
	int err = 0;

	for (handle = bounce->handles; handle < bounce->handles + HANDLES; handle++)
		if (handle->is_live && !err)
			err = unmap_handle(handle);
	return err;
}

static const char *check_all(struct conform_bounce *bounce)
{
	for (unsigned i = 0; i < ALLOCATORS; i++)
		if (bounce->tlbs[i] && dmp_swiotlb_check(bounce->tlbs[i]))
			return "the walker found an inconsistency";
	return NULL;
}

static const char *drop_all(struct conform_bounce *bounce)
{
	const char *trouble = check_all(bounce);

	if (!trouble && unmap_all(bounce))
		trouble = "a mapping could not be given back";
	for (unsigned i = 0; i < DEVICES && !trouble; i++)
		if (conform_direct_drop(&bounce->devices[i]) ||
		    (bounce->devices[i].limits.device &&
		     dmp_swiotlb_device_destroy(bounce->devices[i].limits.device)))
			trouble = "a device has a transient pool left";
	for (unsigned i = 0; i < ALLOCATORS && !trouble; i++)
		if (bounce->tlbs[i] && dmp_swiotlb_destroy(bounce->tlbs[i]))
			trouble = "slots are left in use";
	return trouble;
}

static const char *close_run(void *run)
{
	struct conform_bounce *bounce = run;
	const char *trouble = drop_all(bounce);

	conform_machine_destroy(bounce->machine);
	if (bounce->is_manual && dmp_harness_leave() && !trouble)
		trouble = "the allocator left something behind";
	dmp_log_set_sink(NULL, NULL);
	free(bounce);
	return trouble;
}

static const char *const requests[] = {"pages", "free", "dec", "enc", "cpool",
				       "cfree", "work", "rcu", NULL};

const struct conform_format conform_swiotlb = {
	.header = "# libdmapool bounce vectors 1",
	.begin = "reset",
	.requests = requests,
	.counts = true,
	.find_op = find_op,
	.parse_arg = parse_arg,
	.before = conform_events_before,
	.after = conform_events_after,
	.open = open_run,
	.close = close_run,
};
