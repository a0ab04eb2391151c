// SPDX-License-Identifier: MIT
/*
 * bench_list.c - options that are lists: "1,2,8" and "same,lifo", or one item
 *
 * An item that does not belong there is told with what would; nothing of the list is kept then.
 */
#include "bench_list.h"
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(const char *option, struct bench_list *list, uint64_t value)
{
	if (list->count == BENCH_LIST_MAX)
		return complain("%s takes %u items at most", option, BENCH_LIST_MAX);
	list->value[list->count++] = value;
	return 0;
}

/* The number that @text begins with, up to a comma or the end; false: there is none. */
static bool take_number(const char **text, uint64_t least, uint64_t most, uint64_t *n)
{
	int base = (*text)[0] == '0' && (*text)[1] == 'x' ? 16 : 10;
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*n = strtoull(*text, &end, base);
	*text = end;
	return !errno && *n >= least && *n <= most && (!*end || *end == ',');
}

int bench_list_numbers(const char *option, const char *text, uint64_t least, uint64_t most,
		       struct bench_list *list)
{
	struct bench_list found = {.count = 0};
	const char *end = text;

	do {
		uint64_t n;

		if (!take_number(&end, least, most, &n))
			return complain("%s: '%s' should be numbers from %llu to %llu, with commas "
					"between",
					option, text, (unsigned long long)least,
					(unsigned long long)most);
		if (add(option, &found, n))
			return EXIT_USAGE;
		text = end + 1;
	} while (*end++);
	*list = found;
	return 0;
}

int bench_list_number(const char *option, const char *text, uint64_t least, uint64_t most,
		      uint64_t *value)
{
	const char *end = text;
	uint64_t n;

	if (!take_number(&end, least, most, &n) || *end)
		return complain("%s: '%s' should be a number from %llu to %llu", option, text,
				(unsigned long long)least, (unsigned long long)most);
	*value = n;
	return 0;
}

/* With "same, lifo, pass" for a message, and @more. */
static int complain_of_word(const char *option, const char *word, size_t len,
			    const char *const *words, unsigned nwords, const char *more)
{
	char known[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < nwords && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 words[i]);
	return complain("%s: '%.*s' is none of %s%s", option, (int)len, word, known, more);
}

/* Which of @words it is; @nwords: none. */
static unsigned find_word(const char *word, size_t len, const char *const *words, unsigned nwords)
{
	unsigned i = 0;

	while (i < nwords && (strlen(words[i]) != len || memcmp(words[i], word, len) != 0))
		i++;
	return i;
}

static int add_word(const char *option, const char *word, size_t len, const char *const *words,
		    unsigned nwords, struct bench_list *list)
{
	unsigned which = find_word(word, len, words, nwords);
	int err = 0;

	if (len == 3 && memcmp(word, "all", len) == 0) {
		for (unsigned i = 0; !err && i < nwords; i++)
			err = add(option, list, i);
		return err;
	}
	if (which == nwords)
		return complain_of_word(option, word, len, words, nwords, ", all");
	return add(option, list, which);
}

int bench_list_words(const char *option, const char *text, const char *const *words,
		     unsigned nwords, struct bench_list *list)
{
	struct bench_list found = {.count = 0};
	int err = 0;

	while (!err) {
		size_t len = strcspn(text, ",");

		err = add_word(option, text, len, words, nwords, &found);
		text += len;
		if (!*text)
			break;
		text++;
	}
	if (!err)
		*list = found;
	return err;
}

int bench_list_choice(const char *option, const char *text, const char *const *words,
		      unsigned nwords, unsigned *which)
{
	size_t len = strlen(text);
	unsigned found = find_word(text, len, words, nwords);

	if (found == nwords)
		return complain_of_word(option, text, len, words, nwords, "");
	*which = found;
	return 0;
}

bool bench_list_pick(const struct bench_list *const *lists, unsigned nlists, uint64_t n,
		     uint64_t *item, unsigned *index)
{
	for (unsigned i = 0; i < nlists; i++) {
		index[i] = (unsigned)(n % lists[i]->count);
		item[i] = lists[i]->value[index[i]];
		n /= lists[i]->count;
	}
	return n == 0;
}
