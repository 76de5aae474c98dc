/* What goes over the wire between Erlang nodes, as bytes: handshake v6, EPMD, and as much of the
 * external term format as the peers of the tests need. Pure functions over buffers, no I/O, any
 * thread. Written apart from src/ on purpose: a peer that shares code with the daemon shares its
 * mistakes. (OTP: erts "Distribution Protocol", "External Term Format".)
 *
 * Writers return the number of bytes written; the caller's buffer must hold WIRE_MAX. Handshake
 * messages carry their 2-byte length. Readers take the message without that length and return
 * false if it is not what it must be. */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_NAME_MAX 255
#define WIRE_MAX 512 /* the longest message written here */

/* What a visible OTP 25 node sets (0xD07DF7FBD), without what the stand-ins cannot keep: the atom
 * cache (0x2000), fragments (0x800000) and spawn requests (0x100000000). */
#define WIRE_FLAGS_VISIBLE UINT64_C(0xC075F5FBD)
#define WIRE_FLAG_PUBLISHED UINT64_C(1)
#define WIRE_FLAGS_HIDDEN (WIRE_FLAGS_VISIBLE & ~WIRE_FLAG_PUBLISHED)

uint16_t wire_get16(const uint8_t *p);
uint32_t wire_get32(const uint8_t *p);
uint64_t wire_get64(const uint8_t *p);
void wire_put16(uint8_t *p, uint16_t v);
void wire_put32(uint8_t *p, uint32_t v);
void wire_put64(uint8_t *p, uint64_t v);

/* ---- handshake ---- */
struct wire_name { /* of 'N' without and with a challenge */
	uint64_t flags;
	uint32_t creation, challenge;
	char name[WIRE_NAME_MAX + 1];
};
void wire_digest(const char *cookie, uint32_t challenge, uint8_t digest_r[16]);
uint32_t wire_random32(void);

size_t wire_put_name(uint8_t *out, const struct wire_name *n);
/* The same name in the words of version 5, and what has to follow later. */
size_t wire_put_v5_name(uint8_t *out, const struct wire_name *n);
size_t wire_put_complement(uint8_t *out, const struct wire_name *n);
size_t wire_put_status(uint8_t *out, const char *status);
size_t wire_put_challenge(uint8_t *out, const struct wire_name *n);
size_t wire_put_reply(uint8_t *out, uint32_t challenge, const uint8_t digest[16]);
size_t wire_put_ack(uint8_t *out, const uint8_t digest[16]);

bool wire_get_name(const uint8_t *p, size_t len, struct wire_name *n_r);
bool wire_is_status(const uint8_t *p, size_t len, const char *status);
bool wire_get_challenge(const uint8_t *p, size_t len, struct wire_name *n_r);
/* *challenge_r is set whether or not the digest is right; false if it is not, or is no reply. */
bool wire_check_reply(const uint8_t *p, size_t len, const char *cookie, uint32_t challenge,
		      uint32_t *challenge_r);
bool wire_check_ack(const uint8_t *p, size_t len, const char *cookie, uint32_t challenge);

/* ---- EPMD ---- */
size_t wire_put_alive2_req(uint8_t *out, const char *alive, uint16_t port); /* of a visible node */
size_t wire_put_port2_req(uint8_t *out, const char *alive);
size_t wire_put_port2(uint8_t *out, const char *alive, uint16_t port);
/* Bytes of a PORT2 answer used, 0: more is needed. *port_r 0: the name is not known there. */
size_t wire_get_port2(const uint8_t *p, size_t len, uint16_t *port_r);

/* ---- terms ---- */
/* Length of the term at p, 0 if it is malformed or longer than len. Never recurses. */
size_t wire_term_len(const uint8_t *p, size_t len);
/* Steps into the tuple at *p of that arity, moving *p and *len to its first element. */
bool wire_enter_tuple(const uint8_t **p, size_t *len, uint32_t arity);
/* Steps over one term; *span_r (may be NULL) is where it was, *span_len_r its length. */
bool wire_next(const uint8_t **p, size_t *len, const uint8_t **span_r, size_t *span_len_r);
bool wire_is_atom(const uint8_t *p, size_t len, const char *text);
size_t wire_put_atom(uint8_t *out, const char *text);

/* If the frame (without its length) is net_adm:ping's question
 *   REG_SEND {6, From, '', net_kernel}, {'$gen_call', {Pid, Tag}, {is_auth, Node}}
 * writes the frame (with its length) that says yes, SEND {2, '', Pid}, {Tag, yes}.
 * Returns its length; 0: it is something else, or the answer would not fit into max. */
size_t wire_answer_is_auth(const uint8_t *frame, size_t len, uint8_t *out, size_t max);

/* ---- files ---- */
/* The cookie in a file, up to its first white space. cookie_r holds max bytes. */
bool wire_read_cookie(const char *path, char *cookie_r, size_t max);

#endif
