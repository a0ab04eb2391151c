// SPDX-License-Identifier: MIT
/*
 * bench_mix.c - sizes of buffers and how often each comes
 *
 *    512:3,4k,64k:2     ->    bytes   512  4096  65536
 *                             upto      3     4      6      one of 0 .. 5 picks a size
 */
#include "bench_mix.h"
#include "command.h"

#include <errno.h>
#include <stdlib.h>

struct bench_mix bench_mix_of(uint64_t bytes)
{
	return (struct bench_mix){.count = 1, .bytes = {bytes}, .upto = {1}};
}

/* A number at @*text from 1 to @most, which may end in k or m; 0: there is none. */
static uint64_t number(const char **text, uint64_t most)
{
	unsigned long long n = 0;
	unsigned shift = 0;
	char *end;

	errno = 0;
	if (**text < '0' || **text > '9')
		return 0;
	n = strtoull(*text, &end, 10);
	if (*end == 'k')
		shift = 10;
	else if (*end == 'm')
		shift = 20;
	*text = end + (shift != 0);
	return errno || n > most >> shift ? 0 : n << shift;
}

/* One item at @*text; 0: it is none. */
static unsigned item(const char **text, uint64_t most, uint64_t *bytes)
{
	*bytes = number(text, most);
	if (*bytes == 0)
		return 0;
	if (**text != ':')
		return 1;
	++*text;
	return (unsigned)number(text, BENCH_MIX_WEIGHT);
}

int bench_mix_parse(const char *option, const char *text, uint64_t most, struct bench_mix *mix)
{
	struct bench_mix found = {.count = 0};
	const char *at = text;
	unsigned sum = 0;

	do {
		unsigned weight = 0;

		at += found.count > 0; /* the comma */
		if (found.count < BENCH_MIX_MAX)
			weight = item(&at, most, &found.bytes[found.count]);
		if (weight == 0 || (*at && *at != ','))
			return complain(
				"%s: '%s' should be up to %u sizes of 1 to %llu bytes, each with "
				":WEIGHT or without, as in 512:3,4k",
				option, text, BENCH_MIX_MAX, (unsigned long long)most);
		sum += weight;
		found.upto[found.count++] = sum;
	} while (*at);
	*mix = found;
	return 0;
}

uint64_t bench_mix_largest(const struct bench_mix *mix)
{
	uint64_t largest = 0;

	for (unsigned i = 0; i < mix->count; i++)
		largest = mix->bytes[i] > largest ? mix->bytes[i] : largest;
	return largest;
}
