/* UTF-8; see utf8.h. Pure. */
#include "utf8.h"

size_t gc_utf8_get(const uint8_t *p, size_t len, uint32_t *code_r)
{
	static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = 0;

	if (len == 0)
		return 0;
	if (p[0] < 0x80) {
		*code_r = p[0];
		return 1;
	}
	if (p[0] >= 0xc2 && p[0] < 0xe0)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] < 0xf0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] < 0xf5)
		n = 4;
	if (n == 0 || n > len)
		return 0;
	uint32_t code = p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	if (code < smallest[n] || !gc_utf8_is_code(code))
		return 0;
	*code_r = code;
	return n;
}

size_t gc_utf8_put(uint32_t code, char *out)
{
	if (!gc_utf8_is_code(code))
		return 0;
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	if (n == 1) {
		out[0] = (char)code;
		return 1;
	}
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)((0xf0u << (4 - n) & 0xff) | code);
	return n;
}

size_t gc_utf8_count(const uint8_t *p, size_t len)
{
	size_t count = 0;

	for (uint32_t code; len > 0; count++) {
		size_t n = gc_utf8_get(p, len, &code);
		if (n == 0)
			return SIZE_MAX;
		p += n;
		len -= n;
	}
	return count;
}
