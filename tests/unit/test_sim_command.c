// SPDX-License-Identifier: MIT
/*
 * test_sim_command.c - proves what each command of sim/sim_command.c makes forget, and costs
 */
#include "test_sim_machine.h"

#define IOVA GIB(1)

static int setup_all_caches(void **state)
{
	struct machine *m = machine_create(
		&DMP_SIM_OPTS(.iotlbs = 2, .walk_entries = {4, 4, 4, 4}, .devtlb_sets = 4));

	m->sim->costs.invalidate_command = 10000;
	m->sim->costs.invalidate_device = 200000;
	m->sim->costs.invalidate_wait = 3000000;
	m->sim->costs.invalidate_wait_remote = 40000000;
	m->sim->costs.invalidate_separate = 500000000;
	machine_add_all(m);
	*state = m;
	return 0;
}

/* Two pages far apart in every cache. */
static dmp_phys_t map_and_read_two(struct machine *m)
{
	dmp_phys_t phys = machine_ram(m, 0, NULL);
	unsigned char byte;

	for (unsigned i = 1; i <= 2; i++) {
		assert_int_equal(machine_map(m, i * GIB(513), phys, PAGE, 1, RW), 0);
		assert_int_equal(dmp_sim_agent_read(m->agent, i * GIB(513), &byte, 1), 0);
	}
	return phys;
}

static void expect(struct machine *m, uint64_t iotlb, uint64_t walk, uint64_t devtlb)
{
	struct dmp_sim_stats stats = machine_stats(m);

	assert_int_equal(stats.invalidated_entries, iotlb);
	assert_int_equal(stats.walk_cache_invalidated, walk);
	assert_int_equal(stats.devtlb_invalidated, devtlb);
}

static void execute(struct machine *m, struct sim_command command)
{
	command.drop.asked = command.drop.pages;
	sim_command_execute(m->sim, &command);
}

static void test_each_command_makes_forget_what_it_names(void **state)
{
	struct machine *m = *state;
	struct sim_domain *dom = m->dom;
	struct sim_pages one = {dom->id, GIB(513) >> 12, GIB(513) >> 12};
	struct sim_pages all = {dom->id, 0, UINT64_MAX};
	dmp_phys_t phys = map_and_read_two(m);

	execute(m, (struct sim_command){.kind = COMMAND_WAIT, .drop.pages = all});
	expect(m, 0, 0, 0);
	execute(m,
		(struct sim_command){.kind = COMMAND_PAGES, .drop.pages = one, .leaf_only = true});
	expect(m, 1, 0, 0);
	execute(m, (struct sim_command){.kind = COMMAND_PAGES, .drop.pages = one});
	expect(m, 1, 3, 0);
	execute(m, (struct sim_command){.kind = COMMAND_DEVICE, .device = 0, .drop.pages = one});
	expect(m, 1, 3, 1);
	execute(m, (struct sim_command){.kind = COMMAND_DEVICE, .device = 1, .drop.pages = all});
	expect(m, 1, 3, 1);
	execute(m, (struct sim_command){.kind = COMMAND_DOMAIN, .drop.pages = all});
	expect(m, 2, 6, 1);
	execute(m, (struct sim_command){.kind = COMMAND_DEVICE, .device = 0, .drop.pages = all});
	expect(m, 2, 6, 2);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_the_command_for_everything_names_no_domain(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = map_and_read_two(m);

	execute(m, (struct sim_command){.kind = COMMAND_ALL, .drop.pages = {0, 0, UINT64_MAX}});
	expect(m, 2, 6, 0);
	m->ops->mem_free(m->sim, phys, 0);
}

static void test_each_command_has_its_price(void **state)
{
	struct machine *m = *state;
	struct sim_pages none = {1, 0, 0};
	static const struct {
		struct sim_command command;
		uint64_t ns;
	} prices[] = {
		{{.kind = COMMAND_PAGES}, 10},
		{{.kind = COMMAND_DOMAIN}, 10},
		{{.kind = COMMAND_ALL}, 10},
		{{.kind = COMMAND_DEVICE}, 200},
		{{.kind = COMMAND_WAIT}, 3000},
		{{.kind = COMMAND_WAIT, .remote = true}, 40000},
		{{.kind = COMMAND_WAIT, .remote = true, .is_second = true}, 500000},
	};
	uint64_t before = 0;

	for (unsigned i = 0; i < sizeof(prices) / sizeof(prices[0]); i++) {
		struct sim_command command = prices[i].command;

		command.drop.pages = none;
		execute(m, command);
		assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE] - before,
				 prices[i].ns);
		before += prices[i].ns;
	}
	assert_int_equal(machine_stats(m).commands, 4);
	m->sim->costs.invalidate_domain = 7000000;
	execute(m, (struct sim_command){.kind = COMMAND_DOMAIN, .drop.pages = none});
	execute(m, (struct sim_command){.kind = COMMAND_ALL, .drop.pages = none});
	execute(m, (struct sim_command){.kind = COMMAND_PAGES, .drop.pages = none});
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE] - before, 14010);
}

static void test_a_domain_that_is_left_is_forgotten_at_no_cost(void **state)
{
	struct machine *m = *state;
	dmp_phys_t phys = map_and_read_two(m);

	m->ops->domain_detach(m->sim, m->dom, m->device);
	expect(m, 2, 6, 2);
	assert_int_equal(machine_stats(m).phase_ns[DMP_SIM_PHASE_INVALIDATE], 0);
	assert_int_equal(machine_stats(m).commands, 0);
	assert_int_equal(m->ops->domain_attach(m->sim, m->dom, m->device), 0);
	m->ops->mem_free(m->sim, phys, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_all_caches, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_command_makes_forget_what_it_names),
		TEST(test_the_command_for_everything_names_no_domain),
		TEST(test_each_command_has_its_price),
		TEST(test_a_domain_that_is_left_is_forgotten_at_no_cost),
	};

	return cmocka_run_group_tests_name("sim_command", tests, NULL, NULL);
}
