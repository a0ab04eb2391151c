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
 * as far back as its call may have begun.  Each such order is run from the beginning, and the
 * one that carries furthest is kept: it has to give the kernel's answer here and at the AHEAD
 * calls after it.  Two calls are not moved for one answer, and a free stays at its line, which
 * is written just before it.
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

#define WINDOW          1024u /* calls behind D that are looked at */
#define AHEAD           2u    /* calls: an order that only shifts the trouble does not get there */
#define ENOUGH          2000u /* calls: no need to look for a better order */
#define UNEXPLAINED_MAX 32u

struct move {
	uint32_t from, to;
	uint32_t reached; /* position of the next difference */
};

struct search {
	struct check_order order;
	struct check_result *result;
	/* In this space */
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

static uint32_t until_enough(const struct search *s, uint32_t at)
{
	return earlier(at + ENOUGH, s->order.space->ncalls);
}

/* Run the order with one call moved; remember it if it carries further than @best. */
static int try_move(struct search *s, uint32_t at, uint32_t from, uint32_t to, struct move *best)
{
	uint32_t reached;
	int err;

	if (best->reached == until_enough(s, at))
		return 0;
	check_order_move(&s->order, from, to);
	err = check_order_run(&s->order, until_enough(s, at), &reached);
	check_order_move(&s->order, to, from);
	if (!err && reached > best->reached)
		*best = (struct move){from, to, reached};
	return err;
}

/* A */
static int try_earlier(struct search *s, uint32_t at, struct move *best)
{
	uint32_t first_line = check_call_at(&s->order, at)->first_line;
	int err = 0;

	for (uint32_t to = at; !err && to-- > 0 && line_at(s, to) > first_line;)
		err = try_move(s, at, at, to, best);
	return err;
}

/* B */
static int try_overtakers(struct search *s, uint32_t at, struct move *best)
{
	uint32_t end = earlier(at + 1 + WINDOW, s->order.space->ncalls);
	int err = 0;

	for (uint32_t k = at + 1; !err && k < end; k++)
		if (check_call_at(&s->order, k)->first_line < line_at(s, at) &&
		    check_is_alloc(check_call_at(&s->order, k)))
			err = try_move(s, at, k, at, best);
	return err;
}

static int find_move(struct search *s, uint32_t at, struct move *best)
{
	int err;

	*best = (struct move){at, at, at};
	err = try_earlier(s, at, best);
	return err ? err : try_overtakers(s, at, best);
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
	return 0;
}

/* Compare the rest as it comes out. */
static int give_up_all(struct search *s)
{
	uint32_t reached;

	s->order.tolerant = true;
	return check_order_run(&s->order, s->order.space->ncalls, &reached);
}

static int give_up(struct search *s, uint32_t at)
{
	if (s->unexplained_line == 0)
		s->unexplained_line = line_at(s, at);
	s->order.given_up[s->order.calls[at]] = true;
	return ++s->unexplained < UNEXPLAINED_MAX ? 0 : give_up_all(s);
}

static int explain(struct search *s, uint32_t at)
{
	uint32_t needed = earlier(at + 1 + AHEAD, s->order.space->ncalls);
	struct move move;
	int err = find_move(s, at, &move);

	if (err)
		return err;
	return move.reached >= needed ? keep_move(s, &move) : give_up(s, at);
}

/* Until no answer differs but those that are given up. */
static int search(struct search *s)
{
	uint32_t n = s->order.space->ncalls, reached;
	int err = check_order_run(&s->order, n, &reached);

	while (!err && reached < n) {
		err = explain(s, reached);
		if (err || s->order.tolerant)
			break;
		err = check_order_run(&s->order, n, &reached);
	}
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
		r->peak_slots = s->order.peak;
	}
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
	err = check_order_init(&s.order, space);
	if (!err)
		err = search(&s);
	if (!err)
		sum_up(&s);
	check_order_free(&s.order);
	return err;
}
