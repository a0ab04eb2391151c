// SPDX-License-Identifier: MIT
/*
 * replay_commit.c - who says when a domain that flushes by hand is to flush
 *
 * No recorded driver did: a rule stands for it.
 *
 *    every=256     the thread whose unmap is the 256th, 512th, ... of a domain flushes that
 *                  domain when the unmap is over
 *    every=10ms    at 10, 20, 30 ms of the trace all domains are flushed, as by a driver that
 *                  does so regularly; without an unmap since the last time nothing is to be
 *                  done, and nothing is
 *
 *      ms   0         10        20        30        40
 *           |  x x    C      x  C         |         |        x unmap   C commit
 */
#include "replay.h"

#include <errno.h>
#include <stdlib.h>

int replay_commits_init(struct replay_commits *commits, const struct replay_machine *machine,
			const struct replay_flush *flush)
{
	bool is_set = flush->commit_unmaps || flush->commit_ns;

	*commits = (struct replay_commits){
		.every_unmaps = is_set ? flush->commit_unmaps : REPLAY_COMMIT_UNMAPS,
		.every_ns = flush->commit_ns,
		.unmaps = calloc(machine->ndevices + 1u, sizeof(*commits->unmaps)),
	};
	return commits->unmaps ? 0 : -ENOMEM;
}

void replay_commits_free(struct replay_commits *commits)
{
	free(commits->unmaps);
	*commits = (struct replay_commits){0};
}

int replay_commits_count(struct replay_commits *commits, const struct replay_machine *machine,
			 uint32_t dev, uint64_t now_ns)
{
	uint64_t n;

	if (!machine->domains[dev])
		return 0;
	if (!commits->every_unmaps) {
		if (!commits->is_due)
			commits->due_ns = (now_ns / commits->every_ns + 1) * commits->every_ns;
		commits->is_due = true;
		return 0;
	}
	/* relaxed: whose unmap it is, is told by the number alone */
	n = atomic_fetch_add_explicit(&commits->unmaps[dev], 1, memory_order_relaxed) + 1;
	return n % commits->every_unmaps ? 0 : dmp_domain_commit(machine->domains[dev]);
}

int replay_commits_make(struct replay_commits *commits, const struct replay_machine *machine)
{
	int err = 0;

	commits->is_due = false;
	for (uint32_t i = 0; i < machine->ndevices; i++) {
		int failed = machine->domains[i] ? dmp_domain_commit(machine->domains[i]) : 0;

		err = err ? err : failed;
	}
	return err;
}
