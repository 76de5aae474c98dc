/* A certificate authority for tests: keys (P-256), certificates and revocation lists made by OpenSSL's library when they are
 * wanted, as PEM files in a directory of the test. */
#ifndef GC_TEST_CA_H
#define GC_TEST_CA_H

#include <openssl/x509.h>
#include <stdbool.h>

struct test_ca {
	char dir[256];
	const char *name; /* of its file, NAME.pem */
	EVP_PKEY *key;
	X509 *cert;
	long serial;
};

struct test_cert {
	const char *file;  /* FILE.pem (certificate) and FILE.key */
	const char *names; /* subjectAltName, as "DNS:a,IP:127.0.0.1"; NULL: none */
	const char *cn;	   /* NULL: FILE */
	long from_s, until_s; /* seconds from now; until 0: a day */
	const char *password; /* of the key; NULL: none */
};

/* dir must be there. */
bool test_ca_init(struct test_ca *ca, const char *dir, const char *name);
void test_ca_deinit(struct test_ca *ca);
/* The serial number of the certificate; 0: failed. */
long test_ca_issue(struct test_ca *ca, const struct test_cert *c);
/* Writes a list with these serial numbers to DIR/NAME.crl. */
bool test_ca_revoke(struct test_ca *ca, const long *serials, size_t n);

#endif
