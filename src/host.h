/* What the hosts of both kinds of plugin (discover_host.c, dist_host.c) give in the same way: log
 * lines, facts about where we run, and option values. The `struct gc_instance` of either host
 * begins with struct gc_facts, so that one set of functions serves both. Any thread, but for what
 * sets things up. */
#ifndef GC_HOST_H
#define GC_HOST_H

#include "mail.h"
#include "plugin.h"

struct gc_where {			/* where we run; the same for all instances of a host */
	char *owner, *cnode, *basename; /* may be NULL */
	char epmd_port[8];
	int mail_out; /* for log lines of other threads */
};

struct gc_facts {
	const struct gc_where *where;
	struct gc_settings *settings;
	char area[80]; /* in log lines: "discover dns-2" */
};

/* Copies the names. 0 or GC_ENOMEM; deinit is owed in any case. */
int gc_where_init(struct gc_where *w, const char *owner, const char *cnode);
void gc_where_deinit(struct gc_where *w);

/* A table with log, env, count, str and num; the rest is 0. */
void gc_host_init(struct gc_host *host, uv_loop_t *loop);
/* (any thread) One log line of an instance. */
void gc_facts_log(const struct gc_facts *facts, int level, const char *line);

#endif
