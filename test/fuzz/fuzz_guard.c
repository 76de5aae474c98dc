/* The guard alone, on either side: what the peer sends, and what ei might write. The first byte of the input has
 * options, the second says how the connection ends; the rest is the peer's stream (and ei's words). The whole with ei is
 * fuzz_outbound.c; this one is fast. */
#include "fuzz.h"
#include "guard.h"

#include <string.h>
#include <uv.h>

#define PEER "a@127.0.0.1" /* as in the seeds */
#define TLS_HEADER 1
#define EI_IS_LATE 2 /* ei does not read when it could */
#define GO_ON 4	     /* after the end of the handshake */
#define PIECE(how) ((size_t)(how) >> 3)

/* What ei sees: whole packets, of those that the guard has let through. */
static void read_as_ei(struct gc_guard *g)
{
	uint8_t bytes[64];
	size_t n;

	while ((n = gc_guard_read(g, bytes, sizeof(bytes))) > 0)
		FUZZ_REQUIRE(n <= sizeof(bytes) && g->ei_at <= g->len);
}

static void look(const struct gc_guard *g, enum gc_guard_event event)
{
	FUZZ_REQUIRE(g->len <= sizeof(g->in) && g->packet_at <= g->len && g->ei_at <= g->len);
	FUZZ_REQUIRE((event == GC_GUARD_FAIL) == (g->state == GC_GUARD_FAILED));
	FUZZ_REQUIRE((event == GC_GUARD_FAIL) == (g->fail.err < 0));
	if (event == GC_GUARD_START_EI)
		FUZZ_REQUIRE(gc_hs_missing_flags(g->peer_flags) == 0 && g->state == GC_GUARD_ACK);
}

static void feed(struct gc_guard *g, const uint8_t *p, size_t len, uint8_t how)
{
	size_t piece = PIECE(how) ? PIECE(how) : len, used;

	for (size_t at = 0; at < len; at += used) {
		enum gc_guard_event event =
			gc_guard_input(g, p + at, len - at < piece ? len - at : piece, &used);

		look(g, event);
		if (!(how & EI_IS_LATE))
			read_as_ei(g);
		if ((g->state >= GC_GUARD_DONE && !(how & GO_ON)) ||
		    (used == 0 && event == GC_GUARD_MORE))
			return;
		used = used ? used : 1;
	}
}

static void write_as_ei(struct gc_guard *g, const uint8_t *p, size_t len, unsigned header)
{
	uint8_t *copy = malloc(len ? len : 1);
	uint64_t flags;

	FUZZ_REQUIRE(copy);
	int n = gc_guard_write(g, p, len);
	FUZZ_REQUIRE(n == GC_EPROTO || n == 0 || n == (int)len);
	if (len)
		memcpy(copy, p, len);
	if (gc_guard_patch_name(copy, len, header, 7, &flags) == 0)
		FUZZ_REQUIRE((flags & GC_DFLAGS_ADDED) == GC_DFLAGS_ADDED &&
			     (flags & GC_DFLAGS_NEVER) == 0);
	free(copy);
}

FUZZ_TARGET(guard)
{
	static const int ends[] = {UV_EOF, UV_ECONNRESET, UV_ETIMEDOUT, UV_EPIPE};
	struct gc_guard g;

	if (len < 2)
		return 0;
	unsigned header = data[0] & TLS_HEADER ? 4 : 2;
	gc_guard_init(&g, header, PEER);
	feed(&g, data + 2, len - 2, data[0]);
	write_as_ei(&g, data + 2, len - 2, header);
	if (g.state != GC_GUARD_FAILED) {
		gc_guard_ended(&g, ends[data[1] % 4]);
		FUZZ_REQUIRE(g.state == GC_GUARD_FAILED && g.fail.err < 0);
	}
	return 0;
}
