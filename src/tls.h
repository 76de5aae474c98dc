/* TLS under the connections of the node (docs: gen_cluster.conf(5), tls). Two things: the certificates and rules of a
 * node (struct gc_tls), which look after their files, and one connection (struct gc_tls_conn), which turns
 * bytes of the wire into plain bytes and back. No sockets, no timers, no file but certificates: conn.c moves the bytes.
 * Loop thread. Without OpenSSL (HAVE_TLS) tls_none.c stands for all of it: nothing can be created.
 *
 *   tls.c  of a node: renewal, sessions   tls_context.c  what OpenSSL is told   tls_file.c  files, read with care
 *   tls_conn.c  one connection            tls_verify.c  whose certificate it is   tls_reason.c  what went wrong, in words
 *   config_tls.c  the options
 * Protocol: RFC 5246, 8446; what OTP does with it: inet_tls_dist.erl (facts, section 2). */
#ifndef GC_TLS_H
#define GC_TLS_H

#include "buf.h"
#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- what can be configured ---- */

enum gc_tls_crl {
	GC_TLS_CRL_NO = 0,
	GC_TLS_CRL_ALL,	 /* the whole chain */
	GC_TLS_CRL_PEER, /* its end only */
	GC_TLS_CRL_BEST, /* the whole chain, as far as there are lists */
};

/* Of one role. Strings: NULL is not given. Versions: 0 is not given, else 12 or 13. */
struct gc_tls_side {
	const char *certfile, *keyfile, *password, *cacertfile, *crlfile, *crldir, *dhfile;
	const char *ciphers, *suites; /* OpenSSL's names, ':' between; of TLS 1.2, of TLS 1.3 */
	const char *server_name;      /* client: what is asked for and checked instead of the host of the name */
	enum gc_tls_crl crl;
	uint8_t min_version, max_version, depth;
	bool verify, must_have_cert, allows_any_name, allows_wildcards, no_sessions, no_order;
	bool check_client_name; /* server: the certificate must be for the host of the name that is claimed */
	bool has_verify, has_must_have_cert, has_crl, has_client_name; /* given */
};

#define GC_TLS_DEPTH 10 /* as in OTP */

struct gc_tls_options {
	struct gc_tls_side server, client;
	const char *optfile; /* where they come from, or NULL */
	const char *ignored; /* names of options that were passed over, or NULL */
};

/* There is OpenSSL in this program. */
bool gc_tls_is_built(void);

/* ---- of a node ---- */

struct gc_tls;
/* Reads the files; blocks for that. o: copied. On error a sentence in err. */
int gc_tls_create(const struct gc_tls_options *o, struct gc_tls **tls_r, char *err, size_t err_len);
/* New options, new files. On error everything stays as it was. */
int gc_tls_configure(struct gc_tls *t, const struct gc_tls_options *o, char *err, size_t err_len);
/* Its connections may live on. NULL is fine. */
void gc_tls_destroy(struct gc_tls *t);
/* If the files have changed they are read again; bad ones are told in the log, and the old ones go on being used. Looks
 * at them once a second at most. */
void gc_tls_look(struct gc_tls *t, uint64_t now_ms);

/* ---- a connection ---- */

struct gc_tls_conn;
/* node: the name of the node that is dialled; NULL: we are the server. NULL: out of memory. */
struct gc_tls_conn *gc_tls_conn_create(struct gc_tls *t, const char *node);
void gc_tls_conn_destroy(struct gc_tls_conn *c); /* NULL is fine */
/* The client's first words. */
void gc_tls_conn_begin(struct gc_tls_conn *c);
/* Bytes from the peer: borrowed until gc_tls_conn_read has returned 0 or an error. */
void gc_tls_conn_feed(struct gc_tls_conn *c, const uint8_t *p, size_t len);
/* The next plain bytes: how many; 0: no more by now. Negative: UV_EOF (the peer has said goodbye) or UV_EPROTO (see
 * gc_tls_conn_fail); nothing is read after that. There may be bytes to send in any case. */
int gc_tls_conn_read(struct gc_tls_conn *c, uint8_t *out, size_t len);
/* The handshake is done: plain bytes may be sent. */
bool gc_tls_conn_is_up(const struct gc_tls_conn *c);
/* Takes all of plain, if it is up. 0, UV_ENOMEM or UV_EPROTO. */
int gc_tls_conn_write(struct gc_tls_conn *c, struct gc_buf *plain);
/* What is to be sent to the peer; the caller takes it out. */
struct gc_buf *gc_tls_conn_wire(struct gc_tls_conn *c);
/* Says goodbye, if there is anybody to say it to. */
void gc_tls_conn_bye(struct gc_tls_conn *c);
/* The connection has ended (a libuv error, UV_ETIMEDOUT: our time is up): if that was in the TLS handshake, that is the
 * failure. */
void gc_tls_conn_ended(struct gc_tls_conn *c, int uv_err);
/* err 0: none. */
const struct gc_fail *gc_tls_conn_fail(const struct gc_tls_conn *c);
/* A client says that it is that node: may it, by its certificate and our rules? If not, why. */
bool gc_tls_conn_allows(const struct gc_tls_conn *c, const char *node, char *why, size_t len);
/* The subject of the peer's certificate, "" if there is none. */
void gc_tls_conn_subject(const struct gc_tls_conn *c, char *buf, size_t len);

/* The first bytes of a record of TLS (a hello or an alert) where plain words were expected. */
bool gc_tls_looks_like(const uint8_t *p, size_t len);

#endif
