// SPDX-License-Identifier: MIT
/*
 * bench_iova_targets.c - what the IOVA allocator promises: measured, printed, judged
 */
#include "bench_target.h"
#include "command.h"
#include "progress.h"

#include <stdlib.h>

int bench_iova_targets(const struct bench_plan *plan, struct json_file *json)
{
	struct bench_table *table;
	int status;

	if (bench_cpus() < 2)
		return complain("the targets need 2 CPUs, and this process may use one");
	table = calloc(1, sizeof(*table));
	if (!table)
		return complain("no memory for the figures");
	bench_iova_linked(plan, table);
	bench_iova_ratios(plan, table);
	progress_clear();
	status = bench_table_print(stdout, table, json);
	free(table);
	return status;
}
