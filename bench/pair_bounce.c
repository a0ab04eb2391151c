// SPDX-License-Identifier: MIT
/*
 * pair_bounce.c - a helper program: slots for 4 KiB without the copy, beside the floor
 *
 * In the default pool with one area, of which others use PERCENT at random; the shared library.
 */
#include "bench_bounce.h"
#include "bench_child.h"

#define RING_BYTES (UINT64_C(64) << 20)
#define BYTES      4096u

static struct bench_bounce_case use;
static struct bench_rings rings;
static struct bench_bounce bounce;

static void *open_pool(unsigned batch, unsigned nthreads)
{
	use = (struct bench_bounce_case){
		.opts = DMP_SWIOTLB_OPTS(.flags = DMP_SWIOTLB_NO_COPY, .areas = 1),
		.bytes = BYTES,
		.dir = DMP_TO_DEVICE,
		.fill = BENCH_FILL_RANDOM,
		.percent = PERCENT,
		.batch = batch};
	if (bench_rings_open(&rings, RING_BYTES))
		return NULL;
	if (bench_bounce_open(&bounce, &use, &rings, nthreads) == 0)
		return &bounce;
	bench_rings_close(&rings);
	return NULL;
}

static void close_pool(void *shared)
{
	bench_bounce_close(shared);
	bench_rings_close(&rings);
}

static const struct bench_work *work(void)
{
	return &bench_bounce_pairs;
}

int main(int argc, char **argv)
{
	static const struct bench_subject subject = {
		.work = work, .open = open_pool, .close = close_pool};

	return pair_main(argc, argv, &subject);
}
