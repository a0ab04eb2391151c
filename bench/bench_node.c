// SPDX-License-Identifier: MIT
/*
 * bench_node.c - a NUMA node of this machine
 *
 * Who is bound to the CPUs of a node first touches its memory there, and so do the threads that
 * it makes (bench_crew.c pins each to one of the CPUs that it finds allowed).
 *
 * Source: Linux Documentation/ABI/stable/sysfs-devices-node.
 */
#include "bench_node.h"
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int number(const char **text, unsigned long *n)
{
	char *end;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	*n = strtoul(*text, &end, 10);
	*text = end;
	return *n < CPU_SETSIZE ? 0 : -EINVAL;
}

/* One of them, or "first-last". */
static int range(const char **text, cpu_set_t *cpus)
{
	unsigned long first, last;
	int err = number(text, &first);

	last = first;
	if (!err && **text == '-') {
		++*text;
		err = number(text, &last);
	}
	if (err || last < first)
		return -EINVAL;
	for (; first <= last; first++)
		CPU_SET(first, cpus);
	return 0;
}

int bench_node_cpus(const char *text, cpu_set_t *cpus)
{
	cpu_set_t found;
	int err;

	CPU_ZERO(&found);
	err = range(&text, &found);
	while (!err && *text == ',') {
		text++;
		err = range(&text, &found);
	}
	if (err || (*text && *text != '\n'))
		return -EINVAL;
	*cpus = found;
	return 0;
}

/* -ENOENT: there is no such node. */
static int read_node(int node, cpu_set_t *cpus)
{
	char path[64], text[4096] = "";
	FILE *file;

	CPU_ZERO(cpus);
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
	file = fopen(path, "r");
	if (!file)
		return -ENOENT;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return bench_node_cpus(text, cpus);
}

int bench_node_enter(int node, cpu_set_t *before)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(*before), before))
		return complain("cannot tell which CPUs this process may use");
	if (node < 0)
		return 0;
	if (read_node(node, &cpus) == -ENOENT)
		return complain("this machine has no node %d; leave out --node", node);
	CPU_AND(&cpus, &cpus, before);
	if (CPU_COUNT(&cpus) == 0 || sched_setaffinity(0, sizeof(cpus), &cpus))
		return complain("this process may use no CPU of node %d; leave out --node", node);
	return 0;
}

void bench_node_leave(const cpu_set_t *before)
{
	sched_setaffinity(0, sizeof(*before), before);
}
