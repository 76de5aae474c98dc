/* Subscribers: Erlang processes that are told of changes, each in order, none lost, none twice
 * (design 1.1 step 4, facts H27). Loop thread.
 *
 * A name is turned into a pid (erlang:whereis/1 on its node), the pid is monitored, gets the snapshot,
 * and then each event. So a new process under an old name never sees an event before its snapshot.
 *
 * Nobody is attached before gc_subscribers_begin: a program that has just started, or found its owner again, knows no
 * members yet, and a snapshot without them would throw out those that it is about to find.
 *
 *   no link ──link up──▶ resolving ──pid──▶ attached ──exit or link down──▶ (again)
 *                          │ not registered            a subscriber by pid that exits is dropped
 *                          └──▶ absent ──retry (250 ms, doubling up to 5 s)──▶ resolving
 */
#ifndef GC_SUBSCRIBER_H
#define GC_SUBSCRIBER_H

#include "node.h"
#include "rpc.h"
#include "term.h"

#define GC_SUBSCRIBERS_MAX 1000
#define GC_SUBSCRIBERS_BEGIN_MS 2000 /* telling begins without gc_subscribers_begin after so long */

struct gc_subscribers;
struct gc_subscribers_config {
	uv_loop_t *loop;
	struct gc_node *node;
	struct gc_rpc *rpc;
	void *arg;
	/* Writes what a new attachment gets first: one message each, in order; i counts from 0; false: no
	 * more. */
	bool (*greet)(void *arg, size_t i, struct gc_buf *msg);
	/* A link to this node is (no longer) needed. */
	void (*want_link)(void *arg, const char *node, bool want);
};
/* Borrows what is in c. NULL: out of memory. */
struct gc_subscribers *gc_subscribers_create(const struct gc_subscribers_config *c);
/* Whoever is not attached yet waits again: it begins so, and after each new link to the owner. */
void gc_subscribers_hold(struct gc_subscribers *all);
/* What they hear first is known now. Later calls do nothing. */
void gc_subscribers_begin(struct gc_subscribers *all);
void gc_subscribers_close(struct gc_subscribers *all, void (*closed)(void *arg), void *arg);

/* By registered name on a node. Adding one that is there is no error. GC_EBUDGET: too many. */
int gc_subscribers_add_name(struct gc_subscribers *all, const char *name, const char *node);
int gc_subscribers_remove_name(struct gc_subscribers *all, const char *name, const char *node);
/* By pid, as it came over the wire. */
int gc_subscribers_add_pid(struct gc_subscribers *all, struct gc_span pid);
int gc_subscribers_remove_pid(struct gc_subscribers *all, struct gc_span pid);

void gc_subscribers_link_up(struct gc_subscribers *all, struct gc_link *link);
void gc_subscribers_link_down(struct gc_subscribers *all, const struct gc_link *link);
/* A MONITOR_P_EXIT with this reference: true if it was one of ours. */
bool gc_subscribers_on_exit(struct gc_subscribers *all, const uint32_t ref[3]);
/* Tells all that are attached. */
void gc_subscribers_tell(struct gc_subscribers *all, const struct gc_buf *msg);
/* A list of maps (name or pid, node, state, sent) for `info`. */
void gc_subscribers_put(const struct gc_subscribers *all, struct gc_buf *b);

#endif
