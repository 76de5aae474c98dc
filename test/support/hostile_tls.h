/* TLS under a connection of the hostile peer. OpenSSL works between two pieces of memory, so that
 * an attack can see and change each byte that goes out, and hold it back.
 *
 *   hostile_tls.c       contexts, handshake, bytes in and out; hostile_tls_none.c where there is no
 * OpenSSL hostile_seal.c      records of any type and content under the keys of a connection, which
 * OpenSSL would not send
 */
#ifndef TEST_HOSTILE_TLS_H
#define TEST_HOSTILE_TLS_H

#include "hostile.h"

/* Makes the contexts that h->tls asks for; false: told on stderr. */
bool tls_setup(struct hostile *h);
void tls_teardown(struct hostile *h);
/* The beginning of TLS on a connection: nothing has gone out yet. */
bool tls_start(struct hostile *h, struct peer *p, bool is_server);
bool tls_shake(struct peer *p, uint32_t within_ms);
void tls_free(struct peer *p); /* closes nothing; fine without TLS */
ssize_t tls_send_now(struct peer *p, const void *data, size_t len);
/* Once TLS has ended, by a goodbye or in an error, the end of the connection itself is waited for.
 */
ssize_t tls_read_now(struct peer *p, void *out, size_t len);
/* Records are on their way out. */
bool tls_is_sending(const struct peer *p);

/* ---- for attacks on TLS itself ---- */

#ifdef HOSTILE_TLS
#include <openssl/ssl.h>

struct tls_keys {
	uint8_t secret[32], key[16], iv[12]; /* of TLS 1.2: no secret, 4 bytes of iv */
	uint64_t seq;
};

struct peer_tls {
	SSL *ssl;
	BIO *in, *out; /* of ssl */
	struct frame pending;
	size_t gone; /* of pending */
	bool has_failed;
	int alert;	    /* that came in: its number; 0: none. Fatal ones, unless has_warning */
	uint8_t secret[32]; /* of TLS 1.3: for what a client sends once it is up */
	struct tls_keys keys;
	bool is_own;  /* records are sealed by us (hostile_seal.c) */
	size_t piece; /* plain bytes in each of them */
};

/* With another context, or other settings of it: it is taken. */
bool tls_start_with(struct peer *p, SSL_CTX *ctx, bool is_server);
/* A context as the good node has it; the caller frees it. */
SSL_CTX *tls_context(const struct hostile *h, bool is_server);
/* One step of the handshake: what wants to go out is taken into out instead of being sent. */
void tls_take(struct peer *p, struct frame *out);
/* Bytes that are sent as they are. */
bool tls_send_raw(struct peer *p, const void *data, size_t len);

/* hostile_seal.c. The client's records from now on are ours, piece bytes in each. To be called once
 * the handshake is done, before anything is sent behind it. */
bool seal_begin(struct peer *p, size_t piece);
/* A record with its header, behind what is in out. */
void seal(struct peer *p, uint8_t type, const void *data, size_t len, struct frame *out);
/* The same, sent. */
bool seal_send(struct peer *p, uint8_t type, const void *data, size_t len);
/* TLS 1.3: our next keys, after a KeyUpdate of ours. */
void seal_update(struct peer *p);
bool seal_is_13(const struct peer *p);
#endif

#endif
