// SPDX-License-Identifier: MIT
/*
 * test_sim_iotlb.c - proves what sim/sim_iotlb.c says of hits, sizes and sharing, and [DRAIN] of
 * sim/sim_gate.c
 */
#include "test_sim_machine.h"

#include <pthread.h>

#define IOVA GIB(2)

/* 16 sets of 2 ways: small enough to fill. */
static int setup_small(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.iotlb_sets = 16, .iotlb_ways = 2));

	machine_add_all(m);
	*state = m;
	return 0;
}

static int read_at(struct machine *m, dmp_iova_t iova)
{
	unsigned char byte;

	return dmp_sim_agent_read(m->agent, iova, &byte, 1);
}

static void test_the_first_access_misses_and_the_next_hits(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).iotlb_misses, 1);
	assert_int_equal(read_at(m, IOVA + 100), 0);
	assert_int_equal(machine_stats(m).iotlb_misses, 1);
	assert_int_equal(machine_stats(m).iotlb_hits, 1);
	assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).iotlb_misses, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

/*
 * One set of 2 ways sees pages 0, 16, 32 of the domain:
 *
 *   0 16 | 0 again | 32 takes 16's way | 0 still hits
 */
static void test_the_least_recently_used_way_makes_room(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 6, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 64, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(read_at(m, IOVA + 16 * PAGE), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(read_at(m, IOVA + 32 * PAGE), 0);
	assert_int_equal(machine_stats(m).iotlb_evictions, 1);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).iotlb_hits, 2);
	assert_int_equal(read_at(m, IOVA + 16 * PAGE), 0);
	assert_int_equal(machine_stats(m).iotlb_misses, 4);
	m->ops->mem_free(m->sim, phys, 6);
}

/* Ranges shorter and longer than the number of sets, beginning anywhere. */
static void test_an_invalidation_removes_its_range_and_nothing_beside_it(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 6, NULL);
	static const struct {
		unsigned first, npages; /* aligned powers of two: nothing is added */
	} ranges[] = {{0, 1}, {7, 1}, {2, 2}, {8, 8}, {16, 16}, {0, 32}, {32, 32}};

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 64, RW), 0);
	for (unsigned r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
		unsigned first = ranges[r].first, last = first + ranges[r].npages - 1;
		unsigned near[] = {first, last, first ? first - 1 : 63, last < 63 ? last + 1 : 0};

		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(m->ops->flush_domain(m->sim, m->dom), 0);
			assert_int_equal(read_at(m, IOVA + near[i] * PAGE), 0);
			uint64_t before = machine_stats(m).invalidated_entries;

			assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + first * PAGE,
							     (last - first + 1) * PAGE, true),
					 0);
			assert_int_equal(machine_stats(m).invalidated_entries - before,
					 i < 2 ? 1 : 0);
		}
	}
	m->ops->mem_free(m->sim, phys, 6);
}

static void test_an_invalidation_leaves_other_domains_alone(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_domain_info info = {.size = sizeof(info)};
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	void *other;

	assert_int_equal(m->ops->domain_create(m->sim, DMP_DOMAIN_TRANSLATED, &other, &info), 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(m->ops->flush_domain(m->sim, other), 0);
	assert_int_equal(m->ops->flush_range(m->sim, other, IOVA, PAGE, false), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(machine_stats(m).iotlb_hits, 1);
	m->ops->domain_destroy(m->sim, other);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_an_unmap_of_a_big_page_removes_every_piece_of_it(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 9, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, MIB(2), 1, RW), 0);
	for (unsigned i = 0; i < 512; i += 37)
		assert_int_equal(read_at(m, IOVA + i * PAGE), 0);
	assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
	for (unsigned i = 0; i < 512; i += 37) {
		assert_int_equal(read_at(m, IOVA + i * PAGE), -EFAULT);
		assert_int_equal(machine_fault(m), DMP_FAULT_NOT_PRESENT);
	}
	assert_int_equal(machine_stats(m).stale_accesses, 0);
	m->ops->mem_free(m->sim, phys, 9);
}

/*
 * [DRAIN]: the device writes its pattern through IOVA as fast as it can.  Each round the
 * driver maps, lets it write, unmaps, flushes, and then owns the page: whatever it writes
 * there must still be there after a look and a second look.
 */
#define ROUNDS 2000

struct drain {
	struct machine *m;
	DMP_ATOMIC(uint32_t) stop;
	DMP_ATOMIC(uint64_t) nwritten;
};

static void *write_always(void *arg)
{
	struct drain *drain = arg;
	struct dmp_sim_agent *agent;
	unsigned char pattern[PAGE];

	memset(pattern, 0xdd, sizeof(pattern));
	if (dmp_sim_agent_create(drain->m->sim, drain->m->device, &agent))
		return NULL;
	while (!load_relaxed(&drain->stop))
		if (!dmp_sim_agent_write(agent, IOVA, pattern, sizeof(pattern)))
			add_relaxed(&drain->nwritten, 1);
	dmp_sim_agent_destroy(agent);
	return NULL;
}

static void wait_for_a_write(struct drain *drain)
{
	uint64_t before = load_relaxed(&drain->nwritten);

	for (unsigned i = 0; i < 1000 && load_relaxed(&drain->nwritten) == before; i++)
		dmp_cpu_relax();
}

static void test_after_a_flush_the_device_never_touches_the_page_again(void **state)
{
	struct machine *m = *state;
	struct drain drain = {.m = m};
	unsigned char *buf;
	dmp_phys_t phys = machine_ram(m, 0, &buf);
	pthread_t thread;
	unsigned nchanged = 0;

	assert_int_equal(pthread_create(&thread, NULL, write_always, &drain), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct dmp_gather gather = EMPTY_GATHER;

		assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
		wait_for_a_write(&drain);
		assert_int_equal(machine_unmap(m, IOVA, PAGE, 1, &gather), PAGE);
		assert_int_equal(machine_flush(m, &gather), 0);
		memset(buf, round & 0x7f, PAGE);
		for (unsigned i = 0; i < PAGE; i++)
			nchanged += buf[i] != (round & 0x7f);
	}
	store_relaxed(&drain.stop, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(nchanged, 0);
	assert_true(load_relaxed(&drain.nwritten) > 0);
	m->ops->mem_free(m->sim, phys, 0);
}

/*
 * [DRAIN] for tables: the page under IOVA is 512 small pages, unmapped as a big one, so that
 * each round frees a table that the device's walker may be reading.
 */
static void test_after_a_flush_no_walker_is_inside_a_freed_table(void **state)
{
	struct machine *m = *state;
	struct drain drain = {.m = m};
	dmp_phys_t phys = machine_ram(m, 9, NULL);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_always, &drain), 0);
	for (unsigned round = 0; round < ROUNDS / 10; round++) {
		unsigned char *buf;

		assert_int_equal(machine_map(m, IOVA, phys, PAGE, 512, RW), 0);
		wait_for_a_write(&drain);
		assert_int_equal(machine_unmap_strict(m, IOVA, MIB(2), 1), MIB(2));
		/* the freed table's page comes back first, and is filled with malice */
		dmp_phys_t reused = machine_ram(m, 0, &buf);

		memset(buf, 0xff, PAGE);
		m->ops->mem_free(m->sim, reused, 0);
	}
	store_relaxed(&drain.stop, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int reason = machine_fault(m); reason >= 0; reason = machine_fault(m))
		assert_int_not_equal(reason, DMP_FAULT_BAD_TABLE);
	m->ops->mem_free(m->sim, phys, 9);
}

/* Two devices in one domain, and a page that both read. */
static uint64_t misses_of_two_devices(uint32_t iotlbs)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.iotlbs = iotlbs));
	struct dmp_hw_device desc = {.size = sizeof(desc), .dma_mask = UINT64_MAX};
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	struct dmp_sim_agent *other;
	unsigned char byte;
	uint32_t device;
	uint64_t misses;

	machine_add_all(m);
	assert_int_equal(m->ops->device_add(m->sim, &desc, &device), 0);
	assert_int_equal(dmp_sim_agent_create(m->sim, device, &other), 0);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, device), 0);
	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	assert_int_equal(dmp_sim_agent_read(other, IOVA, &byte, 1), 0);
	misses = machine_stats(m).iotlb_misses;
	assert_int_equal(machine_unmap_strict(m, IOVA, PAGE, 1), PAGE);
	assert_int_equal(machine_stats(m).invalidated_entries, misses);
	assert_int_equal(read_at(m, IOVA), -EFAULT);
	assert_int_equal(dmp_sim_agent_read(other, IOVA, &byte, 1), -EFAULT);
	assert_int_equal(machine_stats(m).stale_accesses, 0);
	m->ops->domain_detach(m->sim, m->dom, device);
	dmp_sim_agent_destroy(other);
	m->ops->device_remove(m->sim, device);
	m->ops->mem_free(m->sim, phys, 0);
	machine_destroy(m);
	return misses;
}

static void test_devices_share_an_iotlb_or_have_their_own(void **state)
{
	(void)state;
	assert_int_equal(misses_of_two_devices(0), 1);
	assert_int_equal(misses_of_two_devices(1), 1);
	assert_int_equal(misses_of_two_devices(2), 2);
}

/* Accesses to 4 pieces of a 2 MiB page, by the largest page that the IOTLB keeps whole. */
static uint64_t misses_of_a_big_page(uint64_t iotlb_page_bytes)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.iotlb_page_bytes = iotlb_page_bytes));
	dmp_phys_t phys;
	unsigned char *ram;
	uint64_t misses;

	machine_add_all(m);
	phys = machine_ram(m, 9, &ram);
	assert_int_equal(machine_map(m, IOVA, phys, MIB(2), 1, RW), 0);
	for (unsigned i = 0; i < 4; i++) {
		unsigned char byte;

		ram[i * PAGE + 5] = (unsigned char)(i + 1);
		assert_int_equal(dmp_sim_agent_read(m->agent, IOVA + i * PAGE + 5, &byte, 1), 0);
		assert_int_equal(byte, i + 1);
	}
	misses = machine_stats(m).iotlb_misses;
	assert_int_equal(m->ops->flush_range(m->sim, m->dom, IOVA + 2 * PAGE, PAGE, true), 0);
	assert_int_equal(machine_stats(m).invalidated_entries, 1);
	m->ops->mem_free(m->sim, phys, 9);
	machine_destroy(m);
	return misses;
}

static void test_a_big_page_is_kept_whole_up_to_the_size_that_the_iotlb_holds(void **state)
{
	(void)state;
	assert_int_equal(misses_of_a_big_page(0), 4);
	assert_int_equal(misses_of_a_big_page(KIB(8)), 2);
	assert_int_equal(misses_of_a_big_page(MIB(2)), 1);
	assert_int_equal(misses_of_a_big_page(GIB(1)), 1);
}

static int setup_not_present(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_CACHE_NOT_PRESENT));

	machine_add_all(m);
	*state = m;
	return 0;
}

static void test_a_map_whose_sync_was_forgotten_shows(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = machine_ram(m, 9, NULL);

	assert_int_equal(read_at(m, IOVA + PAGE), -EFAULT);
	assert_int_equal(read_at(m, IOVA + PAGE), -EFAULT);
	assert_int_equal(machine_stats(m).iotlb_hits, 1);
	assert_int_equal(machine_stats(m).unsynced_accesses, 0);
	assert_int_equal(machine_map(m, IOVA, phys, MIB(2), 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0); /* nobody had asked for this one */
	assert_int_equal(read_at(m, IOVA + PAGE), -EFAULT);
	assert_int_equal(machine_stats(m).unsynced_accesses, 1);
	assert_int_equal(m->ops->sync_map(m->sim, m->dom, IOVA, MIB(2)), 0);
	assert_int_equal(read_at(m, IOVA + PAGE), 0);
	assert_int_equal(machine_stats(m).unsynced_accesses, 1);
	m->ops->mem_free(m->sim, phys, 9);
}

static void test_the_check_finds_an_entry_that_was_lost(void **state)
{
	struct machine *m = *state;
	struct sim_tlb_entry *entry = m->sim->units[0].iotlb.store;
	dmp_phys_t phys = machine_ram(m, 0, NULL);

	assert_int_equal(machine_map(m, IOVA, phys, PAGE, 1, RW), 0);
	assert_int_equal(read_at(m, IOVA), 0);
	while (!entry->id)
		entry++;
	uint64_t id = entry->id;

	entry->id = 0;
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	entry->id = id;
	m->ops->mem_free(m->sim, phys, 0);
}

int main(void)
{
#define TEST_ON(setup, name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)
#define TEST(name)           TEST_ON(setup_small, name)
	const struct CMUnitTest tests[] = {
		TEST(test_the_first_access_misses_and_the_next_hits),
		TEST(test_the_least_recently_used_way_makes_room),
		TEST(test_an_invalidation_removes_its_range_and_nothing_beside_it),
		TEST(test_an_invalidation_leaves_other_domains_alone),
		TEST(test_an_unmap_of_a_big_page_removes_every_piece_of_it),
		TEST(test_after_a_flush_the_device_never_touches_the_page_again),
		TEST(test_after_a_flush_no_walker_is_inside_a_freed_table),
		cmocka_unit_test(test_devices_share_an_iotlb_or_have_their_own),
		cmocka_unit_test(test_a_big_page_is_kept_whole_up_to_the_size_that_the_iotlb_holds),
		TEST_ON(setup_not_present, test_a_map_whose_sync_was_forgotten_shows),
		TEST(test_the_check_finds_an_entry_that_was_lost),
	};

	return cmocka_run_group_tests_name("sim_iotlb", tests, NULL, NULL);
}
