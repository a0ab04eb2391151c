// SPDX-License-Identifier: MIT
/*
 * bench_list.c - options that are lists: "1,2,8" and "same,lifo"
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

int bench_list_numbers(const char *option, const char *text, uint64_t least, uint64_t most,
		       struct bench_list *list)
{
	struct bench_list found = {.count = 0};
	char *end = NULL;

	do {
		unsigned long long n;

		errno = 0;
		n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 0) : 0;
		if (!end || end == text || errno || n < least || n > most || (*end && *end != ','))
			return complain("%s: '%s' should be numbers from %llu to %llu, with commas "
					"between",
					option, text, (unsigned long long)least,
					(unsigned long long)most);
		if (add(option, &found, n))
			return EXIT_USAGE;
		text = end + 1;
	} while (*end);
	*list = found;
	return 0;
}

/* "same, lifo or pass" for a message. */
static int complain_of_word(const char *option, const char *word, size_t len,
			    const char *const *words, unsigned nwords)
{
	char known[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < nwords && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s, ", words[i]);
	return complain("%s: '%.*s' is none of %sall", option, (int)len, word, known);
}

static int add_word(const char *option, const char *word, size_t len, const char *const *words,
		    unsigned nwords, struct bench_list *list)
{
	int err = 0;

	if (len == 3 && memcmp(word, "all", len) == 0) {
		for (unsigned i = 0; !err && i < nwords; i++)
			err = add(option, list, i);
		return err;
	}
	for (unsigned i = 0; i < nwords; i++)
		if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0)
			return add(option, list, i);
	return complain_of_word(option, word, len, words, nwords);
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
