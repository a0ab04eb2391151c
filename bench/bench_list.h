/* SPDX-License-Identifier: MIT */
/*
 * bench_list.h - options that are lists: "1,2,8" and "same,lifo", or one item
 */
#ifndef BENCH_BENCH_LIST_H
#define BENCH_BENCH_LIST_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_LIST_MAX 16u

struct bench_list {
	uint64_t value[BENCH_LIST_MAX];
	unsigned count;
};

/* Numbers from @least to @most, in the order given.  Each complains and returns EXIT_USAGE if
 * @text is not such a list; @option is its name, with the dashes. */
int bench_list_numbers(const char *option, const char *text, uint64_t least, uint64_t most,
		       struct bench_list *list);
/* Words out of @words, as their indexes; "all" is every one of them. */
int bench_list_words(const char *option, const char *text, const char *const *words,
		     unsigned nwords, struct bench_list *list);

/* As those, for options that are no lists: exactly one number; one of @words, as its index. */
int bench_list_number(const char *option, const char *text, uint64_t least, uint64_t most,
		      uint64_t *value);
int bench_list_choice(const char *option, const char *text, const char *const *words,
		      unsigned nwords, unsigned *which);

/**
 * bench_list_pick() - the @n-th combination of lists, from 0; the first list turns fastest
 * @item:  out: one of each list
 * @index: out: which of it that is
 *
 * Returns: false: there are fewer.
 */
bool bench_list_pick(const struct bench_list *const *lists, unsigned nlists, uint64_t n,
		     uint64_t *item, unsigned *index);

#endif
