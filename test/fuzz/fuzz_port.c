/* The packets of the port, one after the other. */
#include "fuzz.h"
#include "port.h"

FUZZ_TARGET(port)
{
	while (len > 0) {
		struct gc_span term = {0};
		int64_t n = gc_port_parse(data, len, &term);
		FUZZ_REQUIRE(n <= (int64_t)len);
		if (n <= 0)
			break;
		FUZZ_REQUIRE(term.p >= data && term.p + term.len == data + n);
		FUZZ_REQUIRE(gc_etf_check(term.p, term.len) == (int64_t)term.len);
		data += n;
		len -= (size_t)n;
	}
	return 0;
}
