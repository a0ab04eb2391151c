/* SPDX-License-Identifier: MIT */
/*
 * conform.h - what the files of `dmapool conform` share
 *
 *   conform.c         options, one line a file, the last line
 *   conform_text.c    a vector file as lines and blocks; what is malformed
 *   conform_choice.c  blocks where this library answers otherwise on purpose
 *
 *   conform_iova.c    what each operation of the IOVA vectors does here
 *     conform_view.c    the operations that only look
 *     conform_replay.c  what a run of a block holds
 *     conform_queue.c   the flush queue of the q vectors, on a simulated machine
 *     conform_pages.c   the page sizes of the p vectors, on a driver that maps nothing
 *
 *   conform_swiotlb.c what each operation of the bounce vectors does here
 *     conform_slots.c   contents of memory, and which slots are in use
 *     conform_pools.c   how pools and devices come, pools go, and whole pages
 *     conform_direct.c  operations that go through the DMA API
 *     conform_events.c  what an operation asked of its machine, against the file
 *     conform_machine.c the machine under those: memory where the file wants it
 *     conform_pattern.c what the file fills memory with, and how it sums it up
 *
 * A block reaches from one `domain`, `queue`, `map` or `reset` line to the next; it has one verdict.
 */
#ifndef DMAPOOL_BENCH_CONFORM_H
#define DMAPOOL_BENCH_CONFORM_H

#include <dmapool/domain.h>

#include <stdio.h>

#define CONFORM_ARGS    10u
/* The longest answers: a magazine of 127 pfns, 19 characters each; a ring of 255 pfns below
 * 4 GiB, 8 characters each. */
#define CONFORM_GOT_MAX 4096u

struct conform_replay;
struct conform_line;
struct conform_block;

/* The next of the events of a line, without the mark, behind @event, or the first for NULL;
 * NULL: there is none.  Warnings are left out. */
const char *conform_event(const struct conform_line *line, const char *event);

/* What stands behind the = of an operation. */
enum conform_result {
	CONFORM_NONE, /* there is no = */
	CONFORM_SOME,
	CONFORM_ANY, /* something or nothing */
};

struct conform_op {
	const char *name;
	const char
		*args; /* a letter for each, the format's; a capital: the last, may be missing, and
			   * may be kept as several */
	enum conform_result result;
	bool starts_block;
	/* Does it, and writes the answer as the vectors would. */
	void (*run)(void *run, const struct conform_line *line, char *got);
};

/* One kind of vectors. */
struct conform_format {
	const char *header; /* how its files begin */
	const char *begin;  /* what a block begins with, for messages */
	/* What an operation may ask of its machine, in the lines "@ REQUEST ..." behind it, up to
	 * NULL; NULL: there are no such lines. */
	const char *const *requests;
	bool counts; /* the last line is `end` and the number of operations */
	const struct conform_op *(*find_op)(const char *name, size_t len);
	/* The argument of kind @letter in @word; false: it is none. */
	bool (*parse_arg)(char letter, const char *word, size_t len, uint64_t *arg);
	/* One run of a block: manual mode from begin to end; NULL: no memory. */
	void *(*open)(void);
	/* Walks what there is and drops it; what is wrong, or NULL. */
	const char *(*close)(void *run);
	/* Around each operation: what it asked of its machine, if that is not as the file says, is
	 * appended to @got.  NULL, both: the format has no such lines. */
	void (*before)(void *run, const struct conform_line *line);
	void (*after)(void *run, const struct conform_line *line, char *got);
	/* Our own answers, where they differ on purpose; NULL: they never do. */
	int (*choose)(struct conform_block *block, bool *by_choice);
};

extern const struct conform_format conform_iova;
extern const struct conform_format conform_swiotlb;

struct conform_line {
	unsigned number;      /* in its file, from 1 */
	const char *text;     /* the operation and its arguments */
	const char *expected; /* "ok" for an operation without a result */
	const struct conform_op *op;
	uint64_t arg[CONFORM_ARGS];
	const char *events; /* what the operation asked of its machine: the first such line; ... */
	unsigned nevents;   /* ... how many; each ends with a zero, as what is between them */
	bool skip;          /* by choice: what it would act on does not exist here */
	char *owned;        /* by choice: an expectation made at run time */
};

struct conform_block {
	struct conform_line *lines;
	size_t nlines;
};

struct conform_file {
	const char *name;
	const struct conform_format *format;
	struct conform_line *lines;
	size_t nlines;
	struct conform_block *blocks;
	size_t nblocks;
	bool has_ended; /* its last line has been read, where the format has one */
};

/* Cuts @text of @len bytes and a zero, which must outlive @file; 0, or -ENOMEM, or -EINVAL after
 * a line on standard error. */
int conform_file_parse(struct conform_file *file, const char *name, char *text, size_t len);
void conform_file_release(struct conform_file *file);

/* Answers are texts: appends to @got, which has room for CONFORM_GOT_MAX. */
void conform_say(char *got, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "ok", or the name of the error. */
void conform_say_ok(char *got, int err);

/* A number in base @base, or 0 for C's notation, to the last of @len characters. */
bool conform_number(const char *word, size_t len, int base, uint64_t *number);

/* NULL: there is no such operation. */
const struct conform_op *conform_iova_op(const char *name, size_t len);

/* conform_iova.open(), said which way.  @tracks: for conform_replay_is_stale(). */
struct conform_replay *conform_replay_begin(bool tracks);
/* Is @line a free of a range that this run has not given out, or got back already? */
bool conform_replay_is_stale(const struct conform_replay *replay, const struct conform_line *line);
/* Walks the domain and drops it; what is wrong, or NULL. */
const char *conform_replay_end(struct conform_replay *replay);

/* Is @block one that we answer by a statement of our own?  Then its expectations are
 * replaced by ours; 0 or -ENOMEM. */
int conform_choice_apply(struct conform_block *block, bool *by_choice);
void conform_choice_release(struct conform_block *block);

/* Two answers, number by number. */
bool conform_same(const char *expected, const char *got);

/* Appends @word to the answer @got, with a space between. */
void conform_say_word(char *got, const char *word);

/* A lazy domain; manual mode is on.  @arg: of `queue`.  0 or a negative errno. */
struct conform_queue;
int conform_queue_create(const uint64_t *arg, struct conform_queue **out);
/* Its address space, which stays its own. */
struct dmp_iova_domain *conform_queue_iova(struct conform_queue *queue);
/* What is wrong, or NULL.  Destroy: nothing is mapped any more. */
const char *conform_queue_check(struct conform_queue *queue);
const char *conform_queue_destroy(struct conform_queue *queue);
int conform_queue_map(struct conform_queue *queue, uint64_t size, uint64_t limit_pfn,
		      uint64_t *pfn);
/* What happens meanwhile is appended to @got; NULL: nobody asks. */
int conform_queue_unmap(struct conform_queue *queue, uint64_t pfn, uint64_t size, char *got);
void conform_queue_tick(struct conform_queue *queue, uint64_t ms, char *got);
/* -ENOENT: there are not so many queues. */
int conform_queue_state(struct conform_queue *queue, unsigned cpu, struct dmp_flushq_state *state);

struct conform_totals {
	unsigned passed, failed, by_choice; /* blocks */
};

/* Runs the vectors in @text of @len bytes and a zero, which it cuts, and writes the file's line
 * to @out; 0, or -EINVAL or -ENOMEM after a line on standard error. */
int conform_text(const char *name, char *text, size_t len, FILE *out,
		 struct conform_totals *totals);

/* The machine under the bounce vectors. */
struct conform_machine;

struct conform_machine *conform_machine_create(void); /* NULL: no memory */
void conform_machine_destroy(struct conform_machine *machine);
/* Memory of zeros at @base, what is there already excepted; 0 or -ENOMEM. */
int conform_machine_add_ram(struct conform_machine *machine, uint64_t base, uint64_t len);
/* The next requests for a block: @nfailures fail, so do those of more than @order_max, then one
 * gets @base.  None is written down. */
void conform_machine_answer(struct conform_machine *machine, uint64_t base, uint64_t nfailures,
			    unsigned order_max);
/* From here on requests are answered from the events of @line, and written down. */
void conform_machine_follow(struct conform_machine *machine, const struct conform_line *line);
/* What was, in the words of the vectors, a line each. */
const char *conform_machine_asked(const struct conform_machine *machine);
/* @len bytes of one stretch of memory; NULL: not there. */
void *conform_machine_bytes(struct conform_machine *machine, uint64_t phys, uint64_t len);
/* Makes it a machine of the library, in manual mode; 0 or -ENOMEM. */
int conform_machine_adopt(struct conform_machine *machine, struct dmp_hw **hw);

/* The bytes that the bounce vectors fill memory with, and FNV-1a 64 over bytes. */
void conform_pattern_fill(void *buf, uint64_t len, uint32_t seed);
uint64_t conform_pattern_sum(const void *buf, uint64_t len);

#endif
