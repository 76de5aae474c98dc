/* Event terms; see event.h. */
#include "event.h"

#include <string.h>

struct info { /* NULL, 0: left out */
	const char *instance, *address, *cnode, *reason;
	uint16_t port;
	uint64_t at_ms, seq;
};

static void put_pair_text(struct gc_buf *b, const char *key, const char *value)
{
	gc_etf_put_atom(b, key);
	gc_etf_put_text(b, value);
}

static void put_pair_atom(struct gc_buf *b, const char *key, const char *value)
{
	gc_etf_put_atom(b, key);
	gc_etf_put_atom(b, value);
}

static void put_pair_uint(struct gc_buf *b, const char *key, uint64_t value)
{
	gc_etf_put_atom(b, key);
	gc_etf_put_uint(b, value);
}

void gc_event_put_reason(struct gc_buf *b, const char *reason)
{
	static const char tls[] = "tls";
	size_t n = sizeof(tls) - 1;

	if (strncmp(reason, tls, n) != 0 || (reason[n] != '_' && reason[n] != '\0')) {
		gc_etf_put_atom(b, reason);
		return;
	}
	gc_etf_put_tuple(b, 2);
	gc_etf_put_atom(b, tls);
	gc_etf_put_atom(b, reason[n] ? reason + n + 1 : "failed");
}

static bool has(const char *s)
{
	return s && *s;
}

static void put_info(struct gc_buf *b, const struct info *i)
{
	gc_etf_put_map(b, 3 + (uint32_t)has(i->instance) + (uint32_t)has(i->address) +
				  (uint32_t)(i->port != 0) + (uint32_t)has(i->reason));
	put_pair_atom(b, "cnode", i->cnode);
	put_pair_uint(b, "at", i->at_ms);
	put_pair_uint(b, "seq", i->seq);
	if (has(i->instance))
		put_pair_text(b, "discovery", i->instance);
	if (has(i->address))
		put_pair_text(b, "address", i->address);
	if (i->port)
		put_pair_uint(b, "port", i->port);
	if (has(i->reason)) {
		gc_etf_put_atom(b, "reason");
		gc_event_put_reason(b, i->reason);
	}
}

static void put_ready(struct gc_buf *b, const struct gc_action *a, const char *cnode,
		      uint64_t at_ms)
{
	gc_etf_put_tuple(b, 3);
	gc_etf_put_atom(b, "gen_cluster");
	gc_etf_put_atom(b, "ready");
	gc_etf_put_map(b, 5);
	put_pair_uint(b, "members", a->count);
	put_pair_atom(b, "reason", a->reason ? a->reason : "formed");
	put_pair_atom(b, "cnode", cnode);
	put_pair_uint(b, "at", at_ms);
	put_pair_uint(b, "seq", a->seq);
}

void gc_event_put(struct gc_buf *b, const struct gc_action *a, const char *cnode, uint64_t at_ms)
{
	struct info info = {.instance = a->instance,
			    .address = a->address,
			    .cnode = cnode,
			    .port = a->port,
			    .at_ms = at_ms,
			    .seq = a->seq};

	if (a->type == GC_DO_READY) {
		put_ready(b, a, cnode, at_ms);
		return;
	}
	if (a->type == GC_DO_NODEDOWN)
		info.reason = a->reason ? a->reason : "connection_closed";
	gc_etf_put_tuple(b, 3);
	gc_etf_put_atom(b, a->type == GC_DO_NODEUP ? "nodeup" : "nodedown");
	gc_etf_put_atom(b, a->node);
	put_info(b, &info);
}

struct members {
	struct gc_buf *b;
	const char *cnode;
	uint64_t now_ms, wall_ms;
	uint32_t count;
};

static void put_member(void *arg, const struct gc_peer_view *v)
{
	struct members *m = arg;
	uint64_t age = m->now_ms > v->member_since_ms ? m->now_ms - v->member_since_ms : 0;
	struct info info = {.instance = v->n_instances ? v->instances[0] : NULL,
			    .address = v->address,
			    .cnode = m->cnode,
			    .port = v->port,
			    .at_ms = m->wall_ms > age ? m->wall_ms - age : 0,
			    .seq = v->seq};

	if (!v->member)
		return;
	gc_etf_put_tuple(m->b, 2);
	gc_etf_put_atom(m->b, v->node);
	put_info(m->b, &info);
	m->count++;
}

void gc_event_put_members(struct gc_buf *b, const struct gc_cluster *c, const char *cnode,
			  uint64_t now_ms, uint64_t wall_ms)
{
	struct members m = {b, cnode, now_ms, wall_ms, 0};
	size_t n = gc_cluster_count_members(c);

	if (n > 0)
		gc_etf_put_list(b, (uint32_t)n);
	gc_cluster_each(c, put_member, &m);
	if (m.count != n) /* the reader would get a broken term */
		b->failed = true;
	gc_etf_put_nil(b);
}

void gc_event_put_snapshot(struct gc_buf *b, const struct gc_cluster *c, const char *cnode,
			   uint64_t now_ms, uint64_t wall_ms)
{
	gc_etf_put_tuple(b, 3);
	gc_etf_put_atom(b, "gen_cluster");
	gc_etf_put_atom(b, "members");
	gc_event_put_members(b, c, cnode, now_ms, wall_ms);
}
