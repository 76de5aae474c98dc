/* Whoever connects: the accepted handshake, then frames. The input is the stream, after one byte of
 * options: digests made right on the way (nobody guesses them), an older link of that name, our own
 * challenge sent back to us, dials of ours under way, and the size of the pieces in which it comes (0: packet by
 * packet). */
#include "dial_priv.h"
#include "fuzz_node.h"

#include <string.h>
#include <utlist.h>

#define RIGHT_DIGEST 1
#define OLDER_LINK 2
#define REFLECT 4
#define DIALLING 8
#define PIECE(how) ((size_t)(how) >> 4)

/* A reply ('r', challenge, digest) that starts at p, as the options want it. */
static void adapt_reply(const struct fuzz_node *f, uint8_t *p, size_t len, uint8_t how)
{
	static const uint8_t head[] = {0, 21, 'r'};
	uint32_t open = f->n->challenges ? f->n->challenges->value : 0;

	if (!open || len < 2 + 21 || memcmp(p, head, sizeof(head)) != 0)
		return;
	if (how & RIGHT_DIGEST)
		gc_hs_digest(FUZZ_COOKIE, open, p + 2 + 5);
	for (int i = 0; (how & REFLECT) && i < 4; i++)
		p[2 + 1 + i] = (uint8_t)(open >> (24 - 8 * i));
}

static void feed(struct fuzz_node *f, struct gc_link *l, uint8_t *p, size_t len, uint8_t how)
{
	for (size_t at = 0; at < len && l->state != GC_LINK_CLOSING;) {
		int packet = gc_hs_frame(p + at, len - at, GC_TCP_HEADER);
		size_t n = PIECE(how) ? PIECE(how) : packet > 0 ? (size_t)packet : len;

		adapt_reply(f, p + at, len - at, how);
		n = n < len - at ? n : len - at;
		if (l->state == GC_LINK_UP)
			gc_link_input(l, p + at, n);
		else
			l->ops->on_bytes(l, p + at, n);
		at += n;
	}
}

static void on_dialled(void *arg, const struct gc_dial_result *result)
{
	FUZZ_REQUIRE(result->link); /* what we dialled came by itself */
	*(struct gc_dial **)arg = NULL;
}

/* A dial whose name the peer has seen, and that hears nothing more. */
static void dial(struct gc_node *n, const char *name, struct gc_dial **d)
{
	struct gc_session *s;

	n->is_ready = false; /* it does not begin by itself */
	*d = gc_node_dial(n, name, NULL, 0, true, 1000, on_dialled, d);
	n->is_ready = true;
	FUZZ_REQUIRE(*d);
	s = (*d)->session;
	DL_DELETE(n->queue, s);
	s->phase = GC_PHASE_RACING;
	gc_shake_start(s, gc_conn_create(n, NULL, NULL));
}

static struct gc_link *accepted(struct fuzz_node *f)
{
	const union gc_addr from = {.in = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000001)}}};
	struct gc_link *l = gc_conn_create(f->n, NULL, NULL);

	FUZZ_REQUIRE(l);
	gc_accept_start(f->n, l, &from);
	return l;
}

FUZZ_TARGET(inbound)
{
	struct fuzz_node *f = fuzz_node();
	struct gc_link *l, *older = NULL;
	struct gc_dial *dials[2] = {NULL, NULL};

	if (len == 0)
		return 0;
	uint8_t *copy = malloc(len), how = data[0];
	uint64_t accepted_before = f->n->stats.accepts_ok;
	FUZZ_REQUIRE(copy);
	memcpy(copy, data, len);
	if (how & OLDER_LINK)
		older = fuzz_node_link(f);
	if (how & DIALLING) { /* the smaller of two names gives way: ours is between them */
		dial(f->n, FUZZ_PEER, &dials[0]);
		dial(f->n, FUZZ_GREATER_PEER, &dials[1]);
	}
	l = accepted(f);
	feed(f, l, copy + 1, len - 1, how);
	if (!(how & RIGHT_DIGEST) || (how & REFLECT)) /* no link without the cookie */
		FUZZ_REQUIRE(f->n->stats.accepts_ok == accepted_before);
	if (l->state == GC_LINK_YOUNG)
		l->ops->on_end(l, UV_EOF);
	if (older && older->state == GC_LINK_UP)
		gc_link_close(older, GC_ESHUTDOWN, "");
	for (int i = 0; i < 2; i++)
		if (dials[i])
			gc_dial_cancel(dials[i]);
	fuzz_node_settle(f, l);
	free(copy);
	return 0;
}
