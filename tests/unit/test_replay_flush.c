// SPDX-License-Identifier: MIT
/*
 * test_replay_flush.c - proves what bench/replay_flush.c takes for a way to flush, what it
 * refuses, and that a domain gets it
 */
#include "test_replay_refused.h"

#include "replay.h"

static struct replay_flush taken(const char *text, enum replay_way way)
{
	struct replay_flush flush;
	unsigned is;

	assert_int_equal(replay_flush_parse(text, strlen(text), &is, &flush), 0);
	assert_int_equal(is, way);
	return flush;
}

/* Nothing is written. */
static int parse(const char *text)
{
	struct replay_flush flush = {.entries = 77};
	unsigned way = 77;
	int status = replay_flush_parse(text, strlen(text), &way, &flush);

	if (status) {
		assert_int_equal(way, 77);
		assert_int_equal(flush.entries, 77);
	}
	return status;
}

static void refused(const char *text, const char *said)
{
	refused_with(parse, text, said);
}

static void test_a_policy_alone_sets_nothing(void **state)
{
	struct replay_flush flush = taken("lazy", REPLAY_LAZY);

	(void)state;
	assert_int_equal(flush.entries, 0);
	assert_int_equal(flush.timeout_ns, 0);
	taken("strict", REPLAY_STRICT);
	taken("lazy-single", REPLAY_LAZY_SINGLE);
	taken("on-reuse", REPLAY_ON_REUSE);
	taken("manual", REPLAY_MANUAL);
	taken("guest", REPLAY_GUEST);
	taken("passthrough", REPLAY_PASSTHROUGH);
}

static void test_a_queue_has_entries_and_a_timeout_in_any_order(void **state)
{
	struct replay_flush a = taken("lazy:entries=2:timeout=1ns", REPLAY_LAZY);
	struct replay_flush b =
		taken("lazy-single:timeout=3600s:entries=1048576", REPLAY_LAZY_SINGLE);

	(void)state;
	assert_int_equal(a.entries, 2);
	assert_int_equal(a.timeout_ns, 1);
	assert_int_equal(b.entries, 1048576);
	assert_int_equal(b.timeout_ns, UINT64_C(3600000000000));
	assert_int_equal(taken("lazy:timeout=7us", REPLAY_LAZY).timeout_ns, 7000);
	assert_int_equal(taken("lazy:timeout=7ms", REPLAY_LAZY).timeout_ns, 7000000);
}

static void test_a_queue_has_bytes_and_by_hand_there_is_a_rule(void **state)
{
	(void)state;
	assert_int_equal(taken("on-reuse:bytes=1", REPLAY_ON_REUSE).bytes, 1);
	assert_int_equal(taken("lazy:bytes=64K", REPLAY_LAZY).bytes, 65536);
	assert_int_equal(taken("manual:bytes=3M", REPLAY_MANUAL).bytes, 3 << 20);
	assert_int_equal(taken("lazy:bytes=1024G", REPLAY_LAZY).bytes, UINT64_C(1) << 40);
	assert_int_equal(taken("manual:every=256", REPLAY_MANUAL).commit_unmaps, 256);
	assert_int_equal(taken("manual:every=256", REPLAY_MANUAL).commit_ns, 0);
	assert_int_equal(taken("manual:every=10ms", REPLAY_MANUAL).commit_ns, 10000000);
	assert_int_equal(taken("manual:every=10ms", REPLAY_MANUAL).commit_unmaps, 0);
}

static void test_the_text_ends_where_it_is_said_to(void **state)
{
	struct replay_flush flush;
	unsigned way;

	(void)state;
	assert_int_equal(replay_flush_parse("lazy:entries=64,strict", 15, &way, &flush), 0);
	assert_int_equal(way, REPLAY_LAZY);
	assert_int_equal(flush.entries, 64);
}

static void test_what_cannot_be_is_refused_with_what_can(void **state)
{
	static const char *const entries[] = {
		"", "x", "1", "3", "0", "-2", "2097152", "18446744073709551618", "2x"};
	static const char *const times[] = {
		"",    "5", "0ms", "ms", "1.5ms", "5 ms", "3601s", "5m", "18446744073709551616ns",
		"1msx"};

	(void)state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "lazy:entries=%s", entries[i]);
		refused(text, "entries must be a power of two from 2 to 1048576");
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "lazy:timeout=%s", times[i]);
		refused(text, "timeout must be a time");
	}
	refused("lazy:bytes=", "bytes must be a number");
	refused("lazy:bytes=0", "bytes must be a number");
	refused("lazy:bytes=1k", "bytes must be a number");
	refused("lazy:bytes=1KB", "bytes must be a number");
	refused("lazy:bytes=1025G", "bytes must be a number");
	refused("manual:every=", "every must be a number of unmaps");
	refused("manual:every=0", "every must be a number of unmaps");
	refused("manual:every=1x", "every must be a number of unmaps");
	refused("lazy:every=2", "lazy has no every");
	refused("manual:timeout=1ms", "manual has no timeout");
	refused("on-reuse:timeout=1ms", "on-reuse has no timeout");
	refused("guest:entries=4", "guest has no entries");
	refused("passthrough:bytes=4K", "passthrough has no bytes");
	refused("direct", "'direct' is not a way to flush; try strict, lazy");
	refused("lazy:size=4", "'size' cannot be set; try entries=N");
	refused("lazy:", "'' cannot be set");
	refused("lazy:entries=4:", "'' cannot be set");
	refused("strict:entries=4", "strict has no entries");
	refused("lazy:entries=4:entries=4", "entries is set twice");
}

static void test_a_text_says_what_is_set_in_one_form(void **state)
{
	static const char longest[] =
		"lazy:entries=1048576:timeout=3599999999999ns:bytes=1099511627775";
	static const char *const texts[] = {"strict",
					    "lazy:entries=64:timeout=1ms",
					    "lazy-single:timeout=1s",
					    "lazy:timeout=1500us",
					    "lazy:timeout=1001ns",
					    "manual:entries=8:bytes=64K:every=7",
					    "manual:bytes=1025:every=10ms",
					    "on-reuse:bytes=3M",
					    longest};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct replay_flush flush;
		char text[REPLAY_FLUSH_TEXT];
		unsigned way;

		assert_int_equal(replay_flush_parse(texts[i], strlen(texts[i]), &way, &flush), 0);
		replay_flush_text(way, &flush, text);
		assert_string_equal(text, texts[i]);
	}
}

static void test_a_domain_gets_what_is_set(void **state)
{
	struct dmp_domain_opts opts = DMP_DOMAIN_OPTS(.flags = 0);
	struct replay_flush flush = taken("lazy-single:entries=64:timeout=1ms", REPLAY_LAZY_SINGLE);

	(void)state;
	replay_flush_apply(REPLAY_LAZY_SINGLE, &flush, &opts);
	assert_int_equal(opts.flush, DMP_FLUSH_LAZY_SINGLE);
	assert_int_equal(opts.flushq_entries, 64);
	assert_int_equal(opts.flushq_timeout_ns, 1000000);
	assert_null(opts.policy);
	flush = taken("on-reuse:bytes=4K", REPLAY_ON_REUSE);
	replay_flush_apply(REPLAY_ON_REUSE, &flush, &opts);
	assert_int_equal(opts.flush, DMP_FLUSH_ON_REUSE);
	assert_ptr_equal(opts.policy, &dmp_iova_policy_bitmap);
	assert_int_equal(opts.flushq_bytes, 4096);
	assert_int_equal(opts.flags, 0);
	flush = taken("passthrough", REPLAY_PASSTHROUGH);
	replay_flush_apply(REPLAY_PASSTHROUGH, &flush, &opts);
	assert_int_equal(opts.flags, DMP_DOMAIN_IDENTITY);
	assert_int_equal(opts.flush, DMP_FLUSH_STRICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_policy_alone_sets_nothing),
		cmocka_unit_test(test_a_queue_has_entries_and_a_timeout_in_any_order),
		cmocka_unit_test(test_a_queue_has_bytes_and_by_hand_there_is_a_rule),
		cmocka_unit_test(test_the_text_ends_where_it_is_said_to),
		cmocka_unit_test(test_what_cannot_be_is_refused_with_what_can),
		cmocka_unit_test(test_a_text_says_what_is_set_in_one_form),
		cmocka_unit_test(test_a_domain_gets_what_is_set),
	};

	return cmocka_run_group_tests_name("replay_flush", tests, NULL, NULL);
}
