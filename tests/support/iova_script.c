// SPDX-License-Identifier: MIT
/*
 * iova_script.c - operations on an IOVA domain as data: run again, made shorter, printed
 */
#include "iova_script.h"

#include "shrink.h"

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

/* A script and who runs it. */
struct run {
	struct iova_script *script;
	iova_script_run run;
	void *ctx;
};

static bool *dropped(void *ctx, unsigned index)
{
	struct run *r = ctx;

	return &r->script->op[index].dropped;
}

static unsigned run_once(void *ctx)
{
	struct run *r = ctx;

	return r->run(r->ctx, r->script);
}

unsigned iova_script_shrink(struct iova_script *script, iova_script_run run, void *ctx)
{
	struct run r = {.script = script, .run = run, .ctx = ctx};

	return shrink(
		&(struct shrink){.ctx = &r, .n = &script->n, .dropped = dropped, .run = run_once});
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
