// SPDX-License-Identifier: MIT
/*
 * base_api.c - the library's own affairs: its version, and how options are taken over
 *
 * Options grow by appending.  The first field says how long the caller thinks the struct
 * is; zero is every field's default, so a short struct from an old caller is right once
 * it is filled up, and a long one is right as long as its unknown tail is zero.
 */
#include <dmapool/port.h>
#include <dmapool/version.h>

#include <string.h>

const char *dmp_version(void)
{
	return DMP_VERSION;
}

static bool tail_is_zero(const unsigned char *from, const unsigned char *end)
{
	while (from < end)
		if (*from++)
			return false;
	return true;
}

int dmp_opts_load(void *dst, uint32_t known, const void *src)
{
	uint32_t given = known;

	if (src)
		memcpy(&given, src, sizeof(given));
	if (given < sizeof(given))
		return -EINVAL;
	if (src && given > known &&
	    !tail_is_zero((const unsigned char *)src + known, (const unsigned char *)src + given))
		return -E2BIG;
	memset(dst, 0, known);
	if (src)
		memcpy(dst, src, given < known ? given : known);
	memcpy(dst, &known, sizeof(known));
	return 0;
}
