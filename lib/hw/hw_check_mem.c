// SPDX-License-Identifier: MIT
/*
 * hw_check_mem.c - the shim's rules of memory
 *
 *  B1  a block is aligned to its size, inside its zone, and overlaps nothing given out;
 *  B2  coherent memory starts on a page, ends at or below its limit, is cleared, and
 *      overlaps nothing given out;
 *  B3  only what was given out is freed, with the order or length that it was asked with;
 *  B4  buf_to_phys and phys_to_buf are each other's reverse;
 *  B5  mem_unmap says 0 of what is exposed, -ENOENT of what is not.
 *
 * A block leaves the books before the backend is told to free it, and enters them after it
 * was given out: in between nobody but its owner can name it.
 */
#include "hw_check.h"

#define KNOWN_FLAGS DMP_MEM_MAY_BLOCK

static int compare_blocks(const struct check_block *a, const struct check_block *b)
{
	if (a->phys + (a->len - 1) < b->phys)
		return -1;
	return a->phys > b->phys + (b->len - 1);
}

BASE_TREE_GENERATE(check_block_tree, check_block, node, compare_blocks)

static int compare_exposures(const struct check_exposure *a, const struct check_exposure *b)
{
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	if (a->phys != b->phys)
		return a->phys < b->phys ? -1 : 1;
	return a->len < b->len ? -1 : a->len > b->len;
}

BASE_TREE_GENERATE(check_exposure_tree, check_exposure, node, compare_exposures)

/* Blocks. */

static uint64_t zone_last(enum dmp_zone zone)
{
	switch (zone) {
	case DMP_ZONE_DMA32: return DMP_MASK(32);
	case DMP_ZONE_DMA: return DMP_MASK(24);
	default: return UINT64_MAX;
	}
}

/* False: it overlaps one given out. */
static bool block_enter(struct hw_check *check, struct check_block *block)
{
	struct check_block *other;

	dmp_lock_acquire(&check->books_lock);
	other = RB_INSERT(check_block_tree, &check->blocks, block);
	dmp_lock_release(&check->books_lock);
	return other == NULL;
}

/* B3.  False: nothing like it was given out. */
static bool block_leave(struct hw_check *check, dmp_phys_t phys, uint64_t asked, bool is_coherent)
{
	struct check_block key = {.phys = phys, .len = 1}, *block;

	dmp_lock_acquire(&check->books_lock);
	block = RB_FIND(check_block_tree, &check->blocks, &key);
	if (block &&
	    (block->phys != phys || block->asked != asked || block->is_coherent != is_coherent))
		block = NULL;
	if (block)
		RB_REMOVE(check_block_tree, &check->blocks, block);
	dmp_lock_release(&check->books_lock);
	dmp_meta_free(block, sizeof(*block));
	return block != NULL;
}

/* B1 */
static const char *block_fault(const struct check_block *block, enum dmp_zone zone)
{
	if (!dmp_is_aligned(block->phys, block->len))
		return "a block not aligned to its size";
	if (!dmp_range_fits(block->phys, block->len, zone_last(zone)))
		return "a block outside its zone";
	return NULL;
}

static int shim_mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags,
			  dmp_phys_t *phys)
{
	struct hw_check *check = be;
	struct check_block *block;
	const char *fault;
	int ret;

	if (zone > DMP_ZONE_DMA || order > HW_ORDER_MAX || flags & ~KNOWN_FLAGS)
		return check_caller_bug(check, "mem_alloc", "unknown zone, order or flag");
	block = check_record(check_block);
	if (!block)
		return -ENOMEM;
	ret = check->ops.mem_alloc(check->be, zone, order, flags, &block->phys);
	ret = check_errno(check, "mem_alloc", ret);
	if (ret)
		goto free_block;
	block->len = DMP_PAGE_BYTES << order;
	block->asked = order;
	fault = block_fault(block, zone);
	if (!fault && !block_enter(check, block))
		fault = "a block that is given out already";
	if (!fault) {
		*phys = block->phys;
		return 0;
	}
	ret = check_backend_bug(check, "mem_alloc", fault);
free_block:
	dmp_meta_free(block, sizeof(*block));
	return ret;
}

static void shim_mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	struct hw_check *check = be;

	if (block_leave(check, phys, order, false))
		check->ops.mem_free(check->be, phys, order);
	else
		check_caller_bug(check, "mem_free", "no such block of that order is given out");
}

/* Coherent memory. */

static bool is_cleared(struct hw_check *check, dmp_phys_t phys, uint64_t len)
{
	const unsigned char *byte, *end;
	void *buf;

	if (check->ops.phys_to_buf(check->be, phys, len, &buf))
		return false;
	byte = buf;
	end = byte + len;
	while (byte < end && *byte == 0)
		byte++;
	return byte == end;
}

/* B2 */
static const char *coherent_fault(struct hw_check *check, const struct check_block *block,
				  uint64_t limit)
{
	if (!dmp_is_aligned(block->phys, DMP_PAGE_BYTES))
		return "memory that does not start on a page";
	if (!dmp_range_fits(block->phys, block->asked, limit))
		return "memory beyond the limit";
	if (!is_cleared(check, block->phys, block->asked))
		return "memory that is not cleared, or has no pointer";
	return NULL;
}

static int shim_coherent_alloc(void *be, uint64_t len, uint64_t limit, unsigned flags,
			       dmp_phys_t *phys)
{
	struct hw_check *check = be;
	struct check_block *block;
	const char *fault;
	uint64_t whole;
	int ret;

	if (!len || !dmp_align_up_checked(len, DMP_PAGE_BYTES, &whole) || flags & ~KNOWN_FLAGS)
		return check_caller_bug(check, "coherent_alloc", "no length or an unknown flag");
	block = check_record(check_block);
	if (!block)
		return -ENOMEM;
	ret = check->ops.coherent_alloc(check->be, len, limit, flags, &block->phys);
	ret = check_errno(check, "coherent_alloc", ret);
	if (ret)
		goto free_block;
	block->len = whole;
	block->asked = len;
	block->is_coherent = true;
	fault = coherent_fault(check, block, limit);
	if (!fault && !block_enter(check, block))
		fault = "memory that is given out already";
	if (!fault) {
		*phys = block->phys;
		return 0;
	}
	ret = check_backend_bug(check, "coherent_alloc", fault);
free_block:
	dmp_meta_free(block, sizeof(*block));
	return ret;
}

static void shim_coherent_free(void *be, dmp_phys_t phys, uint64_t len)
{
	struct hw_check *check = be;

	if (block_leave(check, phys, len, true))
		check->ops.coherent_free(check->be, phys, len);
	else
		check_caller_bug(check, "coherent_free", "no such memory is given out");
}

/* Pointers: B4. */

static int shim_buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct hw_check *check = be;
	dmp_phys_t found;
	void *back;
	int ret;

	if (!len)
		return check_caller_bug(check, "buf_to_phys", "no length");
	ret = check_errno(check, "buf_to_phys",
			  check->ops.buf_to_phys(check->be, buf, len, &found));
	if (ret)
		return ret;
	if (check->ops.phys_to_buf(check->be, found, len, &back) || back != buf)
		return check_backend_bug(check, "buf_to_phys", "phys_to_buf leads elsewhere");
	*phys = found;
	return 0;
}

static int shim_phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	struct hw_check *check = be;
	dmp_phys_t back;
	void *found;
	int ret;

	if (!len)
		return check_caller_bug(check, "phys_to_buf", "no length");
	ret = check_errno(check, "phys_to_buf",
			  check->ops.phys_to_buf(check->be, phys, len, &found));
	if (ret)
		return ret;
	if (check->ops.buf_to_phys(check->be, found, len, &back) || back != phys)
		return check_backend_bug(check, "phys_to_buf", "buf_to_phys leads elsewhere");
	*buf = found;
	return 0;
}

static int shim_make_shared(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct hw_check *check = be;

	if (!npages || !dmp_is_aligned(phys, DMP_PAGE_BYTES))
		return check_caller_bug(check, "make_shared", "not whole pages");
	return check_errno(check, "make_shared", check->ops.make_shared(check->be, phys, npages));
}

static int shim_make_private(void *be, dmp_phys_t phys, uint64_t npages)
{
	struct hw_check *check = be;

	if (!npages || !dmp_is_aligned(phys, DMP_PAGE_BYTES))
		return check_caller_bug(check, "make_private", "not whole pages");
	return check_errno(check, "make_private", check->ops.make_private(check->be, phys, npages));
}

static bool shim_needs_shared(void *be, uint32_t device)
{
	struct hw_check *check = be;

	return check->ops.needs_shared(check->be, device);
}

/* Exposure: B5. */

static bool exposure_is_valid(dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	return len && dmp_range_fits(phys, len, UINT64_MAX) && dir <= DMP_FROM_DEVICE;
}

static uint64_t exposure_total(const struct check_exposure *e)
{
	return e->count[0] + e->count[1] + e->count[2];
}

static int shim_mem_map(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct hw_check *check = be;
	struct check_exposure *fresh, *e;
	int ret;

	if (!exposure_is_valid(phys, len, dir))
		return check_caller_bug(check, "mem_map", "no range or no direction");
	fresh = check_record(check_exposure);
	if (!fresh)
		return -ENOMEM;
	ret = check_errno(check, "mem_map", check->ops.mem_map(check->be, device, phys, len, dir));
	if (ret) {
		dmp_meta_free(fresh, sizeof(*fresh));
		return ret;
	}
	fresh->device = device;
	fresh->phys = phys;
	fresh->len = len;
	dmp_lock_acquire(&check->books_lock);
	e = RB_INSERT(check_exposure_tree, &check->exposures, fresh);
	(e ? e : fresh)->count[dir]++;
	dmp_lock_release(&check->books_lock);
	if (e)
		dmp_meta_free(fresh, sizeof(*fresh));
	return 0;
}

/* How often the range is exposed, in @dir and at all. */
static uint64_t exposure_count(struct hw_check *check, struct check_exposure *key, enum dmp_dir dir,
			       uint64_t *total)
{
	struct check_exposure *e;
	uint64_t n = 0;

	*total = 0;
	dmp_lock_acquire(&check->books_lock);
	e = RB_FIND(check_exposure_tree, &check->exposures, key);
	if (e) {
		n = e->count[dir];
		*total = exposure_total(e);
	}
	dmp_lock_release(&check->books_lock);
	return n;
}

/* One exposure less, of @dir if there is one. */
static void exposure_leave(struct hw_check *check, struct check_exposure *key, unsigned dir)
{
	struct check_exposure *e;

	dmp_lock_acquire(&check->books_lock);
	e = RB_FIND(check_exposure_tree, &check->exposures, key);
	while (e && !e->count[dir])
		dir = (dir + 1) % 3;
	if (e && (--e->count[dir], exposure_total(e) == 0))
		RB_REMOVE(check_exposure_tree, &check->exposures, e);
	else
		e = NULL;
	dmp_lock_release(&check->books_lock);
	dmp_meta_free(e, sizeof(*e));
}

/* Whether the direction belongs to the range is the backend's affair: where only that
 * differs, both answers are right. */
static int shim_mem_unmap(void *be, uint32_t device, dmp_phys_t phys, uint64_t len,
			  enum dmp_dir dir)
{
	struct hw_check *check = be;
	struct check_exposure key = {.device = device, .phys = phys, .len = len};
	uint64_t total, same;
	int ret;

	if (!exposure_is_valid(phys, len, dir))
		return check_caller_bug(check, "mem_unmap", "no range or no direction");
	same = exposure_count(check, &key, dir, &total);
	ret = check_errno(check, "mem_unmap",
			  check->ops.mem_unmap(check->be, device, phys, len, dir));
	if (!ret && !total)
		return check_backend_bug(check, "mem_unmap", "unmapped what was never mapped");
	if (ret == -ENOENT && same)
		return check_backend_bug(check, "mem_unmap", "does not find what is mapped");
	if (!ret)
		exposure_leave(check, &key, dir);
	return ret;
}

void check_mem_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops)
{
	shim->mem_alloc = shim_mem_alloc;
	shim->mem_free = shim_mem_free;
	shim->coherent_alloc = ops->coherent_alloc ? shim_coherent_alloc : NULL;
	shim->coherent_free = ops->coherent_free ? shim_coherent_free : NULL;
	shim->buf_to_phys = shim_buf_to_phys;
	shim->phys_to_buf = shim_phys_to_buf;
	shim->make_shared = ops->make_shared ? shim_make_shared : NULL;
	shim->make_private = ops->make_private ? shim_make_private : NULL;
	shim->needs_shared = ops->needs_shared ? shim_needs_shared : NULL;
	shim->mem_map = ops->mem_map ? shim_mem_map : NULL;
	shim->mem_unmap = ops->mem_unmap ? shim_mem_unmap : NULL;
}

void check_mem_drop(struct hw_check *check)
{
	struct check_block *block;
	struct check_exposure *e;

	if (!RB_EMPTY(&check->blocks))
		check_caller_bug(check, "mem_free", "memory was never given back");
	while ((block = RB_MIN(check_block_tree, &check->blocks))) {
		RB_REMOVE(check_block_tree, &check->blocks, block);
		dmp_meta_free(block, sizeof(*block));
	}
	if (!RB_EMPTY(&check->exposures))
		check_caller_bug(check, "mem_unmap", "memory was never taken back");
	while ((e = RB_MIN(check_exposure_tree, &check->exposures))) {
		RB_REMOVE(check_exposure_tree, &check->exposures, e);
		dmp_meta_free(e, sizeof(*e));
	}
}
