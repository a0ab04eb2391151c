// SPDX-License-Identifier: MIT
/*
 * replay.c - `dmapool replay`: recorded Linux DMA traces through the library
 *
 *    options -> for each file: replay, print -> JSON -> the exit status
 *
 * The status is the worst of all files:
 *
 *    0   every byte right, no fault, no failed request, books in order
 *    1   not so, for at least one route of one trace; or an address is unexplained
 *    2   a file could not be replayed at all, or the options make no sense
 *
 * What is wrong with a trace itself (unmaps without their map, lines that do not parse,
 * lost events) is told and does not change the status.
 */
#include "replay.h"
#include "check.h"
#include "command.h"
#include "json_file.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PROFILE "vtd-modern"
#define ALL_ROUTES      "direct,bounce,strict,lazy,as-recorded"
#define RUNS_MAX        1000

/* Linux's: 64 MiB, and as many areas as the machines of the bundled traces had CPUs. */
#define DEFAULT_SLOTS UINT64_C(32768)
#define DEFAULT_AREAS UINT64_C(4)
#define SLOTS_MAX     (UINT64_C(1) << 19) /* 1 GiB: the simulated machine has no larger block */

/* A trace may fail a hundred thousand times for one reason. */
#define LOG_LINES_MAX 5u

struct command_line {
	char *routes;
	char *slots;
	char *flush;
	char *profile;
	char *json_path;
	int serial, no_data, check_addresses;
	int repeat, mask_bits;
	uint64_t given; /* bit per option letter */
	poptContext context;
	const char **paths; /* the context's; NULL: none */
};

static const char about[] =
	"FILE... [OPTION...]\n"
	"\n"
	"Replays what drivers asked of the DMA API in a recorded trace: tracefs text or\n"
	"`trace-cmd report` text of the events dma:*, plain or .xz.  Every recorded CPU is a\n"
	"thread; simulated devices read and write every byte, and wrong ones are counted.\n"
	"\n"
	"An event is one recorded call that is replayed: a map, an unmap, an allocation, a\n"
	"free or a sync.  iommu, swiotlb and probe lines are not.";

static void define_options(struct command_line *line, struct poptOption *options)
{
	const struct poptOption table[] = {
		{"route", 'r', POPT_ARG_STRING, NULL, 0,
		 "a column each: " ALL_ROUTES " (default: all)", "LIST"},
		{"serial", 's', POPT_ARG_NONE, &line->serial, 0,
		 "one thread, in the order of the file", NULL},
		{"no-data", 'n', POPT_ARG_NONE, &line->no_data, 0,
		 "do not move or compare bytes: the library alone", NULL},
		{"repeat", 'N', POPT_ARG_INT, &line->repeat, 0,
		 "runs, each on a fresh machine; speeds are medians (default: 1)", "N"},
		{"mask", 'm', POPT_ARG_INT, &line->mask_bits, 0,
		 "address bits of every device, 12 to 64 (default: 32)", "BITS"},
		{"slots", 'S', POPT_ARG_STRING, NULL, 0,
		 "of the bounce pool, and its areas; powers of two (default: 32768,4)",
		 "N[,AREAS]"},
		{"flush", 'f', POPT_ARG_STRING, NULL, 0,
		 "strict or lazy: what as-recorded is if the trace has an IOMMU and does not tell "
		 "(default: lazy)",
		 "WHEN"},
		{"profile", 'p', POPT_ARG_STRING, NULL, 0,
		 "what the simulated IOMMU costs (default: " DEFAULT_PROFILE ")", "NAME|FILE"},
		{"check-addresses", 'c', POPT_ARG_NONE, &line->check_addresses, 0,
		 "do not replay: compare the kernel's own addresses with the library's", NULL},
		{"json", 'j', POPT_ARG_STRING, NULL, 0, "write the answers there", "OUT"},
		POPT_AUTOHELP POPT_TABLEEND};

	memcpy(options, table, sizeof(table));
	for (; options->longName; options++)
		options->val = options->shortName;
}

/* Where the text of option @letter is kept; NULL: it has none, or popt has put it there. */
static char **text_of(struct command_line *line, int letter)
{
	switch (letter) {
	case 'r': return &line->routes;
	case 'S': return &line->slots;
	case 'f': return &line->flush;
	case 'p': return &line->profile;
	case 'j': return &line->json_path;
	default: return NULL;
	}
}

/* Takes every option, at most once; a letter's bit is its code modulo 64. */
static int take_options(struct command_line *line, const struct poptOption *options)
{
	int letter;

	while ((letter = poptGetNextOpt(line->context)) > 0) {
		uint64_t bit = UINT64_C(1) << (letter & 63);
		const struct poptOption *option = options;
		char **text = text_of(line, letter);

		while (option->shortName != letter)
			option++;
		if (line->given & bit)
			return complain("--%s is given twice", option->longName);
		line->given |= bit;
		if (text)
			*text = poptGetOptArg(line->context);
	}
	if (letter < -1)
		return complain("%s: %s", poptBadOption(line->context, POPT_BADOPTION_NOALIAS),
				poptStrerror(letter));
	return 0;
}

/* Sets the bit of each route named in "a,b". */
static int parse_routes(const char *list, uint32_t *routes)
{
	for (*routes = 0;; list++) {
		size_t len = strcspn(list, ",");
		unsigned i = 0;

		while (i < replay_nroutes && (strlen(replay_routes[i].name) != len ||
					      memcmp(replay_routes[i].name, list, len) != 0))
			i++;
		if (i == replay_nroutes)
			return complain("'%.*s' is not a route; try " ALL_ROUTES, (int)len, list);
		*routes |= 1u << i;
		list += len;
		if (!*list)
			return 0;
	}
}

/* A power of two up to SLOTS_MAX; 0: something else. */
static uint64_t parse_power(const char *text, char **end)
{
	unsigned long long n = *text >= '0' && *text <= '9' ? strtoull(text, end, 10) : 0;

	return dmp_is_pow2(n) && n <= SLOTS_MAX ? n : 0;
}

static int parse_slots(const char *text, struct replay_opts *opts)
{
	char *end = NULL;

	opts->slots = parse_power(text, &end);
	opts->areas = DEFAULT_AREAS;
	if (opts->slots && *end == ',')
		opts->areas = parse_power(end + 1, &end);
	if (!opts->slots || !opts->areas || *end)
		return complain("--slots must be N or N,AREAS, powers of two up to %llu",
				(unsigned long long)SLOTS_MAX);
	if (opts->slots / DMP_SWIOTLB_SEGMENT_SLOTS < opts->areas)
		return complain("--slots %llu,%llu cannot be: an area has at least %llu slots",
				(unsigned long long)opts->slots, (unsigned long long)opts->areas,
				(unsigned long long)DMP_SWIOTLB_SEGMENT_SLOTS);
	return 0;
}

static int parse_flush(const char *text, struct replay_opts *opts)
{
	opts->unknown = REPLAY_LAZY;
	if (strcmp(text, replay_way_name(REPLAY_STRICT)) == 0)
		opts->unknown = REPLAY_STRICT;
	else if (strcmp(text, replay_way_name(REPLAY_LAZY)) != 0)
		return complain("--flush must be strict or lazy");
	return 0;
}

static int check_numbers(const struct command_line *line)
{
	if (line->repeat < 1 || line->repeat > RUNS_MAX)
		return complain("--repeat must be 1 to %d", RUNS_MAX);
	if (line->mask_bits < 12 || line->mask_bits > 64)
		return complain("--mask must be 12 to 64 bits");
	return line->paths ? 0 : complain("no trace given; try 'dmapool replay --help'");
}

static int parse(struct command_line *line, const struct poptOption *options,
		 struct replay_opts *opts)
{
	int err = take_options(line, options);

	if (err)
		return err;
	line->paths = poptGetArgs(line->context);
	err = check_numbers(line);
	if (err)
		return err;
	*opts = (struct replay_opts){
		.serial = line->serial,
		.check_addresses = line->check_addresses,
		.data = !line->no_data,
		.repeat = (unsigned)line->repeat,
		.mask_bits = (unsigned)line->mask_bits,
		.profile = line->profile ? line->profile : DEFAULT_PROFILE,
		.slots = DEFAULT_SLOTS,
		.areas = DEFAULT_AREAS,
		.unknown = REPLAY_LAZY, /* Linux's default, on x86 */
	};
	if (line->slots)
		err = parse_slots(line->slots, opts);
	if (!err && line->flush)
		err = parse_flush(line->flush, opts);
	if (err)
		return err;
	return parse_routes(line->routes ? line->routes : ALL_ROUTES, &opts->routes);
}

static _Atomic(unsigned) log_lines;

/* The library's log: the first lines of it; the table counts the rest. */
static void log_some(void *ctx, enum dmp_log_level level, const char *line)
{
	/* relaxed: a number */
	unsigned n = atomic_fetch_add_explicit(&log_lines, 1, memory_order_relaxed);

	(void)ctx;
	(void)level;
	if (n <= LOG_LINES_MAX)
		fprintf(stderr, "dmapool: %s\n", n < LOG_LINES_MAX ? line : "and more of the kind");
}

static int worst(int a, int b)
{
	return a > b ? a : b;
}

static int verdict(const struct replay_answer *answer)
{
	for (unsigned i = 0; i < answer->nresults; i++)
		if (replay_result_is_bad(&answer->results[i]))
			return EXIT_BAD;
	return EXIT_GOOD;
}

/* One file, which leaves its printed answer, the one in @json and a row of @summary. */
static int replay_one(const struct replay_opts *opts, const char *path, struct json_file *json,
		      struct replay_summary *summary)
{
	struct replay_answer answer;
	int status;

	if (opts->check_addresses)
		return check_file(path, stdout, json);
	status = replay_file(opts, path, &answer);
	if (status)
		return status;
	replay_print(stdout, opts, &answer);
	status = verdict(&answer);
	if (json)
		status = worst(status,
			       json_file_add(json, path, replay_json_answer(opts, &answer)));
	if (replay_summary_add(summary, &answer))
		status = complain("no memory for the summary");
	replay_answer_free(&answer);
	return status;
}

/* Files that cannot be replayed leave no answer; the others are still done. */
static int replay_files(const struct replay_opts *opts, const char **paths, const char *json_path)
{
	struct json_file json;
	struct replay_summary summary = {0};
	int status = EXIT_GOOD;

	if (json_path && json_file_open(&json, json_path))
		return EXIT_USAGE;
	for (; *paths; paths++)
		status =
			worst(status, replay_one(opts, *paths, json_path ? &json : NULL, &summary));
	replay_summary_print(stdout, &summary);
	replay_summary_free(&summary);
	if (json_path)
		status = worst(status, json_file_close(&json));
	return status;
}

int replay_main(int argc, const char **argv)
{
	struct command_line line = {.repeat = 1, .mask_bits = 32};
	struct poptOption options[16];
	struct replay_opts opts;
	int status;

	define_options(&line, options);
	line.context = poptGetContext("dmapool replay", argc, argv, options, 0);
	poptSetOtherOptionHelp(line.context, about);
	status = parse(&line, options, &opts);
	dmp_log_set_sink(log_some, NULL);
	if (!status)
		status = replay_files(&opts, line.paths, line.json_path);
	dmp_log_set_sink(NULL, NULL);
	free(line.routes);
	free(line.slots);
	free(line.flush);
	free(line.profile);
	free(line.json_path);
	poptFreeContext(line.context);
	return status;
}
