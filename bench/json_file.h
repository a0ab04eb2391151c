/* SPDX-License-Identifier: MIT */
/*
 * json_file.h - the answers of a command as a JSON array in a file, or its only one: json_file.c
 */
#ifndef BENCH_JSON_FILE_H
#define BENCH_JSON_FILE_H

#include <stdbool.h>
#include <stdio.h>

struct json_t;

struct json_file {
	char *place;            /* owned */
	char *name;             /* owned: what is written; renamed to `place`, or the place */
	bool renamed;           /* it will be, or is removed */
	bool alone;             /* the file is its first answer, not an array; set after the open */
	FILE *file;             /* owned */
	struct json_t *answers; /* owned; an array */
};

/* A text in which bytes that are not UTF-8 are '?'; the caller's.  NULL: no memory. */
struct json_t *json_file_text(const char *text);

/* Each complains and returns EXIT_USAGE if it cannot be done. */
int json_file_open(struct json_file *json, const char *path);
/* Takes @answer, which is about @what; NULL: there was no memory for it. */
int json_file_add(struct json_file *json, const char *what, struct json_t *answer);
/* Writes the answers; without any, and after a failed open, nothing is left or lost. */
int json_file_close(struct json_file *json);

#endif
