// SPDX-License-Identifier: MIT
/*
 * test_model_fault.c - random accesses of random devices: each goes as far as it should, and
 * what stops it is recorded once
 *
 *   domains   pages at two places of each, the last ones up to the end of the aperture: mapped
 *             to memory, or to where there is none, for reading or for both, or not at all
 *   devices   come to a domain and leave it; one drives 32 bits only
 *   accesses  from anywhere, of no byte up to many pages, also around the end of all addresses
 *
 * The model says how many bytes are moved, and device, address, access and reason of what
 * stops the rest.  The fault queue is short: the model knows what it holds and what is lost.
 *
 * Now and then somebody writes over an entry of a table.  Then any access may end in any way,
 * but for a crash; a failure is recorded as ever.  Devices only read meanwhile, and no entry
 * leads into this process: that is memory too.
 */
#include "dmptest.h"

#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/device.h>
#include <dmapool/iommu.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#include <string.h>

#define ROUNDS  400u
#define DOMAINS 2u
#define DEVICES 4u
#define SLOTS   24u
#define RECORDS 8u
#define LOW     (UINT64_C(1) << 30) /* of the first half of the slots */
#define NOWHERE (UINT64_C(1) << 44) /* no memory of any kind */
#define LONGEST (UINT64_C(3) << 16)

struct slot {
	uint32_t prot; /* 0: not mapped */
	bool nowhere;
};

struct device {
	struct dmp_device *dev;
	struct dmp_sim_agent *agent;
	uint64_t mask;
	int domain; /* -1: none */
};

struct world {
	struct rng rng;
	struct dmp_sim_format format;
	uint64_t page;
	struct dmp_sim *sim;
	struct dmp_hw *hw;
	struct dmp_iommu *iommu[DOMAINS];
	struct device device[DEVICES];
	struct slot slot[DOMAINS][SLOTS];
	dmp_iova_t last; /* of the aperture */
	unsigned char *ram;
	dmp_phys_t phys;

	/* What the machine has told and holds. */
	struct dmp_fault told, record[RECORDS];
	uint64_t ntold, nlost;
	unsigned nrecords;
	bool lost;
};

static dmp_iova_t iova_of(const struct world *w, unsigned slot)
{
	return slot < SLOTS / 2 ? LOW + slot * w->page : w->last + 1 - (SLOTS - slot) * w->page;
}

static const struct slot *slot_at(const struct world *w, int domain, dmp_iova_t iova,
				  uint64_t *offset)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		*offset = i * w->page + (iova - iova_of(w, i));
		if (iova >= iova_of(w, i) && iova - iova_of(w, i) < w->page)
			return &w->slot[domain][i];
	}
	return NULL;
}

/* What stands at @offset of the memory that slots are mapped to; writes leave it as it is. */
static unsigned char byte_at(uint64_t offset)
{
	return (unsigned char)(offset * 37 ^ offset >> 8);
}

/* The model's half of a record. */
static void note_fault(void *ctx, const struct dmp_fault *fault)
{
	struct world *w = ctx;

	w->ntold++;
	w->told = *fault;
	w->told.overflow = w->lost;
	w->lost = w->nrecords == RECORDS;
	if (w->lost)
		w->nlost++;
	else
		w->record[w->nrecords++] = w->told;
}

static void take_records(struct world *w, unsigned n)
{
	struct dmp_fault fault;

	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(dmp_hw_fault_next(w->hw, &fault), w->nrecords ? 0 : -ENOENT);
		if (!w->nrecords)
			return;
		assert_memory_equal(&fault, &w->record[0], sizeof(fault));
		memmove(w->record, w->record + 1, --w->nrecords * sizeof(fault));
	}
}

/* Nothing is told twice, and what has no record is counted. */
static void expect_counts(struct world *w)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_get_stats(w->sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.faults + stats.stale_accesses, w->ntold);
	assert_int_equal(stats.faults_lost, w->nlost);
}

/* What stops @len bytes inside 4 KiB at @addr; -1: nothing. */
static int stop_of(const struct world *w, const struct device *d, dmp_addr_t addr, uint64_t len,
		   uint32_t prot)
{
	const struct slot *slot;
	uint64_t offset;

	if (d->domain < 0)
		return DMP_FAULT_NO_DOMAIN;
	if (addr + len - 1 > w->last)
		return DMP_FAULT_APERTURE;
	if (addr + len - 1 > d->mask)
		return DMP_FAULT_BUS;
	slot = slot_at(w, d->domain, addr, &offset);
	if (!slot || !slot->prot)
		return DMP_FAULT_NOT_PRESENT;
	if (!(slot->prot & prot))
		return DMP_FAULT_PERMISSION;
	return slot->nowhere ? DMP_FAULT_BUS : -1;
}

/* How many of @len bytes are moved; @reason of what stops the others. */
static uint64_t reach_of(const struct world *w, const struct device *d, dmp_addr_t addr,
			 uint64_t len, uint32_t prot, int *reason)
{
	uint64_t done = 0;

	*reason = -1;
	while (done < len) {
		uint64_t at = addr + done, rest = 4096 - at % 4096;
		uint64_t piece = len - done < rest ? len - done : rest;

		*reason = stop_of(w, d, at, piece, prot);
		if (*reason >= 0)
			break;
		done += piece;
	}
	return done;
}

static dmp_addr_t some_addr(struct world *w)
{
	uint64_t near = rng_range(&w->rng, 0, 2 * w->page);

	switch (rng_range(&w->rng, 0, 15)) {
	case 0: return rng_next(&w->rng);
	case 1: return rng_range(&w->rng, 0, w->last);
	case 2: return w->last + 1 - near % 8192;
	case 3: return UINT64_MAX - near;
	default: return iova_of(w, (unsigned)rng_range(&w->rng, 0, SLOTS - 1)) + near - w->page / 2;
	}
}

static uint64_t some_len(struct world *w)
{
	static const uint64_t most[] = {0, 1, 64, 4096, 8192, LONGEST};

	return rng_range(&w->rng, 0, most[rng_range(&w->rng, 0, 5)]);
}

static void expect_bytes(const struct world *w, const struct device *d, dmp_addr_t addr,
			 const unsigned char *bytes, uint64_t len)
{
	uint64_t offset;

	for (uint64_t i = 0; i < len; i += 1 + i / 16) {
		assert_non_null(slot_at(w, d->domain, addr + i, &offset));
		assert_int_equal(bytes[i], byte_at(offset));
		assert_int_equal(w->ram[offset], byte_at(offset));
	}
}

/* A write is of what stands there. */
static void fill(const struct world *w, const struct device *d, dmp_addr_t addr,
		 unsigned char *bytes, uint64_t len)
{
	uint64_t offset;

	for (uint64_t i = 0; i < len; i++)
		bytes[i] = d->domain >= 0 && slot_at(w, d->domain, addr + i, &offset)
				   ? byte_at(offset)
				   : 0;
}

/* One access, and the model's opinion. */
static void access_once(struct world *w, unsigned char *bytes)
{
	struct device *d = &w->device[rng_range(&w->rng, 0, DEVICES - 1)];
	uint32_t prot = rng_range(&w->rng, 0, 1) ? DMP_PROT_READ : DMP_PROT_WRITE;
	dmp_addr_t addr = some_addr(w);
	uint64_t len = some_len(w), before = w->ntold, moved;
	bool makes_sense = len && len - 1 <= UINT64_MAX - addr;
	int err, reason;

	fill(w, d, addr, bytes, prot == DMP_PROT_WRITE && makes_sense ? len : 0);
	err = prot == DMP_PROT_READ ? dmp_sim_agent_read(d->agent, addr, bytes, len)
				    : dmp_sim_agent_write(d->agent, addr, bytes, len);
	if (!makes_sense) {
		assert_int_equal(err, -EINVAL);
		assert_int_equal(w->ntold, before);
		return;
	}
	moved = reach_of(w, d, addr, len, prot, &reason);
	assert_int_equal(err, moved == len ? 0 : -EFAULT);
	assert_int_equal(w->ntold - before, moved < len);
	if (moved < len)
		assert_memory_equal(&w->told,
				    &((struct dmp_fault){dmp_device_id(d->dev), (uint32_t)reason,
							 addr + moved, prot, w->told.overflow}),
				    sizeof(w->told));
	expect_bytes(w, d, addr, bytes, moved);
}

/* Tables that somebody writes over. */

static uint64_t next_table(const struct world *w, uint64_t entry)
{
	uint64_t phys = w->format.encoding == DMP_SIM_ENCODING_RISCV ? entry << 2 : entry;

	return phys & DMP_MASK(47) & ~(w->page - 1);
}

/* The entry of some level on the way to some slot. */
static uint64_t *some_entry(struct world *w, dmp_phys_t root)
{
	dmp_iova_t iova = iova_of(w, (unsigned)rng_range(&w->rng, 0, SLOTS - 1));
	unsigned level = w->format.levels, bits = w->format.granule_shift - 3;
	dmp_phys_t table = root;
	uint64_t *entry = NULL;

	for (;; level--) {
		uint64_t index = iova >> (w->format.granule_shift + (level - 1) * bits);
		unsigned char *ram = dmp_sim_ram(w->sim, table, w->page);

		if (!ram || !table)
			return entry;
		entry = (uint64_t *)(void *)ram + (index & DMP_MASK(bits));
		if (level == 1 || rng_range(&w->rng, 0, 2) == 0)
			return entry;
		table = next_table(w, *entry);
	}
}

/* Any bits but those that lead into this process. */
static uint64_t some_value(struct world *w, uint64_t entry, dmp_phys_t root)
{
	uint64_t host = UINT64_C(0x1ff) << 45;

	switch (rng_range(&w->rng, 0, 4)) {
	case 0: return rng_next(&w->rng) & ~host;
	case 1: return rng_next(&w->rng) & rng_next(&w->rng) & DMP_MASK(34);
	case 2: return (entry & ~(DMP_MASK(45) & ~(w->page - 1))) | root;
	case 3: return UINT64_MAX;
	default: return (entry ^ UINT64_C(1) << rng_range(&w->rng, 0, 63)) & ~host;
	}
}

/* Devices of the domain whose table it is, and the others. */
static void read_wildly(struct world *w, unsigned char *bytes)
{
	for (unsigned i = 0; i < 8; i++) {
		struct device *d = &w->device[rng_range(&w->rng, 0, DEVICES - 1)];
		dmp_addr_t addr = some_addr(w);
		uint64_t len = some_len(w), before = w->ntold;
		int err = dmp_sim_agent_read(d->agent, addr, bytes, len);

		assert_true(err == 0 || err == -EFAULT || err == -EINVAL);
		assert_int_equal(w->ntold - before, err == -EFAULT);
		if (err == -EFAULT) {
			assert_int_equal(w->told.device, dmp_device_id(d->dev));
			assert_in_range(w->told.addr - addr, 0, len - 1);
			assert_in_range(w->told.reason, 0, DMP_FAULT_STALE);
		}
	}
}

static void corrupt_once(struct world *w, unsigned char *bytes)
{
	uint32_t id = dmp_device_id(w->device[rng_range(&w->rng, 0, DEVICES - 1)].dev);
	uint64_t *entry, was;
	dmp_phys_t root;

	if (dmp_sim_device_root(w->sim, id, &root))
		return;
	entry = some_entry(w, root);
	was = *entry;
	*entry = some_value(w, was, root);
	if (rng_range(&w->rng, 0, 1))
		assert_int_equal(dmp_sim_flush_all(w->sim), 0);
	read_wildly(w, bytes);
	*entry = was;
	assert_int_equal(dmp_sim_flush_all(w->sim), 0);
}

/* What drivers do. */

static void change_slot(struct world *w)
{
	unsigned domain = (unsigned)rng_range(&w->rng, 0, DOMAINS - 1);
	unsigned i = (unsigned)rng_range(&w->rng, 0, SLOTS - 1);
	struct slot *slot = &w->slot[domain][i];
	uint64_t unmapped;

	if (slot->prot && rng_range(&w->rng, 0, 2)) /* likewise */
		return;
	if (slot->prot) {
		assert_int_equal(
			dmp_iommu_unmap(w->iommu[domain], iova_of(w, i), w->page, &unmapped), 0);
		*slot = (struct slot){0};
		return;
	}
	slot->nowhere = rng_range(&w->rng, 0, 9) == 0;
	slot->prot = DMP_PROT_READ | (rng_range(&w->rng, 0, 2) ? DMP_PROT_WRITE : 0);
	assert_int_equal(dmp_iommu_map(w->iommu[domain], iova_of(w, i),
				       slot->nowhere ? NOWHERE : w->phys + i * w->page, w->page,
				       slot->prot),
			 0);
}

static void move_device(struct world *w)
{
	struct device *d = &w->device[rng_range(&w->rng, 0, DEVICES - 1)];
	uint32_t id = dmp_device_id(d->dev);

	if (d->domain >= 0 && rng_range(&w->rng, 0, 3)) /* it stays more often than not */
		return;
	if (d->domain >= 0) {
		assert_int_equal(dmp_iommu_detach(w->iommu[d->domain], id), 0);
		d->domain = -1;
	} else {
		d->domain = (int)rng_range(&w->rng, 0, DOMAINS - 1);
		assert_int_equal(dmp_iommu_attach(w->iommu[d->domain], id), 0);
	}
}

/* The world. */

static void get_memory(struct world *w)
{
	unsigned char *all = dmp_sim_ram(w->sim, 0, 1);
	void *buf;

	assert_int_equal(dmp_hw_alloc(w->hw, SLOTS * w->page, &buf), 0);
	w->ram = buf;
	w->phys = (dmp_phys_t)(w->ram - all);
	assert_true(dmp_is_aligned(w->phys, w->page));
	for (uint64_t i = 0; i < SLOTS * w->page; i++)
		w->ram[i] = byte_at(i);
}

static void world_open(struct world *w, const char *format, struct dmp_sim_opts opts)
{
	struct dmp_hw_domain_info info = {.size = sizeof(info)};

	*w = (struct world){.rng = rng_seeded(rng_seed_from_env(1))};
	assert_int_equal(dmp_sim_format_find(format, &w->format), 0);
	w->page = UINT64_C(1) << w->format.granule_shift;
	opts.format = format;
	opts.fault_records = RECORDS;
	opts.flags |= DMP_SIM_REQUIRE_DOMAIN;
	assert_int_equal(dmp_sim_create(&opts, &w->sim), 0);
	w->hw = dmp_sim_hw(w->sim);
	assert_int_equal(dmp_hw_set_fault_handler(w->hw, note_fault, w), 0);
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(dmp_iommu_create(w->hw, DMP_DOMAIN_TRANSLATED, &w->iommu[i]), 0);
	dmp_iommu_info(w->iommu[0], &info);
	w->last = info.aperture_end;
	for (unsigned i = 0; i < DEVICES; i++) {
		struct device *d = &w->device[i];

		d->domain = -1;
		d->mask = i == 0 ? DMP_MASK(32) : UINT64_MAX;
		assert_int_equal(
			dmp_device_create(w->hw, &DMP_DEVICE_OPTS(.dma_mask = d->mask), &d->dev),
			0);
		assert_int_equal(dmp_sim_agent_create(w->sim, dmp_device_id(d->dev), &d->agent), 0);
	}
	get_memory(w);
}

static void world_close(struct world *w)
{
	uint64_t unmapped;

	for (unsigned domain = 0; domain < DOMAINS; domain++)
		for (unsigned i = 0; i < SLOTS; i++)
			if (w->slot[domain][i].prot)
				assert_int_equal(dmp_iommu_unmap(w->iommu[domain], iova_of(w, i),
								 w->page, &unmapped),
						 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		struct device *d = &w->device[i];

		if (d->domain >= 0)
			assert_int_equal(
				dmp_iommu_detach(w->iommu[d->domain], dmp_device_id(d->dev)), 0);
		dmp_sim_agent_destroy(d->agent);
		assert_int_equal(dmp_device_destroy(d->dev), 0);
	}
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(dmp_iommu_destroy(w->iommu[i]), 0);
	assert_int_equal(dmp_hw_free(w->hw, w->ram, SLOTS * w->page), 0);
	assert_int_equal(dmp_sim_check(w->sim), 0);
	assert_int_equal(dmp_sim_destroy(w->sim), 0);
}

static void run(const char *format, struct dmp_sim_opts opts)
{
	static struct world world;
	static unsigned char bytes[LONGEST];
	uint64_t rounds = rng_rounds_from_env(ROUNDS), meta_before = dmp_meta_in_use();
	struct world *w = &world;

	world_open(w, format, opts);
	for (uint64_t i = 0; i < rounds; i++) {
		change_slot(w);
		move_device(w);
		for (unsigned n = 0; n < 4; n++)
			access_once(w, bytes);
		if (rng_range(&w->rng, 0, 4) == 0)
			corrupt_once(w, bytes);
		take_records(w, (unsigned)rng_range(&w->rng, 0, RECORDS));
		expect_counts(w);
	}
	world_close(w);
	assert_int_equal(dmp_meta_in_use(), meta_before);
}

static void run_each(struct dmp_sim_opts opts)
{
	const char *name;

	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++)
		run(name, opts);
}

static void test_each_access_goes_as_far_as_it_should_or_is_recorded(void **state)
{
	(void)state;
	run_each(DMP_SIM_OPTS(.flags = 0));
}

static void test_also_with_small_caches_of_every_kind(void **state)
{
	(void)state;
	run_each(DMP_SIM_OPTS(.iotlb_sets = 4, .iotlb_ways = 2, .iotlb_page_bytes = 1u << 21,
			      .walk_entries = {3, 2, 1, 1}, .devtlb_sets = 2, .iotlbs = 2,
			      .replace = DMP_SIM_REPLACE_RANDOM));
}

static void test_also_where_it_is_remembered_that_nothing_was_mapped(void **state)
{
	(void)state;
	run_each(DMP_SIM_OPTS(.flags = DMP_SIM_CACHE_NOT_PRESENT | DMP_SIM_SEPARATE_DEVTLB,
			      .devtlb_sets = 8, .walk_entries = {8, 8, 8, 8}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_access_goes_as_far_as_it_should_or_is_recorded),
		cmocka_unit_test(test_also_with_small_caches_of_every_kind),
		cmocka_unit_test(test_also_where_it_is_remembered_that_nothing_was_mapped),
	};

	return cmocka_run_group_tests_name("model_fault", tests, NULL, NULL);
}
