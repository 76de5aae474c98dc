/* Shared by daemon.c (start, stop), reload.c (a changed configuration), wire.c (what the parts tell each other) and
 * act.c (what the cluster wants of them). */
#ifndef GC_DAEMON_PRIV_H
#define GC_DAEMON_PRIV_H

#include "cluster.h"
#include "daemon.h"
#include "discover.h"
#include "dispatch.h"
#include "dist.h"
#include "hash.h"
#include "node.h"
#include "rpc.h"
#include "subscriber.h"

struct dialling {
	struct gc_daemon *daemon;
	struct gc_dial *dial;
	char *node;
	UT_hash_handle hh;
};

struct gc_name_list { /* names of discovery instances */
	char *name;
	struct gc_name_list *next;
};

struct gc_daemon {
	struct gc_daemon_config c;
	struct gc_config *config;
	struct gc_dns *dns;
	struct gc_node *node;
	struct gc_rpc *rpc;
	struct gc_dispatch *dispatch;
	struct gc_subscribers *subscribers;
	struct gc_discover *discover;
	struct gc_cluster *cluster;
	struct gc_dist_host *dist;
	struct dialling *dials;
	char *owner;	  /* NULL: none */
	struct gc_buf ready_event;
	/* Instances that have not answered yet, but for errors: subscribers are told nothing before (or before
	 * their time is up). After a reload: instances that are gone from the configuration (retired) lose their
	 * peers only then, or a renamed instance would cost its members. */
	struct gc_name_list *retired, *awaited;
	uv_timer_t timer;	  /* the cluster's next wake-up */
	uv_timer_t members_timer; /* MEMBERS_POLL_MS */
	uint64_t start_mono_ms;
	struct gc_trouble epmd_trouble, owner_trouble;
	struct gc_fail epmd_fail, owner_fail; /* err 0: it is well */
	unsigned open; /* parts that are still closing */
	bool is_pumping, is_stopping, told_ready;
	bool is_set_known; /* the backend has told its members once */
	bool awaits_members; /* the owner is there, but not yet whom it has */
	int ready_fd;
};

static inline uint64_t gc_now(const struct gc_daemon *d)
{
	return uv_now(d->c.loop);
}

/* ---- daemon.c ---- */
void gc_daemon_policy(const struct gc_daemon *d, const struct gc_config *config,
		      struct gc_cluster_config *c);
int gc_daemon_discover(struct gc_daemon *d, const struct gc_config *config,
		       struct gc_discover **discover_r, char *err, size_t err_len);

/* ---- act.c ---- */
/* Carries out all that the cluster wants by now, and sets its next wake-up. Not reentrant: what happens
 * meanwhile is seen by the call that runs already. */
void gc_act_pump(struct gc_daemon *d);
void gc_act_forget_dials(struct gc_daemon *d);
/* A line to --ready-fd, if there is one. */
void gc_act_tell_ready_fd(struct gc_daemon *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The service manager gets a line about us: who, where, how many. */
void gc_act_tell_manager(const struct gc_daemon *d);

/* ---- reload.c ---- */
/* Subscribers by configuration: those of new are added, those of old that are not in it go. old: NULL at first. */
void gc_reload_notify(struct gc_daemon *d, const struct gc_config *old, const struct gc_config *new);
/* All instances are awaited. */
void gc_reload_await(struct gc_daemon *d);
/* Forgets the peers of retired instances once nothing is awaited. */
void gc_reload_drop_retired(struct gc_daemon *d);
void gc_name_list_remove(struct gc_name_list **list, const char *name); /* NULL: all */

/* ---- wire.c ---- */
bool gc_wire_is_owner(const struct gc_daemon *d, const char *node);
void gc_wire_tell_found(struct gc_daemon *d);
void gc_wire_on_members_timer(uv_timer_t *timer);
/* The callbacks of the parts; arg is the daemon. */
void gc_wire_on_answer(void *arg, const struct gc_answer *a);
void gc_wire_on_link_up(void *arg, struct gc_link *link);
void gc_wire_on_link_down(void *arg, struct gc_link *link, const struct gc_fail *why);
void gc_wire_on_control(void *arg, struct gc_link *link, struct gc_span ctl, struct gc_span msg);
void gc_wire_on_message(void *arg, struct gc_link *link, uint32_t pid, struct gc_span msg);
void gc_wire_on_exit(void *arg, struct gc_link *link, const uint32_t ref[3]);
void gc_wire_on_epmd(void *arg, bool registered, const struct gc_fail *fail);
void gc_wire_on_joined(void *arg, const char *node, bool joined, const struct gc_fail *fail);
void gc_wire_on_member(void *arg, const char *node, bool up, const char *reason);
void gc_wire_on_members(void *arg, const struct gc_fail *fail, const char *const *nodes, size_t n);
bool gc_wire_greet(void *arg, size_t i, struct gc_buf *msg);
void gc_wire_want_link(void *arg, const char *node, bool want);

#endif
