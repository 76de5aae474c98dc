/* From a node name to a link or a reason: a session waits for its turn, races the addresses (race.c) and has the
 * connection that won shake hands (shake.c).
 *
 *   QUEUED ─turn─▶ RACING ─connected─▶ (SECURING ─TLS─▶) SHAKING ─ack─▶ a link is up
 *                    ▲                      │              │  │
 *                    └────other address─────┴──────────────┘  └─nok─▶ INCOMING ─the peer's own connection─▶ a link is up
 *
 * Owner: the node's table of sessions. Loop thread. */
#include "dial_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- the end ---- */

void gc_session_not_young(struct gc_session *s)
{
	gc_timer_clear(&s->n->timers, &s->young_timer);
	if (s->is_young)
		s->n->n_young--;
	s->is_young = false;
}

bool gc_session_any_hidden_ok(const struct gc_session *s)
{
	const struct gc_dial *d;

	DL_FOREACH(s->dials, d)
	{
		if (d->hidden_ok)
			return true;
	}
	return false;
}

void gc_session_free(struct gc_session *s)
{
	gc_shake_drop(s);
	gc_race_cancel(s->race);
	gc_session_not_young(s);
	if (s->phase == GC_PHASE_QUEUED)
		DL_DELETE(s->n->queue, s);
	HASH_DELETE(hh, s->n->sessions, s);
	if (--s->n->n_sessions == 0)
		gc_transport_trim(s->n->transport);
	free(s->wrong_port);
	free(s->name);
	free(s);
}

void gc_session_where(const struct gc_session *s, const struct gc_link *l, struct gc_dial_result *result)
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
void gc_session_end(struct gc_session *s, const struct gc_fail *fail, struct gc_link *l)
{
	struct gc_node *n = s->n;
	struct gc_dial_result result = {.link = l};
	struct gc_dial *d, *all = s->dials;

	if (fail)
		result.fail = *fail;
	gc_session_where(s, l, &result);
	DL_FOREACH(all, d)
	{
		d->session = NULL;
		d->list = &all;
	}
	s->dials = NULL;
	gc_session_free(s);
	while ((d = all)) {
		struct gc_dial_result own = result;

		if (l && !d->hidden_ok && !(l->flags & GC_DFLAG_PUBLISHED)) {
			own.link = NULL;
			gc_fail_set(&own.fail, GC_EHIDDEN, GC_STAGE_HANDSHAKE, "%s", "");
		}
		if (n->is_closing)
			gc_dial_free(d);
		else
			gc_dial_tell(d, &own);
	}
	gc_dial_pump(n);
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
		gc_session_end(s, NULL, l);
	else
		gc_session_end(s, l->why, NULL);
}

/* ---- from one turn to the next ---- */

void gc_session_requeue(struct gc_session *s)
{
	gc_race_cancel(s->race);
	s->race = NULL;
	gc_session_not_young(s);
	s->phase = GC_PHASE_QUEUED;
	DL_APPEND(s->n->queue, s);
	gc_dial_pump(s->n);
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
	s->port = 0;
	gc_session_requeue(s);
	return true;
}

static void on_won(void *arg, struct gc_link *l)
{
	gc_shake_start(arg, l);
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
	gc_session_end(s, &fail, NULL);
}

/* ---- turns ---- */

static void on_old(struct gc_timer *t)
{
	struct gc_session *s = gc_session_of(t);

	gc_session_not_young(s);
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
		.hidden_ok = gc_session_any_hidden_ok(s),
		.timeout_ms = longest_ms(s),
		.arg = s,
		.on_won = on_won,
		.on_lost = on_lost,
	};

	if (l) {
		gc_session_end(s, NULL, l);
		return;
	}
	DL_DELETE(n->queue, s);
	s->phase = GC_PHASE_RACING;
	s->is_young = true;
	n->n_young++;
	(void)gc_timer_set(&n->timers, &s->young_timer, GC_YOUNG_MS, on_old);
	s->race = gc_race_start(&c);
	if (!s->race)
		gc_session_end(s, &no_memory, NULL);
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

/* ---- create ---- */

static struct gc_session *create(struct gc_node *n, const char *name, const char *address,
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

struct gc_session *gc_session_for(struct gc_node *n, const char *name, const char *address,
				  uint16_t port)
{
	struct gc_session *s;

	HASH_FIND_STR(n->sessions, name, s);
	return s ? s : create(n, name, address, port);
}
