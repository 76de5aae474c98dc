/* Inside of tls*.c; nobody else includes this. */
#ifndef GC_TLS_PRIV_H
#define GC_TLS_PRIV_H

#include "buf.h"
#include "err.h"
#include "log.h"
#include "name.h"
#include "tls.h"

#include <openssl/ssl.h>
#include <sys/stat.h>
#define HASH_NONFATAL_OOM 1
#include "hash.h"
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(element) ((void)(element)) /* its hh.tbl is NULL then */

/* ---- tls_file.c: files, read with care ---- */

/* Which file it was, when it was read; all zero: there was none. */
struct gc_tls_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed, modified;
};
void gc_tls_stamp(const char *path, struct gc_tls_stamp *stamp_r);
/* These tell in err which file and why; false: failed. */
bool gc_tls_load_chain(SSL_CTX *ctx, const char *file, char *err, size_t err_len);
bool gc_tls_load_key(SSL_CTX *ctx, const char *file, const char *password, char *err, size_t err_len);
bool gc_tls_load_authorities(SSL_CTX *ctx, const char *file, bool is_server, char *err,
			     size_t err_len);
bool gc_tls_load_crls(SSL_CTX *ctx, const char *file, char *err, size_t err_len);
bool gc_tls_load_crl_dir(SSL_CTX *ctx, const char *dir, char *err, size_t err_len);
bool gc_tls_load_dh(SSL_CTX *ctx, const char *file, char *err, size_t err_len);

/* ---- tls_context.c ---- */
SSL_CTX *gc_tls_context(const struct gc_tls_side *side, bool is_server, char *err, size_t err_len);

/* ---- tls.c ---- */
#define GC_TLS_FILES 12

struct gc_tls_session;
struct gc_tls {
	struct gc_tls_options o; /* strings are ours */
	SSL_CTX *server, *client;
	struct gc_tls_stamp stamps[GC_TLS_FILES];
	uint64_t looked_ms;
	struct gc_tls_session *sessions; /* to resume, by node; oldest first */
};

/* Takes s. */
void gc_tls_session_put(struct gc_tls *t, const char *node, SSL_SESSION *s);
void gc_tls_session_drop(struct gc_tls *t, const char *node);
/* Borrowed; NULL: none. */
SSL_SESSION *gc_tls_session_get(struct gc_tls *t, const char *node);

/* ---- tls_conn.c ---- */
int gc_tls_on_session(SSL *ssl, SSL_SESSION *s);
struct gc_tls_conn {
	struct gc_tls *t;
	SSL *ssl;
	const struct gc_tls_side *rules;
	char *node; /* that is dialled; NULL: we are the server */
	char *name; /* what its certificate must be for; NULL: anything */
	const uint8_t *in;
	size_t in_len, handshake_bytes;
	struct gc_buf wire;
	bool is_up, was_heard;
	uint8_t first[3]; /* of the peer's bytes */
	size_t n_first;
	int alert_in;	 /* a fatal one of the peer; 0: none (close_notify is none) */
	int verify_err;	 /* of OpenSSL: why we refuse its certificate */
	char refused[160]; /* whose */
	struct gc_fail fail;
};

/* ---- tls_verify.c ---- */
int gc_tls_on_verify(int ok, X509_STORE_CTX *x);
/* What must stand in a certificate for that host: an address or a DNS name. */
bool gc_tls_is_for(X509 *cert, const char *host, bool wildcards);
void gc_tls_name(const X509_NAME *name, char *buf, size_t len);

/* ---- tls_reason.c ---- */
/* Fills c->fail from what OpenSSL and the peer have said. */
void gc_tls_reason(struct gc_tls_conn *c);
/* The last error of OpenSSL, in words. */
const char *gc_tls_error(void);

#endif
