/* The cluster state machine as others see it. Changes nothing but scratch memory; owner: struct
 * gc_cluster. */
#include "cluster_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gc_peer_state_name(enum gc_peer_state s)
{
	static const char *const names[] = {"waiting", "dialling", "scouted",
					    "joining", "member",   "leaving"};

	return (size_t)s < sizeof(names) / sizeof(names[0]) ? names[s] : "unknown";
}

static enum gc_peer_state state_of(const struct gc_known *n)
{
	if (n->leaving)
		return GC_PEER_LEAVING;
	if (n->member)
		return GC_PEER_MEMBER;
	if (n->joining)
		return GC_PEER_JOINING;
	if (n->linked)
		return GC_PEER_SCOUTED;
	return n->dialling ? GC_PEER_DIALLING : GC_PEER_WAITING;
}

/* The counter itself is only touched when something fails. */
static uint32_t failures(const struct gc_cluster *c, const struct gc_known *n)
{
	bool is_proven = n->member && c->now_ms - n->member_since_ms >= GC_STABLE_MS;

	return is_proven && (n->linked || !gc_known_wants_link(c, n)) ? 0 : n->fails;
}

static void show_fail(const struct gc_known *n, struct gc_fail *fail_r)
{
	fail_r->err = n->fail_err;
	fail_r->stage = (enum gc_stage)n->fail_stage;
	(void)snprintf(fail_r->detail, sizeof(fail_r->detail), "%s",
		       n->fail_detail ? n->fail_detail : "");
}

static void show(const struct gc_cluster *c, const struct gc_known *n, struct gc_peer_view *v)
{
	memset(v, 0, sizeof(*v));
	v->node = n->name;
	v->instances = c->instances;
	for (const struct gc_naming *g = n->namings; g; g = g->next_of_node)
		c->instances[v->n_instances++] = g->source->name;
	gc_known_place(n, &v->address, &v->port);
	v->state = state_of(n);
	v->linked = n->linked;
	v->member = n->member;
	v->hidden = n->hidden;
	v->attempts = failures(c, n);
	v->next_attempt_ms = gc_known_next_attempt(c, n);
	show_fail(n, &v->last_fail);
	v->last_fail_ms = n->fail_ms;
	v->member_since_ms = n->member_since_ms;
	v->seq = n->seq;
}

size_t gc_cluster_count_members(const struct gc_cluster *c)
{
	return c->n_members;
}

size_t gc_cluster_count_peers(const struct gc_cluster *c)
{
	return c->n_peers;
}

uint64_t gc_cluster_seq(const struct gc_cluster *c)
{
	return c->seq;
}

bool gc_cluster_is_ready(const struct gc_cluster *c)
{
	return c->is_ready;
}

static int by_name(const void *a, const void *b)
{
	const struct gc_known *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void gc_cluster_each(const struct gc_cluster *c,
		     void (*cb)(void *arg, const struct gc_peer_view *v), void *arg)
{
	struct gc_peer_view v;
	size_t count = 0;

	for (const struct gc_known *n = c->nodes; n; n = n->hh.next)
		if (n->is_peer)
			c->sorted[count++] = n;
	if (count > 1)
		qsort(c->sorted, count, sizeof(*c->sorted), by_name);
	for (size_t i = 0; i < count; i++) {
		show(c, c->sorted[i], &v);
		cb(arg, &v);
	}
}

bool gc_cluster_get(const struct gc_cluster *c, const char *node, struct gc_peer_view *v_r)
{
	const struct gc_known *n = gc_known_find(c, node);

	if (!n || !n->is_peer)
		return false;
	show(c, n, v_r);
	return true;
}
