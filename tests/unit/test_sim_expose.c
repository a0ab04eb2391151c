// SPDX-License-Identifier: MIT
/*
 * test_sim_expose.c - proves E1, E2 of sim/sim_expose.c against a byte map that is obvious
 */
#include "test_sim_machine.h"

#define SPAN 4096

static unsigned char host[SPAN];

static int setup(void **state)
{
	struct machine *m = machine_create(&DMP_SIM_OPTS(.flags = DMP_SIM_NO_IOMMU));

	machine_add_device(m);
	*state = m;
	return 0;
}

static dmp_phys_t at(unsigned offset)
{
	return (uintptr_t)host + offset + DMP_SIM_HOST_OFFSET;
}

static int map(struct machine *m, unsigned offset, unsigned len, enum dmp_dir dir)
{
	return m->ops->mem_map(m->sim, m->device, at(offset), len, dir);
}

static int unmap(struct machine *m, unsigned offset, unsigned len, enum dmp_dir dir)
{
	return m->ops->mem_unmap(m->sim, m->device, at(offset), len, dir);
}

static uint64_t reach(struct machine *m, unsigned offset, unsigned len, uint32_t prot)
{
	struct sim_device *dev = sim_device_find(m->sim, m->device);

	dmp_lock_acquire(&dev->lock);
	uint64_t n = sim_expose_reach(dev, at(offset), len, prot);

	dmp_lock_release(&dev->lock);
	return n;
}

static void test_ram_needs_no_exposure_and_keeps_no_book(void **state)
{
	struct machine *m = *state;
	uint64_t before = dmp_meta_in_use();

	assert_int_equal(m->ops->mem_map(m->sim, m->device, MIB(5), MIB(64), DMP_BIDIRECTIONAL), 0);
	assert_int_equal(dmp_meta_in_use(), before);
	assert_int_equal(m->ops->mem_unmap(m->sim, m->device, MIB(900), PAGE, DMP_TO_DEVICE), 0);
}

static void test_what_is_no_memory_cannot_be_exposed(void **state)
{
	struct machine *m = *state;

	assert_int_equal(m->ops->mem_map(m->sim, m->device, GIB(8), PAGE, DMP_TO_DEVICE), -EFAULT);
	assert_int_equal(m->ops->mem_map(m->sim, m->device, GIB(8) - 1, 2, DMP_TO_DEVICE), -EFAULT);
	assert_int_equal(m->ops->mem_map(m->sim, m->device, at(0), 0, DMP_TO_DEVICE), -EFAULT);
	assert_int_equal(m->ops->mem_map(m->sim, 999, at(0), 1, DMP_TO_DEVICE), -ENOENT);
}

static void test_an_exposure_holds_in_its_direction_only(void **state)
{
	struct machine *m = *state;

	assert_int_equal(map(m, 100, 50, DMP_TO_DEVICE), 0);
	assert_int_equal(reach(m, 100, 50, DMP_PROT_READ), 50);
	assert_int_equal(reach(m, 100, 50, DMP_PROT_WRITE), 0);
	assert_int_equal(reach(m, 99, 2, DMP_PROT_READ), 0);
	assert_int_equal(reach(m, 140, 50, DMP_PROT_READ), 10);
	assert_int_equal(unmap(m, 100, 50, DMP_FROM_DEVICE), -ENOENT);
	assert_int_equal(unmap(m, 100, 50, DMP_TO_DEVICE), 0);
	assert_int_equal(reach(m, 100, 1, DMP_PROT_READ), 0);
	assert_int_equal(unmap(m, 100, 50, DMP_TO_DEVICE), -ENOENT);
}

static void test_an_exposure_is_for_its_device_only(void **state)
{
	struct machine *m = *state;
	struct dmp_hw_device desc = {.size = sizeof(desc)};
	uint32_t other;

	assert_int_equal(m->ops->device_add(m->sim, &desc, &other), 0);
	assert_int_equal(m->ops->mem_map(m->sim, other, at(0), 8, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(reach(m, 0, 8, DMP_PROT_READ), 0);
	assert_int_equal(unmap(m, 0, 8, DMP_BIDIRECTIONAL), -ENOENT);
	m->ops->device_remove(m->sim, other); /* takes its exposures along */
}

static void test_an_exposure_is_taken_back_as_often_as_it_was_made(void **state)
{
	struct machine *m = *state;

	assert_int_equal(map(m, 0, 10, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(map(m, 0, 10, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(unmap(m, 0, 10, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(reach(m, 0, 10, DMP_PROT_WRITE), 10);
	assert_int_equal(unmap(m, 0, 10, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(reach(m, 0, 10, DMP_PROT_WRITE), 0);
}

/*
 *   [0======100)
 *         [50=====150)[150===200)        [210 ...
 *   reach(0, 300) = 200
 */
static void test_neighbours_and_overlaps_are_one_reachable_range(void **state)
{
	struct machine *m = *state;

	assert_int_equal(map(m, 0, 100, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(map(m, 50, 100, DMP_FROM_DEVICE), 0);
	assert_int_equal(map(m, 150, 50, DMP_FROM_DEVICE), 0);
	assert_int_equal(map(m, 210, 50, DMP_FROM_DEVICE), 0);
	assert_int_equal(reach(m, 0, 300, DMP_PROT_WRITE), 200);
	assert_int_equal(reach(m, 0, 300, DMP_PROT_READ), 100);
	assert_int_equal(unmap(m, 0, 100, DMP_BIDIRECTIONAL), 0);
	assert_int_equal(unmap(m, 50, 100, DMP_FROM_DEVICE), 0);
	assert_int_equal(unmap(m, 150, 50, DMP_FROM_DEVICE), 0);
	assert_int_equal(unmap(m, 210, 50, DMP_FROM_DEVICE), 0);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* How far the obvious model reaches: a counter a byte. */
static unsigned model_reach(const unsigned char *model, unsigned offset, unsigned len)
{
	unsigned n = 0;

	while (n < len && model[offset + n])
		n++;
	return n;
}

#define LIVE 200

static void test_random_exposures_agree_with_a_counter_for_each_byte(void **state)
{
	struct machine *m = *state;
	static unsigned char model[SPAN + 256];
	static struct {
		unsigned offset, len;
	} live[LIVE];
	uint32_t seed = 12345;

	memset(model, 0, sizeof(model));
	for (unsigned step = 0; step < 4000; step++) {
		unsigned slot = next_random(&seed) % LIVE, change = live[slot].len ? 255 : 1;

		if (live[slot].len) {
			assert_int_equal(unmap(m, live[slot].offset, live[slot].len, DMP_TO_DEVICE),
					 0);
		} else {
			live[slot].offset = next_random(&seed) % (SPAN - 200);
			live[slot].len = 1 + next_random(&seed) % 200;
			assert_int_equal(map(m, live[slot].offset, live[slot].len, DMP_TO_DEVICE),
					 0);
		}
		for (unsigned i = 0; i < live[slot].len; i++)
			model[live[slot].offset + i] += change;
		if (change == 255)
			live[slot].len = 0;
		unsigned offset = next_random(&seed) % SPAN, len = 1 + next_random(&seed) % 255;

		assert_int_equal(reach(m, offset, len, DMP_PROT_READ),
				 model_reach(model, offset, len));
		if (step % 100 == 0)
			assert_int_equal(dmp_sim_check(m->sim), 0);
	}
	for (unsigned slot = 0; slot < LIVE; slot++)
		if (live[slot].len)
			assert_int_equal(unmap(m, live[slot].offset, live[slot].len, DMP_TO_DEVICE),
					 0);
}

static void test_the_check_finds_a_wrong_count(void **state)
{
	struct machine *m = *state;

	sim_device_find(m->sim, m->device)->nexposures++;
	assert_int_equal(dmp_sim_check(m->sim), -EIO);
	sim_device_find(m->sim, m->device)->nexposures--;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_ram_needs_no_exposure_and_keeps_no_book),
		TEST(test_what_is_no_memory_cannot_be_exposed),
		TEST(test_an_exposure_holds_in_its_direction_only),
		TEST(test_an_exposure_is_for_its_device_only),
		TEST(test_an_exposure_is_taken_back_as_often_as_it_was_made),
		TEST(test_neighbours_and_overlaps_are_one_reachable_range),
		TEST(test_random_exposures_agree_with_a_counter_for_each_byte),
		TEST(test_the_check_finds_a_wrong_count),
	};

	return cmocka_run_group_tests_name("sim_expose", tests, NULL, NULL);
}
