/* The handshake on a connection that stands: TLS first, if there is TLS, then that of the distribution, by ei (transport.c).
 * And the tie-break: while a connection that claims to come from the same node is being accepted, a session is held: it
 * does not say its name, or does not read on (OTP: net_kernel.erl, accept_pending).
 * Owner: the session. Loop thread. */
#include "dial_priv.h"

#include <string.h>
#include <utlist.h>

void gc_shake_drop(struct gc_session *s)
{
	gc_outbound_destroy(s->outbound);
	s->outbound = NULL;
	gc_challenge_drop(s->n, &s->challenge);
	if (s->conn)
		gc_conn_close(s->conn);
	s->conn = NULL;
}

/* ---- handshake ---- */

static void conn_write(void *arg, const void *bytes, size_t len)
{
	gc_conn_write(((struct gc_session *)arg)->conn, bytes, len);
}

static bool is_ours(void *arg, uint32_t challenge)
{
	return gc_challenge_is_ours(((struct gc_session *)arg)->n, challenge);
}

static void issued(void *arg, uint32_t challenge)
{
	struct gc_session *s = arg;

	gc_challenge_add(s->n, &s->challenge, challenge);
}

static const struct gc_outbound_ops outbound_ops = {conn_write, is_ours, issued};

/* What no other address would cure. */
static bool is_final(int err)
{
	return err == GC_EBADCOOKIE || err == GC_ENOTALLOWED || err == GC_EFLAGS ||
	       err == GC_EREFLECTED || err == GC_ENOMEM || err == GC_EHIDDEN;
}

/* The handshake of this connection came to nothing. Last thing a caller does with s. */
static void give_up(struct gc_session *s, const struct gc_fail *why)
{
	struct gc_fail fail = *why;

	gc_shake_drop(s);
	s->phase = GC_PHASE_RACING;
	if (is_final(fail.err))
		gc_session_end(s, &fail, NULL);
	else
		gc_race_go_on(s->race, &fail);
}

static void on_up(struct gc_session *s, const uint8_t *rest, size_t len)
{
	const struct gc_guard *g = gc_outbound_guard(s->outbound);
	struct gc_peer_facts peer = {s->name, g->peer_flags, g->peer_creation};
	struct gc_link *l = s->conn;
	struct gc_fail fail = {0};

	if (!(peer.flags & GC_DFLAG_PUBLISHED) && !gc_session_any_hidden_ok(s)) {
		gc_fail_set(&fail, GC_EHIDDEN, GC_STAGE_HANDSHAKE, "it is a hidden node");
		give_up(s, &fail);
		return;
	}
	if (gc_link_up(l, &peer, true) != 0) {
		gc_fail_set(&fail, GC_ENOMEM, GC_STAGE_HANDSHAKE, "out of memory");
		give_up(s, &fail);
		return;
	}
	/* gc_link_up has ended the session by gc_dial_link_up. */
	gc_link_input(l, rest, len);
}

/* It does not come (its way to us is blocked, or what it told us about has failed): our turn again. */
static void on_nobody_came(struct gc_timer *t)
{
	struct gc_session *s = gc_session_of(t);

	s->was_held = false;
	gc_session_requeue(s);
}

static void wait_for_incoming(struct gc_session *s)
{
	gc_shake_drop(s);
	s->phase = GC_PHASE_INCOMING;
	gc_session_not_young(s);
	(void)gc_timer_set(&s->n->timers, &s->young_timer, GC_NOK_RETRY_MS, on_nobody_came);
	gc_dial_pump(s->n);
}

static void on_bytes(struct gc_link *l, const uint8_t *p, size_t len)
{
	struct gc_session *s = l->owner;
	size_t used;

	switch (gc_outbound_input(s->outbound, p, len, &used)) {
	case GC_OUTBOUND_UP:
		on_up(s, p + used, len - used);
		break;
	case GC_OUTBOUND_WAITING:
		wait_for_incoming(s);
		break;
	case GC_OUTBOUND_FAILED:
		give_up(s, &gc_outbound_guard(s->outbound)->fail);
		break;
	default:
		break;
	}
}

/* What TLS knows comes first: an alert may follow on our name. */
static void ended(struct gc_session *s, int uv_err, struct gc_fail *fail_r)
{
	const struct gc_fail *tls = gc_conn_fail(s->conn);

	if (!tls)
		gc_outbound_ended(s->outbound, uv_err);
	*fail_r = tls ? *tls : gc_outbound_guard(s->outbound)->fail;
}

static void on_end(struct gc_link *l, int uv_err)
{
	struct gc_session *s = l->owner;
	struct gc_fail fail;

	ended(s, uv_err, &fail);
	give_up(s, &fail);
}


/* ---- the beginning ---- */

static void begin(struct gc_session *s)
{
	gc_node_fix_creation(s->n);
	gc_outbound_begin(s->outbound);
	gc_conn_read(s->conn, true);
}

static void shake(struct gc_session *s)
{
	s->phase = GC_PHASE_SHAKING;
	if (!s->is_held)
		begin(s);
}

static void on_secure(struct gc_link *l)
{
	shake(l->owner);
}

static const struct gc_conn_ops ops = {NULL, on_secure, on_bytes, on_end};

static void no_start(struct gc_session *s)
{
	struct gc_fail fail = {0};

	if (gc_conn_fail(s->conn))
		fail = *gc_conn_fail(s->conn);
	gc_fail_set(&fail, GC_ENOMEM, GC_STAGE_HANDSHAKE, "out of memory");
	give_up(s, &fail);
}

void gc_shake_start(struct gc_session *s, struct gc_link *l)
{
	struct gc_node *n = s->n;

	s->conn = l;
	s->phase = GC_PHASE_SHAKING;
	l->ops = &ops;
	l->owner = s;
	s->outbound = gc_outbound_create(n->transport, s->name, gc_node_header(n), &outbound_ops, s);
	if (!s->outbound || (n->tls && gc_conn_secure(l, s->name) != 0)) {
		no_start(s);
	} else if (n->tls) {
		s->phase = GC_PHASE_SECURING;
		gc_conn_read(l, true);
	} else {
		shake(s);
	}
}

void gc_shake_timed_out(struct gc_session *s, struct gc_fail *fail_r)
{
	gc_conn_timed_out(s->conn);
	ended(s, UV_ETIMEDOUT, fail_r);
}

/* ---- connections the other way ---- */

enum gc_incoming gc_dial_incoming(struct gc_node *n, const char *name)
{
	struct gc_session *s;
	bool has_begun;

	HASH_FIND_STR(n->sessions, name, s);
	if (!s || s->phase == GC_PHASE_INCOMING)
		return GC_INCOMING_OK;
	has_begun = s->phase == GC_PHASE_SHAKING && gc_outbound_has_begun(s->outbound);
	/* The link dialled by the greater name wins; but only what the peer knows of counts. */
	if (has_begun && strcmp(n->name, name) > 0)
		return GC_INCOMING_NOK;
	/* Anybody may claim a name, so a claim stops us once only, until it is proven. */
	if (!s->was_held) {
		s->is_held = s->was_held = true;
		if (has_begun)
			gc_conn_read(s->conn, false);
	}
	return has_begun ? GC_INCOMING_SIMULTANEOUS : GC_INCOMING_OK;
}

void gc_dial_incoming_over(struct gc_node *n, const char *name)
{
	struct gc_session *s;

	HASH_FIND_STR(n->sessions, name, s);
	if (!s || !s->is_held)
		return;
	s->is_held = false;
	if (s->phase != GC_PHASE_SHAKING)
		return;
	if (gc_outbound_has_begun(s->outbound))
		gc_conn_read(s->conn, true);
	else
		begin(s);
}

