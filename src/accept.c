/* Accepted handshakes: our own state machine, no ei. Protocol: handshake.h, from the acceptor's side; what it
 * decides is OTP's (dist_util.erl, handshake_other_started; net_kernel.erl, accept_pending).
 *
 *   (TLS ─handshake─▶) what follows, where there is TLS
 *   NAME ─'N', a name we take─▶ (status ok, challenge sent) ─▶ REPLY ─'r', right digest─▶ 'a' sent, link up
 *     │                                   ▲                │      ▲
 *     └─and we have a link of that name─▶ ALIVE ─'strue'   └──────┴── COMPLEMENT ─'c'   (it began with 'n')
 *
 * Whoever connects may be anybody: one deadline over all, few at a time, few from one address; where there
 * are too many the oldest gives way. Owner: the node's list. Loop thread. (facts H06, H12, H14, H16, H18) */
#include "node_priv.h"

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#define HERE GC_STAGE_HANDSHAKE

enum phase { NAME = 0, ALIVE = 1, COMPLEMENT = 2, REPLY = 3, SECURE = 4 };

struct gc_accept {
	struct gc_node *n;
	struct gc_link *conn;
	enum phase phase;
	bool is_v5;	  /* it owes us the rest of its flags and its creation */
	bool is_claiming; /* a dial of ours to that name is held meanwhile */
	uint64_t flags;
	uint32_t creation;
	struct gc_challenge challenge;
	struct gc_timer timer, claim_timer;
	struct gc_accept *prev, *next;
	union gc_addr from;
	char name[GC_NODE_MAX + 1];
	size_t len;
	uint8_t in[GC_TLS_HEADER + GC_HS_PACKET_MAX];
};

/* ---- ends ---- */

static void accept_free(struct gc_accept *a)
{
	struct gc_node *n = a->n;

	gc_timer_clear(&n->timers, &a->timer);
	gc_timer_clear(&n->timers, &a->claim_timer);
	gc_challenge_drop(n, &a->challenge);
	DL_DELETE(n->accepts, a);
	n->n_accepts--;
	if (a->conn)
		gc_conn_close(a->conn);
	if (a->is_claiming)
		gc_dial_incoming_over(n, a->name);
	free(a);
}

/* Refuses, drops or loses the connection. Nothing of a may be used after it. */
static void cut(struct gc_accept *a, int err, const char *why)
{
	struct gc_node *n = a->n;

	n->stats.accepts_failed++;
	gc_node_count_cut(n->stats.accepts_cut, err);
	gc_node_log_cut(n, err, &a->from, a->name, why);
	accept_free(a);
}

/* TLS knows better. */
static void cut_for(struct gc_accept *a, int err, const char *why)
{
	const struct gc_fail *tls = gc_conn_fail(a->conn);
	char detail[sizeof(tls->detail)];

	if (tls)
		(void)snprintf(detail, sizeof(detail), "%s", tls->detail);
	cut(a, tls ? tls->err : err, tls ? detail : why);
}

static void on_timeout(struct gc_timer *t)
{
	struct gc_accept *a =
		(struct gc_accept *)(void *)((char *)t - offsetof(struct gc_accept, timer));
	static const char *const waiting[] = {"no name", "no answer to alive",
					      "no complement of its name", "no reply", ""};

	gc_conn_timed_out(a->conn);
	cut_for(a, GC_ETIMEDOUT, waiting[a->phase]);
}

/* ---- words ---- */

static void say(struct gc_accept *a, struct gc_buf *b)
{
	gc_conn_write(a->conn, b->data, b->len);
	gc_buf_deinit(b);
}

static void say_status(struct gc_accept *a, enum gc_hs_status status)
{
	struct gc_buf b = {0};

	gc_hs_put_status(&b, gc_node_header(a->n), status);
	say(a, &b);
}

static void refuse(struct gc_accept *a, int err, const char *why)
{
	say_status(a, GC_HS_NOT_ALLOWED);
	cut(a, err, why);
}

static uint32_t draw_challenge(struct gc_node *n)
{
	uint32_t v;

	do {
		if (getrandom(&v, sizeof(v), 0) != (ssize_t)sizeof(v))
			abort();
	} while (gc_challenge_is_ours(n, v));
	return v;
}

static void challenge(struct gc_accept *a)
{
	struct gc_node *n = a->n;
	struct gc_buf b = {0};

	gc_node_fix_creation(n);
	gc_challenge_add(n, &a->challenge, draw_challenge(n));
	gc_hs_put_challenge(&b, gc_node_header(n), gc_transport_flags(n->transport), a->challenge.value,
			    n->creation, n->name);
	say(a, &b);
	a->phase = a->is_v5 ? COMPLEMENT : REPLY;
}

/* ---- packets in: false if a is gone ---- */

static bool may_have_name(struct gc_accept *a)
{
	char why[256];

	if (!a->conn->tls || gc_tls_conn_allows(a->conn->tls, a->name, why, sizeof(why)))
		return true;
	refuse(a, GC_ETLSHOST, why);
	return false;
}

static bool on_name(struct gc_accept *a, const uint8_t *p, size_t len)
{
	struct gc_hs_name name;

	if (gc_hs_parse_name(p, len, &name) != 0) {
		cut(a, GC_EPROTO, "a name was expected");
		return false;
	}
	if (name.flags & GC_DFLAG_NAME_ME) {
		refuse(a, GC_EBADNAME, "it wants a name of us");
		return false;
	}
	if (!gc_name_ok(name.name, name.name_len)) {
		refuse(a, GC_EBADNAME, "no node name");
		return false;
	}
	memcpy(a->name, name.name, name.name_len);
	a->is_v5 = name.is_v5;
	a->flags = name.flags;
	a->creation = name.creation;
	if (strcmp(a->name, a->n->name) == 0) {
		refuse(a, GC_EBADNAME, "our own name");
		return false;
	}
	if (gc_hs_missing_flags(name.flags)) {
		refuse(a, GC_EFLAGS, "it lacks mandatory flags: older than OTP 23?");
		return false;
	}
	return may_have_name(a);
}

bool gc_accept_is_claiming(const struct gc_node *n, const char *name)
{
	const struct gc_accept *a;

	DL_FOREACH(n->accepts, a)
	{
		if (a->is_claiming && strcmp(a->name, name) == 0)
			return true;
	}
	return false;
}

/* It may be anybody, who never proves it: our own dial goes on. If it was honest after all, its node ends one of
 * the two by the same tie-break. */
static void on_claim_over(struct gc_timer *t)
{
	struct gc_accept *a =
		(struct gc_accept *)(void *)((char *)t - offsetof(struct gc_accept, claim_timer));

	a->is_claiming = false;
	gc_dial_incoming_over(a->n, a->name);
}

/* Another connection of that name is being accepted already? OTP closes the new one. Ours goes on with it:
 * the other may be anybody. Whoever proves the cookie last has the name. */
static bool on_claim(struct gc_accept *a)
{
	if (gc_node_find(a->n, a->name)) {
		say_status(a, GC_HS_ALIVE);
		a->phase = ALIVE;
		return true;
	}
	switch (gc_dial_incoming(a->n, a->name)) {
	case GC_INCOMING_NOK:
		say_status(a, GC_HS_NOK);
		cut(a, GC_EALREADY, "we are dialling it");
		return false;
	case GC_INCOMING_SIMULTANEOUS:
		say_status(a, GC_HS_OK_SIMULTANEOUS);
		break;
	case GC_INCOMING_OK:
		say_status(a, GC_HS_OK);
		break;
	}
	a->is_claiming = gc_timer_set(&a->n->timers, &a->claim_timer, GC_CLAIM_MS,
				      on_claim_over) == 0;
	if (!a->is_claiming)
		gc_dial_incoming_over(a->n, a->name);
	challenge(a);
	return true;
}

static bool on_alive(struct gc_accept *a, const uint8_t *p, size_t len)
{
	enum gc_hs_status status;

	if (gc_hs_parse_status(p, len, &status) != 0) {
		cut(a, GC_EPROTO, "true or false was expected");
		return false;
	}
	if (status != GC_HS_TRUE) {
		cut(a, GC_EALREADY, "it keeps the older connection");
		return false;
	}
	challenge(a);
	return true;
}

static bool on_complement(struct gc_accept *a, const uint8_t *p, size_t len)
{
	uint64_t high;

	if (gc_hs_parse_complement(p, len, &high, &a->creation) != 0) {
		cut(a, GC_EPROTO, "the complement of its name was expected");
		return false;
	}
	if (high & GC_DFLAG_NAME_ME) {
		cut(a, GC_EBADNAME, "it wants a name of us");
		return false;
	}
	a->flags |= high;
	a->phase = REPLY;
	return true;
}

static bool up(struct gc_accept *a)
{
	struct gc_peer_facts peer = {a->name, a->flags, a->creation};
	struct gc_link *l = a->conn;

	if (gc_link_up(l, &peer, false) != 0) {
		cut(a, GC_ENOMEM, "out of memory");
		return false;
	}
	a->conn = NULL;
	a->n->stats.accepts_ok++;
	accept_free(a);
	return false;
}

static bool on_reply(struct gc_accept *a, const uint8_t *p, size_t len)
{
	uint8_t digest[GC_HS_DIGEST], right[GC_HS_DIGEST];
	const char *cookie = a->n->secret->cookie;
	uint32_t theirs;
	struct gc_buf b = {0};

	if (gc_hs_parse_reply(p, len, &theirs, digest) != 0) {
		cut(a, GC_EPROTO, "a reply was expected");
		return false;
	}
	gc_hs_digest(cookie, a->challenge.value, right);
	if (!gc_hs_digest_equal(digest, right)) {
		cut(a, GC_EBADCOOKIE, "wrong digest");
		return false;
	}
	if (gc_challenge_is_ours(a->n, theirs)) {
		cut(a, GC_EREFLECTED, "its challenge is one of ours");
		return false;
	}
	gc_hs_digest(cookie, theirs, digest);
	gc_hs_put_ack(&b, gc_node_header(a->n), digest);
	say(a, &b);
	return up(a);
}

static bool on_packet(struct gc_accept *a, const uint8_t *p, size_t len)
{
	switch (a->phase) {
	case NAME:
		return on_name(a, p, len) && on_claim(a);
	case ALIVE:
		return on_alive(a, p, len);
	case COMPLEMENT:
		return on_complement(a, p, len);
	default:
		return on_reply(a, p, len);
	}
}

/* ---- bytes in ---- */

/* Fills up to one packet; how many bytes were used. */
static size_t fill(struct gc_accept *a, const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && a->len < sizeof(a->in) &&
	       gc_hs_frame(a->in, a->len, gc_node_header(a->n)) == 0)
		a->in[a->len++] = p[n++];
	return n;
}

static void no_packet(struct gc_accept *a, int err)
{
	if (a->phase == NAME && !a->n->tls && gc_tls_looks_like(a->in, a->len))
		cut(a, GC_EPEERTLS, "");
	else
		cut(a, err, "no packet of a handshake");
}

static void on_bytes(struct gc_link *l, const uint8_t *p, size_t len)
{
	struct gc_accept *a = l->owner;
	unsigned header = gc_node_header(a->n);

	while (len > 0) {
		size_t used = fill(a, p, len);
		int whole = gc_hs_frame(a->in, a->len, header);

		p += used;
		len -= used;
		if (whole == 0)
			return;
		if (whole < 0) {
			no_packet(a, whole);
			return;
		}
		a->len = 0;
		if (!on_packet(a, a->in + header, (size_t)whole - header))
			break;
	}
	if (l->state == GC_LINK_UP)
		gc_link_input(l, p, len);
}

static void on_end(struct gc_link *l, int uv_err)
{
	struct gc_accept *a = l->owner;

	cut_for(a, gc_err_from_uv(uv_err),
		a->phase == REPLY ? "on our challenge: the cookies differ?" : "");
}

static void on_secure(struct gc_link *l)
{
	((struct gc_accept *)l->owner)->phase = NAME;
}

static const struct gc_conn_ops ops = {NULL, on_secure, on_bytes, on_end};

/* ---- connections ---- */

static bool same_source(const union gc_addr *a, const union gc_addr *b)
{
	struct gc_net net;

	gc_net_of(&net, a, a->sa.sa_family == AF_INET6 ? 64 : 32);
	return gc_net_has(&net, b);
}

static bool is_loopback(const union gc_addr *a)
{
	if (a->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
	return (ntohl(a->in.sin_addr.s_addr) >> 24) == 127;
}

/* One too many: the oldest of that source, or of all, gives way. */
static void make_room(struct gc_node *n, const union gc_addr *from)
{
	size_t max = is_loopback(from) ? GC_ACCEPT_LOOPBACK : GC_ACCEPT_PER_SOURCE, count = 0;
	struct gc_accept *a, *oldest = NULL;

	DL_FOREACH(n->accepts, a)
	{
		if (!same_source(&a->from, from))
			continue;
		if (!oldest)
			oldest = a;
		count++;
	}
	if (count >= max)
		cut(oldest, GC_EOVERLOAD, "too many from that address");
	else if (n->n_accepts >= GC_ACCEPT_MAX)
		cut(n->accepts, GC_EOVERLOAD, "too many at once");
}

void gc_accept_start(struct gc_node *n, struct gc_link *conn, const union gc_addr *from)
{
	struct gc_accept *a = calloc(1, sizeof(*a));

	if (!a) {
		gc_conn_close(conn);
		return;
	}
	make_room(n, from);
	a->n = n;
	a->conn = conn;
	a->from = *from;
	conn->ops = &ops;
	conn->owner = a;
	DL_APPEND(n->accepts, a);
	n->n_accepts++;
	n->stats.accepts++;
	a->phase = n->tls ? SECURE : NAME;
	if (gc_timer_set(&n->timers, &a->timer, GC_ACCEPT_MS, on_timeout) != 0 ||
	    (n->tls && gc_conn_secure(conn, NULL) != 0))
		cut(a, GC_ENOMEM, "out of memory");
	else
		gc_conn_read(conn, true);
}

void gc_accept_on_connection(uv_stream_t *listener, int status)
{
	struct gc_node *n = listener->data;
	struct gc_link *conn;
	union gc_addr from;

	if (!n->is_ready) { /* libuv asks no further until it has been accepted */
		gc_listen_hold(listener);
		return;
	}
	conn = status == 0 ? gc_conn_create(n, &ops, NULL) : NULL;
	if (!conn) {
		gc_trouble_log(&n->trouble[0], uv_now(n->c.loop), GC_LOG_WARNING, "accept",
			       "cannot accept: %s", status ? uv_strerror(status) : "out of memory");
		return;
	}
	if (gc_conn_accept(conn, listener) != 0 || !gc_conn_peer(conn, &from)) {
		gc_conn_close(conn);
	} else if (!gc_node_may_reach(n, &from.sa)) {
		n->stats.accepts++;
		n->stats.accepts_failed++;
		gc_node_count_cut(n->stats.accepts_cut, GC_EOUTSIDE);
		gc_node_log_cut(n, GC_EOUTSIDE, &from, "", "");
		gc_conn_close(conn);
	} else {
		gc_accept_start(n, conn, &from);
	}
}

void gc_accept_close_all(struct gc_node *n)
{
	while (n->accepts)
		accept_free(n->accepts);
}
