// SPDX-License-Identifier: MIT
/*
 * dma_sg_each.c - lists whose pieces are mapped each by itself
 *
 *   pieces      |##  |  ####|   ##   |
 *   answers      ##     ####    ##         as many, in the buffers or in slots
 *
 * Every piece takes the way of a single buffer, dma_map_piece(), and its answer is as long as
 * itself.
 *
 *   map     one after the other; where one fails, those before it are unmapped again; if that
 *           fails too the error is -ENOTRECOVERABLE
 *           only the first may wait for slots: a list that has its turn is not to wait for itself
 *   unmap   the first goes last, so that whose turn is next finds all slots of the list free
 *           translated:  is each answer all of a mapping?       -> each is unmapped
 *           direct:      all out of the device's reach             -> slots copied back and freed
 *
 * Before the arrow all is well or nothing happens: pieces that were taken out of reach are put
 * back if another was not in it.  After it, a flush or a copy back that fails cannot be undone:
 * the rest is unmapped all the same, and the first error returned.
 *
 * Locking: none.
 *
 * Differs from Linux: a piece's own error is returned, where there all are -EIO; unmap looks
 *  first.
 *
 * Source: spec-bounce 11.5, 11b, P1.
 */
#include "dma_internal.h"

/* Nobody has used the first @n pieces: nothing is copied back.  False: a device may still reach
 * one of them, since a flush failed, or the machine did not take it back. */
static bool unmap_unused(const struct dma_job *job, const struct sg_work *work,
			 const struct dmp_sg *sg, size_t n)
{
	struct dma_job undo = *job;
	bool is_gone, is_undone = true;

	undo.attrs |= DMP_ATTR_SKIP_SYNC;
	while (n-- > 0)
		if (dma_unmap_piece(&undo, work->pieces[n].addr, sg[n].len, &is_gone))
			is_undone = false;
	return is_undone;
}

int dma_sg_map_each(const struct dma_job *job, const struct sg_work *work, struct dmp_sg *sg,
		    size_t *nmapped)
{
	struct dma_job rest = *job;
	size_t i;
	int err;

	rest.attrs &= ~DMP_ATTR_MAY_BLOCK;
	for (i = 0; i < work->npieces; i++) {
		struct sg_piece *piece = &work->pieces[i];

		err = dma_map_piece(i ? &rest : job, piece->phys, sg[i].len, &piece->addr);
		if (err)
			goto undo_pieces;
	}
	for (i = 0; i < work->npieces; i++) {
		sg[i].addr = work->pieces[i].addr;
		sg[i].mapped_len = sg[i].len;
	}
	*nmapped = work->npieces;
	return 0;

undo_pieces:
	if (unmap_unused(job, work, sg, i))
		return err;
	return dma_because(job, "pieces before the one that failed can still be reached",
			   -ENOTRECOVERABLE);
}

/* Does @answer lead into slots, and then not to all of one bounce buffer? */
static int check_slots(const struct dma_job *job, const struct dmp_sg *answer)
{
	dmp_phys_t slot;

	if (!dma_bounce_find(job->dev, job->dom, answer->addr, &slot))
		return 0;
	return dma_bounce_check_whole(job->dev, slot, answer->mapped_len);
}

/* What can be known before the first is taken back. */
static int check_answers(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped)
{
	for (size_t i = 0; i < nmapped; i++) {
		int err = check_slots(job, &sg[i]);

		if (!err && job->dom)
			err = dmp_domain_can_unmap(job->dom, sg[i].addr, sg[i].mapped_len);
		if (err)
			return err;
	}
	return 0;
}

/* Which piece goes as the @n-th of @nmapped, from 0 on. */
static size_t in_order(size_t n, size_t nmapped)
{
	return n + 1 < nmapped ? n + 1 : 0;
}

static int unmap_each_translated(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped,
				 bool *is_gone)
{
	int first_err = 0;

	for (size_t n = 0; n < nmapped; n++) {
		size_t i = in_order(n, nmapped);
		bool piece_is_gone;
		int err = dma_unmap_piece(job, sg[i].addr, sg[i].mapped_len, &piece_is_gone);

		first_err = first_err ? first_err : err;
		*is_gone |= piece_is_gone;
	}
	return *is_gone ? dma_after_the_fact(first_err) : first_err;
}

/* Undoes dma_unexpose_addr(). */
static void expose_again(struct dmp_device *dev, dmp_addr_t addr, uint64_t len, enum dmp_dir dir)
{
	dmp_phys_t phys;

	if (!dma_window_phys(&dma_limits(dev)->window, addr, len, &phys) ||
	    dma_expose(dev, phys, len, dir))
		dmp_log(DMP_LOG_WARN, "dma: device %u: %#llx can no longer be reached", dev->number,
			(unsigned long long)addr);
}

/* All out of the device's reach, or none. */
static int unexpose_all(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped)
{
	size_t i;
	int err;

	for (i = 0; i < nmapped; i++) {
		err = dma_unexpose_addr(job->dev, sg[i].addr, sg[i].mapped_len, job->dir);
		if (err)
			goto undo_unexpose;
	}
	return 0;

undo_unexpose:
	while (i-- > 0)
		expose_again(job->dev, sg[i].addr, sg[i].mapped_len, job->dir);
	return err;
}

static int unmap_each_direct(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped,
			     bool *is_gone)
{
	int first_err = unexpose_all(job, sg, nmapped);

	if (first_err)
		return first_err;
	*is_gone = true;
	for (size_t n = 0; n < nmapped; n++) {
		size_t i = in_order(n, nmapped);
		dmp_phys_t slot;
		int err = 0;

		if (dma_bounce_find(job->dev, NULL, sg[i].addr, &slot))
			err = dma_bounce_out(job, slot, sg[i].mapped_len);
		first_err = first_err ? first_err : err;
	}
	return dma_after_the_fact(first_err);
}

int dma_sg_unmap_each(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped,
		      bool *is_gone)
{
	int err = check_answers(job, sg, nmapped);

	if (err)
		return err;
	return job->dom ? unmap_each_translated(job, sg, nmapped, is_gone)
			: unmap_each_direct(job, sg, nmapped, is_gone);
}
