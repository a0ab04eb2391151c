// SPDX-License-Identifier: MIT
/*
 * bench_iova_growth.c - what live ranges cost: the same replacement at random among more of them
 *
 *    linear        looks at one range after the other: 16 times the ranges, 16 times the time
 *    linux, gap    search a tree
 *    linux, cached a replacement is a magazine's, and the ranges are nobody's business
 *
 * Malka et al., EiovaR (FAST 2015), found that an allocator like the first makes up to 5.5 times
 * the difference to a network card.
 */
#include "bench_linear.h"
#include "bench_side.h"
#include "command.h"
#include "progress.h"

#include <math.h>
#include <stdlib.h>

#define FEW  1024u
#define SOME 4096u
#define MANY 16384u /* a walk over more of them would need minutes to get ready */

#define LINEAR_LEAST 8 /* half of MANY / FEW */
#define FLAT_MOST    3

struct setting {
	const struct dmp_iova_policy *policy;
	bool cached;
	bool linear; /* it is expected to grow with the ranges */
	const char *few, *some, *many, *growth;
};

static struct bench_side replacing(const struct setting *s, uint64_t live)
{
	struct bench_side side = bench_side_replacing(live);

	side.use.opts.policy = s->policy;
	side.use.cached = s->cached;
	if (s->cached)
		side.use.opts.flags = 0;
	return side;
}

static void measure(struct bench_compare *c, const struct setting *s)
{
	const struct bench_side few = replacing(s, FEW);

	bench_side_compare(c, s->some, replacing(s, SOME), few);
	bench_compare_ns(c, 1, s->few, NAN, NAN);
	bench_compare_ns(c, 0, s->some, NAN, NAN);
	bench_side_compare(c, s->many, replacing(s, MANY), few);
	bench_compare_ns(c, 0, s->many, NAN, NAN);
	bench_compare_cpu(c, s->growth, s->linear ? LINEAR_LEAST : FLAT_MOST, NAN)->at_least =
		s->linear;
}

#define ROWS(name)                                                                                 \
	name ", 1k live ranges", name ", 4k live ranges", name ", 16k live ranges",                \
		name ", 16k: CPU time to 1k"

int bench_iova_growth(const struct bench_plan *plan, struct json_file *json)
{
	static const struct setting settings[] = {
		{&bench_policy_linear, false, true, ROWS("linear, no cache")},
		{&dmp_iova_policy_linux, false, false, ROWS("linux, no cache")},
		{&dmp_iova_policy_gap, false, false, ROWS("gap, no cache")},
		{&dmp_iova_policy_linux, true, false, ROWS("linux, cached")},
	};
	static struct bench_compare c;
	struct bench_table *table = calloc(1, sizeof(*table));
	int status;

	if (!table)
		return complain("no memory for the figures");
	c = (struct bench_compare){.plan = *plan, .table = table};
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		measure(&c, &settings[i]);
	progress_clear();
	status = bench_table_print(stdout, table, json);
	free(table);
	return status;
}
