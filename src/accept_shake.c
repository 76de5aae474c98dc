/* Accepted handshakes: our own state machine, no ei. Protocol: handshake.h, from the acceptor's side; what it
 * decides is OTP's (dist_util.erl, handshake_other_started; net_kernel.erl, accept_pending).
 *
 *   (SECURE ─TLS─▶) what follows, where there is TLS
 *   NAME ─'N', a name we take─▶ (status ok, challenge sent) ─▶ REPLY ─'r', right digest─▶ 'a' sent, link up
 *     │                                   ▲                │      ▲
 *     └─and we have a link of that name─▶ ALIVE ─'strue'   └──────┴── COMPLEMENT ─'c'   (it began with 'n')
 *
 * Loop thread. (facts H12, H16, H18) */
#include "accept_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
	gc_accept_cut(a, err, why);
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
	a->phase = a->is_v5 ? GC_ACCEPT_COMPLEMENT : GC_ACCEPT_REPLY;
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
		gc_accept_cut(a, GC_EPROTO, "a name was expected");
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

/* Another connection of that name is being accepted already? OTP closes the new one. Ours goes on with it:
 * the other may be anybody. Whoever proves the cookie last has the name. */
static bool on_claim(struct gc_accept *a)
{
	if (gc_node_find(a->n, a->name)) {
		say_status(a, GC_HS_ALIVE);
		a->phase = GC_ACCEPT_ALIVE;
		return true;
	}
	switch (gc_dial_incoming(a->n, a->name)) {
	case GC_INCOMING_NOK:
		say_status(a, GC_HS_NOK);
		gc_accept_cut(a, GC_EALREADY, "we are dialling it");
		return false;
	case GC_INCOMING_SIMULTANEOUS:
		say_status(a, GC_HS_OK_SIMULTANEOUS);
		break;
	case GC_INCOMING_OK:
		say_status(a, GC_HS_OK);
		break;
	}
	gc_accept_claim(a);
	challenge(a);
	return true;
}

static bool on_alive(struct gc_accept *a, const uint8_t *p, size_t len)
{
	enum gc_hs_status status;

	if (gc_hs_parse_status(p, len, &status) != 0) {
		gc_accept_cut(a, GC_EPROTO, "true or false was expected");
		return false;
	}
	if (status != GC_HS_TRUE) {
		gc_accept_cut(a, GC_EALREADY, "it keeps the older connection");
		return false;
	}
	challenge(a);
	return true;
}

static bool on_complement(struct gc_accept *a, const uint8_t *p, size_t len)
{
	uint64_t high;

	if (gc_hs_parse_complement(p, len, &high, &a->creation) != 0) {
		gc_accept_cut(a, GC_EPROTO, "the complement of its name was expected");
		return false;
	}
	if (high & GC_DFLAG_NAME_ME) {
		gc_accept_cut(a, GC_EBADNAME, "it wants a name of us");
		return false;
	}
	a->flags |= high;
	a->phase = GC_ACCEPT_REPLY;
	return true;
}

static bool up(struct gc_accept *a)
{
	struct gc_peer_facts peer = {a->name, a->flags, a->creation};
	struct gc_link *l = a->conn;

	if (gc_link_up(l, &peer, false) != 0) {
		gc_accept_cut(a, GC_ENOMEM, "out of memory");
		return false;
	}
	gc_accept_done(a);
	return false;
}

static bool on_reply(struct gc_accept *a, const uint8_t *p, size_t len)
{
	uint8_t digest[GC_HS_DIGEST], right[GC_HS_DIGEST];
	const char *cookie = a->n->secret->cookie;
	uint32_t theirs;
	struct gc_buf b = {0};

	if (gc_hs_parse_reply(p, len, &theirs, digest) != 0) {
		gc_accept_cut(a, GC_EPROTO, "a reply was expected");
		return false;
	}
	gc_hs_digest(cookie, a->challenge.value, right);
	if (!gc_hs_digest_equal(digest, right)) {
		gc_accept_cut(a, GC_EBADCOOKIE, "wrong digest");
		return false;
	}
	if (gc_challenge_is_ours(a->n, theirs)) {
		gc_accept_cut(a, GC_EREFLECTED, "its challenge is one of ours");
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
	case GC_ACCEPT_NAME:
		return on_name(a, p, len) && on_claim(a);
	case GC_ACCEPT_ALIVE:
		return on_alive(a, p, len);
	case GC_ACCEPT_COMPLEMENT:
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
	if (a->phase == GC_ACCEPT_NAME && !a->n->tls && gc_tls_looks_like(a->in, a->len))
		gc_accept_cut(a, GC_EPEERTLS, "");
	else
		gc_accept_cut(a, err, "no packet of a handshake");
}

void gc_accept_input(struct gc_accept *a, const uint8_t *p, size_t len)
{
	struct gc_link *l = a->conn;
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
