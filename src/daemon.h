/* The daemon: wires discovery, cluster, node, dist, subscribers and the front end together, and tears
 * them down in order. One per process; loop thread. */
#ifndef GC_DAEMON_H
#define GC_DAEMON_H

#include "config.h"
#include "port.h"

#include <uv.h>

struct gc_daemon;
struct gc_daemon_config {
	uv_loop_t *loop;
	struct gc_config *config; /* taken, also on failure */
	const char *cookie;	  /* borrowed for the call */
	int ready_fd; /* -1: none. Gets "ready NODE PORT\n" once others can find us, "formed N\n" when ready holds */
	/* All is torn down; the daemon is gone. */
	void (*on_stopped)(void *arg);
	void *arg;
};
/* Starts everything. On error a sentence in err; nothing is left (once the loop has run empty). */
int gc_daemon_start(const struct gc_daemon_config *c, struct gc_daemon **daemon_r, char *err,
		    size_t err_len);
/* Leaves: links and the EPMD name go at once, the rest in order; within GC_LEAVE_MS whatever hangs.
 * Idempotent. */
#define GC_LEAVE_MS 800
void gc_daemon_stop(struct gc_daemon *d);
/* Takes a new configuration: discovery, policies, subscribers and log level change; what names the
 * node and its connections (name, owner, cookie, listen, dist) stays as it was, with a warning. The
 * config is taken. On error nothing changes. */
int gc_daemon_reload(struct gc_daemon *d, struct gc_config *config, char *err, size_t err_len);
/* A request of design 1.5. */
void gc_daemon_request(struct gc_daemon *d, const struct gc_term *request, struct gc_buf *reply);
const char *gc_daemon_node(const struct gc_daemon *d);
/* gc_ALIVE@HOST of the owner, or gen_cluster@HOST; false: not a valid name. */
bool gc_daemon_default_name(const char *owner, char *buf, size_t len);

#endif
