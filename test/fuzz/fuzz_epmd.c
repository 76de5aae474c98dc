/* EPMD's answers: the first byte chooses which. */
#include "epmd_proto.h"
#include "fuzz.h"
#include "name.h"

#include <string.h>

static void on_name(void *arg, const char *alive, uint16_t port)
{
	size_t *n = arg;

	FUZZ_REQUIRE(gc_alive_ok(alive, strlen(alive)) && port > 0);
	++*n;
}

FUZZ_TARGET(epmd)
{
	struct gc_epmd_node node;
	uint32_t creation;
	size_t bad, n = 0;

	if (len == 0)
		return 0;
	const uint8_t *p = data + 1;
	len--;
	if (data[0] % 3 == 0) {
		FUZZ_REQUIRE(gc_epmd_parse_alive2(p, len, &creation) <= (int)len);
	} else if (data[0] % 3 == 1) {
		FUZZ_REQUIRE(gc_epmd_parse_port2(p, len, "gc", &node) <= (int)len);
	} else {
		int told = gc_epmd_parse_names(p, len, on_name, &n, &bad);
		FUZZ_REQUIRE(told < 0 || (size_t)told == n);
		FUZZ_REQUIRE(told >= 0 || n == 0);
	}
	return 0;
}
