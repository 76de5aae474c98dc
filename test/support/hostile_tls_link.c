/* Attacks over a link that TLS carries, by a node that has a certificate and the cookie: records
 * that no library sends. */
#include "hostile_tls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_MS 60000
#define BATCH (32u << 10) /* bytes between two looks at the connection */
#define ALL_CALLS 1000000u
/* Answers of 25 bytes and more: beyond what a target may keep for one who does not read. */
#define UNREAD 400000u
#define SMALL_BUFFER 4096

/* ---- a link whose records are ours ---- */

/* reads_little: the kernel is to keep as little as it can for us. */
static bool join(struct hostile *h, struct peer *p, size_t piece, bool reads_little)
{
	int size = SMALL_BUFFER;
	if (!peer_open_raw(h, p, 6))
		return hostile_note(h, "the target takes no connection");
	if (reads_little)
		setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (tls_start(h, p, false) && tls_shake(p, LONG_MS) && seal_begin(p, piece))
		return peer_enter(h, p, HOSTILE_NAME) ||
		       hostile_note(h, "the target does not let us in");
	peer_close(p);
	return hostile_note(h, "no TLS with the target");
}

static bool join_again(struct hostile *h, struct peer *p)
{
	uint64_t due = now_ms() + h->probe_ms;
	while (!join(h, p, 16384, false)) {
		if (now_ms() >= due)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

/* Cut, not answered, and let in again. p is closed. */
static bool is_cut(struct hostile *h, struct peer *p, const char *what)
{
	size_t len;
	bool is_answered = peer_frame(p, &len, 0) != NULL, is_over = peer_is_cut(p, h->cut_ms);
	peer_close(p);
	if (is_answered || !is_over)
		return hostile_note(h, "%s: %s", what, is_answered ? "answered" : "not cut");
	if (!join_again(h, p))
		return hostile_note(h, "%s: no way in any more", what);
	peer_close(p);
	return true;
}

/* ---- floods ---- */

struct flood {
	uint32_t n; /* of them, with as many --calls as by default; with fewer, fewer */
	bool reads;
	void (*put)(struct peer *p, uint32_t i); /* a record or some, into p->tls->pending */
};

static void read_some(struct peer *p)
{
	uint8_t waste[65536];
	while (peer_read_now(p, waste, sizeof waste) > 0)
		;
}

/* What has been gathered; false: the link has ended, or nothing goes any more. */
static bool push(struct peer *p, bool reads)
{
	uint64_t due = now_ms() + LONG_MS;
	while (peer_send_now(p, "", 0) < 0) {
		if (errno != EAGAIN ||
		    !peer_await(p->fd, (short)(POLLOUT | (reads ? POLLIN : 0)), due))
			return false;
		if (reads)
			read_some(p);
		if (p->has_ended)
			return false;
	}
	return true;
}

static bool pour(struct hostile *h, struct peer *p, const struct flood *f)
{
	uint32_t all = (uint32_t)((uint64_t)f->n * h->calls / ALL_CALLS);
	for (uint32_t i = 0; i < all; i++) {
		f->put(p, i);
		if ((p->tls->pending.len >= BATCH || i + 1 == all) && !push(p, f->reads))
			return false;
		if (f->reads && i % 64 == 0)
			read_some(p);
	}
	return !p->has_ended;
}

/* It lives, or is cut; others are served. */
static bool flood(struct hostile *h, const struct flood *f, const char *what)
{
	struct peer p;
	if (!join(h, &p, 16384, false))
		return false;
	bool is_up = pour(h, &p, f);
	int ms = hostile_probe(h);
	bool is_good = ms >= 0 && (uint32_t)ms <= h->probe_ms;
	if (!is_good)
		hostile_note(h, "%s: meanwhile a good node: %d ms, %u are allowed (-1: never)",
			     what, ms, h->probe_ms);
	else if (is_up)
		is_up = peer_ping(&p, LONG_MS);
	bool is_refused = p.tls->alert == SSL_AD_NO_RENEGOTIATION; /* OpenSSL reads no more then */
	if (is_good && !is_up && !is_refused &&
	    !(is_good = p.has_ended || peer_is_cut(&p, h->cut_ms)))
		hostile_note(h, "%s: neither cut nor alive", what);
	peer_close(&p);
	return is_good && (hostile_note(h, "%s: %s", what,
					is_refused ? "refused"
					: is_up	   ? "lives"
						   : "cut"),
			   true);
}

/* Answers are not read: the target must not keep them for ever. With few --calls it is not tried.
 */
static bool unread_is_cut(struct hostile *h, struct flood f, const char *what)
{
	char before[128];
	struct peer p;
	if (h->calls < ALL_CALLS)
		return true;
	snprintf(before, sizeof before, "%.100s", h->note);
	f.n = UNREAD;
	f.reads = false;
	if (!join(h, &p, 16384, true))
		return false;
	bool is_up = pour(h, &p, &f);
	peer_close(&p);
	return is_up ? hostile_note(h, "%s: %u answers that nobody reads: not cut", what, f.n)
		     : (hostile_note(h, "%s; if it does not read: cut", before), true);
}

static void put_tick(struct peer *p)
{
	static const uint8_t tick[4];
	seal(p, SSL3_RT_APPLICATION_DATA, tick, sizeof tick, &p->tls->pending);
}

/* A hello of a client that stands already; with TLS 1.3 no such thing exists. */
static void put_hello(struct peer *p, uint32_t i)
{
	static const uint8_t hello[] = {1,  0,	0,  44, 3,  3,	  1,	2,  3,	4,  5,	6,
					7,  8,	9,  10, 11, 12,	  13,	14, 15, 16, 17, 18,
					19, 20, 21, 22, 23, 24,	  25,	26, 27, 28, 29, 30,
					31, 32, 0,  0,	2,  0xc0, 0x2b, 1,  0,	0,  0,	0};
	(void)i;
	seal(p, SSL3_RT_HANDSHAKE, hello, sizeof hello, &p->tls->pending);
	put_tick(p);
}

bool attack_tls_renegotiate(struct hostile *h)
{
	static const struct flood f = {10000, true, put_hello};
	return flood(h, &f, "renegotiations") && unread_is_cut(h, f, "renegotiations");
}

static void put_key_update(struct peer *p, uint32_t i)
{
	static const uint8_t update[] = {24, 0, 0, 1, 1}; /* and we ask for one of its own */
	seal(p, SSL3_RT_HANDSHAKE, update, sizeof update, &p->tls->pending);
	if (seal_is_13(p))
		seal_update(p);
	if (i != UINT32_MAX)
		put_tick(p);
}

static void put_bare_key_update(struct peer *p, uint32_t i)
{
	(void)i;
	put_key_update(p, UINT32_MAX);
}

bool attack_tls_key_updates(struct hostile *h)
{
	static const struct flood bare = {10000, true, put_bare_key_update},
				  f = {10000, true, put_key_update};
	return flood(h, &bare, "bare ones") && flood(h, &f, "between ticks") &&
	       unread_is_cut(h, f, "changes of keys");
}

static void put_empty(struct peer *p, uint32_t i)
{
	seal(p, SSL3_RT_APPLICATION_DATA, "", 0, &p->tls->pending);
	if (i % 30 == 29) /* as many in a row as OpenSSL takes */
		put_tick(p);
}

static void put_bare_empty(struct peer *p, uint32_t i)
{
	(void)i;
	seal(p, SSL3_RT_APPLICATION_DATA, "", 0, &p->tls->pending);
}

bool attack_tls_empty(struct hostile *h)
{
	static const struct flood bare = {100000, true, put_bare_empty},
				  f = {100000, true, put_empty};
	return flood(h, &bare, "bare ones") && flood(h, &f, "between ticks");
}

static void put_warning(struct peer *p, uint32_t i)
{
	seal(p, SSL3_RT_ALERT, "\1\132", 2, &p->tls->pending);
	if (i % 4 == 3)
		put_tick(p);
}

bool attack_tls_warnings(struct hostile *h)
{
	static const struct flood f = {10000, true, put_warning};
	return flood(h, &f, "between ticks");
}

/* A tick, a byte at a time. */
static void put_byte(struct peer *p, uint32_t i)
{
	(void)i;
	for (unsigned k = 0; k < 4; k++)
		seal(p, SSL3_RT_APPLICATION_DATA, "", 1, &p->tls->pending);
}

bool attack_tls_bytes(struct hostile *h)
{
	static const struct flood f = {83333, true, put_byte};
	struct peer p;
	if (!join(h, &p, 1, false))
		return false;
	bool is_good =
	    peer_ping(&p, h->cut_ms) || hostile_note(h, "a record for each byte: no answer");
	peer_close(&p);
	return is_good && flood(h, &f, "a record for each byte: answered; many of them");
}

/* ---- records that must end it ---- */

bool attack_tls_huge(struct hostile *h)
{
	static const size_t lens[] = {16385, 16639, 16640, 17000, 20000, 40000, 65000};
	static const uint8_t zeros[65536];
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		struct peer p;
		char what[64];
		if (!join(h, &p, 16384, false))
			return false;
		snprintf(what, sizeof what, "a record of %zu bytes", lens[i]);
		seal_send(&p, SSL3_RT_APPLICATION_DATA, zeros, lens[i]);
		if (!is_cut(h, &p, what))
			return false;
	}
	return hostile_note(h, "%zu sizes, each cut", sizeof lens / sizeof *lens), true;
}

bool attack_tls_flips(struct hostile *h)
{
	for (unsigned i = 0; i < 200; i++) {
		struct peer p;
		struct frame ping = {0}, record = {0};
		if (!join(h, &p, 16384, false))
			return false;
		frame_ping(&ping, HOSTILE_NAME, i);
		seal(&p, SSL3_RT_APPLICATION_DATA, ping.p, ping.len, &record);
		record.p[hostile_random(h) % record.len] ^= (uint8_t)(1u << hostile_random(h) % 8);
		tls_send_raw(&p, record.p, record.len);
		shutdown(p.fd, SHUT_WR); /* a length may have grown */
		frame_free(&record);
		frame_free(&ping);
		if (!is_cut(h, &p, "a flipped bit"))
			return false;
	}
	return hostile_note(h, "200 records, each cut"), true;
}

bool attack_tls_bye(struct hostile *h)
{
	struct peer p;
	struct frame ping = {0};
	if (!join(h, &p, 16384, false))
		return false;
	frame_ping(&ping, HOSTILE_NAME, 1);
	seal(&p, SSL3_RT_ALERT, "\1", 2, &p.tls->pending);
	for (unsigned i = 0; i < 100; i++)
		seal(&p, SSL3_RT_APPLICATION_DATA, ping.p, ping.len, &p.tls->pending);
	frame_free(&ping);
	peer_send(&p, "", 0);
	return is_cut(h, &p, "words behind a goodbye") &&
	       (hostile_note(h, "cut, not answered"), true);
}

/* Whole records of half a frame, or half a record; then the end, in one of three ways. */
bool attack_tls_torn(struct hostile *h)
{
	static const uint8_t zeros[1000];
	for (unsigned i = 0; i < 6; i++) {
		struct peer p;
		struct frame ping = {0}, record = {0};
		if (!join(h, &p, 16384, false))
			return false;
		frame_ping(&ping, HOSTILE_NAME, 1);
		seal(&p, SSL3_RT_APPLICATION_DATA, ping.p, i % 2 == 0 ? ping.len : ping.len / 2,
		     &record);
		tls_send_raw(&p, record.p, i % 2 == 0 ? record.len / 2 : record.len);
		frame_free(&record);
		frame_free(&ping);
		if (i / 2 == 0)
			shutdown(p.fd, SHUT_WR);
		else if (i / 2 == 1)
			peer_reset(&p);
		else if (i % 2 == 0)
			tls_send_raw(&p, zeros, sizeof zeros); /* the other half is no half of it */
		else
			seal_send(&p, SSL3_RT_ALERT, "\1", 2);
		if (i / 2 == 1 ? !join_again(h, &p) : !is_cut(h, &p, "a torn end"))
			return hostile_note(
			    h, "way %u of being torn: not cut, or no way in any more", i);
		peer_close(&p);
	}
	return hostile_note(h, "6 ways of being torn: each cut, and let in again"), true;
}

/* ---- types ---- */

/* Sends a record on p, which is joined again if that has cut it. */
static bool try_record(struct hostile *h, struct peer *p, uint8_t type, const void *data,
		       size_t len, unsigned *cut)
{
	seal_send(p, type, data, len);
	if (!p->has_ended && peer_ping(p, h->cut_ms))
		return true;
	bool is_over = peer_is_cut(p, h->cut_ms);
	peer_close(p);
	++*cut;
	return (is_over && join_again(h, p)) ||
	       hostile_note(h, "a record of type %u: %s", type,
			    is_over ? "no way in any more" : "not cut");
}

bool attack_tls_types(struct hostile *h)
{
	static const uint8_t types[] = {0, 19, 20, 21, 24, 25, 64, 255};
	struct peer p;
	unsigned cut = 0, n = 0;
	uint8_t data[64];
	bool is_good = join(h, &p, 16384, false);
	for (size_t i = 0; i < 4 * sizeof types && is_good; i++, n++) {
		for (size_t k = 0; k < sizeof data; k++)
			data[k] = (uint8_t)hostile_random(h);
		is_good = try_record(h, &p, types[i / 4], data, 1 + i % 4 * 16, &cut);
	}
	for (unsigned message = 0; message < 256 && is_good;
	     message += message < 26 ? 1 : 23, n++) {
		memset(data, 0, sizeof data);
		data[0] = (uint8_t)message;
		data[3] = (uint8_t)(hostile_random(h) % 60);
		is_good = try_record(h, &p, SSL3_RT_HANDSHAKE, data, 4 + (size_t)data[3], &cut);
	}
	peer_close(&p);
	return is_good && (hostile_note(h, "%u records: the link lived %u times, was cut %u times",
					n, n - cut, cut),
			   true);
}
