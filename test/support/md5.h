/* MD5 (RFC 1321) for the peers of the tests, so that they share no code with what they test. */
#ifndef TEST_MD5_H
#define TEST_MD5_H

#include <stddef.h>
#include <stdint.h>

void md5(const void *data, size_t len, uint8_t digest_r[16]);

#endif
