// SPDX-License-Identifier: MIT
#include "shrink.h"

#include <stdlib.h>

/* Does it go wrong still?  What follows is cut off. */
static bool goes_wrong(const struct shrink *s)
{
	unsigned at = s->run(s->ctx);

	if (at == *s->n)
		return false;
	*s->n = at + 1;
	return true;
}

/* Tries to do without @len operations from @at on; returns how many that saved. */
static unsigned try_without(const struct shrink *s, unsigned at, unsigned len)
{
	unsigned i, end = at + len < *s->n ? at + len : *s->n, ndropped = 0;
	bool *was = calloc(len, sizeof(*was));

	if (!was)
		abort();
	for (i = at; i < end; i++) {
		was[i - at] = *s->dropped(s->ctx, i);
		ndropped += !was[i - at];
		*s->dropped(s->ctx, i) = true;
	}
	if (ndropped > 0 && !goes_wrong(s)) {
		for (i = at; i < end; i++)
			*s->dropped(s->ctx, i) = was[i - at];
		ndropped = 0;
	}
	free(was);
	return ndropped;
}

static unsigned count_kept(const struct shrink *s)
{
	unsigned i, n = 0;

	for (i = 0; i < *s->n; i++)
		n += !*s->dropped(s->ctx, i);
	return n;
}

unsigned shrink(const struct shrink *s)
{
	unsigned len, at, nsaved;

	if (!goes_wrong(s))
		return count_kept(s);
	for (len = *s->n / 2; len > 1; len /= 2)
		for (at = 0; at < *s->n; at += len)
			try_without(s, at, len);
	do {
		nsaved = 0;
		for (at = 0; at < *s->n; at++)
			nsaved += try_without(s, at, 1);
	} while (nsaved > 0);
	s->run(s->ctx);
	return count_kept(s);
}
