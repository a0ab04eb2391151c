/* SPDX-License-Identifier: MIT */
/*
 * no_membarrier.h - a system without membarrier, if the test says so
 *
 * The linker sends the port's calls here: a test that includes this is linked with
 * -Wl,--wrap=syscall, and includes it in one source.
 */
#ifndef DMAPOOL_TEST_NO_MEMBARRIER_H
#define DMAPOOL_TEST_NO_MEMBARRIER_H

#include <errno.h>
#include <stdbool.h>

static bool no_membarrier;

long __real_syscall(long number, long a, long b, long c); // NOLINT: the linker's names
long __wrap_syscall(long number, long a, long b, long c); // NOLINT

long __wrap_syscall(long number, long a, long b, long c) // NOLINT
{
	if (!no_membarrier)
		return __real_syscall(number, a, b, c);
	errno = ENOSYS;
	return -1;
}

#endif
