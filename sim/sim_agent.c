// SPDX-License-Identifier: MIT
/*
 * sim_agent.c - agents: transfers of a device, split into accesses, failures reported
 *
 *   read or write of 10 KiB at addr 0x1c00
 *     -> 0x1c00..0x1fff | 0x2000..0x2fff | 0x3000..0x3fff | ...   one access a 4 KiB page
 *
 * A transfer ends at the first access that fails; what was moved before stays moved.  The
 * failure is recorded, and told to the handler, after every lock is dropped, so that a
 * handler may call the library.
 *
 * Several agents of one device may run at once; one agent is used by one thread at a time.
 *
 * Locking: none of its own; (c) constant.
 */
#include "sim_internal.h"

struct dmp_sim_agent {
	struct dmp_sim *sim;    /* (c) */
	struct sim_device *dev; /* (c) held by sim_device_get() */
};

int dmp_sim_agent_create(struct dmp_sim *sim, uint32_t device, struct dmp_sim_agent **out)
{
	struct dmp_sim_agent *agent = dmp_meta_alloc(DMP_META_BACKEND, sizeof(*agent));

	if (!agent)
		return -ENOMEM;
	agent->sim = sim;
	int err = sim_device_get(sim, device, &agent->dev);

	if (err) {
		dmp_meta_free(agent, sizeof(*agent));
		return err;
	}
	*out = agent;
	return 0;
}

void dmp_sim_agent_destroy(struct dmp_sim_agent *agent)
{
	sim_device_put(agent->sim, agent->dev);
	dmp_meta_free(agent, sizeof(*agent));
}

/* Inside one page. */
static int transfer_piece(struct dmp_sim_agent *agent, dmp_addr_t addr, unsigned char *device_bytes,
			  uint64_t len, uint32_t prot)
{
	struct sim_access access = {
		.dev = agent->dev,
		.addr = addr,
		.device_bytes = device_bytes,
		.len = len,
		.prot = prot,
	};

	sim_access_perform(agent->sim, &access);
	if (access.failed)
		sim_fault_record(agent->sim, &access);
	return access.moved < len ? -EFAULT : 0;
}

static int transfer(struct dmp_sim_agent *agent, dmp_addr_t addr, unsigned char *device_bytes,
		    uint64_t len, uint32_t prot)
{
	int err = 0;

	if (len == 0 || len - 1 > UINT64_MAX - addr)
		return -EINVAL;
	while (!err && len) {
		uint64_t rest_of_page = DMP_PAGE_BYTES - (addr & (DMP_PAGE_BYTES - 1));
		uint64_t piece = len < rest_of_page ? len : rest_of_page;

		err = transfer_piece(agent, addr, device_bytes, piece, prot);
		addr += piece;
		device_bytes += piece;
		len -= piece;
	}
	return err;
}

int dmp_sim_agent_read(struct dmp_sim_agent *agent, dmp_addr_t addr, void *into, uint64_t len)
{
	return transfer(agent, addr, into, len, DMP_PROT_READ);
}

int dmp_sim_agent_write(struct dmp_sim_agent *agent, dmp_addr_t addr, const void *from,
			uint64_t len)
{
	/* A write only reads the device's bytes. */
	return transfer(agent, addr, (unsigned char *)from, len, DMP_PROT_WRITE);
}
