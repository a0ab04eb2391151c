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
#include "bench.h"
#include "command.h"
#include "json_file.h"

#include <dmapool/types.h>

#include <errno.h>
#include <jansson.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES "21"

struct calibrate_command {
	char *output;
	char *samples;
};

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

static int write_profile(json_t *profile, const char *path)
{
	char beside[4096];
	int len = snprintf(beside, sizeof(beside), "%s.tmp", path);

	if (!profile)
		return complain("no memory for the profile");
	if (len < 0 || (size_t)len >= sizeof(beside))
		return complain("the name '%.40s...' is too long", path);
	if (json_dump_file(profile, beside, JSON_INDENT(2)) || rename(beside, path)) {
		int err = complain("cannot write '%s': %s", path, strerror(errno));

		unlink(beside);
		return err;
	}
	return EXIT_GOOD;
}

static void print_costs(const struct calibrate_costs *costs)
{
	for (unsigned i = 0; i < costs->n; i++)
		printf("  %-16s %10.3f ns   %s\n", costs->cost[i].name, costs->cost[i].ns,
		       costs->cost[i].how);
}

static int calibrate(const char *path, unsigned samples)
{
	struct calibrate_costs costs;
	char cpu[256], date[32];
	int err = calibrate_measure(samples, &costs);

	if (err)
		return complain("cannot measure: %s", strerror(-err));
	read_cpu(cpu, sizeof(cpu));
	read_date(date, sizeof(date));
	json_t *profile = calibrate_profile(&costs, cpu, date);

	err = write_profile(profile, path);
	json_decref(profile);
	if (err)
		return err;
	printf("%s, %s, written to %s\n", cpu, date, path);
	print_costs(&costs);
	return EXIT_GOOD;
}

static int parse_samples(const char *text, unsigned *samples)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > BENCH_SAMPLES_MAX)
		return complain("--samples must be a number from 1 to %u", BENCH_SAMPLES_MAX);
	*samples = (unsigned)n;
	return 0;
}

static int run(const struct calibrate_command *c, const char **rest)
{
	const char *path = c->output ? c->output : "host.json";
	unsigned samples = 0;
	int err = parse_samples(c->samples ? c->samples : SAMPLES, &samples);

	if (err)
		return err;
	if (rest && *rest)
		return complain("'%s' is not expected; try 'dmapool calibrate --help'", *rest);
	if (!*path)
		return complain("--output needs the name of a file");
	return calibrate(path, samples);
}

int calibrate_main(int argc, const char **argv)
{
	struct calibrate_command c = {0};
	const struct poptOption options[] = {
		{"output", 'o', POPT_ARG_STRING, &c.output, 0, "where to (host.json)", "FILE"},
		{"samples", 0, POPT_ARG_STRING, &c.samples, 0, "of each number (" SAMPLES ")", "N"},
		POPT_AUTOHELP POPT_TABLEEND};
	poptContext context = poptGetContext("dmapool calibrate", argc, argv, options, 0);
	int rc, err;

	poptSetOtherOptionHelp(context, "[OPTION...]\n\n"
					"Measures this machine and writes a cost profile.");
	rc = poptGetNextOpt(context);
	err = rc < -1 ? complain("%s: %s; try 'dmapool calibrate --help'",
				 poptBadOption(context, 0), poptStrerror(rc))
		      : run(&c, poptGetArgs(context));
	free(c.output);
	free(c.samples);
	poptFreeContext(context);
	return err;
}
