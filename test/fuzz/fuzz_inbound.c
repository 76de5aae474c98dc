/* Whoever connects: the accepted handshake, then frames. The input is the stream, after one byte:
 * its lowest bit asks for the digest of a reply to be made right on the way (nobody guesses it),
 * the rest for the pieces. */
#include "fuzz_node.h"

#include <string.h>

/* The challenge that is open now; 0: none. */
static uint32_t open_challenge(const struct fuzz_node *f)
{
	return f->n->challenges ? f->n->challenges->value : 0;
}

/* The cookie's digest of the open challenge into a reply ('r', challenge, digest) that starts at p.
 */
static void make_right(const struct fuzz_node *f, uint8_t *p, size_t len)
{
	static const uint8_t head[] = {0, 21, 'r'};

	if (open_challenge(f) && len >= 2 + 21 && memcmp(p, head, sizeof(head)) == 0)
		gc_hs_digest(FUZZ_COOKIE, open_challenge(f), p + 2 + 5);
}

static void feed(struct fuzz_node *f, struct gc_link *l, uint8_t *p, size_t len, uint8_t how)
{
	size_t piece = how / 2 ? how / 2 : len;

	for (size_t at = 0; at < len && l->state != GC_LINK_CLOSING;) {
		int packet = gc_hs_frame(p + at, len - at, GC_TCP_HEADER);
		size_t n = packet > 0 && !(how / 2) ? (size_t)packet : piece;

		if (how & 1)
			make_right(f, p + at, len - at);
		n = n < len - at ? n : len - at;
		if (l->state == GC_LINK_UP)
			gc_link_input(l, p + at, n);
		else
			l->ops->on_bytes(l, p + at, n);
		at += n;
	}
}

FUZZ_TARGET(inbound)
{
	struct fuzz_node *f = fuzz_node();
	const union gc_addr from = {.in = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000001)}}};

	if (len == 0)
		return 0;
	uint8_t *copy = malloc(len);
	struct gc_link *l = gc_conn_create(f->n, NULL, NULL);
	FUZZ_REQUIRE(copy && l);
	memcpy(copy, data, len);
	gc_accept_start(f->n, l, &from);
	feed(f, l, copy + 1, len - 1, copy[0]);
	if (l->state == GC_LINK_YOUNG)
		l->ops->on_end(l, UV_EOF);
	fuzz_node_settle(f, l);
	free(copy);
	return 0;
}
