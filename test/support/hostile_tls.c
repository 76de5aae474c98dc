/* TLS of the hostile peer: see hostile_tls.h. Full handshakes each time: nothing is resumed unless
 * an attack does it. */
#include "hostile_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX 16384
/* One suite of each version, so that hostile_seal.c need know one cipher. */
#define SUITE_12 "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
#define SUITE_13 "TLS_AES_128_GCM_SHA256"
#define SECRET "CLIENT_TRAFFIC_SECRET_0 "

/* ---- contexts ---- */

/* A line of an SSLKEYLOGFILE: what it is, the client's random, the secret in hexadecimal digits. */
static void on_secret(const SSL *ssl, const char *line)
{
	struct peer_tls *t = SSL_get_app_data(ssl);
	const char *hex = strrchr(line, ' ');
	unsigned byte;
	if (strncmp(line, SECRET, strlen(SECRET)) != 0 || strlen(hex + 1) != 2 * sizeof t->secret)
		return;
	for (size_t i = 0; i < sizeof t->secret && sscanf(hex + 1 + 2 * i, "%2x", &byte) == 1; i++)
		t->secret[i] = (uint8_t)byte;
}

static bool load(SSL_CTX *ctx, const struct hostile_tls *o)
{
	int version = o->version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;
	if (SSL_CTX_set_min_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_max_proto_version(ctx, version) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, SUITE_12) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, SUITE_13) != 1)
		return false;
	if (o->cert != NULL && (SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1 ||
				SSL_CTX_use_PrivateKey_file(ctx, o->cert, SSL_FILETYPE_PEM) != 1))
		return false;
	if (o->ca != NULL && SSL_CTX_load_verify_file(ctx, o->ca) != 1)
		return false;
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_keylog_callback(ctx, on_secret);
	return true;
}

SSL_CTX *tls_context(const struct hostile *h, bool is_server)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (ctx == NULL)
		abort();
	if (!load(ctx, &h->tls)) {
		fprintf(stderr, "hostile: --tls-cert, --tls-ca: %s\n",
			ERR_reason_error_string(ERR_peek_error()));
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (!is_server && h->tls.ca != NULL) /* the good node wants to know to whom it speaks */
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	return ctx;
}

bool tls_setup(struct hostile *h)
{
	if (!h->tls.is_on)
		return true;
	h->tls.client = tls_context(h, false);
	h->tls.server = h->tls.client != NULL ? tls_context(h, true) : NULL;
	return h->tls.server != NULL;
}

void tls_teardown(struct hostile *h)
{
	SSL_CTX_free(h->tls.client);
	SSL_CTX_free(h->tls.server);
}

/* ---- a connection ---- */

static void on_info(const SSL *ssl, int where, int value)
{
	struct peer_tls *t = SSL_get_app_data(ssl);
	if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
		t->alert = value & 0xff;
}

bool tls_start_with(struct peer *p, SSL_CTX *ctx, bool is_server)
{
	struct peer_tls *t = calloc(1, sizeof *t);
	if (t == NULL || (t->ssl = SSL_new(ctx)) == NULL)
		abort();
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (t->in == NULL || t->out == NULL)
		abort();
	SSL_set_bio(t->ssl, t->in, t->out);
	(void)SSL_set_app_data(t->ssl, t);
	SSL_set_info_callback(t->ssl, on_info);
	if (is_server)
		SSL_set_accept_state(t->ssl);
	else
		SSL_set_connect_state(t->ssl);
	p->tls = t;
	return true;
}

bool tls_start(struct hostile *h, struct peer *p, bool is_server)
{
	return tls_start_with(p, is_server ? h->tls.server : h->tls.client, is_server);
}

void tls_free(struct peer *p)
{
	struct peer_tls *t = p->tls;
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	frame_free(&t->pending);
	free(t);
	p->tls = NULL;
}

/* ---- bytes ---- */

void tls_take(struct peer *p, struct frame *out)
{
	char *data;
	ERR_clear_error();
	if (SSL_is_init_finished(p->tls->ssl) == 0)
		(void)SSL_do_handshake(p->tls->ssl);
	long len = BIO_get_mem_data(p->tls->out, &data);
	frame_bytes(out, data, (size_t)len);
	(void)BIO_reset(p->tls->out);
}

/* What OpenSSL wants to be sent; but not under keys that have become ours. */
static void gather(struct peer_tls *t)
{
	char *data;
	long len = BIO_get_mem_data(t->out, &data);
	if (!t->is_own)
		frame_bytes(&t->pending, data, (size_t)len);
	(void)BIO_reset(t->out);
}

/* 1: nothing is left; 0: later; -1: errno. */
static int flush(struct peer *p)
{
	struct peer_tls *t = p->tls;
	gather(t);
	while (t->gone < t->pending.len) {
		ssize_t n =
		    send(p->fd, t->pending.p + t->gone, t->pending.len - t->gone, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		t->gone += (size_t)n;
	}
	t->gone = t->pending.len = 0;
	return 1;
}

bool tls_is_sending(const struct peer *p)
{
	return p->tls->gone < p->tls->pending.len;
}

static bool encipher(struct peer *p, const void *data, size_t len)
{
	if (p->tls->is_own) {
		seal(p, SSL3_RT_APPLICATION_DATA, data, len, &p->tls->pending);
		return true;
	}
	ERR_clear_error();
	return SSL_write(p->tls->ssl, data, (int)len) == (int)len;
}

ssize_t tls_send_now(struct peer *p, const void *data, size_t len)
{
	struct peer_tls *t = p->tls;
	int flushed = flush(p);
	size_t piece = t->is_own ? t->piece : RECORD_MAX, at = 0;
	if (flushed <= 0) {
		errno = flushed == 0 ? EAGAIN : errno;
		return -1;
	}
	while (at < len && t->pending.len < RECORD_MAX) {
		size_t n = len - at < piece ? len - at : piece;
		if (!encipher(p, (const uint8_t *)data + at, n)) {
			errno = EPIPE;
			return -1;
		}
		gather(t);
		at += n;
	}
	return flush(p) < 0 ? -1 : (ssize_t)at;
}

bool tls_send_raw(struct peer *p, const void *data, size_t len)
{
	frame_bytes(&p->tls->pending, data, len);
	return peer_send(p, "", 0);
}

ssize_t tls_read_now(struct peer *p, void *out, size_t len)
{
	struct peer_tls *t = p->tls;
	static uint8_t data[65536];
	for (;;) {
		if (!t->has_failed) {
			ERR_clear_error();
			int n = SSL_read(t->ssl, out, (int)len);
			(void)flush(p);
			if (n > 0)
				return n;
			t->has_failed = SSL_get_error(t->ssl, n) != SSL_ERROR_WANT_READ;
		}
		if (t->alert == SSL_AD_NO_RENEGOTIATION) { /* OpenSSL takes no such answer */
			errno = EPROTO;
			return -1;
		}
		ssize_t n = recv(p->fd, data, sizeof data, 0);
		if (n <= 0)
			return n;
		if (!t->has_failed && BIO_write(t->in, data, (int)n) != n)
			abort();
	}
}

bool tls_shake(struct peer *p, uint32_t within_ms)
{
	static uint8_t data[16384];
	uint64_t due = now_ms() + within_ms;
	for (;;) {
		ERR_clear_error();
		int rc = SSL_do_handshake(p->tls->ssl);
		(void)flush(p);
		if (rc == 1)
			return peer_send(p, "", 0);
		if (SSL_get_error(p->tls->ssl, rc) != SSL_ERROR_WANT_READ)
			return false;
		ssize_t n;
		while ((n = recv(p->fd, data, sizeof data, 0)) < 0 &&
		       (errno == EAGAIN || errno == EINTR))
			if (!peer_await(p->fd, POLLIN, due))
				return false;
		if (n <= 0)
			return false;
		if (BIO_write(p->tls->in, data, (int)n) != n)
			abort();
	}
}
