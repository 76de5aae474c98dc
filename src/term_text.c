/* Erlang term text to tree: a subset of what file:consult/1 reads, never with another meaning.
 * Pure; no recursion: open brackets wait on a stack of GC_ETF_MAX_DEPTH, finished terms on another.
 *
 * Refused, though file:consult/1 takes it: improper lists, sizes and types other than /utf8 in a
 * binary and values in it that do not fit a byte, a map with a key twice (it would silently take
 * the last), terms in parentheses, `fun m:f/1`, numbers of more than 1000 digits, deep nesting,
 * latin1, strings side by side without space. */
#include "term_text_priv.h"

#include "err.h"
#include "utf8.h"

#include <stdio.h>
#include <string.h>

int gc_parser_next(struct gc_parser *p)
{
	return gc_lexer_next(&p->lexer, &p->tok);
}

int gc_parser_unexpected(struct gc_parser *p, const char *wanted)
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

struct gc_term *gc_parser_new(struct gc_parser *p, enum gc_term_type type, uint32_t line)
{
	struct gc_term *t = gc_arena_alloc(p->values.a, sizeof(*t));

	if (t) {
		t->type = type;
		t->line = line;
	}
	return t;
}

/* ---- brackets ---- */

static int open_bracket(struct gc_parser *p, enum gc_term_type type)
{
	if (p->depth == GC_ETF_MAX_DEPTH)
		return gc_lexer_fail(&p->lexer, p->tok.line,
				     "more than %d brackets within each "
				     "other",
				     GC_ETF_MAX_DEPTH);
	p->open[p->depth++] = (struct gc_bracket){type, p->tok.line, p->values.n, false};
	return gc_parser_next(p);
}

/* Two equal keys: the validator of external terms knows. */
static int check_keys(struct gc_parser *p, const struct gc_term *map)
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

static int close_bracket(struct gc_parser *p)
{
	const struct gc_bracket *o = &p->open[--p->depth];
	struct gc_term *t = gc_parser_new(p, o->type, o->line);

	if (!t)
		return GC_ENOMEM;
	int rc = o->type == GC_TERM_LIST ? gc_term_take_list(&p->values, t, o->values_at)
					 : gc_term_take(&p->values, t, o->values_at);
	if (rc == 0 && o->type == GC_TERM_MAP)
		rc = check_keys(p, t);
	if (rc == 0)
		rc = gc_term_push(&p->values, t);
	return rc ? rc : gc_parser_next(p);
}

/* The elements of a list (or string) that is the tail of another. */
static int push_elements(struct gc_parser *p, const struct gc_term *tail)
{
	int rc = 0;

	for (size_t i = 0; i < tail->n_items && rc == 0; i++)
		rc = gc_term_push(&p->values, tail->items[i]);
	if (tail->n_items)
		return rc;
	for (size_t at = 0; at < tail->text_len && rc == 0;) {
		uint32_t c = 0;
		struct gc_term *t = gc_parser_new(p, GC_TERM_INT, tail->line);
		at += gc_utf8_get((const uint8_t *)tail->text + at, tail->text_len - at, &c);
		if (t)
			t->integer = c;
		rc = gc_term_push(&p->values, t);
	}
	return rc;
}

static int unfold_tail(struct gc_parser *p)
{
	const struct gc_term *tail = p->values.values[--p->values.n];

	if (tail->type != GC_TERM_LIST && tail->type != GC_TERM_STRING)
		return gc_lexer_fail(&p->lexer, tail->line, "behind '|' a list must follow");
	return push_elements(p, tail);
}

/* ---- the walk ---- */

static enum gc_token_type closer(const struct gc_bracket *o)
{
	return o->type == GC_TERM_LIST ? GC_TOKEN_CLOSE_LIST : GC_TOKEN_CLOSE_TUPLE;
}

/* The innermost bracket has a key that waits for its value. */
static bool has_open_key(const struct gc_parser *p, const struct gc_bracket *o)
{
	return o->type == GC_TERM_MAP && (p->values.n - o->values_at) % 2 == 1;
}

/* A value is complete. Reads what may stand behind it and closes brackets, up to where the next
 * value is due (or the end, if no bracket is open). */
static int after_value(struct gc_parser *p)
{
	while (p->depth) {
		struct gc_bracket *o = &p->open[p->depth - 1];
		int rc;
		if (has_open_key(p, o))
			return p->tok.type == GC_TOKEN_ARROW ? gc_parser_next(p)
							     : gc_parser_unexpected(p, "'=>'");
		if (p->tok.type == GC_TOKEN_COMMA && !o->in_tail)
			return gc_parser_next(p);
		if (p->tok.type == GC_TOKEN_BAR && o->type == GC_TERM_LIST && !o->in_tail) {
			o->in_tail = true;
			return gc_parser_next(p);
		}
		if (p->tok.type != closer(o))
			return gc_parser_unexpected(p, o->in_tail		 ? "']'"
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

static int value(struct gc_parser *p)
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
			return gc_parser_literal(p);
		if (rc)
			return rc;
		is_first = true;
	}
}

static int one_term(struct gc_parser *p, bool dotted)
{
	int rc = gc_parser_next(p);

	if (rc == 0 && p->tok.type == GC_TOKEN_END)
		return gc_lexer_fail(&p->lexer, p->tok.line, "there is no term");
	do {
		if (rc == 0)
			rc = value(p);
		if (rc == 0)
			rc = after_value(p);
	} while (rc == 0 && p->depth);
	if (rc == 0 && p->tok.type == GC_TOKEN_DOT)
		rc = gc_parser_next(p);
	else if (rc == 0 && dotted)
		return gc_parser_unexpected(p, "'.'");
	if (rc == 0 && p->tok.type != GC_TOKEN_END)
		return gc_parser_unexpected(p, "the end");
	return rc;
}

int gc_term_parse(struct gc_arena *a, const char *text, size_t len, bool dotted,
		  const struct gc_term **term_r, char *err, size_t err_len)
{
	struct gc_parser p = {.values = {.a = a}};

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
