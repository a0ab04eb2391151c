// SPDX-License-Identifier: MIT
/*
 * pair_iova.c - a helper program: cached ranges of one granule, beside the floor
 */
#include "bench_child.h"
#include "bench_range.h"

#include <dmapool/bits.h>

#include <stdlib.h>

static struct bench_range_case use = {
	.pattern = BENCH_SAME, .cached = true, .size = 1, .limit = DMP_MASK(20)};

static void *open_space(unsigned batch, unsigned nthreads)
{
	struct bench_range *range = malloc(sizeof(*range));

	use.opts = DMP_IOVA_OPTS(.start_pfn = 1);
	use.batch = batch;
	if (range && bench_range_open(range, &use, nthreads) == 0)
		return range;
	free(range);
	return NULL;
}

static void close_space(void *shared)
{
	bench_range_close(shared);
	free(shared);
}

static const struct bench_work *work(void)
{
	return bench_range_work(&use);
}

int main(int argc, char **argv)
{
	static const struct bench_subject subject = {
		.work = work, .open = open_space, .close = close_space};

	return pair_main(argc, argv, &subject);
}
