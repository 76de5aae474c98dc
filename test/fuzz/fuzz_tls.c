/* What lies between TLS and the frames (tls_conn.c): two ends of ours, over memory. tls_hello
 * begins before or in the handshake, tls_stream after it. The input is what happens on the way:
 * plain bytes are written, records are delivered in pieces, changed, lost, keys are renewed, one
 * end says goodbye or wants to begin again, rubbish comes. Whatever it is, no byte is read that was
 * not written, none in another order, after a failure none at all; and what nobody has touched
 * arrives. What becomes of plain bytes, frame by frame, is the target `frames`. */
#include "build_config.h"

#include "fuzz.h"

#ifndef HAVE_TLS

FUZZ_TARGET(tls_hello)
{
	(void)data;
	(void)len;
	return 0;
}

FUZZ_TARGET(tls_stream)
{
	(void)data;
	(void)len;
	return 0;
}

#else

#include "tls_pair.h"

#include <string.h>
#include <uv.h>

#define WIRE_MAX_BYTES (64u << 10) /* beyond what it was told to send */
#define WORDS_BYTES (64u << 10)	   /* that an end has to say */
#define HELLO_MAX_BYTES (128u << 10)
#define STEPS 200
#define PLAIN_BYTES 16384 /* as conn.c reads */

struct end {
	struct gc_tls_conn *conn;
	const uint8_t *words; /* what it has to say */
	size_t sent, got;     /* plain bytes: of its own, of the other's */
	bool is_over;	      /* nothing more is read; its own goodbye, or a failure */
	bool has_no_memory;
};

struct way {
	struct tls_pair pair;
	struct end end[2];
	bool is_hurt; /* not all will arrive */
};

static const uint8_t *words(int end)
{
	static uint8_t all[2][WORDS_BYTES];

	if (all[end][1] == 0)
		for (size_t i = 0; i < WORDS_BYTES; i++)
			all[end][i] = (uint8_t)(i * 7 + i / 251 + (size_t)end);
	return all[end];
}

/* ---- from one to the other ---- */

static void check(const struct end *from, struct end *to, const uint8_t *p, size_t n)
{
	FUZZ_REQUIRE(n <= from->sent - to->got);
	FUZZ_REQUIRE(memcmp(from->words + to->got, p, n) == 0);
	to->got += n;
}

/* conn.c hears nothing more of a connection that has ended. */
static void deliver(struct way *w, struct end *to, const uint8_t *p, size_t len)
{
	static uint8_t out[PLAIN_BYTES];
	int n;

	if (to->is_over || len == 0)
		return;
	gc_tls_conn_feed(to->conn, p, len);
	while ((n = gc_tls_conn_read(to->conn, out, sizeof(out))) > 0)
		check(&w->end[to == &w->end[0]], to, out, (size_t)n);
	FUZZ_REQUIRE(n == 0 || n == UV_EOF || n == UV_EPROTO ||
		     (n == UV_ENOMEM && to->has_no_memory));
	FUZZ_REQUIRE((n == UV_EPROTO || n == UV_ENOMEM) == (gc_tls_conn_fail(to->conn)->err != 0));
	FUZZ_REQUIRE(n != 0 || to->conn->in_len == 0);
	FUZZ_REQUIRE(n != 0 || gc_tls_conn_is_up(to->conn) ||
		     to->conn->handshake_bytes <= HELLO_MAX_BYTES);
	FUZZ_REQUIRE(gc_tls_conn_wire(to->conn)->len < to->sent * 2 + WIRE_MAX_BYTES);
	to->is_over = n < 0;
	if (n < 0) /* nor is it told anything but the same again */
		FUZZ_REQUIRE(gc_tls_conn_read(to->conn, out, sizeof(out)) ==
			     (n == UV_EOF ? n : UV_EPROTO));
}

/* A block of its own: a sanitizer sees a byte too many being read. */
static void deliver_copy(struct way *w, struct end *to, const uint8_t *p, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);

	FUZZ_REQUIRE(exact);
	memcpy(exact, p, len);
	deliver(w, to, exact, len);
	free(exact);
}

static void forward(struct way *w, struct end *from, size_t max)
{
	struct gc_buf *wire = gc_tls_conn_wire(from->conn);
	size_t n = max < wire->len ? max : wire->len;

	if (n == 0)
		return;
	deliver_copy(w, &w->end[from == &w->end[0]], wire->data, n);
	gc_buf_consume(wire, n);
}

/* ---- what happens ---- */

/* conn.c keeps what is not taken: before the handshake is done, and for the last words of a
 * connection that has failed. */
static void write_plain(struct end *e, size_t len)
{
	bool is_up = gc_tls_conn_is_up(e->conn), is_failed = gc_tls_conn_fail(e->conn)->err != 0;
	struct gc_buf plain = {0};
	int rc;

	if (len == 0 || len > WORDS_BYTES - e->sent || (e->is_over && !is_failed))
		return;
	gc_buf_put(&plain, e->words + e->sent, len);
	rc = gc_tls_conn_write(e->conn, &plain);
	FUZZ_REQUIRE(rc == 0 || (is_failed && rc == UV_EPROTO) ||
		     (e->has_no_memory && rc == UV_ENOMEM));
	FUZZ_REQUIRE(plain.len == (is_up && rc == 0 ? 0 : len));
	FUZZ_REQUIRE(rc != 0 || !is_up || !e->has_no_memory);
	e->sent += rc == 0 && is_up ? len : 0;
	e->is_over |= rc != 0;
	gc_buf_deinit(&plain);
}

static void change(struct way *w, struct end *from, size_t at, uint8_t flip)
{
	struct gc_buf *wire = gc_tls_conn_wire(from->conn);

	if (wire->len == 0 || flip == 0)
		return;
	wire->data[at % wire->len] ^= flip;
	w->is_hurt = true;
}

static void lose(struct way *w, struct end *from, size_t n)
{
	struct gc_buf *wire = gc_tls_conn_wire(from->conn);

	w->is_hurt |= wire->len > 0;
	gc_buf_consume(wire, n < wire->len ? n : wire->len);
}

static void say_bye(struct way *w, struct end *e)
{
	w->is_hurt |= !gc_tls_conn_is_up(e->conn);
	gc_tls_conn_bye(e->conn);
	e->is_over = true;
}

/* As no program of ours ever does; what this end makes of the answers is no matter. */
static void renegotiate(struct way *w, struct end *e)
{
	w->is_hurt = true;
	(void)SSL_clear_options(e->conn->ssl, SSL_OP_NO_RENEGOTIATION);
	(void)SSL_renegotiate(e->conn->ssl);
	(void)SSL_do_handshake(e->conn->ssl);
	e->is_over = true;
}

static void end_it(struct way *w, struct end *e, int why)
{
	gc_tls_conn_ended(e->conn, why);
	FUZZ_REQUIRE(gc_tls_conn_is_up(e->conn) || gc_tls_conn_fail(e->conn)->err != 0);
	w->is_hurt = e->is_over = true;
}

/* A record as it is before there are keys, or after, from somebody who has none. */
static void record(struct way *w, struct end *to, uint8_t type, const uint8_t *p, size_t len)
{
	uint8_t bytes[5 + 255] = {type, 3, 3, 0, (uint8_t)len};

	memcpy(bytes + 5, p, len);
	deliver_copy(w, to, bytes, 5 + len);
}

/* More than a handshake may have, if what came before has begun a long message. */
static void flood(struct way *w, struct end *to)
{
	static const uint8_t nothing[255];

	w->is_hurt = true;
	for (int i = 0; i < 600 && !to->is_over; i++)
		record(w, to, SSL3_RT_HANDSHAKE, nothing, sizeof(nothing));
}

static void happen(struct way *w, struct end *e, unsigned what)
{
	if (e->is_over)
		return;
	switch (what % 8) {
	case 0:
	case 1:
		(void)SSL_key_update(e->conn->ssl, what % 2 ? SSL_KEY_UPDATE_REQUESTED
							    : SSL_KEY_UPDATE_NOT_REQUESTED);
		break;
	case 2:
		renegotiate(w, e);
		break;
	case 3:
		say_bye(w, e);
		break;
	case 4:
	case 5:
		end_it(w, e, what % 2 ? UV_ETIMEDOUT : UV_EOF);
		break;
	case 6: /* nothing more can be gathered */
		w->is_hurt = e->has_no_memory = e->conn->wire.failed = true;
		break;
	default:
		flood(w, e);
		break;
	}
}

/* How many bytes of the input that took; at least 2 are there. */
static size_t step(struct way *w, const uint8_t *p, size_t len)
{
	struct end *e = &w->end[p[0] >> 3 & 1];
	size_t n = p[1], more = p[0] >> 4, rest = n < len - 2 ? n : len - 2;

	switch (p[0] % 8) {
	case 0:
		write_plain(e, n << (more % 8));
		return 2;
	case 1:
		forward(w, e, n);
		return 2;
	case 2:
		forward(w, e, SIZE_MAX);
		return 1;
	case 3:
		change(w, e, n + (more << 8), len > 2 ? p[2] : 1);
		return 3;
	case 4:
		happen(w, e, (unsigned)n);
		return 2;
	case 5:
		lose(w, e, n);
		return 2;
	case 6: /* out of the blue */
		w->is_hurt = true;
		deliver_copy(w, e, p + 2, rest);
		return 2 + rest;
	default:
		w->is_hurt = true;
		record(w, e, (uint8_t)(more + 16), p + 2, rest);
		return 2 + rest;
	}
}

/* ---- the whole of it ---- */

static bool is_quiet(const struct way *w)
{
	return w->end[0].conn->wire.len == 0 && w->end[1].conn->wire.len == 0;
}

/* What is under way arrives; of a connection that is hurt, the next of each end. */
static void settle(struct way *w)
{
	int flights = w->is_hurt ? 2 : 20;

	for (int i = 0; i < flights && !is_quiet(w); i++)
		forward(w, &w->end[i % 2], SIZE_MAX);
	for (int i = 0; !w->is_hurt && i < 2; i++) {
		const struct end *e = &w->end[i], *other = &w->end[!i];

		FUZZ_REQUIRE(gc_tls_conn_fail(e->conn)->err == 0 && gc_tls_conn_is_up(e->conn));
		FUZZ_REQUIRE(e->is_over || e->got == other->sent);
	}
}

static int run(const uint8_t *data, size_t len, size_t stage)
{
	struct way w = {0};

	tls_pair_open(&w.pair, data[0] & 1, data[0] & 2, data[0] & 16, stage);
	for (int i = 0; i < 2; i++) {
		w.end[i].conn = w.pair.end[i];
		w.end[i].words = words(i);
	}
	for (size_t at = 1, steps = 0; at + 2 <= len && steps < STEPS; steps++)
		at += step(&w, data + at, len - at);
	settle(&w);
	for (int i = 0; i < 2; i++)
		gc_tls_conn_bye(w.end[i].conn);
	tls_pair_close(&w.pair);
	return 0;
}

FUZZ_TARGET(tls_hello)
{
	return len == 0 ? 0
			: run(data, len, (data[0] >> 2) % (TLS_PAIR_STAGES - 1)); /* of 0 to 3 */
}

FUZZ_TARGET(tls_stream)
{
	return len == 0 ? 0 : run(data, len, TLS_PAIR_STAGES - 1);
}

#endif
