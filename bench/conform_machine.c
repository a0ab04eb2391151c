// SPDX-License-Identifier: MIT
/*
 * conform_machine.c - the machine under the bounce vectors: memory where the file wants it
 *
 * A file of vectors says where memory lies, and which address each request for a block is
 * answered with.  So this machine has stretches of memory at any address, and no allocator:
 *
 *      0x12345000 [....]      0x40000000 [.........]      0x140000000 [..............]
 *
 * While a file's operations run, each request is answered from the events that stand below
 * the operation, and written down in their words, so that the two can be compared.  A request
 * that is not the next event gets nothing.
 *
 * A block that is given out where no memory has been declared brings its own.  Blocks are
 * not aligned to their size if the file does not align them: the recorded pools lay anywhere.
 *
 * Uses hw.h alone, as any backend.
 */
#include "conform.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STRETCHES_MAX 16u
/* The longest list of an operation: a grace period with many pools. */
#define ASKED_MAX     65536u

struct stretch {
	uint64_t base, len;
	unsigned char *mem;
};

struct conform_machine {
	struct dmp_hw *hw; /* NULL: not yet an object of the library */
	struct stretch stretches[STRETCHES_MAX];
	unsigned nstretches;
	uint64_t next_base; /* what the requests after the failures get */
	uint64_t nfailures;
	unsigned order_max;
	const struct conform_line *line; /* whose events are followed; NULL: next_base is */
	const char *event;               /* the latest that was an answer */
	char asked[ASKED_MAX];
};

static struct stretch *stretch_of(struct conform_machine *machine, uint64_t phys, uint64_t len)
{
	struct stretch *s;

	for (s = machine->stretches; s < machine->stretches + machine->nstretches; s++)
		if (phys >= s->base && dmp_range_fits(phys, len, s->base + s->len - 1))
			return s;
	return NULL;
}

void *conform_machine_bytes(struct conform_machine *machine, uint64_t phys, uint64_t len)
{
	struct stretch *s = len ? stretch_of(machine, phys, len) : NULL;

	return s ? s->mem + (phys - s->base) : NULL;
}

/* Memory that is never touched costs nothing. */
int conform_machine_add_ram(struct conform_machine *machine, uint64_t base, uint64_t len)
{
	void *mem;

	if (len == 0 || machine->nstretches == STRETCHES_MAX)
		return -ENOMEM;
	if (stretch_of(machine, base, len))
		return 0;
	mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	if (mem == MAP_FAILED)
		return -ENOMEM;
	/* The library clears a pool when it is made: in init.txt 5 GiB, a page fault each 4 KiB. */
	madvise(mem, len, MADV_HUGEPAGE);
	machine->stretches[machine->nstretches++] = (struct stretch){base, len, mem};
	return 0;
}

void conform_machine_answer(struct conform_machine *machine, uint64_t base, uint64_t nfailures,
			    unsigned order_max)
{
	machine->line = NULL;
	machine->next_base = base;
	machine->nfailures = nfailures;
	machine->order_max = order_max;
}

void conform_machine_follow(struct conform_machine *machine, const struct conform_line *line)
{
	machine->line = line;
	machine->event = NULL;
	machine->asked[0] = '\0';
}

const char *conform_machine_asked(const struct conform_machine *machine)
{
	return machine->asked;
}

static void note(struct conform_machine *machine, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void note(struct conform_machine *machine, const char *fmt, ...)
{
	size_t len = strlen(machine->asked);
	va_list args;

	if (!machine->line)
		return;
	va_start(args, fmt);
	vsnprintf(machine->asked + len, ASKED_MAX - len, fmt, args);
	va_end(args);
}

/* The answer of the next event that begins with @name; -ENOMEM: "fail", or another event. */
static int next_answer(struct conform_machine *machine, const char *name, uint64_t *base)
{
	const char *event = conform_event(machine->line, machine->event), *answer;

	while (event && (strncmp(event, "pages", 5) != 0 && strncmp(event, "cpool", 5) != 0)) {
		machine->event = event;
		event = conform_event(machine->line, event);
	}
	if (!event || strncmp(event, name, strlen(name)) != 0)
		return -ENOMEM;
	machine->event = event;
	answer = strstr(event, " = ");
	return answer && conform_number(answer + 3, strlen(answer + 3), 16, base) ? 0 : -ENOMEM;
}

/* An answer as the vectors write it. */
static void note_answer(struct conform_machine *machine, int err, uint64_t base)
{
	if (err)
		note(machine, " = fail\n");
	else
		note(machine, " = %" PRIx64 "\n", base);
}

static int set_up_answer(struct conform_machine *machine, unsigned order, uint64_t *base)
{
	if (machine->nfailures > 0) {
		machine->nfailures--;
		return -ENOMEM;
	}
	*base = machine->next_base;
	return order <= machine->order_max ? 0 : -ENOMEM;
}

static int mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	static const char *const zones[] = {"any", "dma32", "dma"};
	struct conform_machine *machine = be;
	uint64_t base = 0;
	int err = machine->line ? next_answer(machine, "pages", &base)
				: set_up_answer(machine, order, &base);

	note(machine, "pages %s %s %u", zones[zone], flags & DMP_MEM_MAY_BLOCK ? "block" : "nowait",
	     order);
	note_answer(machine, err, base);
	if (!err)
		err = conform_machine_add_ram(machine, base, DMP_PAGE_BYTES << order);
	if (!err)
		*phys = base;
	return err;
}

static void mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	note(be, "free %" PRIx64 " %u\n", phys, order);
}

static int coherent_alloc(void *be, uint64_t len, uint64_t limit, unsigned flags, dmp_phys_t *phys)
{
	struct conform_machine *machine = be;
	uint64_t base = 0;
	int err = machine->line ? next_answer(machine, "cpool", &base) : -ENOMEM;

	(void)limit;
	(void)flags;
	note(machine, "cpool %" PRIu64, len);
	note_answer(machine, err, base);
	if (!err)
		err = conform_machine_add_ram(machine, base, len);
	if (err)
		return err;
	memset(conform_machine_bytes(machine, base, len), 0, len);
	*phys = base;
	return 0;
}

static void coherent_free(void *be, dmp_phys_t phys, uint64_t len)
{
	note(be, "cfree %" PRIx64 " %" PRIu64 "\n", phys, len);
}

static int make_shared(void *be, dmp_phys_t phys, uint64_t npages)
{
	note(be, "dec %" PRIx64 " %" PRIu64 "\n", phys, npages);
	return 0;
}

static int make_private(void *be, dmp_phys_t phys, uint64_t npages)
{
	note(be, "enc %" PRIx64 " %" PRIu64 "\n", phys, npages);
	return 0;
}

static int buf_to_phys(void *be, const void *buf, uint64_t len, dmp_phys_t *phys)
{
	struct conform_machine *machine = be;
	uintptr_t at = (uintptr_t)buf, mem;
	struct stretch *s;

	for (s = machine->stretches; s < machine->stretches + machine->nstretches; s++) {
		mem = (uintptr_t)s->mem;
		if (at < mem || !dmp_range_fits(at, len, mem + s->len - 1))
			continue;
		*phys = s->base + (at - mem);
		return 0;
	}
	return -EFAULT;
}

static int phys_to_buf(void *be, dmp_phys_t phys, uint64_t len, void **buf)
{
	void *at = conform_machine_bytes(be, phys, len);

	if (!at)
		return -EFAULT;
	*buf = at;
	return 0;
}

static const struct dmp_hw_ops ops = {
	.size = sizeof(ops),
	.name = "conform",
	.mem_alloc = mem_alloc,
	.mem_free = mem_free,
	.coherent_alloc = coherent_alloc,
	.coherent_free = coherent_free,
	.make_shared = make_shared,
	.make_private = make_private,
	.buf_to_phys = buf_to_phys,
	.phys_to_buf = phys_to_buf,
};

struct conform_machine *conform_machine_create(void)
{
	return calloc(1, sizeof(struct conform_machine));
}

void conform_machine_destroy(struct conform_machine *machine)
{
	struct stretch *s;

	if (machine->hw)
		dmp_hw_destroy(machine->hw);
	for (s = machine->stretches; s < machine->stretches + machine->nstretches; s++)
		munmap(s->mem, s->len);
	free(machine);
}

int conform_machine_adopt(struct conform_machine *machine, struct dmp_hw **hw)
{
	int err = machine->hw ? 0 : dmp_hw_create(&ops, machine, NULL, &machine->hw);

	if (!err)
		*hw = machine->hw;
	return err;
}
