/* Attacks with certificates and sessions that are not what they seem. */
#include "hostile_tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHAKE_MS 10000

/* ---- certificates of our own ---- */

static X509 *make_cert(const char *cn, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key,
		       size_t fat)
{
	X509 *x = X509_new();
	char *comment = malloc(fat + 1);
	if (x == NULL || comment == NULL)
		abort();
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), (long)wire_random32());
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
				   (const uint8_t *)cn, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer != NULL ? issuer : x));
	X509_set_pubkey(x, key);
	memset(comment, 'x', fat);
	comment[fat] = 0;
	X509_EXTENSION *e =
	    fat > 0 ? X509V3_EXT_conf_nid(NULL, NULL, NID_netscape_comment, comment) : NULL;
	if (e != NULL)
		X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	if (X509_sign(x, issuer_key, EVP_sha256()) == 0)
		abort();
	free(comment);
	return x;
}

/* A chain of n, each of that many bytes and some, behind a certificate that is ours too, or the
 * good one. */
static void put_chain(SSL_CTX *ctx, unsigned n, size_t fat, bool is_good)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *above = NULL;
	char cn[32];
	for (unsigned i = 0; i <= n; i++) {
		snprintf(cn, sizeof cn, "level %u", n - i);
		X509 *x = make_cert(cn, key, above, key, fat);
		if (i < n)
			SSL_CTX_add1_chain_cert(ctx, x);
		else if (!is_good && (SSL_CTX_use_certificate(ctx, x) != 1 ||
				      SSL_CTX_use_PrivateKey(ctx, key) != 1))
			abort();
		X509_free(above);
		above = x;
	}
	X509_free(above);
	EVP_PKEY_free(key);
	/* The chain was made from its top. */
	STACK_OF(X509) *chain = NULL;
	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (int i = 0, k = sk_X509_num(chain) - 1; i < k; i++, k--) {
		X509 *x = sk_X509_value(chain, i);
		sk_X509_set(chain, i, sk_X509_value(chain, k));
		sk_X509_set(chain, k, x);
	}
}

/* Our own trust does not matter here. */
static SSL_CTX *context(const struct hostile *h, const char *cert)
{
	struct hostile own = *h;
	own.tls.cert = cert;
	SSL_CTX *ctx = tls_context(&own, false);
	if (ctx == NULL)
		exit(2);
	return ctx;
}

/* How far one comes with that context; *status_r as in peer_say_name. */
static bool try_name(struct hostile *h, SSL_CTX *ctx, struct peer *p, char *status_r)
{
	status_r[0] = 0;
	return peer_open_raw(h, p, 6) && tls_start_with(p, ctx, false) && tls_shake(p, SHAKE_MS) &&
	       peer_say_name(p, HOSTILE_NAME, WIRE_FLAGS_HIDDEN, status_r);
}

static bool is_kept_out(struct hostile *h, SSL_CTX *ctx, const char *what)
{
	struct peer p;
	char status[64];
	if (try_name(h, ctx, &p, status)) {
		peer_close(&p);
		return hostile_note(h, "%s: \"%s\"", what, status);
	}
	p.tls->has_failed = true; /* only the end is waited for */
	bool is_good = peer_is_cut(&p, h->cut_ms);
	hostile_note(h, "%s: %s", what, is_good ? "cut" : "not cut");
	peer_close(&p);
	return is_good;
}

bool attack_tls_certificates(struct hostile *h)
{
	char seen[sizeof h->note] = "";
	SSL_CTX *ctx = context(h, NULL);
	bool is_good = is_kept_out(h, ctx, "no certificate");
	put_chain(ctx, 0, 0, false);
	is_good = is_good && is_kept_out(h, ctx, "one of our own");
	SSL_CTX_free(ctx);
	for (size_t i = 0; i < h->tls.n_bad && is_good; i++) {
		ctx = context(h, h->tls.bad[i]);
		is_good = is_kept_out(h, ctx, h->tls.bad[i]);
		SSL_CTX_free(ctx);
	}
	if (!is_good)
		return false;
	snprintf(seen, sizeof seen, "none, our own, %zu others: none let in", h->tls.n_bad);
	return hostile_note(h, "%s", seen), true;
}

/* ---- chains ---- */

static bool chain_is_kept_out(struct hostile *h, unsigned n, size_t fat, const char *what)
{
	SSL_CTX *ctx = context(h, NULL);
	put_chain(ctx, n, fat, false);
	bool is_good = is_kept_out(h, ctx, what);
	SSL_CTX_free(ctx);
	return is_good;
}

/* What comes along with a good certificate harms nobody, and is not kept in masses. */
static bool chain_is_let_in(struct hostile *h, unsigned n, size_t fat, unsigned times)
{
	SSL_CTX *ctx = context(h, h->tls.cert);
	bool is_good = true;
	put_chain(ctx, n, fat, true);
	for (unsigned i = 0; i < times && is_good; i++) {
		struct peer p;
		char status[64];
		is_good = try_name(h, ctx, &p, status) && strncmp(status, "ok", 2) == 0;
		peer_close(&p);
	}
	SSL_CTX_free(ctx);
	return is_good || hostile_note(h, "a good certificate with %u others was not let in", n);
}

bool attack_tls_chain(struct hostile *h)
{
	return chain_is_kept_out(h, 9, 0, "a chain of 10") &&
	       chain_is_kept_out(h, 11, 0, "a chain of 12") &&
	       chain_is_kept_out(h, 100, 0, "a chain of 100") &&
	       chain_is_kept_out(h, 9, 5500, "a chain of 60 KB") &&
	       chain_is_kept_out(h, 24, 4000, "a chain of 100 KB") &&
	       chain_is_let_in(h, 20, 400, h->crowd / 4) &&
	       (hostile_note(h, "none let in; a good certificate with 20 others: %u times let in",
			     h->crowd / 4),
		true);
}

/* ---- sessions ---- */

/* A session as the target has given it to a good node. */
static SSL_SESSION *good_session(struct hostile *h, SSL_CTX *ctx)
{
	struct peer p;
	char status[64];
	SSL_SESSION *s = NULL;
	if (try_name(h, ctx, &p, status))
		s = SSL_get1_session(p.tls->ssl);
	peer_close(&p);
	return s;
}

/* The same but for some bits of what the target knows it by; NULL: it has no such thing. */
static SSL_SESSION *forge(struct hostile *h, SSL_SESSION *s)
{
	uint8_t *der = NULL, *at;
	const uint8_t *id, *p;
	unsigned id_len;
	size_t len;
	int der_len = i2d_SSL_SESSION(s, &der);
	if (SSL_SESSION_has_ticket(s)) {
		SSL_SESSION_get0_ticket(s, &id, &len);
	} else {
		id = SSL_SESSION_get_id(s, &id_len);
		len = id_len;
	}
	if (der_len <= 0 || len == 0 || (at = memmem(der, (size_t)der_len, id, len)) == NULL) {
		OPENSSL_free(der);
		return NULL;
	}
	for (unsigned n = 1 + hostile_random(h) % 8; n > 0; n--)
		at[hostile_random(h) % len] ^= (uint8_t)(1 + hostile_random(h) % 255);
	p = der;
	SSL_SESSION *forged = d2i_SSL_SESSION(NULL, &p, der_len);
	OPENSSL_free(der);
	return forged;
}

static bool is_not_resumed(struct hostile *h, SSL_CTX *ctx, SSL_SESSION *s)
{
	struct peer p;
	bool is_good = peer_open_raw(h, &p, 6) || hostile_note(h, "the target takes no connection");
	if (is_good) {
		tls_start_with(&p, ctx, false);
		SSL_set_session(p.tls->ssl, s);
		if (tls_shake(&p, SHAKE_MS) && SSL_session_reused(p.tls->ssl))
			is_good = hostile_note(
			    h, "a session that never was has been resumed (--seed %lu)",
			    (unsigned long)h->seed);
	}
	peer_close(&p);
	return is_good;
}

bool attack_tls_sessions(struct hostile *h)
{
	SSL_CTX *ctx = context(h, h->tls.cert);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_SESSION *s = good_session(h, ctx);
	bool is_good = s != NULL || hostile_note(h, "a good node gets no session");
	unsigned n = 0;
	for (; n < h->crowd / 5 && is_good; n++) {
		SSL_SESSION *forged = forge(h, s);
		if (forged == NULL)
			break; /* the target resumes nothing at all */
		is_good = is_not_resumed(h, ctx, forged);
		SSL_SESSION_free(forged);
	}
	SSL_SESSION_free(s);
	SSL_CTX_free(ctx);
	return is_good && (hostile_note(h, "%u forged sessions, none resumed", n), true);
}
