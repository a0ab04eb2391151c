// SPDX-License-Identifier: MIT
/*
 * slots_script.c - operations on a bounce allocator as data: run again, made shorter, printed
 */
#include "slots_script.h"

#include "shrink.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HANDLES 256u /* more than are live at once */

struct slots_script *slots_script_create(unsigned n)
{
	struct slots_script *script = calloc(1, sizeof(*script));
	unsigned i;

	if (script)
		script->op = calloc(n, sizeof(*script->op));
	if (!script || !script->op)
		abort();
	for (i = 0; i <= MODEL_DEVS; i++)
		script->dev[i] = DMP_SWIOTLB_LIMITS(.flags = 0);
	script->n = script->nmade = n;
	return script;
}

void slots_script_destroy(struct slots_script *script)
{
	unsigned i;

	for (i = 0; i < script->nmade; i++)
		free(script->op[i].events);
	free(script->op);
	free(script);
}

bool slots_script_passes(const struct slots_script *script, const struct slots_op *op)
{
	switch (op->kind) {
	case SLOTS_OP_MAP:
	case SLOTS_OP_PAGES:
		return op->dropped || (op->in != SLOTS_PARENT && !script->op[op->in].live);
	case SLOTS_OP_UNMAP:
	case SLOTS_OP_SYNC:
	case SLOTS_OP_RETURN: return op->dropped || !script->op[op->of].live;
	case SLOTS_OP_LOOKUP: return op->dropped || !script->op[op->of].at.phys;
	default: return op->dropped;
	}
}

void slots_script_keep_events(struct slots_op *op, const struct slots_log *log)
{
	const struct slots_event *e;
	size_t len;
	FILE *out;

	free(op->events);
	op->events = NULL;
	if (log->n == 0)
		return;
	out = open_memstream(&op->events, &len);
	if (!out)
		abort();
	for (e = log->event; e < log->event + log->n; e++) {
		fprintf(out, "@ %s", e->text);
		if (e->asks && e->ok)
			fprintf(out, " = %" PRIx64, e->phys);
		else if (e->asks)
			fprintf(out, " = fail");
		fprintf(out, "\n");
	}
	fclose(out);
}

/* Shrinking. */

/* A script and who runs it. */
struct run {
	struct slots_script *script;
	slots_script_run run;
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

unsigned slots_script_shrink(struct slots_script *script, slots_script_run run, void *ctx)
{
	struct run r = {.script = script, .run = run, .ctx = ctx};

	return shrink(
		&(struct shrink){.ctx = &r, .n = &script->n, .dropped = dropped, .run = run_once});
}

/* Printing. */

/* A printed script calls what is live by small numbers, which it gives again. */
struct printer {
	const struct slots_script *script;
	FILE *out;
	unsigned *number; /* by operation */
	bool taken[HANDLES];
};

static void print_devices(const struct printer *p)
{
	const struct dmp_swiotlb_limits *l;
	unsigned i;

	for (i = 0; i < MODEL_DEVS; i++) {
		l = &p->script->dev[i];
		fprintf(p->out,
			"dev %u mem=0 mask=%" PRIx64 " bus=0 minalign=%" PRIx64 " segb=%" PRIx64
			" enc=%d",
			i, l->transient_limit ? l->transient_limit : UINT64_MAX, l->min_align_mask,
			l->boundary_mask, !!(l->flags & DMP_SWIOTLB_NEEDS_SHARED));
		if (l->addr_offset)
			fprintf(p->out, " range=0:%" PRIx64 ":1000000000000", l->addr_offset);
		fprintf(p->out, "\n");
		if (l->addr_limit)
			fprintf(p->out, "# dev %u reaches no further than %" PRIx64 "\n", i,
				l->addr_limit);
	}
}

/* The lowest number that is free; free again at once if nothing became live. */
static unsigned number_of_new(struct printer *p, const struct slots_op *op)
{
	unsigned i = 0;

	while (i < HANDLES - 1 && p->taken[i])
		i++;
	p->taken[i] = strcmp(op->want, "fail") != 0;
	p->number[op - p->script->op] = i;
	return i;
}

static unsigned number_of_old(struct printer *p, const struct slots_op *op)
{
	p->taken[p->number[op->of]] = strcmp(op->want, "busy") == 0;
	return p->number[op->of];
}

/* In what, if not in the allocator itself. */
static void print_in(const struct printer *p, const struct slots_op *op)
{
	if (op->in != SLOTS_PARENT)
		fprintf(p->out, "/%u", p->number[op->in]);
}

static void print_map(struct printer *p, const struct slots_op *op)
{
	bool is_map = op->kind == SLOTS_OP_MAP;

	fprintf(p->out, "%s %u %u", is_map ? "map" : "palloc", number_of_new(p, op), op->dev);
	print_in(p, op);
	if (is_map)
		fprintf(p->out, " %" PRIx64 " %" PRIu64 " %" PRIx64 " f -",
			SLOTS_ORIGINALS + op->place, op->size, op->align);
	else
		fprintf(p->out, " %" PRIu64, op->size);
}

static void print_unmap(struct printer *p, const struct slots_op *op)
{
	const struct slots_op *of = &p->script->op[op->of];
	bool is_map = of->kind == SLOTS_OP_MAP;

	fprintf(p->out, "%s %u %" PRIu64, is_map ? "unmap" : "pfree", number_of_old(p, op),
		of->size);
	if (is_map)
		fprintf(p->out, " f %c", of->option ? '-' : 's');
}

static void print_op(struct printer *p, const struct slots_op *op)
{
	FILE *out = p->out;

	switch (op->kind) {
	case SLOTS_OP_MAP:
	case SLOTS_OP_PAGES: print_map(p, op); break;
	case SLOTS_OP_UNMAP: print_unmap(p, op); break;
	case SLOTS_OP_SYNC:
		fprintf(out, "sync %u %c %" PRIu64 " %" PRIu64 " b", p->number[op->of],
			op->option ? 'd' : 'c', op->place, op->size);
		break;
	case SLOTS_OP_LOOKUP:
		fprintf(out, "lookup %u %" PRIx64, op->dev, p->script->op[op->of].at.phys);
		break;
	case SLOTS_OP_WORK: fprintf(out, "work"); break;
	case SLOTS_OP_GRACE: fprintf(out, "rcu"); break;
	case SLOTS_OP_TIME: fprintf(out, "time %" PRIu64, op->size); break;
	case SLOTS_OP_LACK: fprintf(out, "# %" PRIu64 " blocks will be lacking", op->size); break;
	case SLOTS_OP_TUNE:
		fprintf(out, "tune %d %" PRIu64 " %" PRIu64, op->option, op->size, op->place);
		break;
	case SLOTS_OP_MARK: fprintf(out, "hiwater0 0"); break;
	case SLOTS_OP_CARVE:
		fprintf(out, "carve %u %" PRIu64 " %" PRIu64, number_of_new(p, op), op->size,
			op->place);
		break;
	case SLOTS_OP_RETURN: fprintf(out, "return %u", number_of_old(p, op)); break;
	}
	fprintf(out, op->want[0] ? " = %s\n" : "\n", op->want);
	if (op->events)
		fputs(op->events, out);
}

static bool has_cpu(const struct slots_op *op)
{
	return op->kind == SLOTS_OP_MAP || op->kind == SLOTS_OP_PAGES;
}

static void print_ops(struct printer *p)
{
	const struct slots_op *op;
	unsigned cpu = 0;

	for (op = p->script->op; op < p->script->op + p->script->n; op++) {
		if (!op->ran)
			continue;
		if (has_cpu(op) && op->cpu != cpu)
			fprintf(p->out, "cpu %u\n", cpu = op->cpu);
		print_op(p, op);
	}
}

void slots_script_print(const struct slots_script *script, FILE *out)
{
	struct printer p = {.script = script, .out = out};

	p.number = calloc(script->n, sizeof(*p.number));
	if (!p.number)
		abort();
	fprintf(out, "reset\nram 800000 200000\nram 20000000 2000000\nram 70000000 100000\n"
		     "ram 140000000 4b00000\nram 180000000 2000000\n");
	fprintf(out, "cpus %u\n# policy %s\n%s\n", MODEL_CPUS, script->policy, script->pool);
	print_devices(&p);
	print_ops(&p);
	if (script->want[0])
		fprintf(out, "%s\n", script->want);
	fprintf(out, "# got: %s\n", script->got);
	free(p.number);
}
