/* Attacks on the target when it dials us. --as is registered with the EPMD on --epmd-port, and
 * somebody must have told the target of it: its discovery, or a call. A target that comes back with
 * growing pauses is waited for (--dial-ms). */
#include "hostile.h"

#include <stdio.h>
#include <string.h>

static bool is_cut_after(struct hostile *h, struct peer *p, const char *what)
{
	bool is_cut = peer_is_cut(p, h->cut_ms);
	peer_close(p);
	return is_cut ? (hostile_note(h, "%s: cut", what), true)
		      : hostile_note(h, "%s: not cut within %u ms", what, h->cut_ms);
}

bool attack_dialled_silent(struct hostile *h)
{
	struct peer p;
	struct wire_name theirs;
	return peer_accept(h, &p, &theirs) && is_cut_after(h, &p, "silence");
}

bool attack_dialled_drip(struct hostile *h)
{
	struct peer p;
	struct wire_name theirs;
	uint8_t byte[2] = {0xff, 0};
	if (!peer_accept(h, &p, &theirs))
		return false;
	uint64_t due = now_ms() + h->cut_ms;
	bool is_cut = !peer_say(&p, byte, sizeof byte); /* a status of 65280 bytes */
	while (!is_cut && now_ms() < due)
		is_cut = peer_is_cut(&p, 50) || !peer_send(&p, "s", 1);
	peer_close(&p);
	return is_cut
		   ? (hostile_note(h, "a status, a byte at a time: cut"), true)
		   : hostile_note(h, "a status, a byte at a time: not cut within %u ms", h->cut_ms);
}

bool attack_dialled_status(struct hostile *h)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} statuses[] = {{"no bytes", "\0\0", 2},       {"no text", "\0\1s", 3},
			{"nonsense", "\0\4sxyz", 6},   {"not_allowed", "\0\14snot_allowed", 14},
			{"another tag", "\0\3xok", 5}, {"named", "\0\7snamed:", 9},
			{"a frame", "\0\0\0\3abc", 7}};
	struct peer p;
	struct wire_name theirs;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		if (!peer_accept(h, &p, &theirs))
			return false;
		peer_say(&p, statuses[i].bytes, statuses[i].len);
		if (!is_cut_after(h, &p, statuses[i].what))
			return false;
	}
	return hostile_note(h, "%zu statuses, each cut", sizeof statuses / sizeof *statuses), true;
}

/* Status ok and a challenge; the reply that comes, or 0. */
static size_t challenge(struct hostile *h, struct peer *p, const char *name, uint32_t value,
			uint8_t *reply)
{
	uint8_t buf[WIRE_MAX];
	struct wire_name ours = {.flags = WIRE_FLAGS_VISIBLE, .creation = HOSTILE_CREATION};
	ours.challenge = value;
	snprintf(ours.name, sizeof ours.name, "%s", name);
	peer_say(p, buf, wire_put_status(buf, "ok"));
	peer_say(p, buf, wire_put_challenge(buf, &ours));
	return peer_message(p, reply, WIRE_MAX, h->cut_ms);
}

bool attack_dialled_name(struct hostile *h)
{
	struct peer p;
	struct wire_name theirs;
	uint8_t reply[WIRE_MAX];
	if (!peer_accept(h, &p, &theirs))
		return false;
	size_t len = challenge(h, &p, "somebody@127.0.0.1", 1, reply);
	if (len == 0)
		return is_cut_after(h, &p, "another name");
	peer_close(&p);
	return hostile_note(h, "another name than the one dialled got a reply '%c'", reply[0]);
}

/* It dials us; we dial it, hear its challenge, and ask it the same. An answer would be our way in.
 */
bool attack_dialled_reflect(struct hostile *h)
{
	struct peer dialled, own = {.fd = -1};
	struct wire_name theirs, asked;
	uint8_t buf[WIRE_MAX];
	char status[64];
	size_t len;
	if (!peer_accept(h, &dialled, &theirs))
		return false;
	bool is_good = peer_open(h, &own) &&
		       peer_say_name(&own, "eve@127.0.0.1", WIRE_FLAGS_HIDDEN, status) &&
		       (len = peer_message(&own, buf, sizeof buf, h->cut_ms)) > 0 &&
		       wire_get_challenge(buf, len, &asked);
	if (!is_good) {
		hostile_note(h, "the target asked nothing of a good name");
	} else if ((len = challenge(h, &dialled, h->as, asked.challenge, buf)) > 0) {
		is_good = hostile_note(h, "its own challenge got a reply '%c'", buf[0]);
	} else {
		is_good = peer_is_cut(&dialled, h->cut_ms) ||
			  hostile_note(h, "its own challenge: not cut");
	}
	peer_close(&own);
	peer_close(&dialled);
	return is_good && (hostile_note(h, "its own challenge: cut, not answered"), true);
}

bool attack_dialled_ack(struct hostile *h)
{
	struct peer p;
	struct wire_name theirs;
	uint8_t buf[WIRE_MAX], digest[16] = {0};
	if (!peer_accept(h, &p, &theirs))
		return false;
	if (challenge(h, &p, h->as, 1, buf) == 0) {
		peer_close(&p);
		return hostile_note(h, "no reply to a right challenge");
	}
	peer_say(&p, buf, wire_put_ack(buf, digest));
	return is_cut_after(h, &p, "a wrong acknowledgement");
}

/* With the cookie: what comes in one piece with the acknowledgement must not be lost. */
bool attack_dialled_eager(struct hostile *h)
{
	struct peer p;
	struct wire_name theirs;
	struct frame f = {0};
	uint8_t buf[WIRE_MAX], digest[16];
	uint32_t asked;
	size_t len, ack_len;
	if (!peer_accept(h, &p, &theirs))
		return false;
	len = challenge(h, &p, h->as, 1, buf);
	bool is_good = wire_check_reply(buf, len, h->cookie, 1, &asked) ||
		       hostile_note(h, "no right reply to a right challenge");
	if (is_good) {
		wire_digest(h->cookie, asked, digest);
		ack_len = wire_put_ack(buf, digest);
		frame_bytes(&f, "\0", peer_header(&p) - 2);
		frame_bytes(&f, buf, ack_len);
		struct frame ping = {0};
		frame_ping(&ping, h->as, 1);
		frame_bytes(&f, ping.p, ping.len);
		frame_free(&ping);
		is_good = (frame_send(&f, &p) && peer_frame(&p, &len, h->cut_ms) != NULL) ||
			  hostile_note(h, "no answer to what came with the acknowledgement");
	}
	frame_free(&f);
	peer_close(&p);
	return is_good && (hostile_note(h, "answered"), true);
}
