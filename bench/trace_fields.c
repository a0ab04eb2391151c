// SPDX-License-Identifier: MIT
/*
 * trace_fields.c - the fields of an event, by key
 *
 * Picture, what stands behind the event's name:
 *
 *    0000:00:03.0 dir=TO_DEVICE dma_addr=7964 size=4096 phys_addr=1000 attrs=A|B
 *    IOMMU: iova=0x... - 0x... paddr=0x... size=16384
 *    dev_name: 0000:00:03.0 dma_mask=ffffffff dev_addr=630f000 size=4096 FORCE
 *    (function+0x6c/0x280 <- caller) dev="0000:00:03.0" orig=0x630f000 ...
 *    [FAILED TO PARSE] device=0000:00:03.0 phys_addrs=ARRAY[00, f0, a2, ...] dir=2
 *
 * One scanner for all: a word is either key=value or a bare word.  Values are kept by
 * key in whatever order they stand, under either format's name of it, so that a field
 * that Linux adds or moves does no harm.  The first bare word is the device, unless it
 * is a title (ends in a colon) or punctuation.  Which fields an event must have is known
 * to trace_event.c, not here.
 *
 * Bases: 0x means hexadecimal everywhere.  Without it, addresses are hexadecimal when
 * Linux formatted them and decimal when trace-cmd printed the field itself (raw).
 *
 * Invariants:
 *  F1  a bit in seen means that the value was there and was read to its end;
 *  F2  an array is a span between its braces; its elements are read on demand.
 *
 * Source: the print formats under events/ of tracefs, Linux 6.12 ("FAILED TO PARSE":
 *  what libtraceevent 1.7 prints for the formats that it cannot evaluate).
 */
#include "trace_internal.h"

#include <string.h>

enum value_type {
	VALUE_DEC, /* decimal, or 0x */
	VALUE_HEX, /* hexadecimal without 0x unless raw */
	VALUE_OF,  /* "printed/true", or the true number alone */
	VALUE_DIR,
	VALUE_ATTRS,
	VALUE_NULL, /* a pointer: 0 if null, else 1 */
	VALUE_TEXT,
	VALUE_ARRAY,
};

struct key {
	const char *name;
	uint8_t len;
	uint8_t type;
	uint16_t offset; /* of the value in struct trace_fields */
	uint32_t bit;
};

#define KEY(name_, type_, member, bit_)                                                            \
	{                                                                                          \
		name_, sizeof(name_) - 1, type_, offsetof(struct trace_fields, member), bit_       \
	}

/* In the order in which Linux prints them: the search starts behind the key found last. */
static const struct key keys[] = {
	KEY("dir", VALUE_DIR, dir, FIELD_DIR),
	KEY("dma_addr", VALUE_HEX, dma_addr, FIELD_DMA_ADDR),
	KEY("size", VALUE_DEC, size, FIELD_SIZE),
	KEY("phys_addr", VALUE_HEX, phys_addr, FIELD_PHYS_ADDR),
	KEY("attrs", VALUE_ATTRS, attrs, FIELD_ATTRS),
	KEY("iova", VALUE_HEX, iova, FIELD_IOVA),
	KEY("paddr", VALUE_HEX, paddr, FIELD_PADDR),
	KEY("unmapped_size", VALUE_DEC, unmapped, FIELD_UNMAPPED),
	KEY("iovad", VALUE_TEXT, iovad, FIELD_IOVAD),
	KEY("pfn", VALUE_HEX, pfn, FIELD_PFN),
	KEY("limit_pfn", VALUE_HEX, limit, FIELD_LIMIT),
	KEY("flush", VALUE_DEC, flush, FIELD_FLUSH),
	KEY("nents", VALUE_OF, nents, FIELD_NENTS),
	KEY("ents", VALUE_OF, ents, FIELD_ENTS),
	KEY("dma_addrs", VALUE_ARRAY, dma_addrs, FIELD_DMA_ADDRS),
	KEY("sizes", VALUE_ARRAY, sizes, FIELD_SIZES),
	KEY("phys_addrs", VALUE_ARRAY, phys_addrs, FIELD_PHYS_ADDRS),
	KEY("dma_mask", VALUE_HEX, dma_mask, FIELD_DMA_MASK),
	KEY("dev_addr", VALUE_HEX, dev_addr, FIELD_DEV_ADDR),
	KEY("dev", VALUE_TEXT, device, FIELD_DEVICE),
	KEY("orig", VALUE_HEX, orig, FIELD_ORIG),
	KEY("align_mask", VALUE_HEX, align, FIELD_ALIGN),
	KEY("tlb", VALUE_HEX, tlb, FIELD_TLB),
	KEY("virt_addr", VALUE_NULL, virt_addr, FIELD_VIRT_ADDR),
	KEY("groupID", VALUE_DEC, group, FIELD_GROUP),
	KEY("device", VALUE_TEXT, device, FIELD_DEVICE),
	/* Other names of the above, where trace-cmd prints the record as it is */
	KEY("full_nents", VALUE_OF, nents, FIELD_NENTS),
	KEY("full_ents", VALUE_OF, ents, FIELD_ENTS),
	KEY("lengths", VALUE_ARRAY, sizes, FIELD_SIZES),
	KEY("addrs", VALUE_ARRAY, phys_addrs, FIELD_PHYS_ADDRS),
	KEY("addr", VALUE_HEX, dma_addr, FIELD_DMA_ADDR),
	KEY("dev_name", VALUE_TEXT, device, FIELD_DEVICE),
	KEY("force", VALUE_DEC, force, FIELD_FORCE),
	KEY("gid", VALUE_DEC, group, FIELD_GROUP),
};

#define NKEYS (sizeof(keys) / sizeof(keys[0]))

struct word {
	const char *text;
	size_t len;
	uint64_t value;
};

#define WORD(text_, value_)                                                                        \
	{                                                                                          \
		text_, sizeof(text_) - 1, value_                                                   \
	}

static const struct word directions[] = {
	WORD("TO_DEVICE", TRACE_TO_DEVICE),
	WORD("FROM_DEVICE", TRACE_FROM_DEVICE),
	WORD("BIDIRECTIONAL", TRACE_BIDIRECTIONAL),
	WORD("NONE", TRACE_DIR_NONE),
};

static const struct word attributes[] = {
	WORD("NO_WARN", TRACE_ATTR_NO_WARN),
	WORD("SKIP_CPU_SYNC", TRACE_ATTR_SKIP_CPU_SYNC),
	WORD("WEAK_ORDERING", TRACE_ATTR_WEAK_ORDERING),
	WORD("WRITE_COMBINE", TRACE_ATTR_WRITE_COMBINE),
	WORD("NO_KERNEL_MAPPING", TRACE_ATTR_NO_KERNEL_MAPPING),
	WORD("FORCE_CONTIGUOUS", TRACE_ATTR_FORCE_CONTIGUOUS),
	WORD("ALLOC_SINGLE_PAGES", TRACE_ATTR_ALLOC_SINGLE_PAGES),
	WORD("PRIVILEGED", TRACE_ATTR_PRIVILEGED),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char raw_mark[] = "[FAILED TO PARSE]";

static size_t span_len(struct trace_span span)
{
	return (size_t)(span.end - span.at);
}

static bool starts_with(struct trace_span span, const char *text)
{
	size_t len = strlen(text);

	return span_len(span) >= len && !memcmp(span.at, text, len);
}

/* Search from @hint on, around: the next key is nearly always the next of the table. */
static const struct key *find_key(struct trace_span name, unsigned *hint)
{
	size_t len = span_len(name);

	for (unsigned n = 0, i = *hint; n < NKEYS; n++, i++) {
		if (i >= NKEYS)
			i = 0;
		if (keys[i].len == len && keys[i].name[0] == *name.at &&
		    !memcmp(keys[i].name, name.at, len)) {
			*hint = i + 1;
			return &keys[i];
		}
	}
	return NULL;
}

static bool find_word(const struct word *words, size_t n, struct trace_span span, uint64_t *out)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i].len == span_len(span) && words[i].text[0] == *span.at &&
		    !memcmp(words[i].text, span.at, words[i].len)) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

/* A number that fills the span; @hex: hexadecimal also without 0x. */
static bool read_number(struct trace_span span, bool hex, uint64_t *out)
{
	if (span_len(span) > 2 && span.at[0] == '0' && (span.at[1] | 0x20) == 'x') {
		span.at += 2;
		hex = true;
	}
	if (!(hex ? trace_scan_hex : trace_scan_dec)(&span.at, span.end, out))
		return false;
	return span.at == span.end;
}

static bool read_of(struct trace_span span, uint64_t *out)
{
	const char *slash = memchr(span.at, '/', span_len(span));

	if (slash)
		span.at = slash + 1;
	return read_number(span, false, out);
}

static bool read_dir(struct trace_span span, uint64_t *out)
{
	if (find_word(directions, COUNT(directions), span, out))
		return true;
	return read_number(span, false, out) && *out <= TRACE_DIR_NONE;
}

/* Names and numbers joined by '|'; nothing at all is 0. */
static bool read_attrs(struct trace_span span, uint64_t *out)
{
	*out = 0;
	while (span.at < span.end) {
		const char *bar = memchr(span.at, '|', span_len(span));
		struct trace_span one = {span.at, bar ? bar : span.end};
		uint64_t bits;

		if (!find_word(attributes, COUNT(attributes), one, &bits) &&
		    (!read_number(one, false, &bits) || bits > UINT32_MAX))
			return false;
		*out |= bits;
		span.at = bar ? bar + 1 : span.end;
	}
	return true;
}

/* 000..., 0x0, (nil) and (null) are null; "(____ptrval____)" and the rest are not. */
static bool read_null(struct trace_span span, uint64_t *out)
{
	uint64_t value = 1;

	if (read_number(span, true, &value))
		*out = value != 0;
	else
		*out = !starts_with(span, "(nil)") && !starts_with(span, "(null)");
	return span_len(span) > 0;
}

static bool read_text(struct trace_span span, struct trace_span *out)
{
	if (span_len(span) >= 2 && span.at[0] == '"' && span.end[-1] == '"') {
		span.at++;
		span.end--;
	}
	*out = span;
	return span_len(span) > 0;
}

/* "{...}", or "ARRAY[...]" when raw: between the braces. */
static bool read_array(struct trace_span span, struct trace_span *out)
{
	const char *open = memchr(span.at, span.end[-1] == ']' ? '[' : '{', span_len(span));

	if (!open || (span.end[-1] != ']' && span.end[-1] != '}'))
		return false;
	*out = (struct trace_span){open + 1, span.end - 1};
	return true;
}

static bool read_value(const struct key *key, struct trace_span span, struct trace_fields *out)
{
	void *value = (char *)out + key->offset;

	switch (key->type) {
	case VALUE_DEC: return read_number(span, false, value);
	case VALUE_HEX: return read_number(span, !out->raw, value);
	case VALUE_OF: return read_of(span, value);
	case VALUE_DIR: return read_dir(span, value);
	case VALUE_ATTRS: return read_attrs(span, value);
	case VALUE_NULL: return read_null(span, value);
	case VALUE_TEXT: return read_text(span, value);
	default: return span_len(span) > 0 && read_array(span, value);
	}
}

/* The first bare word that is no title and no punctuation is the device. */
static void take_word(struct trace_span word, struct trace_fields *out)
{
	if (starts_with(word, "FORCE") || starts_with(word, "NORMAL")) {
		out->force = starts_with(word, "FORCE");
		out->seen |= FIELD_FORCE;
	} else if (!(out->seen & FIELD_DEVICE) && word.end[-1] != ':' && *word.at != '(' &&
		   *word.at != '[' && *word.at != '-') {
		out->device = word;
		out->seen |= FIELD_DEVICE;
	}
}

/* Where the value at @at ends: at a blank, or behind the brace that closes an array. */
static const char *value_end(const char *at, const char *end)
{
	const char *p = at;
	char close = ' ';

	if (at < end && *at == '{')
		close = '}';
	else if (end - at > 6 && !memcmp(at, "ARRAY[", 6))
		close = ']';
	p = memchr(at, close, (size_t)(end - at));
	if (!p)
		return end;
	return close == ' ' ? p : p + 1;
}

/* One word at @rest->at; false if it is a key whose value cannot be read. */
static bool scan_word(struct trace_span *rest, unsigned *hint, struct trace_fields *out)
{
	const char *start = rest->at, *p = start;
	struct trace_span value;
	const struct key *key;

	while (p < rest->end && *p != ' ' && *p != '=')
		p++;
	if (p == rest->end || *p == ' ') {
		rest->at = p;
		take_word((struct trace_span){start, p}, out);
		return true;
	}
	value = (struct trace_span){p + 1, value_end(p + 1, rest->end)};
	rest->at = value.end;
	key = find_key((struct trace_span){start, p}, hint);
	if (!key)
		return true;
	out->seen |= key->bit;
	return read_value(key, value, out);
}

/* Read all fields of an event; false if one that we know cannot be read. */
bool trace_fields_scan(struct trace_span rest, struct trace_fields *out)
{
	unsigned hint = 0;

	out->seen = 0;
	out->raw = starts_with(rest, raw_mark);
	if (out->raw)
		rest.at += sizeof(raw_mark) - 1;
	for (;;) {
		while (rest.at < rest.end && *rest.at == ' ')
			rest.at++;
		if (rest.at == rest.end)
			return true;
		if (!scan_word(&rest, &hint, out))
			return false;
	}
}

/* @bytes little-endian bytes, "00, f0, a2, 05", as one number. */
static bool next_raw(struct trace_span *array, unsigned bytes, uint64_t *out)
{
	*out = 0;
	for (unsigned i = 0; i < bytes; i++) {
		uint64_t byte;

		while (array->at < array->end && (*array->at == ' ' || *array->at == ','))
			array->at++;
		if (!trace_scan_hex(&array->at, array->end, &byte) || byte > 0xff)
			return false;
		*out |= byte << (8 * i);
	}
	return true;
}

/*
 * Take the first element off @array, which is not empty; @bytes is its width when raw.
 * False if it cannot be read.
 */
bool trace_array_next(struct trace_span *array, bool raw, unsigned bytes, uint64_t *out)
{
	const char *comma;
	struct trace_span one;

	if (raw)
		return next_raw(array, bytes, out);
	comma = memchr(array->at, ',', span_len(*array));
	one = (struct trace_span){array->at, comma ? comma : array->end};
	array->at = comma ? comma + 1 : array->end;
	return read_number(one, true, out);
}
