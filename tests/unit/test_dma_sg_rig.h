/* SPDX-License-Identifier: MIT */
/*
 * test_dma_sg_rig.h - lists of pieces of one block, for the unit tests of dma_sg.c and
 * dma_sg_each.c
 */
#ifndef TEST_DMA_SG_RIG_H
#define TEST_DMA_SG_RIG_H

#include "device_rig.h"

/* Pieces of one block: at @page + @offset, @len bytes. */
struct piece {
	unsigned page, offset, len;
};

static inline void fill(struct dmp_sg *sg, char *block, const struct piece *pieces, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sg[i] = (struct dmp_sg){.buf = block + pieces[i].page * PAGE + pieces[i].offset,
					.len = pieces[i].len,
					.addr = 77,
					.mapped_len = 78};
}

struct sg_rig {
	struct device_rig r;
	char *block; /* 64 pages */
	dmp_phys_t phys;
};

static inline void sg_up(struct sg_rig *s, bool translated, const struct dmp_device_opts *opts)
{
	device_rig_up(&s->r, translated, opts);
	s->block = zone_buf(&s->r, DMP_ZONE_ANY, 6, &s->phys);
}

static inline void sg_down(struct sg_rig *s)
{
	zone_free(&s->r, s->phys, 6);
	device_rig_down(&s->r);
}

#endif
