// SPDX-License-Identifier: MIT
/*
 * dma_sg.c - map and unmap a list of buffers
 *
 * Merged, behind a domain: every piece is stripped of its offset, rounded to whole granules,
 * and laid behind the one before in one IOVA range, filled by one call:
 *
 *   pieces      |##  |  ####|########|#   |
 *   offset       0      2    0        0
 *   IOVA range  |----|------|--------|----|   and again: |----|======|------|
 *   answers      ##      ###########   (1)                 prev  pad  piece
 *                                                                   ^ segment boundary
 *
 *   (1) a piece joins the answer before it when that one ends, and it starts, on a granule,
 *       no segment boundary lies between, and the sum is no longer than a segment may be.
 *
 * A piece that would cross a segment boundary is moved up to it.  The range is aligned to
 * the power of two that holds it, so an offset in the range says all about boundaries.
 * The pad must lead somewhere, since a range is filled without holes: it leads to the
 * piece's own first granules.  It is shorter than the piece, so that always suffices, and
 * no byte outside the list comes into reach.
 *
 * Each by itself, dma_sg_each.c: directly, and behind a domain for a device that is untrusted or
 * forced to bounce.  Which of the two it is follows from the device's limits and from where it
 * is attached, dma_merges_lists(), so unmap knows it without a mark in the answers.
 *
 * Both decide about all pieces before the first one is acted on, undo in reverse, and write
 * the answers last.  Answers beyond the last have mapped_len 0: where unmap stops.
 *
 * Locking: none.  Lists of more than SG_STACK_PIECES pieces take bookkeeping memory.
 *
 * Differs from Linux: a pad there shows the device what lies behind the piece before it; a
 *  piece that no segment can hold is refused; errors keep their meaning; a list of an
 *  untrusted device is told by its limits, not by a mark in its first piece.
 *
 * Source: spec-iova 2.5; spec-bounce 11b.
 */
#include "dma_internal.h"

#include "hw_call.h"

/* Pieces of a list that need no memory: 32 of them are 2.3 KiB of stack, and what block
 * requests of 128 KiB in 4 KiB pages have. */
#define SG_STACK_PIECES 32u

/* No range is longer: a sum of two such lengths stays far from 64 bits. */
#define SG_BYTES_MAX (UINT64_C(1) << 62)

struct sg_stack {
	struct sg_piece pieces[SG_STACK_PIECES];
	struct dmp_phys_run runs[2 * SG_STACK_PIECES];
};

static int work_begin(struct sg_work *work, struct sg_stack *stack, size_t npieces)
{
	size_t each = sizeof(struct sg_piece) + 2 * sizeof(struct dmp_phys_run);

	*work = (struct sg_work){stack->pieces, stack->runs, npieces, NULL, 0};
	if (npieces <= SG_STACK_PIECES)
		return 0;
	if (npieces > SIZE_MAX / each)
		return -ENOMEM;
	work->memory_len = npieces * each;
	work->memory = dmp_meta_alloc(DMP_META_OBJECT, work->memory_len);
	if (!work->memory)
		return -ENOMEM;
	work->pieces = work->memory;
	work->runs = (struct dmp_phys_run *)(work->pieces + npieces);
	return 0;
}

static void work_end(struct sg_work *work)
{
	dmp_meta_free(work->memory, work->memory_len);
}

/*
 * Can @piece of @len bytes be an answer by itself?  What counts is where its address lies between
 * boundaries, of which is known: in place, that of phys or its offset in a granule, as a range is
 * aligned to the power of two that holds it; in slots, the bits that a bounce preserves, as
 * slots lie between two boundaries.
 */
static bool fits_alone(const struct dma_job *job, struct dma_route route, dmp_phys_t phys,
		       uint64_t len)
{
	const struct dma_limits *limits = &job->dev->limits;
	uint64_t known = UINT64_MAX;
	dmp_addr_t addr = phys;

	if (!route.bounce && !route.translate)
		dma_window_addr(&dma_limits(job->dev)->window, phys, len,
				&addr); /* the route is open */
	if (route.bounce)
		known &= limits->min_align_mask;
	if (route.translate)
		known &= dmp_domain_granule(job->dom) - 1;
	return dma_piece_fits(limits, addr & known, len);
}

/* Where each piece is, and that its route is open and leads to an answer. */
static int find_pieces(const struct dma_job *job, struct sg_work *work, const struct dmp_sg *sg)
{
	for (size_t i = 0; i < work->npieces; i++) {
		dmp_phys_t *phys = &work->pieces[i].phys;
		struct dma_route route;
		int err;

		if (!sg[i].buf || !sg[i].len)
			return -EINVAL;
		err = hw_buf_to_phys(job->dev->hw, sg[i].buf, sg[i].len, phys);
		if (err)
			return err;
		route = dma_route_for(job, *phys, sg[i].len);
		if (route.err)
			return dma_because(job, route.why, route.err);
		if (!fits_alone(job, route, *phys, sg[i].len))
			return dma_because(job, "a piece that no segment can hold", -ERANGE);
	}
	return 0;
}

/*
 * Merged.
 */

/* How far a piece of @span bytes at @total in the range must move up. */
static uint64_t pad_before(uint64_t boundary, uint64_t total, uint64_t span)
{
	uint64_t to_boundary = (boundary - total + 1) & boundary;

	return to_boundary < span ? to_boundary : 0;
}

/* Gives every piece its place in the range; @total: the range's bytes. */
static int lay_out(uint64_t boundary, struct sg_work *work, const struct dmp_sg *sg,
		   uint64_t granule, uint64_t *total)
{
	uint64_t end = 0;

	for (size_t i = 0; i < work->npieces; i++) {
		struct sg_piece *piece = &work->pieces[i];

		piece->offset = piece->phys & (granule - 1);
		if (!dmp_align_up_checked(sg[i].len + piece->offset, granule, &piece->span))
			return -ERANGE;
		piece->pad = pad_before(boundary, end, piece->span);
		if (piece->span > SG_BYTES_MAX)
			return -ERANGE;
		end += piece->pad + piece->span;
		if (end > SG_BYTES_MAX)
			return -ERANGE;
	}
	*total = end;
	return 0;
}

/* The memory behind the range, in order; returns how many runs. */
static size_t list_runs(struct sg_work *work)
{
	size_t nruns = 0;

	for (size_t i = 0; i < work->npieces; i++) {
		const struct sg_piece *piece = &work->pieces[i];
		dmp_phys_t start = piece->phys - piece->offset;

		if (piece->pad)
			work->runs[nruns++] = (struct dmp_phys_run){start, piece->pad};
		work->runs[nruns++] = (struct dmp_phys_run){start, piece->span};
	}
	return nruns;
}

/* May @piece, placed at @iova, lengthen the answer @last? */
static bool joins(const struct dma_limits *limits, const struct dmp_sg *last,
		  const struct sg_piece *piece, dmp_iova_t iova, uint64_t len)
{
	return piece->offset == 0 && last->addr + last->mapped_len == iova &&
	       (iova & limits->segment_boundary) != 0 &&
	       last->mapped_len <= limits->max_segment_bytes &&
	       len <= limits->max_segment_bytes - last->mapped_len;
}

/* Writes the answers for a range at @start; returns how many. */
static size_t answer_merged(const struct dma_limits *limits, const struct sg_work *work,
			    struct dmp_sg *sg, dmp_iova_t start)
{
	dmp_iova_t iova = start;
	size_t n = 0;

	for (size_t i = 0; i < work->npieces; i++) {
		const struct sg_piece *piece = &work->pieces[i];
		uint64_t len = sg[i].len;

		iova += piece->pad;
		if (n > 0 && joins(limits, &sg[n - 1], piece, iova, len)) {
			sg[n - 1].mapped_len += len;
		} else {
			sg[n].addr = iova + piece->offset;
			sg[n++].mapped_len = len;
		}
		iova += piece->span;
	}
	return n;
}

/* Of all answers; pads lead to a piece's own granules once more. */
static uint64_t list_beside(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nmapped; i++)
		sum += dma_beside(job, sg[i].addr, sg[i].mapped_len);
	return sum;
}

static int map_merged(const struct dma_job *job, struct sg_work *work, struct dmp_sg *sg,
		      size_t *nmapped)
{
	const struct dma_limits *limits = &job->dev->limits;
	uint64_t total;
	dmp_iova_t start;
	int err = lay_out(limits->segment_boundary, work, sg, dmp_domain_granule(job->dom), &total);

	if (err)
		return err;
	err = dma_place(job, work->runs, list_runs(work), limits->reach, &start);
	if (err)
		return err;
	*nmapped = answer_merged(limits, work, sg, start);
	if (dma_counts_neighbours(job))
		dma_neighbours_come(&job->dev->neighbours, list_beside(job, sg, *nmapped));
	return 0;
}

/* From the first answer's granule to the end of the last one's, in one go. */
static int unmap_merged(const struct dma_job *job, const struct dmp_sg *sg, size_t nmapped,
			bool *is_gone)
{
	dmp_iova_t first = sg[0].addr;
	dmp_iova_t last = sg[nmapped - 1].addr + (sg[nmapped - 1].mapped_len - 1);
	int err = last < first ? -EINVAL : dmp_domain_unmap(job->dom, first, last - first + 1);

	*is_gone = dma_unmap_took_effect(job->dom, err);
	if (*is_gone && dma_counts_neighbours(job))
		dma_neighbours_go(&job->dev->neighbours, list_beside(job, sg, nmapped));
	return err;
}

/*
 * Lists.
 */

/* Answers that lie behind the last one lead nowhere. */
static void clear_answers(struct dmp_sg *sg, size_t from, size_t nents)
{
	for (size_t i = from; i < nents; i++) {
		sg[i].addr = 0;
		sg[i].mapped_len = 0;
	}
}

static size_t count_answers(const struct dmp_sg *sg, size_t nents)
{
	size_t n = 0;

	while (n < nents && sg[n].mapped_len)
		n++;
	return n;
}

static bool merges(const struct dma_job *job)
{
	return dma_merges_lists(&job->dev->limits, job->dom != NULL);
}

static int map_pieces(const struct dma_job *job, struct sg_work *work, struct dmp_sg *sg,
		      size_t *nmapped)
{
	int err = find_pieces(job, work, sg);

	if (err)
		return err;
	return merges(job) ? map_merged(job, work, sg, nmapped)
			   : dma_sg_map_each(job, work, sg, nmapped);
}

static int map_list(struct dmp_device *dev, struct dmp_sg *sg, size_t nents, enum dmp_dir dir,
		    unsigned attrs, size_t *nmapped, const char **why)
{
	const struct dma_job job = dma_job(dev, dir, attrs, why);
	struct sg_stack stack;
	struct sg_work work;
	int err = sg && nmapped ? dma_request_check(nents, dir, attrs) : -EINVAL;

	if (!err)
		err = work_begin(&work, &stack, nents);
	if (err)
		return err;
	err = map_pieces(&job, &work, sg, nmapped);
	work_end(&work);
	return err;
}

static uint64_t list_bytes(const struct dmp_sg *sg, size_t nents)
{
	uint64_t sum = 0;

	for (size_t i = 0; sg && i < nents; i++)
		sum += sg[i].len;
	return sum;
}

int dmp_dma_map_sg(struct dmp_device *dev, struct dmp_sg *sg, size_t nents, enum dmp_dir dir,
		   unsigned attrs, size_t *nmapped)
{
	const char *why = NULL;
	int err = dev ? dma_begin(dev, DMA_MAPS, &why) : -EINVAL;

	if (!err)
		err = map_list(dev, sg, nents, dir, attrs, nmapped, &why);
	if (err)
		return dma_map_failed(dev, list_bytes(sg, nents), attrs, err, why);
	clear_answers(sg, *nmapped, nents);
	return 0;
}

/* Does an answer lead to coherent memory, which is no mapping of a list? */
static bool any_is_coherent(struct dmp_device *dev, const struct dmp_sg *sg, size_t nmapped)
{
	for (size_t i = 0; i < nmapped; i++)
		if (dma_is_coherent(dev, sg[i].addr))
			return true;
	return false;
}

int dmp_dma_unmap_sg(struct dmp_device *dev, struct dmp_sg *sg, size_t nents, enum dmp_dir dir,
		     unsigned attrs)
{
	int err = sg ? dma_unmap_checked(dev, nents, dir, attrs) : -EINVAL;
	size_t nmapped = err ? 0 : count_answers(sg, nents);
	bool is_gone = false;
	struct dma_job job;

	if (!err && nmapped == 0)
		err = -ENOENT;
	if (!err && DMP_CHECKS >= 1 && any_is_coherent(dev, sg, nmapped))
		err = -ENOENT;
	if (err)
		return dma_unmap_refused(dev, list_bytes(sg, nents), err);
	job = dma_job(dev, dir, attrs, NULL);
	err = merges(&job) ? unmap_merged(&job, sg, nmapped, &is_gone)
			   : dma_sg_unmap_each(&job, sg, nmapped, &is_gone);
	if (is_gone)
		clear_answers(sg, 0, nmapped);
	return dma_unmap_done(dev, list_bytes(sg, nents), is_gone, err);
}
