/* Packets of the distribution handshake, each body through each parser. */
#include "fuzz.h"
#include "handshake.h"

static void body(const uint8_t *p, size_t len)
{
	struct gc_hs_name name = {0};
	enum gc_hs_status status;
	uint8_t digest[GC_HS_DIGEST];
	uint64_t flags;
	uint32_t challenge, creation;

	if (gc_hs_parse_name(p, len, &name) == 0)
		FUZZ_REQUIRE((const uint8_t *)name.name + name.name_len <= p + len);
	if (gc_hs_parse_challenge(p, len, &name) == 0)
		FUZZ_REQUIRE((const uint8_t *)name.name + name.name_len <= p + len);
	(void)gc_hs_parse_complement(p, len, &flags, &creation);
	(void)gc_hs_parse_status(p, len, &status);
	(void)gc_hs_parse_reply(p, len, &challenge, digest);
	(void)gc_hs_parse_ack(p, len, digest);
}

FUZZ_TARGET(handshake)
{
	for (unsigned header = 2; header <= 4; header += 2) {
		int n = gc_hs_frame(data, len, header);
		FUZZ_REQUIRE(n <= (int)len);
		if (n > 0)
			body(data + header, (size_t)n - header);
	}
	body(data, len);
	return 0;
}
