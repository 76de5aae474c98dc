/* The policy of the cluster state machine: what one node needs next and when, and the ready rule.
 * gc_known_step is the only place that decides; whoever changes a node calls it afterwards, and
 * time calls it through the heap of due times. It looks at facts alone, never at how they came
 * about.
 *
 * Failures in a row (fails) make the pauses: the k-th is random in [min * 2^(k-1), min * 2^k],
 * capped. A loss is answered at once if the node has credit, which is spent by that and earned,
 * together with fails = 0, by having been there for GC_STABLE_MS. So a node that flaps backs off.
 */
#include "cluster_priv.h"

#include <string.h>

enum need { NEED_NOTHING, NEED_DIAL, NEED_JOIN, NEED_LEAVE };

/* ---- pauses ---- */
static uint64_t random_below(struct gc_cluster *c, uint64_t n) /* splitmix64 */
{
	uint64_t z = c->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % n;
}

uint64_t gc_known_max_pause(const struct gc_cluster *c, const struct gc_known *n)
{
	uint64_t max = c->config.reconnect_max_ms;

	return n->want && max > GC_WANT_MAX_MS ? GC_WANT_MAX_MS : max;
}

static uint64_t pause_after(struct gc_cluster *c, const struct gc_known *n)
{
	uint64_t cap = gc_known_max_pause(c, n), top = c->config.reconnect_min_ms;

	for (uint32_t i = 0; i < n->fails && top < cap; i++)
		top *= 2;
	if (top > cap)
		top = cap;
	uint64_t pause = top / 2 + random_below(c, top - top / 2 + 1);
	uint64_t least = c->config.reconnect_min_ms < cap ? c->config.reconnect_min_ms : cap;
	return pause < least ? least : pause;
}

void gc_known_failed(struct gc_cluster *c, struct gc_known *n)
{
	if (n->fails < UINT32_MAX)
		n->fails++;
	n->shaken = false;
	n->before_ms = gc_add_ms(c->now_ms, pause_after(c, n));
}

void gc_known_failed_once(struct gc_cluster *c, struct gc_known *n)
{
	if (n->before_ms <= c->now_ms)
		gc_known_failed(c, n);
}

void gc_known_lost(struct gc_cluster *c, struct gc_known *n, bool proven)
{
	if (proven) {
		n->fails = 0;
		n->has_credit = true;
	}
	if (n->has_credit) {
		n->has_credit = false;
		n->before_ms = c->now_ms;
	} else {
		gc_known_failed_once(c, n);
	}
}

/* ---- what a node needs ---- */
bool gc_known_wants_link(const struct gc_cluster *c, const struct gc_known *n)
{
	if (n->want)
		return true;
	if (!n->namings)
		return false;
	return !c->config.links_probe || (c->dist_up && !n->connected);
}

/* When a node that was named and is no more has to be left. */
static uint64_t go_due(const struct gc_cluster *c, const struct gc_known *n)
{
	if (n->namings || !n->removed || c->config.removed == GC_REMOVED_KEEP)
		return GC_FOREVER;
	if (c->config.removed == GC_REMOVED_DISCONNECT)
		return c->now_ms;
	return gc_add_ms(n->removed_ms, c->config.disconnect_after_ms);
}

static bool must_go(const struct gc_cluster *c, const struct gc_known *n)
{
	return go_due(c, n) <= c->now_ms;
}

static enum need need_of(const struct gc_cluster *c, const struct gc_known *n)
{
	bool may_dial = !n->linked && !n->dialling && (n->want || !n->leaving);

	if (may_dial && gc_known_wants_link(c, n))
		return NEED_DIAL;
	if (n->joining || n->leaving || !c->dist_up)
		return NEED_NOTHING;
	if (n->connected && must_go(c, n))
		return NEED_LEAVE;
	if (n->linked && n->namings && !n->connected && !n->hidden)
		return NEED_JOIN;
	return NEED_NOTHING;
}

uint64_t gc_known_next_attempt(const struct gc_cluster *c, const struct gc_known *n)
{
	return need_of(c, n) == NEED_NOTHING ? GC_FOREVER : n->before_ms;
}

static void act(struct gc_cluster *c, struct gc_known *n, enum need need)
{
	switch (need) {
	case NEED_DIAL:
		n->dialling = true;
		n->link_told = false;
		gc_queue_push(c, GC_DO_DIAL, n, NULL);
		break;
	case NEED_JOIN:
		n->joining = true;
		n->dist_lost = false;
		gc_queue_push(c, GC_DO_JOIN, n, NULL);
		break;
	case NEED_LEAVE:
		n->leaving = true;
		n->dist_lost = false;
		gc_queue_push(c, GC_DO_LEAVE, n, NULL);
		break;
	case NEED_NOTHING:
		break;
	}
}

/* ---- membership ---- */
static void promote(struct gc_cluster *c, struct gc_known *n)
{
	n->member = true;
	n->orphan = false;
	n->member_since_ms = c->stable_since_ms = c->now_ms;
	c->n_members++;
	gc_known_count(c, n);
	n->seq = ++c->seq;
	gc_queue_push(c, GC_DO_NODEUP, n, NULL);
}

void gc_known_demote(struct gc_cluster *c, struct gc_known *n, const char *reason)
{
	n->member = false;
	c->stable_since_ms = c->now_ms;
	c->n_members--;
	gc_known_count(c, n);
	n->seq = ++c->seq;
	gc_queue_push(c, GC_DO_NODEDOWN, n, gc_cluster_word(c, reason));
}

/* A removed member whose owner was away for a while is still a member, if its connection lived. */
static bool may_promote(const struct gc_cluster *c, const struct gc_known *n)
{
	if (!n->connected || n->member || n->hidden || !c->dist_up)
		return false;
	return n->namings || (n->orphan && !must_go(c, n));
}

/* A link that somebody else opened is not ours to close, unless its node has to go. */
static bool is_link_spare(const struct gc_cluster *c, const struct gc_known *n)
{
	if (!n->linked || n->closing || n->want)
		return false;
	if (n->namings)
		return c->config.links_probe && n->member && n->link_dialled;
	return !n->connected && !n->orphan && !n->joining && !n->leaving && must_go(c, n);
}

static void drop_spare(struct gc_cluster *c, struct gc_known *n)
{
	if (n->dialling && !gc_known_wants_link(c, n)) {
		n->dialling = false;
		gc_queue_push(c, GC_DO_CANCEL_DIAL, n, NULL);
	}
	if (is_link_spare(c, n)) {
		n->closing = true;
		gc_queue_push(c, GC_DO_CLOSE_LINK, n, NULL);
	}
	/* Carried out: what becomes of it later is no business of ours. */
	if (!n->connected && !n->orphan && !n->joining && !n->leaving &&
	    (!n->linked || must_go(c, n)))
		n->removed = false;
}

void gc_known_step(struct gc_cluster *c, struct gc_known *n)
{
	enum need need;

	if (may_promote(c, n))
		promote(c, n);
	drop_spare(c, n);
	while ((need = need_of(c, n)) != NEED_NOTHING && n->before_ms <= c->now_ms)
		act(c, n, need);
	uint64_t due = need == NEED_NOTHING ? GC_FOREVER : n->before_ms, go = go_due(c, n);
	if (go > c->now_ms && go < due)
		due = go;
	gc_known_set_due(c, n, due);
	gc_known_release(c, n);
}

/* ---- ready ---- */
static uint64_t formed_due(const struct gc_cluster *c)
{
	if (!c->dist_up || c->n_members < c->config.ready_members)
		return GC_FOREVER;
	return gc_add_ms(c->stable_since_ms, c->config.ready_stable_ms);
}

uint64_t gc_cluster_ready_due(const struct gc_cluster *c)
{
	uint64_t formed = formed_due(c),
		 timeout = gc_add_ms(c->ready_from_ms, c->config.ready_timeout_ms);

	if (!c->config.has_ready || c->is_ready)
		return GC_FOREVER;
	return formed < timeout ? formed : timeout;
}

static void get_ready(struct gc_cluster *c)
{
	c->is_ready = true;
	c->seq++;
	c->ready_count = c->n_members;
	gc_queue_push(c, GC_DO_READY, NULL, formed_due(c) <= c->now_ms ? "formed" : "timeout");
}

void gc_cluster_run(struct gc_cluster *c)
{
	while (gc_known_due(c) <= c->now_ms)
		gc_known_step(c, c->heap[0]);
	if (gc_cluster_ready_due(c) <= c->now_ms)
		get_ready(c);
}
