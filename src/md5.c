/* MD5, written from RFC 1321; see md5.h. Pure. */
#include "md5.h"

#include <string.h>

/* floor(2^32 * abs(sin(i + 1))), RFC 1321 section 3.4. */
static const uint32_t sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391,
};
static const uint8_t shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* The function of step i and the word of the block that it takes. */
static uint32_t mix(unsigned i, uint32_t b, uint32_t c, uint32_t d, unsigned *word_r)
{
	switch (i / 16) {
	case 0:
		*word_r = i;
		return (b & c) | (~b & d);
	case 1:
		*word_r = (5 * i + 1) % 16;
		return (d & b) | (~d & c);
	case 2:
		*word_r = (3 * i + 5) % 16;
		return b ^ c ^ d;
	default:
		*word_r = (7 * i) % 16;
		return c ^ (b | ~d);
	}
}

static void transform(uint32_t state[4], const uint8_t *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];

	for (unsigned i = 0; i < 64; i++) {
		unsigned word, shift = shifts[i / 16][i % 4];
		uint32_t sum = a + mix(i, b, c, d, &word) + sines[i];

		sum += get_le32(block + (size_t)4 * word);
		a = d;
		d = c;
		c = b;
		b += sum << shift | sum >> (32 - shift);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void gc_md5_init(struct gc_md5 *m)
{
	*m = (struct gc_md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void gc_md5_update(struct gc_md5 *m, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len > 0) {
		size_t used = m->n_bytes % 64, n = 64 - used < len ? 64 - used : len;

		memcpy(m->block + used, p, n);
		m->n_bytes += n;
		p += n;
		len -= n;
		if (used + n == 64)
			transform(m->state, m->block);
	}
}

void gc_md5_final(struct gc_md5 *m, uint8_t digest_r[GC_MD5_LEN])
{
	static const uint8_t pad[64] = {0x80};
	uint64_t n_bits = m->n_bytes * 8;
	uint8_t length[8];

	put_le32(length, (uint32_t)n_bits);
	put_le32(length + 4, (uint32_t)(n_bits >> 32));
	gc_md5_update(m, pad, 1 + (119 - m->n_bytes % 64) % 64);
	gc_md5_update(m, length, sizeof(length));
	for (size_t i = 0; i < 4; i++)
		put_le32(digest_r + 4 * i, m->state[i]);
	explicit_bzero(m, sizeof(*m));
}
