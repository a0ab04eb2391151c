// SPDX-License-Identifier: MIT
/*
 * example.cpp - the library from C++17: a machine, a device, a buffer mapped and unmapped
 */
#include <dmapool.h>
#include <dmapool/sim.h>

static int map_and_unmap(dmp_hw *hw, dmp_device *dev)
{
	void *buf;
	dmp_addr_t addr;

	if (dmp_hw_alloc(hw, 100, &buf))
		return 1;
	if (dmp_dma_map(dev, buf, 100, DMP_TO_DEVICE, 0, &addr))
		return 1;
	if (addr > DMP_MASK(32))
		return 1;
	return dmp_dma_unmap(dev, addr, 100, DMP_TO_DEVICE, 0) || dmp_hw_free(hw, buf, 100);
}

int main()
{
	dmp_sim *sim;
	dmp_domain *dom;
	dmp_device *dev;

	dmp_sim_opts sim_opts = {};
	sim_opts.size = sizeof sim_opts;
	sim_opts.hw_flags = DMP_HW_CHECK;
	if (dmp_sim_create(&sim_opts, &sim))
		return 1;

	dmp_hw *hw = dmp_sim_hw(sim);
	dmp_device_opts dev_opts = {};
	dev_opts.size = sizeof dev_opts;
	dev_opts.dma_mask = DMP_MASK(32);
	if (dmp_domain_create(hw, nullptr, &dom) || dmp_device_create(hw, &dev_opts, &dev) ||
	    dmp_device_attach(dev, dom) || map_and_unmap(hw, dev))
		return 1;
	return dmp_device_detach(dev) || dmp_device_destroy(dev) || dmp_domain_destroy(dom) ||
	       dmp_sim_destroy(sim);
}
