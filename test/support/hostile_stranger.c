/* Attacks that need no cookie, a connection at a time. A stranger may waste its own time; it must
 * be cut within --cut-ms, must never hear a digest, and must not get in. */
#include "hostile.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BIG_NAME 10000

static bool cannot_connect(struct hostile *h)
{
	return hostile_note(h, "the target takes no connection");
}

/* Sends that, as words of a handshake (peer_say) or as they are (peer_send), then waits for the
 * end. */
static bool send_and_be_cut(struct hostile *h,
			    bool (*send)(struct peer *p, const void *data, size_t len),
			    const void *data, size_t len, const char *what)
{
	struct peer p;
	uint64_t begin = now_ms();
	if (!peer_open(h, &p))
		return cannot_connect(h);
	send(&p, data, len);
	bool is_cut = peer_is_cut(&p, h->cut_ms);
	peer_close(&p);
	uint32_t took = (uint32_t)(now_ms() - begin);
	return is_cut ? (hostile_note(h, "cut after %u ms", took), true)
		      : hostile_note(h, "%s: not cut within %u ms", what, h->cut_ms);
}

bool attack_silent(struct hostile *h)
{
	return send_and_be_cut(h, peer_send, "", 0, "silent");
}

/* One byte every step_ms for as long as the target takes them; true: cut within --cut-ms and a
 * second. */
static bool drip(struct hostile *h, const uint8_t *data, size_t len, uint32_t step_ms)
{
	struct peer p;
	uint64_t begin = now_ms(), due = begin + h->cut_ms + 1000;
	size_t at = 0;
	bool is_cut = false;
	if (!peer_open(h, &p))
		return cannot_connect(h);
	peer_send(&p, "\0", peer_header(&p) - 2);
	while (!is_cut && now_ms() < due) {
		/* behind the message come zeros, for ever */
		static const uint8_t zero;
		is_cut =
		    !peer_send(&p, at < len ? data + at : &zero, 1) || peer_is_cut(&p, step_ms);
		at++;
	}
	peer_close(&p);
	hostile_note(h, "cut after %zu bytes, %u ms", at, (uint32_t)(now_ms() - begin));
	return is_cut || hostile_note(h, "not cut after %zu bytes and %u ms", at, h->cut_ms + 1000);
}

static size_t put_name(uint8_t *out, const char *name, uint64_t flags)
{
	struct wire_name n = {.flags = flags, .creation = HOSTILE_CREATION};
	snprintf(n.name, sizeof n.name, "%s", name);
	return wire_put_name(out, &n);
}

/* First so slowly that the name is not done in time, then with a name that claims 2^16-1 bytes. */
bool attack_drip(struct hostile *h)
{
	uint8_t name[WIRE_MAX];
	size_t len = put_name(name, HOSTILE_NAME, WIRE_FLAGS_HIDDEN);
	if (!drip(h, name, len, h->cut_ms / 20 + 10))
		return false;
	wire_put16(name, 0xffff);
	return drip(h, name, len, 50);
}

bool attack_wrong_tags(struct hostile *h)
{
	uint8_t name[WIRE_MAX];
	char what[16];
	size_t len = put_name(name, HOSTILE_NAME, WIRE_FLAGS_HIDDEN);
	for (unsigned tag = 0; tag < 256; tag++) {
		if (tag == 'N')
			continue;
		name[2] = (uint8_t)tag;
		snprintf(what, sizeof what, "tag %u", tag);
		if (!send_and_be_cut(h, peer_say, name, len, what))
			return false;
	}
	return hostile_note(h, "255 tags, each cut"), true;
}

bool attack_lengths(struct hostile *h)
{
	static const uint32_t lengths[] = {0, 1, 1u << 15, 0xffff, 0x7fffffff, 0xffffffff};
	static uint8_t data[2 + 0xffff];
	char what[32];
	memset(data, 'N', sizeof data);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		uint32_t v = lengths[i];
		size_t len = 4;
		snprintf(what, sizeof what, "length %u", v);
		if (v <= 0xffff) {
			wire_put16(data, (uint16_t)v);
			len = 2 + (size_t)v;
		} else {
			wire_put32(data, v);
		}
		if (!send_and_be_cut(h, v <= 0xffff ? peer_say : peer_send, data, len, what))
			return false;
	}
	return hostile_note(h, "%zu lengths, each cut", sizeof lengths / sizeof *lengths), true;
}

/* Where a handshake can be left: nothing said, half a name, a whole name. */
static size_t part_of_name(uint8_t *out, unsigned part)
{
	size_t len = put_name(out, HOSTILE_NAME, WIRE_FLAGS_HIDDEN);
	return part == 0 ? 0 : part == 1 ? len / 2 : len;
}

bool attack_half_close(struct hostile *h)
{
	uint8_t name[WIRE_MAX];
	for (unsigned part = 0; part < 3; part++) {
		struct peer p;
		if (!peer_open(h, &p))
			return cannot_connect(h);
		peer_say(&p, name, part_of_name(name, part));
		shutdown(p.fd, SHUT_WR);
		bool is_cut = peer_is_cut(&p, h->cut_ms);
		peer_close(&p);
		if (!is_cut)
			return hostile_note(h, "half-closed at point %u: not cut", part);
	}
	return hostile_note(h, "3 points, each cut"), true;
}

bool attack_reset(struct hostile *h)
{
	uint8_t name[WIRE_MAX];
	for (unsigned i = 0; i < 300; i++) {
		struct peer p;
		if (!peer_open(h, &p))
			return cannot_connect(h);
		peer_say(&p, name, part_of_name(name, i % 3));
		peer_reset(&p);
	}
	return hostile_note(h, "300 resets"), true;
}

/* ---- names and flags ---- */

/* Says a name in the given form; true: it was not let in, and then cut. */
static bool is_turned_away(struct hostile *h, const uint8_t *message, size_t len, const char *what)
{
	struct peer p;
	uint8_t buf[WIRE_MAX];
	if (!peer_open(h, &p))
		return cannot_connect(h);
	peer_say(&p, message, len);
	size_t n = peer_message(&p, buf, sizeof buf, h->cut_ms);
	bool is_let_in = n >= 3 && (memcmp(buf, "sok", 3) == 0 || wire_is_status(buf, n, "alive"));
	bool is_cut = !is_let_in && peer_is_cut(&p, h->cut_ms);
	peer_close(&p);
	if (is_let_in)
		return hostile_note(h, "%s: let in with \"%.*s\"", what, (int)n - 1,
				    (char *)buf + 1);
	return is_cut || hostile_note(h, "%s: not cut", what);
}

static bool odd_name(struct hostile *h, const char *name, size_t name_len, const char *what)
{
	static uint8_t message[32 + BIG_NAME];
	wire_put16(message, (uint16_t)(15 + name_len));
	message[2] = 'N';
	wire_put64(message + 3, WIRE_FLAGS_HIDDEN);
	wire_put32(message + 11, HOSTILE_CREATION);
	wire_put16(message + 15, (uint16_t)name_len);
	memcpy(message + 17, name, name_len);
	return is_turned_away(h, message, 17 + name_len, what);
}

bool attack_odd_names(struct hostile *h)
{
	static const struct {
		const char *what, *name;
		size_t len;
	} names[] = {{"empty", "", 0},
		     {"no @", "mallory", 7},
		     {"two @", "a@b@c", 5},
		     {"@ only", "@", 1},
		     {"no host", "mallory@", 8},
		     {"no alive", "@127.0.0.1", 10},
		     {"newline", "mal\nlory@h", 10},
		     {"NUL inside", "mal\0lory@h", 10},
		     {"NUL at the end", "mallory@h", 10},
		     {"%n", "%s%s%n%n@%s", 11},
		     {"space", "mal lory@h", 10},
		     {"escape", "mal\033[2J@h", 9},
		     {"latin1", "m\xe4l@h", 5},
		     {"slash", "../mal@h/..", 11},
		     {"quote", "mal'@h", 6},
		     {"DEL", "mal\x7f@h", 6}};
	static char big[BIG_NAME];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!odd_name(h, names[i].name, names[i].len, names[i].what))
			return false;
	memset(big, 'x', sizeof big);
	memcpy(big, "m@", 2);
	if (!odd_name(h, big, 256, "256 bytes") || !odd_name(h, big, sizeof big, "10^4 bytes") ||
	    !odd_name(h, h->target_name, strlen(h->target_name), "the target's own name"))
		return false;
	return hostile_note(h, "%zu names, none let in", sizeof names / sizeof *names + 3), true;
}

bool attack_flags(struct hostile *h)
{
	/* Mandatory since OTP 25; the bit 0x4000000 stands for all of them, so it is left out. */
	static const uint64_t mandatory[] = {0x4,   0x10,    0x80,    0x100,   0x200,	 0x400,
					     0x800, 0x10000, 0x20000, 0x40000, 0x1000000};
	static const uint64_t all_bit = 0x4000000, name_me = UINT64_C(0x200000000);
	uint8_t m[WIRE_MAX];
	char what[32];
	if (!is_turned_away(h, m, put_name(m, HOSTILE_NAME, 0), "no flags") ||
	    !is_turned_away(h, m, put_name(m, "127.0.0.1", WIRE_FLAGS_HIDDEN | name_me), "NAME_ME"))
		return false;
	for (size_t i = 0; i < sizeof mandatory / sizeof *mandatory; i++) {
		snprintf(what, sizeof what, "without flag %#lx", (unsigned long)mandatory[i]);
		uint64_t flags = WIRE_FLAGS_HIDDEN & ~all_bit & ~mandatory[i];
		if (!is_turned_away(h, m, put_name(m, HOSTILE_NAME, flags), what))
			return false;
	}
	return hostile_note(h, "%zu sets of flags, none let in", 2 + sizeof mandatory / 8), true;
}

/* ---- without the cookie ---- */

/* From the challenge on with a random digest; true: cut, and no digest came back. */
static bool fails_to_prove(struct hostile *h, struct peer *p)
{
	uint8_t buf[WIRE_MAX], digest[16];
	uint32_t ours = hostile_random(h);
	if (peer_message(p, buf, sizeof buf, h->cut_ms) == 0)
		return hostile_note(h, "no challenge came");
	for (unsigned i = 0; i < 4; i++)
		wire_put32(digest + 4 * i, hostile_random(h));
	peer_say(p, buf, wire_put_reply(buf, ours, digest));
	if (peer_message(p, buf, sizeof buf, h->cut_ms) != 0)
		return hostile_note(h, "a wrong digest was answered with '%c'", buf[0]);
	return peer_is_cut(p, h->cut_ms) || hostile_note(h, "a wrong digest: not cut");
}

bool attack_wrong_digest(struct hostile *h)
{
	for (unsigned i = 0; i < 50; i++) {
		struct peer p;
		char status[64];
		if (!peer_open(h, &p))
			return cannot_connect(h);
		bool is_good = peer_say_name(&p, HOSTILE_NAME, WIRE_FLAGS_HIDDEN, status)
				   ? fails_to_prove(h, &p)
				   : hostile_note(h, "a good name was turned away: \"%s\"", status);
		peer_close(&p);
		if (!is_good)
			return false;
	}
	return hostile_note(h, "50 wrong digests, each cut"), true;
}

bool attack_early_frames(struct hostile *h)
{
	struct frame f = {0};
	uint8_t name[WIRE_MAX];
	static const uint8_t tick[4];
	size_t len = put_name(name, HOSTILE_NAME, WIRE_FLAGS_HIDDEN);
	frame_ping(&f, HOSTILE_NAME, 1);
	bool is_good = send_and_be_cut(h, peer_send, tick, sizeof tick, "a tick") &&
		       send_and_be_cut(h, peer_send, f.p, f.len, "a frame");
	struct frame both = {0};
	frame_bytes(&both, name, len);
	frame_bytes(&both, f.p, f.len);
	is_good =
	    is_good && send_and_be_cut(h, peer_say, both.p, both.len, "a frame behind the name");
	frame_free(&both);
	frame_free(&f);
	return is_good;
}

bool attack_impostor(struct hostile *h)
{
	struct peer p;
	char status[64], seen[64];
	uint8_t buf[WIRE_MAX];
	if (!peer_open(h, &p))
		return cannot_connect(h);
	bool is_good = peer_say_name(&p, h->other, WIRE_FLAGS_HIDDEN, status);
	snprintf(seen, sizeof seen, "%s", status);
	if (is_good && strcmp(status, "alive") == 0)
		is_good = peer_say(&p, buf, wire_put_status(buf, "true"));
	if (is_good && (strcmp(status, "alive") == 0 || strncmp(status, "ok", 2) == 0))
		is_good = fails_to_prove(h, &p);
	else
		is_good = peer_is_cut(&p, h->cut_ms) || hostile_note(h, "%s: not cut", seen);
	peer_close(&p);
	return is_good && (hostile_note(h, "heard \"%s\", then cut", seen), true);
}

/* For twice --cut-ms there is always one who has said that name. */
bool attack_claimer(struct hostile *h)
{
	uint64_t due = now_ms() + 2 * h->cut_ms;
	unsigned claims = 0;
	while (now_ms() < due) {
		struct peer p;
		char status[64];
		if (!peer_open(h, &p))
			return cannot_connect(h);
		if (!peer_say_name(&p, h->other, WIRE_FLAGS_HIDDEN, status) ||
		    !peer_is_cut(&p, h->cut_ms)) {
			bool was_heard = status[0] != 0;
			peer_close(&p);
			if (was_heard)
				return hostile_note(h, "\"%s\" and nothing more: not cut", status);
			poll(NULL, 0, 20); /* turned away at once: no busy loop */
			continue;
		}
		peer_close(&p);
		claims++;
	}
	return hostile_note(h, "%u claims, each cut", claims), true;
}

/* ---- noise ---- */

static size_t junk(struct hostile *h, uint8_t *out, size_t max, unsigned kind)
{
	static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	static const uint8_t tls[] = {22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3};
	if (kind % 4 == 0) {
		memcpy(out, http, sizeof http);
		return sizeof http;
	}
	size_t len = 1 + hostile_random(h) % (max - 1);
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)hostile_random(h);
	if (kind % 4 == 1 && len > sizeof tls)
		memcpy(out, tls, sizeof tls);
	return len;
}

bool attack_junk(struct hostile *h)
{
	static uint8_t data[70000];
	for (unsigned i = 0; i < 200; i++) {
		struct peer p;
		if (!peer_open(h, &p))
			return cannot_connect(h);
		peer_send(&p, data, junk(h, data, i % 2 == 0 ? 200 : sizeof data, i));
		shutdown(p.fd, SHUT_WR); /* what looks like the beginning of a name has its end */
		bool is_cut = peer_is_cut(&p, h->cut_ms);
		peer_close(&p);
		if (!is_cut)
			return hostile_note(h, "junk number %u: not cut (--seed %lu)", i,
					    (unsigned long)h->seed);
	}
	return hostile_note(h, "200 pieces, each cut"), true;
}

static void flip(struct hostile *h, uint8_t *p, size_t len)
{
	for (unsigned n = 1 + hostile_random(h) % 3; n > 0; n--)
		p[hostile_random(h) % len] ^= (uint8_t)(1u << hostile_random(h) % 8);
}

/* A handshake that is right but for some bits; whatever comes of it, no acknowledgement may. */
bool attack_mutated(struct hostile *h)
{
	for (unsigned i = 0; i < 500; i++) {
		struct peer p;
		uint8_t buf[WIRE_MAX], digest[16] = {0};
		if (!peer_open(h, &p))
			return cannot_connect(h);
		size_t len = put_name(buf, HOSTILE_NAME, WIRE_FLAGS_HIDDEN);
		if (i % 2 == 0)
			flip(h, buf, len);
		peer_say(&p, buf, len);
		len = wire_put_reply(buf, hostile_random(h), digest);
		flip(h, buf, len);
		peer_say(&p, buf, len);
		shutdown(p.fd, SHUT_WR);
		bool has_ack = false;
		while ((len = peer_message(&p, buf, sizeof buf, h->cut_ms)) > 0)
			has_ack = has_ack || buf[0] == 'a';
		bool is_cut = peer_is_cut(&p, h->cut_ms);
		peer_close(&p);
		if (has_ack || !is_cut)
			return hostile_note(h, "number %u: %s (--seed %lu)", i,
					    has_ack ? "let in" : "not cut", (unsigned long)h->seed);
	}
	return hostile_note(h, "500 handshakes, each cut"), true;
}
