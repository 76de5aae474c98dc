/* etf: terms as a real erl wrote them (etf_vectors.h), cut at every byte; lengths that lie; nesting
 * of a million; maps with equal keys; the splitter, the writer, and a lack of memory. */
#include "etf.h"

#include "err.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "etf_vectors.h"

#define N_VECTORS (sizeof(vectors) / sizeof(*vectors))

/* An exact copy on the heap, so that a sanitizer sees one byte too many being read. */
static uint8_t *exact(const void *p, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, p, len);
	return copy;
}

static int64_t check(const void *p, size_t len)
{
	uint8_t *copy = exact(p, len);
	int64_t n = gc_etf_check(copy, len);

	free(copy);
	return n;
}

static int decode_limited(const void *p, size_t len, size_t limit)
{
	struct gc_arena *a = gc_arena_create(limit);
	const struct gc_term *t;
	uint8_t *copy = exact(p, len);
	int rc = gc_etf_decode(a, copy, len, &t);

	ck_assert((rc == 0) == (t != NULL));
	free(copy);
	gc_arena_destroy(a);
	return rc;
}

static int decode(const void *p, size_t len)
{
	return decode_limited(p, len, 0);
}

START_TEST(vectors_are_taken)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct gc_buf two = {0};
		ck_assert_msg(check(v->bytes, v->len) == (int64_t)v->len, "%s", v->made_by);
		ck_assert_msg(decode(v->bytes, v->len) == 0, "%s", v->made_by);
		/* what follows a term is not part of it */
		gc_buf_put(&two, v->bytes, v->len);
		gc_buf_put(&two, "\x61\x01", 2);
		ck_assert_int_eq(check(two.data, two.len), (int64_t)v->len);
		ck_assert_int_eq(decode(two.data, two.len), GC_EPROTO);
		gc_buf_deinit(&two);
	}
}
END_TEST

START_TEST(cut_at_every_byte)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		for (size_t len = 0; len < vectors[i].len; len++) {
			ck_assert_msg(check(vectors[i].bytes, len) == GC_EPROTO, "%s cut at %zu",
				      vectors[i].made_by, len);
			ck_assert_int_eq(decode(vectors[i].bytes, len), GC_EPROTO);
		}
	}
}
END_TEST

static void print(const struct gc_term *t, size_t max, struct gc_buf *b)
{
	gc_buf_reset(b);
	gc_term_print(t, b, max);
	gc_buf_put_u8(b, 0);
	ck_assert(!b->failed);
}

START_TEST(vectors_print_as_in_erl)
{
	struct gc_buf b = {0};
	unsigned n = 0;

	for (size_t i = 0; i < N_VECTORS; i++) {
		struct gc_arena *a = gc_arena_create(0);
		const struct gc_term *t;
		const struct vector *v = &vectors[i];
		ck_assert_int_eq(gc_etf_decode(a, (const uint8_t *)v->bytes, v->len, &t), 0);
		print(t, SIZE_MAX, &b);
		if (v->printed) {
			ck_assert_msg(strcmp((char *)b.data, v->printed) == 0, "%s: %s is not %s",
				      v->made_by, (char *)b.data, v->printed);
			n++;
		}
		for (size_t max = 0; max < b.len && max < 40; max++) {
			struct gc_buf cut = {0};
			print(t, max, &cut);
			ck_assert_uint_le(cut.len, max + 1);
			gc_buf_deinit(&cut);
		}
		gc_arena_destroy(a);
	}
	ck_assert_uint_ge(n, 80);
	gc_buf_deinit(&b);
}
END_TEST

/* No memory at any point: an error, no crash, no leak. */
START_TEST(memory_runs_out)
{
	for (size_t i = 0; i < N_VECTORS; i++) {
		const struct vector *v = &vectors[i];
		size_t limit = 16;
		int rc;
		while ((rc = decode_limited(v->bytes, v->len, limit)) == GC_ENOMEM)
			limit += v->len > 300 ? 512 : 16;
		ck_assert_int_eq(rc, 0);
	}
}
END_TEST

/* ---- lies ---- */

struct bytes {
	const char *what, *p;
	size_t len;
};
#define B(what, text)                                                                              \
	{                                                                                          \
		what, text, sizeof(text) - 1                                                       \
	}

static const struct bytes lies[] = {
    B("nothing", ""),
    B("version byte", "\x83\x61\x01"),
    B("unknown tag", "\x00"),
    B("unknown tag", "\xff"),
    B("compressed", "\x50\x00\x00\x00\x01\x78\x9c\x4b\x04\x00\x00\x62\x00\x62"),
    B("atom cache reference", "\x52\x00"),
    B("emulator's own", "\x49\x00\x00\x00\x00"),
    B("old fun",
      "\x75\x00\x00\x00\x00\x58\x77\x00\0\0\0\0\0\0\0\0\0\0\0\0\x77\x00\x61\x00\x61\x00"),
    B("tuple of 2^31 - 1", "\x69\x7f\xff\xff\xff\x61\x01"),
    B("tuple of 2^32 - 1", "\x69\xff\xff\xff\xff\x61\x01"),
    B("list of 2^32 - 1", "\x6c\xff\xff\xff\xff\x6a"),
    B("map of 2^32 - 1", "\x74\xff\xff\xff\xff\x61\x01\x61\x01"),
    B("map of 2^31", "\x74\x80\x00\x00\x00"),
    B("binary of 2^32 - 1", "\x6d\xff\xff\xff\xff\x00"),
    B("binary of 2^31", "\x6d\x80\x00\x00\x00\x00"),
    B("big of 2^31", "\x6f\x00\x07\xff\x00\x00\x01"),
    B("string of 65535", "\x6b\xff\xff\x01"),
    B("atom of 65535", "\x76\xff\xff\x61"),
    B("list without tail", "\x6c\x00\x00\x00\x01\x61\x01"),
    B("list of 0 with another tail", "\x6c\x00\x00\x00\x00\x61\x01"),
    B("bits of 9", "\x4d\x00\x00\x00\x01\x09\x05"),
    B("bits of 0", "\x4d\x00\x00\x00\x01\x00\x05"),
    B("bits of nothing", "\x4d\x00\x00\x00\x00\x03"),
    B("no bits of nothing", "\x4d\x00\x00\x00\x00\x00"),
    B("infinity", "\x46\x7f\xf0\x00\x00\x00\x00\x00\x00"),
    B("not a number", "\x46\x7f\xf8\x00\x00\x00\x00\x00\x00"),
    B("old float, text", "\x63"
			 "abcdefghijklmnopqrstuvwxyz\0\0\0\0\0"),
    B("old float, inf", "\x63"
			"inf\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("old float, 1e400", "\x63"
			  "1.0e400\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("old float, hex", "\x63"
			"0x1.8p1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("old float, no end", "\x63"
			   "1.11111111111111111111111111111"),
    B("atom, not UTF-8", "\x77\x01\xff"),
    B("atom, surrogate", "\x77\x03\xed\xa0\x80"),
    B("atom, overlong", "\x77\x02\xc0\x80"),
    B("atom, beyond Unicode", "\x77\x04\xf4\x90\x80\x80"),
    B("pid of no atom", "\x58\x61\x01\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("pid of creation 4", "\x67\x77\x01\x61\0\0\0\0\0\0\0\0\x04"),
    B("reference of 0 words", "\x5a\x00\x00\x77\x01\x61\0\0\0\0"),
    B("reference of 6 words",
      "\x5a\x00\x06\x77\x01\x61\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    B("old reference of 19 bits", "\x65\x77\x01\x61\x00\x04\x00\x00\x00"),
    B("export of arity 256", "\x71\x77\x01\x6d\x77\x01\x66\x62\x00\x00\x01\x00"),
    B("export of no atom", "\x71\x61\x01\x77\x01\x66\x61\x01"),
    B("fun, size too small",
      "\x70\x00\x00\x00\x20\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0"
      "\x77\x01m\x61\x01\x61\x01\x58\x77\x03"
      "a@b\0\0\0\x01\0\0\0\x02\0\0\0\x03"),
    B("fun of 2^32 - 1 free",
      "\x70\x00\x00\x00\x38\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\xff\xff\xff\xff"
      "\x77\x01m\x61\x01\x61\x01\x58\x77\x03"
      "a@b\0\0\0\x01\0\0\0\x02\0\0\0\x03"),
};

START_TEST(lies_are_refused)
{
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		ck_assert_msg(check(lies[i].p, lies[i].len) == GC_EPROTO, "%s", lies[i].what);
		ck_assert_int_eq(decode(lies[i].p, lies[i].len), GC_EPROTO);
	}
}
END_TEST

/* The fun that the lies about funs are made from is right. */
START_TEST(right_fun)
{
	static const char fun[] =
	    "\x70\x00\x00\x00\x38\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\x01"
	    "\x77\x01m\x61\x01\x61\x01\x58\x77\x03"
	    "a@b\0\0\0\x01\0\0\0\x02\0\0\0\x03\x61\x09";

	ck_assert_int_eq(check(fun, sizeof(fun) - 1), (int64_t)sizeof(fun) - 1);
}
END_TEST

START_TEST(atoms_of_255_characters)
{
	uint8_t b[3 + 600] = {118};

	for (size_t chars = 254; chars < 258; chars++) {
		b[1] = (uint8_t)(2 * chars >> 8);
		b[2] = (uint8_t)(2 * chars);
		for (size_t i = 0; i < chars; i++)
			memcpy(b + 3 + 2 * i, "\xc3\xa9", 2);
		ck_assert_int_eq(check(b, 3 + 2 * chars),
				 chars <= 255 ? (int64_t)(3 + 2 * chars) : GC_EPROTO);
	}
}
END_TEST

START_TEST(too_big)
{
	struct gc_buf b = {0};

	gc_buf_put_u8(&b, 111);
	gc_buf_put_u32(&b, 65535 * 8 + 1);
	gc_buf_put_u8(&b, 0);
	memset(gc_buf_reserve(&b, 65535 * 8 + 1), 1, 65535 * 8 + 1);
	ck_assert_int_eq(check(b.data, b.len), GC_ETOOBIG);
	gc_buf_set_u32(&b, 1, 65535 * 8);
	ck_assert_int_eq(check(b.data, b.len), 6 + 65535 * 8);
	gc_buf_deinit(&b);
	gc_buf_put_u8(&b, 105);
	gc_buf_put_u32(&b, 1 << 24);
	memset(gc_buf_reserve(&b, 1 << 24), 106, 1 << 24);
	ck_assert_int_eq(gc_etf_check(b.data, b.len), GC_ETOOBIG);
	gc_buf_set_u32(&b, 1, (1 << 24) - 1);
	ck_assert_int_eq(gc_etf_check(b.data, b.len), 5 + (1 << 24) - 1);
	gc_buf_deinit(&b);
}
END_TEST

/* ---- depth ---- */

struct nest {
	const char *open;
	size_t open_len;
	const char *close;
	size_t close_len;
	bool is_deep; /* false: goes on in the same list */
};

static const struct nest nests[] = {
    {"\x68\x01", 2, "", 0, true},
    {"\x68\x02\x6a", 3, "", 0, true},
    {"\x6c\0\0\0\x01", 5, "\x6a", 1, true},
    {"\x74\0\0\0\x01\x61\x01", 7, "", 0, true},	 /* in a value */
    {"\x74\0\0\0\x01", 5, "\x61\x01", 2, true},	 /* in a key */
    {"\x6c\0\0\0\x01\x61\x01", 7, "", 0, false}, /* in a tail */
};

static void build_nest(struct gc_buf *b, const struct nest *n, size_t depth)
{
	gc_buf_reset(b);
	for (size_t i = 0; i < depth; i++)
		gc_buf_put(b, n->open, n->open_len);
	gc_buf_put_u8(b, 106);
	for (size_t i = 0; i < depth; i++)
		gc_buf_put(b, n->close, n->close_len);
	ck_assert(!b->failed);
}

START_TEST(depth)
{
	struct gc_buf b = {0};

	for (size_t i = 0; i < sizeof(nests) / sizeof(*nests); i++) {
		const struct nest *n = &nests[i];
		build_nest(&b, n, GC_ETF_MAX_DEPTH);
		ck_assert_int_eq(check(b.data, b.len), (int64_t)b.len);
		ck_assert_int_eq(decode(b.data, b.len), 0);
		build_nest(&b, n, GC_ETF_MAX_DEPTH + 1);
		ck_assert_int_eq(check(b.data, b.len), n->is_deep ? GC_ETOOBIG : (int64_t)b.len);
		build_nest(&b, n, 1000000);
		ck_assert_int_eq(check(b.data, b.len), n->is_deep ? GC_ETOOBIG : (int64_t)b.len);
		ck_assert_int_eq(decode(b.data, b.len), n->is_deep ? GC_ETOOBIG : 0);
	}
	gc_buf_deinit(&b);
}
END_TEST

/* ---- maps ---- */

static const struct bytes same_keys[] = {
    B("1 and 1", "\x74\0\0\0\x02\x61\x01\x6a\x61\x01\x6a"),
    B("1 in 1 and 4 bytes", "\x74\0\0\0\x02\x61\x01\x6a\x62\0\0\0\x01\x6a"),
    B("1 and a big of 1", "\x74\0\0\0\x02\x61\x01\x6a\x6e\x02\0\x01\0\x6a"),
    B("0 and a big of -0", "\x74\0\0\0\x02\x61\x00\x6a\x6e\x01\x01\0\x6a"),
    B("two bigs", "\x74\0\0\0\x02\x6e\x09\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x6a"
		  "\x6f\0\0\0\x0a\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x00\x6a"),
    B("atoms of both encodings", "\x74\0\0\0\x02\x73\x01\xe9\x6a\x77\x02\xc3\xa9\x6a"),
    B("0.0 and -0.0", "\x74\0\0\0\x02\x46\0\0\0\0\0\0\0\0\x6a\x46\x80\0\0\0\0\0\0\0\x6a"),
    B("floats of both formats", "\x74\0\0\0\x02\x46\x3f\xf8\0\0\0\0\0\0\x6a\x63"
				"1.5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
				"\0\0\0\0\0\0\0\0\0\0\0\0\x6a"),
    B("[1,2] twice",
      "\x74\0\0\0\x02\x6b\x00\x02\x01\x02\x6a\x6c\0\0\0\x02\x61\x01\x61\x02\x6a\x6a"),
    B("[1,2] as [1|[2]]",
      "\x74\0\0\0\x02\x6b\x00\x02\x01\x02\x6a\x6c\0\0\0\x01\x61\x01\x6c\0\0\0\x01\x61\x02\x6a\x6a"),
    B("[1,2] as [1|\"\\2\"]",
      "\x74\0\0\0\x02\x6b\x00\x02\x01\x02\x6a\x6c\0\0\0\x01\x61\x01\x6b\x00\x01\x02\x6a"),
    B("[] twice", "\x74\0\0\0\x02\x6a\x6a\x6b\x00\x00\x6a"),
    B("[] and an empty list", "\x74\0\0\0\x02\x6a\x6a\x6c\0\0\0\0\x6a\x6a"),
    B("tuples", "\x74\0\0\0\x02\x68\x01\x61\x01\x6a\x69\0\0\0\x01\x61\x01\x6a"),
    B("empty tuples", "\x74\0\0\0\x02\x68\x00\x6a\x69\0\0\0\0\x6a"),
    B("whole bits", "\x74\0\0\0\x02\x6d\0\0\0\x01\x05\x6a\x4d\0\0\0\x01\x08\x05\x6a"),
    B("bits with rubbish", "\x74\0\0\0\x02\x4d\0\0\0\x01\x03\xa0\x6a\x4d\0\0\0\x01\x03\xbf\x6a"),
    B("maps in another order", "\x74\0\0\0\x02\x74\0\0\0\x02\x61\x01\x61\x02\x61\x03\x61\x04\x6a"
			       "\x74\0\0\0\x02\x61\x03\x61\x04\x61\x01\x61\x02\x6a"),
    B("pids of both formats", "\x74\0\0\0\x02\x67\x77\x01\x61\0\0\0\x01\0\0\0\x02\x03\x6a"
			      "\x58\x77\x01\x61\0\0\0\x01\0\0\0\x02\0\0\0\x03\x6a"),
    B("ports of two formats", "\x74\0\0\0\x02\x59\x77\x01\x61\0\0\0\x01\0\0\0\x03\x6a"
			      "\x78\x77\x01\x61\0\0\0\0\0\0\0\x01\0\0\0\x03\x6a"),
    B("references of two formats", "\x74\0\0\0\x02\x65\x77\x01\x61\0\0\0\x01\x03\x6a"
				   "\x5a\0\x01\x77\x01\x61\0\0\0\x03\0\0\0\x01\x6a"),
    B("in a value", "\x68\x01\x74\0\0\0\x01\x61\x01\x74\0\0\0\x02\x61\x01\x6a\x61\x01\x6a"),
    B("in a key", "\x74\0\0\0\x01\x74\0\0\0\x02\x61\x01\x6a\x61\x01\x6a\x6a"),
};

static const struct bytes other_keys[] = {
    B("1 and 1.0", "\x74\0\0\0\x02\x61\x01\x6a\x46\x3f\xf0\0\0\0\0\0\0\x6a"),
    B("13 and {}", "\x74\0\0\0\x02\x61\x0d\x6a\x68\0\x6a"),
    B("14 and #{}", "\x74\0\0\0\x02\x61\x0e\x6a\x74\0\0\0\0\x6a"),
    B("1 and -1", "\x74\0\0\0\x02\x61\x01\x6a\x62\xff\xff\xff\xff\x6a"),
    B("\"a\" and a", "\x74\0\0\0\x02\x6b\x00\x01\x61\x6a\x77\x01\x61\x6a"),
    B("\"a\" and <<\"a\">>", "\x74\0\0\0\x02\x6b\x00\x01\x61\x6a\x6d\0\0\0\x01\x61\x6a"),
    B("{1,2} and {2,1}", "\x74\0\0\0\x02\x68\x02\x61\x01\x61\x02\x6a\x68\x02\x61\x02\x61\x01\x6a"),
    B("{1} and [1]", "\x74\0\0\0\x02\x68\x01\x61\x01\x6a\x6b\x00\x01\x01\x6a"),
    B("[1,2] and [1|2]",
      "\x74\0\0\0\x02\x6b\x00\x02\x01\x02\x6a\x6c\0\0\0\x01\x61\x01\x61\x02\x6a"),
    B("[1,[2]] and [1,2]",
      "\x74\0\0\0\x02\x6c\0\0\0\x02\x61\x01\x6b\0\x01\x02\x6a\x6a\x6b\x00\x02\x01\x02\x6a"),
    B("{{1},2} and {1,{2}}",
      "\x74\0\0\0\x02\x68\x02\x68\x01\x61\x01\x61\x02\x6a\x68\x02\x61\x01\x68\x01\x61\x02\x6a"),
    B("#{1 => 2} and #{2 => 1}",
      "\x74\0\0\0\x02\x74\0\0\0\x01\x61\x01\x61\x02\x6a\x74\0\0\0\x01\x61\x02\x61\x01\x6a"),
    B("<<5:3>> and <<5:4>>", "\x74\0\0\0\x02\x4d\0\0\0\x01\x03\xa0\x6a\x4d\0\0\0\x01\x04\x50\x6a"),
    B("values alike", "\x74\0\0\0\x02\x61\x01\x6a\x61\x02\x6a"),
    B("key as value", "\x74\0\0\0\x01\x61\x01\x61\x01"),
    B("keys of different maps", "\x68\x02\x74\0\0\0\x01\x61\x01\x6a\x74\0\0\0\x01\x61\x01\x6a"),
    B("key of a map and of its value", "\x74\0\0\0\x01\x61\x01\x74\0\0\0\x01\x61\x01\x6a"),
};

START_TEST(keys)
{
	for (size_t i = 0; i < sizeof(same_keys) / sizeof(*same_keys); i++)
		ck_assert_msg(check(same_keys[i].p, same_keys[i].len) == GC_EPROTO, "%s",
			      same_keys[i].what);
	for (size_t i = 0; i < sizeof(other_keys) / sizeof(*other_keys); i++)
		ck_assert_msg(check(other_keys[i].p, other_keys[i].len) ==
				  (int64_t)other_keys[i].len,
			      "%s", other_keys[i].what);
}
END_TEST

START_TEST(many_keys)
{
	struct gc_buf b = {0};
	uint32_t n = 100000;

	gc_etf_put_map(&b, n);
	for (uint32_t i = 0; i < n; i++) {
		gc_etf_put_int(&b, i * 7919 % n); /* each once, in no order */
		gc_etf_put_nil(&b);
	}
	ck_assert_int_eq(check(b.data, b.len), (int64_t)b.len);
	gc_buf_set_u32(&b, 1, n + 1);
	gc_etf_put_int(&b, n / 2);
	gc_etf_put_nil(&b);
	ck_assert_int_eq(check(b.data, b.len), GC_EPROTO);
	gc_buf_deinit(&b);
}
END_TEST

/* ---- the tree ---- */

static const struct gc_term *tree(struct gc_arena *a, const struct gc_buf *b)
{
	const struct gc_term *t;

	ck_assert(!b->failed);
	ck_assert_int_eq(gc_etf_check(b->data, b->len), (int64_t)b->len);
	ck_assert_int_eq(gc_etf_decode(a, b->data, b->len, &t), 0);
	return t;
}

START_TEST(tree_of_a_list_with_list_tails)
{
	static const char bytes[] = "\x6c\0\0\0\x01\x77\x01"
				    "a\x6c\0\0\0\x01\x77\x01"
				    "b\x6b\0\x02"
				    "cd";
	struct gc_arena *a = gc_arena_create(0);
	const struct gc_term *t;

	ck_assert_int_eq(gc_etf_decode(a, (const uint8_t *)bytes, sizeof(bytes) - 1, &t), 0);
	ck_assert_int_eq(t->type, GC_TERM_LIST);
	ck_assert_uint_eq(t->n_items, 4);
	ck_assert(gc_term_is_atom(t->items[0], "a"));
	ck_assert(gc_term_is_atom(t->items[1], "b"));
	ck_assert_int_eq(t->items[3]->integer, 'd');
	ck_assert_uint_eq(t->raw_len, sizeof(bytes) - 1);
	gc_arena_destroy(a);
}
END_TEST

START_TEST(tree_of_strings)
{
	struct gc_arena *a = gc_arena_create(0);
	struct gc_buf b = {0};

	gc_etf_put_tuple(&b, 4);
	gc_etf_put_string(&b, "h\xe9"); /* bytes are code points */
	gc_etf_put_list(&b, 2);
	gc_etf_put_int(&b, 0x263a);
	gc_etf_put_int(&b, 0);
	gc_etf_put_nil(&b);
	gc_etf_put_list(&b, 1);
	gc_etf_put_int(&b, 0xd800); /* no code point: stays a list */
	gc_etf_put_nil(&b);
	gc_etf_put_string(&b, "");
	const struct gc_term *t = tree(a, &b);
	ck_assert_int_eq(t->items[0]->type, GC_TERM_STRING);
	ck_assert_str_eq(t->items[0]->text, "h\xc3\xa9");
	ck_assert_uint_eq(t->items[0]->n_items, 2);
	ck_assert_int_eq(t->items[0]->items[1]->integer, 0xe9);
	ck_assert_int_eq(t->items[1]->type, GC_TERM_STRING);
	ck_assert_uint_eq(t->items[1]->text_len, 4);
	ck_assert_ptr_null(gc_term_text(t->items[1])); /* NUL inside */
	ck_assert_int_eq(t->items[2]->type, GC_TERM_LIST);
	ck_assert_int_eq(t->items[3]->type, GC_TERM_LIST);
	ck_assert_str_eq(gc_term_text(t->items[3]), "");
	gc_buf_deinit(&b);
	gc_arena_destroy(a);
}
END_TEST

/* ---- the splitter ---- */

START_TEST(tuple)
{
	struct gc_span s[4];
	struct gc_buf b = {0};
	char name[GC_ATOM_MAX + 1];
	int64_t v;

	gc_etf_put_tuple(&b, 3);
	gc_etf_put_atom(&b, "reg");
	gc_etf_put_int(&b, -5);
	gc_etf_put_tuple(&b, 1);
	gc_etf_put_nil(&b);
	size_t len = b.len;
	gc_buf_put_u8(&b, 255); /* what follows is not looked at */
	ck_assert_int_eq(gc_etf_tuple(b.data, b.len, s, 4), 3);
	ck_assert_ptr_eq(s[2].p + s[2].len, b.data + len);
	ck_assert_int_eq(gc_etf_atom(s[0], name), 0);
	ck_assert_str_eq(name, "reg");
	ck_assert_int_eq(gc_etf_int(s[1], &v), 0);
	ck_assert_int_eq(v, -5);
	ck_assert_int_eq(gc_etf_int(s[0], &v), GC_EPROTO);
	ck_assert_int_eq(gc_etf_atom(s[1], name), GC_EPROTO);
	ck_assert_int_eq(gc_etf_tuple(b.data, b.len, s, 2), GC_EPROTO);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = exact(b.data, cut);
		ck_assert_int_eq(gc_etf_tuple(copy, cut, s, 4), GC_EPROTO);
		free(copy);
	}
	ck_assert_int_eq(gc_etf_tuple((const uint8_t *)"\x6a", 1, s, 4), GC_EPROTO);
	ck_assert_int_eq(gc_etf_tuple((const uint8_t *)"\x69\xff\xff\xff\xff", 5, s, 4), GC_EPROTO);
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(tuple_depth)
{
	struct gc_span s[1];
	struct gc_buf b = {0};

	build_nest(&b, &nests[0], GC_ETF_MAX_DEPTH);
	ck_assert_int_eq(gc_etf_tuple(b.data, b.len, s, 1), 1);
	build_nest(&b, &nests[0], GC_ETF_MAX_DEPTH + 1);
	ck_assert_int_eq(gc_etf_tuple(b.data, b.len, s, 1), GC_ETOOBIG);
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(names_with_nul)
{
	char name[GC_ATOM_MAX + 1];
	uint32_t id, serial, creation;
	static const uint8_t atom[] = {119, 3, 'a', 0, 'b'};
	static const uint8_t pid[] = {88, 119, 3, 'a', 0, 'b', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3};

	ck_assert_int_eq(gc_etf_atom((struct gc_span){atom, sizeof(atom)}, name), GC_EPROTO);
	ck_assert_int_eq(
	    gc_etf_pid((struct gc_span){pid, sizeof(pid)}, name, &id, &serial, &creation),
	    GC_EPROTO);
	ck_assert_int_eq(
	    gc_etf_pid((struct gc_span){pid, sizeof(pid)}, NULL, &id, &serial, &creation), 0);
}
END_TEST

/* ---- the writer ---- */

START_TEST(written_integers)
{
	static const int64_t ints[] = {0,
				       255,
				       256,
				       -1,
				       INT32_MAX,
				       INT32_MIN,
				       (int64_t)INT32_MAX + 1,
				       (int64_t)INT32_MIN - 1,
				       INT64_MAX,
				       INT64_MIN,
				       1LL << 40};
	struct gc_buf b = {0};
	int64_t v;

	for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
		gc_buf_reset(&b);
		gc_etf_put_int(&b, ints[i]);
		ck_assert_int_eq(check(b.data, b.len), (int64_t)b.len);
		ck_assert_int_eq(gc_etf_int((struct gc_span){b.data, b.len}, &v), 0);
		ck_assert_int_eq(v, ints[i]);
	}
	gc_buf_reset(&b);
	gc_etf_put_uint(&b, UINT64_MAX);
	ck_assert_int_eq(check(b.data, b.len), 11);
	ck_assert_int_eq(gc_etf_int((struct gc_span){b.data, b.len}, &v), GC_EPROTO);
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(written_atoms)
{
	char name[GC_ATOM_MAX + 1], text[1200];
	struct gc_buf b = {0};

	for (size_t i = 0; i < 300; i++)
		memcpy(text + 4 * i, "\xf0\x9d\x84\x9e", 4); /* the longest there are */
	text[1199] = '\0';
	gc_etf_put_atom(&b, text);
	ck_assert_int_eq(check(b.data, b.len), 3 + GC_ATOM_MAX);
	ck_assert_int_eq(gc_etf_atom((struct gc_span){b.data, b.len}, name), 0);
	ck_assert_uint_eq(strlen(name), GC_ATOM_MAX);
	gc_buf_reset(&b);
	gc_etf_put_atom(&b, "ab\xff"
			    "c"); /* ends where it is no UTF-8 any more */
	ck_assert_int_eq(gc_etf_atom((struct gc_span){b.data, b.len}, name), 0);
	ck_assert_str_eq(name, "ab");
	gc_buf_reset(&b);
	gc_etf_put_bool(&b, true);
	ck_assert_int_eq(gc_etf_atom((struct gc_span){b.data, b.len}, name), 0);
	ck_assert_str_eq(name, "true");
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(written_pid)
{
	const struct gc_pid pid = {"gc@h", 0xfffffffe, 7, 0xcafe0001};
	char node[GC_ATOM_MAX + 1];
	uint32_t id, serial, creation;
	struct gc_buf b = {0};

	gc_etf_put_pid(&b, &pid);
	ck_assert_int_eq(check(b.data, b.len), (int64_t)b.len);
	ck_assert_int_eq(gc_etf_pid((struct gc_span){b.data, b.len}, node, &id, &serial, &creation),
			 0);
	ck_assert_str_eq(node, pid.node);
	ck_assert_uint_eq(id, pid.id);
	ck_assert_uint_eq(serial, pid.serial);
	ck_assert_uint_eq(creation, pid.creation);
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(written_tree)
{
	const struct gc_ref ref = {"gc@h", 3, {1, 2, 3}};
	struct gc_arena *a = gc_arena_create(0);
	struct gc_buf b = {0}, text = {0};
	char *big = malloc(70001);

	memset(big, 'x', 70000);
	big[70000] = '\0';
	gc_etf_put_map(&b, 3);
	gc_etf_put_text(&b, "k");
	gc_etf_put_list(&b, 3);
	gc_etf_put_double(&b, 1.5);
	gc_etf_put_ref(&b, &ref);
	gc_etf_put_raw(&b, (struct gc_span){(const uint8_t *)"\x68\x00", 2});
	gc_etf_put_nil(&b);
	gc_etf_put_atom(&b, "l");
	gc_etf_put_string(&b, big); /* too long for a string */
	gc_etf_put_int(&b, 1);
	gc_etf_put_tuple(&b, 256);
	for (int i = 0; i < 256; i++)
		gc_etf_put_nil(&b);
	const struct gc_term *t = tree(a, &b);
	gc_term_print(t->items[1], &text, 200);
	gc_buf_put_u8(&text, 0);
	ck_assert_str_eq((char *)text.data, "[1.5,#Ref<gc@h.1.2.3>,{}]");
	ck_assert_str_eq(gc_term_text(gc_term_get(t, "l")), big);
	ck_assert_uint_eq(t->items[5]->n_items, 256);
	free(big);
	gc_buf_deinit(&b);
	gc_buf_deinit(&text);
	gc_arena_destroy(a);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("etf");
	TCase *tc = tcase_create("etf");
	SRunner *runner = srunner_create(suite);

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, vectors_are_taken);
	tcase_add_test(tc, cut_at_every_byte);
	tcase_add_test(tc, vectors_print_as_in_erl);
	tcase_add_test(tc, memory_runs_out);
	tcase_add_test(tc, lies_are_refused);
	tcase_add_test(tc, right_fun);
	tcase_add_test(tc, atoms_of_255_characters);
	tcase_add_test(tc, too_big);
	tcase_add_test(tc, depth);
	tcase_add_test(tc, keys);
	tcase_add_test(tc, many_keys);
	tcase_add_test(tc, tree_of_a_list_with_list_tails);
	tcase_add_test(tc, tree_of_strings);
	tcase_add_test(tc, tuple);
	tcase_add_test(tc, tuple_depth);
	tcase_add_test(tc, names_with_nul);
	tcase_add_test(tc, written_integers);
	tcase_add_test(tc, written_atoms);
	tcase_add_test(tc, written_pid);
	tcase_add_test(tc, written_tree);
	suite_add_tcase(suite, tc);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
