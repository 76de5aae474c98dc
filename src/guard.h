/* The guard of an outgoing handshake: sits between the socket and ei, so that ei sees nothing but whole,
 * checked packets in the order it knows, and so that each failure gets its true reason. Pure.
 *
 *   state        what the peer sends      what happens
 *   STATUS       ok, ok_simultaneous      -> CHALLENGE
 *                alive                    answer `true` ourselves, ei gets `ok`        -> CHALLENGE
 *                nok                      it is dialling us at the same time           -> WAITING
 *                not_allowed              GC_ENOTALLOWED
 *   CHALLENGE    'N', the name we dialled ei may start: all it reads before it answers is here -> ACK
 *                'N', another name        GC_ENAME, with the real name
 *   ACK          'a'                      ei judges the digest                         -> DONE
 *
 * ei is started late, when status and challenge are both here: a silent peer never costs a stack. Our
 * name packet, which ei makes as well, has been sent before; what ei writes then is dropped. */
#ifndef GC_GUARD_H
#define GC_GUARD_H

#include "err.h"
#include "handshake.h"

enum gc_guard_state {
	GC_GUARD_STATUS = 0,
	GC_GUARD_CHALLENGE,
	GC_GUARD_ACK,
	GC_GUARD_DONE, /* the ack is with ei; what follows are frames */
	GC_GUARD_WAITING,
	GC_GUARD_FAILED,
};

enum gc_guard_event {
	GC_GUARD_MORE = 0, /* not yet a whole packet */
	GC_GUARD_NEXT,	   /* a packet is done with, there may be another */
	GC_GUARD_SAY_TRUE, /* send `true`, then as NEXT */
	GC_GUARD_START_EI, /* peer_challenge is set: ei may run */
	GC_GUARD_FEED_EI,  /* the ack is there for ei to read */
	GC_GUARD_WAIT,	   /* nok */
	GC_GUARD_FAIL,	   /* see fail */
};

struct gc_guard {
	const char *peer; /* the name that was dialled; borrowed */
	unsigned header;  /* 2 or 4 */
	enum gc_guard_state state;
	uint64_t peer_flags;
	uint32_t peer_creation, peer_challenge, our_challenge;
	size_t packet_at, ei_at, len; /* offsets into in */
	struct gc_fail fail;
	uint8_t in[4 + 3 + 4 + GC_HS_PACKET_MAX]; /* an `ok` for ei, then the packet being read */
};

void gc_guard_init(struct gc_guard *g, unsigned header, const char *peer);
/* Takes bytes from the peer, at most to the end of one packet; how many goes to used_r. */
enum gc_guard_event gc_guard_input(struct gc_guard *g, const uint8_t *p, size_t len, size_t *used_r);
/* The connection ended (uv_err: UV_EOF or another libuv error) or time is up (UV_ETIMEDOUT): what that
 * means in this state goes to g->fail. */
void gc_guard_ended(struct gc_guard *g, int uv_err);

/* What ei reads: fills p with at most len bytes; 0: nothing there, wait. */
size_t gc_guard_read(struct gc_guard *g, uint8_t *p, size_t len);
/* What ei writes: how many of its bytes are to be sent: 0 (its name packet: sent before) or len (its
 * reply, out of which our_challenge is noted); GC_EPROTO: ei wrote what we do not expect. */
int gc_guard_write(struct gc_guard *g, const uint8_t *p, size_t len);

/* Sets the flags (ours added, the forbidden ones taken away) and the creation in a name packet of ei.
 * GC_EPROTO: that is no name packet. */
int gc_guard_patch_name(uint8_t *packet, size_t len, unsigned header, uint32_t creation,
			uint64_t *flags_r);

#endif
