/* Writer of external terms: what every release since 23 reads. Pure; errors stick in the buffer. */
#include "etf_priv.h"

#include "utf8.h"

#include <string.h>

/* ---- atoms and numbers ---- */

/* The bytes of s that make 255 characters at most; invalid ones end it too. */
static size_t atom_len(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t left = strlen(s), len = 0;
	uint32_t code;

	for (int chars = 0; chars < 255 && left > 0; chars++) {
		size_t n = gc_utf8_get(p + len, left, &code);
		if (n == 0)
			break;
		len += n;
		left -= n;
	}
	return len;
}

static void put_atom(struct gc_buf *b, const char *s, size_t len)
{
	if (len <= 255) {
		gc_buf_put_u8(b, GC_ETF_SMALL_ATOM_UTF8);
		gc_buf_put_u8(b, (uint8_t)len);
	} else {
		gc_buf_put_u8(b, GC_ETF_ATOM_UTF8);
		gc_buf_put_u16(b, (uint16_t)len);
	}
	gc_buf_put(b, s, len);
}

void gc_etf_put_atom(struct gc_buf *b, const char *utf8)
{
	put_atom(b, utf8, atom_len(utf8));
}

static void put_big(struct gc_buf *b, bool is_negative, uint64_t magnitude)
{
	uint8_t n = 0;

	for (uint64_t v = magnitude; v; v >>= 8)
		n++;
	gc_buf_put_u8(b, GC_ETF_SMALL_BIG);
	gc_buf_put_u8(b, n);
	gc_buf_put_u8(b, is_negative);
	for (; n > 0; n--) {
		gc_buf_put_u8(b, (uint8_t)magnitude);
		magnitude >>= 8;
	}
}

void gc_etf_put_int(struct gc_buf *b, int64_t v)
{
	if (v >= 0 && v <= 255) {
		gc_buf_put_u8(b, GC_ETF_SMALL_INTEGER);
		gc_buf_put_u8(b, (uint8_t)v);
	} else if (v >= INT32_MIN && v <= INT32_MAX) {
		gc_buf_put_u8(b, GC_ETF_INTEGER);
		gc_buf_put_u32(b, (uint32_t)v);
	} else {
		put_big(b, v < 0, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
	}
}

void gc_etf_put_uint(struct gc_buf *b, uint64_t v)
{
	if (v <= INT64_MAX)
		gc_etf_put_int(b, (int64_t)v);
	else
		put_big(b, false, v);
}

void gc_etf_put_double(struct gc_buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	gc_buf_put_u8(b, GC_ETF_NEW_FLOAT);
	gc_buf_put_u64(b, bits);
}

void gc_etf_put_bool(struct gc_buf *b, bool v)
{
	gc_etf_put_atom(b, v ? "true" : "false");
}

/* ---- bytes ---- */

void gc_etf_put_binary(struct gc_buf *b, const void *p, size_t len)
{
	if (len > UINT32_MAX) {
		b->failed = true;
		return;
	}
	gc_buf_put_u8(b, GC_ETF_BINARY);
	gc_buf_put_u32(b, (uint32_t)len);
	gc_buf_put(b, p, len);
}

void gc_etf_put_text(struct gc_buf *b, const char *s)
{
	gc_etf_put_binary(b, s, strlen(s));
}

static void put_bytes(struct gc_buf *b, const uint8_t *p, size_t len)
{
	if (len == 0) {
		gc_etf_put_nil(b);
	} else if (len <= UINT16_MAX) {
		gc_buf_put_u8(b, GC_ETF_STRING);
		gc_buf_put_u16(b, (uint16_t)len);
		gc_buf_put(b, p, len);
	} else if (len <= UINT32_MAX) {
		gc_etf_put_list(b, (uint32_t)len);
		for (size_t i = 0; i < len; i++)
			gc_etf_put_int(b, p[i]);
		gc_etf_put_nil(b);
	} else {
		b->failed = true;
	}
}

void gc_etf_put_string(struct gc_buf *b, const char *s)
{
	put_bytes(b, (const uint8_t *)s, strlen(s));
}

/* ---- containers: headers only ---- */

void gc_etf_put_tuple(struct gc_buf *b, uint32_t arity)
{
	if (arity <= 255) {
		gc_buf_put_u8(b, GC_ETF_SMALL_TUPLE);
		gc_buf_put_u8(b, (uint8_t)arity);
	} else {
		gc_buf_put_u8(b, GC_ETF_LARGE_TUPLE);
		gc_buf_put_u32(b, arity);
	}
}

void gc_etf_put_map(struct gc_buf *b, uint32_t pairs)
{
	gc_buf_put_u8(b, GC_ETF_MAP);
	gc_buf_put_u32(b, pairs);
}

void gc_etf_put_list(struct gc_buf *b, uint32_t n)
{
	if (n == 0)
		return; /* the [] that follows is all */
	gc_buf_put_u8(b, GC_ETF_LIST);
	gc_buf_put_u32(b, n);
}

void gc_etf_put_nil(struct gc_buf *b)
{
	gc_buf_put_u8(b, GC_ETF_NIL);
}

/* ---- pids, references, raw ---- */

void gc_etf_put_pid(struct gc_buf *b, const struct gc_pid *pid)
{
	gc_buf_put_u8(b, GC_ETF_NEW_PID);
	gc_etf_put_atom(b, pid->node);
	gc_buf_put_u32(b, pid->id);
	gc_buf_put_u32(b, pid->serial);
	gc_buf_put_u32(b, pid->creation);
}

void gc_etf_put_ref(struct gc_buf *b, const struct gc_ref *ref)
{
	gc_buf_put_u8(b, GC_ETF_NEWER_REFERENCE);
	gc_buf_put_u16(b, 3);
	gc_etf_put_atom(b, ref->node);
	gc_buf_put_u32(b, ref->creation);
	for (int i = 0; i < 3; i++)
		gc_buf_put_u32(b, ref->id[i]);
}

void gc_etf_put_raw(struct gc_buf *b, struct gc_span raw)
{
	gc_buf_put(b, raw.p, raw.len);
}

/* ---- trees ---- */

/* The next code point of a text in a tree, which is always UTF-8. */
static uint32_t next_code(const struct gc_term *t, size_t *at)
{
	uint32_t code = 0;

	*at += gc_utf8_get((const uint8_t *)t->text + *at, t->text_len - *at, &code);
	return code;
}

/* Text as a list of code points: as bytes, if all are below 256. */
static void put_code_points(struct gc_buf *b, const struct gc_term *t)
{
	size_t n = gc_utf8_count((const uint8_t *)t->text, t->text_len);
	uint32_t max = 0;

	if (n > UINT32_MAX) {
		b->failed = true;
		return;
	}
	for (size_t i = 0, at = 0; i < n; i++) {
		uint32_t code = next_code(t, &at);
		max = code > max ? code : max;
	}
	bool is_bytes = n > 0 && n <= UINT16_MAX && max < 256;
	if (is_bytes) {
		gc_buf_put_u8(b, GC_ETF_STRING);
		gc_buf_put_u16(b, (uint16_t)n);
	} else {
		gc_etf_put_list(b, (uint32_t)n);
	}
	for (size_t i = 0, at = 0; i < n; i++) {
		if (is_bytes)
			gc_buf_put_u8(b, (uint8_t)next_code(t, &at));
		else
			gc_etf_put_int(b, next_code(t, &at));
	}
	if (!is_bytes)
		gc_etf_put_nil(b);
}

static void put_leaf(struct gc_buf *b, const struct gc_term *t)
{
	switch (t->type) {
	case GC_TERM_ATOM:
		put_atom(b, t->text, t->text_len);
		break;
	case GC_TERM_INT:
		gc_etf_put_int(b, t->integer);
		break;
	case GC_TERM_FLOAT:
		gc_etf_put_double(b, t->real);
		break;
	case GC_TERM_BINARY:
		gc_etf_put_binary(b, t->text, t->text_len);
		break;
	case GC_TERM_STRING:
		put_code_points(b, t);
		break;
	default: /* what has no text form always has raw bytes */
		b->failed = true;
		break;
	}
}

static void put_header(struct gc_buf *b, const struct gc_term *t)
{
	if (t->n_items > GC_ETF_MAX_ARITY && t->type == GC_TERM_TUPLE)
		b->failed = true;
	if (t->n_items > UINT32_MAX)
		b->failed = true;
	if (t->type == GC_TERM_TUPLE)
		gc_etf_put_tuple(b, (uint32_t)t->n_items);
	else if (t->type == GC_TERM_MAP)
		gc_etf_put_map(b, (uint32_t)(t->n_items / 2));
	else
		gc_etf_put_list(b, (uint32_t)t->n_items);
}

static bool is_container(const struct gc_term *t)
{
	return !t->raw &&
	       (t->type == GC_TERM_TUPLE || t->type == GC_TERM_MAP || t->type == GC_TERM_LIST);
}

void gc_etf_put_term(struct gc_buf *b, const struct gc_term *t)
{
	struct {
		const struct gc_term *t;
		size_t next;
	} open[GC_ETF_MAX_DEPTH];
	size_t depth = 0;

	for (;;) {
		if (t->raw) {
			gc_buf_put(b, t->raw, t->raw_len);
		} else if (!is_container(t)) {
			put_leaf(b, t);
		} else if (depth == GC_ETF_MAX_DEPTH) { /* neither parser makes such a tree */
			b->failed = true;
		} else {
			put_header(b, t);
			open[depth].t = t;
			open[depth++].next = 0;
		}
		while (depth && open[depth - 1].next == open[depth - 1].t->n_items) {
			if (open[--depth].t->type == GC_TERM_LIST)
				gc_etf_put_nil(b);
		}
		if (depth == 0 || b->failed)
			return;
		t = open[depth - 1].t->items[open[depth - 1].next++];
	}
}
