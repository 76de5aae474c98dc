/* Attacks on the TLS handshake: instead of it, and within it. No certificate is shown. */
#include "hostile_tls.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE_MS 1500	    /* well before the deadline of a handshake */
#define HELLO_MAX 131000    /* OpenSSL takes no longer one */
#define SENT_MAX (8u << 20) /* what the kernels of both sides may hold */

static bool cannot_connect(struct hostile *h)
{
	return hostile_note(h, "the target takes no connection");
}

/* Waits for the end of p, and closes it. */
static bool is_cut(struct hostile *h, struct peer *p, uint32_t within_ms, const char *what)
{
	uint64_t begin = now_ms();
	bool is_good = peer_is_cut(p, within_ms);
	peer_close(p);
	return is_good
		   ? (hostile_note(h, "%s: cut after %u ms", what, (uint32_t)(now_ms() - begin)),
		      true)
		   : hostile_note(h, "%s: not cut within %u ms", what, within_ms);
}

/* Sends that over bare TCP; if it says so, and no more comes. */
static bool send_and_be_cut(struct hostile *h, const void *data, size_t len, bool is_all,
			    const char *what)
{
	struct peer p;
	if (!peer_open_raw(h, &p, 6))
		return cannot_connect(h);
	peer_send(&p, data, len);
	if (is_all)
		shutdown(p.fd, SHUT_WR);
	return is_cut(h, &p, is_all ? h->cut_ms : AT_ONCE_MS, what);
}

/* A client's first flight. */
static void put_hello(struct hostile *h, struct frame *f)
{
	struct peer nobody = {.fd = -1};
	f->len = 0;
	tls_start(h, &nobody, false);
	tls_take(&nobody, f);
	tls_free(&nobody);
}

static void put_record(struct frame *f, uint32_t type, uint32_t version, uint32_t len)
{
	frame_byte(f, type);
	frame_u16(f, version);
	frame_u16(f, len);
}

bool attack_tls_silent(struct hostile *h)
{
	struct peer p;
	return peer_open_raw(h, &p, 6) ? is_cut(h, &p, h->cut_ms, "silence") : cannot_connect(h);
}

bool attack_tls_plain(struct hostile *h)
{
	struct peer p;
	struct wire_name n = {
	    .flags = WIRE_FLAGS_HIDDEN, .creation = HOSTILE_CREATION, .name = HOSTILE_NAME};
	uint8_t buf[WIRE_MAX], first = SSL3_RT_ALERT;
	if (!peer_open_raw(h, &p, 6))
		return cannot_connect(h);
	peer_send(&p, buf, wire_put_name(buf, &n));
	if (peer_await(p.fd, POLLIN, now_ms() + h->cut_ms))
		peer_read_now(&p, &first, 1);
	bool is_good = is_cut(h, &p, AT_ONCE_MS, "a handshake without TLS");
	if (first != SSL3_RT_ALERT)
		return hostile_note(h, "a handshake without TLS: answered by a byte %u", first);
	return is_good;
}

/* ---- records ---- */

bool attack_tls_records(struct hostile *h)
{
	static const uint8_t types[] = {0, 20, 21, 22, 23, 24, 128, 255};
	static const uint16_t lengths[] = {0, 1, 5, 16384, 20000, 32768, 65535};
	static const uint16_t versions[] = {0x0301, 0x0303, 0x0000, 0xffff};
	char what[64];
	struct frame f = {0};
	bool is_good = true;
	unsigned n = 0;
	for (size_t i = 0; i < sizeof types * 7 * 4 && is_good; i++, n++) {
		uint32_t type = types[i / 28], len = lengths[i / 4 % 7], version = versions[i % 4];
		f.len = 0;
		put_record(&f, type, version, len);
		for (uint32_t k = 0; k < len && k < 64; k++)
			frame_byte(&f, hostile_random(h));
		snprintf(what, sizeof what, "type %u, version %x, %u bytes", type, version, len);
		is_good = send_and_be_cut(h, f.p, f.len, len < 20000, what);
	}
	frame_free(&f);
	return is_good && (hostile_note(h, "%u heads of records, each cut", n), true);
}

static bool is_answered(struct hostile *h, const struct frame *f)
{
	struct peer p;
	uint8_t first = 0;
	if (!peer_open_raw(h, &p, 6))
		return cannot_connect(h);
	bool is_good = peer_send(&p, f->p, f->len) &&
		       peer_await(p.fd, POLLIN, now_ms() + AT_ONCE_MS) &&
		       peer_read_now(&p, &first, 1) == 1 && first == SSL3_RT_HANDSHAKE;
	peer_close(&p);
	return is_good ||
	       hostile_note(h, "a hello in records of one byte: answered by a byte %u", first);
}

static bool drip(struct hostile *h, const struct frame *f, uint32_t step_ms)
{
	struct peer p;
	uint64_t begin = now_ms(), due = begin + h->cut_ms + 1000;
	bool is_over = false;
	if (!peer_open_raw(h, &p, 6))
		return cannot_connect(h);
	for (size_t i = 0; i < f->len && !is_over && now_ms() < due; i++)
		is_over = !peer_send(&p, f->p + i, 1) || peer_is_cut(&p, step_ms);
	peer_close(&p);
	uint32_t took = (uint32_t)(now_ms() - begin);
	return is_over ? (hostile_note(h, "answered; too slow: cut after %u ms", took), true)
		       : hostile_note(h, "a slow hello: not cut within %u ms", took);
}

bool attack_tls_drip(struct hostile *h)
{
	struct frame hello = {0}, bytes = {0};
	put_hello(h, &hello);
	for (size_t i = 5; i < hello.len; i++) {
		put_record(&bytes, SSL3_RT_HANDSHAKE, 0x0301, 1);
		frame_byte(&bytes, hello.p[i]);
	}
	bool is_good = is_answered(h, &bytes) && drip(h, &hello, h->cut_ms / 20 + 10);
	frame_free(&bytes);
	frame_free(&hello);
	return is_good;
}

/* ---- messages without end ---- */

/* Until the target takes no more: how many bytes went out; p is closed. */
static size_t pour(struct hostile *h, struct peer *p, uint8_t type, uint32_t claim, bool *is_cut_r)
{
	static uint8_t zeros[16384];
	struct frame head = {0}, rest = {0};
	size_t sent = 0, n;
	put_record(&head, SSL3_RT_HANDSHAKE, 0x0303, 16384);
	frame_u32(&head, (uint32_t)type << 24 | claim);
	frame_bytes(&head, zeros, 16384 - 4);
	put_record(&rest, SSL3_RT_HANDSHAKE, 0x0303, 16384);
	frame_bytes(&rest, zeros, 16384);
	n = peer_send_some(p, head.p, head.len, AT_ONCE_MS);
	for (sent = n; n > 0 && sent < SENT_MAX; sent += n)
		n = peer_send_some(p, rest.p, rest.len, AT_ONCE_MS);
	*is_cut_r = peer_is_cut(p, h->cut_ms);
	frame_free(&rest);
	frame_free(&head);
	peer_close(p);
	return sent;
}

bool attack_tls_endless(struct hostile *h)
{
	static const uint8_t types[] = {0, 1, 2, 11, 16, 20, 24, 254};
	static const uint32_t claims[] = {HELLO_MAX, 0xffffff};
	size_t most = 0;
	for (size_t i = 0; i < 4 * sizeof types; i++) {
		struct frame hello = {0};
		struct peer p;
		bool is_over;
		if (!peer_open_raw(h, &p, 6))
			return cannot_connect(h);
		put_hello(h, &hello);
		if (i % 4 >= 2) /* behind a right hello */
			peer_send(&p, hello.p, hello.len);
		frame_free(&hello);
		size_t sent = pour(h, &p, types[i / 4], claims[i % 2], &is_over);
		most = sent > most ? sent : most;
		if (!is_over || sent >= SENT_MAX)
			return hostile_note(h, "a message of type %u: %zu bytes went out, %s",
					    types[i / 4], sent, is_over ? "then cut" : "not cut");
	}
	return hostile_note(h, "each cut, after %zu KB at most (what the kernel took)", most >> 10),
	       true;
}

bool attack_tls_half(struct hostile *h)
{
	static const char *const points[] = {"half a hello", "a hello",
					     "half of our second flight"};
	for (unsigned i = 0; i < 3; i++) {
		struct frame hello = {0}, second = {0};
		struct peer p;
		if (!peer_open_raw(h, &p, 6))
			return cannot_connect(h);
		tls_start(h, &p, false);
		tls_take(&p, &hello);
		tls_send_raw(&p, hello.p, i == 0 ? hello.len / 2 : hello.len);
		/* Its answer is read until there is something to say to it. */
		uint64_t due = now_ms() + AT_ONCE_MS;
		while (i == 2 && second.len == 0 && peer_await(p.fd, POLLIN, due)) {
			uint8_t buf[4096];
			ssize_t n = recv(p.fd, buf, sizeof buf, 0);
			if (n <= 0 || BIO_write(p.tls->in, buf, (int)n) != n)
				break;
			tls_take(&p, &second);
		}
		bool is_good = i < 2 || second.len > 0;
		tls_send_raw(&p, second.p, second.len / 2);
		p.tls->has_failed = true; /* only the end is waited for */
		frame_free(&second);
		frame_free(&hello);
		if (!is_cut(h, &p, h->cut_ms, points[i]))
			return false;
		if (!is_good)
			return hostile_note(h, "a hello got no answer");
	}
	return hostile_note(h, "3 points, each cut"), true;
}

/* ---- alerts ---- */

/* n records, each of that type and content. */
static void put_many(struct frame *f, unsigned n, uint8_t type, const void *data, size_t len)
{
	for (unsigned i = 0; i < n; i++) {
		put_record(f, type, 0x0303, (uint32_t)len);
		frame_bytes(f, data, len);
	}
}

bool attack_tls_alerts(struct hostile *h)
{
	static const struct {
		const char *what, *data;
		unsigned n;
		uint8_t type, len;
	} floods[] = {
	    {"1000 warnings", "\1\132", 1000, 21, 2},
	    {"1000 refusals to renegotiate", "\1\144", 1000, 21, 2},
	    {"goodbye", "\1", 1, 21, 2},
	    {"a fatal alert", "\2\50", 1, 21, 2},
	    {"alerts of no level", "\7\1", 1000, 21, 2},
	    {"alerts of one byte", "\1", 1000, 21, 1},
	    {"alerts of 40 bytes",
	     "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
	     100, 21, 40},
	    {"1000 changes of cipher", "\1", 1000, 20, 1},
	    {"wrong changes of cipher", "\2\2", 10, 20, 2}};
	struct frame hello = {0};
	bool is_good = true;
	put_hello(h, &hello);
	for (unsigned i = 0; i < 2 * sizeof floods / sizeof *floods && is_good; i++) {
		struct frame f = {0};
		if (i % 2 == 1)
			frame_bytes(&f, hello.p, hello.len);
		put_many(&f, floods[i / 2].n, floods[i / 2].type, floods[i / 2].data,
			 floods[i / 2].len);
		is_good = send_and_be_cut(h, f.p, f.len, true, floods[i / 2].what);
		frame_free(&f);
	}
	frame_free(&hello);
	return is_good &&
	       (hostile_note(h, "%zu floods, each cut", 2 * sizeof floods / sizeof *floods), true);
}

/* ---- crowds ---- */

static struct frame crowd_hello;

static bool open_silent(struct hostile *h, struct peer *p, uint32_t i)
{
	return peer_open_raw(h, p, 10 + i % 200);
}

static bool say_hello(struct peer *p)
{
	peer_send(p, crowd_hello.p, crowd_hello.len);
	return true;
}

static bool open_hello(struct hostile *h, struct peer *p, uint32_t i)
{
	return open_silent(h, p, i) && say_hello(p);
}

bool attack_tls_crowd_silent(struct hostile *h)
{
	return crowd_run(h, open_silent);
}

bool attack_tls_crowd_hello(struct hostile *h)
{
	put_hello(h, &crowd_hello);
	return crowd_run(h, open_hello);
}

/* Each costs us a connection, and the target its half of a handshake. */
bool attack_tls_hellos(struct hostile *h)
{
	uint64_t begin = now_ms(), due = begin + 3000, next_probe = begin + 500;
	struct peer *ring = calloc(h->crowd, sizeof *ring);
	uint32_t n = 0;
	int worst = 0;
	if (ring == NULL)
		abort();
	for (uint32_t i = 0; i < h->crowd; i++)
		ring[i].fd = -1;
	put_hello(h, &crowd_hello);
	while (now_ms() < due && worst >= 0) {
		peer_close(&ring[n % h->crowd]);
		if (peer_open_raw(h, &ring[n % h->crowd], 6))
			say_hello(&ring[n % h->crowd]);
		n++;
		if (now_ms() < next_probe)
			continue;
		int ms = hostile_probe(h);
		worst = ms < 0 || ms > worst ? ms : worst;
		next_probe = now_ms() + 500;
	}
	for (uint32_t i = 0; i < h->crowd; i++)
		peer_close(&ring[i]);
	free(ring);
	return hostile_note(
		   h, "%u hellos; a good node among them in %d ms (-1: never), %u are allowed", n,
		   worst, h->probe_ms) ||
	       (worst >= 0 && (uint32_t)worst <= h->probe_ms);
}
