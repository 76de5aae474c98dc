/* What lies between TLS and the frames (tls_conn.c): a server of ours and a client of OpenSSL's, over memory. The input is what
 * happens on the way: plain bytes are written, records are delivered in pieces, bits are flipped, keys are changed, rubbish
 * comes. Whatever it is, no byte is read that was not written, none in another order, and after a failure none at all. */
#include "build_config.h"

#include "fuzz.h"

#ifndef HAVE_TLS

FUZZ_TARGET(tls)
{
	(void)data;
	(void)len;
	return 0;
}

#else

#include "../support/test_ca.h"
#include "buf.h"
#include "log.h"
#include "tls.h"

#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define WIRE_MAX_BYTES (64u << 10) /* what a server may have to say, at the most */

struct way {
	struct gc_tls_conn *server;
	SSL *client;
	struct gc_buf sent; /* plain bytes that the client has written */
	size_t got;	    /* of them, at the server */
	bool is_over, is_hurt;
};

static SSL_CTX *client_ctx;
static struct gc_tls *tls;

static void quiet(void *arg, enum gc_log_level level, const char *area, const char *line)
{
	(void)arg;
	(void)level;
	(void)area;
	(void)line;
}

/* ---- once ---- */

static void make_contexts(const char *pem, const char *key)
{
	struct gc_tls_options o = {.server = {.certfile = pem, .keyfile = key, .depth = GC_TLS_DEPTH},
				   .client = {.depth = GC_TLS_DEPTH}};
	char err[512];

	gc_log_open(quiet, NULL, GC_LOG_ERROR);
	FUZZ_REQUIRE(gc_tls_create(&o, &tls, err, sizeof(err)) == 0);
	client_ctx = SSL_CTX_new(TLS_client_method());
	FUZZ_REQUIRE(client_ctx);
}

static void make(void)
{
	const struct test_cert c = {.file = "node"};
	char dir[] = "/tmp/fuzz_tls.XXXXXX", pem[64], key[64], ca_pem[64];
	struct test_ca ca;

	FUZZ_REQUIRE(mkdtemp(dir) && test_ca_init(&ca, dir, "ca") && test_ca_issue(&ca, &c));
	test_ca_deinit(&ca);
	(void)snprintf(pem, sizeof(pem), "%s/node.pem", dir);
	(void)snprintf(key, sizeof(key), "%s/node.key", dir);
	(void)snprintf(ca_pem, sizeof(ca_pem), "%s/ca.pem", dir);
	make_contexts(pem, key);
	FUZZ_REQUIRE(unlink(pem) == 0 && unlink(key) == 0 && unlink(ca_pem) == 0 && rmdir(dir) == 0);
}

/* ---- the way from one to the other ---- */

static void check(struct way *w, const uint8_t *p, size_t n)
{
	FUZZ_REQUIRE(!w->is_over && n <= w->sent.len - w->got);
	FUZZ_REQUIRE(memcmp(w->sent.data + w->got, p, n) == 0);
	w->got += n;
}

static void deliver(struct way *w, const uint8_t *p, size_t len)
{
	static uint8_t out[16384];
	int n;

	gc_tls_conn_feed(w->server, p, len);
	while ((n = gc_tls_conn_read(w->server, out, sizeof(out))) > 0)
		check(w, out, (size_t)n);
	FUZZ_REQUIRE(n == 0 || n == UV_EOF || n == UV_EPROTO);
	FUZZ_REQUIRE((n == UV_EPROTO) == (gc_tls_conn_fail(w->server)->err != 0));
	FUZZ_REQUIRE(!w->is_over || n != 0);
	w->is_over = n < 0;
	FUZZ_REQUIRE(gc_tls_conn_wire(w->server)->len < WIRE_MAX_BYTES);
}

/* At most so many bytes of what the client has written; one of them changed, if flip is not 0. */
static void forward(struct way *w, size_t max, uint8_t flip, size_t at)
{
	uint8_t piece[512];
	int n = BIO_read(SSL_get_wbio(w->client), piece, max < sizeof(piece) ? (int)max : 512);

	if (n <= 0)
		return;
	piece[at % (size_t)n] ^= flip;
	w->is_hurt |= flip != 0;
	deliver(w, piece, (size_t)n);
}

static void back(struct way *w)
{
	struct gc_buf *wire = gc_tls_conn_wire(w->server);

	if (wire->len > 0)
		FUZZ_REQUIRE(BIO_write(SSL_get_rbio(w->client), wire->data, (int)wire->len) ==
			     (int)wire->len);
	gc_buf_deinit(wire);
}

static void listen_to_server(struct way *w)
{
	uint8_t in[256];

	while (SSL_read(w->client, in, sizeof(in)) > 0)
		;
}

static void shake(struct way *w)
{
	for (int i = 0; i < 8 && !gc_tls_conn_is_up(w->server); i++) {
		(void)SSL_do_handshake(w->client);
		while (BIO_pending(SSL_get_wbio(w->client)) > 0)
			forward(w, 512, 0, 0);
		back(w);
	}
	(void)SSL_do_handshake(w->client);
	FUZZ_REQUIRE(gc_tls_conn_is_up(w->server) && SSL_is_init_finished(w->client));
}

/* ---- what happens ---- */

static void write_plain(struct way *w, size_t len)
{
	uint8_t bytes[1024];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(w->sent.len + i);
	if (len > 0 && SSL_write(w->client, bytes, (int)len) == (int)len)
		gc_buf_put(&w->sent, bytes, len);
}

static void answer(struct way *w, size_t len)
{
	struct gc_buf plain = {0};
	uint8_t *p = gc_buf_reserve(&plain, len + 1);

	FUZZ_REQUIRE(p);
	memset(p, 'a', len + 1);
	FUZZ_REQUIRE(gc_tls_conn_write(w->server, &plain) == 0 || w->is_over);
	gc_buf_deinit(&plain);
}

static void step(struct way *w, const uint8_t *p, size_t len)
{
	size_t n = (size_t)(p[1] << 2);

	switch (p[0] % 8) {
	case 0:
		write_plain(w, n);
		break;
	case 1:
		forward(w, p[1], 0, 0);
		break;
	case 2:
		forward(w, n, p[0] >> 3, p[1]);
		break;
	case 3:
		(void)SSL_key_update(w->client, p[1] % 2 ? SSL_KEY_UPDATE_REQUESTED
							 : SSL_KEY_UPDATE_NOT_REQUESTED);
		break;
	case 4:
		if (p[1] % 4 == 0)
			(void)SSL_shutdown(w->client);
		else
			(void)SSL_renegotiate(w->client);
		(void)SSL_do_handshake(w->client);
		break;
	case 5:
		answer(w, n);
		break;
	case 6:
		back(w);
		listen_to_server(w);
		break;
	default: /* out of the blue */
		w->is_hurt = true;
		deliver(w, p + 2, n < len - 2 ? n : len - 2);
		break;
	}
}

static void way_open(struct way *w, bool is_old)
{
	w->server = gc_tls_conn_create(tls, NULL);
	w->client = SSL_new(client_ctx);
	FUZZ_REQUIRE(w->server && w->client);
	SSL_set_bio(w->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(w->client);
	(void)SSL_set_max_proto_version(w->client, is_old ? TLS1_2_VERSION : TLS1_3_VERSION);
}

static void way_close(struct way *w)
{
	gc_tls_conn_bye(w->server);
	gc_tls_conn_ended(w->server, UV_EOF);
	gc_tls_conn_destroy(w->server);
	SSL_free(w->client);
	gc_buf_deinit(&w->sent);
}

FUZZ_TARGET(tls)
{
	struct way w = {0};

	if (!tls)
		make();
	if (len == 0)
		return 0;
	way_open(&w, data[0] & 1);
	if (data[0] & 2) { /* nothing but rubbish */
		deliver(&w, data + 1, len - 1);
	} else {
		if (!(data[0] & 4))
			shake(&w);
		else
			(void)SSL_do_handshake(w.client);
		for (size_t i = 1; i + 1 < len && i < 400; i += 2)
			step(&w, data + i, len - i);
		for (int i = 0; !w.is_hurt && gc_tls_conn_is_up(w.server) && i < 2000 && !w.is_over; i++)
			forward(&w, 512, 0, 0);
		FUZZ_REQUIRE(w.is_hurt || w.is_over || !gc_tls_conn_is_up(w.server) ||
			     w.got == w.sent.len);
	}
	way_close(&w);
	return 0;
}

#endif
