// SPDX-License-Identifier: MIT
/*
 * iova_script.c - operations on an IOVA domain as data: run again, made shorter, printed
 *
 * Shrinking: whatever follows the first wrong answer goes; then halves, quarters, ... single
 * operations are dropped for as long as a run without them still goes wrong, wherever.  One
 * pass over single operations that drops none ends it.
 */
#include "iova_script.h"

#include <inttypes.h>
#include <stdlib.h>

struct iova_script *iova_script_create(unsigned n)
{
	struct iova_script *script = calloc(1, sizeof(*script));

	if (script)
		script->op = calloc(n, sizeof(*script->op));
	if (!script || !script->op)
		abort();
	script->n = n;
	return script;
}

void iova_script_destroy(struct iova_script *script)
{
	free(script->op);
	free(script);
}

bool iova_script_passes(const struct iova_script *script, const struct iova_op *op)
{
	return op->dropped || (op->kind == IOVA_OP_FREE && !script->op[op->of].live);
}

/* Shrinking. */

/* Does it go wrong still?  What follows is cut off. */
static bool goes_wrong(struct iova_script *script, iova_script_run run, void *ctx)
{
	unsigned at = run(ctx, script);

	if (at == script->n)
		return false;
	script->n = at + 1;
	return true;
}

/* Tries to do without @len operations from @at on; returns how many that saved. */
static unsigned try_without(struct iova_script *script, unsigned at, unsigned len,
			    iova_script_run run, void *ctx)
{
	unsigned i, end = at + len < script->n ? at + len : script->n, ndropped = 0;
	bool *was = calloc(len, sizeof(*was));

	if (!was)
		abort();
	for (i = at; i < end; i++) {
		was[i - at] = script->op[i].dropped;
		ndropped += !script->op[i].dropped;
		script->op[i].dropped = true;
	}
	if (ndropped > 0 && !goes_wrong(script, run, ctx)) {
		for (i = at; i < end; i++)
			script->op[i].dropped = was[i - at];
		ndropped = 0;
	}
	free(was);
	return ndropped;
}

static unsigned count_kept(const struct iova_script *script)
{
	unsigned i, n = 0;

	for (i = 0; i < script->n; i++)
		n += !script->op[i].dropped;
	return n;
}

unsigned iova_script_shrink(struct iova_script *script, iova_script_run run, void *ctx)
{
	unsigned len, at, nsaved;

	if (!goes_wrong(script, run, ctx))
		return count_kept(script);
	for (len = script->n / 2; len > 1; len /= 2)
		for (at = 0; at < script->n; at += len)
			try_without(script, at, len, run, ctx);
	do {
		nsaved = 0;
		for (at = 0; at < script->n; at++)
			nsaved += try_without(script, at, 1, run, ctx);
	} while (nsaved > 0);
	run(ctx, script);
	return count_kept(script);
}

/* Printing. */

/* The number of an uncached allocation, as the vectors count them: 1, 2, ... */
static unsigned id_of(const struct iova_script *script, unsigned index)
{
	unsigned i, id = 1;

	for (i = 0; i < index; i++)
		id += script->op[i].kind == IOVA_OP_ALLOC && script->op[i].ran;
	return id;
}

static void print_free(const struct iova_script *script, const struct iova_op *op, FILE *out)
{
	const struct iova_op *of = &script->op[op->of];

	if (of->kind == IOVA_OP_ALLOC)
		fprintf(out, "free %u", id_of(script, op->of));
	else
		fprintf(out, "free_fast %u 0x%" PRIx64 " %" PRIu64, op->cpu, of->pfn, of->size);
}

static void print_op(const struct iova_script *script, const struct iova_op *op, FILE *out)
{
	switch (op->kind) {
	case IOVA_OP_ALLOC:
		fprintf(out, "alloc %u %" PRIu64 " 0x%" PRIx64 " %d",
			id_of(script, (unsigned)(op - script->op)), op->size, op->limit,
			op->option);
		break;
	case IOVA_OP_ALLOC_FAST:
		fprintf(out, "alloc_fast %u %" PRIu64 " 0x%" PRIx64 " %d", op->cpu, op->size,
			op->limit, op->option);
		break;
	case IOVA_OP_FREE: print_free(script, op, out); break;
	case IOVA_OP_FREE_PFN: fprintf(out, "free_pfn 0x%" PRIx64, op->lo); break;
	case IOVA_OP_FIND: fprintf(out, "find 0x%" PRIx64, op->lo); break;
	case IOVA_OP_RESERVE:
		fprintf(out, "reserve 0x%" PRIx64 " 0x%" PRIx64, op->lo, op->hi);
		break;
	case IOVA_OP_DEPOT_WORK: fprintf(out, "depot_work"); break;
	case IOVA_OP_CPU_DEAD: fprintf(out, "cpu_dead %u", op->cpu); break;
	case IOVA_OP_CPU_ONLINE: fprintf(out, "cpu_online %u", op->cpu); break;
	}
	fprintf(out, op->want[0] ? " = %s\n" : "\n", op->want);
}

void iova_script_print(const struct iova_script *script, FILE *out)
{
	unsigned i;

	fprintf(out, "domain %s\n", script->space);
	for (i = 0; i < script->n; i++)
		if (script->op[i].ran)
			print_op(script, &script->op[i], out);
	if (script->want[0])
		fprintf(out, "%s\n", script->want);
	fprintf(out, "# got: %s\n", script->got);
}
