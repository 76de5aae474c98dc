/* The cluster as a pure state machine, its inputs: each changes the facts of the nodes concerned,
 * then lets cluster_step.c decide. See cluster.h for the contract, cluster_priv.h for the parts.
 * Owner of its data: struct gc_cluster. Loop thread. */
#include "cluster_priv.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_MAX_MS (UINT64_C(1) << 40) /* 34 years: no sum of it overflows */

/* ---- life ---- */
static void take_config(struct gc_cluster *c, const struct gc_cluster_config *config)
{
	const char *self = c->config.self, *owner = c->config.owner;
	bool had_ready = c->config.has_ready;

	c->config = *config;
	c->config.self = self;
	c->config.owner = owner;
	if (c->config.reconnect_min_ms == 0)
		c->config.reconnect_min_ms = 1;
	if (c->config.reconnect_max_ms < c->config.reconnect_min_ms)
		c->config.reconnect_max_ms = c->config.reconnect_min_ms;
	if (c->config.reconnect_max_ms > PAUSE_MAX_MS)
		c->config.reconnect_max_ms = PAUSE_MAX_MS;
	if (config->has_ready && !had_ready)
		c->ready_from_ms = c->now_ms;
}

struct gc_cluster *gc_cluster_create(const struct gc_cluster_config *config, uint64_t now_ms)
{
	struct gc_cluster *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->now_ms = c->stable_since_ms = now_ms;
	c->random = config->seed;
	c->dist_up = true;
	c->config.self = config->self ? strdup(config->self) : NULL;
	c->config.owner = config->owner ? strdup(config->owner) : NULL;
	take_config(c, config);
	if ((config->self && !c->config.self) || (config->owner && !c->config.owner) ||
	    !gc_known_init(c)) {
		gc_cluster_destroy(c);
		return NULL;
	}
	return c;
}

void gc_cluster_destroy(struct gc_cluster *c)
{
	if (!c)
		return;
	gc_known_destroy_all(c);
	while (c->sources)
		gc_source_drop(c, c->sources);
	free(c->instances);
	free((char *)(uintptr_t)c->config.self);
	free((char *)(uintptr_t)c->config.owner);
	free(c);
}

void gc_cluster_at(struct gc_cluster *c, uint64_t now_ms)
{
	if (now_ms > c->now_ms && now_ms != GC_FOREVER)
		c->now_ms = now_ms;
}

void gc_cluster_configure(struct gc_cluster *c, const struct gc_cluster_config *config,
			  uint64_t now_ms)
{
	struct gc_known *n, *next;

	gc_cluster_at(c, now_ms);
	take_config(c, config);
	HASH_ITER(hh, c->nodes, n, next)
	{
		uint64_t latest = gc_add_ms(c->now_ms, gc_known_max_pause(c, n));

		if (n->before_ms > latest)
			n->before_ms = latest;
		gc_known_step(c, n);
	}
	gc_cluster_run(c);
}

bool gc_cluster_is_ourselves(const struct gc_cluster *c, const char *name)
{
	return (c->config.self && strcmp(name, c->config.self) == 0) ||
	       (c->config.owner && strcmp(name, c->config.owner) == 0);
}

/* ---- dials and links ---- */
static void link_up(struct gc_cluster *c, struct gc_known *n, bool hidden)
{
	n->linked = true;
	n->hidden = hidden;
	n->link_dialled = n->dialling;
	n->link_since_ms = c->now_ms;
	n->before_ms = 0; /* news: join now, whatever went before */
}

static void link_down(struct gc_cluster *c, struct gc_known *n, const struct gc_fail *why)
{
	bool is_asked = n->closing, was_good = n->member || n->want || n->shaken;

	n->linked = n->closing = n->shaken = false;
	if (is_asked || !gc_known_wants_link(c, n))
		return;
	if (why && why->err)
		gc_known_note(c, n, why);
	if (was_good)
		gc_known_lost(c, n, c->now_ms - n->link_since_ms >= GC_STABLE_MS);
	else
		gc_known_failed_once(c, n);
	if (n->hidden && !n->want)
		n->before_ms = gc_add_ms(c->now_ms, c->config.reconnect_max_ms);
}

void gc_cluster_link(struct gc_cluster *c, const char *node, bool up, bool hidden,
		     const struct gc_fail *why, uint64_t now_ms)
{
	struct gc_known *n;

	gc_cluster_at(c, now_ms);
	if (c->config.self && strcmp(node, c->config.self) == 0)
		return;
	n = up ? gc_known_get(c, node) : gc_known_find(c, node);
	if (n && n->linked != up) {
		n->link_told = true;
		if (up)
			link_up(c, n, hidden);
		else
			link_down(c, n, why);
		gc_known_step(c, n);
	}
	gc_cluster_run(c);
}

static void dial_failed(struct gc_cluster *c, struct gc_known *n, const struct gc_fail *fail)
{
	if (n->linked)
		return; /* the peer's own connection came first */
	gc_known_note(c, n, fail);
	if (fail->err == GC_EHIDDEN) {
		n->hidden = true;
		n->before_ms = gc_add_ms(c->now_ms, gc_known_max_pause(c, n));
	} else {
		gc_known_failed(c, n);
	}
}

static void set_place(struct gc_known *n, const char *address, uint16_t port)
{
	if (!address || !*address || !gc_known_set_text(&n->address, address))
		return;
	n->port = port;
}

void gc_cluster_dialled(struct gc_cluster *c, const char *node, const struct gc_fail *fail,
			const char *address, uint16_t port, uint64_t now_ms)
{
	struct gc_known *n = gc_known_find(c, node);

	gc_cluster_at(c, now_ms);
	if (n && n->dialling) {
		set_place(n, address, port);
		if (fail && fail->err)
			dial_failed(c, n, fail);
		else if (!n->link_told)
			link_up(c, n, false);
		n->dialling = false;
		gc_known_step(c, n);
	}
	gc_cluster_run(c);
}

int gc_cluster_want_link(struct gc_cluster *c, const char *node, const char *address, uint16_t port,
			 bool want, uint64_t now_ms)
{
	int err = 0;

	gc_cluster_at(c, now_ms);
	if (want)
		err = gc_known_want(c, node, address, port);
	else
		gc_known_unwant(c, node);
	gc_cluster_run(c);
	return err;
}

/* ---- joins and members ---- */
static void connected(struct gc_known *n)
{
	n->connected = true;
	if (!n->linked)
		n->hidden =
		    false; /* the backend sees visible nodes only; our own link knows better */
}

/* A reason that is no error of ours is kept in its own words. */
static void note_loss(struct gc_cluster *c, struct gc_known *n, const char *reason)
{
	int err = reason ? gc_err_from_name(reason) : 0;
	struct gc_fail fail = {0};

	gc_fail_set(&fail, err ? err : GC_EOF, GC_STAGE_LINK, "%s", reason && !err ? reason : "");
	gc_known_note(c, n, &fail);
}

static void disconnected(struct gc_cluster *c, struct gc_known *n, const char *reason)
{
	bool was_member = n->member,
	     proven = was_member && c->now_ms - n->member_since_ms >= GC_STABLE_MS;

	n->dist_lost = true;
	n->connected = n->orphan = false;
	if (!was_member)
		return;
	gc_known_demote(c, n, n->leaving ? "removed" : reason);
	if (!n->namings || n->leaving)
		return;
	note_loss(c, n, reason);
	n->shaken = proven;
	if (proven || n->linked || !n->dialling) /* else its link went first, and was counted */
		gc_known_lost(c, n, proven);
}

static void change_member(struct gc_cluster *c, struct gc_known *n, bool up, const char *reason)
{
	if (up)
		connected(n);
	else
		disconnected(c, n, reason);
	gc_known_step(c, n);
}

void gc_cluster_member(struct gc_cluster *c, const char *node, bool up, const char *reason,
		       uint64_t now_ms)
{
	gc_cluster_at(c, now_ms);
	if (!gc_cluster_is_ourselves(c, node)) {
		struct gc_known *n = up ? gc_known_get(c, node) : gc_known_find(c, node);

		if (n && (n->connected != up || (n->orphan && c->dist_up)))
			change_member(c, n, up, reason);
	}
	gc_cluster_run(c);
}

void gc_cluster_members(struct gc_cluster *c, const char *const *nodes, size_t count,
			uint64_t now_ms)
{
	struct gc_known *n, *next;

	gc_cluster_at(c, now_ms);
	c->members_round++;
	for (size_t i = 0; i < count; i++) {
		n = gc_cluster_is_ourselves(c, nodes[i]) ? NULL : gc_known_get(c, nodes[i]);
		if (!n)
			continue;
		n->seen = c->members_round;
		if (!n->connected)
			change_member(c, n, true, NULL);
	}
	HASH_ITER(hh, c->nodes, n, next)
	if ((n->connected || n->orphan) && n->seen != c->members_round)
		change_member(c, n, false, gc_err_name(GC_EOF));
	gc_cluster_run(c);
}

static void left(struct gc_cluster *c, struct gc_known *n, const struct gc_fail *fail)
{
	if (fail && fail->err) {
		gc_known_note(c, n, fail);
		gc_known_failed(c, n);
	} else if (!n->dist_lost && n->connected) {
		disconnected(c, n, "removed");
	}
	n->leaving = false;
}

static void join_ended(struct gc_cluster *c, struct gc_known *n, const struct gc_fail *fail)
{
	n->joining = false;
	if (n->connected)
		return; /* the backend has told already */
	if (fail && fail->err) {
		gc_known_note(c, n, fail);
		if (n->linked) /* else that is why, and has been counted */
			gc_known_failed(c, n);
	} else if (!n->dist_lost) {
		connected(n);
	}
}

void gc_cluster_joined(struct gc_cluster *c, const char *node, const struct gc_fail *fail,
		       uint64_t now_ms)
{
	struct gc_known *n = gc_known_find(c, node);

	gc_cluster_at(c, now_ms);
	if (n && (n->leaving || n->joining)) {
		if (n->leaving)
			left(c, n, fail);
		else
			join_ended(c, n, fail);
		gc_known_step(c, n);
	}
	gc_cluster_run(c);
}

/* Members are not counted as failing: it was not they who went. */
static void lose_owner(struct gc_cluster *c, struct gc_known *n)
{
	n->joining = n->leaving = false;
	n->connected = false;
	if (!n->member)
		return;
	n->orphan = true;
	gc_known_demote(c, n, gc_err_name(GC_EOWNER));
}

void gc_cluster_dist(struct gc_cluster *c, bool available, uint64_t now_ms)
{
	struct gc_known *n, *next;

	gc_cluster_at(c, now_ms);
	if (c->dist_up != available) {
		c->dist_up = available;
		c->stable_since_ms = c->now_ms;
		HASH_ITER(hh, c->nodes, n, next)
		{
			if (!available)
				lose_owner(c, n);
			else if (n->linked)
				n->before_ms = 0;
			gc_known_step(c, n);
		}
	}
	gc_cluster_run(c);
}

/* ---- time ---- */
void gc_cluster_hurry(struct gc_cluster *c, uint64_t now_ms)
{
	struct gc_known *n, *next;

	gc_cluster_at(c, now_ms);
	HASH_ITER(hh, c->nodes, n, next)
	{
		n->before_ms = 0;
		gc_known_step(c, n);
	}
	gc_cluster_run(c);
}

void gc_cluster_tick(struct gc_cluster *c, uint64_t now_ms)
{
	gc_cluster_at(c, now_ms);
	gc_cluster_run(c);
}

uint64_t gc_cluster_next_ms(const struct gc_cluster *c)
{
	uint64_t nodes = gc_known_due(c), ready = gc_cluster_ready_due(c);

	return nodes < ready ? nodes : ready;
}
