/* SPDX-License-Identifier: MIT */
/*
 * command.h - what the sub-commands of the `dmapool` command share
 *
 * A sub-command is a function that gets its own argv, with "dmapool NAME" as argv[0], and
 * returns the exit status:
 *
 *   0   it did what was asked, and the answer is good
 *   1   it did what was asked, and the answer is bad: mismatches, wrong bytes, a missed bound
 *   2   it could not do what was asked: one line on standard error says why and how to mend it
 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

/**
 * complain() - one line on standard error, with the program's name before it
 *
 * Returns: EXIT_USAGE, for `return complain(...)`.
 */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int attack_main(int argc, const char **argv);
int bench_main(int argc, const char **argv);
int bench_iova_main(int argc, const char **argv);
int bench_map_main(int argc, const char **argv);
int bench_pgtable_main(int argc, const char **argv);
int bench_swiotlb_main(int argc, const char **argv);
int calibrate_main(int argc, const char **argv);
int conform_main(int argc, const char **argv);
int replay_main(int argc, const char **argv);

#endif
