/* A question to DNS: one or two record types, asked for each name that the search list gives, of one
 * server after the other, under one deadline.
 *
 *   round = one candidate name;  in it, for each type ("sub"):
 *   ask server 1 --1 s--> ask server 2 as well --...--> again, in growing steps
 *        |                     |    a good answer of any of them ends the sub, however late
 *        |                     |    a server that fails is out; when all are: the sub failed
 *   all subs done: records? -> answer.  none: next candidate.  no more: what was worst.
 *
 * NXDOMAIN and NODATA may lead to the removal of peers, so they are told only if no candidate failed in
 * another way. A packet cannot be recalled from c-ares: the question's memory stays until each has been
 * answered or timed out, and late answers are ignored. Everything begins in the timer, so nothing is called back
 * from inside gc_dns_ask. Loop thread. */
#include "dns_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_MS 100 /* A is there and AAAA is not (or the other way): how long to wait for it */

static void on_timer(uv_timer_t *t);

/* ---- the end of a question ---- */

void gc_dns_query_unref(struct gc_dns_query *q)
{
	struct gc_dns *d = q->dns;

	if (--q->n_refs > 0)
		return;
	for (int i = 0; i < 2; i++)
		gc_buf_deinit(&q->subs[i].records);
	free(q);
	gc_dns_unref(d);
}

static void on_timer_close(uv_handle_t *h)
{
	gc_dns_query_unref(h->data);
}

void gc_dns_cancel(struct gc_dns_query *q)
{
	if (!q || q->is_over)
		return;
	q->is_over = true;
	*q->link = q->next;
	if (q->next)
		q->next->link = q->link;
	if (q->conf)
		gc_dns_conf_release(q->conf);
	gc_dns_gate_leave(&q->dns->gate, &q->turn);
	uv_close((uv_handle_t *)&q->timer, on_timer_close);
}

/* The last thing done with q: the callback may do anything. */
static void finish(struct gc_dns_query *q, const struct gc_buf *records)
{
	gc_dns_cancel(q);
	q->cb(q->arg, &q->fail, records ? (const void *)records->data : NULL,
	      records ? records->len / sizeof(struct gc_dns_record) : 0);
}

static void finish_with_records(struct gc_dns_query *q)
{
	struct gc_buf *all = &q->subs[0].records, *more = &q->subs[1].records;

	if (more->len > 0)
		gc_buf_put(all, more->data, more->len);
	memset(&q->fail, 0, sizeof(q->fail));
	if (all->failed)
		gc_fail_set(&q->fail, GC_ENOMEM, GC_STAGE_RESOLVE, "%s", q->host);
	finish(q, all->failed ? NULL : all);
}

void gc_dns_end_queries(struct gc_dns *d)
{
	while (d->queries) {
		struct gc_dns_query *q = d->queries;

		memset(&q->fail, 0, sizeof(q->fail));
		gc_fail_set(&q->fail, GC_ECANCELED, GC_STAGE_RESOLVE, "%s", q->host);
		finish(q, NULL);
	}
}

/* ---- rounds ---- */

/* False: no candidate is left. One that is too long is none. */
static bool start_round(struct gc_dns_query *q)
{
	bool found = false;

	while (!found && q->next_candidate <= q->conf->n_domains)
		found = gc_dns_conf_candidate(q->conf, q->host, !q->dns->no_search,
					      q->next_candidate++, q->name);
	if (!found)
		return false;
	q->round++;
	q->is_busy = true;
	for (int i = 0; i < q->n_subs; i++) {
		struct gc_dns_sub *s = &q->subs[i];

		s->is_done = false;
		s->n_asked = 0;
		s->failed = 0;
		memset(&s->fail, 0, sizeof(s->fail));
		gc_dns_sub_ask(q, s);
	}
	q->is_busy = false;
	return true;
}

static bool round_done(const struct gc_dns_query *q, bool *has_records_r)
{
	bool done = true;

	*has_records_r = false;
	for (int i = 0; i < q->n_subs; i++) {
		done &= q->subs[i].is_done;
		*has_records_r |= q->subs[i].is_done && q->subs[i].records.len > 0;
	}
	return done;
}

/* Keeps what a round without records says: the first real failure, and whether the name exists. */
static void note_round(struct gc_dns_query *q)
{
	for (int i = 0; i < q->n_subs; i++) {
		const struct gc_fail *f = &q->subs[i].fail;

		if (f->err == GC_ENODATA)
			q->is_nodata = true;
		else if (f->err != 0 && f->err != GC_ENXDOMAIN)
			gc_fail_set(&q->fail, f->err, f->stage, "%s", f->detail);
	}
}

static void arm(struct gc_dns_query *q)
{
	uint64_t now = uv_now(q->dns->loop), at = q->deadline_ms;

	for (int i = 0; i < q->n_subs; i++)
		if (!q->subs[i].is_done && q->subs[i].next_ms < at)
			at = q->subs[i].next_ms;
	if (q->grace_ms && q->grace_ms < at)
		at = q->grace_ms;
	if (q->turn.is_inside && q->gate_ms < at)
		at = q->gate_ms;
	uv_timer_start(&q->timer, on_timer, at > now ? at - now : 0, 0);
}

/* After anything has happened: answer, next round, or wait on. */
void gc_dns_query_proceed(struct gc_dns_query *q)
{
	bool has_records;

	while (round_done(q, &has_records)) {
		if (has_records) {
			finish_with_records(q);
			return;
		}
		note_round(q);
		if (start_round(q))
			continue;
		gc_fail_set(&q->fail, q->is_nodata ? GC_ENODATA : GC_ENXDOMAIN, GC_STAGE_RESOLVE,
			    "%s", q->host);
		finish(q, NULL);
		return;
	}
	if (has_records && !q->grace_ms)
		q->grace_ms = uv_now(q->dns->loop) + GRACE_MS;
	arm(q);
}

static void too_late(struct gc_dns_query *q)
{
	bool has_records;

	round_done(q, &has_records);
	if (has_records) {
		finish_with_records(q);
		return;
	}
	note_round(q);
	gc_fail_set(&q->fail, GC_ETIMEDOUT, GC_STAGE_RESOLVE, "%s: no answer from %s%s", q->host,
		    gc_dns_conf_server(q->conf, q->conf->first),
		    q->conf->n_servers > 1 ? " or the others" : "");
	finish(q, NULL);
}

static void begin(struct gc_dns_query *q)
{
	q->conf = gc_dns_current_conf(q->dns);
	q->conf->n_users++;
	q->gate_ms = uv_now(q->dns->loop) + GC_DNS_GATE_MS;
	if (start_round(q)) {
		gc_dns_query_proceed(q);
		return;
	}
	gc_fail_set(&q->fail, GC_EDNS, GC_STAGE_RESOLVE, "%s: longer than a domain name", q->host);
	finish(q, NULL);
}

/* Before it begins: local answers at once, others when the gate lets them in. */
static void before(struct gc_dns_query *q)
{
	uint64_t now = uv_now(q->dns->loop);

	if (!q->is_looked_up && q->is_host &&
	    gc_dns_local(q->dns, q->host, q->family, &q->fail, &q->subs[0].records)) {
		finish(q, q->fail.err ? NULL : &q->subs[0].records);
		return;
	}
	q->is_looked_up = true;
	if (q->turn.is_waiting) { /* still: then it was the deadline */
		gc_fail_set(&q->fail, GC_ETIMEDOUT, GC_STAGE_RESOLVE,
			    "%s: not asked, too many questions before it", q->host);
		finish(q, NULL);
	} else if (gc_dns_gate_enter(&q->dns->gate, &q->turn)) {
		begin(q);
	} else {
		uv_timer_start(&q->timer, on_timer,
			       q->deadline_ms > now ? q->deadline_ms - now : 0, 0);
	}
}

static void on_timer(uv_timer_t *t)
{
	struct gc_dns_query *q = t->data;
	uint64_t now = uv_now(q->dns->loop);

	if (!q->conf) {
		before(q);
		return;
	}
	if (now >= q->deadline_ms || (q->grace_ms && now >= q->grace_ms)) {
		too_late(q);
		return;
	}
	if (q->turn.is_inside && now >= q->gate_ms)
		gc_dns_gate_leave(&q->dns->gate, &q->turn);
	q->is_busy = true;
	for (int i = 0; i < q->n_subs; i++)
		if (!q->subs[i].is_done && now >= q->subs[i].next_ms)
			gc_dns_sub_ask(q, &q->subs[i]);
	q->is_busy = false;
	gc_dns_query_proceed(q);
}

static struct gc_dns_query *create(struct gc_dns *d, const char *host, gc_dns_cb cb, void *arg)
{
	size_t len = strlen(host) + 1;
	struct gc_dns_query *q = d->is_closing ? NULL : calloc(1, sizeof(*q) + len);

	if (!q)
		return NULL;
	memcpy(q->host, host, len);
	q->dns = d;
	q->cb = cb;
	q->arg = arg;
	q->next = d->queries;
	q->link = &d->queries;
	if (q->next)
		q->next->link = &q->next;
	d->queries = q;
	d->n_open++;
	q->deadline_ms = uv_now(d->loop) + d->conf_options.timeout_ms;
	uv_timer_init(d->loop, &q->timer);
	q->timer.data = q;
	q->n_refs = 1;
	q->turn.timer = &q->timer;
	q->turn.on_turn = on_timer;
	uv_timer_start(&q->timer, on_timer, 0, 0);
	return q;
}

struct gc_dns_query *gc_dns_ask(struct gc_dns *d, enum gc_dns_type type, const char *name,
				gc_dns_cb cb, void *arg)
{
	struct gc_dns_query *q = create(d, name, cb, arg);

	if (!q)
		return NULL;
	q->subs[q->n_subs++].type = type;
	return q;
}

struct gc_dns_query *gc_dns_resolve(struct gc_dns *d, const char *host, int family, gc_dns_cb cb,
				    void *arg)
{
	struct gc_dns_query *q = create(d, host, cb, arg);

	if (!q)
		return NULL;
	q->is_host = true;
	q->family = family;
	if (family != AF_INET6)
		q->subs[q->n_subs++].type = GC_DNS_A;
	if (family != AF_INET)
		q->subs[q->n_subs++].type = GC_DNS_AAAA;
	return q;
}
