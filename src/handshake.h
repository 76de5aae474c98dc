/* The packets of the distribution handshake, version 6, as pure functions: bytes <-> structs, both
 * directions (OTP: erts "Distribution Protocol", "Distribution Handshake"; kernel dist_util.erl; facts 3).
 *
 *   dialler                                   acceptor
 *   'N' flags creation name        ------>
 *                                  <------    's' ok | ok_simultaneous | nok | not_allowed | alive
 *   ('s' true | false)             ------>    (only after alive)
 *                                  <------    'N' flags challenge creation name
 *   'r' challenge digest           ------>
 *                                  <------    'a' digest
 *
 * A dialler that does not know whether we speak version 6 begins in the words of version 5, and says the rest
 * when it has seen our 'N'. OTP 23 and 24 do that if EPMD, or what stands in its place (-erl_epmd_port, an
 * -epmd_module), says 5; OTP 25 never does.
 *
 *   'n' 5 flags name               ------>
 *                                  <------    's' and 'N' as above
 *   'c' flags(high) creation       ------>
 *   'r' challenge digest           ------>    and so on
 *
 * Each is preceded by its length, 2 bytes on TCP, 4 bytes on TLS ("header" below). */
#ifndef GC_HANDSHAKE_H
#define GC_HANDSHAKE_H

#include "buf.h"
#include "name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Distribution flags (dist.hrl). */
#define GC_DFLAG_PUBLISHED UINT64_C(0x1)
#define GC_DFLAG_EXTENDED_REFERENCES UINT64_C(0x4)
#define GC_DFLAG_DIST_MONITOR UINT64_C(0x8)
#define GC_DFLAG_FUN_TAGS UINT64_C(0x10)
#define GC_DFLAG_DIST_MONITOR_NAME UINT64_C(0x20)
#define GC_DFLAG_HIDDEN_ATOM_CACHE UINT64_C(0x40)
#define GC_DFLAG_NEW_FUN_TAGS UINT64_C(0x80)
#define GC_DFLAG_EXTENDED_PIDS_PORTS UINT64_C(0x100)
#define GC_DFLAG_EXPORT_PTR_TAG UINT64_C(0x200)
#define GC_DFLAG_BIT_BINARIES UINT64_C(0x400)
#define GC_DFLAG_NEW_FLOATS UINT64_C(0x800)
#define GC_DFLAG_DIST_HDR_ATOM_CACHE UINT64_C(0x2000)
#define GC_DFLAG_SMALL_ATOM_TAGS UINT64_C(0x4000)
#define GC_DFLAG_UTF8_ATOMS UINT64_C(0x10000)
#define GC_DFLAG_MAP_TAG UINT64_C(0x20000)
#define GC_DFLAG_BIG_CREATION UINT64_C(0x40000)
#define GC_DFLAG_FRAGMENTS UINT64_C(0x800000)
#define GC_DFLAG_HANDSHAKE_23 UINT64_C(0x1000000)
#define GC_DFLAG_UNLINK_ID UINT64_C(0x2000000)
#define GC_DFLAG_MANDATORY_25_DIGEST UINT64_C(0x4000000)
#define GC_DFLAG_SPAWN UINT64_C(0x100000000)
#define GC_DFLAG_NAME_ME UINT64_C(0x200000000)
#define GC_DFLAG_V4_NC UINT64_C(0x400000000)
#define GC_DFLAG_ALIAS UINT64_C(0x800000000)

/* What a peer must have: the mandatory flags of OTP 25, which OTP 23 has as well. */
#define GC_DFLAGS_MANDATORY                                                                        \
	(GC_DFLAG_EXTENDED_REFERENCES | GC_DFLAG_FUN_TAGS | GC_DFLAG_NEW_FUN_TAGS |                \
	 GC_DFLAG_EXTENDED_PIDS_PORTS | GC_DFLAG_EXPORT_PTR_TAG | GC_DFLAG_BIT_BINARIES |          \
	 GC_DFLAG_NEW_FLOATS | GC_DFLAG_UTF8_ATOMS | GC_DFLAG_MAP_TAG | GC_DFLAG_BIG_CREATION |    \
	 GC_DFLAG_HANDSHAKE_23)
/* What we add to the flags of ei: monitors of names (else a call to a name of ours that is not there
 * waits its whole time) and spawn_request (erpc:call and rpc:call). */
#define GC_DFLAGS_ADDED (GC_DFLAG_DIST_MONITOR_NAME | GC_DFLAG_SPAWN)
/* What we must never offer: the first makes us a visible node, which has to speak `global`, the others
 * change the framing, the last asks for a name. */
#define GC_DFLAGS_NEVER                                                                            \
	(GC_DFLAG_PUBLISHED | GC_DFLAG_HIDDEN_ATOM_CACHE | GC_DFLAG_DIST_HDR_ATOM_CACHE |          \
	 GC_DFLAG_FRAGMENTS | GC_DFLAG_NAME_ME)
/* What we offer to a node that dials us: the flags of ei 5.3 and the added ones. */
#define GC_DFLAGS_OURS                                                                             \
	(GC_DFLAGS_MANDATORY | GC_DFLAGS_ADDED | GC_DFLAG_DIST_MONITOR |                           \
	 GC_DFLAG_SMALL_ATOM_TAGS | GC_DFLAG_UNLINK_ID | GC_DFLAG_MANDATORY_25_DIGEST |            \
	 GC_DFLAG_V4_NC)

#define GC_HS_PACKET_MAX 512 /* a longer packet is no handshake: a name has 255 bytes at most */
#define GC_HS_DIGEST 16

enum gc_hs_status {
	GC_HS_OK = 1,
	GC_HS_OK_SIMULTANEOUS,
	GC_HS_NOK,
	GC_HS_NOT_ALLOWED,
	GC_HS_ALIVE,
	GC_HS_NAMED, /* an answer to NAME_ME, which we never ask */
	GC_HS_TRUE,
	GC_HS_FALSE,
};

/* 'N', from the dialler (challenge unused) or from the acceptor; or 'n' from the dialler. */
struct gc_hs_name {
	bool is_v5; /* 'n': high flags and creation come with the complement */
	uint64_t flags; /* with MANDATORY_25_DIGEST expanded to what it stands for */
	uint32_t challenge, creation;
	const char *name; /* latin1, not terminated, not checked; inside the packet */
	size_t name_len;
};

/* ---- builders: append one packet with its header (2 or 4) to b ---- */
void gc_hs_put_name(struct gc_buf *b, unsigned header, uint64_t flags, uint32_t creation,
		    const char *name);
void gc_hs_put_status(struct gc_buf *b, unsigned header, enum gc_hs_status s);
void gc_hs_put_challenge(struct gc_buf *b, unsigned header, uint64_t flags, uint32_t challenge,
			 uint32_t creation, const char *name);
void gc_hs_put_reply(struct gc_buf *b, unsigned header, uint32_t challenge,
		     const uint8_t digest[GC_HS_DIGEST]);
void gc_hs_put_ack(struct gc_buf *b, unsigned header, const uint8_t digest[GC_HS_DIGEST]);

/* ---- parsers ---- */
/* The whole length (header and body) of the packet that starts at p; 0: not all of it is here; negative:
 * GC_EPROTO (an empty packet), GC_ETOOBIG (longer than GC_HS_PACKET_MAX). */
int gc_hs_frame(const uint8_t *p, size_t len, unsigned header);
/* These take a body, without header: 0 or GC_EPROTO. */
int gc_hs_parse_name(const uint8_t *p, size_t len, struct gc_hs_name *n_r);
/* *flags_r: the high half, in its place. */
int gc_hs_parse_complement(const uint8_t *p, size_t len, uint64_t *flags_r, uint32_t *creation_r);
int gc_hs_parse_challenge(const uint8_t *p, size_t len, struct gc_hs_name *n_r);
int gc_hs_parse_status(const uint8_t *p, size_t len, enum gc_hs_status *s_r);
int gc_hs_parse_reply(const uint8_t *p, size_t len, uint32_t *challenge_r,
		      uint8_t digest_r[GC_HS_DIGEST]);
int gc_hs_parse_ack(const uint8_t *p, size_t len, uint8_t digest_r[GC_HS_DIGEST]);

/* The mandatory flags that are missing; 0: a node we can talk to. */
uint64_t gc_hs_missing_flags(uint64_t flags);
/* MD5(cookie, challenge in decimal). */
void gc_hs_digest(const char *cookie, uint32_t challenge, uint8_t digest_r[GC_HS_DIGEST]);
/* Takes the same time whatever differs. */
bool gc_hs_digest_equal(const uint8_t a[GC_HS_DIGEST], const uint8_t b[GC_HS_DIGEST]);

#endif
