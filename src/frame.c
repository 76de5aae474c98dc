/* The frames of a link: 4 bytes of length, then nothing (a tick), or a control message and perhaps a message. What
 * they carry is checked to the last byte before anybody sees it; what is to leave has a bound (conn.c holds
 * it). Loop thread. Protocol: erts "Distribution Protocol", "Protocol between Connected Nodes"; facts sections 1
 * (H01..H07, H15) and 4. */
#include "node_priv.h"

#define PASS_THROUGH 112 /* 'p': a control message follows, then perhaps a message */

/* ---- in ---- */

static void bad_frame(struct gc_link *l, int err, const char *what)
{
	l->n->stats.bad_frames++;
	gc_node_log_bad_frame(l->n, err, l->name, what);
	gc_link_close(l, err, what);
}

/* One term, behind its version byte. */
static int64_t check_term(const uint8_t *p, size_t len)
{
	if (len < 2 || p[0] != GC_ETF_VERSION)
		return GC_EPROTO;
	return gc_etf_check(p + 1, len - 1);
}

static bool is_tuple(const uint8_t *p)
{
	return *p == 104 || *p == 105; /* SMALL_TUPLE_EXT, LARGE_TUPLE_EXT */
}

static void on_frame(struct gc_link *l, const uint8_t *p, size_t len)
{
	struct gc_span ctl, msg = {NULL, 0};
	int64_t n;

	l->frames_in++;
	l->n->stats.frames_in++;
	if (*p != PASS_THROUGH) {
		bad_frame(l, GC_EPROTO, "a frame of a kind that was not agreed upon");
		return;
	}
	p++;
	len--;
	n = check_term(p, len);
	if (n < 0 || !is_tuple(p + 1)) {
		bad_frame(l, GC_EPROTO, "a malformed control message");
		return;
	}
	ctl = (struct gc_span){p + 1, (size_t)n};
	p += 1 + n;
	len -= 1 + (size_t)n;
	if (len > 0) {
		n = check_term(p, len);
		if (n < 0 || 1 + (size_t)n != len) {
			bad_frame(l, GC_EPROTO, "a malformed message");
			return;
		}
		msg = (struct gc_span){p + 1, (size_t)n};
	}
	if (l->n->c.on_control)
		l->n->c.on_control(l->n->c.arg, l, ctl, msg);
}

static uint32_t frame_len(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What stands behind the length. */
static void take_frame(struct gc_link *l, const uint8_t *p, size_t len)
{
	if (len == 0)
		gc_link_on_tick(l);
	else
		on_frame(l, p, len);
}

/* The frames that are whole within p; returns the bytes they took. */
static size_t whole_frames(struct gc_link *l, const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (l->state == GC_LINK_UP && len - at >= GC_FRAME_HEADER && !gc_share_is_over(l)) {
		uint32_t n = frame_len(p + at);

		if (n > l->n->c.max_frame) {
			bad_frame(l, GC_ETOOBIG, "a frame larger than max_frame");
			break;
		}
		if (n > len - at - GC_FRAME_HEADER)
			break;
		take_frame(l, p + at + GC_FRAME_HEADER, n);
		at += GC_FRAME_HEADER + n;
	}
	return at;
}

/* The frame that has begun in l->in is larger than any may be. */
static bool is_too_big(const struct gc_link *l)
{
	return l->in.len >= GC_FRAME_HEADER && frame_len(l->in.data) > l->n->c.max_frame;
}

/* How many bytes the frame that has begun in l->in still wants. */
static size_t missing(const struct gc_link *l)
{
	if (l->in.len < GC_FRAME_HEADER)
		return GC_FRAME_HEADER - l->in.len;
	return GC_FRAME_HEADER + frame_len(l->in.data) - l->in.len;
}

/* Goes on with the frame that has begun; returns the bytes used. The memory grows with what comes, not
 * with what was announced. */
static size_t continue_frame(struct gc_link *l, const uint8_t *p, size_t len)
{
	size_t want = missing(l), n = want < len ? want : len;

	gc_buf_put(&l->in, p, n);
	if (l->in.failed) {
		gc_link_close(l, GC_ENOMEM, "no memory for a frame");
		return n;
	}
	if (is_too_big(l)) {
		bad_frame(l, GC_ETOOBIG, "a frame larger than max_frame");
	} else if (l->in.len >= GC_FRAME_HEADER && missing(l) == 0) {
		struct gc_buf frame = l->in;

		l->in = (struct gc_buf){0};
		take_frame(l, frame.data + GC_FRAME_HEADER, frame.len - GC_FRAME_HEADER);
		gc_buf_deinit(&frame);
	}
	return n;
}

/* For a later turn: its share of this one is used up. */
static void put_aside(struct gc_link *l, const uint8_t *p, size_t len)
{
	gc_buf_put(&l->in, p, len);
	if (l->in.failed)
		gc_link_close(l, GC_ENOMEM, "no memory for a frame");
}

static bool is_going_on(const struct gc_link *l)
{
	return l->state == GC_LINK_UP && !l->is_paused;
}

void gc_link_input(struct gc_link *l, const uint8_t *p, size_t len)
{
	gc_share_begin(l);
	while (len > 0 && is_going_on(l)) {
		size_t n = l->in.len == 0 ? whole_frames(l, p, len) : 0;

		p += n;
		len -= n;
		if (len == 0 || !is_going_on(l))
			break;
		n = continue_frame(l, p, len);
		p += n;
		len -= n;
	}
	if (len > 0 && l->is_paused)
		put_aside(l, p, len);
	if (l->in.len > 0)
		gc_conn_set_patient(l, false);
}

void gc_link_go_on(struct gc_link *l)
{
	struct gc_buf held = l->in;

	if (l->state != GC_LINK_UP || held.len < GC_FRAME_HEADER ||
	    (!is_too_big(l) && frame_len(held.data) > held.len - GC_FRAME_HEADER))
		return;
	l->in = (struct gc_buf){0};
	gc_link_input(l, held.data, held.len);
	gc_buf_deinit(&held);
}

/* ---- out ---- */

static void put_frame(struct gc_buf *b, const struct gc_buf *ctl, const struct gc_buf *msg)
{
	bool has_msg = msg && msg->len > 0;

	gc_buf_put_u32(b, (uint32_t)(2 + ctl->len + (has_msg ? 1 + msg->len : 0)));
	gc_buf_put_u8(b, PASS_THROUGH);
	gc_buf_put_u8(b, GC_ETF_VERSION);
	gc_buf_put(b, ctl->data, ctl->len);
	if (has_msg) {
		gc_buf_put_u8(b, GC_ETF_VERSION);
		gc_buf_put(b, msg->data, msg->len);
	}
}

int gc_link_send(struct gc_link *l, const struct gc_buf *ctl, const struct gc_buf *msg)
{
	size_t before = l->out.len;

	if (l->state != GC_LINK_UP)
		return GC_ENOLINK;
	if (ctl->failed || (msg && msg->failed))
		return GC_ENOMEM;
	if (gc_conn_queued(l) + ctl->len + (msg ? msg->len : 0) > l->n->c.max_queue) {
		gc_link_close(l, GC_EOVERLOAD, "its queue is full");
		return GC_EOVERLOAD;
	}
	put_frame(&l->out, ctl, msg);
	if (l->out.failed) { /* a torn frame must never leave */
		gc_link_close(l, GC_ENOMEM, "no memory for a frame");
		return GC_ENOMEM;
	}
	l->frames_out++;
	l->n->stats.frames_out++;
	gc_conn_wrote(l, l->out.len - before);
	return 0;
}
