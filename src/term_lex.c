/* The lexer of Erlang term text: what erl_scan takes, UTF-8 only. Pure; every token is at most as
 * long as the text left. (OTP: stdlib, erl_scan; by experiment on release 25) */
#include "term_lex_priv.h"

#include "err.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int gc_lexer_fail(struct gc_lexer *x, uint32_t line, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(x->err, x->err_len, "%u: ", line);

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < x->err_len)
		(void)vsnprintf(x->err + n, x->err_len - (size_t)n, fmt, ap);
	va_end(ap);
	return GC_EINVAL;
}

void gc_lexer_init(struct gc_lexer *x, const char *text, size_t len, char *err, size_t err_len)
{
	*x = (struct gc_lexer){
	    .p = (const uint8_t *)text, .left = len, .line = 1, .err = err, .err_len = err_len};
}

void gc_lexer_deinit(struct gc_lexer *x)
{
	gc_buf_deinit(&x->text);
}

const char *gc_token_name(enum gc_token_type type)
{
	static const char *const names[] = {
	    [GC_TOKEN_END] = "the end",	     [GC_TOKEN_DOT] = "'.'",
	    [GC_TOKEN_ATOM] = "an atom",     [GC_TOKEN_STRING] = "a string",
	    [GC_TOKEN_INT] = "an integer",   [GC_TOKEN_CHAR] = "a character",
	    [GC_TOKEN_FLOAT] = "a float",    [GC_TOKEN_OPEN_TUPLE] = "'{'",
	    [GC_TOKEN_CLOSE_TUPLE] = "'}'",  [GC_TOKEN_OPEN_LIST] = "'['",
	    [GC_TOKEN_CLOSE_LIST] = "']'",   [GC_TOKEN_OPEN_MAP] = "'#{'",
	    [GC_TOKEN_OPEN_BINARY] = "'<<'", [GC_TOKEN_CLOSE_BINARY] = "'>>'",
	    [GC_TOKEN_COMMA] = "','",	     [GC_TOKEN_BAR] = "'|'",
	    [GC_TOKEN_ARROW] = "'=>'",	     [GC_TOKEN_SLASH] = "'/'",
	    [GC_TOKEN_MINUS] = "'-'",	     [GC_TOKEN_PLUS] = "'+'",
	};

	return names[type];
}

/* ---- characters ---- */

bool gc_term_is_lower(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff && c != 0xf7);
}

static bool is_upper(uint32_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

bool gc_term_is_name_char(uint32_t c)
{
	return gc_term_is_lower(c) || is_upper(c) || gc_is_digit(c) || c == '_' || c == '@';
}

bool gc_term_is_reserved(const char *s, size_t len)
{
	static const char *const words[] = {
	    "after", "and",  "andalso", "band",	  "begin",   "bnot", "bor", "bsl",  "bsr",
	    "bxor",  "case", "catch",	"cond",	  "div",     "end",  "fun", "if",   "let",
	    "not",   "of",   "or",	"orelse", "receive", "rem",  "try", "when", "xor"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strlen(words[i]) == len && memcmp(words[i], s, len) == 0)
			return true;
	}
	return false;
}

/* The code point here: 0 at the end (and for a NUL), UINT32_MAX if it is not UTF-8. */
static uint32_t peek(const struct gc_lexer *x)
{
	uint32_t c = 0;

	return x->left && gc_utf8_get(x->p, x->left, &c) == 0 ? UINT32_MAX : c;
}

/* The code point here, and past it. */
static int take(struct gc_lexer *x, uint32_t *c_r)
{
	if (x->left == 0)
		return gc_lexer_fail(x, x->line, "the text ends in the middle of a word");
	size_t n = gc_utf8_get(x->p, x->left, c_r);
	if (n == 0)
		return gc_lexer_fail(x, x->line, "byte 0x%02x is not UTF-8", x->p[0]);
	gc_lexer_skip(x, n);
	return 0;
}

static bool is_space(uint32_t c)
{
	return c <= ' ' || (c >= 0x80 && c <= 0xa0);
}

static void skip_comment(struct gc_lexer *x)
{
	const uint8_t *end = memchr(x->p, '\n', x->left);

	gc_lexer_skip(x, end ? (size_t)(end - x->p) : x->left);
}

/* Comments have to be UTF-8 as well: file:consult/1 is as strict. */
static int skip_space(struct gc_lexer *x)
{
	while (x->left > 0) {
		uint32_t c = peek(x);
		const uint8_t *from = x->p;
		if (c == '%')
			skip_comment(x);
		else if (is_space(c))
			gc_lexer_skip(x, c < 0x80 ? 1 : 2);
		else
			break;
		if (gc_utf8_count(from, (size_t)(x->p - from)) == SIZE_MAX)
			return gc_lexer_fail(x, x->line, "a comment that is not UTF-8");
	}
	return 0;
}

static void add_code(struct gc_lexer *x, uint32_t c)
{
	char utf8[4];

	gc_buf_put(&x->text, utf8, gc_utf8_put(c, utf8));
}

/* ---- escapes ---- */

static int hex_escape(struct gc_lexer *x, uint32_t *c_r)
{
	bool in_braces = gc_lexer_byte(x, 0) == '{';
	size_t n = 0;
	uint32_t c = 0;

	gc_lexer_skip(x, in_braces);
	while (gc_digit_value(gc_lexer_byte(x, 0)) < 16 && n < (in_braces ? 6 : 2)) {
		c = 16 * c + gc_digit_value(gc_lexer_byte(x, 0));
		gc_lexer_skip(x, 1);
		n++;
	}
	if (in_braces && gc_lexer_byte(x, 0) != '}')
		n = 0;
	gc_lexer_skip(x, in_braces);
	if (n == 0 || (!in_braces && n != 2) || !gc_utf8_is_code(c))
		return gc_lexer_fail(x, x->line, "\\x needs two hex digits, or a code point in {}");
	*c_r = c;
	return 0;
}

static uint32_t octal_escape(struct gc_lexer *x, uint32_t c)
{
	c -= '0';
	for (int i = 0; i < 2 && gc_lexer_byte(x, 0) >= '0' && gc_lexer_byte(x, 0) <= '7'; i++) {
		c = 8 * c + gc_lexer_byte(x, 0) - '0';
		gc_lexer_skip(x, 1);
	}
	return c;
}

static int control_escape(struct gc_lexer *x, uint32_t *c_r)
{
	uint8_t c = gc_lexer_byte(x, 0);

	if (!(c >= '@' && c <= '_') && !(c >= 'a' && c <= 'z'))
		return gc_lexer_fail(x, x->line, "\\^ needs a letter");
	*c_r = c & 31;
	gc_lexer_skip(x, 1);
	return 0;
}

/* Behind a backslash. */
static int escape(struct gc_lexer *x, uint32_t *c_r)
{
	static const char from[] = "nrtvbfesd", to[] = "\n\r\t\v\b\f\033 \177";
	int rc = take(x, c_r);

	if (rc)
		return rc;
	if (*c_r == 'x')
		return hex_escape(x, c_r);
	if (*c_r == '^')
		return control_escape(x, c_r);
	if (*c_r >= '0' && *c_r <= '7') {
		*c_r = octal_escape(x, *c_r);
		return 0;
	}
	const char *known = *c_r && *c_r < 0x80 ? strchr(from, (int)*c_r) : NULL;
	if (known)
		*c_r = (uint8_t)to[known - from];
	return 0;
}

/* ---- atoms, strings, characters ---- */

/* "a""b" was "ab" once; from release 27 on it is wrong, and three quotes begin another kind of
 * string. */
static int check_string_end(struct gc_lexer *x)
{
	if (gc_lexer_byte(x, 0) == '"')
		return gc_lexer_fail(x, x->line, "space is missing between two strings");
	return 0;
}

static int quoted(struct gc_lexer *x, struct gc_token *t, uint32_t quote)
{
	gc_lexer_skip(x, 1);
	for (;;) {
		uint32_t c;
		if (x->left == 0)
			return gc_lexer_fail(x, t->line, "a %s that is not closed",
					     quote == '"' ? "string" : "quoted atom");
		int rc = take(x, &c);
		if (rc == 0 && c == quote)
			return quote == '"' ? check_string_end(x) : 0;
		if (rc == 0 && c == '\\')
			rc = escape(x, &c);
		if (rc)
			return rc;
		add_code(x, c);
	}
}

static int check_atom(struct gc_lexer *x, const struct gc_token *t)
{
	if (gc_utf8_count(x->text.data, x->text.len) > 255)
		return gc_lexer_fail(x, t->line, "an atom of more than 255 characters");
	return 0;
}

static int name(struct gc_lexer *x, struct gc_token *t)
{
	while (gc_term_is_name_char(peek(x)) && x->left > 0) {
		uint32_t c;
		int rc = take(x, &c);
		if (rc)
			return rc;
		add_code(x, c);
	}
	const char *s = (const char *)x->text.data;
	if (s && gc_term_is_reserved(s, x->text.len))
		return gc_lexer_fail(x, t->line,
				     "%.*s is a reserved word; as an atom it needs "
				     "quotes: '%.*s'",
				     (int)x->text.len, s, (int)x->text.len, s);
	return check_atom(x, t);
}

static int character(struct gc_lexer *x, struct gc_token *t)
{
	uint32_t c = 0;

	t->type = GC_TOKEN_CHAR;
	gc_lexer_skip(x, 1);
	int rc = take(x, &c);
	if (rc == 0 && c == '\\')
		rc = escape(x, &c);
	t->magnitude = c;
	return rc;
}

/* ---- signs ---- */

static bool is_dot(const struct gc_lexer *x)
{
	struct gc_lexer after = *x;

	gc_lexer_skip(&after, 1);
	return after.left == 0 || is_space(peek(&after)) || peek(&after) == '%';
}

static int sign(struct gc_lexer *x, struct gc_token *t)
{
	static const struct {
		char text[3];
		enum gc_token_type type;
	} signs[] = {
	    {"<<", GC_TOKEN_OPEN_BINARY}, {">>", GC_TOKEN_CLOSE_BINARY}, {"=>", GC_TOKEN_ARROW},
	    {"{", GC_TOKEN_OPEN_TUPLE},	  {"}", GC_TOKEN_CLOSE_TUPLE},	 {"[", GC_TOKEN_OPEN_LIST},
	    {"]", GC_TOKEN_CLOSE_LIST},	  {",", GC_TOKEN_COMMA},	 {"|", GC_TOKEN_BAR},
	    {"/", GC_TOKEN_SLASH},	  {"-", GC_TOKEN_MINUS},	 {"+", GC_TOKEN_PLUS}};

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		size_t len = strlen(signs[i].text);
		if (len <= x->left && memcmp(x->p, signs[i].text, len) == 0) {
			t->type = signs[i].type;
			gc_lexer_skip(x, len);
			return 0;
		}
	}
	return GC_EINVAL;
}

/* "#{", even with space between. */
static int map_sign(struct gc_lexer *x, struct gc_token *t)
{
	gc_lexer_skip(x, 1);
	int rc = skip_space(x);
	if (rc)
		return rc;
	if (gc_lexer_byte(x, 0) != '{')
		return gc_lexer_fail(x, t->line,
				     "'#' begins a map, '#{'; records are not known here");
	gc_lexer_skip(x, 1);
	t->type = GC_TOKEN_OPEN_MAP;
	return 0;
}

static int odd_character(struct gc_lexer *x, const struct gc_token *t, uint32_t c)
{
	char utf8[5] = "";

	if (c == UINT32_MAX)
		return gc_lexer_fail(x, t->line, "byte 0x%02x is not UTF-8", x->p[0]);
	gc_utf8_put(c, utf8);
	if (is_upper(c) || c == '_')
		return gc_lexer_fail(x, t->line,
				     "a word that begins with '%s' is a variable; an atom "
				     "needs quotes then",
				     utf8);
	if (c == '.')
		return gc_lexer_fail(x, t->line, "a '.' with no space behind it");
	return gc_lexer_fail(x, t->line, "'%s' cannot stand here",
			     c < ' ' || c == 127 ? "?" : utf8);
}

static int read_token(struct gc_lexer *x, struct gc_token *t)
{
	uint32_t c = peek(x);

	if (x->left == 0)
		return 0;
	if (gc_is_digit(c))
		return gc_lexer_number(x, t);
	if (c == '$')
		return character(x, t);
	if (c == '"' || c == '\'') {
		t->type = c == '"' ? GC_TOKEN_STRING : GC_TOKEN_ATOM;
		int rc = quoted(x, t, c);
		return rc || c == '"' ? rc : check_atom(x, t);
	}
	if (gc_term_is_lower(c)) {
		t->type = GC_TOKEN_ATOM;
		return name(x, t);
	}
	if (c == '#')
		return map_sign(x, t);
	if (c == '.' && is_dot(x)) {
		t->type = GC_TOKEN_DOT;
		gc_lexer_skip(x, 1);
		return 0;
	}
	return sign(x, t) ? odd_character(x, t, c) : 0;
}

int gc_lexer_next(struct gc_lexer *x, struct gc_token *t)
{
	int rc = skip_space(x);

	*t = (struct gc_token){.type = GC_TOKEN_END, .line = x->line};
	gc_buf_reset(&x->text);
	if (rc == 0)
		rc = read_token(x, t);
	if (rc == 0 && x->text.failed)
		rc = GC_ENOMEM;
	t->text = x->text.len ? (const char *)x->text.data : "";
	t->len = x->text.len;
	return rc;
}
