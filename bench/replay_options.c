// SPDX-License-Identifier: MIT
/*
 * replay_options.c - the command line of `dmapool replay`
 *
 *    argv -> popt: a text for each option, none twice -> numbers and names -> struct replay_opts
 *
 * What cannot be is refused in one line that says what could be, before any trace is read:
 * nothing is rounded, and no option is ignored without a word.
 */
#include "replay_options.h"
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PROFILE "vtd-modern"
#define DEFAULT_ROUTES  "direct,bounce,strict,lazy,as-recorded"
#define ALL_ROUTES                                                                                 \
	"direct,bounce,strict,lazy,lazy-single,on-reuse,manual,guest,passthrough,as-recorded"
#define RUNS_MAX  1000u
#define MASK_BITS 32u

/* Linux's: 64 MiB, and as many areas as the machines of the bundled traces had CPUs. */
#define DEFAULT_SLOTS UINT64_C(32768)
#define DEFAULT_AREAS UINT64_C(4)
#define SLOTS_MAX     (UINT64_C(1) << 19) /* 1 GiB: the simulated machine has no larger block */

static const char about[] =
	"FILE... [OPTION...]\n"
	"\n"
	"Replays what drivers asked of the DMA API in a recorded trace: tracefs text or\n"
	"`trace-cmd report` text of the events dma:*, plain or .xz.  Every recorded CPU is a\n"
	"thread; simulated devices read and write every byte, and wrong ones are counted.\n"
	"\n"
	"An event is one recorded call that is replayed: a map, an unmap, an allocation, a\n"
	"free or a sync.  iommu, swiotlb and probe lines are not.";

static void define_options(struct replay_command *c, struct poptOption *options)
{
	const struct poptOption table[] = {
		{"route", 'r', POPT_ARG_STRING, NULL, 0,
		 "a column each: " ALL_ROUTES " (default: " DEFAULT_ROUTES ")", "LIST"},
		{"serial", 's', POPT_ARG_NONE, &c->serial, 0,
		 "one thread, in the order of the file", NULL},
		{"clock", 'C', POPT_ARG_STRING, NULL, 0,
		 "real: threads, as fast as they can; trace: the recorded CPUs at the recorded "
		 "times, on one thread (default: real)",
		 "WHICH"},
		{"no-data", 'n', POPT_ARG_NONE, &c->no_data, 0,
		 "do not move or compare bytes: the library alone", NULL},
		{"repeat", 'N', POPT_ARG_STRING, NULL, 0,
		 "runs, each on a fresh machine; speeds are medians (default: 1)", "N"},
		{"mask", 'm', POPT_ARG_STRING, NULL, 0,
		 "address bits of every device, 12 to 64 (default: 32)", "BITS"},
		{"slots", 'S', POPT_ARG_STRING, NULL, 0,
		 "of the bounce pool, and its areas; powers of two, at least 128 slots an area "
		 "(default: 32768,4)",
		 "N[,AREAS]"},
		{"grow", 'g', POPT_ARG_NONE, &c->grow, 0,
		 "the bounce pool grows when it is full: transient pools, and more of its size",
		 NULL},
		{"flush", 'f', POPT_ARG_STRING, NULL, 0,
		 "POLICY[:NAME=VALUE]...: how domains of that policy flush, and what "
		 "as-recorded is if the trace has an IOMMU and does not tell (default: lazy)",
		 "WHEN"},
		{"exposure", 'e', POPT_ARG_NONE, &c->exposure, 0,
		 "measure what devices can still reach after an unmap, and tell it by domain",
		 NULL},
		{"neighbours", 'b', POPT_ARG_NONE, &c->neighbours, 0,
		 "count bytes beside buffers that devices reach, since they share a granule", NULL},
		{"what-if", 'W', POPT_ARG_STRING, NULL, 0,
		 "flush=POLICY[:NAME=VALUE]...,...: no routes, but these ways to flush "
		 "compared on one clock, that of the trace: what each costs and what it leaves "
		 "open",
		 "LIST"},
		{"profile", 'p', POPT_ARG_STRING, NULL, 0,
		 "what the simulated IOMMU costs (default: " DEFAULT_PROFILE ")", "NAME|FILE"},
		{"check-addresses", 'c', POPT_ARG_NONE, &c->check_addresses, 0,
		 "do not replay: compare the kernel's own addresses with the library's; with "
		 "--json only",
		 NULL},
		{"json", 'j', POPT_ARG_STRING, NULL, 0, "write the answers there", "OUT"},
		POPT_AUTOHELP POPT_TABLEEND};

	memcpy(options, table, sizeof(table));
	for (; options->longName; options++)
		options->val = options->shortName;
}

/* Where the text of option @letter is kept; NULL: it has none. */
static char **text_of(struct replay_command *c, int letter)
{
	switch (letter) {
	case 'r': return &c->routes;
	case 'C': return &c->clock;
	case 'N': return &c->repeat;
	case 'm': return &c->mask;
	case 'S': return &c->slots;
	case 'f': return &c->flush;
	case 'W': return &c->what_if_text;
	case 'p': return &c->profile;
	case 'j': return &c->json_path;
	default: return NULL;
	}
}

static uint64_t bit_of(int letter)
{
	return UINT64_C(1) << (letter & 63);
}

/* Takes every option, at most once. */
static int take_options(struct replay_command *c, const struct poptOption *options)
{
	int letter;

	while ((letter = poptGetNextOpt(c->context)) > 0) {
		const struct poptOption *option = options;
		char **text = text_of(c, letter);

		while (option->shortName != letter)
			option++;
		if (c->given & bit_of(letter))
			return complain("--%s is given twice", option->longName);
		c->given |= bit_of(letter);
		if (text)
			*text = poptGetOptArg(c->context);
	}
	if (letter < -1)
		return complain("%s: %s", poptBadOption(c->context, POPT_BADOPTION_NOALIAS),
				poptStrerror(letter));
	return 0;
}

/* An address check makes no machine, and has the order of the file. */
static int check_together(const struct replay_command *c, const struct poptOption *options)
{
	if (!c->check_addresses)
		return 0;
	for (; options->longName; options++)
		if (options->shortName != 'c' && options->shortName != 'j' &&
		    c->given & bit_of(options->shortName))
			return complain("--check-addresses does not replay; leave out --%s",
					options->longName);
	return 0;
}

/* What-if compares on the clock of the trace, without bouncing, and is the same each time. */
static int check_what_if(const struct replay_command *c, const struct poptOption *options)
{
	static const char without[] = "rsNSgfeb";

	if (!c->what_if_text)
		return 0;
	for (; options->longName; options++)
		if (options->shortName && strchr(without, options->shortName) &&
		    c->given & bit_of(options->shortName))
			return complain("--what-if has ways to flush of its own and the clock of "
					"the trace; leave out --%s",
					options->longName);
	if (c->clock && strcmp(c->clock, replay_clock_name(REPLAY_CLOCK_TRACE)) != 0)
		return complain("--what-if compares in the time of the trace; leave out --clock");
	return 0;
}

/* Digits alone, and what they say; false: something else, or more than @max. */
static bool take_number(const char **text, uint64_t max, uint64_t *n)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*n = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0 && *n <= max;
}

static int parse_unsigned(const char *name, const char *text, unsigned min, unsigned max,
			  unsigned *value)
{
	uint64_t n = *value;

	if (text && (!take_number(&text, max, &n) || *text || n < min))
		return complain("--%s must be a number from %u to %u", name, min, max);
	*value = (unsigned)n;
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
		if (*routes & 1u << i)
			return complain("--route names %s twice", replay_routes[i].name);
		*routes |= 1u << i;
		list += len;
		if (!*list)
			return 0;
	}
}

static bool take_power(const char **text, uint64_t *n)
{
	return take_number(text, SLOTS_MAX, n) && dmp_is_pow2(*n);
}

/* As in the kernel, no area is smaller than a segment. */
static int parse_slots(const char *text, struct replay_opts *opts)
{
	bool good = take_power(&text, &opts->slots);

	if (good && *text == ',') {
		text++;
		good = take_power(&text, &opts->areas);
	}
	if (!good || *text)
		return complain("--slots must be N or N,AREAS, powers of two up to %llu",
				(unsigned long long)SLOTS_MAX);
	if (opts->slots / DMP_SWIOTLB_SEGMENT_SLOTS < opts->areas)
		return complain("--slots %llu,%llu cannot be: an area has at least %llu slots",
				(unsigned long long)opts->slots, (unsigned long long)opts->areas,
				(unsigned long long)DMP_SWIOTLB_SEGMENT_SLOTS);
	return 0;
}

/* What is set counts wherever domains flush so, whatever as-recorded is. */
static int parse_flush(const char *text, struct replay_opts *opts)
{
	struct replay_flush flush;
	unsigned way;

	if (replay_flush_parse(text, strlen(text), &way, &flush))
		return EXIT_USAGE;
	opts->unknown = (enum replay_way)way;
	opts->flush[way] = flush;
	return 0;
}

/* The time of the trace has its one thread in any case, as every CPU. */
static int parse_clock(const char *text, struct replay_opts *opts)
{
	if (strcmp(text, replay_clock_name(REPLAY_CLOCK_TRACE)) == 0)
		opts->clock = REPLAY_CLOCK_TRACE;
	else if (strcmp(text, replay_clock_name(REPLAY_CLOCK_REAL)) != 0)
		return complain("--clock must be real or trace");
	if (opts->clock == REPLAY_CLOCK_TRACE && opts->serial)
		return complain("--clock trace plays the recorded CPUs on one thread; leave out "
				"--serial");
	return 0;
}

/* Threads have no time of the trace. */
static int check_commits(const struct replay_opts *opts)
{
	if (opts->clock == REPLAY_CLOCK_REAL && opts->flush[REPLAY_MANUAL].commit_ns)
		return complain("--flush manual with a time is a time of the trace; add --clock "
				"trace, or give a number of unmaps");
	return 0;
}

/* Only a route that bounces has a pool, and only a trace tells whether as-recorded does. */
static int check_pool(const struct replay_command *c)
{
	for (unsigned i = 0; i < replay_nroutes; i++)
		if (c->opts.routes & 1u << i &&
		    (replay_routes[i].as_recorded || replay_routes[i].way == REPLAY_BOUNCE))
			return 0;
	if (c->slots || c->grow)
		return complain("--%s is of the bounce pool; add bounce to --route, or leave it "
				"out",
				c->slots ? "slots" : "grow");
	return 0;
}

/* What is wrong with a profile the library says, in one line. */
static int check_profile(const char *profile)
{
	struct dmp_sim *sim;
	int err = dmp_sim_create(&DMP_SIM_OPTS(.profile = profile), &sim);

	if (!err)
		dmp_sim_destroy(sim);
	return err == -ENOENT || err == -EIO ? EXIT_USAGE : 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat at_a, at_b;

	return stat(a, &at_a) == 0 && stat(b, &at_b) == 0 && S_ISREG(at_a.st_mode) &&
	       at_a.st_dev == at_b.st_dev && at_a.st_ino == at_b.st_ino;
}

int replay_options_check_json(const char *json_path, const char **paths)
{
	if (!*json_path)
		return complain("--json needs the name of a file");
	for (; *paths; paths++)
		if (same_file(json_path, *paths))
			return complain("--json would overwrite '%s', which is one of the traces",
					json_path);
	return 0;
}

static int parse_what_if(struct replay_command *c)
{
	c->opts.what_if = &c->what_if;
	c->opts.clock = REPLAY_CLOCK_TRACE;
	c->opts.exposure = c->opts.neighbours = true;
	return replay_what_if_parse(c->what_if_text, &c->what_if);
}

static int parse_texts(struct replay_command *c)
{
	int err = parse_unsigned("repeat", c->repeat, 1, RUNS_MAX, &c->opts.repeat);

	if (!err)
		err = parse_unsigned("mask", c->mask, 12, 64, &c->opts.mask_bits);
	if (!err && c->slots)
		err = parse_slots(c->slots, &c->opts);
	if (!err && c->clock)
		err = parse_clock(c->clock, &c->opts);
	if (!err && c->flush)
		err = parse_flush(c->flush, &c->opts);
	if (!err && c->what_if_text)
		err = parse_what_if(c);
	if (!err)
		err = check_commits(&c->opts);
	if (!err)
		err = parse_routes(c->routes ? c->routes : DEFAULT_ROUTES, &c->opts.routes);
	if (!err)
		err = check_pool(c);
	if (!err && c->profile)
		err = check_profile(c->profile);
	if (!err && c->json_path)
		err = replay_options_check_json(c->json_path, c->paths);
	return err;
}

static struct replay_opts opts_of(const struct replay_command *c)
{
	return (struct replay_opts){
		.serial = c->serial,
		.check_addresses = c->check_addresses,
		.data = !c->no_data,
		.repeat = 1,
		.mask_bits = MASK_BITS,
		.profile = c->profile ? c->profile : DEFAULT_PROFILE,
		.slots = DEFAULT_SLOTS,
		.areas = DEFAULT_AREAS,
		.grow = c->grow,
		.exposure = c->exposure,
		.neighbours = c->neighbours,
		.unknown = REPLAY_LAZY, /* Linux's default, on x86 */
	};
}

int replay_options_parse(int argc, const char **argv, struct replay_command *c)
{
	struct poptOption options[20];
	int err;

	*c = (struct replay_command){0};
	define_options(c, options);
	c->context = poptGetContext("dmapool replay", argc, argv, options, 0);
	poptSetOtherOptionHelp(c->context, about);
	err = take_options(c, options);
	if (!err)
		err = check_together(c, options);
	if (!err)
		err = check_what_if(c, options);
	if (err)
		return err;
	c->paths = poptGetArgs(c->context);
	if (!c->paths)
		return complain("no trace given; try 'dmapool replay --help'");
	c->opts = opts_of(c);
	return parse_texts(c);
}

void replay_options_free(struct replay_command *c)
{
	free(c->routes);
	free(c->repeat);
	free(c->mask);
	free(c->slots);
	free(c->clock);
	free(c->flush);
	free(c->what_if_text);
	free(c->profile);
	free(c->json_path);
	poptFreeContext(c->context);
}
