// SPDX-License-Identifier: MIT
/*
 * hw_check_map.c - the shim's rules of what is mapped
 *
 * Of the caller:
 *  C1  a live, translated domain; an offered page size; iova and phys aligned to it; the
 *      range inside the aperture; known permissions; a well-formed gather.
 * Of the backend:
 *  P1  a map says how much it did: whole pages, at most what was asked, all of it if it
 *      succeeded;
 *  P2  a map ends at the first byte that is mapped already, with -EEXIST, and says -EEXIST
 *      nowhere else;
 *  P3  after a map iova_to_phys confirms its first and last page, and the byte behind what
 *      it did is not mapped by it;
 *  P4  an unmap says how much it did: whole pages, all mapped before, up to the first hole
 *      or the end that was asked for, whichever comes first;
 *  P5  a page is not split: an unmap goes on to the end of the page that lies across its
 *      end, and does nothing from inside a page;
 *  P6  after an unmap iova_to_phys finds neither its first nor its last page;
 *  P7  an unmap leaves the range of the gather alone;
 *  P8  iova_to_phys tells what the books tell.
 *
 *   books   [ 4 KiB pages      ) hole [ 2 MiB page )
 *   unmap      |==========|             asked
 *   may say    |==========|             P4: no less, since no hole was met
 *
 * After a broken rule of this page the books of the domain are not compared any more
 * (is_blind): every later line would be an echo of the first.  The same if there is no
 * memory to split a record.
 *
 * A look-up may run beside a map of another range: P8 is judged only if no map or unmap of
 * the domain was in progress from before the call until after it.
 */
#include "hw_check.h"

#define KNOWN_PROT (DMP_PROT_READ | DMP_PROT_WRITE)

/* Around a call of the backend. */

/* A map or unmap in progress, and what the books said before it. */
struct change {
	struct hw_check *check;
	const char *member;
	void *dom;
	dmp_iova_t iova;
	uint64_t asked;    /* bytes */
	uint64_t min_page; /* smallest offered */
	uint64_t free;     /* bytes from iova on that were not mapped */
	bool is_blind;
};

/* C1, of a domain and a range. */
static const char *range_fault(const struct check_domain *domain, dmp_iova_t iova, uint64_t len)
{
	if (!domain)
		return "no live domain";
	if (domain->type != DMP_DOMAIN_TRANSLATED)
		return "a passthrough domain has no pages";
	if (!len || iova < domain->info.aperture_start ||
	    !dmp_range_fits(iova, len, domain->info.aperture_end))
		return "a range outside the aperture";
	return NULL;
}

/* C1, of pages. */
static const char *pages_fault(const struct check_domain *domain, uint64_t addrs,
			       uint64_t page_bytes)
{
	if (!dmp_is_pow2(page_bytes) || !(domain->info.page_sizes & page_bytes))
		return "a page size that is not offered";
	if (!dmp_is_aligned(addrs, page_bytes))
		return "addresses not aligned to the page";
	return NULL;
}

/* @page_bytes 0: the smallest. */
static int change_begin(struct change *change, uint64_t addrs, uint64_t page_bytes)
{
	struct hw_check *check = change->check;
	struct check_domain *domain;
	const char *fault;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, change->dom);
	fault = range_fault(domain, change->iova, change->asked);
	if (!fault) {
		change->min_page = domain->info.page_sizes & -domain->info.page_sizes;
		fault = pages_fault(domain, addrs, page_bytes ? page_bytes : change->min_page);
	}
	if (!fault) {
		domain->changing++;
		domain->changes++;
		change->free = check_pages_free(domain, change->iova, change->asked);
		change->is_blind = domain->is_blind;
	}
	dmp_lock_release(&check->books_lock);
	return fault ? check_caller_bug(check, change->member, fault) : 0;
}

/* Ends with books_lock held; NULL: the domain is gone. */
static struct check_domain *change_end(struct change *change, const char *fault)
{
	struct check_domain *domain;

	dmp_lock_acquire(&change->check->books_lock);
	domain = check_domain_find_locked(change->check, change->dom);
	if (domain) {
		domain->changing--;
		if (fault)
			domain->is_blind = true;
	}
	return domain;
}

/* What the backend itself finds at @iova; false: nothing. */
static bool backend_finds(const struct change *change, dmp_iova_t iova, dmp_phys_t *phys)
{
	return change->check->ops.iova_to_phys(change->check->be, change->dom, iova, phys) == 0;
}

/* Map. */

/* P1, P2 */
static const char *mapped_fault(const struct change *change, int ret, uint64_t mapped)
{
	if (mapped > change->asked || !dmp_is_aligned(mapped, change->min_page))
		return "a count of mapped bytes that cannot be";
	if (!ret && mapped != change->asked)
		return "success, but not everything is mapped";
	if (change->is_blind)
		return NULL;
	if (mapped > change->free)
		return "mapped what is mapped";
	if (ret == -EEXIST && change->free == change->asked)
		return "-EEXIST where nothing is mapped";
	return NULL;
}

/* P3, for one contiguous run at @off of the change. */
static const char *run_fault(const struct change *change, uint64_t off, dmp_phys_t phys,
			     uint64_t len)
{
	dmp_phys_t first, last;

	if (!backend_finds(change, change->iova + off, &first) || first != phys ||
	    !backend_finds(change, change->iova + off + (len - 1), &last) ||
	    last != phys + (len - 1))
		return "iova_to_phys does not confirm what was mapped";
	return NULL;
}

/* P3, for all runs and the byte behind them. */
static const char *runs_fault(const struct change *change, const struct dmp_phys_run *runs,
			      uint64_t mapped)
{
	const char *fault = NULL;
	dmp_phys_t phys;

	for (uint64_t off = 0; off < mapped && !fault; off += runs++->len)
		fault = run_fault(change, off, runs->phys,
				  runs->len < mapped - off ? runs->len : mapped - off);
	if (!fault && !change->is_blind && mapped < change->free &&
	    backend_finds(change, change->iova + mapped, &phys))
		fault = "mapped more than it says";
	return fault;
}

/* Records for @nruns runs, chained by the left link of their nodes; NULL: no memory. */
static struct check_map *records_make(size_t nruns)
{
	struct check_map *chain = NULL;

	while (nruns--) {
		struct check_map *map = check_record(check_map);

		if (!map) {
			while ((map = chain)) {
				chain = RB_LEFT(map, node);
				dmp_meta_free(map, sizeof(*map));
			}
			return NULL;
		}
		RB_LEFT(map, node) = chain;
		chain = map;
	}
	return chain;
}

static void records_enter(struct check_domain *domain, struct check_map *chain, dmp_iova_t iova,
			  const struct dmp_phys_run *runs, uint64_t mapped, uint64_t page_bytes)
{
	for (struct check_map *map = chain; map; map = chain, runs++) {
		uint64_t len = domain && !domain->is_blind ? runs->len : 0;

		chain = RB_LEFT(map, node);
		if (len > mapped)
			len = mapped;
		if (!len) {
			dmp_meta_free(map, sizeof(*map));
			continue;
		}
		check_pages_enter(domain, map, iova, runs->phys, len, page_bytes);
		iova += len;
		mapped -= len;
	}
}

/* Bytes that a caller is told of whose map was nonsense: it takes back what may be there, and
 * nothing that is somebody else's. */
static uint64_t to_undo(const struct change *change, uint64_t mapped)
{
	uint64_t most = change->is_blind ? mapped : change->free;

	return most < change->asked ? most : change->asked;
}

/* Judges a map's answer and enters it in the books. */
static int map_finish(struct change *change, struct check_map *records,
		      const struct dmp_phys_run *runs, uint64_t page_bytes, int ret,
		      uint64_t *mapped)
{
	const char *fault;

	ret = check_errno(change->check, change->member, ret);
	fault = mapped_fault(change, ret, *mapped);
	if (!fault)
		fault = runs_fault(change, runs, *mapped);
	records_enter(change_end(change, fault), records, change->iova, runs, *mapped, page_bytes);
	dmp_lock_release(&change->check->books_lock);
	if (!fault)
		return ret;
	*mapped = to_undo(change, *mapped);
	return check_backend_bug(change->check, change->member, fault);
}

static int shim_map_pages(void *be, void *dom, dmp_iova_t iova, dmp_phys_t phys,
			  uint64_t page_bytes, uint64_t npages, unsigned prot, uint64_t *mapped)
{
	struct hw_check *check = be;
	struct dmp_phys_run run = {phys, page_bytes * npages};
	struct change change = {
		.check = check, .member = "map_pages", .dom = dom, .iova = iova, .asked = run.len};
	struct check_map *record;
	int ret;

	*mapped = 0;
	if (!npages || !page_bytes || npages > UINT64_MAX / page_bytes || !prot ||
	    prot & ~KNOWN_PROT || !dmp_range_fits(phys, run.len, UINT64_MAX))
		return check_caller_bug(check, "map_pages", "no pages or unknown permissions");
	record = check_record(check_map);
	if (!record)
		return -ENOMEM;
	ret = change_begin(&change, iova | phys, page_bytes);
	if (ret) {
		dmp_meta_free(record, sizeof(*record));
		return ret;
	}
	ret = check->ops.map_pages(check->be, dom, iova, phys, page_bytes, npages, prot, mapped);
	return map_finish(&change, record, &run, page_bytes, ret, mapped);
}

static int shim_map_list(void *be, void *dom, dmp_iova_t iova, const struct dmp_phys_run *runs,
			 size_t nruns, unsigned prot, uint64_t *mapped)
{
	struct hw_check *check = be;
	struct change change = {.check = check, .member = "map_list", .dom = dom, .iova = iova};
	struct check_map *records;
	uint64_t addrs = iova;
	int ret;

	*mapped = 0;
	change.asked = check_runs_sum(runs, nruns, &addrs);
	if (!change.asked || !prot || prot & ~KNOWN_PROT)
		return check_caller_bug(check, "map_list", "no runs or unknown permissions");
	records = records_make(nruns);
	if (!records)
		return -ENOMEM;
	ret = change_begin(&change, addrs, 0);
	if (ret) {
		records_enter(NULL, records, 0, runs, 0, 0);
		return ret;
	}
	ret = check->ops.map_list(check->be, dom, iova, runs, nruns, prot, mapped);
	return map_finish(&change, records, runs, 0, ret, mapped);
}

/* Unmap. */

/* Is @iova where a page of @map begins or ends?  Yes, as far as is known, where the backend
 * chose the sizes. */
static bool is_page_end(const struct check_map *map, dmp_iova_t iova)
{
	return !map || !map->page_bytes || dmp_is_aligned(iova, map->page_bytes);
}

/* The first byte behind the page that may lie across the end of what was asked. */
static uint64_t longest_unmap(struct check_domain *domain, const struct change *change)
{
	dmp_iova_t last = change->iova + (change->asked - 1);
	struct check_map *map = check_pages_at(domain, last);
	uint64_t page = map && map->page_bytes
				? map->page_bytes
				: UINT64_C(1) << dmp_log2_floor(domain->info.page_sizes);

	return dmp_align_down(last, page) + (page - 1) - change->iova + 1;
}

/* P4, P5 */
static const char *unmapped_fault(struct check_domain *domain, const struct change *change,
				  uint64_t done)
{
	uint64_t most = longest_unmap(domain, change);
	uint64_t mapped = check_pages_mapped(domain, change->iova,
					     done > change->asked ? done : change->asked);
	struct check_map *first = check_pages_at(domain, change->iova);

	if (done > mapped)
		return "unmapped what was not mapped";
	if (done > most)
		return "unmapped beyond the page at the end";
	if (!done) {
		/* From inside a bigger page, or of sizes that the books do not know. */
		bool is_inside = first && (!first->page_bytes || !is_page_end(first, change->iova));

		return mapped && !is_inside ? "stopped where there is no hole" : NULL;
	}
	if (done < mapped && done < change->asked)
		return "stopped where there is no hole";
	if (!is_page_end(first, change->iova) ||
	    !is_page_end(check_pages_at(domain, change->iova + (done - 1)), change->iova + done))
		return "split a page";
	return NULL;
}

/* P6 */
static const char *still_there(const struct change *change, uint64_t done)
{
	dmp_phys_t phys;

	if (done && (backend_finds(change, change->iova, &phys) ||
		     backend_finds(change, change->iova + (done - 1), &phys)))
		return "iova_to_phys still finds what was unmapped";
	return NULL;
}

/* P7 */
static bool gather_is_alone(const struct dmp_gather *before, const struct dmp_gather *after)
{
	return before->start == after->start && before->end == after->end &&
	       before->page_bytes == after->page_bytes && before->queued == after->queued &&
	       before->reserved0 == after->reserved0 && before->begun_ns == after->begun_ns &&
	       before->ended_ns == after->ended_ns;
}

/* What is wrong with @done itself; from here on it can be reckoned with. */
static const char *count_fault(struct hw_check *check, const struct change *change, uint64_t done)
{
	struct check_domain *domain;
	const char *fault = NULL;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, change->dom);
	if (!dmp_is_aligned(done, change->min_page) ||
	    (done && domain && !dmp_range_fits(change->iova, done, domain->info.aperture_end)))
		fault = "a count of unmapped bytes that cannot be";
	else if (domain && !domain->is_blind)
		fault = unmapped_fault(domain, change, done);
	dmp_lock_release(&check->books_lock);
	return fault;
}

/* Judges an unmap's answer and takes it off the books. */
static uint64_t unmap_finish(struct change *change, const struct dmp_gather *before,
			     struct dmp_gather *gather, uint64_t done)
{
	struct hw_check *check = change->check;
	const char *fault = count_fault(check, change, done);
	struct check_domain *domain;

	if (!fault)
		fault = still_there(change, done);
	if (!fault && !gather_is_alone(before, gather))
		fault = "changed the range of the gather";
	*gather = (struct dmp_gather){before->start,    before->end,     before->page_bytes,
				      gather->tables,   before->queued,  before->reserved0,
				      before->begun_ns, before->ended_ns};
	domain = change_end(change, fault);
	if (domain && !fault && done)
		check_pages_leave(domain, change->iova, done);
	dmp_lock_release(&check->books_lock);
	if (check_tables_chained(check, "unmap_pages", change->dom, before->tables, gather->tables))
		gather->tables = before->tables;
	if (!fault)
		return done;
	check_backend_bug(check, "unmap_pages", fault);
	return 0;
}

static uint64_t shim_unmap_pages(void *be, void *dom, dmp_iova_t iova, uint64_t page_bytes,
				 uint64_t npages, struct dmp_gather *gather)
{
	struct hw_check *check = be;
	struct change change = {.check = check,
				.member = "unmap_pages",
				.dom = dom,
				.iova = iova,
				.asked = page_bytes * npages};
	struct dmp_gather before;

	if (!npages || !page_bytes || npages > UINT64_MAX / page_bytes ||
	    !check_gather_is_valid(gather)) {
		check_caller_bug(check, "unmap_pages", "no pages or a malformed gather");
		return 0;
	}
	if (change_begin(&change, iova, page_bytes))
		return 0;
	before = *gather;
	return unmap_finish(
		&change, &before, gather,
		check->ops.unmap_pages(check->be, dom, iova, page_bytes, npages, gather));
}

/* Look up: P8. */

/* What the books know of one address; judged if nothing changes meanwhile. */
struct sight {
	bool is_clear; /* nothing is in progress, and the books are to be trusted */
	bool is_mapped;
	dmp_phys_t phys;
	uint64_t changes;
};

static bool look(struct hw_check *check, void *dom, dmp_iova_t iova, struct sight *sight)
{
	struct check_domain *domain;
	struct check_map *map;

	*sight = (struct sight){0};
	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (domain) {
		map = check_pages_at(domain, iova);
		sight->is_clear = !domain->changing && !domain->is_blind &&
				  domain->type == DMP_DOMAIN_TRANSLATED;
		sight->is_mapped = map != NULL;
		sight->phys = map ? map->phys + (iova - map->iova) : 0;
		sight->changes = domain->changes;
	}
	dmp_lock_release(&check->books_lock);
	return domain != NULL;
}

static int shim_iova_to_phys(void *be, void *dom, dmp_iova_t iova, dmp_phys_t *phys)
{
	struct hw_check *check = be;
	struct sight before, after;
	dmp_phys_t found = 0;
	int ret;

	if (!look(check, dom, iova, &before))
		return check_caller_bug(check, "iova_to_phys", "no live domain");
	ret = check_errno(check, "iova_to_phys",
			  check->ops.iova_to_phys(check->be, dom, iova, &found));
	look(check, dom, iova, &after);
	if (before.is_clear && after.is_clear && before.changes == after.changes) {
		if (before.is_mapped ? ret || found != before.phys : ret == 0)
			return check_backend_bug(check, "iova_to_phys",
						 "something else than what was mapped");
	}
	if (!ret)
		*phys = found;
	return ret;
}

static int shim_sync_map(void *be, void *dom, dmp_iova_t iova, uint64_t len)
{
	struct hw_check *check = be;
	const char *fault;

	dmp_lock_acquire(&check->books_lock);
	fault = range_fault(check_domain_find_locked(check, dom), iova, len);
	dmp_lock_release(&check->books_lock);
	if (fault)
		return check_caller_bug(check, "sync_map", fault);
	return check_errno(check, "sync_map", check->ops.sync_map(check->be, dom, iova, len));
}

void check_map_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops)
{
	shim->map_pages = ops->map_pages ? shim_map_pages : NULL;
	shim->map_list = ops->map_list ? shim_map_list : NULL;
	shim->unmap_pages = ops->unmap_pages ? shim_unmap_pages : NULL;
	shim->iova_to_phys = ops->iova_to_phys ? shim_iova_to_phys : NULL;
	shim->sync_map = ops->sync_map ? shim_sync_map : NULL;
}
