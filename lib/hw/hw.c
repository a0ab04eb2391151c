// SPDX-License-Identifier: MIT
/*
 * hw.c - adopt a backend, and count what exists on it
 *
 * The ops table is copied, so that a shorter one of an older backend is filled up with
 * NULLs; from then on every member is either there or has the default of hw_call.h.  What
 * is half there is refused here, once, so that no call asks again.
 *
 * Invariants:
 *  H1  required members are there, and of every group all or none;
 *  H2  buffers holds, ndevices and ndomains count, what was made and not yet removed; a
 *      machine with any of them is not destroyed;
 *  H3  a domain that leaves hw_domain_create() has a page size and an aperture, unless it
 *      is a passthrough one.
 *
 * Source: hw.h.
 */
#include "hw_internal.h"

#include <assert.h>

static_assert(sizeof(struct dmp_hw_opts) == 8, "append only");
static_assert(sizeof(struct dmp_hw_device) == 40, "append only");
static_assert(sizeof(struct dmp_hw_domain_info) == 32, "append only");
static_assert(sizeof(struct dmp_hw_region) == 32, "append only");
static_assert(offsetof(struct dmp_hw_ops, mem_alloc) == 16, "append only");

/* The eight that make an IOMMU. */
#define TRANSLATION_MEMBERS 8

static int translation_members(const struct dmp_hw_ops *ops)
{
	return !!ops->domain_create + !!ops->domain_destroy + !!ops->domain_attach +
	       !!ops->domain_detach + !!ops->map_pages + !!ops->unmap_pages + !!ops->iova_to_phys +
	       !!ops->flush_domain;
}

static bool has_translation_extras(const struct dmp_hw_ops *ops)
{
	return ops->map_list || ops->sync_map || ops->flush_gather || ops->flush_range ||
	       ops->free_tables || ops->device_region || ops->exposure_start;
}

/* H1 */
static bool ops_are_whole(const struct dmp_hw_ops *ops)
{
	int translation = translation_members(ops);

	if (ops->reserved0 || !ops->name || !ops->mem_alloc || !ops->mem_free ||
	    !ops->buf_to_phys || !ops->phys_to_buf)
		return false;
	if (!ops->coherent_alloc != !ops->coherent_free ||
	    !ops->make_shared != !ops->make_private || !ops->mem_map != !ops->mem_unmap ||
	    !ops->device_add != !ops->device_remove ||
	    !ops->set_fault_handler != !ops->fault_next ||
	    !ops->exposure_start != !ops->exposure_get)
		return false;
	if (ops->needs_shared && !ops->make_shared)
		return false;
	if (translation == 0)
		return !has_translation_extras(ops);
	return translation == TRANSLATION_MEMBERS;
}

static void hw_release(struct dmp_hw *hw)
{
	dmp_lock_destroy(&hw->buffers_lock);
	dmp_meta_free(hw, sizeof(*hw));
}

int dmp_hw_create(const struct dmp_hw_ops *ops, void *be, const struct dmp_hw_opts *opts,
		  struct dmp_hw **out)
{
	struct dmp_hw_opts o;
	struct dmp_hw *hw;
	int err = dmp_opts_load(&o, sizeof(o), opts);

	if (err)
		return err;
	if (!ops || !out || o.flags & ~DMP_HW_CHECK)
		return -EINVAL;
	hw = dmp_meta_alloc(DMP_META_OBJECT, sizeof(*hw));
	if (!hw)
		return -ENOMEM;
	hw->be = be;
	dmp_lock_init(&hw->buffers_lock, RANK_MACHINE, "hw: buffers");
	err = dmp_opts_load(&hw->ops, sizeof(hw->ops), ops);
	if (!err && !ops_are_whole(&hw->ops))
		err = -EINVAL;
	if (!err && o.flags & DMP_HW_CHECK)
		err = hw_check_create(&hw->ops, &hw->be, &hw->check);
	if (err) {
		hw_release(hw);
		return err;
	}
	*out = hw;
	return 0;
}

int dmp_hw_destroy(struct dmp_hw *hw)
{
	if (!hw)
		return -EINVAL;
	/* relaxed, and without the lock: nothing runs beside a destroy */
	if (hw->buffers.rbh_root || load_relaxed(&hw->ndevices) || load_relaxed(&hw->ndomains))
		return -EBUSY;
	if (hw->check)
		hw_check_destroy(hw->check);
	hw_release(hw);
	return 0;
}

bool dmp_hw_has_iommu(const struct dmp_hw *hw)
{
	return hw->ops.domain_create != NULL;
}

/* Devices.  Where the machine does not number them, numbers count up from 0 and are not
 * used again, so that a late fault record cannot name a younger device. */

int hw_device_add(struct dmp_hw *hw, const struct dmp_hw_device *desc, uint32_t *device)
{
	int err = 0;

	if (hw->ops.device_add)
		err = hw_answer(hw->ops.device_add(hw->be, desc, device));
	else
		*device = add_relaxed(&hw->next_device, 1); /* relaxed: only distinct */
	if (!err)
		add_relaxed(&hw->ndevices, 1); /* relaxed: H2, compared at destroy */
	return err;
}

void hw_device_remove(struct dmp_hw *hw, uint32_t device)
{
	if (hw->ops.device_remove)
		hw->ops.device_remove(hw->be, device);
	add_relaxed(&hw->ndevices, -1); /* relaxed: H2 */
}

/* Domains. */

/* H3 */
static bool info_is_usable(enum dmp_domain_type type, const struct dmp_hw_domain_info *info)
{
	return type == DMP_DOMAIN_PASSTHROUGH ||
	       (info->page_sizes != 0 && info->aperture_start <= info->aperture_end);
}

int hw_domain_create(struct dmp_hw *hw, enum dmp_domain_type type, void **dom,
		     struct dmp_hw_domain_info *info)
{
	void *made;
	int err;

	if (!dmp_hw_has_iommu(hw))
		return -ENOTSUP;
	*info = (struct dmp_hw_domain_info){.size = sizeof(*info)};
	err = hw_answer(hw->ops.domain_create(hw->be, type, &made, info));
	if (err)
		return err;
	if (!info_is_usable(type, info)) {
		hw->ops.domain_destroy(hw->be, made);
		return -EIO;
	}
	add_relaxed(&hw->ndomains, 1); /* relaxed: H2 */
	*dom = made;
	return 0;
}

void hw_domain_destroy(struct dmp_hw *hw, void *dom)
{
	hw->ops.domain_destroy(hw->be, dom);
	add_relaxed(&hw->ndomains, -1); /* relaxed: H2 */
}

/* Faults. */

int dmp_hw_set_fault_handler(struct dmp_hw *hw, dmp_fault_fn fn, void *ctx)
{
	if (!hw->ops.set_fault_handler)
		return -ENOTSUP;
	hw->ops.set_fault_handler(hw->be, fn, ctx);
	return 0;
}

int dmp_hw_fault_next(struct dmp_hw *hw, struct dmp_fault *fault)
{
	struct dmp_fault taken;
	int err;

	if (!hw->ops.fault_next)
		return -ENOTSUP;
	err = hw_answer(hw->ops.fault_next(hw->be, &taken));
	if (!err)
		*fault = taken;
	return err;
}
