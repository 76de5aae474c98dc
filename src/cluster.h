/* The cluster as a pure state machine: what discovery names, what links and the dist backend see,
 * and the time go in; dials, joins, leaves, closes and events come out of a queue. All policy lives
 * here: quality of answers, confirmation of removals, backoff with jitter, the removal policies,
 * the ready rule, the budget. No sockets, no clock of its own, no log. (design 1.1, 1.3, 1.4)
 *
 * Life of a peer (the states `peers` shows):
 *
 *            found                 dial ok              joined
 *   (none) ─────────▶ waiting ──▶ dialling ──▶ scouted ──▶ joining ──▶ member
 *                        ▲            │ failed     │ link down  │ failed    │ lost
 *                        └────────────┴────────────┴────────────┴───────────┘  pause
 *
 * A peer that discovery no longer names ("removed") stays while it is a member, is not dialled
 * again, and is forgotten when it is lost; `removed` may ask for LEAVE and CLOSE_LINK instead,
 * once: if the nodes connect again on their own account, that is left alone.
 *
 * Attempts. After the k-th failure in a row the pause is random in [min * 2^(k-1), min * 2^k], at
 * most reconnect_max_ms (5 s for wanted links). A loss of what was there (member, link) is answered
 * at once the first time; again at once only after it had been there for 10 s without a break,
 * which also ends the row. A join that failed is tried again over the link that is there. A link
 * that comes up is news: it is joined at once. A hidden node is looked at again each
 * reconnect_max_ms.
 *
 * A member is one by the word of the dist backend alone: a peer that it is connected to already is
 * a member as soon as discovery names it. With links kept a member is dialled all the same, to
 * watch it; with links_probe it is not, and the link that our dial made is closed once it is a
 * member (one that the peer opened is left alone, it may be a shell asking us).
 *
 * Out of memory: a node that cannot be stored is not known (and comes with the next answer);
 * nothing else in here can fail for want of memory, as long as the queue is emptied after each
 * call. */
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
	uint32_t
	    confirm_removal; /* rounds an empty answer must repeat before it removes; at least 1 */
	enum gc_removed removed;
	uint64_t disconnect_after_ms;
	size_t max_peers; /* distinct peers over all instances: named ones and members */
	bool links_probe; /* close our link once the peer is a member; not for a backend to which
			   * our link is the membership (ei) */
	uint64_t reconnect_min_ms, reconnect_max_ms;
	uint32_t
	    ready_members; /* how many members make it ready (0: the set only has to be stable) */
	bool has_ready;	   /* false: no ready event */
	uint64_t ready_stable_ms, ready_timeout_ms; /* GC_FOREVER: no timeout */
	uint64_t seed;				    /* of the jitter */
};

struct gc_cluster;
/* now_ms is any monotonic clock in all calls; a step back is taken as no step. Every call also does
 * what has come due by then, so that gc_cluster_next_ms is always later than the time of the last
 * call. Empty the queue after each call. NULL: out of memory. */
struct gc_cluster *gc_cluster_create(const struct gc_cluster_config *c, uint64_t now_ms);
void gc_cluster_destroy(struct gc_cluster *c);
/* A reload: new policy, same peers. self and owner must not change. */
void gc_cluster_configure(struct gc_cluster *c, const struct gc_cluster_config *config,
			  uint64_t now_ms);

/* ---- what goes in ---- */
/* One answer of a discovery instance. Complete: replaces the set of that instance; partial: adds;
 * error: keeps. An empty complete answer, when the instance had peers before (`nxdomain` among
 * them), is believed only when confirm_removal of them came in a row: an answer with a name in it
 * starts the row anew, errors and empty partial answers neither count nor break it. Peers that no
 * instance names any more are removed by policy. Of two instances that differ about address or
 * port, dials try one after the other; a new address or port is used from the next dial on. Self,
 * owner and invalid names are left out silently. reason: for the record only, may be NULL. Returns
 * how many peers were refused: max_peers, or out of memory; they are not remembered, the next
 * answer brings them again. Peers that leave make room first, and nobody is dropped for the budget
 * when it is lowered. */
size_t gc_cluster_answer(struct gc_cluster *c, const char *instance, enum gc_quality quality,
			 const char *reason, const struct gc_peer *peers, size_t n,
			 uint64_t now_ms);
/* The instance is gone from the configuration: as if it answered "complete, none", confirmed. */
void gc_cluster_drop_instance(struct gc_cluster *c, const char *instance, uint64_t now_ms);
/* Outcome of a DIAL: exactly one for each, unless CANCEL_DIAL came (then there must be none). fail
 * NULL or fail->err 0: the link is up (gc_cluster_link may have told so before; what it told since
 * the DIAL counts more). Failed while a link is up (the peer's own): ignored. GC_EHIDDEN: never
 * joined; asked again each reconnect_max_ms, as the name may get a visible node later. address:
 * NULL or "" if none was found. */
void gc_cluster_dialled(struct gc_cluster *c, const char *node, const struct gc_fail *fail,
			const char *address, uint16_t port, uint64_t now_ms);
/* Our link to a node, dialled or accepted, came up or went down. hidden: it is a hidden node. why:
 * for a loss, may be NULL. A link that is replaced: first down, then up. A dial on its way is not
 * cancelled by a link that comes up, its outcome is awaited. */
void gc_cluster_link(struct gc_cluster *c, const char *node, bool up, bool hidden,
		     const struct gc_fail *why, uint64_t now_ms);
/* Outcome of a JOIN or LEAVE: exactly one for each, unless gc_cluster_dist(false) came in between.
 * fail NULL or fail->err 0: it is a member, or none any more; but what gc_cluster_member told since
 * it was asked counts more. A failed LEAVE is tried again by the same backoff. */
void gc_cluster_joined(struct gc_cluster *c, const char *node, const struct gc_fail *fail,
		       uint64_t now_ms);
/* The dist backend saw one change. reason: an atom, only for a loss (told as `removed` if we asked
 * for it). A node that no discovery names is remembered as connected and becomes a member once it
 * is named. A node that our own link knows as hidden never does. */
void gc_cluster_member(struct gc_cluster *c, const char *node, bool up, const char *reason,
		       uint64_t now_ms);
/* The dist backend told the whole set: what is missing is lost (reason connection_closed). */
void gc_cluster_members(struct gc_cluster *c, const char *const *nodes, size_t count,
			uint64_t now_ms);
/* Whether the backend can work (the owner is there). False: no joins, with links_probe no dials of
 * peers, and all members are lost with reason owner_down, which counts as no failure of theirs. At
 * first true. Members told while it is false count once it is true: best told just before, so that
 * none is dialled or joined in vain. A removed member whose connection outlived the absence is a
 * member again. */
void gc_cluster_dist(struct gc_cluster *c, bool available, uint64_t now_ms);
/* Nodes that need a link though they are no peers (the owner, the nodes of subscribers): dialled
 * and redialled by the same backoff, never joined for that; a hidden one will do. Counted: each
 * true wants one false, after which a dial is cancelled and a link left as it is. address: numeric,
 * or NULL; given, it replaces the last one. 0, GC_EINVAL (no node name, or our own), GC_ENOMEM. */
int gc_cluster_want_link(struct gc_cluster *c, const char *node, const char *address, uint16_t port,
			 bool want, uint64_t now_ms);
/* Try all that wait now (the `refresh` request). The rows of failures go on. */
void gc_cluster_hurry(struct gc_cluster *c, uint64_t now_ms);
/* Let time pass: whatever is due goes into the queue. */
void gc_cluster_tick(struct gc_cluster *c, uint64_t now_ms);
/* When tick is wanted next; GC_FOREVER: no need. */
uint64_t gc_cluster_next_ms(const struct gc_cluster *c);

/* ---- what comes out ---- */
enum gc_action_type {
	GC_DO_DIAL = 1,	   /* dial node; answer with gc_cluster_dialled */
	GC_DO_CANCEL_DIAL, /* nobody wants it any more; no answer to come (a link that comes is
			      kept) */
	GC_DO_JOIN,	   /* hand it to the dist backend; answer with gc_cluster_joined */
	GC_DO_LEAVE,	   /* have the dist backend disconnect it; answer with gc_cluster_joined */
	GC_DO_CLOSE_LINK,  /* close our link to it */
	GC_DO_NODEUP,	   /* tell: node, instance, address, port, seq */
	GC_DO_NODEDOWN,	   /* tell: the same and reason */
	GC_DO_READY,	   /* tell: count members, reason "formed" or "timeout" */
};
struct gc_action {
	enum gc_action_type type;
	const char *node;
	const char
	    *instance; /* of discovery: the first that names it, or the last that did; or NULL */
	const char *address; /* DIAL: NULL to resolve the host part. Else the last known, or NULL */
	uint16_t port;	     /* 0: unknown; DIAL: 0 asks EPMD */
	bool hidden_ok;	     /* DIAL: it is wanted (gc_cluster_want_link), hidden or not */
	const char *reason;
	uint64_t seq; /* of events: 1, 2, 3 .. without gap over nodeup, nodedown and ready */
	size_t count;
};
/* The next thing to do; false: nothing. While there is more to read, tell only what comes of the
 * action at hand. Its strings live until the next gc_cluster_next or gc_cluster_destroy. READY
 * comes once: the set of members has not changed, and the backend has been available, for
 * ready_stable_ms; or ready_timeout_ms have passed since creation (or since ready came into the
 * configuration). */
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
	uint32_t attempts;	  /* failed in a row; 0 once it has been a member for 10 s */
	uint64_t next_attempt_ms; /* GC_FOREVER: none planned, or one under way */
	struct gc_fail last_fail; /* err 0: none */
	uint64_t last_fail_ms, member_since_ms;
	uint64_t seq; /* of its last event */
};
size_t gc_cluster_count_members(const struct gc_cluster *c);
/* Named ones and members. */
size_t gc_cluster_count_peers(const struct gc_cluster *c);
uint64_t gc_cluster_seq(const struct gc_cluster *c);
/* READY has been queued. */
bool gc_cluster_is_ready(const struct gc_cluster *c);
/* Each peer (wanted links that are no peers are left out), sorted by name. cb must not call into c;
 * what v points to lives until cb returns (of gc_cluster_get: until the next call into c). */
void gc_cluster_each(const struct gc_cluster *c,
		     void (*cb)(void *arg, const struct gc_peer_view *v), void *arg);
bool gc_cluster_get(const struct gc_cluster *c, const char *node, struct gc_peer_view *v_r);

#endif
