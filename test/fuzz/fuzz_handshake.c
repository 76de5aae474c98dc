/* Packets of the distribution handshake, each body through each parser; what can be read of one and
 * written by us is written, and read back as it was. */
#include "fuzz.h"
#include "handshake.h"

#include <string.h>

#define MAX_NAME 255

/* The body of the one packet in b. */
static const uint8_t *written(const struct gc_buf *b, unsigned header, size_t *len_r)
{
	FUZZ_REQUIRE(!b->failed && gc_hs_frame(b->data, b->len, header) == (int)b->len);
	FUZZ_REQUIRE(gc_hs_frame(b->data, b->len - 1, header) == 0);
	*len_r = b->len - header;
	return b->data + header;
}

static void same_name(const struct gc_hs_name *a, const struct gc_hs_name *b)
{
	FUZZ_REQUIRE(a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0);
	FUZZ_REQUIRE(a->flags == b->flags && a->creation == b->creation);
	FUZZ_REQUIRE(a->challenge == b->challenge);
	FUZZ_REQUIRE((a->flags & GC_DFLAGS_MANDATORY & gc_hs_missing_flags(a->flags)) == 0);
}

/* With the challenge (an acceptor's packet), else without (a dialler's). */
static void name_again(const struct gc_hs_name *n, bool has_challenge, unsigned header)
{
	char name[MAX_NAME + 1] = "";
	struct gc_hs_name again;
	struct gc_buf b = {0};
	size_t len;

	if (n->is_v5 || n->name_len > MAX_NAME || memchr(n->name, '\0', n->name_len))
		return; /* not in our words */
	memcpy(name, n->name, n->name_len);
	if (has_challenge)
		gc_hs_put_challenge(&b, header, n->flags, n->challenge, n->creation, name);
	else
		gc_hs_put_name(&b, header, n->flags, n->creation, name);
	const uint8_t *p = written(&b, header, &len);
	FUZZ_REQUIRE((has_challenge ? gc_hs_parse_challenge : gc_hs_parse_name)(p, len, &again) == 0);
	same_name(n, &again);
	gc_buf_deinit(&b);
}

static void names(const uint8_t *p, size_t len, unsigned header)
{
	struct gc_hs_name n = {0};

	if (gc_hs_parse_name(p, len, &n) == 0) {
		FUZZ_REQUIRE((const uint8_t *)n.name + n.name_len <= p + len);
		name_again(&n, false, header);
	}
	if (gc_hs_parse_challenge(p, len, &n) == 0) {
		FUZZ_REQUIRE((const uint8_t *)n.name + n.name_len <= p + len);
		name_again(&n, true, header);
	}
}

static void status(const uint8_t *p, size_t len, unsigned header)
{
	enum gc_hs_status s, again;
	struct gc_buf b = {0};
	size_t n;

	if (gc_hs_parse_status(p, len, &s) != 0)
		return;
	gc_hs_put_status(&b, header, s);
	FUZZ_REQUIRE((b.len == 0) == (s == GC_HS_NAMED)); /* we name nobody */
	if (b.len > 0) {
		const uint8_t *body = written(&b, header, &n);
		FUZZ_REQUIRE(gc_hs_parse_status(body, n, &again) == 0 && again == s);
	}
	gc_buf_deinit(&b);
}

static void digests(const uint8_t *p, size_t len, unsigned header)
{
	uint8_t digest[GC_HS_DIGEST], again[GC_HS_DIGEST];
	uint32_t challenge, challenge_again;
	struct gc_buf b = {0};
	const uint8_t *body;
	size_t n;

	if (gc_hs_parse_reply(p, len, &challenge, digest) == 0) {
		gc_hs_put_reply(&b, header, challenge, digest);
		body = written(&b, header, &n);
		FUZZ_REQUIRE(gc_hs_parse_reply(body, n, &challenge_again, again) == 0);
		FUZZ_REQUIRE(challenge == challenge_again && gc_hs_digest_equal(digest, again));
		gc_hs_digest("a cookie", challenge, again);
		FUZZ_REQUIRE(gc_hs_digest_equal(digest, again) ==
			     (memcmp(digest, again, sizeof(digest)) == 0));
	}
	gc_buf_reset(&b);
	if (gc_hs_parse_ack(p, len, digest) == 0) {
		gc_hs_put_ack(&b, header, digest);
		body = written(&b, header, &n);
		FUZZ_REQUIRE(gc_hs_parse_ack(body, n, again) == 0);
		FUZZ_REQUIRE(gc_hs_digest_equal(digest, again));
	}
	gc_buf_deinit(&b);
}

static void each_parser(const uint8_t *p, size_t len, unsigned header)
{
	uint64_t flags;
	uint32_t creation;

	names(p, len, header);
	status(p, len, header);
	digests(p, len, header);
	(void)gc_hs_parse_complement(p, len, &flags, &creation);
}

FUZZ_TARGET(handshake)
{
	for (unsigned header = 2; header <= 4; header += 2) {
		int n = gc_hs_frame(data, len, header);
		FUZZ_REQUIRE(n <= (int)len);
		if (n > 0)
			each_parser(data + header, (size_t)n - header, header);
	}
	each_parser(data, len, 2);
	return 0;
}
