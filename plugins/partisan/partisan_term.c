/* Terms of the partisan plugin; see partisan_term.h. Format: erts "External Term Format". */
#include "partisan_term.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum tag {
	SMALL_INTEGER = 97,
	INTEGER = 98,
	ATOM = 100,
	SMALL_TUPLE = 104,
	NIL = 106,
	STRING = 107, /* a list of bytes: no nodes */
	LIST = 108,
	SMALL_ATOM = 115,
	MAP = 116,
	ATOM_UTF8 = 118,
	SMALL_ATOM_UTF8 = 119
};

/* ---- writing ---- */

void put_bytes(struct out *o, const void *bytes, size_t len)
{
	if (o->failed || len > o->size - o->len) {
		o->failed = 1;
		return;
	}
	memcpy(o->p + o->len, bytes, len);
	o->len += len;
}

static void put_byte(struct out *o, unsigned byte)
{
	put_bytes(o, &(uint8_t){(uint8_t)byte}, 1);
}

static void put_head(struct out *o, enum tag tag, uint32_t n) /* a tag and four bytes */
{
	put_byte(o, tag);
	for (int shift = 24; shift >= 0; shift -= 8)
		put_byte(o, n >> shift);
}

void put_list_of_one(struct out *o)
{
	put_head(o, LIST, 1);
}

void put_nil(struct out *o)
{
	put_byte(o, NIL);
}

void put_atom(struct out *o, const char *name)
{
	size_t len = strlen(name);

	if (len > ATOM_MAX)
		o->failed = 1;
	put_byte(o, SMALL_ATOM_UTF8);
	put_byte(o, (unsigned)len);
	put_bytes(o, name, len);
}

static void put_integer(struct out *o, unsigned n) /* up to 65535 */
{
	if (n > UINT8_MAX) {
		put_head(o, INTEGER, n);
		return;
	}
	put_byte(o, SMALL_INTEGER);
	put_byte(o, n);
}

/* {127,0,0,1}, or eight numbers. */
static void put_address(struct out *o, const char *text)
{
	uint8_t b[16];

	put_byte(o, SMALL_TUPLE);
	if (inet_pton(AF_INET, text, b) == 1) {
		put_byte(o, 4);
		for (int i = 0; i < 4; i++)
			put_integer(o, b[i]);
	} else if (inet_pton(AF_INET6, text, b) == 1) {
		put_byte(o, 8);
		for (int i = 0; i < 16; i += 2)
			put_integer(o, (unsigned)b[i] << 8 | b[i + 1]);
	} else {
		o->failed = 1;
	}
}

void put_node_spec(struct out *o, const char *node, const char *address, uint16_t port,
		   const void *channels, size_t channels_len)
{
	put_head(o, MAP, 3);
	put_atom(o, "name");
	put_atom(o, node);
	put_atom(o, "listen_addrs");
	put_list_of_one(o);
	put_head(o, MAP, 2);
	put_atom(o, "ip");
	put_address(o, address);
	put_atom(o, "port");
	put_integer(o, port);
	put_nil(o);
	put_atom(o, "channels");
	put_bytes(o, channels, channels_len);
}

/* ---- reading ---- */

static int take(struct in *in, size_t n, const uint8_t **bytes_r)
{
	if (n > in->len)
		return -1;
	*bytes_r = in->p;
	in->p += n;
	in->len -= n;
	return 0;
}

int take_atom(struct in *in, char *name)
{
	const uint8_t *b;
	size_t len;
	int is_wide;

	if (take(in, 2, &b))
		return -1;
	is_wide = b[0] == ATOM || b[0] == ATOM_UTF8; /* two bytes of length */
	if (!is_wide && b[0] != SMALL_ATOM && b[0] != SMALL_ATOM_UTF8)
		return -1;
	len = b[1];
	if (is_wide) {
		if (take(in, 1, &b))
			return -1;
		len = len << 8 | b[0];
	}
	if (len > ATOM_MAX || take(in, len, &b))
		return -1;
	memcpy(name, b, len);
	name[len] = '\0';
	return strlen(name) == len ? 0 : -1;
}

int take_tuple(struct in *in, unsigned arity)
{
	const uint8_t *b;

	return take(in, 2, &b) == 0 && b[0] == SMALL_TUPLE && b[1] == arity ? 0 : -1;
}

int take_pair(struct in *in, const char *word)
{
	char name[ATOM_MAX + 1];

	return take_tuple(in, 2) == 0 && take_atom(in, name) == 0 && strcmp(name, word) == 0 ? 0
											     : -1;
}

int take_list(struct in *in, uint32_t *n_r)
{
	const uint8_t *b;

	*n_r = 0;
	if (take(in, 1, &b))
		return -1;
	if (b[0] == NIL)
		return 0;
	if (b[0] != LIST || take(in, 4, &b))
		return -1;
	*n_r = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return 0;
}

/* The word of {Outer, Word} or {Outer, {Word, ...}}. */
static int word_of(struct in in, const char *outer, char *word)
{
	struct in inner;

	if (take_pair(&in, outer))
		return -1;
	inner = in;
	if (take_atom(&in, word) == 0)
		return 0;
	return take_tuple(&inner, 2) == 0 ? take_atom(&inner, word) : -1;
}

/* {badrpc, {'EXIT', {Word, Stack}}}: what an exception comes as. */
static int word_of_exit(struct in in, char *word)
{
	return take_pair(&in, "badrpc") == 0 ? word_of(in, "EXIT", word) : -1;
}

void say_answer(char *text, size_t size, const char *module, const char *function, struct in answer)
{
	char word[ATOM_MAX + 1];
	struct in in = answer;

	if (word_of_exit(answer, word) == 0 && strcmp(word, "undef") == 0)
		(void)snprintf(text, size, "the owner has no %s:%s, or Partisan does not run there",
			       module, function);
	else if (word_of_exit(answer, word) == 0 || word_of(answer, "badrpc", word) == 0)
		(void)snprintf(text, size, "%s:%s failed on the owner: %s", module, function, word);
	else if (word_of(answer, "error", word) == 0)
		(void)snprintf(text, size, "%s:%s answered {error, %s}", module, function, word);
	else if (take_atom(&in, word) == 0)
		(void)snprintf(text, size, "%s:%s answered %s", module, function, word);
	else
		(void)snprintf(text, size, "%s:%s gave an answer that is not known", module,
			       function);
}
