/* What Erlang sends to us: the dispatcher of control messages (design 1.5; facts section 4). Frames are
 * frame.c's, the content of answers is request.c's. Nothing can be run through here: two
 * names are served (net_kernel for pings, gen_cluster), and rpc:call/erpc:call for that allow-list.
 * Unknown operations are counted and ignored; they never cost the link. Loop thread. */
#ifndef GC_DISPATCH_H
#define GC_DISPATCH_H

#include "node.h"
#include "term.h"

struct gc_dispatch;
struct gc_dispatch_config {
	struct gc_node *node;
	void *arg;
	/* Answers a request (design 1.5): appends one term to reply. */
	void (*on_request)(void *arg, const struct gc_term *request, struct gc_buf *reply);
	/* A message to one of our pids, by its number. */
	void (*on_message)(void *arg, struct gc_link *link, uint32_t pid, struct gc_span msg);
	/* A process that we monitor ended. */
	void (*on_exit)(void *arg, struct gc_link *link, const uint32_t ref[3]);
};
struct gc_dispatch *gc_dispatch_create(const struct gc_dispatch_config *c);
void gc_dispatch_destroy(struct gc_dispatch *d);
/* One control message (gc_node_config.on_control). */
void gc_dispatch_control(struct gc_dispatch *d, struct gc_link *link, struct gc_span ctl,
			 struct gc_span msg);

struct gc_dispatch_stats {
	uint64_t calls, pings, spawns, refused, unknown_ops, malformed, ignored;
};
void gc_dispatch_stats(const struct gc_dispatch *d, struct gc_dispatch_stats *s_r);

#endif
