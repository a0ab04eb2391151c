// SPDX-License-Identifier: MIT
/*
 * attack_policy.c - flush policies: their domains, and what they promise
 *
 *    policy        after an unmap has returned, its memory is reachable      bound
 *    strict        not at all                                                0
 *    lazy          until a queue is full, or the timeout                     the timeout, 10 ms
 *    lazy-single   the same, one queue                                       the timeout, 1 s
 *    none          for ever, and so is all other memory: there is no IOMMU   none
 *
 * Whatever is translated also promises that an address is not given out before it was flushed,
 * and that nothing but what is mapped, or was, can be reached.
 */
#include "attack.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* The order of enum attack_policies' bits in struct attack_opts. */
const struct attack_policy attack_policies[] = {
	{.name = "strict", .translated = true, .flush = DMP_FLUSH_STRICT, .flushes_at_once = true},
	{.name = "lazy", .translated = true, .flush = DMP_FLUSH_LAZY},
	{.name = "lazy-single", .translated = true, .flush = DMP_FLUSH_LAZY_SINGLE},
	{.name = "none"},
};

const unsigned attack_npolicies = sizeof(attack_policies) / sizeof(attack_policies[0]);

const char *const attack_policy_names[] = {"strict", "lazy", "lazy-single", "none"};

static_assert(sizeof(attack_policy_names) / sizeof(attack_policy_names[0]) ==
		      sizeof(attack_policies) / sizeof(attack_policies[0]),
	      "one name each");

static void tell_flushed(void *ctx, dmp_iova_t iova, uint64_t len, uint64_t exposed_ns)
{
	const struct attack_domain *domain = ctx;

	(void)exposed_ns;
	attack_book_flushed(domain->book, domain->dev, iova, len);
}

static const struct dmp_flush_watch watch = {.size = sizeof(watch), .released = tell_flushed};

int attack_shape_open(struct attack_shape *shape, const struct attack_opts *opts,
		      const struct attack_policy *policy, struct attack_book *book,
		      uint32_t ndevices)
{
	*shape = (struct attack_shape){.opts = opts, .policy = policy, .book = book};
	shape->domains = calloc(ndevices + 1u, sizeof(*shape->domains));
	if (!shape->domains)
		return -ENOMEM;
	for (uint32_t i = 0; i < ndevices; i++)
		shape->domains[i] = (struct attack_domain){.book = book, .dev = i};
	return 0;
}

void attack_shape_close(struct attack_shape *shape)
{
	free(shape->domains);
}

void attack_shape_domain(void *ctx, uint32_t dev, struct dmp_domain_opts *domain)
{
	const struct attack_shape *shape = ctx;

	domain->flush = shape->policy->flush;
	domain->flags |= DMP_DOMAIN_EXPOSURE;
	domain->flushq_entries = shape->opts->queue_entries;
	domain->flushq_timeout_ns = shape->opts->timeout_ns;
	domain->watch = &watch;
	domain->watch_ctx = &shape->domains[dev];
}

uint64_t attack_bound_ns(const struct replay_machine *machine)
{
	uint64_t bound_ns = 0;

	if (!replay_way_in(machine->way, REPLAY_TRANSLATED))
		return UINT64_MAX;
	for (uint32_t i = 0; i < machine->ndevices; i++) {
		uint64_t ns = dmp_domain_exposure_bound(machine->domains[i]);

		bound_ns = ns > bound_ns ? ns : bound_ns;
	}
	return bound_ns;
}

void attack_exposure_join(const struct replay_machine *machine, struct dmp_exposure *sum)
{
	struct dmp_exposure one;

	for (uint32_t i = 0; i < machine->ndevices; i++)
		if (machine->domains[i] &&
		    !dmp_domain_get_exposure(machine->domains[i], &one, sizeof(one)))
			dmp_exposure_join(sum, &one);
}
