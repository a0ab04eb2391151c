// SPDX-License-Identifier: MIT
/*
 * hw_check_flush.c - the shim's rules of flushes, table pages and faults
 *
 *  F1  a gather is well formed: a range or none, one page size or none;
 *  F2  table pages that an unmap chained are freed once, after a flush of their domain that
 *      began later, or when nothing is attached.
 *
 * Flushes are numbered as they begin.  A chain of tables is stamped with the number of the
 * latest flush begun when its newest page joined; it may go once a flush with a higher
 * number has worked:
 *
 *     flush 7 begins   chain, stamp 7   flush 7 ends   flush 8 begins   flush 8 ends
 *                                        not yet                           may go
 */
#include "hw_check.h"

static int compare_tables(const struct check_table *a, const struct check_table *b)
{
	return (uintptr_t)a->head < (uintptr_t)b->head ? -1
						       : (uintptr_t)a->head > (uintptr_t)b->head;
}

BASE_TREE_GENERATE(check_table_tree, check_table, node, compare_tables)

static bool is_live(struct hw_check *check, void *dom)
{
	bool found;

	dmp_lock_acquire(&check->books_lock);
	found = check_domain_find_locked(check, dom) != NULL;
	dmp_lock_release(&check->books_lock);
	return found;
}

/* Flushes: F1. */

bool check_gather_is_valid(const struct dmp_gather *gather)
{
	if (!gather || gather->queued > 1 || gather->reserved0)
		return false;
	if (gather->start > gather->end)
		return gather->start == UINT64_MAX && gather->end == 0 && !gather->page_bytes;
	return dmp_is_pow2(gather->page_bytes);
}

/* The flush's number, from 1; 0: no live domain. */
static uint64_t flush_begin(struct hw_check *check, const char *member, void *dom)
{
	struct check_domain *domain;
	uint64_t number = 0;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (domain)
		number = ++domain->flushes_begun;
	dmp_lock_release(&check->books_lock);
	if (!number)
		check_caller_bug(check, member, "no live domain");
	return number;
}

static int flush_end(struct hw_check *check, const char *member, void *dom, uint64_t number,
		     int ret)
{
	struct check_domain *domain;

	ret = check_errno(check, member, ret);
	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (!ret && domain && domain->flushed_upto < number)
		domain->flushed_upto = number;
	dmp_lock_release(&check->books_lock);
	return ret;
}

static int shim_flush_gather(void *be, void *dom, const struct dmp_gather *gather)
{
	struct hw_check *check = be;
	uint64_t number;

	if (!check_gather_is_valid(gather))
		return check_caller_bug(check, "flush_gather", "a malformed gather");
	number = flush_begin(check, "flush_gather", dom);
	return number ? flush_end(check, "flush_gather", dom, number,
				  check->ops.flush_gather(check->be, dom, gather))
		      : -EINVAL;
}

static int shim_flush_domain(void *be, void *dom)
{
	struct hw_check *check = be;
	uint64_t number = flush_begin(check, "flush_domain", dom);

	return number ? flush_end(check, "flush_domain", dom, number,
				  check->ops.flush_domain(check->be, dom))
		      : -EINVAL;
}

/* Frees no tables: what its range covers is not compared with theirs. */
static int shim_flush_range(void *be, void *dom, dmp_iova_t iova, uint64_t len, bool leaf_only)
{
	struct hw_check *check = be;

	if (!is_live(check, dom) || !len || !dmp_range_fits(iova, len, UINT64_MAX))
		return check_caller_bug(check, "flush_range", "no live domain or no range");
	return check_errno(check, "flush_range",
			   check->ops.flush_range(check->be, dom, iova, len, leaf_only));
}

/* Table pages: F2. */

int check_tables_chained(struct hw_check *check, const char *member, void *dom, void *before,
			 void *after)
{
	struct check_table key = {.head = before}, *table, *other = NULL;
	struct check_domain *domain;

	if (before == after)
		return 0;
	if (!check->ops.free_tables)
		return check_backend_bug(check, member, "chained tables but has no free_tables");
	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	table = domain && before ? RB_FIND(check_table_tree, &domain->tables, &key) : NULL;
	if (table)
		RB_REMOVE(check_table_tree, &domain->tables, table);
	else
		table = check_record(check_table);
	if (domain && table) {
		table->head = after;
		table->stamp = domain->flushes_begun;
		other = RB_INSERT(check_table_tree, &domain->tables, table);
	}
	dmp_lock_release(&check->books_lock);
	if (domain && !other)
		return 0;
	dmp_meta_free(table, sizeof(*table));
	return other ? check_backend_bug(check, member, "chained a table twice") : 0;
}

/* F2.  NULL: the chain may go, and has left the books. */
static const char *tables_leave(struct hw_check *check, void *dom, void *tables)
{
	struct check_domain *domain;
	struct check_table key = {.head = tables}, *table = NULL;
	const char *fault = NULL;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (domain)
		table = RB_FIND(check_table_tree, &domain->tables, &key);
	if (!table)
		fault = "no such tables are waiting";
	else if (domain->nattached && domain->flushed_upto <= table->stamp)
		fault = "tables freed before they were flushed";
	else
		RB_REMOVE(check_table_tree, &domain->tables, table);
	dmp_lock_release(&check->books_lock);
	if (!fault)
		dmp_meta_free(table, sizeof(*table));
	return fault;
}

static void shim_free_tables(void *be, void *dom, void *tables)
{
	struct hw_check *check = be;
	const char *fault = tables_leave(check, dom, tables);

	if (fault)
		check_caller_bug(check, "free_tables", fault);
	else
		check->ops.free_tables(check->be, dom, tables);
}

/* Faults. */

static void shim_set_fault_handler(void *be, dmp_fault_fn fn, void *ctx)
{
	struct hw_check *check = be;

	check->ops.set_fault_handler(check->be, fn, ctx);
}

static int shim_fault_next(void *be, struct dmp_fault *fault)
{
	struct hw_check *check = be;
	int ret = check_errno(check, "fault_next", check->ops.fault_next(check->be, fault));

	if (!ret && (fault->reason > DMP_FAULT_STALE || fault->overflow > 1))
		return check_backend_bug(check, "fault_next", "an unknown reason");
	return ret;
}

void check_flush_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops)
{
	shim->flush_gather = ops->flush_gather ? shim_flush_gather : NULL;
	shim->flush_range = ops->flush_range ? shim_flush_range : NULL;
	shim->flush_domain = ops->flush_domain ? shim_flush_domain : NULL;
	shim->free_tables = ops->free_tables ? shim_free_tables : NULL;
	shim->set_fault_handler = ops->set_fault_handler ? shim_set_fault_handler : NULL;
	shim->fault_next = ops->fault_next ? shim_fault_next : NULL;
}

void check_tables_drop(struct check_domain *domain)
{
	struct check_table *table;

	while ((table = RB_MIN(check_table_tree, &domain->tables))) {
		RB_REMOVE(check_table_tree, &domain->tables, table);
		dmp_meta_free(table, sizeof(*table));
	}
}
