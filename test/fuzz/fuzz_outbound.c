/* Whoever we dial: the guard, and ei's connect under it. The input is what the peer sends, after
 * two bytes. The lowest bit of the first asks for the digest of the ack to be made right on the way, the rest for
 * the pieces; the second has the header (that of TLS has 4 bytes) and how the connection ends. */
#include "fuzz_node.h"

#include <string.h>

struct dialled {
	struct gc_node *n;
	unsigned header;
	uint32_t ours; /* the challenge that ei has drawn; 0: not yet */
	size_t written;
};

static void on_write(void *arg, const void *bytes, size_t len)
{
	FUZZ_REQUIRE(bytes && len > 0);
	((struct dialled *)arg)->written += len;
}

static bool is_ours(void *arg, uint32_t challenge)
{
	(void)arg;
	return challenge >> 24 == 7; /* one in 256 */
}

static void issued(void *arg, uint32_t challenge)
{
	((struct dialled *)arg)->ours = challenge;
}

static const struct gc_outbound_ops ops = {on_write, is_ours, issued};

static void make_right(const struct dialled *d, uint8_t *p, size_t len)
{
	static const uint8_t head[] = {0, 0, 0, 17, 'a'};
	const uint8_t *mine = head + 4 - d->header;

	if (d->ours && len >= d->header + 17 && memcmp(p, mine, d->header + 1) == 0)
		gc_hs_digest(FUZZ_COOKIE, d->ours, p + d->header + 1);
}

static enum gc_outbound_state feed(struct gc_outbound *o, const struct dialled *d, uint8_t *p,
				   size_t len, uint8_t how)
{
	enum gc_outbound_state state = GC_OUTBOUND_BUSY;
	size_t piece = how / 2 ? how / 2 : len, used;

	for (size_t at = 0; at < len && state == GC_OUTBOUND_BUSY; at += used) {
		int packet = gc_hs_frame(p + at, len - at, d->header);
		size_t n = packet > 0 && !(how / 2) ? (size_t)packet : piece;

		if (how & 1)
			make_right(d, p + at, len - at);
		n = n < len - at ? n : len - at;
		state = gc_outbound_input(o, p + at, n, &used);
		FUZZ_REQUIRE(used <= n && (used == n || state != GC_OUTBOUND_BUSY));
	}
	return state;
}

FUZZ_TARGET(outbound)
{
	struct fuzz_node *f = fuzz_node();
	static const int ends[] = {UV_EOF, UV_ECONNRESET, UV_ETIMEDOUT};

	if (len < 2)
		return 0;
	struct dialled d = {.n = f->n, .header = data[1] & 1 ? GC_TLS_HEADER : GC_TCP_HEADER};
	uint8_t *copy = malloc(len);
	struct gc_outbound *o =
	    gc_outbound_create(f->n->transport, FUZZ_PEER, d.header, &ops, &d);
	FUZZ_REQUIRE(copy && o);
	memcpy(copy, data, len);
	gc_outbound_begin(o);
	FUZZ_REQUIRE(d.written > 0);
	enum gc_outbound_state state = feed(o, &d, copy + 2, len - 2, copy[0]);
	if (state == GC_OUTBOUND_BUSY)
		gc_outbound_ended(o, ends[data[1] / 2 % 3]);
	if (state == GC_OUTBOUND_BUSY || state == GC_OUTBOUND_FAILED)
		FUZZ_REQUIRE(gc_outbound_guard(o)->fail.err < 0);
	FUZZ_REQUIRE(state != GC_OUTBOUND_UP || d.ours); /* never up without proof */
	gc_outbound_destroy(o);
	free(copy);
	return 0;
}
