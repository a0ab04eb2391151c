// SPDX-License-Identifier: MIT
/*
 * check_order.c - one order of a space's calls, made on an empty space
 *
 *    calls     0 alloc   1 free   2 alloc   3 alloc       in the order of their lines
 *    order     0         2        1         3             call 2 moved to position 1
 *
 * The library has no snapshots, so every order is run from its first call.  That is cheap:
 * sixty thousand calls are a few milliseconds.
 *
 * What the library answered is remembered for each allocation, and a free frees that: where
 * an answer differs from the kernel's, the library still sees no free of what is not live.
 *
 * The clock follows the times of the lines.  A call that was moved to an earlier place is
 * made at the time of the line behind it, since a clock cannot be turned back.
 */
#include "check.h"

#include <dmapool/harness.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int check_order_init(struct check_order *order, const struct check_space *space)
{
	uint32_t n = space->ncalls;

	*order = (struct check_order){.space = space};
	order->calls = calloc(n + 1u, sizeof(*order->calls));
	order->answers = calloc(n + 1u, sizeof(*order->answers));
	order->given_up = calloc(n + 1u, sizeof(*order->given_up));
	if (!order->calls || !order->answers || !order->given_up) {
		check_order_free(order);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		order->calls[i] = i;
	return 0;
}

void check_order_free(struct check_order *order)
{
	free(order->calls);
	free(order->answers);
	free(order->given_up);
	*order = (struct check_order){0};
}

void check_order_move(struct check_order *order, uint32_t from, uint32_t to)
{
	uint32_t *calls = order->calls, call = calls[from];

	if (from < to)
		memmove(&calls[from], &calls[from + 1], (to - from) * sizeof(*calls));
	else
		memmove(&calls[to + 1], &calls[to], (from - to) * sizeof(*calls));
	calls[to] = call;
}

static uint64_t time_of(const struct check_order *order, uint32_t pos)
{
	uint64_t time = check_call_at(order, pos)->event->time_ns, next;

	if (pos + 1 == order->space->ncalls)
		return time;
	next = check_call_at(order, pos + 1)->event->time_ns;
	return next < time ? next : time;
}

/* Returns whether the answer is the kernel's, or nobody asks. */
static bool make_alloc(struct check_order *order, void *state, uint32_t i)
{
	const struct check_model *model = order->space->model;
	const struct trace_event *event = order->space->calls[i].event;
	uint64_t *answer = &order->answers[i];

	*answer = model->alloc(state, event);
	if (*answer == event->addr)
		return true;
	if (event->addr == model->failed) {
		model->free(state, event, *answer); /* nobody else will */
		*answer = model->failed;
	}
	order->given_up[i] |= order->tolerant;
	return order->given_up[i];
}

static void make_free(struct check_order *order, void *state, uint32_t i)
{
	const struct check_model *model = order->space->model;
	const struct check_call *call = &order->space->calls[i];
	uint64_t *answer = &order->answers[call->alloc];

	if (*answer != model->failed)
		model->free(state, call->event, *answer);
	*answer = model->failed;
}

static bool make_call(struct check_order *order, void *state, uint32_t i)
{
	if (check_is_alloc(&order->space->calls[i]))
		return make_alloc(order, state, i);
	make_free(order, state, i);
	return true;
}

static uint32_t make_calls(struct check_order *order, void *state)
{
	uint32_t until = order->space->ncalls;
	uint64_t now = until ? time_of(order, 0) : 0;
	uint32_t pos;

	for (pos = 0; pos < until; pos++) {
		uint64_t time = time_of(order, pos);

		if (time > now) {
			dmp_harness_advance(time - now);
			now = time;
		}
		dmp_harness_become(check_call_at(order, pos)->event->cpu);
		if (!make_call(order, state, order->calls[pos]))
			break;
	}
	return pos;
}

/* What the calls that were made have left. */
static void free_rest(struct check_order *order, void *state)
{
	for (uint32_t i = 0; i < order->space->ncalls; i++)
		if (order->answers[i] != order->space->model->failed)
			order->space->model->free(state, order->space->calls[i].event,
						  order->answers[i]);
}

static void forget_answers(struct check_order *order)
{
	for (uint32_t i = 0; i < order->space->ncalls; i++)
		order->answers[i] = order->space->model->failed;
}

int check_order_run(struct check_order *order, uint32_t *reached)
{
	const struct check_model *model = order->space->model;
	void *state;
	int err = dmp_harness_enter(order->space->ncpus), left;

	if (err)
		return err;
	forget_answers(order);
	err = model->open(order->space, &state);
	if (!err) {
		*reached = make_calls(order, state);
		if (model->peak)
			order->peak = model->peak(state);
		free_rest(order, state);
		model->close(state);
	}
	dmp_harness_run_pending();
	dmp_harness_grace_period();
	left = dmp_harness_leave();
	return err ? err : left;
}
