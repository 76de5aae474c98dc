/* A link: a connection whose handshake is done. Frames of 4 bytes length; what they carry is checked to the
 * last byte before anybody sees it; ticks by OTP's rules; a queue with a bound (conn.c holds it).
 * Owner: the node's table holds it until on_link_down. Loop thread. Protocol: erts "Distribution
 * Protocol", "Protocol between Connected Nodes"; facts sections 1 (H01..H07, H15) and 4. */
#include "node_priv.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define PASS_THROUGH 112 /* 'p': a control message follows, then perhaps a message */
#define FRAME_HEADER 4u

/* ---- down ---- */

void gc_link_close(struct gc_link *l, int err, const char *detail)
{
	if (l->state != GC_LINK_UP)
		return;
	l->why = calloc(1, sizeof(*l->why));
	if (l->why)
		gc_fail_set(l->why, err, GC_STAGE_LINK, "%s", detail ? detail : "");
	l->n->n_up--;
	gc_share_forget(l);
	gc_conn_close(l);
}

void gc_link_ended(struct gc_link *l, int uv_err)
{
	const struct gc_fail *tls = gc_conn_fail(l);

	if (tls)
		gc_link_close(l, tls->err, tls->detail);
	else
		gc_link_close(l, gc_err_from_uv(uv_err), uv_err == UV_EOF ? "" : uv_strerror(uv_err));
}

static const struct gc_fail no_memory = {.err = GC_ENOMEM, .stage = GC_STAGE_LINK};

void gc_link_tell_down(struct gc_link *l)
{
	struct gc_node *n = l->n;
	const struct gc_fail *why = l->why ? l->why : &no_memory;

	if (!l->name || l->is_told)
		return;
	l->is_told = true;
	HASH_DELETE(hh, n->links, l);
	DL_DELETE(n->slices[l->slice], l);
	n->stats.links_lost += why->err != GC_ESHUTDOWN;
	gc_node_count_cut(n->stats.links_cut, why->err);
	if (n->c.on_link_down)
		n->c.on_link_down(n->c.arg, l, why);
}

/* ---- up ---- */

/* The name and the address of the peer in one allocation. */
static int keep_names(struct gc_link *l, const char *name)
{
	union gc_addr addr;
	char text[64] = "";
	size_t name_len = strlen(name) + 1;

	if (gc_conn_peer(l, &addr)) {
		gc_addr_print(&addr, text, sizeof(text));
		l->port = ntohs(addr.sa.sa_family == AF_INET6 ? addr.in6.sin6_port
							      : addr.in.sin_port);
	}
	l->name = malloc(name_len + strlen(text) + 1);
	if (!l->name)
		return GC_ENOMEM;
	l->address = l->name + name_len;
	memcpy(l->name, name, name_len);
	memcpy(l->address, text, strlen(text) + 1);
	return 0;
}

static void replace_older(struct gc_node *n, const char *name)
{
	struct gc_link *old;

	HASH_FIND_STR(n->links, name, old);
	if (!old)
		return;
	gc_link_close(old, GC_EREPLACED, "");
	gc_link_tell_down(old); /* now: its successor is up at once */
}

int gc_link_up(struct gc_link *l, const struct gc_peer_facts *peer, bool is_dialled)
{
	struct gc_node *n = l->n;

	if (keep_names(l, peer->name) != 0)
		return GC_ENOMEM;
	replace_older(n, peer->name);
	HASH_ADD_KEYPTR(hh, n->links, l->name, strlen(l->name), l);
	if (!l->hh.tbl) {
		free(l->name);
		l->name = NULL;
		return GC_ENOMEM;
	}
	n->n_up++;
	l->state = GC_LINK_UP;
	l->ops = NULL;
	l->owner = NULL;
	l->flags = peer->flags;
	l->creation = peer->creation;
	l->is_dialled = is_dialled;
	l->up_mono_ms = uv_now(l->tcp.loop);
	l->slice = n->next_slice;
	n->next_slice = (uint8_t)((n->next_slice + 1) % GC_SLICES);
	DL_APPEND(n->slices[l->slice], l);
	gc_node_tick_start(n);
	if (n->c.on_link_up)
		n->c.on_link_up(n->c.arg, l);
	gc_dial_link_up(n, l);
	return 0;
}

/* ---- frames in ---- */

static void bad_frame(struct gc_link *l, int err, const char *what)
{
	l->n->stats.bad_frames++;
	gc_node_log_bad_frame(l->n, err, l->name, what);
	gc_link_close(l, err, what);
}

static void answer_tick(struct gc_link *l)
{
	uint64_t quarter = gc_node_quarter_ms(l->n), pause = quarter / 2 < 1000 ? quarter / 2 : 1000;

	l->n->stats.ticks_in++;
	if (l->ticks < UINT8_MAX)
		l->ticks++;
	/* The peer may count by a shorter net_ticktime than ours, so it is answered; but not if it has just
	 * heard from us, or two nodes that answer would never stop. */
	if (uv_now(l->tcp.loop) - l->last_out_ms >= pause)
		gc_link_tick(l);
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
		answer_tick(l);
	else
		on_frame(l, p, len);
}

/* The frames that are whole within p; returns the bytes they took. */
static size_t whole_frames(struct gc_link *l, const uint8_t *p, size_t len)
{
	size_t at = 0;

	while (l->state == GC_LINK_UP && len - at >= FRAME_HEADER && !gc_share_is_over(l)) {
		uint32_t n = frame_len(p + at);

		if (n > l->n->c.max_frame) {
			bad_frame(l, GC_ETOOBIG, "a frame larger than max_frame");
			break;
		}
		if (n > len - at - FRAME_HEADER)
			break;
		take_frame(l, p + at + FRAME_HEADER, n);
		at += FRAME_HEADER + n;
	}
	return at;
}

/* How many bytes the frame that has begun in l->in still wants. */
static size_t missing(const struct gc_link *l)
{
	if (l->in.len < FRAME_HEADER)
		return FRAME_HEADER - l->in.len;
	return FRAME_HEADER + frame_len(l->in.data) - l->in.len;
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
	if (l->in.len == FRAME_HEADER && frame_len(l->in.data) > l->n->c.max_frame) {
		bad_frame(l, GC_ETOOBIG, "a frame larger than max_frame");
	} else if (l->in.len >= FRAME_HEADER && missing(l) == 0) {
		struct gc_buf frame = l->in;

		l->in = (struct gc_buf){0};
		take_frame(l, frame.data + FRAME_HEADER, frame.len - FRAME_HEADER);
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

/* ---- frames out ---- */

void gc_link_tick(struct gc_link *l)
{
	static const uint8_t tick[FRAME_HEADER];

	gc_conn_write_now(l, tick, sizeof(tick));
	l->n->stats.ticks_out++;
}

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

/* ---- ticks ---- */

/* A peer that ticks as we do is heard by looking once a quarter. One that counts by a shorter net_ticktime has
 * each tick answered when it comes. */
static void listen_for_ticks(struct gc_link *l)
{
	gc_conn_look(l);
	if (l->state == GC_LINK_UP)
		gc_conn_set_patient(l, l->in.len == 0 && l->ticks <= GC_TICKS_USUAL);
	l->ticks = 0;
}

void gc_link_quarter(struct gc_link *l)
{
	bool has_heard, has_spoken;

	listen_for_ticks(l);
	if (l->state != GC_LINK_UP)
		return;
	has_heard = l->bytes_in != l->bytes_in_before;
	has_spoken = l->bytes_out != l->bytes_out_before || gc_conn_queued(l) > 0;
	l->quiet_quarters = has_heard ? 0 : (uint8_t)(l->quiet_quarters + 1);
	l->bytes_in_before = l->bytes_in;
	if (l->quiet_quarters >= 4) {
		gc_link_close(l, GC_ETICK, "");
		return;
	}
	if (!has_spoken)
		gc_link_tick(l);
	l->bytes_out_before = l->bytes_out;
}

/* ---- what users see ---- */

void gc_link_info(const struct gc_link *l, struct gc_link_info *info_r)
{
	*info_r = (struct gc_link_info){
		.name = l->name,
		.address = l->address,
		.port = l->port,
		.dialled = l->is_dialled,
		.hidden = !(l->flags & GC_DFLAG_PUBLISHED),
		.flags = l->flags,
		.creation = l->creation,
		.up_mono_ms = l->up_mono_ms,
		.bytes_in = l->bytes_in,
		.bytes_out = l->bytes_out,
		.frames_in = l->frames_in,
		.frames_out = l->frames_out,
		.queued = gc_conn_queued(l),
	};
}

const char *gc_link_name(const struct gc_link *l)
{
	return l->name;
}

void gc_link_set_data(struct gc_link *l, void *data)
{
	l->owner = data;
}

void *gc_link_data(const struct gc_link *l)
{
	return l->owner;
}
