/* One connection: OpenSSL between two pieces of memory. What comes in is lent to it for one call and used up by it (it keeps
 * at most one record, of 16 KiB); what goes out is gathered. Before the handshake is done the peer may send so much
 * and no more. Owner: the connection (conn.c). Loop thread. */
#include "build_config.h"

#include "tls_priv.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* Two flights with a long chain; OpenSSL bounds each message. */
#define HANDSHAKE_MAX_BYTES (128u << 10)
/* Who comes with more certificates than that is not resumed. */
#define REMEMBERED_CHAIN 4

/* ---- the memory that OpenSSL takes for a socket ---- */

static int on_bio_read(BIO *bio, char *buf, size_t len, size_t *n_r)
{
	struct gc_tls_conn *c = BIO_get_data(bio);
	size_t n = c->in_len < len ? c->in_len : len;

	BIO_clear_retry_flags(bio);
	*n_r = n;
	if (n == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	memcpy(buf, c->in, n);
	c->in += n;
	c->in_len -= n;
	return 1;
}

static int on_bio_write(BIO *bio, const char *buf, size_t len, size_t *n_r)
{
	struct gc_tls_conn *c = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	gc_buf_put(&c->wire, buf, len);
	*n_r = c->wire.failed ? 0 : len;
	return !c->wire.failed;
}

static long on_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

/* One for the life of the process. */
static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gen_cluster");
	if (!m)
		return NULL;
	(void)BIO_meth_set_read_ex(m, on_bio_read);
	(void)BIO_meth_set_write_ex(m, on_bio_write);
	(void)BIO_meth_set_ctrl(m, on_bio_ctrl);
	return m;
}

/* ---- what OpenSSL tells ---- */

static void on_info(const SSL *ssl, int where, int value)
{
	struct gc_tls_conn *c = SSL_get_app_data(ssl);
	bool is_fatal = value >> 8 == SSL3_AL_FATAL;

	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && is_fatal)
		c->alert_in = value & 0xff;
}

int gc_tls_on_session(SSL *ssl, SSL_SESSION *s)
{
	struct gc_tls_conn *c = SSL_get_app_data(ssl);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

	/* A session holds all that the peer has sent, whether anything came of it or not. */
	if (chain && sk_X509_num(chain) > REMEMBERED_CHAIN) {
		(void)SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), s);
		return 0;
	}
	/* Of an old context: it was judged by files that are no more. */
	if (!c->node || SSL_get_SSL_CTX(ssl) != c->t->client || !SSL_SESSION_is_resumable(s))
		return 0;
	gc_tls_session_put(c->t, c->node, s);
	return 1;
}

/* ---- create ---- */

static void resume(struct gc_tls_conn *c)
{
	SSL_SESSION *s = c->rules->no_sessions ? NULL : gc_tls_session_get(c->t, c->node);

	if (!s)
		return;
	(void)SSL_set_session(c->ssl, s);
	if (SSL_SESSION_get_protocol_version(s) == TLS1_3_VERSION)
		gc_tls_session_drop(c->t, c->node); /* a ticket is for one use */
}

static bool is_address(const char *host)
{
	return strchr(host, ':') || host[strspn(host, "0123456789.")] == '\0';
}

/* The host of the name is asked for and checked, unless the rules have another name, or none. An address is not
 * asked for (RFC 6066, 3), but checked. */
static bool set_name(struct gc_tls_conn *c)
{
	if (c->rules->allows_any_name)
		return true;
	c->name = strdup(c->rules->server_name ? c->rules->server_name : gc_name_host(c->node));
	return c->name &&
	       (is_address(c->name) || SSL_set_tlsext_host_name(c->ssl, c->name) == 1);
}

static bool set_client(struct gc_tls_conn *c, const char *node)
{
	c->node = strdup(node);
	if (!c->node || !set_name(c))
		return false;
	SSL_set_connect_state(c->ssl);
	resume(c);
	return true;
}

static bool set_ssl(struct gc_tls_conn *c, SSL_CTX *ctx)
{
	BIO_METHOD *m = bio_method();
	BIO *bio = m ? BIO_new(m) : NULL;

	c->ssl = bio ? SSL_new(ctx) : NULL;
	if (!c->ssl) {
		BIO_free(bio);
		return false;
	}
	BIO_set_data(bio, c);
	BIO_set_init(bio, 1);
	SSL_set_bio(c->ssl, bio, bio);
	(void)SSL_set_app_data(c->ssl, c);
	SSL_set_info_callback(c->ssl, on_info);
	return true;
}

struct gc_tls_conn *gc_tls_conn_create(struct gc_tls *t, const char *node)
{
	struct gc_tls_conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->t = t;
	c->rules = node ? &t->o.client : &t->o.server;
	ERR_clear_error();
	if (!set_ssl(c, node ? t->client : t->server) || (node && !set_client(c, node))) {
		gc_tls_conn_destroy(c);
		return NULL;
	}
	if (!node)
		SSL_set_accept_state(c->ssl);
	return c;
}

void gc_tls_conn_destroy(struct gc_tls_conn *c)
{
	if (!c)
		return;
	SSL_free(c->ssl);
	gc_buf_deinit(&c->wire);
	free(c->node);
	free(c->name);
	free(c);
}

/* ---- bytes ---- */

static int failed(struct gc_tls_conn *c)
{
	c->in_len = 0;
	if (c->wire.failed) {
		gc_fail_set(&c->fail, GC_ENOMEM, GC_STAGE_TLS, "out of memory");
		return UV_ENOMEM;
	}
	gc_tls_reason(c);
	if (c->node)
		gc_tls_session_drop(c->t, c->node);
	return UV_EPROTO;
}

static void tell(const struct gc_tls_conn *c)
{
	char subject[160];

	gc_tls_conn_subject(c, subject, sizeof(subject));
	gc_log(GC_LOG_DEBUG, "tls", "%s%s%s: %s, %s; certificate %s", c->node ? "to " : "from a client",
	       c->node ? c->node : "", SSL_session_reused(c->ssl) ? ", resumed" : "",
	       SSL_get_version(c->ssl), SSL_get_cipher_name(c->ssl),
	       *subject ? subject : "(none)");
}

/* 1: up; 0: not yet; negative as gc_tls_conn_read. */
static int shake(struct gc_tls_conn *c)
{
	int rc;

	if (c->is_up)
		return 1;
	ERR_clear_error();
	rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		c->is_up = true;
		tell(c);
		return 1;
	}
	if (SSL_get_error(c->ssl, rc) != SSL_ERROR_WANT_READ || c->wire.failed)
		return failed(c);
	if (c->handshake_bytes > HANDSHAKE_MAX_BYTES) {
		gc_fail_set(&c->fail, GC_ETOOBIG, GC_STAGE_TLS, "too much for a TLS handshake");
		return UV_EPROTO;
	}
	return 0;
}

void gc_tls_conn_begin(struct gc_tls_conn *c)
{
	(void)shake(c);
}

static void keep_first(struct gc_tls_conn *c, const uint8_t *p, size_t len)
{
	while (c->n_first < sizeof(c->first) && len-- > 0)
		c->first[c->n_first++] = *p++;
}

void gc_tls_conn_feed(struct gc_tls_conn *c, const uint8_t *p, size_t len)
{
	keep_first(c, p, len);
	c->was_heard |= len > 0;
	c->in = p;
	c->in_len = len;
	if (!c->is_up)
		c->handshake_bytes += len;
}

int gc_tls_conn_read(struct gc_tls_conn *c, uint8_t *out, size_t len)
{
	size_t n = 0;
	int rc;

	if (c->fail.err)
		return UV_EPROTO;
	rc = shake(c);
	if (rc <= 0)
		return rc;
	ERR_clear_error();
	if (SSL_read_ex(c->ssl, out, len, &n) == 1)
		return (int)n;
	switch (SSL_get_error(c->ssl, 0)) {
	case SSL_ERROR_WANT_READ:
		return c->wire.failed ? failed(c) : 0;
	case SSL_ERROR_ZERO_RETURN:
		return UV_EOF;
	default:
		return failed(c);
	}
}

bool gc_tls_conn_is_up(const struct gc_tls_conn *c)
{
	return c->is_up;
}

int gc_tls_conn_write(struct gc_tls_conn *c, struct gc_buf *plain)
{
	size_t n = 0;

	if (!c->is_up || plain->len == 0)
		return 0;
	if (c->fail.err)
		return UV_EPROTO;
	ERR_clear_error();
	if (SSL_write_ex(c->ssl, plain->data, plain->len, &n) != 1 || n != plain->len)
		return failed(c);
	gc_buf_deinit(plain);
	return 0;
}

struct gc_buf *gc_tls_conn_wire(struct gc_tls_conn *c)
{
	return &c->wire;
}

void gc_tls_conn_bye(struct gc_tls_conn *c)
{
	if (!c->is_up || c->fail.err)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(c->ssl);
	ERR_clear_error();
}

/* ---- questions ---- */

const struct gc_fail *gc_tls_conn_fail(const struct gc_tls_conn *c)
{
	return &c->fail;
}

void gc_tls_conn_subject(const struct gc_tls_conn *c, char *buf, size_t len)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);

	if (cert)
		gc_tls_name(X509_get_subject_name(cert), buf, len);
	else if (len > 0)
		buf[0] = '\0';
}
