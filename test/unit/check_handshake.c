/* handshake, md5, guard: every packet both ways, each byte by byte and cut short, against wire.h, which
 * was written apart. */
#include "err.h"
#include "guard.h"
#include "handshake.h"
#include "md5.h"

#include "fake_peer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const uint8_t digest[GC_HS_DIGEST] = "0123456789abcdef";

/* ---- md5 ---- */

static void md5_hex(const char *text, size_t chunk, char hex[33])
{
	size_t len = strlen(text);
	uint8_t out[GC_MD5_LEN];
	struct gc_md5 m;

	gc_md5_init(&m);
	for (size_t i = 0; i < len; i += chunk)
		gc_md5_update(&m, text + i, len - i < chunk ? len - i : chunk);
	gc_md5_final(&m, out);
	for (int i = 0; i < GC_MD5_LEN; i++)
		sprintf(hex + 2 * i, "%02x", out[i]);
}

/* The test suite of RFC 1321, A.5, whole and in pieces of each size. */
START_TEST(md5_of_the_rfc)
{
	static const char *const suite[][2] = {
		{"", "d41d8cd98f00b204e9800998ecf8427e"},
		{"a", "0cc175b9c0f1b6a831c399e269772661"},
		{"abc", "900150983cd24fb0d6963f7d28e17f72"},
		{"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
		{"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
		{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		 "d174ab98d277d9f5a5611c2c9f419d9f"},
		{"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
		 "57edf4a22be3c955ac49da2e2107b67a"},
	};
	char hex[33], again[33];

	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++) {
		md5_hex(suite[i][0], SIZE_MAX / 2, hex);
		ck_assert_str_eq(hex, suite[i][1]);
		for (size_t chunk = 1; chunk < 70; chunk++) {
			md5_hex(suite[i][0], chunk, again);
			ck_assert_str_eq(hex, again);
		}
	}
}
END_TEST

START_TEST(digests_are_those_of_erlang)
{
	uint8_t ours[16], theirs[16];
	uint32_t challenges[] = {0, 1, 9, 10, 4294967295u, 2147483648u};

	for (size_t i = 0; i < 6; i++) {
		gc_hs_digest("a cookie", challenges[i], ours);
		wire_digest("a cookie", challenges[i], theirs);
		ck_assert_mem_eq(ours, theirs, 16);
		ck_assert(gc_hs_digest_equal(ours, theirs));
		theirs[i * 3] ^= 1;
		ck_assert(!gc_hs_digest_equal(ours, theirs));
	}
}
END_TEST

/* ---- packets ---- */

START_TEST(what_we_build_is_read_by_others)
{
	struct gc_buf b = {0};
	struct wire_name n;
	uint32_t challenge;
	uint8_t right[16];

	gc_hs_put_name(&b, 2, 0x123456789abcdef0, 77, "a@b");
	ck_assert_uint_eq(wire_get16(b.data), b.len - 2);
	ck_assert(wire_get_name(b.data + 2, b.len - 2, &n));
	ck_assert(n.flags == 0x123456789abcdef0 && n.creation == 77);
	ck_assert_str_eq(n.name, "a@b");
	gc_buf_reset(&b);
	gc_hs_put_challenge(&b, 2, 5, 6, 7, "c@d");
	ck_assert(wire_get_challenge(b.data + 2, b.len - 2, &n));
	ck_assert(n.flags == 5 && n.challenge == 6 && n.creation == 7);
	gc_buf_reset(&b);
	gc_hs_put_status(&b, 2, GC_HS_OK_SIMULTANEOUS);
	ck_assert(wire_is_status(b.data + 2, b.len - 2, "ok_simultaneous"));
	gc_buf_reset(&b);
	wire_digest("x", 99, right);
	gc_hs_put_reply(&b, 2, 12345, right);
	ck_assert(wire_check_reply(b.data + 2, b.len - 2, "x", 99, &challenge));
	ck_assert_uint_eq(challenge, 12345);
	gc_buf_reset(&b);
	gc_hs_put_ack(&b, 2, right);
	ck_assert(wire_check_ack(b.data + 2, b.len - 2, "x", 99));
	gc_buf_deinit(&b);
}
END_TEST

START_TEST(what_others_build_is_read_by_us)
{
	struct wire_name w = {.flags = 0xfff, .creation = 9, .challenge = 8, .name = "n@h"};
	uint8_t p[WIRE_MAX], got[GC_HS_DIGEST];
	struct gc_hs_name n;
	enum gc_hs_status s;
	uint64_t flags;
	uint32_t challenge, creation;
	size_t len = wire_put_name(p, &w);

	ck_assert_int_eq(gc_hs_parse_name(p + 2, len - 2, &n), 0);
	ck_assert(n.flags == 0xfff && n.creation == 9 && n.name_len == 3);
	ck_assert(!n.is_v5);
	w.flags = 0xabc01000fff;
	len = wire_put_v5_name(p, &w);
	ck_assert_int_eq(gc_hs_parse_name(p + 2, len - 2, &n), 0);
	ck_assert(n.is_v5 && n.flags == 0x01000fff && n.name_len == 3);
	ck_assert(memcmp(n.name, "n@h", 3) == 0);
	for (size_t i = 1; i < 7; i++)
		ck_assert_int_eq(gc_hs_parse_name(p + 2, i, &n), GC_EPROTO);
	len = wire_put_complement(p, &w);
	ck_assert_int_eq(gc_hs_parse_complement(p + 2, len - 2, &flags, &creation), 0);
	ck_assert(flags == 0xabc00000000 && creation == 9);
	for (size_t i = 0; i < len - 2; i++)
		ck_assert_int_eq(gc_hs_parse_complement(p + 2, i, &flags, &creation), GC_EPROTO);
	ck_assert_int_eq(gc_hs_parse_complement(p + 2, len - 1, &flags, &creation), GC_EPROTO);
	len = wire_put_challenge(p, &w);
	ck_assert_int_eq(gc_hs_parse_challenge(p + 2, len - 2, &n), 0);
	ck_assert(n.challenge == 8 && n.creation == 9 && memcmp(n.name, "n@h", 3) == 0);
	len = wire_put_status(p, "nok");
	ck_assert_int_eq(gc_hs_parse_status(p + 2, len - 2, &s), 0);
	ck_assert_int_eq(s, GC_HS_NOK);
	len = wire_put_status(p, "named:x");
	ck_assert_int_eq(gc_hs_parse_status(p + 2, len - 2, &s), 0);
	ck_assert_int_eq(s, GC_HS_NAMED);
	len = wire_put_reply(p, 5, digest);
	ck_assert_int_eq(gc_hs_parse_reply(p + 2, len - 2, &challenge, got), 0);
	ck_assert_uint_eq(challenge, 5);
	ck_assert_mem_eq(got, digest, 16);
	len = wire_put_ack(p, digest);
	ck_assert_int_eq(gc_hs_parse_ack(p + 2, len - 2, got), 0);
}
END_TEST

/* Each packet, cut after each byte, and with one byte too many: never taken, never read past. */
START_TEST(cut_packets_are_refused)
{
	struct wire_name w = {.flags = 1, .name = "n@h"};
	uint8_t p[WIRE_MAX], got[GC_HS_DIGEST];
	size_t full[4] = {wire_put_name(p, &w) - 2, wire_put_challenge(p, &w) - 2, 21, 17};
	uint32_t challenge;
	struct gc_hs_name n;

	for (int kind = 0; kind < 4; kind++) {
		for (size_t len = 0; len <= full[kind] + 1; len++) {
			uint8_t *exact = malloc(len ? len : 1);
			int err;

			memset(p, 0, sizeof(p));
			(void)(kind == 0   ? wire_put_name(p, &w)
			       : kind == 1 ? wire_put_challenge(p, &w)
			       : kind == 2 ? wire_put_reply(p, 5, digest)
					   : wire_put_ack(p, digest));
			memcpy(exact, p + 2, len);
			err = kind == 0	  ? gc_hs_parse_name(exact, len, &n)
			      : kind == 1 ? gc_hs_parse_challenge(exact, len, &n)
			      : kind == 2 ? gc_hs_parse_reply(exact, len, &challenge, got)
					  : gc_hs_parse_ack(exact, len, got);
			/* What follows a name is for later versions. */
			ck_assert_int_eq(err, len == full[kind] || (kind < 2 && len > full[kind])
						      ? 0
						      : GC_EPROTO);
			free(exact);
		}
	}
}
END_TEST

START_TEST(odd_status_is_refused)
{
	static const char *const odd[] = {"", "s", "sokay", "sO", "xok", "salivee", "snamed", "sno"};
	enum gc_hs_status s;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		ck_assert_int_eq(gc_hs_parse_status((const uint8_t *)odd[i], strlen(odd[i]), &s),
				 GC_EPROTO);
}
END_TEST

START_TEST(lengths_are_not_believed)
{
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"", 0, 2), 0);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\0", 1, 2), 0);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\0\0", 2, 2), GC_EPROTO);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\0\1x", 3, 2), 3);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\0\2x", 3, 2), 0);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\2\1", 2, 2), GC_ETOOBIG);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\377\377", 2, 2), GC_ETOOBIG);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\377\377\377\377", 4, 4), GC_ETOOBIG);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\200\0\0\0", 4, 4), GC_ETOOBIG);
	ck_assert_int_eq(gc_hs_frame((const uint8_t *)"\0\0\0\1x", 5, 4), 5);
}
END_TEST

START_TEST(mandatory_flags)
{
	ck_assert(gc_hs_missing_flags(0xD07DF7FBD) == 0);   /* OTP 25 */
	ck_assert(gc_hs_missing_flags(0x407074F9C) == 0);   /* ei 5.3 */
	ck_assert(gc_hs_missing_flags(0x4000000) == 0);	    /* the one for all */
	ck_assert(gc_hs_missing_flags(0xD07DF7FBD & ~UINT64_C(0x4000004)) == 4);
	ck_assert(gc_hs_missing_flags(0) == GC_DFLAGS_MANDATORY);
}
END_TEST

/* ---- guard ---- */

#define PEER "peer@host"
#define GOOD_FLAGS UINT64_C(0xD07DF7FBD)

struct script {
	uint8_t bytes[3 * WIRE_MAX];
	size_t len;
};

static void add(struct script *s, size_t n)
{
	s->len += n;
}

static void add_challenge(struct script *s, const char *name, uint64_t flags)
{
	struct wire_name w = {.flags = flags, .creation = 4, .challenge = 1234};

	(void)snprintf(w.name, sizeof(w.name), "%s", name);
	add(s, wire_put_challenge(s->bytes + s->len, &w));
}

/* Feeds it in pieces of that size, reading for ei as ei would; the last event that was not MORE. */
static enum gc_guard_event feed(struct gc_guard *g, const struct script *s, size_t chunk,
				struct gc_buf *ei, int *n_true)
{
	enum gc_guard_event last = GC_GUARD_MORE;
	size_t at = 0;

	while (at < s->len && last != GC_GUARD_FAIL && last != GC_GUARD_WAIT &&
	       g->state != GC_GUARD_DONE) {
		size_t n = s->len - at < chunk ? s->len - at : chunk, used;
		uint8_t *exact = malloc(n), out[7];
		enum gc_guard_event e;

		memcpy(exact, s->bytes + at, n);
		e = gc_guard_input(g, exact, n, &used);
		ck_assert_uint_le(used, n);
		ck_assert(used > 0);
		free(exact);
		at += used;
		*n_true += e == GC_GUARD_SAY_TRUE;
		if (e != GC_GUARD_MORE)
			last = e;
		for (size_t k; (k = gc_guard_read(g, out, sizeof(out))) > 0;)
			gc_buf_put(ei, out, k);
	}
	return last;
}

static void good_script(struct script *s, const char *status)
{
	*s = (struct script){.len = 0};
	add(s, wire_put_status(s->bytes, status));
	add_challenge(s, PEER, GOOD_FLAGS);
	add(s, wire_put_ack(s->bytes + s->len, digest));
}

/* Whatever the peer says, ei sees ok, the challenge, and the ack. */
START_TEST(guard_lets_good_ones_through)
{
	static const char *const statuses[] = {"ok", "ok_simultaneous", "alive"};
	const char *status = statuses[_i];
	struct script s, expected;

	good_script(&s, status);
	good_script(&expected, "ok");
	for (size_t chunk = 1; chunk <= s.len; chunk++) {
		struct gc_buf ei = {0};
		struct gc_guard g;
		int n_true = 0;

		gc_guard_init(&g, 2, PEER);
		ck_assert_int_eq(feed(&g, &s, chunk, &ei, &n_true), GC_GUARD_FEED_EI);
		ck_assert_int_eq(n_true, strcmp(status, "alive") == 0);
		ck_assert_uint_eq(ei.len, expected.len);
		ck_assert_mem_eq(ei.data, expected.bytes, ei.len);
		ck_assert(g.peer_flags == GOOD_FLAGS && g.peer_creation == 4);
		ck_assert_uint_eq(g.peer_challenge, 1234);
		gc_buf_deinit(&ei);
	}
}
END_TEST

/* Nothing reaches ei before the challenge has been found good. */
static void refuses(const struct script *s, int err)
{
	for (size_t chunk = 1; chunk <= s->len; chunk++) {
		struct gc_buf ei = {0};
		struct gc_guard g;
		int n_true = 0;

		gc_guard_init(&g, 2, PEER);
		ck_assert_int_eq(feed(&g, s, chunk, &ei, &n_true), GC_GUARD_FAIL);
		ck_assert_int_eq(g.fail.err, err);
		ck_assert_int_eq(g.fail.stage, GC_STAGE_HANDSHAKE);
		ck_assert_uint_eq(ei.len, 0);
	}
}

START_TEST(guard_refuses_wrong_names)
{
	static const char *const names[] = {"other@host", "peer@host2", "peer@hos", "", "Peer@host",
					    "peer@host\n"};
	struct script s = {.len = 0};

	add(&s, wire_put_status(s.bytes, "ok"));
	add_challenge(&s, names[_i], GOOD_FLAGS);
	refuses(&s, GC_ENAME);
}
END_TEST

START_TEST(guard_refuses_what_is_no_handshake)
{
	struct script s = {.len = 0};

	add(&s, wire_put_status(s.bytes, "not_allowed"));
	refuses(&s, GC_ENOTALLOWED);
	s.len = wire_put_status(s.bytes, "true");
	refuses(&s, GC_EPROTO);
	s.len = wire_put_status(s.bytes, "ok");
	add(&s, wire_put_ack(s.bytes + s.len, digest));
	refuses(&s, GC_EPROTO);
	s.len = wire_put_status(s.bytes, "ok");
	add_challenge(&s, PEER, GOOD_FLAGS & ~UINT64_C(0x4010000));
	refuses(&s, GC_EFLAGS);
	memcpy(s.bytes, "HTTP/1.1 400", 12);
	s.len = 12;
	refuses(&s, GC_EPROTO);
	memset(s.bytes, 0, 8);
	refuses(&s, GC_EPROTO);
}
END_TEST

START_TEST(guard_waits_on_nok)
{
	struct script s = {.len = 0};
	struct gc_buf ei = {0};
	struct gc_guard g;
	int n_true = 0;

	add(&s, wire_put_status(s.bytes, "nok"));
	gc_guard_init(&g, 2, PEER);
	ck_assert_int_eq(feed(&g, &s, 1, &ei, &n_true), GC_GUARD_WAIT);
}
END_TEST

START_TEST(guard_says_what_an_end_means)
{
	static const struct {
		int packets, uv_err, err;
	} rows[] = {
		{0, UV_EOF, GC_EOF},	   {0, UV_ECONNRESET, GC_ERESET},
		{0, UV_ETIMEDOUT, GC_ETIMEDOUT}, {1, UV_EOF, GC_EOF},
		{1, UV_ETIMEDOUT, GC_ETIMEDOUT}, {2, UV_EOF, GC_EBADCOOKIE},
		{2, UV_ECONNRESET, GC_EBADCOOKIE}, {2, UV_ETIMEDOUT, GC_ETIMEDOUT},
	};
	struct script s = {.len = 0};
	struct gc_buf ei = {0};
	struct gc_guard g;
	int n_true = 0;

	if (rows[_i].packets > 0)
		add(&s, wire_put_status(s.bytes, "ok"));
	if (rows[_i].packets > 1)
		add_challenge(&s, PEER, GOOD_FLAGS);
	gc_guard_init(&g, 2, PEER);
	(void)feed(&g, &s, s.len + 1, &ei, &n_true);
	gc_guard_ended(&g, rows[_i].uv_err);
	ck_assert_int_eq(g.fail.err, rows[_i].err);
	gc_buf_deinit(&ei);
}
END_TEST

/* An ack before ei has read the challenge: there is no room for it, and nobody who may see it. */
START_TEST(guard_holds_back_what_comes_early)
{
	struct script s;
	struct gc_guard g;
	size_t used, at = 0;
	enum gc_guard_event e;

	good_script(&s, "ok");
	gc_guard_init(&g, 2, PEER);
	do {
		e = gc_guard_input(&g, s.bytes + at, s.len - at, &used);
		at += used;
	} while (e != GC_GUARD_START_EI);
	ck_assert_int_eq(gc_guard_input(&g, s.bytes + at, s.len - at, &used), GC_GUARD_MORE);
	ck_assert_uint_eq(used, 0);
}
END_TEST

START_TEST(guard_knows_what_ei_writes)
{
	struct wire_name w = {.flags = 0x407074F9C | 0x800001, .creation = 1, .name = "me@here"};
	uint8_t p[WIRE_MAX];
	struct gc_guard g;
	struct gc_hs_name n;
	uint64_t flags;
	size_t len = wire_put_name(p, &w);

	gc_guard_init(&g, 2, PEER);
	ck_assert_int_eq(gc_guard_write(&g, p, len), 0);
	ck_assert_int_eq(gc_guard_patch_name(p, len, 2, 0xabcdef01, &flags), 0);
	ck_assert(flags == 0x507074FBC);
	ck_assert_int_eq(gc_hs_parse_name(p + 2, len - 2, &n), 0);
	ck_assert(n.flags == flags && n.creation == 0xabcdef01);
	len = wire_put_reply(p, 77, digest);
	ck_assert_int_eq(gc_guard_write(&g, p, len), (int)len);
	ck_assert_uint_eq(g.our_challenge, 77);
	ck_assert_int_eq(gc_guard_write(&g, p, len - 1), GC_EPROTO);
	ck_assert_int_eq(gc_guard_patch_name(p, len, 2, 1, &flags), GC_EPROTO);
}
END_TEST

/* Any bytes in pieces of any size: it ends, and never reads or writes out of bounds (sanitizers). */
START_TEST(guard_stands_noise)
{
	unsigned seed = 4711;

	for (int round = 0; round < 20000; round++) {
		struct script s;
		struct gc_buf ei = {0};
		struct gc_guard g;
		int n_true = 0;

		good_script(&s, round % 2 ? "ok" : "alive");
		for (int k = 0; k < 1 + round % 3; k++) {
			seed = seed * 1103515245u + 12345u;
			s.bytes[(seed >> 8) % s.len] = (uint8_t)(seed >> 24);
		}
		gc_guard_init(&g, 2, PEER);
		(void)feed(&g, &s, 1 + (size_t)(seed >> 16) % s.len, &ei, &n_true);
		gc_buf_deinit(&ei);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("handshake");
	TCase *t = tcase_create("packets"), *g = tcase_create("guard");
	SRunner *r = srunner_create(s);

	tcase_add_test(t, md5_of_the_rfc);
	tcase_add_test(t, digests_are_those_of_erlang);
	tcase_add_test(t, what_we_build_is_read_by_others);
	tcase_add_test(t, what_others_build_is_read_by_us);
	tcase_add_test(t, cut_packets_are_refused);
	tcase_add_test(t, odd_status_is_refused);
	tcase_add_test(t, lengths_are_not_believed);
	tcase_add_test(t, mandatory_flags);
	suite_add_tcase(s, t);
	tcase_add_loop_test(g, guard_lets_good_ones_through, 0, 3);
	tcase_add_loop_test(g, guard_refuses_wrong_names, 0, 6);
	tcase_add_test(g, guard_refuses_what_is_no_handshake);
	tcase_add_test(g, guard_waits_on_nok);
	tcase_add_loop_test(g, guard_says_what_an_end_means, 0, 8);
	tcase_add_test(g, guard_holds_back_what_comes_early);
	tcase_add_test(g, guard_knows_what_ei_writes);
	tcase_add_test(g, guard_stands_noise);
	suite_add_tcase(s, g);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
