// SPDX-License-Identifier: MIT
/*
 * test_trace_fields.c - proves F1 and F2 of bench/trace_fields.c
 */
#include "dmptest.h"
#include "trace_internal.h"

static bool scan(const char *text, struct trace_fields *out)
{
	memset(out, 0, sizeof(*out));
	return trace_fields_scan((struct trace_span){text, text + strlen(text)}, out);
}

static struct trace_fields fields_of(const char *text)
{
	struct trace_fields fields;

	assert_true(scan(text, &fields));
	return fields;
}

static void expect_text(struct trace_span span, const char *text)
{
	assert_int_equal(span.end - span.at, strlen(text));
	assert_memory_equal(span.at, text, strlen(text));
}

static void test_formatted_addresses_are_hexadecimal_and_sizes_decimal(void **state)
{
	struct trace_fields f =
		fields_of("0000:00:03.0 dir=TO_DEVICE dma_addr=10 size=10 phys_addr=a10 attrs=");

	(void)state;
	expect_text(f.device, "0000:00:03.0");
	assert_int_equal(f.dir, TRACE_TO_DEVICE);
	assert_int_equal(f.dma_addr, 0x10);
	assert_int_equal(f.size, 10);
	assert_int_equal(f.phys_addr, 0xa10);
	assert_int_equal(f.attrs, 0);
	assert_int_equal(f.seen, FIELD_DEVICE | FIELD_DIR | FIELD_DMA_ADDR | FIELD_SIZE |
					 FIELD_PHYS_ADDR | FIELD_ATTRS);
}

static void test_raw_numbers_are_decimal_unless_marked(void **state)
{
	struct trace_fields f = fields_of("[FAILED TO PARSE] device=usb-1 dma_addr=0x10 size=0x10 "
					  "phys_addr=10 dir=2 attrs=0x100");

	(void)state;
	assert_true(f.raw);
	expect_text(f.device, "usb-1");
	assert_int_equal(f.dir, TRACE_FROM_DEVICE);
	assert_int_equal(f.dma_addr, 16);
	assert_int_equal(f.size, 16);
	assert_int_equal(f.phys_addr, 10);
	assert_int_equal(f.attrs, TRACE_ATTR_NO_WARN);
}

static void test_order_and_unknown_keys_do_not_matter(void **state)
{
	struct trace_fields f = fields_of("dev0 attrs=NO_WARN new=7{ size=5 flags=GFP_KERNEL|X "
					  "dma_addr=1 dir=NONE");

	(void)state;
	expect_text(f.device, "dev0");
	assert_int_equal(f.size, 5);
	assert_int_equal(f.dma_addr, 1);
	assert_int_equal(f.dir, TRACE_DIR_NONE);
}

static void test_attributes_add_up(void **state)
{
	(void)state;
	assert_int_equal(fields_of("attrs=SKIP_CPU_SYNC|NO_WARN").attrs, 0x120);
	assert_int_equal(fields_of("attrs=WEAK_ORDERING|0x1000").attrs, 0x1002);
	assert_int_equal(fields_of("attrs=0x120").attrs, 0x120);
	assert_int_equal(fields_of("attrs=WRITE_COMBINE|NO_KERNEL_MAPPING|FORCE_CONTIGUOUS|"
				   "ALLOC_SINGLE_PAGES|PRIVILEGED")
				 .attrs,
			 0x2d4);
}

static void test_titles_and_punctuation_are_no_device(void **state)
{
	(void)state;
	expect_text(fields_of("IOMMU: groupID=3 device=0000:00:05.0").device, "0000:00:05.0");
	expect_text(fields_of("dev_name: eth0 dma_mask=ff dev_addr=1 size=2 FORCE").device, "eth0");
	expect_text(fields_of("(f+0x4/0x60 <- g) dev=\"eth1\" tlb=0x10").device, "eth1");
}

static void test_forced_bounce_is_told_from_a_normal_one(void **state)
{
	struct trace_fields f = fields_of("dev_name: e dma_mask=ff dev_addr=1 size=2 NORMAL");

	(void)state;
	assert_true(f.seen & FIELD_FORCE);
	assert_int_equal(f.force, 0);
	assert_int_equal(fields_of("dev_name: e dma_mask=ff dev_addr=1 size=2 FORCE").force, 1);
}

static void test_counts_give_the_true_number(void **state)
{
	struct trace_fields f = fields_of("d nents=128/200 ents=1/1 [TRUNCATED] sizes={0x1}");

	(void)state;
	assert_int_equal(f.nents, 200);
	assert_int_equal(f.ents, 1);
	assert_int_equal(fields_of("full_nents=300").nents, 300);
}

static void test_null_pointers_have_many_spellings(void **state)
{
	(void)state;
	assert_int_equal(fields_of("virt_addr=0000000000000000").virt_addr, 0);
	assert_int_equal(fields_of("virt_addr=0x0").virt_addr, 0);
	assert_int_equal(fields_of("virt_addr=(nil)").virt_addr, 0);
	assert_int_equal(fields_of("virt_addr=(null)").virt_addr, 0);
	assert_int_equal(fields_of("virt_addr=(____ptrval____)").virt_addr, 1);
	assert_int_equal(fields_of("virt_addr=0xffff88807f9bd000").virt_addr, 1);
	assert_int_equal(fields_of("virt_addr=00000000eab04acc").virt_addr, 1);
}

static void test_formatted_array_gives_its_elements(void **state)
{
	struct trace_fields f = fields_of("d phys_addrs={0x1000,0x2000} attrs=");
	uint64_t value;

	(void)state;
	expect_text(f.phys_addrs, "0x1000,0x2000");
	assert_true(trace_array_next(&f.phys_addrs, false, 8, &value));
	assert_int_equal(value, 0x1000);
	assert_true(trace_array_next(&f.phys_addrs, false, 8, &value));
	assert_int_equal(value, 0x2000);
	assert_ptr_equal(f.phys_addrs.at, f.phys_addrs.end);
}

static void test_raw_array_is_little_endian(void **state)
{
	struct trace_fields f =
		fields_of("[FAILED TO PARSE] lengths=ARRAY[00, 40, 00, 00, 01, 00, 00, 80] dir=1");
	uint64_t value;

	(void)state;
	assert_int_equal(f.dir, TRACE_TO_DEVICE);
	assert_true(trace_array_next(&f.sizes, true, 4, &value));
	assert_int_equal(value, 0x4000);
	assert_true(trace_array_next(&f.sizes, true, 4, &value));
	assert_int_equal(value, 0x80000001);
	assert_ptr_equal(f.sizes.at, f.sizes.end);
}

static void test_values_that_cannot_be_read_are_refused(void **state)
{
	static const char *const texts[] = {
		"size=",       "size=x",          "size=12z",        "size=-1",
		"dma_addr=",   "dma_addr=0x",     "dma_addr=1 dir=", "dir=SIDEWAYS",
		"dir=4",       "attrs=NO_W",      "attrs=|",         "attrs=0x100000000",
		"phys_addrs=", "phys_addrs={0x1", "phys_addrs=0x1",  "phys_addrs=ARRAY[00",
		"dev=",        "virt_addr=",      "nents=1/",        "phys_addrs=}",
	};
	struct trace_fields fields;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(scan(texts[i], &fields));
}

static void test_array_elements_that_cannot_be_read_are_refused(void **state)
{
	static const char text[] = "hello";
	struct trace_span hello = {text, text + 5};
	static const char *const raw[] = {"00, f0", "00, 100, 00, 00", "zz, 00, 00, 00"};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		struct trace_span array = {raw[i], raw[i] + strlen(raw[i])};

		assert_false(trace_array_next(&array, true, 4, &value));
	}
	assert_false(trace_array_next(&hello, false, 8, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formatted_addresses_are_hexadecimal_and_sizes_decimal),
		cmocka_unit_test(test_raw_numbers_are_decimal_unless_marked),
		cmocka_unit_test(test_order_and_unknown_keys_do_not_matter),
		cmocka_unit_test(test_attributes_add_up),
		cmocka_unit_test(test_titles_and_punctuation_are_no_device),
		cmocka_unit_test(test_forced_bounce_is_told_from_a_normal_one),
		cmocka_unit_test(test_counts_give_the_true_number),
		cmocka_unit_test(test_null_pointers_have_many_spellings),
		cmocka_unit_test(test_formatted_array_gives_its_elements),
		cmocka_unit_test(test_raw_array_is_little_endian),
		cmocka_unit_test(test_values_that_cannot_be_read_are_refused),
		cmocka_unit_test(test_array_elements_that_cannot_be_read_are_refused),
	};

	return cmocka_run_group_tests_name("trace_fields", tests, NULL, NULL);
}
