#define _GNU_SOURCE /* memmem */
/* Term text: what is parsed survives the external format, and being printed and parsed again. */
#include "etf.h"
#include "fuzz.h"

#include <string.h>

static const struct gc_term *parse(struct gc_arena *a, const void *text, size_t len, bool dotted)
{
	const struct gc_term *t;
	char err[64] = "";
	int rc = gc_term_parse(a, text, len, dotted, &t, err, sizeof(err));

	FUZZ_REQUIRE((rc == 0) == (t != NULL));
	FUZZ_REQUIRE((rc == 0) == (err[0] == '\0'));
	FUZZ_REQUIRE(memchr(err, 0, sizeof(err)));
	return t;
}

static bool same(const struct gc_buf *a, const struct gc_buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void go_round(struct gc_arena *a, const struct gc_term *t)
{
	struct gc_buf etf = {0}, one = {0}, two = {0};
	const struct gc_term *again;

	gc_etf_put_term(&etf, t);
	FUZZ_REQUIRE(!etf.failed && gc_etf_decode(a, etf.data, etf.len, &again) == 0);
	gc_term_print(t, &one, SIZE_MAX);
	gc_term_print(again, &two, SIZE_MAX);
	FUZZ_REQUIRE(same(&one, &two));
	/* a number of 1000 digits in base 36 has more of them in base 16 */
	again = parse(a, one.data, one.len, false);
	FUZZ_REQUIRE(again || memmem(one.data, one.len, "16#", 3));
	if (again) {
		gc_buf_reset(&two);
		gc_term_print(again, &two, SIZE_MAX);
		FUZZ_REQUIRE(same(&one, &two));
	}
	gc_buf_deinit(&etf);
	gc_buf_deinit(&one);
	gc_buf_deinit(&two);
}

FUZZ_TARGET(term)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t = parse(a, data, len, false);

	FUZZ_REQUIRE(t || !parse(a, data, len, true));
	if (t)
		go_round(a, t);
	gc_arena_destroy(a);
	return 0;
}
