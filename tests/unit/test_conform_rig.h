/* SPDX-License-Identifier: MIT */
/*
 * test_conform_rig.h - vectors in a text, run as they stand
 */
#ifndef DMAPOOL_TEST_CONFORM_RIG_H
#define DMAPOOL_TEST_CONFORM_RIG_H

#include "dmptest.h"

#include "conform.h"

#include <dmapool/port.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IOVA_HEADER   "# iova-vectors 1\n"
#define BOUNCE_HEADER "# libdmapool bounce vectors 1; family x\n"

/* Runs IOVA vectors and compares every answer with the one that stands there, as texts. */
static inline void assert_answers(const char *text)
{
	struct conform_replay *replay = conform_replay_begin(false);
	char *copy = strdup(text), got[CONFORM_GOT_MAX];
	struct conform_file file;
	size_t i;

	assert_non_null(replay);
	assert_non_null(copy);
	assert_int_equal(conform_file_parse(&file, "t.txt", copy, strlen(copy)), 0);
	for (i = 0; i < file.nlines; i++) {
		got[0] = '\0';
		file.lines[i].op->run(replay, &file.lines[i], got);
		assert_string_equal(got, file.lines[i].expected);
	}
	conform_file_release(&file);
	free(copy);
	assert_null(conform_replay_end(replay));
	assert_int_equal(dmp_meta_in_use(), 0);
}

/* The verdicts on a file of any format. */
static inline struct conform_totals verdicts_of(const char *text)
{
	struct conform_totals totals = {0};
	char *copy = strdup(text), *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	assert_non_null(copy);
	assert_non_null(out);
	assert_int_equal(conform_text("t.txt", copy, strlen(copy), out, &totals), 0);
	fclose(out);
	if (totals.failed)
		print_message("%s", said);
	free(said);
	free(copy);
	assert_int_equal(dmp_meta_in_use(), 0);
	return totals;
}

#define assert_passes(text) assert_int_equal(verdicts_of(text).passed, 1)
#define assert_fails(text)  assert_int_equal(verdicts_of(text).failed, 1)

#endif
