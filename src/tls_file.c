/* Certificates, keys and revocation lists from files. A file is opened once, judged by its descriptor, and read whole; what
 * held a key is wiped. Nothing ever asks at a terminal. Blocks for the reads: small regular files, at start and when they
 * have changed. */
#include "build_config.h"

#include "tls_priv.h"
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)
#define CERTIFICATES_MAX 1000 /* in one file */

struct bytes {
	uint8_t *p;
	size_t len;
	BIO *bio;
};

static bool failed(const char *file, const char *why, char *err, size_t err_len)
{
	(void)snprintf(err, err_len, "%s: %s", file, why);
	return false;
}

void gc_tls_stamp(const char *path, struct gc_tls_stamp *stamp_r)
{
	struct stat st;

	memset(stamp_r, 0, sizeof(*stamp_r)); /* compared as bytes */
	if (!path || stat(path, &st) != 0)
		return;
	stamp_r->dev = st.st_dev;
	stamp_r->ino = st.st_ino;
	stamp_r->size = st.st_size;
	stamp_r->changed = st.st_ctim;
	stamp_r->modified = st.st_mtim;
}

/* ---- bytes ---- */

static void release(struct bytes *b)
{
	BIO_free(b->bio);
	if (b->p)
		explicit_bzero(b->p, b->len);
	free(b->p);
	*b = (struct bytes){0};
}

/* Its owner and its group may read a key (a mounted secret is root's, and readable by our group), nobody else. */
static const char *judge(const struct stat *st, bool is_key)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_size > (off_t)FILE_MAX_BYTES)
		return "larger than 1 MiB";
	if (!is_key)
		return NULL;
	if (st->st_mode & (S_IRWXO | S_IWGRP))
		return "holds a key, and others may read or its group may write it (chmod 640 or 600)";
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return "holds a key, and belongs neither to us nor to root";
	return NULL;
}

static const char *read_bytes(int fd, struct bytes *b)
{
	size_t at = 0;

	while (at < b->len) {
		ssize_t n = read(fd, b->p + at, b->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return strerror(errno);
		if (n == 0)
			break;
		at += (size_t)n;
	}
	b->bio = BIO_new_mem_buf(b->p, (int)at);
	return b->bio ? NULL : "out of memory";
}

static const char *take_bytes(int fd, bool is_key, struct bytes *b)
{
	const char *why;
	struct stat st;

	why = fstat(fd, &st) == 0 ? judge(&st, is_key) : strerror(errno);
	if (!why) {
		b->len = (size_t)st.st_size;
		b->p = malloc(b->len + 1);
		why = b->p ? read_bytes(fd, b) : "out of memory";
	}
	return why;
}

static bool open_file(const char *file, bool is_key, struct bytes *b, char *err, size_t err_len)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why;
	bool ok;

	*b = (struct bytes){0};
	ERR_clear_error();
	if (fd < 0)
		return failed(file, strerror(errno), err, err_len);
	why = take_bytes(fd, is_key, b);
	ok = why ? failed(file, why, err, err_len) : gc_trust_file(fd, file, err, err_len) == 0;
	(void)close(fd);
	if (!ok)
		release(b);
	return ok;
}

/* The end of the file, or something that is no PEM? */
static bool is_at_end(void)
{
	bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

	if (is_end)
		ERR_clear_error();
	return is_end;
}

/* ---- who we are ---- */

static int no_password(char *buf, int size, int is_writing, void *password)
{
	size_t len = password ? strlen(password) : 0;

	(void)is_writing;
	if (len == 0 || len > (size_t)size)
		return -1;
	memcpy(buf, password, len);
	return (int)len;
}

static bool add_chain(SSL_CTX *ctx, struct bytes *b)
{
	X509 *cert = PEM_read_bio_X509_AUX(b->bio, NULL, no_password, NULL);
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;

	X509_free(cert);
	for (int i = 0; ok && i < CERTIFICATES_MAX; i++) {
		cert = PEM_read_bio_X509(b->bio, NULL, no_password, NULL);
		if (!cert)
			return is_at_end();
		ok = SSL_CTX_add0_chain_cert(ctx, cert) == 1;
		if (!ok)
			X509_free(cert);
	}
	return ok;
}

bool gc_tls_load_chain(SSL_CTX *ctx, const char *file, char *err, size_t err_len)
{
	struct bytes b;
	bool ok;

	if (!open_file(file, false, &b, err, err_len))
		return false;
	ok = add_chain(ctx, &b);
	release(&b);
	return ok || failed(file, gc_tls_error(), err, err_len);
}

bool gc_tls_load_key(SSL_CTX *ctx, const char *file, const char *password, char *err, size_t err_len)
{
	struct bytes b;
	EVP_PKEY *key;
	bool ok;

	if (!open_file(file, true, &b, err, err_len))
		return false;
	key = PEM_read_bio_PrivateKey(b.bio, NULL, no_password, (void *)(uintptr_t)password);
	release(&b);
	if (!key)
		return failed(file, password ? "no key that this password opens" : "no key (or password is missing)",
			      err, err_len);
	ok = SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
	EVP_PKEY_free(key);
	return ok || failed(file, "the key does not belong to the certificate", err, err_len);
}

bool gc_tls_load_dh(SSL_CTX *ctx, const char *file, char *err, size_t err_len)
{
	struct bytes b;
	EVP_PKEY *dh;

	if (!open_file(file, false, &b, err, err_len))
		return false;
	dh = PEM_read_bio_Parameters(b.bio, NULL);
	release(&b);
	if (dh && SSL_CTX_set0_tmp_dh_pkey(ctx, dh) == 1)
		return true;
	EVP_PKEY_free(dh);
	return failed(file, "no parameters of Diffie-Hellman", err, err_len);
}

/* ---- whom we trust ---- */

static bool add_authority(SSL_CTX *ctx, X509 *cert, bool is_server)
{
	/* A server names those whose certificates it wants. */
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1 &&
	       (!is_server || SSL_CTX_add_client_CA(ctx, cert) == 1);
}

bool gc_tls_load_authorities(SSL_CTX *ctx, const char *file, bool is_server, char *err,
			     size_t err_len)
{
	struct bytes b;
	bool ok = true;
	int n = 0;

	if (!open_file(file, false, &b, err, err_len))
		return false;
	for (; ok && n < CERTIFICATES_MAX; n++) {
		X509 *cert = PEM_read_bio_X509(b.bio, NULL, no_password, NULL);

		if (!cert)
			break;
		ok = add_authority(ctx, cert, is_server);
		X509_free(cert);
	}
	ok = ok && n > 0 && (n == CERTIFICATES_MAX || is_at_end());
	release(&b);
	return ok || failed(file, n == 0 ? "no certificate" : gc_tls_error(), err, err_len);
}

static int add_crls(SSL_CTX *ctx, struct bytes *b)
{
	int n = 0;

	for (X509_CRL *crl; n >= 0 && n < CERTIFICATES_MAX &&
			    (crl = PEM_read_bio_X509_CRL(b->bio, NULL, no_password, NULL));) {
		n = X509_STORE_add_crl(SSL_CTX_get_cert_store(ctx), crl) == 1 ? n + 1 : -1;
		X509_CRL_free(crl);
	}
	return n < 0 || !is_at_end() ? -1 : n;
}

bool gc_tls_load_crls(SSL_CTX *ctx, const char *file, char *err, size_t err_len)
{
	struct bytes b;
	int n;

	if (!open_file(file, false, &b, err, err_len))
		return false;
	n = add_crls(ctx, &b);
	release(&b);
	return n > 0 || failed(file, n == 0 ? "no revocation list" : gc_tls_error(), err, err_len);
}

/* The names that ssl_crl_hash_dir reads: HASH.rN. */
static bool is_crl_name(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	return n == 8 && name[n] == '.' && name[n + 1] == 'r' &&
	       strspn(name + n + 2, "0123456789") == strlen(name + n + 2);
}

bool gc_tls_load_crl_dir(SSL_CTX *ctx, const char *dir, char *err, size_t err_len)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[4096];
	bool ok = true;

	if (!d)
		return failed(dir, strerror(errno), err, err_len);
	while (ok && (e = readdir(d))) {
		if (!is_crl_name(e->d_name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		ok = gc_tls_load_crls(ctx, path, err, err_len);
	}
	(void)closedir(d);
	return ok;
}
