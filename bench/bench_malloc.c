// SPDX-License-Identifier: MIT
/*
 * bench_malloc.c - what malloc would take to copy buffers to
 *
 * A driver without bounce slots would allocate a buffer, copy and free it.  glibc's malloc and
 * jemalloc's do that in helper programs (pair_copy.c), since whose malloc it is, is a matter of
 * the whole process, beside memcpy over rings of 64 MiB in the same process.
 */
#include "bench_malloc.h"
#include "bench_child.h"
#include "command.h"
#include "json_file.h"
#include "progress.h"

#include <jansson.h>

static const struct {
	const char *name;
	enum bench_child child;
} allocators[] = {{"glibc", BENCH_CHILD_COPY_GLIBC}, {"jemalloc", BENCH_CHILD_COPY_JEMALLOC}};

#define NALLOCATORS (sizeof(allocators) / sizeof(allocators[0]))

struct measured {
	const char *name;
	uint64_t bytes;
	unsigned nthreads;
	int err; /* 0: pair is measured */
	struct bench_pair pair;
};

static void print_row(FILE *to, const struct measured *m)
{
	fprintf(to, "%-11s %-4s %-4s %7llu %6s %-8s %6s %7u ", m->name, "on", "to",
		(unsigned long long)m->bytes, "-", "-", "-", m->nthreads);
	if (m->err)
		fprintf(to, "%s\n", bench_child_reason(m->err));
	else
		fprintf(to, "%8.1f %8.1f %7s %6s %7.2f %8.1f %8.2f%s\n", m->pair.wall, m->pair.ours,
			"-", "-", bench_malloc_speed(m->bytes, m->pair.wall), m->pair.floor,
			m->pair.ratio,
			m->nthreads > bench_cpus() ? "  more threads than CPUs" : "");
	fflush(to);
}

static json_t *row_json(const struct measured *m)
{
	if (m->err)
		return json_pack("{s:s, s:I, s:i, s:s}", "allocator", m->name, "bytes",
				 (json_int_t)m->bytes, "threads", (int)m->nthreads, "why",
				 bench_child_reason(m->err));
	return json_pack("{s:s, s:I, s:i, s:f, s:f, s:f, s:f, s:f, s:s, s:f, s:b}", "allocator",
			 m->name, "bytes", (json_int_t)m->bytes, "threads", (int)m->nthreads,
			 "wall_ns", m->pair.wall, "cpu_ns", m->pair.ours, "gb_a_second",
			 bench_malloc_speed(m->bytes, m->pair.wall), "x_floor", m->pair.ratio,
			 "floor_ns", m->pair.floor, "floor", "memcpy", "lost", m->pair.lost,
			 "more_threads_than_cpus", m->nthreads > bench_cpus());
}

int bench_malloc_run(const struct bench_plan *plan, uint64_t bytes, unsigned nthreads,
		     struct json_file *json)
{
	int status = EXIT_GOOD;

	for (size_t i = 0; !status && i < NALLOCATORS; i++) {
		struct measured m = {
			.name = allocators[i].name, .bytes = bytes, .nthreads = nthreads};

		progress_show("malloc of %s, %llu bytes", m.name, (unsigned long long)bytes);
		m.err = bench_child_measure(allocators[i].child, plan, (unsigned)bytes, nthreads,
					    &m.pair);
		progress_clear();
		print_row(stdout, &m);
		if (json)
			status = json_file_add(json, "malloc", row_json(&m));
	}
	return status;
}
