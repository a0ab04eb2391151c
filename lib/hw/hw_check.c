// SPDX-License-Identifier: MIT
/*
 * hw_check.c - the checking shim: stands between the library and a backend
 *
 *    library --- hw_call.h ---> shim's ops table ---> backend's ops table
 *                                  |     ^
 *                                  v     |
 *                         may this be asked?   may this be answered?
 *                                   books of what exists
 *
 * The shim believes nobody.  It keeps books of its own of what was given out, exposed,
 * attached and mapped, compares every call and every answer with them and with hw.h, and
 * asks the backend back where an answer can be confirmed.
 *
 * A rule broken by the backend: one DMP_LOG_BUG line, and -EIO to the caller, or a safe
 * value where no errno can be returned.  One broken by the library above: one line, and
 * -EINVAL; the backend never sees the call.
 *
 * The shim offers exactly the optional members that the backend has, so that adopting a
 * machine with and without DMP_HW_CHECK takes the same paths above.
 *
 * Locking: see hw_check.h.
 *
 * Source: hw.h.
 */
#include "hw_check.h"

int check_backend_bug(const struct hw_check *check, const char *member, const char *rule)
{
	dmp_log(DMP_LOG_BUG, "hw_check: backend %s broke its contract in %s: %s", check->ops.name,
		member, rule);
	return -EIO;
}

int check_caller_bug(const struct hw_check *check, const char *member, const char *rule)
{
	dmp_log(DMP_LOG_BUG, "hw_check: a caller of %s of backend %s broke the contract: %s",
		member, check->ops.name, rule);
	return -EINVAL;
}

int check_errno(const struct hw_check *check, const char *member, int ret)
{
	return ret > 0 ? check_backend_bug(check, member, "a positive errno") : ret;
}

int hw_check_create(struct dmp_hw_ops *ops, void **be, struct hw_check **out)
{
	struct hw_check *check = check_record(hw_check);
	struct dmp_hw_ops shim = {.size = sizeof(shim), .name = ops->name};

	if (!check)
		return -ENOMEM;
	check->ops = *ops;
	check->be = *be;
	dmp_lock_init(&check->books_lock, RANK_HW_CHECK, "hw_check books");
	RB_INIT(&check->blocks);
	RB_INIT(&check->exposures);
	RB_INIT(&check->devices);
	RB_INIT(&check->domains);
	check_mem_members(&shim, ops);
	check_domain_members(&shim, ops);
	check_flush_members(&shim, ops);
	check_map_members(&shim, ops);
	check_exposure_members(&shim, ops);
	*ops = shim;
	*be = check;
	*out = check;
	return 0;
}

void hw_check_destroy(struct hw_check *check)
{
	check_mem_drop(check);
	check_domain_drop(check);
	dmp_lock_destroy(&check->books_lock);
	dmp_meta_free(check, sizeof(*check));
}
