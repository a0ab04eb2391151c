// SPDX-License-Identifier: MIT
/*
 * check_search.c - where an answer differs: in which order did the kernel really do it?
 *
 * The line of an allocation is written when the call has returned.  An interrupt on the same
 * CPU, or another CPU, may have come in between, so that lines do not stand in the order in
 * which the allocator's locks were taken.  At the first answer that differs, D, one call that
 * was in progress at that moment is moved:
 *
 *          ... f  f  f  D ...        A  D really came before some of the lines before it
 *              <--------'
 *          ... D  x  x  k ...        B  an allocation whose line comes later was there first
 *              <--------'
 *
 * as far back as its call may have begun, the nearest place first.  Each such order is run from
 * the beginning, and the one that carries furthest is kept: it has to give the kernel's answer
 * here and at the AHEAD calls after it.  Two calls are not moved for one answer, and a free
 * stays at its line, which is written just before it.
 *
 * So an explained answer has been given: by the library, in an order that the lines allow, with
 * every other answer up to there as it was.  No address is made up to fit.
 *
 * Progress: a move is kept only if the first difference comes later than before, so that
 * there are never more moves than allocations.
 *
 * An allocation without such an order is unexplained, and the rest is compared as it comes
 * out.  After UNEXPLAINED_MAX of them no more orders are tried: the library's state is another
 * one by then.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW          512u  /* calls before D and behind it that are looked at; 237 were needed */
#define AHEAD           2u    /* calls: an order that only shifts the trouble does not get there */
#define ENOUGH          2000u /* calls: no need to look for a better order */
#define UNEXPLAINED_MAX 32u

struct move {
	uint32_t from, to;
	uint32_t reached; /* position of the next difference */
	uint64_t peak;    /* of slots, until there */
};

struct search {
	struct check_order order;
	struct check_result *result;
	/* In this space */
	uint32_t reached; /* position of the first difference of the order so far */
	uint64_t peak;    /* of slots, until there */
	uint32_t nmoves;
	uint32_t unexplained;      /* tried and given up */
	uint32_t unexplained_line; /* of the first */
};

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t line_at(const struct search *s, uint32_t pos)
{
	return check_call_at(&s->order, pos)->event->line;
}

/* @n calls behind position @at, or the end. */
static uint32_t behind(const struct search *s, uint32_t at, uint32_t n)
{
	return earlier(at + n, s->order.space->ncalls);
}

static int run(struct search *s)
{
	int err = check_order_run(&s->order, &s->reached);

	s->peak = s->order.peak;
	return err;
}

/* Run the order with one call moved; remember it if it carries further than @best. */
static int try_move(struct search *s, uint32_t from, uint32_t to, struct move *best)
{
	uint32_t reached;
	int err;

	if (best->reached >= behind(s, s->reached, ENOUGH))
		return 0;
	check_order_move(&s->order, from, to);
	err = check_order_run(&s->order, &reached);
	check_order_move(&s->order, to, from);
	if (!err && reached > best->reached)
		*best = (struct move){from, to, reached, s->order.peak};
	return err;
}

/* A */
static int try_earlier(struct search *s, struct move *best)
{
	uint32_t at = s->reached, end = at > WINDOW ? at - WINDOW : 0;
	uint32_t after_line = check_call_at(&s->order, at)->after_line;
	int err = 0;

	for (uint32_t to = at; !err && to-- > end && line_at(s, to) > after_line;)
		err = try_move(s, at, to, best);
	return err;
}

/* B */
static int try_overtakers(struct search *s, struct move *best)
{
	uint32_t at = s->reached, end = behind(s, at, 1 + WINDOW);
	int err = 0;

	for (uint32_t k = at + 1; !err && k < end; k++)
		if (check_call_at(&s->order, k)->after_line < line_at(s, at) &&
		    check_is_alloc(check_call_at(&s->order, k)))
			err = try_move(s, k, at, best);
	return err;
}

static int keep_move(struct search *s, const struct move *move)
{
	struct check_result *r = s->result;
	struct check_move *moves = reallocarray(r->moves, r->nmoves + 1u, sizeof(*moves));

	if (!moves)
		return -ENOMEM;
	r->moves = moves;
	moves[r->nmoves++] = (struct check_move){line_at(s, move->from), line_at(s, move->to)};
	s->nmoves++;
	check_order_move(&s->order, move->from, move->to);
	s->reached = move->reached;
	s->peak = move->peak;
	return 0;
}

/* This answer, and after too many all others, is taken as it comes out. */
static int give_up(struct search *s)
{
	if (s->unexplained_line == 0)
		s->unexplained_line = line_at(s, s->reached);
	s->order.given_up[s->order.calls[s->reached]] = true;
	s->order.tolerant = ++s->unexplained == UNEXPLAINED_MAX;
	return run(s);
}

static int explain(struct search *s)
{
	uint32_t needed = behind(s, s->reached, 1 + AHEAD);
	struct move best = {.reached = s->reached};
	int err = try_earlier(s, &best);

	if (!err)
		err = try_overtakers(s, &best);
	if (err)
		return err;
	return best.reached >= needed ? keep_move(s, &best) : give_up(s);
}

/* Until no answer differs but those that are given up. */
static int search(struct search *s)
{
	int err = run(s);

	while (!err && s->reached < s->order.space->ncalls)
		err = explain(s);
	return err;
}

static uint64_t count_given_up(const struct check_order *order)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < order->space->ncalls; i++)
		n += order->given_up[i];
	return n;
}

static void sum_up(const struct search *s)
{
	const struct check_space *space = s->order.space;
	struct check_result *r = s->result;
	uint64_t unexplained = count_given_up(&s->order);

	r->equal += space->nallocs - s->nmoves - unexplained;
	r->explained += s->nmoves;
	r->unexplained += unexplained;
	if (!r->unexplained_line)
		r->unexplained_line = s->unexplained_line;
	if (space->model->peak) {
		r->has_pool = true;
		r->peak_slots = s->peak;
	}
}

static void note_strays(const struct check_space *space, struct check_result *r)
{
	if (space->nstrays && (!r->strays || space->stray_line < r->stray_line))
		r->stray_line = space->stray_line;
	r->strays += space->nstrays;
}

int check_space(const struct check_space *space, struct check_result *result)
{
	struct search s = {.result = result};
	int err;

	result->nspaces += space->nallocs != 0;
	if (space->in_use_before) {
		result->in_use_before += space->nallocs;
		return 0;
	}
	note_strays(space, result);
	err = check_order_init(&s.order, space);
	if (!err)
		err = search(&s);
	if (!err)
		sum_up(&s);
	check_order_free(&s.order);
	return err;
}
