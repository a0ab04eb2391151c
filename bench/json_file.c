// SPDX-License-Identifier: MIT
/*
 * json_file.c - the answers of a command as a JSON array in a file
 *
 * The file is written beside its place, as OUT.tmp, and takes it at the end:
 *
 *    open: OUT.tmp ... add, add ... close: written and renamed     something was added
 *                                          removed, OUT as before  nothing was
 *
 * What is there already and is no regular file (/dev/stdout, a pipe) is written straight.
 */
#include "json_file.h"
#include "command.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many bytes the character at @s has; 0: it is not UTF-8. */
static unsigned character_bytes(const unsigned char *s)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned n = s[0] >> 5 == 0x06 ? 2 : s[0] >> 4 == 0x0e ? 3 : s[0] >> 3 == 0x1e ? 4 : 0;
	uint32_t c = s[0] & (0xffu >> (n + 1));

	if (s[0] < 0x80)
		return 1;
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c < least[n] || c > 0x10ffff || c >> 11 == 0x1b ? 0 : n;
}

json_t *json_file_text(const char *text)
{
	char *copy = strdup(text);
	json_t *json;
	unsigned n;

	for (char *at = copy; at && *at; at += n) {
		n = character_bytes((const unsigned char *)at);
		if (n == 0) {
			*at = '?';
			n = 1;
		}
	}
	json = copy ? json_string(copy) : NULL;
	free(copy);
	return json;
}

static int complain_of(const char *path)
{
	return complain("cannot write '%s': %s", path, strerror(errno));
}

/* Where the file is in the end: a link stays one.  NULL: no memory. */
static char *place_of(const char *path)
{
	char *place = realpath(path, NULL);

	return place || errno == ENOMEM ? place : strdup(path);
}

static char *name_beside(const char *place)
{
	size_t size = strlen(place) + sizeof(".tmp");
	char *name = malloc(size);

	if (name)
		snprintf(name, size, "%s.tmp", place);
	return name;
}

int json_file_open(struct json_file *json, const char *path)
{
	struct stat there;
	bool straight = stat(path, &there) == 0 && !S_ISREG(there.st_mode);

	*json = (struct json_file){.place = place_of(path), .answers = json_array()};
	if (json->place)
		json->name = straight ? strdup(path) : name_beside(json->place);
	json->renamed = !straight;
	if (json->name)
		json->file = fopen(json->name, "w");
	if (json->file && json->answers)
		return EXIT_GOOD;
	complain_of(json->name ? json->name : path);
	json_file_close(json);
	return EXIT_USAGE;
}

int json_file_add(struct json_file *json, const char *path, json_t *answer)
{
	if (json_array_append_new(json->answers, answer))
		return complain("no memory for the JSON of '%s'", path);
	return EXIT_GOOD;
}

static int write_answers(struct json_file *json)
{
	const json_t *text = json->alone ? json_array_get(json->answers, 0) : json->answers;
	int err = json_dumpf(text, json->file, JSON_INDENT(1) | JSON_REAL_PRECISION(9));

	err |= fputc('\n', json->file) == EOF;
	err |= fclose(json->file);
	json->file = NULL;
	if (!err && json->renamed)
		err = rename(json->name, json->place);
	return err ? complain_of(json->place) : EXIT_GOOD;
}

int json_file_close(struct json_file *json)
{
	bool made = json->file && json->renamed;
	bool answered = json->file && json_array_size(json->answers) > 0;
	int status = answered ? write_answers(json) : EXIT_GOOD;

	if (json->file)
		fclose(json->file);
	if (made && (!answered || status))
		unlink(json->name);
	json_decref(json->answers);
	free(json->name);
	free(json->place);
	*json = (struct json_file){0};
	return status;
}
