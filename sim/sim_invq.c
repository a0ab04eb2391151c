// SPDX-License-Identifier: MIT
/*
 * sim_invq.c - invalidation queues: submit, wait, and the hardware that works them off
 *
 *             head                         tail
 *   ... done | pages | wait | device | wait | free ...      a ring of commands
 *              ^ the hardware executes in order
 *
 * A submission is one or more invalidations and a wait behind them; it is over when the
 * hardware has passed the wait.  The simulator has no thread of its own: whoever waits
 * becomes the hardware, one at a time and queue, and executes commands in order until its
 * own wait is passed.  Another submitter's commands may be executed on the way; that one
 * then finds its work done.
 *
 * A submission takes consecutive slots:
 *
 *   locked     under queue_lock, as a VT-d driver does
 *   lock-free  by moving tail with a compare-and-swap, as an SMMUv3 driver does
 *   fetch-add  by adding to tail, after it took as much from room, as that driver does without
 *              its loop: nobody has to try again because another one was faster
 *
 * and then fills them.  A slot's turn says that its command stands there; where it does not
 * yet, the hardware stops and its thread lets others run.
 *
 * A submission that finds no room first lets the hardware make some.  Commands that do not
 * fit a ring together go in several, of which the last has the wait.
 *
 * A machine has one queue, or several: then a CPU uses that of its number, or of its node.
 *
 * A queue that stands still (dmp_sim_stick()) is waited for as long as the machine's option
 * says, by the port's clock, which a waiter moves on in manual mode.  Then the caller is told
 * -ETIMEDOUT and a log line names the queue.  What it had submitted stays there and is
 * executed by whoever makes the queue move again, without a word to the caller, who has gone.
 * An invalidation that was made to fail
 * (dmp_sim_fail()) is never submitted.
 *
 * Locking: (h) hardware_lock, rank RANK_BACKEND, held while executing; queue_lock, rank
 *  RANK_BACKEND_QUEUE, while taking slots; (c) constant; (a) atomic.
 *  Order: hardware_lock, then gates and sets, one at a time.
 *
 * Ordering:
 *  [RING] submitter: command stored, then the slot's turn; hardware: turn, then the command
 *  [DONE] hardware: command executed, then head stored
 *         submitter: head loaded, then the slot is stored over, or the wait is over
 *  [ROOM] hardware: command executed, then room added to; submitter: room taken, then the slot
 *         is stored over.  tail - head is never more than what was taken from room and not yet
 *         given back, so that who got room finds it behind tail
 *
 * Progress: a submitter that was stopped between taking slots and filling them holds up the
 *  queue, as in hardware; nobody else is held up by anyone but the hardware.
 *
 * Source: the queued invalidation interface of the Intel VT-d specification; the command
 *  queue of the Arm SMMUv3 architecture.  The turn in a slot is that of D. Vyukov's bounded
 *  queue.
 */
#include "sim_internal.h"

/* How often a waiter looks at a queue that stands still. */
#define PAUSES_PER_TIMEOUT 1024u
#define LONGEST_PAUSE_NS   UINT64_C(1000000)

static int queue_create(struct sim_invq *queue, const struct sim_machine *machine, uint32_t number)
{
	queue->ring =
		dmp_meta_alloc(DMP_META_BACKEND, machine->queue_entries * sizeof(*queue->ring));
	if (!queue->ring)
		return -ENOMEM;
	queue->len = machine->queue_entries;
	queue->number = number;
	queue->kind = machine->queue_kind;
	store_relaxed(&queue->room, queue->len); /* relaxed: nobody has it yet */
	queue->timeout_ns = machine->queue_timeout_ns;
	dmp_lock_init(&queue->hardware_lock, RANK_BACKEND, "sim: invalidation hardware");
	dmp_lock_init(&queue->queue_lock, RANK_BACKEND_QUEUE, "sim: invalidation queue");
	return 0;
}

static void queue_destroy(struct sim_invq *queue)
{
	if (!queue->ring)
		return;
	dmp_lock_destroy(&queue->queue_lock);
	dmp_lock_destroy(&queue->hardware_lock);
	dmp_meta_free(queue->ring, queue->len * sizeof(*queue->ring));
}

int sim_invqs_create(struct dmp_sim *sim)
{
	uint32_t n = sim->machine.nqueues;
	int err = 0;

	sim->queues = dmp_meta_alloc(DMP_META_BACKEND, n * sizeof(*sim->queues));
	if (!sim->queues)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < n; i++)
		err = queue_create(&sim->queues[i], &sim->machine, i);
	if (err)
		sim_invqs_destroy(sim);
	return err;
}

void sim_invqs_destroy(struct dmp_sim *sim)
{
	for (uint32_t i = 0; i < sim->machine.nqueues; i++)
		queue_destroy(&sim->queues[i]);
	dmp_meta_free(sim->queues, sim->machine.nqueues * sizeof(*sim->queues));
}

/* The calling CPU's queue; is it on another node? */
static struct sim_invq *queue_of_caller(struct dmp_sim *sim, bool *remote)
{
	const struct sim_machine *machine = &sim->machine;
	uint32_t cpu = dmp_cpu(), node = machine->node_cpus ? cpu / machine->node_cpus : 0;
	bool by_node = machine->queue_by == DMP_SIM_QUEUE_BY_NODE;
	uint32_t number = (by_node ? node : cpu) % machine->nqueues;

	/* The one queue of a machine is on node 0; one of a CPU's own is where the CPU is. */
	*remote = by_node || machine->nqueues == 1 ? node != number : false;
	return &sim->queues[number];
}

/* The hardware. */

/* The command at @position; NULL: it is not there yet. */
static const struct sim_command *command_at(struct sim_invq *queue, uint64_t position)
{
	struct sim_slot *slot = &queue->ring[position % queue->len];

	return load_acquire(&slot->turn) == position + 1 ? &slot->command : NULL; /* [RING] */
}

/* Be the hardware until the first @until commands are completed, or it cannot go on. */
static void work_off(struct dmp_sim *sim, struct sim_invq *queue, uint64_t until)
{
	dmp_lock_acquire(&queue->hardware_lock);
	while (!load_relaxed(&queue->stuck)) { /* relaxed: a standstill has no moment */
		uint64_t head = load_relaxed(&queue->head); /* only the hardware moves it */
		const struct sim_command *command = head < until ? command_at(queue, head) : NULL;

		if (!command)
			break;
		sim_command_execute(sim, command);
		store_release(&queue->head, head + 1); /* [DONE] */
		if (queue->kind == DMP_SIM_QUEUE_FETCH_ADD)
			add_acq_rel(&queue->room, 1); /* [ROOM] */
	}
	dmp_lock_release(&queue->hardware_lock);
}

/* How long a queue has stood still, as seen by a waiter. */
struct patience {
	uint64_t head, since_ns;
	bool waits;
};

/* Somebody else must move: the hardware, whose time is limited, or a submitter, who will. */
static int pause_once(struct sim_invq *queue, struct patience *p, uint64_t head)
{
	uint64_t pause = queue->timeout_ns / PAUSES_PER_TIMEOUT + 1;

	if (!load_relaxed(&queue->stuck)) { /* relaxed: looked at again */
		p->waits = false;
		dmp_cpu_yield();
		return 0;
	}
	if (!p->waits || head != p->head)
		*p = (struct patience){head, dmp_clock_now_ns(), true};
	dmp_clock_spend(pause < LONGEST_PAUSE_NS ? pause : LONGEST_PAUSE_NS);
	return dmp_clock_now_ns() - p->since_ns < queue->timeout_ns ? 0 : -ETIMEDOUT;
}

/* Until the first @ticket commands are completed. */
static int wait_for(struct dmp_sim *sim, struct sim_invq *queue, uint64_t ticket)
{
	struct patience patience = {0};
	int err = 0;

	while (!err && load_acquire(&queue->head) < ticket) { /* [DONE] */
		work_off(sim, queue, ticket);
		uint64_t head = load_acquire(&queue->head); /* [DONE] */

		if (head < ticket)
			err = pause_once(queue, &patience, head);
	}
	if (err) {
		sim_count(sim, COUNT_QUEUE_TIMEOUTS, 1);
		dmp_log(DMP_LOG_WARN,
			"sim: invalidation queue %u is stuck: no answer to a wait in %llu ms",
			queue->number, (unsigned long long)(queue->timeout_ns / 1000000));
	}
	return err;
}

/* Submitting. */

static bool has_room(struct sim_invq *queue, uint64_t tail, unsigned n)
{
	/* A tail that was read long ago may lie behind head by now: moving it will fail. */
	return (int64_t)(tail + n - load_acquire(&queue->head)) <= queue->len; /* [DONE] */
}

static bool reserve_locked(struct sim_invq *queue, unsigned n, uint64_t *first)
{
	*first = load_relaxed(&queue->tail); /* moved under this lock only */
	bool fits = has_room(queue, *first, n);

	dmp_lock_assert_held(&queue->queue_lock);
	if (fits)
		store_release(&queue->tail, *first + n);
	return fits;
}

static bool reserve_lock_free(struct dmp_sim *sim, struct sim_invq *queue, unsigned n,
			      uint64_t *first)
{
	*first = load_acquire(&queue->tail);
	while (has_room(queue, *first, n)) {
		if (cas_acq_rel(&queue->tail, first, *first + n))
			return true;
		sim_count(sim, COUNT_QUEUE_RETRIES, 1);
		sim_charge(sim, DMP_SIM_PHASE_INVALIDATE, sim->costs.queue_transfer);
	}
	return false;
}

/* Who finds too little room gives back what it took, and may have hidden it from others for a
 * moment: they come again. */
static bool reserve_by_addition(struct sim_invq *queue, unsigned n, uint64_t *first)
{
	uint64_t room = add_acq_rel(&queue->room, -(uint64_t)n) - n; /* [ROOM] */

	if ((int64_t)room >= 0) {
		*first = add_acq_rel(&queue->tail, n);
		return true;
	}
	add_acq_rel(&queue->room, n); /* [ROOM] */
	*first = load_acquire(&queue->tail);
	dmp_cpu_yield();
	return false;
}

/* Slots for @n commands; false if there is no room for them behind @first. */
static bool reserve(struct dmp_sim *sim, struct sim_invq *queue, unsigned n, uint64_t *first)
{
	bool fits;

	if (queue->kind == DMP_SIM_QUEUE_LOCK_FREE)
		return reserve_lock_free(sim, queue, n, first);
	if (queue->kind == DMP_SIM_QUEUE_FETCH_ADD)
		return reserve_by_addition(queue, n, first);
	dmp_lock_acquire(&queue->queue_lock);
	fits = reserve_locked(queue, n, first);
	dmp_lock_release(&queue->queue_lock);
	return fits;
}

/* The line that tail stands in comes from the CPU that moved it last. */
static void charge_submission(struct dmp_sim *sim, struct sim_invq *queue)
{
	uint32_t me = dmp_cpu() + 1;
	uint32_t last = load_relaxed(&queue->last_cpu); /* relaxed: a guess is good enough */
	bool moves = last && last != me;

	store_relaxed(&queue->last_cpu, me); /* relaxed: likewise */
	sim_charge(sim, DMP_SIM_PHASE_INVALIDATE,
		   sim->costs.invalidate_submit + (moves ? sim->costs.queue_transfer : 0));
}

/* How many must be completed so that the first @upto fit. */
static uint64_t completed_for(const struct sim_invq *queue, uint64_t upto)
{
	return upto > queue->len ? upto - queue->len : 0;
}

/* Store @n commands; @ticket: commands up to the last of them. */
static int submit(struct dmp_sim *sim, struct sim_invq *queue, const struct sim_command *commands,
		  unsigned n, uint64_t *ticket)
{
	bool waited = false;
	uint64_t first;
	int err = 0;

	while (!reserve(sim, queue, n, &first)) {
		if (!waited)
			sim_count(sim, COUNT_QUEUE_WAITS, 1);
		waited = true;
		err = wait_for(sim, queue, completed_for(queue, first + n));
		if (err)
			return err;
	}
	for (unsigned i = 0; i < n; i++) {
		struct sim_slot *slot = &queue->ring[(first + i) % queue->len];

		slot->command = commands[i];
		store_release(&slot->turn, first + i + 1); /* [RING] */
	}
	charge_submission(sim, queue);
	*ticket = first + n;
	return 0;
}

/* Store what is gathered, in as many submissions as the ring asks for. */
static int store(struct sim_batch *batch, uint64_t *ticket)
{
	unsigned len = batch->queue->len;
	int err = 0;

	for (unsigned done = 0; !err && done < batch->n; done += len) {
		unsigned rest = batch->n - done;

		err = submit(batch->sim, batch->queue, batch->command + done,
			     rest < len ? rest : len, ticket);
	}
	batch->n = 0;
	return err;
}

/* A submission of the calling CPU begins. */
int sim_batch_begin(struct sim_batch *batch, struct dmp_sim *sim)
{
	int err = sim_inject(sim, DMP_SIM_CALL_INVALIDATE);

	batch->sim = sim;
	batch->n = 0;
	batch->queue = queue_of_caller(sim, &batch->remote);
	if (err)
		dmp_log(DMP_LOG_WARN, "sim: invalidation queue %u is stuck: no answer to a wait",
			batch->queue->number);
	return err;
}

int sim_batch_add(struct sim_batch *batch, const struct sim_command *command)
{
	uint64_t ticket;
	int err = batch->n == BATCH_COMMANDS ? store(batch, &ticket) : 0;

	if (!err)
		batch->command[batch->n++] = *command;
	return err;
}

/* A wait behind what was added, and what was added is done. */
int sim_batch_end(struct sim_batch *batch, bool is_second)
{
	struct sim_command wait = {
		.kind = COMMAND_WAIT,
		.remote = batch->remote,
		.is_second = is_second,
	};
	uint64_t ticket = 0;
	int err = sim_batch_add(batch, &wait);

	if (!err)
		err = store(batch, &ticket);
	if (!err)
		err = wait_for(batch->sim, batch->queue, ticket);
	if (!err)
		sim_charge(batch->sim, DMP_SIM_PHASE_INVALIDATE,
			   batch->sim->costs.invalidate_latency);
	return err;
}

void sim_batch_disown(struct sim_batch *batch, const struct sim_found *found)
{
	struct sim_invq *queue = batch->queue;
	uint64_t tail = load_acquire(&queue->tail);

	dmp_lock_acquire(&queue->hardware_lock);
	for (uint64_t at = load_relaxed(&queue->head); at < tail; at++) { /* only the hardware's */
		struct sim_slot *slot = &queue->ring[at % queue->len];

		if (command_at(queue, at) && slot->command.drop.found == found)
			slot->command.drop.found = NULL;
	}
	dmp_lock_release(&queue->hardware_lock);
}

int dmp_sim_stick(struct dmp_sim *sim, unsigned queue, bool stuck)
{
	if (queue >= sim->machine.nqueues)
		return -EINVAL;
	store_release(&sim->queues[queue].stuck, stuck);
	if (!stuck)
		work_off(sim, &sim->queues[queue], load_acquire(&sim->queues[queue].tail));
	return 0;
}
