/* The guard of an outgoing handshake; see guard.h. Pure. */
#include "guard.h"

#include "tls.h"

#include <string.h>

#define HERE GC_STAGE_HANDSHAKE

void gc_guard_init(struct gc_guard *g, unsigned header, const char *peer)
{
	*g = (struct gc_guard){.peer = peer, .header = header};
}

static enum gc_guard_event failed(struct gc_guard *g)
{
	g->state = GC_GUARD_FAILED;
	return GC_GUARD_FAIL;
}

static enum gc_guard_event broken(struct gc_guard *g, const char *what)
{
	gc_fail_set(&g->fail, GC_EPROTO, HERE, "%s", what);
	return failed(g);
}

/* The status is ours to understand; ei is to read `ok`. */
static void replace_by_ok(struct gc_guard *g)
{
	static const uint8_t ok[] = {0, 0, 0, 3, 's', 'o', 'k'};
	size_t skip = 4 - g->header;

	g->len = sizeof(ok) - skip;
	memcpy(g->in, ok + skip, g->len);
	g->packet_at = g->len;
	g->state = GC_GUARD_CHALLENGE;
}

static enum gc_guard_event on_status(struct gc_guard *g, const uint8_t *p, size_t len)
{
	enum gc_hs_status status;

	if (gc_hs_parse_status(p, len, &status) != 0)
		return broken(g, "it did not answer our name with a status");
	switch (status) {
	case GC_HS_OK:
	case GC_HS_OK_SIMULTANEOUS:
		replace_by_ok(g);
		return GC_GUARD_NEXT;
	case GC_HS_ALIVE:
		replace_by_ok(g);
		return GC_GUARD_SAY_TRUE;
	case GC_HS_NOK:
		g->state = GC_GUARD_WAITING;
		return GC_GUARD_WAIT;
	case GC_HS_NOT_ALLOWED:
		gc_fail_set(&g->fail, GC_ENOTALLOWED, HERE, "it refused our name");
		return failed(g);
	default:
		return broken(g, "a status that is no answer to our name");
	}
}

static void name_differs(struct gc_guard *g, const struct gc_hs_name *n)
{
	if (gc_name_ok(n->name, n->name_len))
		gc_fail_set(&g->fail, GC_ENAME, HERE, "it calls itself %.*s", (int)n->name_len,
			    n->name);
	else
		gc_fail_set(&g->fail, GC_ENAME, HERE, "it calls itself what is no node name");
}

static enum gc_guard_event on_challenge(struct gc_guard *g, const uint8_t *p, size_t len)
{
	struct gc_hs_name n;

	if (gc_hs_parse_challenge(p, len, &n) != 0)
		return broken(g, "a challenge was expected");
	if (strlen(g->peer) != n.name_len || memcmp(g->peer, n.name, n.name_len) != 0) {
		name_differs(g, &n);
		return failed(g);
	}
	if (gc_hs_missing_flags(n.flags)) {
		gc_fail_set(&g->fail, GC_EFLAGS, HERE, "missing flags 0x%llx",
			    (unsigned long long)gc_hs_missing_flags(n.flags));
		return failed(g);
	}
	g->peer_flags = n.flags;
	g->peer_creation = n.creation;
	g->peer_challenge = n.challenge;
	g->packet_at = g->len; /* both packets stay for ei */
	g->state = GC_GUARD_ACK;
	return GC_GUARD_START_EI;
}

static enum gc_guard_event on_ack(struct gc_guard *g, const uint8_t *p, size_t len)
{
	uint8_t digest[GC_HS_DIGEST];

	if (gc_hs_parse_ack(p, len, digest) != 0)
		return broken(g, "an acknowledgement was expected");
	g->state = GC_GUARD_DONE;
	return GC_GUARD_FEED_EI;
}

static enum gc_guard_event on_packet(struct gc_guard *g, const uint8_t *p, size_t len)
{
	switch (g->state) {
	case GC_GUARD_STATUS:
		return on_status(g, p, len);
	case GC_GUARD_CHALLENGE:
		return on_challenge(g, p, len);
	case GC_GUARD_ACK:
		return on_ack(g, p, len);
	default:
		return broken(g, "a packet out of turn");
	}
}

/* Bytes wanted to complete the packet that begins at packet_at, as far as is known; negative: never. */
static int wanted(const struct gc_guard *g)
{
	size_t have = g->len - g->packet_at, body = 0;

	if (have < g->header)
		return (int)(g->header - have);
	for (size_t i = 0; i < g->header; i++)
		body = body << 8 | g->in[g->packet_at + i];
	if (body == 0)
		return GC_EPROTO;
	if (body > GC_HS_PACKET_MAX)
		return GC_ETOOBIG;
	return (int)(g->header + body - have);
}

enum gc_guard_event gc_guard_input(struct gc_guard *g, const uint8_t *p, size_t len, size_t *used_r)
{
	int want;

	*used_r = 0;
	if (g->state >= GC_GUARD_DONE)
		return g->state == GC_GUARD_FAILED ? GC_GUARD_FAIL : GC_GUARD_MORE;
	if (g->state == GC_GUARD_ACK && g->ei_at < g->packet_at)
		return GC_GUARD_MORE; /* ei first: there is no room for more */
	if (g->ei_at > 0 && g->ei_at == g->len)
		g->packet_at = g->ei_at = g->len = 0;
	while ((want = wanted(g)) > 0 && len > 0) {
		size_t n = (size_t)want < len ? (size_t)want : len;

		memcpy(g->in + g->len, p, n);
		g->len += n;
		p += n;
		len -= n;
		*used_r += n;
	}
	if (want > 0)
		return GC_GUARD_MORE;
	if (want == GC_ETOOBIG && g->header == 2 && gc_tls_looks_like(g->in + g->packet_at, 2)) {
		gc_fail_set(&g->fail, GC_EPEERTLS, GC_STAGE_TLS, "see tls in gen_cluster.conf(5)");
		return failed(g);
	}
	if (want == GC_ETOOBIG)
		return broken(g, "a packet too long for a handshake: no Erlang node?");
	if (want < 0)
		return broken(g, "an empty packet: no Erlang node?");
	return on_packet(g, g->in + g->packet_at + g->header, g->len - g->packet_at - g->header);
}

static const char *const waiting_for[] = {
	[GC_GUARD_STATUS] = "its status",
	[GC_GUARD_CHALLENGE] = "its challenge",
	[GC_GUARD_ACK] = "its acknowledgement",
};

void gc_guard_ended(struct gc_guard *g, int uv_err)
{
	int err = gc_err_from_uv(uv_err);

	if (g->state > GC_GUARD_ACK)
		gc_fail_set(&g->fail, err, HERE, "%s", "");
	else if (g->state == GC_GUARD_ACK && (err == GC_EOF || err == GC_ERESET))
		gc_fail_set(&g->fail, GC_EBADCOOKIE, HERE, "it closed on our digest");
	else if (err == GC_ETIMEDOUT)
		gc_fail_set(&g->fail, err, HERE, "still waiting for %s", waiting_for[g->state]);
	else
		gc_fail_set(&g->fail, err, HERE, "instead of %s%s", waiting_for[g->state],
			    g->state == GC_GUARD_STATUS && g->header == 2 ? ": does it speak TLS?" : "");
	g->state = GC_GUARD_FAILED;
}

size_t gc_guard_read(struct gc_guard *g, uint8_t *p, size_t len)
{
	/* Before the ack is whole, ei sees only up to the challenge. */
	size_t end = g->state == GC_GUARD_ACK ? g->packet_at : g->len;
	size_t n = g->state < GC_GUARD_ACK || g->state > GC_GUARD_DONE ? 0 : end - g->ei_at;

	if (n > len)
		n = len;
	memcpy(p, g->in + g->ei_at, n);
	g->ei_at += n;
	return n;
}

int gc_guard_write(struct gc_guard *g, const uint8_t *p, size_t len)
{
	uint8_t digest[GC_HS_DIGEST];

	if (len <= g->header)
		return GC_EPROTO;
	if (p[g->header] == 'N')
		return 0;
	if (gc_hs_parse_reply(p + g->header, len - g->header, &g->our_challenge, digest) != 0)
		return GC_EPROTO;
	return (int)len;
}

int gc_guard_patch_name(uint8_t *packet, size_t len, unsigned header, uint32_t creation,
			uint64_t *flags_r)
{
	struct gc_hs_name n;
	uint64_t flags;

	if (len <= header || gc_hs_parse_name(packet + header, len - header, &n) != 0 || n.is_v5)
		return GC_EPROTO;
	flags = (n.flags | GC_DFLAGS_ADDED) & ~GC_DFLAGS_NEVER;
	for (unsigned i = 0; i < 8; i++)
		packet[header + 1 + i] = (uint8_t)(flags >> (56 - 8 * i));
	for (unsigned i = 0; i < 4; i++)
		packet[header + 9 + i] = (uint8_t)(creation >> (24 - 8 * i));
	*flags_r = flags;
	return 0;
}
