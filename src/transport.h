/* What lies under ei: outgoing handshakes by ei_xconnect_host_port_tmo, whose socket is a piece of memory.
 *
 * Bytes from the peer go through the guard (guard.h); once status and challenge are there, ei runs on a
 * coroutine: its `connect` finds itself connected, its `read` gets the guard's packets or waits, its
 * `write` ends in the owner's write. ei's default callbacks, resolver and EPMD client are never used, nor
 * is ei once the handshake is over: its entry for the "socket" is wiped and released at once.
 * Loop thread. (facts sections 1 and 2) */
#ifndef GC_TRANSPORT_H
#define GC_TRANSPORT_H

#include "buf.h"
#include "guard.h"

#include <ei.h>

/* ---- the transport of a node ---- */
struct gc_transport;

/* name: ours, valid. cnode: memory that may hold the cookie; borrowed until destroy, which wipes it. */
int gc_transport_create(const char *name, const char *cookie, uint32_t creation, ei_cnode *cnode,
			struct gc_transport **t_r);
/* No outbound may be left. */
void gc_transport_destroy(struct gc_transport *t);
/* Before the first handshake only. */
void gc_transport_set_creation(struct gc_transport *t, uint32_t creation);
/* The flags we offer: those of ei with ours added (GC_DFLAGS_ADDED). */
uint64_t gc_transport_flags(const struct gc_transport *t);
/* No handshake is under way: gives idle stacks back. */
void gc_transport_trim(struct gc_transport *t);

/* ---- one outgoing handshake over a connection that stands ---- */
struct gc_outbound;

struct gc_outbound_ops {
	void (*write)(void *arg, const void *bytes, size_t len); /* copies; failures come as an end */
	/* Is this a challenge that we have issued and that is still open? Never answered (facts H18). */
	bool (*is_ours)(void *arg, uint32_t challenge);
	/* ei has drawn one; open until the outbound is destroyed. */
	void (*issued)(void *arg, uint32_t challenge);
};

enum gc_outbound_state {
	GC_OUTBOUND_BUSY = 0,
	GC_OUTBOUND_UP,	     /* done: what is left of the input belongs to the link */
	GC_OUTBOUND_WAITING, /* nok: the peer dials us; nothing more will come on this connection */
	GC_OUTBOUND_FAILED,  /* see gc_outbound_guard()->fail */
};

/* peer: the name dialled; borrowed. header: length bytes of a packet, 2 on TCP. NULL: out of memory. */
struct gc_outbound *gc_outbound_create(struct gc_transport *t, const char *peer, unsigned header,
				       const struct gc_outbound_ops *ops, void *arg);
/* ei, if it waits, is sent home first. NULL is fine. */
void gc_outbound_destroy(struct gc_outbound *o);
/* Sends our name. */
void gc_outbound_begin(struct gc_outbound *o);
bool gc_outbound_has_begun(const struct gc_outbound *o);
/* Bytes from the peer; used_r: how many were taken (all, unless it is UP or FAILED). */
enum gc_outbound_state gc_outbound_input(struct gc_outbound *o, const uint8_t *p, size_t len,
					 size_t *used_r);
/* The connection ended or the time is up (UV_ETIMEDOUT): the reason is in the guard. */
void gc_outbound_ended(struct gc_outbound *o, int uv_err);
/* What is known of the peer, and what went wrong. */
const struct gc_guard *gc_outbound_guard(const struct gc_outbound *o);

#endif
