// SPDX-License-Identifier: MIT
/*
 * conform_machine.c - the machine under the bounce vectors: memory where the file wants it
 *
 * A file of vectors says where memory lies, and which address each request for a block is
 * answered with.  So this machine has stretches of memory at any address, and no allocator:
 *
 *      0x12345000 [....]      0x40000000 [.........]      0x140000000 [..............]
 *
 * A block that is given out where no memory has been declared brings its own.  Blocks are
 * not aligned to their size if the file does not align them: the recorded pools lay anywhere.
 *
 * Uses hw.h alone, as any backend.
 */
#include "conform.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define STRETCHES_MAX 16u

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

void conform_machine_answer(struct conform_machine *machine, uint64_t base, uint64_t nfailures)
{
	machine->next_base = base;
	machine->nfailures = nfailures;
}

static int mem_alloc(void *be, enum dmp_zone zone, unsigned order, unsigned flags, dmp_phys_t *phys)
{
	struct conform_machine *machine = be;

	(void)zone;
	(void)flags;
	if (machine->nfailures > 0) {
		machine->nfailures--;
		return -ENOMEM;
	}
	if (conform_machine_add_ram(machine, machine->next_base, DMP_PAGE_BYTES << order))
		return -ENOMEM;
	*phys = machine->next_base;
	return 0;
}

static void mem_free(void *be, dmp_phys_t phys, unsigned order)
{
	(void)be;
	(void)phys;
	(void)order;
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
	int err = dmp_hw_create(&ops, machine, NULL, &machine->hw);

	if (!err)
		*hw = machine->hw;
	return err;
}
