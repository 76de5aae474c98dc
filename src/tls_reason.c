/* What went wrong with TLS, for people: who refused, why, and whose certificate it was about; see tls.h. Pure. */
#include "build_config.h"

#include "tls_priv.h"

#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <stdio.h>
#include <string.h>

#define HERE GC_STAGE_TLS

const char *gc_tls_error(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text ? text : "unknown error of OpenSSL";
}

/* ---- we refuse its certificate ---- */

static int from_verify(int err)
{
	switch (err) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return GC_ETLSEXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return GC_ETLSNOTYET;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return GC_ETLSHOST;
	case X509_V_ERR_CERT_REVOKED:
		return GC_ETLSREVOKED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_UNTRUSTED:
		return GC_ETLSUNKNOWNCA;
	default:
		return GC_ETLSBADCERT;
	}
}

static void refused_by_us(struct gc_tls_conn *c)
{
	bool is_name = c->verify_err == X509_V_ERR_HOSTNAME_MISMATCH;

	gc_fail_set(&c->fail, from_verify(c->verify_err), HERE, "we refuse the certificate %s: %s%s",
		    c->refused, is_name ? "not for " : X509_verify_cert_error_string(c->verify_err),
		    is_name ? c->name : "");
}

/* ---- it refuses ours, or something else of us ---- */

static int from_alert(int alert)
{
	switch (alert) {
	case SSL_AD_CERTIFICATE_EXPIRED:
		return GC_ETLSEXPIRED;
	case SSL_AD_CERTIFICATE_REVOKED:
		return GC_ETLSREVOKED;
	case SSL_AD_UNKNOWN_CA:
		return GC_ETLSUNKNOWNCA;
	case TLS13_AD_CERTIFICATE_REQUIRED:
		return GC_ETLSNOCERT;
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_ACCESS_DENIED:
		return GC_ETLSBADCERT;
	case SSL_AD_PROTOCOL_VERSION:
		return GC_ETLSVERSION;
	case SSL_AD_HANDSHAKE_FAILURE:
	case SSL_AD_INSUFFICIENT_SECURITY:
		return GC_ETLSHANDSHAKE;
	default:
		return GC_ETLS;
	}
}

/* Our certificate as the other side has seen it. */
static void our_name(const struct gc_tls_conn *c, char *buf, size_t len)
{
	X509 *cert = SSL_get_certificate(c->ssl);

	if (cert)
		gc_tls_name(X509_get_subject_name(cert), buf, len);
	else
		(void)snprintf(buf, len, "(none)");
}

static void refused_by_it(struct gc_tls_conn *c)
{
	char name[160];

	our_name(c, name, sizeof(name));
	gc_fail_set(&c->fail, from_alert(c->alert_in), HERE,
		    "the other side refused, alert: %s; our certificate: %s",
		    SSL_alert_desc_string_long(c->alert_in), name);
}

/* ---- it is something else ---- */

static bool is_dist(const uint8_t *p, size_t n)
{
	return n == 3 && p[0] < 2 && (p[2] == 'N' || p[2] == 'n' || p[2] == 's');
}

static void not_tls(struct gc_tls_conn *c)
{
	gc_fail_set(&c->fail, GC_ENOTTLS, HERE, "%s",
		    is_dist(c->first, c->n_first) ? "it speaks Erlang distribution over plain TCP" : "");
}

static void by_error(struct gc_tls_conn *c)
{
	unsigned long e = ERR_peek_last_error();

	switch (ERR_GET_REASON(e)) {
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		gc_fail_set(&c->fail, GC_ETLSNOCERT, HERE, "it shows no certificate");
		break;
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
		gc_fail_set(&c->fail, GC_ETLSVERSION, HERE, "%s", gc_tls_error());
		break;
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
	case SSL_R_NO_SUITABLE_KEY_SHARE:
		gc_fail_set(&c->fail, GC_ETLSHANDSHAKE, HERE, "%s", gc_tls_error());
		break;
	case SSL_R_EXCESSIVE_MESSAGE_SIZE:
		gc_fail_set(&c->fail, GC_ETOOBIG, HERE, "a message, or a chain of certificates, beyond our limit");
		break;
	case ERR_R_MALLOC_FAILURE:
		gc_fail_set(&c->fail, GC_ENOMEM, HERE, "out of memory");
		break;
	default:
		gc_fail_set(&c->fail, GC_ETLS, HERE, "%s", e ? gc_tls_error() : "");
		break;
	}
}

void gc_tls_reason(struct gc_tls_conn *c)
{
	if (c->verify_err)
		refused_by_us(c);
	else if (c->alert_in)
		refused_by_it(c);
	else if (!c->is_up && c->n_first > 0 && !gc_tls_looks_like(c->first, c->n_first) &&
		 c->first[0] != 20 && c->n_first >= 2)
		not_tls(c);
	else
		by_error(c);
	ERR_clear_error();
}

/* ---- the connection ended ---- */

void gc_tls_conn_ended(struct gc_tls_conn *c, int uv_err)
{
	int err = gc_err_from_uv(uv_err);

	if (c->is_up || c->fail.err)
		return;
	if (err == GC_ETIMEDOUT && !c->was_heard)
		gc_fail_set(&c->fail, err, HERE, "%s", c->node ? "no answer to our hello: does it speak TLS?" : "no hello");
	else if (err == GC_ETIMEDOUT)
		gc_fail_set(&c->fail, err, HERE, "in the middle of the TLS handshake");
	else if (!c->was_heard)
		gc_fail_set(&c->fail, err, HERE, "%s", c->node ? "instead of an answer to our hello: does it speak TLS?" : "before a hello");
	else
		gc_fail_set(&c->fail, err, HERE, "in the middle of the TLS handshake");
}
