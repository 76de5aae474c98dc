/* link: frames, whatever their pieces; ticks; the bound of the queue; one link a name. The peer is a fake. */
#include "node_trace.h"

#include "err.h"
#include "log.h"
#include "node_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uv_loop_t loop;
static struct node_trace t;
static struct fake_peer p, q;
static int fds;

static void setup(void)
{
	uv_loop_init(&loop); /* the first brings libuv's own pipe, which stays */
	ck_assert(loop_drain(&loop));
	fds = count_fds();
	uv_loop_init(&loop);
}

static void teardown(void)
{
	fake_peer_close(&p);
	fake_peer_close(&q);
	node_trace_close(&t, 0);
	ck_assert(loop_drain(&loop));
	ck_assert_int_eq(count_fds(), fds);
}

static void open_linked(const struct gc_node_config *c)
{
	node_trace_open(&t, &loop, c);
	node_trace_link(&t, &p, PEER);
}

/* {2, '', N}: a control message; N tells them apart. And a message, the atom ok. */
static const uint8_t ctl_bytes[] = {104, 3, 97, 2, 119, 0, 97};
static const uint8_t msg_bytes[] = {119, 2, 'o', 'k'};
#define CTL_LEN (sizeof(ctl_bytes) + 1)

static size_t put_frame(uint8_t *out, uint8_t n, bool has_msg)
{
	size_t len = 0;

	out[4 + len++] = 112;
	out[4 + len++] = 131;
	memcpy(out + 4 + len, ctl_bytes, sizeof(ctl_bytes));
	len += sizeof(ctl_bytes);
	out[4 + len++] = n;
	if (has_msg) {
		out[4 + len++] = 131;
		memcpy(out + 4 + len, msg_bytes, sizeof(msg_bytes));
		len += sizeof(msg_bytes);
	}
	wire_put32(out, (uint32_t)len);
	return len + 4;
}

/* 1 to n arrived, in order and whole. */
static void expect_frames(int n)
{
	wait_count(&t, n_ctl, n);
	ck_assert_int_eq(t.n_ctl, n);
	ck_assert_uint_eq(t.ctl.len, (size_t)n * CTL_LEN);
	for (int i = 0; i < n; i++) {
		ck_assert_mem_eq(t.ctl.data + (size_t)i * CTL_LEN, ctl_bytes, sizeof(ctl_bytes));
		ck_assert_uint_eq(t.ctl.data[(size_t)i * CTL_LEN + CTL_LEN - 1], (uint8_t)(i + 1));
	}
}

START_TEST(frames_in_pieces)
{
	uint8_t out[64 * 32];
	size_t len = 0, piece = (size_t)_i;

	open_linked(NULL);
	for (int i = 1; i <= 64; i++)
		len += put_frame(out + len, (uint8_t)i, i % 2);
	for (size_t at = 0; at < len; at += piece) {
		fake_peer_send(&p, out + at, len - at < piece ? len - at : piece);
		if (piece < 8)
			uv_run(&loop, UV_RUN_NOWAIT);
	}
	expect_frames(64);
	ck_assert_uint_eq(t.msg.len, 32 * sizeof(msg_bytes));
	ck_assert_int_eq(t.n_down, 0);
}
END_TEST

/* ---- a link's share of the loop ---- */

/* As a costly request: so long that a link has used up its share with one of them. */
static void take_long(struct node_trace *trace, struct gc_link *l)
{
	uint64_t end = uv_hrtime() + 600000;

	(void)trace;
	(void)l;
	while (uv_hrtime() < end)
		;
}

static uint64_t times_paused(void)
{
	struct gc_node_stats stats;

	gc_node_stats(t.n, &stats);
	return stats.links_paused;
}

/* However the pieces fall, what had to wait is gone on with, whole and in order. */
START_TEST(a_flood_waits_its_turn)
{
	uint8_t out[64 * 32];
	size_t len = 0, piece = _i == 0 ? sizeof(out) : (size_t)_i * 7;

	open_linked(NULL);
	t.on_ctl = take_long;
	for (int i = 1; i <= 64; i++)
		len += put_frame(out + len, (uint8_t)i, i % 3 == 0);
	for (size_t at = 0; at < len; at += piece) {
		fake_peer_send(&p, out + at, len - at < piece ? len - at : piece);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	expect_frames(64);
	ck_assert_uint_eq(t.msg.len, 21 * sizeof(msg_bytes));
	ck_assert_int_eq(t.n_down, 0);
	ck_assert_uint_gt(times_paused(), _i < 4 ? 10 : 0);
	fake_peer_send(&p, out, put_frame(out, 65, false)); /* it is read from again */
	expect_frames(65);
}
END_TEST

/* A frame that is larger than any may be is refused, too, when only its length has come, and that had to wait. */
START_TEST(too_big_and_its_turn)
{
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff};
	uint8_t out[64];
	size_t len = put_frame(out, 1, false);

	open_linked(NULL);
	t.on_ctl = take_long;
	memcpy(out + len, huge, sizeof(huge));
	fake_peer_send(&p, out, len + sizeof(huge));
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, GC_ETOOBIG);
	ck_assert_uint_eq(times_paused(), 1);
}
END_TEST

static int n_before_other;

static void note_other(struct node_trace *trace, struct gc_link *l)
{
	if (strcmp(gc_link_name(l), PEER) != 0)
		n_before_other = trace->n_ctl;
	else
		take_long(trace, l);
}

START_TEST(a_flood_does_not_hold_up_others)
{
	uint8_t out[100 * 32];
	size_t len = 0;

	open_linked(NULL);
	node_trace_link(&t, &q, "other@127.0.0.1");
	t.on_ctl = note_other;
	n_before_other = 0;
	for (int i = 1; i <= 100; i++)
		len += put_frame(out + len, (uint8_t)i, false);
	fake_peer_send(&p, out, len);
	uv_run(&loop, UV_RUN_NOWAIT);
	fake_peer_send(&q, out, put_frame(out, 1, false));
	wait_count(&t, n_ctl, 101);
	ck_assert_int_gt(n_before_other, 0);
	ck_assert_int_lt(n_before_other, 30);
}
END_TEST

/* One that waits goes like any other: by its end, closed by us, or with the node (teardown). */
START_TEST(a_flood_ends)
{
	uint8_t out[100 * 32];
	size_t len = 0;

	open_linked(NULL);
	t.on_ctl = take_long;
	for (int i = 1; i <= 100; i++)
		len += put_frame(out + len, (uint8_t)i, false);
	fake_peer_send(&p, out, len);
	wait_count(&t, n_ctl, 2);
	ck_assert_uint_gt(times_paused(), 0);
	if (_i == 0) {
		gc_link_close(t.link, GC_EREMOVED, "");
		wait_count(&t, n_down, 1);
		ck_assert_int_lt(t.n_ctl, 100);
	} else if (_i == 1) {
		t.close_at_ctl = 20;
		wait_count(&t, n_down, 1);
		ck_assert_int_eq(t.n_ctl, 20);
	} else if (_i == 2) {
		fake_peer_close(&p); /* what came before its end counts */
		wait_count(&t, n_down, 1);
		ck_assert_int_eq(t.n_ctl, 100);
	}
}
END_TEST

/* Frames that come in the same segment as the end of the handshake belong to the link. */
START_TEST(frames_behind_the_handshake)
{
	struct wire_name mine = {.flags = VISIBLE, .creation = 5, .challenge = 99, .name = PEER};
	uint8_t out[WIRE_MAX + 64], digest[16];
	size_t len;
	int n;

	node_trace_open(&t, &loop, NULL);
	ck_assert(fake_peer_connect(&p, &loop, gc_node_port(t.n)));
	fake_peer_send(&p, out, wire_put_name(out, &mine));
	ck_assert_int_gt(fake_peer_packet(&p), 0);
	n = fake_peer_packet(&p);
	ck_assert(wire_get_challenge(p.packet, (size_t)n, &p.theirs));
	wire_digest(COOKIE, p.theirs.challenge, digest);
	len = wire_put_reply(out, mine.challenge, digest);
	len += put_frame(out + len, 1, true);
	len += put_frame(out + len, 2, false) - 3; /* and a part of one */
	fake_peer_send(&p, out, len);
	wait_count(&t, n_ctl, 1);
	ck_assert_int_eq(t.n_ctl, 1);
	fake_peer_send(&p, out + len, 3);
	expect_frames(2);
}
END_TEST

START_TEST(a_large_message)
{
	size_t len = 1000 * 1000;
	uint8_t *frame = malloc(len), head[64];
	size_t n = put_frame(head, 1, false);

	open_linked(NULL);
	memcpy(frame, head + 4, n - 4);
	n -= 4;
	frame[n] = 131;
	frame[n + 1] = 109; /* BINARY_EXT */
	wire_put32(frame + n + 2, (uint32_t)(len - n - 6));
	memset(frame + n + 6, 'x', len - n - 6);
	fake_peer_send_frame(&p, frame, len);
	wait_count(&t, n_ctl, 1);
	ck_assert_uint_eq(t.msg.len, len - n - 1);
	free(frame);
}
END_TEST

/* Each is followed by a good frame, which must not be delivered any more. */
static const struct {
	const char *bytes;
	size_t len;
	int err;
} bad[] = {
#define BAD(s, err) {s, sizeof(s) - 1, err}
	BAD("\0\0\0\1p", GC_EPROTO),				   /* nothing in it */
	BAD("\0\0\0\2p\203", GC_EPROTO),			   /* no term */
	BAD("\0\0\0\3\104\203\152", GC_EPROTO),			   /* fragments were not agreed upon */
	BAD("\0\0\0\3p\203\152", GC_EPROTO),			   /* [] is no tuple */
	BAD("\0\0\0\10p\203\150\3\141\2w\0", GC_EPROTO),	   /* the tuple is cut */
	BAD("\0\0\0\12p\204\150\3\141\2w\0\141\1", GC_EPROTO),	   /* another version byte */
	BAD("\0\0\0\13p\203\150\3\141\2w\0\141\1\203", GC_EPROTO), /* a message without a term */
	BAD("\0\0\0\15p\203\150\3\141\2w\0\141\1\203\152\152", GC_EPROTO), /* and one byte too many */
	BAD("\0\0\0\14p\203\150\3\141\2w\0\141\1\152\152", GC_EPROTO),	 /* no version byte */
	BAD("\0\40\0\0", GC_ETOOBIG),					 /* 2 MiB */
	BAD("\177\377\377\377", GC_ETOOBIG),
	BAD("\200\0\0\0", GC_ETOOBIG),
	BAD("\377\377\377\377", GC_ETOOBIG),
};

START_TEST(bad_frames_close_the_link)
{
	uint8_t good[64];
	struct gc_node_stats s;

	open_linked(NULL);
	fake_peer_send(&p, bad[_i].bytes, bad[_i].len);
	fake_peer_send(&p, good, put_frame(good, 1, true));
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, bad[_i].err);
	ck_assert_int_eq(t.n_ctl, 0);
	gc_node_stats(t.n, &s);
	ck_assert_uint_eq(s.bad_frames, 1);
	ck_assert(fake_peer_wait_end(&p));
}
END_TEST

static void count_warning(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	(void)line;
	*(int *)arg += level == GC_LOG_WARNING && strcmp(area, "link") == 0;
}

/* A node that has the cookie and sends rubbish, again and again: told, but not each time. */
START_TEST(bad_frames_do_not_fill_the_log)
{
	uint64_t begin = uv_hrtime();
	int n = 0;

	open_linked(NULL);
	gc_log_open(count_warning, &n, GC_LOG_WARNING);
	for (int i = 1; i <= 30; i++) {
		fake_peer_send(&p, bad[0].bytes, bad[0].len);
		wait_count(&t, n_down, i);
		if (i == 1)
			ck_assert_int_eq(n, 1);
		fake_peer_close(&p);
		loop_for(&loop, 1);
		node_trace_link(&t, &p, PEER);
	}
	ck_assert_uint_le((uint64_t)n, 2 + (uv_hrtime() - begin) / 1000000000);
	ck_assert_int_lt(n, 15);
}
END_TEST

/* The same byte by byte: what is announced is judged before it is waited for. */
START_TEST(bad_frames_in_pieces)
{
	open_linked(NULL);
	for (size_t i = 0; i < bad[_i].len && t.n_down == 0; i++) {
		fake_peer_send(&p, bad[_i].bytes + i, 1);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, bad[_i].err);
}
END_TEST

START_TEST(closed_from_inside)
{
	uint8_t out[64];
	size_t len = put_frame(out, 1, false);

	len += put_frame(out + len, 2, false);
	node_trace_open(&t, &loop, NULL);
	t.close_at_ctl = 1;
	node_trace_link(&t, &p, PEER);
	fake_peer_send(&p, out, len);
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.n_ctl, 1);
	ck_assert_int_eq(t.why.err, GC_EREMOVED);
	ck_assert_str_eq(t.why.detail, "asked for");
}
END_TEST

/* ---- ends ---- */

START_TEST(ends_have_reasons)
{
	open_linked(NULL);
	if (_i == 0)
		fake_peer_hang_up(&p);
	else
		fake_peer_reset(&p);
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, _i == 0 ? GC_EOF : GC_ERESET);
	ck_assert_int_eq(t.why.stage, GC_STAGE_LINK);
	ck_assert_uint_eq(gc_node_link_count(t.n), 0);
}
END_TEST

/* ---- out ---- */

static void send_number(struct gc_link *l, uint8_t n)
{
	struct gc_buf ctl = {0}, msg = {0};

	gc_buf_put(&ctl, ctl_bytes, sizeof(ctl_bytes));
	gc_buf_put_u8(&ctl, n);
	gc_buf_put(&msg, msg_bytes, sizeof(msg_bytes));
	ck_assert_int_eq(gc_link_send(l, &ctl, n % 2 ? &msg : NULL), 0);
	gc_buf_deinit(&ctl);
	gc_buf_deinit(&msg);
}

START_TEST(frames_out_in_order)
{
	uint8_t expected[64];

	open_linked(NULL);
	for (int i = 0; i < 200; i++)
		send_number(t.link, (uint8_t)i);
	for (int i = 0; i < 200; i++) {
		size_t len = put_frame(expected, (uint8_t)i, i % 2);
		int n = fake_peer_frame(&p);

		ck_assert_int_eq(n, (int)len - 4);
		ck_assert_mem_eq(p.packet, expected + 4, len - 4);
	}
}
END_TEST

/* Half a megabyte to a peer that reads late; all of it arrives, whole. */
START_TEST(large_frames_out)
{
	struct gc_buf ctl = {0}, msg = {0};
	uint8_t *bytes;
	int n;

	open_linked(NULL);
	gc_buf_put(&ctl, ctl_bytes, sizeof(ctl_bytes));
	gc_buf_put_u8(&ctl, 1);
	gc_buf_put_u8(&msg, 109);
	gc_buf_put_u32(&msg, 100000);
	bytes = gc_buf_reserve(&msg, 100000);
	for (int i = 0; i < 100000; i++)
		bytes[i] = (uint8_t)(i * 7);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(gc_link_send(t.link, &ctl, &msg), 0);
	for (int i = 0; i < 5; i++) {
		n = fake_peer_frame(&p);
		ck_assert_int_eq(n, (int)(2 + ctl.len + 1 + msg.len));
		ck_assert_mem_eq(p.packet + 3 + ctl.len, msg.data, msg.len);
	}
	gc_buf_deinit(&ctl);
	gc_buf_deinit(&msg);
}
END_TEST

START_TEST(who_does_not_read_is_cut)
{
	struct gc_buf ctl = {0}, msg = {0};
	int err = 0, n = 0;

	open_linked(NULL);
	fake_peer_pause(&p);
	gc_buf_put(&ctl, ctl_bytes, sizeof(ctl_bytes));
	gc_buf_put_u8(&ctl, 1);
	gc_buf_put_u8(&msg, 109);
	gc_buf_put_u32(&msg, 65536);
	memset(gc_buf_reserve(&msg, 65536), 0, 65536);
	while (n++ < 1000 && (err = gc_link_send(t.link, &ctl, &msg)) == 0)
		uv_run(&loop, UV_RUN_NOWAIT);
	ck_assert_int_eq(err, GC_EOVERLOAD);
	ck_assert_int_gt(n, 64); /* 4 MiB and what the kernel takes */
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, GC_EOVERLOAD);
	gc_buf_deinit(&ctl);
	gc_buf_deinit(&msg);
}
END_TEST

/* What was sent before the node is closed still arrives. */
START_TEST(closing_flushes)
{
	uint8_t expected[64];
	size_t len = put_frame(expected, 1, true);

	open_linked(NULL);
	send_number(t.link, 1);
	node_trace_close(&t, 1000);
	ck_assert_int_eq(t.why.err, GC_ESHUTDOWN);
	ck_assert_int_eq(fake_peer_frame(&p), (int)len - 4);
	ck_assert_mem_eq(p.packet, expected + 4, len - 4);
	node_trace_open(&t, &loop, NULL); /* for teardown */
}
END_TEST

/* ---- ticks ---- */

START_TEST(ticks_are_answered)
{
	struct gc_node_config c = {.no_epmd = true, .net_ticktime_s = 2};

	open_linked(&c);
	/* Not at once after the handshake: the peer has just heard from us. */
	loop_for(&loop, 300);
	fake_peer_send(&p, "\0\0\0\0", 4);
	ck_assert_int_eq(fake_peer_frame(&p), 0);
	ck_assert_int_eq(t.n_down, 0);
}
END_TEST

START_TEST(ticks_are_not_answered_for_ever)
{
	struct gc_node_stats s;

	open_linked(NULL);
	for (int i = 0; i < 50; i++)
		fake_peer_send(&p, "\0\0\0\0", 4);
	uint8_t out[64];

	fake_peer_send(&p, out, put_frame(out, 1, false));
	expect_frames(1);
	gc_node_stats(t.n, &s);
	ck_assert_uint_eq(s.ticks_in, 50);
	ck_assert_uint_le(s.ticks_out, 1);
}
END_TEST

/* net_ticktime 1: the silent one is dropped after 4 to 5 quarters, and was ticked meanwhile. */
START_TEST(silence_is_noticed)
{
	struct gc_node_config c = {.no_epmd = true, .net_ticktime_s = 1};
	uint64_t since;

	open_linked(&c);
	since = uv_hrtime() / 1000000;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fake_peer_frame(&p), 0);
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, GC_ETICK);
	ck_assert_uint_ge(uv_hrtime() / 1000000 - since, 980);
	ck_assert_uint_le(uv_hrtime() / 1000000 - since, at_most_ms(1250 + 500));
}
END_TEST

static uv_timer_t ticker;

static void on_ticker(uv_timer_t *timer)
{
	(void)timer;
	fake_peer_send(&p, "\0\0\0\0", 4);
}

START_TEST(ticks_keep_it_up)
{
	struct gc_node_config c = {.no_epmd = true, .net_ticktime_s = 1};

	open_linked(&c);
	uv_timer_init(&loop, &ticker);
	uv_timer_start(&ticker, on_ticker, 0, 400);
	loop_for(&loop, 3000);
	ck_assert_int_eq(t.n_down, 0);
	uv_close((uv_handle_t *)&ticker, NULL);
}
END_TEST

/* ---- ticks that do not wake us ---- */

static uint64_t ticks_in(void)
{
	struct gc_node_stats s;

	gc_node_stats(t.n, &s);
	return s.ticks_in;
}

/* The quarters of 15 s are turned by hand: none passes by itself. */
static void open_patient(void)
{
	open_linked(NULL);
	node_trace_link(&t, &q, "other@127.0.0.1");
	(void)uv_tcp_nodelay(&p.tcp, 1); /* as Erlang */
	gc_link_quarter(gc_node_find(t.n, PEER)); /* that of the handshake */
	gc_link_quarter(gc_node_find(t.n, PEER));
	ck_assert_int_eq(fake_peer_frame(&p), 0);
}

/* What p has sent before has been read by then, unless it waits in the kernel. */
static void expect_by_the_other(void)
{
	uint8_t out[64];
	int before = t.n_ctl;

	for (int i = 1; i <= 3; i++) {
		fake_peer_send(&q, out, put_frame(out, 1, false));
		wait_count(&t, n_ctl, before + i);
	}
}

START_TEST(a_lone_tick_waits)
{
	open_patient();
	fake_peer_send(&p, "\0\0\0\0", 4);
	expect_by_the_other();
	ck_assert_uint_eq(ticks_in(), 0);
	for (int i = 0; i < 5; i++) { /* it counts as life all the same, quarter after quarter */
		gc_link_quarter(gc_node_find(t.n, PEER));
		ck_assert_uint_eq(ticks_in(), (uint64_t)i + 1);
		fake_peer_send(&p, "\0\0\0\0", 4);
		expect_by_the_other();
	}
	ck_assert_int_eq(t.n_down, 0);
	fake_peer_send(&p, "\0\0\0\0", 4); /* two are more than one */
	expect_by_the_other();
	ck_assert_uint_eq(ticks_in(), 7);
}
END_TEST

START_TEST(who_ticks_faster_is_answered)
{
	open_patient();
	for (int i = 0; i < 4; i++)
		fake_peer_send(&p, "\0\0\0\0", 4);
	expect_by_the_other();
	gc_link_quarter(gc_node_find(t.n, PEER));
	for (uint64_t i = 5; i < 8; i++) {
		fake_peer_send(&p, "\0\0\0\0", 4);
		expect_by_the_other();
		ck_assert_uint_eq(ticks_in(), i);
	}
}
END_TEST

/* No end of a frame is too small to be noticed, wherever the frame was cut. */
START_TEST(frames_for_a_patient_link)
{
	uint8_t out[64];
	size_t len = put_frame(out, 1, true), cut = (size_t)_i;

	open_patient();
	fake_peer_send(&p, out, cut);
	loop_for(&loop, 2);
	fake_peer_send(&p, out + cut, len - cut);
	wait_count(&t, n_ctl, 1);
	gc_link_quarter(gc_node_find(t.n, PEER));
	fake_peer_send(&p, out, len - 1);
	loop_for(&loop, 2);
	gc_link_quarter(gc_node_find(t.n, PEER)); /* within a frame */
	fake_peer_send(&p, out + len - 1, 1);
	wait_count(&t, n_ctl, 2);
}
END_TEST

static bool has_read(void *arg)
{
	struct gc_link_info info;

	gc_link_info(gc_node_find(t.n, PEER), &info);
	return info.bytes_in == *(uint64_t *)arg;
}

/* What came while the mark was high is told when it is lowered: no end of a frame is missed in between. */
START_TEST(a_lowered_mark_wakes_us)
{
	struct gc_link_info info;
	uint64_t want;

	open_patient();
	gc_link_info(gc_node_find(t.n, PEER), &info);
	want = info.bytes_in + 2;
	fake_peer_send(&p, "\0\0", 2);
	expect_by_the_other();
	ck_assert(!has_read(&want));
	gc_conn_set_patient(gc_node_find(t.n, PEER), false);
	ck_assert(loop_until(&loop, has_read, &want, 5000));
}
END_TEST

START_TEST(a_patient_link_ends)
{
	open_patient();
	if (_i % 2)
		fake_peer_send(&p, "\0\0\0\0", 4);
	if (_i < 2)
		fake_peer_hang_up(&p);
	else
		fake_peer_reset(&p);
	wait_count(&t, n_down, 1);
	/* libuv tells a reset behind bytes as an end */
	ck_assert_int_eq(t.why.err, _i == 2 ? GC_ERESET : GC_EOF);
}
END_TEST

/* Four quarters in which it said nothing, as without patience. */
START_TEST(a_patient_link_is_dropped)
{
	open_patient(); /* has been the first */
	for (int i = 2; i <= 4; i++) {
		ck_assert_ptr_nonnull(gc_node_find(t.n, PEER));
		gc_link_quarter(gc_node_find(t.n, PEER));
	}
	wait_count(&t, n_down, 1);
	ck_assert_int_eq(t.why.err, GC_ETICK);
}
END_TEST

/* ---- many at once ---- */

#define MANY 40
static struct fake_peer many[MANY];
static uint64_t told_turn;
static int told, told_most; /* in one turn */

/* Longer than the share of a turn that all such links have together. */
static void tell_long(struct node_trace *trace, struct gc_link *l)
{
	uint64_t end = uv_hrtime() + 2000000;

	(void)l;
	told = trace->n->turn == told_turn ? told + 1 : 1;
	told_turn = trace->n->turn;
	if (told > told_most)
		told_most = told;
	while (uv_hrtime() < end)
		;
}

START_TEST(many_ends_share_the_turns)
{
	char name[32];

	node_trace_open(&t, &loop, NULL);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "p%d@127.0.0.1", i);
		node_trace_link(&t, &many[i], name);
	}
	t.on_down = tell_long;
	for (int i = 0; i < MANY; i++) { /* without a turn in between */
		uv_os_fd_t fd;

		ck_assert_int_eq(uv_fileno((uv_handle_t *)&many[i].tcp, &fd), 0);
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	}
	wait_count(&t, n_down, MANY);
	ck_assert_int_eq(told_most, 1);
	ck_assert_uint_eq(gc_node_link_count(t.n), 0);
	for (int i = 0; i < MANY; i++)
		fake_peer_close(&many[i]);
}
END_TEST

/* ---- one link a name ---- */

START_TEST(a_second_one_replaces_the_first)
{
	open_linked(NULL);
	node_trace_link(&t, &q, PEER); /* says `true` to `alive` */
	ck_assert_int_eq(t.n_down, 1);
	ck_assert(t.was_down_first);
	ck_assert_int_eq(t.why.err, GC_EREPLACED);
	ck_assert(fake_peer_wait_end(&p));
	ck_assert_uint_eq(gc_node_link_count(t.n), 1);
	ck_assert_ptr_eq(gc_node_find(t.n, PEER), t.link);
}
END_TEST

/* Closed by the user and up again before the old one has been told down: still in order. */
START_TEST(down_comes_before_up)
{
	open_linked(NULL);
	gc_link_close(t.link, GC_EREMOVED, NULL);
	ck_assert_int_eq(t.n_down, 0);
	ck_assert_ptr_null(gc_node_find(t.n, PEER));
	ck_assert_uint_eq(gc_node_link_count(t.n), 0);
	node_trace_link(&t, &q, PEER);
	ck_assert_int_eq(t.n_down, 1);
	ck_assert(t.was_down_first);
	ck_assert_int_eq(t.why.err, GC_EREMOVED);
}
END_TEST

static void count_link(void *arg, struct gc_link *l)
{
	++*(int *)arg;
	gc_link_close(l, GC_EREMOVED, NULL);
}

START_TEST(each_link_may_be_closed)
{
	int n = 0;

	open_linked(NULL);
	node_trace_link(&t, &q, "other@127.0.0.1");
	gc_node_each_link(t.n, count_link, &n);
	ck_assert_int_eq(n, 2);
	wait_count(&t, n_down, 2);
}
END_TEST

START_TEST(what_is_known_of_a_link)
{
	struct gc_link_info info;
	uint8_t out[64];
	int word;

	open_linked(NULL);
	fake_peer_send(&p, out, put_frame(out, 1, true));
	expect_frames(1);
	gc_link_info(t.link, &info);
	ck_assert_str_eq(info.name, PEER);
	ck_assert_str_eq(info.address, "127.0.0.1");
	ck_assert(!info.dialled && !info.hidden);
	ck_assert_uint_eq(info.creation, 4711);
	ck_assert_uint_eq(info.frames_in, 1);
	ck_assert_uint_gt(info.bytes_in, 50);
	ck_assert_ptr_null(gc_link_data(t.link));
	gc_link_set_data(t.link, &word);
	ck_assert_ptr_eq(gc_link_data(t.link), &word);
	ck_assert(fake_peer_connect(&q, &loop, gc_node_port(t.n)));
	ck_assert(fake_peer_dial(&q, "hid@127.0.0.1", WIRE_FLAGS_HIDDEN, COOKIE));
	wait_count(&t, n_up, 2);
	gc_link_info(t.link, &info);
	ck_assert(info.hidden);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *f = tcase_create("frames"), *k = tcase_create("ticks"), *o = tcase_create("one");
	SRunner *r = srunner_create(s);
	int n_bad = sizeof(bad) / sizeof(bad[0]);

	tcase_add_checked_fixture(f, setup, teardown);
	tcase_add_checked_fixture(k, setup, teardown);
	tcase_add_checked_fixture(o, setup, teardown);
	tcase_set_timeout(f, 60);
	tcase_set_timeout(k, 60);
	tcase_set_timeout(o, 60);
	tcase_add_loop_test(f, frames_in_pieces, 1, 40);
	tcase_add_loop_test(f, a_flood_waits_its_turn, 0, 12);
	tcase_add_test(f, too_big_and_its_turn);
	tcase_add_test(f, a_flood_does_not_hold_up_others);
	tcase_add_loop_test(f, a_flood_ends, 0, 4);
	tcase_add_test(f, frames_behind_the_handshake);
	tcase_add_test(f, a_large_message);
	tcase_add_loop_test(f, bad_frames_close_the_link, 0, n_bad);
	tcase_add_test(f, bad_frames_do_not_fill_the_log);
	tcase_add_loop_test(f, bad_frames_in_pieces, 0, n_bad);
	tcase_add_test(f, closed_from_inside);
	tcase_add_loop_test(f, ends_have_reasons, 0, 2);
	tcase_add_test(f, frames_out_in_order);
	tcase_add_test(f, large_frames_out);
	tcase_add_test(f, who_does_not_read_is_cut);
	tcase_add_test(f, closing_flushes);
	suite_add_tcase(s, f);
	tcase_add_test(k, ticks_are_answered);
	tcase_add_test(k, ticks_are_not_answered_for_ever);
	tcase_add_test(k, silence_is_noticed);
	tcase_add_test(k, ticks_keep_it_up);
	tcase_add_test(k, a_lone_tick_waits);
	tcase_add_test(k, who_ticks_faster_is_answered);
	tcase_add_loop_test(k, frames_for_a_patient_link, 1, 20);
	tcase_add_test(k, a_lowered_mark_wakes_us);
	tcase_add_loop_test(k, a_patient_link_ends, 0, 4);
	tcase_add_test(k, a_patient_link_is_dropped);
	suite_add_tcase(s, k);
	tcase_add_test(o, many_ends_share_the_turns);
	tcase_add_test(o, a_second_one_replaces_the_first);
	tcase_add_test(o, down_comes_before_up);
	tcase_add_test(o, each_link_may_be_closed);
	tcase_add_test(o, what_is_known_of_a_link);
	suite_add_tcase(s, o);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
