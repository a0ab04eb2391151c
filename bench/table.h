/* SPDX-License-Identifier: MIT */
/*
 * table.h - a table for the terminal: labels on the left, a column a variant
 *
 *                                 direct      strict
 *    maps                          23260       23260
 *    IOTLB hits                        -       97.1%
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdint.h>
#include <stdio.h>

/* Bytes of a cell's text, its end included. */
#define TABLE_CELL 24

struct table_cell {
	char text[TABLE_CELL];
};

/* Formatted numbers; NAN becomes "-". */
struct table_cell table_none(void);
struct table_cell table_text(const char *text);
struct table_cell table_count(uint64_t n);
struct table_cell table_share(double share); /* 0 .. 1 */
struct table_cell table_ns(double ns);
struct table_cell table_rate(double per_second); /* 3.21 M */

void table_row(FILE *to, const char *label, const struct table_cell *cells, unsigned ncells);

#endif
