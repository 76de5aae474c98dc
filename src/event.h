/* What subscribers are told (design 1.1 step 4), as Erlang terms. Pure. */
#ifndef GC_EVENT_H
#define GC_EVENT_H

#include "cluster.h"
#include "etf.h"

/* The name of an error as users see it: an atom, or {tls, What}. */
void gc_event_put_reason(struct gc_buf *b, const char *reason);
/* The message for an action that is an event. at_ms: system time. cnode: our node name. */
void gc_event_put(struct gc_buf *b, const struct gc_action *a, const char *cnode, uint64_t at_ms);
/* {gen_cluster, members, [{Node, Info}]}: what comes first after each (new) attachment. now_ms is
 * the cluster's clock, wall_ms the system time at the same moment. */
void gc_event_put_snapshot(struct gc_buf *b, const struct gc_cluster *c, const char *cnode,
			   uint64_t now_ms, uint64_t wall_ms);
/* The list in it: [{Node, Info}]. */
void gc_event_put_members(struct gc_buf *b, const struct gc_cluster *c, const char *cnode,
			  uint64_t now_ms, uint64_t wall_ms);

#endif
