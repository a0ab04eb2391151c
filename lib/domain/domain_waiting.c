// SPDX-License-Identifier: MIT
/*
 * domain_waiting.c - ranges that wait for a flush of the domain in no queue: unmapped on reuse, or
 * behind a flush that failed
 *
 *   unmap unmap unmap unmap ...  unmap       flush
 *   [ group      ] [ group     ] [ group ]     |   one end for all of them
 *   |<-------------------------- first_ns ---->|
 *
 * Their addresses are free at once, or never again, and nothing of them is queued, so there may
 * be any number.
 * They are kept in groups, of one range each at first.  When there is no room for another group,
 * neighbours are joined two by two, and groups are twice as big from there on, until a flush
 * leaves none.
 *
 * A range is told to have lasted as long as the first of its group; bytes times time are exact,
 * unless they are saturated.  So no time is told shorter than it was, and with no more than
 * WAITING_GROUPS ranges between two flushes each is exact.
 *
 * Locking: (x), the owner's.
 */
#include "domain_waiting.h"

/* Counts from @first_ns on, which is no later. */
static void begin_at(struct waiting_group *group, uint64_t first_ns)
{
	uint64_t late = dmp_mul_saturated(group->bytes, group->first_ns - first_ns);

	group->late_byte_ns = dmp_add_saturated(group->late_byte_ns, late);
	group->first_ns = first_ns;
}

/* @group and the one that came after it as one.  Threads unmap beside each other: what came after
 * may have been unmapped before. */
static void join(struct waiting_group *group, struct waiting_group next)
{
	if (next.first_ns < group->first_ns)
		begin_at(group, next.first_ns);
	else
		begin_at(&next, group->first_ns);
	if (group->number < next.number)
		group->number = next.number;
	group->nranges += next.nranges;
	group->bytes = dmp_add_saturated(group->bytes, next.bytes);
	group->late_byte_ns = dmp_add_saturated(group->late_byte_ns, next.late_byte_ns);
}

static void halve(struct domain_waiting *waiting)
{
	for (uint32_t i = 0; i < WAITING_GROUPS; i += 2) {
		waiting->group[i / 2] = waiting->group[i];
		join(&waiting->group[i / 2], waiting->group[i + 1]);
	}
	waiting->ngroups = WAITING_GROUPS / 2;
	waiting->group_size *= 2;
}

void waiting_add(struct domain_waiting *waiting, uint64_t number, uint64_t bytes, uint64_t ns)
{
	struct waiting_group one = {.number = number, .first_ns = ns, .nranges = 1, .bytes = bytes};
	struct waiting_group *last;

	if (waiting->ngroups == 0)
		waiting->group_size = 1;
	last = waiting->ngroups ? &waiting->group[waiting->ngroups - 1] : NULL;
	if (last && last->nranges < waiting->group_size && last->number == number) {
		join(last, one);
		return;
	}
	if (waiting->ngroups == WAITING_GROUPS)
		halve(waiting);
	waiting->group[waiting->ngroups++] = one;
}

/* From each unmap to @now_ns. */
static uint64_t group_byte_ns(const struct waiting_group *group, uint64_t now_ns)
{
	uint64_t most = dmp_mul_saturated(group->bytes, now_ns - group->first_ns);

	return most == UINT64_MAX || group->late_byte_ns > most ? most : most - group->late_byte_ns;
}

static void add_group(struct dmp_exposure_side *side, const struct waiting_group *group,
		      uint64_t now_ns)
{
	side->windows = dmp_add_saturated(side->windows, group->nranges);
	side->bytes = dmp_add_saturated(side->bytes, group->bytes);
	side->byte_ns = dmp_add_saturated(side->byte_ns, group_byte_ns(group, now_ns));
}

void waiting_end(struct domain_waiting *waiting, uint64_t number, uint64_t now_ns,
		 struct dmp_exposure_side *ended)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < waiting->ngroups; i++) {
		const struct waiting_group *group = &waiting->group[i];

		if (group->number >= number) {
			waiting->group[kept++] = *group;
			continue;
		}
		add_group(ended, group, now_ns);
		dmp_spread_add_many(&ended->ns, now_ns - group->first_ns, group->nranges);
	}
	waiting->ngroups = kept;
}

void waiting_look(const struct domain_waiting *waiting, uint64_t now_ns,
		  struct dmp_exposure_side *side)
{
	for (uint32_t i = 0; i < waiting->ngroups; i++) {
		const struct waiting_group *group = &waiting->group[i];

		add_group(side, group, now_ns);
		side->open = dmp_add_saturated(side->open, group->nranges);
		side->open_bytes = dmp_add_saturated(side->open_bytes, group->bytes);
		if (side->open_oldest_ns < now_ns - group->first_ns)
			side->open_oldest_ns = now_ns - group->first_ns;
	}
}
