/* What stands between the brackets of term text: atoms, numbers, strings, binaries. Pure. */
#include "term_text_priv.h"

#include "err.h"
#include "utf8.h"

#include <string.h>

static int push_text(struct gc_parser *p, enum gc_term_type type, uint32_t line, const void *text,
		     size_t len)
{
	struct gc_term *t = gc_parser_new(p, type, line);

	return gc_term_push(&p->values, gc_term_set_text(p->values.a, t, text, len));
}

/* ---- numbers ---- */

/* Little-endian bytes of digits in a base. */
static void put_magnitude(struct gc_buf *b, const struct gc_token *tok)
{
	for (size_t i = 0; i < tok->len; i++) {
		unsigned c = (uint8_t)tok->text[i];
		unsigned carry = c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
		for (size_t k = 0; k < b->len; k++) {
			carry += b->data[k] * tok->base;
			b->data[k] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			gc_buf_put_u8(b, (uint8_t)carry);
	}
}

static int push_big(struct gc_parser *p, const struct gc_token *tok, bool is_negative)
{
	struct gc_buf *b = &p->bytes;
	struct gc_term *t = gc_parser_new(p, GC_TERM_BIGNUM, tok->line);

	gc_buf_reset(b);
	put_magnitude(b, tok);
	if (!t || b->failed)
		return GC_ENOMEM;
	uint8_t *raw = gc_arena_alloc(p->values.a, 6 + b->len);
	if (!raw)
		return GC_ENOMEM;
	size_t head = b->len <= 255 ? 3 : 6;
	raw[0] = head == 3 ? 110 : 111; /* SMALL_BIG_EXT, LARGE_BIG_EXT */
	raw[head - 2] = (uint8_t)b->len;
	if (head == 6)
		raw[head - 3] = (uint8_t)(b->len >> 8);
	raw[head - 1] = is_negative;
	memcpy(raw + head, b->data, b->len);
	t->raw = raw;
	t->raw_len = head + b->len;
	return gc_term_push(&p->values, t);
}

static int push_int(struct gc_parser *p, const struct gc_token *tok, bool is_negative)
{
	uint64_t limit = (uint64_t)INT64_MAX + is_negative;

	if (tok->is_big || tok->magnitude > limit)
		return push_big(p, tok, is_negative);
	struct gc_term *t = gc_parser_new(p, GC_TERM_INT, tok->line);
	if (t)
		t->integer = (int64_t)(is_negative ? 0 - tok->magnitude : tok->magnitude);
	return gc_term_push(&p->values, t);
}

static int push_float(struct gc_parser *p, const struct gc_token *tok, bool is_negative)
{
	struct gc_term *t = gc_parser_new(p, GC_TERM_FLOAT, tok->line);

	if (t)
		t->real = is_negative ? -tok->real : tok->real;
	return gc_term_push(&p->values, t);
}

static int signed_number(struct gc_parser *p)
{
	bool is_negative = p->tok.type == GC_TOKEN_MINUS;
	int rc = 0;

	if (is_negative || p->tok.type == GC_TOKEN_PLUS)
		rc = gc_parser_next(p);
	if (rc)
		return rc;
	if (p->tok.type == GC_TOKEN_FLOAT)
		rc = push_float(p, &p->tok, is_negative);
	else if (p->tok.type == GC_TOKEN_INT || p->tok.type == GC_TOKEN_CHAR)
		rc = push_int(p, &p->tok, is_negative);
	else
		return gc_parser_unexpected(p, "a number");
	return rc ? rc : gc_parser_next(p);
}

/* ---- strings and binaries ---- */

/* "a" "b" is "ab". */
static int read_strings(struct gc_parser *p)
{
	gc_buf_reset(&p->bytes);
	while (p->tok.type == GC_TOKEN_STRING) {
		gc_buf_put(&p->bytes, p->tok.text, p->tok.len);
		int rc = gc_parser_next(p);
		if (rc)
			return rc;
	}
	return p->bytes.failed ? GC_ENOMEM : 0;
}

static int string(struct gc_parser *p)
{
	uint32_t line = p->tok.line;
	int rc = read_strings(p);

	if (rc)
		return rc;
	enum gc_term_type type = p->bytes.len ? GC_TERM_STRING : GC_TERM_LIST; /* "" is [] */
	return push_text(p, type, line, p->bytes.data, p->bytes.len);
}

/* UTF-8 to latin1 in place, from `at` on. */
static int shrink(struct gc_parser *p, size_t at, uint32_t line)
{
	struct gc_buf *b = &p->bytes;
	size_t to = at;

	while (at < b->len) {
		uint32_t c = 0;
		at += gc_utf8_get(b->data + at, b->len - at, &c);
		if (c > 255)
			return gc_lexer_fail(&p->lexer, line,
					     "a character beyond 255 in a binary "
					     "needs /utf8: <<\"...\"/utf8>>");
		b->data[to++] = (uint8_t)c;
	}
	b->len = to;
	return 0;
}

static int utf8_suffix(struct gc_parser *p, bool *found_r)
{
	*found_r = false;
	if (p->tok.type != GC_TOKEN_SLASH)
		return 0;
	int rc = gc_parser_next(p);
	if (rc)
		return rc;
	if (p->tok.type != GC_TOKEN_ATOM || p->tok.len != 4 || memcmp(p->tok.text, "utf8", 4) != 0)
		return gc_parser_unexpected(p, "utf8 (the only type for a part of a binary)");
	*found_r = true;
	return gc_parser_next(p);
}

static int string_segment(struct gc_parser *p)
{
	size_t at = p->bytes.len;
	uint32_t line = p->tok.line;
	bool is_utf8;

	while (p->tok.type == GC_TOKEN_STRING) {
		gc_buf_put(&p->bytes, p->tok.text, p->tok.len);
		int rc = gc_parser_next(p);
		if (rc)
			return rc;
	}
	if (p->bytes.failed)
		return GC_ENOMEM;
	int rc = utf8_suffix(p, &is_utf8);
	return rc || is_utf8 ? rc : shrink(p, at, line);
}

static int byte_segment(struct gc_parser *p)
{
	bool is_negative = p->tok.type == GC_TOKEN_MINUS;
	int rc = is_negative || p->tok.type == GC_TOKEN_PLUS ? gc_parser_next(p) : 0;

	if (rc)
		return rc;
	if (p->tok.type != GC_TOKEN_INT && p->tok.type != GC_TOKEN_CHAR)
		return gc_parser_unexpected(p, "a string or a byte");
	if (p->tok.is_big || p->tok.magnitude > (is_negative ? 128 : 255))
		return gc_lexer_fail(&p->lexer, p->tok.line,
				     "a value in a binary that does not fit "
				     "a byte");
	uint8_t byte = (uint8_t)p->tok.magnitude;
	gc_buf_put_u8(&p->bytes, is_negative ? (uint8_t)-byte : byte);
	return gc_parser_next(p);
}

static int binary(struct gc_parser *p)
{
	uint32_t line = p->tok.line;
	int rc = gc_parser_next(p);

	gc_buf_reset(&p->bytes);
	if (rc == 0 && p->tok.type != GC_TOKEN_CLOSE_BINARY) {
		for (;;) {
			rc = p->tok.type == GC_TOKEN_STRING ? string_segment(p) : byte_segment(p);
			if (rc || p->tok.type != GC_TOKEN_COMMA)
				break;
			rc = gc_parser_next(p);
			if (rc)
				break;
		}
	}
	if (rc)
		return rc;
	if (p->tok.type != GC_TOKEN_CLOSE_BINARY)
		return gc_parser_unexpected(p, "',' or '>>'");
	rc = p->bytes.failed ? GC_ENOMEM
			     : push_text(p, GC_TERM_BINARY, line, p->bytes.data, p->bytes.len);
	return rc ? rc : gc_parser_next(p);
}

/* ---- any of them ---- */

int gc_parser_literal(struct gc_parser *p)
{
	int rc;

	switch (p->tok.type) {
	case GC_TOKEN_ATOM:
		rc = push_text(p, GC_TERM_ATOM, p->tok.line, p->tok.text, p->tok.len);
		return rc ? rc : gc_parser_next(p);
	case GC_TOKEN_STRING:
		return string(p);
	case GC_TOKEN_OPEN_BINARY:
		return binary(p);
	case GC_TOKEN_INT:
	case GC_TOKEN_CHAR:
	case GC_TOKEN_FLOAT:
	case GC_TOKEN_MINUS:
	case GC_TOKEN_PLUS:
		return signed_number(p);
	default:
		return gc_parser_unexpected(p, "a term");
	}
}
