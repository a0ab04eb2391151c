// SPDX-License-Identifier: MIT
/*
 * stress_turn.c - two threads want one flush: the one that comes second waits for it
 *
 *   thread 0   wants a flush, its turn: |---- held at the gate ----| returns
 *   thread 1                     wants the same ................... returns
 *   thread 2                       opens the gate, some time after 1 has begun
 *
 * Commits, and maps of the first addresses of an epoch on reuse.  However the threads are
 * scheduled there is one flush, and thread 1 never returns before it is over.
 */
#include "dmptest.h"

#include "crew.h"
#include "double_hw.h"
#include "gate.h"

#include <dmapool/bits.h>
#include <dmapool/domain.h>

#define PAGE  DMP_PAGE_BYTES
#define PAGES UINT64_C(4)
#define LAST  ((PAGES + 1) * PAGE - 1) /* pfns 1 .. PAGES: an epoch */
#define SPINS 100000u

struct machine {
	struct double_hw *d;
	struct dmp_hw *hw;
	struct dmp_domain *dom;
	int (*want)(struct machine *m, dmp_iova_t *iova); /* what needs the flush */
	dmp_iova_t iova[2];
	DMP_ATOMIC(int) has_begun; /* thread 1 is about to want it */
	DMP_ATOMIC(int) is_over;   /* the flush */
};

/* The double's own has no room for a context. */
static struct machine *machine_now;
static int (*true_flush)(void *be, void *dom);

static int flush_at_the_gate(void *be, void *dom)
{
	bool was_held = was_held_at_the_gate();
	int err = true_flush(be, dom);

	if (was_held)
		store_release(&machine_now->is_over, 1);
	return err;
}

static void use_page(struct machine *m)
{
	dmp_iova_t iova = 0;

	assert_int_equal(dmp_domain_map(m->dom, 0, PAGE, DMP_PROT_READ, LAST, &iova), 0);
	assert_int_equal(dmp_domain_unmap(m->dom, iova, PAGE), 0);
}

/* All pages of an epoch have been used, and nothing was flushed since. */
static void machine_up(struct machine *m, enum dmp_flush_policy policy)
{
	const struct dmp_domain_opts opts =
		DMP_DOMAIN_OPTS(.flush = policy, .policy = &dmp_iova_policy_bitmap);

	*m = (struct machine){.d = double_hw_new()};
	machine_now = m;
	true_flush = m->d->ops.flush_domain;
	m->d->ops.flush_domain = flush_at_the_gate;
	store_release(&gate, GATE_OPEN);
	assert_int_equal(double_hw_adopt(m->d, 0, &m->hw), 0);
	assert_int_equal(dmp_domain_create(m->hw, &opts, &m->dom), 0);
	for (uint64_t i = 0; i < PAGES; i++)
		use_page(m);
	double_clear(m->d);
	store_release(&gate, GATE_ARMED);
}

static void machine_down(struct machine *m)
{
	assert_int_equal(dmp_domain_check(m->dom), 0);
	assert_int_equal(dmp_domain_destroy(m->dom), 0);
	assert_int_equal(double_hw_leftovers(m->d), 0);
	assert_int_equal(dmp_hw_destroy(m->hw), 0);
	double_hw_free(m->d);
}

static void open_after_a_while(struct machine *m)
{
	while (load_acquire(&m->has_begun) == 0)
		dmp_cpu_relax();
	for (unsigned i = 0; i < SPINS; i++)
		dmp_cpu_relax();
	store_release(&gate, GATE_OPEN);
}

static void want_a_flush(struct crew_member *me)
{
	struct machine *m = me->shared;

	if (me->number == 2) {
		open_after_a_while(m);
		return;
	}
	if (me->number == 1) {
		wait_until_held();
		store_release(&m->has_begun, 1);
	}
	CREW_EXPECT(me, m->want(m, &m->iova[me->number]) == 0);
	CREW_EXPECT(me, load_acquire(&m->is_over) == 1);
}

static int commit(struct machine *m, dmp_iova_t *iova)
{
	(void)iova;
	return dmp_domain_commit(m->dom);
}

static int map(struct machine *m, dmp_iova_t *iova)
{
	return dmp_domain_map(m->dom, 0, PAGE, DMP_PROT_READ, LAST, iova);
}

static void test_a_commit_beside_another_waits_for_its_flush(void **state)
{
	struct machine m;

	(void)state;
	machine_up(&m, DMP_FLUSH_MANUAL);
	m.want = commit;
	assert_int_equal(crew_run(3, want_a_flush, &m), 0);
	assert_int_equal(double_count(m.d, DOUBLE_FLUSH_DOMAIN), 1);
	machine_down(&m);
}

static void test_addresses_of_an_epoch_wait_for_its_flush(void **state)
{
	struct machine m;

	(void)state;
	machine_up(&m, DMP_FLUSH_ON_REUSE);
	m.want = map;
	assert_int_equal(crew_run(3, want_a_flush, &m), 0);
	assert_int_equal(double_count(m.d, DOUBLE_FLUSH_DOMAIN), 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(dmp_domain_unmap(m.dom, m.iova[i], PAGE), 0);
	machine_down(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_commit_beside_another_waits_for_its_flush),
		cmocka_unit_test(test_addresses_of_an_epoch_wait_for_its_flush),
	};

	return cmocka_run_group_tests_name("stress_turn", tests, NULL, NULL);
}
