/* What the swarm says: EPMD's answers, the accepting side of handshake v6, ticks, net_adm:ping.
 * Everything else that comes over a link is read and forgotten.
 *
 *   NAME --no link from that name--> REPLY --digest right--> LINK
 *     \--one is up--> ALIVE --"true"--> REPLY (the old link is cut once the digest is right)
 */
#include "swarm.h"

#include <stdio.h>
#include <string.h>

#define REQUEST_MAX 1024u /* EPMD requests and handshake messages */
#define FRAME_MAX 4096u	  /* frames above are skipped: no ping is that long */
#define TICK_QUIET_MS 1000

enum { EPMD_ALIVE2 = 120, EPMD_PORT2 = 122, EPMD_NAMES = 110, EPMD_ALIVE2_X_RESP = 118 };

/* ---- EPMD ---- */

static bool is_in_epmd(const struct node *n)
{
	return n->state != NODE_DOWN;
}

static const struct node *find_node(const struct host *host, const uint8_t *alive, size_t len)
{
	for (uint32_t i = 0; i < host->node_count; i++) {
		const struct node *n = &host->nodes[i];
		if (is_in_epmd(n) && strlen(n->alive) == len && memcmp(n->alive, alive, len) == 0)
			return n;
	}
	return NULL;
}

static void answer_port2(struct swarm *s, struct conn *c, const uint8_t *alive, size_t len)
{
	uint8_t out[WIRE_MAX] = {119, 1};
	const struct node *n = find_node(c->host, alive, len);
	size_t out_len = n == NULL ? 2 : wire_put_port2(out, n->alive, n->port);
	swarm_conn_answer(s, c, out, out_len);
}

static void answer_names(struct swarm *s, struct conn *c)
{
	uint8_t out[WIRE_MAX];
	bool closes = c->closes_when_sent;
	c->closes_when_sent = false; /* not before the last line */
	wire_put32(out, s->options.epmd_port);
	swarm_conn_answer(s, c, out, 4);
	for (uint32_t i = 0; i < c->host->node_count; i++) {
		const struct node *n = &c->host->nodes[i];
		int len =
		    snprintf((char *)out, sizeof out, "name %s at port %u\n", n->alive, n->port);
		if (is_in_epmd(n))
			swarm_conn_answer(s, c, out, (size_t)len);
	}
	c->closes_when_sent = closes;
	swarm_conn_answer(s, c, out, 0);
}

static int64_t on_epmd_request(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	static const uint8_t refused[] = {EPMD_ALIVE2_X_RESP, 1, 0, 0, 0, 0};
	c->closes_when_sent = true;
	s->stats.epmd_requests++;
	if (p[0] == EPMD_PORT2 && len > 1)
		answer_port2(s, c, p + 1, len - 1);
	else if (p[0] == EPMD_NAMES && len == 1)
		answer_names(s, c);
	else if (p[0] == EPMD_ALIVE2)
		swarm_conn_answer(s, c, refused, sizeof refused);
	else
		return -1;
	return 0;
}

/* ---- handshake ---- */

static struct conn *link_from(const struct conn *c)
{
	struct conn *other;
	TAILQ_FOREACH(other, &c->node->conns, of_node)
	{
		if (other->stage == CONN_LINK && strcmp(other->peer.name, c->peer.name) == 0)
			return other;
	}
	return NULL;
}

static void send_challenge(struct swarm *s, struct conn *c)
{
	uint8_t out[WIRE_MAX];
	struct wire_name n = {.flags = WIRE_FLAGS_VISIBLE, .creation = c->node->creation};
	n.challenge = c->challenge = wire_random32();
	memcpy(n.name, c->node->name, sizeof n.name);
	c->stage = CONN_REPLY;
	swarm_conn_answer(s, c, out, wire_put_challenge(out, &n));
}

/* Status and challenge leave in two writes, as from a real node. */
static bool on_name(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	uint8_t out[WIRE_MAX];
	if (!wire_get_name(p, len, &c->peer))
		return false;
	if (link_from(c) != NULL) {
		c->stage = CONN_ALIVE;
		swarm_conn_answer(s, c, out, wire_put_status(out, "alive"));
		return true;
	}
	swarm_conn_answer(s, c, out, wire_put_status(out, "ok"));
	send_challenge(s, c);
	return true;
}

static bool on_alive_answer(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	if (!wire_is_status(p, len, "true"))
		return false;
	send_challenge(s, c);
	return true;
}

static bool on_reply(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	uint32_t theirs;
	uint8_t digest[16], out[WIRE_MAX];
	struct conn *old = link_from(c);
	if (!wire_check_reply(p, len, s->options.cookie, c->challenge, &theirs))
		return false;
	if (old != NULL)
		swarm_conn_close(s, old); /* not before the cookie is proved: anybody can say "true" */
	wire_digest(s->options.cookie, theirs, digest);
	swarm_conn_answer(s, c, out, wire_put_ack(out, digest));
	if (c->source.fd >= 0)
		swarm_conn_linked(s, c);
	return true;
}

/* ---- frames ---- */

static void tick(struct swarm *s, struct conn *c, uint64_t quiet_ms)
{
	static const uint8_t frame[4];
	if (s->now_ms - c->sent_ms < quiet_ms)
		return;
	s->stats.ticks_out++;
	swarm_conn_answer(s, c, frame, sizeof frame);
}

void swarm_tick_links(struct swarm *s, uint64_t quiet_ms)
{
	for (uint32_t i = 0; i < s->options.nodes; i++) {
		struct conn *c = TAILQ_FIRST(&s->nodes[i].conns), *next;
		for (; c != NULL && s->nodes[i].state == NODE_UP; c = next) {
			next = TAILQ_NEXT(c, of_node);
			if (c->stage == CONN_LINK)
				tick(s, c, quiet_ms);
		}
	}
}

static void on_frame(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	uint8_t out[FRAME_MAX];
	if (len == 0) {
		s->stats.ticks_in++;
		/* Two sides that answered every tick would never stop. */
		tick(s, c, TICK_QUIET_MS);
		return;
	}
	s->stats.frames_in++;
	size_t n = wire_answer_is_auth(p, len, out, sizeof out);
	if (n > 0) {
		s->stats.pings++;
		swarm_conn_answer(s, c, out, n);
	}
}

static int64_t talk_on_link(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	if (len < 4)
		return 0;
	uint32_t n = wire_get32(p);
	if (n > FRAME_MAX) {
		s->stats.frames_in++;
		c->skip = n;
		return 4;
	}
	if (len < 4 + (size_t)n)
		return 0;
	on_frame(s, c, p + 4, n);
	return 4 + (int64_t)n;
}

int64_t swarm_talk(struct swarm *s, struct conn *c, const uint8_t *p, size_t len)
{
	if (c->stage == CONN_LINK)
		return talk_on_link(s, c, p, len);
	if (c->closes_when_sent)
		return (int64_t)len; /* EPMD has its question */
	if (len < 2)
		return 0;
	size_t n = wire_get16(p);
	if (n == 0 || n > REQUEST_MAX)
		return -1;
	if (len < 2 + n)
		return 0;
	bool is_good = true;
	if (c->stage == CONN_EPMD)
		is_good = on_epmd_request(s, c, p + 2, n) == 0;
	else if (c->stage == CONN_NAME)
		is_good = on_name(s, c, p + 2, n);
	else if (c->stage == CONN_ALIVE)
		is_good = on_alive_answer(s, c, p + 2, n);
	else
		is_good = on_reply(s, c, p + 2, n);
	return is_good ? 2 + (int64_t)n : -1;
}
