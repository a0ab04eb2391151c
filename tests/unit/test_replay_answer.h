/* SPDX-License-Identifier: MIT */
/*
 * test_replay_answer.h - a text replayed as a file, and what is printed of its answer
 */
#ifndef DMAPOOL_TEST_REPLAY_ANSWER_H
#define DMAPOOL_TEST_REPLAY_ANSWER_H

#include "test_replay_rig.h"

/* One page map with its end, one that never ends, one that failed, and a stray unmap. */
#define MIXED_TRACE                                                                                \
	MAP(0, 01, "TO_DEVICE", 1000, 5000, 256)                                                   \
	MAP(1, 02, "FROM_DEVICE", 2000, 6000, 2048)                                                \
	MAP(0, 03, "TO_DEVICE", ffffffffffffffff, 5000, 256)                                       \
	UNMAP(1, 04, "TO_DEVICE", 1000, 256)                                                       \
	UNMAP(0, 05, "TO_DEVICE", 77000, 256)

/* The route of that name, the last of the table. */
#define AS_RECORDED (1u << (replay_nroutes - 1))

/* Direct and strict. */
static inline struct replay_opts answer_opts(void)
{
	return (struct replay_opts){.data = true,
				    .repeat = 1,
				    .mask_bits = 32,
				    .profile = "free",
				    .routes = 1u << REPLAY_DIRECT | 1u << REPLAY_STRICT,
				    .slots = 32768,
				    .areas = 4,
				    .unknown = REPLAY_LAZY};
}

/* replay_file()'s answer to a file with @text. */
static inline int replay_text(const char *text, const struct replay_opts *opts,
			      struct replay_answer *answer)
{
	struct trace_file file = file_with(text, strlen(text));
	int err = replay_file(opts, file.path, answer);

	answer->path = "/some/where/mixed.txt.xz";
	unlink(file.path);
	return err;
}

static inline struct replay_answer replayed(const char *text, const struct replay_opts *opts)
{
	struct replay_answer answer;

	assert_int_equal(replay_text(text, opts, &answer), 0);
	return answer;
}

#endif
