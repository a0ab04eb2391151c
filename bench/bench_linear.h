/* SPDX-License-Identifier: MIT */
/*
 * bench_linear.h - a policy that walks from range to range, to compare with: bench_linear.c
 */
#ifndef BENCH_BENCH_LINEAR_H
#define BENCH_BENCH_LINEAR_H

#include <dmapool/iova.h>

extern const struct dmp_iova_policy bench_policy_linear;

#endif
