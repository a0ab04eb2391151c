// SPDX-License-Identifier: MIT
/*
 * sim_property.c - the properties of a machine: what each can be, and how a profile says it
 *
 *   "machine": {
 *     "format": {"value": "smmu-4k", "source": "..."},
 *     "queue_kind": {"value": "lock-free", "source": "..."},
 *     "iotlb_sets": {"value": 512, "source": "..."},
 *     ...
 *   }
 *
 * A property has the name of its option (struct dmp_sim_opts), a whole number or a word, and
 * a source; what it means the option says.  The caller's own option counts before it.
 *
 * Locking: none; runs before the machine exists.
 */
#include "sim_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct property {
	const char *name;
	size_t offset;            /* in struct dmp_sim_opts */
	bool is_wide;             /* 64 bits */
	bool is_pow2;             /* and nothing but powers of two */
	uint64_t min, max;        /* of the option; what a profile says is not 0 either */
	const char *const *words; /* for 1, 2, ...; NULL: a number */
};

static const char *const replace_words[] = {"lru", "tree", "random", NULL};
static const char *const kind_words[] = {"locked", "lock-free", "fetch-add", NULL};
static const char *const by_words[] = {"cpu", "node", NULL};

#define NWORDS(words)      (sizeof(words) / sizeof((words)[0]) - 1)
#define PART(name, member) (name), offsetof(struct dmp_sim_opts, member)
#define BYTES_MAX          (UINT64_C(1) << 48)
#define BIG                (UINT64_C(1) << 20)

/* What each can be; what two of them cannot be at once stands in sim_options.c. */
static const struct property properties[] = {
	{PART("iotlb_sets", iotlb_sets), false, true, 1, BIG, NULL},
	{PART("iotlb_ways", iotlb_ways), false, false, 1, SIM_TLB_WAYS_MAX, NULL},
	{PART("iotlbs", iotlbs), false, false, 1, SIM_UNITS_MAX, NULL},
	{PART("iotlb_page_bytes", iotlb_page_bytes), true, true, DMP_PAGE_BYTES, BYTES_MAX, NULL},
	{PART("walk_entries_1", walk_entries[0]), false, false, 0, BIG, NULL},
	{PART("walk_entries_2", walk_entries[1]), false, false, 0, BIG, NULL},
	{PART("walk_entries_3", walk_entries[2]), false, false, 0, BIG, NULL},
	{PART("walk_entries_4", walk_entries[3]), false, false, 0, BIG, NULL},
	{PART("devtlb_sets", devtlb_sets), false, true, 0, BIG, NULL},
	{PART("devtlb_ways", devtlb_ways), false, false, 1, SIM_TLB_WAYS_MAX, NULL},
	{PART("queue_entries", queue_entries), false, true, 2, BIG, NULL},
	{PART("queues", queues), false, false, 1, SIM_QUEUES_MAX, NULL},
	{PART("node_cpus", node_cpus), false, false, 0, DMP_CPU_MAX, NULL},
	{PART("mask_bytes", mask_bytes), true, true, DMP_PAGE_BYTES, BYTES_MAX, NULL},
	{PART("range_commands", range_commands), false, false, 0, 1u << 18, NULL},
	{PART("replace", replace), false, false, 1, NWORDS(replace_words), replace_words},
	{PART("queue_kind", queue_kind), false, false, 1, NWORDS(kind_words), kind_words},
	{PART("queue_by", queue_by), false, false, 1, NWORDS(by_words), by_words},
};
#define NPROPERTIES (sizeof(properties) / sizeof(properties[0]))

static bool is_possible(const struct property *property, uint64_t value)
{
	return value >= property->min && value <= property->max &&
	       (!property->is_pow2 || !value || dmp_is_pow2(value));
}

static uint64_t value_of(const struct property *property, const struct dmp_sim_opts *opts)
{
	const char *at = (const char *)opts + property->offset;
	uint32_t narrow;
	uint64_t wide;

	memcpy(&narrow, at, sizeof(narrow));
	if (!property->is_wide)
		return narrow;
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

/* Is each property, by itself, what it can be? */
bool sim_properties_are_possible(const struct dmp_sim_opts *opts)
{
	for (size_t i = 0; i < NPROPERTIES; i++)
		if (!is_possible(&properties[i], value_of(&properties[i], opts)))
			return false;
	return true;
}

/* A profile's. */

static int complain(const char *path, const char *name, const char *what)
{
	char place[96];

	snprintf(place, sizeof(place), "machine.%s", name);
	return sim_profile_complain(path, place, what);
}

/* What it can be, instead of what it is. */
static int complain_of_value(const char *path, const struct property *property)
{
	char what[96];

	snprintf(what, sizeof(what), "is not a %s from %llu to %llu",
		 property->is_pow2 ? "power of two" : "whole number",
		 (unsigned long long)(property->min ? property->min : 1),
		 (unsigned long long)property->max);
	return complain(path, property->name, what);
}

static const struct property *property_find(const char *name)
{
	for (size_t i = 0; i < NPROPERTIES; i++)
		if (!strcmp(properties[i].name, name))
			return &properties[i];
	return NULL;
}

/* 1 for the first word; 0: none of them. */
static uint64_t word_number(const char *const *words, const char *word)
{
	for (unsigned i = 0; word && words[i]; i++)
		if (!strcmp(words[i], word))
			return i + 1;
	return 0;
}

static int value_read(const char *path, const struct property *property, const json_t *value,
		      uint64_t *out)
{
	json_int_t n = json_integer_value(value); /* 0: it is none */

	if (property->words) {
		*out = word_number(property->words, json_string_value(value));
		return *out ? 0 : complain(path, property->name, "is none of the words it can be");
	}
	if (n <= 0 || !is_possible(property, (uint64_t)n))
		return complain_of_value(path, property);
	*out = (uint64_t)n;
	return 0;
}

static void value_store(const struct property *property, uint64_t value, struct dmp_sim_opts *says)
{
	uint32_t narrow = (uint32_t)value;
	char *at = (char *)says + property->offset;

	if (property->is_wide)
		memcpy(at, &value, sizeof(value));
	else
		memcpy(at, &narrow, sizeof(narrow));
}

static int flag_parse(const char *path, const char *name, const json_t *value,
		      struct dmp_sim_opts *says)
{
	if (!json_is_boolean(value))
		return complain(path, name, "is neither true nor false");
	if (json_is_true(value))
		says->flags |= DMP_SIM_CACHE_NOT_PRESENT;
	return 0;
}

static int format_parse(const char *path, const char *name, const json_t *value,
			struct dmp_sim_opts *says)
{
	const char *wanted = json_string_value(value), *format = NULL;

	for (unsigned i = 0; wanted && !says->format && (format = dmp_sim_format_name(i)); i++)
		if (!strcmp(format, wanted))
			says->format = format;
	return says->format ? 0 : complain(path, name, "is none of the formats there are");
}

static int number_parse(const char *path, const char *name, const json_t *value,
			struct dmp_sim_opts *says)
{
	const struct property *property = property_find(name);
	uint64_t number;
	int err = value_read(path, property, value, &number);

	if (!err)
		value_store(property, number, says);
	return err;
}

/* One member of "machine". */
int sim_property_parse(const char *path, const char *name, const json_t *json,
		       struct dmp_sim_opts *says)
{
	const json_t *value = json_object_get(json, "value");
	bool is_flag = !strcmp(name, "cache_not_present"), is_format = !strcmp(name, "format");

	if (!property_find(name) && !is_flag && !is_format)
		return complain(path, name, "is not a property of a machine");
	if (!sim_profile_has_source(json))
		return complain(path, name, "has no source");
	if (!value)
		return complain(path, name, "has nothing called value");
	if (json_object_size(json) != 2)
		return complain(path, name, "has a field beside value and source");
	if (is_flag)
		return flag_parse(path, name, value, says);
	return (is_format ? format_parse : number_parse)(path, name, value, says);
}
