/* See test_ca.h. */
#include "test_ca.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DAY 86400

static FILE *create(const struct test_ca *ca, const char *name, const char *ext)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s.%s", ca->dir, name, ext);
	(void)remove(path); /* a new file, as renewal makes one */
	f = fopen(path, "w");
	if (f)
		(void)fchmod(fileno(f), 0600);
	return f;
}

static bool write_cert(const struct test_ca *ca, const char *name, X509 *cert)
{
	FILE *f = create(ca, name, "pem");
	bool ok = f && PEM_write_X509(f, cert) == 1;

	return f && fclose(f) == 0 && ok;
}

static bool write_key(const struct test_ca *ca, const char *name, EVP_PKEY *key, const char *password)
{
	FILE *f = create(ca, name, "key");
	int len = password ? (int)strlen(password) : 0;
	bool ok = f && PEM_write_PKCS8PrivateKey(f, key, password ? EVP_aes_128_cbc() : NULL,
						 password, len, NULL, NULL) == 1;

	return f && fclose(f) == 0 && ok;
}

static bool set_name(X509 *cert, const char *cn)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
					  (const unsigned char *)cn, -1, -1, 0) == 1;
}

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = e && X509_add_ext(cert, e, -1) == 1;

	X509_EXTENSION_free(e);
	return ok;
}

static X509 *new_cert(const char *cn, EVP_PKEY *key, long serial, long from_s, long until_s)
{
	X509 *cert = X509_new();

	if (cert && X509_set_version(cert, 2) == 1 && set_name(cert, cn) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial) == 1 &&
	    X509_gmtime_adj(X509_getm_notBefore(cert), from_s) &&
	    X509_gmtime_adj(X509_getm_notAfter(cert), until_s) && X509_set_pubkey(cert, key) == 1)
		return cert;
	X509_free(cert);
	return NULL;
}

bool test_ca_init(struct test_ca *ca, const char *dir, const char *name)
{
	char cn[80];

	*ca = (struct test_ca){.name = name, .serial = 1};
	(void)snprintf(ca->dir, sizeof(ca->dir), "%s", dir);
	(void)snprintf(cn, sizeof(cn), "Test %s", name);
	ca->key = EVP_EC_gen("P-256");
	ca->cert = ca->key ? new_cert(cn, ca->key, ca->serial++, -DAY, DAY) : NULL;
	return ca->cert && X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)) == 1 &&
	       add_extension(ca->cert, NID_basic_constraints, "critical,CA:TRUE") &&
	       add_extension(ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       X509_sign(ca->cert, ca->key, EVP_sha256()) > 0 && write_cert(ca, name, ca->cert);
}

void test_ca_deinit(struct test_ca *ca)
{
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	*ca = (struct test_ca){0};
}

long test_ca_issue(struct test_ca *ca, const struct test_cert *c)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	long serial = ca->serial++, until_s = c->until_s ? c->until_s : DAY;
	X509 *cert = key ? new_cert(c->cn ? c->cn : c->file, key, serial, c->from_s, until_s) : NULL;
	bool ok = cert && X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)) == 1 &&
		  add_extension(cert, NID_basic_constraints, "CA:FALSE") &&
		  add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
		  (!c->names || add_extension(cert, NID_subject_alt_name, c->names)) &&
		  X509_sign(cert, ca->key, EVP_sha256()) > 0 && write_cert(ca, c->file, cert) &&
		  write_key(ca, c->file, key, c->password);

	X509_free(cert);
	EVP_PKEY_free(key);
	return ok ? serial : 0;
}

static bool add_revoked(X509_CRL *crl, long serial)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_TIME *now = X509_gmtime_adj(NULL, -60);
	bool ok = r && number && now && ASN1_INTEGER_set(number, serial) == 1 &&
		  X509_REVOKED_set_serialNumber(r, number) == 1 &&
		  X509_REVOKED_set_revocationDate(r, now) == 1 && X509_CRL_add0_revoked(crl, r) == 1;

	ASN1_INTEGER_free(number);
	ASN1_TIME_free(now);
	if (!ok)
		X509_REVOKED_free(r);
	return ok;
}

bool test_ca_revoke(struct test_ca *ca, const long *serials, size_t n)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, -60), *until = X509_gmtime_adj(NULL, DAY);
	bool ok = crl && X509_CRL_set_version(crl, 1) == 1 &&
		  X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) == 1 &&
		  X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1;
	FILE *f;

	for (size_t i = 0; ok && i < n; i++)
		ok = add_revoked(crl, serials[i]);
	ok = ok && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0;
	f = ok ? create(ca, ca->name, "crl") : NULL;
	ok = f && PEM_write_X509_CRL(f, crl) == 1;
	ok = f && fclose(f) == 0 && ok;
	X509_CRL_free(crl);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return ok;
}
