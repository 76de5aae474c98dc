/* Inside of dialling: dial.c (who dials, and until when), turn.c (all dials of one name share one gc_session: its turn, its
 * addresses, its end), shake.c (TLS and handshake on the connection that stands). Nobody else includes this. */
#ifndef GC_DIAL_PRIV_H
#define GC_DIAL_PRIV_H

#include "node_priv.h"

enum gc_phase {
	GC_PHASE_QUEUED = 0,
	GC_PHASE_RACING,
	GC_PHASE_SECURING, /* TLS */
	GC_PHASE_SHAKING,
	GC_PHASE_INCOMING,
};

struct gc_dial {
	struct gc_node *n;
	struct gc_session *session; /* NULL: only the callback is left */
	struct gc_dial **list;	    /* that it is in: of the session, or of those being told */
	struct gc_dial *prev, *next;
	struct gc_timer timer; /* the deadline */
	gc_dial_cb cb;
	void *arg;
	uint64_t start_ms;
	bool hidden_ok;
};

struct gc_session {
	struct gc_node *n;
	char *name;
	enum gc_phase phase;
	bool is_young, is_held, was_held, has_addr;
	uint16_t port;
	struct gc_fail *wrong_port; /* what came of the port that was told: EPMD is asked instead */
	union gc_addr addr;
	struct gc_dial *dials;
	struct gc_session *prev, *next; /* in the queue */
	struct gc_timer young_timer; /* until it is old; INCOMING: until it tries again */
	struct gc_race *race;
	struct gc_link *conn;
	struct gc_outbound *outbound;
	struct gc_challenge challenge;
	UT_hash_handle hh;
};

static inline struct gc_session *gc_session_of(struct gc_timer *young)
{
	return (struct gc_session *)(void *)((char *)young - offsetof(struct gc_session, young_timer));
}

/* ---- dial.c ---- */
void gc_dial_free(struct gc_dial *d);
/* The callback; d is gone after it. */
void gc_dial_tell(struct gc_dial *d, struct gc_dial_result *result);

/* ---- turn.c ---- */
/* The one of that name, else a new one, queued. NULL: out of memory. */
struct gc_session *gc_session_for(struct gc_node *n, const char *name, const char *address,
				  uint16_t port);
void gc_session_free(struct gc_session *s);
/* All who wait are told the same. Last thing a caller does with s. fail NULL: l is up. */
void gc_session_end(struct gc_session *s, const struct gc_fail *fail, struct gc_link *l);
/* Waits for its turn again, from the beginning. */
void gc_session_requeue(struct gc_session *s);
void gc_session_not_young(struct gc_session *s);
bool gc_session_any_hidden_ok(const struct gc_session *s);
/* The address tried last, or that of l. */
void gc_session_where(const struct gc_session *s, const struct gc_link *l,
		      struct gc_dial_result *result);

/* ---- shake.c ---- */
/* l stands: TLS, if there is TLS, then the handshake. */
void gc_shake_start(struct gc_session *s, struct gc_link *l);
/* Closes the connection, if there is one. */
void gc_shake_drop(struct gc_session *s);
/* SECURING or SHAKING: what was waited for. */
void gc_shake_timed_out(struct gc_session *s, struct gc_fail *fail_r);

#endif
