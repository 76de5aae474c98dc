/* Dialling: who wants a link to a node, and until when. One deadline covers all: name, EPMD, TCP, TLS, handshake. All
 * dials of one name share one session (turn.c); each is told once, and the last that gives up ends it.
 * Owner: a dial belongs to who asked until its callback. Loop thread. */
#include "dial_priv.h"

#include <stdlib.h>
#include <utlist.h>

/* ---- the end of a dial ---- */

void gc_dial_free(struct gc_dial *d)
{
	gc_timer_clear(&d->n->timers, &d->timer);
	DL_DELETE(*d->list, d);
	free(d);
}

void gc_dial_tell(struct gc_dial *d, struct gc_dial_result *result)
{
	struct gc_node *n = d->n;
	gc_dial_cb cb = d->cb;
	void *arg = d->arg;

	result->took_ms = (uint32_t)(uv_now(n->c.loop) - d->start_ms);
	if (result->fail.err)
		n->stats.dials_failed++;
	else
		n->stats.dials_ok++;
	gc_dial_free(d);
	cb(arg, result);
}

/* ---- deadlines ---- */

static void timed_out(struct gc_session *s, struct gc_fail *fail_r)
{
	enum gc_stage stage = GC_STAGE_RESOLVE;
	char address[64] = "";
	uint16_t port = 0;

	if (s->race)
		stage = gc_race_where(s->race, address, sizeof(address), &port);
	if (s->phase == GC_PHASE_SECURING || s->phase == GC_PHASE_SHAKING) {
		gc_shake_timed_out(s, fail_r);
	} else if (s->phase == GC_PHASE_INCOMING) {
		gc_fail_set(fail_r, GC_ETIMEDOUT, GC_STAGE_HANDSHAKE,
			    "it said that it is dialling us, and did not come");
	} else if (s->phase == GC_PHASE_QUEUED) {
		gc_fail_set(fail_r, s->n->is_name_taken ? GC_ETAKEN : GC_ETIMEDOUT, stage, "%s",
			    s->n->is_name_taken ? "we dial nobody under it" : "it was not its turn yet");
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
		gc_session_end(s, &result.fail, NULL);
		return;
	}
	/* Others still have time. */
	gc_fail_set(&result.fail, GC_ETIMEDOUT, GC_STAGE_HANDSHAKE, "%s", "");
	gc_session_where(s, NULL, &result);
	gc_dial_tell(d, &result);
}

/* ---- public ---- */

struct gc_dial *gc_node_dial(struct gc_node *n, const char *name, const char *address, uint16_t port,
			     bool hidden_ok, uint64_t timeout_ms, gc_dial_cb cb, void *arg)
{
	struct gc_dial *d = calloc(1, sizeof(*d));
	struct gc_session *s;

	if (!d)
		return NULL;
	s = gc_session_for(n, name, address, port);
	if (s && hidden_ok && s->race)
		gc_race_allow_hidden(s->race);
	if (!s || gc_timer_set(&n->timers, &d->timer, timeout_ms, on_deadline) != 0) {
		if (s && !s->dials)
			gc_session_free(s);
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

	gc_dial_free(d);
	if (s && !s->dials) {
		struct gc_node *n = s->n;

		gc_session_free(s);
		gc_dial_pump(n);
	}
}

void gc_dial_close_all(struct gc_node *n)
{
	struct gc_session *s, *next;

	HASH_ITER(hh, n->sessions, s, next)
	{
		while (s->dials)
			gc_dial_free(s->dials);
		gc_session_free(s);
	}
}
