// SPDX-License-Identifier: MIT
/*
 * double_hw.c - a machine for tests: its script, its records, its life
 */
#include "double_internal.h"

#define FIRST_DEVICE 1u

static const char *const names[DOUBLE_CALLS] = {
	"mem_alloc",         "mem_free",      "coherent_alloc", "coherent_free",  "buf_to_phys",
	"phys_to_buf",       "make_shared",   "make_private",   "mem_map",        "mem_unmap",
	"device_add",        "device_remove", "domain_create",  "domain_destroy", "domain_attach",
	"domain_detach",     "map_pages",     "map_list",       "unmap_pages",    "iova_to_phys",
	"sync_map",          "flush_gather",  "flush_range",    "flush_domain",   "free_tables",
	"set_fault_handler", "fault_next",
};

/* Script and records. */

struct double_reply double_begin(struct double_hw *d, enum double_call call)
{
	static const struct double_reply honest = {.perform = true};
	struct double_reply *script = &d->reply[call];

	dmp_lock_acquire(&d->lock);
	d->ncalls[call]++;
	if (script->nth == 0)
		return honest;
	if (script->nth > 1) {
		script->nth--;
		return honest;
	}
	if (script->count > 1) {
		script->count--;
		return *script;
	}
	script->nth = 0;
	return *script;
}

static void note(struct double_hw *d, const struct double_record *record)
{
	if (d->nrecords == d->records_cap) {
		d->records_cap = d->records_cap ? 2 * d->records_cap : 64;
		d->records = realloc(d->records, d->records_cap * sizeof(*d->records));
		if (!d->records)
			abort();
	}
	d->records[d->nrecords++] = *record;
}

int double_end(struct double_hw *d, struct double_record *record, const struct double_reply *reply,
	       int ret)
{
	record->ret = reply->replace_ret ? reply->ret : ret;
	note(d, record);
	dmp_lock_release(&d->lock);
	return record->ret;
}

uint64_t double_answer(const struct double_reply *reply, uint64_t truth)
{
	return reply->replace_out ? reply->out : truth;
}

/* The machine. */

struct double_hw *double_hw_new(void)
{
	struct double_hw *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->ops.size = sizeof(d->ops);
	d->ops.name = "double";
	double_mem_members(&d->ops);
	double_iommu_members(&d->ops);
	d->page_sizes = UINT64_C(0x40201000);
	d->aperture_end = DMP_MASK(48);
	d->next_device = FIRST_DEVICE;
	d->window[DMP_ZONE_ANY] = double_window_new(DOUBLE_PHYS_ANY);
	d->window[DMP_ZONE_DMA32] = double_window_new(DOUBLE_PHYS_DMA32);
	d->window[DMP_ZONE_DMA] = double_window_new(DOUBLE_PHYS_DMA);
	dmp_lock_init(&d->lock, RANK_BACKEND, "double_hw");
	return d;
}

int double_hw_adopt(struct double_hw *d, uint32_t hw_flags, struct dmp_hw **out)
{
	return dmp_hw_create(&d->ops, d, &DMP_HW_OPTS(.flags = hw_flags), out);
}

uint64_t double_hw_leftovers(const struct double_hw *d)
{
	uint64_t n = d->ndevices + (d->tables_chained - d->tables_freed);

	for (unsigned i = 0; i < 3; i++)
		for (uint64_t page = 0; page < WINDOW_PAGES; page++)
			n += d->window[i]->used[page];
	for (const struct double_domain *dom = d->domains; dom; dom = dom->older)
		n += dom->live + dom->nattached + dom->npages;
	for (const struct double_exposure *e = d->exposures; e; e = e->next)
		n++;
	return n;
}

void double_hw_free(struct double_hw *d)
{
	for (struct double_domain *dom = d->domains, *older; dom; dom = older) {
		older = dom->older;
		free(dom->pages);
		free(dom);
	}
	for (struct double_exposure *e = d->exposures, *next; e; e = next) {
		next = e->next;
		free(e);
	}
	for (struct double_table *table = d->tables, *older; table; table = older) {
		older = table->older;
		free(table);
	}
	for (unsigned i = 0; i < 3; i++) {
		free(d->window[i]->mem);
		free(d->window[i]);
	}
	dmp_lock_destroy(&d->lock);
	free(d->records);
	free(d->trace);
	free(d);
}

/* Scripts. */

void double_script(struct double_hw *d, enum double_call call, const struct double_reply *reply)
{
	d->reply[call] = *reply;
}

void double_fail(struct double_hw *d, enum double_call call, uint64_t nth, int err)
{
	double_script(d, call, &(struct double_reply){.nth = nth, .replace_ret = true, .ret = err});
}

void double_fail_after(struct double_hw *d, enum double_call call, uint64_t nth, int err,
		       uint64_t npages)
{
	double_script(d, call,
		      &(struct double_reply){.nth = nth,
					     .perform = npages > 0,
					     .max_pages = npages,
					     .replace_ret = true,
					     .ret = err});
}

void double_lie(struct double_hw *d, enum double_call call, uint64_t nth, uint64_t out)
{
	double_script(d, call,
		      &(struct double_reply){
			      .nth = nth, .perform = true, .replace_out = true, .out = out});
}

/* Records. */

void double_clear(struct double_hw *d)
{
	d->nrecords = 0;
	memset(d->ncalls, 0, sizeof(d->ncalls));
}

uint64_t double_count(const struct double_hw *d, enum double_call call)
{
	return d->ncalls[call];
}

const struct double_record *double_nth(const struct double_hw *d, enum double_call call, uint64_t i)
{
	for (uint64_t at = 0; at < d->nrecords; at++)
		if (d->records[at].call == call && i-- == 0)
			return &d->records[at];
	return NULL;
}

const struct double_record *double_last(const struct double_hw *d, enum double_call call)
{
	return d->ncalls[call] ? double_nth(d, call, d->ncalls[call] - 1) : NULL;
}

static bool is_lookup(enum double_call call)
{
	return call == DOUBLE_IOVA_TO_PHYS || call == DOUBLE_BUF_TO_PHYS ||
	       call == DOUBLE_PHYS_TO_BUF;
}

const char *double_trace(struct double_hw *d)
{
	size_t len = 0;

	for (uint64_t i = 0; i < d->nrecords; i++)
		if (!is_lookup(d->records[i].call))
			len += strlen(names[d->records[i].call]) + 1;
	free(d->trace);
	d->trace = calloc(1, len + 1);
	if (!d->trace)
		abort();
	len = 0;
	for (uint64_t i = 0; i < d->nrecords; i++) {
		const char *name = names[d->records[i].call];

		if (is_lookup(d->records[i].call))
			continue;
		if (len)
			d->trace[len++] = ' ';
		memcpy(d->trace + len, name, strlen(name));
		len += strlen(name);
	}
	return d->trace;
}
