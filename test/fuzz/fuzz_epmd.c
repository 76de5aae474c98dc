/* EPMD's answers, and our questions: the first byte chooses which. */
#include "epmd_proto.h"
#include "err.h"
#include "fuzz.h"
#include "name.h"

#include <string.h>

#define ALIVE_MAX 255

static void on_name(void *arg, const char *alive, uint16_t port)
{
	size_t *n = arg;

	FUZZ_REQUIRE(gc_alive_ok(alive, strlen(alive)) && port > 0);
	++*n;
}

static void names(const uint8_t *p, size_t len)
{
	size_t bad, again, n = 0, m = 0;
	int told = gc_epmd_parse_names(p, len, on_name, &n, &bad);

	FUZZ_REQUIRE(told < 0 || (size_t)told == n);
	FUZZ_REQUIRE(told >= 0 || (n == 0 && bad == 0));
	FUZZ_REQUIRE(gc_epmd_parse_names(p, len, on_name, &m, NULL) == told && m == n);
	/* A line more is a name more. */
	static const char line[] = "name more at port 4711\n";
	struct gc_buf b = {0};
	gc_buf_put(&b, p, len);
	gc_buf_put_str(&b, line);
	if (told >= 0)
		FUZZ_REQUIRE(gc_epmd_parse_names(b.data, b.len, on_name, &n, &again) == told + 1 &&
			     again == bad);
	gc_buf_deinit(&b);
}

/* An answer does not change its meaning by what comes behind it, and is none while it is cut. */
static void port2(const uint8_t *p, size_t len)
{
	struct gc_epmd_node node, again;
	int n = gc_epmd_parse_port2(p, len, "gc", &node);

	FUZZ_REQUIRE(n <= (int)len && n != GC_ETAKEN);
	FUZZ_REQUIRE((n > 0) == (node.port > 0));
	if (n > 0) {
		FUZZ_REQUIRE(gc_epmd_parse_port2(p, (size_t)n, "gc", &again) == n);
		FUZZ_REQUIRE(again.port == node.port && again.type == node.type);
		FUZZ_REQUIRE(gc_epmd_parse_port2(p, (size_t)n - 1, "gc", &again) == 0);
	}
}

static void alive2(const uint8_t *p, size_t len)
{
	uint32_t creation, again;
	int n = gc_epmd_parse_alive2(p, len, &creation);

	FUZZ_REQUIRE(n <= (int)len && n != GC_ENOTINEPMD);
	if (n > 0)
		FUZZ_REQUIRE(gc_epmd_parse_alive2(p, (size_t)n, &again) == n && again == creation &&
			     gc_epmd_parse_alive2(p, (size_t)n - 1, &again) == 0);
}

/* What is asked has the length that it says, and the name as far as it may be. */
static void questions(const char *alive, uint16_t port)
{
	size_t len = strlen(alive) < ALIVE_MAX ? strlen(alive) : ALIVE_MAX;
	struct gc_buf b = {0};

	gc_epmd_put_names(&b);
	FUZZ_REQUIRE(b.len == 3 && memcmp(b.data, "\0\1n", 3) == 0);
	gc_buf_reset(&b);
	gc_epmd_put_port2(&b, alive);
	struct gc_reader r = gc_reader(b.data, b.len);
	FUZZ_REQUIRE(gc_read_u16(&r) == r.len && gc_read_u8(&r) == 'z');
	FUZZ_REQUIRE(r.len == len && memcmp(r.p, alive, len) == 0);
	gc_buf_reset(&b);
	gc_epmd_put_alive2(&b, alive, port, GC_EPMD_HIDDEN);
	r = gc_reader(b.data, b.len);
	FUZZ_REQUIRE(gc_read_u16(&r) == r.len && gc_read_u8(&r) == 'x' && gc_read_u16(&r) == port);
	FUZZ_REQUIRE(gc_read_u8(&r) == GC_EPMD_HIDDEN && gc_read_u8(&r) == 0);
	FUZZ_REQUIRE(gc_read_u32(&r) == 0x60006 && gc_read_u16(&r) == len && r.len == len + 2);
	FUZZ_REQUIRE(memcmp(r.p, alive, len) == 0);
	gc_buf_deinit(&b);
}

FUZZ_TARGET(epmd)
{
	if (len == 0)
		return 0;
	const uint8_t *p = data + 1;
	char alive[ALIVE_MAX + 2] = "";

	len--;
	switch (data[0] % 4) {
	case 0:
		alive2(p, len);
		break;
	case 1:
		port2(p, len);
		break;
	case 2:
		names(p, len);
		break;
	default:
		memcpy(alive, p, len < sizeof(alive) - 1 ? len : sizeof(alive) - 1);
		questions(alive, (uint16_t)(data[0] << 8 | len % 256));
	}
	return 0;
}
