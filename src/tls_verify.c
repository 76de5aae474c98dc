/* Whose certificate it is: the judgement of OpenSSL on the chain, then the name as OTP checks it (public_key.erl,
 * pkix_verify_hostname/3): the names of subjectAltName letter by letter, the common name only where there are none. Pure. */
#include "build_config.h"

#include "tls_priv.h"

#include "dns.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ASCII, whatever is in it. */
void gc_tls_name(const X509_NAME *name, char *buf, size_t len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		n = BIO_get_mem_data(bio, &text);
	(void)snprintf(buf, len, "%.*s", n > 0 ? (int)n : 0, n > 0 ? text : "");
	if (n <= 0)
		(void)snprintf(buf, len, "without a subject");
	BIO_free(bio);
}

/* ---- names ---- */

static bool is_text(const ASN1_STRING *s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)ASN1_STRING_length(s) == len &&
	       strncasecmp((const char *)ASN1_STRING_get0_data(s), text, len) == 0;
}

static bool is_address(const ASN1_STRING *s, const union gc_addr *addr)
{
	bool is_v6 = addr->sa.sa_family == AF_INET6;
	const void *bytes = is_v6 ? (const void *)&addr->in6.sin6_addr : &addr->in.sin_addr;
	int len = is_v6 ? 16 : 4;

	return ASN1_STRING_length(s) == len &&
	       memcmp(ASN1_STRING_get0_data(s), bytes, (size_t)len) == 0;
}

/* OTP takes the host of a node's name for a DNS name even if it is an address, so such certificates are about. */
static bool is_among(const GENERAL_NAMES *names, const char *host)
{
	union gc_addr addr;
	bool has_addr = gc_addr_parse(&addr, host, 0);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS && is_text(name->d.dNSName, host))
			return true;
		if (name->type == GEN_IPADD && has_addr && is_address(name->d.iPAddress, &addr))
			return true;
	}
	return false;
}

bool gc_tls_is_for(X509 *cert, const char *host, bool wildcards)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool has_names = names && sk_GENERAL_NAME_num(names) > 0;
	bool is_it = has_names && is_among(names, host);

	GENERAL_NAMES_free(names);
	if (is_it || (has_names && !wildcards))
		return is_it;
	return X509_check_host(cert, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

bool gc_tls_conn_allows(const struct gc_tls_conn *c, const char *node, char *why, size_t len)
{
	X509 *cert = SSL_get0_peer_certificate(c->ssl);
	char subject[160];

	if (!c->rules->check_client_name || !cert ||
	    gc_tls_is_for(cert, gc_name_host(node), c->rules->allows_wildcards))
		return true;
	gc_tls_name(X509_get_subject_name(cert), subject, sizeof(subject));
	(void)snprintf(why, len, "we refuse the certificate %s: not for %s", subject,
		       gc_name_host(node));
	return false;
}

/* ---- the callback ---- */

static struct gc_tls_conn *conn_of(X509_STORE_CTX *x)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());

	return SSL_get_app_data(ssl);
}

static void note(struct gc_tls_conn *c, X509_STORE_CTX *x)
{
	X509 *cert = X509_STORE_CTX_get_current_cert(x);

	c->verify_err = X509_STORE_CTX_get_error(x);
	if (cert)
		gc_tls_name(X509_get_subject_name(cert), c->refused, sizeof(c->refused));
}

int gc_tls_on_verify(int ok, X509_STORE_CTX *x)
{
	struct gc_tls_conn *c = conn_of(x);

	if (!ok && c->rules->crl == GC_TLS_CRL_BEST &&
	    X509_STORE_CTX_get_error(x) == X509_V_ERR_UNABLE_TO_GET_CRL) {
		X509_STORE_CTX_set_error(x, X509_V_OK);
		return 1;
	}
	if (ok && c->name && X509_STORE_CTX_get_error_depth(x) == 0 &&
	    !gc_tls_is_for(X509_STORE_CTX_get_current_cert(x), c->name, c->rules->allows_wildcards)) {
		X509_STORE_CTX_set_error(x, X509_V_ERR_HOSTNAME_MISMATCH);
		ok = 0;
	}
	if (!ok)
		note(c, x);
	return ok;
}
