// SPDX-License-Identifier: MIT
/*
 * test_model_iova.c - random operations over every policy and cache setting give the answers of
 * tests/support/model_iova.c, and a failure is made short
 *
 *   random script  ->  iova_match_run()  ->  all as it should be
 *                                       `->  iova_script_shrink()  ->  a few lines of vectors
 *
 * A script is a space from its beginning to its end.  DMP_TEST_ROUNDS is the number of
 * operations a setting, DMP_TEST_SEED repeats a run.  A script of `linux` with the default cache
 * or none can be kept in a file and given to `dmapool conform`.
 */
#include "dmptest.h"
#include "iova_match.h"
#include "rng.h"

#include <dmapool/port.h>

#include <stdlib.h>

#define SCRIPT_OPS 6000u
#define LIVE       1000u /* so many ranges at once, and what caches and reservations keep */
#define SLOT       UINT64_C(0x10000) /* a reservation is not to cross where `chunk` cuts it */
#define TOP        UINT64_MAX

/* Where the scripts play: few granules below the 32-bit boundary, as many as wanted above it. */
#define START    UINT64_C(0xfc000)
#define BOUNDARY UINT64_C(0x100000)
/* Or at the upper end of the addresses, in granules of one byte. */
#define HIGH     (TOP - 3 * SLOT + 1)

#define LOWER(...)                                                                                 \
	{                                                                                          \
		.size = sizeof(struct dmp_iova_opts), .granule = 4096, .start_pfn = START,         \
		__VA_ARGS__                                                                        \
	}
#define UPPER(...)                                                                                 \
	{                                                                                          \
		.size = sizeof(struct dmp_iova_opts), .granule = 1, .start_pfn = HIGH, __VA_ARGS__ \
	}
#define BITMAP_LAST (START - START % 0x8000 + (1u << 25) - 1) /* what `bitmap` reaches */

static const struct iova_setting settings[] = {
	{"linux without a cache",
	 LOWER(.policy = &dmp_iova_policy_linux, .flags = DMP_IOVA_NO_CACHE), MODEL_LINUX, 0},
	{"linux", LOWER(.policy = &dmp_iova_policy_linux), MODEL_LINUX, 0},
	{"linux, magazines of 7", LOWER(.policy = &dmp_iova_policy_linux, .magazine_size = 7),
	 MODEL_LINUX, 0},
	{"linux, 11 classes, a depot of 1",
	 LOWER(.policy = &dmp_iova_policy_linux, .magazine_size = 7, .classes = 11,
	       .depot_limit = 1),
	 MODEL_LINUX, 0},
	{"linux, 1 class, reclaim down to 1",
	 LOWER(.policy = &dmp_iova_policy_linux, .magazine_size = 9, .classes = 1,
	       .reclaim_threshold = 1),
	 MODEL_LINUX, 0},
	{"linux, magazines of 7, 30 in flight",
	 LOWER(.policy = &dmp_iova_policy_linux, .magazine_size = 7, .inflight_limit = 30),
	 MODEL_LINUX, 0},
	{"linux at the upper end",
	 UPPER(.policy = &dmp_iova_policy_linux, .flags = DMP_IOVA_NO_CACHE), MODEL_LINUX, 0},
	{"gap without a cache", LOWER(.policy = &dmp_iova_policy_gap, .flags = DMP_IOVA_NO_CACHE),
	 MODEL_GAP, 0},
	{"gap", LOWER(.policy = &dmp_iova_policy_gap), MODEL_GAP, 0},
	{"gap, magazines of 7, a depot of 2",
	 LOWER(.policy = &dmp_iova_policy_gap, .magazine_size = 7, .depot_limit = 2), MODEL_GAP, 0},
	{"gap at the upper end", UPPER(.policy = &dmp_iova_policy_gap, .flags = DMP_IOVA_NO_CACHE),
	 MODEL_GAP, 0},
	{"chunk without a cache",
	 LOWER(.policy = &dmp_iova_policy_chunk, .flags = DMP_IOVA_NO_CACHE), MODEL_ANY,
	 BOUNDARY - 1},
	{"chunk", LOWER(.policy = &dmp_iova_policy_chunk), MODEL_ANY, BOUNDARY - 1},
	{"chunk, magazines of 7, a depot of 1",
	 LOWER(.policy = &dmp_iova_policy_chunk, .magazine_size = 7, .depot_limit = 1), MODEL_ANY,
	 BOUNDARY - 1},
	{"chunk at the upper end",
	 UPPER(.policy = &dmp_iova_policy_chunk, .flags = DMP_IOVA_NO_CACHE), MODEL_ANY, 0},
	{"bitmap", LOWER(.policy = &dmp_iova_policy_bitmap, .flags = DMP_IOVA_NO_CACHE), MODEL_ANY,
	 BITMAP_LAST},
	{"bitmap at the upper end",
	 UPPER(.policy = &dmp_iova_policy_bitmap, .flags = DMP_IOVA_NO_CACHE), MODEL_ANY, TOP - 1},
};

/* Random scripts. */

struct writer {
	const struct iova_setting *setting;
	struct rng rng;
	unsigned live[LIVE]; /* operations that gave a range out, if they were not refused */
	unsigned nlive;
	bool fills;   /* up, or empties */
	unsigned cpu; /* stays for a while: a magazine is filled by one */
};

static bool is_upper(const struct writer *w)
{
	return w->setting->opts.granule == 1;
}

static bool has_cache(const struct writer *w)
{
	return !(w->setting->opts.flags & DMP_IOVA_NO_CACHE);
}

static uint64_t random_limit(struct writer *w)
{
	uint64_t first = is_upper(w) ? HIGH : START, last = is_upper(w) ? TOP - 1 : BOUNDARY - 1;

	switch (rng_range(&w->rng, 0, 11)) {
	case 0: return UINT64_C(1) << rng_range(&w->rng, 0, 63);
	case 1: return first + rng_range(&w->rng, 0, 0x2000) - 0x10;
	case 2: return last - rng_range(&w->rng, 0, 0x2000);
	case 3: return rng_range(&w->rng, 0, 200) ? last : TOP;
	case 4: return is_upper(w) ? last : BOUNDARY + rng_range(&w->rng, 0, 0x2000);
	case 5: return is_upper(w) ? last : UINT64_C(0xffffff);
	default: return last;
	}
}

static uint64_t random_size(struct writer *w)
{
	switch (rng_range(&w->rng, 0, 99)) {
	case 0: return rng_range(&w->rng, 1, 0x4000);
	case 1: return (UINT64_C(1) << rng_range(&w->rng, 5, 20)) + rng_range(&w->rng, 0, 2) - 1;
	case 2: return UINT64_C(1) << rng_range(&w->rng, 21, 62);
	default: break;
	}
	switch (rng_range(&w->rng, 0, 9)) {
	case 0: return rng_range(&w->rng, 1, 100);
	case 1:
	case 2:
	case 3: return rng_range(&w->rng, 2, 4);
	default: return 1;
	}
}

static uint64_t random_pfn(struct writer *w)
{
	uint64_t first = is_upper(w) ? HIGH : START, last = is_upper(w) ? TOP - 1 : BOUNDARY - 1;

	switch (rng_range(&w->rng, 0, 4)) {
	case 0: return rng_range(&w->rng, first, last);
	case 1: return is_upper(w) ? last : BOUNDARY + rng_range(&w->rng, 0, 4 * SLOT);
	case 2: return last - rng_range(&w->rng, 0, 0x400);
	default: return first + rng_range(&w->rng, 0, 0x400) - 0x10;
	}
}

static struct iova_op random_alloc(struct writer *w, unsigned index)
{
	bool fast = has_cache(w) && rng_range(&w->rng, 0, 9) < 8;

	w->live[w->nlive++] = index;
	return (struct iova_op){
		.kind = fast ? IOVA_OP_ALLOC_FAST : IOVA_OP_ALLOC,
		.size = random_size(w),
		.limit = random_limit(w),
		/* A flush empties the caches: seldom. */
		.option = rng_range(&w->rng, 0, fast ? 40 : 1) == 0,
	};
}

static struct iova_op random_free(struct writer *w)
{
	unsigned i = (unsigned)rng_range(&w->rng, 0, w->nlive - 1), of = w->live[i];

	w->live[i] = w->live[--w->nlive];
	return (struct iova_op){.kind = IOVA_OP_FREE, .of = of};
}

static struct iova_op random_reserve(struct writer *w)
{
	uint64_t lo = random_pfn(w), hi = lo + rng_range(&w->rng, 0, 20);

	if (hi > (lo | (SLOT - 1)) || hi < lo)
		hi = lo | (SLOT - 1);
	return (struct iova_op){
		.kind = IOVA_OP_RESERVE,
		.lo = lo,
		.hi = hi == TOP ? TOP - 1 : hi,
	};
}

/* What does not allocate or free; a pfn is freed only where it cannot be a cached range's. */
static struct iova_op random_other(struct writer *w)
{
	switch (rng_range(&w->rng, 0, 19)) {
	case 0: return (struct iova_op){.kind = IOVA_OP_CPU_DEAD};
	case 1:
	case 10: return (struct iova_op){.kind = IOVA_OP_CPU_ONLINE};
	case 2:
	case 3:
	case 4: return (struct iova_op){.kind = IOVA_OP_DEPOT_WORK};
	case 5:
	case 6: return random_reserve(w);
	case 7:
	case 8:
	case 9:
		if (!has_cache(w))
			return (struct iova_op){.kind = IOVA_OP_FREE_PFN, .lo = random_pfn(w)};
		break;
	default: break;
	}
	return (struct iova_op){.kind = IOVA_OP_FIND, .lo = random_pfn(w)};
}

/* Fills up and empties in turns, so that magazines go to depots and come back. */
static struct iova_op random_op(struct writer *w, unsigned index)
{
	if (w->nlive == LIVE || w->nlive == 0)
		w->fills = w->nlive == 0;
	if (rng_range(&w->rng, 0, 800) == 0)
		w->cpu = (unsigned)rng_range(&w->rng, 0, IOVA_MATCH_CPUS - 1);
	if (rng_range(&w->rng, 0, 29) == 0)
		return random_other(w);
	if (w->nlive == 0 || (w->nlive < LIVE && (rng_range(&w->rng, 0, 9) < 8) == w->fills))
		return random_alloc(w, index);
	return random_free(w);
}

static struct iova_script *random_script(const struct iova_setting *setting, uint64_t seed,
					 unsigned nops)
{
	struct iova_script *script = iova_script_create(nops);
	struct writer w = {.setting = setting, .rng = rng_seeded(seed)};
	unsigned i;

	for (i = 0; i < nops; i++) {
		script->op[i] = random_op(&w, i);
		script->op[i].cpu = w.cpu;
	}
	return script;
}

/* Running them. */

static void play(const struct iova_setting *setting, uint64_t seed, unsigned nops)
{
	struct iova_script *script = random_script(setting, seed, nops);
	bool failed = iova_match_run((void *)setting, script) < script->n;

	if (failed) {
		iova_script_shrink(script, iova_match_run, (void *)setting);
		printf("# iova-vectors 1\n# %s; DMP_TEST_SEED=%llu\n", setting->name,
		       (unsigned long long)seed);
		iova_script_print(script, stdout);
	}
	iova_script_destroy(script);
	assert_false(failed);
}

static void test_every_policy_and_cache_gives_the_answers_of_the_model(void **state)
{
	uint64_t rounds = rng_rounds_from_env(6000), seed = rng_seed_from_env(1), i;
	uint64_t nscripts = (rounds + SCRIPT_OPS - 1) / SCRIPT_OPS;
	unsigned nops = rounds < SCRIPT_OPS ? (unsigned)rounds : SCRIPT_OPS, k;

	(void)state;
	for (k = 0; k < sizeof(settings) / sizeof(settings[0]); k++)
		for (i = 0; i < nscripts; i++)
			play(&settings[k], seed + i, nops);
}

/* The shrinker. */

/* A run that goes wrong at the later of two operations, if both are there. */
static unsigned wrong_with_both(void *ctx, struct iova_script *script)
{
	const unsigned *both = ctx;
	unsigned i;

	for (i = 0; i < script->n; i++)
		script->op[i].ran = !script->op[i].dropped;
	if (both[1] >= script->n || script->op[both[0]].dropped || script->op[both[1]].dropped)
		return script->n;
	return both[1];
}

static void test_shrinking_leaves_the_operations_that_it_takes_to_go_wrong(void **state)
{
	static const unsigned pairs[][2] = {{0, 1}, {3, 17}, {0, 99}, {98, 99}, {49, 50}};
	struct iova_script *script;
	unsigned k;

	(void)state;
	for (k = 0; k < 5; k++) {
		script = iova_script_create(100);
		assert_int_equal(iova_script_shrink(script, wrong_with_both, (void *)pairs[k]), 2);
		assert_int_equal(script->n, pairs[k][1] + 1);
		assert_false(script->op[pairs[k][0]].dropped || script->op[pairs[k][1]].dropped);
		iova_script_destroy(script);
	}
}

static void test_shrinking_drops_nothing_from_a_script_that_is_right(void **state)
{
	static unsigned nowhere[2] = {200, 200};
	struct iova_script *script = iova_script_create(100);

	(void)state;
	assert_int_equal(iova_script_shrink(script, wrong_with_both, nowhere), 100);
	assert_int_equal(script->n, 100);
	iova_script_destroy(script);
}

/* A planted bug: after a reservation, `linux` forgets to align three granules. */
static bool planted_is_armed;

static int planted_create(const struct dmp_iova_space *space, void **out)
{
	planted_is_armed = false;
	return dmp_iova_policy_linux.create(space, out);
}

static int planted_reserve(void *space, uint64_t lo, uint64_t hi, struct dmp_iova_range *range)
{
	planted_is_armed = true;
	return dmp_iova_policy_linux.reserve(space, lo, hi, range);
}

static int planted_alloc(void *space, uint64_t size, uint64_t limit, bool aligned, uint64_t *pfn,
			 uint64_t *epoch)
{
	aligned = aligned && !(planted_is_armed && size == 3);
	return dmp_iova_policy_linux.alloc(space, size, limit, aligned, pfn, epoch);
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void test_a_planted_bug_becomes_a_script_of_two_operations(void **state)
{
	struct dmp_iova_policy policy = dmp_iova_policy_linux;
	struct iova_setting setting = {
		"planted", LOWER(.policy = &policy, .flags = DMP_IOVA_NO_CACHE), MODEL_LINUX, 0};
	struct iova_script *script;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	policy.create = planted_create;
	policy.reserve = planted_reserve;
	policy.alloc = planted_alloc;
	script = random_script(&setting, 1, 2000);
	assert_true(iova_match_run(&setting, script) < script->n);
	assert_int_equal(iova_script_shrink(script, iova_match_run, &setting), 2);
	iova_script_print(script, out);
	fclose(out);
	assert_int_equal(count_lines(text), 4);
	assert_ptr_equal(strstr(text, "domain 4096 0xfc000 3 0\nreserve 0x"), text);
	assert_non_null(strstr(text, "\nalloc 1 3 0x"));
	assert_non_null(strstr(text, "\n# got: 0x"));
	free(text);
	iova_script_destroy(script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_policy_and_cache_gives_the_answers_of_the_model),
		cmocka_unit_test(test_shrinking_leaves_the_operations_that_it_takes_to_go_wrong),
		cmocka_unit_test(test_shrinking_drops_nothing_from_a_script_that_is_right),
		cmocka_unit_test(test_a_planted_bug_becomes_a_script_of_two_operations),
	};

	return cmocka_run_group_tests_name("model_iova", tests, NULL, NULL);
}
