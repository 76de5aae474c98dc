/* Fuzz target: what the plugins file and exec read (plugins/common/peer_text.c). Whatever the bytes
 * are, a word that is given out lies within them, is 1 to 255 characters long, and has only
 * characters of names; an error has a sentence. */
#include "../../plugins/common/peer_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bounds {
	const char *from, *to;
};

static void on_word(void *arg, const char *word, size_t len)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-:@";
	const struct bounds *b = arg;

	if (word < b->from || len == 0 || len > 255 || len > (size_t)(b->to - word))
		abort();
	for (size_t i = 0; i < len; i++)
		if (!word[i] || !strchr(allowed, word[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of just that size: one byte too far is seen. */
	char *text = malloc(size ? size : 1), err[40];
	struct bounds b = {text, text + size};

	if (!text)
		return 0;
	memcpy(text, data, size);
	memset(err, 0, sizeof(err));
	if (gc_peer_text_parse(text, size, on_word, &b, err, sizeof(err)) != 0 &&
	    strncmp(err, "line ", 5) != 0)
		abort();
	free(text);
	return 0;
}
