/* Answers of discovery, an input of the cluster state machine: who is named, who is no more, and
 * who does not fit into the budget. Owner of its data: struct gc_cluster. */
#include "cluster_priv.h"

#include "name.h"

#include <string.h>

static void unname(struct gc_cluster *c, struct gc_naming *g)
{
	struct gc_known *n = g->node;

	gc_naming_remove(c, g);
	if (!n->namings) {
		n->removed = true;
		n->removed_ms = c->now_ms;
	}
	gc_known_step(c, n);
}

static void unname_stale(struct gc_cluster *c, struct gc_source *s)
{
	for (struct gc_naming *g = s->namings, *next; g; g = next) {
		next = g->next;
		if (g->round != s->round)
			unname(c, g);
	}
}

/* Marks the peers that s named before. */
static void renew(struct gc_cluster *c, struct gc_source *s, const struct gc_peer *peers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct gc_known *k = gc_known_find(c, peers[i].node);
		struct gc_naming *g = k ? gc_naming_find(k, s) : NULL;

		if (!g)
			continue;
		g->round = s->round;
		gc_naming_update(g, &peers[i]);
	}
}

/* False: over budget, or out of memory. */
static bool name_peer(struct gc_cluster *c, struct gc_source *s, const struct gc_peer *peer)
{
	struct gc_known *n = gc_known_find(c, peer->node);

	if (n && gc_naming_find(n, s))
		return true;
	if ((!n || !n->is_peer) && c->n_peers >= c->config.max_peers)
		return false;
	n = gc_known_get(c, peer->node);
	if (!n)
		return false;
	bool ok = gc_naming_add(c, n, s, peer);
	gc_known_step(c, n);
	return ok;
}

static bool is_acceptable(const struct gc_cluster *c, const char *name)
{
	return gc_name_ok(name, strlen(name)) && !gc_cluster_is_ourselves(c, name);
}

static size_t name_peers(struct gc_cluster *c, struct gc_source *s, const struct gc_peer *peers,
			 size_t n)
{
	size_t refused = 0;

	for (size_t i = 0; i < n; i++)
		if (is_acceptable(c, peers[i].node) && !name_peer(c, s, &peers[i]))
			refused++;
	return refused;
}

/* An empty answer is not believed at once; if the source had no peers, it does not matter. */
static bool is_believed(const struct gc_cluster *c, struct gc_source *s, enum gc_quality quality,
			bool has_names)
{
	if (has_names) {
		s->empties = 0;
		return true;
	}
	return quality == GC_COMPLETE && ++s->empties >= c->config.confirm_removal;
}

static bool has_name(const struct gc_peer *peers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gc_name_ok(peers[i].node, strlen(peers[i].node)))
			return true;
	return false;
}

size_t gc_cluster_answer(struct gc_cluster *c, const char *instance, enum gc_quality quality,
			 const char *reason, const struct gc_peer *peers, size_t n, uint64_t now_ms)
{
	size_t refused = 0;

	(void)reason; /* an NXDOMAIN is an empty answer like any other */
	gc_cluster_at(c, now_ms);
	if (quality == GC_COMPLETE || quality == GC_PARTIAL) {
		struct gc_source *s = gc_source_get(c, instance);

		if (!s)
			refused = n;
		else if (is_believed(c, s, quality, has_name(peers, n))) {
			s->round += quality == GC_COMPLETE ? 1 : 0;
			renew(c, s, peers, n);
			unname_stale(c, s); /* first, as it makes room in the budget */
			refused = name_peers(c, s, peers, n);
		}
	}
	gc_cluster_run(c);
	return refused;
}

void gc_cluster_drop_instance(struct gc_cluster *c, const char *instance, uint64_t now_ms)
{
	struct gc_source *s = gc_source_find(c, instance);

	gc_cluster_at(c, now_ms);
	if (s) {
		s->round++;
		unname_stale(c, s);
		gc_source_drop(c, s);
	}
	gc_cluster_run(c);
}
