/* What the plugins file and exec read, whole as they have it then (plugins/common/peer_text.c). Whatever the bytes
 * are, a word that is given out lies within them, is 1 to 255 characters long, and has only characters of
 * names; an error has a sentence; and an answer gets each word, in the same order. */
#include "../../plugins/common/peer_text.h"

#include "buf.h"
#include "fuzz.h"

#include <string.h>

struct seen {
	const char *from, *to; /* the text */
	struct gc_buf words;   /* each ended by NUL */
	size_t n;
};

static void keep(struct seen *s, const char *word, size_t len)
{
	gc_buf_put(&s->words, word, len);
	gc_buf_put_u8(&s->words, 0);
	s->n++;
}

static void on_word(void *arg, const char *word, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-:@";
	struct seen *s = arg;

	FUZZ_REQUIRE(word >= s->from && len > 0 && len <= 255 && len <= (size_t)(s->to - word));
	for (size_t i = 0; i < len; i++)
		FUZZ_REQUIRE(word[i] && strchr(allowed, word[i]));
	keep(s, word, len);
}

/* The request stands for who keeps what it is given. */
static int add_peer(struct gc_request *request, const struct gc_peer *peer)
{
	FUZZ_REQUIRE(peer->port == 0);
	keep((struct seen *)(void *)request, peer->node, strlen(peer->node));
	return 0;
}

FUZZ_TARGET(peer_text)
{
	const char *text = (const char *)data;
	const struct gc_host host = {.struct_size = sizeof(host), .add_peer = add_peer};
	struct seen told = {.from = text, .to = text + len}, added = {.n = 0};
	char err[40] = "", again[40] = "";
	size_t n;

	int rc = gc_peer_text_parse(text, len, on_word, &told, err, sizeof(err));
	FUZZ_REQUIRE(rc == 0 || strncmp(err, "line ", 5) == 0);
	FUZZ_REQUIRE(gc_peer_text_add(text, len, &host, (struct gc_request *)(void *)&added, &n, again,
				      sizeof(again)) == rc);
	FUZZ_REQUIRE(strcmp(err, again) == 0 && n == told.n && n == added.n);
	FUZZ_REQUIRE(told.words.len == added.words.len);
	FUZZ_REQUIRE(n == 0 || memcmp(told.words.data, added.words.data, told.words.len) == 0);
	gc_buf_deinit(&told.words);
	gc_buf_deinit(&added.words);
	return 0;
}
