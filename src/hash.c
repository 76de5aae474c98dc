/* SipHash-2-4; see hash.h. */
#include "hash.h"

#include <stdlib.h>
#include <sys/random.h>

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	mix(v);
	v[0] ^= word;
}

/* Up to 8 bytes, little-endian. */
static uint64_t word_of(const uint8_t *p, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t gc_siphash(const uint64_t key[2], const void *bytes, size_t len)
{
	uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			 key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	const uint8_t *p = bytes;
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8)
		absorb(v, word_of(p, 8));
	absorb(v, word_of(p, left) | (uint64_t)len << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

unsigned gc_hash(const void *bytes, size_t len)
{
	static uint64_t key[2];

	if (key[0] == 0 && getrandom(key, sizeof(key), 0) != (ssize_t)sizeof(key))
		abort();
	return (unsigned)gc_siphash(key, bytes, len);
}
