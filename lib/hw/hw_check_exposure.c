// SPDX-License-Identifier: MIT
/*
 * hw_check_exposure.c - the shim's rules of what devices still reach
 *
 *   created --exposure_start--> watched --map, unmap, exposure_get, ...-->
 *
 *  X1  a watch begins once, in a live translated domain in which nothing was mapped or unmapped,
 *      and is asked only where it has begun;
 *  X2  what is told adds up: no more windows and bytes are open than ever opened, as many have
 *      ended as the distribution has, and none are taken back.
 */
#include "hw_check.h"

/* X1.  NULL: it may begin, and has. */
static const char *start_begin(struct hw_check *check, void *dom)
{
	struct check_domain *domain;
	const char *fault = NULL;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (!domain || domain->type != DMP_DOMAIN_TRANSLATED)
		fault = "no live translated domain";
	else if (domain->is_exposed || domain->changes)
		fault = "begun twice, or after a map";
	else
		domain->is_exposed = true;
	dmp_lock_release(&check->books_lock);
	return fault;
}

static void start_failed(struct hw_check *check, void *dom)
{
	struct check_domain *domain;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (domain)
		domain->is_exposed = false;
	dmp_lock_release(&check->books_lock);
}

static int shim_exposure_start(void *be, void *dom, const struct dmp_exposure_watch *watch,
			       void *ctx)
{
	struct hw_check *check = be;
	const char *fault = start_begin(check, dom);
	int ret;

	if (fault)
		return check_caller_bug(check, "exposure_start", fault);
	ret = check_errno(check, "exposure_start",
			  check->ops.exposure_start(check->be, dom, watch, ctx));
	if (ret)
		start_failed(check, dom);
	return ret;
}

static bool adds_up(const struct dmp_exposure_side *did)
{
	return did->open <= did->windows && did->open_bytes <= did->bytes &&
	       (did->windows == UINT64_MAX || did->ns.count == did->windows - did->open) &&
	       did->ns.max <= did->ns.sum;
}

/* X1.  False: it has not begun there. */
static bool is_exposed(struct hw_check *check, void *dom)
{
	struct check_domain *domain;
	bool found;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	found = domain && domain->is_exposed;
	dmp_lock_release(&check->books_lock);
	return found;
}

/* X2. */
static uint64_t windows_told(struct hw_check *check, void *dom, uint64_t now)
{
	struct check_domain *domain;
	uint64_t before = 0;

	dmp_lock_acquire(&check->books_lock);
	domain = check_domain_find_locked(check, dom);
	if (domain) {
		before = domain->windows;
		domain->windows = now > before ? now : before;
	}
	dmp_lock_release(&check->books_lock);
	return before;
}

static int shim_exposure_get(void *be, void *dom, struct dmp_exposure_seen *seen)
{
	struct hw_check *check = be;
	uint64_t before;
	int ret;

	if (!is_exposed(check, dom))
		return check_caller_bug(check, "exposure_get", "nothing is watched there");
	before = windows_told(check, dom, 0);
	ret = check_errno(check, "exposure_get", check->ops.exposure_get(check->be, dom, seen));
	if (ret)
		return ret;
	if (!adds_up(&seen->did) || seen->did.windows < before)
		return check_backend_bug(check, "exposure_get", "windows that do not add up");
	windows_told(check, dom, seen->did.windows);
	return 0;
}

void check_exposure_members(struct dmp_hw_ops *shim, const struct dmp_hw_ops *ops)
{
	shim->exposure_start = ops->exposure_start ? shim_exposure_start : NULL;
	shim->exposure_get = ops->exposure_get ? shim_exposure_get : NULL;
}
