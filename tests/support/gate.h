/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a place in a test double where one thread is held until another lets it go on
 *
 *   test         gate = GATE_ARMED
 *   some thread  was_held_at_the_gate() ............................. true
 *   another                  wait_until_held()   gate = GATE_OPEN
 *
 * A test that forgets to open it hangs: the run's time-out tells.
 */
#ifndef DMAPOOL_TEST_GATE_H
#define DMAPOOL_TEST_GATE_H

#include <dmapool/port.h>

static DMP_ATOMIC(int) gate; /* GATE_* */
enum { GATE_OPEN, GATE_ARMED, GATE_HELD };

/* True, once, after it has been held: for whoever comes first when the gate is armed. */
static inline bool was_held_at_the_gate(void)
{
	int armed = GATE_ARMED;

	if (!cas_acq_rel(&gate, &armed, GATE_HELD))
		return false;
	while (load_acquire(&gate) == GATE_HELD)
		dmp_cpu_relax();
	return true;
}

static inline void wait_until_held(void)
{
	while (load_acquire(&gate) != GATE_HELD)
		dmp_cpu_relax();
}

#endif
