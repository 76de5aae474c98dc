/* External terms: validator, tree, splitter, printer and writer agree with each other. */
#include "err.h"
#include "etf.h"
#include "fuzz.h"

#include <string.h>

static void look_at_elements(const uint8_t *data, size_t len)
{
	struct gc_span spans[8];
	char name[GC_ATOM_MAX + 1];
	uint32_t id, serial, creation, words[3];
	int64_t v;
	int n = gc_etf_tuple(data, len, spans, 8);

	for (int i = 0; i < n; i++) {
		FUZZ_REQUIRE(gc_etf_check(spans[i].p, spans[i].len) == (int64_t)spans[i].len);
		(void)gc_etf_int(spans[i], &v);
		(void)gc_etf_atom(spans[i], name);
		(void)gc_etf_pid(spans[i], name, &id, &serial, &creation);
		(void)gc_etf_ref(spans[i], words);
	}
}

/* What the tree says of the term, and what is written of it. */
static void look_at_tree(const struct gc_term *t, const uint8_t *data, size_t len)
{
	struct gc_buf b = {0};

	FUZZ_REQUIRE(t->raw == data && t->raw_len == len);
	gc_term_print(t, &b, 100);
	FUZZ_REQUIRE(b.len <= 100);
	gc_buf_reset(&b);
	gc_term_print(t, &b, SIZE_MAX);
	gc_buf_reset(&b);
	gc_etf_put_term(&b, t);
	FUZZ_REQUIRE(b.len == len && memcmp(b.data, data, len) == 0);
	gc_buf_deinit(&b);
}

/* With a budget that may be too small it is the same term, or none. */
static void decode_with_little(const uint8_t *data, size_t len)
{
	struct gc_arena *a = gc_arena_create(1 + ((data[len / 2] * 16u) ^ len));
	const struct gc_term *t;
	int rc = gc_etf_decode(a, data, len, &t);

	FUZZ_REQUIRE((rc == 0 || rc == GC_ENOMEM) && (rc == 0) == (t != NULL));
	gc_arena_destroy(a);
}

/* A term written anew, element by element, prints the same. */
static void rewrite(const struct gc_term *t)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *again;
	struct gc_buf b = {0}, one = {0}, two = {0};

	if (t->type != GC_TERM_TUPLE && t->type != GC_TERM_LIST && t->type != GC_TERM_MAP) {
		gc_arena_destroy(a);
		return;
	}
	struct gc_term bare = *t; /* its raw bytes forgotten */
	bare.raw = NULL;
	gc_etf_put_term(&b, &bare);
	FUZZ_REQUIRE(!b.failed && gc_etf_decode(a, b.data, b.len, &again) == 0);
	gc_term_print(t, &one, SIZE_MAX);
	gc_term_print(again, &two, SIZE_MAX);
	FUZZ_REQUIRE(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	gc_buf_deinit(&b);
	gc_buf_deinit(&one);
	gc_buf_deinit(&two);
	gc_arena_destroy(a);
}

FUZZ_TARGET(etf)
{
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t;
	int64_t n = gc_etf_check(data, len);

	FUZZ_REQUIRE(n <= (int64_t)len && n != 0);
	FUZZ_REQUIRE((gc_etf_decode(a, data, len, &t) == 0) == (n == (int64_t)len));
	look_at_elements(data, len);
	if (n > 0) {
		FUZZ_REQUIRE(gc_etf_check(data, (size_t)n - 1) < 0); /* no shorter term in it */
		FUZZ_REQUIRE(gc_etf_decode(a, data, (size_t)n, &t) == 0);
		look_at_tree(t, data, (size_t)n);
		rewrite(t);
		decode_with_little(data, (size_t)n);
	}
	gc_arena_destroy(a);
	return 0;
}
