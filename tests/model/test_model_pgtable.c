// SPDX-License-Identifier: MIT
/*
 * test_model_pgtable.c - random maps and unmaps over every format of page tables, and odd ones
 *
 * Four tell where an address leads, and have to agree after every operation:
 *
 *   the model        a list of runs of equal pages, as the rule of page sizes has them
 *   the library      dmp_iommu_iova_to_phys(), dmp_domain_iova_to_phys()
 *   the tables       read from RAM by read_tables.c, which knows the simulator from outside only
 *   the device       an agent writes there, and another that is not translated looks for it
 *
 * An operation maps runs or one run, also over what is mapped (refused, nothing changes), or
 * unmaps from the start of a page, or from inside one, over whatever lies there.
 */
#include "dmptest.h"

#include "read_tables.h"
#include "rng.h"

#include <dmapool/bits.h>
#include <dmapool/dma.h>
#include <dmapool/iommu.h>
#include <dmapool/port.h>
#include <dmapool/sim.h>

#include <stdio.h>
#include <string.h>

#define ROUNDS   600u
#define RUNS_MAX 4096u
#define GIB(n)   ((uint64_t)(n) << 30)
#define RAM      GIB(8)
#define TABLES   GIB(7) /* tables come from the highest block of RAM */

/* @count pages of @page_bytes, one behind the other. */
struct run {
	dmp_iova_t iova;
	dmp_phys_t phys;
	uint64_t page_bytes, count;
	unsigned prot;
};

struct world {
	const char *name;
	struct rng rng;
	struct dmp_sim *sim;
	struct dmp_hw *hw;
	struct dmp_iommu *iommu;
	struct dmp_device *dev, *direct; /* translated; not */
	struct dmp_sim_agent *agent, *direct_agent;
	struct dmp_hw_domain_info info;
	struct tables tables;
	struct run run[RUNS_MAX]; /* in no order */
	unsigned nruns;
	uint64_t meta_before;
};

/* The model. */

static uint64_t run_bytes(const struct run *run)
{
	return run->page_bytes * run->count;
}

/* NULL: not mapped. */
static struct run *run_at(struct world *w, dmp_iova_t iova)
{
	for (unsigned i = 0; i < w->nruns; i++)
		if (iova - w->run[i].iova < run_bytes(&w->run[i]))
			return &w->run[i];
	return NULL;
}

static bool is_free(const struct world *w, dmp_iova_t iova, uint64_t len)
{
	for (unsigned i = 0; i < w->nruns; i++)
		if (w->run[i].iova < iova + len && iova < w->run[i].iova + run_bytes(&w->run[i]))
			return false;
	return true;
}

static void run_add(struct world *w, struct run run)
{
	if (!run.count)
		return;
	assert_true(w->nruns < RUNS_MAX);
	w->run[w->nruns++] = run;
}

static void model_map(struct world *w, dmp_iova_t iova, struct dmp_phys_run piece, unsigned prot)
{
	while (piece.len) {
		struct dmp_page_step step =
			dmp_iommu_page_step(w->info.page_sizes, iova, piece.phys, piece.len);
		struct run run = {iova, piece.phys, step.page_bytes, step.count, prot};

		run_add(w, run);
		iova += run_bytes(&run);
		piece.phys += run_bytes(&run);
		piece.len -= run_bytes(&run);
	}
}

/* Whole pages from @iova on, to behind @len or before a hole; returns bytes. */
static uint64_t model_unmap(struct world *w, dmp_iova_t iova, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		struct run *run = run_at(w, iova + done), whole, rest;
		uint64_t skip, n;

		if (!run || !dmp_is_aligned(iova + done, run->page_bytes))
			break;
		whole = rest = *run;
		skip = (iova + done - whole.iova) / whole.page_bytes;
		n = (len - done + whole.page_bytes - 1) / whole.page_bytes;
		if (n > whole.count - skip)
			n = whole.count - skip;
		*run = w->run[--w->nruns];
		rest.iova += (skip + n) * whole.page_bytes;
		rest.phys += (skip + n) * whole.page_bytes;
		rest.count -= skip + n;
		run_add(w, rest);
		whole.count = skip;
		run_add(w, whole);
		done += n * whole.page_bytes;
	}
	return done;
}

/* What all say. */

static void device_agrees(struct world *w, dmp_iova_t iova, const struct run *run, dmp_phys_t phys)
{
	unsigned char mark = (unsigned char)rng_next(&w->rng), seen = (unsigned char)~mark;
	bool is_ram = run && phys < RAM;
	bool writes;

	if (is_ram && phys >= TABLES)
		return;
	writes = dmp_sim_agent_write(w->agent, iova, &mark, 1) == 0;

	assert_int_equal(writes, is_ram && (run->prot & DMP_PROT_WRITE));
	if (!writes)
		return;
	assert_int_equal(dmp_sim_agent_read(w->direct_agent, phys, &seen, 1), 0);
	assert_int_equal(seen, mark);
}

static void all_agree(struct world *w, dmp_iova_t iova)
{
	const struct run *run = run_at(w, iova);
	struct found found = {0};
	dmp_phys_t phys = 0, expected = run ? run->phys + (iova - run->iova) : 0;
	bool writes_read = strncmp(w->name, "riscv", 5) == 0;

	assert_int_equal(dmp_iommu_iova_to_phys(w->iommu, iova, &phys), run ? 0 : -ENOENT);
	assert_int_equal(phys, expected);
	assert_int_equal(read_tables(&w->tables, iova, &found), run != NULL);
	if (run) {
		assert_int_equal(found.phys, expected);
		assert_int_equal(found.page_bytes, run->page_bytes);
		assert_int_equal(found.write, (run->prot & DMP_PROT_WRITE) != 0);
		assert_int_equal(found.read,
				 (run->prot & DMP_PROT_READ) || (found.write && writes_read));
	}
	device_agrees(w, iova, run, expected);
}

/* At the edges of a range, and somewhere in it. */
static void all_agree_around(struct world *w, dmp_iova_t iova, uint64_t len)
{
	all_agree(w, iova);
	all_agree(w, iova + len - 1);
	all_agree(w, iova + rng_range(&w->rng, 0, len - 1));
	if (iova > w->info.aperture_start)
		all_agree(w, iova - 1);
	if (iova + len - 1 < w->info.aperture_end)
		all_agree(w, iova + len);
}

/* Operations. */

static uint64_t granule(const struct world *w)
{
	return w->info.page_sizes & -w->info.page_sizes;
}

/* A page size of the format, at most 2 GiB: more than RAM has seldom a byte to look at. */
static uint64_t some_page(struct world *w)
{
	uint64_t page;

	do
		page = UINT64_C(1) << rng_range(&w->rng, 12, 31);
	while (!(w->info.page_sizes & page));
	return page;
}

/* Somewhere in one of four stretches of 4 GiB, so that ranges meet. */
static dmp_iova_t some_iova(struct world *w, uint64_t align)
{
	uint64_t top = (w->info.aperture_end + 1) / 4;
	dmp_iova_t iova = rng_range(&w->rng, 0, 3) * top + rng_range(&w->rng, 0, GIB(4) - 1);

	return dmp_align_down(iova, align);
}

/* In RAM; of 52 bits now and then far beyond it, before and behind a multiple of 2^48. */
static dmp_phys_t some_phys(struct world *w, uint64_t align)
{
	dmp_phys_t phys = rng_range(&w->rng, 0, GIB(6));

	if (strcmp(w->name, "smmu-64k-52") == 0 && rng_range(&w->rng, 0, 1))
		phys += (rng_range(&w->rng, 1, 15) << 48) - GIB(3);
	return dmp_align_down(phys, align);
}

static void map_some(struct world *w)
{
	struct dmp_phys_run runs[8];
	size_t n = rng_range(&w->rng, 1, 8);
	uint64_t page = some_page(w), len = 0;
	bool is_plain = rng_range(&w->rng, 0, 2) != 0; /* all aligned to the page */
	uint64_t align = is_plain ? page : granule(w);
	dmp_iova_t iova = some_iova(w, align);
	unsigned prot = (unsigned)rng_range(&w->rng, 1, 3);
	int expected;

	if (page > (UINT64_C(1) << 25))
		n = 1;
	for (size_t i = 0; i < n; i++) {
		uint64_t count = rng_range(&w->rng, 1, is_plain ? 3 : 600);

		runs[i] = (struct dmp_phys_run){some_phys(w, align), align * count};
		/* now and then a neighbour, to be joined */
		if (i && rng_range(&w->rng, 0, 3) == 0)
			runs[i].phys = runs[i - 1].phys + runs[i - 1].len;
		len += runs[i].len;
	}
	expected = is_free(w, iova, len) ? 0 : -EEXIST;
	assert_int_equal(dmp_iommu_map_range(w->iommu, iova, runs, n, prot), expected);
	if (!expected) {
		dmp_iova_t at = iova;

		for (size_t i = 0; i < n;) {
			struct dmp_phys_run joined = runs[i++];

			for (; i < n && runs[i].phys == joined.phys + joined.len; i++)
				joined.len += runs[i].len;
			model_map(w, at, joined, prot);
			at += joined.len;
		}
	}
	all_agree_around(w, iova, len);
}

static void unmap_some(struct world *w)
{
	const struct run *run = &w->run[rng_range(&w->rng, 0, w->nruns - 1)];
	uint64_t inside = rng_range(&w->rng, 0, 3) ? run->page_bytes : granule(w);
	dmp_iova_t iova =
		dmp_align_down(run->iova + rng_range(&w->rng, 0, run_bytes(run) - 1), inside);
	uint64_t len = dmp_align_down(rng_range(&w->rng, 1, 2 * run_bytes(run)), granule(w));
	uint64_t unmapped = 0, expected;

	if (!len)
		len = granule(w);
	if (len > w->info.aperture_end - iova)
		len = w->info.aperture_end - iova + 1;
	expected = model_unmap(w, iova, len);
	assert_int_equal(dmp_iommu_unmap(w->iommu, iova, len, &unmapped), 0);
	assert_int_equal(unmapped, expected);
	all_agree_around(w, iova, len);
}

/* The machine. */

static void world_open(struct world *w, const char *name, const struct dmp_sim_format *own)
{
	memset(w, 0, sizeof(*w));
	w->name = name;
	w->tables.levels = own ? own->levels : 0;
	w->rng = rng_seeded(rng_seed_from_env(7));
	w->meta_before = dmp_meta_in_use();
	assert_int_equal(
		dmp_sim_create(&DMP_SIM_OPTS(.format = own ? NULL : name, .custom_format = own,
					     .ram_bytes = RAM, .hw_flags = DMP_HW_CHECK),
			       &w->sim),
		0);
	w->hw = dmp_sim_hw(w->sim);
	assert_int_equal(dmp_device_create(w->hw, NULL, &w->dev), 0);
	assert_int_equal(dmp_device_create(w->hw, NULL, &w->direct), 0);
	assert_int_equal(dmp_sim_agent_create(w->sim, dmp_device_id(w->dev), &w->agent), 0);
	assert_int_equal(dmp_sim_agent_create(w->sim, dmp_device_id(w->direct), &w->direct_agent),
			 0);
}

static void world_find_tables(struct world *w)
{
	w->tables.format = w->name;
	w->tables.ram = dmp_sim_ram(w->sim, 0, RAM);
	assert_non_null(w->tables.ram);
	assert_int_equal(dmp_sim_device_root(w->sim, dmp_device_id(w->dev), &w->tables.root), 0);
	assert_int_equal(dmp_sim_device_root(w->sim, dmp_device_id(w->direct), &w->tables.root),
			 -ENOENT);
}

static void world_close(struct world *w)
{
	struct dmp_sim_stats stats;

	assert_int_equal(dmp_sim_check(w->sim), 0);
	assert_int_equal(dmp_sim_get_stats(w->sim, &stats, sizeof(stats)), 0);
	assert_int_equal(stats.table_bytes, 0);
	assert_int_equal(stats.tables_waiting, 0);
	assert_int_equal(stats.stale_accesses, 0);
	dmp_sim_agent_destroy(w->agent);
	dmp_sim_agent_destroy(w->direct_agent);
	assert_int_equal(dmp_device_destroy(w->dev), 0);
	assert_int_equal(dmp_device_destroy(w->direct), 0);
	assert_int_equal(dmp_sim_destroy(w->sim), 0);
	dmp_rcu_barrier();
	assert_int_equal(dmp_meta_in_use(), w->meta_before);
}

static struct world world;

static void run_iommu(const char *name, const struct dmp_sim_format *own)
{
	struct world *w = &world;
	uint64_t rounds = rng_rounds_from_env(ROUNDS);

	world_open(w, name, own);
	assert_int_equal(dmp_iommu_create(w->hw, DMP_DOMAIN_TRANSLATED, &w->iommu), 0);
	assert_int_equal(dmp_iommu_attach(w->iommu, dmp_device_id(w->dev)), 0);
	dmp_iommu_info(w->iommu, &w->info);
	world_find_tables(w);
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t most = w->nruns < 40 ? 3 : w->nruns < RUNS_MAX / 4 ? 1 : 0;

		if (w->nruns == 0 || rng_range(&w->rng, 0, most))
			map_some(w);
		else
			unmap_some(w);
		if (i % 64 == 0)
			assert_int_equal(dmp_sim_check(w->sim), 0);
	}
	while (w->nruns) {
		struct run run = w->run[w->nruns - 1];
		uint64_t unmapped;

		assert_int_equal(dmp_iommu_unmap(w->iommu, run.iova, run_bytes(&run), &unmapped),
				 0);
		assert_int_equal(unmapped, run_bytes(&run));
		w->nruns--;
		all_agree(w, run.iova);
	}
	assert_int_equal(dmp_sim_check(w->sim), 0);
	assert_int_equal(dmp_iommu_detach(w->iommu, dmp_device_id(w->dev)), 0);
	assert_int_equal(dmp_iommu_destroy(w->iommu), 0);
	world_close(w);
}

static void test_all_agree_where_an_address_leads_in_every_format(void **state)
{
	const char *name;

	(void)state;
	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++)
		run_iommu(name, NULL);
}

#define SIZE sizeof(struct dmp_sim_format)

/* Root tables used in part, levels without pages, few sizes and all. */
static const struct {
	const char *name; /* as far as the reader of tables has to know it */
	struct dmp_sim_format format;
} odd[] = {
	{"vtd-own", {SIZE, DMP_SIM_ENCODING_VTD, 12, 3, 36, 1, {0}, 0}},
	{"vtd-own", {SIZE, DMP_SIM_ENCODING_VTD, 12, 5, 49, 5, {0}, 0}},
	{"amd-own", {SIZE, DMP_SIM_ENCODING_AMD_V1, 12, 3, 39, 3, {1 << 3 | 1 << 8, 1 << 1}, 0}},
	{"amd-own", {SIZE, DMP_SIM_ENCODING_AMD_V1, 12, 5, 57, 31, {510, 510, 510, 510, 510}, 0}},
	{"smmu-4k", {SIZE, DMP_SIM_ENCODING_SMMU, 12, 3, 39, 3, {1 << 4, 1 << 4}, 0}},
	{"smmu-4k", {SIZE, DMP_SIM_ENCODING_SMMU, 12, 5, 52, 5, {0}, 0}},
	{"smmu-16k", {SIZE, DMP_SIM_ENCODING_SMMU, 14, 3, 47, 3, {1 << 7, 1 << 5}, 0}},
	{"smmu-64k", {SIZE, DMP_SIM_ENCODING_SMMU, 16, 3, 52, 1, {1 << 5}, 0}},
	{"riscv-own", {SIZE, DMP_SIM_ENCODING_RISCV, 12, 5, 56, 31, {1 << 4}, 0}},
};

static void test_all_agree_where_an_address_leads_in_odd_formats(void **state)
{
	(void)state;
	for (unsigned n = 0; n < sizeof(odd) / sizeof(odd[0]); n++)
		run_iommu(odd[n].name, &odd[n].format);
}

/* Through a domain, which chooses the addresses. */

struct live {
	dmp_iova_t iova;
	struct dmp_phys_run run[4];
	size_t nruns;
	uint64_t len;
};

static void live_agrees(struct world *w, struct dmp_domain *dom, const struct live *live)
{
	dmp_iova_t iova = live->iova;

	for (size_t i = 0; i < live->nruns; iova += live->run[i++].len) {
		uint64_t off = rng_range(&w->rng, 0, live->run[i].len - 1);
		const struct run page = {.prot = DMP_PROT_READ | DMP_PROT_WRITE};
		struct found found;
		dmp_phys_t phys;

		assert_int_equal(dmp_domain_iova_to_phys(dom, iova + off, &phys), 0);
		assert_int_equal(phys, live->run[i].phys + off);
		assert_true(read_tables(&w->tables, iova + off, &found));
		assert_int_equal(found.phys, phys);
		device_agrees(w, iova + off, &page, phys);
	}
}

static void live_map(struct world *w, struct dmp_domain *dom, struct live *live)
{
	uint64_t page = granule(w);

	live->nruns = rng_range(&w->rng, 1, 4);
	live->len = 0;
	for (size_t i = 0; i < live->nruns; i++) {
		live->run[i] =
			(struct dmp_phys_run){some_phys(w, page), page * rng_range(&w->rng, 1, 70)};
		live->len += live->run[i].len;
	}
	assert_int_equal(dmp_domain_map_runs(dom, live->run, live->nruns,
					     DMP_PROT_READ | DMP_PROT_WRITE, UINT64_MAX,
					     &live->iova),
			 0);
}

static void run_domain(const char *name)
{
	struct world *w = &world;
	struct live live[16] = {{.nruns = 0}};
	struct dmp_sim_format format;
	struct dmp_domain *dom;

	world_open(w, name, NULL);
	assert_int_equal(dmp_domain_create(w->hw, NULL, &dom), 0);
	assert_int_equal(dmp_device_attach(w->dev, dom), 0);
	assert_int_equal(dmp_sim_format_find(name, &format), 0);
	w->info.page_sizes = UINT64_C(1) << format.granule_shift;
	world_find_tables(w);
	for (unsigned i = 0; i < 256; i++) {
		struct live *l = &live[rng_range(&w->rng, 0, 15)];

		if (l->nruns) {
			live_agrees(w, dom, l);
			assert_int_equal(dmp_domain_unmap(dom, l->iova, l->len), 0);
			assert_false(read_tables(&w->tables, l->iova, &(struct found){0}));
			device_agrees(w, l->iova, NULL, 0);
			l->nruns = 0;
		} else {
			live_map(w, dom, l);
			live_agrees(w, dom, l);
		}
	}
	for (unsigned i = 0; i < 16; i++)
		if (live[i].nruns)
			assert_int_equal(dmp_domain_unmap(dom, live[i].iova, live[i].len), 0);
	assert_int_equal(dmp_device_detach(w->dev), 0);
	assert_int_equal(dmp_domain_destroy(dom), 0);
	world_close(w);
}

static void test_a_domain_maps_lists_in_every_format(void **state)
{
	const char *name;

	(void)state;
	for (unsigned n = 0; (name = dmp_sim_format_name(n)); n++)
		run_domain(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_agree_where_an_address_leads_in_every_format),
		cmocka_unit_test(test_all_agree_where_an_address_leads_in_odd_formats),
		cmocka_unit_test(test_a_domain_maps_lists_in_every_format),
	};

	return cmocka_run_group_tests_name("model_pgtable", tests, NULL, NULL);
}
