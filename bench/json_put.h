/* SPDX-License-Identifier: MIT */
/*
 * json_put.h - members of a JSON object, one after another: json_put.c
 *
 * Each takes its value.  An object or array that misses something is none at all: when memory is
 * short it becomes NULL, and stays so, which whoever takes it sees.
 */
#ifndef BENCH_JSON_PUT_H
#define BENCH_JSON_PUT_H

#include <stdint.h>

struct json_t; /* jansson's */

void json_put(struct json_t **object, const char *name, struct json_t *value);
/* The last one of an array. */
void json_put_last(struct json_t **array, struct json_t *value);

void json_put_count(struct json_t **object, const char *name, uint64_t n);
/* A number that does not exist, and one without end, is null. */
void json_put_number(struct json_t **object, const char *name, double x);

#endif
