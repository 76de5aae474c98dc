/* Attacks by a node that knows the cookie: too much of what is allowed. */
#include "hostile.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MB (1u << 20)
#define TOO_LONG_MS 120000

static bool join(struct hostile *h, struct peer *p, const char *name)
{
	return peer_join(h, p, name) || hostile_note(h, "the target does not let %s in", name);
}

/* The link must still answer. */
static bool lives(struct hostile *h, struct peer *p, const char *after)
{
	return peer_ping(p, TOO_LONG_MS) ||
	       hostile_note(h, "after %s the link does not answer", after);
}

/* Others must be served; ends the attack's line with how fast. */
static bool others_are_served(struct hostile *h, const char *what)
{
	int ms = hostile_probe(h);
	if (ms < 0 || (uint32_t)ms > h->probe_ms)
		return hostile_note(h,
				    "%s; meanwhile a good node: %d ms, %u are allowed (-1: never)",
				    what, ms, h->probe_ms);
	return hostile_note(h, "%s; meanwhile a good node in %d ms", what, ms), true;
}

/* ---- lengths ---- */

static bool length_is_cut(struct hostile *h, uint32_t len)
{
	struct peer p;
	uint8_t head[5] = {0, 0, 0, 0, 112};
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	wire_put32(head, len);
	peer_send(&p, head, sizeof head);
	bool is_cut = peer_is_cut(&p, h->cut_ms);
	peer_close(&p);
	return is_cut || hostile_note(h, "a frame of %u bytes: not cut", len);
}

bool attack_frame_lengths(struct hostile *h)
{
	static uint8_t junk[4 + (1u << 15)];
	static const uint32_t short_ones[] = {1, 2, 3, 1u << 15};
	for (size_t i = 0; i < sizeof short_ones / sizeof *short_ones; i++) {
		struct peer p;
		if (!join(h, &p, HOSTILE_NAME))
			return false;
		memset(junk, 112, sizeof junk);
		wire_put32(junk, short_ones[i]);
		peer_send(&p, junk, 4 + short_ones[i]);
		enum fate fate = peer_fate(h, &p);
		peer_close(&p);
		if (fate == FATE_MUTE)
			return hostile_note(h, "a frame of %u bytes: neither cut nor alive",
					    short_ones[i]);
	}
	return length_is_cut(h, 0x7fffffff) && length_is_cut(h, 0x80000000) &&
	       length_is_cut(h, 0xffffffff) &&
	       (hostile_note(h, "long ones cut at their first bytes"), true);
}

bool attack_half_frame(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	frame_template(&f, HOSTILE_NAME, 0);
	peer_send(&p, f.p, f.len / 2);
	bool is_good = others_are_served(h, "half a frame stands");
	if (is_good && peer_send(&p, f.p + f.len / 2, f.len - f.len / 2))
		is_good = lives(h, &p, "the other half");
	frame_free(&f);
	peer_close(&p);
	return is_good;
}

bool attack_drip_frame(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	frame_template(&f, HOSTILE_NAME, 3);
	bool is_good = true;
	for (size_t i = 0; i < f.len && is_good; i++) {
		is_good = peer_send(&p, f.p + i, 1);
		poll(NULL, 0, 3);
	}
	size_t len;
	is_good = is_good && peer_frame(&p, &len, h->cut_ms) != NULL;
	hostile_note(h, "%zu bytes one by one: %s", f.len, is_good ? "answered" : "no answer");
	frame_free(&f);
	peer_close(&p);
	return is_good;
}

bool attack_big_message(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	static uint8_t zeros[MB];
	uint64_t sent = 0, len = (uint64_t)h->big_mb * MB;
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	frame_call(&f, HOSTILE_NAME, "gen_cluster", "members", 1);
	wire_put32(f.p, (uint32_t)(f.len - 4 + len));
	size_t n = peer_send(&p, f.p, f.len) ? sizeof zeros : 0;
	while (n == sizeof zeros && sent < len) {
		n = peer_send_some(&p, zeros, sizeof zeros, h->cut_ms);
		sent += n;
	}
	bool is_cut = sent < len && peer_is_cut(&p, h->cut_ms);
	frame_free(&f);
	peer_close(&p);
	uint32_t mb = (uint32_t)(sent / MB);
	if (!is_cut || mb > 32)
		return hostile_note(h, "%u MB went out, %s", mb,
				    is_cut ? "then it was cut" : "not cut");
	return hostile_note(h, "cut after %u MB of %u (what the kernel took)", mb, h->big_mb), true;
}

/* ---- calls ---- */

bool attack_never_reads(struct hostile *h)
{
	struct peer p;
	struct frame f = {0};
	uint64_t due = now_ms() + TOO_LONG_MS, calls = 0;
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	frame_call(&f, HOSTILE_NAME, "gen_cluster", "help", 1);
	/* Not even the end is read before it has come: a send fails then. */
	while (now_ms() < due && peer_send_some(&p, f.p, f.len, h->cut_ms) == f.len)
		calls++;
	bool is_cut = peer_is_cut(&p, h->cut_ms);
	frame_free(&f);
	peer_close(&p);
	return is_cut ? (hostile_note(h, "cut after %lu calls", (unsigned long)calls), true)
		      : hostile_note(h, "after %lu calls it neither takes more nor cuts the link",
				     (unsigned long)calls);
}

struct stream { /* many equal frames out, answers in */
	const uint8_t *batch;
	size_t batch_len, at;
	uint64_t batches;
	bool has_more; /* answers that have been read from the socket already */
};

/* Sends and reads what goes; false: the link has ended. */
static bool pump(struct peer *p, struct stream *s)
{
	bool wants_out = s->batches > 0 || peer_is_sending(p);
	struct pollfd f = {.fd = p->fd, .events = (short)(POLLIN | (wants_out ? POLLOUT : 0))};
	if (poll(&f, 1, s->has_more ? 0 : 1000) < 0)
		return errno == EINTR;
	if ((f.revents & POLLOUT) != 0) {
		size_t len = s->batches > 0 ? s->batch_len - s->at : 0;
		ssize_t n = peer_send_now(p, s->batch + s->at, len);
		if (n < 0 && errno != EAGAIN)
			return false;
		s->at += n > 0 ? (size_t)n : 0;
		if (s->at == s->batch_len) {
			s->at = 0;
			s->batches -= s->batches > 0;
		}
	}
	size_t len;
	bool can_read = s->has_more || (f.revents & POLLIN) != 0;
	s->has_more = false;
	for (int i = 0; i < 1000 && can_read; i++)
		if (peer_frame(p, &len, 0) == NULL)
			return !p->has_ended;
	s->has_more = can_read;
	return (f.revents & (POLLERR | POLLHUP)) == 0;
}

bool attack_calls(struct hostile *h)
{
	enum { BATCH = 100 };
	struct peer p;
	struct frame f = {0}, batch = {0};
	uint64_t begin = now_ms(), due = begin + TOO_LONG_MS;
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	for (unsigned i = 0; i < BATCH; i++) {
		frame_call(&f, HOSTILE_NAME, "gen_cluster", "members", i);
		frame_bytes(&batch, f.p, f.len);
	}
	uint64_t want = h->calls / BATCH * BATCH;
	struct stream s = {batch.p, batch.len, 0, h->calls / BATCH, false};
	bool is_up = true;
	while (is_up && now_ms() < due && p.frames < want)
		is_up = pump(&p, &s);
	bool is_good = p.frames >= want || !is_up;
	hostile_note(h, "%lu of %lu calls answered in %lu ms%s", (unsigned long)p.frames,
		     (unsigned long)want, (unsigned long)(now_ms() - begin),
		     is_up ? "" : ", then cut");
	frame_free(&batch);
	frame_free(&f);
	peer_close(&p);
	return is_good;
}

bool attack_ticks(struct hostile *h)
{
	enum { BATCH = 10000 };
	static uint8_t ticks[4 * BATCH];
	struct peer p;
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	struct stream s = {ticks, sizeof ticks, 0, 1000000 / BATCH, false};
	while (s.batches > 0 && pump(&p, &s))
		;
	bool is_good = lives(h, &p, "10^6 ticks");
	if (is_good && p.ticks > 1000)
		is_good =
		    hostile_note(h, "10^6 ticks were answered by %lu", (unsigned long)p.ticks);
	else if (is_good)
		hostile_note(h, "10^6 ticks were answered by %lu", (unsigned long)p.ticks);
	peer_close(&p);
	return is_good;
}

bool attack_monitors(struct hostile *h)
{
	struct peer p;
	struct frame f = {0}, batch = {0};
	if (!join(h, &p, HOSTILE_NAME))
		return false;
	for (uint32_t i = 0; i < 100000; i++) { /* MONITOR_P, LINK: no two alike */
		frame_begin(&f);
		frame_tuple(&f, i % 2 == 0 ? 4 : 3);
		frame_int(&f, i % 2 == 0 ? 19 : 1);
		frame_pid(&f, HOSTILE_NAME, i);
		if (i % 2 == 0) {
			frame_atom(&f, "gen_cluster");
			frame_ref(&f, HOSTILE_NAME, i);
		} else {
			frame_pid(&f, h->target_name, i);
		}
		frame_end(&f);
		frame_bytes(&batch, f.p, f.len);
	}
	struct stream s = {batch.p, batch.len, 0, 1, false};
	bool is_up = true;
	while (is_up && s.batches > 0)
		is_up = pump(&p, &s);
	bool is_good = others_are_served(h, is_up ? "10^5 monitors and links"
						  : "cut in 10^5 monitors and links");
	is_good = is_good && (!is_up || lives(h, &p, "10^5 monitors and links"));
	frame_free(&batch);
	frame_free(&f);
	peer_close(&p);
	return is_good;
}

/* ---- names ---- */

/* A second connection of that name: must be asked whether the first is still alive. */
static bool ask_again(struct hostile *h, struct peer *p, const char *answer)
{
	char status[64];
	uint8_t buf[WIRE_MAX];
	if (!peer_open(h, p) || !peer_say_name(p, HOSTILE_NAME, WIRE_FLAGS_HIDDEN, status))
		return hostile_note(h, "the second connection got no status");
	if (strcmp(status, "alive") != 0)
		return hostile_note(h, "the second connection got \"%s\", not \"alive\"", status);
	return peer_say(p, buf, wire_put_status(buf, answer));
}

static bool replace(struct hostile *h, struct peer *old, struct peer *next)
{
	if (!ask_again(h, next, "true"))
		return false;
	if (!peer_finish(h, next))
		return hostile_note(h, "the second connection was not let in");
	if (!peer_is_cut(old, h->cut_ms))
		return hostile_note(h, "two links of one name");
	return lives(h, next, "replacing a link");
}

bool attack_duplicates(struct hostile *h)
{
	struct peer now, next = {.fd = -1};
	if (!join(h, &now, HOSTILE_NAME))
		return false;
	bool is_good = ask_again(h, &next, "false") && peer_is_cut(&next, h->cut_ms) &&
		       lives(h, &now, "a second connection that gave up");
	peer_close(&next);
	unsigned i = 0;
	for (; i < 100 && is_good; i++) {
		is_good = replace(h, &now, &next);
		peer_close(&now);
		now = next;
	}
	peer_close(&now);
	return is_good && (hostile_note(h, "%u times replaced, one link at a time", i), true);
}

/* Who has the cookie is whom it says; once it goes, the target must serve others as before. */
bool attack_usurper(struct hostile *h)
{
	unsigned taken = 0;
	for (unsigned i = 0; i < 20; i++) {
		struct peer p;
		if (peer_join(h, &p, h->other) && peer_ping(&p, h->cut_ms))
			taken++;
		peer_close(&p);
		if (!others_are_served(h, "a usurper came and went"))
			return false;
	}
	return hostile_note(h, "%u of 20 times let in by that name", taken), true;
}

bool attack_hijack(struct hostile *h)
{
	struct peer victim, thief = {.fd = -1};
	uint8_t buf[WIRE_MAX], digest[16] = {0};
	if (!join(h, &victim, HOSTILE_NAME))
		return false;
	bool is_good = ask_again(h, &thief, "true") &&
		       (peer_message(&thief, buf, sizeof buf, h->cut_ms) > 0 ||
			hostile_note(h, "no challenge for the second connection"));
	is_good = is_good && peer_say(&thief, buf, wire_put_reply(buf, 1, digest)) &&
		  (peer_message(&thief, buf, sizeof buf, h->cut_ms) == 0 ||
		   hostile_note(h, "a wrong digest was answered with '%c'", buf[0])) &&
		  (peer_is_cut(&thief, h->cut_ms) || hostile_note(h, "a wrong digest: not cut")) &&
		  lives(h, &victim, "a thief");
	peer_close(&thief);
	peer_close(&victim);
	return is_good && (hostile_note(h, "the link outlived it"), true);
}

bool attack_many_links(struct hostile *h)
{
	struct peer *p = calloc(h->crowd, sizeof *p);
	char name[64];
	uint32_t n = 0;
	uint64_t begin = now_ms();
	bool is_good = p != NULL;
	for (; n < h->crowd && is_good; n++) {
		snprintf(name, sizeof name, "m%u@127.0.0.1", n);
		is_good = join(h, &p[n], name);
	}
	uint64_t took = now_ms() - begin;
	for (uint32_t i = 0; i < n && is_good; i++)
		is_good = lives(h, &p[i], "many links");
	for (uint32_t i = 0; i < n; i++)
		peer_close(&p[i]);
	free(p);
	return is_good &&
	       (hostile_note(h, "%u links in %lu ms, all alive", n, (unsigned long)took), true);
}
