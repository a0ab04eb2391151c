// SPDX-License-Identifier: MIT
/*
 * dmapool.c - the `dmapool` command: finds the sub-command and hands over
 */
#include "command.h"

#include <dmapool.h>

#include <stdio.h>
#include <string.h>

struct command {
	const char *name;
	const char *job;
	int (*main)(int argc, const char **argv);
};

static const struct command commands[] = {
	{"attack", "let a hostile device try addresses beside a workload", attack_main},
	{"bench", "measure allocators: time by thread count, against a floor", bench_main},
	{"calibrate", "measure this machine, write a cost profile", calibrate_main},
	{"conform", "run recorded answers of the Linux 6.12 allocators against ours", conform_main},
	{"replay", "replay recorded Linux DMA traces through the library", replay_main},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static int print_help(void)
{
	puts("usage: dmapool COMMAND [OPTION...] [FILE...]\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].job);
	puts("\n  --help     this page; after a command, that command's\n"
	     "  --version  the version");
	return EXIT_GOOD;
}

static int print_version(void)
{
	printf("dmapool %s\n", dmp_version());
	return EXIT_GOOD;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int run(int argc, const char **argv)
{
	const struct command *command;
	char name[32];

	if (argc < 2)
		return complain("no command given; try 'dmapool --help'");
	if (strcmp(argv[1], "--help") == 0)
		return print_help();
	if (strcmp(argv[1], "--version") == 0)
		return print_version();
	command = find_command(argv[1]);
	if (!command)
		return complain("'%s' is not a command; try 'dmapool --help'", argv[1]);
	snprintf(name, sizeof(name), "dmapool %s", command->name);
	argv[1] = name;
	return command->main(argc - 1, argv + 1);
}

/* An answer that nobody can have read is none. */
int main(int argc, const char **argv)
{
	int status = run(argc, argv);

	if (fflush(stdout) || ferror(stdout))
		return complain("cannot write the answer to standard output");
	return status;
}
