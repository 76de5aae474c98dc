/* accept: who may connect, who is cut and why, names, limits; the tie-break of simultaneous connections, with
 * fakes and with two nodes of ours. */
#include "node_trace.h"

#include "err.h"
#include "handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GREATER "zzz@127.0.0.1"
#define SMALLER "aaa@127.0.0.1"

static uv_loop_t loop;
static struct node_trace t, u;
static struct fake_peer p, q;
static int fds;

static void setup(void)
{
	uv_loop_init(&loop); /* the first brings libuv's own pipe, which stays */
	ck_assert(loop_drain(&loop));
	fds = count_fds();
	uv_loop_init(&loop);
	node_trace_open(&t, &loop, NULL);
}

static void teardown(void)
{
	fake_peer_close(&p);
	fake_peer_close(&q);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
}

static struct gc_node_stats stats(struct node_trace *of)
{
	struct gc_node_stats s;

	gc_node_stats(of->n, &s);
	return s;
}

static void connect_fake(struct fake_peer *f)
{
	ck_assert(fake_peer_connect(f, &loop, gc_node_port(t.n)));
}

/* Our name, the status that comes back, which must be that one. */
static void expect_status(struct fake_peer *f, const void *name, size_t name_len, uint64_t flags,
			  const char *status)
{
	uint8_t out[WIRE_MAX * 2];
	int n;

	wire_put16(out, (uint16_t)(15 + name_len));
	out[2] = 'N';
	wire_put64(out + 3, flags);
	wire_put32(out + 11, 4711);
	wire_put16(out + 15, (uint16_t)name_len);
	memcpy(out + 17, name, name_len);
	fake_peer_send(f, out, 17 + name_len);
	n = fake_peer_packet(f);
	ck_assert_msg(n > 0 && wire_is_status(f->packet, (size_t)n, status), "%.*s, wanted %s", n,
		      (char *)f->packet, status);
}

START_TEST(a_link)
{
	connect_fake(&p);
	ck_assert(fake_peer_dial(&p, PEER, VISIBLE, COOKIE));
	wait_count(&t, n_up, 1);
	ck_assert_str_eq(p.theirs.name, ME);
	ck_assert(p.theirs.flags == 0x507074FBC);
	ck_assert_uint_eq(p.theirs.creation, gc_node_creation(t.n));
	ck_assert_uint_eq(stats(&t).accepts_ok, 1);
	ck_assert_uint_eq(stats(&t).handshakes_pending, 0);
}
END_TEST

START_TEST(byte_by_byte)
{
	struct wire_name mine = {.flags = VISIBLE, .creation = 5, .challenge = 99, .name = PEER};
	uint8_t out[WIRE_MAX], digest[16];
	size_t len = wire_put_name(out, &mine);
	int n;

	connect_fake(&p);
	for (size_t i = 0; i < len; i++) {
		fake_peer_send(&p, out + i, 1);
		loop_for(&loop, 1);
	}
	ck_assert_int_gt(fake_peer_packet(&p), 0);
	n = fake_peer_packet(&p);
	ck_assert(wire_get_challenge(p.packet, (size_t)n, &p.theirs));
	wire_digest(COOKIE, p.theirs.challenge, digest);
	len = wire_put_reply(out, mine.challenge, digest);
	for (size_t i = 0; i < len; i++) {
		fake_peer_send(&p, out + i, 1);
		loop_for(&loop, 1);
	}
	n = fake_peer_packet(&p);
	ck_assert(n > 0 && wire_check_ack(p.packet, (size_t)n, COOKIE, mine.challenge));
	wait_count(&t, n_up, 1);
}
END_TEST

/* An OTP 23 whose EPMD module says 5: see handshake.h. */
START_TEST(a_name_of_version_5)
{
	struct wire_name mine = {.flags = VISIBLE, .creation = 5555, .challenge = 99, .name = PEER};
	uint8_t out[WIRE_MAX], digest[16];
	struct gc_link_info info;
	int n;

	connect_fake(&p);
	fake_peer_send(&p, out, wire_put_v5_name(out, &mine));
	n = fake_peer_packet(&p);
	ck_assert(n > 0 && wire_is_status(p.packet, (size_t)n, "ok"));
	n = fake_peer_packet(&p);
	ck_assert(n > 0 && wire_get_challenge(p.packet, (size_t)n, &p.theirs));
	if (_i == 1) /* it wants a name after all */
		mine.flags |= UINT64_C(0x200000000);
	if (_i != 2) /* 2: it says nothing of the rest */
		fake_peer_send(&p, out, wire_put_complement(out, &mine));
	wire_digest(COOKIE, p.theirs.challenge, digest);
	fake_peer_send(&p, out, wire_put_reply(out, mine.challenge, digest));
	if (_i > 0) {
		ck_assert(fake_peer_wait_end(&p));
		ck_assert_int_eq(t.n_up, 0);
		return;
	}
	n = fake_peer_packet(&p);
	ck_assert(n > 0 && wire_check_ack(p.packet, (size_t)n, COOKIE, mine.challenge));
	wait_count(&t, n_up, 1);
	gc_link_info(t.link, &info);
	ck_assert_uint_eq(info.creation, 5555);
	ck_assert_uint_eq(info.flags & VISIBLE, VISIBLE);
}
END_TEST

START_TEST(before_otp_23)
{
	struct wire_name mine = {.flags = VISIBLE & ~UINT64_C(0x1000000), .name = PEER};
	uint8_t out[WIRE_MAX];
	int n;

	mine.flags &= ~UINT64_C(0x4000000);
	connect_fake(&p);
	fake_peer_send(&p, out, wire_put_v5_name(out, &mine));
	n = fake_peer_packet(&p);
	ck_assert(n > 0 && wire_is_status(p.packet, (size_t)n, "not_allowed"));
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_int_eq(t.n_up, 0);
}
END_TEST

START_TEST(odd_names)
{
	static const struct {
		const char *name;
		size_t len;
	} rows[] = {
#define ROW(s) {s, sizeof(s) - 1}
		ROW(""),	    ROW("noat"),	 ROW("a@"),	    ROW("@b"),
		ROW("a@b@c"),	    ROW("a\n@b"),	 ROW("a@b\0c"),	    ROW("%s%n@host"),
		ROW("a b@host"),    ROW("a@host/../x"), ROW("\xc3\xa9@host"), ROW(ME),
		ROW("a@host\x1b[2J"),
	};

	connect_fake(&p);
	expect_status(&p, rows[_i].name, rows[_i].len, VISIBLE, "not_allowed");
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_int_eq(t.n_up, 0);
	ck_assert_uint_eq(stats(&t).accepts_failed, 1);
}
END_TEST

START_TEST(long_names)
{
	char name[600];

	memset(name, 'x', sizeof(name));
	name[1] = '@';
	connect_fake(&p);
	if (_i == 0) { /* the longest there is */
		expect_status(&p, name, 255, VISIBLE, "ok");
	} else if (_i == 1) {
		expect_status(&p, name, 256, VISIBLE, "not_allowed");
	} else { /* longer than any packet of a handshake */
		fake_peer_send(&p, "\2\130N", 3);
		ck_assert(fake_peer_wait_end(&p));
	}
}
END_TEST

START_TEST(flags_that_do_not_do)
{
	connect_fake(&p);
	if (_i == 0)
		expect_status(&p, PEER, strlen(PEER), VISIBLE & ~UINT64_C(0x4010000), "not_allowed");
	else if (_i == 1) /* wants a name of us */
		expect_status(&p, "host", 4, VISIBLE | 0x200000000, "not_allowed");
	else /* the one flag for all */
		expect_status(&p, PEER, strlen(PEER), 0x4000000, "ok");
}
END_TEST

START_TEST(wrong_cookie)
{
	connect_fake(&p);
	ck_assert(!fake_peer_dial(&p, PEER, VISIBLE, "another"));
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_uint_eq(p.len, 0); /* no digest for one who has not shown his */
	ck_assert_int_eq(t.n_up, 0);
}
END_TEST

START_TEST(garbage)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"GET / HTTP/1.1\r\n\r\n", 18}, {"\0\0", 2},	   {"\377\377", 2},
		    {"\0\1N", 3},		    {"\0\3sok", 5}, {"\0\4\0\0\0\0", 6}};

	connect_fake(&p);
	fake_peer_send(&p, rows[_i].bytes, rows[_i].len);
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_uint_eq(p.len, 0);
	ck_assert_uint_eq(stats(&t).accepts_failed, 1);
}
END_TEST

/* Silent, or dripping, in each state: cut after 2 s in all. */
START_TEST(the_deadline)
{
	uint64_t since = uv_hrtime() / 1000000, took;

	connect_fake(&p);
	if (_i > 0)
		expect_status(&p, PEER, strlen(PEER), VISIBLE, "ok");
	while (!p.has_ended) {
		if (_i == 2) {
			fake_peer_send(&p, "\0", 1);
			loop_for(&loop, 500);
		} else {
			ck_assert(fake_peer_wait_end(&p));
		}
		ck_assert_uint_lt(uv_hrtime() / 1000000 - since, at_most_ms(4000));
	}
	took = uv_hrtime() / 1000000 - since;
	ck_assert_uint_ge(took, _i == 2 ? 0 : 1900);
	ck_assert_uint_le(took, at_most_ms(3000));
}
END_TEST

/* 1000 at once that say nothing: a good one is in within 200 ms, and few of the others are kept. */
START_TEST(a_flood)
{
	static uv_tcp_t flood[1000];
	static uv_connect_t req[1000];
	struct sockaddr_in a;
	uint64_t since;

	uv_ip4_addr("127.0.0.1", gc_node_port(t.n), &a);
	for (int i = 0; i < 1000; i++) {
		uv_tcp_init(&loop, &flood[i]);
		ck_assert_int_eq(
			uv_tcp_connect(&req[i], &flood[i], (struct sockaddr *)&a, NULL), 0);
	}
	while (stats(&t).accepts < 1000)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_uint_le(stats(&t).handshakes_pending, 64);
	since = uv_hrtime() / 1000000;
	node_trace_link(&t, &p, PEER);
	ck_assert_uint_le(uv_hrtime() / 1000000 - since, at_most_ms(200));
	for (int i = 0; i < 1000; i++)
		uv_close((uv_handle_t *)&flood[i], NULL);
}
END_TEST

/* From 200 addresses at once, again and again: whoever comes from where a node has been before is not pushed out, however
 * slow it is. */
START_TEST(a_flood_from_many)
{
	static uv_tcp_t flood[400];
	static uv_connect_t req[400];
	struct sockaddr_in a, from;
	char address[32];
	bool is_known = _i;

	if (is_known) {
		node_trace_link(&t, &q, "before@127.0.0.1");
		fake_peer_close(&q);
	}
	connect_fake(&p);
	while (stats(&t).handshakes_pending == 0)
		uv_run(&loop, UV_RUN_ONCE);
	uv_ip4_addr("127.0.0.1", gc_node_port(t.n), &a);
	for (int i = 0; i < 400; i++) {
		(void)snprintf(address, sizeof(address), "127.0.66.%d", 1 + i % 200);
		uv_ip4_addr(address, 0, &from);
		uv_tcp_init(&loop, &flood[i]);
		ck_assert_int_eq(uv_tcp_bind(&flood[i], (struct sockaddr *)&from, 0), 0);
		ck_assert_int_eq(
			uv_tcp_connect(&req[i], &flood[i], (struct sockaddr *)&a, NULL), 0);
	}
	while (stats(&t).accepts < 401)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_uint_eq(stats(&t).handshakes_pending, 128);
	if (is_known)
		expect_status(&p, PEER, strlen(PEER), VISIBLE, "ok");
	else
		ck_assert(fake_peer_wait_end(&p));
	for (int i = 0; i < 400; i++)
		uv_close((uv_handle_t *)&flood[i], NULL);
}
END_TEST

/* One who dials us is challenged; it hands that challenge back to us as its own in another connection. */
START_TEST(our_own_challenge_is_not_answered)
{
	struct wire_name mine = {.flags = VISIBLE, .creation = 5, .name = PEER};
	uint8_t out[WIRE_MAX], digest[16];
	int n;

	connect_fake(&p);
	expect_status(&p, "liar@host", 9, VISIBLE, "ok");
	n = fake_peer_packet(&p);
	ck_assert(wire_get_challenge(p.packet, (size_t)n, &p.theirs));
	connect_fake(&q);
	expect_status(&q, PEER, strlen(PEER), VISIBLE, "ok");
	n = fake_peer_packet(&q);
	ck_assert(wire_get_challenge(q.packet, (size_t)n, &q.theirs));
	ck_assert_uint_ne(p.theirs.challenge, q.theirs.challenge);
	mine.challenge = p.theirs.challenge;
	wire_digest(COOKIE, q.theirs.challenge, digest);
	fake_peer_send(&q, out, wire_put_reply(out, mine.challenge, digest));
	ck_assert(fake_peer_wait_end(&q));
	ck_assert_uint_eq(q.len, 0);
	ck_assert_int_eq(t.n_up, 0);
}
END_TEST

/* ---- alive ---- */

START_TEST(alive_and_what_is_said)
{
	uint8_t out[WIRE_MAX];

	node_trace_link(&t, &p, PEER);
	connect_fake(&q);
	expect_status(&q, PEER, strlen(PEER), VISIBLE, "alive");
	fake_peer_send(&q, out, wire_put_status(out, _i == 0 ? "false" : "ok"));
	ck_assert(fake_peer_wait_end(&q));
	ck_assert_int_eq(t.n_down, 0); /* the old one stays */
}
END_TEST

/* An old link is not given up for one who says `true` but has another cookie. */
START_TEST(alive_without_the_cookie)
{
	node_trace_link(&t, &p, PEER);
	connect_fake(&q);
	ck_assert(!fake_peer_dial(&q, PEER, VISIBLE, "another"));
	ck_assert(fake_peer_wait_end(&q));
	ck_assert_int_eq(t.n_down, 0);
	ck_assert_ptr_eq(gc_node_find(t.n, PEER), t.link);
}
END_TEST

/* ---- both at once ---- */

static void dial_listening(const char *name)
{
	ck_assert(fake_peer_listen(&p, &loop));
	(void)node_trace_start_dial(&t, name, p.port, 5000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert_int_gt(fake_peer_packet(&p), 0); /* it has our name */
}

START_TEST(a_greater_one_comes_in)
{
	dial_listening(GREATER);
	connect_fake(&q);
	expect_status(&q, GREATER, strlen(GREATER), VISIBLE, "ok_simultaneous");
	/* It proves itself: its connection is the one. */
	fake_peer_hang_up(&q);
	connect_fake(&q);
	ck_assert(fake_peer_dial(&q, GREATER, VISIBLE, COOKIE));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_int_eq(t.n_up, 1);
	ck_assert(fake_peer_wait_end(&p)); /* ours is given up */
}
END_TEST

START_TEST(a_smaller_one_is_told_nok)
{
	dial_listening(SMALLER);
	connect_fake(&q);
	expect_status(&q, SMALLER, strlen(SMALLER), VISIBLE, "nok");
	ck_assert(fake_peer_wait_end(&q));
	/* Ours goes on. */
	struct wire_name mine = {.flags = VISIBLE, .creation = 5, .challenge = 9, .name = SMALLER};
	uint8_t out[WIRE_MAX], digest[16];
	uint32_t challenge;
	int n;

	fake_peer_send(&p, out, wire_put_status(out, "ok_simultaneous"));
	fake_peer_send(&p, out, wire_put_challenge(out, &mine));
	n = fake_peer_packet(&p);
	ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 9, &challenge));
	wire_digest(COOKIE, challenge, digest);
	fake_peer_send(&p, out, wire_put_ack(out, digest));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
}
END_TEST

/* Somebody claims the name of the node that we dial, again and again, and proves nothing. */
START_TEST(claims_do_not_stop_a_dial)
{
	struct wire_name mine = {.flags = VISIBLE, .creation = 5, .challenge = 9, .name = GREATER};
	uint8_t out[WIRE_MAX], digest[16];
	uint32_t challenge;
	int n;

	dial_listening(GREATER);
	connect_fake(&q);
	expect_status(&q, GREATER, strlen(GREATER), VISIBLE, "ok_simultaneous");
	fake_peer_send(&p, out, wire_put_status(out, "ok"));
	fake_peer_send(&p, out, wire_put_challenge(out, &mine));
	loop_for(&loop, 50);
	ck_assert_uint_eq(p.len, 0); /* held */
	fake_peer_hang_up(&q);
	connect_fake(&q);
	expect_status(&q, GREATER, strlen(GREATER), VISIBLE, "ok_simultaneous");
	n = fake_peer_packet(&p); /* goes on, though the claim stands */
	ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 9, &challenge));
	wire_digest(COOKIE, challenge, digest);
	fake_peer_send(&p, out, wire_put_ack(out, digest));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
}
END_TEST

/* Nor does one that is never proved: soon the dial says its name, or goes on with what it has said. */
START_TEST(a_claim_holds_a_dial_for_a_moment)
{
	bool has_begun = _i == 1;

	if (has_begun)
		dial_listening(GREATER);
	connect_fake(&q);
	expect_status(&q, GREATER, strlen(GREATER), VISIBLE, has_begun ? "ok_simultaneous" : "ok");
	if (!has_begun) {
		ck_assert(fake_peer_listen(&p, &loop));
		(void)node_trace_start_dial(&t, GREATER, p.port, 5000);
		ck_assert(fake_peer_wait_connected(&p));
		loop_for(&loop, 50);
		ck_assert_uint_eq(p.len, 0); /* held */
	}
	if (has_begun)
		ck_assert(fake_peer_go_on(&p, GREATER, VISIBLE, COOKIE, "ok"));
	else
		ck_assert(fake_peer_answer(&p, GREATER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_uint_lt(t.dialled.took_ms, 1500);
	ck_assert(!q.has_ended);
	ck_assert_uint_eq(stats(&t).handshakes_pending, 1);
}
END_TEST

/* Two nodes of ours dial each other, at the same moment or a little apart, again and again: one link each
 * time, both see the same, and both dials succeed. */
static bool both_settled(void *arg)
{
	int n = *(int *)arg;

	return t.n_dialled >= n && u.n_dialled >= n && t.n_up - t.n_down == 1 &&
	       u.n_up - u.n_down == 1;
}

static bool both_down(void *arg)
{
	(void)arg;
	return t.n_up == t.n_down && u.n_up == u.n_down;
}

START_TEST(two_of_ours)
{
	struct gc_node_config c = {.no_epmd = true, .name = _i ? GREATER : SMALLER};

	node_trace_open(&u, &loop, &c);
	for (int n = 1; n <= 200; n++) {
		struct gc_link_info a, b;

		(void)node_trace_start_dial(&t, c.name, gc_node_port(u.n), 5000);
		for (int k = 0; k < n % 8; k++)
			uv_run(&loop, UV_RUN_NOWAIT);
		(void)node_trace_start_dial(&u, ME, gc_node_port(t.n), 5000);
		ck_assert(loop_until(&loop, both_settled, &n, 10000));
		ck_assert_int_eq(t.dialled.fail.err, 0);
		ck_assert_int_eq(u.dialled.fail.err, 0);
		ck_assert_uint_eq(gc_node_link_count(t.n), 1);
		ck_assert_uint_eq(gc_node_link_count(u.n), 1);
		gc_link_info(t.link, &a);
		gc_link_info(u.link, &b);
		ck_assert(a.dialled != b.dialled); /* the same connection, seen from both ends */
		gc_link_close(t.link, GC_EREMOVED, NULL);
		ck_assert(loop_until(&loop, both_down, NULL, 10000));
	}
	/* No link was made only to be lost again. */
	ck_assert_int_eq(t.n_up, 200);
	ck_assert_int_eq(u.n_up, 200);
	node_trace_close(&u, 0);
}
END_TEST

/* Two that answer each other's ticks must come to rest. */
START_TEST(two_of_ours_and_ticks)
{
	struct gc_node_config c = {.no_epmd = true, .name = GREATER, .net_ticktime_s = 2};

	node_trace_open(&u, &loop, &c);
	ck_assert_int_eq(node_trace_dial(&u, ME, gc_node_port(t.n), 5000), 0);
	loop_for(&loop, 4000);
	/* u speaks each half second if it has to, t answers. */
	ck_assert_uint_ge(stats(&u).ticks_out, 4);
	ck_assert_uint_le(stats(&u).ticks_out, 16);
	ck_assert_uint_le(stats(&t).ticks_out, 16);
	ck_assert_int_eq(u.n_down, 0);
	node_trace_close(&u, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("accept");
	TCase *k = tcase_create("accept");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(k, setup, teardown);
	tcase_set_timeout(k, 60);
	tcase_add_test(k, a_link);
	tcase_add_test(k, byte_by_byte);
	tcase_add_loop_test(k, a_name_of_version_5, 0, 3);
	tcase_add_test(k, before_otp_23);
	tcase_add_loop_test(k, odd_names, 0, 13);
	tcase_add_loop_test(k, long_names, 0, 3);
	tcase_add_loop_test(k, flags_that_do_not_do, 0, 3);
	tcase_add_test(k, wrong_cookie);
	tcase_add_loop_test(k, garbage, 0, 6);
	tcase_add_loop_test(k, the_deadline, 0, 3);
	tcase_add_test(k, a_flood);
	tcase_add_loop_test(k, a_flood_from_many, 0, 2);
	tcase_add_test(k, our_own_challenge_is_not_answered);
	tcase_add_loop_test(k, alive_and_what_is_said, 0, 2);
	tcase_add_test(k, alive_without_the_cookie);
	tcase_add_test(k, a_greater_one_comes_in);
	tcase_add_test(k, a_smaller_one_is_told_nok);
	tcase_add_test(k, claims_do_not_stop_a_dial);
	tcase_add_loop_test(k, a_claim_holds_a_dial_for_a_moment, 0, 2);
	tcase_add_loop_test(k, two_of_ours, 0, 2);
	tcase_add_test(k, two_of_ours_and_ticks);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
