/* See cluster_model.h. */
#include "cluster_model.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t model_random(struct model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (m->random >> 11) % below;
}

void model_trace(const struct model *m, const char *fmt, ...)
{
	va_list ap;

	if (!m->tracing)
		return;
	va_start(ap, fmt);
	printf("%9" PRIu64 " ", m->now);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
	va_end(ap);
}

_Noreturn void model_fail(const struct model *m, int line, const char *what, const char *node)
{
	ck_abort_msg("line %d: %s (%s); again: GC_SEED=%" PRIu64 " GC_SCHEDULES=1 GC_TRACE=1", line,
		     what, node ? node : "", m->seed);
	abort();
}

/* ---- what follows from the facts ---- */
static bool must_go(const struct model *m, const struct model_node *n)
{
	if (n->named || !n->was_named || m->conf.removed == GC_REMOVED_KEEP)
		return false;
	return m->conf.removed == GC_REMOVED_DISCONNECT ||
	       m->now >= n->removed_ms + m->conf.disconnect_after_ms;
}

static bool is_member(const struct model *m, const struct model_node *n)
{
	if (!n->connected || !m->dist_up)
		return false;
	if (n->member)
		return true;
	return !n->hidden && (n->named || (n->orphan && !must_go(m, n)));
}

static bool wants_link(const struct model *m, const struct model_node *n)
{
	if (n->wants)
		return true;
	return n->named && (!m->conf.links_probe || (m->dist_up && !n->connected));
}

static bool needs_dial(const struct model *m, const struct model_node *n)
{
	return wants_link(m, n) && !n->linked && !n->dial && (n->wants || !n->leave);
}

static bool needs_join(const struct model *m, const struct model_node *n)
{
	return n->named && n->linked && !n->connected && !n->hidden && m->dist_up && !n->join &&
	       !n->leave;
}

static bool needs_leave(const struct model *m, const struct model_node *n)
{
	return n->connected && must_go(m, n) && m->dist_up && !n->join && !n->leave;
}

static bool may_close(const struct model *m, const struct model_node *n)
{
	if (!n->linked || n->wants || n->closing)
		return false;
	if (n->named)
		return m->conf.links_probe && n->member;
	return must_go(m, n) && !n->connected && !n->orphan;
}

static size_t count_peers(const struct model *m)
{
	size_t count = 0;

	for (int i = 0; i < NODES; i++)
		count += m->node[i].named || m->node[i].member;
	return count;
}

static size_t count_members(const struct model *m)
{
	size_t count = 0;

	for (int i = 0; i < NODES; i++)
		count += m->node[i].member;
	return count;
}

/* A removal is carried out once; of a node without any tie nothing is known any more. */
static void forget(const struct model *m, struct model_node *n)
{
	if (n->named || n->connected || n->orphan || n->join || n->leave)
		return;
	if (!n->linked || must_go(m, n))
		n->was_named = false;
	if (!n->linked && !n->dial && !n->wants)
		n->hidden = n->failed = false;
}

/* ---- checks ---- */
static struct model_node *find(struct model *m, const char *name)
{
	for (int i = 0; i < NODES; i++)
		if (strcmp(m->node[i].name, name) == 0)
			return &m->node[i];
	model_fail(m, __LINE__, "a node that exists", name);
}

static void check_pause(struct model *m, const struct model_node *n)
{
	REQUIRE(m, !n->failed || m->now >= n->failed_ms + m->conf.reconnect_min_ms, n->name);
}

static void check_command(struct model *m, struct model_node *n, const struct gc_action *a)
{
	switch (a->type) {
	case GC_DO_DIAL:
		REQUIRE(m, needs_dial(m, n), n->name);
		REQUIRE(m, a->hidden_ok == (n->wants > 0), n->name);
		check_pause(m, n);
		n->dial = true;
		n->link_told = false;
		break;
	case GC_DO_CANCEL_DIAL:
		REQUIRE(m, n->dial && !wants_link(m, n), n->name);
		n->dial = false;
		break;
	case GC_DO_JOIN:
		REQUIRE(m, needs_join(m, n), n->name);
		check_pause(m, n);
		n->join = true;
		n->dist_told = false;
		break;
	case GC_DO_LEAVE:
		REQUIRE(m, needs_leave(m, n), n->name);
		check_pause(m, n);
		n->leave = true;
		n->dist_told = false;
		break;
	case GC_DO_CLOSE_LINK:
		REQUIRE(m, may_close(m, n), n->name);
		n->closing = true;
		break;
	default:
		model_fail(m, __LINE__, "a known action", n->name);
	}
}

static void check_event(struct model *m, struct model_node *n, const struct gc_action *a)
{
	bool up = a->type == GC_DO_NODEUP;

	REQUIRE(m, a->seq == ++m->seq, n->name);
	REQUIRE(m, n->member != up, n->name);
	REQUIRE(m, up == is_member(m, n), n->name);
	REQUIRE(m, up || (a->reason && *a->reason), n->name);
	n->member = up;
	n->orphan = up ? false : n->orphan;
	m->changed_ms = m->now;
	m->n_events++;
}

static void check_ready(struct model *m, const struct gc_action *a)
{
	bool formed = m->dist_up && count_members(m) >= m->conf.ready_members &&
		      m->now >= m->changed_ms + m->conf.ready_stable_ms;

	REQUIRE(m, a->seq == ++m->seq, NULL);
	REQUIRE(m, m->conf.has_ready && !m->is_ready, NULL);
	REQUIRE(m, a->count == count_members(m), NULL);
	REQUIRE(m, strcmp(a->reason, formed ? "formed" : "timeout") == 0, NULL);
	REQUIRE(m, formed || m->now >= m->ready_from_ms + m->conf.ready_timeout_ms, NULL);
	m->is_ready = true;
}

static void check_action(struct model *m, const struct gc_action *a)
{
	static const char *const names[] = {"",	     "DIAL", "CANCEL", "JOIN", "LEAVE",
					    "CLOSE", "UP",   "DOWN",   "READY"};

	model_trace(m, "      %s %s %s", names[a->type], a->node ? a->node : "",
		    a->reason ? a->reason : "");
	m->n_actions++;
	if (a->type == GC_DO_READY)
		check_ready(m, a);
	else if (a->type == GC_DO_NODEUP || a->type == GC_DO_NODEDOWN)
		check_event(m, find(m, a->node), a);
	else
		check_command(m, find(m, a->node), a);
}

static void check_view(struct model *m, const struct model_node *n)
{
	struct gc_peer_view v;
	bool is_peer = gc_cluster_get(m->c, n->name, &v);

	REQUIRE(m, is_peer == (n->named || n->member), n->name);
	if (!is_peer)
		return;
	REQUIRE(m, v.member == n->member && v.linked == n->linked, n->name);
	REQUIRE(m, v.hidden == n->hidden, n->name);
	REQUIRE(m, v.n_instances == (size_t)__builtin_popcount(n->named), n->name);
	bool needs = needs_dial(m, n) || needs_join(m, n) || needs_leave(m, n);
	REQUIRE(m, needs == (v.next_attempt_ms != GC_FOREVER), n->name);
}

/* Who needs something and has nothing under way must have been planned for, in time. */
static void check_node(struct model *m, const struct model_node *n)
{
	uint64_t next = gc_cluster_next_ms(m->c);

	REQUIRE(m, n->member == is_member(m, n), n->name);
	check_view(m, n);
	if (needs_dial(m, n) || needs_join(m, n) || needs_leave(m, n))
		REQUIRE(m, next <= m->now + m->conf.reconnect_max_ms, n->name);
	if (n->dial)
		REQUIRE(m, wants_link(m, n) || n->linked, n->name);
}

static void check_ready_owed(struct model *m)
{
	if (!m->conf.has_ready || m->is_ready)
		return;
	REQUIRE(m, m->now < m->ready_from_ms + m->conf.ready_timeout_ms, NULL);
	if (m->dist_up && count_members(m) >= m->conf.ready_members)
		REQUIRE(m, m->now < m->changed_ms + m->conf.ready_stable_ms, NULL);
}

void model_check(struct model *m)
{
	struct gc_action a;
	int rounds = 0;

	while (gc_cluster_next(m->c, &a)) {
		REQUIRE(m, rounds++ < BUSY_ROUNDS, NULL);
		check_action(m, &a);
	}
	for (int i = 0; i < NODES; i++) {
		forget(m, &m->node[i]);
		check_node(m, &m->node[i]);
	}
	REQUIRE(m, gc_cluster_next_ms(m->c) > m->now, NULL);
	REQUIRE(m, gc_cluster_seq(m->c) == m->seq, NULL);
	REQUIRE(m, gc_cluster_count_members(m->c) == count_members(m), NULL);
	REQUIRE(m, gc_cluster_count_peers(m->c) == count_peers(m), NULL);
	REQUIRE(m, gc_cluster_is_ready(m->c) == m->is_ready, NULL);
	check_ready_owed(m);
}

/* ---- life ---- */
static void random_policy(struct model *m)
{
	struct gc_cluster_config *conf = &m->conf;

	conf->confirm_removal = (uint32_t)(1 + model_random(m, 3));
	conf->removed = (enum gc_removed)model_random(m, 3);
	conf->disconnect_after_ms = chance(m, 50) ? 500 : 60000;
	conf->max_peers = chance(m, 50) ? 100 : 1 + model_random(m, 6);
	conf->links_probe = chance(m, 50);
	conf->reconnect_min_ms = chance(m, 20) ? 1 : 200;
	conf->reconnect_max_ms = chance(m, 30) ? 1000 : 30000;
	conf->ready_members = (uint32_t)model_random(m, 4);
	conf->ready_stable_ms = chance(m, 20) ? 0 : 5000;
	conf->ready_timeout_ms = chance(m, 50) ? GC_FOREVER / 2 : 20000;
}

void model_start(struct model *m, uint64_t seed)
{
	m->seed = seed;
	m->random = seed * 0x9e3779b97f4a7c15u + 1;
	m->now = 1 + model_random(m, 1000000);
	m->seq = 0;
	m->dist_up = true;
	m->is_ready = false;
	m->changed_ms = m->ready_from_ms = m->now;
	memset(m->node, 0, sizeof(m->node));
	memset(m->empties, 0, sizeof(m->empties));
	for (int i = 0; i < NODES; i++)
		snprintf(m->node[i].name, sizeof(m->node[i].name), "n%d@h", i);
	m->conf = (struct gc_cluster_config){
	    .self = "self@h", .owner = m->node[OWNER].name, .seed = model_random(m, 1u << 31)};
	m->conf.has_ready = chance(m, 50);
	random_policy(m);
	m->c = gc_cluster_create(&m->conf, m->now);
	REQUIRE(m, m->c != NULL, NULL);
	gc_cluster_tick(m->c, m->now);
	model_check(m);
}

void model_stop(struct model *m)
{
	gc_cluster_destroy(m->c);
	m->c = NULL;
}

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
		if (!k->named && !k->member && count_peers(m) >= m->conf.max_peers) {
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
	n->dist_told = true;
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
	if (ok && !n->dist_told && n->connected != is_join)
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

	random_policy(m);
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

	while ((next = gc_cluster_next_ms(m->c)) <= to_ms) {
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
