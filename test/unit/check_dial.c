/* dial: every way in which a peer can fail to be a node, each told with its stage and reason; cancelling,
 * sharing, turns. The peers are fakes; the EPMD is fake too. */
#include "node_trace.h"

#include "err.h"
#include "fake_epmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define EPMD_PORT_VAR "ERL_EPMD_PORT"

static uv_loop_t loop;
static struct node_trace t;
static struct fake_peer p, q;
static struct fake_epmd epmd;
static bool has_epmd;
static int fds;

static void setup(void)
{
	uv_loop_init(&loop); /* the first brings libuv's own pipe, which stays */
	ck_assert(loop_drain(&loop));
	fds = count_fds();
	uv_loop_init(&loop);
	ck_assert(fake_peer_listen(&p, &loop));
}

static void teardown(void)
{
	if (has_epmd)
		fake_epmd_close(&epmd);
	has_epmd = false;
	fake_peer_close(&p);
	fake_peer_close(&q);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
}

static void expect(int err, enum gc_stage stage, const char *part)
{
	ck_assert_msg(t.dialled.fail.err == err && t.dialled.fail.stage == stage,
		      "%s in %s (%s), wanted %s in %s", gc_err_name(t.dialled.fail.err),
		      gc_stage_name(t.dialled.fail.stage), t.dialled.fail.detail, gc_err_name(err),
		      gc_stage_name(stage));
	ck_assert_msg(strstr(t.dialled.fail.detail, part) != NULL, "\"%s\" lacks \"%s\"",
		      t.dialled.fail.detail, part);
}

/* Starts a dial of the fake and waits until it has our name. */
static void dial_fake(uint64_t timeout_ms)
{
	(void)node_trace_start_dial(&t, PEER, p.port, timeout_ms);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert_int_gt(fake_peer_packet(&p), 0);
}

static size_t put_challenge(uint8_t *out, const char *name, uint32_t challenge, uint64_t flags)
{
	struct wire_name mine = {.flags = flags, .creation = 4711, .challenge = challenge};

	(void)snprintf(mine.name, sizeof(mine.name), "%s", name);
	return wire_put_challenge(out, &mine);
}

/* ---- it works ---- */

START_TEST(a_link)
{
	static const char *const statuses[] = {"ok", "ok_simultaneous", "alive"};
	struct gc_link_info info;

	node_trace_open(&t, &loop, NULL);
	(void)node_trace_start_dial(&t, PEER, p.port, 5000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, statuses[_i]));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_int_eq(t.n_up, 1);
	ck_assert_ptr_eq(t.dialled.link, t.link);
	ck_assert_str_eq(t.dialled.address, "127.0.0.1");
	ck_assert_uint_eq(t.dialled.port, p.port);
	gc_link_info(t.link, &info);
	ck_assert(info.dialled && !info.hidden);
	ck_assert_uint_eq(info.creation, 4711);
	/* What we sent: our name and what we can do, and nothing that we cannot. */
	ck_assert_str_eq(p.theirs.name, ME);
	ck_assert(p.theirs.flags == 0x507074FBC);
	ck_assert_uint_eq(p.theirs.creation, gc_node_creation(t.n));
	ck_assert_uint_ge(p.theirs.creation, 4);
	/* Again: the one that is up. */
	ck_assert_int_eq(node_trace_dial(&t, PEER, p.port, 5000), 0);
	ck_assert_int_eq(t.n_up, 1);
	ck_assert_int_eq(p.n_accepted, 1);
}
END_TEST

/* The peer's words one byte at a time, and the first frame on the heels of the last. */
START_TEST(a_dripping_node)
{
	uint8_t out[WIRE_MAX], digest[16];
	uint32_t challenge;
	size_t len;
	int n;

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	len = wire_put_status(out, "ok");
	len += put_challenge(out + len, PEER, 77, VISIBLE);
	for (size_t i = 0; i < len; i++) {
		fake_peer_send(&p, out + i, 1);
		loop_for(&loop, 1);
	}
	n = fake_peer_packet(&p);
	ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 77, &challenge));
	wire_digest(COOKIE, challenge, digest);
	len = wire_put_ack(out, digest);
	memcpy(out + len, "\0\0\0\12p\203\150\3\141\2w\0\141\1", 14);
	len += 14;
	for (size_t i = 0; i < len; i++) {
		fake_peer_send(&p, out + i, 1);
		loop_for(&loop, 1);
	}
	wait_count(&t, n_ctl, 1);
	ck_assert_int_eq(t.n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
}
END_TEST

START_TEST(rest_behind_the_ack)
{
	uint8_t out[WIRE_MAX + 64], digest[16];
	uint32_t challenge;
	size_t len;
	int n;

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	len = wire_put_status(out, "ok");
	len += put_challenge(out + len, PEER, 77, VISIBLE);
	fake_peer_send(&p, out, len);
	n = fake_peer_packet(&p);
	ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 77, &challenge));
	wire_digest(COOKIE, challenge, digest);
	len = wire_put_ack(out, digest);
	memcpy(out + len, "\0\0\0\12p\203\150\3\141\2w\0\141\1\0\0\0\12p\203\150\3\141\2w\0\141\1", 28);
	fake_peer_send(&p, out, len + 28);
	wait_count(&t, n_ctl, 2);
	ck_assert_int_eq(t.dialled.fail.err, 0);
}
END_TEST

/* ---- it does not ---- */

START_TEST(nobody_there)
{
	uint16_t port = p.port;

	fake_peer_close(&p);
	node_trace_open(&t, &loop, NULL);
	(void)node_trace_dial(&t, PEER, port, 5000);
	expect(GC_EREFUSED, GC_STAGE_CONNECT, "127.0.0.1 port ");
	ck_assert_str_eq(t.dialled.address, "127.0.0.1");
	ck_assert_uint_eq(t.dialled.port, port);
}
END_TEST

/* 192.0.2.0/24 leads nowhere; no answer, or the network says that there is no way. */
START_TEST(no_way_there)
{
	node_trace_open(&t, &loop, NULL);
	(void)node_trace_dial(&t, "n@192.0.2.1", 4000, 300);
	if (t.dialled.fail.err != GC_EUNREACHABLE && t.dialled.fail.err != GC_EREFUSED)
		expect(GC_ETIMEDOUT, GC_STAGE_CONNECT, "192.0.2.1 port 4000");
	ck_assert_uint_lt(t.dialled.took_ms, 1000);
}
END_TEST

/* Silent in each state, and closing or resetting in each state. */
START_TEST(silence_and_ends)
{
	static const struct {
		int err;
		const char *part;
	} silent[] = {{GC_ETIMEDOUT, "its status"},
		      {GC_ETIMEDOUT, "its challenge"},
		      {GC_ETIMEDOUT, "its acknowledgement"}},
	  eof[] = {{GC_EOF, "its status"}, {GC_EOF, "its challenge"}, {GC_EBADCOOKIE, "it closed"}},
	  reset[] = {{GC_ERESET, "its status"},
		     {GC_ERESET, "its challenge"},
		     {GC_EBADCOOKIE, "it closed"}};
	int state = _i % 3, how = _i / 3;
	uint8_t out[WIRE_MAX];

	node_trace_open(&t, &loop, NULL);
	dial_fake(how == 0 ? 300 : 5000);
	if (state > 0)
		fake_peer_send(&p, out, wire_put_status(out, "ok"));
	if (state > 1) {
		fake_peer_send(&p, out, put_challenge(out, PEER, 5, VISIBLE));
		ck_assert_int_gt(fake_peer_packet(&p), 0); /* our reply */
	}
	/* What was sent must have arrived before a reset, which would overtake it. */
	loop_for(&loop, 20);
	if (how == 1)
		fake_peer_hang_up(&p);
	else if (how == 2)
		fake_peer_reset(&p);
	wait_count(&t, n_dialled, 1);
	expect(how == 0	  ? silent[state].err
	       : how == 1 ? eof[state].err
			  : reset[state].err,
	       GC_STAGE_HANDSHAKE,
	       how == 0	  ? silent[state].part
	       : how == 1 ? eof[state].part
			  : reset[state].part);
	ck_assert_int_eq(t.n_up, 0);
	if (how == 0) {
		ck_assert_uint_ge(t.dialled.took_ms, 290);
		ck_assert(fake_peer_wait_end(&p)); /* we hang up on it */
	}
}
END_TEST

/* A byte each 50 ms: the deadline is of the whole dial, not of a read. */
static uv_timer_t dripper;

static void on_drip(uv_timer_t *timer)
{
	(void)timer;
	fake_peer_send(&p, "\0", 1);
}

START_TEST(dripping_does_not_help)
{
	node_trace_open(&t, &loop, NULL);
	dial_fake(600);
	fake_peer_send(&p, "\1", 1); /* a packet of 256 bytes is to come */
	uv_timer_init(&loop, &dripper);
	uv_timer_start(&dripper, on_drip, 50, 50);
	wait_count(&t, n_dialled, 1);
	uv_close((uv_handle_t *)&dripper, NULL);
	expect(GC_ETIMEDOUT, GC_STAGE_HANDSHAKE, "its status");
	ck_assert_uint_lt(t.dialled.took_ms, 900);
}
END_TEST

START_TEST(garbage)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"HTTP/1.1 400 Bad Request\r\n\r\n", 28}, {"\0\0", 2},    {"\377\377", 2},
		    {"SSH-2.0-OpenSSH_9.2\r\n", 21},	      {"\0\1s", 3},   {"\0\3xok", 5},
		    {"\0\7snamed:", 9},			      {"\0\5strue", 7}};

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	fake_peer_send(&p, rows[_i].bytes, rows[_i].len);
	wait_count(&t, n_dialled, 1);
	expect(GC_EPROTO, GC_STAGE_HANDSHAKE, "");
	ck_assert_str_ne(t.dialled.fail.detail, "");
	ck_assert(fake_peer_wait_end(&p));
}
END_TEST

START_TEST(refusals)
{
	uint8_t out[WIRE_MAX];

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	if (_i == 0) {
		fake_peer_send(&p, out, wire_put_status(out, "not_allowed"));
	} else {
		fake_peer_send(&p, out, wire_put_status(out, "ok"));
		fake_peer_send(&p, out,
			       _i == 1 ? put_challenge(out, "other@host", 5, VISIBLE)
				       : put_challenge(out, PEER, 5, 0x1));
	}
	wait_count(&t, n_dialled, 1);
	if (_i == 0)
		expect(GC_ENOTALLOWED, GC_STAGE_HANDSHAKE, "refused");
	else if (_i == 1)
		expect(GC_ENAME, GC_STAGE_HANDSHAKE, "it calls itself other@host");
	else
		expect(GC_EFLAGS, GC_STAGE_HANDSHAKE, "missing flags");
	ck_assert_int_eq(fake_peer_wait_end(&p), true);
	ck_assert_uint_eq(p.len, 0); /* it never got a digest of us */
}
END_TEST

/* The peer takes our digest, but its own is made with another cookie. */
START_TEST(its_cookie_differs)
{
	uint8_t out[WIRE_MAX], digest[16];
	uint32_t challenge;
	int n;

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	fake_peer_send(&p, out, wire_put_status(out, "ok"));
	fake_peer_send(&p, out, put_challenge(out, PEER, 5, VISIBLE));
	n = fake_peer_packet(&p);
	ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 5, &challenge));
	wire_digest("another", challenge, digest);
	fake_peer_send(&p, out, wire_put_ack(out, digest));
	wait_count(&t, n_dialled, 1);
	expect(GC_EBADCOOKIE, GC_STAGE_HANDSHAKE, "digest is wrong");
	ck_assert_int_eq(t.n_up, 0);
}
END_TEST

/* Two dials to the same liar: it hands the challenge of the first back in the second, to have us make the
 * answer that it cannot. */
START_TEST(our_own_challenge_is_not_answered)
{
	uint8_t out[WIRE_MAX];
	uint32_t challenge;
	int n;

	node_trace_open(&t, &loop, NULL);
	ck_assert(fake_peer_listen(&q, &loop));
	dial_fake(5000);
	fake_peer_send(&p, out, wire_put_status(out, "ok"));
	fake_peer_send(&p, out, put_challenge(out, PEER, 5, VISIBLE));
	n = fake_peer_packet(&p);
	ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 5, &challenge));

	(void)node_trace_start_dial(&t, "liar@127.0.0.1", q.port, 5000);
	ck_assert(fake_peer_wait_connected(&q));
	ck_assert_int_gt(fake_peer_packet(&q), 0);
	fake_peer_send(&q, out, wire_put_status(out, "ok"));
	fake_peer_send(&q, out, put_challenge(out, "liar@127.0.0.1", challenge, VISIBLE));
	wait_count(&t, n_dialled, 1);
	expect(GC_EREFLECTED, GC_STAGE_HANDSHAKE, "one of ours");
	ck_assert(fake_peer_wait_end(&q));
	ck_assert_uint_eq(q.len, 0);
}
END_TEST

/* The challenges of many dials, and none comes twice: they are not drawn from a clock. */
START_TEST(challenges_differ)
{
	static uint32_t seen[50];
	uint8_t out[WIRE_MAX];
	int n;

	node_trace_open(&t, &loop, NULL);
	for (int i = 0; i < 50; i++) {
		dial_fake(5000);
		fake_peer_send(&p, out, wire_put_status(out, "ok"));
		fake_peer_send(&p, out, put_challenge(out, PEER, 5, VISIBLE));
		n = fake_peer_packet(&p);
		ck_assert(wire_check_reply(p.packet, (size_t)n, COOKIE, 5, &seen[i]));
		fake_peer_hang_up(&p);
		wait_count(&t, n_dialled, i + 1);
		for (int k = 0; k < i; k++)
			ck_assert_uint_ne(seen[k], seen[i]);
	}
}
END_TEST

/* ---- nok ---- */

START_TEST(nok_waits_for_the_other)
{
	uint8_t out[WIRE_MAX];
	struct gc_link_info info;

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	fake_peer_send(&p, out, wire_put_status(out, "nok"));
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_int_eq(t.n_dialled, 0);
	node_trace_link(&t, &q, PEER);
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	gc_link_info(t.link, &info);
	ck_assert(!info.dialled);
}
END_TEST

START_TEST(nok_and_nobody_comes)
{
	uint8_t out[WIRE_MAX];

	node_trace_open(&t, &loop, NULL);
	dial_fake(500);
	fake_peer_send(&p, out, wire_put_status(out, "nok"));
	wait_count(&t, n_dialled, 1);
	expect(GC_ETIMEDOUT, GC_STAGE_HANDSHAKE, "did not come");
}
END_TEST

START_TEST(nok_and_again)
{
	uint8_t out[WIRE_MAX];

	node_trace_open(&t, &loop, NULL);
	dial_fake(5000);
	fake_peer_send(&p, out, wire_put_status(out, "nok"));
	ck_assert(fake_peer_wait_end(&p));
	ck_assert(loop_until_count(&loop, &p.n_accepted, 2, 5000));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
}
END_TEST

/* ---- hidden ---- */

static void on_result(void *arg, const struct gc_dial_result *r)
{
	*(struct gc_dial_result *)arg = *r;
	t.n_dialled++;
}

START_TEST(hidden_nodes)
{
	struct gc_dial_result first = {.took_ms = 1}, second = {.took_ms = 1};
	int wanted = _i; /* 0: by none, 1: by one of two dials */

	node_trace_open(&t, &loop, NULL);
	ck_assert_ptr_nonnull(
		gc_node_dial(t.n, PEER, NULL, p.port, false, 5000, on_result, &first));
	if (wanted)
		ck_assert_ptr_nonnull(
			gc_node_dial(t.n, PEER, NULL, p.port, true, 5000, on_result, &second));
	ck_assert(fake_peer_wait_connected(&p));
	(void)fake_peer_answer(&p, PEER, WIRE_FLAGS_HIDDEN, COOKIE, "ok");
	wait_count(&t, n_dialled, 1 + wanted);
	ck_assert_int_eq(first.fail.err, GC_EHIDDEN);
	ck_assert_int_eq(t.n_up, wanted);
	if (wanted)
		ck_assert_int_eq(second.fail.err, 0);
	else
		ck_assert(fake_peer_wait_end(&p));
	ck_assert_int_eq(p.n_accepted, 1);
}
END_TEST

/* ---- EPMD ---- */

static void open_with_both(uint16_t dist_port, enum fake_epmd_mode mode, const void *bytes,
			   size_t len)
{
	struct gc_node_config c = {.no_epmd = false, .dist_port = dist_port};
	char port[8];

	has_epmd = fake_epmd_open(&epmd, &loop, "127.0.0.1", 0);
	ck_assert(has_epmd);
	epmd.mode = mode;
	epmd.bytes = bytes;
	epmd.len = len;
	(void)snprintf(port, sizeof(port), "%u", ntohs(epmd.addr.sin_port));
	setenv(EPMD_PORT_VAR, port, 1);
	node_trace_open(&t, &loop, &c);
}

static void open_with_epmd(enum fake_epmd_mode mode, const void *bytes, size_t len)
{
	open_with_both(0, mode, bytes, len);
}

START_TEST(not_in_epmd)
{
	open_with_epmd(FAKE_ANSWER_END, "w\1", 2);
	(void)node_trace_dial(&t, PEER, 0, 5000);
	expect(GC_ENOTINEPMD, GC_STAGE_EPMD, "");
	ck_assert_str_eq(t.dialled.address, "127.0.0.1");
}
END_TEST

START_TEST(no_epmd)
{
	open_with_epmd(FAKE_MUTE, "", 0);
	fake_epmd_close(&epmd);
	has_epmd = false;
	(void)node_trace_dial(&t, PEER, 0, 5000);
	expect(GC_ENOEPMD, GC_STAGE_EPMD, "");
}
END_TEST

START_TEST(mute_epmd)
{
	open_with_epmd(FAKE_MUTE, "", 0);
	(void)node_trace_dial(&t, PEER, 0, 1500); /* it had its second to register us */
	expect(GC_ETIMEDOUT, GC_STAGE_EPMD, "127.0.0.1 port ");
	ck_assert_uint_lt(t.dialled.took_ms, 1900);
}
END_TEST

static const uint8_t *port2(uint16_t port, uint8_t type)
{
	static uint8_t answer[32] = {'w', 0, 0, 0, 77, 0, 0, 6, 0, 5, 0, 4, 'p', 'e', 'e', 'r', 0, 0};

	wire_put16(answer + 2, port);
	answer[4] = type;
	return answer;
}

START_TEST(port_from_epmd)
{
	open_with_epmd(FAKE_ANSWER_END, port2(p.port, 77), 18);
	(void)node_trace_start_dial(&t, PEER, 0, 5000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_uint_eq(t.dialled.port, p.port);
}
END_TEST

/* Whoever we dial, and whoever dials us, is told the creation that EPMD gives, however slow it is. */
START_TEST(creation_from_epmd)
{
	static const uint8_t answer[] = {'v', 0, 0x12, 0x34, 0x56, 0x78};

	open_with_epmd(FAKE_DRIP, answer, sizeof(answer));
	epmd.drip_ms = 50;
	ck_assert(fake_peer_connect(&q, &loop, gc_node_port(t.n)));
	(void)node_trace_start_dial(&t, PEER, p.port, 5000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	ck_assert_uint_eq(p.theirs.creation, 0x12345678);
	ck_assert(fake_peer_dial(&q, "q@127.0.0.1", VISIBLE, COOKIE));
	ck_assert_uint_eq(q.theirs.creation, 0x12345678);
	ck_assert_int_eq(t.n_epmd, 1);
	ck_assert_uint_eq(gc_node_pid(t.n, gc_node_new_pid(t.n)).creation, 0x12345678);
}
END_TEST

/* Bound, so that nobody else gets it, and not listening. */
static int open_dead(uint16_t *port_r)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port_r = ntohs(addr.sin_port);
	return fd;
}

/* Told by discovery (0) or the one of all (1): where nobody listens, EPMD is asked. */
START_TEST(refused_port)
{
	uint16_t dead;
	int fd = open_dead(&dead);

	open_with_both(_i ? dead : 0, FAKE_ANSWER_END, port2(p.port, 77), 18);
	(void)node_trace_start_dial(&t, PEER, _i ? 0 : dead, 5000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_uint_eq(t.dialled.port, p.port);
	close(fd);
}
END_TEST

/* What is told is what came of the port, and what EPMD said. */
START_TEST(refused_port_and_no_epmd)
{
	uint16_t dead;
	int fd = open_dead(&dead);

	open_with_both(dead, FAKE_ANSWER_END, "w\1", 2);
	(void)node_trace_dial(&t, PEER, 0, 5000);
	expect(GC_EREFUSED, GC_STAGE_CONNECT, "; EPMD: not_in_epmd");
	close(fd);
}
END_TEST

/* Another node of that host has the port of all: EPMD is asked for that of this one. */
START_TEST(port_of_another)
{
	ck_assert(fake_peer_listen(&q, &loop));
	open_with_both(q.port, FAKE_ANSWER_END, port2(p.port, 77), 18);
	(void)node_trace_start_dial(&t, PEER, 0, 5000);
	ck_assert(fake_peer_wait_connected(&q));
	(void)fake_peer_answer(&q, "other@127.0.0.1", VISIBLE, COOKIE, "ok");
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_uint_eq(t.dialled.port, p.port);
}
END_TEST

/* Nobody tells the port, and EPMD is not to be asked. */
START_TEST(no_port)
{
	node_trace_open(&t, &loop, NULL);
	(void)node_trace_dial(&t, PEER, 0, 5000);
	expect(GC_ENOPORT, GC_STAGE_CONNECT, "dist_port");
	ck_assert_uint_lt(t.dialled.took_ms, 1000);
}
END_TEST

START_TEST(hidden_in_epmd)
{
	struct gc_dial_result r = {.took_ms = 1};

	open_with_epmd(FAKE_ANSWER_END, port2(p.port, 72), 18);
	ck_assert_ptr_nonnull(gc_node_dial(t.n, PEER, NULL, 0, false, 5000, on_result, &r));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(r.fail.err, GC_EHIDDEN);
	ck_assert_int_eq(r.fail.stage, GC_STAGE_EPMD);
	ck_assert_int_eq(p.n_accepted, 0); /* not even asked */
}
END_TEST

/* 100 names at one EPMD that does not answer: it gets GC_EPMD_PER_HOST questions at once. */
START_TEST(few_lookups_at_once)
{
	char name[64];

	open_with_epmd(FAKE_MUTE, "", 0);
	loop_until_count(&loop, &epmd.n_requests, 1, 2000); /* our own registration */
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "n%d@127.0.0.1", i);
		(void)node_trace_start_dial(&t, name, 0, 10000);
	}
	loop_until_count(&loop, &epmd.n_requests, 1 + 16, 5000);
	(void)node_trace_dial(&t, PEER, 0, 300); /* in line till its end: nobody else was let in */
	expect(GC_ETIMEDOUT, GC_STAGE_EPMD, "");
	ck_assert_int_eq(epmd.n_requests, 1 + 16);
}
END_TEST

/* ---- turns ---- */

/* A port that takes connections (the kernel does) and says nothing. */
static int open_silent(uint16_t *port_r)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 2000), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*port_r = ntohs(a.sin_port);
	return fd;
}

/* 1000 of them do not hold up the one that answers, which comes last. */
START_TEST(silent_ones_do_not_hold_up)
{
	char name[64];
	uint16_t port;
	uint64_t since;
	int fd = open_silent(&port);

	node_trace_open(&t, &loop, NULL);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "s%d@127.0.0.1", i);
		(void)node_trace_start_dial(&t, name, port, 4000);
	}
	since = uv_hrtime() / 1000000;
	(void)node_trace_start_dial(&t, PEER, p.port, 4000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	/* Turns of 256 that are young for 250 ms. */
	ck_assert_uint_le(uv_hrtime() / 1000000 - since, at_most_ms(2000));
	wait_count(&t, n_dialled, 1001);
	ck_assert_int_eq(t.dialled.fail.err, GC_ETIMEDOUT);
	close(fd);
}
END_TEST

START_TEST(cancelled)
{
	struct gc_dial *d[4];

	node_trace_open(&t, &loop, NULL);
	for (int i = 0; i < 3; i++)
		d[i] = node_trace_start_dial(&t, PEER, p.port, 5000);
	d[3] = node_trace_start_dial(&t, "x@127.0.0.1", p.port, 5000);
	gc_dial_cancel(d[3]); /* before its turn */
	ck_assert(fake_peer_wait_connected(&p));
	gc_dial_cancel(d[0]);
	gc_dial_cancel(d[2]);
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_int_eq(t.n_dialled, 1);
	ck_assert_int_eq(p.n_accepted, 1);
}
END_TEST

/* In each state, and by closing the node. */
START_TEST(cancelled_in_each_state)
{
	int state = _i % 3;
	bool by_close = _i >= 3;
	uint8_t out[WIRE_MAX];
	struct gc_dial *d;

	node_trace_open(&t, &loop, NULL);
	d = node_trace_start_dial(&t, PEER, p.port, 5000);
	ck_assert(fake_peer_wait_connected(&p));
	ck_assert_int_gt(fake_peer_packet(&p), 0);
	if (state > 0)
		fake_peer_send(&p, out, wire_put_status(out, "ok"));
	if (state > 1) {
		fake_peer_send(&p, out, put_challenge(out, PEER, 5, VISIBLE));
		ck_assert_int_gt(fake_peer_packet(&p), 0); /* ei waits on its stack */
	}
	if (by_close) {
		node_trace_close(&t, 0);
		node_trace_open(&t, &loop, NULL); /* for teardown */
	} else {
		gc_dial_cancel(d);
	}
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_int_eq(t.n_dialled, 0);
}
END_TEST

/* Two who dial the same name, with different patience. */
START_TEST(shared_dial)
{
	node_trace_open(&t, &loop, NULL);
	(void)node_trace_start_dial(&t, PEER, p.port, 5000);
	(void)node_trace_start_dial(&t, PEER, p.port, 200);
	ck_assert(fake_peer_wait_connected(&p));
	wait_count(&t, n_dialled, 1);
	ck_assert_int_eq(t.dialled.fail.err, GC_ETIMEDOUT);
	ck_assert(fake_peer_answer(&p, PEER, VISIBLE, COOKIE, "ok"));
	wait_count(&t, n_dialled, 2);
	ck_assert_int_eq(t.dialled.fail.err, 0);
	ck_assert_int_eq(p.n_accepted, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dial");
	TCase *k = tcase_create("dial");
	SRunner *r = srunner_create(s);

	tcase_add_checked_fixture(k, setup, teardown);
	tcase_set_timeout(k, 60);
	tcase_add_loop_test(k, a_link, 0, 3);
	tcase_add_test(k, a_dripping_node);
	tcase_add_test(k, rest_behind_the_ack);
	tcase_add_test(k, nobody_there);
	tcase_add_test(k, no_way_there);
	tcase_add_loop_test(k, silence_and_ends, 0, 9);
	tcase_add_test(k, dripping_does_not_help);
	tcase_add_loop_test(k, garbage, 0, 8);
	tcase_add_loop_test(k, refusals, 0, 3);
	tcase_add_test(k, its_cookie_differs);
	tcase_add_test(k, our_own_challenge_is_not_answered);
	tcase_add_test(k, challenges_differ);
	tcase_add_test(k, nok_waits_for_the_other);
	tcase_add_test(k, nok_and_nobody_comes);
	tcase_add_test(k, nok_and_again);
	tcase_add_loop_test(k, hidden_nodes, 0, 2);
	tcase_add_test(k, not_in_epmd);
	tcase_add_test(k, no_epmd);
	tcase_add_test(k, mute_epmd);
	tcase_add_test(k, port_from_epmd);
	tcase_add_loop_test(k, refused_port, 0, 2);
	tcase_add_test(k, refused_port_and_no_epmd);
	tcase_add_test(k, port_of_another);
	tcase_add_test(k, no_port);
	tcase_add_test(k, creation_from_epmd);
	tcase_add_test(k, hidden_in_epmd);
	tcase_add_test(k, few_lookups_at_once);
	tcase_add_test(k, silent_ones_do_not_hold_up);
	tcase_add_test(k, cancelled);
	tcase_add_loop_test(k, cancelled_in_each_state, 0, 6);
	tcase_add_test(k, shared_dial);
	suite_add_tcase(s, k);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
