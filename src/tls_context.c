/* What OpenSSL is told about one role: versions, ciphers, sessions, whom to believe; see gen_cluster.conf(5). Pure but for
 * the files. */
#include "build_config.h"

#include "tls_priv.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* All certificates of a peer. OpenSSL reads each of them before it judges any, in 0.15 ms and 4 KB of memory: whoever asks us
 * to may be anybody. */
#define CHAIN_MAX_BYTES 16384
#define SESSIONS 1024 /* that a server remembers; a client, see tls.c */

static bool said(char *err, size_t err_len, const char *what)
{
	(void)snprintf(err, err_len, "%s: %s", what, gc_tls_error());
	return false;
}

static int number(uint8_t version)
{
	return version == 12 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

/* A list of ciphers that has none for a version leaves that version out. */
static bool set_versions(SSL_CTX *ctx, const struct gc_tls_side *side, char *err, size_t err_len)
{
	bool has_list = side->ciphers || side->suites;
	int min = side->min_version ? number(side->min_version) : TLS1_2_VERSION;
	int max = side->max_version ? number(side->max_version) : TLS1_3_VERSION;

	if (has_list && !side->suites && max > TLS1_2_VERSION)
		max = TLS1_2_VERSION;
	if (has_list && !side->ciphers && min < TLS1_3_VERSION)
		min = TLS1_3_VERSION;
	if (min > max) {
		(void)snprintf(err, err_len, "ciphers: none is for these versions");
		return false;
	}
	return (SSL_CTX_set_min_proto_version(ctx, min) == 1 &&
		SSL_CTX_set_max_proto_version(ctx, max) == 1) ||
	       said(err, err_len, "versions");
}

/* OTP takes the names of RFCs as well. */
static void translate(const char *list, struct gc_buf *b)
{
	while (*list) {
		size_t len = strcspn(list, ":");
		char one[80];
		const char *known;

		(void)snprintf(one, sizeof(one), "%.*s", (int)len, list);
		known = OPENSSL_cipher_name(one);
		if (b->len > 0)
			gc_buf_put_u8(b, ':');
		gc_buf_put_str(b, strcmp(known, "(NONE)") == 0 ? one : known);
		list += len + (list[len] == ':');
	}
	gc_buf_put_u8(b, 0);
}

static bool set_ciphers(SSL_CTX *ctx, const struct gc_tls_side *side, char *err, size_t err_len)
{
	struct gc_buf b = {0};
	bool ok = true;

	if (side->ciphers) {
		translate(side->ciphers, &b);
		ok = !b.failed && SSL_CTX_set_cipher_list(ctx, (const char *)b.data) == 1;
		gc_buf_deinit(&b);
	}
	if (ok && side->suites)
		ok = SSL_CTX_set_ciphersuites(ctx, side->suites) == 1;
	return ok || said(err, err_len, "ciphers");
}

/* Sessions are kept here, never in tickets: no key for those can leak, and new files end them all. */
static void set_sessions(SSL_CTX *ctx, const struct gc_tls_side *side, bool is_server)
{
	static const unsigned char us[] = "gen_cluster";

	(void)SSL_CTX_set_session_id_context(ctx, us, sizeof(us) - 1);
	(void)SSL_CTX_sess_set_cache_size(ctx, SESSIONS);
	(void)SSL_CTX_set_num_tickets(ctx, side->no_sessions ? 0 : 1);
	if (side->no_sessions)
		(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	else if (is_server)
		(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
	else
		(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
								  SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, gc_tls_on_session);
}

static void set_options(SSL_CTX *ctx, const struct gc_tls_side *side, bool is_server)
{
	uint64_t options = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_SINGLE_DH_USE;

	if (is_server)
		options |= SSL_OP_NO_TICKET;
	if (is_server && !side->no_order)
		options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
	(void)SSL_CTX_set_options(ctx, options);
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_max_cert_list(ctx, CHAIN_MAX_BYTES);
	(void)SSL_CTX_set_read_ahead(ctx, 0);
	(void)SSL_CTX_set_dh_auto(ctx, 1);
}

static bool set_trust(SSL_CTX *ctx, const struct gc_tls_side *side, bool is_server, char *err,
		      size_t err_len)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
	int mode = SSL_VERIFY_PEER | (side->must_have_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);

	if (!side->verify) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		return true;
	}
	SSL_CTX_set_verify(ctx, mode, gc_tls_on_verify);
	SSL_CTX_set_verify_depth(ctx, side->depth);
	if (side->crl == GC_TLS_CRL_PEER)
		(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_CRL_CHECK);
	else if (side->crl != GC_TLS_CRL_NO)
		(void)X509_VERIFY_PARAM_set_flags(param,
						  X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return gc_tls_load_authorities(ctx, side->cacertfile, is_server, err, err_len) &&
	       (!side->crlfile || gc_tls_load_crls(ctx, side->crlfile, err, err_len)) &&
	       (!side->crldir || gc_tls_load_crl_dir(ctx, side->crldir, err, err_len));
}

static bool set_identity(SSL_CTX *ctx, const struct gc_tls_side *side, char *err, size_t err_len)
{
	return !side->certfile || (gc_tls_load_chain(ctx, side->certfile, err, err_len) &&
				   gc_tls_load_key(ctx, side->keyfile, side->password, err, err_len));
}

SSL_CTX *gc_tls_context(const struct gc_tls_side *side, bool is_server, char *err, size_t err_len)
{
	SSL_CTX *ctx;

	ERR_clear_error();
	ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	if (!ctx) {
		(void)said(err, err_len, "OpenSSL");
		return NULL;
	}
	set_options(ctx, side, is_server);
	set_sessions(ctx, side, is_server);
	if (set_versions(ctx, side, err, err_len) && set_ciphers(ctx, side, err, err_len) &&
	    set_identity(ctx, side, err, err_len) && set_trust(ctx, side, is_server, err, err_len) &&
	    (!side->dhfile || gc_tls_load_dh(ctx, side->dhfile, err, err_len)))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}
