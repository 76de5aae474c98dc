/* Numbers in term text: 1_000, 16#ff, 1.5e-3. Pure; at most GC_LEX_MAX_DIGITS digits. */
#include "term_lex_priv.h"

#include "err.h"

#include <math.h>
#include <stdlib.h>

/* Appends digits of a base, dropping the '_' between two of them. */
static void digits(struct gc_lexer *x, unsigned base)
{
	while (gc_digit_value(gc_lexer_byte(x, 0)) < base) {
		gc_buf_put_u8(&x->text, gc_lexer_byte(x, 0));
		gc_lexer_skip(x, 1);
		if (gc_lexer_byte(x, 0) == '_' && gc_digit_value(gc_lexer_byte(x, 1)) < base)
			gc_lexer_skip(x, 1);
	}
}

static int check_digits(struct gc_lexer *x, const struct gc_token *t)
{
	if (x->text.failed)
		return GC_ENOMEM;
	if (x->text.len > GC_LEX_MAX_DIGITS)
		return gc_lexer_fail(x, t->line, "a number of more than %d digits",
				     GC_LEX_MAX_DIGITS);
	return 0;
}

static int set_int(struct gc_lexer *x, struct gc_token *t, unsigned base)
{
	int rc = check_digits(x, t);

	t->type = GC_TOKEN_INT;
	t->base = base;
	for (size_t i = 0; rc == 0 && i < x->text.len; i++) {
		unsigned digit = gc_digit_value(x->text.data[i]);
		if (t->magnitude > (UINT64_MAX - digit) / base) {
			t->is_big = true;
			break;
		}
		t->magnitude = t->magnitude * base + digit;
	}
	return rc;
}

static int based_int(struct gc_lexer *x, struct gc_token *t)
{
	int rc = set_int(x, t, 10);

	if (rc)
		return rc;
	if (t->is_big || t->magnitude < 2 || t->magnitude > 36)
		return gc_lexer_fail(x, t->line, "a base before '#' is from 2 to 36");
	unsigned base = (unsigned)t->magnitude;
	gc_lexer_skip(x, 1);
	gc_buf_reset(&x->text);
	t->magnitude = 0;
	digits(x, base);
	if (x->text.len == 0)
		return gc_lexer_fail(x, t->line, "no digit of base %u after '#'", base);
	return set_int(x, t, base);
}

static void exponent(struct gc_lexer *x)
{
	size_t sign = gc_lexer_byte(x, 1) == '-' || gc_lexer_byte(x, 1) == '+';

	if ((gc_lexer_byte(x, 0) | 32) != 'e' || !gc_is_digit(gc_lexer_byte(x, 1 + sign)))
		return;
	gc_buf_put(&x->text, x->p, 1 + sign);
	gc_lexer_skip(x, 1 + sign);
	digits(x, 10);
}

static int real(struct gc_lexer *x, struct gc_token *t)
{
	gc_buf_put_u8(&x->text, '.');
	gc_lexer_skip(x, 1);
	digits(x, 10);
	exponent(x);
	int rc = check_digits(x, t);
	if (rc)
		return rc;
	gc_buf_put_u8(&x->text, 0);
	if (x->text.failed)
		return GC_ENOMEM;
	t->type = GC_TOKEN_FLOAT;
	t->real = strtod((const char *)x->text.data, NULL);
	return isfinite(t->real) ? 0 : gc_lexer_fail(x, t->line, "a float that is too large");
}

int gc_lexer_number(struct gc_lexer *x, struct gc_token *t)
{
	digits(x, 10);
	if (gc_lexer_byte(x, 0) == '#')
		return based_int(x, t);
	if (gc_lexer_byte(x, 0) == '.' && gc_is_digit(gc_lexer_byte(x, 1)))
		return real(x, t);
	return set_int(x, t, 10);
}
