/* The gate before DNS: how many questions begin at once. Some hundred UDP packets in a row overflow the
 * socket buffers of common servers (and ours), and each lost one costs a second. So a question counts
 * until it is over, but only for its first GC_DNS_GATE_MS: mute servers do not hold up the others.
 * Part of struct gc_dns and its questions. Loop thread. */
#include "dns_priv.h"

#define GATE_MAX 64

bool gc_dns_gate_enter(struct gc_dns_gate *g, struct gc_dns_turn *t)
{
	if (t->is_inside)
		return true;
	if (g->n_inside < GATE_MAX) {
		t->is_inside = true;
		g->n_inside++;
		return true;
	}
	t->is_waiting = true;
	t->prev = g->last;
	t->next = NULL;
	*(g->last ? &g->last->next : &g->first) = t;
	g->last = t;
	return false;
}

static void unlink_turn(struct gc_dns_gate *g, struct gc_dns_turn *t)
{
	*(t->prev ? &t->prev->next : &g->first) = t->next;
	*(t->next ? &t->next->prev : &g->last) = t->prev;
	t->is_waiting = false;
}

void gc_dns_gate_leave(struct gc_dns_gate *g, struct gc_dns_turn *t)
{
	struct gc_dns_turn *first = g->first;

	if (t->is_waiting)
		unlink_turn(g, t);
	if (!t->is_inside)
		return;
	t->is_inside = false;
	g->n_inside--;
	if (!first)
		return;
	unlink_turn(g, first);
	first->is_inside = true;
	g->n_inside++;
	uv_timer_start(first->timer, first->on_turn, 0, 0);
}
