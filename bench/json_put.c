// SPDX-License-Identifier: MIT
/*
 * json_put.c - members of a JSON object, one after another
 *
 * jansson's integers are signed: what a counter is beyond them is a real.
 */
#include "json_put.h"

#include <jansson.h>
#include <math.h>

static void forget(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

void json_put(json_t **object, const char *name, json_t *value)
{
	if (json_object_set_new(*object, name, value))
		forget(object);
}

void json_put_last(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value))
		forget(array);
}

void json_put_count(json_t **object, const char *name, uint64_t n)
{
	json_put(object, name, n > INT64_MAX ? json_real((double)n) : json_integer((json_int_t)n));
}

void json_put_number(json_t **object, const char *name, double x)
{
	json_put(object, name, isfinite(x) ? json_real(x) : json_null());
}
