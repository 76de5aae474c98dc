/* Records that OpenSSL would not send: empty ones, ones of any type, too long ones, with the keys
 * of a connection that stands. AES-128-GCM and SHA-256 only: hostile_tls.c offers nothing else.
 * (RFC 5246 and 5288; RFC 8446, 5.2 and 7) */
#include "hostile_tls.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define HASH 32
#define TAG 16
#define MASTER 48

bool seal_is_13(const struct peer *p)
{
	return SSL_version(p->tls->ssl) == TLS1_3_VERSION;
}

static void hmac(const uint8_t *key, size_t key_len, const struct frame *f, uint8_t *out)
{
	if (HMAC(EVP_sha256(), key, (int)key_len, f->p, f->len, out, NULL) == NULL)
		abort();
}

/* ---- keys ---- */

/* HKDF-Expand-Label, of no more than one block. */
static void expand(const uint8_t *secret, const char *label, uint8_t *out, size_t len)
{
	uint8_t block[HASH];
	struct frame f = {0};
	frame_u16(&f, (uint32_t)len);
	frame_byte(&f, (uint32_t)(6 + strlen(label)));
	frame_bytes(&f, "tls13 ", 6);
	frame_bytes(&f, label, strlen(label));
	frame_byte(&f, 0);
	frame_byte(&f, 1);
	hmac(secret, HASH, &f, block);
	memcpy(out, block, len);
	frame_free(&f);
}

static void keys_13(struct tls_keys *k)
{
	expand(k->secret, "key", k->key, sizeof k->key);
	expand(k->secret, "iv", k->iv, sizeof k->iv);
	k->seq = 0;
}

void seal_update(struct peer *p)
{
	struct tls_keys *k = &p->tls->keys;
	expand(k->secret, "traffic upd", k->secret, HASH);
	keys_13(k);
}

/* The two blocks of the key block that hold what a client writes with: key, (server's key), iv. */
static bool keys_12(struct peer *p)
{
	SSL *ssl = p->tls->ssl;
	uint8_t master[MASTER], block[2 * HASH], a[HASH], random[32];
	struct frame seed = {0}, f = {0};
	if (SSL_SESSION_get_master_key(SSL_get_session(ssl), master, MASTER) != MASTER)
		return false;
	frame_bytes(&seed, "key expansion", 13);
	frame_bytes(&seed, random, SSL_get_server_random(ssl, random, sizeof random));
	frame_bytes(&seed, random, SSL_get_client_random(ssl, random, sizeof random));
	frame_bytes(&f, seed.p, seed.len);
	for (size_t i = 0; i < 2; i++) {
		hmac(master, MASTER, &f, a); /* A(i + 1) */
		f.len = 0;
		frame_bytes(&f, a, HASH);
		frame_bytes(&f, seed.p, seed.len);
		hmac(master, MASTER, &f, block + i * HASH);
		f.len = HASH;
	}
	frame_free(&f);
	frame_free(&seed);
	memcpy(p->tls->keys.key, block, 16);
	memcpy(p->tls->keys.iv, block + 32, 4);
	p->tls->keys.seq = 1; /* Finished was the first */
	return true;
}

bool seal_begin(struct peer *p, size_t piece)
{
	struct peer_tls *t = p->tls;
	if (seal_is_13(p)) {
		memcpy(t->keys.secret, t->secret, HASH);
		keys_13(&t->keys);
	} else if (!keys_12(p)) {
		return false;
	}
	t->is_own = true;
	t->piece = piece;
	return true;
}

/* ---- records ---- */

/* Ciphertext and tag behind what is in out. */
static void encrypt(const struct tls_keys *k, const uint8_t nonce[12], const struct frame *aad,
		    const struct frame *plain, struct frame *out)
{
	static EVP_CIPHER_CTX *ctx;
	uint8_t tag[TAG], *sealed = malloc(plain->len + 1);
	int n, end;
	if (ctx == NULL)
		ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL || sealed == NULL ||
	    EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, k->key, nonce) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad->p, (int)aad->len) != 1)
		abort();
	n = 0;
	if (plain->len > 0 && EVP_EncryptUpdate(ctx, sealed, &n, plain->p, (int)plain->len) != 1)
		abort();
	if (EVP_EncryptFinal_ex(ctx, sealed + n, &end) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) != 1)
		abort();
	frame_bytes(out, sealed, plain->len);
	frame_bytes(out, tag, TAG);
	free(sealed);
}

static void head(struct frame *f, uint8_t type, size_t len)
{
	frame_byte(f, type);
	frame_u16(f, 0x0303);
	frame_u16(f, (uint32_t)len);
}

static void put_seq(struct frame *f, uint64_t seq)
{
	frame_u32(f, (uint32_t)(seq >> 32));
	frame_u32(f, (uint32_t)seq);
}

static void seal_12(struct tls_keys *k, uint8_t type, const struct frame *plain, struct frame *out)
{
	struct frame aad = {0}, nonce = {0};
	put_seq(&aad, k->seq);
	head(&aad, type, plain->len);
	frame_bytes(&nonce, k->iv, 4);
	put_seq(&nonce, k->seq);
	head(out, type, 8 + plain->len + TAG);
	put_seq(out, k->seq);
	encrypt(k, nonce.p, &aad, plain, out);
	frame_free(&nonce);
	frame_free(&aad);
}

static void seal_13(struct tls_keys *k, uint8_t type, struct frame *plain, struct frame *out)
{
	struct frame aad = {0};
	uint8_t nonce[12];
	memcpy(nonce, k->iv, sizeof nonce);
	for (unsigned i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(k->seq >> 8 * i);
	frame_byte(plain, type);
	head(&aad, SSL3_RT_APPLICATION_DATA, plain->len + TAG);
	frame_bytes(out, aad.p, aad.len);
	encrypt(k, nonce, &aad, plain, out);
	frame_free(&aad);
}

void seal(struct peer *p, uint8_t type, const void *data, size_t len, struct frame *out)
{
	struct frame plain = {0};
	frame_bytes(&plain, data, len);
	if (seal_is_13(p))
		seal_13(&p->tls->keys, type, &plain, out);
	else
		seal_12(&p->tls->keys, type, &plain, out);
	p->tls->keys.seq++;
	frame_free(&plain);
}

bool seal_send(struct peer *p, uint8_t type, const void *data, size_t len)
{
	seal(p, type, data, len, &p->tls->pending);
	return peer_send(p, "", 0);
}
