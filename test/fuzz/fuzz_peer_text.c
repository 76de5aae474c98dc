/* Fuzz target: what the plugins file and exec read (plugins/common/peer_text.c). Whatever the bytes
 * are, a word that is given out lies within them, is 1 to 255 characters long, and has only
 * characters of names; an error has a sentence. */
#include "../../plugins/common/peer_text.h"

#include "fuzz.h"

#include <string.h>

struct bounds {
	const char *from, *to;
};

static void on_word(void *arg, const char *word, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-:@";
	const struct bounds *b = arg;

	FUZZ_REQUIRE(word >= b->from && len > 0 && len <= 255 && len <= (size_t)(b->to - word));
	for (size_t i = 0; i < len; i++)
		FUZZ_REQUIRE(word[i] && strchr(allowed, word[i]));
}

FUZZ_TARGET(peer_text)
{
	const char *text = (const char *)data;
	struct bounds b = {text, text + len};
	char err[40] = "";

	if (gc_peer_text_parse(text, len, on_word, &b, err, sizeof(err)) != 0)
		FUZZ_REQUIRE(strncmp(err, "line ", 5) == 0);
	return 0;
}
