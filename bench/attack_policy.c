// SPDX-License-Identifier: MIT
/*
 * attack_policy.c - flush policies: by name, and the book as the one that looks on
 *
 *    policy        after an unmap has returned, its memory is reachable       bound
 *    strict        not at all                                                 0
 *    guest         not at all                                                 0
 *    lazy          until a queue is full, or the timeout                      the timeout, 10 ms
 *    lazy-single   the same, one queue                                        the timeout, 1 s
 *    manual        until somebody says so, or a queue is full                 none
 *    on-reuse      until all addresses have been used once                    none
 *    passthrough   for ever, and so is all other memory                       none
 *    none          the same: there is no IOMMU                                none
 *
 * Whatever is translated also promises that an address is not given out before it was flushed,
 * and that nothing but what is mapped, or was, can be reached.
 */
#include "attack.h"
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char no_iommu[] = "none";

static bool name_is(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(text, name, len) == 0;
}

static int parse_none(size_t nsettings, struct attack_policy *policy)
{
	if (nsettings)
		return complain("%s has no settings; leave them out", no_iommu);
	*policy = (struct attack_policy){.way = REPLAY_DIRECT};
	memcpy(policy->text, no_iommu, sizeof(no_iommu));
	return 0;
}

static int parse_one(const char *text, size_t len, struct attack_policy *policy)
{
	size_t name_len = strcspn(text, ":,");
	unsigned way;
	int err;

	if (name_is(text, name_len, no_iommu))
		return parse_none(len - name_len, policy);
	if (!replay_flush_is_name(text, name_len))
		return complain("'%.*s' is not a way to flush; try %s, %s", (int)name_len, text,
				no_iommu, replay_flush_names);
	err = replay_flush_parse(text, len, &way, &policy->flush);
	if (err)
		return err;
	policy->way = (enum replay_way)way;
	replay_flush_text(way, &policy->flush, policy->text);
	return 0;
}

/* The same one twice would be the same numbers twice. */
static int add(const char *text, size_t len, struct attack_opts *opts)
{
	struct attack_policy *policy = &opts->policies[opts->npolicies];
	int err;

	if (opts->npolicies == ATTACK_POLICIES_MAX)
		return complain("--flush takes at most %u policies", ATTACK_POLICIES_MAX);
	err = parse_one(text, len, policy);
	if (err)
		return err;
	for (unsigned i = 0; i < opts->npolicies; i++)
		if (strcmp(opts->policies[i].text, policy->text) == 0)
			return complain("--flush names %s twice", policy->text);
	opts->npolicies++;
	return 0;
}

int attack_policies_parse(const char *text, struct attack_opts *opts)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int err = add(text, len, opts);

		if (err || !text[len])
			return err;
		text += len + 1;
	}
}

static void tell_flushed(void *ctx, enum dmp_flush_cause cause, int err)
{
	const struct attack_domain *domain = ctx;

	(void)cause;
	if (!err)
		attack_book_flushed_all(domain->book, domain->dev);
}

static void tell_released(void *ctx, dmp_iova_t iova, uint64_t len, uint64_t exposed_ns)
{
	const struct attack_domain *domain = ctx;

	(void)exposed_ns;
	attack_book_flushed(domain->book, domain->dev, iova, len);
}

static const struct dmp_flush_watch watch = {
	.size = sizeof(watch), .flushed = tell_flushed, .released = tell_released};

int attack_shape_open(struct attack_shape *shape, struct attack_book *book, uint32_t ndevices)
{
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

	domain->watch = &watch;
	domain->watch_ctx = &shape->domains[dev];
}
