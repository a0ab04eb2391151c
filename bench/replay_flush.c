// SPDX-License-Identifier: MIT
/*
 * replay_flush.c - how a domain flushes, as it is written on a command line
 *
 *    lazy:entries=64:timeout=1ms    manual:every=10ms    on-reuse:bytes=1M
 *    |    |                                `- for times a unit
 *    |    `- what the policy has: a name and a number
 *    `- the policy, which is a way of the replay
 *
 * What a policy does not have cannot be set; nothing is set twice.
 */
#include "replay.h"
#include "command.h"

#include <dmapool/bits.h>

#include <inttypes.h>
#include <string.h>

/* Sets of what a policy has. */
#define HAS_QUEUE  1u
#define HAS_TIMER  2u
#define HAS_COMMIT 4u

struct policy {
	enum replay_way way;
	enum dmp_flush_policy flush;
	unsigned has;
	uint32_t flags;                       /* DMP_DOMAIN_* */
	const struct dmp_iova_policy *policy; /* NULL: the library's default */
};

static const struct policy policies[] = {
	{.way = REPLAY_STRICT, .flush = DMP_FLUSH_STRICT},
	{.way = REPLAY_LAZY, .flush = DMP_FLUSH_LAZY, .has = HAS_QUEUE | HAS_TIMER},
	{.way = REPLAY_LAZY_SINGLE, .flush = DMP_FLUSH_LAZY_SINGLE, .has = HAS_QUEUE | HAS_TIMER},
	{.way = REPLAY_ON_REUSE,
	 .flush = DMP_FLUSH_ON_REUSE,
	 .has = HAS_QUEUE,
	 .policy = &dmp_iova_policy_bitmap},
	{.way = REPLAY_MANUAL, .flush = DMP_FLUSH_MANUAL, .has = HAS_QUEUE | HAS_COMMIT},
	{.way = REPLAY_GUEST, .flush = DMP_FLUSH_GUEST},
	{.way = REPLAY_PASSTHROUGH, .flush = DMP_FLUSH_STRICT, .flags = DMP_DOMAIN_IDENTITY},
};
#define NPOLICIES (sizeof(policies) / sizeof(policies[0]))

const char replay_flush_names[] =
	"strict, lazy, lazy-single, on-reuse, manual, guest or passthrough";

#define ENTRIES_MAX (UINT32_C(1) << 20)
#define BYTES_MAX   (UINT64_C(1) << 40)
#define UNMAPS_MAX  UINT64_C(1000000000)
#define TIME_MAX    UINT64_C(3600000000000)

/* A piece of the text. */
struct word {
	const char *at;
	size_t len;
};

static bool word_is(struct word word, const char *name)
{
	return strlen(name) == word.len && memcmp(word.at, name, word.len) == 0;
}

/* The text up to @end, and what follows it. */
static struct word word_take(struct word *rest, char end)
{
	const char *found = rest->len ? memchr(rest->at, end, rest->len) : NULL;
	struct word word = {rest->at, found ? (size_t)(found - rest->at) : rest->len};
	size_t gone = word.len + (found != NULL);

	*rest = (struct word){rest->at + gone, rest->len - gone};
	return word;
}

/* Did @end follow @word, and so something else, if only an empty word? */
static bool word_ended(struct word word, const struct word *rest)
{
	return rest->at != word.at + word.len;
}

static const struct policy *policy_named(struct word name)
{
	for (size_t i = 0; i < NPOLICIES; i++)
		if (word_is(name, replay_way_name(policies[i].way)))
			return &policies[i];
	return NULL;
}

static const struct policy *policy_of(unsigned way)
{
	for (size_t i = 0; i < NPOLICIES; i++)
		if (policies[i].way == way)
			return &policies[i];
	return &policies[0];
}

bool replay_flush_is_name(const char *text, size_t len)
{
	return policy_named((struct word){text, len}) != NULL;
}

/* The digits that it begins with; false: none, or more than @max. */
static bool number_take(struct word *rest, uint64_t max, uint64_t *n)
{
	bool any = false;

	for (*n = 0; rest->len && *rest->at >= '0' && *rest->at <= '9'; rest->at++, rest->len--) {
		any = true;
		*n = *n * 10 + (uint64_t)(*rest->at - '0');
		if (*n > max)
			return false;
	}
	return any;
}

/* Nanoseconds of the unit; 0: there is none of that name. */
static uint64_t unit_ns(struct word unit)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (word_is(unit, units[i].name))
			return units[i].ns;
	return 0;
}

static bool time_parse(struct word text, uint64_t *ns)
{
	uint64_t n, unit;

	if (!number_take(&text, TIME_MAX, &n))
		return false;
	unit = unit_ns(text);
	if (!unit || n == 0 || n > TIME_MAX / unit)
		return false;
	*ns = n * unit;
	return true;
}

static int entries_parse(struct word value, struct replay_flush *flush)
{
	uint64_t n;

	if (!number_take(&value, ENTRIES_MAX, &n) || value.len || !dmp_is_pow2(n) || n < 2)
		return complain("entries must be a power of two from 2 to %u", ENTRIES_MAX);
	flush->entries = (uint32_t)n;
	return 0;
}

static int timeout_parse(struct word value, struct replay_flush *flush)
{
	if (!time_parse(value, &flush->timeout_ns))
		return complain("timeout must be a time from 1ns to 3600s with its unit, as 10ms");
	return 0;
}

/* "64K"; K, M and G are powers of 1024. */
static int bytes_parse(struct word value, struct replay_flush *flush)
{
	static const char units[] = "KMG";
	uint64_t n;
	const char *unit = "";
	unsigned shift = 0;

	if (number_take(&value, BYTES_MAX, &n) && value.len == 1) {
		unit = strchr(units, *value.at);
		shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
		value.len = unit ? 0 : 1;
	}
	if (value.len || n == 0 || n > BYTES_MAX >> shift)
		return complain("bytes must be a number from 1 to 1024G, as 64K");
	flush->bytes = n << shift;
	return 0;
}

static int every_parse(struct word value, struct replay_flush *flush)
{
	struct word rest = value;
	uint64_t n;

	if (number_take(&rest, UNMAPS_MAX, &n) && !rest.len && n) {
		flush->commit_unmaps = n;
		return 0;
	}
	if (!time_parse(value, &flush->commit_ns))
		return complain("every must be a number of unmaps, as 256, or a time from 1ns to "
				"3600s with its unit, as 10ms");
	return 0;
}

/* What can be set. */
static const struct setting {
	const char *name;
	unsigned has; /* the policies that have it */
	int (*parse)(struct word value, struct replay_flush *flush);
} settings[] = {
	{"entries", HAS_QUEUE, entries_parse},
	{"timeout", HAS_TIMER, timeout_parse},
	{"bytes", HAS_QUEUE, bytes_parse},
	{"every", HAS_COMMIT, every_parse},
};
#define NSETTINGS (sizeof(settings) / sizeof(settings[0]))

/* "entries=64"; @given: a bit for each setting that came before. */
static int setting_parse(const struct policy *policy, struct word text, unsigned *given,
			 struct replay_flush *flush)
{
	struct word name = word_take(&text, '=');
	size_t i = 0;

	while (i < NSETTINGS && !word_is(name, settings[i].name))
		i++;
	if (i == NSETTINGS)
		return complain("'%.*s' cannot be set; try entries=N, timeout=TIME, bytes=N, or "
				"every=N|TIME of manual",
				(int)name.len, name.at);
	if (!(policy->has & settings[i].has))
		return complain("%s has no %s; leave it out", replay_way_name(policy->way),
				settings[i].name);
	if (*given & 1u << i)
		return complain("%s: %s is set twice", replay_way_name(policy->way),
				settings[i].name);
	*given |= 1u << i;
	return settings[i].parse(text, flush);
}

int replay_flush_parse(const char *text, size_t len, unsigned *way, struct replay_flush *flush)
{
	struct word rest = {text, len}, word = word_take(&rest, ':');
	const struct policy *policy = policy_named(word);
	struct replay_flush parsed = {0};
	unsigned given = 0;
	int err = 0;

	if (!policy)
		return complain("'%.*s' is not a way to flush; try %s", (int)word.len, word.at,
				replay_flush_names);
	while (!err && word_ended(word, &rest)) {
		word = word_take(&rest, ':');
		err = setting_parse(policy, word, &given, &parsed);
	}
	if (err)
		return err;
	*way = policy->way;
	*flush = parsed;
	return 0;
}

/* A number as text. */
struct text {
	char at[32];
};

static struct text text_of(const char *format, uint64_t n)
{
	struct text text;

	snprintf(text.at, sizeof(text.at), format, n);
	return text;
}

/* In the largest unit that divides it. */
static struct text time_text(uint64_t ns)
{
	if (ns % 1000000000 == 0)
		return text_of("%" PRIu64 "s", ns / 1000000000);
	if (ns % 1000000 == 0)
		return text_of("%" PRIu64 "ms", ns / 1000000);
	if (ns % 1000 == 0)
		return text_of("%" PRIu64 "us", ns / 1000);
	return text_of("%" PRIu64 "ns", ns);
}

static struct text bytes_text(uint64_t n)
{
	if (n % (UINT64_C(1) << 30) == 0)
		return text_of("%" PRIu64 "G", n >> 30);
	if (n % (UINT64_C(1) << 20) == 0)
		return text_of("%" PRIu64 "M", n >> 20);
	if (n % (UINT64_C(1) << 10) == 0)
		return text_of("%" PRIu64 "K", n >> 10);
	return text_of("%" PRIu64, n);
}

static struct text count_text(uint64_t n)
{
	return text_of("%" PRIu64, n);
}

/* ":name=value", unless nothing is set. */
static void append(char text[REPLAY_FLUSH_TEXT], const char *name, uint64_t value,
		   struct text (*told)(uint64_t value))
{
	size_t len = strlen(text);

	if (value)
		snprintf(text + len, REPLAY_FLUSH_TEXT - len, ":%s=%s", name, told(value).at);
}

void replay_flush_text(unsigned way, const struct replay_flush *flush, char text[REPLAY_FLUSH_TEXT])
{
	snprintf(text, REPLAY_FLUSH_TEXT, "%s", replay_way_name(way));
	append(text, "entries", flush->entries, count_text);
	append(text, "timeout", flush->timeout_ns, time_text);
	append(text, "bytes", flush->bytes, bytes_text);
	append(text, "every", flush->commit_unmaps, count_text);
	append(text, "every", flush->commit_ns, time_text);
}

void replay_flush_apply(unsigned way, const struct replay_flush *flush,
			struct dmp_domain_opts *opts)
{
	const struct policy *policy = policy_of(way);

	opts->flush = policy->flush;
	opts->flags |= policy->flags;
	opts->policy = policy->policy;
	opts->flushq_entries = flush->entries;
	opts->flushq_timeout_ns = flush->timeout_ns;
	opts->flushq_bytes = flush->bytes;
}
