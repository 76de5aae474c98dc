/* The host of the dist backend: one instance of a struct gc_dist plugin, its requests with deadlines,
 * and its services (calls to the owner, a mailbox). What membership means is the plugin's; what is done
 * with it is cluster.c's. Owner: the daemon. Loop thread. */
#ifndef GC_DIST_H
#define GC_DIST_H

#include "node.h"
#include "plugin.h"
#include "rpc.h"

#define GC_DIST_TIMEOUT_MS 15000 /* of one connect, disconnect or members */

struct gc_dist_host;
struct gc_dist_config {
	uv_loop_t *loop;
	struct gc_node *node;
	struct gc_rpc *rpc;
	const char *owner; /* NULL: none. Borrowed for life, as cnode */
	const char *cnode;
	size_t max_members;
	void *arg;
	/* The outcome of join or leave; once each, never from inside. */
	void (*on_joined)(void *arg, const char *node, bool joined, const struct gc_fail *fail);
	void (*on_member)(void *arg, const char *node, bool up, const char *reason);
	/* The whole set; or fail: it could not be had (nodes NULL). */
	void (*on_members)(void *arg, const struct gc_fail *fail, const char *const *nodes, size_t n);
};
int gc_dist_create(const struct gc_dist_config *c, const struct gc_plugin_path *path,
		   const char *name, const struct gc_term *opts, struct gc_dist_host **dist_r,
		   char *err, size_t err_len);
void gc_dist_close(struct gc_dist_host *d, void (*closed)(void *arg), void *arg);
const char *gc_dist_name(const struct gc_dist_host *d);
bool gc_dist_needs_owner(const struct gc_dist_host *d);
bool gc_dist_tells_members(const struct gc_dist_host *d); /* when asked by gc_dist_refresh */
void gc_dist_join(struct gc_dist_host *d, const char *node, const char *address, uint16_t port);
void gc_dist_leave(struct gc_dist_host *d, const char *node);
/* Asks for the whole set; at most one such question at a time. */
void gc_dist_refresh(struct gc_dist_host *d);
/* A link came up or went down (reason: an atom); the owner's too. */
void gc_dist_link(struct gc_dist_host *d, const char *node, bool up, const char *reason);
/* A message for the pid of ours with that number: true if it was this backend's mailbox. */
bool gc_dist_on_message(struct gc_dist_host *d, uint32_t pid, struct gc_span msg);

#endif
