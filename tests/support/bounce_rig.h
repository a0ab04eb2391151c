/* SPDX-License-Identifier: MIT */
/*
 * bounce_rig.h - a device on a test double that bounces, and a page of memory to map for it
 */
#ifndef DMAPOOL_TEST_BOUNCE_RIG_H
#define DMAPOOL_TEST_BOUNCE_RIG_H

#include "device_rig.h"

#define UNTRUSTED DMP_DEVICE_OPTS(.flags = DMP_DEVICE_UNTRUSTED)

/* A buffer of memory that holds a pattern without zeros. */
struct bounce_rig {
	struct device_rig r;
	dmp_phys_t phys;
	unsigned char *buf; /* one page */
};

static inline void bounce_fill(unsigned char *buf, uint64_t len)
{
	for (uint64_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(1 + i % 251);
}

static inline void bounce_up(struct bounce_rig *b, bool translated, struct dmp_device_opts opts)
{
	device_rig_up_bouncing(&b->r, translated, opts);
	b->buf = zone_buf(&b->r, DMP_ZONE_ANY, 0, &b->phys);
	bounce_fill(b->buf, PAGE);
	double_clear(b->r.rig.d);
}

static inline void bounce_down(struct bounce_rig *b)
{
	assert_int_equal(slots_in_use(&b->r), 0);
	zone_free(&b->r, b->phys, 0);
	device_rig_down(&b->r);
}

#endif
