// SPDX-License-Identifier: MIT
/*
 * test_sim_format.c - proves sim/sim_format.c: entries as the public descriptions have them,
 * and which parameters make a format
 */
#include "test_sim_machine.h"

#define R DMP_PROT_READ
#define W DMP_PROT_WRITE

static struct sim_format format_of(const char *name)
{
	struct sim_format format;

	assert_int_equal(sim_format_choose(&format, name, NULL), 0);
	return format;
}

struct entry_case {
	const char *format;
	unsigned level, run;
	unsigned prot;
	dmp_phys_t phys;
	uint64_t pte;
};

static const struct entry_case leaves[] = {
	/* VT-d: R 0, W 1, bit 7 above level 1 */
	{"vtd-48", 1, 0, R, 0x123456789000, 0x123456789001},
	{"vtd-48", 2, 0, RW, 0x123456600000, 0x123456600083},
	{"vtd-57", 3, 0, W, 0x1240000000, 0x1240000082},
	/* AMD: PR 0, next 11..9, FC 60, IR 61, IW 62 */
	{"amd-v1", 1, 0, R, 0x12345000, 0x3000000012345001},
	{"amd-v1", 2, 0, RW, 0x12400000, 0x7000000012400001},
	{"amd-v1", 1, 1, RW, 0x12344000, 0x7000000012344e01}, /* 8 KiB: bit 12 is 0 */
	{"amd-v1", 1, 2, RW, 0x12344000, 0x7000000012345e01}, /* 16 KiB: 01 */
	{"amd-v1", 1, 8, RW, 0x12300000, 0x700000001237fe01}, /* 1 MiB: 0111 1111 */
	{"amd-v1", 2, 1, W, 0x12400000, 0x50000000125ffe01},  /* 4 MiB */
	/* SMMU: valid 0, kind 1, attributes 5..2, S2AP 7..6, SH 9..8, AF 10, contiguous 52 */
	{"smmu-4k", 1, 0, R, 0x12345000, 0x1234577f},
	{"smmu-4k", 1, 0, W, 0x12345000, 0x123457bf},
	{"smmu-4k", 2, 0, RW, 0x12400000, 0x124007fd},
	{"smmu-4k", 1, 4, RW, 0x12340000, 0x100000123407ff},
	{"smmu-64k", 1, 0, RW, 0x12340000, 0x123407ff},
	{"smmu-64k", 2, 0, RW, 0x60000000, 0x600007fd},
	{"smmu-64k-52", 1, 0, RW, 0xa123456780000, 0x12345678a7ff}, /* 51..48 at 15..12 */
	{"smmu-64k-52", 2, 0, R, 0xf000020000000, 0x2000f77d},
	/* RISC-V: V 0, R 1, W 2, U 4, A 6, D 7, address >> 12 from bit 10, N 63 */
	{"riscv-sv39", 1, 0, R, 0x12345000, 0x48d1453},
	{"riscv-sv39", 1, 0, RW, 0x12345000, 0x48d14d7},
	{"riscv-sv48", 4, 0, RW, 0x8000000000, 0x20000000d7},
	{"riscv-sv39", 1, 4, RW, 0x12340000, 0x80000000048d20d7},
};

#define NLEAVES (sizeof(leaves) / sizeof(leaves[0]))

static void test_pages_look_as_the_descriptions_have_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NLEAVES; i++) {
		const struct entry_case *c = &leaves[i];
		struct sim_format format = format_of(c->format);

		assert_int_equal(sim_leaf_encode(&format, c->level, c->run, c->phys, c->prot),
				 c->pte);
	}
}

static void test_pages_are_read_as_they_were_written(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NLEAVES; i++) {
		const struct entry_case *c = &leaves[i];
		struct sim_format format = format_of(c->format);
		struct sim_entry entry = sim_entry_decode(&format, c->pte, c->level, 0);

		assert_true(sim_pte_is_present(&format, c->pte));
		assert_false(sim_pte_is_table(&format, c->pte, c->level));
		assert_true(entry.is_sound);
		assert_int_equal(entry.phys, c->phys);
		assert_int_equal(entry.prot, c->prot);
		assert_int_equal(entry.bytes, sim_level_span(&format, c->level) << c->run);
		assert_int_equal(sim_leaf_run(&format, c->pte, c->level), c->run);
	}
}

static void test_tables_look_as_the_descriptions_have_them(void **state)
{
	static const struct entry_case tables[] = {
		{"vtd-48", 4, 0, 0, 0x12345000, 0x12345003},
		{"amd-v1", 3, 0, 0, 0x12345000, 0x6000000012345401}, /* next level 2 */
		{"amd-v1", 2, 0, 0, 0x12345000, 0x6000000012345201},
		{"smmu-4k", 2, 0, 0, 0x12345000, 0x12345003},
		{"smmu-64k", 3, 0, 0, 0x12340000, 0x12340003},
		{"smmu-64k-52", 3, 0, 0, 0x1000012340000, 0x12341003},
		{"riscv-sv48", 4, 0, 0, 0x12345000, 0x48d1401},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct entry_case *c = &tables[i];
		struct sim_format format = format_of(c->format);
		struct sim_entry entry = sim_entry_decode(&format, c->pte, c->level, 0);

		assert_int_equal(sim_table_encode(&format, c->level, c->phys), c->pte);
		assert_true(entry.is_sound);
		assert_int_equal(entry.bytes, 0);
		assert_int_equal(entry.phys, c->phys);
	}
}

static void test_in_riscv_what_may_be_written_may_be_read(void **state)
{
	struct sim_format format = format_of("riscv-sv39");
	uint64_t pte = sim_leaf_encode(&format, 1, 0, PAGE, W);

	(void)state;
	assert_int_equal(sim_entry_decode(&format, pte, 1, 0).prot, RW);
}

static void test_entries_that_no_description_has_are_malformed(void **state)
{
	static const struct entry_case bad[] = {
		{"vtd-48", 4, 0, 0, 0, 0x83},                        /* a page of level 4 */
		{"vtd-48", 1, 0, 0, 0, 0x1081},                      /* bit 7 at level 1 */
		{"amd-v1", 3, 0, 0, 0, 0x6000000012345201},          /* a level is skipped */
		{"amd-v1", 2, 0, 0, 0, 0x6000000012345401},          /* a table of its own level */
		{"amd-v1", 1, 0, 0, 0, 0x1000000012345001},          /* permits nothing */
		{"amd-v1", 1, 0, 0, 0, 0x700000001257fe01 | 1 << 6}, /* reserved */
		{"amd-v1", 1, 0, 0, 0, 0x70000000125ffe01},          /* 4 MiB at level 1 */
		{"amd-v1", 1, 0, 0, 0, 0x700ffffffffffe01},          /* no size at all */
		{"smmu-4k", 1, 0, 0, 0, 0x1234577d},                 /* a block at level 1 */
		{"smmu-4k", 4, 0, 0, 0, 0x7fd},                      /* a block at level 4 */
		{"smmu-4k", 1, 0, 0, 0, 0x1234537f},                 /* never accessed */
		{"smmu-4k", 3, 0, 0, 0, 0x100000400007fd},           /* no run at level 3 */
		{"smmu-4k", 1, 0, 0, 0, 0x100000123417ff},           /* the second piece first */
		{"smmu-64k", 1, 0, 0, 0, 0x123417ff},                /* not aligned */
		{"smmu-64k", 3, 0, 0, 0, 0x12341003},                /* a table not aligned */
		{"riscv-sv39", 1, 0, 0, 0, 0x48d1455},               /* written, not read */
		{"riscv-sv39", 1, 0, 0, 0, 0x48d1401},               /* a table below level 1 */
		{"riscv-sv39", 1, 0, 0, 0, 0x80000000048d10d7},      /* a run of another length */
		{"riscv-sv39", 2, 0, 0, 0, 0x80000000048d20d7},      /* a run at level 2 */
		{"riscv-sv39", 2, 0, 0, 0, 0x48d14d7},               /* 2 MiB not aligned */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sim_format format = format_of(bad[i].format);

		assert_false(sim_entry_decode(&format, bad[i].pte, bad[i].level, 0).is_sound);
	}
}

static void test_each_piece_of_a_hinted_run_stands_in_its_place(void **state)
{
	struct sim_format format = format_of("smmu-4k");
	uint64_t first = sim_leaf_encode(&format, 1, 4, 0x12340000, RW);

	(void)state;
	for (uint64_t i = 0; i < 16; i++) {
		struct sim_entry entry =
			sim_entry_decode(&format, first + i * PAGE, 1, GIB(1) + i * PAGE);

		assert_true(entry.is_sound);
		assert_int_equal(entry.phys, 0x12340000);
		assert_int_equal(entry.bytes, KIB(64));
	}
}

static void test_every_name_leads_to_a_format_and_its_page_sizes(void **state)
{
	static const struct {
		const char *name;
		unsigned iova_bits;
		uint64_t page_sizes;
	} known[] = {
		{"vtd-39", 39, 0x40201000},     {"vtd-48", 48, 0x40201000},
		{"vtd-57", 57, 0x40201000},     {"amd-v1", 48, 0x7ffffff000},
		{"smmu-4k", 48, 0x42211000},    {"smmu-16k", 48, 0x42204000},
		{"smmu-64k", 48, 0x420210000},  {"smmu-64k-52", 52, 0x420210000},
		{"riscv-sv39", 38, 0x40211000}, {"riscv-sv48", 47, 0x8040211000},
	};
	unsigned n = sizeof(known) / sizeof(known[0]);

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct sim_format format = format_of(known[i].name);

		assert_string_equal(dmp_sim_format_name(i), known[i].name);
		assert_int_equal(format.iova_last, DMP_MASK(known[i].iova_bits));
		assert_int_equal(format.page_sizes, known[i].page_sizes);
	}
	assert_null(dmp_sim_format_name(n));
	assert_null(dmp_sim_format_name(UINT32_MAX));
}

static void test_a_format_that_cannot_be_found_is_told(void **state)
{
	struct dmp_sim_format found = {.levels = 77};
	struct sim_format format;

	(void)state;
	assert_int_equal(dmp_sim_format_find("vtd", &found), -ENOENT);
	assert_int_equal(dmp_sim_format_find("", &found), -ENOENT);
	assert_int_equal(dmp_sim_format_find(NULL, &found), -EINVAL);
	assert_int_equal(dmp_sim_format_find("vtd-48", NULL), -EINVAL);
	assert_int_equal(found.levels, 77);
	assert_int_equal(sim_format_choose(&format, "vtd", NULL), -ENOENT);
	assert_int_equal(dmp_sim_format_find("vtd-48", &found), 0);
	assert_int_equal(sim_format_choose(&format, "vtd-48", &found), -EINVAL);
	assert_int_equal(sim_format_choose(&format, NULL, &found), 0);
}

static int choose(const char *name, void (*change)(struct dmp_sim_format *f))
{
	struct dmp_sim_format own;
	struct sim_format format;

	assert_int_equal(dmp_sim_format_find(name, &own), 0);
	change(&own);
	return sim_format_choose(&format, NULL, &own);
}

static void five_levels(struct dmp_sim_format *f)
{
	f->levels = 5;
	f->iova_bits = 56;
}

static void high_granule_4k(struct dmp_sim_format *f)
{
	f->encoding = DMP_SIM_ENCODING_SMMU52;
}

static void granule_16k(struct dmp_sim_format *f)
{
	*f = (struct dmp_sim_format){
		.size = sizeof(*f),
		.encoding = DMP_SIM_ENCODING_SMMU,
		.granule_shift = 14,
		.levels = 3,
		.iova_bits = 47,
		.leaf_levels = 3,
	};
}

static void test_other_parameters_make_other_formats(void **state)
{
	(void)state;
	assert_int_equal(choose("riscv-sv48", five_levels), 0);
	assert_int_equal(choose("amd-v1", five_levels), 0);
	assert_int_equal(choose("smmu-4k", granule_16k), 0);
}

/* Each of these makes no sense of a format that does. */
static void unknown_encoding(struct dmp_sim_format *f)
{
	f->encoding = DMP_SIM_ENCODINGS;
}
static void two_levels(struct dmp_sim_format *f)
{
	f->levels = 2;
}
static void six_levels(struct dmp_sim_format *f)
{
	f->levels = 6;
}
static void idle_level(struct dmp_sim_format *f)
{
	f->iova_bits = 39;
}
static void too_many_bits(struct dmp_sim_format *f)
{
	f->iova_bits = 49;
}
static void odd_granule(struct dmp_sim_format *f)
{
	f->granule_shift = 13;
}
static void huge_granule(struct dmp_sim_format *f)
{
	f->granule_shift = 44;
}
static void no_small_pages(struct dmp_sim_format *f)
{
	f->leaf_levels = 6;
}
static void pages_at_the_top(struct dmp_sim_format *f)
{
	f->leaf_levels = 15;
}
static void run_of_one(struct dmp_sim_format *f)
{
	f->runs[0] = 1;
}
static void run_of_a_table(struct dmp_sim_format *f)
{
	f->runs[0] = 1 << 9;
}
static void run_without_pages(struct dmp_sim_format *f)
{
	f->runs[3] = 1 << 4;
}
static void some_run(struct dmp_sim_format *f)
{
	f->runs[0] = 1 << 3;
}
static void two_runs(struct dmp_sim_format *f)
{
	f->runs[0] = 1 << 4 | 1 << 5;
}
static void reserved(struct dmp_sim_format *f)
{
	f->reserved0 = 1;
}

static void test_parameters_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *name;
		void (*change)(struct dmp_sim_format *f);
	} bad[] = {
		{"vtd-48", unknown_encoding},  {"vtd-48", two_levels},
		{"vtd-48", six_levels},        {"vtd-48", idle_level},
		{"vtd-48", too_many_bits},     {"vtd-48", odd_granule},
		{"vtd-48", huge_granule},      {"vtd-48", no_small_pages},
		{"vtd-48", pages_at_the_top},  {"vtd-48", some_run},
		{"vtd-48", reserved},          {"amd-v1", run_of_one},
		{"amd-v1", run_of_a_table},    {"amd-v1", run_without_pages},
		{"smmu-4k", pages_at_the_top}, {"smmu-4k", two_runs},
		{"riscv-sv48", some_run},      {"riscv-sv48", two_runs},
		{"smmu-4k", high_granule_4k},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(choose(bad[i].name, bad[i].change), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_look_as_the_descriptions_have_them),
		cmocka_unit_test(test_pages_are_read_as_they_were_written),
		cmocka_unit_test(test_tables_look_as_the_descriptions_have_them),
		cmocka_unit_test(test_in_riscv_what_may_be_written_may_be_read),
		cmocka_unit_test(test_entries_that_no_description_has_are_malformed),
		cmocka_unit_test(test_each_piece_of_a_hinted_run_stands_in_its_place),
		cmocka_unit_test(test_every_name_leads_to_a_format_and_its_page_sizes),
		cmocka_unit_test(test_a_format_that_cannot_be_found_is_told),
		cmocka_unit_test(test_other_parameters_make_other_formats),
		cmocka_unit_test(test_parameters_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests_name("sim_format", tests, NULL, NULL);
}
