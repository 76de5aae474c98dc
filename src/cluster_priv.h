/* Inside the cluster state machine: what it knows of each node, and the three parts that share it.
 *
 *   cluster.c        what goes in: outcomes, changes, time
 *   cluster_answer.c what goes in: answers of discovery
 *   cluster_step.c   the policy: what one node needs next, and when
 *   cluster_known.c  the store: nodes, due times, the queue of actions
 *   cluster_naming.c who names whom
 *   cluster_view.c   what can be seen
 *
 * Owner of all of it: struct gc_cluster; loop thread; no I/O. */
#ifndef GC_CLUSTER_PRIV_H
#define GC_CLUSTER_PRIV_H

#include "cluster.h"

#define HASH_NONFATAL_OOM 1
#include "hash.h"
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(element) ((void)(element)) /* its hh.tbl is NULL then */

#define GC_STABLE_MS 10000  /* a member (or a wanted link) this long has proved itself */
#define GC_WANT_MAX_MS 5000 /* backoff of wanted links ends here */

struct gc_known;

/* A discovery instance. Lives while it is configured, names a node, or was the last to name one. */
struct gc_source {
	struct gc_source *next;
	struct gc_naming *namings;
	uint32_t refs;
	uint32_t round;	  /* of complete answers; a naming with an older one is stale */
	uint32_t empties; /* empty answers in a row that were not believed yet */
	char name[];
};

/* "This source names this node." In a list of the node (oldest first) and one of the source. */
struct gc_naming {
	struct gc_known *node;
	struct gc_source *source;
	struct gc_naming *next_of_node;
	struct gc_naming *prev, *next; /* of the source */
	char *address;		       /* may be NULL */
	uint32_t round;
	uint16_t port;
};

/* A link somebody needs, whether the node is a peer or not. */
struct gc_want {
	char *address; /* may be NULL */
	uint32_t count;
	uint16_t port;
};

/* A node that we know something of: named, wanted, linked or connected. */
struct gc_known {
	UT_hash_handle hh;
	struct gc_naming *namings; /* NULL: not named (any more) */
	struct gc_source *origin;  /* the first that names it, or the last that did */
	struct gc_want *want;
	char *address; /* where the last dial ended; NULL: not dialled with what is named now */
	char *fail_detail;
	uint64_t due_ms;    /* place in the heap; GC_FOREVER: not in it */
	uint64_t before_ms; /* no attempt before this */
	uint64_t member_since_ms, link_since_ms, removed_ms, fail_ms, seq;
	uint32_t heap_at;
	uint32_t fails;	 /* in a row */
	uint32_t queued; /* actions in the queue that point here */
	uint32_t seen;	 /* round of gc_cluster_members */
	int fail_err;
	uint16_t port; /* as address */
	uint8_t fail_stage;
	bool has_credit : 1; /* the next loss is answered at once */
	bool is_peer : 1;    /* counted in n_peers: named, or a member */
	bool hidden : 1;
	bool linked : 1;
	bool link_dialled : 1; /* the link came while we dialled */
	bool link_told : 1;    /* the link changed since the dial began: its outcome is old news */
	bool closing : 1;      /* CLOSE_LINK is asked */
	bool dialling : 1;
	bool joining : 1;
	bool leaving : 1;
	bool dist_lost : 1; /* connected ended since JOIN or LEAVE: its outcome is old news */
	bool connected : 1; /* as the dist backend sees it */
	bool member : 1;    /* nodeup told, nodedown not yet */
	bool shaken : 1;    /* it was lost as a member just now: its link may follow */
	bool orphan : 1;    /* was a member when the dist backend went away */
	bool removed : 1;   /* was named, and the policy has not been carried out yet */
	char name[];
};

struct gc_queued {
	struct gc_known *node; /* NULL: READY */
	const char *reason;
	uint32_t type;
};

struct gc_cluster {
	struct gc_cluster_config config; /* self and owner are our copies */
	uint64_t now_ms, random;
	struct gc_known *nodes; /* uthash, by name */
	struct gc_source *sources;
	/* these have room for every node, so that nothing but adding a node can fail */
	struct gc_known **heap;		/* by due_ms, the earliest first */
	const struct gc_known **sorted; /* scratch of gc_cluster_each */
	struct gc_queued *queue;	/* a ring, with room for all that one call can cause */
	const char **instances;		/* scratch of views */
	size_t n_sources;
	size_t n_heap, room;
	size_t queue_at, n_queue, queue_room;
	struct gc_known *popped; /* its strings are on loan until the next call */
	struct gc_word *words;	 /* reasons that are no error of ours */
	size_t n_words;
	size_t n_nodes, n_peers, n_members;
	uint64_t seq, popped_seq, stable_since_ms, ready_from_ms;
	size_t ready_count;
	uint32_t members_round;
	bool dist_up, is_ready;
};

/* ---- cluster.c ---- */
/* The time of this call. */
void gc_cluster_at(struct gc_cluster *c, uint64_t now_ms);
/* We or the owner: never a peer. */
bool gc_cluster_is_ourselves(const struct gc_cluster *c, const char *name);

/* ---- cluster_known.c ---- */
bool gc_known_init(struct gc_cluster *c); /* false: out of memory */
struct gc_known *gc_known_find(const struct gc_cluster *c, const char *name);
/* Finds or makes; NULL: no valid name, or out of memory. */
struct gc_known *gc_known_get(struct gc_cluster *c, const char *name);
/* Forgets n if nothing is known of it and nobody holds it. */
void gc_known_release(struct gc_cluster *c, struct gc_known *n);
void gc_known_destroy_all(struct gc_cluster *c);
/* Keeps n_peers true after namings or member changed. */
void gc_known_count(struct gc_cluster *c, struct gc_known *n);
void gc_known_set_due(struct gc_cluster *c, struct gc_known *n, uint64_t due_ms);
void gc_known_note(struct gc_cluster *c, struct gc_known *n, const struct gc_fail *fail);
/* Where n is, as far as known. */
void gc_known_place(const struct gc_known *n, const char **address_r, uint16_t *port_r);
uint64_t gc_known_due(const struct gc_cluster *c); /* the earliest of all */
/* Copies s (NULL and "" become NULL) into *slot unless it is the same; false: out of memory,
 * nothing changed. */
bool gc_known_set_text(char **slot, const char *s);

void gc_queue_push(struct gc_cluster *c, enum gc_action_type type, struct gc_known *n,
		   const char *reason);
/* The same text, living as long as c. */
const char *gc_cluster_word(struct gc_cluster *c, const char *reason);

/* ---- cluster_naming.c ---- */
struct gc_source *gc_source_find(const struct gc_cluster *c, const char *name);
/* Finds or makes; NULL: out of memory. */
struct gc_source *gc_source_get(struct gc_cluster *c, const char *name);
/* Not configured any more; it has no namings left. */
void gc_source_drop(struct gc_cluster *c, struct gc_source *s);
void gc_source_unref(struct gc_source *s);
struct gc_naming *gc_naming_find(const struct gc_known *n, const struct gc_source *s);
bool gc_naming_add(struct gc_cluster *c, struct gc_known *n, struct gc_source *s,
		   const struct gc_peer *peer);
/* What its source says now of address and port. */
void gc_naming_update(struct gc_naming *g, const struct gc_peer *peer);
/* Where to dial n next. */
void gc_naming_place(const struct gc_known *n, const char **address_r, uint16_t *port_r);
void gc_naming_remove(struct gc_cluster *c, struct gc_naming *g);

/* Counts and uncounts a wanted link. 0, GC_EINVAL, or GC_ENOMEM. */
int gc_known_want(struct gc_cluster *c, const char *name, const char *address, uint16_t port);
void gc_known_unwant(struct gc_cluster *c, const char *name);
void gc_want_free(struct gc_want *w);

/* ---- cluster_step.c ---- */
/* What n needs next; what is due goes into the queue. n may be gone afterwards. */
void gc_known_step(struct gc_cluster *c, struct gc_known *n);
/* Counts a failed attempt and sets the time of the next. */
void gc_known_failed(struct gc_cluster *c, struct gc_known *n);
/* The same, unless it waits already: one failure seen from two sides. */
void gc_known_failed_once(struct gc_cluster *c, struct gc_known *n);
/* Something that was there was lost; proven: it had been there long enough to start afresh. */
void gc_known_lost(struct gc_cluster *c, struct gc_known *n, bool proven);
/* Not a member any more: tells so. */
void gc_known_demote(struct gc_cluster *c, struct gc_known *n, const char *reason);
/* Longest pause between attempts. */
uint64_t gc_known_max_pause(const struct gc_cluster *c, const struct gc_known *n);
bool gc_known_wants_link(const struct gc_cluster *c, const struct gc_known *n);
/* When the next attempt is planned; GC_FOREVER: none, or one is on its way. */
uint64_t gc_known_next_attempt(const struct gc_cluster *c, const struct gc_known *n);
/* Carries out all that is due, then the ready rule. */
void gc_cluster_run(struct gc_cluster *c);
uint64_t gc_cluster_ready_due(const struct gc_cluster *c);

static inline uint64_t gc_add_ms(uint64_t a, uint64_t b)
{
	return a > GC_FOREVER - b ? GC_FOREVER : a + b;
}

#endif
