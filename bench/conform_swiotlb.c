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
 *   fill, sum, stat, used, ...       conform_slots.c
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
#include "conform_swiotlb.h"

#include <dmapool/harness.h>
#include <dmapool/port.h>
#include <dmapool/swiotlb.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of a `pool`: every mapping of its devices is bounced. */
#define FLAG_FORCED 'F'

/*
 * Arguments by letter:
 *
 *   d x       a decimal number, a hexadecimal one
 *   1 .. 6    KEY=NUMBER, below
 *   R         range=CPU:DMA:LEN, kept as DMA - CPU
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
	*arg = to - cpu;
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

static void run_pool(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
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

static void run_dev(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	if (line->arg[0] >= DEVICES) {
		conform_say_ok(got, -EINVAL);
		return;
	}
	bounce->devices[line->arg[0]] = DMP_SWIOTLB_LIMITS(.min_align_mask = line->arg[4],
							   .boundary_mask = line->arg[5],
							   .addr_offset = line->arg[7]);
	conform_say_ok(got, 0);
}

static void run_cpu(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
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

static void run_map(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_handle(bounce, line);
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
	handle->len = line->arg[3];
	handle->dir = dir_of(&line->arg[5]);
	handle->is_live = !err;
	if (!err)
		say_mapping(bounce, handle->phys, got);
	else if (err == -ENOSPC || err == -ERANGE || !bounce->tlb)
		conform_say(got, "fail");
	else
		conform_say_ok(got, err);
}

static void run_unmap(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_live_handle(bounce, line);
	int err = handle ? dmp_swiotlb_unmap(bounce->tlb, handle->phys, line->arg[1],
					     dir_of(&line->arg[2]), attrs_of(&line->arg[3]))
			 : -ENOENT;

	if (!err)
		handle->is_live = false;
	conform_say_ok(got, err);
}

static void run_sync(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	struct handle *handle = bounce_live_handle(bounce, line);
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
static void run_lookup(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	conform_say(got, bounce->tlb && dmp_swiotlb_owns(bounce->tlb, line->arg[1]) ? "0" : "none");
}

static void run_maxmap(void *run, const struct conform_line *line, char *got)
{
	struct conform_bounce *bounce = run;
	if (line->arg[0] >= DEVICES)
		conform_say_ok(got, -EINVAL);
	else
		conform_say(got, "%" PRIu64,
			    dmp_swiotlb_max_mapping(bounce->devices[line->arg[0]].min_align_mask));
}

static const struct conform_op ops[] = {
	/* name, arguments, result, starts a block */
	{"reset", "", CONFORM_NONE, true, run_reset},
	{"ram", "xx", CONFORM_NONE, false, run_ram},
	{"cpus", "d", CONFORM_NONE, false, run_cpus},
	{"pool", "ddxpd", CONFORM_SOME, false, run_pool},
	{"dev", "d123456R", CONFORM_NONE, false, run_dev},
	{"cpu", "d", CONFORM_NONE, false, run_cpu},
	{"map", "ddxdxts", CONFORM_SOME, false, run_map},
	{"unmap", "ddts", CONFORM_SOME, false, run_unmap},
	{"sync", "dcddt", CONFORM_NONE, false, run_sync},
	{"lookup", "dx", CONFORM_SOME, false, run_lookup},
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
	/* Other pools, and the layers above the allocator. */
	{"latepool", "dxp", CONFORM_SOME, false, NULL},
	{"restricted", "dxd", CONFORM_SOME, false, NULL},
	{"palloc", "ddd", CONFORM_SOME, false, NULL},
	{"pfree", "dd", CONFORM_SOME, false, NULL},
	{"dmap", "ddxdts", CONFORM_SOME, false, NULL},
	{"dunmap", "ddts", CONFORM_NONE, false, NULL},
	{"work", "", CONFORM_SOME, false, NULL},
	{"rcu", "", CONFORM_SOME, false, NULL},
};

static const struct conform_op *find_op(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (strlen(ops[i].name) == len && memcmp(ops[i].name, name, len) == 0)
			return &ops[i];
	return NULL;
}

static const char *lacks(const struct conform_line *line)
{
	if (!line->op->run)
		return "is not an operation of this version";
	if (line->has_events)
		return "asks the machine for more than the first pool";
	if (line->op->run == run_pool && has_letter(&line->arg[3], FLAG_FORCED))
		return "bounces every mapping";
	if (line->op->run == run_dev && line->arg[1] != 0)
		return "has a pool of its own";
	if (line->op->run == run_dev && line->arg[6] != 0)
		return "is of a machine with encrypted memory";
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
		bounce->devices[i] = DMP_SWIOTLB_LIMITS(0);
	dmp_log_set_sink(swallow, NULL);
	return bounce;
}

/* Gives back what the block left mapped. */
static int unmap_all(struct conform_bounce *bounce)
{
	struct handle *handle;
	int err = 0;

	for (handle = bounce->handles; handle < bounce->handles + HANDLES; handle++)
		if (handle->is_live && !err)
			err = dmp_swiotlb_unmap(bounce->tlb, handle->phys, handle->len, handle->dir,
						0);
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

static const char *const requests[] = {"pages", "free", "dec", "enc", "cpool",
				       "cfree", "work", "rcu", NULL};

const struct conform_format conform_swiotlb = {
	.header = "# libdmapool bounce vectors 1",
	.begin = "reset",
	.requests = requests,
	.counts = true,
	.find_op = find_op,
	.parse_arg = parse_arg,
	.lacks = lacks,
	.open = open_run,
	.close = close_run,
};
