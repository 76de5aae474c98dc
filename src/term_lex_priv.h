/* Inside of term_lex*.c: steps over bytes, and the lexer of numbers. */
#ifndef GC_TERM_LEX_PRIV_H
#define GC_TERM_LEX_PRIV_H

#include "term_lex.h"

/* Bytes ahead; 0 behind the end. */
static inline uint8_t gc_lexer_byte(const struct gc_lexer *x, size_t i)
{
	return i < x->left ? x->p[i] : 0;
}

static inline void gc_lexer_skip(struct gc_lexer *x, size_t bytes)
{
	for (; bytes > 0 && x->left > 0; bytes--) {
		if (*x->p == '\n')
			x->line++;
		x->p++;
		x->left--;
	}
}

static inline bool gc_is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* 99: not one in any base. */
static inline unsigned gc_digit_value(uint32_t c)
{
	if (gc_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
}

/* An integer, with a base or without, or a float. */
int gc_lexer_number(struct gc_lexer *x, struct gc_token *t);

#endif
