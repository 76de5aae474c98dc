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

size_t model_count_peers(const struct model *m)
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
		n->dist_lost = false;
		break;
	case GC_DO_LEAVE:
		REQUIRE(m, needs_leave(m, n), n->name);
		check_pause(m, n);
		n->leave = true;
		n->dist_lost = false;
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
	REQUIRE(m, gc_cluster_count_peers(m->c) == model_count_peers(m), NULL);
	REQUIRE(m, gc_cluster_is_ready(m->c) == m->is_ready, NULL);
	check_ready_owed(m);
}

/* ---- life ---- */
void model_random_policy(struct model *m)
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
	model_random_policy(m);
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
