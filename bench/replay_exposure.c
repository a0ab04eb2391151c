// SPDX-License-Identifier: MIT
/*
 * replay_exposure.c - reads what devices could still reach after their unmaps
 *
 *    each domain's snapshot, when the last step is done and before anything is tidied up:
 *    what is open then is open at the end of the trace
 *
 * How much waits in queues at most has no counter of the library.  It rises at unmaps only, so
 * that a look after each, and after each time that something may have been flushed, finds the
 * peak; with one thread.
 */
#include "replay.h"

#include <dmapool/bits.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int replay_queued_init(struct replay_queued *queued, const struct replay_machine *machine)
{
	*queued = (struct replay_queued){
		.bytes = calloc(machine->ndevices + 1u, sizeof(*queued->bytes))};
	return queued->bytes ? 0 : -ENOMEM;
}

void replay_queued_free(struct replay_queued *queued)
{
	free(queued->bytes);
	*queued = (struct replay_queued){0};
}

void replay_queued_look(struct replay_queued *queued, const struct replay_machine *machine,
			uint32_t dev)
{
	struct dmp_domain_stats stats;
	uint64_t waiting;

	if (!machine->domains[dev])
		return;
	dmp_domain_get_stats(machine->domains[dev], &stats, sizeof(stats));
	/* On reuse nothing is queued for its own sake, and yet it waits for a flush */
	waiting = stats.queued_bytes + stats.unflushed_bytes;
	queued->sum += waiting - queued->bytes[dev];
	queued->bytes[dev] = waiting;
	if (queued->sum > queued->peak)
		queued->peak = queued->sum;
}

void replay_queued_look_all(struct replay_queued *queued, const struct replay_machine *machine)
{
	for (uint32_t i = 0; i < machine->ndevices; i++)
		replay_queued_look(queued, machine, i);
}

static void read_domain(struct dmp_domain *domain, uint32_t dev, struct replay_exposure *exposure)
{
	struct replay_exposure_row *row = &exposure->rows[exposure->nrows];

	if (dmp_domain_get_exposure(domain, &row->exposure, sizeof(row->exposure)))
		return;
	row->dev = dev;
	row->bound_ns = dmp_domain_exposure_bound(domain);
	if (row->bound_ns > exposure->bound_ns)
		exposure->bound_ns = row->bound_ns;
	if (exposure->nrows++ == 0)
		exposure->sum = row->exposure;
	else
		dmp_exposure_join(&exposure->sum, &row->exposure);
}

struct replay_exposure *replay_exposure_read(const struct replay_run *run)
{
	const struct replay_machine *machine = run->machine;
	struct replay_exposure *exposure =
		calloc(1, sizeof(*exposure) +
				  (machine->ndevices + 1u) * sizeof(struct replay_exposure_row));

	if (!exposure)
		return NULL;
	exposure->peak_queued_bytes = run->queued ? run->queued->peak : UINT64_MAX;
	for (uint32_t i = 0; i < machine->ndevices; i++)
		if (machine->domains[i])
			read_domain(machine->domains[i], i, exposure);
	return exposure;
}

uint64_t replay_exposure_worst_ns(const struct dmp_exposure_side *side)
{
	return side->open_oldest_ns > side->ns.max ? side->open_oldest_ns : side->ns.max;
}

bool replay_exposure_is_open_longest(const struct dmp_exposure_side *side)
{
	return side->open_oldest_ns > side->ns.max;
}

double replay_exposure_part_ns(const struct dmp_exposure_side *side, unsigned per_mille)
{
	return side->ns.count ? (double)dmp_spread_at(&side->ns, per_mille) : NAN;
}

uint64_t replay_exposure_memory_reused(const struct dmp_exposure_seen *seen)
{
	return dmp_add_saturated(
		seen->memory_mapped,
		dmp_add_saturated(seen->memory_mapped_elsewhere, seen->memory_freed));
}
