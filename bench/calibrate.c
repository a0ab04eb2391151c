// SPDX-License-Identifier: MIT
/*
 * calibrate.c - `dmapool calibrate`: measures this machine, writes the profile "host"
 *
 *   measure -> a cost a line on the terminal -> host.json
 *
 * The profile has the form of those that come with the library (sim/sim_profile.c): a value, a
 * unit, and a source that names the processor, the day and what was done.  A file of that
 * name in a directory that DMAPOOL_PROFILES names is found as "host".
 *
 * The file is replaced as a whole or not at all.
 */
#include "calibrate.h"
#include "bench_line.h"
#include "command.h"
#include "json_file.h"

#include <dmapool/types.h>

#include <jansson.h>
#include <string.h>
#include <time.h>

enum option {
	OUTPUT,
	SAMPLES,
};

static const char about[] = "[OPTION...]\n"
			    "\n"
			    "Measures this machine and writes a cost profile.";

static const struct poptOption options[] = {
	BENCH_OPTION("output", 'o', OUTPUT, "where to (default: host.json)", "FILE"),
	BENCH_OPTION("samples", 0, SAMPLES, "of each number (default: 21)", "N"),
	POPT_AUTOHELP POPT_TABLEEND};

/* Of the first processor; "unknown processor" where the system does not say. */
static void read_cpu(char *cpu, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[512];

	snprintf(cpu, size, "unknown processor");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(cpu, size, "%s", colon + 1 + strspn(colon + 1, " "));
		break;
	}
	if (file)
		fclose(file);
}

static void read_date(char *date, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(date, size, "%Y-%m-%d", &tm);
}

/* Picoseconds, to three digits behind the point: a byte's copy costs some 20. */
static json_t *cost_json(const struct calibrate_cost *cost, const char *cpu, const char *date)
{
	char source[512];

	snprintf(source, sizeof(source), "measured by dmapool calibrate %s on %s, %s: %s",
		 dmp_version(), cpu, date, cost->how);
	return json_pack("{s:f, s:s, s:o}", "value", (double)(int64_t)(cost->ns * 1e6) / 1e3,
			 "unit", "ps", "source", json_file_text(source));
}

json_t *calibrate_profile(const struct calibrate_costs *costs, const char *cpu, const char *date)
{
	json_t *profile = json_pack(
		"{s:s, s:s}", "name", "host", "description",
		"This machine, by dmapool calibrate. What needs a device was not measured: "
		"invalidations and walks cost nothing here.");

	for (unsigned i = 0; profile && i < costs->n; i++)
		if (json_object_set_new(profile, costs->cost[i].name,
					cost_json(&costs->cost[i], cpu, date))) {
			json_decref(profile);
			profile = NULL;
		}
	return profile;
}

static void print_costs(const struct calibrate_costs *costs)
{
	for (unsigned i = 0; i < costs->n; i++)
		printf("  %-16s %10.3f ns   %s\n", costs->cost[i].name, costs->cost[i].ns,
		       costs->cost[i].how);
}

static int measure(const char *path, unsigned samples, struct json_file *json)
{
	struct calibrate_costs costs;
	char cpu[256], date[32];
	int err = calibrate_measure(samples, &costs);

	if (err)
		return complain("cannot measure: %s", strerror(-err));
	read_cpu(cpu, sizeof(cpu));
	read_date(date, sizeof(date));
	err = json_file_add(json, path, calibrate_profile(&costs, cpu, date));
	if (err)
		return err;
	printf("%s, %s, for %s\n", cpu, date, path);
	print_costs(&costs);
	return EXIT_GOOD;
}

/* What cannot be written is complained of before anything is measured. */
static int calibrate(const char *path, unsigned samples)
{
	struct json_file json;
	int status, closed;

	if (json_file_open(&json, path))
		return EXIT_USAGE;
	json.alone = true;
	status = measure(path, samples, &json);
	closed = json_file_close(&json);
	return status ? status : closed;
}

static int parse(const struct bench_line *line, const char **path, unsigned *samples)
{
	uint64_t n = 0;
	int err = bench_line_one(line, SAMPLES, "21", 1, BENCH_SAMPLES_MAX, &n);

	*path = line->text[OUTPUT] ? line->text[OUTPUT] : "host.json";
	*samples = (unsigned)n;
	if (!err && !**path)
		return complain("--output needs the name of a file");
	return err;
}

int calibrate_main(int argc, const char **argv)
{
	struct bench_line line;
	const char *path = NULL;
	unsigned samples = 0;
	int status = bench_line_open(&line, argc, argv, options, about);

	if (!status)
		status = parse(&line, &path, &samples);
	if (!status)
		status = calibrate(path, samples);
	bench_line_close(&line);
	return status;
}
