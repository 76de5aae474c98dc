/* Accepted connections, until their handshake is over: few at a time, few from one address, one deadline over
 * all, for whoever connects may be anybody; where there are too many the oldest gives way. What is said in the
 * handshake is accept_shake.c's. Owner: the node's list. Loop thread. (facts H06, H14, H16) */
#include "accept_priv.h"

#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

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

void gc_accept_cut(struct gc_accept *a, int err, const char *why)
{
	struct gc_node *n = a->n;

	n->stats.accepts_failed++;
	gc_node_count_cut(n->stats.accepts_cut, err);
	gc_node_log_cut(n, err, &a->from, a->name, why);
	accept_free(a);
}

void gc_accept_done(struct gc_accept *a)
{
	a->conn = NULL;
	a->n->stats.accepts_ok++;
	accept_free(a);
}

/* TLS knows better. */
static void cut_for(struct gc_accept *a, int err, const char *why)
{
	const struct gc_fail *tls = gc_conn_fail(a->conn);
	char detail[sizeof(tls->detail)];

	if (tls)
		(void)snprintf(detail, sizeof(detail), "%s", tls->detail);
	gc_accept_cut(a, tls ? tls->err : err, tls ? detail : why);
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

static void on_end(struct gc_link *l, int uv_err)
{
	struct gc_accept *a = l->owner;

	cut_for(a, gc_err_from_uv(uv_err),
		a->phase == GC_ACCEPT_REPLY ? "on our challenge: the cookies differ?" : "");
}

static void on_bytes(struct gc_link *l, const uint8_t *p, size_t len)
{
	gc_accept_input(l->owner, p, len);
}

static void on_secure(struct gc_link *l)
{
	((struct gc_accept *)l->owner)->phase = GC_ACCEPT_NAME;
}

static const struct gc_conn_ops ops = {NULL, on_secure, on_bytes, on_end};

/* ---- claims ---- */

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

void gc_accept_claim(struct gc_accept *a)
{
	a->is_claiming = gc_timer_set(&a->n->timers, &a->claim_timer, GC_CLAIM_MS,
				      on_claim_over) == 0;
	if (!a->is_claiming)
		gc_dial_incoming_over(a->n, a->name);
}

/* ---- connections ---- */

static bool same_source(const union gc_addr *a, const union gc_addr *b)
{
	struct gc_net net;

	gc_source_net(a, &net);
	return gc_net_has(&net, b);
}

static bool is_loopback(const union gc_addr *a)
{
	if (a->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
	return (ntohl(a->in.sin_addr.s_addr) >> 24) == 127;
}

/* The oldest, of those from new places if there are any. */
static struct gc_accept *least(struct gc_node *n)
{
	struct gc_accept *a;

	DL_FOREACH(n->accepts, a)
	{
		if (!a->is_proved)
			return a;
	}
	return n->accepts;
}

/* One too many: the oldest of that source, or the least of all, gives way. */
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
		gc_accept_cut(oldest, GC_EOVERLOAD, "too many from that address");
	else if (n->n_accepts >= GC_ACCEPT_MAX && (a = least(n)))
		gc_accept_cut(a, GC_EOVERLOAD, "too many at once");
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
	a->is_proved = gc_source_is_proved(n, from);
	conn->ops = &ops;
	conn->owner = a;
	DL_APPEND(n->accepts, a);
	n->n_accepts++;
	n->stats.accepts++;
	a->phase = n->tls ? GC_ACCEPT_SECURE : GC_ACCEPT_NAME;
	if (gc_timer_set(&n->timers, &a->timer, GC_ACCEPT_MS, on_timeout) != 0 ||
	    (n->tls && gc_conn_secure(conn, NULL) != 0))
		gc_accept_cut(a, GC_ENOMEM, "out of memory");
	else
		gc_conn_read(conn, true);
}

bool gc_accept_give_way(struct gc_node *n)
{
	if (!n->accepts)
		return false;
	gc_accept_cut(n->accepts, GC_EMFILE, "it gives way to a newer one");
	return true;
}

void gc_accept_no_room(struct gc_node *n, int err)
{
	gc_trouble_log(&n->trouble[0], uv_now(n->c.loop), GC_LOG_WARNING, "accept",
		       "cannot accept: %s", strerror(err));
}

void gc_accept_connection(struct gc_node *n, int fd)
{
	struct gc_link *conn = gc_conn_create(n, &ops, NULL);
	union gc_addr from;

	if (!conn) {
		gc_accept_no_room(n, ENOMEM);
		(void)close(fd);
		return;
	}
	gc_trouble_over(&n->trouble[0], uv_now(n->c.loop), "accept", "there is room again");
	if (gc_conn_accept(conn, fd) != 0 || !gc_conn_peer(conn, &from)) {
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
