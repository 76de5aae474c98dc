/* Inside of term_text.c and term_literal.c: the parser of term text. */
#ifndef GC_TERM_TEXT_PRIV_H
#define GC_TERM_TEXT_PRIV_H

#include "etf.h"
#include "term_build.h"
#include "term_lex.h"

struct gc_bracket { /* a bracket */
	enum gc_term_type type;
	uint32_t line;
	size_t values_at;
	bool in_tail; /* of a list: '|' has been read */
};

struct gc_parser {
	struct gc_lexer lexer;
	struct gc_token tok; /* the next one, not taken yet */
	struct gc_term_stack values;
	struct gc_bracket open[GC_ETF_MAX_DEPTH];
	size_t depth;
	struct gc_buf bytes; /* of a string or binary in the making; of numbers and maps */
};

/* All: 0, GC_EINVAL with the sentence written, GC_ENOMEM. */
/* Reads the next token over p->tok. */
int gc_parser_next(struct gc_parser *p);
/* "WANTED is missing before TOKEN" */
int gc_parser_unexpected(struct gc_parser *p, const char *wanted);
/* NULL: no memory. */
struct gc_term *gc_parser_new(struct gc_parser *p, enum gc_term_type type, uint32_t line);
/* Reads an atom, number, string or binary and pushes it. */
int gc_parser_literal(struct gc_parser *p);

#endif
