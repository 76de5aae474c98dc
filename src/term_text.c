/* Erlang term text to tree: a subset of what file:consult/1 reads, never with another meaning.
 * Pure; no recursion: open brackets wait on a stack of GC_ETF_MAX_DEPTH, finished terms on another.
 *
 * Refused, though file:consult/1 takes it: improper lists, sizes and types other than /utf8 in a
 * binary and values in it that do not fit a byte, a map with a key twice (it would silently take
 * the last), terms in parentheses, `fun m:f/1`, numbers of more than 1000 digits, deep nesting,
 * latin1. */
#include "term.h"

#include "err.h"
#include "etf.h"
#include "term_build.h"
#include "term_lex.h"
#include "utf8.h"

#include <stdio.h>
#include <string.h>

struct open { /* a bracket */
	enum gc_term_type type;
	uint32_t line;
	size_t values_at;
	bool in_tail; /* of a list: '|' has been read */
};

struct parser {
	struct gc_lexer lexer;
	struct gc_token tok; /* the next one, not taken yet */
	struct gc_term_stack values;
	struct open open[GC_ETF_MAX_DEPTH];
	size_t depth;
	struct gc_buf bytes; /* of a string or binary in the making; of numbers and maps */
};

static int advance(struct parser *p)
{
	return gc_lexer_next(&p->lexer, &p->tok);
}

static int unexpected(struct parser *p, const char *wanted)
{
	const char *found = gc_token_name(p->tok.type);

	if (p->tok.type == GC_TOKEN_ATOM || p->tok.type == GC_TOKEN_STRING)
		return gc_lexer_fail(&p->lexer, p->tok.line, "%s is missing before %s %.*s", wanted,
				     found, (int)(p->tok.len > 40 ? 40 : p->tok.len), p->tok.text);
	if (p->depth && p->tok.type == GC_TOKEN_END)
		return gc_lexer_fail(&p->lexer, p->tok.line,
				     "%s is missing at the end; the last "
				     "bracket still open is of line %u",
				     wanted, p->open[p->depth - 1].line);
	return gc_lexer_fail(&p->lexer, p->tok.line, "%s is missing before %s", wanted, found);
}

static struct gc_term *new_term(struct parser *p, enum gc_term_type type, uint32_t line)
{
	struct gc_term *t = gc_arena_alloc(p->values.a, sizeof(*t));

	if (t) {
		t->type = type;
		t->line = line;
	}
	return t;
}

static int push_text(struct parser *p, enum gc_term_type type, uint32_t line, const void *text,
		     size_t len)
{
	struct gc_term *t = new_term(p, type, line);

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

static int push_big(struct parser *p, const struct gc_token *tok, bool is_negative)
{
	struct gc_buf *b = &p->bytes;
	struct gc_term *t = new_term(p, GC_TERM_BIGNUM, tok->line);

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

static int push_int(struct parser *p, const struct gc_token *tok, bool is_negative)
{
	uint64_t limit = (uint64_t)INT64_MAX + is_negative;

	if (tok->is_big || tok->magnitude > limit)
		return push_big(p, tok, is_negative);
	struct gc_term *t = new_term(p, GC_TERM_INT, tok->line);
	if (t)
		t->integer = (int64_t)(is_negative ? 0 - tok->magnitude : tok->magnitude);
	return gc_term_push(&p->values, t);
}

static int push_float(struct parser *p, const struct gc_token *tok, bool is_negative)
{
	struct gc_term *t = new_term(p, GC_TERM_FLOAT, tok->line);

	if (t)
		t->real = is_negative ? -tok->real : tok->real;
	return gc_term_push(&p->values, t);
}

static int signed_number(struct parser *p)
{
	bool is_negative = p->tok.type == GC_TOKEN_MINUS;
	int rc = 0;

	if (is_negative || p->tok.type == GC_TOKEN_PLUS)
		rc = advance(p);
	if (rc)
		return rc;
	if (p->tok.type == GC_TOKEN_FLOAT)
		rc = push_float(p, &p->tok, is_negative);
	else if (p->tok.type == GC_TOKEN_INT || p->tok.type == GC_TOKEN_CHAR)
		rc = push_int(p, &p->tok, is_negative);
	else
		return unexpected(p, "a number");
	return rc ? rc : advance(p);
}

/* ---- strings and binaries ---- */

/* "a" "b" is "ab". */
static int read_strings(struct parser *p)
{
	gc_buf_reset(&p->bytes);
	while (p->tok.type == GC_TOKEN_STRING) {
		gc_buf_put(&p->bytes, p->tok.text, p->tok.len);
		int rc = advance(p);
		if (rc)
			return rc;
	}
	return p->bytes.failed ? GC_ENOMEM : 0;
}

static int string(struct parser *p)
{
	uint32_t line = p->tok.line;
	int rc = read_strings(p);

	if (rc)
		return rc;
	enum gc_term_type type = p->bytes.len ? GC_TERM_STRING : GC_TERM_LIST; /* "" is [] */
	return push_text(p, type, line, p->bytes.data, p->bytes.len);
}

/* UTF-8 to latin1 in place, from `at` on. */
static int shrink(struct parser *p, size_t at, uint32_t line)
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

static int utf8_suffix(struct parser *p, bool *found_r)
{
	*found_r = false;
	if (p->tok.type != GC_TOKEN_SLASH)
		return 0;
	int rc = advance(p);
	if (rc)
		return rc;
	if (p->tok.type != GC_TOKEN_ATOM || p->tok.len != 4 || memcmp(p->tok.text, "utf8", 4) != 0)
		return unexpected(p, "utf8 (the only type for a part of a binary)");
	*found_r = true;
	return advance(p);
}

static int string_segment(struct parser *p)
{
	size_t at = p->bytes.len;
	uint32_t line = p->tok.line;
	bool is_utf8;

	while (p->tok.type == GC_TOKEN_STRING) {
		gc_buf_put(&p->bytes, p->tok.text, p->tok.len);
		int rc = advance(p);
		if (rc)
			return rc;
	}
	if (p->bytes.failed)
		return GC_ENOMEM;
	int rc = utf8_suffix(p, &is_utf8);
	return rc || is_utf8 ? rc : shrink(p, at, line);
}

static int byte_segment(struct parser *p)
{
	bool is_negative = p->tok.type == GC_TOKEN_MINUS;
	int rc = is_negative || p->tok.type == GC_TOKEN_PLUS ? advance(p) : 0;

	if (rc)
		return rc;
	if (p->tok.type != GC_TOKEN_INT && p->tok.type != GC_TOKEN_CHAR)
		return unexpected(p, "a string or a byte");
	if (p->tok.is_big || p->tok.magnitude > (is_negative ? 128 : 255))
		return gc_lexer_fail(&p->lexer, p->tok.line,
				     "a value in a binary that does not fit "
				     "a byte");
	uint8_t byte = (uint8_t)p->tok.magnitude;
	gc_buf_put_u8(&p->bytes, is_negative ? (uint8_t)-byte : byte);
	return advance(p);
}

static int binary(struct parser *p)
{
	uint32_t line = p->tok.line;
	int rc = advance(p);

	gc_buf_reset(&p->bytes);
	if (rc == 0 && p->tok.type != GC_TOKEN_CLOSE_BINARY) {
		for (;;) {
			rc = p->tok.type == GC_TOKEN_STRING ? string_segment(p) : byte_segment(p);
			if (rc || p->tok.type != GC_TOKEN_COMMA)
				break;
			rc = advance(p);
			if (rc)
				break;
		}
	}
	if (rc)
		return rc;
	if (p->tok.type != GC_TOKEN_CLOSE_BINARY)
		return unexpected(p, "',' or '>>'");
	rc = p->bytes.failed ? GC_ENOMEM
			     : push_text(p, GC_TERM_BINARY, line, p->bytes.data, p->bytes.len);
	return rc ? rc : advance(p);
}

/* ---- brackets ---- */

static int open_bracket(struct parser *p, enum gc_term_type type)
{
	if (p->depth == GC_ETF_MAX_DEPTH)
		return gc_lexer_fail(&p->lexer, p->tok.line,
				     "more than %d brackets within each "
				     "other",
				     GC_ETF_MAX_DEPTH);
	p->open[p->depth++] = (struct open){type, p->tok.line, p->values.n, false};
	return advance(p);
}

/* Two equal keys: the validator of external terms knows. */
static int check_keys(struct parser *p, const struct gc_term *map)
{
	struct gc_buf *b = &p->bytes;

	gc_buf_reset(b);
	gc_etf_put_map(b, (uint32_t)(map->n_items / 2));
	for (size_t i = 0; i < map->n_items; i += 2) {
		gc_etf_put_term(b, map->items[i]);
		gc_etf_put_nil(b);
	}
	if (b->failed)
		return GC_ENOMEM;
	int64_t n = gc_etf_check(b->data, b->len);
	if (n == GC_EPROTO)
		return gc_lexer_fail(&p->lexer, map->line, "a map with the same key twice");
	return n < 0 ? (int)n : 0;
}

static int close_bracket(struct parser *p)
{
	const struct open *o = &p->open[--p->depth];
	struct gc_term *t = new_term(p, o->type, o->line);

	if (!t)
		return GC_ENOMEM;
	int rc = o->type == GC_TERM_LIST ? gc_term_take_list(&p->values, t, o->values_at)
					 : gc_term_take(&p->values, t, o->values_at);
	if (rc == 0 && o->type == GC_TERM_MAP)
		rc = check_keys(p, t);
	if (rc == 0)
		rc = gc_term_push(&p->values, t);
	return rc ? rc : advance(p);
}

/* The elements of a list (or string) that is the tail of another. */
static int push_elements(struct parser *p, const struct gc_term *tail)
{
	int rc = 0;

	for (size_t i = 0; i < tail->n_items && rc == 0; i++)
		rc = gc_term_push(&p->values, tail->items[i]);
	if (tail->n_items)
		return rc;
	for (size_t at = 0; at < tail->text_len && rc == 0;) {
		uint32_t c = 0;
		struct gc_term *t = new_term(p, GC_TERM_INT, tail->line);
		at += gc_utf8_get((const uint8_t *)tail->text + at, tail->text_len - at, &c);
		if (t)
			t->integer = c;
		rc = gc_term_push(&p->values, t);
	}
	return rc;
}

static int unfold_tail(struct parser *p)
{
	const struct gc_term *tail = p->values.values[--p->values.n];

	if (tail->type != GC_TERM_LIST && tail->type != GC_TERM_STRING)
		return gc_lexer_fail(&p->lexer, tail->line, "behind '|' a list must follow");
	return push_elements(p, tail);
}

/* ---- the walk ---- */

static enum gc_token_type closer(const struct open *o)
{
	return o->type == GC_TERM_LIST ? GC_TOKEN_CLOSE_LIST : GC_TOKEN_CLOSE_TUPLE;
}

/* The innermost bracket has a key that waits for its value. */
static bool has_open_key(const struct parser *p, const struct open *o)
{
	return o->type == GC_TERM_MAP && (p->values.n - o->values_at) % 2 == 1;
}

/* A value is complete. Reads what may stand behind it and closes brackets, up to where the next
 * value is due (or the end, if no bracket is open). */
static int after_value(struct parser *p)
{
	while (p->depth) {
		struct open *o = &p->open[p->depth - 1];
		int rc;
		if (has_open_key(p, o))
			return p->tok.type == GC_TOKEN_ARROW ? advance(p) : unexpected(p, "'=>'");
		if (p->tok.type == GC_TOKEN_COMMA && !o->in_tail)
			return advance(p);
		if (p->tok.type == GC_TOKEN_BAR && o->type == GC_TERM_LIST && !o->in_tail) {
			o->in_tail = true;
			return advance(p);
		}
		if (p->tok.type != closer(o))
			return unexpected(p, o->in_tail		       ? "']'"
					     : o->type == GC_TERM_LIST ? "',' or ']'"
								       : "',' or '}'");
		rc = o->in_tail ? unfold_tail(p) : 0;
		if (rc == 0)
			rc = close_bracket(p);
		if (rc)
			return rc;
	}
	return 0;
}

static int leaf(struct parser *p)
{
	int rc;

	switch (p->tok.type) {
	case GC_TOKEN_ATOM:
		rc = push_text(p, GC_TERM_ATOM, p->tok.line, p->tok.text, p->tok.len);
		return rc ? rc : advance(p);
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
		return unexpected(p, "a term");
	}
}

static int value(struct parser *p)
{
	bool is_first = false; /* of its bracket, which may close at once */

	for (;;) {
		int rc;
		if (p->tok.type == GC_TOKEN_OPEN_TUPLE)
			rc = open_bracket(p, GC_TERM_TUPLE);
		else if (p->tok.type == GC_TOKEN_OPEN_LIST)
			rc = open_bracket(p, GC_TERM_LIST);
		else if (p->tok.type == GC_TOKEN_OPEN_MAP)
			rc = open_bracket(p, GC_TERM_MAP);
		else if (is_first && p->tok.type == closer(&p->open[p->depth - 1]))
			return close_bracket(p);
		else
			return leaf(p);
		if (rc)
			return rc;
		is_first = true;
	}
}

static int one_term(struct parser *p, bool dotted)
{
	int rc = advance(p);

	if (rc == 0 && p->tok.type == GC_TOKEN_END)
		return gc_lexer_fail(&p->lexer, p->tok.line, "there is no term");
	do {
		if (rc == 0)
			rc = value(p);
		if (rc == 0)
			rc = after_value(p);
	} while (rc == 0 && p->depth);
	if (rc == 0 && p->tok.type == GC_TOKEN_DOT)
		rc = advance(p);
	else if (rc == 0 && dotted)
		return unexpected(p, "'.'");
	if (rc == 0 && p->tok.type != GC_TOKEN_END)
		return unexpected(p, "the end");
	return rc;
}

int gc_term_parse(struct gc_arena *a, const char *text, size_t len, bool dotted,
		  const struct gc_term **term_r, char *err, size_t err_len)
{
	struct parser p = {.values = {.a = a}};

	*term_r = NULL;
	if (err_len)
		err[0] = '\0';
	gc_lexer_init(&p.lexer, text, len, err, err_len);
	int rc = one_term(&p, dotted);
	if (rc == 0)
		*term_r = p.values.values[0];
	if (rc == GC_ENOMEM)
		(void)snprintf(err, err_len, "%u: too large: out of memory", p.tok.line);
	gc_lexer_deinit(&p.lexer);
	gc_term_stack_deinit(&p.values);
	gc_buf_deinit(&p.bytes);
	return rc;
}
