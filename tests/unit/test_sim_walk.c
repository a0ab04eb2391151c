// SPDX-License-Identifier: MIT
/*
 * test_sim_walk.c - proves every reason of sim/sim_walk.c, in tables of the format vtd-48
 *
 * The tables are real pages of the machine's RAM, written through phys_to_buf() as a
 * malicious or broken driver could.
 */
#include "test_sim_machine.h"

#define IOVA (GIB(3) + MIB(6) + KIB(20)) /* index 0, 3, 3, 5 */

#define READ  UINT64_C(1)
#define WRITE UINT64_C(2)
#define TABLE (READ | WRITE)
#define LEAF  UINT64_C(0x80) /* of a page above level 1 */

/* A table page, cleared, as bytes of RAM. */
static uint64_t *table(struct machine *m, dmp_phys_t *phys)
{
	unsigned char *buf;

	*phys = machine_ram(m, 0, &buf);
	memset(buf, 0, PAGE);
	return (uint64_t *)(void *)buf;
}

struct hand_made {
	dmp_phys_t phys[5]; /* [level]: the table of that level */
	uint64_t *entry[5]; /* [level]: the entry that IOVA takes there */
	dmp_phys_t page;
};

/* Four tables that lead IOVA to a page, made without map_pages(). */
static struct hand_made build(struct machine *m)
{
	struct hand_made h;

	h.page = machine_ram(m, 0, NULL);
	for (unsigned level = 1; level <= 4; level++) {
		h.entry[level] = table(m, &h.phys[level]) + ((IOVA >> (3 + 9 * level)) & 511);
		*h.entry[level] = level > 1 ? h.phys[level - 1] | TABLE : h.page | READ;
	}
	return h;
}

static void tear_down(struct machine *m, const struct hand_made *h)
{
	for (unsigned level = 1; level <= 4; level++)
		m->ops->mem_free(m->sim, h->phys[level], 0);
	m->ops->mem_free(m->sim, h->page, 0);
}

/* The reason for which the walk of IOVA fails with @pte at @level; -1: it does not. */
static int reason_with(struct machine *m, struct hand_made *h, unsigned level, uint64_t pte)
{
	uint64_t before = *h->entry[level];
	struct sim_walk walk;

	*h->entry[level] = pte;
	bool found = sim_walk(m->sim, h->phys[4], IOVA, &walk);

	*h->entry[level] = before;
	return found ? -1 : (int)walk.reason;
}

static void test_the_walk_reads_the_tables_that_stand_in_ram(void **state)
{
	struct machine *m = *state;
	struct hand_made h = build(m);
	struct sim_walk walk;

	assert_true(sim_walk(m->sim, h.phys[4], IOVA + 123, &walk));
	assert_int_equal(walk.phys, h.page);
	assert_int_equal(walk.prot, DMP_PROT_READ);
	assert_int_equal(walk.levels, 4);
	tear_down(m, &h);
}

static void test_a_leaf_may_stand_at_level_2_and_3(void **state)
{
	struct machine *m = *state;
	struct hand_made h = build(m);
	struct sim_walk walk;

	*h.entry[2] = MIB(2) * 9 | LEAF | WRITE;
	assert_true(sim_walk(m->sim, h.phys[4], IOVA, &walk));
	assert_int_equal(walk.phys, MIB(18) + KIB(20));
	assert_int_equal(walk.prot, DMP_PROT_WRITE);
	*h.entry[3] = GIB(1) * 5 | LEAF | READ | WRITE;
	assert_true(sim_walk(m->sim, h.phys[4], IOVA, &walk));
	assert_int_equal(walk.phys, GIB(5) + MIB(6) + KIB(20));
	assert_int_equal(walk.levels, 2);
	tear_down(m, &h);
}

static void test_an_entry_that_is_not_present_ends_the_walk_at_every_level(void **state)
{
	struct machine *m = *state;
	struct hand_made h = build(m);

	for (unsigned level = 1; level <= 4; level++) {
		assert_int_equal(reason_with(m, &h, level, 0), DMP_FAULT_NOT_PRESENT);
		assert_int_equal(reason_with(m, &h, level, ~(READ | WRITE)), DMP_FAULT_NOT_PRESENT);
	}
	tear_down(m, &h);
}

static void test_an_address_beyond_48_bits_is_outside_the_aperture(void **state)
{
	struct machine *m = *state;
	struct hand_made h = build(m);
	struct sim_walk walk;

	assert_false(sim_walk(m->sim, h.phys[4], DMP_MASK(48) + 1, &walk));
	assert_int_equal(walk.reason, DMP_FAULT_APERTURE);
	assert_false(sim_walk(m->sim, h.phys[4], DMP_MASK(48), &walk));
	assert_int_equal(walk.reason, DMP_FAULT_NOT_PRESENT);
	tear_down(m, &h);
}

static void test_every_reserved_bit_is_malformed_at_every_level(void **state)
{
	struct machine *m = *state;
	struct hand_made h = build(m);

	for (unsigned level = 1; level <= 4; level++)
		for (unsigned bit = 2; bit < 64; bit++)
			if (bit != 7 && (bit < 12 || bit > 51))
				assert_int_equal(reason_with(m, &h, level,
							     *h.entry[level] | UINT64_C(1) << bit),
						 DMP_FAULT_BAD_TABLE);
	tear_down(m, &h);
}

static void test_each_malformed_entry_is_a_bad_table(void **state)
{
	struct machine *m = *state;
	struct hand_made h = build(m);
	uint64_t leaf = LEAF | READ;
	const struct {
		unsigned level;
		uint64_t pte;
	} bad[] = {
		{4, leaf},                   /* no page is that big */
		{1, h.page | leaf},          /* the smallest has no such mark */
		{2, h.phys[1] | READ},       /* a table permits all */
		{3, h.phys[2] | WRITE},      /* this one, too */
		{3, TABLE},                  /* the table at page 0 */
		{2, GIB(8) | TABLE},         /* a table outside RAM */
		{4, (GIB(1) << 20) | TABLE}, /* far outside */
		{2, MIB(3) | leaf},          /* not aligned to 2 MiB */
		{3, MIB(2) | leaf},          /* not aligned to 1 GiB */
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(reason_with(m, &h, bad[i].level, bad[i].pte), DMP_FAULT_BAD_TABLE);
	assert_int_equal(reason_with(m, &h, 1, *h.entry[1]), -1);
	tear_down(m, &h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup_bare, machine_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_walk_reads_the_tables_that_stand_in_ram),
		TEST(test_a_leaf_may_stand_at_level_2_and_3),
		TEST(test_an_entry_that_is_not_present_ends_the_walk_at_every_level),
		TEST(test_an_address_beyond_48_bits_is_outside_the_aperture),
		TEST(test_every_reserved_bit_is_malformed_at_every_level),
		TEST(test_each_malformed_entry_is_a_bad_table),
	};

	return cmocka_run_group_tests_name("sim_walk", tests, NULL, NULL);
}
