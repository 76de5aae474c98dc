/* Inside of accepting: accept.c (who is let in, for how long, and its end), accept_shake.c (its handshake). Nobody
 * else includes this. */
#ifndef GC_ACCEPT_PRIV_H
#define GC_ACCEPT_PRIV_H

#include "node_priv.h"

enum gc_accept_phase { /* what is waited for; accept_shake.c has the drawing */
	GC_ACCEPT_NAME = 0,
	GC_ACCEPT_ALIVE = 1,
	GC_ACCEPT_COMPLEMENT = 2,
	GC_ACCEPT_REPLY = 3,
	GC_ACCEPT_SECURE = 4, /* TLS */
};

struct gc_accept {
	struct gc_node *n;
	struct gc_link *conn;
	enum gc_accept_phase phase;
	bool is_v5;	  /* it owes us the rest of its flags and its creation */
	bool is_claiming; /* a dial of ours to that name is held meanwhile */
	bool is_proved;	  /* a node has proved the cookie from there before */
	uint64_t flags;
	uint32_t creation;
	struct gc_challenge challenge;
	struct gc_timer timer, claim_timer;
	struct gc_accept *prev, *next;
	union gc_addr from;
	char name[GC_NODE_MAX + 1];
	size_t len;
	uint8_t in[GC_TLS_HEADER + GC_HS_PACKET_MAX];
};

/* ---- accept.c ---- */
/* Refuses, drops or loses the connection. Nothing of a may be used after it. */
void gc_accept_cut(struct gc_accept *a, int err, const char *why);
/* Its handshake is over, its connection is a link. Nothing of a may be used after it. */
void gc_accept_done(struct gc_accept *a);
/* Dials of ours to that name are held for a while (gc_dial_incoming has said that they may be). */
void gc_accept_claim(struct gc_accept *a);

/* ---- accept_shake.c ---- */
/* Bytes from the peer, in any pieces. What follows the handshake goes to the link. a may be gone after it. */
void gc_accept_input(struct gc_accept *a, const uint8_t *p, size_t len);

#endif
