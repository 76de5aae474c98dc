/* A node on the test's loop, and what it told: shared by the tests of the node. */
#ifndef GC_NODE_TRACE_H
#define GC_NODE_TRACE_H

#include "node.h"

#include "fake_peer.h"
#include "loop_until.h"

#include <check.h>

#define COOKIE "test cookie"
#define ME "me@127.0.0.1"
#define PEER "peer@127.0.0.1"
#define VISIBLE WIRE_FLAGS_VISIBLE

struct node_trace {
	uv_loop_t *loop;
	struct gc_node *n;
	struct gc_link *link; /* the last one up; NULL once it is down */
	int n_up, n_down, n_ctl, n_dialled, n_closed, n_epmd;
	bool was_down_first; /* at the last up, as many downs as ups had been told */
	struct gc_fail why;  /* of the last down */
	struct gc_dial_result dialled;
	struct gc_buf ctl, msg; /* all of them, one behind the other */
	int close_at_ctl;	/* close the link inside this control message */
	void (*on_ctl)(struct node_trace *t, struct gc_link *l);
	void (*on_down)(struct node_trace *t, struct gc_link *l);
};

/* Without EPMD unless c says so. c: what differs from the default, or NULL. */
void node_trace_open(struct node_trace *t, uv_loop_t *loop, const struct gc_node_config *c);
/* Closes it, runs the loop until that is done. */
void node_trace_close(struct node_trace *t, uint64_t flush_ms);
/* Dials and waits for the outcome; its error. */
int node_trace_dial(struct node_trace *t, const char *name, uint16_t port, uint64_t timeout_ms);
/* The same without waiting. */
struct gc_dial *node_trace_start_dial(struct node_trace *t, const char *name, uint16_t port,
				      uint64_t timeout_ms);
/* A fake peer of that name has dialled the node, and the link is up. */
void node_trace_link(struct node_trace *t, struct fake_peer *p, const char *name);

#define wait_count(t, member, at_least)                                                            \
	ck_assert(loop_until_count((t)->loop, &(t)->member, at_least, 10000))

#endif
