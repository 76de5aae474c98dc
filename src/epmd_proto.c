/* EPMD's protocol: requests into a buffer, answers out of untrusted bytes. Pure functions without
 * state or I/O. Layouts: OTP, erts "Distribution Protocol", section "EPMD Protocol". */
#include "epmd_proto.h"

#include "err.h"
#include "name.h"

#include <string.h>

enum {
	ALIVE2_REQ = 120,
	ALIVE2_RESP = 121,   /* EPMD before OTP 23: creation of 2 bytes */
	ALIVE2_X_RESP = 118, /* since: 4 bytes */
	PORT2_REQ = 122,
	PORT2_RESP = 119,
	NAMES_REQ = 110,
};
/* The distribution version that we speak: highest and lowest are both 6, the 32-bit handshake. */
#define DIST_VERSION 6
#define ALIVE_MAX 255

void gc_epmd_put_alive2(struct gc_buf *b, const char *alive, uint16_t port, uint8_t type)
{
	size_t len = strnlen(alive, ALIVE_MAX);

	gc_buf_put_u16(b, (uint16_t)(13 + len));
	gc_buf_put_u8(b, ALIVE2_REQ);
	gc_buf_put_u16(b, port);
	gc_buf_put_u8(b, type);
	gc_buf_put_u8(b, 0); /* protocol: TCP over IP */
	gc_buf_put_u16(b, DIST_VERSION);
	gc_buf_put_u16(b, DIST_VERSION);
	gc_buf_put_u16(b, (uint16_t)len);
	gc_buf_put(b, alive, len);
	gc_buf_put_u16(b, 0); /* extra */
}

void gc_epmd_put_port2(struct gc_buf *b, const char *alive)
{
	size_t len = strnlen(alive, ALIVE_MAX);

	gc_buf_put_u16(b, (uint16_t)(1 + len));
	gc_buf_put_u8(b, PORT2_REQ);
	gc_buf_put(b, alive, len);
}

void gc_epmd_put_names(struct gc_buf *b)
{
	gc_buf_put_u16(b, 1);
	gc_buf_put_u8(b, NAMES_REQ);
}

int gc_epmd_parse_alive2(const uint8_t *p, size_t len, uint32_t *creation_r)
{
	struct gc_reader r = gc_reader(p, len);
	uint8_t tag = gc_read_u8(&r);
	uint8_t result = gc_read_u8(&r);

	*creation_r = 0;
	if (len > 0 && tag != ALIVE2_RESP && tag != ALIVE2_X_RESP)
		return GC_EPROTO;
	if (r.failed)
		return 0;
	if (result != 0)
		return GC_ETAKEN;
	uint32_t creation = tag == ALIVE2_X_RESP ? gc_read_u32(&r) : gc_read_u16(&r);

	if (r.failed)
		return 0;
	*creation_r = creation;
	return (int)(len - r.len);
}

/* The fixed part and the name. The extra field behind it is of no use to us and is not waited for
 * (erl_epmd does not either). */
int gc_epmd_parse_port2(const uint8_t *p, size_t len, const char *alive,
			struct gc_epmd_node *node_r)
{
	struct gc_reader r = gc_reader(p, len);
	struct gc_epmd_node node = {0};
	uint8_t tag = gc_read_u8(&r);
	uint8_t result = gc_read_u8(&r);

	*node_r = node;
	if (len > 0 && tag != PORT2_RESP)
		return GC_EPROTO;
	if (r.failed)
		return 0;
	if (result != 0)
		return GC_ENOTINEPMD;
	node.port = gc_read_u16(&r);
	node.type = gc_read_u8(&r);
	uint8_t protocol = gc_read_u8(&r);

	node.high = gc_read_u16(&r);
	node.low = gc_read_u16(&r);
	size_t name_len = gc_read_u16(&r);

	if (r.failed)
		return 0;
	if (name_len != strlen(alive) || node.port == 0 || protocol != 0)
		return GC_EPROTO;
	const uint8_t *name = gc_read_bytes(&r, name_len);

	if (!name)
		return 0;
	if (memcmp(name, alive, name_len) != 0)
		return GC_EPROTO;
	*node_r = node;
	return (int)(len - r.len);
}

/* Decimal digits of a port, all of them and nothing else. */
static bool parse_port(const char *p, size_t len, uint16_t *port_r)
{
	uint32_t v = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (uint32_t)(p[i] - '0');
	}
	*port_r = (uint16_t)v;
	return v > 0 && v <= UINT16_MAX;
}

/* "name X at port N"; X holds no space. */
static bool parse_line(const char *line, size_t len, gc_epmd_name_cb cb, void *arg)
{
	static const char head[] = "name ", middle[] = " at port ";
	const size_t head_len = sizeof(head) - 1, middle_len = sizeof(middle) - 1;
	char alive[ALIVE_MAX + 1];
	uint16_t port;

	if (len < head_len || memcmp(line, head, head_len) != 0)
		return false;
	line += head_len;
	len -= head_len;
	const char *space = memchr(line, ' ', len);
	size_t alive_len = space ? (size_t)(space - line) : 0;

	if (!space || alive_len >= sizeof(alive) || !gc_alive_ok(line, alive_len) ||
	    len - alive_len < middle_len || memcmp(space, middle, middle_len) != 0 ||
	    !parse_port(space + middle_len, len - alive_len - middle_len, &port))
		return false;
	memcpy(alive, line, alive_len);
	alive[alive_len] = '\0';
	cb(arg, alive, port);
	return true;
}

int gc_epmd_parse_names(const uint8_t *p, size_t len, gc_epmd_name_cb cb, void *arg, size_t *bad_r)
{
	size_t bad = 0;
	int n = 0;

	if (bad_r)
		*bad_r = 0;
	if (len > GC_EPMD_NAMES_MAX)
		return GC_ETOOBIG;
	if (len < 4 || (len > 4 && p[len - 1] != '\n'))
		return GC_EPROTO;
	const char *line = (const char *)p + 4, *end = (const char *)p + len;

	while (line < end) {
		const char *eol = memchr(line, '\n', (size_t)(end - line));

		if (parse_line(line, (size_t)(eol - line), cb, arg))
			n++;
		else
			bad++;
		line = eol + 1;
	}
	if (bad_r)
		*bad_r = bad;
	return n;
}
