/* Between the parts of the dist backend `erl`: dist_erl.c, and dist_erl_watcher.c, which has the
 * owner run the watcher. */
#ifndef GC_DIST_ERL_H
#define GC_DIST_ERL_H

#include "etf.h"

#include <gen_cluster/gc_plugin.h>

#define GC_ERL_CALL_TIMEOUT_MS 12000 /* beyond net_setuptime (7 s), within the host's deadline */

struct gc_erl_watcher {
	const struct gc_host *host;
	struct gc_instance *inst;
	struct gc_buf pid; /* external format; empty until it has spoken */
	void (*failed)(void *arg); /* it could not be started; maybe from inside gc_erl_watcher_start */
	void *arg;
};

/* Has the owner run a new one; the old one is killed. It says {watching, Pid, Nodes} when it runs,
 * and again when it is asked; {up, Node}; {down, Node, Reason}. */
void gc_erl_watcher_start(struct gc_erl_watcher *w);
/* It has spoken: its pid. */
void gc_erl_watcher_is(struct gc_erl_watcher *w, struct gc_span pid);
/* It ended with the link. */
void gc_erl_watcher_forget(struct gc_erl_watcher *w);
/* Asks it for {watching, ...}: 1; 0: it has not spoken yet; -1: that could not be sent. */
int gc_erl_watcher_ask(struct gc_erl_watcher *w);

#endif
