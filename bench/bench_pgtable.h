/* SPDX-License-Identifier: MIT */
/*
 * bench_pgtable.h - what `dmapool bench pgtable --preset targets` promises: bench_pgtable_targets.c
 */
#ifndef BENCH_BENCH_PGTABLE_H
#define BENCH_BENCH_PGTABLE_H

#include "bench.h"

struct json_file;

/* Measures and prints; the exit status. */
int bench_pgtable_targets(const struct bench_plan *plan, struct json_file *json);

#endif
