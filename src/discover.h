/* The discovery manager: instances of discovery plugins, one refresh in flight each, deadlines,
 * worker threads for blocking ones, pushes, and an answer with its quality for each. What an answer
 * means is decided by cluster.c. Owner: the daemon. Loop thread. */
#ifndef GC_DISCOVER_H
#define GC_DISCOVER_H

#include "plugin.h"

#include <uv.h>

struct gc_discover;

/* One finished answer. All borrowed. peers: full node names, valid, no duplicates. */
struct gc_answer {
	const char *instance; /* "dns", or "dns-2" for the second of that name, or its `name` option */
	enum gc_quality quality;
	const char *reason; /* may be NULL */
	const struct gc_peer *peers;
	size_t n;
	uint32_t ttl_s;	 /* 0: not told */
	bool pushed;
	uint32_t rejected; /* peers not taken: bad names, over max_peers */
};
typedef void (*gc_answer_cb)(void *arg, const struct gc_answer *answer);

struct gc_discover_config {
	uv_loop_t *loop;
	uint64_t refresh_interval_ms; /* UINT64_MAX: until the first answer of use (discover_pace.c), then never again */
	double refresh_jitter;	      /* 0.1: each interval is between 0.9 and 1.1 of it */
	size_t max_peers;	      /* per answer */
	const char *owner, *cnode;    /* copied; owner may be NULL */
	bool keeps_hosts; /* without owner and node_basename, hosts are answered as they are (to look at) */
	bool (*may_reach)(void *arg, const struct sockaddr *addr); /* NULL: everything */
	gc_answer_cb on_answer;
	void *arg;
};
int gc_discover_create(const struct gc_discover_config *c, struct gc_discover **d_r);
/* Makes an instance of a plugin. Every instance also has the common options `name` (its own, for logs
 * and events), `node_basename` (string or list; default: the owner's), `refresh_interval_ms` and
 * `timeout_ms` (the deadline of one answer, default 10000). */
int gc_discover_add(struct gc_discover *d, const struct gc_plugin_path *path, const char *name,
		    const struct gc_term *opts, char *err, size_t err_len);
/* First refresh of all at once, then by the clock. */
void gc_discover_start(struct gc_discover *d);
/* Refresh all now; those in flight are left to finish. Those that fail by their own deadline answer
 * GC_ERROR "timeout"; when each is asked again says discover_pace.c. */
void gc_discover_refresh(struct gc_discover *d);
size_t gc_discover_count(const struct gc_discover *d);
/* By name of the instance: is it there; and each of them. */
bool gc_discover_has(const struct gc_discover *d, const char *instance);
void gc_discover_each(const struct gc_discover *d, void (*cb)(void *arg, const char *instance),
		      void *arg);
/* For the `discovery` request: a list of maps (instance, plugin, state, last quality and reason, peers, ttl,
 * age_ms, rounds, errors, options without secrets). */
void gc_discover_put(const struct gc_discover *d, struct gc_buf *etf);
/* Cancels and closes all; closed is called when no handle and no thread is left. An instance that does not close
 * within 500 ms is reported and abandoned (its module stays loaded). */
void gc_discover_close(struct gc_discover *d, void (*closed)(void *arg), void *arg);

#endif
