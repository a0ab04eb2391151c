/* SPDX-License-Identifier: MIT */
/*
 * bench_node.h - a NUMA node of this machine: bench_node.c
 */
#ifndef BENCH_BENCH_NODE_H
#define BENCH_BENCH_NODE_H

#include <sched.h>

/* "0-3,8" as CPUs; -EINVAL: it is no such list. */
int bench_node_cpus(const char *text, cpu_set_t *cpus);

/**
 * bench_node_enter() - from here on the calling thread, and those it makes, use a node's CPUs
 * @node:   -1: any
 * @before: out: what it might use until now, for bench_node_leave()
 *
 * Complains and returns EXIT_USAGE if there is no such node, or none of its CPUs may be used.
 */
int bench_node_enter(int node, cpu_set_t *before);
void bench_node_leave(const cpu_set_t *before);

#endif
