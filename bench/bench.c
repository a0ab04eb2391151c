// SPDX-License-Identifier: MIT
/*
 * bench.c - `dmapool bench`: finds what is to be measured and hands over
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *job;
	int (*main)(int argc, const char **argv);
} benches[] = {
	{"iova", "address ranges: threads x size x batch x pattern x policy x cache",
	 bench_iova_main},
	{"swiotlb",
	 "bounce slots: threads x areas x size x direction x slots in use x policy x copy",
	 bench_swiotlb_main},
	{"map",
	 "map and unmap of the DMA API: route x flush policy x threads x size x batch x lists",
	 bench_map_main},
	{"pgtable", "page tables: format x page size x batch x threads", bench_pgtable_main},
};

#define NBENCHES (sizeof(benches) / sizeof(benches[0]))

static int print_help(void)
{
	puts("usage: dmapool bench WHAT [OPTION...]\n");
	for (size_t i = 0; i < NBENCHES; i++)
		printf("  %-10s %s\n", benches[i].name, benches[i].job);
	puts("\n  --help     this page; after a name, that bench's");
	return EXIT_GOOD;
}

int bench_main(int argc, const char **argv)
{
	char name[64];

	if (argc < 2)
		return complain("no bench given; try 'dmapool bench --help'");
	if (strcmp(argv[1], "--help") == 0)
		return print_help();
	for (size_t i = 0; i < NBENCHES; i++) {
		if (strcmp(argv[1], benches[i].name) != 0)
			continue;
		snprintf(name, sizeof(name), "%s %s", argv[0], argv[1]);
		argv[1] = name;
		return benches[i].main(argc - 1, argv + 1);
	}
	return complain("'%s' is no bench; try 'dmapool bench --help'", argv[1]);
}
