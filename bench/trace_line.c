// SPDX-License-Identifier: MIT
/*
 * trace_line.c - take one line of a trace apart up to the event's name
 *
 * Picture, the two formats one under the other (the first has a flags column, and may
 * have a thread group in parentheses before the CPU; the second pads the name):
 *
 *         fio-208     [000] d.h..  10.210812: dma_unmap_page: 0000:00:03.0 dir=...
 *         fio-201     [001]        10.498985: dma_map_page:         0000:00:03.0 dir=...
 *         |   |        |    |      |          |                     |
 *         task pid     cpu  flags  time       name                  rest
 *
 * A task's name may hold blanks, dashes, colons and brackets, so it is not read at all:
 * the line is searched for "-<pid> [<cpu>]", and of several the last one counts, within
 * the width that a name and a pid can have.
 *
 * Numbers are scanned by hand: they are most of a trace's bytes, and a number that does
 * not fit in 64 bits is an error here, not a wrapped value.
 *
 * Source: the header lines of a trace itself; trace-cmd-report(1).
 */
#include "trace_internal.h"

#include <string.h>

/* Blanks and name 16, dash, pid 10, thread group 13, blanks: where "[cpu]" must begin. */
#define TASK_WIDTH_MAX 64

#define NS_DIGITS 9

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && *at == ' ')
		at++;
	return at;
}

/* A decimal number; false without a digit or beyond 64 bits. */
bool trace_scan_dec(const char **at, const char *end, uint64_t *out)
{
	const char *p = *at;
	uint64_t value = 0;

	for (; p < end && is_digit(*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value >= UINT64_MAX / 10 &&
		    (value > UINT64_MAX / 10 || digit > UINT64_MAX % 10))
			return false;
		value = value * 10 + digit;
	}
	if (p == *at)
		return false;
	*at = p;
	*out = value;
	return true;
}

/* The value of each hexadecimal digit plus one; 0: not a digit. */
static const uint8_t hex_digit[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* A hexadecimal number without 0x; false without a digit or beyond 64 bits. */
bool trace_scan_hex(const char **at, const char *end, uint64_t *out)
{
	const char *p = *at;
	uint64_t value = 0;
	unsigned digit;

	for (; p < end && (digit = hex_digit[(unsigned char)*p]) != 0; p++) {
		if (value >> 60)
			return false;
		value = value << 4 | (digit - 1);
	}
	if (p == *at)
		return false;
	*at = p;
	*out = value;
	return true;
}

/* Is there "-<digits>", then blanks and perhaps "(<thread group>)", just before @bracket? */
static bool follows_pid(const char *text, const char *bracket)
{
	const char *p = bracket;

	while (p > text && p[-1] == ' ')
		p--;
	if (p > text && p[-1] == ')') {
		while (p > text && p[-1] != '(')
			p--;
		if (p > text)
			p--;
		while (p > text && p[-1] == ' ')
			p--;
	}
	bracket = p;
	while (p > text && is_digit(p[-1]))
		p--;
	return p < bracket && p > text && p[-1] == '-';
}

/* Read "<digits>] " at @at; the place behind it, or NULL. */
static const char *read_cpu(const char *at, const char *end, uint16_t *cpu)
{
	uint64_t value;

	if (!trace_scan_dec(&at, end, &value) || value > UINT16_MAX)
		return NULL;
	if (end - at < 2 || at[0] != ']' || at[1] != ' ')
		return NULL;
	*cpu = (uint16_t)value;
	return at + 1;
}

/* Find the last "-<pid> [<cpu>]" that a task's name leaves room for; NULL without one. */
static const char *find_cpu(const char *text, const char *end, uint16_t *cpu)
{
	const char *limit = end - text > TASK_WIDTH_MAX ? text + TASK_WIDTH_MAX : end;
	const char *found = NULL;
	const char *at = text;

	while ((at = memchr(at, '[', (size_t)(limit - at))) != NULL) {
		if (follows_pid(text, at)) {
			const char *behind = read_cpu(at + 1, end, cpu);

			found = behind ? behind : found;
		}
		at++;
	}
	return found;
}

/* Digits behind the point count as a fraction of a second, however many there are. */
static bool read_fraction(const char **at, const char *end, uint64_t *ns)
{
	uint64_t value = 0;
	unsigned n = 0;

	for (; *at < end && is_digit(**at); (*at)++, n++) {
		if (n < NS_DIGITS)
			value = value * 10 + (uint64_t)(**at - '0');
	}
	*ns = value;
	for (unsigned i = n; i < NS_DIGITS; i++)
		*ns *= 10;
	return n > 0;
}

/* "seconds.fraction:", or a bare count, which is taken as ns: clocks such as "counter". */
static bool read_time(const char **at, const char *end, uint64_t *time_ns)
{
	uint64_t whole, fraction = 0;

	if (!trace_scan_dec(at, end, &whole))
		return false;
	if (*at < end && **at == '.') {
		(*at)++;
		if (whole > UINT64_MAX / 2000000000 || !read_fraction(at, end, &fraction))
			return false;
		whole *= 1000000000;
	}
	*time_ns = whole + fraction;
	return *at < end && *(*at)++ == ':';
}

/* The third flag: a task, or which interrupt. */
static uint8_t context_of(struct trace_span flags)
{
	if (flags.end - flags.at < 3)
		return TRACE_TASK;
	switch (flags.at[2]) {
	case 's': return TRACE_SOFTIRQ;
	case 'h':
	case 'H': return TRACE_HARDIRQ;
	case 'z':
	case 'Z': return TRACE_NMI;
	default: return TRACE_TASK;
	}
}

/* The time, with a flags column before it or none. */
static bool read_flags_and_time(const char **at, const char *end, struct trace_head *out)
{
	const char *p = skip_blanks(*at, end);
	struct trace_span flags = {p, p};

	if (!read_time(&p, end, &out->time_ns)) {
		while (flags.end < end && *flags.end != ' ')
			flags.end++;
		p = skip_blanks(flags.end, end);
		if (!read_time(&p, end, &out->time_ns))
			return false;
	}
	out->context = context_of(flags);
	*at = p;
	return true;
}

/* Take @text apart; false if it is no line of an event. */
bool trace_line_head(const char *text, const char *end, struct trace_head *out)
{
	const char *at = find_cpu(text, end, &out->cpu);
	const char *colon;

	if (!at || !read_flags_and_time(&at, end, out))
		return false;
	at = skip_blanks(at, end);
	colon = memchr(at, ':', (size_t)(end - at));
	if (!colon || colon == at || memchr(at, ' ', (size_t)(colon - at)))
		return false;
	out->name = (struct trace_span){at, colon};
	out->rest = (struct trace_span){skip_blanks(colon + 1, end), end};
	return true;
}

static bool has_word(const char *text, const char *end, const char *word)
{
	return memmem(text, (size_t)(end - text), word, strlen(word)) != NULL;
}

/*
 * Does the line say that events were lost?  "CPU:2 [LOST 17 EVENTS]" in tracefs,
 * "CPU:2 [17 EVENTS DROPPED]" by trace-cmd, either without a number if it is unknown.
 */
bool trace_line_lost(const char *text, const char *end, uint64_t *lost_events)
{
	const char *at;

	text = skip_blanks(text, end);
	if (end - text < 4 || memcmp(text, "CPU:", 4) || !has_word(text, end, "EVENTS"))
		return false;
	if (!has_word(text, end, "[LOST") && !has_word(text, end, "DROPPED]"))
		return false;
	*lost_events = 0;
	at = memchr(text, '[', (size_t)(end - text));
	while (at && at < end && !is_digit(*at))
		at++;
	if (at)
		trace_scan_dec(&at, end, lost_events);
	return true;
}
