/* A tree of terms as text, close to what ~0tp prints in a shell with +pc unicode. Pure; no
 * recursion; never more than max bytes, whatever the tree. What has no text form (pids of others,
 * references, funs) is marked as such; an integer of more than 128 bytes is printed in base 16. */
#include "term.h"

#include "etf_priv.h"
#include "number_text.h"
#include "term_lex.h"
#include "utf8.h"

#include <stdio.h>
#include <string.h>

struct out {
	struct gc_buf *b;
	size_t end; /* b->len must not pass it */
	bool is_cut;
};

static void put(struct out *o, const char *s, size_t len)
{
	size_t room = o->end - o->b->len;

	if (o->is_cut)
		return;
	if (len > room) {
		o->is_cut = true;
		len = room;
	}
	gc_buf_put(o->b, s, len);
}

static void put_str(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

static void put_num(struct out *o, long long v)
{
	char text[24];

	put(o, text, (size_t)snprintf(text, sizeof(text), "%lld", v));
}

/* ---- characters ---- */

static void put_octal(struct out *o, uint32_t c)
{
	char text[8];

	put(o, text, (size_t)snprintf(text, sizeof(text), "\\%03o", (unsigned)c));
}

static void put_char(struct out *o, uint32_t c, char quote)
{
	static const char from[] = "\n\r\t\v\b\f\033\177", to[] = "nrtvbfed";
	const char *named = c && c < 0x80 ? strchr(from, (int)c) : NULL;
	char utf8[4];

	if (named) {
		char pair[2] = {'\\', to[named - from]};
		put(o, pair, 2);
	} else if (c < ' ' || (c >= 0x7f && c < 0xa0)) {
		put_octal(o, c);
	} else {
		if (c == (uint32_t)quote || c == '\\')
			put(o, "\\", 1);
		put(o, utf8, gc_utf8_put(c, utf8));
	}
}

static void put_quoted(struct out *o, const char *text, size_t len, char quote)
{
	put(o, &quote, 1);
	for (size_t at = 0; at < len && !o->is_cut;) {
		uint32_t c = 0;
		at += gc_utf8_get((const uint8_t *)text + at, len - at, &c);
		put_char(o, c, quote);
	}
	put(o, &quote, 1);
}

static bool is_bare_atom(const struct gc_term *t)
{
	const uint8_t *p = (const uint8_t *)t->text;
	uint32_t c = 0;
	size_t at = gc_utf8_get(p, t->text_len, &c);

	if (at == 0 || !gc_term_is_lower(c) || gc_term_is_reserved(t->text, t->text_len))
		return false;
	while (at < t->text_len) {
		at += gc_utf8_get(p + at, t->text_len - at, &c);
		if (!gc_term_is_name_char(c))
			return false;
	}
	return true;
}

static void put_atom(struct out *o, const struct gc_term *t)
{
	if (is_bare_atom(t))
		put(o, t->text, t->text_len);
	else
		put_quoted(o, t->text, t->text_len, '\'');
}

/* ---- numbers ---- */

static void put_float(struct out *o, double v)
{
	char text[GC_FLOAT_TEXT];

	gc_float_text(v, text);
	put_str(o, text);
}

static void put_hex(struct out *o, const struct gc_head *h)
{
	char text[4];

	put_str(o, "16#");
	for (size_t i = h->len; i > 0 && !o->is_cut; i--)
		put(o, text,
		    (size_t)snprintf(text, sizeof(text), i == h->len ? "%X" : "%02X", h->p[i - 1]));
}

static void put_big(struct out *o, const struct gc_head *h)
{
	char text[GC_DECIMAL_TEXT];

	if (h->is_negative)
		put(o, "-", 1);
	if (h->len > GC_DECIMAL_BYTES) {
		put_hex(o, h);
		return;
	}
	gc_decimal_text(h->p, h->len, text);
	put_str(o, text);
}

/* ---- strings and binaries ---- */

static bool is_printable(uint32_t c)
{
	if (c < ' ')
		return c == '\n' || c == '\r' || c == '\t' || c == '\v' || c == '\b' || c == '\f' ||
		       c == 27;
	return c < 0x7f || (c >= 0xa0 && gc_utf8_is_code(c) && c != 0xfffe && c != 0xffff);
}

static bool is_printable_text(const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint32_t c = 0;
		size_t n = gc_utf8_get((const uint8_t *)text + at, len - at, &c);
		if (n == 0 || !is_printable(c))
			return false;
		at += n;
	}
	return true;
}

static void put_string(struct out *o, const struct gc_term *t)
{
	if (is_printable_text(t->text, t->text_len)) {
		put_quoted(o, t->text, t->text_len, '"');
		return;
	}
	for (size_t at = 0; at < t->text_len && !o->is_cut;) {
		uint32_t c = 0;
		put(o, at ? "," : "[", 1);
		at += gc_utf8_get((const uint8_t *)t->text + at, t->text_len - at, &c);
		put_num(o, c);
	}
	put(o, "]", 1);
}

static void put_bytes(struct out *o, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len && !o->is_cut; i++) {
		if (i)
			put(o, ",", 1);
		put_num(o, p[i]);
	}
}

static bool is_latin1_text(const struct gc_term *t)
{
	for (size_t i = 0; i < t->text_len; i++) {
		if (!is_printable((uint8_t)t->text[i]))
			return false;
	}
	return true;
}

static void put_latin1(struct out *o, const struct gc_term *t)
{
	put(o, "\"", 1);
	for (size_t i = 0; i < t->text_len && !o->is_cut; i++)
		put_char(o, (uint8_t)t->text[i], '"');
	put(o, "\"", 1);
}

static void put_binary(struct out *o, const struct gc_term *t)
{
	put_str(o, "<<");
	if (t->text_len && is_printable_text(t->text, t->text_len)) {
		put_quoted(o, t->text, t->text_len, '"');
		if (gc_utf8_count((const uint8_t *)t->text, t->text_len) != t->text_len)
			put_str(o, "/utf8");
	} else if (t->text_len && is_latin1_text(t)) {
		put_latin1(o, t);
	} else {
		put_bytes(o, (const uint8_t *)t->text, t->text_len);
	}
	put_str(o, ">>");
}

/* ---- what is known by its bytes only ---- */

static void put_bits(struct out *o, const struct gc_head *h)
{
	put_str(o, "<<");
	put_bytes(o, h->p, h->len - 1);
	if (h->len > 1)
		put(o, ",", 1);
	put_num(o, h->p[h->len - 1] >> (8 - h->bits));
	put(o, ":", 1);
	put_num(o, h->bits);
	put_str(o, ">>");
}

static void put_node(struct out *o, const struct gc_head_atom *a)
{
	char name[GC_ATOM_MAX + 1];
	size_t len = gc_head_atom_text(a, name);

	for (size_t at = 0; at < len;) {
		uint32_t c = 0;
		at += gc_utf8_get((const uint8_t *)name + at, len - at, &c);
		put_char(o, c, '>');
	}
}

static void put_numbers(struct out *o, const struct gc_head *h)
{
	struct gc_reader r = gc_reader(h->p, h->len);

	while (r.len > 0) {
		put(o, ".", 1);
		put_num(o, gc_read_u32(&r));
	}
}

static void put_raw(struct out *o, const struct gc_term *t)
{
	struct gc_reader r = gc_reader(t->raw, t->raw_len);
	struct gc_head h;

	if (!t->raw || gc_head_read(&r, &h)) {
		put_str(o, "#Bad");
		return;
	}
	switch (h.kind) {
	case GC_HEAD_BIG:
		put_big(o, &h);
		return;
	case GC_HEAD_BITS:
		put_bits(o, &h);
		return;
	case GC_HEAD_PID:
		put(o, "<", 1);
		put_node(o, &h.atom);
		put(o, ".", 1);
		put_num(o, (long long)h.id);
		put(o, ".", 1);
		put_num(o, h.serial);
		break;
	case GC_HEAD_PORT:
		put_str(o, "#Port<");
		put_node(o, &h.atom);
		break;
	case GC_HEAD_REF:
		put_str(o, "#Ref<");
		put_node(o, &h.atom);
		put_numbers(o, &h);
		break;
	case GC_HEAD_EXPORT:
	case GC_HEAD_FUN:
		put_str(o, "#Fun<");
		put_node(o, &h.atom);
		break;
	default:
		put_str(o, "#Improper");
		return;
	}
	put(o, ">", 1);
}

/* ---- the walk ---- */

static void put_leaf(struct out *o, const struct gc_term *t)
{
	switch (t->type) {
	case GC_TERM_ATOM:
		put_atom(o, t);
		break;
	case GC_TERM_INT:
		put_num(o, t->integer);
		break;
	case GC_TERM_FLOAT:
		put_float(o, t->real);
		break;
	case GC_TERM_BINARY:
		put_binary(o, t);
		break;
	case GC_TERM_STRING:
		put_string(o, t);
		break;
	default:
		put_raw(o, t);
		break;
	}
}

static bool is_container(const struct gc_term *t)
{
	return t->type == GC_TERM_LIST || t->type == GC_TERM_TUPLE || t->type == GC_TERM_MAP;
}

static const char *separator(const struct gc_term *t, size_t next)
{
	if (next == 0)
		return t->type == GC_TERM_LIST ? "[" : t->type == GC_TERM_MAP ? "#{" : "{";
	if (next == t->n_items)
		return t->type == GC_TERM_LIST ? "]" : "}";
	return t->type == GC_TERM_MAP && next % 2 ? " => " : ",";
}

static void walk(struct out *o, const struct gc_term *t)
{
	struct {
		const struct gc_term *t;
		size_t next;
	} open[GC_ETF_MAX_DEPTH];
	size_t depth = 0;

	while (!o->is_cut) {
		if (!is_container(t)) {
			put_leaf(o, t);
		} else if (depth == GC_ETF_MAX_DEPTH || t->n_items == 0) {
			put_str(o, separator(t, 0));
			put_str(o, t->n_items ? "..." : "");
			put_str(o, t->type == GC_TERM_LIST ? "]" : "}");
		} else {
			open[depth].t = t;
			open[depth++].next = 0;
		}
		while (depth && open[depth - 1].next == open[depth - 1].t->n_items) {
			depth--;
			put_str(o, separator(open[depth].t, open[depth].t->n_items));
		}
		if (depth == 0)
			return;
		put_str(o, separator(open[depth - 1].t, open[depth - 1].next));
		t = open[depth - 1].t->items[open[depth - 1].next++];
	}
}

/* Makes room for "..." without leaving half a character. */
static void mark_cut(struct gc_buf *b, size_t start, size_t max)
{
	size_t dots = max < 3 ? max : 3;

	if (b->failed)
		return;
	b->len = start + max - dots;
	while (b->len > start && (b->data[b->len] & 0xc0) == 0x80)
		b->len--;
	gc_buf_put(b, "...", dots);
}

void gc_term_print(const struct gc_term *t, struct gc_buf *out, size_t max)
{
	size_t start = out->len;
	struct out o = {.b = out, .end = max < SIZE_MAX - start ? start + max : SIZE_MAX};

	walk(&o, t);
	if (o.is_cut)
		mark_cut(out, start, max);
}
