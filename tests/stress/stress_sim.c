// SPDX-License-Identifier: MIT
/*
 * stress_sim.c - two drivers map, unmap and flush in one domain while two devices write and
 * one of these is taken off the domain and put on it again
 *
 *   driver:  map -> devices may write -> unmap -> flush -> the pages are its own again
 *
 * A driver fills its pages after the flush has returned and finds them as it filled them:
 * [DRAIN] of sim_gate.c, for every way of flushing, with IOTLBs shared or not, device TLBs,
 * walk caches, pages of all sizes, tables that are freed while devices walk, and queues of each
 * kind.  Under ThreadSanitizer a device's late write is a race with the filling, also if it
 * changes nothing.
 *
 * Rounds: DMP_TEST_ROUNDS a driver; run it under ThreadSanitizer.
 */
#include "dmptest.h"

#include "crew.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/iommu.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#define DRIVERS 2u
#define DEVICES 2u
#define ROUNDS  100u
#define PAGES   512u
#define PLOT    (UINT64_C(1) << 30) /* addresses of one driver */
#define BYTES   (PAGES * DMP_PAGE_BYTES)
#define BOTH    (DMP_PROT_READ | DMP_PROT_WRITE)

struct shared {
	struct dmp_sim *sim;
	struct dmp_hw *hw;
	struct dmp_iommu *iommu;
	struct dmp_device *device[DEVICES];
	unsigned char *ram[DRIVERS]; /* 2 MiB each, aligned */
	dmp_phys_t phys[DRIVERS];
	uint64_t rounds;
	DMP_ATOMIC(uint64_t) written;
	DMP_ATOMIC(uint32_t) drivers_left;
	DMP_ATOMIC(uint64_t) bad; /* faults that no right machine has */
};

static dmp_iova_t iova_of(unsigned driver, uint64_t page)
{
	return (driver + 1) * PLOT + page * DMP_PAGE_BYTES;
}

/* Give the devices a chance, not more. */
static void wait_for_a_write(struct shared *s)
{
	/* relaxed: any number will do */
	uint64_t before = load_relaxed(&s->written);

	for (unsigned i = 0; i < 5 && load_relaxed(&s->written) == before; i++)
		dmp_cpu_yield();
}

/* Unmap, and flush in one of the ways there are. */
static int take_back(struct shared *s, struct rng *rng, dmp_iova_t iova, uint64_t len)
{
	struct dmp_gather gather;
	uint64_t unmapped, how = rng_range(rng, 0, 3);
	void *tables;
	int err;

	if (how == 0)
		return dmp_iommu_unmap(s->iommu, iova, len, &unmapped);
	dmp_gather_init(&gather);
	gather.queued = how != 1;
	err = dmp_iommu_unmap_gather(s->iommu, iova, len, &gather, &unmapped);
	if (err || how == 1)
		return err ? err : dmp_iommu_sync(s->iommu, &gather);
	tables = gather.tables;
	err = how == 2 ? dmp_iommu_flush(s->iommu) : dmp_sim_flush_all(s->sim);
	if (!err)
		dmp_iommu_free_tables(s->iommu, tables);
	return err;
}

static bool is_filled_with(const unsigned char *bytes, uint64_t len, unsigned char fill)
{
	for (uint64_t i = 0; i < len; i += 64)
		if (bytes[i] != fill)
			return false;
	return true;
}

/* One page in 4, all 512 as one big page, or all as small ones that share a table. */
static void one_round(struct crew_member *me, struct shared *s, struct rng *rng)
{
	unsigned driver = me->number;
	bool all = rng_range(rng, 0, 3) == 0, shifted = rng_range(rng, 0, 1);
	uint64_t first = all ? 0 : rng_range(rng, 0, PAGES - 16);
	uint64_t n = all ? PAGES : rng_range(rng, 1, 16), half = n / 2;
	dmp_iova_t iova = iova_of(driver, first);
	dmp_phys_t phys = s->phys[driver] + first * DMP_PAGE_BYTES;
	unsigned char *bytes = s->ram[driver] + first * DMP_PAGE_BYTES;
	uint64_t len = n * DMP_PAGE_BYTES;
	unsigned char fill = (unsigned char)rng_range(rng, 0, 0x7f);

	if (all && shifted) { /* in two calls no big page comes about */
		CREW_EXPECT(me, !dmp_iommu_map(s->iommu, iova, phys, half * DMP_PAGE_BYTES, BOTH));
		CREW_EXPECT(me, !dmp_iommu_map(s->iommu, iova + half * DMP_PAGE_BYTES,
					       phys + half * DMP_PAGE_BYTES,
					       len - half * DMP_PAGE_BYTES, BOTH));
	} else {
		CREW_EXPECT(me, !dmp_iommu_map(s->iommu, iova, phys, len, BOTH));
	}
	wait_for_a_write(s);
	CREW_EXPECT(me, !take_back(s, rng, iova, len));
	memset(bytes, fill, len);
	dmp_cpu_yield();
	CREW_EXPECT(me, is_filled_with(bytes, len, fill));
}

static void drive(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(1) + me->number);

	for (uint64_t i = 0; i < s->rounds && !me->failures; i++)
		one_round(me, s, &rng);
	add_relaxed(&s->drivers_left, UINT32_MAX); /* relaxed: devices stop sooner or later */
}

static void write_anywhere(struct crew_member *me)
{
	struct shared *s = me->shared;
	struct rng rng = rng_seeded(rng_seed_from_env(1) + 100 + me->number);
	uint32_t id = dmp_device_id(s->device[me->number - DRIVERS]);
	unsigned char bytes[64];
	struct dmp_sim_agent *agent;

	memset(bytes, 0xdd, sizeof(bytes));
	CREW_EXPECT(me, !dmp_sim_agent_create(s->sim, id, &agent));
	while (load_relaxed(&s->drivers_left)) { /* relaxed: likewise */
		dmp_iova_t iova = iova_of((unsigned)rng_range(&rng, 0, DRIVERS - 1),
					  rng_range(&rng, 0, PAGES - 1));

		if (!dmp_sim_agent_write(agent, iova, bytes, sizeof(bytes)))
			add_relaxed(&s->written, 1); /* relaxed: counted for a rest only */
	}
	dmp_sim_agent_destroy(agent);
}

/* The last device comes and goes; without a domain it reaches nothing. */
static void move_device(struct crew_member *me)
{
	struct shared *s = me->shared;
	uint32_t id = dmp_device_id(s->device[DEVICES - 1]);

	while (load_relaxed(&s->drivers_left) && !me->failures) { /* relaxed: likewise */
		CREW_EXPECT(me, !dmp_iommu_detach(s->iommu, id));
		dmp_cpu_yield();
		CREW_EXPECT(me, !dmp_iommu_attach(s->iommu, id));
		wait_for_a_write(s);
	}
}

static void work(struct crew_member *me)
{
	if (me->number < DRIVERS)
		drive(me);
	else if (me->number < DRIVERS + DEVICES)
		write_anywhere(me);
	else
		move_device(me);
}

/* Devices run into pages that are not mapped, or were not flushed, or have no domain just now:
 * nothing else. */
static void note_fault(void *ctx, const struct dmp_fault *fault)
{
	struct shared *s = ctx;

	if (fault->reason != DMP_FAULT_NOT_PRESENT && fault->reason != DMP_FAULT_STALE &&
	    fault->reason != DMP_FAULT_NO_DOMAIN)
		add_relaxed(&s->bad, 1); /* relaxed: read when all have ended */
}

/* A device that nothing is attached to is given physical addresses. */
static void get_ram(struct shared *s, unsigned driver)
{
	dmp_addr_t addr;
	void *buf;

	assert_int_equal(dmp_hw_alloc(s->hw, BYTES, &buf), 0);
	assert_int_equal(dmp_dma_map(s->device[0], buf, BYTES, DMP_BIDIRECTIONAL, 0, &addr), 0);
	assert_int_equal(dmp_dma_unmap(s->device[0], addr, BYTES, DMP_BIDIRECTIONAL, 0), 0);
	s->ram[driver] = buf;
	s->phys[driver] = addr;
}

static void set_up(struct shared *s, const struct dmp_sim_opts *opts)
{
	assert_int_equal(dmp_sim_create(opts, &s->sim), 0);
	s->hw = dmp_sim_hw(s->sim);
	assert_int_equal(dmp_hw_set_fault_handler(s->hw, note_fault, s), 0);
	assert_int_equal(dmp_iommu_create(s->hw, DMP_DOMAIN_TRANSLATED, &s->iommu), 0);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(dmp_device_create(s->hw, NULL, &s->device[i]), 0);
	for (unsigned i = 0; i < DRIVERS; i++)
		get_ram(s, i);
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(dmp_iommu_attach(s->iommu, dmp_device_id(s->device[i])), 0);
}

static void take_down(struct shared *s)
{
	for (unsigned i = 0; i < DRIVERS; i++)
		assert_int_equal(dmp_hw_free(s->hw, s->ram[i], BYTES), 0);
	for (unsigned i = 0; i < DEVICES; i++) {
		assert_int_equal(dmp_iommu_detach(s->iommu, dmp_device_id(s->device[i])), 0);
		assert_int_equal(dmp_device_destroy(s->device[i]), 0);
	}
	assert_int_equal(dmp_iommu_destroy(s->iommu), 0);
	assert_int_equal(dmp_sim_destroy(s->sim), 0);
}

static void run(const struct dmp_sim_opts *opts)
{
	struct shared s = {.rounds = rng_rounds_from_env(ROUNDS), .drivers_left = DRIVERS};
	uint64_t meta_before = dmp_meta_in_use();

	set_up(&s, opts);
	assert_int_equal(crew_run(DRIVERS + DEVICES + 1, work, &s), 0);
	assert_int_equal(load_relaxed(&s.bad), 0); /* relaxed: all have ended */
	assert_int_equal(dmp_sim_check(s.sim), 0);
	take_down(&s);
	assert_int_equal(dmp_meta_in_use(), meta_before);
}

static void test_one_shared_iotlb_and_a_queue_behind_a_lock(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.flags = DMP_SIM_REQUIRE_DOMAIN));
}

static void test_shared_iotlb_walk_caches_device_tlbs_and_a_queue_without_a_lock(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.flags = DMP_SIM_REQUIRE_DOMAIN, .iotlb_page_bytes = UINT64_C(1) << 21,
			  .walk_entries = {8, 4, 2, 1}, .devtlb_sets = 16,
			  .queue_kind = DMP_SIM_QUEUE_LOCK_FREE, .queue_entries = 4,
			  .replace = DMP_SIM_REPLACE_TREE));
}

static void test_an_iotlb_a_device_and_a_queue_a_cpu(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.flags = DMP_SIM_REQUIRE_DOMAIN, .iotlbs = DEVICES, .iotlb_sets = 8,
			  .walk_entries = {4, 4, 4, 0}, .queues = 4,
			  .queue_kind = DMP_SIM_QUEUE_LOCK_FREE, .replace = DMP_SIM_REPLACE_RANDOM,
			  .range_commands = 64));
}

static void test_short_queues_whose_slots_are_taken_by_addition(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.flags = DMP_SIM_REQUIRE_DOMAIN, .queue_kind = DMP_SIM_QUEUE_FETCH_ADD,
			  .queue_entries = 4, .range_commands = 64, .devtlb_sets = 16,
			  .format = "smmu-4k"));
}

static void test_device_tlbs_told_by_submissions_of_their_own(void **state)
{
	(void)state;
	run(&DMP_SIM_OPTS(.flags = DMP_SIM_REQUIRE_DOMAIN | DMP_SIM_SEPARATE_DEVTLB,
			  .devtlb_sets = 64, .iotlbs = DEVICES, .mask_bytes = UINT64_C(1) << 16,
			  .queue_entries = 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_shared_iotlb_and_a_queue_behind_a_lock),
		cmocka_unit_test(
			test_shared_iotlb_walk_caches_device_tlbs_and_a_queue_without_a_lock),
		cmocka_unit_test(test_an_iotlb_a_device_and_a_queue_a_cpu),
		cmocka_unit_test(test_short_queues_whose_slots_are_taken_by_addition),
		cmocka_unit_test(test_device_tlbs_told_by_submissions_of_their_own),
	};

	return cmocka_run_group_tests_name("stress_sim", tests, NULL, NULL);
}
