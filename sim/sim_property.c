// SPDX-License-Identifier: MIT
/*
 * sim_property.c - reads the properties of a machine out of a profile
 *
 *   "machine": {
 *     "queue_kind": {"value": "lock-free", "source": "..."},
 *     "iotlb_sets": {"value": 512, "source": "..."},
 *     ...
 *   }
 *
 * A property has the name of its option (struct dmp_sim_opts), a whole number or a word, and
 * a source; what it means and which values are possible the option says.  The caller's own
 * option counts before it.
 *
 * Locking: none; runs before the machine exists.
 */
#include "sim_internal.h"

#include <jansson.h>
#include <string.h>

struct property {
	const char *name;
	size_t offset;            /* in struct dmp_sim_opts */
	bool is_wide;             /* 64 bits */
	const char *const *words; /* for 1, 2, ...; NULL: a number */
};

static const char *const replace_words[] = {"lru", "tree", "random", NULL};
static const char *const kind_words[] = {"locked", "lock-free", NULL};
static const char *const by_words[] = {"cpu", "node", NULL};

#define NUMBER(name, member)                                                                       \
	{                                                                                          \
		name, offsetof(struct dmp_sim_opts, member), false, NULL                           \
	}
#define BYTES(name)                                                                                \
	{                                                                                          \
#name, offsetof(struct dmp_sim_opts, name), true, NULL                             \
	}
#define WORD(name, words)                                                                          \
	{                                                                                          \
#name, offsetof(struct dmp_sim_opts, name), false, words                           \
	}

static const struct property properties[] = {
	NUMBER("iotlb_sets", iotlb_sets),
	NUMBER("iotlb_ways", iotlb_ways),
	NUMBER("iotlbs", iotlbs),
	NUMBER("walk_entries_1", walk_entries[0]),
	NUMBER("walk_entries_2", walk_entries[1]),
	NUMBER("walk_entries_3", walk_entries[2]),
	NUMBER("walk_entries_4", walk_entries[3]),
	NUMBER("devtlb_sets", devtlb_sets),
	NUMBER("devtlb_ways", devtlb_ways),
	NUMBER("queue_entries", queue_entries),
	NUMBER("queues", queues),
	NUMBER("node_cpus", node_cpus),
	NUMBER("range_commands", range_commands),
	BYTES(iotlb_page_bytes),
	BYTES(mask_bytes),
	WORD(replace, replace_words),
	WORD(queue_kind, kind_words),
	WORD(queue_by, by_words),
};
#define NPROPERTIES (sizeof(properties) / sizeof(properties[0]))

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
	json_int_t n = json_integer_value(value);

	if (property->words) {
		*out = word_number(property->words, json_string_value(value));
		return *out ? 0
			    : sim_profile_complain(path, property->name,
						   "is none of the words it can be");
	}
	if (!json_is_integer(value))
		return sim_profile_complain(path, property->name,
					    "has no whole number called value");
	if (n <= 0 || (!property->is_wide && n > UINT32_MAX))
		return sim_profile_complain(path, property->name,
					    "is not above 0, or out of range");
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
		return sim_profile_complain(path, name, "is neither true nor false");
	if (json_is_true(value))
		says->flags |= DMP_SIM_CACHE_NOT_PRESENT;
	return 0;
}

/* One member of "machine". */
int sim_property_parse(const char *path, const char *name, const json_t *json,
		       struct dmp_sim_opts *says)
{
	const struct property *property = property_find(name);
	const json_t *value = json_object_get(json, "value");
	bool is_flag = !strcmp(name, "cache_not_present");
	uint64_t number;
	int err;

	if (!property && !is_flag)
		return sim_profile_complain(path, name, "is not a property of a machine");
	if (!sim_profile_has_source(json))
		return sim_profile_complain(path, name, "has no source");
	if (json_object_size(json) != 2)
		return sim_profile_complain(path, name,
					    "is not just a value called value and its source");
	if (is_flag)
		return flag_parse(path, name, value, says);
	err = value_read(path, property, value, &number);
	if (!err)
		value_store(property, number, says);
	return err;
}
