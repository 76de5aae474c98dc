/* Peers in a text; see peer_text.h. Pure: one pass, no allocation, no recursion. */
#include "peer_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 255

struct scan {
	const char *at, *end;
	unsigned line;
	gc_peer_text_cb cb;
	void *arg;
	char *err;
	size_t err_len;
};

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-' || c == ':' || c == '@';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int fail(const struct scan *s, const char *what)
{
	char near[24];
	size_t len = 0;

	while (s->at + len < s->end && len < sizeof(near) - 1 && s->at[len] > ' ' &&
	       s->at[len] < 0x7f) {
		near[len] = s->at[len];
		len++;
	}
	near[len] = '\0';
	(void)snprintf(s->err, s->err_len, "line %u: %s%s%s", s->line, what, len ? " at " : "",
		       near);
	return -1;
}

static void skip_blank(struct scan *s)
{
	while (s->at < s->end) {
		if (*s->at == '#' || *s->at == '%') {
			const char *newline = memchr(s->at, '\n', (size_t)(s->end - s->at));
			s->at = newline ? newline : s->end;
		} else if (is_space(*s->at)) {
			s->line += *s->at++ == '\n';
		} else {
			return;
		}
	}
}

static bool take(struct scan *s, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, text, len) != 0)
		return false;
	s->at += len;
	return true;
}

/* A run of name characters, given to cb. */
static int word(struct scan *s)
{
	const char *from = s->at, *to = from;

	while (to < s->end && is_name_char(*to))
		to++;
	if (to == from)
		return fail(s, "no node name or host");
	if (to - from > WORD_MAX)
		return fail(s, "a name longer than 255 characters");
	s->at = to;
	s->cb(s->arg, from, (size_t)(to - from));
	return 0;
}

static int words(struct scan *s)
{
	for (skip_blank(s); s->at < s->end; skip_blank(s)) {
		if (word(s))
			return -1;
		if (s->at < s->end && !is_space(*s->at) && *s->at != '#' && *s->at != '%')
			return fail(s, "a character that no node name has");
	}
	return 0;
}

/* 'w' "w" <<"w">> <<"w"/utf8>> or w; its dot, if it ends in one, is the list's. */
static int item(struct scan *s)
{
	bool is_binary = take(s, "<<");
	const char *quote = take(s, "\"") ? "\"" : !is_binary && take(s, "'") ? "'" : NULL;

	if (is_binary && !quote)
		return fail(s, "a binary without \"");
	if (word(s))
		return -1;
	if (quote && !take(s, quote))
		return fail(s, "no closing quote, or a character that no node name has");
	if (is_binary)
		(void)take(s, "/utf8");
	return is_binary && !take(s, ">>") ? fail(s, "no closing >>") : 0;
}

static int list(struct scan *s)
{
	skip_blank(s);
	while (!take(s, "]")) {
		if (s->at == s->end)
			return fail(s, "the text ends within the list");
		if (item(s))
			return -1;
		skip_blank(s);
		if (take(s, ","))
			skip_blank(s);
		else if (s->at < s->end && *s->at != ']')
			return fail(s, "neither , nor ]");
	}
	skip_blank(s);
	(void)take(s, ".");
	skip_blank(s);
	return s->at < s->end ? fail(s, "something behind the list") : 0;
}

int gc_peer_text_parse(const char *text, size_t len, gc_peer_text_cb cb, void *arg, char *err,
		       size_t err_len)
{
	struct scan s = {text, text + len, 1, cb, arg, err, err_len};

	skip_blank(&s);
	return take(&s, "[") ? list(&s) : words(&s);
}

struct answer {
	const struct gc_host *host;
	struct gc_request *request;
	size_t n;
};

static void add_word(void *arg, const char *word, size_t len)
{
	struct answer *a = arg;
	char node[256];
	const struct gc_peer peer = {.node = node};

	memcpy(node, word, len);
	node[len] = '\0';
	(void)a->host->add_peer(a->request, &peer); /* it logs what it refuses */
	a->n++;
}

int gc_peer_text_add(const char *text, size_t len, const struct gc_host *host,
		     struct gc_request *request, size_t *n_r, char *err, size_t err_len)
{
	struct answer a = {host, request, 0};
	int rc = gc_peer_text_parse(text, len, add_word, &a, err, err_len);

	*n_r = a.n;
	return rc;
}
