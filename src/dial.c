/* Dialling: from a node name to a link. All dials of one name share one session; a session waits for its
 * turn, races the addresses (race.c), shakes hands by ei (transport.c) and ends in a link or a reason.
 *
 *   QUEUED ─turn─▶ RACING ─connected─▶ SHAKING ─ack─▶ a link is up
 *                    ▲                  │  │
 *                    └──other address───┘  └─nok─▶ INCOMING ─the peer's own connection─▶ a link is up
 *
 * While a connection that claims to come from the same node is being accepted, a session is held: it does
 * not say its name, or does not read on (tie-break of OTP, net_kernel.erl, accept_pending).
 * Owner: the node's table of sessions; a dial belongs to who asked until its callback. Loop thread. */
#include "node_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum phase { QUEUED = 0, RACING = 1, SHAKING = 2, INCOMING = 3 };

struct gc_dial {
	struct gc_node *n;
	struct gc_session *session; /* NULL: only the callback is left */
	struct gc_dial **list;	    /* that it is in: of the session, or of those being told */
	struct gc_dial *prev, *next;
	struct gc_timer timer; /* the deadline */
	gc_dial_cb cb;
	void *arg;
	uint64_t start_ms;
	bool hidden_ok;
};

struct gc_session {
	struct gc_node *n;
	char *name;
	enum phase phase;
	bool is_young, is_held, was_held, has_addr;
	uint16_t port;
	struct gc_fail *wrong_port; /* what came of the port that was told: EPMD is asked instead */
	union gc_addr addr;
	struct gc_dial *dials;
	struct gc_session *prev, *next; /* in the queue */
	struct gc_timer young_timer; /* until it is old; INCOMING: until it tries again */
	struct gc_race *race;
	struct gc_link *conn;
	struct gc_outbound *outbound;
	struct gc_challenge challenge;
	UT_hash_handle hh;
};

static struct gc_session *session_of(struct gc_timer *young)
{
	return (struct gc_session *)(void *)((char *)young - offsetof(struct gc_session, young_timer));
}

/* ---- the end of a dial, the end of a session ---- */

static void dial_free(struct gc_dial *d)
{
	gc_timer_clear(&d->n->timers, &d->timer);
	DL_DELETE(*d->list, d);
	free(d);
}

static void tell(struct gc_dial *d, struct gc_dial_result *result)
{
	struct gc_node *n = d->n;
	gc_dial_cb cb = d->cb;
	void *arg = d->arg;

	result->took_ms = (uint32_t)(uv_now(n->c.loop) - d->start_ms);
	if (result->fail.err)
		n->stats.dials_failed++;
	else
		n->stats.dials_ok++;
	dial_free(d);
	cb(arg, result);
}

static void not_young(struct gc_session *s)
{
	gc_timer_clear(&s->n->timers, &s->young_timer);
	if (s->is_young)
		s->n->n_young--;
	s->is_young = false;
}

static void drop_outbound(struct gc_session *s)
{
	gc_outbound_destroy(s->outbound);
	s->outbound = NULL;
	gc_challenge_drop(s->n, &s->challenge);
	if (s->conn)
		gc_conn_close(s->conn);
	s->conn = NULL;
}

static void session_free(struct gc_session *s)
{
	drop_outbound(s);
	gc_race_cancel(s->race);
	not_young(s);
	if (s->phase == QUEUED)
		DL_DELETE(s->n->queue, s);
	HASH_DELETE(hh, s->n->sessions, s);
	if (--s->n->n_sessions == 0)
		gc_transport_trim(s->n->transport);
	free(s->wrong_port);
	free(s->name);
	free(s);
}

static void where(const struct gc_session *s, const struct gc_link *l, struct gc_dial_result *result)
{
	if (s->race)
		(void)gc_race_where(s->race, result->address, sizeof(result->address),
				    &result->port);
	if (l && (l->is_dialled || !s->race)) {
		(void)snprintf(result->address, sizeof(result->address), "%s", l->address);
		result->port = l->is_dialled ? l->port : 0;
	}
}

/* All who wait get the same outcome. The session is gone before the first is told: a callback may well
 * dial the same name again, or cancel another. */
static void session_end(struct gc_session *s, const struct gc_fail *fail, struct gc_link *l)
{
	struct gc_node *n = s->n;
	struct gc_dial_result result = {.link = l};
	struct gc_dial *d, *all = s->dials;

	if (fail)
		result.fail = *fail;
	where(s, l, &result);
	DL_FOREACH(all, d)
	{
		d->session = NULL;
		d->list = &all;
	}
	s->dials = NULL;
	session_free(s);
	while ((d = all)) {
		struct gc_dial_result own = result;

		if (l && !d->hidden_ok && !(l->flags & GC_DFLAG_PUBLISHED)) {
			own.link = NULL;
			gc_fail_set(&own.fail, GC_EHIDDEN, GC_STAGE_HANDSHAKE, "%s", "");
		}
		if (n->is_closing)
			dial_free(d);
		else
			tell(d, &own);
	}
	gc_dial_pump(n);
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

	drop_outbound(s);
	s->phase = RACING;
	if (is_final(fail.err))
		session_end(s, &fail, NULL);
	else
		gc_race_go_on(s->race, &fail);
}

static bool any_hidden_ok(const struct gc_session *s)
{
	const struct gc_dial *d;

	DL_FOREACH(s->dials, d)
	{
		if (d->hidden_ok)
			return true;
	}
	return false;
}

static void on_up(struct gc_session *s, const uint8_t *rest, size_t len)
{
	const struct gc_guard *g = gc_outbound_guard(s->outbound);
	struct gc_peer_facts peer = {s->name, g->peer_flags, g->peer_creation};
	struct gc_link *l = s->conn;
	struct gc_fail fail = {0};

	if (!(peer.flags & GC_DFLAG_PUBLISHED) && !any_hidden_ok(s)) {
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
	struct gc_session *s = session_of(t);

	gc_race_cancel(s->race);
	s->race = NULL;
	s->was_held = false;
	s->phase = QUEUED;
	DL_APPEND(s->n->queue, s);
	gc_dial_pump(s->n);
}

static void wait_for_incoming(struct gc_session *s)
{
	drop_outbound(s);
	s->phase = INCOMING;
	not_young(s);
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

static void on_end(struct gc_link *l, int uv_err)
{
	struct gc_session *s = l->owner;

	gc_outbound_ended(s->outbound, uv_err);
	give_up(s, &gc_outbound_guard(s->outbound)->fail);
}

static const struct gc_conn_ops handshake_ops = {NULL, on_bytes, on_end};

static void begin(struct gc_session *s)
{
	gc_node_fix_creation(s->n);
	gc_outbound_begin(s->outbound);
	gc_conn_read(s->conn, true);
}

static void on_won(void *arg, struct gc_link *l)
{
	struct gc_session *s = arg;
	struct gc_fail fail = {0};

	s->conn = l;
	s->phase = SHAKING;
	l->ops = &handshake_ops;
	l->owner = s;
	s->outbound = gc_outbound_create(s->n->transport, s->name, GC_TCP_HEADER, &outbound_ops, s);
	if (!s->outbound) {
		gc_fail_set(&fail, GC_ENOMEM, GC_STAGE_HANDSHAKE, "out of memory");
		give_up(s, &fail);
	} else if (!s->is_held) {
		begin(s);
	}
}

/* 0: EPMD knows. */
static uint16_t port_to_try(const struct gc_session *s)
{
	if (s->port)
		return s->port;
	return s->wrong_port ? 0 : s->n->c.dist_port;
}

/* The port that discovery told was right when it asked; the node may have come back with another. And
 * dist_port may be the port of another node there, or of none: not all need keep to it. */
static bool is_wrong_port(const struct gc_session *s, int err)
{
	return port_to_try(s) != 0 && !s->n->c.no_epmd &&
	       (err == GC_EREFUSED || (err == GC_ENAME && s->port == 0));
}

static bool ask_epmd_instead(struct gc_session *s, const struct gc_fail *fail)
{
	s->wrong_port = malloc(sizeof(*fail));
	if (!s->wrong_port)
		return false;
	*s->wrong_port = *fail;
	gc_race_cancel(s->race);
	s->race = NULL;
	s->port = 0;
	not_young(s);
	s->phase = QUEUED;
	DL_APPEND(s->n->queue, s);
	gc_dial_pump(s->n);
	return true;
}

static void on_lost(void *arg)
{
	struct gc_session *s = arg;
	struct gc_fail fail = *gc_race_fail(s->race), wrong = {0};

	if (is_wrong_port(s, fail.err) && ask_epmd_instead(s, &fail))
		return;
	if (s->wrong_port && fail.stage == GC_STAGE_EPMD) {
		gc_fail_set(&wrong, s->wrong_port->err, s->wrong_port->stage, "%s; EPMD: %s",
			    s->wrong_port->detail, gc_err_name(fail.err));
		fail = wrong;
	}
	session_end(s, &fail, NULL);
}

/* ---- turns ---- */

static void on_old(struct gc_timer *t)
{
	struct gc_session *s = session_of(t);

	not_young(s);
	gc_dial_pump(s->n);
}

static uint64_t longest_ms(const struct gc_session *s)
{
	uint64_t longest = 1, now = uv_now(s->n->c.loop);
	const struct gc_dial *d;

	DL_FOREACH(s->dials, d)
	{
		if (d->timer.at_ms > now && d->timer.at_ms - now > longest)
			longest = d->timer.at_ms - now;
	}
	return longest;
}

static void session_start(struct gc_session *s)
{
	struct gc_node *n = s->n;
	struct gc_fail no_memory = {.err = GC_ENOMEM, .stage = GC_STAGE_RESOLVE};
	struct gc_link *l = gc_node_find(n, s->name);
	struct gc_race_config c = {
		.n = n,
		.name = s->name,
		.addr = s->has_addr ? &s->addr : NULL,
		.port = port_to_try(s),
		.hidden_ok = any_hidden_ok(s),
		.timeout_ms = longest_ms(s),
		.arg = s,
		.on_won = on_won,
		.on_lost = on_lost,
	};

	if (l) {
		session_end(s, NULL, l);
		return;
	}
	DL_DELETE(n->queue, s);
	s->phase = RACING;
	s->is_young = true;
	n->n_young++;
	(void)gc_timer_set(&n->timers, &s->young_timer, GC_YOUNG_MS, on_old);
	s->race = gc_race_start(&c);
	if (!s->race)
		session_end(s, &no_memory, NULL);
}

static void on_pump(struct gc_timer *t)
{
	struct gc_node *n =
		(struct gc_node *)(void *)((char *)t - offsetof(struct gc_node, pump_timer));

	while (n->is_ready && n->queue && n->n_young < GC_YOUNG_MAX)
		session_start(n->queue);
}

void gc_dial_pump(struct gc_node *n)
{
	if (n->is_ready && n->queue && n->n_young < GC_YOUNG_MAX && !n->is_closing &&
	    !gc_timer_is_set(&n->pump_timer))
		(void)gc_timer_set(&n->timers, &n->pump_timer, 0, on_pump);
}

/* ---- deadlines ---- */

static void timed_out(const struct gc_session *s, struct gc_fail *fail_r)
{
	enum gc_stage stage = GC_STAGE_RESOLVE;
	char address[64] = "";
	uint16_t port = 0;

	if (s->race)
		stage = gc_race_where(s->race, address, sizeof(address), &port);
	if (s->phase == SHAKING) {
		gc_outbound_ended(s->outbound, UV_ETIMEDOUT);
		*fail_r = gc_outbound_guard(s->outbound)->fail;
	} else if (s->phase == INCOMING) {
		gc_fail_set(fail_r, GC_ETIMEDOUT, GC_STAGE_HANDSHAKE,
			    "it said that it is dialling us, and did not come");
	} else if (s->phase == QUEUED) {
		gc_fail_set(fail_r, GC_ETIMEDOUT, stage, "it was not its turn yet");
	} else if (stage == GC_STAGE_RESOLVE) {
		gc_fail_set(fail_r, GC_ETIMEDOUT, stage, "%s", gc_name_host(s->name));
	} else {
		gc_fail_set(fail_r, GC_ETIMEDOUT, stage, "%s port %u", address,
			    port ? port : gc_epmd_port());
	}
}

static void on_deadline(struct gc_timer *t)
{
	struct gc_dial *d =
		(struct gc_dial *)(void *)((char *)t - offsetof(struct gc_dial, timer));
	struct gc_session *s = d->session;
	struct gc_dial_result result = {0};

	if (s->dials->next == NULL) {
		timed_out(s, &result.fail);
		session_end(s, &result.fail, NULL);
		return;
	}
	/* Others still have time. */
	gc_fail_set(&result.fail, GC_ETIMEDOUT, GC_STAGE_HANDSHAKE, "%s", "");
	where(s, NULL, &result);
	tell(d, &result);
}

/* ---- connections the other way ---- */

enum gc_incoming gc_dial_incoming(struct gc_node *n, const char *name)
{
	struct gc_session *s;
	bool has_begun;

	HASH_FIND_STR(n->sessions, name, s);
	if (!s || s->phase == INCOMING)
		return GC_INCOMING_OK;
	has_begun = s->phase == SHAKING && gc_outbound_has_begun(s->outbound);
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
	if (s->phase != SHAKING)
		return;
	if (gc_outbound_has_begun(s->outbound))
		gc_conn_read(s->conn, true);
	else
		begin(s);
}

void gc_dial_link_up(struct gc_node *n, struct gc_link *l)
{
	struct gc_session *s;

	HASH_FIND_STR(n->sessions, l->name, s);
	if (!s)
		return;
	if (s->conn == l)
		s->conn = NULL; /* it is the link's now */
	if (l->state == GC_LINK_UP)
		session_end(s, NULL, l);
	else
		session_end(s, l->why, NULL);
}

/* ---- public ---- */

static struct gc_session *session_create(struct gc_node *n, const char *name, const char *address,
					 uint16_t port)
{
	struct gc_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->n = n;
	s->name = strdup(name);
	if (!s->name) {
		free(s);
		return NULL;
	}
	s->port = port;
	s->has_addr = address && gc_addr_parse(&s->addr, address, 0);
	s->is_held = s->was_held = gc_accept_is_claiming(n, name);
	HASH_ADD_KEYPTR(hh, n->sessions, s->name, strlen(s->name), s);
	if (!s->hh.tbl) {
		free(s->name);
		free(s);
		return NULL;
	}
	DL_APPEND(n->queue, s);
	n->n_sessions++;
	return s;
}

struct gc_dial *gc_node_dial(struct gc_node *n, const char *name, const char *address, uint16_t port,
			     bool hidden_ok, uint64_t timeout_ms, gc_dial_cb cb, void *arg)
{
	struct gc_dial *d = calloc(1, sizeof(*d));
	struct gc_session *s;

	if (!d)
		return NULL;
	HASH_FIND_STR(n->sessions, name, s);
	if (!s)
		s = session_create(n, name, address, port);
	else if (hidden_ok && s->race)
		gc_race_allow_hidden(s->race);
	if (!s || gc_timer_set(&n->timers, &d->timer, timeout_ms, on_deadline) != 0) {
		if (s && !s->dials)
			session_free(s);
		free(d);
		return NULL;
	}
	d->n = n;
	d->session = s;
	d->list = &s->dials;
	d->cb = cb;
	d->arg = arg;
	d->start_ms = uv_now(n->c.loop);
	d->hidden_ok = hidden_ok;
	DL_APPEND(s->dials, d);
	n->stats.dials++;
	gc_dial_pump(n);
	return d;
}

void gc_dial_cancel(struct gc_dial *d)
{
	struct gc_session *s = d->session;

	dial_free(d);
	if (s && !s->dials) {
		struct gc_node *n = s->n;

		session_free(s);
		gc_dial_pump(n);
	}
}

void gc_dial_close_all(struct gc_node *n)
{
	struct gc_session *s, *next;

	HASH_ITER(hh, n->sessions, s, next)
	{
		while (s->dials)
			dial_free(s->dials);
		session_free(s);
	}
}
