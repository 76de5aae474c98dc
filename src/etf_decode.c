/* External term to tree. Pure, after validation; no recursion: finished terms wait on a stack of
 * values until their container is complete and takes them. */
#include "etf_priv.h"
#include "term_build.h"

/* The elements of strings: one for each byte, shared by all trees. */
#define INT1(i)                                                                                    \
	{                                                                                          \
		.type = GC_TERM_INT, .integer = (i)                                                \
	}
#define INT4(i) INT1(i), INT1((i) + 1), INT1((i) + 2), INT1((i) + 3)
#define INT16(i) INT4(i), INT4((i) + 4), INT4((i) + 8), INT4((i) + 12)
#define INT64(i) INT16(i), INT16((i) + 16), INT16((i) + 32), INT16((i) + 48)
static const struct gc_term byte_terms[256] = {INT64(0), INT64(64), INT64(128), INT64(192)};

struct frame {
	enum gc_head_kind kind;
	uint64_t left;	  /* terms still to come, the tail of a list included */
	size_t values_at; /* its first child on the stack of values */
	const uint8_t *raw;
};

struct build {
	struct gc_reader r;
	struct gc_term_stack values;
	struct frame frames[GC_ETF_MAX_DEPTH];
	size_t depth;
};

/* What begins at raw and ends where we read now. */
static struct gc_term *new_term(struct build *b, enum gc_term_type type, const uint8_t *raw)
{
	struct gc_term *t = gc_arena_alloc(b->values.a, sizeof(*t));

	if (t) {
		t->type = type;
		t->raw = raw;
		t->raw_len = (size_t)(b->r.p - raw);
	}
	return t;
}

static enum gc_term_type type_of(enum gc_head_kind kind)
{
	static const enum gc_term_type types[] = {
	    [GC_HEAD_INT] = GC_TERM_INT,       [GC_HEAD_BIG] = GC_TERM_BIGNUM,
	    [GC_HEAD_FLOAT] = GC_TERM_FLOAT,   [GC_HEAD_ATOM] = GC_TERM_ATOM,
	    [GC_HEAD_BINARY] = GC_TERM_BINARY, [GC_HEAD_BITS] = GC_TERM_OTHER,
	    [GC_HEAD_NIL] = GC_TERM_LIST,      [GC_HEAD_STRING] = GC_TERM_LIST,
	    [GC_HEAD_PID] = GC_TERM_PID,       [GC_HEAD_PORT] = GC_TERM_OTHER,
	    [GC_HEAD_REF] = GC_TERM_REF,       [GC_HEAD_EXPORT] = GC_TERM_OTHER,
	    [GC_HEAD_LIST] = GC_TERM_LIST,     [GC_HEAD_TUPLE] = GC_TERM_TUPLE,
	    [GC_HEAD_MAP] = GC_TERM_MAP,       [GC_HEAD_FUN] = GC_TERM_OTHER,
	};

	return types[kind];
}

static struct gc_term *set_atom(struct build *b, struct gc_term *t, const struct gc_head_atom *a)
{
	char name[GC_ATOM_MAX + 1];

	return gc_term_set_text(b->values.a, t, name, gc_head_atom_text(a, name));
}

static struct gc_term *new_leaf(struct build *b, const struct gc_head *h, const uint8_t *raw)
{
	struct gc_term *t = new_term(b, type_of(h->kind), raw);

	if (!t)
		return NULL;
	t->integer = h->integer;
	t->real = h->real;
	if (t->type == GC_TERM_ATOM || t->type == GC_TERM_PID || t->type == GC_TERM_REF)
		return set_atom(b, t, &h->atom);
	if (t->type == GC_TERM_BINARY)
		return gc_term_set_text(b->values.a, t, h->p, h->len);
	return t;
}

/* ---- the walk ---- */

static int finish_list(struct build *b, const struct frame *f, struct gc_term *t)
{
	const struct gc_term *tail = b->values.values[b->values.n - 1];

	if (tail->type != GC_TERM_LIST) { /* improper: only whole, as raw bytes */
		t->type = GC_TERM_OTHER;
		b->values.n = f->values_at;
		return 0;
	}
	b->values.n--;
	return gc_term_take_list(&b->values, t, f->values_at);
}

static int close_frame(struct build *b, const struct frame *f)
{
	struct gc_term *t = new_term(b, type_of(f->kind), f->raw);

	if (!t)
		return GC_ENOMEM;
	int rc = f->kind == GC_HEAD_LIST ? finish_list(b, f, t)
					 : gc_term_take(&b->values, t, f->values_at);
	return rc ? rc : gc_term_push(&b->values, t);
}

/* A term is there; perhaps it completes those around it. */
static int take(struct build *b, const struct gc_term *t)
{
	int rc = gc_term_push(&b->values, t);

	while (rc == 0 && b->depth) {
		struct frame *f = &b->frames[b->depth - 1];
		if (--f->left > 0)
			return 0;
		b->depth--;
		rc = close_frame(b, f);
	}
	return rc;
}

/* The list whose tail comes next. */
static struct frame *list_at_tail(struct build *b)
{
	struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	return f && f->kind == GC_HEAD_LIST && f->left == 1 ? f : NULL;
}

static int take_string(struct build *b, const struct gc_head *h, const uint8_t *raw)
{
	static const struct gc_term nil = {.type = GC_TERM_LIST};
	struct gc_term *t = new_term(b, GC_TERM_LIST, raw);
	size_t at = b->values.n;
	int rc = t ? 0 : GC_ENOMEM;

	for (size_t i = 0; i < h->len && rc == 0; i++)
		rc = gc_term_push(&b->values, &byte_terms[h->p[i]]);
	if (rc)
		return rc;
	if (list_at_tail(b)) /* its bytes are the last elements of that list */
		return take(b, &nil);
	rc = gc_term_take_list(&b->values, t, at);
	return rc ? rc : take(b, t);
}

/* Not taken apart; nor are the funs inside it, so no byte is validated a third time. */
static int take_fun(struct build *b, const uint8_t *raw)
{
	size_t left = b->r.len + (size_t)(b->r.p - raw);
	int64_t n = gc_etf_check(raw, left);

	if (n < 0)
		return (int)n;
	b->r = gc_reader(raw + n, left - (size_t)n);
	return take(b, new_term(b, GC_TERM_OTHER, raw));
}

static int take_empty(struct build *b, const struct gc_head *h, const uint8_t *raw)
{
	if (h->kind == GC_HEAD_LIST)
		gc_read_u8(&b->r); /* its tail, [] */
	return take(b, new_term(b, type_of(h->kind), raw));
}

static int open_frame(struct build *b, const struct gc_head *h, const uint8_t *raw)
{
	struct frame *list = list_at_tail(b);
	bool is_list = h->kind == GC_HEAD_LIST;

	if (list && is_list) {
		list->left += h->n;
		return 0;
	}
	if (b->depth == GC_ETF_MAX_DEPTH)
		return GC_ETOOBIG;
	b->frames[b->depth++] =
	    (struct frame){h->kind, (uint64_t)h->n + (is_list ? 1 : 0), b->values.n, raw};
	return 0;
}

static int step(struct build *b)
{
	const uint8_t *raw = b->r.p;
	struct gc_head h;
	int rc = gc_head_read(&b->r, &h);

	if (rc)
		return rc;
	if (h.kind == GC_HEAD_STRING)
		return take_string(b, &h, raw);
	if (h.kind < GC_HEAD_LIST)
		return take(b, new_leaf(b, &h, raw));
	if (h.kind == GC_HEAD_FUN)
		return take_fun(b, raw);
	return h.n ? open_frame(b, &h, raw) : take_empty(b, &h, raw);
}

int gc_etf_decode(struct gc_arena *a, const uint8_t *p, size_t len, const struct gc_term **term_r)
{
	struct build b = {.r = gc_reader(p, len), .values = {.a = a}};
	int64_t n = gc_etf_check(p, len);
	int rc = n < 0 ? (int)n : (size_t)n != len ? GC_EPROTO : 0;

	*term_r = NULL;
	while (rc == 0 && (b.depth > 0 || b.values.n == 0))
		rc = step(&b);
	if (rc == 0)
		*term_r = b.values.values[0];
	gc_term_stack_deinit(&b.values);
	return rc;
}
