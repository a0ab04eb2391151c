// SPDX-License-Identifier: MIT
/*
 * leave.c - a process that ends while a work is running waits for the work's end, and ends
 */
#include <dmapool/port.h>

#include <sched.h>
#include <unistd.h>

static pthread_barrier_t started;
static DMP_ATOMIC(bool) done;

static void run_long(struct dmp_work *work)
{
	(void)work;
	pthread_barrier_wait(&started);
	for (int i = 0; i < 1000; i++)
		sched_yield();
	store_release(&done, true);
}

/* The last of this program's destructors, the library's among them. */
__attribute__((destructor(101))) static void look(void)
{
	if (!load_acquire(&done))
		_exit(1);
}

int main(void)
{
	static struct dmp_work work = {.fn = run_long};

	pthread_barrier_init(&started, NULL, 2);
	dmp_work_schedule(&work, 0);
	pthread_barrier_wait(&started);
	return 0;
}
