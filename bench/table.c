// SPDX-License-Identifier: MIT
/*
 * table.c - numbers as text of a fixed width
 *
 * Counts are whole and without separators, so that they can be searched for; rates have
 * three digits and a power of a thousand.
 */
#include "table.h"

#include <math.h>
#include <string.h>

#define LABEL_WIDTH 33
#define CELL_WIDTH  11 /* "as-recorded" */

struct table_cell table_text(const char *text)
{
	struct table_cell cell;

	snprintf(cell.text, sizeof(cell.text), "%s", text);
	return cell;
}

struct table_cell table_none(void)
{
	return table_text("-");
}

struct table_cell table_count(uint64_t n)
{
	struct table_cell cell;

	snprintf(cell.text, sizeof(cell.text), "%llu", (unsigned long long)n);
	return cell;
}

struct table_cell table_share(double share)
{
	struct table_cell cell;

	if (isnan(share))
		return table_none();
	snprintf(cell.text, sizeof(cell.text), "%.1f%%", share * 100);
	return cell;
}

struct table_cell table_ns(double ns)
{
	struct table_cell cell;

	if (isnan(ns))
		return table_none();
	snprintf(cell.text, sizeof(cell.text), "%.1f", ns);
	return cell;
}

/* Digits behind the point, for three in all. */
static int decimals(double x)
{
	return x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
}

struct table_cell table_rate(double per_second)
{
	static const char *const units[] = {"", " k", " M", " G"};
	struct table_cell cell;
	unsigned unit = 0;

	if (isnan(per_second))
		return table_none();
	while (per_second >= 999.5 && unit < 3) {
		per_second /= 1000;
		unit++;
	}
	snprintf(cell.text, sizeof(cell.text), "%.*f%s", decimals(per_second), per_second,
		 units[unit]);
	return cell;
}

void table_row(FILE *to, const char *label, const struct table_cell *cells, unsigned ncells)
{
	fprintf(to, "  %-*s", LABEL_WIDTH, label);
	for (unsigned i = 0; i < ncells; i++)
		fprintf(to, " %*s", CELL_WIDTH, cells[i].text);
	fputc('\n', to);
}
