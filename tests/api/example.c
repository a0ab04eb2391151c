#include <dmapool.h>
#include <dmapool/sim.h>
#include <stdio.h>

int main(void)
{
	struct dmp_sim *sim;
	struct dmp_domain *dom;
	struct dmp_device *dev;
	struct dmp_sim_agent *nic;
	dmp_addr_t addr;
	char buf[100] = "";

	if (dmp_sim_create(NULL, &sim) || dmp_domain_create(dmp_sim_hw(sim), NULL, &dom) ||
	    dmp_device_create(dmp_sim_hw(sim), &DMP_DEVICE_OPTS(.dma_mask = DMP_MASK(32)), &dev) ||
	    dmp_device_attach(dev, dom) || dmp_sim_agent_create(sim, dmp_device_id(dev), &nic) ||
	    dmp_dma_map(dev, buf, sizeof(buf), DMP_FROM_DEVICE, 0, &addr) ||
	    dmp_sim_agent_write(nic, addr, "ping", 5) || /* the device writes ... */
	    dmp_dma_unmap(dev, addr, sizeof(buf), DMP_FROM_DEVICE, 0) ||
	    dmp_sim_agent_write(nic, addr, "late", 5) != -EFAULT) /* ... and now it cannot */
		return 1;
	printf("received %s at %#llx\n", buf, (unsigned long long)addr);
	dmp_sim_agent_destroy(nic);
	return dmp_device_detach(dev) || dmp_device_destroy(dev) || dmp_domain_destroy(dom) ||
	       dmp_sim_destroy(sim);
}
