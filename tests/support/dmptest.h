/* SPDX-License-Identifier: MIT */
/*
 * dmptest.h - CMocka and the headers that it needs before it
 *
 * Asserts leave the test function by a jump: only the test's own thread may use them.
 */
#ifndef DMAPOOL_TEST_DMPTEST_H
#define DMAPOOL_TEST_DMPTEST_H

#ifdef NDEBUG
#error "the tests need their asserts"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#endif
