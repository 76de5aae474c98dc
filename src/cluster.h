/* The cluster as a pure state machine: what discovery names, what links and the dist backend see, and
 * the time go in; dials, joins, leaves, closes and events come out of a queue. All policy lives here:
 * quality of answers, confirmation of removals, backoff with jitter, the removal policies, the
 * ready rule, the budget. No sockets, no clock of its own, no log. (design 1.1, 1.3, 1.4)
 *
 * Life of a peer (the states `peers` shows):
 *
 *            found                 dial ok              joined
 *   (none) ─────────▶ waiting ──▶ dialling ──▶ scouted ──▶ joining ──▶ member
 *                        ▲            │ failed     │ link down  │ failed    │ lost
 *                        └────────────┴────────────┴────────────┴───────────┘   backoff, at once first
 *
 * A peer that discovery no longer names ("removed") stays while it is a member, is not dialled again,
 * and is forgotten when it is lost. */
#ifndef GC_CLUSTER_H
#define GC_CLUSTER_H

#include "err.h"

#include <gen_cluster/gc_plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GC_FOREVER UINT64_MAX

enum gc_removed { GC_REMOVED_KEEP = 0, GC_REMOVED_DISCONNECT = 1, GC_REMOVED_DISCONNECT_AFTER = 2 };

struct gc_cluster_config {
	const char *self;  /* our node name; never joined; copied */
	const char *owner; /* may be NULL; never joined; copied */
	uint32_t confirm_removal; /* rounds an empty answer must repeat before it removes; at least 1 */
	enum gc_removed removed;
	uint64_t disconnect_after_ms;
	size_t max_peers;
	bool links_probe; /* close our link once the peer is a member */
	uint64_t reconnect_min_ms, reconnect_max_ms;
	uint32_t ready_members;	  /* how many members make it ready (0: the set only has to be stable) */
	bool has_ready;		  /* false: no ready event */
	uint64_t ready_stable_ms, ready_timeout_ms; /* GC_FOREVER: no timeout */
	uint64_t seed;		  /* of the jitter */
};

struct gc_cluster;
/* now_ms is any monotonic clock in all calls. */
struct gc_cluster *gc_cluster_create(const struct gc_cluster_config *c, uint64_t now_ms);
void gc_cluster_destroy(struct gc_cluster *c);
/* A reload: new policy, same peers. self and owner must not change. */
void gc_cluster_configure(struct gc_cluster *c, const struct gc_cluster_config *config,
			  uint64_t now_ms);

/* ---- what goes in ---- */
/* One answer of a discovery instance. Complete: replaces the set of that instance (an empty one, when
 * it had peers before, only after confirm_removal of them in a row); partial: adds; error: keeps.
 * Peers that no instance names any more are removed by policy. Returns how many were refused by
 * max_peers. Self and owner are left out silently. */
size_t gc_cluster_answer(struct gc_cluster *c, const char *instance, enum gc_quality quality,
			 const char *reason, const struct gc_peer *peers, size_t n,
			 uint64_t now_ms);
/* The instance is gone from the configuration: as if it answered "complete, none", confirmed. */
void gc_cluster_drop_instance(struct gc_cluster *c, const char *instance, uint64_t now_ms);
/* Outcome of a DIAL. fail->err 0: the link is up. GC_EHIDDEN: never joined; asked again at most each
 * reconnect_max_ms, as the name may get a visible node later. */
void gc_cluster_dialled(struct gc_cluster *c, const char *node, const struct gc_fail *fail,
			const char *address, uint16_t port, uint64_t now_ms);
/* Our link to a node, dialled or accepted, came up or went down. hidden: it is a hidden node. */
void gc_cluster_link(struct gc_cluster *c, const char *node, bool up, bool hidden,
		     const struct gc_fail *why, uint64_t now_ms);
/* Outcome of a JOIN or LEAVE. A JOIN that succeeded makes a member. */
void gc_cluster_joined(struct gc_cluster *c, const char *node, const struct gc_fail *fail,
		       uint64_t now_ms);
/* The dist backend saw one change. reason: an atom, only for a loss. A node that no discovery names is
 * remembered as connected and becomes a member once it is named. */
void gc_cluster_member(struct gc_cluster *c, const char *node, bool up, const char *reason,
		       uint64_t now_ms);
/* The dist backend told the whole set: what is missing is lost (reason connection_closed). */
void gc_cluster_members(struct gc_cluster *c, const char *const *nodes, size_t n, uint64_t now_ms);
/* Whether the backend can work (the owner is there). False: no joins, and all members are lost with
 * reason owner_down. At first true. */
void gc_cluster_dist(struct gc_cluster *c, bool available, uint64_t now_ms);
/* Nodes that need a link though they are no peers (the owner, the nodes of subscribers): dialled and
 * redialled by the same backoff, never joined. Counted: each true wants one false. */
void gc_cluster_want_link(struct gc_cluster *c, const char *node, const char *address,
			  uint16_t port, bool want, uint64_t now_ms);
/* Try all that wait now (the `refresh` request). */
void gc_cluster_hurry(struct gc_cluster *c, uint64_t now_ms);
/* Let time pass: whatever is due goes into the queue. */
void gc_cluster_tick(struct gc_cluster *c, uint64_t now_ms);
/* When tick is wanted next; GC_FOREVER: no need. */
uint64_t gc_cluster_next_ms(const struct gc_cluster *c);

/* ---- what comes out ---- */
enum gc_action_type {
	GC_DO_DIAL = 1,	    /* dial node; answer with gc_cluster_dialled */
	GC_DO_CANCEL_DIAL,  /* nobody wants it any more; no answer is expected, a late one is ignored */
	GC_DO_JOIN,	    /* hand it to the dist backend; answer with gc_cluster_joined */
	GC_DO_LEAVE,	    /* have the dist backend disconnect it; answer with gc_cluster_member/joined */
	GC_DO_CLOSE_LINK,   /* close our link to it */
	GC_DO_NODEUP,	    /* tell: node, instance, address, port, seq */
	GC_DO_NODEDOWN,	    /* tell: the same and reason */
	GC_DO_READY,	    /* tell: count members, reason "formed" or "timeout" */
};
struct gc_action {
	enum gc_action_type type;
	const char *node;
	const char *instance; /* of discovery: the first that named it */
	const char *address;  /* may be NULL or "" */
	uint16_t port;	      /* 0: unknown */
	const char *reason;
	uint64_t seq; /* of events: 1, 2, 3 .. without gap over nodeup, nodedown and ready */
	size_t count;
};
/* The next thing to do; false: nothing. Its strings live until the next call into c. */
bool gc_cluster_next(struct gc_cluster *c, struct gc_action *a);

/* ---- what can be seen ---- */
enum gc_peer_state {
	GC_PEER_WAITING = 0,
	GC_PEER_DIALLING = 1,
	GC_PEER_SCOUTED = 2,
	GC_PEER_JOINING = 3,
	GC_PEER_MEMBER = 4,
	GC_PEER_LEAVING = 5,
};
const char *gc_peer_state_name(enum gc_peer_state s);
struct gc_peer_view {
	const char *node, *address;
	const char *const *instances; /* that name it; n_instances 0: removed */
	size_t n_instances;
	uint16_t port;
	enum gc_peer_state state;
	bool linked, member, hidden;
	uint32_t attempts;	  /* failed in a row */
	uint64_t next_attempt_ms; /* GC_FOREVER: none planned */
	struct gc_fail last_fail; /* err 0: none */
	uint64_t last_fail_ms, member_since_ms;
	uint64_t seq; /* of its last event */
};
size_t gc_cluster_count_members(const struct gc_cluster *c);
size_t gc_cluster_count_peers(const struct gc_cluster *c);
uint64_t gc_cluster_seq(const struct gc_cluster *c);
bool gc_cluster_is_ready(const struct gc_cluster *c);
/* Each peer (wanted links that are no peers are left out), sorted by name. */
void gc_cluster_each(const struct gc_cluster *c,
		     void (*cb)(void *arg, const struct gc_peer_view *v), void *arg);
bool gc_cluster_get(const struct gc_cluster *c, const char *node, struct gc_peer_view *v_r);

#endif
