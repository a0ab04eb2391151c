// SPDX-License-Identifier: MIT
/*
 * sim_profile.c - reads a cost profile: JSON, every number with its unit and its source
 *
 *   {
 *     "name": "vtd-modern",
 *     "description": "where these numbers come from, in a sentence",
 *     "clock": {"value": 3.1, "unit": "GHz", "source": "..."},      needed for "cycles"
 *     "invalidate_wait": {"value": 2, "unit": "us", "source": "..."},
 *     ...
 *     "machine": {...}                                               see sim_property.c
 *   }
 *
 * A cost that is missing is 0.  What this version does not know is refused with its place,
 * as a misspelt cost would silently be 0; a number without a source is refused too.
 *
 * "free" needs no file: everything costs nothing.  "host" is what `dmapool calibrate` wrote
 * on this machine.  Another name is looked for, with .json
 * behind it, in the directory that DMAPOOL_PROFILES names, where the library was installed,
 * and where it was built.  What holds a slash or ends in .json is a path.
 *
 * Locking: none; runs before the machine exists.
 */
#include "sim_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define VALUE_MAX  1e9 /* a second in ns: beyond any cost, and its ps fit 64 bits */
#define PS_PER_NS  1000.0
#define COME_WITH                                                                                  \
	"vtd-modern, vtd-2015, smmuv3-1queue, smmuv3-numa, smmuv2, amd-v1, viommu-trapped, "       \
	"viommu-direct and free come with the library, another one is named by its path"

struct cost_field {
	const char *name;
	size_t offset; /* in struct sim_costs */
};
#define COST(name, member)                                                                         \
	{                                                                                          \
		name, offsetof(struct sim_costs, member)                                           \
	}

static const struct cost_field cost_fields[] = {
	COST("map_first_4k", map_first[0]),
	COST("map_first_2m", map_first[1]),
	COST("map_first_1g", map_first[2]),
	COST("map_next_4k", map_next[0]),
	COST("map_next_2m", map_next[1]),
	COST("map_next_1g", map_next[2]),
	COST("unmap_first_4k", unmap_first[0]),
	COST("unmap_first_2m", unmap_first[1]),
	COST("unmap_first_1g", unmap_first[2]),
	COST("unmap_next_4k", unmap_next[0]),
	COST("unmap_next_2m", unmap_next[1]),
	COST("unmap_next_1g", unmap_next[2]),
	COST("map_64k", map_wide[0]),
	COST("map_1m", map_wide[1]),
	COST("unmap_64k", unmap_wide[0]),
	COST("unmap_1m", unmap_wide[1]),
	COST("invalidate_submit", invalidate_submit),
	COST("invalidate_command", invalidate_command),
	COST("invalidate_domain", invalidate_domain),
	COST("invalidate_device", invalidate_device),
	COST("invalidate_wait", invalidate_wait),
	COST("invalidate_wait_remote", invalidate_wait_remote),
	COST("invalidate_separate", invalidate_separate),
	COST("invalidate_latency", invalidate_latency),
	COST("queue_transfer", queue_transfer),
	COST("iotlb_hit", iotlb_hit),
	COST("walk_cache_hit", walk_cache_hit),
	COST("walk_miss", walk_miss),
	COST("walk_level", walk_level),
	COST("devtlb_request", devtlb_request),
	COST("convert_page", convert_page),
	COST("iova_cached", price[DMP_SIM_PRICE_IOVA_CACHED]),
	COST("iova_tree", price[DMP_SIM_PRICE_IOVA_TREE]),
	COST("copy_byte", price[DMP_SIM_PRICE_COPY_BYTE]),
};
#define NFIELDS (sizeof(cost_fields) / sizeof(cost_fields[0]))

int sim_profile_complain(const char *path, const char *place, const char *what)
{
	dmp_log(DMP_LOG_WARN, "profile %s: %s: %s", path, place, what);
	return -EIO;
}

bool sim_profile_has_source(const json_t *json)
{
	const char *source = json_string_value(json_object_get(json, "source"));

	return source && source[strspn(source, " \t")] != '\0';
}

/* A number with its unit and its source, and nothing else. */
struct quantity {
	double value;
	const char *unit;
};

/* A member that has no business there; NULL: there is none. */
static const char *stranger_of(const json_t *json)
{
	const char *name;
	json_t *member;

	json_object_foreach((json_t *)json, name, member) if (strcmp(name, "value") &&
							      strcmp(name, "unit") &&
							      strcmp(name, "source")) return name;
	return NULL;
}

static int complain_of_stranger(const char *path, const char *place, const char *name)
{
	char where[128];

	snprintf(where, sizeof(where), "%s.%s", place, name);
	return sim_profile_complain(path, where,
				    "is not a field: there are value, unit and source");
}

static int quantity_parse(const char *path, const char *place, const json_t *json,
			  struct quantity *out)
{
	const json_t *value = json_object_get(json, "value");
	const char *stranger = stranger_of(json);

	out->unit = json_string_value(json_object_get(json, "unit"));
	if (stranger)
		return complain_of_stranger(path, place, stranger);
	if (!json_is_number(value))
		return sim_profile_complain(path, place, "has no number called value");
	if (!out->unit)
		return sim_profile_complain(path, place, "has no unit");
	if (!sim_profile_has_source(json))
		return sim_profile_complain(path, place, "has no source");
	out->value = json_number_value(value);
	if (!(out->value >= 0 && out->value <= VALUE_MAX))
		return sim_profile_complain(path, place, "is negative or out of range");
	return 0;
}

/* Nanoseconds in one @unit; 0: no such unit.  @ghz 0: the profile names no clock. */
static double unit_ns(const char *unit, double ghz)
{
	if (!strcmp(unit, "ps"))
		return 1 / PS_PER_NS;
	if (!strcmp(unit, "ns"))
		return 1;
	if (!strcmp(unit, "us"))
		return 1000;
	if (!strcmp(unit, "cycles") && ghz > 0)
		return 1 / ghz;
	return 0;
}

static int cost_parse(const char *path, const struct cost_field *field, const json_t *json,
		      double ghz, struct sim_costs *costs)
{
	struct quantity quantity;
	int err = quantity_parse(path, field->name, json, &quantity);

	if (err)
		return err;
	double ns = unit_ns(quantity.unit, ghz) * quantity.value;

	if (unit_ns(quantity.unit, ghz) == 0)
		return sim_profile_complain(
			path, field->name,
			"has a unit that is not ps, ns, us, or cycles of a clock");
	if (!(ns <= VALUE_MAX)) /* of a clock that hardly moves it is no number at all */
		return sim_profile_complain(path, field->name, "is negative or out of range");
	uint64_t ps = (uint64_t)(ns * PS_PER_NS + 0.5);

	memcpy((char *)costs + field->offset, &ps, sizeof(ps));
	return 0;
}

static int clock_parse(const char *path, const json_t *json, double *ghz)
{
	struct quantity quantity;

	if (!json)
		return 0;
	int err = quantity_parse(path, "clock", json, &quantity);

	if (!err && (strcmp(quantity.unit, "GHz") != 0 || quantity.value == 0))
		err = sim_profile_complain(path, "clock", "is not a frequency in GHz");
	if (!err)
		*ghz = quantity.value;
	return err;
}

static const struct cost_field *field_find(const char *name)
{
	for (size_t i = 0; i < NFIELDS; i++)
		if (!strcmp(cost_fields[i].name, name))
			return &cost_fields[i];
	return NULL;
}

static int machine_parse(const char *path, const json_t *machine, struct dmp_sim_opts *says)
{
	const char *name;
	json_t *json;
	int err = 0;

	if (!json_is_object(machine))
		return sim_profile_complain(path, "machine", "is not an object");
	json_object_foreach((json_t *)machine, name, json)
	{
		if (!err)
			err = sim_property_parse(path, name, json, says);
	}
	return err;
}

static int member_parse(const char *path, const char *key, const json_t *json, double ghz,
			struct sim_profile *out)
{
	const struct cost_field *field = field_find(key);

	if (field)
		return cost_parse(path, field, json, ghz, &out->costs);
	if (!strcmp(key, "machine"))
		return machine_parse(path, json, &out->says);
	if (!strcmp(key, "clock"))
		return 0; /* read before */
	if (strcmp(key, "name") != 0 && strcmp(key, "description") != 0)
		return sim_profile_complain(path, key, "is not a field of a profile");
	return json_is_string(json) ? 0 : sim_profile_complain(path, key, "is not a text");
}

static int profile_parse(const char *path, json_t *root, struct sim_profile *out)
{
	const char *key;
	json_t *json;
	double ghz = 0;

	if (!json_is_object(root))
		return sim_profile_complain(path, "the whole", "is not an object");
	int err = clock_parse(path, json_object_get(root, "clock"), &ghz);

	json_object_foreach(root, key, json)
	{
		if (err)
			break;
		err = member_parse(path, key, json, ghz, out);
	}
	return err;
}

static int profile_read(const char *path, struct sim_profile *out)
{
	struct sim_profile read = {0};
	json_error_t where;

	if (access(path, F_OK) != 0)
		return -ENOENT;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);

	if (!root) {
		dmp_log(DMP_LOG_WARN, "profile %s:%d:%d: %s", path, where.line, where.column,
			where.text);
		return -EIO;
	}
	int err = profile_parse(path, root, &read);

	json_decref(root);
	if (!err)
		*out = read;
	return err;
}

static bool is_path(const char *profile)
{
	size_t len = strlen(profile);

	return strchr(profile, '/') || (len > 5 && !strcmp(profile + len - 5, ".json"));
}

static int profile_search(const char *name, struct sim_profile *out)
{
	const char *dirs[] = {
		getenv("DMAPOOL_PROFILES"),
		DMP_SIM_PROFILE_DIR,
		DMP_SIM_PROFILE_SOURCE_DIR,
	};
	int err = -ENOENT;

	for (size_t i = 0; err == -ENOENT && i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char path[PATH_BYTES];

		if (!dirs[i] || !dirs[i][0])
			continue;
		int len = snprintf(path, sizeof(path), "%s/%s.json", dirs[i], name);

		if (len > 0 && (size_t)len < sizeof(path))
			err = profile_read(path, out);
	}
	return err;
}

/* Untouched @out on error. */
int sim_profile_load(const char *profile, struct sim_profile *out)
{
	int err;

	if (!profile || !strcmp(profile, "free")) {
		*out = (struct sim_profile){0};
		return 0;
	}
	err = is_path(profile) ? profile_read(profile, out) : profile_search(profile, out);
	if (err == -ENOENT)
		dmp_log(DMP_LOG_WARN, "profile %s: there is no such profile; %s", profile,
			!strcmp(profile, "host")
				? "'dmapool calibrate' writes it, and DMAPOOL_PROFILES names its "
				  "directory"
				: COME_WITH);
	return err;
}
