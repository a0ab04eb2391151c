// SPDX-License-Identifier: MIT
/*
 * sim_expose.c - what mem_map() lets a device reach without translation
 *
 * RAM can always be reached: mapping it is answered without a look at any book.  Memory
 * outside RAM is reachable for one device, in the direction it was mapped for, as long as
 * an exposure stands.  Exposures of one device may overlap, and the same one may be made
 * several times, to be taken back as often.
 *
 *   bytes   ----[====a====)-----------
 *           -------[=====b======)-----      reach(x): bytes from x on that some exposure
 *                  x                        of the right direction holds
 *
 * A tree by first byte; each node also knows the last byte of all below it, so that a
 * byte's exposure is found in O(log n) and a subtree that ends before it is skipped.
 *
 * Invariants, walked by sim_expose_check():
 *  E1  nodes are in order, and a node's top is the highest last byte of its subtree;
 *  E2  nexposures = the sum of the counts.
 *
 * Locking: (d) the device's lock, rank RANK_BACKEND.  A direct access holds it from the
 *  look-up to the last byte moved, so an unmap that has returned left no access behind.
 *
 * Source: Cormen et al., Introduction to Algorithms, section 14.3 (interval trees).
 */
#include "sim_internal.h"

struct sim_exposure;
static void raise_top(struct sim_exposure *node);
#define RB_AUGMENT(node) raise_top(node)
#include <bsd/sys/tree.h>

struct sim_exposure {
	RB_ENTRY(sim_exposure) link; /* (d) */
	dmp_phys_t first, last;      /* (c) bytes */
	dmp_phys_t top;              /* (d) highest last byte of this subtree */
	uint64_t count;              /* (d) how often it was made */
	enum dmp_dir dir;            /* (c) */
};

static void raise_top(struct sim_exposure *node)
{
	struct sim_exposure *left = RB_LEFT(node, link), *right = RB_RIGHT(node, link);

	node->top = node->last;
	if (left && left->top > node->top)
		node->top = left->top;
	if (right && right->top > node->top)
		node->top = right->top;
}

static int compare(const struct sim_exposure *a, const struct sim_exposure *b)
{
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->last != b->last)
		return a->last < b->last ? -1 : 1;
	return (int)a->dir - (int)b->dir;
}

#define TREE_ATTR static __attribute__((unused))
RB_PROTOTYPE_INTERNAL(sim_exposure_tree, sim_exposure, link, compare, TREE_ATTR)
RB_GENERATE_INTERNAL(sim_exposure_tree, sim_exposure, link, compare, TREE_ATTR)

/* libbsd's tree refreshes the parent of a new node or of a removed leaf; this goes on to
 * the root.  Where a node with two children goes, and in rotations, the tree does enough. */
static void raise_to_root(struct sim_exposure *node)
{
	for (; node; node = RB_PARENT(node, link))
		raise_top(node);
}

static void tree_remove(struct sim_exposure_tree *tree, struct sim_exposure *node)
{
	struct sim_exposure *parent = RB_PARENT(node, link);

	RB_REMOVE(sim_exposure_tree, tree, node);
	raise_to_root(parent);
}

/* Is this memory that is always reachable, or nothing at all? */
static int classify(struct dmp_sim *sim, dmp_phys_t phys, uint64_t len, bool *is_ram)
{
	void *buf;

	*is_ram = len != 0 && sim_mem_has(&sim->mem, phys, len);
	return *is_ram ? 0 : sim_phys_to_buf(sim, phys, len, &buf);
}

static int expose_locked(struct sim_device *dev, const struct sim_exposure *what)
{
	struct sim_exposure *node =
		RB_FIND(sim_exposure_tree, &dev->exposures, (struct sim_exposure *)what);

	dmp_lock_assert_held(&dev->lock);
	if (!node) {
		node = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*node));
		if (!node)
			return -ENOMEM;
		*node = *what;
		RB_INSERT(sim_exposure_tree, &dev->exposures, node);
		raise_to_root(node);
	}
	node->count++;
	dev->nexposures++;
	return 0;
}

static int conceal_locked(struct sim_device *dev, const struct sim_exposure *what)
{
	struct sim_exposure *node =
		RB_FIND(sim_exposure_tree, &dev->exposures, (struct sim_exposure *)what);

	dmp_lock_assert_held(&dev->lock);
	if (!node)
		return -ENOENT;
	dev->nexposures--;
	if (--node->count == 0) {
		tree_remove(&dev->exposures, node);
		dmp_meta_free(node, sizeof(*node));
	}
	return 0;
}

static struct sim_exposure exposure_of(dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	return (struct sim_exposure){
		.first = phys,
		.last = phys + len - 1,
		.top = phys + len - 1,
		.dir = dir,
	};
}

int sim_mem_map(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct dmp_sim *sim = be;
	int err = sim_inject(sim, DMP_SIM_CALL_MEM_MAP);
	bool is_ram;

	if (!err)
		err = classify(sim, phys, len, &is_ram);
	if (err || is_ram)
		return err;
	struct sim_device *dev = sim_device_find(sim, device);
	struct sim_exposure what = exposure_of(phys, len, dir);

	if (!dev)
		return -ENOENT;
	dmp_lock_acquire(&dev->lock);
	err = expose_locked(dev, &what);
	dmp_lock_release(&dev->lock);
	return err;
}

int sim_mem_unmap(void *be, uint32_t device, dmp_phys_t phys, uint64_t len, enum dmp_dir dir)
{
	struct dmp_sim *sim = be;
	bool is_ram;
	int err = classify(sim, phys, len, &is_ram);

	if (err || is_ram)
		return err;
	struct sim_device *dev = sim_device_find(sim, device);
	struct sim_exposure what = exposure_of(phys, len, dir);

	if (!dev)
		return -ENOENT;
	dmp_lock_acquire(&dev->lock);
	err = conceal_locked(dev, &what);
	dmp_lock_release(&dev->lock);
	return err;
}

static bool allows(const struct sim_exposure *node, uint32_t prot)
{
	return node->dir == DMP_BIDIRECTIONAL ||
	       node->dir == (prot == DMP_PROT_READ ? DMP_TO_DEVICE : DMP_FROM_DEVICE);
}

/* The exposure of @byte that reaches furthest, in the subtree of @node. */
static const struct sim_exposure *furthest(const struct sim_exposure *node, dmp_phys_t byte,
					   uint32_t prot)
{
	const struct sim_exposure *best = NULL, *side;

	if (!node || node->top < byte)
		return NULL;
	if (node->first <= byte) {
		if (node->last >= byte && allows(node, prot))
			best = node;
		side = furthest(RB_RIGHT(node, link), byte, prot);
		if (side && (!best || side->last > best->last))
			best = side;
	}
	side = furthest(RB_LEFT(node, link), byte, prot);
	return side && (!best || side->last > best->last) ? side : best;
}

/* How many of @len bytes from @phys on the device reaches now, without a gap. */
uint64_t sim_expose_reach(struct sim_device *dev, dmp_phys_t phys, uint64_t len, uint32_t prot)
{
	uint64_t done = 0;

	dmp_lock_assert_held(&dev->lock);
	while (done < len) {
		const struct sim_exposure *node =
			furthest(RB_ROOT(&dev->exposures), phys + done, prot);

		if (!node)
			return done;
		done = node->last - phys + 1;
	}
	return len;
}

/* Nobody exposes or reaches anything for this device any more. */
void sim_expose_drop_all(struct sim_device *dev)
{
	struct sim_exposure *node;

	while ((node = RB_ROOT(&dev->exposures)) != NULL) {
		tree_remove(&dev->exposures, node);
		dmp_meta_free(node, sizeof(*node));
	}
	dev->nexposures = 0;
}

int sim_expose_check(struct sim_device *dev)
{
	struct sim_exposure *node, *before = NULL;
	uint64_t sum = 0;
	bool sound = true;

	dmp_lock_acquire(&dev->lock);
	RB_FOREACH(node, sim_exposure_tree, &dev->exposures) {
		dmp_phys_t top = node->top;

		raise_top(node);
		sound = sound && top == node->top && (!before || compare(before, node) < 0);
		sum += node->count;
		before = node;
	}
	sound = sound && sum == dev->nexposures;
	dmp_lock_release(&dev->lock);
	if (!sound)
		dmp_log(DMP_LOG_BUG, "sim: device %u: the exposures are not in order", dev->id);
	return sound ? 0 : -EIO;
}
