/* What one link may take of a turn of the loop. A peer that sends more than we can answer in GC_SHARE_NS is put
 * aside: it is not read from, and what has come of it is gone on with in later turns, GC_PAUSED_NS a turn for all
 * such links together, one after another. So it holds up nobody but itself, and TCP makes it wait. Links that have
 * ended wait in the same line: a thousand of them at once (a switch, a host) are told down a few in each turn. So do
 * TLS handshakes: what they cost is ours long before we know who asks for them.
 * Owner: the node. Loop thread. */
#include "node_priv.h"

#include <utlist.h>

/* More than any single request takes with thousands of peers; far less than what a person or a tick notices. */
#define GC_SHARE_NS 500000u
#define GC_PAUSED_NS 1000000u
/* All TLS handshakes of a turn. A step of one cannot be divided: a third of a millisecond, with long keys or chains milliseconds;
 * after such a long one the others have as long for themselves before the next. */
#define GC_SHAKES_NS 500000u
#define GC_LONG_SHAKE_NS 1000000u

static void go_on(struct gc_link *l)
{
	if (l->end_err) {
		gc_link_ended(l, l->end_err);
		gc_link_tell_down(l); /* now, so that it is part of this turn's share */
		return;
	}
	gc_share_forget(l);
	gc_link_go_on(l);
	if (!l->is_paused)
		gc_conn_go_on(l);
}

/* Who waits longest, among those that may go on now. */
static struct gc_link *next(struct gc_node *n)
{
	bool may_shake = gc_share_may_shake(n);
	struct gc_link *l;

	DL_FOREACH2(n->paused, l, next_paused)
	{
		if (may_shake || l->state != GC_LINK_YOUNG)
			return l;
	}
	return NULL;
}

static void on_idle(uv_idle_t *idle)
{
	struct gc_node *n = idle->data;
	uint64_t end_ns = uv_hrtime() + GC_PAUSED_NS;
	struct gc_link *l;

	n->turn++;
	while (uv_hrtime() < end_ns && (l = next(n)))
		go_on(l);
	if (!n->paused)
		(void)uv_idle_stop(idle);
}

void gc_share_init(struct gc_node *n)
{
	(void)uv_idle_init(n->c.loop, &n->paused_idle); /* cannot fail */
	n->paused_idle.data = n;
}

void gc_share_begin(struct gc_link *l)
{
	if (l->share_turn == l->n->turn && l->share_end_ns)
		return; /* another read of the same turn */
	l->share_turn = l->n->turn;
	l->share_end_ns = uv_hrtime() + GC_SHARE_NS;
}

void gc_share_put_aside(struct gc_link *l)
{
	l->is_paused = true;
	gc_conn_pause(l);
	DL_APPEND2(l->n->paused, l, prev_paused, next_paused);
	(void)uv_idle_start(&l->n->paused_idle, on_idle);
}

void gc_share_end(struct gc_link *l, int uv_err)
{
	l->end_err = uv_err;
	gc_share_put_aside(l);
}

bool gc_share_is_over(struct gc_link *l)
{
	if (l->is_paused)
		return true;
	if (uv_hrtime() < l->share_end_ns || l->state == GC_LINK_CLOSING)
		return false;
	l->n->stats.links_paused += l->state == GC_LINK_UP;
	gc_share_put_aside(l);
	return true;
}

void gc_share_forget(struct gc_link *l)
{
	if (!l->is_paused)
		return;
	l->is_paused = false;
	l->share_end_ns = 0;
	DL_DELETE2(l->n->paused, l, prev_paused, next_paused);
}

/* ---- strangers ---- */

bool gc_share_may_shake(struct gc_node *n)
{
	if (uv_hrtime() < n->shake_rest_ns)
		return false;
	return n->shake_turn != n->turn || n->shake_ns < GC_SHAKES_NS;
}

void gc_share_shook(struct gc_node *n, uint64_t took_ns)
{
	if (n->shake_turn != n->turn)
		n->shake_ns = 0;
	n->shake_turn = n->turn;
	n->shake_ns += took_ns;
	if (took_ns > GC_LONG_SHAKE_NS)
		n->shake_rest_ns = uv_hrtime() + took_ns;
}
