/* The packets of the port. The first byte says in how large pieces they come (0: all at once), which changes nothing,
 * and whether the reader stops at some packet; a packet written is read back as it was. */
#include "err.h"
#include "fuzz.h"
#include "port_proto.h"

#include <string.h>

#define PIECE(how) ((size_t)(how) >> 3)
#define STOP_AFTER(how) ((how) & 7u) /* so many packets; 0: never */

struct reader {
	unsigned n, stop_after;
	size_t bytes;
};

static bool on_again(void *arg, struct gc_span term)
{
	struct gc_span *again = arg;

	FUZZ_REQUIRE(term.len == again->len && memcmp(term.p, again->p, term.len) == 0);
	again->p = NULL;
	return true;
}

static bool on_term(void *arg, struct gc_span term)
{
	struct reader *r = arg;
	struct gc_buf packet = {0}, pending = {0};
	const struct gc_buf bytes = {.data = (uint8_t *)(uintptr_t)term.p, .len = term.len};

	FUZZ_REQUIRE(gc_etf_check(term.p, term.len) == (int64_t)term.len);
	gc_port_put(&packet, &bytes);
	FUZZ_REQUIRE(gc_port_take(&pending, packet.data, packet.len, on_again, &term) == 0);
	FUZZ_REQUIRE(term.p == NULL && pending.len == 0 && pending.data == NULL);
	gc_buf_deinit(&packet);
	r->bytes += bytes.len;
	return ++r->n != r->stop_after;
}

/* How the stream ended. */
static int take(struct reader *r, const uint8_t *p, size_t len, size_t piece)
{
	struct gc_buf pending = {0};
	int rc = 0;

	for (size_t at = 0; at < len && rc == 0 && (r->n == 0 || r->n != r->stop_after); at += piece)
		rc = gc_port_take(&pending, p + at, len - at < piece ? len - at : piece, on_term, r);
	FUZZ_REQUIRE(rc == 0 || rc == GC_EPROTO || rc == GC_ETOOBIG);
	gc_buf_deinit(&pending);
	return rc;
}

FUZZ_TARGET(port)
{
	if (len < 2)
		return 0;
	struct reader whole = {.stop_after = STOP_AFTER(data[0])}, pieces = whole;
	int rc = take(&whole, data + 1, len - 1, len);

	if (PIECE(data[0])) {
		FUZZ_REQUIRE(take(&pieces, data + 1, len - 1, PIECE(data[0])) == rc);
		FUZZ_REQUIRE(pieces.n == whole.n && pieces.bytes == whole.bytes);
	}
	return 0;
}
