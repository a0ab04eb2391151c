// SPDX-License-Identifier: MIT
/*
 * test_json_put.c - proves that bench/json_put.c keeps what fits into JSON as it is, says null of
 * what is no number, and leaves no object that misses something
 */
#include "dmptest.h"

#include "json_put.h"

#include <jansson.h>
#include <math.h>

static void test_counts_are_integers_as_long_as_they_fit(void **state)
{
	json_t *object = json_object();

	(void)state;
	json_put_count(&object, "none", 0);
	json_put_count(&object, "most", INT64_MAX);
	json_put_count(&object, "more", UINT64_MAX);
	assert_true(json_is_integer(json_object_get(object, "none")));
	assert_true(json_integer_value(json_object_get(object, "most")) == INT64_MAX);
	assert_true(json_is_real(json_object_get(object, "more")));
	assert_true(json_real_value(json_object_get(object, "more")) == 18446744073709551616.0);
	json_decref(object);
}

static void test_what_is_no_finite_number_is_null(void **state)
{
	json_t *object = json_object();

	(void)state;
	json_put_number(&object, "half", 0.5);
	json_put_number(&object, "none", NAN);
	json_put_number(&object, "endless", INFINITY);
	assert_true(json_real_value(json_object_get(object, "half")) == 0.5);
	assert_true(json_is_null(json_object_get(object, "none")));
	assert_true(json_is_null(json_object_get(object, "endless")));
	json_decref(object);
}

/* A value that there was no memory for is NULL. */
static void test_what_misses_something_is_nothing(void **state)
{
	json_t *object = json_object(), *array = json_array();

	(void)state;
	json_put(&object, "there", json_true());
	json_put(&object, "missing", NULL);
	assert_null(object);
	json_put_count(&object, "later", 1);
	assert_null(object);
	json_put_last(&array, json_true());
	assert_int_equal(json_array_size(array), 1);
	json_put_last(&array, NULL);
	assert_null(array);
	json_put_last(&array, json_true());
	assert_null(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_are_integers_as_long_as_they_fit),
		cmocka_unit_test(test_what_is_no_finite_number_is_null),
		cmocka_unit_test(test_what_misses_something_is_nothing),
	};

	return cmocka_run_group_tests_name("json_put", tests, NULL, NULL);
}
