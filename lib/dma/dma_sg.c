// SPDX-License-Identifier: MIT
/*
 * dma_sg.c - map and unmap a list of buffers
 *
 * Translated: every piece is stripped of its offset, rounded to whole granules, and laid
 * behind the one before in one IOVA range, filled by one call:
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
 * Direct: every piece by itself, nothing is merged.
 *
 * Both decide about all pieces before the first one is acted on, undo in reverse, and write
 * the answers last.  Answers beyond the last have mapped_len 0: where unmap stops.
 *
 * Locking: none.  Lists of more than SG_STACK_PIECES pieces take bookkeeping memory.
 *
 * Differs from Linux: a pad there shows the device what lies behind the piece before it; a
 *  piece that no segment can hold is refused; errors keep their meaning.
 *
 * Source: spec-iova 2.5; spec-bounce 11.5.
 */
#include "dma_internal.h"

#include "hw_call.h"

/* Pieces of a list that need no memory: 32 of them are 2 KiB of stack, and what block
 * requests of 128 KiB in 4 KiB pages have. */
#define SG_STACK_PIECES 32u

/* No range is longer: a sum of two such lengths stays far from 64 bits. */
#define SG_BYTES_MAX (UINT64_C(1) << 62)

/* A piece of the list, before it has an address. */
struct sg_piece {
	dmp_phys_t phys;
	uint64_t offset; /* translated: in its first granule */
	uint64_t span;   /* translated: whole granules, bytes */
	uint64_t pad;    /* translated: bytes before it, up to a segment boundary */
};

/* A list on its way: @runs has room for a piece and its pad each. */
struct sg_work {
	struct sg_piece *pieces;
	struct dmp_phys_run *runs;
	size_t npieces;
	void *memory; /* what pieces and runs lie in, if not on the stack */
	size_t memory_len;
};

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

/* Where each piece is, and whether its route is open.  Open routes do not differ within a
 * list: no piece bounces, and all go through the domain or none. */
static int find_pieces(struct dmp_device *dev, struct dmp_domain *dom, struct sg_work *work,
		       const struct dmp_sg *sg)
{
	for (size_t i = 0; i < work->npieces; i++) {
		struct sg_piece *piece = &work->pieces[i];
		int err = sg[i].buf && sg[i].len ? 0 : -EINVAL;

		if (!err)
			err = hw_buf_to_phys(dev->hw, sg[i].buf, sg[i].len, &piece->phys);
		if (!err)
			err = dma_route_for(dev, dom, piece->phys, sg[i].len).err;
		if (err)
			return err;
	}
	return 0;
}

/*
 * Translated.
 */

/* How far a piece of @span bytes at @total in the range must move up. */
static uint64_t pad_before(uint64_t boundary, uint64_t total, uint64_t span)
{
	uint64_t to_boundary = (boundary - total + 1) & boundary;

	return to_boundary < span ? to_boundary : 0;
}

/* Gives every piece its place in the range; @total: the range's bytes. */
static int lay_out(const struct dma_limits *limits, struct sg_work *work, const struct dmp_sg *sg,
		   uint64_t granule, uint64_t *total)
{
	uint64_t end = 0;

	for (size_t i = 0; i < work->npieces; i++) {
		struct sg_piece *piece = &work->pieces[i];

		piece->offset = piece->phys & (granule - 1);
		if (!dmp_align_up_checked(sg[i].len + piece->offset, granule, &piece->span) ||
		    !dma_piece_fits(limits, piece->offset, sg[i].len))
			return -ERANGE;
		piece->pad = pad_before(limits->segment_boundary, end, piece->span);
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

static int map_translated(struct dmp_device *dev, struct dmp_domain *dom, struct sg_work *work,
			  struct dmp_sg *sg, enum dmp_dir dir, size_t *nmapped)
{
	uint64_t total;
	dmp_iova_t start;
	int err = lay_out(&dev->limits, work, sg, dmp_domain_granule(dom), &total);

	if (err)
		return err;
	err = dmp_domain_map_runs(dom, work->runs, list_runs(work), dma_prot(dir),
				  dev->limits.reach, &start);
	if (err)
		return err;
	*nmapped = answer_merged(&dev->limits, work, sg, start);
	return 0;
}

/* From the first answer's granule to the end of the last one's, in one go. */
static int unmap_translated(struct dmp_domain *dom, const struct dmp_sg *sg, size_t nmapped)
{
	dmp_iova_t first = sg[0].addr;
	dmp_iova_t last = sg[nmapped - 1].addr + (sg[nmapped - 1].mapped_len - 1);

	return last < first ? -EINVAL : dmp_domain_unmap(dom, first, last - first + 1);
}

/*
 * Direct.
 */

static int map_direct(struct dmp_device *dev, const struct sg_work *work, struct dmp_sg *sg,
		      enum dmp_dir dir, size_t *nmapped)
{
	size_t i;
	int err = 0;

	for (i = 0; i < work->npieces && !err; i++)
		err = dma_piece_fits(&dev->limits, work->pieces[i].phys, sg[i].len) ? 0 : -ERANGE;
	if (err)
		return err;
	for (i = 0; i < work->npieces; i++) {
		err = dma_expose(dev, work->pieces[i].phys, sg[i].len, dir);
		if (err)
			goto undo_expose;
	}
	for (i = 0; i < work->npieces; i++) {
		sg[i].addr = work->pieces[i].phys;
		sg[i].mapped_len = sg[i].len;
	}
	*nmapped = work->npieces;
	return 0;

undo_expose:
	while (i-- > 0)
		dma_unexpose(dev, work->pieces[i].phys, sg[i].len, dir);
	return err;
}

static int unmap_direct(struct dmp_device *dev, const struct dmp_sg *sg, size_t nmapped,
			enum dmp_dir dir)
{
	size_t i;
	int err = 0;

	for (i = 0; i < nmapped; i++) {
		err = dma_unexpose(dev, sg[i].addr, sg[i].mapped_len, dir);
		if (err)
			goto undo_unexpose;
	}
	return 0;

undo_unexpose:
	while (i-- > 0)
		if (dma_expose(dev, sg[i].addr, sg[i].mapped_len, dir))
			dmp_log(DMP_LOG_WARN, "dma: device %u: %#llx can no longer be reached",
				dev->number, (unsigned long long)sg[i].addr);
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

static int map_pieces(struct dmp_device *dev, struct sg_work *work, struct dmp_sg *sg,
		      enum dmp_dir dir, size_t *nmapped)
{
	struct dmp_domain *dom = dma_domain(dev);
	int err = find_pieces(dev, dom, work, sg);

	if (err)
		return err;
	return dom ? map_translated(dev, dom, work, sg, dir, nmapped)
		   : map_direct(dev, work, sg, dir, nmapped);
}

static int map_list(struct dmp_device *dev, struct dmp_sg *sg, size_t nents, enum dmp_dir dir,
		    unsigned attrs, size_t *nmapped)
{
	struct sg_stack stack;
	struct sg_work work;
	int err = sg && nmapped ? dma_request_check(nents, dir, attrs) : -EINVAL;

	if (!err)
		err = work_begin(&work, &stack, nents);
	if (err)
		return err;
	err = map_pieces(dev, &work, sg, dir, nmapped);
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
	int err = dev ? map_list(dev, sg, nents, dir, attrs, nmapped) : -EINVAL;

	if (err)
		return dma_map_failed(dev, list_bytes(sg, nents), attrs, err);
	clear_answers(sg, *nmapped, nents);
	counter_add(&dev->counts, DMA_MAPS, 1);
	return 0;
}

int dmp_dma_unmap_sg(struct dmp_device *dev, struct dmp_sg *sg, size_t nents, enum dmp_dir dir,
		     unsigned attrs)
{
	int err = sg ? dma_unmap_checked(dev, nents, dir, attrs) : -EINVAL;
	size_t nmapped = err ? 0 : count_answers(sg, nents);
	struct dmp_domain *dom;

	if (!err && nmapped == 0)
		err = -ENOENT;
	if (!err && DMP_CHECKS >= 1 && dma_is_coherent(dev, sg[0].addr))
		err = -ENOENT;
	if (err)
		return dma_unmap_refused(dev, list_bytes(sg, nents), err);
	dom = dma_domain(dev);
	err = dom ? unmap_translated(dom, sg, nmapped) : unmap_direct(dev, sg, nmapped, dir);
	if (dma_unmap_took_effect(dom, err))
		clear_answers(sg, 0, nmapped);
	return dma_unmap_done(dev, dom, list_bytes(sg, nents), err);
}
