/* Tokens of Erlang term text. */
#ifndef GC_TERM_LEX_H
#define GC_TERM_LEX_H

#include "term.h"

enum gc_token_type {
	GC_TOKEN_END,
	GC_TOKEN_DOT, /* that ends a term */
	GC_TOKEN_ATOM,
	GC_TOKEN_STRING,
	GC_TOKEN_INT,  /* magnitude, or too large for 64 bits: digits and base */
	GC_TOKEN_CHAR, /* magnitude */
	GC_TOKEN_FLOAT,
	GC_TOKEN_OPEN_TUPLE,
	GC_TOKEN_CLOSE_TUPLE, /* a map, too */
	GC_TOKEN_OPEN_LIST,
	GC_TOKEN_CLOSE_LIST,
	GC_TOKEN_OPEN_MAP,
	GC_TOKEN_OPEN_BINARY,
	GC_TOKEN_CLOSE_BINARY,
	GC_TOKEN_COMMA,
	GC_TOKEN_BAR,
	GC_TOKEN_ARROW,
	GC_TOKEN_SLASH,
	GC_TOKEN_MINUS,
	GC_TOKEN_PLUS,
};

struct gc_token {
	enum gc_token_type type;
	uint32_t line;
	uint64_t magnitude;
	bool is_big;
	double real;
	const char *text; /* of atom and string: in the lexer's buffer, until the next token; of a
			   * big integer: its digits alone, likewise */
	size_t len;
	unsigned base;
};

#define GC_LEX_MAX_DIGITS 1000

struct gc_lexer {
	const uint8_t *p;
	size_t left;
	uint32_t line;
	struct gc_buf text; /* of the current token */
	char *err;
	size_t err_len;
};

/* err: where the sentence of a failure goes. deinit is owed. */
void gc_lexer_init(struct gc_lexer *x, const char *text, size_t len, char *err, size_t err_len);
void gc_lexer_deinit(struct gc_lexer *x);
/* The next token. 0, GC_EINVAL with the sentence, GC_ENOMEM. */
int gc_lexer_next(struct gc_lexer *x, struct gc_token *t);
/* Writes "LINE: sentence" and returns GC_EINVAL. */
int gc_lexer_fail(struct gc_lexer *x, uint32_t line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What a token is called in a sentence. */
const char *gc_token_name(enum gc_token_type type);

/* True for a word that must be quoted to be an atom. (term_print.c asks, too) */
bool gc_term_is_reserved(const char *s, size_t len);
/* Letters as in an unquoted atom: latin1 only. */
bool gc_term_is_lower(uint32_t code);
bool gc_term_is_name_char(uint32_t code);

#endif
