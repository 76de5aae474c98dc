/* What happens to the cluster state machine and to its model alike; see cluster_model.h. */
#include "cluster_model.h"

#include <stdio.h>
#include <string.h>

/* ---- answers ---- */
static void unname(struct model *m, unsigned source, unsigned keep)
{
	for (unsigned i = 0; i < NODES; i++) {
		struct model_node *n = &m->node[i];

		if (!(n->named & 1u << source) || (keep & 1u << i))
			continue;
		n->named &= ~(1u << source);
		if (!n->named)
			n->removed_ms = m->now;
	}
}

static size_t name(struct model *m, unsigned source, const unsigned *nodes, size_t n)
{
	size_t refused = 0;

	for (size_t i = 0; i < n; i++) {
		struct model_node *k = nodes[i] < OWNER ? &m->node[nodes[i]] : NULL;

		if (!k || (k->named & 1u << source))
			continue;
		if (!k->named && !k->member && model_count_peers(m) >= m->conf.max_peers) {
			refused++;
			continue;
		}
		k->named |= 1u << source;
		k->was_named = true;
	}
	return refused;
}

/* Indices beyond OWNER stand for ourselves and for what is no name. */
static const char *name_of(struct model *m, unsigned i)
{
	return i < NODES ? m->node[i].name : i == NODES ? "self@h" : "not a name";
}

static size_t expect_answer(struct model *m, unsigned source, enum gc_quality quality,
			    const unsigned *nodes, size_t n)
{
	bool has_name = false, had_peers = false;
	unsigned keep = 0;

	for (size_t i = 0; i < n; i++) {
		has_name |= nodes[i] <= NODES;
		keep |= 1u << nodes[i];
	}
	for (int i = 0; i < NODES; i++)
		had_peers |= (m->node[i].named & 1u << source) != 0;
	if (quality == GC_ERROR || (!has_name && (quality == GC_PARTIAL || !had_peers)))
		return 0;
	if (!has_name && ++m->empties[source] < m->conf.confirm_removal)
		return 0;
	m->empties[source] = 0;
	if (quality == GC_COMPLETE)
		unname(m, source, keep);
	return name(m, source, nodes, n);
}

static const char *source_name(unsigned source)
{
	static const char *const names[SOURCES] = {"s0", "s1", "s2"};

	return names[source];
}

void model_answer(struct model *m, unsigned source, enum gc_quality quality, const unsigned *nodes,
		  size_t n)
{
	struct gc_peer peers[64];
	size_t expected;

	for (size_t i = 0; i < n; i++) {
		peers[i] = (struct gc_peer){.node = name_of(m, nodes[i]),
					    .address = chance(m, 30) ? "10.0.0.1" : NULL,
					    .port = chance(m, 30) ? 4000 : 0};
		model_trace(m, "  peer %s", peers[i].node);
	}
	model_trace(m, "answer %s quality %d, %zu", source_name(source), (int)quality, n);
	expected = expect_answer(m, source, quality, nodes, n);
	size_t refused =
	    gc_cluster_answer(m->c, source_name(source), quality, NULL, peers, n, m->now);
	REQUIRE(m, refused == expected, NULL);
	model_check(m);
}

void model_drop(struct model *m, unsigned source)
{
	model_trace(m, "drop %s", source_name(source));
	unname(m, source, 0);
	m->empties[source] = 0;
	gc_cluster_drop_instance(m->c, source_name(source), m->now);
	model_check(m);
}

/* ---- links ---- */
static void fail_with(struct gc_fail *fail, int err)
{
	memset(fail, 0, sizeof(*fail));
	if (err)
		gc_fail_set(fail, err, GC_STAGE_CONNECT, "model");
}

static void note_failure(struct model *m, struct model_node *n)
{
	n->failed = true;
	n->failed_ms = m->now;
}

static void set_link(struct model_node *n, bool up, bool hidden)
{
	n->linked = up;
	n->link_told = true;
	n->closing = n->failed = false;
	if (up)
		n->hidden = hidden;
}

void model_link(struct model *m, struct model_node *n, bool up)
{
	struct gc_fail why;

	model_trace(m, "link %s %s%s", n->name, up ? "up" : "down",
		    n->really_hidden ? " hidden" : "");
	if (n->linked != up)
		set_link(n, up, n->really_hidden);
	fail_with(&why, up ? 0 : GC_EOF);
	gc_cluster_link(m->c, n->name, up, up && n->really_hidden, &why, m->now);
	model_check(m);
}

void model_dialled(struct model *m, struct model_node *n, int err, bool told_by_link)
{
	struct gc_fail fail;

	if (!err && told_by_link && !n->linked)
		model_link(m, n, true);
	if (!n->dial)
		return; /* cancelled by what the link brought about */
	model_trace(m, "dialled %s %s", n->name, gc_err_name(err));
	n->dial = false;
	if (err && !n->linked) {
		note_failure(m, n);
		n->hidden |= err == GC_EHIDDEN;
	} else if (!err && !n->link_told) {
		set_link(n, true, false);
	}
	fail_with(&fail, err);
	gc_cluster_dialled(m->c, n->name, &fail, err ? NULL : "10.0.0.9", 4999, m->now);
	model_check(m);
}

void model_want(struct model *m, struct model_node *n, bool want)
{
	model_trace(m, "want %s %d", n->name, want);
	if (want || n->wants)
		n->wants += want ? 1 : -1;
	int rc = gc_cluster_want_link(m->c, n->name, NULL, 0, want, m->now);
	REQUIRE(m, rc == 0, n->name);
	model_check(m);
}

/* ---- joins and members ---- */
static void set_connected(struct model_node *n, bool up)
{
	n->connected = up;
	n->dist_lost |= !up;
	n->failed = false;
	if (!up)
		n->orphan = false;
	else if (!n->linked)
		n->hidden = false;
}

void model_member(struct model *m, struct model_node *n, bool up)
{
	model_trace(m, "member %s %s", n->name, up ? "up" : "down");
	if (n - m->node != OWNER && (n->connected != up || (n->orphan && m->dist_up)))
		set_connected(n, up);
	gc_cluster_member(m->c, n->name, up, up ? NULL : "connection_closed", m->now);
	model_check(m);
}

void model_members(struct model *m, unsigned set)
{
	const char *names[NODES];
	size_t count = 0;

	for (unsigned i = 0; i < NODES; i++) {
		struct model_node *n = &m->node[i];
		bool up = (set & 1u << i) != 0;

		if (up)
			names[count++] = n->name;
		if (i != OWNER && (n->connected != up || (n->orphan && !up)))
			set_connected(n, up);
	}
	model_trace(m, "members, set %x", set);
	gc_cluster_members(m->c, names, count, m->now);
	model_check(m);
}

void model_joined(struct model *m, struct model_node *n, bool ok, bool told_by_backend)
{
	struct gc_fail fail;
	bool is_join = n->join;

	if (ok && told_by_backend && n->connected != is_join)
		model_member(m, n, is_join);
	model_trace(m, "%s %s %d", is_join ? "joined" : "left", n->name, ok);
	n->join = n->leave = false;
	if (ok && !n->dist_lost && n->connected != is_join)
		set_connected(n, is_join);
	if (!ok && !(is_join && (n->connected || !n->linked)))
		note_failure(m, n);
	fail_with(&fail, ok ? 0 : GC_EJOIN);
	gc_cluster_joined(m->c, n->name, &fail, m->now);
	model_check(m);
}

void model_dist(struct model *m, bool up)
{
	model_trace(m, "dist %s", up ? "up" : "down");
	if (up != m->dist_up)
		m->changed_ms = m->now;
	for (int i = 0; i < NODES && up != m->dist_up; i++) {
		struct model_node *n = &m->node[i];

		n->failed = false;
		if (up)
			continue;
		n->orphan |= n->member;
		n->connected = n->join = n->leave = false;
	}
	m->dist_up = up;
	gc_cluster_dist(m->c, up, m->now);
	model_check(m);
}

/* ---- time and the rest ---- */
void model_hurry(struct model *m)
{
	model_trace(m, "hurry");
	for (int i = 0; i < NODES; i++)
		m->node[i].failed = false;
	gc_cluster_hurry(m->c, m->now);
	model_check(m);
}

void model_configure(struct model *m)
{
	bool had_ready = m->conf.has_ready;

	model_random_policy(m);
	m->conf.has_ready = chance(m, 50);
	if (m->conf.has_ready && !had_ready)
		m->ready_from_ms = m->now;
	for (int i = 0; i < NODES; i++)
		m->node[i].failed = false;
	model_trace(m, "configure: removed %d, probe %d, max %zu", (int)m->conf.removed,
		    m->conf.links_probe, m->conf.max_peers);
	gc_cluster_configure(m->c, &m->conf, m->now);
	model_check(m);
}

/* First to a millisecond before something is due: until then nothing may happen. */
void model_tick(struct model *m, uint64_t to_ms)
{
	uint64_t next, seen;
	int rounds = 0;

	while ((next = gc_cluster_next_ms(m->c)) <= to_ms && next > m->now) {
		REQUIRE(m, rounds++ < BUSY_ROUNDS, NULL);
		m->now = next - 1;
		seen = m->n_actions;
		gc_cluster_tick(m->c, m->now);
		model_check(m);
		REQUIRE(m, m->n_actions == seen, NULL);
		m->now = next;
		model_trace(m, "tick");
		gc_cluster_tick(m->c, m->now);
		model_check(m);
	}
	m->now = to_ms;
	gc_cluster_tick(m->c, m->now);
	model_check(m);
}

void model_noise(struct model *m, struct model_node *n)
{
	struct gc_fail fail;

	model_tick(m,
		   m->now); /* or else the first of these calls may ask for what the next answers */
	model_trace(m, "noise %s", n->name);
	fail_with(&fail, chance(m, 50) ? GC_EREFUSED : 0);
	if (!n->dial)
		gc_cluster_dialled(m->c, n->name, &fail, NULL, 0, m->now);
	if (!n->join && !n->leave)
		gc_cluster_joined(m->c, n->name, &fail, m->now);
	gc_cluster_dialled(m->c, "nobody@h", &fail, NULL, 0, m->now);
	gc_cluster_link(m->c, "self@h", true, false, NULL, m->now);
	gc_cluster_member(m->c, "self@h", true, NULL, m->now);
	gc_cluster_member(m->c, "not a name", true, NULL, m->now);
	gc_cluster_link(m->c, "not a name", true, false, NULL, m->now);
	model_check(m);
}
