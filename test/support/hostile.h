/* The parts of the hostile peer (hostile.c says what it is). One thread, blocking with deadlines.
 *
 *   hostile.c           options, the table of attacks, the good probe after each
 *   hostile_peer.c      one connection to the target, or from it
 *   hostile_tls.c       TLS under it, where there is OpenSSL (hostile_tls.h)
 *   hostile_frame.c     frames and terms to be sent, right and wrong ones
 *   hostile_stranger.c  attacks that need no cookie       hostile_crowd.c  the same, many at once
 *   hostile_member.c    attacks by a node that has it: single frames
 *   hostile_load.c      the same: too much of everything
 *   hostile_dialled.c   attacks on the target when it dials us
 *   hostile_tls_*.c     attacks on TLS: before its handshake and in it (early), over what stands
 * (link), certificates and sessions (cert)
 */
#ifndef TEST_HOSTILE_H
#define TEST_HOSTILE_H

#include "wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define HOSTILE_NAME "mallory@127.0.0.1"
#define HOSTILE_CREATION 4711

/* An attack returns whether the target behaved as it must; hostile_note says what was seen. */
#define HOSTILE_STRANGERS(X)                                                                       \
	X(silent, "connects and says nothing: must be cut")                                        \
	X(drip, "a byte at a time, always just in time: must be cut")                              \
	X(wrong_tags, "names under every tag but 'N': must be cut")                                \
	X(lengths, "handshake messages of 0, 1, 2^15, 2^16-1 bytes, and of 2^31-1: must be cut")   \
	X(half_close, "shuts its sending side down, anywhere: must be cut")                        \
	X(reset, "resets the connection, anywhere, 300 times")                                     \
	X(odd_names, "empty, two @, newline, NUL, %n, 10^4 bytes, the target's own: no entry")     \
	X(flags, "no flags, each mandatory one missing, asks for a name: no entry")                \
	X(wrong_digest, "a right name and a wrong digest, 50 times: must be cut, no answer")       \
	X(early_frames, "frames before the handshake, or instead of its end: must be cut")         \
	X(junk, "random bytes, HTTP, TLS on 200 connections: must be cut")                         \
	X(mutated, "handshakes with flipped bits, 500 times: no entry")                            \
	X(impostor, "says it is --other, without the cookie, and answers true to alive")           \
	X(claimer, "says for a while that it is --other, and nothing more")                        \
	X(crowd_one, "--crowd silent connections at once from one address; a good node gets in")   \
	X(crowd_many, "the same from many addresses")                                              \
	X(crowd_names, "the same, each with a name: stops at the challenge")
#define HOSTILE_MEMBERS(X)                                                                         \
	X(operations, "every control operation 0 to 255 with 0 to 9 elements of all kinds")        \
	X(truncated, "frames cut short at every byte, as whole frames")                            \
	X(deep, "terms nested 65 to 10^6 deep")                                                    \
	X(lying, "lists, tuples, maps, binaries, atoms that claim up to 2^32-1 elements")          \
	X(atoms, "atoms of 255 multi-byte characters (must live), of 256, of no UTF-8")            \
	X(unlink, "UNLINK_ID with identifiers of any kind and size")                               \
	X(spawn, "spawn requests of any shape")                                                    \
	X(wrong_frames, "frames that are no pass-through: headers, fragments, junk")               \
	X(frame_lengths, "frames of 1 byte, 2^15, and 2^31-1, 2^31, 2^32-1: the last must be cut") \
	X(half_frame, "half a frame, and then nothing; others are served")                         \
	X(drip_frame, "a right frame, a byte at a time: is answered")                              \
	X(mutated_frames, "right frames with flipped bits, 20000 times")                           \
	X(big_message, "a message of --big-mb MB: must be cut early")                              \
	X(never_reads, "calls and never reads the answers: must be cut")                           \
	X(calls, "--calls calls without waiting: all answered, or cut")                            \
	X(ticks, "10^6 ticks at once: lives, is not answered by as many")                          \
	X(monitors, "10^5 monitors, links and never an end to them: others are served")            \
	X(duplicates, "the same name again, 100 times: the newest link lives, one at a time")      \
	X(usurper, "takes the name of --other, which is linked, with the cookie, and goes again")  \
	X(hijack, "a stranger says true for a name that is linked: the old link lives")            \
	X(many_links, "--crowd links of different names: all live; then all go")
#define HOSTILE_DIALLED(X)                                                                         \
	X(dialled_silent, "takes the target's dial and says nothing: must be cut")                 \
	X(dialled_drip, "a status, a byte at a time: must be cut")                                 \
	X(dialled_status, "statuses of any text and length: must be cut")                          \
	X(dialled_name, "calls itself otherwise: must be cut before the digest")                   \
	X(dialled_reflect, "sends the target's own challenge: must not be answered")               \
	X(dialled_ack, "a wrong acknowledgement: must be cut")                                     \
	X(dialled_eager, "frames in one piece with the acknowledgement: link lives")

/* Only with --tls: before its handshake, in it, and over what stands. */
#define HOSTILE_TLS_STRANGERS(X)                                                                   \
	X(tls_silent, "connects and begins no TLS: must be cut")                                   \
	X(tls_plain, "the handshake of plain TCP: must be cut at once, and not answered")          \
	X(tls_records, "records of all types that claim 0 to 65535 bytes: must be cut")            \
	X(tls_drip, "a hello in records of one byte: is answered; one too slow: must be cut")      \
	X(tls_endless, "messages that claim up to 2^24-1 bytes, and come: must be cut")            \
	X(tls_half, "stops within the handshake, anywhere: must be cut")                           \
	X(tls_certificates, "no certificate, one of our own, those of --tls-bad: no entry")        \
	X(tls_chain,                                                                               \
	  "chains of 100 certificates, of 60 and 100 KB: no entry; with a good one: in")           \
	X(tls_alerts, "floods of alerts and changes of cipher, before and in it: must be cut")     \
	X(tls_sessions,                                                                            \
	  "resumes sessions that never were, --crowd/5 times: a full handshake, or cut")           \
	X(tls_crowd_silent, "--crowd at once that begin no TLS; a good node gets in")              \
	X(tls_crowd_hello, "--crowd at once that say hello, and no more; a good node gets in")     \
	X(tls_hellos,                                                                              \
	  "hellos of one address, as fast as they go, for three seconds; a good node gets in")
#define HOSTILE_TLS_MEMBERS(X)                                                                     \
	X(tls_renegotiate, "asks for new keys, over and over: lives, or is cut; never reads: cut") \
	X(tls_key_updates,                                                                         \
	  "--calls/100 changes of keys: lives, or is cut; never reads: must be cut")               \
	X(tls_empty, "--calls/10 empty records: lives, or is cut")                                 \
	X(tls_warnings, "--calls/100 warnings: lives, or is cut")                                  \
	X(tls_huge, "sealed records of more than 2^14 bytes: must be cut")                         \
	X(tls_flips, "records with a bit flipped, 200 times: must be cut, not answered")           \
	X(tls_bye, "says goodbye and goes on: must be cut, not answered")                          \
	X(tls_torn, "ends or resets in mid record, in mid frame: must be cut, and let in again")   \
	X(tls_bytes, "a record for each byte: answered; --calls/3 of them: others are served")     \
	X(tls_types, "records and messages of all types on a link: lives, or is cut")

#define HOSTILE_BAD_CERTS 8

/* What --tls and its companions say; the contexts are hostile_tls.c's. */
struct hostile_tls {
	bool is_on;
	int version; /* 12 or 13 */
	const char *cert, *ca, *bad[HOSTILE_BAD_CERTS];
	size_t n_bad;
	struct ssl_ctx_st *client, *server;
};

struct hostile {
	struct sockaddr_storage target;
	socklen_t target_len;
	const char *target_name, *other, *as;
	char cookie[WIRE_NAME_MAX + 1];
	uint16_t epmd_port;
	uint32_t cut_ms, probe_ms, calls, crowd, big_mb, dial_ms;
	uint64_t seed;
	int epmd_fd, listen_fd; /* for the target's dials; -1: not yet */
	struct hostile_tls tls;
	char note[256];
};

struct peer_tls;
struct peer {
	int fd;		      /* -1: closed */
	struct peer_tls *tls; /* NULL: plain TCP */
	bool has_ended;	      /* the other side has closed; all that came before has been read */
	char name[WIRE_NAME_MAX + 1];
	size_t in_len;
	uint8_t *in;
	uint64_t skip; /* of a frame too long to be kept */
	uint64_t frames, ticks;
};

uint64_t now_ms(void);
/* What was seen, for the line that is printed. Always returns false, so that an attack can end with
 * it. */
__attribute__((format(printf, 2, 3))) bool hostile_note(struct hostile *h, const char *format, ...);
uint32_t hostile_random(struct hostile *h); /* reproducible by --seed */
/* A good node comes in and pings (without a cookie: it gets as far as the challenge). ms or -1. */
int hostile_probe(struct hostile *h);

/* hostile_peer.c. Nothing blocks beyond its deadline; false: closed, or the deadline is over.
 * With --tls a peer is open once its TLS handshake is done, and all that follows goes through TLS.
 */
bool peer_open(struct hostile *h, struct peer *p);
/* from: the last byte of an address of ours, 127.0.66.from (only towards a loopback target). */
bool peer_open_from(struct hostile *h, struct peer *p, uint32_t from);
/* TCP only, whatever --tls says. */
bool peer_open_raw(struct hostile *h, struct peer *p, uint32_t from);
/* True once events (or an end) are there. */
bool peer_await(int fd, short events, uint64_t due_ms);
void peer_close(struct peer *p);
void peer_reset(struct peer *p); /* by RST */
bool peer_send(struct peer *p, const void *data, size_t len);
/* Handshake messages with their 2 bytes of length, or the beginning of one: over TLS they have 4.
 */
bool peer_say(struct peer *p, const void *data, size_t len);
unsigned peer_header(const struct peer *p); /* 2 or 4 */
/* As send() and recv() on a descriptor that never blocks; what was sent may still be on its way
 * out. */
ssize_t peer_send_now(struct peer *p, const void *data, size_t len);
ssize_t peer_read_now(struct peer *p, void *out, size_t len);
bool peer_is_sending(const struct peer *p);
/* Bytes that went out before the other side stopped taking them for within_ms, or closed. */
size_t peer_send_some(struct peer *p, const void *data, size_t len, uint32_t within_ms);
/* Reads and forgets until the other side closes. */
bool peer_is_cut(struct peer *p, uint32_t within_ms);
/* One handshake message without its length; 0: none. */
size_t peer_message(struct peer *p, uint8_t *out, size_t max, uint32_t within_ms);
/* One frame without its length; NULL: none. Ticks are counted and passed over. Good until the next
 * call. */
const uint8_t *peer_frame(struct peer *p, size_t *len_r, uint32_t within_ms);
/* Sends our name; the status is read into a string of 64 bytes ("" : cut). */
bool peer_say_name(struct peer *p, const char *name, uint64_t flags, char *status_r);
/* From the challenge to the acknowledgement. */
bool peer_finish(struct hostile *h, struct peer *p);
bool peer_join(struct hostile *h, struct peer *p, const char *name); /* open and all that */
/* The same on a connection that is open; closes it if it is not let in. */
bool peer_enter(struct hostile *h, struct peer *p, const char *name);
bool peer_ping(struct peer *p, uint32_t within_ms);
/* A connection of the target to us, which it made because discovery or a person told it of --as. */
bool peer_accept(struct hostile *h, struct peer *p, struct wire_name *theirs_r);

/* hostile_frame.c: a growing buffer. The first errors of memory end the program. */
struct frame {
	uint8_t *p;
	size_t len, max;
};
void frame_free(struct frame *f);
void frame_bytes(struct frame *f, const void *data, size_t len);
void frame_byte(struct frame *f, uint32_t v);
void frame_u16(struct frame *f, uint32_t v);
void frame_u32(struct frame *f, uint32_t v);
void frame_tuple(struct frame *f, uint32_t arity);
void frame_int(struct frame *f, uint32_t v);
void frame_atom(struct frame *f, const char *text);
void frame_pid(struct frame *f, const char *node, uint32_t id);
void frame_ref(struct frame *f, const char *node, uint32_t id);
/* Of many kinds, right ones. */
void frame_any(struct frame *f, const char *node, uint32_t kind);
#define FRAME_KINDS 14u
void frame_begin(struct frame *f); /* empties it; length, 'p', version */
void frame_message(
    struct frame *f);		 /* the version byte between the control message and the message */
void frame_end(struct frame *f); /* sets the length */
/* gen_server:call({Name, Target}, Request) by a process of node. */
void frame_call(struct frame *f, const char *node, const char *name, const char *request,
		uint32_t ref);
void frame_ping(struct frame *f, const char *node, uint32_t ref);
#define FRAME_TEMPLATES 9u
/* Frames as real nodes send them: calls, monitors, links, spawn requests, exits. */
void frame_template(struct frame *f, const char *node, uint32_t number);
bool frame_send(struct frame *f, struct peer *p);

/* hostile_crowd.c: --crowd connections at once, each made by open, which may leave it closed. While
 * they stand a good node must get in, and in the end all must have been cut. */
bool crowd_run(struct hostile *h, bool (*open)(struct hostile *h, struct peer *p, uint32_t i));

/* After what was sent on a link: does it still answer? A cut link is joined anew. */
enum fate { FATE_KEPT, FATE_CUT, FATE_MUTE }; /* MUTE: neither, or it does not let us in again */
enum fate peer_fate(struct hostile *h, struct peer *p);

#define HOSTILE_DECLARE(name, text) bool attack_##name(struct hostile *h);
HOSTILE_STRANGERS(HOSTILE_DECLARE)
HOSTILE_MEMBERS(HOSTILE_DECLARE)
HOSTILE_DIALLED(HOSTILE_DECLARE)
HOSTILE_TLS_STRANGERS(HOSTILE_DECLARE)
HOSTILE_TLS_MEMBERS(HOSTILE_DECLARE)
#undef HOSTILE_DECLARE

#endif
